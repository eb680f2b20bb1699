"""Adam with its start as data: against float64 transcriptions of the notes, optax, exact ratios; transformations."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.test_util import check_grads

from dlnotes.optim import adam
from dlnotes.optim.adam import CORRECTED, FIRST_GRADIENT, UNCORRECTED, Start, correction_ratio, total_weight

STEPS = 100
STARTS = {"corrected": CORRECTED, "uncorrected": UNCORRECTED, "first gradient": FIRST_GRADIENT}


def gradients(steps=STEPS):
    """A sequence of gradients [steps, 5] over five orders of magnitude, one coordinate always 0."""
    scale = np.array([1e-3, 1.0, 100.0, 0.0, 3.0])
    return np.random.default_rng(0).normal(0.3, 1.0, (steps, 5)) * scale


def directions(transform, grads):
    """What a transformation makes of a sequence of gradients, one after the other."""

    def step(state, g):
        updates, state = transform.update(g, state)
        return state, updates

    return np.asarray(jax.lax.scan(step, transform.init(jnp.zeros_like(grads[0])), grads)[1])


def transcribed(grads, start, beta1, beta2, epsilon=1e-8):
    """cs182 Algorithm 6 (= ee147's and formulas' with correction), ee147's without, and v₁ = g₁², m₁ = g₁."""
    m = v = np.zeros(grads.shape[1])
    out = []
    for k, g in enumerate(grads, start=1):
        if start == "first gradient" and k == 1:
            m, v = g, g**2
        else:
            m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
        m_hat, v_hat = (m / (1 - beta1**k), v / (1 - beta2**k)) if start == "corrected" else (m, v)
        out.append(m_hat / (np.sqrt(v_hat) + epsilon))
    return np.stack(out)


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize(("beta1", "beta2"), [(0.9, 0.999), (0.0, 0.9999), (0.99, 0.99)])
def test_equals_the_notes_algorithm(start, beta1, beta2):
    with jax.enable_x64(True):
        got = directions(adam.scale_by_adam(STARTS[start], beta1, beta2), jnp.asarray(gradients()))
    np.testing.assert_allclose(got, transcribed(gradients(), start, beta1, beta2), rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize(("beta1", "beta2"), [(0.9, 0.999), (0.0, 0.99), (0.9, 0.9999)])
def test_corrected_is_optax_adam(beta1, beta2):
    with jax.enable_x64(True):
        grads = jnp.asarray(gradients())
        got = directions(adam.adam(0.01, CORRECTED, beta1, beta2), grads)
        want = directions(optax.adam(0.01, beta1, beta2), grads)
    np.testing.assert_allclose(got, want, rtol=1e-11, atol=1e-16)


def test_corrected_is_optax_adam_in_float32():
    grads = jnp.asarray(gradients(), jnp.float32)
    got, want = directions(adam.adam(0.01), grads), directions(optax.adam(0.01), grads)
    # optax computes 1 − βᵗ with an absolute error of a few 6e-8: 6e-5 of 1 − 0.999.
    np.testing.assert_allclose(got, want, rtol=2e-4, atol=1e-8)


PUBLISHED = [
    (0.9, 0.999, {1: 3.16, 12: 6.57, 100: 3.24, 1000: 1.26}),
    (0.9, 0.99, {1: 1.00, 13: 2.13}),
    (0.9, 0.9999, {1: 10.0, 12: 20.7}),
    (0.0, 0.99, {1: 10.0}),
    (0.0, 0.999, {1: 31.6}),
    (0.0, 0.9999, {1: 100.0}),
]


@pytest.mark.parametrize(("beta1", "beta2", "values"), PUBLISHED)
def test_correction_ratio_has_the_published_values_and_peak(beta1, beta2, values):
    t = jnp.arange(1, 3001)
    ratio = np.asarray(correction_ratio(t, beta1, beta2))
    for at, value in values.items():
        half_a_digit = 0.5 * 10.0 ** (np.floor(np.log10(value)) - 2)
        assert ratio[at - 1] == pytest.approx(value, abs=half_a_digit + 2e-4 * value)  # 2e-4: float32 of 0.9999
    assert int(ratio.argmax()) + 1 == max(values, key=lambda at: values[at])


def test_correction_ratio_is_small_from_2375_on_with_the_defaults():
    ratio = correction_ratio(jnp.array([2374, 2375]), 0.9, 0.999)
    assert ratio[0] > 1.05 > ratio[1]


def test_without_correction_steps_are_smaller_where_both_rates_are_alike():
    ratio = correction_ratio(jnp.arange(1, 2000), 0.99, 0.99)
    assert ratio[0] == pytest.approx(0.1, rel=1e-5)
    assert bool(jnp.all(ratio <= 1))


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9, 0.999, 0.9999, 0.99999])
def test_total_weight_is_accurate_in_float32_for_every_t(beta):
    t = np.array([1, 2, 12, 100, 2375, 100_000, 1_000_000])
    held = float(np.float32(beta))
    exact = np.array([-np.expm1(k * np.log1p(held - 1)) if held else 1.0 for k in t])
    np.testing.assert_allclose(total_weight(jnp.asarray(t), jnp.float32(beta)), exact, rtol=3e-7)


def test_total_weight_is_the_sum_of_the_weights_and_not_one_minus_beta():
    """Formulas 2.4 prints V/(1 − β): for values all 1 that is 2.71 after three steps."""
    mean = 0.0
    for _ in range(3):
        mean = 0.9 * mean + 0.1
    assert mean / float(total_weight(3, 0.9)) == pytest.approx(1.0, rel=1e-6)
    assert mean / (1 - 0.9) == pytest.approx(2.71)
    assert float(total_weight(1, 0.9)) == pytest.approx(1 - 0.9)


@pytest.mark.parametrize(("beta1", "beta2"), [(0.9, 0.999), (0.0, 0.99), (0.9, 0.9999), (0.99, 0.99)])
def test_the_ratio_of_step_lengths_holds_for_any_gradients(beta1, beta2):
    with jax.enable_x64(True):
        grads = jnp.asarray(gradients()[:, [0, 1, 2, 4]])
        without, with_ = (
            directions(adam.scale_by_adam(start, beta1, beta2, 0.0), grads) for start in (UNCORRECTED, CORRECTED)
        )
        ratio = np.asarray(correction_ratio(jnp.arange(1, STEPS + 1), beta1, beta2))
    np.testing.assert_allclose(without / with_, np.tile(ratio[:, None], 4), rtol=1e-10)


def test_first_gradient_starts_the_moments_exactly():
    g = jnp.array([0.3, -2.0, 1e-3, 0.0])
    u, state = adam.scale_by_adam(FIRST_GRADIENT, 0.9, 0.999, 0.0 + 1e-30).update(
        g, adam.scale_by_adam(FIRST_GRADIENT).init(g)
    )
    np.testing.assert_array_equal(state.m, g)
    np.testing.assert_array_equal(state.v, g**2)
    np.testing.assert_allclose(u, jnp.sign(g), rtol=1e-6)
    assert int(state.t) == 1


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
def test_zero_gradients_are_harmless(start):
    got = directions(adam.adam(0.1, start), jnp.zeros((5, 3)))
    np.testing.assert_array_equal(got, np.zeros((5, 3)))
    late = np.concatenate([np.zeros((3, 1)), np.ones((3, 1))])
    assert np.isfinite(directions(adam.adam(0.1, start), jnp.asarray(late, jnp.float32))).all()


def test_warmup_scales_the_steps():
    grads = jnp.asarray(gradients(6), jnp.float32)
    plain, warm = (directions(adam.adam(0.1, UNCORRECTED, warmup=w), grads) for w in (0, 4))
    share = np.array([0.25, 0.5, 0.75, 1.0, 1.0, 1.0])
    np.testing.assert_allclose(warm, plain * share[:, None], rtol=1e-6)


def test_dtype_and_structure_are_kept():
    params = {"a": jnp.ones((2, 3), jnp.bfloat16), "b": (jnp.ones(4, jnp.float16), None), "c": jnp.ones(())}
    transform = adam.adam(jnp.float32(0.1), Start(jnp.float32(0), jnp.float32(1)), jnp.float32(0.9), jnp.float32(0.99))
    state = transform.init(params)
    updates, after = transform.update(params, state, params)
    kinds = [jax.tree.map(lambda x: (x.shape, x.dtype), tree) for tree in (params, updates, state, after)]
    assert kinds[0] == kinds[1]
    assert kinds[2] == kinds[3]
    assert jax.tree.structure(state) == jax.tree.structure(after)


def test_masked_and_multi_transform_leave_other_leaves_alone():
    params = {"trained": jnp.ones(3), "frozen": jnp.full(2, 5.0)}
    label = {"trained": "adam", "frozen": "none"}
    mask = {"trained": True, "frozen": False}
    masked = optax.masked(adam.scale_by_adam(UNCORRECTED), mask)
    several = optax.multi_transform({"adam": adam.scale_by_adam(UNCORRECTED), "none": optax.set_to_zero()}, label)
    plain = adam.scale_by_adam(UNCORRECTED)
    want, _ = plain.update(params["trained"], plain.init(params["trained"]))
    for transform, frozen in ((masked, params["frozen"]), (several, jnp.zeros(2))):
        got, _ = transform.update(params, transform.init(params), params)
        np.testing.assert_array_equal(got["trained"], want)
        np.testing.assert_array_equal(got["frozen"], frozen)


def descend(numbers, steps=20):
    """The loss of a small quadratic after some steps, as a function of every hyperparameter."""
    rate, corrected, first, beta1, beta2, epsilon, warmup = numbers
    transform = adam.adam(rate, Start(corrected, first), beta1, beta2, epsilon, warmup)
    curvature = jnp.array([1.0, 10.0, 0.1])

    def loss(x):
        return 0.5 * jnp.sum(curvature * x**2)

    def step(_, carry):
        x, state = carry
        updates, state = transform.update(jax.grad(loss)(x), state, x)
        return optax.apply_updates(x, updates), state

    x = jnp.array([1.0, -2.0, 3.0])
    return loss(jax.lax.fori_loop(0, steps, step, (x, transform.init(x)))[0])


GRID = np.array(
    list(itertools.product((0.01, 0.1), (0.0, 1.0), (0.0, 1.0), (0.0, 0.9), (0.99, 0.9999), (1e-8, 1e-3), (0.0, 7.0))),
    np.float32,
)


def test_every_hyperparameter_vmaps_in_one_program():
    traced = []

    def counted(numbers):
        traced.append(1)
        return descend(numbers)

    swept = jax.jit(jax.vmap(counted))(GRID)
    assert len(traced) == 1
    some = np.random.default_rng(1).choice(len(GRID), 8, replace=False)
    alone = [jax.jit(descend)(numbers) for numbers in GRID[some]]
    np.testing.assert_allclose(swept[some], alone, rtol=2e-5)
    assert len(np.unique(np.asarray(swept))) > len(GRID) // 2


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
def test_jit_equals_eager(start):
    transform = adam.adam(0.1, start)
    grads = jnp.asarray(gradients(5), jnp.float32)
    state, eager = transform.init(grads[0]), []
    for g in grads:
        updates, state = transform.update(g, state)
        eager.append(updates)
    np.testing.assert_allclose(directions(transform, grads), eager, rtol=1e-5)


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
def test_gradients_in_the_hyperparameters_equal_differences(start):
    def loss(rate, beta1, beta2, epsilon, warmup):
        return descend(jnp.stack((rate, *map(jnp.asarray, start), beta1, beta2, epsilon, warmup)))

    with jax.enable_x64(True):
        check_grads(loss, tuple(jnp.array([0.05, 0.9, 0.99, 1e-3, 7.0])), order=1, modes=("rev",), rtol=1e-4)


def test_gradient_is_finite_where_beta_is_zero():
    assert np.isfinite(jax.grad(total_weight, argnums=1)(3, 0.0))
