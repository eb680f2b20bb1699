"""How long gradients are while all is well: the threshold of clipping, measured.

Clipping itself is Optax's, and its thresholds may be traced: `optax.clip(c)` element by element (max(min(gᵢ, c), −c)),
`optax.clip_by_global_norm(c)` the whole gradient, g·min(‖g‖, c)/‖g‖. ee147 prints g·c/‖g‖ for every g, long or short,
which is `optax.normalize_by_update_norm(c)`: with it steps never become short. Traps of Optax's: a gradient of 0 under
a threshold of 0 is 0/0, an infinite one NaN; in float32 a norm above 1.8e19 overflows, and the step is 0.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import optax
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Float, Int


class NormsState(NamedTuple):
    """Gradients seen, and the norms of the first of them; NaN where none has come yet."""

    count: Int[Array, ""]
    norms: Float[Array, " steps"]


def record_norms(steps: int) -> optax.GradientTransformation:
    """Pass gradients on as they are and keep the global norms ‖g‖₂ of the first `steps`, an epoch's say, in the state.

    Chained before clipping it sees the gradients, after it the clipped ones. (The last norm alone:
    `optax.snapshot("norm", optax.tree.norm)`.) Source: cs182 4.5.
    """
    if steps < 1:
        raise ValueError(f"at least one norm has to be kept, got steps={steps}")

    def init(params: optax.Params) -> NormsState:
        return NormsState(jnp.zeros((), jnp.int32), jnp.full(steps, jnp.nan, optax.tree.dtype(params, "highest")))

    def update(updates: optax.Updates, state: Any, params: Any = None) -> tuple[optax.Updates, NormsState]:
        del params
        norm = jnp.asarray(optax.tree.norm(updates)).astype(state.norms.dtype)
        norms = state.norms.at[state.count].set(norm, mode="drop")
        return updates, NormsState(jnp.asarray(optax.safe_increment(state.count)), norms)

    return optax.GradientTransformation(init, update)


def healthy_norm(norms: Float[Array, " steps"], quantile: ArrayLike | None = None) -> Float[Array, ""]:
    """The threshold that an epoch of healthy training suggests: the mean of its gradients' norms, or their quantile.

    0 ≤ `quantile` ≤ 1, may be traced. Norms that are not finite were not healthy, or not recorded: they do not count;
    if none is left the threshold is inf, which clips nothing. Trap: cs182 says "a new epoch" and not which number of
    it; the mean cuts about half the steps of the very epoch it came from. Source: cs182 4.5.
    """
    norms = jnp.asarray(norms)
    finite = jnp.isfinite(norms)
    if quantile is None:
        value = jnp.sum(jnp.where(finite, norms, 0.0)) / jnp.maximum(jnp.sum(finite), 1)
    else:
        value = jnp.nanquantile(jnp.where(finite, norms, jnp.nan), jnp.asarray(quantile, norms.dtype))
    return jnp.where(jnp.any(finite), value, jnp.inf).astype(norms.dtype)
