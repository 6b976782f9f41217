"""Small sets of digits, as files that the loader reads."""

import os
import struct

import numpy as np

import mnistdata


def write_idx(path, array):
    """Writes uint8 images [n, 28, 28] or labels [n] in the IDX format."""
    magic = 2051 if array.ndim == 3 else 2049
    with open(str(path), "wb") as file:
        file.write(struct.pack(f">{1 + array.ndim}I", magic, *array.shape))
        file.write(array.tobytes())


def write_digits(folder, train, test):
    """Writes the four files of a set with so many drawn digits."""
    images, labels = mnistdata._draw_digits(train + test)
    names = list(mnistdata.SHA256)
    for name, array in zip(names, (images[:train], labels[:train], images[train:], labels[train:])):
        write_idx(os.path.join(str(folder), name), array)


def random_state():
    """Random numbers that are the same in every run of a test."""
    return np.random.RandomState(7)
