"""The same command twice, each compiling anew: the same bits on CPU, the same to rounding on any other device here."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import jax
import pytest
import xarray as xr

from dlnotes.lab import store

ROOT = Path(__file__).resolve().parents[2]
WALK = ROOT / "tests" / "lab" / "examples" / "walk.py"


def platforms() -> list[str]:
    """The CPU, and what else JAX has on this machine."""
    found = ["cpu"]
    for other in ("cuda", "rocm", "tpu"):
        with contextlib.suppress(RuntimeError):
            jax.devices(other)
            found.append(other)
    return found


def run(platform: str, folder: Path) -> Path:
    """The folder of a finished walk on one platform, with a cache of its own."""
    environment = os.environ | {"JAX_PLATFORMS": platform, "DLNOTES_CACHE": str(folder / "cache")}
    environment["PYTHONPATH"] = str(ROOT)
    words = ["run", str(WALK), "--seeds", "3", "--set", "steps=40", "--set", "every=8", "--runs", "runs"]
    command = [sys.executable, "-m", "dlnotes", *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr
    (manifest,) = (folder / "runs").rglob("manifest.json")
    return manifest.parent


def walk(folder: Path) -> xr.Dataset:
    return store.load_results(folder).walk


@pytest.mark.parametrize("platform", platforms())
def test_the_same_command_twice(platform, tmp_path):
    folders = []
    for name in ("once", "twice"):
        (tmp_path / name).mkdir()
        folders.append(run(platform, tmp_path / name))
    if platform == "cpu":
        once, twice = ((folder / store.RESULTS).read_bytes() for folder in folders)
        assert once == twice
        return
    (tmp_path / "cpu").mkdir()
    once, twice, on_cpu = map(walk, [*folders, run("cpu", tmp_path / "cpu")])
    xr.testing.assert_allclose(once, twice, rtol=1e-5, atol=1e-6)
    xr.testing.assert_allclose(once.drop_vars("turned"), on_cpu.drop_vars("turned"), rtol=1e-4, atol=1e-5)
    xr.testing.assert_allclose(once, on_cpu, rtol=0, atol=1e-2)  # a GPU multiplies matrices in TensorFloat-32
