"""What is measured of critical points of random landscapes, and of saddles: the studies of `saddles_not_minima`."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from dlnotes import lab
from dlnotes.maths import gaussian_field, quadratics
from dlnotes.optim.minimize import minimize

LAW = (1, 2, 3, 4, 6, 8, 10)  # dimensions in which the theory is computed
METHODS = ("descent", "momentum", "noisy descent", "RMSProp", "Adam")


class Found(NamedTuple):
    """Where Newton's method ended: the point, f there, the number of negative eigenvalues, whether ∇f is 0 there."""

    x: Array
    height: Array
    index: Array
    converged: Array


def newton_search(field: gaussian_field.GaussianField, x: Array, there: Array, steps: int) -> Found:
    """Newton's method on ∇f = 0, steps at most ½ long; coordinates that are not `there` stay, as if they curved up."""
    gradient, hessian, absent = jax.grad(field), jax.hessian(field), jnp.diag(1.0 - there)

    def step(_, carry):
        x, _ = carry
        p = jnp.linalg.solve(hessian(x) + absent, gradient(x))
        length = jnp.linalg.norm(p)
        p = jnp.where(jnp.isfinite(length), p * jnp.minimum(1.0, 0.5 / jnp.maximum(length, 1e-12)), 0.0)
        return x - p, length

    x, last = jax.lax.fori_loop(0, steps, step, (x, jnp.asarray(jnp.inf, x.dtype)))
    eigenvalues = jnp.linalg.eigvalsh(hessian(x) + absent)
    converged = (last < 1e-3) & (jnp.linalg.norm(gradient(x)) < 1e-3)
    return Found(x, field(x), jnp.sum(eigenvalues < 0), converged)


def census(
    key: Array, *, dimension: Array, largest: int, balls: int, starts: int, radius: float, features: int, steps: int
) -> lab.Trial:
    """All critical points in many balls, each of its own field: Newton's method from `starts` random points of each.

    The dimension is a number below `largest`: the field does not depend on the other coordinates.
    """
    there = (jnp.arange(largest) < dimension).astype(float)

    def ball(key: Array):
        k_field, k_toward, k_out = lab.streams(key, "field", "toward", "out")
        field = gaussian_field.draw(k_field, largest, features)
        field = field._replace(frequencies=field.frequencies * there[None])
        toward = jax.random.normal(k_toward, (starts * largest,)).reshape(starts, largest) * there[None]
        out = radius * jax.random.uniform(k_out, (starts,)) ** (1.0 / dimension)
        begin = toward * (out / jnp.linalg.norm(toward, axis=1))[:, None]
        found = jax.vmap(lambda x: newton_search(field, x, there, steps))(begin)
        inside = found.converged & (jnp.linalg.norm(found.x, axis=1) <= radius)
        near = jnp.linalg.norm(found.x[:, None] - found.x[None], axis=-1) < 0.01
        again = jnp.any(near & inside[None] & (jnp.arange(starts)[:, None] > jnp.arange(starts)[None]), axis=1)
        return found, inside & ~again

    def finish(key):
        found, kept = jax.lax.map(ball, jax.random.split(key, balls))
        kinds = jax.nn.one_hot(found.index, largest + 1)
        weight = kept.astype(float)
        return {
            "count": jnp.einsum("bs,bsk->k", weight, kinds),
            "height": jnp.einsum("bs,bs,bsk->k", weight, found.height, kinds),
            "correlation": correlation(found.height, found.index.astype(float), weight),
            "searched": jnp.einsum("bs,bsk->k", found.converged.astype(float), kinds),
            "not_converged": 1.0 - found.converged.mean(),
        }

    return lab.Trial(lambda: key, finish=finish)


def correlation(a: Array, b: Array, weight: Array) -> Array:
    """Correlation of a and b over points of these weights; 0 where one of them is constant."""
    total = jnp.maximum(weight.sum(), 1.0)
    a, b = (x - (weight * x).sum() / total for x in (a, b))
    product = (weight * a**2).sum() * (weight * b**2).sum()
    return jnp.where(product > 0, (weight * a * b).sum() / jnp.sqrt(jnp.where(product > 0, product, 1.0)), 0.0)


def law(key: Array, *, draws: int) -> lab.Trial:
    """For each dimension of LAW: critical points in a unit of volume, the shares of minima and saddles among them.

    `matrix` is the share of random symmetric (GOE) matrices without negative eigenvalue: minima, if a critical point's
    Hessian were such a matrix whatever its height.
    """

    def finish(key):
        rows = []
        for k, n in zip(jax.random.split(key, len(LAW)), LAW, strict=True):
            k_density, k_matrix = lab.streams(k, "density", "matrix")
            density = gaussian_field.critical_point_density(k_density, n, draws)
            noise = jax.random.normal(k_matrix, (draws * n * n,)).reshape(draws, n, n)
            positive = jnp.mean(jnp.linalg.eigvalsh(noise + noise.mT)[:, 0] > 0)
            rows.append((density.sum(), density[0] / density.sum(), density[1:-1].sum() / density.sum(), positive))
        return dict(zip(("density", "minima", "saddles", "matrix"), jnp.array(rows).T, strict=True))

    return lab.Trial(lambda: key, finish=finish)


def escape(key: Array, *, curvature: Array, rotated: Array, n: int, offset: float, noise: float, cap: int) -> lab.Trial:
    """Steps until each method is at distance 1 along the one way down from a saddle: −γ there, 1 across.

    All begin at `offset`·N(0, I), noisy descent on the saddle itself. `rotated` 0 has the way down along a coordinate,
    1 along a random direction.
    """
    k_axes, k_start, k_noise = lab.streams(key, "axes", "start", "noise")
    axes = jnp.where(rotated > 0, jax.random.orthogonal(k_axes, n), jnp.eye(n))
    matrix = quadratics.with_spectrum(axes, jnp.ones(n).at[0].set(-curvature))
    start = offset * axes @ jax.random.normal(k_start, (n,))
    descent = optax.sgd(0.1)
    methods = {
        "descent": descent,
        "momentum": optax.sgd(0.1, momentum=0.9),
        "noisy descent": optax.chain(optax.add_noise(noise**2, 0.0, key=k_noise), descent),
        "RMSProp": optax.rmsprop(0.01, eps_in_sqrt=False),
        "Adam": optax.adam(0.01),
    }

    def left(x, *_):
        return 1.0 - jnp.abs(axes[:, 0] @ x)

    def finish(start):
        def steps(name):
            begin = jnp.zeros_like(start) if name == "noisy descent" else start
            end = minimize(
                lambda x: quadratics.quadratic(matrix, x), begin, methods[name], tol=0.0, max_iters=cap, residual=left
            )
            return end.nit.astype(float)

        return {"steps": jnp.stack([steps(name) for name in METHODS]), "began": jnp.abs(axes[:, 0] @ start)}

    return lab.Trial(lambda: start, finish=finish)
