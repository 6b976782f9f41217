"""The six scripts: what they print, what they build, and what a diff of two of them shows."""

import re

import numpy as np
import pytest

import checks
import workshop
from scripts import script_text, trained
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
    checks.prints_the_promised_lines(done.stdout, ITERATIONS, every, test_every)


def test_script_learns(run):
    _, done, _ = run
    losses = [float(m[3]) for m in checks.lines_of_training(done.stdout)]
    accuracies = [float(m[3]) for m in checks.lines_of_tests(done.stdout)]
    assert sum(losses[-3:]) / 3 < 0.7 * losses[0]
    assert accuracies[-1] > 0.3 > accuracies[0]


def test_script_is_quiet_and_leaves_a_picture(run):
    checks.is_quiet_and_leaves_a_picture(*run)


# ---------- Graphs ----------

@pytest.fixture(scope="module", params=SCRIPTS)
def graph(request, small_digits):
    """What a script has built, by its own names."""
    return request.param, checks.inspected(request.param, small_digits)


def test_header_and_comments_are_those_of_the_graph(graph):
    name, built = graph
    checks.header_and_comments_are_true(script_text(name), built, PARAMETERS[SCRIPTS.index(name)],
                                        3 if "convolutional" in name else 0)


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
    if name > SCRIPTS[1]:
        checks.rate_decays(built, 0.003, 0.0001, 2000)
    else:
        assert built["rates"] is None


def test_losses_and_accuracies_against_numpy(graph):
    name, built = graph
    checks.softmax_cross_entropy_and_accuracy_are_true(built)
    checks.evaluations_are_of_all_neurons_and_of_the_right_digits(built)
    if "1.0" in name:
        weights, biases = built["values"]
        exponentials = np.exp(built["images"].reshape([50, 784]).dot(weights) + biases)
        softmax = exponentials / exponentials.sum(axis=1, keepdims=True)
        assert np.allclose(built["probabilities"], softmax, atol=1e-5)


@pytest.mark.parametrize("name", SCRIPTS)
def test_training_is_fed_what_the_panels_are_not(name):
    feed = "{X: batch_X, Y_: batch_Y" + (", step: i" if name > SCRIPTS[1] else "") + (
        ", pkeep: 0.75" if "dropout" in name else "") + "}"
    assert "    sess.run(train_step, feed_dict={})\n".format(feed) in script_text(name)


def test_dropout_keeps_three_quarters_and_scales_them(graph):
    name, built = graph
    if "dropout" in name:
        checks.dropout_keeps_three_quarters(built)
    else:
        assert built["dropped"] is None and "pkeep" not in built["placeholders"]


# ---------- Texts and diffs ----------

@pytest.mark.parametrize("name", SCRIPTS)
def test_skeleton(name):
    checks.has_the_skeleton(script_text(name), 178, 78)


@pytest.mark.parametrize("k", range(5))
def test_diff_shows_the_trick_and_nothing_else(k):
    """A sentence that recurs is the same to the letter."""
    checks.diff_shows_the_trick_and_nothing_else(
        script_text(SCRIPTS[k]), script_text(SCRIPTS[k + 1]), BUDGETS[k])


# ---------- The exercise ----------

def test_every_stage_of_the_exercise_is_a_few_lines_and_trains(small_digits, elsewhere):
    """The eight edits of the codelab, one after the other, by the line for text only."""
    text, stages = script_text(SCRIPTS[0]), workshop.stages(workshop.text())
    words = ["layer", "relu", "adam", "biases", "logits", "decay", "dropout", "convolutional"]
    assert len(stages) == len(words)
    for word, (name, edit) in zip(words, stages):
        assert word in name.lower()
        lines = [max(len(re.findall(r"^ *[^# ].*$", text, re.M)) for text in (before, after))
                 for _, before, after in edit]
        assert sum(lines) <= 12, name
        text = workshop.apply(text, edit)
        printed = trained(SCRIPTS[0], ITERATIONS, text, small_digits)
        losses = [float(m[3]) for m in checks.lines_of_training(printed)]
        assert sum(losses[-3:]) / 3 < 0.7 * losses[0], name
        assert float(printed.split("max test accuracy: ")[1]) > 0.5, name
    assert not list(elsewhere.iterdir())  # Text only leaves no picture.
