"""Does batch norm help by making the loss smoother, or by keeping the distributions inside a network still?

Sources: ee147 Normalization; cs182 4.3; lectures Batch Normalization; Ioffe & Szegedy 2015 (arXiv 1502.03167);
Santurkar, Tsipras, Ilyas & Madry 2018 (arXiv 1805.11604). The first paper's explanation is internal covariate shift,
the second's is smoothness. ee147 tells both, and prints that batch norm increases β-smoothness.

Published: VGG on CIFAR-10, plain SGD at rate 0.1, batch 128; 25 linear layers of 10 units led to a Gaussian matrix by
full batches; the noise; the layers' shift; step lengths along the gradient of [1/2, 4] (VGG) and [1/100, 30] (linear)
times the rate. Ours: digits and 8 to 16 channels; 8 points on a ray, evenly spaced in log; Glorot's normal weights;
squared error averaged over examples at rate 0.001 (1e-6 were it summed over 1000); where there is no batch norm, β is
the bias. The grid is of perceptrons with six hidden layers of 32 units.

Ratios are in log₁₀, averaged over training; what overflows counts as 1e12. "At equal loss" compares the arms where
their training losses agree. A network that knows nothing has log 10 = 2.3 nats, and worse counts as that; one "trains"
if it ends below 1 nat. Margins: twice or half (0.3), a tenth of 2.3 nats (0.23), 0.1 of a cosine, half a grid step.

The predictions were declared after pilots of 4 to 8 other seeds, which settled what is feasible, and before any
standard run; since then only their wording has changed.
"""

from functools import partial

import numpy as np
import smoothing_trials as trials
import xarray as xr

from dlnotes import lab
from dlnotes.data import images
from dlnotes.nn.normalization import BATCH_NORM, NOISY_BATCH_NORM, PLAIN

ARMS = {"none": PLAIN, "batch norm": BATCH_NORM, "noisy batch norm": NOISY_BATCH_NORM}


def finite(measure):
    """What overflowed counts as 1e12, what vanished as 1e-12."""
    return measure.where(np.isfinite(measure), 1e12).clip(1e-12, 1e12)


def log_ratio(measure, arm="batch norm", other="none"):
    """log₁₀ of one arm's measure over another's, averaged over all but the seeds."""
    logs = np.log10(finite(measure))
    difference = logs.sel(arm=arm, drop=True) - logs.sel(arm=other, drop=True)
    return difference.mean([dim for dim in difference.dims if dim != "seed"])


def gain(measure, arm="batch norm", other="none"):
    """One arm's measure less another's, averaged over all but the seeds; what is not finite counts as 0."""
    measure = measure.where(np.isfinite(measure), 0.0)
    difference = measure.sel(arm=arm, drop=True) - measure.sel(arm=other, drop=True)
    return difference.mean([dim for dim in difference.dims if dim != "seed"])


def at_equal_loss(study, name):
    """log₁₀ of batch norm's measure over the plain net's at five losses, evenly in log, that both pass in training."""
    loss, measure = (np.log(finite(each)) for each in (study.loss, study[name]))

    def compare(plain_loss, plain, loss, measure):
        low, high = max(plain_loss.min(), loss.min()), min(plain_loss.max(), loss.max())
        levels = np.linspace(low, high, 5) if low < high else np.nan * np.ones(5)
        by, plain_by = np.argsort(loss), np.argsort(plain_loss)
        ours = np.interp(levels, loss[by], measure[by])
        return (ours - np.interp(levels, plain_loss[plain_by], plain[plain_by])).mean() / np.log(10)

    arms = [each.sel(arm=arm, drop=True) for arm in ("none", "batch norm") for each in (loss, measure)]
    return xr.apply_ufunc(compare, *arms, input_core_dims=[["step"]] * 4, vectorize=True)


def nats(study):
    """Training loss, at most that of knowing nothing."""
    return study.loss.where(np.isfinite(study.loss), np.log(10)).clip(max=np.log(10))


def final(results):
    """The grid's training loss at the end."""
    return nats(results.grid).isel(step=-1, drop=True)


def at_best_rate(results, loss) -> xr.DataArray:
    """`loss` of each arm at the rate that ends lowest, on average over seeds, with weights of scale 1."""
    mean = final(results).sel(init_scale=1.0, drop=True).mean("seed")
    best = xr.DataArray([mean.rate[i] for i in mean.argmin("rate")], {"arm": mean.arm})
    return loss.sel(rate=best).drop_vars("rate")


def largest_rate(results):
    """log₁₀ of the largest rate that trains with weights of scale 1; one grid step below the smallest if none does."""
    loss, rates = final(results).sel(init_scale=1.0, drop=True), np.log10(results.grid.rate)
    return rates.where(loss < 1.0).max("rate").fillna(2 * rates[0] - rates[1])


def spread(results):
    """Highest less lowest final loss over the scales of the initial weights, at each arm's best rate for scale 1."""
    loss = at_best_rate(results, final(results))
    return loss.max("init_scale") - loss.min("init_scale")


def deeper(measure):
    """All layers but the first, which has none before it."""
    return measure.isel(layer=slice(1, None))


NOTES, IOFFE = "ee147 Normalization", "Ioffe & Szegedy 2015"
SANTURKAR = "Santurkar et al. 2018"
TWICE, TENTH = float(np.log10(2)), 0.23

LANDSCAPE = {
    "loss_range": "the loss varies half as much or less along the gradient",
    "gradient_change": "the gradient changes half as much or less along itself",
    "beta": "effective β is halved or less",
}


def landscape(study, what):
    """Batch norm makes each measure of roughness at most half, at equal step and at equal loss."""
    for name, words in LANDSCAPE.items():
        yield lab.Less(
            f"{study}_{name}", f"{what}: {words} with batch norm",
            lambda r, name=name: log_ratio(r[study][name]), source=f"{NOTES}; {SANTURKAR}, 3.2", margin=TWICE,
        )  # fmt: skip
        yield lab.Less(
            f"{study}_{name}_equal_loss", f"{what}: {words} with batch norm, at equal loss",
            lambda r, name=name: at_equal_loss(r[study], name), source=f"{NOTES}; {SANTURKAR}, 3.2", margin=TWICE,
        )  # fmt: skip


def shift(study, what):
    """The first explanation, in the second paper's measure of it: batch norm halves the shift."""
    yield lab.Less(
        f"{study}_shift", f"{what}: batch norm removes covariate shift (change of a layer's gradient, halved or less)",
        lambda r: log_ratio(deeper(r[study].gradient_shift)), source=f"{NOTES}; {IOFFE}", margin=TWICE,
    )  # fmt: skip
    yield lab.Greater(
        f"{study}_shift_cosine", f"{what}: batch norm removes covariate shift (cosine of layers' gradients, by 0.1)",
        lambda r: gain(deeper(r[study].gradient_shift_cosine)), source=f"{NOTES}; {IOFFE}", margin=0.1,
    )  # fmt: skip


PREDICTIONS = (
    *landscape("vgg", "VGG"),
    lab.Greater(
        "beta_increases", "VGG: batch norm increases β, as printed (errata E27)", lambda r: log_ratio(r.vgg.beta),
        source=NOTES,
    ),
    lab.Less(
        "beta_beyond_scale", "VGG: β‖θ‖², which no rescaling of weights changes, is halved or less with batch norm",
        lambda r: log_ratio(r.vgg.beta * r.vgg.parameter_norm**2), source="ours", margin=TWICE,
    ),
    lab.Greater(
        "vgg_cosine", "VGG: gradients along the gradient point more the same way with batch norm",
        lambda r: gain(r.vgg.cosine), source=f"{NOTES}; {SANTURKAR}, 3.2", margin=0.1,
    ),
    *landscape("linear", "25 linear layers"),
    *shift("vgg", "VGG"),
    *shift("linear", "25 linear layers"),
    lab.Less(
        "drift_stilled", "VGG: the layers' means and deviations drift less in a step with batch norm (halved or less)",
        lambda r: log_ratio(r.vgg.drift), source=f"{NOTES}; {IOFFE}", margin=TWICE,
    ),
    lab.Greater(
        "noise_drifts", "VGG: noisy batch norm drifts more than no batch norm (doubled or more)",
        lambda r: log_ratio(r.vgg.drift, "noisy batch norm"), source=f"{SANTURKAR}, 2.1", margin=TWICE,
    ),
    lab.Equivalent(
        "noise_trains_alike", "VGG: noisy batch norm trains about as fast as batch norm (mean training loss, nats)",
        lambda r: gain(nats(r.vgg), "noisy batch norm", "batch norm"), source=f"{SANTURKAR}, 2.1", within=TENTH,
    ),
    lab.Less(
        "noise_beats_plain", "VGG: noisy batch norm trains faster than no batch norm (mean training loss, nats)",
        lambda r: gain(nats(r.vgg), "noisy batch norm"), source=f"{SANTURKAR}, 2.1", margin=TENTH,
    ),
    lab.Less(
        "faster", "VGG, same rate: batch norm trains faster (mean training loss, nats)",
        lambda r: gain(nats(r.vgg)), source=f"{NOTES}; {IOFFE}", margin=TENTH,
    ),
    lab.Greater(
        "test_accuracy", "VGG, same rate and steps: batch norm ends with the higher test accuracy",
        lambda r: gain(r.vgg.accuracy), source=f"{NOTES}; {IOFFE}",
    ),
    lab.Greater(
        "larger_rates", "grid: batch norm trains at larger rates (log₁₀ of the largest)",
        lambda r: gain(largest_rate(r)), source=f"{NOTES}; {IOFFE}", margin=0.25,
    ),
    lab.Less(
        "faster_when_tuned", "grid: batch norm trains faster, each arm at its own best rate (mean loss, nats)",
        lambda r: gain(at_best_rate(r, nats(r.grid).sel(init_scale=1.0))), source=f"{NOTES}; {IOFFE}",
    ),
    lab.Less(
        "less_init_dependence", "grid: the final loss hangs less on the scale of the initial weights (range, nats)",
        lambda r: gain(spread(r)), source=f"{NOTES}; {IOFFE}", margin=TENTH,
    ),
    lab.Greater(
        "more_settings_train", "grid: more of all rates and scales train with batch norm (share of the grid)",
        lambda r: gain((final(r) < 1.0).astype(float)), source=f"{NOTES}; {IOFFE}", margin=0.1,
    ),
)  # fmt: skip


def compared(study):
    """Batch norm's measures of the landscape over the plain net's: at equal step, at equal loss."""
    step, loss = (
        [how(name) for name in LANDSCAPE] for how in (lambda n: log_ratio(study[n]), partial(at_equal_loss, study))
    )
    arms = [xr.concat(each, "measure") for each in (step, loss)]
    names = {"measure": ["loss range", "gradient change", "β"], "compared": ["at equal step", "at equal loss"]}
    return 10 ** xr.concat(arms, "compared").assign_coords(names)


def draw(results):
    """Training; the landscape through it, at equal step and at equal loss; drift and shift; the grid."""
    figure, axes = lab.figures.panels(12)
    vgg_, linear = results.vgg, results.linear
    through = {
        0: (vgg_.loss, "VGG: training loss at the same rate", "cross-entropy, nats"),
        1: (vgg_.loss_range, "How much the loss varies along the gradient", "highest − lowest loss, nats"),
        2: (vgg_.gradient_change, "How much the gradient changes along itself", "‖∇L(θ − ηg) − g‖, largest"),
        3: (vgg_.beta, "Effective β, smaller is smoother (dotted: 2/rate)", "‖∇L(θ − ηg) − g‖ / η‖g‖, largest"),
        5: (vgg_.drift.mean("normalized"), "One step's drift of means and deviations", "drift / the layer's deviation"),
        7: (linear.loss, "25 linear layers: training loss", "squared error"),
        8: (linear.beta, "25 linear layers: effective β", "‖∇L(θ − ηg) − g‖ / η‖g‖, largest"),
    }
    for place, (measure, title, unit) in through.items():
        lab.figures.seeds(axes[place], finite(measure), hue="arm", log="y")
        axes[place].set(title=title, ylabel=unit)
    axes[3].axhline(2 / vgg_.attrs["rate"], color="black", linestyle=":", linewidth=1)
    lab.figures.dots(axes[4], compared(vgg_), x="measure", hue="compared", log="y")
    axes[4].axhline(0.5, color="black", linestyle=":", linewidth=1)
    axes[4].set(title="With over without batch norm (dotted: the half predicted)", ylabel="ratio", xlabel="")
    for ax, study, name in ((axes[6], vgg_, "VGG"), (axes[9], linear, "25 linear layers")):
        change = np.exp(np.log(finite(deeper(study.gradient_shift))).mean("step")).assign_coords(
            layer=study.layer[1:] + 1
        )
        draw_layers = lab.figures.dots if change.layer.size < 10 else lab.figures.seeds
        draw_layers(ax, change, x="layer", hue="arm", log="y")
        ax.set(title=f"{name}: covariate shift of each layer's gradient", ylabel="‖G′ − G‖", xlabel="layer")
    loss, unit = final(results), "final training loss, nats"
    lab.figures.dots(axes[10], loss.sel(init_scale=1.0), x="rate", hue="arm", log="y")
    axes[10].set(title="Grid: which rates train", xlabel="learning rate", ylabel=unit)
    lab.figures.dots(axes[11], at_best_rate(results, loss), x="init_scale", hue="arm", log="y")
    axes[11].set(title="Grid: which initial scales train, at the best rate", xlabel="scale of the weights", ylabel=unit)
    return figure


LAYERS = dict.fromkeys(("gradient_shift", "gradient_shift_cosine", "layer_gradient_norm"), ("layer",))
DIMS = {"ray_loss": ("point",), "drift": ("normalized",)} | LAYERS

EXPERIMENT = lab.Experiment(
    __doc__,
    studies={
        "vgg": lab.Study(
            trials.image_trial,
            {"arm": ARMS, "rate": 0.1, "net": "small", "batch": 32, "points": 8, "steps": 240, "every": 30},
            data=images.load, dims=DIMS,
        ),
        "linear": lab.Study(
            trials.linear_trial,
            {"arm": ARMS, "rate": 0.001, "layers": 25, "width": 10, "examples": 128, "points": 8, "steps": 300,
             "every": 50},
            dims=DIMS,
        ),
        "grid": lab.Study(
            trials.grid_trial,
            {"arm": {"none": PLAIN, "batch norm": BATCH_NORM}, "rate": (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0),
             "init_scale": (0.25, 0.5, 1.0, 2.0, 4.0), "net": "perceptron", "batch": 32, "steps": 150, "every": 15},
            data=images.load,
        ),
    },
    predictions=PREDICTIONS,
    draw=draw,
    presets={
        "quick": {
            "seeds": 4, "vgg.net": "tiny", "points": 3, "batch": 16, "steps": 12, "every": 4, "linear.layers": 5,
            "grid.rate": (0.1, 1.0), "grid.init_scale": (0.5, 1.0),
        },
        "full": {
            "seeds": 16, "dataset": "fashion_mnist", "batch": 128, "vgg.net": "vgg16_small_images", "vgg.steps": 15_000,
            "vgg.every": 500, "linear.examples": 1000, "linear.steps": 10_000, "linear.every": 500,
            "grid.steps": 3_000, "grid.every": 300,
        },
    },
)  # fmt: skip

if __name__ == "__main__":
    lab.main(__file__)
