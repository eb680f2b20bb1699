"""SIGKILL at random moments and at file operations: the end is bit for bit as if nobody had killed it, nothing left."""

import subprocess
import sys
from pathlib import Path

import pytest

TORTURE = Path(__file__).parents[1] / "torture"


@pytest.mark.timeout(900)
def test_killed_runs_end_as_if_nobody_had_killed_them(request):
    kills = str(request.config.getoption("--kills"))
    command = [sys.executable, TORTURE, "--small", "--kills", kills]
    done = subprocess.run(command, capture_output=True, text=True, timeout=850)
    assert done.returncode == 0, done.stderr
    assert "bit for bit" in done.stdout
