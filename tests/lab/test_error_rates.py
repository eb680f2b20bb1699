"""How often a verdict is wrong, over simulated experiments in which no claim holds."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from dlnotes.lab import verdicts
from dlnotes.lab.predictions import Equivalent, Greater, Prediction, judge

SEEDS = 16
EXPERIMENTS = 400
MORE = Greater("more", "the effect is above 0", lambda results: results, source="cs182 4.4.2")
ALIKE = Equivalent("alike", "the effect is small", lambda results: results, source="cs182 4.4.2", within=0.5)
DRAWS = {
    "normal": lambda rng: rng.normal(size=SEEDS),
    "lognormal": lambda rng: rng.lognormal(0.0, 1.5, SEEDS),
    "float32": lambda rng: rng.normal(size=SEEDS).astype(np.float32),
    "counts": lambda rng: rng.poisson(3, SEEDS),
}


def word(prediction: Prediction, values: np.ndarray) -> str:
    """The verdict on results that are the effects themselves."""
    (verdict,) = judge([prediction], xr.DataArray(values, dims="seed"))
    return verdict.verdict


def most(share: float, experiments: int = EXPERIMENTS) -> float:
    """The count of errors that a rate of `share` stays at or under 999 times in 1,000."""
    return float(stats.binom.ppf(0.999, experiments, share))


@pytest.mark.parametrize("name", DRAWS)
def test_under_no_effect_the_share_of_decided_verdicts_stays_at_alpha(name):
    """Two arms from one distribution, 16 seeds, 400 experiments: the paired difference is symmetric, the test exact."""
    rng = np.random.default_rng(6)
    draw = DRAWS[name]
    experiments = EXPERIMENTS if name in ("normal", "lognormal") else EXPERIMENTS // 4
    words = Counter(word(MORE, draw(rng) - draw(rng)) for _ in range(experiments))
    wrong = words["supported"] + words["refuted"]
    assert wrong <= most(0.05, experiments)
    if experiments == EXPERIMENTS:
        assert wrong >= stats.binom.ppf(0.001, EXPERIMENTS, 0.04), "near α, or the test has no power"


@pytest.mark.parametrize("end", [-0.5, 0.5])
def test_at_the_end_of_equivalence_the_share_of_decided_verdicts_stays_at_alpha(end):
    rng = np.random.default_rng(7)
    words = Counter(word(ALIKE, end + rng.normal(0, 0.4, SEEDS)) for _ in range(EXPERIMENTS // 2))
    assert words["supported"] + words["refuted"] <= most(0.05, EXPERIMENTS // 2)
    assert words["supported"] <= most(0.025, EXPERIMENTS // 2)
    assert min(words["supported"], words["refuted"]) > 0


def test_a_family_under_no_effect_seldom_has_any_decided_verdict():
    rng = np.random.default_rng(8)
    names = [f"m{i}" for i in range(5)]
    family = [Greater(name, "s", lambda r, name=name: r["training"][name], source="x") for name in names]
    families, alone, together = 100, 0, 0
    for _ in range(families):
        study = xr.Dataset({name: ("seed", rng.normal(size=SEEDS)) for name in names})
        found = judge(family, {"training": study})
        together += any(verdict.verdict != "inconclusive" for verdict in found)
        alone += any(verdicts.adjust([verdict])[0].verdict != "inconclusive" for verdict in found)
    assert together <= most(0.05, families)
    assert alone > together


def test_a_skewed_effect_at_a_margin_is_misjudged_more_often_but_not_wildly():
    """The trap that `verdicts` names, at its size: exponential effects whose mean is the margin."""
    rng = np.random.default_rng(9)
    claim = replace(MORE, margin=1.0)
    words = Counter(word(claim, rng.exponential(size=SEEDS)) for _ in range(EXPERIMENTS // 2))
    assert words["refuted"] > words["supported"]
    assert words["supported"] + words["refuted"] <= most(0.1, EXPERIMENTS // 2)
