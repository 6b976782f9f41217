"""The six scripts: what they print, what they build, and what a diff of two of them shows."""

import os
import re

import numpy as np
import pytest

import checks
import workshop
from scripts import TEST_LINE, TRAINING_LINE, run_script, script_text, text_only_lines, trained
from series import SCRIPTS

BUDGETS = [80, 45, 40, 105, 45]
PARAMETERS = [7850, 185300, 185300, 185300, 122270, 244076]
ITERATIONS = 200

# ---------- Runs ----------

@pytest.fixture(scope="module", params=SCRIPTS)
def run(request, small_digits, tmp_path_factory):
    """A shortened run of a script."""
    folder = tmp_path_factory.mktemp("run")
    return request.param, checks.short_run(request.param, ITERATIONS, folder, small_digits), folder


def test_script_prints_the_promised_lines_and_nothing_else(run):
    name, done, _ = run
    every, test_every = (10, 50) if "1.0" in name else (20, 100)
    checks.prints_the_promised_lines(done, ITERATIONS, every, test_every, rate=True)


def test_script_learns(run):
    _, done, _ = run
    losses = [float(m[3]) for m in checks.lines_of_training(done)]
    accuracies = [float(m[3]) for m in checks.lines_of_tests(done)]
    assert sum(losses[-3:]) / 3 < 0.7 * losses[0]
    assert accuracies[-1] > 0.3 > accuracies[0]


def test_script_is_quiet_and_leaves_a_picture(run):
    checks.is_quiet_and_leaves_a_picture(*run)


def test_a_real_error_is_not_kept_away(small_digits):
    done = run_script(SCRIPTS[0], MNIST_DATA=small_digits,
                      text=script_text(SCRIPTS[0]).replace("[784, 10]", "[783, 10]"))
    assert done.returncode == 1
    assert "ValueError: Dimensions must be equal" in done.stderr
    assert "783" in done.stderr


# ---------- Graphs ----------

@pytest.fixture(scope="module", params=SCRIPTS)
def graph(request, small_digits):
    """What a script has built, by its own names."""
    return request.param, checks.inspected(request.param, small_digits)


def test_diagram_shows_every_tensor_with_its_shape(graph):
    name, built = graph
    checks.diagram_shows_every_tensor(script_text(name), built)


def test_shapes_in_comments_are_those_of_the_model(graph):
    name, built = graph
    checks.shapes_in_comments_are_true(script_text(name), built)


def test_header_counts_the_parameters(graph):
    name, built = graph
    checks.header_counts_the_parameters(script_text(name), built, PARAMETERS[SCRIPTS.index(name)])


def test_patches_and_strides_of_the_diagram(graph):
    name, _ = graph
    checks.patches_and_strides_are_drawn(script_text(name), 3 if "convolutional" in name else 0)


def test_initial_values(graph):
    name, built = graph
    weights, biases = built["initial"][0::2], built["initial"][1::2]
    if "1.0" in name:
        assert not weights[0].any() and not biases[0].any()
        return
    for values in weights:
        # truncated_normal cuts at two standard deviations, which leaves 0.088 of 0.1.
        assert abs(values).max() <= 0.2 and abs(values.std() - 0.088) < 0.013
        assert abs(values.mean()) < 0.03
    assert not biases[-1].any()
    assert all((values == np.float32(0 if "2.0" in name else 0.1)).all() for values in biases[:-1])


def test_learning_rate_decays_from_0_0031_toward_0_0001(graph):
    name, built = graph
    if "1.0" in name or "2.0" in name:
        assert built["rates"] is None
        return
    checks.rate_decays(built, 0.003, 0.0001, 2000)


def test_softmax_cross_entropy_and_accuracy_against_numpy(graph):
    name, built = graph
    checks.softmax_cross_entropy_and_accuracy_are_true(built)
    if "1.0" in name:
        weights, biases = built["values"]
        sums = built["images"].reshape([50, 784]).dot(weights) + biases
        exponentials = np.exp(sums - sums.max(axis=1, keepdims=True))
        softmax = exponentials / exponentials.sum(axis=1, keepdims=True)
        assert np.allclose(built["probabilities"], softmax, atol=1e-5)


def test_evaluations_are_of_all_neurons_and_of_the_right_digits(graph):
    checks.evaluations_are_of_all_neurons_and_of_the_right_digits(graph[1])


@pytest.mark.parametrize("name", SCRIPTS)
def test_training_is_fed_what_the_panels_are_not(name):
    feed = "{X: batch_X, Y_: batch_Y" + (", step: i" if name > SCRIPTS[1] else "") + (
        ", pkeep: 0.75" if "dropout" in name else "") + "}"
    assert "    sess.run(train_step, feed_dict={})\n".format(feed) in script_text(name)


def test_dropout_keeps_three_quarters_and_scales_them(graph):
    name, built = graph
    if "dropout" not in name:
        assert built["dropped"] is None and "pkeep" not in built["placeholders"]
        return
    checks.dropout_keeps_three_quarters(built)


def test_no_placeholder_is_dead(graph):
    name, built = graph
    checks.no_placeholder_is_dead(script_text(name), built)


# ---------- Texts and diffs ----------

@pytest.mark.parametrize("name", SCRIPTS)
def test_skeleton(name):
    checks.has_the_skeleton(script_text(name), 178, 78)


@pytest.mark.parametrize("name", SCRIPTS)
def test_text_only_line_is_that_of_the_call(name):
    checks.text_only_line_is_that_of_the_call(script_text(name))


def test_text_only_line_does_what_its_comment_says(small_digits, tmp_path):
    text = script_text(SCRIPTS[0])
    call, loop = text_only_lines(text)
    text = text.replace(call, "# " + call).replace("# " + loop, loop.replace("2000", "100"))
    done = run_script(SCRIPTS[0], text=text, folder=tmp_path, MNIST_DATA=small_digits)
    assert done.returncode == 0, done.stderr
    assert len(TEST_LINE.findall(done.stdout)) == 3
    assert done.stdout.splitlines()[-1].startswith("max test accuracy: 0.")
    assert not os.listdir(str(tmp_path))


@pytest.mark.parametrize("k", range(5))
def test_diff_shows_the_trick_and_nothing_else(k):
    checks.diff_shows_the_trick_and_nothing_else(
        script_text(SCRIPTS[k]), script_text(SCRIPTS[k + 1]), BUDGETS[k])


@pytest.mark.parametrize("k", range(5))
def test_a_sentence_that_recurs_is_the_same_to_the_letter(k):
    checks.recurring_sentences_are_the_same(script_text(SCRIPTS[k]), script_text(SCRIPTS[k + 1]))


# ---------- The exercise ----------

@pytest.fixture(scope="module")
def stages(small_digits):
    """The script after each stage of the workshop's "Build it yourself", and what it prints."""
    text = script_text(SCRIPTS[0])
    done = []
    for name, edit in workshop.stages(workshop.text()):
        text = workshop.apply(text, edit)
        done.append((name, edit, trained(SCRIPTS[0], ITERATIONS, text, small_digits)))
    return done


def test_exercise_has_the_eight_edits_of_the_codelab(stages):
    words = ["layer", "relu", "adam", "biases", "logits", "decay", "dropout", "convolutional"]
    assert len(stages) == len(words)
    assert all(word in name.lower() for word, (name, _, _) in zip(words, stages))


def test_every_stage_of_the_exercise_trains(stages):
    for name, _, printed in stages:
        losses = [float(loss) for _, _, loss, _ in TRAINING_LINE.findall(printed)]
        assert sum(losses[-3:]) / 3 < 0.7 * losses[0], name
        assert float(printed.split("max test accuracy: ")[1]) > 0.5, name


def test_every_stage_of_the_exercise_is_a_few_lines(stages):
    for name, edit, _ in stages:
        lines = [max(len(re.findall(r"^ *[^# ].*$", text, re.M)) for text in (before, after))
                 for _, before, after in edit]
        assert sum(lines) <= 12, name
