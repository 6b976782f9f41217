"""The run before: its curves and its text, what differs, what came of it, and whether it stays."""

import re
import shutil

import pytest

from processes import environment, run_python
from series import ROOT

# A script whose curves follow from one number; it has comments and docstrings, as they may change.
SCRIPT = '''"""A script."""
import sys
sys.path.insert(0, {root!r})
import tensorflowvisu

datavis = tensorflowvisu.MnistDataVis()
lr = 0.003  # the rate


def step(i, update_test_data, update_train_data):
    """One step."""
    if update_train_data:
        datavis.append_training_curves_data(i, 0.5, 3)
    if update_test_data:
        datavis.append_test_curves_data(i, 0.99 - lr - 0.5 / (i + 1), 20 + 1000 * lr)
    {extra}


datavis.animate(step, 101, 10, 50)
'''
NOISE = re.compile(r"^tensorflowvisu: (there is no display|the final panels).*\n", re.M)


class Reader:
    """Somebody who edits a script and runs it, in a folder of his own."""

    def __init__(self, folder):
        self.data = folder / "data"
        self.folder = folder
        self.text = SCRIPT.format(root=ROOT, extra="pass")

    def edit(self, before, after):
        assert before in self.text
        self.text = self.text.replace(before, after)

    def run(self, name="mine.py", code=0, **options):
        """What a run says on the console beside what every run says; times are written as such."""
        (self.folder / name).write_text(self.text, encoding=options.pop("encoding", "utf-8"))
        done = run_python(name, cwd=str(self.folder),
                          env=environment(TENSORFLOWVISU_DATA=str(self.data)), **options)
        assert done.returncode == code, done.stderr
        return re.sub(r", \d\d:\d\d\)", ", TIME)", NOISE.sub("", done.stderr))

    def left(self, kind):
        return (self.data / ("last_run." + kind)).read_bytes()


@pytest.fixture(scope="module")
def first_run(tmp_path_factory):
    """What the first run of the script has left."""
    reader = Reader(tmp_path_factory.mktemp("first"))
    assert reader.run() == ""  # There is no run before.
    assert reader.left("py").decode() == reader.text
    return reader.data


@pytest.fixture
def reader(tmp_path, first_run):
    """A reader who has run the script once."""
    shutil.copytree(str(first_run), str(tmp_path / "data"))
    return Reader(tmp_path)


def test_an_edit_and_its_effect_stand_on_one_screen(reader):
    reader.edit("lr = 0.003", "lr = 0.013")
    reader.edit("One step", "A step")
    reader.edit("the rate", "another rate")
    assert reader.run() == """\
tensorflowvisu: since the run before (mine.py, TIME), max test accuracy 0.9820:
    -lr = 0.003
    +lr = 0.013
tensorflowvisu: max test accuracy 0.9720 after 0.9820: -0.0100; at the end 0.9720 after 0.9820: \
-0.0100; lowest test loss 33.00 after 23.00: +10.00.
"""
    reader.edit("lr = 0.013", "# lr = 0.02\nlr = 0.013")
    said = reader.run()
    assert said.startswith("tensorflowvisu: the same code as in the run before (mine.py, TIME), max"
                           " test accuracy 0.9720; what differs now is luck.\n")
    assert "max test accuracy 0.9720 after 0.9720: +0.0000;" in said


def test_many_changes_are_counted_and_the_command_shows_them(reader):
    reader.text += "".join(f"x{k} = {k}\n" for k in range(13))
    said = reader.run()
    assert ("0.9820: 13 lines of code differ (diff data/last_run.py mine.py).\n") in said
    assert said.count("\n") == 2


def test_chance_is_named_where_the_spread_of_a_script_is_known(reader):
    reader.run("mnist_2.1_five_layers_relu_lrdecay.py")
    for rate, verdict in (("0.0032", "-0.0002, within chance;"),
                          ("0.0064", "-0.0032, more than chance;")):
        reader.edit(re.search("lr = (.*?)  #", reader.text).group(1), rate)
        assert verdict in reader.run("mnist_2.1_five_layers_relu_lrdecay.py")


def test_a_run_that_is_kept_stays_whatever_runs_come(reader):
    kept = reader.left("csv"), reader.left("py")
    (reader.data / "last_run.kept").touch()
    for rate in ("0.02", "0.03"):
        reader.edit(re.search("lr = (.*?)  #", reader.text).group(1), rate)
        assert "    -lr = 0.003\n    +lr = {}\n".format(rate) in reader.run()
        assert (reader.left("csv"), reader.left("py")) == kept


@pytest.mark.slow
@pytest.mark.parametrize("case", [
    "no curves", "half a line", "a column less", "words", "no test curve", "other text", "no text",
    "longer than 100 kB", "other digits", "no folder"])
def test_what_cannot_be_compared_is_no_trouble(reader, case):
    curves = reader.left("csv")
    head = b"\n".join(curves.split(b"\n")[:2])
    broken = {"no curves": b"\xff\0", "half a line": curves[:-4],
              "a column less": head + b"\n0,0.5,3,0.9\n", "words": head + b"\n0,0.5,3,a,b\n",
              "no test curve": head + b"\n0,0.5,3,nan,nan\n"}
    if case in broken:
        (reader.data / "last_run.csv").write_bytes(broken[case])
    elif case == "other text":  # As after two runs at once.
        (reader.data / "last_run.py").write_text("lr = 7\n")
    elif case == "no text":
        (reader.data / "last_run.py").unlink()
        (reader.data / "last_run.py").mkdir()
    elif case == "longer than 100 kB":
        reader.text += "# " + "x" * 10 ** 6 + "\n"
    elif case == "other digits":
        reader.edit("import tensorflowvisu\n", """import tensorflowvisu
import mnistdata, types
mnistdata.latest = types.SimpleNamespace(checksum="x", generated=False, test=None, train=None)
""")
        reader.edit("MnistDataVis()", "MnistDataVis(test_set_size=100)")
        reader.edit("train=None", "train=types.SimpleNamespace(epochs_completed=0)")
    else:
        reader.data.rename(reader.folder / "away")
        reader.data.write_text("a file in its place")
    said = reader.run()
    assert "lines" not in said and "lr = " not in said and "same code" not in said
    expects_curve = case in ("other text", "no text", "longer than 100 kB")
    assert ("after 0.9820" in said) == expects_curve
    assert "Traceback" not in said


def test_a_run_that_is_stopped_or_keeps_to_itself_leaves_nothing(reader):
    before = reader.left("csv"), reader.left("py")
    reader.edit("    pass", "    1 / (i < 90)")  # It raises in the step before its end.
    said = reader.run(code=1)
    assert "ZeroDivisionError" in said and " after 0.98" not in said
    assert (reader.left("csv"), reader.left("py")) == before
    reader.edit("1 / (i < 90)", "pass")
    reader.edit("MnistDataVis()", "MnistDataVis(run_before=False)")
    assert reader.run() == ""
    assert (reader.left("csv"), reader.left("py")) == before


@pytest.mark.slow
def test_typed_code_and_other_encodings(reader):
    done = run_python("-", input=reader.text, cwd=str(reader.folder),
                      env=environment(TENSORFLOWVISU_DATA=str(reader.data)))
    assert done.returncode == 0 and reader.left("py") == b""
    reader.text = "# coding: latin-1\n" + reader.text.replace("the rate", "\xe9t\xe9")
    reader.run(encoding="latin-1")
    reader.edit("lr = 0.003", "lr = 0.005")
    assert "    -lr = 0.003\n    +lr = 0.005\n" in reader.run(encoding="latin-1")
