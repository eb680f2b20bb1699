"""Running one program: compile, choose a grouping, advance in segments, checkpoint, gather.

Where memory runs out it begins again with half as many trials at once.
"""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax.sharding import NamedSharding

from dlnotes.lab import grouping, lift, processes, source
from dlnotes.lab.blame import blame
from dlnotes.lab.checkpoint import Checkpoints
from dlnotes.lab.devices import trial_mesh
from dlnotes.lab.interrupt import Interruption
from dlnotes.lab.plan import Program
from dlnotes.lab.progress import Progress
from dlnotes.lab.results import trials_dataset

# A call to the device ends after about this long, so that progress shows, Ctrl-C is heard, and the memory that XLA's
# CPU fusions keep from every step until a call ends stays small.
CALL_SECONDS = 1.0


@dataclass
class Account:
    """What a program cost."""

    compile_seconds: float = 0.0
    run_seconds: float = 0.0
    trial_steps: int = 0
    group: int = 0
    trials: int = 0
    first_bad: list[int] = field(default_factory=list)


@dataclass
class Setting:
    """Everything around a run that is not the program: seeds, devices, checkpoints, who watches."""

    seeds: range
    root: int
    group: int | None
    checkpoints: Checkpoints
    interruption: Interruption
    progress: Progress
    tuning_key: str = ""


class Runner:
    """One program over all its trials, from the start or from its newest checkpoint."""

    def __init__(self, program: Program, shape: lift.Shape, data: Any, setting: Setting):
        self.program, self.shape, self.setting = program, shape, setting
        self.trials = program.conditions * len(setting.seeds)
        self.mesh = trial_mesh(self.trials)
        self.padded = -(-self.trials // self.mesh.size) * self.mesh.size
        self.most = self.local
        self.inputs = self.place(all_inputs(program, setting.seeds, setting.root, self.padded), lift.SHARDED)
        self.data = self.place(data, lift.WHOLE)
        self.account = Account(trials=self.trials)

    def place(self, tree: Any, spec: Any) -> Any:
        """Arrays on the devices of all processes: spread over them, or the whole on each."""
        sharding = NamedSharding(self.mesh, spec)

        def put(x):
            x = jnp.asarray(x)
            return jax.make_array_from_callback(x.shape, sharding, lambda index: x[index])

        return jax.tree.map(put, tree)

    def compile(self, function: Callable, group: int, mapped: int, *arguments: Any, in_place: bool = False) -> Any:
        """The compiled lifted function, its seconds added to the account."""
        began = time.perf_counter()
        lifted = lift.lift(function, self.mesh, group, mapped, in_place)
        with blame(source.file_of(self.program.study.function)):
            compiled = jax.jit(lifted, donate_argnums=(0,) if in_place else ()).lower(*arguments).compile()
        self.account.compile_seconds += time.perf_counter() - began
        return compiled

    def compile_advance(self, group: int, carry: Any) -> Any:
        """The compiled segment program."""
        self.account.group = group
        arguments = carry, self.inputs, self.data, bounds(0, 0, 1, 1)
        return self.compile(lift.advance(self.program, self.shape), group, 2, *arguments, in_place=True)

    def run(self) -> tuple[xr.Dataset, Account]:
        """The program's results and cost; where memory runs out, with half as many trials at once."""
        while True:
            try:
                return self.attempt(), self.account
            except jax.errors.JaxRuntimeError as error:
                if not grouping.out_of_memory(error) or self.most == 1 or processes.several():
                    raise
            grouping.halve(self)

    def attempt(self) -> xr.Dataset:
        """All trials from the newest checkpoint to the end, at most `most` at once on each device."""
        self.account.group = min(self.setting.group or self.most, self.most)
        begin = self.compile(lift.begin(self.program, self.shape), self.most, 1, self.inputs, self.data)
        carry, records, advance = begin(self.inputs, self.data), self.blank_records(), None
        if self.shape.steps:
            self.account.group, advance = grouping.choose(self, carry)
        end = self.compile(lift.end(self.program), self.account.group, 2, carry, self.inputs, self.data)
        self.setting.progress.compiled(self.account.compile_seconds)
        if advance:
            (carry, records), done = self.setting.checkpoints.restore((carry, records), self.program.label)
            carry = self.segments(advance, self.refill(carry) if done else carry, records, done)
        began = time.perf_counter()
        measures, first_bad = jax.block_until_ready(end(carry, self.inputs, self.data))
        self.account.run_seconds += time.perf_counter() - began
        self.setting.progress.finished(self.account.run_seconds)
        return self.gather(records, processes.whole(measures), processes.whole(first_bad))

    def refill(self, carry: Any) -> Any:
        """The trials that only fill the devices, again from the last one: another number of devices has other ones."""
        if self.padded == self.trials:
            return carry
        real = np.arange(self.padded) < self.trials

        def fill(x):
            return jnp.where(real.reshape(-1, *[1] * (x.ndim - 1)), x, x[self.trials - 1 : self.trials])

        return jax.jit(partial(jax.tree.map, fill), out_shardings=NamedSharding(self.mesh, lift.SHARDED))(carry)

    @property
    def local(self) -> int:
        """Trials on each device."""
        return self.padded // self.mesh.size

    def blank_records(self) -> dict[str, np.ndarray]:
        """Room on the host for every record: [windows, trials, ...]; in the order in which a checkpoint has them."""
        rows = len(self.shape.stops)
        return {k: np.zeros((rows, self.trials, *v.shape), v.dtype) for k, v in sorted(self.shape.records.items())}

    def segments(self, advance: Any, carry: Any, records: dict[str, np.ndarray], done: int) -> Any:
        """Run from step `done` to the end; a checkpoint ends each segment."""
        pace = Pace()
        for row, (start, stop) in enumerate(itertools.pairwise([0, *self.shape.stops])):
            while max(start, done) < stop:
                t0 = max(start, done)
                t1 = min(stop, t0 + pace.steps)
                began = time.perf_counter()
                carry, record = jax.block_until_ready(
                    advance(carry, self.inputs, self.data, bounds(start, t0, t1, stop))
                )
                seconds = time.perf_counter() - began
                pace.learn(t1 - t0, seconds)
                done = t1
                self.account.run_seconds += seconds
                self.account.trial_steps += (t1 - t0) * self.trials
                if t1 == stop:
                    for name, array in record.items():
                        records[name][row] = processes.whole(array)[: self.trials]
                self.setting.progress.advance(done, self.shape.steps)
                stopping = self.setting.interruption.agreed() and done < self.shape.steps  # else the end is kept first
                self.setting.checkpoints.save(done, (carry, records), force=stopping)
                if stopping:
                    self.setting.interruption.stop(f"{self.program.label} at step {done} of {self.shape.steps}")
        return carry

    def gather(
        self, records: dict[str, np.ndarray], measures: dict[str, np.ndarray], first_bad: np.ndarray
    ) -> xr.Dataset:
        """Everything measured as one labelled Dataset; trials that were not finite go into the account."""
        measures = {name: array[: self.trials] for name, array in measures.items()}
        finite = np.ones(self.trials, bool)
        for array in measures.values():
            if np.issubdtype(array.dtype, np.inexact):
                finite &= np.isfinite(array.reshape(self.trials, -1)).all(1)
        first_bad = first_bad[: self.trials]
        self.account.first_bad = np.where((first_bad < 0) & ~finite, self.shape.steps, first_bad).tolist()
        return trials_dataset(self.program, self.setting.seeds, self.shape.stops, records, measures)


class Pace:
    """How many steps a call takes: one at first, then as many as fill CALL_SECONDS. It changes no result."""

    def __init__(self):
        self.steps = 1

    def learn(self, steps: int, seconds: float) -> None:
        wanted = int(steps * CALL_SECONDS / max(seconds, 1e-6))
        self.steps = int(processes.everyone(max(1, min(wanted, 16 * steps)))[0])


def bounds(start: int, t0: int, t1: int, stop: int) -> np.ndarray:
    """The bounds of one call as an array, not yet on any device: each process has the same."""
    return np.array([start, t0, t1, stop], jax.dtypes.canonicalize_dtype(int))


def shape_of(program: Program, data: Any) -> lift.Shape:
    """What a trial of the program shows, found without running it."""
    inputs = jax.eval_shape(lambda: all_inputs(program, range(1), 0, 1))
    one = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), inputs)
    with blame(source.file_of(program.study.function)):
        return lift.trace(program, one, data)


def all_inputs(program: Program, seeds: range, root: int, padded: int) -> lift.Inputs:
    """Keys and conditions of all trials, conditions first, the last trial repeated to fill the devices.

    A seed's key is the same in every condition: arms are paired.
    """
    condition, seed = np.divmod(np.minimum(np.arange(padded), program.conditions * len(seeds) - 1), len(seeds))
    keys = jax.vmap(lambda seed: jax.random.fold_in(jax.random.key(root), seed))(jnp.asarray(seeds.start + seed))
    return lift.Inputs(keys, jax.tree.map(lambda leaf: jnp.asarray(leaf[condition]), program.condition_arrays()))
