"""Where the tools find what they share with the tests, and the two modules: imported first."""

import os
import sys

_TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[1:1] = [os.path.join(_TESTS, "helpers"), os.path.dirname(_TESTS)]
