"""The rule that turns an interval and a p-value into a verdict, and the sentence that says why."""

import json
import math
from typing import Any

import numpy as np
import pytest

from dlnotes.lab import statistics, verdicts
from dlnotes.lab.errors import LabError
from dlnotes.lab.verdicts import NAN, Verdict


def made(
    low: float, high: float, direction: str = "greater", margin: float = 0.0, target: float = 0.0, **more: Any
) -> Verdict:
    """A verdict that awaits its family: the effect in the middle, 16 replicates, p = 0.001 unless told otherwise."""
    numbers: dict[str, Any] = {"effect": (low + high) / 2, "n_seeds": 16, "p": 0.001} | more
    claim: dict[str, Any] = {"direction": direction, "margin": margin, "target": target}
    return Verdict(id="a", statement="s", source="cs182 1", low=low, high=high, **claim, **numbers)


@pytest.mark.parametrize(
    ("direction", "margin", "target", "expected"),
    [
        ("greater", 0.0, 0.0, (0.0, math.inf)),
        ("greater", 0.1, 0.0, (0.1, math.inf)),
        ("less", 0.1, 0.0, (-math.inf, -0.1)),
        ("equivalent", 0.5, 2.0, (1.5, 2.5)),
    ],
)
def test_a_claim_is_a_range(direction, margin, target, expected):
    assert verdicts.bounds(made(0, 1, direction, margin, target)) == expected


@pytest.mark.parametrize(
    ("verdict", "word", "reason"),
    [
        (made(0.41, 0.55, margin=0.1), "supported", "interval [0.41, 0.55] lies above the margin 0.1"),
        (made(0.41, 0.55), "supported", "interval [0.41, 0.55] lies above 0"),
        (made(0.01, 0.05, margin=0.1), "refuted", "interval [0.01, 0.05] lies below the margin 0.1"),
        (made(-0.2, -0.1), "refuted", "interval [-0.2, -0.1] lies below 0"),
        (made(-0.1, 0.2), "inconclusive", "interval [-0.1, 0.2] holds 0"),
        (made(0.1, 0.2, margin=0.1), "inconclusive", "interval [0.1, 0.2] holds the margin 0.1"),
        (made(-0.5, -0.4, "less", 0.1), "supported", "interval [-0.5, -0.4] lies below the margin -0.1"),
        (made(-0.05, 0.2, "less", 0.1), "refuted", "interval [-0.05, 0.2] lies above the margin -0.1"),
        (made(-0.2, 0.2, "less"), "inconclusive", "interval [-0.2, 0.2] holds 0"),
        (made(-0.01, 0.015, "equivalent", 0.02), "supported", "interval [-0.01, 0.015] lies within 0 ± 0.02"),
        (made(2.1, 2.2, "equivalent", 0.1, 1.0), "refuted", "interval [2.1, 2.2] lies above 1 ± 0.1"),
        (made(0.1, 0.2, "equivalent", 0.1, 1.0), "refuted", "interval [0.1, 0.2] lies below 1 ± 0.1"),
        (made(0.8, 1.0, "equivalent", 0.1, 1.0), "inconclusive", "interval [0.8, 1] reaches over an end of 1 ± 0.1"),
        (made(0.5, 1.5, "equivalent", 0.1, 1.0), "inconclusive", "interval [0.5, 1.5] reaches over an end of 1 ± 0.1"),
        (made(0.3, 0.3), "supported", "interval [0.3, 0.3] lies above 0; all 16 effects are equal"),
        (made(0.10004, 0.2, margin=0.1), "supported", "interval [0.10004, 0.2] lies above the margin 0.1"),
        (
            made(0.1, 0.2, p=0.08),
            "inconclusive",
            "interval [0.1, 0.2] lies above 0, but p = 0.08 is above 0.05",
        ),
        (
            made(-0.2, -0.1, n_seeds=4, p=0.125),
            "inconclusive",
            "interval [-0.2, -0.1] lies below 0, but p = 0.125 is above 0.05: 4 replicates give 0.125 at best, "
            "run at least 6",
        ),
    ],
)
def test_verdict_and_reason_of_a_prediction_alone(verdict, word, reason):
    (found,) = verdicts.adjust([verdict])
    assert (found.verdict, found.reason) == (word, reason)
    assert found.p_holm == verdict.p


def test_an_interval_that_misses_its_own_mean_decides_nothing():
    (found,) = verdicts.adjust([made(0.1, 0.2, effect=-0.1)])
    assert found.verdict == "inconclusive"


def test_a_family_loses_what_its_size_does_not_allow():
    family = made(0.1, 0.2, p=0.03), made(0.3, 0.4, p=0.001), made(-0.3, -0.2, p=0.04)
    alone = [verdict for one in family for verdict in verdicts.adjust([one])]
    assert [verdict.verdict for verdict in alone] == ["supported", "supported", "refuted"]
    together = verdicts.adjust(family)
    np.testing.assert_allclose([verdict.p_holm for verdict in together], [0.06, 0.003, 0.06])
    assert [verdict.verdict for verdict in together] == ["inconclusive", "supported", "inconclusive"]
    assert together[0].reason == (
        "interval [0.1, 0.2] lies above 0, "
        "but p = 0.03 becomes 0.06 by Holm's correction over 3 predictions, above 0.05"
    )
    assert verdicts.adjust(together) == together
    assert verdicts.adjust(together[:1]) == tuple(alone[:1]), "a smaller family gives back what a larger one took"


def test_what_was_not_tested_does_not_count_in_the_family():
    absent = made(NAN, NAN, p=NAN, n_seeds=0, reason="not tested: no such study")
    untouched, tested = verdicts.adjust([absent, made(0.1, 0.2, p=0.04)])
    assert tested.verdict == "supported"
    assert tested.p_holm == 0.04
    assert (untouched.verdict, untouched.reason) == ("inconclusive", "not tested: no such study")
    assert math.isnan(untouched.p_holm)
    assert verdicts.adjust([]) == ()


def test_p_of_a_claim_with_one_end_is_twice_the_smaller_test():
    x = np.random.default_rng(0).normal(0.3, 1.0, 12)
    up, down = (statistics.sign_flip_p(x, 0.1, way) for way in ("greater", "less"))
    assert verdicts.p_value(x, made(0, 1, margin=0.1)) == min(1, 2 * min(up, down))
    assert verdicts.p_value(-x, made(0, 1, "less", 0.1)) == min(1, 2 * min(up, down))


@pytest.mark.parametrize("shift", [-3.0, -1.0, 0.0, 0.8, 3.0])
def test_p_of_equivalence_is_that_of_two_one_sided_tests_or_of_lying_beyond(shift):
    x = shift + np.random.default_rng(1).normal(0.0, 0.5, 12)
    above, below = statistics.sign_flip_p(x, -1.0, "greater"), statistics.sign_flip_p(x, 1.0, "less")
    under, over = statistics.sign_flip_p(x, -1.0, "less"), statistics.sign_flip_p(x, 1.0, "greater")
    expected = min(1, 2 * min(max(above, below), 2 * min(under, over)))
    assert verdicts.p_value(x, made(0, 1, "equivalent", 1.0)) == expected


def test_enough_replicates_are_the_fewest_that_can_decide():
    for alpha in (0.5, 0.1, 0.05, 0.0625, 0.01):
        n = verdicts.enough(alpha)
        assert 2 * 0.5**n <= alpha < 2 * 0.5 ** (n - 1)


def test_a_verdict_survives_json():
    (tested,) = verdicts.adjust([made(0.1, 0.2)])
    text = json.dumps(tested.to_dict(), allow_nan=False)
    assert Verdict.from_dict(json.loads(text)) == tested
    untested = made(NAN, math.inf, p=NAN, n_seeds=0)
    record = json.loads(json.dumps(untested.to_dict(), allow_nan=False))
    assert [name for name, value in record.items() if value is None] == ["effect", "low", "high", "p", "p_holm"]
    back = Verdict.from_dict(record | {"a_later_key": 1})
    assert np.isnan([back.effect, back.low, back.high, back.p, back.p_holm]).all()
    assert (back.id, back.n_seeds, back.verdict) == ("a", 0, "inconclusive")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"p": "many"}, "a stored verdict is damaged (could not convert string to float: 'many'); judge the run again"),
        ({"verdict": "true"}, "a stored verdict is damaged (verdict 'true'); judge the run again"),
        ({"direction": "up"}, "a stored verdict is damaged (direction 'up'); judge the run again"),
        ({"n_seeds": None}, "a stored verdict is damaged"),
    ],
)
def test_a_damaged_record_is_refused(change, message):
    with pytest.raises(LabError) as caught:
        Verdict.from_dict(made(0.1, 0.2).to_dict() | change)
    assert str(caught.value).startswith(message)


def test_a_record_that_lacks_a_field_is_refused():
    record = made(0.1, 0.2).to_dict()
    del record["high"]
    with pytest.raises(LabError, match="a stored verdict lacks 'high'; judge the run again"):
        Verdict.from_dict(record)
