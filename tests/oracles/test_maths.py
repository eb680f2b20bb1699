"""Oracles of dlnotes.maths: rates by the eigenvalues of the iterations, and functions with derivatives by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize

from dlnotes.maths import quadratics, softmax_regression
from dlnotes.maths import test_functions as functions

EXACT = {"rtol": 1e-12, "atol": 1e-12}
SPECTRA = [(1.0, 1.5), (0.2, 20.0), (3.0, 3000.0)]


def heavy_ball_matrix(curvature, rate, momentum):
    """cs182 3.3.1 along one eigenvector: g_k = λθ_k + μ g_(k−1), θ_(k+1) = θ_k − α g_k, on (θ, g)."""
    return np.array([[1 - rate * curvature, -rate * momentum], [curvature, momentum]])


def nesterov_matrix(curvature, rate, momentum):
    """ee147: v ← αv − ε∇L(θ + αv), θ ← θ + v, on (θ, v)."""
    v = np.array([-rate * curvature, momentum * (1 - rate * curvature)])
    return np.array([np.array([1.0, 0.0]) + v, v])


def contraction(matrix, steps, smallest, largest):
    """The slowest eigenvalue of an iteration over a fine sample of the spectrum."""
    sample = np.geomspace(smallest, largest, 400)
    rate, momentum = (float(number) for number in steps)
    return max(np.abs(np.linalg.eigvals(matrix(curvature, rate, momentum))).max() for curvature in sample)


@pytest.mark.parametrize(("smallest", "largest"), SPECTRA)
def test_descent_at_its_best_rate(float64, smallest, largest):
    steps = quadratics.descent_steps(smallest, largest)
    assert float(steps.momentum) == 0.0
    rate = float(steps.learning_rate)
    ours = float(quadratics.descent_contraction(largest / smallest))
    assert max(abs(1 - rate * smallest), abs(1 - rate * largest)) == pytest.approx(ours, rel=1e-12)
    for other in np.linspace(0, 2 / largest, 1001):
        assert ours <= max(abs(1 - other * smallest), abs(1 - other * largest)) + 1e-12


@pytest.mark.parametrize(("smallest", "largest"), SPECTRA)
def test_heavy_ball_at_its_best_constants(float64, smallest, largest):
    steps = quadratics.heavy_ball_steps(smallest, largest)
    ours = float(quadratics.heavy_ball_contraction(largest / smallest))
    # At both ends the two eigenvalues meet, and NumPy finds a double eigenvalue to √1e-16.
    assert contraction(heavy_ball_matrix, steps, smallest, largest) == pytest.approx(ours, abs=1e-6)
    for rate_factor, momentum_factor in [(1.1, 1.0), (0.9, 1.0), (1.0, 0.95), (1.0, 1.02)]:
        other = float(steps.learning_rate) * rate_factor, min(0.9999, float(steps.momentum) * momentum_factor)
        assert contraction(heavy_ball_matrix, other, smallest, largest) > ours - 1e-6


@pytest.mark.parametrize(("smallest", "largest"), SPECTRA)
def test_the_heavy_ball_s_transient(float64, smallest, largest):
    """From rest k steps leave (1 + k(1−r)) rᵏ along the flattest direction, (1 + k(1+r)) rᵏ along the steepest."""
    rate, momentum = (float(number) for number in quadratics.heavy_ball_steps(smallest, largest))
    r = float(quadratics.heavy_ball_contraction(largest / smallest))
    for curvature, slope in ((smallest, 1 - r), (largest, 1 + r)):
        state, matrix = np.array([1.0, 0.0]), heavy_ball_matrix(curvature, rate, momentum)
        for k in range(1, 60):
            state = matrix @ state
            # Powers of a matrix with a double eigenvalue: rounding grows like k², times the curvature.
            assert abs(state[0]) == pytest.approx((1 + k * slope) * r**k, abs=1e-9)


@pytest.mark.parametrize(("smallest", "largest"), SPECTRA)
def test_nesterov_s_constants(float64, smallest, largest):
    """ε = 1/L and β = (√κ − 1)/(√κ + 1) leave at most 1 − 1/√κ a step of a quadratic, in the long run."""
    steps, root = quadratics.nesterov_steps(smallest, largest), np.sqrt(largest / smallest)
    np.testing.assert_allclose(steps, [1 / largest, (root - 1) / (root + 1)], **EXACT)
    assert contraction(nesterov_matrix, steps, smallest, largest) == pytest.approx(1 - 1 / root, abs=1e-6)


@pytest.mark.parametrize("condition", [1.0, 7.0, 1e6])
def test_spectra(float64, condition):
    """dlbook (4.2): the condition number is max |λ_i/λ_j|."""
    spectrum = quadratics.log_spectrum(condition, 6)
    np.testing.assert_allclose(spectrum, np.logspace(0, np.log10(condition), 6), rtol=1e-12)
    matrix, axes = (np.asarray(array) for array in quadratics.random_quadratic(jax.random.key(1), condition, 6))
    # Eigenvalues of a matrix of size κ are good to κ·1e-16, and axes may be drawn in float32.
    np.testing.assert_allclose(np.linalg.eigvalsh(matrix), spectrum, rtol=1e-9 * condition**0.5)
    np.testing.assert_allclose(matrix, matrix.T, **EXACT)
    np.testing.assert_allclose(axes.T @ axes, np.eye(6), atol=1e-12)
    np.testing.assert_allclose(matrix, axes @ np.diag(spectrum) @ axes.T, rtol=1e-10, atol=1e-13 * condition)
    assert np.linalg.cond(matrix) == pytest.approx(condition, rel=1e-9 * condition**0.5)
    x = np.random.default_rng(2).normal(size=6)
    ours = quadratics.quadratic(jnp.asarray(matrix), jnp.asarray(x))
    np.testing.assert_allclose(
        ours, 0.5 * sum(x[i] * matrix[i, j] * x[j] for i in range(6) for j in range(6)), rtol=1e-9
    )
    np.testing.assert_allclose(quadratics.with_spectrum(jnp.asarray(axes), spectrum), matrix, atol=1e-13 * condition)


def test_axes_are_uniform():
    """An entry of a uniform rotation of R³ is uniform on (−1, 1)."""
    keys = jax.random.split(jax.random.key(3), 4000)
    axes = np.asarray(jax.vmap(lambda key: quadratics.random_quadratic(key, 2.0, 3)[1])(keys))
    for entry in axes.reshape(-1, 9).T:
        np.testing.assert_allclose(np.sort(entry), np.linspace(-1, 1, 4000), atol=4 / np.sqrt(4000))


SOFTMAX = np.random.default_rng(4)
X, LABELS = SOFTMAX.normal(size=(30, 4)) * np.array([1, 2, 0.5, 1]), SOFTMAX.integers(3, size=30)
WEIGHTS = SOFTMAX.dirichlet(np.ones(30))


def probabilities(theta):
    """formulas 2.7.1."""
    z = X @ theta
    return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)


def softmax_hessian(theta, weights, penalty):
    """Σ w (diag(p) − ppᵀ) ⊗ xxᵀ + λI, for θ flattened inputs first."""
    p = probabilities(theta)
    terms = (np.kron(np.outer(x, x), np.diag(q) - np.outer(q, q)) for x, q in zip(X, p, strict=True))
    return sum(w * term for w, term in zip(weights, terms, strict=True)) + penalty * np.eye(theta.size)


@pytest.mark.parametrize("penalty", [0.0, 0.3])
def test_softmax_regression_is_the_printed_loss(float64, penalty):
    """formulas 2.7.2: −Σ_j y_j log ŷ_j; its gradient is xᵀ(ŷ − y)."""
    theta, y = SOFTMAX.normal(size=(4, 3)), np.eye(3)[LABELS]
    arguments = (jnp.asarray(X), jnp.asarray(LABELS), jnp.asarray(WEIGHTS), penalty)
    loss, gradient = jax.value_and_grad(softmax_regression.objective, argnums=4)(*arguments, jnp.asarray(theta))
    p = probabilities(theta)
    np.testing.assert_allclose(loss, -WEIGHTS @ (y * np.log(p)).sum(axis=1) + penalty / 2 * (theta**2).sum(), **EXACT)
    np.testing.assert_allclose(gradient, X.T @ (WEIGHTS[:, None] * (p - y)) + penalty * theta, **EXACT)


def test_curvature_bounds_hold(float64):
    smallest, largest = map(float, softmax_regression.curvature_bounds(jnp.asarray(X), 0.3))
    np.testing.assert_allclose([smallest, largest], [0.3, np.linalg.norm(X, 2) ** 2 / 60 + 0.3], **EXACT)
    arguments = (jnp.asarray(X), jnp.asarray(LABELS), jnp.full(30, 1 / 30), 0.3)
    hessian_of = jax.jit(jax.hessian(lambda theta: softmax_regression.objective(*arguments, theta)))
    for scale in (0.0, 0.3, 1.0, 5.0):
        theta = scale * SOFTMAX.normal(size=(4, 3))
        hessian = softmax_hessian(theta, np.full(30, 1 / 30), 0.3)
        ours = np.asarray(hessian_of(jnp.asarray(theta))).reshape(12, 12)
        np.testing.assert_allclose(ours, hessian, **EXACT)
        values = np.linalg.eigvalsh(hessian)
        assert smallest - 1e-12 <= values.min()
        assert values.max() <= largest + 1e-12


@pytest.mark.parametrize("n", [2, 5])
def test_rosenbrock_is_scipy_s(float64, n):
    x = np.random.default_rng(n).normal(size=n)
    np.testing.assert_allclose(functions.rosenbrock(jnp.asarray(x)), optimize.rosen(x), **EXACT)
    np.testing.assert_allclose(jax.jit(jax.grad(functions.rosenbrock))(jnp.asarray(x)), optimize.rosen_der(x), **EXACT)
    np.testing.assert_allclose(
        jax.jit(jax.hessian(functions.rosenbrock))(jnp.asarray(x)), optimize.rosen_hess(x), **EXACT
    )
    assert float(functions.rosenbrock(jnp.ones(n))) == 0.0


@pytest.mark.parametrize("n", range(3, 9))
def test_rosenbrock_s_second_minimum(float64, n):
    """From (−1, 1, …, 1): for n = 3 there is one minimum only, from n = 4 on another one with x₁ < 0."""
    near = np.array([-1.0, *np.ones(n - 1)])
    found = optimize.minimize(
        optimize.rosen,
        near,
        jac=optimize.rosen_der,
        hess=optimize.rosen_hess,
        method="trust-exact",
        options={"gtol": 1e-9},
    ).x
    np.testing.assert_allclose(jax.jit(jax.grad(functions.rosenbrock))(jnp.asarray(found)), 0, atol=1e-8)
    assert np.linalg.eigvalsh(optimize.rosen_hess(found)).min() > 0
    assert (found[0] < 0) == (n >= 4)


def test_double_well(float64):
    for x in np.random.default_rng(5).normal(size=(5, 3)):
        expected = x[0] ** 4 / 4 - x[0] ** 2 / 2 + (x[1] ** 2 + x[2] ** 2) / 2
        np.testing.assert_allclose(functions.double_well(jnp.asarray(x)), expected, **EXACT)
    gradient, hessian = jax.jit(jax.grad(functions.double_well)), jax.jit(jax.hessian(functions.double_well))
    for x, value in (([1.0, 0.0], -0.25), ([-1.0, 0.0], -0.25), ([0.0, 0.0], 0.0)):
        np.testing.assert_array_equal(gradient(jnp.asarray(x)), np.zeros(2))
        assert float(functions.double_well(jnp.asarray(x))) == value
        down = np.linalg.eigvalsh(np.asarray(hessian(jnp.asarray(x)))) < 0
        assert down.sum() == (value == 0)
    turning = 1 / np.sqrt(5)
    for start, end in ((0.99 * turning, 0.0), (-0.9 * turning, 0.0), (1.2, 1.0)):
        x = np.array([start, 0.3])
        step = x - np.linalg.solve(hessian(jnp.asarray(x)), gradient(jnp.asarray(x)))
        np.testing.assert_allclose(step, [2 * start**3 / (3 * start**2 - 1), 0.0], **EXACT)
        for _ in range(30):
            start = 2 * start**3 / (3 * start**2 - 1)
        assert start == pytest.approx(end, abs=1e-12)
    assert 2 * turning**3 / (3 * turning**2 - 1) == pytest.approx(-turning)


def test_monkey_saddle(float64):
    for x, y in np.random.default_rng(6).normal(size=(5, 2)):
        np.testing.assert_allclose(functions.monkey_saddle(jnp.asarray([x, y])), ((x + 1j * y) ** 3).real, **EXACT)
    np.testing.assert_array_equal(jax.grad(functions.monkey_saddle)(jnp.zeros(2)), np.zeros(2))
    np.testing.assert_array_equal(jax.hessian(functions.monkey_saddle)(jnp.zeros(2)), np.zeros((2, 2)))
    around = np.exp(1j * np.linspace(0, 2 * np.pi, 360, endpoint=False) + 0.001j)
    around = np.stack([around.real, around.imag], axis=1)
    signs = np.sign(jax.vmap(functions.monkey_saddle)(jnp.asarray(around[::5])))
    assert (np.diff(np.append(signs, signs[0])) != 0).sum() == 6  # three valleys between three ridges
