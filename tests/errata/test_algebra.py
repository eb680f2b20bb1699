"""Errata on linear algebra and calculus: the printed statement fails, the corrected one holds."""

import numpy as np


def test_e14_solvability_needs_at_least_as_many_columns_as_rows():
    generator = np.random.default_rng(0)
    wide, tall = generator.normal(size=(2, 3)), generator.normal(size=(3, 2))
    assert np.linalg.matrix_rank(wide) == 2  # n ≥ m: every right side can be reached
    b = generator.normal(size=3)
    assert np.linalg.lstsq(tall, b)[1] > 1e-3  # m > n, as printed: it cannot


def test_a_product_with_a_vector_has_a_term_for_each_column():
    a, x = np.arange(6.0).reshape(2, 3), np.array([1.0, -2.0, 3.0])
    np.testing.assert_allclose(sum(x[i] * a[:, i] for i in range(3)), a @ x)
    assert np.abs(sum(x[i] * a[:, i] for i in range(2)) - a @ x).max() > 1  # up to x_m


def test_unit_eigenvectors_alone_are_not_orthogonal():
    values, v = np.linalg.eig(np.array([[1.0, 1.0], [0.0, 2.0]]))
    np.testing.assert_allclose(np.linalg.norm(v, axis=0), 1)
    np.testing.assert_allclose(abs(v[:, 0] @ v[:, 1]), np.sqrt(0.5))
    assert np.abs(np.linalg.inv(v) - v.T).max() > 0.5
    np.testing.assert_allclose(v @ np.diag(values) @ np.linalg.inv(v), [[1, 1], [0, 2]], atol=1e-12)


def test_the_larger_gram_matrix_has_zeros_besides_the_squares():
    a = np.random.default_rng(1).normal(size=(2, 4))
    squares = np.linalg.svd(a, compute_uv=False) ** 2
    np.testing.assert_allclose(np.linalg.eigvalsh(a @ a.T), squares[::-1])
    np.testing.assert_allclose(np.linalg.eigvalsh(a.T @ a), [0, 0, *squares[::-1]], atol=1e-12)


def test_condition_is_a_ratio_of_singular_values():
    a = np.array([[1.0, 1e6], [0.0, 1.0001]])
    values = np.abs(np.linalg.eigvals(a))
    np.testing.assert_allclose(values.max() / values.min(), 1.0001)
    np.testing.assert_allclose(np.linalg.cond(a), 1e12, rtol=1e-3)
    b, nudge = np.array([1.0, 1.0]), np.array([0.0, 1e-6])
    moved = np.linalg.solve(a, b + nudge) - np.linalg.solve(a, b)
    assert np.linalg.norm(moved) > 0.9  # a millionth of b moves the solution by 1


def test_pseudoinverse_formula_needs_full_column_rank():
    x = np.array([[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]])
    assert np.linalg.matrix_rank(x.T @ x) == 1
    xx = np.linalg.pinv(x)
    np.testing.assert_allclose(x @ xx @ x, x, atol=1e-12)
    full = np.array([[1.0, 2.0], [2.0, 4.0], [3.0, 7.0]])
    np.testing.assert_allclose(np.linalg.inv(full.T @ full) @ full.T, np.linalg.pinv(full), atol=1e-9)


def test_definite_means_for_all_but_zero():
    a, zero = np.eye(2), np.zeros(2)
    assert zero @ a @ zero == 0  # so no matrix is positive definite as printed
    x = np.random.default_rng(2).normal(size=(100, 2))
    assert (np.einsum("ni,ij,nj->n", x, a, x) > 0).all()


def test_not_every_matrix_has_an_eigendecomposition():
    shear = np.array([[1.0, 1.0], [0.0, 1.0]])
    assert np.linalg.matrix_rank(shear - np.eye(2)) == 1  # eigenvalue 1 twice, one direction only
    assert np.linalg.matrix_rank(np.linalg.eig(shear)[1], tol=1e-8) == 1
    turned = np.array([[np.cos(1), -np.sin(1)], [np.sin(1), np.cos(1)]])
    for axes in (np.eye(2), turned):  # and where there is one, it need not be the only one
        np.testing.assert_allclose(axes @ np.eye(2) @ np.linalg.inv(axes), np.eye(2), atol=1e-15)


def test_eigenvectors_of_a_normal_matrix_need_the_conjugate():
    rotation = np.array([[0.0, -1.0], [1.0, 0.0]])
    _, u = np.linalg.eig(rotation)
    np.testing.assert_allclose(np.vdot(u[:, 0], u[:, 1]), 0, atol=1e-12)
    np.testing.assert_allclose(abs(u[:, 0] @ u[:, 1]), 1)  # without it they are not orthogonal
    np.testing.assert_allclose(abs(u[:, 0] @ u[:, 0]), 0, atol=1e-12)  # nor of length 1


def test_a_positive_form_need_not_mean_positive_eigenvalues():
    a = np.array([[1.0, -1.0], [1.0, 1.0]])
    x = np.random.default_rng(3).normal(size=(100, 2))
    assert (np.einsum("ni,ij,nj->n", x, a, x) > 0).all()
    np.testing.assert_allclose(sorted(np.linalg.eigvals(a), key=np.imag), [1 - 1j, 1 + 1j])
    assert np.linalg.eigvalsh((a + a.T) / 2).min() > 0  # of its symmetric part it does


def test_an_eigenvector_has_its_own_eigenvalue():
    a = np.array([[2.0, 1.0], [1.0, 2.0]])
    (low, high), u = np.linalg.eigh(a)
    np.testing.assert_allclose(a @ u[:, 0], low * u[:, 0])
    assert np.abs(a @ u[:, 0] - high * u[:, 0]).max() > 1


def test_the_gradient_of_a_form_has_columns_and_rows():
    a, x = np.array([[1.0, 2.0], [5.0, 3.0]]), np.array([1.0, 1.0])
    up, down = x + np.array([1e-6, 0]), x - np.array([1e-6, 0])
    numeric = (up @ a @ up - down @ a @ down) / 2e-6
    right = 2 * a[0, 0] * x[0] + a[0, 1] * x[1] + a[1, 0] * x[1]
    printed = 2 * a[0, 0] * x[0] + a[0, 1] * x[1] + a[0, 1] * x[1]
    np.testing.assert_allclose(numeric, right, rtol=1e-8)
    assert abs(numeric - printed) > 2


def test_the_hessian_has_second_derivatives():
    def f(x):
        return x[0] ** 3 + x[0] * x[1]

    x, e = np.array([2.0, 1.0]), 1e-4
    step = np.array([e, 0.0])
    second = (f(x + step) - 2 * f(x) + f(x - step)) / e**2
    np.testing.assert_allclose(second, 6 * x[0], rtol=1e-6)
    by_the_square = (f(x + step) - f(x - step)) / (2 * e) / (2 * x[0])  # ∂f/∂(x²), read literally
    assert abs(by_the_square - second) > 5


def test_the_derivative_of_a_product_by_its_matrix_has_as_many_slices_as_outputs():
    m, n = 2, 3
    w, x = np.ones((m, n)), np.arange(1.0, n + 1)
    slices = np.array([[[(i == r) * x[c] for c in range(n)] for r in range(m)] for i in range(m)])
    assert slices.size == m * n * m  # one slice of m×n for each of the m outputs, not for each of the n inputs
    change = np.random.default_rng(4).normal(size=(m, n))
    np.testing.assert_allclose((slices * change).sum((1, 2)), (w + change) @ x - w @ x)


def test_singular_values_are_as_many_as_the_shorter_side():
    a = np.random.default_rng(5).normal(size=(2, 5))
    assert len(np.linalg.svd(a, compute_uv=False)) == 2
    assert np.diag(np.linalg.svd(a, full_matrices=True)[1]).shape == (2, 2)  # ΣΣᵀ is m×m, not up to σₙ²


def test_a_penalty_enters_the_loss_with_its_strength():
    strength, loss, penalty, e = 0.3, 2.0, 5.0, 1e-6

    def regularized(loss, penalty):
        return loss + strength * penalty

    slope = (regularized(loss, penalty + e) - regularized(loss, penalty - e)) / (2 * e)
    np.testing.assert_allclose(slope, strength, rtol=1e-6)  # not 1


def test_e29_cross_correlation_is_convolution_with_the_kernel_turned():
    image, kernel = np.random.default_rng(6).normal(size=(2, 9)), np.array([1.0, 2.0, -1.0])
    sliding = np.array([image[0, i : i + 3] @ kernel for i in range(7)])
    np.testing.assert_allclose(sliding, np.convolve(image[0], kernel[::-1], "valid"))
    assert np.abs(sliding - np.convolve(image[0], kernel, "valid")).max() > 1
    np.testing.assert_allclose(np.convolve(image[0], kernel), np.convolve(kernel, image[0]))  # this one commutes
    assert np.abs(np.correlate(image[0], kernel, "full") - np.correlate(kernel, image[0], "full")).max() > 1
