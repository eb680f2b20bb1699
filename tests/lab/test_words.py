"""`--set` and `--sweep` mean what they say."""

import contextlib
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import Array

from dlnotes.lab import words
from dlnotes.lab.errors import LabError
from dlnotes.lab.experiment import Experiment, Study
from dlnotes.lab.settings import apply
from dlnotes.lab.trial import Trial


class Betas(NamedTuple):
    first: float
    second: float


def trial(
    key,
    *,
    gain: Array,
    rate: Array = 0.1,
    depth: int = 3,
    method: str = "sgd",
    bias: bool = False,
    betas: Betas,
    width: Array,
) -> Trial:
    return Trial(lambda: key)


SETTINGS = {
    "gain": {"xavier": 1.0, "he": 2.0},
    "betas": {"usual": Betas(0.9, 0.999), "none": Betas(0.0, 0.0)},
    "width": {8: 0.5, 16: 0.25},
}
EXPERIMENT = Experiment("Is it so?", studies={"a": Study(trial, SETTINGS), "b": Study(trial, SETTINGS)})


def asked(sets=(), sweeps=()):
    return words.overrides(EXPERIMENT, "standard", sets, sweeps)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a.depth=5", 5),
        ("a.gain=he", {"he": 2.0}),
        ("a.gain=3", (3.0,)),
        ("a.rate=1", 1.0),
        ("a.rate = 1e-3", 0.001),
        ("a.method=adam", "adam"),
        ("a.method=a=b", "a=b"),
        ("a.bias=true", True),
        ("a.bias=False", False),
        ("a.betas=usual", {"usual": Betas(0.9, 0.999)}),
        ("a.width=8", {8: 0.5}),
        ("a.width=9", (9.0,)),
    ],
)
def test_set_fixes_a_setting(text, wanted):
    (found,) = asked(sets=[text]).values()
    assert repr(found) == repr(wanted)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a.depth=5,6", (5, 6)),
        ("a.rate=1, 0.5", (1.0, 0.5)),
        ("a.gain=he,xavier", {"he": 2.0, "xavier": 1.0}),
        ("a.gain=he", {"he": 2.0}),
        ("a.gain=1,4", (1.0, 4.0)),
        ("a.gain=he,4", {"he": 2.0, "4": 4.0}),
        ("a.width=8,16", {8: 0.5, 16: 0.25}),
        ("a.width=8,1", {8: 0.5, 1.0: 1.0}),
        ("a.bias=true,false", (True, False)),
        ("a.method=sgd,adam", ("sgd", "adam")),
        ("a.betas=none", {"none": Betas(0.0, 0.0)}),
    ],
)
def test_sweep_makes_an_axis(text, wanted):
    (found,) = asked(sweeps=[text]).values()
    assert repr(found) == repr(wanted)


def test_a_name_means_every_study_and_study_dot_name_wins():
    assert asked(sets=["depth=5"]) == {"a.depth": 5, "b.depth": 5}
    assert asked(sets=["b.depth=6", "depth=5"]) == {"a.depth": 5, "b.depth": 6}
    assert asked(sets=["depth=5"], sweeps=["b.depth=6,7"]) == {"a.depth": 5, "b.depth": (6, 7)}


@pytest.mark.parametrize(
    ("sets", "sweeps", "message"),
    [
        (["depth"], [], "--set wants NAME=VALUE, got 'depth'"),
        (["=3"], [], "--set wants NAME=VALUE"),
        (["depth="], [], "--set wants NAME=VALUE"),
        ([], ["depth"], r"--sweep wants NAME=V1,V2,\.\.\., got 'depth'"),
        (["depth=1.5"], [], r"depth: a whole number is wanted, got '1\.5'"),
        (["depth=ten"], [], "depth: a whole number is wanted, got 'ten'"),
        (["rate=fast"], [], "rate: a number or an array of numbers is wanted, got 'fast'"),
        (["gain=hee"], [], r"gain: .* got 'hee' \(did you mean he\?\); there are xavier, he"),
        (["betas=0.9"], [], "betas: a label is wanted, got '0.9'; there are usual, none"),
        (["bias=1"], [], "bias: true or false is wanted"),
        (["dpth=3"], [], r"no setting 'dpth' \(did you mean depth\?\)"),
        (["c.depth=3"], [], r"no study 'c'; there are a, b|no study 'c' "),
        (["seeds=3"], [], "--set seeds=3: the number of seeds is set by --seeds"),
        (["depth=3", "depth=4"], [], "depth is given 2 times"),
        (["depth=3"], ["depth=4,5"], "depth is given 2 times"),
        ([], ["depth=4,,5"], "depth: a whole number is wanted, got ''"),
        ([], ["gain=he,he"], "gain: he is there twice"),
    ],
)
def test_what_means_nothing_is_said_in_one_line(sets, sweeps, message):
    with pytest.raises(LabError, match=message) as caught:
        asked(sets, sweeps)
    assert "\n" not in str(caught.value)


names = st.sampled_from(
    ["gain", "rate", "depth", "method", "bias", "betas", "width", "a.gain", "b.betas", "", "a.", "."]
)
values = st.one_of(
    st.text(max_size=6),
    st.sampled_from(["he", "1", "-1", "nan", "inf", "1e400", "9" * 30, "true", "usual,none", "8,8"]),
)
option = st.one_of(st.text(max_size=8), st.tuples(names, values).map("=".join))


@settings(max_examples=300, deadline=None)
@given(st.lists(option, max_size=2), st.lists(option, max_size=2))
def test_any_words_are_applied_or_refused(sets, sweeps):
    with contextlib.suppress(LabError):
        apply(EXPERIMENT, "standard", asked(sets, sweeps))
