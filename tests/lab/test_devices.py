"""What the laboratory asks of the machine."""

import os
import subprocess
import sys
from types import SimpleNamespace

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


@pytest.mark.parametrize(("version", "enough"), [((0, 9, 2), True), ((0, 12, 0, 1), False)])
def test_a_jax_whose_threads_wait_for_one_another_gets_more(monkeypatch, version, enough):
    monkeypatch.setattr(devices.jax, "__version_info__", version)
    monkeypatch.setenv("PJRT_NPROC", "3")
    devices.enough_threads()
    assert os.environ["PJRT_NPROC"] == "3"
    monkeypatch.delenv("PJRT_NPROC")
    devices.enough_threads()
    assert (int(os.environ.pop("PJRT_NPROC", 0)) >= 16) == enough


def test_the_devices_at_work_share_all_of_a_cpus_memory(monkeypatch):
    monkeypatch.setattr(devices.psutil, "virtual_memory", lambda: SimpleNamespace(available=1000))
    assert devices.memory_budget(devices.trial_mesh(trials=5)) == 300
    assert devices.memory_budget(devices.trial_mesh(trials=1)) == 600
