"""The ways to run a script but as a file: in a notebook, with a real kernel, and at a prompt."""

import os
import re
import shutil
import signal

import pytest
from matplotlib.image import imread

from checks import are_panels
from live import live_script
from notebooks import errors, execute, pictures, text_of
from processes import environment, run_python
from scripts import script_text, shortened
from series import ROOT, SCRIPTS

SCRIPT = SCRIPTS[0]


def test_a_run_in_a_notebook(tmp_path):
    live_script(tmp_path, iterations=301, pause=0.005, before=True)
    shown = "print({line.get_label(): len(line.get_xdata())" \
        " for line in datavis.figure.axes[0].lines if line.get_visible()})\n"
    interrupted = []

    def interrupt(client, message, index):
        if index == 3 and message["msg_type"] == "update_display_data" and not interrupted:
            interrupted.append(True)
            # As Jupyter's stop button does.
            os.killpg(os.getpgid(client.km.provisioner.pid), signal.SIGINT)

    cells, messages = execute(
        tmp_path, "%matplotlib inline", "%run live.py\n" + shown,
        "datavis.animate(step, 21, 10, 50)\n" + shown,
        "datavis.animate(step, 100000, 10, 50)\nprint('after')", "print('goes on')",
        during=interrupt)
    updates = [m for index, m in messages if index == 1 and m["msg_type"] == "update_display_data"]
    assert 2 <= len(updates) <= 30
    # No pile of outputs: one picture stays, the final one, with the line that is printed.
    [picture] = pictures(cells[1])
    are_panels(picture)
    said = text_of(cells[1], "stdout").splitlines()
    assert said[0] == "max test accuracy: 0.9" and "test, run before (2.0)" in said[1]
    # The last cell, run again, starts afresh.
    assert "'training': 3," in text_of(cells[2], "stdout") and len(pictures(cells[2])) == 1
    # An interrupted kernel stops cleanly.
    assert interrupted and text_of(cells[3], "stdout") == "after\n"
    assert text_of(cells[4], "stdout") == "goes on\n"
    assert not errors(cells)


@pytest.fixture
def folder(tmp_path):
    """A folder with the first script, shortened, and its two modules, as in a download."""
    for name in ("tensorflowvisu.py", "mnistdata.py"):
        shutil.copy(os.path.join(ROOT, name), str(tmp_path))
    (tmp_path / SCRIPT).write_text(shortened(script_text(SCRIPT), 100), encoding="utf-8")
    return tmp_path


@pytest.mark.slow
def test_a_script_by_its_name_and_pasted_into_cells(folder, small_digits):
    text = (folder / SCRIPT).read_text(encoding="utf-8")
    run, sections = "%run " + SCRIPT, re.split(r"(?m)^(?=# ---------- )", text)
    cells, _ = execute(folder, run, run, "!python " + SCRIPT, text, *sections,
                       MNIST_DATA=small_digits)
    assert len(sections) == 10 and not errors(cells)
    training, = (cell for cell in cells[4:] if cell.source.startswith("# ---------- Training"))
    for cell in (cells[0], cells[1], cells[3], training):
        lines = text_of(cell, "stdout").splitlines()
        assert lines[-1].startswith("max test accuracy: 0."), lines
        assert [line for line in lines if line.startswith("100: accuracy:")]
        [picture] = pictures(cell)
        are_panels(picture)
    # The shell's Python has no output of its own to draw in: it leaves the picture.
    said = text_of(cells[2], "stdout") + text_of(cells[2], "stderr")
    assert "max test accuracy: 0." in said and "Traceback" not in said
    assert "the final panels are in " + SCRIPT[:-3] + ".png" in said
    are_panels(imread(str(folder / (SCRIPT[:-3] + ".png"))))


def test_a_script_pasted_at_the_prompt_says_why_its_panels_are_empty(folder, small_digits):
    # Python's own prompt ends a function at its first empty line; the rest of the step is lost.
    done = run_python("-i", input=(folder / SCRIPT).read_text(encoding="utf-8"), cwd=str(folder),
                      env=environment(MNIST_DATA=small_digits, PYTHONIOENCODING="utf-8"))
    assert "IndentationError" in done.stderr and "max test accuracy: nan" in done.stdout
    assert done.stderr.count("the step has given the panels no data") == 1
