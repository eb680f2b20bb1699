"""Does Newton's method need far fewer steps than gradient descent, and what does a step of it cost?

Sources: cs182 3.2 (O(n) against O(n³)); ee147 first vs second order (no learning rate; memory, time and batch; damping;
quasi-Newton methods); dlbook 1.3 (condition number, (4.10)); Nocedal & Wright, Numerical Optimization, 2nd edition,
sections 3.3 and 6.1. All in float64.

A run on a quadratic ends when the distance to the minimum is a millionth of what it was; on Rosenbrock's function at a
gradient of 1e-5, on digits at 1e-8. "Digits" is softmax regression with ½λ‖θ‖² added: digits can be separated, and
cross-entropy alone then has no minimum. Descent and Nesterov's method have there the best constant rates that theory
offers for bounds on the curvature that are computed from the data; the others a line search.

After the first standard run a hundred gradients are timed in place of one, which is over before its call is: in that
run both exponents of `cheap_step` were supported, in a second one inconclusive. Later the law of descent's contraction
was judged on both sides and from κ = 10 on, before only where it was exceeded, and times were repeated 16 times, not
12, as 12 cannot pass Holm's correction over all predictions. No margin was moved.
"""

import newton_trials as trials
import numpy as np
import xarray as xr

from dlnotes import lab
from dlnotes.data import images

PUBLISHED = {"descent": 5264, "BFGS": 34, "Newton": 21}


def named(array: xr.DataArray, names: tuple[str, ...]) -> xr.DataArray:
    """The same, its methods called by name."""
    return array.assign_coords(solver=list(names))


def fewer(array, many, few):
    """log₁₀ of how many times more steps, or seconds, `many` takes than `few`."""
    return np.log10(array.sel(solver=many, drop=True) / array.sel(solver=few, drop=True))


def on_quadratic(r, *names, up_to=1e6):
    """Steps of some methods on quadratics with κ from 10 to `up_to`."""
    return named(r.quadratic.steps, trials.QUADRATIC).sel(solver=list(names), condition=slice(10, up_to))


def step_exponent(steps):
    return lab.exponent(steps.squeeze("solver"), steps.condition)


def on_rosenbrock(r, spread):
    return named(r.rosenbrock.steps, trials.ROSENBROCK).sel(spread=spread, drop=True)


def left_at_saddle(r, start, *names):
    """Share of the starts still at the saddle at the end, for the worst of some methods."""
    return named(r.saddle.at_saddle, trials.SADDLE).isel(step=-1).sel(width=start, solver=list(names)).max("solver")


def batch_penalty(r, place):
    """log₁₀ of the relative error of a Newton step over that of the gradient, both from the same 32 examples."""
    return np.log10(r.small_batch.newton_error / r.small_batch.gradient_error).sel(batch=32, descended=place)


def time_exponent(study, **where):
    seconds = study.seconds.sel(where, drop=True)
    return lab.exponent(seconds, seconds.n)


def memory_exponent(study):
    """Of XLA's byte count: exact, so the same in every repeat."""
    return lab.exponent(study.bytes, study.n) + 0 * study.seconds.isel(n=0, drop=True)


NW, EE147, CS182 = "Nocedal & Wright", "ee147 first vs second order", "cs182 3.2"
TWICE = float(np.log10(2))

# Tolerances. Contraction of descent: rounding, below 1e-9 at κ = 1e6. Heavy ball: k·rᵏ in place of rᵏ makes the factor
# 1000 up to log 2/log 1000 = 10 % slower and adds less than 0.1 to the exponent. Exponents of time: nearer to this
# whole number than to any other. Iterations: a factor of 2, as the line searches of the book are not known. Shares:
# three standard errors of 16 × 512 starts, or one start in a hundred.
PREDICTIONS = (
    lab.Equivalent(
        "newton_one_step", "Newton minimizes a quadratic in one step for every κ from 10 to 1e6 (most steps)",
        lambda r: on_quadratic(r, "Newton").max(("solver", "condition")), source=EE147, target=1, within=0.5,
    ),
    lab.Equivalent(
        "descent_contraction",
        "in the worst direction a step of descent keeps (κ−1)/(κ+1) of the error (1 − measured over 1 − law, κ ≥ 10)",
        lambda r: lab.farthest(
            ((1 - r.quadratic.descent_contraction) * (r.quadratic.condition + 1) / 2).sel(condition=slice(10, None)),
            1, "condition",
        ),
        source=f"{NW}, section 3.3", target=1, within=1e-6,
    ),
    lab.Equivalent(
        "heavy_ball_contraction",
        "in the long run a step of the heavy ball keeps (√κ−1)/(√κ+1) (log of it over log of the law, κ ≥ 10)",
        lambda r: (np.log(r.quadratic.heavy_ball_contraction) / np.log(1 - 2 / (r.quadratic.condition**0.5 + 1)))
        .sel(condition=slice(10, None)).mean("condition"), source="Polyak 1964", target=1, within=0.1,
    ),
    lab.Equivalent(
        "descent_steps", "steps of descent grow like κ from 10 to 1e4 (exponent)",
        lambda r: step_exponent(on_quadratic(r, "descent", up_to=1e4)),
        source=f"{NW}, section 3.3", target=1, within=0.05,
    ),
    lab.Equivalent(
        "heavy_ball_steps", "steps of the heavy ball grow like √κ from 10 to 1e6 (exponent)",
        lambda r: step_exponent(on_quadratic(r, "heavy ball")),
        source="Polyak 1964", target=0.5, within=0.1,
    ),
    lab.Less(
        "n_steps_suffice", "with exact steps BFGS and conjugate gradients need at most n, κ ≤ 1e4 (most steps − n − 1)",
        lambda r: on_quadratic(r, "BFGS", "conjugate gradients", up_to=1e4)
        .max(("solver", "condition"), skipna=False) - r.quadratic.attrs["n"] - 1, source=EE147,
    ),
    *(
        lab.Equivalent(
            f"published_{name.lower()}", f"{name} takes {count} iterations on Rosenbrock's function (log₁₀ of ratio)",
            lambda r, name=name, count=count: np.log10(on_rosenbrock(r, "published").sel(solver=name) / count),
            source=f"{NW}, section 6.1", within=TWICE,
        )
        for name, count in PUBLISHED.items()
    ),
    lab.Greater(
        "fewer_on_rosenbrock", "from random starts descent takes over 10 times the iterations of BFGS (log₁₀)",
        lambda r: fewer(on_rosenbrock(r, "random"), "descent", "BFGS"), source=f"{NW}, section 6.1", margin=1,
    ),
    lab.Greater(
        "fewer_than_bfgs", "from random starts BFGS takes more iterations than Newton (log₁₀)",
        lambda r: fewer(on_rosenbrock(r, "random"), "BFGS", "Newton"), source=f"{NW}, section 6.1",
    ),
    lab.Greater(
        "fewer_on_digits", "on digits descent takes over 100 times Newton's steps (log₁₀)",
        lambda r: fewer(named(r.digits.steps, trials.DIGITS), "descent", "Newton"), source=CS182, margin=2,
    ),
    lab.Equivalent(
        "no_learning_rate_near", "on digits Newton with step 1 arrives from θ ~ N(0, 0.01²) (share)",
        lambda r: r.digits.unit_step_arrives.isel(scale=0), source=EE147, target=1, within=0.05,
    ),
    lab.Equivalent(
        "no_learning_rate_far", "on digits Newton with step 1 arrives from θ ~ N(0, 1) too (share)",
        lambda r: r.digits.unit_step_arrives.isel(scale=1), source=EE147, target=1, within=0.05,
    ),
    lab.Equivalent(
        "newton_time", "the time of a Newton step grows like n³, n ≥ 512 (exponent)",
        lambda r: time_exponent(r.newton_step, n=slice(512, None)), source=f"{CS182}; {EE147}", target=3, within=0.5,
    ),
    lab.Equivalent(
        "newton_memory", "its memory grows like n² (exponent)",
        lambda r: memory_exponent(r.newton_step), source=EE147, target=2, within=0.05,
    ),
    lab.Equivalent(
        "gradient_time", "the time of a gradient grows like n (exponent)",
        lambda r: time_exponent(r.cheap_step, solver="gradient"), source=CS182, target=1, within=0.5,
    ),
    lab.Equivalent(
        "product_time", "that of a Hessian-vector product grows like n too (exponent)",
        lambda r: time_exponent(r.cheap_step, solver="Hessian-vector product"), source=EE147, target=1, within=0.5,
    ),
    lab.Greater(
        "newton_cg_faster", "on digits plain Newton takes over twice the seconds of Newton–CG (log₁₀)",
        lambda r: fewer(r.solving.seconds, "Newton", "Newton–CG"), source=EE147, margin=TWICE,
    ),
    lab.Greater(
        "lbfgs_faster", "on digits plain Newton takes over twice the seconds of L-BFGS (log₁₀)",
        lambda r: fewer(r.solving.seconds, "Newton", "L-BFGS"), source=EE147, margin=TWICE,
    ),
    lab.Greater(
        "too_expensive", "on digits plain Newton takes more seconds even than plain descent (log₁₀)",
        lambda r: fewer(r.solving.seconds, "Newton", "descent"), source=CS182,
    ),
    lab.Greater(
        "large_batch_at_start", "near 0 a batch of 32 estimates Newton's step twice as badly as the gradient (log₁₀)",
        lambda r: batch_penalty(r, "start"), source=EE147, margin=TWICE,
    ),
    lab.Greater(
        "large_batch_later", "so it does after 50 steps of descent (log₁₀)",
        lambda r: batch_penalty(r, "later"), source=EE147, margin=TWICE,
    ),
    lab.Greater(
        "small_batch_harms", "after 50 steps of descent a Newton step from 32 examples raises the loss over all",
        lambda r: r.small_batch.loss_change.sel(batch=32, descended="later"), source=EE147,
    ),
    lab.Equivalent(
        "drawn_to_the_saddle", "undamped Newton ends at the saddle from 1/√5 of the starts, its basin there (share)",
        lambda r: left_at_saddle(r, "around", "Newton"), source=EE147, target=5**-0.5, within=0.03,
    ),
    lab.Equivalent(
        "others_leave", "descent, momentum, noise and damped Newton all leave the saddle (largest share left)",
        lambda r: left_at_saddle(r, "around", "descent", "momentum", "noisy descent", "damped Newton"),
        source=EE147, within=0.01,
    ),
    lab.Equivalent(
        "momentum_leaves_the_ridge", "momentum leaves the saddle even from the ridge x₁ = 0 (share left)",
        lambda r: left_at_saddle(r, "ridge", "momentum"), source="cs182 3.1 and 3.3", within=0.01,
    ),
    lab.Equivalent(
        "noise_leaves_the_ridge", "noise in the gradient leaves it from there (share left)",
        lambda r: left_at_saddle(r, "ridge", "noisy descent"), source="cs182 3.1 and 3.3", within=0.01,
    ),
)  # fmt: skip


def draw(r):
    figure, axes = lab.figures.panels(9)
    draw_steps(r, axes[:4])
    draw_costs(r, axes[4:6])
    draw_saddle(r, axes[6:8])
    errors = r.small_batch[["newton_error", "gradient_error"]].sel(descended="later").to_dataarray("estimate")
    lab.figures.dots(axes[8], errors, x="batch", hue="estimate", labels=("Newton step", "gradient"), log="xy")
    axes[8].set(title="From a batch: which is known better?", xlabel="examples in the batch", ylabel="relative error")
    return figure


def draw_steps(r, axes):
    """Convergence and numbers of steps, on quadratics, Rosenbrock's function and digits."""
    some = ["descent", "heavy ball", "conjugate gradients", "Newton"]
    error = named(r.quadratic.error, trials.QUADRATIC).sel(condition=100.0, solver=some)
    lab.figures.seeds(axes[0], error.clip(1e-6), x="iteration", hue="solver", log="y")
    axes[0].set(title="Quadratic, κ = 100: Newton needs one step", xlabel="step", ylabel="distance to the minimum")
    kappa = r.quadratic.condition
    lab.figures.dots(axes[1], on_quadratic(r, *some), x="condition", hue="solver", log="xy")
    axes[1].plot(kappa, 6 * kappa, kappa, 11 * kappa**0.5, color="black", linewidth=0.8, linestyle=":")
    cap = r.quadratic.attrs["cap"]
    axes[1].axhline(cap, color="black", linewidth=0.8)
    axes[1].text(10, cap * 1.3, f"no more than {cap:,} were taken", fontsize=8)
    axes[1].set(
        title="Steps; dotted: like κ, like √κ", xlabel="condition number κ", ylabel="steps", ylim=(0.5, 10 * cap)
    )
    lab.figures.dots(axes[2], named(r.rosenbrock.steps, trials.ROSENBROCK), x="solver", hue="spread", log="y")
    at = [trials.ROSENBROCK.index(name) for name in PUBLISHED]
    axes[2].plot(at, list(PUBLISHED.values()), "x", color="black", markersize=9, label="in the book", zorder=4)
    axes[2].legend(fontsize=8, frameon=False)
    axes[2].set(title="Rosenbrock's function: about as published", xlabel="", ylabel="iterations")
    gradient = named(r.digits.gradient, trials.DIGITS).clip(1e-8)
    lab.figures.seeds(axes[3], gradient, x="iteration", hue="solver", log="y")
    axes[3].set(title="Digits: Newton takes the fewest steps …", xlabel="step", ylabel="length of the gradient")
    axes[2].tick_params(axis="x", rotation=30)


def draw_costs(r, axes):
    """Seconds to solve, and seconds of a step against n."""
    lab.figures.dots(axes[0], r.solving.seconds, x="solver", log="y")
    axes[0].set(title="… but not the fewest seconds", xlabel="", ylabel="seconds to a gradient of 1e-8")
    axes[0].tick_params(axis="x", rotation=30)
    cost = [r.newton_step.seconds.expand_dims(solver=["Newton"])]
    cost += [r.cheap_step.seconds.sel(solver=[name]) / trials.REPEATED for name in r.cheap_step.solver.values]
    for i, (seconds, power) in enumerate(zip(cost, (3, 1, 1), strict=True)):
        lab.figures.dots(axes[1], seconds, x="n", hue="solver", log="xy", colors=lab.figures.PALETTE[i:])
        law = float(seconds.isel(n=-1).median()) * (seconds.n / seconds.n[-1]) ** power
        axes[1].plot(seconds.n, law, color="black", linewidth=0.8, linestyle=":")
    ends = (int(cost[0].n[0]), int(cost[0].n[-1]), int(cost[1].n[-1]))
    axes[1].set_xticks(ends, [f"{n:,}" for n in ends])
    axes[1].set(title="One step; dotted: like n³, like n", xlabel="parameters n", ylabel="seconds")


def draw_saddle(r, axes):
    """Some paths around the saddle, and how many end there."""
    across, along = np.meshgrid(np.linspace(-1.6, 1.6, 65), np.linspace(-1.1, 1.1, 45))
    height = across**4 / 4 - across**2 / 2 + along**2 / 2
    axes[0].contour(across, along, height, levels=12, colors="black", alpha=0.25, linewidths=0.6)
    near = {"width": "around", "seed": 0}
    begin = r.saddle.begin.sel(near)
    for i, name in enumerate(("descent", "momentum", "Newton")):
        path = named(r.saddle.path, trials.SADDLE).sel(near | {"solver": name}).isel(step=slice(40))
        for k in range(path.sizes["shown"]):
            x, y = np.concatenate([begin[[k]], path.isel(shown=k).transpose("step", "coordinate")]).T
            color, label = lab.figures.PALETTE[i], None if k else name
            axes[0].plot(x, y, ".-", markersize=3, linewidth=0.8, color=color, label=label)
    axes[0].set(title="A saddle at (0, 0): who is drawn in?", xlim=(-1.6, 1.6), ylim=(-1.1, 1.1))
    axes[0].set(xlabel="x₁ (minima at ±1)", ylabel="x₂")
    axes[0].legend(fontsize=8, frameon=False)
    lab.figures.dots(axes[1], named(r.saddle.at_saddle, trials.SADDLE).isel(step=-1), x="solver", hue="width")
    axes[1].set(title="Left there: 1/√5 of undamped Newton's starts", xlabel="", ylabel="share left at the saddle")
    axes[1].tick_params(axis="x", rotation=30)


EXPERIMENT = lab.Experiment(
    __doc__,
    studies={
        "quadratic": lab.Study(
            trials.quadratic,
            {"condition": (1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6), "n": 20, "cap": 80_000, "curve": 60},
            dims={"steps": ("solver",), "error": ("solver", "iteration")},
        ),
        "rosenbrock": lab.Study(
            trials.rosenbrock, {"spread": {"published": 0.001, "random": 1.0}, "cap": 20_000},
            dims={"steps": ("solver",), "gradients": ("solver",)},
        ),
        "digits": lab.Study(
            trials.digits,
            {"pixels": 4, "examples": 256, "penalty": 0.01, "cap": 20_000, "curve": 200, "dataset": "digits"},
            data=images.load,
            dims={"steps": ("solver",), "gradient": ("solver", "iteration"), "unit_step_arrives": ("scale",)},
        ),
        "small_batch": lab.Study(
            trials.small_batch, {
                "batch": (8, 32, 128, 512), "descended": {"start": 0, "later": 50}, "examples": 512, "pixels": 4,
                "penalty": 0.01, "dataset": "digits",
            },
            data=images.load,
        ),
        "saddle": lab.Study(
            trials.saddle, {"width": {"around": 1.0, "ridge": 0.0}, "starts": 512, "steps": 200, "shown": 4},
            dims={
                "at_saddle": ("solver",), "path": ("solver", "shown", "coordinate"), "begin": ("shown", "coordinate"),
            },
        ),
        "solving": lab.Cost(
            trials.solving,
            {"solver": trials.DIGITS, "pixels": 8, "examples": 400, "penalty": 0.01, "cap": 50_000},
        ),
        "newton_step": lab.Cost(trials.one_step, {"solver": "Newton", "n": (256, 512, 1024, 2048)}),
        "cheap_step": lab.Cost(
            trials.one_step, {"solver": ("gradient", "Hessian-vector product"), "n": (2**12, 2**14, 2**16, 2**18)}
        ),
    },
    predictions=PREDICTIONS,
    draw=draw,
    presets={
        "quick": {
            "seeds": 4, "quadratic.condition": (1.0, 10.0, 100.0), "quadratic.n": 5, "quadratic.cap": 1000,
            "quadratic.curve": 20, "rosenbrock.cap": 500, "digits.pixels": 2, "digits.examples": 60, "digits.cap": 500,
            "digits.curve": 50, "small_batch.pixels": 2, "small_batch.examples": 64, "small_batch.batch": (8, 32),
            "saddle.starts": 64, "saddle.steps": 100, "solving.pixels": 2, "solving.examples": 60,
            "newton_step.n": (128, 512, 1024), "cheap_step.n": (256, 1024),
        },
        "full": {
            "seeds": 64, "quadratic.cap": 2_000_000, "quadratic.n": 50, "digits.examples": 1437, "digits.pixels": 8,
            "small_batch.pixels": 8, "newton_step.n": (512, 1024, 2048, 4096, 8192),
            "cheap_step.n": (2**18, 2**20, 2**22, 2**24),
        },
    },
    x64=True,
)  # fmt: skip

if __name__ == "__main__":
    lab.main(__file__)
