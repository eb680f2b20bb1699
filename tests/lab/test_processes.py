"""Several processes and many devices: the numbers of one, also where one is killed and fewer or more go on."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from dlnotes.lab import devices, processes, store
from dlnotes.lab.errors import Interrupted, LabError, RunFailed

WALK = Path(__file__).parent / "examples" / "walk.py"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere", 2, 0), "HOST:PORT"),
        (("host:no", 2, 0), "HOST:PORT"),
        (("host:70000", 2, 0), "HOST:PORT"),
        (("host:1234", None, None), "--process from 0 to N"),
        (("host:1234", 2, None), "--process from 0 to N"),
        (("host:1234", 2, 2), "--process from 0 to N"),
        ((None, 2, 0), "go with --coordinator"),
        (("auto", 2, 0), "go with --coordinator"),
    ],
)
def test_words_that_do_not_fit_together_are_told(words, said):
    with pytest.raises(LabError, match=said) as refused:
        processes.start(*words)
    assert "\n" not in str(refused.value)


def test_auto_where_there_is_no_cluster():
    with pytest.raises(LabError, match="no cluster that JAX knows"):
        processes.start("auto")


@pytest.mark.parametrize(
    ("environment", "several"),
    [
        ({}, False),
        ({"SLURM_NTASKS": "4"}, False),  # the shell of salloc
        ({"SLURM_NTASKS": "4", "SLURM_PROCID": "1", "SLURM_STEP_NODELIST": "n[1-4]"}, True),
        ({"SLURM_NTASKS": "1", "SLURM_PROCID": "0", "SLURM_STEP_NODELIST": "n1"}, False),
        ({"OMPI_COMM_WORLD_SIZE": "2"}, True),
        ({"TPU_WORKER_HOSTNAMES": "a,b"}, True),
        ({"TPU_WORKER_HOSTNAMES": "localhost"}, False),
    ],
)
def test_what_a_cluster_announces(environment, several):
    assert processes.announced(environment) == several


def test_one_process_is_everyone():
    assert list(processes.everyone(3e12)) == [3e12]
    processes.same("anything", "x")
    with pytest.raises(LabError, match="mine"), processes.together():
        raise LabError("mine")


@pytest.mark.parametrize(("code", "kind"), [(130, Interrupted), (1, RunFailed), (2, RunFailed)])
def test_a_stop_or_an_error_of_another_is_one_here(monkeypatch, code, kind):
    monkeypatch.setattr(processes, "several", lambda: True)
    monkeypatch.setattr(processes, "everyone", lambda mine: np.array([code, mine]))
    with pytest.raises(LabError) as told, processes.together():
        pass
    assert type(told.value) is kind


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """The walk in one process on one device."""
    runs = tmp_path_factory.mktemp("one")
    assert finish([start(runs)]) == [0]
    return results(runs)


def start(runs, words=(), local=1, **announced):
    """One process of ten walks, more than the devices of any test here, with a checkpoint at almost every call."""
    command = [sys.executable, "-m", "dlnotes", "run", str(WALK), "--runs", str(runs), "--json"]
    command += ["--set", "size=24", "--seeds", "5"]
    own = {
        "JAX_NUM_CPU_DEVICES": str(local),
        "DLNOTES_CHECKPOINT_SECONDS": "0.05",
        "DLNOTES_CACHE": str(devices.cache_folder()),
    }
    return subprocess.Popen(
        [*command, *words], env=os.environ | own | announced, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def start_told(runs, count):
    """All processes of a run, told where to meet: on a port that was free a moment ago."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = ["--coordinator", f"127.0.0.1:{port}", "--processes", str(count)]
    return [start(runs, [*place, "--process", str(index)]) for index in range(count)]


def start_in_slurm(runs, count):
    """All tasks of a step, which find each other by what Slurm sets; its job number makes the port."""
    step = {"SLURM_JOB_ID": str(os.getpid()), "SLURM_STEP_NODELIST": "127.0.0.1", "SLURM_NTASKS": str(count)}
    return [start(runs, SLURM_PROCID=str(i), SLURM_LOCALID=str(i), **step) for i in range(count)]


def finish(running):
    """The exit codes; what a process said is shown where a test fails."""
    for index, process in enumerate(running):
        out, error = process.communicate(timeout=250)
        print(f"process {index}: {process.returncode}\n{out[-500:]}\n{error[-2000:]}")
    return [process.returncode for process in running]


def results(runs):
    (folder,) = (runs / "walk").iterdir()
    assert {path.name for path in folder.iterdir()} == {".lock", "manifest.json", "results.nc", "verdict.json"}
    return store.load_results(folder).walk


def checkpoints(runs):
    return list(runs.glob("walk/*/checkpoints/walk/0/*.json"))


def stop_when(running, runs, number):
    """Send a signal to the last process once there is a checkpoint."""
    while not checkpoints(runs):
        assert all(process.poll() is None for process in running), finish(running)
        time.sleep(0.02)
    running[-1].send_signal(number)


@pytest.mark.timeout(900)
def test_one_of_two_is_killed_and_four_go_on(tmp_path, reference):
    pair = start_told(tmp_path, 2)
    stop_when(pair, tmp_path, signal.SIGKILL)
    codes = finish(pair)
    assert codes[-1] == -signal.SIGKILL
    assert codes[0] != 0
    assert checkpoints(tmp_path)
    assert finish(start_in_slurm(tmp_path, 4)) == [0, 0, 0, 0]
    xr.testing.assert_allclose(results(tmp_path), reference, rtol=1e-4)


@pytest.mark.timeout(900)
def test_eight_devices_are_asked_to_stop_and_one_goes_on(tmp_path, reference):
    many = start(tmp_path, local=8)
    stop_when([many], tmp_path, signal.SIGTERM)
    assert finish([many]) == [130]
    assert checkpoints(tmp_path)
    assert finish([start(tmp_path)]) == [0]
    xr.testing.assert_allclose(results(tmp_path), reference, rtol=1e-4)
