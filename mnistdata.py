"""MNIST digits for the scripts of this series: found, downloaded or, with no network, generated.

    mnist = mnistdata.read_data_sets("data", one_hot=True, reshape=False, validation_size=0)
    batch_X, batch_Y = mnist.train.next_batch(100)

The digits come from the first of these places that has them:

1. the folder that the environment variable MNIST_DATA names (nothing is downloaded then),
2. the data folder beside the scripts,
3. the copy that Keras keeps, ~/.keras/datasets/mnist.npz,
4. a download from one of the MIRRORS,
5. generated digits, made on the spot, where no mirror answers.

MNIST was made by Yann LeCun, Corinna Cortes and Christopher Burges. The IDX file format is
described at http://yann.lecun.com/exdb/mnist/.
"""

import collections
import concurrent.futures
import contextlib
import errno
import hashlib
import http.client
import operator
import os
import socket
import struct
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import zlib

import numpy as np

# The order in which the training digits are shuffled follows from this number alone.
SEED = 0

# Base URLs of the hosts that have the four files, tried in this order.
MIRRORS = [
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
]

# A host that is silent for this many seconds counts as out of reach.
TIMEOUT = 10

# The SHA-256 sums of the uncompressed files.
SHA256 = collections.OrderedDict([
    ("train-images-idx3-ubyte", "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
    ("train-labels-idx1-ubyte", "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
    ("t10k-images-idx3-ubyte", "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
    ("t10k-labels-idx1-ubyte", "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
])

_TRAINING_DIGITS = 60000
_TEST_DIGITS = 10000
_MAGIC_IMAGES = 2051
_MAGIC_LABELS = 2049
_HERE = os.path.dirname(os.path.abspath(__file__))
_GENERATED_NAME = "generated-digits.npz"

# Where the digits that were read last came from. The window's title and its progress line tell it.
latest = None


class DataSet:
    """Images with their labels, in mini-batches.

    images  float32 in [0, 1], [n, 28, 28, 1] or, read with reshape=True, [n, 784]
    labels  float32 one-hot [n, 10] or, read with one_hot=False, integer classes [n]
    """

    def __init__(self, images, labels, seed):
        self.images = images
        self.labels = labels
        self.epochs_completed = 0
        self._random = np.random.RandomState(seed)
        self._order = None
        self._position = 0

    @property
    def num_examples(self):
        """The number of images."""
        return len(self.images)

    def next_batch(self, batch_size):
        """Returns the next batch_size images and their labels, each digit once an epoch.

        The digits come in a new random order in every epoch. A batch that reaches the end of an
        epoch takes the rest from the next one.

        Raises ValueError where batch_size is no whole number from 1 to the number of images.
        """
        size = _whole_number("batch_size", batch_size, 1, len(self.images))
        picks = []
        while size:
            if self._order is None:
                self._order = self._random.permutation(len(self.images))
            pick = self._order[self._position:self._position + size]
            picks.append(pick)
            size -= len(pick)
            self._position += len(pick)
            if self._position == len(self.images):
                self._order = None
                self._position = 0
                self.epochs_completed += 1
        rows = picks[0] if len(picks) == 1 else np.concatenate(picks)
        return self.images[rows], self.labels[rows]


class Datasets:
    """The sets that read_data_sets returns.

    train, test  a DataSet each (60,000 and 10,000 digits, where they are MNIST's)
    validation   a DataSet, or None where validation_size is 0
    source       the file or folder that the digits were read from
    generated    True where they are generated digits, not MNIST
    """

    def __init__(self, train, test, validation, source, generated):
        self.train = train
        self.test = test
        self.validation = validation
        self.source = source
        self.generated = generated


def read_data_sets(data_dir, one_hot=True, reshape=False, validation_size=0):
    """Reads the digits, downloading or generating them where they are not here yet.

    data_dir         the folder that keeps them; a relative one lies beside this module
    one_hot          labels as float32 [n, 10] instead of integer classes [n]
    reshape          images as [n, 784] instead of [n, 28, 28, 1]
    validation_size  so many digits, taken from the front of the training digits, become .validation

    Returns a Datasets. Raises FileNotFoundError for a missing folder or file, ValueError for a
    file that is not what it should be or an argument out of range, and OSError where data_dir
    cannot be written; each message says what was found, what was expected and what to do.
    """
    global latest
    folder = os.path.join(_HERE, os.path.expanduser(data_dir))
    raw = _find_digits(folder)
    validation_size = _whole_number("validation_size", validation_size, 0,
                                    len(raw.train_images) - 1)
    images, labels = _prepare(raw.train_images, raw.train_labels, one_hot, reshape)
    test_images, test_labels = _prepare(raw.test_images, raw.test_labels, one_hot, reshape)
    train = DataSet(images[validation_size:], labels[validation_size:], SEED)
    test = DataSet(test_images, test_labels, SEED)
    validation = None
    if validation_size:
        validation = DataSet(images[:validation_size], labels[:validation_size], SEED)
    latest = Datasets(train, test, validation, raw.source, raw.generated)
    return latest


# uint8 images [n, 28, 28] and labels [n] of both sets, as they stand in the files.
_Raw = collections.namedtuple(
    "_Raw", "train_images train_labels test_images test_labels source generated")


def _prepare(images, labels, one_hot, reshape):
    """Scales uint8 images to float32 in [0, 1] in one pass, and encodes the labels."""
    n = len(images)
    scaled = np.empty(images.shape, np.float32)
    np.divide(images, np.float32(255), out=scaled, dtype=np.float32)
    scaled = scaled.reshape([n, 784] if reshape else [n, 28, 28, 1])
    if one_hot:
        return scaled, np.eye(10, dtype=np.float32)[labels]
    return scaled, labels.astype(np.int64)


def _whole_number(name, value, lowest, highest):
    """Checks an argument; True and 2.5 are no whole numbers, NumPy's integers are."""
    try:
        number = operator.index(value)
    except TypeError:
        number = lowest - 1
    if isinstance(value, bool) or not lowest <= number <= highest:
        raise ValueError("{} must be a whole number from {:,} to {:,}, not {!r}.".format(
            name, lowest, highest, value))
    return number


def _say(text):
    """Prints a notice; standard output is the scripts' own."""
    print("mnistdata: " + text, file=sys.stderr, flush=True)


# ---------- The places where digits may be ----------

def _find_digits(folder):
    """Goes through the places in the order of the module's docstring."""
    shared = os.environ.get("MNIST_DATA")
    if shared:
        return _read_shared_folder(os.path.abspath(os.path.expanduser(shared)))

    parts, damaged = _read_folder(folder)
    if len(parts) == len(SHA256):
        return _digits(parts, folder)
    for name, reason in damaged.items():
        _say(reason)

    raw = _read_keras_copy()
    if raw is not None:
        return raw

    _require_original(parts, folder)
    content = _download([name for name in SHA256 if name not in parts], folder)
    if content is not None:
        parts.update(content)
        return _digits(parts, folder)
    return _generated_digits(folder)


def _read_shared_folder(folder):
    """Reads the folder of MNIST_DATA, where anything missing or wrong is an error."""
    advice = (" Put the four MNIST files there, gzipped or not, or unset MNIST_DATA to have them"
              " downloaded.")
    if not os.path.isdir(folder):
        raise FileNotFoundError(
            "MNIST_DATA names the folder {}, which does not exist.".format(folder) + advice)
    parts, damaged = _read_folder(folder)
    for reason in damaged.values():
        raise ValueError(reason + advice)
    for name in SHA256:
        if name not in parts:
            raise FileNotFoundError("MNIST_DATA names the folder {}, where {} (or {}.gz) is"
                                    " missing.".format(folder, name, name) + advice)
    return _digits(parts, folder)


def _read_folder(folder):
    """Reads what is in a folder, as {name: (content, array)} and {name: what is wrong with it}."""
    parts = {}
    damaged = {}
    for name in SHA256:
        # Raw and gzipped files may stand side by side; the first that is right is taken.
        for path in (os.path.join(folder, name), os.path.join(folder, name + ".gz")):
            if name in parts or not os.path.isfile(path):
                continue
            try:
                content = _read_file(path)
                parts[name] = content, _parse_idx(name, content, path)
            except ValueError as error:
                damaged[name] = str(error)
    return parts, {name: reason for name, reason in damaged.items() if name not in parts}


def _read_file(path):
    """Returns the uncompressed content of a file."""
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise type(error)(error.errno, "{} cannot be read ({}): make it readable".format(
            path, error.strerror)) from None
    if path.endswith(".gz"):
        return _gunzip(content, path)
    return content


def _gunzip(content, where):
    """Uncompresses a gzip file, or says what it is instead."""
    if not content:
        raise ValueError("{} is empty; expected a gzip file.".format(where))
    if not content.startswith(b"\x1f\x8b"):
        raise ValueError("{} is {}, not a gzip file.".format(where, _kind(content)))
    try:
        return zlib.decompress(content, 16 + zlib.MAX_WBITS)
    except zlib.error:
        raise ValueError("{} is a truncated or damaged gzip file ({:,} bytes).".format(
            where, len(content))) from None


def _kind(content):
    """Names what a file that is no data file seems to be."""
    start = content[:200].lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return "a web page (a hotel's or a firewall's sign-in page, perhaps)"
    return "something else (its first bytes are {})".format(bytes(content[:4]).hex() or "missing")


def _parse_idx(name, content, where):
    """Checks a file of the IDX format and returns its bytes as a uint8 array, not copied."""
    images = "images" in name
    magic = _MAGIC_IMAGES if images else _MAGIC_LABELS
    header = 16 if images else 8
    if not content:
        raise ValueError("{} is empty; expected an IDX file.".format(where))
    if len(content) < header or struct.unpack(">I", content[:4])[0] != magic:
        raise ValueError("{} is {}, not an IDX file of {} (magic number {}).".format(
            where, _kind(content), "images" if images else "labels", magic))
    shape = struct.unpack(">III" if images else ">I", content[4:header])
    if images and shape[1:] != (28, 28):
        raise ValueError("{} holds images of {} x {} pixels; expected 28 x 28.".format(
            where, *shape[1:]))
    expected = header + int(np.prod(shape, dtype=np.int64))
    if shape[0] < 1 or len(content) != expected:
        raise ValueError("{} announces {:,} {}, which take {:,} bytes; found {:,} bytes.".format(
            where, shape[0], "images" if images else "labels", expected, len(content)))
    array = np.frombuffer(content, np.uint8, offset=header).reshape(shape)
    if not images and array.max() > 9:
        raise ValueError("{} holds the label {}; expected labels from 0 to 9.".format(
            where, array.max()))
    return array


def _digits(parts, source):
    """Puts the four files together and says so where they are not the original MNIST."""
    arrays = [parts[name][1] for name in SHA256]
    for images, labels in ((0, 1), (2, 3)):
        if len(arrays[images]) != len(arrays[labels]):
            names = list(SHA256)
            raise ValueError(
                "In {}, {} holds {:,} images but {} holds {:,} labels: they do not belong together."
                " Take both from the same set, or move them away to have MNIST downloaded.".format(
                    source, names[images], len(arrays[images]), names[labels],
                    len(arrays[labels])))
    foreign = [name for name in SHA256 if not _is_original(name, parts[name][0])]
    if foreign:
        _say("the digits in {} are not the original MNIST (other content: {}). They are used as"
             " they are; move them away to have MNIST downloaded.".format(
                 source, ", ".join(foreign)))
    return _Raw(*arrays, source=source, generated=False)


def _is_original(name, content):
    return hashlib.sha256(content).hexdigest() == SHA256[name]


def _require_original(parts, folder):
    """Keeps a download from being mixed with files of another set."""
    for name, (content, _) in parts.items():
        if not _is_original(name, content):
            raise FileNotFoundError(
                "{} in {} is not MNIST's own, and {} is missing or damaged there; MNIST's files are"
                " not mixed with another set's. Complete that set, or move it away to have MNIST"
                " downloaded.".format(name, folder, ", ".join(
                    other for other in SHA256 if other not in parts)))


def _read_keras_copy():
    """Returns the digits of the file that Keras keeps, or None where it has none that is right."""
    home = os.environ.get("KERAS_HOME") or os.path.join(os.path.expanduser("~"), ".keras")
    path = os.path.join(home, "datasets", "mnist.npz")
    if not os.path.isfile(path):
        return None
    keys = ("x_train", "y_train", "x_test", "y_test")
    try:
        arrays = _read_npz(path, keys)
    except ValueError as error:
        _say("{} Keras's copy is passed over.".format(error))
        return None
    for name, array in zip(SHA256, arrays):
        # The sums are those of the IDX files, so the file's header goes in front of the pixels.
        magic = _MAGIC_IMAGES if array.ndim == 3 else _MAGIC_LABELS
        header = struct.pack(">{}I".format(1 + array.ndim), magic, *array.shape)
        content = header + array.tobytes()
        if not _is_original(name, content):
            _say("{} is not the original MNIST ({} differs); Keras's copy is passed over.".format(
                path, name))
            return None
    return _Raw(*arrays, source=path, generated=False)


def _read_npz(path, keys):
    """Reads uint8 images and labels from an .npz file, with pickling off."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = [file[key] for key in keys]
    except Exception as error:  # NumPy, zipfile and zlib each raise their own.
        raise ValueError("{} cannot be read ({}).".format(path, error)) from None
    for key, array in zip(keys, arrays):
        dims = 3 if key.startswith("x") else 1
        if array.dtype != np.uint8 or array.ndim != dims or array.shape[1:] != (28, 28)[:dims - 1]:
            raise ValueError("{} holds {} as {} {}; expected uint8 {}.".format(
                path, key, array.dtype, list(array.shape), "[n, 28, 28]" if dims == 3 else "[n]"))
    return arrays


# ---------- Download ----------

def _download(names, folder):
    """Fetches files from the mirrors, as {name: (content, array)}; None where no mirror has them.

    A host that failed is not asked again, so that a dead network costs seconds.
    """
    mirrors = list(MIRRORS)
    _remove_stale_parts(folder)
    parts = {}
    for name in names:
        while mirrors and name not in parts:
            url = urllib.parse.urljoin(mirrors[0], name + ".gz")
            try:
                packed = _fetch(url)
                content = _gunzip(packed, url)
                parts[name] = content, _parse_idx(name, content, url)
                if not _is_original(name, content):
                    del parts[name]
                    raise ValueError("its content is not MNIST's (the SHA-256 sum differs).")
            except (OSError, ValueError) as error:
                _say("{} failed: {}".format(url, _reason(error)))
                del mirrors[0]
                continue
            path = os.path.join(folder, name)
            _set_aside(path)
            _set_aside(path + ".gz")
            _store(path + ".gz", lambda file: file.write(packed))
        if name not in parts:
            return None
    return parts


def _reason(error):
    """Says in plain words why a download failed."""
    reason = getattr(error, "reason", error)
    if isinstance(error, urllib.error.HTTPError):
        return "the server answered {} {}.".format(error.code, error.reason)
    if isinstance(reason, socket.timeout):
        return "no answer within {} seconds.".format(TIMEOUT)
    if isinstance(reason, socket.gaierror):
        return "the host's name is not known here (no network?)."
    return str(reason) or type(reason).__name__


def _fetch(url):
    """Returns what a URL holds, showing how far it is."""
    request = urllib.request.Request(url, headers={"User-Agent": "mnistdata"})
    try:
        with contextlib.closing(urllib.request.urlopen(request, timeout=TIMEOUT)) as response:
            total = int(response.headers.get("Content-Length") or 0)
            content = bytearray()
            with _Progress(url, total) as progress:
                while True:
                    # read1 returns what has come, so that the time-out is one of silence.
                    chunk = response.read1(1 << 16)
                    if not chunk:
                        break
                    content += chunk
                    progress.update(len(content))
    except http.client.HTTPException as error:
        raise OSError("the connection broke ({}).".format(type(error).__name__)) from None
    if len(content) < total:
        raise OSError("the connection broke after {:,} of {:,} bytes.".format(len(content), total))
    return bytes(content)


class _Progress:
    """A bar on a terminal, one plain line elsewhere."""

    def __init__(self, url, total):
        self._total = total
        self._bar = sys.stderr.isatty()
        self._text = "Downloading " + url
        self._shown = 0.0

    def __enter__(self):
        if not self._bar:
            _say(self._text)
        return self

    def __exit__(self, *error):
        if self._bar:
            print(file=sys.stderr, flush=True)

    def update(self, done):
        now = time.monotonic()
        if self._bar and (now - self._shown > 0.1 or done == self._total):
            self._shown = now
            share = done / self._total if self._total else 0
            print("\r{} [{:<20}] {:.1f} MB".format(
                self._text, "#" * int(20 * share), done / 1e6), end="", file=sys.stderr, flush=True)


def _store(path, write):
    """Has write(file) fill a file that is there whole or not at all."""
    folder, name = os.path.split(path)
    part = None
    try:
        os.makedirs(folder, exist_ok=True)
        handle, part = tempfile.mkstemp(suffix=".part", prefix=name + "-", dir=folder)
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes files for their owner alone; the digits are for everybody.
        os.chmod(part, 0o644)
        os.replace(part, path)
    except OSError as error:
        raise _cannot_write(error, folder) from None
    finally:
        if part and os.path.exists(part):
            os.remove(part)


def _set_aside(path):
    """Keeps a damaged file under another name, unless a right one has taken its place meanwhile."""
    name = os.path.basename(path)[:-3] if path.endswith(".gz") else os.path.basename(path)
    if not os.path.exists(path):
        return
    with contextlib.suppress(ValueError):
        if _is_original(name, _read_file(path)):
            return
    try:
        os.replace(path, _free_name(path + ".damaged"))
    except FileNotFoundError:
        pass  # Another loader was faster.
    except OSError as error:
        raise _cannot_write(error, os.path.dirname(path)) from None


def _free_name(path):
    """The path itself, or with a number where something stands there already."""
    number = 1
    free = path
    while os.path.exists(free):
        number += 1
        free = "{}-{}".format(path, number)
    return free


def _cannot_write(error, folder):
    """The same error with a message that says what to do."""
    full = error.errno in (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", None))
    advice = "free some space there" if full else "make that folder writable"
    return type(error)(error.errno, "The digits cannot be kept in {} ({}): {}, or set MNIST_DATA to"
                       " a folder that has the four files".format(folder, error.strerror, advice))


def _remove_stale_parts(folder):
    """Removes what a loader that was killed has left; a live one writes for a moment only."""
    names = [name + ".gz-" for name in SHA256] + [_GENERATED_NAME + "-"]
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        if name.endswith(".part") and name.startswith(tuple(names)):
            path = os.path.join(folder, name)
            with contextlib.suppress(OSError):
                if time.time() - os.path.getmtime(path) > 60:
                    os.remove(path)


# ---------- Generated digits ----------

_NOTICE = """
+----------------------------------------------------------------------------+
|  THESE ARE GENERATED DIGITS, NOT MNIST. No mirror could be reached, so     |
|  70,000 digits were drawn by this program. The lesson is the same, the     |
|  accuracies are not. For MNIST: connect to the network and start again,    |
|  or set MNIST_DATA to a folder that has the four files (see install.txt).  |
+----------------------------------------------------------------------------+"""

# How people write the digits: x y points in per cent of the height, y downward. A stroke is a
# smooth curve through its points, and "/" begins another one.
_TEMPLATES = (
    (0, "35 0, 12 12, 2 45, 10 85, 34 100, 58 88, 68 52, 60 14, 35 0"),
    (0, "48 8, 25 2, 6 30, 6 70, 26 98, 52 92, 66 60, 60 22, 40 4, 28 10"),
    (0, "30 0, 14 20, 8 55, 18 92, 34 98, 46 76, 50 38, 42 8, 26 4"),
    (1, "30 0, 28 50, 26 100"),
    (1, "10 22, 30 0 / 30 0, 30 50, 30 100"),
    (1, "12 18, 32 0 / 32 0, 32 100 / 8 100, 56 100"),
    (2, "6 22, 18 4, 42 0, 58 16, 52 42, 28 72, 4 98 / 4 98, 30 96, 66 98"),
    (2, "8 20, 26 2, 50 6, 56 28, 40 60, 14 92, 8 82, 22 78, 44 94, 68 92"),
    (2, "4 14, 34 0, 56 20, 40 58, 6 100 / 6 100, 64 100"),
    (3, "6 12, 30 0, 54 10, 52 32, 26 46 / 26 46, 56 56, 62 80, 36 100, 4 90"),
    (3, "6 2, 58 2 / 58 2, 26 42 / 26 42, 58 54, 60 84, 32 100, 4 90"),
    (3, "10 14, 32 0, 54 14, 44 38, 22 48, 34 50, 58 64, 54 90, 28 100, 4 86"),
    (4, "14 2, 8 40, 10 58 / 10 58, 36 60, 66 54 / 52 10, 50 50, 46 100"),
    (4, "46 0, 4 66 / 4 66, 66 66 / 46 0, 46 100"),
    (4, "10 4, 4 36, 18 54, 48 48 / 56 2, 50 48, 42 100"),
    (5, "58 2, 14 4 / 14 4, 8 44 / 8 44, 36 38, 62 58, 54 88, 26 100, 2 88"),
    (5, "62 4, 26 4, 12 26, 24 44, 48 54, 56 76, 36 98, 4 92"),
    (5, "12 6, 12 42, 40 40, 58 64, 46 92, 6 98 / 12 6, 60 2"),
    (6, "48 2, 22 22, 6 58, 14 92, 40 100, 58 80, 48 58, 24 58, 8 76"),
    (6, "36 0, 12 44, 4 76, 22 100, 48 92, 50 68, 28 58, 8 72"),
    (6, "58 8, 30 8, 8 40, 4 76, 24 100, 50 92, 54 66, 34 54, 10 66"),
    (7, "2 6, 62 4 / 62 4, 42 44, 26 100"),
    (7, "4 4, 64 4 / 64 4, 40 50, 28 100 / 20 52, 58 50"),
    (7, "4 22, 6 4 / 6 4, 36 8, 64 2 / 64 2, 46 40, 38 100"),
    (7, "2 14, 24 2, 54 4, 56 18, 34 54, 22 100"),
    (8, "52 12, 30 0, 10 14, 20 38, 46 58, 56 84, 32 100, 8 84, 18 60, 44 40, 54 16"),
    (8, "32 48, 10 30, 16 6, 36 0, 54 14, 48 36, 32 48, 8 70, 12 94, 34 100, 58 88, 54 62, 32 48"),
    (8, "56 8, 26 2, 10 22, 32 46, 54 68, 44 96, 18 96, 8 74, 32 48, 52 26, 58 8"),
    (9, "54 16, 34 0, 8 14, 8 40, 32 48, 52 30, 56 8 / 56 8, 52 56, 46 100"),
    (9, "52 14, 28 2, 6 22, 18 46, 44 40, 54 14, 54 56, 38 94, 10 96"),
    (9, "50 22, 32 2, 10 12, 8 38, 30 46, 50 24 / 50 24, 36 62, 24 100"),
)

_GENERATED_SEED = 1
_BOX = 20  # pixels; MNIST's digits fill such a box and are centred by mass in 28 x 28
_CURVE_STEPS = 4  # pieces of a curve between two of its points
_CHUNK = 128  # digits drawn at a time, so that their pixels stay in the processor's cache


def _generated_digits(folder):
    """Makes the digits, or reads the ones that were made before."""
    path = os.path.join(folder, _GENERATED_NAME)
    keys = ("x_train", "y_train", "x_test", "y_test")
    arrays = None
    if os.path.isfile(path):
        try:
            arrays = _read_npz(path, keys)
        except ValueError as error:
            _say("{} The digits are generated anew.".format(error))
    if arrays is None:
        _say("making {:,} digits, which takes some seconds ...".format(
            _TRAINING_DIGITS + _TEST_DIGITS))
        images, labels = _draw_digits(_TRAINING_DIGITS + _TEST_DIGITS)
        arrays = [images[:_TRAINING_DIGITS], labels[:_TRAINING_DIGITS],
                  images[_TRAINING_DIGITS:], labels[_TRAINING_DIGITS:]]
        try:
            _store(path, lambda file: np.savez(file, **dict(zip(keys, arrays))))
        except OSError as error:
            # They serve without being kept; the next start makes the same ones.
            _say(str(error))
    print(_NOTICE, file=sys.stderr, flush=True)
    return _Raw(*arrays, source=path, generated=True)


def _draw_digits(n):
    """Returns n digits in random order, uint8 [n, 28, 28] and [n], always the same ones.

    Each is one of the templates with its own slant, rotation, proportions, stroke width and wobble.
    Sums are taken in an order of their own and no function of the processor's is used that rounds
    differently elsewhere, so that all machines get the same digits.
    """
    random = np.random.RandomState(_GENERATED_SEED)
    labels = random.randint(0, 10, n).astype(np.uint8)
    choice = random.randint(0, 12, n)  # 12 can be divided by 3 and 4, the templates of a digit
    images = np.zeros([n, 28, 28], np.uint8)
    jobs = []
    for number, (digit, strokes) in enumerate(_TEMPLATES):
        variants = [k for k, template in enumerate(_TEMPLATES) if template[0] == digit]
        mine = (labels == digit) & (choice % len(variants) == variants.index(number))
        rows = np.flatnonzero(mine)
        for start in range(0, len(rows), _CHUNK):
            jobs.append((strokes, rows[start:start + _CHUNK], [_GENERATED_SEED, number, start]))

    def draw(job):
        strokes, rows, seed = job
        images[rows] = _draw_template(strokes, len(rows), np.random.RandomState(seed))

    # NumPy lets several threads compute at the same time.
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(draw, jobs):
            pass
    return images, labels


def _draw_template(strokes, n, random):
    """Draws n variations of a template, uint8 [n, 28, 28]."""
    points, weights, segments = _curve(strokes)

    # Wobble: each point moves a little, and the whole digit bends and stretches.
    x = points[:, 0] - 35 + 4.4 * _normal(random, [n, len(points)])
    y = points[:, 1] - 50 + 4.4 * _normal(random, [n, len(points)])
    bend = _normal(random, [4, n, 1]) * 0.004
    x, y = (x * random.uniform(0.7, 1.35, [n, 1]) + bend[0] * y * y + bend[1] * x * y,
            y + bend[2] * x * x + bend[3] * x * y)
    # Slant, then a rotation; t is the tangent of half its angle.
    x = x - (0.15 + 0.28 * _normal(random, [n, 1])) * y
    t = 0.1 * _normal(random, [n, 1])
    cosine, sine = (1 - t * t) / (1 + t * t), 2 * t / (1 + t * t)
    x, y = cosine * x - sine * y, sine * x + cosine * y

    # The curves through the points, as vertices of short straight pieces.
    vertices = [sum(weight * axis[:, None, k] for k, weight in enumerate(weights.T))
                for axis in (x, y)]
    # The size is such that the digit with its stroke fits the box.
    radius = random.uniform(0.7, 1.9, [n, 1])
    low = [axis.min(axis=1, keepdims=True) for axis in vertices]
    high = [axis.max(axis=1, keepdims=True) for axis in vertices]
    extent = np.maximum(high[0] - low[0], high[1] - low[1])
    scale = (_BOX - 2 * radius) / extent * random.uniform(0.9, 1.0, [n, 1])
    x, y = [((axis - (a + b) / 2) * scale + _BOX / 2
             + random.uniform(-0.4, 0.4, [n, 1])).astype(np.float32)
            for axis, a, b in zip(vertices, low, high)]

    distance = _distance(x, y, segments)
    ink = np.clip(radius.astype(np.float32)[:, :, None] + np.float32(0.5) - distance, 0, 1)
    return _centred((ink * np.float32(255) + np.float32(0.5)).astype(np.uint8))


def _normal(random, shape):
    """Numbers that are nearly normally distributed and at most 3, made by adding alone."""
    total = random.uniform(-1, 1, shape)
    for _ in range(2):
        total = total + random.uniform(-1, 1, shape)
    return total


def _curve(strokes):
    """Takes a template apart: points [p, 2], and the curves through them.

    The vertices of the curves are weights [v, p] times the points; segments are pairs of vertices.
    A point that two strokes share is one point, so that they stay together.
    """
    points = []
    rows = []
    segments = []
    for stroke in strokes.split("/"):
        indices = []
        for point in stroke.split(","):
            point = tuple(float(number) for number in point.split())
            if point not in points or point in [points[k] for k in indices]:
                points.append(point)
                indices.append(len(points) - 1)
            else:
                indices.append(points.index(point))
        if len(indices) == 2:  # A straight stroke gets a point in its middle, to bend there.
            (x0, y0), (x1, y1) = points[indices[0]], points[indices[1]]
            points.append(((x0 + x1) / 2, (y0 + y1) / 2))
            indices.insert(1, len(points) - 1)
        # A Catmull-Rom spline, its ends doubled.
        padded = [indices[0]] + indices + [indices[-1]]
        for k in range(len(indices) - 1):
            for step in range(_CURVE_STEPS + (k == len(indices) - 2)):
                u = step / _CURVE_STEPS
                if step or k:
                    segments.append((len(rows) - 1, len(rows)))
                rows.append({})
                for index, weight in zip(padded[k:k + 4], (
                        -u / 2 + u * u - u ** 3 / 2, 1 - 2.5 * u * u + 1.5 * u ** 3,
                        u / 2 + 2 * u * u - 1.5 * u ** 3, (u ** 3 - u * u) / 2)):
                    rows[-1][index] = rows[-1].get(index, 0.0) + weight
    weights = np.zeros([len(rows), len(points)])
    for row, entries in zip(weights, rows):
        for index, weight in entries.items():
            row[index] = weight
    return np.array(points), weights, segments


def _distance(x, y, segments):
    """The distance of each pixel of the box to the nearest segment, float32 [n, 20, 20]."""
    n = len(x)
    centres = np.arange(_BOX, dtype=np.float32) + np.float32(0.5)
    nearest = np.full([n, _BOX, _BOX], 1e6, np.float32)
    along, across = np.empty_like(nearest), np.empty_like(nearest)
    for a, b in segments:
        dx, dy = x[:, b, None] - x[:, a, None], y[:, b, None] - y[:, a, None]
        px, py = centres - x[:, a, None], centres - y[:, a, None]
        squared = dx * dx + dy * dy + np.float32(1e-6)
        # along: how far along the segment the nearest point of it is, from 0 to 1.
        np.add((px * (dx / squared))[:, None, :], (py * (dy / squared))[:, :, None], out=along)
        np.minimum(along, 1, out=along)
        np.maximum(along, 0, out=along)
        np.multiply(along, dx[:, :, None], out=across)
        np.subtract(px[:, None, :], across, out=across)
        np.multiply(along, dy[:, :, None], out=along)
        np.subtract(py[:, :, None], along, out=along)
        np.multiply(across, across, out=across)
        np.multiply(along, along, out=along)
        np.add(across, along, out=across)
        np.minimum(nearest, across, out=nearest)
    return np.sqrt(nearest)


def _centred(boxes):
    """Puts pictures [n, 20, 20] into [n, 28, 28] so that their centre of mass is in the middle."""
    n = len(boxes)
    mass = boxes.astype(np.int64)
    total = mass.sum(axis=(1, 2))
    place = np.arange(_BOX)
    corner = []
    for axis in (1, 2):
        middle = (mass.sum(axis=3 - axis) * (2 * place + 1)).sum(axis=1) / (2 * total)
        corner.append(np.clip(np.rint(14 - middle), 0, 8).astype(np.int64))
    images = np.zeros([n, 28, 28], np.uint8)
    images[np.arange(n)[:, None, None], corner[0][:, None, None] + place[:, None],
           corner[1][:, None, None] + place] = boxes
    return images
