"""What several tests share: a small set of digits, scripts in processes of their own, a screen."""

import os
import shutil
import struct
import subprocess
import sys
import time

import numpy as np
import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TESTS = os.path.join(ROOT, "tests")
sys.path.insert(0, ROOT)
sys.path.insert(0, TESTS)

SCRIPTS = sorted(name for name in os.listdir(ROOT) if name.startswith("mnist_"))


def missing(what):
    """Skips a test for want of a tool; where CI is set, all tools must be there."""
    if os.environ.get("CI"):
        pytest.fail(what + " is missing")
    pytest.skip(what + " is missing")


def need(*programs):
    """The test goes on where these programs are installed."""
    for program in programs:
        if shutil.which(program) is None:
            missing(program)


def write_idx(path, array):
    """Writes uint8 images [n, 28, 28] or labels [n] in the IDX format."""
    magic = 2051 if array.ndim == 3 else 2049
    with open(str(path), "wb") as file:
        file.write(struct.pack(">{}I".format(1 + array.ndim), magic, *array.shape))
        file.write(array.tobytes())


def write_digits(folder, train, test):
    """Writes the four files of a set with so many drawn digits."""
    import mnistdata
    images, labels = mnistdata._draw_digits(train + test)
    names = list(mnistdata.SHA256)
    for name, array in zip(names, (images[:train], labels[:train], images[train:], labels[train:])):
        write_idx(os.path.join(str(folder), name), array)


@pytest.fixture(scope="session")
def small_digits(tmp_path_factory):
    """A folder with a small set of digits, for MNIST_DATA."""
    folder = tmp_path_factory.mktemp("digits")
    write_digits(folder, 3000, 1000)
    return str(folder)


@pytest.fixture(scope="session")
def real_mnist():
    """The folder with the real MNIST, where it is at hand."""
    folders = [os.environ.get("MNIST_DATA"), os.path.join(ROOT, os.pardir, "shared", "mnist")]
    for folder in folders:
        if folder and os.path.exists(os.path.join(folder, "t10k-labels-idx1-ubyte.gz")):
            return os.path.abspath(folder)
    pytest.skip("real MNIST is not at hand: set MNIST_DATA to its folder")


@pytest.fixture(scope="session")
def screen():
    """A virtual screen of 1600 x 1000 pixels; its name, for DISPLAY."""
    yield from _screen("1600x1000x24", 96)


@pytest.fixture(scope="session")
def small_screen():
    """A virtual screen as of an old projector."""
    yield from _screen("1024x768x24", 96)


@pytest.fixture(scope="session")
def dense_screen():
    """A virtual screen with many pixels to the inch."""
    yield from _screen("1600x1000x24", 144)


def _screen(size, dpi):
    need("Xvfb", "xdotool")
    read, write = os.pipe()
    # The server picks a number that is free, and writes it when it is ready.
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-noreset", "-screen", "0", size, "-dpi", str(dpi)],
        stderr=subprocess.DEVNULL, pass_fds=[write])
    os.close(write)
    with os.fdopen(read) as file:
        name = ":" + file.readline().strip()
    yield name
    server.terminate()
    server.wait()


def wait_until(condition, seconds=60, every=0.1):
    """Waits for a condition and returns its first true value; fails where it does not come."""
    end = time.time() + seconds
    while time.time() < end:
        value = condition()
        if value:
            return value
        time.sleep(every)
    raise AssertionError("it did not happen within {} seconds".format(seconds))


def environment(**changes):
    """The environment of a user without a display; None removes a variable."""
    variables = dict(os.environ, PYTHONDONTWRITEBYTECODE="1")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "MPLBACKEND", "MNIST_DATA"):
        variables.pop(name, None)
    for name, value in changes.items():
        variables.pop(name, None)
        if value is not None:
            variables[name] = value
    return variables


def run_python(*arguments, **options):
    """Runs Python on a file of tests/ and returns the finished process, its output as text."""
    options.setdefault("env", environment())
    return subprocess.run([sys.executable] + [str(a) for a in arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True, timeout=600, **options)


def on_terminal(arguments, **options):
    """Runs Python with a terminal as its standard error; returns what is written there."""
    pty = pytest.importorskip("pty")
    main, other = pty.openpty()
    process = subprocess.Popen([sys.executable] + [str(a) for a in arguments],
                               stdout=subprocess.DEVNULL, stderr=other, **options)
    os.close(other)
    seen = b""
    while True:
        try:
            part = os.read(main, 4096)
        except OSError:  # The process has closed its end.
            break
        if not part:
            break
        seen += part
    os.close(main)
    assert process.wait() == 0, seen
    return seen.decode()


def script_text(name):
    with open(os.path.join(ROOT, name), encoding="utf-8") as file:
        return file.read()


def random_state():
    return np.random.RandomState(7)
