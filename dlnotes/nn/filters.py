"""Blur, sharpening and edge kernels as data, and pictures seen through them."""

import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Complex, Float

BORDERS = {"zero": "constant", "edge": "edge", "wrap": "wrap"}  # ours and jnp.pad's names

KERNELS = {
    "identity": np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]], float),
    "box blur": np.ones((3, 3)) / 9,
    "Gaussian blur": np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16,
    "sharpen": np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]], float),
    "difference": np.array([[0, 0, 0], [-1, 1, 0], [0, 0, 0]], float),
    "Prewitt": np.array([[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]], float),
    "Sobel": np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], float),
    "Sobel, turned": np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]], float),
    "Laplacian": np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]], float),
}
"""3×3 kernels for `cross_correlate`, by name. The sum of one is what it makes of a constant picture: 1 of blurs, which
keep brightness, and 0 of edge kernels. Those from "difference" to "Sobel" are positive where a picture grows brighter
to the right, so that they see vertical edges, "Sobel, turned" where it does downward; "Laplacian" has no direction.
Source: dlbook 4.2 (box blur, difference); formulas 3.1 (edge detection filters)."""


def gaussian(deviation: Float[Array, ""] | float, radius: int) -> Float[Array, "size size"]:
    """K[m, n] ∝ exp(−(m² + n²)/2σ²), |m|, |n| ≤ `radius`, of sum 1, σ = `deviation` > 0 in pixels.

    It is the product of its marginals, K.sum(0) and K.sum(1): blurring with one after the other is cheaper.
    The trap: cut at less than 3σ it is narrower than σ.
    """
    offsets = jnp.arange(-radius, radius + 1)
    row = jnp.exp(-0.5 * jnp.square(offsets / deviation))
    row = row / row.sum()
    return row[:, None] * row[None]


def cross_correlate(
    images: Float[Array, "*batch height width"], kernel: Float[Array, "rows columns"], border: str = "valid"
) -> Float[Array, "*batch height_out width_out"]:
    """S[i, j] = Σₘₙ I[i + m, j + n] K[m, n], what neural networks call convolution; offsets from the kernel's middle.

    `border`: "valid" gives only what the kernel covers wholly, (height − rows + 1, width − columns + 1) numbers; the
    others keep the size, and take beyond the border zeros ("zero"), the nearest pixel ("edge"), or the opposite side
    ("wrap"). The trap: zeros are dark, so that edge kernels find an edge along the border. Convolution proper has the
    kernel turned round: `kernel[::-1, ::-1]`. Raises ValueError for an unknown border and a kernel that does not fit.
    Source: dlbook 2.3 (9.6); ee147 Convolution.
    """
    if border not in ("valid", *BORDERS):
        raise ValueError(f"border is one of valid, {', '.join(BORDERS)}, got {border!r}")
    if jnp.ndim(images) < 2 or jnp.ndim(kernel) != 2:
        raise ValueError(
            f"images [..., height, width] and a kernel [rows, columns] are wanted, got the shapes "
            f"{jnp.shape(images)} and {jnp.shape(kernel)}"
        )
    *batch, height, width = images.shape
    rows, columns = _fitting(kernel, height, width)
    x, weights = images.reshape(-1, height, width), jnp.asarray(kernel, images.dtype)
    if border != "valid":
        around = ((0, 0), *((size // 2, (size - 1) // 2) for size in (rows, columns)))
        x = jnp.pad(x, around, mode=BORDERS[border])
    sizes = (len(x), x.shape[1] - rows + 1, x.shape[2] - columns + 1)

    def add(place: Array, total: Array) -> Array:
        m, n = place // columns, place % columns
        return total + weights[m, n] * lax.dynamic_slice(x, (0, m, n), sizes)

    # Of one channel, shifted sums take a tenth of the time and memory of `lax.conv_general_dilated` or im2col on CPU.
    total = lax.fori_loop(0, rows * columns, add, jnp.zeros(sizes, x.dtype))
    return total.reshape(*batch, *sizes[1:])


def frequency_response(kernel: Float[Array, "rows columns"], height: int, width: int) -> Complex[Array, "height width"]:
    """H with FFT₂(cross_correlate(x, K, "wrap")) = H · FFT₂(x): by what factor each spatial frequency passes.

    Convolution is a product in Fourier space; H is the conjugate of the kernel's own FFT, its middle at the origin, as
    cross-correlation does not turn the kernel. H(0) is the sum of K. For frequencies see `jnp.fft.fftfreq`. Raises
    ValueError for a kernel larger than the images.
    """
    rows, columns = _fitting(kernel, height, width)
    padded = jnp.pad(jnp.asarray(kernel), ((0, height - rows), (0, width - columns)))
    return jnp.conj(jnp.fft.fft2(jnp.roll(padded, (-(rows // 2), -(columns // 2)), axis=(0, 1))))


def _fitting(kernel: Array, height: int, width: int) -> tuple[int, int]:
    """The kernel's rows and columns; raises ValueError where there are more of them than of the images."""
    rows, columns = kernel.shape
    if rows > height or columns > width:
        raise ValueError(
            f"a kernel of at most {height}×{width}, the size of the images, is wanted, got {rows}×{columns}"
        )
    return rows, columns
