"""What is measured of Nesterov's method and the heavy ball: a function for each study of `nesterov_vs_momentum`.

Which of the two runs is a number, `nesterov`: 1 or 0. Both are seen where the notes have them, at θ: the steps go from
θ̃ = θ + αv, and θ = θ̃ − αv is found again from the velocity.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import optax
from jax import Array

from dlnotes import lab
from dlnotes.data import images
from dlnotes.maths import quadratics, softmax_regression
from dlnotes.optim import momentum as moving

FAR = 1e6  # times the loss at the start: so far up a run has diverged


def descend(fun: Callable, start: Array, constants: quadratics.Steps, nesterov: Array, target: Array, cap: int, size):
    """Steps until size(θ, gradient) ≤ target, or `cap`, and all the loss that was climbed over, in units of the first.

    Runs that diverge count `cap` steps.
    """
    rate, momentum = constants
    method = moving.sgd(rate, momentum, nesterov=nesterov)
    top = FAR * fun(start)

    def theta(x, own):
        return x + nesterov * momentum * own.trace

    def on(loop):
        _, _, value, left, steps, _ = loop
        return (left > target) & (steps < cap) & (value < top)

    def go(loop):
        x, own, value, _, steps, climb = loop
        update, own = method.update(jax.grad(fun)(x), own)
        x = optax.apply_updates(x, update)
        higher, gradient = jax.value_and_grad(fun)(theta(x, own))
        left = size(theta(x, own), gradient)
        return x, own, higher, left, steps + 1, climb + jnp.maximum(higher - value, 0.0)

    value, gradient = jax.value_and_grad(fun)(start)
    first = (start, method.init(start), value, size(start, gradient), jnp.zeros((), jnp.int32), 0 * value)
    _, _, _, left, steps, climb = jax.lax.while_loop(on, go, first)
    return {"steps": jnp.where(left <= target, steps, cap), "climb": climb / value}


def along_axis(key: Array, *, stiffness: Array, momentum: Array, nesterov: Array, steps: int, shown: int) -> lab.Trial:
    """One axis of curvature 1 from rest; `stiffness` is ελ.

    x_{k+2}·x_k − x_{k+1}² shrinks at every step by the product of the two roots, exactly.
    """
    method = moving.sgd(stiffness, momentum, nesterov=nesterov)

    def finish(start):
        def go(state, _):
            x, own = state
            update, own = method.update(x, own)
            return (x + update, own), x + update + nesterov * momentum * own.trace

        path = jax.lax.scan(go, (start, method.init(start)), None, length=steps)[1] / start
        path = jnp.concatenate([jnp.ones(1), path])
        product = path[2:] * path[:-2] - path[1:-1] ** 2
        return {
            "overshoot": jnp.max(-path),
            "kept": jnp.abs(product[20] / product[0]) ** (1 / 40),
            "path": path[:shown],
        }

    return lab.Trial(lambda: jax.random.normal(key, ()), finish=finish)


def quadratic(
    key: Array, *, bend: Array, momentum: Array, rate: Array, nesterov: Array, condition: Array, axes: int, cap: int
) -> lab.Trial:
    """Down a quadratic of random curvatures 1/κ + (1 − 1/κ)·uᵇ, u uniform, both ends among them; start N(0, I)."""
    k_spectrum, k_start = lab.streams(key, "spectrum", "start")
    uniform = jax.random.uniform(k_spectrum, (axes,)).at[:2].set(jnp.array([0.0, 1.0]))
    curvature = 1 / condition + (1 - 1 / condition) * uniform**bend

    def finish(start):
        target = 1e-3 * jnp.linalg.norm(curvature * start)
        return descend(
            lambda x: 0.5 * jnp.sum(curvature * x**2), start, quadratics.Steps(rate, momentum), nesterov, target, cap,
            lambda x, gradient: jnp.linalg.norm(gradient),
        )  # fmt: skip

    return lab.Trial(lambda: jax.random.normal(k_start, (axes,)), finish=finish)


def digits(
    key: Array, data: images.Images, *, momentum: Array, rate: Array, nesterov: Array, pixels: int, examples: int,
    penalty: float, cap: int, dataset: str = "digits",
) -> lab.Trial:  # fmt: skip
    """Softmax regression on a bootstrap sample; `rate` is in units of 1/L, L the bound on the curvature."""
    k_sample, k_start = lab.streams(key, "sample", "start")
    index = jax.random.randint(k_sample, (examples,), 0, data.train_labels.shape[0])
    side = data.train_images.shape[1] // pixels
    blocks = jnp.asarray(data.train_images)[index].reshape(examples, pixels, side, pixels, side).mean((2, 4))
    x = jnp.concatenate([blocks.reshape(examples, -1), jnp.ones((examples, 1))], axis=1).astype(jnp.float64)
    labels, weights = jnp.asarray(data.train_labels)[index], jnp.full(examples, 1 / examples)
    fun = partial(softmax_regression.objective, x, labels, weights, penalty)
    largest = softmax_regression.curvature_bounds(x, penalty)[1]

    def finish(start):
        target = 1e-3 * jnp.linalg.norm(jax.grad(fun)(start))
        constants = quadratics.Steps(rate / largest, momentum)
        return descend(fun, start, constants, nesterov, target, cap, lambda x, gradient: jnp.linalg.norm(gradient))

    return lab.Trial(lambda: 0.01 * jax.random.normal(k_start, (x.shape[1], 10)), finish=finish)


def best_of(nesterov: Array, ahead: quadratics.Steps, ball: quadratics.Steps) -> quadratics.Steps:
    """The constants of the method that runs."""
    return quadratics.Steps(*(jnp.where(nesterov > 0, a, b) for a, b in zip(ahead, ball, strict=True)))


def tuned(key: Array, *, condition: Array, left: Array, nesterov: Array, axes: int, cap: int) -> lab.Trial:
    """Both with the best constants that theory has for a quadratic, until a share `left` of the distance is left."""
    curvature = quadratics.log_spectrum(condition, axes) / condition
    ends = (1 / condition, 1.0)
    constants = best_of(nesterov, quadratics.nesterov_quadratic_steps(*ends), quadratics.heavy_ball_steps(*ends))

    def finish(start):
        target = left * jnp.linalg.norm(start)
        return descend(
            lambda x: 0.5 * jnp.sum(curvature * x**2), start, constants, nesterov, target, cap,
            lambda x, gradient: jnp.linalg.norm(x),
        )  # fmt: skip

    return lab.Trial(lambda: jax.random.normal(key, (axes,)), finish=finish)


def trap(key: Array, *, width: Array, nesterov: Array, starts: int, steps: int, shown: int) -> lab.Trial:
    """A convex function that is no quadratic, from 3.3 ± width: where do Polyak's and Nesterov's constants end?"""
    constants = best_of(nesterov, quadratics.nesterov_steps(1.0, 25.0), quadratics.heavy_ball_steps(1.0, 25.0))
    method = moving.sgd(constants.learning_rate, constants.momentum, nesterov=nesterov)
    cycle = jnp.array([792.0, -2208.0, 2592.0]) / 1225.0

    def finish(start):
        def go(state, _):
            x, own = state
            update, own = method.update(jax.vmap(jax.grad(quadratics.kinked))(x), own)
            return (x + update, own), x[0]

        (x, _), path = jax.lax.scan(go, (start, method.init(start)), None, length=steps)
        in_cycle = jnp.abs(x[:, None] - cycle[None]).min(axis=1) < 1e-6
        return {"in_cycle": in_cycle.mean(), "arrived": jnp.mean(jnp.abs(x) < 1e-6), "path": path[:shown]}

    return lab.Trial(lambda: 3.3 + width * jax.random.uniform(key, (starts,), minval=-1.0), finish=finish)
