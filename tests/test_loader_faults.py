"""The loader under attack: mirrors, folders and files that are not what they should be.

The servers listen on the loopback interface. Times are promises with room: what is said to take
60 seconds fails at 90, and most tests make the loader's seconds shorter.
"""

import contextlib
import gzip
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import zipfile
import zlib

import numpy as np
import pytest

import mnistdata
from conftest import environment, missing, run_python, wait_until
from test_mnistdata import NAMES, alone, content_of, drawn, folder, loader, mirrors, pack, trickle  # noqa: F401

OK = b"HTTP/1.1 200 OK\r\n"


class Raw:
    """A server that sends what a function does with the connection, HTTP or not."""

    def __init__(self, behave, context=None):
        self._server = socket.socket()
        self._server.bind(("127.0.0.1", 0))
        self._server.listen(20)
        self._behave, self._context = behave, context
        self.url = "http{}://localhost:{}/mnist/".format(
            "s" if context else "", self._server.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=self._server.accept()[:1],
                                 daemon=True).start()

    def _serve(self, connection):
        with contextlib.suppress(OSError):
            if self._context:
                connection = self._context.wrap_socket(connection, server_side=True)
            request = connection.recv(65536)
            self._behave(connection, request.split()[1].decode().rpartition("/")[2])
            connection.close()

    def close(self):
        self._server.close()


@pytest.fixture
def raw():
    started = []

    def start(behave, context=None):
        started.append(Raw(behave, context))
        return started[-1].url

    yield start
    for server in started:
        server.close()


def forever(connection, part, pause=0.0):
    end = time.time() + 60
    while time.time() < end:
        connection.sendall(part)
        time.sleep(pause)


def sends(head, part=b"", pause=0.0):
    """A server that sends a beginning, and then one part again and again."""
    def behave(connection, name):
        connection.sendall(head)
        if part:
            forever(connection, part, pause)
    return behave


BOMB = gzip.compress(bytes(10 ** 8), 1) + b"\0" * 1000  # The loader stops at 48 MB of it.


def redirect(target, head=b""):
    return sends(b"HTTP/1.1 302 Found\r\nLocation: " + target + b"\r\n" + head + b"\r\n")


NOISE = b"0123456789abcdef" * 4096
STORED = zlib.compressobj(0, zlib.DEFLATED, 31)
# The beginning of a gzip file that never ends, and what can follow as often as one likes.
GZIP, MORE = [STORED.compress(part) + STORED.flush(zlib.Z_SYNC_FLUSH) for part in (b"x", NOISE)]
FAULTS = {
    "silent": (lambda c, n: time.sleep(30), "no answer in time"),
    "endless header": (sends(OK, b"X", 0.05), "no answer in time"),
    "one header after the other": (sends(OK, b"X: y\r\n", 0.05), "no answer in time"),
    "continue for ever": (sends(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.05), "no answer in time"),
    "slow body": (sends(OK + b"\r\n", b"x", 0.05), "less than 50 kB a second"),
    "endless trailers": (sends(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n", 0.05),
                         "less than 50 kB a second"),
    "endless body": (sends(OK + b"\r\n" + GZIP, MORE), "more than 16 MB"),
    "endless images": (sends(OK + b"\r\n\0\0\x08\x03", NOISE), "48 MB unpacked"),
    "noise": (sends(OK + b"\r\n", NOISE), "something else (its first bytes are 30313233)"),
    "announces 10 GB": (sends(OK + b"Content-Length: 10000000000\r\n\r\n", NOISE),
                        "something else"),
    "bomb": (sends(OK + b"Connection: close\r\n\r\n" + BOMB), "48 MB unpacked"),
    "length is no number": (sends(OK + b"Content-Length: many\r\n\r\nhello"), "something else"),
    "no content": (sends(b"HTTP/1.1 204 No Content\r\n\r\n"), "the file is empty"),
    "less than no length": (sends(OK + b"Content-Length: -5\r\n\r\n"), "the file is empty"),
    "a header that is too long": (sends(OK + b"X: " + b"y" * 70000 + b"\r\n\r\n"), "no sense"),
    "too many headers": (sends(OK + b"X: y\r\n" * 200 + b"\r\n"), "no sense"),
    "packed once more": (sends(OK + b"Content-Encoding: br\r\n\r\n\x0b\x02\x80"), "0b0280"),
    "says nothing and goes": (lambda c, n: None, "closed connection without response"),
    "goes in mid-chunk": (sends(OK + b"Transfer-Encoding: chunked\r\n\r\nffff\r\n\x1f\x8b\x08"),
                          "IncompleteRead"),
    "sends on to itself without an end": (lambda c, n: c.sendall(
        b"HTTP/1.1 302 Found\r\nLocation: " + n.encode() + b"x\r\n\r\n"), "in a circle"),
    "no HTTP": (sends(b"\x1b[31mSSH-2.0\r\n\r\n"), "makes no sense (BadStatusLine)"),
    "steers the terminal": (sends(b"HTTP/1.1 503 \x1b[2J\x9bHa\x07\r\n\r\n"),
                            "answered 503 ?[2J?Ha?"),
    "sent on to a file": (redirect(b"file:///etc/passwd"), "'file:///etc/passwd' is not allowed"),
    "sent on to ftp": (redirect(b"ftp://localhost/x"), "not secure"),
    "sent on to nothing": (redirect(b"http://[oops"), "failed:"),
    "sent on in a circle": (redirect(b"/again"), "answered 302 and sends us on in a circle: Found"),
    "sent on with an endless page": (lambda c, n: (
        c.sendall(b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n"), forever(c, NOISE)), "302"),
    "chunks that make no sense": (
        sends(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello"), "makes no sense"),
}


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_a_faulty_mirror_is_left(raw, mirrors, tmp_path, monkeypatch, capsys, fault):
    behave, words = FAULTS[fault]
    good, = mirrors(None)
    monkeypatch.setattr(mnistdata, "MIRRORS", [raw(behave), good.url])
    monkeypatch.setattr(mnistdata, "TIMEOUT", 1)
    monkeypatch.setattr(mnistdata, "SLOWEST", 50000)
    # The good mirror's files are small: they have come before they could be too slow.
    begun = time.time()
    assert not mnistdata.read_data_sets(str(tmp_path / "data")).generated
    assert time.time() - begun < 15
    notice = capsys.readouterr().err
    assert words in notice
    assert all(c == "\n" or c.isprintable() for c in notice)
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == sorted(
        name + ".gz" for name in NAMES)
    # The thread that listened to the mirror has ended.
    wait_until(lambda: not receivers(), seconds=10)


def receivers():
    return [thread for thread in threading.enumerate()
            if getattr(getattr(thread, "_target", None), "__name__", "") == "_receive"]


def test_a_silence_shorter_than_the_time_out_is_no_failure(raw, mirrors, tmp_path, monkeypatch):
    def pausing(connection, name):
        content = mirrors.files[name]
        connection.sendall(OK + b"Content-Length: %d\r\n\r\n" % len(content) + content[:1000])
        time.sleep(0.7)
        connection.sendall(content[1000:])
    monkeypatch.setattr(mnistdata, "MIRRORS", [raw(pausing)])
    monkeypatch.setattr(mnistdata, "TIMEOUT", 1)
    assert not mnistdata.read_data_sets(str(tmp_path / "data")).generated


@pytest.fixture
def black_hole():
    """An address on which nobody answers: its queue of connections is full."""
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(0)
    waiting = [socket.socket() for _ in range(4)]
    for one in waiting:
        one.setblocking(False)
        one.connect_ex(server.getsockname())
    with socket.socket() as probe:
        probe.settimeout(0.3)
        if probe.connect_ex(server.getsockname()) == 0:
            pytest.skip("there is no way here to keep a connection waiting")
    yield server.getsockname()
    for one in [server] + waiting:
        one.close()


def addresses(monkeypatch, *places):
    """Gives mirror.invalid these addresses."""
    look_up = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *more, **options: [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", place) for place in places
    ] if host == "mirror.invalid" else look_up(host, *more, **options))
    monkeypatch.setattr(mnistdata, "MIRRORS", ["http://mirror.invalid/mnist/"] * 2)


def test_eight_addresses_that_drop_packets_share_the_time(tmp_path, monkeypatch, black_hole,
                                                          capsys):
    addresses(monkeypatch, *[black_hole] * 8)
    monkeypatch.setattr(mnistdata, "TIMEOUT", 1)
    begun = time.time()
    assert mnistdata.read_data_sets(str(tmp_path / "data")).generated
    assert time.time() - begun < 6 * 1.5
    assert capsys.readouterr().err.count("no answer in time") == 2
    wait_until(lambda: not receivers(), seconds=5)


def test_the_last_of_eight_addresses_answers(mirrors, tmp_path, monkeypatch, black_hole):
    good, = mirrors(None)
    port = int(good.url.split(":")[2].split("/")[0])
    addresses(monkeypatch, *[black_hole] * 7, ("127.0.0.1", port))
    monkeypatch.setattr(mnistdata, "TIMEOUT", 1)
    assert not mnistdata.read_data_sets(str(tmp_path / "data")).generated


def test_a_look_up_that_never_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(8))
    monkeypatch.setattr(mnistdata, "MIRRORS", ["http://mirror.invalid/mnist/"] * 2)
    monkeypatch.setattr(mnistdata, "TIMEOUT", 0.5)
    begun = time.time()
    assert mnistdata.read_data_sets(str(tmp_path / "data")).generated
    assert time.time() - begun < 6


def test_no_useful_mirror_takes_60_seconds_at_most(raw, tmp_path):
    """The loader's own seconds, two mirrors whose headers never end."""
    url = raw(sends(OK, b"X: y\r\n", 1))
    script = tmp_path / "run.py"
    script.write_text("import sys\nsys.path.insert(0, {!r})\nimport mnistdata\n"
                      "mnistdata.MIRRORS = [{!r}]\n"
                      "mnistdata._TRAINING_DIGITS, mnistdata._TEST_DIGITS = 300, 100\n"
                      "print(mnistdata.read_data_sets({!r}).generated)".format(
                          os.path.dirname(mnistdata.__file__), url, str(tmp_path / "data")))
    begun = time.time()
    done = run_python(script, env=environment(KERAS_HOME=str(tmp_path)))
    assert done.stdout.strip() == "True" and time.time() - begun < 45  # half of 90, for one
    assert "Downloading " + url in done.stderr


def test_many_mirrors_share_the_time(raw, tmp_path, monkeypatch):
    url = raw(sends(OK, b"X: y\r\n", 0.05))
    monkeypatch.setattr(mnistdata, "MIRRORS", [url] * 20)
    monkeypatch.setattr(mnistdata, "TIMEOUT", 0.5)
    begun = time.time()
    assert mnistdata.read_data_sets(str(tmp_path / "data")).generated
    assert time.time() - begun < 6 * 0.5 * 1.5 + 3


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory limits as on Linux")
@pytest.mark.parametrize("fault", ["bomb", "endless body", "sent on with an endless page"])
def test_memory_is_bounded(raw, mirrors, tmp_path, fault):
    script = loader(tmp_path, raw(FAULTS[fault][0]), tmp_path / "data")
    script.write_text("import resource\n"
                      "resource.setrlimit(resource.RLIMIT_DATA, (600 * 10 ** 6,) * 2)\n"
                      + script.read_text())
    done = run_python(script, env=environment(KERAS_HOME=str(tmp_path), OPENBLAS_NUM_THREADS="1"))
    assert done.stdout.split() == ["True", "300"], done.stderr


# ---------- Certificates, proxies ----------

@pytest.fixture
def authority():
    try:
        import certifi  # noqa: F401
        import trustme
    except ImportError:
        missing("trustme or certifi")
    return trustme.CA()


def serve_files(mirrors):
    def behave(connection, name):
        content = mirrors.files[name]
        connection.sendall(OK + b"Content-Length: %d\r\n\r\n" % len(content) + content)
    return behave


def tls(authority):
    import ssl
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


def test_certificates_of_certifi(raw, mirrors, authority, tmp_path, monkeypatch, capsys):
    import certifi
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setattr(certifi, "where", lambda: str(tmp_path / "ca.pem"))
    monkeypatch.setattr(mnistdata, "MIRRORS", [raw(serve_files(mirrors), tls(authority))])
    assert not mnistdata.read_data_sets(str(tmp_path / "data")).generated
    notice = capsys.readouterr().err
    assert "certificate cannot be verified" in notice and notice.count("package certifi") == 1


def test_a_certificate_that_nobody_vouches_for(raw, mirrors, authority, tmp_path, monkeypatch,
                                               capsys):
    monkeypatch.setattr(mnistdata, "MIRRORS", [raw(serve_files(mirrors), tls(authority))])
    assert mnistdata.read_data_sets(str(tmp_path / "data")).generated
    frame = capsys.readouterr().err.partition("THESE ARE GENERATED DIGITS")[2]
    frame = " ".join(frame.replace("|", " ").split())
    assert "certificates could not be verified" in frame and "Install Certificates" in frame
    assert "connect to the network" not in frame


@pytest.mark.parametrize("target", [b"http://localhost/x", b"ftp://localhost/x", b"file:///x"])
def test_a_secure_mirror_sends_nobody_to_an_unsafe_one(raw, authority, tmp_path, monkeypatch,
                                                       capsys, target):
    import certifi
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setattr(certifi, "where", lambda: str(tmp_path / "ca.pem"))
    monkeypatch.setattr(mnistdata, "MIRRORS", [raw(redirect(target), tls(authority))])
    assert mnistdata.read_data_sets(str(tmp_path / "data")).generated
    notice = capsys.readouterr().err
    assert "not secure" in notice or "not allowed" in notice


@pytest.mark.parametrize("fault", ["continue for ever", "endless trailers"])
def test_a_secure_mirror_that_is_left_keeps_no_thread(raw, authority, tmp_path, monkeypatch, fault):
    import certifi
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setattr(certifi, "where", lambda: str(tmp_path / "ca.pem"))
    monkeypatch.setattr(mnistdata, "MIRRORS", [raw(FAULTS[fault][0], tls(authority))])
    monkeypatch.setattr(mnistdata, "TIMEOUT", 0.5)
    assert mnistdata.read_data_sets(str(tmp_path / "data")).generated
    wait_until(lambda: not receivers(), seconds=5)


def test_through_a_proxy(raw, mirrors, tmp_path, monkeypatch, capsys):
    proxy = raw(serve_files(mirrors)).replace("/mnist/", "")
    monkeypatch.setenv("http_proxy", proxy)
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setattr(mnistdata, "MIRRORS", ["http://mirror.invalid/mnist"])
    assert not mnistdata.read_data_sets(str(tmp_path / "data")).generated
    assert "through the proxy " + proxy.replace("http://", "") in capsys.readouterr().err


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_dead_proxy_is_named_without_its_password(tmp_path, monkeypatch, capsys, scheme):
    monkeypatch.setenv(scheme + "_proxy", "http://me:secret@127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setattr(mnistdata, "MIRRORS", [scheme + "://mirror.invalid/mnist/"])
    assert mnistdata.read_data_sets(str(tmp_path / "data")).generated
    notice = capsys.readouterr().err
    frame = " ".join(notice.partition("THESE ARE")[2].replace("|", " ").split())
    assert "failed through the proxy 127.0.0.1:1: " in notice and "secret" not in notice
    assert "through the proxy 127.0.0.1:1" in frame and "see that this proxy works" in frame


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:1", "oops", "http://[", "socks5://localhost"])
def test_a_proxy_that_does_not_work(mirrors, tmp_path, monkeypatch, proxy):
    monkeypatch.setenv("http_proxy", proxy)
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setattr(mnistdata, "MIRRORS", ["http://mirror.invalid/mnist/"])
    assert mnistdata.read_data_sets(str(tmp_path / "data")).generated


# ---------- What people have ----------

def arrange(folder, layout):
    """Gives the four files of a folder the names that others give them."""
    for name in NAMES:
        path = folder / name
        if layout == "dots":
            path.rename(folder / name.replace("-idx", ".idx"))
        elif layout == "upper case":
            pack(path)
            (folder / (name + ".gz")).rename(folder / (name.upper() + ".GZ"))
        elif layout == "a folder each":
            path.rename(folder / "x")
            path.mkdir()
            (folder / "x").rename(path / name.replace("-idx", ".idx"))
        elif layout == "torchvision":
            (folder / "MNIST" / "raw").mkdir(parents=True, exist_ok=True)
            path.rename(folder / "MNIST" / "raw" / name)
        elif layout == "raw under gzip's name":
            path.rename(folder / (name + ".gz"))
        elif layout == "gzipped under the raw name":
            pack(path)
            (folder / (name + ".gz")).rename(path)


@pytest.mark.parametrize("place", ["MNIST_DATA", "data_dir"])
@pytest.mark.parametrize("layout", ["dots", "upper case", "a folder each", "torchvision",
                                    "raw under gzip's name", "gzipped under the raw name"])
def test_files_as_people_have_them(folder, monkeypatch, layout, place):
    arrange(folder, layout)
    (folder / ("._" + NAMES[0])).write_bytes(b"a Mac's")
    if place == "MNIST_DATA":
        monkeypatch.setenv("MNIST_DATA", str(folder))
    sets = mnistdata.read_data_sets("none" if place == "MNIST_DATA" else str(folder))
    assert sets.train.num_examples == 300 and not sets.generated


def test_the_interrupt_key_leaves_at_once(raw, mirrors, tmp_path):
    url = raw(FAULTS["slow body"][0])
    process = subprocess.Popen([sys.executable, str(loader(tmp_path, url, tmp_path / "data"))],
                               env=environment(KERAS_HOME=str(tmp_path)), stderr=subprocess.PIPE)
    process.stderr.readline()
    time.sleep(0.5)
    begun = time.time()
    process.send_signal(signal.SIGINT)
    assert b"KeyboardInterrupt" in process.communicate()[1] and time.time() - begun < 3
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("end", ["2>&-", "2>/dev/full", "2>&1 >/dev/null | true"])
def test_no_place_for_messages(mirrors, tmp_path, end):
    if not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full here")
    mirror, = mirrors(None)
    script = loader(tmp_path, mirror.url, tmp_path / "data")
    subprocess.run("{} {} {}".format(sys.executable, script, end), shell=True,
                   stdout=subprocess.DEVNULL, env=environment(KERAS_HOME=str(tmp_path)))
    assert content_of(tmp_path / "data") == mirrors.files


def test_what_is_not_used_is_named(folder, monkeypatch):
    (folder / NAMES[1]).unlink()
    (folder / "mnist.zip").write_bytes(b"PK")
    # Neither what lies deeper nor what a loader keeps there itself is.
    (folder / "raw").mkdir()
    for name in ("raw/notes.txt", NAMES[1] + ".gz-0.part", NAMES[1] + "-0.damaged"):
        (folder / name).write_bytes(b"x")
    monkeypatch.setenv("MNIST_DATA", str(folder))
    with pytest.raises(FileNotFoundError, match=r"Not used in \S*: mnist.zip\. "):
        mnistdata.read_data_sets("data")


@pytest.mark.parametrize("kind", ["folder", "pipe", "dangling link"])
@pytest.mark.parametrize("end", ["", ".gz"])
def test_no_file_under_a_files_name(mirrors, folder, kind, end, capsys):
    mirrors(None)
    path = folder / (NAMES[0] + end)
    with contextlib.suppress(FileNotFoundError):
        (folder / NAMES[0]).unlink()
    if kind == "folder":
        path.mkdir()
        (path / "mine.txt").write_text("mine")
    elif kind == "pipe":
        os.mkfifo(str(path))
    else:
        path.symlink_to("nowhere")
    assert not mnistdata.read_data_sets(str(folder)).generated
    assert "is a folder, a pipe or a link to nothing" in capsys.readouterr().err or kind != "pipe"
    if kind == "folder":
        assert any((other / "mine.txt").exists() for other in folder.iterdir() if other.is_dir())


@pytest.mark.parametrize("value, words", [
    ("{}/file", "which is a file"), ("\"{}\"", "quotes or a blank"), ("{} ", "quotes or a blank"),
    ("{}\r", "quotes or a blank"), ("“{}”", "quotes or a blank"),
    ("{}/none", "does not exist")])
def test_mnist_data_that_is_no_folder(tmp_path, monkeypatch, value, words):
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("MNIST_DATA", value.format(tmp_path))
    with pytest.raises(FileNotFoundError, match=words):
        mnistdata.read_data_sets("data")


@pytest.mark.parametrize("size", ["raw", "bomb"])
def test_a_file_that_is_too_large(folder, monkeypatch, size):
    with open(str(folder / NAMES[0]), "wb") as file:
        if size == "raw":
            file.write(b"\0\0\x08\x03")
            file.truncate(10 ** 10)
        else:
            file.write(BOMB)
    monkeypatch.setenv("MNIST_DATA", str(folder))
    with pytest.raises(ValueError, match="48 MB unpacked"):
        mnistdata.read_data_sets("data")


def test_a_bomb_in_place_of_kerass_copy(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KERAS_HOME", "~/k")
    (tmp_path / "k" / "datasets").mkdir(parents=True)
    np.savez_compressed(str(tmp_path / "k" / "datasets" / "mnist.npz"),
                        x_train=np.zeros(10 ** 8, np.uint8))
    assert mnistdata.read_data_sets(str(tmp_path / "data")).generated
    assert "no uint8 array" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", ["lzma", "directory", "cut", "empty"])
def test_an_npz_that_numpy_never_writes(tmp_path, monkeypatch, capsys, wrong):
    path = tmp_path / "keras" / "datasets" / "mnist.npz"
    path.parent.mkdir(parents=True)
    if wrong == "empty":
        path.write_bytes(b"")
    else:
        kind = zipfile.ZIP_LZMA if wrong == "lzma" else zipfile.ZIP_STORED
        with zipfile.ZipFile(str(path), "w", kind) as file:
            for key in mnistdata._NPZ_KEYS:
                file.writestr(key + ".npy", bytes(100))
            for k in range(5000 if wrong == "directory" else 0):
                file.writestr("a file with a long name {}".format(k), b"")
        if wrong == "cut":
            path.write_bytes(path.read_bytes()[:-10])
    assert mnistdata.read_data_sets(str(tmp_path / "data")).generated
    words = "packs in another way" if wrong == "lzma" else "as NumPy's files do"
    assert words in capsys.readouterr().err


def test_kerass_copy_in_its_fall_back_folder(real_mnist, tmp_path, folder, monkeypatch, capsys):
    arrays = [mnistdata._read_folder(real_mnist)[0][name][0] for name in NAMES]
    target = tmp_path / "fallback" / "datasets"
    target.mkdir(parents=True)
    np.savez(str(target / "mnist.npz"), **dict(zip(mnistdata._NPZ_KEYS, arrays)))
    (folder / NAMES[3]).unlink()
    sets = mnistdata.read_data_sets(str(folder))
    assert sets.train.num_examples == 60000
    assert "is used: the set in" in capsys.readouterr().err


# ---------- Folders ----------

@pytest.mark.parametrize("function", ["chmod", "replace", "fsync"])
@pytest.mark.parametrize("network", [True, False])
def test_digits_that_cannot_be_kept_are_used(mirrors, tmp_path, monkeypatch, capsys, function,
                                             network):
    if network:
        mirrors(None)

    def fails(*_, **__):
        raise PermissionError(13, "Permission denied")
    monkeypatch.setattr(os, function, fails)
    assert mnistdata.read_data_sets(str(tmp_path / "data")).generated != network
    if function != "chmod":
        assert capsys.readouterr().err.count("cannot be kept") == 1
        assert list((tmp_path / "data").iterdir()) == []


def test_a_file_that_is_held_for_a_moment(mirrors, tmp_path, monkeypatch):
    mirrors(None)
    replace, calls = os.replace, []

    def held(*paths):
        calls.append(paths)
        if len(calls) % 2:
            raise PermissionError(13, "Permission denied")
        replace(*paths)
    monkeypatch.setattr(os, "replace", held)
    mnistdata.read_data_sets(str(tmp_path / "data"))
    assert len(content_of(tmp_path / "data")) == 4


@pytest.mark.parametrize("wrong", ["counts", "labels", "drawing", "old"])
def test_generated_digits_are_checked(tmp_path, wrong):
    first = mnistdata.read_data_sets(str(tmp_path))
    path = str(tmp_path / "generated-digits.npz")
    with np.load(path) as file:
        arrays = dict(file)
    if wrong == "counts":
        arrays["x_test"] = arrays["x_test"][:-1]
    elif wrong == "labels":
        arrays["y_train"] = arrays["y_train"] + 10
    elif wrong == "drawing":
        arrays["drawing 0"] = arrays.pop(mnistdata._DRAWING)
    else:
        del arrays[mnistdata._DRAWING]
    np.savez(path, **arrays)
    again = mnistdata.read_data_sets(str(tmp_path))
    assert (again.train.labels == first.train.labels).all()
    assert (again.test.images == first.test.images).all()
    with np.load(path) as file:
        assert len(file["x_test"]) == 100 and mnistdata._DRAWING in file


def test_left_over_files_go_where_nothing_is_fetched(folder):
    left = folder / "generated-digits.npz-0123.part"
    left.write_bytes(b"half")
    os.utime(str(left), (1, 1))
    mnistdata.read_data_sets(str(folder))
    assert not left.exists()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL here")
def test_killed_at_any_moment(mirrors, tmp_path):
    mirror, = mirrors(None)
    data = tmp_path / "data"
    script = loader(tmp_path, mirror.url, data)
    env = environment(KERAS_HOME=str(tmp_path))
    chance = random.Random(0)
    for _ in range(20):
        for path in content_of(data) if data.exists() else ():
            (data / path).unlink()
        count = len(mirror.asked)
        process = subprocess.Popen([sys.executable, str(script)], env=env,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda count=count: len(mirror.asked) > count, every=0.001)
        time.sleep(chance.random() * 0.1)
        process.kill()
        process.wait()
        for name, content in (content_of(data) if data.exists() else {}).items():
            assert name.endswith(".part") or content == mirrors.files[name]
            os.utime(str(data / name), (1, 1))
    assert run_python(script, env=env).stdout.split() == ["False", "300"]
    assert content_of(data) == mirrors.files


def test_ten_loaders_at_once_with_two_damaged_files(mirrors, folder, tmp_path):
    mirror, = mirrors(None)
    for name in NAMES[:2]:
        (folder / name).write_bytes(b"damaged")
    script = loader(tmp_path, mirror.url, folder)
    processes = [subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL,
                                  env=environment(KERAS_HOME=str(tmp_path))) for _ in range(10)]
    assert [process.communicate()[0].split() for process in processes] == [[b"False", b"300"]] * 10
    after = content_of(folder)
    assert not any(name.endswith(".part") for name in after)
    for name in NAMES[:2]:
        assert after[name + ".gz"] == mirrors.files[name + ".gz"]
    assert sum(content == b"damaged" for content in after.values()) == 2


# ---------- What is shown, and batches ----------

@pytest.mark.parametrize("columns", [40, 80])
def test_the_bar_stays_on_its_line(mirrors, tmp_path, columns):
    try:
        import fcntl
        import pty
        import struct
        import termios

        import pyte
    except ImportError:
        missing("pyte or a terminal")
    mirror, = mirrors(trickle)
    main, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 60, columns, 0, 0))
    process = subprocess.Popen([sys.executable, str(loader(tmp_path, mirror.url, tmp_path / "d"))],
                               env=environment(KERAS_HOME=str(tmp_path)), stderr=other,
                               stdout=subprocess.DEVNULL)
    os.close(other)
    screen = pyte.Screen(columns, 60)
    stream = pyte.ByteStream(screen)
    with contextlib.suppress(OSError):
        for part in iter(lambda: os.read(main, 4096), b""):
            stream.feed(part)
    os.close(main)
    assert process.wait() == 0
    for name in NAMES:
        bars = [line for line in screen.display if line.startswith(name + ".gz [")]
        assert len(bars) == 1
        assert columns == 40 or "[####################]" in bars[0]


def test_lines_where_there_is_no_terminal(mirrors, tmp_path, capsys):
    mirrors(trickle)
    mnistdata.read_data_sets(str(tmp_path / "data"))
    lines = [line for line in capsys.readouterr().err.splitlines() if " MB" in line]
    assert 4 <= len(lines) <= 12


@pytest.mark.parametrize("stderr", [None, "closed"])
def test_no_standard_error(mirrors, tmp_path, monkeypatch, capsys, stderr):
    mirrors(None)
    stream = None
    if stderr == "closed":
        with open(str(tmp_path / "log"), "w") as stream:
            pass
    monkeypatch.setattr(sys, "stderr", stream)
    assert not mnistdata.read_data_sets(str(tmp_path / "data")).generated
    assert capsys.readouterr().out == ""


def test_batches_from_several_threads():
    numbers = np.arange(6000)
    data = mnistdata.DataSet(numbers, numbers, seed=0)
    seen = []

    def work():
        for _ in range(150):
            seen.append(data.next_batch(10)[0])
    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (np.bincount(np.concatenate(seen)) == 2).all() and data.epochs_completed == 2


def test_the_sets_are_a_named_tuple_and_the_last_ones_are_known(folder):
    sets = mnistdata.read_data_sets(str(folder))
    assert mnistdata.latest is sets and sets._fields[:3] == ("train", "test", "validation")
