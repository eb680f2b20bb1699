"""The networks of the headline experiments as plain numbers, in the sizes of their standard and full presets."""

import math
from typing import NamedTuple

import numpy as np

from dlnotes.data import images

RATES = (0.01, 0.005, 0.002, 0.001)  # conditions of every sweep; Adam takes a tenth of them


class Network(NamedTuple):
    """A dense or convolutional classifier of `depth` weight layers, or an autoencoder with `latents`.

    `width` counts units, channels or hidden units; `stride` is that of the first convolution, 0 where there is none.
    Images have `side` × `side` pixels.
    """

    kind: str
    width: int
    batch: int
    side: int = 8
    depth: int = 0
    stride: int = 0
    latents: int = 0


SMALL = {
    "dense 10 × 32": Network("dense", 32, 32, depth=10),
    "dense 30 × 32": Network("dense", 32, 32, depth=30),
    "autoencoder 32": Network("autoencoder", 32, 32, latents=8),
    "convolutional 20 × 8": Network("convolutional", 8, 16, depth=20, stride=2),
}
LARGE = {
    "dense 5 × 256": Network("dense", 256, 128, depth=5),
    "dense 30 × 128": Network("dense", 128, 64, 28, depth=30),
    "autoencoder 500": Network("autoencoder", 500, 100, 28, latents=50),
    "convolutional 20 × 16": Network("convolutional", 16, 64, 28, depth=20, stride=4),
}
QUICK = {
    "dense 3 × 8": Network("dense", 8, 8, depth=3),
    "autoencoder 8": Network("autoencoder", 8, 8, latents=2),
    "convolutional 3 × 4": Network("convolutional", 4, 4, depth=3, stride=2),
}


def data(network: Network) -> images.Images:
    """Digits: of 8 × 8 pixels, standardized for a classifier; at 28 × 28 each pixel is 3 × 3 and there is a border."""
    digits = images.load("digits")
    if network.side == 28:
        digits = digits._replace(train_images=enlarged(digits.train_images), test_images=enlarged(digits.test_images))
    return digits if network.kind == "autoencoder" else images.standardize(digits, axes=(0, 1, 2))


def enlarged(x: np.ndarray) -> np.ndarray:
    """8 × 8 pixels as 28 × 28."""
    return np.pad(np.kron(x, np.ones((1, 3, 3, 1), x.dtype)), ((0, 0), (2, 2), (2, 2), (0, 0)))


def learning_rates(network: Network, trials: int) -> list[float]:
    """The rate of every trial, conditions first: at most as many conditions as the square root of the trials."""
    conditions = min(len(RATES), math.isqrt(trials))
    rates = np.asarray(RATES[:conditions]) * (0.1 if network.kind == "autoencoder" else 1.0)
    return np.repeat(rates, trials // conditions).tolist()
