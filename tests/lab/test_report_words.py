"""Numbers in words, and effects drawn against their margins."""

import re

import pytest

from dlnotes.lab import verdicts
from dlnotes.lab.report import interval, site, words
from dlnotes.lab.verdicts import Verdict


def verdict(direction="greater", effect=0.5, low=0.4, high=0.6, margin=0.1, target=0.0) -> Verdict:
    """A supported verdict with these numbers."""
    named = {"effect": effect, "low": low, "high": high, "margin": margin, "target": target, "direction": direction}
    words = {"id": "a", "statement": "a", "source": "b", "verdict": "supported", "reason": ""}
    return Verdict(**named, **words, n_seeds=16, n_nonfinite=0, p=float("nan"), p_holm=float("nan"))


@pytest.mark.parametrize(
    "claim",
    [
        verdict(),
        verdict("less", -0.5, -0.6, -0.4),
        verdict("equivalent", -1.0, -1.001, -0.999, 0.02, -1.0),
        verdict("greater", 5e6, 4e6, 6e6, 1.0),
        verdict("equivalent", 0.0, 0.0, 0.0, 1e-9),
    ],
)
def test_a_supported_interval_is_drawn_inside_the_claimed_band(claim):
    svg = interval.draw(claim)
    number = r'="(-?[\d.]+)"'
    left, width = (float(x) for x in re.search(rf'claimed" x{number} y="3" width{number}', svg).groups())
    low, high = (float(x) for x in re.search(rf'bar" x1{number} y1="16" x2{number}', svg).groups())
    dot = float(re.search(rf"cx{number}", svg)[1])
    assert left <= low <= dot <= high <= left + width
    assert 0 <= dot <= interval.WIDTH
    assert f"claimed: {words.claim(claim)}" in svg


def test_a_refuted_interval_is_drawn_outside_and_an_unknown_one_not_at_all():
    svg = interval.draw(verdict("less", 0.5, 0.4, 0.6))
    edge = float(re.search(r'margin" x1="([\d.]+)"', svg)[1])
    assert float(re.search(r'bar" x1="([\d.]+)"', svg)[1]) > edge
    nan = float("nan")
    assert interval.draw(verdict(effect=nan, low=nan, high=nan)) == ""
    assert "bar" not in interval.draw(verdict(low=nan, high=nan))


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (words.number(-0.00012345), "−0.000123"),
        (words.number(1.5e-9), "1.5 × 10⁻⁹"),
        (words.number(float("nan")), "not finite"),
        (" ".join(words.aligned(1.8765, 1.8, 1.99)), "1.88 1.80 1.99 "),
        (" ".join(words.aligned(-0.0054, -0.0118, 0.0017)), "−0.005 −0.012 0.002 "),
        (" ".join(words.aligned(2.0, 2.0, 2.0)), "2.0000 2.0000 2.0000 "),
        ("".join(words.aligned(8.5e-5, 8.49e-5, 8.52e-5)), "8.5008.4908.520 × 10⁻⁵"),
        ("".join(words.aligned(5.1e6, 4e6, 6e6)), "5.14.06.0 × 10⁶"),
        (words.interval(verdict(effect=8.3e-7, low=6e-7, high=9.5e-7)), "(8.3 [6.0, 9.5]) × 10⁻⁷"),
        ("|".join(words.estimate(verdict(effect=8.3e-7, low=6e-7, high=9.5e-7))), "8.3|[6.0, 9.5]| × 10⁻⁷"),
        (words.interval(verdict(low=float("nan"))), "0.5"),
        (words.interval(verdict(effect=float("nan"))), "–"),
        (words.aligned(0.0, 0.0, 0.0)[0] + words.number(-0.0), "00"),
        (words.marked("*ahead* of `full` <b> 2*3*4"), "<em>ahead</em> of <code>full</code> &lt;b&gt; 2*3*4"),
        (words.seconds(0.0123), "0.0123 s"),
        (words.seconds(200), "3 min 20 s"),
        (words.seconds(7500), "2 h 05 min"),
        (words.seconds(None), "–"),
        (words.moment("2026-11-21T03:25:00+00:00"), "21 November 2026, 03:25 UTC"),
        (words.moment("long ago"), "long ago"),
        (words.setting({"xavier": 1.0, "he": [0.5, True]}), "xavier = 1, he = 0.5, true"),
        (
            words.device({"platform": "gpu", "kind": "NVIDIA H200", "count": 1, "hosts": 1}),
            "1 GPU device (NVIDIA H200)",
        ),
        (
            words.device({"platform": "gpu", "kind": "H200", "count": 16, "hosts": 2}),
            "16 GPU devices (H200) on 2 hosts",
        ),
        (words.minus("interval [-0.1, -2e-05] at 1-2"), "interval [−0.1, −2e-05] at 1-2"),
        (words.claim(verdict("equivalent", margin=0.02, target=-1.0)), "within 0.02 of −1"),
        (words.claim(verdict("less")), "below −0.1"),
        (words.probability(1e-9), "< 0.001"),
    ],
)
def test_words(said, wanted):
    assert said == wanted


def test_the_marks_name_every_verdict():
    assert tuple(site.MARKS) == verdicts.VERDICTS
    assert len(set(site.MARKS.values())) == 3
