"""Random search for hyperparameters: on which scale to draw, and how good the best of n draws is on average.

On the engine a search is an axis like any other: `lab.run(name, overrides={"rate": draw_settings(key, 16, sampler)})`.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Key

Scale = Float[Array, ""] | float


def log_uniform(key: Key[Array, ""], low: Scale, high: Scale, shape: tuple[int, ...] = ()) -> Float[Array, "*shape"]:
    """α = 10ʳ, r ~ U(log₁₀ low, log₁₀ high), 0 < low ≤ high: every factor of ten is as likely as any other.

    `scipy.stats.loguniform` with a key. Source: formulas 2.5.1.
    """
    ends = jnp.log(jnp.asarray(low)), jnp.log(jnp.asarray(high))
    exponent = jax.random.uniform(key, shape, jnp.result_type(*ends))
    return jnp.exp(ends[0] + (ends[1] - ends[0]) * exponent)


def one_minus_log_uniform(
    key: Key[Array, ""], low: Scale, high: Scale, shape: tuple[int, ...] = ()
) -> Float[Array, "*shape"]:
    """β with 1 − β log-uniform from 1 − high to 1 − low, low ≤ high < 1: for averages, whose window is 1/(1 − β).

    As many draws have windows from 10 to 100 as from 100 to 1000. The trap: in float32 the 1 − β of 0.9999 has three
    digits. Source: formulas 2.5.2.
    """
    return 1.0 - log_uniform(key, 1.0 - jnp.asarray(high), 1.0 - jnp.asarray(low), shape)


def draw_settings(key: Key[Array, ""], count: int, samplers: Any) -> dict[int, Any]:
    """`count` joint draws as an axis of an experiment: number of the draw → value, or NamedTuple of values.

    `samplers` is one function key → number, or a NamedTuple of such: settings of several axes would be crossed, those
    of one NamedTuple are drawn together. Raises ValueError for count < 1.
    """
    if count < 1:
        raise ValueError(f"a search makes at least one draw, got count={count}")
    leaves, structure = jax.tree.flatten(samplers, is_leaf=callable)
    columns = [
        jax.vmap(sampler)(jax.random.split(jax.random.fold_in(key, place), count)).tolist()
        for place, sampler in enumerate(leaves)
    ]
    return {i: jax.tree.unflatten(structure, row) for i, row in enumerate(zip(*columns, strict=True))}


def expected_best(
    results: Float[Array, " results"],
    tries: Float[Array, ""] | float,
    weights: Float[Array, " results"] | None = None,
) -> Float[Array, ""]:
    """E[min of n tries], each one of these results with probability ∝ its weight (equal ones if not given).

    Σᵢ v₍ᵢ₎·(Sᵢⁿ − Sᵢ₊₁ⁿ), Sᵢ the probability of v₍ᵢ₎ or worse: the mean over all searches, with no search simulated.
    `weights` say on which scale was drawn: results on a grid even in log α, weighted by α, are a search on a linear
    scale. Negate for a maximum. The trap: one try that failed (∞ or NaN) is in the mean; cap it first. Raises
    ValueError where weights do not fit. Source: Dodge et al. 2019 (arXiv 1909.03004).
    """
    if weights is not None and jnp.shape(weights) != jnp.shape(results):
        raise ValueError(f"one weight for each result is wanted, got {jnp.shape(weights)} for {jnp.shape(results)}")
    order = jnp.argsort(results)
    weight = (jnp.ones_like(results) if weights is None else jnp.asarray(weights))[order]
    at_least = jnp.cumsum(weight[::-1])[::-1] / jnp.sum(weight)
    first = at_least**tries - jnp.append(at_least[1:], 0.0) ** tries
    return jnp.sum(jnp.where(first > 0, results[order] * first, 0.0))
