"""Schedules: closed forms, Optax's where it has them, traced numbers; reducing the rate on a plateau."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dlnotes.optim import schedules
from dlnotes.optim.schedules import reduce_on_plateau

COUNTS = np.arange(40)
T = COUNTS.astype(float)

CLOSED = {
    "inverse time": (schedules.inverse_time(0.5, 0.1), 0.5 / (1 + 0.1 * T)),
    "exponential": (schedules.exponential(0.5, 0.9), 0.5 * 0.9**T),
    "inverse root": (schedules.inverse_sqrt(0.5, 3.0), 0.5 * 3 / np.sqrt(T + 1)),
    "linear": (schedules.linear_decay(0.5, 20, 0.1), np.where(T < 20, (1 - T / 20) * 0.5 + T / 20 * 0.1, 0.1)),
    "cosine": (schedules.cosine(0.5, 20, 0.1), 0.1 + 0.2 * (1 + np.cos(np.pi * np.minimum(T / 20, 1)))),
    "staircase": (schedules.staircase(schedules.exponential(0.5, 0.1), 15), 0.5 * 0.1 ** (COUNTS // 15)),
    "restarted": (schedules.restarted(schedules.inverse_time(0.5, 0.1), 15), 0.5 / (1 + 0.1 * (COUNTS % 15))),
    "warm-up": (schedules.linear_warmup(0.5, 8), 0.5 * np.minimum((T + 1) / 8, 1)),
    "warm-up, then": (
        schedules.linear_warmup(schedules.exponential(0.5, 0.9), 8),
        np.where(T < 8, 0.5 * (T + 1) / 8, 0.5 * 0.9 ** (T - 7)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CLOSED)
def test_closed_forms(float64, name):
    schedule, want = CLOSED[name]
    np.testing.assert_allclose([schedule(count) for count in COUNTS[::3]], want[::3], rtol=1e-12)
    np.testing.assert_allclose(jax.jit(jax.vmap(schedule))(COUNTS), want, rtol=1e-12)


def test_a_table_keeps_each_rate_until_the_next_row(float64):
    rates = jax.vmap(schedules.table([0, 10, 30], [0.5, 0.1, 0.02]))(COUNTS)
    np.testing.assert_array_equal(rates, np.repeat([0.5, 0.1, 0.02], [10, 20, 10]))


def test_equal_optax_where_it_has_them(float64):
    pairs = [
        (schedules.exponential(0.5, 0.9), optax.exponential_decay(0.5, 1, 0.9), 0),
        (schedules.staircase(schedules.exponential(0.5, 0.9), 7), optax.exponential_decay(0.5, 7, 0.9, 0, True), 0),
        (schedules.linear_decay(0.5, 20, 0.1), optax.linear_schedule(0.5, 0.1, 20), 0),
        (schedules.cosine(0.5, 20, 0.1), optax.cosine_decay_schedule(0.5, 20, 0.2), 0),
        (schedules.table([0, 10, 30], [0.5, 0.1, 0.02]), optax.piecewise_constant_schedule(0.5, {10: 0.2, 30: 0.2}), 0),
        (schedules.linear_warmup(0.5, 10), optax.linear_schedule(0.0, 0.5, 10), 1),
        (schedules.warmup_cosine(0.5, 10, 30, 0.1), optax.warmup_cosine_decay_schedule(0.0, 0.5, 10, 30, 0.1), 1),
    ]  # fmt: skip
    for ours, theirs, ahead in pairs:
        np.testing.assert_allclose([ours(c) for c in COUNTS], [theirs(c + ahead) for c in COUNTS], rtol=1e-10)


@pytest.mark.parametrize("steps", [0, 1])
def test_no_warmup_is_the_rate_or_schedule_itself(steps):
    np.testing.assert_array_equal([schedules.linear_warmup(0.5, steps)(c) for c in range(3)], [0.5] * 3)
    plain = schedules.exponential(0.5, 0.9)
    np.testing.assert_array_equal(
        [schedules.linear_warmup(plain, steps)(c) for c in range(3)], [plain(c) for c in range(3)]
    )


@pytest.mark.parametrize("warmup", [0, 1, 4])
def test_the_cosine_after_a_warmup_ends_with_the_last_step(warmup):
    rates = np.array([schedules.warmup_cosine(1.0, warmup, 20, 0.1)(c) for c in range(22)])
    assert rates[max(warmup - 1, 0)] == rates.max() == 1.0
    np.testing.assert_allclose(rates[18:] - 0.1 > 1e-6, [True, False, False, False])


def test_no_rate_is_infinite_negative_or_lost():
    falling = schedules.exponential(1.0, 0.5)
    for schedule in (
        schedules.inverse_sqrt(1.0),
        schedules.linear_decay(1.0, 0),
        schedules.cosine(1.0, 0),
        schedules.table([5], [1.0]),
        schedules.staircase(falling, 0),
        schedules.restarted(falling, 0),
        schedules.warmup_cosine(1.0, 7, 7),
        schedules.warmup_cosine(1.0, 0, 0),
    ):
        rates = np.array([schedule(c) for c in (0, 1, 10, 2**31 - 2)])
        assert ((rates >= 0) & (rates <= 1)).all()
        assert rates[0] > 0


def test_rows_of_a_table_may_come_in_any_order_and_must_match():
    shuffled = schedules.table([30, 2, 10], [0.02, 0.5, 0.1])
    np.testing.assert_allclose([shuffled(c) for c in (0, 9, 10, 30)], [0.5, 0.5, 0.1, 0.02], rtol=1e-6)
    for steps, rates in (([0, 1], [0.1]), ([], []), (0, 0.1)):
        with pytest.raises(ValueError, match="one rate for each step"):
            schedules.table(steps, rates)


FAMILIES = {
    "inverse time": lambda a: schedules.inverse_time(a[0], a[1]),
    "exponential": lambda a: schedules.exponential(a[0], a[1]),
    "inverse root": lambda a: schedules.inverse_sqrt(a[0], a[1]),
    "linear": lambda a: schedules.linear_decay(a[0], 10 * a[2], a[1]),
    "table": lambda a: schedules.table(a[1:] * 10, a[:2]),
    "stairs": lambda a: schedules.staircase(schedules.exponential(a[0], a[1]), 10 * a[2]),
    "cycles": lambda a: schedules.restarted(schedules.inverse_time(a[0], a[1]), 10 * a[2]),
    "warm": lambda a: schedules.linear_warmup(schedules.exponential(a[0], a[1]), 10 * a[2]),
    "warm cosine": lambda a: schedules.warmup_cosine(a[0], 3 * a[2], 10 * a[2], a[1]),
}


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_every_number_may_be_traced(family):
    numbers = jnp.array([[0.5, 0.9, 1.0], [1.0, 0.5, 2.0], [0.1, 0.2, 0.5]])
    swept = jax.jit(jax.vmap(lambda a: jax.vmap(family(a))(COUNTS)))(numbers)
    alone = [[family(np.asarray(a))(c) for c in COUNTS[::6]] for a in numbers]
    np.testing.assert_allclose(swept[:, ::6], alone, rtol=1e-5)
    assert len(np.unique(np.asarray(swept), axis=0)) == 3


def scales(method, values, dtype=jnp.float32):
    """The factor on the steps after each value."""
    one = jnp.ones((), dtype)

    def step(state, value):
        updates, state = method.update(one, state, value=value)
        return state, updates

    return jax.lax.scan(step, method.init(one), jnp.asarray(values, dtype))[1]


SETTINGS = [
    {"factor": 0.5, "patience": 3},
    {"factor": 0.1, "patience": 2, "cooldown": 4, "rtol": 0.05},
    {"factor": 0.3, "patience": 1, "rtol": 0.0, "atol": 0.2, "min_scale": 0.02},
    {"factor": 0.5, "patience": 2, "cooldown": 1, "accumulation_size": 3},
]


@pytest.mark.parametrize("settings", SETTINGS)
def test_a_plateau_is_that_of_optax_for_losses_above_zero(float64, settings):
    values = 1 / (1 + 0.3 * np.arange(60)) + np.random.default_rng(1).exponential(0.1, 60)
    theirs = scales(optax.contrib.reduce_on_plateau(**settings), values, float)
    ours = {{"min_scale": "smallest", "accumulation_size": "window"}.get(k, k): v for k, v in settings.items()}
    np.testing.assert_allclose(scales(reduce_on_plateau(**ours), values, float), theirs, rtol=1e-12)
    assert len(np.unique(np.asarray(theirs))) > 2


def test_a_plateau_by_hand():
    values = [3, 2, 2, 2, 2, 2, 1, 1, 1, 1]
    got = scales(reduce_on_plateau(0.5, patience=2, cooldown=1), values)
    # better, better, 1st, 2nd: halve, rest, 1st, better, 1st, 2nd: halve, rest
    np.testing.assert_array_equal(got, [1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25])


def test_below_zero_the_same_value_is_no_better():
    np.testing.assert_array_equal(scales(reduce_on_plateau(0.5, patience=2), [-1.0] * 5), [1, 1, 0.5, 0.5, 0.25])
    assert scales(optax.contrib.reduce_on_plateau(0.5, patience=2), [-1.0] * 5)[-1] == 1.0


def test_lost_values_are_no_better():
    got = scales(reduce_on_plateau(0.5, patience=2), [np.nan, np.inf, 1.0, np.nan, 0.5, -np.inf, 0.2, 0.1])
    np.testing.assert_array_equal(got, [1, *[0.5] * 7])


def test_the_numbers_of_a_plateau_may_be_traced():
    values = 1 / (1 + 0.3 * np.arange(40)) + np.random.default_rng(1).exponential(0.1, 40)
    grid = np.array([[0.5, 2, 0, 1e-4, 0.0, 1, 0.0], [0.1, 3, 4, 0.1, 0.05, 2, 1e-3]], np.float32)
    together = jax.jit(jax.vmap(lambda row: scales(reduce_on_plateau(*row), values)))(grid)
    for row, got in zip(grid, together, strict=True):
        factor, patience, cooldown, rtol, atol, window, smallest = map(float, row)
        method = reduce_on_plateau(factor, int(patience), int(cooldown), rtol, atol, int(window), smallest)
        np.testing.assert_allclose(got, scales(method, values), rtol=1e-6)


def test_a_plateau_needs_a_value():
    method = reduce_on_plateau()
    with pytest.raises(ValueError, match="value=loss"):
        method.update(jnp.ones(()), method.init(jnp.ones(())))
