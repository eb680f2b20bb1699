"""Batches as functions of (key, t): exactly-once laws, twins, one program for all ways, accumulated gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dlnotes import lab
from dlnotes.data import batches

KEY = jax.random.key(3)
ORDERED = ("one shuffle", "reshuffled", "as stored")


def drawn(way, steps, size, batch, key=KEY):
    """Batches 0 … steps − 1 of a way of sampling, in one compiled scan with traced t."""
    index = batches.sampled(batches.WAYS[way])
    return np.asarray(jax.lax.map(lambda t: index(key, t, size, batch), jnp.arange(steps)))


@pytest.mark.parametrize("way", ORDERED)
@pytest.mark.parametrize(("size", "batch"), [(12, 4), (11, 4), (5, 5), (7, 1)])
def test_each_example_exactly_once_in_every_epoch(way, size, batch):
    epochs = 2 * batch
    stream = drawn(way, batches.iterations(epochs, size, batch), size, batch).ravel().reshape(epochs, size)
    np.testing.assert_array_equal(np.sort(stream, axis=1), np.tile(np.arange(size), (epochs, 1)))
    repeats = [(row == stream[0]).all() for row in stream]
    assert all(repeats) == (way != "reshuffled")
    assert (stream[0] == np.arange(size)).all() == (way == "as stored")


def test_one_shuffle_is_the_first_epoch_of_the_reshuffled_one_and_its_order():
    once, anew = (drawn(way, 6, 12, 4).reshape(2, 12) for way in ("one shuffle", "reshuffled"))
    np.testing.assert_array_equal(once[0], anew[0])
    for epoch, way in enumerate(("one shuffle", "reshuffled")):
        order = batches.order(batches.WAYS[way], KEY, epoch, 12)
        np.testing.assert_array_equal(order, (once, anew)[epoch][epoch])
    assert (once[0] != drawn("one shuffle", 3, 12, 4, jax.random.key(4)).ravel()).any()


def test_named_functions_are_the_samplers():
    for function, way in ((batches.one_shuffle, "one shuffle"), (batches.reshuffled, "reshuffled")):
        np.testing.assert_array_equal(function(KEY, 5, 11, 4), drawn(way, 6, 11, 4)[5])
    np.testing.assert_array_equal(batches.with_replacement(KEY, 5, 11, 4), drawn("with replacement", 6, 11, 4)[5])


def test_with_replacement_is_the_laboratory_s_and_leaves_out_one_in_e():
    np.testing.assert_array_equal(batches.with_replacement(KEY, 7, 50, 20), lab.minibatch(KEY, jnp.array(7), 50, 20))
    epoch = jax.vmap(lambda key: batches.with_replacement(key, 0, 100, 100))(jax.random.split(KEY, 200))
    left_out = 1 - np.mean([len(np.unique(row)) for row in np.asarray(epoch)]) / 100
    np.testing.assert_allclose(left_out, 0.99**100, atol=0.01)


def test_every_order_is_as_likely():
    rows = jax.vmap(lambda e: batches.order(batches.WAYS["reshuffled"], KEY, e, 3))(jnp.arange(6000))
    counts = np.unique(np.asarray(rows), axis=0, return_counts=True)[1]
    assert len(counts) == 6
    assert np.sum((counts - 1000) ** 2 / 1000) < 25  # χ² with 5 degrees of freedom: once in 7000


def test_ways_are_data():
    traced = []

    def one(sampling):
        traced.append(1)
        return batches.sampled(sampling)(KEY, 5, 11, 4)

    ways = jax.tree.map(lambda *values: jnp.array(values), *batches.WAYS.values())
    together = jax.jit(jax.vmap(one))(ways)
    assert len(traced) == 1
    for row, way in zip(together, batches.WAYS, strict=True):
        np.testing.assert_array_equal(row, drawn(way, 6, 11, 4)[5])


@pytest.mark.parametrize("way", batches.WAYS)
def test_a_whole_epoch_is_its_batches(way):
    found = jax.vmap(lambda epoch: batches.whole_epoch(batches.WAYS[way], KEY, epoch, 12, 4))(jnp.arange(2))
    np.testing.assert_array_equal(found.reshape(6, 4), drawn(way, 6, 12, 4))


@pytest.mark.parametrize("t", [0, 1, 70_001, 2**31 - 1])
def test_places_are_exact_where_t_times_batch_overflows(t):
    found = batches.place(jnp.array(t, jnp.int32), 1437, 1000)
    assert (int(found.epoch), int(found.offset)) == divmod(t * 1000, 1437)


def test_iterations_round_up():
    assert [batches.iterations(*case) for case in ((1, 12, 4), (1, 13, 4), (2, 13, 4), (0.5, 12, 4))] == [3, 4, 7, 2]


def test_full_batches_and_what_does_not_fit():
    np.testing.assert_array_equal(batches.full(KEY, 9, 5, 5), np.arange(5))
    with pytest.raises(ValueError, match="full batch has all 5"):
        batches.full(KEY, 0, 5, 4)
    with pytest.raises(ValueError, match="1 to all 5"):
        batches.reshuffled(KEY, 0, 5, 6)
    with pytest.raises(ValueError, match="11 examples in batches of 4"):
        batches.whole_epoch(batches.WAYS["reshuffled"], KEY, 0, 11, 4)
    with pytest.raises(ValueError, match="below 2\\^31"):
        batches.one_shuffle(KEY, 0, 2**20, 2**11)


def test_supervised_takes_another_index_function():
    x = jnp.arange(6.0)[:, None]
    model = (lambda key, inputs: jnp.zeros(()), lambda params, inputs: params + inputs[:, 0])

    def losses(**choice):
        trial = lab.supervised(
            KEY, KEY, model, lambda out, y: jnp.mean(out), optax.sgd(0.0), (x, x[:, 0]), batch=2, steps=3, **choice
        )
        return [float(trial.step(trial.init(), t)[1]["loss"]) for t in range(3)]

    assert losses(index=batches.sampled(batches.WAYS["as stored"])) == [0.5, 2.5, 4.5]
    assert losses() == losses(index=lab.minibatch) == losses(index=batches.with_replacement)


@pytest.mark.parametrize("optimizer", [optax.sgd(0.1, 0.9), optax.adam(0.1)], ids=["momentum", "adam"])
def test_accumulated_batches_are_one_large_batch(optimizer, float64):
    rng = np.random.default_rng(0)
    x, y = jnp.asarray(rng.normal(size=(24, 3))), jnp.asarray(rng.normal(size=24))

    def gradient(theta, index):
        return jax.grad(lambda theta: jnp.mean((x[index] @ theta - y[index]) ** 2))(theta)

    def run(method, batch, steps):
        def step(carry, t):
            theta, state = carry
            index = batches.reshuffled(KEY, t, 24, batch)
            updates, state = method.update(gradient(theta, index), state, theta)
            return (theta + updates, state), None

        start = jnp.ones(3)
        return jax.lax.scan(step, (start, method.init(start)), jnp.arange(steps))[0][0]

    def accumulated(k, batch, steps):
        return run(optax.MultiSteps(optimizer, lambda _: k, accumulator_dtype=jnp.float64), batch, steps)

    traced = jax.vmap(lambda k: accumulated(k, 2, 24))(jnp.array([1, 3, 6], jnp.int32))
    for after, k in zip(traced, (1, 3, 6), strict=True):
        np.testing.assert_allclose(after, run(optimizer, 2 * k, 24 // k), rtol=1e-10)
