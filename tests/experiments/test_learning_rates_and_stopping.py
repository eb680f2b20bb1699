"""The parts of three experiments that have laws of their own: schedules by index, gains, optimism, risks."""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

from dlnotes.lab import discover

FOLDER = Path(__file__).parents[2] / "experiments" / "optimization"


def trials_of(experiment, name):
    discover.import_file(FOLDER / f"{experiment}.py")
    return sys.modules[name]


@pytest.fixture(scope="module")
def rates():
    return trials_of("learning_rate_size", "learning_rate_trials")


@pytest.fixture(scope="module")
def stopping():
    return trials_of("early_stopping_is_l2", "early_stopping_trials")


def test_every_schedule_of_the_table_is_itself(rates):
    """The steps against a gradient of 1 and a falling loss are the rates."""
    steps = 40

    def taken(index):
        method = rates.scheduled(jnp.asarray(0.5), index, steps)

        def step(state, t):
            update, state = method.update(jnp.ones(()), state, value=1.0 / (t + 1.0))
            return state, -update

        return jax.lax.scan(step, method.init(jnp.zeros(())), jnp.arange(steps))[1]

    t = np.arange(steps)
    warm, late = np.minimum(1, (t + 1) / 4), np.maximum(t + 1 - 4, 0)
    want = {
        "constant": np.ones(steps),
        "1/(1 + rt)": 1 / (1 + 9 * t / steps),
        "exponential": 0.01 ** (t / steps),
        "k/√t": 1 / np.sqrt(t + 1),
        "staircase": 0.25 ** (t // 10),
        "linear to τ": 1 - 0.99 * np.minimum(1, t / 32),
        "on plateau": np.ones(steps),
        "warm-up, cosine": warm * (1 + np.cos(np.pi * np.minimum(1, late / 36))) / 2,
    }
    got = jax.jit(jax.vmap(taken))(jnp.arange(len(rates.SCHEDULES)))
    for name, row in zip(rates.SCHEDULES, got, strict=True):
        np.testing.assert_allclose(row, 0.5 * want[name], rtol=1e-4, atol=1e-6, err_msg=name)


def test_only_the_plateau_waits_for_the_loss(rates):
    def last(index):
        method = rates.scheduled(jnp.asarray(0.5), index, 30)
        state = method.init(jnp.zeros(()))
        for _ in range(4):
            update, state = method.update(jnp.ones(()), state, value=1.0)
        return -update

    assert float(last(rates.SCHEDULES.index("constant"))) == 0.5
    np.testing.assert_allclose(last(rates.SCHEDULES.index("on plateau")), 0.15, rtol=1e-6)


def test_first_failure_is_the_lowest_rate_that_does_not_train():
    experiment = discover.import_file(FOLDER / "learning_rate_size.py")
    share = [0.5, 1.0, 2.0]
    loss = xr.DataArray([[[0.1], [3.0], [0.1]], [[0.1], [0.1], [0.1]]], dims=("seed", "share", "step"))
    edge = xr.Dataset({"loss": loss, "first_loss": loss.isel(step=0) * 0 + 1, "diverged": loss.isel(step=0) * 0})
    edge = edge.assign_coords(share=share).expand_dims(centered=["raw"])

    class Results:
        pass

    results = Results()
    results.edge = edge
    np.testing.assert_allclose(experiment.first_failure(results), [0.0, 2.0])


def test_gain_multiplies_the_recurrent_matrix_alone():
    trials = trials_of("clipping_at_cliffs", "cliff_trials")
    net = trials.Reader(width=5, pixels=8)
    params = net.init(jax.random.key(0), jnp.zeros((1, 8, 8, 1)))
    scaled = trials.with_gain(params, jnp.asarray(2.0))
    ratio = jax.tree.map(lambda a, b: np.asarray(a / jnp.where(b == 0, 1.0, b)).max(), scaled, params)
    assert ratio["params"]["SimpleCell_0"]["h"]["kernel"] == 2
    kernel = scaled["params"]["SimpleCell_0"]["h"]["kernel"]
    np.testing.assert_allclose(kernel @ kernel.T, 4 * np.eye(5), atol=1e-5)
    others = [leaf for path, leaf in jax.tree_util.tree_leaves_with_path(ratio) if "h" not in str(path[1:])]
    assert set(map(float, others)) <= {0.0, 1.0}


def test_optimism_is_none_where_examples_are_alike_and_positive_where_they_are_not(stopping):
    curve = jnp.array([3.0, 1.0, 2.0])[:, None]
    np.testing.assert_allclose(stopping.optimism(jax.random.key(0), curve * jnp.ones((3, 300))), 0, atol=1e-6)
    noise = jax.random.normal(jax.random.key(1), (3, 300)) ** 2
    found = stopping.optimism(jax.random.key(0), 1 + noise)
    assert np.all(np.diff(found) < 0)
    assert found[0] > 0.05


def test_stopping_is_never_better_than_l2_and_at_most_the_published_factor_worse(stopping, float64):
    keys = jax.random.split(jax.random.key(0), (20, 2))
    ratio = jax.jit(jax.vmap(lambda k: stopping.risk_ratio(k[0], k[1], 5)))(keys)
    assert np.all(ratio > 0.999)  # the times and penalties are a grid
    assert np.all(ratio < 1.22)
