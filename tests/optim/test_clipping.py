"""Clipping: Optax's with traced thresholds, norms recorded, the threshold of a healthy epoch."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dlnotes.optim.clipping import healthy_norm, record_norms

TREE = {"a": jnp.array([3.0, 0.0, -0.5]), "b": jnp.array([[4.0]])}
NORM = np.sqrt(25.25)


def clipped(method, g=TREE):
    return method.update(g, method.init(g))[0]


def test_optax_clips_by_traced_thresholds_and_leaves_short_gradients_alone():
    thresholds = jnp.array([0.1, 1.0, 5.0, 6.0])
    traced = []

    def both(c):
        traced.append(1)
        return clipped(optax.clip(c)), clipped(optax.clip_by_global_norm(c))

    by_element, by_norm = jax.jit(jax.vmap(both))(thresholds)
    assert len(traced) == 1
    for i, c in enumerate(thresholds):
        for leaf in TREE:
            np.testing.assert_allclose(by_element[leaf][i], np.clip(TREE[leaf], -c, c), rtol=1e-6)
            np.testing.assert_allclose(by_norm[leaf][i], TREE[leaf] * min(1.0, float(c) / NORM), rtol=1e-6)
    for leaf in TREE:
        np.testing.assert_array_equal(by_norm[leaf][-1], TREE[leaf])  # under the threshold to the last bit


def test_what_ee147_prints_makes_short_gradients_longer():
    printed = clipped(optax.normalize_by_update_norm(10.0))
    np.testing.assert_allclose(optax.tree.norm(printed), 10.0, rtol=1e-5)
    np.testing.assert_allclose(optax.tree.norm(clipped(optax.clip_by_global_norm(10.0))), NORM, rtol=1e-6)


def test_the_traps_of_clipping_are_as_said():
    assert np.isnan(clipped(optax.clip_by_global_norm(0.0), jnp.zeros(2))).all()
    assert np.isnan(clipped(optax.clip_by_global_norm(1.0), jnp.array([jnp.inf, 1.0]))[0])
    np.testing.assert_array_equal(clipped(optax.clip_by_global_norm(1.0), jnp.array([3e19, 1.0])), [0.0, 0.0])


def test_norms_of_the_first_steps_are_kept_and_gradients_passed_on():
    method = record_norms(3)
    state = method.init(TREE)
    assert np.isnan(state.norms).all()
    for factor in (1.0, 2.0, 0.0, 7.0, 8.0):
        g = jax.tree.map(lambda x, f=factor: f * x, TREE)
        passed, state = method.update(g, state)
        jax.tree.map(np.testing.assert_array_equal, passed, g)
    np.testing.assert_allclose(state.norms, [NORM, 2 * NORM, 0.0], rtol=1e-6)
    assert int(state.count) == 5
    with pytest.raises(ValueError, match="steps=0"):
        record_norms(0)


def test_clipping_follows_or_precedes_the_record():
    before, after = (
        optax.chain(*two) for two in ((record_norms(2), optax.clip(1.0)), (optax.clip(1.0), record_norms(2)))
    )
    assert before.update(TREE, before.init(TREE))[1][0].norms[0] == pytest.approx(NORM)
    assert after.update(TREE, after.init(TREE))[1][1].norms[0] == pytest.approx(1.5)


def test_the_threshold_is_the_mean_or_a_quantile_of_what_was_healthy():
    norms = np.random.default_rng(0).gamma(2.0, 1.0, 101)
    assert healthy_norm(norms) == pytest.approx(norms.mean())
    quantiles = jnp.array([0.0, 0.5, 0.9, 1.0])
    got = jax.jit(jax.vmap(lambda q: healthy_norm(norms, q)))(quantiles)
    np.testing.assert_allclose(got, np.quantile(norms, quantiles), rtol=1e-6)
    ill = np.concatenate([norms, [np.nan, np.inf, np.nan]])
    assert healthy_norm(ill) == pytest.approx(norms.mean())
    assert healthy_norm(ill, 0.9) == pytest.approx(np.quantile(norms, 0.9))


@pytest.mark.parametrize("quantile", [None, 0.5])
def test_an_epoch_without_a_finite_norm_suggests_to_clip_nothing(quantile):
    threshold = healthy_norm(jnp.array([jnp.nan, jnp.inf]), quantile)
    assert threshold == jnp.inf
    jax.tree.map(np.testing.assert_array_equal, clipped(optax.clip_by_global_norm(threshold)), TREE)


def test_a_measured_threshold_clips_the_next_epoch():
    healthy, cliff = jnp.array([0.5, 1.5, 1.0]), jnp.array([1.0, 200.0])
    record = record_norms(3)
    state = jax.lax.scan(lambda s, g: record.update(g, s)[::-1], record.init(jnp.zeros(())), healthy)[0]
    clip = optax.clip_by_global_norm(healthy_norm(state.norms))
    lengths = jax.vmap(lambda g: clipped(clip, g))(cliff)
    np.testing.assert_allclose(lengths, [1.0, 1.0])


def test_dtype_is_kept(float64):
    for dtype in (jnp.float32, jnp.float64):
        state = record_norms(2).init(jnp.ones(2, dtype))
        _, state = record_norms(2).update(jnp.ones(2, dtype), state)
        assert state.norms.dtype == healthy_norm(state.norms).dtype == healthy_norm(state.norms, 0.5).dtype == dtype
