"""The computations that `backprop_is_cheap` times: a network's loss, and its gradient in several ways."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from jax import Array

from dlnotes import lab
from dlnotes.data import images
from dlnotes.maths.derivatives import numerical_gradient, relative_distance
from dlnotes.nn.mlp import MLP, parameter_count


def repeated(computation: Callable, times: int) -> Callable:
    """`computation(params, x) → pytree` so many times; a single one would be over before its call is.

    Each time one number of x hangs on the result before, so that none is left out.
    """

    def run(params, x):
        def again(_, carry):
            x, total = carry
            result = computation(params, x)
            total = total + sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(result))
            return x.at[(0,) * x.ndim].add(1e-12 * total), total

        return {"total": jax.lax.fori_loop(0, times, again, (x, jnp.zeros(())))[1]}

    return run


def mlp(key: Array, *, what: str, width: int, depth: int, batch: int, times: int, dataset: str = "digits"):
    """Loss or gradient of a ReLU network, by backpropagation or, once and not `times`, by one-sided differences."""
    data = images.load(dataset)
    x, labels = jnp.asarray(data.train_images[:batch]), jnp.asarray(data.train_labels[:batch])
    net = MLP(depth, width, outputs=10)
    params = net.init(key, x)

    def loss(params, x):
        return optax.softmax_cross_entropy_with_integer_labels(net.apply(params, x), labels).mean()

    def differences(params, x):
        return numerical_gradient(lambda p: loss(p, x), params, two_sided=False, batch=1)

    computations = {"loss": loss, "backpropagation": jax.grad(loss), "differences": differences}
    run = repeated(computations[what], 1 if what == "differences" else times)
    return lambda params, x: run(params, x) | {"parameters": jnp.asarray(parameter_count(params))}, (params, x)


def chain_ways(depth: int) -> dict[str, Callable]:
    """Loss and gradient of h ← tanh(hWₗ), l = 1 … L, ½ mean h²; "recomputing" forgets every h on the way up.

    It computes hₗ again from the input for each layer on the way down: backpropagation without its stored activations.
    """

    def layer(h, weights):
        return jnp.tanh(h @ weights)

    def value(h):
        return 0.5 * jnp.mean(h**2)

    def up(params, x, stop):
        return jax.lax.fori_loop(0, stop, lambda i, h: layer(h, params[i]), x)

    def loss(params, x):
        return value(jax.lax.scan(lambda h, weights: (layer(h, weights), None), x, params)[0])

    def recomputing(params, x):
        def down(i, carry):
            slope, gradient = carry
            place = depth - 1 - i
            pull = jax.vjp(layer, up(params, x, place), params[place])[1]
            slope, own = pull(slope)
            return slope, gradient.at[place].set(own)

        slope = jax.grad(value)(up(params, x, depth))
        return jax.lax.fori_loop(0, depth, down, (slope, jnp.zeros_like(params)))[1]

    return {"loss": loss, "backpropagation": jax.grad(loss), "recomputing": recomputing}


def chain_inputs(key: Array, depth: int, width: int, batch: int) -> tuple[Array, Array]:
    """Weights [depth, width, width] of variance 1/width and inputs [batch, width]."""
    k_params, k_inputs = jax.random.split(key)
    params = jax.random.normal(k_params, (depth * width * width,)).reshape(depth, width, width) / jnp.sqrt(width)
    return params, jax.random.normal(k_inputs, (batch * width,)).reshape(batch, width)


def chain(key: Array, *, what: str, depth: int, width: int, batch: int, times: int):
    """One of `chain_ways`, so many times."""
    return repeated(chain_ways(depth)[what], times), chain_inputs(key, depth, width, batch)


def alike(key: Array, *, depth: int, width: int, batch: int) -> lab.Trial:
    """Relative distance of a chain's gradient by recomputing, and by differences, from that by backpropagation."""
    ways = chain_ways(depth)

    def finish(inputs):
        params, x = inputs
        exact = ways["backpropagation"](params, x)
        differences = numerical_gradient(lambda p: ways["loss"](p, x), params, two_sided=False)
        return {
            "recomputing": relative_distance(ways["recomputing"](params, x), exact),
            "differences": relative_distance(differences, exact),
        }

    return lab.Trial(lambda: chain_inputs(key, depth, width, batch), finish=finish)
