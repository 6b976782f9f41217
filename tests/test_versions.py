"""What runs where: the packages that pip and uv install, and what was seen with other versions."""

import re

import versions
from scripts import script_text


def group(name):
    """The strings of a list in pyproject.toml."""
    text = re.search(rf"^{name} = \[(.*?)\]$", script_text("pyproject.toml"), re.M | re.S)[1]
    return re.findall(r'"([^"]*)"', text)


def lines_for_pip(path):
    """The lines of a list for pip that count from Python 3.8 on, without saying so."""
    lines = [line for line in script_text(path).splitlines() if line and line[0] != "#"]
    return [re.sub('; python_version >= "3.8"$', "", line).replace('"', "'")
            for line in lines if not line.endswith('python_version == "3.7"')]


def test_pip_and_uv_install_the_same():
    assert group("dependencies") == lines_for_pip("install.txt")
    assert sorted(group("tests") + group("qt")) == sorted(
        lines_for_pip("tests/requirements.txt"))
    assert 'requires-python = ">=3.8,' in script_text("pyproject.toml")


def others(run):
    """The lines of a run that the page does not name."""
    return [line for line in run["lines"] if not re.search("MLIR V1|absl::InitializeLog", line)]


def test_each_python_colab_and_the_oldest_were_tried_and_all_that_was_tried_works():
    seen = {one["name"]: one for one in versions.records()}
    assert {"3.7", "3.8", "3.9", "3.12", "3.13", "colab", "conda", "oldest", "debian"} <= set(seen)
    for name, one in seen.items():
        debian = versions.COMBINATIONS[name].python == "debian"
        assert list(one["scripts"]) == versions.SCRIPTS
        assert list(one["windows"]) == sorted(versions.COMBINATIONS[name].windows)
        for run in one["scripts"].values():
            assert versions.works(run) and (not others(run) or name == "2.22"), (name, run)
        # The page says what Debian's toolkits and the newest TensorFlow do to each other.
        for run in one["windows"].values():
            assert versions.works(run) or name == "debian, newest", (name, run)
            assert not others(run) or debian or name == "2.22", (name, run)
