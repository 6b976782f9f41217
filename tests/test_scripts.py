"""The six scripts: what they print, what they build, and what a diff of two of them shows."""

import difflib
import json
import os
import re

import numpy as np
import pytest

import workshop
from conftest import ROOT, SCRIPTS, TESTS, environment, run_python, script_text

HEADINGS = ["Set-up", "Placeholders", "Weights and biases", "Model", "Loss", "Optimiser", "Display",
            "Training", "Results"]
BUDGETS = [80, 45, 40, 105, 45]
PARAMETERS = [7850, 185300, 185300, 185300, 122270, 244076]
ITERATIONS = 201

TRAINING_LINE = re.compile(r"(\d+): accuracy:([\d.]+) loss: ([\d.]+)(?: \(lr:([\d.e-]+)\))?")
TEST_LINE = re.compile(
    r"(\d+): \*{9} epoch (\d+) \*{9} test accuracy:([\d.]+) test loss: ([\d.]+)")


def body(name):
    """The lines of a script between its header and its results."""
    text = script_text(name)
    return text[text.index("# ---------- Set-up"):text.index("# ---------- Results")].split("\n")


# ---------- Runs ----------

@pytest.fixture(scope="module", params=SCRIPTS)
def run(request, small_digits, tmp_path_factory):
    """A shortened run of a script from a folder of its own, without a display."""
    folder = tmp_path_factory.mktemp("run")
    done = run_python(os.path.join(TESTS, "run_script.py"), os.path.join(ROOT, request.param),
                      ITERATIONS, cwd=str(folder), env=environment(MNIST_DATA=small_digits))
    assert done.returncode == 0, done.stderr
    return request.param, done, folder


def test_script_prints_the_promised_lines_and_nothing_else(run):
    name, done, _ = run
    lines = done.stdout.splitlines()
    assert re.fullmatch(r"Tensorflow version \d+\.\d+\.\d+\S*", lines[0])
    training = [m for m in map(TRAINING_LINE.fullmatch, lines) if m]
    test = [m for m in map(TEST_LINE.fullmatch, lines) if m]
    assert len(lines) == 2 + len(training) + len(test)
    every, test_every = (10, 50) if "1.0" in name else (20, 100)
    assert [int(m[1]) for m in training] == list(range(0, ITERATIONS, every))
    # During the first iterations the test data come as often as the training data.
    assert [int(m[1]) for m in test] == (list(range(0, test_every, every))
                                         + list(range(test_every, ITERATIONS, test_every)))
    assert [int(m[2]) for m in test] == [1 + int(m[1]) * 100 // 3000 for m in test]
    assert all((m[4] is None) == ("1.0" in name) for m in training)
    best = max(test, key=lambda m: float(m[3]))
    assert lines[-1] == "max test accuracy: " + best[3]


def test_script_learns(run):
    _, done, _ = run
    losses = [float(m[3]) for m in map(TRAINING_LINE.fullmatch, done.stdout.splitlines()) if m]
    accuracies = [float(m[3]) for m in map(TEST_LINE.fullmatch, done.stdout.splitlines()) if m]
    assert sum(losses[-3:]) / 3 < 0.7 * losses[0]
    assert accuracies[-1] > 0.3 > accuracies[0]


def test_script_is_quiet_and_leaves_a_picture(run):
    name, done, folder = run
    picture = name[:-3] + ".png"
    notices = done.stderr.splitlines()
    assert len(notices) == 3, done.stderr
    assert "not the original MNIST" in notices[0]
    assert "there is no display" in notices[1]
    assert picture in notices[2]
    assert os.listdir(str(folder)) == [picture]
    from matplotlib.image import imread
    pixels = imread(os.path.join(str(folder), picture))
    assert pixels.shape[:2] == (756, 1344)
    # The curves are there: thin blue and thick red.
    blue = (pixels[..., 2] - pixels[..., 0] > 0.3).sum()
    red = (pixels[..., 0] - pixels[..., 1] > 0.3).sum()
    assert blue > 200 and red > 1000


def test_a_real_error_is_not_kept_away(small_digits, tmp_path):
    script = tmp_path / "wrong.py"
    script.write_text(script_text(SCRIPTS[0]).replace("[784, 10]", "[783, 10]"))
    done = run_python(script, cwd=str(tmp_path),
                      env=environment(MNIST_DATA=small_digits, PYTHONPATH=ROOT))
    assert done.returncode == 1
    assert "ValueError: Dimensions must be equal" in done.stderr
    assert "783" in done.stderr


# ---------- Graphs ----------

@pytest.fixture(scope="module", params=SCRIPTS)
def graph(request, small_digits):
    """What a script has built, by its own names."""
    done = run_python(os.path.join(TESTS, "inspect_script.py"), os.path.join(ROOT, request.param),
                      env=environment(MNIST_DATA=small_digits))
    assert done.returncode == 0, done.stderr
    line = [line for line in done.stdout.splitlines() if line.startswith("inspected ")][0]
    return request.param, json.loads(line[len("inspected "):])


def shape(text):
    """[n, 28, 28, 1] as [-1, 28, 28, 1]."""
    return [-1 if size == "n" else int(size) for size in text.split(", ")]


def test_diagram_shows_every_tensor_with_its_shape(graph):
    name, built = graph
    header = script_text(name).split('"""')[1]
    diagram = dict((tensor, shape(sizes))
                   for tensor, sizes in re.findall(r"\b([XYWBb]\w*)\s+\[([\dn, ]+)\]", header))
    assert {"X", "Y"} | set(built["names"]) <= set(diagram)
    for tensor, sizes in diagram.items():
        assert built["tensors"][tensor] == sizes, tensor
    layers = [tensor for tensor in built["tensors"] if re.fullmatch(r"Y\d", tensor)]
    assert all(layer in diagram or layer + "d" in diagram for layer in layers)


def test_shapes_in_comments_are_those_of_the_model(graph):
    name, built = graph
    comments = re.findall(r"^(\w+) = .*  # \[([\dn, ]+)\]$", script_text(name), re.M)
    assert len(comments) >= 2
    for tensor, sizes in comments:
        assert built["tensors"][tensor] == shape(sizes), tensor


def test_header_counts_the_parameters(graph):
    name, built = graph
    assert built["parameters"] == PARAMETERS[SCRIPTS.index(name)]
    assert "{:,} weights and biases are trained.".format(built["parameters"]) in script_text(name)


def test_patches_and_strides_of_the_diagram(graph):
    name, _ = graph
    text = script_text(name)
    drawn = re.findall(r"W(\d) .*convolution, stride (\d)", text)
    coded = re.findall(r"conv2d\(\w+, W(\d), strides=\[1, (\d), \2, 1\], padding='SAME'\)", text)
    assert drawn == coded
    assert len(coded) == (3 if "convolutional" in name else 0)


def test_initial_values(graph):
    name, built = graph
    weights, biases = built["initial"][0::2], built["initial"][1::2]
    if "1.0" in name:
        assert weights[0] == [0, 0, 0] and biases[0] == [0] * 10
        return
    for mean, deviation, most in [value for value in weights if len(value) == 3]:
        # truncated_normal cuts at two standard deviations, which leaves 0.088 of 0.1.
        assert abs(mean) < 0.01 and 0.075 < deviation < 0.1 and 0.15 < most <= 0.2
    assert set(biases[-1]) == {0}
    for values in biases[:-1]:
        assert set(values) == {0 if "2.0" in name else float(np.float32(0.1))}


def test_learning_rate_decays_from_0_0031_toward_0_0001(graph):
    name, built = graph
    if "1.0" in name or "2.0" in name:
        assert built["rates"] is None
        return
    expected = [0.0001 + 0.003 * np.exp(-step / 2000.0) for step in (0, 2000, 10000)]
    assert np.allclose(built["rates"], expected, rtol=1e-5)


def test_softmax_cross_entropy_and_accuracy_against_numpy(graph):
    name, built = graph
    probabilities, labels = np.array(built["probabilities"]), np.array(built["labels"])
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    loss = 100 * -np.log((probabilities * labels).sum(axis=1)).mean()
    assert np.isclose(built["loss"], loss, rtol=1e-4)
    right = (probabilities.argmax(axis=1) == labels.argmax(axis=1)).mean()
    assert np.isclose(built["accuracy"], right)
    if built["values"]:
        weights, biases = (np.array(value) for value in built["values"])
        sums = np.array(built["images"]).dot(weights) + biases
        exponentials = np.exp(sums - sums.max(axis=1, keepdims=True))
        softmax = exponentials / exponentials.sum(axis=1, keepdims=True)
        assert np.allclose(probabilities, softmax, atol=1e-5)


def test_dropout_keeps_three_quarters_and_scales_them(graph):
    name, built = graph
    if "dropout" not in name:
        assert built["dropped"] is None and "pkeep" not in built["placeholders"]
        return
    before, after = (np.array(value) for value in built["dropped"])
    active = before > 0
    kept = after[active] > 0
    assert 0.7 < kept.mean() < 0.8
    assert np.allclose(after[active][kept], before[active][kept] / 0.75, rtol=1e-5)


def test_no_placeholder_is_dead(graph):
    name, built = graph
    for placeholder in built["placeholders"]:
        assert len(re.findall(r"\b{}: ".format(placeholder), script_text(name))) >= 1


# ---------- Texts and diffs ----------

@pytest.mark.parametrize("name", SCRIPTS)
def test_skeleton(name):
    text = script_text(name)
    assert re.findall(r"^# -{10} (.*) -{10}$", text, re.M) == HEADINGS
    lines = text.splitlines()
    assert len(lines) <= 170 and max(map(len, lines)) <= 100
    code = [line for line in body(name) if line.strip() and not line.strip().startswith("#")]
    assert len(code) <= 75
    assert "New in this step" in text.split('"""')[1]
    assert "import math" in text and "more_tests_at_start=True" in text
    calls = [k for k, line in enumerate(lines)
             if line.startswith("datavis.animate(training_step, ")]
    assert len(calls) == 1
    assert lines[calls[0] + 2].startswith("# for i in range(")


@pytest.mark.parametrize("name", SCRIPTS)
def test_text_only_line_does_what_its_comment_says(name, small_digits, tmp_path):
    text = script_text(name)
    call = re.search(r"^datavis\.animate\(.*$", text, re.M).group()
    loop = re.search(r"^# (for i in range\((\d+) \+ 1\): .*)$", text, re.M)
    assert "({}, {} + 1, ".format("training_step", loop.group(2)) in call
    if "1.0" not in name:
        return
    shortened = loop.group(1).replace(loop.group(2), "100")
    script = tmp_path / "text_only.py"
    script.write_text(text.replace(call, "# " + call).replace(loop.group(), shortened))
    done = run_python(script, cwd=str(tmp_path),
                      env=environment(MNIST_DATA=small_digits, PYTHONPATH=ROOT))
    assert done.returncode == 0, done.stderr
    assert len(TEST_LINE.findall(done.stdout)) == 3
    assert done.stdout.splitlines()[-1].startswith("max test accuracy: 0.")
    assert [path.name for path in tmp_path.iterdir()] == ["text_only.py"]


@pytest.mark.parametrize("k", range(5))
def test_diff_shows_the_trick_and_nothing_else(k):
    before, after = body(SCRIPTS[k]), body(SCRIPTS[k + 1])
    changes = [line for line in difflib.ndiff(before, after) if line[0] in "-+"]
    assert 5 < len(changes) <= BUDGETS[k], "\n".join(changes)
    removed = [line[2:].strip() for line in changes if line[0] == "-" and line[2:].strip()]
    added = [line[2:].strip() for line in changes if line[0] == "+" and line[2:].strip()]
    assert not set(removed) & set(added)


# ---------- The exercise ----------

@pytest.fixture(scope="module")
def stages(small_digits, tmp_path_factory):
    """The script after each stage of the workshop's "Build it yourself", run."""
    text = script_text(SCRIPTS[0])
    done = []
    for name, edit in workshop.stages(script_text(workshop.PAGE)):
        text = workshop.apply(text, edit)
        folder = tmp_path_factory.mktemp("exercise")
        script = folder / "mnist_1.0_softmax.py"
        script.write_text(text, encoding="utf-8")
        done.append((name, edit, run_python(
            os.path.join(TESTS, "run_script.py"), script, 201, cwd=str(folder),
            env=environment(MNIST_DATA=small_digits))))
    return done


def test_exercise_has_the_eight_edits_of_the_codelab(stages):
    words = ["layer", "relu", "adam", "biases", "logits", "decay", "dropout", "convolutional"]
    assert len(stages) == len(words)
    assert all(word in name.lower() for word, (name, _, _) in zip(words, stages))


def test_every_stage_of_the_exercise_trains(stages):
    for name, _, done in stages:
        assert done.returncode == 0, (name, done.stderr)
        losses = [float(m[3]) for m in map(TRAINING_LINE.match, done.stdout.splitlines()) if m]
        assert sum(losses[-3:]) / 3 < 0.7 * losses[0], name
        assert float(done.stdout.split("max test accuracy: ")[1]) > 0.5, name


def test_every_stage_of_the_exercise_is_a_few_lines(stages):
    for name, edit, _ in stages:
        lines = [max(before.count("\n"), after.count("\n")) for _, before, after in edit]
        assert sum(lines) <= 10, name
