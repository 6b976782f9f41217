"""Runs a script of the series with fewer iterations: python run_script.py SCRIPT ITERATIONS."""

import os
import runpy
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tensorflowvisu

script, limit = sys.argv[1], int(sys.argv[2])
animate = tensorflowvisu.MnistDataVis.animate


def animate_less(self, compute_step, iterations, *arguments, **options):
    return animate(self, compute_step, min(limit, iterations), *arguments, **options)


tensorflowvisu.MnistDataVis.animate = animate_less
sys.argv = [script]
# The user's own last run is not for a test to read or to replace.
with tempfile.TemporaryDirectory() as folder:
    tensorflowvisu.DATA = folder
    runpy.run_path(script, run_name="__main__")
