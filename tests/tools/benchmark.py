"""Measures what the panels cost: python tests/tools/benchmark.py [--scripts ...] [--rounds 3]

Each script runs as it stands in a process of its own, in a real window (under Xvfb where there is
no display). Within this one process three loops take turns, and the ratios are taken between
them, so that a busy machine changes little:

    bare     trains and, at the same iterations, fetches accuracy and loss
    text     calls the script's training_step, which also collects what the panels show
    window   the same with the live window
    slow     the same with a display that takes 0.1 s for each picture, as over ssh -X

Then 50 keys are pressed while the training goes on, and the time until the new layout is drawn is
taken.
"""

import argparse
import contextlib
import json
import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import paths  # noqa: F401
from screens import virtual_screen
from scripts import built, script_text, text_only_lines
from series import SCRIPTS, number_of

KEYS = 50


def bare_loop(names, schedule):
    """Trains, and fetches accuracy and loss where the script does."""
    sess, X, Y_ = names["sess"], names["X"], names["Y_"]
    fetched = [names["accuracy"], names["cross_entropy"]]
    test = {X: names["mnist"].test.images, Y_: names["mnist"].test.labels}
    for i, update_test, update_train in schedule:
        batch_X, batch_Y = names["mnist"].train.next_batch(100)
        batch = {X: batch_X, Y_: batch_Y}
        for feed, pkeep in ((batch, 1.0), (test, 1.0)):
            if feed is batch and not update_train or feed is test and not update_test:
                continue
            feed = dict(feed)
            if "step" in names:
                feed[names["step"]] = i
            if "pkeep" in names:
                feed[names["pkeep"]] = pkeep
            sess.run(fetched, feed_dict=feed)
        if "step" in names:
            batch[names["step"]] = i
        if "pkeep" in names:
            batch[names["pkeep"]] = 0.75
        sess.run(names["train_step"], feed_dict=batch)


def press_keys(count, pause):
    """Presses number keys in the window; prints when, on the clock that all processes share."""
    random.seed(0)
    for _ in range(count):
        time.sleep(pause * random.uniform(0.7, 1.3))
        print(time.monotonic(), flush=True)
        subprocess.call(["xdotool", "key", random.choice("0123456789")])


def measure(script, most, rounds, started):
    """Measures one script in this process; prints a JSON line."""
    names = built(script)
    ready = time.time() - started
    datavis, training_step = names["datavis"], names["training_step"]
    call = text_only_lines(script_text(script))[0]
    last, train_every, test_every = map(
        int, re.search(r"(\d+) \+ 1, (\d+), (\d+)", call).groups())
    n = min(last + 1, most)
    drawn, redrawn = [], []

    def watch(figure, slow):
        """Counts the drawings of a window's curves and of its layouts."""
        curve = figure.axes[0].lines[0]  # The run before has the last one, and stands still.
        draw, blit = curve.draw, figure.canvas.blit
        curve.draw = lambda renderer: (drawn.append(time.monotonic()), draw(renderer))
        figure.canvas.mpl_connect("draw_event", lambda _: redrawn.append(time.monotonic()))
        if slow:
            figure.canvas.blit = lambda box=None: (time.sleep(0.1), blit(box))

    def animate(step, iterations):
        datavis.animate(step, iterations, train_every, test_every, more_tests_at_start=True)

    def in_window(slow=False):
        """A run in the window, which is closed at the end; returns the seconds of the training."""
        times = []

        def step(i, update_test_data, update_train_data):
            if not times:
                watch(datavis.figure, slow)
                times.append(time.monotonic())
            training_step(i, update_test_data, update_train_data)
            if i == n - 1:
                times.append(time.monotonic())
                threading.Thread(target=close).start()

        def close():
            # The last update is drawn before the window closes.
            while not datavis.figure.texts[0].get_text().startswith("finished"):
                time.sleep(0.05)
            subprocess.call(["xdotool", "search", "--name", "^benchmark", "windowfocus"])
            subprocess.call(["xdotool", "key", "q"])

        animate(step, n)
        return times[1] - times[0]

    schedule = [(i, i % test_every == 0 or i < test_every and i % train_every == 0,
                 i % train_every == 0) for i in range(n)]
    training_step(0, True, True)
    bare_loop(names, schedule[:50])
    loops = {"bare": [], "text": [], "window": [], "slow": []}
    rates = []
    for _ in range(rounds):
        begin = time.monotonic()
        bare_loop(names, schedule)
        loops["bare"].append(time.monotonic() - begin)
        begin = time.monotonic()
        for step in schedule:
            training_step(*step)
        loops["text"].append(time.monotonic() - begin)
        del drawn[:]
        loops["window"].append(in_window())
        rates.append(len(drawn) / loops["window"][-1])
        loops["slow"].append(in_window(slow=True))
    updates = sum(1 for step in schedule if step[1] or step[2])

    # Keys, while the training goes on.
    sender = subprocess.Popen(
        [sys.executable, os.path.abspath(__file__), "--press", str(KEYS)],
        stdout=subprocess.PIPE, universal_newlines=True)
    pressed = []

    def until_all_pressed(i, update_test_data, update_train_data):
        if not i:
            watch(datavis.figure, slow=False)
        training_step(i, update_test_data, update_train_data)
        if sender.poll() is not None and not pressed:
            pressed.extend(float(line) for line in sender.stdout)
            os.kill(os.getpid(), signal.SIGINT)

    del redrawn[:]
    with contextlib.suppress(SystemExit):
        animate(until_all_pressed, 10 ** 9)
    answers = sorted(min([done for done in redrawn if done > begin] or [float("inf")]) - begin
                     for begin in pressed)
    # A key that was pressed before the window had the focus answers to nothing.
    assert 2 * len(redrawn) > len(pressed) and answers[-1] < 10, answers
    import resource
    print("measured " + json.dumps({
        "iterations": n, "updates": updates, "ready": ready, "rates": rates, "loops": loops,
        "answer": statistics.median(answers), "worst": answers[-1],
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "versions": [names["tf"].__version__, sys.modules["matplotlib"].__version__]}))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--scripts", nargs="+", default=SCRIPTS)
    parser.add_argument("--iterations", type=int, default=2001, help="steps of each loop")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measure", nargs=2, metavar=("SCRIPT", "TIME"), help=argparse.SUPPRESS)
    parser.add_argument("--press", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.press:
        time.sleep(3)
        press_keys(arguments.press, 0.3)
        return
    if arguments.measure:
        measure(arguments.measure[0], arguments.iterations, arguments.rounds,
                float(arguments.measure[1]))
        return

    environment = dict(os.environ, MPLBACKEND=os.environ.get("MPLBACKEND", "TkAgg"))
    with contextlib.ExitStack() as stack:
        if not environment.get("DISPLAY"):
            if not shutil.which("Xvfb"):
                sys.exit("There is no display; install Xvfb and xdotool to measure on a virtual"
                         " one.")
            environment["DISPLAY"] = stack.enter_context(virtual_screen())
        compare(arguments, environment)


def compare(arguments, environment):
    """Prints a line of the table for each script."""
    print("| script | steps | bare s | text s | window s | text / bare | window / text |"
          " slow display / text | drawings/s | key ms | worst ms | start s | MB |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|---|", flush=True)
    for script in arguments.scripts:
        with tempfile.TemporaryDirectory() as folder:
            environment["TENSORFLOWVISU_DATA"] = folder
            done = subprocess.run(
                [sys.executable, os.path.abspath(__file__), "--iterations",
                 str(arguments.iterations), "--rounds", str(arguments.rounds), "--measure", script,
                 str(time.time())], cwd=folder, env=environment, stdout=subprocess.PIPE,
                text=True, check=True)
        line = [line for line in done.stdout.splitlines() if line.startswith("measured ")][-1]
        m = json.loads(line[len("measured "):])
        bare, text, window, slow = (m["loops"][name] for name in ("bare", "text", "window", "slow"))

        def ratio(a, b):
            return statistics.median(x / y for x, y in zip(a, b))

        print("| {} | {} | {:.1f} | {:.1f} | {:.1f} | {:.2f} | {:.2f} | {:.2f} | {:.0f} | {:.0f} |"
              " {:.0f} | {:.1f} | {:.0f} |".format(
                  number_of(script), m["iterations"], statistics.median(bare),
                  statistics.median(text),
                  statistics.median(window), ratio(text, bare), ratio(window, text),
                  ratio(slow, text), statistics.median(m["rates"]), 1000 * m["answer"],
                  1000 * m["worst"], m["ready"], m["memory"]), flush=True)
    print("\nTensorFlow {}, matplotlib {}".format(*m["versions"]))


if __name__ == "__main__":
    main()
