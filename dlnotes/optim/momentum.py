"""Momentum in the notes' three conventions and Nesterov's in both forms, each a matter of numbers.

Optax has the parts: ee147's and the lectures' v ← αv − εg is `optax.chain(optax.scale_by_learning_rate(ε),
optax.trace(α))`; cs182's g + μ·(the last) is `optax.sgd(ε, α)`; the formulas' average is `optax.ema(β, debias=False)`;
Nesterov's by a change of variables is `optax.sgd(ε, α, nesterov=True)`. What it lacks: which of them runs is data here,
so that comparing them is one compiled program; and Nesterov's other form, the gradient at θ + αv.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Float, Int


class Convention(NamedTuple):
    """What enters the velocity; each field is 0 or 1, and may be traced."""

    rate_inside: ArrayLike
    """1: v ← αv + εₜg, θ ← θ − v; 0: v ← αv + g, θ ← θ − εₜv. They part where the rate changes."""
    averaged: ArrayLike
    """1: the gradient enters with weight 1 − α, so that v is a mean of gradients; 0: with weight 1, v is a sum."""


HEAVY_BALL = Convention(1.0, 0.0)
"""v ← αv − εg, θ ← θ + v: ee147 Optimizing Gradient Descent, lectures Momentum."""
ACCUMULATED = Convention(0.0, 0.0)
"""gₖ = ∇ + μgₖ₋₁, θ ← θ − αgₖ: cs182 3.3.1 Algorithm 3."""
AVERAGED = Convention(0.0, 1.0)
"""V ← βV + (1 − β)∇, W ← W − αV, without bias correction: formulas 2.4.3 Algorithm 2."""


class MomentumState(NamedTuple):
    """Steps done, and what they have gathered: v in the sense of the gradient, so that steps go against it."""

    count: Int[Array, ""]
    trace: optax.Updates


class LookAheadState(NamedTuple):
    """The last step v, and the state of the method that made it."""

    step: optax.Updates
    inner: Any


def sgd(
    learning_rate: optax.ScalarOrSchedule,
    momentum: ArrayLike = 0.9,
    convention: Convention = HEAVY_BALL,
    nesterov: ArrayLike = 0.0,
) -> optax.GradientTransformation:
    """Descent with momentum: v ← αv + wₜg, θ ← θ − oₜv, where `convention` says what wₜ and oₜ are.

    w is 1 or εₜ, by 1 − α if averaged; o is what is left of εₜ. `nesterov` 1 steps by wₜg + αv instead of v: Nesterov's
    method with θ̃ = θ + αv in θ's place, where every gradient is taken. All numbers may be traced, a schedule's too.
    At a constant rate the three conventions are one (see `equivalent_rate`); where it decays only a velocity with the
    rate inside remembers the old rates. Trap: ee147 allows α = 1, with which nothing settles. Sources: ee147 Optimizing
    Gradient Descent; cs182 3.3.1; formulas 2.4.3; lectures Momentum.
    """

    def init(params: optax.Params) -> MomentumState:
        return MomentumState(jnp.zeros((), jnp.int32), optax.tree.zeros_like(params))

    def update(updates: optax.Updates, state: Any, params: Any = None) -> tuple[optax.Updates, MomentumState]:
        del params
        rate = learning_rate(state.count) if callable(learning_rate) else learning_rate
        inside = jnp.asarray(convention.rate_inside) > 0
        weight = jnp.where(inside, rate, 1.0) * jnp.where(jnp.asarray(convention.averaged) > 0, 1.0 - momentum, 1.0)
        outside, ahead = jnp.where(inside, 1.0, rate), jnp.asarray(nesterov) > 0

        def remember(g: Array, v: Array) -> Array:
            return jnp.asarray(momentum * v + weight * g, v.dtype)

        def step(g: Array, v: Array) -> Array:
            return jnp.asarray(-outside * jnp.where(ahead, momentum * v + weight * g, v), v.dtype)

        trace = jax.tree.map(remember, updates, state.trace)
        return jax.tree.map(step, updates, trace), MomentumState(jnp.asarray(optax.safe_increment(state.count)), trace)

    return optax.GradientTransformation(init, update)


def equivalent_rate(
    learning_rate: ArrayLike, momentum: ArrayLike, convention: Convention = AVERAGED
) -> Float[Array, "*shape"]:
    """The rate with which `convention` takes the steps of the heavy ball at rate ε: ε/(1 − α) if averaged, else ε.

    An average starts as small as (1 − α)g, so it needs the larger rate. For a constant rate, 0 ≤ α < 1; inf at α = 1.
    """
    return jnp.asarray(learning_rate) / jnp.where(jnp.asarray(convention.averaged) > 0, 1.0 - momentum, 1.0)


def look_ahead(method: optax.GradientTransformation, momentum: ArrayLike) -> optax.GradientTransformationExtraArgs:
    """Nesterov's momentum as first printed: `method` is given the gradient at θ + αv, where v is its last step.

    `method` is `sgd(ε, α)`: v ← αv − ε∇f(θ + αv), θ ← θ + v; or `adaptive.rmsprop(ε, momentum=α)`: RMSProp with
    Nesterov momentum. α has to be given to both. Needs `update(grads, state, params, value_fn=fun)`, and takes the
    gradient of `fun` itself: `grads` is not looked at, so under `jit` one gradient is computed a step, not two.
    θ + αv of this form are the iterates of `sgd(ε, α, nesterov=1)`. Traps: with minibatches `fun` has to be the loss of
    this step's batch; the lectures print θ ← θ̃ + v, which goes αv too far. Sources: ee147 Optimizing Gradient Descent;
    lectures Nesterov Momentum, Adaptive Learning.
    """
    ready = optax.with_extra_args_support(method)

    def init(params: optax.Params) -> LookAheadState:
        return LookAheadState(optax.tree.zeros_like(params), ready.init(params))

    def update(updates, state: Any, params=None, *, value_fn: Callable | None = None, **extra: Any):
        del updates
        if params is None or value_fn is None:
            raise ValueError("looking ahead needs the point and the function: update(grads, state, params, value_fn=f)")
        ahead = jax.tree.map(lambda x, v: (x + momentum * v).astype(x.dtype), params, state.step)
        step, inner = ready.update(jax.grad(value_fn)(ahead), state.inner, params, value_fn=value_fn, **extra)
        return step, LookAheadState(step, inner)

    return optax.GradientTransformationExtraArgs(init, update)
