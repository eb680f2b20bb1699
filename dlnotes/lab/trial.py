"""A trial: one seed under one condition, as pure functions that the engine may run in any grouping."""

import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import optax
from jax import Array

State = Any
Measures = dict[str, Array]


def stay(state: State, _: Array) -> tuple[State, Measures]:
    """The step of a trial without steps."""
    return state, {}


def nothing(*_: Any) -> Measures:
    """No measures."""
    return {}


class Trial(NamedTuple):
    """What happens to one seed under one condition.

    init() → state; step(state, t) → (state, metrics) for t = 0 … steps−1; finish(state) → measures;
    probe(state, t) → measures.
    Every `every` steps the engine records the mean of each metric over those steps, and `probe` at their end.
    """

    init: Callable[[], State]
    step: Callable[[State, Array], tuple[State, Measures]] = stay
    finish: Callable[[State], Measures] = nothing
    probe: Callable[[State, Array], Measures] = nothing
    steps: int = 0
    every: int = 1


class Training(NamedTuple):
    """State of `supervised`: parameters and the optimizer's state."""

    params: Any
    opt_state: Any


def streams(key: Array, *names: str) -> tuple[Array, ...]:
    """One independent key for each name; adding a name changes no other stream.

    key_name = fold_in(key, crc32(name)). Raises ValueError if two names are the same.
    """
    if len(set(names)) != len(names):
        raise ValueError(f"streams wants different names, got {names}")
    return tuple(jax.random.fold_in(key, zlib.crc32(name.encode())) for name in names)


def minibatch(key: Array, t: Array, size: int, batch: int) -> Array:
    """Indices [batch] of minibatch t, drawn uniformly with replacement from `size` examples: a function of (key, t)."""
    return jax.random.randint(jax.random.fold_in(key, t), (batch,), 0, size)


def supervised(
    k_init: Array,
    k_batches: Array,
    model: tuple[Callable, Callable],
    loss: Callable[[Any, Array], Array],
    optimizer: optax.GradientTransformation,
    data: tuple[Array, Array],
    *,
    batch: int,
    steps: int,
    every: int = 1,
    finish: Callable[[Any], Measures] = nothing,
    probe: Callable[[Any], Measures] = nothing,
    index: Callable[[Array, Array, int, int], Array] = minibatch,
) -> Trial:
    """Minibatch training of one network.

    θ ← θ + update(∇ loss(apply(θ, x), y)), with minibatches drawn with replacement, or by another `index`: (k_batches,
    t, examples, batch) → indices [batch]. `model` is (init(key, inputs) → params, apply(params, inputs) → outputs);
    `data` is (inputs, targets), examples first.
    `finish` and `probe` take the parameters. Records the metric `loss` (before each update).
    """
    init_model, apply = model
    inputs, targets = data

    def init() -> Training:
        params = init_model(k_init, inputs[:2])
        return Training(params, optimizer.init(params))

    def step(state: Training, t: Array) -> tuple[Training, Measures]:
        chosen = index(k_batches, t, inputs.shape[0], batch)

        def objective(params):
            return loss(apply(params, inputs[chosen]), targets[chosen])

        value, gradient = jax.value_and_grad(objective)(state.params)
        updates, opt_state = optimizer.update(gradient, state.opt_state, state.params)
        return Training(optax.apply_updates(state.params, updates), opt_state), {"loss": value}

    return Trial(
        init,
        step,
        finish=lambda state: finish(state.params),
        probe=lambda state, t: probe(state.params),
        steps=steps,
        every=every,
    )
