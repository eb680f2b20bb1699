"""Trials of the clipping experiment: a recurrent unit's cliff, and recurrent networks of two gains."""

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jax import Array

from dlnotes import lab
from dlnotes.data import images
from dlnotes.maths.test_functions import cliff
from dlnotes.optim.clipping import healthy_norm

ON_CLIFF = ("plain", "by norm", "per element", "as printed in ee147")
ON_DIGITS = ("plain", "by norm", "by norm, 10 times", "per element")
WORST = 10.0  # nats; a batch loss above it, or not finite, counts as that


class Walk(NamedTuple):
    """Where each method stands on the cliff's function, its longest step and its lowest loss so far."""

    x: Array
    longest: Array
    last: Array
    lowest: Array


class Recurrent(NamedTuple):
    """Parameters of each arm on a leading axis, and their thresholds."""

    params: Any
    norm: Array
    element: Array


def falling(key: Array, *, log10_rate: Array, threshold: Array, reach: Array, unrolled: int, steps: int) -> lab.Trial:
    """Descent from beside the cliff: w in [4.6, 5.4], b within `reach` of the line on which the cliff stands."""
    k_w, k_b = lab.streams(key, "w", "b")
    w = jax.random.uniform(k_w, minval=4.6, maxval=5.4)
    b = 0.5 - w * jax.nn.sigmoid(0.5) + reach * jax.random.uniform(k_b, minval=-1.0, maxval=1.0)
    start, rate = jnp.stack([w, b]), 10.0**log10_rate
    treatments = (
        optax.identity(), optax.clip_by_global_norm(threshold), optax.clip(threshold),
        optax.normalize_by_update_norm(threshold),
    )  # fmt: skip

    def loss(x):
        return cliff(x, unrolled)

    def step(state, t):
        values, gradients = jax.vmap(jax.value_and_grad(loss))(state.x)
        moves = [treat.update(g, treat.init(g))[0] for treat, g in zip(treatments, gradients, strict=True)]
        new = state.x - rate * jnp.stack([jnp.asarray(move) for move in moves])
        length = jnp.linalg.norm(new - state.x, axis=1)
        lowest = jnp.minimum(state.lowest, values)
        return Walk(new, jnp.maximum(state.longest, length), length, lowest), {"loss": values}

    def probe(state, t):
        return {"place": state.x}

    def finish(state):
        return {
            "longest": state.longest, "last": state.last, "lowest": state.lowest, "first_loss": loss(start),
            "last_loss": jax.vmap(loss)(state.x), "away": jnp.linalg.norm(state.x - start[None], axis=1),
            "first_place": start,
        }  # fmt: skip

    def init():
        nothing = jnp.zeros(len(treatments))
        return Walk(jnp.stack([start] * len(treatments)), nothing, nothing, nothing + jnp.inf)

    return lab.Trial(init, step, finish, probe, steps, every=max(steps // 200, 1))


class Reader(nn.Module):
    """A tanh recurrent network that reads a digit `pixels` pixels at a time and then names it."""

    width: int
    pixels: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        states = nn.RNN(nn.SimpleCell(self.width))(x.reshape(x.shape[0], -1, self.pixels))
        return nn.Dense(10)(states[:, -1])


def with_gain(params: Any, gain: Array) -> Any:
    """The recurrent matrix, orthogonal at first, multiplied by `gain`."""
    flat = {name: dict(part) for name, part in params["params"].items()}
    recurrent = flat["SimpleCell_0"]["h"]
    flat["SimpleCell_0"]["h"] = {**recurrent, "kernel": recurrent["kernel"] * gain.astype(jnp.float32)}
    return {"params": flat}


def reading(
    key: Array, data: images.Images, *, gain: Array, log10_rate: Array, log10_healthy: Array, width: int, pixels: int,
    batch: int, epoch: int, steps: int, every: int, dataset: str = "digits",
) -> lab.Trial:  # fmt: skip
    """The network with every treatment side by side; an epoch at a small rate, then thrown away, gives thresholds."""
    k_init, k_batches, k_healthy = lab.streams(key, "init", "batches", "healthy")
    x, y = jnp.asarray(data.train_images), jnp.asarray(data.train_labels)
    net = Reader(width, pixels)

    def loss(params, x, y):
        return optax.softmax_cross_entropy_with_integer_labels(net.apply(params, x), y).mean()

    def descend(params: Any, k: Array, t: Array, rate: Array, treat: Callable) -> tuple[Any, Array, Array]:
        """One step: new parameters, the batch's loss, its gradient's norm."""
        some = lab.minibatch(k, t, x.shape[0], batch)
        value, gradient = jax.value_and_grad(loss)(params, x[some], y[some])
        norm = jnp.asarray(optax.tree.norm(gradient))
        return jax.tree.map(lambda p, g: p - rate.astype(p.dtype) * g, params, treat(gradient)), value, norm

    def start():
        return with_gain(net.init(k_init, x[:2]), gain)

    def init():
        params = start()

        def healthy(params, t):
            params, _, norm = descend(params, k_healthy, t, 10.0**log10_healthy, lambda g: g)
            return params, norm

        norm = healthy_norm(jax.lax.scan(healthy, params, jnp.arange(epoch))[1])
        size = sum(leaf.size for leaf in jax.tree.leaves(params))
        stacked, off = (
            jax.tree.map(lambda leaf: jnp.stack([leaf] * len(ON_DIGITS)), params),
            jnp.full_like(norm, jnp.inf),
        )
        return Recurrent(
            stacked,
            jnp.stack([off, norm, 10.0 * norm, off]),
            jnp.stack([off, off, off, norm / size**0.5]),
        )

    def step(state, t):
        def one(params, norm, element):
            clip = optax.chain(optax.clip(element), optax.clip_by_global_norm(norm))
            return descend(params, k_batches, t, 10.0**log10_rate, lambda g: clip.update(g, clip.init(g))[0])

        params, value, norm = jax.vmap(one)(state.params, state.norm, state.element)
        seen = jnp.where(jnp.isfinite(norm), jnp.clip(norm, 1e-10, 1e10), 1e10)
        capped = jnp.where(jnp.isfinite(value), jnp.minimum(value, WORST), WORST)
        return state._replace(params=params), {"loss": capped, "log10_norm": jnp.log10(seen)}

    def finish(state):
        return {
            "training_loss": jax.vmap(lambda params: loss(params, x, y))(state.params),
            "first_loss": loss(start(), x, y),
            "healthy": state.norm[1],
        }

    return lab.Trial(init, step, finish, steps=steps, every=every)
