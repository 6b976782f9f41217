"""The tools: what they measure, record, compare and check."""

import json
import os
import re

import numpy as np

import measure
import records
import tables
from scripts import script_text
from series import ROOT, SCRIPTS


def test_the_page_names_all_files_of_tests():
    page = script_text("docs/development.md")
    files = [name for name in os.listdir(os.path.join(ROOT, "tests")) if name.startswith("test_")]
    assert sorted(files) == sorted(re.findall(r"\| `tests/(test_\w+\.py)` \|$", page, re.M))


def test_figures_of_a_run_come_from_its_lines():
    lines = ["{0}: accuracy:{1} loss: {2}\n"
             "{0}: ********* epoch 1 ********* test accuracy:{3} test loss: {4}"
             .format(i, a, c, round(a - 0.01, 4), c + 1)
             for i, a, c in ((0, 0.1, 230.0), (20, 0.95, 20.0), (40, 0.99, 3.0), (60, 0.985, 7.5))]
    found = measure.figures("\n".join(lines))
    assert (found["max_accuracy"], found["final_accuracy"], found["misses"]) == (0.98, 0.975, 250)
    assert (found["lowest_loss"], found["final_loss"], found["first_loss"]) == (4, 8.5, 230)
    assert found["reached"] == {"0.90": 20, "0.97": 40, "0.98": 40, "0.99": None}
    assert np.isclose(found["last_20"], np.std([0.09, 0.94, 0.98, 0.975], ddof=1), atol=1e-6)
    broken = measure.figures("\n".join(lines).replace("loss: 7.5", "loss: nan"))
    assert broken["nan_from"] == 60 and broken["training_loss"] is None


def test_differences_of_the_readme_have_their_standard_errors():
    first, second = ([run["final_accuracy"] for run in records.runs_of(script, "2.")]
                     for script in SCRIPTS[1:3])
    error = np.hypot(*(np.std(values, ddof=1) / len(values) ** 0.5 for values in (first, second)))
    words = "{:+.4f} ± {:.4f}".format(np.mean(second) - np.mean(first), error)
    assert "| {} |".format(words) in script_text("README.md")


def test_check_names_what_is_of_other_code(monkeypatch, tmp_path):
    now, text = tables.code_now(), script_text(SCRIPTS[0])
    assert "# The share of images" in text and "0.003" in text
    now[SCRIPTS[0]] = records.code_hash(text.replace("# The share of images", "# A part"))
    runs = [dict(run, code=now[run.get("edit", run["script"])]) for run in records.load()]

    def faults():
        (tmp_path / "results.json").write_text(json.dumps(runs))
        monkeypatch.setattr(records, "RECORD", str(tmp_path / "results.json"))
        return tables.faults()

    before = faults()
    run = next(run for run in runs if run["script"] == SCRIPTS[0] and not run.get("edit"))
    run["code"] = records.code_hash(text.replace("0.003", "0.004"))
    # What is printed is code, too.
    assert records.code_hash(text.replace('": accuracy', '": acc')) != now[SCRIPTS[0]]
    runs.append(dict(runs[0], edit="1.0_forgotten"))
    assert set(faults()) - set(before) == {
        SCRIPTS[0] + " has other code than its records",
        "1.0_forgotten is recorded, but there is no such edit"}
