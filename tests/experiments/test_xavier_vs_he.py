"""How the initialization experiment reads its results: divergence counts as chance, each arm has its own best rate."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from dlnotes.lab import discover

FILE = Path(__file__).parents[2] / "experiments" / "initialization" / "xavier_vs_he.py"


@pytest.fixture(scope="module")
def experiment():
    return discover.import_file(FILE)


@pytest.fixture
def study():
    """Two arms, three rates, two seeds, four windows; the first arm diverges at the largest rate."""
    loss = np.full((2, 3, 2, 4), 2.0)
    loss[0, 0, :, -2:] = 1.0
    loss[0, 1, 1, -2:] = 0.5
    loss[0, 2, :, 1:] = np.nan
    loss[1, :, 0] = 9.0
    loss[1, 2, 1, -2:] = [0.0, 0.2]
    error = np.arange(12.0).reshape(2, 3, 2)
    dims = ("arm", "learning_rate", "seed")
    coords = {"arm": ["xavier_fan_in", "he_fan_in"], "learning_rate": [0.1, 0.2, 0.3]}
    return xr.Dataset({"loss": ((*dims, "step"), loss), "test_error": (dims, error)}, coords)


def test_diverged_or_worse_than_chance_counts_as_chance(experiment, study):
    ending = experiment.at_end(study)
    assert np.isfinite(ending).all()
    np.testing.assert_allclose(ending.sel(arm="xavier_fan_in", learning_rate=0.3), np.log(10))
    np.testing.assert_allclose(ending.sel(arm="he_fan_in").isel(seed=0), np.log(10))
    np.testing.assert_allclose(ending.sel(arm="xavier_fan_in", learning_rate=0.1), 1.0)


def test_each_arm_and_seed_is_taken_at_its_best_rate(experiment, study):
    best = experiment.at_best(study, "test_error")
    assert best.dims == ("arm", "seed")
    np.testing.assert_array_equal(best.sel(arm="xavier_fan_in"), [0, 3])
    np.testing.assert_array_equal(best.sel(arm="he_fan_in").isel(seed=1), 11)
    np.testing.assert_array_equal(experiment.xavier_less_he(best).isel(seed=1), 3 - 11)


def test_slopes_are_bits_a_layer_in_the_direction_of_travel(experiment):
    layers = np.arange(5.0)
    square = np.stack([-2 * layers, -2 * layers[::-1]])
    dims = ("narrow", "arm", "seed", "layer")
    signal = xr.Dataset(
        {name: (dims, row.reshape(1, 1, 1, 5)) for name, row in zip(("forward", "backward"), square, strict=True)},
        {"arm": ["sheet"], "layer": np.arange(5)},
    )
    results = type("Results", (), {"signal": signal})
    assert experiment.slope(results, "sheet").item() == -2
    assert experiment.slope(results, "sheet", "backward").item() == -2
