"""The next steps: each diff makes a script, as good as the six, and its trick does what it says."""

import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

import checks
import next_steps
import scripts
import tensorflowvisu
import workshop
from loading import content_of
from next_steps import text_of
from processes import environment, need, run_python
from scripts import TEST_LINE, run_script, script_text, trained
from series import MODULES, NEXT_STEPS, ROOT, SCRIPTS, number_of

PAGE = script_text("docs/next_steps.md")

# Parameters, and iterations of a shortened run. The other steps have tests of their own.
RUNS = {
    "mnist_3.2_one_cycle.py": (244076, 100),
    "mnist_4.0_batchnorm.py": (708362, 20),
    "mnist_4.1_augmentation.py": (708362, 20),
    "mnist_5.0_recurrent.py": (61578, 60),
}
# The lines that a script may have, those of code, and the changed ones of its body.
LIMITS = dict.fromkeys(NEXT_STEPS, (225, 100, 60))
LIMITS["mnist_3.2_one_cycle.py"] = (178, 78, 12)
LIMITS["text_5.1_language_model.py"] = (225, 100, 130)
LIMITS["mnist_6.0_distributed.py"] = (340, 180, 160)
LIMITS["mnist_7.0_own_digits.py"] = (270, 150, 90)


# ---------- Diffs and scripts ----------

@pytest.fixture
def folder(tmp_path):
    """A folder that is no repository, with a copy of the six scripts, the diffs and the tool."""
    for name in SCRIPTS:
        shutil.copy(os.path.join(ROOT, name), str(tmp_path))
    for name in (os.path.join("docs", "next_steps"), "tests"):
        shutil.copytree(os.path.join(ROOT, name), str(tmp_path / name),
                        ignore=shutil.ignore_patterns("test_*", "*.json", "__pycache__"))
    return tmp_path


@pytest.mark.parametrize("command", ["git apply", "patch -s -p1 -i"])
def test_diffs_make_the_scripts_and_leave_the_others_as_they_are(command, folder):
    need(command.split()[0])
    assert len(os.listdir(str(folder / "docs" / "next_steps"))) == len(NEXT_STEPS)
    for name in NEXT_STEPS:
        subprocess.run(command.split() + [next_steps.diff_of(name)], cwd=str(folder), check=True,
                       env=environment(GIT_CEILING_DIRECTORIES=str(folder.parent)))
    made = {name: text_of(name).encode() for name in SCRIPTS + list(NEXT_STEPS)}
    for script, name in MODULES.items():
        made[name] = next_steps.text_of_module(script).encode()
    assert content_of(folder) == made


def test_tool_makes_what_git_ignores_and_overwrites_nothing(folder):
    need("git")
    make = folder / "tests" / "tools" / "next_steps.py", "make"
    done = run_python(*make)
    assert done.stdout.count(" is made.") == len(NEXT_STEPS) + len(MODULES), done.stderr
    subprocess.run(["git", "init", "-q"], cwd=str(folder), check=True)
    shutil.copy(os.path.join(ROOT, ".gitignore"), str(folder))
    assert subprocess.check_output(
        ["git", "ls-files", "--others", "--exclude-standard", "*.py", ":!tests"],
        cwd=str(folder), text=True).split() == SCRIPTS
    first, last = list(NEXT_STEPS)[0], list(NEXT_STEPS)[-1]
    (folder / first).write_text("mine\n")
    (folder / last).unlink()
    done = run_python(*make)
    assert first + " is there already, but edited, so it stays as it is" in done.stdout
    assert done.returncode == 0 and last + " is made." in done.stdout
    assert (folder / first).read_text() == "mine\n"
    assert (folder / last).read_text(encoding="utf-8") == text_of(last)
    (folder / SCRIPTS[-1]).write_text('"""My' + text_of(SCRIPTS[-1])[3:], encoding="utf-8")
    done = run_python(*make)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and "builds on has changed: line 1 is not" in done.stderr


# ---------- Texts ----------

@pytest.mark.parametrize("name", NEXT_STEPS)
def test_text_and_diff_are_as_those_of_the_six(name):
    text, (lines, code, changes) = text_of(name), LIMITS[name]
    checks.has_the_skeleton(text, lines, code)
    longest = max(checks.header(text_of(other)).count("\n") for other in SCRIPTS)
    # The one with several machines draws these, too.
    assert checks.header(text).count("\n") <= longest + (12 if "distributed" in name else 0)
    assert re.match(r'"""(MNIST|Text) {}: '.format(number_of(name)), text)
    checks.diff_shows_the_trick_and_nothing_else(text_of(NEXT_STEPS[name]), text, changes)
    # The page teaches it, with its command.
    part = PAGE.split("\n### {} ".format(number_of(name)))[1].split("\n##")[0]
    assert "git apply {} && python {}".format(next_steps.diff_of(name), name) in part


# ---------- Runs ----------

@pytest.mark.parametrize("name", RUNS)
def test_script_learns(name, small_digits, tmp_path):
    iterations = RUNS[name][1]
    if "4.1" in name:  # One of them in a process of its own, with its panels.
        done = checks.short_run(name, iterations, tmp_path, small_digits, text_of(name))
        checks.is_quiet_and_leaves_a_picture(name, done, tmp_path)
        checks.prints_the_promised_lines(done.stdout, iterations, 20, 100)
        printed = done.stdout
    else:
        often = text_of(name).replace("i % 100 == 0", "i % 20 == 0")
        printed = trained(name, iterations, often, small_digits)
    training, tests = checks.lines_of_training(printed), checks.lines_of_tests(printed)
    assert [int(m[1]) for m in training] == list(range(0, iterations + 1, 20))
    assert float(training[-1][3]) < 0.7 * float(training[0][3])
    assert float(tests[-1][3]) > 0.3 > float(tests[0][3])


# ---------- Graphs ----------

@pytest.mark.parametrize("name", RUNS)
def test_graph_is_what_the_text_says(name, small_digits):
    text = text_of(name)
    built = checks.inspected(name, small_digits, text)
    checks.header_and_comments_are_true(text, built, RUNS[name][0], 0 if "5.0" in name else 3)
    checks.softmax_cross_entropy_and_accuracy_are_true(built)
    checks.dropout_keeps_three_quarters(built)
    if "3.2" in name:
        assert np.allclose(built["rates"][:5], [0, 0.005 / 3, 0.005, 0.0025, 0], atol=1e-8)
    else:
        checks.rate_decays(built, 0.02 if "mnist_4" in name else 0.003, 0.0001,
                           1600 if "4.0" in name else 2000)


# ---------- Tricks, against NumPy ----------

def built(name, digits=None, change=("", "")):
    """The names of a script, without the gradients, which take the longest to build."""
    text = re.sub(r"^train_step = optimizer.minimize\(.*\n", "", text_of(name), flags=re.M)
    return scripts.built(name, text.replace(*change), digits)


def test_batch_normalisation(small_digits):
    names = scripts.built("4.0", text_of("mnist_4.0_batchnorm.py"), small_digits)
    X, pkeep, tst, step, sess = (names[name] for name in ("X", "pkeep", "tst", "step", "sess"))
    images = names["mnist"].train.images[:60]

    def run(what, batch, test, i=0):
        """Values of tensors; what is several names comes as several values."""
        values = sess.run([names[name] for name in what.split()],
                          {X: batch, pkeep: 1.0, tst: test, step: i})
        return values if len(values) > 1 else values[0]

    def normalised(k, values, mean, variance):
        return np.maximum((values - mean) / np.sqrt(variance + 1e-5) + offsets[k], 0)

    def moments(values):
        """Over a batch: in a convolutional layer over the pixels, too."""
        axes = tuple(range(values.ndim - 1))
        return values.mean(axis=axes, dtype=float), values.var(axis=axes, dtype=float)

    offsets = {k: np.linspace(-0.5, 0.5, names[k].shape[0]) for k in ("B1", "B2", "B3", "B4")}
    for name, values in offsets.items():
        names[name].load(values, sess)
    found = dict(zip("123", (run("Z{0} Y{0}".format(k), images[:20], False) for k in "123")))
    YY, Y4 = run("YY Y4", images[:20], False)
    found["4"] = YY.dot(sess.run(names["W4"])), Y4
    for k, (sums, outputs) in found.items():
        assert np.allclose(outputs, normalised("B" + k, sums, *moments(sums)), atol=1e-3)
    # In a test: the mean of three first batches, then 1 % of the newest, which comes much later.
    seen = [moments(run("Z1 moving_averages", images[20 * (k % 3):][:20], False, i)[0])
            for k, i in enumerate((0, 1, 2, 5000))]
    averages = 0.99 * np.mean(seen[:3], axis=0) + 0.01 * np.array(seen[3])
    tested, Y = run("Y1 Y", images[:20], True)
    assert np.allclose(tested, normalised("B1", found["1"][0], *averages), atol=1e-3)
    # An answer does not depend on the other digits of a test, nor do the logits on its parts.
    assert np.allclose(run("Y", images[:1], True), Y[:1], atol=1e-5)
    parts = [run("Ylogits", images[k:k + 6], True) for k in range(0, 60, 6)]
    assert np.allclose(np.concatenate(parts), run("Ylogits", images, True), atol=1e-4)
    sess.close()


def stretched(image, box):
    """The box of an image [28, 28], stretched to its size; what lies outside is 0."""
    for edges in (box[0::2], box[1::2]):  # First the rows, then the columns.
        places = 27 * np.linspace(*edges, 28)
        image = np.array([np.interp(places, range(28), line, 0, 0) for line in image.T])
    return image


def test_augmentation(small_digits):
    # The number of images in a batch may be another one.
    names = built("mnist_4.1_augmentation.py", small_digits, ("BATCH = 100 ", "BATCH = 60 "))
    X, tst, sess = names["X"], names["tst"], names["sess"]
    images = names["mnist"].train.images[:60]
    again, tested = sess.run([names["boxes"], names["XX"]], {X: images, tst: True})
    boxes, XX = sess.run([names["boxes"], names["XX"]], {X: images, tst: False})
    sess.close()
    moved = boxes - [0, 0, 1, 1]
    assert abs(moved).max() <= 0.12 + 1e-6
    # All four edges move over all of this range, each on its own, and anew each time.
    assert (moved.max(axis=0) > 0.08).all() and (moved.min(axis=0) < -0.08).all()
    assert abs(np.corrcoef(moved.T) - np.eye(4)).max() < 0.5
    assert abs(again - boxes).mean() > 0.03
    for k in range(5):
        assert np.allclose(XX[k, :, :, 0], stretched(images[k, :, :, 0], boxes[k]), atol=1e-3)
    assert (tested == images).all()


def gated(x, H, W, B):
    """The next state of a gated recurrent unit; the weights and biases of its gates z, r and c."""
    Z, R = (1 / (1 + np.exp(-np.hstack([x, H]).dot(W[k]) - B[k])) for k in (0, 1))
    C = np.tanh(np.hstack([x, R * H]).dot(W[2]) + B[2])
    return (1 - Z) * H + Z * C


def test_gated_recurrent_unit(small_digits):
    names = built("mnist_5.0_recurrent.py", small_digits)
    random, images = np.random.RandomState(4), names["mnist"].test.images[:20]
    W, B = ([random.randn(*names[kind + gate].shape.as_list()) * 0.2 for gate in "zrcy"]
            for kind in "WB")
    for gate, weights, biases in zip("zrcy", W, B):
        names["W" + gate].load(weights, names["sess"])
        names["B" + gate].load(biases, names["sess"])
    H, Y = names["sess"].run([names["H"], names["Y"]],
                             {names["X"]: images, names["pkeep"]: 1.0})
    names["sess"].close()
    state = np.zeros([20, 128])
    for k in range(28):
        state = gated(images[:, k, :, 0], state, W, B)
    assert np.allclose(H, state, atol=1e-3)
    sums = np.exp(state.dot(W[3]) + B[3])
    assert np.allclose(Y, sums / sums.sum(axis=1, keepdims=True), atol=1e-3)


# ---------- The network that writes ----------

TEXT = "text_5.1_language_model.py"


@pytest.fixture
def own_text(tmp_path, monkeypatch):
    """The module that 5.1 brings, where the script finds it, too."""
    (tmp_path / "own_text.py").write_text(next_steps.text_of_module(TEXT))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "own_text", raising=False)
    # The script is started in a terminal, and reads the two modules: a small text of Python code.
    monkeypatch.setattr(sys.modules["__main__"], "__file__", TEXT, raising=False)
    monkeypatch.setattr(sys, "argv", ["", os.path.join(ROOT, "mnistdata.py"),
                                      os.path.join(ROOT, "tensorflowvisu.py")])
    import own_text
    return own_text


def test_lanes_skip_no_character_and_read_none_twice(own_text):
    lanes = own_text.Lanes(np.arange(4 * 3 * 5 + 7), n=4, steps=5)
    encoded = [lanes.next_batch() for _ in range(6)]
    assert all(X.shape == (4, 5, 98) and Y_.shape == (20, 98) and (part.sum(-1) == 1).all()
               for X, Y_ in encoded for part in (X, Y_))
    batches = [(X.argmax(-1), Y_.argmax(-1).reshape([4, 5])) for X, Y_ in encoded]
    assert lanes.batches == 3 and all((Y_ == X + 1).all() for X, Y_ in batches)
    epoch = np.concatenate([X for X, _ in batches[:3]], axis=1)
    assert (epoch.ravel() == np.arange(4 * 3 * 5)).all()
    # Each sequence goes on in the same place of the next batch, and in the lane behind at the end.
    for (X, _), (following, _) in zip(batches, batches[1:]):
        assert (following[:3, 0] == X[:3, -1] + 1).all()


def test_text_is_read_and_what_is_none_is_said(own_text, tmp_path, capsys, monkeypatch):
    (tmp_path / "a.txt").write_bytes("é\tx?\r\n".encode() + b"0123456789" * 2000)
    (tmp_path / "b.txt").write_text("abc\n")
    text = own_text.read([str(tmp_path / "*.txt")])
    assert "".join(own_text.ALPHABET[c] for c in text.characters) == (
        "?\tx?\n" + "0123456789" * 2000 + "abc\n")
    assert text.characters[0] == 0 != text.characters[3] and len(own_text.ALPHABET) == 98
    assert "2 files with 20,009 characters, checksum " + text.checksum in capsys.readouterr().err
    assert len(text.validation) == text.WARM_UP + text.MEASURED
    (tmp_path / "picture.txt").write_bytes(bytes(range(256)) * 100)
    for name, sentence in (("away.txt", "cannot be read: No such file or directory."),
                           ("b.txt", "4 characters are too short a text: it takes 20,000."),
                           ("picture.txt", "is no text, or not one in English letters.")):
        with pytest.raises(ValueError) as raised:
            own_text.read([str(tmp_path / name)])
        assert str(raised.value).endswith(sentence) and "\n" not in str(raised.value)
    # The script ends with such a sentence.
    monkeypatch.setattr(sys, "argv", ["", "away.txt"])
    with pytest.raises(SystemExit, match="^away.txt cannot be read: No such file or directory.$"):
        built(TEXT)


def test_state_is_handed_on_and_the_first_step_writes(own_text):
    names = built(TEXT)
    sess, X, Hin = names["sess"], names["X"], names["Hin"]
    header = checks.header(text_of(TEXT))
    drawn = re.findall(r"\b([A-Z]\w*)\s+\[([\dn, ]+)\]", header)
    assert len(drawn) == 17
    for name, sizes in drawn:
        assert [size or -1 for size in names[name].shape.as_list()] == checks.shape(sizes)
    assert "297,826 weights" in header and sum(
        np.prod(value.shape.as_list()) for value in names["tf"].trainable_variables()) == 297826
    first, second = (names["text"].training.next_batch()[0] for _ in range(2))
    middle, HH, Y1, Y = sess.run([names[name] for name in ("H", "HH", "Y1", "Y")],
                                 {X: first, Hin: np.zeros([100, 256])})
    assert np.allclose(HH[:, -1], middle) and np.allclose(Y1, Y[::30], atol=1e-5)
    W, B = ([sess.run(names[kind + gate]) for gate in "zrc"] for kind in "WB")
    state = middle.astype(float)
    for k in range(30):
        state = gated(second[:, k], state, W, B)
    assert np.allclose(sess.run(names["H"], {X: second, Hin: middle}), state, atol=1e-4)
    sess.close()


def test_language_model_learns_and_writes(own_text):
    output = trained("5.1", 40, text_of(TEXT))
    (_, _, _, blind), = TEST_LINE.findall(output)
    losses = [float(m[3]) for m in checks.lines_of_training(output)]
    assert abs(float(blind) - np.log(98)) < 0.1 and losses[-1] < 0.75 * losses[0]
    noise, words = re.findall(r"^It writes:\n(.*?)\n-{40}$", output, re.M | re.S)
    assert len(noise) == 400 and len(words) == 1000
    assert words.count(" ") > 100 > 2.5 * noise.count(" ")


# ---------- Examples of the page ----------

@pytest.mark.parametrize("script, feed, weights", [
    (SCRIPTS[0], "", 7840), (SCRIPTS[3], ", pkeep: 1.0", 184900)])
def test_tensorboard(script, feed, weights, small_digits, tmp_path, monkeypatch):
    block = re.search(r"^<!-- tensorboard .*?```diff\n(.*?)^```$", PAGE, re.M | re.S)[1]
    block = block.replace("mnist.test.labels}", "mnist.test.labels" + feed + "}")
    text = workshop.apply(text_of(script), workshop.hunks(block)) + "log.close()\n"
    monkeypatch.chdir(tmp_path)
    tests = checks.lines_of_tests(trained(script, 100, text, small_digits))
    assert len(tests) >= 2
    # What is read back are the figures that were printed, and all weights.
    found = {}
    for path in (tmp_path / "log" / "1.0").iterdir():
        for event in tensorflowvisu.tf.train.summary_iterator(str(path)):
            for value in event.summary.value:
                found.setdefault(value.tag, []).append((event.step, value))
    assert set(found) == {"accuracy", "loss", "weights"}
    for tag, k in (("accuracy", 3), ("loss", 4)):
        assert np.allclose([(step, value.simple_value) for step, value in found[tag]],
                           [(int(m[1]), float(m[k])) for m in tests], rtol=1e-5)
    assert [value.histo.num for _, value in found["weights"]] == [weights] * len(tests)


def test_keras(small_digits, tmp_path):
    if tensorflowvisu.tf.__version__.startswith("1."):
        pytest.skip("the example is for TensorFlow 2.x: 1.15 does not compute eagerly")
    example = re.search(r"^```python\n(.*?)^```$", PAGE, re.M | re.S)[1]
    assert max(map(len, example.splitlines())) <= 100
    done = run_script("mine.py", text=example + 'print("parameters", model.count_params())\n',
                      iterations=40, folder=tmp_path, MNIST_DATA=small_digits,
                      TENSORFLOWVISU_DATA=str(tmp_path))
    assert done.returncode == 0, done.stderr
    # It learns, as 3.1 does, and has its weights and biases.
    _, _, loss, accuracy, _ = np.loadtxt(str(tmp_path / "last_run.csv"), delimiter=",").T
    assert len(loss) == np.isfinite(loss).sum() == 3 and loss[-1] < 0.7 * loss[0]
    assert accuracy[-1] > 0.3 > accuracy[0]
    best, parameters = re.search(
        r"^max test accuracy: (\S+)\nparameters (\d+)\n\Z", done.stdout, re.M).groups()
    assert np.isclose(float(best), accuracy.max()) and parameters == "244076"
    assert (tmp_path / "mine.png").exists()
