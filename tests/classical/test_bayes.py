"""Posteriors against enumeration, quadrature and each other; imputation against its definition."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

from dlnotes.classical import bayes, imputation, ridge


def test_a_posterior_over_hypotheses_is_enumerated(float64):
    prior, chance = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.5, 0.9])
    tosses = np.array([1, 1, 0, 1])
    likelihood = np.prod(np.where(tosses[:, None], chance, 1 - chance), axis=0)
    expected = prior * likelihood / (prior * likelihood).sum()
    np.testing.assert_allclose(bayes.posterior(jnp.asarray(prior), jnp.log(jnp.asarray(likelihood))), expected)


def test_many_data_do_not_underflow_and_the_impossible_stays_so():
    found = bayes.posterior(jnp.array([0.5, 0.5, 0.0]), jnp.array([-2000.0, -2001.0, 0.0]))
    np.testing.assert_allclose(found, [1 / (1 + np.exp(-1)), 1 / (1 + np.e), 0], rtol=1e-5)


def test_a_coin_is_what_quadrature_says(float64):
    belief = bayes.toss(bayes.Beta(2.0, 3.0), 4.0, 1.0)

    def density(p):
        return stats.beta.pdf(p, 2, 3) * p**4 * (1 - p)

    total = integrate.quad(density, 0, 1)[0]
    expected = integrate.quad(lambda p: p * density(p), 0, 1)[0] / total
    np.testing.assert_allclose(bayes.chance_of_heads(belief), expected, rtol=1e-9)
    assert bayes.chance_of_heads(bayes.toss(bayes.Beta(1.0, 1.0), 1.0, 0.0)) == pytest.approx(2 / 3)


def test_a_linear_posterior_is_ridge_with_what_is_not_known(float64):
    rng = np.random.default_rng(0)
    x, noise, prior = rng.normal(size=(30, 3)), 0.4, 2.0
    y = x @ [1.0, -2.0, 0.5] + rng.normal(size=30) * np.sqrt(noise)
    belief = bayes.fit(jnp.asarray(x), jnp.asarray(y), prior, noise)
    best = ridge.fit(jnp.asarray(x), jnp.asarray(y)[:, None], noise / prior, intercept=False)
    np.testing.assert_allclose(belief.mean, best.weights[:, 0], rtol=1e-8)
    weights = stats.multivariate_normal(np.asarray(belief.mean), np.asarray(belief.covariance)).rvs(
        200_000, random_state=1
    )
    query = np.array([[3.0, 1.0, -1.0]])
    drawn = weights @ query[0] + rng.normal(size=200_000) * np.sqrt(noise)
    found = bayes.predict(belief, jnp.asarray(query))
    np.testing.assert_allclose([found.mean[0], found.variance[0]], [drawn.mean(), drawn.var()], rtol=0.02)


def test_the_posterior_is_prior_times_likelihood(float64):
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(6, 2)), rng.normal(size=6)
    belief = bayes.fit(jnp.asarray(x), jnp.asarray(y), 1.5, 0.7)
    posterior = stats.multivariate_normal(np.asarray(belief.mean), np.asarray(belief.covariance))

    def joint(w):
        return stats.norm.logpdf(w, scale=1.5**0.5).sum() + stats.norm.logpdf(y, x @ w, 0.7**0.5).sum()

    points = rng.normal(size=(5, 2))
    gaps = [posterior.logpdf(w) - joint(w) for w in points]
    np.testing.assert_allclose(gaps, gaps[0], rtol=1e-9)  # equal up to the evidence


def test_missing_values_get_their_conditional_mean(float64):
    rng = np.random.default_rng(2)
    root = rng.normal(size=(3, 3))
    x = rng.normal(size=(500, 3)) @ root.T + [1, 2, 3]
    missing = np.zeros((500, 3), bool)
    missing[:250, 1] = missing[100:150, 2] = True
    model = imputation.fit(jnp.asarray(x), jnp.asarray(missing))
    filled = np.asarray(imputation.predict(model, jnp.asarray(x), jnp.asarray(missing), ridge=0.0))
    np.testing.assert_array_equal(filled[~missing], x[~missing])
    mean, s = np.asarray(model.mean), np.asarray(model.covariance)
    seen = [0, 2]
    by_hand = mean[1] + s[1, seen] @ np.linalg.solve(s[np.ix_(seen, seen)], x[0, seen] - mean[seen])
    np.testing.assert_allclose(filled[0, 1], by_hand)
    error, blunt = (
        np.mean((guess - x[missing]) ** 2) for guess in (filled[missing], np.take(mean, np.where(missing)[1]))
    )
    assert error < 0.8 * blunt


def test_a_row_with_nothing_gets_the_mean_and_not_a_number_does_not_spread():
    x = jnp.array([[1.0, 2.0], [3.0, jnp.nan], [jnp.nan, jnp.nan]])
    missing = jnp.isnan(x)
    filled = imputation.predict(imputation.fit(x, missing), x, missing)
    assert np.isfinite(filled).all()
    np.testing.assert_allclose(filled[2], [2.0, 2.0])


def test_a_planted_low_rank_is_completed(float64):
    rng = np.random.default_rng(3)
    whole = rng.normal(size=(30, 2)) @ rng.normal(size=(2, 12))
    missing = rng.uniform(size=whole.shape) < 0.25
    seen = jnp.asarray(np.where(missing, np.nan, whole))
    filled = imputation.complete(seen, jnp.asarray(missing), 2, 3000)
    np.testing.assert_allclose(filled, whole, atol=1e-5)
    by_one = np.asarray(imputation.complete(seen, jnp.asarray(missing), 1))
    assert np.abs(by_one - whole)[missing].max() > 0.5  # too small a rank cannot
    np.testing.assert_array_equal(by_one[~missing], whole[~missing])
    with pytest.raises(ValueError, match="a rank from 1 to 12 is wanted"):
        imputation.complete(seen, jnp.asarray(missing), 13)
