"""Trials of estimators_converge: estimates from more and more examples, and a line through points with an outlier."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from dlnotes import lab
from dlnotes.classical import ridge
from dlnotes.maths import estimators

ESTIMATORS = ("mean", "variance, ML", "variance, unbiased", "coin", "first example")
TRUTH = np.array([1.0, 4.0, 4.0, 0.3, 1.0])  # examples are N(1, 2²), a coin falls on heads with probability 0.3
DEVIATION = np.array([2.0, 32**0.5, 32**0.5, 0.21**0.5, 2.0])  # √m times the standard error, for many examples


def sizes(count: int) -> tuple[int, ...]:
    """Numbers of examples: 2, 4, 16, 64, …"""
    return (2, *(4 ** (i + 1) for i in range(count - 1)))


def estimating(key: Array, *, count: int, sets: int) -> lab.Trial:
    """Every estimate from the first m examples of each data set, for `count` numbers m.

    `off` is the share of the estimates that miss by over a quarter of DEVIATION.
    """

    def one(i):
        k_numbers, k_tosses = lab.streams(jax.random.fold_in(key, i), "numbers", "tosses")
        x = 1 + 2 * jax.random.normal(k_numbers, (sizes(count)[-1],))
        heads = 1.0 * jax.random.bernoulli(k_tosses, 0.3, x.shape)
        estimates = [
            (x[:m].mean(), jnp.var(x[:m]), jnp.var(x[:m], ddof=1), heads[:m].mean(), x[0]) for m in sizes(count)
        ]
        return jnp.array(estimates)

    def finish(_):
        found = jax.lax.map(one, jnp.arange(sets), batch_size=8)
        parts = estimators.bias_variance(found, jnp.broadcast_to(TRUTH, found.shape[1:]))
        return parts._asdict() | {
            "bias": found.mean(0) - TRUTH[None],
            "off": (1.0 * (abs(found - TRUTH[None, None]) > 0.25 * DEVIATION[None, None])).mean(0),
        }

    return lab.Trial(lambda: jnp.zeros(()), finish=finish)


def likelihood(weights: Array, features: Array, y: Array) -> Array:
    """−log p(y | features·weights) for Gaussian noise of variance 0.25."""
    return 2 * jnp.square(y - features @ weights).sum() + 0.5 * len(y) * jnp.log(0.5 * jnp.pi)


def least_absolute(x: Array, y: Array) -> Array:
    """Intercept and slope of least Σ|y − a − bx|: among the best lines is one through two of the points, so try all."""
    i, j = np.triu_indices(len(x), 1)
    slopes = (y[i] - y[j]) / (x[i] - x[j])
    intercepts = y[i] - slopes * x[i]
    errors = abs(y[None] - intercepts[:, None] - slopes[:, None] * x[None]).sum(1)
    best = errors.argmin()
    return jnp.stack([intercepts[best], slopes[best]])


def outlier(key: Array, *, size: Array, at: Array, n: int, sets: int) -> lab.Trial:
    """A line 1 + 2x, noise 0.5, inputs between −1 and 1; the last example lies at x = `at`, `size` above the line."""

    def one(key):
        k_inputs, k_noise, k_start = jax.random.split(key, 3)
        x = jax.random.uniform(k_inputs, (n,), minval=-1.0, maxval=1.0).at[-1].set(at)
        quiet = 1 + 2 * x + (0.5 * jax.random.normal(k_noise, (n,))).at[-1].set(0.0)
        y = quiet.at[-1].add(size)
        features = jnp.stack([jnp.ones_like(x), x], axis=1)
        squared, before = (ridge.fit(x[:, None], v[:, None]).weights[0, 0] for v in (y, quiet))
        start = jax.random.normal(k_start, (2,))
        step = jnp.linalg.solve(
            jax.hessian(likelihood)(start, features, y), jax.grad(likelihood)(start, features, y)
        )  # the likelihood is quadratic: Newton's method arrives in one step
        leverage = (at - x.mean()) / jnp.square(x - x.mean()).sum()
        return {
            "squared": abs(squared - 2),
            "absolute": abs(least_absolute(x, y)[1] - 2),
            "shift_off_law": abs(squared - before - leverage * size) / (1 + size),
            "off_likelihood": abs((start - step)[1] - squared) / (1 + size),
        }

    def finish(_):
        found = jax.vmap(one)(jax.random.split(lab.streams(key, "sets")[0], sets))
        return {name: of.max() if "off" in name else of.mean() for name, of in found.items()}

    return lab.Trial(lambda: jnp.zeros(()), finish=finish)
