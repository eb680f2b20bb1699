"""How many trials run at once on each device: all that memory allows, but on CPU few, which its caches hold.

A choice is remembered in the user's cache, so that the same command gives the same program and so the same bits.
"""

import hashlib
import json
import time
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from dlnotes.lab import processes
from dlnotes.lab.devices import bytes_used, cache_folder, memory_budget
from dlnotes.lab.errors import RunFailed
from dlnotes.lab.files import atomic_write, sweep_temporaries

if TYPE_CHECKING:
    from dlnotes.lab.execute import Runner

CPU_GROUP = 8  # what a core's caches hold: on CPU the best or nearly so for linear and small dense networks
# Tried beside it in runs of more than so many seconds, as compiling a second program takes some. One at a time
# convolutional networks train 1.4 to 2.4 times faster than eight at once, a dense one of 30 × 128 1.3 times
# (`python -m benchmarks convolutions sweeps`).
OTHERS = {1: 20.0, 64: 60.0}
TURNS = 2
HOUR = 3600.0  # another run may be writing into the same cache


def choose(runner: "Runner", carry: Any) -> tuple[int, Any]:
    """The group size and the segment program compiled for it."""
    asked = runner.setting.group or int(processes.everyone(recall(runner) or 0)[0])
    if asked:
        group = min(asked, runner.most)
        return group, runner.compile_advance(group, carry)
    on_cpu = jax.local_devices()[0].platform == "cpu"
    group, program = fitting(runner, carry, min(runner.most, CPU_GROUP) if on_cpu else runner.most)
    seconds = per_step(runner, program, carry) * runner.shape.steps if on_cpu else 0.0
    for other, worth in OTHERS.items():
        other = min(other, runner.most)
        if seconds > worth and other != group:
            candidate = runner.compile_advance(other, carry)
            # in turns: what else the machine does for a moment must not decide
            turns = [[per_step(runner, each, carry) for each in (candidate, program)] for _ in range(TURNS)]
            new, old = (min(times) * runner.shape.steps for times in zip(*turns, strict=True))
            if new < 0.95 * old:
                group, program, seconds = other, candidate, new
    remember(runner, group)
    return group, program


def fitting(runner: "Runner", carry: Any, group: int) -> tuple[int, Any]:
    """The largest group up to `group` that fits in memory, and its program."""
    budget = processes.everyone(memory_budget(runner.mesh)).min()
    while True:
        program = runner.compile_advance(group, carry)
        needed = bytes_used(program)
        if needed <= budget or group == 1:
            return group, program
        smaller = max(1, min(group // 2, int(group * budget / needed)))
        mebibytes = f"{needed / 2**20:.0f} MiB a device, {budget / 2**20:.0f} are free"
        runner.setting.progress.note(f"{group} trials at once need {mebibytes}: {smaller} at a time")
        group = smaller


def per_step(runner: "Runner", program: Any, carry: Any) -> float:
    """Seconds for a step, of as many first steps as take a fifth of a second more than the first alone.

    What a call takes besides is left out: in long runs a call takes many steps. The carry is left as it was.
    """
    most = min(runner.shape.every, runner.shape.steps)

    def call(steps: int) -> float:
        scratch = jax.block_until_ready(jax.tree.map(jnp.copy, carry))
        window = np.array([0, 0, steps, most + 1], jax.dtypes.canonicalize_dtype(int))
        began = time.perf_counter()
        jax.block_until_ready(program(scratch, runner.inputs, runner.data, window))
        return processes.everyone(time.perf_counter() - began)[0]

    alone = min(call(1), call(1))
    if most == 1:
        return alone
    steps = 1
    while (seconds := call(1 + steps) - alone) < 0.2 and 1 + steps < most:
        steps = min(most - 1, steps * 4)
    return max(seconds, 0.0) / steps


def out_of_memory(error: Exception) -> bool:
    """Whether a device had no room left."""
    return "RESOURCE_EXHAUSTED" in str(error) or "out of memory" in str(error).lower()


def halve(runner: "Runner") -> None:
    """From now on half as many trials at once; remembered, as the next run would meet the same end."""
    tried = min(runner.account.group, runner.most)
    runner.most = max(1, tried // 2)
    runner.setting.progress.note(f"{runner.program.label}: no memory left for {tried} trials at once: {runner.most}")
    remember(runner, runner.most)


def memory_file(runner: "Runner"):
    """Where the choice for this program on this machine is kept."""
    identity = json.dumps([runner.setting.tuning_key, runner.program.label, runner.local])
    return cache_folder() / "groups" / hashlib.sha256(identity.encode()).hexdigest()[:24]


def recall(runner: "Runner") -> int | None:
    """The group remembered for this program, if any."""
    try:
        return int(memory_file(runner).read_text())
    except (OSError, ValueError):
        return None


def remember(runner: "Runner", group: int) -> None:
    """Keep the choice; without a writable cache it is made anew each time."""
    if not processes.first():
        return  # theirs is never asked for
    sweep_temporaries(memory_file(runner).parent, older=HOUR)
    try:
        atomic_write(memory_file(runner), str(group))
    except RunFailed as error:
        runner.setting.progress.note(f"grouping not remembered: {error}")
