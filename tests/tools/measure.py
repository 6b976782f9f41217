"""Measures the six scripts, the next steps, and the edits that the workshop asks for.

    python tests/tools/measure.py run --seeds 0 1 2 3 4    # whole runs of all six scripts
    python tests/tools/measure.py run --scripts mnist_5.0_recurrent.py    # one run of a next step
    python tests/tools/measure.py edits            # one run of each edit of the workshop
    python tests/tools/measure.py confirm 2.1_fixed_rate   # one run, so that its records stay valid
    python tests/tools/measure.py compare 2.0 2.1  # the difference of two, and how sure it is
    python tests/tools/measure.py start            # the networks before their first step
    python tests/tools/measure.py write            # the figures into the scripts and documents

A run of a script with a seed sets TensorFlow's seed and mnistdata.SEED; its text stays as it is.
What is recorded in tests/tools/results.json comes from the lines that it prints, its own clock and
the peak of its memory, with a hash of the code that ran.
"""

import argparse
import hashlib
import io
import json
import math
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
import tokenize

import paths  # noqa: F401
import next_steps
import workshop
from next_steps import read
from series import NEXT_STEPS, ROOT, SCRIPTS

RECORD = os.path.join(ROOT, "tests", "tools", "results.json")
START = os.path.join(ROOT, "tests", "tools", "start.json")
TRAINING_LINE = re.compile(r"^(\d+): accuracy:(\S+) loss: (\S+)", re.M)
TEST_LINE = re.compile(r"^(\d+): \*{9} epoch \d+ \*{9} test accuracy:(\S+) test loss: (\S+)$", re.M)

# The test accuracies whose first iteration is recorded, and the iterations whose accuracy is.
LEVELS = ("0.90", "0.97", "0.98")
LOOKS = ("500", "1200", "2000")


def code_hash(text):
    """A hash of a script's code; comments and docstrings may change, and it stays."""
    tokens = [token for token in tokenize.generate_tokens(io.StringIO(text).readline)
              if token.type not in (tokenize.COMMENT, tokenize.NL)]
    starts = (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    code = []
    for k, token in enumerate(tokens):
        alone = (k == 0 or tokens[k - 1].type in starts) and tokens[k + 1:k + 2] and (
            tokens[k + 1].type == tokenize.NEWLINE)
        if not (token.type == tokenize.STRING and alone):
            code.append(tokenize.tok_name[token.type] if token.type in starts else token.string)
    return hashlib.sha256("\0".join(code).encode()).hexdigest()[:16]


# ---------- Runs ----------

def run_here(path, seed, limit):
    """Runs a script in this process with another seed, and no more than so many iterations."""
    import runpy

    import mnistdata
    import tensorflowvisu
    mnistdata.SEED = seed
    # The curves of the run before are the user's: they are neither shown here nor overwritten.
    tensorflowvisu.DATA = os.getcwd()
    set_random_seed = tensorflowvisu.tf.set_random_seed
    tensorflowvisu.tf.set_random_seed = lambda own: set_random_seed(own + seed)
    animate = tensorflowvisu.MnistDataVis.animate

    def animate_less(self, compute_step, iterations, *arguments, **options):
        return animate(self, compute_step, min(limit or iterations, iterations), *arguments,
                       **options)

    tensorflowvisu.MnistDataVis.animate = animate_less
    runpy.run_path(path, run_name="__main__")


def measure(script, seed, text=None, limit=0):
    """Runs a script, or its text with an edit, in a process of its own; what it reached, a dict."""
    text = text or next_steps.text_to_run(script)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, script)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        started = time.time()
        done = subprocess.run(
            [sys.executable, os.path.abspath(__file__), "one", path, str(seed), str(limit)],
            cwd=folder, env=dict(os.environ, MPLBACKEND="Agg"), stdout=subprocess.PIPE, check=True,
            text=True)
    output, _, cost = done.stdout.rpartition("cost ")
    return dict(figures(output), **printed(output), script=script, seed=seed, code=code_hash(text),
                seconds=round(time.time() - started, 1), processor=processor(), **json.loads(cost))


def figures(output):
    """The figures of a run, from the lines that it printed."""
    training, tests = ([(int(i), float(a), float(c)) for i, a, c in line.findall(output)]
                       for line in (TRAINING_LINE, TEST_LINE))
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
                    for level in LEVELS},
        "at": {look: next((a for i, a, _ in tests if i == int(look)), None) for look in LOOKS},
    }


def printed(output):
    """What an edit printed beside the lines of all scripts, where it did."""
    lines = [line for line in output.splitlines() if not re.match(
        TRAINING_LINE.pattern + "|" + TEST_LINE.pattern + "|Tensorflow|max test", line)]
    return {"printed": lines} if lines else {}


def processor():
    """The name of the processor and the number of its cores."""
    name = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as file:
            names = re.findall(r"model name\s*: (.*)", file.read())
        name = names[0] if names else name
    return "{}, {} cores".format(name, os.cpu_count())


def record(runs):
    """Adds runs to the record; one of the same script, seed and TensorFlow is replaced."""
    def key(run):
        return run["script"], run["digits"], run["tensorflow"], run["seed"], run.get("edit", "")
    known = {key(run): run for run in load()}
    known.update({key(run): run for run in runs})
    with open(RECORD, "w") as file:
        json.dump([known[k] for k in sorted(known)], file, indent=1, sort_keys=True)
        file.write("\n")


# What a run has to repeat, so that the records of its script hold for a changed text, too.
ACCURACIES = ("iterations", "max_accuracy", "final_accuracy", "misses", "last_20",
              "training_accuracy", "reached", "at")


def confirm(name, seed=None):
    """Runs a script or an edit once, with a recorded seed, after a change that changes no figure.

    Where all accuracies are those of the record, every record of it takes the hash of the code as
    it is now, and says by which run; where one differs, the records stay and the run is not kept.
    """
    runs = load()
    of_name = [run for run in runs if run.get("edit", run["script"]) == name]
    known = [run for run in of_name if run["digits"] == "MNIST" and seed in (None, run["seed"])
             and run["tensorflow"].startswith(NEWEST)]
    if not known:
        sys.exit("nothing is recorded of {} with seed {}".format(name, seed))
    before = known[0]
    if name in SCRIPTS + list(NEXT_STEPS):
        run = measure(name, before["seed"])
    else:
        edit = workshop.edits(workshop.text())[name]
        run = measure(edit.script, before["seed"],
                      workshop.apply(read(edit.script), edit.hunks), edit.iterations)
    differ = [field for field in ACCURACIES if field in before and run[field] != before[field]]
    if differ:
        sys.exit("{} is not confirmed: {}.".format(name, "; ".join(
            "{} was {}, is {}".format(field, before[field], run[field]) for field in differ)))
    measured = before["code"]
    for other in of_name:
        if other["code"] == measured:
            other["code"] = run["code"]
            other["confirmed"] = "seed {seed}, TensorFlow {tensorflow}, Python {python}".format(
                **run)
    record(of_name)
    print("{} is confirmed: max {max_accuracy} with seed {seed}".format(name, **run), flush=True)


def load():
    """All runs that have been recorded."""
    if not os.path.exists(RECORD):
        return []
    with open(RECORD) as file:
        return json.load(file)


# ---------- Figures of several runs ----------

NEWEST, OLDEST = "2.", "1.15."

# What each step brings, for the tables.
TRICKS = ["one softmax layer", "four sigmoid layers before it, Adam", "relu, learning rate decay",
          "dropout", "convolution, no dropout", "more channels, dropout"]
NEXT_TRICKS = {
    "mnist_4.0_batchnorm.py": "batch normalisation, more channels",
    "mnist_4.1_augmentation.py": "stretched digits",
    "mnist_5.0_recurrent.py": "a recurrent network",
}
# What stands in the place of figures in the two steps that train 3.1's network.
NO_RUNS = {
    "mnist_6.0_distributed.py": "The network is that of 3.1, and so is what it reaches. What more"
                                " machines gain:\ndocs/next_steps.md has it.",
    "mnist_7.0_own_digits.py": "The training is that of 3.1, and so is what it reaches.",
}
HEADING = "# ---------- Results ----------\n"


def runs_of(script, version, digits="MNIST"):
    """The recorded runs of a script as it stands, on TensorFlow of a version."""
    return [run for run in load() if run["script"] == script and run["digits"] == digits
            and run["tensorflow"].startswith(version) and not run.get("edit")]


def named(name):
    """The recorded runs of a script, of a script's number such as 2.1, or of an edit."""
    runs = [run for run in load() if run.get("edit") == name]
    for script in SCRIPTS + list(NEXT_STEPS):
        if name in (script, script[:-3], script[6:9]):
            runs = runs_of(script, NEWEST)
    if not runs:
        known = sorted({run.get("edit", run["script"][6:9]) for run in load()})
        sys.exit("nothing is recorded of {}; there are {}".format(name, ", ".join(known)))
    return runs


def mean(values):
    return statistics.mean(values)


def deviation(values):
    """The standard deviation; 0 of a single value."""
    return statistics.stdev(values) if len(values) > 1 else 0.0


def spread(values, digits):
    """Mean ± standard deviation: what a single run reaches."""
    return "{0:.{2}f} ± {1:.{2}f}".format(mean(values), deviation(values), digits)


def estimate(values, digits):
    """Mean ± standard error: how exactly so many runs tell the mean."""
    return "{0:.{2}f} ± {1:.{2}f}".format(
        mean(values), deviation(values) / math.sqrt(len(values)), digits)


def difference(first, second, digits):
    """How much larger the second values are than the first, ± the standard error of that.

    It is the square root of the sum of both squared standard errors. Where one side is a single
    run, its deviation is not known, and that of the other side stands for it.
    """
    by = [deviation(values) for values in (first, second)]
    if len(first) == 1 or len(second) == 1:
        by = [max(by)] * 2
    text = "{:+.{}f}".format(mean(second) - mean(first), digits)
    if len(first) == len(second) == 1:
        return text
    errors = [d / math.sqrt(len(values)) for d, values in zip(by, (first, second))]
    return text + " ± {:.{}f}".format(math.hypot(*errors), digits)


# What `compare` prints: the words, the field of a record, the digits behind the point.
COMPARED = [
    ("max test accuracy", "max_accuracy", 4),
    ("test accuracy at the end", "final_accuracy", 4),
    ("spread of the last 20 tests", "last_20", 4),
    ("digits missed at the end", "misses", 0),
    ("lowest test loss", "lowest_loss", 2),
    ("test loss at the end", "final_loss", 2),
    ("training accuracy at the end", "training_accuracy", 4),
    ("iterations to 0.90", "0.90", 0),
    ("iterations to 0.97", "0.97", 0),
    ("iterations to 0.98", "0.98", 0),
]


def values_of(runs, field):
    """A field of the runs; those that have none, such as a loss of nan, are left out."""
    found = (run.get("reached", {}).get(field) if field in LEVELS else run.get(field)
             for run in runs)
    return [value for value in found if value is not None]


def comparison(first, second):
    """The differences of two recorded scripts or edits, as a table of text."""
    sides = [named(first), named(second)]
    form = "{:30}{:20}{:20}{}".format
    lines = [form("", first, second, "difference"),
             form("runs", *(str(len(runs)) for runs in sides), ""),
             form("iterations", *(str(runs[0]["iterations"]) for runs in sides), "")]
    for words, field, digits in COMPARED:
        values = [values_of(runs, field) for runs in sides]
        cells = [("{:.{}f}".format(v[0], digits) if len(v) == 1 else estimate(v, digits))
                 if v else "never" if field in LEVELS else "none" for v in values]
        cells.append(difference(values[0], values[1], digits) if all(values) else "")
        lines.append(form(words, *cells))
    lines.append("Each ± is a standard error. Less than twice its own ± may be chance.")
    return "\n".join(line.rstrip() for line in lines)


# ---------- Into the documents ----------

def table(columns, rows):
    """A table in Markdown."""
    lines = [columns, ["---"] * len(columns)] + [[str(cell) for cell in row] for row in rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def versions(run):
    return "TensorFlow {tensorflow}, NumPy {numpy}, Python {python}; {processor}".format(**run)


def block(script):
    """The results block at the end of a script."""
    new, old = runs_of(script, NEWEST), runs_of(script, OLDEST)
    if not new:
        text = NO_RUNS.get(script, "No run has been recorded.")
        return "".join("# " + line + "\n" for line in text.split("\n"))
    best, final = values_of(new, "max_accuracy"), mean(values_of(new, "final_accuracy"))
    seeds = sorted(run["seed"] for run in new)
    if len(new) > 1:
        lines = [
            "Max test accuracy of {} runs with seeds {} to {}, mean ± standard deviation:".format(
                len(new), seeds[0], seeds[-1]),
            "{}, from {:.4f} to {:.4f}; at the end {:.4f}, with a test loss of {}.".format(
                spread(best, 4), min(best), max(best), final,
                spread(values_of(new, "final_loss"), 2))]
    else:
        lines = ["Max test accuracy of one run, with seed {}:".format(seeds[0]),
                 "{:.4f}; at the end {:.4f}, with a test loss of {:.2f}.".format(
                     best[0], final, new[0]["final_loss"])]
    version = "TensorFlow {tensorflow}, Python {python}"
    if old:
        more = "One run with {}: {:.4f}.".format(version.format(**old[0]), old[0]["max_accuracy"])
    else:
        more = "Not with TensorFlow 1.15.5: more than 20 minutes a run."
    lines.append(version.format(**new[0]) + ". " + more)
    command = "python tests/tools/measure.py run --seeds {}".format(" ".join(map(str, seeds)))
    if script in NEXT_STEPS:
        command += "\n#   --scripts " + script
    lines.append("Measured by: " + command)
    return "".join("# " + line + "\n" for line in lines)


def with_block(script, text):
    """A script's text with the recorded figures at its end."""
    return text[:text.index(HEADING)] + HEADING + "\n" + block(script)


STEP_COLUMNS = ["step", "its trick", "max test accuracy", "at the end", "what the trick changed",
                "digits missed", "test loss, lowest → end"]


def step_row(script, before, trick):
    """What a step reached, and what its trick did: a row for STEP_COLUMNS."""
    runs = runs_of(script, NEWEST)
    final = values_of(runs, "final_accuracy")
    last = values_of(runs_of(before, NEWEST), "final_accuracy") if before else []
    return [
        script[6:9], trick, estimate(values_of(runs, "max_accuracy"), 4),
        "{:.4f}".format(mean(final)), difference(last, final, 4) if last else "",
        "{:.0f}".format(mean(values_of(runs, "misses"))),
        "{:.2f} → {:.2f}".format(mean(values_of(runs, "lowest_loss")),
                                 mean(values_of(runs, "final_loss")))]


def cost_cells(runs):
    """The time of the fastest run, which other work disturbed least, and the peak of memory."""
    return ["{:.0f} s".format(min(values_of(runs, "seconds"))),
            "{} MB".format(max(values_of(runs, "megabytes")))]


def steps_table():
    """The six steps: for README.md."""
    return table(STEP_COLUMNS, [step_row(*row) for row in zip(
        SCRIPTS, [None] + SCRIPTS, TRICKS)])


def next_steps_table():
    """Those of the next steps that have been run: for docs/next_steps.md."""
    rows = []
    for script, before in NEXT_STEPS.items():
        runs = runs_of(script, NEWEST)
        if runs:
            row = step_row(script, before, NEXT_TRICKS[script])
            row.insert(3, "{:.4f}".format(max(values_of(runs, "max_accuracy"))))
            row[-3] += " (to {})".format(before[6:9]) if row[-3] else ""
            rows.append(row + cost_cells(runs))
    if not rows:
        return "No run has been recorded.\n"
    columns = STEP_COLUMNS[:3] + ["best run"] + STEP_COLUMNS[3:] + ["time", "memory"]
    return table(columns, rows)


def usual(runs, level):
    """The median iteration at which runs have reached a test accuracy, where most of them did."""
    values = values_of(runs, level)
    most = 2 * len(values) > len([run for run in runs if "reached" in run])
    return "{:,.0f}".format(statistics.median(values)) if most else "never"


def details_table():
    """The rest of the figures: for docs/results.md."""
    rows = []
    for script in SCRIPTS:
        new, old = runs_of(script, NEWEST), runs_of(script, OLDEST)
        generated = values_of(runs_of(script, NEWEST, "generated"), "max_accuracy")
        rows.append(
            [script[6:9], "{:.4f}".format(max(values_of(new, "max_accuracy")))]
            + [usual(new, level) for level in LEVELS]
            + ["{:.4f}".format(mean(values_of(new, "last_20"))),
               "{:.4f}".format(mean(values_of(new, "training_accuracy"))),
               estimate(values_of(new, "final_loss"), 2),
               "{:.4f}".format(old[0]["max_accuracy"]),
               "{:.3f}".format(mean(generated))] + cost_cells(new))
    return table(["step", "best run"] + ["iterations to " + level for level in LEVELS]
                 + ["spread of the last 20 tests", "training accuracy at the end",
                    "test loss at the end", "TensorFlow 1.15.5", "generated digits", "time",
                    "memory"], rows) + "\n" + versions(
                        runs_of(SCRIPTS[0], NEWEST)[0]) + "; the panels computed, no display.\n"


def edit_row(name, runs):
    """A row of the workshop's tables; runs are of one edit, or of a script as it stands."""
    def cell(field, digits):
        values = values_of(runs, field)
        return "{:.{}f}".format(mean(values), digits) if values else "nan"
    return [name, runs[0]["iterations"] - 1, cell("max_accuracy", 4), cell("final_accuracy", 4),
            cell("training_accuracy", 3), cell("lowest_loss", 1), cell("final_loss", 1)]


EDIT_COLUMNS = ["run", "iterations", "max test accuracy", "at the end", "training accuracy",
                "lowest test loss", "test loss at the end"]


def edits_table(names, known):
    """What the edits of a question reached, beside their scripts as they stand."""
    rows, scripts = [], []
    for name in names:
        script, iterations = known[name].script, known[name].iterations
        runs = runs_of(script, NEWEST)
        if (script, iterations) not in scripts:
            if iterations:
                # The same seed, seen when it had run as long as the edit.
                seen = [run["at"][str(iterations - 1)] for run in runs if run["seed"] == 0]
                rows.append(["{} as it stands".format(script[6:9]), iterations - 1, "",
                             "{:.4f}".format(seen[0]), "", "", ""])
            else:
                rows.append(edit_row("{} as it stands".format(script[6:9]), runs))
            scripts.append((script, iterations))
        rows.append(edit_row("`{}`".format(name), named(name)))
    return table(EDIT_COLUMNS, rows)


def stages_table():
    """What the stages of "Build it yourself" reached."""
    rows = [edit_row("1.0 as it stands", runs_of(SCRIPTS[0], NEWEST))]
    for k, (name, _) in enumerate(workshop.stages(workshop.text()), 1):
        rows.append(edit_row("{}. {}".format(k, name), named("stage_{}".format(k))))
    return table(["stage"] + EDIT_COLUMNS[1:], rows)


def slow_start_words():
    """When 2.0, tested often, 2.0 with gradient descent, and 2.1 reach 0.90: for the workshop."""
    often, plain = named("2.0_tested_often")[0], named("2.0_gradient_descent")[0]
    relu = [run for run in runs_of(SCRIPTS[2], NEWEST) if run["seed"] == 0][0]
    return ("2.0 reaches a test accuracy of 0.90 at iteration {}, with plain gradient descent at"
            " {:,},\nand 2.1 at {}.\n").format(
                *(run["reached"]["0.90"] for run in (often, plain, relu)))


def start_words():
    """What the networks are like before the first step: for docs/results.md."""
    with open(START) as file:
        start = json.load(file)
    rows = [[name[6:9]] + ["{:.2g}".format(value) for value in start[name]["gradients"]]
            + ["{:,.0f}".format(start[name]["gradients"][-1] / start[name]["gradients"][0])]
            + ["{:.0f} %".format(100 * value) for value in start[name]["active"]]
            + ["{:.0f} to {:.0f} %".format(100 * min(start[name]["active_with_biases_0"]),
                                           100 * max(start[name]["active_with_biases_0"]))]
            for name in (SCRIPTS[1], SCRIPTS[2])]
    for row in rows[:1]:
        row[7:] = ["", "", "", "", ""]
    return table(
        ["step"] + ["gradient of W{}".format(k) for k in range(1, 6)] + ["W5 to W1"]
        + ["Y{} active".format(k) for k in range(1, 5)] + ["with biases of 0"], rows) + (
            "\n{} of the 784 pixels are 0 in all 60,000 training digits, so {} of the 7,840 weights"
            " of 1.0 stay 0.\n".format(start["never_inked"], 10 * start["never_inked"]))


def replaced(text, name, content):
    """The text with other content between <!-- name --> and the next end."""
    begin = "<!-- {} -->\n".format(name)
    end = "<!-- end of {} -->\n".format(name.split()[0] if name.startswith("measured") else name)
    at = text.index(begin) + len(begin)
    return text[:at] + content + text[text.index(end, at):]


def documents():
    """The documents with the recorded figures in them: path -> text."""
    texts = {script: with_block(script, read(script)) for script in SCRIPTS}
    # The diffs join the scripts with their new figures.
    made = {script: with_block(script, next_steps.text_of(script)) for script in NEXT_STEPS}
    for script, base in NEXT_STEPS.items():
        texts[next_steps.diff_of(script)] = next_steps.diff_to_write(
            script, base, made[script], made[base] if base in made else texts[base])
    texts["docs/next_steps.md"] = replaced(
        read("docs/next_steps.md"), "results", next_steps_table())
    texts["README.md"] = replaced(read("README.md"), "results", steps_table())
    text = replaced(read("docs/results.md"), "results", details_table())
    texts["docs/results.md"] = replaced(text, "start", start_words())
    known = workshop.experiments(workshop.text())
    for page in workshop.PAGES:
        text = read(page)
        for names in re.findall(r"^<!-- measured (.*) -->$", text, re.M):
            text = replaced(text, "measured " + names, edits_table(names.split(), known))
        for name, words in (("stages", stages_table), ("slow start", slow_start_words)):
            if "<!-- {} -->".format(name) in text:
                text = replaced(text, name, words())
        texts[page] = text
    return texts


def write():
    """Replaces the figures in the scripts, documents and diffs by those of the record."""
    texts = documents()
    # Scripts that have been made have the figures, too; edits of theirs stay as they are.
    texts.update((script, with_block(script, read(script)))
                 for script in NEXT_STEPS if next_steps.is_made(script))
    for name, text in texts.items():
        next_steps.write(name, text)


# ---------- Before the first step ----------

def start_here(path):
    """Runs a script to where its training would begin, and prints what the network is like."""
    import runpy

    import numpy as np

    import tensorflowvisu
    tf = tensorflowvisu.tf

    def look(self, compute_step, *arguments, **options):
        names = compute_step.__globals__
        sess, mnist = names["sess"], names["mnist"]
        weights = [names["W{}".format(k)] for k in range(1, 6)]
        gradients = tf.gradients(names["cross_entropy"], weights)
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
        found = {"gradients": [float("{:.3g}".format(size)) for size in sizes],
                 "active": active()}
        for k in range(1, 5):
            names["B{}".format(k)].load(np.zeros(names["B{}".format(k)].shape.as_list()), sess)
        found["active_with_biases_0"] = active()
        found["never_inked"] = int((mnist.train.images.max(axis=(0, 3)) == 0).sum())
        print("start " + json.dumps(found))

    tensorflowvisu.MnistDataVis.animate = look
    runpy.run_path(path, run_name="__main__")


def start():
    """Records what 2.0 and 2.1 are like before their first step."""
    found = {}
    for script in SCRIPTS[1:3]:
        done = subprocess.run(
            [sys.executable, os.path.abspath(__file__), "look", os.path.join(ROOT, script)],
            env=dict(os.environ, MPLBACKEND="Agg"), stdout=subprocess.PIPE, check=True,
            text=True)
        found[script] = json.loads(done.stdout.split("start ")[1].split("\n")[0])
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
    compare = commands.add_parser("compare", help="print how two recorded scripts or edits differ")
    compare.add_argument("first", help="a script, its number, such as 2.1, or the name of an edit")
    compare.add_argument("second")
    commands.add_parser("start", help="record what the networks are like before their first step")
    commands.add_parser("write", help="write the figures into the scripts and documents")
    one = commands.add_parser("one", help="run one script in this process (used by run and edits)")
    one.add_argument("path")
    one.add_argument("seed", type=int)
    one.add_argument("limit", type=int)
    look = commands.add_parser("look", help="look at one script in this process (used by start)")
    look.add_argument("path")
    arguments = parser.parse_args()

    if arguments.command == "run":
        for seed in arguments.seeds:
            for script in arguments.scripts:
                show_and_record(measure(script, seed))
    elif arguments.command == "edits":
        known = workshop.edits(workshop.text())
        for name in arguments.names or known:
            edit = known[name]
            text = workshop.apply(read(edit.script), edit.hunks)
            show_and_record(dict(
                measure(edit.script, arguments.seed, text, edit.iterations), edit=name))
    elif arguments.command == "confirm":
        for name in arguments.names:
            confirm(name, arguments.seed)
    elif arguments.command == "compare":
        print(comparison(arguments.first, arguments.second))
    elif arguments.command == "one":
        run_here(arguments.path, arguments.seed, arguments.limit)
        import resource

        import matplotlib
        import numpy

        import mnistdata
        import tensorflowvisu
        # ru_maxrss counts kilobytes, on macOS bytes.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print("cost " + json.dumps({
            "tensorflow": tensorflowvisu.tf.__version__, "numpy": numpy.__version__,
            "matplotlib": matplotlib.__version__, "python": platform.python_version(),
            "digits": "generated" if mnistdata.latest.generated else "MNIST",
            "megabytes": round(peak / (1 << 20 if sys.platform == "darwin" else 1 << 10))}))
    elif arguments.command == "start":
        start()
    elif arguments.command == "look":
        start_here(arguments.path)
    else:
        write()


def show_and_record(run):
    record([run])
    print("{} seed {seed}: max {max_accuracy}, final {final_accuracy}, loss {final_loss},"
          " {seconds} s, {megabytes} MB".format(run.get("edit", run["script"]), **run), flush=True)


if __name__ == "__main__":
    main()
