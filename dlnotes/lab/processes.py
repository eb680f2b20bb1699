"""Several processes, one run: how they find each other, agree, write once and fail together.

All of them execute the same lines in the same order; the first one alone writes. One process is the usual case: then
everything here returns at once.
"""

import os
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from dlnotes.lab.errors import Interrupted, LabError, RunFailed

HEARTBEAT = 30  # seconds of silence after which a process counts as lost
MEND = "what was checkpointed is kept: the same command goes on, also with another number of processes"


class Lost(RunFailed):
    """Another process is gone: nothing can be agreed any more."""


def start(coordinator: str | None = None, count: int | None = None, index: int | None = None) -> None:
    """Join the other processes, before JAX starts its backend.

    By address and number, or by what the cluster says of itself: `auto`, or no word where Slurm, Open MPI or a TPU
    slice announces more than one task. Raises `LabError` where the words do not fit together or the others are not met.
    """
    words = (coordinator, count, index)
    if words == (None, None, None) and not announced(os.environ):
        return
    check(*words)
    # its service would catch SIGTERM, which here means: keep what is done and stop
    jax.config.update("jax_enable_preemption_service", False)
    place = None if coordinator in (None, "auto") else coordinator
    try:
        jax.distributed.initialize(
            place,
            count,
            index,
            cluster_detection_method="deactivate" if place else None,
            heartbeat_timeout_seconds=HEARTBEAT,
        )
    except (ValueError, TypeError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        if place is None:
            raise LabError(
                f"no cluster that JAX knows ({reason}); give --coordinator, --processes, --process"
            ) from error
        raise LabError(f"process {index} of {count} did not meet the others at {place} ({reason})") from error


def check(coordinator: str | None, count: int | None, index: int | None) -> None:
    """Raise `LabError` unless there is an address with both numbers, or none of the three but `auto`."""
    given = f"--coordinator {coordinator} --processes {count} --process {index}"
    if coordinator in (None, "auto"):
        if (count, index) != (None, None):
            raise LabError(
                f"got {given}: --processes and --process go with --coordinator HOST:PORT, the address of process 0"
            )
        return
    port = coordinator.rpartition(":")[2]
    if not coordinator.rpartition(":")[0] or not port.isdigit() or not 0 < int(port) < 65536:
        raise LabError(f"--coordinator is HOST:PORT, the address of process 0, or auto; got {coordinator!r}")
    if count is None or index is None or not 0 <= index < count:
        raise LabError(f"got {given}: --processes N with --process from 0 to N − 1 is wanted")


def announced(environment: Mapping[str, str]) -> bool:
    """Whether the environment says that this process is one of several."""
    tasks = [environment.get("OMPI_COMM_WORLD_SIZE", "1")]
    if "SLURM_STEP_NODELIST" in environment and "SLURM_PROCID" in environment:  # a task of srun, not its shell
        tasks.append(environment.get("SLURM_NTASKS", "1"))
    return any(n.isdigit() and int(n) > 1 for n in tasks) or "," in environment.get("TPU_WORKER_HOSTNAMES", "")


def first() -> bool:
    """Whether this is the process that writes."""
    return jax.process_index() == 0


def several() -> bool:
    """Whether there are others."""
    return jax.process_count() > 1


def everyone(value: float | bool) -> np.ndarray:
    """The `value` of each process, at each of them."""
    if not several():
        return np.array([value])
    content = np.frombuffer(np.float64(value).tobytes(), np.uint8)  # as JAX would round it to float32
    return gathered(lambda: multihost_utils.process_allgather(content)).reshape(-1, 8).copy().view(np.float64)[:, 0]


def whole(tree: Any) -> Any:
    """Arrays that are spread over all devices, on this host as NumPy."""
    return gathered(lambda: multihost_utils.process_allgather(tree, tiled=True)) if several() else jax.device_get(tree)


def gathered(gather: Callable[[], Any]) -> Any:
    """What all processes give together; raises `Lost` where one does not."""
    try:
        return gather()
    except (RuntimeError, ValueError) as error:  # JAX's own, or NumPy's where it waits for the array
        if not several():
            raise
        raise Lost(f"another process was lost ({str(error).splitlines()[0][:120]}); {MEND}") from error


@contextmanager
def together() -> Iterator[None]:
    """An error of one is an error of all, once each has come to the end of the block; else they would wait for ever."""
    failure = None
    try:
        yield
    except Lost:
        raise
    except LabError as error:
        failure = error
    if several():
        codes = everyone(failure.exit_code if failure else 0)
        failed = np.flatnonzero(codes)
        if failure is None and Interrupted.exit_code in codes:
            raise Interrupted(f"another process was asked to stop; {MEND}")
        if failure is None and failed.size:
            raise RunFailed(f"process {failed[0]} could not go on, and says why; {MEND}")
    if failure is not None:
        raise failure


def same(what: str, text: str) -> None:
    """Raise `LabError` unless all processes have the same text."""
    marks = everyone(zlib.crc32(text.encode()))
    if len(set(marks)) > 1:
        other = int(np.flatnonzero(marks != marks[0])[0])
        raise LabError(f"processes 0 and {other} differ in {what}; start all with the same command, code and versions")
