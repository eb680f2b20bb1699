"""Inertia, definiteness, eigenspaces, diagonalizability; and laws of what the atlas names of JAX."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dlnotes.maths import linear_algebra as la

RNG = np.random.default_rng(0)
SHAPES = [(1, 1), (3, 3), (2, 5), (6, 3)]
JORDAN = np.array([[2.0, 1, 0], [0, 2, 0], [0, 0, 3]])


def similar(matrix, seed=3):
    """S A S⁻¹ for a random S: the same eigenvalues, none of the zeros."""
    s = np.random.default_rng(seed).normal(size=np.shape(matrix))
    return s @ matrix @ np.linalg.inv(s)


def test_inertia_counts_signs_beyond_rounding_or_a_tolerance(float64):
    count = jax.jit(la.inertia)
    eps = np.finfo(float).eps
    for values, want in [
        ([3.0, -1, 2, 0], (2, 1, 1)),
        ([1e200, 2e200, -1e200, -1e200], (2, 2, 0)),
        ([1.0, 3.9 * eps, -3.9 * eps, -4.1 * eps], (1, 1, 2)),
        ([1.0, np.nan, np.nan, np.nan], (0, 0, 4)),
    ]:
        assert count(jnp.asarray(values)) == want
    assert count(jnp.asarray([1.0, 0.1, -0.1, -0.2]), 0.1) == (1, 1, 2)
    assert count(jnp.asarray([1.0, np.nan, np.nan, -0.2]), 0.1) == (1, 1, 2)
    for shape in ((0,), (2, 2)):
        with pytest.raises(ValueError, match=r"a vector of eigenvalues \[n\], n ≥ 1, got the shape"):
            la.inertia(jnp.ones(shape))


def test_inertia_survives_a_change_of_variables_and_adds_up_over_elimination(float64):
    """Sylvester: In(SᵀAS) = In(A). Haynsworth: In([A, B; Bᵀ, C]) = In(A) + In(C − BᵀA⁻¹B)."""

    def of(matrices):
        values = jnp.linalg.eigvalsh(jnp.asarray(matrices))
        return np.stack(jax.vmap(lambda each: la.inertia(each, 1e-9))(values), axis=1)

    rng = np.random.default_rng(1)
    signs, s = rng.choice([-1.0, 1.0], (30, 5)), rng.normal(size=(30, 5, 5))
    signs[::3, 0] = 0
    whole = s.swapaxes(1, 2) @ (signs[:, :, None] * s)
    np.testing.assert_array_equal(of(whole), np.stack([(signs > 0).sum(1), (signs < 0).sum(1), (signs == 0).sum(1)], 1))
    a, b, c = whole[:, :2, :2], whole[:, :2, 2:], whole[:, 2:, 2:]
    rest = c - b.swapaxes(1, 2) @ np.linalg.solve(a, b)
    np.testing.assert_array_equal(of(whole), of(a) + of(rest))


@pytest.mark.parametrize(
    ("eigenvalues", "word"),
    [
        ([1, 2, 3], "positive definite"), ([0, 2, 3], "positive semidefinite"), ([-1, -2, -3], "negative definite"),
        ([0, -2, 0], "negative semidefinite"), ([-1, 2, 0], "indefinite"), ([0, 0, 0], "zero"),
        ([np.nan, 1, 1], "not finite"), ([1e-30, 1e-30, 2e-30], "positive definite"),
    ],
)  # fmt: skip
def test_definiteness_is_the_sign_of_the_form(eigenvalues, word):
    axes = np.linalg.qr(RNG.normal(size=(3, 3)))[0]
    matrix = jnp.asarray(axes @ np.diag(eigenvalues) @ axes.T, jnp.float32)
    matrix = (matrix + matrix.T) / 2
    assert la.DEFINITENESS[int(la.definiteness(matrix, tolerance=1e-6 if 0 in eigenvalues else None))] == word
    x = RNG.normal(size=(200, 3))
    form = np.einsum("ni,ij,nj->n", x, np.asarray(matrix, float), x)
    signs = {"positive definite": form > 0, "negative definite": form < 0, "zero": form == 0}
    assert signs.get(word, np.True_).all()
    if word == "indefinite":
        assert form.min() < 0 < form.max()


def test_definiteness_of_many_at_once_is_that_of_each():
    matrices = jnp.asarray(np.stack([np.eye(2), -np.eye(2), np.zeros((2, 2)), [[0, 1], [1, 0]]]), jnp.float32)
    codes = jax.jit(jax.vmap(la.definiteness))(matrices)
    assert [la.DEFINITENESS[code] for code in codes] == ["positive definite", "negative definite", "zero", "indefinite"]
    twisted = jnp.asarray([[1.0, 5.0], [-5.0, 1.0]])
    assert la.DEFINITENESS[int(la.definiteness(twisted))] == "positive definite"  # xᵀAx = ‖x‖²
    gram = jnp.asarray(RNG.normal(size=(6, 2)), jnp.float32)
    assert la.DEFINITENESS[int(la.definiteness(gram @ gram.T))] == "positive semidefinite"


def test_symmetric_eigenvalues_fall_and_give_the_matrix_again(float64):
    a = RNG.normal(size=(4, 5, 5))
    a = a + a.swapaxes(1, 2)
    values, vectors = la.symmetric_eigen(jnp.asarray(a))
    assert (np.diff(values, axis=1) < 0).all()
    np.testing.assert_allclose(values, np.linalg.eigvalsh(a)[:, ::-1], rtol=1e-10)
    np.testing.assert_allclose(vectors * values[:, None] @ vectors.swapaxes(1, 2), a, atol=1e-12)
    np.testing.assert_allclose(vectors.swapaxes(1, 2) @ vectors, np.broadcast_to(np.eye(5), a.shape), atol=1e-12)


@pytest.mark.parametrize(
    ("matrix", "eigenvalue", "dimension"),
    [
        (np.eye(3), 1, 3), (np.eye(3), 2, 0), (np.zeros((2, 2)), 0, 2), (JORDAN, 2, 1), (JORDAN, 3, 1),
        (np.diag([2.0, 2, 3]), 2, 2), (np.array([[0.0, -1], [1, 0]]), 1j, 1),
    ],
)  # fmt: skip
def test_an_eigenspace_holds_all_that_is_only_stretched(matrix, eigenvalue, dimension):
    for a in (matrix, similar(matrix)):
        basis = la.eigenspace(a, eigenvalue)
        assert basis.shape == (len(a), dimension)
        np.testing.assert_allclose(a @ basis, eigenvalue * basis, atol=1e-10)
        np.testing.assert_allclose(basis.conj().T @ basis, np.eye(dimension), atol=1e-12)


@pytest.mark.parametrize(
    ("matrix", "possible"),
    [
        (np.eye(3), True), (np.zeros((2, 2)), True), (JORDAN, False), (np.diag([2.0, 2, 3]), True),
        (np.array([[1.0, 1], [0, 1]]), False), (np.array([[0.0, -1], [1, 0]]), True), (np.eye(4, k=1), False),
        (np.array([[1.0, 1], [0, 1 + 1e-9]]), False), (np.array([[1.0, 1], [0, 1 + 1e-3]]), True),
    ],
)  # fmt: skip
def test_diagonalizable_means_as_many_independent_eigenvectors_as_rows(matrix, possible):
    assert la.is_diagonalizable(matrix) == possible
    assert la.is_diagonalizable(similar(matrix)) == possible
    if possible:
        values, v = np.linalg.eig(matrix)
        np.testing.assert_allclose(v @ np.diag(values) @ np.linalg.inv(v), matrix, atol=1e-9)


def test_eigenspaces_fill_the_space_exactly_where_the_matrix_is_diagonalizable():
    for matrix in (JORDAN, np.diag([2.0, 2, 3])):
        dimensions = sum(la.eigenspace(similar(matrix), value).shape[1] for value in (2, 3))
        assert (dimensions == 3) == la.is_diagonalizable(similar(matrix))
        np.testing.assert_allclose(np.poly(similar(matrix)), np.poly([2, 2, 3]), rtol=1e-9)  # both: (t − 2)²(t − 3)


@pytest.mark.parametrize("function", [la.definiteness, lambda a: la.eigenspace(a, 1), la.is_diagonalizable])
def test_what_has_no_eigenvalues_is_refused(function):
    with pytest.raises(ValueError, match=r"square matrix \[n, n\], got the shape \(2, 3\)"):
        function(jnp.ones((2, 3)))
    if function is not la.definiteness:
        with pytest.raises(ValueError, match="not finite"):
            function(np.full((2, 2), np.nan))


@pytest.mark.parametrize("order", [1, 2, 3, jnp.inf])
def test_norms_are_norms(order, float64):
    for n in (1, 4, 9):
        x, y = jnp.asarray(RNG.normal(size=(2, n)))
        norm = jnp.linalg.norm
        assert norm(x + y, order) <= norm(x, order) + norm(y, order) + 1e-12
        np.testing.assert_allclose(norm(-2.5 * x, order), 2.5 * norm(x, order))
        assert norm(0 * x, order) == 0 < norm(x, order)
        want = np.abs(x).max() if np.isinf(order) else (np.abs(x) ** order).sum() ** (1 / order)
        np.testing.assert_allclose(norm(x, order), want)
        np.testing.assert_allclose(norm(x / norm(x)), 1)
        cosine = optax.losses.cosine_similarity(x, y)
        np.testing.assert_allclose(cosine * norm(x) * norm(y), x @ y)


@pytest.mark.parametrize(("m", "n"), SHAPES)
def test_traces_and_the_frobenius_norm(m, n, float64):
    a, b, c = (jnp.asarray(RNG.normal(size=size)) for size in ((m, n), (n, 4), (4, m)))
    want = jnp.trace(a @ b @ c)
    np.testing.assert_allclose([jnp.trace(c @ a @ b), jnp.trace(b @ c @ a), jnp.trace((a @ b @ c).T)], want, rtol=1e-9)
    np.testing.assert_allclose(jnp.linalg.norm(a) ** 2, jnp.trace(a @ a.T), rtol=1e-12)


@pytest.mark.parametrize(("m", "n"), SHAPES)
def test_pseudoinverse_comes_from_the_singular_values(m, n, float64):
    a = RNG.normal(size=(m, n))
    a[:, 0] = a[:, -1]  # of less than full rank, where there are two columns
    u, d, vt = jnp.linalg.svd(jnp.asarray(a), full_matrices=False)
    inverse = jnp.where(d > 1e-12 * d[0], 1 / d, 0)
    plus = vt.T @ (inverse[:, None] * u.T)
    np.testing.assert_allclose(plus, jnp.linalg.pinv(jnp.asarray(a)), atol=1e-10)
    for left, right in ((a @ plus @ a, a), (plus @ a @ plus, plus), ((a @ plus).T, a @ plus), ((plus @ a).T, plus @ a)):
        np.testing.assert_allclose(left, right, atol=1e-10)


def test_the_determinant_is_the_product_of_eigenvalues_and_the_change_of_volume(float64):
    a = RNG.normal(size=(4, 4))
    np.testing.assert_allclose(jnp.linalg.det(jnp.asarray(a)), np.prod(np.linalg.eigvals(a)).real, rtol=1e-10)
    flat = np.array([[1.5, 0.4], [-0.3, 0.8]])  # of the square [−2, 2]², how much lands in the image of [0, 1]²
    points = RNG.uniform(-2, 2, size=(200_000, 2))
    from_inside = np.linalg.solve(flat, points.T)
    share = ((from_inside > 0) & (from_inside < 1)).all(axis=0).mean()
    np.testing.assert_allclose(16 * share, abs(jnp.linalg.det(jnp.asarray(flat))), atol=0.05)
    assert jnp.linalg.det(jnp.asarray(JORDAN - 2 * np.eye(3))) == 0


def test_powers_go_through_the_eigenvalues(float64):
    a = jnp.asarray(RNG.normal(size=(4, 4)))
    values, v = jnp.linalg.eig(a)
    np.testing.assert_allclose(v @ jnp.diag(values**7) @ jnp.linalg.inv(v), jnp.linalg.matrix_power(a, 7), rtol=1e-8)


def test_conditioning_is_the_ratio_of_singular_values(float64):
    a = jnp.asarray(RNG.normal(size=(5, 5)))
    d = jnp.linalg.svd(a, compute_uv=False)
    np.testing.assert_allclose(jnp.linalg.cond(a), d[0] / d[-1])
    symmetric = jnp.abs(la.symmetric_eigen(a + a.T).values)
    np.testing.assert_allclose(jnp.linalg.cond(a + a.T), symmetric.max() / symmetric.min(), rtol=1e-9)
    np.testing.assert_allclose(jnp.linalg.cond(jnp.linalg.qr(a)[0]), 1)


@pytest.mark.parametrize(("m", "n"), SHAPES)
def test_a_system_has_a_solution_where_its_right_side_adds_no_rank(m, n, float64):
    a = jnp.asarray(RNG.normal(size=(m, n)))
    for b in (jnp.asarray(RNG.normal(size=m)), a @ jnp.asarray(RNG.normal(size=n))):
        solvable = jnp.linalg.matrix_rank(jnp.column_stack([a, b])) == jnp.linalg.matrix_rank(a)
        left = jnp.linalg.norm(a @ jnp.linalg.lstsq(a, b)[0] - b)
        assert solvable == (left < 1e-9)
