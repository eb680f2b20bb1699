"""How noisy minibatch gradients are, and the batch size from which more examples no longer help much."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Float, PyTree


class GradientNoise(NamedTuple):
    """tr Σ, the variance of one example's gradient summed over parameters, and ‖G‖², G the mean gradient.

    Both without bias; so ‖G‖² may come out negative. Average each over steps or batches before dividing them.
    """

    variance: Float[Array, ""]
    square: Float[Array, ""]


def noise_scale(noise: GradientNoise) -> Float[Array, ""]:
    """B = tr Σ/‖G‖², in examples: of a batch of B, half of E‖ḡ‖² is noise. ∞ where ‖G‖² ≤ 0.

    Much smaller batches waste steps, much larger ones examples. The trap: it is a ratio of two noisy numbers.
    Source: McCandlish et al. 2018 (arXiv 1812.06162), B_simple, (2.9).
    """
    seen = noise.square > 0
    return jnp.where(seen, noise.variance / jnp.where(seen, noise.square, 1.0), jnp.inf)


def from_examples(
    loss: Callable[[Any, Any], Array], params: PyTree, examples: PyTree, *, batch: int = 32
) -> GradientNoise:
    """From the gradients of `loss(params, example)`, for examples along the first axis of every leaf of `examples`.

    tr Σ = Σᵢ‖gᵢ − ḡ‖²/(B − 1), ‖G‖² = ‖ḡ‖² − tr Σ/B. Two gradients for each example, `batch` of them in memory at a
    time. Raises ValueError for fewer than two examples. The trap: batch normalization has no gradient of one example.
    """
    count = jax.tree.leaves(examples)[0].shape[0]
    if count < 2:
        raise ValueError(f"a variance needs at least two examples, got {count}")
    mean = jax.grad(lambda p: jnp.mean(jax.vmap(loss, (None, 0))(p, examples)))(params)

    def apart(example: Any) -> Array:
        one = jax.grad(loss)(params, example)
        return jnp.asarray(optax.tree.norm(optax.tree.sub(one, mean), squared=True))

    variance = jnp.sum(jax.lax.map(apart, examples, batch_size=batch)) / (count - 1)
    return GradientNoise(variance, optax.tree.norm(mean, squared=True) - variance / count)


def from_batches(
    small: Float[Array, "..."], large: Float[Array, "..."], small_size: int, large_size: int
) -> GradientNoise:
    """From the squared lengths ‖ḡ‖² of gradients of a small and a large batch, as E‖ḡ_B‖² = ‖G‖² + tr Σ/B.

    ‖G‖² = (B·‖ḡ_B‖² − b·‖ḡ_b‖²)/(B − b), tr Σ = (‖ḡ_b‖² − ‖ḡ_B‖²)/(1/b − 1/B). Exact on average, even where the small
    batch is part of the large one. Raises ValueError unless 0 < b < B. Source: McCandlish et al. 2018, appendix A.1.
    """
    if not 0 < small_size < large_size:
        raise ValueError(f"two sizes are wanted, the smaller first, got {small_size} and {large_size}")
    square = (large_size * large - small_size * small) / (large_size - small_size)
    return GradientNoise((small - large) / (1.0 / small_size - 1.0 / large_size), square)
