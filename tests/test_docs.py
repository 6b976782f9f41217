"""README.md, docs/, install.txt, the headers: each command, file, key, snippet, figure is real."""

import inspect
import os
import re

import numpy as np
import pytest

import mnistdata
import next_steps
import records
import tensorflowvisu
from processes import environment, run_python
from scripts import script_text
from series import MODULES, NEXT_STEPS, ROOT, SCRIPTS

README = script_text("README.md")
INSTALL = script_text("install.txt")
PAGES = {"docs/" + name: script_text("docs/" + name)
         for name in os.listdir(os.path.join(ROOT, "docs")) if name.endswith(".md")}
LESSON = PAGES["docs/lesson.md"]
# Floor of a mean, floor of a single run, and a ceiling above which a run would be too good.
BOUNDS = dict(zip(SCRIPTS + list(NEXT_STEPS), [
    (0.920, 0.915, 0.935), (0.975, 0.970, 0.985), (0.980, 0.977, 0.988), (0.979, 0.976, 0.988),
    (0.987, 0.985, 0.993), (0.991, 0.990, 0.9955), (0.990, 0.990, 0.994), (0.995, 0.9945, 0.998),
    (0.996, 0.9955, 0.998), (0.985, 0.985, 0.992), (0.750, 0.740, 0.800)]))


def test_readme_starts_with_the_two_commands():
    blocks = re.findall(r"^```sh\n(.*?)^```$", README, re.M | re.S)
    for block, end in zip(blocks, (r"install.txt && .* mnist_1.0_softmax\.py",
                                   r"install.txt -r tests/requirements.txt && .* -m pytest tests")):
        assert re.fullmatch(r".*pip install -r {}\n".format(end), block)
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


def test_links_lead_somewhere_and_every_page_and_picture_is_linked():
    linked = {}
    for page in ["README.md"] + sorted(PAGES):
        shown = re.sub(r"<!--.*?-->", "", script_text(page), flags=re.S)
        for link in re.findall(r"\]\((?!https://)([^)]*)\)", shown):
            path, _, anchor = link.partition("#")
            path = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
            linked.setdefault(os.path.join(ROOT, path), set()).add(page)
            assert os.path.exists(os.path.join(ROOT, path)), (page, link)
            assert not anchor or anchor in anchors(script_text(path.replace(os.sep, "/"))), link
    for folder, _, names in os.walk(os.path.join(ROOT, "docs")):
        for path in [os.path.join(folder, name) for name in names]:
            assert not path.endswith(".md") or "README.md" in linked[path], path
            if path.endswith(".png"):
                assert linked[path] and 5000 < os.path.getsize(path) <= 300000, path


def test_panels_calls_and_diffs_are_named_as_they_are():
    call = re.search(r"`(datavis\.animate\(.*?), save_movie=", README).group(1) + ")"
    assert call in script_text(SCRIPTS[0])
    pairs = re.findall(r"^`diff (\S+) (\S+)`$", LESSON, re.M)
    assert pairs == list(zip(SCRIPTS, SCRIPTS[1:]))
    # The panels are numbered as the keys are.
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


@pytest.mark.parametrize("k", range(2))
def test_the_examples_of_an_own_network_run(k, tmp_path):
    page = PAGES["docs/own_network.md"]
    example = re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S)[k]
    assert max(map(len, example.splitlines())) <= 100
    script = tmp_path / "own.py"
    script.write_text(example)
    done = run_python(script, cwd=str(tmp_path),
                      env=environment(PYTHONPATH=ROOT, TENSORFLOWVISU_DATA=str(tmp_path / "data")))
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.split("max test accuracy: ")[1]) > 0.8
    assert (tmp_path / "own.png").exists()
    assert (tmp_path / "data").exists() == (k == 0)  # run_before=False leaves nothing.


# ---------- Figures ----------

@pytest.mark.parametrize("name", BOUNDS)
def test_recorded_results_lie_between_floor_and_ceiling_and_are_in_the_header(name):
    (mean, floor, ceiling), text = BOUNDS[name], next_steps.text_of(name)
    new, old = (records.runs_of(name, version) for version in ("2.", "1.15."))
    assert len({run["seed"] for run in new}) >= (3 if "5.1" in name else 5)
    assert old or name in NEXT_STEPS
    reached = [run["max_accuracy"] for run in new]
    assert np.mean(reached) >= mean
    last = int(re.search(r"^datavis.animate\(training_step, (\d+) \+ 1,", text, re.M)[1])
    for run in new + old:
        assert floor <= run["max_accuracy"] <= ceiling and run["iterations"] == last + 1
        assert run.get("megabytes", 0) <= 1500  # A laptop has them.
    assert "3.2" not in name or np.mean([run["final_accuracy"] for run in new]) >= 0.99
    figures = re.findall(r"([\d.]+) %", text.split("\n")[0])
    most = 0.5 if "." not in figures[0] else 0.05 if name in NEXT_STEPS else 0.1
    assert abs(float(figures[0]) - 100 * np.mean(reached)) <= most + 1e-9
    # The second one is that of a good run.
    assert figures[1:] in ([], ["{:.1f}".format(100 * max(reached))])


def test_lesson_survives_on_generated_digits():
    one, relu, convolutional = (
        [run["max_accuracy"] for run in records.runs_of(name, "2.", "generated")]
        for name in (SCRIPTS[0], SCRIPTS[2], SCRIPTS[5]))
    assert min(map(len, (one, relu, convolutional))) >= 3
    assert min(one) > 0.80 and max(one) < 0.97 and min(relu) > max(one) + 0.02
    assert min(convolutional) > max(relu) + 0.005


def test_names_in_the_documents_are_public():
    text = README + "".join(PAGES.values())
    names = set(re.findall(r"\b(tensorflowvisu|mnistdata|datavis)\.(?!py\b)(\w+)", text))
    owners = {"tensorflowvisu": tensorflowvisu, "mnistdata": mnistdata,
              "datavis": tensorflowvisu.MnistDataVis}
    assert len(names) > 8
    for owner, name in names:
        assert not name.startswith("_") and hasattr(owners[owner], name), name
    for function in (mnistdata.read_data_sets, tensorflowvisu.MnistDataVis):
        named = set(re.findall(function.__name__ + r"\([^)`]*?(\w+)=", text))
        assert named and named <= set(inspect.signature(function).parameters)
    assert "`data/last_run.csv`" in README
    assert os.path.split(tensorflowvisu.DATA) == (ROOT, "data")


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
