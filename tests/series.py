"""The series, named once: its folder and its scripts, for the tests and the tools."""

import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# A run leaves a picture such as mnist_1.0_softmax.png here, so the end of the name counts, too.
SCRIPTS = sorted(name for name in os.listdir(ROOT) if re.match(r"mnist_[0-9].*\.py$", name))
