"""MNIST digits for the scripts of this series: found, downloaded or, with no network, generated.

    mnist = mnistdata.read_data_sets("data", one_hot=True, reshape=False, validation_size=0)
    batch_X, batch_Y = mnist.train.next_batch(100)

The digits come from the first of these places that has them:

1. the folder that the environment variable MNIST_DATA names (nothing is downloaded then),
2. the data folder beside the scripts,
3. the copy that Keras keeps, ~/.keras/datasets/mnist.npz,
4. a download from one of the MIRRORS,
5. generated digits, made on the spot, where no mirror answers.

A folder may hold MNIST's four files, gzipped or not, or Keras's mnist.npz.

MNIST was made by Yann LeCun, Corinna Cortes and Christopher Burges; the format of its files, IDX,
is described at http://yann.lecun.com/exdb/mnist/.
"""

import collections
import concurrent.futures
import contextlib
import ctypes
import glob
import hashlib
import io
import os
import re
import socket
import ssl
import struct
import sys
import textwrap
import threading
import time
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

# A mirror that gives less than SLOWEST bytes a second over TIMEOUT seconds is left for the next
# one. It may take twice that time to begin; failures take six times that time in all.
TIMEOUT = 10
SLOWEST = 50000

# The SHA-256 sums of the uncompressed files.
SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}

# No file is read or unpacked beyond these sizes; the largest one has 9.9 MB, and 47 unpacked.
_PACKED = 16 * 10 ** 6
_UNPACKED = 48 * 10 ** 6
_TRAINING_DIGITS = 60000
_TEST_DIGITS = 10000
_GZIP = b"\x1f\x8b"  # what a gzip file begins with
_HERE = os.path.dirname(os.path.abspath(__file__))
_GENERATED_NAME = "generated-digits.npz"
_NPZ_KEYS = ("x_train", "y_train", "x_test", "y_test")
_ADVICE = "Put MNIST's four files or mnist.npz there, or unset MNIST_DATA to download them."
_BAR = "0% ..... 25% ..... 50% ..... 75% ..... 100%"  # written bit by bit, on anything

latest = None  # the Datasets that were read last, for the panels
_batch_lock = threading.Lock()  # the module's, so that a DataSet can be copied and pickled


class DataSet:
    """Images with their labels, in mini-batches.

    Attributes
    ----------
    images : ndarray of float32, shape (n, 28, 28, 1) or (n, 784)
        Ink from 0 (paper) to 1; the second shape if read with ``reshape=True``.
    labels : ndarray of float32, shape (n, 10), or of int64, shape (n,)
        One-hot labels, or classes 0 to 9 if read with ``one_hot=False``.
    num_examples : int
        The number n of images.
    epochs_completed : int
        How often all images were handed out.
    """

    def __init__(self, images, labels, seed):
        self.images = images
        self.labels = labels
        self.epochs_completed = 0
        self._random = np.random.RandomState(seed)
        self._rows = np.empty(0, np.int64)  # those that come next
        self._drawn = 0

    @property
    def num_examples(self):
        """The number of images."""
        return len(self.images)

    def next_batch(self, batch_size):
        """Return the next mini-batch; every image comes once an epoch.

        The order is a new one in every epoch. A batch that reaches the end of an epoch takes the
        rest from the next one. Several threads may ask at the same time.

        Parameters
        ----------
        batch_size : int
            From 1 to the number of images.

        Returns
        -------
        images, labels : ndarray
            Copies of `batch_size` rows of the images and of their labels.

        Raises
        ------
        ValueError
            If `batch_size` is no whole number or out of range.
        """
        n = len(self.images)
        size = _whole_number("batch_size", batch_size, 1, n)
        with _batch_lock:
            if size > len(self._rows):
                self._rows = np.concatenate([self._rows, self._random.permutation(n)])
            rows, self._rows = self._rows[:size], self._rows[size:]
            self._drawn += size
            self.epochs_completed = self._drawn // n
        return self.images[rows], self.labels[rows]


class Datasets(collections.namedtuple(
        "Datasets", "train test validation source generated checksum")):
    """The sets that `read_data_sets` returns.

    Attributes
    ----------
    train, test : DataSet
        60,000 and 10,000 digits, where they are MNIST's.
    validation : DataSet or None
        None if ``validation_size`` is 0.
    source : str
        The file or folder that the digits were read from.
    generated : bool
        True if they are generated digits, not MNIST.
    checksum : str
        Twelve hexadecimal figures that stand for the content of the whole set.
    """


def read_data_sets(data_dir, one_hot=True, reshape=False, validation_size=0):
    """Read the digits, downloading or generating them if they are not here yet.

    Parameters
    ----------
    data_dir : str or path-like
        The folder that keeps them; a relative one lies beside this module. That it cannot be read
        or written is no error.
    one_hot : bool
        Labels as float32 (n, 10) instead of int64 classes (n,).
    reshape : bool
        Images as (n, 784) instead of (n, 28, 28, 1).
    validation_size : int
        So many digits, taken from the front of the training digits, become ``validation``.

    Returns
    -------
    Datasets
        With the fields ``train``, ``test``, ``validation``, ``source``, ``generated`` and
        ``checksum``.

    Raises
    ------
    FileNotFoundError
        If MNIST_DATA names a folder that is missing or lacks a file.
    ValueError
        If a file of that folder is not what it should be, images and labels do not belong
        together, or `validation_size` is out of range. Each message says what to do.
    TypeError
        If `data_dir` is no path, or `one_hot` or `reshape` is neither True nor False.
    """
    global latest
    if not isinstance(data_dir, (str, os.PathLike)) or "\0" in str(data_dir):
        raise TypeError(f"data_dir must be the path of a folder, not {data_dir!r}.")
    for name, value in (("one_hot", one_hot), ("reshape", reshape)):
        if not isinstance(value, (int, np.bool_)):
            raise TypeError(f"{name} must be True or False, not {value!r}.")
    folder = os.path.join(_HERE, os.path.expanduser(data_dir))
    parts, source, generated = _find_digits(folder)
    arrays, sums = map(list, zip(*[parts.pop(name) for name in SHA256]))
    for images, labels in (arrays[:2], arrays[2:]):
        if len(images) != len(labels):
            raise ValueError(f"In {source}, {len(images):,} images and {len(labels):,} labels do"
                             " not belong together: take both from the same set.")
    size = _whole_number("validation_size", validation_size, 0, len(arrays[0]) - 1)
    images, labels = _prepare(*arrays[:2], one_hot, reshape)
    del arrays[:2]  # 47 MB that nobody needs any more
    test = DataSet(*_prepare(*arrays, one_hot, reshape), seed=SEED)
    train = DataSet(images[size:], labels[size:], SEED)
    validation = DataSet(images[:size], labels[:size], SEED) if size else None
    checksum = hashlib.sha256("".join(sums).encode()).hexdigest()[:12]
    latest = Datasets(train, test, validation, source, generated, checksum)
    return latest


def _prepare(images, labels, one_hot, reshape):
    """Scales uint8 images to float32 in [0, 1] in one pass, and encodes the labels."""
    # TensorFlow feeds an array without a copy where its memory begins at a multiple of 64 bytes.
    memory = np.empty(images.size + 16, np.float32)
    start = -memory.ctypes.data % 64 // 4
    scaled = memory[start:start + images.size].reshape(images.shape)
    np.divide(images, 255, out=scaled, dtype=np.float32)
    labels = np.eye(10, dtype=np.float32)[labels] if one_hot else labels.astype(np.int64)
    return scaled.reshape([-1, 784] if reshape else [-1, 28, 28, 1]), labels


def _whole_number(name, value, lowest, highest):
    """Checks an argument; True and 2.5 are no whole numbers, NumPy's integers are."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or not lowest <= value <= highest:
        raise ValueError(f"{name} must be a whole number from {lowest:,} to {highest:,}, not"
                         f" {value!r}.")
    return int(value)


def _write(text):
    """Writes to standard error; that it is closed, full or none at all ends no training."""
    with contextlib.suppress(Exception):
        sys.stderr.write(text)
        sys.stderr.flush()


def _say(text):
    """Prints a notice on one line; what servers and files are called cannot steer the terminal."""
    _write("mnistdata: " + "".join(c if c.isprintable() else "?" for c in text) + "\n")


# ---------- The places where digits may be ----------

class _Damaged(ValueError):
    """A file that is worth nothing: empty, a web page, truncated. A download may replace it."""


def _find_digits(folder):
    """Returns {name: (uint8 array, sum)}, where they are from, and whether they were generated."""
    shared = os.environ.get("MNIST_DATA")
    folder = _shared_folder(shared) if shared else folder
    parts, problems, unused = _read_folder(folder)
    foreign = [name for name in parts if parts[name][1] != SHA256[name]]
    if len(parts) == len(SHA256):
        if foreign:
            cure = "unset MNIST_DATA" if shared else "move them away"
            _say(f"the digits in {folder} are not the original MNIST (other content:"
                 f" {', '.join(foreign)}). They are used; {cure} to have MNIST.")
        return parts, folder, False
    paths = [os.path.join(folder, "mnist.npz")]
    if not shared:
        keras = os.path.expanduser(os.environ.get("KERAS_HOME") or "~/.keras")
        paths.append(os.path.join(keras, "datasets", "mnist.npz"))
    for path in paths:
        copy = _read_npz(path, problems)
        if copy:
            break
    missing = [name for name in SHA256 if name not in parts]
    reasons = [str(error) for error in problems.values()] + unused
    if shared and not copy:
        raise (ValueError if problems else FileNotFoundError)(
            f"MNIST_DATA names the folder {folder}, where {missing[0]} is missing or wrong. "
            + " ".join(reasons + [_ADVICE]))
    for reason in reasons:
        _say(reason)
    if copy:
        return copy, path, False
    # Files that are not MNIST's own are somebody's, and so is all that lies beside them.
    foreign += [os.path.basename(path) for path, error in problems.items()
                if _name_of(path) and not isinstance(error, _Damaged)]
    if foreign:
        _say(f"{', '.join(foreign)} in {folder} is left as it is. MNIST is used instead, and not"
             " kept there; move that away to have it kept.")
    parts = {name: parts[name] for name in parts if name not in foreign}
    notice = _download(parts, None if foreign else folder, list(problems))
    return _generated_digits(folder, notice) if len(parts) < len(SHA256) else (parts, folder, False)


def _shared_folder(value):
    """Returns the folder that MNIST_DATA names."""
    folder = os.path.abspath(os.path.expanduser(value))
    if os.path.isdir(folder) and os.access(folder, os.R_OK | os.X_OK):
        return folder
    problem = "which does not exist"
    if os.path.exists(folder):
        problem = "which is no folder that can be read"
    elif value != value.strip().strip("\"'“”"):
        problem = "with quotes or a blank at an end that do not belong there"
    raise FileNotFoundError(f"MNIST_DATA names the folder {folder}, {problem}. {_ADVICE}")


def _read_folder(folder):
    """Returns {name: (array, sum)}, {path: what is wrong}, and a sentence on what is not used."""
    parts, problems, unused = {}, {}, []
    for pattern in ("*", "*/*", "MNIST/raw/*"):
        for path in sorted(glob.glob(os.path.join(glob.escape(folder), pattern))):
            name, parent = _name_of(path), os.path.dirname(path)
            # 7-Zip unpacks each file into a folder of its own, torchvision has them in MNIST/raw.
            here = pattern == "*" or _name_of(parent) == name or parent.endswith("raw")
            if name and here and name not in parts:
                # Several forms of a file may stand side by side; the first right one is taken.
                try:
                    parts[name] = _parse_idx(name, _read_file(path), path)
                except (OSError, ValueError) as error:
                    problems[path] = ValueError(str(error)) if os.path.islink(path) else error
            elif name is None and pattern == "*":
                unused.append(os.path.basename(path))
    problems = {path: error for path, error in problems.items() if _name_of(path) not in parts}
    # What the loader and the panels keep there themselves is not named.
    own = _GENERATED_NAME, "mnist.npz", "last_run", "own_digits", "raw", "MNIST"
    unused = [entry for entry in unused if not entry.startswith(own) and entry[-5:] != ".part"]
    names = ", ".join(unused[:10]) + ", ..." * (len(unused) > 10)
    return parts, problems, [f"Not used in {folder}: {names}."] * bool(unused)


def _name_of(path):
    """The one of the four files that, say, TRAIN-IMAGES.IDX3-UBYTE.GZ must be, or None."""
    words = os.path.basename(path).lower().replace(".", "-").replace("_", "-")
    return next((name for name in SHA256 if words in (name, name + "-gz")), None)


def _read_file(path):
    """Returns the uncompressed content of a file."""
    if not os.path.isfile(path):
        raise ValueError(f"{path} is a folder, a pipe or a link to nothing, not a file.")
    with open(path, "rb") as file:
        return _unpack(file.read(_UNPACKED + 1), path)


def _unpack(packed, where):
    """Returns what a file holds, gzipped or not; no more is unpacked than may be."""
    gzipped, content = packed.startswith(_GZIP), packed
    if gzipped:
        unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
        try:
            content = unpacker.decompress(packed[:_PACKED], _UNPACKED + 1)
        except zlib.error:
            content = b""
    if len(content) > _UNPACKED or gzipped and len(packed) > _PACKED:
        raise ValueError(f"{where} has more than 16 MB, or 48 MB unpacked; MNIST's largest file"
                         " has 10 and 47.")
    if gzipped and not unpacker.eof:
        raise _Damaged(f"{where} is a truncated or damaged gzip file.")
    return content


def _parse_idx(name, content, where):
    """Checks a file of the IDX format; returns its uint8 array, and its SHA-256 sum."""
    kind, dims = ("images", 3) if "images" in name else ("labels", 1)
    header, magic = 4 + 4 * dims, struct.pack(">I", 2048 + dims)
    if not content:
        raise _Damaged(f"{where} is empty.")
    if content[:200].lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        raise _Damaged(f"{where} is a web page (a hotel's or a firewall's sign-in page, perhaps).")
    if len(content) < header or not content.startswith(magic):
        raise ValueError(f"{where} is no IDX file of {kind} (magic number {2048 + dims}): its first"
                         f" bytes are {content[:4].hex()}.")
    shape = struct.unpack(f">{dims}I", content[4:header])
    expected = header + shape[0] * (shape[1] * shape[2] if dims == 3 else 1)
    if shape[0] < 1 or len(content) != expected:
        raise _Damaged(f"{where} announces {shape[0]:,} {kind}, which take {expected:,} bytes;"
                       f" found {len(content):,} bytes.")
    if dims == 3 and shape[1:] != (28, 28):
        raise ValueError(f"{where} holds images of {shape[1]} x {shape[2]}; expected 28 x 28.")
    array = np.frombuffer(content, np.uint8, offset=header).reshape(shape)
    if dims == 1 and array.max() > 9:
        raise ValueError(f"{where} holds the label {array.max()}; expected labels from 0 to 9.")
    return array, _sum(array)


def _sum(array):
    """The SHA-256 sum of the IDX file that holds an array."""
    header = struct.pack(f">{1 + array.ndim}I", 2048 + array.ndim, *array.shape)
    return hashlib.sha256(b"".join([header, np.ascontiguousarray(array)])).hexdigest()


def _read_npz(path, problems, train=60000, test=10000, drawing=None):
    """Reads a file of np.savez with so many digits, of our drawing or else MNIST's own.

    Returns None where there is none, or a wrong one; problems then says why.
    """
    if not os.path.isfile(path):
        return None
    parts = {}
    try:
        with np.load(path, allow_pickle=False) as file:
            if drawing and drawing not in file:
                raise ValueError("its digits are not this version's")
            shapes = (train, 28, 28), (train,), (test, 28, 28), (test,)
            for name, key, shape in zip(SHA256, _NPZ_KEYS, shapes):
                array = file[key]
                if array.dtype != np.uint8 or array.shape != shape:
                    raise ValueError(f"{key} is {array.dtype} {list(array.shape)} and has to be"
                                     f" uint8 {list(shape)}")
                parts[name] = array, _sum(array)
                if drawing is None and parts[name][1] != SHA256[name]:
                    raise ValueError(f"{key} is not the original MNIST's")
        return parts
    except Exception as error:  # NumPy, zipfile and zlib each raise their own.
        problems[path] = ValueError(f"{path} cannot be used ({error}).")
        return None


# ---------- Download ----------

def _download(parts, folder, damaged):
    """Adds the files that are missing to parts, and keeps them in a folder, unless it is None.

    Returns words on why they did not come, and on what helps.
    """
    notice = "No mirror gave MNIST's files", "connect to the network, or sign in to it,"
    missing = [name for name in SHA256 if name not in parts]
    mirrors = list(MIRRORS)
    context = None  # the system's certificates
    patience = 6 * TIMEOUT
    while missing and mirrors and patience > TIMEOUT:
        name, way, begun = missing[0], "", time.monotonic()
        url = mirrors[0].rstrip("/") + "/" + name + ".gz"
        try:
            proxies, way = _proxies_for(url)
            _say(f"Downloading {url}{way}")
            packed = _fetch(url, proxies, context, min(2 * TIMEOUT, patience - TIMEOUT))
            part = _parse_idx(name, _unpack(packed, "the file"), "the file")
            if part[1] != SHA256[name]:
                raise ValueError("its content is not MNIST's (the SHA-256 sum differs)")
        except Exception as error:  # Odd answers raise all kinds of errors.
            _say(f"{url} failed{way}: {_reason(error)}")
            patience -= min(time.monotonic() - begun, 3 * TIMEOUT)
            if way:
                notice = "No mirror gave MNIST's files" + way, "see that this proxy works"
            if isinstance(getattr(error, "reason", None), ssl.SSLCertVerificationError):
                notice = "The mirrors' certificates could not be verified", (
                    "on a Mac run \"Install Certificates.command\"; elsewhere pip install certifi,"
                    " check the clock, or set SSL_CERT_FILE to your firewall's certificate")
                with contextlib.suppress(ImportError, OSError):
                    import certifi
                    if context is None:
                        context = ssl.create_default_context(cafile=certifi.where())
                        _say("trying once more with the certificates of the package certifi.")
                        continue
            del mirrors[0]  # It is not asked again: a dead network costs seconds.
        else:
            parts[missing.pop(0)] = part
            wrong = [path for path in damaged if _name_of(path) == name]
            if folder and not _keep(folder, name + ".gz", packed, wrong):
                folder = None  # One notice is enough.
    return notice


def _proxies_for(url):
    """Returns urllib's proxies, None where they are of no use, and words that tell no password."""
    request = urllib.request.Request(url)
    proxies = urllib.request.getproxies()
    proxy = proxies.get(request.type) or proxies.get("all")
    if not proxy or urllib.request.proxy_bypass(request.host):
        return {}, ""
    parts = re.fullmatch(r"(\w+://)?([^/?#]*@)?((?:[\w.-]+|\[[\da-fA-F:.]+\])(?::\d+)?)/?", proxy)
    if not parts:
        return None, " through the proxy of the settings"
    http = (parts[1] or "http://").lower() in ("http://", "https://")
    return {request.type: proxy} if http else None, f" through the proxy {parts[1] or ''}{parts[3]}"


def _reason(error):
    """Says why a download failed, in one sentence."""
    error = error.reason if type(error) is urllib.error.URLError else error
    text = str(getattr(error, "strerror", None) or error)
    if isinstance(error, urllib.error.HTTPError):
        text = f"the server answered {error.code} {error.reason}"
        if error.headers.get("Location"):
            text += f" and points to {error.headers['Location']} (a sign-in page, perhaps)"
    elif isinstance(error, socket.gaierror):
        text = "the host's name is not known here (no network?)"
    elif not isinstance(error, (OSError, ValueError)):
        text = f"the server's answer makes no sense ({type(error).__name__})"
    # A server's words may be long; _say takes what is not printable out of them.
    return " ".join(text.split())[:200].rstrip(".") + "."


def _fetch(url, proxies, context, patience):
    """Returns what a mirror sends, drawing a bar; raises an error where it is too slow.

    A socket's time-out bounds its silences only, not a name look-up, nor headers without an end, so
    a thread receives, which can be left whatever it waits for. (Keras's get_file has no time-out,
    leaves half files and checks no sums on TensorFlow 1.15.)
    """
    if proxies is None:
        raise ValueError("Python's standard library needs one such as http://host:port, no SOCKS")
    request = urllib.request.Request(url, headers={"User-Agent": "mnistdata"})
    opener = urllib.request.OpenerDirector()
    # None for redirects: urllib would read the body of one, however long it is.
    for handler in (urllib.request.ProxyHandler(proxies),
                    urllib.request.HTTPHandler(), urllib.request.HTTPSHandler(context=context),
                    urllib.request.UnknownHandler(), urllib.request.HTTPErrorProcessor(),
                    urllib.request.HTTPDefaultErrorHandler()):
        opener.add_handler(handler)
    packed, announced, failure = bytearray(), 0, None

    def receive():
        nonlocal announced, failure
        try:
            with opener.open(request, timeout=TIMEOUT) as response:
                announced = response.length or 0
                step = response.read1(1 << 14)
                # What is no gzip file is left at its first bytes.
                while step and _GZIP.startswith(packed[:2]) and len(packed) <= _PACKED:
                    packed.extend(step)
                    step = response.read1(1 << 14)
            if not step and len(packed) < announced:
                raise ValueError(f"the connection broke after {len(packed):,} bytes")
        except BaseException as error:
            failure = error

    thread = threading.Thread(target=receive, daemon=True)
    thread.start()
    shown = 0
    # The first byte has to come in time; from then on, so many bytes in each TIMEOUT seconds.
    goal, deadline = 1, time.monotonic() + patience
    try:
        while thread.is_alive():
            thread.join(TIMEOUT / 100)
            done = len(packed)
            drawn = len(_BAR) * done // (announced or 1 << 40)
            _write(_BAR[shown:drawn])
            shown = drawn
            if done >= goal:
                goal, deadline = done + SLOWEST * TIMEOUT, time.monotonic() + TIMEOUT
            elif time.monotonic() > deadline:
                raise ValueError(f"it gives less than {SLOWEST // 1000} kB a second" if done
                                 else "no answer in time")
    finally:
        _write(f" ({len(packed) / 1e6:.1f} MB)\n" * bool(shown))
        if thread.is_alive():
            # It ends where it is: headers without an end would keep it busy for ever.
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit))
    if failure:
        raise failure
    return bytes(packed)


def _keep(folder, name, content, damaged=()):
    """Writes a file that is there whole or not at all; returns False where that cannot be."""
    path = os.path.join(folder, name)
    # A name of our own: mkstemp tries 2^31 of them in a folder that Windows denies.
    part = f"{path}-{os.urandom(8).hex()}.part"
    try:
        os.makedirs(folder, exist_ok=True)
        with open(part, "xb") as file:  # x is O_EXCL: nothing is overwritten, no link followed.
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        for other in [*damaged, *glob.glob(glob.escape(path) + "-*.part")]:
            # A loader that was killed has left the old ones; a live one writes for a moment only.
            with contextlib.suppress(OSError):
                if other in damaged or time.time() - os.path.getmtime(other) > 60:
                    os.remove(other)
        os.replace(part, path)
        return True
    except OSError as error:
        _say(f"The digits, used all the same, cannot be kept in {folder} ({error.strerror}).")
    finally:
        with contextlib.suppress(OSError):
            os.remove(part)
    return False


# ---------- Generated digits ----------

# How people write the digits: x y points in per cent of the height, y downward. A stroke is a
# smooth curve through its points, and "/" begins another one.
_TEMPLATES = """
0  35 0, 12 12, 2 45, 10 85, 34 100, 58 88, 68 52, 60 14, 35 0
0  48 8, 25 2, 6 30, 6 70, 26 98, 52 92, 66 60, 60 22, 40 4, 28 10
0  30 0, 14 20, 8 55, 18 92, 34 98, 46 76, 50 38, 42 8, 26 4
1  30 0, 28 50, 26 100
1  10 22, 30 0 / 30 0, 30 50, 30 100
1  12 18, 32 0 / 32 0, 32 100 / 8 100, 56 100
2  6 22, 18 4, 42 0, 58 16, 52 42, 28 72, 4 98 / 4 98, 30 96, 66 98
2  8 20, 26 2, 50 6, 56 28, 40 60, 14 92, 8 82, 22 78, 44 94, 68 92
2  4 14, 34 0, 56 20, 40 58, 6 100 / 6 100, 64 100
3  6 12, 30 0, 54 10, 52 32, 26 46 / 26 46, 56 56, 62 80, 36 100, 4 90
3  6 2, 58 2 / 58 2, 26 42 / 26 42, 58 54, 60 84, 32 100, 4 90
3  10 14, 32 0, 54 14, 44 38, 22 48, 34 50, 58 64, 54 90, 28 100, 4 86
4  14 2, 8 40, 10 58 / 10 58, 36 60, 66 54 / 52 10, 50 50, 46 100
4  46 0, 4 66 / 4 66, 66 66 / 46 0, 46 100
4  10 4, 4 36, 18 54, 48 48 / 56 2, 50 48, 42 100
5  58 2, 14 4 / 14 4, 8 44 / 8 44, 36 38, 62 58, 54 88, 26 100, 2 88
5  62 4, 26 4, 12 26, 24 44, 48 54, 56 76, 36 98, 4 92
5  12 6, 12 42, 40 40, 58 64, 46 92, 6 98 / 12 6, 60 2
6  48 2, 22 22, 6 58, 14 92, 40 100, 58 80, 48 58, 24 58, 8 76
6  36 0, 12 44, 4 76, 22 100, 48 92, 50 68, 28 58, 8 72
6  58 8, 30 8, 8 40, 4 76, 24 100, 50 92, 54 66, 34 54, 10 66
7  2 6, 62 4 / 62 4, 42 44, 26 100
7  4 4, 64 4 / 64 4, 40 50, 28 100 / 20 52, 58 50
7  4 22, 6 4 / 6 4, 36 8, 64 2 / 64 2, 46 40, 38 100
7  2 14, 24 2, 54 4, 56 18, 34 54, 22 100
8  52 12, 30 0, 10 14, 20 38, 46 58, 56 84, 32 100, 8 84, 18 60, 44 40, 54 16
8  32 48, 10 30, 16 6, 36 0, 54 14, 48 36, 32 48, 8 70, 12 94, 34 100, 58 88, 54 62, 32 48
8  56 8, 26 2, 10 22, 32 46, 54 68, 44 96, 18 96, 8 74, 32 48, 52 26, 58 8
9  54 16, 34 0, 8 14, 8 40, 32 48, 52 30, 56 8 / 56 8, 52 56, 46 100
9  52 14, 28 2, 6 22, 18 46, 44 40, 54 14, 54 56, 38 94, 10 96
9  50 22, 32 2, 10 12, 8 38, 30 46, 50 24 / 50 24, 36 62, 24 100
"""

_GENERATED_SEED = 1
_DRAWING = "drawing 1"  # goes up with every change of the digits
_BOX = 20  # pixels; MNIST's digits fill such a box and are centred by mass in 28 x 28
_CURVE_STEPS = 4  # pieces of a curve between two of its points
_CHUNK = 128  # digits drawn at a time, so that their pixels stay in the processor's cache


def _generated_digits(folder, notice):
    """Makes the digits, or reads the ones that were made before."""
    path = os.path.join(folder, _GENERATED_NAME)
    count, problems = _TRAINING_DIGITS, {}
    parts = _read_npz(path, problems, count, _TEST_DIGITS, _DRAWING)
    for reason in problems.values():
        _say(f"{reason} They are made anew.")
    if not parts:
        _say(f"making {count + _TEST_DIGITS:,} digits, which takes some seconds ...")
        images, labels = _draw_digits(count + _TEST_DIGITS)
        arrays = [images[:count], labels[:count], images[count:], labels[count:]]
        parts = {name: (array, _sum(array)) for name, array in zip(SHA256, arrays)}
        file = io.BytesIO()
        np.savez(file, **dict(zip((*_NPZ_KEYS, _DRAWING), arrays + [[]])))
        _keep(folder, _GENERATED_NAME, file.getbuffer())
    text = (f"THESE ARE GENERATED DIGITS, NOT MNIST. {notice[0]}, so 70,000 digits were drawn by"
            " this program. The lesson is the same, the accuracies are not. For MNIST:"
            f" {notice[1]} and start again, or set MNIST_DATA to a folder that has the four files"
            " (see install.txt).")
    lines = ["|  {:<72}  |\n".format(line) for line in textwrap.wrap(text, 72)]
    edge = "+" + "-" * 76 + "+\n"
    _write("\n" + edge + "".join(lines) + edge)
    return parts, path, True


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
    templates = [line.split(None, 1) for line in _TEMPLATES.strip().splitlines()]
    jobs = []
    for number, (digit, strokes) in enumerate(templates):
        variants = [k for k, template in enumerate(templates) if template[0] == digit]
        rows = np.flatnonzero((labels == int(digit))
                              & (choice % len(variants) == variants.index(number)))
        curve = _curve(strokes)
        for start in range(0, len(rows), _CHUNK):
            jobs.append((curve, rows[start:start + _CHUNK], [_GENERATED_SEED, number, start]))

    def draw(curve, rows, seed):
        images[rows] = _draw_template(*curve, len(rows), np.random.RandomState(seed))

    # NumPy lets several threads compute at the same time.
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(draw, *zip(*jobs)))
    return images, labels


def _draw_template(points, weights, segments, n, random):
    """Draws n variations of a template, uint8 [n, 28, 28]."""
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

    reach = radius.astype(np.float32)[:, :, None] + np.float32(0.5)
    ink = np.clip(reach - _distance(x, y, segments), 0, 1)
    return _centred((ink * np.float32(255) + np.float32(0.5)).astype(np.uint8))


def _normal(random, shape):
    """Numbers that are nearly normally distributed and at most 3, made by adding alone."""
    total = random.uniform(-1, 1, shape)
    return total + random.uniform(-1, 1, shape) + random.uniform(-1, 1, shape)


def _curve(strokes):
    """Returns a template's points [p, 2], weights [v, p] that give the curves' vertices from them,
    and the pairs of vertices that are segments.
    """
    points, rows, segments = [], [], []
    for stroke in strokes.split("/"):
        corners = [tuple(float(number) for number in point.split()) for point in stroke.split(",")]
        indices = []
        for point in corners:
            # A point that two strokes share is one point, so that they stay together.
            new = point not in points or point in [points[k] for k in indices]
            indices.append(len(points) if new else points.index(point))
            points += [point] * new
        if len(indices) == 2:  # A straight stroke gets a point in its middle, to bend there.
            indices.insert(1, len(points))
            points.append(tuple(np.mean(corners, axis=0)))
        # A Catmull-Rom spline, its ends doubled.
        padded = [indices[0]] + indices + [indices[-1]]
        for k in range(len(indices) - 1):
            for step in range(_CURVE_STEPS + (k == len(indices) - 2)):
                u = step / _CURVE_STEPS
                if step or k:
                    segments.append((len(rows) - 1, len(rows)))
                rows.append(np.zeros(40))  # more than any template has points
                np.add.at(rows[-1], padded[k:k + 4], [
                    -u / 2 + u * u - u ** 3 / 2, 1 - 2.5 * u * u + 1.5 * u ** 3,
                    u / 2 + 2 * u * u - 1.5 * u ** 3, (u ** 3 - u * u) / 2])
    return np.array(points), np.array(rows)[:, :len(points)], segments


def _distance(x, y, segments):
    """The distance of each pixel of the box to the nearest segment, float32 [n, 20, 20]."""
    centres = np.arange(_BOX, dtype=np.float32) + np.float32(0.5)
    nearest = np.full([len(x), _BOX, _BOX], 1e6, np.float32)
    for a, b in segments:
        dx, dy = x[:, b, None] - x[:, a, None], y[:, b, None] - y[:, a, None]
        px, py = centres - x[:, a, None], centres - y[:, a, None]
        squared = dx * dx + dy * dy + np.float32(1e-6)
        # along: how far along the segment the nearest point of it is, from 0 to 1.
        along = (px * (dx / squared))[:, None, :] + (py * (dy / squared))[:, :, None]
        # In place: new memory for every step takes longer than its sums.
        np.maximum(np.minimum(along, 1, out=along), 0, out=along)
        across = along * dx[:, :, None]
        across -= px[:, None, :]
        along *= dy[:, :, None]
        along -= py[:, :, None]
        across *= across
        along *= along
        across += along
        np.minimum(nearest, across, out=nearest)
    return np.sqrt(nearest)


def _centred(boxes):
    """Puts pictures [n, 20, 20] into [n, 28, 28] so that their centre of mass is in the middle."""
    mass = boxes.astype(np.int64)
    total = mass.sum(axis=(1, 2))
    place = np.arange(_BOX)
    corner = []
    for axis in (1, 2):
        middle = (mass.sum(axis=3 - axis) * (2 * place + 1)).sum(axis=1) / (2 * total)
        corner.append(np.clip(np.rint(14 - middle), 0, 8).astype(np.int64))
    images = np.zeros([len(boxes), 28, 28], np.uint8)
    images[np.arange(len(boxes))[:, None, None], corner[0][:, None, None] + place[:, None],
           corner[1][:, None, None] + place] = boxes
    return images
