"""What does the temperature of a softmax do, and does a teacher's soft output make a small student better?

Sources: ee147 Softmax Classifier (T → ∞ is uniform, T → 0 gives all to the largest score; T is a change of base;
distillation reduces parameters, and T is important in it); Hinton, Vinyals & Dean 2015 (arXiv 1503.02531), sections 2
and 6: soft targets, logit matching at high T, soft targets as regularizers when examples are few.

"Laws" takes ten scores, standard normal times 3, in float64: H is the entropy, the gap the lead of the largest score.
In "distillation" the teacher, a ReLU network of 256 units (19,210 parameters), learns all 1437 training digits. A
student of 8 units (610 parameters) sees the first 50, 200 or all of them in a random order, in batches of 64 drawn with
replacement, for 1500 steps of Adam. It learns their labels; labels smoothed by 0.1; or the teacher's softmax at T, its
own scores divided by the same T. The usual factor T² is left out: Adam does not see it. Initial weights and batches
are the same in all arms.

After the first standard run the change of base is checked from T = 0.1 on: at 10⁻⁴ the base e^(1/T) overflows, which
had made it refuted.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from dlnotes import lab
from dlnotes.classical.linear_classifier import softmax
from dlnotes.data import images
from dlnotes.nn.mlp import MLP, parameter_count

TEACHER, STUDENT = 256, 8
EXAMPLES = (50, 200, 1437)


class Target(NamedTuple):
    """What a student learns: the label by this much, the teacher for the rest, at a temperature; all of it smoothed."""

    label: Array | float
    temperature: Array | float
    smoothing: Array | float


SOFT = {f"T = {t}": Target(0.0, float(t), 0.0) for t in (1, 2, 4, 8, 32)}
TARGETS = {"labels": Target(1.0, 1.0, 0.0), "smoothed": Target(1.0, 1.0, 0.1)} | SOFT


def entropy(scores: Array, temperature: Array) -> Array:
    """H = −Σ p log p, p = softmax at a temperature."""
    return -softmax(scores, temperature) @ jax.nn.log_softmax(scores / temperature)


def laws(key: Array, *, temperature: Array, draws: int, classes: int) -> lab.Trial:
    """Means over draws of how far a softmax is from its limits, and from the laws near them."""
    scores = 3.0 * jax.random.normal(key, (draws, classes))

    def one(row):
        p = softmax(row, temperature)
        spread = p @ row**2 - (p @ row) ** 2
        base = jnp.exp(1 / temperature) ** (row - row.max())
        h = entropy(row, temperature)
        return {
            "from_uniform": jnp.abs(p - 1 / classes).max(),
            "from_argmax": 1 - p.max(),
            "entropy": h,
            "flat_law": (jnp.log(classes) - h) * 2 * temperature**2 / jnp.var(row),
            "slope_error": jnp.abs(jax.grad(entropy, 1)(row, temperature) * temperature**3 - spread),
            "base_error": jnp.where(temperature < 0.1, 0.0, jnp.abs(p - base / base.sum()).max()),
        }

    def finish(_):
        each = jax.vmap(one)(scores)
        return {name: value.mean() for name, value in each.items()}

    return lab.Trial(lambda: jnp.zeros(()), finish=finish)


def train(k_init: Array, k_batches: Array, net: MLP, x: Array, loss, size, batch: int, steps: int) -> dict:
    """Adam on batches of the first `size` rows; `loss` takes outputs and the rows' indices."""
    optimizer = optax.adam(optax.cosine_decay_schedule(0.01, steps))

    def step(carry, t):
        params, state = carry
        chosen = lab.minibatch(k_batches, t, size, batch)
        gradient = jax.grad(lambda params: loss(net.apply(params, x[chosen]), chosen))(params)
        updates, state = optimizer.update(gradient, state, params)
        return (optax.apply_updates(params, updates), state), None

    params = net.init(k_init, x[:2])
    return jax.lax.scan(step, (params, optimizer.init(params)), jnp.arange(steps))[0][0]


def distillation(
    key: Array, data: images.Images, *, batch: int, teaching: int, steps: int, dataset: str = "digits"
) -> lab.Trial:
    """Test errors of a teacher, and of a student for each number of examples and each target."""
    keys = lab.streams(key, "order", "teacher", "teaching", "student", "batches")
    k_order, k_teacher, k_teaching, k_student, k_batches = keys
    order = jax.random.permutation(k_order, len(data.train_labels))
    x, labels = jnp.asarray(data.train_images)[order], jnp.asarray(data.train_labels)[order]
    nets = {width: MLP(2, width, outputs=10) for width in (TEACHER, STUDENT)}
    targets = jax.tree.map(lambda *leaves: jnp.array(leaves, jnp.float32), *TARGETS.values())
    sizes = jnp.minimum(jnp.array(EXAMPLES), len(labels))

    def error(width, params):
        return (nets[width].apply(params, data.test_images).argmax(1) != data.test_labels).mean(dtype=jnp.float32)

    def finish(_):
        def hard(outputs, chosen):
            return optax.softmax_cross_entropy_with_integer_labels(outputs, labels[chosen]).mean()

        taught = train(k_teacher, k_teaching, nets[TEACHER], x, hard, len(labels), batch, teaching)
        known = nets[TEACHER].apply(taught, x)

        def student(size, target):
            soft = softmax(known, target.temperature)
            wanted = target.label * jax.nn.one_hot(labels, 10) + (1 - target.label) * soft
            wanted = (1 - target.smoothing) * wanted + target.smoothing / 10

            def loss(outputs, chosen):
                return optax.softmax_cross_entropy(outputs / target.temperature, wanted[chosen]).mean()

            return error(STUDENT, train(k_student, k_batches, nets[STUDENT], x, loss, size, batch, steps))

        errors = jax.vmap(lambda size: jax.vmap(lambda target: student(size, target))(targets))(sizes)
        numbers = [jnp.asarray(parameter_count(nets[width].init(key, x[:2])), jnp.float32) for width in nets]
        return {"student_error": errors, "teacher_error": error(TEACHER, taught), "parameters": jnp.stack(numbers)}

    return lab.Trial(lambda: jnp.zeros(()), finish=finish)


def errors(r):
    return r.distillation.student_error.assign_coords(examples=list(EXAMPLES), target=list(TARGETS))


def gain(r, examples, soft="T = 4", other="labels"):
    """Test error of a student with other targets over that with soft ones."""
    error = errors(r).sel(examples=examples, drop=True)
    return error.sel(target=other, drop=True) - error.sel(target=soft, drop=True)


NOTES, HINTON = "ee147 Softmax Classifier", "Hinton, Vinyals & Dean 2015"

# Tolerances of the laws. Limits: 1 − max p is about T/2 for such scores; p differs from uniform by a/(cT), below 1e-3
# for T = 1e4. Entropy near uniform: the next term is of order 1/T. Identities: rounding, times T³. Of errors: one or
# two test images in a hundred, as said; 0.005 is two images.
PREDICTIONS = (
    lab.Equivalent(
        "hot_is_uniform", "T = 10⁴: every class has 1/c (largest difference)",
        lambda r: r.laws.from_uniform.sel(temperature=1e4, drop=True), source=NOTES, within=0.001,
    ),
    lab.Equivalent(
        "cold_is_argmax", "T = 10⁻⁴: the largest score has it all (what the others have)",
        lambda r: r.laws.from_argmax.sel(temperature=1e-4, drop=True), source=NOTES, within=0.001,
    ),
    lab.Equivalent(
        "near_uniform", "T = 10⁴: the entropy is log c − Var(a)/2T² (what it lacks, over the law)",
        lambda r: r.laws.flat_law.sel(temperature=1e4, drop=True), source="second order in 1/T", target=1, within=0.01,
    ),
    lab.Equivalent(
        "entropy_rises", "0.1 ≤ T ≤ 100: dH/dT = Var_p(a)/T³, so that H always rises (largest error, times T³)",
        lambda r: r.laws.slope_error.sel(temperature=slice(0.1, 100)).max("temperature"),
        source="calculus", within=1e-6,
    ),
    lab.Equivalent(
        "change_of_base", "T ≥ 0.1: softmax at T is (e^(1/T))ᵃ over its sum, another base (largest error over T)",
        lambda r: r.laws.base_error.sel(temperature=slice(0.1, None)).max("temperature"), source=NOTES, within=1e-9,
    ),
    lab.Greater(
        "soft_helps_with_50", "50 images: the student errs less with soft targets, T = 4, by two in a hundred or more",
        lambda r: gain(r, 50), source=HINTON, margin=0.02,
    ),
    lab.Greater(
        "soft_helps_with_200", "200 images: by one in a hundred or more", lambda r: gain(r, 200), source=HINTON,
        margin=0.01,
    ),
    lab.Greater(
        "soft_helps_with_all", "all 1437 images: the student errs less with soft targets than with labels",
        lambda r: gain(r, 1437), source=NOTES,
    ),
    lab.Greater(
        "helps_most_when_few", "soft targets are worth more with 50 images than with all",
        lambda r: gain(r, 50) - gain(r, 1437), source=f"{HINTON}, section 6",
    ),
    lab.Greater(
        "temperature_matters", "50 images: the student errs less at T = 4 than at T = 1, by 0.005 or more",
        lambda r: gain(r, 50, other="T = 1"), source=NOTES, margin=0.005,
    ),
    lab.Greater(
        "not_only_smoothing", "50 images: at T = 4 it errs less than with smoothed labels, by one in a hundred or more",
        lambda r: gain(r, 50, other="smoothed"), source="the teacher knows which classes are alike", margin=0.01,
    ),
    lab.Less(
        "fewer_parameters", "all images, T = 4: the student errs less than two in a hundred more than its teacher",
        lambda r: errors(r).sel(examples=1437, target="T = 4", drop=True) - r.distillation.teacher_error - 0.02,
        source=NOTES,
    ),
)  # fmt: skip


def draw(r):
    figure, axes = lab.figures.panels(4)
    lab.figures.seeds(axes[0], r.laws.entropy, x="temperature", log="x")
    axes[0].axhline(np.log(r.laws.attrs["classes"]), color="black", linewidth=0.8, linestyle=":")
    axes[0].set(
        title="Entropy rises from 0 (all to one class) to log 10 (dotted: uniform)", xlabel="temperature T",
        ylabel="entropy, nats",
    )  # fmt: skip
    found = errors(r)
    for ax, examples in zip(axes[1:], EXAMPLES, strict=True):
        lab.figures.dots(ax, found.sel(examples=examples, drop=True), x="target")
        teacher = float(r.distillation.teacher_error.mean())
        ax.axhline(teacher, color="black", linewidth=0.8, linestyle=":")
        ax.set(
            title=f"Student with {examples} images, by what it learns (dotted: teacher)", xlabel="", ylabel="test error"
        )
    return figure


EXPERIMENT = lab.Experiment(
    __doc__,
    studies={
        "laws": lab.Study(
            laws, {"temperature": (1e-4, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0, 1e4), "draws": 1000, "classes": 10}
        ),
        "distillation": lab.Study(
            distillation, {"batch": 64, "teaching": 800, "steps": 1500, "dataset": "digits"},
            data=images.load, dims={"student_error": ("examples", "target"), "parameters": ("network",)},
        ),
    },
    predictions=PREDICTIONS,
    draw=draw,
    presets={
        "quick": {"seeds": 4, "laws.draws": 100, "distillation.teaching": 100, "distillation.steps": 100},
        "full": {"seeds": 64, "distillation.teaching": 5000, "distillation.steps": 10_000},
    },
    x64=True,
)  # fmt: skip
