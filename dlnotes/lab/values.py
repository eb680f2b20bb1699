"""Values of settings: numbers, arrays and axes of them, each checked against the kind its parameter wants."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from dlnotes.lab.errors import LabError
from dlnotes.lab.parameters import Parameter

WANTED = {
    "int": "a whole number",
    "float": "a number",
    "str": "a word",
    "bool": "true or false",
    "data": "a number or an array of numbers",
}


def axis(value: Any) -> list | None:
    """The values of a setting that has several (tuple, list or dict); None for one value. A NamedTuple is one value."""
    if isinstance(value, Mapping):
        return list(value.values())
    if isinstance(value, list) or (isinstance(value, tuple) and not hasattr(value, "_fields")):
        return list(value)
    return None


def check_value(place: str, parameter: Parameter, value: Any) -> Any:
    """A setting's value or axis as it reaches the trial: an axis is a tuple, or a dict label → value.

    Raises `LabError` that begins with `place`.
    """
    several = axis(value)
    if several is None:
        return check_one(place, parameter, value)
    if not several:
        raise LabError(f"{place}: the axis is empty; give at least one value")
    values = harmonize([check_one(place, parameter, each) for each in several])
    labels = list(value) if isinstance(value, Mapping) else values
    if not isinstance(value, Mapping) and not all(isinstance(each, str) or is_number(each) for each in values):
        raise LabError(f"{place}: arrays need names to be an axis; give a dict, label → array")
    check_labels(place, labels)
    check_alike(place, values)
    return dict(zip(labels, values, strict=True)) if isinstance(value, Mapping) else tuple(values)


def check_one(place: str, parameter: Parameter, value: Any) -> Any:
    """One value, of its kind: whole numbers become floats where those are wanted, NumPy's scalars become Python's."""
    fits = {"int": is_int, "float": is_real, "str": is_word, "bool": is_bool, "data": is_numeric}[parameter.kind]
    bounded, bounds = BOUNDS.get(parameter.kind, (fits, ""))
    if not (fits(value) and bounded(value)):
        wanted = WANTED[parameter.kind] + (bounds if fits(value) else "")
        shown = repr(value) if len(repr(value)) < 60 else "..."
        raise LabError(f"{place}: {wanted} is wanted, got {shown} ({type(value).__name__})")
    if parameter.kind != "str" and any(has_nan(leaf) for leaf in jax.tree.leaves(value)):
        raise LabError(f"{place}: NaN is no value for a setting")
    if parameter.kind == "float":
        return float(value)
    return value.item() if isinstance(value, np.number | np.bool_) else value


def check_labels(place: str, labels: Sequence) -> None:
    """Labels name a coordinate of the results: all words or all numbers, no two alike."""
    kinds = {"word" if isinstance(label, str) else "number" if is_number(label) else "other" for label in labels}
    if len(kinds) > 1 or "other" in kinds:
        raise LabError(
            f"{place}: labels are all words or all numbers, got {', '.join(repr(label)[:40] for label in labels)}"
        )
    for index, label in enumerate(labels):
        if label in labels[:index] or str(label) in map(str, labels[:index]):
            raise LabError(f"{place}: {label} is there twice; give each value once")


def check_alike(place: str, values: Sequence) -> None:
    """All values of an axis have one structure and one shape: they are stacked into one array."""
    first = shape_of(values[0])
    odd = next((value for value in values if shape_of(value) != first), None)
    if odd is not None:
        raise LabError(
            f"{place}: the values of an axis have the same structure and shapes, got {shape_of(odd)} beside {first}"
        )


def shape_of(value: Any) -> str:
    """Structure and shapes of a value, in words."""
    leaves, structure = jax.tree.flatten(value)
    shapes = ", ".join(str(np.shape(leaf)) for leaf in leaves)
    return f"shape {shapes}" if structure == jax.tree.structure(0) else f"{structure} of shapes {shapes}"


def harmonize(values: list, like: Any = None) -> list:
    """Whole numbers beside floats, or in the place of floats, become floats: an axis is one array."""
    if any(isinstance(value, float) for value in [*values, *(axis(like) or [like])]):
        return [float(value) if is_int(value) else value for value in values]
    return values


def is_number(value: Any) -> bool:
    """A real scalar of Python or NumPy; true and false count as numbers here."""
    return isinstance(value, int | float | np.integer | np.floating | np.bool_)


def is_bool(value: Any) -> bool:
    return isinstance(value, bool | np.bool_)


def is_int(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not is_bool(value)


def is_real(value: Any) -> bool:
    return is_number(value) and not is_bool(value)


def is_word(value: Any) -> bool:
    return isinstance(value, str)


def is_numeric(value: Any) -> bool:
    """A number, an array of numbers, or a NamedTuple of such."""
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return bool(value) and all(is_numeric(each) for each in value)
    return is_number_array(value) or (is_number(value) and fits_64_bits(value))


def fits_64_bits(leaf: Any) -> bool:
    return not isinstance(leaf, int) or -(2**63) <= leaf < 2**63


def fits_a_file(word: str) -> bool:
    """Whether netCDF can hold a word: no NUL, no half of a character, as words of a command line may have."""
    return "\0" not in word and not any("\ud800" <= c <= "\udfff" for c in word)


def is_number_array(leaf: Any) -> bool:
    return isinstance(leaf, np.ndarray | jax.Array) and (np.issubdtype(leaf.dtype, np.number) or leaf.dtype == bool)


def has_nan(leaf: Any) -> bool:
    return not isinstance(leaf, int) and bool(np.isnan(leaf).any())


BOUNDS = {"int": (fits_64_bits, " of at most 64 bits"), "str": (fits_a_file, " that a file can hold")}
