"""The verdict on a prediction: the rule that decides, and the words that say why.

A claim is an open range (lower, upper) for the mean effect.

    p_for      the larger of the sign-flip tests, one for each end, that the mean lies inside that end
    p_against  the smaller of the tests that it lies beyond an end, times the number of ends
    p = min(1, 2 min(p_for, p_against))

*Supported* (*refuted*): Holm's adjusted p ≤ α and the whole 1 − α interval lies inside the range (beyond an end); else
*inconclusive*. Both are asked, so the exact test keeps α even where the bootstrap interval is too narrow. For a claim
with two ends p_for is Schuirmann's two one-sided tests (1987).

The trap: the test is exact where effects are symmetric about an end, as paired differences of two arms that do not
differ are about 0. Skewed effects with their mean at an end are misjudged more often than α: of a positive quantity
give the logarithm.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args, get_type_hints

import numpy as np

from dlnotes.lab import statistics
from dlnotes.lab.errors import LabError

NAN = float("nan")

Direction = Literal["greater", "less", "equivalent"]
VERDICTS = ("supported", "refuted", "inconclusive")


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the replicates say of a prediction: *supported*, *refuted* or *inconclusive*, and in one sentence why.

    `low` and `high` bound the interval of the mean `effect`; `margin` is the tolerance where `direction` is
    "equivalent". What could not be computed is NaN; a prediction whose p is NaN was not tested.
    """

    id: str
    statement: str
    source: str
    effect: float = NAN
    low: float = NAN
    high: float = NAN
    margin: float
    target: float
    direction: str
    n_seeds: int = 0
    n_nonfinite: int = 0
    p: float = NAN
    p_holm: float = NAN
    verdict: str = "inconclusive"
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: a number that is not finite becomes None."""
        return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "Verdict":
        """The inverse of `to_dict`; further keys are passed over. Raises `LabError` for a record that is no verdict."""
        kinds = get_type_hints(cls)
        values: dict[str, Any] = {}
        try:
            for name, kind in kinds.items():
                value = record[name]
                values[name] = NAN if value is None and kind is float else kind(value)
        except KeyError as error:
            raise LabError(f"a stored verdict lacks {error.args[0]!r}; judge the run again") from error
        except (TypeError, ValueError) as error:
            raise LabError(f"a stored verdict is damaged ({error}); judge the run again") from error
        for name, words in (("verdict", VERDICTS), ("direction", get_args(Direction))):
            if values[name] not in words:
                raise LabError(f"a stored verdict is damaged ({name} {values[name]!r}); judge the run again")
        return cls(**values)


def bounds(verdict: Verdict) -> tuple[float, float]:
    """The ends of the range that is claimed for the mean effect."""
    match verdict.direction:
        case "greater":
            return verdict.margin, math.inf
        case "less":
            return -math.inf, -verdict.margin
    return verdict.target - verdict.margin, verdict.target + verdict.margin


def p_value(effects: np.ndarray, verdict: Verdict) -> float:
    """Two-sided: small where the effects speak for the verdict's claim, and where they speak against it."""
    lower, upper = bounds(verdict)
    inside, beyond = [], []
    if math.isfinite(lower):
        inside.append(statistics.sign_flip_p(effects, lower, "greater"))
        beyond.append(statistics.sign_flip_p(effects, lower, "less"))
    if math.isfinite(upper):
        inside.append(statistics.sign_flip_p(effects, upper, "less"))
        beyond.append(statistics.sign_flip_p(effects, upper, "greater"))
    return min(1.0, 2 * max(inside), 2 * len(beyond) * min(beyond))


def adjust(verdicts: Iterable[Verdict], alpha: float = 0.05) -> tuple[Verdict, ...]:
    """The same verdicts decided as one family, a whole report: Holm over all that were tested.

    α must be the one they were judged with, which their intervals have.
    """
    verdicts = tuple(verdicts)
    tested = [v.p for v in verdicts if math.isfinite(v.p)]
    adjusted = iter(statistics.holm(tested))
    return tuple(_decided(v, float(next(adjusted)), len(tested), alpha) if math.isfinite(v.p) else v for v in verdicts)


def enough(alpha: float) -> int:
    """The fewest replicates that can decide a prediction judged alone: 2 · 2⁻ⁿ ≤ α."""
    return math.ceil(1 - math.log2(alpha))


def _decided(verdict: Verdict, p_holm: float, family: int, alpha: float) -> Verdict:
    """The verdict, given its p-value among those of its family."""
    lower, upper = bounds(verdict)
    low, high = min(verdict.low, verdict.effect), max(verdict.high, verdict.effect)
    word = "supported" if lower < low and high < upper else "refuted" if high < lower or low > upper else "inconclusive"
    reason = _place(verdict, word)
    if word != "inconclusive" and p_holm > alpha:
        word, reason = "inconclusive", f"{reason}, but {_doubt(verdict, p_holm, family, alpha)}"
    elif verdict.low == verdict.high:
        reason = f"{reason}; all {verdict.n_seeds} effects are equal"
    return replace(verdict, p_holm=p_holm, verdict=word, reason=reason)


def _place(verdict: Verdict, word: str) -> str:
    """Where the interval lies, with as many digits as tell its ends from those of the claim."""
    ends = [end for end in bounds(verdict) if math.isfinite(end)]
    low, high, *texts = _distinct(verdict.low, verdict.high, *ends)
    if len(ends) == 2:
        claim = f"{verdict.target:g} ± {verdict.margin:g}"
        where = {"supported": "lies within", "inconclusive": "reaches over an end of"}
    else:
        claim = f"the margin {texts[0]}" if verdict.margin else "0"
        where = {"inconclusive": "holds"}
    side = "lies above" if verdict.effect > max(ends) else "lies below"
    return f"interval [{low}, {high}] {where.get(word, side)} {claim}"


def _doubt(verdict: Verdict, p_holm: float, family: int, alpha: float) -> str:
    """Why the exact test does not share what the interval says."""
    p = f"p = {verdict.p:.3g}"
    if verdict.p <= alpha:
        return f"{p} becomes {p_holm:.3g} by Holm's correction over {family} predictions, above {alpha:g}"
    least = 2.0 ** (1 - verdict.n_seeds)
    if least <= alpha:
        return f"{p} is above {alpha:g}"
    return (
        f"{p} is above {alpha:g}: {verdict.n_seeds} replicates give {least:.3g} at best, run at least {enough(alpha)}"
    )


def _distinct(*numbers: float) -> list[str]:
    """The numbers in three digits, or as many as keep unequal ones apart."""
    digits = 3
    while digits < 17 and len({f"{number:.{digits}g}" for number in numbers}) < len(set(numbers)):
        digits += 1
    return [f"{number:.{digits}g}" for number in numbers]
