"""Memory that one call takes beyond what stood there before it: its data, the interpreter, the program itself."""

import ctypes
import gc
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax

PROCESS = Path("/proc/self")


def most(*known: int | None) -> int | None:
    """The largest of several counts; None where none is known."""
    return max((count for count in known if count is not None), default=None)


def taken(run: Callable[[], Any]) -> int | None:
    """The peak of one call of a warm `run`, in bytes, less what was taken before; None where nothing can tell.

    Three counts, of which the largest holds. The rise of the process's resident memory (Linux), to about a mebibyte: it
    sees SciPy, scikit-learn and PyTorch, but misses what XLA's threads had before and kept. What XLA reserves for
    temporaries and results, on all devices, of the largest compiled program that `run` closes over. What PyTorch's
    allocator took on a GPU.
    """
    cuda = _cuda()
    if cuda:
        cuda.reset_peak_memory_stats()
    before = cuda.memory_allocated() if cuda else 0
    risen = rise(run)
    there = cuda.max_memory_allocated() - before if cuda else None
    return most(risen, there, *map(reserved, programs(run)))


def rise(call: Callable[[], Any]) -> int | None:
    """How far a call raises the resident memory of this process at its peak; None where the system does not say."""
    gc.collect()
    try:
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim:
            trim(0)  # what is free but kept would hide as much of the rise
        (PROCESS / "clear_refs").write_text("5")  # the peak is from now on that of what follows
    except OSError:
        call()
        return None
    before = _status("VmRSS")
    call()
    return max(0, _status("VmHWM") - before)


def programs(run: Callable) -> list[jax.stages.Compiled]:
    """The compiled programs that a function closes over, and those of the functions that it closes over."""
    found, seen, waiting = [], set(), [run]
    while waiting:
        value = waiting.pop()
        if isinstance(value, jax.stages.Compiled):
            found.append(value)
        elif inspect.isfunction(value) and value not in seen:
            seen.add(value)  # a function may close over itself
            waiting += inspect.getclosurevars(value).nonlocals.values()
    return found


def reserved(program: jax.stages.Compiled) -> int | None:
    """Bytes of a program's temporaries and results on all its devices, without results written over arguments."""
    memory: Any = program.memory_analysis()
    if memory is None:
        return None
    one = memory.temp_size_in_bytes + memory.output_size_in_bytes - memory.alias_size_in_bytes
    return max(0, one) * max((len(each.device_set) for each in jax.tree.leaves(program.output_shardings)), default=1)


def _status(name: str) -> int:
    """A line of /proc/self/status, in bytes."""
    lines = (PROCESS / "status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def _cuda() -> Any:
    """`torch.cuda`, where a contestant has brought it and there is a GPU."""
    torch = sys.modules.get("torch")
    return torch.cuda if torch and torch.cuda.is_available() else None
