"""Measures the six scripts as they stand: accuracy with its spread, time and memory.

    python tests/results.py run --seeds 0 1 2 3 4    # whole runs, added to tests/results.json
    python tests/results.py write                    # results into the scripts and README.md

A run of a script with a seed sets TensorFlow's seed and mnistdata.SEED; its text stays as it is.
What is recorded comes from the lines that it prints, its own clock and the peak of its memory.
"""

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time

from series import ROOT, SCRIPTS

RECORD = os.path.join(ROOT, "tests", "results.json")
TEST_LINE = re.compile(r"^(\d+): \*{9} epoch \d+ \*{9} test accuracy:(\S+) test loss: (\S+)$", re.M)


def run_here(script, seed):
    """Runs a script in this process with another seed."""
    import runpy
    sys.path.insert(0, ROOT)
    import tensorflowvisu  # It comes first: it keeps TensorFlow's start-up lines away.
    import mnistdata
    mnistdata.SEED = seed
    set_random_seed = tensorflowvisu.tf.set_random_seed
    tensorflowvisu.tf.set_random_seed = lambda _: set_random_seed(seed)
    runpy.run_path(os.path.join(ROOT, script), run_name="__main__")


def measure(script, seed):
    """Runs a script in a process of its own and returns what it reached, as a dict."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.time()
        done = subprocess.run(
            [sys.executable, os.path.abspath(__file__), "one", script, str(seed)], cwd=folder,
            env=dict(os.environ, MPLBACKEND="Agg"), stdout=subprocess.PIPE, check=True,
            universal_newlines=True)
    output, _, cost = done.stdout.rpartition("cost ")
    tests = [(int(i), float(a), float(c)) for i, a, c in TEST_LINE.findall(output)]
    versions = json.loads(cost)
    return dict(
        versions, script=script, seed=seed, seconds=round(time.time() - started, 1),
        max_accuracy=max(accuracy for _, accuracy, _ in tests), final_accuracy=tests[-1][1],
        final_loss=tests[-1][2], iterations=tests[-1][0] + 1, processor=processor())


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


def load():
    """All runs that have been recorded."""
    if not os.path.exists(RECORD):
        return []
    with open(RECORD) as file:
        return json.load(file)


# ---------- Into the documents ----------

NEWEST, OLDEST = "2.", "1.15."


def runs_of(script, version, digits="MNIST"):
    """The recorded runs of a script as it stands, on TensorFlow of a version."""
    return [run for run in load() if run["script"] == script and run["digits"] == digits
            and run["tensorflow"].startswith(version) and not run.get("edit")]


def spread(values, digits):
    """Mean ± standard deviation."""
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return "{0:.{2}f} ± {1:.{2}f}".format(statistics.mean(values), deviation, digits)


def block(script):
    """The results block at the end of a script."""
    new, old = runs_of(script, NEWEST), runs_of(script, OLDEST)
    best = [run["max_accuracy"] for run in new]
    lines = [
        "Max test accuracy of {} runs with seeds {} to {}, mean ± standard deviation:".format(
            len(new), min(run["seed"] for run in new), max(run["seed"] for run in new)),
        "{}, from {} to {}; test loss at the end: {}.".format(
            spread(best, 4), min(best), max(best), spread([run["final_loss"] for run in new], 2)),
        "TensorFlow {tensorflow}, Python {python}.".format(**new[0])
        + " One run with TensorFlow {tensorflow}, Python {python}: {max_accuracy}.".format(
            **old[0]),
        "Measured by: python tests/results.py run --seeds 0 1 2 3 4",
    ]
    return "".join("# " + line + "\n" for line in lines)


def table():
    """The table of README.md."""
    columns = ["script", "max test accuracy", "best", "test loss at the end", "TensorFlow 1.15.5",
               "generated digits", "time", "memory"]
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    for script in SCRIPTS:
        new, old = runs_of(script, NEWEST), runs_of(script, OLDEST)
        generated = runs_of(script, NEWEST, "generated")
        best = [run["max_accuracy"] for run in new]
        lines.append("| `{}` | {} | {} | {} | {} | {:.3f} | {:.0f} s | {} MB |".format(
            script, spread(best, 4), max(best), spread([run["final_loss"] for run in new], 2),
            old[0]["max_accuracy"],
            statistics.mean(run["max_accuracy"] for run in generated),
            statistics.median(run["seconds"] for run in new),
            max(run["megabytes"] for run in new)))
    run = runs_of(SCRIPTS[0], NEWEST)[0]
    lines += ["", "TensorFlow {tensorflow}, NumPy {numpy}, Python {python}; {processor}; the panels"
              " computed, without a display.".format(**run)]
    return "\n".join(lines) + "\n"


def edits():
    """What the scripts with an edited line reach, for README.md."""
    runs = {run["edit"]: run for run in load() if run.get("edit")}
    return (
        "With seed 0, 2.0 with plain gradient descent reaches {:.4f}; 2.1 at a fixed rate reaches"
        " {:.4f} and ends at\n{:.4f}; 3.1 without dropout reaches {:.4f}, and its test loss climbs"
        " from {:.2f} at its lowest to {:.2f}\nat the end.\n".format(
            runs["2.0_gradient_descent"]["max_accuracy"],
            runs["2.1_fixed_rate"]["max_accuracy"], runs["2.1_fixed_rate"]["final_accuracy"],
            runs["3.1_without_dropout"]["max_accuracy"],
            runs["3.1_without_dropout"]["lowest_loss"], runs["3.1_without_dropout"]["final_loss"]))


def replaced(text, name, content):
    """The text with other content between <!-- name --> and <!-- end of name -->."""
    begin, end = "<!-- {} -->\n".format(name), "<!-- end of {} -->\n".format(name)
    return text[:text.index(begin)] + begin + content + text[text.index(end):]


def write():
    """Replaces the results in the scripts and in README.md by those of the record."""
    for script in SCRIPTS:
        path = os.path.join(ROOT, script)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        heading = "# ---------- Results ----------\n"
        with open(path, "w", encoding="utf-8", newline="\n") as file:
            file.write(text[:text.index(heading)] + heading + "\n" + block(script))
    path = os.path.join(ROOT, "README.md")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    text = replaced(replaced(text, "results", table()), "edits", edits())
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command")
    commands.required = True
    run = commands.add_parser("run", help="run scripts and record what they reach")
    run.add_argument("--seeds", type=int, nargs="+", default=[0])
    run.add_argument("--scripts", nargs="+", default=SCRIPTS, help="default: all six")
    one = commands.add_parser("one", help="run one script in this process (used by run)")
    one.add_argument("script")
    one.add_argument("seed", type=int)
    commands.add_parser("write", help="write the results into the scripts and README.md")
    arguments = parser.parse_args()

    if arguments.command == "run":
        for seed in arguments.seeds:
            for script in arguments.scripts:
                result = measure(script, seed)
                record([result])
                print("{script} seed {seed}: max {max_accuracy}, final {final_accuracy}, loss"
                      " {final_loss}, {seconds} s, {megabytes} MB".format(**result), flush=True)
    elif arguments.command == "one":
        run_here(arguments.script, arguments.seed)
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
    else:
        write()


if __name__ == "__main__":
    main()
