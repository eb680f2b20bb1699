"""Predictions: declared before the run, each with one effect for each replicate, and judged by it.

A prediction claims an open range for the mean effect:

    Greater(margin=m)                (m, ∞)          more, by at least m
    Less(margin=m)                   (−∞, −m)        less, by at least m
    Equivalent(target=t, within=w)   (t − w, t + w)  no difference, or an exact law to a tolerance
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np
import xarray as xr

from dlnotes.lab import statistics
from dlnotes.lab.errors import LabError
from dlnotes.lab.verdicts import Direction, Verdict, adjust, enough, p_value

REPLICATES = ("seed", "repeat")  # the dimensions whose entries are independent


@dataclass(frozen=True)
class Prediction:
    """A sentence, the effect that would show it, and the range in which the mean effect must lie.

    Made by `Greater`, `Less` or `Equivalent`. `effect` maps results to an `xarray.DataArray` with the single dimension
    `seed` (or `repeat`): one number for each replicate, paired inside. `margin` is `Equivalent`'s `within`.
    """

    id: str
    statement: str
    effect: Callable[[Any], xr.DataArray]
    source: str
    direction: Direction
    margin: float = 0.0
    target: float = 0.0

    def __post_init__(self):
        if not (isinstance(self.id, str) and re.fullmatch(r"[a-z][a-z0-9_]*", self.id)):
            raise LabError(f"a prediction's id is a snake_case name such as he_trains_deeper, got {self.id!r}")
        for name in ("statement", "source"):
            text = getattr(self, name)
            if not (isinstance(text, str) and text.strip()):
                raise LabError(f"prediction {self.id} needs a {name}: a text, got {text!r}")
        if not callable(self.effect):
            raise LabError(f"prediction {self.id}: effect is a function of the results, got {self.effect!r}")
        called = "within" if self.direction == "equivalent" else "margin"
        for name, number in ((called, self.margin), ("target", self.target)):
            if isinstance(number, bool) or not (isinstance(number, Real) and math.isfinite(number)):
                raise LabError(f"prediction {self.id}: {name} is a finite number, got {number!r}")
        if called == "within" and self.margin <= 0:
            raise LabError(f"prediction {self.id}: within is a tolerance above 0, got {self.margin}")
        if self.margin < 0:
            raise LabError(f"prediction {self.id}: margin is 0 or more, got {self.margin}; shift the effect instead")


def Greater(id: str, statement: str, effect: Callable, *, source: str, margin: float = 0.0) -> Prediction:
    """The mean effect is above `margin` ≥ 0: more, by at least so much."""
    return Prediction(id, statement, effect, source, "greater", margin)


def Less(id: str, statement: str, effect: Callable, *, source: str, margin: float = 0.0) -> Prediction:
    """The mean effect is below −`margin` ≤ 0: less, by at least so much.

    The trap: `margin=3` is no "below 3"; for that let the effect be the value minus 3.
    """
    return Prediction(id, statement, effect, source, "less", margin)


def Equivalent(
    id: str, statement: str, effect: Callable, *, source: str, within: float, target: float = 0.0
) -> Prediction:
    """The mean effect is `target`, to `within` > 0: "no difference", or an exact law and its tolerance."""
    return Prediction(id, statement, effect, source, "equivalent", within, target)


def judge(
    predictions: Iterable[Prediction], results: Any, alpha: float = 0.05, *, lenient: bool = False
) -> tuple[Verdict, ...]:
    """The verdict on each prediction, Holm's correction made over all of them.

    `lenient` leaves a prediction that does not fit the results (a condition that these settings left out) inconclusive,
    "not tested"; without it `LabError` says which, and what the results hold. Within an effect, coordinates must
    match: xarray would else drop, without a word, the seeds or layers that two arrays do not share.
    """
    return adjust([_judged(prediction, results, alpha, lenient) for prediction in predictions], alpha)


class _Misfit(LabError):
    """An effect asks for what the results do not hold."""

    def __init__(self, prediction: Prediction, cause: str, results: Any):
        self.cause = " ".join(cause.split())
        super().__init__(
            f"prediction {prediction.id} does not fit the results: {self.cause}; the results hold {_described(results)}"
        )


def _judged(prediction: Prediction, results: Any, alpha: float, lenient: bool) -> Verdict:
    """One prediction by itself: its numbers, and a reason where there can be no test."""
    blank = Verdict(
        id=prediction.id,
        statement=prediction.statement,
        source=prediction.source,
        margin=float(prediction.margin),
        target=float(prediction.target),
        direction=prediction.direction,
    )
    try:
        effects = _effects(prediction, results)
    except _Misfit as misfit:
        if not lenient:
            raise
        return replace(blank, reason=f"not tested: {misfit.cause}")
    values, n = effects.values, effects.size
    strange = np.flatnonzero(~np.isfinite(values))
    if strange.size:
        (dim,) = effects.dims
        first = effects[dim].values[strange[0]]
        why = f"{strange.size} of {n} effects {'is' if strange.size == 1 else 'are'} not finite (first: {dim} {first})"
        return replace(blank, n_seeds=n, n_nonfinite=int(strange.size), reason=why)
    known = replace(blank, n_seeds=n, effect=statistics.mean(values))
    if n < 2:
        return replace(known, reason=f"a decision needs at least {enough(alpha)} replicates, got {n}")
    low, high = statistics.interval(values, alpha)
    return replace(known, low=low, high=high, p=p_value(values, known))


def _effects(prediction: Prediction, results: Any) -> xr.DataArray:
    """The prediction's effect, known to be one number for each replicate."""
    try:
        with np.errstate(all="ignore"), xr.set_options(arithmetic_join="exact"):
            effects = prediction.effect(results)
    except (KeyError, ValueError, IndexError, AttributeError) as error:
        raise _Misfit(prediction, str(error.args[0] if error.args else type(error).__name__), results) from error
    wanted = "one number for each replicate is wanted, an xarray.DataArray with the single dimension 'seed' or 'repeat'"
    if not isinstance(effects, xr.DataArray):
        raise LabError(f"prediction {prediction.id}: its effect is a {type(effects).__name__}; {wanted}")
    if effects.dtype.kind not in "fiub":
        raise LabError(f"prediction {prediction.id}: its effect holds {effects.dtype}; {wanted}, of real numbers")
    if len(effects.dims) != 1 or effects.dims[0] not in REPLICATES:
        extra = [str(dim) for dim in effects.dims if dim not in REPLICATES]
        mend = f"select or average over {', '.join(extra)}" if extra else "do not average over the replicates"
        dims = ", ".join(map(str, effects.dims))
        raise _Misfit(prediction, f"its effect has the dimensions ({dims}); {wanted}: {mend}", results)
    return effects


def _described(results: Any) -> str:
    """The measures and labels of the results, in one line."""
    studies = results if isinstance(results, Mapping) else vars(results)
    return "; ".join(f"{name}: {_measures(study)}" for name, study in studies.items() if isinstance(study, xr.Dataset))


def _measures(study: xr.Dataset) -> str:
    dims = []
    for dim, size in study.sizes.items():
        few = size <= 12 and dim in study.coords and dim not in (*REPLICATES, "step")
        dims.append(f"{dim} ({', '.join(map(str, study[dim].values)) if few else size})")
    return f"{', '.join(map(str, study.data_vars))} over {', '.join(dims)}"
