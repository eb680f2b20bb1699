"""A small network on digits, its gradient by differences, and gradients that are wrong on purpose."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jax.flatten_util import ravel_pytree

from dlnotes import lab
from dlnotes.data import images
from dlnotes.maths.derivatives import numerical_gradient, relative_distance
from dlnotes.nn.mlp import parameter_count

PIXELS = 4  # on a side: means of 2 × 2 pixels
LEAVES = ("first", "second")
WAYS = ("two-sided, float64", "one-sided, float64", "two-sided, float32", "one-sided, float32", "two-sided, ReLU")


def problem(key: Array, data: images.Images, width: int, examples: int) -> tuple[dict, Callable]:
    """Random parameters (biases 0, in float64) and loss(params, φ, mask, penalties): cross-entropy and L2 penalties.

    `mask` multiplies the hidden units; `penalties` are those on kernels and on biases.
    """
    k_sample, k_first, k_second = lab.streams(key, "sample", "first", "second")
    chosen = jax.random.randint(k_sample, (examples,), 0, len(data.train_labels))
    pictures = jnp.asarray(data.train_images)[chosen, ..., 0].reshape(examples, PIXELS, 2, PIXELS, 2).mean((2, 4))
    labels = jnp.asarray(data.train_labels)[chosen]
    sizes = {"first": (PIXELS**2, width), "second": (width, 10)}
    params = {
        name: {"kernel": jax.random.normal(k, size, jnp.float64) / size[0] ** 0.5, "bias": jnp.zeros(size[1])}
        for k, (name, size) in zip((k_first, k_second), sizes.items(), strict=True)
    }

    def loss(params, phi=jnp.tanh, mask=None, penalties=(0.0, 0.0)):
        first, second = params["first"], params["second"]
        x = pictures.reshape(examples, -1).astype(first["kernel"].dtype)
        h = phi(x @ first["kernel"] + first["bias"][None])
        h = h if mask is None else 2 * h * mask
        y = h @ second["kernel"] + second["bias"][None]
        weights, biases = ({name: params[name][leaf] for name in LEAVES} for leaf in ("kernel", "bias"))
        squares = (optax.tree.norm(weights, squared=True), optax.tree.norm(biases, squared=True))
        penalty = 0.5 * (penalties[0] * squares[0] + penalties[1] * squares[1])
        return optax.softmax_cross_entropy_with_integer_labels(y, labels).mean() + penalty

    return params, loss


def all_at_once(loss: Callable, params: dict, *step: Array, two_sided: bool = True) -> dict:
    """The numerical gradient, all entries side by side: there are few."""
    return numerical_gradient(loss, params, *step, two_sided=two_sided, batch=parameter_count(params))


def order(
    key: Array, data: images.Images, *, log10_step: Array, width: int, examples: int, dataset: str = "digits"
) -> lab.Trial:
    """Relative distance from the exact gradient, in each of `WAYS`, for one step ε."""
    params, loss = problem(key, data, width, examples)

    def error(loss, dtype, two_sided):
        here = jax.tree.map(lambda leaf: leaf.astype(dtype), params)
        differences = all_at_once(loss, here, 10.0**log10_step, two_sided=two_sided)
        exact = jax.grad(loss)(jax.tree.map(lambda leaf: leaf.astype(jnp.float64), here))
        return relative_distance(jax.tree.map(lambda leaf: leaf.astype(jnp.float64), differences), exact)

    def finish(_):
        cases = [(loss, dtype, sided) for dtype in (jnp.float64, jnp.float32) for sided in (True, False)]
        cases.append((lambda p: loss(p, jax.nn.relu), jnp.float64, True))
        return {"error": jnp.stack([error(*case) for case in cases])}

    return lab.Trial(lambda: jnp.zeros(()), finish=finish)


def wrong_tanh(z: Array) -> Array:
    """tanh z with the derivative 1 − h in place of 1 − h²."""
    h = jnp.tanh(z)
    linear = z * jax.lax.stop_gradient(1 - h)
    return linear + jax.lax.stop_gradient(h - linear)


def with_fresh_masks(loss: Callable, params: dict, key: Array, step: float) -> dict:
    """Two-sided differences of loss(params, key) with another key at each of its values."""
    x, restore = ravel_pytree(params)

    def slope(i):
        ahead, back = jax.random.split(jax.random.fold_in(key, i))
        return (loss(restore(x.at[i].add(step)), ahead) - loss(restore(x.at[i].add(-step)), back)) / (2 * step)

    return restore(jax.vmap(slope)(jnp.arange(x.size)))


def pitfalls(
    key: Array, data: images.Images, *, penalty: Array, rate: Array, width: int, examples: int, steps: int,
    dataset: str = "digits",
) -> lab.Trial:  # fmt: skip
    """Relative distances of gradients, right and wrong, from differences; at the start and after some descent."""
    k_problem, k_mask, k_other = lab.streams(key, "problem", "mask", "other")
    start, loss = problem(k_problem, data, width, examples)

    def mask(k):
        return jax.random.bernoulli(k, 0.5, (examples, width)).astype(jnp.float64)

    def penalized(params):
        return loss(params, penalties=(penalty, penalty))

    def dropped(params, k):
        return loss(params, mask=mask(k))

    def checks(params):
        right, exact = all_at_once(penalized, params), jax.grad(penalized)(params)
        kept = jax.grad(dropped)(params, k_mask)
        unpenalized = jax.grad(lambda p: loss(p, penalties=(penalty, 0.0)))(params)
        wrong = jax.grad(lambda p: loss(p, wrong_tanh, penalties=(penalty, penalty)))(params)
        return {
            "correct": relative_distance(right, exact),
            "penalty_forgotten": relative_distance(right, jax.grad(loss)(params)),
            "bias_penalty_forgotten": relative_distance(right, unpenalized),
            "fresh_masks": relative_distance(with_fresh_masks(dropped, params, k_other, 6e-6), kept),
            "fixed_mask": relative_distance(all_at_once(lambda p: dropped(p, k_mask), params), kept),
            "wrong_tanh": jnp.stack([relative_distance(right[name], wrong[name]) for name in LEAVES]),
        }

    def finish(params):
        descend = jax.grad(penalized)
        later = jax.lax.fori_loop(0, steps, lambda _, p: optax.tree.add_scale(p, -rate, descend(p)), params)
        return jax.lax.map(checks, jax.tree.map(lambda *leaves: jnp.stack(leaves), params, later))

    return lab.Trial(lambda: start, finish=finish)
