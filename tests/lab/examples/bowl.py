"""Does descent reach the bottom of a bowl faster at a larger rate?

Sources: the convergence rate of descent on a quadratic, 1 − 2·rate a step.
"""

import jax
import jax.numpy as jnp
from jax import Array

from dlnotes import lab


def descent(key, *, rate: Array, width: int, steps: int, every: int) -> lab.Trial:
    """Noisy descent on ‖x‖²."""
    k_init, k_noise = lab.streams(key, "init", "noise")

    def init():
        return {"x": jax.random.normal(k_init, (width,)), "path": (jnp.zeros(()), [jnp.zeros((0, 3))])}

    def step(state, t):
        x, (path, nothing) = state["x"], state["path"]
        move = rate * (2 * x + 0.1 * jax.random.normal(jax.random.fold_in(k_noise, t), x.shape))
        new = {"x": x - move, "path": (path + jnp.linalg.norm(move), nothing)}
        return new, {"loss": jnp.sum(x**2), "t": t}

    def finish(state):
        return {"final": jnp.sum(state["x"] ** 2), "x": state["x"]}

    def probe(state, t):
        return {"norm": jnp.linalg.norm(state["x"]), "at": t}

    return lab.Trial(init, step, finish, probe, steps, every)


def draws(key, *, scale: Array) -> lab.Trial:
    """Means of ten draws."""
    return lab.Trial(lambda: jax.random.normal(key, (10,)) * scale, finish=lambda x: {"mean": x.mean()})


def product(key, *, n: int):
    """A matrix product."""
    a = jax.random.normal(key, (n, n))
    return (lambda a: {"trace": jnp.trace(a @ a)}), (a,)


def faster(results):
    final = results.descent.final.sel(width=3)
    return final.sel(rate="low") - final.sel(rate="high")


def draw(results):
    fig, axes = lab.figures.panels(1)
    lab.figures.seeds(axes[0], results.descent.loss.sel(width=3), x="step", hue="rate")
    return fig


EXPERIMENT = lab.Experiment(
    __doc__,
    studies={
        "descent": lab.Study(
            descent,
            {"rate": {"low": 0.01, "high": 0.1}, "width": (3, 5), "steps": 60, "every": 20},
            dims={"x": ("unit",)},
        ),
        "draws": lab.Study(draws, {"scale": (1.0, 2.0)}),
        "product": lab.Cost(product, {"n": (8, 64)}, repeats=12),
    },
    predictions=(
        lab.Greater("faster", "the larger rate ends lower", faster, source="this file"),
        lab.Greater(
            "dearer",
            "the larger product takes longer",
            lambda r: r.product.seconds.sel(n=64) - r.product.seconds.sel(n=8),
            source="this file",
        ),
    ),
    draw=draw,
    presets={"quick": {"seeds": 3, "steps": 8, "every": 4}},
)

if __name__ == "__main__":
    lab.main(__file__)
