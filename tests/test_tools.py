"""The tools: what they measure, record, compare and check."""

import json
import os
import re

import numpy as np
import pytest

import measure
import records
import tables
from processes import run_python
from scripts import script_text
from series import ROOT, SCRIPTS


def test_the_page_names_all_files_of_tests():
    page = script_text("docs/development.md")
    files = [name for name in os.listdir(os.path.join(ROOT, "tests")) if name.startswith("test_")]
    assert sorted(files) == sorted(re.findall(r"\| `tests/(test_\w+\.py)` \|$", page, re.M))


def tool(name, *arguments):
    return run_python(os.path.join(ROOT, "tests", "tools", name + ".py"), *arguments)


@pytest.mark.parametrize("name", ["measure", "tables", "pictures", "benchmark", "next_steps"])
def test_tools_that_are_named_start(name):
    assert "python tests/tools/{}.py".format(name) in script_text("docs/development.md")
    assert "usage" in tool(name, "--help").stdout


def test_figures_of_a_run_come_from_its_lines():
    lines = ["{0}: accuracy:{1} loss: {2}\n"
             "{0}: ********* epoch 1 ********* test accuracy:{3} test loss: {4}"
             .format(i, a, c, round(a - 0.01, 4), c + 1)
             for i, a, c in ((0, 0.1, 230.0), (20, 0.95, 20.0), (40, 0.99, 3.0), (60, 0.985, 7.5))]
    found = measure.figures("\n".join(lines))
    assert (found["max_accuracy"], found["final_accuracy"], found["misses"]) == (0.98, 0.975, 250)
    assert (found["lowest_loss"], found["final_loss"], found["first_loss"]) == (4, 8.5, 230)
    assert found["reached"] == {"0.90": 20, "0.97": 40, "0.98": 40, "0.99": None}
    timed = [(line.replace("0.98 ", "0.991 ") + "\n", k) for k, line in enumerate(
        "\n".join(lines).split("\n"))]
    assert measure.share_to_99(timed, 10) == 0.5
    # A record that was made before a level was added is repeated all the same.
    assert measure.repeats({"reached": {"0.90": 20, "0.99": 400}}, found, "reached")
    assert not measure.repeats({"reached": {"0.90": 40}}, found, "reached")
    assert not measure.repeats({"reached": {"0.90": 20, "0.97": None}}, found, "reached")
    assert measure.repeats({"at": {"500": 0.9}}, found, "at")
    assert np.isclose(found["last_20"], np.std([0.09, 0.94, 0.98, 0.975], ddof=1), atol=1e-6)
    broken = measure.figures("\n".join(lines).replace("loss: 7.5", "loss: nan"))
    assert broken["nan_from"] == 60 and broken["training_loss"] is None


def test_hash_is_of_the_code_alone():
    text = script_text(SCRIPTS[0])
    for before, after, same in (("The share of images", "A part", True), ("0.003", "0.004", False),
                                ('    print(str(i) + ": accuracy', 'print(str(i) + ": acc', False)):
        assert before in text
        edited = text.replace(before, after)
        assert (records.code_hash(edited) == records.code_hash(text)) == same


def test_compare_prints_the_differences_with_their_standard_errors():
    first, second = (np.array([run["final_accuracy"] for run in records.runs_of(script, "2.")])
                     for script in SCRIPTS[1:3])
    errors = [np.std(values, ddof=1) / len(values) ** 0.5 for values in (first, second)]
    words = ["{:.4f} ± {:.4f}".format(np.mean(values), error)
             for values, error in zip((first, second), errors)]
    words.append("{:+.4f} ± {:.4f}".format(np.mean(second) - np.mean(first), np.hypot(*errors)))
    for names in (("2.0", "2.1"), SCRIPTS[1:3]):
        line, = re.findall("^test accuracy at the end *(.*)$", tool(
            "tables", "compare", *names).stdout, re.M)
        assert re.split("  +", line) == words
    # One run has no spread of its own: that of the script stands for it. Two have none at all.
    edit = tool("tables", "compare", "2.1", "2.1_fixed_rate").stdout
    assert "±" in edit.splitlines()[3] and "0.9817 " in edit
    both = tool("tables", "compare", "3.0_shuffled", "2.1_shuffled").stdout
    assert "±" not in both.split("Each ±")[0]
    wrong = tool("tables", "compare", "2.0", "9.0")
    assert wrong.returncode == 1 and "2.1_fixed_rate" in wrong.stderr


def test_check_names_what_is_of_other_code(monkeypatch, tmp_path):
    now = tables.code_now()
    runs = [dict(run, code=now[run.get("edit", run["script"])]) for run in records.load()]

    def faults():
        (tmp_path / "results.json").write_text(json.dumps(runs))
        monkeypatch.setattr(records, "RECORD", str(tmp_path / "results.json"))
        return tables.faults()

    before = faults()
    [run for run in runs if run["script"] == SCRIPTS[0] and not run.get("edit")][2]["code"] = "old"
    runs.append(dict(runs[0], edit="1.0_forgotten"))
    assert set(faults()) - set(before) == {
        SCRIPTS[0] + " has other code than its records",
        "1.0_forgotten is recorded, but there is no such edit"}
