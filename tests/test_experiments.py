"""The questions of the workshop and of the experiments: their edits run, their answers are true."""

import re

import numpy as np
import pytest

import measure
import records
import workshop
from scripts import printed_here, script_text
from series import SCRIPTS

PAGE = workshop.text()
EXPERIMENTS = workshop.experiments(PAGE)


# ---------- The form of a question ----------

def questions():
    part = PAGE[PAGE.index("\n## Predict, observe"):]
    return re.findall(r"^### (\d+)\. (.*?)\n(.*?)(?=^#+ |\Z)", part, re.M | re.S)


def test_questions_have_folded_answers():
    found = questions()
    assert [int(number) for number, _, _ in found] == list(range(1, len(found) + 1))
    assert len(found) >= 10 and sum("```diff" in text for _, _, text in found) >= 10
    for _, title, text in found:
        asked, answer, after = re.split(
            r"<details><summary>Answer</summary>\n\n|</details>\n*", text)
        assert "?" in asked and len(answer) > 200 and not after.strip(), title
        names = re.findall(r"^<!-- edit (\S+) of", asked, re.M)
        assert not names or "<!-- measured {} -->".format(" ".join(names)) in answer, title


def test_shorter_runs_are_said_where_they_are_asked_for():
    """A reader sees no comments, and must not wait for iterations that the answer leaves out."""
    shorter = {name: edit for name, edit in EXPERIMENTS.items() if edit.iterations}
    for name, edit in shorter.items():
        before = edit.question[:edit.question.index("<!-- edit " + name)]
        asked = " ".join(before[before.rfind("```") + 3:].split())
        assert "{:,} iterations are enough".format(edit.iterations - 1) in asked, name
    assert len(shorter) >= 6


# ---------- The edits ----------

def quick(edit):
    """An edited script, as text that runs 20 iterations of few digits and opens no panels."""
    text = workshop.apply(script_text(edit.script), edit.hunks)
    loop = "for i in range(21): training_step(i, i % 10 == 0, i % 5 == 0)\n"
    text, calls = re.subn(r"^datavis\.animate\(training_step, .*\n", loop, text, flags=re.M)
    assert calls == 1
    text = re.sub(r"validation_size=59[09]00", "validation_size=2900", text)
    return text.replace("next_batch(10000)", "next_batch(3000)")


@pytest.mark.parametrize("name", list(EXPERIMENTS))
def test_experiment_runs(name, small_digits):
    edit = EXPERIMENTS[name]
    output = printed_here(edit.script, quick(edit), small_digits)
    found = measure.figures(output)
    assert found["iterations"] == 21
    assert (found["nan_from"] is not None) == (name == "1.0_rate_0.03")
    # What an edit prints beside the usual lines is on the page.
    assert bool(measure.printed(output)) == ("<!-- printed {} -->".format(name) in PAGE)


# ---------- The answers ----------

def figures_of(runs):
    """All numbers that are recorded of runs."""
    for run in runs:
        for value in run.values():
            for number in value.values() if isinstance(value, dict) else [value]:
                if isinstance(number, (int, float)):
                    yield number


def test_figures_in_the_answers_are_measured():
    """A number such as 0.9911 in an answer's sentences is one of its edits or their scripts."""
    seen = 0
    for _, title, text in questions():
        names = re.findall(r"^<!-- edit (\S+) of (\S+\.py)", text, re.M)
        runs = [run for run in records.load() for name, script in names
                if run.get("edit") == name or run["script"] == script and not run.get("edit")]
        prose = re.sub(r"^\|.*$|^```\w*\n.*?^```$", "", text, flags=re.M | re.S)
        prose = re.sub(r"^<!-- .*$", "", prose, flags=re.M)
        for number in re.findall(r"\b0\.\d{3,4}\b", prose.split("<details>")[1]):
            seen += 1
            digits = len(number) - 2
            assert any(abs(value - float(number)) < 0.51 * 10.0 ** -digits
                       for value in figures_of(runs)), (title, number)
    assert seen >= 4


def test_what_the_answers_say_is_what_was_measured():
    run = {name: records.named(name)[0] for name in workshop.edits(PAGE)}
    as_it_stands = {script[6:9]: records.runs_of(script, "2.")[0] for script in SCRIPTS}
    # 1: a guess among ten digits.
    assert all(abs(other["first_loss"] - 100 * np.log(10)) < 0.001
               for other in [as_it_stands["1.0"]])
    # 2 and 3: too slow, nan; wild and nan, no better for a hundred times the work.
    assert run["1.0_rate_0.0003"]["final_accuracy"] < as_it_stands["1.0"]["final_accuracy"] - 0.01
    assert 0 < run["1.0_rate_0.03"]["nan_from"] <= 10 and run["1.0_batch_of_1"]["nan_from"]
    assert run["1.0_batch_of_10000"]["max_accuracy"] < as_it_stands["1.0"]["max_accuracy"] + 0.005
    # 4: five linear layers are one.
    assert run["2.0_no_activation"]["max_accuracy"] < as_it_stands["1.0"]["max_accuracy"]
    # 5: every digit is a 1.
    assert run["2.1_zero_weights"]["final_accuracy"] == 0.1135
    # 6: noise to the end.
    assert run["2.1_fixed_rate"]["last_20"] > 3 * as_it_stands["2.1"]["last_20"]
    # 7: by heart, and ever surer of the same mistakes.
    heart = run["2.1_on_1000_digits"]
    assert heart["training_accuracy"] == 1 and heart["final_loss"] > 1.5 * heart["lowest_loss"]
    assert heart["max_accuracy"] - heart["final_accuracy"] < 0.005
    # 9: red below blue.
    worse = run["2.2_dropout_in_the_test"]
    assert worse["final_accuracy"] < worse["training_accuracy"] - 0.01
    # 8: 2.1 as before, 3.0 falls behind it.
    before = [as_it_stands[step]["at"]["1200"] for step in ("2.1", "3.0")]
    after = [run[step + "_shuffled"]["final_accuracy"] for step in ("2.1", "3.0")]
    assert abs(after[0] - before[0]) < 0.003
    assert before[1] > before[0] + 0.01 and after[1] < min(before[0], after[0]) - 0.005
    # 11: the loss is the evidence.
    without = run["3.1_without_dropout"]
    assert without["final_loss"] > as_it_stands["3.1"]["final_loss"] + 1
    # 12: max-pooling is better after 2,000.
    pooled = run["3.0_max_pooling"]["final_accuracy"]
    assert pooled > as_it_stands["3.0"]["at"]["2000"]
    # 13: a slow start, and a lower end.
    assert run["2.0_tested_often"]["reached"]["0.90"] > 200
    assert run["2.0_gradient_descent"]["reached"]["0.90"] > 2000
