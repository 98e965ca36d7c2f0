"""A small dense interior-point method for the step problem of the bundle method, compiled, with sums in a fixed order.

No linear-algebra library takes part: its sums differ between builds and threads, and prices and plan with them.
"""

import numpy as np
from numba import njit

from models.allocation.fixed_order import factor, solve_factored, times
from models.allocation.problem import Floats

STEPS = 60
ACCURACY = 1e-11
ROUNDING = 1e-9
COARSE = 1e-6


@njit(cache=True, nogil=True)
def _rows_times(slopes, box, at, x, out):
    """The constraint rows times x = (d, theta): cuts theta - slopes @ d, then box rows sign x d."""
    k, m = slopes.shape
    for i in range(k):
        total = x[m]
        for j in range(m):
            total -= slopes[i, j] * x[j]
        out[i] = total
    for b in range(len(box)):
        out[k + b] = box[b] * x[at[b]]


@njit(cache=True, nogil=True)
def _rows_turned_times(slopes, box, at, z, out):
    k, m = slopes.shape
    out[:] = 0.0
    for i in range(k):
        out[m] += z[i]
        for j in range(m):
            out[j] -= slopes[i, j] * z[i]
    for b in range(len(box)):
        out[at[b]] += box[b] * z[k + b]


@njit(cache=True, nogil=True)
def _normal(curvature, slopes, box, at, ratio, ridge, normal):
    """Lower half of curvature + rows' diag(ratio) rows + ridge."""
    k, m = slopes.shape
    normal[:] = 0.0
    for i in range(m):
        for j in range(i + 1):
            normal[i, j] = curvature[i, j]
    for c in range(k):
        for i in range(m):
            part = ratio[c] * slopes[c, i]
            if part != 0.0:
                for j in range(i + 1):
                    normal[i, j] += part * slopes[c, j]
            normal[m, i] -= part
        normal[m, m] += ratio[c]
    for b in range(len(box)):
        normal[at[b], at[b]] += ratio[k + b]
    trace = 0.0
    for i in range(m + 1):
        trace += normal[i, i]
    for i in range(m + 1):
        normal[i, i] += ridge * (1.0 + trace)


@njit(cache=True, nogil=True)
def _longest_step(values, change):
    step = 1.0
    for i in range(len(values)):
        if change[i] < 0.0:
            step = min(step, -0.9995 * values[i] / change[i])
    return step


@njit(cache=True, nogil=True)
def _direction(normal, slopes, box, at, s, z, r_dual, r_prim, r_comp, dx, ds, dz):
    size = len(s)
    pull = np.empty(size)
    for i in range(size):
        pull[i] = -(r_comp[i] + z[i] * r_prim[i]) / s[i]
    _rows_turned_times(slopes, box, at, pull, dx)
    for i in range(len(dx)):
        dx[i] -= r_dual[i]
    solve_factored(normal, dx)
    _rows_times(slopes, box, at, dx, ds)
    for i in range(size):
        ds[i] += r_prim[i]
        dz[i] = -(r_comp[i] + z[i] * ds[i]) / s[i]


@njit(cache=True, nogil=True)
def _residuals(curvature, slopes, box, at, right, x, s, z, r_dual, r_prim, before):
    """Fill the residuals; return (mean complementarity, whether more steps would only wander)."""
    m = slopes.shape[1]
    back = np.empty(m + 1)
    r_dual[:m] = times(curvature, x[:m])
    r_dual[m] = 1.0
    size_dual = max(1.0, np.abs(r_dual).max())
    _rows_turned_times(slopes, box, at, z, back)
    r_dual -= back
    _rows_times(slopes, box, at, x, r_prim)
    r_prim -= s + right
    mu = 0.0
    for i in range(len(s)):
        mu += s[i] * z[i] / len(s)
    scale = 1.0 + np.abs(right).max()
    off = max(np.abs(r_dual).max() / size_dual, np.abs(r_prim).max() / scale)
    return mu, mu < ACCURACY * scale and (off < ROUNDING or (off < COARSE and mu > 0.5 * before))


@njit(cache=True, nogil=True)
def _factored(curvature, slopes, box, at, ratio, normal):
    """Build and factor the normal matrix, with as much ridge as rounding asks for; False when none helps."""
    ridge = 1e-14
    _normal(curvature, slopes, box, at, ratio, ridge, normal)
    while not factor(normal):
        ridge *= 100.0
        if ridge > 1.0:
            return False
        _normal(curvature, slopes, box, at, ratio, ridge, normal)
    return True


@njit(cache=True, nogil=True)
def _interior(curvature, slopes, box, at, right, x, s, z):
    """Mehrotra's predictor-corrector from (x, s, z) in place; returns the steps taken."""
    m = slopes.shape[1]
    size = len(right)
    r_dual, r_prim = np.zeros(m + 1), np.empty(size)
    dx, ds, dz = np.empty(m + 1), np.empty(size), np.empty(size)
    normal = np.empty((m + 1, m + 1))
    mu = np.inf
    for turn in range(STEPS):
        mu, is_done = _residuals(curvature, slopes, box, at, right, x, s, z, r_dual, r_prim, mu)
        if is_done or not _factored(curvature, slopes, box, at, z / s, normal):
            return turn
        r_comp = s * z
        for is_corrector in range(2):
            if is_corrector:
                affine = 0.0
                step_s, step_z = _longest_step(s, ds), _longest_step(z, dz)
                for i in range(size):
                    affine += (s[i] + step_s * ds[i]) * (z[i] + step_z * dz[i]) / size
                r_comp += ds * dz - mu * (affine / max(mu, 1e-300)) ** 3
            _direction(normal, slopes, box, at, s, z, r_dual, r_prim, r_comp, dx, ds, dz)
        step = min(_longest_step(s, ds), _longest_step(z, dz))
        if not (np.isfinite(dx).all() and np.isfinite(dz).all()):
            return turn
        x += step * dx
        s += step * ds
        z += step * dz
    return STEPS


def solve_step(
    curvature: Floats, slopes: Floats, heights: Floats, lower: Floats, upper: Floats
) -> tuple[Floats, float, Floats]:
    """Minimise theta + d' curvature d / 2 over theta >= heights[k] + slopes[k] @ d and lower <= d <= upper.

    Shapes: curvature (m, m), positive definite; lower, upper (m); slopes (k, m); heights (k). Infinite uppers are left out. Returns (d, theta,
    weights of the k cuts, which sum to 1).
    """
    m, k = len(lower), len(slopes)
    bounded = np.flatnonzero(np.isfinite(upper))
    box = np.concatenate([np.ones(m), -np.ones(len(bounded))])
    at = np.concatenate([np.arange(m), bounded]).astype(np.int64)
    right = np.concatenate([heights, lower, -upper[bounded]])
    x = np.zeros(m + 1)
    x[:m] = np.clip(0.0, lower + 1e-3, np.where(np.isfinite(upper), upper - 1e-3, np.inf))
    x[m] = heights.max() + 1.0
    s = np.empty(len(right))
    _rows_times(slopes, box, at, x, s)
    s = np.maximum(s - right, 1e-2)
    z = np.full(len(right), 1e-2)
    z[:k] = 1.0 / k
    _interior(np.ascontiguousarray(curvature), np.ascontiguousarray(slopes), box, at, right, x, s, z)
    weights = np.maximum(z[:k], 0.0)
    return np.clip(x[:m], lower, upper), float(x[m]), weights / max(float(weights.sum()), 1e-300)
