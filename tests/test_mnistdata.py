"""Where the digits come from, what is said when something is wrong, and the batches."""

import contextlib
import gzip
import http.server
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import mnistdata
from conftest import ROOT, environment, on_terminal, run_python, wait_until, write_digits, write_idx

NAMES = list(mnistdata.SHA256)


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """No MNIST_DATA, no Keras copy, no mirror, unless a test sets them; few generated digits."""
    monkeypatch.delenv("MNIST_DATA", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(mnistdata, "MIRRORS", [])
    monkeypatch.setattr(mnistdata, "_KERAS_FALLBACK", str(tmp_path / "fallback"))
    monkeypatch.setattr(mnistdata, "_TRAINING_DIGITS", 300)
    monkeypatch.setattr(mnistdata, "_TEST_DIGITS", 100)
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def drawn(tmp_path_factory):
    """The files of a small set of digits, drawn once."""
    path = tmp_path_factory.mktemp("drawn")
    write_digits(path, 300, 100)
    return content_of(path)


@pytest.fixture
def folder(tmp_path, drawn):
    """A folder with a small set of digits, raw."""
    path = tmp_path / "digits"
    path.mkdir()
    for name, content in drawn.items():
        (path / name).write_bytes(content)
    return path


def pack(path):
    """Replaces a raw file by its gzipped form."""
    with open(str(path), "rb") as raw, gzip.open(str(path) + ".gz", "wb") as packed:
        packed.write(raw.read())
    path.unlink()


def content_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# ---------- The sets ----------

def test_sets_as_the_scripts_read_them(folder, capsys):
    sets = mnistdata.read_data_sets(str(folder), one_hot=True, reshape=False, validation_size=0)
    assert sets.train.images.shape == (300, 28, 28, 1)
    assert sets.test.images.shape == (100, 28, 28, 1)
    assert sets.train.images.dtype == sets.train.labels.dtype == np.float32
    assert sets.train.images.min() == 0 and sets.train.images.max() == 1
    assert sets.train.labels.shape == (300, 10) and (sets.train.labels.sum(axis=1) == 1).all()
    assert sets.validation is None and not sets.generated
    assert "not the original MNIST" in capsys.readouterr().err


def test_other_forms_of_the_sets(folder):
    plain = mnistdata.read_data_sets(str(folder))
    sets = mnistdata.read_data_sets(str(folder), one_hot=False, reshape=True, validation_size=50)
    assert sets.train.images.shape == (250, 784) and sets.validation.images.shape == (50, 784)
    assert np.issubdtype(sets.train.labels.dtype, np.integer) and sets.train.labels.shape == (250,)
    # The validation digits come from the front of the training digits.
    assert (sets.validation.images.reshape(-1, 28, 28, 1) == plain.train.images[:50]).all()
    assert (sets.train.labels == plain.train.labels[50:].argmax(axis=1)).all()


@pytest.mark.parametrize("packed", range(16))
def test_gzipped_and_raw_in_any_mix(folder, packed):
    expected = mnistdata.read_data_sets(str(folder))
    for k, name in enumerate(NAMES):
        if packed >> k & 1:
            pack(folder / name)
    sets = mnistdata.read_data_sets(str(folder))
    assert (sets.train.images == expected.train.images).all()
    assert (sets.test.labels == expected.test.labels).all()


def test_real_mnist(real_mnist, monkeypatch, capsys):
    monkeypatch.setenv("MNIST_DATA", real_mnist)
    sets = mnistdata.read_data_sets("data")
    assert sets.train.num_examples == 60000 and sets.test.num_examples == 10000
    assert sets.test.labels[:5].argmax(axis=1).tolist() == [7, 2, 1, 0, 4]
    assert abs(sets.train.images.mean() - 0.1307) < 0.0001
    assert capsys.readouterr().err == ""


def test_a_relative_folder_lies_beside_the_scripts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(mnistdata, "_HERE", str(tmp_path / "scripts"))
    (tmp_path / "scripts" / "data").mkdir(parents=True)
    write_digits(tmp_path / "scripts" / "data", 300, 100)
    assert mnistdata.read_data_sets("data").source == str(tmp_path / "scripts" / "data")


def test_mnist_data_comes_first_and_nothing_is_downloaded(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("MNIST_DATA", str(folder))
    monkeypatch.setattr(mnistdata, "_download", None)
    assert mnistdata.read_data_sets(str(tmp_path / "none")).source == str(folder)
    assert not (tmp_path / "none").exists()


# ---------- Batches ----------

@pytest.mark.parametrize("size", [1, 7, 100, 128, 299, 300])
def test_every_digit_once_an_epoch(size):
    numbers = np.arange(300)
    data = mnistdata.DataSet(numbers, numbers, seed=0)
    seen = np.concatenate([data.next_batch(size)[0] for _ in range(900 // size + 1)])
    for epoch in range(3):
        assert sorted(seen[300 * epoch:300 * (epoch + 1)]) == list(numbers)
    assert data.epochs_completed >= 3
    first, second = seen[:300], seen[300:600]
    assert (first != second).any() and (first != numbers).any()


@pytest.mark.parametrize("size", [100, 128])
def test_every_one_of_60000_once_an_epoch(size):
    data = mnistdata.DataSet(np.arange(60000), np.zeros(60000), seed=0)
    seen = np.concatenate([data.next_batch(size)[0] for _ in range(120000 // size)])
    assert len(np.unique(seen[:60000])) == 60000
    assert len(np.unique(seen[60000:])) == len(seen) - 60000


def test_order_follows_from_the_seed(folder, monkeypatch):
    def order(seed):
        monkeypatch.setattr(mnistdata, "SEED", seed)
        return mnistdata.read_data_sets(str(folder)).train.next_batch(300)[0]
    assert (order(0) == order(0)).all()
    assert (order(0) != order(1)).any()


def test_images_and_labels_stay_together():
    numbers = np.arange(300)
    data = mnistdata.DataSet(numbers, 1000 + numbers, seed=0)
    for _ in range(10):
        images, labels = data.next_batch(70)
        assert (labels == 1000 + images).all()


@pytest.mark.parametrize("size", [0, -1, 301, 2.5, "100", True, None])
def test_batch_size_out_of_range(size):
    with pytest.raises(ValueError, match="batch_size must be a whole number from 1 to 300"):
        mnistdata.DataSet(np.arange(300), np.arange(300), seed=0).next_batch(size)


@pytest.mark.parametrize("size", [-1, 300, 0.5])
def test_validation_size_out_of_range(folder, size):
    with pytest.raises(ValueError, match="validation_size must be a whole number from 0 to 299"):
        mnistdata.read_data_sets(str(folder), validation_size=size)


# ---------- Files that are not what they should be ----------

def damage(folder, kind):
    """Damages one file; returns words that the message must contain."""
    images, labels = folder / NAMES[0], folder / NAMES[1]
    if kind == "missing":
        labels.unlink()
        return ["train-labels-idx1-ubyte", "missing"]
    if kind == "magic":
        images.write_bytes(b"\x00\x00\x08\x01" + images.read_bytes()[4:])
        return ["train-images-idx3-ubyte", "2051"]
    if kind == "count":
        images.write_bytes(images.read_bytes()[:-784])
        return ["announces 300 images", "235,216", "234,432"]
    if kind == "html":
        images.with_name(NAMES[0] + ".gz").write_bytes(b"<!DOCTYPE html><html>Sign in</html>")
        images.unlink()
        return ["web page", NAMES[0] + ".gz"]
    if kind == "empty":
        labels.write_bytes(b"")
        return ["train-labels-idx1-ubyte", "is empty"]
    if kind == "label":
        write_idx(labels, np.full(300, 11, np.uint8))
        return ["label 11", "0 to 9"]
    if kind == "size":
        images.write_bytes(images.read_bytes()[:8] + b"\0\0\0\x20\0\0\0\x20" + bytes(300 * 1024))
        return ["32 x 32", "28 x 28"]
    pack(images)
    packed = images.with_name(NAMES[0] + ".gz")
    packed.write_bytes(packed.read_bytes()[:-1000])
    return ["truncated", NAMES[0] + ".gz"]


KINDS = ["missing", "magic", "count", "html", "empty", "label", "size", "truncated"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_in_mnist_data_is_an_error(folder, kind, monkeypatch):
    words = damage(folder, kind)
    before = content_of(folder)
    monkeypatch.setenv("MNIST_DATA", str(folder))
    with pytest.raises((ValueError, FileNotFoundError)) as error:
        mnistdata.read_data_sets("data")
    for word in words + ["MNIST_DATA"]:
        assert word in str(error.value)
    assert content_of(folder) == before


def test_missing_folder_of_mnist_data(tmp_path, monkeypatch):
    monkeypatch.setenv("MNIST_DATA", str(tmp_path / "stick"))
    with pytest.raises(FileNotFoundError, match="stick, which does not exist"):
        mnistdata.read_data_sets("data")


def test_images_and_labels_that_do_not_match(folder):
    write_idx(folder / NAMES[1], np.zeros(299, np.uint8))
    with pytest.raises(ValueError, match="300 images .* 299 labels"):
        mnistdata.read_data_sets(str(folder))


def test_an_incomplete_foreign_set_is_not_mixed_with_mnist(folder):
    (folder / NAMES[3]).unlink()
    with pytest.raises(FileNotFoundError, match="not mixed"):
        mnistdata.read_data_sets(str(folder))


# ---------- Keras's copy ----------

def keras_copy(tmp_path, arrays):
    path = tmp_path / "keras" / "datasets" / "mnist.npz"
    path.parent.mkdir(parents=True)
    np.savez(str(path), **dict(zip(("x_train", "y_train", "x_test", "y_test"), arrays)))
    return path


def test_keras_copy_is_used_before_a_download(real_mnist, tmp_path, monkeypatch):
    monkeypatch.setattr(mnistdata, "_download", None)
    parts, _, _ = mnistdata._read_folder(real_mnist)
    path = keras_copy(tmp_path, [parts[name][0] for name in NAMES])
    sets = mnistdata.read_data_sets(str(tmp_path / "data"))
    assert sets.source == str(path) and sets.train.num_examples == 60000


@pytest.mark.parametrize("arrays, word", [
    ([np.zeros([60000, 28, 28], np.uint8), np.zeros(60000, np.uint8)] * 2, "not the original"),
    ([np.zeros([3, 784], np.uint8), np.zeros(3, np.uint8)] * 2, "no uint8 array"),
    ([np.array([{}]), np.zeros(3, np.uint8)] * 2, "cannot be read")])
def test_a_wrong_keras_copy_is_passed_over(arrays, word, tmp_path, capsys):
    keras_copy(tmp_path, arrays)
    assert mnistdata.read_data_sets(str(tmp_path / "data")).generated
    notice = capsys.readouterr().err
    assert word in notice and "passed over" in notice


# ---------- Downloads ----------

class Mirror:
    """A server on the loopback interface that answers as a test wants it to."""

    def __init__(self, files, behave=None):
        self.asked = []
        mirror = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                name = os.path.basename(self.path)
                mirror.asked.append(name)
                with contextlib.suppress(OSError):
                    (behave or mirror.send)(self, files[name])

            def log_message(self, *_):
                pass

        class Server(http.server.HTTPServer):
            # Several requests at a time, in old versions of Python too.
            def process_request(self, request, address):
                threading.Thread(target=super().process_request, args=(request, address),
                                 daemon=True).start()

        self._server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = "http://127.0.0.1:{}/mnist/".format(self._server.server_port)

    @staticmethod
    def send(handler, content, length=None):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content) if length is None else length))
        handler.end_headers()
        handler.wfile.write(content)

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def mirrors(folder, tmp_path, monkeypatch):
    """Starts mirrors whose files count as the original MNIST."""
    files = {}
    sums = {}
    for name in NAMES:
        raw = (folder / name).read_bytes()
        files[name + ".gz"] = gzip.compress(raw)
        sums[name] = mnistdata.hashlib.sha256(raw).hexdigest()
    monkeypatch.setattr(mnistdata, "SHA256", type(mnistdata.SHA256)((n, sums[n]) for n in NAMES))
    monkeypatch.setattr(mnistdata, "TIMEOUT", 2)
    monkeypatch.setattr(mnistdata, "SLOWEST", 1000)
    started = []

    def start(*behaviours):
        for behave in behaviours:
            started.append(Mirror(files, behave))
        monkeypatch.setattr(mnistdata, "MIRRORS", [mirror.url for mirror in started])
        return started

    start.files = files
    yield start
    for mirror in started:
        mirror.close()


def answer(code):
    return lambda handler, content: handler.send_error(code)


def page(handler, content):
    Mirror.send(handler, b"<html><body>Welcome to the hotel</body></html>")


def cut(handler, content):
    Mirror.send(handler, content[:-500])


def other_content(handler, content):
    raw = bytearray(gzip.decompress(content))
    raw[-1] ^= 1
    Mirror.send(handler, gzip.compress(bytes(raw)))


def reset(handler, content):
    Mirror.send(handler, content[:len(content) // 2], len(content))


def stall(handler, content):
    Mirror.send(handler, content[:len(content) // 2], len(content))
    time.sleep(3)


def trickle(handler, content):
    """Slow but steady: longer than the time-out, never silent for as long."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    for part in range(4):
        handler.wfile.write(content[part * len(content) // 4:(part + 1) * len(content) // 4])
        handler.wfile.flush()
        time.sleep(0.15)


def test_download_once_and_never_again(mirrors, tmp_path, capsys):
    mirror, = mirrors(None)
    data = tmp_path / "data"
    sets = mnistdata.read_data_sets(str(data))
    assert sets.train.num_examples == 300 and not sets.generated
    assert sorted(path.name for path in data.iterdir()) == sorted(name + ".gz" for name in NAMES)
    assert "Downloading " + mirror.url in capsys.readouterr().err
    mnistdata.read_data_sets(str(data))
    assert len(mirror.asked) == 4
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("behave, words", [
    (answer(403), "403"), (answer(404), "404"), (page, "web page"), (cut, "truncated"),
    (other_content, "SHA-256"), (reset, "broke after"), (stall, "no answer in time")])
def test_first_mirror_bad_second_good(mirrors, tmp_path, capsys, behave, words):
    bad, good = mirrors(behave, None)
    assert not mnistdata.read_data_sets(str(tmp_path / "data")).generated
    assert words in capsys.readouterr().err
    # A host that failed once is not asked again.
    assert len(bad.asked) == 1 and len(good.asked) == 4
    assert len(list((tmp_path / "data").iterdir())) == 4


def test_slow_but_steady(mirrors, tmp_path, monkeypatch):
    mirrors(trickle)
    # A file takes 0.6 seconds, its longest silence 0.15.
    monkeypatch.setattr(mnistdata, "TIMEOUT", 2)
    monkeypatch.setattr(mnistdata, "SLOWEST", 10)
    assert not mnistdata.read_data_sets(str(tmp_path / "data")).generated


def test_connection_refused_and_nothing_else_gives_generated_digits(mirrors, tmp_path, monkeypatch,
                                                                    capsys):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    monkeypatch.setattr(mnistdata, "MIRRORS", ["http://127.0.0.1:{}/".format(port)])
    started = time.time()
    sets = mnistdata.read_data_sets(str(tmp_path / "data"))
    assert sets.generated and time.time() - started < 5
    notice = capsys.readouterr().err
    assert "refused" in notice and "THESE ARE GENERATED DIGITS, NOT MNIST" in notice
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["generated-digits.npz"]


def test_real_digits_found_later_replace_generated_ones(mirrors, tmp_path):
    assert mnistdata.read_data_sets(str(tmp_path / "data")).generated
    mirrors(None)
    assert not mnistdata.read_data_sets(str(tmp_path / "data")).generated


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("missing", "label")])
def test_a_damaged_file_is_fetched_anew_and_kept_aside(mirrors, folder, capsys, kind):
    mirror, = mirrors(None)
    words = damage(folder, kind)
    damaged = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert not mnistdata.read_data_sets(str(folder)).generated
    notice = capsys.readouterr().err
    assert all(word in notice for word in words)
    after = content_of(folder)
    assert len(mirror.asked) == 1
    kept = [name for name in after if name.endswith(".damaged")]
    assert len(kept) == 1 and after[kept[0]] == damaged[kept[0][:-len(".damaged")]]
    # Nothing else was touched.
    for name, content in damaged.items():
        assert after.get(name) == content or after[name + ".damaged"] == content


def test_a_second_damaged_file_does_not_replace_the_first(mirrors, folder):
    mirrors(None)
    for content in (b"first", b"second"):
        (folder / (NAMES[0] + ".gz")).write_bytes(content)
        with contextlib.suppress(FileNotFoundError):
            (folder / NAMES[0]).unlink()
        mnistdata.read_data_sets(str(folder))
    kept = sorted(path.read_bytes() for path in folder.iterdir() if ".damaged" in path.name)
    assert kept == [b"first", b"second"]


def test_damage_without_a_mirror_takes_nothing_away(folder, capsys):
    damage(folder, "truncated")
    for name in NAMES[1:]:
        (folder / name).unlink()
    before = content_of(folder)
    assert mnistdata.read_data_sets(str(folder)).generated
    after = content_of(folder)
    assert all(after[name] == content for name, content in before.items())


LOADER = """
import sys
sys.path.insert(0, {root!r})
import mnistdata
mnistdata.MIRRORS = [{url!r}]
mnistdata.SHA256 = type(mnistdata.SHA256)({sums!r})
mnistdata._TRAINING_DIGITS, mnistdata._TEST_DIGITS = 300, 100
sets = mnistdata.read_data_sets({folder!r})
print(sets.generated, sets.train.num_examples)
"""


def loader(tmp_path, url, folder, name="loader.py"):
    script = tmp_path / name
    script.write_text(LOADER.format(root=ROOT, url=url, folder=str(folder),
                                    sums=list(mnistdata.SHA256.items())))
    return script


def test_progress_bar_on_a_terminal(mirrors, tmp_path):
    mirror, = mirrors(trickle)
    text = on_terminal([loader(tmp_path, mirror.url, tmp_path / "data")],
                       env=environment(KERAS_HOME=str(tmp_path)))
    for name in NAMES:
        bars = re.findall(re.escape(name) + r"\.gz \[(#*) *\] [\d.]+ MB", text)
        assert [len(bar) for bar in bars] == sorted(len(bar) for bar in bars)
        assert len(bars) > 2 and len(bars[-1]) == 20


def test_two_loaders_at_the_same_moment(mirrors, tmp_path):
    mirror, = mirrors(trickle)
    script = loader(tmp_path, mirror.url, tmp_path / "data")
    env = environment(KERAS_HOME=str(tmp_path))
    both = [subprocess.Popen([sys.executable, str(script)], env=env, stdout=subprocess.PIPE)
            for _ in range(2)]
    assert [process.communicate()[0].split() for process in both] == [[b"False", b"300"]] * 2
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == sorted(
        name + ".gz" for name in NAMES)


def test_what_the_series_keeps_beside_the_digits_is_not_named(mirrors, tmp_path, capsys):
    mirrors(None)
    (tmp_path / "data" / "own_digits").mkdir(parents=True)
    (tmp_path / "data" / "last_run.csv").write_text("")
    assert not mnistdata.read_data_sets(str(tmp_path / "data")).generated
    assert "Not used" not in capsys.readouterr().err


def test_another_loader_is_a_moment_faster(mirrors, tmp_path, monkeypatch):
    """Its right file comes just after a look that has found none, and is not called damaged."""
    mirrors(None)
    data = tmp_path / "data"
    isfile = os.path.isfile

    def look(path):
        found = isfile(path)
        folder, name = os.path.split(str(path))
        if not found and folder == str(data) and name in mirrors.files:
            (data / name).write_bytes(mirrors.files[name])
        return found

    monkeypatch.setattr(os.path, "isfile", look)
    assert not mnistdata.read_data_sets(str(data)).generated
    assert sorted(path.name for path in data.iterdir()) == sorted(name + ".gz" for name in NAMES)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL here")
def test_killed_in_mid_download_and_started_again(mirrors, tmp_path):
    mirror, = mirrors(trickle)
    script = loader(tmp_path, mirror.url, tmp_path / "data")
    env = environment(KERAS_HOME=str(tmp_path))
    process = subprocess.Popen([sys.executable, str(script)], env=env)
    wait_until(lambda: len(mirror.asked) == 2)
    process.kill()
    process.wait()
    assert {path.name for path in (tmp_path / "data").iterdir()} <= {name + ".gz" for name in NAMES}
    done = run_python(script, env=env)
    assert done.stdout.split() == ["False", "300"], done.stderr
    assert len(list((tmp_path / "data").iterdir())) == 4


def test_what_a_killed_writer_left_is_removed(mirrors, tmp_path):
    mirrors(None)
    data = tmp_path / "data"
    data.mkdir()
    old, fresh = data / (NAMES[0] + ".gz-a.part"), data / (NAMES[0] + ".gz-b.part")
    for path in (old, fresh, data / "mine.part"):
        path.write_bytes(b"half")
    for path in (old, data / "mine.part"):
        os.utime(str(path), (1, 1))
    mnistdata.read_data_sets(str(data))
    # A fresh one may belong to a loader at work, and the last is none of ours.
    assert not old.exists() and fresh.exists() and (data / "mine.part").exists()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="file-size limits as on Linux")
def test_disk_full(mirrors, tmp_path):
    mirror, = mirrors(None)
    script = loader(tmp_path, mirror.url, tmp_path / "data")
    text = script.read_text()
    script.write_text("import resource, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
                      "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n" + text)
    done = run_python(script, env=environment(KERAS_HOME=str(tmp_path)))
    assert done.stdout.split() == ["False", "300"]
    assert "cannot be kept in" in done.stderr and "free some space there" in done.stderr
    assert "used all the same" in done.stderr
    assert {path.stat().st_size < 2000 for path in (tmp_path / "data").iterdir()} <= {True}


def test_no_right_to_write(mirrors, tmp_path, capsys):
    mirrors(None)
    (tmp_path / "file").write_text("in the way")
    assert not mnistdata.read_data_sets(str(tmp_path / "file" / "data")).generated
    notice = capsys.readouterr().err
    assert notice.count("cannot be kept in") == 1 and "a file stands in the way" in notice
    assert (tmp_path / "file").read_text() == "in the way"


@pytest.mark.skipif(not hasattr(os, "geteuid") or shutil.which("setpriv") is None
                    and os.geteuid() == 0, reason="root may write everywhere")
def test_no_right_to_write_as_a_user(mirrors, tmp_path):
    mirror, = mirrors(None)
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(0o555)
    command = [sys.executable, str(loader(tmp_path, mirror.url, data))]
    if os.geteuid() == 0:  # Without this capability, root is held to the rights like anybody.
        command = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"] + command
    done = subprocess.run(command, env=environment(KERAS_HOME=str(tmp_path)),
                          stderr=subprocess.PIPE, universal_newlines=True)
    assert done.returncode == 0 and "used all the same" in done.stderr
    assert "make that folder writable" in done.stderr


# ---------- Generated digits ----------

def test_generated_digits_are_kept(tmp_path, monkeypatch, capsys):
    first = mnistdata.read_data_sets(str(tmp_path))
    monkeypatch.setattr(mnistdata, "_draw_digits", None)
    second = mnistdata.read_data_sets(str(tmp_path))
    assert second.generated and (first.train.images == second.train.images).all()
    assert capsys.readouterr().err.count("THESE ARE GENERATED DIGITS") == 2


def test_a_damaged_cache_is_made_anew(tmp_path):
    (tmp_path / "generated-digits.npz").write_bytes(b"half a file")
    assert mnistdata.read_data_sets(str(tmp_path)).generated


def test_generated_digits_are_always_the_same():
    images, labels = mnistdata._draw_digits(2000)
    again, _ = mnistdata._draw_digits(2000)
    assert (images == again).all()
    # The sum is that of every machine and version of NumPy that was tried.
    assert mnistdata.hashlib.sha256(images.tobytes()).hexdigest()[:16] == GENERATED_SUM


GENERATED_SUM = "b39ad74ae72981bf"


def test_generated_digits_are_like_mnist():
    images, labels = mnistdata._draw_digits(5000)
    assert np.bincount(labels, minlength=10).min() > 400
    # Mean intensity and its spread: MNIST has 0.131 and 0.308.
    assert 0.11 < images.mean() / 255 < 0.15 and 0.27 < (images / 255.0).std() < 0.34
    columns = images.max(axis=1) > 0
    rows = images.max(axis=2) > 0
    for filled in (rows, columns):
        first, last = filled.argmax(axis=1), 27 - filled[:, ::-1].argmax(axis=1)
        assert (last - first + 1).max() <= 20
    # The larger side of most digits fills the box.
    sides = np.maximum(rows.sum(axis=1), columns.sum(axis=1))
    assert (sides >= 18).mean() > 0.9
    weights = images.astype(float)
    total = weights.sum(axis=(1, 2))
    for axis in (1, 2):
        middle = (weights.sum(axis=3 - axis) * (np.arange(28) + 0.5)).sum(axis=1) / total
        assert abs(middle - 14).max() <= 0.51


def test_generated_digits_differ_from_each_other():
    images, labels = mnistdata._draw_digits(2000)
    assert len({image.tobytes() for image in images}) == 2000


def test_where_they_cannot_be_kept_they_still_serve(tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert mnistdata.read_data_sets(str(tmp_path / "file" / "data")).generated
    assert "cannot be kept" in capsys.readouterr().err
