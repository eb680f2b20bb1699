"""Every optimizer of dlnotes.optim keeps the same promises: one table of methods, one suite of properties.

They converge; keep dtype and structure; are the same compiled, eager, and vmapped over their rate, compiled once; stand
still at a gradient of zero; leave masked leaves alone; their states come back from a checkpoint.
"""

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple, get_type_hints

import jax
import jax.numpy as jnp
import numpy as np
import optax
import orbax.checkpoint as ocp
import pytest

from dlnotes import optim
from dlnotes.maths.test_functions import rosenbrock
from dlnotes.optim import adam, adaptive, averaging, clipping, methods, momentum, schedules
from dlnotes.optim.conjugate_gradient import fletcher_reeves, polak_ribiere, scale_by_conjugate_gradient
from dlnotes.optim.line_search import scale_by_quadratic_step
from dlnotes.optim.newton import newton, newton_cg
from dlnotes.optim.quasi_newton import bfgs, lbfgs
from dlnotes.optim.switch import switch


class Case(NamedTuple):
    """A method made from its rate, with two rates that suit a bowl in 400 steps.

    `valley`: rate and steps that suit Rosenbrock's valley, None where nothing but a line search or luck would do.
    `whole`: it calls the function itself, which does not know of masks.
    """

    make: Callable[[Any], optax.GradientTransformation]
    rates: tuple[float, float]
    valley: tuple[float, int] | None = None
    whole: bool = False


def slowing(rate):
    return schedules.inverse_time(rate, 0.02)


def conjugate(beta):
    """Conjugate gradients with the exact step on a quadratic, cut to a share of it."""
    return lambda rate: optax.chain(
        scale_by_conjugate_gradient(beta), optax.scale(-1.0), scale_by_quadratic_step(), optax.scale(rate)
    )


def searching(name):
    """A method with a line search, cut to a share of its step."""
    return lambda rate: optax.chain(methods.method(name), optax.scale(rate))


def everything(rate):
    """All that is no method by itself, around momentum."""
    return optax.chain(
        clipping.record_norms(3),
        optax.clip_by_global_norm(1.0),
        momentum.sgd(schedules.linear_warmup(schedules.cosine(rate, 400), 5)),
        schedules.reduce_on_plateau(patience=50, factor=0.9),
        averaging.average_params(0.9),
        averaging.keep_snapshots([1, 3]),
    )


def rmsprop(**numbers):
    return lambda rate: adaptive.rmsprop(slowing(rate), **numbers)


def looking_ahead(make, alpha):
    return lambda rate: momentum.look_ahead(make(rate), alpha)


SLOW, SIGNS, ADAM = (5e-4, 8000), (0.05, 8000), (0.02, 8000)
CASES = {
    "descent": Case(lambda r: momentum.sgd(r, 0.0), (0.1, 0.3), (1e-3, 40_000)),
    "heavy ball": Case(momentum.sgd, (0.01, 0.05), SLOW),
    "heavy ball, slowing": Case(lambda r: momentum.sgd(slowing(r)), (0.05, 0.1)),
    "averaged": Case(lambda r: momentum.sgd(r, 0.9, momentum.AVERAGED), (0.1, 0.5), (5e-3, 8000)),
    "accumulated, Nesterov": Case(lambda r: momentum.sgd(r, 0.9, momentum.ACCUMULATED, 1.0), (0.01, 0.05), SLOW),
    "looking ahead": Case(looking_ahead(momentum.sgd, 0.9), (0.01, 0.05), SLOW, whole=True),
    "AdaGrad": Case(adaptive.adagrad, (0.5, 1.0), (0.5, 20_000)),
    "AdaGrad without ε": Case(lambda r: adaptive.adagrad(r, adaptive.ABSENT), (0.5, 1.0), (0.5, 20_000)),
    "RMSProp": Case(rmsprop(), (0.05, 0.1), SIGNS),
    "RMSProp without ε": Case(rmsprop(decay=0.9, epsilon=adaptive.ABSENT), (0.05, 0.1), SIGNS),
    "RMSProp, Nesterov": Case(rmsprop(momentum=0.5, nesterov=1.0, corrected=1.0), (0.05, 0.1), SIGNS),
    "RMSProp, looking ahead": Case(looking_ahead(rmsprop(momentum=0.5), 0.5), (0.05, 0.1), SIGNS, whole=True),
    "Adam": Case(adam.adam, (0.03, 0.1), ADAM),
    "Adam, uncorrected": Case(lambda r: adam.adam(r, adam.UNCORRECTED, warmup=10), (0.03, 0.1), ADAM),
    "Adam, first gradient": Case(lambda r: adam.adam(r, adam.FIRST_GRADIENT), (0.03, 0.1), ADAM),
    "Newton": Case(newton, (0.5, 1.0), (0.5, 60), whole=True),
    "Newton, damped": Case(lambda r: newton(r, 0.5), (0.5, 1.0), (1.0, 4000), whole=True),
    "Newton by CG": Case(newton_cg, (0.5, 1.0), whole=True),
    "BFGS": Case(bfgs, (0.5, 1.0)),
    "L-BFGS": Case(lbfgs, (0.5, 1.0)),
    "by its name": Case(searching("newton-cg"), (0.9, 1.0), (1.0, 300), whole=True),
    "Fletcher–Reeves": Case(conjugate(fletcher_reeves), (0.9, 1.0), whole=True),
    "Polak–Ribière": Case(conjugate(polak_ribiere), (0.9, 1.0), whole=True),
    "switched": Case(lambda r: switch(1, (momentum.sgd(r), adam.adam(r))), (0.03, 0.1), ADAM),
    "everything": Case(everything, (0.01, 0.05)),
}
MINIMUM = {"a": np.array([1.0, -1.0]), "b": np.array(0.5)}
START = {"a": np.array([-1.2, 1.0]), "b": np.array(1.5)}


def bowl(x):
    return 0.5 * jnp.sum(jnp.array([1.0, 4.0]) * (x["a"] - MINIMUM["a"]) ** 2) + (x["b"] - MINIMUM["b"]) ** 2


def valley(x):
    return rosenbrock(jnp.append(x["a"], x["b"]))


def training(case, fun, steps, traced=None):
    """The function (rate, start) → (point, state) after so many steps; every tracing of it is noted in `traced`."""

    def train(rate, start):
        if traced is not None:
            traced.append(1)
        method = optax.with_extra_args_support(case.make(rate))

        def step(_, carry):
            x, state = carry
            value, grad = jax.value_and_grad(fun)(x)
            updates, state = method.update(grad, state, x, value=value, grad=grad, value_fn=fun)
            return optax.apply_updates(x, updates), state

        return jax.lax.fori_loop(0, steps, step, (start, method.init(start)))

    return train


@cache
def compiled(name, steps):
    return jax.jit(training(CASES[name], bowl, steps))


def arrays(tree, dtype=jnp.float32):
    return jax.tree.map(lambda x: jnp.asarray(x, dtype), tree)


def assert_close(got, want, **tolerance):
    jax.tree.map(lambda g, w: np.testing.assert_allclose(g, w, **tolerance), got, want)


every = pytest.mark.parametrize("name", CASES)


@every
def test_sweeping_the_rate_is_one_program_equal_to_a_loop_and_every_rate_reaches_the_minimum(name):
    case, traced, start = CASES[name], [], arrays(START)
    sweep = jax.jit(jax.vmap(training(case, bowl, 400, traced), (0, None)))
    rates = jnp.array([*case.rates, np.mean(case.rates)])
    together, _ = sweep(rates, start)
    sweep(rates / 2, start)
    assert len(traced) == 1
    for i, rate in enumerate(rates):
        alone = compiled(name, 400)(rate, start)[0]
        assert_close(jax.tree.map(lambda x, i=i: x[i], together), alone, rtol=2e-4, atol=2e-5)
        assert_close(alone, MINIMUM, atol=0.02)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.valley])
def test_goes_down_the_valley(float64, name):
    rate, steps = CASES[name].valley
    end, _ = jax.jit(training(CASES[name], valley, steps))(rate, arrays(START, float))
    assert_close(end, {"a": np.ones(2), "b": 1.0}, atol=0.03)


@every
def test_dtype_and_structure_are_kept(float64, name):
    case = CASES[name]
    for dtype, rates in ((jnp.float32, jnp.float32), (jnp.float32, jnp.float64), (jnp.float64, jnp.float64)):
        rate, start = jnp.asarray(case.rates[0], rates), arrays(START, dtype)
        first = jax.eval_shape(training(case, bowl, 0), rate, start)
        later = jax.eval_shape(training(case, bowl, 2), rate, start)
        assert jax.tree.structure(first) == jax.tree.structure(later)
        kinds = [jax.tree.map(lambda x: (x.shape, x.dtype), tree) for tree in (first, later)]
        assert kinds[0] == kinds[1]
        floats = {x.dtype for x in jax.tree.leaves(later) if jnp.issubdtype(x.dtype, jnp.floating)}
        assert floats == {jnp.dtype(dtype)}


@every
def test_eager_equals_compiled(name):
    case, x = CASES[name], arrays(START)
    rate = case.rates[0]
    method = optax.with_extra_args_support(case.make(rate))
    state = method.init(x)
    for _ in range(3):
        value, grad = jax.value_and_grad(bowl)(x)
        updates, state = method.update(grad, state, x, value=value, grad=grad, value_fn=bowl)
        x = optax.apply_updates(x, updates)
    assert_close((x, state), compiled(name, 3)(jnp.float32(rate), arrays(START)), rtol=1e-4, atol=1e-5)


@every
def test_a_gradient_of_zero_moves_nothing_and_does_no_harm(name):
    rate, still = jnp.float32(CASES[name].rates[0]), arrays(MINIMUM)
    x, state = compiled(name, 3)(rate, still)
    assert_close(x, still, rtol=0)
    kept = [leaf for leaf in jax.tree.leaves(state) if leaf.dtype == jnp.float32]
    assert not any(np.isnan(leaf).any() for leaf in kept)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.whole])
def test_masked_leaves_are_left_alone(name):
    x, grads = arrays(START), jax.grad(bowl)(arrays(START))
    plain = optax.with_extra_args_support(CASES[name].make(CASES[name].rates[0]))
    mask = {"a": True, "b": False}
    labels = {"a": "trained", "b": "frozen"}

    def one(method, grads, x):
        return jax.jit(lambda g, x: method.update(g, method.init(x), x, value=1.0)[0])(grads, x)

    want = one(plain, {"a": grads["a"]}, {"a": x["a"]})["a"]
    masked = one(optax.masked(plain, mask), grads, x)
    several = one(optax.multi_transform({"trained": plain, "frozen": optax.set_to_zero()}, labels), grads, x)
    assert_close(masked, {"a": want, "b": grads["b"]}, rtol=1e-6)
    assert_close(several, {"a": want, "b": 0.0}, rtol=1e-6)


def test_states_come_back_from_a_checkpoint(tmp_path):
    states = {name: compiled(name, 3)(jnp.float32(case.rates[0]), arrays(START)) for name, case in CASES.items()}
    with ocp.StandardCheckpointer() as keeper:
        keeper.save(tmp_path / "states", states)
        keeper.wait_until_finished()
        back = keeper.restore(tmp_path / "states", jax.tree.map(ocp.utils.to_shape_dtype_struct, states))
    assert jax.tree.structure(back) == jax.tree.structure(states)
    jax.tree.map(np.testing.assert_array_equal, back, states)


def makers():
    """Every public function of dlnotes.optim that says it returns a transformation, by its code."""
    kinds = (optax.GradientTransformation, optax.GradientTransformationExtraArgs)
    names = [f"dlnotes.optim.{module.name}" for module in pkgutil.iter_modules(optim.__path__)]
    functions = [f for name in names for f in vars(importlib.import_module(name)).values() if inspect.isfunction(f)]
    public = [f for f in functions if not f.__name__.startswith("_")]
    return {f.__code__: f for f in public if get_type_hints(f).get("return") in kinds}


def test_no_optimizer_is_missing_from_the_table():
    called = set()
    sys.setprofile(lambda frame, event, _: called.add(frame.f_code) if event == "call" else None)
    try:
        for case in CASES.values():
            case.make(case.rates[0])
    finally:
        sys.setprofile(None)
    assert sorted(f"{f.__module__}.{f.__name__}" for code, f in makers().items() if code not in called) == []
