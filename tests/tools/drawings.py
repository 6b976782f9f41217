"""Makes the drawings of the lesson, in docs/drawings.

    python tests/tools/drawings.py            # all of them
    python tests/tools/drawings.py strides    # some of them

What they show is computed wherever it can be: slopes, rates, the outputs of a patch. Each is drawn
for a page 700 pixels wide, in the colours of the panels.
"""

import argparse
import os

import numpy as np

import paths  # noqa: F401
import mistakes
from series import ROOT

BLUE, RED, GREEN = "#2f6db5", "#cf3e4b", "#3c9a5f"
PINK = "#e9a9ae"
TEXT, QUIET, LINE, PALE = "#333333", "#6f6f6f", "#bbbbbb", "#e4e4e4"
WIDTH = 7  # Inches, at 100 pixels each; the pictures have twice as many, for fine screens.


def new_figure(height):
    """A figure of a height in inches, in the one style of all drawings."""
    import matplotlib
    from matplotlib.figure import Figure
    matplotlib.rcdefaults()
    matplotlib.rcParams.update({
        "font.size": 10, "axes.titlesize": 12, "axes.labelcolor": QUIET, "axes.titlecolor": TEXT,
        "axes.edgecolor": LINE, "axes.grid": True, "axes.axisbelow": True, "grid.color": PALE,
        "xtick.color": LINE, "ytick.color": LINE, "xtick.labelcolor": QUIET,
        "ytick.labelcolor": QUIET, "text.color": TEXT, "legend.frameon": False})
    return Figure(figsize=(WIDTH, height))


def plots(height, count):
    """A figure of so many axes side by side."""
    figure = new_figure(height)
    axes = figure.subplots(1, count)
    figure.subplots_adjust(0.075, 0.155, 0.985, 0.89, wspace=0.18)
    return figure, axes


def sheet(height):
    """A figure to draw on freely: units are pixels of a page, y goes down."""
    figure = new_figure(height)
    axes = figure.add_axes([0, 0, 1, 1])
    axes.set(xlim=(0, 100 * WIDTH), ylim=(100 * height, 0))
    axes.axis("off")
    return figure, axes


def save(figure, name):
    """Saves a drawing in few bytes."""
    import io

    from PIL import Image
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=200)
    path = os.path.join(ROOT, "docs", "drawings", name + ".png")
    Image.open(buffer).convert("RGB").quantize(40, kmeans=2).save(path, optimize=True)


def a_digit(wanted):
    """A test digit of a class, [28, 28] from 0 to 1."""
    import mnistdata
    test = mnistdata.read_data_sets("data", one_hot=False).test
    return test.images[np.flatnonzero(test.labels == wanted)[0], :, :, 0]


def picture(axes, values, x, y, cell):
    """Draws values from 0 to 1 as pixels of a size, black where they are 1."""
    height, width = values.shape
    axes.imshow(1 - values, cmap="gray", vmin=0, vmax=1, interpolation="nearest", aspect="auto",
                extent=(x, x + cell * width, y + cell * height, y), zorder=2)
    box(axes, x, y, cell * width, cell * height, LINE, linewidth=0.8, zorder=3)


def circle(axes, x, y, radius, **options):
    from matplotlib.patches import Circle
    axes.add_patch(Circle((x, y), radius, **dict(
        dict(facecolor="white", edgecolor=BLUE, linewidth=1.5, zorder=3), **options)))


def box(axes, x, y, width, height, color, **options):
    from matplotlib.patches import Rectangle
    axes.add_patch(Rectangle((x, y), width, height, **dict(
        dict(facecolor="none", edgecolor=color, linewidth=2, zorder=4), **options)))


def arrow(axes, begin, end, color=QUIET, **options):
    axes.annotate("", end, begin, zorder=5, arrowprops=dict(
        dict(arrowstyle="-|>", color=color, linewidth=1.5, shrinkA=0, shrinkB=0), **options))


# ---------- The drawings ----------

def neurons():
    """Ten softmax neurons over the pixels of an image."""
    figure, axes = sheet(3.9)
    digit, chosen = a_digit(6), 6
    picture(axes, digit, 18, 240, 4)
    axes.text(74, 372, "28x28 pixels", ha="center", va="center", color=QUIET)
    arrow(axes, (138, 338), (200, 338))
    # A part of the 784 pixels on one line: from the row in the middle of the digit.
    pixels, left, size = digit.reshape(-1)[14 * 28 + 2:][:30], 212, 15.5
    for k, value in enumerate(pixels):
        box(axes, left + size * k, 330, size, size, LINE, facecolor=str(1 - value), linewidth=0.8)
    right = left + size * len(pixels)
    axes.text((left + right) / 2, 372, "all 784 on one line (30 of them are drawn)", ha="center",
              va="center", color=QUIET)
    xs = np.linspace(left + 22, right - 22, 10)
    for n, x in enumerate(xs):
        mine = n == chosen
        for k in range(0, len(pixels), 1 if mine else 3):
            axes.plot([left + size * (k + 0.5), x], [330, 212], linewidth=1 if mine else 0.4,
                      color=BLUE if mine else LINE, zorder=2 if mine else 1)
        circle(axes, x, 196, 16, edgecolor=BLUE if mine else QUIET, linewidth=2 if mine else 1.2)
        axes.text(x, 196, r"$\Sigma$", ha="center", va="center", zorder=5,
                  color=BLUE if mine else QUIET)
        axes.plot([x, x], [180, 160], color=LINE, linewidth=1)
    box(axes, left, 132, right - left, 28, QUIET, linewidth=1.2)
    axes.text((left + right) / 2, 146, "softmax: all positive, together 1", ha="center",
              va="center")
    shares = np.array([3, 1, 2, 1, 3, 6, 80, 1, 2, 1]) / 100
    for n, (x, share) in enumerate(zip(xs, shares)):
        box(axes, x - 13, 108 - 90 * share, 26, 90 * share, RED, linewidth=0,
            facecolor=RED if n == chosen else PINK)
        axes.text(x, 120, str(n), ha="center", va="center")
    axes.text(xs[chosen] + 19, 42, "0.8", va="center", color=RED)
    axes.plot([left, right], [108, 108], color=LINE, linewidth=1)
    for y, words, color in ((78, "probability", RED), (120, "of the digit", TEXT),
                            (196, "ten neurons", TEXT), (226, "a weight for each line", BLUE)):
        axes.text(left - 12, y, words, ha="right", va="center", color=color)
    save(figure, "neurons")


def activations():
    """Sigmoid and relu, and their slopes."""
    figure, panels = plots(3, 2)
    x = np.linspace(-5, 5, 1001)
    sigmoid = 1 / (1 + np.exp(-x))
    relu_slope = np.where(x > 0, 1.0, np.where(x < 0, 0, np.nan))
    for axes, title, value, slope in (
            (panels[0], "sigmoid", sigmoid, sigmoid * (1 - sigmoid)),
            (panels[1], "relu", np.maximum(x, 0), relu_slope)):
        axes.plot(x, value, color=RED, linewidth=2.5, label="output")
        axes.plot(x, slope, color=BLUE, linewidth=1.5, label="its slope")
        axes.set(title=title, xlim=(-5, 5), ylim=(-0.08, 1.6), xlabel="sum")
        axes.set_yticks([0, 0.25, 0.5, 1, 1.5])
        axes.set_yticklabels(["0", "0.25", "0.5", "1", "1.5"])
    panels[0].legend(loc="upper left")
    panels[0].text(4.9, 0.3, "at most a quarter,\nfar out almost 0", color=BLUE, ha="right")
    panels[1].text(4.9, 0.94, "active: 1", color=BLUE, ha="right", va="top")
    panels[1].text(-4.9, 0.06, "not active: 0", color=BLUE)
    save(figure, "activations")


def strides():
    """A patch of 5x5 that slides over an image by one pixel and by two."""
    figure, axes = sheet(3.5)
    digit, cell, small, border = a_digit(4), 9, 5.5, 2
    padded = np.pad(digit, border)
    # The patch looks for strokes that rise to the right; relu keeps what is positive.
    down, across = np.mgrid[-2:3, -2:3]
    patch = np.where(np.abs(down + across) <= 1, 1.0, -0.9)
    sums = np.array([[(padded[r:r + 5, c:c + 5] * patch).sum() for c in range(28)]
                     for r in range(28)])
    outputs = np.maximum(sums, 0) / sums.max()
    left, top, side = 70, 16, 32 * cell
    box(axes, left, top, side, side, LINE, facecolor="#e8eef7", linewidth=1, zorder=1)
    picture(axes, digit, left + 2 * cell, top + 2 * cell, cell)
    axes.text(left + side / 2, top + side + 20, "28x28 pixels, with zeros around them",
              ha="center", va="center", color=QUIET)
    # With a stride of 2 one line of zeros is enough above and at the left: SAME takes no more.
    for stride, first, row, high, color in ((1, 0, 4, 16, BLUE), (2, 1, 21, 206, RED)):
        seen, place = outputs[first::stride, first::stride], 460
        size, y = small * len(seen), top + (row + 2.5) * cell
        # The patch at the first three places of a row, and where its three sums are written.
        for k in range(3):
            box(axes, left + (first + stride * k) * cell, top + row * cell, 5 * cell, 5 * cell,
                color, linewidth=2.5 if k == 0 else 1.2)
        picture(axes, seen, place, high, small)
        for k in range(3):
            box(axes, place + k * small, high + (row - first) // stride * small, small, small,
                "white", facecolor=color, linewidth=0.4)
        axes.text(left - 10, y, "a patch\nof 5x5" if stride == 1 else "", ha="right", va="center",
                  color=QUIET)
        arrow(axes, (left + side + 14, high + size / 2), (place - 14, high + size / 2), color)
        axes.text(place + size + 14, high + size / 2 - 9, "stride {}".format(stride), color=color,
                  fontsize=12, va="center")
        axes.text(place + size + 14, high + size / 2 + 12, "{0}x{0}".format(len(seen)),
                  color=QUIET, va="center")
    save(figure, "strides")


def dropout():
    """A layer with dropout: two batches of the training, and the test."""
    figure, axes = sheet(3)
    random = np.random.RandomState(5)
    layers = [(6, 240), (8, 158), (4, 76)]
    for k, (title, drops) in enumerate((("training: one image", 2), ("training: the next", 2),
                                        ("test: all of them", 0))):
        left = 16 + 232 * k
        dropped = set(random.permutation(8)[:drops])
        axes.text(left + 102, 24, title, ha="center", va="center", fontsize=12)
        places = [[(left + 102 + (n - (size - 1) / 2) * 25, y) for n in range(size)]
                  for size, y in layers]
        for below, above, middle in ((places[0], places[1], 1), (places[1], places[2], 0)):
            for m, (x0, y0) in enumerate(below):
                for n, (x1, y1) in enumerate(above):
                    if (n if middle else m) not in dropped:
                        axes.plot([x0, x1], [y0, y1], color=LINE, linewidth=0.7, zorder=1)
        for layer, row in enumerate(places):
            for n, (x, y) in enumerate(row):
                if layer == 1 and n in dropped:
                    circle(axes, x, y, 9, edgecolor=LINE, linestyle=(0, (2, 2)))
                else:
                    circle(axes, x, y, 9, edgecolor=(QUIET, BLUE, QUIET)[layer],
                           facecolor="#dce7f5" if layer == 1 else "white")
        axes.text(left + 102, 278, "the others / 0.75" if drops else "as they are",
                  ha="center", va="center", color=BLUE)
    save(figure, "dropout")


def decay():
    """The learning rate that decays, and a valley descended with both."""
    figure, (first, second) = plots(3, 2)
    step = np.arange(0, 10001, 10)
    rate = 0.0001 + 0.003 * np.exp(-step / 2000)
    first.plot(step, np.full(len(step), 0.003), color=RED, linewidth=1.5)
    first.plot(step, rate, color=BLUE, linewidth=2.5)
    first.text(9900, 0.00308, "fixed: 0.003", ha="right", va="bottom", color=RED)
    first.text(2500, 0.00125, "0.0001 + 0.003 · e$^{-step/2000}$", color=BLUE)
    first.set(title="learning rate", xlim=(0, 10000), ylim=(0, 0.0037), xlabel="iteration",
              xticks=range(0, 10001, 2500))
    first.set_xticklabels("{:,}".format(x) for x in range(0, 10001, 2500))
    first.set_yticks([0, 0.001, 0.002, 0.003])
    first.set_yticklabels(["0", "0.001", "0.002", "0.003"])
    # As with Adam, the rate alone says how long a step is, the slope only where it leads.
    x = np.linspace(-3.1, 3.1, 200)
    for middle, color, words, rates in (
            (-3.6, RED, "fixed: leaps\nacross for ever", np.full(14, 1.9)),
            (3.6, BLUE, "decaying:\ngets down", 1.9 * 0.8 ** np.arange(14))):
        path = [-2.9]
        for rate in rates:
            path.append(path[-1] - rate * np.sign(path[-1]))
        path = np.array(path)
        second.plot(middle + x, x ** 2, color=LINE, linewidth=1.5)
        second.plot(middle + path, path ** 2, "o-", color=color, linewidth=1, markersize=4)
        second.text(middle + 0.3, 6.2, words, ha="center", va="center", color=color)
    second.set(title="steps in a valley", xlabel="a weight", ylabel="loss", xticks=[], yticks=[],
               ylim=(-0.7, 10), xlim=(-7, 7))
    figure.subplots_adjust(left=0.085)
    save(figure, "decay")


def batchnorm():
    """The sums of three neurons over a batch, before and after batch normalisation."""
    figure, panels = plots(3, 2)
    x = np.linspace(-9, 9, 901)
    random = np.random.RandomState(0)
    sums = [random.normal(-5, 0.8, 50000), random.normal(0.2, 0.4, 50000),
            1 + 1.3 * random.gamma(2.5, size=50000)]
    after = [(values - values.mean()) / values.std() for values in sums]
    for axes, title, rows in ((panels[0], "before", sums), (panels[1], "after", after)):
        axes.axvspan(-2.5, 2.5, color="#f3f3f3", zorder=0)
        for values, color in zip(rows, (BLUE, RED, GREEN)):
            high, edges = np.histogram(values, 80, density=True)
            places = (edges[1:] + edges[:-1]) / 2
            axes.fill_between(places, 0, high / 1.3, color=color, alpha=0.25, linewidth=0)
            axes.plot(places, high / 1.3, color=color, linewidth=1.2)
        axes.plot(x, 1 / (1 + np.exp(-x)), color=QUIET, linewidth=1.5)
        axes.set(title=title, xlim=(-9, 9), ylim=(0, 1.15), xlabel="sum", yticks=[0, 0.5, 1])
    panels[0].text(-8.7, 0.86, "the sums of\nthree neurons\nover a batch", va="center")
    panels[0].text(8.9, 0.86, "sigmoid", color=QUIET, ha="right", va="top")
    panels[1].text(-8.7, 0.86, "all where the\nsigmoid is\nsteep", va="center")
    save(figure, "batchnorm")


def missed():
    """The test digits that 1.0, 2.1 and 3.1 all miss."""
    import mnistdata
    test = mnistdata.read_data_sets("data", one_hot=False).test
    found = mistakes.load()[mistakes.ALL_THREE]
    columns, cell = 11, 62
    rows = -(-len(found) // columns)
    figure, axes = sheet((rows * 80 + 12) / 100)
    for k, (digit, answers) in enumerate(found.items()):
        x, y = 9 + k % columns * cell, 10 + k // columns * 80
        picture(axes, test.images[int(digit), :, :, 0], x, y, 2)
        axes.text(x + 2, y + 65, str(test.labels[int(digit)]), va="center", color=TEXT)
        axes.text(x + 54, y + 65, str(answers[-1]), ha="right", va="center", color=RED)
    save(figure, "missed")


DRAWINGS = {drawing.__name__: drawing for drawing in (
    neurons, activations, strides, dropout, decay, batchnorm, missed)}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="of: " + ", ".join(DRAWINGS))
    arguments = parser.parse_args()
    for name in arguments.names:
        if name not in DRAWINGS:
            parser.error("no drawing is named {}; there are {}".format(name, ", ".join(DRAWINGS)))
    for name in arguments.names or DRAWINGS:
        DRAWINGS[name]()
        print(name, flush=True)


if __name__ == "__main__":
    main()
