"""Where there is no desktop: no display, browser, movies, other toolkits, other runs."""

import asyncio
import base64
import json
import os
import re
import signal
import socket
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


# ---------- No window ----------

IDE = """
from matplotlib.backend_bases import FigureManagerBase as FigureManager
from matplotlib.backends.backend_agg import FigureCanvasAgg as FigureCanvas
"""


@pytest.mark.parametrize("variables, reason", [
    ({}, "there is no display"),
    ({"MPLBACKEND": "Agg", "DISPLAY": ":999"}, "backend Agg shows no window"),
    ({"MPLBACKEND": "TkAgg", "DISPLAY": ":999"}, ":999"), ({"DISPLAY": ":999"}, ":999"),
    # What a notebook sets, and hands on to !python; what an IDE sets; a name that is wrong.
    ({"MPLBACKEND": "module://matplotlib_inline.backend_inline", "DISPLAY": ":999"},
     "%run live.py"),
    ({"MPLBACKEND": "module://ide", "DISPLAY": ":999"}, "backend module://ide shows no window"),
    ({"MPLBACKEND": "module://missing"}, "No module named 'missing'")])
def test_without_a_window_it_trains_and_leaves_a_picture(tmp_path, variables, reason):
    (tmp_path / "ide.py").write_text(IDE)
    done = run_python(live_script(tmp_path, arguments="run_before=False"), cwd=str(tmp_path),
                      env=environment(**variables))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "max test accuracy: 0.9\n"
    assert reason in done.stderr and "live.png" in done.stderr
    assert len(done.stderr.splitlines()) == 2, done.stderr
    assert sorted(os.listdir(str(tmp_path))) == ["ide.py", "live.png", "live.py"]
    # Without the comparison there is no file and no folder for it.
    assert not data_of(tmp_path).exists()


def test_without_tk_it_says_what_to_install(tmp_path):
    script = live_script(tmp_path, first="""
        for name in ("tkinter", "_tkinter", "PySide6", "PyQt5", "PyQt6", "PySide2", "gi", "wx"):
            sys.modules[name] = None
        """)
    done = run_python(script, cwd=str(tmp_path), env=environment(DISPLAY=":999"))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "max test accuracy: 0.9\n" and (tmp_path / "live.png").exists()
    assert "install" in done.stderr and "python3-tk" in done.stderr


def test_a_display_that_never_answers(tmp_path):
    numbers = (n for n in range(200, 300) if not os.path.exists(f"/tmp/.X11-unix/X{n}"))
    number = next(numbers)
    os.makedirs("/tmp/.X11-unix", exist_ok=True)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"/tmp/.X11-unix/X{number}")
        try:
            server.listen(5)
            done = run_python(live_script(tmp_path), cwd=str(tmp_path),
                              env=environment(DISPLAY=f":{number}"))
        finally:
            os.remove(f"/tmp/.X11-unix/X{number}")
    assert f"the display :{number} does not answer" in done.stderr
    assert done.stdout == "max test accuracy: 0.9\n" and (tmp_path / "live.png").exists()


def test_whatever_fails_in_a_window_each_step_is_called_once(tmp_path, screen):
    script = live_script(tmp_path, pause=0.01, extra="calls.append(i)",
                         arguments="run_before=False", call="""
        from matplotlib.backends.backend_tkagg import FigureCanvasTkAgg, FigureManagerTk

        def fail(kind, name, error, steps=-1):
            def failing(*arguments, **options):
                if done > steps:
                    raise error
                return inner(*arguments, **options)

            inner = getattr(kind, name)
            setattr(kind, name, failing)
            calls.clear()
            try:
                datavis.animate(step, 101, 10, 50)
            except StopIteration as error:
                print("raised", error)
            setattr(kind, name, inner)
            print(name, calls == list(range(101)), len(calls), flush=True)

        calls = []
        fail(FigureManagerTk, "set_window_title", KeyError("title"))
        fail(FigureManagerTk, "show", OSError(5, "no wire"))
        fail(FigureCanvasTkAgg, "blit", RuntimeError("half a picture"), 30)
        fail(tensorflowvisu._Dashboard, "show", MemoryError(), 30)
        tensorflowvisu.MnistDataVis.update_image1 = lambda *_: next(iter([])) if done > 50 else None
        fail(FigureCanvasTkAgg, "resize", KeyError("never"), 1000)
        """)
    done = run_python(script, cwd=str(tmp_path), env=environment(DISPLAY=screen))
    assert done.returncode == 0, done.stderr
    # What a step raises is raised as it is, and is no failure of the window's.
    assert done.stdout.splitlines() == [
        "set_window_title True 101", "show True 101", "blit True 101", "show True 101", "raised ",
        "resize False 60", "max test accuracy: 0.9"]
    lines = done.stderr.splitlines()
    assert len(lines) == 8 and "Traceback" not in done.stderr
    for line, cause in zip(lines[::2], ("KeyError 'title'", "no wire", "half a picture",
                                        "MemoryError")):
        assert f"cannot be shown ({cause}); the training goes on" in line
    assert set(lines[1::2]) == {"tensorflowvisu: the final panels are in live.png."}


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_leaves_the_result_and_a_picture(tmp_path, name):
    live_script(tmp_path, iterations=100000, pause=0.002, extra="if i == 100: print('trains')")
    process = started(tmp_path)
    assert process.stdout.readline() == "trains\n"
    number = getattr(signal, name)
    os.killpg(process.pid, number)
    output, errors = process.communicate(timeout=100)
    assert output == "max test accuracy: 0.9\n" and process.returncode == 128 + number
    assert errors.count("ends after the present step") == 1, errors
    assert ("Ctrl-C" if number == signal.SIGINT else name) + ": the run ends" in errors
    assert (tmp_path / "live.png").exists()


def test_signals_that_are_ignored_stay_so(tmp_path):
    script = live_script(tmp_path, extra="""
        if i == 50:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                os.kill(os.getpid(), number)
        """, first="import signal")
    command = f"trap '' INT TERM HUP; exec '{sys.executable}' '{script}'"
    done = subprocess.run(["sh", "-c", command], cwd=str(tmp_path), env=environment(),
                          capture_output=True, timeout=300)
    assert done.returncode == 0 and done.stdout == b"max test accuracy: 0.9\n", done.stderr


def test_neither_a_notice_nor_a_picture_is_worth_a_run(tmp_path):
    folder = tmp_path / "gone"
    folder.mkdir()
    script = live_script(tmp_path, first="os.rmdir(os.getcwd())")
    for errors in ("/dev/full", "stderr"):
        folder.mkdir(exist_ok=True)
        with open(os.path.join(str(tmp_path), errors), "w") as file:
            done = subprocess.run([sys.executable, str(script)], cwd=str(folder), stderr=file,
                                  env=environment(), stdout=subprocess.PIPE, timeout=300)
        assert done.stdout == b"max test accuracy: 0.9\n"
    text = (tmp_path / "stderr").read_text()
    assert "could not be written to live.png" in text and "Traceback" not in text


def test_only_pictures_of_its_own_are_replaced(tmp_path):
    Image = module("PIL.Image").Image
    script = live_script(tmp_path, call="for _ in range(2): datavis.animate(step, 11)")
    Image.new("RGB", (5, 5)).save(str(tmp_path / "live.png"))
    for _ in range(2):
        done = run_python(script, cwd=str(tmp_path))
        assert "the final panels are in live-2.png" in done.stderr
    assert sorted(os.listdir(str(tmp_path))) == ["live-2.png", "live.png", "live.py"]
    assert pixels_of(tmp_path / "live.png").shape == (5, 5, 3)
    assert pixels_of(tmp_path / "live-2.png").shape == (756, 1344, 3)


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


def test_the_time_left_follows_the_recent_steps(tmp_path):
    script = live_script(tmp_path, call="""
        from matplotlib.figure import Figure

        def step(i, test, train):
            # The first one is slow, and the process was stopped once.
            time.sleep(3 if i in (0, 120) else 0.1 if test else 0.002)
            if i == 150:
                print(datavis.show_on(Figure()).texts[0].get_text(), flush=True)
                sys.exit()

        datavis.animate(step, 2000, 10, 100, more_tests_at_start=True)
        """)
    done = run_python(script, cwd=str(tmp_path))
    left = int(re.search(r"(\d+) s left", done.stdout).group(1))
    assert 4 <= left <= 15, done.stdout  # 1,850 steps and 19 tests; by the mean so far it is 90 s.


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
        # Beginnings that ffmpeg takes for an option or a protocol.
        datavis.animate(step, 11, 10, 50, save_movie="-2026:run.mp4")
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
    assert (tmp_path / "-2026:run.mp4").exists() and "cannot be written" not in done.stderr


def test_two_movies_of_one_name_at_once(tmp_path):
    need("ffmpeg")
    live_script(tmp_path, options=", save_movie='run.mp4'", first="import glob", extra="""
        while i == 20 and len(glob.glob("run.*.part.mp4")) < 2 and not os.path.exists("run.mp4"):
            time.sleep(0.1)
        """)
    for process in [started(tmp_path) for _ in range(2)]:
        assert "the movie is" in process.communicate(timeout=300)[1]
    assert sorted(os.listdir(str(tmp_path))) == ["live.py", "run-2.mp4", "run.mp4"]


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
    script = live_script(tmp_path, arguments="dpi=35", call="""
        datavis.animate(step, 101, 10, 50, save_movie="run.mp4")
        datavis.animate(step, 320, 1, 50, save_movie="long.gif")
        """)
    done = run_python(script, cwd=str(tmp_path), env=environment(PATH=""))
    assert done.returncode == 0 and "there is no ffmpeg" in done.stderr, done.stderr
    # 10 frames a second, the last one for two seconds; a long one has every second update.
    for name, frames, seconds in (("run.gif", 12, 3.1), ("long.gif", 160, 17.9)):
        with image.open(str(tmp_path / name)) as movie:
            assert movie.size == (672, 378) and 0.8 * frames < movie.n_frames <= 300
            shown = 0
            for k in range(movie.n_frames):
                movie.seek(k)
                shown += movie.info["duration"] / 1000
            assert abs(shown - seconds) < 0.5


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
    assert not list(tmp_path.glob("run*.mp4"))


# ---------- Arguments ----------

@pytest.mark.parametrize("name, value", [
    ("dpi", 0), ("dpi", "70"), ("dpi", float("nan")), ("test_set_size", "a"),
    ("histogram4colornum", "red"), ("histogram5colornum", 0.5)])
def test_the_constructor_names_a_wrong_argument(name, value):
    with pytest.raises((TypeError, ValueError), match=f"{name} must be .* not {value!r}"):
        tensorflowvisu.MnistDataVis(**{name: value})


@pytest.mark.parametrize("name, value", [
    ("compute_step", None), ("iterations", "10"), ("train_data_update_freq", 0),
    ("test_data_update_freq", 2.5), ("save_movie", 5), ("save_movie", "run.avi")])
def test_animate_names_a_wrong_argument(name, value):
    arguments = {"compute_step": lambda *_: pytest.fail("it trains"), "iterations": 10}
    with pytest.raises((TypeError, ValueError), match=f"{name} must be .* not {value!r}"):
        tensorflowvisu.MnistDataVis().animate(**{**arguments, name: value})


def test_a_layout_that_is_no_key():
    with pytest.raises(ValueError, match="layout must be .* not 'x'"):
        tensorflowvisu.MnistDataVis().show_on(tensorflowvisu.Figure(), layout="x")


def test_animate_within_a_step(tmp_path):
    script = live_script(tmp_path, extra="datavis.animate(step, 10)")
    done = run_python(script, cwd=str(tmp_path))
    assert "RuntimeError: animate cannot be called within a step of itself." in done.stderr
    assert done.returncode == 1 and (tmp_path / "live.png").exists()


# ---------- Other toolkits ----------

@pytest.mark.parametrize("backend", ["QtAgg", "TkAgg"])
def test_a_toolkit_by_its_name(tmp_path, screen, backend):
    if backend == "QtAgg":
        module("PySide6")
    need("xdotool")
    live_script(tmp_path, iterations=100000, pause=0.005, extra="if i == 100: print('trains')")
    process = started(tmp_path, variables={"MPLBACKEND": backend, "DISPLAY": screen})
    env = environment(DISPLAY=screen)

    def xdotool(*arguments):
        return subprocess.run(["xdotool", *arguments], env=env, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL).stdout.split()

    # Tab does not lead away from the keys, and with Caps Lock they stay what they are.
    window = wait_until(lambda: xdotool("search", "--onlyvisible", "--name", "^live"))[-1]
    assert process.stdout.readline() == "trains\n", process.stderr.read()

    def ended():
        xdotool("windowfocus", window)
        xdotool("key", "Tab", "Tab", "Caps_Lock", "q", "Caps_Lock")
        return process.poll() is not None

    wait_until(ended, every=0.5)
    output, errors = process.communicate()
    assert output == "max test accuracy: 0.9\n" and process.returncode == 0 and not errors, errors


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


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_key_in_the_browser_ends_the_run(served, browser):
    url, process = served(iterations=100000)
    browser.open(url)
    wait_until(lambda: (browser.picture() < 0.5).any(axis=2).mean() > 0.01, 60)
    browser.press("q")
    output, errors = process.communicate(timeout=60)
    assert output == "max test accuracy: 0.9\n" and process.returncode == 0, errors
    assert "Traceback" not in errors


@pytest.mark.slow
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
