"""AdaGrad and RMSProp with the small constant wherever the notes put it: in the root, after it, or nowhere.

Optax has some of them: `optax.scale_by_rms(β, ε, eps_in_sqrt=...)` is RMSProp, by default with ε in the root and
β = 0.9 (ee147: 0.99); `optax.scale_by_rss` is AdaGrad with ε in the root and, by default, a sum that starts at 0.1.
What is here: the place of ε and the bias correction are numbers, nowhere is a place, and 0/0 is a step of 0.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Float, Int

from dlnotes.optim import momentum as momenta
from dlnotes.optim.adam import total_weight


class Epsilon(NamedTuple):
    """The small constants of the divisor √(s + inside) + outside; both may be traced, and 0."""

    inside: ArrayLike = 0.0
    """In the root, as a square: divisors are at least √inside, 1e-4 for 1e-8."""
    outside: ArrayLike = 0.0
    """After the root: divisors are at least this."""


OUTSIDE = Epsilon(outside=1e-7)
"""As ee147 prints both methods."""
ABSENT = Epsilon()
"""As cs182 prints both methods: where the gradient always was 0 the step would be 0/0; here it is 0."""


class RootState(NamedTuple):
    """Steps done, the accumulated squares s, and how many entries of the last direction were 0/0 and became 0."""

    count: Int[Array, ""]
    squares: optax.Updates
    undefined: Int[Array, ""]


def divisor(squares: Float[Array, "*shape"], epsilon: Epsilon) -> Float[Array, "*shape"]:
    """√(s + inside) + outside; the rate over it is the effective rate of a coordinate. Its slope at 0 is finite."""
    radicand = squares + epsilon.inside
    root = jnp.where(radicand == 0, 0.0, jnp.sqrt(jnp.where(radicand == 0, 1.0, radicand)))
    return root + epsilon.outside


def scale_by_adagrad(epsilon: Epsilon = OUTSIDE, initial: ArrayLike = 0.0) -> optax.GradientTransformation:
    """AdaGrad's direction g/(√s + ε) with s ← s + g², s₀ = `initial`: a divisor that can only grow.

    `Epsilon(inside=ε)` is `optax.scale_by_rss(initial, ε)`. The first direction is sign(g), whatever the gradients'
    scale. In every form a gradient of 0 gives 0. Trap: |g| below about 1e-19 has a square of 0 in float32; without ε
    such a step is 0 as well, and counted. The lectures' words say the root of the sum of gradients: it is of squares.
    Sources: ee147 Optimizing Gradient Descent (ε outside, 1e-7); lectures Adaptive Learning (outside); cs182 3.3.3
    (absent); Duchi et al. 2011.
    """
    return _scale_by_root(1.0, 1.0, epsilon, initial, corrected=0.0)


def scale_by_rmsprop(
    decay: ArrayLike = 0.99,
    epsilon: Epsilon = OUTSIDE,
    corrected: ArrayLike = 0.0,
    initial: ArrayLike = 0.0,
) -> optax.GradientTransformation:
    """RMSProp's direction g/(√s + ε) with s ← βs + (1−β)g², s₀ = `initial`; `corrected` 1 takes s/(1 − βᵗ) for s.

    Without correction, from s₀ = 0, the first direction is sign(g)/√(1−β), ten times too long for β = 0.99. With it
    the direction is Adam's with β₁ = 0. All numbers may be traced; a gradient of 0 gives 0, in every form.
    The same as `optax.scale_by_rms` where it has it. Traps: the formulas weight g² by 1 − β of the *momentum*; the
    lectures print √(δr + r), which is neither place of ε. Sources: ee147 Optimizing Gradient Descent (ε outside,
    β = 0.99); cs182 3.3.2 (absent); formulas 2.4.4 (outside); lectures Adaptive Learning (meant inside).
    """
    return _scale_by_root(decay, 1.0 - decay, epsilon, initial, corrected)


def adagrad(
    learning_rate: optax.ScalarOrSchedule, epsilon: Epsilon = OUTSIDE, initial: ArrayLike = 0.0
) -> optax.GradientTransformation:
    """θ ← θ − ε g/(√s + ν), s ← s + g²: `scale_by_adagrad` with a step size."""
    return optax.chain(scale_by_adagrad(epsilon, initial), momenta.sgd(learning_rate, 0.0))


def rmsprop(
    learning_rate: optax.ScalarOrSchedule,
    decay: ArrayLike = 0.99,
    epsilon: Epsilon = OUTSIDE,
    momentum: ArrayLike = 0.0,
    nesterov: ArrayLike = 0.0,
    corrected: ArrayLike = 0.0,
) -> optax.GradientTransformation:
    """v ← αv − ε g/(√s + ν), θ ← θ + v, s ← βs + (1−β)g²: the scaled gradient in `momentum.sgd`; plain for α = 0.

    The rate is inside the velocity, as ee147 has it and `optax.rmsprop(momentum=α)`. `nesterov` 1 is Nesterov's
    momentum by a change of variables; its points are the θ + αv of the lectures' form by looking ahead,
    `momentum.look_ahead(rmsprop(ε, momentum=α), α)`. Trap: ee147 writes v for the velocity and for ν.
    Sources: ee147 Optimizing Gradient Descent; lectures Adaptive Learning (no ν; adds αv twice).
    """
    scaled = scale_by_rmsprop(decay, epsilon, corrected)
    return optax.chain(scaled, momenta.sgd(learning_rate, momentum, momenta.HEAVY_BALL, nesterov))


def _scale_by_root(
    keep: ArrayLike, weight: ArrayLike, epsilon: Epsilon, initial: ArrayLike, corrected: ArrayLike
) -> optax.GradientTransformation:
    """g over the root of s ← keep·s + weight·g²."""

    def init(params: optax.Params) -> RootState:
        none = jnp.zeros((), jnp.int32)
        return RootState(none, optax.tree.full_like(params, initial), none)

    def update(updates: optax.Updates, state: Any, params: Any = None) -> tuple[optax.Updates, RootState]:
        del params
        t = jnp.asarray(optax.safe_increment(state.count))
        squares = jax.tree.map(lambda g, s: (keep * s + weight * jnp.square(g)).astype(s.dtype), updates, state.squares)
        seen = jnp.where(jnp.asarray(corrected) > 0, total_weight(t, keep), 1.0)
        below = jax.tree.map(lambda s: divisor(s / seen, epsilon).astype(s.dtype), squares)
        direction = jax.tree.map(lambda g, d: jnp.where(d == 0, 0.0, g / jnp.where(d == 0, 1.0, d)), updates, below)
        return direction, RootState(t, squares, _undefined(squares, epsilon))

    return optax.GradientTransformation(init, update)


def _undefined(squares: optax.Updates, epsilon: Epsilon) -> Int[Array, ""]:
    """How many divisors are 0, which takes ε = 0 and a square of 0: counting takes several times an update's time."""
    leaves = jax.tree.leaves(squares)
    least = functools.reduce(jnp.minimum, [jnp.min(s, initial=jnp.inf) for s in leaves], jnp.inf)

    def count() -> Array:
        return sum((jnp.sum(s == 0, dtype=jnp.int32) for s in leaves), jnp.zeros((), jnp.int32))

    possible = (jnp.asarray(epsilon.inside) + jnp.asarray(epsilon.outside) == 0) & ~(least > 0)  # NaN: they are counted
    return jax.lax.cond(possible, count, lambda: jnp.zeros((), jnp.int32))
