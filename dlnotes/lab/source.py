"""What code a result came from: a digest of the experiment file and of all of dlnotes it stands on."""

import ast
import functools
import hashlib
import inspect
import subprocess
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from dlnotes.lab.experiment import Experiment

PACKAGE = Path(__file__).resolve().parent.parent
ENGINE = ("trial.py", "lift.py", "execute.py", "plan.py", "results.py", "cost.py")  # what decides numbers
LIBRARIES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy", "scipy", "xarray", "scikit-learn")


def digest(path: Path) -> str:
    """SHA-256 over the experiment file, the code it imports (and what that imports), and the engine."""
    files = [path, *sorted(imported_files(path, set())), *(PACKAGE / "lab" / name for name in ENGINE)]
    total = hashlib.sha256()
    for file in files:
        total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


def file_of(function: Callable) -> Path:
    """The file that defines a function (or what a partial one holds); '<stdin>' and the like where it was typed."""
    while isinstance(function, functools.partial):
        function = function.func
    return Path(inspect.unwrap(function).__code__.co_filename)


def digest_of_code(experiment: Experiment) -> str:
    """SHA-256 over the compiled functions of an experiment that no file holds (typed at a prompt)."""
    code = [study.function.__code__ for study in experiment.studies.values()]
    return hashlib.sha256(repr([(c.co_code, c.co_consts, c.co_names) for c in code]).encode()).hexdigest()


def imported_files(path: Path, seen: set[Path]) -> set[Path]:
    """The files that a file's code stands on: concepts of dlnotes and files beside it, and what these import."""
    for module in imports(path):
        parts = module.split(".")
        if parts[:2] == ["dlnotes", "lab"]:
            continue
        base = PACKAGE.parent if parts[0] == "dlnotes" else path.parent
        for candidate in (base.joinpath(*parts).with_suffix(".py"), base.joinpath(*parts, "__init__.py")):
            if candidate.is_file() and candidate not in seen:
                seen.add(candidate)
                imported_files(candidate, seen)
    return seen


def imports(path: Path) -> set[str]:
    """Every dotted name that a file's import statements may mean."""
    found = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@functools.cache
def git_state() -> dict[str, str | bool | None]:
    """Commit of the checkout that dlnotes runs from, and whether files differ from it; None outside a checkout."""

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", "-C", str(PACKAGE), *arguments], capture_output=True, text=True, timeout=10, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    commit, changed = git("rev-parse", "HEAD"), git("status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "dirty": None if changed is None else bool(changed)}


@functools.cache
def versions() -> dict[str, str]:
    """Versions of Python, dlnotes and the libraries that decide numbers."""
    import platform

    from dlnotes import __version__

    return {"python": platform.python_version(), "dlnotes": __version__} | {
        name: metadata.version(name) for name in LIBRARIES
    }


def shown(path: Path | None) -> str | None:
    """A path for the manifest: relative to the project where it lies in it, else absolute."""
    if path is None:
        return None
    root = PACKAGE.parent
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
