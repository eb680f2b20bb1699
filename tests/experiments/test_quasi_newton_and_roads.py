"""What two experiments on curvature and on many starts compute beside their predictions."""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlnotes.lab import discover

FOLDER = Path(__file__).parents[2] / "experiments" / "optimization"


@pytest.fixture(scope="module")
def curvature():
    discover.import_file(FOLDER / "quasi_newton.py")
    return sys.modules["quasi_newton_trials"]


@pytest.fixture(scope="module")
def roads():
    discover.import_file(FOLDER / "roads_to_rome.py")
    return sys.modules["roads_trials"]


def test_recurrence_of_random_projections(curvature):
    """In one dimension one pair is all there is to know; in three, as many draws say."""
    np.testing.assert_allclose(curvature.expected_error(jnp.array([[5.0]]), 2), 0, atol=1e-6)
    rng = np.random.default_rng(0)
    first, total = np.diag([0.0, 1.0, 4.0]), np.zeros(3)
    for _ in range(20_000):
        error = first
        for k, z in enumerate(rng.normal(size=(3, 3))):
            away = np.eye(3) - np.outer(z, z) / (z @ z)
            error = away @ error @ away
            total[k] += np.sum(error**2) / 20_000
    np.testing.assert_allclose(curvature.expected_error(jnp.asarray(first), 3), total, rtol=0.05)


def test_speed_up_of_curves(roads):
    t = jnp.arange(50.0)
    assert roads.speed_up(1 / (t + 1)) <= 1  # convex
    np.testing.assert_allclose(roads.speed_up(jnp.where(t < 25, 1 - 0.001 * t, 0.975 - 0.02 * (t - 25))), 20, rtol=0.1)


def test_gradient_of_both_losses(roads, float64):
    """θ is read as the notes have it: logistic regression, or tanh units and their output with a constant."""
    rng = np.random.default_rng(0)
    x, signs = rng.normal(size=(7, 3)), np.sign(rng.normal(size=7))
    loss, n = roads.network(jnp.asarray(x), jnp.asarray(signs), 0.1, 0)
    theta = rng.normal(size=n)
    np.testing.assert_allclose(loss(theta), np.mean(np.log1p(np.exp(-signs * (x @ theta)))) + 0.05 * theta @ theta)
    loss, n = roads.network(jnp.asarray(x), jnp.asarray(signs), 0.1, 2)
    theta = rng.normal(size=n)
    logits = np.tanh(x @ theta[:6].reshape(3, 2)) @ theta[6:8] + theta[8]
    np.testing.assert_allclose(loss(theta), np.mean(np.log1p(np.exp(-signs * logits))) + 0.05 * theta @ theta)
    assert jax.grad(loss)(theta).shape == (9,)
