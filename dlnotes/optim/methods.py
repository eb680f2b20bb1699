"""Optimizers by name, each with the line search that SciPy's method of that name has."""

import difflib
from collections.abc import Callable

import optax

from dlnotes.optim.conjugate_gradient import scale_by_conjugate_gradient
from dlnotes.optim.newton import newton, newton_cg
from dlnotes.optim.quasi_newton import bfgs, lbfgs


def method(name: str) -> optax.GradientTransformationExtraArgs:
    """The optimizer of this name, in upper or lower case, with a line search that needs no setting.

    `gradient-descent`, `cg` (Polak–Ribière), `bfgs`, `l-bfgs` (10 pairs): strong Wolfe
    conditions, c₁ = 10⁻⁴ and c₂ = 0.9, or 0.4 for conjugate gradients. `newton` (dense), `newton-cg`: the step 1,
    halved until f falls enough (c₁ = 10⁻⁴). Raises ValueError for another name. Source: ee147 first vs second order.
    """
    if name.lower() not in _METHODS:
        near = difflib.get_close_matches(name.lower(), _METHODS, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise ValueError(
            f"no method is called {name!r}{hint}; there are {', '.join(_METHODS)}, or pass an Optax transformation"
        )
    return _METHODS[name.lower()]()


def _wolfe(first: str = "one", curvature: float = 0.9) -> optax.GradientTransformationExtraArgs:
    """Strong Wolfe conditions; tries 1 first, or ("keep") the last length, where directions have no natural length."""
    return optax.scale_by_zoom_linesearch(30, curv_rtol=curvature, initial_guess_strategy=first)


def _backtracking() -> optax.GradientTransformationExtraArgs:
    """Armijo's condition; the last length may be 2⁻³⁰, so 2³⁰ times it is 1 or more, and 1 is tried first."""
    return optax.scale_by_backtracking_linesearch(
        30, decrease_factor=0.5, increase_factor=2.0**30, max_learning_rate=1.0, store_grad=True
    )


_METHODS: dict[str, Callable[[], optax.GradientTransformationExtraArgs]] = {
    "gradient-descent": lambda: optax.chain(optax.scale(-1.0), _wolfe("keep")),
    "cg": lambda: optax.chain(scale_by_conjugate_gradient(), optax.scale(-1.0), _wolfe("keep", 0.4)),
    "newton": lambda: newton(linesearch=_backtracking()),
    "newton-cg": lambda: newton_cg(linesearch=_backtracking()),
    "bfgs": lambda: bfgs(linesearch=_wolfe()),
    "l-bfgs": lambda: lbfgs(linesearch=_wolfe()),
}
