"""The notes' gradients of whole layers, beside what JAX says; examples are columns, as the formula sheet has them.

Sources: ee147 Backpropagation (figure 16), Neural Networks, Discussion: Neural Network Review; formulas 1.2, 1.3 and
2.2.2; dlbook 2.4.1 (10.18) to (10.28), with the order of factors put right.
"""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlnotes.nn import mlp

pytestmark = pytest.mark.usefixtures("float64")
RNG = np.random.default_rng(182)


def same(found, by_hand):
    np.testing.assert_allclose(found, by_hand, rtol=1e-11, atol=1e-12)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def test_a_relu_layer():
    """c = W hᵢ, a = c + b, h = ReLU(a): ∂L/∂a = 1(a > 0) ⊙ ∂L/∂h, ∂L/∂W = ∂L/∂c · hᵢᵀ, ∂L/∂hᵢ = Wᵀ ∂L/∂c."""
    w, b, before, upstream = RNG.normal(size=(4, 3)), RNG.normal(size=4), RNG.normal(size=3), RNG.normal(size=4)
    da = (w @ before + b > 0) * upstream
    found = jax.grad(lambda w, b, h: upstream @ jax.nn.relu(w @ h + b), (0, 1, 2))(w, b, before)
    for mine, by_hand in zip(found, (np.outer(da, before), da, w.T @ da), strict=True):
        same(mine, by_hand)


def test_logistic_regression():
    """∂J/∂w = 1/m X(A − Y)ᵀ and ∂J/∂b = 1/m Σ(a − y)."""
    x, y, w, b, m = RNG.normal(size=(3, 7)), np.array([1.0, 0, 0, 1, 1, 0, 1]), RNG.normal(size=3), 0.2, 7
    a = sigmoid(w @ x + b)

    def cost(w, b):
        a = jax.nn.sigmoid(w @ x + b)
        return -(y * jnp.log(a) + (1 - y) * jnp.log(1 - a)).mean()

    dw, db = jax.grad(cost, (0, 1))(w, b)
    same(dw, x @ (a - y) / m)
    same(db, (a - y).sum() / m)


def test_a_network_with_the_l2_penalty():
    """Zˡ = Wˡ Aˡ⁻¹ + bˡ, Aˡ = g(Zˡ); dW = 1/m dZ Aᵀ + λ/m W, db = 1/m Σ dZ, dA of the layer below = Wᵀ dZ.

    dA and dZ are those of the sum over examples (m times those of the cost J), as the sheet uses them.
    """
    m, strength = 6, 0.7
    x, y = RNG.normal(size=(3, m)), (RNG.uniform(size=(1, m)) > 0.5).astype(float)
    w1, b1, w2, b2 = RNG.normal(size=(4, 3)), RNG.normal(size=(4, 1)), RNG.normal(size=(1, 4)), RNG.normal(size=(1, 1))
    a1 = np.tanh(w1 @ x + b1)
    a2 = sigmoid(w2 @ a1 + b2)
    da2 = -y / a2 + (1 - y) / (1 - a2)
    dz2 = da2 * a2 * (1 - a2)
    dz1 = (w2.T @ dz2) * (1 - a1**2)
    same(dz2, a2 - y)

    def cost(w1, b1, w2, b2):
        a = jax.nn.sigmoid(w2 @ jnp.tanh(w1 @ x + b1) + b2)
        fit = -(y * jnp.log(a) + (1 - y) * jnp.log(1 - a)).mean()
        return fit + strength / (2 * m) * ((w1**2).sum() + (w2**2).sum())

    by_hand = (
        dz1 @ x.T / m + strength / m * w1, dz1.sum(1, keepdims=True) / m,
        dz2 @ a1.T / m + strength / m * w2, dz2.sum(1, keepdims=True) / m,
    )  # fmt: skip
    for mine, theirs in zip(jax.grad(cost, (0, 1, 2, 3))(w1, b1, w2, b2), by_hand, strict=True):
        same(mine, theirs)


def test_a_recurrent_network_through_time():
    """h(t) = tanh(b + W h(t−1) + U x(t)), o(t) = c + V h(t), L = −Σ log softmax(o(t))[y(t)]: gradients by hand."""
    n_in, n, n_out, steps = 2, 3, 4, 5
    b, c = RNG.normal(size=n), RNG.normal(size=n_out)
    w, u, v = (0.5 * RNG.normal(size=shape) for shape in ((n, n), (n, n_in), (n_out, n)))
    x, y = RNG.normal(size=(steps, n_in)), RNG.integers(0, n_out, steps)
    h, y_hat = [np.zeros(n)], []
    for t in range(steps):
        h.append(np.tanh(b + w @ h[-1] + u @ x[t]))
        o = c + v @ h[-1]
        y_hat.append(np.exp(o) / np.exp(o).sum())
    do = [y_hat[t] - np.eye(n_out)[y[t]] for t in range(steps)]  # (10.18)
    dh = [np.zeros(n)] * steps
    dh[-1] = v.T @ do[-1]  # (10.19)
    for t in range(steps - 2, -1, -1):
        dh[t] = w.T @ ((1 - h[t + 2] ** 2) * dh[t + 1]) + v.T @ do[t]  # (10.21): diag(1 − h²) before Wᵀ
    da = [(1 - h[t + 1] ** 2) * dh[t] for t in range(steps)]
    by_hand = {
        "c": sum(do),  # (10.22)
        "b": sum(da),  # (10.23)
        "V": sum(np.outer(do[t], h[t + 1]) for t in range(steps)),
        "W": sum(np.outer(da[t], h[t]) for t in range(steps)),  # (10.26)
        "U": sum(np.outer(da[t], x[t]) for t in range(steps)),  # (10.28)
    }

    def loss(p):
        def step(h, inputs):
            x, label = inputs
            h = jnp.tanh(p["b"] + p["W"] @ h + p["U"] @ x)
            return h, -jax.nn.log_softmax(p["c"] + p["V"] @ h)[label]

        return jax.lax.scan(step, jnp.zeros(n), (jnp.asarray(x), jnp.asarray(y)))[1].sum()

    found = jax.grad(loss)({"b": b, "c": c, "W": w, "U": u, "V": v})
    for name, gradient in by_hand.items():
        same(found[name], gradient)


def test_a_network_is_counted():
    """Two layers, 3-4-2: 6 neurons, 20 weights, 6 biases, 26 numbers to learn."""
    sizes = (3, 4, 2)
    weights, biases = sum(i * o for i, o in pairwise(sizes)), sum(sizes[1:])
    assert (weights, biases) == (20, 6)
    params = mlp.MLP(2, 4, 2).init(jax.random.key(0), jnp.zeros((1, 3)))
    assert mlp.parameter_count(params) == weights + biases == 26


def test_the_quiz_on_networks():
    """Ten inputs and five hidden units have 50 connections; one unit with constant slope 3 gives 96."""
    assert 10 * 5 == 50
    assert 3 * (np.array([1, 2, 3]) @ np.array([4, 5, 6])) == 96


def test_zero_weights_cannot_be_trained_zero_biases_can():
    x, y = RNG.normal(size=(8, 3)), RNG.normal(size=8)

    def loss(p):
        return ((jax.nn.relu(x @ p["w1"] + p["b1"][None]) @ p["w2"] - y) ** 2).mean()

    zeros = {"w1": np.zeros((3, 4)), "b1": np.zeros(4), "w2": np.zeros(4)}
    assert all(not np.any(g) for g in jax.tree.leaves(jax.grad(loss)(zeros)))
    drawn = zeros | {"w1": RNG.normal(size=(3, 4)), "w2": RNG.normal(size=4)}
    assert all(np.any(g) for g in jax.tree.leaves(jax.grad(loss)(drawn)))
