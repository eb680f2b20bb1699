"""Estimates, priors and sums of random variables as the notes have them, counted out or fitted by brute force.

Sources: ee147 Supervised Learning Example, Maximum Likelihood Optimization, Probability; cs182 2.3.1; lectures L2 and
L1 Regularizer; dlbook 4.2 (convolution).
"""

import itertools
from fractions import Fraction

import numpy as np
from scipy import optimize, signal, stats

RNG = np.random.default_rng(147)


def test_a_coins_likeliest_bias_is_its_share_of_heads():
    tosses = np.array([1, 0, 1, 1, 0, 1, 1])
    found = optimize.minimize_scalar(
        lambda p: -stats.bernoulli.logpmf(tosses, p).sum(), bounds=(0, 1), method="bounded", options={"xatol": 1e-9}
    )
    np.testing.assert_allclose(found.x, 5 / 7, atol=1e-6)


def test_a_laplace_prior_is_the_l1_penalty_and_a_gaussian_the_l2():
    w, scale = np.array([0.3, -2.0, 0.0]), 0.5
    laplace = -stats.laplace.logpdf(w, scale=scale).sum() + stats.laplace.logpdf(np.zeros(3), scale=scale).sum()
    np.testing.assert_allclose(laplace, np.abs(w).sum() / scale)
    gauss = -stats.norm.logpdf(w, scale=scale).sum() + stats.norm.logpdf(np.zeros(3), scale=scale).sum()
    np.testing.assert_allclose(gauss, (w**2).sum() / (2 * scale**2))


def test_the_best_constant_is_the_mean_for_squared_and_the_median_for_absolute_error():
    y = np.array([1.0, 2.0, 3.0, 4.0, 100.0])
    grid = np.linspace(0, 110, 11_001)
    squared, absolute = ((y - grid[:, None]) ** 2).sum(1), np.abs(y - grid[:, None]).sum(1)
    assert grid[squared.argmin()] == y.mean() == 22
    assert grid[absolute.argmin()] == np.median(y) == 3


def test_total_probability_the_chain_rule_and_bayes():
    joint = RNG.dirichlet(np.ones(24)).reshape(2, 3, 4)  # P(a, b, c)
    a, ab = joint.sum((1, 2)), joint.sum(2)
    b_given_a, c_given_ab = ab / a[:, None], joint / ab[..., None]
    np.testing.assert_allclose(a[:, None, None] * b_given_a[..., None] * c_given_ab, joint)
    np.testing.assert_allclose((b_given_a * a[:, None]).sum(0), ab.sum(0))
    np.testing.assert_allclose(b_given_a * a[:, None] / ab.sum(0), ab / ab.sum(0))


def test_a_sum_is_distributed_as_the_convolution():
    die = [Fraction(1, 6)] * 6
    counted = [Fraction(0)] * 11
    for first, second in itertools.product(range(6), repeat=2):
        counted[first + second] += Fraction(1, 36)
    assert list(np.convolve(die, die)) == counted
    assert max(counted) == counted[7 - 2] == Fraction(1, 6)


def test_blurring_keeps_what_is_constant_and_an_edge_kernel_only_what_changes():
    image = np.zeros((8, 8))
    image[:, 4:] = 1.0
    blur, edge = np.full((3, 3), 1 / 9), np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0.0]])
    soft, edges = (signal.convolve2d(image, kernel, "valid") for kernel in (blur, edge))
    np.testing.assert_allclose(soft[:, [0, 1, -2, -1]], np.broadcast_to([0, 0, 1, 1], (6, 4)), atol=1e-15)
    np.testing.assert_allclose(soft[0, 2:4], [1 / 3, 2 / 3])  # the step has become a slope
    assert np.flatnonzero(edges[0]).tolist() == [2, 3]  # on both sides of the step, with opposite signs
    np.testing.assert_allclose(edges[0, 2:4], [1, -1])
    spread = signal.convolve2d(np.pad([[1.0]], 3), blur, "same")
    np.testing.assert_allclose([spread.sum(), signal.convolve2d(spread, blur, "same").sum()], 1)  # nothing is lost
