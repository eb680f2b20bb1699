"""What is measured of momentum on quadratics: a function for each study of `momentum_damps_oscillation`."""

import jax
import jax.numpy as jnp
import optax
from jax import Array

from dlnotes import lab
from dlnotes.maths import quadratics
from dlnotes.optim import momentum as moving


def flips(before: Array, after: Array) -> Array:
    """Whether the sign changed; a path that stops at exactly 0 on its way is counted once."""
    return (before >= 0) != (after >= 0)


def along_steep(key: Array, *, stiffness: Array, momentum: Array, steps: int, shown: int) -> lab.Trial:
    """One axis of curvature 1 from rest; `stiffness` is ελ."""
    method = moving.sgd(stiffness, momentum)

    def finish(start):
        def go(state, _):
            x, own = state
            update, own = method.update(x, own)
            return (x + update, own), x + update

        path = jax.lax.scan(go, (start, method.init(start)), None, length=steps)[1] / start
        path = jnp.concatenate([jnp.ones(1), path])
        return {
            "sign_changes": jnp.mean(flips(path[:-1], path[1:])),
            "zigzag": jnp.abs(jnp.diff(path)).sum(),
            "path": path[:shown],
        }

    return lab.Trial(lambda: jax.random.normal(key, ()), finish=finish)


def valley(key: Array, *, condition: Array, momentum: Array, rate: Array, axes: int, cap: int) -> lab.Trial:
    """Down a quadratic to a thousandth of the distance; `rate` is a share of the largest stable rate.

    Written along the axes: turning all coordinates turns every iterate with them.
    """
    curvature = quadratics.log_spectrum(condition, axes) / condition
    method = moving.sgd(rate * 2 * (1 + momentum), momentum)

    def finish(start):
        def on(loop):
            x, _, steps, _ = loop
            return (jnp.linalg.norm(x) > 1e-3 * jnp.linalg.norm(start)) & (steps < cap)

        def go(loop):
            x, own, steps, changes = loop
            update, own = method.update(curvature * x, own)
            return x + update, own, steps + 1, changes + flips(x[-1], (x + update)[-1])

        zero = jnp.zeros((), jnp.int32)
        _, _, steps, changes = jax.lax.while_loop(on, go, (start, method.init(start), zero, zero))
        return {"steps": steps, "sign_changes": changes}

    return lab.Trial(lambda: jax.random.normal(key, (axes,)), finish=finish)


def noisy(
    key: Array, *, stiffness: Array, momentum: Array, averaged: Array, coordinates: int, steps: int, wait: int
) -> lab.Trial:
    """What noise N(0, 1) in every gradient x + ξ leaves of many coordinates; and the last of 2000 equal gradients."""
    method = moving.sgd(stiffness, momentum, moving.Convention(0.0, averaged))

    def finish(start):
        def go(state, t):
            x, own = state
            gradient = x + jax.random.normal(jax.random.fold_in(key, t), (coordinates,))
            update, own = method.update(gradient, own)
            x = optax.apply_updates(x, update)
            return (x, own), jnp.mean(x**2)

        variance = jax.lax.scan(go, (start, method.init(start)), jnp.arange(steps))[1][wait:].mean()
        one = jnp.ones(())

        def push(own, _):
            update, own = method.update(one, own)
            return own, update

        last = jax.lax.scan(push, method.init(one), None, length=2000)[1][-1]
        return {"variance": variance, "gain": -last / stiffness}

    return lab.Trial(lambda: jnp.zeros(coordinates), finish=finish)
