"""A trajectory smoothed with a model of constant acceleration driven by white jerk: Kalman filter and RTS smoother.

Both axes share one covariance. State: position, velocity, acceleration (Bar-Shalom, Li and Kirubarajan 2001, 6.2.3;
Rauch, Tung and Striebel 1965). Symmetric 3 × 3 matrices are kept as (00, 01, 02, 11, 12, 22).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kinema.kernels.jit import kernel

F64 = NDArray[np.float64]
Bool = NDArray[np.bool_]


@kernel
def predict_cov(p: F64, dt: float, q: float, out: F64) -> None:
    """out = F p Fᵀ + Q over dt seconds with jerk density q (m²/s⁵)."""
    h = 0.5 * dt * dt
    # F p, row by row.
    a0, a1, a2 = p[0] + dt * p[1] + h * p[2], p[1] + dt * p[3] + h * p[4], p[2] + dt * p[4] + h * p[5]
    b1, b2 = p[3] + dt * p[4], p[4] + dt * p[5]
    d2 = dt * dt
    d3 = d2 * dt
    out[0] = a0 + dt * a1 + h * a2 + q * d3 * d2 / 20.0
    out[1] = a1 + dt * a2 + q * d2 * d2 / 8.0
    out[2] = a2 + q * d3 / 6.0
    out[3] = b1 + dt * b2 + q * d3 / 3.0
    out[4] = b2 + q * d2 / 2.0
    out[5] = p[5] + q * dt


@kernel
def filter_path(
    t: F64, z: F64, fresh: Bool, r: float, q: F64, scale: float, x_f: F64, p_f: F64
) -> tuple[float, float, int]:
    """Filter positions z (n, 2) at times t with variance r and jerk density q (n,) × scale; `fresh` (n,) begins
    anew. Fills x_f (n, 2, 3) and p_f (n, 6); returns the sum of squared normalised innovations, of log variances, and
    their number (per axis)."""
    p = np.empty(6)
    chi2, log_s, count = 0.0, 0.0, 0
    since = 0
    for k in range(t.shape[0]):
        if k == 0 or fresh[k]:
            since = 0
            for j in range(2):
                x_f[k, j, 0], x_f[k, j, 1], x_f[k, j, 2] = z[k, j], 0.0, 0.0
            p_f[k, 0], p_f[k, 1], p_f[k, 2], p_f[k, 3], p_f[k, 4], p_f[k, 5] = r, 0.0, 0.0, 2500.0, 0.0, 400.0
            continue
        since += 1
        dt = t[k] - t[k - 1]
        predict_cov(p_f[k - 1], dt, q[k] * scale, p)
        s = p[0] + r
        g0, g1, g2 = p[0] / s, p[1] / s, p[2] / s
        for j in range(2):
            v, a = x_f[k - 1, j, 1], x_f[k - 1, j, 2]
            pos = x_f[k - 1, j, 0] + dt * v + 0.5 * dt * dt * a
            vel = v + dt * a
            nu = z[k, j] - pos
            x_f[k, j, 0], x_f[k, j, 1], x_f[k, j, 2] = pos + g0 * nu, vel + g1 * nu, a + g2 * nu
            if since > 3:
                chi2 += 0.5 * nu * nu / s
        if since > 3:
            log_s += np.log(s)
            count += 1
        p_f[k, 0] = p[0] * (1.0 - g0)
        p_f[k, 1] = p[1] * (1.0 - g0)
        p_f[k, 2] = p[2] * (1.0 - g0)
        p_f[k, 3] = p[3] - g1 * p[1]
        p_f[k, 4] = p[4] - g1 * p[2]
        p_f[k, 5] = p[5] - g2 * p[2]
    return chi2, log_s, count


@kernel
def smooth_path(t: F64, fresh: Bool, q: F64, scale: float, x: F64, p: F64) -> None:
    """Run the smoother backwards over what `filter_path` left in x (n, 2, 3) and p (n, 6), in place."""
    pp = np.empty(6)
    g = np.empty((3, 3))
    a = np.empty((3, 3))
    m = np.empty((3, 3))
    for k in range(t.shape[0] - 2, -1, -1):
        if fresh[k + 1]:
            continue
        dt = t[k + 1] - t[k]
        h = 0.5 * dt * dt
        predict_cov(p[k], dt, q[k + 1] * scale, pp)
        # a = p Fᵀ
        p0, p1, p2, p3, p4, p5 = p[k, 0], p[k, 1], p[k, 2], p[k, 3], p[k, 4], p[k, 5]
        a[0, 0], a[0, 1], a[0, 2] = p0 + dt * p1 + h * p2, p1 + dt * p2, p2
        a[1, 0], a[1, 1], a[1, 2] = p1 + dt * p3 + h * p4, p3 + dt * p4, p4
        a[2, 0], a[2, 1], a[2, 2] = p2 + dt * p4 + h * p5, p4 + dt * p5, p5
        # inverse of pp by cofactors
        c00, c01, c02 = pp[3] * pp[5] - pp[4] * pp[4], pp[2] * pp[4] - pp[1] * pp[5], pp[1] * pp[4] - pp[2] * pp[3]
        c11, c12, c22 = pp[0] * pp[5] - pp[2] * pp[2], pp[1] * pp[2] - pp[0] * pp[4], pp[0] * pp[3] - pp[1] * pp[1]
        det = pp[0] * c00 + pp[1] * c01 + pp[2] * c02
        if not det > 0.0:
            continue
        for i in range(3):
            g[i, 0] = (a[i, 0] * c00 + a[i, 1] * c01 + a[i, 2] * c02) / det
            g[i, 1] = (a[i, 0] * c01 + a[i, 1] * c11 + a[i, 2] * c12) / det
            g[i, 2] = (a[i, 0] * c02 + a[i, 1] * c12 + a[i, 2] * c22) / det
        for j in range(2):
            v, acc = x[k, j, 1], x[k, j, 2]
            e0 = x[k + 1, j, 0] - (x[k, j, 0] + dt * v + h * acc)
            e1 = x[k + 1, j, 1] - (v + dt * acc)
            e2 = x[k + 1, j, 2] - acc
            for i in range(3):
                x[k, j, i] += g[i, 0] * e0 + g[i, 1] * e1 + g[i, 2] * e2
        d0, d1, d2 = p[k + 1, 0] - pp[0], p[k + 1, 1] - pp[1], p[k + 1, 2] - pp[2]
        d3, d4, d5 = p[k + 1, 3] - pp[3], p[k + 1, 4] - pp[4], p[k + 1, 5] - pp[5]
        for i in range(3):
            m[i, 0] = g[i, 0] * d0 + g[i, 1] * d1 + g[i, 2] * d2
            m[i, 1] = g[i, 0] * d1 + g[i, 1] * d3 + g[i, 2] * d4
            m[i, 2] = g[i, 0] * d2 + g[i, 1] * d4 + g[i, 2] * d5
        p[k, 0] += m[0, 0] * g[0, 0] + m[0, 1] * g[0, 1] + m[0, 2] * g[0, 2]
        p[k, 1] += m[0, 0] * g[1, 0] + m[0, 1] * g[1, 1] + m[0, 2] * g[1, 2]
        p[k, 2] += m[0, 0] * g[2, 0] + m[0, 1] * g[2, 1] + m[0, 2] * g[2, 2]
        p[k, 3] += m[1, 0] * g[1, 0] + m[1, 1] * g[1, 1] + m[1, 2] * g[1, 2]
        p[k, 4] += m[1, 0] * g[2, 0] + m[1, 1] * g[2, 1] + m[1, 2] * g[2, 2]
        p[k, 5] += m[2, 0] * g[2, 0] + m[2, 1] * g[2, 1] + m[2, 2] * g[2, 2]
