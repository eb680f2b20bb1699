"""What is measured of initial weights: a function for each study of `xavier_vs_he`."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from jax import Array

from dlnotes import lab
from dlnotes.data import images
from dlnotes.nn.convnet import PlainConvNet
from dlnotes.nn.initializers import FanRule, normal
from dlnotes.nn.mlp import MLP
from dlnotes.nn.signal import propagate


class Arm(NamedTuple):
    """A rule for the variance of the weights, and whether units are tanh (1) or ReLU (0)."""

    rule: FanRule
    tanh: Array | float


def unit(tanh: Array | float):
    """ReLU or tanh as data: φ(z) = tanh z where `tanh` is 1, max(z, 0) where it is 0."""
    return lambda z: jnp.where(tanh > 0, jnp.tanh(z), nn.relu(z))


def signal(key: Array, *, arm: Arm, layers: int, width: int, narrow: int, batch: int) -> lab.Trial:
    """Mean squares by layer in a random stack that alternates between `narrow` and `width` units."""
    k_inputs, k_stack = lab.streams(key, "inputs", "stack")

    def finish(_):
        x = jax.random.normal(k_inputs, (batch, width))
        return propagate(k_stack, x, arm.rule, unit(arm.tanh), layers=layers, narrow=narrow)._asdict()

    return lab.Trial(lambda: (), finish=finish)


def standardized(dataset: str) -> images.Images:
    """The images with mean 0 and variance 1 over all training pixels; a thousand test images at most."""
    data = images.standardize(images.load(dataset), axes=(0, 1, 2))
    return data._replace(test_images=data.test_images[:1000], test_labels=data.test_labels[:1000])


def training(
    key: Array, data: images.Images, *, arm: Arm, learning_rate: Array, depth: int, width: int, batch: int, steps: int,
    stride: int = 0, dataset: str = "digits",
) -> lab.Trial:  # fmt: skip
    """A dense network of `width` units, or with a `stride` 3×3 convolutions to `width` channels; `dead` is always 0."""
    k_init, k_batches = lab.streams(key, "init", "batches")
    shared = (depth, width, 10, unit(arm.tanh), normal(arm.rule))
    net = PlainConvNet(*shared, stride) if stride else MLP(*shared)

    def loss(logits, labels):
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

    def finish(params):
        logits, hidden = net.apply(params, data.test_images, method="trace")
        error = jnp.mean(logits.argmax(-1) != data.test_labels)
        return {"test_error": error, "dead": jnp.mean(jnp.all(hidden == 0, axis=1))}

    return lab.supervised(
        k_init, k_batches, (net.init, net.apply), loss, optax.sgd(learning_rate, 0.9),
        (jnp.asarray(data.train_images), jnp.asarray(data.train_labels)),
        batch=batch, steps=steps, every=max(steps // 20, 1), finish=finish,
    )  # fmt: skip
