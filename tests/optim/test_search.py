"""Distributions of the draws, the expected best against simulated searches, and a random search on the engine."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from jax import Array

from dlnotes import lab
from dlnotes.optim import search

RNG = np.random.default_rng(0)


def test_draws_have_scipys_distribution():
    draws = search.log_uniform(jax.random.key(0), 1e-4, 1.0, (4000,))
    assert scipy.stats.kstest(np.asarray(draws, float), scipy.stats.loguniform(1e-4, 1.0).cdf).pvalue > 0.01
    assert scipy.stats.kstest(np.asarray(draws, float), scipy.stats.uniform(1e-4, 1.0).cdf).pvalue < 1e-9


@pytest.mark.usefixtures("float64")
def test_one_minus_beta_is_log_uniform_between_its_ends():
    draws = search.one_minus_log_uniform(jax.random.key(1), 0.9, 0.999, (4000,))
    assert 0.9 <= draws.min() < 0.91
    assert 0.998 < draws.max() <= 0.999
    assert scipy.stats.kstest(1 - np.asarray(draws), scipy.stats.loguniform(1e-3, 1e-1).cdf).pvalue > 0.01
    np.testing.assert_allclose(np.mean(draws > 0.99), 0.5, atol=0.03)


def test_bounds_may_be_traced_and_many_searches_are_a_loop():
    lows = jnp.array([1e-4, 1e-2])
    keys = jax.random.split(jax.random.key(2), 2)
    together = jax.jit(jax.vmap(lambda key, low: search.log_uniform(key, low, 1.0, (5,))))(keys, lows)
    for key, low, row in zip(jax.random.split(jax.random.key(2), 2), lows, together, strict=True):
        np.testing.assert_allclose(search.log_uniform(key, low, 1.0, (5,)), row, rtol=1e-5)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("weighted", [False, True])
def test_expected_best_is_the_mean_over_simulated_searches(weighted):
    results = RNG.normal(size=30)
    weights = RNG.random(30) if weighted else np.ones(30)
    chosen = RNG.choice(30, size=(40_000, 5), p=weights / weights.sum())
    best = results[chosen].min(axis=1)
    expected = search.expected_best(jnp.asarray(results), 5, jnp.asarray(weights) if weighted else None)
    np.testing.assert_allclose(expected, best.mean(), atol=5 * best.std() / 200)


@pytest.mark.usefixtures("float64")
def test_expected_best_between_one_try_and_all():
    results = jnp.asarray(RNG.normal(size=50))
    curve = jax.jit(jax.vmap(search.expected_best, (None, 0)))(results, jnp.array([1.0, 2, 4, 8, 1e6]))
    np.testing.assert_allclose(curve[0], results.mean(), rtol=1e-12)
    assert (np.diff(curve) < 0).all()
    np.testing.assert_allclose(curve[-1], results.min(), rtol=1e-12)
    np.testing.assert_allclose(search.expected_best(results[::-1], 4.0), curve[2], rtol=1e-12)
    only = jnp.zeros(50).at[7].set(2.0)
    np.testing.assert_allclose(search.expected_best(results, 3, only), results[7])


def test_a_failed_try_is_in_the_mean_and_weights_must_fit():
    assert np.isnan(search.expected_best(jnp.array([1.0, jnp.nan]), 2))
    assert search.expected_best(jnp.array([1.0, jnp.inf]), 2) == jnp.inf
    with pytest.raises(ValueError, match=r"got \(2,\) for \(3,\)"):
        search.expected_best(jnp.ones(3), 2, jnp.ones(2))


class Settings(NamedTuple):
    rate: Array | float
    momentum: Array | float


SAMPLERS = Settings(
    partial(search.log_uniform, low=1e-3, high=1.0), partial(search.one_minus_log_uniform, low=0.5, high=0.99)
)


def test_joint_draws_are_an_axis_and_each_its_own():
    draws = search.draw_settings(jax.random.key(3), 50, SAMPLERS)
    rates, momenta = np.array(list(draws.values())).T
    assert list(draws) == list(range(50))
    assert isinstance(draws[7], Settings)
    assert isinstance(draws[7].rate, float)
    assert len(set(rates)) == len(set(momenta)) == 50
    assert abs(np.corrcoef(np.log(rates), np.log(1 - momenta))[0, 1]) < 0.5
    assert all(0.001 <= rate <= 1 for rate in search.draw_settings(jax.random.key(3), 3, SAMPLERS.rate).values())
    with pytest.raises(ValueError, match="count=0"):
        search.draw_settings(jax.random.key(3), 0, SAMPLERS)


def test_random_search_over_an_experiment_is_an_override(tmp_path):
    """The recipe: draw settings together, run them as one axis, take the best on average over seeds."""

    def trial(key, *, chosen: Settings) -> lab.Trial:
        start = jax.random.normal(key, ())

        def finish(x):
            apart = (jnp.log10(jnp.asarray(chosen.rate)) + 1.5) ** 2 + (chosen.momentum - 0.9) ** 2
            return {"loss": apart + 0.01 * x**2}

        return lab.Trial(lambda: start, finish=finish)

    experiment = lab.Experiment(
        "Which settings are best?", {"search": lab.Study(trial, {"chosen": {"default": Settings(0.1, 0.9)}})}, name="s"
    )
    draws = search.draw_settings(jax.random.key(4), 12, SAMPLERS)
    run = lab.run(experiment, seeds=2, overrides={"chosen": draws}, runs=tmp_path)
    loss = run.results.search.loss.mean("seed")
    best = draws[int(loss.chosen[loss.argmin("chosen")])]
    want = min(draws.values(), key=lambda s: (np.log10(s.rate) + 1.5) ** 2 + (s.momentum - 0.9) ** 2)
    assert best == want
