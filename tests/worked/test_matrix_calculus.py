"""Derivatives by vectors and matrices as the notes work them out, each beside what JAX says.

Gradients have the shape of what they are taken by (denominator layout), so that a Jacobian is their transpose.
Sources: ee147 Supervised Learning Example, Hinge Loss Gradient, Derivatives, Chain Rule, Tensors, Discussion: Vector
and Matrix Derivatives, Discussion: Supervised Classification and Gradients.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("float64")
RNG = np.random.default_rng(147)
A, B, S = (RNG.normal(size=(4, 4)) for _ in range(3))
SIGMA = S @ S.T + np.eye(4)  # symmetric, positive definite
X, Z, THETA = (RNG.normal(size=4) for _ in range(3))


def same(found, by_hand):
    np.testing.assert_allclose(found, by_hand, rtol=1e-11, atol=1e-11)


def test_of_an_inner_product_by_a_vector():
    """∇ₓ θᵀx = θ."""
    same(jax.grad(lambda x: THETA @ x)(X), THETA)


def test_of_a_quadratic_form_by_its_vector_and_by_its_matrix():
    """∇ₓ xᵀAx = (A + Aᵀ)x, which is 2ax in one dimension; ∇_A xᵀAx = xxᵀ."""
    same(jax.grad(lambda x: x @ A @ x)(X), (A + A.T) @ X)
    assert jax.grad(lambda x: x * 3.0 * x)(2.0) == 2 * 3 * 2
    same(jax.grad(lambda a: X @ a @ X)(A), np.outer(X, X))


def test_of_a_trace():
    """tr AB = tr BA, tr A = tr Aᵀ, tr AᵀB = Σ aᵢⱼbᵢⱼ; ∇_A tr AB = Bᵀ."""
    same(np.trace(A @ B), np.trace(B @ A))
    same(np.trace(A), np.trace(A.T))
    same(np.trace(A.T @ B), (A * B).sum())
    same(jax.grad(lambda a: jnp.trace(a @ B))(A), B.T)


def test_of_a_mahalanobis_distance():
    """∇_z (x − z)ᵀΣ⁻¹(x − z) = −2Σ⁻¹(x − z)."""
    inverse = np.linalg.inv(SIGMA)
    same(jax.grad(lambda z: (X - z) @ inverse @ (X - z))(Z), -2 * inverse @ (X - Z))


def test_of_a_linear_map():
    """The Jacobian of Wx is W, so ∇ₓ Wx = Wᵀ; a small step moves it by J·Δx."""
    w = RNG.normal(size=(3, 4))
    same(jax.jacobian(lambda x: w @ x)(X), w)
    step = 1e-6 * Z
    same(w @ (X + step) - w @ X, jax.jacobian(lambda x: w @ x)(X) @ step)


def test_the_chain_rule_runs_from_right_to_left():
    """∇ₓ z = ∇ₓ y · ∇_y z."""
    w = RNG.normal(size=(3, 4))

    def gradient(f, x):
        return jax.jacobian(f)(x).T

    def f(x):
        return jnp.tanh(w @ x)

    def g(y):
        return jnp.sin(y[:2]) * y[2]

    same(gradient(lambda x: g(f(x)), X), gradient(f, X) @ gradient(g, f(X)))


def test_of_squared_errors_by_the_weights():
    """L = ½ Σᵢ ‖yᵢ − Wxᵢ‖²: with zᵢ = yᵢ − Wxᵢ, ∂L/∂W = −Σᵢ zᵢxᵢᵀ, and ∂z_k/∂W is −xᵀ in row k and 0 elsewhere."""
    w, x, y = RNG.normal(size=(2, 3)), RNG.normal(size=(5, 3)), RNG.normal(size=(5, 2))
    z = y - x @ w.T
    same(jax.grad(lambda w: 0.5 * ((y - x @ w.T) ** 2).sum())(w), -z.T @ x)
    tensor = jax.jacobian(lambda w: y[0] - w @ x[0])(w)
    by_hand = np.zeros((2, 2, 3))
    by_hand[0, 0], by_hand[1, 1] = -x[0], -x[0]
    same(tensor, by_hand)


def test_least_squares_and_ridge():
    """½‖Y − Xθ‖² + ½λ‖θ‖² has the gradient −XᵀY + (XᵀX + λI)θ and its minimum at (XᵀX + λI)⁻¹XᵀY."""
    x, y, theta = RNG.normal(size=(20, 3)), RNG.normal(size=20), RNG.normal(size=3)
    for strength in (0.0, 2.5):
        loss = jax.grad(lambda t, s=strength: 0.5 * ((y - x @ t) ** 2).sum() + 0.5 * s * (t @ t))
        normal = x.T @ x + strength * np.eye(3)
        same(loss(theta), -x.T @ y + normal @ theta)
        same(loss(np.linalg.solve(normal, x.T @ y)), 0)


def test_softmax():
    """∂fⱼ/∂zᵢ = fᵢ(1 − fᵢ) for i = j, else −fᵢfⱼ; together diag(f) − ffᵀ."""
    f = np.exp(Z) / np.exp(Z).sum()
    jacobian = jax.jacobian(jax.nn.softmax)(Z)
    same(np.diag(jacobian), f * (1 - f))
    same(jacobian[0, 1], -f[0] * f[1])
    same(jacobian, np.diag(f) - np.outer(f, f))


def test_the_multiclass_hinge_loss():
    """L = Σ_{j≠y} max(0, zⱼ), zⱼ = 1 + wⱼᵀx − w_yᵀx: ∇wⱼ = 1(zⱼ > 0)x, ∇w_y = −Σ_{j≠y} 1(zⱼ > 0)x."""
    w, y = RNG.normal(size=(5, 4)), 2

    def loss(w):
        z = 1 + w @ X - w[y] @ X
        return jnp.maximum(0, z).sum() - z[y]  # the right class's own term is always 1

    positive = (1 + w @ X - w[y] @ X > 0) & (np.arange(5) != y)
    by_hand = positive[:, None] * X
    by_hand[y] = -positive.sum() * X
    assert 0 < positive.sum() < 4
    same(jax.grad(loss)(w), by_hand)


def test_eigenvalues_of_orthogonal_matrices_and_of_gram_matrices():
    """An orthogonal matrix has |λ| = 1; the singular values of A are the roots of the eigenvalues of AAᵀ."""
    q, _ = np.linalg.qr(A)
    same(np.abs(np.linalg.eigvals(q)), 1)
    wide = RNG.normal(size=(2, 5))
    same(np.linalg.svd(wide, compute_uv=False)[::-1], np.sqrt(np.linalg.eigvalsh(wide @ wide.T)))
