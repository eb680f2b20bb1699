"""Rosenbrock's function from (−1.2, 1, −1.2, 1, …) to max|g| ≤ 1e-5 in float64, and many random starts at once.

SciPy's loop is in C or NumPy and calls a compiled value-and-gradient; Optax's is a Python loop over a compiled step.
"""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from benchmarks.measure import Case, Prepare
from dlnotes.maths.test_functions import rosenbrock
from dlnotes.optim.minimize import minimize

X64 = True
TOLERANCE = 1e-5
STEPS = 20_000
SCIPY = {  # its names, and what makes it stop at the gradient and nothing else
    "l-bfgs": ("L-BFGS-B", {"ftol": 0.0, "gtol": TOLERANCE, "maxiter": STEPS, "maxfun": 10 * STEPS}),
    "bfgs": ("BFGS", {"gtol": TOLERANCE, "maxiter": STEPS}),
    "cg": ("CG", {"gtol": TOLERANCE, "maxiter": STEPS}),
}


def cases(quick: bool) -> Iterator[Case]:
    """One start for each size and method, then a thousand starts (ten if `quick`)."""
    for n in (2,) if quick else (2, 10, 100, 1000):
        start = jnp.tile(jnp.array([-1.2, 1.0]), n // 2)[None]
        for method in SCIPY:
            if method != "bfgs" or n <= 100:  # SciPy's takes minutes with 1,000 × 1,000 numbers
                yield Case(f"{method}, one start", {"n": n}, contestants(method, start))
    for n in (2,) if quick else (2, 10):
        count = 10 if quick else 1000
        starts = jax.random.normal(jax.random.key(0), (count, n))
        yield Case("l-bfgs, many starts", {"n": n, "starts": count}, contestants("l-bfgs", starts))


def contestants(method: str, starts: Array) -> dict[str, Prepare]:
    """Everyone who can solve all of these; Optax has L-BFGS alone."""
    ours = {"dlnotes": lambda: with_minimize(method, starts, "map")}
    if len(starts) > 1:
        ours["dlnotes, vmap"] = lambda: with_minimize(method, starts, "vmap")
    peers: dict[str, Prepare] = {"scipy": lambda: with_scipy(method, starts)}
    if method == "l-bfgs":
        peers["optax"] = lambda: with_optax(starts)
    return ours | peers


def with_minimize(method: str, starts: Array, how: str):
    """All starts in one compiled program: one after the other, or side by side."""

    def solve(x):
        end = minimize(
            rosenbrock, x, method, tol=TOLERANCE, max_iters=STEPS, residual=lambda x, f, g: jnp.max(jnp.abs(g))
        )
        return {"steps": end.nit, "solved": end.success}

    whole = (lambda x: jax.lax.map(solve, x)) if how == "map" else jax.vmap(solve)
    compiled = jax.jit(whole).lower(starts).compile()
    return lambda: compiled(starts)


def with_scipy(method: str, starts: Array):
    """One call for each start, with a compiled gradient."""
    from scipy import optimize

    points, (name, options) = np.asarray(starts), SCIPY[method]
    compiled = jax.jit(jax.value_and_grad(rosenbrock)).lower(starts[0]).compile()

    def fun(x):
        value, gradient = compiled(x)
        return float(value), np.asarray(gradient)

    def run():
        ends = [optimize.minimize(fun, x, jac=True, method=name, options=options) for x in points]
        return {"steps": np.array([end.nit for end in ends]), "solved": np.array([end.success for end in ends])}

    return run


def with_optax(starts: Array):
    """The loop of Optax's own example: a compiled step, called from Python until the gradient is small."""
    solver = optax.lbfgs()
    value_and_grad = optax.value_and_grad_from_state(rosenbrock)

    def advance(x, state):
        value, grad = value_and_grad(x, state=state)
        updates, after = solver.update(grad, state, x, value=value, grad=grad, value_fn=rosenbrock)
        return optax.apply_updates(x, updates), after, jnp.max(jnp.abs(grad))

    compiled = jax.jit(advance).lower(starts[0], solver.init(starts[0])).compile()

    def solve(x):
        state = solver.init(x)
        for step in range(STEPS):
            x, state, size = compiled(x, state)
            if size <= TOLERANCE:
                return step, True
        return STEPS, False

    def run():
        steps, solved = zip(*map(solve, starts), strict=True)
        return {"steps": np.array(steps), "solved": np.array(solved)}

    return run
