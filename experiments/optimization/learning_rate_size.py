"""How large may a learning rate be, what does a small one cost, and does letting it fall reach a lower loss?

Sources: ee147 Optimizing Gradient Descent, and its section on gradients (too large overshoots and may not converge, too
small is slow; large at first, small later); lectures Stochastic Gradient Descent; formulas 2.4.7; Polyak 1964; Cohen et
al. 2021 (arXiv 2103.00065); Lewkowycz et al. 2020 (arXiv 2003.02218).

λmax is the largest eigenvalue of the loss's Hessian, its sharpest curvature. On a quadratic descent diverges from the
rate 2/λmax on, with momentum α from 2(1 + α)/λmax on. A network's curvature changes while it learns, so 2/λmax of its
start is a guess. There: tanh, two hidden layers of 16 units, squared error, descent on all of 128 digits, 1000 steps.
It has diverged when its loss reaches 10⁴ times that at the start; it has trained if at the end the loss is below that
at the start. λmax·ε/2 is 1 where a quadratic would begin to diverge.

Schedules: a ReLU classifier of two hidden layers of 24 units and 800 batches of 16 digits for every schedule, each at
its own best first rate of a grid in steps of a quarter of a decade (the lowest mean over seeds of log training loss).
Over T steps 1/(1 + rt) ends at a tenth of its first rate and exponential at a hundredth, staircase falls to a quarter
three times, linear to a hundredth at τ = 0.8 T, k/√t has k = 1, "on plateau" takes 0.3 of the rate when the mean of
T/30 batch losses is twice no better than its best, warm-up takes a tenth. Not finite or above log 10 counts as log 10.
"Noisy quadratic" has noise N(0, 1) in its gradients: a constant rate cannot come below a floor.

After the first standard run (600 steps; refuted: the edge on raw pixels, at 0.43, and 2/λmax as a network's limit) both
studies of networks were made longer. Centered pictures were added, with their prediction, since Cohen et al. normalize
theirs: the mean picture alone makes up most of λmax at the start on raw pixels, and that part of it need not rise. The
grid of first rates had steps of √10 and its best rates stood beside failing ones; it is finer now.
"""

import learning_rate_trials as trials
import numpy as np

from dlnotes import lab
from dlnotes.data import images

NAMES = trials.SCHEDULES


def threshold_over_law(r):
    """Largest stable rate over 2(1 + α)/λmax, less 1, for each momentum: the worst κ."""
    found = r.threshold.largest_rate
    error = found * found.condition / (2 * (1 + found.momentum)) - 1
    return abs(error).max("condition", skipna=False)


def slowness(r):
    """log₁₀ of the steps that a tenth of the rate costs, over those of the rate."""
    needed = np.log10(r.contraction.steps_needed)
    return needed.sel(share=0.01, drop=True) - needed.sel(share=0.1, drop=True)


def floor(noisy):
    """Mean loss over the last quarter of the steps."""
    return noisy.isel(step=slice(-max(noisy.sizes["step"] // 4, 1), None)).mean("step", skipna=False)


def floor_over_law(r):
    """log of the floor over Σᵢ ½ε/(2 − ελᵢ), its law for noise of variance 1, at a constant tenth of 2/λmax."""
    condition, n = r.noisy.attrs["condition"], r.noisy.attrs["n"]
    rate = 0.1 * 2 / condition
    law = np.sum(0.5 * rate / (2 - rate * condition ** np.linspace(0, 1, n)))
    return np.log(floor(r.noisy.loss.sel(schedule="constant", share=0.1, drop=True)) / law)


def below_floor(r):
    """log₁₀ of the best constant rate's loss over that of the schedule that gains least; noisy quadratic."""
    loss = np.log10(floor(r.noisy.loss))
    constant = tuned(loss.sel(schedule="constant", drop=True), "share")
    others = [constant - tuned(loss.sel(schedule=name, drop=True), "share") for name in NAMES[1:]]
    return min(others, key=lambda gain: float(gain.mean()))


def trained(r):
    """Whether a network ends below the loss that it began with."""
    ending = r.edge.loss.isel(step=-1, drop=True)
    return (~r.edge.diverged.astype(bool) & (ending < r.edge.first_loss)).sel(centered="raw", drop=True)


def first_failure(r):
    """log₂ of the lowest rate that does not train, over 2/λmax of the start; none of the grid: twice the largest."""
    shares = r.edge.share
    failed = shares.where(~trained(r)).min("share").fillna(2 * float(shares.max()))
    return np.log2(failed)


def edge(r, pictures):
    """λmax·ε/2 over the last quarter of the steps, at half of 2/λmax of the start."""
    sharp = r.edge.sharpness.sel(share=0.5, centered=pictures, drop=True)
    return sharp.isel(step=slice(-max(sharp.sizes["step"] // 4, 1), None)).mean("step", skipna=False)


def tuned(log_loss, dim):
    """The loss at the setting with the lowest mean over seeds."""
    return lab.at_best(log_loss, log_loss, dim)


def training_loss(r):
    """Nats over the whole training set, at most those of knowing nothing."""
    loss = r.network.training_loss
    return loss.where(np.isfinite(loss), np.log(10)).clip(max=np.log(10))


def gain(r, name):
    """log₁₀ of the loss at the best constant rate over that of a schedule at its best."""
    loss = np.log10(training_loss(r).isel(step=-1, drop=True))
    constant, other = (tuned(loss.sel(schedule=which, drop=True), "log10_rate") for which in ("constant", name))
    return constant - other


EE147, FORMULAS, LECTURES = (
    "ee147 Optimizing Gradient Descent",
    "formulas 2.4.7",
    "lectures Stochastic Gradient Descent",
)
QUADRATIC = "theory: |1 − ελ| < 1"
SOURCES = dict(zip(NAMES[1:], (FORMULAS, FORMULAS, FORMULAS, FORMULAS, LECTURES, EE147, EE147), strict=True))

# Tolerances. Thresholds: at κ = 100 a rate beyond by δ grows like (1 + 2δ)ᵗ; over 500 steps that outweighs what shrinks
# elsewhere from δ = 0.001 on. Floors: 16 seeds of 10 coordinates over thousands of steps leave 2 % of chance. Network
# rates: half of log₂ 2, the grid's step is about log₂ 1.4. Edge: Cohen et al. see it hover just above 1.
PREDICTIONS = (
    lab.Equivalent(
        "threshold", "quadratics diverge from 2/λmax on (largest relative error over κ)",
        lambda r: threshold_over_law(r).sel(momentum=0.0, drop=True), source=f"{EE147}; {QUADRATIC}", within=0.005,
    ),
    lab.Equivalent(
        "threshold_with_momentum", "with momentum 0.5 or 0.9 from 2(1 + α)/λmax on (largest relative error)",
        lambda r: threshold_over_law(r).sel(momentum=[0.5, 0.9]).max("momentum"), source="Polyak 1964", within=0.005,
    ),
    lab.Equivalent(
        "contraction", "τ steps leave (1 − ελ)^τ of the error along each axis, below and above 2/λmax (largest error)",
        lambda r: r.contraction.error.max("share", skipna=False), source=QUADRATIC, within=1e-9,
    ),
    lab.Equivalent(
        "slow", "a rate ten times smaller takes ten times the steps (log₁₀)",
        slowness, source="ee147; theory: ln(1 − ελ) ≈ −ελ", target=1.0, within=0.02,
    ),
    lab.Equivalent(
        "noise_floor", "noisy quadratic: a constant rate ends at Σ ½ε/(2 − ελ), no lower (log of the ratio)",
        floor_over_law, source="theory: variance of a linear recursion", within=0.1,
    ),
    lab.Greater(
        "noisy_decay", "noisy quadratic: every schedule ends below the best constant rate (log₁₀, the least gain)",
        below_floor, source=f"{EE147}; {LECTURES}",
    ),
    lab.Equivalent(
        "network_below", "a network at 0.9 of 2/λmax of its start, or less, trains (share of seeds and rates)",
        lambda r: trained(r).sel(share=slice(None, 0.95)).mean("share"), source=QUADRATIC, target=1.0, within=0.02,
    ),
    lab.Equivalent(
        "network_as_quadratic", "a network diverges from 2/λmax of its start on (log₂ of the first rate that fails)",
        first_failure, source=f"{EE147}; {QUADRATIC}", within=0.5,
    ),
    lab.Greater(
        "network_above", "it trains at more than 1.5 times that rate: curvature gives way (log₂)",
        first_failure, source="Lewkowycz et al. 2020", margin=float(np.log2(1.5)),
    ),
    lab.Equivalent(
        "edge_from_below", "at half of 2/λmax curvature rises until λmax = 2/ε, raw pixels (λmax·ε/2 at the end)",
        lambda r: edge(r, "raw"), source="Cohen et al. 2021", target=1.0, within=0.2,
    ),
    lab.Equivalent(
        "edge_from_below_centered", "so it does on centered pictures (λmax·ε/2 at the end)",
        lambda r: edge(r, "centered"), source="Cohen et al. 2021", target=1.0, within=0.2,
    ),
    *(
        lab.Greater(
            f"decay_{name}", f"{which}: lower training loss than the best constant rate (log₁₀)",
            lambda r, which=which: gain(r, which), source=SOURCES[which],
        )
        for name, which in zip(
            ("inverse_time", "exponential", "inverse_sqrt", "staircase", "linear", "plateau", "warmup_cosine"),
            NAMES[1:], strict=True,
        )
    ),
)  # fmt: skip


def draw(r):
    figure, axes = lab.figures.panels(7)
    found = r.threshold.largest_rate
    ratio = found * found.condition / 2
    ratio = ratio.transpose("momentum", ...).rename(momentum="momentum α", condition="κ")
    lab.figures.dots(axes[0], ratio, x="momentum α", hue="κ")
    for place, alpha in enumerate(found.momentum.values):
        axes[0].hlines(1 + alpha, place - 0.45, place + 0.45, color="black", linestyle=":", linewidth=1)
    axes[0].set(title="Quadratics: the largest stable rate is (1 + α)·2/λmax (dotted)", ylabel="largest rate · λmax/2")
    needed = r.contraction.steps_needed.where(r.contraction.arrives)
    lab.figures.dots(axes[1], needed, x="share", log="y")
    axes[1].set(title="Quadratics, κ = 10: small rates are slow, beyond 2/λmax none arrives")
    axes[1].set(xlabel="learning rate, as a share of 2/λmax", ylabel="steps to a millionth of the error")
    draw_edge(r, axes[2:5])
    draw_schedules(r, axes[5:])
    return figure


def draw_edge(r, axes):
    """Which rates train the network, and how its curvature moves."""
    ending = (r.edge.loss.isel(step=-1) / r.edge.first_loss).drop_vars("step")
    lab.figures.dots(axes[0], ending, x="share", hue="centered", log="y")
    axes[0].axhline(1, color="black", linewidth=0.8)
    axes[0].set(title="A network trains above 2/λmax of its start, up to a point")
    axes[0].set(xlabel="learning rate, as a share of 2/λmax at the start", ylabel="last loss / first, at most 10⁴")
    for ax, pictures in zip(axes[1:], ("raw", "centered"), strict=True):
        sharp = r.edge.sharpness.where(~r.edge.diverged.astype(bool)).sel(centered=pictures, drop=True)
        lab.figures.seeds(ax, sharp.sel(share=slice(None, 1.6)), hue="share", log="y")
        ax.axhline(1, color="black", linestyle=":", linewidth=1)
        ax.set(title=f"Does curvature move to 2/ε (dotted)? {pictures.capitalize()} pictures", ylabel="λmax · ε/2")


def draw_schedules(r, axes):
    """Loss against the first rate, and over time at the best rates."""
    loss = training_loss(r)
    lab.figures.seeds(axes[0], loss.isel(step=-1, drop=True), x="log10_rate", hue="schedule", log="y")
    axes[0].set(title="Which first rates are good, by schedule", xlabel="log₁₀ of the first learning rate")
    axes[0].set(ylabel="training loss at the end, nats")
    last = loss.isel(step=-1, drop=True)
    best = np.log10(last).mean("seed").idxmin("log10_rate")
    lab.figures.dots(axes[1], last.sel(log10_rate=best, drop=True).drop_vars("log10_rate"), x="schedule", log="y")
    axes[1].set(title="Each schedule at its best first rate", xlabel="", ylabel="training loss at the end, nats")


SCHEDULES = {name: i for i, name in enumerate(NAMES)}

EXPERIMENT = lab.Experiment(
    __doc__,
    studies={
        "threshold": lab.Study(
            trials.threshold,
            {"condition": (10.0, 100.0), "momentum": (0.0, 0.5, 0.9), "n": 10, "steps": 1000, "halvings": 20},
        ),
        "contraction": lab.Study(
            trials.contraction,
            {"share": (0.01, 0.1, 0.5, 0.9, 0.99, 1.01, 1.1), "condition": 10.0, "n": 10, "steps": 50, "cap": 10_000},
        ),
        "noisy": lab.Study(
            trials.noisy,
            {"schedule": SCHEDULES, "share": (0.003, 0.01, 0.03, 0.1, 0.3), "condition": 10.0, "n": 10, "steps": 4000,
             "every": 100},
        ),
        "edge": lab.Study(
            trials.edge,
            {"share": (0.2, 0.5, 0.9, 1.1, 1.5, 2.0, 3.0, 4.0, 8.0), "centered": {"raw": 0.0, "centered": 1.0},
             "width": 16, "examples": 128, "steps": 1000, "every": 100, "lanczos": 12, "dataset": "digits"},
            data=images.load,
        ),
        "network": lab.Study(
            trials.network,
            {"schedule": SCHEDULES, "log10_rate": (-1.25, -1.0, -0.75, -0.5, -0.25, 0.0, 0.25), "width": 24,
             "batch": 16, "steps": 800, "every": 100, "dataset": "digits"},
            data=images.load,
        ),
    },
    predictions=PREDICTIONS,
    draw=draw,
    presets={
        "quick": {
            "seeds": 4, "threshold.steps": 200, "threshold.halvings": 8, "contraction.cap": 2000, "noisy.steps": 200,
            "noisy.every": 20, "edge.share": (0.2, 0.5, 0.9, 1.5, 4.0), "edge.width": 8, "edge.examples": 32,
            "edge.steps": 40, "edge.every": 10, "edge.lanczos": 6, "network.width": 8, "network.steps": 60,
            "network.every": 30, "network.log10_rate": (-1.0, 0.0),
        },
        "full": {
            "seeds": 64, "dataset": "fashion_mnist", "edge.width": 200, "edge.examples": 5000, "edge.steps": 10_000,
            "edge.every": 100, "edge.lanczos": 30, "network.width": 256, "network.batch": 64, "network.steps": 20_000,
            "network.every": 1000,
        },
    },
    x64=True,
)  # fmt: skip

if __name__ == "__main__":
    lab.main(__file__)
