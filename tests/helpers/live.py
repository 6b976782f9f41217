"""A short script with panels, as a user would write it, and the run before."""

import textwrap

from series import ROOT

# A script as a user would write it, but quick; what it leaves for the next run goes to a folder of
# its own.
LIVE = """
import os, sys, time
sys.path.insert(0, {root!r})
os.environ["TENSORFLOWVISU_DATA"] = {data!r}
import numpy as np
import tensorflowvisu

random = np.random.RandomState(0)
digits = random.randint(0, 255, [280, 280, 3]).astype(np.uint8)
test_digits = random.randint(0, 255, [700, 1120, 3]).astype(np.uint8)
datavis = tensorflowvisu.MnistDataVis({arguments})
done = 0
{first}


def step(i, update_test_data, update_train_data):
    global done
    done = i
    time.sleep({pause})
    if update_train_data:
        datavis.append_training_curves_data(i, 1 - 1 / (i + 2), 90 / (1 + i / 50))
        datavis.append_data_histograms(i, random.randn(100), random.randn(100))
        datavis.update_image1(digits)
    if update_test_data:
        datavis.append_test_curves_data(i, 0.9, 30)
        datavis.update_image2(test_digits)
    {extra}


{call}
print("max test accuracy: " + str(datavis.get_max_test_accuracy()), flush=True)
"""

# What a run on digits of its own leaves: its lines are as the next run reads them.
RUN_BEFORE = """# script: mnist_2.0_five_layers_sigmoid; time: 2026-01-02 03:04:05; \
TensorFlow: 1.15.5; digits: those of live; text: none
# iteration, training accuracy, training loss, test accuracy, test loss
0,0.1,99,0.1,95
50,0.5,60,nan,nan
100,0.7,40,0.55,45
400,0.9,20,0.8,25
"""


def live_script(folder, call=None, first="", extra="pass", iterations=101, pause=0, options="",
                arguments="", before=False):
    """Writes live.py to a folder, and the run before to its neighbour; returns the script's path.

    first    what is done before the training
    extra    what a step does at its end
    call     what is done instead of one call of animate
    before   whether there is a run before
    """
    script, data = folder / "live.py", data_of(folder)
    script.write_text(LIVE.format(
        root=ROOT, data=str(data), pause=pause, arguments=arguments, first=textwrap.dedent(first),
        extra=textwrap.indent(textwrap.dedent(extra), "    ").strip(),
        call=textwrap.dedent(call or f"datavis.animate(step, {iterations}, 10, 50{options})")))
    if before:
        data.mkdir()
        (data / "last_run.csv").write_text(RUN_BEFORE)
    return script


def data_of(folder):
    """Where the script in a folder keeps the run before, beside the folder itself."""
    return folder.parent / (folder.name + "-data")
