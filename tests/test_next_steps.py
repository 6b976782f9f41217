"""The next steps: each diff makes a script, as good as the six, and its trick does what it says."""

import os
import re
import shutil
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import checks
import next_steps
import records
import scripts
import tensorflowvisu
import workshop
from processes import environment, need, run_python
from scripts import TEST_LINE, run_script, script_text, trained
from series import MODULES, NEXT_STEPS, ROOT, SCRIPTS, number_of

PAGE = script_text("docs/next_steps.md")

# Of each step that is run here: iterations of a shortened run, parameters; what the mean over the
# seeds and the best of them have to reach, what would be too good, what the header says. The other
# steps have tests of their own.
RUNS = {
    "mnist_3.2_one_cycle.py": (200, 244076, 0.99, 0.99, 0.994, "99 %"),
    "mnist_4.0_batchnorm.py": (100, 708362, 0.9945, 0.995, 0.998, "99.5 %"),
    "mnist_4.1_augmentation.py": (100, 708362, 0.996, 0.996, 0.998, "99.6 %"),
    "mnist_5.0_recurrent.py": (200, 61578, 0.985, 0.985, 0.992, "99.0 %"),
}
# The lines that a script may have, those of code, and the changed ones of its body.
LIMITS = dict.fromkeys(NEXT_STEPS, (225, 100, 60))
LIMITS["mnist_3.2_one_cycle.py"] = (178, 78, 12)
LIMITS["text_5.1_language_model.py"] = (225, 100, 130)
LIMITS["mnist_6.0_distributed.py"] = (340, 190, 160)
LIMITS["mnist_7.0_own_digits.py"] = (270, 150, 90)


def bare_copy(folder):
    """A copy of the six scripts and of the diffs, in a folder that is no repository."""
    for name in SCRIPTS:
        shutil.copy(os.path.join(ROOT, name), str(folder))
    shutil.copytree(os.path.join(ROOT, "docs", "next_steps"),
                    os.path.join(str(folder), "docs", "next_steps"))
    return str(folder)


def git_apply(folder, script):
    """Applies a diff with the program that readers use, in a folder that no repository is above."""
    return subprocess.run(
        ["git", "apply", next_steps.diff_of(script)], cwd=folder, stderr=subprocess.PIPE,
        text=True,
        env=environment(GIT_CEILING_DIRECTORIES=os.path.dirname(folder)))


def content(folder):
    """The files of a folder: name -> bytes."""
    found = {}
    for name in os.listdir(folder):
        if os.path.isfile(os.path.join(folder, name)):
            with open(os.path.join(folder, name), "rb") as file:
                found[name] = file.read()
    return found


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A folder with the six scripts and what git has made out of the diffs."""
    need("git")
    folder = bare_copy(tmp_path_factory.mktemp("made"))
    assert all(git_apply(folder, script).returncode == 0 for script in NEXT_STEPS)
    return folder


@pytest.fixture(scope="session")
def texts(made):
    """The texts of the six scripts and of what is made."""
    return {name: text.decode("utf-8") for name, text in content(made).items()}


# ---------- Diffs and scripts ----------

def test_diffs_make_the_scripts_and_leave_the_others_as_they_are(texts):
    assert sorted(os.listdir(os.path.join(ROOT, "docs", "next_steps"))) == sorted(
        script[:-3] + ".diff" for script in NEXT_STEPS)
    assert set(texts) == set(SCRIPTS) | set(NEXT_STEPS) | set(MODULES.values())
    # What the tool makes without git is the same, byte by byte.
    for name in SCRIPTS + list(NEXT_STEPS):
        assert texts[name] == next_steps.text_of(name)
    for script, name in MODULES.items():
        assert texts[name] == next_steps.text_of_module(script)


def test_diffs_apply_in_a_clone_with_the_line_ends_of_windows(made, tmp_path):
    folder = bare_copy(tmp_path)
    for place in (folder, os.path.join(folder, "docs", "next_steps")):
        for name, text in content(place).items():
            with open(os.path.join(place, name), "wb") as file:
                file.write(text.replace(b"\n", b"\r\n"))
    subprocess.run(["git", "init", "-q", folder], check=True)
    subprocess.run(["git", "config", "core.autocrlf", "true"], cwd=folder, check=True)
    assert all(git_apply(folder, script).returncode == 0 for script in NEXT_STEPS)
    files = content(folder)
    for name, text in content(made).items():
        assert files[name].replace(b"\r\n", b"\n") == text


def test_patch_does_it_too(made, tmp_path):
    need("patch")
    folder = bare_copy(tmp_path)
    for script in NEXT_STEPS:
        subprocess.run(["patch", "-s", "-p1", "-i", next_steps.diff_of(script)], cwd=folder,
                       check=True)
    assert content(folder) == content(made)


def test_a_script_that_is_there_is_not_overwritten(tmp_path):
    need("git")
    folder, script = bare_copy(tmp_path), next(iter(NEXT_STEPS))
    (tmp_path / script).write_text("mine\n")
    done = git_apply(folder, script)
    assert done.returncode and "already exists" in done.stderr
    assert (tmp_path / script).read_text() == "mine\n"


def test_inside_another_repository_git_makes_nothing_and_says_nothing(tmp_path):
    """The page warns of it, and names two other ways."""
    need("git")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "inner").mkdir()
    inner, script = bare_copy(tmp_path / "inner"), next(iter(NEXT_STEPS))
    done = subprocess.run(["git", "apply", next_steps.diff_of(script)], check=True, cwd=inner,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert not done.stdout and script not in os.listdir(inner)
    assert "inside another git repository" in " ".join(PAGE.split())


@pytest.fixture
def workplace(tmp_path):
    """A copy of what the tool works with."""
    folder = bare_copy(tmp_path)
    shutil.copytree(os.path.join(ROOT, "tests"), os.path.join(folder, "tests"),
                    ignore=shutil.ignore_patterns("test_*", "*.json", "__pycache__"))

    def tool(command):
        return run_python(os.path.join(folder, "tests", "tools", "next_steps.py"), command)

    return tmp_path, tool


def test_tool_makes_all_and_overwrites_nothing(workplace):
    folder, tool = workplace
    done = tool("make")
    assert done.stdout.count(" is made.") == len(NEXT_STEPS) + len(MODULES), done.stderr
    first, last = list(NEXT_STEPS)[0], list(NEXT_STEPS)[-1]
    (folder / first).write_text("mine\n")
    (folder / last).unlink()
    done = tool("make")
    assert first + " is there already, but edited, so it stays as it is" in done.stdout
    assert done.returncode == 0 and last + " is made." in done.stdout
    assert (folder / first).read_text() == "mine\n"
    assert (folder / last).read_text(encoding="utf-8") == next_steps.text_of(last)


def test_an_edit_goes_into_the_diff_and_out_again(workplace):
    folder, tool = workplace
    tool("make")
    before = content(str(folder / "docs" / "next_steps"))
    tool("diff")
    assert content(str(folder / "docs" / "next_steps")) == before
    # An edit of a step that another one builds on, too: that one stays as it is.
    for name in ("mnist_4.0_batchnorm.py", "own_text.py"):
        text = (folder / name).read_text(encoding="utf-8").replace("import ", "import sys, ", 1)
        (folder / name).write_text(text + "# An edit at the end.\n", encoding="utf-8")
    scripts = content(str(folder))
    assert tool("diff").returncode == 0
    for name in list(NEXT_STEPS) + list(MODULES.values()):
        (folder / name).unlink()
    assert tool("make").returncode == 0
    assert content(str(folder)) == scripts


def test_a_base_that_has_changed_is_said_in_one_sentence(workplace):
    folder, tool = workplace
    base = folder / SCRIPTS[-1]
    base.write_text(base.read_text(encoding="utf-8").replace('"""MNIST', '"""My MNIST'),
                    encoding="utf-8")
    done = tool("make")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and "builds on has changed: line 1 is not" in done.stderr


def test_git_ignores_what_is_made(made):
    # ruff looks at no file that git ignores.
    subprocess.run(["git", "init", "-q", made], check=True)
    shutil.copy(os.path.join(ROOT, ".gitignore"), made)
    done = subprocess.run(["git", "ls-files", "--others", "--exclude-standard", "*.py"], cwd=made,
                          stdout=subprocess.PIPE, text=True, check=True)
    assert sorted(done.stdout.split()) == SCRIPTS


# ---------- Texts ----------

@pytest.mark.parametrize("name", NEXT_STEPS)
def test_text_and_diff_are_as_those_of_the_six(name, texts):
    text, (lines, code, changes) = texts[name], LIMITS[name]
    checks.has_the_skeleton(text, lines, code)
    longest = max(checks.header(script_text(other)).count("\n") for other in SCRIPTS)
    # The one with several machines draws these, too.
    assert checks.header(text).count("\n") <= longest + (12 if "distributed" in name else 0)
    checks.text_only_line_is_that_of_the_call(text)
    assert re.match(r'"""(MNIST|Text) {}: '.format(number_of(name)), text)
    before = texts[NEXT_STEPS[name]]
    checks.diff_shows_the_trick_and_nothing_else(before, text, changes)
    checks.recurring_sentences_are_the_same(before, text)


def test_page_teaches_each_step_with_its_command():
    for name in NEXT_STEPS:
        heading = "\n### {} ".format(number_of(name))
        assert PAGE.count(heading) == 1, name
        part = PAGE[PAGE.index(heading):].split("\n### ")[1].split("\n## ")[0]
        command = "git apply {} && python {}".format(next_steps.diff_of(name), name)
        assert command in part, name


# ---------- Runs ----------

@pytest.mark.parametrize("name", [name for name in RUNS if "4.1" not in name])
def test_script_learns_and_prints_the_promised_lines(name, texts, small_digits):
    iterations = RUNS[name][0]
    done = SimpleNamespace(stdout=trained(name, iterations, texts[name], small_digits))
    losses = [float(m[3]) for m in checks.lines_of_training(done)]
    accuracies = [float(m[3]) for m in checks.lines_of_tests(done)]
    assert losses[-1] < 0.7 * losses[0] and accuracies[-1] > 0.3 > accuracies[0]
    # Where only text is wanted, there is no last test, and none often at the start.
    assert [m[1] for m in checks.lines_of_training(done)] == [
        str(i) for i in range(0, iterations + 1, 20)]
    assert [m[1] for m in checks.lines_of_tests(done)] == [
        str(i) for i in range(0, iterations + 1, 100)]


def test_script_is_quiet_and_leaves_a_picture(texts, small_digits, tmp_path):
    name = "mnist_4.1_augmentation.py"
    done = checks.short_run(name, 40, tmp_path, small_digits, texts[name])
    checks.is_quiet_and_leaves_a_picture(name, done, tmp_path)
    checks.prints_the_promised_lines(done, 40, 20, 100, rate=True)
    losses = [float(m[3]) for m in checks.lines_of_training(done)]
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize("name", RUNS)
def test_recorded_results_are_what_the_header_says(name, texts):
    runs = records.runs_of(name, "2.")
    _, _, mean, best, ceiling, words = RUNS[name]
    reached = [run["max_accuracy"] for run in runs]
    assert {run["seed"] for run in runs} == set(range(5))
    assert words in checks.header(texts[name]).split("\n")[0]
    digits = len(words.split(".")[-1]) - 2 if "." in words else 0
    assert round(100 * sum(reached) / len(reached), digits) == float(words.split()[0])
    assert mean <= sum(reached) / len(reached) and best <= max(reached) <= ceiling
    last = int(re.search(r"step, (\d+) \+ 1", texts[name]).group(1))
    assert {run["iterations"] for run in runs} == {last + 1}


def test_one_cycle_ends_at_99_percent_and_batch_normalisation_fits_a_laptop():
    assert np.mean([run["final_accuracy"] for run in records.runs_of(
        "mnist_3.2_one_cycle.py", "2.")]) >= 0.99
    for name in ("mnist_4.0_batchnorm.py", "mnist_4.1_augmentation.py"):
        assert max(run["megabytes"] for run in records.runs_of(name, "2.")) <= 1500


# ---------- Graphs ----------

@pytest.fixture(scope="module", params=RUNS)
def graph(request, texts, small_digits):
    """What a made script has built, by its own names."""
    return request.param, checks.inspected(request.param, small_digits, texts[request.param])


def test_graph_is_what_the_text_says(graph, texts):
    name, built = graph
    checks.diagram_shows_every_tensor(texts[name], built)
    checks.shapes_in_comments_are_true(texts[name], built)
    checks.header_counts_the_parameters(texts[name], built, RUNS[name][1])
    checks.patches_and_strides_are_drawn(texts[name], 0 if "5.0" in name else 3)
    checks.no_placeholder_is_dead(texts[name], built)


def test_loss_and_dropout_against_numpy(graph):
    _, built = graph
    checks.softmax_cross_entropy_and_accuracy_are_true(built)
    checks.dropout_keeps_three_quarters(built)


# ---------- Tricks, against NumPy ----------

def test_learning_rate(graph, texts, small_digits):
    name, built = graph
    if "3.2" not in name:
        checks.rate_decays(built, 0.02 if "mnist_4" in name else 0.003, 0.0001,
                           1600 if "4.0" in name else 2000)
        return
    names = scripts.built(name, texts[name], small_digits)
    rates = [names["sess"].run(names["lr"], {names["step"]: i}) for i in (0, 150, 450, 1125, 1800)]
    assert np.allclose(rates, [0, 0.005 / 3, 0.005, 0.0025, 0], atol=1e-8)


def normalised(values, mean, variance, offset):
    return np.maximum((values - mean) / np.sqrt(variance + 1e-5) + offset, 0)


def test_batch_normalisation(texts, small_digits):
    names = scripts.built("4.0", texts["mnist_4.0_batchnorm.py"], small_digits)
    X, pkeep, tst, step = (names[name] for name in ("X", "pkeep", "tst", "step"))
    images, found = names["mnist"].train.images[:60], {}

    def run(what, batch, test, i=0):
        """Values of tensors; what is several names comes as several values."""
        asked = [names[name] for name in what.split()]
        values = names["sess"].run(asked, {X: batch, pkeep: 1.0, tst: test, step: i})
        return values if len(values) > 1 else values[0]

    for k in (1, 2, 3, 4):
        found["B{}".format(k)] = np.linspace(-0.5, 0.5, names["B{}".format(k)].shape[0])
        names["B{}".format(k)].load(found["B{}".format(k)], names["sess"])
    for name in ["YY", "Y4", "Z1", "Y1", "Z2", "Y2", "Z3", "Y3"]:
        found[name] = run(name, images[:20], False)
    found["W4"] = names["sess"].run(names["W4"])
    # Three batches in the first iterations, and the first one once more, much later.
    for k, i in enumerate((0, 1, 2, 5000)):
        batch = images[20 * (k % 3):][:20]
        found["batch{}".format(k)], _ = run("Z1 moving_averages", batch, False, i)
    found["tested"], found["Y"] = run("Y1 Y", images[:20], True)
    found["alone"] = run("Y", images[:1], True)
    # In ten parts or at once: the logits of a test are the same.
    parts = [run("Ylogits", images[k:k + 6], True) for k in range(0, 60, 6)]
    assert np.allclose(np.concatenate(parts), run("Ylogits", images, True), atol=1e-4)
    names["sess"].close()
    # Over a batch: in a convolutional layer over the pixels, too.
    for k in (1, 2, 3):
        values = found["Z{}".format(k)].astype(float)
        moments = values.mean(axis=(0, 1, 2)), values.var(axis=(0, 1, 2))
        assert np.allclose(found["Y{}".format(k)],
                           normalised(values, *moments, found["B{}".format(k)]), atol=1e-3)
    sums = found["YY"].astype(float).dot(found["W4"])
    assert np.allclose(found["Y4"], normalised(sums, sums.mean(axis=0), sums.var(axis=0),
                                               found["B4"]), atol=1e-3)
    # In a test: the mean of the first batches, then 1 % of the newest.
    moments = [(values.mean(axis=(0, 1, 2)), values.var(axis=(0, 1, 2)))
               for values in (found["batch{}".format(k)].astype(float) for k in range(4))]
    mean, variance = (0.99 * np.mean(first, axis=0) + 0.01 * last
                      for first, last in zip(zip(*moments[:3]), moments[3]))
    expected = normalised(found["Z1"].astype(float), mean, variance, found["B1"])
    assert np.allclose(found["tested"], expected, atol=1e-3)
    # An answer does not depend on the other digits of a test.
    assert np.allclose(found["alone"], found["Y"][:1], atol=1e-5)


def stretched(image, box):
    """The box of an image [28, 28], stretched to its size; what lies outside is 0."""
    rows, columns = (np.linspace(box[k], box[k + 2], 28) * 27 for k in (0, 1))
    result = np.zeros([28, 28])
    for i, y in enumerate(rows):
        for j, x in enumerate(columns):
            if 0 <= y <= 27 and 0 <= x <= 27:
                top, left = min(int(y), 26), min(int(x), 26)
                down, right = y - top, x - left
                result[i, j] = (
                    (1 - down) * ((1 - right) * image[top, left] + right * image[top, left + 1])
                    + down * ((1 - right) * image[top + 1, left]
                              + right * image[top + 1, left + 1]))
    return result


@pytest.mark.parametrize("n", [100, 30])
def test_augmentation(n, texts, small_digits):
    text = texts["mnist_4.1_augmentation.py"]
    assert text.count("BATCH = 100 ") == 1
    text = text.replace("BATCH = 100 ", "BATCH = {} ".format(n))
    names = scripts.built("4.1", text, small_digits)
    X, tst, sess = names["X"], names["tst"], names["sess"]
    images = names["mnist"].train.images[:n]
    found = {"images": images, "again": sess.run(names["boxes"]),
             "tested": sess.run(names["XX"], {X: images, tst: True})}
    found["boxes"], found["XX"] = sess.run([names["boxes"], names["XX"]], {X: images, tst: False})
    sess.close()
    moved = found["boxes"] - [0, 0, 1, 1]
    assert abs(moved).max() <= 0.12 + 1e-6
    # All four edges move over all of this range, each on its own, and anew each time.
    assert (moved.max(axis=0) > 0.08).all() and (moved.min(axis=0) < -0.08).all()
    assert abs(np.corrcoef(moved.T) - np.eye(4)).max() < (0.4 if n == 100 else 0.8)
    assert abs(found["again"] - found["boxes"]).mean() > 0.03
    for k in range(5):
        assert np.allclose(found["XX"][k, :, :, 0],
                           stretched(found["images"][k, :, :, 0], found["boxes"][k]), atol=1e-3)
    assert (found["tested"] == found["images"]).all()


def test_gated_recurrent_unit(texts, small_digits):
    names = scripts.built("5.0", texts["mnist_5.0_recurrent.py"], small_digits)
    random, found = np.random.RandomState(4), {"images": names["mnist"].test.images[:20]}
    for name in ("Wz", "Bz", "Wr", "Br", "Wc", "Bc", "Wy", "By"):
        found[name] = random.randn(*names[name].shape.as_list()) * 0.2
        names[name].load(found[name], names["sess"])
    found["H"], found["Y"] = names["sess"].run(
        [names["H"], names["Y"]], {names["X"]: found["images"], names["pkeep"]: 1.0})
    names["sess"].close()

    def gate(name, values):
        return 1 / (1 + np.exp(-(values.dot(found["W" + name]) + found["B" + name])))

    state = np.zeros([20, 128])
    for k in range(28):
        line = found["images"][:, k, :, 0]
        renewed = gate("z", np.hstack([line, state]))
        used = gate("r", np.hstack([line, state]))
        candidate = np.tanh(np.hstack([line, used * state]).dot(found["Wc"]) + found["Bc"])
        state = state + renewed * (candidate - state)
    assert np.allclose(found["H"], state, atol=1e-3)
    sums = np.exp(state.dot(found["Wy"]) + found["By"])
    assert np.allclose(found["Y"], sums / sums.sum(axis=1, keepdims=True), atol=1e-3)


# ---------- The network that writes ----------

@pytest.fixture
def own_text(tmp_path, monkeypatch):
    """The module that 5.1 brings, where the script finds it, too."""
    (tmp_path / "own_text.py").write_text(next_steps.text_of_module("text_5.1_language_model.py"))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "own_text", raising=False)
    # The script reads the two modules: a small text of Python code.
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


def test_text_is_read_and_what_is_none_is_said(own_text, tmp_path, capsys):
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


def test_a_missing_file_in_the_command_is_said_in_one_sentence(made):
    done = run_python(os.path.join(made, "text_5.1_language_model.py"), "away.txt",
                      env=environment(PYTHONPATH=ROOT))
    assert done.returncode == 1 and done.stdout.startswith("Tensorflow version ")
    assert done.stderr == "away.txt cannot be read: No such file or directory.\n"


def test_state_is_handed_on_and_the_first_step_writes(own_text, texts):
    names = scripts.built("5.1", texts["text_5.1_language_model.py"])
    sess, X, Hin = names["sess"], names["X"], names["Hin"]
    header = checks.header(texts["text_5.1_language_model.py"])
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
        x = second[:, k]
        Z, R = (1 / (1 + np.exp(-np.hstack([x, state]).dot(W[g]) - B[g])) for g in (0, 1))
        C = np.tanh(np.hstack([x, R * state]).dot(W[2]) + B[2])
        state = (1 - Z) * state + Z * C
    assert np.allclose(sess.run(names["H"], {X: second, Hin: middle}), state, atol=1e-4)
    sess.close()


def test_language_model_learns_and_writes(own_text, texts):
    output = trained("5.1", 100, texts["text_5.1_language_model.py"])
    losses = [float(m.group(4)) for m in TEST_LINE.finditer(output)]
    assert len(losses) == 2 and abs(losses[0] - np.log(98)) < 0.1 and losses[1] < 0.75 * losses[0]
    noise, words, end = re.findall(r"^It writes:\n(.*?)\n-{40}$", output, re.M | re.S)
    assert len(noise) == len(words) == 400 and len(end) == 1000
    assert words.count(" ") > 40 > noise.count(" ")


def test_recorded_language_model_keeps_its_promise():
    runs = records.runs_of("text_5.1_language_model.py", "2.")
    assert {run["seed"] for run in runs} == {0, 1, 2}
    assert np.mean([run["final_accuracy"] for run in runs]) >= 0.75
    assert max(run["megabytes"] for run in runs) <= 1500


# ---------- Examples of the page ----------

@pytest.mark.parametrize("script", [SCRIPTS[0], SCRIPTS[3]])
def test_tensorboard(script, small_digits, tmp_path):
    block = re.search(r"^<!-- tensorboard .*?```diff\n(.*?)^```$", PAGE, re.M | re.S).group(1)
    if script != SCRIPTS[0]:
        block = block.replace("mnist.test.labels}", "mnist.test.labels, pkeep: 1.0}")
    done = run_script(script, text=workshop.apply(script_text(script), workshop.hunks(block)),
                      iterations=40, folder=tmp_path, MNIST_DATA=small_digits)
    assert done.returncode == 0, done.stderr
    tests = checks.lines_of_tests(done)
    assert len(tests) >= 3
    # What is read back are the figures that were printed, and all weights.
    found = {}
    for name in os.listdir(str(tmp_path / "log" / "1.0")):
        for event in tensorflowvisu.tf.train.summary_iterator(
                str(tmp_path / "log" / "1.0" / name)):
            for value in event.summary.value:
                found.setdefault(value.tag, []).append((event.step, value))
    assert set(found) == {"accuracy", "loss", "weights"}
    for tag, k in (("accuracy", 3), ("loss", 4)):
        assert np.allclose([(step, value.simple_value) for step, value in found[tag]],
                           [(int(m[1]), float(m[k])) for m in tests], rtol=1e-5)
    count = 7840 if script == SCRIPTS[0] else 184900
    assert [value.histo.num for _, value in found["weights"]] == [count] * len(tests)


def test_keras(small_digits, tmp_path):
    if tensorflowvisu.tf.__version__.startswith("1."):
        pytest.skip("the example is for TensorFlow 2.x: 1.15 does not compute eagerly")
    example = re.search(r"^```python\n(.*?)^```$", PAGE, re.M | re.S).group(1)
    assert max(map(len, example.splitlines())) <= 100
    told = re.sub(r"^( +)datavis.append_(\w+)_curves_data\(i, a, c\)$",
                  r"\g<0>\n\1print('\2', a, c)", example, flags=re.M)
    done = run_script("mine.py", text=told + 'print("parameters", model.count_params())\n',
                      iterations=100, folder=tmp_path, MNIST_DATA=small_digits)
    assert done.returncode == 0, done.stderr
    training, test = ([(float(a), float(c)) for a, c in re.findall(
        r"^{} (\S+) (\S+)$".format(name), done.stdout, re.M)] for name in ("training", "test"))
    assert len(training) == 6 and len(test) >= 5
    # It learns, as 3.1 does, and has its weights and biases.
    assert training[-1][1] < 0.7 * training[0][1] and test[-1][0] > 0.3 > test[0][0]
    assert "max test accuracy: {}".format(max(a for a, _ in test)) in done.stdout
    assert done.stdout.endswith("parameters 244076\n")
    assert (tmp_path / "mine.png").exists()
