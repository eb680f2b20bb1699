"""How the experiment on flat minima reads its results, and that a training stands still where it has arrived."""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

from dlnotes.data import images
from dlnotes.lab import discover

FILE = Path(__file__).parents[2] / "experiments" / "optimization" / "momentum_flat_minima.py"
RATES = [0.01, 0.03, 0.1]


@pytest.fixture(scope="module")
def experiment():
    return discover.import_file(FILE)


def study(**measures):
    """Two arms, three rates, two seeds."""
    dims = ("momentum", "effective_rate", "seed")
    arrays = {name: (dims, np.broadcast_to(np.asarray(a, float), (2, 3, 2)).copy()) for name, a in measures.items()}
    coords = {"momentum": [0.0, 0.9], "effective_rate": RATES, "seed": [0, 1]}
    return xr.Dataset(arrays, coords, attrs={"target": 0.01})


def test_ranks_are_compared_within_each_seed(experiment):
    sharp = np.arange(6.0).reshape(2, 3, 1) * [1, 1]
    data = study(sharp=sharp, loss=np.exp(sharp) * [1, -1])
    np.testing.assert_allclose(experiment.rank_correlation(data.sharp, data.loss), [1, -1])
    assert experiment.rank_correlation(data.sharp, data.loss).dims == ("seed",)
    falling = -data.effective_rate * xr.ones_like(data.sharp)
    np.testing.assert_allclose(experiment.rank_correlation(falling, data.effective_rate), -1)
    data.sharp[0, 0, 1] = np.nan
    np.testing.assert_array_equal(np.isnan(experiment.rank_correlation(data.sharp, data.loss)), [False, True])


def test_each_arm_is_taken_at_its_best_rate_and_missing_runs_are_not_best(experiment):
    test_loss = np.array([[3, 1, 2], [2, 3, 1]])[..., None]
    data = study(test_loss=test_loss, training_loss=0.005, x=np.array([[1, 2, 3], [10, 20, 30]])[..., None])
    np.testing.assert_allclose(experiment.at_best(data, "x"), 30 - 2)
    data.training_loss[1, 2, 0] = 0.02  # one seed of the best rate did not arrive
    np.testing.assert_allclose(experiment.at_best(data, "x"), 10 - 2)


def test_the_same_nominal_rate_is_a_tenfold_effective_one(experiment):
    sharpness = 2.0 ** np.array([[1, 2, 3], [4, 5, 6]])[..., None]
    data = study(sharpness=sharpness, training_loss=0.005)
    np.testing.assert_allclose(experiment.same_nominal(data), 6 - 1)
    np.testing.assert_allclose(experiment.gain(experiment.log2(data)), 3)


def test_training_stands_still_once_it_has_arrived(experiment):
    trials = sys.modules["flat_minima_trials"]
    sizes = {"batch": 4, "examples": 8, "width": 4, "steps": 40, "check": 2}
    numbers = {name: jnp.array(x) for name, x in {"momentum": 0.9, "effective_rate": 0.5, "target": 1.0}.items()}
    trial = trials.training(jax.random.key(0), images.load("digits"), **numbers, **sizes)

    def go(state, t):
        state, _ = trial.step(state, t)
        return state, (state.loss, state.steps, state.params["params"]["output"]["bias"][0])

    loss, steps, bias = jax.lax.scan(go, trial.init(), jnp.arange(trial.steps))[1]
    arrived = int(np.argmax(loss <= 1.0))
    assert 0 < arrived < trial.steps - 1
    assert np.all(loss[:arrived] > 1)
    assert steps[-1] == steps[arrived] == 2 * (arrived + 1)
    assert len(set(np.asarray(bias[arrived:]).tolist())) == 1
