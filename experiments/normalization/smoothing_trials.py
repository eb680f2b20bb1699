"""Training under three normalizations, and what is measured on the way: the trials of `batchnorm_smoothing`."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from dlnotes import lab
from dlnotes.data import images
from dlnotes.nn import deep_linear, diagnostics, vgg
from dlnotes.nn.normalization import Treatment

POPULATION = 512  # training images whose moments serve at test time


class Inputs(NamedTuple):
    """What a step of training sees."""

    x: Array
    y: Array
    noise: Any


def descent(init: Callable, draw: Callable, run: Callable, rate: Array, steps: int, every: int) -> lab.Trial:
    """Plain gradient descent; `run(params, draw(t))` is step t's loss and what every normalization layer gives out."""

    def step(params, t):
        inputs = draw(t)
        loss, gradient = jax.value_and_grad(lambda p: run(p, inputs)[0])(params)
        return jax.tree.map(lambda p, g: p - rate * g, params, gradient), {"loss": loss}

    return lab.Trial(init, step, steps=steps, every=every)


def surveyed(trial: lab.Trial, draw: Callable, run: Callable, layer: Callable, lengths: Array) -> lab.Trial:
    """The trial with the coming step's landscape, shift and drift (to the noise of the step after) measured."""

    def probe(params, t):
        inputs = draw(t)
        later = inputs._replace(noise=draw(t + 1).noise)
        updated, _ = trial.step(params, t)
        pairs = zip(run(params, inputs)[1], run(updated, later)[1], strict=True)
        drift = jnp.stack([diagnostics.moment_drift(before, after) for before, after in pairs])
        return {"drift": drift} | diagnostics.survey(
            lambda p: run(p, inputs)[0], params, updated, lengths, layer(params)
        )

    return trial._replace(probe=probe)


def classifier(key: Array, data: images.Images, arm: Treatment, net: str, batch: int, scale: Array | float = 1.0):
    """(init, draw, run, accuracy) of a network on images standardized by the training set's mean and deviation."""
    k_init, k_batches, k_noise = lab.streams(key, "init", "batches", "noise")
    widths = vgg.WIDTHS[net]
    network = vgg.VGG(widths, kernel_init=vgg.glorot(scale))
    mean, deviation = data.train_images.mean(), data.train_images.std()
    x, test = (data.train_images - mean) / deviation, (data.test_images - mean) / deviation
    labels = jnp.asarray(data.train_labels)

    def outputs(params, x, *rest) -> Any:
        return network.apply({"params": params}, x, arm, *rest)

    def draw(t):
        index = lab.minibatch(k_batches, t, x.shape[0], batch)
        return Inputs(x[index], labels[index], vgg.draw_noise(jax.random.fold_in(k_noise, t), widths, batch))

    def run(params, inputs):
        logits, _, normalized = outputs(params, inputs.x, inputs.noise)
        return optax.softmax_cross_entropy_with_integer_labels(logits, inputs.y).mean(), normalized

    def accuracy(params):
        moments = outputs(params, x[:POPULATION]).moments
        logits = jax.lax.map(lambda image: outputs(params, image[None], None, moments).logits[0], test, batch_size=360)
        return {"accuracy": jnp.mean(logits.argmax(-1) == data.test_labels)}

    return lambda: network.init(k_init, x[:2], arm)["params"], draw, run, accuracy


def image_trial(
    key: Array, data: images.Images, *, arm: Treatment, rate: Array, net: str, batch: int, points: int, steps: int,
    every: int, dataset: str = "digits",
) -> lab.Trial:  # fmt: skip
    """A VGG network trained by plain SGD, surveyed along [1/2, 4] times the rate."""
    init, draw, run, accuracy = classifier(key, data, arm, net, batch)
    trial = descent(init, draw, run, rate, steps, every)._replace(finish=accuracy)
    return surveyed(trial, draw, run, vgg.layer_numbers, rate * jnp.geomspace(1 / 2, 4, points))


def linear_trial(
    key: Array, *, arm: Treatment, rate: Array, layers: int, width: int, examples: int, points: int, steps: int,
    every: int,
) -> lab.Trial:  # fmt: skip
    """A deep linear network led to a Gaussian matrix by full batches, surveyed along [1/100, 30] times the rate."""
    k_init, k_inputs, k_target, k_noise = lab.streams(key, "init", "inputs", "target", "noise")
    x = jax.random.normal(k_inputs, (examples * width,)).reshape(examples, width)
    y = x @ jax.random.normal(k_target, (width * width,)).reshape(width, width)

    def draw(t):
        return Inputs(x, y, deep_linear.draw_noise(jax.random.fold_in(k_noise, t), layers - 1, width, examples))

    def run(params, inputs):
        outputs, hidden = deep_linear.apply(params, inputs.x, arm, inputs.noise)
        return jnp.square(outputs - inputs.y).sum(1).mean(), hidden

    trial = descent(partial(deep_linear.init, k_init, layers, width), draw, run, rate, steps, every)
    return surveyed(trial, draw, run, deep_linear.layer_numbers, rate * jnp.geomspace(1 / 100, 30, points))


def grid_trial(
    key: Array, data: images.Images, *, arm: Treatment, rate: Array, init_scale: Array, net: str, batch: int,
    steps: int, every: int, dataset: str = "digits",
) -> lab.Trial:  # fmt: skip
    """Training alone, at any rate and any scale of the initial weights."""
    init, draw, run, _ = classifier(key, data, arm, net, batch, init_scale)
    return descent(init, draw, run, rate, steps, every)
