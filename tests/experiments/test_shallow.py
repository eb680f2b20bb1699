"""Helpers of the shallow classifiers' experiments: wrong labels, nets that join points, the law of one neighbour."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

from dlnotes.lab import discover

FOLDER = Path(__file__).parents[2] / "experiments" / "foundations"


@pytest.fixture(scope="module")
def limits():
    return discover.import_file(FOLDER / "linear_limits.py").trials


def test_wrong_labels_are_other_classes_by_their_share():
    margin = discover.import_file(FOLDER / "softmax_or_svm.py").trials
    labels = jnp.arange(20_000) % 10
    found = np.asarray(margin.wrong(jax.random.key(0), labels, jnp.float32(0.3), 10))
    changed = found != np.asarray(labels)
    assert abs(changed.mean() - 0.3) < 0.015
    steps = np.bincount((found - np.asarray(labels))[changed] % 10, minlength=10)
    np.testing.assert_allclose(steps[1:] / changed.sum(), 1 / 9, atol=0.02)


@pytest.mark.parametrize("width", [3, 8])
def test_a_built_net_joins_the_points_of_the_curve(limits, width):
    curve = limits.Curve(jnp.array([1.0, 0.5, -0.3]), jnp.array([2.0, 4.0, 6.0]), jnp.array([0.1, 1.0, 2.0]))
    x, knots = np.linspace(-1, 1, 101), np.linspace(-1, 1, width + 1)
    wanted = np.interp(x, knots, limits.value(curve, jnp.asarray(knots, jnp.float32)))
    net = limits.interpolating(curve, jnp.float32(width), 8)
    np.testing.assert_allclose(limits.output(net, jnp.asarray(x, jnp.float32)), wanted, atol=1e-5)


def test_shapes_have_as_many_of_each_class_and_no_line_between_them(limits):
    for rings in (0.0, 1.0):
        x, labels = map(np.asarray, limits.shape(jax.random.key(1), jnp.float32(rings), 4000))
        assert abs(labels.mean() - 0.5) < 0.03
        np.testing.assert_allclose(x[labels == 0].mean(0), x[labels == 1].mean(0), atol=0.15)


def test_the_law_of_one_neighbour_is_zero_where_errors_follow_it():
    found = discover.import_file(FOLDER / "nearest_neighbours.py")
    noise, clean = np.array([0.0, 0.2, 0.4]), np.array([0.02, 0.05])
    error = clean[:, None] * (1 - noise) + noise * (1 - clean[:, None] / 9)
    four = np.repeat(error[..., None], len(found.NEIGHBOURS), axis=-1)
    dataset = xr.Dataset({"error": (("seed", "noise", "neighbours"), four)}, {"noise": noise})
    np.testing.assert_allclose(found.one_by_law(type("R", (), {"digits": dataset})), 0, atol=1e-12)
