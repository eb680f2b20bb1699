"""A small network on digits, its gradient by differences, and gradients that are wrong on purpose."""

from collections.abc import Callable
from typing import Any, NamedTuple

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
TANH, RELU, WRONG = range(3)  # activations; the last has a wrong derivative
WAYS = ("two-sided, float64", "two-sided, ReLU", "one-sided, float64", "two-sided, float32", "one-sided, float32")


class Case(NamedTuple):
    """Which function is meant: activation, what multiplies the hidden units, penalties on kernels and on biases."""

    activation: Array | int
    mask: Array
    on_kernels: Array | float = 0.0
    on_biases: Array | float = 0.0


def wrong_tanh(z: Array) -> Array:
    """tanh z with the derivative 1 − h in place of 1 − h²."""
    h = jnp.tanh(z)
    linear = z * jax.lax.stop_gradient(1 - h)
    return linear + jax.lax.stop_gradient(h - linear)


def problem(key: Array, data: images.Images, width: int, examples: int) -> tuple[dict, Callable]:
    """Random parameters (biases 0, in float64) and loss(params, case): cross-entropy and L2 penalties."""
    k_sample, k_first, k_second = lab.streams(key, "sample", "first", "second")
    chosen = jax.random.randint(k_sample, (examples,), 0, len(data.train_labels))
    pictures = jnp.asarray(data.train_images)[chosen, ..., 0].reshape(examples, PIXELS, 2, PIXELS, 2).mean((2, 4))
    labels = jnp.asarray(data.train_labels)[chosen]
    sizes = {"first": (PIXELS**2, width), "second": (width, 10)}
    params = {
        name: {"kernel": jax.random.normal(k, size, jnp.float64) / size[0] ** 0.5, "bias": jnp.zeros(size[1])}
        for k, (name, size) in zip((k_first, k_second), sizes.items(), strict=True)
    }

    def loss(params, case):
        first, second = params["first"], params["second"]
        x = pictures.reshape(examples, -1).astype(first["kernel"].dtype)
        z = x @ first["kernel"] + first["bias"][None]
        h = jax.lax.switch(jnp.asarray(case.activation, int), (jnp.tanh, jax.nn.relu, wrong_tanh), z)
        y = (h * case.mask.astype(h.dtype)) @ second["kernel"] + second["bias"][None]
        weights, biases = ({name: params[name][leaf] for name in LEAVES} for leaf in ("kernel", "bias"))
        squares = (optax.tree.norm(weights, squared=True), optax.tree.norm(biases, squared=True))
        penalty = 0.5 * (case.on_kernels * squares[0] + case.on_biases * squares[1])
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
    params = jax.tree.map(lambda leaf: leaf.astype(jnp.float32).astype(jnp.float64), params)  # the same in both
    plain = jnp.ones((examples, width))

    def finish(_):
        exact = jax.vmap(lambda which: jax.grad(loss)(params, Case(which, plain)))(jnp.array([TANH, RELU]))
        true = jax.tree.map(lambda leaf: leaf[0], exact)

        def differences(which, dtype, two_sided):
            here = jax.tree.map(lambda leaf: leaf.astype(dtype), params)
            found = all_at_once(lambda p: loss(p, Case(which, plain)), here, 10.0**log10_step, two_sided=two_sided)
            return jax.tree.map(lambda leaf: leaf.astype(jnp.float64), found)

        both = jax.vmap(lambda which: differences(which, jnp.float64, True))(jnp.array([TANH, RELU]))
        others = [(jnp.float64, False), (jnp.float32, True), (jnp.float32, False)]
        errors = [relative_distance(differences(TANH, *each), true) for each in others]
        return {"error": jnp.concatenate([jax.vmap(relative_distance)(both, exact), jnp.stack(errors)])}

    return lab.Trial(lambda: jnp.zeros(()), finish=finish)


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

    plain = jnp.ones((examples, width))

    def dropout(k):
        return 2.0 * jax.random.bernoulli(k, 0.5, (examples, width))

    fixed = dropout(k_mask)
    cases = [
        Case(TANH, plain, penalty, penalty), Case(TANH, fixed), Case(TANH, plain), Case(TANH, plain, penalty),
        Case(WRONG, plain, penalty, penalty),
    ]  # fmt: skip

    def checks(params):
        gradients = jax.vmap(jax.grad(loss), (None, 0))(params, stacked(cases))
        exact, kept, bare, unpenalized, wrong = (jax.tree.map(lambda leaf, i=i: leaf[i], gradients) for i in range(5))
        found = jax.vmap(lambda case: all_at_once(lambda p: loss(p, case), params))(stacked(cases[:2]))
        right, dropped = (jax.tree.map(lambda leaf, i=i: leaf[i], found) for i in range(2))
        redrawn = with_fresh_masks(lambda p, k: loss(p, Case(TANH, dropout(k))), params, k_other, 6e-6)
        return {
            "correct": relative_distance(right, exact),
            "penalty_forgotten": relative_distance(right, bare),
            "bias_penalty_forgotten": relative_distance(right, unpenalized),
            "fresh_masks": relative_distance(redrawn, kept),
            "fixed_mask": relative_distance(dropped, kept),
            "wrong_tanh": jnp.stack([relative_distance(right[name], wrong[name]) for name in LEAVES]),
        }

    def finish(params):
        descend = jax.grad(loss)
        later = jax.lax.fori_loop(0, steps, lambda _, p: optax.tree.add_scale(p, -rate, descend(p, cases[0])), params)
        return jax.lax.map(checks, stacked([params, later]))

    return lab.Trial(lambda: start, finish=finish)


def stacked(trees: list) -> Any:
    """One tree with a leading axis."""
    return jax.tree.map(lambda *leaves: jnp.stack([jnp.asarray(leaf, float) for leaf in leaves]), *trees)
