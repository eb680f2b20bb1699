"""Errata on normalization: the printed statement fails, the corrected one holds."""

import numpy as np
from sklearn.datasets import load_digits

EPSILON = 1e-5


def batch(seed: int = 0, units: int = 5, k: int = 32) -> np.ndarray:
    """Pre-activations [units, examples] with means and scales of their own."""
    rng = np.random.default_rng(seed)
    return 3 * rng.normal(size=(units, 1)) + rng.uniform(0.5, 2, (units, 1)) * rng.normal(size=(units, k))


def normalized(z: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
    return (z - mean) / np.sqrt(variance + EPSILON)


def test_e5_mean_and_variance_are_over_the_batch():
    z, m = batch(), 1000  # m, the size of the training set, is not that of the batch
    mean = z.sum(axis=1, keepdims=True)
    printed = normalized(z, mean, ((z - mean) ** 2).sum(axis=1, keepdims=True) / m)
    assert np.abs(printed.mean(axis=1)).max() > 1
    right = normalized(z, z.mean(axis=1, keepdims=True), z.var(axis=1, keepdims=True))
    np.testing.assert_allclose(right.mean(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(right.var(axis=1), 1, rtol=1e-4)


def test_the_variance_sums_over_examples():
    z = batch()
    mean, m = z.mean(axis=1, keepdims=True), z.shape[1]
    printed = (z - mean) ** 2 / m  # no sum: one number for each example
    assert printed.shape == z.shape
    assert np.abs(normalized(z, mean, printed).var(axis=1) - 1).min() > 1
    np.testing.assert_allclose(printed.sum(axis=1), z.var(axis=1))


def test_e4_bias_correction_has_a_power():
    beta, average, corrected = 0.9, 0.0, {}
    for t in range(1, 101):
        average = beta * average + (1 - beta) * 1.0  # the average of ones is one
        corrected[t] = average / (1 - beta), average / (1 - beta**t)
    np.testing.assert_allclose([right for _, right in corrected.values()], 1)
    assert abs(corrected[3][0] - 2.71) < 1e-9
    assert corrected[100][0] > 9.9


def test_running_statistics_average_the_average():
    rng, beta = np.random.default_rng(0), 0.9
    means = rng.normal(size=200_000)
    printed = beta * means[:-1] + (1 - beta) * means[1:]
    running = np.zeros(means.size)
    for t in range(1, means.size):
        running[t] = beta * running[t - 1] + (1 - beta) * means[t]
    assert abs(printed.var() - (beta**2 + (1 - beta) ** 2)) < 0.02  # 0.82: no average at all
    assert abs(running[100:].var() - (1 - beta) / (1 + beta)) < 0.003  # 0.053


def test_centre_before_squaring():
    printed, right = [], []
    for seed in range(20):
        x = np.random.default_rng(seed).normal(size=1000).astype(np.float32) + np.float32(1e4)
        printed.append((x * x).mean() - x.mean() ** 2)
        right.append(((x - x.mean()) ** 2).mean())
    assert min(printed) < 0  # the mean of squares cancels against the squared mean: a negative variance
    assert max(printed) > 4
    np.testing.assert_allclose(right, 1, atol=0.15)


def test_a_constant_feature_needs_the_epsilon():
    pixels = load_digits().data
    constant = pixels.std(axis=0) == 0
    assert constant.sum() == 3
    with np.errstate(invalid="ignore"):
        printed = (pixels - pixels.mean(axis=0)) / pixels.std(axis=0)
    assert np.isnan(printed[:, constant]).all()
    assert np.isfinite(normalized(pixels, pixels.mean(axis=0), pixels.var(axis=0))).all()


def test_batch_norm_does_not_whiten():
    rng = np.random.default_rng(0)
    first, noise = rng.normal(size=(2, 100_000))
    units = np.stack([2 * first + 1, 0.5 * (0.9 * first + np.sqrt(1 - 0.81) * noise)])
    before = np.corrcoef(units)[0, 1]
    after = normalized(units, units.mean(axis=1, keepdims=True), units.var(axis=1, keepdims=True))
    assert abs(before - 0.9) < 0.01
    np.testing.assert_allclose(np.corrcoef(after)[0, 1], before)
    np.testing.assert_allclose(after.var(axis=1), 1, rtol=1e-4)


def test_e27_smoother_means_a_smaller_constant():
    """‖∇f(x) − ∇f(y)‖ ≤ β‖x − y‖: the larger β allows the rougher loss, and only smaller steps."""

    def after(beta: float, rate: float) -> float:
        x = 1.0
        for _ in range(100):
            x -= rate * beta * x  # f = ½βx²
        return abs(x)

    rate = 0.15
    assert after(beta=10.0, rate=rate) < 1e-6
    assert after(beta=20.0, rate=rate) > 1e6
    x = np.linspace(-1, 1, 201)
    change = {beta: np.abs(np.diff(beta * x)).max() / 0.01 for beta in (10.0, 20.0)}
    assert change[10.0] < change[20.0]
