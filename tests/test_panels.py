"""The visualiser's public names, its mosaic, its bands and the data that it keeps."""

import inspect
import operator
import os
import warnings
from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

import mnistdata
import tensorflowvisu
from digits import random_state
from tensorflowvisu import MnistDataVis, probability_distribution, tf_format_mnist_images

tf = tensorflowvisu.tf
WHITE = [255, 255, 255]
RED = [255, 150, 140]
LIGHT = WHITE  # the line that sets red images apart
INCHES = (19.2, 10.8)


def panels_of(datavis, layout="0", dpi=70, inches=INCHES):
    """The axes of the six panels, as they are drawn without a display."""
    return datavis.show_on(Figure(figsize=inches, dpi=dpi), layout).axes


def pixels_of(figure):
    """What has been drawn on a figure, int [height, width, 3]."""
    return np.array(figure.canvas.buffer_rgba())[..., :3].astype(int)


def inside(axes, margin=2):
    """The pixels within some axes, [height, width, 3]."""
    pixels = pixels_of(axes.figure)
    x0, y0, x1, y1 = [int(value) for value in axes.get_window_extent().extents]
    return pixels[len(pixels) - y1 + margin:len(pixels) - y0 - margin, x0 + margin:x1 - margin]


def line(axes, label):
    """The first curve whose label begins so."""
    return [one for one in axes.lines if one.get_label().startswith(label)][0]


def ran(iterations, test, training=None, every=50):
    """A visualiser after a run with these curves: functions that return accuracy and loss."""
    datavis = MnistDataVis(dpi=20)

    def step(i, update_test_data, _):
        if update_test_data:
            datavis.append_test_curves_data(i, *test(i))
            datavis.append_training_curves_data(i, *(training or test)(i))

    datavis.animate(step, iterations, every, every)
    return datavis


# ---------- Public names ----------

SIGNATURES = """\
tf_format_mnist_images(X, Y, Y_, n=100, lines=10)
probability_distribution(data)
MnistDataVis(title1=None, title2=None, title3=None, title4=None, title5=None, title6=None, \
histogram4colornum=None, histogram5colornum=None, dpi=70, test_set_size=None, run_before=True)
MnistDataVis.append_training_curves_data(self, x, accuracy, loss)
MnistDataVis.append_test_curves_data(self, x, accuracy, loss)
MnistDataVis.append_data_histograms(self, x, datavect1, datavect2, title1=None, title2=None)
MnistDataVis.update_image1(self, im)
MnistDataVis.update_image2(self, im)
MnistDataVis.get_max_test_accuracy(self)
MnistDataVis.is_paused(self)
MnistDataVis.show_on(self, figure, layout='0')
MnistDataVis.animate(self, compute_step, iterations, train_data_update_freq=20, \
test_data_update_freq=100, one_test_at_start=True, more_tests_at_start=False, save_movie=False)
"""


@pytest.mark.parametrize("signature", SIGNATURES.splitlines())
def test_names_and_orders_of_arguments(signature):
    name = signature.partition("(")[0]
    function = operator.attrgetter(name)(tensorflowvisu)
    assert name + str(inspect.signature(function)) == signature and function.__doc__
    assert tensorflowvisu.HISTOGRAM_BUCKETS == 7


# ---------- The mosaic ----------

def mosaic(images, answers, labels, classes=10, dtype=tf.float32, **options):
    """The mosaic of images with these answers and correct labels."""
    with tf.Graph().as_default(), tf.Session() as sess:
        X = tf.placeholder(dtype, [None] + list(images.shape[1:]))
        Y = tf.placeholder(tf.float32, [None, classes])
        Y_ = tf.placeholder(tf.float32, [None, classes])
        result = tf_format_mnist_images(X, Y, Y_, **options)
        assert result.dtype == tf.uint8
        picture = sess.run(result, {X: images, Y: np.eye(classes)[answers],
                                    Y_: np.eye(classes)[labels]})
    assert list(picture.shape) == result.shape.as_list()
    return picture


def cell(picture, k, per_line, height=28, width=28):
    line, column = divmod(k, per_line)
    return picture[line * height:(line + 1) * height, column * width:(column + 1) * width]


def test_mosaic_pixel_by_pixel():
    random = random_state()
    images = np.round(random.rand(120, 28, 28, 1) * 255) / 255
    labels = random.randint(0, 10, 120)
    answers = np.where(random.rand(120) < 0.2, (labels + 1) % 10, labels)
    wrong = np.flatnonzero(answers != labels)
    right = np.flatnonzero(answers == labels)
    assert 5 < len(wrong) < 50
    picture = mosaic(images, answers, labels)
    assert picture.shape == (280, 280, 3) and picture.dtype == np.uint8
    whole = mosaic(np.round(images * 255).astype(np.uint8), answers, labels, dtype=tf.uint8)
    assert abs(picture.astype(int) - whole).max() <= 1  # Whole numbers count to 255.
    order = np.concatenate([wrong, right])[:100]
    for place, k in enumerate(order):
        shown = cell(picture, place, 10).astype(int)
        expected = np.round((1 - images[k]) * (RED if k in wrong else WHITE))
        compared = np.ones([28, 28], bool)
        if k in wrong:  # Small print in two corners, a light line at two sides.
            assert (shown[27] == LIGHT).all() and (shown[:, 27] == LIGHT).all()
            compared[:9, 21:] = compared[19:, :7] = compared[27] = compared[:, 27] = False
        assert abs(shown - expected)[compared].max() <= 1, place


def test_small_print_reads_as_label_and_answer():
    labels, answers = np.arange(10), (np.arange(10) + 3) % 10
    picture = mosaic(np.zeros([10, 28, 28, 1]), answers, labels, n=10, lines=1)
    # The same glyphs, printed as the label of one image and as the answer of another: in opposite
    # corners, so that an answer does not read as a pair with the next label.
    glyphs = {}
    for k in range(10):
        print_ = (cell(picture, k, 10) != RED).any(axis=2)
        print_[27] = print_[:, 27] = False
        below, above = print_[20:27, 1:6], print_[1:8, 22:27]
        assert print_.sum() == below.sum() + above.sum()
        for number, glyph in ((labels[k], below), (answers[k], above)):
            assert (glyphs.setdefault(number, glyph) == glyph).all()
    assert len({glyph.tobytes() for glyph in glyphs.values()}) == 10
    # An 8 is symmetric and closed, a 1 has a foot.
    assert (glyphs[8] == glyphs[8][:, ::-1]).all()
    assert glyphs[1][-1].sum() == 3 and glyphs[1][3].sum() == 1


@pytest.mark.parametrize("height, width, channels, classes", [
    (8, 8, 1, 10), (32, 32, 3, 3), (64, 48, 3, 100), (28, 28, 1, 100), (56, 56, 1, 2)])
def test_mosaic_of_other_sizes_channels_and_classes(height, width, channels, classes):
    images = random_state().rand(6, height, width, channels)
    labels = np.array([0, 1, 0, 1, 0, 1])
    answers = labels.copy()
    answers[5] = classes - 1 if classes > 2 else 0
    picture = mosaic(images, answers, labels, classes, n=9, lines=3)
    assert picture.shape == (3 * height, 3 * width, 3)
    first, second = cell(picture, 0, 3, height, width), cell(picture, 1, 3, height, width)
    tinted = images[5] if channels == 3 else 1 - images[5]
    top = slice(0, height // 2), slice(0, width // 2)
    assert abs(first[top] - (tinted * RED)[top]).max() <= 1
    plain = images[0] if channels == 3 else 1 - images[0]
    assert abs(second - plain * WHITE).max() <= 1
    assert (picture[2 * height:] == 255).all()  # Room for more.


X_, ONE_HOT = np.zeros([5, 28, 28, 1], np.float32), np.eye(10, dtype=np.float32)[:5]


def placeholder(*shape):
    return lambda: tf.placeholder(tf.float32, shape)


@pytest.mark.parametrize("X, Y, Y_, options, word", [
    (placeholder(None, 784), ONE_HOT, ONE_HOT, {}, "X must be"),
    (placeholder(None, 28, 28, 2), ONE_HOT, ONE_HOT, {}, "X must be"),
    (placeholder(None, 28, 28, 1), placeholder(None, 101), placeholder(None, 101), {}, "Y must be"),
    (placeholder(None, 28, 28, 1), placeholder(None, 10), placeholder(None, 9), {}, "Y_ must be"),
    (placeholder(None, 28, 28, 1), placeholder(None, 10), placeholder(None), {}, "Y_ must be"),
    (placeholder(3, 28, 28, 1), placeholder(4, 10), placeholder(4, 10), {}, "of 3 and 4"),
    (X_, ONE_HOT, np.arange(5), {}, "Y_ must be"), (X_, ONE_HOT, 2 * ONE_HOT, {}, "Y_ must be"),
    (X_, ONE_HOT[:4], ONE_HOT[:4], {}, "of 5 and 4"), (None, ONE_HOT, ONE_HOT, {}, "X must be"),
    (X_, ONE_HOT, ONE_HOT, {"lines": 7}, "equal lines"),
    (X_, ONE_HOT, ONE_HOT, {"lines": None}, "lines must be"),
    (X_, ONE_HOT, ONE_HOT, {"n": 0}, "n must be"),
    (X_, ONE_HOT, ONE_HOT, {"n": "100"}, "n must be")])
def test_mosaic_refuses_what_it_cannot_show(X, Y, Y_, options, word):
    with tf.Graph().as_default() as graph:
        X, Y, Y_ = (value() if callable(value) else value for value in (X, Y, Y_))
        before = len(graph.get_operations())
        with pytest.raises((TypeError, ValueError), match=word):
            tf_format_mnist_images(X, Y, Y_, **options)
        assert len(graph.get_operations()) == before


def test_mosaic_of_arrays_and_eager_tensors():
    X, Y, Y_ = 255 * np.ones([3, 28, 28, 1]), np.eye(10)[[1, 2, 3]], np.eye(10)[[1, 2, 4]]
    X[2] = 0
    eager = [[tf.constant(value) for value in (X / 255, Y, Y_)]] if tf.executing_eagerly() else []
    for values in [(X, Y, Y_)] + eager:
        picture = tf_format_mnist_images(*values, n=4, lines=2)
        picture = picture.numpy() if eager else tf.Session().run(picture)
        assert picture.shape == (56, 56, 3) and picture.dtype == np.uint8
        assert picture[0, 0].tolist() == RED and picture[0, 30].tolist() == [0, 0, 0]


# ---------- Percentile bands ----------

@pytest.mark.parametrize("data", [
    np.arange(71.0), random_state().randn(185300).astype(np.float32), [3, 1, 2], [5], np.ones(100),
    random_state().randn(6, 5, 4), np.arange(7), [1, 2], np.zeros(30000, np.float32),
    1e-38 * random_state().randn(30000).astype(np.float32), 1e38 * random_state().rand(30000),
    np.append(1e9, random_state().randn(30000)).astype(np.float32),
    random_state().randint(0, 5, 30000), np.array([True, False]),
    random_state().randn(500).astype(np.float16)])
def test_bands_hold_equal_shares(data):
    boundaries = probability_distribution(data)
    ordered = np.sort(np.ravel(data).astype(float))
    positions = np.arange(8) / 7 * (len(ordered) - 1)
    assert boundaries.shape == (8,) and boundaries.dtype == np.float64
    assert np.allclose(boundaries, np.interp(positions, np.arange(len(ordered)), ordered))


@pytest.mark.parametrize("data", [[], [1, np.nan, 2], [np.inf, 1]])
def test_bands_of_nothing_and_of_infinities_are_nan(data):
    assert np.isnan(probability_distribution(data)).all()


# ---------- Data ----------

def filled(points=50, **options):
    datavis = MnistDataVis(**options)
    random = random_state()
    for i in range(points):
        datavis.append_training_curves_data(10 * i, 0.5 + 0.004 * i, 90 - i)
        datavis.append_data_histograms(10 * i, random.randn(700) * (1 + i), random.randn(70))
        if i % 5 == 0:
            datavis.append_test_curves_data(10 * i, 0.4 + 0.004 * i, 95 - i)
    return datavis


def test_a_visualiser_has_its_own_data_and_changes_no_array():
    data, image = random_state().randn(1000), np.full([280, 280, 3], 9, np.uint8)
    first, second = MnistDataVis(), MnistDataVis()
    first.append_data_histograms(0, data, data, title1="other")
    first.update_image1(image)
    assert (data == random_state().randn(1000)).all() and (image == 9).all()
    image[:] = 0  # A caller may use it again.
    assert (first.frame.image1 == 9).all()
    assert not len(second.frame.bands4) and second.frame.titles[3] == "Weights"


def test_max_test_accuracy_is_the_number_that_was_given():
    datavis = MnistDataVis()
    for accuracy in (np.float32(0.1), np.array([0.9223], np.float32), 0.5, np.float32(np.nan)):
        datavis.append_test_curves_data(0, accuracy, 1.0)
    assert str(datavis.get_max_test_accuracy()) == "0.9223"


with tf.Graph().as_default():
    TENSOR = tf.constant(0.5)


@pytest.mark.parametrize("method, arguments, name", [
    ("append_training_curves_data", (None, 0.5, 1.0), "x"),
    ("append_training_curves_data", (np.nan, 0.5, 1.0), "x"),
    ("append_training_curves_data", (0, [0.5, 0.6], 1.0), "accuracy"),
    ("append_test_curves_data", (0, TENSOR, 1.0), "accuracy"),
    ("append_test_curves_data", (0, 0.5, "1.0"), "loss"),
    ("append_data_histograms", ("a", [1], [1], "t", "u"), "x"),
    ("append_data_histograms", (0, None, [1], "t", "u"), "datavect1"),
    ("append_data_histograms", (0, [1], ["a"], "t", "u"), "datavect2"),
    ("update_image1", (None,), "im"), ("update_image2", ([["a"]],), "im"),
    ("update_image1", (np.zeros(28),), "im"), ("update_image1", (np.zeros([28, 28, 2]),), "im"),
    ("update_image2", (np.zeros([1, 28, 28, 3]),), "im"),
    ("update_image2", (np.zeros([0, 28, 3]),), "im")])
def test_wrong_arguments_are_named_and_nothing_is_kept(method, arguments, name):
    datavis = MnistDataVis()
    kept = datavis.frame
    with pytest.raises((TypeError, ValueError), match="^" + name + " must be "):
        getattr(datavis, method)(*arguments)
    assert datavis.frame is kept and np.isnan(datavis.get_max_test_accuracy())


def test_a_long_run_is_copied_seldom_and_drawn_as_it_is():
    random = random_state()
    pixels, copies, kept = [], set(), []
    for points in (1000, 60000):
        datavis = MnistDataVis()
        for i in range(points):
            height = 0.3 + 0.4 * (i % 2) + 0.1 * random.rand()
            datavis.append_training_curves_data(i * 60000 // points, height, float(i))
            # What was published stays as it was, so its memory is never taken again.
            copies.add(datavis.frame.training.__array_interface__["data"][0])
            if i in (10, 500, 40000):
                kept.append(datavis.frame.training)
        blue = inside(panels_of(datavis, "1")[0])[:, 20:-20, 0] < 200
        pixels.append(np.argwhere(blue[:, :-2])[:, 0])
    assert len(copies) < 30
    # To a pixel.
    assert abs(pixels[0].min() - pixels[1].min()) <= 2 >= abs(pixels[0].max() - pixels[1].max())
    assert all((rows[:, 2] == np.arange(len(rows))).all() for rows in kept)


def test_curves_and_ranges():
    x = np.arange(50)
    for axes, values, top in zip(panels_of(filled()), (0.5 + 0.004 * x, 90 - x), (1, 100)):
        training, test = line(axes, "training"), line(axes, "test")
        assert np.allclose(training.get_data(), [10 * x, values])
        assert test.get_linewidth() > training.get_linewidth()
        blue, red = (matplotlib.colors.to_rgb(one.get_color()) for one in (training, test))
        assert blue[2] == max(blue) and red[0] == max(red)
        assert axes.get_xlim() == (0, 500) and axes.get_ylim() == (0, top)
    datavis = MnistDataVis()
    datavis.append_test_curves_data(0, 92.5, 1.0)  # in percent
    assert panels_of(datavis)[0].get_ylim() == (0, 100)


@pytest.mark.parametrize("training, test, limits", [
    ([], [], (0, 100)), ([2300.0], [], (0, 3000)), ([2300.0, -20.0], [], (-20, 3000)),
    ([2300.0] + [5.0] * 10, [], (0, 100)), ([2.3], [], (0, 3)), ([7], [7], (0, 10)),
    ([-1.0, -3.0], [], (-3, 0)),
    # A loss that has never reached 10, as the mean of an image: 2.3 * 0.97**50 is 0.50.
    (2.3 * 0.97 ** np.arange(101), [], (0, 0.7)),
    (2.3 * 0.97 ** np.arange(101), [11.0], (0, 100)), ([5e-324], [], (0, 1)),
    ([1.7e308], [], (0, 1e300))])
def test_loss_axis(training, test, limits):
    datavis = MnistDataVis()
    for x, loss in enumerate(training):
        datavis.append_training_curves_data(x, 0.5, loss)
    for loss in test:
        datavis.append_test_curves_data(100, 0.5, loss)
    assert np.allclose(panels_of(datavis, "2", 20)[1].get_ylim(), limits, atol=0)


def test_close_up_shows_the_second_half(elsewhere):
    """Of this run and of the one before, as z does in a window."""
    def curve(accuracy, loss):
        return lambda i: (accuracy, loss) if i >= 500 else (0.1, 90.0)
    first = ran(1001, curve(0.98, 5.0), curve(0.97, 6.1))
    assert [axes.get_ylim() for axes in panels_of(first, "7z")[:2]] == [(0.95, 1), (0, 7)]
    second = ran(1001, curve(0.99, 3.0))
    assert [axes.get_ylim() for axes in panels_of(second, "0z")[:2]] == [(0.97, 1), (0, 7)]
    assert panels_of(second)[0].get_ylim() == (0, 1)
    # The one before is seen where this one is.
    early = ran(201, lambda i: (0.99, 2.0))
    assert [axes.get_ylim() for axes in panels_of(early, "7z")[:2]] == [(0, 1), (0, 100)]


def test_the_mouse_reads_the_panels(elsewhere):
    ran(2001, lambda i: (0.94123, 12.0))
    datavis = ran(1401, lambda i: (np.float32(0.965), 4.5), lambda i: (np.float32(0.97), 3.25))
    for i in range(0, 1241, 20):
        datavis.append_data_histograms(i, np.arange(8), [])
    accuracy, loss, digits, weights, biases = panels_of(datavis)[:5]
    assert accuracy.format_coord(1209.4, 0.2) == (
        "iteration 1,200: training 0.97, test 0.9650, run before 0.9412")
    assert loss.format_coord(1249, 50) == "iteration 1,200: training 3.25, test 4.5, run before 12"
    assert weights.format_coord(30, 50) == "iteration 20: 0, 1, 2, 3, 4, 5, 6, 7"
    for axes in (accuracy, weights):
        assert axes.format_coord(2100, 0.5) == axes.format_coord(-1, 0.5) == ""
    assert digits.format_coord(20, 30) == "" and not digits.images[0].mouseover


def test_bands_are_drawn_at_their_percentiles():
    datavis = MnistDataVis()
    for i in range(50):
        datavis.append_data_histograms(10 * i, (1 + i) * np.arange(8) - 3, [])
    axes = panels_of(datavis)[3]
    bands, = axes.collections
    paths = [path.vertices for path in bands.get_paths()]
    assert len(paths) == 4  # Each lies over the wider one around it, and makes two bands.
    for outer, vertices in enumerate(paths):
        for column in (0, 25, 49):
            here = vertices[np.isclose(vertices[:, 0], 10 * column)][:, 1]
            assert np.isclose(here.min(), (1 + column) * outer - 3)
            assert np.isclose(here.max(), (1 + column) * (7 - outer) - 3)
    darkness = [1 - color[:3].mean() for color in bands.get_facecolors()]
    assert darkness == sorted(darkness)  # Darker toward the median.
    bottom, top = axes.get_ylim()
    assert bottom <= -3 and top >= 347


@pytest.mark.parametrize("data, columns", [
    ([0.5], 20), ([-1, 1], 1), ([0.5], 1), ([0.5, 0.5001], 20), ([0.5] * 99 + [5], 20)])
def test_a_single_value_or_column_is_seen(data, columns):
    datavis = MnistDataVis()
    for i in range(columns):
        datavis.append_data_histograms(150 + 10 * i, data, data)
    # What comes then hides nothing.
    datavis.append_data_histograms(600, [0, 5], [0, 5])
    pixels = inside(panels_of(datavis)[3])[:, :-20]
    red = (pixels[..., 0] - pixels[..., 1] > 100).nonzero()
    assert len(red[0]) and np.ptp(red[1]) >= (100 if columns > 1 else 0)
    assert np.ptp(red[0]) >= (100 if data == [-1, 1] else 0)


@pytest.mark.parametrize("number, color", [(None, "#cf3e4b"), (0, "#2f6db5"), (1, "#cf3e4b"),
                                           (2, "#3c9a5f"), (3, "#2f6db5")])
def test_colour_numbers(number, color):
    bands, = panels_of(filled(2, histogram5colornum=number), "5", 20)[4].collections
    assert np.allclose(bands.get_facecolors()[-1, :3], matplotlib.colors.to_rgb(color))


def test_titles():
    long = "The weights of the third of five fully connected layers before the dropout"
    datavis = MnistDataVis(long, "two\nlines", None, "d", "e", "$5 for $x_$")
    datavis.append_data_histograms(0, [1, 2], [1, 2], title2="batch")
    axes = panels_of(datavis)
    titles, extents = zip(*[(one.get_title(), one.title.get_window_extent()) for one in axes])
    assert titles[1:] == ("two lines", "Training digits", "d", "batch", r"\$5 for \$x_\$")
    # A long one is shortened where it has no room.
    assert titles[0].endswith("…") and titles[0][:-1] in long
    assert extents[0].x0 >= 0 and extents[0].x1 < extents[1].x0
    assert panels_of(datavis, "1")[0].get_title() == long
    assert panels_of(MnistDataVis("l" * 10 ** 5))[0].get_title().endswith("l…")
    # Panels without data stay empty, under their titles.
    assert len(line(axes[0], "training").get_xdata()) == 0 and not axes[2].images[0].get_visible()
    assert pixels_of(axes[0].figure)[:30, 900:].min() < 100


# ---------- Images ----------

def digits_of_a_test(n=1000, side=28):
    """A mosaic of n digits, of which half are not recognised."""
    return mosaic(np.zeros([n, side, side, 1]), np.arange(n) % 2, np.zeros(n, int), n=n, lines=25)


@pytest.mark.parametrize("size, n, side, labels", [
    (10000, 1000, 28, ["100%", "98%", "96%", "94%", "92%", "90%"]),
    (2500, 1000, 14, ["100%", "92%", "84%", "76%", "68%", "60%"]),
    (500, 500, 16, ["100%", "80%", "60%", "40%", "20%", "0%"]),
    (500, 1000, 28, []), (None, 1000, 28, [])])
def test_red_part_ends_at_the_accuracy_on_the_scale(elsewhere, size, n, side, labels):
    """The size of the test set may be the loader's."""
    if size == 10000:
        mnistdata.latest = SimpleNamespace(test=SimpleNamespace(labels=np.zeros([size, 10])))
    picture = digits_of_a_test(n, side)
    datavis = MnistDataVis(test_set_size=None if size == 10000 else size)
    datavis.update_image2(picture)
    axes = panels_of(datavis, "6", 40)[5]
    assert [text.get_text() for text in axes.get_yticklabels()] == labels
    if labels:
        assert np.allclose(axes.get_yticks(), np.linspace(0, len(picture), 6) - 0.5)
        accuracies = [int(label[:-1]) for label in labels]
        red_lines = (picture[:, 0] == RED).all(axis=1).sum()
        end = np.interp(100 - 50 * n / size, accuracies[::-1], axes.get_yticks()[::-1])
        assert abs(red_lines - end - 0.5) <= side
    assert axes.get_ylim() == (len(picture) - 0.5, -0.5)


@pytest.mark.parametrize("shape, one", [
    ((28, 28), np.uint8(255)), ((28, 28, 1), np.float32(1)), ((28, 28, 3), np.int64(300)),
    ((28, 28, 4), True), ((28, 28), 255.0), ((28, 28, 3), 1.25), ((28, 28), np.uint64(2 ** 63))])
def test_images_of_all_kinds(shape, one):
    image = np.zeros(shape, type(one))
    image[10:20] = one
    image[20:] = one * 0.2 if one in (255, 1.25) else 0
    datavis = MnistDataVis()
    datavis.update_image1(np.full([9, 9], -1, np.int8))  # Which knows no 255.
    assert not datavis.frame.image1.any()
    datavis.update_image1(image)
    shown = panels_of(datavis, "3", 20)[2].images[0].get_array()
    assert (shown[10:20, ..., :3] == 255).all() and (shown[:10, ..., :3] == 0).all()
    assert one not in (255, 1.25) or set(shown[20:, ..., :3].ravel()) == {51 if one == 255 else 64}


# ---------- nan ----------

def test_nan_is_a_gap_and_is_explained_once(capsys):
    datavis = MnistDataVis()
    for i, loss in enumerate([3.0, 2.0, np.nan, np.inf, 1.0]):
        datavis.append_training_curves_data(i, 0.5, loss)
        datavis.append_data_histograms(i, [1.0, loss, 3.0], [loss if i < 2 else np.nan])
    notice = capsys.readouterr().err
    assert notice.count("tensorflowvisu: ") == 1 and notice.count("\n") == 1
    # Both causes, what cures each, and which class does what.
    for words in ("iteration 2", "learning rate that is too high: take a smaller one",
                  "correct class falls to 0 it is infinite", "wrong class does it is nan",
                  "tf.nn.softmax_cross_entropy_with_logits", "mnist_2.0"):
        assert words in notice
    panels = panels_of(datavis)
    values = line(panels[1], "training").get_ydata()
    assert np.isnan(values).tolist() == [False, False, True, True, False]
    spans = {(round(path.vertices[:, 0].min()), round(path.vertices[:, 0].max()))
             for path in panels[3].collections[0].get_paths()}
    assert spans == {(0, 1), (4, 4)}  # Columns 2 and 3 are missing.
    # A gap in the middle needs no words, an end of all numbers does, of both curves.
    texts = [[text.get_text() for text in axes.texts] for axes in panels[:5]]
    ended = "no finite numbers (nan)\nfrom iteration 2 on"
    assert texts == [[""], [""], [], [""], [ended]]
    for number, test in ((1, np.inf), (7, 2.0)):
        datavis = MnistDataVis()
        for i in range(5):
            datavis.append_training_curves_data(i, 0.5, 1.0 if i < 2 else np.nan)
        datavis.append_test_curves_data(number, 0.5, test)
        assert panels_of(datavis)[1].texts[0].get_text() == ("" if number == 7 else ended)


# ---------- The loop ----------

@pytest.mark.parametrize("options, tests", [
    ({}, [0, 100, 200, 250]), ({"one_test_at_start": False}, [100, 200, 250]),
    ({"more_tests_at_start": True}, [0, 20, 40, 60, 80, 100, 200, 250])])
def test_every_step_is_called_once_and_the_last_updates_both(elsewhere, options, tests):
    calls = []
    # Whole numbers of any type are taken.
    MnistDataVis(dpi=20).animate(lambda *call: calls.append(call), 502 / 2, np.int64(20),
                                 np.float32(100), **options)
    assert [i for i, _, _ in calls] == list(range(251))
    assert [i for i, _, train in calls if train] == list(range(0, 251, 20)) + [250]
    assert [i for i, test, _ in calls if test] == tests


def test_a_second_run_starts_afresh(elsewhere):
    datavis = MnistDataVis("long " * 20, dpi=20)
    for best in (0.9, 0.6):
        datavis.animate(
            lambda i, *_, best=best: datavis.append_test_curves_data(i, best, 1.0), 3)
        assert len(datavis.frame.test) == 3 and datavis.get_max_test_accuracy() == best
    status = panels_of(datavis)[0].figure.texts[0].get_text()
    assert status.endswith("max test" + 8 * " long" + "… 0.6 (run before: 0.9000)")


# ---------- What it looks like ----------

@pytest.mark.parametrize("scale, size", [
    (3e-4, INCHES), (4e5, (11.4, 8.5)), (0.02, INCHES), (7e30, (27.4, 15.4)), (9999.0, INCHES)])
def test_numbers_of_any_size_fit(scale, size):
    datavis = MnistDataVis()
    for i in range(0, 1200, 100):
        datavis.append_training_curves_data(1000 * i, 0.5, abs(scale))
        datavis.append_data_histograms(i, [-scale, 0, scale], [-scale, scale])
    axes = panels_of(datavis, inches=size)
    boxes = []
    for one in (axes[0], axes[1], axes[3], axes[4]):
        texts = one.get_yticklabels() + one.get_xticklabels() + [one.xaxis.label]
        shown = [text for text in texts if text.get_text() and text.get_visible()]
        boxes.append([text.get_window_extent() for text in shown])
        assert all(box.x0 >= 0 and box.x1 <= axes[0].figure.bbox.width for box in boxes[-1])
        numbers = [text.get_text() for text in one.get_yticklabels()]
        assert len(set(numbers)) == len(numbers) >= 2
        assert not any(box.overlaps(boxes[-1][-1]) for box in boxes[-1][:-1])  # It is the label's.
    for left, right in ((0, 1), (2, 3)):
        assert max(box.x1 for box in boxes[left]) < min(box.x0 for box in boxes[right])


def test_letters_lines_and_margins_grow_with_the_window():
    def looks(width, layout):
        """Title, numbers, thick line and left margin, in pixels."""
        axes = panels_of(filled(3), layout, inches=(width / 70, width * 9 / 16 / 70))[0]
        return np.array([axes.title.get_fontsize(), axes.get_xticklabels()[0].get_fontsize(),
                         line(axes, "test").get_linewidth(), axes.get_window_extent().x0])

    usual = looks(1344, "1")
    for width in (1100, 1920):  # Evenly, to a pixel of the margin.
        assert np.allclose(looks(width, "1") / usual, width / 1344, atol=0.03)
    assert np.allclose(looks(400, "1")[:3], looks(800, "1")[:3])
    assert (usual > 1.2 * looks(1344, "0")).all()


@pytest.mark.parametrize("iterations, end", [(300, 300), (101, 100), (2001, 2000), (7, 6), (1, 1)])
def test_axes_end_at_a_round_number(elsewhere, iterations, end):
    datavis = ran(iterations, lambda i: (0.5, 50.0))
    assert panels_of(datavis, "1", 20)[0].get_xlim() == (0, end)


@pytest.mark.parametrize("save", [False, True])
def test_curves_do_not_cross_the_legend(save):
    """Neither when drawn over a background, as in a window, nor in a picture that is saved."""
    legends = []
    for height in (0.5, 0.08):
        datavis = MnistDataVis()
        for i in range(0, 500, 10):
            datavis.append_test_curves_data(i, height, 50.0)
        accuracy = panels_of(datavis)[0]
        if save:
            accuracy.figure.savefig(os.devnull, format="rgba")
        legends.append(inside(accuracy.get_legend()))
    assert (legends[0] == legends[1]).all()


def test_a_figure_is_cleared_before_it_shows_the_panels_again():
    figure, datavis = Figure(), filled(2)
    for layout in ("0", "7"):
        datavis.show_on(figure, layout)
        assert len(figure.axes) == 6 and len(figure.texts) == 1
    figure.clear()
    figure.canvas.draw()


def test_settings_of_the_reader_do_not_show(elsewhere):
    def picture():
        datavis = filled(10, run_before=False)
        datavis.update_image1(random_state().randint(0, 255, [280, 280, 3]).astype(np.uint8))
        datavis.animate(lambda *_: None, 1)
        path, = elsewhere.glob("*.png")
        return imread(str(path))[:735]  # without the status line, which tells the seconds

    plain = picture()
    with matplotlib.rc_context():
        matplotlib.style.use("dark_background")
        matplotlib.rcParams.update({
            "image.origin": "lower", "image.aspect": "auto", "figure.autolayout": True,
            "font.size": 30, "axes.titlesize": 40, "savefig.bbox": "tight", "lines.linewidth": 9,
            "axes.grid": False, "image.interpolation": "bicubic", "xtick.top": True})
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert (picture() == plain).all()
        assert matplotlib.rcParams["font.size"] == 30  # The reader has them back.


def test_an_update_draws_what_a_whole_drawing_draws():
    """The panels over their kept background, beside the same drawn at once."""
    figure, datavis, random = Figure(figsize=INCHES, dpi=70), filled(20), random_state()
    dashboard = datavis.dashboard_on(figure)
    figure.canvas.draw()
    for i in range(200, 700, 50):
        datavis.append_training_curves_data(i, random.rand(), 200 * random.rand())
        datavis.append_data_histograms(i, random.randn(100) * i, random.randn(10))
        datavis.update_image2(random.randint(0, 255, [700, 1120, 3]).astype(np.uint8))
        dashboard.show(datavis.frame, str(i))
    updated = pixels_of(figure)
    figure.canvas.draw()
    assert abs(updated - pixels_of(figure)).max() <= 1


@pytest.mark.parametrize("inches", [INCHES, (14.6, 11)])
def test_mosaics_use_the_room(inches):
    datavis = MnistDataVis(test_set_size=10000)
    datavis.update_image1(np.zeros([280, 280, 3], np.uint8))
    datavis.update_image2(digits_of_a_test())
    axes = panels_of(datavis, inches=inches)
    width, height = axes[2].figure.bbox.size
    assert axes[5].get_window_extent().width > 0.29 * width
    assert axes[2].get_window_extent().height > 0.35 * height
    letters = axes[2].title.get_fontsize()
    # Both of one height, in the middle of the window, under larger titles at one height.
    axes = panels_of(datavis, "9", inches=inches)
    first, second = (axes[k].get_window_extent() for k in (2, 5))
    titles = [axes[k].title.get_window_extent() for k in (2, 5)]
    assert abs(first.height - second.height) < 2 and abs(titles[0].y0 - titles[1].y0) < 1
    assert first.width + second.width > 0.83 * width
    assert abs(first.y0 - (height - titles[0].y1)) < 0.1 * height
    assert axes[2].title.get_fontsize() > 1.2 * letters


# ---------- The run before ----------

@pytest.mark.parametrize("first, second", [(300, 3000), (3000, 300)])
def test_the_run_before_is_grey_and_behind_and_changes_no_axis(elsewhere, first, second):
    def curves(iterations, accuracy, loss):
        return panels_of(ran(iterations, lambda i: (accuracy, loss)), "7", inches=(14, 8))

    def grey(axes):
        pixels = inside(axes)[20:-60]  # Without the legend.
        return (abs(pixels - 0x9a) < 12).all(axis=2)[:, :80].any()

    alone, _, axes = curves(second, 0.9, 30), curves(first, 0.7, 50), curves(second, 0.9, 30)
    for k, value in enumerate((0.7, 50)):
        assert axes[k].get_xlim() == alone[k].get_xlim() == (0, second)
        assert axes[k].get_ylim() == alone[k].get_ylim()
        x, y = line(axes[k], "test, run before").get_data()
        assert x.tolist() == [*range(0, first, 50), first - 1] and (y == value).all()
    assert grey(axes[0]) and not grey(alone[0])
    # With the same curve in front of it, it is not seen.
    assert not grey(curves(second, 0.9, 30)[0])
