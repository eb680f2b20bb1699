"""Are RMSProp's first steps too large, for how long, and does it matter in the end?

Sources: ee147 Optimizing Gradient Descent (its "hiccup"); cs182 3.3.2; formulas 2.4.4; Kingma & Ba 2014 (arXiv
1412.6980), section 3. RMSProp divides by the root of a running mean of squares that starts at 0. After t steps its
weights sum to 1 − βᵗ instead of 1, so the root is too small. "Corrected" divides the running mean by that sum, as Adam
does. `adam_bias_correction` asks the same of Adam, where the two moments' errors partly cancel; here nothing cancels.

The network is a classifier of the digits with two hidden ReLU layers of 24 units, trained on batches of 32 for 400
steps; both arms run in one trial, from the same start on the same batches. Losses are of the batches, cross-entropy in
nats; not finite or above log 10 (knowing nothing) counts as log 10. "Early" is the mean over steps 2 to 10, "the end"
over the last tenth. "Large rates" are 0.01 to 0.1, "small" 0.0001 to 0.001. A unit is dead if it gives 0 for every
training example. β is ee147's 0.99 if not said.
"""

import jax
import jax.numpy as jnp
import numpy as np
import side_by_side
from jax import Array

from dlnotes import lab
from dlnotes.data import images
from dlnotes.optim import adaptive

ARMS = ("uncorrected", "corrected")
RATES = tuple(float(rate) for rate in np.arange(-4.0, -0.9, 0.5))
BETAS = (0.9, 0.99, 0.999)


def stepping(key: Array, *, beta: Array, noise: Array, coordinates: int, steps: int) -> lab.Trial:
    """Length of every step for rate 1 on gradients 1 + noise·ξₜ, root mean square over the coordinates."""
    methods = tuple(adaptive.scale_by_rmsprop(beta, corrected=corrected) for corrected in (0.0, 1.0))

    def step(states, t):
        gradient = 1 + noise * jax.random.normal(jax.random.fold_in(key, t), (coordinates,))
        moved = [method.update(gradient, state) for method, state in zip(methods, states, strict=True)]
        sizes = [jnp.sqrt(jnp.mean(jnp.square(jnp.asarray(update)))) for update, _ in moved]
        return tuple(state for _, state in moved), jnp.stack(sizes)

    def finish(states):
        return {"size": jax.lax.scan(step, states, jnp.arange(steps))[1]}

    return lab.Trial(lambda: tuple(method.init(jnp.zeros(coordinates)) for method in methods), finish=finish)


def classifying(
    key: Array, data: images.Images, *, beta: Array, log10_rate: Array, width: int, batch: int, steps: int,
    dataset: str = "digits",
) -> lab.Trial:  # fmt: skip
    """Both arms on the classifier: every batch's loss and step's length; test accuracy and dead units at the end."""
    k_init, k_batches = lab.streams(key, "init", "batches")
    task = side_by_side.digits_task("classifier", data, width)
    methods = [adaptive.rmsprop(10.0**log10_rate, beta, corrected=corrected) for corrected in (0.0, 1.0)]

    def loss(params, t):
        index = lab.minibatch(k_batches, t, task.inputs.shape[0], batch)
        return task.loss(params, task.inputs[index], task.targets[index])

    def measure(params):
        logits = task.network.apply(params, data.test_images)
        _, hidden = task.network.apply(params, task.inputs, method="trace")
        return {
            "accuracy": jnp.mean(jnp.argmax(logits, -1) == data.test_labels),
            "dead": jnp.mean(~jnp.any(hidden > 0, axis=1)),
        }

    return side_by_side.race(lambda: task.init(k_init), loss, methods, steps=steps, finish=measure)


def arms(array):
    """The same, its arms called by name."""
    return array.assign_coords(arm=list(ARMS))


def size(r, arm, **where):
    """Length of each step for rate 1, t = 1 … T."""
    found = arms(r.steps.size).sel(arm=arm, **where, drop=True)
    return found.assign_coords(t=found.t + 1)


def law(of):
    """1/√(1 − βᵗ) in float64."""
    return 1 / np.sqrt(1 - of.beta**of.t)


def extra(of):
    """By how many steps of length 1 a path of uncorrected steps is too long: 2 ln 2/h − 1.46/√h + ½, h = −log β."""
    h = -np.log(of.beta)
    return 2 * np.log(2) / h - 1.4603545 / np.sqrt(h) + 0.5


def loss(r):
    """Batch losses, at most that of knowing nothing."""
    found = arms(r.network.loss)
    return found.where(np.isfinite(found), np.log(10)).clip(1e-10, np.log(10))


def early(r):
    return loss(r).isel(step=slice(1, 10)).mean("step")


def late(r):
    """log₁₀ of the mean loss over the last tenth."""
    last = max(r.network.sizes["step"] // 10, 1)
    return np.log10(loss(r).isel(step=slice(-last, None)).mean("step"))


def over(array):
    """Uncorrected less corrected, paired by seed."""
    return array.sel(arm="uncorrected", drop=True) - array.sel(arm="corrected", drop=True)


def large(array):
    return array.sel(log10_rate=slice(-2, -1)).mean("log10_rate")


def small(array):
    return array.sel(log10_rate=slice(-4, -3)).mean("log10_rate")


def best_rate(log_loss):
    """The rate of the lowest mean loss over seeds at the end."""
    return log_loss.mean("seed").idxmin("log10_rate")


def tuned(measure, log_loss):
    """Uncorrected less corrected, each at its own best rate."""
    found = [lab.at_best(*(a.sel(arm=arm, drop=True) for a in (measure, log_loss)), "log10_rate") for arm in ARMS]
    return found[0] - found[1]


def at_common_rate(r):
    """log₁₀ of the last losses' ratio at the rate that is best with correction."""
    end = late(r).sel(beta=0.99, drop=True)
    return over(end).sel(log10_rate=best_rate(end.sel(arm="corrected", drop=True)), drop=True)


def rate_shift(r):
    """log₁₀ of the best rate without correction over that with it, found for each seed by itself; β = 0.999."""
    return over(late(r).sel(beta=0.999, drop=True).idxmin("log10_rate"))


def path(r, first):
    """log₂ of the uncorrected path's length over the corrected one's, summed over the first steps; rate 0.001."""
    length = arms(r.network.length).sel(beta=0.99, log10_rate=-3, drop=True).isel(step=slice(first))
    return over(np.log2(length.sum("step", skipna=False)))


EE147, KINGMA = "ee147 Optimizing Gradient Descent", "Kingma & Ba 2014, section 3"
TENTH = float(np.log10(1.1))

# Tolerances. Laws: 0.999 in float32 is off by 5e-5 of its distance to 1, half of that under the root. Extra length:
# the formula's next term is below 1 % of it, and so is the tail after the last step. First step on a network: ε = 1e-7
# stays in the divisors of the smallest gradients. Losses: a tenth, less than a step between rates of the grid makes.
PREDICTIONS = (
    lab.Equivalent(
        "first_step", "β = 0.9, 0.99, 0.999: the first step is 1/√(1−β) = 3.16, 10, 31.6 times too long (worst error)",
        lambda r: abs(size(r, "uncorrected").isel(t=0) / size(r, "corrected").isel(t=0)
                      * np.sqrt(1 - r.steps.beta) - 1).max(("beta", "noise")),
        source=EE147, within=1e-4,
    ),
    lab.Equivalent(
        "constant_gradient", "constant gradients: step t is 1/√(1−βᵗ) times the learning rate (worst error)",
        lambda r: abs(size(r, "uncorrected", noise="constant") / law(size(r, "uncorrected", noise="constant")) - 1)
        .max(("beta", "t")), source=EE147, within=1e-4,
    ),
    lab.Equivalent(
        "extra_length",
        "constant gradients: in all, as long as 1.39/(1−β) − 1.46/√(1−β) steps more (ratio to the law, β = 0.99)",
        lambda r: ((size(r, "uncorrected", noise="constant") - 1).sum("t")
                   / extra(size(r, "uncorrected", noise="constant"))).sel(beta=0.99, drop=True),
        source="theory: ∫ (1/√(1−e^−u) − 1) du = 2 ln 2", target=1.0, within=0.01,
    ),
    lab.Equivalent(
        "network_first_step", "classifier, β = 0.99: the first step is ten times too long",
        lambda r: 2 ** path(r, 1), source=EE147, target=10.0, within=0.1,
    ),
    lab.Greater(
        "network_early_path", "classifier, rate 0.001: the path of the first ten steps is twice as long or more (log₂)",
        lambda r: path(r, 10), source=EE147, margin=1.0,
    ),
    lab.Greater(
        "large_rates_suffer_early", "classifier, large rates: higher loss early without correction (nats)",
        lambda r: large(over(early(r))).sel(beta=0.99, drop=True), source=EE147, margin=0.02,
    ),
    lab.Less(
        "small_rates_gain_early", "classifier, small rates: *lower* loss early without correction (nats)",
        lambda r: small(over(early(r))).sel(beta=0.99, drop=True),
        source="ours: where the rate is too small, longer steps help", margin=0.02,
    ),
    lab.Greater(
        "worse_near_one", "classifier, large rates: early harm is larger for β = 0.999 than for 0.9 (nats)",
        lambda r: large(over(early(r))).sel(beta=0.999, drop=True) - large(over(early(r))).sel(beta=0.9, drop=True),
        source=KINGMA,
    ),
    lab.Equivalent(
        "passes_at_the_best_rate", "classifier, best rate of the corrected arm: same loss at the end (log₁₀ of ratio)",
        at_common_rate, source="ee147: a hiccup passes", within=TENTH,
    ),
    lab.Equivalent(
        "passes_when_tuned", "classifier, each arm at its best rate: same loss at the end (log₁₀ of ratio)",
        lambda r: tuned(late(r).sel(beta=0.99), late(r).sel(beta=0.99)), source="ee147: a hiccup passes", within=TENTH,
    ),
    lab.Equivalent(
        "same_accuracy_when_tuned", "classifier, each arm at its best rate: same test accuracy to a point (share)",
        lambda r: tuned(arms(r.network.accuracy).sel(beta=0.99), late(r).sel(beta=0.99)),
        source="ee147: a hiccup passes", within=0.01,
    ),
    lab.Greater(
        "lasting_mark", "classifier, β = 0.999, large rates: higher loss at the end without correction (log₁₀)",
        lambda r: large(over(late(r))).sel(beta=0.999, drop=True), source=KINGMA, margin=TENTH,
    ),
    lab.Greater(
        "dead_units", "classifier, β = 0.999, large rates: more dead units without correction (share, by 0.01)",
        lambda r: large(over(arms(r.network.dead))).sel(beta=0.999, drop=True),
        source="ours: a long first step throws units where they give 0", margin=0.01,
    ),
    lab.Less(
        "smaller_best_rate", "classifier, β = 0.999: without correction the best rate is smaller (log₁₀)",
        rate_shift, source=KINGMA,
    ),
)  # fmt: skip


def draw(r):
    figure, axes = lab.figures.panels(8)
    constant = size(r, "uncorrected", noise="constant")
    lab.figures.seeds(axes[0], constant, x="t", hue="beta", log="xy")
    for beta in constant.beta:
        axes[0].plot(constant.t, law(constant).sel(beta=beta), color="black", linestyle=":", linewidth=1, zorder=5)
    axes[0].set(title="Constant gradient: how much too long each step is, by β (dotted: 1/√(1−βᵗ))", xlabel="step t")
    axes[0].set(ylabel="step / learning rate")
    length = arms(r.network.length).sel(beta=0.99, log10_rate=-3)
    lab.figures.seeds(axes[1], length, x="step", hue="arm", log="xy")
    axes[1].set(title="Classifier, β = 0.99, rate 0.001: the first step is ten times too long", xlabel="step")
    axes[1].set(ylabel="length of the step")
    for ax, rate, title in (
        (axes[2], -1.5, "rate 0.03: long first steps harm"),
        (axes[3], -3.0, "rate 0.001: they help"),
    ):
        curve = loss(r).sel(beta=0.99, log10_rate=rate)
        lab.figures.seeds(ax, curve, x="step", hue="arm", log="x")
        ax.set(title=f"β = 0.99, {title}", xlabel="step", ylabel="batch loss, nats")
    lab.figures.dots(axes[4], early(r).sel(beta=0.99), x="log10_rate", hue="arm")
    axes[4].set(title="β = 0.99, early (steps 2 to 10), by learning rate", xlabel="log₁₀ of the learning rate")
    axes[4].set(ylabel="nats, at most log 10")
    for ax, beta in ((axes[5], 0.99), (axes[6], 0.999)):
        lab.figures.dots(ax, 10 ** late(r).sel(beta=beta), x="log10_rate", hue="arm", log="y")
        ax.set(title=f"β = {beta:g}, at the end", xlabel="log₁₀ of the learning rate")
        ax.set(ylabel="nats, at most log 10")
    lab.figures.dots(axes[7], arms(r.network.dead).sel(beta=0.999), x="log10_rate", hue="arm")
    axes[7].set(title="β = 0.999: units left dead", xlabel="log₁₀ of the learning rate", ylabel="share of dead units")
    return figure


EXPERIMENT = lab.Experiment(
    __doc__,
    studies={
        "steps": lab.Study(
            stepping, {"beta": BETAS, "noise": {"constant": 0.0, "noisy": 3.0}, "coordinates": 16, "steps": 2000},
            dims={"size": ("t", "arm")},
        ),
        "network": lab.Study(
            classifying,
            {"beta": BETAS, "log10_rate": RATES, "width": 24, "batch": 32, "steps": 400, "dataset": "digits"},
            data=images.load,
            dims={"loss": ("arm",), "length": ("arm",), "accuracy": ("arm",), "dead": ("arm",)},
        ),
    },
    predictions=PREDICTIONS,
    draw=draw,
    presets={
        "quick": {
            "seeds": 4, "steps.steps": 200, "network.log10_rate": (-4.0, -3.0, -2.0, -1.5), "network.width": 8,
            "network.steps": 30,
        },
        "full": {
            "seeds": 32, "dataset": "fashion_mnist", "network.width": 256, "network.batch": 128,
            "network.steps": 10_000,
        },
    },
)  # fmt: skip

if __name__ == "__main__":
    lab.main(__file__)
