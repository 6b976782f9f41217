"""What several tests share: a small set of digits, scripts in processes of their own, a screen."""

import os
import shutil
import struct
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

TESTS = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, TESTS)
from series import ROOT, SCRIPTS  # noqa: F401

sys.path.insert(0, ROOT)
pytest.register_assert_rewrite("checks")
LAST_RUN = os.path.join(ROOT, "data", "last_run.csv")

# A script as a user would write it, but quick; what it leaves for the next run goes to a folder of
# its own.
LIVE = """
import os, sys, time
sys.path.insert(0, {root!r})
import numpy as np
import tensorflowvisu

tensorflowvisu.DATA = {data!r}
random = np.random.RandomState(0)
digits = random.randint(0, 255, [280, 280, 3]).astype(np.uint8)
test_digits = random.randint(0, 255, [700, 1120, 3]).astype(np.uint8)
datavis = tensorflowvisu.MnistDataVis({arguments})
done = 0
{first}


def step(i, update_test_data, update_train_data):
    global done
    done = i
    time.sleep({pause})
    if update_train_data:
        datavis.append_training_curves_data(i, 1 - 1 / (i + 2), 90 / (1 + i / 50))
        datavis.append_data_histograms(i, random.randn(100), random.randn(100))
        datavis.update_image1(digits)
    if update_test_data:
        datavis.append_test_curves_data(i, 0.9, 30)
        datavis.update_image2(test_digits)
    {extra}


{call}
print("max test accuracy: " + str(datavis.get_max_test_accuracy()), flush=True)
"""

# What a run on digits of its own leaves: its lines are as the next run reads them.
RUN_BEFORE = """# script: mnist_2.0_five_layers_sigmoid; time: 2026-01-02 03:04:05; \
TensorFlow: 1.15.5; digits: its own
# iteration, training accuracy, training loss, test accuracy, test loss
0,0.1,99,0.1,95
50,0.5,60,nan,nan
100,0.7,40,0.55,45
400,0.9,20,0.8,25
"""


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
        file.write(struct.pack(f">{1 + array.ndim}I", magic, *array.shape))
        file.write(array.tobytes())


def write_digits(folder, train, test):
    """Writes the four files of a set with so many drawn digits."""
    import mnistdata
    images, labels = mnistdata._draw_digits(train + test)
    names = list(mnistdata.SHA256)
    for name, array in zip(names, (images[:train], labels[:train], images[train:], labels[train:])):
        write_idx(os.path.join(str(folder), name), array)


def live_script(folder, call=None, first="", extra="pass", iterations=101, pause=0, options="",
                arguments="", before=False):
    """Writes live.py to a folder, and the run before to its neighbour; returns the script's path.

    first    what is done before the training
    extra    what a step does at its end
    call     what is done instead of one call of animate
    before   whether there is a run before
    """
    script, data = folder / "live.py", data_of(folder)
    script.write_text(LIVE.format(
        root=ROOT, data=str(data), pause=pause, arguments=arguments, first=textwrap.dedent(first),
        extra=textwrap.indent(textwrap.dedent(extra), "    ").strip(),
        call=textwrap.dedent(call or f"datavis.animate(step, {iterations}, 10, 50{options})")))
    if before:
        data.mkdir()
        (data / "last_run.csv").write_text(RUN_BEFORE)
    return script


def data_of(folder):
    """Where the script in a folder keeps the run before, beside the folder itself."""
    return folder.parent / (folder.name + "-data")


@pytest.fixture(scope="session", autouse=True)
def last_run_of_the_user():
    """No test reads or writes the curves that the user's own last run has left."""
    def content():
        if not os.path.exists(LAST_RUN):
            return None
        with open(LAST_RUN, "rb") as file:
            return file.read()

    before = content()
    yield
    assert content() == before


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


@pytest.fixture(scope="session", params=["1024x768", "800x600"])
def small_screen(request):
    """A virtual screen as of an old projector, with a window manager; its name and its size."""
    need("openbox")
    for name in _screen(request.param + "x24", 96):
        manager = subprocess.Popen(["openbox", "--sm-disable"], env=environment(DISPLAY=name),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        yield name, [int(size) for size in request.param.split("x")]
        manager.terminate()
        manager.wait()


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
    raise AssertionError(f"it did not happen within {seconds} seconds")


def environment(**changes):
    """The environment of a user without a display; None removes a variable."""
    variables = dict(os.environ, PYTHONDONTWRITEBYTECODE="1")
    # The last one is set where the tests' own process imports the panels.
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "MPLBACKEND", "MNIST_DATA", "TF_CPP_MIN_LOG_LEVEL"):
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


def script_from_diff(name, folder):
    """Makes a script of docs/next_steps in a folder, with git apply; returns its text."""
    with open(os.path.join(ROOT, "docs", "next_steps", name[:-3] + ".diff"), "rb") as file:
        diff = file.read()
    base = diff.split(b"copy from ")[1].split(b"\n")[0].decode()
    shutil.copy(os.path.join(ROOT, base), str(folder))
    if os.path.exists(os.path.join(str(folder), name)):
        os.remove(os.path.join(str(folder), name))
    # No repository is needed, and none above the folder shall be asked.
    subprocess.run(["git", "apply"], input=diff, check=True, cwd=str(folder),
                   env=environment(GIT_CEILING_DIRECTORIES=os.path.dirname(str(folder))))
    with open(os.path.join(str(folder), name), encoding="utf-8") as file:
        return file.read()


def random_state():
    return np.random.RandomState(7)
