"""Experiments on batches and averages: accumulated batches, rises, exact minimum, falling rates, arrivals."""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

from dlnotes import lab
from dlnotes.data import batches, images
from dlnotes.lab import discover
from dlnotes.maths import softmax_regression

FOLDER = Path(__file__).parents[2] / "experiments" / "optimization"
KEY = jax.random.key(0)


@pytest.fixture(scope="module")
def sizes():
    discover.import_file(FOLDER / "batch_size.py")
    return sys.modules["batch_size_trials"]


@pytest.fixture(scope="module")
def shuffling():
    discover.import_file(FOLDER / "shuffle_or_resample.py")
    return sys.modules["shuffling_trials"]


@pytest.fixture(scope="module")
def rules():
    return discover.import_file(FOLDER / "batch_size_rules.py")


def small(n=24):
    data = images.load()
    return data._replace(train_images=data.train_images[:n], train_labels=data.train_labels[:n])


def test_accumulated_microbatches_train_as_one_batch_and_count_its_rises(sizes):
    data, rate, size, batch = small(), -0.3, 24, 12
    trial = sizes.progress(KEY, data, microbatches=3, log10_rate=rate, examples=size, width=4, epochs=2)
    state = trial.init()
    params = state.params
    for t in range(2):
        state = trial.step(state, jnp.array(t))[0]
    net, x = sizes.network(4), data.train_images.reshape(size, -1)
    k_batches = lab.streams(KEY, "batches")[0]
    costs = []
    for t in range(2 * size // batch):
        rows = batches.reshuffled(k_batches, t, size, batch)
        value, gradient = jax.value_and_grad(
            lambda p, rows=rows: sizes.cross_entropy(net.apply(p, x[rows]), data.train_labels[rows])
        )(params)
        params = jax.tree.map(lambda p, g: p - 10**rate * g, params, gradient)
        costs.append(float(value))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), state.params, params)
    np.testing.assert_allclose(trial.finish(state)["rising"], np.mean(np.diff(costs) > 0), rtol=1e-6)


def test_the_minimum_is_one(shuffling):
    data = shuffling.digits("digits", 64, 0.1)
    x, equal = shuffling.with_ones(data.x), jnp.full(64, 1 / 64)
    gradient = jax.grad(lambda theta: softmax_regression.objective(x, data.labels, equal, 0.1, theta))(data.minimum)
    assert np.abs(gradient).max() < 1e-5
    assert (np.diff(data.labels[data.orders[0]]) >= 0).all()
    np.testing.assert_array_equal(np.sort(data.orders[1]), np.arange(64))


def test_rates_fall_from_one_over_the_largest_curvature(shuffling):
    t = jnp.array([0.0, 40.0, 1e6])
    falling = shuffling.Rate(decay=2.0).at(t, jnp.array(0.5), jnp.array(10.0))
    np.testing.assert_allclose(falling, [0.1, 0.05, 2 / (0.5 * (1e6 + 40))], rtol=1e-5)
    np.testing.assert_allclose(shuffling.Rate(constant=0.5).at(t, jnp.array(0.5), jnp.array(10.0)), 0.05)


def test_least_squares_start_at_the_minimum_with_constant_rates(shuffling):
    settings = {"way": shuffling.WAYS["reshuffled"], "examples": 16, "features": 3, "orders": 2, "epochs": 20}
    tiny = shuffling.least_squares(KEY, rate=shuffling.Rate(constant=1e-4), **settings)
    assert np.asarray(tiny.finish(tiny.init())["excess"]).max() < 1e-7
    falling = shuffling.least_squares(KEY, rate=shuffling.Rate(decay=2.0), **settings)
    excess = np.asarray(falling.finish(falling.init())["excess"])
    assert excess[-1] < excess[0] / 100


def test_arrivals_are_linear_between_records_and_end_with_the_run(rules):
    step = np.array([10, 20, 30])
    assert rules.first_below(step, np.array([1.0, 0.5, 0.7]), 0.75) == 15.0
    assert rules.first_below(step, np.array([1.0, 0.9, 0.8]), 0.75) == 30.0
    assert rules.first_below(step, np.array([0.1, 0.9, 0.8]), 0.75) == 10.0
    loss = xr.DataArray([[2.0, 1.0, 0.0], [2.0, 2.0, 1.0]], dims=("seed", "step"), coords={"step": step})
    np.testing.assert_allclose(rules.arrival(loss, 0.5), [25.0, 30.0])
