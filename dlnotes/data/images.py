"""Labelled images as arrays: digits that come with scikit-learn; MNIST, Fashion-MNIST and CIFAR-10 read in place."""

import io
import json
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int32

from dlnotes.data import sources
from dlnotes.data.sources import File, Source

TEST_DIGITS = 360
TEST_MNIST_5K = 1000


class Images(NamedTuple):
    """A training and a test set: images (n, height, width, channels) in float32, labels (n,) in int32 from 0."""

    train_images: Float32[np.ndarray, "train height width channels"]
    train_labels: Int32[np.ndarray, " train"]
    test_images: Float32[np.ndarray, "test height width channels"]
    test_labels: Int32[np.ndarray, " test"]


class Labelled(NamedTuple):
    """One set: images (n, height, width, channels) in float32, labels (n,) in int32 from 0, and the classes' names."""

    images: Float32[np.ndarray, "n height width channels"]
    labels: Int32[np.ndarray, " n"]
    classes: tuple[str, ...]


def load(dataset: str = "digits") -> Images:
    """The images of `dataset`, training and test, with intensities in [0, 1], as NumPy arrays.

    `digits`: 1797 of 8×8×1 from scikit-learn, no download: 1437 train, 360 test, stratified by class with a fixed seed;
    `mnist_5k`: 5000 of 28×28×1, split alike: 4000 train, 1000 test. Their own split have
    `mnist`, `fashion_mnist`: 60,000 + 10,000 of 28×28×1, and `cifar10`: 50,000 + 10,000 of 32×32×3.
    All but the digits are fetched once by `dlnotes data get NAME`, which also lists them.

    Raises `ValueError` for an unknown dataset or a damaged file, `FileNotFoundError` for a missing one; both name the
    mend.
    """
    return READERS[sources.find(dataset).name](sources.find(dataset))


def load_split(dataset: str = "digits", split: str = "train") -> Labelled:
    """The "train" or "test" set of `dataset` alone, with the names of its classes; see `load`."""
    if split not in ("train", "test"):
        raise ValueError(f"split is 'train' or 'test', got {split!r}")
    both = load(dataset)
    half = both[:2] if split == "train" else both[2:]
    return Labelled(*half, sources.find(dataset).classes)


def standardize(images: Images, axes: tuple[int, ...] = (0,)) -> Images:
    """x := (x − μ)/σ for both sets, with μ, σ of the *training* images over `axes`.

    (0,) standardizes each pixel: one that is nearly constant in training can reach hundreds in the test set (MNIST).
    (0, 1, 2) standardizes each channel. Constant pixels (four of the training digits: σ = 0) become 0,
    not 0/0, in both sets. Source: formulas 2.3.1; μ is taken away before squaring, since the printed
    mean of squares minus squared mean cancels in float32.
    """
    train = images.train_images.astype(np.float64)
    mean = train.mean(axis=axes, keepdims=True)
    deviation = train.std(axis=axes, keepdims=True)
    constant = np.ptp(train, axis=axes, keepdims=True) == 0
    scale = np.where(constant, 0.0, 1.0 / np.where(constant, 1.0, deviation))

    def apply(x: np.ndarray) -> np.ndarray:
        return ((x - mean) * scale).astype(np.float32)

    return images._replace(train_images=apply(images.train_images), test_images=apply(images.test_images))


def _digits(source: Source) -> Images:
    from sklearn.datasets import load_digits

    pixels, labels = map(np.asarray, load_digits(return_X_y=True))
    return _stratified(pixels.reshape(-1, 8, 8, 1) / 16, labels, TEST_DIGITS)


def _mnist_5k(source: Source) -> Images:
    """One line of comma-separated numbers for each image: 784 pixels, then the label."""
    table = np.loadtxt(io.BytesIO(sources.read(source, source.files[0])), dtype=np.uint8, delimiter=",")
    return _stratified(table[:, :-1].reshape(-1, 28, 28, 1) / 255, table[:, -1], TEST_MNIST_5K)


def _stratified(images: np.ndarray, labels: np.ndarray, test: int) -> Images:
    """A fixed split with each class's share in both parts."""
    from sklearn.model_selection import train_test_split

    images, labels = images.astype(np.float32), labels.astype(np.int32)
    everyone = np.arange(len(labels))
    first, second = map(np.asarray, train_test_split(everyone, test_size=test, stratify=labels, random_state=0))
    return Images(images[first], labels[first], images[second], labels[second])


def _mnist(source: Source) -> Images:
    """MNIST's four files; Fashion-MNIST's are alike."""
    pixels, labels, test_pixels, test_labels = (_read_idx(sources.read(source, file)) for file in source.files)
    return Images(_scaled(pixels[..., None]), _classes(labels), _scaled(test_pixels[..., None]), _classes(test_labels))


def _read_idx(content: bytes) -> np.ndarray:
    """The array in an IDX file of unsigned bytes: 0, 0, 8, rank; sizes as big-endian int32; the values."""
    rank = content[3]
    shape = np.frombuffer(content, ">i4", count=rank, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape)


def _cifar10(source: Source) -> Images:
    """PNGs of 10,000 rows, each row the 1024 pixels of one image; labels as JSON lists."""
    files = {file.name: file for file in source.files}
    train = np.concatenate([_read_rows(source, files[f"data_batch_{i}.png"]) for i in range(1, 6)])
    labels = [_classes(json.loads(sources.read(source, files[f"{part}_lables.json"]))) for part in ("train", "test")]
    return Images(train, labels[0], _read_rows(source, files["test_batch.png"]), labels[1])


def _read_rows(source: Source, file: File) -> np.ndarray:
    from PIL import Image

    with Image.open(io.BytesIO(sources.read(source, file)), formats=["PNG"]) as picture:
        return _scaled(np.asarray(picture.convert("RGB")).reshape(-1, 32, 32, 3))


def _scaled(pixels: np.ndarray) -> np.ndarray:
    return pixels.astype(np.float32) / 255


def _classes(labels: np.ndarray | list[int]) -> np.ndarray:
    return np.asarray(labels, dtype=np.int32)


READERS = {
    "digits": _digits,
    "mnist_5k": _mnist_5k,
    "mnist": _mnist,
    "fashion_mnist": _mnist,
    "cifar10": _cifar10,
}
