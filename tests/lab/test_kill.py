"""SIGKILL at random moments, real processes: the end is bit for bit as if nobody had killed it, nothing left over."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from dlnotes.lab import devices, store

WALK = Path(__file__).parent / "examples" / "walk.py"


@pytest.fixture(scope="module")
def environment():
    """Frequent checkpoints, two devices, the tests' cache."""
    return os.environ | {"DLNOTES_CHECKPOINT_SECONDS": "0.02", "DLNOTES_CACHE": str(devices.cache_folder())}


def command(runs):
    return [sys.executable, "-m", "dlnotes", "run", str(WALK), "--runs", str(runs)]


def complete(runs, environment):
    """Run to the end; returns the seconds it took."""
    began = time.perf_counter()
    done = subprocess.run(command(runs), env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    return time.perf_counter() - began


def folder_of(runs):
    (folder,) = (runs / "walk").iterdir()
    return folder


@pytest.mark.timeout(1500)
def test_killed_at_random_moments(tmp_path, environment, request):
    complete(tmp_path / "warm", environment)
    usual = complete(tmp_path / "reference", environment)
    kills = request.config.getoption("--kills")
    moments = random.Random(0)
    killed = round_number = 0
    while killed < kills:
        runs = tmp_path / f"runs{round_number}"
        round_number += 1
        for _ in range(5):
            process = subprocess.Popen(
                command(runs), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            try:
                process.wait(timeout=moments.uniform(0.3, 0.9) * usual)
                break
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                killed += 1
        usual = min(usual, complete(runs, environment))
        reference, resumed = (store.load_results(folder_of(r)) for r in (tmp_path / "reference", runs))
        assert resumed.walk.identical(reference.walk)
        left = {p.name for p in folder_of(runs).iterdir()}
        assert left == {".lock", "manifest.json", "results.nc", "verdict.json"}
    assert np.isfinite(reference.walk.distance).all()
