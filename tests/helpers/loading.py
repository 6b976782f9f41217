"""What the tests of the loader share: mirrors on the loopback interface, files as people have them.

alone, drawn, folder and mirrors are fixtures, which a test file has to import.
"""

import contextlib
import gzip
import hashlib
import os
import socket
import threading
import time

import pytest

import mnistdata
from digits import write_digits
from processes import wait_until
from series import ROOT

NAMES = list(mnistdata.SHA256)
KEYS = "x_train", "y_train", "x_test", "y_test"
OK = b"HTTP/1.1 200 OK\r\n"

# A script as a person would write it; the small set that it downloads counts as MNIST.
LOADER = """
import sys
sys.path.insert(0, {root!r})
import mnistdata
mnistdata.MIRRORS, mnistdata.TIMEOUT = {urls!r}, {timeout}
mnistdata.SHA256 = dict({sums!r})
mnistdata._TRAINING_DIGITS, mnistdata._TEST_DIGITS = 300, 100
sets = mnistdata.read_data_sets({folder!r})
print(sets.generated, sets.train.num_examples)
"""


def loader(tmp_path, url, folder, timeout=10):
    """Writes a script that reads the digits of a folder or of a mirror; returns its path."""
    script = tmp_path / "loader.py"
    script.write_text(LOADER.format(root=ROOT, urls=[url], folder=str(folder), timeout=timeout,
                                    sums=list(mnistdata.SHA256.items())))
    return script


class Mirror:
    """A server that does with each connection what a function does, be it HTTP or not.

    The function takes the connection and the name of the file that is asked for.
    """

    def __init__(self, behave, context=None):
        self.asked = []
        self._behave, self._context = behave, context
        self._server = socket.socket()
        self._server.bind(("127.0.0.1", 0))
        self._server.listen(20)
        self.url = "http{}://localhost:{}/mnist/".format(
            "s" if context else "", self._server.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=self._server.accept()[:1],
                                 daemon=True).start()

    def _serve(self, connection):
        with contextlib.suppress(OSError, IndexError):  # A killed client asks for nothing.
            if self._context:
                connection = self._context.wrap_socket(connection, server_side=True)
            name = connection.recv(65536).split()[1].decode().rpartition("/")[2]
            self.asked.append(name)
            self._behave(connection, name)
            connection.close()

    def close(self):
        self._server.close()


@pytest.fixture
def alone(monkeypatch, tmp_path):
    """No MNIST_DATA, no Keras copy, no mirror, unless a test sets them; few generated digits."""
    monkeypatch.delenv("MNIST_DATA", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(mnistdata, "MIRRORS", [])
    monkeypatch.setattr(mnistdata, "_TRAINING_DIGITS", 300)
    monkeypatch.setattr(mnistdata, "_TEST_DIGITS", 100)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


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


@pytest.fixture
def mirrors(drawn, monkeypatch):
    """Starts mirrors; a small set counts as MNIST, and None behaves as a mirror should."""
    packed = {name + ".gz": gzip.compress(content) for name, content in drawn.items()}
    monkeypatch.setattr(mnistdata, "SHA256", {
        name: hashlib.sha256(drawn[name]).hexdigest() for name in NAMES})
    monkeypatch.setattr(mnistdata, "TIMEOUT", 3)
    started = []

    def start(*behaviours, context=None):
        new = [Mirror(behave or start.good, context) for behave in behaviours]
        started.extend(new)
        monkeypatch.setattr(mnistdata, "MIRRORS", [mirror.url for mirror in new])
        return new

    start.files = packed
    start.good = lambda connection, name: answer(connection, packed[name])
    yield start
    # The threads that listened to the mirrors end by themselves.
    wait_until(lambda: "receive" not in [
        getattr(getattr(thread, "_target", None), "__name__", "")
        for thread in threading.enumerate()], seconds=10, every=0.02)
    for mirror in started:
        mirror.close()


def answer(connection, content, length=None):
    """Sends an answer of HTTP, which may announce another length than it has."""
    length = len(content) if length is None else length
    connection.sendall(OK + b"Content-Length: %d\r\n\r\n" % length + content)


def sends(head, part=b"", pause=0.0):
    """A server that sends a beginning, and then one part again and again."""
    def behave(connection, name):
        connection.sendall(head)
        end = time.time() + 60
        while part and time.time() < end:
            connection.sendall(part)
            time.sleep(pause)
    return behave


# ---------- Files ----------

def pack(path):
    """Replaces a raw file by its gzipped form."""
    path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()


def content_of(folder):
    """{name: bytes} of the files of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def filled(change):
    """Fills a file with something else than what it should have."""
    return lambda path, content: path.write_bytes(change(content))


# The wrong file, what makes it, and words of the sentence on it.
NO_FILE = "is a folder, a pipe or a link to nothing"
WORTHLESS = {
    "empty": (NAMES[1], filled(lambda c: b""), "is empty"),
    "length": (NAMES[0], filled(lambda c: c[:-784]),
               "announces 300 images, which take 235,216 bytes; found 234,432 bytes"),
    "truncated": (NAMES[0] + ".gz", filled(lambda c: gzip.compress(c)[:-1000]), "truncated"),
    "web page": (NAMES[0] + ".gz", filled(lambda c: b"<!DOCTYPE html><html>"), "is a web page"),
}
SOMEBODYS = {
    "magic": (NAMES[0], filled(lambda c: b"\0\0\x08\x01" + c[4:]),
              "no IDX file of images (magic number 2051): its first bytes are 00000801"),
    "label": (NAMES[1], filled(lambda c: c[:-1] + b"\x0b"), "holds the label 11; expected"),
    "size": (NAMES[0], filled(lambda c: c[:8] + b"\0\0\0\x20\0\0\0\x20" + bytes(300 * 1024)),
             "holds images of 32 x 32; expected 28 x 28"),
    "bomb": (NAMES[0] + ".gz", filled(lambda c: gzip.compress(bytes(10 ** 8), 1)), "48 MB unpack"),
    "huge": (NAMES[0], lambda path, c: (path.write_bytes(c), os.truncate(str(path), 10 ** 10)),
             "48 MB unpacked"),
    "folder": (NAMES[0], lambda path, c: (path / "mine").mkdir(parents=True), NO_FILE),
    "pipe": (NAMES[0], lambda path, c: os.mkfifo(str(path)), NO_FILE),
    "link to nothing": (NAMES[0], lambda path, c: path.symlink_to("nowhere"), NO_FILE),
    "link to an empty file": (NAMES[0], lambda path, c: (
        path.with_name("blank").write_bytes(b""), path.symlink_to("blank")), "is empty"),
}
ALL_KINDS = dict(WORTHLESS, **SOMEBODYS)


def damage(folder, kind):
    """Puts a wrong file in the place of a right one; returns it, and words on it."""
    name, make, words = ALL_KINDS[kind]
    right = folder / name.replace(".gz", "")
    content = right.read_bytes()
    right.unlink()
    make(folder / name, content)
    return folder / name, words


def state(folder):
    """What must not change where nothing is touched."""
    return sorted((entry.name, entry.lstat().st_ino, entry.lstat().st_mtime_ns)
                  for entry in folder.iterdir())


# Where each of the four files lies, and whether it is gzipped.
LAYOUTS = {
    "raw": lambda name, k: (name, False),
    "gzipped": lambda name, k: (name + ".gz", True),
    "a mix": lambda name, k: (name + ".gz" * (k % 2), k % 2),
    "names exchanged": lambda name, k: (name + ".gz" * (k % 2), not k % 2),
    "dots": lambda name, k: (name.replace("-idx", ".idx"), False),
    "upper case": lambda name, k: (name.upper() + ".GZ", True),
    "a folder each": lambda name, k: (name + "/" + name.replace("-idx", ".idx"), False),
    "torchvision": lambda name, k: ("MNIST/raw/" + name, False),
}
