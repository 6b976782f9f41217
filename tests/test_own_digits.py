"""The step in which the network is kept and reads one's own digits, from pictures and a window."""

import os
import re
import shutil
import signal
import sys
import types

import numpy as np
import pytest
from PIL import Image

import mnistdata
import next_steps
from digits import write_digits
from loading import content_of
from processes import wait_until, without_memory_lines
from screens import xdotool
from scripts import start_script

NAME = "mnist_7.0_own_digits.py"

# The module that the diff makes, too.
MODULE = next_steps.text_of_module(NAME)
own_digits = types.ModuleType("own_digits")
exec(MODULE, own_digits.__dict__)


# ---------- What the network sees ----------

def somewhere(image, random, factor=5):
    """An image [28, 28], enlarged and put somewhere on a larger paper."""
    room = [(random.randint(90), random.randint(90)) for _ in range(2)]
    return np.pad(image.repeat(factor, 0).repeat(factor, 1), room, "constant")


def test_as_mnist_gives_mnist_s_own_digits_back(real_mnist, monkeypatch):
    monkeypatch.setenv("MNIST_DATA", real_mnist)
    images = mnistdata.read_data_sets("data").test.images[:300, :, :, 0]
    random = np.random.RandomState(7)
    same = [np.allclose(own_digits.as_mnist(somewhere(image, random)), image, atol=1e-5)
            for image in images]
    assert np.mean(same) > 0.99


@pytest.mark.parametrize("size", [(250, 130), (90, 201), (40, 40), (12, 7), (300, 2), (1, 1)])
def test_as_mnist_against_means_of_smaller_pixels(size):
    ink = np.random.RandomState(7).uniform(0.2, 1, size).astype(np.float32)
    image = own_digits.as_mnist(np.pad(ink, [(13, 40), (25, 3)], "constant"))
    assert image.shape == (28, 28) and image.dtype == np.float32
    assert image.min() >= 0 and image.max() <= 1
    # The ink fits a box of 20 x 20, and has the mean of what each pixel covers: all are cut into
    # pieces that go into both sizes, of which the mean is taken.
    rows, columns = (np.flatnonzero(image.any(axis=axis)) for axis in (1, 0))
    high, wide = (max(1, int(round(20 * side / max(size)))) for side in size)
    box = image[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]
    assert box.shape == (high, wide) and max(box.shape) == 20
    pieces = ink.repeat(high, 0).repeat(wide, 1)
    expected = pieces.reshape([high, size[0], wide, size[1]]).mean(axis=(1, 3))
    assert np.allclose(box, expected, atol=1e-4)
    # The centre of mass is on pixel 14, 14, up to half a pixel.
    for axis in (0, 1):
        middle = (image.sum(axis=1 - axis) * np.arange(28)).sum() / image.sum()
        assert abs(middle - 14) <= 0.5 + 1e-4


def test_as_mnist_of_little_and_of_nothing():
    assert not own_digits.as_mnist(np.zeros([50, 60])).any()
    assert not own_digits.as_mnist(np.zeros([0, 0])).any()
    # Ink that lies at one end only is moved as far as 28 x 28 allow.
    club = np.full([200, 20], 0.01)
    club[180:] = 1
    image = own_digits.as_mnist(club)
    assert image[:20].any() and image.max() == 1
    with pytest.raises(ValueError, match="must be .height, width., not"):
        own_digits.as_mnist(np.zeros([28, 28, 1]))


COLOURS = {
    "dark on light": ((245, 240, 230), (30, 30, 40)),
    "light on dark": ((20, 60, 40), (240, 240, 235)),
    "red on white": ((255, 255, 255), (220, 30, 30)),
    "pencil": ((235, 235, 235), (150, 150, 155)),
}


def picture_of(image, colours):
    """A colour picture of a digit, uint8 [height, width, 3], with a little noise."""
    random, (paper, ink) = np.random.RandomState(7), map(np.array, COLOURS[colours])
    drawing = somewhere(np.pad(image, 6, "constant"), random, 9)[..., None]
    picture = paper * (1 - drawing) + ink * drawing + random.normal(0, 4, drawing.shape[:2] + (3,))
    return Image.fromarray(picture.round().clip(0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def digits():
    """One image of each digit, float32 [10, 28, 28], as the small set of digits has them."""
    images, labels = mnistdata._draw_digits(4000)
    return np.stack([images[3000:][labels[3000:] == digit][1] for digit in range(10)]
                    ).astype(np.float32) / 255


def test_read_picture_of_other_kinds(digits, tmp_path):
    grey = Image.fromarray((255 * (1 - digits[3])).astype(np.uint8))
    # A telephone keeps its pictures as the sensor lay, and notes how to turn them.
    exif = Image.Exif()
    exif[0x0112] = 6
    kinds = [
        ("1.png", grey, {}), ("2.png", grey.convert("1", dither=0), {}),
        ("3.gif", grey.convert("P"), {}), ("4.jpg", grey.resize((2000, 2000)), {}),
        # Transparent paper and ink of any colour.
        ("5.png", Image.merge("LA", [grey.point(lambda _: 0), grey.point(lambda v: 255 - v)]), {}),
        ("6.jpg", grey.resize((400, 400)).rotate(90), {"exif": exif})]
    seen = []
    for name, picture, options in kinds:
        picture.save(str(tmp_path / name), **options)
        ink = own_digits.read_picture(str(tmp_path / name))
        assert ink.max() == 1 and ink.min() == 0 and max(ink.shape) <= 800
        seen.append(own_digits.as_mnist(ink))
    assert all(abs(one - seen[0]).mean() < 0.08 for one in seen[1:])


# ---------- The script ----------

def shortened(iterations=150, edit=("", "")):
    text = next_steps.text_of(NAME)
    assert text.count("10000") == 1
    return text.replace("10000", str(iterations)).replace(*edit)


def start(folder, digits, *arguments, text=None, **variables):
    """Starts the script in a folder in which all stays that it leaves."""
    return start_script(NAME, folder, text=text or shortened(), module=("own_digits.py", MODULE),
                        arguments=arguments, MNIST_DATA=digits, **variables)


def notices(errors):
    """The lines on standard error, without the one of the digits."""
    assert "Traceback" not in errors, errors
    return [line for line in without_memory_lines(errors).splitlines()
            if "not the original MNIST" not in line]


@pytest.fixture(scope="module")
def kept(tmp_path_factory, small_digits):
    """The folder of a script that has been trained, and what it said."""
    folder = tmp_path_factory.mktemp("own")
    return folder, start(folder, small_digits).communicate(timeout=300)


@pytest.fixture
def copy(kept, elsewhere):
    """A folder with the script and the network that it has kept."""
    shutil.copytree(str(kept[0]), str(elsewhere / "copy"))
    return elsewhere / "copy"


@pytest.fixture
def run(copy, elsewhere, small_digits, monkeypatch, capsys):
    """Runs the script in this process; what it ends with, its output and its notices."""
    (copy / "data").rename(elsewhere / "data")
    monkeypatch.setitem(sys.modules, "own_digits", own_digits)

    def run(*names, digits=small_digits, **options):
        monkeypatch.setattr(sys, "argv", [NAME, *names])
        monkeypatch.setenv("MNIST_DATA", digits)
        end = None
        try:
            exec(compile(shortened(**options), NAME, "exec"), {"__file__": NAME})
        except SystemExit as ended:
            end = ended.code
        out, errors = capsys.readouterr()
        return end, out, notices(errors)

    return run


def test_network_is_kept_and_restored(kept, copy, small_digits):
    out, errors = kept[1]
    assert "150: accuracy" in out and "max test accuracy: 0." in out
    # Without a display there are no panels to close, and there is nothing to draw in.
    said, nothing = notices(errors)[1::2]
    assert re.fullmatch(r"The network is saved in \S+own_digits\.", said)
    assert nothing == ("There is no window to draw in; name a picture of a digit in the command"
                       " instead: python mnist_7.0_own_digits.py digit.png")
    before = content_of(copy / "data" / "own_digits")
    # Pasted into a cell, the script does not take the kernel's arguments for pictures.
    cell = "exec(open({!r}, encoding='utf-8').read())".format(NAME)
    process = start(copy, small_digits, "-c", cell, "-f", "kernel.json")
    out, errors = process.communicate(timeout=300)
    assert process.returncode == 0 and re.fullmatch(r"Tensorflow version \S+\n", out)
    restored, again = notices(errors)
    assert restored.startswith("The network is restored from ") and again == nothing
    assert content_of(copy / "data" / "own_digits") == before


def test_a_bad_picture_is_said_before_the_training(run, elsewhere):
    (elsewhere / "text.png").write_text("this is no picture")
    Image.new("RGB", (50, 50), (9, 99, 200)).save("blank.png")
    picture_of(np.eye(28), "pencil").save("whole.png")
    (elsewhere / "half.png").write_bytes((elsewhere / "whole.png").read_bytes()[:3000])
    for name, reason in (("away.png", "cannot be read: No such file or directory."),
                         ("text.png", "cannot be read: it is no picture, or damaged."),
                         ("half.png", "cannot be read: it is no picture, or damaged."),
                         ("blank.png", "holds no digit: it has one colour all over.")):
        assert run(name, digits="nowhere")[0] == "{} {}".format(name, reason)


def test_pictures_named_in_the_command_are_recognised(run, digits):
    asked = dict(zip((0, 1, 4, 7), COLOURS))
    for digit, colours in asked.items():
        picture_of(digits[digit], colours).save("digit{}.png".format(digit))
    names = ["digit{}.png".format(digit) for digit in asked]
    end, out, _ = run(*names)
    lines = re.findall(r"^(\d): probability:([\d.]+)$", out, re.M)
    assert end is None and [int(digit) for digit, _ in lines] == 4 * list(range(10))
    table = np.array([float(probability) for _, probability in lines]).reshape(4, 10)
    assert np.allclose(table.sum(axis=1), 1, atol=0.001)
    assert table.argmax(axis=1).tolist() == list(asked)
    # After each ten lines stands the picture's name, with the answer.
    said = re.findall(r"^(digit\d.png): (\d) \(([\d.]+) %\)$", out, re.M)
    assert [(name, int(digit)) for name, digit, _ in said] == list(zip(names, asked))
    assert np.allclose([float(share) for _, _, share in said], 100 * table.max(axis=1), atol=0.1)


@pytest.mark.parametrize("edit", [("", ""), ("K = 6", "K = 7")], ids=["damaged", "other shape"])
def test_a_network_that_does_not_fit_is_one_sentence(edit, run, elsewhere):
    if edit == ("", ""):
        data, = (elsewhere / "data" / "own_digits").glob("*.data*")
        data.write_bytes(data.read_bytes()[:5000])
    before = content_of(elsewhere / "data" / "own_digits")
    assert re.fullmatch(r"The network in \S+ is damaged or not that of this script: move the folder"
                        " away, and the next start trains a new one.", run(edit=edit)[0])
    assert content_of(elsewhere / "data" / "own_digits") == before


def test_other_digits_have_a_network_of_their_own(run, elsewhere):
    write_digits(elsewhere, 600, 200)
    before = content_of(elsewhere / "data" / "own_digits")
    end, out, said = run(iterations=20, digits=str(elsewhere))
    assert end is None and "20: accuracy" in out and "is restored" not in "".join(said)
    after = content_of(elsewhere / "data" / "own_digits")
    assert len([name for name in after if name.endswith(".index")]) == 2
    assert all(after[name] == before[name] for name in before if name != "checkpoint")


def test_a_bad_folder_loses_the_network_only(run, elsewhere):
    shutil.rmtree("data")
    (elsewhere / "data").mkdir()
    (elsewhere / "data" / "own_digits").write_text("in the way")
    end, out, said = run(iterations=20)
    assert end is None and "max test accuracy: " in out
    assert "The network cannot be saved in " in "".join(said)


def test_ctrl_c_in_training_keeps_nothing(tmp_path, small_digits):
    process = start(tmp_path, small_digits, text=shortened(90000))
    while not process.stdout.readline().startswith("20: accuracy"):
        pass
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in errors
    assert "max test accuracy: " in out and not (tmp_path / "data" / "own_digits").exists()


# ---------- The window ----------

# What the network says is printed, with how long the bars are that stand from the time before.
TELLS = ("draw_digits(classify)", """draw_digits(lambda image: (print(
            classify(image).argmax(), sum(bar.get_width() for bar in sys.modules[
                'matplotlib.pyplot'].gcf().axes[2].patches), flush=True), classify(image))[1])""")


@pytest.mark.parametrize("end", ["q", "Ctrl-C"])
def test_digits_drawn_in_the_window_are_recognised(end, copy, small_digits, screen):
    process = start(copy, small_digits, text=shortened(edit=TELLS), DISPLAY=screen)
    os.set_blocking(process.stdout.fileno(), False)
    seen = [": 0"]

    def says(digit):
        """Whether the network says that this is a certain digit; the bars' length if so."""
        seen.extend(iter(process.stdout.readline, ""))
        said, length = seen[-1].split()[-2:]
        return said == str(digit) and float(length)

    def stroke(x, y):
        """Draws a line through points of the window."""
        steps = [("mousemove", "--window", window, int(a), int(b), "sleep", 0.05)
                 for a, b in zip(x, y)]
        xdotool(screen, *steps[0], "mousedown", 1, *sum(steps[1:], ()), "mouseup", 1)

    try:
        window = wait_until(lambda: xdotool(
            screen, "search", "--onlyvisible", "--name", "^Draw a digit"), 90)[-1]
        wait_until(lambda: xdotool(screen, "windowfocus", window)
                   and xdotool(screen, "getwindowfocus"), 60)
        stroke(np.linspace(174, 159, 6), np.linspace(115, 285, 6))
        # The bars follow the strokes: when the network was asked last, some stood there already.
        wait_until(lambda: says(1) and says(1) > 0.99, 30)
        if end == "q":
            xdotool(screen, "key", "c")
            angles = np.linspace(-np.pi / 2, -2.5 * np.pi, 30)
            stroke(168 + 54 * np.cos(angles), 198 + 82 * np.sin(angles))
            wait_until(lambda: says(0) is not False, 30)
            xdotool(screen, "key", "q")
        else:
            process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0 and "Traceback" not in process.stderr.read()
    finally:
        process.kill()
        process.wait()
