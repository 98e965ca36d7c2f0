"""Small dense linear algebra with every sum in a fixed order, the same bits on every build and for any number of threads."""

import numpy as np
from numba import njit

SWEEPS = 30


@njit(cache=True, nogil=True)
def factor(matrix):
    """Replace the lower half of a positive definite matrix by its Cholesky factor; False when it is not definite."""
    n = len(matrix)
    for k in range(n):
        if not matrix[k, k] > 0.0:
            return False
        root = np.sqrt(matrix[k, k])
        for i in range(k, n):
            matrix[i, k] /= root
        for j in range(k + 1, n):
            share = matrix[j, k]
            if share != 0.0:
                for i in range(k + 1, j + 1):
                    matrix[j, i] -= matrix[i, k] * share
    return True


@njit(cache=True, nogil=True)
def solve_factored(matrix, right):
    """Overwrite `right` with the solution for a factored matrix."""
    n = len(right)
    for k in range(n):
        right[k] /= matrix[k, k]
        for i in range(k + 1, n):
            right[i] -= matrix[i, k] * right[k]
    for k in range(n - 1, -1, -1):
        right[k] /= matrix[k, k]
        for i in range(k):
            right[i] -= matrix[k, i] * right[k]


@njit(cache=True, nogil=True)
def times(matrix, vector):
    """Return matrix @ vector."""
    out = np.zeros(matrix.shape[0])
    for i in range(matrix.shape[0]):
        for j in range(matrix.shape[1]):
            out[i] += matrix[i, j] * vector[j]
    return out


@njit(cache=True, nogil=True)
def _rotate(matrix, vectors, p, q):
    """One Jacobi rotation that makes matrix[p, q] zero."""
    angle = (matrix[q, q] - matrix[p, p]) / (2.0 * matrix[p, q])
    t = (1.0 if angle >= 0.0 else -1.0) / (abs(angle) + np.sqrt(angle * angle + 1.0))
    c = 1.0 / np.sqrt(t * t + 1.0)
    s = t * c
    for k in range(len(matrix)):
        left, right = matrix[k, p], matrix[k, q]
        matrix[k, p], matrix[k, q] = c * left - s * right, s * left + c * right
    for k in range(len(matrix)):
        left, right = matrix[p, k], matrix[q, k]
        matrix[p, k], matrix[q, k] = c * left - s * right, s * left + c * right
        left, right = vectors[k, p], vectors[k, q]
        vectors[k, p], vectors[k, q] = c * left - s * right, s * left + c * right


@njit(cache=True, nogil=True)
def _is_diagonal(matrix):
    off, size = 0.0, 0.0
    for p in range(len(matrix)):
        size += matrix[p, p] * matrix[p, p]
        for q in range(p + 1, len(matrix)):
            off += matrix[p, q] * matrix[p, q]
    return off <= 1e-28 * size


@njit(cache=True, nogil=True)
def _diagonalise(matrix, vectors):
    """Turn a symmetric matrix into its eigenvalues on the diagonal, and `vectors` into its eigenvectors (Jacobi's method)."""
    for _ in range(SWEEPS):
        if _is_diagonal(matrix):
            return
        for p in range(len(matrix)):
            for q in range(p + 1, len(matrix)):
                if matrix[p, q] != 0.0:
                    _rotate(matrix, vectors, p, q)


@njit(cache=True, nogil=True)
def made_definite(matrix, least_share):
    """Return a symmetric matrix with its eigenvalues raised to at least a share of the largest."""
    n = len(matrix)
    work, vectors, out = matrix.copy(), np.eye(n), np.zeros((n, n))
    _diagonalise(work, vectors)
    top = 1e-12
    for k in range(n):
        top = max(top, work[k, k])
    for k in range(n):
        value = max(work[k, k], least_share * top)
        for i in range(n):
            for j in range(n):
                out[i, j] += value * vectors[i, k] * vectors[j, k]
    return out
