"""The shortcuts that the experiments on estimation take: they must be what they stand for."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.stats import chi2, kstest, wishart

from dlnotes.lab import discover

FOLDER = Path(__file__).parents[2] / "experiments" / "foundations"

pytestmark = pytest.mark.usefixtures("float64")


@pytest.fixture(scope="module")
def choosing():
    return discover.import_file(FOLDER / "model_selection.py")


@pytest.fixture(scope="module")
def lunch():
    return discover.import_file(FOLDER / "no_free_lunch.py")


def test_least_absolute_error_is_the_linear_programs():
    trials = discover.import_file(FOLDER / "estimators_converge_trials.py")
    for seed in range(3):
        x, y = np.random.default_rng(seed).normal(size=(2, 12))
        y[-1] += 50
        # min Σt with −t ≤ y − a − bx ≤ t, over (a, b, t)
        line, slack = np.column_stack([np.ones(12), x]), np.eye(12)
        cost, above = np.r_[0, 0, np.ones(12)], np.block([[-line, -slack], [line, -slack]])
        best = linprog(cost, above, np.r_[-y, y], bounds=[(None, None)] * 2 + [(0, None)] * 12)
        found = trials.least_absolute(jnp.asarray(x), jnp.asarray(y))
        np.testing.assert_allclose(abs(y - found[0] - found[1] * x).sum(), best.fun, rtol=1e-9)


def test_folds_cover_each_example_once_and_leave_the_rest_out(choosing):
    learning, held = choosing.trials.rows_learned_from(jnp.array(17), 24)
    assert np.asarray(held[:, :17].sum(0) == 1).all()
    assert not held[:, 17:].any()
    assert not learning[:, 17:].any()
    assert sorted(held.sum(1).tolist()) == [3, 3, 3, 4, 4]
    np.testing.assert_array_equal(learning[1:], learning[:1] & ~held)


def test_errors_are_those_of_numpys_fits_to_the_rows_that_count(choosing):
    found = choosing.trials.errors(jax.random.key(0), jnp.array(20), jnp.array(0.0), jnp.array(0.5), 23, 3)
    k_inputs, k_noise = jax.random.split(jax.random.key(0))
    x = np.asarray(jax.random.uniform(k_inputs, (23,), minval=-1.0, maxval=1.0))
    y = np.sin(4 * x + 1) + 0.5 * np.asarray(jax.random.normal(k_noise, (23,)))
    legfit, legval = np.polynomial.legendre.legfit, np.polynomial.legendre.legval
    for degree in range(4):
        whole, part = legfit(x[:20], y[:20], degree), legfit(x[4:20], y[4:20], degree)
        np.testing.assert_allclose(found["train"][degree], ((y - legval(x, whole)) ** 2)[:20].mean(), rtol=1e-9)
        np.testing.assert_allclose(found["validation"][0, degree], ((y - legval(x, part)) ** 2)[:4].mean(), rtol=1e-9)


def test_the_chance_that_aic_keeps_the_order_is_spitzers_for_many_examples_and_less_for_few(choosing):
    chances = [1.0]  # p_K = (1/K)·Σᵢ P(χ²ᵢ ≤ 2i)·p_{K−i}: that a walk with steps χ²₁ − 2 never rises above 0
    for k in range(1, 7):
        chances.append(sum(chi2.cdf(2 * i, i) * chances[k - i] for i in range(1, k + 1)) / k)
    many, few = choosing.aic_keeps_the_order(6, 1_000_000), choosing.aic_keeps_the_order(6, 30)
    assert abs(many - chances[-1]) < 4 * np.sqrt(many * (1 - many) / 200_000)
    assert few < many - 0.1


def test_a_triangle_stands_for_many_examples():
    trials = discover.import_file(FOLDER / "split_by_size_trials.py")
    k_squares, k_normals = jax.random.split(jax.random.key(0))
    squares = trials.chi_square(k_squares, 7.0 - jnp.arange(3), 2000)
    triangles = jax.vmap(trials.triangle)(squares, jax.random.normal(k_normals, (2000, 3, 3)))
    products = np.asarray(triangles @ triangles.mT)
    theirs = wishart(7, np.eye(3)).rvs(2000, random_state=0)
    for of in (np.linalg.det, lambda m: m[:, 0, 2], lambda m: m[:, 2, 2], lambda m: m.sum((1, 2))):
        assert kstest(of(products), of(theirs)).pvalue > 1e-3


def test_104_functions_of_three_bits_are_separable_and_xor_is_not(lunch):
    plane = lunch.separable()
    assert plane.sum() == 104
    xor = lunch.INPUTS.sum(1) % 2
    assert not plane[(xor == lunch.TARGETS).all(1)].any()
    assert plane[(lunch.INPUTS[:, 0] == lunch.TARGETS).all(1)].all()
