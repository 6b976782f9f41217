"""Makes the pictures of README.md, of the next steps and of the workshop from real runs.

    python tests/tools/pictures.py              # all of them
    python tests/tools/pictures.py 2.0 2.1      # some of them

Each shows the curves of a script, or of one with an edit of the workshop, and behind them those
of the run to compare it with: the step before, or the unedited script.
"""

import argparse
import io
import os
import runpy
import shutil
import subprocess
import sys
import tempfile

import paths  # noqa: F401
import next_steps
import workshop
from next_steps import read
from series import NEXT_STEPS, ROOT, SCRIPTS, number_of

DOCS = os.path.join(ROOT, "docs")
CURVES_FILE = "last_run.csv"  # where a run leaves its curves, in the folder TENSORFLOWVISU_DATA

# The edits that have a picture; the others are measured only.
DRAWN = ["2.1_fixed_rate", "3.0_shuffled", "3.1_without_dropout"]

# The run that stands behind each picture.
STEPS = [number_of(script) for script in SCRIPTS]
NEXT = ["4.0", "4.1", "5.0"]
BEHIND = dict(zip(STEPS[1:], STEPS), **{name: name[:3] for name in DRAWN})
BEHIND.update((number_of(script), number_of(base)) for script, base in NEXT_STEPS.items())
NAMES = STEPS + NEXT + DRAWN

# What the two panels show: the accuracy from here to 1, the loss from 0 to here.
RANGES = {"1.0": (0.8, 80), "2.0": (0.8, 80), "4.0": (0.98, 10), "4.1": (0.98, 10)}
RANGE = 0.92, 40


def picture(name):
    return "curves_{}.png".format(name)


def script_of(name):
    """The file name and the text of a run."""
    if name in STEPS:
        script = SCRIPTS[STEPS.index(name)]
        return script, read(script)
    for script in NEXT_STEPS:
        if number_of(script) == name:
            return script, next_steps.text_of(script)
    edit = workshop.experiments(workshop.text())[name]
    return edit.script, workshop.apply(read(edit.script), edit.hunks)


def save(figure, name, dpi):
    """Saves a picture in few bytes: 96 colours are enough for panels."""
    from PIL import Image
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    Image.open(buffer).convert("RGB").quantize(96).save(os.path.join(DOCS, name), optimize=True)


def run_and_draw(name, place, drawn):
    """Runs a script in this process, as a copy in a place; where asked to, draws its pictures."""
    script, text = script_of(name)
    path = os.path.join(place, script)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    datavis = runpy.run_path(path, run_name="__main__")["datavis"]
    if not drawn:
        return
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    # The two panels of curves, small, with large letters, zoomed to where the steps differ.
    figure = Figure(figsize=(9.6, 4), dpi=100)
    FigureCanvasAgg(figure)
    datavis.show_on(figure, layout="7")
    accuracy, loss = RANGES.get(name, RANGE)
    figure.axes[0].set_ylim(accuracy, 1)
    figure.axes[1].set_ylim(0, loss)
    save(figure, picture(name), 100)
    if name == "1.0":
        figure = Figure(figsize=(19.2, 10.8), dpi=70)
        FigureCanvasAgg(figure)
        save(datavis.show_on(figure), "panels.png", 70)


def make(names):
    """Makes the pictures of these names; runs that stand behind one are run, too, but once."""
    with tempfile.TemporaryDirectory() as curves:
        for name in NAMES:
            drawn = name in names
            if not drawn and name not in [BEHIND.get(other) for other in names]:
                continue
            with tempfile.TemporaryDirectory() as folder:
                if name in BEHIND and drawn:
                    shutil.copy(os.path.join(curves, BEHIND[name] + ".csv"),
                                os.path.join(folder, CURVES_FILE))
                subprocess.run(
                    [sys.executable, os.path.abspath(__file__), "--folder", folder, name]
                    + ["--undrawn"] * (not drawn), cwd=folder, check=True,
                    env=dict(os.environ, MPLBACKEND="Agg", TENSORFLOWVISU_DATA=folder),
                    stdout=subprocess.DEVNULL)
                shutil.copy(os.path.join(folder, CURVES_FILE), os.path.join(curves, name + ".csv"))
            print("{}: {}".format(name, picture(name) if drawn else "run, for its curves"),
                  flush=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="of: " + ", ".join(NAMES))
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    parser.add_argument("--undrawn", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    for name in arguments.names:
        if name not in NAMES:
            parser.error("no picture is named {}; there are {}".format(name, ", ".join(NAMES)))
    if arguments.folder:
        run_and_draw(arguments.names[0], arguments.folder, not arguments.undrawn)
    else:
        make(arguments.names or NAMES)


if __name__ == "__main__":
    main()
