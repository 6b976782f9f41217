"""Virtual screens, with a window manager where one is wanted."""

import contextlib
import os
import subprocess

from processes import environment


@contextlib.contextmanager
def virtual_screen(size="1600x1000", dpi=96, manager=False):
    """A virtual screen of so many pixels; its name, for DISPLAY."""
    read, write = os.pipe()
    # The server picks a number that is free, and writes it when it is ready.
    processes = [subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-noreset", "-screen", "0", size + "x24", "-dpi",
         str(dpi)], stderr=subprocess.DEVNULL, pass_fds=[write])]
    os.close(write)
    with os.fdopen(read) as file:
        name = ":" + file.readline().strip()
    if manager:
        processes.append(subprocess.Popen(
            ["openbox", "--sm-disable"], env=environment(DISPLAY=name),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    try:
        yield name
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait()
