"""What runs where: the packages that pip and uv install, and what was seen with other versions."""

import re

import versions
from scripts import script_text


def test_pip_and_uv_install_the_same():
    project = script_text("pyproject.toml")
    for path, groups in (("install.txt", "dependencies"), ("tests/requirements.txt", "tests|qt")):
        lists = re.findall(rf"^(?:{groups}) = \[(.*?)\]$", project, re.M | re.S)
        # The lines for pip that count from Python 3.8 on, without saying so.
        lines = [re.sub('; python_version >= "3.8"$', "", line).replace('"', "'")
                 for line in script_text(path).splitlines()
                 if line and line[0] != "#" and not line.endswith('python_version == "3.7"')]
        assert lines and sorted(lines) == sorted(re.findall(r'"([^"]*)"', "".join(lists)))
    assert 'requires-python = ">=3.8,' in project
    for line in ("tensorflow==1.15.5", "protobuf<3.21"):
        assert f'\n{line}; python_version == "3.7"\n' in script_text("install.txt")


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
