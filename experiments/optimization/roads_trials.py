"""What is measured of many starts on one convex and one other loss: a function for each study of `roads_to_rome`."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from newton_trials import inputs

from dlnotes import lab
from dlnotes.data import images
from dlnotes.optim.minimize import minimize

SAME = 1e-4  # ends whose losses differ by more are different ends


def network(x: Array, signs: Array, penalty: float, hidden: int) -> tuple[Callable[[Array], Array], int]:
    """The mean NLL of θ plus ½λ‖θ‖², and the length of θ: a layer of tanh units, or logistic regression if hidden = 0.

    NLL = log(1 + exp(−yz)), y = ±1, with the logit z.
    """
    size = x.shape[1] * hidden

    def loss(theta):
        h = x
        if hidden:
            units = jnp.tanh(x @ theta[:size].reshape(-1, hidden))
            h = jnp.concatenate([units, jnp.ones((x.shape[0], 1))], axis=1)
        return jnp.mean(jax.nn.softplus(-signs * (h @ theta[size:]))) + 0.5 * penalty * jnp.sum(theta**2)

    return loss, size + (hidden + 1 if hidden else x.shape[1])


def descend(loss: Callable, theta: Array, rate: Array, steps: int) -> tuple[Array, Array]:
    """The end of gradient descent and the losses before each step."""

    def step(theta, _):
        value, g = jax.value_and_grad(loss)(theta)
        return theta - rate * g, value

    return jax.lax.scan(step, theta, length=steps)


def speed_up(losses: Array) -> Array:
    """How many times as fast as before a loss falls later on: the most of (Lₗ − Lₗ₊₁)/(Lₖ − Lₖ₊₁), l > k.

    Falls below 1e-10 count as that: at the end there is only rounding.
    """
    fall = jnp.maximum(-jnp.diff(losses), 1e-10)
    return jnp.max(fall[1:] / jax.lax.cummin(fall)[:-1])


def shown(steps: int, points: int) -> np.ndarray:
    """The steps before which the curve is kept, about as many at each size."""
    return np.unique(np.geomspace(1, steps, points).astype(int)) - 1


def starts(
    key: Array, data: images.Images, *, scale: Array, rate: Array, hidden: int, count: int, examples: int, pixels: int,
    penalty: float, steps: int, points: int, dataset: str = "digits",
) -> lab.Trial:  # fmt: skip
    """Descent from many starts N(0, scale²) on one bootstrap sample, odd digits against even; then L-BFGS."""
    k_sample, k_start = lab.streams(key, "sample", "start")
    index = jax.random.randint(k_sample, (examples,), 0, data.train_labels.shape[0])
    x = inputs(data.train_images[index], pixels)
    loss, n = network(x, jnp.where(jnp.asarray(data.train_labels)[index] % 2 == 1, 1.0, -1.0), penalty, hidden)

    def go(theta):
        after, losses = descend(loss, theta, rate, steps)
        end = minimize(loss, after, "l-bfgs", tol=1e-7, max_iters=3000)
        return {
            "first": losses[0],
            "descended": loss(after),
            "end": end.fun,
            "solved": end.success,
            "curvature": jnp.linalg.eigvalsh(jax.hessian(loss)(end.x))[0],
            "speed_up": speed_up(losses),
            "curve": losses[shown(steps, points)],
        }, end.x

    def finish(begin):
        measures, ends = jax.lax.map(go, begin)
        levels = jnp.sort(measures["end"])
        return measures | {
            "different_ends": 1 + jnp.sum(jnp.diff(levels) > SAME),
            "apart": jnp.max(jnp.linalg.norm(ends - ends[:1], axis=1)) / jnp.linalg.norm(ends[0]),
        }

    return lab.Trial(lambda: scale * jax.random.normal(k_start, (count * n,)).reshape(count, n), finish=finish)


def zeros_and_ones(dataset: str) -> images.Images:
    """The images of the first two classes."""
    data = images.load(dataset)
    train, test = data.train_labels < 2, data.test_labels < 2
    return images.Images(
        data.train_images[train], data.train_labels[train], data.test_images[test], data.test_labels[test]
    )


def separable(
    key: Array, data: images.Images, *, rate: Array, examples: int, pixels: int, decades: int, dataset: str = "digits",
) -> lab.Trial:  # fmt: skip
    """‖w‖ and NLL of logistic regression after 1, 10, 100, … steps of descent from 0, on zeros against ones, λ = 0."""
    index = jax.random.randint(key, (examples,), 0, data.train_labels.shape[0])
    signs = jnp.where(jnp.asarray(data.train_labels)[index] == 1, 1.0, -1.0)
    loss, n = network(inputs(data.train_images[index], pixels), signs, 0.0, 0)

    def finish(theta):
        norms, losses = [], []
        for decade in range(decades + 1):
            steps = 10**decade - (10 ** (decade - 1) if decade else 0)
            theta = jax.lax.fori_loop(0, steps, lambda _, w: w - rate * jax.grad(loss)(w), theta)
            norms, losses = [*norms, jnp.linalg.norm(theta)], [*losses, loss(theta)]
        return {"length": jnp.stack(norms), "loss": jnp.stack(losses)}

    return lab.Trial(lambda: jnp.zeros(n), finish=finish)
