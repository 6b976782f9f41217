"""Where there is no desktop: no display, browser, movies, other toolkits, other runs."""

import contextlib
import io
import multiprocessing
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread, imsave

import tensorflowvisu
from browsers import Browser
from live import RUN_BEFORE, data_of, live_script
from processes import environment, missing, module, need, on_terminal, run_python, wait_until
from screens import xdotool
from series import ROOT

TELLS = "if i == 100: print('trains', flush=True)"


def started(folder, **variables):
    """Starts the script in a folder, in a group of processes as a terminal's shell does."""
    return subprocess.Popen([sys.executable, "live.py"], cwd=str(folder), text=True,
                            env=environment(**variables), stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, start_new_session=True)


# ---------- No window ----------

IDE = """
from matplotlib.backend_bases import FigureManagerBase as FigureManager
from matplotlib.backends.backend_agg import FigureCanvasAgg as FigureCanvas
"""
# A Tk without its library, as of an incomplete installation; what is said holds without Tk, too.
NO_TOOLKIT = """
class Half:
    def find_spec(name, *_):
        if name == "tkinter":
            raise ImportError("libtk8.6.so: cannot open shared object file")

sys.meta_path.insert(0, Half)
for name in ("_tkinter", "PySide6", "PyQt5", "PyQt6", "PySide2", "gi", "wx"):
    sys.modules[name] = None
"""


@pytest.mark.parametrize("variables, first, reason", [
    ({}, "", "there is no display"), ({"DISPLAY": ""}, "", "there is no display"),
    ({"DISPLAY": ":999"}, "", ":999"),
    ({"DISPLAY": "screen"}, NO_TOOLKIT, "sudo apt install python3-tk"),
    # What a notebook sets, and hands on to !python; what an IDE sets; a name that is wrong.
    ({"MPLBACKEND": "module://matplotlib_inline.backend_inline", "DISPLAY": ":999"},
     "", "%run live.py"),
    ({"MPLBACKEND": "module://ide", "DISPLAY": ":999"}, "", "backend module://ide shows no window"),
    ({"MPLBACKEND": "module://missing"}, "", "No module named 'missing'"),
    ({"MPLBACKEND": "widgets", "DISPLAY": ":999"}, "", "matplotlib has no backend widgets")])
def test_without_a_window_it_trains_and_leaves_a_picture(
        tmp_path, request, variables, first, reason):
    if "screen" in variables.values():
        variables = {"DISPLAY": request.getfixturevalue("screen")}
    (tmp_path / "ide.py").write_text(IDE)
    script = live_script(tmp_path, first=first)
    if variables:
        done = run_python(script, cwd=str(tmp_path), env=environment(**variables))
    else:  # Read from standard input, it has no name, and no text for the next run.
        done = run_python("-", input=script.read_text(), cwd=str(tmp_path))
    name = "live.png" if variables else "tensorflowvisu.png"
    assert done.returncode == 0 and done.stdout == "max test accuracy: 0.9\n", done.stderr
    assert reason in done.stderr and name in done.stderr
    assert len(done.stderr.splitlines()) == 2, done.stderr
    assert sorted(os.listdir(str(tmp_path))) == sorted(["ide.py", "live.py", name])
    assert variables or not (data_of(tmp_path) / "last_run.py").read_text()


@pytest.fixture
def port():
    """A port of this machine that accepts, and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(5)
        yield server.getsockname()[1]


@pytest.mark.slow
@pytest.mark.parametrize("form", ["127.0.0.1:{}", "localhost:{}.0", "tcp/127.0.0.1:{}"])
def test_a_display_that_never_answers(tmp_path, port, form):
    display = form.format(port - 6000)
    done = run_python(live_script(tmp_path), cwd=str(tmp_path), env=environment(DISPLAY=display))
    assert f"the display {display} does not answer" in done.stderr
    assert done.stdout == "max test accuracy: 0.9\n" and (tmp_path / "live.png").exists()


def test_a_browser_needs_no_display_but_a_port(tmp_path, port):
    module("tornado")
    (tmp_path / "matplotlibrc").write_text(f"webagg.port: {port}\nwebagg.port_retries: 1\n")
    done = run_python(live_script(tmp_path), cwd=str(tmp_path), env=environment(
        MPLBACKEND="WebAgg", DISPLAY=f"127.0.0.1:{port - 6000}"))
    assert "the panels cannot be shown" in done.stderr and "display" not in done.stderr
    assert done.stdout == "max test accuracy: 0.9\n" and (tmp_path / "live.png").exists()


def test_whatever_fails_in_a_window_each_step_is_called_once(tmp_path, screen):
    script = live_script(tmp_path, pause=0.005, extra="calls.append(i)",
                         arguments="run_before=False", call="""
        from matplotlib.backends.backend_tkagg import FigureCanvasTkAgg, FigureManagerTk

        def fail(kind, name, error, steps=-1):
            global calls, done
            inner, calls, done = getattr(kind, name), [], 0

            def failing(*arguments, **options):
                if done > steps:
                    raise error
                return inner(*arguments, **options)

            setattr(kind, name, failing)
            datavis.animate(step, 101, 10, 50)
            setattr(kind, name, inner)
            assert calls == list(range(101)), (name, calls)

        fail(FigureManagerTk, "set_window_title", KeyError("title"))
        fail(FigureManagerTk, "show", OSError(5, "no wire"))
        fail(FigureCanvasTkAgg, "blit", RuntimeError("half a picture"), 30)
        fail(tensorflowvisu._Dashboard, "show", MemoryError(), 30)
        tensorflowvisu.MnistDataVis.update_image1 = lambda *_: next(iter([])) if done > 50 else None
        datavis.animate(step, 101, 10, 50)
        """)
    done = run_python(script, cwd=str(tmp_path), env=environment(DISPLAY=screen))
    lines = done.stderr.splitlines()
    for line, cause in zip(lines[:8:2], ("KeyError 'title'", "no wire", "half a picture",
                                         "MemoryError")):
        assert f"cannot be shown ({cause}); the training goes on" in line, done.stderr
    assert set(lines[1:8:2]) == {"tensorflowvisu: the final panels are in live.png."}
    # What a step raises is raised as it is, and is no failure of the window's.
    assert lines[8].startswith("Traceback") and lines[-1] == "StopIteration"


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_leaves_the_result_and_a_picture(elsewhere, capsys, name):
    """Unless it is ignored."""
    datavis, number = tensorflowvisu.MnistDataVis(dpi=20), getattr(signal, name)

    def step(i, test, train):
        datavis.append_test_curves_data(i, 0.9, 30.0)
        if i == 5:
            os.kill(os.getpid(), number)

    before = signal.signal(number, signal.SIG_IGN)
    datavis.animate(step, 7)
    signal.signal(number, before)
    assert len(datavis.frame.test) == 7 and capsys.readouterr().out == ""
    with pytest.raises(SystemExit) as end:
        datavis.animate(step, 7)
    output, errors = capsys.readouterr()
    assert output == "max test accuracy: 0.9\n" and end.value.code == 128 + number
    assert errors.count(": the run ends after the present step") == 1
    assert len(datavis.frame.test) == 6 and len(list(elsewhere.glob("*.png"))) == 1


def test_a_child_of_a_step_ends_as_it_would_by_itself(elsewhere):
    """A pool of processes, for example, ends its own by SIGTERM."""
    def step(*_):
        context = multiprocessing.get_context("fork")
        begun = context.Event()
        child = context.Process(target=lambda: (begun.set(), time.sleep(1000)))
        child.start()
        begun.wait()
        child.terminate()
        child.join(5)
        status = child.exitcode
        child.kill()
        assert status == -signal.SIGTERM

    tensorflowvisu.MnistDataVis(dpi=20).animate(step, 1)


def test_windows_are_the_main_thread_s(elsewhere, capsys):
    thread = threading.Thread(target=tensorflowvisu.MnistDataVis().animate, args=[print, 1])
    thread.start()
    thread.join()
    assert "main thread" in capsys.readouterr().err and list(elsewhere.glob("*.png"))


def test_neither_a_notice_nor_a_picture_is_worth_a_run(elsewhere, monkeypatch, capsys):
    (elsewhere / "gone").mkdir()
    os.chdir("gone")
    os.rmdir(os.getcwd())
    steps = []
    tensorflowvisu.MnistDataVis().animate(lambda *call: steps.append(call), 3)
    errors = capsys.readouterr().err
    assert "could not be written to" in errors and "Traceback" not in errors
    with contextlib.suppress(OSError), open("/dev/full", "w") as full, io.StringIO() as closed:
        closed.close()
        monkeypatch.setattr(sys, "stdout", closed)
        for stderr in (full, io.BytesIO(), closed, None):
            monkeypatch.setattr(sys, "stderr", stderr)
            tensorflowvisu.MnistDataVis().animate(lambda *call: steps.append(call), 3)
    assert len(steps) == 15


def test_only_pictures_of_its_own_are_replaced(elsewhere, capsys, monkeypatch):
    def run():
        tensorflowvisu.MnistDataVis().animate(lambda *_: None, 1)

    run()
    path, = elsewhere.glob("*.png")
    imsave(str(path), np.zeros([5, 5, 3]))
    for _ in range(2):
        run()
        assert f"the final panels are in {path.stem}-2.png" in capsys.readouterr().err
    sizes = {one.name: imread(str(one)).shape[:2] for one in elsewhere.glob("*.png")}
    assert sizes == {path.name: (5, 5), path.stem + "-2.png": (756, 1344)}
    # Of a pipe nothing can be read to know whose it is, and a name may be as long as names may be.
    path.unlink()
    os.mkfifo(str(path))
    run()
    # Python 3.7 keeps a relative path, which leads nowhere from another working folder.
    name = "n" * 251
    monkeypatch.setattr(sys.modules["__main__"], "__file__", name + ".py", raising=False)
    run()
    assert (elsewhere / (name + ".png")).exists()


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
    _, errors = process.communicate(timeout=300)
    assert errors.count("Traceback") == 1 and errors.count("KeyboardInterrupt") == 1, errors
    assert process.returncode not in (0, None)


def test_progress_line_on_a_terminal(tmp_path):
    script = live_script(tmp_path, iterations=401, pause=0.002, first="""
        import fcntl, struct, termios, types
        # The longest line is that of generated digits; 4,000 digits are an epoch.
        sys.modules["mnistdata"] = types.SimpleNamespace(latest=types.SimpleNamespace(
            generated=True, checksum="1", train=types.SimpleNamespace(epochs_completed=1234)))
        """, extra="""
        columns = (80, 40, 25, 100)[i // 110]
        if i % 110 == 0:
            # From the terminal's other end it looks like this when its window gets another size.
            fcntl.ioctl(2, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        """)
    text = on_terminal([script], cwd=str(tmp_path), env=environment(PYTHONIOENCODING="ascii"))
    assert all(ord(character) < 128 for character in text)
    lines = re.findall(r"\r(iteration ([\d,]+) of 400[^\r\n]*)", text)
    assert not any("\\" in line for line, _ in lines)
    for k, columns in enumerate((80, 40, 25, 100)):
        assert max(len(line) for line, i in lines if int(i) // 110 == k) < columns
    assert "generated digits" in text and " left" in text
    # The line is cleared before the next is printed, and at the end.
    assert re.search(r"\r +\r[^\r]*live.png", text)


def test_the_time_left_follows_the_recent_steps(elsewhere, monkeypatch):
    """The first of them is slow, and the process was stopped once."""
    datavis, clock, status = tensorflowvisu.MnistDataVis(), [0], []

    def step(i, test, train):
        clock[0] += 3600 if i in (0, 120) else 0.1 if test else 0.01
        if i in (1, 5, 150):
            status.append(datavis.show_on(Figure()).texts[0].get_text())

    for name in ("monotonic", "perf_counter", "time"):
        monkeypatch.setattr(time, name, lambda: clock[0])
    datavis.animate(step, 2000, 10, 100, more_tests_at_start=True)
    assert status[0] == "iteration 0 of 1,999"  # Nothing is known yet.
    for line, i in zip(status[1:], (4, 149)):
        told = re.match(r"iteration (\d+) of 1,999 .* (\d+) s left .* iterations/s$", line)
        assert int(told.group(1)) == i and 19 <= int(told.group(2)) <= 22


# ---------- Movies ----------

def shape_of(path):
    """Width, height and number of frames of a movie, and its seconds."""
    return tuple(map(float, subprocess.check_output(
        ["ffprobe", "-v", "error", "-count_frames", "-select_streams", "v", "-show_entries",
         "stream=width,height,nb_read_frames:format=duration", "-of", "default=nw=1:nk=1",
         "file:" + str(path)]).split()))


@pytest.mark.slow
def test_movie_as_mp4(elsewhere, capsys):
    need("ffmpeg", "ffprobe")
    datavis = tensorflowvisu.MnistDataVis(dpi=35)
    # The second replaces the first; ffmpeg could take the third for an option or a protocol.
    os.makedirs("c/run.mp4")
    for path in ("a/b/run.mp4", "a/b/run.mp4", "-2026:run.mp4", "c/run.mp4", True):
        datavis.animate(lambda i, *_: datavis.append_test_curves_data(i, 0.9, 30.0),
                        101 if path is True else 1, 10, 50, save_movie=path)
    assert "cannot be written" not in capsys.readouterr().err
    assert shape_of("-2026:run.mp4")[2] == shape_of("a/b/run.mp4")[2] == 51
    assert os.listdir("a/b") == ["run.mp4"] and sorted(os.listdir("c")) == ["run-2.mp4", "run.mp4"]
    # Every update is a frame, and the last one, held for two seconds, shows the end of the run.
    assert shape_of("tensorflowvisu_video.mp4") == (672, 378, 61, 2.44)
    datavis.show_on(Figure(figsize=(19.2, 10.8), dpi=35)).savefig("end.png", dpi=35)
    for name, *place in (("first.png",), ("last.png", "-sseof", "-0.1")):
        subprocess.check_call(["ffmpeg", "-v", "error", *place, "-i", "tensorflowvisu_video.mp4",
                               "-frames:v", "1", name])
    first, last, end = (imread(f"{name}.png")[..., :3] for name in ("first", "last", "end"))
    assert np.abs(last - end).mean() < 0.02
    assert np.abs(last - end)[367:].mean() < 0.3 * np.abs(first - end)[367:].mean()


@pytest.mark.slow
def test_ctrl_c_leaves_a_movie_and_none_replaces_that_of_another_run(tmp_path):
    need("ffmpeg", "ffprobe")
    live_script(tmp_path, iterations=100000, pause=0.002, options=", save_movie='run.mp4'",
                extra=TELLS)
    processes = [started(tmp_path) for _ in range(2)]
    assert [process.stdout.readline() for process in processes] == ["trains\n"] * 2
    for process in processes:
        # ffmpeg belongs to the group of the terminal, too.
        os.killpg(process.pid, signal.SIGINT)
        output, errors = process.communicate(timeout=300)
        assert process.returncode == 130 and output == "max test accuracy: 0.9\n", errors
        assert errors.count("Ctrl-C: the run ends after the present step") == 1, errors
        assert "the movie is" in errors and "Traceback" not in errors
    assert sorted(os.listdir(str(tmp_path))) == ["live.py", "run-2.mp4", "run.mp4"]
    assert all(shape_of(tmp_path / name)[2] > 60 for name in ("run.mp4", "run-2.mp4"))


@pytest.mark.slow
def test_movie_as_gif_where_there_is_no_ffmpeg(elsewhere, monkeypatch, capsys):
    need("ffprobe")
    datavis = tensorflowvisu.MnistDataVis(dpi=20)
    with monkeypatch.context() as patched:
        patched.setenv("PATH", "")
        (elsewhere / "run.gif").write_text("my holiday")
        for _ in range(2):  # One of its own is replaced.
            datavis.animate(lambda *_: None, 101, 10, 50, save_movie="run.mp4")
            assert "there is no ffmpeg" in capsys.readouterr().err
        assert (elsewhere / "run.gif").read_text() == "my holiday"
        datavis.animate(lambda *_: None, 320, 1, 50, save_movie="long.gif")
    # 10 frames a second, the last one for two seconds; a long one has every second update.
    for name, most, seconds in (("run-2.gif", 31, 3.1), ("long.gif", 180, 18)):
        width, height, frames, shown = shape_of(name)
        assert (width, height) == (384, 216) and frames <= most and abs(shown - seconds) < 0.5


@pytest.mark.parametrize("path", ["/sys/run.mp4", "mine/run.gif", "~/sys/folder/run.gif"])
def test_a_movie_that_cannot_be_written_is_told_before_the_training(
        elsewhere, monkeypatch, capsys, path):
    (elsewhere / "mine").write_text("a file")
    monkeypatch.setenv("HOME", "/")
    said = []
    tensorflowvisu.MnistDataVis(dpi=20).animate(
        lambda *_: said.append(capsys.readouterr().err), 3, save_movie=path)
    assert len(said) == 3 and said[0].count("\n") == 1 and path.strip("~") in said[0]
    assert "~" not in said[0]


def test_an_ffmpeg_that_fails(elsewhere, monkeypatch, capfd):
    """As one that was built without the encoder."""
    (elsewhere / "ffmpeg").write_text("#!/bin/sh\ncase $* in *-version*) exit 0;; esac\n"
                                      "echo Unknown encoder >&2\nexit 1\n")
    (elsewhere / "ffmpeg").chmod(0o755)
    monkeypatch.setenv("PATH", str(elsewhere))
    tensorflowvisu.MnistDataVis().animate(lambda *_: None, 11, 10, 50, save_movie="run.mp4")
    errors = capfd.readouterr().err
    assert errors.count("run.mp4 (ffmpeg has failed); the training goes on") == 1
    assert "Traceback" not in errors and not list(elsewhere.glob("run*.mp4"))
    assert [imread(str(path)).shape[:2] for path in elsewhere.glob("*.png")] == [(756, 1344)]


# ---------- Arguments ----------

@pytest.mark.parametrize("name, value", [
    ("dpi", 0), ("dpi", "70"), ("dpi", float("nan")), ("dpi", 5000), ("test_set_size", "a"),
    ("test_set_size", 0), ("run_before", [1, 2]), ("one_test_at_start", "no"),
    ("more_tests_at_start", [True, True]),
    ("histogram4colornum", "red"), ("histogram5colornum", 0.5), ("layout", "x"),
    ("compute_step", None), ("iterations", "10"), ("train_data_update_freq", 0),
    ("test_data_update_freq", 2.5), ("save_movie", 5), ("save_movie", "run.avi")])
def test_a_wrong_argument_is_named_at_the_call(name, value):
    value = np.array(value) if isinstance(value, list) else value
    with pytest.raises((TypeError, ValueError),
                       match=f"{name} must be .* not {re.escape(repr(value))}"):
        if re.match("dpi|run_before|test_set_size|histogram", name):
            tensorflowvisu.MnistDataVis(**{name: value})
        datavis = tensorflowvisu.MnistDataVis()
        if name == "layout":
            datavis.show_on(Figure(), layout=value)
        datavis.animate(**{"compute_step": pytest.fail, "iterations": 10, name: value})


def test_animate_within_a_step(elsewhere, monkeypatch):
    datavis = tensorflowvisu.MnistDataVis()
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("tensorflowvisu._find_place", lambda: signal.default_int_handler(2, None))
        datavis.animate(print, 10)
    with pytest.raises(RuntimeError, match="animate cannot be called within a step of itself"):
        datavis.animate(lambda *_: datavis.animate(print, 10), 10)
    assert list(elsewhere.glob("*.png"))


# ---------- Other toolkits ----------

@pytest.mark.parametrize("dialog, first, variables", [
    (False, "", {"MPLBACKEND": "QtAgg"}), (True, "", {"MPLBACKEND": "QtAgg"}),
    (False, "from PySide6.QtWidgets import QApplication; application = QApplication([])", {})])
def test_qt(tmp_path, screen, dialog, first, variables):
    """By its name, or because it runs already."""
    module("PySide6")
    need("xdotool")
    # Without a library of the system's, Qt ends any process that opens a window.
    opens = "from PySide6.QtWidgets import QApplication; QApplication([])"
    if run_python("-c", opens, env=environment(DISPLAY=screen)).returncode:
        missing("a library that Qt needs")
    live_script(tmp_path, first=first, iterations=100000, pause=0.005, extra=TELLS)
    # Where there is no folder for its own files, Qt says so.
    process = started(tmp_path, DISPLAY=screen, XDG_RUNTIME_DIR=str(tmp_path), **variables)
    assert process.stdout.readline() == "trains\n", process.stderr.read()

    def press(*keys):
        xdotool(screen, "search", "--onlyvisible", "--name", "^live", "windowfocus")
        xdotool(screen, "key", *keys)

    def ended():
        # Tab does not lead away from the keys, and with Caps Lock they stay what they are.
        press("Tab", "Caps_Lock", "q", "Caps_Lock")
        return process.poll() is not None

    def has_dialog():
        press("ctrl+s")
        return xdotool(screen, "search", "--onlyvisible", "--name", "^Choose")

    if not dialog:
        wait_until(ended, every=0.5)
        assert process.communicate() == ("max test accuracy: 0.9\n", "") and not process.returncode
        return
    # Ctrl-C is heard while a dialog is open, and a second one ends at once.
    wait_until(has_dialog, every=0.5)
    time.sleep(1)  # Nobody is as fast as that; the window takes Ctrl-C back a few times a second.
    watch = threading.Timer(100, process.kill)
    watch.start()
    process.send_signal(signal.SIGINT)
    assert process.stderr.readline() == "\n" and "Ctrl-C" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    assert process.communicate() == ("", "") and process.returncode == -signal.SIGINT
    watch.cancel()


# ---------- Browser ----------

@pytest.fixture
def served(tmp_path):
    """Starts a script whose panels are served to browsers; their address."""
    module("tornado")
    with contextlib.ExitStack() as ends:
        def serve(**options):
            live_script(tmp_path, pause=0.005, before=True, **options)
            process = ends.enter_context(started(tmp_path, MPLBACKEND="WebAgg"))
            ends.callback(process.kill)
            line = process.stderr.readline()
            url = re.search(r"http://127\.0\.0\.1:\d+/", line)
            assert url, line + process.stderr.read()
            return url.group(), process

        yield serve


@pytest.fixture
def browser(tmp_path):
    need("chromium")
    one = Browser(tmp_path)
    yield one
    one.close()


@pytest.mark.slow
def test_browser_shows_the_run_and_answers_keys(served, browser):
    url, process = served(iterations=100000)

    def differs_from(before, share):
        return wait_until(
            lambda: (np.abs(browser.picture() - before) > 0.1).any(axis=2).mean() > share)

    # A browser that comes back finds the run as it is.
    for address in (url, "about:blank", url):
        browser.open(address)
    differs_from(np.ones(3), 0.01)
    differs_from(browser.picture(), 0.001)  # The panels change by themselves.
    browser.press(" ")
    time.sleep(2)
    paused = browser.picture()
    time.sleep(1)
    assert (browser.picture() == paused).mean() > 0.999
    # The run before goes with its key; the last key lets the training go on.
    for key, share in (("b", 0.0002), ("1", 0.003), ("9", 0.003), ("Escape", 0.003), (" ", 0.001)):
        before = browser.picture()
        browser.press(key)
        differs_from(before, share)
        time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=300)
    assert output == "max test accuracy: 0.9\n" and process.returncode == 130, errors
    assert errors.count("tensorflowvisu: Ctrl-C") == 1 and "Traceback" not in errors


@pytest.mark.slow
def test_ctrl_c_ends_what_is_served(served, tmp_path):
    url, process = served(iterations=101)
    page = urllib.request.urlopen(url, timeout=300).read()
    assert b"<html" in page
    # It is served at this address and no other, not even at another one of the same machine.
    with pytest.raises(urllib.error.URLError, match="refused"):
        urllib.request.urlopen(url.replace("127.0.0.1", "127.0.0.2"), timeout=300)
    # A run that is over has left its curves, is shown until Ctrl-C and returns to its script.
    wait_until(lambda: (data_of(tmp_path) / "last_run.csv").read_text() != RUN_BEFORE)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=300)
    assert output == "max test accuracy: 0.9\n" and process.returncode == 0, errors
    assert "Ctrl-C" not in errors and "Traceback" not in errors
