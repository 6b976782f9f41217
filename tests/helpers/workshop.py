"""What the documents ask the reader to edit, read from their pages, for the tests and the tools.

An edit is a block of ```diff. Its hunks begin with a line "@@ Heading @@" that names the script's
section; a hunk's lines begin with a space (both), a minus (before) or a plus (after).
"""

import collections
import os
import re

from series import ROOT, SCRIPTS

PAGES = ["docs/workshop.md", "docs/experiments.md", "docs/results.md", "docs/next_steps.md"]
FIRST = SCRIPTS[0]

Experiment = collections.namedtuple("Experiment", "script hunks iterations question answer")


def text():
    """All pages, one after the other."""
    found = []
    for page in PAGES:
        with open(os.path.join(ROOT, page), encoding="utf-8") as file:
            found.append(file.read())
    return "\n".join(found)


def hunks(block):
    """The hunks of a block: (heading, before, after) each."""
    parts = re.split(r"^@@ (.*) @@\n", block, flags=re.M)
    assert not parts[0].strip(), "a block begins with @@ Heading @@"
    found = []
    for heading, lines in zip(parts[1::2], parts[2::2]):
        lines = lines.splitlines()
        assert all(line[:1] in " -+" for line in lines), block
        before, after = ("".join(line[1:] + "\n" for line in lines if line[:1] != other)
                         for other in "+-")
        found.append((heading, before, after))
    return found


def apply(text, edit):
    """A script's text with an edit made; every place has to be there, once, under its heading."""
    for heading, before, after in edit:
        begin = text.index("# ---------- {} ----------\n".format(heading))
        end = text.find("# ---------- ", begin + 1)
        section = text[begin:end]
        assert before and ("\n" + section).count("\n" + before) == 1, (heading, before)
        section = ("\n" + section).replace("\n" + before, "\n" + after)[1:]
        text = text[:begin] + section + text[end:]
    return text


def stages(page):
    """The stages of "Build it yourself": (name, hunks) each, in their order."""
    part = page[page.index("\n## Build it yourself"):page.index("\n## Predict, observe, explain")]
    found = re.findall(r"^### \d+\. (.*?)\n(.*?)(?=^### |\Z)", part, re.M | re.S)
    return [(name, [hunk for block in re.findall(r"^```diff\n(.*?)^```$", text, re.M | re.S)
                    for hunk in hunks(block)]) for name, text in found]


def experiments(page):
    """The experiments: name -> Experiment. 0 iterations are as many as the script has.

    A comment <!-- edit NAME of SCRIPT, N iterations --> stands before each block of theirs.
    """
    found = {}
    for question in re.split(r"^#+ ", page, flags=re.M):
        for name, script, n, block in re.findall(
                r"^<!-- edit (\S+) of (\S+?\.py)(?:, (\d+) iterations)? -->\n+```diff\n(.*?)^```$",
                question, re.M | re.S):
            assert name not in found, name
            asked, _, answer = question.partition("<details>")
            found[name] = Experiment(script, hunks(block), int(n or 0), asked, answer)
    return found


def edits(page):
    """All edits by name: the stages, each with those before it, and the experiments."""
    found, so_far = {}, []
    for k, (name, more) in enumerate(stages(page), 1):
        so_far = so_far + more
        found["stage_{}".format(k)] = Experiment(FIRST, so_far, 0, name, "")
    found.update(experiments(page))
    return found
