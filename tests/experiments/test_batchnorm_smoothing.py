"""How the batch-norm experiment reads its results, and that its arms are paired and differ only as they should."""

from pathlib import Path

import jax
import numpy as np
import pytest
import xarray as xr

from dlnotes.data import images
from dlnotes.lab import discover
from dlnotes.lab.results import Results

FILE = Path(__file__).parents[2] / "experiments" / "normalization" / "batchnorm_smoothing.py"


@pytest.fixture(scope="module")
def experiment():
    return discover.import_file(FILE)


def training(losses, measures):
    """A study of two arms, one seed: training losses and a measure by step."""
    dims = ("arm", "seed", "step")
    arrays = {name: (dims, np.array(rows)[:, None]) for name, rows in (("loss", losses), ("beta", measures))}
    return xr.Dataset(arrays, {"arm": ["none", "batch norm"]})


def test_at_equal_loss_ignores_how_fast_an_arm_gets_there(experiment):
    """Both arms' measure is a power of the loss, batch norm's a tenth; but batch norm is far ahead in training."""
    plain, ahead = np.array([2.0, 1.0, 0.5, 0.25]), np.array([1.0, 0.2, 0.05, 0.01])
    study = training([plain, ahead], [plain**2, 0.1 * ahead**2])
    np.testing.assert_allclose(experiment.at_equal_loss(study, "beta"), [-1.0], atol=1e-9)
    assert experiment.log_ratio(study.beta)[0] < -2


def test_arms_without_a_common_loss_cannot_be_compared(experiment):
    study = training([[2.0, 1.0], [0.5, 0.1]], [[1.0, 1.0], [1.0, 1.0]])
    assert np.isnan(experiment.at_equal_loss(study, "beta")).all()


def test_what_overflows_counts_as_declared(experiment):
    study = training([[2.0, 1.0], [2.0, np.nan]], [[1e30, np.inf], [1.0, 1.0]])
    np.testing.assert_allclose(experiment.log_ratio(study.beta), [-12.0])
    np.testing.assert_allclose(experiment.nats(study).sel(arm="batch norm")[0], [2.0, np.log(10)])


@pytest.fixture
def grid(experiment):
    """Final losses of one seed: plain trains at 0.1 and scale 1 alone; batch norm up to rate 1, best at 0.1."""
    loss = np.full((2, 3, 2, 1, 1), 5.0)
    loss[0, 1, 1] = 0.5
    loss[1, :2, :] = [[[[0.4]], [[0.3]]], [[[0.2]], [[0.1]]]]
    loss[1, 2, 1] = np.nan
    coords = {"arm": ["none", "batch norm"], "rate": [0.01, 0.1, 1.0], "init_scale": [0.5, 1.0]}
    data = xr.Dataset({"loss": (("arm", "rate", "init_scale", "seed", "step"), loss)}, coords)
    return Results({"grid": data})


def test_the_grid_s_measures(experiment, grid):
    rate = experiment.largest_rate(grid)
    np.testing.assert_allclose(rate.sel(arm="none"), [-1.0])
    np.testing.assert_allclose(rate.sel(arm="batch norm"), [-1.0])
    spread = experiment.spread(grid)
    np.testing.assert_allclose(spread.sel(arm="none"), [np.log(10) - 0.5])
    np.testing.assert_allclose(spread.sel(arm="batch norm"), [0.1])
    nothing = Results({"grid": grid.grid.where(grid.grid.arm == "batch norm", 9.0)})
    np.testing.assert_allclose(experiment.largest_rate(nothing).sel(arm="none"), [-3.0])


def test_arms_start_alike_and_see_the_same_batches(experiment):
    data = jax.tree.map(np.asarray, images.load("digits"))
    settings = {"rate": 0.1, "net": "tiny", "batch": 8, "points": 2, "steps": 2, "every": 1}

    def first(arm):
        trial = experiment.trials.image_trial(jax.random.key(0), data, arm=arm, **settings)
        params = trial.init()
        return params, trial.probe(params, 0)

    (plain, ray), (noisy, noisy_ray) = (first(experiment.ARMS[name]) for name in ("none", "noisy batch norm"))
    for a, b in zip(jax.tree.leaves(plain), jax.tree.leaves(noisy), strict=True):
        np.testing.assert_array_equal(a, b)
    assert noisy_ray["drift"].min() > 0.05
    assert ray["drift"].shape == (2,)
    assert ray["gradient_shift"].shape == (3,)
    np.testing.assert_allclose(ray["gradient_shift"][0], 0, atol=1e-6)
