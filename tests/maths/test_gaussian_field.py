"""Gaussian fields: covariance, derivatives, and the exact shares of minima and saddles."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlnotes.maths import gaussian_field

pytestmark = pytest.mark.usefixtures("float64")


def moments(n, length, draws, features=64):
    """f at 0 and at e₁, ∇f and the Hessian at 0, of many fields."""

    def one(key):
        field = gaussian_field.draw(key, n, features, length)
        origin = jnp.zeros(n)
        return field(origin), field(origin.at[0].set(1.0)), jax.grad(field)(origin), jax.hessian(field)(origin)

    return map(
        np.asarray,
        jax.jit(lambda keys: jax.lax.map(one, keys, batch_size=500))(jax.random.split(jax.random.key(0), draws)),
    )


def test_covariances_of_the_field_its_gradient_and_its_hessian():
    length, draws = 0.8, 8000
    value, other, gradient, hessian = moments(3, length, draws)
    noise = 5 / np.sqrt(draws)  # of a covariance of standard normals, with room
    np.testing.assert_allclose(np.mean(value**2), 1, atol=noise)
    np.testing.assert_allclose(np.mean(value * other), np.exp(-0.5 / length**2), atol=noise)
    np.testing.assert_allclose(gradient.T @ gradient / draws * length**2, np.eye(3), atol=noise)
    shifted = hessian + value[:, None, None] * np.eye(3) / length**2  # the GOE part
    variances = np.mean(shifted**2, axis=0) * length**4
    np.testing.assert_allclose(variances, 1 + np.eye(3), atol=3 * noise)
    np.testing.assert_allclose(np.mean(shifted * value[:, None, None], axis=0) * length**2, 0, atol=2 * noise)


def test_derivatives_and_vmap():
    field = gaussian_field.draw(jax.random.key(1), 3)
    x = jnp.array([0.3, -1.0, 2.0])
    phase = np.asarray(field.frequencies) @ np.asarray(x)
    want = (field.cosines * np.cos(phase) + field.sines * np.sin(phase)).sum() / 16
    np.testing.assert_allclose(field(x), want, rtol=1e-12)
    waves = (field.cosines * np.cos(phase) + field.sines * np.sin(phase)) / 16
    hessian = -np.einsum("m,mi,mj->ij", waves, field.frequencies, field.frequencies)
    np.testing.assert_allclose(jax.jit(jax.hessian(field))(x), hessian, rtol=1e-10)
    fields = jax.vmap(lambda key: gaussian_field.draw(key, 3))(jax.random.split(jax.random.key(2), 4))
    assert jax.vmap(lambda field: field(x))(fields).shape == (4,)


@pytest.mark.parametrize(("n", "minima"), [(1, 1 / 2), (2, 1 / 4), (3, (29 - 6 * np.sqrt(6)) / 116)])
def test_shares_of_minima_are_the_known_ones(n, minima):
    density = gaussian_field.critical_point_density(jax.random.key(0), n, 20_000)
    assert density.shape == (n + 1,)
    np.testing.assert_allclose(density, density[::-1])
    np.testing.assert_allclose(density[0] / density.sum(), minima, atol=0.003)
    if n == 1:  # Rice: √(E f″²/E f′²)/π zeros of f′ for each unit of length
        np.testing.assert_allclose(density.sum(), np.sqrt(3) / np.pi, rtol=0.01)


def test_the_density_is_kac_rice_with_the_fields_own_hessian():
    """(2π)^(−n/2)·E|det H|·1[index k] with H = G − f·I, here by plain sampling in four dimensions."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(200_000, 4, 4))
    hessian = (noise + noise.transpose(0, 2, 1)) / np.sqrt(2) - rng.normal(size=(200_000, 1, 1)) * np.eye(4)
    eigenvalues = np.linalg.eigvalsh(hessian)
    weight, index = np.abs(eigenvalues.prod(1)), (eigenvalues < 0).sum(1)
    want = np.bincount(index, weight) / 200_000 / (2 * np.pi) ** 2
    found = gaussian_field.critical_point_density(jax.random.key(0), 4, 20_000)
    np.testing.assert_allclose(found, want, rtol=0.05)
