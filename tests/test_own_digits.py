"""The step in which the network is kept and reads one's own digits, from pictures and a window."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import types

import numpy as np
import pytest
from PIL import Image

import mnistdata
import next_steps
from digits import random_state, write_digits
from processes import environment, need, wait_until
from scripts import script_from_diff
from series import ROOT

NAME = "mnist_7.0_own_digits.py"

# The module that the diff makes.
own_digits = types.ModuleType("own_digits")
exec(next_steps.text_of_module(NAME), own_digits.__dict__)


# ---------- What the network sees ----------

def somewhere(image, random, factor=5):
    """An image [28, 28], enlarged and put somewhere on a larger paper."""
    room = [(random.randint(90), random.randint(90)) for _ in range(2)]
    return np.pad(image.repeat(factor, 0).repeat(factor, 1), room, "constant")


def test_as_mnist_gives_mnist_s_own_digits_back(real_mnist, monkeypatch):
    monkeypatch.setenv("MNIST_DATA", real_mnist)
    images = mnistdata.read_data_sets("data").test.images[:300, :, :, 0]
    random = random_state()
    same = [np.allclose(own_digits.as_mnist(somewhere(image, random)), image, atol=1e-5)
            for image in images]
    assert np.mean(same) > 0.99


@pytest.mark.parametrize("size", [(250, 130), (90, 201), (40, 40), (12, 7), (300, 2), (1, 1)])
def test_as_mnist_against_means_of_smaller_pixels(size):
    random = random_state()
    ink = random.uniform(0.2, 1, size).astype(np.float32)
    image = own_digits.as_mnist(np.pad(ink, [(13, 40), (25, 3)], "constant"))
    assert image.shape == (28, 28) and image.dtype == np.float32
    assert image.min() >= 0 and image.max() <= 1
    # The ink fits a box of 20 x 20, and has the mean of what each pixel covers: all are
    # cut into pieces that go into both sizes, of which the mean is taken.
    rows, columns = (np.flatnonzero(image.any(axis=axis)) for axis in (1, 0))
    high, wide = (max(1, int(round(20 * side / max(size)))) for side in size)
    box = image[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]
    assert box.shape == (high, wide) and max(box.shape) == 20
    pieces = ink.repeat(high, 0).repeat(wide, 1)
    expected = pieces.reshape([high, size[0], wide, size[1]]).mean(axis=(1, 3))
    assert np.allclose(box, expected, atol=1e-4)
    # The centre of mass is on pixel 14, 14, up to half a pixel.
    place = np.arange(28)
    for axis in (0, 1):
        assert abs((image.sum(axis=1 - axis) * place).sum() / image.sum() - 14) <= 0.5 + 1e-4


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


def picture_of(image, paper, ink):
    """A colour picture of a digit, uint8 [height, width, 3], with a little noise."""
    random = random_state()
    drawing = somewhere(np.pad(image, 6, "constant"), random, 9)[..., None]
    noise = random.normal(0, 4, drawing.shape[:2] + (3,))
    picture = np.array(paper) * (1 - drawing) + np.array(ink) * drawing + noise
    return picture.round().clip(0, 255).astype(np.uint8)


COLOURS = {
    "dark on light": ((245, 240, 230), (30, 30, 40)),
    "light on dark": ((20, 60, 40), (240, 240, 235)),
    "red on white": ((255, 255, 255), (220, 30, 30)),
    "pencil": ((235, 235, 235), (150, 150, 155)),
}


@pytest.fixture(scope="module")
def digits():
    """One image of each digit, float32 [10, 28, 28], as the small set of digits has them."""
    images, labels = mnistdata._draw_digits(4000)
    return np.stack([images[3000:][labels[3000:] == digit][1] for digit in range(10)]
                    ).astype(np.float32) / 255


@pytest.mark.parametrize("colours", sorted(COLOURS))
def test_read_picture_finds_the_ink(colours, digits, tmp_path):
    path = str(tmp_path / "digit.png")
    Image.fromarray(picture_of(digits[3], *COLOURS[colours])).save(path)
    seen = own_digits.as_mnist(own_digits.read_picture(path))
    assert abs(seen - own_digits.as_mnist(digits[3])).mean() < 0.06


def test_read_picture_of_other_kinds(digits, tmp_path):
    path = str(tmp_path / "digit")
    grey = Image.fromarray((255 * (1 - digits[3])).astype(np.uint8))
    seen = []
    grey.save(path + "1.png")
    grey.convert("1", dither=0).save(path + "2.png")
    grey.convert("P").save(path + "3.gif")
    grey.resize((2000, 2000)).save(path + "4.jpg")
    # Transparent paper and ink of any colour.
    Image.merge("LA", [grey.point(lambda _: 0), grey.point(lambda v: 255 - v)]).save(path + "5.png")
    # A telephone keeps its pictures as the sensor lay, and notes how to turn them.
    turned = grey.resize((400, 400)).rotate(90)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(path + "6.jpg", exif=exif)
    for k, end in enumerate(["png", "png", "gif", "jpg", "png", "jpg"]):
        ink = own_digits.read_picture("{}{}.{}".format(path, k + 1, end))
        assert ink.max() == 1 and ink.min() == 0 and max(ink.shape) <= 800
        seen.append(own_digits.as_mnist(ink))
    for one in seen[1:]:
        assert abs(one - seen[0]).mean() < 0.08


# ---------- The script ----------

def shortened(folder, iterations, edit=("", "")):
    """Makes the script in a folder, shortened; what it leaves stays in that folder."""
    text = script_from_diff(NAME, folder)
    assert text.count("10000") == 1
    text = text.replace("10000", str(iterations)).replace(*edit)
    text = text.replace("import tensorflowvisu\n",
                        "import tensorflowvisu\ntensorflowvisu.DATA = {!r}\n".format(
                            str(folder / "data")))
    (folder / NAME).write_text(text, encoding="utf-8")


def run(folder, digits, *arguments):
    return subprocess.run(
        [sys.executable, NAME] + list(arguments), cwd=str(folder), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, universal_newlines=True, timeout=300,
        env=environment(MNIST_DATA=digits, PYTHONPATH=ROOT))


@pytest.fixture(scope="module")
def kept(tmp_path_factory, small_digits):
    """The folder of a script that has been trained, and what it said."""
    folder = tmp_path_factory.mktemp("own")
    shortened(folder, 300)
    return folder, run(folder, small_digits)


@pytest.fixture
def copy(kept, tmp_path):
    """A folder with the script and the network that it has kept."""
    folder = tmp_path / "copy"
    shutil.copytree(str(kept[0]), str(folder))
    shortened(folder, 300)
    return folder


def notices(done):
    """What a script wrote to standard error, without the notice of the digits."""
    return [line for line in done.stderr.splitlines() if "not the original MNIST" not in line]


def files(folder):
    return {name: (folder / "data" / "own_digits" / name).read_bytes()
            for name in os.listdir(str(folder / "data" / "own_digits"))}


def test_network_is_kept_and_restored(kept, copy, small_digits):
    _, first = kept
    assert first.returncode == 0, first.stderr
    assert "300: accuracy" in first.stdout and "max test accuracy: 0." in first.stdout
    # Without a display there are no panels to close, and there is nothing to draw in.
    assert re.fullmatch(r"The network is saved in \S+own_digits\.", notices(first)[-3])
    assert notices(first)[-1] == (
        "There is no window to draw in; name a picture of a digit in the command instead:"
        " python mnist_7.0_own_digits.py digit.png")
    before = files(copy)
    again = run(copy, small_digits)
    assert again.returncode == 0, again.stderr
    assert re.fullmatch(r"Tensorflow version \S+\n", again.stdout)
    assert notices(again)[0].startswith("The network is restored from ")
    assert len(notices(again)) == 2
    assert files(copy) == before


def test_pictures_named_in_the_command_are_recognised(copy, small_digits, digits):
    names = []
    for k, digit in enumerate((0, 1, 4, 7)):
        names.append("digit{}.png".format(digit))
        Image.fromarray(picture_of(digits[digit], *COLOURS[sorted(COLOURS)[k]])).save(
            str(copy / names[-1]))
    done = run(copy, small_digits, *names)
    assert done.returncode == 0, done.stderr
    lines = re.findall(r"^(\d): probability:([\d.]+)$", done.stdout, re.M)
    assert [int(digit) for digit, _ in lines] == 4 * list(range(10))
    table = np.array([float(probability) for _, probability in lines]).reshape(4, 10)
    assert np.allclose(table.sum(axis=1), 1, atol=0.001)
    assert table.argmax(axis=1).tolist() == [0, 1, 4, 7]
    # After each ten lines stands the picture's name.
    said = re.findall(r"^(digit\d.png): (\d) \(([\d.]+) %\)$", done.stdout, re.M)
    assert [(name, int(digit)) for name, digit, _ in said] == list(zip(names, (0, 1, 4, 7)))
    assert np.allclose([float(percent) for _, _, percent in said], 100 * table.max(axis=1), atol=.1)


def test_a_bad_picture_is_one_sentence_and_comes_at_once(copy, small_digits, tmp_path):
    (copy / "text.png").write_text("this is no picture")
    Image.new("RGB", (50, 50), (9, 99, 200)).save(str(copy / "blank.png"))
    Image.fromarray(random_state().randint(0, 255, [90, 90]).astype(np.uint8)).save(
        str(copy / "whole.png"))
    (copy / "half.png").write_bytes((copy / "whole.png").read_bytes()[:3000])
    for name, reason in (("away.png", "cannot be read: No such file or directory."),
                         (".", "cannot be read: Is a directory."),
                         ("text.png", "cannot be read: it is no picture, or damaged."),
                         ("half.png", "cannot be read: it is no picture, or damaged."),
                         ("blank.png", "holds no digit: it has one colour all over.")):
        with pytest.raises(ValueError) as raised:
            own_digits.read_picture(str(copy / name))
        assert str(raised.value) == "{} {}".format(copy / name, reason)
    shutil.rmtree(str(copy / "data"))
    done = run(copy, small_digits, "text.png")
    assert done.returncode == 1
    assert done.stderr == "text.png cannot be read: it is no picture, or damaged.\n"
    assert done.stdout.count("\n") == 1  # TensorFlow's version: nothing was trained.


@pytest.mark.parametrize("how", ["cut", "changed", "other shape"])
def test_a_network_that_does_not_fit_is_one_sentence(how, copy, small_digits):
    data, = [name for name in files(copy) if ".data" in name]
    path = copy / "data" / "own_digits" / data
    content = path.read_bytes()
    if how == "cut":
        path.write_bytes(content[:5000])
    elif how == "changed":
        path.write_bytes(content[:5000] + bytes(100) + content[5100:])
    else:
        shortened(copy, 300, ("K = 6", "K = 7"))
    before = files(copy)
    done = run(copy, small_digits)
    assert done.returncode == 1
    assert re.fullmatch(r"The network in \S+ is damaged or not that of this script: move the folder"
                        " away, and the next start trains a new one.", notices(done)[-1])
    assert "Traceback" not in done.stderr
    assert files(copy) == before


def test_other_digits_have_a_network_of_their_own(copy, tmp_path):
    write_digits(tmp_path, 600, 200)
    before = files(copy)
    shortened(copy, 20)
    done = run(copy, str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "20: accuracy" in done.stdout and "is restored" not in done.stderr
    after = files(copy)
    assert len([name for name in after if name.endswith(".index")]) == 2
    assert {name: after[name] for name in before if name != "checkpoint"} == {
        name: before[name] for name in before if name != "checkpoint"}


def test_ctrl_c_in_training_keeps_nothing(tmp_path, small_digits):
    shortened(tmp_path, 90000)
    process = subprocess.Popen(
        [sys.executable, NAME], cwd=str(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        universal_newlines=True, env=environment(MNIST_DATA=small_digits, PYTHONPATH=ROOT))
    while not process.stdout.readline().startswith("20: accuracy"):
        pass
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "max test accuracy: " in out and "Traceback" not in errors
    assert not (tmp_path / "data" / "own_digits").exists()


def test_a_folder_that_cannot_be_written_to_loses_the_network_only(tmp_path, small_digits):
    shortened(tmp_path, 20)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "own_digits").write_text("in the way")
    done = run(tmp_path, small_digits)
    assert done.returncode == 0, done.stderr
    assert "The network cannot be saved in " in done.stderr
    assert "max test accuracy: " in done.stdout and "Traceback" not in done.stderr


# ---------- The window ----------

# Writes down what the network has said, and how long the bars are that stand from the time before.
TOLD = """
def told(image):
    import json, matplotlib.pyplot
    bars = [float(bar.get_width()) for bar in matplotlib.pyplot.gcf().axes[2].patches]
    answer = classify(image)
    with open("told.part", "w") as file:
        json.dump({"answer": answer.tolist(), "bars": bars}, file)
    os.replace("told.part", "told.json")
    return answer


def read_digits"""


class Drawing:
    """The script with its window, in which the mouse draws."""

    def __init__(self, folder, screen, digits):
        shortened(folder, 300, ("def read_digits", TOLD.strip()))
        text = (folder / NAME).read_text(encoding="utf-8")
        assert text.count("draw_digits(classify)") == 1
        (folder / NAME).write_text(text.replace("draw_digits(classify)", "draw_digits(told)"),
                                   encoding="utf-8")
        self.told = folder / "told.json"
        self.env = environment(DISPLAY=screen, MNIST_DATA=digits, PYTHONPATH=ROOT)
        self.process = subprocess.Popen(
            [sys.executable, NAME], cwd=str(folder), env=self.env, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, universal_newlines=True)
        self.window = wait_until(self._find, 90)
        wait_until(lambda: self.xdotool("windowfocus", self.window) == 0
                   and self.xdotool("getwindowfocus") == 0, 60)

    def _find(self):
        assert self.process.poll() is None, self.process.stderr.read()
        found = subprocess.run(["xdotool", "search", "--onlyvisible", "--name", "^Draw a digit"],
                               env=self.env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return found.stdout.split()[-1].decode() if found.stdout.split() else None

    def xdotool(self, *arguments):
        return subprocess.call(["xdotool"] + [str(a) for a in arguments], env=self.env,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stroke(self, points):
        """Draws a line through points of the window."""
        steps = []
        for x, y in points:
            steps += ["mousemove", "--window", self.window, int(x), int(y), "sleep", "0.05"]
            if len(steps) == 7:
                steps += ["mousedown", 1]
        self.xdotool(*(steps + ["mouseup", 1]))

    def says(self, digit):
        """Whether the network has said that this is a certain digit."""
        if not self.told.exists():
            return False
        said = json.loads(self.told.read_text())
        return int(np.argmax(said["answer"])) == digit and said


@pytest.mark.parametrize("end", ["q", "Ctrl-C"])
def test_digits_drawn_in_the_window_are_recognised(end, copy, small_digits, screen):
    need("xdotool")
    drawing = Drawing(copy, screen, small_digits)
    try:
        drawing.stroke([(174 - 3 * k, 115 + 34 * k) for k in range(6)])
        # The bars follow the strokes: when the network was asked last, some stood there already.
        wait_until(lambda: drawing.says(1) and sum(drawing.says(1)["bars"]) > 0.99, 30)
        drawing.xdotool("key", "c")
        angles = np.linspace(-np.pi / 2, -2.5 * np.pi, 30)
        drawing.stroke(zip(168 + 54 * np.cos(angles), 198 + 82 * np.sin(angles)))
        wait_until(lambda: drawing.says(0), 30)
        if end == "q":
            drawing.xdotool("key", "q")
        else:
            drawing.process.send_signal(signal.SIGINT)
        _, errors = drawing.process.communicate(timeout=30)
        assert drawing.process.returncode == 0, errors
        assert "Traceback" not in errors
    finally:
        drawing.process.kill()
        drawing.process.wait()
