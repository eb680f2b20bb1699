"""The image sets: their splits, ranges and checksums, and what is said when a file is missing or wrong."""

import gzip
import hashlib
import io
import json

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from dlnotes.data import images, sources


@pytest.fixture(scope="module")
def digits():
    return images.load("digits")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("DLNOTES_DATA", str(tmp_path))
    return tmp_path


def place(folder, monkeypatch, name, contents, zipped=()):
    """Tiny files in the place of a data set's, with their sizes and checksums in the table; returns their folder."""
    source = sources.find(name)
    files = []
    (folder / name).mkdir()
    for file, content in zip(source.files, contents, strict=True):
        digest = hashlib.sha256(content).hexdigest()
        files.append(file._replace(bytes=len(content), sha256=digest))
        stem = file.name.removesuffix(".gz")
        packed = stem in zipped or file.name.endswith(".csv.gz")
        (folder / name / (stem + ".gz" * packed)).write_bytes(gzip.compress(content) if packed else content)
    table = sources.sources() | {name: source._replace(files=tuple(files), system="")}
    monkeypatch.setattr(sources, "sources", lambda: table)
    return folder / name


def idx(array):
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
    return header + array.astype(np.uint8).tobytes()


def toy_mnist():
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, shape) for shape in ((5, 4, 3), 5, (2, 4, 3), 2)]


def test_digits_split_is_stratified_fixed_and_whole(digits):
    assert digits.train_images.shape == (1437, 8, 8, 1)
    assert digits.test_images.shape == (360, 8, 8, 1)
    counts = np.bincount(digits.train_labels), np.bincount(digits.test_labels)
    assert np.all(np.abs(counts[1] - (counts[0] + counts[1]) * 360 / 1797) < 1)
    everything = np.concatenate([digits.train_images, digits.test_images]).reshape(-1, 64) * 16
    np.testing.assert_array_equal(np.sort(everything, axis=0), np.sort(load_digits().data, axis=0))
    assert hashlib.sha256(digits.test_labels.tobytes()).hexdigest()[:12] == "c8a9cf10e14a"


def test_types_and_range(digits):
    assert digits.train_images.dtype == digits.test_images.dtype == np.float32
    assert digits.train_labels.dtype == digits.test_labels.dtype == np.int32
    assert digits.train_images.min() == 0
    assert digits.train_images.max() == 1


def test_standardize_uses_training_statistics_and_no_division_by_zero(digits):
    scaled = images.standardize(digits)
    constant = np.ptp(digits.train_images, axis=0) == 0
    assert constant.sum() == 4  # three in all 1797; one more in the training set
    np.testing.assert_allclose(scaled.train_images.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(scaled.train_images.std(axis=0)[~constant], 1, atol=1e-5)
    assert not scaled.train_images[:, constant].any()
    assert not scaled.test_images[:, constant].any()
    mean, deviation = digits.train_images.mean(axis=0), digits.train_images.std(axis=0)
    expected = (digits.test_images - mean)[:, ~constant] / deviation[~constant]
    np.testing.assert_allclose(scaled.test_images[:, ~constant], expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(scaled.train_labels, digits.train_labels)


def test_standardize_by_channel(digits):
    scaled = images.standardize(digits, axes=(0, 1, 2))
    assert abs(scaled.train_images.mean()) < 1e-6
    assert abs(scaled.train_images.std() - 1) < 1e-5


def test_unknown_dataset_names_the_nearest():
    with pytest.raises(ValueError, match="'fashion_mnist'"):
        images.load("fashon-mnist")


@pytest.mark.parametrize("zipped", [(), ("train-images-idx3-ubyte", "t10k-labels-idx1-ubyte")], ids=["plain", "some"])
@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_idx_files_are_read_in_place(folder, monkeypatch, name, zipped):
    arrays = toy_mnist()
    place(folder, monkeypatch, name, map(idx, arrays), zipped)
    read = images.load(name)
    np.testing.assert_array_equal(read.train_images[..., 0], (arrays[0] / 255).astype(np.float32))
    np.testing.assert_array_equal(read.test_labels, arrays[3])
    assert read.train_images.dtype == np.float32
    assert read.test_labels.dtype == np.int32


def test_cifar_rows_are_images_in_reading_order(folder, monkeypatch):
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (6, 2, 32, 32, 3)).astype(np.uint8)
    labels = [rng.integers(0, 10, n).tolist() for n in (10, 2)]
    contents = [png(rows) for rows in pixels] + [json.dumps(part).encode() for part in labels]
    place(folder, monkeypatch, "cifar10", contents)
    read = images.load("cifar10")
    np.testing.assert_array_equal(read.train_images, pixels[:5].reshape(10, 32, 32, 3).astype(np.float32) / 255)
    np.testing.assert_array_equal(read.test_images, pixels[5].astype(np.float32) / 255)
    assert (read.train_labels.tolist(), read.test_labels.tolist()) == tuple(labels)


def png(rows):
    stream = io.BytesIO()
    Image.fromarray(rows.reshape(len(rows), 1024, 3)).save(stream, "PNG")
    return stream.getvalue()


def test_mnist_5k_has_its_label_last(folder, monkeypatch):
    rng = np.random.default_rng(2)
    table = np.column_stack([rng.integers(0, 256, (60, 784)), np.arange(60) % 2])
    content = "\n".join(",".join(map(str, row)) for row in table).encode()
    place(folder, monkeypatch, "mnist_5k", [content])
    monkeypatch.setattr(images, "TEST_MNIST_5K", 20)
    read = images.load("mnist_5k")
    assert read.train_images.shape == (40, 28, 28, 1)
    assert np.bincount(read.test_labels).tolist() == [10, 10]
    where = np.flatnonzero(np.abs(table[:, :-1] / 255 - read.test_images[0].reshape(-1)).max(1) < 1e-6)
    assert table[where, -1].tolist() == [read.test_labels[0]]


def test_one_split_with_its_classes(digits):
    half = images.load_split("digits", "test")
    np.testing.assert_array_equal(half.images, digits.test_images)
    assert half.classes == tuple("0123456789")
    with pytest.raises(ValueError, match="'train' or 'test', got 'dev'"):
        images.load_split("digits", "dev")


def test_missing_file_names_it_the_places_the_command_and_the_alternative(folder):
    with pytest.raises(FileNotFoundError) as missing:
        images.load("mnist")
    message = str(missing.value)
    assert all(part in message for part in ("train-images-idx3-ubyte", str(folder), "data get mnist", "dataset=digits"))
    assert "\n" not in message


@pytest.mark.parametrize("damage", ["changed byte", "cut short", "too long", "broken gzip", "bomb"])
def test_damaged_file_is_named_and_refused(folder, monkeypatch, damage):
    arrays = toy_mnist()
    home = place(folder, monkeypatch, "mnist", map(idx, arrays), ("train-images-idx3-ubyte",))
    packed = damage in ("broken gzip", "bomb")
    path = home / ("train-images-idx3-ubyte.gz" if packed else "train-labels-idx1-ubyte")
    content = path.read_bytes()
    path.write_bytes(
        {
            "changed byte": content[:-1] + bytes([content[-1] ^ 1]),
            "cut short": content[:-2],
            "too long": content + b"x",
            "broken gzip": b"no",
            "bomb": gzip.compress(bytes(10_000_000)),
        }[damage]
    )
    with pytest.raises(ValueError, match="data get mnist") as wrong:
        images.load("mnist")
    assert str(path) in str(wrong.value)
    assert "\n" not in str(wrong.value)


def test_fashion_mnist_is_found_where_the_package_puts_it(tmp_path, monkeypatch):
    monkeypatch.delenv("DLNOTES_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first, last = sources.folders(sources.find("fashion_mnist"))
    assert first == tmp_path / "dlnotes" / "data" / "fashion_mnist"
    assert str(last) == "/usr/share/datasets/fashion-mnist"
