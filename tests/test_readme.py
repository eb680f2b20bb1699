"""The README tells the truth: its table is that of the kept results, its scripts run from any folder."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
SCRIPT, EXAMPLE = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def run(arguments, folder):
    usual = os.environ | {"XLA_FLAGS": ""}  # what is compiled in haste runs for long
    done = subprocess.run(arguments, cwd=folder, env=usual, capture_output=True, text=True, timeout=580)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_table_is_that_of_the_kept_results():
    assert subprocess.run([sys.executable, ROOT / "tools" / "readme.py", "--check"]).returncode == 0


@pytest.mark.timeout(600)  # it compiles and trains for real: minutes on a busy machine
def test_the_script_is_twelve_lines_and_runs(tmp_path):
    assert len(SCRIPT.strip().splitlines()) <= 12
    (tmp_path / "sweep.py").write_text(SCRIPT)
    said = run([sys.executable, "sweep.py"], tmp_path)
    assert "supported: " in said
    assert "stored in " in said


def test_the_example_is_under_sixty_lines_and_runs_from_any_folder(tmp_path):
    assert len(EXAMPLE.strip().splitlines()) < 60
    (tmp_path / "weight_decay.py").write_text(EXAMPLE)
    said = run([sys.executable, "-m", "dlnotes", "run", "weight_decay.py", "--preset", "quick"], tmp_path)
    assert "weight_decay: with 100 examples decay lowers the test loss" in said
    assert list((tmp_path / "runs" / "weight_decay").glob("quick-*/figure.svg"))


@pytest.mark.parametrize(
    "path", re.findall(r"(?:\]\(|^    )((?:dlnotes|experiments|benchmarks|tests)/[\w/.-]+)", README, re.M)
)
def test_every_path_it_names_is_there(path):
    assert (ROOT / path.split(",")[0]).exists()
