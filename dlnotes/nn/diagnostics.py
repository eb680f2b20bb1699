"""A loss surface and a network's layers, seen from where training stands: matrix-free, for any pytree of parameters."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jaxtyping import Float, PyTree

Loss = Callable[[Any], Array]


class Ray(NamedTuple):
    """The loss surface at θ − η g for each step length η, where g = ∇L(θ)."""

    loss: Float[Array, " points"]
    gradient_change: Float[Array, " points"]
    cosine: Float[Array, " points"]
    distance: Float[Array, " points"]
    gradient_norm: Float[Array, ""]


class CovariateShift(NamedTuple):
    """How far each layer's gradient is moved by the update of the layers before it."""

    difference: Float[Array, " layers"]
    cosine: Float[Array, " layers"]
    norm: Float[Array, " layers"]


def along_gradient(loss: Loss, params: PyTree, step_lengths: Float[Array, " points"]) -> Ray:
    """L(θ − η g), ‖∇L(θ − η g) − g‖₂, cos∠(∇L(θ − η g), g) and the distance η‖g‖, for each η.

    Costs one gradient for each point. At a stationary point the cosine is 0. Source: Santurkar et al. 2018
    (arXiv 1805.11604), section 3.2; ee147 Normalization.
    """
    gradient = jax.grad(loss)(params)
    norm = optax.tree.norm(gradient)

    def at(step: Array) -> tuple[Array, Array, Array]:
        moved = jax.tree.map(lambda p, g: p - step * g, params, gradient)
        value, there = jax.value_and_grad(loss)(moved)
        change = optax.tree.norm(jax.tree.map(jnp.subtract, there, gradient))
        return value, change, _ratio(jnp.asarray(optax.tree.vdot(there, gradient)), optax.tree.norm(there) * norm)

    value, change, cosine = jax.lax.map(at, step_lengths)
    return Ray(value, change, cosine, step_lengths * norm, norm)


def loss_range(ray: Ray) -> Float[Array, ""]:
    """max_η L − min_η L along the ray: how far a step's outcome hangs on its length."""
    return ray.loss.max() - ray.loss.min()


def effective_smoothness(ray: Ray) -> Float[Array, ""]:
    """β = max_η ‖∇L(θ − η g) − g‖ / (η‖g‖), a lower bound of the gradient's Lipschitz constant; smaller is smoother.

    For L = ½ θᵀAθ it is ‖A g‖/‖g‖ for every η. Source: ee147 Normalization (which says batch norm increases it).
    """
    return _ratio(ray.gradient_change, ray.distance).max()


def internal_covariate_shift(loss: Loss, params: PyTree, updated: PyTree, layer: PyTree) -> CovariateShift:
    """‖G_i − G′_i‖₂, cos∠(G_i, G′_i) and ‖G_i‖₂ for each layer i, on the same examples.

    G_i = ∂L/∂W_i at (W_1, …, W_k); G′_i = ∂L/∂W_i at (W′_1, …, W′_(i−1), W_i, …, W_k). `layer` is a pytree like
    `params` that gives each leaf its layer's number from 0, or, for a leaf that stacks layers, an array of numbers, one
    for each row. Costs one gradient for each layer.
    Source: Santurkar et al. 2018 (arXiv 1805.11604), definition 2.1; ee147 Normalization.
    """
    count = 1 + max(int(np.max(number)) for number in jax.tree.leaves(layer))
    before = jax.grad(loss)(params)

    def at(i: Array) -> tuple[Array, Array, Array]:
        mixed = jax.tree.map(lambda old, new, n: jnp.where(_rows(n, old) < i, new, old), params, updated, layer)
        after = jax.grad(loss)(mixed)
        change = jax.tree.map(jnp.subtract, after, before)
        return (
            _dots(change, change, layer, count)[i],
            _dots(after, before, layer, count)[i],
            _dots(after, after, layer, count)[i],
        )

    change, inner, after = jax.lax.map(at, jnp.arange(count))
    norm = jnp.sqrt(_dots(before, before, layer, count))
    return CovariateShift(jnp.sqrt(change), _ratio(inner, norm * jnp.sqrt(after)), norm)


def survey(
    loss: Loss, params: PyTree, updated: PyTree, step_lengths: Float[Array, " points"], layer: PyTree
) -> dict[str, Array]:
    """The landscape along the gradient and each layer's covariate shift by one update, as measures with names.

    Takes what `along_gradient` and `internal_covariate_shift` take. From the ray, with g = ∇L(θ) and θ − ηg its points:
    `ray_loss` L at each point, `loss_range` its largest less its smallest, `gradient_change` max ‖∇L(θ − ηg) − g‖,
    `beta` the effective smoothness, `cosine` the lowest between ∇L(θ − ηg) and g, `gradient_norm` ‖g‖; also
    `parameter_norm` ‖θ‖. For each layer i: `gradient_shift` ‖G_i − G′_i‖, `gradient_shift_cosine` and
    `layer_gradient_norm` ‖G_i‖.
    """
    ray = along_gradient(loss, params, step_lengths)
    shift = internal_covariate_shift(loss, params, updated, layer)
    return {
        "ray_loss": ray.loss,
        "loss_range": loss_range(ray),
        "gradient_change": ray.gradient_change.max(),
        "beta": effective_smoothness(ray),
        "cosine": ray.cosine.min(),
        "gradient_norm": ray.gradient_norm,
        "parameter_norm": jnp.asarray(optax.tree.norm(params)),
        "gradient_shift": shift.difference,
        "gradient_shift_cosine": shift.cosine,
        "layer_gradient_norm": shift.norm,
    }


def moment_drift(
    before: Float[Array, "batch *space units"], after: Float[Array, "batch *space units"]
) -> Float[Array, ""]:
    """√(E_u[(μ′_u − μ_u)² + (σ′_u − σ_u)²] / E_u[σ_u²]): how far units' means and deviations moved, μ, σ → μ′, σ′.

    Each unit u has its moments over batch and space. The numerator is the squared Wasserstein distance of Gaussians;
    the denominator the mean variance *before* the move, over all units of the layer: so swapping the inputs changes the
    result, scaling both does not. 0 where every unit was constant before.
    Source: ee147 Normalization (the layers' input distributions change as earlier layers learn).
    """
    axes = tuple(range(before.ndim - 1))
    moved = (after.mean(axes) - before.mean(axes)) ** 2 + (after.std(axes) - before.std(axes)) ** 2
    return jnp.sqrt(_ratio(moved.mean(), before.var(axes).mean()))


def _rows(number: Any, leaf: Array) -> np.ndarray:
    """A layer number, or one for each row, shaped to broadcast against the leaf."""
    number = np.asarray(number)
    return number.reshape(number.shape + (1,) * (leaf.ndim - number.ndim))


def _dots(a: PyTree, b: PyTree, layer: PyTree, count: int) -> Float[Array, " layers"]:
    """Inner product of two pytrees for each layer."""
    total = jnp.zeros(count)
    for x, y, number in zip(*map(jax.tree.leaves, (a, b, layer)), strict=True):
        number = np.asarray(number)
        total = total.at[number].add((x * y).sum(tuple(range(number.ndim, x.ndim))))
    return total


def _ratio(numerator: Array, denominator: Array) -> Array:
    """numerator/denominator, 0 where the denominator is 0."""
    zero = denominator == 0
    return jnp.where(zero, 0.0, numerator / jnp.where(zero, 1.0, denominator))
