"""How the experiment on paths walks, and how it reads what was walked."""

import sys
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

from dlnotes.lab import discover

FILE = Path(__file__).parents[2] / "experiments" / "optimization" / "paths.py"


@pytest.fixture(scope="module")
def experiment():
    return discover.import_file(FILE)


@pytest.fixture(scope="module")
def trials(experiment):
    return sys.modules["paths_trials"]


def walked(experiment, *points, height=1.0):
    """Results in which every method takes this way on the quadratic."""
    way = np.broadcast_to(np.array(points, float), (1, 1, 3, 9, len(points), 2))
    dims = ("place", "seed", "turn", "solver", "point", "coordinate")
    study = xr.Dataset({"path": (dims, way), "height": (dims[:-1], np.broadcast_to(height, way.shape[:-1]))})
    return SimpleNamespace(paths=study.assign_coords(place=["quadratic"], point=np.arange(len(points))))


def test_a_straight_way_and_a_detour(experiment):
    straight = walked(experiment, (-4, 0), (-1, 0), (0, 0))
    np.testing.assert_allclose(experiment.length(straight, "quadratic"), 0, atol=1e-12)
    detour = walked(experiment, (-4, 0), (-4, 2), (0, 2), (0, 0))
    np.testing.assert_allclose(experiment.length(detour, "quadratic"), 1)
    np.testing.assert_allclose(experiment.turns_back(detour, "quadratic"), 0)
    arrived = walked(experiment, (-4, 0), (0, 0), (7, 7), height=[1, 1e-4, 1e-4])
    np.testing.assert_allclose(experiment.length(arrived, "quadratic"), 0, atol=1e-12)
    np.testing.assert_allclose(experiment.steps(arrived, "quadratic"), 1)
    np.testing.assert_allclose(experiment.steps(straight, "quadratic"), 3)


def test_turning_back_and_going_beyond(experiment):
    zigzag = walked(experiment, (-4, 0), (-3, 5), (-2, -4), (-1, 3), (1, 3))
    np.testing.assert_allclose(experiment.turns_back(zigzag, "quadratic"), 2 / 3)
    np.testing.assert_allclose(experiment.overshoot(zigzag), 1 / 4)


def test_descent_walks_as_a_loop_does(trials, float64):
    fun, rotation = trials.turned(trials.PLACES["quadratic"].fun, jnp.array(trials.TURNS[30]))
    start = rotation @ jnp.array([-4.0, 1.0])
    points, values = jax.jit(lambda rate: trials.walk(fun, lambda _: trials.first_order(jnp.array(0), rate), start, 3))(
        0.09
    )
    x = np.array([-4.0, 1.0])
    for point, value in zip(points @ rotation, values, strict=True):
        np.testing.assert_allclose(point, x, atol=1e-12)
        np.testing.assert_allclose(value, 0.5 * (x[0] ** 2 + 20 * x[1] ** 2))
        x = x * (1 - 0.09 * np.array([1.0, 20.0]))


def test_heights_are_over_the_minima_named(trials, experiment):
    for name, place in trials.PLACES.items():
        for minimum in experiment.MINIMA[name]:
            assert float(place.fun(jnp.array(minimum))) == pytest.approx(place.lowest, abs=1e-9)
