"""A multilayer perceptron whose equal hidden layers are scanned: fifty layers compile like five."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer
from jaxtyping import Array, Float

from dlnotes.nn import initializers


class Dense(nn.Module):
    """h′ = φ(W h + b), also given out as what a scan collects."""

    width: int
    activation: Callable[[Array], Array]
    kernel_init: Initializer

    @nn.compact
    def __call__(self, h: Float[Array, "batch units"], _: None = None) -> tuple[Array, Array]:
        h = self.activation(nn.Dense(self.width, kernel_init=self.kernel_init)(h))
        return h, h


class MLP(nn.Module):
    """h_l = φ(W_l h_{l−1} + b_l) for l = 1 … L − 1, h₀ = x; y = W_L h_{L−1} + b_L; L = `depth` ≥ 2 weight layers.

    Inputs are flattened after their first axis. Biases begin at 0. `unrolled` compiles each hidden layer by itself: the
    same numbers, longer to compile, and on CPU up to 1.5 times faster where layers are small; for long sweeps.
    Source: ee147 Neural Networks.
    """

    depth: int
    width: int
    outputs: int
    activation: Callable[[Array], Array] = nn.relu
    kernel_init: Initializer = initializers.normal(initializers.RULES["he_fan_in"])
    unrolled: bool = False

    @nn.compact
    def trace(
        self, x: Float[Array, "batch *features"]
    ) -> tuple[Float[Array, "batch outputs"], Float[Array, "layers batch width"]]:
        """The outputs, and the activations h₁ … h_{L−1} of all hidden layers."""
        if self.depth < 2:
            raise ValueError(f"an MLP has a hidden and an output layer: depth is 2 or more, got {self.depth}")
        shared = (self.width, self.activation, self.kernel_init)
        first, _ = Dense(*shared, name="first")(x.reshape(x.shape[0], -1))
        count = self.depth - 2
        unroll = count if self.unrolled and count else 1
        hidden = nn.scan(Dense, variable_axes={"params": 0}, split_rngs={"params": True}, length=count, unroll=unroll)
        last, others = hidden(*shared, name="hidden")(first, None)
        y = nn.Dense(self.outputs, kernel_init=self.kernel_init, name="output")(last)
        return y, jnp.concatenate([first[None], others])

    def __call__(self, x: Float[Array, "batch *features"]) -> Float[Array, "batch outputs"]:
        """The outputs alone."""
        return self.trace(x)[0]


class Affine(NamedTuple):
    """One layer's h W + b."""

    kernel: Float[Array, "inputs outputs"]
    bias: Float[Array, " outputs"]


def layers(params: Mapping[str, Any]) -> list[Affine]:
    """The weight layers of an `MLP`, first to last, its scanned ones apart; `from_layers` puts them together again."""
    tree = params["params"]
    parts = tree["first"]["Dense_0"], tree["hidden"]["Dense_0"], tree["output"]
    first, hidden, last = (Affine(part["kernel"], part["bias"]) for part in parts)
    return [first, *(Affine(*pair) for pair in zip(*hidden, strict=True)), last]


def from_layers(parts: Sequence[Affine]) -> dict[str, Any]:
    """Parameters of an `MLP` with these weight layers, as its `init` lays them out; those between the ends are alike.

    Raises ValueError for fewer than two layers.
    """
    if len(parts) < 2:
        raise ValueError(f"an MLP has a hidden and an output layer: give 2 weight layers or more, got {len(parts)}")
    first, *hidden, last = parts
    width = first.bias.shape[0]
    none = Affine(jnp.zeros((0, width, width), first.kernel.dtype), jnp.zeros((0, width), first.bias.dtype))
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *hidden) if hidden else none
    named = {name: {"Dense_0": part._asdict()} for name, part in (("first", first), ("hidden", stacked))}
    return {"params": named | {"output": last._asdict()}}


def parameter_count(params: object) -> int:
    """How many numbers a network learns: Σ over layers of (n_in + 1)·n_out for an MLP."""
    return sum(jnp.size(leaf) for leaf in jax.tree.leaves(params))
