"""Matrix-free curvature against the dense Hessian, and on a network of a million parameters."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree

from dlnotes.data import images
from dlnotes.maths import curvature, test_functions
from dlnotes.nn.mlp import MLP, parameter_count
from dlnotes.optim.newton import hessian_vector_product


def small_network():
    rng = np.random.default_rng(0)
    params = {"in": jnp.asarray(rng.normal(size=(3, 5))), "out": jnp.asarray(rng.normal(size=(5, 2)))}
    x, y = jnp.asarray(rng.normal(size=(8, 3))), jnp.asarray(rng.normal(size=(8, 2)))
    return (lambda p: jnp.mean((jnp.tanh(x @ p["in"]) @ p["out"] - y) ** 2)), params


def dense(loss, params):
    x, restore = ravel_pytree(params)
    return jax.hessian(lambda flat: loss(restore(flat)))(x)


@pytest.mark.usefixtures("float64")
def test_extremes_are_those_of_the_dense_hessian():
    loss, params = small_network()
    values, vectors = np.linalg.eigh(dense(loss, params))
    found = jax.jit(lambda p: curvature.hessian_eigenvalues(loss, p, jax.random.key(0), count=3))(params)
    np.testing.assert_allclose(found.largest.values, values[::-1][:3], rtol=1e-9)
    np.testing.assert_allclose(found.smallest.values, values[:3], rtol=1e-9, atol=1e-12)
    top = ravel_pytree(jax.tree.map(lambda leaf: leaf[0], found.largest.vectors))[0]
    np.testing.assert_allclose(abs(top @ vectors[:, -1]), 1, rtol=1e-9)
    np.testing.assert_allclose(curvature.sharpness(loss, params, jax.random.key(0)), values[-1], rtol=1e-6)


@pytest.mark.usefixtures("float64")
def test_residuals_after_few_steps_are_true_and_bound_the_error():
    loss, params = small_network()
    matrix = dense(loss, params)
    found = curvature.hessian_eigenvalues(loss, params, jax.random.key(0), count=2, steps=8)
    for pairs in found:
        for i in range(2):
            v = ravel_pytree(jax.tree.map(lambda leaf, i=i: leaf[i], pairs.vectors))[0]
            true = jnp.linalg.norm(matrix @ v - pairs.values[i] * v)
            np.testing.assert_allclose(pairs.residuals[i], true, rtol=1e-6, atol=1e-12)
            assert np.abs(np.linalg.eigvalsh(matrix) - pairs.values[i]).min() <= true + 1e-12
    assert found.largest.residuals[0] > 1e-12  # not yet done: else nothing was tested


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("values", [[1.0] * 6, [0.0] * 6, [-2.0, -2, 0, 0, 3, 3], [1, 2, 3, 4, 5, 6e8]])
def test_lanczos_finds_multiple_eigenvalues_and_stays_orthonormal(values):
    tridiagonal = jax.jit(lambda: curvature.lanczos(lambda v: jnp.array(values) * v, jax.random.key(0), 6, 6))()
    t = np.diag(tridiagonal.diagonal) + np.diag(tridiagonal.beside[:-1], 1) + np.diag(tridiagonal.beside[:-1], -1)
    np.testing.assert_allclose(np.linalg.eigvalsh(t), values, rtol=1e-9, atol=1e-14 * max(map(abs, values)))
    q = np.asarray(tridiagonal.basis)
    np.testing.assert_allclose(q @ q.T, np.eye(6), atol=1e-12)
    np.testing.assert_allclose(q @ np.diag(values) @ q.T, t, atol=1e-14 * max(map(abs, values)))


def test_wrong_counts_are_refused():
    with pytest.raises(ValueError, match="1 to n=6 steps, got steps=7"):
        curvature.lanczos(lambda v: v, jax.random.key(0), 6, 7)
    with pytest.raises(ValueError, match="from 1 to 2 eigenvalues, got count=3"):
        curvature.hessian_eigenvalues(jnp.sum, jnp.ones(2), jax.random.key(0), count=3)


@pytest.mark.usefixtures("float64")
def test_quadrature_has_the_spectrums_moments_and_density():
    loss, params = small_network()
    matrix = np.asarray(dense(loss, params))
    n = len(matrix)
    # A probe's moments vᵀHᵏv are exact while 2·steps > k.
    tridiagonal = curvature.lanczos(lambda v: jnp.asarray(matrix) @ v, jax.random.key(0), n, 4)
    start = np.asarray(tridiagonal.basis[0])
    values, vectors = curvature._eigh(tridiagonal)
    for power in range(8):
        want = start @ np.linalg.matrix_power(matrix, power) @ start
        np.testing.assert_allclose(vectors[0] ** 2 @ values**power, want, rtol=1e-8)
    many = jax.jit(lambda p: curvature.spectral_quadrature(loss, p, jax.random.key(0), steps=n, probes=600))(params)
    deviation = np.sqrt(2 * (matrix**2).sum() / 600)  # of Hutchinson's estimate
    assert abs(curvature.hessian_trace(many, n) - np.trace(matrix)) < 3 * deviation
    points = np.linspace(-10, 20, 3001)
    density = np.asarray(curvature.spectral_density(many, jnp.asarray(points), 0.2))
    bells = (
        np.exp(-0.5 * ((points[:, None] - np.linalg.eigvalsh(matrix)[None]) / 0.2) ** 2).mean(1)
        / 0.2
        / np.sqrt(2 * np.pi)
    )
    np.testing.assert_allclose(density.sum() * 0.01, 1, rtol=1e-6)
    assert np.abs(density - bells).sum() * 0.01 < 0.1


@pytest.mark.usefixtures("float64")
def test_box_sharpness_is_exact_where_the_worst_corner_is_known():
    """Of ½c‖x‖² at x the worst corner is x + ε(|x| + 1)·sign x; a linear loss reaches it in a step."""
    x = jnp.array([1.0, -2.0, 0.5])
    corner = x + 0.1 * (jnp.abs(x) + 1) * jnp.sign(x)

    def fun(x):
        return 0.5 * 3.0 * jnp.sum(x**2)

    want = 100 * (fun(corner) - fun(x)) / (1 + fun(x))
    for steps in (1, 10):
        np.testing.assert_allclose(
            curvature.box_sharpness(fun, x, jax.random.key(0), 0.1, steps=steps), want, rtol=1e-12
        )
    assert curvature.box_sharpness(lambda x: -jnp.sum(x**2), jnp.zeros(2), jax.random.key(0)) == 0
    at_minimum = curvature.box_sharpness(lambda x: jnp.sum(x**2), jnp.zeros(2), jax.random.key(0), 0.1)
    np.testing.assert_allclose(at_minimum, 2.0, rtol=1e-12)


@pytest.mark.parametrize(
    ("eigenvalues", "kind", "index", "flat"),
    [
        ((1, 2, 3), "minimum", 0, 0),
        ((-1, -2, -3), "maximum", 3, 0),
        ((-1, 2, 0), "saddle", 1, 1),
        ((1, 0, 2), "flat", 0, 1),
        ((0, 0, 0), "flat", 0, 3),
        ((1, 1e-9, 2), "flat", 0, 1),
        ((1, np.nan, 2), "not finite", 0, 3),
    ],
)
def test_kind_of_critical_point(eigenvalues, kind, index, flat):
    found = curvature.critical_point_kind(jnp.asarray(eigenvalues, jnp.float32))
    assert (curvature.KINDS[int(found.kind)], found.index, found.flat) == (kind, index, flat)


def test_kinds_are_vmapped_and_take_a_tolerance():
    many = jnp.array([[1.0, 2.0], [-1.0, 2.0], [1e-3, 2.0]])
    kinds = jax.jit(jax.vmap(lambda values: curvature.critical_point_kind(values, 0.01)))(many)
    np.testing.assert_array_equal(kinds.kind, [curvature.MINIMUM, curvature.SADDLE, curvature.FLAT])
    np.testing.assert_array_equal(kinds.index, [0, 1, 0])
    well = jnp.linalg.eigvalsh(jax.hessian(test_functions.double_well)(jnp.zeros(3)))
    assert curvature.critical_point_kind(well).kind == curvature.SADDLE


def test_a_million_parameters():
    """The top eigenvalue of a network on digits satisfies Hv = λv."""
    data = images.load("digits")
    net = MLP(depth=3, width=968, outputs=10)
    x, labels = jnp.asarray(data.train_images[:64]), jnp.asarray(data.train_labels[:64])
    params = jax.jit(net.init)(jax.random.key(0), x[:2])
    assert parameter_count(params) > 1e6

    def loss(p):
        return optax.softmax_cross_entropy_with_integer_labels(net.apply(p, x), labels).mean()

    found = jax.jit(lambda p: curvature.hessian_eigenvalues(loss, p, jax.random.key(0), steps=12))(params)
    top = jax.tree.map(lambda leaf: leaf[0], found.largest.vectors)
    value = found.largest.values[0]
    multiply = jax.jit(lambda v: hessian_vector_product(loss, params, v))
    product = multiply(top)
    np.testing.assert_allclose(optax.tree.norm(top), 1, rtol=1e-5)
    assert optax.tree.norm(optax.tree.sub(product, optax.tree.scale(value, top))) < 1e-3 * value
    gradient = jax.jit(jax.grad(loss))(params)
    slope = optax.tree.scale(1 / optax.tree.norm(gradient), gradient)
    assert optax.tree.vdot(slope, multiply(slope)) < value
