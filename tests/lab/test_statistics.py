"""The interval, the sign-flip test and Holm's correction against formulas, enumeration by hand and SciPy."""

import itertools
import timeit
from fractions import Fraction
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from scipy import stats

from dlnotes.lab import statistics


def enumerated(effects: list[Fraction], null: Fraction, alternative: str) -> Fraction:
    """The sign-flip p-value in exact arithmetic, one pattern after another."""
    d = [effect - null for effect in effects]
    patterns = list(itertools.product((1, -1), repeat=len(d)))
    sums = [sum(sign * value for sign, value in zip(signs, d, strict=True)) for signs in patterns]
    as_far = [s >= sum(d) if alternative == "greater" else s <= sum(d) for s in sums]
    return Fraction(sum(as_far), len(patterns))


def bca(x: np.ndarray, resamples: int) -> np.ndarray:
    """Efron's (1987) interval from its formulas: bias z0 from the bootstrap, acceleration a from the jackknife."""
    normal, rng = NormalDist(), np.random.default_rng(99)
    means = np.sort(x[rng.integers(0, x.size, (resamples, x.size))].mean(axis=1))
    z0 = normal.inv_cdf(float(np.mean(means < x.mean())))
    gaps = x.mean() - np.array([np.delete(x, i).mean() for i in range(x.size)])
    a = np.sum(gaps**3) / (6 * np.sum(gaps**2) ** 1.5)
    z = np.array([normal.inv_cdf(0.025), normal.inv_cdf(0.975)])
    levels = [normal.cdf(z0 + (z0 + z_i) / (1 - a * (z0 + z_i))) for z_i in z]
    return np.quantile(means, levels)


def test_interval_of_many_effects_is_the_normal_one():
    x = np.random.default_rng(0).normal(3.0, 2.0, 2000)
    half = 1.959964 * x.std(ddof=1) / np.sqrt(x.size)
    np.testing.assert_allclose(statistics.interval(x), (x.mean() - half, x.mean() + half), atol=0.05 * half)
    half = 1.644854 * x.std(ddof=1) / np.sqrt(x.size)
    np.testing.assert_allclose(statistics.interval(x, 0.1), (x.mean() - half, x.mean() + half), atol=0.05 * half)


@pytest.mark.parametrize("sign", [1, -1])
def test_interval_of_few_skewed_effects_is_efrons(sign):
    x = sign * np.random.default_rng(11).lognormal(size=12)
    low, high = statistics.interval(x)
    np.testing.assert_allclose((low, high), bca(x, 200_000), atol=0.02 * (high - low))
    further = (high - x.mean()) > (x.mean() - low)
    assert further == (sign > 0), "the interval reaches further on the side of the long tail"


def test_interval_covers_the_mean_nearly_as_often_as_it_says():
    samples = np.random.default_rng(2).normal(size=(300, 16))
    held = sum(low <= 0 <= high for low, high in map(statistics.interval, samples)) / 300
    assert 0.86 < held < 0.97


def test_interval_moves_and_scales_with_the_effects_and_forgets_their_order():
    x = np.random.default_rng(3).lognormal(size=16)
    low, high = statistics.interval(x)
    assert statistics.interval(x[::-1]) == (low, high)
    np.testing.assert_allclose(statistics.interval(5 + 1e-3 * x), (5 + 1e-3 * low, 5 + 1e-3 * high), rtol=1e-12)
    for scale in (1e-310, 1e300):
        np.testing.assert_allclose(statistics.interval(scale * x), (scale * low, scale * high), rtol=1e-9)


@pytest.mark.parametrize("value", [0.0, 0.1, -3.0, 1e308, 5e-324])
@pytest.mark.parametrize("n", [2, 3, 16])
def test_equal_effects_give_an_interval_of_no_width(value, n):
    assert statistics.interval(np.full(n, value)) == (value, value)
    assert statistics.mean(np.full(n, value)) == value


def test_two_effects_bound_their_own_interval():
    np.testing.assert_allclose(statistics.interval(np.array([1.0, 3.0])), (1.0, 3.0))


def test_fewer_than_two_effects_have_no_interval():
    assert np.isnan(statistics.interval(np.array([2.0]))).all()
    assert np.isnan(statistics.interval(np.array([]))).all()
    assert np.isnan(statistics.mean(np.array([])))


def test_mean_is_taken_in_float64_and_does_not_overflow():
    x = np.array([1e8, 1.0, -1e8, 3.0], np.float32)
    assert statistics.mean(x) == 1.0
    assert statistics.mean(np.array([1.5e308, 1.5e308])) == 1.5e308
    assert statistics.mean(np.array([True, False])) == 0.5


@pytest.mark.parametrize(
    "function", [statistics.interval, statistics.mean, lambda x: statistics.sign_flip_p(x, 0.0, "less")]
)
def test_effects_that_are_not_finite_are_refused(function):
    with pytest.raises(ValueError, match="finite"):
        function(np.array([1.0, np.nan, 2.0]))


ROWS = [
    "0.1 0.2 -0.3 0.4 -0.5 0.6",  # sums to a tie that float64 misses
    "0.1 0.2 0.3 -0.6",  # the observed sum is 0 but for rounding
    "0.7 0.7 0.7 -0.1 -0.1 0.7 0.1",
    "1 2 3 4 5 6 7 8 9 -10",
    "0 0 0 0",
    "0.1 0 0 0 0.1",
    "1000000.1 0.1 -0.3 0.2 -1000000.1",
    "2.5",
]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("alternative", ["greater", "less"])
@pytest.mark.parametrize("null", ["0", "0.1", "-0.3"])
@pytest.mark.parametrize("row", ROWS)
def test_sign_flip_p_equals_enumeration_in_exact_arithmetic(row, null, alternative, dtype):
    if dtype is np.float32 and "1000000.1" in row:
        row = row.replace("1000000.1", "10.1")  # float32 cannot tell 0.1 from nothing there
    expected = enumerated([Fraction(text) for text in row.split()], Fraction(null), alternative)
    effects = np.array([float(text) for text in row.split()], dtype)
    assert statistics.sign_flip_p(effects, float(null), alternative) == float(expected)


def test_sign_flip_p_equals_scipys():
    x = np.random.default_rng(4).normal(0.4, 1.0, 11)
    for alternative in ("greater", "less"):
        found = stats.permutation_test(
            (x - 0.1,), np.mean, permutation_type="samples", alternative=alternative, n_resamples=2**11
        )
        assert statistics.sign_flip_p(x, 0.1, alternative) == found.pvalue


def test_sign_flip_p_is_exact_over_all_signs():
    """Where every sign pattern is equally likely, p ≤ k/2ⁿ happens with probability k/2ⁿ."""
    magnitudes = np.random.default_rng(5).lognormal(size=8)
    patterns = np.array(list(itertools.product((1, -1), repeat=8)))
    p = np.array([statistics.sign_flip_p(signs * magnitudes, 0.0, "greater") for signs in patterns])
    np.testing.assert_allclose(np.sort(p), np.arange(1, 257) / 256)


@pytest.mark.parametrize("n", [1, 5, 16, 20])
def test_equal_effects_on_one_side_have_the_least_p_there_is(n):
    for value in (0.3, np.float32(0.1)):
        effects = np.full(n, value)
        assert statistics.sign_flip_p(effects, 0.05, "greater") == 2.0**-n
        assert statistics.sign_flip_p(effects, 0.05, "less") == 1.0
        assert statistics.sign_flip_p(effects, 0.5, "less") == 2.0**-n


@pytest.mark.parametrize("n", [3, 16, 40])
def test_effects_equal_to_the_null_say_nothing(n):
    for effects in (np.full(n, 0.1), np.full(n, 0.1, np.float32), np.full(n, 0.3) - np.full(n, 0.2)):
        assert statistics.sign_flip_p(effects, 0.1, "greater") == 1.0
        assert statistics.sign_flip_p(effects, 0.1, "less") == 1.0


@pytest.mark.parametrize("n", [9, 30])
def test_sign_flip_p_is_mirrored_and_forgets_order(n):
    x = np.random.default_rng(6).normal(0.2, 1.0, n)
    p = statistics.sign_flip_p(x, 0.1, "greater")
    assert statistics.sign_flip_p(-x, -0.1, "less") == p
    assert statistics.sign_flip_p(x[::-1], 0.1, "greater") == p
    assert p + statistics.sign_flip_p(x, 0.1, "less") == pytest.approx(1.0, abs=0.01)


def test_drawn_signs_agree_with_all_signs(monkeypatch):
    x = np.random.default_rng(7).normal(0.3, 1.0, 18)
    exact = statistics.sign_flip_p(x, 0.0, "greater")
    monkeypatch.setattr(statistics, "EXACT_UP_TO", 17)
    drawn = statistics.sign_flip_p(x, 0.0, "greater")
    assert drawn != exact
    assert drawn == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / statistics.DRAWS))


def test_drawn_signs_never_give_a_p_of_zero():
    assert statistics.sign_flip_p(np.ones(300), 0.0, "greater") == 1 / (statistics.DRAWS + 1)


def test_sixteen_effects_are_tested_in_a_moment():
    x = np.random.default_rng(8).normal(size=16)
    assert min(timeit.repeat(lambda: statistics.sign_flip_p(x, 0.0, "less"), number=1, repeat=5)) < 0.05


def test_sign_flip_p_refuses_what_it_cannot_test():
    unknown: Any = "two-sided"
    with pytest.raises(ValueError, match="'greater' or 'less', got 'two-sided'"):
        statistics.sign_flip_p(np.ones(3), 0.0, unknown)
    for effects, null in ((np.ones((2, 2)), 0.0), (np.array([]), 0.0), (np.ones(3), np.inf)):
        with pytest.raises(ValueError, match="a row of finite effects and a finite null"):
            statistics.sign_flip_p(effects, null, "greater")


def test_holm_of_a_family_worked_by_hand():
    """Sorted: 0.005·4 = 0.02, 0.01·3 = 0.03, 0.03·2 = 0.06, and 0.04·1 is raised to 0.06."""
    np.testing.assert_allclose(statistics.holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])


def test_holm_is_bounded_and_keeps_order():
    p = np.random.default_rng(9).uniform(size=20) ** 2
    adjusted = statistics.holm(list(p))
    assert np.all(np.diff(adjusted[np.argsort(p)]) >= 0)
    assert np.all(adjusted >= p)
    assert adjusted.max() <= 1
    assert adjusted.min() == pytest.approx(min(1, 20 * p.min()))


def test_holm_of_small_families():
    assert statistics.holm([]).size == 0
    np.testing.assert_allclose(statistics.holm([0.03]), [0.03])
    np.testing.assert_allclose(statistics.holm([0.9, 0.8]), [1.0, 1.0])
    np.testing.assert_allclose(statistics.holm([0.02, 0.02, 0.02]), [0.06, 0.06, 0.06])


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_holm_refuses_what_is_no_p_value(p):
    with pytest.raises(ValueError, match="between 0 and 1"):
        statistics.holm([0.5, p])
