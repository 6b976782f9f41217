"""Tries the six scripts on other versions of Python, TensorFlow, NumPy, matplotlib and toolkits.

    python tests/tools/versions.py list            # the combinations, by name
    python tests/tools/versions.py try             # all of them: about an hour on two quiet cores
    python tests/tools/versions.py try 3.8 colab   # two of them

For each combination uv makes a fresh environment in a folder that is removed afterwards. There the
scripts run shortened, one after the other, without a display, and 1.0 in a window of each toolkit,
on a virtual screen (Xvfb), with keys from xdotool. What was seen is recorded in
tests/tools/versions.json; python tests/tools/tables.py write makes the table in docs/versions.md.
"""

import argparse
import collections
import glob
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import threading
import time

import paths  # noqa: F401
import digits
from processes import environment, wait_until
from screens import virtual_screen
from scripts import script_text, shortened
from series import ROOT, SCRIPTS

RECORD = os.path.join(ROOT, "tests", "tools", "versions.json")
ITERATIONS = 40

Combination = collections.namedtuple("Combination", "python packages what windows")
OURS = "-r " + os.path.join(ROOT, "install.txt")
TK_AND_QT = ("TkAgg", "QtAgg")
OTHERS = ("GTK3Agg", "GTK4Agg", "WXAgg")


def combination(python, packages=OURS, what="", windows=TK_AND_QT):
    return Combination(python, packages, what, windows)


def pinned(tensorflow, numpy=None, matplotlib=None):
    """Packages of these versions; where one is not named, what suits TensorFlow."""
    versions = (("tensorflow", tensorflow), ("numpy", numpy), ("matplotlib", matplotlib))
    return " ".join(name + ("==" + version if version else "") for name, version in versions)


COMBINATIONS = {
    "3.7": combination("3.7", what="`install.txt`"),
    "3.8": combination("3.8", what="`install.txt`"),
    "3.9": combination("3.9", what="`install.txt`"),
    "3.10": combination("3.10", what="`install.txt`"),
    "3.11": combination("3.11", what="`install.txt`"),
    "3.12": combination("3.12", what="`install.txt`"),
    "3.13": combination("3.13", what="`install.txt`"),
    "colab": combination("3.12", pinned("2.19.0", "2.0.2", "3.10.0"), "Colab's versions"),
    "conda": combination("3.12", pinned("2.19.1", "2.1.3", "3.10.8"), "a set as conda-forge's"),
    "oldest": combination("3.8", pinned("2.12.1", "1.22.4", "3.5.3"), "the oldest of TensorFlow 2"),
    "2.12": combination("3.9", pinned("2.12.1", "1.24.3", "3.6.3")),
    "2.14": combination("3.11", pinned("2.14.1", "1.26.4", "3.8.4")),
    "2.15": combination("3.11", pinned("2.15.1", "1.26.4")),
    "2.16": combination("3.12", pinned("2.16.2"), "the last for Macs with Intel processors"),
    "2.17": combination("3.12", pinned("2.17.1")),
    "2.18": combination("3.12", pinned("2.18.1")),
    "cpu": combination("3.12", "tensorflow-cpu matplotlib", "the package `tensorflow-cpu`"),
    "tf-keras": combination("3.13", OURS + " tf-keras", "with Keras 2 beside it"),
    "2.22": combination("3.13", pinned("2.22.0rc0") + " keras-nightly>=3.12.0.dev0",
                        "before its release"),
    "debian": combination("debian", pinned("2.19.0"), "Debian 12's toolkits", OTHERS),
    "debian, newest": combination("debian", what="Debian 12's toolkits", windows=OTHERS),
}


# ---------- Environments ----------

def python_of(version):
    """An interpreter of this version, or what makes uv find or fetch one."""
    if version == "debian":
        return "/usr/bin/python3"
    found = glob.glob(os.path.expanduser("~/.pyenv/versions/{}.*/bin/python".format(version)))
    return found[0] if found else version


def made(one, folder):
    """Makes the environment of a combination in a folder; the path of its Python."""
    python = os.path.join(folder, "bin", "python")
    packages = one.packages.split()
    if "QtAgg" in one.windows:
        # matplotlib 3.5 knows no later Qt.
        early = one.python == "3.7" or "matplotlib==3.5" in one.packages
        packages.append("pyside6<6.4" if early else "pyside6-essentials")
    options = ["--system-site-packages"] if one.python == "debian" else []
    # Outside this project's folder, whose own settings uv would take.
    for command in (["uv", "venv", "-q", *options, "--python", python_of(one.python), folder],
                    ["uv", "pip", "install", "-q", "--python", python, "--prerelease", "explicit",
                     *packages]):
        subprocess.run(command, cwd=folder, check=True)
    return python


def versions_of(python):
    """The versions in an environment, as its Python says."""
    done = subprocess.run(
        [python, "-c", "import json, platform, numpy, matplotlib, tensorflow; print(json.dumps({"
         "'python': platform.python_version(), 'tensorflow': tensorflow.__version__,"
         "'numpy': numpy.__version__, 'matplotlib': matplotlib.__version__}))"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True,
        env=environment(PYTHONDONTWRITEBYTECODE=None))
    return json.loads(done.stdout.splitlines()[-1])


# ---------- Runs ----------

# Runs scripts one after the other, as %run does, and marks on standard error where each begins.
ONE_BY_ONE = """
import runpy, sys, traceback
for path in sys.argv[1:]:
    print("begins", path, file=sys.stderr, flush=True)
    sys.argv = [path]
    try:
        runpy.run_path(path, run_name="__main__")
        print("ends", path, file=sys.stderr, flush=True)
    except BaseException:
        traceback.print_exc()
"""


def written(script, place, iterations):
    """Writes a copy of a script with so many iterations; its path."""
    path = os.path.join(place, script)
    with open(path, "w", encoding="utf-8") as file:
        file.write(shortened(script_text(script), iterations))
    return path


def variables(place, **more):
    """The environment of a run, whose modules are compiled once."""
    return environment(PYTHONDONTWRITEBYTECODE=None, PYTHONPATH=ROOT,
                       TENSORFLOWVISU_DATA=os.path.join(place, "data"), **more)


def not_ours(lines):
    return [line.rstrip() for line in lines
            if line.strip() and not re.match("tensorflowvisu: |mnistdata: |    |  [+-] ", line)]


def without_display(python, data):
    """What the six scripts do where there is no display, for each of them."""
    with tempfile.TemporaryDirectory() as place:
        paths_of = [written(script, place, ITERATIONS) for script in SCRIPTS]
        done = subprocess.run(
            [python, "-c", ONE_BY_ONE, *paths_of], cwd=place, capture_output=True,
            text=True, timeout=1200,
            env=variables(place, MNIST_DATA=data))
        seen = {}
        for part in done.stderr.split("begins ")[1:]:
            path, *lines = part.splitlines()
            ends = "ends " + path
            seen[os.path.basename(path)] = {
                "exit": done.returncode, "finished": ends in lines,
                "picture": os.path.exists(path[:-3] + ".png"),
                "lines": not_ours(line for line in lines if line != ends)}
        return seen


class Run:
    """A shortened script in a process of its own, its output read while it runs."""

    def __init__(self, python, script, place, iterations, **more):
        self.process = subprocess.Popen(
            [python, written(script, place, iterations)], cwd=place, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, universal_newlines=True, env=variables(place, **more))
        self.output, self.errors = [], []
        self._readers = [threading.Thread(target=lines.extend, args=[stream]) for lines, stream in (
            (self.output, self.process.stdout), (self.errors, self.process.stderr))]
        for reader in self._readers:
            reader.start()

    def seen(self, seconds=60):
        """Waits for its end; its exit code, and the lines on standard error that are not ours."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
        for reader in self._readers:
            reader.join()
        best = [line for line in self.output if line.startswith("max test accuracy: 0.")]
        return {"exit": self.process.wait(), "finished": len(best) == 1,
                "lines": not_ours(self.errors)}


class Window:
    """The window of a run, as a person has it: what it looks like, and its keys."""

    def __init__(self, run, display, place):
        self.run, self.display, self.place = run, display, place
        self.name = wait_until(self._found, 120)
        self.xdotool("windowactivate", "--sync", self.name)

    def _found(self):
        if self.run.process.poll() is not None:
            raise AssertionError("the run has ended")
        return self.xdotool("search", "--onlyvisible", "--name", "^mnist_1.0").split()[:1]

    def xdotool(self, *arguments):
        done = subprocess.run(["xdotool", *[str(one) for one in arguments]], timeout=60,
                              env=environment(DISPLAY=self.display), stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True)
        return done.stdout.strip()

    def pixels(self):
        from matplotlib.image import imread
        path = os.path.join(self.place, "window.png")
        subprocess.run(["import", "-window", "root", path], check=True,
                       env=environment(DISPLAY=self.display))
        return imread(path)[..., :3]

    def differs(self, before, share):
        """Whether so large a share of the pixels is another one than before."""
        after = self.pixels()
        return (abs(after - before) > 0.1).any(axis=2).mean() > share

    def goes_on(self, seconds):
        """Whether the script prints something within so many seconds."""
        count = len(self.run.output)
        try:
            return wait_until(lambda: len(self.run.output) > count, seconds)
        except AssertionError:
            return False


def in_window(python, backend, data):
    """What 1.0 does in a window: pause, a layout and its end, each by its key."""
    script = SCRIPTS[0]
    with tempfile.TemporaryDirectory() as place, virtual_screen(manager=True) as display:
        # A desktop has a folder for what its programs leave.
        run = Run(python, script, place, 10 ** 6, MNIST_DATA=data, DISPLAY=display,
                  MPLBACKEND=backend, XDG_RUNTIME_DIR=place)
        did = dict.fromkeys(("window", "draws", "pause", "layout", "go on", "q"), False)
        try:
            window = Window(run, display, place)
            did["window"] = True
            wait_until(lambda: len(run.output) > 20, 120)
            first = window.pixels()
            did["draws"] = bool(wait_until(lambda: window.differs(first, 0.001), 60))
            window.xdotool("key", "space")
            did["pause"] = bool(wait_until(lambda: not window.goes_on(2), 60))
            paused = window.pixels()
            window.xdotool("key", "1")
            did["layout"] = bool(wait_until(lambda: window.differs(paused, 0.05), 60))
            window.xdotool("key", "space")
            did["go on"] = window.goes_on(60)
            window.xdotool("key", "q")
            run.process.wait(60)
            did["q"] = True
        except (AssertionError, subprocess.SubprocessError) as error:
            print("   ", backend, "failed:", error, flush=True)
            run.process.kill()
        return dict(run.seen(), **did)


def tried(name, data):
    """Tries a combination; what was seen, for the record."""
    one = COMBINATIONS[name]
    with tempfile.TemporaryDirectory() as folder:
        python = made(one, folder)
        seen = dict(versions_of(python), name=name, what=one.what, system=platform.system(),
                    machine=platform.machine(), windows={})
        print("{name}: Python {python}, TensorFlow {tensorflow}, NumPy {numpy},"
              " matplotlib {matplotlib}".format(**seen), flush=True)
        seen["scripts"] = without_display(python, data)
        for script, run in seen["scripts"].items():
            print("   ", script, run, flush=True)
        for backend in one.windows:
            seen["windows"][backend] = in_window(python, backend, data)
            print("   ", backend, seen["windows"][backend], flush=True)
        return seen


# ---------- Record and table ----------

def records():
    """What was seen, a dict for each combination that was tried, in the list's order."""
    if not os.path.exists(RECORD):
        return []
    with open(RECORD) as file:
        return sorted(json.load(file), key=lambda seen: list(COMBINATIONS).index(seen["name"]))


def record(seen):
    """Adds what was seen; what was recorded under the same name goes."""
    all_seen = [one for one in records() if one["name"] != seen["name"]] + [seen]
    all_seen.sort(key=lambda one: list(COMBINATIONS).index(one["name"]))
    with open(RECORD, "w") as file:
        json.dump(all_seen, file, indent=1, sort_keys=True)
        file.write("\n")


def works(seen):
    """Whether a script, or a window, did all that it should."""
    return seen["exit"] == 0 and all(value for key, value in seen.items()
                                     if key not in ("exit", "lines"))


def scripts_cell(seen):
    failed = [script[6:9] for script, run in seen["scripts"].items() if not works(run)]
    noisy = [script[6:9] for script, run in seen["scripts"].items() if run["lines"]]
    words = ["not " + ", ".join(failed)] if failed else ["all six"]
    return "; ".join(words + (["other lines from " + ", ".join(noisy)] if noisy else []))


def windows_cell(seen):
    """The toolkits, and what their windows did not do."""
    cells = []
    for backend in COMBINATIONS[seen["name"]].windows:
        run = seen["windows"][backend]
        words = [key for key, done in run.items() if done is False]
        if run["exit"] < 0:  # Killed by a signal.
            words = ["signal {} {}".format(-run["exit"], "at the end" if run["q"] else "at once")]
        elif words or run["exit"]:
            words = ["not: " + ", ".join(words or ["exit {}".format(run["exit"])])]
        if run["lines"]:
            words.append("lines of its own")
        cells.append(backend[:-3] + (" ({})".format("; ".join(words)) if words else ""))
    return ", ".join(cells)


def seen_table():
    """The columns and rows of the table in docs/versions.md."""
    columns = ["Python", "TensorFlow", "NumPy", "matplotlib", "what it is", "scripts", "windows"]
    return columns, [
        [seen["python"], seen["tensorflow"], seen["numpy"], seen["matplotlib"], seen["what"],
         scripts_cell(seen), windows_cell(seen)] for seen in records()]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command")
    commands.required = True
    commands.add_parser("list", help="print the combinations")
    attempt = commands.add_parser("try", help="try combinations and record what is seen")
    attempt.add_argument("names", nargs="*", help="default: all of them")
    arguments = parser.parse_args()
    if arguments.command == "list":
        for name, one in COMBINATIONS.items():
            print("{}: Python {}, {}".format(name, one.python, one.packages))
        return
    unknown = set(arguments.names) - set(COMBINATIONS)
    if unknown:
        sys.exit("There is no combination " + ", ".join(sorted(unknown)))
    with tempfile.TemporaryDirectory() as data:
        digits.write_digits(data, 3000, 1000)
        for name in arguments.names or COMBINATIONS:
            started = time.time()
            record(tried(name, data))
            print("    {:.0f} s".format(time.time() - started), flush=True)


if __name__ == "__main__":
    main()
