"""The live window, driven as a person would: a real Tk window, real keys, a real mouse."""

import contextlib
import signal
import subprocess
import time

import numpy as np
import pytest
from matplotlib.image import imread
from matplotlib.transforms import Bbox

from live import live_script
from processes import environment, need, run_python, wait_until
from screens import virtual_screen, xdotool
from scripts import start_script
from windows import Window


@pytest.fixture
def window(tmp_path, screen):
    """Opens windows and closes what a test leaves open."""
    with contextlib.ExitStack() as opened:
        yield lambda screen=screen, **options: opened.enter_context(
            contextlib.closing(Window(tmp_path, screen, **options)))


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """A window with a run before behind a run that does not end, for many tests."""
    need("Xvfb", "xdotool")
    with virtual_screen() as screen:
        live = Window(tmp_path_factory.mktemp("running"), screen, pause=0.002, before=True, call="""
            tf = tensorflowvisu.tf
            with tf.Graph().as_default() as graph, tf.Session() as sess:
                datavis.animate(step, 1000000, 10, 50)
            """, extra="""
            seen["session"] = tf.get_default_session() is sess and tf.get_default_graph() is graph
            """)
        yield live
        live.close()


ALL = [1, 2, 3, 4, 5, 6]
LAYOUTS = {"1": [1], "2": [2], "3": [3], "4": [4], "5": [5], "6": [6], "7": [1, 2], "8": [4, 5],
           "9": [3, 6], "0": ALL, "Escape": ALL}


@pytest.fixture
def live(running):
    """The running window with all panels, without a zoom."""
    running.key("0", ALL)
    running.key("h")
    yield running
    assert running.process.poll() is None
    assert running.stderr() == ""


def apart(state, panels):
    """Whether panels lie within the window, and apart from one another."""
    width, height = state["size"]
    boxes = [Bbox.from_bounds(*state["bounds"][str(k)]) for k in panels]
    return all(box.x0 > 0 and box.y0 > 0 and box.x1 < width and box.y1 < height
               and not box.count_overlaps(boxes[:k]) for k, box in enumerate(boxes))


# ---------- While it runs ----------

def test_the_first_drawing_has_titles_and_axes(running):
    first = running.state["first"]
    assert first["visible"] == ALL and apart(dict(running.state, **first), ALL)
    assert first["titles"] == ["Accuracy", "Cross entropy loss", "Training digits", "Weights",
                               "Biases", "Test digits"]
    assert min(first["dark"]) > 20
    assert [first["xlim"][str(k)] for k in (1, 2, 4, 5)] == [[0, 100]] * 4
    assert first["ylim"]["1"] == [0, 1] and first["ylim"]["2"] == [0, 100]


def test_every_key_shows_its_panels_over_the_whole_window(live):
    for key, panels in LAYOUTS.items():
        if key == "Escape":
            live.key("1", [1])
        state = live.key(key, panels)
        assert apart(state, panels)
        width, height = state["size"]
        columns = min(3, len(panels))
        for k in {1, 2, 4, 5}.intersection(panels):
            _, _, w, h = state["bounds"][str(k)]
            assert w > 0.75 * width / columns and h > 0.7 * height / (len(panels) // columns)


def test_space_stops_the_training_itself(live):
    live.key("space")
    live.until(lambda state: state["paused"] and "paused" in state["status"])
    time.sleep(0.5)
    done = live.state["done"]
    time.sleep(1)
    assert live.state["done"] == done
    state = live.key("7", [1, 2])  # The window answers while the training is paused.
    assert state["done"] == done and "training" in state["threads"]
    live.key("space")
    live.until(lambda state: state["done"] > done + 20 and not state["paused"])


def test_the_training_has_the_graph_and_the_session_of_its_script(live):
    assert live.state["session"]


def test_updates_are_cheap(live):
    before = live.later()
    after = live.until(lambda state: state["blits"] > before["blits"] + 10)
    # Whole drawings of the figure are for layouts and sizes, not for updates.
    assert after["draws"] <= before["draws"] + 2


def test_zoom_stays_until_h(live):
    live.key("1", [1])
    zoomed = live.zoom(1)
    assert np.allclose(zoomed["ylim"]["1"], [0.5, 0.9], atol=0.05)
    later = live.later(300)
    assert later["xlim"]["1"] == zoomed["xlim"]["1"] and later["ylim"]["1"] == zoomed["ylim"]["1"]
    live.key("0", ALL)
    assert live.key("1", [1])["ylim"]["1"] == zoomed["ylim"]["1"]
    live.key("h")
    home = live.until(lambda state: state["ylim"]["1"] == [0, 1])
    assert home["xlim"]["1"][0] == 0 and home["xlim"]["1"][1] >= home["done"] - 100
    # The run has its axes back.
    later = live.later(300)
    assert later["ylim"]["1"] == [0, 1] and later["xlim"]["1"][1] >= later["done"] - 100


def test_home_resets_zooms_and_no_places(live):
    places = live.state["bounds"]
    live.zoom(2)
    live.zoom(3)
    wide = live.key("7", [1, 2])["bounds"]
    live.click("Home")
    state = live.until(lambda state: state["ylim"]["2"][0] == 0)
    assert state["visible"] == [1, 2]
    assert all(state["bounds"][k] == wide[k] for k in ("1", "2"))
    state = live.key("0", ALL)
    assert state["bounds"] == places and state["ylim"]["3"] == [279.5, -0.5]


def test_legend_can_be_dragged(live):
    state = live.key("1", [1])
    time.sleep(0.5)
    x, y, w, h = live.state["legend box"]
    live.drag((x + w / 2, y + h / 2), (x + w / 2 - 300, y + h / 2 + 150))
    moved = live.until(lambda state: abs(state["legend box"][0] - x) > 200)
    assert abs(moved["legend box"][1] - y - 150) < 20 and state["shown"] == moved["shown"]
    live.key("7", [1, 2])
    live.key("1", [1])  # It stays where it was dragged to.
    live.until(lambda state: np.allclose(state["legend box"], moved["legend box"], atol=3))


def test_z_goes_close_and_back(live):
    live.key("7", [1, 2])
    for back in ("z", "h"):
        live.key("z")
        live.until(lambda state: state["ylim"]["1"][0] > 0.5 and state["ylim"]["2"] == [0, 50])
        live.key(back)
        live.until(lambda state: state["ylim"]["1"] == [0, 1] and state["ylim"]["2"] == [0, 100])


def test_no_scale_grid_or_view_but_that_of_the_run(live):
    live.key("7", [1, 2])
    for panel in (1, 2):
        x, y, w, h = live.state["bounds"][str(panel)]
        live.place(x + w / 2, y + h / 2)
        for key in ("k", "g", "l", "L", "G"):
            live.key(key)
        assert live.later(30)["scale"] == ["linear"] * 6


def test_the_run_before_goes_and_comes_with_b(live):
    label = "test, run before (2.0)"
    state = live.state
    assert label in state["shown"] and state["lines"][label] == 3
    assert state["legend"] == ["training", "test", label]
    live.key("b")
    hidden = live.until(lambda state: label not in state["shown"])
    assert hidden["legend"] == ["training", "test"]
    live.key("7", [1, 2])
    assert label not in live.later(30)["shown"]
    live.key("b")
    live.until(lambda state: label in state["shown"] and label in state["legend"])


def test_many_keys_at_once_are_answered_together(live):
    before = live.state["draws"]
    live.xdotool("key", "--delay", "0", *"1234568" * 8 + "7")
    assert live.until(lambda state: state["visible"] == [1, 2])["draws"] - before < 40


def test_home_after_another_size(live):
    live.zoom(1)
    for width, height in ((900, 600), (1400, 850), (640, 480)):
        live.xdotool("windowsize", live.name, width, height)
        live.until(lambda state, width=width: abs(state["size"][0] - width) < 10)
        assert apart(live.later(30), ALL)
    places = live.state["bounds"]
    live.key("h")
    state = live.until(lambda state: state["ylim"]["1"] == [0, 1])
    assert state["bounds"] == places and live.later(30)["bounds"] == places


def test_ctrl_c_is_heard_while_a_dialog_is_open_and_a_second_one_ends_at_once(running):
    running.xdotool("key", "s")
    wait_until(lambda: running.xdotool("search", "--onlyvisible", "--name", "^Save the"))
    running.process.send_signal(signal.SIGINT)
    wait_until(lambda: "tensorflowvisu: Ctrl-C" in running.stderr())
    assert running.process.poll() is None
    running.process.send_signal(signal.SIGINT)
    running.end()
    assert running.process.returncode == -signal.SIGINT and "Traceback" not in running.stderr()


def test_ctrl_c_twice_ends_a_run_that_is_over_while_a_dialog_is_open(window):
    live = window(iterations=20)
    live.until(lambda state: "finished" in state["status"])
    live.xdotool("key", "s")
    wait_until(lambda: live.xdotool("search", "--onlyvisible", "--name", "^Save the"))
    live.process.send_signal(signal.SIGINT)
    time.sleep(1)  # The window takes Ctrl-C back a few times a second.
    live.process.send_signal(signal.SIGINT)
    live.end()
    assert live.process.returncode == -signal.SIGINT


# ---------- Screens ----------

@pytest.mark.parametrize("size, dpi", [("800x600", 96), ("1600x1000", 144), ("1920x1080", 96)])
def test_window_fits_its_screen(window, size, dpi):
    """An old projector, a screen with many pixels to the inch, a large one."""
    need("Xvfb", "openbox")
    width, height = map(int, size.split("x"))
    with virtual_screen(size, dpi, manager=True) as name:
        live = window(screen=name)
        live.until(lambda state: state["size"][0] <= width and state["done"] > 200)
        time.sleep(0.5)
        state = live.state
        w, h = state["window"][2:]
        assert w > 0.85 * width and h > 0.75 * height
        boxes = [state["window"], state["toolbar"]] + list(state["buttons"].values())
        for x, y, w, h, *shown in boxes:
            assert all(shown) and w > 10 and h > 10 and 0 <= x <= width - w and 0 <= y <= height - h
        assert apart(state, ALL)
        # It closes while its dialog is open, too.
        live.xdotool("key", "s")
        wait_until(lambda: live.xdotool("search", "--onlyvisible", "--name", "^Save the"))
        wait_until(lambda: live.xdotool("windowactivate", "--sync", live.name))
        live.xdotool("key", "alt+F4")
        live.end()
        assert live.process.returncode == 0 and live.stderr() == ""


# ---------- The end ----------

def test_a_window_that_is_closed_at_once(tmp_path, screen):
    # What the button of the window does, at moments when it is not quite there.
    script = live_script(tmp_path, pause=0.002, first="""
        from matplotlib._pylab_helpers import Gcf
        from matplotlib.backends._backend_tk import FigureManagerTk
        show = FigureManagerTk.show

        def show_and_close(manager):
            show(manager)
            manager.window.after(wait, lambda: Gcf.destroy(manager))

        FigureManagerTk.show = show_and_close
        """, call="""
        for wait in (0, 100, 200, 500):
            datavis.animate(step, 100000, 10, 50)
            print("closed", flush=True)
        """)
    done = run_python(script, cwd=str(tmp_path),
                      env=environment(DISPLAY=screen, MPLBACKEND="TkAgg"))
    assert done.returncode == 0 and done.stdout.count("closed") == 4, done.stderr
    assert done.stderr == ""


def test_the_training_waits_for_no_drawing_and_the_last_one_is_drawn(window):
    live = window(iterations=300, pause=0.01, first="""
        blit = FigureCanvasTkAgg.blit
        clock, stopped = time.monotonic, []
        time.monotonic = lambda: clock() + sum(stopped)

        def slow(canvas, *arguments):
            blit(canvas, *arguments)
            if done > 100 and not stopped:
                while done < 299:
                    time.sleep(0.01)
                # As where the process is stopped within a drawing, by a closed lid, for an hour.
                stopped.append(3600)

        FigureCanvasTkAgg.blit = slow
        """)
    live.until(lambda state: " left" in state["status"])
    state = live.until(lambda state: "finished" in state["status"] and state["points"] == 31)
    assert "300 iterations" in state["status"] and "max test accuracy 0.9" in state["status"]
    time.sleep(1)
    assert live.process.poll() is None  # The panels stay.
    live.key("3", [3])
    live.process.send_signal(signal.SIGINT)
    assert live.end() == "max test accuracy: 0.9\n"
    assert live.process.returncode == 0 and live.stderr() == ""


def test_two_runs_beside_a_figure_of_the_reader(window):
    live = window(first="""
        import gc, matplotlib.pyplot as plt
        gc.disable()  # Between the runs, the thread that watches would collect Tk's objects.
        own = plt.figure()
        own.add_subplot().plot([1, 2])
        plt.show(block=False)
        """, extra="""
        # Whatever the collector finds, windows that were closed too, it finds here.
        if i % 10 == 0:
            gc.collect()
        """, call="""
        datavis.animate(step, 100000, 10, 50)
        print("closed", done > 0, plt.fignum_exists(own.number), flush=True)
        print(sorted(thread.name for thread in threading.enumerate()), flush=True)
        # Garbage with Tk objects, that lies about until the next run.
        other = plt.figure()
        plt.close(other)
        del other
        seen.clear()
        seen.update(draws=0, blits=0)
        datavis.animate(step, 100000, 10, 50)
        """)
    live.later(200)
    live.key("space")
    live.until(lambda state: state["paused"])
    live.key("q")
    wait_until(lambda: "points" not in live.state or live.state["points"] < 10)
    live.focus()
    live.later(30)
    live.process.send_signal(signal.SIGINT)
    output, errors = live.end(), live.stderr()
    assert output.splitlines() == ["closed True True", "['MainThread', 'watch']",
                                   "max test accuracy: 0.9"]
    # No object of Tk's has gone on another thread, of which it would tell.
    assert live.process.returncode == 130 and errors.count("\n") == 2, errors
    assert errors.startswith("\ntensorflowvisu: Ctrl-C")


def test_a_script_of_the_series_in_its_window(tmp_path, screen, small_digits):
    """mnist_1.0 as it stands but shorter, looked at on the screen."""
    need("import")
    name = str(tmp_path / "screen.png")
    process = start_script("mnist_1.0_softmax.py", tmp_path, iterations=100, DISPLAY=screen,
                           MPLBACKEND="TkAgg", MNIST_DATA=small_digits)
    while not process.stdout.readline().startswith("100: ***"):
        assert process.poll() is None, process.stderr.read()

    def has_curves():
        subprocess.check_call(["import", "-display", screen, "-window", "root", name])
        red, green, blue = np.moveaxis(imread(name)[..., :3], 2, 0)
        return (blue - red > 0.3).sum() > 150 and (red - green > 0.3).sum() > 1000

    def closed():
        xdotool(screen, "search", "--name", "^mnist_1.0_softmax", "windowfocus")
        xdotool(screen, "key", "q")
        return process.poll() is not None

    wait_until(has_curves)
    wait_until(closed, every=0.5)
    output, errors = process.communicate()
    assert process.returncode == 0 and output.startswith("max test accuracy: 0."), errors
    assert not list(tmp_path.glob("mnist*.png"))
