"""Virtual screens, with a window manager where one is wanted, and hands for their windows."""

import contextlib
import os
import subprocess

from processes import environment


def xdotool(screen, *arguments):
    """What xdotool prints on doing something on a screen, or true; None where it cannot be done."""
    done = subprocess.run(["xdotool"] + [str(a) for a in arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, env=environment(DISPLAY=screen))
    return None if done.returncode else done.stdout.decode().split() or True


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
