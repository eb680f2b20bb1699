"""How the Newton experiment prepares its data and reads its results."""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

from dlnotes.lab import discover

FILE = Path(__file__).parents[2] / "experiments" / "optimization" / "newton_vs_first_order.py"


@pytest.fixture(scope="module")
def experiment():
    return discover.import_file(FILE)


@pytest.fixture(scope="module")
def trials(experiment):
    return sys.modules["newton_trials"]


def test_exponent_is_found_in_every_repeat_for_bytes(experiment):
    n = xr.DataArray([16, 64], dims="n", coords={"n": [16, 64]})
    study = xr.Dataset(
        {"bytes": 8.0 * n**2, "seconds": xr.ones_like(n, float) * xr.DataArray(np.ones(5), dims="repeat")}
    )
    np.testing.assert_allclose(experiment.memory_exponent(study), [2.0] * 5)


def test_fewer_is_in_powers_of_ten(experiment):
    steps = xr.DataArray([[1000.0, 100.0], [10.0, 100.0]], dims=("solver", "seed"), coords={"solver": ["many", "few"]})
    np.testing.assert_allclose(experiment.fewer(steps, "many", "few"), [2, 0])


def test_inputs_are_block_means_and_a_constant(trials, float64):
    pictures = np.random.default_rng(0).normal(size=(3, 8, 8, 1)).astype(np.float32)
    got = np.asarray(trials.inputs(pictures, 4))
    assert got.shape == (3, 17)
    np.testing.assert_allclose(got[1, 4 * 2 + 3], pictures[1, 4:6, 6:8, 0].mean(), rtol=1e-6)
    np.testing.assert_array_equal(got[:, -1], 1)


def test_published_counts_are_of_methods_that_run(experiment, trials):
    assert set(experiment.PUBLISHED) <= set(trials.ROSENBROCK)


def test_each_name_is_the_method_measured_there(trials, float64):
    trial = trials.quadratic(jax.random.key(0), condition=jnp.array(100.0), n=5, cap=3000, curve=40)
    steps = dict(zip(trials.QUADRATIC, map(int, trial.finish(trial.init())["steps"]), strict=True))
    assert steps["Newton"] == 1 < steps["damped Newton"]
    assert max(steps["BFGS"], steps["conjugate gradients"]) <= 7 < steps["heavy ball"] < steps["descent"]
