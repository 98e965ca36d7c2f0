"""A small dense interior-point method for the step problem of the bundle method."""

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from models.allocation.problem import Floats

STEPS = 60
ACCURACY = 1e-10


def _longest_step(values: Floats, change: Floats) -> float:
    falls = change < 0
    return min(1.0, float(np.min(-0.9995 * values[falls] / change[falls]))) if falls.any() else 1.0


def _factor(normal: Floats) -> tuple[Floats, bool]:
    """Factor a matrix that is positive definite but for rounding."""
    ridge = 0.0
    while True:
        try:
            return cho_factor(normal + ridge * np.eye(len(normal)), check_finite=False)
        except np.linalg.LinAlgError:
            ridge = max(10.0 * ridge, 1e-10 * float(np.trace(normal)))


def solve_step(
    curvature: Floats, slopes: Floats, heights: Floats, lower: Floats, upper: Floats
) -> tuple[Floats, float, Floats]:
    """Minimise theta + d' curvature d / 2 over theta >= heights[k] + slopes[k] @ d and lower <= d <= upper.

    Shapes: curvature (m, m), positive definite; lower, upper (m); slopes (k, m); heights (k). Infinite uppers are left out. Returns (d, theta,
    weights of the k cuts, which sum to 1).
    """
    m = len(lower)
    bounded = np.isfinite(upper)
    eye = np.eye(m)
    rows = np.vstack(
        [
            np.hstack([-slopes, np.ones((len(slopes), 1))]),
            np.hstack([eye, np.zeros((m, 1))]),
            np.hstack([-eye[bounded], np.zeros((int(bounded.sum()), 1))]),
        ]
    )
    right = np.concatenate([heights, lower, -upper[bounded]])
    quad = np.zeros((m + 1, m + 1))
    quad[:m, :m] = curvature
    cost = np.zeros(m + 1)
    cost[m] = 1.0
    x = np.zeros(m + 1)
    x[:m] = np.clip(0.0, lower + 1e-3, np.where(bounded, upper - 1e-3, np.inf))
    x[m] = heights.max() + 1.0
    s = np.maximum(rows @ x - right, 1e-2)
    z = np.full(len(right), 1e-2)
    z[: len(slopes)] = 1.0 / len(slopes)
    scale = 1.0 + float(np.abs(right).max())
    for _ in range(STEPS):
        r_dual = quad @ x + cost - rows.T @ z
        r_prim = rows @ x - s - right
        mu = float(s @ z) / len(s)
        if mu < ACCURACY * scale and max(np.abs(r_dual).max(), np.abs(r_prim).max() / scale) < 1e-9:
            break
        ratio = z / s
        normal = (rows.T * ratio) @ rows
        normal += quad
        normal[np.diag_indices(m + 1)] += 1e-14 * (1.0 + np.trace(normal))
        if not np.isfinite(normal).all():
            break
        factor = _factor(normal)

        def direction(r_comp: Floats) -> tuple[Floats, Floats, Floats]:
            dx = cho_solve(factor, -r_dual + rows.T @ (-(r_comp + z * r_prim) / s), check_finite=False)  # noqa: B023
            ds = rows @ dx + r_prim  # noqa: B023
            return dx, ds, -(r_comp + z * ds) / s  # noqa: B023

        _, ds, dz = direction(s * z)
        affine = float((s + _longest_step(s, ds) * ds) @ (z + _longest_step(z, dz) * dz)) / len(s)
        dx, ds, dz = direction(s * z + ds * dz - mu * (affine / max(mu, 1e-300)) ** 3)
        step_s, step_z = _longest_step(s, ds), _longest_step(z, dz)
        step = min(step_s, step_z)
        if not (np.isfinite(dx).all() and np.isfinite(dz).all()):
            break  # as near as the arithmetic allows
        x, s, z = x + step * dx, s + step * ds, z + step * dz
    weights = np.maximum(z[: len(slopes)], 0.0)
    return np.clip(x[:m], lower, upper), float(x[m]), weights / max(weights.sum(), 1e-300)
