"""The records of runs: what each has reached, and a hash of the code that ran."""

import hashlib
import io
import json
import os
import sys
import tokenize

from series import NEXT_STEPS, ROOT, SCRIPTS, number_of

RECORD = os.path.join(ROOT, "tests", "tools", "results.json")
START = os.path.join(ROOT, "tests", "tools", "start.json")

# The test accuracies whose first iteration is recorded, and the iterations whose accuracy is.
LEVELS = ("0.90", "0.97", "0.98")
LOOKS = ("10", "500", "1200", "2000", "3000")
ROAD = "0.99"  # the accuracy to which the table "the road to 99 %" goes

NEWEST, OLDEST = "2.", "1.15."


def code_hash(text):
    """A hash of a script's code; comments and docstrings may change, and it stays."""
    tokens = [token for token in tokenize.generate_tokens(io.StringIO(text).readline)
              if token.type not in (tokenize.COMMENT, tokenize.NL)]
    starts = (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    code = []
    for k, token in enumerate(tokens):
        alone = (k == 0 or tokens[k - 1].type in starts) and tokens[k + 1:k + 2] and (
            tokens[k + 1].type == tokenize.NEWLINE)
        if not (token.type == tokenize.STRING and alone):
            code.append(tokenize.tok_name[token.type] if token.type in starts else token.string)
    return hashlib.sha256("\0".join(code).encode()).hexdigest()[:16]


def load():
    """All runs that have been recorded."""
    if not os.path.exists(RECORD):
        return []
    with open(RECORD) as file:
        return json.load(file)


def record(runs):
    """Adds runs to the record; one of the same script, seed and TensorFlow is replaced."""
    def key(run):
        return run["script"], run["digits"], run["tensorflow"], run["seed"], run.get("edit", "")
    known = {key(run): run for run in load()}
    known.update({key(run): run for run in runs})
    with open(RECORD, "w") as file:
        json.dump([known[k] for k in sorted(known)], file, indent=1, sort_keys=True)
        file.write("\n")


def runs_of(script, version, digits="MNIST"):
    """The recorded runs of a script as it stands, on TensorFlow of a version."""
    return [run for run in load() if run["script"] == script and is_of(run, digits)
            and run["tensorflow"].startswith(version) and not run.get("edit")]


def is_of(run, digits="MNIST"):
    """Whether a run was on these digits, or, of the language model, on a text."""
    return run["digits"] == digits or run["digits"].startswith("text")


def named(name):
    """The recorded runs of a script, of a script's number such as 2.1, or of an edit."""
    runs = [run for run in load() if run.get("edit") == name]
    for script in SCRIPTS + list(NEXT_STEPS):
        if name in (script, script[:-3], number_of(script)):
            runs = runs_of(script, NEWEST)
    if not runs:
        known = sorted({run.get("edit", number_of(run["script"])) for run in load()})
        sys.exit("nothing is recorded of {}; there are {}".format(name, ", ".join(known)))
    return runs


def values_of(runs, field):
    """A field of the runs; those that have none, such as a loss of nan, are left out."""
    found = (run.get("reached", {}).get(field) if field in LEVELS + (ROAD,) else run.get(field)
             for run in runs)
    return [value for value in found if value is not None]
