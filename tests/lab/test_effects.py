"""Slopes, exponents and best settings on arrays with known answers."""

import numpy as np
import pytest
import xarray as xr

from dlnotes import lab


@pytest.fixture
def x():
    return xr.DataArray([1.0, 10.0, 100.0, 1000.0], dims="n")


def test_slopes_and_exponents_are_numpys_fits(x):
    rng = np.random.default_rng(0)
    y = xr.DataArray(rng.uniform(1, 2, (3, 4)), dims=("seed", "n"))
    np.testing.assert_allclose(lab.slope(y, x), [np.polyfit(x, row, 1)[0] for row in y.values])
    np.testing.assert_allclose(lab.exponent(y, x), [np.polyfit(np.log(x), np.log(row), 1)[0] for row in y.values])
    np.testing.assert_allclose(lab.exponent(5 * x**-0.5, x), -0.5)
    assert lab.slope(y, x).dims == ("seed",)


def test_a_lost_value_is_not_left_out(x):
    assert np.isnan(lab.exponent(xr.DataArray([1.0, np.nan, 3.0, 4.0], dims="n"), x))


def test_the_best_setting_is_one_for_all_seeds_and_one_for_each_other_condition():
    score = xr.DataArray(
        [[[1.0, 5.0, 3.0], [2.0, 0.0, 9.0]], [[4.0, 5.0, 1.0], [2.0, 0.5, 9.0]]],
        dims=("seed", "arm", "rate"), coords={"rate": [0.1, 0.2, 0.3]},
    )  # fmt: skip
    found = lab.at_best(10 * score, score, "rate")
    assert found.dims == ("seed", "arm")
    assert "rate" not in found.coords
    np.testing.assert_allclose(found, [[30, 0], [10, 5]])  # rate 0.3 for the first arm, though 0.1 suits one seed more


def test_several_dimensions_are_searched_together():
    score = xr.DataArray([[[3.0, 2.0], [1.0, 4.0]]], dims=("seed", "momentum", "rate"))
    np.testing.assert_allclose(lab.at_best(score, score, "momentum", "rate"), [1.0])


def test_a_setting_that_loses_a_seed_is_never_the_best():
    score = xr.DataArray([[np.nan, 2.0], [0.0, 2.0]], dims=("seed", "rate"))
    np.testing.assert_allclose(lab.at_best(score, score, "rate"), [2.0, 2.0])


def test_the_farthest_value_is_on_either_side_and_a_lost_one_is_farthest_of_all():
    y = xr.DataArray(
        [[0.9, 1.05, 1.2], [0.7, 1.05, 1.2], [0.9, np.nan, 1.2]], dims=("seed", "n"), coords={"n": [1, 2, 3]}
    )  # fmt: skip
    found = lab.farthest(y, 1, "n")
    assert found.dims == ("seed",)
    assert "n" not in found.coords
    np.testing.assert_array_equal(found, [1.2, 0.7, np.nan])
