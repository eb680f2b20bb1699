"""Does He initialization train deep ReLU networks that Xavier cannot?

Sources: ee147 Weight Initialization; cs182 4.4; formulas 2.3.2; He et al. 2015 (arXiv 1502.01852), section 2.2. The
notes print Xavier's variance as 1/n_in (cs182, formulas), 2/(n_in + n_out) (ee147) and 1/(n_in + n_out) (formulas),
He's as 2/n_in and as 4/(n_in + n_out): all of them are arms, and so are N(0, 0.01²) and N(0, 1).

`signal` sends noise through random layers and a random gradient back. `dense` and `convolutional` train plain networks
on images with zero biases, momentum 0.9 and no normalization; depth counts weight layers. Each arm is taken at its own
best learning rate, for each seed the one with the lowest training loss at the end. Knowing nothing costs ln 10 nats:
losses that are worse or not finite count as that. A tenth of ln 10 is the least difference that matters.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn
from jax import Array

from dlnotes import lab
from dlnotes.data import images
from dlnotes.nn.convnet import PlainConvNet
from dlnotes.nn.initializers import RULES, FanRule, normal
from dlnotes.nn.mlp import MLP
from dlnotes.nn.signal import propagate

CHANCE = float(np.log(10))
MATTERS = CHANCE / 10
RELU_RULES = {name: RULES[name] for name in RULES if name != "xavier_fan_out"}


class Arm(NamedTuple):
    """A rule for the variance of the weights, and whether units are tanh (1) or ReLU (0)."""

    rule: FanRule
    tanh: Array | float


ARMS = {name: Arm(rule, 0.0) for name, rule in RELU_RULES.items()}
ARMS |= {f"tanh {name}": Arm(RULES[name], 1.0) for name in ("large", "xavier_fan_in", "he_fan_in")}


def unit(tanh: Array | float):
    """ReLU or tanh as data: φ(z) = tanh z where `tanh` is 1, max(z, 0) where it is 0."""
    return lambda z: jnp.where(tanh > 0, jnp.tanh(z), nn.relu(z))


def signal(key: Array, *, rule: FanRule, tanh: Array, layers: int, width: int, narrow: int, batch: int) -> lab.Trial:
    """Mean squares by layer in a random stack that alternates between `narrow` and `width` units."""
    k_inputs, k_stack = lab.streams(key, "inputs", "stack")

    def finish(_):
        x = jax.random.normal(k_inputs, (batch, width))
        return propagate(k_stack, x, rule, unit(tanh), layers=layers, narrow=narrow)._asdict()

    return lab.Trial(lambda: (), finish=finish)


def standardized(dataset: str) -> images.Images:
    """The images with mean 0 and variance 1 over all training pixels."""
    return images.standardize(images.load(dataset), axes=(0, 1, 2))


def train(key: Array, data: images.Images, net: nn.Module, learning_rate: Array, batch: int, steps: int) -> lab.Trial:
    """Momentum 0.9 on the cross-entropy; at the end the test error and the units that are 0 for every test image."""
    k_init, k_batches = lab.streams(key, "init", "batches")

    def loss(logits, labels):
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

    def finish(params):
        logits, hidden = net.apply(params, data.test_images, method="trace")
        return {
            "test_error": jnp.mean(logits.argmax(-1) != data.test_labels),
            "dead": jnp.mean(jnp.all(hidden == 0, axis=1)),
        }

    return lab.supervised(
        k_init, k_batches, (net.init, net.apply), loss, optax.sgd(learning_rate, 0.9),
        (jnp.asarray(data.train_images), jnp.asarray(data.train_labels)),
        batch=batch, steps=steps, every=max(steps // 20, 1), finish=finish,
    )  # fmt: skip


def dense(
    key: Array, data: images.Images, *, arm: Arm, learning_rate: Array,
    depth: int, width: int, batch: int, steps: int, dataset: str = "digits",
) -> lab.Trial:  # fmt: skip
    """A multilayer perceptron."""
    net = MLP(depth, width, 10, unit(arm.tanh), normal(arm.rule))
    return train(key, data, net, learning_rate, batch, steps)


def convolutional(
    key: Array, data: images.Images, *, rule: FanRule, learning_rate: Array,
    depth: int, channels: int, stride: int, batch: int, steps: int, dataset: str = "digits",
) -> lab.Trial:  # fmt: skip
    """3×3 convolutions with circular padding, so that the border takes nothing from the signal."""
    net = PlainConvNet(depth, channels, 10, nn.relu, normal(rule), stride)
    return train(key, data, net, learning_rate, batch, steps)


def by_layer(results, rule, measure="forward", tanh="relu", square=True):
    """A measure of the stack of equal layers, or of the one whose layers differ in size."""
    study = results.signal
    narrow = study.narrow.max() if square else study.narrow.min()
    return study[measure].sel(rule=rule, tanh=tanh, narrow=narrow, drop=True)


def slope(results, rule, measure="forward"):
    """Bits a layer in the direction of travel: forward from the first layer, backward from the last."""
    log2_square = by_layer(results, rule, measure)
    change = (log2_square.isel(layer=-1) - log2_square.isel(layer=0)) / (log2_square.sizes["layer"] - 1)
    return change if measure == "forward" else -change


def published_ratio(results):
    """Largest departure, over L = 22, 27, 30, of log₂ of Xavier's signal over He's from −L/2."""
    log2_ratio = (by_layer(results, "xavier_fan_in") - by_layer(results, "he_fan_in")) / 2
    layers = log2_ratio.layer + 1
    return abs(log2_ratio + layers / 2).isel(layer=[21, 26, 29]).max("layer")


def average_law(results):
    """Bits a layer that the average rule loses against the fan-in rule, less ½ log₂(4ab/(a + b)²)."""
    a, b = float(results.signal.narrow.min()), float(results.signal.attrs["width"])
    average, fan_in = (by_layer(results, rule, square=False).isel(layer=-1) for rule in ("he_average", "he_fan_in"))
    return (average - fan_in) / results.signal.sizes["layer"] - 0.5 * np.log2(4 * a * b / (a + b) ** 2)


def units_that_differ(results):
    """Share of units, in any second layer and for the first input, that are on under one of Xavier and He alone."""
    xavier, he = (by_layer(results, rule, "on") for rule in ("xavier_fan_in", "he_fan_in"))
    return (xavier != he).mean(("pair", "unit"))


def capped(loss):
    """Training loss with NaN, ∞ and worse than knowing nothing set to ln 10."""
    return loss.where(np.isfinite(loss), CHANCE).clip(max=CHANCE)


def at_end(study):
    """Training loss over the last tenth of the steps, capped."""
    return capped(study.loss.isel(step=slice(-2, None)).mean("step", skipna=False))


def at_best(study, measure):
    """A measure at each arm's best learning rate: seed by seed, the one of the lowest training loss at the end."""
    return study[measure].isel(learning_rate=at_end(study).argmin("learning_rate")).drop_vars("learning_rate")


def loss(results, arm, depth):
    """Training loss at the end, at the best learning rate."""
    return at_end(results.dense).sel(arm=arm, depth=depth, drop=True).min("learning_rate")


def trained(results, measure, arm, depth):
    """Another measure at the end, at the rate of the best training loss."""
    return at_best(results.dense, measure).sel(arm=arm, depth=depth, drop=True)


def conv_loss(results, rule):
    return at_end(results.convolutional).sel(rule=rule, drop=True).min("learning_rate")


EE147, CS182, SHEET = "ee147 Weight Initialization", "cs182 4.4", "formulas 2.3.2"
HE = "He et al. 2015, section 2.2"

# Laws of a slope, within 0.1 bits a layer: at n = 128 units the logarithm of one draw falls 5/(2n ln 2) = 0.03 bits
# below that of the mean, and the slope's standard error over 16 seeds is √(5/(30 n))/(4 ln 2) = 0.013. Laws of a ratio
# between arms of the same draws are exact but for rounding: 1e-3 bits is a hundred times 30 layers of 2⁻²³.
PREDICTIONS = (
    lab.Equivalent(
        "xavier_halves_relu", "ReLU, Var(w) = 1/n: the mean square of the signal halves in each layer (log₂: −1)",
        lambda r: slope(r, "xavier_fan_in"), source=f"{EE147}; {CS182}.2.1", target=-1.0, within=0.1,
    ),
    lab.Equivalent(
        "he_keeps_relu", "ReLU, Var(w) = 2/n: every layer keeps it (log₂: 0)",
        lambda r: slope(r, "he_fan_in"), source=f"{EE147}; {CS182}.2.1; {HE}", target=0.0, within=0.1,
    ),
    lab.Equivalent(
        "sheet_quarters_relu", "ReLU, the printed Var(w) = 1/(n_in + n_out): each layer leaves a quarter (log₂: −2)",
        lambda r: slope(r, "sheet"), source=SHEET, target=-2.0, within=0.1,
    ),
    lab.Equivalent(
        "xavier_halves_gradient", "ReLU, Var(w) = 1/n: the mean square of the gradient halves too (log₂: −1)",
        lambda r: slope(r, "xavier_fan_in", "backward"), source=f"{EE147}; {HE}", target=-1.0, within=0.1,
    ),
    lab.Equivalent(
        "published_signal_ratio", "after 22, 27 and 30 layers Xavier's signal is 2^(−L/2) of He's (worst log₂ error)",
        published_ratio, source=HE, within=1e-3,
    ),
    lab.Equivalent(
        "average_loses_where_sizes_differ",
        "layers of a and b in turn: Var(w) = 2/n_avg loses ½ log₂((a+b)²/4ab) bits a layer against 2/n_in (error)",
        average_law, source=f"{EE147}; {CS182}.2.1", within=1e-3,
    ),
    lab.Greater(
        "xavier_kills_units", "after 30 layers more ReLU units are at 0 under Xavier than under He (share, by 0.01)",
        lambda r: (by_layer(r, "xavier_fan_in", "zeros") - by_layer(r, "he_fan_in", "zeros")).isel(layer=-1),
        source=EE147, margin=0.01,
    ),
    lab.Equivalent(
        "same_units_are_on", "it is the same units that are on under both, up to 30 layers (share that differ)",
        units_that_differ, source="ReLU(cz) = c ReLU(z) for c > 0", within=1e-3,
    ),
    lab.Greater(
        "small_decays", "N(0, 0.01²), ReLU: each layer loses more than 99 % of the mean square (bits beyond log₂ 100)",
        lambda r: -slope(r, "small") - np.log2(100), source=f"{EE147}; {CS182}.1",
    ),
    lab.Greater(
        "large_explodes", "N(0, 1), ReLU: each layer multiplies the mean square tenfold or more (bits beyond log₂ 10)",
        lambda r: slope(r, "large") - np.log2(10), source=EE147,
    ),
    lab.Greater(
        "large_saturates_tanh", "N(0, 1), tanh: most units are above 0.99 in size (share beyond a half)",
        lambda r: by_layer(r, "large", "saturated", tanh="tanh").mean("layer") - 0.5, source=EE147,
    ),
    lab.Greater(
        "he_trains_deeper", "30 ReLU layers: He ends at a lower training loss than Xavier (nats)",
        lambda r: loss(r, "xavier_fan_in", 30) - loss(r, "he_fan_in", 30), source=HE, margin=MATTERS,
    ),
    lab.Greater(
        "he_trains_deeper_convolutions", "30 convolutional ReLU layers: the same (nats)",
        lambda r: conv_loss(r, "xavier_fan_in") - conv_loss(r, "he_fan_in"), source=HE, margin=MATTERS,
    ),
    lab.Greater(
        "xavier_trains_20", "20 ReLU layers: Xavier still learns half of ln 10 or more (nats beyond)",
        lambda r: CHANCE / 2 - loss(r, "xavier_fan_in", 20), source=HE,
    ),
    lab.Equivalent(
        "alike_at_10", "10 ReLU layers: Xavier and He end at the same test error, to 2 points",
        lambda r: trained(r, "test_error", "xavier_fan_in", 10) - trained(r, "test_error", "he_fan_in", 10),
        source=HE, within=0.02,
    ),
    lab.Greater(
        "sheet_trains_worse", "10 ReLU layers: the printed Var(w) = 1/(n_in + n_out) ends worse than 1/n_in (nats)",
        lambda r: loss(r, "sheet", 10) - loss(r, "xavier_fan_in", 10), source=SHEET, margin=MATTERS,
    ),
    lab.Equivalent(
        "averages_alike", "30 ReLU layers of nearly equal size: He by 2/n_avg ends where He by 2/n_in does (nats)",
        lambda r: loss(r, "he_average", 30) - loss(r, "he_fan_in", 30), source=EE147, within=MATTERS,
    ),
    lab.Equivalent(
        "small_never_learns", "10 ReLU layers from N(0, 0.01²): the loss stays at ln 10 (difference, nats)",
        lambda r: loss(r, "small", 10) - CHANCE, source=f"{EE147}; {CS182}.1", within=MATTERS,
    ),
    lab.Greater(
        "large_trains_worse", "10 ReLU layers: N(0, 1) ends at a higher training loss than He (nats)",
        lambda r: loss(r, "large", 10) - loss(r, "he_fan_in", 10), source=EE147, margin=MATTERS,
    ),
    lab.Greater(
        "large_tanh_trains_worse", "10 tanh layers: N(0, 1) ends at a higher training loss than Xavier (nats)",
        lambda r: loss(r, "tanh large", 10) - loss(r, "tanh xavier_fan_in", 10), source=EE147, margin=MATTERS,
    ),
    lab.Greater(
        "tanh_suits_xavier", "30 tanh layers: Xavier is at most a tenth of ln 10 worse than He (nats to spare)",
        lambda r: loss(r, "tanh he_fan_in", 30) - loss(r, "tanh xavier_fan_in", 30) + MATTERS,
        source=f"{EE147}; {SHEET}",
    ),
)  # fmt: skip


NAMES = {
    "small": "N(0, 0.01²)", "large": "N(0, 1)", "xavier_fan_in": "Xavier 1/n_in", "glorot": "Xavier 2/(n_in+n_out)",
    "sheet": "printed 1/(n_in+n_out)", "he_fan_in": "He 2/n_in", "he_average": "He 4/(n_in+n_out)",
    "tanh large": "N(0, 1)", "tanh xavier_fan_in": "Xavier 1/n_in", "tanh he_fan_in": "He 2/n_in",
}  # fmt: skip


def draw(results):
    """Signal and gradient by layer with their laws; loss by depth for ReLU and tanh; loss over time."""
    figure, axes = lab.figures.panels(6)
    shown = ["sheet", "xavier_fan_in", "he_fan_in"]
    for ax, measure in ((axes[0], "forward"), (axes[1], "backward")):
        squares = by_layer(results, shown, measure)
        squares = squares.assign_coords(layer=squares.layer + 1)
        lab.figures.seeds(ax, squares, x="layer", hue="rule", labels=NAMES)
        layer = squares.layer.values
        for bits in (-2, -1, 0):
            law = bits * (layer if measure == "forward" else layer[-1] - layer)
            ax.plot(layer, law, color="black", linestyle=":", linewidth=1)
    axes[0].set(
        title="ReLU: Xavier halves the signal in each layer, He keeps it (laws dotted)", ylabel="log₂ mean square"
    )
    axes[1].set(title="Likewise the gradient, on its way back from the last layer", ylabel="log₂ mean square")
    ending = at_end(results.dense).min("learning_rate")
    for ax, arms, title in (
        (axes[2], list(RELU_RULES), "ReLU: loss at the end by depth (knowing nothing: ln 10 = 2.3)"),
        (axes[3], [arm for arm in ARMS if arm.startswith("tanh")], "tanh: loss at the end by depth"),
    ):
        lab.figures.dots(ax, ending.sel(arm=arms), x="depth", hue="arm", labels=NAMES)
        ax.set(title=title, xlabel="weight layers", ylabel="training loss, nats, at the best rate")
    deepest = int(results.dense.depth.max())
    curves = capped(at_best(results.dense, "loss").sel(depth=deepest, arm=shown))
    lab.figures.seeds(axes[4], curves, x="step", hue="arm", labels=NAMES)
    axes[4].set(title=f"{deepest} dense layers, ReLU", ylabel="training loss, nats, at the best rate")
    curves = capped(at_best(results.convolutional, "loss"))
    lab.figures.seeds(axes[5], curves, x="step", hue="rule", labels=NAMES)
    layers = results.convolutional.attrs["depth"]
    axes[5].set(title=f"{layers} convolutional layers, ReLU", ylabel="training loss, nats, at the best rate")
    return figure


RATES = (0.003, 0.01, 0.03, 0.1)
CONV_RULES = {name: RULES[name] for name in ("small", "xavier_fan_in", "he_fan_in")}

EXPERIMENT = lab.Experiment(
    __doc__,
    studies={
        "signal": lab.Study(
            signal,
            {"rule": RELU_RULES, "tanh": {"relu": 0.0, "tanh": 1.0}, "layers": 30, "width": 128, "narrow": (32, 128),
             "batch": 16},
            dims=dict.fromkeys(("forward", "backward", "zeros", "saturated"), ("layer",)) | {"on": ("pair", "unit")},
        ),
        "dense": lab.Study(
            dense,
            {"arm": ARMS, "learning_rate": RATES, "depth": (10, 20, 30), "width": 32, "batch": 32, "steps": 300},
            data=standardized,
        ),
        "convolutional": lab.Study(
            convolutional,
            {"rule": CONV_RULES, "learning_rate": RATES, "depth": 30, "channels": 8, "stride": 2, "batch": 16,
             "steps": 200},
            data=standardized,
        ),
    },
    predictions=PREDICTIONS,
    draw=draw,
    presets={
        "quick": {"seeds": 2, "dense.steps": 5, "convolutional.steps": 5, "dense.depth": (10, 30)},
        "full": {
            "seeds": 64, "dataset": "fashion_mnist", "dense.depth": (10, 20, 30, 50), "dense.width": 64, "batch": 64,
            "dense.steps": 1500, "convolutional.steps": 1500, "channels": 16, "stride": 4,
        },
    },
)  # fmt: skip


if __name__ == "__main__":
    lab.main(__file__)
