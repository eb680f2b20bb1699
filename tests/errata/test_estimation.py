"""Errata on estimation and on the classifiers of the first chapters: the printed fails, the corrected holds."""

import heapq
import itertools

import numpy as np
import pytest
from scipy import stats


def test_e2_the_prior_adds_its_penalty_to_the_loss():
    theta, sigma = np.array([0.5, -2.0]), 1.5
    penalty = (theta**2).sum() / (2 * sigma**2)
    at_zero = -stats.norm.logpdf(np.zeros(2), scale=sigma).sum()
    np.testing.assert_allclose(-stats.norm.logpdf(theta, scale=sigma).sum() - at_zero, penalty)  # + λ‖θ‖², not −


def test_a_prior_of_variance_one_over_alpha_is_unit_for_alpha_one_only():
    w, alpha = 2.0, 4.0
    minus_log = -stats.norm.logpdf(w, scale=alpha**-0.5) + stats.norm.logpdf(0, scale=alpha**-0.5)
    np.testing.assert_allclose(minus_log, alpha / 2 * w**2)
    unit = -stats.norm.logpdf(w) + stats.norm.logpdf(0)
    assert abs(unit - alpha / 2 * w**2) > 1


def test_the_posterior_already_has_the_prior():
    x, prior, noise = np.array([1.3, 0.9, 0.7]), 1.0, 1.0
    grid = np.linspace(-3, 3, 60_001)
    likelihood = stats.norm.logpdf(x[:, None], grid, noise).sum(0)
    posterior = likelihood + stats.norm.logpdf(grid, 0, prior)
    best = x.sum() / (x.size + noise / prior)
    np.testing.assert_allclose(grid[posterior.argmax()], best, atol=1e-3)
    printed = posterior + stats.norm.logpdf(grid, 0, prior)
    np.testing.assert_allclose(grid[printed.argmax()], x.sum() / (x.size + 2), atol=1e-3)  # shrunk twice


def test_mean_squared_error_takes_away_the_square_of_the_estimators_mean():
    truth, values, chances = 1.0, np.array([0.5, 3.0, 2.0]), np.array([0.2, 0.3, 0.5])
    mean, square = values @ chances, values**2 @ chances
    error = (values - truth) ** 2 @ chances
    np.testing.assert_allclose((mean - truth) ** 2 + square - mean**2, error)
    assert abs((mean - truth) ** 2 + square - truth**2 - error) > 1  # − E²(θ) as the last line but one has it


def test_e45_averaging_lowers_the_variance_not_the_bias():
    fits = np.random.default_rng(0).normal(2.0, 1.0, size=(200_000, 10))  # members of an ensemble; the truth is 1.5
    one, ten = fits[:, 0], fits.mean(1)
    np.testing.assert_allclose([one.var(), ten.var()], [1.0, 0.1], rtol=0.02)
    np.testing.assert_allclose([(f.mean() - 1.5) ** 2 for f in (one, ten)], 0.25, rtol=0.02)  # E‖E f − truth‖²


def test_the_likeliest_covariance_divides_by_n():
    x = np.random.default_rng(1).normal(size=8)

    def likelihood(variance):
        return stats.norm.logpdf(x, x.mean(), np.sqrt(variance)).sum()

    by_n, by_less = x.var(), x.var(ddof=1)
    assert likelihood(by_n) > max(likelihood(by_less), likelihood(by_n * 0.99), likelihood(by_n * 1.01))
    np.testing.assert_allclose(np.cov(x, ddof=0), by_n)
    assert abs(np.cov(x) - by_n) > 0.05  # np.cov and jnp.cov divide by n − 1 unless told


def test_an_expectation_is_a_sample_mean_only_of_the_empirical_distribution():
    means = np.random.default_rng(2).exponential(size=(1000, 20)).mean(1)
    np.testing.assert_allclose(means.mean(), 1.0, atol=0.03)  # the expectation, and what each sample says of it:
    np.testing.assert_allclose(means.std(), 1 / np.sqrt(20), rtol=0.1)


def test_likelihood_is_squared_error_for_a_fixed_variance_only():
    error = np.array([0.1, -0.4, 2.0])
    for sigma in (0.5, 1.0):
        nll = -stats.norm.logpdf(error, scale=sigma).sum()
        constant = error.size * np.log(sigma * np.sqrt(2 * np.pi))
        np.testing.assert_allclose(nll, (error**2).sum() / (2 * sigma**2) + constant)
    sure, unsure = (-stats.norm.logpdf(error, scale=s).sum() for s in (0.1, np.sqrt((error**2).mean())))
    assert sure - unsure > 100  # where the variance is learned, the same squared error has many likelihoods


def test_e13_one_other_neighbour_may_differ_in_two_ways():
    p = (0.1, 0.2, 0.2)  # that a neighbour's label differs
    wrong = sum(
        np.prod([q if differs else 1 - q for q, differs in zip(p, votes, strict=True)])
        for votes in itertools.product((True, False), repeat=3)
        if sum(votes) >= 2
    )
    first_and_one, others, all_three = 0.1 * 0.2 * 0.8, 0.9 * 0.2**2, 0.1 * 0.2**2
    np.testing.assert_allclose(wrong, 0.072)  # the printed sum …
    np.testing.assert_allclose(all_three + 2 * first_and_one + others, wrong)
    np.testing.assert_allclose(all_three + first_and_one + others, 0.056)  # … is not that of the printed terms


def test_finding_the_nearest_is_linear_sorting_is_not():
    class Distance(float):
        compared = 0

        def __lt__(self, other):
            Distance.compared += 1
            return float(self) < float(other)

    def comparisons(find, n):
        Distance.compared = 0
        find([Distance(x) for x in np.random.default_rng(n).uniform(size=n)])
        return Distance.compared

    assert comparisons(sorted, 8192) / comparisons(sorted, 512) > 20  # N log N: 16·13/9
    growth = comparisons(lambda d: heapq.nsmallest(3, d), 8192) / comparisons(lambda d: heapq.nsmallest(3, d), 512)
    assert growth < 17


def test_volume_not_dimension_grows_exponentially():
    edges = [np.ceil(0.1 ** (1 / d) * 100) / 100 for d in (1, 2, 10)]
    np.testing.assert_allclose(edges, [0.1, 0.32, 0.8])  # of a cube with a tenth of the volume: d enters as an exponent
    pixels = np.array([8, 16, 32]) ** 2
    np.testing.assert_allclose(pixels[1:] / pixels[:-1], 4)  # the dimension itself grows with the data, like their size


def test_the_divisor_of_softmax_sums_over_the_classes_not_the_answer():
    a = np.array([1.0, 2.0])
    softmax = np.exp(a) / np.exp(a).sum()
    printed = np.exp(a) / np.array([2 * np.exp(aj) for aj in a])  # Σ over i of e^(a_j), j the answer's own
    np.testing.assert_allclose(softmax.sum(), 1)
    np.testing.assert_allclose(printed, 0.5)


def test_shifted_scores_are_not_the_softmax():
    a, log_k = np.array([1.0, 2.0]), -2.0
    shifted = a + log_k
    np.testing.assert_allclose(shifted[0], -1)
    softmax = np.exp(shifted) / np.exp(shifted).sum()
    np.testing.assert_allclose(softmax, np.exp(a) / np.exp(a).sum())
    np.testing.assert_allclose(softmax[0], 0.269, atol=5e-4)


def test_the_best_score_may_have_a_small_log_likelihood():
    a = np.full(10, 0.0)
    a[3] = 0.01
    log_p = a - np.log(np.exp(a).sum())
    assert a.argmax() == 3
    np.testing.assert_allclose(log_p[3], -2.29, atol=5e-3)  # not about 0: max ≤ logsumexp ≤ max + log c
    assert a.max() <= np.log(np.exp(a).sum()) <= a.max() + np.log(10)


def test_a_tie_with_one_rival_costs_one_margin():
    scores, label = np.array([3.0, 3.0, -5.0, -5.0]), 0
    hinge = np.maximum(0, 1 + np.delete(scores, label) - scores[label]).sum()
    assert hinge == 1  # c − 1 = 3 only where all are equal
    assert np.maximum(0, 1 + np.zeros(3)).sum() == 3


def test_hidden_layers_feed_one_another():
    generator = np.random.default_rng(3)
    w1, w2, x = generator.normal(size=(4, 3)), generator.normal(size=(5, 4)), generator.normal(size=3)
    h2 = np.maximum(w2 @ np.maximum(w1 @ x, 0), 0)
    assert h2.shape == (5,)
    with pytest.raises(ValueError, match="mismatch"):
        w2 @ x  # as printed the second layer would look at the input


def test_ridge_adds_to_the_diagonal_and_has_no_loss_in_it():
    generator = np.random.default_rng(4)
    x, y, alpha = generator.normal(size=(30, 3)), generator.normal(size=30), 2.0
    w = np.linalg.solve(x.T @ x + alpha * np.eye(3), x.T @ y)
    np.testing.assert_allclose(x.T @ (x @ w - y) + alpha * w, 0, atol=1e-12)
    with_loss = np.linalg.solve(x.T @ x * 7.0 + alpha * np.eye(3), x.T @ y)
    assert np.abs(x.T @ (x @ with_loss - y) + alpha * with_loss).max() > 1
    added = x.T @ x + alpha * np.eye(3) - x.T @ x
    np.testing.assert_allclose(added, alpha * np.eye(3))  # variances rise by α; they are not scaled


def test_the_normalizer_of_bayes_sums_over_parameters():
    prior, likelihood = np.array([0.7, 0.3]), np.array([[0.5, 0.5], [0.2, 0.8]])  # [parameter, datum]
    posterior = likelihood[:, 1] * prior / (likelihood[:, 1] * prior).sum()
    np.testing.assert_allclose(posterior.sum(), 1)
    over_data = likelihood[:, 1] * prior / (likelihood * prior[:, None]).sum(1)
    assert abs(over_data.sum() - 1) > 0.2


def test_softplus_of_a_precision_gives_a_deviation_by_its_root():
    beta = 4.0
    x = stats.norm(scale=beta**-0.5).rvs(200_000, random_state=0)
    np.testing.assert_allclose(x.std(), 1 / np.sqrt(beta), rtol=0.01)
    assert abs(x.std() - 1 / beta) > 0.2


def test_logistic_cost_is_a_product_of_rows_for_one_output_only():
    generator = np.random.default_rng(5)
    a, y = generator.uniform(0.1, 0.9, (2, 5)), (generator.uniform(size=(2, 5)) > 0.5).astype(float)
    cost = -(y * np.log(a) + (1 - y) * np.log(1 - a)).sum() / 5
    product = -(y @ np.log(a.T) + (1 - y) @ np.log(1 - a.T)) / 5
    assert product.shape == (2, 2)
    np.testing.assert_allclose(np.trace(product), cost)


def test_the_sheets_da_and_dz_are_m_times_the_derivatives():
    a, y, m = np.array([[0.3, 0.8, 0.6, 0.2, 0.5]]), np.array([[1.0, 0.0, 1.0, 0.0, 1.0]]), 5

    def cost(a):
        return -(y * np.log(a) + (1 - y) * np.log(1 - a)).sum() / m

    e = np.zeros((1, m))
    e[0, 2] = 1e-6
    numeric = (cost(a + e) - cost(a - e)) / 2e-6
    printed = -y[0, 2] / a[0, 2] + (1 - y[0, 2]) / (1 - a[0, 2])
    np.testing.assert_allclose(printed / numeric, m, rtol=1e-6)


def test_neighbour_embeddings_are_not_linear():
    from sklearn.manifold import LocallyLinearEmbedding

    angle = np.linspace(0.2, 2.8, 60)
    x = np.column_stack([np.cos(angle), np.sin(angle), 0.1 * angle**2])
    y = LocallyLinearEmbedding(n_neighbors=5, n_components=1).fit_transform(x)[:, 0]
    design = np.column_stack([x, np.ones(60)])
    left = y - design @ np.linalg.lstsq(design, y)[0]
    assert (left**2).sum() / ((y - y.mean()) ** 2).sum() > 1e-5  # no linear map of x gives the embedding
