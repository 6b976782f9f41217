"""The series, named once: its folder and its scripts, for the tests and the tools."""

import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

SCRIPTS = [
    "mnist_1.0_softmax.py",
    "mnist_2.0_five_layers_sigmoid.py",
    "mnist_2.1_five_layers_relu_lrdecay.py",
    "mnist_2.2_five_layers_relu_lrdecay_dropout.py",
    "mnist_3.0_convolutional.py",
    "mnist_3.1_convolutional_bigger_dropout.py",
]

# The next steps, in the order in which they are made: each script, and the one it is a diff to.
NEXT_STEPS = {
    "mnist_3.2_one_cycle.py": "mnist_3.1_convolutional_bigger_dropout.py",
    "mnist_4.0_batchnorm.py": "mnist_3.1_convolutional_bigger_dropout.py",
    "mnist_4.1_augmentation.py": "mnist_4.0_batchnorm.py",
    "mnist_5.0_recurrent.py": "mnist_2.2_five_layers_relu_lrdecay_dropout.py",
    "text_5.1_language_model.py": "mnist_5.0_recurrent.py",
    "mnist_6.0_distributed.py": "mnist_3.1_convolutional_bigger_dropout.py",
    "mnist_7.0_own_digits.py": "mnist_3.1_convolutional_bigger_dropout.py",
}

# The modules that a diff makes beside its script.
MODULES = {"text_5.1_language_model.py": "own_text.py", "mnist_7.0_own_digits.py": "own_digits.py"}


def number_of(script):
    """The number of a script, such as 2.1."""
    return re.search(r"_(\d\.\d)_", script).group(1)
