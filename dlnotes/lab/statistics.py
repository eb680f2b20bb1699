"""What a few paired effects say of their mean: an interval, an exact test, and the price of asking many questions.

One effect is one number for each independent replicate (a seed). Everything here is a function of the effects alone,
whatever their order: random draws come from a fixed generator, so judging again gives the same numbers.
"""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

RESAMPLES = 9_999  # of the bootstrap
EXACT_UP_TO = 20  # replicates: 2^20 sign patterns take some milliseconds
DRAWS = 99_999  # sign patterns drawn beyond that: no p below 1/100,000


def mean(effects: np.ndarray) -> float:
    """The mean in float64, NaN of nothing; finite wherever the effects are."""
    values, scale = _scaled(effects)
    return scale * float(values[0] + np.mean(values - values[0])) if values.size else float("nan")


def interval(effects: np.ndarray, alpha: float = 0.05) -> tuple[float, float]:
    """The 1 − α bootstrap interval of the mean, bias-corrected and accelerated (Efron 1987), by SciPy.

    Equal effects give an interval of no width; fewer than two say nothing of their spread, and the interval is NaN.
    With few replicates it is somewhat too narrow, as every bootstrap is: it never decides a verdict alone.
    Raises `ValueError` for effects that are not finite.
    """
    from scipy import stats  # here, because it takes as long to import as JAX, and only judging needs it

    values, scale = _scaled(effects)
    if values.size < 2:
        return float("nan"), float("nan")
    start, width = values[0], np.ptp(values)
    if width == 0:
        return scale * float(start), scale * float(start)
    found = stats.bootstrap(
        ((values - start) / width,),
        np.mean,
        confidence_level=1 - alpha,
        n_resamples=RESAMPLES,
        batch=max(1, 2**22 // values.size),
        method="BCa",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return scale * float(start + width * found.low), scale * float(start + width * found.high)


def sign_flip_p(effects: np.ndarray, null: float, alternative: Literal["greater", "less"]) -> float:
    """How often random signs push the mean of d = effects − null as far to one side as it was seen.

    p = #{s ∈ {−1, 1}ⁿ : Σ sᵢdᵢ ≥ Σ dᵢ} / 2ⁿ   ("greater"; "less" mirrors it)

    Exact, whatever the distribution, where the effects are symmetric about `null`, as a difference of two exchangeable
    arms is about 0 (Fisher 1935). It is never below 2⁻ⁿ. More than 20 effects: 99,999 drawn patterns and the
    observed one. Sums that differ by no more than rounding, judged by the effects' own dtype, are ties and count.
    `scipy.stats.permutation_test` of one sample enumerates the same patterns, a thousand times slower, and takes
    rounded ties for differences where the observed sum is near 0.
    Raises `ValueError` for effects that are none or not finite, and for another alternative.
    """
    if alternative not in ("greater", "less"):
        raise ValueError(f"alternative is 'greater' or 'less', got {alternative!r}")
    given = np.asarray(effects)
    if not (given.ndim == 1 and given.size and np.isfinite(given).all() and np.isfinite(null)):
        raise ValueError(f"a sign-flip test needs a row of finite effects and a finite null, got {given} and {null}")
    precision = np.finfo(given.dtype).eps if given.dtype.kind == "f" else np.finfo(np.float64).eps
    scale = max(float(np.max(np.abs(given))), abs(null)) or 1.0
    toward = 1.0 if alternative == "greater" else -1.0
    d = np.sort(toward * (given.astype(np.float64) / scale - null / scale))
    sums = _signed_sums(d)
    rounding = float(precision) * (8 + d.size) * (np.abs(d).sum() + d.size * abs(null / scale))
    return float(np.mean(sums >= d.sum() - rounding))


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Holm's adjusted p-values: at most a share α of families has any false discovery among those ≤ α.

    p̃₍ᵢ₎ = max over j ≤ i of min(1, (m − j + 1) p₍ⱼ₎), returned in the order given (Holm 1979).
    Raises `ValueError` for a p outside [0, 1].
    """
    p = np.asarray(p_values, np.float64)
    if not np.all((p >= 0) & (p <= 1)):
        raise ValueError(f"p-values lie between 0 and 1, got {p}")
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.maximum.accumulate(np.minimum(1.0, np.arange(p.size, 0, -1) * p[order]))
    return adjusted


def _scaled(effects: np.ndarray) -> tuple[np.ndarray, float]:
    """The effects, sorted, in float64 over a power of two that keeps them below 2, and that power: no sum overflows."""
    values = np.sort(np.asarray(effects).astype(np.float64).ravel())
    if not np.isfinite(values).all():
        raise ValueError(f"effects must be finite, got {values}")
    largest = float(np.max(np.abs(values), initial=0.0))
    scale = math.ldexp(1.0, math.frexp(largest)[1] - 1) if largest else 1.0
    return values / scale, scale


def _signed_sums(d: np.ndarray) -> np.ndarray:
    """Σ sᵢdᵢ for every sign pattern, or, of long rows, for Σ dᵢ itself and a fixed draw of patterns."""
    if d.size <= EXACT_UP_TO:
        sums = np.zeros(1)
        for value in d:
            sums = np.concatenate((sums + value, sums - value))
        return sums
    generator = np.random.default_rng(0)
    blocks = np.array_split(np.arange(DRAWS), 1 + DRAWS * d.size // 2**22)
    drawn = [generator.integers(0, 2, (block.size, d.size), dtype=np.int8) @ (2 * d) - d.sum() for block in blocks]
    return np.concatenate(([d.sum()], *drawn))
