"""Steps along the gradient on quadratics and networks, and descent on inputs that are scaled in several ways."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from dlnotes import lab
from dlnotes.classical import pca
from dlnotes.data import images
from dlnotes.maths import derivatives, quadratics
from dlnotes.nn.mlp import MLP

ACTIVATIONS = {"ReLU": jax.nn.relu, "softplus": jax.nn.softplus, "tanh": jnp.tanh, "sigmoid": jax.nn.sigmoid}
TIMES = tuple(2.0**k for k in range(-5, 4))  # steps, in units of ε*
SHARES = tuple(2.0**-k for k in range(7, -1, -1))  # of the loss that a step is to take away, to first order
SCALED = ("raw", "centered", "standardized", "whitened")
NULL = 1e-10  # eigenvalues below this share of the largest are 0: directions without data


def quadratic(key: Array, *, condition: Array, n: int) -> lab.Trial:
    """f(x) − f(x − εg) over ½ε*·gᵀg for several ε/ε*, and the best ε/ε* on a fine grid."""
    k_axes, k_start = lab.streams(key, "axes", "start")
    matrix, _ = quadratics.random_quadratic(k_axes, condition, n)

    def fun(x):
        return quadratics.quadratic(matrix, x)

    def finish(x):
        along = derivatives.along_descent(fun, x)
        best = derivatives.optimal_step_size(along)
        gradient = jax.grad(fun)(x)

        def gain(times):
            return (fun(x) - fun(x - times * best * gradient)) / (0.5 * best * along.slope)

        grid = jnp.linspace(0.0, 2.0, 401)
        return {
            "gain": jax.vmap(gain)(jnp.array(TIMES)),
            "uphill": jnp.mean(jax.vmap(gain)(jnp.linspace(2.01, 4.0, 50)) < 0),
            "best_times": grid[jnp.argmax(jax.vmap(gain)(grid))],
        }

    return lab.Trial(lambda: jax.random.normal(k_start, (n,)), finish=finish)


def network(
    key: Array, data: images.Images, *, activation: Array, trained: Array, width: int, depth: int, examples: int,
    rate: float, dataset: str = "digits",
) -> lab.Trial:  # fmt: skip
    """How far a step lowers the loss of a network on digits, against what first and second order promise."""
    k_sample, k_init = lab.streams(key, "sample", "init")
    chosen = jax.random.randint(k_sample, (examples,), 0, len(data.train_labels))
    x = jnp.asarray(data.train_images)[chosen].astype(jnp.float64)
    labels = jnp.asarray(data.train_labels)[chosen]
    choices = tuple(ACTIVATIONS.values())
    net = MLP(depth, width, 10, lambda z: jax.lax.switch(activation, choices, z))

    def loss(params):
        return optax.softmax_cross_entropy_with_integer_labels(net.apply(params, x), labels).mean()

    def finish(params):
        descend = jax.grad(loss)
        params = jax.lax.fori_loop(0, trained, lambda _, p: optax.tree.add_scale(p, -rate, descend(p)), params)
        gradient, along, height = descend(params), derivatives.along_descent(loss, params), loss(params)
        best = derivatives.optimal_step_size(along)

        def lowered(step):
            return height - loss(optax.tree.add_scale(params, -step, gradient))

        steps = jnp.array(TIMES) * best
        shares = jnp.array(SHARES) * height / along.slope
        return {
            "lowered": jax.vmap(lowered)(steps),
            "promised": derivatives.taylor_decrease(along, steps),
            "kept": jax.vmap(lowered)(shares) / (shares * along.slope),
            "height": height,
        }

    def init():
        return jax.tree.map(lambda leaf: leaf.astype(jnp.float64), net.init(k_init, x[:2]))

    return lab.Trial(init, finish=finish)


def table(dataset: str) -> tuple[np.ndarray, np.ndarray]:
    """Features of one of scikit-learn's data sets, in their own units, and its labels as one-hot vectors."""
    from sklearn import datasets

    x, labels = getattr(datasets, f"load_{dataset}")(return_X_y=True)
    return np.asarray(x, np.float64), np.eye(labels.max() + 1)[labels]


def scaled(x: Array) -> Array:
    """The same inputs in each way of `SCALED`; features that do not vary become 0 where they are divided."""
    centered = x - x.mean(0)[None]
    deviation = centered.std(0)
    varies = deviation > 0
    standard = centered * jnp.where(varies, 1 / jnp.where(varies, deviation, 1.0), 0.0)[None]
    axes = pca.fit(centered, min(x.shape))
    kept = axes.variances > NULL * axes.variances[0]
    white = pca.transform(axes, centered) * jnp.where(kept, axes.variances**-0.5, 0.0)[None]
    return jnp.stack([x, centered, standard, white])


def steps_until(left: float, rates: Array, shares: Array) -> Array:
    """The first t with Σᵢ shareᵢ(1 − rateᵢ)²ᵗ ≤ left·Σᵢ shareᵢ: shares of the excess along axes, 0 < rate ≤ 1."""
    log_kept = 2 * jnp.log1p(-jnp.minimum(rates, 1 - 1e-16))

    def narrow(_, ends):
        low, high = ends
        middle = jnp.floor((low + high) / 2)
        enough = jnp.sum(shares * jnp.exp(middle * log_kept)) <= left * jnp.sum(shares)
        return jnp.where(enough, low, middle), jnp.where(enough, middle, high)

    return jax.lax.fori_loop(0, 52, narrow, (jnp.zeros(()), jnp.asarray(2.0**50)))[1]


def inputs(key: Array, data: tuple[np.ndarray, np.ndarray], *, dataset: str, examples: int, left: float) -> lab.Trial:
    """Linear least squares with a bias: κ of its Hessian, and steps of descent at the rate 1/λₘₐₓ to a small excess.

    Along an axis of the Hessian t steps from 0 leave (1 − λ/λₘₐₓ)ᵗ of the way: t is found from that, not counted.
    Directions without data are left out.
    """
    table, labels = (jnp.asarray(array) for array in data)
    chosen = jax.random.randint(key, (examples,), 0, table.shape[0])
    targets = labels[chosen]

    def descend(x):
        x = jnp.concatenate([x, jnp.ones((examples, 1))], axis=1)
        values, axes = jnp.linalg.eigh(x.T @ x / examples)
        seen = values > NULL * values[-1]
        pull = jnp.sum((axes.T @ (x.T @ targets / examples)) ** 2, axis=1)
        excess = jnp.where(seen, pull / jnp.where(seen, values, 1.0), 0.0)
        return {
            "steps": steps_until(left, jnp.where(seen, values / values[-1], 1.0), excess),
            "condition": values[-1] / jnp.min(jnp.where(seen, values, jnp.inf)),
        }

    return lab.Trial(lambda: scaled(table[chosen]), finish=jax.vmap(descend))
