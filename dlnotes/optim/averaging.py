"""Averages of the parameters along a run, and copies of them at chosen steps.

Of values, Vₜ = βVₜ₋₁ + (1−β)xₜ with V divided by 1 − βᵗ, is `optax.ema(β)`; one step of it without the division is
`optax.incremental_update`. (`optax.snapshot` is something else: it keeps a measurement.)
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Int

from dlnotes.optim.adam import total_weight


class AverageState(NamedTuple):
    """Updates seen, and the average of the points they led to; before the first, the starting point."""

    count: Int[Array, ""]
    average: Any


class SnapshotsState(NamedTuple):
    """Updates seen; copies of the parameters, stacked in front; which of them have been taken."""

    count: Int[Array, ""]
    snapshots: Any
    taken: Bool[Array, " copies"]


def newest_weight(t: ArrayLike, decay: ArrayLike) -> Float[Array, "*shape"]:
    """The share of the t-th value in a bias-corrected mean, (1−β)/(1−βᵗ); 1/t for β = 1, t ≥ 1.

    mean ← mean + share·(value − mean) is then Vₜ/(1−βᵗ) of formulas 2.4.2 without ever being biased (its printed
    divisor 1 − β is right at t = 1 only), and the plain mean in the limit β = 1.
    """
    decay, t = jnp.asarray(decay), jnp.asarray(t)
    plain = decay >= 1
    held = jnp.where(plain, 0.0, decay)
    return jnp.where(plain, 1.0 / t, (1.0 - held) / total_weight(t, held))


def average_params(decay: ArrayLike = 1.0, start: ArrayLike = 0) -> optax.GradientTransformation:
    """Keep the average of the parameters after each update, from update `start` + 1 on; updates pass as they are.

    β = 1: the plain mean of all points (Polyak–Ruppert); β < 1: exponentially weighted, bias-corrected: weights fall to
    1/e in 1/(1−β) points, independent points are averaged as by a mean of (1+β)/(1−β). Both arguments may be traced.
    The average is `state.average`, the current point until `start`. Traps: it has to be the last of a chain, as it adds
    the updates to `params`; the average of a network with batch norm needs its statistics measured again. Sources:
    cs182 4.6.3; formulas 2.4.2; Polyak & Juditsky 1992.
    """

    def init(params: optax.Params) -> AverageState:
        return AverageState(jnp.zeros((), jnp.int32), jax.tree.map(jnp.asarray, params))

    def update(updates: optax.Updates, state: Any, params: Any = None) -> tuple[optax.Updates, AverageState]:
        count = jnp.asarray(optax.safe_increment(state.count))
        weight = newest_weight(jnp.maximum(count - start, 1), decay)

        def blend(mean: Array, new: Array) -> Array:
            return (mean + weight * (new - mean)).astype(mean.dtype)

        return updates, AverageState(count, jax.tree.map(blend, state.average, _after(updates, params)))

    return optax.GradientTransformation(init, update)


def keep_snapshots(steps: Int[ArrayLike, " copies"]) -> optax.GradientTransformation:
    """Keep the parameters as they are after these numbers of updates (1: after the first); updates pass as they are.

    For the ends of a schedule's cycles `cycle * jnp.arange(1, k + 1)`, with `schedules.restarted`. `steps` may be
    traced, their number not. Copies lie along a new first axis of each leaf, the starting point until `taken`: so
    `jax.vmap(predict, (0, None))(state.snapshots, x)` is the ensemble, and a mean over that axis the averaged
    parameters. Trap: has to be the last of a chain. Source: cs182 4.6.3; Huang et al. 2017.
    """
    at = jnp.asarray(steps)
    if at.ndim != 1 or at.size == 0:
        raise ValueError(f"steps are a list of at least one number of updates, got an array of shape {at.shape}")

    def init(params: optax.Params) -> SnapshotsState:
        copies = jax.tree.map(lambda x: jnp.repeat(jnp.asarray(x)[None], at.size, axis=0), params)
        return SnapshotsState(jnp.zeros((), jnp.int32), copies, jnp.zeros(at.size, bool))

    def update(updates: optax.Updates, state: Any, params: Any = None) -> tuple[optax.Updates, SnapshotsState]:
        count = jnp.asarray(optax.safe_increment(state.count))
        now = at == count

        def keep(old: Array, new: Array) -> Array:
            return jnp.where(now.reshape(-1, *[1] * new.ndim), new[None], old)

        copies = jax.tree.map(keep, state.snapshots, _after(updates, params))
        return updates, SnapshotsState(count, copies, state.taken | now)

    return optax.GradientTransformation(init, update)


def _after(updates: Any, params: Any) -> Any:
    """The parameters that these updates lead to."""
    if params is None:
        raise ValueError("an average of parameters needs them: update(grads, state, params)")
    return optax.apply_updates(params, updates)
