"""The live window, driven as a person would: a real Tk window, real keys, a real mouse."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from conftest import ROOT, TESTS, environment, need, wait_until

# What a test can ask of the run: it prints its state as often as it changes.
STEP = """
import json, os, signal, sys, threading, time
sys.path.insert(0, {root!r})
import numpy as np
import tensorflowvisu

random = np.random.RandomState(0)
datavis = tensorflowvisu.MnistDataVis()
states = {{}}


def report():
    for number, panel in states["figure"].panels.items():
        axes = panel.axes
        states[number] = axes.get_visible(), axes.get_xlim(), axes.get_ylim(), [
            round(float(value)) for value in axes.get_window_extent().bounds]
    with open("state.part", "w") as file:
        json.dump({{
            "visible": [k for k in range(1, 7) if states[k][0]],
            "xlim": {{k: states[k][1] for k in range(1, 7)}},
            "ylim": {{k: states[k][2] for k in range(1, 7)}},
            "bounds": {{k: states[k][3] for k in range(1, 7)}},
            "size": [float(size) for size in states["figure"].figure.bbox.size],
            "points": len(states["figure"].panels[1].training.get_xdata()),
            "status": states["figure"]._status.get_text(), "done": states["done"],
            "paused": datavis.is_paused(), "draws": states.get("draws", 0),
            "frames": states.get("frames", 0), "threads": threading.active_count(),
            "legends": [list(panel.axes.get_legend().get_window_extent().bounds)
                        for panel in (states["figure"].panels[1], states["figure"].panels[2])]
            if "draws" in states else [],
        }}, file)
    os.replace("state.part", "state.json")


show = tensorflowvisu._Figure.show
status = tensorflowvisu._Figure.show_status
init = tensorflowvisu._Figure.__init__


def counted_init(self, *arguments):
    init(self, *arguments)
    states["figure"] = self
    self.figure.canvas.mpl_connect("draw_event", lambda _: states.update(
        draws=states.get("draws", 0) + 1))


def counted_show(self, frame):
    states["frames"] = states.get("frames", 0) + 1
    return show(self, frame)


def reporting_status(self, text):
    boxes = status(self, text)
    report()
    return boxes


tensorflowvisu._Figure.__init__ = counted_init
tensorflowvisu._Figure.show = counted_show
tensorflowvisu._Figure.show_status = reporting_status


def step(i, update_test_data, update_train_data):
    states["done"] = i
    time.sleep({pause})
    if update_train_data:
        datavis.append_training_curves_data(i, 1 - 1 / (i + 2), 90 / (1 + i / 50))
        datavis.append_data_histograms(i, random.randn(100), random.randn(100))
        datavis.update_image1(random.randint(0, 255, [280, 280, 3]).astype(np.uint8))
    if update_test_data:
        datavis.append_test_curves_data(i, 0.9, 30)
        datavis.update_image2(random.randint(0, 255, [700, 1120, 3]).astype(np.uint8))
    {extra}


{call}
print("max test accuracy: " + str(datavis.get_max_test_accuracy()), flush=True)
print("threads " + str(threading.active_count()), flush=True)
"""
CALL = "datavis.animate(step, {}, 10, 50)"


class Window:
    """A script with its window on a virtual screen."""

    def __init__(self, folder, screen, iterations=100000, pause=0.002, extra="pass", call=None,
                 **variables):
        self.folder = folder
        self.env = environment(DISPLAY=screen, MPLBACKEND="TkAgg", **variables)
        script = folder / "live.py"
        script.write_text(STEP.format(root=ROOT, pause=pause, extra=extra,
                                      call=call or CALL.format(iterations)))
        self.errors = open(str(folder / "stderr"), "w+")
        self.process = subprocess.Popen(
            [sys.executable, str(script)], cwd=str(folder), env=self.env, stdout=subprocess.PIPE,
            stderr=self.errors, universal_newlines=True)
        self.name = wait_until(self._find, 30)
        wait_until(lambda: self.xdotool("windowfocus", self.name) == 0
                   and self.xdotool("getwindowfocus") == 0, 20)
        wait_until(lambda: (folder / "state.json").exists(), 20)
        wait_until(lambda: self.state["frames"] > 3 or self.process.poll() is not None, 20)

    def _find(self):
        assert self.process.poll() is None, self.stderr()
        found = subprocess.run(["xdotool", "search", "--name", "^live"], env=self.env,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return found.stdout.split()[-1].decode() if found.stdout.split() else None

    def xdotool(self, *arguments):
        return subprocess.call(["xdotool"] + [str(a) for a in arguments], env=self.env,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def key(self, name):
        self.xdotool("key", name)

    def drag(self, start, end):
        """Presses the mouse at one place of the canvas and releases it at another."""
        height = self.state["size"][1]
        for k, (x, y) in enumerate((start, start, ((start[0] + end[0]) / 2, end[1]), end)):
            self.xdotool("mousemove", "--window", self.name, int(x), int(height - y))
            time.sleep(0.15)
            if k == 1:
                self.xdotool("mousedown", 1)
                time.sleep(0.1)
        self.xdotool("mouseup", 1)

    @property
    def state(self):
        import json
        for _ in range(100):
            try:
                return json.loads((self.folder / "state.json").read_text())
            except (ValueError, OSError):
                time.sleep(0.05)

    def until(self, condition):
        """Waits until the state fulfils a condition, and returns it."""
        return wait_until(lambda: condition(self.state) and self.state, 20)

    def stderr(self):
        self.errors.seek(0)
        return self.errors.read()

    def end(self, seconds=10):
        """Waits for the end of the process; returns its output and how long that took."""
        started = time.time()
        output, _ = self.process.communicate(timeout=seconds)
        return output, time.time() - started


@pytest.fixture
def window(tmp_path, screen):
    """Opens windows and closes what a test leaves open."""
    opened = []

    def open_window(screen=screen, **options):
        opened.append(Window(tmp_path, screen, **options))
        return opened[-1]

    yield open_window
    for one in opened:
        one.process.kill()
        one.process.wait()
        one.process.stdout.close()
        one.errors.close()


LAYOUTS = {"1": [1], "2": [2], "3": [3], "4": [4], "5": [5], "6": [6], "7": [1, 2], "8": [4, 5],
           "9": [3, 6], "0": [1, 2, 3, 4, 5, 6], "Escape": [1, 2, 3, 4, 5, 6]}


def test_every_key_shows_its_panels_over_the_whole_window(window):
    live = window()
    for key, panels in LAYOUTS.items():
        if key == "Escape":
            live.key("1")
            live.until(lambda state: state["visible"] == [1])
        live.key(key)
        state = live.until(lambda state: state["visible"] == panels)
        width, height = state["size"]
        columns = min(3, len(panels))
        rows = len(panels) // columns
        boxes = [state["bounds"][str(k)] for k in panels]
        for k, (x, y, w, h) in zip(panels, boxes):
            # Within the window, and as large as the layout lets it be.
            assert x > 0 and y > 0 and x + w < width and y + h < height
            if k in (1, 2, 4, 5):
                assert w > 0.75 * width / columns and h > 0.7 * height / rows
        for k, one in enumerate(boxes):
            for other in boxes[:k]:
                assert (one[0] >= other[0] + other[2] or other[0] >= one[0] + one[2]
                        or one[1] >= other[1] + other[3] or other[1] >= one[1] + one[3])


def test_space_stops_the_training_itself(window):
    live = window()
    live.key("space")
    state = live.until(lambda state: state["paused"] and "paused" in state["status"])
    time.sleep(0.5)
    done = live.state["done"]
    time.sleep(1)
    assert live.state["done"] == done
    live.key("7")  # The window answers while the training is paused.
    live.until(lambda state: state["visible"] == [1, 2])
    assert live.state["done"] == done
    live.key("space")
    live.until(lambda state: state["done"] > done + 20 and not state["paused"])
    assert state["threads"] == 2


def test_updates_are_cheap_and_all_drawn(window):
    live = window()
    before = live.until(lambda state: state["done"] > 300)
    after = live.until(lambda state: state["done"] > before["done"] + 400)
    frames, draws = after["frames"] - before["frames"], after["draws"] - before["draws"]
    assert frames >= 40
    # Whole drawings of the figure are for layouts and sizes, not for updates.
    assert draws <= 2
    # The training is at most one update ahead of the picture.
    assert after["points"] >= after["done"] // 10 - 2


def test_zoom_stays_until_h(window):
    live = window()
    live.key("1")
    state = live.until(lambda state: state["visible"] == [1])
    x, y, w, h = state["bounds"]["1"]
    live.key("o")
    live.drag((x + 0.2 * w, y + 0.5 * h), (x + 0.6 * w, y + 0.9 * h))
    live.key("o")
    zoomed = live.until(lambda state: state["ylim"]["1"][0] > 0.4)
    assert abs(zoomed["ylim"]["1"][0] - 0.5) < 0.05 and abs(zoomed["ylim"]["1"][1] - 0.9) < 0.05
    later = live.until(lambda state: state["done"] > zoomed["done"] + 300)
    assert later["xlim"]["1"] == zoomed["xlim"]["1"] and later["ylim"]["1"] == zoomed["ylim"]["1"]
    live.key("0")
    live.key("1")
    assert live.state["ylim"]["1"] == zoomed["ylim"]["1"]
    live.key("h")
    home = live.until(lambda state: state["ylim"]["1"] == [0, 1])
    assert home["xlim"]["1"][0] == 0 and home["xlim"]["1"][1] >= home["done"] - 20
    grown = live.until(lambda state: state["xlim"]["1"][1] > home["xlim"]["1"][1])
    assert grown["ylim"]["1"] == [0, 1]  # The run has its axes back.


def test_legend_can_be_dragged(window):
    live = window()
    live.key("1")
    live.until(lambda state: state["visible"] == [1])
    x, y, w, h = live.until(lambda state: state["legends"])["legends"][0]
    live.drag((x + w / 2, y + h / 2), (x + w / 2 - 300, y + h / 2 + 150))
    moved = live.until(lambda state: abs(state["legends"][0][0] - x) > 200)
    assert abs(moved["legends"][0][1] - y - 150) < 20


def test_resize_loses_nothing(window):
    live = window()
    for width, height in ((900, 600), (1400, 850), (640, 480)):
        live.xdotool("windowsize", live.name, width, height)
        state = live.until(lambda state: abs(state["size"][0] - width) < 10)
        state = live.until(lambda s: s["done"] > state["done"] + 30)
        for x, y, w, h in state["bounds"].values():
            assert x > 0 and y > 0 and x + w < state["size"][0] and y + h < state["size"][1]
    assert live.process.poll() is None


def test_window_fits_a_small_screen(window, small_screen):
    live = window(screen=small_screen)
    width, height = live.state["size"]
    assert 900 < width <= 1024 and 560 < height <= 768 - 80


def test_window_fits_a_dense_screen(window, dense_screen):
    live = window(screen=dense_screen)
    state = live.until(lambda state: state["size"][0] <= 1600)
    assert 500 < state["size"][1] <= 1000 - 80


def test_closing_the_window_ends_well(window):
    live = window()
    live.key("q")
    output, seconds = live.end()
    assert seconds < 2
    assert output.splitlines() == ["max test accuracy: 0.9", "threads 1"]
    assert live.process.returncode == 0
    assert live.stderr() == "", live.stderr()


def test_closing_while_paused_ends_well(window):
    live = window()
    live.key("space")
    live.until(lambda state: state["paused"])
    live.key("q")
    output, seconds = live.end()
    assert seconds < 2 and live.process.returncode == 0 and "threads 1" in output


def test_ctrl_c_ends_well(window):
    live = window()
    live.process.send_signal(signal.SIGINT)
    output, seconds = live.end()
    assert seconds < 2
    assert output.splitlines() == ["max test accuracy: 0.9"]
    assert live.process.returncode == 130
    assert live.stderr() == "", live.stderr()


def test_an_exception_shows_its_traceback_and_closes_the_window(window):
    live = window(extra="if i == 300: raise KeyError('no such digit')")
    output, _ = live.end()
    assert live.process.returncode == 1 and output == ""
    assert "KeyError: 'no such digit'" in live.stderr()
    assert "live.py" in live.stderr() and "in step" in live.stderr()


def test_the_end_is_announced_and_the_window_stays(window):
    live = window(iterations=201)
    state = live.until(lambda state: "finished" in state["status"])
    assert "201 iterations" in state["status"] and "max test accuracy 0.9" in state["status"]
    assert state["points"] == 21
    time.sleep(1)
    assert live.process.poll() is None
    live.key("3")
    live.until(lambda state: state["visible"] == [3])
    live.key("q")
    output, _ = live.end()
    assert live.process.returncode == 0 and "max test accuracy: 0.9" in output


def test_progress_is_told(window):
    live = window(iterations=5000)
    state = live.until(lambda state: " left" in state["status"])
    for word in ("iteration ", " of 4,999", "iterations/s"):
        assert word in state["status"]


def test_animate_in_a_session_and_with_a_method(window):
    call = textwrap.dedent("""
        tf = tensorflowvisu.tf
        tf.disable_v2_behavior()
        class Trainer:
            def step(self, i, update_test_data, update_train_data):
                step(i, update_test_data, update_train_data)
                print(tf.get_default_session() is sess, tf.get_default_graph() is graph)
                assert sess.run(tf.constant(2.0)) == 2.0
        with tf.Graph().as_default() as graph, tf.Session() as sess:
            datavis.animate(Trainer().step, 60)
        """)
    live = window(call=call, pause=0.02)
    live.until(lambda state: "finished" in state["status"])
    live.key("q")
    output, _ = live.end()
    assert output.splitlines()[:60] == ["True True"] * 60


def test_panels_that_get_no_data(window):
    call = ("datavis = tensorflowvisu.MnistDataVis()\n"
            "def nothing(i, test, train):\n    states['done'] = i\n    time.sleep(0.005)\n"
            "datavis.animate(nothing, 100000)")
    live = window(call=call)
    for key, panels in LAYOUTS.items():
        live.key(key)
        live.until(lambda state: state["visible"] == panels)
    live.key("q")
    live.end()
    assert live.process.returncode == 0 and live.stderr() == "", live.stderr()


def test_a_script_of_the_series_in_its_window(tmp_path, screen, small_digits):
    """mnist_1.0 as it stands but shorter: what is drawn is what was printed."""
    need("import")
    env = environment(DISPLAY=screen, MPLBACKEND="TkAgg", MNIST_DATA=small_digits)
    process = subprocess.Popen(
        [sys.executable, os.path.join(TESTS, "run_script.py"),
         os.path.join(ROOT, "mnist_1.0_softmax.py"), "101"], cwd=str(tmp_path), env=env,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("100: ***"):
            break
    time.sleep(1.5)
    subprocess.check_call(["import", "-window", "root", str(tmp_path / "screen.png")], env=env)
    subprocess.call(["xdotool", "search", "--name", "^mnist_1.0_softmax", "windowfocus"], env=env)
    time.sleep(0.3)
    subprocess.call(["xdotool", "key", "q"], env=env)
    output, errors = process.communicate(timeout=20)
    assert process.returncode == 0, errors
    assert output.startswith("max test accuracy: 0.")
    from matplotlib.image import imread
    pixels = imread(str(tmp_path / "screen.png"))[..., :3]
    blue = (pixels[..., 2] - pixels[..., 0] > 0.3).sum()
    red = (pixels[..., 0] - pixels[..., 1] > 0.3).sum()
    assert blue > 150 and red > 1000
    assert not [path for path in os.listdir(str(tmp_path)) if path.startswith("mnist")]
