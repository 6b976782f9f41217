"""Live panels for a neural network in training: accuracy, loss, digits, weights and biases.

    datavis = tensorflowvisu.MnistDataVis()
    datavis.animate(training_step, iterations=2001, train_data_update_freq=10)

Training runs in its own loop and hands its data to the panels. They are drawn in a window, in a
browser (MPLBACKEND=WebAgg) or in a notebook's cell, whichever there is, or left as a picture.

Import this module before TensorFlow: it keeps TensorFlow's start-up lines away.
"""

import collections
import contextlib
import io
import logging
import os
import signal
import subprocess
import sys
import threading
import time

import matplotlib
import numpy as np
from matplotlib.backend_bases import key_press_handler
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.transforms import Bbox, IdentityTransform


# ---------- TensorFlow, without its start-up lines ----------

# What TensorFlow writes on every start, on machines where nothing is wrong.
_START_UP_LINES = (
    "All log messages before absl::InitializeLog",
    "oneDNN custom operations are on",
    "Could not find cuda drivers on your machine",
    "This TensorFlow binary is optimized",
    "To enable the following instructions:",
    "failed call to cuInit",
)


@contextlib.contextmanager
def _without_start_up_lines():
    """Drops TensorFlow's start-up lines from standard error, and nothing else.

    They are written by C++ code, so a small process stands between. It passes on what is not known
    line by line, so that even the last words of a TensorFlow that crashes are seen.
    """
    code = ("import sys\\nfor line in sys.stdin.buffer:\\n    if not any(known.encode() in line for"
            " known in {!r}):\\n        sys.stderr.buffer.write(line)\\n"
            "        sys.stderr.flush()".replace("\\n", "\n").format(_START_UP_LINES))
    try:
        stderr = os.dup(2)
        sieve = subprocess.Popen([sys.executable, "-S", "-E", "-c", code], stdin=subprocess.PIPE)
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


def _no_deprecation(record):
    """Keeps the wall of text away that TensorFlow prints about its own 1.x functions."""
    return "deprecated" not in str(record.msg)


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
logging.getLogger("tensorflow").addFilter(_no_deprecation)
with _without_start_up_lines():
    import tensorflow.compat.v1 as tf
    # TensorFlow 2 looks for GPUs at the first session, and complains where there are none.
    if hasattr(tf.config, "list_physical_devices"):
        tf.config.list_physical_devices()


# ---------- The mosaic of digits ----------

# The digits of the small print, 5 x 7 pixels, a number per row.
_GLYPHS = (
    (14, 17, 19, 21, 25, 17, 14), (4, 12, 4, 4, 4, 4, 14), (14, 17, 1, 2, 4, 8, 31),
    (31, 2, 4, 2, 1, 17, 14), (2, 6, 10, 18, 31, 2, 2), (31, 16, 30, 1, 1, 17, 14),
    (6, 8, 16, 30, 17, 17, 14), (31, 1, 2, 4, 8, 8, 8), (14, 17, 17, 14, 17, 17, 14),
    (14, 17, 17, 15, 1, 2, 12),
)
_GLYPH_HEIGHT = 7
_WHITE_PAPER = (255.0, 255.0, 255.0)
_RED_PAPER = (255.0, 150.0, 140.0)
_LABEL_INK = (20.0, 40.0, 150.0)
_ANSWER_INK = (255.0, 255.0, 255.0)

# How many digits a mosaic of so many pixels shows; the scale beside the test digits needs it.
_mosaic_sizes = {}


def _label_bitmaps(classes, scale):
    """The numbers 0 ... classes-1 in small print and then a blank, float32 [classes+1, h, w]."""
    glyphs = np.array([[[row >> 4 - column & 1 for column in range(5)] for row in glyph]
                       for glyph in _GLYPHS], np.float32)
    width = 5 if classes <= 10 else 11
    bitmaps = np.zeros([classes + 1, _GLYPH_HEIGHT, width], np.float32)
    for number in range(classes):
        for position, figure in enumerate(str(number)):
            bitmaps[number, :, 6 * position:6 * position + 5] = glyphs[int(figure)]
    return bitmaps.repeat(scale, axis=1).repeat(scale, axis=2)


def tf_format_mnist_images(X, Y, Y_, n=100, lines=10):
    """Arranges images in a mosaic, the misrecognised ones first.

    X      images, float tensor [batch, height, width, 1 or 3] in [0, 1]
    Y      predictions, tensor [batch, classes] with up to 100 classes
    Y_     correct answers, one-hot tensor [batch, classes]
    n      how many images the mosaic has room for; where the batch has fewer, the rest stays white
    lines  the number of lines that they are put on

    Returns a uint8 RGB tensor [lines * height, n / lines * width, 3]. Misrecognised images have a
    red background, the correct label in small print at the left and the wrong answer at the
    right; the others are black on white (images with three channels keep their colours).

    Raises ValueError for shapes that are not as above, and where lines does not divide n.
    """
    shape = X.shape.as_list() if X.shape.ndims == 4 else [None] * 4
    height, width, channels = shape[1:]
    classes = Y.shape.as_list()[-1] if Y.shape.ndims == 2 else None
    if not height or not width or channels not in (1, 3):
        raise ValueError("X must be images [batch, height, width, 1 or 3], not {}.".format(X.shape))
    if not classes or classes > 100:
        raise ValueError("Y must be predictions [batch, classes] with up to 100 classes, not"
                         " {}.".format(Y.shape))
    if n < 1 or lines < 1 or n % lines:
        raise ValueError("n = {} images cannot be put on {} equal lines.".format(n, lines))

    answer = tf.cast(tf.argmax(Y, 1), tf.int32)
    label = tf.cast(tf.argmax(Y_, 1), tf.int32)
    wrong = tf.not_equal(answer, label)
    order = tf.concat([tf.where(wrong), tf.where(tf.logical_not(wrong))], 0)[:n, 0]
    answer, label, wrong = [tf.gather(tensor, order) for tensor in (answer, label, wrong)]
    pixels = tf.clip_by_value(tf.cast(tf.gather(X, order), tf.float32), 0.0, 1.0)

    # The small print grows with the image, and is left out where there is no room for it.
    bitmaps = _label_bitmaps(classes, max(1, min(height, width) // 28))
    high, wide = bitmaps.shape[1:]
    prints = []
    if high + 2 <= height and 2 * wide + 3 <= width:
        blank = tf.fill(tf.shape(label), classes)
        for number, ink, left in ((label, _LABEL_INK, 1), (answer, _ANSWER_INK, width - wide - 1)):
            print_ = tf.gather(bitmaps, tf.where(wrong, number, blank))
            prints.append((ink, tf.pad(print_, [[0, 0], [0, 1], [left, width - wide - left]])))

    # Black ink on white or red paper; a colour image is tinted as if printed on that paper. One
    # colour after the other takes a third of the memory.
    paper = tf.gather(tf.constant([_WHITE_PAPER, _RED_PAPER]), tf.cast(wrong, tf.int32))
    missing = n - tf.shape(order)[0]
    planes = []
    for color in range(3):
        plane = 1.0 - pixels[..., 0] if channels == 1 else pixels[..., color]
        plane *= paper[:, color, None, None]
        if prints:
            foot = plane[:, height - high - 1:]
            for ink, print_ in prints:
                foot += print_ * (ink[color] - foot)
            plane = tf.concat([plane[:, :height - high - 1], foot], 1)
        plane = tf.pad(plane, [[0, missing], [0, 0], [0, 0]], constant_values=255.0)
        plane = tf.transpose(tf.reshape(plane, [lines, n // lines, height, width]), [0, 2, 1, 3])
        plane = tf.reshape(plane, [lines * height, n // lines * width])
        planes.append(tf.cast(tf.round(plane), tf.uint8))
    _mosaic_sizes[lines * height, n // lines * width] = n
    return tf.stack(planes, 2)


# ---------- Percentile bands ----------

HISTOGRAM_BUCKETS = 7


def _ranked(data, ranks):
    """Returns np.sort(data)[ranks], for finite floats, in a fraction of the time of sorting.

    Many values are first counted in bins of equal width; then only the bins with the ranks that
    are asked for are sorted.
    """
    least = data.min()
    span = float(data.max()) - float(least)
    # The other ranges are those in which float32 would overflow.
    if len(data) < 20000 or not 1e-30 < span < 1e30:
        return np.sort(data)[ranks]
    bins = ((data - least) * (65535 / span)).astype(np.uint16)
    counts = np.bincount(bins, minlength=65536)
    ends = counts.cumsum()
    wanted, place = np.unique(np.searchsorted(ends, ranks, side="right"), return_inverse=True)
    needed = np.zeros(len(counts), bool)
    needed[wanted] = True
    few = np.sort(data[needed[bins]])
    # How many values stand before each wanted bin, among all and among the few.
    before = ends[wanted] - counts[wanted]
    few_before = counts[wanted].cumsum() - counts[wanted]
    return few[ranks - before[place] + few_before[place]]


def probability_distribution(data):
    """Returns the float64 boundaries [8] of 7 bands that hold equal shares of the values.

    data is any array of numbers and stays as it is. The first boundary is its least value, the
    last its greatest; those between are percentiles, interpolated linearly as numpy.percentile
    does. All are nan where data has no values, or one that is not finite.
    """
    data = np.asarray(data).ravel()
    if data.dtype != np.float32:
        data = data.astype(np.float64)
    if data.size == 0 or not np.isfinite([data.min(), data.max()]).all():
        return np.full(HISTOGRAM_BUCKETS + 1, np.nan)
    rank = np.arange(HISTOGRAM_BUCKETS + 1) * (data.size - 1) / HISTOGRAM_BUCKETS
    below = np.floor(rank).astype(int)
    low, high = np.split(_ranked(data, np.append(below, np.ceil(rank).astype(int))), 2)
    low, high = low.astype(np.float64), high.astype(np.float64)
    return low + (high - low) * (rank - below)


# ---------- The data of a run ----------

class _Rows:
    """Rows of numbers that are only ever added to, so that a view of them stays as it is."""

    def __init__(self, columns):
        self._rows = np.empty([64, columns])
        self._count = 0

    def append(self, *values):
        if self._count == len(self._rows):
            self._rows = np.concatenate([self._rows, np.empty_like(self._rows)])
        self._rows[self._count] = values
        self._count += 1

    def view(self):
        return self._rows[:self._count]


# What the panels show at one moment: the rows of the curves (iteration, accuracy, loss) and bands
# (iteration, 8 boundaries), the two mosaics, the six titles, and the last iteration, None where it
# is not known.
_Frame = collections.namedtuple(
    "_Frame", "training test bands4 bands5 image1 image2 titles last_iteration")


# ---------- The panels ----------

_TITLES = ("Accuracy", "Cross entropy loss", "Training digits", "Weights", "Biases", "Test digits")

# The panels of each layout, line by line, and the keys that select it.
_LAYOUTS = {
    "1": ((1,),), "2": ((2,),), "3": ((3,),), "4": ((4,),), "5": ((5,),), "6": ((6,),),
    "7": ((1, 2),), "8": ((4, 5),), "9": ((3, 6),), "0": ((1, 2, 3), (4, 5, 6)),
}
_KEYS = dict({key: key for key in _LAYOUTS}, escape="0")
_PAUSE_KEYS = (" ", "space")

_INCHES = (19.2, 10.8)  # 1344 x 756 pixels at 70 dots per inch
_TRAINING_COLOR = "#2f6db5"
_TEST_COLOR = "#cf3e4b"
_BAND_COLORS = ("#2f6db5", "#cf3e4b", "#3c9a5f")  # blue, red, green
_TEXT_COLOR = "#333333"
_QUIET_COLOR = "#6f6f6f"
_GRID_COLOR = "#e4e4e4"
_TITLE_POINTS, _TICK_POINTS, _STATUS_POINTS = 16, 11.5, 12

# Room for titles and ticks around each panel, in points: left, right, bottom, top.
_MARGINS = (46, 22, 40, 34)
_STATUS_HEIGHT = 24

_MOST_COLUMNS = 1000


def _nice_bound(value):
    """The next of 0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1, ... so that an axis grows in few steps."""
    if value <= 0:
        return 0.0
    power = 10.0 ** np.floor(np.log10(value))
    for step in (1, 1.5, 2, 3, 5, 7, 10):
        if value <= step * power * (1 + 1e-9):
            return step * power
    return 10 * power


def _iteration_bound(last, total):
    """The end of the iteration axis: 100, 500, 1000, 2000, ..., and at most the run's own end."""
    bound = 100
    for factor in (5, 2, 2, 2.5) + (2, 2, 2.5) * 20:
        if last <= bound:
            break
        bound *= factor
    return min(bound, total) if total and last <= total else bound


class _Panel:
    """One of the six panels: its axes, its moving artists and the limits that it set itself.

    fields are the fields of a frame that it shows.
    """

    def __init__(self, figure, *fields):
        # Without a label of their own, old versions of matplotlib take axes at one place for the
        # same.
        self.axes = figure.add_axes([0, 0, 1, 1], label="panel {}".format(len(figure.axes)))
        self.fields = fields
        self.artists = []
        self.background = None
        self.cell = None
        self._own_limits = []
        self.axes.tick_params(labelsize=_TICK_POINTS, labelcolor=_QUIET_COLOR, length=3,
                              color="#bbbbbb")
        for spine in self.axes.spines.values():
            spine.set_color("#bbbbbb")

    def place(self, bounds, low):
        """Moves the axes to (left, bottom, width, height), parts of the figure.

        low is the room below them for the label, in parts of the axes' height.
        """
        self.axes.set_visible(True)
        self.axes.set_position(bounds)
        self.axes.xaxis.set_label_coords(0.5, -low)

    def add(self, artist):
        # An animated artist is left out when the figure is drawn as a whole, so that what is left
        # can be kept as the background of the pictures to come.
        artist.set_animated(True)
        self.artists.append(artist)
        return artist

    def inside(self):
        """The box within the axes' frame, in pixels, where the moving artists are."""
        (x0, y0), (x1, y1) = self.axes.bbox.get_points()
        return Bbox([[int(x0) - 2, int(y0) - 2], [int(x1) + 3, int(y1) + 3]])

    def pairs(self, before, frame):
        """What the panel shows of two frames, side by side."""
        return [(getattr(before, field), getattr(frame, field)) for field in self.fields]

    def changed_box(self, before, frame):
        """The part of inside() where two frames differ: all of it, unless a panel knows better."""
        return self.inside()

    def set_title(self, title):
        """Returns whether the title is another one than before."""
        if title == self.axes.get_title():
            return False
        # At a given height, matplotlib need not look for overlaps with ticks at every drawing.
        self.axes.set_title(title, fontsize=_TITLE_POINTS, color=_TEXT_COLOR, y=1.005)
        return True

    def follow(self, *limits):
        """Shows the range (left, right, bottom, top), unless the user has zoomed.

        Limits that this panel once set itself are not the user's: matplotlib's home button goes
        back to such. Returns whether the range is another one than before.
        """
        current = self.axes.get_xlim() + self.axes.get_ylim()
        zoomed = bool(self._own_limits) and current not in self._own_limits
        if limits not in self._own_limits[-1:]:
            self._own_limits.append(limits)
        if zoomed or current == limits:
            return False
        self.unzoom()
        return True

    def come_home(self):
        """Where the axes show an old range of the run, shows the present one; returns whether."""
        current = self.axes.get_xlim() + self.axes.get_ylim()
        if current in self._own_limits[:-1] and current != self._own_limits[-1]:
            self.unzoom()
            return True
        return False

    def unzoom(self):
        """Gives the range back to the run."""
        if self._own_limits:
            self.axes.set_xlim(self._own_limits[-1][:2])
            self.axes.set_ylim(self._own_limits[-1][2:])


class _RowsPanel(_Panel):
    """A panel of rows that grow with the iterations, with two axes, a quiet grid and few ticks."""

    def __init__(self, figure, *fields):
        super().__init__(figure, *fields)
        self.axes.grid(True, color=_GRID_COLOR, linewidth=1)
        self.axes.set_axisbelow(True)
        self.axes.locator_params(nbins=5)
        self.axes.set_xlabel("iteration", fontsize=_TICK_POINTS, color=_QUIET_COLOR)

    def differs(self, before, frame):
        return any(len(old) != len(new) for old, new in self.pairs(before, frame))

    def changed_box(self, before, frame):
        # From the last row that was there before on, everything may be new.
        new = [new[max(0, len(old) - 1):, 0] for old, new in self.pairs(before, frame)
               if len(old) != len(new)]
        x = np.concatenate(new) if new else np.zeros(0)
        whole = self.inside()
        if not len(x):
            return whole
        left, right = self.axes.transData.transform([[x.min(), 0], [x.max(), 0]])[:, 0]
        # A line reaches some pixels beyond its points.
        x0, x1 = max(whole.x0, int(left) - 6), min(whole.x1, int(right) + 6)
        return Bbox([[x0, whole.y0], [x1, whole.y1]]) if x0 < x1 else whole


class _CurvesPanel(_RowsPanel):
    """A curve of the training batches and one of the test digits, against the iteration."""

    def __init__(self, figure, column):
        super().__init__(figure, "training", "test")
        self._column = column
        self.training, = self.axes.plot([], [], color=_TRAINING_COLOR, linewidth=1,
                                        label="training")
        self.test, = self.axes.plot([], [], color=_TEST_COLOR, linewidth=2.5, label="test")
        legend = self.axes.legend(loc="lower right" if column == 1 else "upper right",
                                  fontsize=_TICK_POINTS, framealpha=0.85, edgecolor="#cccccc")
        legend.set_draggable(True)
        self.add(self.training)
        self.add(self.test)

    def update(self, frame):
        training, test = frame.training, frame.test
        for line, rows in ((self.training, training), (self.test, test)):
            # A value that is not finite, nan or an infinity, is a gap in the curve.
            values = np.where(np.isfinite(rows[:, self._column]), rows[:, self._column], np.nan)
            line.set_data(rows[:, 0], values)
        last = max([rows[-1, 0] for rows in (training, test) if len(rows)] or [0])
        bottom, top = 0, 1
        if self._column == 2:
            recent = np.concatenate([training[-10:, 2], test[-2:, 2]])
            recent = recent[np.isfinite(recent)]
            top = max(100, _nice_bound(recent.max())) if len(recent) else 100
            bottom = -_nice_bound(-recent.min()) if len(recent) else 0
        return self.follow(0, _iteration_bound(last, frame.last_iteration), bottom, top)


class _BandsPanel(_RowsPanel):
    """Seven percentile bands over time, darker toward the median."""

    def __init__(self, figure, field, color):
        super().__init__(figure, field)
        # Each pair of bands is laid over the lighter pair around it, so that no seam shows.
        base = np.array(matplotlib.colors.to_rgb(color))
        shades = [1 - (1 - base) * strength for strength in (0.25, 0.45, 0.7, 1.0)]
        self.bands = self.add(PolyCollection([], facecolors=shades, edgecolors="none"))
        self.axes.add_collection(self.bands, autolim=False)
        self.follow(0, 100, -0.1, 0.1)

    def update(self, frame):
        rows = getattr(frame, self.fields[0])
        if not len(rows):
            return False
        last = rows[-1, 0]
        finite = np.isfinite(rows[:, 1:]).all(axis=1)
        known = rows[finite, 1:]
        # More columns than pixels would be drawn for nothing.
        step = 1 + len(rows) // _MOST_COLUMNS
        polygons = []
        for run in np.split(np.arange(len(rows)), np.flatnonzero(~finite)):
            run = run[finite[run]]
            if len(run) < 2:
                continue
            run = np.append(run[:-1:step], run[-1])
            x = rows[run, 0]
            for outer in range(4):
                low, high = rows[run, 1 + outer], rows[run, 8 - outer]
                polygons.append(np.column_stack([np.concatenate([x, x[::-1]]),
                                                 np.concatenate([low, high[::-1]])]))
        self.bands.set_verts(polygons)
        low, high = (known.min(), known.max()) if len(known) else (0, 0)
        bottom, top = -_nice_bound(-low), _nice_bound(high)
        if bottom == top:
            bottom, top = -0.1, 0.1
        return self.follow(0, _iteration_bound(last, frame.last_iteration), bottom, top)

    def changed_box(self, before, frame):
        if len(getattr(frame, self.fields[0])) >= _MOST_COLUMNS:
            return self.inside()  # Columns are left out, not always the same ones.
        return super().changed_box(before, frame)


class _DigitsPanel(_Panel):
    """A mosaic of digits, with a scale at the left where test_set_size is given."""

    def __init__(self, figure, field, test_set_size=None):
        super().__init__(figure, field)
        self._test_set_size = test_set_size
        self._picture = None
        self._reduced = None
        self.axes.set_anchor("N")
        self.axes.set_xticks([])
        self.axes.set_yticks([])
        self.image = self.add(self.axes.imshow(np.full([1, 1, 3], 255, np.uint8),
                                               interpolation="nearest", cmap="gray"))
        self.image.set_visible(False)

    def differs(self, before, frame):
        return any(old is not new for old, new in self.pairs(before, frame))

    def update(self, frame):
        picture = getattr(frame, self.fields[0])
        if picture is None:
            return False
        height, width = picture.shape[:2]
        pixels = self.axes.bbox.size
        # A mosaic far larger than its panel is averaged down first, for legible digits.
        factor = max(1, int(min(width / max(1, pixels[0]), height / max(1, pixels[1])) + 0.15))
        if picture is self._picture and factor == self._reduced:
            return False
        changed = self._picture is None or picture.shape != self._picture.shape
        self._picture, self._reduced = picture, factor
        self.image.set_data(_averaged(picture, factor))
        if changed:
            self.image.set_extent((-0.5, width - 0.5, height - 0.5, -0.5))
            self.image.set_visible(True)
            self._set_scale(height, width)
            self._own_limits.clear()
            self.follow(-0.5, width - 0.5, height - 0.5, -0.5)
        # Enlarged digits look best smoothed a little, pixels of a zoom as pixels.
        self.image.set_interpolation("bilinear" if pixels[0] < 2.5 * width else "nearest")
        return changed

    def _set_scale(self, height, width):
        shown = _mosaic_sizes.get((height, width))
        if shown is None and height % 28 == width % 28 == 0:
            shown = height * width // 28 ** 2
        if not self._test_set_size or not shown or shown > self._test_set_size:
            self.axes.set_yticks([])
            return
        steps = np.linspace(0, 1, 6)
        self.axes.set_yticks(steps * height - 0.5)
        self.axes.set_yticklabels(["{:.4g}%".format(100 - 100 * step * shown / self._test_set_size)
                                   for step in steps])


def _averaged(picture, factor):
    """The picture reduced by a whole factor, each pixel the mean of those it stands for.

    RGB gets an alpha channel, with which matplotlib draws in a third of the time.
    """
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        return picture
    height, width = (size // factor for size in picture.shape[:2])
    reduced = np.full([height, width, 4], 255, np.uint8)
    if factor == 1:
        reduced[..., :3] = picture
        return reduced
    blocks = picture[:height * factor, :width * factor].reshape(height, factor, width, factor, 3)
    rows = sum(blocks[:, k].astype(np.uint16) for k in range(factor))
    reduced[..., :3] = sum(rows[:, :, k] for k in range(factor)) // factor ** 2
    return reduced


class _Figure:
    """The six panels and the line at the bottom, on a matplotlib figure of any backend.

    What stands still is drawn once and kept as a background. An update puts the backgrounds back
    and draws the curves, bands and digits over them, so it costs a fraction of a whole drawing.
    """

    def __init__(self, figure, frame, colors, test_set_size):
        self.figure = figure
        self._layout = "0"
        self._frame = frame
        self._arranged_for = None
        self._eraser = Rectangle((0, 0), 0, 0, facecolor="white", edgecolor="none",
                                 transform=IdentityTransform())
        figure.patch.set_facecolor("white")
        self.panels = {
            1: _CurvesPanel(figure, column=1), 2: _CurvesPanel(figure, column=2),
            3: _DigitsPanel(figure, "image1"), 4: _BandsPanel(figure, "bands4", colors[0]),
            5: _BandsPanel(figure, "bands5", colors[1]),
            6: _DigitsPanel(figure, "image2", test_set_size),
        }
        self._status = figure.text(0, 0, "", fontsize=_STATUS_POINTS, color=_QUIET_COLOR,
                                   verticalalignment="center", animated=True)
        self._status_cell = None
        self._status_background = None
        figure.canvas.mpl_connect("draw_event", self._on_draw)
        figure.canvas.mpl_connect("resize_event", self._on_resize)
        self._arrange()

    # Layout

    def select(self, layout):
        """Shows the panels of one of the _LAYOUTS, over the whole figure."""
        self._layout = layout
        self._arrange()
        self.figure.canvas.draw()

    def _visible(self):
        return [number for line in _LAYOUTS[self._layout] for number in line]

    def _arrange(self):
        """Gives every visible panel its cell, and the axes their place in it."""
        width, height = self.figure.bbox.size
        point = self.figure.dpi / 72.0
        left, right, bottom, top = (margin * point for margin in _MARGINS)
        status = _STATUS_HEIGHT * point
        lines = _LAYOUTS[self._layout]
        for panel in self.panels.values():
            panel.axes.set_visible(False)
        for row, line in enumerate(lines):
            for column, number in enumerate(line):
                # Cells end at whole pixels and do not overlap: each is redrawn by itself.
                x0, x1 = (int(width * k / len(line)) for k in (column, column + 1))
                y0, y1 = (int(status + (height - status) * (len(lines) - k) / len(lines))
                          for k in (row + 1, row))
                panel = self.panels[number]
                panel.cell = Bbox([[x0, y0], [x1, y1]])
                # Digits have no axis below that would need the room.
                low = 12 * point if isinstance(panel, _DigitsPanel) else bottom
                wide, high = max(1, x1 - x0 - left - right), max(1, y1 - y0 - low - top)
                panel.place([(x0 + left) / width, (y0 + low) / height, wide / width, high / height],
                            21 * point / high)
        self._status.set_position((12 * point / width, status / 2 / height))
        self._status_cell = Bbox([[0, 0], [int(width), int(status)]])
        self._arranged_for = (width, height)
        self._update(self._visible())

    def _on_resize(self, _):
        self._arrange()
        self._status_background = None

    def _came_home(self):
        """Whether a panel shows an old range of the run, as after the home button; cures that."""
        return any([panel.come_home() for panel in self.panels.values()])

    # Drawing

    def _on_draw(self, event):
        """Keeps what the canvas has just drawn as background and draws the rest over it."""
        canvas = self.figure.canvas
        if canvas.is_saving():
            # A picture is being saved; all but this line has been drawn already.
            self._status.draw(event.renderer)
            return
        if tuple(self.figure.bbox.size) != self._arranged_for or self._came_home():
            # The window moved to a screen of other resolution, or the home button was pressed.
            self._arrange()
            canvas.draw()
            return
        for number in self._visible():
            panel = self.panels[number]
            panel.background = canvas.copy_from_bbox(panel.inside())
            self._draw_artists(panel.artists, event.renderer)
        self._status_background = canvas.copy_from_bbox(self._status_cell)
        self._status.draw(event.renderer)

    @staticmethod
    def _draw_artists(artists, renderer):
        for artist in artists:
            artist.draw(renderer)

    def _update(self, numbers):
        """Gives the panels the data of the frame; returns those whose background is old now."""
        changed = []
        for number in numbers:
            panel = self.panels[number]
            titled = panel.set_title(self._frame.titles[number - 1])
            if panel.update(self._frame) or titled:
                changed.append(number)
        return changed

    def set(self, frame):
        """Takes a frame; returns the panels that it changes, and those whose background too."""
        before, self._frame = self._frame, frame
        numbers = [number for number in self._visible() if before.titles != frame.titles
                   or self.panels[number].differs(before, frame)]
        return numbers, self._update(numbers)

    def show(self, frame):
        """Draws a frame and returns the boxes, in pixels, of what has changed."""
        before = self._frame
        numbers, changed = self.set(frame)
        canvas = self.figure.canvas
        renderer = canvas.get_renderer()
        if self._status_background is None:
            canvas.draw()
            return [self.figure.bbox]
        boxes = []
        for number in numbers:
            panel = self.panels[number]
            if number in changed:
                self._erase(panel.cell, renderer)
                panel.axes.draw(renderer)
                panel.background = canvas.copy_from_bbox(panel.inside())
                boxes.append(panel.cell)
            else:
                canvas.restore_region(panel.background)
                boxes.append(panel.changed_box(before, frame))
            self._draw_artists(panel.artists, renderer)
        return boxes

    def show_status(self, text):
        """Draws the line at the bottom and returns its box, or nothing where it is the same."""
        if text == self._status.get_text():
            return []
        self._status.set_text(text)
        if self._status_background is None:
            return []
        canvas = self.figure.canvas
        canvas.restore_region(self._status_background)
        self._status.draw(canvas.get_renderer())
        return [self._status_cell]

    def _erase(self, box, renderer):
        self._eraser.set_bounds(*box.bounds)
        self._eraser.draw(renderer)

    def unzoom(self):
        """Gives the ranges of all panels back to the run."""
        for panel in self.panels.values():
            panel.unzoom()
        self.figure.canvas.draw()


# ---------- The visualiser ----------

_LOG0_NOTICE = (
    "the {} at iteration {} is not a finite number, so its curve has a gap. Where"
    " the network gives the correct answer a probability of 0, log(0) makes the loss nan. The"
    " cure is the codelab's update 4/4, tf.nn.softmax_cross_entropy_with_logits, as in"
    " mnist_2.0_five_layers_sigmoid.py.")


def _say(text):
    """Prints a notice; standard output is the scripts' own."""
    print("tensorflowvisu: " + text, file=sys.stderr, flush=True)


def _checked_image(im):
    """A copy of an image, which its owner may change in the meantime."""
    image = np.array(im)
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[..., 0]
    if image.size == 0 or image.ndim != 2 and (image.ndim != 3 or image.shape[2] not in (3, 4)):
        raise ValueError("An image must be [height, width] or [height, width, 1, 3 or 4], not"
                         " {}.".format(list(image.shape)))
    return image


class MnistDataVis:
    """Collects the data of a training run and shows it on six panels.

    title1 ... title6      the panels' titles; None stands for Accuracy, Cross entropy loss,
                           Training digits, Weights, Biases and Test digits
    histogram4colornum,    the colours of panels 4 and 5: 0 blue, 1 red (where None), 2 green, and
    histogram5colornum     so on around
    dpi                    dots per inch; 70 make a picture of 1344 x 756 pixels
    test_set_size          how many test digits there are, for the scale beside the test digits

    Each visualiser has its own data; no array that is passed in is changed or kept.
    """

    def __init__(self, title1=None, title2=None, title3=None, title4=None, title5=None, title6=None,
                 histogram4colornum=None, histogram5colornum=None, dpi=70, test_set_size=10000):
        titles = (title1, title2, title3, title4, title5, title6)
        self._titles = [default if title is None else title
                        for title, default in zip(titles, _TITLES)]
        self._colors = [_BAND_COLORS[(1 if number is None else number) % len(_BAND_COLORS)]
                        for number in (histogram4colornum, histogram5colornum)]
        self._dpi = dpi
        self._test_set_size = test_set_size
        self._training = _Rows(3)
        self._test = _Rows(3)
        self._bands4 = _Rows(1 + HISTOGRAM_BUCKETS + 1)
        self._bands5 = _Rows(1 + HISTOGRAM_BUCKETS + 1)
        self._image1 = None
        self._image2 = None
        self._max_test_accuracy = float("nan")
        self._log0_said = False
        self._run = None

    # Data

    def append_training_curves_data(self, x, accuracy, loss):
        """Adds a point to the training curves: iteration, accuracy in [0, 1] and loss."""
        self._training.append(x, accuracy, loss)
        self._check("training loss", x, loss)

    def append_test_curves_data(self, x, accuracy, loss):
        """Adds a point to the test curves: iteration, accuracy in [0, 1] and loss."""
        self._test.append(x, accuracy, loss)
        if accuracy > self._max_test_accuracy or np.isnan(self._max_test_accuracy):
            self._max_test_accuracy = accuracy
        self._check("test loss", x, loss)

    def append_data_histograms(self, x, datavect1, datavect2, title1=None, title2=None):
        """Adds a column to the bands of panels 4 and 5: the iteration and any arrays of numbers.

        A title that is given replaces that of panel 4 or 5.
        """
        for rows, data in ((self._bands4, datavect1), (self._bands5, datavect2)):
            rows.append(x, *probability_distribution(data))
            if np.size(data):
                self._check("range of the weights or biases", x, rows.view()[-1, 1])
        for number, title in ((3, title1), (4, title2)):
            if title is not None:
                self._titles[number] = title

    def update_image1(self, im):
        """Shows an image in panel 3: uint8 or floats in [0, 1], [height, width] or with channels.

        Raises ValueError for another shape, or other than 1, 3 or 4 channels.
        """
        self._image1 = _checked_image(im)

    def update_image2(self, im):
        """Shows an image in panel 6: uint8 or floats in [0, 1], [height, width] or with channels.

        Raises ValueError for another shape, or other than 1, 3 or 4 channels.
        """
        self._image2 = _checked_image(im)

    def get_max_test_accuracy(self):
        """Returns the greatest accuracy of the test curve, nan where it has none yet."""
        return self._max_test_accuracy

    def is_paused(self):
        """Returns whether the user has stopped the training with SPACE, for the time being."""
        return self._run is not None and self._run.paused

    def _check(self, what, x, value):
        """Says once why a number may not be finite; the run goes on."""
        if not np.isfinite(value) and not self._log0_said:
            self._log0_said = True
            _say(_LOG0_NOTICE.format(what, x))

    def _frame(self):
        """What the panels have to show now."""
        return _Frame(self._training.view(), self._test.view(), self._bands4.view(),
                      self._bands5.view(), self._image1, self._image2, tuple(self._titles),
                      self._run.last_iteration if self._run else None)

    # Training

    def animate(self, compute_step, iterations, train_data_update_freq=20,
                test_data_update_freq=100, one_test_at_start=True, more_tests_at_start=False,
                save_movie=False):
        """Trains the network and shows the panels, until the window is closed.

        compute_step            called as compute_step(i, update_test_data, update_train_data) for
                                i = 0 ... iterations-1, in order, each once; it trains one step
                                and, where asked to, appends to the curves and updates the images
        iterations              the number of steps
        train_data_update_freq  every so many steps the training data are asked for, and
        test_data_update_freq   every so many the test data; the last step asks for both
        one_test_at_start       asks for test data at step 0, too
        more_tests_at_start     asks for test data as often as for training data during the first
                                test_data_update_freq steps
        save_movie              True writes tensorflowvisu_video.mp4, a path ending in .mp4 or .gif
                                that file, a frame for every update, instead of showing a window

        Without a display it trains all the same and leaves the panels as a picture. compute_step
        runs with the graph and session that are the default here. An exception that it raises is
        raised here. Ctrl-C stops the training, prints the maximal test accuracy and exits with 130.
        Raises ValueError for numbers of iterations or frequencies below 1.
        """
        for name, value in (("iterations", iterations),
                            ("train_data_update_freq", train_data_update_freq),
                            ("test_data_update_freq", test_data_update_freq)):
            if isinstance(value, bool) or not hasattr(value, "__index__") or value < 1:
                raise ValueError("{} must be a whole number from 1 on, not {!r}.".format(
                    name, value))

        def updates(i):
            """Whether step i gets test data and training data."""
            last = i == iterations - 1
            train = i % train_data_update_freq == 0 or last
            test = i % test_data_update_freq == 0 and (i > 0 or one_test_at_start)
            if more_tests_at_start and i < test_data_update_freq:
                test = train
            return test or last, train

        # Lines of a run that takes minutes shall be seen at once, in a pipe or a file too.
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(line_buffering=True)
        self._run = _Run(compute_step, iterations, updates)
        with _interrupts(self._run):
            if save_movie:
                path = "tensorflowvisu_video.mp4" if save_movie is True else os.fspath(save_movie)
                self._record(self._run, path)
            else:
                self._show(self._run)
        if self._run.interrupted:
            print("max test accuracy: " + str(self.get_max_test_accuracy()), flush=True)
            sys.exit(130)

    def _show(self, run):
        """Shows the run in the best place that there is."""
        place, reason = _find_place()
        if place == "notebook":
            self._show_in_notebook(run)
        elif place:
            try:
                figure = _open_figure(self._dpi)
            except Exception as error:  # Each toolkit raises its own where it has no screen.
                self._show_nowhere(run, _why_no_window(error))
                return
            self._show_live(run, figure, place)
        else:
            self._show_nowhere(run, reason)

    def _panels_on(self, figure):
        """The panels with what they have to show now, on a matplotlib figure with its canvas."""
        return _Figure(figure, self._frame(), self._colors, self._test_set_size)

    def _new_figure(self):
        """The same on a figure that needs no display."""
        figure = Figure(figsize=_INCHES, dpi=self._dpi)
        FigureCanvasAgg(figure)
        return self._panels_on(figure)

    def _show_nowhere(self, run, reason):
        """Trains at text speed and leaves the final panels as a picture."""
        _say("{}; the training goes on without, and leaves a picture.".format(reason))
        line = _ProgressLine()
        try:
            for _ in run.steps(before_update=line.clear):
                line.show(run)
        finally:
            line.clear()
        panels = self._new_figure()
        panels.show_status(run.status(self._max_test_accuracy))
        path = _script_name() + ".png"
        try:
            earlier = _keep_earlier(path)
            panels.figure.savefig(path, dpi=self._dpi)
        except OSError as error:
            _say("the final panels could not be written to {} ({}).".format(
                os.path.abspath(path), error.strerror))
        else:
            _say("the final panels are in {}{}.".format(path, earlier))

    def _record(self, run, path):
        """Trains and writes a movie, a frame for every update."""
        from matplotlib import animation
        panels = self._new_figure()
        root, extension = os.path.splitext(path)
        if extension.lower() not in (".mp4", ".gif"):
            raise ValueError("save_movie must be True or a path that ends in .mp4 or .gif, not"
                             " {!r}.".format(path))
        if extension.lower() == ".mp4" and not animation.writers.is_available("ffmpeg"):
            _say("there is no ffmpeg here to write {}; the movie becomes {}.gif.".format(
                path, root))
            path = root + ".gif"
        if path.lower().endswith(".gif"):
            try:
                writer = _GifWriter()
            except ImportError:
                self._show_nowhere(run, "a GIF needs Pillow ('pip install pillow')")
                return
        else:
            writer = animation.FFMpegWriter(
                fps=25, codec="h264", extra_args=["-pix_fmt", "yuv420p", "-loglevel", "error"])
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        earlier = _keep_earlier(path)
        line = _ProgressLine()
        with writer.saving(panels.figure, path, self._dpi):
            for _ in run.steps(before_update=line.clear):
                panels.set(self._frame())
                panels.show_status(run.status())
                writer.grab_frame()
                line.show(run)
            line.clear()
        _say("the movie is {}{}.".format(path, earlier))

    def _show_in_notebook(self, run):
        """Trains and renews one picture in the cell's output, about once a second."""
        from IPython.display import Image, display
        panels = self._new_figure()
        handle = None
        shown = 0.0

        def show(status):
            nonlocal handle
            panels.set(self._frame())
            panels.show_status(status)
            buffer = io.BytesIO()
            panels.figure.savefig(buffer, format="png", dpi=self._dpi)
            picture = Image(buffer.getvalue(), format="png")
            if handle is None:
                handle = display(picture, display_id=True)
            else:
                handle.update(picture)

        for _ in run.steps():
            if time.monotonic() - shown >= 1:
                show(run.status())
                shown = time.monotonic()
        show(run.status(self._max_test_accuracy))
        # The script prints the maximal accuracy next; a notebook is not ended by an interruption.
        run.interrupted = False

    def _show_live(self, run, figure, place):
        """Trains on a thread of its own, while this one draws what is new and answers keys."""
        panels = self._panels_on(figure)
        figure.canvas.manager.set_window_title(_window_title())
        # A window shows every update; a browser is sent as many as it can take.
        mailbox = _Mailbox(run, every=place == "window")
        _answer_keys(panels, run)
        figure.canvas.mpl_connect("close_event", lambda _: run.stop())

        # On a screen of high resolution, toolkits enlarge the window after it has been opened.
        figure.canvas.mpl_connect("resize_event", lambda _: _fit_screen(figure, margin=False))
        said = None

        def tick():
            """Draws what is new. Returns whether to go on; called many times a second."""
            nonlocal said
            frame = mailbox.take()
            boxes = []
            if frame and place == "window":
                boxes = panels.show(frame)
            elif frame:
                panels.set(frame)
            # Text is slow to draw, so the line at the bottom is renewed a few times a second.
            saying = run.paused, run.over, int(4 * time.monotonic())
            if saying != said:
                said = saying
                boxes += panels.show_status(run.status(self._max_test_accuracy))
            if place == "window":
                for box in boxes:
                    figure.canvas.blit(box)
            elif frame or boxes:
                # Old versions of WebAgg draw on two canvases in turn, so each has to be whole.
                figure.canvas.draw()
            if frame:
                mailbox.drawn()
            return not (run.over and (run.error or run.interrupted))

        def safe_tick():
            """Ends the run where drawing fails; a toolkit would go on and let the training wait."""
            try:
                return tick()
            except Exception as error:  # It is raised below.
                run.error = run.error or error
                return False

        # A training step is short: it shall not wait 5 ms, Python's default, for a drawing's turn.
        interval = sys.getswitchinterval()
        sys.setswitchinterval(0.0005)
        thread = self._start_training(run, mailbox)
        try:
            (_loop_in_window if place == "window" else _loop_in_browser)(figure, safe_tick)
        finally:
            run.stop()
            thread.join()
            sys.setswitchinterval(interval)
            sys.modules["matplotlib.pyplot"].close(figure)
        if run.error:
            raise run.error

    def _start_training(self, run, mailbox):
        """Starts the training thread, with the graph and the session of this one."""
        graph, session = tf.get_default_graph(), tf.get_default_session()
        eager = tf.executing_eagerly()

        def train():
            try:
                with contextlib.ExitStack() as stack:
                    # TensorFlow keeps the defaults for each thread apart.
                    if not eager:
                        stack.enter_context(graph.as_default())
                    if session is not None:
                        stack.enter_context(session.as_default())
                    for _ in run.steps():
                        mailbox.put(self._frame())
            except BaseException as error:  # The main thread raises it again.
                run.error = error
            finally:
                run.over = True

        thread = threading.Thread(target=train, name="training", daemon=True)
        thread.start()
        return thread


# ---------- The training loop ----------

class _Run:
    """The loop of the training, with its pause, its stop and its progress."""

    def __init__(self, compute_step, iterations, updates):
        self._compute_step = compute_step
        self._iterations = iterations
        self._updates = updates
        self._go = threading.Event()
        self._go.set()
        self._marks = collections.deque(maxlen=40)
        self._seconds = 0.0
        self._done = 0
        self.last_iteration = iterations - 1
        self.stopped = False
        self.interrupted = False
        self.over = False
        self.error = None

    def steps(self, before_update=lambda: None):
        """Trains step by step, and yields after each one that got data for the panels."""
        started = time.monotonic()
        for i in range(self._iterations):
            if not self._go.is_set():
                self._go.wait()
                self._marks.clear()
                started = time.monotonic() - self._seconds
            if self.stopped:
                break
            test, train = self._updates(i)
            if test or train:
                before_update()
            self._compute_step(i, test, train)
            self._done = i + 1
            if test or train:
                self._seconds = time.monotonic() - started
                self._marks.append((self._seconds, self._done))
                yield i
        self.over = True

    @property
    def paused(self):
        return not self._go.is_set()

    def toggle_pause(self):
        """Stops the training before its next step, or lets it go on."""
        if self.paused or self.over:
            self._go.set()
        else:
            self._go.clear()

    def stop(self):
        """Ends the training after the present step."""
        self.stopped = True
        self._go.set()

    def interrupt(self):
        """Ends the training because of Ctrl-C."""
        self.interrupted = True
        self.stop()

    def status(self, max_test_accuracy=None):
        """Says how far the training is, in one line."""
        if self.over:
            text = "{}: {:,} iterations in {}".format(
                "finished" if self._done == self._iterations else "stopped", self._done,
                _duration(self._seconds))
            if max_test_accuracy is not None:
                # str() shows a float32 with its own digits, format() with 17.
                text += "   ·   max test accuracy " + str(max_test_accuracy)
            return text
        parts = ["iteration {:,} of {:,}".format(max(0, self._done - 1), self.last_iteration)]
        digits = _digits_read()
        if digits:
            parts.append("epoch {}".format(digits.train.epochs_completed + 1))
        if self.paused:
            parts.append("paused: SPACE goes on")
        elif len(self._marks) > 1:
            (t0, n0), (t1, n1) = self._marks[0], self._marks[-1]
            rate = (n1 - n0) / max(1e-9, t1 - t0)
            parts.append("{:,.0f} iterations/s".format(rate))
            parts.append("{} left".format(_duration((self._iterations - self._done) / rate)))
        if digits and digits.generated:
            parts.append("generated digits")
        return "   ·   ".join(parts)


def _digits_read():
    """The sets that the script has read with mnistdata, where it has."""
    return getattr(sys.modules.get("mnistdata"), "latest", None)


def _duration(seconds):
    """Seconds as 8 s, 2:05 min or 1:02:05 h."""
    seconds = int(round(seconds))
    if seconds < 60:
        return "{} s".format(seconds)
    if seconds < 3600:
        return "{}:{:02} min".format(seconds // 60, seconds % 60)
    return "{}:{:02}:{:02} h".format(seconds // 3600, seconds // 60 % 60, seconds % 60)


class _Mailbox:
    """Hands frames from the training thread to the one that draws.

    With every=True the training waits until the frame before has been drawn, so that it is at most
    one update ahead of the picture; else a newer frame replaces one that was not drawn.
    """

    def __init__(self, run, every):
        self._run = run
        self._every = every
        self._free = threading.Semaphore(1)
        # A deque is filled and emptied in one go, whatever the other thread does meanwhile.
        self._frames = collections.deque(maxlen=1)

    def put(self, frame):
        while self._every and not self._free.acquire(timeout=0.1):
            if self._run.stopped:
                return
        self._frames.append(frame)

    def take(self):
        return self._frames.pop() if self._frames else None

    def drawn(self):
        if self._every:
            self._free.release()


@contextlib.contextmanager
def _interrupts(run):
    """Has Ctrl-C end the training after the present step; a second one ends it at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_interrupt(number, stack):
        if run.interrupted:
            raise KeyboardInterrupt
        run.interrupt()

    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


# ---------- Windows, browsers and other places ----------

_NO_TOOLKIT = ("matplotlib finds no toolkit for a window here (install Tk, for example with"
               " 'sudo apt install python3-tk' or 'brew install python-tk')")


def _find_place():
    """Returns "window", "browser", "notebook" or None, and why where it is None."""
    # Where the user has chosen no backend, Tk comes first: it comes with Python and needs nothing.
    # matplotlib itself would begin with Qt, which may end the whole process for want of a library.
    chosen = isinstance(dict.__getitem__(matplotlib.rcParams, "backend"), str)
    display = os.environ.get("DISPLAY")
    try:
        if not chosen and (sys.platform == "win32" or display) and _has_tk():
            matplotlib.use("TkAgg")
        # Where there is no choice yet, this takes the first toolkit that works here.
        import matplotlib.pyplot as _
    except ImportError as error:
        return None, _why_no_window(error) if _has_tk() else _NO_TOOLKIT
    backend = matplotlib.get_backend().lower()
    if "inline" in backend or "ipympl" in backend or "nbagg" in backend or "widget" in backend:
        return "notebook", None
    if backend == "webagg":
        return "browser", None
    if backend not in ("agg", "cairo", "pdf", "pgf", "ps", "svg", "template"):
        return "window", None
    if sys.platform.startswith("linux") and not (
            os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return None, "there is no display"
    if os.environ.get("MPLBACKEND", "").lower() == backend:
        return None, "MPLBACKEND={} shows no window".format(os.environ["MPLBACKEND"])
    return None, _why_no_window("headless") if display and _has_tk() else _NO_TOOLKIT


def _why_no_window(error):
    """Makes one sentence of what a toolkit raised where it found no screen."""
    text = str(error).strip().split("\n")[0]
    if "headless" in text:  # matplotlib's word.
        display = os.environ.get("DISPLAY")
        return ("the display {} cannot be opened".format(display) if display
                else "there is no display")
    return "no window could be opened ({})".format(text)


def _has_tk():
    try:
        import tkinter as _
    except ImportError:
        return False
    return True


def _open_figure(dpi):
    """Opens a window of matplotlib's, not shown yet."""
    import matplotlib.pyplot as plt
    figure = plt.figure(figsize=_INCHES, dpi=dpi)
    if not isinstance(figure.canvas, FigureCanvasAgg):
        plt.close(figure)
        raise RuntimeError("the backend {} draws without Agg; choose TkAgg or QtAgg".format(
            matplotlib.get_backend()))
    _fit_screen(figure, margin=True)
    return figure


def _fit_screen(figure, margin):
    """Makes a window smaller that is larger than its screen, or, with margin, than fits there."""
    window = getattr(figure.canvas.manager, "window", None)
    if hasattr(window, "winfo_screenwidth"):  # Tk counts the screen's own pixels.
        screen = window.winfo_screenwidth(), window.winfo_screenheight()
        dpi = figure.dpi
    elif hasattr(window, "screen"):  # Qt counts larger ones where there are very many.
        size = window.screen().size()
        screen = size.width(), size.height()
        dpi = figure.dpi / getattr(figure.canvas, "device_pixel_ratio", 1)
    else:
        return
    # The toolbar, the window's frame and the desktop's bar need some room.
    room = screen[0] - 20, screen[1] - 120
    size = [inches * dpi for inches in figure.get_size_inches()]
    limit = room if margin else screen
    if size[0] > limit[0] or size[1] > limit[1]:
        figure.set_size_inches(min(size[0], room[0]) / dpi, min(size[1], room[1]) / dpi,
                               forward=True)


def _window_title():
    digits = _digits_read()
    return _script_name() + (" - generated digits" if digits and digits.generated else "")


def _answer_keys(panels, run):
    """Connects the keys of the series; the others are matplotlib's."""
    canvas = panels.figure.canvas

    def on_key(event):
        if event.key in _KEYS:
            panels.select(_KEYS[event.key])
        elif event.key in _PAUSE_KEYS:
            run.toggle_pause()
        else:
            key_press_handler(event, canvas, canvas.manager.toolbar)
            if event.key in matplotlib.rcParams["keymap.home"]:
                panels.unzoom()

    # matplotlib's own handler is called from here only: in its old versions a number key switches
    # the zooming of a panel off.
    if getattr(canvas.manager, "key_press_handler_id", None) is not None:
        canvas.mpl_disconnect(canvas.manager.key_press_handler_id)
    canvas.mpl_connect("key_press_event", on_key)


def _loop_in_window(figure, tick):
    """Runs the toolkit's loop until the window is closed, by the user or because tick says so."""
    plt = sys.modules["matplotlib.pyplot"]
    timer = figure.canvas.new_timer(interval=5)
    number = figure.number

    def on_timer():
        # The timer may come once more when the window has been closed, before its close_event.
        if plt.fignum_exists(number) and not tick():
            plt.close(figure)

    timer.add_callback(on_timer)
    figure.canvas.mpl_connect("close_event", lambda _: timer.stop())
    timer.start()
    plt.show(block=True)


def _loop_in_browser(figure, tick):
    """Serves the panels to browsers on this machine until tick says that it is over."""
    from matplotlib.backends.backend_webagg import WebAggApplication
    import tornado.ioloop
    WebAggApplication.initialize(address="127.0.0.1")
    # This is the page of all figures; in old versions a figure's own page answers no keys.
    url = "http://127.0.0.1:{}/".format(WebAggApplication.port)
    loop = tornado.ioloop.IOLoop.instance()

    def on_timer():
        if not tick():
            loop.stop()

    timer = tornado.ioloop.PeriodicCallback(on_timer, 200)
    timer.start()
    _say("the panels are at {} (Ctrl-C ends the run).".format(url))
    loop.start()
    timer.stop()


class _GifWriter:
    """Writes an animated GIF; matplotlib's own writer would keep every frame in full colour."""

    def __init__(self):
        from PIL import Image
        self._image = Image
        self._frames = []

    @contextlib.contextmanager
    def saving(self, figure, path, dpi):
        self._figure, self._dpi = figure, dpi
        yield
        self._frames[0].save(path, save_all=True, append_images=self._frames[1:], duration=100,
                             loop=0)

    def grab_frame(self):
        buffer = io.BytesIO()
        self._figure.savefig(buffer, format="png", dpi=self._dpi)
        self._frames.append(self._image.open(buffer).convert("RGB").quantize(
            64, method=self._image.FASTOCTREE))


class _ProgressLine:
    """A line on a terminal's standard error that is cleared before others are printed."""

    def __init__(self):
        self._terminal = sys.stderr is not None and sys.stderr.isatty()
        self._length = 0

    def show(self, run):
        if self._terminal:
            text = run.status()
            self._length = len(text)
            print("\r" + text, end="", file=sys.stderr, flush=True)

    def clear(self):
        if self._length:
            print("\r" + " " * self._length + "\r", end="", file=sys.stderr, flush=True)
            self._length = 0


def _script_name():
    """The name of the script that runs, without its extension."""
    path = getattr(sys.modules["__main__"], "__file__", None) or sys.argv[0]
    name = os.path.splitext(os.path.basename(path or ""))[0]
    return name if name not in ("", "-c", "-m") else "tensorflowvisu"


def _keep_earlier(path):
    """Renames a file that stands in the way of a new one; returns words that say so."""
    if not os.path.exists(path):
        return ""
    root, extension = os.path.splitext(path)
    number = 1
    while os.path.exists("{}-{}{}".format(root, number, extension)):
        number += 1
    kept = "{}-{}{}".format(root, number, extension)
    os.rename(path, kept)
    return " (the earlier one is kept as {})".format(kept)
