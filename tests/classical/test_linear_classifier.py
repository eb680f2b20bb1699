"""Softmax classifiers and linear SVMs against scikit-learn, NumPy and the notes' own numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from sklearn.datasets import load_digits, load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from dlnotes.classical import linear_classifier

X, Y = (np.asarray(part) for part in load_iris(return_X_y=True))
SCORES, LABELS = np.random.default_rng(0).normal(size=(20, 5)), np.arange(20) % 5


def test_softmax_regression_is_scikit_learns(float64):
    strength = 0.01
    mine = linear_classifier.fit(jnp.asarray(X), jnp.asarray(Y), 3, strength, tol=1e-8)
    theirs = LogisticRegression(C=1 / (strength * len(X)), tol=1e-9, max_iter=2000).fit(X, Y)
    assert mine.converged
    np.testing.assert_allclose(mine.model.weights, theirs.coef_, atol=1e-4)
    np.testing.assert_array_equal(linear_classifier.predict(mine.model, jnp.asarray(X)), theirs.predict(X))


def test_two_classes_with_the_hinge_are_the_svm(float64):
    x, y = (np.asarray(part) for part in load_digits(return_X_y=True))
    here = (y == 3) | (y == 8)
    x, y, strength = x[here][:200] / 16, (y[here][:200] == 8).astype(int), 0.1
    falling = optax.adam(optax.cosine_decay_schedule(0.05, 2000))
    mine = linear_classifier.fit(
        jnp.asarray(x), jnp.asarray(y), 2, strength, linear_classifier.hinge, method=falling, tol=0.0, max_iters=2000
    )
    c = 2 / (strength * len(x))  # w = w₁ − w₀ = 2w₁, so that λ(‖w₀‖² + ‖w₁‖²)/2 = λ‖w‖²/4
    theirs = SVC(kernel="linear", C=c, tol=1e-8).fit(x, y)
    slack = np.maximum(0, 1 - np.where(y, 1, -1) * theirs.decision_function(x))
    lowest = slack.mean() + strength / 4 * np.sum(theirs.coef_**2)
    assert lowest - 1e-9 < mine.value < lowest * 1.0005
    np.testing.assert_allclose(mine.model.weights[1] - mine.model.weights[0], theirs.coef_[0], atol=0.02)


def test_hinge_is_the_sum_over_the_other_classes(float64):
    for margin in (0.5, 1.0):
        wanted = [
            sum(max(0, margin + row[j] - row[y]) for j in range(5) if j != y)
            for row, y in zip(SCORES, LABELS, strict=True)
        ]
        found = linear_classifier.hinge(jnp.asarray(SCORES), jnp.asarray(LABELS), margin)
        np.testing.assert_allclose(found, wanted)
    assert linear_classifier.hinge(jnp.zeros(10), jnp.array(3)) == 9  # all scores equal: c − 1
    assert linear_classifier.hinge(jnp.array([0.0, 5.0, 0.0]), jnp.array(1)) == 0


def test_the_margin_is_only_the_unit_of_the_weights(float64):
    scores, labels = jnp.asarray(SCORES), jnp.asarray(LABELS)
    scaled = 3.0 * linear_classifier.hinge(scores / 3.0, labels)
    np.testing.assert_allclose(linear_classifier.hinge(scores, labels, 3.0), scaled)


def test_the_largest_term_alone_is_optaxs_hinge():
    two, labels = jnp.asarray(SCORES[:, :2], jnp.float32), jnp.asarray(LABELS % 2)
    theirs = optax.losses.multiclass_hinge_loss(two, labels)
    np.testing.assert_allclose(linear_classifier.hinge(two, labels), theirs, rtol=1e-6, atol=1e-6)
    assert linear_classifier.hinge(jnp.zeros(10), jnp.array(3)) > optax.losses.multiclass_hinge_loss(
        jnp.zeros(10), jnp.array(3)
    )


@pytest.mark.parametrize("scale", [1.0, 1e30])
def test_temperature_and_its_two_limits(scale):
    scores = jnp.array([1.0, 3.0, 2.0, 3.0]) * scale
    if scale == 1.0:
        np.testing.assert_allclose(linear_classifier.softmax(scores, 2.0), jax.nn.softmax(scores / 2.0), rtol=1e-6)
    np.testing.assert_allclose(linear_classifier.softmax(scores, jnp.inf), np.full(4, 0.25))
    for cold in (0.0, 1e-12):
        np.testing.assert_allclose(linear_classifier.softmax(scores, cold), [0, 0.5, 0, 0.5])
    slope = jax.grad(lambda t: linear_classifier.softmax(scores, t)[1])(1e-12)
    assert jnp.isfinite(slope)


def test_templates_are_rows_as_images_and_scores_change_alike():
    model = linear_classifier.LinearClassifier(jnp.arange(12.0).reshape(2, 6) ** 2, jnp.zeros(2))
    images = linear_classifier.class_templates(model, (2, 3))
    assert images.shape == (2, 2, 3)
    np.testing.assert_allclose(images.sum(0), 0, atol=1e-5)
    np.testing.assert_allclose(images[1] - images[0], (model.weights[1] - model.weights[0]).reshape(2, 3))


def test_regions_are_convex():
    mine = linear_classifier.fit(jnp.asarray(X, jnp.float32), jnp.asarray(Y), 3, 0.01).model
    k_ends, k_mix = jax.random.split(jax.random.key(0))
    ends = 3 * jax.random.normal(k_ends, (2, 500, 4))
    mix = jax.random.uniform(k_mix, (500, 1))
    first, last, between = (linear_classifier.predict(mine, x) for x in (*ends, mix * ends[0] + (1 - mix) * ends[1]))
    alike = np.asarray(first == last)
    assert alike.sum() > 100
    np.testing.assert_array_equal(np.asarray(between)[alike], np.asarray(first)[alike])


def test_strengths_may_be_mapped():
    x, y = jnp.asarray(X, jnp.float32), jnp.asarray(Y)
    fits = jax.vmap(lambda strength: linear_classifier.fit(x, y, 3, strength, max_iters=50))(jnp.array([0.1, 1.0]))
    assert float(jnp.sum(fits.model.weights[1] ** 2)) < float(jnp.sum(fits.model.weights[0] ** 2))


def test_labels_of_another_number_are_refused():
    with pytest.raises(ValueError, match=r"a label for each are wanted, got \(3, 2\) and \(4,\)"):
        linear_classifier.fit(jnp.ones((3, 2)), jnp.zeros(4, int), 2, 0.1)
