"""A wheeled mover from ranges to satellites and its own odometry: block-tridiagonal Gauss–Newton in a local frame.

State of an epoch: north, east, down (m), heading (rad), wheel scale, yaw-rate bias (rad/s), clock drift (m/s), then
one receiver clock (m) per satellite system. Between epochs the wheels carry the position along the heading and the
yaw rate turns it.
"""

from __future__ import annotations

import math

import numpy as np

from kinema.kernels.jit import kernel
from kinema.kernels.least_squares import backward_solve, cholesky, forward_solve, student_weight
from kinema.kernels.smoother import eliminate

NORTH, EAST, DOWN, HEADING, SCALE, RATE_BIAS, DRIFT, CLOCK = 0, 1, 2, 3, 4, 5, 6, 7


@kernel
def planar_step(x: np.ndarray, dt: float, speed: float, rate: float, out: np.ndarray, f: np.ndarray) -> None:
    """Predict one epoch (n,) over dt seconds into out, with the Jacobian f (n, n)."""
    n = len(x)
    turn = (rate - x[RATE_BIAS]) * dt
    mid = x[HEADING] + 0.5 * turn
    c, s = math.cos(mid), math.sin(mid)
    step = x[SCALE] * speed * dt
    for a in range(n):
        out[a] = x[a]
        for b in range(n):
            f[a, b] = 0.0
        f[a, a] = 1.0
    out[NORTH] += step * c
    out[EAST] += step * s
    out[HEADING] += turn
    f[NORTH, HEADING], f[EAST, HEADING] = -step * s, step * c
    f[NORTH, SCALE], f[EAST, SCALE] = speed * dt * c, speed * dt * s
    f[NORTH, RATE_BIAS], f[EAST, RATE_BIAS] = 0.5 * dt * step * s, -0.5 * dt * step * c
    f[HEADING, RATE_BIAS] = -dt
    for a in range(CLOCK, n):
        out[a] += x[DRIFT] * dt
        f[a, DRIFT] = dt


@kernel
def planar_rows(
    first: int, last: int, x: np.ndarray, sat_n: np.ndarray, range_m: np.ndarray, sigma: np.ndarray,
    system: np.ndarray, nu_early: float, nu_late: float, widen: float, information: np.ndarray,
    d: np.ndarray, b: np.ndarray, resid: np.ndarray, weight: np.ndarray,
) -> float:  # fmt: skip
    """Add the ranges first … last − 1 to the information d (lower half) and right side b; returns their cost."""
    h = np.empty(4)
    cost = 0.0
    for i in range(first, last):
        if not sigma[i] > 0:
            continue
        dn, de, dd = x[0] - sat_n[i, 0], x[1] - sat_n[i, 1], x[2] - sat_n[i, 2]
        rho = math.sqrt(dn * dn + de * de + dd * dd)
        q = CLOCK + system[i]
        r = range_m[i] - rho - x[q]
        nu = nu_late if r > 0 else nu_early
        u = r / (sigma[i] * widen)
        resid[i], weight[i] = r, student_weight(u, nu)
        cost += 0.5 * (nu + 1) * math.log(1 + u * u / nu)
        w = weight[i] * information[i] / (sigma[i] * sigma[i])
        h[0], h[1], h[2] = dn / rho, de / rho, dd / rho
        for a in range(3):
            for c in range(a + 1):
                d[a, c] += w * h[a] * h[c]
            d[q, a] += w * h[a]
            b[a] += w * r * h[a]
        d[q, q] += w
        b[q] += w * r
    return cost


@kernel
def planar_pass(
    dt_s: np.ndarray, speed: np.ndarray, rate: np.ndarray, row_start: np.ndarray, system: np.ndarray,
    sat_n: np.ndarray, range_m: np.ndarray, sigma: np.ndarray, noise: np.ndarray, prior_mean: np.ndarray,
    prior_sigma: np.ndarray, nu_early: float, nu_late: float, widen: float, information: np.ndarray,
    x: np.ndarray, resid: np.ndarray, weight: np.ndarray, d: np.ndarray, cross: np.ndarray, b: np.ndarray,
) -> tuple[float, float]:  # fmt: skip
    """One Gauss–Newton pass over all epochs; returns the cost before it and the largest move (m), −1 if singular.

    dt_s, speed, rate (n,) lead from the epoch before to this one; noise (n, s) standard deviation of that step;
    prior of the first epoch; information (m,): share of each range's information that is counted, for its errors last.
    x, b (n, s), d, cross (n, s, s) are left factored for smoother.smooth_covariances.
    """
    n, s = x.shape
    f, pred, r = np.empty((s, s)), np.empty(s), np.empty(s)
    cost = 0.0
    for k in range(n):
        d[k], cross[k], b[k] = 0.0, 0.0, 0.0
        cost += planar_rows(
            row_start[k], row_start[k + 1], x[k], sat_n, range_m, sigma, system, nu_early, nu_late, widen,
            information, d[k], b[k], resid, weight,
        )  # fmt: skip
        if k == 0:
            for a in range(s):
                w = 1.0 / (prior_sigma[a] * prior_sigma[a])
                d[0, a, a] += w
                b[0, a] += w * (prior_mean[a] - x[0, a])
            continue
        planar_step(x[k - 1], dt_s[k], speed[k], rate[k], pred, f)
        for a in range(s):
            r[a] = (x[k, a] - pred[a]) / (noise[k, a] * noise[k, a])
            cost += 0.5 * r[a] * (x[k, a] - pred[a])
        for c in range(s):
            w = 1.0 / (noise[k, c] * noise[k, c])
            d[k, c, c] += w
            b[k, c] -= r[c]
            for a in range(s):
                fa = f[c, a]
                if fa == 0.0:
                    continue
                cross[k, a, c] -= w * fa
                b[k - 1, a] += fa * r[c]
                for e in range(a + 1):
                    d[k - 1, a, e] += w * fa * f[c, e]
        if not eliminate(s, d[k - 1], cross[k], b[k - 1], d[k], b[k]):
            return cost, -1.0
    if not cholesky(d[n - 1], s):
        return cost, -1.0
    forward_solve(d[n - 1], b[n - 1], s)
    worst = 0.0
    for k in range(n - 1, -1, -1):
        if k < n - 1:
            for a in range(s):
                g = b[k, a]
                for c in range(s):
                    g -= cross[k + 1, a, c] * b[k + 1, c]
                b[k, a] = g
        backward_solve(d[k], b[k], s)
        for a in range(s):
            x[k, a] += b[k, a]
        worst = max(worst, abs(b[k, 0]), abs(b[k, 1]), abs(b[k, 2]))
    return cost, worst
