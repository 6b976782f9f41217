"""The visualiser's public names, its mosaic, its bands and the data that it keeps."""

import inspect
import os
import threading
import warnings

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

import mnistdata
import tensorflowvisu
from digits import random_state
from processes import run_python
from tensorflowvisu import MnistDataVis, probability_distribution, tf_format_mnist_images

tf = tensorflowvisu.tf
WHITE = [255, 255, 255]
RED = [255, 150, 140]
LIGHT = WHITE  # the line that sets red images apart
LABEL, ANSWER = [20, 40, 150], [120, 0, 10]
DEFAULT_TITLES = ["Accuracy", "Cross entropy loss", "Training digits", "Weights", "Biases",
                  "Test digits"]


INCHES = (19.2, 10.8)


def panels_of(datavis, layout="0", dpi=70, inches=INCHES):
    """The axes of the six panels, as they are drawn without a display."""
    return datavis.show_on(Figure(figsize=inches, dpi=dpi), layout).axes


def pixels_of(figure):
    """What has been drawn on a figure, int [height, width, 3]."""
    return np.array(figure.canvas.buffer_rgba())[..., :3].astype(int)


def line(axes, label):
    """The curve of this label."""
    return [one for one in axes.lines if one.get_label() == label][0]


def bands(axes):
    """The polygons of a panel of bands."""
    return axes.collections[0]


# ---------- Public names ----------

@pytest.mark.parametrize("function, arguments", [
    (tf_format_mnist_images, "(X, Y, Y_, n=100, lines=10)"),
    (probability_distribution, "(data)"),
    (MnistDataVis, "(title1=None, title2=None, title3=None, title4=None, title5=None, title6=None,"
     " histogram4colornum=None, histogram5colornum=None, dpi=70, test_set_size=None,"
     " run_before=True)"),
    (MnistDataVis.append_training_curves_data, "(self, x, accuracy, loss)"),
    (MnistDataVis.append_test_curves_data, "(self, x, accuracy, loss)"),
    (MnistDataVis.append_data_histograms,
     "(self, x, datavect1, datavect2, title1=None, title2=None)"),
    (MnistDataVis.update_image1, "(self, im)"),
    (MnistDataVis.update_image2, "(self, im)"),
    (MnistDataVis.get_max_test_accuracy, "(self)"),
    (MnistDataVis.is_paused, "(self)"),
    (MnistDataVis.show_on, "(self, figure, layout='0')"),
    (MnistDataVis.animate, "(self, compute_step, iterations, train_data_update_freq=20,"
     " test_data_update_freq=100, one_test_at_start=True, more_tests_at_start=False,"
     " save_movie=False)"),
])
def test_names_and_orders_of_arguments(function, arguments):
    assert str(inspect.signature(function)) == arguments
    assert function.__doc__
    assert tensorflowvisu.HISTOGRAM_BUCKETS == 7


# ---------- The mosaic ----------

def mosaic(images, answers, labels, classes=10, **options):
    """The mosaic of images with these answers and correct labels."""
    with tf.Graph().as_default(), tf.Session() as sess:
        X = tf.placeholder(tf.float32, [None] + list(images.shape[1:]))
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
    order = np.concatenate([wrong, right])[:100]
    for place, k in enumerate(order):
        shown = cell(picture, place, 10).astype(int)
        paper = RED if k in wrong else WHITE
        expected = np.round((1 - images[k]) * paper)
        if k in wrong:  # The small print stands in the corners below, a light line at two sides.
            assert (shown[27] == LIGHT).all() and (shown[:, 27] == LIGHT).all()
            expected, shown = expected[:19, :27], shown[:19, :27]
        assert abs(shown - expected).max() <= 1, place


def test_small_print_reads_as_label_and_answer():
    labels, answers = np.arange(10), (np.arange(10) + 3) % 10
    picture = mosaic(np.zeros([10, 28, 28, 1]), answers, labels, n=10, lines=1)
    # The same glyphs, printed as the label of one image and as the answer of another.
    glyphs = {}
    for k in range(10):
        print_ = (cell(picture, k, 10) != RED).any(axis=2)
        print_[27] = print_[:, 27] = False
        left, right = print_[20:27, 1:6], print_[20:27, 22:27]
        assert print_.sum() == left.sum() + right.sum()
        for number, glyph in ((labels[k], left), (answers[k], right)):
            assert (glyphs.setdefault(number, glyph) == glyph).all()
    assert len({glyph.tobytes() for glyph in glyphs.values()}) == 10
    # An 8 is symmetric and closed, a 1 has a foot.
    assert (glyphs[8] == glyphs[8][:, ::-1]).all()
    assert glyphs[1][-1].sum() == 3 and glyphs[1][3].sum() == 1


def test_test_digits_are_1000_on_25_lines():
    picture = mosaic(np.zeros([1200, 28, 28, 1]), np.zeros(1200, int), np.zeros(1200, int),
                     n=1000, lines=25)
    assert picture.shape == (700, 1120, 3) and (picture == 255).all()


def test_mosaic_with_fewer_images_stays_white():
    picture = mosaic(np.ones([3, 28, 28, 1]), np.array([0, 1, 2]), np.array([0, 1, 2]))
    assert (picture[:28, :84] == 0).all()
    assert (picture[:28, 84:] == 255).all() and (picture[28:] == 255).all()


@pytest.mark.parametrize("height, width, channels, classes", [
    (8, 8, 1, 10), (32, 32, 3, 10), (64, 48, 3, 100), (28, 28, 1, 100), (56, 56, 1, 2)])
def test_mosaic_of_other_sizes_channels_and_classes(height, width, channels, classes):
    images = random_state().rand(6, height, width, channels)
    labels = np.array([0, 1, 0, 1, 0, 1])
    answers = labels.copy()
    answers[5] = classes - 1 if classes > 2 else 0
    picture = mosaic(images, answers, labels, classes, n=6, lines=2)
    assert picture.shape == (2 * height, 3 * width, 3)
    first, second = cell(picture, 0, 3, height, width), cell(picture, 1, 3, height, width)
    tinted = images[5] if channels == 3 else 1 - images[5]
    top = slice(0, height // 3), slice(0, width - 1)
    assert abs(first[top] - (tinted * RED)[top]).max() <= 1
    plain = images[0] if channels == 3 else 1 - images[0]
    assert abs(second - plain * WHITE).max() <= 1


@pytest.mark.parametrize("shape, classes, options, word", [
    ([None, 784], 10, {}, "X must be"), ([None, 28, 28, 2], 10, {}, "X must be"),
    ([None, 28, 28, 1], 101, {}, "Y must be"), ([None, 28, 28, 1], 10, {"lines": 7}, "lines"),
    ([None, 28, 28, 1], 10, {"n": 0}, "n = 0")])
def test_mosaic_refuses_what_it_cannot_show(shape, classes, options, word):
    with tf.Graph().as_default():
        X, Y = tf.placeholder(tf.float32, shape), tf.placeholder(tf.float32, [None, classes])
        with pytest.raises(ValueError, match=word):
            tf_format_mnist_images(X, Y, Y, **options)


# ---------- Percentile bands ----------

@pytest.mark.parametrize("data", [
    np.arange(71.0), random_state().randn(185300).astype(np.float32), [3, 1, 2], [5], np.ones(100),
    random_state().randn(6, 5, 4), np.arange(7), [1, 2], np.zeros(30000, np.float32),
    1e-38 * random_state().randn(30000).astype(np.float32), 1e38 * random_state().rand(30000),
    np.append(1e9, random_state().randn(30000)).astype(np.float32),
    random_state().randint(0, 5, 30000)])
def test_bands_hold_equal_shares(data):
    boundaries = probability_distribution(data)
    ordered = np.sort(np.ravel(data).astype(float))
    positions = np.arange(8) / 7 * (len(ordered) - 1)
    assert boundaries.shape == (8,)
    assert np.allclose(boundaries, np.interp(positions, np.arange(len(ordered)), ordered))


@pytest.mark.parametrize("data", [[], [1, np.nan, 2], [np.inf, 1]])
def test_bands_of_nothing_and_of_infinities_are_nan(data):
    assert np.isnan(probability_distribution(data)).all()


def test_the_callers_arrays_stay_as_they_were():
    data = random_state().randn(1000)
    kept = data.copy()
    probability_distribution(data)
    datavis = MnistDataVis()
    datavis.append_data_histograms(0, data, data)
    image = np.full([280, 280, 3], 9, np.uint8)
    datavis.update_image1(image)
    assert (data == kept).all() and (image == 9).all()
    before = pixels_of(panels_of(datavis)[0].figure)
    image[:] = 0  # A caller may use the array again.
    assert (pixels_of(panels_of(datavis)[0].figure) == before).all()


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


def test_two_visualisers_share_nothing():
    first, second = filled(), MnistDataVis()
    assert np.isnan(second.get_max_test_accuracy())
    assert len(line(panels_of(second)[0], "training").get_xdata()) == 0
    assert len(line(panels_of(first)[0], "training").get_xdata()) == 50
    second.append_data_histograms(0, [1], [1], title1="other")
    assert panels_of(first)[3].get_title() == "Weights"


def test_max_test_accuracy_is_the_number_that_was_given():
    datavis = MnistDataVis()
    for accuracy in (np.float32(0.1), np.float32(0.9223), np.float32(0.5), np.float32(np.nan)):
        datavis.append_test_curves_data(0, accuracy, 1.0)
    assert str(datavis.get_max_test_accuracy()) == "0.9223"


def test_curves_and_ranges():
    accuracy, loss = panels_of(filled())[:2]
    for axes, values in ((accuracy, 0.5 + 0.004 * np.arange(50)), (loss, 90 - np.arange(50))):
        training = line(axes, "training")
        assert np.allclose(training.get_xdata(), 10 * np.arange(50))
        assert np.allclose(training.get_ydata(), values)
        assert line(axes, "test").get_linewidth() > training.get_linewidth()
        assert axes.get_xlim() == (0, 500)
    assert accuracy.get_ylim() == (0, 1)
    assert loss.get_ylim() == (0, 100)


def test_loss_axis_follows_losses_that_leave_it():
    datavis = MnistDataVis()
    datavis.append_training_curves_data(0, 0.1, 2300.0)
    assert panels_of(datavis)[1].get_ylim() == (0, 3000)
    datavis.append_training_curves_data(1, 0.1, -20.0)
    assert panels_of(datavis)[1].get_ylim() == (-20, 3000)
    for i in range(10):
        datavis.append_training_curves_data(2 + i, 0.1, 50.0)
    assert panels_of(datavis)[1].get_ylim() == (0, 100)


def test_bands_are_drawn_at_their_percentiles():
    axes = panels_of(filled())[3]
    random = random_state()
    rows = []
    for i in range(50):
        rows.append(np.append(10 * i, probability_distribution(random.randn(700) * (1 + i))))
        random.randn(70)
    rows = np.array(rows)
    paths = [path.vertices for path in bands(axes).get_paths()]
    assert len(paths) == 4  # Each lies over the wider one around it, and makes two bands.
    for outer, vertices in enumerate(paths):
        low, high = rows[:, 1 + outer], rows[:, 8 - outer]
        for column in (0, 25, 49):
            here = vertices[np.isclose(vertices[:, 0], rows[column, 0])][:, 1]
            assert np.isclose(here.min(), low[column]) and np.isclose(here.max(), high[column])
    darkness = [1 - color[:3].mean() for color in bands(axes).get_facecolors()]
    assert darkness == sorted(darkness)  # Darker toward the median.
    bottom, top = axes.get_ylim()
    assert bottom <= rows[:, 1].min() and top >= rows[:, 8].max()


@pytest.mark.parametrize("number, color", [(None, "#cf3e4b"), (0, "#2f6db5"), (1, "#cf3e4b"),
                                           (2, "#3c9a5f"), (3, "#2f6db5")])
def test_colour_numbers(number, color):
    datavis = filled(histogram5colornum=number)
    darkest = bands(panels_of(datavis)[4]).get_facecolors()[-1]
    assert np.allclose(darkest[:3], matplotlib.colors.to_rgb(color))


def test_titles():
    datavis = MnistDataVis()
    assert [axes.get_title() for axes in panels_of(datavis)] == DEFAULT_TITLES
    datavis = MnistDataVis("a", "b", "c", "d", "e", "f")
    datavis.append_data_histograms(0, [1, 2], [1, 2], title2="batch")
    assert [axes.get_title() for axes in panels_of(datavis)] == [
        "a", "b", "c", "d", "batch", "f"]


def test_panels_without_data_stay_empty():
    panels = panels_of(MnistDataVis())
    assert len(line(panels[0], "training").get_xdata()) == 0
    assert not panels[2].images[0].get_visible()


def test_dpi_scales_the_picture(elsewhere):
    from matplotlib.image import imread
    MnistDataVis(dpi=140).animate(lambda *_: None, 1)
    path, = elsewhere.glob("*.png")
    assert imread(str(path)).shape[:2] == (1512, 2688)


@pytest.mark.parametrize("shape, test_set_size, labels", [
    ((700, 1120, 3), 10000, ["100%", "98%", "96%", "94%", "92%", "90%"]),
    ((700, 1120, 3), 1000, ["100%", "80%", "60%", "40%", "20%", "0%"]),
    ((700, 1120, 3), 2500, ["100%", "92%", "84%", "76%", "68%", "60%"]),
    ((700, 1120, 3), 500, []), ((33, 35, 3), 10000, [])])
def test_scale_beside_the_test_digits(shape, test_set_size, labels):
    datavis = MnistDataVis(test_set_size=test_set_size)
    datavis.update_image2(np.zeros(shape, np.uint8))
    axes = panels_of(datavis)[5]
    assert [text.get_text() for text in axes.get_yticklabels()] == labels
    if labels:
        assert np.allclose(axes.get_yticks(), np.linspace(0, shape[0], 6) - 0.5)
    assert axes.get_ylim() == (shape[0] - 0.5, -0.5)


def test_red_part_ends_at_the_accuracy():
    labels = np.zeros(10000, int)
    answers = labels.copy()
    answers[::20] = 1  # 95 %
    picture = mosaic(np.zeros([10000, 28, 28, 1]), answers, labels, n=1000, lines=25)
    datavis = MnistDataVis(test_set_size=10000)
    datavis.update_image2(picture)
    axes = panels_of(datavis)[5]
    red_lines = (picture[:, 0] == RED).all(axis=1).sum()
    ticks = dict(zip([text.get_text() for text in axes.get_yticklabels()], axes.get_yticks()))
    expected = (ticks["96%"] + ticks["94%"]) / 2 + 0.5
    assert abs(red_lines - expected) <= 28


@pytest.mark.parametrize("shape", [(28, 28), (28, 28, 1), (28, 28, 3), (28, 28, 4)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_images_of_all_kinds(shape, dtype):
    datavis = MnistDataVis()
    datavis.update_image1(np.ones(shape, dtype))
    datavis.update_image2(np.zeros(shape, dtype))
    assert panels_of(datavis)[2].images[0].get_visible()


def test_pixels_of_a_zoom_are_seen_as_pixels():
    image = random_state().choice([0, 100, 255], [280, 280]).astype(np.uint8)
    datavis = MnistDataVis()
    datavis.update_image1(image)
    axes = panels_of(datavis, "3")[2]
    axes.set(xlim=(100, 120), ylim=(120, 100))
    axes.figure.canvas.draw()
    x0, y0, x1, y1 = [int(value) for value in axes.get_window_extent().extents]
    pixels = pixels_of(axes.figure)
    assert set(pixels[len(pixels) - y1 + 2:len(pixels) - y0 - 2, x0 + 2:x1 - 2].ravel()) == {
        0, 100, 255}


@pytest.mark.parametrize("shape", [(28,), (28, 28, 2), (1, 28, 28, 3), (0, 28, 3)])
def test_an_image_of_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match="An image must be"):
        MnistDataVis().update_image1(np.zeros(shape))


# ---------- nan ----------

def test_nan_is_a_gap_and_is_explained_once(capsys):
    datavis = MnistDataVis()
    for i, loss in enumerate([3.0, 2.0, np.nan, np.inf, 1.0]):
        datavis.append_training_curves_data(i, 0.5, loss)
        datavis.append_data_histograms(i, [1.0, loss, 3.0], [1.0])
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
    left = [path.vertices[:, 0].max() for path in bands(panels[3]).get_paths()]
    assert max(left) == 1  # Columns 2 and 3 are missing, and 4 stands alone.
    # A gap in the middle needs no words, an end of all numbers does.
    assert not [text.get_text() for axes in panels for text in axes.texts if text.get_text()]


def test_the_notice_about_nan_is_right():
    """What tf.log makes of probabilities that have underflowed to 0."""
    def cross_entropy(Y, Y_):
        with np.errstate(all="ignore"):
            return -(np.array(Y_, np.float32) * np.log(np.array(Y, np.float32))).mean()
    assert np.isposinf(cross_entropy([0, 1], [1, 0])) or np.isnan(cross_entropy([0, 1], [1, 0]))
    assert np.isposinf(cross_entropy([0, .5, .5], [1, 0, 0]))
    assert np.isnan(cross_entropy([0, 1], [0, 1]))


def test_panels_say_why_they_are_empty():
    datavis = MnistDataVis()
    for i in range(0, 50, 10):
        loss = 3.0 if i < 20 else np.nan
        datavis.append_training_curves_data(i, 0.5, loss)
        datavis.append_data_histograms(i, [loss, 1.0], [1.0, 2.0])
    texts = [[text.get_text() for text in axes.texts] for axes in panels_of(datavis)[:5]]
    assert texts == [[""], ["no finite numbers (nan)\nfrom iteration 20 on"], [],
                     ["no finite numbers (nan)\nfrom iteration 20 on"], [""]]


def test_nan_in_weights_is_explained(capsys):
    MnistDataVis().append_data_histograms(7, [1.0], [np.nan])
    assert '"Biases" at iteration 7 is not a finite number' in capsys.readouterr().err


# ---------- The loop ----------

def calls_of(iterations, *arguments, **options):
    """What animate asks for, without a display."""
    calls = []
    MnistDataVis().animate(lambda *call: calls.append(call), iterations, *arguments, **options)
    return calls


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A folder for the pictures, and no display."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tensorflowvisu, "DATA", str(tmp_path / "data"))
    monkeypatch.setattr(mnistdata, "latest", None)  # Other tests have read digits.
    monkeypatch.setenv("MPLBACKEND", "Agg")
    matplotlib.use("Agg")
    return tmp_path


def test_every_step_is_called_once_and_the_last_updates_both(elsewhere):
    calls = calls_of(251, 20, 100)
    assert [i for i, _, _ in calls] == list(range(251))
    assert [i for i, _, train in calls if train] == list(range(0, 251, 20)) + [250]
    assert [i for i, test, _ in calls if test] == [0, 100, 200, 250]


def test_tests_at_start(elsewhere):
    tests = [i for i, test, _ in calls_of(201, 20, 100, more_tests_at_start=True) if test]
    assert tests == [0, 20, 40, 60, 80, 100, 200]
    tests = [i for i, test, _ in calls_of(201, 20, 100, one_test_at_start=False) if test]
    assert tests == [100, 200]


@pytest.mark.parametrize("arguments", [
    (0,), (-1,), (1.5,), ("10",), (None,), (10, 0), (10, 5, 0), (True,), (float("nan"),),
    (float("inf"),), ([10],)])
def test_animate_refuses_what_would_train_nothing(arguments):
    with pytest.raises((TypeError, ValueError), match="whole number"):
        calls_of(*arguments)


@pytest.mark.parametrize("number", [6000 / 100, np.int64(60), np.float32(60)])
def test_whole_numbers_of_any_type_are_taken(elsewhere, number):
    assert len(calls_of(number, number / 3, number)) == 60


def test_animate_uses_the_callers_graph_and_session(elsewhere):
    seen = []
    with tf.Graph().as_default() as graph, tf.Session() as sess:
        MnistDataVis().animate(lambda *_: seen.append(
            (tf.get_default_graph(), tf.get_default_session())), 2)
        assert seen == [(graph, sess)] * 2


def test_an_exception_of_the_step_is_raised(elsewhere):
    def step(*_):
        raise KeyError("broken")
    with pytest.raises(KeyError, match="broken"):
        MnistDataVis().animate(step, 10)
    assert "training" not in [thread.name for thread in threading.enumerate()]


def test_a_folder_that_cannot_be_written_spoils_nothing(elsewhere, capsys, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")
    monkeypatch.setattr(tensorflowvisu.Figure, "savefig", refuse)
    assert len(calls_of(3)) == 3
    assert "could not be written" in capsys.readouterr().err


def test_a_second_run_starts_afresh(elsewhere):
    datavis = MnistDataVis()

    def step(i, test, train):
        datavis.append_training_curves_data(i, 0.5, 1.0)
        datavis.append_data_histograms(i, [1.0], [1.0], title1="mine")
        if test:
            datavis.append_test_curves_data(i, accuracy, 1.0)
        seen.append(len(line(panels_of(datavis)[0], "training").get_xdata()))

    for accuracy in (0.9, 0.2):  # noqa: B007
        seen = []
        datavis.animate(step, 3)
        assert seen == [1, 2, 3]
    assert datavis.get_max_test_accuracy() == 0.2


# ---------- What it looks like ----------

@pytest.mark.parametrize("scale", [3e-4, 4e5, 1e-12, 7e30, 0.02, 25.0, 9999.0])
def test_numbers_of_any_size_fit(scale):
    datavis = MnistDataVis()
    for i in range(0, 1200, 100):
        datavis.append_training_curves_data(1000 * i, 0.5, abs(scale))
        datavis.append_data_histograms(i, [-scale, 0, scale], [-scale, scale])
    for size in (INCHES, (11.4, 8.5)):
        axes = panels_of(datavis, inches=size)
        renderer = axes[0].figure.canvas.get_renderer()
        width = axes[0].figure.bbox.width
        boxes = []
        for one in (axes[0], axes[1], axes[3], axes[4]):
            texts = one.get_yticklabels() + one.get_xticklabels() + [one.yaxis.get_offset_text()]
            shown = [text for text in texts if text.get_text() and text.get_visible()]
            boxes.append([text.get_window_extent(renderer) for text in shown])
            assert all(box.x0 >= 0 and box.x1 <= width for box in boxes[-1])
        for left, right in ((0, 1), (2, 3)):
            assert max(box.x1 for box in boxes[left]) < min(box.x0 for box in boxes[right])


def test_long_titles_are_shortened():
    long = "The weights of the third of five fully connected layers before the dropout"
    axes = panels_of(MnistDataVis(long, "two\nlines"))
    extents = [one.title.get_window_extent() for one in axes[:3]]
    assert axes[0].get_title().endswith("…") and axes[0].get_title()[:-1] in long
    assert axes[1].get_title() == "two lines"
    assert extents[0].x0 >= 0 and extents[0].x1 < extents[1].x0 < extents[1].x1 < extents[2].x0
    assert panels_of(MnistDataVis(long), "1")[0].get_title() == long


@pytest.mark.parametrize("iterations, end", [(100, 100), (300, 300), (101, 100), (2001, 2000),
                                             (7, 6), (1, 1)])
def test_axes_end_at_a_round_number(elsewhere, iterations, end):
    datavis = MnistDataVis()
    datavis.animate(lambda i, *_: datavis.append_training_curves_data(i, 0.5, 50.0), iterations)
    assert panels_of(datavis)[0].get_xlim() == (0, end)


def test_curves_do_not_cross_the_legend():
    """Neither when drawn over a background, as in a window, nor in a picture that is saved."""
    figures = []
    for height in (0.5, 0.08):
        datavis = MnistDataVis()
        for i in range(0, 500, 10):
            datavis.append_training_curves_data(i, height, 50.0)
            datavis.append_test_curves_data(i, height, 50.0)
        figures.append(panels_of(datavis)[0].figure)
    box = figures[0].axes[0].get_legend().get_window_extent()
    x0, y0, x1, y1 = [int(value) for value in box.extents]
    for save in (False, True):
        inside = []
        for figure in figures:
            if save:
                figure.savefig(os.devnull, format="rgba")
            pixels = pixels_of(figure)
            inside.append(pixels[len(pixels) - y1 + 2:len(pixels) - y0 - 2, x0 + 2:x1 - 2])
        assert (inside[0] == inside[1]).all()


def test_settings_of_the_reader_do_not_show(elsewhere):
    from matplotlib.image import imread
    image = random_state().randint(0, 255, [280, 280, 3]).astype(np.uint8)

    def picture():
        datavis = MnistDataVis(run_before=False)

        def step(i, test, train):
            datavis.append_training_curves_data(i, 0.5, 50.0)
            datavis.append_test_curves_data(i, 0.4, 40.0)
            datavis.append_data_histograms(i, [-1.0, 1.0], [0.1, 0.2])
            datavis.update_image1(image)
        datavis.animate(step, 30, 10)
        path, = elsewhere.glob("*.png")
        pixels = imread(str(path))
        path.unlink()
        return pixels

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


def test_an_update_draws_what_a_whole_drawing_draws(elsewhere):
    """The panels over their kept background, beside the same drawn at once."""
    figure = Figure(figsize=INCHES, dpi=70)
    tensorflowvisu.FigureCanvasAgg(figure)
    datavis = filled(20)
    with tensorflowvisu._plain_style():
        dashboard = datavis.dashboard_on(figure)
        figure.canvas.draw()
        random = random_state()
        for i in range(200, 700, 10):
            datavis.append_training_curves_data(i, random.rand(), 200 * random.rand())
            datavis.append_data_histograms(i, random.randn(100) * i, random.randn(10))
            datavis.update_image2(random.randint(0, 255, [700, 1120, 3]).astype(np.uint8))
            dashboard.show(datavis.frame, str(i))
        updated = pixels_of(figure)
        figure.canvas.draw()
    assert abs(updated - pixels_of(figure)).max() <= 1


@pytest.mark.parametrize("layout, panels", [("9", (2, 5)), ("0", (2, 5))])
def test_mosaics_use_the_room(layout, panels):
    datavis = MnistDataVis()
    datavis.update_image1(np.zeros([280, 280, 3], np.uint8))
    datavis.update_image2(np.zeros([700, 1120, 3], np.uint8))
    axes = panels_of(datavis, layout)
    boxes = [axes[k].get_window_extent() for k in panels]
    tops = [axes[k].title.get_window_extent().y0 for k in panels]
    if layout == "9":
        assert abs(boxes[0].height - boxes[1].height) < 20 and abs(tops[0] - tops[1]) < 1
        assert boxes[0].width + boxes[1].width > 0.9 * 1344
    else:
        assert boxes[1].width > 400 and boxes[0].height > 300


def luminance(color):
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4
              for c in (value / 255 for value in color)]
    return np.dot(linear, [0.2126, 0.7152, 0.0722])


def test_small_print_can_be_read():
    picture = mosaic(np.ones([2, 28, 28, 1]), np.array([3, 1]), np.array([8, 2]), n=2, lines=1)
    for color in (LABEL, ANSWER):
        assert (luminance(RED) + 0.05) / (luminance(color) + 0.05) >= 4.5
    # On black ink each has a rim of paper; the right neighbour is set apart.
    first = cell(picture, 0, 2)
    for color in (LABEL, ANSWER):
        ink = np.argwhere((first == color).all(axis=2))
        assert len(ink) > 10
        for y, x in ink:
            around = first[y - 1:y + 2, x - 1:x + 2].reshape(-1, 3).tolist()
            assert all(one in (RED, color, LIGHT) for one in around)
    left = np.argwhere((first == LABEL).all(axis=2))[:, 1]
    right = np.argwhere((first == ANSWER).all(axis=2))[:, 1]
    assert left.max() < 8 and right.min() > 20


@pytest.mark.parametrize("kind", ["numpy", "eager"])
def test_mosaic_of_arrays_and_eager_tensors(kind, tmp_path):
    """In a process of its own, where TensorFlow 2 behaves as it does by itself."""
    script = tmp_path / "eager.py"
    script.write_text(
        "import sys\nsys.path.insert(0, {!r})\nimport numpy as np\nimport tensorflowvisu\n"
        "tf = tensorflowvisu.tf\ntf.enable_eager_execution()\n"
        "X, Y = np.zeros([3, 28, 28, 1]), np.eye(10)[[1, 2, 3]]\nY_ = np.eye(10)[[1, 2, 4]]\n"
        "if {!r} == 'eager':\n    X, Y, Y_ = (tf.constant(value) for value in (X, Y, Y_))\n"
        "picture = tensorflowvisu.tf_format_mnist_images(X, Y, Y_, n=4, lines=2).numpy()\n"
        "print(picture.shape, picture.dtype, picture[0, 0].tolist(), picture[0, 30].tolist())\n"
        .format(os.path.dirname(tensorflowvisu.__file__), kind))
    done = run_python(script)
    assert done.stdout == "(56, 56, 3) uint8 [255, 150, 140] [255, 255, 255]\n", done.stderr


def test_room_for_many_images_costs_little(tmp_path):
    """600,000 images' room is 1.4 GB of white; the process takes little more."""
    script = tmp_path / "large.py"
    script.write_text(
        "import resource, sys\nsys.path.insert(0, {!r})\nimport numpy as np\n"
        "import tensorflowvisu\ntf = tensorflowvisu.tf\n"
        "with tf.Graph().as_default(), tf.Session() as sess:\n"
        "    Y = np.eye(10)[np.zeros(100, int)]\n"
        "    X = np.zeros([100, 28, 28, 1])\n"
        "    m = tensorflowvisu.tf_format_mnist_images(X, Y, Y, 600000, 600)\n"
        "    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "    assert sess.run(m).shape == (16800, 28000, 3)\n"
        "    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)\n"
        .format(os.path.dirname(tensorflowvisu.__file__)))
    done = run_python(script)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 5000  # The tensor and a copy of it, in megabytes.


# ---------- The run before ----------

def run_of(datavis, iterations=201, accuracy=0.9, **options):
    """A run with these test accuracies, without a display."""
    def step(i, test, train):
        if train:
            datavis.append_training_curves_data(i, 0.5, 60.0)
        if test:
            datavis.append_test_curves_data(i, accuracy - 0.1 / (i + 1), 30.0)
    datavis.animate(step, iterations, 10, 50, **options)
    return datavis


def before_in(datavis):
    """The curves of the run before in the two panels, None where it is not shown."""
    lines = [[one for one in axes.lines if "run before" in one.get_label()]
             for axes in panels_of(datavis)[:2]]
    return [one[0].get_xydata().tolist() if one else None for one in lines]


def test_the_run_before_is_kept_and_shown(elsewhere):
    assert before_in(run_of(MnistDataVis(), accuracy=0.8)) == [None, None]
    content = (elsewhere / "data" / "last_run.csv").read_text().splitlines()
    assert content[0].startswith("# script: ") and "; digits: its own" in content[0]
    assert content[2].split(",")[:3] == ["0", "0.5", "60"] and len(content) == 2 + 21
    assert os.listdir(str(elsewhere / "data")) == ["last_run.csv"]
    second = run_of(MnistDataVis(), accuracy=0.9)
    x = [0, 50, 100, 150, 200]
    accuracy, loss = before_in(second)
    assert np.allclose(accuracy, [[i, 0.8 - 0.1 / (i + 1)] for i in x])
    assert np.allclose(loss, [[i, 30] for i in x])
    figure = panels_of(second)[0].figure
    assert "(run before: 0.7995)" in figure.texts[0].get_text()
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels[:2] == ["training", "test"] and labels[2].startswith("test, run before (")


@pytest.mark.parametrize("shorter_first", [True, False])
def test_the_run_before_changes_no_axis(elsewhere, shorter_first):
    first, second = (300, 3000) if shorter_first else (3000, 300)
    run_of(MnistDataVis(), first)
    alone = panels_of(run_of(MnistDataVis(run_before=False), second))
    axes = panels_of(run_of(MnistDataVis(), second))
    for k in (0, 1):
        assert axes[k].get_xlim() == alone[k].get_xlim() == (0, second)
        assert axes[k].get_ylim() == alone[k].get_ylim()


def test_the_run_before_is_grey_and_behind(elsewhere):
    run_of(MnistDataVis(), accuracy=0.7)
    pixels = pixels_of(panels_of(run_of(MnistDataVis(), accuracy=0.9), "1")[0].figure)
    grey = (abs(pixels - 0x9a) < 12).all(axis=2)
    height, width = grey.shape
    row = grey[:, width // 2].nonzero()[0]
    assert len(row)
    # With the same curve in front of it, it is not seen.
    run_of(MnistDataVis(), accuracy=0.9)
    pixels = pixels_of(panels_of(run_of(MnistDataVis(), accuracy=0.9), "1")[0].figure)
    red = (pixels[..., 0] - pixels[..., 1] > 90)[:, width // 2].nonzero()[0]
    assert len(red) and not (abs(pixels - 0x9a) < 12).all(axis=2)[red.min():red.max(),
                                                                  width // 2].any()


@pytest.mark.parametrize("content", [
    b"", b"hello", b"\x00\xff" * 1000, b"# script: a; time: b; TensorFlow: c; digits: its own\n",
    b"# script: a; time: b; TensorFlow: c; digits: its own\n1,2,3\n",
    b"# script: a; time: b; TensorFlow: c; digits: its own\n# x\n0,1,2,3,4\n10,1,2,3",
    b"# script: a; time: b; TensorFlow: c; digits: its own\n# x\n0,1,2,nan,nan\n",
    b"# script: a; time: b; TensorFlow: c; digits: its own\n# x\n0,1,2,<html>,4\n",
    b"# script: a; time: b; TensorFlow: c; digits: MNIST\n# x\n0,1,2,3,4\n",
    b"# script: a; time: b; TensorFlow: c; digits: generated\n# x\n0,1,2,3,4\n"])
def test_bad_files_are_passed_over(elsewhere, capsys, content):
    (elsewhere / "data").mkdir()
    (elsewhere / "data" / "last_run.csv").write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        datavis = run_of(MnistDataVis())
    assert before_in(datavis) == [None, None]
    assert len(capsys.readouterr().err.splitlines()) == 2  # Of the missing display only.


def test_a_folder_in_the_place_of_the_file_is_passed_over(elsewhere):
    (elsewhere / "data" / "last_run.csv").mkdir(parents=True)
    assert before_in(run_of(MnistDataVis())) == [None, None]
    assert os.listdir(str(elsewhere / "data")) == ["last_run.csv"]


def test_digits_of_another_kind_are_not_compared(elsewhere, monkeypatch):
    run_of(MnistDataVis())

    class Digits:
        generated = True

        class train:
            epochs_completed = 0

        class test:
            images = np.zeros([10000, 28, 28, 1])

    monkeypatch.setattr(mnistdata, "latest", Digits)
    assert before_in(run_of(MnistDataVis())) == [None, None]
    assert before_in(run_of(MnistDataVis()))[0]
    Digits.generated = False
    assert before_in(run_of(MnistDataVis())) == [None, None]


def test_without_the_run_before_no_file_is_read_or_written(elsewhere):
    run_of(MnistDataVis(run_before=False))
    assert not (elsewhere / "data").exists()
    run_of(MnistDataVis())
    kept = (elsewhere / "data" / "last_run.csv").read_bytes()
    assert before_in(run_of(MnistDataVis(run_before=False), accuracy=0.1)) == [None, None]
    assert (elsewhere / "data" / "last_run.csv").read_bytes() == kept


def test_a_run_that_raised_keeps_the_earlier_file(elsewhere):
    run_of(MnistDataVis())
    kept = (elsewhere / "data" / "last_run.csv").read_bytes()
    datavis = MnistDataVis()

    def step(i, test, train):
        datavis.append_test_curves_data(i, 0.1, 1.0)
        if i == 90:
            raise KeyError
    with pytest.raises(KeyError):
        datavis.animate(step, 100)
    assert (elsewhere / "data" / "last_run.csv").read_bytes() == kept
