"""Trials of `linear_limits`: lines across four points, classifiers of two shapes, stacks of layers, a hidden layer."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from dlnotes import lab
from dlnotes.classical import perceptron
from dlnotes.nn.mlp import MLP, Affine, from_layers

SQUARE = jnp.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
XOR, OR = jnp.array([-1.0, 1.0, 1.0, -1.0]), jnp.array([-1.0, 1.0, 1.0, 1.0])
MODELS = ("line", "linear stack", "hidden layer", "polar line")
WIDEST = 16
PASSES = 500


def lines(key: Array, *, count: int) -> lab.Trial:
    """Random lines across the unit square: how many of XOR's points the best has right, which labellings occur."""
    k_normal, k_shift, k_start = jax.random.split(key, 3)
    normal = jax.random.normal(k_normal, (2 * count,)).reshape(count, 2)
    through = jax.random.uniform(k_shift, (2 * count,), minval=-0.5, maxval=1.5).reshape(count, 2)
    sides = jnp.sign(normal @ SQUARE.T - (normal * through).sum(1)[:, None])

    def finish(_):
        codes = ((sides > 0) @ (2 ** jnp.arange(4))).astype(int)
        order = jax.random.permutation(k_start, 4)
        runs = {name: perceptron.fit(SQUARE[order], signs[order], PASSES) for name, signs in (("xor", XOR), ("or", OR))}
        return {
            "most_right": (sides == XOR[None]).sum(1).max(),
            "labellings": (jnp.zeros(16).at[codes].set(1.0)).sum(),
            "xor_mistakes": runs["xor"].mistakes,
            "or_mistakes": runs["or"].mistakes,
        }

    return lab.Trial(lambda: jnp.zeros(()), finish=finish)


def shape(key: Array, rings: Array, examples: int) -> tuple[Array, Array]:
    """Points and labels 0 or 1: clusters at the corners of a square, its diagonals alike; or a ring within a ring."""
    k_noise, k_angle, k_corner = jax.random.split(key, 3)
    corner = jax.random.randint(k_corner, (examples,), 0, 4)
    noise = 0.3 * jax.random.normal(k_noise, (2 * examples,)).reshape(examples, 2)
    corners, angle = 2 * SQUARE[corner] - 1 + noise, jax.random.uniform(k_angle, (examples,), maxval=2 * jnp.pi)
    inner = corner % 2
    radius = 1.0 + inner + noise[:, 0] / 2
    ring = radius[:, None] * jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=1)
    labels = jnp.where(rings > 0, inner, (XOR > 0).astype(int)[corner])
    return jnp.where(rings > 0, ring, corners), labels


def polar(x: Array) -> Array:
    """(x₁, x₂) as (r, θ)."""
    return jnp.stack([jnp.linalg.norm(x, axis=1), jnp.arctan2(x[:, 1], x[:, 0])], axis=1)


def shapes(key: Array, *, rings: Array, examples: int, steps: int) -> lab.Trial:
    """Test accuracy and training loss of four models on one of the shapes."""
    k_train, k_test, k_init = lab.streams(key, "train", "test", "init")
    (x, labels), (test_x, test_labels) = (shape(k, rings, examples) for k in (k_train, k_test))
    stack, hidden = MLP(3, WIDEST, 2, activation=lambda h: h), MLP(2, WIDEST, 2)
    zeros = Affine(jnp.zeros((2, 2)), jnp.zeros(2))

    def line(params, x):
        return x @ params.kernel + params.bias[None]

    models = {
        "line": (zeros, line),
        "linear stack": (stack.init(k_init, x), stack.apply),
        "hidden layer": (hidden.init(k_init, x), hidden.apply),
        "polar line": (zeros, lambda params, x: line(params, polar(x))),
    }

    def finish(_):
        ends = [train(*models[name], x, labels, steps) for name in MODELS]
        scores = [models[name][1](params, test_x) for name, (params, _) in zip(MODELS, ends, strict=True)]
        right = [(each.argmax(1) == test_labels).mean() for each in scores]
        return {"accuracy": jnp.stack(right), "loss": jnp.stack([loss for _, loss in ends])}

    return lab.Trial(lambda: jnp.zeros(()), finish=finish)


def train(params, apply, x: Array, labels: Array, steps: int):
    """Full-batch Adam: parameters and training loss at the end."""
    optimizer = optax.adam(optax.cosine_decay_schedule(0.03, steps))

    def loss(params):
        return optax.softmax_cross_entropy_with_integer_labels(apply(params, x), labels).mean()

    def step(carry, _):
        params, state = carry
        updates, state = optimizer.update(jax.grad(loss)(params), state)
        return (optax.apply_updates(params, updates), state), None

    params = jax.lax.scan(step, (params, optimizer.init(params)), length=steps)[0][0]
    return params, loss(params)


def stack(key: Array, *, width: int, depth: int) -> lab.Trial:
    """A stack of random linear layers less the one layer W = W_L⋯W₁, b = b_L + W_L b_{L−1} + …, relative."""
    numbers = jax.random.normal(key, (depth * width * (width + 1) + 64 * width,))
    weights, biases, x = jnp.split(numbers, [depth * width**2, depth * width * (width + 1)])
    weights, biases = weights.reshape(depth, width, width) / jnp.sqrt(width), biases.reshape(depth, width)
    layers, x = [Affine(*pair) for pair in zip(weights, biases, strict=True)], x.reshape(64, width)

    def finish(_):
        deep = MLP(depth, width, width, activation=lambda h: h).apply(from_layers(layers), x)
        one = layers[0]
        for after in layers[1:]:
            one = Affine(one.kernel @ after.kernel, one.bias @ after.kernel + after.bias)
        flat = x @ one.kernel + one.bias[None]
        return {"difference": jnp.linalg.norm(deep - flat) / jnp.linalg.norm(flat)}

    return lab.Trial(lambda: jnp.zeros(()), finish=finish)


class Curve(NamedTuple):
    """f(x) = Σ aᵢ sin(ωᵢx + φᵢ)."""

    amplitude: Array
    frequency: Array
    phase: Array


def value(curve: Curve, x: Array) -> Array:
    """f at every x."""
    return jnp.sin(x[:, None] * curve.frequency[None] + curve.phase[None]) @ curve.amplitude


class Net(NamedTuple):
    """y = Σⱼ vⱼ·max(0, wⱼx + bⱼ) + c."""

    w: Array
    b: Array
    v: Array
    c: Array


def output(net: Net, x: Array) -> Array:
    """y at every x."""
    return jax.nn.relu(x[:, None] * net.w[None] + net.b[None]) @ net.v + net.c


def interpolating(curve: Curve, width: Array, most: int) -> Net:
    """The net of `width` ReLUs that equals f at width + 1 even points of [−1, 1]: each knot changes the slope."""
    j = jnp.arange(most)
    step = 2 / width
    knots, ends = -1 + j * step, value(curve, -1 + jnp.arange(most + 1) * step)
    slope = (ends[1:] - ends[:-1]) / step
    change = jnp.where(j < width, slope - jnp.concatenate([jnp.zeros(1), slope[:-1]]), 0.0)
    return Net(jnp.ones(most), -knots, change, ends[0])


def approximation(key: Array, *, width: Array, most: int, points: int, few: int, steps: int) -> lab.Trial:
    """Largest errors on [−1, 1] of nets of one width: built, trained on many exact values, trained on few noisy ones.

    "outside" is the built net's on [1, 2].
    """
    k_amplitude, k_phase, k_init, k_few, k_noise = jax.random.split(key, 5)
    curve = Curve(
        jax.random.normal(k_amplitude, (3,)), jnp.array([2.0, 4.0, 6.0]), 2 * jnp.pi * jax.random.uniform(k_phase, (3,))
    )
    grid = jnp.linspace(-1.0, 1.0, points)
    some = jax.random.uniform(k_few, (few,), minval=-1.0, maxval=1.0)
    noisy = value(curve, some) + 0.3 * jax.random.normal(k_noise, (few,))
    here = (jnp.arange(most) < width).astype(grid.dtype)
    k_w, k_knot, k_v = jax.random.split(k_init, 3)
    w = jnp.sign(jax.random.normal(k_w, (most,)))
    begin = Net(
        w, w * jax.random.uniform(k_knot, (most,), minval=-1.0, maxval=1.0),
        jax.random.normal(k_v, (most,)) / jnp.sqrt(width), jnp.zeros(()),
    )  # fmt: skip

    def masked(net):
        return net._replace(v=net.v * here)

    def fitted(x, y):
        optimizer = optax.adam(optax.cosine_decay_schedule(0.02, steps))

        def step(carry, _):
            net, state = carry
            gradient = jax.grad(lambda net: jnp.mean((output(masked(net), x) - y) ** 2))(net)
            updates, state = optimizer.update(gradient, state)
            return (optax.apply_updates(net, updates), state), None

        return masked(jax.lax.scan(step, (begin, optimizer.init(begin)), length=steps)[0][0])

    def worst(net, x):
        return jnp.abs(output(net, x) - value(curve, x)).max()

    def finish(_):
        fine = jnp.linspace(-1.0, 1.0, 4 * points + 1)
        built = interpolating(curve, width, most)
        return {
            "built": worst(built, fine),
            "outside": worst(built, fine / 2 + 1.5),
            "trained": worst(fitted(grid, value(curve, grid)), fine),
            "few": worst(fitted(some, noisy), fine),
        }

    return lab.Trial(lambda: jnp.zeros(()), finish=finish)
