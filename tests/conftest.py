"""What several tests share: a small set of digits, the real one, screens."""

import os
import signal

import pytest

from digits import write_digits
from loading import alone, drawn, folder, mirrors  # noqa: F401
from processes import need
from screens import virtual_screen
from series import ROOT

pytest.register_assert_rewrite("checks")
LAST_RUN = os.path.join(ROOT, "data", "last_run.csv")


# ---------- How they run ----------

def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="run the slow tests, too")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    # They wait more than they compute. Where whole folders are run, two files run at a time; each
    # process has screens of its own.
    if (getattr(config.option, "numprocesses", 0) is None and all(map(os.path.isdir, config.args))
            and "PYTEST_XDIST_WORKER" not in os.environ):
        config.option.numprocesses = 2
        config.option.dist = "loadfile"


def pytest_configure():
    # Where the tests run in the background, Ctrl-C is ignored, under nohup the end of a terminal,
    # and so they would be in the processes that they start. Handlers are not handed on to these.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)


def pytest_collection_modifyitems(config, items):
    """Without --slow or -m, the slow tests are left out, but those that are named one by one."""
    if config.option.slow or config.option.markexpr or any("::" in name for name in config.args):
        return
    config.left_out = [item for item in items if item.get_closest_marker("slow")]
    items[:] = [item for item in items if item not in config.left_out]


class Running:
    """A line on the terminal that says which test has begun, instead of a dot for each."""

    def __init__(self, reporter):
        self._reporter, self._begun = reporter, 0

    def pytest_runtest_logstart(self, nodeid):
        self._begun += 1
        line = "{}: {}".format(self._begun, nodeid)
        self._reporter.rewrite(line[:self._reporter._tw.fullwidth - 1], erase=True)

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report):
        return ("passed", "", "") if report.passed and report.when == "call" else None


def pytest_sessionstart(session):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and reporter.isatty and reporter.verbosity == 0:
        session.config.pluginmanager.register(Running(reporter))


def pytest_sessionfinish(session):
    if hasattr(session.config, "workeroutput"):  # one of the two processes, which tells the first
        session.config.workeroutput["left out"] = len(getattr(session.config, "left_out", []))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    node.config.left_out = range(getattr(node, "workeroutput", {}).get("left out", 0))


def pytest_terminal_summary(terminalreporter, config):
    number = len(getattr(config, "left_out", []))
    if number:
        terminalreporter.write_line(
            f"{number} slow tests were left out. With them: python -m pytest tests --slow")


# ---------- What they share ----------

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
    place = tmp_path_factory.mktemp("digits")
    write_digits(place, 3000, 1000)
    return str(place)


@pytest.fixture(scope="session")
def real_mnist():
    """The folder with the real MNIST, where it is at hand."""
    places = [os.environ.get("MNIST_DATA"), os.path.join(ROOT, os.pardir, "shared", "mnist")]
    for place in places:
        if place and os.path.exists(os.path.join(place, "t10k-labels-idx1-ubyte.gz")):
            return os.path.abspath(place)
    pytest.skip("real MNIST is not at hand: set MNIST_DATA to its folder")


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """For runs in this process: no display, no digits, a folder for all that they leave."""
    import matplotlib

    import mnistdata
    import tensorflowvisu
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tensorflowvisu, "DATA", str(tmp_path / "data"))
    monkeypatch.setattr(mnistdata, "latest", None)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    matplotlib.use("Agg")
    return tmp_path


@pytest.fixture(scope="session")
def screen():
    """A virtual screen of 1600 x 1000 pixels; its name, for DISPLAY."""
    need("Xvfb", "xdotool")
    with virtual_screen() as name:
        yield name
