"""Parts of two foundations experiments: pictures under kernels, edges in noise; folds, and errors without refitting."""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage, stats
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from dlnotes.classical import neighbors, ridge
from dlnotes.data import images
from dlnotes.lab import discover

FOLDER = Path(__file__).parents[2] / "experiments" / "foundations"
TAIL = np.repeat(range(4), (20, 9, 6, 5))


def part_of(experiment, name):
    discover.import_file(FOLDER / f"{experiment}.py")
    return sys.modules[name]


@pytest.fixture(scope="module")
def shown():
    return part_of("blur_and_edges", "filter_trials")


@pytest.fixture(scope="module")
def folds():
    return part_of("stratified_folds", "fold_trials")


def test_sheets_are_images_side_by_side_beside_the_photographs(shown):
    small = np.arange(5 * 2 * 3).reshape(5, 2, 3)
    rows = [np.concatenate([small[i % 5] for i in row], axis=1) for row in ((0, 1, 2), (3, 4, 5))]
    np.testing.assert_array_equal(shown.sheet(small, 3, 8), np.concatenate(rows)[:3, :8])
    both = shown.pictures("digits")
    np.testing.assert_array_equal(both[0], shown.photographs())
    np.testing.assert_array_equal(both[1, 0, :8, :8], images.load().train_images[0, :, :, 0])
    assert both.shape == (2, 2, 213, 320)
    assert 0 <= both.min() < 0.1 < 0.9 < both.max() <= 1


def test_power_is_counted_where_its_frequency_is(shown):
    """Waves across of 2, 8 and 14 cycles in 32 pixels: frequencies ⅛, ½ and ⅞; each comes out with another factor."""
    at = np.arange(32)
    waves = [np.cos(2 * np.pi * n * at / 32) for n in (2, 8, 14)]
    before, after = (sum(f * wave for f, wave in zip(each, waves, strict=True)) for each in ((1, 1, 1), (2, 3, 5)))
    two = (jnp.broadcast_to(jnp.asarray(x)[None, None], (2, 32, 32)) for x in (before, after))
    found = shown.power_passed(*two)
    np.testing.assert_allclose(found["passed"][jnp.array([1, 7, 13])], [4, 9, 25], rtol=1e-3)
    np.testing.assert_allclose([found[name] for name in ("coarse", "fine", "finest")], [4, 25, 25], rtol=1e-3)


def test_edges_are_found_as_often_as_brute_force_finds_them(shown):
    """Against SciPy's correlation and scikit-learn's area under the curve."""
    side, count = 16, 4

    @jax.jit
    def found(finder, degrees, noise):
        trial = shown.edges(jax.random.key(3), finder=finder, degrees=degrees, noise=noise, side=side, count=count)
        return trial.finish(None)["found"]

    drawn = np.asarray(jax.random.normal(jax.random.key(3), (count * side**2,))).reshape(count, side, side)
    dark_then_bright = np.repeat([0.0, 1.0], side // 2)
    x = dark_then_bright[None, :, None] + 0.5 * drawn  # 90°: bright below
    first, second = (
        np.stack([ndimage.correlate(each, kernel)[1:-1, 1:-1] for each in x]) for kernel in shown.FINDERS["both Sobels"]
    )
    strength = np.hypot(first, second)
    edge, away = strength[:, 7].ravel(), np.delete(strength, range(4, 10), axis=1).ravel()
    wanted = roc_auc_score(np.repeat([1, 0], (edge.size, away.size)), np.concatenate([edge, away]))
    np.testing.assert_allclose(found(shown.FINDERS["both Sobels"], 90.0, 0.5), wanted, atol=1e-4)
    clean = [found(shown.FINDERS["difference"], degrees, 0.0) for degrees in (0.0, 90.0)]
    np.testing.assert_allclose(clean, [1.0, 0.5])  # all equal: chance


def test_colors_are_by_sign_and_nothing_is_transparent():
    found = part_of("blur_and_edges", "kernel_gallery").colored(np.array([-2.0, -0.5, 0.0, 0.5]), 1.0)
    np.testing.assert_allclose(found[:, 3], [1, 0.5, 0, 0.5])
    assert found[3, 2] > found[3, 0]  # blue
    assert found[0, 0] > found[0, 2]  # orange


def test_folds_are_equal_and_strata_those_of_scikit_learn(folds):
    def fold(how):
        return np.asarray(folds.split(jax.random.key(1), jnp.asarray(TAIL), jnp.asarray(how), 5))

    def counts(of):
        return np.stack([np.bincount(TAIL[of == i], minlength=4) for i in range(5)])

    in_order, plain, stratified = (fold(how) for how in range(3))
    np.testing.assert_array_equal(in_order, np.repeat(range(5), 8))
    theirs = np.zeros(40, int)
    for i, (_, held) in enumerate(StratifiedKFold(5, shuffle=True, random_state=0).split(TAIL, TAIL)):
        theirs[held] = i
    assert sorted(counts(stratified).tolist()) == sorted(counts(theirs).tolist())
    assert np.ptp(counts(stratified), axis=0).max() <= 1 < np.ptp(counts(plain), axis=0).max()
    for each in (plain, stratified):
        assert np.bincount(each).tolist() == [8] * 5


def test_errors_without_refitting_are_those_of_refitting(folds):
    rng = np.random.default_rng(5)
    x = (rng.normal(size=(40, 6)) + TAIL[:, None] * rng.normal(size=6)).astype(np.float32)
    y, members = jnp.asarray(TAIL), np.eye(folds.CLASSES, dtype=np.float32)[TAIL]
    fold = folds.split(jax.random.key(2), y, jnp.asarray(1), 5)
    weights = ridge.fit(jnp.asarray(x), jnp.eye(40), 1.0, intercept=False).weights
    linear = jax.jit(folds.validated_linear, static_argnums=3)(x @ weights, members, fold, 5)
    near = neighbors.nearest(neighbors.fit(jnp.asarray(x), y), jnp.asarray(x), 8 + max(folds.VOTERS)).indices
    votes = jax.jit(folds.voted)(near, members, fold)
    apart = np.square(x[:, None] - x[None]).sum(-1)
    for i in range(40):
        learned = np.flatnonzero(fold != fold[i])
        a, b = x[learned], members[learned]
        again = x[i] @ np.linalg.solve(a.T @ a + np.eye(6), a.T @ b)
        np.testing.assert_allclose(linear[i], again, atol=1e-4)
        nearest = learned[apart[i, learned].argsort()]
        wanted = [members[nearest[:k]].sum(0).argmax() for k in folds.VOTERS]
        np.testing.assert_array_equal(votes[:, i], wanted)


def test_a_data_set_has_as_many_of_each_class_as_wanted(folds):
    labels = jnp.asarray(np.random.default_rng(0).permutation(np.repeat(range(10), 6)))
    wanted = np.array([5, 0, 3, 1, 0, 2, 0, 0, 0, 1])
    order = np.asarray(folds.drawn(jax.random.key(0), labels, jnp.asarray(wanted)))
    assert sorted(order) == list(range(60))
    np.testing.assert_array_equal(labels[order[:12]], np.repeat(range(10), wanted))
    assert len(set(map(tuple, (folds.drawn(jax.random.key(i), labels, wanted)[:12].tolist() for i in range(3))))) == 3


def test_the_mean_over_classes_leaves_out_those_that_are_not_there(folds):
    members = jnp.array([[1.0, 0, 0], [1, 0, 0], [0, 0, 1]])
    wrong = jnp.array([[1.0, 0, 0], [1, 1, 1]])
    np.testing.assert_allclose(folds.class_error(wrong, members), [0.25, 1])


def test_the_chance_of_none_is_hypergeometric(folds):
    np.testing.assert_allclose(folds.chance_of_none(120, 12, 10), stats.hypergeom(120, 12, 10).pmf(0))
