"""Runs the scripts as a reader does, shorter: a copy of the text, and environment variables."""

import os
import re
import shutil
import subprocess
import sys
import tempfile

from processes import environment
from series import MODULES, ROOT


def script_text(name):
    """The text of a file of the series."""
    with open(os.path.join(ROOT, *name.split("/")), encoding="utf-8") as file:
        return file.read()


def shortened(text, iterations=None, seed=None):
    """A script's text with another number of iterations and another seed.

    The number is the one in the call of animate, such as 2000 in 2000 + 1. It is replaced wherever
    it stands.
    """
    if iterations is not None:
        number = re.search(r"^datavis\.animate\(\w+, (\d+)\b", text, re.M).group(1)
        text = re.sub(r"\b{}\b".format(number), str(iterations), text)
    if seed is not None:
        line = "\ntf.set_random_seed({})"
        assert text.count(line.format(0)) == 1
        text = text.replace(line.format(0), line.format(seed) + f"; mnistdata.SEED = {seed}")
    return text


def start_script(name, place, iterations=None, seed=None, text=None, folder=None, **variables):
    """Starts a copy of a script, which is made in a place of its own; returns the process.

    name        of a script of the series, or the path of another one; the copy is called the same
    place       a folder for the copy, and for what it leaves for the next run
    iterations  instead of those in its call of animate
    seed        of TensorFlow and of the loader, instead of 0
    text        instead of the file's
    folder      that it is started in; where None, the place
    variables   for its environment, beside those that a user without a display has
    """
    if text is None:
        with open(os.path.join(ROOT, name), encoding="utf-8") as file:
            text = file.read()
    path = os.path.join(str(place), os.path.basename(name))
    with open(path, "w", encoding="utf-8") as file:
        file.write(shortened(text, iterations, seed))
    variables.setdefault("TENSORFLOWVISU_DATA", os.path.join(str(place), "data"))
    return subprocess.Popen(
        [sys.executable, path], cwd=str(folder or place), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, universal_newlines=True,
        env=environment(PYTHONPATH=ROOT, **variables))


def run_script(name, *, timeout=600, **options):
    """Runs a copy of a script, as start_script says, to its end; returns the finished process."""
    with tempfile.TemporaryDirectory() as place:
        process = start_script(name, place, **options)
        try:
            output, errors = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def script_from_diff(name, folder):
    """Makes a script of docs/next_steps in a folder, with git apply; returns its text."""
    with open(os.path.join(ROOT, "docs", "next_steps", name[:-3] + ".diff"), "rb") as file:
        diff = file.read()
    base = diff.split(b"copy from ")[1].split(b"\n")[0].decode()
    shutil.copy(os.path.join(ROOT, base), str(folder))
    for made in (name, MODULES.get(name, name)):
        if os.path.exists(os.path.join(str(folder), made)):
            os.remove(os.path.join(str(folder), made))
    # No repository is needed, and none above the folder shall be asked.
    subprocess.run(["git", "apply"], input=diff, check=True, cwd=str(folder),
                   env=environment(GIT_CEILING_DIRECTORIES=os.path.dirname(str(folder))))
    with open(os.path.join(str(folder), name), encoding="utf-8") as file:
        return file.read()
