"""Looks at the mistakes of trained networks: how sure they are, and their share of the loss.

    python tests/tools/mistakes.py    # runs 1.0, 2.1 and 3.1 whole, and records what was found

What is recorded in tests/tools/mistakes.json is written into docs/lesson.md by tables.py write, and
the digits that all three miss are drawn by drawings.py.
"""

import argparse
import json
import os
import sys

import paths  # noqa: F401
from scripts import run_script, script_text
from series import ROOT, SCRIPTS

RECORD = os.path.join(ROOT, "tests", "tools", "mistakes.json")
LOOKED_AT = [SCRIPTS[0], SCRIPTS[2], SCRIPTS[5]]
ALL_THREE = "missed by all three"  # In the record: test digit -> what each of them answers.

# What is done with a trained network; it stands behind the script's own text.
LOOK = """
import json
import numpy as np
feed = {X: mnist.test.images, Y_: mnist.test.labels}
if "pkeep" in globals():
    feed[pkeep] = 1.0
answers, correct = sess.run([Y, is_correct], feed)
losses = -np.log(np.maximum(np.sum(answers * mnist.test.labels, axis=1), 1e-37))
print("mistakes " + json.dumps({
    "missed": int(np.sum(~correct)),
    "answers": {int(k): int(answers[k].argmax()) for k in np.flatnonzero(~correct)},
    "sure": int(np.sum(answers.max(axis=1)[~correct] > 0.99)),
    "share": round(float(np.sum(losses[~correct]) / np.sum(losses)), 3)}))
"""


def look(script):
    """What the mistakes of a script's network are like after a whole run."""
    done = run_script(script, text=script_text(script) + LOOK, timeout=None,
                      MNIST_DATA=os.environ.get("MNIST_DATA"))
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout.split("mistakes ")[1])


def load():
    with open(RECORD) as file:
        return json.load(file)


def rows():
    """The rows of the lesson's table: step, digits missed, surely missed, share of the loss."""
    found = load()
    return [[script[6:9], str(found[script]["missed"]), str(found[script]["sure"]),
             "{:.0f} %".format(100 * found[script]["share"])] for script in LOOKED_AT[:2]]


def main():
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    found = {script: look(script) for script in LOOKED_AT}
    answers = [found[script].pop("answers") for script in LOOKED_AT]
    found[ALL_THREE] = {
        digit: [each[digit] for each in answers]
        for digit in answers[0] if all(digit in each for each in answers)}
    with open(RECORD, "w") as file:
        json.dump(found, file, indent=1)
        file.write("\n")
    print(found)


if __name__ == "__main__":
    main()
