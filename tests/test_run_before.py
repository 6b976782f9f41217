"""The run before: its curves and its text, what differs, what came of it, and whether it stays."""

import os
import re
import runpy
import shutil
from types import SimpleNamespace

import matplotlib
import pytest

import mnistdata
from processes import environment, run_python
from series import ROOT

# A script whose curves follow from one number; it has comments and docstrings, as they may change.
SCRIPT = '''"""A script."""
import tensorflowvisu

datavis = tensorflowvisu.MnistDataVis()
lr = 0.003  # the rate


def step(i, update_test_data, update_train_data):
    """One step."""
    if update_train_data:
        datavis.append_training_curves_data(i, 0.5, 3)
    if update_test_data:
        datavis.append_test_curves_data(i, 0.99 - lr - 0.5 / (i + 1), 20 + 1000 * lr)
    pass


datavis.animate(step, 101, 10, 50)
'''
NOISE = re.compile(r"^tensorflowvisu: (.* leaves a picture|the final panels).*\n", re.M)


class Reader:
    """Somebody who edits a script and runs it, in this process and a folder of his own."""

    def __init__(self, folder, capsys):
        self.folder, self.data, self._capsys = folder, folder / "data", capsys
        self.text = SCRIPT

    def edit(self, before, after):
        assert before in self.text
        self.text = self.text.replace(before, after)

    def run(self, name="mine.py", encoding="utf-8"):
        """What a run says on the console beside what every run says; times are written as such."""
        (self.folder / name).write_text(self.text, encoding=encoding)
        self._capsys.readouterr()
        runpy.run_path(name, run_name="__main__")
        return self.said(self._capsys.readouterr().err)

    def said(self, errors):
        return re.sub(r", \d\d:\d\d\)", ", TIME)", NOISE.sub("", errors))

    def left(self, *kinds):
        return [(self.data / ("last_run." + kind)).read_bytes() for kind in kinds or ("csv", "py")]


@pytest.fixture
def reader(elsewhere, capsys):
    """A reader who has run the script once."""
    reader = Reader(elsewhere, capsys)
    assert reader.run() == ""  # There is no run before.
    assert reader.left("py") == [reader.text.encode()]
    return reader


def test_an_edit_and_its_effect_stand_on_one_screen(reader):
    reader.edit("lr = 0.003", "lr = 0.013")
    reader.edit('One step."""', 'A step."""  # It learns nothing.')
    reader.edit("the rate", "another rate")
    (reader.folder / "mine.py").write_text("\ufeff" + reader.text, encoding="utf-8")
    done = run_python("mine.py", cwd=str(reader.folder),
                      env=environment(PYTHONPATH=ROOT, HOME=str(reader.folder),
                                      MPLCONFIGDIR=matplotlib.get_configdir(),
                                      TENSORFLOWVISU_DATA="~/data"))
    assert reader.said(done.stderr) == """\
tensorflowvisu: since the run before (mine.py, TIME), max test accuracy 0.9820:
    -lr = 0.003
    +lr = 0.013
tensorflowvisu: max test accuracy 0.9720 after 0.9820: -0.0100; at the end 0.9720 after 0.9820: \
-0.0100; lowest test loss 33.00 after 23.00: +10.00.
"""
    reader.edit("lr = 0.013", "# lr = 0.02\nlr = 0.013")
    said = reader.run()
    assert said.startswith("tensorflowvisu: the same code as in the run before (mine.py, TIME), max"
                           " test accuracy 0.9720; with the same arguments any difference is"
                           " luck.\n")
    assert "max test accuracy 0.9720 after 0.9720: +0.0000;" in said
    # Many changes are counted, and the command shows them.
    reader.text += "x = '''\n" + "".join(f"++ {k}\n" for k in range(11)) + "'''\n"
    said = reader.run()
    assert ("0.9720: 13 lines of code differ (diff data/last_run.py mine.py).\n") in said
    assert said.count("\n") == 2


def test_chance_is_named_where_the_spread_of_a_script_is_known(reader):
    """It is that of runs of the script's own length."""
    name = "mnist_2.1_five_layers_relu_lrdecay.py"
    reader.edit("101, 10, 50", "10001, 1000, 5000")
    reader.edit("0.5 / (i + 1)", "0")
    reader.run(name)
    for rate, verdict in (("0.0032", "-0.0002, within chance;"),
                          ("0.0064", "-0.0032, more than chance;")):
        reader.edit(re.search("lr = (.*?)  #", reader.text).group(1), rate)
        assert verdict in reader.run(name)
    reader.edit("10001", "301")
    for words in ("(iteration 300 after 10,000);", "at the end 0.9836 after 0.9836: +0.0000;"):
        said = reader.run(name)
        assert words in said and "chance" not in said
    # Of the same code, nothing but chance; of what is not finite, no difference.
    reader.edit("301", "10001")
    reader.edit("20 + 1000 * lr", "float('nan')")
    for words in ("at the end", "the same code"):
        said = reader.run(name)
        assert words in said and "nan after" not in said and "+nan" not in said
    assert "chance" not in said


def test_a_run_that_is_kept_stays_whatever_runs_come(reader):
    kept = reader.left()
    (reader.data / "last_run.kept").touch()
    for rate in ("0.02", "0.03"):
        reader.edit(re.search("lr = (.*?)  #", reader.text).group(1), rate)
        assert "    -lr = 0.003\n    +lr = {}\n".format(rate) in reader.run()
        assert reader.left() == kept


@pytest.mark.parametrize("case", [
    "no curves", "half a line", "a column less", "words", "no test curve", "other text", "no text",
    "a pipe", "longer than 100 kB", "other digits", "no folder"])
def test_what_cannot_be_compared_is_no_trouble(reader, case):
    curves, = reader.left("csv")
    head = b"\n".join(curves.split(b"\n")[:2])
    broken = {"no curves": b"\xff\0", "half a line": curves[:-4],
              "a column less": head + b"\n0,0.5,3,0.9\n", "words": head + b"\n0,0.5,3,a,b\n",
              "no test curve": head + b"\n0,0.5,3,nan,nan\n"}
    if case in broken:
        (reader.data / "last_run.csv").write_bytes(broken[case])
    elif case == "other text":  # As after two runs at once.
        (reader.data / "last_run.py").write_text("lr = 7\n")
    elif case in ("no text", "a pipe"):
        (reader.data / "last_run.py").unlink()
        (os.mkdir if case == "no text" else os.mkfifo)(str(reader.data / "last_run.py"))
    elif case == "longer than 100 kB":
        reader.text += "# " + "x" * 10 ** 6 + "\n"
    elif case == "other digits":
        mnistdata.latest = SimpleNamespace(
            checksum="x", generated=False, train=SimpleNamespace(epochs_completed=0),
            test=SimpleNamespace(labels=range(100)))
    else:
        shutil.rmtree(str(reader.data))
        reader.data.write_text("a file in its place")
    said = reader.run()
    assert "lines" not in said and "lr = " not in said and "same code" not in said
    expects_curve = case in ("other text", "no text", "a pipe", "longer than 100 kB")
    assert ("after 0.9820" in said) == expects_curve


def test_a_project_that_is_removed_in_mid_run_does_not_come_back(reader, monkeypatch):
    monkeypatch.setattr("tensorflowvisu.DATA", str(reader.data / "project" / "data"))
    assert reader.run() == "" and len(os.listdir(str(reader.data))) == 2


def test_a_run_that_is_stopped_or_keeps_to_itself_leaves_nothing(reader, capsys):
    before = reader.left()
    reader.edit("    pass", "    1 / (i < 90)")  # It raises in the step before its end.
    with pytest.raises(ZeroDivisionError):
        reader.run()
    assert " after 0.98" not in capsys.readouterr().err and reader.left() == before
    reader.edit("1 / (i < 90)", "pass")
    reader.edit("MnistDataVis()", "MnistDataVis(run_before=False)")
    assert reader.run() == "" and reader.left() == before


@pytest.mark.parametrize("name", ["last_run.csv", "last_run.py"])
def test_what_others_keep_under_these_names_stays(elsewhere, capsys, name):
    reader = Reader(elsewhere, capsys)
    reader.data.mkdir()
    (reader.data / name).write_text("my own notes")
    assert name + " was not left by a run" in reader.run()
    os.remove(str(reader.data / name))
    os.mkfifo(str(reader.data / name))
    assert name + " was not left by a run" in reader.run()
    assert os.listdir(str(reader.data)) == [name]


def test_no_run_ever_reads_half_a_file(reader, monkeypatch):
    """Whole ones, of other names, take the place of those of the run before."""
    before, sizes = reader.left(), []

    def replace(part, path, replace=os.replace):
        if "last_run" in path:
            sizes.append(os.path.getsize(part))
            assert reader.left()[len(sizes) - 1] == before[len(sizes) - 1]
        replace(part, path)

    monkeypatch.setattr(os, "replace", replace)
    reader.edit("lr = 0.003", "lr = 0.0055")
    reader.run()
    assert sizes == [len(content) for content in reader.left()] and reader.left() != before


def test_other_encodings(reader):
    reader.text = "# coding: latin-1\n" + reader.text.replace("the rate", "\xe9t\xe9")
    reader.run("my $x_$ and $y.py", encoding="latin-1")  # Which is no formula in the legend.
    reader.edit("lr = 0.003", "lr = 0.005")
    assert "    -lr = 0.003\n    +lr = 0.005\n" in reader.run("my $x_$ and $y.py", "latin-1")
