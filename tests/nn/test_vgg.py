"""VGG by its published counts and by its parts; the deep linear network as a product of matrices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlnotes.nn import deep_linear, vgg
from dlnotes.nn import normalization as norm

SMALL = vgg.VGG(vgg.WIDTHS["small"])


def images(n=6, size=8):
    return jnp.float32(np.random.default_rng(0).uniform(size=(n, size, size, 1)))


def small_params():
    return SMALL.init(jax.random.key(0), images(), norm.PLAIN)


@pytest.mark.parametrize(
    ("name", "published"), [("vgg16", 138_357_544), ("vgg11", 132_863_336), ("vgg19", 143_667_240)]
)
def test_published_parameter_counts(name, published):
    """Weights and biases; the scales γ, which a plain VGG lacks, are counted out."""
    network = vgg.VGG(vgg.WIDTHS[name], classes=1000)
    example = jax.ShapeDtypeStruct((1, 224, 224, 3), jnp.float32)
    params = jax.eval_shape(lambda x: network.init(jax.random.key(0), x, norm.PLAIN), example)
    sizes = jax.tree.leaves_with_path(params)
    assert sum(leaf.size for path, leaf in sizes if "scale" not in jax.tree_util.keystr(path)) == published


def test_the_small_network_has_the_shapes_its_widths_say():
    outputs = SMALL.apply(small_params(), images(), norm.BATCH_NORM)
    assert outputs.logits.shape == (6, 10)
    assert [y.shape[1:] for y in outputs.normalized] == [(8, 8, 8), (8, 8, 8), (4, 4, 16), (4, 4, 16)]


def test_batch_norm_gives_units_of_mean_zero_and_deviation_one_at_the_start():
    outputs = SMALL.apply(small_params(), images(), norm.BATCH_NORM)
    for y, moments in zip(outputs.normalized, outputs.moments, strict=True):
        np.testing.assert_allclose(y.mean((0, 1, 2)), 0, atol=1e-5)
        expected = jnp.sqrt(moments.variance / (moments.variance + norm.EPSILON))
        np.testing.assert_allclose(y.std((0, 1, 2)), expected, rtol=1e-4)


def test_the_plain_arm_is_convolutions_relu_and_pooling():
    params = small_params()["params"]
    x = images()
    for i in range(4):
        kernel = params[f"layer{i}"]["weights"]["kernel"]
        x = jax.nn.relu(
            jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
        )
        if i % 2:
            n, h, w, c = x.shape
            x = x.reshape(n, h // 2, 2, w // 2, 2, c).max((2, 4))
    logits = x.reshape(6, -1) @ params["layer4"]["kernel"]
    ours = SMALL.apply({"params": params}, images(), norm.PLAIN)
    np.testing.assert_allclose(ours.logits, logits, rtol=1e-4, atol=1e-5)


def test_moments_of_the_same_batch_change_nothing_and_let_examples_come_alone():
    params = small_params()
    together = SMALL.apply(params, images(), norm.BATCH_NORM)
    frozen = SMALL.apply(params, images(), norm.BATCH_NORM, None, together.moments)
    alone = SMALL.apply(params, images()[:1], norm.BATCH_NORM, None, together.moments)
    np.testing.assert_allclose(frozen.logits, together.logits, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(alone.logits, together.logits[:1], rtol=1e-4, atol=1e-5)


def test_noise_differs_by_key_and_by_layer_and_reaches_only_the_noisy_arm():
    params = small_params()

    def logits(arm, seed):
        noise = vgg.draw_noise(jax.random.key(seed), vgg.WIDTHS["small"], 6)
        return SMALL.apply(params, images(), arm, noise).logits

    np.testing.assert_array_equal(logits(norm.BATCH_NORM, 0), logits(norm.BATCH_NORM, 1))
    assert jnp.abs(logits(norm.NOISY_BATCH_NORM, 0) - logits(norm.NOISY_BATCH_NORM, 1)).max() > 0.01
    noise = vgg.draw_noise(jax.random.key(0), vgg.WIDTHS["small"], 6)
    assert [part.m.shape for part in noise] == [(6, 8), (6, 8), (6, 16), (6, 16)]
    assert jnp.abs(noise[0].m - noise[1].m).min() > 0


def test_odd_images_are_padded_so_that_five_stages_fit_small_ones():
    network = vgg.VGG(vgg.Widths(((2,),) * 5))
    outputs = network.apply(
        network.init(jax.random.key(0), images(2, 28), norm.PLAIN),
        images(2, 28),
        norm.PLAIN,
    )
    assert outputs.normalized[-1].shape == (2, 2, 2, 2)


def test_without_stages_it_is_a_perceptron():
    network = vgg.VGG(vgg.Widths((), (5, 4)))
    params = network.init(jax.random.key(0), images(), norm.PLAIN)["params"]
    h = images().reshape(6, -1)
    for name in ("layer0", "layer1"):
        h = jax.nn.relu(h @ params[name]["weights"]["kernel"])
    ours = network.apply({"params": params}, images(), norm.PLAIN)
    np.testing.assert_allclose(ours.logits, h @ params["layer2"]["kernel"], rtol=1e-5, atol=1e-6)


def test_glorot_has_its_variance_and_scales_by_a_traced_number():
    shape = (3, 3, 16, 32)
    init = jax.jit(lambda scale: vgg.glorot(scale)(jax.random.key(0), shape))
    n, expected = np.prod(shape), 2 / (9 * 16 + 9 * 32)
    assert abs(init(1.0).var() / expected - 1) < 5 * np.sqrt(2 / n)
    np.testing.assert_allclose(init(3.0), 3 * init(1.0), rtol=1e-6)


def test_layer_numbers_follow_the_forward_order_past_ten():
    network = vgg.VGG(vgg.Widths((), (2,) * 11))
    params = network.init(jax.random.key(0), images(), norm.PLAIN)["params"]
    numbers = vgg.layer_numbers(params)
    assert numbers["layer10"]["weights"]["kernel"] == 10
    assert numbers["layer2"]["normalization"]["scale"] == 2
    assert jax.tree.structure(numbers) == jax.tree.structure(params)


def test_a_plain_deep_linear_network_is_the_product_of_its_matrices():
    params = deep_linear.init(jax.random.key(0), 5, 3)
    x = jnp.float32(np.random.default_rng(0).normal(size=(4, 3)))
    y, hidden = deep_linear.apply(params, x, norm.PLAIN)
    product = np.linalg.multi_dot(list(np.float64(params.kernel)))
    np.testing.assert_allclose(y, x @ product, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(hidden[0], x @ params.kernel[0], rtol=1e-5, atol=1e-6)
    assert hidden.shape == (4, 4, 3)


def test_a_normalized_deep_linear_network_standardizes_every_layer_but_the_last():
    params = deep_linear.init(jax.random.key(0), 6, 3)
    x = jnp.float32(np.random.default_rng(0).normal(size=(50, 3)))
    y, hidden = deep_linear.apply(params, x, norm.BATCH_NORM)
    np.testing.assert_allclose(hidden.mean(1), 0, atol=1e-5)
    np.testing.assert_allclose(y, hidden[-1] @ params.kernel[-1], rtol=1e-5, atol=1e-6)
    h = x
    for kernel in params.kernel[:-1]:
        h = norm.batch_norm(h @ kernel, jnp.ones(3), jnp.zeros(3))
    np.testing.assert_allclose(hidden[-1], h, rtol=1e-3, atol=1e-4)


def test_deep_linear_layer_numbers_and_initial_variance():
    params = deep_linear.init(jax.random.key(0), 25, 10, 2.0)
    numbers = deep_linear.layer_numbers(params)
    np.testing.assert_array_equal(numbers.kernel, np.arange(25))
    np.testing.assert_array_equal(numbers.scale, np.arange(24))
    assert abs(params.kernel.var() / 0.2 - 1) < 5 * np.sqrt(2 / 2500)
