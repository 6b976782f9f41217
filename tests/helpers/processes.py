"""Processes as a user starts them, and waiting for what they do."""

import os
import re
import shutil
import subprocess
import sys
import time

import pytest


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


def module(name):
    """The test goes on where a package is installed."""
    try:
        return __import__(name)
    except ImportError:
        # Old Pythons do without some tools of the tests.
        if sys.version_info < (3, 10):
            pytest.skip(name + " is missing")
        missing("the package " + name)


def wait_until(condition, seconds=300, every=0.1):
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
    # What is printed is read at once: through a pipe it would come when there are pages of it.
    variables = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", PYTHONUNBUFFERED="1")
    # The last one is set where the tests' own process imports the panels.
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "MPLBACKEND", "MNIST_DATA", "TENSORFLOWVISU_DATA",
                 "TF_CPP_MIN_LOG_LEVEL"):
        variables.pop(name, None)
    for name, value in changes.items():
        variables.pop(name, None)
        if value is not None:
            variables[name] = value
    return variables


def run_python(*arguments, **options):
    """Runs Python on a file of tests/ and returns the finished process, its output as text."""
    options.setdefault("env", environment())
    return subprocess.run([sys.executable] + [str(a) for a in arguments], capture_output=True,
                          text=True, timeout=600, **options)


def without_memory_lines(errors):
    """What was written to standard error, without TensorFlow 1.15's lines on large tensors.

    It counts the system's cache of files as used, so they come on any machine that has run a while.
    """
    return re.sub(r".*Allocation of \d+ exceeds 10% of (free )?system memory\.\n", "", errors)


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
