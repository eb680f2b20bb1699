"""Who may import whom: concepts never the lab, the lab never a concept, and nothing happens on import."""

import subprocess
import sys
from pathlib import Path

import pytest

from dlnotes.lab.source import imports

PACKAGE = Path(__file__).parent.parent / "dlnotes"
CONCEPTS = ("maths", "classical", "nn", "optim", "vision", "sequence", "generative", "rl", "data")


def offenders(folders, forbidden) -> list[str]:
    files = [path for folder in folders for path in (PACKAGE / folder).rglob("*.py")]
    return [
        f"{path.relative_to(PACKAGE)} imports {name}"
        for path in files
        for name in imports(path)
        if any(name == bad or name.startswith(bad + ".") for bad in forbidden)
    ]


def test_concepts_do_not_import_the_lab():
    assert offenders(CONCEPTS, ["dlnotes.lab", "dlnotes.cli"]) == []


def test_the_lab_does_not_import_concepts():
    fetching = "cli/data.py imports dlnotes.data"  # `dlnotes data` is the one command about a concept
    found = offenders(["lab", "cli"], [f"dlnotes.{name}" for name in CONCEPTS])
    assert [line for line in found if not line.startswith(fetching)] == []


def test_there_are_files_to_look_at():
    assert imports(PACKAGE / "lab" / "engine.py") >= {"dlnotes.lab.rehearse"}


@pytest.mark.parametrize("words", [["list"], ["--help"]])
def test_listing_waits_for_no_array_library(words):
    code = (
        "import sys\nfrom dlnotes.cli import main\n"
        f"code = main({words!r})\n"
        "heavy = [m for m in ('jax', 'numpy', 'xarray', 'flax', 'optax', 'matplotlib', 'scipy') if m in sys.modules]\n"
        "sys.exit(code or ' '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
