"""Presets and overrides become settings that fit, or one line that says what does not."""

import contextlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import Array

from dlnotes.lab.errors import LabError
from dlnotes.lab.experiment import Cost, Experiment, Study
from dlnotes.lab.settings import apply, count_conditions, count_programs, many_programs
from dlnotes.lab.trial import Trial


def train(key, data, *, gain: Array, rate: Array = 0.1, depth: int, method: str = "sgd", steps: int = 10) -> Trial:
    return Trial(lambda: key)


def simulate(key, *, gain: Array, steps: int = 5) -> Trial:
    return Trial(lambda: key)


def measure(key, *, n: int, method: str = "newton", scale: Array = 1.0):
    return (lambda x: x), (n,)


EXPERIMENT = Experiment(
    "Is it so?",
    studies={
        "training": Study(train, {"gain": {"xavier": 1.0, "he": 2.0}, "depth": (10, 20)}, data=lambda: 0),
        "theory": Study(simulate, {"gain": {"xavier": 1.0, "he": 2.0}}),
        "timing": Cost(measure, {"n": (64, 128)}, repeats=12),
    },
    presets={
        "quick": {"seeds": 4, "steps": 2, "training.depth": 10, "timing.repeats": 5},
        "full": {"seeds": 64, "depth": (10, 20, 30, 50), "training.steps": 400},
    },
)


def values(experiment, study="training"):
    return experiment.studies[study].settings


def test_standard_is_the_studies_as_written_with_their_defaults():
    resolved, seeds = apply(EXPERIMENT)
    assert seeds == 16
    assert values(resolved) == {
        "gain": {"xavier": 1.0, "he": 2.0},
        "rate": 0.1,
        "depth": (10, 20),
        "method": "sgd",
        "steps": 10,
    }
    assert values(resolved, "timing") == {"n": (64, 128), "method": "newton", "scale": 1.0}
    assert apply(resolved) == (resolved, 16)


def test_a_name_reaches_every_study_that_has_it_and_study_dot_name_one():
    quick, seeds = apply(EXPERIMENT, "quick")
    assert seeds == 4
    assert [values(quick, study)["steps"] for study in ("training", "theory")] == [2, 2]
    assert values(quick)["depth"] == (10,)
    assert quick.studies["timing"].repeats == 5
    full, seeds = apply(EXPERIMENT, "full")
    assert seeds == 64
    assert [values(full, study)["steps"] for study in ("training", "theory")] == [400, 5]
    assert values(full)["depth"] == (10, 20, 30, 50)
    assert full.studies["timing"].repeats == 12


@pytest.mark.parametrize("order", [1, -1])
def test_study_dot_name_wins_whatever_the_order(order):
    overrides = dict([("steps", 7), ("training.steps", 8)][::order])
    resolved, _ = apply(EXPERIMENT, overrides=overrides)
    assert [values(resolved, study)["steps"] for study in ("training", "theory")] == [8, 7]


def test_overrides_win_over_presets_and_an_explicit_number_of_seeds_over_all():
    resolved, seeds = apply(EXPERIMENT, "quick", {"depth": 3, "seeds": 9})
    assert (values(resolved)["depth"], seeds) == ((3,), 9)
    assert apply(EXPERIMENT, "quick", {"seeds": 9}, seeds=2)[1] == 2


def test_the_word_of_a_label_stands_for_its_value():
    fixed, _ = apply(EXPERIMENT, overrides={"gain": "he"})
    assert (values(fixed)["gain"], values(fixed, "theory")["gain"]) == ({"he": 2.0}, {"he": 2.0})
    swept, _ = apply(EXPERIMENT, overrides={"theory.gain": ("he", "xavier")})
    assert list(values(swept, "theory")["gain"].items()) == [("he", 2.0), ("xavier", 1.0)]


def test_an_override_keeps_the_type_of_what_it_replaces():
    resolved, _ = apply(EXPERIMENT, overrides={"gain": (1, 2), "rate": 1})
    assert repr(values(resolved)["gain"]) == "(1.0, 2.0)"
    assert repr(values(resolved)["rate"]) == "1.0"
    named, _ = apply(EXPERIMENT, overrides={"gain": {"one": 1, "two": 2}})
    assert repr(values(named)["gain"]) == "{'one': 1.0, 'two': 2.0}"


def test_counts_are_products_of_axes():
    resolved, _ = apply(EXPERIMENT, overrides={"method": ("sgd", "adam"), "rate": (0.1, 0.2, 0.3)})
    training, timing = resolved.studies["training"], resolved.studies["timing"]
    assert (count_conditions(training), count_programs(training)) == (2 * 3 * 2 * 2, 2 * 2)
    assert (count_conditions(timing), count_programs(timing)) == (2 * 2, 2 * 2)
    scaled, _ = apply(EXPERIMENT, overrides={"timing.scale": (1.0, 2.0, 3.0)})
    assert count_programs(scaled.studies["timing"]) == 2 * 3  # a Cost measures each condition by itself


def test_many_programs_are_warned_of_with_their_number_and_too_many_refused():
    usual, _ = apply(EXPERIMENT)
    assert many_programs(usual, usual) is None
    swept, _ = apply(EXPERIMENT, overrides={"depth": tuple(range(1, 21))})
    warning = many_programs(swept, usual)
    assert warning
    assert warning.startswith("23 programs to compile, one for each value of training.depth, timing.n")
    assert many_programs(swept, swept) is None  # as the file has it
    huge, _ = apply(EXPERIMENT, overrides={"depth": tuple(range(1, 31)), "steps": tuple(range(1, 31))})
    with pytest.raises(LabError, match=r"932 programs to compile.*training\.depth, training\.steps.*at most 512"):
        many_programs(huge, usual)
    data, _ = apply(EXPERIMENT, overrides={"rate": tuple(0.001 * i for i in range(1, 1000))})
    assert many_programs(data, usual) is None


@pytest.mark.parametrize(
    ("preset", "overrides", "message"),
    [
        ("quik", {}, r"no preset 'quik' \(did you mean quick\?\); there are standard, quick, full"),
        ("", {}, "no preset ''"),
        (
            "quick",
            {"deptth": 3},
            r"there is no setting 'deptth' \(did you mean depth\?\); choose among gain, rate, depth",
        ),
        ("quick", {"training.n": 3}, r"training has no setting 'n'.*; choose among gain, rate, depth, method, steps"),
        (
            "quick",
            {"trainig.depth": 3},
            r"no study 'trainig' \(did you mean training\?\); there are training, theory, timing",
        ),
        ("quick", {"depth": 1.5}, r"training\.depth: a whole number is wanted, got 1\.5 \(float\)"),
        ("quick", {"method": 3}, r"training\.method: a word is wanted"),
        ("quick", {"gain": "hee"}, r"training\.gain: a number or an array of numbers is wanted, got 'hee'"),
        ("quick", {"rate": float("nan")}, r"training\.rate: NaN"),
        ("quick", {"depth": ()}, r"training\.depth: the axis is empty"),
        ("quick", {"depth": (3, 3)}, r"training\.depth: 3 is there twice"),
        ("quick", {"timing.repeats": 3}, "at least 5 times, got repeats=3"),
        ("quick", {"timing.repeats": 5.5}, r"timing\.repeats: a whole number is wanted"),
        ("quick", {"seeds": 0}, "seeds: a whole number from 1 to 1000000 is wanted, got 0"),
        ("quick", {"seeds": -1}, "got -1"),
        ("quick", {"seeds": "many"}, "got 'many'"),
        ("quick", {"seeds": True}, "got True"),
        ("quick", {"seeds": 10**9}, "got 1000000000"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(preset, overrides, message):
    with pytest.raises(LabError, match=message) as caught:
        apply(EXPERIMENT, preset, overrides)
    assert "\n" not in str(caught.value)


def change(**changes):
    return replace(EXPERIMENT, **changes)


@pytest.mark.parametrize(
    ("experiment", "message"),
    [
        (
            change(presets={"full": {"deptth": 3}}),
            r"preset full: there is no setting 'deptth' \(did you mean depth\?\)",
        ),
        (change(presets={"full": {"seeds": "many"}}), "preset full: seeds: a whole number"),
        (change(presets={"full": 3}), "preset full: a dict of settings is wanted, got 3"),
        (
            change(studies={"a": Study(simulate, {"gain": 1.0, "stepps": 3})}),
            r"a has no setting 'stepps' \(did you mean steps",
        ),
        (change(studies={"a": Study(simulate, {})}), "a: setting 'gain' has neither value nor default"),
        (
            change(studies={"a": Study(train, {"gain": 1.0, "depth": 3})}),
            r"a: train takes \(key, data\) .* loads no data",
        ),
        (
            change(studies={"a": Study(simulate, {"gain": 1.0}, data=lambda: 0)}),
            r"a: simulate takes \(key\) before its settings, \(key, data\) is wanted since the study loads data",
        ),
    ],
)
def test_a_faulty_experiment_fails_whichever_preset_is_asked_for(experiment, message):
    with pytest.raises(LabError, match=message):
        apply(replace(experiment, presets=experiment.presets if "preset" in message else {}))


names = st.sampled_from(
    ["gain", "depth", "training.steps", "theory.gain", "timing.n", "repeats", "method", "rate", "seeds"]
)
some = st.one_of(st.integers(-3, 99), st.floats(), st.text(max_size=4), st.booleans(), st.none())
overriding = st.dictionaries(
    st.one_of(names, st.text(max_size=6)),
    st.one_of(some, st.lists(some, max_size=3).map(tuple), st.dictionaries(st.text(max_size=3), some, max_size=3)),
    max_size=3,
)


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.sampled_from(["standard", "quick", "full"]), st.text(max_size=4)), overriding)
def test_any_override_is_applied_or_refused(preset, overrides):
    with contextlib.suppress(LabError):
        resolved, seeds = apply(EXPERIMENT, preset, overrides)
        assert seeds >= 1
        assert apply(resolved, preset="standard", seeds=seeds)[0].studies == resolved.studies
