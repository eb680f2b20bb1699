"""What the experiments on adaptive rates stand on: optimizers side by side are those optimizers, widths are widths."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import xarray as xr

from dlnotes import lab
from dlnotes.data import images
from dlnotes.lab import discover

FOLDER = Path(__file__).parents[2] / "experiments" / "optimization"


@pytest.fixture(scope="module")
def tuning():
    return discover.import_file(FOLDER / "tuning.py")


@pytest.fixture(scope="module")
def hiccup():
    return discover.import_file(FOLDER / "rmsprop_hiccup.py")


def test_each_row_of_a_race_is_that_optimizer_alone(hiccup):
    task = hiccup.side_by_side.digits_task("classifier", images.load("digits"), 4)
    methods, key = (optax.sgd(0.1, 0.9), optax.adam(0.01)), jax.random.key(3)
    sizes = {"batch": 8, "steps": 5, "every": 1}
    race = hiccup.side_by_side.train(key, task, methods, **sizes)
    weights = jax.jit(lambda: jax.lax.fori_loop(0, 5, lambda t, s: race.step(s, t)[0], race.init()).weights)()
    data, loss = (task.inputs, task.targets), optax.softmax_cross_entropy_with_integer_labels
    for row, method in zip(weights, methods, strict=True):
        model = (task.network.init, task.network.apply)
        streams = lab.streams(key, "init", "batches")
        alone = lab.supervised(*streams, model, lambda *a: loss(*a).mean(), method, data, **sizes)
        state = jax.jit(lambda alone=alone: jax.lax.fori_loop(0, 5, lambda t, s: alone.step(s, t)[0], alone.init()))()
        np.testing.assert_allclose(row, jax.flatten_util.ravel_pytree(state.params)[0], rtol=1e-5, atol=1e-6)


def test_an_unknown_task_names_the_known(hiccup):
    with pytest.raises(ValueError, match="there are softmax regression, classifier, autoencoder"):
        hiccup.side_by_side.digits_task("regression", images.load("digits"), 4)


@pytest.mark.parametrize("slopes", [(1.0, 1.0), (0.5, 2.0)])
def test_the_width_of_a_valley_is_exact_between_grid_points(tuning, slopes):
    """log loss falls with one slope to its lowest point 0 at a rate of the grid and rises with the other."""
    rates = np.array([-2.0, -1.0, 0.0, 1.0, 2.5])
    valley = np.where(rates < 0, -slopes[0] * rates, slopes[1] * rates)
    for above in (0.3, 0.7, 1.1):
        sides = (min(2.0, above / slopes[0]), min(2.5, above / slopes[1]))
        np.testing.assert_allclose(tuning.decades_below(rates, valley, above), sum(sides))


def test_a_flat_curve_is_wide_and_two_valleys_add_up(tuning):
    rates = np.arange(5.0)
    np.testing.assert_allclose(tuning.decades_below(rates, np.zeros(5), 0.1), 4.0)
    np.testing.assert_allclose(tuning.decades_below(rates, np.array([0.0, 1.0, 0.0, 1.0, 1.0]), 0.5), 1.5)


def test_the_hiccup_s_extra_length_is_the_sum_of_the_law(hiccup):
    t = xr.DataArray(np.arange(1, 40_001), dims="t")
    for beta in (0.9, 0.99, 0.999):
        of = xr.Dataset(coords={"t": t, "beta": beta})
        np.testing.assert_allclose(hiccup.extra(of), (hiccup.law(of) - 1).sum(), rtol=0.003)
        assert abs(hiccup.law(of)[0] - (1 - beta) ** -0.5) < 1e-9


def test_scaled_losses_are_scaled_by_exact_powers_of_two(tuning):
    """SGD's first two losses at scale 2^k and rate 2^−k are to the bit those at scale 1."""
    data = jax.tree.map(jnp.asarray, images.load("digits"))

    def losses(scale, rate):
        settings = {"epsilon": 0.0, "batch": 4, "steps": 2}
        trial = tuning.trials.scaled(jax.random.key(0), data, log2_scale=scale, log2_rate=rate, **settings)
        state, first = trial.step(trial.init(), 0)
        return jnp.stack([first["loss"], trial.step(state, 1)[1]["loss"]])

    at = jax.jit(losses)
    one, other = at(jnp.array(0), jnp.array(-1)), at(jnp.array(-13), jnp.array(12))
    np.testing.assert_array_equal(one[:, 0], other[:, 0])
    assert (one[1, 1:] != other[1, 1:]).all()
