"""A script with its window on a virtual screen, and what is seen there."""

import functools
import json
import subprocess
import sys
import textwrap
import time

from live import live_script
from processes import environment, wait_until, without_memory_lines
from screens import xdotool

# What a test can ask of a run. It is looked at after every drawing, by the thread that draws, and
# written to a file by another one.
WATCH = """
import json, threading
from matplotlib.backends.backend_tkagg import FigureCanvasTkAgg

seen = {"draws": 0, "blits": 0}


def look(canvas):
    axes = datavis.figure.axes
    pixels = np.asarray(canvas.buffer_rgba())
    height = len(pixels)
    bounds = {k + 1: [round(float(value)) for value in one.get_window_extent().bounds]
              for k, one in enumerate(axes)}
    seen.update({
        "visible": [k + 1 for k, one in enumerate(axes) if one.get_visible()],
        "xlim": {k + 1: one.get_xlim() for k, one in enumerate(axes)},
        "ylim": {k + 1: one.get_ylim() for k, one in enumerate(axes)},
        "bounds": bounds, "size": [float(size) for size in datavis.figure.bbox.size],
        "titles": [one.get_title() for one in axes],
        "lines": {one.get_label(): len(one.get_xdata()) for one in axes[0].lines},
        "points": len(axes[0].lines[[one.get_label() for one in axes[0].lines].index(
            "training")].get_xdata()),
        "shown": [one.get_label() for one in axes[0].lines if one.get_visible()],
        "legend": [text.get_text() for text in axes[0].get_legend().get_texts()],
        "legend box": list(axes[0].get_legend().get_window_extent().bounds),
        "scale": [one.get_yscale() for one in axes],
        "status": datavis.figure.texts[0].get_text(),
    })
    window, toolbar = canvas.manager.window, canvas.manager.toolbar
    children = [one for one in toolbar.winfo_children() if one.winfo_class() != "Toplevel"]
    seen["buttons"] = {one.cget("text"): [one.winfo_rootx(), one.winfo_rooty(), one.winfo_width(),
                                          one.winfo_height(), one.winfo_ismapped()]
                       for one in children if one.winfo_class() in ("Button", "Checkbutton")}
    for name, one in ("window", window), ("toolbar", toolbar):
        seen[name] = [one.winfo_rootx(), one.winfo_rooty(), one.winfo_width(), one.winfo_height()]
    if "first" not in seen:
        boxes = [one.title.get_window_extent() for one in axes]
        seen["first"] = {name: seen[name] for name in ("titles", "visible", "xlim", "ylim",
                                                       "bounds")}
        seen["first"]["dark"] = [int((pixels[int(height - box.y1):int(height - box.y0),
                                             int(box.x0):int(box.x1), :3].max(axis=2) < 128).sum())
                                 for box in boxes]


def watched(name):
    inner = getattr(FigureCanvasTkAgg, name)

    def call(canvas, *arguments, **options):
        result = inner(canvas, *arguments, **options)
        if datavis.figure is not None and canvas is datavis.figure.canvas:
            seen[name + "s"] += 1
            look(canvas)
        return result

    setattr(FigureCanvasTkAgg, name, call)


folder = os.getcwd()  # A dialog of Tk's is in another one for moments, while it reads that.


def write():
    part, whole = (os.path.join(folder, "state." + kind) for kind in ("part", "json"))
    while True:
        with open(part, "w") as file:
            json.dump(dict(seen, done=done, paused=datavis.is_paused(), threads=sorted(
                thread.name for thread in threading.enumerate())), file)
        os.replace(part, whole)
        time.sleep(0.05)


watched("draw")
watched("blit")
threading.Thread(target=write, daemon=True, name="watch").start()
"""


class Window:
    """A script with its window on a virtual screen."""

    def __init__(self, folder, screen, iterations=100000, pause=0.002, first="", **options):
        self.folder, self.xdotool = folder, functools.partial(xdotool, screen)
        script = live_script(folder, iterations=iterations, pause=pause,
                             first=WATCH + textwrap.dedent(first),
                             **options)
        self.errors = (folder / "stderr").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, str(script)], cwd=str(folder), stdout=subprocess.PIPE,
            stderr=self.errors, universal_newlines=True,
            env=environment(DISPLAY=screen, MPLBACKEND="TkAgg"))
        self.focus()

    def focus(self):
        """Waits for the window, and gives it the keyboard."""
        self.name = wait_until(self._find)[-1]
        wait_until(lambda: self.xdotool("windowfocus", self.name)
                   and self.xdotool("getwindowfocus"))
        wait_until(lambda: (self.folder / "state.json").exists())
        self.until(lambda state: state["points"] > 1)

    def _find(self):
        assert self.process.poll() is None, self.stderr()
        return self.xdotool("search", "--onlyvisible", "--name", "^live")

    def key(self, name, panels=None):
        """Presses a key, and waits until it shows its panels."""
        self.xdotool("key", name)
        return self.until(lambda state: panels in (None, state["visible"]))

    def place(self, x, y):
        """Moves the mouse to a place of the canvas, counted from the bottom."""
        self.xdotool("mousemove", "--window", self.name, int(x), int(self.state["size"][1] - y))
        time.sleep(0.15)

    def drag(self, start, end):
        """Presses the mouse at one place of the canvas and releases it at another."""
        self.place(*start)
        self.place(*start)
        self.xdotool("mousedown", 1)
        time.sleep(0.1)
        self.place((start[0] + end[0]) / 2, end[1])
        self.place(*end)
        self.xdotool("mouseup", 1)

    def zoom(self, panel):
        """Zooms into a panel, to a rectangle from 20 % and 50 % to 60 % and 90 % of it."""
        before = self.state
        x, y, w, h = before["bounds"][str(panel)]
        self.key("o")
        self.drag((x + 0.2 * w, y + 0.5 * h), (x + 0.6 * w, y + 0.9 * h))
        self.key("o")
        return self.until(lambda s: s["ylim"][str(panel)] != before["ylim"][str(panel)])

    def click(self, button):
        x, y, w, h, _ = self.state["buttons"][button]
        self.xdotool("mousemove", x + w // 2, y + h // 2)
        time.sleep(0.2)
        self.xdotool("click", 1)

    @property
    def state(self):
        for _ in range(100):
            try:
                return json.loads((self.folder / "state.json").read_text())
            except (ValueError, OSError):
                time.sleep(0.05)

    def until(self, condition):
        """Waits until the state fulfils a condition, and returns it."""
        def state():
            assert self.process.poll() is None, self.stderr()
            state = self.state
            return "visible" in state and condition(state) and state

        return wait_until(state)

    def later(self, steps=100):
        """Waits for some steps of the training and for the drawing of them."""
        before = self.state
        return self.until(lambda state: state["done"] > before["done"] + steps
                          and state["blits"] > before["blits"] + 1)

    def stderr(self):
        self.errors.seek(0)
        return without_memory_lines(self.errors.read())

    def end(self):
        """Waits for the end of the process; returns its output."""
        return self.process.communicate(timeout=300)[0]

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.errors.close()
