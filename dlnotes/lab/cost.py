"""Cost studies: seconds and bytes of one computation, measured alone, blocked, repeated."""

import time
from typing import Any

import jax
import numpy as np
import xarray as xr

from dlnotes.lab import source
from dlnotes.lab.blame import blame
from dlnotes.lab.devices import bytes_used
from dlnotes.lab.interrupt import Interruption
from dlnotes.lab.plan import Program
from dlnotes.lab.progress import Progress
from dlnotes.lab.results import cost_dataset


def measure(
    programs: list[Program], root: int, interruption: Interruption, progress: Progress
) -> tuple[list[xr.Dataset], float, float]:
    """The Datasets of a Cost study's programs, seconds of compiling, seconds of running.

    The repeats go in rounds over all programs, so that a slow minute of the machine touches all alike.
    """
    repeats = programs[0].repeats
    prepared = []
    for program in programs:
        prepared.append(prepare(program, jax.random.key(root)))
        interruption.check(program.label)
    compiling = sum(seconds for _, _, seconds, _, _ in prepared)
    progress.compiled(compiling)
    seconds = np.zeros((len(programs), repeats))
    for repeat in range(repeats):
        for i, (compiled, arguments, *_) in enumerate(prepared):
            began = time.perf_counter()
            jax.block_until_ready(compiled(*arguments))
            seconds[i, repeat] = time.perf_counter() - began
        progress.advance(repeat + 1, repeats)
        interruption.check(f"{programs[0].study_name}, round {repeat + 1} of {repeats}")
    datasets = [
        cost_dataset(program, seconds[i], compile_seconds, memory, outputs)
        for i, (program, (_, _, compile_seconds, memory, outputs)) in enumerate(zip(programs, prepared, strict=True))
    ]
    progress.finished(float(seconds.sum()))
    return datasets, compiling, float(seconds.sum())


def prepare(program: Program, key: jax.Array) -> tuple[Any, tuple, float, int, dict]:
    """Compile and warm up one computation: (compiled, arguments, compile seconds, bytes, its outputs if named)."""
    with blame(source.file_of(program.study.function)):
        function, arguments = program.study.function(key, **program.static)
        arguments = jax.device_put(arguments, jax.local_devices()[0])
        began = time.perf_counter()
        compiled = jax.jit(function).lower(*arguments).compile()
    seconds = time.perf_counter() - began
    outputs = jax.device_get(jax.block_until_ready(compiled(*arguments)))
    return compiled, arguments, seconds, bytes_used(compiled), outputs if isinstance(outputs, dict) else {}
