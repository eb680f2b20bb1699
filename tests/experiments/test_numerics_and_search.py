"""Laws of the parts of four foundations experiments: planted bugs, counted steps, amplification, simulated searches."""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from sklearn.datasets import load_wine

from dlnotes.lab import discover

FOLDER = Path(__file__).parents[2] / "experiments" / "foundations"


def trials_of(experiment, name):
    discover.import_file(FOLDER / f"{experiment}.py")
    return sys.modules[name]


@pytest.fixture(scope="module")
def gradients():
    return trials_of("numerical_gradients", "gradient_trials")


@pytest.fixture(scope="module")
def steps():
    return trials_of("step_and_condition", "step_trials")


@pytest.fixture(scope="module")
def systems():
    return trials_of("linear_systems", "system_trials")


@pytest.fixture(scope="module")
def searches():
    return trials_of("log_scale_search", "search_trials")


def test_the_planted_bug_has_the_value_of_tanh_and_another_slope(gradients):
    z = jnp.linspace(-2.0, 2.0, 9)
    value, slope = jax.vmap(jax.value_and_grad(gradients.wrong_tanh))(z)
    np.testing.assert_allclose(value, np.tanh(z), atol=1e-6)
    np.testing.assert_allclose(slope, 1 - np.tanh(z), atol=1e-6)


def test_fresh_masks_are_fresh_and_without_noise_differences_are_the_gradient(gradients, float64):
    params = {"a": jnp.arange(3.0), "b": jnp.ones(())}

    def loss(params, key):
        return jnp.sum(params["a"] ** 2) * params["b"]

    plain = gradients.with_fresh_masks(loss, params, jax.random.key(0), 1e-5)
    np.testing.assert_allclose(plain["a"], 2 * np.arange(3.0), atol=1e-9)
    np.testing.assert_allclose(plain["b"], 5, rtol=1e-9)
    noisy = gradients.with_fresh_masks(lambda _, key: jax.random.normal(key), params, jax.random.key(0), 0.5)
    assert len(np.unique(np.round(np.append(noisy["a"], noisy["b"]), 6))) == 4


def test_steps_are_those_that_descent_takes(steps, float64):
    rates, shares = jnp.array([1.0, 0.3, 0.01, 1e-3]), jnp.array([5.0, 1.0, 0.5, 0.2])
    for left in (0.5, 0.1, 0.01):
        error, taken = np.sqrt(shares), 0
        while (error**2).sum() > left * float(shares.sum()):
            error, taken = error * (1 - rates), taken + 1
        assert steps.steps_until(left, rates, shares) == taken
    assert steps.steps_until(0.01, jnp.ones(3), jnp.ones(3)) == 1


def test_scaled_inputs_are_centered_of_variance_one_and_uncorrelated(steps, float64):
    x = np.column_stack([load_wine().data, np.full(178, 7.0)])
    raw, centered, standard, white = (np.asarray(each) for each in steps.scaled(jnp.asarray(x)))
    np.testing.assert_array_equal(raw, x)
    for each in (centered, standard, white):
        np.testing.assert_allclose(each.mean(0), 0, atol=1e-8)
    np.testing.assert_allclose(standard.std(0), [1] * 13 + [0], atol=1e-9)
    np.testing.assert_allclose(np.cov(white.T), np.diag([1.0] * 13 + [0]), atol=1e-8)


def test_amplification_is_one_for_rotations_and_two_numbers_for_a_diagonal(systems, float64):
    turn = jax.random.orthogonal(jax.random.key(0), 4, dtype=jnp.float64)
    sides, errors = jax.random.normal(jax.random.key(1), (2, 4, 5), jnp.float64)
    np.testing.assert_allclose(systems.amplification(turn, sides, errors), 1, rtol=1e-10)
    diagonal = jnp.diag(jnp.array([100.0, 1.0]))
    across = jnp.array([[1.0, 0.0], [0.0, 1.0]])
    np.testing.assert_allclose(systems.amplification(diagonal, across, across[:, ::-1]), [100, 0.01])


def test_altered_pictures_are_shifted_boxed_and_tinted(systems):
    picture = jnp.arange(1.0, 65.0).reshape(1, 8, 8)
    shifted, boxed, tinted = systems.altered(picture, 3, 0.7)
    np.testing.assert_array_equal(shifted[0, :, 1:], picture[0, :, :-1])
    assert (np.asarray(shifted[0, :, 0]) == 0).all()
    assert (np.asarray(boxed) == 0).sum() == 9
    assert boxed[0, 2, 2] == boxed[0, 4, 4] == 0 < boxed[0, 5, 5]
    np.testing.assert_allclose(tinted, 0.7 * picture)
    a, b = np.random.default_rng(0).normal(size=(2, 6, 8, 8))
    apart = np.linalg.norm((a[:, None] - b[None]).reshape(6, 6, -1), axis=-1)
    np.testing.assert_allclose(systems.distances(jnp.asarray(a), jnp.asarray(b)), apart, rtol=1e-4)


def test_regret_is_that_of_simulated_searches(searches):
    """A loss with its minimum at 10^−2.5, searched from 1e-4 to 1 on both scales."""
    at = np.linspace(-5, 1, 61)
    loss = xr.DataArray(np.minimum((at + 2.5) ** 2, 3.0)[:, None], coords={"x": at, "seed": [0]}, dims=("x", "seed"))
    regret = searches.regret(loss, "x", -4.0, 0.0).isel(seed=0)
    generator = np.random.default_rng(0)
    for scale in ("log", "linear"):
        draws = generator.uniform(size=(20_000, 4))
        place = -4 + 4 * draws if scale == "log" else np.log10(1e-4 + (1 - 1e-4) * draws)
        best = np.interp(place, at, loss[:, 0]).min(axis=1)
        np.testing.assert_allclose(regret.sel(scale=scale, tries=4), best.mean(), atol=0.02)


def test_the_grid_is_even_in_both_logarithms(searches):
    every = searches.grid(15)
    assert list(every) == [0, 15, 30, 45, 60]
    np.testing.assert_allclose(list(every.values()), np.stack([np.linspace(-5, 1, 5), np.linspace(-4, 0, 5)], axis=1))
