"""Oracles of dlnotes.nn.mlp and deep_linear: networks layer by layer in NumPy, and backpropagation as it is printed."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlnotes.nn import deep_linear, mlp, normalization

RNG = np.random.default_rng(10)
EXACT = {"rtol": 1e-12, "atol": 1e-12}
ACTIVATIONS = {
    "relu": (jax.nn.relu, lambda z: np.maximum(0, z), lambda z: (z > 0) * 1.0),
    "sigmoid": (jax.nn.sigmoid, lambda z: 1 / (1 + np.exp(-z)), lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2),
    "tanh": (jnp.tanh, np.tanh, lambda z: 1 - np.tanh(z) ** 2),
}


def network(depth, inputs, width, outputs):
    """W^[l] of the notes, outputs × inputs, and b^[l] as columns; and the same as parameters of `mlp.MLP`."""
    sizes = [inputs, *[width] * (depth - 1), outputs]
    layers = [(RNG.normal(size=(n, m)) / np.sqrt(m), RNG.normal(size=(n, 1))) for m, n in itertools.pairwise(sizes)]
    (first, *hidden, last) = [{"kernel": jnp.asarray(w.T), "bias": jnp.asarray(b[:, 0])} for w, b in layers]
    empty = {"kernel": jnp.zeros((0, width, width)), "bias": jnp.zeros((0, width))}
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *hidden) if hidden else empty
    params = {"first": {"Dense_0": first}, "hidden": {"Dense_0": stacked}, "output": last}
    return layers, {"params": params}


def forward(layers, x, g):
    """formulas 1.3.1: Z^[l] = W^[l] A^[l−1] + b^[l], A^[l] = g(Z^[l]), the last layer linear; examples in columns."""
    a, z = [x], []
    for w, b in layers:
        z.append(w @ a[-1] + b)
        a.append(g(z[-1]))
    return z, a


def backward(layers, x, y, g, g_prime):
    """formulas 1.3.2 (1.1) for sigmoid outputs under cross-entropy: [(dW, db)] of every layer."""
    z, a = forward(layers, x, g)
    y_hat, m = 1 / (1 + np.exp(-z[-1])), x.shape[1]
    da = -y / y_hat + (1 - y) / (1 - y_hat)
    dz = da * y_hat * (1 - y_hat)
    gradients = []
    for i in range(len(layers) - 1, -1, -1):
        gradients.insert(0, (dz @ a[i].T / m, dz.sum(axis=1) / m))
        if i:
            dz = (layers[i][0].T @ dz) * g_prime(z[i - 1])
    return gradients


@pytest.mark.parametrize(("name", "depth"), [("relu", 2), ("sigmoid", 3), ("tanh", 3), ("relu", 5)])
def test_forward_is_as_printed(float64, name, depth):
    activation, g, _ = ACTIVATIONS[name]
    layers, params = network(depth, 6, 4, 3)
    x = RNG.normal(size=(5, 2, 3))  # flattened to six inputs
    model = mlp.MLP(depth, 4, 3, activation)
    z, a = forward(layers, x.reshape(5, 6).T, g)
    np.testing.assert_allclose(model.apply(params, jnp.asarray(x)), z[-1].T, **EXACT)
    outputs, hidden = model.apply(params, jnp.asarray(x), method="trace")
    np.testing.assert_allclose(outputs, z[-1].T, **EXACT)
    np.testing.assert_allclose(hidden, np.stack([h.T for h in a[1:-1]]), **EXACT)


@pytest.mark.parametrize(("name", "depth"), [("relu", 2), ("sigmoid", 3), ("tanh", 4)])
def test_backward_is_as_printed(float64, name, depth):
    activation, g, g_prime = ACTIVATIONS[name]
    layers, params = network(depth, 6, 4, 3)
    x, y = RNG.normal(size=(6, 7)), RNG.integers(2, size=(3, 7)).astype(float)
    model = mlp.MLP(depth, 4, 3, activation)

    def cost(params):
        z = model.apply(params, jnp.asarray(x.T))
        return (jax.nn.softplus(z) - jnp.asarray(y.T) * z).sum() / 7

    ours, theirs = jax.grad(cost)(params)["params"], backward(layers, x, y, g, g_prime)
    hidden = ours["hidden"]["Dense_0"]
    dw = [ours["first"]["Dense_0"]["kernel"], *hidden["kernel"], ours["output"]["kernel"]]
    db = [ours["first"]["Dense_0"]["bias"], *hidden["bias"], ours["output"]["bias"]]
    for mine_w, mine_b, (their_w, their_b) in zip(dw, db, theirs, strict=True):
        np.testing.assert_allclose(mine_w.T, their_w, **EXACT)
        np.testing.assert_allclose(mine_b, their_b, **EXACT)


@pytest.mark.parametrize(("depth", "weights", "biases"), [(2, 20, 6), (3, 36, 10)])
def test_parameters_are_counted_as_in_the_figures(depth, weights, biases):
    """ee147 Neural Networks, Figures 1 and 2: 3 inputs, hidden layers of 4, 2 outputs."""
    params = mlp.MLP(depth, 4, 2).init(jax.random.key(0), jnp.ones((1, 3)))
    assert mlp.parameter_count(params) == weights + biases
    np.testing.assert_array_equal(params["params"]["output"]["bias"], np.zeros(2))


def normalized(x, gamma, beta):
    """ee147 Normalization, ε = 1e-5."""
    return gamma * (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5) + beta


@pytest.mark.parametrize("treatment", ["PLAIN", "BATCH_NORM", "NOISY_BATCH_NORM"])
def test_deep_linear_is_a_product_with_normalization_between(float64, treatment):
    layers, width, batch = 4, 5, 9
    kernel = RNG.normal(size=(layers, width, width))
    gamma, beta, x = RNG.normal(size=(3, width)), RNG.normal(size=(3, width)), RNG.normal(size=(batch, width))
    m, s = RNG.normal(size=(2, 3, batch, width))
    params = deep_linear.DeepLinear(*map(jnp.asarray, (kernel, gamma, beta)))
    noise = normalization.Noise(jnp.asarray(m), jnp.asarray(s))
    ours, hidden = deep_linear.apply(params, jnp.asarray(x), getattr(normalization, treatment), noise)
    h, between = x, []
    for i in range(layers - 1):
        h = h @ kernel[i]
        h = h + beta[i] if treatment == "PLAIN" else normalized(h, gamma[i], beta[i])
        h = s[i] * h + m[i] if treatment == "NOISY_BATCH_NORM" else h
        between.append(h)
    np.testing.assert_allclose(hidden, between, **EXACT)
    np.testing.assert_allclose(ours, h @ kernel[-1], **EXACT)


def test_plain_deep_linear_without_offsets_is_the_product_of_its_matrices(float64):
    params = deep_linear.init(jax.random.key(1), 6, 4)
    x = RNG.normal(size=(3, 4))
    ours, _ = deep_linear.apply(params, jnp.asarray(x), normalization.PLAIN)
    kernel = np.asarray(params.kernel, np.float64)
    np.testing.assert_allclose(
        ours, x @ np.linalg.multi_dot(list(kernel)), rtol=1e-5, atol=1e-6
    )  # kernels may be float32


@pytest.mark.parametrize("variance", [1.0, 2.5])
def test_deep_linear_draws_have_variance_over_width(variance):
    params = deep_linear.init(jax.random.key(2), 7, 60, variance)
    w = np.asarray(params.kernel, np.float64)
    np.testing.assert_allclose(w.var(), variance / 60, rtol=5 * np.sqrt(2 / w.size))
    assert abs(w.mean()) < 5 * np.sqrt(variance / 60 / w.size)
    np.testing.assert_array_equal(params.scale, np.ones((6, 60)))
    np.testing.assert_array_equal(params.offset, np.zeros((6, 60)))


def test_layers_are_numbered_from_zero():
    numbers = deep_linear.layer_numbers(deep_linear.init(jax.random.key(3), 4, 2))
    np.testing.assert_array_equal(numbers.kernel, [0, 1, 2, 3])
    np.testing.assert_array_equal(numbers.scale, [0, 1, 2])
    np.testing.assert_array_equal(numbers.offset, [0, 1, 2])


def test_drawn_noise_is_the_published_shift_for_each_layer():
    noise = deep_linear.draw_noise(jax.random.key(4), 3, 500, 40)
    assert noise.m.shape == noise.s.shape == (3, 40, 500)
    unit = np.asarray(noise.m, np.float64).mean(axis=1)
    # 1500 means of U(−½, ½): their variance is known to √(0.8/1500) = 2.3 %; layers must not share them.
    np.testing.assert_allclose(unit.var(), 1 / 12, rtol=0.12)
    assert np.abs(np.corrcoef(unit) - np.eye(3)).max() < 5 / np.sqrt(500)
    np.testing.assert_allclose(np.asarray(noise.s, np.float64).mean(), 1.125, atol=0.02)
