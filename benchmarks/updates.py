"""One update of every optimizer that needs gradients alone: float32 parameters in eight leaves, written in place.

PyTorch's run eagerly, its `foreach` and `fused` kinds; its AdaGrad and RMSProp put ε where ours do, its average starts
at the first gradient. The yardstick, θ ← θ + g/2 on one array of as many numbers, is what memory, or caches where they
hold it, gives to a compiled program; `bandwidth` is an update's share of its bytes each second, counting once each
number that the method has to read and each that it has to write. Left out is what calls the function itself (Newton's
methods, line searches, looking ahead) or holds n² numbers (BFGS).
"""

import itertools
import math
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.measure import YARDSTICK, Case, Prepare, Timing
from dlnotes.optim import adam, adaptive, conjugate_gradient, momentum, quasi_newton
from dlnotes.optim.switch import switch

RATE, KEPT, PAIRS = 1e-3, 0.9, 10
THREE = 3  # words for each parameter of the yardstick: read θ and g, write θ


class Method(NamedTuple):
    """An optimizer, the words it has to read and write for each parameter, and the same of Optax and PyTorch.

    `torch` names a class of torch.optim, its options, and its kinds.
    """

    words: int
    ours: optax.GradientTransformation
    theirs: optax.GradientTransformation | None = None
    torch: tuple[str, dict[str, Any], tuple[str, ...]] | None = None


def down(direction: optax.GradientTransformation) -> optax.GradientTransformation:
    return optax.chain(direction, optax.scale_by_learning_rate(RATE))


BOTH = ("foreach", "fused")
METHODS = {
    "descent": Method(3, momentum.sgd(RATE, 0.0), optax.sgd(RATE), ("SGD", {}, BOTH)),
    "heavy ball": Method(
        5, momentum.sgd(RATE, KEPT), optax.chain(optax.scale_by_learning_rate(RATE), optax.trace(KEPT)),
        ("SGD", {"momentum": KEPT}, BOTH),
    ),
    "averaged": Method(
        5, momentum.sgd(RATE, KEPT, momentum.AVERAGED), down(optax.ema(KEPT, debias=False)),
        ("SGD", {"momentum": KEPT, "dampening": 1 - KEPT}, BOTH),
    ),
    "accumulated, Nesterov": Method(
        5, momentum.sgd(RATE, KEPT, momentum.ACCUMULATED, 1.0), optax.sgd(RATE, KEPT, nesterov=True),
        ("SGD", {"momentum": KEPT, "nesterov": True}, BOTH),
    ),
    "AdaGrad": Method(
        5, adaptive.adagrad(RATE), optax.adagrad(RATE, 0.0, 1e-7), ("Adagrad", {"eps": 1e-7}, BOTH),
    ),
    "RMSProp": Method(
        5, adaptive.rmsprop(RATE), optax.rmsprop(RATE, 0.99, 1e-7, eps_in_sqrt=False),
        ("RMSprop", {"alpha": 0.99, "eps": 1e-7}, BOTH[:1]),
    ),
    "RMSProp, Nesterov": Method(
        7, adaptive.rmsprop(RATE, momentum=KEPT, nesterov=1.0),
        optax.chain(optax.scale_by_rms(0.99, 1e-7, eps_in_sqrt=False), optax.sgd(RATE, KEPT, nesterov=True)),
    ),
    "Adam": Method(7, adam.adam(RATE), optax.adam(RATE), ("Adam", {}, BOTH)),
    "Adam, uncorrected": Method(7, adam.adam(RATE, adam.UNCORRECTED)),
    "Adam, first gradient": Method(7, adam.adam(RATE, adam.FIRST_GRADIENT)),
    "one of two": Method(5, switch(0, (momentum.sgd(RATE, KEPT), adam.adam(RATE)))),
    "Polak–Ribière": Method(7, down(conjugate_gradient.scale_by_conjugate_gradient())),
    "L-BFGS": Method(  # reads the pairs, θ and g, new and last; writes a pair, θ twice, g
        2 * PAIRS + 9, quasi_newton.lbfgs(RATE, memory=PAIRS), down(optax.scale_by_lbfgs(PAIRS)),
    ),
}  # fmt: skip


def cases(quick: bool) -> Iterator[Case]:
    """Every method, for 10,000 to ten million parameters, on an accelerator a hundred; 1,000 if `quick`.

    The outcome `bias` is the mean of the last leaf after the first update, the same for all.
    """
    largest = 7 if jax.default_backend() == "cpu" else 8
    for n in (1000,) if quick else [10**power for power in range(4, largest + 1)]:
        rng = np.random.default_rng(0)
        theta, g = ([rng.normal(size=shape).astype(np.float32) for shape in shapes(n)] for _ in range(2))
        for name, method in METHODS.items():
            yield Case(name, {"parameters": n}, contestants(method, theta, g))


def shapes(n: int) -> list[tuple[int, ...]]:
    """Three square matrices with their biases, what is left of n as one leaf, and ten biases."""
    left = n - 10
    width = (math.isqrt(12 * left + 9) - 3) // 6  # the largest with 3·(width² + width) ≤ left
    return [*[(width, width), (width,)] * 3, (left - 3 * width * (width + 1),), (10,)]


def contestants(method: Method, theta: list[np.ndarray], g: list[np.ndarray]) -> dict[str, Prepare]:
    """Ours, Optax's, both of PyTorch's as far as they are there, and the yardstick."""
    one = [np.concatenate([leaf.ravel() for leaf in leaves]) for leaves in (theta, g)]
    there: dict[str, Prepare] = {"dlnotes": partial(with_optax, method.ours, theta, g)}
    if method.theirs:
        there["optax"] = partial(with_optax, method.theirs, theta, g)
    for kind in method.torch[2] if method.torch else ():
        there[f"torch, {kind}"] = partial(with_torch, *method.torch[:2], kind, theta, g)
    return there | {YARDSTICK: partial(with_optax, optax.scale(0.5), [one[0]], [one[1]])}


def with_optax(method: optax.GradientTransformation, theta: list[np.ndarray], g: list[np.ndarray]):
    """One compiled update, given its own results again."""
    params, grads = (jax.tree.map(jnp.array, leaves) for leaves in (theta, g))
    state = jax.tree.map(jnp.copy, method.init(params))  # each leaf its own memory, to be written over

    def update(params, state, grads):
        updates, state = method.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    compiled = jax.jit(update, donate_argnums=(0, 1)).lower(params, state, grads).compile()
    carry = [params, state]

    def run():
        carry[:] = compiled(*carry, grads)
        return {"bias": carry[0][-1]}

    return run


def with_torch(name: str, options: dict[str, Any], kind: str, theta: list[np.ndarray], g: list[np.ndarray]):
    """`step` of an optimizer of PyTorch, on its GPU where there is one."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    params = [torch.nn.Parameter(torch.tensor(leaf, device=device)) for leaf in theta]
    for param, leaf in zip(params, g, strict=True):
        param.grad = torch.tensor(leaf, device=device)
    optimizer = getattr(torch.optim, name)(params, lr=RATE, **options, **{kind: True})

    def run():
        optimizer.step()
        return {"bias": params[-1].detach().cpu().numpy()}  # from a GPU when it is there

    return run


def conclude(timings: list[Timing]) -> list[Timing]:
    """With nanoseconds for each parameter, and the share of the yardstick's bytes each second."""
    found = []
    for _, same in itertools.groupby(timings, lambda timing: (timing.case, timing.sizes["parameters"])):
        group = list(same)
        best = next(timing.seconds / THREE for timing in group if timing.contestant == YARDSTICK)
        for timing in group:
            words = THREE if timing.contestant == YARDSTICK else METHODS[timing.case].words
            more = {
                "ns per parameter": 1e9 * timing.seconds / timing.sizes["parameters"],
                "bandwidth": best * words / timing.seconds,
            }
            found.append(timing._replace(outcome={**timing.outcome, **more}))
    return found
