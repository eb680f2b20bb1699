"""Linear systems with errors in them, systems that may have no solution, and distances in many dimensions."""

import jax
import jax.numpy as jnp
from jax import Array

from dlnotes import lab
from dlnotes.data import images
from dlnotes.maths import quadratics

COPIES = ("shifted", "boxed", "tinted")


def amplification(matrix: Array, right: Array, error: Array) -> Array:
    """By how much a relative error of b grows in A⁻¹b: (‖A⁻¹δ‖/‖A⁻¹b‖)/(‖δ‖/‖b‖), for each column."""
    solved = jnp.linalg.norm(jnp.linalg.solve(matrix, error), axis=0) / jnp.linalg.norm(
        jnp.linalg.solve(matrix, right), axis=0
    )
    return solved * jnp.linalg.norm(right, axis=0) / jnp.linalg.norm(error, axis=0)


def inversion(key: Array, *, condition: Array, n: int, draws: int) -> lab.Trial:
    """Amplification of random and of the worst errors, for κ₂ = `condition` and singular values at equal ratios.

    Right sides b are random themselves, or those of random solutions. Then [[1, c], [0, 1.0001]], turned, of about the
    same κ₂.
    """
    k_left, k_right, k_sides, k_errors, k_turn = lab.streams(key, "left", "right", "sides", "errors", "turn")
    left, right = (jax.random.orthogonal(k, n, dtype=jnp.float64) for k in (k_left, k_right))
    matrix = left @ (quadratics.log_spectrum(condition, n)[:, None] * right.T)
    sides, errors = (jax.random.normal(k, (n, draws), jnp.float64) for k in (k_sides, k_errors))
    turn = jax.random.orthogonal(k_turn, 2, dtype=jnp.float64)
    shear = turn @ jnp.array([[1.0, 0.0], [0.0, 1.0001]]).at[0, 1].set(jnp.sqrt(condition)) @ turn.T

    def finish(_):
        of_sides = amplification(matrix, sides, errors)
        of_solutions = amplification(matrix, matrix @ sides, errors)
        bent, _, _ = jnp.linalg.svd(shear)
        return {
            "random_side": jnp.median(of_sides),
            "random_solution": jnp.median(of_solutions),
            "largest": jnp.maximum(of_sides.max(), of_solutions.max()),
            "worst": amplification(matrix, left[:, -1:], left[:, :1])[0],
            "shear_worst": amplification(shear, bent[:, :1], bent[:, 1:])[0],
            "shear_condition": jnp.linalg.cond(shear),
            "shear_eigenvalues": jnp.asarray(1.0001),
        }

    return lab.Trial(lambda: jnp.zeros(()), finish=finish)


def solvable(key: Array, *, columns: Array, binary: Array, rows: int, most: int, systems: int) -> lab.Trial:
    """Share of random systems Ax = y with a solution; entries of A normal, or 0 and 1 alike; y normal."""
    k_matrix, k_side = lab.streams(key, "matrix", "side")
    entries = jax.random.normal(k_matrix, (systems * rows * most,), jnp.float64).reshape(systems, rows, most)
    a = jnp.where(binary > 0, (entries > 0).astype(entries.dtype), entries)
    a = a * (jnp.arange(most) < columns)[None, None]
    y = jax.random.normal(k_side, (systems, rows), jnp.float64)

    def finish(_):
        left, singular, _ = jnp.linalg.svd(a, full_matrices=False)
        reached = singular > 1e-9 * singular[:, :1]
        inside = jnp.einsum("smk,sm->sk", left, y) * reached
        missed = jnp.sum(y**2, axis=1) - jnp.sum(inside**2, axis=1)
        return {"solvable": jnp.mean(missed < 1e-9 * jnp.sum(y**2, axis=1))}

    return lab.Trial(lambda: jnp.zeros(()), finish=finish)


def contrast(distances: Array) -> Array:
    """(max − min)/min of the distances from each query: how much nearer the nearest is than the farthest."""
    return (distances.max(1) - distances.min(1)) / distances.min(1)


def concentration(key: Array, *, most: int, points: int, queries: int) -> lab.Trial:
    """Contrast from queries to points that are uniform in a cube of 1, 2, 4 … `most` dimensions: its median."""
    draws = jax.random.uniform(key, ((points + queries) * most,), jnp.float32).reshape(points + queries, most)
    last = jnp.array([2**k - 1 for k in range(most.bit_length())])

    def seen_from(query):
        squares = jnp.cumsum((draws[queries:] - query[None]) ** 2, axis=1)
        return contrast(jnp.sqrt(squares[:, last]).T)

    def finish(_):
        return {"contrast": jnp.median(jax.lax.map(seen_from, draws[:queries]), axis=0)}

    return lab.Trial(lambda: jnp.zeros(()), finish=finish)


def distances(a: Array, b: Array) -> Array:
    """‖aᵢ − bⱼ‖ for all pairs, pixels flattened."""
    a, b = a.reshape(a.shape[0], -1), b.reshape(b.shape[0], -1)
    return jnp.sqrt(jnp.maximum(jnp.sum(a**2, 1)[:, None] + jnp.sum(b**2, 1)[None] - 2 * a @ b.T, 0.0))


def altered(pictures: Array, box: int, tint: float) -> Array:
    """Each picture one pixel to the right, under a black box in its middle, and darker: [copy, picture, row, col]."""
    shifted = jnp.roll(pictures, 1, axis=2).at[:, :, 0].set(0.0)
    low = (pictures.shape[1] - box) // 2
    boxed = pictures.at[:, low : low + box, low : low + box].set(0.0)
    return jnp.stack([shifted, boxed, tint * pictures])


def pictures(
    key: Array, data: images.Images, *, box: int, tint: float, queries: int, others: int, dataset: str = "digits"
) -> lab.Trial:
    """How far altered digits are from their originals, who is nearer, and what 1-NN takes them for."""
    k_query, k_other, k_shuffle = lab.streams(key, "query", "other", "shuffle")
    which = jax.random.choice(k_query, len(data.test_labels), (queries,), replace=False)
    stock = jax.random.choice(k_other, len(data.train_labels), (others,), replace=False)
    x, labels = jnp.asarray(data.test_images)[which, ..., 0], jnp.asarray(data.test_labels)[which]
    known, names = jnp.asarray(data.train_images)[stock, ..., 0], jnp.asarray(data.train_labels)[stock]

    def shuffled(flat):
        """Each pixel's values dealt out again among the pictures: the same pixels, no pictures."""
        keys = jax.random.split(k_shuffle, flat.shape[1])
        return jax.vmap(jax.random.permutation, (0, 1), 1)(keys, flat)

    def finish(_):
        copies = altered(x, box, tint)
        own = jnp.linalg.norm((copies - x[None]).reshape(len(COPIES), queries, -1), axis=-1)
        apart = jax.lax.map(lambda copy: distances(copy, known), copies)
        stranger = names[None] != labels[:, None]
        near = jnp.min(jnp.where(stranger[None], apart, jnp.inf), axis=-1)
        right = names[jnp.argmin(apart, axis=-1)] == labels[None]
        plain = distances(x, known)
        mixed = shuffled(jnp.concatenate([x, known]).reshape(queries + others, -1))
        return {
            "own": own.mean(1),
            "stranger_nearer": jnp.mean(near < own, axis=1),
            "nearer": jnp.mean(apart < own[:, :, None], axis=(1, 2)),
            "right": jnp.mean(right, axis=1),
            "right_unaltered": jnp.mean(names[jnp.argmin(plain, axis=1)] == labels),
            "contrast": jnp.median(contrast(plain)),
            "contrast_shuffled": jnp.median(contrast(distances(mixed[:queries], mixed[queries:]))),
        }

    return lab.Trial(lambda: jnp.zeros(()), finish=finish)
