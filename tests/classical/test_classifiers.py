"""Gaussian classifiers, kernel machines and the perceptron against scikit-learn and their own conditions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.svm import SVC

from dlnotes.classical import gaussian_classifier, kernel_svm, perceptron

IRIS = tuple(np.asarray(part) for part in load_iris(return_X_y=True))


@pytest.mark.parametrize("shared", [False, True])
def test_gaussian_classes_are_scikit_learns(float64, shared):
    x, y = IRIS
    mine = gaussian_classifier.fit(jnp.asarray(x), jnp.asarray(y), 3, shared=shared)
    np.testing.assert_allclose(mine.means, [x[y == k].mean(0) for k in range(3)])
    found = gaussian_classifier.log_posterior(mine, jnp.asarray(x))
    theirs = (
        LinearDiscriminantAnalysis(solver="lsqr") if shared else QuadraticDiscriminantAnalysis(store_covariance=True)
    )
    theirs.fit(x, y)
    if not shared:
        np.testing.assert_allclose(mine.covariances, [np.cov(x[y == k].T, ddof=0) for k in range(3)])
        ours = np.asarray(mine.covariances)  # scikit-learn divides by nₖ or by nₖ − 1, as its version has it
        model = mine._replace(covariances=jnp.asarray(np.stack(theirs.covariance_)))
        np.testing.assert_allclose(ours, theirs.covariance_, rtol=0.021)
        found = gaussian_classifier.log_posterior(model, jnp.asarray(x))
    np.testing.assert_allclose(np.exp(found), theirs.predict_proba(x), atol=1e-9)
    assert np.mean(np.asarray(gaussian_classifier.predict(mine, jnp.asarray(x))) == y) > 0.97


def test_a_class_without_examples_is_never_predicted():
    x, y = (jnp.asarray(part) for part in IRIS)
    model = gaussian_classifier.fit(x.astype(jnp.float32), y, 5, ridge=1e-3)
    assert set(np.asarray(gaussian_classifier.predict(model, x.astype(jnp.float32))).tolist()) == {0, 1, 2}


@pytest.fixture(scope="module")
def pair():
    x, y = (np.asarray(part) for part in load_digits(return_X_y=True))
    here = (y == 3) | (y == 8)
    return x[here][:240] / 16, np.where(y[here][:240] == 3, 1.0, -1.0)


@pytest.mark.parametrize("strength", [0.3, 10.0])
def test_the_machine_is_libsvms(float64, pair, strength):
    x, signs = pair
    theirs = SVC(C=strength, gamma=0.1, tol=1e-6).fit(x, signs)
    kernel = kernel_svm.gaussian(0.1)
    mine = kernel_svm.fit(jnp.asarray(x), jnp.asarray(signs), kernel, strength, tol=1e-6)
    assert mine.converged
    np.testing.assert_allclose(
        kernel_svm.decision(mine, kernel, jnp.asarray(x)), theirs.decision_function(x), atol=1e-4
    )
    np.testing.assert_array_equal(np.flatnonzero(kernel_svm.support(mine)), np.sort(theirs.support_))
    np.testing.assert_allclose(mine.coefficients.sum(), 0, atol=1e-9)


def test_support_vectors_meet_their_conditions(float64, pair):
    x, signs = pair
    kernel, c = kernel_svm.gaussian(0.1), 0.3
    model = kernel_svm.fit(jnp.asarray(x), jnp.asarray(signs), kernel, c, tol=1e-6)
    margin = signs * np.asarray(kernel_svm.decision(model, kernel, jnp.asarray(x)))
    alpha = np.abs(np.asarray(model.coefficients))
    assert margin[alpha == 0].min() > 1 - 1e-5
    assert margin[alpha == c].max() < 1 + 1e-5
    np.testing.assert_allclose(margin[(alpha > 0) & (alpha < c)], 1, atol=1e-5)


def test_strengths_may_be_mapped(pair):
    x, signs = (jnp.asarray(part, jnp.float32) for part in pair)
    fits = jax.vmap(lambda c: kernel_svm.fit(x, signs, kernel_svm.linear, c))(jnp.array([0.01, 1.0]))
    alone = kernel_svm.fit(x, signs, kernel_svm.linear, 1.0)
    np.testing.assert_allclose(fits.coefficients[1], alone.coefficients, atol=1e-3)
    assert fits.converged.all()


def test_a_search_cut_short_says_so(pair):
    x, signs = (jnp.asarray(part, jnp.float32) for part in pair)
    assert not kernel_svm.fit(x, signs, kernel_svm.linear, 1.0, max_steps=3).converged


def test_a_perceptron_separates_what_a_line_can_within_novikoffs_bound(float64):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2))
    signs, length = np.where(x @ [1.0, 2.0] > 0.3, 1.0, -1.0), np.linalg.norm([1.0, 2.0, 0.3])
    keep = np.abs(x @ [1.0, 2.0] - 0.3) > 0.2
    x, signs = x[keep], signs[keep]
    model = perceptron.fit(jnp.asarray(x), jnp.asarray(signs), 200)
    assert model.mistakes[-1] == 0
    np.testing.assert_array_equal(perceptron.predict(model, jnp.asarray(x)), signs)
    radius, margin = np.sqrt((x**2).sum(1).max() + 1), 0.2 / length
    assert model.mistakes.sum() <= (radius / margin) ** 2


def test_a_perceptron_never_settles_on_exclusive_or():
    x, signs = jnp.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), jnp.array([-1.0, 1, 1, -1])
    model = perceptron.fit(x, signs, 500)
    assert model.mistakes.min() > 0
    faster = perceptron.fit(x, signs, 500, 3.0)
    np.testing.assert_array_equal(faster.mistakes, model.mistakes)
    np.testing.assert_allclose(faster.weights, 3 * model.weights)


def test_each_example_may_have_its_own_strength(float64, pair):
    x, signs = pair
    kernel, strength = kernel_svm.gaussian(0.1), np.where(np.arange(len(x)) < 80, 2.0, 0.0)
    strength[:20] = 0.5
    mine = kernel_svm.fit(jnp.asarray(x), jnp.asarray(signs), kernel, jnp.asarray(strength), tol=1e-6)
    theirs = SVC(gamma=0.1, tol=1e-6).fit(x[:80], signs[:80], sample_weight=strength[:80])
    assert mine.converged
    found = kernel_svm.decision(mine, kernel, jnp.asarray(x))
    np.testing.assert_allclose(found, theirs.decision_function(x), atol=1e-4)


def test_support_vectors_alone_decide_alike(float64, pair):
    x, signs = pair
    kernel = kernel_svm.gaussian(0.1)
    model = kernel_svm.fit(jnp.asarray(x), jnp.asarray(signs), kernel)
    alone = kernel_svm.sparse(model)
    assert len(alone.x) == kernel_svm.support(model).sum() < len(x)
    decisions = (kernel_svm.decision(each, kernel, jnp.asarray(x)) for each in (alone, model))
    np.testing.assert_allclose(*decisions, atol=1e-12)
