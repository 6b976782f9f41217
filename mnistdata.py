"""MNIST digits for the scripts of this series: found, downloaded or, with no network, generated.

    mnist = mnistdata.read_data_sets("data", one_hot=True, reshape=False, validation_size=0)
    batch_X, batch_Y = mnist.train.next_batch(100)

The digits come from the first of these places that has them:

1. the folder that the environment variable MNIST_DATA names (nothing is downloaded then),
2. the data folder beside the scripts,
3. the copy that Keras keeps, ~/.keras/datasets/mnist.npz,
4. a download from one of the MIRRORS,
5. generated digits, made on the spot, where no mirror answers.

MNIST was made by Yann LeCun, Corinna Cortes and Christopher Burges; the format of its files, IDX,
is described at http://yann.lecun.com/exdb/mnist/.
"""

import collections
import contextlib
import errno
import glob
import hashlib
import http.client
import io
import os
import socket
import ssl
import struct
import sys
import textwrap
import threading
import time
import types
import urllib.error
import urllib.request
import zipfile
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
SHA256 = collections.OrderedDict([
    ("train-images-idx3-ubyte", "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
    ("train-labels-idx1-ubyte", "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
    ("t10k-images-idx3-ubyte", "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
    ("t10k-labels-idx1-ubyte", "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
])

# No file is read or unpacked beyond these sizes; the largest one has 9.9 MB, and 47 unpacked.
_PACKED = 16 * 10 ** 6
_UNPACKED = 48 * 10 ** 6
_TRAINING_DIGITS = 60000
_TEST_DIGITS = 10000
_MAGIC = {3: 2051, 1: 2049}  # of images and labels, by the dimensions of their arrays
_HERE = os.path.dirname(os.path.abspath(__file__))
_GENERATED_NAME = "generated-digits.npz"
_NPZ_KEYS = ("x_train", "y_train", "x_test", "y_test")
_KERAS_FALLBACK = "/tmp/.keras"  # where Keras keeps its copy if the home folder is not writable

latest = None  # the Datasets that were read last, for the window's title
_batch_lock = threading.Lock()  # the module's, so that a DataSet can be copied and pickled


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
        self._rows = np.empty(0, np.int64)  # those that come next
        self._drawn = 0

    @property
    def num_examples(self):
        """The number of images."""
        return len(self.images)

    def next_batch(self, batch_size):
        """Returns the next batch_size images and their labels, each digit once an epoch.

        The order is a new one in every epoch. A batch that reaches the end of an epoch takes the
        rest from the next one. Several threads may ask at the same time. Raises ValueError where
        batch_size is no whole number from 1 to the number of images.
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


class Datasets(collections.namedtuple("Datasets", "train test validation source generated")):
    """The sets that read_data_sets returns.

    train, test  a DataSet each (60,000 and 10,000 digits, where they are MNIST's)
    validation   a DataSet, or None where validation_size is 0
    source       the file or folder that the digits were read from
    generated    True where they are generated digits, not MNIST
    """


def read_data_sets(data_dir, one_hot=True, reshape=False, validation_size=0):
    """Reads the digits, downloading or generating them where they are not here yet.

    data_dir         the folder that keeps them; a relative one lies beside this module
    one_hot          labels as float32 [n, 10] instead of integer classes [n]
    reshape          images as [n, 784] instead of [n, 28, 28, 1]
    validation_size  so many digits, taken from the front of the training digits, become .validation

    Returns a Datasets. Raises FileNotFoundError for a missing folder or file, and ValueError for a
    file that is not what it should be or an argument out of range; each message says what to do.
    A data_dir that cannot be read or written is no error.
    """
    global latest
    folder = os.path.join(_HERE, os.path.expanduser(data_dir))
    arrays, source, generated = _find_digits(folder)
    size = _whole_number("validation_size", validation_size, 0, len(arrays[0]) - 1)
    images, labels = _prepare(*arrays[:2], one_hot, reshape)
    del arrays[:2]  # 47 MB that nobody needs any more
    test = DataSet(*_prepare(*arrays, one_hot, reshape), seed=SEED)
    train = DataSet(images[size:], labels[size:], SEED)
    validation = DataSet(images[:size], labels[:size], SEED) if size else None
    latest = Datasets(train, test, validation, source, generated)
    return latest


def _prepare(images, labels, one_hot, reshape):
    """Scales uint8 images to float32 in [0, 1] in one pass, and encodes the labels."""
    scaled = np.empty(images.shape, np.float32)
    np.divide(images, np.float32(255), out=scaled, dtype=np.float32)
    labels = np.eye(10, dtype=np.float32)[labels] if one_hot else labels.astype(np.int64)
    return scaled.reshape([-1, 784] if reshape else [-1, 28, 28, 1]), labels


def _whole_number(name, value, lowest, highest):
    """Checks an argument; True and 2.5 are no whole numbers, NumPy's integers are."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or not lowest <= value <= highest:
        raise ValueError("{} must be a whole number from {:,} to {:,}, not {!r}.".format(
            name, lowest, highest, value))
    return int(value)


def _write(text):
    """Writes to standard error, where there is one; standard output is the scripts' own."""
    with contextlib.suppress(AttributeError, OSError, ValueError):
        sys.stderr.write(text)
        sys.stderr.flush()


def _say(text):
    """Prints a notice on one line; what servers and files are called cannot steer the terminal."""
    _write("mnistdata: " + "".join(c if c.isprintable() else "?" for c in text) + "\n")


# ---------- The places where digits may be ----------

def _find_digits(folder):
    """Returns the four uint8 arrays, where they are from, and whether they were generated."""
    if os.environ.get("MNIST_DATA"):
        return _read_shared_folder(os.environ["MNIST_DATA"])
    _remove_stale_parts(folder)
    parts, damaged, unused = _read_folder(folder)
    if len(parts) == len(SHA256):
        return _digits(parts, folder)
    for reason in list(damaged.values()) + [unused] * bool(unused):
        _say(reason.strip())
    missing = [name for name in SHA256 if name not in parts]
    foreign = [name for name in parts if not _is_original(name, parts[name][0])]
    for home in (os.environ.get("KERAS_HOME") or "~/.keras", _KERAS_FALLBACK):
        raw = _read_keras_copy(os.path.join(os.path.expanduser(home), "datasets", "mnist.npz"))
        if raw is not None:
            if foreign:
                _say(f"{raw[1]} is used: the set in {folder} is another one and incomplete.")
            return raw
    if foreign:
        raise FileNotFoundError(
            f"{', '.join(foreign)} in {folder} is not MNIST's own, and {', '.join(missing)} is"
            " missing or damaged there; MNIST's files are not mixed with another set's. Complete"
            " that set, or move it away to have MNIST downloaded." + unused)
    content, notice = _download(missing, folder, damaged)
    if content is None:
        return _generated_digits(folder, notice)
    return _digits(dict(parts, **content), folder)


def _read_shared_folder(value):
    """Reads the folder of MNIST_DATA, where anything missing or wrong is an error."""
    folder = os.path.abspath(os.path.expanduser(value))
    advice = (" Put the four MNIST files there, gzipped or not, or unset MNIST_DATA to have them"
              " downloaded.")
    if not os.path.isdir(folder):
        problem = "which does not exist"
        if os.path.exists(folder):
            problem = "which is a file"
        elif value != value.strip(" \t\"'"):
            problem = "with quotes or a blank at an end that do not belong there"
        raise FileNotFoundError(f"MNIST_DATA names the folder {folder}, {problem}." + advice)
    parts, damaged, unused = _read_folder(folder)
    for reason in damaged.values():
        raise ValueError("MNIST_DATA: " + reason + unused + advice)
    for name in [name for name in SHA256 if name not in parts]:
        raise FileNotFoundError(f"MNIST_DATA names the folder {folder}, where {name} (or {name}.gz)"
                                " is missing." + unused + advice)
    return _digits(parts, folder)


def _read_folder(folder):
    """Reads the files of a folder, also under names that are only similar.

    Returns {name: (content, array)}, {path: what is wrong with it}, and a sentence that names what
    is not used.
    """
    parts, damaged, unused = {}, {}, []
    if os.path.isdir(folder) and not os.access(folder, os.R_OK | os.X_OK):
        damaged[folder] = "The folder {} cannot be read: make it readable.".format(folder)
    for pattern in ("*", "*/*", "MNIST/raw/*"):
        for path in sorted(glob.glob(os.path.join(glob.escape(folder), pattern))):
            name = _name_of(path)
            # 7-Zip unpacks each file into a folder of its own, torchvision has them in MNIST/raw.
            parent = os.path.dirname(path)
            if pattern != "*" and _name_of(parent) != name and not parent.endswith("raw"):
                continue
            if name is None:
                unused.append(os.path.basename(path))
            elif name not in parts:
                # Several forms of a file may stand side by side; the first right one is taken.
                try:
                    content = _read_file(path)
                    parts[name] = content, _parse_idx(name, content, path)
                except ValueError as error:
                    damaged[path] = str(error)
    damaged = {path: reason for path, reason in damaged.items() if _name_of(path) not in parts}
    # What the loader and the panels keep there themselves is not named.
    own = (_GENERATED_NAME, "last_run", "raw", "MNIST")
    unused = [entry for entry in unused if not entry.startswith(own) and ".damaged" not in entry]
    names = ", ".join(unused[:10]) + ", ..." * (len(unused) > 10)
    return parts, damaged, " Not used in {}: {}.".format(folder, names) if names else ""


def _name_of(path):
    """The one of the four files that, say, TRAIN-IMAGES.IDX3-UBYTE.GZ must be, or None."""
    words = os.path.basename(path).lower().replace(".", "-").replace("_", "-")
    return next((name for name in SHA256 if words in (name, name + "-gz")), None)


def _read_file(path):
    """Returns the uncompressed content of a file."""
    if not os.path.isfile(path):
        raise ValueError("{} is a folder, a pipe or a link to nothing, not a file.".format(path))
    try:
        with _insist(open, path, "rb") as file:
            content = file.read(_UNPACKED + 1)
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}): make it readable.") from None
    return _unpack(content, path)


def _insist(action, *arguments):
    """Calls a function of the file system; a virus scanner may hold a file for a moment."""
    for pause in (0.05, 0.15, 0.3):
        with contextlib.suppress(PermissionError):
            return action(*arguments)
        time.sleep(pause)
    return action(*arguments)


def _unpack(content, where):
    """Uncompresses the content of a file where its first two bytes are gzip's."""
    if content.startswith(b"\x1f\x8b"):
        unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
        unpacked = b""
        with contextlib.suppress(zlib.error):
            unpacked = unpacker.decompress(content, _UNPACKED + 1)
        if not unpacker.eof and len(unpacked) <= _UNPACKED:
            raise ValueError(f"{where} is a truncated or damaged gzip file.")
        content = unpacked
    if len(content) > _UNPACKED:
        raise ValueError("{} holds more than 48 MB; MNIST's largest file has 47.".format(where))
    return content


def _kind(content):
    """Names what a file that is no data file seems to be."""
    if not content:
        return "empty"
    start = content[:200].lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return "a web page (a hotel's or a firewall's sign-in page, perhaps)"
    return "something else (its first bytes are {})".format(bytes(content[:4]).hex())


def _parse_idx(name, content, where):
    """Checks a file of the IDX format and returns its bytes as a uint8 array, not copied."""
    kind, dims = ("images", 3) if "images" in name else ("labels", 1)
    header = 4 + 4 * dims
    if len(content) < header or struct.unpack(">I", content[:4])[0] != _MAGIC[dims]:
        raise ValueError(f"{where} is {_kind(content)}, not an IDX file of {kind} (magic number"
                         f" {_MAGIC[dims]}).")
    shape = struct.unpack(">{}I".format(dims), content[4:header])
    if dims == 3 and shape[1:] != (28, 28):
        raise ValueError(f"{where} holds images of {shape[1]} x {shape[2]}; expected 28 x 28.")
    expected = header + shape[0] * (784 if dims == 3 else 1)
    if shape[0] < 1 or len(content) != expected:
        raise ValueError(f"{where} announces {shape[0]:,} {kind}, which take {expected:,} bytes;"
                         f" found {len(content):,} bytes.")
    array = np.frombuffer(content, np.uint8, offset=header).reshape(shape)
    if dims == 1 and array.max() > 9:
        raise ValueError(f"{where} holds the label {array.max()}; expected labels from 0 to 9.")
    return array


def _digits(parts, source):
    """Puts the four files together and says so where they are not the original MNIST."""
    names = list(SHA256)
    arrays = [parts[name][1] for name in names]
    for k in (0, 2):
        if len(arrays[k]) != len(arrays[k + 1]):
            raise ValueError(
                f"In {source}, {names[k]} holds {len(arrays[k]):,} images but {names[k + 1]} holds"
                f" {len(arrays[k + 1]):,} labels: they do not belong together. Take both from the"
                " same set, or move them away to have MNIST downloaded.")
    foreign = [name for name in names if not _is_original(name, parts[name][0])]
    if foreign:
        _say(f"the digits in {source} are not the original MNIST (other content: "
             f"{', '.join(foreign)}). They are used; move them away to have MNIST downloaded.")
    return arrays, source, False


def _is_original(name, content):
    return hashlib.sha256(content).hexdigest() == SHA256[name]


def _read_keras_copy(path):
    """Returns the digits of a file that Keras keeps, or None where it is missing or wrong."""
    arrays = _read_npz(path, _NPZ_KEYS)
    for name, array in zip(SHA256, arrays or ()):
        # The sums are those of the IDX files, so the file's header goes in front of the pixels.
        header = struct.pack(">{}I".format(1 + array.ndim), _MAGIC[array.ndim], *array.shape)
        if not _is_original(name, header + array.tobytes()):
            _say("{} is not the original MNIST ({} differs); it is passed over.".format(path, name))
            return None
    return (arrays, path, False) if arrays else None


def _read_npz(path, keys):
    """Reads uint8 images (keys with an x) and numbers below 10 from a file, if it is right."""
    if not os.path.isfile(path):
        return None
    arrays = []
    try:
        with zipfile.ZipFile(path) as file:
            for key in keys:
                with file.open(key + ".npy") as member:
                    content = member.read(_UNPACKED + 1)
                if len(content) > _UNPACKED:
                    raise ValueError("{} has more than 48 MB".format(key))
                array = np.load(io.BytesIO(content), allow_pickle=False)
                shape = (28, 28) if key.startswith("x") else ()
                if array.dtype != np.uint8 or array.ndim < 1 or array.shape[1:] != shape or (
                        not shape and array.max() > 9):
                    raise ValueError("{} is {} {}; expected uint8 {}, and labels below 10".format(
                        key, array.dtype, list(array.shape), ["n", *shape]))
                arrays.append(array)
    except Exception as error:  # NumPy, zipfile and zlib each raise their own.
        _say("{} cannot be read ({}); it is passed over.".format(path, error))
        return None
    return arrays


# ---------- Download ----------

_CERTIFICATE_ADVICE = (
    'on a Mac with python.org\'s Python, run "Install Certificates.command"; elsewhere pip install'
    " certifi, see that the clock is right, or set SSL_CERT_FILE to your firewall's certificate")


def _download(names, folder, damaged):
    """Fetches files from the mirrors, as {name: (content, array)}, and keeps them in the folder.

    Where no mirror has them: None, and then what to say of it. A host that failed once is not asked
    again, so that a dead network costs seconds.
    """
    mirrors, parts = list(MIRRORS), {}
    notice = "No mirror gave MNIST's files", "connect to the network"
    context = None  # the system's certificates
    kept = True
    patience = 6 * TIMEOUT
    for name in names:
        while name not in parts:
            if not mirrors or patience <= TIMEOUT:
                return None, notice
            url = mirrors[0].rstrip("/") + "/" + name + ".gz"
            begun = time.monotonic()
            try:
                packed = _fetch(url, context, patience)
                content = _unpack(packed, "the file")
                array = _parse_idx(name, content, "the file")
                if not _is_original(name, content):
                    raise ValueError("its content is not MNIST's (the SHA-256 sum differs).")
                parts[name] = content, array
            except Exception as error:  # Odd answers raise all kinds of errors.
                _say("{} failed: {}".format(url, _reason(error)))
                patience -= min(time.monotonic() - begun, 3 * TIMEOUT)
                if isinstance(getattr(error, "reason", 0), ssl.SSLCertVerificationError):
                    notice = "The mirrors' certificates could not be verified", _CERTIFICATE_ADVICE
                    more = None if context else _more_certificates()
                    if more:
                        context = more
                        continue
                del mirrors[0]
                continue
            wrong = [path for path in damaged if _name_of(path) == name]
            kept = kept and _keep(os.path.join(folder, name + ".gz"),
                                  lambda file, packed=packed: file.write(packed), wrong)
    return parts, None


def _more_certificates():
    """The system's certificates with those of the package certifi, or None where it is missing."""
    with contextlib.suppress(ImportError, OSError):
        import certifi
        context = ssl.create_default_context()
        context.load_verify_locations(certifi.where())
        _say("trying once more with the certificates of the package certifi.")
        return context


# What a failed download is in plain words; {} is the error.
_REASONS = (
    (urllib.error.HTTPError, "the server answered {0.code} {0.reason}"),
    (ssl.SSLCertVerificationError, "its certificate cannot be verified ({0.verify_message})"),
    (ssl.SSLError, "no secure connection could be made ({0.reason})"),
    (socket.timeout, "no answer in time"),
    (socket.gaierror, "the host's name is not known here (no network?)"),
    ((http.client.HTTPException, UnicodeError, LookupError, AttributeError, TypeError),
     "the server's answer makes no sense ({0.__class__.__name__})"),
    (OSError, "{0.strerror}"),
    (object, "{0}"))


def _reason(error):
    """Says why a download failed, in one sentence."""
    if type(error) is urllib.error.URLError:
        error = error.reason
    text = next(text for kind, text in _REASONS if isinstance(error, kind))
    text = str(error) if text.format(error) == "None" else text.format(error)
    # A server's words may be long; _say takes what is not printable out of them.
    return " ".join(text.split())[:200].rstrip(".") + "."


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to web pages, but not from a secure connection to another kind."""

    def redirect_request(self, request, response, code, message, headers, url):
        response.close()  # Its body is not read, however long it is.
        if not url.startswith(("https:", request.type + ":")):
            raise ValueError("it sends us on to {}, which is not secure".format(url))
        return super().redirect_request(request, response, code, message, headers, url)


def _receive(url, context, transfer):
    """Fetches a URL into transfer; runs in a thread, which can be left behind at any moment.

    A socket's time-out bounds its silences only: a name look-up, a host with many addresses, and
    headers or trailers that never end take as long as they like. (Keras's get_file is no way out:
    it has no time-out, leaves half files, and checks no sums on TensorFlow 1.15.)
    """
    request = urllib.request.Request(url, headers={"User-Agent": "mnistdata"})
    try:
        # One of a host's addresses that drops packets leaves some of the time to the others.
        https = urllib.request.HTTPSHandler(context=context)
        opener = urllib.request.build_opener(https, _Redirects)
        with contextlib.closing(opener.open(request, timeout=TIMEOUT / 2)) as response:
            transfer.total = getattr(response, "length", None) or 0
            while max(transfer.total, len(transfer.content)) <= _PACKED and not transfer.left:
                chunk = response.read1(1 << 16)
                if not chunk:
                    break
                transfer.content += chunk
    except Exception as error:
        transfer.error = error


def _fetch(url, context, patience):
    """Returns what a URL holds, showing how far it is; raises an error where it takes too long."""
    _say("Downloading {}".format(url))
    # total is the size that is announced, 0 where none is, None before the body begins.
    transfer = types.SimpleNamespace(total=None, content=bytearray(), error=None, left=False)
    thread = threading.Thread(target=_receive, args=(url, context, transfer), daemon=True)
    progress = _Progress(os.path.basename(url))
    end = time.monotonic() + min(2 * TIMEOUT, patience - TIMEOUT)  # It has to begin until then.
    arrived = collections.deque(maxlen=101)  # bytes, at the last 101 looks
    thread.start()
    try:
        while thread.is_alive():
            thread.join(TIMEOUT / 100)
            if transfer.total is not None:
                arrived.append(len(transfer.content))
                progress.show(arrived[-1], transfer.total)
            elif time.monotonic() > end:
                raise socket.timeout()
            if len(arrived) == 101 and arrived[-1] - arrived[0] < SLOWEST * TIMEOUT:
                raise ValueError("it gives less than {} kB a second".format(SLOWEST // 1000))
    finally:
        transfer.left = True
        progress.end()
    if transfer.error:
        raise transfer.error
    if max(transfer.total, len(transfer.content)) > _PACKED:
        raise ValueError("it sends more than 16 MB; MNIST's largest file has 10")
    if len(transfer.content) < transfer.total:
        raise ValueError(f"the connection broke after {len(transfer.content):,} bytes")
    return bytes(transfer.content)


class _Progress:
    """A bar on a terminal; lines at a quarter, half and the end elsewhere."""

    def __init__(self, name):
        self._name, self._next, self._line = name, 0.25, ""

    def show(self, done, total):
        share = done / total if total else 0
        columns = 0
        with contextlib.suppress(AttributeError, OSError, ValueError):  # It is no terminal.
            columns = os.get_terminal_size(sys.stderr.fileno()).columns or 80
        line = "{} [{:<20}] {:.1f} MB".format(self._name, "#" * int(20 * share), done / 1e6)
        if columns and line != self._line:
            # The last column stays free: some terminals begin a new line after it.
            _write("\r" + line[:columns - 1])
            self._line = line
        elif not columns and share >= self._next:
            _say("{}: {:,} of {:,} bytes".format(self._name, done, total))
            self._next = 0.5 if share < 0.5 else 1 if share < 1 else 2

    def end(self):
        _write("\n" if self._line else "")


def _keep(path, write, damaged=()):
    """Has write(file) fill a file that is there whole or not at all; False where that cannot be."""
    folder = os.path.dirname(path)
    # A name of our own: mkstemp tries 2^31 of them in a folder that Windows denies.
    part = "{}-{}.part".format(path, os.urandom(8).hex())
    try:
        os.makedirs(folder, exist_ok=True)
        with open(part, "xb") as file:  # x is O_EXCL: nothing is overwritten, no link followed.
            write(file)
            file.flush()
            os.fsync(file.fileno())
        for other in sorted({path, *damaged}):
            _set_aside(other)
        _insist(os.replace, part, path)
        return True
    except (OSError, ValueError) as error:  # zipfile raises ValueError where a disk is full.
        advice = "make that folder writable"
        if isinstance(error, (FileExistsError, NotADirectoryError)):
            advice = "a file stands in the way of that folder, move it"
        elif getattr(error, "errno", 0) in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
            advice = "free some space there"
        reason = getattr(error, "strerror", None) or error
        _say(f"The digits, used all the same, cannot be kept in {folder} ({reason}): {advice}.")
        return False
    finally:
        with contextlib.suppress(OSError):
            os.remove(part)


def _set_aside(path):
    """Keeps what is no right file under another name, unless a loader was faster."""
    name = _name_of(path)
    with contextlib.suppress(ValueError):
        if name is None or _is_original(name, _read_file(path)):
            return
    free = path + ".damaged"
    while os.path.lexists(free):
        free = "{}.damaged-{}".format(path, os.urandom(4).hex())
    with contextlib.suppress(FileNotFoundError):
        _insist(os.replace, path, free)


def _remove_stale_parts(folder):
    """Removes what a loader that was killed has left; a live one writes for a moment only."""
    for path in glob.glob(os.path.join(glob.escape(folder), "*.part")):
        with contextlib.suppress(OSError):
            own = _name_of(path.rpartition("-")[0]) or _GENERATED_NAME + "-" in path
            if own and time.time() - os.path.getmtime(path) > 60:
                os.remove(path)


# ---------- Generated digits ----------

# How people write the digits 0 | 1 | ... | 9: x y points in per cent of the height, y downward. A
# stroke is a smooth curve through its points; "/" begins another one, ";" another way to write it.
_TEMPLATES = """
35 0,12 12,2 45,10 85,34 100,58 88,68 52,60 14,35 0; 48 8,25 2,6 30,6 70,26 98,52 92,66 60,60
22,40 4,28 10; 30 0,14 20,8 55,18 92,34 98,46 76,50 38,42 8,26 4 |
30 0,28 50,26 100; 10 22,30 0/30 0,30 50,30 100; 12 18,32 0/32 0,32 100/8 100,56 100 |
6 22,18 4,42 0,58 16,52 42,28 72,4 98/4 98,30 96,66 98; 8 20,26 2,50 6,56 28,40 60,14 92,8 82,22
78,44 94,68 92; 4 14,34 0,56 20,40 58,6 100/6 100,64 100 |
6 12,30 0,54 10,52 32,26 46/26 46,56 56,62 80,36 100,4 90; 6 2,58 2/58 2,26 42/26 42,58 54,60
84,32 100,4 90; 10 14,32 0,54 14,44 38,22 48,34 50,58 64,54 90,28 100,4 86 |
14 2,8 40,10 58/10 58,36 60,66 54/52 10,50 50,46 100; 46 0,4 66/4 66,66 66/46 0,46 100; 10 4,4
36,18 54,48 48/56 2,50 48,42 100 |
58 2,14 4/14 4,8 44/8 44,36 38,62 58,54 88,26 100,2 88; 62 4,26 4,12 26,24 44,48 54,56 76,36 98,4
92; 12 6,12 42,40 40,58 64,46 92,6 98/12 6,60 2 |
48 2,22 22,6 58,14 92,40 100,58 80,48 58,24 58,8 76; 36 0,12 44,4 76,22 100,48 92,50 68,28 58,8
72; 58 8,30 8,8 40,4 76,24 100,50 92,54 66,34 54,10 66 |
2 6,62 4/62 4,42 44,26 100; 4 4,64 4/64 4,40 50,28 100/20 52,58 50; 4 22,6 4/6 4,36 8,64 2/64
2,46 40,38 100; 2 14,24 2,54 4,56 18,34 54,22 100 |
52 12,30 0,10 14,20 38,46 58,56 84,32 100,8 84,18 60,44 40,54 16; 32 48,10 30,16 6,36 0,54 14,48
36,32 48,8 70,12 94,34 100,58 88,54 62,32 48; 56 8,26 2,10 22,32 46,54 68,44 96,18 96,8 74,32
48,52 26,58 8 |
54 16,34 0,8 14,8 40,32 48,52 30,56 8/56 8,52 56,46 100; 52 14,28 2,6 22,18 46,44 40,54 14,54
56,38 94,10 96; 50 22,32 2,10 12,8 38,30 46,50 24/50 24,36 62,24 100""".split("|")

_GENERATED_SEED = 1
_DRAWING = 1  # goes up with every change of the digits
_BOX = 20  # pixels; MNIST's digits fill such a box and are centred by mass in 28 x 28
_CURVE_STEPS = 4  # pieces of a curve between two of its points
_CHUNK = 128  # digits drawn at a time, so that their pixels stay in the processor's cache


def _generated_digits(folder, notice):
    """Makes the digits, or reads the ones that were made before."""
    path = os.path.join(folder, _GENERATED_NAME)
    counts = [_TRAINING_DIGITS] * 2 + [_TEST_DIGITS] * 2
    arrays = _read_npz(path, _NPZ_KEYS + ("drawing",)) or [[]]
    if [len(array) for array in arrays[:-1]] != counts or arrays[-1].tolist() != [_DRAWING]:
        _say("making {:,} digits, which takes some seconds ...".format(counts[0] + counts[2]))
        images, labels = _draw_digits(counts[0] + counts[2])
        arrays = [images[:counts[0]], labels[:counts[0]], images[counts[0]:], labels[counts[0]:],
                  np.array([_DRAWING], np.uint8)]
        _keep(path, lambda file: np.savez(file, **dict(zip(_NPZ_KEYS + ("drawing",), arrays))))
    text = ("THESE ARE GENERATED DIGITS, NOT MNIST. {}, so 70,000 digits were drawn by this"
            " program. The lesson is the same, the accuracies are not. For MNIST: {} and start"
            " again, or set MNIST_DATA to a folder that has the four files (see install.txt)."
            ).format(*notice)
    lines = ["|  {:<72}  |\n".format(line) for line in textwrap.wrap(text, 72)]
    edge = "+" + "-" * 76 + "+\n"
    _write("\n" + edge + "".join(lines) + edge)
    return arrays[:4], path, True


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
    number = 0
    for digit, templates in enumerate(_TEMPLATES):
        variants = templates.split(";")
        for k, strokes in enumerate(variants):
            rows = np.flatnonzero((labels == digit) & (choice % len(variants) == k))
            for start in range(0, len(rows), _CHUNK):
                some = rows[start:start + _CHUNK]
                random = np.random.RandomState([_GENERATED_SEED, number, start])
                images[some] = _draw_template(strokes, len(some), random)
            number += 1
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
    return total + random.uniform(-1, 1, shape) + random.uniform(-1, 1, shape)


def _curve(strokes):
    """Takes a template apart: points [p, 2], and the curves through them.

    Their vertices are weights [v, p] times the points; segments are pairs of vertices. A point that
    two strokes share is one point, so that they stay together.
    """
    points, rows, segments = [], [], []
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
                row = np.zeros(40)  # more than any template has points
                for index, weight in zip(padded[k:k + 4], (
                        -u / 2 + u * u - u ** 3 / 2, 1 - 2.5 * u * u + 1.5 * u ** 3,
                        u / 2 + 2 * u * u - 1.5 * u ** 3, (u ** 3 - u * u) / 2)):
                    row[index] += weight
                rows.append(row)
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
        along = np.maximum(np.minimum(along, 1), 0)
        across = px[:, None, :] - along * dx[:, :, None]
        down = py[:, :, None] - along * dy[:, :, None]
        nearest = np.minimum(nearest, across * across + down * down)
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


# ---------- One's own digits ----------

def read_picture(path):
    """Reads a picture of one digit: ink, float32 [height, width] in [0, 1], 0 where paper is.

    The paper is what most of the picture's edge looks like, so the ink may be dark or light, or
    coloured. A large picture is made smaller. Raises ValueError for a file that cannot be read, and
    for a picture without ink; the message is one sentence.
    """
    from PIL import Image, ImageOps  # matplotlib brings Pillow with it
    try:
        with Image.open(path) as file:
            picture = ImageOps.exif_transpose(file).convert("RGBA")
        picture.thumbnail((800, 800))
    except Exception as error:  # Pillow's decoders each raise their own.
        reason = getattr(error, "strerror", None) or "it is no picture, or damaged"
        raise ValueError("{} cannot be read: {}.".format(path, reason)) from error
    pixels = np.asarray(picture, np.float32) / 255
    # What is transparent is white.
    pixels = 1 - pixels[..., 3:] * (1 - pixels[..., :3])
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    ink = abs(pixels - np.median(edge, axis=0)).max(axis=2)
    if ink.max() < 0.1:
        raise ValueError("{} holds no digit: it has one colour all over.".format(path))
    # Shadows and noise become paper, and strokes that are nearly full become full.
    return np.clip((ink / ink.max() - 0.25) * 2, 0, 1)


def as_mnist(drawing):
    """Sizes and centres a drawing as MNIST's digits are; returns float32 [28, 28] in [0, 1].

    drawing  numbers [height, width]: 0 is paper, 1 is ink

    The ink is scaled to fit a box of 20 x 20 pixels, with its proportions kept; each pixel is the
    mean of what it covers, which makes MNIST's grey edges. Then the centre of mass is put on pixel
    14, 14 of 28 x 28, as near as whole pixels allow. This is how MNIST was made, see
    http://yann.lecun.com/exdb/mnist/; its own digits come out as they are. Without ink all is 0.
    Raises ValueError for another shape.
    """
    drawing = np.asarray(drawing, np.float64)
    if drawing.ndim != 2:
        raise ValueError("A drawing must be [height, width], not {}.".format(list(drawing.shape)))
    image = np.zeros([28, 28], np.float32)
    inked = [np.flatnonzero((drawing > 0).any(axis=axis)) for axis in (1, 0)]
    if len(inked[0]):
        rows, columns = (slice(some[0], some[-1] + 1) for some in inked)
        ink = drawing[rows, columns].clip(0, 1)
        sizes = [max(1, int(round(_BOX * size / max(ink.shape)))) for size in ink.shape]
        ink = _means(ink.shape[0], sizes[0]).dot(ink).dot(_means(ink.shape[1], sizes[1]).T)
        places = []
        for axis, size in enumerate(sizes):
            middle = (ink.sum(axis=1 - axis) * np.arange(size)).sum() / ink.sum()
            corner = min(max(int(round(14 - middle)), 0), 28 - size)
            places.append(slice(corner, corner + size))
        image[places[0], places[1]] = ink
    return image


def _means(before, after):
    """A matrix [after, before] that makes so many pixels of a line, each the mean of its share."""
    edges = np.arange(after + 1) * before / after
    pixels = np.arange(before)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return overlap.clip(0) * after / before
