"""Runs scripts one after the other in this process: python run_scripts.py SCRIPT ...

A line with the script's path stands before what each prints; an error of one is printed at its
place, and the next one runs. So many scripts share one start of TensorFlow.
"""

import runpy
import sys
import traceback

import mnistdata

SEED = mnistdata.SEED

for script in sys.argv[1:]:
    print("===== " + script, flush=True)
    mnistdata.SEED = SEED
    try:
        runpy.run_path(script, run_name="__main__")
    except Exception:
        print(traceback.format_exc())
