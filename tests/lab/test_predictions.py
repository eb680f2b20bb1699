"""Predictions: what may be declared, and how results are judged."""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xarray as xr

from dlnotes.lab import verdicts
from dlnotes.lab.errors import LabError
from dlnotes.lab.predictions import Equivalent, Greater, Less, Prediction, judge

SEEDS = 16


def gap(results) -> xr.DataArray:
    loss = results["training"].loss
    return loss.sel(arm="xavier") - loss.sel(arm="he")


def effects(values) -> dict[str, xr.Dataset]:
    """Results of one study, `training`, whose two arms differ by these values over seeds."""
    arms = xr.DataArray(np.stack([values, np.zeros_like(values)]), dims=("arm", "seed"))
    return {"training": xr.Dataset({"loss": arms}, {"arm": ["xavier", "he"], "seed": np.arange(len(values))})}


HE_LOWER = Greater("he_lower", "He ends lower", gap, source="cs182 4.4.2")


def judged(prediction: Prediction, values) -> verdicts.Verdict:
    (verdict,) = judge([prediction], effects(values))
    return verdict


def equivalent(within: float, target: float = 0.0) -> Prediction:
    return Equivalent("alike", "neither is lower", gap, source="cs182 4.4.2", within=within, target=target)


# --- declaring


def test_constructors_say_what_they_claim():
    assert (HE_LOWER.direction, HE_LOWER.margin, HE_LOWER.target) == ("greater", 0.0, 0.0)
    less = Less("a", "s", gap, source="x", margin=0.5)
    assert (less.direction, less.margin, less.target) == ("less", 0.5, 0.0)
    alike = equivalent(0.1, 2.0)
    assert (alike.direction, alike.margin, alike.target) == ("equivalent", 0.1, 2.0)
    assert alike.effect is gap


GOOD: dict[str, Any] = {"id": "a", "statement": "s", "effect": gap, "source": "x"}


@pytest.mark.parametrize(
    ("make", "change", "message"),
    [
        (Greater, {"id": "He wins"}, "a prediction's id is a snake_case name such as he_trains_deeper, got 'He wins'"),
        (Greater, {"id": ""}, "a prediction's id is a snake_case name such as he_trains_deeper, got ''"),
        (Less, {"id": "2nd"}, "a prediction's id is a snake_case name such as he_trains_deeper, got '2nd'"),
        (Greater, {"statement": " "}, "prediction a needs a statement: a text, got ' '"),
        (Greater, {"source": ""}, "prediction a needs a source: a text, got ''"),
        (Greater, {"source": None}, "prediction a needs a source: a text, got None"),
        (Greater, {"effect": 3}, "prediction a: effect is a function of the results, got 3"),
        (Greater, {"margin": math.nan}, "prediction a: margin is a finite number, got nan"),
        (Less, {"margin": math.inf}, "prediction a: margin is a finite number, got inf"),
        (Less, {"margin": "0.1"}, "prediction a: margin is a finite number, got '0.1'"),
        (Greater, {"margin": True}, "prediction a: margin is a finite number, got True"),
        (Less, {"margin": -0.1}, "prediction a: margin is 0 or more, got -0.1; shift the effect instead"),
        (Equivalent, {"within": 0.0}, "prediction a: within is a tolerance above 0, got 0.0"),
        (Equivalent, {"within": -1}, "prediction a: within is a tolerance above 0, got -1"),
        (Equivalent, {"within": math.nan}, "prediction a: within is a finite number, got nan"),
        (Equivalent, {"within": 1, "target": math.inf}, "prediction a: target is a finite number, got inf"),
    ],
)
def test_a_prediction_that_cannot_be_judged_is_refused_when_declared(make, change, message):
    with pytest.raises(LabError) as caught:
        make(**GOOD | change)
    assert str(caught.value) == message


# --- judging


def test_a_real_effect_is_supported_and_a_reversed_one_refuted():
    noise = np.random.default_rng(0).normal(0, 0.1, SEEDS)
    less = Less("he_higher", "He ends higher", gap, source="x", margin=0.1)
    for sign, words in ((1, ("supported", "refuted")), (-1, ("refuted", "supported"))):
        results = effects(sign * (0.5 + noise))
        assert tuple(verdict.verdict for verdict in judge([HE_LOWER, less], results)) == words


def test_a_verdict_holds_the_numbers_of_its_effects():
    x = np.random.default_rng(1).normal(0.5, 0.2, SEEDS)
    verdict = judged(Greater("a", "He ends lower", gap, source="cs182 4.4.2", margin=0.1), x)
    assert verdict.effect == pytest.approx(x.mean(), rel=1e-14)
    assert verdict.low < verdict.effect < verdict.high
    assert (verdict.low + verdict.high) / 2 == pytest.approx(x.mean(), abs=0.03)
    assert (verdict.n_seeds, verdict.n_nonfinite, verdict.margin, verdict.target) == (SEEDS, 0, 0.1, 0.0)
    assert verdict.p == verdict.p_holm == 2 * 2.0**-SEEDS
    assert (verdict.id, verdict.statement, verdict.source) == ("a", "He ends lower", "cs182 4.4.2")
    assert verdict.direction == "greater"


def test_the_margin_is_part_of_the_claim():
    x = 0.5 + np.random.default_rng(2).normal(0, 0.1, SEEDS)
    found = {m: judged(Greater("a", "s", gap, source="x", margin=m), x).verdict for m in (0.0, 0.3, 0.5, 0.7)}
    assert found == {0.0: "supported", 0.3: "supported", 0.5: "inconclusive", 0.7: "refuted"}


def test_equivalence_needs_the_whole_interval_inside():
    x = np.random.default_rng(3).normal(0, 0.1, SEEDS)
    assert judged(equivalent(0.2), x).verdict == "supported"
    assert judged(equivalent(0.2, target=3.0), 3 + x).verdict == "supported"
    assert judged(equivalent(0.02), x).verdict == "inconclusive"
    assert judged(equivalent(0.2), x + 0.5).verdict == judged(equivalent(0.2), x - 0.5).verdict == "refuted"
    assert judged(equivalent(0.2), x[:4]).verdict == "inconclusive"


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_identical_arms_say_nothing_but_that_they_are_alike(dtype):
    zeros = np.zeros(SEEDS, dtype)
    verdict = judged(HE_LOWER, zeros)
    assert (verdict.verdict, verdict.p, verdict.low, verdict.high) == ("inconclusive", 1.0, 0.0, 0.0)
    assert verdict.reason == "interval [0, 0] holds 0; all 16 effects are equal"
    assert judged(equivalent(1e-9), zeros).verdict == "supported"


def test_an_effect_equal_to_its_margin_but_for_rounding_is_inconclusive():
    tied = Greater("a", "s", gap, source="x", margin=0.1)
    for values in (np.full(SEEDS, 0.1), np.full(SEEDS, 0.1, np.float32), np.full(SEEDS, 0.3) - 0.2):
        assert judged(tied, values).verdict == "inconclusive"


def test_the_repeats_of_a_cost_and_truth_values_are_effects_too():
    timing = {"timing": xr.Dataset({"seconds": ("repeat", np.linspace(1, 2, 12))})}
    (verdict,) = judge([Greater("slow", "s", lambda r: r["timing"].seconds, source="x", margin=0.5)], timing)
    assert (verdict.verdict, verdict.n_seeds) == ("supported", 12)
    share = Greater("mostly", "s", lambda r: gap(r) > 0, source="x", margin=0.5)
    assert judged(share, np.ones(SEEDS)).verdict == "supported"


def test_judging_again_gives_the_same_verdicts_in_any_order_of_seeds():
    x = np.random.default_rng(4).lognormal(size=24)
    first = judged(HE_LOWER, x)
    assert judged(HE_LOWER, x) == first
    assert judged(HE_LOWER, x[::-1]) == first


def test_holm_is_over_all_predictions_that_were_tested():
    x = np.random.default_rng(5).normal(0.3, 0.4, SEEDS)
    alone = judged(HE_LOWER, x)
    assert 0.0125 < alone.p < 0.05, "a case that four comparisons change"
    assert alone.verdict == "supported"
    family = [Greater(f"p{i}", "s", gap, source="x") for i in range(4)]
    for verdict in judge(family, effects(x)):
        assert verdict.p_holm == pytest.approx(4 * alone.p)
        assert verdict.verdict == "inconclusive"
        assert "Holm's correction over 4 predictions" in verdict.reason
    absent = [Greater(f"q{i}", "s", lambda r: r["validation"].loss, source="x") for i in range(3)]
    first = judge([HE_LOWER, *absent], effects(x), lenient=True)[0]
    assert first == alone


@pytest.mark.parametrize("strange", [np.nan, np.inf, -np.inf])
def test_effects_that_are_not_finite_are_counted_and_decide_nothing(strange):
    x = np.full(SEEDS, 5.0)
    x[[4, 9]] = strange
    verdict = judged(HE_LOWER, x)
    assert (verdict.verdict, verdict.n_seeds, verdict.n_nonfinite) == ("inconclusive", SEEDS, 2)
    assert verdict.reason == "2 of 16 effects are not finite (first: seed 4)"
    assert np.isnan([verdict.effect, verdict.low, verdict.high, verdict.p, verdict.p_holm]).all()
    results = effects(x)
    results["training"] = results["training"].isel(seed=slice(3, 9))
    assert judge([HE_LOWER], results)[0].reason == "1 of 6 effects is not finite (first: seed 4)"


def test_an_effect_that_divides_by_zero_does_so_without_a_warning():
    ratio = Greater("a", "s", lambda r: np.log(gap(r)), source="x")
    assert judged(ratio, np.zeros(SEEDS)).n_nonfinite == SEEDS


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_replicates_decide_nothing(n):
    verdict = judged(HE_LOWER, np.ones(n))
    assert (verdict.verdict, verdict.n_seeds) == ("inconclusive", n)
    assert verdict.reason == f"a decision needs at least 6 replicates, got {n}"
    assert math.isnan(verdict.p)
    assert verdict.effect == 1.0 or n == 0


# --- results that do not fit

THERE = "the results hold training: loss over arm (xavier, he), seed (16)"
WANTED = "one number for each replicate is wanted, an xarray.DataArray with the single dimension 'seed' or 'repeat'"


@pytest.mark.parametrize(
    ("effect", "cause"),
    [
        (lambda r: r["training"].loss.sel(arm="glorot"), "not all values found in index 'arm'"),
        (lambda r: r["validation"].loss, "validation"),
        (lambda r: r["training"].accuracy, "'Dataset' object has no attribute 'accuracy'"),
        (lambda r: r["training"].loss.mean("step"), "'step' not found in array dimensions ('arm', 'seed')"),
        (lambda r: r["training"].loss.isel(arm=5), "index 5 is out of bounds"),
        (
            lambda r: r["training"].loss,
            f"its effect has the dimensions (arm, seed); {WANTED}: select or average over arm",
        ),
        (
            lambda r: r["training"].loss.mean("seed"),
            f"its effect has the dimensions (arm); {WANTED}: select or average over arm",
        ),
        (lambda r: {}["one\n  or two"], "one or two"),
        (
            lambda r: r["training"].loss.mean(),
            f"its effect has the dimensions (); {WANTED}: do not average over the replicates",
        ),
    ],
)
def test_an_effect_that_does_not_fit_is_an_error_or_leniently_not_tested(effect, cause):
    prediction = Greater("odd", "s", effect, source="x")
    with pytest.raises(LabError) as caught:
        judge([prediction], effects(np.ones(SEEDS)))
    message = str(caught.value)
    assert message.startswith(f"prediction odd does not fit the results: {cause}")
    assert message.endswith(f"; {THERE}")
    assert "\n" not in message
    (verdict,) = judge([prediction], effects(np.ones(SEEDS)), lenient=True)
    assert (verdict.verdict, verdict.n_seeds) == ("inconclusive", 0)
    assert verdict.reason.startswith(f"not tested: {cause}")
    assert "\n" not in verdict.reason


def test_results_may_be_anything_with_studies_and_long_axes_are_counted():
    long = xr.Dataset({"loss": (("step", "arm"), np.ones((40, 13)))}, {"step": range(40), "arm": range(13)})
    with pytest.raises(
        LabError, match=r"the results hold training: loss over step \(40\), arm \(13\); no: loss over"
    ) as caught:
        judge([Less("a", "s", lambda r: r.none, source="x")], SimpleNamespace(training=long, no=long, more=3))
    assert "more" not in str(caught.value)


@pytest.mark.parametrize(
    ("effect", "message"),
    [
        (lambda r: 3.0, f"prediction odd: its effect is a float; {WANTED}"),
        (lambda r: gap(r).values, f"prediction odd: its effect is a ndarray; {WANTED}"),
        (lambda r: gap(r).astype(complex), f"prediction odd: its effect holds complex128; {WANTED}, of real numbers"),
        (lambda r: gap(r).astype(str), f"prediction odd: its effect holds <U32; {WANTED}, of real numbers"),
    ],
)
def test_an_effect_that_is_no_labelled_row_of_numbers_is_an_error_always(effect, message):
    with pytest.raises(LabError) as caught:
        judge([Greater("odd", "s", effect, source="x")], effects(np.ones(SEEDS)), lenient=True)
    assert str(caught.value) == message


def test_seeds_that_do_not_match_are_refused_not_dropped():
    results = effects(np.ones(SEEDS)) | {"other": effects(np.ones(8))["training"]}
    paired = Greater("a", "s", lambda r: gap(r) - r["other"].loss.sel(arm="he"), source="x")
    with pytest.raises(LabError, match="prediction a does not fit the results: cannot align"):
        judge([paired], results)


def test_a_mistake_in_an_effect_is_not_taken_for_missing_results():
    with pytest.raises(TypeError):
        judge([Greater("a", "s", lambda r: gap(r) + object(), source="x")], effects(np.ones(SEEDS)), lenient=True)
