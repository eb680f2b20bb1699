"""From a trial to programs over many trials: vmapped, in groups, sharded over the devices."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.sharding import Mesh, PartitionSpec

from dlnotes.lab.errors import LabError
from dlnotes.lab.plan import Program
from dlnotes.lab.trial import Trial, stay

SHARDED = PartitionSpec("trial")
WHOLE = PartitionSpec()
MOST_STEPS = 2**31 - 2
MOST_RECORDS = 1_000_000


class Inputs(NamedTuple):
    """What distinguishes one trial from another: its seed's key and its condition's values."""

    key: Array
    condition: dict[str, Any]


class Carry(NamedTuple):
    """A trial under way: its state, its metrics summed since the last record, its first bad step (not finite) or −1."""

    state: Any
    sums: dict[str, Array]
    first_bad: Array


class Shape(NamedTuple):
    """What one abstract run of a trial shows: how many steps, and the arrays it records and ends with."""

    steps: int
    every: int
    metrics: dict[str, jax.ShapeDtypeStruct]
    probes: dict[str, jax.ShapeDtypeStruct]
    measures: dict[str, jax.ShapeDtypeStruct]
    state_bytes: int

    @property
    def stops(self) -> list[int]:
        """The numbers of steps after which there is a record."""
        return [*range(self.every, self.steps, self.every), self.steps] if self.steps else []

    @property
    def records(self) -> dict[str, jax.ShapeDtypeStruct]:
        """A record's arrays: means of the metrics, and the probes."""
        means = {
            k: jax.ShapeDtypeStruct(v.shape, jnp.result_type(v.dtype, jnp.float32)) for k, v in self.metrics.items()
        }
        return means | self.probes


def make_trial(program: Program, inputs: Inputs, data: Any) -> Trial:
    """The trial of one seed under one condition."""
    leading = (inputs.key,) if data is None else (inputs.key, data)
    return program.study.function(*leading, **program.static, **inputs.condition)


def trace(program: Program, inputs: Inputs, data: Any) -> Shape:
    """Run a trial abstractly; raises `LabError` where its parts do not fit together."""
    seen = {}

    def whole(inputs, data):
        trial = make_trial(program, inputs, data)
        seen["trial"] = trial
        if not isinstance(trial, Trial):
            raise LabError(f"{program.label}: the trial returned {type(trial).__name__}, a lab.Trial is wanted")
        state, t = trial.init(), jnp.zeros((), int)
        after, metrics = trial.step(state, t)
        check_same(program, state, after)
        return metrics, trial.probe(after, t), trial.finish(after), after

    metrics, probes, measures, state = jax.eval_shape(whole, inputs, data)
    trial = seen["trial"]
    names = [*metrics, *probes, *measures]
    if len(set(names)) != len(names) or not names:
        raise LabError(
            f"{program.label}: metrics, probe and finish must give measures of different names, got {names or 'none'}"
        )
    if trial.step is not stay:
        check_steps(program.label, trial)
    check_dims(program, metrics | probes | measures)
    size = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state))
    return Shape(trial.steps, trial.every, metrics, probes, measures, size)


def check_steps(label: str, trial: Trial) -> None:
    """Steps must be counted in 32 bits, and their records held in memory."""
    if trial.steps < 1 or trial.every < 1:
        raise LabError(f"{label}: steps and every must be 1 or more, got {trial.steps} and {trial.every}")
    if max(trial.steps, trial.every) > MOST_STEPS:
        raise LabError(f"{label}: steps and every are at most {MOST_STEPS}, got {trial.steps} and {trial.every}")
    if trial.steps > MOST_RECORDS * trial.every:
        wanted = f"at most {MOST_RECORDS} are kept: choose a larger every"
        raise LabError(f"{label}: {trial.steps} steps with a record every {trial.every}; {wanted}")


def check_dims(program: Program, measures: dict[str, jax.ShapeDtypeStruct]) -> None:
    """The study's `dims` must name measures that there are, one name for each of their dimensions."""
    for name, dims in program.study.dims.items():
        if name not in measures:
            raise LabError(f"{program.label}: dims names {name!r}, there is {', '.join(measures)}")
        if len(dims) != len(measures[name].shape):
            shape = list(measures[name].shape)
            raise LabError(
                f"{program.label}: dims gives {name} the names {dims}, its shape is {shape}: one name for each"
            )
        taken = [dim for dim in dims if dim in measures]
        if taken:
            raise LabError(f"{program.label}: {taken[0]!r} is a measure and a dimension of {name}; rename one of them")


def check_same(program: Program, before: Any, after: Any) -> None:
    """A step must return a state of the structure, shapes and dtypes it was given."""
    if jax.tree.structure(before) != jax.tree.structure(after):
        raise LabError(
            f"{program.label}: step changed the structure of the state; return a state like the one it was given"
        )
    for (path, old), new in zip(jax.tree.leaves_with_path(before), jax.tree.leaves(after), strict=True):
        if (jnp.shape(old), jnp.result_type(old)) != (jnp.shape(new), jnp.result_type(new)):
            place = jax.tree_util.keystr(path) or "state"
            was, now = (f"{jnp.result_type(x)}{list(jnp.shape(x))}" for x in (old, new))
            raise LabError(f"{program.label}: step turned {place} from {was} into {now}; keep shape and dtype")


def all_finite(measures: Any) -> Array:
    """Whether every floating number in a pytree is finite."""
    leaves = [
        jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(measures) if jnp.issubdtype(leaf.dtype, jnp.inexact)
    ]
    return jnp.stack(leaves).all() if leaves else jnp.array(True)


def begin(program: Program, shape: Shape) -> Callable:
    """One trial's start: (inputs, data) → carry."""

    def start(inputs: Inputs, data: Any) -> Carry:
        sums = {name: jnp.zeros(shape.records[name].shape, shape.records[name].dtype) for name in shape.metrics}
        return Carry(make_trial(program, inputs, data).init(), sums, jnp.array(-1, jnp.int32))

    return start


def advance(program: Program, shape: Shape) -> Callable:
    """One trial's steps t0 … t1−1 in the record window [start, stop): (carry, inputs, data, bounds) → (carry, record).

    The bounds are data, so one program serves every segment, and cutting a window in pieces changes no number.
    """

    def run(carry: Carry, inputs: Inputs, data: Any, bounds: Array) -> tuple[Carry, dict[str, Array]]:
        start, t0, t1, stop = bounds
        trial = make_trial(program, inputs, data)

        def body(t, carry):
            state, metrics = trial.step(carry.state, t)
            sums = jax.tree.map(jnp.add, carry.sums, metrics)
            bad = (carry.first_bad < 0) & ~all_finite(metrics)
            return Carry(state, sums, jnp.where(bad, t, carry.first_bad).astype(jnp.int32))

        fresh = carry._replace(sums=jax.tree.map(lambda x: jnp.where(t0 == start, jnp.zeros_like(x), x), carry.sums))
        carry = jax.lax.fori_loop(t0, t1, body, fresh)
        record = jax.tree.map(lambda total: total / (t1 - start).astype(total.dtype), carry.sums)
        blank = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shape.probes)
        probes = jax.lax.cond(t1 == stop, lambda: trial.probe(carry.state, t1), lambda: blank)
        return carry, record | probes

    return run


def end(program: Program) -> Callable:
    """One trial's end: (carry, inputs, data) → (measures, first step that was not finite or −1)."""

    def finish(carry: Carry, inputs: Inputs, data: Any) -> tuple[dict[str, Array], Array]:
        trial = make_trial(program, inputs, data)
        return trial.finish(carry.state), carry.first_bad

    return finish


def in_groups(function: Callable, carry: Any, trials: Any, size: int, group: int) -> tuple[Any, Any]:
    """`function` over `size` trials, `group` at a time: (carry, trials) → (carry, results), the carry in its own place.

    `lax.map` would give the carry in a second place: twice the memory, and at each call a copy of it all.
    """

    def some(carry: Any, start: Array | int, here: Any) -> tuple[Any, Any]:
        count = jax.tree.leaves(here)[0].shape[0]
        before = jax.tree.map(lambda x: jax.lax.dynamic_slice_in_dim(x, start, count), carry)
        # without the barrier XLA may read from the old carry once more, and keeps a copy of it
        after, results = jax.vmap(function)(*jax.lax.optimization_barrier((before, here)))
        return jax.tree.map(lambda x, y: jax.lax.dynamic_update_slice_in_dim(x, y, start, 0), carry, after), results

    whole = size - size % group
    groups = jax.tree.map(lambda x: x[:whole].reshape(whole // group, group, *x.shape[1:]), trials)
    starts = jnp.arange(0, whole, group)
    carry, results = jax.lax.scan(lambda carry, each: some(carry, *each), carry, (starts, groups))
    results = jax.tree.map(lambda y: y.reshape(whole, *y.shape[2:]), results)
    if whole == size:
        return carry, results
    carry, last = some(carry, whole, jax.tree.map(lambda x: x[whole:], trials))
    return carry, jax.tree.map(lambda a, b: jnp.concatenate([a, b]), results, last)


def lift(function: Callable, mesh: Mesh, group: int, mapped: int, in_place: bool = False) -> Callable:
    """`function` over trials: its first `mapped` arguments have a leading trial axis, the rest are shared.

    That axis is sharded over the mesh. On each device the trials run `group` at a time: all at once (vmap), or one
    group after the other. Where `in_place`, the first of two results takes the place of the first argument.
    """

    def on_device(*arguments):
        trials, shared = arguments[:mapped], arguments[mapped:]
        size = jax.tree.leaves(trials)[0].shape[0]
        if group >= size:
            return jax.vmap(lambda *trial: function(*trial, *shared))(*trials)
        if in_place:
            return in_groups(lambda first, rest: function(first, *rest, *shared), trials[0], trials[1:], size, group)
        return in_groups(lambda _, trial: ((), function(*trial, *shared)), (), trials, size, group)[1]

    def over_trials(*arguments):
        specs = tuple(SHARDED if i < mapped else WHOLE for i in range(len(arguments)))
        return jax.shard_map(on_device, mesh=mesh, in_specs=specs, out_specs=SHARDED, check_vma=False)(*arguments)

    return over_trials
