"""Early stopping inside a compiled loop: the best parameters so far, and when to give up hoping for better ones.

A loop of its own stops computing:

    jax.lax.while_loop(lambda c: ~c.stopping.stopped & (c.t < limit), train_and_validate, start)

A scan computes all its steps, and only freezes: keep the training state by `optax.tree.where(stopped, old, new)`. Under
`vmap` both cost as many steps as the lane that stops last. (`flax.training.early_stopping.EarlyStopping` decides in
Python, and keeps no parameters.)
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Int, PyTree


class EarlyStoppingState(NamedTuple):
    """Where the best value stood, and how long ago.

    `params` are those of the best value, the ones to go on with. `best_count` is the number of that value (0 the
    first, −1 before any), `count` how many were looked at, `waited` how many of them since were no improvement.
    """

    best: Float[Array, ""]
    params: PyTree
    best_count: Int[Array, ""]
    count: Int[Array, ""]
    waited: Int[Array, ""]
    stopped: Bool[Array, ""]


def init(params: PyTree) -> EarlyStoppingState:
    """Nothing seen yet: best value ∞, at `params`."""
    none = jnp.zeros((), jnp.int32)
    params = jax.tree.map(jnp.asarray, params)
    return EarlyStoppingState(jnp.full((), jnp.inf, float), params, none - 1, none, none, jnp.zeros((), bool))


def update(
    state: EarlyStoppingState,
    value: Float[ArrayLike, ""],
    params: PyTree,
    patience: Int[ArrayLike, ""],
    min_improvement: Float[ArrayLike, ""] = 0.0,
) -> EarlyStoppingState:
    """Look at a validation error and the parameters that made it; stop after `patience` values without improvement.

    Better: value < best − min_improvement, so NaN never is. `patience` p ≥ 1 (less counts as 1): the loop stops p
    values after the best one, so p more are computed than are needed. Once stopped nothing changes any more. To
    maximize, negate. To train again on all data, do so for as many steps as lie before value `best_count`. Traps:
    improvements smaller than `min_improvement` never add up, since `best` stays; the best validation error is too
    good, as the smallest of many. If no value was ever below ∞, `params` are those of `init`.

    Sources: lectures Early Stopping; Goodfellow, Bengio & Courville 2016, algorithms 7.1 and 7.2.
    """
    value = jnp.asarray(value).astype(state.best.dtype)
    if value.ndim:
        raise ValueError(f"early stopping looks at one number at a time, got shape {value.shape}; vmap over lanes")
    better = value < state.best - min_improvement
    waited = jnp.where(better, 0, state.waited + 1)
    new = EarlyStoppingState(
        best=jnp.where(better, value, state.best),
        params=_choose(better, params, state.params),
        best_count=jnp.where(better, state.count, state.best_count),
        count=state.count + 1,
        waited=waited,
        stopped=waited >= jnp.maximum(patience, 1),
    )
    return _choose(state.stopped, state, new)


def _choose(condition: Array, yes: Any, no: Any) -> Any:
    """One of two trees alike; every leaf keeps the second one's dtype."""
    return jax.tree.map(lambda x, y: jnp.where(condition, x, y).astype(y.dtype), yes, no)
