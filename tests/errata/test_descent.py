"""Errata on the gradient and the plain step along it: the printed statement fails, the corrected one holds."""

import numpy as np

H = np.diag([1.0, 30.0])


def test_e25_the_update_subtracts_from_the_weights():
    def penalized(w):  # gradient of ½wᵀHw + ½(λ/m)‖w‖²
        return H @ w + decay / m * w

    rate, decay, m = 0.01, 2.0, 10
    printed = right = by_factor = np.ones(2)
    for _ in range(2000):
        printed = rate * penalized(printed)
        by_factor = (1 - rate * decay / m) * by_factor - rate * H @ by_factor
        right = right - rate * penalized(right)
        np.testing.assert_allclose(right, by_factor, rtol=1e-10)  # the note's own last line
    one = np.ones(2) - rate * penalized(np.ones(2))
    assert np.abs(rate * penalized(np.ones(2)) - one).min() > 0.3  # rate·gradient is no small change of the weights
    assert np.abs(printed).max() == 0.0  # it forgets them, whatever the loss: here all underflows
    assert 0 < np.abs(right).max() < 1e-8


def test_e26_decay_shrinks_by_the_rate_times_its_strength():
    w, g, rate, decay = np.array([2.0, -1.0]), np.array([0.3, 0.7]), 0.1, 0.5
    step = w - rate * (g + decay * w)
    np.testing.assert_allclose(step, (1 - rate * decay) * w - rate * g)
    assert np.abs(step - ((1 - decay) * w - rate * g)).max() > 0.4


def test_clipping_leaves_a_short_gradient_alone():
    def always(g, limit):
        return g * limit / np.linalg.norm(g)

    def only_if_longer(g, limit):
        return g * min(1.0, limit / np.linalg.norm(g))

    w = np.array([1.0])
    printed = right = w
    for _ in range(500):  # on ½w²
        printed, right = printed - 0.3 * always(printed, 1.0), right - 0.3 * only_if_longer(right, 1.0)
    assert abs(right[0]) < 1e-12
    assert abs(printed[0]) > 0.05  # a step of the same length for ever jumps over the minimum
    np.testing.assert_allclose(np.linalg.norm(only_if_longer(np.array([30.0, 40.0]), 1.0)), 1.0)


def test_the_first_order_term_is_the_step_times_the_slope():
    x, epsilon, z = 0.7, 1e-4, 3.0
    error = abs(np.sin(x + epsilon) - (np.sin(x) + epsilon * np.cos(x)))
    assert error < epsilon**2
    assert abs(np.sin(x + epsilon) - (np.sin(x) + z * np.cos(x))) > 1  # z stands nowhere else


def test_a_step_goes_along_the_gradient_of_the_loss_not_the_loss():
    rate, x = 0.1, np.array([1.0, 2.0, 3.0])

    def loss(w):
        return 0.5 * np.mean((w - x) ** 2)

    printed = right = 1.0
    for _ in range(12):
        printed, right = printed - rate * loss(printed), right - rate * (right - x).mean()
    assert 1.5 < right < 2  # the minimum is at 2
    assert printed < 0  # the loss is never negative: it walks down, away from the minimum above


def test_a_directional_derivative_moves_by_alpha_along_u():
    x, u, gradient = np.array([1.0, 2.0]), np.array([0.6, 0.8]), np.array([2.0, 12.0])

    def f(v):
        return v[0] ** 2 + 3 * v[1] ** 2

    alpha, d = 1e-7, 0.5
    np.testing.assert_allclose((f(x + alpha * u) - f(x)) / alpha, u @ gradient, rtol=1e-5)
    assert abs((f(x + d * u) - f(x)) / alpha) > 1e6  # x + du does not come back to x as α → 0
    angle_to_x = np.arccos(u @ x / np.linalg.norm(x))
    angle_to_gradient = np.arccos(u @ gradient / np.linalg.norm(gradient))
    np.testing.assert_allclose(np.linalg.norm(gradient) * np.cos(angle_to_gradient), u @ gradient)
    assert abs(np.linalg.norm(gradient) * np.cos(angle_to_x) - u @ gradient) > 0.5


def test_an_average_spans_twice_as_many_values_as_the_sheet_says():
    beta = 0.9
    weights = (1 - beta) * beta ** np.arange(2000)
    np.testing.assert_allclose(beta ** (1 / (1 - beta)), np.exp(-1), atol=0.02)  # 1/e after 1/(1−β) values
    np.testing.assert_allclose(1 / (weights**2).sum(), (1 + beta) / (1 - beta))  # noise falls as if over 19, not 10
