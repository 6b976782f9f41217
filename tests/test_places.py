"""Where there is no desktop: no display, browser, movies, other toolkits, other runs."""

import asyncio
import base64
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request

import numpy as np
import pytest

import tensorflowvisu
from live import RUN_BEFORE, data_of, live_script
from processes import environment, module, need, on_terminal, run_python, wait_until
from series import ROOT

LABEL = "test, run before (2.0)"


def started(folder, **options):
    """Starts the script in a folder, in a group of processes as a terminal's shell does."""
    variables = options.pop("variables", {})
    return subprocess.Popen([sys.executable, str(folder / "live.py")], cwd=str(folder),
                            env=environment(**variables), stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, universal_newlines=True,
                            start_new_session=True, **options)


def pixels_of(path):
    """A PNG's pixels, [height, width, 3] from 0 to 1."""
    from matplotlib.image import imread
    return imread(str(path))[..., :3]


# ---------- No display ----------

@pytest.mark.parametrize("variables, reason", [
    ({}, "there is no display"),
    ({"MPLBACKEND": "Agg", "DISPLAY": ":99"}, "MPLBACKEND=Agg shows no window"),
    ({"MPLBACKEND": "TkAgg", "DISPLAY": ":99"}, ":99"), ({"DISPLAY": ":99"}, ":99")])
def test_without_a_display_it_trains_and_leaves_a_picture(tmp_path, variables, reason):
    done = run_python(live_script(tmp_path, arguments="run_before=False"), cwd=str(tmp_path),
                      env=environment(**variables))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "max test accuracy: 0.9\n"
    assert reason in done.stderr and "live.png" in done.stderr
    assert len(done.stderr.splitlines()) == 2, done.stderr
    assert sorted(os.listdir(str(tmp_path))) == ["live.png", "live.py"]
    # Without the comparison there is no file and no folder for it.
    assert not data_of(tmp_path).exists()


def test_a_backend_of_the_script_that_shows_no_window(tmp_path):
    script = live_script(tmp_path, first="import matplotlib\nmatplotlib.use('Agg')")
    done = run_python(script, cwd=str(tmp_path), env=environment(DISPLAY=":99"))
    assert done.returncode == 0, done.stderr
    assert "matplotlib's backend Agg shows no window" in done.stderr


def test_without_tk_it_says_what_to_install(tmp_path):
    script = live_script(tmp_path, first="""
        for name in ("tkinter", "_tkinter", "PySide6", "PyQt5", "PyQt6", "PySide2", "gi", "wx"):
            sys.modules[name] = None
        """)
    done = run_python(script, cwd=str(tmp_path), env=environment(DISPLAY=":99"))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "max test accuracy: 0.9\n" and (tmp_path / "live.png").exists()
    assert "install" in done.stderr and "python3-tk" in done.stderr


def test_ctrl_c_without_a_display(tmp_path):
    live_script(tmp_path, iterations=100000, pause=0.002)
    process = started(tmp_path)
    assert "no display" in process.stderr.readline()
    time.sleep(1)
    os.killpg(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert output == "max test accuracy: 0.9\n" and process.returncode == 130
    lines = [line for line in errors.splitlines() if line]
    assert lines[0].startswith("tensorflowvisu: Ctrl-C") and len(lines) == 2, errors
    assert (tmp_path / "live.png").exists()


def test_ctrl_c_while_tensorflow_is_imported(tmp_path):
    # This TensorFlow takes its time, and says so on the way that the known lines go.
    (tmp_path / "tensorflow").mkdir()
    (tmp_path / "tensorflow" / "__init__.py").write_text(
        "import os, time\nos.write(2, b'imported\\n')\ntime.sleep(1000)\n")
    live_script(tmp_path).write_text(f"import sys\nsys.path[:0] = [{str(tmp_path)!r}, {ROOT!r}]\n"
                                     "import tensorflowvisu\n")
    process = started(tmp_path)
    assert process.stderr.readline() == "imported\n"
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert errors.count("Traceback") == 1 and errors.count("KeyboardInterrupt") == 1, errors
    assert process.returncode not in (0, None)


def test_progress_line_on_a_terminal(tmp_path):
    script = live_script(tmp_path, iterations=401, pause=0.01, first="""
        import fcntl, struct, termios, types
        # The longest line is that of generated digits; 4,000 digits are an epoch.
        sys.modules["mnistdata"] = types.SimpleNamespace(latest=types.SimpleNamespace(
            generated=True, train=types.SimpleNamespace(epochs_completed=1234)))
        """, extra="""
        columns = (80, 40, 25, 100)[i // 110]
        if i % 110 == 0:
            # From the terminal's other end it looks like this when its window gets another size.
            fcntl.ioctl(2, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        """)
    text = on_terminal([script], cwd=str(tmp_path), env=environment(PYTHONIOENCODING="ascii"))
    assert text.isascii() if hasattr(text, "isascii") else all(ord(c) < 128 for c in text)
    lines = re.findall(r"\r(iteration ([\d,]+) of 400[^\r\n]*)", text)
    longest = {}
    for line, iteration in lines:
        assert "\\" not in line
        columns = (80, 40, 25, 100)[int(iteration) // 110]
        longest[columns] = max(longest.get(columns, 0), len(line))
    assert sorted(longest) == [25, 40, 80, 100]
    assert all(length < columns for columns, length in longest.items()), longest
    assert "generated digits" in text and " left" in text
    # The line is cleared before the next is printed, and at the end.
    assert re.search(r"\r +\r[^\r]*live.png", text)


def test_a_script_from_standard_input(tmp_path):
    with open(str(live_script(tmp_path)), encoding="utf-8") as script:
        done = run_python("-", stdin=script, cwd=str(tmp_path))
    assert done.returncode == 0 and "tensorflowvisu.png" in done.stderr, done.stderr
    assert sorted(os.listdir(str(tmp_path))) == ["live.py", "tensorflowvisu.png"]


# ---------- The run before ----------

def test_which_runs_leave_their_curves(tmp_path):
    script = live_script(tmp_path, before=True, extra="if i == fails: raise KeyError(i)\n"
                         "if i == interrupts: os.kill(os.getpid(), signal.SIGINT)", call="""
        import signal
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        path = os.path.join(tensorflowvisu.DATA, "last_run.csv")

        def run(name, **options):
            global datavis, fails, interrupts
            fails, interrupts = options.get("fails"), options.get("interrupts")
            with open(path) as file:
                earlier = file.read()
            datavis = tensorflowvisu.MnistDataVis(run_before=options.get("run_before", True))
            try:
                datavis.animate(step, 101, 10, 50)
                end = "finished"
            except KeyError:
                end = "raised"
            except SystemExit as exit:
                end = str(exit.code)
            with open(path) as file:
                text = file.read()
            labels = [line.get_label() for line in datavis.figure.axes[0].lines
                      if line.get_visible()]
            print(name, end, text != earlier, len(labels), text.split(";")[0][2:], sep=" | ")
            print(datavis.figure.texts[0].get_text(), file=sys.stderr)

        run("raising", fails=80)
        run("early", interrupts=30)
        run("without", run_before=False)
        run("whole")
        run("late", interrupts=70)
        print(sorted(os.listdir(tensorflowvisu.DATA)))
        # A folder that cannot be made, one that cannot be written.
        tensorflowvisu.DATA = os.path.join(path, "data")
        datavis = tensorflowvisu.MnistDataVis()
        fails = interrupts = None
        datavis.animate(step, 101, 10, 50)
        tensorflowvisu.DATA = "/sys"
        datavis.animate(step, 101, 10, 50)
        """)
    done = run_python(script, cwd=str(tmp_path))
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if "max test" not in line]
    assert lines == [
        "raising | raised | False | 3 | script: mnist_2.0_five_layers_sigmoid",
        "early | 130 | False | 3 | script: mnist_2.0_five_layers_sigmoid",
        "without | finished | False | 2 | script: mnist_2.0_five_layers_sigmoid",
        "whole | finished | True | 3 | script: live",
        "late | 130 | True | 3 | script: live",
        "['last_run.csv', 'last_run.py']"]
    assert "max test accuracy 0.9 (run before: 0.8000)" in done.stderr
    assert "max test accuracy 0.9 (run before: 0.9000)" in done.stderr
    # Nothing is said where nothing could be left.
    assert "last_run" not in done.stderr and "Traceback" not in done.stderr
    table = np.loadtxt(str(data_of(tmp_path) / "last_run.csv"), delimiter=",")
    assert list(table[:, 0]) == list(range(0, 71, 10))
    assert np.array_equal(table[[0, 5], 3:], [[0.9, 30]] * 2) and np.isnan(table[1, 3:]).all()


def test_two_processes_at_once(tmp_path):
    live_script(tmp_path, call="""
        path = os.path.join(tensorflowvisu.DATA, "last_run.csv")
        end = time.time() + 3
        rounds = 0
        while time.time() < end or rounds < 3:
            datavis = tensorflowvisu.MnistDataVis()
            # Enough lines that half a file would be seen.
            tensorflowvisu.as_picture = lambda run, make_dashboard, reason: run.train()
            datavis.animate(lambda i, test, train: datavis.append_test_curves_data(i, 0.9, 30),
                            3000, 1, 1)
            rounds += 1
            with open(path) as file:
                lines = file.read().split("\\n")
            assert len(lines) == 3003 and lines[0].startswith("# script: live;"), len(lines)
            assert lines[-2] == "2999,nan,nan,0.9,30" and lines[-1] == "", lines[-2:]
        """)
    processes = [started(tmp_path) for _ in range(2)]
    for process in processes:
        _, errors = process.communicate(timeout=100)
        assert process.returncode == 0, errors
    assert sorted(os.listdir(str(data_of(tmp_path)))) == ["last_run.csv", "last_run.py"]


# ---------- Movies ----------

def frames_of(path):
    return json.loads(subprocess.check_output(
        ["ffprobe", "-v", "error", "-count_frames", "-select_streams", "v", "-show_entries",
         "stream=width,height,nb_read_frames", "-of", "json", str(path)]).decode())["streams"][0]


def test_movie_as_mp4(tmp_path):
    need("ffmpeg", "ffprobe")
    script = live_script(tmp_path, before=True, call="""
        from matplotlib.figure import Figure
        datavis.animate(step, 101, 10, 50, save_movie=True)
        print([line.get_label() for line in datavis.figure.axes[0].lines if line.get_visible()])
        datavis.show_on(Figure(figsize=(19.2, 10.8), dpi=70)).savefig("end.png", dpi=70)
        datavis.animate(step, 11, 10, 50, save_movie="a/b/run.mp4")
        datavis.animate(step, 11, 10, 50, save_movie="a/b/run.mp4")
        """)
    done = run_python(script, cwd=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert LABEL in done.stdout.splitlines()[0]
    assert done.stdout.splitlines()[-1] == "max test accuracy: 0.9"
    path = tmp_path / "tensorflowvisu_video.mp4"
    assert path.name in done.stderr
    shown = frames_of(path)
    # Every update is a frame, and the last one is held for two seconds.
    assert (shown["width"], shown["height"], shown["nb_read_frames"]) == (1344, 756, "61")
    # The last frame says that the run has finished, as the panels do afterwards; the first does
    # not. It has the run before in it.
    last, first, end = (str(tmp_path / name) for name in ("last.png", "first.png", "end.png"))
    subprocess.check_call(["ffmpeg", "-v", "error", "-sseof", "-0.1", "-i", str(path), "-update",
                           "1", "-y", last])
    subprocess.check_call(["ffmpeg", "-v", "error", "-i", str(path), "-frames:v", "1", "-y", first])
    last, first, end = pixels_of(last), pixels_of(first), pixels_of(end)
    assert np.abs(last - end)[735:].mean() < 0.3 * np.abs(first - end)[735:].mean()
    assert np.abs(last - end)[:370, :890].mean() < 0.02
    # A movie makes its folders, and replaces an earlier one.
    assert os.listdir(str(tmp_path / "a" / "b")) == ["run.mp4"]


def test_ctrl_c_of_a_terminal_leaves_a_movie(tmp_path):
    need("ffmpeg", "ffprobe")
    live_script(tmp_path, iterations=100000, pause=0.002, options=", save_movie='run.mp4'")
    process = started(tmp_path)
    wait_until(lambda: list(tmp_path.glob("run.*.part.mp4")), 60)
    time.sleep(3)
    # ffmpeg belongs to the group, too.
    os.killpg(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=100)
    assert process.returncode == 130 and output == "max test accuracy: 0.9\n", errors
    assert "Traceback" not in errors
    assert int(frames_of(tmp_path / "run.mp4")["nb_read_frames"]) > 50


def test_movie_as_gif_where_there_is_no_ffmpeg(tmp_path):
    image = module("PIL.Image").Image
    script = live_script(tmp_path, options=", save_movie='run.mp4'", arguments="dpi=35")
    done = run_python(script, cwd=str(tmp_path), env=environment(PATH=""))
    assert done.returncode == 0 and "there is no ffmpeg" in done.stderr, done.stderr
    with image.open(str(tmp_path / "run.gif")) as movie:
        assert movie.n_frames >= 11 and movie.size == (672, 378)
        seconds = 0
        for k in range(movie.n_frames):
            movie.seek(k)
            seconds += movie.info["duration"] / 1000
        # 10 frames a second, the last one for two seconds.
        assert 2.9 < seconds < 3.4


def test_a_movie_that_cannot_be_written(tmp_path):
    need("ffmpeg")
    script = live_script(tmp_path, extra="if i == 0: print('trains', file=sys.stderr)", call="""
        for path in ("/sys/run.mp4", "live.py/run.gif", "/sys/folder/run.gif"):
            print("run", file=sys.stderr)
            datavis.animate(step, 11, 10, 50, save_movie=path)
        """)
    done = run_python(script, cwd=str(tmp_path))
    assert done.returncode == 0, done.stderr
    runs = done.stderr.split("run\n")[1:]
    assert len(runs) == 3 and "Traceback" not in done.stderr
    for run, path in zip(runs, ("/sys/run.mp4", "live.py/run.gif", "/sys/folder/run.gif")):
        # One sentence, before the training.
        lines = run.splitlines()
        assert path in lines[0] and lines[0].endswith(".") and lines[1] == "trains", run


def test_the_training_goes_on_where_ffmpeg_fails(tmp_path):
    # As one that was built without the encoder.
    fake = tmp_path / "bin" / "ffmpeg"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\ncase $* in *-version*) exit 0;; esac\n"
                    "echo Unknown encoder >&2\nexit 1\n")
    fake.chmod(0o755)
    live_script(tmp_path, options=", save_movie='run.mp4'")
    done = run_python("live.py", cwd=str(tmp_path), env=environment(
        PATH=str(fake.parent) + os.pathsep + os.environ["PATH"]))
    assert done.returncode == 0 and "max test accuracy: 0.9" in done.stdout, done.stderr
    assert done.stderr.count("run.mp4 (ffmpeg has failed); the training goes on") == 1
    assert "Unknown encoder" in done.stderr and "Traceback" not in done.stderr
    assert pixels_of(tmp_path / "live.png").shape == (756, 1344, 3)


def test_movie_with_another_ending_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(tensorflowvisu, "DATA", str(tmp_path))
    datavis = tensorflowvisu.MnistDataVis()
    with pytest.raises(ValueError, match="must be True or a path that ends in .mp4 or .gif, not"
                                         " 'run.avi'"):
        datavis.animate(lambda *_: pytest.fail("it trains"), 10, save_movie="run.avi")


# ---------- Other toolkits ----------

def test_qt(tmp_path, screen):
    module("PySide6")
    # As by hand: at the end, a key, and the window is closed.
    script = live_script(tmp_path, pause=0.005, first="""
        from PySide6 import QtCore, QtTest
        from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
        blit = FigureCanvasQTAgg.blit
        acted = []

        def act():
            figure = datavis.figure
            QtTest.QTest.keyClick(figure.canvas, "7")
            print([axes.get_visible() for axes in figure.axes], flush=True)
            print([action.text() for action in figure.canvas.manager.toolbar.actions()], flush=True)
            figure.canvas.manager.window.close()

        def watched(canvas, *arguments):
            blit(canvas, *arguments)
            if "finished" in canvas.figure.texts[0].get_text() and not acted:
                acted.append(True)
                QtCore.QTimer.singleShot(500, act)

        FigureCanvasQTAgg.blit = watched
        """)
    done = run_python(script, cwd=str(tmp_path), env=environment(
        MPLBACKEND="QtAgg", QT_QPA_PLATFORM="offscreen", DISPLAY=screen))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "[True, True, False, False, False, False]", done.stderr
    assert "Home" in lines[1] and "Subplots" not in lines[1] and "Customize" not in lines[1]
    assert lines[-1] == "max test accuracy: 0.9"


# ---------- Browser ----------

@pytest.fixture
def served(tmp_path):
    """Starts a script whose panels are served to browsers; their address."""
    module("tornado")
    processes = []

    def serve(**options):
        live_script(tmp_path, pause=0.005, before=True, **options)
        process = started(tmp_path, variables={"MPLBACKEND": "WebAgg"})
        processes.append(process)
        line = process.stderr.readline()
        url = re.search(r"http://127\.0\.0\.1:\d+/", line)
        assert url, line + process.stderr.read()
        return url.group(), process

    yield serve
    for process in processes:
        process.kill()
        process.communicate()


class Browser:
    """A real browser without a screen, driven by its own protocol for developers."""

    def __init__(self, folder):
        self.folder = folder
        self.loop = asyncio.new_event_loop()
        self.process = subprocess.Popen(
            ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
             "--disable-background-networking", "--disable-sync", "--disable-component-update",
             "--hide-scrollbars", "--window-size=1500,1000", "--remote-debugging-port=0",
             "--user-data-dir=" + str(folder / "browser"), "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment())
        port = wait_until(self._port, 100)
        page = wait_until(lambda: [one for one in json.loads(urllib.request.urlopen(
            f"http://127.0.0.1:{port}/json/list", timeout=60).read().decode())
            if one["type"] == "page"], 100)[0]
        asyncio.set_event_loop(self.loop)
        from tornado.websocket import websocket_connect
        self.socket = self.wait(websocket_connect(page["webSocketDebuggerUrl"],
                                                  max_message_size=10 ** 8))
        self.count = 0

    def _port(self):
        try:
            return (self.folder / "browser" / "DevToolsActivePort").read_text().split()[0]
        except (OSError, IndexError):
            return None

    def wait(self, future):
        async def within_a_minute():
            return await asyncio.wait_for(future, 60)

        return self.loop.run_until_complete(within_a_minute())

    def do(self, method, **parameters):
        self.count += 1
        self.wait(self.socket.write_message(json.dumps(
            {"id": self.count, "method": method, "params": parameters})))
        while True:
            answer = json.loads(self.wait(self.socket.read_message()))
            if answer.get("id") == self.count:
                return answer.get("result")

    def open(self, url):
        self.do("Page.navigate", url=url)

    def picture(self):
        path = self.folder / "page.png"
        # There is none while the browser goes to another page.
        answer = wait_until(lambda: self.do("Page.captureScreenshot"))
        path.write_bytes(base64.b64decode(answer["data"]))
        return pixels_of(path)

    def press(self, key):
        """Presses a key where the mouse is: in the middle of the panels."""
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.do("Input.dispatchMouseEvent", type=kind, x=600, y=400, button="left",
                    clickCount=1)
        code = 27 if key == "Escape" else ord(key.upper())
        for kind in ("keyDown", "keyUp"):
            self.do("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code,
                    **({} if key == "Escape" else {"text": key}))

    def close(self):
        self.socket.close()
        self.process.terminate()
        self.process.wait()
        self.loop.close()


@pytest.fixture
def browser(tmp_path):
    module("tornado")
    need("chromium")
    one = Browser(tmp_path)
    yield one
    one.close()


def test_browser_shows_the_run_and_answers_keys(served, browser):
    url, process = served(iterations=100000)

    def drawn():
        return (browser.picture() < 0.5).any(axis=2).mean() > 0.01

    def differs(before, share):
        return lambda: (np.abs(browser.picture() - before) > 0.1).any(axis=2).mean() > share

    browser.open(url)
    wait_until(drawn, 60)
    wait_until(differs(browser.picture(), 0.001), 60)  # The panels change by themselves.
    browser.press(" ")
    time.sleep(2)
    shots = {"0": browser.picture()}
    time.sleep(1)
    # The training is paused, so the picture stands still.
    assert not differs(shots["0"], 0.0005)()
    for key in "1379":
        before = browser.picture()
        browser.press(key)
        wait_until(differs(before, 0.001), 60)
        time.sleep(0.5)
        shots[key] = browser.picture()
    names = sorted(shots)
    for k, name in enumerate(names):
        for other in names[:k]:
            assert (np.abs(shots[name] - shots[other]) > 0.1).mean() > 0.003, (name, other)
    browser.press("Escape")
    wait_until(differs(shots["9"], 0.01), 60)
    time.sleep(0.5)
    assert (np.abs(browser.picture() - shots["0"]) > 0.1).mean() < 0.01
    # The run before is there, and goes with its key.
    before = browser.picture()
    browser.press("b")
    wait_until(differs(before, 0.0002), 60)
    browser.press(" ")
    wait_until(differs(browser.picture(), 0.001), 60)
    # A browser that comes back finds the run as it is.
    browser.open("about:blank")
    time.sleep(0.5)
    browser.open(url)
    wait_until(drawn, 60)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert output == "max test accuracy: 0.9\n" and process.returncode == 130, errors
    assert "Traceback" not in errors and errors.count("tensorflowvisu: Ctrl-C") == 1


def test_a_key_in_the_browser_ends_the_run(served, browser):
    url, process = served(iterations=100000)
    browser.open(url)
    wait_until(lambda: (browser.picture() < 0.5).any(axis=2).mean() > 0.01, 60)
    browser.press("q")
    output, errors = process.communicate(timeout=60)
    assert output == "max test accuracy: 0.9\n" and process.returncode == 0, errors
    assert "Traceback" not in errors


def test_ctrl_c_after_the_training_returns_to_the_script(served, tmp_path):
    url, process = served(iterations=101)
    page = urllib.request.urlopen(url, timeout=60).read()
    assert b"<html" in page
    # The socket listens on the loopback address and no other.
    port = int(re.search(r":(\d+)/", url).group(1))
    with open("/proc/net/tcp") as file:
        listening = [line.split()[1] for line in file if line.split()[3] == "0A"]
    assert f"0100007F:{port:04X}" in listening
    assert f"00000000:{port:04X}" not in listening
    # A run that is over has left its curves.
    wait_until(lambda: (data_of(tmp_path) / "last_run.csv").read_text() != RUN_BEFORE, 60)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert output == "max test accuracy: 0.9\n" and process.returncode == 0, errors
    assert "Ctrl-C" not in errors.split("\n", 1)[-1] and "Traceback" not in errors
