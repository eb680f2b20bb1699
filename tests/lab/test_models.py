"""Any model that is (init, apply) trains in the engine: linen, NNX and Equinox give the same losses."""

import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from jax import Array
from sklearn.datasets import load_iris

from dlnotes import lab

INPUTS, HIDDEN, OUTPUTS = 4, 6, 3


def weights(key, shape, dtype=jnp.float32):
    """The same for every key and layer, so that all libraries start alike."""
    return jnp.sin(jnp.arange(float(np.prod(shape)), dtype=dtype)).reshape(shape) / 2


def linen():
    net = nn.Sequential([nn.Dense(HIDDEN, kernel_init=weights), nn.tanh, nn.Dense(OUTPUTS, kernel_init=weights)])
    return net.init, net.apply


def flax_nnx():
    def build(key):
        rngs = nnx.Rngs(key)
        return nnx.Sequential(
            nnx.Linear(INPUTS, HIDDEN, kernel_init=weights, rngs=rngs),
            nnx.tanh,
            nnx.Linear(HIDDEN, OUTPUTS, kernel_init=weights, rngs=rngs),
        )

    structure = nnx.graphdef(nnx.eval_shape(lambda: build(jax.random.key(0))))
    return lambda key, x: nnx.state(build(key)), lambda params, x: nnx.merge(structure, params)(x)


def equinox():
    class Net(eqx.Module):
        layers: tuple

        def __init__(self, key):
            keys = jax.random.split(key)
            self.layers = (eqx.nn.Linear(INPUTS, HIDDEN, key=keys[0]), eqx.nn.Linear(HIDDEN, OUTPUTS, key=keys[1]))

        def __call__(self, x):
            return self.layers[1](jnp.tanh(self.layers[0](x)))

    def init(key, x):
        net = Net(key)

        def places(net):
            return [part for layer in net.layers for part in (layer.weight, layer.bias)]

        values = [v for w in ((INPUTS, HIDDEN), (HIDDEN, OUTPUTS)) for v in (weights(key, w).T, jnp.zeros(w[1]))]
        return eqx.tree_at(places, net, values)

    return init, lambda net, x: jax.vmap(net)(x)


MODELS = {"linen": linen, "nnx": flax_nnx, "equinox": equinox}


def iris():
    bunch = load_iris()
    return np.asarray(bunch.data, np.float32) / 8, np.asarray(bunch.target, np.int32)


def trial(key, data, *, model: str, learning_rate: Array, steps: int) -> lab.Trial:
    k_init, k_batches = lab.streams(key, "init", "batches")
    init, apply = MODELS[model]()

    def loss(outputs, targets):
        return optax.softmax_cross_entropy_with_integer_labels(outputs, targets).mean()

    def accuracy(params):
        return {"accuracy": jnp.mean(jnp.argmax(apply(params, data[0]), 1) == data[1])}

    optimizer = optax.sgd(learning_rate, 0.9)
    return lab.supervised(
        k_init, k_batches, (init, apply), loss, optimizer, data, batch=16, steps=steps, every=20, finish=accuracy
    )


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    settings = {"model": tuple(MODELS), "learning_rate": (0.05, 0.1), "steps": 200}
    experiment = lab.Experiment("Alike?", {"training": lab.Study(trial, settings, data=iris)})
    return lab.run(experiment, seeds=3, runs=tmp_path_factory.mktemp("models"))


def test_all_libraries_train_alike(results):
    loss = results.training.loss
    for name in ("nnx", "equinox"):
        np.testing.assert_allclose(loss.sel(model=name), loss.sel(model="linen"), rtol=2e-3)


def test_they_learn(results):
    assert results.training.accuracy.mean() > 0.9
    assert results.training.loss.isel(step=-1).mean() < 0.3 * results.training.loss.isel(step=0).mean()
