"""Strict: rank promotion and key reuse raise, warnings are errors, two CPU devices, compiled programs are kept.

Programs are compiled in haste (LLVM's level 0), as most of the tests' time is compiling; $XLA_FLAGS overrides it.
"""

import os
from pathlib import Path

os.environ["DLNOTES_CACHE"] = str(Path(__file__).parent.parent / ".pytest_cache" / "dlnotes")
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # jax 0.9 complains of CPU features when it loads from the cache

import jax
import pytest

from dlnotes.lab import devices

jax.config.update("jax_num_cpu_devices", 2)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_debug_key_reuse", True)
devices.configure()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kills", type=int, default=20, help="how many times the kill test kills a run (default 20)")
    parser.addoption("--rot", type=int, default=3, help="how many files of runs are damaged (default 3)")
    parser.addoption("--alone", action="store_true", help="run every experiment one trial at a time too, not four")
    parser.addoption("--lines", type=int, default=900, help="how many command lines are made up (default 900)")


@pytest.fixture
def float64():
    """Run a test with 64-bit numbers."""
    with jax.enable_x64(True):
        yield
