"""What the laboratory asks of the machine."""

import os
import subprocess
import sys

import pytest

from dlnotes.lab import devices

COUNT = """
import sys
from dlnotes.lab import devices
devices.configure()
import threadpoolctl
print(sorted({library["num_threads"] for library in threadpoolctl.threadpool_info() if library["user_api"] == "blas"}))
"""


def blas_threads(**variables: str) -> str:
    environment = {k: v for k, v in os.environ.items() if k != "OPENBLAS_NUM_THREADS"} | variables
    return subprocess.run([sys.executable, "-c", COUNT], env=environment, capture_output=True, text=True).stdout.strip()


def test_lapack_runs_on_one_thread():
    assert blas_threads() == "[1]"


def test_what_the_user_says_of_lapack_stays():
    assert blas_threads(OPENBLAS_NUM_THREADS="2") == "[2]"


@pytest.mark.parametrize(("version", "count"), [((0, 9, 2), 1), ((0, 12, 0, 1), devices.cores())])
def test_a_jax_that_can_wait_for_itself_gets_one_cpu_device(monkeypatch, version, count):
    monkeypatch.setattr(devices.jax, "__version_info__", version)
    assert devices.cpu_devices() == count
