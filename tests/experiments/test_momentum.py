"""How the momentum experiments count, know their laws and choose the best settings."""

import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

from dlnotes.lab import discover
from dlnotes.maths import quadratics

FOLDER = Path(__file__).parents[2] / "experiments" / "optimization"


@pytest.fixture(scope="module")
def damps():
    return discover.import_file(FOLDER / "momentum_damps_oscillation.py")


@pytest.fixture(scope="module")
def nesterov():
    return discover.import_file(FOLDER / "nesterov_vs_momentum.py")


@pytest.fixture(scope="module")
def escapes():
    return discover.import_file(FOLDER / "momentum_escapes.py")


def swings(stiffness, momentum, steps):
    x, v, path = 1.0, 0.0, [1.0]
    for _ in range(steps):
        v = momentum * v - stiffness * x
        x += v
        path.append(x)
    return np.array(path)


@pytest.mark.parametrize(("stiffness", "momentum"), [(1.0, 0.0), (1.9, 0.0), (0.1, 0.9), (1.5, 0.99), (0.001, 0.9)])
def test_overshoot_is_that_of_the_swings(escapes, stiffness, momentum):
    expected = -swings(stiffness, momentum, 399).min()
    np.testing.assert_allclose(escapes.overshoot(stiffness, momentum), expected, atol=2e-5)


def test_a_sign_is_counted_once_where_the_path_stops_at_zero(damps):
    flips = sys.modules["oscillation_trials"].flips
    path = jnp.array([1.0, 0.0, -1.0, 0.0, 1.0, 2.0, -0.5, 0.5])
    assert int(flips(path[:-1], path[1:]).sum()) == 4
    assert int(flips(jnp.zeros(3), jnp.zeros(3)).sum()) == 0


def test_swing_and_noise_laws_meet_their_coordinates(damps):
    coords = {"stiffness": [0.5, 1.9], "momentum": [0.0, 0.9]}
    one = xr.DataArray(np.zeros((2, 2)), coords, ("stiffness", "momentum"))
    np.testing.assert_allclose(damps.swing(one).sel(momentum=0.0), [0, 1], atol=1e-6)
    np.testing.assert_allclose(damps.swing(one).sel(stiffness=1.9, momentum=0.9), 0.5, atol=1e-3)
    noisy = one.expand_dims(averaged=["same rate", "same effective rate"])
    law = damps.noise_law(noisy).sel(stiffness=0.5)
    np.testing.assert_allclose(law.sel(momentum=0.0), 0.25 / (0.5 * 1.5), rtol=1e-5)
    averaged = quadratics.momentum_noise(0.05, 0.9) * 0.05**2
    np.testing.assert_allclose(law.sel(momentum=0.9, averaged="same effective rate"), averaged, rtol=1e-5)


def test_best_settings_are_each_methods_own(nesterov):
    steps = xr.DataArray(
        [[[[9.0, 9.0], [5.0, 7.0]]], [[[4.0, 2.0], [8.0, 8.0]]]],
        {"nesterov": ["plain", "Nesterov"], "momentum": [0.9], "rate": [0.1, 1.0]},
        ("nesterov", "momentum", "rate", "seed"),
    )
    study = xr.Dataset({"steps": steps})
    np.testing.assert_allclose(nesterov.at_best(study, "steps", "plain"), [5, 7])
    np.testing.assert_allclose(nesterov.at_best(study, "steps", "Nesterov"), [4, 2])
    np.testing.assert_allclose(nesterov.best(study), np.log10([4 / 5, 2 / 7]))


def test_the_iterates_seen_are_the_notes_own(nesterov, float64):
    trials = sys.modules["nesterov_trials"]
    start, constants = jnp.array([1.0, 0.1]), quadratics.Steps(jnp.asarray(0.1), jnp.asarray(0.9))
    seen = trials.descend(
        lambda x: 0.5 * jnp.sum(jnp.array([1.0, 0.1]) * x**2), start, constants, jnp.asarray(1.0), 0.0, 15,
        lambda x, gradient: jnp.linalg.norm(gradient),
    )  # fmt: skip
    curvature, x, v = np.array([1.0, 0.1]), np.array([1.0, 0.1]), np.zeros(2)
    losses = [0.5 * np.sum(curvature * x**2)]
    for _ in range(15):
        v = 0.9 * v - 0.1 * curvature * (x + 0.9 * v)
        x = x + v
        losses.append(0.5 * np.sum(curvature * x**2))
    np.testing.assert_allclose(seen["climb"], np.maximum(np.diff(losses), 0).sum() / losses[0], rtol=1e-12)
    assert np.diff(losses).max() > 0
