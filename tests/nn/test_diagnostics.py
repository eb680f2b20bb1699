"""The diagnostics on quadratics and products, where every number is known, and by brute force."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlnotes.nn import diagnostics

STEPS = jnp.array([0.01, 0.1, 0.5])


def quadratic(curvatures):
    def loss(params):
        return 0.5 * sum(c * (p**2).sum() for c, p in zip(curvatures, jax.tree.leaves(params), strict=True))

    return loss


def test_on_a_quadratic_the_effective_smoothness_is_the_curvature_along_the_ray():
    """L = ½ Σ c_i θ_i²: g = c θ, change = η c g, so β = ‖c g‖/‖g‖ for every η."""
    params, curvatures = {"a": jnp.array([1.0, -2.0]), "b": jnp.array([[0.5]])}, (3.0, 0.2)
    ray = diagnostics.along_gradient(quadratic(curvatures), params, STEPS)
    gradient = np.array([3.0, -6.0, 0.1])
    expected = np.linalg.norm(gradient * [3.0, 3.0, 0.2]) / np.linalg.norm(gradient)
    np.testing.assert_allclose(diagnostics.effective_smoothness(ray), expected, rtol=1e-5)
    np.testing.assert_allclose(ray.gradient_change / ray.distance, expected, rtol=1e-4)
    np.testing.assert_allclose(ray.gradient_norm, np.linalg.norm(gradient), rtol=1e-6)
    np.testing.assert_allclose(ray.distance, STEPS * np.linalg.norm(gradient), rtol=1e-6)


@pytest.mark.parametrize("curvature", [0.5, 4.0])
def test_along_an_eigenvector_everything_is_closed_form(curvature):
    """θ − η g = (1 − η c) θ, so L is (1 − η c)² L₀ and the cosine turns to −1 beyond η = 1/c."""
    theta = jnp.array([2.0, 1.0])
    steps = jnp.array([0.1, 0.3, 0.7])
    ray = diagnostics.along_gradient(quadratic((curvature,)), theta, steps)
    start = 0.5 * curvature * 5.0
    np.testing.assert_allclose(ray.loss, (1 - steps * curvature) ** 2 * start, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(ray.cosine, jnp.sign(1 - steps * curvature), atol=1e-5)
    np.testing.assert_allclose(diagnostics.loss_range(ray), np.ptp((1 - steps * curvature) ** 2) * start, rtol=1e-4)


def test_a_linear_loss_is_perfectly_predictive_and_a_stationary_point_gives_zeros():
    ray = diagnostics.along_gradient(lambda p: (p * jnp.array([1.0, 2.0])).sum(), jnp.ones(2), STEPS)
    np.testing.assert_allclose(ray.cosine, 1, rtol=1e-6)
    assert diagnostics.effective_smoothness(ray) == 0
    still = diagnostics.along_gradient(quadratic((1.0,)), jnp.zeros(2), STEPS)
    assert diagnostics.effective_smoothness(still) == 0
    np.testing.assert_array_equal(still.cosine, 0)


def test_it_is_jitted_and_vmapped_alike():
    def beta(theta):
        return diagnostics.effective_smoothness(diagnostics.along_gradient(lambda p: jnp.sin(p).sum(), theta, STEPS))

    thetas = jnp.linspace(0, 2, 6).reshape(3, 2)
    alone = jnp.stack([beta(theta) for theta in thetas])
    np.testing.assert_allclose(jax.jit(jax.vmap(beta))(thetas), alone, rtol=1e-5)


def deep_loss(params):
    x = jnp.linspace(-1, 1, 8).reshape(4, 2)
    h = jnp.tanh(x @ params["first"])
    h = jnp.tanh(h @ params["second"] + params["bias"][None])
    return ((h @ params["third"] - 0.3) ** 2).mean()


def deep_params(seed):
    shapes = {"first": (2, 3), "second": (3, 3), "bias": (3,), "third": (3, 1)}
    rng = np.random.default_rng(seed)
    return {name: jnp.float32(rng.normal(size=shape)) for name, shape in shapes.items()}


NUMBERS = {"first": 0, "second": 1, "bias": 1, "third": 2}


def test_internal_covariate_shift_is_the_definition_by_brute_force():
    params, updated = deep_params(0), deep_params(1)
    shift = diagnostics.internal_covariate_shift(deep_loss, params, updated, NUMBERS)
    for i in range(3):
        names = [name for name in params if NUMBERS[name] == i]
        mixed = {name: updated[name] if NUMBERS[name] < i else params[name] for name in params}
        g, h = (np.concatenate([np.ravel(jax.grad(deep_loss)(p)[name]) for name in names]) for p in (params, mixed))
        np.testing.assert_allclose(shift.difference[i], np.linalg.norm(h - g), rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(shift.norm[i], np.linalg.norm(g), rtol=1e-5)
        np.testing.assert_allclose(shift.cosine[i], g @ h / np.linalg.norm(g) / np.linalg.norm(h), rtol=1e-4)


def test_frozen_earlier_layers_shift_nothing_and_the_first_layer_has_none_before_it():
    params = deep_params(0)
    updated = params | {"third": params["third"] + 1.0}
    shift = diagnostics.internal_covariate_shift(deep_loss, params, updated, NUMBERS)
    np.testing.assert_allclose(shift.difference, 0, atol=1e-6)
    np.testing.assert_allclose(shift.cosine, 1, rtol=1e-5)
    moved = diagnostics.internal_covariate_shift(deep_loss, params, deep_params(1), NUMBERS)
    np.testing.assert_allclose(moved.difference[0], 0, atol=1e-6)
    assert (moved.difference[1:] > 0.01).all()


def test_stacked_layers_give_what_separate_leaves_give():
    matrices = jnp.float32(np.random.default_rng(3).normal(size=(4, 2, 2)))
    moved = matrices - 0.1

    def loss(params):
        product = jnp.eye(2)
        for matrix in params:
            product = product @ matrix
        return (product**2).sum()

    separate = diagnostics.internal_covariate_shift(loss, list(matrices), list(moved), list(range(4)))
    stacked = diagnostics.internal_covariate_shift(loss, matrices, moved, np.arange(4))
    for a, b in zip(separate, stacked, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_moment_drift_of_a_shift_and_of_a_stretch():
    x = jnp.float32(np.random.default_rng(4).normal(5.0, 2.0, (64, 3)))
    deviation = jnp.sqrt(x.var(0).mean())
    np.testing.assert_allclose(diagnostics.moment_drift(x, x), 0)
    np.testing.assert_allclose(diagnostics.moment_drift(x, x + 1.0), 1 / deviation, rtol=1e-4)
    centered = x - x.mean(0, keepdims=True)
    np.testing.assert_allclose(diagnostics.moment_drift(centered, 1.5 * centered), 0.5, rtol=1e-4)
    np.testing.assert_allclose(
        diagnostics.moment_drift(10 * x, 10 * x**2), diagnostics.moment_drift(x, x**2), rtol=1e-5
    )


def test_moment_drift_takes_images_by_channel():
    x = jnp.float32(np.random.default_rng(5).normal(size=(4, 3, 3, 2)))
    flat = x.reshape(-1, 2)
    np.testing.assert_allclose(
        diagnostics.moment_drift(x, jnp.sin(x)), diagnostics.moment_drift(flat, jnp.sin(flat)), rtol=1e-5
    )
