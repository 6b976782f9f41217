"""README.md, install.txt and the headers: each command, file, key, snippet and figure is real."""

import os
import re
import subprocess
import sys

import pytest

import pictures
import results
import tensorflowvisu
from conftest import ROOT, SCRIPTS, environment, run_python, script_text

README = script_text("README.md")
INSTALL = script_text("install.txt")
# Floor of a mean, floor of a single run, and a ceiling above which a run would be too good.
BOUNDS = [(0.920, 0.915, 0.935), (0.975, 0.970, 0.985), (0.980, 0.977, 0.988),
          (0.979, 0.976, 0.988), (0.987, 0.985, 0.993), (0.991, 0.990, 0.9955)]


def test_readme_starts_with_the_two_commands():
    blocks = re.findall(r"^```sh\n(.*?)^```$", README, re.M | re.S)
    assert all(block.count("\n") == 1 for block in blocks[:2])
    assert "pip install -r install.txt" in blocks[0]
    assert blocks[0].endswith("mnist_1.0_softmax.py\n")
    assert "pip install -r install.txt -r tests/requirements.txt" in blocks[1]
    assert blocks[1].endswith("-m pytest tests\n")


def test_files_that_are_named_exist():
    text = README + INSTALL + "".join(script_text(name) for name in SCRIPTS)
    names = set(re.findall(r"\b(?:tests/|docs/)?[\w.]+\.(?:py|txt|md|png|json)\b", text))
    made_by_runs = {"mnist_1.0_softmax.png"}
    assert len(names) > 15
    for name in names - made_by_runs:
        assert os.path.exists(os.path.join(ROOT, name)), name
    for path in re.findall(r"\]\((docs/[^)]*)\)", README):
        size = os.path.getsize(os.path.join(ROOT, path))
        assert 5000 < size <= 300000, path


def test_every_picture_is_used():
    for name in os.listdir(os.path.join(ROOT, "docs")):
        assert "(docs/{})".format(name) in README


def test_keys_are_those_of_the_module():
    table = README[README.index("| key |"):README.index("Legends can be")]
    keys = set(re.findall(r"`([^`]+)`", table.replace("`1` … `6`", "`1` `2` `3` `4` `5` `6`")))
    own = {key for key in tensorflowvisu._KEYS if key != "escape"} | {"Esc", "Space"}
    assert keys == own | {"o", "h", "Ctrl+s"}
    assert "o" in tensorflowvisu.matplotlib.rcParams["keymap.zoom"]
    assert "h" in tensorflowvisu.matplotlib.rcParams["keymap.home"]
    assert "ctrl+s" in tensorflowvisu.matplotlib.rcParams["keymap.save"]
    # 7, 8 and 9 show the panels that the table says.
    assert [tensorflowvisu._LAYOUTS[key] for key in "789"] == [((1, 2),), ((4, 5),), ((3, 6),)]


def test_diff_commands_show_consecutive_scripts():
    pairs = re.findall(r"^`diff (\S+) (\S+)`$", README, re.M)
    assert pairs == list(zip(SCRIPTS, SCRIPTS[1:]))
    for pair in pairs:
        assert subprocess.call(["diff", *pair], cwd=ROOT, stdout=subprocess.DEVNULL) == 1


def test_the_example_of_an_own_network_runs(tmp_path):
    example = re.search(r"^```python\n(.*?)^```$", README, re.M | re.S).group(1)
    assert max(map(len, example.splitlines())) <= 100
    script = tmp_path / "own.py"
    script.write_text(example)
    done = run_python(script, cwd=str(tmp_path), env=environment(PYTHONPATH=ROOT))
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.split("max test accuracy: ")[1]) > 0.8
    assert (tmp_path / "own.png").exists()


def test_edits_of_the_readme_are_those_of_the_pictures():
    for name, (script, before, after) in pictures.EDITS.items():
        assert script_text(script).count(before) == 1
        picture = "curves_{}.png".format(name)
        assert ("docs/" + picture in README) == (picture not in pictures.NOT_DRAWN)
    assert "`{}`".format(pictures.EDITS["2.1_fixed_rate"][2]) in README
    assert pictures.EDITS["2.1_fixed_rate"][1].startswith("lr = 0.0001 +")
    before, after = pictures.EDITS["3.1_without_dropout"][1:]
    assert before.replace("pkeep: 0.75", "pkeep: 1.0") == after


@pytest.mark.parametrize("command", ["results.py", "pictures.py", "benchmark.py"])
def test_tools_that_are_named_start(command):
    assert "python tests/" + command in README
    if command == "pictures.py":
        return
    done = run_python(os.path.join(ROOT, "tests", command), "--help")
    assert done.returncode == 0 and "usage" in done.stdout


def test_movie_call_of_the_readme_is_the_scripts_own():
    call = re.search(r"`(datavis\.animate\(.*?), save_movie=", README).group(1)
    assert call in script_text(SCRIPTS[0])


def test_install_txt_is_for_pip():
    """pip reads the lines without a #; each is a requirement with a marker that it knows."""
    try:
        from packaging.requirements import Requirement
    except ImportError:
        pytest.skip("packaging is missing")
    lines = [line for line in INSTALL.splitlines() if line and not line.startswith("#")]
    wanted = {}
    for version in ("3.7", "3.10", "3.11", "3.12", "3.13"):
        wanted[version] = {
            Requirement(line).name: str(Requirement(line).specifier) for line in lines
            if not Requirement(line).marker
            or Requirement(line).marker.evaluate({"python_version": version})}
        assert {"tensorflow", "numpy", "matplotlib"} <= set(wanted[version])
    assert wanted["3.7"]["tensorflow"] == "==1.15.5" and "protobuf" in wanted["3.7"]
    assert wanted["3.12"]["tensorflow"].startswith(">=2.")


# ---------- Figures ----------

@pytest.mark.parametrize("k", range(6))
def test_recorded_results_lie_between_floor_and_ceiling(k):
    mean, floor, ceiling = BOUNDS[k]
    new, old = (results.runs_of(SCRIPTS[k], version) for version in ("2.", "1.15."))
    assert len({run["seed"] for run in new}) >= 5 and old
    assert mean <= sum(run["max_accuracy"] for run in new) / len(new) <= ceiling
    for run in new + old:
        assert floor <= run["max_accuracy"] <= ceiling
        assert run["iterations"] == (2001 if k == 0 else 10001)


@pytest.mark.parametrize("name", SCRIPTS)
def test_results_in_the_scripts_are_the_recorded_ones(name):
    assert script_text(name).endswith("# ---------- Results ----------\n\n" + results.block(name))


def test_results_in_the_readme_are_the_recorded_ones():
    assert results.table() in README
    assert results.edits() in README


@pytest.mark.parametrize("name", SCRIPTS)
def test_headers_state_the_measured_accuracy(name):
    title = script_text(name).split("\n")[0]
    best = [100 * run["max_accuracy"] for run in results.runs_of(name, "2.")]
    figures = [float(figure) for figure in re.findall(r"([\d.]+) %", title)]
    assert abs(figures[0] - sum(best) / len(best)) <= (0.5 if figures[0] == 92 else 0.1)
    if len(figures) > 1:  # A good run.
        assert round(max(best), 1) == figures[1]


def test_lesson_survives_on_generated_digits():
    reached = {}
    for name in SCRIPTS:
        runs = results.runs_of(name, "2.", "generated")
        reached[name[6:9]] = [run["max_accuracy"] for run in runs]
    assert all(len(reached[step]) >= 3 for step in ("1.0", "2.1", "3.1"))
    assert 0.80 < min(reached["1.0"]) and max(reached["1.0"]) < 0.97
    assert min(reached["2.1"]) > max(reached["1.0"]) + 0.02
    assert min(reached["3.1"]) > max(reached["2.1"]) + 0.005


def test_names_of_the_readme_are_public():
    for name in re.findall(r"`tensorflowvisu\.(\w+)", README):
        assert hasattr(tensorflowvisu, name) or name == "py"
    assert sys.version_info >= (3, 7)
