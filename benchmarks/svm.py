"""A support vector machine with a Gaussian kernel, C = 1, to a violation of at most 1e-3: odd and even digits.

scikit-learn's SVC is LIBSVM, the same algorithm on one core, with shrinking and a cache of kernel rows that holds all
of them; beyond the 1,797 digits there are noisy copies. A tenth of the labels is wrong.
"""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.measure import Case
from dlnotes.classical import kernel_svm

X64 = True  # as LIBSVM has it
GAMMA, STRENGTH, TOLERANCE = 0.05, 1.0, 1e-3


def cases(quick: bool) -> Iterator[Case]:
    """Outcomes: the share of support vectors and the training error, the same for both."""
    for examples in (200,) if quick else (200, 1797, 5000):
        x, signs = problem(examples)
        contestants = {
            "dlnotes": lambda x=x, signs=signs: with_kernel_svm(x, signs),
            "scikit-learn": lambda x=x, signs=signs: with_sklearn(x, signs),
        }
        yield Case("fit", {"examples": examples}, contestants)


def problem(examples: int) -> tuple[np.ndarray, np.ndarray]:
    """Digits in random order, from the 1,798th on such as were there with noise; 1 for odd ones, −1 for even."""
    from sklearn.datasets import load_digits

    x, labels = (np.asarray(part) for part in load_digits(return_X_y=True))
    rng = np.random.default_rng(0)
    order = np.concatenate([rng.permutation(len(x)) for _ in range(-(-examples // len(x)))])[:examples]
    noise = np.where(np.arange(examples) < len(x), 0.0, 0.1)
    signs = np.where((labels[order] % 2 == 1) ^ (rng.random(examples) < 0.1), 1.0, -1.0)
    return x[order] / 16 + noise[:, None] * rng.normal(size=(examples, x.shape[1])), signs


def outcome(support, wrong) -> dict:
    return {"support": support, "error": wrong}


def with_kernel_svm(x, signs):
    x, signs, kernel = jnp.asarray(x), jnp.asarray(signs), kernel_svm.gaussian(GAMMA)

    def fit(x, signs):
        return kernel_svm.fit(x, signs, kernel, STRENGTH, tol=TOLERANCE)

    compiled = jax.jit(fit).lower(x, signs).compile()
    found = compiled(x, signs)
    wrong = kernel_svm.predict(found, kernel, x) != signs
    return lambda: outcome(kernel_svm.support(compiled(x, signs)), wrong)


def with_sklearn(x, signs):
    from sklearn.svm import SVC

    machine = SVC(C=STRENGTH, gamma=GAMMA, tol=TOLERANCE, cache_size=1000)
    wrong = machine.fit(x, signs).predict(x) != signs

    def run():
        support = np.zeros(len(x))
        support[machine.fit(x, signs).support_] = 1.0
        return outcome(support, wrong)

    return run
