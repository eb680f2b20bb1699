"""Errata on activation and output units: the printed statement fails, the corrected one holds."""

import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


Z = np.linspace(-5, 5, 41)


def test_e1_tanh_is_a_sigmoid_of_twice_the_argument():
    np.testing.assert_allclose(2 * sigmoid(2 * Z) - 1, np.tanh(Z), atol=1e-14)
    assert np.abs(2 * sigmoid(Z) - 1 - np.tanh(Z)).max() > 0.2


def test_e33_elu_is_linear_above_zero():
    alpha, z = 1.0, np.array([-3.0, -0.5, 0.5, 3.0])
    printed, right = np.maximum(alpha * (np.exp(z) - 1), z), np.where(z > 0, z, alpha * (np.exp(z) - 1))
    np.testing.assert_allclose(printed[:2], right[:2])
    np.testing.assert_allclose(printed[3], np.exp(3) - 1)  # 19.1 where ELU has 3
    assert right[3] == 3


def test_e34_softplus_needs_both_signs():
    right = np.maximum(Z, 0) + np.log1p(np.exp(-np.abs(Z)))
    np.testing.assert_allclose(right, np.log(1 + np.exp(Z)))
    printed = np.log(1 + np.exp(np.maximum(0, Z)))
    np.testing.assert_allclose(printed[Z < 0], np.log(2))
    assert np.maximum(1e4, 0) + np.log1p(np.exp(-1e4)) == 1e4  # and nothing overflows


def test_e46_squared_error_through_a_sigmoid_has_no_factor_two():
    y, e = 1.0, 1e-6

    def loss(z):
        return 0.5 * (y - sigmoid(z)) ** 2

    slope = (loss(Z + e) - loss(Z - e)) / (2 * e)
    right = -(y - sigmoid(Z)) * sigmoid(Z) * (1 - sigmoid(Z))
    np.testing.assert_allclose(slope, right, atol=1e-9)
    assert np.abs(slope - 2 * right).max() > 0.1


def test_a_max_gate_routes_a_tie_somewhere():
    x = y = 1.0
    assert (x > y) + (y > x) == 0  # as printed nobody gets the gradient
    e = 1e-6
    right, left = (max(x + e, y) - 1) / e, (1 - max(x - e, y)) / e
    np.testing.assert_allclose([right, left], [1, 0], atol=1e-9)  # any share in [0, 1] is a subgradient


def test_leaky_units_as_a_maximum_want_a_slope_of_at_most_one():
    for slope, agrees in ((0.1, True), (1.0, True), (2.0, False)):
        maximum, unit = np.maximum(slope * Z, Z), np.maximum(Z, 0) + slope * np.minimum(Z, 0)
        assert np.allclose(maximum, unit) == agrees


def test_more_capacity_is_not_a_universal_machine():
    fits = np.polynomial.Polynomial.fit(Z, np.sin(Z), 15)  # a close fit on a compact set …
    assert np.abs(fits(Z) - np.sin(Z)).max() < 1e-3
    assert abs(fits(12.0) - np.sin(12.0)) > 1  # … says nothing outside, and the number of inputs is fixed
