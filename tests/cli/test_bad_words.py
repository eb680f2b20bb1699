"""Command lines, good, mistaken and mad: each does what it says, or ends with one clear line and exit code 2.

`--lines N` makes more of them (900 are the default).
"""

import json
import math
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from dlnotes.cli import devices as devices_command
from dlnotes.cli import main
from dlnotes.cli import run as run_command
from dlnotes.data import fetch
from dlnotes.lab import discover, manifest, processes, settings
from dlnotes.lab.engine import Run
from dlnotes.lab.errors import LabError
from dlnotes.lab.report import site
from dlnotes.lab.results import Results

LINES = 900  # the default of --lines
EXPERIMENT = '''"""Is it so?

Sources: this file.
"""

from typing import NamedTuple

from jax import Array

from dlnotes import lab


class Betas(NamedTuple):
    first: float
    second: float


def trial(key, *, rate: Array, gain: Array = 1.0, betas: Betas, size: int = 3, method: str = "sgd", ratio: float = 0.5,
          bias: bool = False) -> lab.Trial:
    return lab.Trial(lambda: rate, finish=lambda x: {"x": x})


def measure(key, *, size: int):
    return (lambda: size), ()


AXES = {"rate": {"slow": 0.1, "fast": 0.5}, "betas": {"usual": Betas(0.9, 0.999), "none": Betas(0.0, 0.0)}}
EXPERIMENT = lab.Experiment(
    __doc__,
    studies={"training": lab.Study(trial, AXES), "time": lab.Cost(measure, {"size": (8, 64)})},
    presets={"quick": {"seeds": 2, "size": 4}},
)
'''


class Watch:
    """What the process does to files outside a folder: Python tells it of each operation."""

    def __init__(self):
        self.inside, self.on, self.strays = "", False, []
        sys.addaudithook(self.hear)

    def hear(self, event: str, arguments: tuple) -> None:
        if not self.on or event not in ("open", "os.mkdir", "os.remove", "os.rename", "os.rmdir"):
            return
        path = arguments[0]
        reads = event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if reads or not isinstance(path, str) or path.startswith(("/dev/", self.inside)) or not path.startswith("/"):
            return
        self.strays.append((event, path))


WATCH = Watch()


class Here:
    """A folder with experiments and things that must not be lost; what a command line makes in it is taken away."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.kept: dict[Path, bytes] = {}
        self.names: set[str] = set()
        self.asked: list[dict] = []

    def put(self, name: str, content: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        self.kept[path] = content.encode()
        self.names.add(Path(name).parts[0])

    def check(self) -> None:
        """Nothing lost, nothing written elsewhere."""
        assert {path: path.read_bytes() for path in self.kept} == self.kept
        assert WATCH.strays == []
        for name in set(os.listdir(self.folder)) - self.names:  # noqa: PTH208
            path = self.folder / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The place of all command lines; nothing is trained, fetched or drawn."""
    place = Here(tmp_path / "a" / "b" / "c")
    for name in ("own.py", "lib/units/relu.py", "lib/vision/pooling.py"):
        place.put(name, EXPERIMENT)
    place.put("broken.py", "x = (\n")
    place.put("empty.py", "")
    place.put("notes.txt", "years of work")
    place.put("thesis/chapter.tex", "years of work")
    monkeypatch.chdir(place.folder)
    monkeypatch.setenv("HOME", str(place.folder))
    for name in ("DLNOTES_RUNS", "DLNOTES_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(discover, "experiments_folder", lambda: place.folder / "lib")

    def run(experiment, **asked):
        """In place of the engine: what was asked for, with its settings resolved."""
        resolved, seeds = settings.apply(experiment, asked["preset"], asked["overrides"], asked["seeds"])
        found = {name: study.settings for name, study in resolved.studies.items()}
        place.asked.append(asked | {"name": experiment.name, "settings": found, "seeds": seeds})
        about = {"seconds": {"total": 1.0}, "settings": {n: manifest.settings(s) for n, s in resolved.studies.items()}}
        return Run(Results({}), (), about, Path(asked["runs"]), reused=asked["fresh"])

    monkeypatch.setattr(run_command.engine, "run", run)
    monkeypatch.setattr(site, "rendered", lambda *_: {"index.html": "<html></html>"}.items())
    monkeypatch.setattr(fetch, "get", lambda name, tell: place.folder / name)
    monkeypatch.setattr(devices_command, "nvidia_driver", lambda: None)
    monkeypatch.setattr(processes.jax.distributed, "initialize", alone)
    WATCH.inside, WATCH.strays = str(tmp_path), []
    return place


def alone(*_, **__):
    """In place of JAX's search for other processes."""
    raise RuntimeError("nobody is there")


def said(capsys, words: list[str]) -> tuple[int, str, str]:
    """A command line's exit code, output and errors."""
    WATCH.on = True
    try:
        code = main(words)
    finally:
        WATCH.on = False
    captured = capsys.readouterr()
    return code, captured.out, captured.err


# Good lines, and what they ask for.


def spelled(value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def setting(name: str, values: st.SearchStrategy, swept: bool = False) -> st.SearchStrategy:
    """Options that give a setting a value, or several, and what they mean."""
    fixed = values.map(lambda value: (("--set", f"{name}={spelled(value)}"), {name: value}))
    axes = st.lists(values, min_size=2, max_size=4, unique_by=spelled).map(tuple)
    several = axes.map(lambda axis: (("--sweep", f"{name}={','.join(map(spelled, axis))}"), {name: axis}))
    return st.one_of(fixed, several) if swept else fixed


NUMBERS = st.one_of(st.integers(-(10**6), 10**6), st.floats(-1e6, 1e6), st.sampled_from([math.inf, -math.inf]))
WHOLE = st.integers(1, 10**9)
SETTINGS = st.one_of(
    setting("rate", st.sampled_from(["slow", "fast"]) | NUMBERS),
    setting("gain", NUMBERS),
    setting("betas", st.sampled_from(["usual", "none"])),
    setting("training.size", WHOLE, swept=True),
    setting("size", WHOLE, swept=True),
    setting("ratio", st.floats(-10, 10), swept=True),
    setting("method", st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8), swept=True),
    setting("bias", st.booleans()),
    setting("repeats", st.integers(5, 10**6)),
)
NAMES = st.lists(st.sampled_from(["relu", "units/relu", "vision/pooling", "own.py"]), min_size=1, max_size=2)
COUNTS = st.none() | st.integers(1, 10**6)
PRESETS, FOLDERS = st.sampled_from(["standard", "quick"]), st.sampled_from(["runs", "new/folder", "thesis"])
SETS = st.lists(SETTINGS, max_size=3, unique_by=lambda each: next(iter(each[1])))
ORDER = st.permutations(range(10))


def asking(names, preset, runs, seeds, group, fresh, as_json, sets, order) -> tuple[list[str], dict]:
    """A command line, its options in any order, and what the engine is then asked for."""
    options = [names, ("--preset", preset), ("--runs", runs), ("--fresh",) * fresh, ("--json",) * as_json]
    options += [("--seeds", str(seeds))] if seeds else []
    options += [("--group", str(group))] if group else []
    options += [words for words, _ in sets]
    words = [word for place in order if place < len(options) for word in options[place]]
    asked = {"preset": preset, "seeds": seeds, "group": group, "fresh": fresh, "runs": Path(runs)}
    return ["run", *words], asked | {"names": names, "json": as_json, "sets": [value for _, value in sets]}


GOOD = st.builds(asking, NAMES, PRESETS, FOLDERS, COUNTS, COUNTS, st.booleans(), st.booleans(), SETS, ORDER)
OTHERS = st.sampled_from(
    """list; list --json; list --runs thesis; show relu; show own.py; report --runs thesis --out new; devices;
    data list; data list --json; data get digits mnist; data path mnist; --help; run --help; --version""".split(";")  # noqa: SIM905
).map(str.split)

# Mistakes.

WORDS = """nan inf -inf NaN 1e400 -0 0x10 1_000 ٣ -1 0 1.5 1e3 true None null . .. ~ ~nobody * -- - --x = , ,, a= =a
    broken.py empty.py nothing.py notes.txt thesis lib own.py/x notes.txt/x lib/units all headline units seeds.x
    training. .size training.training.size --runs --set --seeds --out rate=slow rate=slow,slow size=1,2 seeds=3 a=b=c
    --coordinator --coordinator=auto --coordinator=here:1 --processes=2 --process=1
    ﬀ é e\u0301 \u202e 💥 method=\udcff method=\x00 \x1b[2J \x00 \udcff""".split()  # noqa: SIM905
LONG = ["9" * 30, "9" * 5000, "x" * 5000, f"size={9**99}", "--seeds=" + "9" * 30, f"size={list(range(600))}"[1:]]
MAD = st.sampled_from([*WORDS, *LONG, "", " ", "\t", "\n", "a\nb"]) | st.text(
    st.characters(exclude_characters="/"), max_size=6
)
MISTAKES = (  # what becomes of a word, cut in two at some place, beside a mad one
    lambda a, b, mad: [],
    lambda a, b, mad: [a + b, a + b],
    lambda a, b, mad: [a + b[1:]],
    lambda a, b, mad: [a],
    lambda a, b, mad: [(a + b).upper()],
    lambda a, b, mad: [mad],
    lambda a, b, mad: [a + b, mad],
    lambda a, b, mad: [a + mad + b],
    lambda a, b, mad: [(a + b).partition("=")[0] + "=" + mad],
)
MISTAKE = st.tuples(st.sampled_from(MISTAKES), st.integers(0, 10**6), st.integers(0, 10**6), MAD)


def marred(words: list[str], mistakes: list[tuple]) -> list[str]:
    """The words with mistakes in them."""
    for mistake, place, spot, mad in mistakes:
        place %= len(words) + 1
        word = words[place] if place < len(words) else ""
        spot %= len(word) + 1
        words = [*words[:place], *mistake(word[:spot], word[spot:], mad), *words[place + 1 :]]
    return words


BAD = st.builds(
    marred,
    st.one_of(GOOD.map(lambda each: each[0]), OTHERS, st.lists(MAD, max_size=5)),
    st.lists(MISTAKE, min_size=1, max_size=3),
)


def tried(request, share: float, strategy: st.SearchStrategy, check) -> None:
    """Check a share of all lines; always the same ones where their number is the usual."""
    count = request.config.getoption("--lines")
    how = {
        "deadline": None,
        "suppress_health_check": list(HealthCheck),
        "derandomize": count == LINES,
        "database": None,
    }
    hypothesis(max_examples=int(share * count), **how)(given(strategy)(check))()


def test_a_good_line_asks_the_engine_for_what_it_says(here, capsys, request):
    def check(each):
        words, wanted = each
        here.asked.clear()
        code, out, err = said(capsys, words)
        assert code == 0, err
        entries = discover.resolve(wanted["names"])
        assert [asked["name"] for asked in here.asked] == [entry.name for entry in entries]
        overrides = {name: value for each in wanted["sets"] for name, value in each.items()}
        for asked, entry in zip(here.asked, entries, strict=True):
            resolved, seeds = settings.apply(discover.load(entry), wanted["preset"], overrides, wanted["seeds"])
            assert asked["settings"] == {name: study.settings for name, study in resolved.studies.items()}
            assert asked["seeds"] == seeds
            assert all(asked[key] == wanted[key] for key in ("preset", "group", "fresh", "runs"))
        if wanted["json"]:
            json.loads(out, parse_constant=lambda text: pytest.fail(f"{text} is no JSON"))
        here.check()

    tried(request, 0.1, GOOD, check)


def test_a_bad_line_ends_with_one_clear_line_and_costs_nothing(here, capsys, request):
    def check(words):
        here.asked.clear()
        code, out, err = said(capsys, words)
        complaints = [line for line in err.split("\n") if line.startswith("dlnotes: ")]
        assert code in ((0, 1, 2) if "data" in words else (0, 2)), err  # 1: data that are not here yet
        assert bool(complaints) == (code != 0), err
        assert "Traceback" not in err
        assert all(len(line) < 1100 and line.isprintable() for line in complaints), err
        assert not (code and out) or here.asked or "--json" in words
        here.check()

    tried(request, 0.6, BAD, check)


ONE = st.one_of(NUMBERS, st.floats(), st.text(max_size=5), st.none(), st.booleans(), st.binary(max_size=3))
FEW = st.lists(ONE, max_size=3)
ANY = st.one_of(
    ONE,
    FEW,
    FEW.map(tuple),
    st.dictionaries(ONE, ONE, max_size=3),
    st.lists(NUMBERS, max_size=3).map(np.array),
    st.just(object()),
)
KEYS = st.sampled_from(["rate", "gain", "betas", "size", "method", "ratio", "bias", "repeats", "seeds"]) | MAD


def test_settings_from_python_are_applied_or_refused_in_one_line(here, request):
    experiment = discover.load("own.py")

    def check(each):
        try:
            settings.apply(experiment, "standard", *each)
        except LabError as error:
            assert "\n" not in str(error)  # noqa: PT017

    tried(request, 0.3, st.tuples(st.dictionaries(KEYS, ANY, max_size=3), st.none() | ANY), check)
