"""A small network on digits, trained at one learning rate or β by several methods, and searches among the results."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import xarray as xr
from flax import linen as nn
from jax import Array

from dlnotes import lab
from dlnotes.data import images
from dlnotes.optim import search

METHODS = ("descent", "momentum", "Adam")
CONVENTIONS = ("sum", "average")
FINEST = 60  # intervals of the finest grid; its places are numbered from 0
NOTHING_LEARNED = float(np.log(10))
TRIES = (1, 2, 4, 8, 16, 32, 64)


class Tried(NamedTuple):
    """Logarithms, base 10, of a learning rate and of 1 − β."""

    log10_rate: Array | float
    log10_gap: Array | float


def grid(every: int) -> dict[int, Tried]:
    """Rates from 1e-5 to 10 and β from 0.9999 to 0, at equal ratios of the rate and of 1 − β, by their place."""
    return {i: Tried(-5 + 6 * i / FINEST, -4 + 4 * i / FINEST) for i in range(0, FINEST + 1, every)}


def stacked(trees):
    """One tree with a leading axis."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


def trained(
    key: Array, data: images.Images, methods: tuple, *, width: int, batch: int, steps: int, every: int
) -> lab.Trial:
    """All methods from one start on the same batches; the test loss of each, at most that of knowing nothing."""
    k_init, k_batches = lab.streams(key, "init", "batches")
    net = nn.Sequential([lambda x: x.reshape(len(x), -1), nn.Dense(width), nn.relu, nn.Dense(10)])
    x, labels = jnp.asarray(data.train_images), jnp.asarray(data.train_labels)

    def loss(params, x, labels):
        return optax.softmax_cross_entropy_with_integer_labels(net.apply(params, x), labels).mean()

    def init():
        params = net.init(k_init, x[:2])
        return stacked([params] * len(methods)), [method.init(params) for method in methods]

    def step(state, t):
        params, own = state
        some = lab.minibatch(k_batches, t, x.shape[0], batch)
        gradients = jax.vmap(jax.grad(loss), (0, None, None))(params, x[some], labels[some])
        moves = []
        for place, method in enumerate(methods):
            gradient, here = jax.tree.map(lambda leaf, place=place: leaf[place], (gradients, params))
            moves.append(method.update(gradient, own[place], here))
        updates, own = zip(*moves, strict=True)
        return (optax.apply_updates(params, stacked(updates)), list(own)), {}

    def finish(state):
        ends = jax.vmap(loss, (0, None, None))(state[0], data.test_images, jnp.asarray(data.test_labels))
        return {"loss": jnp.minimum(jnp.nan_to_num(ends, nan=NOTHING_LEARNED), NOTHING_LEARNED)}

    return lab.Trial(init, step, finish=finish, steps=steps, every=every)


def training(
    key: Array, data: images.Images, *, tried: Tried, rate_of_sum: Array, rate_of_average: Array, width: int,
    batch: int, steps: int, every: int, dataset: str = "digits",
) -> lab.Trial:  # fmt: skip
    """Three methods at the rate that is tried; then, at rates of their own, two kinds of momentum with the β tried."""
    rate, beta = 10.0**tried.log10_rate, 1.0 - 10.0**tried.log10_gap
    average = optax.chain(optax.ema(beta, debias=False), optax.scale_by_learning_rate(rate_of_average))
    methods = (optax.sgd(rate), optax.sgd(rate, 0.9), optax.adam(rate), optax.sgd(rate_of_sum, beta), average)
    return trained(key, data, methods, width=width, batch=batch, steps=steps, every=every)


@jax.jit
def _expected(results: Array, weights: Array) -> Array:
    """[…, grid] and [scale, grid] → […, scale, tries]."""
    best = jax.vmap(jax.vmap(search.expected_best, (None, 0, None)), (None, None, 0))
    flat = jax.vmap(best, (0, None, None))(results.reshape(-1, results.shape[-1]), jnp.array(TRIES, float), weights)
    return flat.reshape(*results.shape[:-1], *flat.shape[1:])


def regret(loss: xr.DataArray, dim: str, low: float, high: float) -> xr.DataArray:
    """Expected loss of the best of n tries above the least on the grid, by scale and n; `dim` is a logarithm, base 10.

    Between the grid's points losses are interpolated. On a linear scale a place on a
    logarithmic grid is as likely as its value is large. At least 1e-9, so that it has a logarithm.
    """
    fine = np.linspace(low, high, 401)
    values = loss.interp({dim: fine}, kwargs={"fill_value": "extrapolate"}).transpose(..., dim)
    weights = np.stack([np.ones_like(fine), 10.0 ** (fine - high)])
    weights[:, [0, -1]] /= 2
    with jax.enable_x64(True):
        expected = np.asarray(_expected(jnp.asarray(values.values, jnp.float64), jnp.asarray(weights)))
    dims = (*values.dims[:-1], "scale", "tries")
    coords = {name: values[name] for name in values.dims[:-1]} | {"scale": ["log", "linear"], "tries": list(TRIES)}
    return (xr.DataArray(expected, coords=coords, dims=dims) - values.min(dim)).clip(min=1e-9)
