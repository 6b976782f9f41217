"""Where the digits come from, what is said when something is wrong, and the batches."""

import concurrent.futures
import gzip
import hashlib
import os

import numpy as np
import pytest

import loading
import mnistdata
from digits import write_digits, write_idx
from loading import NAMES, content_of

pytestmark = pytest.mark.usefixtures("alone")


# ---------- The sets ----------

def test_sets_as_the_scripts_read_them(folder, capsys, monkeypatch):
    sets = mnistdata.read_data_sets(str(folder), one_hot=True, reshape=False, validation_size=0)
    assert sets.train.images.shape == (300, 28, 28, 1)
    assert sets.test.images.shape == (100, 28, 28, 1)
    assert sets.train.images.dtype == sets.train.labels.dtype == np.float32
    assert sets.train.images.min() == 0 and sets.train.images.max() == 1
    assert sets.train.labels.shape == (300, 10) and (sets.train.labels.sum(axis=1) == 1).all()
    assert sets.validation is None and not sets.generated and sets.source == str(folder)
    notice = capsys.readouterr().err
    assert "not the original MNIST" in notice and "; move them away to have MNIST." in notice
    assert mnistdata.latest is sets and sets._fields[:3] == ("train", "test", "validation")
    monkeypatch.setenv("MNIST_DATA", str(folder))
    mnistdata.read_data_sets("data")
    assert "; unset MNIST_DATA to have MNIST." in capsys.readouterr().err


def test_other_forms_of_the_sets(folder):
    plain = mnistdata.read_data_sets(folder)
    sets = mnistdata.read_data_sets(str(folder), one_hot=False, reshape=True, validation_size=50)
    assert sets.train.images.shape == (250, 784) and sets.validation.images.shape == (50, 784)
    assert np.issubdtype(sets.train.labels.dtype, np.integer) and sets.train.labels.shape == (250,)
    # The validation digits come from the front of the training digits.
    assert (sets.validation.images.reshape(-1, 28, 28, 1) == plain.train.images[:50]).all()
    assert (sets.train.labels == plain.train.labels[50:].argmax(axis=1)).all()


def test_real_mnist(real_mnist, monkeypatch, capsys):
    monkeypatch.setenv("MNIST_DATA", real_mnist)
    sets = mnistdata.read_data_sets("data")
    assert sets.train.num_examples == 60000 and sets.test.num_examples == 10000
    assert sets.test.labels[:5].argmax(axis=1).tolist() == [7, 2, 1, 0, 4]
    assert abs(sets.train.images.mean() - 0.1307) < 0.0001
    assert capsys.readouterr().err == ""
    # TensorFlow copies what it is fed with, unless it begins at a multiple of 64 bytes.
    assert sets.train.images.ctypes.data % 64 == sets.test.images.ctypes.data % 64 == 0


def test_the_checksum_is_that_of_the_content(folder):
    first = mnistdata.read_data_sets(folder).checksum
    assert len(first) == 12 and int(first, 16)
    loading.pack(folder / NAMES[0])
    assert mnistdata.read_data_sets(folder, one_hot=False, validation_size=9).checksum == first
    labels = bytearray((folder / NAMES[3]).read_bytes())
    labels[-1] = (labels[-1] + 1) % 10
    (folder / NAMES[3]).write_bytes(labels)
    assert mnistdata.read_data_sets(folder).checksum != first


def test_a_relative_folder_lies_beside_the_scripts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(mnistdata, "_HERE", str(tmp_path / "scripts"))
    (tmp_path / "scripts" / "data").mkdir(parents=True)
    write_digits(tmp_path / "scripts" / "data", 300, 100)
    assert mnistdata.read_data_sets("data").source == str(tmp_path / "scripts" / "data")


@pytest.mark.parametrize("arguments, error, name", [
    ({"data_dir": None}, TypeError, "data_dir"), ({"data_dir": 5}, TypeError, "data_dir"),
    ({"data_dir": b"data"}, TypeError, "data_dir"), ({"data_dir": "a\0b"}, TypeError, "data_dir"),
    ({"one_hot": "no"}, TypeError, "one_hot"), ({"reshape": None}, TypeError, "reshape"),
    ({"validation_size": -1}, ValueError, "from 0 to"),
    ({"validation_size": 300}, ValueError, "validation_size must be a whole number from 0 to 299"),
    ({"validation_size": 0.5}, ValueError, "validation_size")])
def test_wrong_arguments_are_named(folder, arguments, error, name):
    with pytest.raises(error, match=name):
        mnistdata.read_data_sets(**dict({"data_dir": str(folder)}, **arguments))


# ---------- Batches ----------

@pytest.mark.parametrize("size", [1, 7, 100, 128, 299, 300])
def test_every_digit_once_an_epoch(size):
    numbers = np.arange(300)
    data = mnistdata.DataSet(numbers, 1000 + numbers, seed=0)
    batches = [data.next_batch(size) for _ in range(900 // size + 1)]
    assert all((labels == 1000 + images).all() for images, labels in batches)
    seen = np.concatenate([images for images, _ in batches])
    for epoch in range(3):
        assert sorted(seen[300 * epoch:300 * (epoch + 1)]) == list(numbers)
    assert data.epochs_completed >= 3
    first, second = seen[:300], seen[300:600]
    assert (first != second).any() and (first != numbers).any()


def test_order_follows_from_the_seed(folder, monkeypatch):
    orders = []
    for seed in (0, 0, 1):
        monkeypatch.setattr(mnistdata, "SEED", seed)
        orders.append(mnistdata.read_data_sets(folder).train.next_batch(300)[0])
    assert (orders[0] == orders[1]).all() and (orders[0] != orders[2]).any()


@pytest.mark.parametrize("size", [0, -1, 301, 2.5, "100", True, None])
def test_batch_size_out_of_range(size):
    with pytest.raises(ValueError, match="batch_size must be a whole number from 1 to 300"):
        mnistdata.DataSet(np.arange(300), np.arange(300), seed=0).next_batch(size)


def test_batches_from_several_threads():
    numbers = np.arange(6000)
    data = mnistdata.DataSet(numbers, numbers, seed=0)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(lambda _: data.next_batch(10)[0], range(1200)))
    assert (np.bincount(np.concatenate(seen)) == 2).all() and data.epochs_completed == 2


# ---------- Files as people have them ----------

@pytest.mark.parametrize("layout", sorted(loading.LAYOUTS))
def test_files_as_people_have_them(folder, layout):
    expected = mnistdata.read_data_sets(folder).checksum
    for k, name in enumerate(NAMES):
        target, gzipped = loading.LAYOUTS[layout](name, k)
        content = (folder / name).read_bytes()
        (folder / name).unlink()
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        (folder / target).write_bytes(gzip.compress(content) if gzipped else content)
    (folder / ("._" + NAMES[0])).write_bytes(b"a Mac's")
    sets = mnistdata.read_data_sets(str(folder))
    assert sets.checksum == expected and not sets.generated


def test_what_mnist_data_lacks_is_not_downloaded_and_what_is_not_used_there_is_named(
        mirrors, folder, tmp_path, monkeypatch):
    mirror, = mirrors(None)
    (folder / NAMES[1]).unlink()
    (folder / "mnist.zip").write_bytes(b"PK")
    # Neither what lies deeper nor what the series keeps there itself is.
    (folder / "raw").mkdir()
    (folder / "own_digits").mkdir()
    for name in ("raw/notes.txt", NAMES[1] + ".gz-0.part", "last_run.csv"):
        (folder / name).write_bytes(b"x")
    monkeypatch.setenv("MNIST_DATA", str(folder))
    with pytest.raises(FileNotFoundError, match=r"Not used in \S*: mnist\.zip\. Put"):
        mnistdata.read_data_sets(str(tmp_path / "none"))
    assert not (tmp_path / "none").exists() and not mirror.asked


@pytest.mark.parametrize("value, words", [
    ("{}/file", "no folder that can be read"), ("\"{}\"", "quotes or a blank"),
    ("{}\r", "quotes or a blank"), ("{}/stick", "stick, which does not exist")])
def test_mnist_data_that_is_no_folder(tmp_path, monkeypatch, value, words):
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("MNIST_DATA", value.format(tmp_path))
    with pytest.raises(FileNotFoundError, match=words):
        mnistdata.read_data_sets("data")


# ---------- Files that are not what they should be ----------

@pytest.mark.parametrize("kind", sorted(loading.ALL_KINDS))
def test_a_wrong_file_in_mnist_data_is_an_error(folder, kind, monkeypatch):
    path, words = loading.damage(folder, kind)
    before = loading.state(folder)
    monkeypatch.setenv("MNIST_DATA", str(folder))
    with pytest.raises(ValueError) as error:
        mnistdata.read_data_sets("data")
    assert words in str(error.value) and str(path) in str(error.value)
    assert "MNIST_DATA" in str(error.value) and loading.state(folder) == before


@pytest.mark.parametrize("kind", sorted(loading.WORTHLESS))
def test_a_worthless_file_is_replaced_where_a_mirror_has_a_right_one(mirrors, folder, capsys, kind):
    path, words = loading.damage(folder, kind)
    before = content_of(folder).items()
    assert mnistdata.read_data_sets(folder).generated and before <= content_of(folder).items()
    mirror, = mirrors(None)
    others = {name: content for name, content in content_of(folder).items() if name != path.name}
    assert not mnistdata.read_data_sets(str(folder)).generated
    assert words in capsys.readouterr().err and len(mirror.asked) == 1
    after = content_of(folder)
    assert after == dict(others, **{mirror.asked[0]: mirrors.files[mirror.asked[0]]})
    assert not mnistdata.read_data_sets(str(folder)).generated
    assert capsys.readouterr().err == "" and len(mirror.asked) == 1


@pytest.mark.parametrize("kind", sorted(loading.SOMEBODYS))
def test_anything_else_under_a_files_name_is_left(mirrors, folder, capsys, kind):
    """MNIST is used all the same, and not kept beside it."""
    mirror, = mirrors(None)
    path, words = loading.damage(folder, kind)
    (folder / NAMES[3]).unlink()
    before = loading.state(folder)
    sets = mnistdata.read_data_sets(str(folder))
    assert not sets.generated and sorted(mirror.asked) == sorted([
        NAMES[3] + ".gz", NAMES["label" in path.name] + ".gz"])
    notice = capsys.readouterr().err
    assert notice.count(words) == 1 and f"{path.name} in {folder} is left as it is" in notice
    assert loading.state(folder) == before


def test_an_incomplete_set_of_somebodys_is_not_mixed_with_mnist(mirrors, folder, capsys):
    mirror, = mirrors(None)
    expected = mnistdata.read_data_sets(folder).checksum
    write_digits(folder, 400, 50)
    (folder / NAMES[3]).unlink()
    before = content_of(folder)
    assert mnistdata.read_data_sets(str(folder)).checksum == expected
    assert len(mirror.asked) == 4 and content_of(folder) == before
    assert ", ".join(sorted(NAMES[:3])) + f" in {folder} is left" in capsys.readouterr().err


def test_images_and_labels_that_do_not_match(folder):
    write_idx(folder / NAMES[1], np.zeros(299, np.uint8))
    with pytest.raises(ValueError, match="300 images and 299 labels do not belong together"):
        mnistdata.read_data_sets(folder)


# ---------- Keras's copy ----------

def place_npz(tmp_path, monkeypatch, place, **arrays):
    """Puts mnist.npz into one of the places where it may be; returns its path."""
    folder = tmp_path / {"Keras": "keras/datasets", "data_dir": "data"}.get(place, "stick")
    folder.mkdir(parents=True)
    np.savez(str(folder / "mnist.npz"), **arrays)
    if place == "MNIST_DATA":
        monkeypatch.setenv("MNIST_DATA", str(folder))
    return folder / "mnist.npz"


@pytest.fixture(scope="module")
def empty_set():
    """Arrays as in Keras's file, of empty images, and their sums."""
    images = np.zeros([60000, 28, 28], np.uint8)
    arrays = images, images[:, 0, 0], images[:10000], images[:10000, 0, 0]
    return dict(zip(loading.KEYS, arrays)), dict(zip(NAMES, map(mnistdata._sum, arrays)))


@pytest.fixture
def arrays(empty_set, monkeypatch):
    """Arrays that count as MNIST."""
    monkeypatch.setattr(mnistdata, "SHA256", empty_set[1])
    return dict(empty_set[0])


@pytest.mark.parametrize("place", ["MNIST_DATA", "data_dir", "Keras"])
def test_kerass_file_is_read_wherever_digits_are_looked_for(arrays, tmp_path, monkeypatch, capsys,
                                                            place):
    path = place_npz(tmp_path, monkeypatch, place, **arrays)
    sets = mnistdata.read_data_sets(str(tmp_path / "data"))
    assert sets.source == str(path) and sets.train.num_examples == 60000
    assert not sets.generated and capsys.readouterr().err == ""


SMALL = np.zeros([3, 28, 28], np.uint8)
WRONG = {
    "other digits": ({"x_train": np.ones([60000, 28, 28], np.uint8)}, "not the original MNIST's"),
    "one-hot": ({"y_train": np.zeros([60000, 10], np.uint8)},
                "y_train is uint8 [60000, 10] and has to be uint8 [60000]"),
    "float": ({"x_train": SMALL / 255},
              "x_train is float64 [3, 28, 28] and has to be uint8 [60000, 28, 28]"),
    "pickle": ({"x_train": np.array([{}])}, "allow_pickle=False"),
    "key": ({}, "x_train"),
    "cut": ({"x_train": SMALL}, "mnist.npz cannot be used ("),
    "empty": ({"x_train": SMALL}, "mnist.npz cannot be used ("),
}


@pytest.mark.parametrize("kind, place", [(kind, "MNIST_DATA") for kind in sorted(WRONG)] + [
    ("key", "Keras"), ("empty", "data_dir")])
def test_a_wrong_file_of_kerass(arrays, tmp_path, monkeypatch, capsys, place, kind):
    """It is an error in MNIST_DATA, and passed over elsewhere; its reason is said."""
    change, words = WRONG[kind]
    if kind != "one-hot":  # The first wrong array is reached at once.
        arrays = {key: SMALL for key in loading.KEYS[1:]}
    path = place_npz(tmp_path, monkeypatch, place, **dict(arrays, **change))
    if kind in ("cut", "empty"):
        os.truncate(str(path), 1000 if kind == "cut" else 0)
    before = loading.state(path.parent)
    if place == "MNIST_DATA":
        with pytest.raises(ValueError, match="MNIST_DATA names") as error:
            mnistdata.read_data_sets("data")
        notice = str(error.value)
        assert loading.state(path.parent) == before
    else:
        assert mnistdata.read_data_sets(str(tmp_path / "data")).generated
        notice = capsys.readouterr().err
    assert words in notice and str(path) in notice and path.exists()


# ---------- Generated digits ----------

def test_no_network_gives_generated_digits_and_real_ones_follow(mirrors, tmp_path, monkeypatch,
                                                                capsys):
    monkeypatch.setattr(mnistdata, "MIRRORS", ["http://127.0.0.1:1/", "http://nowhere.invalid/"])
    first = mnistdata.read_data_sets(tmp_path)
    notice = capsys.readouterr().err
    assert first.generated and "THESE ARE GENERATED DIGITS, NOT MNIST" in notice
    assert "refused" in notice and "name is not known here (no network?)" in notice
    assert list(content_of(tmp_path)) == ["generated-digits.npz"]
    # They are kept, and it is said each time what they are.
    monkeypatch.setattr(mnistdata, "_draw_digits", None)
    second = mnistdata.read_data_sets(tmp_path)
    assert second.generated and (first.train.images == second.train.images).all()
    assert first.checksum == second.checksum
    assert "THESE ARE GENERATED DIGITS" in capsys.readouterr().err
    mirrors(None)
    assert not mnistdata.read_data_sets(tmp_path).generated


@pytest.mark.parametrize("change", [
    {"x_test": np.zeros([99, 28, 28], np.uint8)}, {"y_train": np.zeros(300, int)},
    {mnistdata._DRAWING: None}, None])
def test_generated_digits_are_checked(tmp_path, change):
    first = mnistdata.read_data_sets(tmp_path)
    path = str(tmp_path / "generated-digits.npz")
    with np.load(path) as file:
        arrays = dict(file)
    arrays.update(change or {})
    np.savez(path, **{key: array for key, array in arrays.items() if array is not None})
    if change is None:
        os.truncate(path, 10000)
    assert mnistdata.read_data_sets(tmp_path).checksum == first.checksum
    with np.load(path) as file:
        assert len(file["x_test"]) == 100 and mnistdata._DRAWING in file


def test_generated_digits_are_always_the_same():
    images, _ = mnistdata._draw_digits(2000)
    # Digits as dark, as large and as well centred as MNIST's: that is what this sum stands for, on
    # every machine and version of NumPy that was tried.
    assert hashlib.sha256(images.tobytes()).hexdigest()[:16] == "b39ad74ae72981bf"
    assert len({image.tobytes() for image in images}) == 2000
