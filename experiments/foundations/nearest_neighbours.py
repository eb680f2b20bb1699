"""Do more neighbours make the nearest-neighbour rule more robust to wrong labels, and what does a query cost?

Sources: ee147 k-Nearest Neighbors (nothing to train, memory and queries grow with the examples); ee147 Discussion:
Supervised Classification and Gradients (1-NN errs 0.1, 3-NN 0.072). Cover & Hart 1967 for the rule's errors.

"Votes" draws the labels of the neighbours themselves, independent of each other: the nearest is of the wrong class with
probability 0.1, all others with 0.2, 0.25 or 0.3. In the notes one of the three terms is printed without its factor 2:
one neighbour beside the first is wrong in two ways. A seed there is 20,000 queries.

"Digits" keeps a random 1,000 training images of a seed, gives a share of them a wrong label, each of the nine others
equally likely, and classifies the 360 test images, whose labels are right. Of equal votes the smallest class wins.
Queries are timed 64 at a time, in 64 numbers each, on 2¹³ to 2¹⁷ examples.

After the first standard run the law of one neighbour's error was given four standard errors as its tolerance, 0.02 in
place of 0.01; later it left out ρ = 0, where it says nothing.
"""

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array

from dlnotes import lab
from dlnotes.classical import neighbors
from dlnotes.data import images

NEIGHBOURS = (1, 3, 5, 15)
FIRST = 0.1  # how often the nearest neighbour is of the wrong class


def votes(key: Array, *, others: Array, queries: int) -> lab.Trial:
    """How often a vote of k is wrong, for each k, where each neighbour is wrong by its own chance."""
    chances = jnp.full(max(NEIGHBOURS), others).at[0].set(FIRST)

    def finish(_):
        uniform = jax.random.uniform(key, (queries * chances.size,)).reshape(queries, chances.size)
        wrong = (uniform < chances[None]).astype(int)  # class 1 is the wrong one
        return {"error": jnp.stack([neighbors.vote(wrong[:, :k], 2).mean(dtype=float) for k in NEIGHBOURS])}

    return lab.Trial(lambda: jnp.zeros(()), finish=finish)


def digits(key: Array, data: images.Images, *, noise: Array, examples: int, dataset: str = "digits") -> lab.Trial:
    """Test error of each k when a share `noise` of the training labels is wrong."""
    k_some, k_flip, k_label = lab.streams(key, "some", "flip", "label")
    some = jax.random.permutation(k_some, data.train_labels.shape[0])[:examples]
    labels = data.train_labels[some]
    wrong = (labels + jax.random.randint(k_label, labels.shape, 1, 10)) % 10
    labels = jnp.where(jax.random.uniform(k_flip, labels.shape) < noise, wrong, labels)

    def finish(_):
        known = neighbors.fit(jnp.reshape(data.train_images[some], (examples, -1)), labels)
        queries = jnp.reshape(jnp.asarray(data.test_images), (len(data.test_labels), -1))
        around = labels[neighbors.nearest(known, queries, max(NEIGHBOURS)).indices]
        found = jnp.stack([neighbors.vote(around[:, :k], 10) for k in NEIGHBOURS])
        return {"error": (found != data.test_labels[None]).mean(1)}

    return lab.Trial(lambda: jnp.zeros(()), finish=finish)


def query(key: Array, *, examples: int, queries: int, features: int):
    """The five nearest of so many examples, from what `fit` keeps; `kept` is its size in bytes."""
    k_x, k_q = jax.random.split(key)
    known = neighbors.fit(jax.random.normal(k_x, (examples, features)), jnp.zeros(examples, jnp.int32))
    kept = sum(leaf.nbytes for leaf in known)

    def run(known, asked):
        found = neighbors.nearest(known, asked, 5)
        return {"kept": jnp.asarray(float(kept)), "found": found.distances.sum() + found.indices.sum()}

    return run, (known, jax.random.normal(k_q, (queries, features)))


def named(study):
    """The errors of a study, by number of neighbours."""
    return study.error.assign_coords(neighbours=list(NEIGHBOURS))


def vote_error(r, k, others=0.2):
    return named(r.votes).sel(neighbours=k, others=others, drop=True)


def more(r, k, noise):
    """Test error of k neighbours over that of one."""
    error = named(r.digits).sel(noise=noise, drop=True)
    return error.sel(neighbours=k, drop=True) - error.sel(neighbours=1, drop=True)


def halved(r):
    """log₂ of the error of 15 neighbours over that of one, 40 % of the labels wrong."""
    error = named(r.digits).sel(noise=0.4, drop=True)
    return np.log2(error.sel(neighbours=15, drop=True) / error.sel(neighbours=1, drop=True))


def one_by_law(r):
    """Error of one neighbour less (1 − ρ)e + ρ(1 − e/9), e its error with right labels; mean over the shares ρ > 0."""
    error = named(r.digits).sel(neighbours=1, drop=True)
    clean, noise = error.sel(noise=0.0, drop=True), error.noise
    gap = error - (1 - noise) * clean - noise * (1 - clean / 9)
    return gap.where(noise > 0, drop=True).mean("noise", skipna=False)


def exponent(array: xr.DataArray) -> xr.DataArray:
    """p in array ∝ examplesᵖ, by least squares."""
    x = np.log(array.examples.astype(float))
    x = x - x.mean()
    return xr.dot(np.log(array), x, dim="examples") / xr.dot(x, x)


DISCUSSION = "ee147 Discussion: Supervised Classification and Gradients"
NOTES = "ee147 k-Nearest Neighbors"

# Tolerances. Votes: 16 × 20,000 queries have a standard error below 0.0009; four of them. The law of one neighbour: 360
# labels that are wrong or not have one of 0.02 in a seed, 0.005 in 16; four of them. Exponents of time: nearer to 1
# than to ½ or 3/2; of bytes: exact.
PREDICTIONS = (
    lab.Equivalent(
        "one_neighbour", "where the nearest is wrong with 0.1, 1-NN errs 0.1", lambda r: vote_error(r, 1),
        source=DISCUSSION, target=0.1, within=0.0036,
    ),
    lab.Equivalent(
        "three_neighbours", "where the others are wrong with 0.2, 3-NN errs 0.072", lambda r: vote_error(r, 3),
        source=DISCUSSION, target=0.072, within=0.0036,
    ),
    lab.Equivalent(
        "terms_as_printed", "3-NN errs what the notes' three terms add up to as printed, 0.056",
        lambda r: vote_error(r, 3), source=f"{DISCUSSION}, its terms", target=0.056, within=0.0036,
    ),
    lab.Equivalent(
        "break_even", "the gain is gone where the others are wrong with ¼: 3-NN errs 0.1 too",
        lambda r: vote_error(r, 3, 0.25), source="0.2p + 0.8p² = 0.1", target=0.1, within=0.0036,
    ),
    lab.Greater(
        "three_can_be_worse", "where they are wrong with 0.3, 3-NN errs more than 1-NN",
        lambda r: vote_error(r, 3, 0.3) - vote_error(r, 1, 0.3), source="0.2p + 0.8p² = 0.132", margin=0.02,
    ),
    lab.Less(
        "robust_on_digits", "digits, 40 % of the labels wrong: 15 neighbours halve the error of one and more (log₂)",
        halved, source=DISCUSSION, margin=1,
    ),
    lab.Less(
        "robust_to_few", "digits, 10 % wrong: three neighbours err less than one by 0.02 and more",
        lambda r: more(r, 3, 0.1), source=DISCUSSION, margin=0.02,
    ),
    lab.Greater(
        "not_without_noise", "digits, right labels: 15 neighbours err more than one, by 0.005 and more",
        lambda r: more(r, 15, 0.0), source="farther neighbours are less alike", margin=0.005,
    ),
    lab.Equivalent(
        "one_neighbour_law", "digits: a share ρ of wrong labels makes 1-NN err (1−ρ)e + ρ(1−e/9) (mean difference)",
        one_by_law, source="Cover & Hart 1967", within=0.02,
    ),
    lab.Equivalent(
        "query_time", "the time of queries grows like the number of examples (exponent)",
        lambda r: exponent(r.query.seconds), source=NOTES, target=1, within=0.25,
    ),
    lab.Equivalent(
        "memory", "what is kept of the examples grows like their number (exponent)",
        lambda r: exponent(r.query.kept) + 0 * r.query.seconds.isel(examples=0, drop=True), source=NOTES, target=1,
        within=1e-6,
    ),
)  # fmt: skip


def draw(r):
    figure, axes = lab.figures.panels(3)
    labels = {chance: f"others wrong with {chance}" for chance in r.votes.others.values.tolist()}
    lab.figures.dots(axes[0], named(r.votes), x="neighbours", hue="others", labels=labels)
    axes[0].get_legend().set_title("")
    axes[0].axhline(FIRST, color="black", linewidth=0.8, linestyle=":")
    title = "Three neighbours beat one (dotted) only if the others are wrong less than ¼ of the time"
    axes[0].set(title=title, xlabel="neighbours that vote", ylabel="share of wrong votes")
    lab.figures.seeds(axes[1], named(r.digits), x="noise", hue="neighbours")
    axes[1].set(
        title="Digits: the more labels are wrong, the more neighbours are worth",
        xlabel="share of wrong training labels", ylabel="test error",
    )  # fmt: skip
    lab.figures.dots(axes[2], r.query.seconds, x="examples", log="xy")
    n, seconds = r.query.examples, r.query.seconds
    axes[2].plot(n, float(seconds.isel(examples=-1).median()) * n / n[-1], color="black", linestyle=":", linewidth=0.8)
    ends = [int(n[0]), int(n[-1])]
    axes[2].set_xticks(ends, [f"{each:,}" for each in ends])
    axes[2].set(title="A query takes the longer the more examples there are; dotted: like N", xlabel="examples N")
    axes[2].set(ylabel="seconds for 64 queries")
    return figure


EXPERIMENT = lab.Experiment(
    __doc__,
    studies={
        "votes": lab.Study(votes, {"others": (0.2, 0.25, 0.3), "queries": 20_000}, dims={"error": ("neighbours",)}),
        "digits": lab.Study(
            digits, {"noise": (0.0, 0.1, 0.2, 0.3, 0.4), "examples": 1000, "dataset": "digits"},
            data=images.load, dims={"error": ("neighbours",)},
        ),
        "query": lab.Cost(
            query, {"examples": (2**13, 2**15, 2**17), "queries": 64, "features": 64}, repeats=16
        ),
    },
    predictions=PREDICTIONS,
    draw=draw,
    presets={
        "quick": {
            "seeds": 4, "votes.queries": 2000, "digits.examples": 300, "query.examples": (2**10, 2**12),
        },
        "full": {"seeds": 64, "votes.queries": 1_000_000, "query.examples": (2**14, 2**17, 2**20)},
    },
)  # fmt: skip
