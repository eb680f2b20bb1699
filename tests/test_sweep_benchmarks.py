"""The sweeps that are timed train alike in every mode; operations are counted right; forms of convolution agree."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))


def test_a_loop_over_a_jitted_step_and_the_engine_train_alike():
    from benchmarks import sweeps
    from benchmarks.sweep.networks import QUICK

    everyone = sweeps.contestants(QUICK["dense 3 × 8"], trials=4, steps=3, alone=True)
    losses = {name: np.asarray(prepare()()["loss"]) for name, prepare in everyone.items()}
    assert set(losses) == {"dlnotes", *(f"dlnotes, {mode}" for mode in ("one at a time", "all at once", "one device")),
                           "jitted step, a loop"}  # fmt: skip
    assert len(set(losses["dlnotes"])) == 4
    for name, found in losses.items():
        np.testing.assert_allclose(found, losses["dlnotes"], rtol=1e-4, err_msg=name)


def test_operations_by_hand_are_those_that_xla_counts_in_a_large_network():
    from benchmarks import limit
    from benchmarks.sweep import engine
    from benchmarks.sweep.networks import LARGE, Network

    tiny = Network("dense", 3, 5, side=2, depth=2)  # 5 × 4 times 4 × 3, then 5 × 3 times 3 × 10
    assert limit.flops(tiny) == 3 * (2 * 5 * 4 * 3 + 2 * 5 * 3 * 10) - 2 * 5 * 4 * 3
    short = LARGE["dense 5 × 256"]._replace(depth=3)  # XLA counts a loop's body once: no loop over layers
    assert engine.step_flops(short) / limit.flops(short) == pytest.approx(1.0, abs=0.1)


def test_a_gpu_is_asked_for_each_precision_by_its_own_name(monkeypatch):
    from benchmarks.sweep import engine
    from benchmarks.sweep.networks import QUICK

    assert engine.precisions(QUICK["dense 3 × 8"]) == ("float32",)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert engine.precisions(QUICK["convolutional 3 × 4"]) == ("float32", "tensorfloat32")
    x, asked = jnp.ones((4, 4)), {}
    for precision in engine.precisions(QUICK["autoencoder 8"]):
        lowered = engine.precise(precision, lambda: lambda: jax.jit(lambda w: x @ w).trace(x))()
        text = lowered.lower(lowering_platforms=("cuda",)).as_text()
        asked[precision] = next(line for line in text.splitlines() if "dot_general" in line)
    assert "[HIGHEST, HIGHEST]" in asked["float32"]
    assert "[HIGH, HIGH]" in asked["tensorfloat32"]
    assert "lhs_precision_type = bf16" in asked["bfloat16"]


def test_forms_of_the_convolution_train_alike():
    from benchmarks import convolutions

    for case in convolutions.cases(quick=True):
        found = {name: float(prepare()()["moved"]) for name, prepare in case.contestants.items()}
        assert len(found) == 5
        assert found["dlnotes"] > 1e-4
        assert np.allclose(list(found.values()), found["dlnotes"], rtol=1e-5)
