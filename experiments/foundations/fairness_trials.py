"""Trials of fair_penalties: L2 penalties on features in other units, on biases, on functions."""

import jax
import jax.numpy as jnp
from jax import Array

from dlnotes import lab
from dlnotes.classical import ridge
from dlnotes.maths.polynomials import legendre

STRENGTHS = (0.0, 1.0, 10.0, 100.0, 1000.0)  # of "units"
SIZES = (20, 40, 200, 2000)  # examples of "biases"
PRIORS = (0.1, 0.3, 1.0, 3.0, 10.0, 100.0)  # deviations of the weights in "smoothness"


def units(key: Array, *, decades: Array, n: int, features: int, sets: int) -> lab.Trial:
    """Ridge on features of variance 1, and on the same in other units: from 10^−decades to 10^decades of them."""
    k_inputs, k_theta, k_noise, k_test = lab.streams(key, "inputs", "theta", "noise", "test")
    scale = 10.0 ** (decades * jnp.linspace(-1.0, 1.0, features))
    alpha = jnp.asarray(STRENGTHS)
    test = jax.random.normal(k_test, (n * features,)).reshape(n, features)

    def standard(x, by):
        return (x - by.mean(0)[None]) / by.std(0)[None]

    def one(x, theta, xi):
        y = x @ theta[:, None] + xi[:, None]
        raw, other = x * scale[None], test * scale[None]
        inputs = {"before": (x, test), "after": (raw, other), "standard": (standard(raw, raw), standard(other, raw))}
        fits = {name: ridge.fit(train, y, alpha) for name, (train, _) in inputs.items()}
        at = {name: ridge.predict(fits[name], inputs[name][1])[..., 0] for name in inputs}
        truth = test @ theta
        standard_before = ridge.predict(ridge.fit(standard(x, x), y, alpha), standard(test, x))[..., 0]
        ends = slice(features // 4), slice(-(features // 4), None)
        weights = {"after": fits["after"].weights[..., 0] * scale[None], "standard": fits["standard"].weights[..., 0]}
        return {
            "change": rms(at["after"] - at["before"]) / rms(at["before"]),
            "standard_change": rms(at["standard"] - standard_before) / rms(standard_before),
            "error": jnp.stack([jnp.square(at[name] - truth[None]).mean(1) for name in inputs]),
            "kept": jnp.stack([jnp.stack([w[:, end] @ theta[end] for end in ends]) for w in weights.values()]),
        }

    def finish(_):
        x = jax.random.normal(k_inputs, (sets * n * features,)).reshape(sets, n, features)
        theta = jax.random.normal(k_theta, (sets * features,)).reshape(sets, features)
        xi = jax.random.normal(k_noise, (sets * n,)).reshape(sets, n)
        found = jax.tree.map(lambda v: v.mean(0), jax.vmap(one)(x, theta, xi))
        return found | {"kept": found["kept"] / found["kept"][..., :1]}

    return lab.Trial(lambda: jnp.zeros(()), finish=finish)


def rms(x: Array) -> Array:
    """√ of the mean square over the last axis."""
    return jnp.sqrt(jnp.mean(x**2, axis=-1))


def biases(key: Array, *, offset: Array, strength: Array, noise: Array, features: int, sets: int) -> lab.Trial:
    """Training error of ridge with and without a penalty on the bias, where all targets are `offset` higher.

    Features have mean 0 in each training set: a penalty on the bias then leaves the weights as they are.
    """

    def one(key, n):
        k_inputs, k_theta, k_noise = lab.streams(key, "inputs", "theta", "noise")
        x = jax.random.normal(k_inputs, (n * features,)).reshape(n, features)
        x = x - x.mean(0)[None]
        y = x @ jax.random.normal(k_theta, (features, 1)) + offset
        y = y + noise * jax.random.normal(k_noise, (n * sets,)).reshape(n, sets)
        with_ones = jnp.concatenate([x, jnp.ones((n, 1))], axis=1)
        free = ridge.predict(ridge.fit(x, y, strength), x)
        penalized = ridge.predict(ridge.fit(with_ones, y, strength, intercept=False), with_ones)
        errors = jnp.stack([jnp.mean((fit - y) ** 2, axis=0) for fit in (free, penalized)])
        law = (y.mean(0) * strength / (n + strength)) ** 2
        return errors.mean(1), jnp.abs(errors[1] - errors[0] - law).max()

    def finish(_):
        found = [one(k, n) for k, n in zip(jax.random.split(key, len(SIZES)), SIZES, strict=True)]
        error, law_error = (jnp.stack(part) for part in zip(*found, strict=True))
        return {"error": error, "law_error": law_error.max()}

    return lab.Trial(lambda: jnp.zeros(()), finish=finish)


def smoothness(key: Array, *, noise: Array, n: int, degree: int, units: int, by: Array, sets: int) -> lab.Trial:
    """The likeliest polynomial under weights from N(0, σ²) for several σ; and a ReLU network whose weights are moved.

    The network's hidden weights are random, its output weights fitted; hidden ones are then multiplied by `by`, output
    ones divided by it.
    """
    k_inputs, k_noise, k_hidden = lab.streams(key, "inputs", "noise", "hidden")
    grid = jnp.linspace(-1.0, 1.0, 801)
    truth = jnp.sin(4 * grid + 1)
    hidden = jax.random.normal(k_hidden, (2 * units,)).reshape(2, units)
    alpha = (noise / jnp.asarray(PRIORS)) ** 2

    def relu(x, hidden):
        return jax.nn.relu(x[:, None] * hidden[0][None] + hidden[1][None])

    def one(x, xi):
        y = (jnp.sin(4 * x + 1) + noise * xi)[:, None]
        path = ridge.fit(legendre(x, degree), y, alpha, intercept=False)
        f = ridge.predict(path, legendre(grid, degree))[..., 0]
        train = jnp.square(ridge.predict(path, legendre(x, degree)) - y[None])[..., 0].mean(1)
        out = ridge.fit(relu(x, hidden), y, 0.1, intercept=False).weights[:, 0]
        net, moved = relu(grid, hidden) @ out, relu(grid, hidden * by) @ (out / by)
        size, moved_size = (jnp.sqrt((h**2).sum() + (v**2).sum()) for h, v in ((hidden, out), (hidden * by, out / by)))
        return {
            "roughness": jnp.log10(roughness(f, grid)), "lipschitz": jnp.log10(lipschitz(f, grid)),
            "train": train, "test": jnp.square(f - truth[None]).mean(1) + noise**2,
            "moved_size": jnp.log10(moved_size / size), "moved_function": jnp.abs(moved - net).max(),
            "moved_lipschitz": lipschitz(moved, grid) / lipschitz(net, grid) - 1, "fits": f,
        }  # fmt: skip

    def finish(_):
        x = jax.random.uniform(k_inputs, (sets * n,), minval=-1.0, maxval=1.0).reshape(sets, n)
        each = jax.vmap(one)(x, jax.random.normal(k_noise, (sets * n,)).reshape(sets, n))
        first = each.pop("fits")[0]
        return jax.tree.map(lambda v: v.mean(0), each) | {"fits": first[:, ::8]}

    return lab.Trial(lambda: jnp.zeros(()), finish=finish)


def lipschitz(f: Array, x: Array) -> Array:
    """The largest |f(b) − f(a)|/(b − a) between neighbors of the grid."""
    return jnp.abs(jnp.diff(f) / (x[1] - x[0])).max(-1)


def roughness(f: Array, x: Array) -> Array:
    """∫f″² by second differences."""
    h = x[1] - x[0]
    return jnp.square(jnp.diff(f, n=2) / h**2).sum(-1) * h
