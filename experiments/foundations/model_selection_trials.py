"""Trials of model_selection: the degree of a polynomial, chosen without test data."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from dlnotes import lab
from dlnotes.classical import ridge
from dlnotes.maths import estimators
from dlnotes.maths.polynomials import legendre

CHOOSERS = ("training", "hold-out", "5 folds", "AIC", "corrected AIC", "BIC")
PLANTED = 3
FOLDS = 5
POINTS = (np.arange(100) + 0.5) / 50 - 1  # where fits are compared with the truth: evenly between −1 and 1


def truth(x: Array | np.ndarray, planted: Array) -> Array:
    """sin(4x + 1), or a cubic."""
    return jnp.where(planted > 0, legendre(jnp.asarray(x), PLANTED)[..., 1:].sum(-1), jnp.sin(4 * x + 1))


def rows_learned_from(n: Array, rows: int) -> tuple[Array, Array]:
    """Which of the rows learn [1 + FOLDS, rows], and validate [FOLDS, rows]: first all n, then all but one fold."""
    i = jnp.arange(rows)
    there = i < n
    held = there[None] & ((i * FOLDS // n)[None] == jnp.arange(FOLDS)[:, None])
    return jnp.concatenate([there[None], there[None] & ~held]), held


def errors(key: Array, n: Array, planted: Array, noise: Array, rows: int, highest: int) -> dict[str, Array]:
    """Of one data set, for every degree: squared error in training, in each fold and on new examples; likelihood."""
    k_inputs, k_noise = jax.random.split(key)
    x = jax.random.uniform(k_inputs, (rows,), minval=-1.0, maxval=1.0)
    y = truth(x, planted) + noise * jax.random.normal(k_noise, (rows,))
    learning, held = rows_learned_from(n, rows)
    columns = jnp.arange(highest + 1)
    here, there = legendre(x, highest), legendre(jnp.asarray(POINTS), highest)

    def fit(rows_in, degree):
        """Weights; rows and columns of zeros change nothing and get weight 0."""
        features = here * rows_in[:, None] * (columns <= degree)[None]
        return ridge.fit(features, (y * rows_in)[:, None], intercept=False).weights[:, 0]

    weights = jax.vmap(jax.vmap(fit, in_axes=(None, 0)), in_axes=(0, None))(1.0 * learning, columns)
    squares = jnp.square(y[None, None] - weights @ here.T)  # [1 + FOLDS, degrees, rows]
    training = (squares[0] * learning[:1]).sum(-1)
    return {
        "train": training / n,
        "validation": (squares[1:] * held[:, None]).sum(-1) / held.sum(-1)[:, None],
        "test": noise**2 + jnp.square(weights[0] @ there.T - truth(POINTS, planted)[None]).mean(-1),
        "log_likelihood": estimators.gaussian_log_likelihood(training, n),
    }


def chosen(found: dict[str, Array], n: Array) -> Array:
    """The degree that each of CHOOSERS takes for one data set."""
    parameters = jnp.arange(len(found["train"])) + 2  # the weights and the noise's variance
    scores = (
        found["train"],
        found["validation"][0],
        found["validation"].mean(0),
        estimators.aic(found["log_likelihood"], parameters),
        estimators.aic(found["log_likelihood"], parameters, n),
        estimators.bic(found["log_likelihood"], parameters, n),
    )
    return jnp.stack(scores).argmin(-1)


def choosing(key: Array, *, n: Array, planted: Array, noise: Array, rows: int, sets: int, highest: int) -> lab.Trial:
    """Degrees from 0 on for many data sets of n examples each, the first of `rows`."""

    def one(i):
        found = errors(jax.random.fold_in(key, i), n, planted, noise, rows, highest)
        degrees = chosen(found, n)
        log_test = jnp.log10(found["test"])
        return {
            "log_train": jnp.log10(found["train"]),
            "log_test": log_test,
            "train_rise": jnp.diff(found["train"]).max() / noise**2,
            "regret": log_test[degrees] - log_test.min(),
            "chosen": 1.0 * degrees,
            "found": 1.0 * (degrees == PLANTED),
        }

    def finish(_):
        found = jax.lax.map(one, jnp.arange(sets), batch_size=4)  # what fits the caches
        return {name: of.max() if name == "train_rise" else of.mean(0) for name, of in found.items()}

    return lab.Trial(lambda: jnp.zeros(()), finish=finish)
