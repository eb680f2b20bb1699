"""Trials of bias_variance: polynomials fitted to many data sets at once."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from dlnotes import lab
from dlnotes.classical import ridge
from dlnotes.maths import estimators
from dlnotes.maths.polynomials import legendre

POINTS = (np.arange(100) + 0.5) / 50 - 1  # where fits are compared with the truth: evenly between −1 and 1
STRENGTHS = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)


def wave(x: Array | np.ndarray) -> Array:
    """What is to be learned; no polynomial, but nearly one of degree 8."""
    return jnp.sin(4 * x + 1)


def inputs_and_noise(key: Array, count: int) -> tuple[Array, Array]:
    """Inputs between −1 and 1, all alike likely, and standard normal noise."""
    k_inputs, k_noise = lab.streams(key, "inputs", "noise")
    return jax.random.uniform(k_inputs, (count,), minval=-1.0, maxval=1.0), jax.random.normal(k_noise, (count,))


def least_squares(x: Array, y: Array, degree: Array, highest: int) -> tuple[Array, Array]:
    """The polynomials of this degree nearest to each column of y, at POINTS and at x; columns are data and no noise.

    Features of higher degrees are 0 and so get weight 0.
    """
    kept = jnp.arange(highest + 1) <= degree
    fitted = ridge.fit(legendre(x, highest) * kept[None], y, intercept=False)
    return tuple(ridge.predict(fitted, legendre(at, highest) * kept[None]) for at in (jnp.asarray(POINTS), x))


def with_and_without(quiet: Array, noise: Array) -> Array:
    """Two columns: values with noise, and without."""
    return jnp.stack([quiet + noise, quiet], axis=-1)


def averaged(fits: Array, truth: Array) -> dict[str, Array]:
    """Bias², variance and error, mean over the points; `fits` [sets, points, 2] are to values with and without noise.

    Both have the same mean over data sets, as fits are linear in the values, but without noise it is known far better:
    bias² is measured there, less variance/(sets − 1), which the mean of so many adds to it. `identity` is
    |bias² + variance − error|/error of the fits to noise, all three measured on them.
    """
    noisy, quiet = (estimators.bias_variance(fits[..., column], truth) for column in (0, 1))
    bias_squared, variance, error = (part.mean() for part in noisy)
    return {
        "bias_squared": quiet.bias_squared.mean() - quiet.variance.mean() / (len(fits) - 1),
        "variance": variance,
        "error": error,
        "identity": abs(bias_squared + variance - error) / error,
    }


def degrees(
    key: Array, *, degree: Array, inputs: Array, noise: Array, n: int, sets: int, highest: int, shown: int
) -> lab.Trial:
    """Fits of one degree to many data sets of n examples, with new inputs each (inputs = 0) or all the same (1)."""

    def finish(_):
        x, xi = (flat.reshape(sets, n) for flat in inputs_and_noise(key, sets * n))
        x = jnp.where(inputs > 0, x[:1], x)
        y = with_and_without(wave(x), noise * xi)
        fits, at_inputs = jax.vmap(lambda x, y: least_squares(x, y, degree, highest))(x, y)
        law = noise**2 * (degree + 1) / n
        return averaged(fits, wave(POINTS)) | {
            "variance_over_law": jnp.var(at_inputs[..., 0], axis=0).mean() * sets / (sets - 1) / law,
            "fits": fits[:shown, :, 0],
        }

    return lab.Trial(lambda: jnp.zeros(()), finish=finish)


def sizes(smallest: int, count: int) -> tuple[int, ...]:
    """`count` numbers of examples, half a decade apart."""
    return tuple(round(smallest * 10 ** (i / 2)) for i in range(count))


def more_data(
    key: Array, *, degree: Array, noise: Array, smallest: int, count: int, sets: int, highest: int
) -> lab.Trial:
    """Fits of one degree to the first examples of each data set: the smallest number of them, and half decades more."""
    counts = sizes(smallest, count)

    def one(key):
        x, xi = inputs_and_noise(key, counts[-1])
        y = with_and_without(wave(x), noise * xi)
        return jnp.stack([least_squares(x[:n], y[:n], degree, highest)[0] for n in counts])

    def finish(_):
        keys = jax.random.split(lab.streams(key, "sets")[0], sets)
        fits = jax.lax.map(one, keys, batch_size=4)  # few at a time: a data set has thousands of examples
        return jax.vmap(averaged, in_axes=(1, None))(fits, wave(POINTS))

    return lab.Trial(lambda: jnp.zeros(()), finish=finish)


def regimes(key: Array, *, degree: Array, noise: Array, planted: int, n: int, sets: int, highest: int) -> lab.Trial:
    """Fits of one degree, with L2 penalties, to a truth of degree `planted`: of mean square 1, alike in each degree."""
    k_signs, k_sets = lab.streams(key, "signs", "sets")
    j = jnp.arange(planted + 1)
    weights = jax.random.rademacher(k_signs, (planted + 1,)) * jnp.sqrt((2 * j + 1) / (planted + 1))
    kept = jnp.arange(1, highest + 1) <= degree

    def features(x):
        return legendre(x, highest)[:, 1:] * kept[None]

    def fit(x, y):
        path = ridge.fit(features(x), y, jnp.asarray(STRENGTHS))  # the intercept is not penalized
        return ridge.predict(path, features(jnp.asarray(POINTS)))

    def finish(_):
        x, xi = (flat.reshape(sets, n) for flat in inputs_and_noise(k_sets, sets * n))
        fits = jax.vmap(fit)(x, with_and_without(legendre(x, planted) @ weights, noise * xi))
        return jax.vmap(averaged, in_axes=(1, None))(fits, legendre(jnp.asarray(POINTS), planted) @ weights)

    return lab.Trial(lambda: jnp.zeros(()), finish=finish)
