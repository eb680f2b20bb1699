"""Early stopping stops where Flax's does, keeps the best parameters, and each lane for itself."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax.training.early_stopping import EarlyStopping

from dlnotes.optim import early_stopping

VALUES = jnp.array([5.0, 4.0, 4.5, 3.0, 3.1, 3.0, 3.2, 1.0, 0.5, 0.4])


def looked_at(values, patience, delta=0.0):
    """The state after each value; the parameters of value t are {"w": [t, t]}, those of the start −1."""

    def step(state, pair):
        t, value = pair
        params = {"w": jnp.full(2, t, jnp.float32)}
        state = early_stopping.update(state, value, params, patience, delta)
        return state, state

    start = early_stopping.init({"w": jnp.full(2, -1.0)})
    return jax.lax.scan(step, start, (jnp.arange(values.shape[0]), values))[1]


over = jax.jit(looked_at)


def test_stops_at_the_known_step_and_restores_the_best():
    states = over(VALUES, 3)
    np.testing.assert_array_equal(states.stopped, np.arange(10) >= 6)
    last = jax.tree.map(lambda leaf: leaf[-1], states)
    assert (last.best, last.best_count, last.count, last.waited) == (3.0, 3, 7, 3)
    np.testing.assert_array_equal(last.params["w"], [3.0, 3.0])


def test_once_stopped_nothing_changes():
    states = over(VALUES, 3)
    for leaf in jax.tree.leaves(states):
        np.testing.assert_array_equal(leaf[6:], jnp.broadcast_to(leaf[6], leaf[6:].shape))


@pytest.mark.parametrize("patience", [1, 2, 4])
@pytest.mark.parametrize("delta", [0.0, 0.3])
def test_twin_of_flax_whose_patience_is_one_less(patience, delta):
    values = np.random.default_rng(0).normal(size=40).cumsum().astype(np.float32)
    theirs, stopped, best = EarlyStopping(min_delta=delta, patience=patience - 1), [], []
    for value in values:
        theirs = theirs if theirs.should_stop else theirs.update(float(value))
        stopped.append(theirs.should_stop)
        best.append(theirs.best_metric)
    ours = over(jnp.asarray(values), patience, delta)
    np.testing.assert_array_equal(ours.stopped, stopped)
    np.testing.assert_array_equal(ours.best, best)
    assert 0 < np.argmax(stopped) < 39


def test_small_improvements_do_not_add_up():
    states = over(jnp.linspace(1.0, 0.5, 10), 3, 0.2)
    assert bool(states.stopped[3])
    assert int(states.best_count[-1]) == 0


def test_nan_is_never_an_improvement():
    states = over(jnp.full(10, jnp.nan).at[4].set(2.0), 5)
    assert not states.stopped[8]
    assert bool(states.stopped[9])
    assert (float(states.best[-1]), int(states.best_count[-1])) == (2.0, 4)
    never = over(jnp.full(10, jnp.nan), 5)
    assert (int(never.best_count[-1]), int(never.count[-1])) == (-1, 5)
    np.testing.assert_array_equal(never.params["w"][-1], -1)


def test_lanes_stop_apart_and_as_they_would_alone():
    values = VALUES[None] + jnp.outer(jnp.array([0.0, 3.0, 0.0]), jnp.arange(10.0))
    patience = jnp.array([3, 2, 5])
    together = jax.jit(jax.vmap(looked_at))(values, patience)
    assert len({int(count) for count in together.count[:, -1]}) == 3
    for i in range(3):
        alone = over(values[i], patience[i])
        for lane, one in zip(jax.tree.leaves(together), jax.tree.leaves(alone), strict=True):
            np.testing.assert_array_equal(lane[i], one)


def test_a_while_loop_ends_and_a_scan_freezes_at_the_same_place(float64):
    """Descent on the training bowl (x − 1)² passes the validation bowl's minimum at 0.5 on its way."""

    def train(x, stopping):
        x = x - 0.05 * 2 * (x - 1.0)
        return x, early_stopping.update(stopping, (x - 0.5) ** 2, x, 4)

    def scanned(carry, _):
        new = train(*carry)
        return optax.tree.where(carry[1].stopped, carry, new), None

    start = (jnp.zeros(()), early_stopping.init(jnp.zeros(())))
    ended = jax.lax.while_loop(lambda carry: ~carry[1].stopped, lambda carry: train(*carry), start)
    frozen, _ = jax.lax.scan(scanned, start, length=60)
    for one, other in zip(jax.tree.leaves(ended), jax.tree.leaves(frozen), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-14)
    path = 1 - 0.9 ** np.arange(1, 61)
    best = np.argmin((path - 0.5) ** 2)
    assert (int(ended[1].best_count), int(ended[1].count)) == (best, best + 5)
    np.testing.assert_allclose(ended[1].params, path[best])
    np.testing.assert_allclose(ended[0], path[best + 4])


def test_dtypes_of_leaves_stay():
    params = {"half": jnp.ones(2, jnp.bfloat16), "whole": jnp.arange(2)}
    state = early_stopping.init(params)
    given = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), params)
    after = early_stopping.update(state, jnp.ones((), jnp.float16), given, jnp.asarray(2), 0.1)
    assert jax.tree.map(lambda x: x.dtype, after) == jax.tree.map(lambda x: x.dtype, state)


def test_a_vector_of_values_is_refused():
    with pytest.raises(ValueError, match="vmap"):
        early_stopping.update(early_stopping.init(0.0), jnp.ones(3), 0.0, 1)
