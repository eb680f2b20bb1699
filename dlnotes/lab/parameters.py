"""A trial's keyword-only parameters are the schema of its settings."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from types import UnionType
from typing import Any, Union, get_args, get_origin

import jax
import numpy as np
from jaxtyping import AbstractArray

from dlnotes.lab.errors import LabError

MISSING = inspect.Parameter.empty
STATIC = {int: "int", float: "float", str: "str", bool: "bool"}
RESERVED = ("seeds", "seed", "step", "repeat")  # the results' own dimensions, and how many seeds there are
UNREADABLE = (NameError, TypeError, ValueError, SyntaxError, AttributeError)


@dataclass(frozen=True)
class Parameter:
    """One setting. Kind "data": values share a program. Kinds "int", "float", "str", "bool": each value compiles."""

    name: str
    kind: str
    default: Any = MISSING

    @property
    def required(self) -> bool:
        return self.default is MISSING


def schema(function: Callable) -> dict[str, Parameter]:
    """The settings of a trial by name, with kind and default. Raises `LabError` for a signature that is no schema."""
    found = {}
    for parameter in parameters(function):
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            raise LabError(
                f"{name_of(function)} takes *{parameter.name}; name each setting as a parameter of its own, after *"
            )
        if parameter.kind is parameter.KEYWORD_ONLY:
            found[parameter.name] = Parameter(parameter.name, kind_of(function, parameter), parameter.default)
    return found


def leading(function: Callable) -> list[str]:
    """The names of the parameters before the settings."""
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [parameter.name for parameter in parameters(function) if parameter.kind in positional]


def parameters(function: Callable) -> list[inspect.Parameter]:
    """All parameters of a function, annotations evaluated."""
    try:
        return list(inspect.signature(function, eval_str=True).parameters.values())
    except UNREADABLE as error:
        raise LabError(f"{name_of(function)}: its signature cannot be read ({error}); mend its annotations") from error


def name_of(function: Callable) -> str:
    """A function's name for messages."""
    return getattr(function, "__name__", type(function).__name__)


def kind_of(function: Callable, parameter: inspect.Parameter) -> str:
    """The kind of a setting, from its annotation."""
    if parameter.name in RESERVED:
        raise LabError(
            f"{name_of(function)}: no setting can be called {parameter.name}, a name of the results; rename it"
        )
    if is_data(parameter.annotation):
        return "data"
    if parameter.annotation in STATIC:
        return STATIC[parameter.annotation]
    given = "no annotation"
    if parameter.annotation is not MISSING:
        given = f"the annotation {inspect.formatannotation(parameter.annotation)}"
    raise LabError(
        f"{name_of(function)}: setting {parameter.name} has {given}; annotate it Array (data: all values share one "
        "program) or int, float, str, bool (each value compiles)"
    )


def is_data(annotation: Any) -> bool:
    """Whether an annotation is an array: JAX's, NumPy's or jaxtyping's, a NamedTuple of such, a union that has one."""
    if get_origin(annotation) in (Union, UnionType):
        return any(is_data(choice) for choice in get_args(annotation))
    if not isinstance(annotation, type):
        return False
    return issubclass(annotation, jax.Array | np.ndarray | AbstractArray) or hasattr(annotation, "_fields")
