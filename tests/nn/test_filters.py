"""Kernels and cross-correlation against SciPy, the printed sums, the convolution theorem; what kernels answer."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage, signal

from dlnotes.nn import filters
from dlnotes.nn.filters import KERNELS

RNG = np.random.default_rng(42)
SCIPY = {"zero": "constant", "edge": "nearest", "wrap": "wrap"}


def test_cross_correlation_is_the_printed_sum():
    """dlbook (9.6), and ee147's size (w − w_f + 1, h − h_f + 1)."""
    image, kernel = RNG.normal(size=(6, 7)), RNG.normal(size=(2, 3))
    printed = [[(image[i : i + 2, j : j + 3] * kernel).sum() for j in range(5)] for i in range(5)]
    np.testing.assert_allclose(filters.cross_correlate(jnp.asarray(image), kernel), printed, atol=1e-5)


@pytest.mark.parametrize("border", SCIPY)
@pytest.mark.parametrize("size", [(3, 3), (2, 4), (1, 5)])
def test_borders_are_those_of_scipy(border, size):
    images, kernel = RNG.normal(size=(2, 6, 5)), RNG.normal(size=size)
    wanted = [ndimage.correlate(image, kernel, mode=SCIPY[border]) for image in images]
    found = filters.cross_correlate(jnp.asarray(images)[None], kernel, border)
    np.testing.assert_allclose(found[0], wanted, atol=1e-5)


def test_with_the_kernel_turned_round_it_is_convolution():
    image, kernel = RNG.normal(size=(6, 7)), RNG.normal(size=(3, 2))
    found = filters.cross_correlate(jnp.asarray(image), kernel[::-1, ::-1])
    np.testing.assert_allclose(found, signal.convolve2d(image, kernel, "valid"), atol=1e-5)


@pytest.mark.parametrize("name", KERNELS)
def test_the_convolution_theorem(name, float64):
    x = jnp.asarray(RNG.normal(size=(6, 9)))
    there = jnp.fft.fft2(filters.cross_correlate(x, KERNELS[name], "wrap"))
    response = filters.frequency_response(KERNELS[name], 6, 9)
    np.testing.assert_allclose(there, response * jnp.fft.fft2(x), atol=1e-12)
    np.testing.assert_allclose(response[0, 0], KERNELS[name].sum(), atol=1e-12)


@pytest.mark.parametrize(
    ("name", "edge", "ramp"),
    [
        ("identity", [0, 0, 1, 1], 2),
        ("box blur", [0, 1 / 3, 2 / 3, 1], 2),
        ("Gaussian blur", [0, 1 / 4, 3 / 4, 1], 2),
        ("sharpen", [0, -1, 2, 1], 2),
        ("difference", [0, 0, 1, 0], 1),
        ("Prewitt", [0, 3, 3, 0], 6),
        ("Sobel", [0, 4, 4, 0], 8),
        ("Sobel, turned", [0, 0, 0, 0], 0),
        ("Laplacian", [0, 1, -1, 0], 0),
    ],
)
def test_what_kernels_answer(name, edge, ramp):
    """Four pixels across a vertical edge from dark to bright, worked by hand; the middle of a ramp 0, 1, 2, 3, 4."""
    step = jnp.broadcast_to(jnp.array([0.0, 0, 0, 1, 1, 1])[None], (3, 6))
    np.testing.assert_allclose(filters.cross_correlate(step, KERNELS[name])[0], edge, atol=1e-6)
    rising = jnp.broadcast_to(jnp.arange(5.0)[None], (3, 5))
    np.testing.assert_allclose(filters.cross_correlate(rising, KERNELS[name])[0, 1], ramp, atol=1e-6)


def test_turned_sobel_sees_what_sobel_sees_in_the_transposed_picture():
    x = jnp.asarray(RNG.normal(size=(5, 6)))
    turned = filters.cross_correlate(x.T, KERNELS["Sobel, turned"]).T
    np.testing.assert_allclose(filters.cross_correlate(x, KERNELS["Sobel"]), turned, atol=1e-5)


def test_gaussian_is_scipys_and_of_its_variance():
    kernel = np.asarray(filters.gaussian(1.5, 6))
    point = np.zeros((13, 13))
    point[6, 6] = 1.0
    np.testing.assert_allclose(kernel, ndimage.gaussian_filter(point, 1.5, radius=6), atol=1e-6)
    np.testing.assert_allclose((kernel.sum(0) * np.arange(-6, 7) ** 2).sum(), 1.5**2, rtol=1e-2)
    np.testing.assert_allclose(np.outer(kernel.sum(1), kernel.sum(0)), kernel, atol=1e-7)


def test_jit_vmap_and_the_gradient_by_the_picture_is_the_kernel():
    x = jnp.asarray(RNG.normal(size=(2, 5, 5)), jnp.float32)
    kernels = jnp.stack([jnp.asarray(KERNELS[name], jnp.float32) for name in ("Sobel", "Laplacian")])
    both = jax.jit(jax.vmap(lambda k: filters.cross_correlate(x, k, "edge")))(kernels)
    for kernel, found in zip(kernels, both, strict=True):
        np.testing.assert_allclose(found, filters.cross_correlate(x, kernel, "edge"), atol=1e-5)
    middle = jax.grad(lambda x: filters.cross_correlate(x, KERNELS["Sobel"], "zero")[2, 2])(x[0])
    np.testing.assert_allclose(middle[1:4, 1:4], KERNELS["Sobel"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((np.ones((4, 4)), np.ones((3, 3)), "reflect"), "border is one of valid, zero, edge, wrap, got 'reflect'"),
        ((np.ones(4), np.ones((3, 3))), r"images \[..., height, width\] .*got the shapes \(4,\) and \(3, 3\)"),
        ((np.ones((4, 4)), np.ones(3)), r"a kernel \[rows, columns\] are wanted.*\(3,\)"),
        ((np.ones((4, 2)), np.ones((3, 3))), "a kernel of at most 4×2, .* got 3×3"),
    ],
)
def test_what_does_not_fit_says_so(arguments, said):
    with pytest.raises(ValueError, match=said):
        filters.cross_correlate(*arguments)
    if "at most" in said:
        with pytest.raises(ValueError, match=said):
            filters.frequency_response(arguments[1], *arguments[0].shape)
