"""Finding experiments: by name, chapter or path. Nothing is imported until one is loaded."""

import ast
import hashlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NoReturn

from dlnotes.lab.blame import blame
from dlnotes.lab.errors import LabError
from dlnotes.lab.suggest import nearest

if TYPE_CHECKING:
    from dlnotes.lab.experiment import Experiment

CHAPTERS = (
    "foundations",
    "units",
    "initialization",
    "normalization",
    "optimization",
    "regularization",
    "vision",
    "sequence",
    "generative",
    "rl",
)
HEADLINE = (
    "initialization/xavier_vs_he",
    "normalization/batchnorm_smoothing",
    "optimization/adam_bias_correction",
    "optimization/newton_vs_first_order",
)


@dataclass(frozen=True)
class Entry:
    """An experiment file that has been read, not run. A user's own file has no chapter."""

    name: str
    chapter: str
    question: str
    path: Path


def experiments_folder() -> Path:
    """Where dlnotes' own experiments lie: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "experiments"
    return inside if inside.is_dir() else package.parent / "experiments"


def find_all(folder: Path | None = None) -> list[Entry]:
    """Every experiment of dlnotes, chapter by chapter. Files without an EXPERIMENT are no experiments."""
    folder = folder or experiments_folder()
    found = []
    for chapter in CHAPTERS:
        for path in sorted((folder / chapter).glob("[!_]*.py")):
            question = read_question(path)
            if question is not None:
                found.append(Entry(f"{chapter}/{path.stem}", chapter, question, path))
    return found


def read_question(path: Path) -> str | None:
    """The first line of a file's docstring, or why it cannot be read; None if it assigns no EXPERIMENT."""
    try:
        content = path.read_bytes()
        if b"EXPERIMENT" not in content:  # parsing takes milliseconds, and half of the files are what experiments share
            return None
        tree = ast.parse(content, str(path))
    except SyntaxError as error:
        return f"does not parse (line {error.lineno}: {error.msg})"
    except (OSError, ValueError) as error:
        return f"cannot be read ({error})"
    if not any(assigns_experiment(statement) for statement in tree.body):
        return None
    doc = ast.get_docstring(tree) or "no question: the file has no docstring"
    return doc.strip().splitlines()[0]


def assigns_experiment(statement: ast.stmt) -> bool:
    """Whether a statement is `EXPERIMENT = ...`."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    return any(isinstance(target, ast.Name) and target.id == "EXPERIMENT" for target in targets)


def resolve(words: Iterable[str], folder: Path | None = None) -> list[Entry]:
    """The experiments that words name, each once, in order; raises `LabError` with the nearest for an unknown word."""
    known = find_all(folder)
    found = {entry.path: entry for word in words for entry in resolve_word(word, known)}
    return list(found.values())


def resolve_word(word: str, known: list[Entry]) -> list[Entry]:
    """The experiments that one word names."""
    by_name = {entry.name: entry for entry in known}
    if word in by_name:
        return [by_name[word]]
    if word == "all":
        return known or complain("there are no experiments here; give a path to your own file")
    if word == "headline":
        missing = [name for name in HEADLINE if name not in by_name]
        return (
            complain(f"headline experiments are missing: {', '.join(missing)}")
            if missing
            else [by_name[n] for n in HEADLINE]
        )
    if word in CHAPTERS:
        chapter = [entry for entry in known if entry.chapter == word]
        return chapter or complain(f"chapter {word} has no experiments yet; `dlnotes list` shows what there is")
    same_stem = [entry for entry in known if entry.path.stem == word]
    if len(same_stem) > 1:
        complain(
            f"{word!r} names {len(same_stem)} experiments; say which: {', '.join(entry.name for entry in same_stem)}"
        )
    return same_stem or [own_file(word, known)]


def own_file(word: str, known: list[Entry]) -> Entry:
    """The experiment in a file named by its path."""
    path = Path(word)
    if is_there(path, Path.is_file) and path.suffix == ".py":
        path = path.resolve()
        same = [entry for entry in known if entry.path.resolve() == path]
        return same[0] if same else Entry(path.stem, "", read_question(path) or "", path)
    if path.suffix == ".py":
        complain(f"no file {word}; give the path of an experiment file, or a name that `dlnotes list` shows")
    if is_there(path, Path.is_dir) and (os.sep in word or word in (".", "..")):
        complain(f"{word} is a folder; give the path of an experiment file in it")
    choices = [name for entry in known for name in (entry.path.stem, entry.name)] + [*CHAPTERS, "headline", "all"]
    return complain(f"no experiment {word!r}{nearest(word, choices)}; `dlnotes list` shows every name")


def is_there(path: Path, wanted: Callable[[Path], bool]) -> bool:
    """Whether a file or folder is there and may be seen; a word too long for a path is not."""
    try:
        return wanted(path)
    except OSError:
        return False


def complain(message: str) -> NoReturn:
    """Raise `LabError`, as an expression."""
    raise LabError(message)


_importing: set[Path] = set()


def importing() -> bool:
    """Whether an experiment file is being imported right now, so that nothing may be run."""
    return bool(_importing)


def load(what: Entry | Path | str) -> "Experiment":
    """Import an experiment file under a private name and return its EXPERIMENT, with `name` and `path` set.

    Raises `LabError` (file, line, error) if the file does not parse, raises, or has no EXPERIMENT of the right type.
    """
    from dlnotes.lab.experiment import Experiment  # here, because `dlnotes list` loads nothing

    entry = what if isinstance(what, Entry) else own_file(str(what), find_all())
    experiment = getattr(import_file(entry.path), "EXPERIMENT", None)
    if experiment is None:
        raise LabError(
            f"{entry.path} has no EXPERIMENT; end it with EXPERIMENT = lab.Experiment(__doc__, studies=..., ...)"
        )
    if not isinstance(experiment, Experiment):
        raise LabError(f"{entry.path}: EXPERIMENT is a {type(experiment).__name__}, a lab.Experiment is wanted")
    return replace(experiment, name=entry.name, path=entry.path)


def import_file(path: Path) -> ModuleType:
    """Run a file as a module of a private unique name; its source is compiled afresh, never taken from a cache."""
    module = ModuleType("_dlnotes_experiment_" + hashlib.sha256(os.fsencode(path)).hexdigest()[:16])
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses and pickle look a class's module up there
    _importing.add(path)
    try:
        with blame(path), folder_importable(path.parent):
            exec(compile(path.read_bytes(), str(path), "exec", dont_inherit=True), module.__dict__)
    finally:
        _importing.discard(path)
    return module


@contextmanager
def folder_importable(folder: Path) -> Iterator[None]:
    """Let an experiment import the files beside it, as `python file.py` would."""
    sys.path.append(str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
