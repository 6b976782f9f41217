"""README.md, docs/, install.txt, the headers: each command, file, key, snippet, figure is real."""

import inspect
import json
import os
import re
import subprocess

import numpy as np
import pytest

import mnistdata
import next_steps
import pictures
import records
import tables
import tensorflowvisu
import workshop
from processes import environment, run_python
from scripts import script_text
from series import MODULES, NEXT_STEPS, ROOT, SCRIPTS, number_of

README = script_text("README.md")
INSTALL = script_text("install.txt")
PAGES = {"docs/" + name: script_text("docs/" + name)
         for name in os.listdir(os.path.join(ROOT, "docs")) if name.endswith(".md")}
LESSON = PAGES["docs/lesson.md"]
WORKSHOP = workshop.text()
EXPERIMENTS = workshop.experiments(WORKSHOP)
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
    assert len(README.split()) <= 1600


def test_files_that_are_named_exist():
    text = README + INSTALL + "".join(PAGES.values()) + "".join(map(script_text, SCRIPTS))
    text = re.sub(r"<!--.*?-->", "", text, flags=re.S)
    names = set(re.findall(r"\b(?:\w+/)*[\w.]+\.(?:py|txt|md|png|json|toml)\b", text))
    made_by_readers = {"mnist_1.0_softmax.png", "mine.py", "build.py", "digit.png", "seven.png",
                       "data/last_run.py"}
    made_by_readers.update(NEXT_STEPS, MODULES.values())
    assert len(names) > 15
    for name in names - made_by_readers:
        places = [name, "docs/" + name, "tests/tools/" + name, "tests/helpers/" + name]
        assert any(os.path.exists(os.path.join(ROOT, place)) for place in places), name


def anchors(text):
    """The names that a page's headings have in a link."""
    headings = re.findall(r"^#+ (.*)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", ["README.md"] + sorted(PAGES))
def test_links_lead_somewhere(page):
    shown = re.sub(r"<!--.*?-->", "", script_text(page), flags=re.S)
    links = re.findall(r"\]\(([^)]*)\)", shown)
    for link in links:
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        path = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
        assert os.path.exists(os.path.join(ROOT, path)), link
        assert not anchor or anchor in anchors(script_text(path.replace(os.sep, "/"))), link
        if path.endswith(".png"):
            assert 5000 < os.path.getsize(os.path.join(ROOT, path)) <= 300000, path


def test_readme_links_every_page_and_pictures_are_used():
    shown = README + "".join(PAGES.values())
    folder = os.path.join(ROOT, "docs")
    for name in os.listdir(folder) + ["drawings/" + name for name in os.listdir(
            os.path.join(folder, "drawings"))]:
        assert not name.endswith(".md") or "(docs/{})".format(name) in README, name
        assert not name.endswith(".png") or re.search(
            r"\]\((docs/)?{}\)".format(re.escape(name)), shown), name


def test_panels_are_numbered_as_the_keys_are():
    rows = re.findall(r"^\| (\d) ([\w ]+) \|", README, re.M)
    source = script_text("tensorflowvisu.py")
    assert [int(number) for number, _ in rows] == [1, 2, 3, 4, 5, 6]
    places = [source.index('"{}"'.format(title)) for _, title in rows]
    assert places == sorted(places)


def test_keys_that_are_matplotlibs_are_its_own():
    """The others are pressed in a real window, in test_window.py."""
    table = re.search(r"^\| key \|.*?\n\n", README, re.M | re.S).group()
    keys = set(re.findall(r"`([^`]+)`", table.replace("`1` … `6`", "`1` `2` `3` `4` `5` `6`")))
    assert keys == set("0123456789bkzophfq") | {"Esc", "Space", "Ctrl+s"}
    for name, key in {"zoom": "o", "pan": "p", "home": "h", "fullscreen": "f", "save": "ctrl+s",
                      "quit": "q"}.items():
        assert key in tensorflowvisu.matplotlib.rcParams["keymap." + name]


def test_diff_commands_show_consecutive_scripts():
    pairs = re.findall(r"^`diff (\S+) (\S+)`$", LESSON, re.M)
    assert pairs == list(zip(SCRIPTS, SCRIPTS[1:]))
    for pair in pairs:
        assert subprocess.call(["diff", *pair], cwd=ROOT, stdout=subprocess.DEVNULL) == 1


@pytest.mark.parametrize("k", range(2))
def test_the_examples_of_an_own_network_run(k, tmp_path):
    page = PAGES["docs/own_network.md"]
    example = re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S)[k]
    assert max(map(len, example.splitlines())) <= 100
    script = tmp_path / "own.py"
    script.write_text(example)
    done = run_python(script, cwd=str(tmp_path),
                      env=environment(PYTHONPATH=ROOT, TENSORFLOWVISU_DATA=str(tmp_path)))
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.split("max test accuracy: ")[1]) > 0.8
    assert (tmp_path / "own.png").exists()
    assert (tmp_path / "last_run.csv").exists() == (k == 0)  # run_before=False leaves nothing.


def test_pictures_are_of_steps_and_of_edits_in_the_workshop():
    shown = WORKSHOP + PAGES["docs/reading_the_panels.md"]
    for name in pictures.NAMES:
        picture = "({})".format(pictures.picture(name))
        assert picture in shown or name not in pictures.DRAWN, name
        made = os.path.exists(os.path.join(ROOT, "docs", pictures.picture(name)))
        assert (picture in PAGES["docs/next_steps.md"]) == (name in pictures.NEXT and made), name
        assert ("(docs/" + picture[1:] in README) == (name in pictures.STEPS), name
    assert set(pictures.DRAWN) <= set(EXPERIMENTS)


def test_movie_call_of_the_readme_is_the_scripts_own():
    call = re.search(r"`(datavis\.animate\(.*?), save_movie=", README).group(1) + ")"
    assert call in script_text(SCRIPTS[0])


def test_install_txt_is_for_pip():
    """pip reads the lines without a #; each is a requirement with a marker that it knows."""
    try:
        from packaging.requirements import Requirement
    except ImportError:
        pytest.skip("packaging is missing")
    lines = [line for line in INSTALL.splitlines() if line and not line.startswith("#")]
    wanted = {}
    for version in ("3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13"):
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
    new, old = (records.runs_of(SCRIPTS[k], version) for version in ("2.", "1.15."))
    assert len({run["seed"] for run in new}) >= 5 and old
    assert mean <= sum(run["max_accuracy"] for run in new) / len(new) <= ceiling
    for run in new + old:
        assert floor <= run["max_accuracy"] <= ceiling
        assert run["iterations"] == (2001 if k == 0 else 10001)


@pytest.mark.parametrize("name", SCRIPTS + list(NEXT_STEPS))
def test_headers_state_the_measured_accuracy(name):
    title = next_steps.text_of(name).split("\n")[0]
    best = [100 * run["max_accuracy"] for run in records.runs_of(name, "2.")]
    if name in tables.NO_RUNS:
        assert "%" not in title
        return
    figures = [float(figure) for figure in re.findall(r"([\d.]+) %", title)]
    most = 0.5 if figures[0].is_integer() else 0.05 if name in NEXT_STEPS else 0.1
    assert abs(figures[0] - sum(best) / len(best)) <= most + 1e-9
    if len(figures) > 1:  # A good run.
        assert round(max(best), 1) == figures[1]


def test_lesson_survives_on_generated_digits():
    reached = {}
    for name in SCRIPTS:
        runs = records.runs_of(name, "2.", "generated")
        reached[number_of(name)] = [run["max_accuracy"] for run in runs]
    assert all(len(reached[step]) >= 3 for step in ("1.0", "2.1", "3.1"))
    assert min(reached["1.0"]) > 0.80 and max(reached["1.0"]) < 0.97
    assert min(reached["2.1"]) > max(reached["1.0"]) + 0.02
    assert min(reached["3.1"]) > max(reached["2.1"]) + 0.005


def test_names_in_the_documents_are_public():
    text = README + "".join(PAGES.values())
    names = set(re.findall(r"\b(tensorflowvisu|mnistdata|datavis)\.(?!py\b)(\w+)", text))
    owners = {"tensorflowvisu": tensorflowvisu, "mnistdata": mnistdata,
              "datavis": tensorflowvisu.MnistDataVis}
    assert len(names) > 8
    for owner, name in names:
        assert not name.startswith("_") and hasattr(owners[owner], name), name
    known = inspect.signature(mnistdata.read_data_sets).parameters
    named = set(re.findall(r"read_data_sets\([^)`]*?(\w+)=", text))
    assert named and named <= set(known)


def test_run_before_is_what_the_readme_says():
    options = re.findall(r"MnistDataVis\((\w+)=", README)
    assert options == ["run_before"]
    assert set(options) <= set(inspect.signature(tensorflowvisu.MnistDataVis).parameters)
    assert "`data/last_run.csv`" in README
    assert os.path.split(tensorflowvisu.DATA) == (ROOT, "data")


# ---------- The workshop ----------

def test_tasks_come_before_their_edits():
    page = PAGES["docs/workshop.md"]
    part = page[page.index("\n## Build it yourself"):page.index("\n### The last task")]
    tasks = re.findall(r"^### \d\. .*?\n(.*?)(?=^### |\Z)", part, re.M | re.S)
    assert len(tasks) == 8
    for task in tasks:
        asked, folded, after = re.split(r"<details>|</details>\n*", task)
        assert len(asked) > 100 and "```diff" in folded and "Expect" in folded and not after


@pytest.mark.parametrize("page, all_of_them", [
    ("docs/lesson.md", 122270), ("docs/experiments.md", 244076)])
def test_tables_of_weights_add_up(page, all_of_them):
    rows = re.findall(r"^\| .*\| ([\d·]+) \+ (\d+) = ([\d,]+) \|$", PAGES[page], re.M)
    total = 0
    for product, biases, result in rows:
        count = int(np.prod([int(n) for n in product.split("·")])) + int(biases)
        assert count == int(result.replace(",", ""))
        total += count
    assert len(rows) == 5 and total == all_of_them


def test_what_the_lesson_computes():
    lesson = " ".join(LESSON.split())
    letters = re.findall(r"(0\.\d+)⁵, (?:so )?(\d+) %", lesson)
    assert len(letters) == 2
    assert all(round(100 * float(share) ** 5) == int(percent) for share, percent in letters)
    assert re.search(r"−ln 0.8 = 0.22.*?0.1, that costs 2.3, and 0.001 costs 6.9", lesson)
    assert np.allclose(-np.log([0.8, 0.1, 0.001]), [0.22, 2.3, 6.9], atol=0.01)
    # Batches of 10,000 digits took six times the seconds of batches of 100.
    (large,), small = records.named("1.0_batch_of_10000"), records.named("1.0")[0]
    assert large["seed"] == small["seed"] and round(large["seconds"] / small["seconds"]) == 6


def test_start_of_the_networks():
    with open(records.START) as file:
        start = json.load(file)
    sigmoid, relu = start[SCRIPTS[1]], start[SCRIPTS[2]]
    assert 1000 < sigmoid["gradients"][-1] / sigmoid["gradients"][0] < 10000  # thousands
    assert 15 < relu["gradients"][-1] / relu["gradients"][0] < 35  # about twenty
    assert np.mean(relu["active"]) > np.mean(relu["active_with_biases_0"])  # a few more
