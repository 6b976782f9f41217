"""Measures the six scripts, the next steps, and the edits that the workshop asks for.

    python tests/tools/measure.py run --seeds 0 1 2 3 4    # whole runs of all six scripts
    python tests/tools/measure.py run --scripts mnist_5.0_recurrent.py    # one run of a next step
    python tests/tools/measure.py edits            # one run of each edit of the workshop
    python tests/tools/measure.py confirm 2.1_fixed_rate   # one run, so that its records stay valid
    python tests/tools/measure.py start            # the networks before their first step

A run with a seed is one of a copy with another seed of TensorFlow's, and of mnistdata.SEED. What is
recorded in tests/tools/results.json comes from the lines that it prints, its own clock and the peak
of its memory, with a hash of the code that ran. tables.py puts it into the documents.
"""

import argparse
import json
import math
import os
import platform
import re
import statistics
import sys
import tempfile
import time

import paths  # noqa: F401
import next_steps
import workshop
from records import LEVELS, LOOKS, NEWEST, ROAD, START, code_hash, is_of, load, record
from scripts import TEST_LINE, TRAINING_LINE, built, start_script
from series import NEXT_STEPS, SCRIPTS

# What is added at the end of a copy: ru_maxrss counts kilobytes, on macOS bytes.
COST = """
import json, platform, resource, sys
import matplotlib, numpy
print("cost " + json.dumps({
    "tensorflow": tf.__version__, "numpy": numpy.__version__, "matplotlib": matplotlib.__version__,
    "python": platform.python_version(),
    "digits": ("text " + text.checksum if "mnistdata" not in globals() else
               "generated" if mnistdata.latest.generated else "MNIST"),
    "megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
                       / (1 << 20 if sys.platform == "darwin" else 1 << 10))}))
"""


# ---------- Runs ----------

def measure(script, seed, text=None, iterations=None):
    """Runs a script, or its text with an edit, in a process of its own; what it reached, a dict."""
    text = text or next_steps.text_to_run(script)
    started = time.time()
    # 0 is the scripts' own seed; an edit may have another one.
    with tempfile.TemporaryDirectory() as place:
        process = start_script(
            script, place, text=text + COST, iterations=iterations, seed=seed or None,
            module=next_steps.module_to_run(script), PYTHONUNBUFFERED="1",
            MNIST_DATA=os.environ.get("MNIST_DATA"))
        lines = [(line, time.time() - started) for line in process.stdout]
        sys.stderr.write(process.stderr.read())
        if process.wait():
            sys.exit("{} has failed.".format(script))
    seconds = time.time() - started
    output, _, cost = "".join(line for line, _ in lines).rpartition("cost ")
    return dict(figures(output), **printed(output), script=script, seed=seed, code=code_hash(text),
                seconds=round(seconds, 1), share_to_99=share_to_99(lines, seconds),
                processor=processor(), **json.loads(cost))


def measure_edit(name, seed):
    """Runs a script with an edit of the workshop; what it reached, a dict."""
    edit = workshop.edits(workshop.text())[name]
    # The page counts iteration 0, too.
    iterations = edit.iterations - 1 if edit.iterations else None
    text = workshop.apply(next_steps.text_of(edit.script), edit.hunks)
    return dict(measure(edit.script, seed, text, iterations), edit=name)


def figures(output):
    """The figures of a run, from the lines that it printed."""
    training = [(int(i), float(a), float(c)) for i, a, c, _ in TRAINING_LINE.findall(output)]
    tests = [(int(i), float(a), float(c)) for i, _, a, c in TEST_LINE.findall(output)]
    accuracies = [a for _, a, _ in tests]
    losses = [c for _, _, c in tests if math.isfinite(c)]
    broken = [i for i, _, c in training if not math.isfinite(c)]
    last = training[-20:]
    return {
        "iterations": tests[-1][0] + 1,
        "max_accuracy": max(accuracies),
        "final_accuracy": accuracies[-1],
        "misses": round(10000 * (1 - accuracies[-1])),
        "last_20": round(statistics.stdev(accuracies[-20:]), 6) if len(accuracies) > 1 else 0,
        "first_loss": training[0][2],
        "lowest_loss": min(losses),
        "final_loss": tests[-1][2] if math.isfinite(tests[-1][2]) else None,
        "nan_from": broken[0] if broken else None,
        "training_accuracy": round(statistics.mean(a for _, a, _ in last), 4),
        "training_loss": None if broken else round(statistics.mean(c for _, _, c in last), 6),
        "reached": {level: next((i for i, a, _ in tests if a >= float(level)), None)
                    for level in LEVELS + (ROAD,)},
        "at": {look: next((a for i, a, _ in tests if i == int(look)), None) for look in LOOKS},
    }


def share_to_99(lines, seconds):
    """The share of a run's time in which it came to 99 % in a test; None where it never did."""
    tests = [(TEST_LINE.match(line), when) for line, when in lines]
    reached = [when for test, when in tests if test and float(test.group(3)) >= float(ROAD)]
    return round(reached[0] / seconds, 3) if reached else None


def printed(output):
    """What an edit printed beside the lines of all scripts, where it did."""
    lines = [line for line in output.splitlines() if not re.match(
        TRAINING_LINE.pattern + "|" + TEST_LINE.pattern + "|Tensorflow|max [tv]", line)]
    return {"printed": lines} if lines else {}


def processor():
    """The name of the processor and the number of its cores."""
    name = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as file:
            names = re.findall(r"model name\s*: (.*)", file.read())
        name = names[0] if names else name
    return "{}, {} cores".format(name, os.cpu_count())


# What a run has to repeat, so that the records of its script hold for a changed text, too.
ACCURACIES = ("iterations", "max_accuracy", "final_accuracy", "misses", "last_20",
              "training_accuracy", "reached", "at")


def repeats(before, run, field):
    """Whether a run has what the record has, as far as it went; a record may lack a level."""
    if not isinstance(before[field], dict):
        return before[field] == run[field]
    if field == "reached":
        return all(run[field][level] == i for level, i in before[field].items()
                   if i is None or i < run["iterations"])
    return all(run[field][look] == a for look, a in before[field].items()
               if int(look) < run["iterations"])


def confirm(name, seed=None, iterations=None):
    """Runs a script or an edit once, with a recorded seed, after a change that changes no figure.

    Where all accuracies are those of the record, every record of it takes the hash of the code as
    it is now, and says by which run; where one differs, the records stay and the run is not kept.
    Of a script that takes long so many iterations may do; the accuracies up to there are compared.
    """
    known = [run for run in load() if run.get("edit", run["script"]) == name and is_of(run)
             and seed in (None, run["seed"]) and run["tensorflow"].startswith(NEWEST)]
    if not known:
        sys.exit("nothing is recorded of {} with seed {}".format(name, seed))
    seed = known[0]["seed"]
    confirmed_by(known[0], measure(name, seed, iterations=iterations)
                 if name in SCRIPTS + list(NEXT_STEPS) else measure_edit(name, seed))


def confirmed_by(before, run):
    """Compares a run with its record, and confirms all records of the same code, or ends."""
    name, share = before.get("edit", before["script"]), run["iterations"] / before["iterations"]
    fields = ACCURACIES if share == 1 else ("at", "reached")
    differ = [field for field in fields if field in before and not repeats(before, run, field)]
    if differ:
        sys.exit("{} is not confirmed: {}.".format(name, "; ".join(
            "{} was {}, is {}".format(field, before[field], run[field]) for field in differ)))
    confirmed = []
    for other in load():
        if other.get("edit", other["script"]) == name and other["code"] == before["code"]:
            other["code"] = run["code"]
            other["confirmed"] = (
                "seed {seed}, {iterations} iterations, TensorFlow {tensorflow}, Python {python}"
                .format(**run))
            if other["tensorflow"] == run["tensorflow"]:
                other["megabytes"] = run["megabytes"]  # a matter of the code, not of the seed
                if (other["seed"], other["digits"]) == (run["seed"], run["digits"]):
                    other["at"].update((look, a) for look, a in run["at"].items() if a is not None)
                    if run["share_to_99"]:
                        other["reached"][ROAD] = run["reached"][ROAD]
                        other["share_to_99"] = round(run["share_to_99"] * share, 3)
            confirmed.append(other)
    record(confirmed)
    print("{} is confirmed: max {max_accuracy} with seed {seed}".format(name, **run), flush=True)


def show_and_record(run):
    record([run])
    print("{} seed {seed}: max {max_accuracy}, final {final_accuracy}, loss {final_loss},"
          " {seconds} s, {megabytes} MB".format(run.get("edit", run["script"]), **run), flush=True)


# ---------- Before the first step ----------

def look(script):
    """What a script's network is like where its training would begin."""
    import numpy as np
    names = built(script)
    sess, mnist, tf = names["sess"], names["mnist"], names["tf"]
    gradients = tf.gradients(
        names["cross_entropy"], [names["W{}".format(k)] for k in range(1, 6)])
    squares = []
    for _ in range(50):
        images, labels = mnist.train.next_batch(100)
        found = sess.run(gradients, {names["X"]: images, names["Y_"]: labels})
        squares.append([float((gradient ** 2).mean()) for gradient in found])
    layers = [names["Y{}".format(k)] for k in range(1, 5)]

    def active():
        values = sess.run(layers, {names["X"]: mnist.test.images})
        return [round(float((value > 0).mean()), 4) for value in values]

    sizes = np.sqrt(np.mean(squares, axis=0))
    found = {"gradients": [float("{:.3g}".format(size)) for size in sizes], "active": active()}
    for k in range(1, 5):
        names["B{}".format(k)].load(np.zeros(names["B{}".format(k)].shape.as_list()), sess)
    found["active_with_biases_0"] = active()
    found["never_inked"] = int((mnist.train.images.max(axis=(0, 3)) == 0).sum())
    return found


def start():
    """Records what 2.0 and 2.1 are like before their first step."""
    found = {}
    for script in SCRIPTS[1:3]:
        found[script] = look(script)
        found["never_inked"] = found[script].pop("never_inked")
        print(script, found[script], flush=True)
    with open(START, "w") as file:
        json.dump(found, file, indent=1, sort_keys=True)
        file.write("\n")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command")
    commands.required = True
    run = commands.add_parser("run", help="run scripts and record what they reach")
    run.add_argument("--seeds", type=int, nargs="+", default=[0])
    run.add_argument("--scripts", nargs="+", default=SCRIPTS,
                     choices=SCRIPTS + list(NEXT_STEPS), metavar="SCRIPT",
                     help="default: all six; the next steps have to be named")
    edits = commands.add_parser("edits", help="run the workshop's edits and record what they reach")
    edits.add_argument("names", nargs="*", help="default: all of them")
    edits.add_argument("--seed", type=int, default=0)
    again = commands.add_parser(
        "confirm", help="run scripts or edits once, so that their records stay valid")
    again.add_argument("names", nargs="+", help="scripts, or names of edits")
    again.add_argument("--seed", type=int, help="a recorded one; default: the first of them")
    again.add_argument("--iterations", type=int, help="of a script that takes long: so many")
    commands.add_parser("start", help="record what the networks are like before their first step")
    arguments = parser.parse_args()
    if arguments.command == "run":
        for seed in arguments.seeds:
            for script in arguments.scripts:
                show_and_record(measure(script, seed))
    elif arguments.command == "edits":
        for name in arguments.names or workshop.edits(workshop.text()):
            show_and_record(measure_edit(name, arguments.seed))
    elif arguments.command == "confirm":
        for name in arguments.names:
            confirm(name, arguments.seed, arguments.iterations)
    else:
        start()


if __name__ == "__main__":
    main()
