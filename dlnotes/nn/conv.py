"""Convolution that is fast in compiled training loops on every backend, for `nn.Conv(conv_general_dilated=...)`."""

import itertools
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import Array, lax

Padding = str | Sequence[tuple[int, int]]


def conv_general_dilated(
    lhs: Array,
    rhs: Array,
    window_strides: Sequence[int],
    padding: Padding,
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: lax.ConvDimensionNumbers | None = None,
    feature_group_count: int = 1,
    **options,
) -> Array:
    """`lax.conv_general_dilated`, as patches times a matrix on CPU, natively elsewhere.

    Inside `lax.scan` on CPU the native weight gradient is about fifty times slower than outside, and slower yet
    under vmap; sums of shifted products are not. Grouped, input-dilated or not channels-last: native everywhere.
    Use as `nn.Conv(..., conv_general_dilated=conv.conv_general_dilated)`.
    """
    plain = feature_group_count == 1 and set(lhs_dilation or (1,)) == {1} and not (set(options) - {"precision"})
    if jax.default_backend() == "cpu" and plain and _channels_last(lhs.ndim, dimension_numbers):
        return im2col(lhs, rhs, window_strides, padding, rhs_dilation, options.get("precision"))
    return lax.conv_general_dilated(
        lhs,
        rhs,
        window_strides,
        padding,
        lhs_dilation,
        rhs_dilation,
        dimension_numbers,
        feature_group_count,
        **options,
    )


def im2col(
    inputs: Array,
    kernel: Array,
    strides: Sequence[int],
    padding: Padding,
    dilation: Sequence[int] | None = None,
    precision: lax.PrecisionLike = None,
) -> Array:
    """Channels-last cross-correlation as one matrix product: y[p, f] = Σ_{d, c} x[s·p + r·d, c] w[d, c, f].

    inputs (batch, *space, c), kernel (*window, c, f); the result has shape (batch, *space′, f) with
    space′ = ⌊(space + padding − r(window − 1) − 1)/s⌋ + 1. Costs prod(window) times the inputs in memory.
    """
    *window, channels, features = kernel.shape
    dilation = tuple(dilation or (1,) * len(window))
    reach = [(size - 1) * rate + 1 for size, rate in zip(window, dilation, strict=True)]
    pads = lax.padtype_to_pads(inputs.shape[1:-1], reach, strides, padding) if isinstance(padding, str) else padding
    padded = lax.pad(
        inputs, jnp.zeros((), inputs.dtype), [(0, 0, 0), *((low, high, 0) for low, high in pads), (0, 0, 0)]
    )
    counts = [
        (size - span) // stride + 1 for size, span, stride in zip(padded.shape[1:-1], reach, strides, strict=True)
    ]

    def shifted(offset: tuple[int, ...]) -> Array:
        start = [place * rate for place, rate in zip(offset, dilation, strict=True)]
        stop = [first + (n - 1) * stride + 1 for first, n, stride in zip(start, counts, strides, strict=True)]
        return lax.slice(padded, (0, *start, 0), (padded.shape[0], *stop, channels), (1, *strides, 1))

    patches = jnp.concatenate([shifted(offset) for offset in itertools.product(*map(range, window))], axis=-1)
    return jnp.matmul(patches, kernel.reshape(math.prod(window) * channels, features), precision=precision)


def _channels_last(rank: int, dimension_numbers: lax.ConvDimensionNumbers | None) -> bool:
    """Whether the layouts are (batch, *space, channel) and (*window, in, out), those of `nn.Conv`."""
    space = tuple(range(1, rank - 1))
    image, window = (0, rank - 1, *space), (rank - 1, rank - 2, *range(rank - 2))
    return dimension_numbers is not None and dimension_numbers == lax.ConvDimensionNumbers(image, window, image)
