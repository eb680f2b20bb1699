"""Trials of ridge_and_lasso: many data sets under the L2 and the L1 penalty."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.flatten_util import ravel_pytree

from dlnotes import lab
from dlnotes.classical import lasso, ridge
from dlnotes.optim.minimize import minimize

STRENGTHS = (0.0, 0.01, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0)  # of "directions": σ²/τ² = 1 is among them
NET_STRENGTHS = (3e-5, 3e-4, 3e-3, 3e-2, 0.3)
FACTORS = (0.1, 0.3, 1.0, 2.0)  # of "sparsity": times σ√(2n log p)
RIDGES = (0.1, 1.0, 3.0, 10.0, 30.0, 100.0, 1000.0)


def eigenvalues(features: int) -> np.ndarray:
    """Those of XᵀX in "directions": from 0.01 to 100, evenly on a logarithmic scale."""
    return np.logspace(-2, 2, features)


def directions(key: Array, *, noise: Array, n: int, features: int, sets: int) -> lab.Trial:
    """Ridge on one X with known eigenvectors: shares that are kept, bias² and variance along each, errors.

    The first `sets` targets belong to one θ, the next to as many others, drawn from N(0, I); the last has no noise.
    """
    k_rows, k_axes, k_truths, k_noise = lab.streams(key, "rows", "axes", "truths", "noise")
    size = jnp.asarray(eigenvalues(features))

    def finish(_):
        u, v = (
            jnp.linalg.qr(jax.random.normal(k, (count * features,)).reshape(count, features))[0]
            for k, count in ((k_rows, n), (k_axes, features))
        )
        x = (u * jnp.sqrt(size)[None]) @ v.T
        truths = jax.random.normal(k_truths, (features * (sets + 1),)).reshape(features, sets + 1)
        one, others = truths[:, :1], truths[:, 1:]
        xi = jax.random.normal(k_noise, (n * 2 * sets,)).reshape(n, 2 * sets)
        theta = jnp.concatenate([jnp.tile(one, sets), others, one], axis=1)
        y = x @ theta + noise * jnp.pad(xi, ((0, 0), (0, 1)))
        along = jnp.einsum("fi,sfo->sio", v, ridge.fit(x, y, jnp.asarray(STRENGTHS), intercept=False).weights)
        truth = v.T @ theta
        share = (size[None] / (size[None] + jnp.asarray(STRENGTHS)[:, None]))[..., None]
        return {
            "kept": along[..., -1] / truth[None, :, -1],
            "law_error": jnp.abs(along / along[:1] - share).max(),
            "bias_squared": jnp.square(along[..., -1] - truth[None, :, -1]),
            "variance": jnp.var(along[..., :sets], axis=-1, ddof=1),
            "error": jnp.square(along - truth[None])[..., :sets].sum(1).mean(-1),
            "error_of_many": jnp.square(along - truth[None])[..., sets : 2 * sets].sum(1).mean(-1),
        }

    return lab.Trial(lambda: jnp.zeros(()), finish=finish)


def near_minimum(key: Array, *, base: Array, hidden: int, n: int, steps: int) -> lab.Trial:
    """A tanh network of one hidden layer at its minimum w*, then under more penalty, against (H + αI)⁻¹Hw*.

    `base` is a penalty that is part of the loss J itself: without it J has valleys, and no minimum that stands alone.
    """
    k_init, k_inputs, k_noise = lab.streams(key, "init", "inputs", "noise")
    x = jax.random.uniform(k_inputs, (n,), minval=-1.0, maxval=1.0)
    y = jnp.sin(4 * x + 1) + 0.1 * jax.random.normal(k_noise, (n,))
    flat, unravel = ravel_pytree({name: jnp.zeros(hidden) for name in ("in", "shift", "out")} | {"bias": jnp.zeros(())})

    def loss(w, penalty):
        p = unravel(w)
        f = jnp.tanh(x[:, None] * p["in"][None] + p["shift"][None]) @ p["out"] + p["bias"]
        return 0.5 * jnp.mean((f - y) ** 2) + 0.5 * (base + penalty) * (w**2).sum()

    def descend(begin, penalty):
        end = minimize(lambda w: loss(w, penalty), begin, "bfgs", tol=1e-9, max_iters=steps).x
        return end, end

    def finish(_):
        alpha = jnp.asarray(NET_STRENGTHS)
        path = jax.lax.scan(descend, 2 * jax.random.normal(k_init, flat.shape), jnp.concatenate([jnp.zeros(1), alpha]))
        best, ends = path[1][0], path[1][1:]
        size, axes = jnp.linalg.eigh(jax.hessian(loss)(best, 0.0))
        law = (size[None] / (size[None] + alpha[:, None]) * (axes.T @ best)[None]) @ axes.T
        apart, moved = (jnp.linalg.norm(ends - to, axis=1) for to in (law, best[None]))
        slope = jnp.linalg.norm(jax.vmap(jax.grad(loss))(ends, alpha), axis=1).max()
        return {"law_error": apart / moved, "moved": moved / jnp.linalg.norm(best), "smallest": size[0],
                "gradient": slope}  # fmt: skip

    return lab.Trial(lambda: jnp.zeros(()), finish=finish)


def sparsity(key: Array, *, relevant: Array, noise: Array, n: int, features: int, sets: int, steps: int) -> lab.Trial:
    """Lasso, ridge and subgradient steps where only the first features matter; θ always has the length √5."""
    k_inputs, k_signs, k_noise = lab.streams(key, "inputs", "signs", "noise")
    matters = jnp.arange(features) < relevant
    universal = noise * jnp.sqrt(2.0 * n * jnp.log(1.0 * features))

    def one(x, signs, xi):
        theta = jnp.where(matters, signs, 0.0)[:, None] * jnp.sqrt(5.0 / relevant)
        y = x @ theta + noise * xi[:, None]
        path = jax.vmap(lambda s: lasso.fit(x, y, s, intercept=False, tol=1e-7).linear.weights)
        found = path(universal * jnp.asarray(FACTORS))[..., 0]
        shrunk = ridge.fit(x, y, jnp.asarray(RIDGES), intercept=False).weights[..., 0]
        walked = subgradient(x, y, universal, steps)[:, 0]
        zero = found == 0
        aside = 1.0 / jnp.maximum((~matters).sum(), 1)
        return {
            "kept": (~zero & matters[None]).sum(1) / relevant,
            "removed": (zero & ~matters[None]).sum(1) * aside,
            "exact": jnp.all(zero != matters[None], axis=1),
            "ridge_zeros": (shrunk == 0).mean(),
            "subgradient_zeros": (walked == 0).mean(),
            "subgradient_small": ((jnp.abs(walked) < 0.01) & ~matters).sum() * aside,
            "lasso_error": jnp.square(found - theta.T).sum(1),
            "ridge_error": jnp.square(shrunk - theta.T).sum(1),
            "weights": jnp.stack([found[FACTORS.index(1.0)], shrunk[RIDGES.index(10.0)], walked]),
        }

    def finish(_):
        x = jax.random.normal(k_inputs, (sets * n * features,)).reshape(sets, n, features)
        signs = jax.random.rademacher(k_signs, (sets * features,), x.dtype).reshape(sets, features)
        xi = jax.random.normal(k_noise, (sets * n,)).reshape(sets, n)
        each = jax.vmap(one)(x, signs, xi)
        first = each.pop("weights")[0]
        return jax.tree.map(lambda v: v.mean(0), each) | {"weights": first}

    return lab.Trial(lambda: jnp.zeros(()), finish=finish)


def subgradient(x: Array, y: Array, strength: Array, steps: int) -> Array:
    """θ ← θ − ηₜ(Xᵀ(Xθ − y) + λ·sign θ) from 0, ηₜ = 1/(L·√(1 + t/10)): plain descent, as the notes have it."""
    gram, moment = x.T @ x, x.T @ y
    rate = 1.0 / jnp.linalg.eigvalsh(gram)[-1]

    def step(theta, t):
        eta = rate / jnp.sqrt(1.0 + t / 10.0)
        return theta - eta * (gram @ theta - moment + strength * jnp.sign(theta)), None

    return jax.lax.scan(step, jnp.zeros_like(moment), jnp.arange(steps))[0]
