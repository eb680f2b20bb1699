"""Slopes, curvatures and numerical gradients against autodiff and closed forms; planted bugs are found and named."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree

from dlnotes.maths import derivatives, quadratics

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(6, 3)), RNG.normal(size=(6, 2))


def network(seed=0):
    rng = np.random.default_rng(seed)
    shapes = {"first": {"kernel": (3, 4), "bias": (4,)}, "second": {"kernel": (4, 2), "bias": (2,)}}
    return jax.tree.map(lambda s: jnp.asarray(rng.normal(size=s)), shapes, is_leaf=lambda s: isinstance(s, tuple))


def loss(params, penalty=0.1):
    h = jnp.tanh(jnp.asarray(X) @ params["first"]["kernel"] + params["first"]["bias"][None])
    y = h @ params["second"]["kernel"] + params["second"]["bias"][None]
    return jnp.mean((y - jnp.asarray(Y)) ** 2) + penalty * optax.tree.norm(params, squared=True)


@pytest.mark.usefixtures("float64")
def test_slope_and_curvature_along_a_direction_are_those_of_the_dense_derivatives():
    params, direction = network(), network(1)
    x, restore = ravel_pytree(params)
    d = ravel_pytree(direction)[0]
    g, h = jax.grad(lambda v: loss(restore(v)))(x), jax.hessian(lambda v: loss(restore(v)))(x)
    u = d / jnp.linalg.norm(d)
    slopes = jax.jit(lambda d: derivatives.directional_derivatives(loss, params, d))
    along = slopes(direction)
    np.testing.assert_allclose(along, (g @ u, u @ h @ u), rtol=1e-10)
    descent = jax.jit(lambda p: derivatives.along_descent(loss, p))(params)
    np.testing.assert_allclose(descent, (g @ g, g @ h @ g), rtol=1e-10)
    steepest = slopes(jax.tree.map(jnp.negative, restore(g)))
    np.testing.assert_allclose(steepest.slope, -jnp.linalg.norm(g), rtol=1e-12)
    assert slopes(jax.tree.map(jnp.zeros_like, params)) == (0, 0)


@pytest.mark.usefixtures("float64")
def test_on_a_quadratic_the_model_is_exact_and_no_step_beats_the_optimal_one():
    matrix, _ = quadratics.random_quadratic(jax.random.key(0), 20.0, 5)
    x = jnp.asarray(RNG.normal(size=5))
    g = matrix @ x
    along = derivatives.along_descent(lambda v: quadratics.quadratic(matrix, v), x)

    def decrease(step):
        return quadratics.quadratic(matrix, x) - quadratics.quadratic(matrix, x - step * g)

    steps = jnp.linspace(0.0, 2.0, 41)
    np.testing.assert_allclose(derivatives.taylor_decrease(along, steps), jax.vmap(decrease)(steps), atol=1e-10)
    best = derivatives.optimal_step_size(along)
    np.testing.assert_allclose(best, (g @ g) / (g @ matrix @ g), rtol=1e-12)
    assert 1 / 20 < best < 1
    assert decrease(best) >= jax.vmap(decrease)(best * jnp.array([0.9, 1.1])).max()
    np.testing.assert_allclose(decrease(best), best * (g @ g) / 2, rtol=1e-10)
    np.testing.assert_allclose(decrease(2 * best), 0, atol=1e-10)


def test_where_the_model_falls_for_ever_the_optimal_step_is_infinite_and_at_rest_it_is_zero():
    down = derivatives.along_descent(lambda x: -jnp.sum(x**2), jnp.ones(2))
    linear = derivatives.along_descent(jnp.sum, jnp.ones(2))
    rest = derivatives.along_descent(lambda x: jnp.sum(x**4), jnp.zeros(2))
    assert [float(derivatives.optimal_step_size(along)) for along in (down, linear, rest)] == [np.inf, np.inf, 0.0]


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(("two_sided", "order"), [(True, 2), (False, 1)])
def test_numerical_gradient_has_its_order(two_sided, order):
    params, exact = network(), jax.grad(loss)(network())
    differences = jax.jit(lambda step: derivatives.numerical_gradient(loss, params, step, two_sided=two_sided))
    errors = [float(optax.tree.norm(optax.tree.sub(differences(step), exact))) for step in (1e-2, 1e-3)]
    np.testing.assert_allclose(np.log10(errors[0] / errors[1]), order, atol=0.03)
    default = derivatives.numerical_gradient(loss, params, two_sided=two_sided)
    assert derivatives.relative_distance(default, exact) < (1e-9 if two_sided else 1e-6)


def test_batches_of_any_size_and_vmap_agree():
    params = {"a": jnp.arange(5.0), "b": jnp.ones((2, 1))}

    def fun(p):
        return jnp.sum(jnp.sin(p["a"])) * jnp.sum(p["b"] ** 2)

    whole, one = (derivatives.numerical_gradient(fun, params, batch=batch) for batch in (64, 1))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5), whole, one)
    assert jax.tree.map(jnp.shape, whole) == jax.tree.map(jnp.shape, params)
    many = jax.tree.map(lambda leaf: jnp.stack([leaf, 2 * leaf]), params)
    mapped = jax.vmap(lambda p: derivatives.numerical_gradient(fun, p))(many)
    np.testing.assert_allclose(mapped["a"][0], whole["a"], rtol=1e-5, atol=1e-5)


def test_a_step_lost_in_rounding_gives_zero_not_nan():
    np.testing.assert_array_equal(derivatives.numerical_gradient(jnp.sum, jnp.full(2, 1e9), 1e-3), 0)


def test_whole_numbers_have_no_differences():
    with pytest.raises(TypeError, match="floating-point parameters, got int32"):
        derivatives.numerical_gradient(jnp.sum, jnp.arange(3))


@pytest.mark.usefixtures("float64")
def test_correct_code_passes_and_the_distance_is_the_printed_one():
    params = network()
    check = derivatives.gradient_check(loss, params)
    assert check.passed
    assert check.distance < 1e-9
    assert set(check.leaves) == {
        f"['{layer}']['{leaf}']" for layer in ("first", "second") for leaf in ("kernel", "bias")
    }
    a, b = RNG.normal(size=4), RNG.normal(size=4)
    want = np.linalg.norm(a - b) / (np.linalg.norm(a) + np.linalg.norm(b))
    np.testing.assert_allclose(derivatives.relative_distance({"x": a[:1], "y": a[1:]}, {"x": b[:1], "y": b[1:]}), want)
    assert derivatives.relative_distance(a, -a) == 1
    assert derivatives.relative_distance(0 * a, 0 * a) == 0


def wrong_entry(gradient):
    return gradient | {"first": gradient["first"] | {"kernel": gradient["first"]["kernel"].at[2, 1].mul(1.001)}}


def wrong_factor(gradient):
    return gradient | {"second": gradient["second"] | {"bias": 2 * gradient["second"]["bias"]}}


def wrong_number(gradient):
    return gradient | {"first": gradient["first"] | {"bias": gradient["first"]["bias"].at[3].set(jnp.nan)}}


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    ("bug", "path", "index"),
    [
        (wrong_entry, "['first']['kernel']", (2, 1)),
        (wrong_factor, "['second']['bias']", None),
        (wrong_number, "['first']['bias']", (3,)),
    ],
)
def test_planted_bugs_are_found_and_named(bug, path, index):
    params = network()
    check = derivatives.gradient_check(loss, params, lambda p: bug(jax.grad(loss)(p)))
    assert not check.passed
    assert check.path == path
    assert index in (None, check.index)
    exact = jax.grad(loss)(params)["first" if "first" in path else "second"]["kernel" if "kernel" in path else "bias"]
    np.testing.assert_allclose(check.numeric, exact[check.index], rtol=1e-6)
    wrong_leaves = [leaf for leaf, distance in check.leaves.items() if not distance < 1e-7]
    assert wrong_leaves == [path]


@pytest.mark.usefixtures("float64")
def test_a_forgotten_penalty_and_a_fresh_mask_fail_but_a_fixed_mask_passes():
    params = network()
    forgotten = derivatives.gradient_check(loss, params, jax.grad(lambda p: loss(p, 0.0)))
    assert forgotten.distance > 0.05

    def dropped(p, mask):
        return loss(p | {"second": optax.tree.mul(p["second"], mask)})

    masks = [
        jax.tree.map(lambda leaf, rng=rng: jnp.asarray(rng.random(leaf.shape) < 0.5, float), params["second"])
        for rng in (np.random.default_rng(1), np.random.default_rng(2))
    ]
    assert derivatives.gradient_check(lambda p: dropped(p, masks[0]), params).passed
    other = derivatives.gradient_check(lambda p: dropped(p, masks[0]), params, jax.grad(lambda p: dropped(p, masks[1])))
    assert other.distance > 0.1


def test_float32_cannot_meet_the_printed_tolerance():
    params = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), network())
    with pytest.raises(ValueError, match=r"float32 agree .* 4e-5 at best, got tolerance=1e-07: check in float64"):
        derivatives.gradient_check(loss, params)
    check = derivatives.gradient_check(loss, params, tolerance=3e-3)
    assert check.passed
    assert check.distance > 1e-6


def test_leaves_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"got \{'': \(3,\)\}"):
        derivatives.gradient_check(jnp.sum, jnp.ones(2), lambda p: jnp.ones(3), tolerance=1.0)
    with pytest.raises(TypeError, match="int32"):
        derivatives.gradient_check(jnp.sum, jnp.arange(2))
