"""A path of ridge fits, principal components, EM for a mixture, and bias and variance over many data sets.

scikit-learn fits each strength anew, or all at once by leave-one-out (RidgeCV); the NumPy loop fits one set at a time.
Its PCA of tall data takes as long as ours: nearly all of it goes into XᵀX.
"""

from collections.abc import Iterator
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.measure import Case
from dlnotes.classical import mixture, pca, ridge
from dlnotes.maths import estimators
from dlnotes.maths.polynomials import legendre

STRENGTHS = np.logspace(-3, 3, 100)


def cases(quick: bool) -> Iterator[Case]:
    """One size each, toy sizes if `quick`; data are made up, as times do not depend on their content."""
    n, features = (200, 10) if quick else (20_000, 200)
    x, y = regression(n, features)
    yield Case("ridge, a path", {"n": n, "features": features, "strengths": len(STRENGTHS)}, {
        "dlnotes": lambda: ridge_ours(x, y), "scikit-learn, Ridge in a loop": lambda: ridge_loop(x, y),
        "scikit-learn, RidgeCV": lambda: ridge_cv(x, y),
    })  # fmt: skip
    n, features, components = (500, 20, 5) if quick else (60_000, 784, 50)
    z = images(n, features)
    yield Case("principal components", {"n": n, "features": features, "components": components}, {
        "dlnotes": lambda: pca_ours(z, components), "scikit-learn": lambda: pca_theirs(z, components, "auto"),
        "scikit-learn, randomized": lambda: pca_theirs(z, components, "randomized"),
    })  # fmt: skip
    n, features, components = (500, 2, 3) if quick else (50_000, 10, 8)
    blobs, begin = clusters(n, features, components)
    yield Case("EM, 20 steps", {"n": n, "features": features, "components": components}, {
        "dlnotes": lambda: em_ours(blobs, begin), "scikit-learn": lambda: em_theirs(blobs, begin),
    })  # fmt: skip
    sets, n, degree = (100, 30, 9) if quick else (10_000, 30, 9)
    sample = polynomials(sets, n)
    yield Case("bias and variance", {"sets": sets, "n": n, "degree": degree}, {
        "dlnotes": lambda: bias_ours(*sample, degree), "numpy, a loop": lambda: bias_loop(*sample, degree),
    })  # fmt: skip


def regression(n: int, features: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, features)).astype(np.float32)
    return x, (x[:, :5].sum(1, keepdims=True) + rng.normal(size=(n, 1))).astype(np.float32)


def ridge_ours(x, y):
    arrays = tuple(map(jnp.asarray, (x, y, STRENGTHS.astype(np.float32))))
    compiled = jax.jit(ridge.fit).lower(*arrays).compile()
    return lambda: {"first weight": compiled(*arrays).weights[:, 0]}


def ridge_loop(x, y):
    from sklearn.linear_model import Ridge

    return lambda: {"first weight": np.array([Ridge(strength).fit(x, y[:, 0]).coef_[0] for strength in STRENGTHS])}


def ridge_cv(x, y):
    from sklearn.linear_model import RidgeCV

    def run():
        found = RidgeCV(STRENGTHS).fit(x, y[:, 0])  # one factorization, but weights of the best strength alone
        return {"first weight": found.coef_[0]}

    return run


def images(n: int, features: int) -> np.ndarray:
    """Numbers of rapidly falling variance, as those of images."""
    rng = np.random.default_rng(1)
    mixing = rng.normal(size=(features, features)).astype(np.float32) / (1 + np.arange(features))[:, None]
    return rng.normal(size=(n, features)).astype(np.float32) @ mixing.astype(np.float32)


def pca_ours(x, components):
    data = jnp.asarray(x)
    compiled = jax.jit(pca.fit, static_argnums=1).lower(data, components).compile()
    return lambda: {"variance": compiled(data).variances.sum()}


def pca_theirs(x, components, solver):
    from sklearn.decomposition import PCA

    def run():
        return {"variance": PCA(components, svd_solver=solver, random_state=0).fit(x).explained_variance_.sum()}

    return run


def clusters(n: int, features: int, components: int) -> tuple[np.ndarray, mixture.Mixture]:
    """Clusters that touch, and a start far from them."""
    rng = np.random.default_rng(2)
    centers = rng.normal(size=(components, features)) * 1.5
    x = (centers[rng.integers(components, size=n)] + rng.normal(size=(n, features))).astype(np.float32)
    covariance = np.cov(x.T).astype(np.float32)
    weights = np.full(components, 1 / components, np.float32)
    return x, mixture.Mixture(*map(jnp.asarray, (weights, x[:components], np.stack([covariance] * components))))


def em_ours(x, begin):
    data, fit = jnp.asarray(x), partial(mixture.fit, tol=0.0, max_steps=20)
    compiled = jax.jit(fit).lower(data, begin).compile()

    def run():
        found = compiled(data, begin)
        return {"log-likelihood": found.log_likelihood, "steps": found.steps}

    return run


def em_theirs(x, begin):
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    weights, means, covariances = map(np.asarray, begin)

    def fit():
        found = GaussianMixture(
            len(weights), tol=0.0, max_iter=20, weights_init=weights, means_init=means,
            precisions_init=np.linalg.inv(covariances), init_params="random",
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return found.fit(x)

    reached = fit().score(x)  # once, as it is another pass over the data
    return lambda: {"log-likelihood": reached, "steps": fit().n_iter_}


def polynomials(sets: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    x = rng.uniform(-1, 1, (sets, n)).astype(np.float32)
    return x, (np.sin(4 * x + 1) + 0.5 * rng.normal(size=x.shape)).astype(np.float32)


def bias_ours(x, y, degree):
    data, grid = tuple(map(jnp.asarray, (x, y))), jnp.linspace(-1, 1, 100)

    def decompose(x, y):
        at = legendre(grid, degree)

        def fitted(x, y):
            return ridge.predict(ridge.fit(legendre(x, degree), y[:, None], intercept=False), at)[:, 0]

        return estimators.bias_variance(jax.vmap(fitted)(x, y), jnp.sin(4 * grid + 1))

    compiled = jax.jit(decompose).lower(*data).compile()

    def run():
        found = compiled(*data)
        return {"bias²": found.bias_squared, "variance": found.variance}

    return run


def bias_loop(x, y, degree):
    grid = np.linspace(-1, 1, 100)
    at, truth = np.polynomial.legendre.legvander(grid, degree), np.sin(4 * grid + 1)

    def run():
        design = np.polynomial.legendre.legvander
        fits = np.stack([at @ np.linalg.lstsq(design(a, degree), b)[0] for a, b in zip(x, y, strict=True)])
        return {"bias²": (fits.mean(0) - truth) ** 2, "variance": fits.var(0)}

    return run
