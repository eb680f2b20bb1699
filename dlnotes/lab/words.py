"""Settings as words of a command line: `--set NAME=VALUE`, `--sweep NAME=V1,V2,...`."""

from collections.abc import Iterable, Mapping
from typing import Any

from dlnotes.lab import settings
from dlnotes.lab.errors import LabError
from dlnotes.lab.experiment import Experiment
from dlnotes.lab.parameters import Parameter
from dlnotes.lab.suggest import nearest
from dlnotes.lab.values import WANTED, axis, harmonize, is_number

TRUTH = {"true": True, "false": False}


def overrides(experiment: Experiment, preset: str, sets: Iterable[str], sweeps: Iterable[str]) -> dict[str, Any]:
    """What `--set` and `--sweep` ask for, as overrides `study.name` → value; a key `study.name` wins over `name`."""
    resolved, _ = settings.apply(experiment, preset)
    found: dict[str, Any] = {}
    asked = [
        (option, *split(option, text)) for option, texts in (("--set", sets), ("--sweep", sweeps)) for text in texts
    ]
    names = [name for _, name, _ in asked]
    for option, name, text in sorted(asked, key=lambda each: "." in each[1]):
        if names.count(name) > 1:
            raise LabError(f"{name} is given {names.count(name)} times; give it once, by --set or by --sweep")
        if name == "seeds":
            raise LabError(f"{option} {name}={text}: the number of seeds is set by --seeds")
        for study_name, parameter in settings.places(resolved, name):
            standing = settings.current(resolved.studies[study_name], parameter)
            several = text.split(",") if option == "--sweep" else [text]
            fixed = option == "--set" and not axis(standing)
            value = parse(text, parameter, standing) if fixed else parse_axis(several, parameter, standing)
            found[f"{study_name}.{parameter.name}"] = value
    return found


def split(option: str, text: str) -> tuple[str, str]:
    """NAME and VALUE of `NAME=VALUE`."""
    name, equals, value = (part.strip() for part in text.partition("="))
    if not (name and equals and value):
        wanted = "NAME=VALUE" if option == "--set" else "NAME=V1,V2,..."
        raise LabError(f"{option} wants {wanted}, got {text!r}")
    return name, value


def parse_axis(texts: list[str], parameter: Parameter, standing: Any) -> Any:
    """The axis that words mean: labels keep their names, and beside them other values are named too."""
    words = [word.strip() for word in texts]
    labels = labels_of(standing)
    values = [parse(word, parameter, standing) for word in words]
    if labels.keys().isdisjoint(words):
        return tuple(values)
    twice = next((word for word in words if words.count(word) > 1), None)
    if twice:
        raise LabError(f"{parameter.name}: {twice} is there twice; give each value once")
    named = all(isinstance(label, str) for label in labels.values())
    others = words if named else values
    return {labels.get(word, other): value for word, other, value in zip(words, others, values, strict=True)}


def parse(text: str, parameter: Parameter, standing: Any) -> Any:
    """The value that a word means for a setting: a label of its standing axis, else a number, a word, true or false."""
    labels = labels_of(standing)
    if text in labels:
        return standing[labels[text]]
    value = convert(text, parameter.kind)
    only_labels = labels and parameter.kind == "data" and not all(is_number(each) for each in axis(standing) or ())
    if value is None or only_labels:
        wanted = "a label" if only_labels else WANTED[parameter.kind]
        choices = f"{nearest(text, labels)}; there are {', '.join(labels)}" if labels else ""
        raise LabError(f"{parameter.name}: {wanted} is wanted, got {text!r}{choices}")
    return harmonize([value], standing)[0]


def labels_of(standing: Any) -> dict[str, Any]:
    """The labels of a standing axis, by their words."""
    return {str(label): label for label in standing} if isinstance(standing, Mapping) else {}


def convert(text: str, kind: str) -> Any:
    """A word as a value of a kind; None where it is none."""
    if kind == "str":
        return text
    if kind == "bool":
        return TRUTH.get(text.lower())
    number = to_number(text, int)
    if number is None and kind != "int":
        number = to_number(text, float)
    return TRUTH.get(text.lower()) if number is None and kind == "data" else number


def to_number(text: str, kind: type[int] | type[float]) -> int | float | None:
    """A word as an int or float; None where it is none."""
    try:
        return kind(text)
    except ValueError:
        return None
