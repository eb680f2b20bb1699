"""Errata on optimizers of first order: the printed statement fails, the corrected one holds."""

import numpy as np

H = np.diag([1.0, 30.0])
START = np.array([1.0, 1.0])


def gradient(theta: np.ndarray) -> np.ndarray:
    return H @ theta


def test_e3_uncorrected_adam_starts_large():
    def first_step(b1: float, b2: float, correct: bool) -> float:
        g = 0.7
        m, v = (1 - b1) * g, (1 - b2) * g**2
        return m / (1 - b1) / np.sqrt(v / (1 - b2)) if correct else m / np.sqrt(v)

    ratio = first_step(0.9, 0.999, False) / first_step(0.9, 0.999, True)
    np.testing.assert_allclose(ratio, 0.1 / np.sqrt(0.001))  # 3.16: too large, not too small
    assert first_step(0.9, 0.9, False) < first_step(0.9, 0.9, True)  # small only where 1 − β₁ < √(1 − β₂)
    t = np.arange(1, 1000)
    ratios = (1 - 0.9**t) / np.sqrt(1 - 0.999**t)
    assert t[ratios.argmax()] == 12
    np.testing.assert_allclose(ratios.max(), 6.57, atol=0.01)


def momentum(convention: str, rates: np.ndarray, mu: float = 0.9) -> np.ndarray:
    theta, v, path = START.copy(), np.zeros(2), []
    for rate in rates:
        g = gradient(theta)
        if convention == "velocity":  # v ← μv − εg, θ ← θ + v
            v = mu * v - rate * g
            theta = theta + v
        elif convention == "accumulated":  # v ← g + μv, θ ← θ − εv
            v = g + mu * v
            theta = theta - rate * v
        else:  # V ← μV + (1 − μ)g, θ ← θ − αV
            v = mu * v + (1 - mu) * g
            theta = theta - rate / (1 - mu) * v
        path.append(theta)
    return np.array(path)


def test_e22_three_momenta_are_one_at_a_constant_rate():
    constant, decaying = np.full(60, 0.01), 0.05 / np.arange(1, 61)
    velocity = momentum("velocity", constant)
    for other in ("accumulated", "average"):
        np.testing.assert_allclose(momentum(other, constant), velocity, atol=1e-13)
    difference = np.abs(momentum("accumulated", decaying) - momentum("velocity", decaying)).max()
    assert difference > 0.1  # but not where the rate changes


def test_momentum_of_one_never_settles():
    last = {mu: np.abs(momentum("velocity", np.full(2000, 0.01), mu)[-200:]).max() for mu in (0.9, 1.0)}
    assert last[0.9] < 1e-12
    assert last[1.0] > 0.5


def test_nesterov_needs_one_gradient_a_step():
    epsilon, mu, calls = 0.01, 0.9, 0

    def counted(theta):
        nonlocal calls
        calls += 1
        return gradient(theta)

    theta, v = START.copy(), np.zeros(2)
    look, w = START.copy(), np.zeros(2)
    for _ in range(50):
        v = mu * v - epsilon * counted(theta + mu * v)
        theta = theta + v
        new = mu * w - epsilon * gradient(look)
        look, w = look + new + mu * (new - w), new
        np.testing.assert_allclose(look - mu * w, theta, atol=1e-14)
    assert calls == 50


def test_e23_where_the_epsilon_stands():
    epsilon, small = 1e-8, 1e-10
    inside, outside = small / np.sqrt(small**2 + epsilon), small / (np.sqrt(small**2) + epsilon)
    assert outside / inside > 100 / 1.02  # they are different rules: √ε bounds the one, ε the other
    with np.errstate(invalid="ignore"):
        absent = np.float64(0.0) / np.sqrt(np.float64(0.0))
    assert np.isnan(absent)  # a gradient of zero
    assert 0.0 / np.sqrt(0.0 + epsilon) == 0.0 / (np.sqrt(0.0) + epsilon) == 0.0


def test_adagrad_takes_the_root_of_summed_squares():
    gradients = np.tile([1.0, -1.0], 50)
    assert gradients.sum() == 0  # "of all historical values": no scale to divide by
    np.testing.assert_allclose(np.sqrt((gradients**2).sum()), 10)


def test_rmsprop_divides_by_the_root_of_delta_plus_r():
    decay, r = 0.9, 4.0
    np.testing.assert_allclose(np.sqrt(r) / np.sqrt(decay * r + r), 0.7255, atol=1e-4)  # 0.725 of the step
    with np.errstate(invalid="ignore"):
        assert np.isnan(np.float64(0.0) / np.sqrt(np.float64(decay * 0.0 + 0.0)))
    assert 0.0 / np.sqrt(1e-8 + 0.0) == 0.0


def test_lookahead_is_not_added_twice():
    theta, v, alpha = 0.0, 1.0, 0.9  # with no gradient the parameter coasts by αv
    look, v = theta + alpha * v, alpha * v
    assert look + v == 2 * alpha
    assert theta + v == alpha


def test_the_small_constant_is_not_the_velocity():
    a, alpha, beta, epsilon = 0.0, 0.9, 0.99, 0.1
    both, denominators = 1e-7, []
    for _ in range(3):
        a = beta * a + (1 - beta) * 1.0
        denominators.append(np.sqrt(a) + both)
        both = alpha * both - epsilon / denominators[-1]
    assert denominators[2] < 0  # ν as constant and velocity at once: descent becomes ascent
    assert np.sqrt(a) + 1e-7 > 0


def test_rmsprop_weights_add_to_one():
    beta, beta2, s, right = 0.9, 0.999, 0.0, 0.0
    for _ in range(20_000):
        s = beta2 * s + (1 - beta)
        right = beta2 * right + (1 - beta2)
    np.testing.assert_allclose([s, right], [100, 1], rtol=1e-6)


def test_minibatch_penalty_is_that_of_the_whole():
    m, k, penalty, w = 1000, 50, 0.3, 2.0
    batches = m // k
    printed = np.mean([penalty / (2 * k) * w**2] * batches)
    whole = penalty / (2 * m) * w**2
    np.testing.assert_allclose(printed / whole, m / k)  # 20 times the full cost's
    np.testing.assert_allclose(np.mean([penalty / (2 * m) * w**2] * batches), whole)


def test_no_rate_reaches_a_minimum_that_is_not_there():
    x, w, seen = np.array([1.0, 2.0]), 0.0, {}  # two points of one class: separable
    for step in range(1, 20_001):
        w += 0.5 * (x / (1 + np.exp(x * w))).mean()
        seen[step] = w
    growth = [seen[20_000] - seen[2000], seen[2000] - seen[200]]
    assert min(growth) > 2  # about log 10 in each tenfold: without end
    assert np.log1p(np.exp(-x * w)).mean() < 1e-3  # while the loss has infimum 0
