"""Makes the pictures of README.md from real runs: python tests/pictures.py [NAME ...]

Every script runs as it stands, and two of them once more with one line edited, which shows what no
script shows alone. What the edited ones reach is added to tests/results.json.
"""

import io
import json
import os
import runpy
import subprocess
import sys
import tempfile

from PIL import Image

import results
from series import ROOT, SCRIPTS

DOCS = os.path.join(ROOT, "docs")

# The edits: a line of a script, and what stands there instead.
EDITS = {
    "2.0_gradient_descent": (
        SCRIPTS[1], "tf.train.AdamOptimizer(lr)", "tf.train.GradientDescentOptimizer(lr)"),
    "2.1_fixed_rate": (
        SCRIPTS[2],
        "lr = 0.0001 + tf.train.exponential_decay(0.003, step, 2000, 1/math.e)",
        "lr = tf.constant(0.003)"),
    "3.1_without_dropout": (
        SCRIPTS[5],
        "sess.run(train_step, feed_dict={X: batch_X, Y_: batch_Y, step: i, pkeep: 0.75})",
        "sess.run(train_step, feed_dict={X: batch_X, Y_: batch_Y, step: i, pkeep: 1.0})"),
}
RUNS = dict({script[6:9]: (script, "", "") for script in SCRIPTS}, **EDITS)


# Runs that are measured only.
NOT_DRAWN = ("curves_2.0_gradient_descent.png",)


def save(figure, name, dpi):
    """Saves a picture in few bytes: 96 colours are enough for panels."""
    if name in NOT_DRAWN:
        return
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    Image.open(buffer).convert("RGB").quantize(96).save(os.path.join(DOCS, name), optimize=True)


def draw(name):
    """Runs a script in this process and draws its pictures."""
    script, before, after = RUNS[name]
    sys.path.insert(0, ROOT)
    import tensorflowvisu
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    animate = tensorflowvisu.MnistDataVis.animate

    def with_pictures(self, *arguments, **options):
        animate(self, *arguments, **options)
        status = self._run.status(self._max_test_accuracy)
        # The two panels of curves, small, with large letters, zoomed to where the steps differ.
        figure = Figure(figsize=(9.6, 4), dpi=100)
        FigureCanvasAgg(figure)
        panels = self._panels_on(figure)
        panels.show_status(status)
        panels.select("7")
        panels.panels[1].axes.set_ylim((0.8, 1) if name == "1.0" else (0.92, 1))
        panels.panels[2].axes.set_ylim((0, 80) if name == "1.0" else (0, 40))
        save(figure, "curves_{}.png".format(name), 100)
        if name == "1.0":
            panels = self._new_figure()
            panels.show_status(status)
            save(panels.figure, "panels.png", 70)
        test = self._frame().test
        print("reached " + json.dumps({
            "max_accuracy": float(str(self.get_max_test_accuracy())),
            "final_accuracy": float(str(test[-1, 1].astype("float32"))),
            "final_loss": float(str(test[-1, 2].astype("float32"))),
            "lowest_loss": float(str(test[:, 2].min().astype("float32"))),
            "tensorflow": tensorflowvisu.tf.__version__, "script": script, "edit": name,
            "seed": 0, "digits": "MNIST"}))

    tensorflowvisu.MnistDataVis.animate = with_pictures
    with open(os.path.join(ROOT, script), encoding="utf-8") as file:
        text = file.read()
    assert not before or text.count(before) == 1
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, script)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace(before, after) if before else text)
        runpy.run_path(path, run_name="__main__")


def main():
    if sys.argv[1:2] == ["--draw"]:
        draw(sys.argv[2])
        return
    os.makedirs(DOCS, exist_ok=True)
    for name in sys.argv[1:] or RUNS:
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [sys.executable, os.path.abspath(__file__), "--draw", name], cwd=folder,
                env=dict(os.environ, MPLBACKEND="Agg"), stdout=subprocess.PIPE, check=True,
                universal_newlines=True)
        reached = json.loads(done.stdout.rpartition("reached ")[2].split("\n")[0])
        if name in EDITS:
            results.record([reached])
        print("{}: max test accuracy {max_accuracy}, final test loss {final_loss}".format(
            name, **reached), flush=True)


if __name__ == "__main__":
    main()
