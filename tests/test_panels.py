"""The visualiser's public names, its mosaic, its bands and the data that it keeps."""

import inspect
import sys
import threading
import time

import matplotlib
import numpy as np
import pytest

import tensorflowvisu
from conftest import random_state
from tensorflowvisu import MnistDataVis, probability_distribution, tf_format_mnist_images

tf = tensorflowvisu.tf
WHITE = [255, 255, 255]
RED = [255, 150, 140]
DEFAULT_TITLES = ["Accuracy", "Cross entropy loss", "Training digits", "Weights", "Biases",
                  "Test digits"]


def figure_of(datavis):
    """The panels as they are drawn without a display."""
    panels = datavis._new_figure()
    panels.figure.canvas.draw()
    return panels


def pixels_of(panels):
    return np.array(panels.figure.canvas.get_renderer()._renderer).reshape(
        [int(size) for size in panels.figure.bbox.size[::-1]] + [4])[..., :3].astype(int)


# ---------- Public names ----------

@pytest.mark.parametrize("function, arguments", [
    (tf_format_mnist_images, "(X, Y, Y_, n=100, lines=10)"),
    (probability_distribution, "(data)"),
    (MnistDataVis, "(title1=None, title2=None, title3=None, title4=None, title5=None, title6=None,"
     " histogram4colornum=None, histogram5colornum=None, dpi=70, test_set_size=10000)"),
    (MnistDataVis.append_training_curves_data, "(self, x, accuracy, loss)"),
    (MnistDataVis.append_test_curves_data, "(self, x, accuracy, loss)"),
    (MnistDataVis.append_data_histograms,
     "(self, x, datavect1, datavect2, title1=None, title2=None)"),
    (MnistDataVis.update_image1, "(self, im)"),
    (MnistDataVis.update_image2, "(self, im)"),
    (MnistDataVis.get_max_test_accuracy, "(self)"),
    (MnistDataVis.is_paused, "(self)"),
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
        if k in wrong:  # The small print stands in the corners below.
            expected, shown = expected[:19], shown[:19]
        assert abs(shown - expected).max() <= 1, place


def test_small_print_reads_as_label_and_answer():
    labels, answers = np.arange(10), (np.arange(10) + 3) % 10
    picture = mosaic(np.zeros([10, 28, 28, 1]), answers, labels, n=10, lines=1)
    # The same glyphs, printed as the label of one image and as the answer of another.
    glyphs = {}
    for k in range(10):
        print_ = (cell(picture, k, 10) != RED).any(axis=2)
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
    assert abs(first[:height // 3] - (tinted * RED)[:height // 3]).max() <= 1
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
    figure_of(datavis)
    assert (data == kept).all() and (image == 9).all()
    image[:] = 0  # A caller may use the array again.
    assert (datavis._image1 == 9).all()


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
    assert len(second._frame().training) == len(second._frame().bands4) == 0
    assert first._frame().training.shape == (50, 3)
    second.append_data_histograms(0, [1], [1], title1="other")
    assert figure_of(first).panels[4].axes.get_title() == "Weights"


def test_max_test_accuracy_is_the_number_that_was_given():
    datavis = MnistDataVis()
    for accuracy in (np.float32(0.1), np.float32(0.9223), np.float32(0.5), np.float32(np.nan)):
        datavis.append_test_curves_data(0, accuracy, 1.0)
    assert str(datavis.get_max_test_accuracy()) == "0.9223"


def test_curves_and_ranges():
    panels = figure_of(filled())
    for number, column in ((1, 1), (2, 2)):
        line = panels.panels[number].training
        assert np.allclose(line.get_xdata(), 10 * np.arange(50))
        assert np.allclose(line.get_ydata(), 0.5 + 0.004 * np.arange(50) if column == 1
                           else 90 - np.arange(50))
        assert panels.panels[number].test.get_linewidth() > line.get_linewidth()
    assert panels.panels[1].axes.get_ylim() == (0, 1)
    assert panels.panels[2].axes.get_ylim() == (0, 100)
    assert panels.panels[1].axes.get_xlim() == (0, 500)


def test_loss_axis_follows_losses_that_leave_it():
    datavis = MnistDataVis()
    datavis.append_training_curves_data(0, 0.1, 2300.0)
    assert figure_of(datavis).panels[2].axes.get_ylim() == (0, 3000)
    datavis.append_training_curves_data(1, 0.1, -20.0)
    assert figure_of(datavis).panels[2].axes.get_ylim() == (-20, 3000)
    for i in range(10):
        datavis.append_training_curves_data(2 + i, 0.1, 50.0)
    assert figure_of(datavis).panels[2].axes.get_ylim() == (0, 100)


def test_bands_are_drawn_at_their_percentiles():
    datavis = filled()
    panel = figure_of(datavis).panels[4]
    rows = datavis._frame().bands4
    paths = [path.vertices for path in panel.bands.get_paths()]
    assert len(paths) == 4  # Each lies over the wider one around it, and makes two bands.
    for outer, vertices in enumerate(paths):
        low, high = rows[:, 1 + outer], rows[:, 8 - outer]
        for column in (0, 25, 49):
            here = vertices[np.isclose(vertices[:, 0], rows[column, 0])][:, 1]
            assert np.isclose(here.min(), low[column]) and np.isclose(here.max(), high[column])
    darkness = [1 - color[:3].mean() for color in panel.bands.get_facecolors()]
    assert darkness == sorted(darkness)  # Darker toward the median.
    bottom, top = panel.axes.get_ylim()
    assert bottom <= rows[:, 1].min() and top >= rows[:, 8].max()


@pytest.mark.parametrize("number, color", [(None, "#cf3e4b"), (0, "#2f6db5"), (1, "#cf3e4b"),
                                           (2, "#3c9a5f"), (3, "#2f6db5")])
def test_colour_numbers(number, color):
    datavis = filled(histogram5colornum=number)
    darkest = figure_of(datavis).panels[5].bands.get_facecolors()[-1]
    assert np.allclose(darkest[:3], matplotlib.colors.to_rgb(color))


def test_titles():
    datavis = MnistDataVis()
    assert [figure_of(datavis).panels[k].axes.get_title() for k in range(1, 7)] == DEFAULT_TITLES
    datavis = MnistDataVis("a", "b", "c", "d", "e", "f")
    datavis.append_data_histograms(0, [1, 2], [1, 2], title2="batch")
    assert [figure_of(datavis).panels[k].axes.get_title() for k in range(1, 7)] == [
        "a", "b", "c", "d", "batch", "f"]


def test_panels_without_data_stay_empty():
    panels = figure_of(MnistDataVis())
    assert len(panels.panels[1].training.get_xdata()) == 0
    assert not panels.panels[3].image.get_visible()


def test_dpi_scales_the_picture():
    panels = figure_of(MnistDataVis(dpi=140))
    assert tuple(panels.figure.bbox.size) == (2688, 1512)


@pytest.mark.parametrize("shape, test_set_size, labels", [
    ((700, 1120, 3), 10000, ["100%", "98%", "96%", "94%", "92%", "90%"]),
    ((700, 1120, 3), 1000, ["100%", "80%", "60%", "40%", "20%", "0%"]),
    ((700, 1120, 3), 2500, ["100%", "92%", "84%", "76%", "68%", "60%"]),
    ((700, 1120, 3), 500, []), ((33, 35, 3), 10000, [])])
def test_scale_beside_the_test_digits(shape, test_set_size, labels):
    datavis = MnistDataVis(test_set_size=test_set_size)
    datavis.update_image2(np.zeros(shape, np.uint8))
    axes = figure_of(datavis).panels[6].axes
    assert [text.get_text() for text in axes.get_yticklabels()] == labels
    if labels:
        assert np.allclose(axes.get_yticks(), np.linspace(0, shape[0], 6) - 0.5)
    assert axes.get_ylim() == (shape[0] - 0.5, -0.5)


def test_red_part_ends_at_the_accuracy():
    labels = np.zeros(10000, int)
    answers = labels.copy()
    answers[::20] = 1  # 95 %
    picture = mosaic(np.zeros([10000, 28, 28, 1]), answers, labels, n=1000, lines=25)
    datavis = MnistDataVis()
    datavis.update_image2(picture)
    axes = figure_of(datavis).panels[6].axes
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
    assert figure_of(datavis).panels[3].image.get_visible()


@pytest.mark.parametrize("shape", [(28,), (28, 28, 2), (1, 28, 28, 3), (0, 28, 3)])
def test_an_image_of_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match="An image must be"):
        MnistDataVis().update_image1(np.zeros(shape))


@pytest.mark.parametrize("points", [[0], [6, 2, -40, 3]])
def test_an_update_returns_all_boxes_that_it_changes(points):
    """A window is given these boxes only; what is drawn must not differ elsewhere.

    A step may append several points, and not in the order of their iterations.
    """
    random = random_state()
    datavis = MnistDataVis()
    panels = datavis._new_figure()
    narrow = 0
    before = None
    for i in range(0, 900, 7):
        for point in points:
            datavis.append_training_curves_data(i + point, random.rand(), 60 + 30 * random.rand())
        datavis.append_data_histograms(i, random.randn(100) * (1 + i / 300), random.randn(10))
        if i % 35 == 0:
            datavis.append_test_curves_data(i, random.rand(), 60 + 30 * random.rand())
            datavis.update_image2(random.randint(0, 255, [280, 280, 3]).astype(np.uint8))
        boxes = panels.show(datavis._frame())
        after = pixels_of(panels)
        if before is not None:
            allowed = np.zeros(after.shape[:2], bool)
            for box in boxes:
                x0, y0, x1, y1 = [int(value) for value in box.extents]
                allowed[len(allowed) - y1:len(allowed) - y0, x0:x1] = True
            # Where a line was before, its smoothed edge may change by a shade.
            outside = np.argwhere((abs(after - before) > 60).any(axis=2) & ~allowed)
            assert not len(outside), (i, outside.min(axis=0), outside.max(axis=0))
            narrow += len(boxes) > 2 and allowed.mean() < 0.2
        before = after.copy()
    assert narrow > 50


def test_first_data_in_a_window_that_was_drawn_before():
    datavis = MnistDataVis("", "", "", "", "", "")
    panels = datavis._new_figure()
    panels.figure.canvas.draw()
    datavis.append_data_histograms(0, [-0.1, 0.1], [-0.1, 0.1])
    panels.show(datavis._frame())
    datavis.append_data_histograms(9, [-0.1, 0.1], [-0.1, 0.1])
    panels.show(datavis._frame())
    assert len(panels.panels[4].bands.get_paths()) == 4


# ---------- nan ----------

def test_nan_is_a_gap_and_is_explained_once(capsys):
    datavis = MnistDataVis()
    for i, loss in enumerate([3.0, 2.0, np.nan, np.inf, 1.0]):
        datavis.append_training_curves_data(i, 0.5, loss)
        datavis.append_data_histograms(i, [1.0, loss, 3.0], [1.0])
    notice = capsys.readouterr().err
    assert notice.count("log(0)") == 1 and notice.count("\n") == 1
    assert "tf.nn.softmax_cross_entropy_with_logits" in notice and "iteration 2" in notice
    panels = figure_of(datavis)
    values = panels.panels[2].training.get_ydata()
    assert np.isnan(values).tolist() == [False, False, True, True, False]
    left = [path.vertices[:, 0].max() for path in panels.panels[4].bands.get_paths()]
    assert max(left) == 1  # Columns 2 and 3 are missing, and 4 stands alone.


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
    (0,), (-1,), (1.5,), (10.0,), ("10",), (None,), (10, 0), (10, 5, 0), (True,)])
def test_animate_refuses_what_would_train_nothing(arguments):
    with pytest.raises(ValueError, match="whole number"):
        calls_of(*arguments)


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
    assert threading.active_count() == 1


def test_a_folder_that_cannot_be_written_spoils_nothing(elsewhere, capsys, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")
    monkeypatch.setattr(tensorflowvisu.Figure, "savefig", refuse)
    assert len(calls_of(3)) == 3
    assert "could not be written" in capsys.readouterr().err


def test_no_frame_is_lost_between_the_threads():
    """Where one were lost, the training would wait for ever for its drawing."""
    class Run:
        stopped = False

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # The threads take turns as often as they can.
    try:
        mailbox = tensorflowvisu._Mailbox(Run, every=True)
        sender = threading.Thread(
            target=lambda: [mailbox.put(number) for number in range(1, 5001)], daemon=True)
        sender.start()
        taken = []
        end = time.time() + 30
        while len(taken) < 5000 and time.time() < end:
            frame = mailbox.take()
            if frame:
                taken.append(frame)
                mailbox.drawn()
        assert taken == list(range(1, 5001))
    finally:
        Run.stopped = True
        sys.setswitchinterval(interval)


def test_earlier_pictures_are_kept(elsewhere, capsys):
    for _ in range(3):
        calls_of(2)
    names = sorted(path.name for path in elsewhere.iterdir())
    assert len(names) == 3
    assert len([name for name in names if name.endswith(("-1.png", "-2.png"))]) == 2
    assert "is kept as" in capsys.readouterr().err
