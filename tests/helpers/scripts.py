"""Runs the scripts as a reader does, but shorter: a copy of the text, environment variables."""

import contextlib
import io
import os
import re
import subprocess
import sys
import tempfile

from processes import environment, without_memory_lines
from series import ROOT

TRAINING_LINE = re.compile(r"^(\d+): accuracy:(\S+) loss: (\S+)(?: \(lr:(.+)\))?$", re.M)
TEST_LINE = re.compile(
    r"^(\d+): \*{9} epoch (\d+) \*{9} (?:test|validation) accuracy:(\S+)"
    r" (?:test|validation) loss: (\S+)$", re.M)


def script_text(name):
    """The text of a file of the series."""
    with open(os.path.join(ROOT, *name.split("/")), encoding="utf-8") as file:
        return file.read()


def shortened(text, iterations=None, seed=None):
    """A script's text with another number of iterations and another seed.

    The number is the one in the call of animate, such as 2000 in 2000 + 1. It is replaced wherever
    it stands. The seed is added to the text's own, which is 0 but in an edit.
    """
    if iterations is not None:
        number = re.search(r"^datavis\.animate\(\w+, (\d+)\b", text, re.M).group(1)
        text = re.sub(r"\b{}\b".format(number), str(iterations), text)
    if seed is not None:
        own = re.search(r"^tf\.set_random_seed\((\d+)\)$", text, re.M)
        line = "tf.set_random_seed({})".format(int(own.group(1)) + seed)
        if "\nimport mnistdata\n" in text:
            line += "; mnistdata.SEED = {}".format(seed)
        text = text.replace(own.group(), line)
    return text


def built(name, text=None, digits=None):
    """What a script has built where its training would begin: its names, such as sess and X.

    It runs in this process. digits is the folder for MNIST_DATA, where that is not set.
    """
    text = text or script_text(name)
    return _executed(name, text[:text.index("\ndatavis.animate(")], digits)


def trained(name, iterations, text=None, digits=None):
    """What a script prints in this process, where only text is wanted, with fewer iterations."""
    text = shortened(text or script_text(name), iterations)
    call, loop = text_only_lines(text)
    return printed_here(name, text.replace(call, "# " + call).replace("# " + loop, loop), digits)


def printed_here(name, text, digits=None):
    """What a script that opens no panels prints in this process."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        _executed(name, text, digits)["sess"].close()
    return output.getvalue()


def _executed(name, text, digits):
    """The names of a script that has run here; nothing else stays of it."""
    import mnistdata
    names = {"__name__": "__main__", "__file__": os.path.join(ROOT, name)}
    before, seed = dict(os.environ), mnistdata.SEED
    if digits:
        os.environ["MNIST_DATA"] = str(digits)
    try:
        exec(compile(text, name, "exec"), names)
    finally:
        os.environ.clear()
        os.environ.update(before)
        mnistdata.SEED = seed
    return names


def text_only_lines(text):
    """The call of animate, and the loop that replaces it."""
    call, = re.findall(r"^datavis\.animate\(.*$", text, re.M)
    loop, = re.findall(r"^# (for i in range\(.*)$", text, re.M)
    return call, loop


def start_script(name, place, iterations=None, seed=None, text=None, folder=None, module=None,
                 arguments=(), **variables):
    """Starts a copy of a script, which is made in a place of its own; returns the process.

    name        of a script of the series, or the path of another one; the copy is called the same
    place       a folder for the copy, and for what it leaves for the next run
    iterations  instead of those in its call of animate
    seed        of TensorFlow and of the loader
    text        instead of the file's
    folder      that it is started in; where None, the place
    module      a name and a text: what lies beside the copy, where a script brings a module
    arguments   of Python, instead of the copy's path
    variables   for its environment, beside those that a user without a display has
    """
    if text is None:
        with open(os.path.join(ROOT, name), encoding="utf-8") as file:
            text = file.read()
    path = os.path.join(str(place), os.path.basename(name))
    with open(path, "w", encoding="utf-8") as file:
        file.write(shortened(text, iterations, seed))
    if module:
        with open(os.path.join(str(place), module[0]), "w", encoding="utf-8") as file:
            file.write(module[1])
    variables.setdefault("TENSORFLOWVISU_DATA", os.path.join(str(place), "data"))
    return subprocess.Popen(
        [sys.executable, *(arguments or [path])], cwd=str(folder or place),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True,
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
        return subprocess.CompletedProcess(process.args, process.returncode, output,
                                           without_memory_lines(errors))
