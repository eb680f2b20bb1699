"""Does AdaGrad's learning rate fall so fast that it stalls, and does it shine on sparse data?

Sources: ee147 Optimizing Gradient Descent; cs182 3.3.3; lectures, Adaptive Learning; Duchi, Hazan & Singer 2011 (JMLR
12). AdaGrad divides each weight's rate by the root of the *sum* of its squared gradients, RMSProp by the root of a
running *mean*, which forgets. That quotient is the effective rate.

Networks on the digits: a classifier with two hidden ReLU layers of 24 units, and an autoencoder with three; losses over
the whole training set, cross-entropy in nats and squared error of a pixel. A loss that is not finite, or above that of
knowing nothing (log 10 nats, 1 for a pixel), counts as that. "RMSProp, rate/√t" forgets and yet decays: it tells the
decay from the memory. Sparse data: a stream of examples, each with 3 of 200 features on average; a feature is there or
not, with a frequency like 1/rank (Zipf's law, as words have) or the same for all. The regret is the mean over the whole
stream of the loss above that of the weights that made the labels. Each method is shown at its own best learning rate:
the lowest (geometric) mean over seeds, on a grid that all share.

Seen in the first standard run, with all predictions as they were: gradients of networks shrink, so that AdaGrad's rate
falls far slower than 1/√t there, and "RMSProp, rate/√t" is no twin of it but a faster decay.
"""

import adagrad_trials as trials
import numpy as np
import xarray as xr

from dlnotes import lab
from dlnotes.data import images

NOTHING = {"classifier": float(np.log(10)), "autoencoder": 1.0}


def named(array, names):
    return array.assign_coords(optimizer=list(names))


def exponent(log_y, dim):
    """p in y ∝ dimᵖ, by least squares."""
    return lab.slope(log_y, np.log(log_y[dim].astype(float)))


def log_rate(r, gradient, method):
    """log of the effective rate at t = 1 … T."""
    rate = named(r.rate.log_rate, trials.RATED).sel(gradient=gradient, optimizer=method, drop=True)
    return rate.assign_coords(t=rate.t + 1)


def late_exponent(r, gradient):
    """The power of t with which AdaGrad's rate falls, over the last nine tenths."""
    rate = log_rate(r, gradient, "AdaGrad")
    return exponent(rate.isel(t=slice(rate.sizes["t"] // 10, None)), "t")


def jump(r, method):
    """log₁₀ of the effective rate at the end over that just before gradients became a hundred times smaller."""
    rate = log_rate(r, "drops", method)
    return (rate.isel(t=-1, drop=True) - rate.isel(t=rate.sizes["t"] // 2 - 1, drop=True)) / np.log(10)


def training_loss(r, task):
    """log₁₀ of the training loss, at most that of knowing nothing."""
    loss = named(r.network.training_loss, trials.NETWORK).sel(task=task, drop=True)
    nothing = NOTHING[task]
    return np.log10(loss.where(np.isfinite(loss), nothing).clip(1e-10, nothing))


def best_rate(log_loss):
    """Each method's best learning rate: the lowest mean over seeds."""
    return log_loss.mean("seed").idxmin("log10_rate")


def tuned(log_loss, method):
    """The loss of one method at its best rate."""
    mine = log_loss.sel(optimizer=method, drop=True)
    return lab.at_best(mine, mine, "log10_rate")


def gap(r, task, worse, better):
    """log₁₀ of one method's last training loss over another's."""
    last = training_loss(r, task).isel(step=-1, drop=True)
    return tuned(last, worse) - tuned(last, better)


def stall(r, task):
    """How much further RMSProp's loss falls than AdaGrad's in the last three quarters (log₁₀); see the prediction."""
    loss = training_loss(r, task)
    quarter = loss.isel(step=max(loss.sizes["step"] // 4, 1) - 1, drop=True)

    def progress(method):
        rate = best_rate(quarter.sel(optimizer=method, drop=True))
        begun, ended = (at.sel(optimizer=method, log10_rate=rate, drop=True) for at in (quarter, loss.isel(step=-1)))
        return (begun - ended).drop_vars(("step", "log10_rate"), errors="ignore")

    return progress("RMSProp") - progress("AdaGrad")


def effective_rate(r, task, method):
    """log of the median effective rate over training, at the method's best learning rate."""
    rate = best_rate(training_loss(r, task).isel(step=-1, drop=True).sel(optimizer=method, drop=True))
    measured = r.network.effective_rate.assign_coords(rated=list(trials.RATED))
    return np.log(measured.sel(task=task, rated=method, log10_rate=rate, drop=True))


def regrowth(r, task):
    """log₁₀ of RMSProp's effective rate at the end over that after a tenth of the run."""
    rate = effective_rate(r, task, "RMSProp")
    tenth = max(rate.sizes["step"] // 10, 1) - 1
    return (rate.isel(step=-1, drop=True) - rate.isel(step=tenth, drop=True)) / np.log(10)


def regret(r, features):
    """log₁₀ of the regret over the whole stream, at most log 2."""
    mean = named(r.sparse.loss, trials.SPARSE).sel(zipf=features, drop=True).mean("step", skipna=False)
    return np.log10(mean.where(np.isfinite(mean), np.log(2)).clip(1e-6, np.log(2)))


def regret_over(r, method, features="Zipf"):
    """log₁₀ of a method's regret over AdaGrad's."""
    return tuned(regret(r, features), method) - tuned(regret(r, features), "AdaGrad")


EE147, CS182, DUCHI = "ee147 Optimizing Gradient Descent", "cs182 3.3.3", "Duchi, Hazan & Singer 2011"
TENTH = float(np.log10(1.1))

# Tolerances. Constant gradients: 4000 rounded additions in float32, each off by up to 6e-8 and perhaps all to one side.
# Exponents: Σ i^−1/2 = 2√t − 1.46 is not yet its leading term, which makes 0.006 of a quarter.
# After the drop 2000 steps are twenty memories of RMSProp. Exponents on data: nearer to this law than to half
# of it, or to none. Losses: a tenth, half a step between two rates of the grid or less.
PREDICTIONS = (
    lab.Equivalent(
        "constant_gradient", "constant gradients, any size: AdaGrad's rate is 1/√t of the first (worst error)",
        lambda r: abs(np.exp(rate := log_rate(r, "constant", "AdaGrad") - log_rate(r, "constant", "AdaGrad").isel(t=0))
                      * np.sqrt(rate.t) - 1).max("t"),
        source=EE147, within=2e-4,
    ),
    lab.Equivalent(
        "slowly_shrinking_gradients", "gradients like t^−1/4: AdaGrad's rate falls like t^−1/4 (exponent)",
        lambda r: late_exponent(r, "t^−1/4"), source="theory: Σ t^−1/2 grows like √t", target=-0.25, within=0.02,
    ),
    lab.Equivalent(
        "shrinking_gradients", "gradients like 1/t: AdaGrad's rate comes to rest (exponent)",
        lambda r: late_exponent(r, "1/t"), source="theory: Σ 1/t² is finite", within=0.02,
    ),
    lab.Equivalent(
        "rmsprop_grows_again", "gradients fall to a hundredth: RMSProp's rate grows a hundredfold (log₁₀)",
        lambda r: jump(r, "RMSProp"), source=EE147, target=2.0, within=0.05,
    ),
    lab.Equivalent(
        "adagrad_never_grows", "gradients fall to a hundredth: AdaGrad's rate stays where it was (log₁₀)",
        lambda r: jump(r, "AdaGrad"), source=EE147, within=0.001,
    ),
    lab.Equivalent(
        "decays_on_a_network", "on the classifier, too, AdaGrad's median rate falls like 1/√t (exponent)",
        lambda r: exponent(effective_rate(r, "classifier", "AdaGrad"), "step"),
        source=EE147, target=-0.5, within=0.1,
    ),
    lab.Greater(
        "rmsprop_grows_on_a_network", "on the classifier RMSProp's median rate grows after a tenth of the run (log₁₀)",
        lambda r: regrowth(r, "classifier"), source=EE147,
    ),
    *(
        lab.Greater(
            f"rmsprop_ends_lower_{task}", f"{task}, best rates: RMSProp ends a tenth lower than AdaGrad (log₁₀)",
            lambda r, task=task: gap(r, task, "AdaGrad", "RMSProp"), source=f"{CS182}; {EE147}", margin=TENTH,
        )
        for task in NOTHING
    ),
    *(
        lab.Greater(
            f"adagrad_stalls_{task}",
            f"{task}, rates best after a quarter: from there RMSProp's loss falls a tenth further (log₁₀)",
            lambda r, task=task: stall(r, task), source=f"{CS182}; {EE147}", margin=TENTH,
        )
        for task in NOTHING
    ),
    lab.Greater(
        "decay_is_to_blame", "autoencoder, best rates: RMSProp ends higher where its rate falls like 1/√t (log₁₀)",
        lambda r: gap(r, "autoencoder", "RMSProp, rate/√t", "RMSProp"), source=EE147, margin=TENTH,
    ),
    *(
        lab.Greater(
            f"sparse_over_{name}", f"Zipf, best rates: {method} has a tenth more regret than AdaGrad (log₁₀)",
            lambda r, method=method: regret_over(r, method), source=source, margin=TENTH,
        )
        for name, method, source in (
            ("sgd", "SGD", DUCHI), ("decaying_sgd", "SGD, rate/√t", DUCHI), ("rmsprop", "RMSProp", f"{CS182}; {DUCHI}"),
            ("adam", "Adam", f"{CS182}; {DUCHI}"),
        )
    ),
    lab.Greater(
        "rareness_makes_it_shine", "AdaGrad gains more on SGD where frequencies differ than where they do not (log₁₀)",
        lambda r: regret_over(r, "SGD") - regret_over(r, "SGD", "equal"), source=DUCHI,
    ),
    lab.Equivalent(
        "rare_features_keep_their_rate", "Zipf: a feature's effective rate is like 1/√frequency (exponent, rate 1)",
        lambda r: r.sparse.rate_exponent.sel(zipf="Zipf", log10_rate=0, drop=True),
        source=DUCHI, target=-0.5, within=0.1,
    ),
)  # fmt: skip


def draw(r):
    figure, axes = lab.figures.panels(9)
    draw_rates(r, axes[:3])
    for ax, task in zip(axes[3:5], NOTHING, strict=True):
        loss = 10 ** training_loss(r, task)
        best = xr.concat([tuned_curve(loss, name) for name in trials.NETWORK], "optimizer").assign_coords(
            optimizer=list(trials.NETWORK)
        )
        lab.figures.seeds(ax, best, x="step", hue="optimizer", log="y")
        unit = "cross-entropy, nats" if task == "classifier" else "squared error of a pixel"
        ax.set(title=f"{task.capitalize()}, best rates: who goes on, who stalls?", xlabel="step", ylabel=unit)
    last = 10 ** training_loss(r, "autoencoder").isel(step=-1)
    lab.figures.dots(axes[5], last, x="log10_rate", hue="optimizer", log="y")
    axes[5].set(title="Autoencoder, at the end: which rates work", xlabel="log₁₀ of the learning rate")
    axes[5].set(ylabel="squared error of a pixel")
    for ax, features, title in (
        (axes[6], "Zipf", "Sparse, frequencies like 1/rank: AdaGrad's case"),
        (axes[7], "equal", "Sparse, equal frequencies"),
    ):
        lab.figures.dots(ax, 10 ** regret(r, features), x="log10_rate", hue="optimizer", log="y")
        ax.set(title=title, xlabel="log₁₀ of the learning rate", ylabel="regret, nats an example")
    lab.figures.dots(axes[8], r.sparse.rate_exponent.sel(zipf="Zipf"), x="log10_rate")
    axes[8].axhline(-0.5, color="black", linestyle=":", linewidth=1)
    axes[8].set(title="Rare features keep a larger rate (dotted: 1/√frequency)", xlabel="log₁₀ of the learning rate")
    axes[8].set(ylabel="exponent of rate over frequency")
    return figure


def tuned_curve(loss, method):
    """Training loss over time at the rate that is best at the end."""
    mine = loss.sel(optimizer=method, drop=True)
    return mine.sel(log10_rate=best_rate(np.log10(mine.isel(step=-1, drop=True))), drop=True)


def draw_rates(r, axes):
    """Effective rates on invented gradients, after a drop, and on a network."""
    falling = ["constant", "noisy", "t^−1/4", "1/t"]
    curves = xr.concat([np.exp(log_rate(r, name, "AdaGrad")) for name in falling], "gradient")
    curves = curves.assign_coords(gradient=falling)
    lab.figures.seeds(axes[0], curves / curves.isel(t=0), x="t", hue="gradient", log="xy")
    for power in (0.5, 0.25):
        axes[0].plot(curves.t, curves.t**-power, color="black", linestyle=":", linewidth=1)
    axes[0].set(title="AdaGrad's rate by kind of gradient (dotted: t^−1/2, t^−1/4)", xlabel="step t")
    axes[0].set(ylabel="effective rate / first")
    drop = xr.concat([np.exp(log_rate(r, "drops", name)) for name in trials.RATED], "optimizer")
    drop = drop.assign_coords(optimizer=list(trials.RATED))
    lab.figures.seeds(axes[1], drop, x="t", hue="optimizer", log="y")
    axes[1].set(title="Gradients fall to a hundredth: only RMSProp's rate grows", xlabel="step t")
    axes[1].set(ylabel="effective rate for rate 1")
    measured = xr.concat([np.exp(effective_rate(r, "classifier", name)) for name in trials.RATED], "optimizer")
    measured = measured.assign_coords(optimizer=list(trials.RATED))
    lab.figures.seeds(axes[2], measured, x="step", hue="optimizer", log="xy")
    first = float(measured.sel(optimizer="AdaGrad").isel(step=0).mean())
    like_root = first * (measured.step / measured.step[0]) ** -0.5
    axes[2].plot(measured.step, like_root, color="black", linestyle=":", linewidth=1)
    axes[2].set(title="Classifier: the median weight's rate (dotted: like 1/√t)", xlabel="step")
    axes[2].set(ylabel="effective rate for rate 1")


RATES = tuple(float(rate) for rate in np.arange(-4.0, 0.1, 0.5))
STREAM = tuple(float(rate) for rate in np.arange(-3.0, 2.1, 0.5))
BY_OPTIMIZER = {"loss": ("optimizer",), "length": ("optimizer",)}

EXPERIMENT = lab.Experiment(
    __doc__,
    studies={
        "rate": lab.Study(
            trials.effective_rate, {"gradient": trials.GRADIENTS, "coordinates": 16, "steps": 4000},
            dims={"log_rate": ("t", "optimizer")},
        ),
        "network": lab.Study(
            trials.network,
            {"log10_rate": RATES, "task": tuple(NOTHING), "width": 24, "batch": 32, "steps": 800, "every": 20,
             "dataset": "digits"},
            data=images.load,
            dims=BY_OPTIMIZER | {"training_loss": ("optimizer",), "effective_rate": ("rated",)},
        ),
        "sparse": lab.Study(
            trials.sparse,
            {"zipf": {"Zipf": 1.0, "equal": 0.0}, "log10_rate": STREAM, "features": 200, "active": 3.0,
             "strength": 2.0, "batch": 8, "steps": 1000, "every": 50},
            dims=BY_OPTIMIZER,
        ),
    },
    predictions=PREDICTIONS,
    draw=draw,
    presets={
        "quick": {
            "seeds": 4, "rate.steps": 400, "network.log10_rate": (-3.0, -2.0, -1.0), "network.width": 8,
            "network.steps": 40, "network.every": 4, "sparse.log10_rate": (-1.0, 0.0, 1.0), "sparse.features": 40,
            "sparse.steps": 60, "sparse.every": 10,
        },
        "full": {
            "seeds": 32, "dataset": "fashion_mnist", "network.width": 256, "network.batch": 128,
            "network.steps": 50_000, "network.every": 500, "sparse.features": 20_000, "sparse.active": 20.0,
            "sparse.steps": 50_000, "sparse.every": 500,
        },
    },
)  # fmt: skip

if __name__ == "__main__":
    lab.main(__file__)
