"""Live panels for a neural network in training: accuracy, loss, digits, weights and biases.

    datavis = tensorflowvisu.MnistDataVis()
    datavis.animate(training_step, iterations=2001, train_data_update_freq=10)

Training runs in its own loop and publishes what there is to see; it never waits for a drawing. The
newest data are drawn in a window, in a browser (MPLBACKEND=WebAgg) or in a notebook's cell,
whichever there is, or left as a picture.

The rooms of this house, one after the other: start-up lines, arguments, mosaic, bands, console and
files, the run before, the run, the panels, the dashboard, matplotlib's insides, the places,
MnistDataVis.

Import this module before TensorFlow: it keeps TensorFlow's start-up lines away.
"""

import collections
import contextlib
import ctypes
import difflib
import gc
import hashlib
import io
import itertools
import logging
import os
import re
import reprlib
import signal
import subprocess
import sys
import threading
import time
import tokenize

try:
    import matplotlib
except ValueError:  # It does not know the backend that the environment names.
    _refused_backend = os.environ.pop("MPLBACKEND", None)
    for _name in [name for name in sys.modules if name.startswith("matplotlib.")]:
        del sys.modules[_name]  # What it has imported so far would miss the rest.
    import matplotlib
else:
    _refused_backend = None
import matplotlib.style
import numpy as np
from matplotlib import animation
from matplotlib.backend_bases import key_press_handler
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

# ---------- Start-up lines ----------

# What TensorFlow writes on every start, on machines where nothing is wrong.
_START_UP_LINES = (
    "All log messages before absl::InitializeLog",
    "oneDNN custom operations are on",
    "Could not find cuda drivers on your machine",
    "This TensorFlow binary is optimized",
    "To enable the following instructions:",
    "cuInit: UNKNOWN ERROR (303)",  # There is no driver; other numbers are errors of one.
    # From 2.12 to 2.20, which look for what this machine may not have or register it twice.
    "Could not find TensorRT",
    "factory for plugin cu",
    "computation placer already registered",
)
_SIEVE = """
import sys
for line in sys.stdin.buffer:
    if not any(known.encode() in line for known in {!r}):
        sys.stderr.buffer.write(line)
        sys.stderr.flush()
"""


@contextlib.contextmanager
def _without_start_up_lines():
    """Drops TensorFlow's start-up lines from standard error, and nothing else.

    They are written by C++ code, so a small process stands between. It passes on what is not known
    line by line, so that even the last words of a TensorFlow that crashes are seen. It has a
    session of its own, for a Ctrl-C is not meant for it.
    """
    if "tensorflow" in sys.modules:  # They have been written.
        yield
        return
    try:
        stderr = os.dup(2)
        sieve = subprocess.Popen(
            [sys.executable, "-S", "-E", "-c", _SIEVE.format(_START_UP_LINES)],
            stdin=subprocess.PIPE, start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0))
        os.dup2(sieve.stdin.fileno(), 2)
    except (OSError, ValueError):  # There is no standard error, or no Python to start.
        yield
        return
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        sieve.stdin.close()
        sieve.wait()


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
# The wall of text that TensorFlow prints about its own 1.x functions stays away, too.
logging.getLogger("tensorflow").addFilter(lambda record: "deprecated" not in str(record.msg))
with _without_start_up_lines():
    import tensorflow.compat.v1 as tf

    # TensorFlow 2 looks for GPUs at the first session, and complains where there are none.
    if hasattr(tf.config, "list_physical_devices"):
        tf.config.list_physical_devices()


# ---------- Arguments ----------

def _numbers(name, value):
    """An argument that has to be numbers, as an array."""
    try:
        array = np.asarray(value)
        if array.dtype.kind in "bV":  # True and False, and TensorFlow's bfloat16.
            array = array.astype(np.float32)
    except Exception:  # Tensors of a graph raise what they like.
        array = np.array(None)
    if array.dtype.kind not in "uif":
        raise TypeError(f"{name} must be numeric, not {reprlib.repr(value)}.")
    return array


def _number(name, value):
    """An argument that has to be one number; an array of one element counts as one."""
    array = _numbers(name, value)
    if array.size != 1:
        raise ValueError(f"{name} must be one number, not an array {list(array.shape)}.")
    return array.reshape(1)[0]


def _whole_number(name, value, least=1, most=np.inf):
    """An argument that has to be a whole number, as an int."""
    number = float(_number(name, value))
    if isinstance(value, bool) or not number.is_integer() or not least <= number <= most:
        end = "on" if most == np.inf else f"to {most}"
        raise ValueError(f"{name} must be a whole number from {least} {end}, not {value!r}.")
    return int(number)


def _flag(name, value):
    """An argument that has to be True or False."""
    if not isinstance(value, (bool, np.bool_, int, type(None))):
        raise TypeError(f"{name} must be True or False, not {value!r}.")
    return bool(value)


def _counts_to_255(images):
    """Whether images of floats are whole numbers from 0 to 255 all the same."""
    return images.max(initial=0) > 1 and (images.round() == images).all()


def _image(name, value):
    """An image as uint8 [height, width, 1, 3 or 4]; a copy, because its owner may change it."""
    image = _numbers(name, value)
    image = image[..., None] if image.ndim == 2 else image
    if image.size == 0 or image.ndim != 3 or image.shape[2] not in (1, 3, 4):
        raise ValueError(f"{name} must be an image [height, width] or [height, width, 1, 3 or 4],"
                         f" not {list(np.shape(value))}.")
    if image.dtype.kind == "f":
        image = np.nan_to_num(image if _counts_to_255(image) else image * 255.0).round()
    # An int8 knows no 255, but knows how to join a uint8.
    return np.array(image.clip(np.uint8(0), np.uint8(255)), np.uint8)


# ---------- The mosaic of digits ----------

# The digits of the small print, 5 x 7 pixels, a number per row.
_GLYPHS = (
    (14, 17, 19, 21, 25, 17, 14), (4, 12, 4, 4, 4, 4, 14), (14, 17, 1, 2, 4, 8, 31),
    (31, 2, 4, 2, 1, 17, 14), (2, 6, 10, 18, 31, 2, 2), (31, 16, 30, 1, 1, 17, 14),
    (6, 8, 16, 30, 17, 17, 14), (31, 1, 2, 4, 8, 8, 8), (14, 17, 17, 14, 17, 17, 14),
    (14, 17, 17, 15, 1, 2, 12),
)
_WHITE_PAPER, _RED_PAPER = (255.0, 255.0, 255.0), (255.0, 150.0, 140.0)
_LABEL_INK, _ANSWER_INK = (20.0, 40.0, 150.0), (120.0, 0.0, 10.0)


def _small_print(classes, scale):
    """The numbers 0 ... classes-1 in small print, each with room for its rim.

    Returns ink and rim, float32 [classes, height, width], 1 where there is some.
    """
    glyphs = np.array([[[row >> 4 - column & 1 for column in range(5)] for row in glyph]
                       for glyph in _GLYPHS], np.float32)
    ink = np.zeros([classes, 7, 5 if classes <= 10 else 11], np.float32)
    for number in range(classes):
        for position, figure in enumerate(str(number)):
            ink[number, :, 6 * position:6 * position + 5] = glyphs[int(figure)]
    ink = ink.repeat(scale, axis=1).repeat(scale, axis=2)
    ink = np.pad(ink, [(0, 0), (1, 1), (1, 1)])
    rim = np.max([np.roll(ink, (y, x), (1, 2)) for y in (-1, 0, 1) for x in (-1, 0, 1)], axis=0)
    return ink, rim


# How many images a mosaic of this height and width shows, of all mosaics that were made.
_images_on = {}


def tf_format_mnist_images(X, Y, Y_, n=100, lines=10):
    """Arranges images in a mosaic, the misrecognised ones first.

    Misrecognised images have a red background and a white line at two sides, the correct label in
    small print at the bottom left and the wrong answer at the top right; the others are black on
    white. Images with three channels keep their colours.

    Parameters
    ----------
    X : tensor or array, [batch, height, width, 1 or 3]
        The images: floats in [0, 1], or whole numbers from 0 to 255.
    Y : tensor or array, [batch, classes]
        The predictions, for up to 100 classes.
    Y_ : tensor or array, [batch, classes]
        The correct answers, one-hot.
    n : int
        How many images the mosaic has room for; where the batch has fewer, the rest stays white.
    lines : int
        The number of lines that they are put on; it divides n.

    Returns
    -------
    tensor, uint8, [lines * height, n / lines * width, 3]
        The mosaic, in RGB.

    Raises
    ------
    TypeError, ValueError
        For arguments that are not as above. Of tensors, the shapes are looked at.
    """
    n, lines = _whole_number("n", n), _whole_number("lines", lines)
    if n % lines:
        raise ValueError(f"n = {n} images cannot be put on {lines} equal lines.")
    X, Y, Y_ = (value if tf.is_tensor(value) else _numbers(name, value)
                for name, value in (("X", X), ("Y", Y), ("Y_", Y_)))
    x, y, y_ = (tf.TensorShape(value.shape) for value in (X, Y, Y_))
    height, width, channels = x.as_list()[1:] if x.ndims == 4 else [None] * 3
    if not height or not width or channels not in (1, 3):
        raise ValueError(f"X must be images [batch, height, width, 1 or 3], not {x}.")
    classes = y.as_list()[1] if y.ndims == 2 else None
    if not classes or classes > 100:
        raise ValueError(f"Y must be predictions [batch, classes] with up to 100 classes, not {y}.")
    if not y_.is_compatible_with(y) or isinstance(Y_, np.ndarray) and (
            (Y_.sum(1) != 1) | (np.count_nonzero(Y_, 1) != 1)).any():
        raise ValueError(f"Y_ must be answers of Y's shape {y}, each with a 1 and zeros; it has the"
                         f" shape {y_}, or other numbers.")
    if not x[:1].is_compatible_with(y[:1]):
        raise ValueError(f"X and Y must be of the same images, not of {x[0]} and {y[0]}.")
    if tf.as_dtype(X.dtype).is_integer or isinstance(X, np.ndarray) and _counts_to_255(X):
        X = tf.cast(X, tf.float32) / 255.0

    answer, label = tf.argmax(Y, 1), tf.argmax(Y_, 1)
    wrong = tf.where(tf.not_equal(answer, label))[:n, 0]
    right = tf.where(tf.equal(answer, label))[:n - tf.shape(wrong)[0], 0]
    # Black ink on white or red paper; a colour image is tinted as if printed on that paper.
    red, white = (tf.clip_by_value(tf.cast(tf.gather(X, rows), tf.float32), 0.0, 1.0)
                  for rows in (wrong, right))
    if channels == 1:
        red, white = 1.0 - red, 1.0 - white

    # The small print grows with the image, and is left out where there is no room for it.
    ink, rim = _small_print(classes, max(1, min(height, width) // 28))
    high, wide = ink.shape[1:]
    prints = []
    if high <= height and 2 * wide <= width:
        below, beside = height - high, width - wide
        for number, color, place in ((label, _LABEL_INK, [[0, 0], [below, 0], [0, beside]]),
                                     (answer, _ANSWER_INK, [[0, 0], [0, below], [beside, 0]])):
            prints.append((color, *(tf.pad(tf.gather(shapes, tf.gather(number, wrong)), place)
                                    for shapes in (ink, rim))))
    line = np.zeros([height, width], np.float32)
    line[-1:] = line[:, -1:] = 1

    per_line = n // lines
    empty = n - tf.shape(wrong)[0] - tf.shape(right)[0]
    planes = []
    for k in range(3):  # A colour at a time: TensorFlow is slow where the last dimension is 3.
        back = _RED_PAPER[k]
        plane = back * red[..., k % channels]
        for color, inked, rimmed in prints:
            plane += rimmed * (back - plane) + inked * (color[k] - back)
        plane += line * (_WHITE_PAPER[k] - plane)
        plane = tf.concat([plane, _WHITE_PAPER[k] * white[..., k % channels]], 0)
        plane = tf.pad(plane, [[0, empty], [0, 0], [0, 0]], constant_values=255.0)
        plane = tf.transpose(tf.reshape(plane, [lines, per_line, height, width]), [0, 2, 1, 3])
        plane = tf.reshape(plane, [lines * height, per_line * width])
        planes.append(tf.cast(tf.round(plane), tf.uint8))
    _images_on[lines * height, per_line * width] = n
    return tf.stack(planes, 2)


# ---------- Percentile bands ----------

HISTOGRAM_BUCKETS = 7


def probability_distribution(data):
    """Computes the boundaries of 7 bands that hold equal shares of the values.

    Parameters
    ----------
    data : array of numbers, of any shape
        It stays as it is.

    Returns
    -------
    array, float64, [8]
        The least value, the percentiles between the bands, interpolated linearly as
        numpy.percentile does, and the greatest value; all nan where data has no values, or one
        that is not finite.
    """
    data = np.asarray(data)
    if data.dtype not in (np.float32, np.float64):
        data = data.astype(np.float64)
    if data.size == 0 or not np.isfinite([data.min(), data.max()]).all():
        return np.full(HISTOGRAM_BUCKETS + 1, np.nan)
    shares = np.linspace(0, 100, HISTOGRAM_BUCKETS + 1)
    return np.percentile(data, shares).astype(np.float64)


# ---------- The console, and files ----------

class _Console:
    """Standard error: notices, and on a terminal one line of progress that they replace."""

    def __init__(self):
        self._length = 0

    def say(self, text, before=""):
        """Prints a notice; standard output is the scripts' own."""
        self.progress([])
        self._write(before + "tensorflowvisu: " + text + "\n")

    def progress(self, parts):
        """Shows as many of the parts, the first of them first, as the terminal has room for."""
        with contextlib.suppress(Exception):  # As below.
            if not sys.stderr.isatty() or not parts and not self._length:
                return
            width = os.get_terminal_size(sys.stderr.fileno()).columns or 80
            # The last column stays free: some terminals go on to the next line after it.
            while len(parts) > 1 and len(", ".join(parts)) >= width:
                parts = parts[:-1]
            text = ", ".join(parts)[:width - 1]
            self._write("\r" + text.ljust(self._length) + "\r" * (not text))
            self._length = len(text)

    def _write(self, text):
        # There may be no standard error, or a closed, a full, or one that a signal's handler finds
        # in the middle of another write, or whatever another program has put in its place. No
        # notice is worth a run.
        with contextlib.suppress(Exception):
            sys.stderr.write(text)
            sys.stderr.flush()


_console = _Console()


def _script_name():
    """The name of the script that runs, without its extension; tensorflowvisu where it has none."""
    path = getattr(sys.modules["__main__"], "__file__", None) or ""
    name = os.path.splitext(os.path.basename(path))[0]
    # Code that is typed, or read from standard input, comes from no file.
    return "tensorflowvisu" if not name or name.startswith("<") else name


_reader = [None, None]  # The digits that the loader has read last, and the script that had them.


def _loaded_digits():
    """What the loader has read for this script; None without it: this module does not need it.

    In a notebook, digits that another script has read may still be there.
    """
    digits = getattr(sys.modules.get("mnistdata"), "latest", None)
    if digits is not _reader[0]:
        _reader[:] = digits, _script_name()
    return digits if _reader[1] == _script_name() else None


def _content(path, most):
    """The first bytes of a file, none where it cannot be read; a pipe would be waited for."""
    with contextlib.suppress(OSError):
        if os.path.isfile(path):
            with open(path, "rb") as file:
                return file.read(most)
    return b""


@contextlib.contextmanager
def _part_of(path):
    """A name for a file that is renamed to path when it is whole, and removed when it is not."""
    root, extension = os.path.splitext(os.path.basename(path))
    # No other run has this name, and it is short enough where path's own is as long as can be.
    part = f"{root[:40]}-{os.urandom(8).hex()}.part{extension}"
    part = os.path.join(os.path.dirname(path), part)
    try:
        yield part
    finally:
        with contextlib.suppress(OSError):
            os.remove(part)


# ---------- The run before ----------

# The folder in which a run leaves its curves, and its text, for the next one.
DATA = os.path.expanduser(os.environ.get("TENSORFLOWVISU_DATA", "")) or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "data")

# Standard deviations over seeds of the maximal test accuracy, of a script and a last iteration:
# python tests/tools/tables.py write
_SPREADS = {
    ("mnist_1.0_softmax", 2000): 0.0006,
    ("mnist_2.0_five_layers_sigmoid", 10000): 0.0009,
    ("mnist_2.1_five_layers_relu_lrdecay", 10000): 0.0007,
    ("mnist_2.2_five_layers_relu_lrdecay_dropout", 10000): 0.0004,
    ("mnist_3.0_convolutional", 10000): 0.0009,
    ("mnist_3.1_convolutional_bigger_dropout", 10000): 0.0005,
    ("mnist_3.2_one_cycle", 1800): 0.0006,
    ("mnist_4.0_batchnorm", 10000): 0.0002,
    ("mnist_4.1_augmentation", 10000): 0.0003,
    ("mnist_5.0_recurrent", 10000): 0.0001,
    ("text_5.1_language_model", 2500): 0.0017,
}

# The first line of last_run.csv; a file that does not begin like it is not ours.
_HEADER = "script: {}; time: {}; TensorFlow: {}; digits: {}; text: {}"
_LONGEST_TEXT = 10 ** 5  # Bytes; a longer script would take its time to compare.
_MOST_LINES = 12  # Of a diff, on the console.


class _RunBefore:
    """The run before, as it lies in the folder, and what this run leaves there for the next one.

    last_run.csv has the curves and last_run.py the text of the script, as it was at the start of
    its run. While there is a file last_run.kept, no run replaces them. Nothing here is worth a
    run, so nothing here raises.
    """

    def __init__(self):
        self.name = self.test = None  # Its script, and the rows of its test curve.
        self._files = self._own_files = None  # The contents of both files, of that run and of this.
        self._same = False  # Whether the code of both is the same.
        self._other = None  # A file of one of these names that no run has left.
        self._digits = _digits()
        self._time = time.strftime("%Y-%m-%d %H:%M:%S")
        self._text = b""
        with contextlib.suppress(Exception):  # Code that is typed has no text.
            text = _content(sys.modules["__main__"].__file__, _LONGEST_TEXT + 1)
            self._text = text if len(text) <= _LONGEST_TEXT else b""
        with contextlib.suppress(Exception):
            self._read()

    def _read(self):
        # A file of ours has a line for every update; one that is far larger is another's.
        table = _content(_data_file("csv"), 10 ** 8)
        if not table.startswith(b"# script: "):
            paths = _data_file("csv"), _data_file("py")
            self._other = next(filter(os.path.lexists, paths), None)
            return
        lines = table.decode().split("\n")
        found = re.fullmatch("# " + _HEADER.format(*["(.*)"] * 5), lines[0])
        if not found or found.group(4) != self._digits or lines[-1]:
            return
        rows = np.array([line.split(",") for line in lines[2:-1]], float)
        test = rows[np.isfinite(rows[:, [0, 3]]).all(axis=1)][:, [0, 3, 4]]
        if not len(test):
            return
        self.name, self._moment, self.test = found.group(1), found.group(2), test
        text = _content(_data_file("py"), _LONGEST_TEXT)
        # Two runs at once may have left the curves of one and the text of the other.
        self._files = table, text if _checksum(text) == found.group(5) else b""

    @property
    def kept(self):
        """Whether the user has this run before stay, whatever runs come."""
        return os.path.exists(_data_file("kept"))

    def toggle_kept(self):
        """Keeps the run before that is shown, or lets the next run take its place."""
        with contextlib.suppress(OSError):
            if self.kept:
                os.remove(_data_file("kept"))
            elif self.test is not None:
                open(_data_file("kept"), "w").close()
            else:
                _console.say("there is no run before to keep.")
        self._write_files()

    def leave(self, frame):
        """Leaves the curves and the text of this run for the next one."""
        with contextlib.suppress(Exception):
            if len(frame.test):
                self._own_files = self._table(frame), self._text
                self._write_files()

    def _write_files(self):
        """Puts the run that the next one is to see into the folder, once this one has ended."""
        with contextlib.suppress(Exception):
            if self._own_files is None or self.kept and self._files is None:
                return
            if self._other:
                _console.say(f"{self._other} was not left by a run, so it stays, and this run"
                             " is not kept for the next one.")
                return
            if not os.path.isdir(DATA):
                os.mkdir(DATA)  # A project that was removed in mid-run does not come back.
            for kind, content in zip(("csv", "py"), self._files if self.kept else self._own_files):
                # Renamed only when it is whole, so that no other run ever reads half a file.
                with _part_of(_data_file(kind)) as part:
                    with open(part, "wb") as file:
                        file.write(content)
                    os.replace(part, _data_file(kind))

    def _table(self, frame):
        """The content of last_run.csv."""
        x = np.union1d(frame.training[:, 0], frame.test[:, 0])
        table = np.full([len(x), 5], np.nan)
        table[:, 0] = x
        table[np.searchsorted(x, frame.training[:, 0]), 1:3] = frame.training[:, 1:]
        table[np.searchsorted(x, frame.test[:, 0]), 3:5] = frame.test[:, 1:]
        header = _HEADER.format(_script_name(), self._time, tf.__version__, self._digits,
                                _checksum(self._text))
        file = io.BytesIO()
        np.savetxt(file, table, fmt="%.9g", delimiter=",", encoding="utf-8", header=header
                   + "\niteration, training accuracy, training loss, test accuracy, test loss")
        return file.getvalue()

    def say_changes(self):
        """Says which lines of code differ from those of the run before."""
        with contextlib.suppress(Exception):
            if not self._files or not self._files[1] or not self._text:
                return
            day, clock = self._moment.split()
            moment = clock[:5] if day == self._time.split()[0] else day
            run = f"the run before ({self.name}.py, {moment})"
            best = f"max test accuracy {self.test[:, 1].max():.4f}"
            before, now = (_code_lines(text) for text in (self._files[1], self._text))
            changes = [line for line in list(difflib.unified_diff(before, now, n=0))[2:]
                       if not line.startswith("@@")]
            self._same = not changes
            if self._same:
                _console.say(f"the same code as in {run}, {best}; with the same arguments any"
                             " difference is luck.")
            elif len(changes) <= _MOST_LINES:
                _console.say("\n    ".join([f"since {run}, {best}:"] + changes))
            else:
                tool = "git diff --no-index" if sys.platform == "win32" else "diff"
                paths = _short_path(_data_file("py")), _short_path(sys.modules["__main__"].__file__)
                _console.say(f"since {run}, {best}: {len(changes)} lines of code differ"
                             f" ({tool} {paths[0]} {paths[1]}).")

    def say_effect(self, frame):
        """Says what has come of the changes."""
        with contextlib.suppress(Exception):
            if self.test is None or not len(frame.test):
                return
            tests, parts = (frame.test, self.test), []
            ends = [int(test[-1, 0]) for test in tests]
            for words, column, look, digits in (
                    ("max test accuracy", 1, np.fmax.reduce, 4),
                    ("at the end", 1, lambda values: values[-1], 4),
                    ("lowest test loss", 2, np.fmin.reduce, 2)):
                now, then = (round(float(look(test[:, column])), digits) for test in tests)
                if not np.isfinite(now - then):
                    continue  # There is no difference.
                parts.append(f"{words} {now:.{digits}f} after {then:.{digits}f}:"
                             f" {now - then:+.{digits}f}")
                if words == "at the end" and ends[0] != ends[1]:
                    parts[-1] += f" (iteration {ends[0]:,} after {ends[1]:,})"
                elif words == "max test accuracy" and not self._same:
                    parts[-1] += _verdict(abs(now - then), *zip((_script_name(), self.name), ends))
            if parts:
                _console.say("; ".join(parts) + ".")


def _data_file(kind):
    return os.path.join(DATA, "last_run." + kind)


def _digits():
    """Which digits the script uses; runs on different ones are not compared."""
    digits = _loaded_digits()
    return digits.checksum if digits else "those of " + _script_name()


def _checksum(text):
    return hashlib.sha256(text).hexdigest()[:16] if text else "none"


def _code_lines(text):
    """The lines of a Python text without comments, docstrings and blank lines."""
    lines = text.decode("utf-8-sig", "replace").replace("\r\n", "\n").split("\n")
    with contextlib.suppress(tokenize.TokenError, SyntaxError):
        tokens = list(tokenize.tokenize(io.BytesIO(text).readline))
        for before, token, after in zip(tokens, tokens[1:], tokens[2:]):
            (row, column), (last, _) = token.start, token.end
            if token.type == tokenize.COMMENT:
                lines[row - 1] = lines[row - 1][:column]
            elif (token.type == tokenize.STRING
                    and after.type in (tokenize.NEWLINE, tokenize.COMMENT)
                    and before.type not in (tokenize.NAME, tokenize.OP, tokenize.STRING)):
                lines[row - 1:last] = [""] * (last - row + 1)
    return [line.rstrip() for line in lines if line.strip()]


def _short_path(path):
    """A path for the user's shell, from the working folder where it lies below that."""
    path = os.path.abspath(path)
    short = os.path.relpath(path) if path.startswith(os.getcwd() + os.sep) else path
    return f'"{short}"' if " " in short else short


def _verdict(difference, one, other):
    """Whether two runs differ by more than chance, as far as the spread of a script is known.

    Each run is a script's name and its last iteration. The difference of two single runs has the
    spread of both; twice that is seldom exceeded.
    """
    known = [_SPREADS[run] for run in (one, other) if run in _SPREADS]
    # A script of another name is taken for an edited copy, where it has run as long.
    if not known or len(known) == 1 and one[1] != other[1]:
        return ""
    chance = 2 * np.hypot(known[0], known[-1])
    return ", more than chance" if difference > chance else ", within chance"


# ---------- The run ----------

# What the panels show at one moment: the rows of the curves (iteration, accuracy, loss) and bands
# (iteration, 8 boundaries), the two images and the six titles. Nothing in it is ever changed, so
# whoever has a frame may keep it.
_Frame = collections.namedtuple("_Frame", "training test bands4 bands5 image1 image2 titles")
_EMPTY_FRAME = _Frame(*[np.empty([0, columns]) for columns in (3, 3, 9, 9)], None, None, ())

_NO_DATA_NOTICE = (
    "the step has given the panels no data. (Python's own prompt ends a function at its first empty"
    " line: a script is to be run as a file, or pasted into a notebook.)")


def _is_empty(field):
    return field is None or not len(field)


class _Schedule(collections.namedtuple("_Schedule", [
        "iterations", "train_every", "test_every", "one_test_at_start", "more_tests_at_start"])):
    """Which steps of a run get data for the panels."""

    def updates(self, i):
        """Whether step i gets test data and training data."""
        last = i == self.iterations - 1
        train = i % self.train_every == 0 or last
        test = i % self.test_every == 0 and (i > 0 or self.one_test_at_start)
        if self.more_tests_at_start and i < self.test_every:
            test = train
        return test or last, train


class _Run:
    """The loop of the training, with its pause, its end, its progress and its newest frame.

    The training publishes frames and waits for nobody; the place where they are shown takes the
    newest one whenever it has time to draw. Where a place fails, another one takes over the run:
    train goes on from where it is.
    """

    def __init__(self, compute_step, schedule, snapshot, compares):
        self._compute_step = compute_step
        self.schedule = schedule
        self.iterations = schedule.iterations
        self._snapshot = snapshot
        self._go = threading.Event()
        self._go.set()
        self._leaves = False  # The thread of the training is to end, and the run is not.
        self._seconds = 0.0
        self._recent = collections.defaultdict(lambda: collections.deque(maxlen=25))
        self._done = 0
        self.digits = _loaded_digits()
        self.before = _RunBefore() if compares else None
        self.frame = snapshot()
        self.closed = False  # The user has closed the panels, or a step has raised.
        self.error = None  # What a step has raised.
        self.signal = None  # The number of the signal that has ended the run.
        self.over = threading.Event()

    def train(self, on_update=lambda: None):
        """Trains on, to the end; calls on_update after each step that got data for the panels.

        What a step raises ends the run, and is kept, to be raised when its place is left.
        """
        while self._done < self.iterations and not self.closed and not self._leaves:
            if self.paused:
                self._go.wait()
                continue
            test, train = self.schedule.updates(self._done)
            if test or train:
                _console.progress([])
            began = time.monotonic()
            try:
                self._compute_step(self._done, test, train)
            except BaseException as error:
                self.error = error
                self.frame = self._snapshot()
                self.close()
                self.over.set()
                break
            self._done += 1
            took = time.monotonic() - began
            self._seconds += took
            if self._done > 1:  # The first step is slow.
                self._recent[2 if test else int(train)].append(took)
            if test or train:
                self.frame = self._snapshot()
                on_update()
        _console.progress([])
        if not self._leaves or self.closed or self._done == self.iterations:
            if self._done == self.iterations and not self.over.is_set() and all(
                    map(_is_empty, self.frame[:-1])):
                _console.say(_NO_DATA_NOTICE)
            if self.before and not self.over.is_set():
                if 2 * self._done >= self.iterations:
                    self.before.leave(self.frame)
                if self._done == self.iterations:
                    self.before.say_effect(self.frame)
            self.over.set()

    @contextlib.contextmanager
    def beside(self):
        """Trains on a thread of its own.

        Where the block ends by itself, so does the run, after its present step. Where the block
        raises, only the thread ends.
        """
        # TensorFlow keeps the defaults for each thread apart.
        graph = None if tf.executing_eagerly() else tf.get_default_graph()
        session = tf.get_default_session()

        def train():
            with contextlib.ExitStack() as stack:
                for default in filter(None, (graph, session)):
                    stack.enter_context(default.as_default())
                self.train()

        # A training step is short: it shall not wait 5 ms, Python's default, for a drawing's turn.
        interval = sys.getswitchinterval()
        sys.setswitchinterval(0.0005)
        # Objects of a toolkit must go on the thread that made them: those of now are no garbage
        # while the training runs, and new garbage is collected by the loop that draws.
        collects = gc.isenabled()
        gc.disable()
        gc.freeze()
        thread = threading.Thread(target=train, name="training", daemon=True)
        thread.start()
        try:
            yield
            self.close()
        finally:
            self._leaves = True
            self._go.set()
            thread.join()
            self._leaves = False
            gc.unfreeze()
            if collects:
                gc.enable()
            sys.setswitchinterval(interval)

    @property
    def paused(self):
        return not self._go.is_set()

    def toggle_pause(self):
        """Stops the training before its next step, or lets it go on."""
        if self.paused or self.over.is_set():
            self._go.set()
        else:
            self._go.clear()

    def close(self):
        """Ends the showing, and the training after its present step."""
        self.closed = True
        self._go.set()

    @contextlib.contextmanager
    def signals(self, in_notebook):
        """Has Ctrl-C, and what ends a process, end the run after the present step.

        A second signal ends the process at once. One that is ignored, as by nohup, stays so.
        """
        names = ["SIGINT"] if in_notebook else ["SIGINT", "SIGTERM", "SIGHUP"]
        before, process = {}, os.getpid()

        def on_signal(number, stack):
            if os.getpid() != process:  # A child that a step has forked: this run is not its own.
                signal.signal(number, before[number])
                os.kill(os.getpid(), number)
                return
            # Whatever the main thread does then, the system itself ends the process.
            signal.signal(number, before[number] if in_notebook else signal.SIG_DFL)
            if not self.over.is_set():
                name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
                # A terminal has just written ^C.
                _console.say(f"{name}: the run ends after the present step; a second {name} ends it"
                             " at once.", "\n")
            if number != signal.SIGINT or not self.over.is_set():
                self.signal = number
            self.close()

        def take_ctrl_c():
            if not self.closed and signal.SIGINT in before:
                signal.signal(signal.SIGINT, on_signal)

        self.take_ctrl_c = take_ctrl_c
        if threading.current_thread() is threading.main_thread():
            for number in [getattr(signal, name) for name in names if hasattr(signal, name)]:
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    before[number] = signal.signal(number, on_signal)
        try:
            yield
        finally:
            self.over.set()
            for number, handler in before.items():
                signal.signal(number, handler)

    def status(self):
        """The line under the panels."""
        return "   ·   ".join(self.status_parts())

    def status_parts(self):
        """How far the training is, or what came of it, in parts, the most important one first."""
        kept = ["run before kept: k lets it go"] if self.before and self.before.kept else []
        if self.over.is_set():
            word = "finished" if self._done == self.iterations else "stopped"
            parts = [f"{word}: {self._done:,} iterations in {_duration(self._seconds)}"]
            test = self.frame.test[np.isfinite(self.frame.test[:, 1]), 1]
            if len(test):
                title = _shortened(self.frame.titles[0], 40)
                # A float32 is shown with its own digits, as the scripts print it.
                parts.append(f"max test {'accuracy' if title == _TITLES[0] else title}"
                             f" {np.float32(test.max())!s}")
                if self.before and self.before.test is not None:
                    parts[1] += f" (run before: {self.before.test[:, 1].max():.4f})"
            return parts + kept
        parts = [f"iteration {max(0, self._done - 1):,} of {self.iterations - 1:,}"]
        if self.digits:
            parts.append(f"epoch {self.digits.train.epochs_completed + 1}")
            if self.digits.generated:
                parts.append("generated digits")
        if self.paused:
            parts.append("paused: SPACE goes on")
        elif self._recent:
            seconds = self._seconds_left()
            parts += [_duration(seconds) + " left",
                      f"{(self.iterations - self._done) / max(seconds, 1e-9):,.0f} iterations/s"]
        return parts + kept

    def _seconds_left(self):
        """How long the rest takes, where each kind of step takes as long as in the recent past.

        The median forgets the hours of a closed laptop. A kind that has not come yet takes as long
        as the slowest one that has.
        """
        steps = self.iterations - self._done
        tests = steps // self.schedule.test_every
        trains = max(0, steps // self.schedule.train_every - tests)
        others = steps - tests - trains
        # Copied at once: the training adds to them meanwhile.
        medians = {kind: np.median(list(times)) for kind, times in list(self._recent.items())}
        return sum(count * medians.get(kind, max(medians.values()))
                   for kind, count in enumerate((others, trains, tests)))


def _duration(seconds):
    """Seconds as 8 s, 2:05 min or 1:02:05 h."""
    minutes, seconds = divmod(int(round(seconds)), 60)
    if minutes < 60:
        return f"{minutes}:{seconds:02} min" if minutes else f"{seconds} s"
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02} h"


# ---------- The panels ----------

_INCHES = (19.2, 10.8)  # 1344 x 756 pixels at 70 dots per inch
_TRAINING_COLOR = "#2f6db5"
_TEST_COLOR = "#cf3e4b"
_BEFORE_COLOR = "#9a9a9a"
_BAND_COLORS = ("#2f6db5", "#cf3e4b", "#3c9a5f")  # blue, red, green
_TEXT_COLOR = "#333333"
_QUIET_COLOR = "#6f6f6f"
_FRAME_COLOR = "#bbbbbb"
_GRID_COLOR = "#e4e4e4"
# In points, in a window of _INCHES; they grow and shrink with it.
_TITLE_SIZE, _TICK_SIZE, _STATUS_SIZE, _STATUS_HEIGHT = 16, 11.5, 12, 24
_LEFT, _RIGHT, _TOP = 52, 22, 34  # Room around the axes.
_MOST_COLUMNS = 1000  # Of bands; more than pixels would be drawn for nothing.


def _nice_bound(value, steps=(1, 1.5, 2, 3, 5, 7, 10, 15)):
    """The next of 0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1, ... so that an axis grows in few steps."""
    value = min(value, 1e300)
    if value < 1e-300:  # matplotlib has no axes for still smaller or larger numbers.
        return 0.0
    bounds = 10 ** np.floor(np.log10(value)) * np.array(steps)
    return bounds[bounds > value * (1 - 1e-9)][0]


def _tick_text(x, _=None):
    """A number on an axis: -0.2, 500, 10,000, 2,000k, 3e-07."""
    thousands = 1e5 <= abs(x) < 1e9
    return f"{x / 1000:,.6g}k" if thousands else f"{x:,.6g}"


def _shortened(text, most):
    """A text on one line, of so many letters at the most."""
    text = " ".join(str(text).split())
    return text if len(text) <= most else text[:most - 1].rstrip() + "…"


def _literal(text):
    """A text as it is, for matplotlib, which takes what stands between two $ for a formula.

    It has no letters for the bytes of a file's name that are none.
    """
    return text.replace("$", r"\$").encode("utf-8", "replace").decode()


class _Cell:
    """A part of the figure that is drawn by itself: a static artist, and animated ones over it.

    The static artist is drawn once and kept as a background, over which the others are drawn at
    every update. matplotlib leaves animated artists out when it draws the figure as a whole, and it
    knows which artists are stale, that is have changed since they were drawn.
    """

    def __init__(self, static):
        self.static = static
        self.animated = []

    def copy_background(self, canvas):
        """Keeps the cell as it is, drawn without the animated artists."""
        self._background = canvas.copy_from_bbox(self.bbox)

    def draw(self, canvas):
        """Draws the animated artists over the background, which is made anew where it is stale."""
        if self.static.stale:
            (x0, y0), (x1, y1) = self.bbox.get_points().astype(int)
            np.asarray(canvas.buffer_rgba())[::-1][y0:y1, x0:x1] = 255
            self.static.draw(canvas.get_renderer())
            self.copy_background(canvas)
        canvas.restore_region(self._background)
        for artist in self.animated:
            artist.draw(canvas.get_renderer())
        for artist in [self.static] + self.animated:
            artist.stale = False  # An empty text is not drawn, and forgets to say so.


class _Panel(_Cell):
    """One of the six panels: its axes, the data that they show and the limits that it set itself.

    A kind of panel has update(*data), which moves its artists to the data of its fields of a frame.
    """

    bottom = 12  # Points below the axes.

    def __init__(self, figure, number, *fields):
        super().__init__(figure.add_axes([0, 0, 1, 1]))
        self.axes, self.number, self.fields = self.static, number, fields
        self.unzoom()
        self.axes.tick_params(labelcolor=_QUIET_COLOR, color=_FRAME_COLOR)
        self.axes.spines[:].set_color(_FRAME_COLOR)

    def place(self, bbox, scale):
        """Puts the axes into a rectangle of whole pixels; letters, lines and margins are scaled."""
        self.bbox, self.scale = bbox, scale
        figure = self.axes.figure
        self.point = scale * figure.dpi / 72  # In pixels.
        inner = bbox.size - self.point * np.array([_LEFT + _RIGHT, self.bottom + _TOP])
        self.axes.set_position(Bbox.from_bounds(
            bbox.x0 + _LEFT * self.point, bbox.y0 + self.bottom * self.point,
            *inner.clip(1)).transformed(figure.transFigure.inverted()))
        self.axes.tick_params(labelsize=_TICK_SIZE * scale, length=3 * scale, width=0.8 * scale,
                              grid_linewidth=scale)
        self.axes.spines[:].set_linewidth(0.8 * scale)
        self._title = None
        self._data = [None] * len(self.fields)

    def show(self, frame):
        """Updates the artists with what is new in a frame."""
        data = [getattr(frame, field) for field in self.fields]
        if any(new is not old for new, old in zip(data, self._data)):
            self._data = data
            self.update(*data)
        title = _literal(_shortened(frame.titles[self.number - 1], 200))
        if title == self._title:
            return
        self._title = title
        # At a given height, matplotlib need not look for overlaps with ticks at every drawing.
        words = self.axes.set_title(title, y=1.005, pad=6 * self.scale, color=_TEXT_COLOR,
                                    fontsize=_TITLE_SIZE * self.scale)
        renderer = self.axes.figure.canvas.get_renderer()
        while len(title) > 1 and words.get_window_extent(renderer).width > self.bbox.width - 8:
            title = title[:-2].rstrip() + "…"
            words.set_text(title)

    def set_limits(self, *limits):
        """Sets the limits of the axes, left, right, bottom and top, unless the user has zoomed.

        The ones that are remembered are the last that the run has set: where the axes show others,
        the user has chosen them.
        """
        shown = self.axes.get_xlim() + self.axes.get_ylim()
        if self._limits in (None, shown):
            if shown != limits:
                self.axes.set(xlim=limits[:2], ylim=limits[2:])
            self._limits = self.axes.get_xlim() + self.axes.get_ylim()

    def unzoom(self, close_up=False):
        """Gives the limits back to the run, which sets them with the next data."""
        self._limits = None
        self.close_up = close_up


class _RowsPanel(_Panel):
    """A panel of rows that grow with the iterations, with two axes, a quiet grid and few ticks.

    A kind of it has tables, the rows by name, and describe(name, row), which puts one into words.
    """

    bottom = 40
    column = 1  # Of the rows, that has to be finite: in the curves 1 is accuracy, 2 loss.

    def __init__(self, figure, number, end, *fields):
        super().__init__(figure, number, *fields)
        # A run of 300 ends with iteration 299, its axis at 300; one of 2001 at 2000.
        self._end = end + 1 if (end + 1) % 10 == 0 else max(1, end)
        self.axes.grid(True, color=_GRID_COLOR)
        self.axes.set_axisbelow(True)
        self.axes.set_xlabel("iteration", color=_QUIET_COLOR)
        self.axes.xaxis.set_major_formatter(_tick_text)
        self.axes.yaxis.set_major_formatter(_tick_text)
        self.axes.format_coord = self.format_coord
        self.note = self.axes.text(
            0.5, 0.5, "", transform=self.axes.transAxes, ha="center", va="center",
            color=_TEXT_COLOR, clip_on=True, animated=True, zorder=5,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8})
        self.animated.append(self.note)  # The last one: it lies over curves and bands.

    def place(self, bbox, scale):
        super().place(bbox, scale)
        size = self.axes.bbox.size / self.point
        self.axes.locator_params(nbins=int((size.min() / 60).clip(2, 5)), steps=[1, 2, 5, 10])
        self.axes.xaxis.label.set_fontsize(_TICK_SIZE * scale)
        self.axes.xaxis.set_label_coords(0.5, -21 / size[1])
        self.note.set_fontsize(_TICK_SIZE * scale)

    def update_limits(self, bottom, top, *tables):
        """Follows the rows, and says in the panel from where on there is nothing to draw."""
        x, values = np.concatenate([rows[:, [0, self.column]] for rows in tables]).T
        lost = x[x > x[np.isfinite(values)].max(initial=-np.inf)]
        self.note.set_text(
            f"no finite numbers (nan)\nfrom iteration {lost.min():,.10g} on" if len(lost) else "")
        self._last = x.max(initial=0)
        end = _nice_bound(max(100, self._last), (1, 2, 5, 10, 20))
        self.set_limits(0, end if self._last > self._end else min(end, self._end), bottom, top)

    def format_coord(self, x, y):
        """The newest rows at the iteration under the mouse, for matplotlib's toolbar."""
        rows = {name: table[np.searchsorted(table[:, 0], x, "right") - 1]
                for name, table in self.tables.items()
                if len(table) and table[0, 0] <= x <= max(table[-1, 0], self._last)}
        return "" if not rows else "iteration {:,.10g}: {}".format(
            max(row[0] for row in rows.values()),
            ", ".join(self.describe(name, row) for name, row in rows.items()))


class _CurvesPanel(_RowsPanel):
    """A curve of the training batches and one of the test digits, against the iteration."""

    def __init__(self, figure, number, end, before):
        super().__init__(figure, number, end, "training", "test")
        self.column = number
        self._lines = {
            name: self.axes.plot([], [], color=color, label=name, animated=True)[0]
            for name, color in (("training", _TRAINING_COLOR), ("test", _TEST_COLOR))}
        self.animated[:0] = self._lines.values()
        self._legend_place = "lower right" if number == 1 else "upper right"
        self._before = {}
        if before and before.test is not None:
            # It is static, so it is part of the background, behind everything else.
            name, rows = re.sub(r"mnist_(\d+\.\d+)_.*", r"\1", before.name), before.test
            self._before["run before"] = rows
            self._lines["run before"], = self.axes.plot(
                rows[:, 0], rows[:, number], color=_BEFORE_COLOR, zorder=1,
                label=f"test, run before ({_literal(_shortened(name, 14))})")

    def update(self, training, test):
        self.tables = {"training": training, "test": test}
        for name, rows in self.tables.items():
            # A value that is not finite, nan or an infinity, is a gap in the curve.
            values = rows[:, self.column]
            self._lines[name].set_data(rows[:, 0], np.where(np.isfinite(values), values, np.nan))
        self.tables.update((name, rows) for name, rows in self._before.items()
                           if self._lines[name].get_visible())
        self.update_limits(*self._heights(training, test), training, test)

    def _heights(self, training, test):
        """The limits of the vertical axis: bottom, top."""
        def finite(*tables):
            values = np.concatenate([rows[:, self.column] for rows in tables])
            return values[np.isfinite(values)]

        # Close up is the second half of the run so far, and what the one before did from there on.
        tables = self.tables.values() if self.close_up else (training, test)
        now = max(rows[-1:, 0].max(initial=0) for rows in (training, test))
        recent = finite(*[rows[2 * rows[:, 0] >= np.minimum(rows[-1:, 0], now)] for rows in tables])
        if self.column == 1:
            lowest = 1 - max(0.01, _nice_bound(1.05 * (1 - recent.min(initial=1))))
            top = max(1, _nice_bound(recent.max(initial=0)))  # It may be in percent.
            return max(0, lowest) if self.close_up else 0, top
        least, values = 0, finite(training, test)
        if not self.close_up and not (values.any() and values.max() < 10):
            recent, least = finite(training[-10:], test[-2:]), 100
        bottom = -_nice_bound(-recent.min(initial=0))
        return bottom, max(least, _nice_bound(1.05 * recent.max(initial=0))) or float(not bottom)

    def describe(self, name, row):
        exact = self.column == 1 and name != "training"  # Of far more digits than a batch has.
        return f"{name} {row[self.column]:{'.4f' if exact else '.4g'}}"

    def toggle_before(self):
        """Shows or hides the curve of the run before, where there is one."""
        for name in self._before:
            self._lines[name].set_visible(not self._lines[name].get_visible())

    def place(self, bbox, scale):
        super().place(bbox, scale)
        for name, line in self._lines.items():
            line.set_linewidth(scale * (2.5 if name == "test" else 1))
        if self.axes.get_legend():
            self._legend_place = _place_of(self.axes.get_legend())
        self.axes.legend(
            handles=[line for line in self._lines.values() if line.get_visible()],
            loc=self._legend_place, framealpha=1, edgecolor="#dddddd", labelcolor=_TEXT_COLOR,
            fontsize=_TICK_SIZE * scale, handlelength=1.5, borderpad=0.3, labelspacing=0.3)
        self.axes.get_legend().set_draggable(True)

    # The curves go behind the legend: its picture is laid over them.

    def copy_background(self, canvas):
        super().copy_background(canvas)
        self._legend_picture = canvas.copy_from_bbox(
            self.axes.get_legend().get_window_extent(canvas.get_renderer()).padded(1))

    def draw(self, canvas):
        super().draw(canvas)
        canvas.restore_region(self._legend_picture)


class _BandsPanel(_RowsPanel):
    """Seven percentile bands over time, darker toward the median."""

    def __init__(self, figure, number, end, field, color):
        super().__init__(figure, number, end, field)
        # Each pair of bands is laid over the lighter pair around it, so that no seam shows.
        base = np.array(matplotlib.colors.to_rgb(color))
        shades = [1 - (1 - base) * strength for strength in (0.25, 0.45, 0.7, 1.0)]
        # The innermost one has edges, so that it is seen where the values are all but the same.
        self.bands = PolyCollection([], facecolors=shades, edgecolors="face",
                                    linewidths=[0, 0, 0, 1], animated=True)
        self.axes.add_collection(self.bands, autolim=False)
        self.animated.insert(0, self.bands)

    def update(self, rows):
        self.tables = {"": rows}
        finite = np.isfinite(rows[:, 1:]).all(axis=1)
        bottom = -_nice_bound(-1.02 * rows[finite, 1].min(initial=0))
        top = _nice_bound(1.02 * rows[finite, 8].max(initial=0))
        if bottom == top:
            bottom, top = -0.1, 0.1
        self.update_limits(bottom, top, rows)
        step = 1 + len(rows) // _MOST_COLUMNS
        polygons = []
        for part in np.split(np.arange(len(rows)), np.flatnonzero(~finite)):
            part = part[finite[part]]
            if not len(part):
                continue
            # The last column is as wide as a line, so that the first one is seen at once.
            part = np.append(part[::step], part[-1])
            x = rows[part, 0]
            x[-1] += 0.003 * np.ptp(self.axes.get_xlim())
            for outer in range(4):
                low, high = rows[part, 1 + outer], rows[part, 8 - outer]
                polygons.append(np.column_stack([np.append(x, x[::-1]),
                                                 np.append(low, high[::-1])]))
        self.bands.set_verts(polygons)

    def describe(self, name, row):
        return ", ".join(f"{boundary:.3g}" for boundary in row[1:])


class _DigitsPanel(_Panel):
    """A mosaic of digits, with a scale at the left where test_set_size is given."""

    def __init__(self, figure, number, field, test_set_size=None):
        super().__init__(figure, number, field)
        self._test_set_size = test_set_size
        self.axes.set(xticks=[], yticks=[], frame_on=False)
        self.axes.format_coord = lambda x, y: ""  # The mouse shows no digit's coordinates,
        # Antialiased: matplotlib averages where digits are reduced, and shows the pixels of a zoom.
        self.image = self.axes.imshow(np.full([1, 1, 4], 255, np.uint8), visible=False,
                                      interpolation="antialiased", animated=True)
        self.image.mouseover = False  # and no colours.
        self.animated.append(self.image)

    def update(self, image):
        height, width = image.shape[:2]
        # With an alpha channel matplotlib draws in a third of the time.
        picture = np.full([height, width, 4], 255, np.uint8)
        picture[..., :max(3, image.shape[2])] = image
        extent = -0.5, width - 0.5, height - 0.5, -0.5
        self.image.set_data(picture)
        if extent != tuple(self.image.get_extent()) or not self.image.get_visible():
            self.image.set(extent=extent, visible=True)
            self.unzoom()
            # The scale tells the share of the test set that is below a line.
            shown, size = _images_on.get((height, width), np.inf), self._test_set_size
            steps = np.linspace(0, 1, 6 if size and shown <= size else 0)
            self.axes.set_yticks(steps * height - 0.5)
            self.axes.set_yticklabels([f"{100 - 100 * step * shown / size:.4g}%" for step in steps])
        self.set_limits(*extent)


# ---------- The dashboard ----------

# The keys, the panels that each shows and the widths of the columns.
_LAYOUTS = {
    "1": ([1], [1]), "2": ([2], [1]), "3": ([3], [1]), "4": ([4], [1]), "5": ([5], [1]),
    "6": ([6], [1]), "7": ([1, 2], [1, 1]), "8": ([4, 5], [1, 1]), "9": ([3, 6], [1, 1.6]),
    "0": ([1, 2, 3, 4, 5, 6], [1, 1, 1.15]),
}


class _Dashboard:
    """The six panels and the status line, on a matplotlib figure of any backend.

    frame   what is shown at first
    before  the run before, a _RunBefore or None
    end     the last iteration of the run
    colors  those of panels 4 and 5
    """

    def __init__(self, figure, frame, before, end, colors, test_set_size, layout="0"):
        self.figure = figure
        self._frame = frame
        self._layout = layout
        figure.patch.set_facecolor("white")
        self._curves = [_CurvesPanel(figure, number, end, before) for number in (1, 2)]
        self._panels = self._curves + [
            _DigitsPanel(figure, 3, "image1"),
            _BandsPanel(figure, 4, end, "bands4", colors[0]),
            _BandsPanel(figure, 5, end, "bands5", colors[1]),
            _DigitsPanel(figure, 6, "image2", test_set_size)]
        self._status = _Cell(figure.text(0, 0, "", color=_QUIET_COLOR, verticalalignment="center"))
        figure.canvas.mpl_connect("draw_event", self._on_draw)
        # A figure keeps functions, not methods, and so the dashboard lives as long as the figure.
        figure.canvas.mpl_connect("resize_event", lambda _: self._has_gone() or self._arrange())
        self._arrange()

    def on_key(self, key):
        """Does what a key asks for; returns whether it is a key of the panels."""
        if key in _LAYOUTS:
            self._layout = key
        elif key == "b":
            for panel in self._curves:
                panel.toggle_before()
        elif key == "z":
            for panel in self._curves:
                panel.unzoom(close_up=not panel.close_up)
        else:
            return False
        self._redraw()
        return True

    def unzoom(self):
        """Gives the limits of all panels back to the run."""
        for panel in self._panels:
            panel.unzoom()
        self._redraw()

    def _arrange(self):
        """Gives every visible panel its cell, and letters, lines and margins their size."""
        self._drawn = False
        size = self._arranged_for = tuple(self.figure.bbox.size)
        numbers, weights = _LAYOUTS[self._layout]
        lines = len(numbers) // len(weights)
        dpi = self.figure.dpi
        scale = float(np.sqrt(np.prod(size) / np.prod(_INCHES)) / dpi)
        scale = min(max(0.75, scale), 1.5)
        status = min(_STATUS_HEIGHT * scale * dpi / 72, size[1])
        self._status.static.set(position=(status / 2 / size[0], status / 2 / size[1]),
                                fontsize=_STATUS_SIZE * scale)
        if lines == 1:
            scale *= 1.3  # Fewer panels leave room for larger letters.
        # The axes share the width that the margins leave. Cells end at whole pixels and do not
        # overlap: each is redrawn by itself.
        margins = (_LEFT + _RIGHT) * scale * dpi / 72
        shares = np.array(weights) / sum(weights)
        widths = margins + shares * max(0, size[0] - len(weights) * margins)
        x = (np.cumsum([0, *widths]) * size[0] / widths.sum()).astype(int)
        y = np.linspace(size[1], status, lines + 1).astype(int)
        for panel in self._panels:
            panel.axes.set_visible(panel.number in numbers)
        self._visible = [self._panels[number - 1] for number in numbers]
        for k, panel in enumerate(self._visible):
            line, column = divmod(k, len(weights))
            panel.place(Bbox([[x[column], y[line + 1]], [x[column + 1], y[line]]]), scale)
            # Pictures stand in the middle of the window, but all titles of a line at one height.
            panel.axes.set_anchor("N" if lines > 1 else "C")
            panel.show(self._frame)
        self._status.bbox = Bbox([[0, 0], [x[-1], y[-1]]])

    def _redraw(self):
        self._arrange()
        self.figure.canvas.draw_idle()  # Once for all the keys that wait.

    def _has_gone(self):
        """Whether the window is about to go, without its canvas, or somebody cleared the figure."""
        return (not isinstance(self.figure.canvas, FigureCanvasAgg)
                or self._status.static not in self.figure.texts)

    def _on_draw(self, event):
        """Draws the rest over what the canvas has just drawn, which is kept as background."""
        if self._has_gone() or self.figure.canvas.is_saving():
            return  # Everything has been drawn.
        if tuple(self.figure.bbox.size) != self._arranged_for:
            # The window moved to a screen of other resolution.
            self._redraw()
            return
        for cell in self._visible + [self._status]:
            cell.copy_background(self.figure.canvas)
            cell.draw(self.figure.canvas)
        self._drawn = True

    def set(self, frame, status):
        """Takes a frame and a status line, for a picture that is drawn or saved as a whole."""
        self._frame = frame
        self._status.static.set_text(_literal(status))
        for panel in self._visible:
            panel.show(frame)

    def show(self, frame, status):
        """Draws what is new in a frame and a status line, and brings it to the screen."""
        if self._has_gone():
            return
        canvas = self.figure.canvas
        self.set(frame, status)
        if not self._drawn:
            canvas.draw()  # As a whole; nothing is stale then.
        stale = [cell for cell in self._visible + [self._status]
                 if any(artist.stale for artist in [cell.static] + cell.animated)]
        for cell in stale:
            cell.draw(canvas)
        if stale:
            _bring_to_screen(canvas, Bbox.union([cell.bbox for cell in stale]))


# ---------- matplotlib's insides ----------

# What is not documented, or not for good. When a new matplotlib comes, look here first.

def _chosen_backend():
    """The name of the backend that the user has chosen; None where matplotlib is to find one."""
    try:
        return matplotlib.get_backend(auto_select=False)
    except TypeError:  # Before matplotlib 3.10. Whoever asks for the setting has it chosen.
        backend = dict.__getitem__(matplotlib.rcParams, "backend")
        return backend if isinstance(backend, str) else None


def _backend_canvas():
    """The class of the chosen backend's canvas; raises where the backend cannot work here.

    pyplot loads a backend with the first figure only; this asks it to do so before.
    """
    import matplotlib.pyplot as plt
    return plt._get_backend_mod().FigureCanvas


def _running_toolkit():
    """The toolkit whose loop of events runs in this process; "headless" where none can; or None."""
    return matplotlib.cbook._get_running_interactive_framework()


def _new_window(figsize, dpi):
    """A figure of pyplot's with its manager and a toolbar, not shown yet."""
    import matplotlib.pyplot as plt
    with matplotlib.rc_context({"toolbar": "toolbar2", "interactive": False}):
        figure = plt.figure(figsize=figsize, dpi=dpi)
    if not isinstance(figure.canvas, FigureCanvasAgg):
        plt.close(figure)
        raise RuntimeError(f"the backend {matplotlib.get_backend()} draws without Agg; choose TkAgg"
                           " or QtAgg")
    return figure


def _bring_to_screen(canvas, bbox):
    """Shows what was drawn on a part of a canvas."""
    # Tk is slow: a whole window takes ten times a line of text. GTK 3 would forget what else it is
    # to show at that moment.
    canvas.blit(bbox if hasattr(canvas, "get_tk_widget") else None)
    if not canvas.supports_blit and hasattr(canvas, "queue_draw"):
        canvas.queue_draw()  # GTK 4's canvas inherits a blit that does nothing.


def _place_of(legend):
    """Where a legend stands: the name of a corner, or to where the user has dragged it."""
    return legend._loc


def _take_keys(canvas, on_key, on_home):
    """Has on_key answer all keys, and on_home the toolbar's home, instead of matplotlib."""
    toolbar = canvas.manager.toolbar
    # Views of matplotlib's would lead back to old ranges, and to the places of another layout. So
    # none is kept, and "home", whichever key or button it comes from, gives the ranges to the run.
    toolbar.push_current = lambda: None
    toolbar.set_history_buttons = on_home
    canvas.mpl_disconnect(canvas.manager.key_press_handler_id)
    canvas.mpl_connect("key_press_event", on_key)
    # Tab would give the keyboard to a button, which does nothing with it.
    if hasattr(canvas, "get_tk_widget"):
        canvas.get_tk_widget().bind("<Tab>", lambda event: "break")
    elif hasattr(canvas, "focusNextPrevChild"):  # Qt
        canvas.focusNextPrevChild = lambda forward: False


def _take_errors(canvas, on_error):
    """Has on_error take what is raised within a callback, which would only be printed."""
    canvas.callbacks.exception_handler = on_error
    window = getattr(canvas.manager, "window", None)
    if hasattr(window, "report_callback_exception"):  # Tk, which has callbacks of its own.
        window.report_callback_exception = lambda kind, error, traceback: on_error(error)


class _GifWriter(animation.PillowWriter):
    """Keeps its frames in 64 colours, which need a fourth of the memory."""

    def grab_frame(self, **options):
        super().grab_frame(**options)
        self._frames[-1] = self._frames[-1].quantize(64, method=2)
        self._frames[-1].info["comment"] = b"tensorflowvisu"  # To be known by.


def _movie_writer(figure, path):
    """A writer of a movie, ready for its first frame."""
    # Without -xerror ffmpeg reports success where the disk was full at the very end.
    writer = _GifWriter(fps=10) if path.lower().endswith(".gif") else animation.FFMpegWriter(
        fps=25, codec="h264", extra_args=["-pix_fmt", "yuv420p", "-loglevel", "error", "-xerror"])
    # What ends this process is not meant for ffmpeg, which would leave before its last frame.
    with contextlib.ExitStack() as after:
        if hasattr(signal, "pthread_sigmask"):  # Windows has none.
            before = signal.pthread_sigmask(
                signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
            after.callback(signal.pthread_sigmask, signal.SIG_SETMASK, before)
        writer.setup(figure, path, figure.dpi)
    return writer


def _fit_screen(figure, largest):
    """Makes a window as large as fits on its screen, up to so many times its size."""
    window, toolbar = figure.canvas.manager.window, figure.canvas.manager.toolbar
    if hasattr(window, "winfo_screenwidth"):  # Tk counts the screen's own pixels.
        toolbar.configure(width=1)  # It takes the window's width, not the other way round.
        window.update_idletasks()
        screen = window.winfo_screenwidth(), window.winfo_screenheight()
        high, ratio = toolbar.winfo_reqheight(), 1
    elif hasattr(window, "screen"):  # Qt counts larger ones where there are very many.
        size = window.screen().availableSize()
        screen = size.width(), size.height()
        high, ratio = toolbar.sizeHint().height(), figure.canvas.device_pixel_ratio
    else:
        return
    # The window's title and its frame, and the desktop's bar, need some room, too.
    room = np.array([(screen[0] - 16) * ratio, (screen[1] - high - 80) * ratio])
    size = figure.bbox.size * np.clip((room / figure.bbox.size).min(), 1, largest)
    size = np.clip(size, 100, np.maximum(room, 100))
    if (size != figure.bbox.size).any():
        figure.set_size_inches(size / figure.dpi, forward=True)


# ---------- The places ----------

# A place shows a run: place(run, make_dashboard). It has make_dashboard(new_figure) put a dashboard
# on the figure that new_figure(figsize=..., dpi=...) returns, and has the run train.

_NO_TOOLKIT = ("matplotlib finds no toolkit for a window here (install Tk, for example with"
               " 'sudo apt install python3-tk' or 'brew install python-tk')")


def _find_place():
    """Returns the place where the panels can be shown; with a picture comes the reason why."""
    chosen = None
    try:
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("animate was not called on the main thread")
        if _refused_backend:
            raise ValueError(f"matplotlib has no backend {_refused_backend}")
        chosen = _chosen_backend()
        canvas = _canvas_class(chosen)
        if canvas.required_interactive_framework:
            return (in_window,)
        if "webagg" in canvas.__module__ and not _is_kernel():
            return (in_browser,)
        screen = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
        if sys.platform.startswith("linux") and not screen:
            reason = "there is no display"
        else:
            reason = f"matplotlib's backend {chosen} shows no window" if chosen else _NO_TOOLKIT
    except Exception as error:  # Each toolkit raises its own where it has no screen.
        reason = f"no window could be opened ({_cause(error)})"
    if _is_kernel():
        return (in_notebook,)
    if "inline" in str(chosen):
        reason = (f"{chosen} shows pictures in a notebook's own process only (in its cell:"
                  f" %run {_script_name()}.py)")
    return as_picture, reason


def _canvas_class(chosen):
    """The class of the canvas that a window would have; raises where there can be none."""
    display = os.environ.get("DISPLAY")
    # A browser may show what no display does.
    if display and str(chosen).lower() != "webagg" and not _answers():
        raise RuntimeError(f"the display {display} does not answer")
    # Where the user has chosen no backend, Tk comes first: it comes with Python and needs nothing.
    # matplotlib itself would begin with Qt, which may end the whole process for want of a library.
    if (chosen is None and (display or sys.platform == "win32")
            and _running_toolkit() in (None, "headless")):
        try:
            import tkinter  # noqa: F401
        except ImportError:  # There is no Tk, or half of one.
            pass
        else:
            matplotlib.use("TkAgg")
    return _backend_canvas()


def _is_kernel():
    """Whether this is a notebook's process, or another whose front end shows pictures."""
    ipython = sys.modules.get("IPython")
    shell = ipython and ipython.get_ipython()
    return bool(shell) and "image/png" in shell.display_formatter.active_types


def _answers(seconds=10):
    """Whether the X server says anything, if only no; a toolkit would wait for it for ever."""
    try:
        x11 = ctypes.CDLL("libX11.so.6")
    except OSError:  # There is no X here.
        return True
    x11.XOpenDisplay.restype, displays = ctypes.c_void_p, []
    asking = threading.Thread(target=lambda: displays.append(x11.XOpenDisplay(None)), daemon=True)
    asking.start()
    asking.join(seconds)
    for display in filter(None, displays):
        x11.XCloseDisplay(ctypes.c_void_p(display))
    return bool(displays)


def _cause(error):
    """What went wrong, in the system's words or the error's first line."""
    text = getattr(error, "strerror", None) or str(error).strip().split("\n")[0]
    if "'headless'" in text:  # matplotlib's word for a display that does not open.
        return f"the display {os.environ.get('DISPLAY')} does not open"
    return text if " " in text else f"{type(error).__name__} {text}".strip()


def _plain_style():
    """matplotlib's own settings for a while: the panels look the same whatever the reader's are."""
    return matplotlib.style.context(["default", {
        "animation.ffmpeg_path": matplotlib.rcParams["animation.ffmpeg_path"],
        # Lines of many points, drawn to a pixel and in parts, take a fifth of the time.
        "path.simplify_threshold": 1.0, "agg.path.chunksize": 2000}])


def _show(place, run, make_dashboard, *more):
    """Shows a run in a place; where that fails, then or later, the training goes on without."""
    try:
        place(run, make_dashboard, *more)
    except (Exception, SystemExit) as error:  # WebAgg leaves where no port is free.
        if run.error is None and not run.closed:
            as_picture(run, make_dashboard, f"the panels cannot be shown ({_cause(error)})")
    if run.error is not None:
        raise run.error
    if place in (in_window, in_browser) and run.signal not in (None, signal.SIGINT):
        _leave_picture(run, make_dashboard)


# matplotlib's keys for older views, grids and logarithmic axes.
_NO_KEYS = ("left", "right", "c", "v", "backspace", "g", "k", "l")


def _connect(dashboard, run):
    """Connects the keys of the series; the others are matplotlib's. Returns what goes wrong."""
    canvas = dashboard.figure.canvas
    errors = []

    def on_key(event):
        # With Caps Lock the letters are large.
        event.key = event.key.lower() if event.key and len(event.key) == 1 else event.key
        key = {"escape": "0", "space": " "}.get(event.key, event.key)
        if key == " ":
            run.toggle_pause()
        elif key == "k" and run.before:
            run.before.toggle_kept()
        elif key in matplotlib.rcParams["keymap.quit"]:
            run.close()
            canvas.stop_event_loop()
        elif not dashboard.on_key(key) and key not in _NO_KEYS:
            key_press_handler(event, canvas, canvas.manager.toolbar)

    _take_keys(canvas, on_key, dashboard.unzoom)
    _take_errors(canvas, errors.append)
    return errors


def _draw_loop(run, draw, seconds, errors=()):
    """Draws the newest frame when it is time, until the run is closed.

    It draws at most once in so many seconds, rests at least as long as that took, and yields for
    how many seconds. There is nothing to lose and nothing to wait for.
    """
    said = status = None
    collected = time.monotonic()
    while not run.closed:
        begin = time.monotonic()
        if begin > collected + 1:
            gc.collect()  # No other thread does while the training runs.
            collected = begin
        # Text is slow to draw, so the status line is renewed a few times a second only.
        news = run.over.is_set(), run.paused, int(4 * begin)
        if news != said:
            said, status = news, run.status()
        draw(run.frame, status)
        for error in errors:
            raise error
        took = time.monotonic() - begin
        # A drawing within which the process was stopped took no hours.
        yield min(max(seconds - took, took), 2)


def in_window(run, make_dashboard):
    """Shows the run in a window of matplotlib's, until that is closed."""
    import matplotlib.pyplot as plt
    dashboard = make_dashboard(_new_window)
    figure, canvas = dashboard.figure, dashboard.figure.canvas
    number, ratio = figure.number, canvas.device_pixel_ratio
    # Within a dialog of the toolkit's, Python sees a signal only where some code of its runs, and
    # with Qt matplotlib would keep Ctrl-C to itself.
    timer = canvas.new_timer(200, [(run.take_ctrl_c, (), {})])
    closing = canvas.mpl_connect("close_event", lambda _: (
        timer.stop(), run.close(), canvas.stop_event_loop()))
    try:
        generated = run.digits and run.digits.generated
        canvas.manager.set_window_title(
            _script_name() + (" - generated digits" if generated else ""))
        errors = _connect(dashboard, run)
        _fit_screen(figure, 1.4)
        canvas.manager.show()
        timer.start()
        canvas.flush_events()  # A window that is closed at once leaves no drawing that waits.
        with run.beside():
            # plt.show() would go on until windows of the reader's own are closed, too.
            for rest in _draw_loop(run, dashboard.show, 1 / 25, errors):
                canvas.start_event_loop(rest)
                canvas.flush_events()  # All the keys that wait are answered, by one drawing.
                if ratio != canvas.device_pixel_ratio and plt.fignum_exists(number):
                    # On a screen of high resolution, toolkits enlarge the window that is open.
                    ratio = canvas.device_pixel_ratio
                    _fit_screen(figure, 1)
    finally:
        if not run.closed:
            timer.stop()
            canvas.mpl_disconnect(closing)  # It is not the user who closes it.
        plt.close(figure)


def in_browser(run, make_dashboard):
    """Serves the panels to browsers on this machine until Ctrl-C."""
    import asyncio

    import matplotlib.pyplot as plt
    import tornado.ioloop
    from matplotlib.backends.backend_webagg import WebAggApplication
    dashboard = make_dashboard(_new_window)
    try:
        dashboard.figure.set_size_inches(0.68 * np.array(_INCHES))  # A laptop's page has less room.
        errors = _connect(dashboard, run)
        WebAggApplication.initialize(address="127.0.0.1")
        _console.say(f"the panels are at http://127.0.0.1:{WebAggApplication.port}/ (Ctrl-C ends"
                     " the run).")

        async def serve():
            for rest in _draw_loop(run, dashboard.show, 1 / 5, errors):
                await asyncio.sleep(rest)

        with run.beside():
            tornado.ioloop.IOLoop.current().run_sync(serve)
    finally:
        plt.close(dashboard.figure)


def in_notebook(run, make_dashboard):
    """Renews one picture in the cell's output, about once a second."""
    from IPython.display import Image, display
    dashboard = make_dashboard(Figure)

    def picture(frame, status):
        dashboard.set(frame, status)
        buffer = io.BytesIO()
        dashboard.figure.savefig(buffer, format="png", dpi="figure")
        return Image(buffer.getvalue(), format="png")

    live = display(display_id=True)
    try:
        with run.beside():
            for rest in _draw_loop(
                    run, lambda frame, status: live.update(picture(frame, status)), 1):
                if run.over.wait(rest):
                    break
    finally:
        # A Qt console, for example, shows pictures and no updates of one. So the last one is a new
        # picture, and the place of the others is empty.
        live.update({}, raw=True)
        display(picture(run.frame, run.status()))


def as_picture(run, make_dashboard, reason):
    """Trains at text speed and leaves the final panels as a picture."""
    _console.say(f"{reason}; the training goes on without, and leaves a picture.")
    run.train(lambda: _console.progress(run.status_parts()))
    _leave_picture(run, make_dashboard)


def _leave_picture(run, make_dashboard):
    """Saves the final panels in the place of those of an earlier run, and of no other picture."""
    path = _script_name() + ".png"
    try:
        dashboard = make_dashboard(Figure)
        dashboard.set(run.frame, run.status())
        with _part_of(path) as part:
            dashboard.figure.savefig(part, dpi="figure", metadata={"Software": "tensorflowvisu"})
            path = _free_name(path, _is_ours)
            os.replace(part, path)
    except Exception as error:  # No picture is worth the result of a run.
        _console.say(f"the final panels could not be written to {_full(path)} ({_cause(error)}).")
    else:
        _console.say(f"the final panels are in {path}.")


def _free_name(path, may_go):
    """The path, or one with a number, where nothing stands that may not go."""
    root, extension = os.path.splitext(path)
    number = 1
    while os.path.lexists(path) and not may_go(path):
        number += 1
        path = f"{root}-{number}{extension}"
    return path


def _is_ours(path):
    """Whether a file is a picture or a movie of this module's: it says so in its first bytes."""
    return b"tensorflowvisu" in _content(path, 1000)


def _full(path):
    """The whole path of a file, even where the working folder is gone."""
    with contextlib.suppress(OSError):
        path = os.path.abspath(path)
    return path


def as_movie(run, make_dashboard, path):
    """Trains and writes a movie, a frame for every update; the last one is held for two seconds."""
    root, extension = os.path.splitext(_full(path))
    if extension.lower() == ".mp4" and not animation.writers.is_available("ffmpeg"):
        root, extension = os.path.splitext(_free_name(root + ".gif", _is_ours))
        _console.say(f"there is no ffmpeg here to write {path}; the movie becomes {root}.gif.")
    path = _free_name(root + extension, lambda found: not os.path.isdir(found))
    # A GIF is kept in memory until the end, so it has at most 300 updates.
    wanted = sum(any(run.schedule.updates(i)) for i in range(run.iterations))
    every = 1 if extension.lower() == ".mp4" else 1 + wanted // 300
    updates = itertools.count()
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        earlier = _version(path)
        with _part_of(path) as part:
            open(part, "xb").close()
            dashboard = make_dashboard(Figure)
            writer = _movie_writer(dashboard.figure, part)

            def grab():
                dashboard.set(run.frame, run.status())
                if next(updates) % every == 0:
                    writer.grab_frame()
                _console.progress(run.status_parts())

            try:
                run.train(grab)
                dashboard.set(run.frame, run.status())
                for _ in range(2 * writer.fps):
                    writer.grab_frame()
            finally:
                writer.finish()
            # A movie of that name is replaced, but not one that another run has just made.
            path = _free_name(path, lambda found: _version(found) == earlier)
            os.replace(part, path)
    except Exception as error:
        failed = isinstance(error, (BrokenPipeError, subprocess.CalledProcessError))
        as_picture(run, make_dashboard, f"the movie cannot be written to {path}"
                                        f" ({'ffmpeg has failed' if failed else _cause(error)})")
    else:
        _console.say(f"the movie is {path}.")


def _version(path):
    """What tells a file from one that takes its place; None where there is none."""
    with contextlib.suppress(OSError):
        return os.stat(path).st_ino, os.stat(path).st_mtime_ns
    return None


# ---------- The visualiser ----------

_TITLES = ("Accuracy", "Cross entropy loss", "Training digits", "Weights", "Biases", "Test digits")

_NAN_NOTICE = (
    "the {} at iteration {} is not a finite number (nan or infinite), so there is a gap in its"
    " panel. Two things do this. A learning rate that is too high: take a smaller one. And"
    " cross-entropy written out with tf.log: where the probability of the correct class falls to 0"
    " it is infinite, where that of a wrong class does it is nan (0 times log(0)): take"
    " tf.nn.softmax_cross_entropy_with_logits, as mnist_2.0_five_layers_sigmoid.py does.")


def _with_row(rows, row):
    """Rows with one more at their end, as a view of a buffer that doubles where it is full.

    What stands in the buffer is never changed, so that earlier views stay as they are.
    """
    buffer = rows.base
    if buffer is None or len(rows) == len(buffer):
        buffer = np.empty([max(64, 2 * len(rows)), len(row)])
        buffer[:len(rows)] = rows
    buffer[len(rows)] = row
    return buffer[:len(rows) + 1]


class MnistDataVis:
    """Collects the data of a training run and shows it on six panels.

    Parameters
    ----------
    title1, title2, title3, title4, title5, title6 : str, optional
        The panels' titles. None stands for Accuracy, Cross entropy loss, Training digits, Weights,
        Biases and Test digits.
    histogram4colornum, histogram5colornum : int, optional
        The colours of panels 4 and 5: 0 blue, 1 red (the default), 2 green, and so on around.
    dpi : int, optional
        Dots per inch, from 10 to 500; 70 make a picture of 1344 x 756 pixels.
    test_set_size : int, optional
        How many test digits there are, for the scale beside them. None stands for the test set
        that mnistdata has read; without one there is no scale.
    run_before : bool, optional
        Whether the test curves of the run before stand, thin and grey, behind those of this one,
        and this one leaves its own for the next: in last_run.csv, in the folder data beside this
        module or that of the environment variable TENSORFLOWVISU_DATA.

    Attributes
    ----------
    figure : matplotlib.figure.Figure or None
        The figure with the six panels as its axes, once they are shown.

    Raises
    ------
    TypeError, ValueError
        For numbers that are none, or out of range.

    Notes
    -----
    Each visualiser has its own data; no array that is passed in is changed or kept.
    """

    def __init__(self, title1=None, title2=None, title3=None, title4=None, title5=None, title6=None,
                 histogram4colornum=None, histogram5colornum=None, dpi=70, test_set_size=None,
                 run_before=True):
        titles = (title1, title2, title3, title4, title5, title6)
        self._own_titles = tuple(default if title is None else title
                                 for title, default in zip(titles, _TITLES))
        self._colors = [
            _BAND_COLORS[_whole_number(name, 1 if number is None else number, 0) % 3]
            for name, number in (("histogram4colornum", histogram4colornum),
                                 ("histogram5colornum", histogram5colornum))]
        self.dpi = _whole_number("dpi", dpi, 10, 500)
        self.figure = None
        self._test_set_size = (
            None if test_set_size is None else _whole_number("test_set_size", test_set_size))
        self._keeps_run = _flag("run_before", run_before)
        self._start_afresh()

    def _start_afresh(self):
        self.frame = _EMPTY_FRAME._replace(titles=self._own_titles)
        self._max_test_accuracy = float("nan")
        self._nan_said = False
        self._run = None

    # Data

    def append_training_curves_data(self, x, accuracy, loss):
        """Adds a point to the training curves.

        Parameters
        ----------
        x : int
            The iteration.
        accuracy : float
            In [0, 1].
        loss : float
            It may be nan or infinite: that is a gap in the curve, and is explained once.

        Raises
        ------
        TypeError, ValueError
            Where one of them is not one number. Arrays of one element count as numbers.
        """
        loss = _number("loss", loss)
        self._append(x, {"training loss": loss}, training=[_number("accuracy", accuracy), loss])

    def append_test_curves_data(self, x, accuracy, loss):
        """Adds a point to the test curves; see append_training_curves_data."""
        accuracy, loss = _number("accuracy", accuracy), _number("loss", loss)
        self._append(x, {"test loss": loss}, test=[accuracy, loss])
        if accuracy > self._max_test_accuracy or np.isnan(self._max_test_accuracy):
            self._max_test_accuracy = accuracy

    def append_data_histograms(self, x, datavect1, datavect2, title1=None, title2=None):
        """Adds a column to the bands of panels 4 and 5.

        Parameters
        ----------
        x : int
            The iteration.
        datavect1, datavect2 : arrays of numbers, of any shape
            All weights and all biases, for example.
        title1, title2 : str
            A title that is given replaces that of panel 4 or 5.

        Raises
        ------
        TypeError, ValueError
            Where x is not one number, or datavect1 or datavect2 are not numbers.
        """
        vectors = _numbers("datavect1", datavect1), _numbers("datavect2", datavect2)
        bands = [probability_distribution(vector) for vector in vectors]
        titles = [old if new is None else new for old, new in zip(
            self.frame.titles, (None, None, None, title1, title2, None))]
        explained = {f"range of \"{title}\"": boundaries[0] for title, boundaries, vector in zip(
            titles[3:], bands, vectors) if vector.size}
        self._append(x, explained, bands4=bands[0], bands5=bands[1])
        self.frame = self.frame._replace(titles=tuple(titles))

    def update_image1(self, im):
        """Shows an image in panel 3.

        Parameters
        ----------
        im : array, [height, width] or [height, width, 1, 3 or 4]
            Whole numbers from 0 to 255, or floats in [0, 1].

        Raises
        ------
        TypeError, ValueError
            Where im is not such an array.
        """
        self.frame = self.frame._replace(image1=_image("im", im))

    def update_image2(self, im):
        """Shows an image in panel 6; see update_image1."""
        self.frame = self.frame._replace(image2=_image("im", im))

    def get_max_test_accuracy(self):
        """Returns the greatest accuracy of the test curve, as it was given; nan without one."""
        return self._max_test_accuracy

    def is_paused(self):
        """Returns whether the user has stopped the training with SPACE, for the time being."""
        return self._run is not None and self._run.paused

    def _append(self, x, explained, **rows):
        """Adds a row to fields of the frame; explains once why a number may not be finite."""
        x = _number("x", x)
        if not np.isfinite(x):
            raise ValueError(f"x must be a finite number, not {x}.")
        self.frame = self.frame._replace(**{
            field: _with_row(getattr(self.frame, field), [x, *row]) for field, row in rows.items()})
        for what, value in explained.items():
            if not np.isfinite(value) and not self._nan_said:
                self._nan_said = True
                _console.say(_NAN_NOTICE.format(what, x))

    # Panels

    def dashboard_on(self, figure, layout="0"):
        if not isinstance(figure.canvas, FigureCanvasAgg):
            FigureCanvasAgg(figure)
        run = self._run
        # After a run the digits are still those of its script, whatever has been read since.
        digits = run.digits if run else _loaded_digits()
        end = run.iterations - 1 if run else np.inf
        size = self._test_set_size or digits and len(digits.test.labels)
        return _Dashboard(figure, self.frame, run and run.before, end, self._colors, size, layout)

    def _make_dashboard(self, new_figure):
        """The dashboard of this run, for a place that says which kind of figure it needs."""
        self.figure = new_figure(figsize=_INCHES, dpi=self.dpi)
        return self.dashboard_on(self.figure)

    def show_on(self, figure, layout="0"):
        """Draws the panels as they are now, with the status line, on a matplotlib figure.

        Parameters
        ----------
        figure : matplotlib.figure.Figure
            It is cleared; the six panels become its axes, to be zoomed or saved.
        layout : str
            The keys for what is wanted: "0" all six panels, "7" the two of curves, "7z" the same
            close up, and so on.

        Returns
        -------
        matplotlib.figure.Figure
            The figure.

        Raises
        ------
        TypeError, ValueError
            For what is no figure, and for a layout that no key shows.
        """
        if not isinstance(figure, Figure):
            raise TypeError(f"figure must be a matplotlib figure, not {figure!r}.")
        if str(layout).rstrip("z") not in _LAYOUTS:
            raise ValueError(f"layout must be a key from \"0\" to \"9\", not {layout!r}.")
        with _plain_style():
            figure.clear()
            dashboard = self.dashboard_on(figure, str(layout).rstrip("z"))
            dashboard.set(self.frame, self._run.status() if self._run else "")
            if str(layout).endswith("z"):
                dashboard.on_key("z")
            figure.canvas.draw()
        return figure

    # Training

    def animate(self, compute_step, iterations, train_data_update_freq=20,
                test_data_update_freq=100, one_test_at_start=True, more_tests_at_start=False,
                save_movie=False):
        """Trains the network and shows the panels, until the window is closed.

        Without a display it trains all the same and leaves the panels as a picture. compute_step
        runs with the graph and the session that are the default here. A second run starts with
        empty panels.

        Parameters
        ----------
        compute_step : callable
            Called as compute_step(i, update_test_data, update_train_data) for i = 0 ...
            iterations-1, in order, each once. It trains one step and, where asked to, appends to
            the curves and updates the images.
        iterations : int
            The number of steps, from 1 on.
        train_data_update_freq, test_data_update_freq : int, optional
            Every so many steps the training data are asked for, and the test data; the last step
            asks for both.
        one_test_at_start : bool, optional
            Asks for test data at step 0, too.
        more_tests_at_start : bool, optional
            Asks for test data as often as for training data during the first
            test_data_update_freq steps.
        save_movie : bool, str or os.PathLike, optional
            True writes tensorflowvisu_video.mp4, a path that ends in .mp4 or .gif that file,
            instead of showing a window. An MP4 has a frame for every update, a GIF at most 300.

        Raises
        ------
        TypeError, ValueError
            For a step that cannot be called, for numbers of iterations or frequencies that are not
            whole or below 1, and for another save_movie.
        RuntimeError
            Where it is called within a step.
        SystemExit
            After Ctrl-C (130), or a signal that ends a process (128 and its number): the training
            stops, and the maximal test accuracy is printed.

        Whatever compute_step raises is raised here.
        """
        if not callable(compute_step):
            raise TypeError(f"compute_step must be a function, not {compute_step!r}.")
        schedule = _Schedule(_whole_number("iterations", iterations),
                             _whole_number("train_data_update_freq", train_data_update_freq),
                             _whole_number("test_data_update_freq", test_data_update_freq),
                             _flag("one_test_at_start", one_test_at_start),
                             _flag("more_tests_at_start", more_tests_at_start))
        movie = "tensorflowvisu_video.mp4" if save_movie is True else save_movie
        if movie is not False and movie is not None:
            movie = os.fspath(movie) if isinstance(movie, (str, os.PathLike)) else repr(movie)
            movie = os.path.expanduser(movie)
            if not movie.lower().endswith((".mp4", ".gif")):
                raise ValueError("save_movie must be True or a path that ends in .mp4 or .gif, not"
                                 f" {save_movie!r}.")
        if self._run is not None:
            if not self._run.over.is_set():
                raise RuntimeError("animate cannot be called within a step of itself.")
            self._start_afresh()

        # Lines of a run that takes minutes shall be seen at once, in a pipe or a file too.
        with contextlib.suppress(Exception):  # It may be none, closed or another program's.
            sys.stdout.reconfigure(line_buffering=True)
        run = _Run(compute_step, schedule, lambda: self.frame, self._keeps_run)
        if run.before:
            run.before.say_changes()
        place, *more = (as_movie, movie) if movie else _find_place()
        self._run = run
        with _plain_style(), run.signals(place is in_notebook):
            _show(place, run, self._make_dashboard, *more)
        if run.signal and place is not in_notebook:
            with contextlib.suppress(Exception):  # A terminal that is closed takes no line.
                print("max test accuracy: " + str(self.get_max_test_accuracy()), flush=True)
            sys.exit(128 + run.signal)
