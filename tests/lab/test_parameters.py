"""A signature is a schema: kinds from annotations, and what is no schema is said."""

from functools import partial
from typing import NamedTuple

import jax
import numpy as np
import pytest
from jax import Array
from jaxtyping import Float, Int, ScalarLike

from dlnotes.lab.errors import LabError
from dlnotes.lab.parameters import Parameter, leading, schema


class Betas(NamedTuple):
    first: Array
    second: Array


def kinds(function):
    return {name: parameter.kind for name, parameter in schema(function).items()}


def test_kinds_follow_annotations():
    def trial(
        key, *, a: Array, b: Float[Array, ""], c: Int[Array, " n"], d: Betas, e: np.ndarray, f: jax.Array | float
    ): ...

    assert set(kinds(trial).values()) == {"data"}

    def union(key, *, a: Array | None, b: ScalarLike): ...

    assert set(kinds(union).values()) == {"data"}

    def static(key, data, *, a: int, b: float, c: str, d: bool): ...

    assert kinds(static) == {"a": "int", "b": "float", "c": "str", "d": "bool"}
    assert leading(static) == ["key", "data"]


def test_annotations_written_as_words_are_read():
    def trial(key, *, a: "Array", b: "int"): ...

    assert kinds(trial) == {"a": "data", "b": "int"}


def test_defaults_are_kept_and_none_is_a_default():
    def trial(key, *, a: int, b: int = 3, c: Array = 0.5): ...  # pyright: a number is data

    assert schema(trial) == {
        "a": Parameter("a", "int"),
        "b": Parameter("b", "int", 3),
        "c": Parameter("c", "data", 0.5),
    }
    assert schema(trial)["a"].required
    assert not schema(trial)["b"].required


def test_only_keyword_only_parameters_are_settings():
    def trial(key, data, /, other, *, a: int): ...

    assert list(schema(trial)) == ["a"]
    assert leading(trial) == ["key", "data", "other"]


def test_a_partial_is_read_too():
    def trial(key, *, a: int, b: int): ...

    assert schema(partial(trial, a=1))["a"].default == 1


def unannotated(key, *, rate): ...


def a_list(key, *, rate: list): ...


def a_choice(key, *, rate: int | None): ...


def open_ended(key, **settings): ...


def variadic(key, *rest, rate: int): ...


def named_seed(key, *, seed: int): ...


def misspelt(key, *, rate: "Aray"): ...  # the name is unknown on purpose


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (unannotated, r"unannotated: setting rate has no annotation; annotate it Array .* or int, float, str, bool"),
        (a_list, "setting rate has the annotation list"),
        (a_choice, r"setting rate has the annotation int \| None"),
        (open_ended, r"open_ended takes \*settings"),
        (variadic, r"variadic takes \*rest"),
        (named_seed, "no setting can be called seed"),
        (misspelt, "misspelt: its signature cannot be read .*Aray"),
        (3, "int: its signature cannot be read"),
    ],
)
def test_what_is_no_schema_is_said_in_one_line(function, message):
    with pytest.raises(LabError, match=message) as caught:
        schema(function)
    assert "\n" not in str(caught.value)
