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

def parts_of(begin):
    """The parts of a chapter that have numbers: (number, title, text) each."""
    chapter = PAGE[PAGE.index("\n## " + begin):]
    return re.findall(r"^### (\d+)\. (.*?)\n(.*?)(?=^#+ |\Z)", chapter, re.M | re.S)


QUESTIONS = parts_of("Predict, observe")


def test_tasks_and_questions_have_folded_answers():
    tasks = parts_of("Build it yourself")[:8]
    for found in (tasks, QUESTIONS):
        assert [int(number) for number, _, _ in found] == list(range(1, len(found) + 1))
    for number, title, text in tasks + QUESTIONS:
        before, answer, after = re.split(r"<details>|</details>\n*", text)
        assert len(before) > 50 and len(answer) > 200 and not after.strip(), title
        names = re.findall(r"^<!-- edit (\S+) of", before, re.M)
        assert not names or "<!-- measured {} -->".format(" ".join(names)) in answer, title
        assert (number, title, text) in QUESTIONS or "```diff" not in before and "Expect" in answer


def test_lists_of_contents_name_all_parts():
    page = script_text("docs/experiments.md")
    listed = re.findall(r"\[(\d+)\]\(#\1-", page[:page.index("\n## ")])
    assert sorted(map(int, listed)) == [int(number) for number, _, _ in QUESTIONS][8:]
    contents, *parts = re.split(r"^## (.*)\n", script_text("docs/reading_the_panels.md"),
                                flags=re.M)
    for title, part in zip(parts[0::2], parts[1::2]):
        assert "](#{})".format(title.lower().replace(" ", "-").replace(".", "")) in contents, title
        assert "![" in part and ("**Cure:**" in part or title == "Healthy"), title


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

def unmeasured(text, edits, scripts):
    """The figures in the sentences of a text that are of no recorded run of these, nor a mean."""
    runs = [run for run in records.load() if run.get("edit") in edits
            or run["script"] in scripts and not run.get("edit")]
    for script in scripts:
        of_script = records.runs_of(script, "2.")
        runs += [{field: np.mean([run[field] for run in of_script])}
                 for field in ("max_accuracy", "final_accuracy") if of_script]
    values = [number for run in runs for value in run.values()
              for number in (value.values() if isinstance(value, dict) else [value])
              if isinstance(number, (int, float))]
    prose = re.sub(r"^(\||<!-- )[^\n]*$|^```\w*\n.*?^```$", "", text, flags=re.M | re.S)
    return [figure for figure in re.findall(r"\b0\.[1-9]\d{2,3}\b", prose) if not any(
        abs(value - float(figure)) < 0.51 * 10.0 ** (2 - len(figure)) for value in values)]


def test_figures_in_answers_and_next_steps_are_measured():
    """A number such as 0.9911 is of the text's edits, their scripts, or of what it names."""
    texts = {number: text for number, _, text in QUESTIONS}
    asked = [(text.split("<details>")[1], text) for _, _, text in QUESTIONS]
    asked += [(part, part) for part in re.split(
        r"^### ", script_text("docs/next_steps.md"), flags=re.M) if "\n<!-- edit " in part]
    for answer, text in asked:
        text += "".join(texts[number] for number in re.findall(r"question\s(\d+)", answer))
        edits = dict(re.findall(r"^<!-- edit (\S+) of (\S+\.py)", text, re.M))
        named = [script for script in SCRIPTS + list(NEXT_STEPS)
                 if re.search(r"\b{}\b".format(number_of(script)), answer)]
        assert not unmeasured(answer, edits, list(edits.values()) + named), answer[:50]


def run(name):
    """The recorded run of an edit, or that of a script with seed 0, by its number."""
    return records.named(name)[0]


def final(name):
    return run(name)["final_accuracy"]


def test_answers_about_the_steps_are_what_was_measured():
    # 1: a guess among ten digits.
    assert abs(run("1.0")["first_loss"] - 100 * np.log(10)) < 0.001
    # 2 and 3: too slow, nan; wild and nan, no better for a hundred times the work.
    assert final("1.0_rate_0.0003") < final("1.0") - 0.01
    assert 0 < run("1.0_rate_0.03")["nan_from"] <= 10 and run("1.0_batch_of_1")["nan_from"]
    assert run("1.0_batch_of_10000")["max_accuracy"] < run("1.0")["max_accuracy"] + 0.005
    # 4: five linear layers are one. 5: every digit is a 1. 6: noise to the end.
    assert run("2.0_no_activation")["max_accuracy"] < run("1.0")["max_accuracy"]
    assert final("2.1_zero_weights") == 0.1135
    assert run("2.1_fixed_rate")["last_20"] > 3 * run("2.1")["last_20"]
    # 7: by heart, and ever surer of the same mistakes.
    heart = run("2.1_on_1000_digits")
    assert heart["training_accuracy"] == 1 and heart["final_loss"] > 1.5 * heart["lowest_loss"]
    assert heart["max_accuracy"] - heart["final_accuracy"] < 0.005
    # 8: 2.1 as before, 3.0 falls behind it.
    before, better = (run(step)["at"]["1200"] for step in ("2.1", "3.0"))
    after, worse = (final(step + "_shuffled") for step in ("2.1", "3.0"))
    assert abs(after - before) < 0.003
    assert better > before + 0.01 and worse < min(before, after) - 0.005
    # 9: red below blue. 11: the loss is the evidence. 12: max-pooling is better after 2,000.
    worse = "2.2_dropout_in_the_test"
    assert final(worse) < run(worse)["training_accuracy"] - 0.01
    assert run("3.1_without_dropout")["final_loss"] > run("3.1")["final_loss"] + 1
    assert final("3.0_max_pooling") > run("3.0")["at"]["2000"]
    # 13: a slow start, and a lower end; at ten times the rate, or with momentum, a better one.
    assert run("2.0_tested_often")["reached"]["0.90"] > 200
    assert run("2.0_gradient_descent")["reached"]["0.90"] > 2000
    for faster in ("2.0_gradient_descent_0.03", "2.0_momentum"):
        assert final(faster) > final("2.0") > final("2.0_gradient_descent")
        assert 500 < run(faster)["reached"]["0.90"] < 2000


def test_answers_about_one_layer_and_five_are_what_was_measured():
    # 15: the largest mistakes. 16: sure, and wrong.
    table = np.array([re.findall(r"\d+", line) for line in run("1.0_confusion")["printed"]], int)
    assert table.sum() == 10000
    assert (table[8, 3], table[5, 3], table[4, 9], table[3, 8]) == (45, 43, 37, 11)
    assert np.argmin(np.diag(table) / table.sum(1)) == 8
    assert (table[8, 8], table[8].sum()) == (815, 974)
    sure = [float(share) for share in re.findall(r"\d\.\d*", run("1.0_ask")["printed"][0])]
    assert np.argmax(sure) == 6 and max(sure) > 0.99
    missed = mistakes.load()[mistakes.ALL_THREE]
    assert "the {} test digits that 1.0, 2.1 and 3.1 all miss".format(len(missed)) in PAGE
    alike = [answers for answers in missed.values() if len(set(answers)) == 1]
    assert "In {} of them all three".format(len(alike)) in PAGE
    # 17: a late start, level at the end.
    assert run("1.0_squares")["at"]["10"] < run("1.0")["at"]["10"] - 0.2
    assert abs(final("1.0_squares") - final("1.0")) < 0.002
    # 18 and 19: by heart, and nonsense.
    for name in ("1.0_on_1000_digits", "1.0_on_100_digits", "2.1_nonsense"):
        assert run(name)["training_accuracy"] == 1
        assert run(name)["final_loss"] > run(name)["lowest_loss"] + 5
    assert final("2.1_nonsense") < 0.11
    # 20: the first losses; slow, worse, stuck.
    small, large, huge = ("2.1_weights_" + size for size in ("0.01", "0.3", "1"))
    assert abs(run(small)["first_loss"] - 100 * np.log(10)) < 0.1
    # The page has the largest losses, rounded.
    for value in (run(large)["first_loss"], run(huge)["first_loss"],
                  run("2.1_nonsense")["lowest_loss"], run("2.1_nonsense")["final_loss"]):
        assert re.search(r"\b{:,.0f}\b".format(value), PAGE), value
    assert final(small) > final(large) + 0.005 > final(huge) + 0.5
    # 21: two hidden layers are enough, five neurons are not.
    for name in ("2.1_two_hidden_layers", "2.1_one_hidden_layer"):
        assert abs(run(name)["max_accuracy"] - run("2.1")["max_accuracy"]) < 0.003
    assert max(final("2.1_five_neurons"), run("2.1_five_neurons")["training_accuracy"]) < 0.94
    # 22: damage that lasts. 23: normalised, it learns faster. 24: another seed.
    assert final("2.1_rate_0.03") < run("2.1")["at"]["2000"] - 0.02
    assert final("2.0_normalised") > final("2.0_sums_and_outputs")
    lucky, = (other for other in records.runs_of(SCRIPTS[2], "2.") if other["seed"] == 1)
    assert all(run("2.1_seed_1")[field] == lucky[field] for field in (
        "max_accuracy", "final_accuracy", "final_loss"))
