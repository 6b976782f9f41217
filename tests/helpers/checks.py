"""What tests ask of every script, whether of the six or made out of a diff.

They look at a script's text, at its shortened run (checks.short_run) or graph (checks.inspected).
"""

import contextlib
import difflib
import io
import os
import re

import numpy as np

import mnistdata
from scripts import TEST_LINE, TRAINING_LINE, built, run_script, text_only_lines

HEADINGS = ["Set-up", "Placeholders", "Weights and biases", "Model", "Loss", "Optimiser", "Display",
            "Training", "Results"]
# The iterations at which the learning rate is looked at.
STEPS = (0, 150, 450, 1125, 1800, 2000, 10000)


def header(text):
    return text.split('"""')[1]


def body(text):
    """The lines of a script between its header and its results."""
    return text[text.index("# ---------- Set-up"):text.index("# ---------- Results")].split("\n")


def code(text):
    """The lines of code in the body."""
    return [line for line in body(text) if line.strip() and not line.strip().startswith("#")]


# ---------- Runs ----------

def short_run(name, iterations, folder, digits, text=None):
    """A shortened run of a script in a folder, without a display."""
    done = run_script(name, iterations=iterations, text=text, folder=folder, MNIST_DATA=digits)
    assert done.returncode == 0, done.stderr
    return done


def lines_of_training(printed):
    return list(TRAINING_LINE.finditer(printed))


def lines_of_tests(printed):
    return list(TEST_LINE.finditer(printed))


def prints_the_promised_lines(printed, iterations, every, test_every):
    lines = printed.splitlines()
    assert re.fullmatch(r"Tensorflow version \d+\.\d+\.\d+\S*", lines[0])
    training, test = lines_of_training(printed), lines_of_tests(printed)
    assert len(lines) == 2 + len(training) + len(test)
    last = iterations
    assert [int(m[1]) for m in training] == list(range(0, last, every)) + [last]
    # During the first iterations the test data come as often as the training data.
    often = list(range(0, min(test_every, last), every))
    assert [int(m[1]) for m in test] == often + list(range(test_every, last, test_every)) + [last]
    assert [int(m[2]) for m in test] == [1 + int(m[1]) * 100 // 3000 for m in test]
    assert all(float(m[4]) >= 0 for m in training)
    best = max(test, key=lambda m: float(m[3]))
    assert lines[-1] == "max test accuracy: " + best[3]


def is_quiet_and_leaves_a_picture(name, done, folder):
    picture = name[:-3] + ".png"
    notices = done.stderr.splitlines()
    assert len(notices) == 3, done.stderr
    assert "not the original MNIST" in notices[0]
    assert "there is no display" in notices[1]
    assert picture in notices[2]
    assert os.listdir(str(folder)) == [picture]
    from matplotlib.image import imread
    are_panels(imread(os.path.join(str(folder), picture)))


def are_panels(pixels):
    """A picture of the six panels, with their curves: thin blue and thick red."""
    assert pixels.shape[:2] == (756, 1344)
    blue = (pixels[..., 2] - pixels[..., 0] > 0.3).sum()
    red = (pixels[..., 0] - pixels[..., 1] > 0.3).sum()
    assert blue > 200 and red > 1000


# ---------- Graphs ----------

def inspected(name, digits, text=None):
    """What a script has built, by its own names; some values are those for random weights."""
    names = built(name, text, digits)
    tf, sess = names["tf"], names["sess"]
    images, labels = (values[:50] for values in (names["mnist"].test.images,
                                                 names["mnist"].test.labels))
    feed = {names["X"]: images, names["Y_"]: labels}
    if "pkeep" in names:
        feed[names["pkeep"]] = 1.0
    if "tst" in names:
        feed[names["tst"]] = True
    variables = tf.trainable_variables()
    initial = sess.run(variables)
    lines = first_lines(names) if "tst" not in names else None
    random = np.random.RandomState(3)
    for variable in variables:
        variable.load(random.randn(*variable.shape.as_list()) * 0.1, sess)
    probabilities, loss, accuracy = sess.run(
        [names["Y"], names["cross_entropy"], names["accuracy"]], feed)
    rates = None
    if isinstance(names["lr"], tf.Tensor):
        rates = [sess.run(names["lr"], {names["step"]: i}) for i in STEPS]
    dropped = None
    if "pkeep" in names:
        # The first layer that has dropout; of the recurrent network it is the last state.
        first = [layer for layer in ("Y1", "Y4", "H") if layer + "d" in names][0]
        dropped = sess.run([names[first], names[first + "d"]], {**feed, names["pkeep"]: 0.75})
    found = {
        "tensors": {name: [-1 if size is None else size for size in value.shape.as_list()]
                    for name, value in names.items()
                    if isinstance(value, (tf.Tensor, tf.Variable)) and value.shape.ndims},
        "placeholders": [name for name, value in names.items()
                         if isinstance(value, tf.Tensor) and value.op.type == "Placeholder"],
        "names": [name for name, value in names.items() if isinstance(value, tf.Variable)],
        "parameters": sum(value.size for value in initial), "initial": initial,
        "values": sess.run(variables), "images": images, "labels": labels, "rates": rates,
        "lines": lines, "dropped": dropped, "loss": loss, "accuracy": accuracy,
        "probabilities": probabilities}
    sess.close()
    return found


def first_lines(names):
    """Accuracy and loss of the first batch and of the test digits: as printed, and as they are."""
    train, test = names["mnist"].train, names["mnist"].test
    batch = mnistdata.DataSet(train.images, train.labels, mnistdata.SEED).next_batch(100)
    computed = []
    for images, labels in (batch, (test.images, test.labels)):
        feed = {names["X"]: images, names["Y_"]: labels}
        if "pkeep" in names:
            feed[names["pkeep"]] = 1.0
        computed.append(names["sess"].run([names["accuracy"], names["cross_entropy"]], feed))
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        names["training_step"](0, True, True)
    printed = [[float(value) for value in line.search(output.getvalue()).groups()[at:at + 2]]
               for line, at in ((TRAINING_LINE, 1), (TEST_LINE, 2))]
    return printed, computed


def evaluations_are_of_all_neurons_and_of_the_right_digits(built):
    printed, computed = built["lines"]
    assert np.allclose(printed, computed, rtol=1e-5)


def shape(text):
    """[n, 28, 28, 1] as [-1, 28, 28, 1]."""
    return [-1 if size == "n" else int(size) for size in text.split(", ")]


def header_and_comments_are_true(text, built, parameters, convolutions):
    """What they say of tensors, shapes, parameters, patches and strides is in the graph."""
    diagram = [(tensor, shape(sizes)) for tensor, sizes in re.findall(
        r"\b([A-Z]\w*|b)\s+\[([\dn, ]+)\]", header(text))]
    assert {"X", "Y"} | set(built["names"]) <= {tensor for tensor, _ in diagram}
    for tensor, sizes in diagram:
        assert built["tensors"][tensor] == sizes, tensor
    drawn = dict(diagram)
    layers = [tensor for tensor in built["tensors"] if re.fullmatch(r"Y\d", tensor)]
    assert all(layer in drawn or layer + "d" in drawn for layer in layers)
    comments = re.findall(r"^ *(\w+) = .*  # \[([\dn, ]+)\]$", text, re.M)
    assert len(comments) >= 2
    for tensor, sizes in comments:
        assert built["tensors"][tensor] == shape(sizes), tensor
    assert built["parameters"] == parameters
    assert "{:,} weights and biases are trained.".format(parameters) in header(text)
    drawn = re.findall(r"W(\d) .*convolution, stride (\d)", text)
    coded = re.findall(r"conv2d\(\w+, W(\d), strides=\[1, (\d), \2, 1\], padding='SAME'\)", text)
    assert drawn == coded and len(coded) == convolutions
    for placeholder in built["placeholders"]:
        assert len(re.findall(r"\b{}: ".format(placeholder), text)) >= 1


def rate_decays(built, high, low, every):
    expected = [low + high * np.exp(-step / float(every)) for step in STEPS]
    assert np.allclose(built["rates"], expected, rtol=1e-5)


def softmax_cross_entropy_and_accuracy_are_true(built):
    probabilities, labels = built["probabilities"], built["labels"]
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    loss = 100 * -np.log((probabilities * labels).sum(axis=1)).mean()
    assert np.isclose(built["loss"], loss, rtol=1e-4)
    right = (probabilities.argmax(axis=1) == labels.argmax(axis=1)).mean()
    assert np.isclose(built["accuracy"], right)


def dropout_keeps_three_quarters(built):
    before, after = built["dropped"]
    active = before != 0
    kept = after[active] != 0
    assert 0.7 < kept.mean() < 0.8
    assert np.allclose(after[active][kept], before[active][kept] / 0.75, rtol=1e-5)


# ---------- Texts and diffs ----------

def has_the_skeleton(text, lines_at_most, code_at_most):
    assert re.findall(r"^# -{10} (.*) -{10}$", text, re.M) == HEADINGS
    lines = text.splitlines()
    assert len(lines) <= lines_at_most and max(map(len, lines)) <= 100
    assert len(code(text)) <= code_at_most
    assert "New in this step" in header(text)
    assert "import math" in text and "more_tests_at_start=True" in text
    calls = [k for k, line in enumerate(lines)
             if line.startswith("datavis.animate(training_step, ")]
    assert len(calls) == 1
    assert lines[calls[0] + 2].startswith("# for i in range(")
    # The line for text only asks for the same data as the call.
    call, loop = text_only_lines(text)
    n, every, test_every = re.search(r"step, (\w+) \+ 1, (\d+), (\d+)", call).groups()
    assert loop == ("for i in range({} + 1): training_step(i, i % {} == 0, i % {} == 0)".format(
        n, test_every, every))


def diff_shows_the_trick_and_nothing_else(before, after, budget):
    changes = [line for line in difflib.ndiff(body(before), body(after)) if line[0] in "-+"]
    assert 5 < len(changes) <= budget, "\n".join(changes)
    removed = [line[2:].strip() for line in changes if line[0] == "-" and line[2:].strip()]
    added = [line[2:].strip() for line in changes if line[0] == "+" and line[2:].strip()]
    assert not set(removed) & set(added)
    recurring_sentences_are_the_same(before, after)


def sentences(text):
    """The sentences of the comments in the body of a script, each on one line."""
    comments = re.findall(r"(?:^ *# (?!-).*\n)+", "\n".join(body(text)), re.M)
    return [sentence for comment in comments for sentence in re.split(
        r"(?<=[.:]) ", " ".join(re.sub(r"^ *# ", "", comment, flags=re.M).split()))]


def recurring_sentences_are_the_same(before, after):
    """Sentences that are nearly alike differ in a number, or in what their step has changed."""
    before, after = sentences(before), sentences(after)
    assert len(set(before) & set(after)) > 10
    for one in set(before) - set(after):
        for other in set(after) - set(before):
            if difflib.SequenceMatcher(None, one, other).ratio() > 0.85:
                changed = set(re.findall(r"[\w.]+", one)) ^ set(re.findall(r"[\w.]+", other))
                assert all(re.search(r"\d", word) for word in changed - {
                    "sigmoid", "relu", "pixels", "values"}), (one, other)
