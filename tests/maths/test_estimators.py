"""Bias, variance and their sum; standard and Bayes errors; complexity penalties: against loops, SciPy, scikit-learn."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from sklearn.mixture import GaussianMixture

from dlnotes.classical import ridge
from dlnotes.maths import estimators

pytestmark = pytest.mark.usefixtures("float64")


def drawn(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


def test_decomposition_is_the_loop_over_sets():
    predictions, truth = drawn(0, 7, 3), drawn(1, 3)
    found = estimators.bias_variance(jnp.asarray(predictions), jnp.asarray(truth))
    for i in range(3):
        mean = sum(predictions[:, i]) / 7
        np.testing.assert_allclose(found.bias_squared[i], (mean - truth[i]) ** 2)
        np.testing.assert_allclose(found.variance[i], sum((p - mean) ** 2 for p in predictions[:, i]) / 7)
        np.testing.assert_allclose(found.mean_squared_error[i], sum((p - truth[i]) ** 2 for p in predictions[:, i]) / 7)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 2e-6), (np.float64, 1e-13)])
@pytest.mark.parametrize("shift", [0.0, 100.0])
def test_error_is_squared_bias_plus_variance(dtype, tolerance, shift):
    predictions, truth = jnp.asarray(drawn(0, 500, 20) + shift, dtype), jnp.asarray(drawn(1, 20), dtype)
    bias_squared, variance, error = estimators.bias_variance(predictions, truth)
    assert error.dtype == dtype
    np.testing.assert_allclose(bias_squared + variance, error, rtol=tolerance)


def test_decomposition_maps_and_takes_single_numbers():
    predictions, truth = jnp.asarray(drawn(0, 4, 50)), jnp.asarray(drawn(1, 4))
    together = jax.jit(jax.vmap(estimators.bias_variance))(predictions, truth)
    for i in range(4):
        alone = estimators.bias_variance(predictions[i], truth[i])
        np.testing.assert_allclose([part[i] for part in together], alone, rtol=1e-12)


def test_measured_bias_is_too_large_by_variance_over_sets_less_one():
    estimates = jnp.asarray(drawn(0, 20_000, 5))  # of 0, by five sets, 20 000 times
    found = jax.vmap(lambda e: estimators.bias_variance(e, jnp.zeros(())))(estimates)
    np.testing.assert_allclose(found.bias_squared.mean(), found.variance.mean() / 4, rtol=0.05)


@pytest.mark.parametrize(("predictions", "truth"), [((5, 3), (4,)), ((5,), (5,)), ((0, 3), (3,))])
def test_shapes_that_do_not_fit_are_refused(predictions, truth):
    with pytest.raises(ValueError, match="are wanted, got"):
        estimators.bias_variance(jnp.ones(predictions), jnp.ones(truth))


def test_standard_error_is_scipys():
    values = drawn(0, 3, 12)
    np.testing.assert_allclose(jax.vmap(estimators.standard_error)(jnp.asarray(values)), stats.sem(values, axis=1))
    with pytest.raises(ValueError, match="at least two numbers"):
        estimators.standard_error(jnp.ones(1))


def test_no_rule_of_all_errs_less_than_the_bayes_error():
    joint = np.random.default_rng(0).dirichlet(np.ones(12)).reshape(4, 3)
    rules = np.stack(np.meshgrid(*[range(3)] * 4), axis=-1).reshape(-1, 4)  # each of the 81: a class for every input
    errors = [1 - sum(joint[x, rule[x]] for x in range(4)) for rule in rules]
    np.testing.assert_allclose(estimators.bayes_error(jnp.asarray(joint)), min(errors))
    with pytest.raises(ValueError, match=r"\[inputs, classes\] is wanted"):
        estimators.bayes_error(jnp.ones(3))


@pytest.mark.parametrize("prior", [0.5, 0.2, 0.99])
@pytest.mark.parametrize("distance", [0.1, 1.0, 4.0])
def test_gaussian_bayes_error_is_the_integral_of_the_smaller_density(distance, prior):
    x = np.linspace(-60, 60, 400_001)
    first, second = prior * stats.norm.pdf(x), (1 - prior) * stats.norm.pdf(x, loc=distance)
    integral = np.trapezoid(np.minimum(first, second), x)
    np.testing.assert_allclose(estimators.gaussian_bayes_error(distance, prior), integral, rtol=1e-7)


def test_alike_gaussians_leave_the_rarer_class():
    error, slope = jax.vmap(jax.value_and_grad(estimators.gaussian_bayes_error, argnums=1), in_axes=(None, 0))(
        0.0, jnp.array([0.3, 0.8])
    )
    np.testing.assert_allclose(error, [0.3, 0.2])
    np.testing.assert_allclose(slope, [1.0, -1.0])
    np.testing.assert_allclose(estimators.gaussian_bayes_error(1e-9, 0.3), 0.3)


def test_gap_of_least_squares_is_twice_the_noise_of_its_weights():
    x, weights, noise = jnp.asarray(drawn(0, 40, 5)), drawn(1, 5, 1), 0.7
    y, new = (jnp.asarray(x @ weights + noise * drawn(seed, 40, 4000)) for seed in (2, 3))  # columns are data sets
    fitted = ridge.predict(ridge.fit(x, y, intercept=False), x)
    gaps = jax.vmap(estimators.generalization_gap, in_axes=1)((y - fitted) ** 2, (new - fitted) ** 2)
    law = 2 * noise**2 * 5 / 40
    assert abs(gaps.mean() - law) < 4 * estimators.standard_error(gaps)


def test_likelihood_and_penalties_are_scikit_learns():
    x = drawn(0, 25, 1) * 3 + 1
    theirs = GaussianMixture(1, reg_covar=0.0).fit(x)
    ours = estimators.gaussian_log_likelihood(float(((x - x.mean()) ** 2).sum()), 25)
    np.testing.assert_allclose(ours, stats.norm.logpdf(x, x.mean(), x.std()).sum())
    np.testing.assert_allclose(estimators.aic(ours, 2), theirs.aic(x))
    np.testing.assert_allclose(jax.jit(estimators.bic)(ours, 2, 25), theirs.bic(x))


def test_corrected_aic_is_the_expected_deviance_even_of_few_examples():
    x, weights, noise = jnp.asarray(drawn(0, 12, 5)), drawn(1, 5, 1), 0.7
    y, new = (jnp.asarray(x @ weights + noise * drawn(seed, 12, 20_000)) for seed in (2, 3))
    fitted = ridge.predict(ridge.fit(x, y, intercept=False), x)
    squares, variance = ((y - fitted) ** 2).sum(0), ((y - fitted) ** 2).mean(0)
    deviance = 12 * jnp.log(2 * jnp.pi * variance) + ((new - fitted) ** 2).sum(0) / variance
    off = estimators.aic(estimators.gaussian_log_likelihood(squares, 12), 6, 12) - deviance
    assert abs(off.mean()) < 4 * estimators.standard_error(off)
    np.testing.assert_allclose(estimators.aic(-3.0, 6, jnp.array([7.0, 8.0, jnp.inf])), [jnp.inf, 102.0, 18.0])
