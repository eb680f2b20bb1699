"""From an experiment, a preset and overrides to settings that fit: names, types and counts, before anything runs."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dlnotes.lab.errors import LabError
from dlnotes.lab.experiment import Cost, Experiment, Study
from dlnotes.lab.parameters import Parameter, leading, name_of, schema
from dlnotes.lab.suggest import nearest
from dlnotes.lab.values import axis, check_one, check_value, harmonize, is_number

STANDARD_SEEDS = 16
MOST_SEEDS = 1_000_000
REPEATS = Parameter("repeats", "int")  # how often a Cost measures: set like a setting
MANY_PROGRAMS = 8
TOO_MANY_PROGRAMS = 512


def apply(
    experiment: Experiment,
    preset: str = "standard",
    overrides: Mapping[str, Any] | None = None,
    seeds: int | None = None,
) -> tuple[Experiment, int]:
    """The experiment with every setting resolved and checked, and the number of seeds.

    Later wins: the studies as written, the preset, the overrides. A key `name` reaches every study that has that
    setting, `study.name` one of them, `seeds` the number of seeds; the word of a label stands for its value. All
    presets are checked, whichever is asked for. Raises `LabError` naming the nearest and all choices for an unknown
    preset, study or setting.
    """
    presets = {"standard": {}} | dict(experiment.presets)
    if preset not in presets:
        raise LabError(f"no preset {preset!r}{nearest(preset, presets)}; there are {', '.join(presets)}")
    layered = {}
    for name, values in presets.items():
        try:
            layered[name] = checked(overlay(experiment, values)), count_seeds(values.get("seeds", STANDARD_SEEDS))
        except LabError as error:
            raise LabError(str(error) if name == "standard" else f"preset {name}: {error}") from error
    chosen, standing = layered[preset]
    overrides = dict(overrides or {})
    wanted = overrides.get("seeds", standing) if seeds is None else seeds
    return checked(overlay(chosen, overrides)), count_seeds(wanted)


def count_seeds(seeds: Any) -> int:
    """A number of seeds that can be run."""
    if isinstance(seeds, bool) or not isinstance(seeds, int) or not 1 <= seeds <= MOST_SEEDS:
        raise LabError(f"seeds: a whole number from 1 to {MOST_SEEDS} is wanted, got {seeds!r}")
    return seeds


def overlay(experiment: Experiment, values: Mapping[str, Any]) -> Experiment:
    """The experiment with `values` over its settings, `study.name` over `name`; labels of those below may be named."""
    if not isinstance(values, Mapping):
        raise LabError(f"a dict of settings is wanted, got {values!r}")
    studies = dict(experiment.studies)
    for key in sorted(values, key=lambda key: "." in str(key)):
        if key == "seeds":
            continue
        for study_name, parameter in places(experiment, key):
            value = choose(values[key], current(experiment.studies[study_name], parameter))
            studies[study_name] = put(f"{study_name}.{parameter.name}", studies[study_name], parameter, value)
    return replace(experiment, studies=studies)


def put(place: str, study: Study | Cost, parameter: Parameter, value: Any) -> Study | Cost:
    """A study with one setting changed."""
    if parameter is REPEATS:
        return replace(study, repeats=check_one(place, parameter, value))
    return replace(study, settings={**study.settings, parameter.name: value})


def places(experiment: Experiment, key: str) -> list[tuple[str, Parameter]]:
    """Where a key of a preset or an override belongs: (study, parameter) for each study that has it."""
    study_name, dot, name = str(key).rpartition(".")
    if dot and study_name not in experiment.studies:
        known = ", ".join(experiment.studies)
        raise LabError(f"no study {study_name!r}{nearest(study_name, experiment.studies)}; there are {known}")
    studies = [study_name] if dot else list(experiment.studies)
    settable = {each: settable_of(experiment.studies[each]) for each in studies}
    found = [(each, known[name]) for each, known in settable.items() if name in known]
    if not found:
        choices = list(dict.fromkeys(choice for known in settable.values() for choice in known))
        where = f"{study_name} has" if dot else "there is"
        raise LabError(
            f"{where} no setting {name!r}{nearest(name, choices)}; choose among {', '.join(choices) or 'none'}"
        )
    return found


def settable_of(study: Study | Cost) -> dict[str, Parameter]:
    """What can be set of a study: the settings of its function and, for a Cost, `repeats`."""
    return ({"repeats": REPEATS} if isinstance(study, Cost) else {}) | schema(study.function)


def current(study: Study | Cost, parameter: Parameter) -> Any:
    """A setting's value in a study, or its default; None where it has neither."""
    if parameter is REPEATS:
        return getattr(study, "repeats", None)
    return study.settings.get(parameter.name, None if parameter.required else parameter.default)


def choose(value: Any, standing: Any) -> Any:
    """An override as values: words that are labels of the standing axis become what they name, its type is kept.

    One value over an axis is an axis of one value: what selects from the results by its label still finds it.
    """
    if axis(value) is None and axis(standing):
        value = (value,) if is_number(value) or isinstance(value, str) else {"given": value}
    several = axis(value)
    if several is None:
        return harmonize([value], standing)[0]
    bare = isinstance(standing, Mapping) and not isinstance(value, Mapping)
    if bare and all(isinstance(v, str) and v in standing for v in several):
        return {label: standing[label] for label in several}
    values = harmonize(several, standing)
    return dict(zip(value, values, strict=True)) if isinstance(value, Mapping) else tuple(values)


def checked(experiment: Experiment) -> Experiment:
    """The experiment with the settings of every study checked and complete."""
    studies = {name: replace(study, settings=check(name, study)) for name, study in experiment.studies.items()}
    return replace(experiment, studies=studies)


def check(study_name: str, study: Study | Cost) -> dict[str, Any]:
    """Every setting of a study, checked, its default where not given; raises `LabError` naming study and setting."""
    known = schema(study.function)
    given = leading(study.function)
    if len(given) != study.leading:
        wanted = "key, data" if study.leading == 2 else "key"
        loads = "the study loads data" if study.leading == 2 else "the study loads no data"
        raise LabError(
            f"{study_name}: {name_of(study.function)} takes ({', '.join(given)}) before its settings, ({wanted}) is "
            f"wanted since {loads}; settings come after *"
        )
    for name in study.settings:
        if name not in known:
            raise LabError(
                f"{study_name} has no setting {name!r}{nearest(str(name), known)}; it has {', '.join(known) or 'none'}"
            )
    for name, parameter in known.items():
        if parameter.required and name not in study.settings:
            raise LabError(
                f"{study_name}: setting {name!r} has neither value nor default; add it to the study's settings"
            )
    return {
        name: check_value(f"{study_name}.{name}", parameter, study.settings.get(name, parameter.default))
        for name, parameter in known.items()
    }


def count_conditions(study: Study | Cost) -> int:
    """How many conditions a study has: the product of its axes."""
    return math.prod(len(axis(value) or [value]) for value in study.settings.values())


def count_programs(study: Study | Cost) -> int:
    """How many programs a study compiles: the product of its static axes; for a Cost every axis is static."""
    kinds = schema(study.function)
    static = [value for name, value in study.settings.items() if isinstance(study, Cost) or kinds[name].kind != "data"]
    return math.prod(len(axis(value) or [value]) for value in static)


def many_programs(experiment: Experiment, before: Experiment | None = None) -> str | None:
    """A warning with the count where overrides make many programs to compile; `before` is the experiment without them.

    Raises `LabError` where there are so many that nobody can have meant it.
    """
    counts = {name: count_programs(study) for name, study in experiment.studies.items()}
    total = sum(counts.values())
    swept = [
        f"{name}.{key}"
        for name, study in experiment.studies.items()
        for key, value in study.settings.items()
        if (isinstance(study, Cost) or schema(study.function)[key].kind != "data") and len(axis(value) or [value]) > 1
    ]
    told = f"{total} programs to compile, one for each value of {', '.join(swept)}"
    if total > TOO_MANY_PROGRAMS:
        raise LabError(
            f"{told}; at most {TOO_MANY_PROGRAMS} in one run: sweep fewer values, or annotate the setting Array"
        )
    usual = sum(count_programs(study) for study in before.studies.values()) if before else 0
    return told if total > max(MANY_PROGRAMS, usual) else None
