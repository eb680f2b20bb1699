"""Errata on symmetries in weight space: the printed statement fails, the corrected one holds."""

import numpy as np


def test_flips_need_an_odd_activation():
    generator = np.random.default_rng(0)
    w, v, x = generator.normal(size=(3, 4)), generator.normal(size=(4, 2)), generator.normal(size=(5, 3))
    sign = np.array([1.0, -1.0, 1.0, -1.0])

    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    def relu(z):
        return np.maximum(z, 0)

    def flipped(h):
        return h(x @ (w * sign)) @ (v * sign[:, None])

    np.testing.assert_allclose(flipped(np.tanh), np.tanh(x @ w) @ v)
    for h in (sigmoid, relu):
        assert np.abs(flipped(h) - h(x @ w) @ v).max() > 0.1
    shift = v[sign < 0].sum(0)  # σ(−z) = 1 − σ(z): the flip of a sigmoid asks for a bias as well
    np.testing.assert_allclose(flipped(sigmoid) + shift, sigmoid(x @ w) @ v)
    scale = np.array([0.5, 2.0, 3.0, 1.0])  # ReLU has positive factors instead, and so infinitely many equal settings
    np.testing.assert_allclose(relu(x @ (w * scale)) @ (v / scale[:, None]), relu(x @ w) @ v)
