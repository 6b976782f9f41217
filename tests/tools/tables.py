"""Puts the recorded figures into the scripts and documents, and compares them.

    python tests/tools/tables.py write            # the figures into the scripts and documents
    python tests/tools/tables.py compare 2.0 2.1  # the difference of two, and how sure it is
    python tests/tools/tables.py check            # whether each figure is of the code as it is now
"""

import argparse
import json
import math
import re
import statistics
import sys

import paths  # noqa: F401
import mistakes
import next_steps
import workshop
from next_steps import read
from records import (
    LEVELS,
    NEWEST,
    OLDEST,
    ROAD,
    START,
    code_hash,
    load,
    named,
    runs_of,
    values_of,
)
from series import NEXT_STEPS, SCRIPTS, number_of
from versions import seen_table

# What each step brings, for the tables.
TRICKS = ["one softmax layer", "four sigmoid layers before it, Adam", "relu, learning rate decay",
          "dropout", "convolution, no dropout", "more channels, dropout"]
NEXT_TRICKS = {
    "mnist_3.2_one_cycle.py": "one cycle of the learning rate",
    "mnist_4.0_batchnorm.py": "batch normalisation, more channels",
    "mnist_4.1_augmentation.py": "stretched digits",
    "mnist_5.0_recurrent.py": "a recurrent network",
    "text_5.1_language_model.py": "a network that writes",
}
# What stands in the place of figures in the two steps that train 3.1's network.
NO_RUNS = {
    "mnist_6.0_distributed.py": "The network is that of 3.1, and so is what it reaches. What more"
                                " machines gain:\ndocs/next_steps.md has it.",
    "mnist_7.0_own_digits.py": "The training is that of 3.1, and so is what it reaches.",
}
HEADING = "# ---------- Results ----------\n"


# ---------- Statistics ----------

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
    kind = "validation" if script.startswith("text") else "test"
    best, final = values_of(new, "max_accuracy"), mean(values_of(new, "final_accuracy"))
    seeds = sorted(run["seed"] for run in new)
    if len(new) > 1:
        lines = [
            "Max {} accuracy of {} runs with seeds {} to {}, mean ± standard deviation:".format(
                kind, len(new), seeds[0], seeds[-1]),
            "{}, from {:.4f} to {:.4f}; at the end {:.4f}, with a {} loss of {}.".format(
                spread(best, 4), min(best), max(best), final, kind,
                spread(values_of(new, "final_loss"), 2))]
    else:
        lines = ["Max {} accuracy of one run, with seed {}:".format(kind, seeds[0]),
                 "{:.4f}; at the end {:.4f}, with a {} loss of {:.2f}.".format(
                     best[0], final, kind, new[0]["final_loss"])]
    version = "TensorFlow {tensorflow}, Python {python}"
    if old:
        more = "One run with {}: {:.4f}.".format(version.format(**old[0]), old[0]["max_accuracy"])
    else:
        slow = min(values_of(new, "seconds")) > 800
        more = "Not with TensorFlow 1.15.5{}.".format(
            ": more than 20 minutes a run" if slow else ", so far")
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
        number_of(script), trick, estimate(values_of(runs, "max_accuracy"), 4),
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
            row[-3] += " (to {})".format(number_of(before)) if row[-3] else ""
            if script.startswith("text"):  # The next character is another task than a digit.
                row[-3:-1] = ["", ""]
            rows.append(row + cost_cells(runs))
    if not rows:
        return "No run has been recorded.\n"
    columns = STEP_COLUMNS[:3] + ["best run"] + STEP_COLUMNS[3:] + ["time", "memory"]
    old = [(number_of(script), run) for script in NEXT_STEPS for run in runs_of(script, OLDEST)]
    return table(columns, rows) + "\n" + table(
        ["one run with TensorFlow 1.15.5"] + [number for number, _ in old],
        [["max test accuracy"] + ["{:.4f}".format(run["max_accuracy"]) for _, run in old],
         ["memory"] + ["{} MB".format(run["megabytes"]) for _, run in old]])


def road_table():
    """How soon a run of each step reaches 99 % in a test: for docs/next_steps.md."""
    rows = []
    for script in SCRIPTS + list(NEXT_STEPS):
        runs = runs_of(script, NEWEST)
        for run in [run for run in runs if run.get("share_to_99")][:1]:
            rows.append([
                number_of(script), run["seed"], "{:,}".format(run["reached"][ROAD]),
                "{:,.0f} s".format(run["seconds"] * run["share_to_99"]),
                "{:,}".format(run["iterations"] - 1), "{:,.0f} s".format(run["seconds"]),
                "{:.4f}".format(mean(values_of(runs, "final_accuracy")))])
    return table(["step", "seed", "iterations to the first test at 0.99", "time to it",
                  "iterations to the end", "time to the end", "mean accuracy at the end"], rows)


def written_words():
    """What the language model wrote at its stages: for docs/next_steps.md."""
    runs = [run for run in runs_of("text_5.1_language_model.py", NEWEST) if run["seed"] == 0]
    text = "\n".join(line for run in runs for line in run["printed"])
    stages = re.findall(r"^It writes:\n(.*?)\n-{40}$", text, re.M | re.S)
    stages = [re.sub(r"[ \t]+$", "", stage, flags=re.M).strip("\n") for stage in stages]
    return "".join("```text\n{}\n```\n\n".format(stage) for stage in stages)


def usual(runs, level):
    """The median iteration at which runs have reached a test accuracy, where most of them did."""
    values = values_of(runs, level)
    most = 2 * len(values) > len([run for run in runs if "reached" in run])
    return "{:,.0f}".format(statistics.median(values)) if most else "never"


def details_table():
    """The rest of the figures, in two tables: for docs/results.md."""
    learning, elsewhere = [], []
    for script in SCRIPTS:
        new, old = runs_of(script, NEWEST), runs_of(script, OLDEST)
        generated = values_of(runs_of(script, NEWEST, "generated"), "max_accuracy")
        learning.append(
            [number_of(script), "{:.4f}".format(max(values_of(new, "max_accuracy")))]
            + [usual(new, level) for level in LEVELS]
            + ["{:.4f}".format(mean(values_of(new, "last_20"))),
               "{:.4f}".format(mean(values_of(new, "training_accuracy"))),
               estimate(values_of(new, "final_loss"), 2)])
        elsewhere.append(
            [number_of(script), "{:.4f}".format(old[0]["max_accuracy"]),
             "{:.3f}".format(mean(generated))] + cost_cells(new))
    return table(
        ["step", "best run"] + ["iterations to " + level for level in LEVELS]
        + ["spread of the last 20 tests", "training accuracy", "test loss at the end"], learning
    ) + "\n" + table(
        ["step", "max with TensorFlow 1.15.5", "max with generated digits", "time", "memory"],
        elsewhere) + "\n" + versions(
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
                rows.append(["{} as it stands".format(number_of(script)), iterations - 1, "",
                             "{:.4f}".format(seen[0]), "", "", ""])
            else:
                rows.append(edit_row("{} as it stands".format(number_of(script)), runs))
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
    """When 2.0, tested often, its edits and 2.1 reach 0.90: for the experiments."""
    edits = [named("2.0_" + name)[0] for name in (
        "tested_often", "gradient_descent", "gradient_descent_0.03", "momentum")]
    relu = [run for run in runs_of(SCRIPTS[2], NEWEST) if run["seed"] == 0]
    reached = [run["reached"]["0.90"] for run in edits + relu]
    return ("2.0 reaches a test accuracy of 0.90 at iteration {}, with plain gradient descent at"
            " {:,},\nat ten times the rate at {:,}, with momentum at {:,}, and 2.1 at {}.\n"
            ).format(*reached)


def start_words():
    """What the networks are like before the first step, in two tables: for docs/results.md."""
    with open(START) as file:
        start = json.load(file)
    relu = start[SCRIPTS[2]]
    gradients = [[number_of(name)] + ["{:.2g}".format(value) for value in start[name]["gradients"]]
                 + ["{:,.0f}".format(start[name]["gradients"][-1] / start[name]["gradients"][0])]
                 for name in (SCRIPTS[1], SCRIPTS[2])]
    active = [[words] + ["{:.0f} %".format(100 * share) for share in relu[field]]
              for words, field in (("0.1, as in 2.1", "active"), ("0", "active_with_biases_0"))]
    return table(
        ["gradient of"] + ["W{}".format(k) for k in range(1, 6)] + ["W5 to W1"], gradients
    ) + "\n" + table(
        ["active, with biases of"] + ["Y{}".format(k) for k in range(1, 5)], active)


def lesson_words():
    """Weights that never change, and what mistakes are like: for docs/lesson.md, by their names."""
    with open(START) as file:
        pixels = json.load(file)["never_inked"]
    return {
        "never inked": "{} of the 7,840 weights belong to pixels that are 0 in all training digits,"
                       " so they never change.\n".format(10 * pixels),
        "mistakes": table(["step", "test digits missed", "with a certainty of more than 99 %",
                           "their share of the test loss"], mistakes.rows()),
    }


def replaced(text, name, content):
    """The text with other content between <!-- name --> and the next end."""
    begin = "<!-- {} -->\n".format(name)
    end = "<!-- end of {} -->\n".format(re.sub("^(measured|printed) .*", r"\1", name))
    at = text.index(begin) + len(begin)
    return text[:at] + content + text[text.index(end, at):]


def spreads():
    """The standard deviations of the maximum over seeds, for the panels' word on chance."""
    lines = []
    for script in SCRIPTS + list(NEXT_STEPS):
        runs = runs_of(script, NEWEST)
        values = values_of(runs, "max_accuracy")
        if len(values) > 1:
            lines.append('    ("{}", {}): {:.4f},\n'.format(
                script[:-3], runs[0]["iterations"] - 1, deviation(values)))
    return "".join(lines)


def documents():
    """The documents with the recorded figures in them: path -> text."""
    texts = {script: with_block(script, read(script)) for script in SCRIPTS}
    # The diffs join the scripts with their new figures.
    made = {script: with_block(script, next_steps.text_of(script)) for script in NEXT_STEPS}
    for script, base in NEXT_STEPS.items():
        texts[next_steps.diff_of(script)] = next_steps.diff_to_write(
            script, base, made[script], made[base] if base in made else texts[base])
    text = replaced(read("docs/next_steps.md"), "results", next_steps_table())
    text = replaced(text, "written", written_words())
    texts["docs/next_steps.md"] = replaced(text, "road", road_table())
    texts["README.md"] = replaced(read("README.md"), "results", steps_table())
    text = replaced(read("docs/results.md"), "results", details_table())
    texts["docs/results.md"] = replaced(text, "start", start_words())
    texts["docs/versions.md"] = replaced(
        read("docs/versions.md"), "versions", table(*seen_table()))
    texts["tensorflowvisu.py"] = re.sub(
        r"(?<=^_SPREADS = \{\n).*?(?=^\})", spreads(), read("tensorflowvisu.py"), flags=re.M | re.S)
    text = read("docs/lesson.md")
    for name, words in lesson_words().items():
        text = replaced(text, name, words)
    texts["docs/lesson.md"] = text
    known = workshop.experiments(workshop.text())
    for page in workshop.PAGES:
        text = texts.get(page) or read(page)
        for names in re.findall(r"^<!-- measured (.*) -->$", text, re.M):
            text = replaced(text, "measured " + names, edits_table(names.split(), known))
        for name in re.findall(r"^<!-- printed (.*) -->$", text, re.M):
            lines = "".join(line + "\n" for line in named(name)[0]["printed"])
            text = replaced(text, "printed " + name, "```text\n{}```\n".format(lines))
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


# ---------- Whether they hold ----------

def code_now():
    """The hash of each script's code, and of each edit's, as it is now: name -> hash."""
    found = {script: code_hash(next_steps.text_of(script)) for script in SCRIPTS + list(NEXT_STEPS)}
    for name, edit in workshop.edits(workshop.text()).items():
        found[name] = code_hash(workshop.apply(next_steps.text_of(edit.script), edit.hunks))
    return found


def faults():
    """Sentences on what is recorded of other code, is not recorded, or stands wrong in a text."""
    now, recorded = code_now(), {}
    for run in load():
        recorded.setdefault(run.get("edit", run["script"]), set()).add(run["code"])
    found = []
    for name in sorted(set(now) | set(recorded)):
        if name not in now:
            found.append("{} is recorded, but there is no such edit".format(name))
        elif name not in recorded and name not in NO_RUNS:
            found.append("{} has not been measured".format(name))
        elif recorded.get(name, {now[name]}) != {now[name]}:
            found.append("{} has other code than its records".format(name))
    return found + ["{} has other figures than the records".format(name)
                    for name, text in documents().items() if read(name) != text]


def check():
    """Ends with what has to be measured, confirmed or written anew, if anything."""
    found = faults()
    if found:
        sys.exit("".join(fault + ".\n" for fault in found) +
                 "Measure again (measure.py run, edits), confirm that a change changes no figure"
                 " (measure.py confirm),\nor write the figures (tables.py write).")
    print("All figures are of the code as it is now.")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command")
    commands.required = True
    commands.add_parser("write", help="write the figures into the scripts and documents")
    compare = commands.add_parser("compare", help="print how two recorded scripts or edits differ")
    compare.add_argument("first", help="a script, its number, such as 2.1, or the name of an edit")
    compare.add_argument("second")
    commands.add_parser("check", help="say which figures are of other code, and which are missing")
    arguments = parser.parse_args()
    if arguments.command == "write":
        write()
    elif arguments.command == "compare":
        print(comparison(arguments.first, arguments.second))
    else:
        check()


if __name__ == "__main__":
    main()
