"""What runs where: the packages that pip and uv install, and what was seen with other versions."""

import re

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
