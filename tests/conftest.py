"""What several tests share: a small set of digits, the real one, screens."""

import os
import signal

import numpy as np
import pytest

from digits import write_digits, write_idx  # noqa: F401
from live import RUN_BEFORE, data_of, live_script  # noqa: F401
from processes import environment, missing, need, on_terminal, run_python, wait_until  # noqa: F401
from screens import virtual_screen
from scripts import script_from_diff, script_text  # noqa: F401
from series import ROOT, SCRIPTS  # noqa: F401

pytest.register_assert_rewrite("checks")
TESTS = os.path.dirname(os.path.abspath(__file__))
LAST_RUN = os.path.join(ROOT, "data", "last_run.csv")


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="run the slow tests, too")


def pytest_configure():
    # Where the tests run in the background, Ctrl-C is ignored, and so it would be in the processes
    # that they start. A handler of their own is not handed on to these.
    signal.signal(signal.SIGINT, signal.default_int_handler)


left_out = []


def pytest_collection_modifyitems(config, items):
    if not config.option.slow and not config.option.markexpr:
        left_out[:] = [item for item in items if item.get_closest_marker("slow")]
        items[:] = [item for item in items if item not in left_out]


def pytest_terminal_summary(terminalreporter):
    if left_out:
        terminalreporter.write_line(
            "{} slow tests were left out. With them: python -m pytest tests --slow".format(
                len(left_out)))


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
    need("Xvfb", "xdotool")
    with virtual_screen() as name:
        yield name


@pytest.fixture(scope="session", params=["1024x768", "800x600"])
def small_screen(request):
    """A virtual screen as of an old projector, with a window manager; its name and its size."""
    need("Xvfb", "xdotool", "openbox")
    with virtual_screen(request.param, manager=True) as name:
        yield name, [int(size) for size in request.param.split("x")]


@pytest.fixture(scope="session")
def dense_screen():
    """A virtual screen with many pixels to the inch."""
    need("Xvfb", "xdotool")
    with virtual_screen(dpi=144) as name:
        yield name


def random_state():
    return np.random.RandomState(7)
