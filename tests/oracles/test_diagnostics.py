"""Oracles of dlnotes.nn.diagnostics: its measures from gradients written out by hand."""

import jax.numpy as jnp
import numpy as np
import pytest

from dlnotes.nn import diagnostics

RNG = np.random.default_rng(7)
ETAS = np.array([0.01, 0.05, 0.2, 0.7])
EXACT = {"rtol": 1e-11, "atol": 1e-12}
ROOT = RNG.normal(size=(5, 5))
A, B = ROOT @ ROOT.T, RNG.normal(size=5)
X, Y = RNG.normal(size=(6, 3)), RNG.normal(size=(6, 3))


def quadratic(params):
    theta = jnp.concatenate([params["first"], params["second"]["third"].ravel()])
    return 0.5 * theta @ jnp.asarray(A) @ theta + jnp.asarray(B) @ theta + jnp.sum(jnp.cosh(theta))


def quadratic_value(theta):
    return 0.5 * theta @ A @ theta + B @ theta + np.cosh(theta).sum()


def quadratic_gradient(theta):
    return A @ theta + B + np.sinh(theta)


def cosine(u, v):
    return u @ v / np.linalg.norm(u) / np.linalg.norm(v)


def along(theta):
    """ee147 Normalization (β-smooth: the gradient's change over the distance) for every η of θ − η g."""
    g = quadratic_gradient(theta)
    points = [theta - eta * g for eta in ETAS]
    gradients = [quadratic_gradient(point) for point in points]
    return {
        "loss": np.array([quadratic_value(point) for point in points]),
        "change": np.array([np.linalg.norm(gradient - g) for gradient in gradients]),
        "cosine": np.array([cosine(gradient, g) for gradient in gradients]),
        "distance": np.array([np.linalg.norm(point - theta) for point in points]),
        "norm": np.linalg.norm(g),
    }


THETA = 0.3 * RNG.normal(size=5)


def tree():
    return {"first": jnp.asarray(THETA[:1]), "second": {"third": jnp.asarray(THETA[1:].reshape(2, 2))}}


def test_along_gradient(float64):
    ray, expected = diagnostics.along_gradient(quadratic, tree(), jnp.asarray(ETAS)), along(THETA)
    np.testing.assert_allclose(ray.loss, expected["loss"], **EXACT)
    np.testing.assert_allclose(ray.gradient_change, expected["change"], **EXACT)
    np.testing.assert_allclose(ray.cosine, expected["cosine"], **EXACT)
    np.testing.assert_allclose(ray.distance, expected["distance"], **EXACT)
    np.testing.assert_allclose(ray.gradient_norm, expected["norm"], **EXACT)
    np.testing.assert_allclose(diagnostics.loss_range(ray), np.ptp(expected["loss"]), **EXACT)
    smoothness = (expected["change"] / expected["distance"]).max()
    np.testing.assert_allclose(diagnostics.effective_smoothness(ray), smoothness, **EXACT)


def test_at_a_stationary_point_nothing_moves(float64):
    ray = diagnostics.along_gradient(lambda x: (x**4).sum(), jnp.zeros(3), jnp.asarray(ETAS))
    for leaf in ray:
        np.testing.assert_array_equal(leaf, np.zeros(np.shape(leaf)))


def linear_network(weights):
    *_, output = outputs(jnp.asarray(X), weights, jnp)
    return ((output - jnp.asarray(Y)) ** 2).sum() / 2


def outputs(x, weights, library=np):
    result = [x]
    for weight in weights:
        result.append(library.tanh(result[-1] @ weight))
    return result


def layer_gradients(weights):
    """ee147 Backpropagation: ∂L/∂a = f′(a) ⊙ ∂L/∂h, ∂L/∂W = h_iᵀ ∂L/∂a, ∂L/∂h_i = ∂L/∂a Wᵀ, examples in rows."""
    h = outputs(X, weights)
    delta, gradients = h[-1] - Y, []
    for i in range(len(weights) - 1, -1, -1):
        delta = delta * (1 - h[i + 1] ** 2)
        gradients.insert(0, h[i].T @ delta)
        delta = delta @ weights[i].T
    return gradients


def shift(weights, updated):
    """Santurkar et al. 2018, definition 2.1: layer i's gradient before and after the layers before it moved."""
    before = [gradient.ravel() for gradient in layer_gradients(weights)]
    after = [layer_gradients([*updated[:i], *weights[i:]])[i].ravel() for i in range(len(weights))]
    return [
        np.array([np.linalg.norm(g - h) for g, h in zip(before, after, strict=True)]),
        np.array([cosine(g, h) for g, h in zip(before, after, strict=True)]),
        np.array([np.linalg.norm(g) for g in before]),
    ]


SHIFT = ("gradient_shift", "gradient_shift_cosine", "layer_gradient_norm")
WEIGHTS, UPDATED = RNG.normal(size=(4, 3, 3)), RNG.normal(size=(4, 3, 3))


@pytest.mark.parametrize("stacked", [False, True])
def test_internal_covariate_shift(float64, stacked):
    if stacked:
        params, updated, layer = jnp.asarray(WEIGHTS), jnp.asarray(UPDATED), np.arange(4)
    else:
        params, updated, layer = list(map(jnp.asarray, WEIGHTS)), list(map(jnp.asarray, UPDATED)), [0, 1, 2, 3]
    ours = diagnostics.internal_covariate_shift(lambda w: linear_network(list(w)), params, updated, layer)
    for mine, theirs in zip(ours, shift(WEIGHTS, UPDATED), strict=True):
        np.testing.assert_allclose(mine, theirs, **EXACT)


def test_covariate_shift_of_layers_partly_stacked(float64):
    """The first matrix a leaf of its own, the rest in one stacked leaf, a layer sharing two leaves."""
    params = {"rest": jnp.asarray(WEIGHTS[1:]), "top": jnp.asarray(WEIGHTS[0])}
    updated = {"rest": jnp.asarray(UPDATED[1:]), "top": jnp.asarray(UPDATED[0])}
    layer = {"rest": np.array([1, 1, 2]), "top": 0}
    ours = diagnostics.internal_covariate_shift(
        lambda w: linear_network([w["top"], *w["rest"]]), params, updated, layer
    )
    before = layer_gradients(WEIGHTS)
    middle = layer_gradients([UPDATED[0], *WEIGHTS[1:]])
    last = layer_gradients([*UPDATED[:3], WEIGHTS[3]])
    expected = [0.0, np.linalg.norm(np.stack(before[1:3]) - np.stack(middle[1:3])), np.linalg.norm(before[3] - last[3])]
    np.testing.assert_allclose(ours.difference, expected, **EXACT)


def test_survey_repeats_what_its_parts_measure(float64):
    weights, updated = jnp.asarray(WEIGHTS), jnp.asarray(UPDATED)
    measures = diagnostics.survey(lambda w: linear_network(list(w)), weights, updated, jnp.asarray(ETAS), np.arange(4))
    gradient = np.stack(layer_gradients(WEIGHTS))
    points = [WEIGHTS - eta * gradient for eta in ETAS]
    losses = np.array([((outputs(X, list(point))[-1] - Y) ** 2).sum() / 2 for point in points])
    flat, there = gradient.ravel(), [np.stack(layer_gradients(list(point))).ravel() for point in points]
    changes = np.array([np.linalg.norm(g - flat) for g in there])
    expected = {
        "ray_loss": losses,
        "loss_range": np.ptp(losses),
        "gradient_change": changes.max(),
        "beta": (changes / (ETAS * np.linalg.norm(flat))).max(),
        "cosine": min(cosine(g, flat) for g in there),
        "gradient_norm": np.linalg.norm(flat),
        "parameter_norm": np.linalg.norm(WEIGHTS),
        **dict(zip(SHIFT, shift(WEIGHTS, UPDATED), strict=True)),
    }
    assert set(measures) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(measures[name], value, **EXACT, err_msg=name)


@pytest.mark.parametrize("shape", [(9, 4), (3, 2, 5, 4)])
def test_moment_drift(float64, shape):
    """√(E_u[(Δμ)² + (Δσ)²] / E_u[σ²]), σ² of the layer before."""
    before, after = RNG.normal(size=shape) * 2 + 1, RNG.normal(size=shape)
    flat, moved = before.reshape(-1, 4), after.reshape(-1, 4)
    squares = (flat.mean(axis=0) - moved.mean(axis=0)) ** 2 + (flat.std(axis=0) - moved.std(axis=0)) ** 2
    expected = np.sqrt(squares.mean() / flat.var(axis=0).mean())
    np.testing.assert_allclose(diagnostics.moment_drift(jnp.asarray(before), jnp.asarray(after)), expected, **EXACT)
