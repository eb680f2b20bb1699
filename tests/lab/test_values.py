"""Values of settings: what fits passes through unchanged in meaning, what does not is said."""

import contextlib
import math
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dlnotes.lab.errors import LabError
from dlnotes.lab.parameters import Parameter
from dlnotes.lab.values import axis, check_value

KINDS = ("int", "float", "str", "bool", "data")


class Pair(NamedTuple):
    first: object
    second: object


def check(kind, value):
    return check_value("study.name", Parameter("name", kind), value)


@pytest.mark.parametrize(
    ("kind", "value", "wanted"),
    [
        ("int", 3, 3),
        ("int", np.int64(3), 3),
        ("int", (1, 2), (1, 2)),
        ("int", [1, 2], (1, 2)),
        ("int", {"few": 1, "many": 9}, {"few": 1, "many": 9}),
        ("float", 1, 1.0),
        ("float", (1, 0.5), (1.0, 0.5)),
        ("float", math.inf, math.inf),
        ("str", "adam", "adam"),
        ("str", ("adam", "sgd"), ("adam", "sgd")),
        ("bool", (True, False), (True, False)),
        ("bool", np.bool_(True), True),
        ("data", 1, 1),
        ("data", (1, 2), (1, 2)),
        ("data", (1, 0.5), (1.0, 0.5)),
        ("data", {"off": 0, "on": 0.9}, {"off": 0.0, "on": 0.9}),
        ("data", {0.1: 1.0, 0.2: 2.0}, {0.1: 1.0, 0.2: 2.0}),
        ("data", True, True),
        ("data", Pair(0.9, 0.999), Pair(0.9, 0.999)),
        (
            "data",
            {"usual": Pair(0.9, 0.999), "none": Pair(0.0, 0.0)},
            {"usual": Pair(0.9, 0.999), "none": Pair(0.0, 0.0)},
        ),
    ],
)
def test_what_fits_keeps_its_meaning(kind, value, wanted):
    found = check(kind, value)
    assert found == wanted
    assert repr(found) == repr(wanted)  # 1 == 1.0 == True: the type counts


def test_arrays_pass():
    array = np.arange(3.0)
    assert check("data", array) is array
    assert check("data", {"a": array, "b": array + 1})["a"] is array


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        ("int", 1.5, r"study\.name: a whole number is wanted, got 1\.5 \(float\)"),
        ("int", 2.0, "a whole number is wanted"),
        ("int", True, r"a whole number is wanted, got True \(bool\)"),
        ("int", (1, 2.5), r"got 2\.5"),
        ("int", None, "got None"),
        ("float", "fast", r"a number is wanted, got 'fast' \(str\)"),
        ("float", False, "a number is wanted"),
        ("float", math.nan, "NaN is no value"),
        ("float", 1j, "a number is wanted"),
        ("str", 3, "a word is wanted, got 3"),
        ("bool", 1, "true or false is wanted, got 1"),
        ("data", "fast", "a number or an array of numbers is wanted, got 'fast'"),
        ("data", None, "a number or an array of numbers is wanted, got None"),
        ("data", np.array(["a"]), "a number or an array of numbers is wanted"),
        ("data", (0.1, math.nan), "NaN is no value"),
        ("data", np.array([0.0, np.nan]), "NaN is no value"),
        ("data", Pair(0.9, math.nan), "NaN is no value"),
        ("data", 2**70, "a number or an array of numbers is wanted"),
        ("int", (), "the axis is empty"),
        ("data", {}, "the axis is empty"),
        ("int", (3, 3), "3 is there twice"),
        ("float", (1, 1.0), r"1\.0 is there twice"),
        ("data", {"1": 0.1, 1: 0.2}, "labels are all words or all numbers"),
        ("data", {None: 0.1}, "labels are all words or all numbers, got None"),
        ("data", (Pair(0.9, 0.99), Pair(0.8, 0.99)), "arrays need names to be an axis; give a dict"),
        ("data", (np.ones(2), np.zeros(2)), "arrays need names to be an axis"),
        (
            "data",
            {"a": np.ones(2), "b": np.ones(3)},
            r"same structure and shapes, got shape \(3,\) beside shape \(2,\)",
        ),
        ("data", {"a": Pair(1.0, 1.0), "b": 1.0}, "same structure and shapes"),
        ("data", ((1, 2), (3, 4)), r"a number or an array of numbers is wanted, got \(1, 2\) \(tuple\)"),
    ],
)
def test_what_does_not_fit_is_said(kind, value, message):
    with pytest.raises(LabError, match=message) as caught:
        check(kind, value)
    assert str(caught.value).startswith("study.name: ")
    assert "\n" not in str(caught.value)


def test_an_axis_is_several_values_a_named_tuple_is_one():
    assert axis((1, 2)) == [1, 2]
    assert axis({"a": 1}) == [1]
    assert axis([1]) == [1]
    assert axis(Pair(1, 2)) is None
    assert axis(np.ones(3)) is None
    assert axis("ab") is None


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.complex_numbers(),
    st.text(max_size=5),
    st.binary(max_size=3),
    hnp.arrays(st.sampled_from([np.float32, np.int32, bool, "U2", object]), hnp.array_shapes(max_dims=2, max_side=2)),
)
anything = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.one_of(st.text(max_size=3), st.integers(), st.none(), st.floats()), inner, max_size=3),
        st.tuples(inner, inner).map(lambda pair: Pair(*pair)),
    ),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(KINDS), anything)
def test_any_value_is_checked_or_refused_in_one_line(kind, value):
    with contextlib.suppress(LabError):
        found = check(kind, value)
        labels = found if isinstance(found, dict | tuple) and not hasattr(found, "_fields") else ()
        assert len(set(map(str, labels))) == len(labels)
        assert repr(check(kind, found)) == repr(found)  # what was accepted is accepted again, unchanged
