"""Errata on methods of second order: the printed statement fails, the corrected one holds."""

import numpy as np

RNG = np.random.default_rng(3)
N = 6
ROOT = RNG.normal(size=(N, N))
H = ROOT @ ROOT.T + np.eye(N)


def bfgs(inverse: np.ndarray, s: np.ndarray, y: np.ndarray) -> np.ndarray:
    """H⁻¹ ← (I − syᵀ/yᵀs) H⁻¹ (I − ysᵀ/yᵀs) + ssᵀ/yᵀs."""
    left = np.eye(s.size) - np.outer(s, y) / (y @ s)
    return left @ inverse @ left.T + np.outer(s, s) / (y @ s)


def rebuilt(steps: np.ndarray) -> float:
    """The error of H⁻¹ after these steps."""
    inverse = np.eye(N)
    for s in steps:
        inverse = bfgs(inverse, s, H @ s)
    return float(np.abs(inverse @ H - np.eye(N)).max())


def conjugate(steps: np.ndarray) -> np.ndarray:
    """Gram–Schmidt in the scalar product sᵀHt."""
    found: list[np.ndarray] = []
    for s in steps:
        for d in found:
            s = s - (d @ H @ s) / (d @ H @ d) * d
        found.append(s)
    return np.array(found)


def test_bfgs_rebuilds_the_inverse_from_conjugate_steps_only():
    steps = RNG.normal(size=(N, N))
    assert rebuilt(steps) > 0.1
    assert rebuilt(conjugate(steps)) < 1e-9


def test_directions_are_conjugate_not_gradients():
    theta, b = np.zeros(N), RNG.normal(size=N)
    g, d = H @ theta - b, b - H @ theta
    gradients, directions, rates = [g], [d], []
    for _ in range(N):
        rates.append((g @ g) / (d @ H @ d))
        theta = theta + rates[-1] * d
        g, before = H @ theta - b, g
        d = -g + (g @ g) / (before @ before) * d
        gradients.append(g)
        directions.append(d)
    np.testing.assert_allclose(theta, np.linalg.solve(H, b), rtol=1e-8)  # n steps suffice
    for k in range(1, N):
        np.testing.assert_allclose(directions[k] @ H @ directions[k - 1], 0, atol=1e-10)
        between = gradients[k] @ H @ gradients[k - 1]
        np.testing.assert_allclose(between, -(gradients[k] @ gradients[k]) / rates[k - 1], rtol=1e-5)
    assert abs(gradients[1] @ H @ gradients[0]) > 0.1


def test_a_minimum_along_every_axis_may_be_a_saddle():
    hessian = np.array([[2.0, -3.0], [-3.0, 2.0]])
    assert (np.diag(hessian) > 0).all()
    np.testing.assert_allclose(np.linalg.eigvalsh(hessian), [-1, 5])
