"""Makes the pictures of README.md, of the next steps and of the experiments from real runs.

    python tests/tools/pictures.py              # all of them
    python tests/tools/pictures.py 2.0 2.1      # some of them

Each shows the curves of a script, or of one with an edit of the workshop, and behind them those
of the run to compare it with: the step before, or the unedited script. Some edits show other
panels. Drawings, for which nothing runs, are made by drawings.py.
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
from scripts import shortened
from series import NEXT_STEPS, ROOT, SCRIPTS, number_of

DOCS = os.path.join(ROOT, "docs")
CURVES_FILE = "last_run.csv"  # where a run leaves its curves, in the folder TENSORFLOWVISU_DATA

# The edits that have a picture, and the key of the panels that it shows; the others are measured
# only.
DRAWN = {
    "1.0_rate_0.0003": "7", "1.0_rate_0.03": "7", "1.0_weights_as_pictures": "3",
    "1.0_confusion": "6", "2.0_gradient_descent": "7", "2.0_sums_and_outputs": "8",
    "2.0_normalised": "8", "2.1_zero_weights": "7", "2.1_fixed_rate": "7",
    "2.1_rate_0.03": "8", "2.1_on_1000_digits": "7", "2.1_nonsense": "7", "2.1_weights_1": "7",
    "2.1_five_neurons": "7", "2.1_weights_as_pictures": "3", "2.2_dropout_in_the_test": "7",
    "3.0_shuffled": "7", "3.1_channels": "3", "3.1_without_dropout": "7",
}

# The run that stands behind each picture.
STEPS = [number_of(script) for script in SCRIPTS]
NEXT = ["4.0", "4.1", "5.0"]
BEHIND = dict(zip(STEPS[1:], STEPS))
BEHIND.update((name, name[:3]) for name, key in DRAWN.items() if key == "7")
BEHIND.update((number_of(script), number_of(base)) for script, base in NEXT_STEPS.items())
NAMES = STEPS + NEXT + list(DRAWN)

# What the two panels of curves show: the accuracy from here to 1, the loss from 0 to here.
RANGES = {
    "1.0": (0.8, 80), "2.0": (0.8, 80), "4.0": (0.98, 10), "4.1": (0.98, 10),
    "1.0_rate_0.0003": (0.8, 80), "1.0_rate_0.03": (0, 300), "2.0_gradient_descent": (0, 250),
    "2.1_zero_weights": (0, 250), "2.1_on_1000_digits": (0.8, 150), "2.1_nonsense": (0, 2000),
    "2.1_weights_1": (0, 1000), "2.1_five_neurons": (0.4, 150),
}
RANGE = 0.92, 40
# Where the legends would hide the red curve, that of panel 1 or those of both stand in the middle.
IN_THE_MIDDLE = {"1.0_rate_0.03": 1, "2.1_zero_weights": 2, "2.1_on_1000_digits": 2,
                 "2.1_nonsense": 2, "2.1_weights_1": 2}
# The figures, in inches of 100 pixels each: as wide as two panels, or as what a single one shows.
SIZE = 9.6, 4
SIZES = {"1.0_weights_as_pictures": (7, 3.6), "2.1_weights_as_pictures": (6, 3.8),
         "3.1_channels": (9.6, 3.6), "1.0_confusion": (5.6, 6.2)}


def picture(name):
    return "{}_{}.png".format("curves" if DRAWN.get(name, "7") == "7" else "panels", name)


def iterations_of(name):
    """The last iteration of an edit that is run shorter than its script; else None."""
    edit = workshop.experiments(workshop.text()).get(name)
    return edit.iterations - 1 if edit and edit.iterations else None


def script_of(name):
    """The file name and the text of a run."""
    if name in STEPS:
        script = SCRIPTS[STEPS.index(name)]
        return script, read(script)
    for script in NEXT_STEPS:
        if number_of(script) == name:
            return script, next_steps.text_of(script)
    edit = workshop.experiments(workshop.text())[name]
    return edit.script, workshop.apply(next_steps.text_of(edit.script), edit.hunks)


def save(figure, name, dpi, colours=96):
    """Saves a picture in few bytes: 96 colours are enough for panels."""
    from PIL import Image
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    Image.open(buffer).convert("RGB").quantize(colours).save(
        os.path.join(DOCS, name), optimize=True)


def run_and_draw(name, place, drawn, iterations):
    """Runs a script in this process, as a copy in a place; where asked to, draws its pictures."""
    script, text = script_of(name)
    path = os.path.join(place, script)
    with open(path, "w", encoding="utf-8") as file:
        file.write(shortened(text, iterations))
    datavis = runpy.run_path(path, run_name="__main__")["datavis"]
    if not drawn:
        return
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    # Few panels, small, with large letters; curves are zoomed to where the steps differ.
    key = DRAWN.get(name, "7")
    figure = Figure(figsize=SIZES.get(name, SIZE), dpi=100)
    FigureCanvasAgg(figure)
    datavis.show_on(figure, layout=key)
    accuracy, loss = RANGES.get(name, RANGE)
    figure.axes[0].set_ylim(accuracy, 1)
    figure.axes[1].set_ylim(0, loss)
    for axes in figure.axes[:IN_THE_MIDDLE.get(name, 0)]:
        axes.get_legend().set_loc("center right")
    if name == "1.0_confusion":
        figure.axes[5].set(xticks=range(10), yticks=range(10), yticklabels=range(10))
    # Noise takes many bytes.
    save(figure, picture(name), 100, 16 if name == "2.1_weights_as_pictures" else 96)
    if name == "1.0":
        figure = Figure(figsize=(19.2, 10.8), dpi=70)
        FigureCanvasAgg(figure)
        save(datavis.show_on(figure), "panels.png", 70, 200)


def make(names):
    """Makes the pictures of these names; runs that stand behind one are run, too, but once."""
    with tempfile.TemporaryDirectory() as curves:
        for name in NAMES:
            drawn = name in names
            before = [iterations_of(other) for other in names if BEHIND.get(other) == name]
            if not drawn and not before:
                continue
            # A run that only stands behind others is as long as the longest of them.
            iterations = iterations_of(name) if drawn or None in before else max(before)
            with tempfile.TemporaryDirectory() as folder:
                if name in BEHIND and drawn:
                    shutil.copy(os.path.join(curves, BEHIND[name] + ".csv"),
                                os.path.join(folder, CURVES_FILE))
                subprocess.run(
                    [sys.executable, os.path.abspath(__file__), "--folder", folder, name]
                    + ["--iterations", str(iterations)] * bool(iterations)
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
    parser.add_argument("--iterations", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--undrawn", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    for name in arguments.names:
        if name not in NAMES:
            parser.error("no picture is named {}; there are {}".format(name, ", ".join(NAMES)))
    if arguments.folder:
        run_and_draw(arguments.names[0], arguments.folder, not arguments.undrawn,
                     arguments.iterations)
    else:
        make(arguments.names or NAMES)


if __name__ == "__main__":
    main()
