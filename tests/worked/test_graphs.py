"""Backpropagation by hand through the notes' scalar graphs, node by node, each beside what JAX says.

Sources: ee147 Backpropagation (figures 11 to 15) and Discussion: Backpropagation; lectures Skip Connections.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("float64")


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def test_a_product_of_a_sum():
    """f = (x + y)·z at x + y = 5, z = 4: the product switches its inputs, the sum hands on what it gets."""
    x, y, z = 2.0, 3.0, 4.0
    w = x + y
    df_dw, df_dz = z, w
    df_dx, df_dy = 1 * df_dw, 1 * df_dw
    assert (df_dz, df_dw, df_dx, df_dy) == (5, 4, 4, 4)
    assert jax.grad(lambda x, y, z: (x + y) * z, (0, 1, 2))(x, y, z) == (df_dx, df_dy, df_dz)


def test_a_logistic_unit_gate_by_gate():
    """f = 1/(1 + exp(−(w₀x₀ + w₁x₁ + w₂))) at w = (1, 2, −2), with the numbers that the figure has."""
    (w0, w1, w2), (x0, x1) = (1.0, 2.0, -2.0), (-1.0, 2.0)
    s = w0 * x0 + w1 * x1 + w2
    c = -s
    b = np.exp(c)
    a = 1 + b
    f = 1 / a
    assert (s, c, round(b, 2), round(a, 2), round(f, 2)) == (1, -1, 0.37, 1.37, 0.73)
    df_da = -1 / a**2  # f = 1/a
    df_db = df_da  # a = 1 + b
    df_dc = np.exp(c) * df_db  # b = eᶜ
    df_ds = -df_dc  # c = −s
    assert (round(df_da, 2), round(df_db, 2), round(df_dc, 1), round(df_ds, 1)) == (-0.53, -0.53, -0.2, 0.2)
    by_hand = [df_ds * x0, df_ds * x1, df_ds]  # sums hand on, products switch
    assert [round(slope, 1) for slope in by_hand] == [-0.2, 0.4, 0.2]
    np.testing.assert_allclose(df_ds, f * (1 - f))
    unit = jax.grad(lambda w: 1 / (1 + jnp.exp(-(w[0] * x0 + w[1] * x1 + w[2]))))
    np.testing.assert_allclose(unit(jnp.array([w0, w1, w2])), by_hand, rtol=1e-12)


def test_a_maximum_routes_the_gradient():
    assert jax.grad(jnp.maximum, (0, 1))(3.0, 1.0) == (1, 0)
    assert jax.grad(jnp.maximum, (0, 1))(1.0, 3.0) == (0, 1)
    assert jax.grad(jnp.maximum, (0, 1))(2.0, 2.0) == (0.5, 0.5)  # a tie: JAX gives each a half


def test_paths_that_meet_again_add_up():
    """∂L/∂x = Σᵢ ∂L/∂qᵢ · ∂qᵢ/∂x, here for L = q₁q₂, q₁ = sin x, q₂ = x²."""
    x = 0.7
    q1, q2 = np.sin(x), x**2
    by_hand = q2 * np.cos(x) + q1 * 2 * x
    np.testing.assert_allclose(jax.grad(lambda x: jnp.sin(x) * x**2)(x), by_hand, rtol=1e-12)


def test_softplus_is_differentiated_in_two_ways():
    """y = log a, a = 1 + b, b = eˣ: backwards, dy/da = 1/a, dy/db = 1/a, dy/dx = eˣ/a; at once, eˣ/(1 + eˣ)."""
    x = -0.3
    b = np.exp(x)
    a = 1 + b
    backwards = np.exp(x) * (1 / a)
    np.testing.assert_allclose(backwards, sigmoid(x))
    np.testing.assert_allclose(jax.grad(jax.nn.softplus)(x), backwards, rtol=1e-12)


def test_a_regularized_linear_classifier():
    """z = wx + b, y = σ(z), L = ½(y − t)² + λ·½w²: one path to w through the loss, one through the penalty."""
    w, b, x, t, strength = 0.8, -0.3, 1.7, 1.0, 0.25
    z = w * x + b
    g = sigmoid(z) - t  # ∂L/∂y
    dz = sigmoid(z) * (1 - sigmoid(z)) * g  # σ′(z) g
    db = dz
    dw = x * dz + strength * w

    def loss(w, b):
        return 0.5 * (jax.nn.sigmoid(w * x + b) - t) ** 2 + strength * 0.5 * w**2

    np.testing.assert_allclose(jax.grad(loss, (0, 1))(w, b), (dw, db), rtol=1e-12)


def test_a_unit_with_a_connection_that_skips_it():
    """y = σ(w₂h + w₃x), h = σ(w₁x), E = ½(y − y_t)²."""
    w1, w2, w3, x, target = 0.4, -1.2, 0.9, 1.5, 1.0
    h = sigmoid(w1 * x)
    y = sigmoid(w2 * h + w3 * x)
    delta = (y - target) * y * (1 - y)
    by_hand = (delta * w2 * h * (1 - h) * x, delta * h, delta * x)

    def error(w1, w2, w3):
        return 0.5 * (jax.nn.sigmoid(w2 * jax.nn.sigmoid(w1 * x) + w3 * x) - target) ** 2

    np.testing.assert_allclose(jax.grad(error, (0, 1, 2))(w1, w2, w3), by_hand, rtol=1e-12)
