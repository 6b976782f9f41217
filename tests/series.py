"""The series, named once: its folder and its scripts, for the tests and the tools."""

import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# A run leaves a picture such as mnist_1.0_softmax.png here, so the end of the name counts, too.
# Scripts from 4.0 on are made by readers, out of the diffs in docs/next_steps.
SCRIPTS = sorted(name for name in os.listdir(ROOT) if re.match(r"mnist_[123]\..*\.py$", name))

# The next steps, in the order in which they are made: each script, and the one it is a diff to.
NEXT_STEPS = {
    "mnist_4.0_batchnorm.py": "mnist_3.1_convolutional_bigger_dropout.py",
    "mnist_4.1_augmentation.py": "mnist_4.0_batchnorm.py",
    "mnist_5.0_recurrent.py": "mnist_2.2_five_layers_relu_lrdecay_dropout.py",
    "mnist_6.0_distributed.py": "mnist_3.1_convolutional_bigger_dropout.py",
    "mnist_7.0_own_digits.py": "mnist_3.1_convolutional_bigger_dropout.py",
}
