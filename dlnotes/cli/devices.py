"""`dlnotes devices`."""

import os
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import jax
import psutil

from dlnotes.cli.tables import say, screen
from dlnotes.lab import devices, source
from dlnotes.lab.errors import LabError

TPU_VARIABLES = ("TPU_NAME", "TPU_WORKER_ID", "TPU_ACCELERATOR_TYPE")
CUDA = {"cuda13": 580, "cuda12": 525}  # extra of jax, newest first: the oldest NVIDIA driver that runs it on Linux


def show_devices() -> None:
    """Print devices, memory, versions, the cache folder, and a hint where an accelerator lies idle."""
    devices.configure()
    console = screen()
    try:
        found = jax.local_devices()
    except RuntimeError as error:
        raise LabError(f"JAX finds no device ({error}); see JAX_PLATFORMS") from error
    for device in found:
        say(console, f"device    {device.id}: {device.platform}, {device.device_kind}{memory_of(device)}")
    host = psutil.virtual_memory()
    say(console, f"host      {os.cpu_count()} cores, {gib(host.available)} of {gib(host.total)} GiB free")
    say(console, f"hosts     {jax.process_count()}")
    say(console, f"cache     {jax.config.jax_compilation_cache_dir or 'none'}")
    say(console, f"versions  {', '.join(f'{name} {version}' for name, version in source.versions().items())}")
    hint = idle_accelerator({device.platform for device in found}, this_machine())
    if hint:
        say(console, f"hint      {hint}", style="yellow")


def memory_of(device: Any) -> str:
    """An accelerator's free memory; the host's is told once."""
    statistics = device.memory_stats() if device.platform != "cpu" else None
    if not statistics or "bytes_limit" not in statistics:
        return ""
    free = statistics["bytes_limit"] - statistics.get("bytes_in_use", 0)
    return f", {gib(free)} of {gib(statistics['bytes_limit'])} GiB free"


def gib(count: int) -> str:
    return f"{count / 2**30:.1f}"


class Machine(NamedTuple):
    """What can be learned of a machine without JAX."""

    nvidia: bool = False
    driver: int | None = None
    tpu: bool = False
    amd: bool = False
    packages: frozenset[str] = frozenset()
    wanted_platforms: str = ""


def this_machine() -> Machine:
    """Look at device files, the environment and what is installed."""
    files, driver = Path("/dev"), nvidia_driver()
    return Machine(
        nvidia=driver is not None or any(files.glob("nvidia[0-9]*")),
        driver=driver,
        tpu=any(name in os.environ for name in TPU_VARIABLES) or any(files.glob("accel[0-9]*")),
        amd=(files / "kfd").exists(),
        packages=frozenset(str(package.metadata["Name"]).lower() for package in metadata.distributions()),
        wanted_platforms=os.environ.get("JAX_PLATFORMS", ""),
    )


def nvidia_driver() -> int | None:
    """The major version of the NVIDIA driver; None where there is none that answers."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    major = asked.stdout.strip().partition(".")[0]
    return int(major) if asked.returncode == 0 and major.isdigit() else None


def idle_accelerator(platforms: set[str], machine: Machine) -> str | None:
    """What to do so that JAX uses an accelerator that the machine seems to have; None where none lies idle."""
    if platforms - {"cpu"}:
        return None
    if machine.nvidia:
        name, plugin, extra = "an NVIDIA GPU", "jax-cuda", cuda_extra(machine.driver)
    elif machine.tpu:
        name, plugin, extra = "a TPU", "libtpu", "tpu"
    elif machine.amd:
        name, plugin, extra = "an AMD GPU", "jax-rocm", "rocm7-local"
    else:
        return None
    if machine.wanted_platforms:
        return f"{name} is here, but JAX_PLATFORMS={machine.wanted_platforms} keeps JAX from it; unset it"
    if any(package.startswith(plugin) for package in machine.packages):
        return f"{name} is here and its plugin is installed, yet JAX does not see it; check the driver"
    if not extra:
        return f"{name} is here, but its driver {machine.driver} is too old for JAX; update it to {CUDA['cuda13']}"
    return f'{name} is here, and JAX cannot use it yet; install its plugin: pip install "jax[{extra}]"'


def cuda_extra(driver: int | None) -> str:
    """The newest CUDA extra of jax that a driver can run; the newest of all where the driver is not known."""
    return next((extra for extra, oldest in CUDA.items() if driver is None or driver >= oldest), "")
