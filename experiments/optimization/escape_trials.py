"""What is measured of momentum over ridges, plateaus and ripples: a function for each study of `momentum_escapes`."""

import jax
import jax.numpy as jnp
import optax
from jax import Array

from dlnotes import lab
from dlnotes.maths import quadratics
from dlnotes.optim import momentum as moving


def well(
    key: Array, *, barrier: Array, stiffness: Array, momentum: Array, drop: float, starts: int, steps: int
) -> lab.Trial:
    """Two wells of curvature 1, from rest at −1 … 0: who comes over the ridge at `barrier`, and who stays there."""
    method = moving.sgd(stiffness, momentum)
    slope = jax.vmap(jax.grad(lambda x: quadratics.two_wells(x, barrier, drop)))

    def finish(start):
        def go(state, _):
            x, own, passed = state
            update, own = method.update(slope(x), own)
            x = optax.apply_updates(x, update)
            return (x, own, passed | (x > barrier)), None

        first = (start, method.init(start), jnp.zeros(starts, bool))
        (x, _, passed), _ = jax.lax.scan(go, first, None, length=steps)
        return {"begin": start, "passed": passed, "ends_lower": x > barrier}

    return lab.Trial(lambda: -jax.random.uniform(key, (starts,)), finish=finish)


def plateau(
    key: Array, *, entry: Array, floor: Array, width: Array, momentum: Array, averaged: Array, cap: int
) -> lab.Trial:
    """Down a slope of 1 onto a stretch of slope `floor`, from rest at −entry and less than a step before; rate 1."""
    method = moving.sgd(1.0, momentum, moving.Convention(0.0, averaged))

    def finish(start):
        def on(loop):
            x, _, total, _, _ = loop
            return (x < width) & (total < cap)

        def go(loop):
            x, own, total, across, pushes = loop
            gradient = jnp.where(x < 0, -1.0, -floor)
            update, own = method.update(gradient, own)
            return x + update, own, total + 1, across + (x >= 0), pushes - gradient

        zero = jnp.zeros((), jnp.int32)
        x, _, _, across, pushes = jax.lax.while_loop(on, go, (start, method.init(start), zero, zero, 0 * start))
        return {"steps": across, "crossed": x >= width, "way": x - start, "pushes": pushes}

    return lab.Trial(lambda: jnp.where(entry > 0, -entry - jax.random.uniform(key), 0.0), finish=finish)


def ripples(
    key: Array, *, depth: Array, momentum: Array, log10_rate: Array, coordinates: int, steps: int, settle: int
) -> lab.Trial:
    """Σ ½xᵢ² + ½h(1 − cos 2πxᵢ) from uniform starts in ±5; then plain descent to the bottom of the well at hand.

    The rate is in units of 1/L, L = 1 + 2π²h the largest curvature. Losses are means over coordinates.
    """
    largest = 1 + 2 * jnp.pi**2 * depth
    method = moving.sgd(10.0**log10_rate / largest, momentum)

    def loss(x):
        return jnp.mean(0.5 * x**2 + 0.5 * depth * (1 - jnp.cos(2 * jnp.pi * x)))

    def slope(x):
        return coordinates * jax.grad(loss)(x)

    def finish(start):
        def go(state, _):
            x, own = state
            update, own = method.update(slope(x), own)
            return (x + update, own), None

        (x, _), _ = jax.lax.scan(go, (start, method.init(start)), None, length=steps)
        x = jax.lax.fori_loop(0, settle, lambda _, x: x - 0.5 / largest * slope(x), x)
        good = jnp.isfinite(x).all() & (loss(x) < loss(start))
        end = jnp.where(good, x, start)
        return {"loss": loss(end), "lowest": jnp.mean(jnp.abs(end) < 0.5)}

    return lab.Trial(lambda: jax.random.uniform(key, (coordinates,), minval=-5.0, maxval=5.0), finish=finish)
