"""Makes the scripts of the next steps out of the diffs in docs/next_steps, or the other way round.

    python tests/tools/next_steps.py make    # the scripts, beside the others; git ignores them
    python tests/tools/next_steps.py diff    # the diffs, after an edit of the scripts

`make` does what `git apply` does with each diff in turn, without git. It overwrites nothing. A diff
may make a module beside its script, too, as a new file.
"""

import argparse
import difflib
import os
import re
import sys

import paths  # noqa: F401
from series import MODULES, NEXT_STEPS, ROOT

FOLDER = "docs/next_steps"


def read(name):
    """The text of a file of the series, with its line ends as \\n."""
    with open(os.path.join(ROOT, *name.split("/")), encoding="utf-8") as file:
        return file.read()


def write(name, text):
    with open(os.path.join(ROOT, *name.split("/")), "w", encoding="utf-8", newline="\n") as file:
        file.write(text)


def is_made(name):
    return os.path.exists(os.path.join(ROOT, name))


def diff_of(script):
    """The path of a script's diff."""
    return "{}/{}.diff".format(FOLDER, script[:-3])


def difference(script, base, after, before):
    """The diff, in git's form, that makes a script with one text of a copy of another's."""
    before, after = before.splitlines(True), after.splitlines(True)
    lines = list(difflib.unified_diff(before, after, "a/" + base, "b/" + script))
    same = difflib.SequenceMatcher(None, before, after).ratio()
    return ("diff --git a/{0} b/{1}\nsimilarity index {2}%\ncopy from {0}\ncopy to {1}\n".format(
        base, script, int(100 * same)) + "".join(lines))


def new_file(name, text):
    """The part of a diff, in git's form, that makes a new file with this text."""
    lines = text.splitlines(True)
    return ("diff --git a/{0} b/{0}\nnew file mode 100644\n--- /dev/null\n+++ b/{0}\n"
            "@@ -0,0 +1,{1} @@\n".format(name, len(lines)) + "".join("+" + line for line in lines))


def part_of(diff, name):
    """The part of a diff that makes a file of this name."""
    for part in re.split(r"^(?=diff --git )", diff, flags=re.M):
        if part.split("\n", 1)[0].endswith(" b/" + name):
            return part
    raise ValueError("{} is in no part of the diff".format(name))


def applied(diff, before):
    """The text that a diff makes of another."""
    before, after, at = before.splitlines(True), [], 0
    for begin, hunk in re.findall(r"^@@ -(\d+).*\n((?:[ +-].*\n)+)", diff, re.M):
        start = max(int(begin) - 1, 0)  # A new file begins at line 0.
        after += before[at:start]
        at = start
        for line in hunk.splitlines(True):
            if line[0] != "+":
                if before[at:at + 1] != [line[1:]]:
                    raise ValueError("line {} is not what the diff expects".format(at + 1))
                at += 1
            if line[0] != "-":
                after.append(line[1:])
    return "".join(after + before[at:])


def text_of(script):
    """The text of a script of the series; that of a next step comes out of the diffs."""
    if script not in NEXT_STEPS:
        return read(script)
    return applied(part_of(read(diff_of(script)), script), text_of(NEXT_STEPS[script]))


def text_of_module(script):
    """The text of the module that the diff of a script makes."""
    return applied(part_of(read(diff_of(script)), MODULES[script]), "")


def text_to_run(script):
    """The text that a run takes: that of the made script, where it is there, with its edits."""
    return read(script) if is_made(script) else text_of(script)


def module_to_run(script):
    """The name and the text of the module that a script brings, made or not; None where none is."""
    if script not in MODULES:
        return None
    name = MODULES[script]
    return name, read(name) if is_made(name) else text_of_module(script)


def diff_to_write(script, base, after, before):
    """The whole diff of a script: the copy of another one, and the module as a new file."""
    module = module_to_run(script)
    return difference(script, base, after, before) + (new_file(*module) if module else "")


def make():
    """Makes the scripts and their modules; one that is there already stays as it is."""
    texts = [(script, text_of(script)) for script in NEXT_STEPS]
    texts += [(MODULES[script], text_of_module(script)) for script in MODULES]
    for name, text in sorted(texts):
        if not is_made(name):
            write(name, text)
            print(name + " is made.")
        elif read(name) == text:
            print(name + " is there already.")
        else:
            print(name + " is there already, but edited, so it stays as it is; delete it to have"
                  " it made anew.")


def update():
    """Writes the diffs of the scripts that are there; the others keep theirs."""
    # A diff begins where the one before has ended, so all texts are taken before one is written.
    texts = {script: text_to_run(script) for script in NEXT_STEPS}
    for script, base in NEXT_STEPS.items():
        before = texts[base] if base in texts else read(base)
        write(diff_of(script), diff_to_write(script, base, texts[script], before))
        print("{} is written{}.".format(
            diff_of(script), "" if is_made(script) else ", its script as it was"))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["make", "diff"])
    arguments = parser.parse_args()
    try:
        make() if arguments.command == "make" else update()
    except ValueError as error:
        sys.exit("A script that a diff builds on has changed: {}.".format(error))


if __name__ == "__main__":
    main()
