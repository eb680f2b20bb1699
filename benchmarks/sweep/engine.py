"""Sweeps as dlnotes runs them: the engine's own runner, program and grouping."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jax.sharding import AxisType

from benchmarks.measure import Prepare, Run
from benchmarks.sweep.networks import Network, data, learning_rates
from dlnotes import lab
from dlnotes.generative import vae
from dlnotes.lab import grouping, lift
from dlnotes.lab.execute import Runner, Setting, all_inputs, bounds, shape_of
from dlnotes.lab.plan import Program, study_programs
from dlnotes.lab.progress import Progress
from dlnotes.nn.convnet import PlainConvNet
from dlnotes.nn.mlp import MLP

LONG = 100_000  # steps of the sweep whose first ones are timed: it is worth choosing a group for
# What JAX calls them: its "bfloat16" is the platform's default, which on a GPU is tf32.
PRECISIONS = {"float32": "float32", "tensorfloat32": "tensorfloat32", "bfloat16": "BF16_BF16_F32"}


def classifying(network: Network) -> Callable:
    """A ReLU network of `initialization/xavier_vs_he`; ReLU is code here, where the experiment has it as data."""
    if network.kind == "dense":
        net = MLP(network.depth, network.width, 10, unrolled=True)
    else:
        net = PlainConvNet(network.depth, network.width, 10, stride=network.stride)

    def loss(logits, labels):
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

    def trial(key: Array, data: Any, *, learning_rate: Array) -> lab.Trial:
        k_init, k_batches = lab.streams(key, "init", "batches")
        train = jnp.asarray(data.train_images), jnp.asarray(data.train_labels)
        model, optimizer = (net.init, net.apply), optax.sgd(learning_rate, 0.9)
        sizes = {"batch": network.batch, "steps": LONG, "every": LONG}
        return lab.supervised(k_init, k_batches, model, loss, optimizer, train, **sizes)

    return trial


def autoencoding(network: Network) -> Callable:
    """The autoencoder of `optimization/adam_bias_correction`; Adam is Optax's."""
    latents, pixels = network.latents, network.side**2
    net = vae.VAE(pixels, network.width, latents)

    def trial(key: Array, data: Any, *, learning_rate: Array) -> lab.Trial:
        k_init, k_batches, k_noise = lab.streams(key, "init", "batches", "noise")
        x, optimizer = jnp.asarray(data.train_images).reshape(-1, pixels), optax.adam(learning_rate)

        def init():
            params = net.init(k_init, x[:2], jnp.zeros((2, latents)))
            return lab.Training(params, optimizer.init(params))

        def step(state, t):
            some = x[lab.minibatch(k_batches, t, x.shape[0], network.batch)]
            noise = jax.random.normal(jax.random.fold_in(k_noise, t), (network.batch, latents))

            def bits(params):
                return -vae.elbo(*net.apply(params, some, noise), some).mean() / (pixels * math.log(2))

            value, gradient = jax.value_and_grad(bits)(state.params)
            updates, opt_state = optimizer.update(gradient, state.opt_state, state.params)
            return lab.Training(optax.apply_updates(state.params, updates), opt_state), {"loss": value}

        return lab.Trial(init, step, steps=LONG, every=LONG)

    return trial


def program(network: Network, trials: int) -> tuple[Program, int]:
    """The one program of a sweep, and its seeds in each condition."""
    rates = tuple(dict.fromkeys(learning_rates(network, trials)))
    trial = autoencoding if network.kind == "autoencoder" else classifying
    (only,) = study_programs("sweep", lab.Study(trial(network), {"learning_rate": rates}))
    return only, trials // len(rates)


class OneDevice(Runner):
    """The engine's runner on a machine with one device."""

    mesh = property(
        lambda self: jax.make_mesh((1,), ("trial",), (AxisType.Auto,), devices=jax.local_devices()[:1]),
        lambda self, _: None,
    )


def sweep(network: Network, trials: int, steps: int, group: int | None = None, runner: type[Runner] = Runner) -> Run:
    """The first `steps` steps of a long sweep, anew at each call; `group` trials at once on each device, or its choice.

    What it chooses is remembered by the network.
    """
    (only, seeds), arrays = program(network, trials), data(network)
    key = f"benchmark {network} {jax.config.jax_default_matmul_precision}"
    setting = Setting(range(seeds), 0, group, None, None, Progress(), key)
    lifted = runner(only, shape_of(only, arrays), arrays, setting)
    begin = lifted.compile(lift.begin(only, lifted.shape), lifted.local, 1, lifted.inputs, lifted.data)
    start = jax.block_until_ready(begin(lifted.inputs, lifted.data))
    if group is None:
        _, advance = grouping.choose(lifted, start)
    else:
        advance = lifted.compile_advance(min(group, lifted.local), start)
    copy = jax.jit(partial(jax.tree.map, jnp.copy))

    def run():
        _, record = advance(copy(start), lifted.inputs, lifted.data, bounds(0, 0, steps, steps))
        return record

    return run


def precisions(network: Network) -> tuple[str, ...]:
    """Those in which a network is timed: on a GPU all, but a native convolution cannot be told to round to bfloat16."""
    if jax.default_backend() != "gpu":
        return ("float32",)
    return tuple(PRECISIONS)[:2] if network.kind == "convolutional" else tuple(PRECISIONS)


def precise(precision: str, prepare: Prepare) -> Run:
    """A contestant whose matrix products have this precision, also in what it compiles at its first call."""
    named = PRECISIONS[precision]
    with jax.default_matmul_precision(named):
        run = prepare()

    def at_this_precision():
        with jax.default_matmul_precision(named):
            return run()

    return at_this_precision


def python_loop(network: Network, trials: int, steps: int) -> Run:
    """What one writes first: trial by trial, a jitted step called from Python."""
    only, seeds = program(network, trials)
    inputs = all_inputs(only, range(seeds), 0, trials)
    arrays = jax.device_put(data(network))
    each = [jax.tree.map(lambda x, i=i: x[i], inputs) for i in range(trials)]
    start = jax.jit(lambda one: lift.make_trial(only, one, arrays).init())
    step = jax.jit(lambda one, state, t: lift.make_trial(only, one, arrays).step(state, t), donate_argnums=1)
    starts = [start(one) for one in each]

    def train(one, state):
        losses = []
        for t in range(steps):
            state, metrics = step(one, state, t)
            losses.append(metrics["loss"])
        return jnp.stack(losses).mean()

    return lambda: {
        "loss": jnp.stack([train(one, jax.tree.map(jnp.copy, s)) for one, s in zip(each, starts, strict=True)])
    }


def step_flops(network: Network) -> float:
    """Floating-point operations of one step of one trial, as XLA counts them."""
    only, seeds = program(network, 1)
    one = jax.tree.map(lambda x: x[0], all_inputs(only, range(seeds), 0, 1))
    arrays = jax.device_put(data(network))

    def step(one, state, t):
        return lift.make_trial(only, one, arrays).step(state, t)

    state = jax.eval_shape(lambda one: lift.make_trial(only, one, arrays).init(), one)
    return jax.jit(step).lower(one, state, 0).compile().cost_analysis()["flops"]
