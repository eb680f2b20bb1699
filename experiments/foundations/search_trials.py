"""A small network on digits, trained at one learning rate or β by several methods, and searches among the results."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import xarray as xr
from jax import Array

from dlnotes import lab
from dlnotes.data import images
from dlnotes.nn.mlp import MLP
from dlnotes.optim import search

METHODS = ("descent", "momentum", "Adam")
CONVENTIONS = ("sum", "average")
NOTHING_LEARNED = float(np.log(10))
TRIES = (1, 2, 4, 8, 16, 32, 64)


def trained(
    key: Array, data: images.Images, methods: tuple, *, width: int, batch: int, steps: int, every: int
) -> lab.Trial:
    """All methods from one start on the same batches; the test loss of each, at most that of knowing nothing."""
    k_init, k_batches = lab.streams(key, "init", "batches")
    net = MLP(2, width, 10)
    x, labels = jnp.asarray(data.train_images), jnp.asarray(data.train_labels)

    def loss(params, x, labels):
        return optax.softmax_cross_entropy_with_integer_labels(net.apply(params, x), labels).mean()

    def init():
        params = net.init(k_init, x[:2])
        return [(params, method.init(params)) for method in methods]

    def step(state, t):
        some = lab.minibatch(k_batches, t, x.shape[0], batch)

        def advance(method, params, own):
            updates, own = method.update(jax.grad(loss)(params, x[some], labels[some]), own, params)
            return optax.apply_updates(params, updates), own

        return [advance(method, *each) for method, each in zip(methods, state, strict=True)], {}

    def finish(state):
        ends = jnp.stack([loss(params, data.test_images, jnp.asarray(data.test_labels)) for params, _ in state])
        return {"loss": jnp.minimum(jnp.nan_to_num(ends, nan=NOTHING_LEARNED), NOTHING_LEARNED)}

    return lab.Trial(init, step, finish=finish, steps=steps, every=every)


def rates(
    key: Array, data: images.Images, *, log10_rate: Array, width: int, batch: int, steps: int, every: int,
    dataset: str = "digits",
) -> lab.Trial:  # fmt: skip
    """One learning rate for each of `METHODS`; momentum is 0.9."""
    rate = 10.0**log10_rate
    methods = (optax.sgd(rate), optax.sgd(rate, 0.9), optax.adam(rate))
    return trained(key, data, methods, width=width, batch=batch, steps=steps, every=every)


def decays(
    key: Array, data: images.Images, *, log10_gap: Array, rate_of_sum: Array, rate_of_average: Array, width: int,
    batch: int, steps: int, every: int, dataset: str = "digits",
) -> lab.Trial:  # fmt: skip
    """One β = 1 − 10^gap for v ← βv + g and for v ← βv + (1 − β)g, each at its own rate."""
    beta = 1.0 - 10.0**log10_gap
    methods = (
        optax.sgd(rate_of_sum, beta),
        optax.chain(optax.ema(beta, debias=False), optax.scale_by_learning_rate(rate_of_average)),
    )
    return trained(key, data, methods, width=width, batch=batch, steps=steps, every=every)


@jax.jit
def _expected(results: Array, weights: Array) -> Array:
    """[…, grid] and [scale, grid] → […, scale, tries]."""
    best = jax.vmap(jax.vmap(search.expected_best, (None, 0, None)), (None, None, 0))
    flat = jax.vmap(best, (0, None, None))(results.reshape(-1, results.shape[-1]), jnp.array(TRIES, float), weights)
    return flat.reshape(*results.shape[:-1], *flat.shape[1:])


def regret(loss: xr.DataArray, dim: str, low: float, high: float) -> xr.DataArray:
    """Expected loss of the best of n tries above the least on the grid, by scale and n; `dim` is a logarithm, base 10.

    Between the grid's points losses are interpolated, to a hundredth of a decade. On a linear scale a place on a
    logarithmic grid is as likely as its value is large.
    """
    fine = np.linspace(low, high, round(100 * (high - low)) + 1)
    values = loss.interp({dim: fine}, kwargs={"fill_value": "extrapolate"}).transpose(..., dim)
    weights = np.stack([np.ones_like(fine), 10.0 ** (fine - high)])
    weights[:, [0, -1]] /= 2
    expected = np.asarray(_expected(jnp.asarray(values.values), jnp.asarray(weights)))
    dims = (*values.dims[:-1], "scale", "tries")
    coords = {name: values[name] for name in values.dims[:-1]} | {"scale": ["log", "linear"], "tries": list(TRIES)}
    return xr.DataArray(expected, coords=coords, dims=dims) - values.min(dim)
