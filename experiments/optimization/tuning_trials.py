"""What is measured of learning rates: a function for each study of `tuning`."""

import jax
import jax.numpy as jnp
import optax
import side_by_side
from jax import Array

from dlnotes import lab
from dlnotes.data import images
from dlnotes.lab.trial import nothing
from dlnotes.maths.test_functions import rosenbrock
from dlnotes.optim import adam, adaptive

SCALED = ("SGD", "AdaGrad", "RMSProp", "Adam", "RMSProp, ε in the root")
METHODS = ("SGD", "momentum", "Nesterov", "AdaGrad", "RMSProp", "Adam")


def scaled(
    key: Array, data: images.Images, *, log2_scale: Array, log2_rate: Array, epsilon: Array, batch: int, steps: int,
    dataset: str = "digits",
) -> lab.Trial:  # fmt: skip
    """Softmax regression on 2^scale times its loss; powers of two, so that scaling itself rounds nothing.

    `epsilon` is after the root, in one method in it. Records 2^−scale times that loss.
    """
    k_init, k_batches = lab.streams(key, "init", "batches")
    task = side_by_side.digits_task("softmax regression", data, 0)
    scale, rate = (jnp.ldexp(1.0, jnp.asarray(power, int)) for power in (log2_scale, log2_rate))  # 2.0**k is rounded
    outside = adaptive.Epsilon(outside=epsilon)
    directions = (
        optax.identity(),
        adaptive.scale_by_adagrad(outside),
        adaptive.scale_by_rmsprop(epsilon=outside),
        adam.scale_by_adam(epsilon=jnp.maximum(epsilon, 1e-30)),  # 0/0 where a pixel is always 0
        adaptive.scale_by_rmsprop(epsilon=adaptive.Epsilon(inside=epsilon)),
    )
    methods = [optax.chain(direction, optax.scale_by_learning_rate(rate)) for direction in directions]

    def loss(params, t):
        index = lab.minibatch(k_batches, t, task.inputs.shape[0], batch)
        return scale * task.loss(params, task.inputs[index], task.targets[index])

    trial = side_by_side.race(lambda: task.init(k_init), loss, methods, steps=steps)

    def step(state, t):
        state, measures = trial.step(state, t)
        return state, {"loss": measures["loss"] / scale}

    return trial._replace(step=step)


def methods(rate: Array) -> tuple[optax.GradientTransformation, ...]:
    """All of `METHODS` at one learning rate, all else as the notes have it."""
    return (
        optax.sgd(rate),
        optax.sgd(rate, 0.9),
        optax.sgd(rate, 0.9, nesterov=True),
        adaptive.adagrad(rate),
        adaptive.rmsprop(rate),
        optax.adam(rate),
    )


def network(
    key: Array, data: images.Images, *, log10_rate: Array, task: str, width: int, batch: int, steps: int, every: int,
    dataset: str = "digits",
) -> lab.Trial:  # fmt: skip
    """Every method at one learning rate on one task: means of the batch losses."""
    task_on_digits = side_by_side.digits_task(task, data, width)
    trial = side_by_side.train(key, task_on_digits, methods(10.0**log10_rate), batch=batch, steps=steps, every=every)
    return trial._replace(probe=nothing)


def valley(key: Array, *, log10_rate: Array, spread: Array, steps: int, every: int) -> lab.Trial:
    """Every method at one learning rate on Rosenbrock's function, from (−1.2, 1) + spread·N(0, I)."""

    def begin():
        return jnp.array([-1.2, 1.0]) + spread * jax.random.normal(key, (2,))

    return side_by_side.race(
        begin, lambda x, _: rosenbrock(x), methods(10.0**log10_rate),
        steps=steps, every=every, probe=lambda x: {"value": rosenbrock(x)},
    )  # fmt: skip
