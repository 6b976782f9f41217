"""The questions of the workshop and of the experiments: their edits run, their answers are true."""

import re

import numpy as np
import pytest

import measure
import mistakes
import next_steps
import records
import workshop
from scripts import printed_here, script_text
from series import NEXT_STEPS, SCRIPTS, number_of

PAGE = workshop.text()
EXPERIMENTS = workshop.experiments(PAGE)


# ---------- The form of a question ----------

def questions():
    part = PAGE[PAGE.index("\n## Predict, observe"):]
    return re.findall(r"^### (\d+)\. (.*?)\n(.*?)(?=^#+ |\Z)", part, re.M | re.S)


def test_questions_have_folded_answers():
    found = questions()
    assert [int(number) for number, _, _ in found] == list(range(1, len(found) + 1))
    assert len(found) >= 20 and sum("```diff" in text for _, _, text in found) >= 20
    for _, title, text in found:
        asked, answer, after = re.split(
            r"<details><summary>Answer</summary>\n\n|</details>\n*", text)
        assert "?" in asked and len(answer) > 200 and not after.strip(), title
        names = re.findall(r"^<!-- edit (\S+) of", asked, re.M)
        assert not names or "<!-- measured {} -->".format(" ".join(names)) in answer, title


def test_every_experiment_is_in_the_list_of_its_page():
    page = script_text("docs/experiments.md")
    listed = re.findall(r"\[(\d+)\]\(#\1-", page[:page.index("\n## ")])
    assert sorted(map(int, listed)) == [int(number) for number, _, _ in questions()][8:]


def test_shorter_runs_are_said_where_they_are_asked_for():
    """A reader sees no comments, and must not wait for iterations that the answer leaves out."""
    shorter = {name: edit for name, edit in EXPERIMENTS.items() if edit.iterations}
    for name, edit in shorter.items():
        before = edit.question[:edit.question.index("<!-- edit " + name)]
        asked = " ".join(before[before.rfind("```") + 3:].split())
        assert "{:,} iterations are enough".format(edit.iterations - 1) in asked, name
    assert len(shorter) >= 6


def test_atlas_shows_each_of_its_parts_and_names_its_question():
    contents, *parts = re.split(r"^## ", script_text("docs/reading_the_panels.md"), flags=re.M)
    assert len(parts) >= 12
    for part in parts:
        title = part.split("\n")[0]
        assert "](#{})".format(title.lower().replace(" ", "-").replace(".", "")) in contents, title
        words = ["![", "**You see**", "**It means**"] + ["**Cure:**", "uestion"] * (
            title != "Healthy")
        assert all(word in part for word in words), title


# ---------- The edits ----------

def quick(edit):
    """An edited script, as text that runs 20 iterations of few digits and opens no panels."""
    text = workshop.apply(next_steps.text_of(edit.script), edit.hunks)
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
    """A number such as 0.9911 in an answer's sentences is of its edits, their scripts, or of a
    script or a question that it names."""
    seen, found = 0, questions()
    texts = {number: text for number, _, text in found}
    for _, title, text in found:
        answer = text.split("<details>")[1]
        asked = text + "".join(texts[n] for n in re.findall(r"question\s(\d+)", answer))
        names = re.findall(r"^<!-- edit (\S+) of (\S+\.py)", asked, re.M)
        scripts = [script for _, script in names] + [
            script for script in SCRIPTS if re.search(r"\b{}\b".format(script[6:9]), answer)]
        runs = [run for run in records.load() if run.get("edit") in dict(names)
                or run["script"] in scripts and not run.get("edit")]
        for script in scripts:
            of_script = records.runs_of(script, "2.")
            runs.append({field: np.mean([run[field] for run in of_script])
                         for field in ("max_accuracy", "final_accuracy")})
        prose = re.sub(r"^\|[^\n]*$|^```\w*\n.*?^```$", "", text, flags=re.M | re.S)
        prose = re.sub(r"^<!-- .*$", "", prose, flags=re.M)
        for number in re.findall(r"\b0\.\d{3,4}\b", prose.split("<details>")[1]):
            seen += 1
            digits = len(number) - 2
            assert any(abs(value - float(number)) < 0.51 * 10.0 ** -digits
                       for value in figures_of(runs)), (title, number)
    assert seen >= 20


def test_figures_of_the_next_steps_are_measured():
    """An accuracy in a step's sentences is of its edits, or of a step that it names."""
    seen = 0
    for part in re.split(r"^### ", script_text("docs/next_steps.md"), flags=re.M):
        names = re.findall(r"^<!-- edit (\S+) of", part, re.M)
        prose = re.sub(r"^\|[^\n]*$|^```\w*\n.*?^```$", "", part, flags=re.M | re.S)
        runs = [run for run in records.load() if run.get("edit") in names]
        for script in SCRIPTS + list(NEXT_STEPS):
            if names and number_of(script) in prose:
                of_script = records.runs_of(script, "2.")
                runs += of_script + [{field: np.mean([run[field] for run in of_script])
                                      for field in ("max_accuracy", "final_accuracy") if of_script}]
        for number in re.findall(r"\b0\.9\d{2,3}\b", prose) if names else []:
            seen += 1
            assert any(abs(value - float(number)) < 0.51 * 10.0 ** (2 - len(number))
                       for value in figures_of(runs)), (part[:20], number)
    assert seen >= 2


@pytest.fixture(scope="module")
def run():
    """The recorded run of each edit, and seed 0 of each script, by its number."""
    found = {name: records.named(name)[0] for name in workshop.edits(PAGE)}
    for script in SCRIPTS:
        found[script[6:9]] = records.runs_of(script, "2.")[0]
        assert found[script[6:9]]["seed"] == 0
    return found


def is_said(value):
    """Whether a rounded figure, such as 943,842, stands on the pages."""
    return re.search(r"\b{:,.0f}\b".format(value), PAGE) is not None


def test_answers_of_the_workshop_are_what_was_measured(run):
    # 1: a guess among ten digits.
    assert abs(run["1.0"]["first_loss"] - 100 * np.log(10)) < 0.001
    # 2 and 3: too slow, nan; wild and nan, no better for a hundred times the work.
    assert run["1.0_rate_0.0003"]["final_accuracy"] < run["1.0"]["final_accuracy"] - 0.01
    assert 0 < run["1.0_rate_0.03"]["nan_from"] <= 10 and run["1.0_batch_of_1"]["nan_from"]
    assert run["1.0_batch_of_10000"]["max_accuracy"] < run["1.0"]["max_accuracy"] + 0.005
    # 4: five linear layers are one.
    assert run["2.0_no_activation"]["max_accuracy"] < run["1.0"]["max_accuracy"]
    # 5: every digit is a 1.
    assert run["2.1_zero_weights"]["final_accuracy"] == 0.1135
    # 6: noise to the end.
    assert run["2.1_fixed_rate"]["last_20"] > 3 * run["2.1"]["last_20"]
    # 7: by heart, and ever surer of the same mistakes.
    heart = run["2.1_on_1000_digits"]
    assert heart["training_accuracy"] == 1 and heart["final_loss"] > 1.5 * heart["lowest_loss"]
    assert heart["max_accuracy"] - heart["final_accuracy"] < 0.005
    # 8: 2.1 as before, 3.0 falls behind it.
    before = [run[step]["at"]["1200"] for step in ("2.1", "3.0")]
    after = [run[step + "_shuffled"]["final_accuracy"] for step in ("2.1", "3.0")]
    assert abs(after[0] - before[0]) < 0.003
    assert before[1] > before[0] + 0.01 and after[1] < min(before[0], after[0]) - 0.005


def test_answers_about_the_steps_are_what_was_measured(run):
    # 9: red below blue.
    worse = run["2.2_dropout_in_the_test"]
    assert worse["final_accuracy"] < worse["training_accuracy"] - 0.01
    # 11: the loss is the evidence.
    without = run["3.1_without_dropout"]
    assert without["final_loss"] > run["3.1"]["final_loss"] + 1
    # 12: max-pooling is better after 2,000.
    pooled = run["3.0_max_pooling"]["final_accuracy"]
    assert pooled > run["3.0"]["at"]["2000"]
    # 13: a slow start, and a lower end; at ten times the rate, or with momentum, a better one.
    plain = run["2.0_gradient_descent"]
    assert run["2.0_tested_often"]["reached"]["0.90"] > 200 and plain["reached"]["0.90"] > 2000
    for faster in (run["2.0_gradient_descent_0.03"], run["2.0_momentum"]):
        assert faster["final_accuracy"] > run["2.0"]["final_accuracy"]
        assert 500 < faster["reached"]["0.90"] < 2000


def test_answers_about_one_layer_are_what_was_measured(run):
    # 15: the largest mistakes. 16: sure, and wrong.
    table = np.array([re.findall(r"\d+", line) for line in run["1.0_confusion"]["printed"]], int)
    assert table.sum() == 10000
    assert (table[8, 3], table[5, 3], table[4, 9], table[3, 8]) == (45, 43, 37, 11)
    right = np.diag(table) / table.sum(1)
    assert np.argmin(right) == 8 and (table[8, 8], table[8].sum()) == (815, 974)
    sure = [float(share) for share in re.findall(r"\d\.\d*", run["1.0_ask"]["printed"][0])]
    assert np.argmax(sure) == 6 and max(sure) > 0.99
    missed = mistakes.load()[mistakes.ALL_THREE]
    assert "the {} test digits that 1.0, 2.1 and 3.1 all miss".format(len(missed)) in PAGE
    alike = [answers for answers in missed.values() if len(set(answers)) == 1]
    assert "In {} of them all three".format(len(alike)) in PAGE
    # 17: a late start, level at the end.
    squares, seed_0 = run["1.0_squares"], run["1.0"]
    assert squares["at"]["10"] < seed_0["at"]["10"] - 0.2
    assert abs(squares["final_accuracy"] - seed_0["final_accuracy"]) < 0.002
    # 18 and 19: by heart, and nonsense.
    for name in ("1.0_on_1000_digits", "1.0_on_100_digits", "2.1_nonsense"):
        assert run[name]["training_accuracy"] == 1
        assert run[name]["final_loss"] > run[name]["lowest_loss"] + 5
    nonsense = run["2.1_nonsense"]
    assert nonsense["final_accuracy"] < 0.11
    assert is_said(nonsense["lowest_loss"]) and is_said(nonsense["final_loss"])


def test_answers_about_five_layers_are_what_was_measured(run):
    # 20: the first losses; slow, worse, stuck.
    small, large, huge = (run["2.1_weights_" + size] for size in ("0.01", "0.3", "1"))
    assert abs(small["first_loss"] - 100 * np.log(10)) < 0.1
    assert is_said(large["first_loss"]) and is_said(huge["first_loss"])
    assert small["final_accuracy"] > large["final_accuracy"] + 0.005 > huge["final_accuracy"] + 0.5
    # 21: two hidden layers are enough, five neurons are not.
    for name in ("2.1_two_hidden_layers", "2.1_one_hidden_layer"):
        assert abs(run[name]["max_accuracy"] - run["2.1"]["max_accuracy"]) < 0.003
    few = run["2.1_five_neurons"]
    assert max(few["final_accuracy"], few["training_accuracy"]) < 0.94
    # 22: damage that lasts. 23: normalised, it learns faster. 24: another seed.
    assert run["2.1_rate_0.03"]["final_accuracy"] < run["2.1"]["at"]["2000"] - 0.02
    assert run["2.0_normalised"]["final_accuracy"] > run["2.0_sums_and_outputs"]["final_accuracy"]
    lucky = [other for other in records.runs_of(SCRIPTS[2], "2.") if other["seed"] == 1][0]
    assert all(run["2.1_seed_1"][field] == lucky[field] for field in (
        "max_accuracy", "final_accuracy", "final_loss"))
