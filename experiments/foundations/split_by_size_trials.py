"""Trials of split_by_size: linear models learned from, chosen by and tested on any number of examples."""

import jax
import jax.numpy as jnp
from jax import Array

from dlnotes import lab
from dlnotes.classical import ridge


def triangle(squares: Array, normals: Array) -> Array:
    """Lower triangular A from χ² of n, n − 1, … degrees of freedom and standard normal numbers (Bartlett).

    AAᵀ is distributed as the sum of n products ξξᵀ of standard normal vectors.
    """
    return jnp.tril(normals, -1) + jnp.diag(jnp.sqrt(squares))


def chi_square(key: Array, freedom: Array, sets: int) -> Array:
    """χ² numbers [sets, …] of these degrees of freedom, 0 where there are none."""
    drawn = jax.random.chisquare(key, jnp.maximum(freedom, 1.0), (sets, *freedom.shape))
    return jnp.where(freedom > 0, drawn, 0.0)


def splitting(key: Array, *, examples: Array, held: Array, weak: Array, features: int, sets: int) -> lab.Trial:
    """Two linear models: one has all features, one only the first half, as the others together explain but `weak`.

    Noise has variance 1, `held` is the share of the examples for development, and again for testing. Examples are not
    drawn one by one: of x ~ N(0, I) least squares needs only RᵀR = XᵀX, R triangular, and Rw + noise; development
    needs the sums of squares and products of two Gaussian residuals, testing that of one.
    """
    k_squares, k_inputs, k_noise, k_dev = lab.streams(key, "squares", "inputs", "noise", "development")
    half = jnp.arange(features) < features // 2
    true = jnp.where(half, 1.0, jnp.sqrt(2 * weak / features))
    kept = jnp.stack([half, jnp.ones(features, bool)])  # the small model, the large one
    held_out = jnp.round(held * examples)

    def one(squares, inputs, noise, below):
        r = triangle(squares[:features], inputs.reshape(features, features)).T
        targets = r @ true + noise
        fits = jax.vmap(lambda few: ridge.fit(r * few[None], targets[:, None], intercept=False).weights[:, 0])(kept)
        missed = true[None] - fits
        risks = 1 + jnp.square(missed).sum(-1)
        development = jnp.linalg.cholesky(1 + missed @ missed.T) @ triangle(
            squares[features:-1], jnp.full((2, 2), below)
        )
        choice = jnp.square(development).sum(-1).argmin()
        return risks, risks[choice], choice, squares[-1] / held_out

    def finish(_):
        learned = examples - 2 * held_out
        freedom = jnp.concatenate([learned - jnp.arange(features), held_out - jnp.arange(2), held_out[None]])
        risks, taken, choice, test_over_risk = jax.vmap(one)(
            chi_square(k_squares, freedom, sets),
            jax.random.normal(k_inputs, (sets * features**2,)).reshape(sets, -1),
            jax.random.normal(k_noise, (sets * features,)).reshape(sets, -1),
            jax.random.normal(k_dev, (sets,)),
        )
        return {
            "test_spread": jnp.std(test_over_risk, ddof=1),
            "right": (choice == risks.argmin(1)).mean(),
            "excess": taken.mean() - 1,
            "least_excess": risks.min(1).mean() - 1,
        }

    return lab.Trial(lambda: jnp.zeros(()), finish=finish)
