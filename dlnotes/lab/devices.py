"""The machine: one host device for each CPU core, the compilation cache, how much memory a run may take."""

import contextlib
import os
from importlib import import_module
from pathlib import Path
from typing import Any

import jax
import psutil
import threadpoolctl
from jax.sharding import AxisType, Mesh


def cache_folder() -> Path:
    """The user's cache: $DLNOTES_CACHE, else $XDG_CACHE_HOME/dlnotes, else ~/.cache/dlnotes."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("DLNOTES_CACHE") or Path(base) / "dlnotes")


def configure() -> None:
    """Make every CPU core a device and keep compiled programs; what the user has set already stays.

    Must come before JAX starts its backend: afterwards the number of CPU devices is what it is.
    """
    single_threaded_lapack()
    enough_threads()
    if jax.config.jax_num_cpu_devices < 0 and "xla_force_host_platform_device_count" not in os.environ.get(
        "XLA_FLAGS", ""
    ):
        with contextlib.suppress(RuntimeError):  # the user's script has started JAX: the devices it has serve
            jax.config.update("jax_num_cpu_devices", cores())
    if jax.config.jax_compilation_cache_dir is None:
        folder = cache_folder() / "xla"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            return  # no place for a cache: runs are slower to start, nothing else changes
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def single_threaded_lapack() -> None:
    """One thread for each LAPACK call, unless $OPENBLAS_NUM_THREADS says otherwise: the devices are the threads.

    XLA's CPU programs call SciPy's OpenBLAS, whose threads wait for one another wherever a core is taken. On two busy
    cores a 256 × 256 solve took 130 ms with two threads and 0.7 ms with one, a study of vmapped solves 22 s and 3 s.
    """
    if "OPENBLAS_NUM_THREADS" not in os.environ:
        import_module("scipy.linalg")  # loads the library, so that it can be told
        threadpoolctl.threadpool_limits(1, user_api="blas")


def enough_threads() -> None:
    """More threads than cores for XLA on CPU before JAX 0.12, unless $PJRT_NPROC says otherwise.

    There operations that wait hold a thread: with two threads for two cores `foundations/fair_penalties` stood still
    for ever in two runs of three on one device, others on two; with 8 and 16 it never did.
    """
    if jax.__version_info__ < (0, 12):
        os.environ.setdefault("PJRT_NPROC", str(max(16, 4 * cores())))


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def trial_mesh(trials: int | None = None) -> Mesh:
    """All devices of all processes in one row: trials are spread over its axis `trial`.

    One process takes no more devices than it has trials: others would only repeat a trial, and on a CPU take the cores
    that one device's matrix products are spread over. Of several processes each must have devices in the row.
    """
    devices = jax.devices() if jax.process_count() > 1 else jax.devices()[:trials]
    return jax.make_mesh((len(devices),), ("trial",), axis_types=(AxisType.Auto,), devices=devices)


def memory_budget(mesh: Mesh) -> int:
    """Bytes that one program may take on each device of a mesh: most of what is free; CPU devices share it."""
    device = mesh.local_devices[0]
    statistics = device.memory_stats() if device.platform != "cpu" else None
    if statistics:
        return int(0.9 * (statistics["bytes_limit"] - statistics["bytes_in_use"]))
    return int(0.6 * psutil.virtual_memory().available) // len(mesh.local_devices)


def bytes_used(compiled: jax.stages.Compiled) -> int:
    """Bytes that a compiled program takes on a device: temporaries, arguments and outputs, as XLA counts them."""
    memory: Any = compiled.memory_analysis()
    return memory.temp_size_in_bytes + memory.argument_size_in_bytes + memory.output_size_in_bytes


def kind() -> dict[str, str | int]:
    """What results are computed on: those of different kinds are never mixed."""
    device = jax.local_devices()[0]
    return {"platform": device.platform, "kind": device.device_kind}


def describe() -> dict[str, str | int]:
    """The kind of the devices, how many of them there are in all, in how many processes."""
    return kind() | {"count": jax.device_count(), "hosts": jax.process_count()}
