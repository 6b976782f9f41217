"""Where there is no desktop: no display, browser, notebook, movies, other toolkits."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
import urllib.request

import pytest

from conftest import ROOT, environment, missing, need, on_terminal, run_python, wait_until

LIVE = """
import os, sys, time
sys.path.insert(0, {root!r})
import numpy as np
import tensorflowvisu

random = np.random.RandomState(0)
datavis = tensorflowvisu.MnistDataVis(dpi={dpi})


def step(i, update_test_data, update_train_data):
    time.sleep({pause})
    if update_train_data:
        datavis.append_training_curves_data(i, 1 - 1 / (i + 2), 90 / (1 + i / 50))
        datavis.append_data_histograms(i, random.randn(100), random.randn(100))
        datavis.update_image1(random.randint(0, 255, [280, 280, 3]).astype(np.uint8))
    if update_test_data:
        datavis.append_test_curves_data(i, 0.9, 30)
        datavis.update_image2(random.randint(0, 255, [700, 1120, 3]).astype(np.uint8))


datavis.animate(step, {iterations}, 10, 50{options})
print("max test accuracy: " + str(datavis.get_max_test_accuracy()), flush=True)
"""


def live_script(folder, iterations=101, pause=0, options="", dpi=70):
    path = folder / "live.py"
    path.write_text(LIVE.format(root=ROOT, iterations=iterations, pause=pause, options=options,
                                dpi=dpi))
    return path


def module(name):
    """The test goes on where a package is installed."""
    try:
        return __import__(name)
    except ImportError:
        # Old Pythons do without some tools of the tests.
        if sys.version_info < (3, 10):
            pytest.skip(name + " is missing")
        missing("the package " + name)


# ---------- No display ----------

@pytest.mark.parametrize("variables, reason", [
    ({}, "there is no display"), ({"MPLBACKEND": "Agg"}, "there is no display"),
    ({"MPLBACKEND": "Agg", "DISPLAY": ":99"}, "MPLBACKEND=Agg shows no window"),
    ({"MPLBACKEND": "TkAgg"}, "display"), ({"MPLBACKEND": "TkAgg", "DISPLAY": ":99"}, ":99"),
    ({"DISPLAY": ":99"}, ":99")])
def test_without_a_display_it_trains_and_leaves_a_picture(tmp_path, variables, reason):
    done = run_python(live_script(tmp_path), cwd=str(tmp_path), env=environment(**variables))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "max test accuracy: 0.9\n"
    assert reason in done.stderr and "live.png" in done.stderr
    assert len(done.stderr.splitlines()) == 2, done.stderr
    assert sorted(os.listdir(str(tmp_path))) == ["live.png", "live.py"]


def test_without_tk_it_says_what_to_install(tmp_path):
    script = live_script(tmp_path)
    script.write_text("import sys\nfor name in ('tkinter', '_tkinter', 'PySide6', 'PyQt5', 'PyQt6',"
                      " 'PySide2', 'gi', 'wx'):\n    sys.modules[name] = None\n"
                      + script.read_text())
    done = run_python(script, cwd=str(tmp_path), env=environment(DISPLAY=":99"))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "max test accuracy: 0.9\n" and (tmp_path / "live.png").exists()
    assert "install" in done.stderr and "python3-tk" in done.stderr


def test_ctrl_c_without_a_display(tmp_path):
    process = subprocess.Popen(
        [sys.executable, str(live_script(tmp_path, iterations=100000, pause=0.002))],
        cwd=str(tmp_path), env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        universal_newlines=True)
    assert "no display" in process.stderr.readline()
    time.sleep(0.5)
    started = time.time()
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=20)
    assert time.time() - started < 2
    assert output == "max test accuracy: 0.9\n" and process.returncode == 130
    assert "Traceback" not in errors and (tmp_path / "live.png").exists()


def test_progress_line_on_a_terminal(tmp_path):
    text = on_terminal([live_script(tmp_path, iterations=301, pause=0.002)], cwd=str(tmp_path),
                       env=environment())
    assert re.search(r"\riteration \d+ of 300   ·   [\d,]+ iterations/s   ·   \d+ s left", text)
    # The line is cleared before the next is printed, and at the end.
    assert re.search(r"\r +\r[^\r]*live.png", text)


# ---------- Movies ----------

def test_movie_as_mp4(tmp_path):
    need("ffmpeg", "ffprobe")
    script = live_script(tmp_path, options=", save_movie=True")
    done = run_python(script, cwd=str(tmp_path), env=environment())
    assert done.returncode == 0, done.stderr
    assert done.stdout == "max test accuracy: 0.9\n"
    path = tmp_path / "tensorflowvisu_video.mp4"
    assert str(path.name) in done.stderr
    shown = json.loads(subprocess.check_output(
        ["ffprobe", "-v", "error", "-count_frames", "-select_streams", "v", "-show_entries",
         "stream=width,height,nb_read_frames", "-of", "json", str(path)]).decode())["streams"][0]
    # Every update is a frame.
    assert (shown["width"], shown["height"], shown["nb_read_frames"]) == (1344, 756, "11")


def test_movie_in_a_folder_of_its_own_keeps_the_earlier_one(tmp_path):
    need("ffmpeg")
    script = live_script(tmp_path, iterations=11, options=", save_movie='a/b/run.mp4'")
    for _ in range(2):
        done = run_python(script, cwd=str(tmp_path), env=environment())
        assert done.returncode == 0, done.stderr
    assert sorted(os.listdir(str(tmp_path / "a" / "b"))) == ["run-1.mp4", "run.mp4"]
    assert "the earlier one is kept as a/b/run-1.mp4" in done.stderr


@pytest.mark.parametrize("path, variables", [("run.gif", {}), ("run.mp4", {"PATH": ""})])
def test_movie_as_gif_where_there_is_no_ffmpeg(tmp_path, path, variables):
    image = module("PIL.Image").Image
    script = live_script(tmp_path, options=", save_movie={!r}".format(path), dpi=35)
    done = run_python(script, cwd=str(tmp_path), env=environment(**variables))
    assert done.returncode == 0, done.stderr
    assert ("there is no ffmpeg" in done.stderr) == path.endswith("mp4")
    with image.open(str(tmp_path / "run.gif")) as movie:
        assert movie.n_frames == 11 and movie.size == (672, 378)


def test_movie_with_another_ending_is_refused(tmp_path):
    script = live_script(tmp_path, options=", save_movie='run.avi'")
    done = run_python(script, cwd=str(tmp_path), env=environment())
    assert done.returncode == 1
    assert "must be True or a path that ends in .mp4 or .gif, not 'run.avi'" in done.stderr


# ---------- Other toolkits ----------

def test_qt(tmp_path, screen):
    module("PySide6")
    script = live_script(tmp_path, pause=0.005)
    # As by hand: at the end, a key, and the window is closed.
    script.write_text(script.read_text().replace("datavis.animate", textwrap.dedent("""
        status = tensorflowvisu._Figure.show_status
        def watched(self, text):
            from PySide6 import QtCore, QtTest
            def act():
                QtTest.QTest.keyClick(self.figure.canvas, "7")
                print([axes.get_visible() for axes in self.figure.axes], flush=True)
                self.figure.canvas.manager.window.close()
            if "finished" in text:
                QtCore.QTimer.singleShot(500, act)
            return status(self, text)
        tensorflowvisu._Figure.show_status = watched
        datavis.animate"""), 1))
    done = run_python(script, cwd=str(tmp_path), env=environment(
        MPLBACKEND="QtAgg", QT_QPA_PLATFORM="offscreen", DISPLAY=screen))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "[True, True, False, False, False, False]", done.stderr
    assert done.stdout.splitlines()[-1] == "max test accuracy: 0.9"


# ---------- Notebook ----------

@pytest.fixture
def notebook(tmp_path):
    """Executes cells in a real kernel and returns them with their outputs."""
    nbclient, nbformat = module("nbclient"), module("nbformat")
    module("ipykernel")

    def execute(*sources, during=None):
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s) for s in sources])
        client = nbclient.NotebookClient(
            book, timeout=120, kernel_name="python3",
            resources={"metadata": {"path": str(tmp_path)}})
        seen = []
        process = client.process_message
        client.process_message = lambda message, cell, index: (
            seen.append(message), during and during(client, message),
            process(message, cell, index))[-1]
        # The kernel is this Python, whatever the user's Jupyter would start.
        from jupyter_client.kernelspec import KernelSpecManager
        KernelSpecManager.ensure_native_kernel = True
        old = dict(os.environ)
        os.environ.update(environment(), JUPYTER_PATH="", IPYTHONDIR=str(tmp_path / "ipython"))
        for name in ("DISPLAY", "MPLBACKEND", "MNIST_DATA"):
            os.environ.pop(name, None)
        try:
            client.execute()
        finally:
            os.environ.clear()
            os.environ.update(old)
        return book.cells, seen

    return execute


def pictures(cell):
    return [output for output in cell.outputs if "image/png" in output.get("data", {})]


def text_of(cell, name):
    return "".join(output.text for output in cell.outputs
                   if output.output_type == "stream" and output.name == name)


def test_notebook_renews_one_picture(notebook, tmp_path):
    live_script(tmp_path, iterations=801, pause=0.005)
    cells, messages = notebook("%matplotlib inline", "%run live.py")
    updates = [m for m in messages if m["msg_type"] == "update_display_data"]
    assert 2 <= len(updates) <= 10
    # No pile of outputs: one picture stays, the final one, with the line that is printed.
    assert len(pictures(cells[1])) == 1
    assert text_of(cells[1], "stdout").strip() == "max test accuracy: 0.9"
    import base64
    from matplotlib.image import imread
    with open(str(tmp_path / "final.png"), "wb") as file:
        file.write(base64.b64decode(pictures(cells[1])[0]["data"]["image/png"]))
    pixels = imread(str(tmp_path / "final.png"))
    assert pixels.shape[:2] == (756, 1344)
    assert (pixels[..., 2] - pixels[..., 0] > 0.3).sum() > 100


def test_interrupting_the_kernel_stops_cleanly(notebook, tmp_path):
    live_script(tmp_path, iterations=100000, pause=0.005)
    interrupted = []

    def interrupt(client, message):
        if message["msg_type"] == "update_display_data" and not interrupted:
            interrupted.append(True)
            # As Jupyter's stop button does.
            os.killpg(os.getpgid(client.km.provisioner.pid), signal.SIGINT)

    cells, _ = notebook("%matplotlib inline", "%run live.py", "print('goes on')", during=interrupt)
    assert interrupted
    assert text_of(cells[1], "stdout").strip() == "max test accuracy: 0.9"
    assert text_of(cells[2], "stdout") == "goes on\n"
    assert not [output for output in cells[1].outputs if output.output_type == "error"]


# ---------- Browser ----------

@pytest.fixture
def served(tmp_path):
    """The panels served to browsers by a training script; its address."""
    module("tornado")
    process = subprocess.Popen(
        [sys.executable, str(live_script(tmp_path, iterations=100000, pause=0.005))],
        cwd=str(tmp_path), env=environment(MPLBACKEND="WebAgg"), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, universal_newlines=True)
    line = process.stderr.readline()
    url = re.search(r"http://127\.0\.0\.1:\d+/", line)
    assert url, line + process.stderr.read()
    yield url.group(), process
    process.kill()
    process.communicate()


@pytest.fixture
def browser(tmp_path):
    """A real browser without a screen."""
    module("selenium")
    need("chromium", "chromedriver")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic",
                     "--no-first-run", "--disable-background-networking", "--disable-sync",
                     "--disable-component-update", "--window-size=1500,1000",
                     "--user-data-dir=" + str(tmp_path / "browser")):
        options.add_argument(argument)
    driver = webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)
    yield driver
    driver.quit()


def test_browser_shows_the_run_and_answers_keys(served, browser, tmp_path):
    import numpy as np
    from matplotlib.image import imread
    url, process = served

    def picture():
        browser.get_screenshot_as_file(str(tmp_path / "page.png"))
        return imread(str(tmp_path / "page.png"))[..., :3]

    def differs(before, share=0.01):
        return lambda: (np.abs(picture() - before) > 0.1).any(axis=2).mean() > share

    browser.get(url)
    wait_until(lambda: (picture() < 0.5).any(axis=2).mean() > 0.01, 20)
    first = picture()
    wait_until(differs(first, 0.002), 20)  # The panels change by themselves.
    # A key is pressed where the mouse is; the panels differ for each layout.
    canvas = browser.find_element("css selector", "canvas.mpl-canvas, canvas")
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    def press(key):
        ActionChains(browser).move_to_element(canvas).click().send_keys(key).perform()

    press(Keys.SPACE)
    time.sleep(2)
    shots = {"0": picture()}
    time.sleep(1)
    # The training is paused, so the picture stands still.
    assert not differs(shots["0"], 0.0005)()
    for key in "123456789":
        before = picture()
        press(key)
        wait_until(differs(before, 0.001), 20)
        time.sleep(0.5)
        shots[key] = picture()
    names = sorted(shots)
    for k, name in enumerate(names):
        for other in names[:k]:
            assert (np.abs(shots[name] - shots[other]) > 0.1).mean() > 0.003, (name, other)
    press(Keys.ESCAPE)
    wait_until(differs(shots["9"]), 20)
    time.sleep(0.5)
    assert (np.abs(picture() - shots["0"]) > 0.1).mean() < 0.01
    press(Keys.SPACE)
    wait_until(differs(picture(), 0.002), 20)
    # A browser that comes back finds the run as it is.
    browser.get("about:blank")
    time.sleep(0.5)
    browser.get(url)
    wait_until(lambda: (picture() < 0.5).any(axis=2).mean() > 0.01, 20)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=10)
    assert output == "max test accuracy: 0.9\n" and process.returncode == 130, errors


def test_browser_page_is_for_this_machine_only(served):
    url, process = served
    page = urllib.request.urlopen(url, timeout=10).read()
    assert b"<html" in page
    port = int(re.search(r":(\d+)/", url).group(1))
    # The socket listens on the loopback address and no other.
    with open("/proc/net/tcp") as file:
        listening = [line.split()[1] for line in file if line.split()[3] == "0A"]
    assert "0100007F:{:04X}".format(port) in listening
    assert "00000000:{:04X}".format(port) not in listening
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=10)
    assert output == "max test accuracy: 0.9\n" and process.returncode == 130
