"""Errata on initialization: the printed statement fails, the corrected one holds."""

from itertools import pairwise

import numpy as np

RNG = np.random.default_rng


def normal(seed: int, *shape: int, variance: float = 1.0) -> np.ndarray:
    """Draws from N(0, variance)."""
    return RNG(seed).normal(size=shape) * np.sqrt(variance)


def relu_second_moments(widths: list[int], variance) -> list[float]:
    """E z² of each layer's pre-activations, averaged over 200 networks; `variance(n_in, n_out)` is that of a weight."""
    moments = np.zeros(len(widths) - 1)
    for seed in range(200):
        rng, activation = RNG(seed), RNG(1000 + seed).normal(size=widths[0])
        for layer, (n_in, n_out) in enumerate(pairwise(widths)):
            z = rng.normal(size=(n_out, n_in)) @ activation * np.sqrt(variance(n_in, n_out))
            moments[layer] += (z**2).mean() / 200
            activation = np.maximum(z, 0)
    return moments.tolist()


def test_e6_one_over_root_d_is_the_standard_deviation():
    d = 400
    inputs = normal(0, d, 2000)
    printed = normal(1, 300, d, variance=1 / np.sqrt(d)) @ inputs
    right = normal(1, 300, d, variance=1 / d) @ inputs
    assert abs(right.var() - 1) < 0.02
    assert abs(printed.var() / np.sqrt(d) - 1) < 0.02  # 20 times too large


def test_e20_he_keeps_the_forward_scale_by_fan_in_alone():
    square = relu_second_moments([128] * 5, lambda n_in, n_out: 4 / (n_in + n_out))
    assert abs(square[-1] / square[0] - 1) < 0.1  # n_in = n_out: the two are one
    narrow = [512, 128, 32, 8]
    fan_in = relu_second_moments(narrow, lambda n_in, n_out: 2 / n_in)
    average = relu_second_moments(narrow, lambda n_in, n_out: 4 / (n_in + n_out))
    assert abs(fan_in[-1] / fan_in[0] - 1) < 0.2
    assert abs(average[-1] / average[0] / 1.6**2 - 1) < 0.2  # times 2 n_in/(n_in + n_out) a layer


def test_e21_the_printed_xavier_halves_the_variance_of_every_layer():
    n, layers = 256, 10
    gains = {"printed": 1 / (2 * n), "glorot": 2 / (2 * n)}
    left = {}
    for name, variance in gains.items():
        h = normal(0, n, 64)
        for layer in range(layers):
            h = normal(layer + 1, n, n, variance=variance) @ h
        left[name] = h.var()
    assert abs(left["glorot"] - 1) < 0.25
    assert abs(left["printed"] * 2**layers - 1) < 0.25


def test_relu_halves_the_second_moment_not_the_variance():
    z = normal(0, 4_000_000)
    activation = np.maximum(z, 0)
    assert abs((activation**2).mean() - 0.5) < 2e-3
    assert abs(activation.var() - (0.5 - 0.5 / np.pi)) < 2e-3  # 0.341
    assert abs(activation.var() - 0.5) > 0.15
    first, second = relu_second_moments([256] * 3, lambda n_in, n_out: 2 / n_in)
    assert abs(second / first - 1) < 0.1  # σ²_w = 2/D keeps E z² as it was before the ReLU, it does not halve it


def test_xavier_kills_no_relu_that_he_keeps():
    n, depth = 64, 30
    xavier = he = normal(0, n, 50)
    for layer in range(depth):
        draws = normal(layer + 1, n, n)
        xavier = np.maximum(draws * np.sqrt(1 / n) @ xavier, 0)
        he = np.maximum(draws * np.sqrt(2 / n) @ he, 0)
        np.testing.assert_array_equal(xavier == 0, he == 0)
    np.testing.assert_allclose(xavier * 2.0 ** (depth / 2), he, rtol=1e-10)


def test_gradient_variance_is_equal_between_layers_by_fan_out():
    """What the garbled condition means, var(∇ of layer i) = var(∇ of layer j), asks for 1/n_out; 1/n_in misses it."""
    widths = [64, 128, 256, 512]
    left = {}
    for name in ("fan_in", "fan_out"):
        ratios = []
        for seed in range(100):
            gradient = normal(seed, widths[-1])
            for n_in, n_out in zip(widths[-2::-1], widths[:0:-1], strict=True):
                variance = 1 / (n_in if name == "fan_in" else n_out)
                gradient = normal(7 * seed + n_in, n_out, n_in, variance=variance).T @ gradient
            ratios.append(gradient.var())
        left[name] = np.mean(ratios)
    assert abs(left["fan_out"] - 1) < 0.1
    assert abs(left["fan_in"] / 8 - 1) < 0.1  # n_out/n_in = 2 in each of three layers


def test_zero_biases_zero_half_the_activations_but_kill_no_unit():
    weights, inputs = normal(0, 4096, 64), normal(1, 64, 2000)
    z = weights @ inputs / np.sqrt(32)
    assert abs((z <= 0).mean() - 0.5) < 0.005
    assert not (z <= 0).all(axis=1).any()
    assert 0.46 < (z + 0.1 <= 0).mean() < 0.49  # and a bias of 0.1 hardly changes that


def test_singular_values_not_eigenvalues_keep_gradients():
    jacobian = np.array([[1.0, 10.0], [0.0, 1.0]])
    np.testing.assert_allclose(np.linalg.eigvals(jacobian), 1)
    np.testing.assert_allclose(np.linalg.norm(np.linalg.matrix_power(jacobian, 10), 2), 100, rtol=1e-3)
    orthogonal, _, _ = np.linalg.svd(normal(0, 8, 8))
    np.testing.assert_allclose(np.linalg.svd(np.linalg.matrix_power(orthogonal, 10))[1], 1)


def test_xavier_does_not_cure_sigmoid():
    def gradient_scale(activation, slope) -> float:
        n, depth = 256, 20
        h, chain = normal(0, n, 20), []
        for layer in range(depth):
            weights = normal(layer + 1, n, n, variance=1 / n)
            z = weights @ h
            h = activation(z)
            chain.append((weights, slope(z)))
        gradient = normal(99, n, 20)
        for weights, local in reversed(chain):
            gradient = weights.T @ (gradient * local)
        return float(gradient.std())

    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    assert gradient_scale(sigmoid, lambda z: sigmoid(z) * (1 - sigmoid(z))) < 1e-11
    assert gradient_scale(np.tanh, lambda z: 1 - np.tanh(z) ** 2) > 0.03
