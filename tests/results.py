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
import resource
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RECORD = os.path.join(ROOT, "tests", "results.json")
SCRIPTS = sorted(name for name in os.listdir(ROOT) if re.match(r"mnist_\d.*\.py$", name))
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
        return run["script"], run["digits"], run["tensorflow"], run["seed"]
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
