"""What do blur and edge kernels do to a picture?

Sources: dlbook 4.2 (a kernel of nine ninths blurs; the difference of two pixels answers most at edges, next to nothing
where pixels are alike; convolution is the distribution of a sum), 2.3 (equivariance); lectures 7; ee147 Convolution
(zeros around, so that the output keeps the size); formulas 3.1.

"Photographs": a seed takes 16 squares of 32×32 pixels from two photographs that come with scikit-learn (by
danielbuechele and vultilion, CC BY 2.0), made gray and halved in size: what is found holds for places in these two.
"Digits": the same from two sheets of digits, of 8×8 pixels each, side by side. Frequencies are in units of the highest
along an axis, one cycle in two pixels; the power of patterns above ½ is called fine, up to ¼ coarse. Pictures wrap
around unless it is said. "Edges": a dark half and a bright half, 0 and 1, with normal noise; an edge is found as often
as the first bright pixel beyond it answers more than one at least three pixels away, ½ is chance. "Again": box blurs
after one another.

After the first standard run noise is drawn on four times as many squares, as its variance had been inconclusive; the
edges' pictures are smaller and fewer, to save time, and of a slanted edge other pixels count as its first bright ones.
Later the border's answer was stated as ratio − 1, which tests the same.
"""

import filter_trials as trials
import kernel_gallery
import numpy as np

from dlnotes import lab
from dlnotes.nn.filters import KERNELS

BLURS = ["box blur", "Gaussian blur"]
EDGES = ["difference", "Prewitt", "Sobel", "Sobel, turned", "Laplacian"]
KINDS = list(KERNELS)
NOISE = 0.5


def seen(r, measure, kernel, picture="photographs"):
    """A measure of one kernel or of several."""
    return r.seen[measure].sel(kernel=kernel, picture=picture, drop=True)


def power(r, part, kernel, picture="photographs"):
    """log₂ of the power after over that before, in a part of the frequencies."""
    return np.log2(seen(r, part, kernel, picture))


def found(r, finder, degrees=0.0, noise=NOISE, measure="found"):
    return r.edges[measure].sel(finder=finder, degrees=degrees, noise=noise, drop=True)


def clearness(r, finder):
    """The mean answer at the edge over the root mean square of answers to noise alone."""
    return found(r, finder, measure="answer") / found(r, finder, measure="background")


DLBOOK = "dlbook 4.2"

# Margins. Rounding: sums of nine numbers, Fourier sums of 1024 in float32. A quarter, a fifth, a half: our reading of
# the notes. Noise: 16 × 64 squares leave 0.0004 of chance. Found: 16 × 16 pictures leave 0.01 between two finders; 0.05
# can be seen in a picture. √3: to 5 %. Box blurs: responses differ by 0.14/n at the worst
# frequency, less where pictures have their power, so that 2 % is safe for four; the law is for endlessly many.
PREDICTIONS = (
    *(
        lab.Less(
            f"blur_{shown}", f"{shown}: both blurs leave a quarter or less of the fine patterns' power (log₂)",
            lambda r, shown=shown: power(r, "fine", BLURS, shown).max("kernel"), source=DLBOOK, margin=2,
        )
        for shown in ("photographs", "digits")
    ),
    lab.Greater(
        "coarse_stays", "photographs: both blurs leave over four fifths of the coarse patterns' (share − 0.8)",
        lambda r: seen(r, "coarse", BLURS).min("kernel") - 0.8, source=DLBOOK,
    ),
    lab.Greater(
        "sharpen", "photographs: sharpening does the reverse, it makes fine patterns' power over fourfold (log₂)",
        lambda r: power(r, "fine", "sharpen"), source="theory: the response is 3 at frequency ½",
        margin=2,
    ),
    lab.Greater(
        "box_leaks", "photographs: above ¾ of the highest frequency the box passes more than the Gaussian (log₂)",
        lambda r: power(r, "finest", "box blur") - power(r, "finest", "Gaussian blur"),
        source="theory: the response at the highest is −⅓ and 0",
    ),
    lab.Less(
        "nothing_to_see", "every edge kernel answers a constant picture with 0 (largest answer, over 1e-5)",
        lambda r: seen(r, "constant", EDGES).max("kernel") - 1e-5, source=DLBOOK,
    ),
    lab.Equivalent(
        "frame", "with zeros around, Sobel answers a constant picture's border as an edge to black (ratio − 1)",
        lambda r: seen(r, "frame", "Sobel") / 4 - 1, source="ee147 Convolution (zero padding)", within=1e-5,
    ),
    *(
        lab.Greater(
            f"few_{shown}", f"{shown}: a tenth of the pixels hold over half of the squared differences (share − ½)",
            lambda r, shown=shown: seen(r, "top_tenth", "difference", shown) - 0.5,
            source=f"{DLBOOK}: most at edges, else near 0",
        )
        for shown in ("photographs", "digits")
    ),
    lab.Equivalent(
        "noise", "the box blur leaves a ninth of the variance of noise", source="theory: variance of a mean of nine",
        effect=lambda r: seen(r, "noise", "box blur"), target=1 / 9, within=0.003,
    ),
    lab.Less(
        "product", "every kernel is a product in Fourier space (largest error, relative, over 1e-5)",
        lambda r: seen(r, "fourier_error", KINDS).max("kernel") - 1e-5, source="convolution theorem",
    ),
    *(
        lab.Less(
            f"moved_{shown}", f"{shown}: every kernel's answer moves with the picture (largest difference, over 1e-5)",
            lambda r, shown=shown: seen(r, "moved_wrap", KINDS, shown).max("kernel") - 1e-5,
            source="dlbook 2.3; lectures 7",
        )
        for shown in ("photographs", "digits")
    ),
    lab.Greater(
        "moved_zeros", "photographs: with zeros around the box blur's does not (largest difference, relative)",
        lambda r: seen(r, "moved_zero", "box blur"), source="theory: borders are dark",
        margin=0.1,
    ),
    *(
        lab.Greater(
            name, f"no noise: the difference of two pixels is largest at a {name} edge (found − 0.99)",
            lambda r, degrees=degrees: found(r, "difference", degrees, 0.0) - 0.99, source=DLBOOK,
        )
        for name, degrees in (("vertical", 0.0), ("horizontal", 90.0))
    ),
    lab.Equivalent(
        "both_sobels", "noise ½: both Sobels find a horizontal edge as often as a vertical one (difference)",
        lambda r: found(r, "both Sobels", 90.0) - found(r, "both Sobels"), source="symmetry", within=0.02,
    ),
    lab.Greater(
        "averaging_helps", "noise ½: Prewitt's three differences find a vertical edge more often than one (difference)",
        lambda r: found(r, "Prewitt") - found(r, "difference"), source="theory: noise averages out", margin=0.05,
    ),
    lab.Less(
        "laplacian_is_noisy", "noise ½: the Laplacian finds it less often than one difference (difference)",
        lambda r: found(r, "Laplacian") - found(r, "difference"), source="theory: 1/√20 against 1/√2", margin=0.05,
    ),
    lab.Equivalent(
        "three_differences", "Prewitt's answer stands out of noise √3 times as clearly as one difference's (ratio)",
        lambda r: clearness(r, "Prewitt") / clearness(r, "difference"), source="theory: mean of three",
        target=float(np.sqrt(3)), within=0.09,
    ),
    lab.Less(
        "four_boxes", "four box blurs are the Gaussian blur of their variance to 2 % of the contrast (share − 0.02)",
        lambda r: r.again.apart.sel(times=4, drop=True) - 0.02, source=f"{DLBOOK}; central limit theorem",
    ),
    lab.Equivalent(
        "limit", "n box blurs come near the Gaussian like 1/n (exponent)",
        lambda r: lab.exponent(r.again.apart, r.again.times), source="theory: a sum's kurtosis falls like 1/n",
        target=-1, within=0.3,
    ),
)  # fmt: skip


def draw(r):
    figure, axes = lab.figures.panels(8)
    grid = axes[0].get_subplotspec().get_gridspec()
    grid.set_height_ratios((0.85, 0.85, 1, 1))
    for ax in axes[:4]:
        ax.remove()
    wide = figure.add_subplot(grid[:2, :])
    wide.set_title("Nine kernels, their numbers on top,\nand three pictures as each shows them")
    kernel_gallery.gallery(wide)
    names = ["box blur", "Gaussian blur", "sharpen", "difference", "Laplacian"]
    share = seen(r, "passed", names)
    share = share.assign_coords(frequency=np.arange(1, share.sizes["frequency"] + 1) / share.sizes["frequency"])
    lab.figures.seeds(axes[4], share.where(share > 1e-8), x="frequency", hue="kernel", log="y", lost="")
    axes[4].set(title="Photographs: blurs take away what is fine, edge kernels what is coarse", ylim=(1e-4, 100))
    axes[4].set(xlabel="frequency (1: two pixels a cycle)", ylabel="power after, over before")
    lab.figures.seeds(axes[5], found(r, slice(None), slice(None)), x="degrees", hue="finder")
    axes[5].axhline(0.5, color="black", linestyle=":", linewidth=1)
    axes[5].set(title="Differences across see only vertical edges (dotted: chance)")
    axes[5].set(
        xticks=(0, 30, 60, 90), xlabel="edge (0°: vertical, 90°: horizontal), noise ½", ylabel="edge pixels found"
    )
    lab.figures.seeds(axes[6], found(r, slice(None), noise=slice(None)), x="noise", hue="finder")
    axes[6].set(title="Vertical edge: the more pixels a kernel averages, the better in noise")
    axes[6].set(xlabel="noise, standard deviation (edge: 1)", ylabel="edge pixels found")
    lab.figures.seeds(axes[7], r.again.apart, x="times", log="xy")
    n = r.again.times.values
    axes[7].plot(n, float(r.again.apart.isel(times=0).mean()) / (n / n[0]), color="black", linestyle=":", linewidth=1)
    axes[7].set(title="Boxes upon boxes come near a Gaussian (dotted: like 1/n)", xlabel="number n of box blurs")
    axes[7].set_xticks(n, map(str, n))
    axes[7].set_xticks([], minor=True)
    axes[7].set(ylabel="distance, in units of the contrast")
    return figure


EXPERIMENT = lab.Experiment(
    __doc__,
    studies={
        "seen": lab.Study(
            trials.seen,
            {
                "kernel": KERNELS, "picture": {"photographs": 0, "digits": 1}, "side": 32, "count": 16,
                "dataset": "digits",
            },
            data=trials.pictures, dims={"passed": ("frequency",)},
        ),
        "edges": lab.Study(
            trials.edges,
            {
                "finder": trials.FINDERS, "degrees": (0.0, 30.0, 60.0, 90.0), "noise": (0.0, 0.5, 1.0),
                "side": 24, "count": 16,
            },
        ),
        "again": lab.Study(
            trials.again, {"times": (1, 2, 4, 8), "side": 32, "count": 16}, data=trials.photographs,
        ),
    },
    predictions=PREDICTIONS,
    draw=draw,
    presets={
        "quick": {"seeds": 4, "count": 4, "edges.degrees": (0.0, 90.0), "edges.noise": (0.0, 0.5)},
        "full": {"seeds": 64, "count": 1024, "dataset": "mnist"},
    },
)  # fmt: skip

if __name__ == "__main__":
    lab.main(__file__)
