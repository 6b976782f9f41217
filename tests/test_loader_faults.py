"""The loader under attack: mirrors, proxies and writers that are not what they should be.

The servers listen on the loopback interface. Times are promises with room, and most tests make the
loader's seconds shorter.
"""

import contextlib
import gzip
import os
import random
import signal
import socket
import ssl
import subprocess
import sys
import time
import zlib

import pytest

import mnistdata
from loading import NAMES, OK, answer, content_of, loader, sends
from processes import environment, module, wait_until

pytestmark = pytest.mark.usefixtures("alone")

BOMB = gzip.compress(bytes(10 ** 8), 1) + b"\0" * 1000  # The loader stops at 48 MB of it.
NOISE = b"0123456789abcdef" * 4096
STORED = zlib.compressobj(0, zlib.DEFLATED, 31)
# The beginning of a gzip file that never ends, and what can follow as often as one likes.
GZIP, MORE = [STORED.compress(part) + STORED.flush(zlib.Z_SYNC_FLUSH) for part in (b"x", NOISE)]
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def redirect(target, *more):
    return sends(b"HTTP/1.1 302 Found\r\nLocation: " + target + b"\r\n\r\n", *more)


# What a mirror does, and words of the sentence that says why it is left. What has no end comes as
# fast as it can, too: a thread that reads it must not stay busy beside the training.
FAULTS = {
    "silent": (lambda c, n: time.sleep(3), "timed out"),
    "endless header": (sends(OK, b"X", 0.02), "no answer in time"),
    "one header after the other": (sends(OK, b"X: y\r\n", 0.02), "no answer in time"),
    "continue for ever": (sends(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), "no answer in time"),
    "slow body": (sends(OK + b"\r\n" + GZIP, b"x", 0.02), "less than 50 kB a second"),
    "endless trailers": (sends(CHUNKED + b"1\r\n\x1f\r\n0\r\n", b"X: y\r\n" * 1000),
                         "less than 50 kB a second"),
    "endless body": (sends(OK + b"\r\n" + GZIP, MORE), "more than 16 MB"),
    "endless images": (sends(OK + b"\r\n\0\0\x08\x03", NOISE), "the file "),
    "noise": (sends(OK + b"\r\n", NOISE), "its first bytes are 30313233"),
    "announces 10 GB": (sends(OK + b"Content-Length: 10000000000\r\n\r\n", NOISE), "no IDX file"),
    "bomb": (sends(OK + b"Connection: close\r\n\r\n" + BOMB), "48 MB unpacked"),
    "less than no length": (sends(OK + b"Content-Length: -5\r\n\r\n"), "the file is empty"),
    "a header that is too long": (sends(OK + b"X: " + b"y" * 70000 + b"\r\n\r\n"), "no sense"),
    "packed once more": (sends(OK + b"Content-Encoding: br\r\n\r\n\x0b\x02\x80"), "0b0280"),
    "says nothing and goes": (lambda c, n: None, "closed connection without response"),
    "goes in mid-chunk": (sends(CHUNKED + b"ffff\r\n\x1f\x8b\x08"), "IncompleteRead"),
    "sends on to itself without an end": (lambda c, n: c.sendall(
        b"HTTP/1.1 302 Found\r\nLocation: " + n.encode() + b"x\r\n\r\n"), "answered 302"),
    "no HTTP": (sends(b"\x1b[31mSSH-2.0\r\n\r\n"), "makes no sense (BadStatusLine)"),
    "steers the terminal": (sends(b"HTTP/1.1 503 \x1b[2J\x9bHa\x07\r\n\r\n"),
                            "answered 503 ?[2J?Ha?"),
    "sent on to a file": (redirect(b"file:///etc/passwd"), "points to file:///etc/passwd"),
    "sent on to a page": (redirect(b"http://hotel/login"),
                          "302 Found and points to http://hotel/login (a sign-in page, perhaps)."),
    "sent on with an endless page": (redirect(b"/x", NOISE), "302"),
    "a web page": (sends(OK + b"\r\n<html><body>Welcome to the hotel</body></html>"), "web page"),
    "half a file": (sends(OK + b"\r\n" + GZIP), "truncated"),
    "goes too soon": (sends(OK + b"Content-Length: 1000000\r\n\r\n" + GZIP), "broke after"),
    "other digits": (sends(OK + b"\r\n" + gzip.compress(
        b"\0\0\x08\x03\0\0\0\x01\0\0\0\x1c\0\0\0\x1c" + bytes(784))), "SHA-256"),
}


def memory(kind):
    """Kilobytes of this process: VmRSS now, VmHWM at most; 0 where that cannot be known."""
    with contextlib.suppress(OSError), open("/proc/self/status") as file:
        return int(file.read().partition(kind + ":")[2].split()[0])
    return 0


@pytest.fixture
def start(tmp_path):
    """Starts a script that reads digits from a mirror, or from a folder that may lack some."""
    def start(url, folder="data", before=(), first="", **options):
        script = first + loader(tmp_path, url, tmp_path / folder).read_text()
        options = dict({"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}, **options)
        return subprocess.Popen([*before, sys.executable, "-c", script], text=True,
                                env=environment(KERAS_HOME=str(tmp_path)), **options)
    return start


def busy():
    """The seconds of the processor that all threads together take in a tenth of a second."""
    begun = time.process_time()
    time.sleep(0.1)
    return time.process_time() - begun


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_a_faulty_mirror_is_left(mirrors, tmp_path, monkeypatch, capsys, fault):
    behave, words = FAULTS[fault]
    bad, _ = mirrors(behave, None)
    monkeypatch.setattr(mnistdata, "TIMEOUT", 0.7)
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # The highest memory is counted from here.
    before, begun = memory("VmRSS"), time.time()
    assert not mnistdata.read_data_sets(str(tmp_path / "data")).generated
    assert time.time() - begun < 30
    assert memory("VmHWM") - before < 200000
    notice = capsys.readouterr().err
    assert words in notice
    assert all(c == "\n" or c.isprintable() for c in notice)
    # A host that failed once is not asked again.
    assert len(bad.asked) == 1 and content_of(tmp_path / "data") == mirrors.files
    # Nothing is left beside the training.
    assert wait_until(lambda: busy() < 0.05, seconds=5, every=0)


# ---------- Time ----------

def test_a_bar_grows_while_a_file_comes(mirrors, tmp_path, monkeypatch, capsys):
    """A silence shorter than the time-out is no failure.

    The bar is written bit by bit, so that it is the same on a terminal, in a notebook or a file.
    """
    def pausing(connection, name):
        content = mirrors.files[name]
        answer(connection, content[:len(content) // 2], len(content))
        time.sleep(0.3)
        connection.sendall(content[len(content) // 2:])
    mirror, = mirrors(pausing)
    monkeypatch.setattr(mnistdata, "TIMEOUT", 0.7)
    sets = mnistdata.read_data_sets(str(tmp_path / "data"))
    assert sets.train.num_examples == 300 and not sets.generated
    notice = capsys.readouterr().err
    assert notice.startswith("mnistdata: Downloading " + mirror.url)
    assert notice.count("\n0% ..... 25% ..... 50% ..... 75% ..... 100% (0.") == 4
    assert all(c.isprintable() or c == "\n" for c in notice)
    # Nothing is downloaded twice.
    mnistdata.read_data_sets(str(tmp_path / "data"))
    assert len(mirror.asked) == 4 and capsys.readouterr().err == ""


@pytest.mark.parametrize("trouble", ["look-up", "headers"])
def test_mirrors_share_the_time(mirrors, tmp_path, monkeypatch, trouble):
    """Six times the time-out for all of them together, where nothing useful arrives."""
    mirrors(*[sends(OK, b"X: y\r\n", 0.02)] * 20)
    if trouble == "look-up":
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(1.5))
    monkeypatch.setattr(mnistdata, "TIMEOUT", 0.3)
    begun = time.time()
    assert mnistdata.read_data_sets(str(tmp_path / "data")).generated
    assert time.time() - begun < 6 * mnistdata.TIMEOUT + 5


def test_the_times_and_sizes_that_are_promised():
    assert (mnistdata.TIMEOUT, mnistdata.SLOWEST) == (10, 50000)
    assert (mnistdata._PACKED, mnistdata._UNPACKED) == (16000000, 48000000)


def test_the_interrupt_key_leaves_at_once(mirrors, tmp_path, start):
    mirror, = mirrors(FAULTS["slow body"][0])
    process = start(mirror.url)
    wait_until(lambda: mirror.asked, every=0.01)
    begun = time.time()
    process.send_signal(signal.SIGINT)
    assert "KeyboardInterrupt" in process.communicate()[1] and time.time() - begun < 8
    assert not (tmp_path / "data").exists()


# ---------- Certificates, proxies ----------

def framed(notice):
    """The words in the frame that tells of generated digits."""
    return " ".join(notice.partition("THESE ARE GENERATED DIGITS")[2].replace("|", " ").split())


@pytest.mark.parametrize("way, asked", [("known", 4), ("faulty", 1), ("unknown", 0)])
def test_certificates_of_certifi(mirrors, tmp_path, monkeypatch, capsys, way, asked):
    """They are tried once, where those of the system do not do."""
    certifi, authority = module("certifi"), module("trustme").CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    if way == "faulty":
        monkeypatch.setattr(mnistdata, "TIMEOUT", 0.5)
    if way != "unknown":
        monkeypatch.setattr(certifi, "where", lambda: str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    mirror, = mirrors(FAULTS["endless trailers"][0] if way == "faulty" else None, context=context)
    assert mnistdata.read_data_sets(str(tmp_path / "data")).generated == (way != "known")
    notice = capsys.readouterr().err
    assert "certificate verify failed" in notice and notice.count("package certifi") == 1
    assert len(mirror.asked) == asked
    frame = framed(notice)
    if way == "unknown":
        assert "certificates could not be verified" in frame and "Install Certificates" in frame
        assert "connect to the network" not in frame


@pytest.mark.parametrize("variable", ["http_proxy", "all_proxy", "no_proxy"])
def test_through_a_proxy(mirrors, tmp_path, monkeypatch, capsys, variable):
    """Unless the host needs none."""
    proxy, = mirrors(None)
    address = proxy.url.replace("http://", "").replace("/mnist/", "")
    if variable == "no_proxy":
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
        monkeypatch.setenv("no_proxy", "localhost")
    else:
        monkeypatch.setenv(variable, "http://me:secret@" + address)
        monkeypatch.setattr(mnistdata, "MIRRORS", ["http://mirror.invalid/mnist"])
    assert not mnistdata.read_data_sets(str(tmp_path / "data")).generated
    notice = capsys.readouterr().err
    times = 0 if variable == "no_proxy" else 4
    assert notice.count("proxy") == notice.count(f"through the proxy http://{address}\n") == times
    assert "secret" not in notice


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("proxy, words", [
    ("http://me:secret@127.0.0.1:1", "through the proxy http://127.0.0.1:1: Connection refused."),
    ("127.0.0.1:1", "through the proxy 127.0.0.1:1: Connection refused."),
    ("socks5h://me:secret@127.0.0.1:1",
     "through the proxy socks5h://127.0.0.1:1: Python's standard library needs one such as"
     " http://host:port, no SOCKS."),
    ("http://me:se/cret@127.0.0.1:1", "through the proxy of the settings: "),
    ("http://me:12/secret@127.0.0.1:1", "through the proxy of the settings: "),
    ("http:me:secret@127.0.0.1:1", "through the proxy 127.0.0.1:1: Connection refused."),
    ("http://[", "through the proxy of the settings: ")])
def test_a_proxy_that_does_not_work(tmp_path, monkeypatch, capsys, scheme, proxy, words):
    """It is named, once, without its password; nobody goes round it."""
    monkeypatch.setenv("ALL_PROXY" if "socks" in proxy else scheme + "_proxy", proxy)
    monkeypatch.setattr(mnistdata, "MIRRORS", [scheme + "://mirror.invalid/mnist/"] * 2)
    assert mnistdata.read_data_sets(str(tmp_path / "data")).generated
    notice = capsys.readouterr().err
    assert notice.count(words) == 2 and "cret" not in notice
    frame = framed(notice)
    assert frame.count("through the proxy") == 1 and "see that this proxy works" in frame


# ---------- Many, killed, hindered ----------

def test_five_loaders_at_once_with_two_damaged_files(mirrors, folder, start):
    mirror, = mirrors(None)
    for name in NAMES[:2]:
        (folder / name).write_bytes(b"")
    processes = [start(mirror.url, folder) for _ in range(5)]
    assert [process.communicate()[0].split() for process in processes] == [["False", "300"]] * 5
    after = content_of(folder)
    assert sorted(after) == sorted([NAMES[0] + ".gz", NAMES[1] + ".gz"] + NAMES[2:])
    assert all(after[name + ".gz"] == mirrors.files[name + ".gz"] for name in NAMES[:2])


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL here")
def test_killed_at_any_moment(mirrors, tmp_path, start):
    """What is there is whole; what is not is finished by the next one, and leaves nothing."""
    def slowly(connection, name):
        time.sleep(0.02)
        mirrors.good(connection, name)
    mirror, = mirrors(slowly)
    data = tmp_path / "data"
    data.mkdir()
    for name in (NAMES[0] + ".gz-a.part", "mine.part"):
        (data / name).write_bytes(b"half")
        os.utime(str(data / name), (1, 1))
    (data / (NAMES[0] + ".gz-b.part")).write_bytes(b"half")  # a live one's
    chance = random.Random(0)
    for _ in range(5):
        count = len(mirror.asked)
        process = start(mirror.url)
        wait_until(lambda n=count, p=process: len(mirror.asked) > n or p.poll() == 0, every=0.001)
        time.sleep(chance.random() * 0.1)
        process.kill()
        process.communicate()
        for name, content in content_of(data).items():
            assert name.endswith(".part") or content == mirrors.files[name]
        (data / (NAMES[0] + ".gz")).exists() and (data / (NAMES[0] + ".gz")).unlink()
    assert start(mirror.url).communicate()[0].split() == ["False", "300"]
    after = content_of(data)
    assert after.pop("mine.part") == after.pop(NAMES[0] + ".gz-b.part") == b"half"
    assert {name: after[name] for name in after if ".part" not in name} == mirrors.files
    assert NAMES[0] + ".gz-a.part" not in after


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="rights and limits as on Linux")
@pytest.mark.parametrize("network", [True, False])
@pytest.mark.parametrize("way, reason", [
    ("a file", "File exists"), ("rights", "Permission denied"), ("disk full", "File too large")])
def test_digits_that_cannot_be_kept_are_used(mirrors, tmp_path, start, way, reason, network):
    mirror, = mirrors(None)
    data, options = tmp_path / "data", {}
    if way == "a file":
        data.write_text("in the way")
    elif way == "disk full":
        options["first"] = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
"""
    else:
        data.mkdir()
        data.chmod(0o555)
        if os.geteuid() == 0:  # Without this capability, root is held to the rights like anybody.
            options["before"] = ["setpriv", "--bounding-set=-dac_override",
                                 "--inh-caps=-dac_override"]
    process = start(mirror.url if network else "http://localhost:1/", **options)
    output, errors = process.communicate()
    assert output.split() == [str(not network), "300"]
    assert errors.count("used all the same, cannot be kept in") == 1 and reason in errors
    assert data.read_text() == "in the way" if way == "a file" else not content_of(data)


@pytest.mark.parametrize("end", ["2>&-", "2>/dev/full", "2>&1 >/dev/null | true"])
def test_no_place_for_messages(mirrors, tmp_path, start, end):
    if not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full here")
    mirror, = mirrors(None)
    start(mirror.url, before=["sh", "-c", '"$@" ' + end, "sh"]).communicate()
    assert content_of(tmp_path / "data") == mirrors.files
