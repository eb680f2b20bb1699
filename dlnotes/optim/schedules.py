"""Learning rates that change: functions of the number of updates done, 0 at the first; every number may be traced.

Optax's `linear_schedule`, `exponential_decay`, `cosine_decay_schedule` and `contrib.reduce_on_plateau` compare their
numbers in Python, so that a sweep over them compiles each; these do not. They compose: `linear_warmup(cosine(...), W)`,
`staircase(exponential(...), s)`, `restarted(cosine(...), s)`. Where the notes' t is an epoch, wrap in `staircase`.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Float, Int


def inverse_time(learning_rate: ArrayLike, decay: ArrayLike) -> optax.Schedule:
    """αₜ = α₀/(1 + rt): halved after 1/r steps. Source: formulas 2.4.7."""
    return lambda count: jnp.asarray(learning_rate) / (1.0 + decay * jnp.asarray(count))


def exponential(learning_rate: ArrayLike, decay: ArrayLike) -> optax.Schedule:
    """αₜ = α₀ rᵗ, 0 < r ≤ 1. Source: formulas 2.4.7."""
    return lambda count: jnp.asarray(learning_rate) * jnp.power(decay, jnp.asarray(count))


def inverse_sqrt(learning_rate: ArrayLike, scale: ArrayLike = 1.0) -> optax.Schedule:
    """αₜ = α₀ k/√t with t = count + 1, so that the first rate is kα₀: at t = 0 it would be infinite. formulas 2.4.7."""
    return lambda count: jnp.asarray(learning_rate) * scale / jnp.sqrt(jnp.asarray(count) + 1.0)


def linear_decay(learning_rate: ArrayLike, steps: ArrayLike, end: ArrayLike = 0.0) -> optax.Schedule:
    """εₖ = (1 − a)ε₀ + a·ε_τ, a = min(1, k/τ): from ε₀ down to `end` at step τ, constant from there on.

    The minimum is missing in the lectures, where the rate goes on to fall below 0. Source: lectures Stochastic Gradient
    Descent.
    """

    def schedule(count: ArrayLike) -> Array:
        done = jnp.minimum(1.0, jnp.asarray(count) / jnp.maximum(steps, 1.0))
        return jnp.asarray((1.0 - done) * learning_rate + done * end)

    return schedule


def cosine(learning_rate: ArrayLike, steps: ArrayLike, end: ArrayLike = 0.0) -> optax.Schedule:
    """αₜ = α_end + ½(α₀ − α_end)(1 + cos πa), a = min(1, t/T): slow, fast, slow (Loshchilov & Hutter 2017)."""

    def schedule(count: ArrayLike) -> Array:
        done = jnp.minimum(1.0, jnp.asarray(count) / jnp.maximum(steps, 1.0))
        return jnp.asarray(end + 0.5 * jnp.subtract(learning_rate, end) * (1.0 + jnp.cos(jnp.pi * done)))

    return schedule


def table(steps: Int[ArrayLike, " rows"], rates: Float[ArrayLike, " rows"]) -> optax.Schedule:
    """Set by hand: each rate from its step on, until the next row's; before the first row that row's rate.

    Rows may come in any order. Raises ValueError if there is not one rate for each step. Source: formulas 2.4.7.
    """
    at, values = jnp.asarray(steps), jnp.asarray(rates)
    if at.ndim != 1 or at.shape != values.shape or at.size == 0:
        raise ValueError(f"a table has one rate for each step, got steps of shape {at.shape}, rates {values.shape}")
    order = jnp.argsort(at)
    at, values = at[order], values[order]

    def schedule(count: ArrayLike) -> Array:
        row = jnp.searchsorted(at, jnp.asarray(count), side="right", method="compare_all") - 1
        return values[jnp.maximum(row, 0)]

    return schedule


def staircase(schedule: optax.Schedule, steps: ArrayLike) -> optax.Schedule:
    """t → schedule(⌊t/s⌋): one value for `steps` updates, so that its t counts epochs. formulas 2.4.7, ee147."""
    return lambda count: schedule(jnp.floor_divide(count, jnp.maximum(steps, 1)))


def restarted(schedule: optax.Schedule, steps: ArrayLike) -> optax.Schedule:
    """t → schedule(t mod s): begins again every `steps` updates; each cycle's end is a place for a snapshot."""
    return lambda count: schedule(jnp.mod(count, jnp.maximum(steps, 1)))


def linear_warmup(learning_rate: optax.ScalarOrSchedule, steps: ArrayLike) -> optax.Schedule:
    """αₜ = α min(1, t/W), t = count + 1, over W steps; none for W ≤ 1. A schedule begins at its 0 when α is reached.

    Both arguments may be traced, unlike those of `optax.linear_schedule`.
    """

    def schedule(count: ArrayLike) -> Array:
        after = jnp.maximum(jnp.add(count, 1) - jnp.maximum(steps, 1), 0)
        rate = learning_rate(after) if callable(learning_rate) else learning_rate
        return jnp.asarray(rate) * jnp.minimum(1.0, jnp.add(count, 1) / jnp.maximum(steps, 1.0))

    return schedule


def warmup_cosine(
    learning_rate: ArrayLike, warmup: ArrayLike, steps: ArrayLike, end: ArrayLike = 0.0
) -> optax.Schedule:
    """Up to α over W steps in a line, then down to `end` at step T in a cosine; `steps` T counts the warm-up.

    `optax.warmup_cosine_decay_schedule(0, α, W, T, end)` one step ahead, so that the first rate is not 0.
    """
    return linear_warmup(cosine(learning_rate, jnp.asarray(steps) - jnp.maximum(warmup, 1), end), warmup)


class PlateauState(NamedTuple):
    """Factor reached; best value; tests since it that were no better; rest left; mean, number of new values."""

    scale: Float[Array, ""]
    best: Float[Array, ""]
    bad: Int[Array, ""]
    rest: Int[Array, ""]
    mean: Float[Array, ""]
    seen: Int[Array, ""]


def reduce_on_plateau(
    factor: ArrayLike = 0.1,
    patience: ArrayLike = 10,
    cooldown: ArrayLike = 0,
    rtol: ArrayLike = 1e-4,
    atol: ArrayLike = 0.0,
    window: ArrayLike = 1,
    smallest: ArrayLike = 0.0,
) -> optax.GradientTransformationExtraArgs:
    """Multiply the steps by `factor` each time `patience` values in a row are no better than the best so far.

    Better: value < best − rtol·|best| − atol. After a reduction `cooldown` values are only looked at. Each value is the
    mean of `window` ones, for losses of minibatches; the factors' product stops at `smallest`. A value that is not
    finite is no better. Needs `update(updates, state, params, value=loss)`. The same as
    `optax.contrib.reduce_on_plateau` for values above 0 (that one takes equal values below 0 for better).
    Sources: ee147 Optimizing Gradient Descent; lectures Stochastic Gradient Descent (by the validation error).
    """

    def init(params: optax.Params) -> PlateauState:
        kind, none = optax.tree.dtype(params, "highest"), jnp.zeros((), jnp.int32)
        one = jnp.ones((), kind)
        return PlateauState(one, jnp.inf * one, none, none, 0 * one, none)

    def test(state: PlateauState) -> PlateauState:
        bar = jnp.where(jnp.isinf(state.best), state.best, state.best - rtol * jnp.abs(state.best) - atol)
        better = (state.mean < bar) & jnp.isfinite(state.mean)
        resting = state.rest > 0
        bad = jnp.where(better | resting, 0, state.bad + 1)
        reduce = bad >= jnp.maximum(patience, 1)
        scale = jnp.where(reduce, jnp.maximum(state.scale * factor, smallest), state.scale)
        rest = jnp.where(reduce, cooldown, jnp.maximum(state.rest - 1, 0))
        best = jnp.where(better, state.mean, state.best)
        return PlateauState(scale, best, jnp.where(reduce, 0, bad), rest, 0 * state.scale, 0 * state.seen)

    def update(updates, state: Any, params=None, *, value: ArrayLike | None = None, **_: Any):
        if value is None:
            raise ValueError("a plateau is one of a value: update(updates, state, params, value=loss)")
        seen = state.seen + 1
        value = jnp.asarray(value, state.mean.dtype)
        state = state._replace(mean=state.mean + (value - state.mean) / seen, seen=seen)
        full, tested = seen >= window, test(state)
        kept = jax.tree.map(lambda new, old, like: jnp.where(full, new, old).astype(like.dtype), tested, state, state)
        return jax.tree.map(lambda u: (kept.scale * u).astype(u.dtype), updates), kept

    return optax.GradientTransformationExtraArgs(init, update)
