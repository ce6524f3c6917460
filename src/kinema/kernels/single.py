"""Position and clock, velocity and drift of each epoch on its own: robust weighted least squares, with exclusion."""

from __future__ import annotations

import math

import numpy as np

from kinema.kernels.geodesy import line_of_sight, range_rate
from kinema.kernels.jit import kernel
from kinema.kernels.least_squares import backward_solve, cholesky, forward_solve, inverse_from_cholesky, student_weight

MAX_TURNS = 12
FAR_M = 10_000.0
NU = 4.0
PLAIN, ROBUST, LAST = 0.0, 1.0, 2.0
MOVE_M = 0.1
"""Moves below this are left to the smoother."""


@kernel
def _normal(
    first: int, last: int, s: int, code: np.ndarray, sigma: np.ndarray, system: np.ndarray, sat_p: np.ndarray,
    x: np.ndarray, stage: float, out_row: int, bias: np.ndarray, bias_sigma: np.ndarray,
    a: np.ndarray, b: np.ndarray, resid: np.ndarray, weight: np.ndarray,
) -> float:  # fmt: skip
    """Normal equations of one epoch at x (3 + s: position, clock, biases); returns the robust cost at the last stage.

    The stage is a float, for Numba compiles a function anew for each literal integer or truth value it is called with.
    """
    n = 3 + s
    h = np.empty(n)
    cost = 0.0
    for i in range(n):
        b[i] = 0.0
        for j in range(n):
            a[i, j] = 0.0
    for j in range(1, s):
        w = 1.0 / (bias_sigma[j] * bias_sigma[j])
        a[3 + j, 3 + j] = w
        b[3 + j] = w * (bias[j] - x[3 + j])
    for i in range(first, last):
        weight[i] = 0.0
        if not sigma[i] > 0:
            continue
        rho, ex, ey, ez = line_of_sight(sat_p[i, 0], sat_p[i, 1], sat_p[i, 2], x[0], x[1], x[2])
        q = system[i]
        r = code[i] - rho - x[3]
        if q > 0:
            r -= x[3 + q]
        resid[i] = r
        if i == out_row:
            continue
        u = r / sigma[i]
        w = student_weight(u, NU) if stage > PLAIN else 1.0
        if stage > ROBUST:
            cost += math.log(1.0 + u * u / NU)
        weight[i] = w
        w /= sigma[i] * sigma[i]
        h[0], h[1], h[2], h[3] = -ex, -ey, -ez, 1.0
        for c in range(4):
            for e in range(c + 1):
                a[c, e] += w * h[c] * h[e]
            b[c] += w * r * h[c]
        if q > 0:
            for c in range(4):
                a[3 + q, c] += w * h[c]
            a[3 + q, 3 + q] += w
            b[3 + q] += w * r
    return cost


@kernel
def _solve_epoch(
    first: int, last: int, s: int, code: np.ndarray, sigma: np.ndarray, system: np.ndarray, sat_p: np.ndarray,
    x: np.ndarray, out_row: int, bias: np.ndarray, bias_sigma: np.ndarray,
    a: np.ndarray, b: np.ndarray, resid: np.ndarray, weight: np.ndarray,
) -> float:  # fmt: skip
    """Solve one epoch from x on; its robust cost, or −1 where it has no solution. `a` is left factored."""
    n = 3 + s
    stage = PLAIN
    for _ in range(MAX_TURNS):
        _normal(
            first, last, s, code, sigma, system, sat_p, x, stage, out_row, bias, bias_sigma, a, b, resid, weight
        )  # fmt: skip
        for j in range(3):
            a[j, j] += 1e-14
        if not cholesky(a, n):
            return -1.0
        forward_solve(a, b, n)
        backward_solve(a, b, n)
        move = 0.0
        for j in range(n):
            x[j] += b[j]
            if j < 3:
                move = max(move, abs(b[j]))
        if not math.isfinite(move) or move > 1e9:
            return -1.0
        if stage > PLAIN and move < MOVE_M:
            break
        if move < FAR_M:
            stage = ROBUST
    cost = _normal(
        first, last, s, code, sigma, system, sat_p, x, LAST, out_row, bias, bias_sigma, a, b, resid, weight
    )  # fmt: skip
    return cost if cholesky(a, n) else -1.0


@kernel
def solve_epochs(
    row_start: np.ndarray, code: np.ndarray, sigma: np.ndarray, system: np.ndarray, sat_p: np.ndarray,
    bias: np.ndarray, bias_sigma: np.ndarray, start: np.ndarray, fault_sigma: float,
    p: np.ndarray, clock: np.ndarray, cov: np.ndarray, used: np.ndarray, resid: np.ndarray, weight: np.ndarray,
) -> int:  # fmt: skip
    """Robust position and clocks of each epoch from codes (m,) free of satellite clock and atmosphere.

    sigma (m,) in metres, 0: not used; system (m,) 0 … s − 1; bias, bias_sigma (s,) prior of each system's clock
    against the first one's; start (3,) ECEF, zeros: none known. Where the worst residual of a solved epoch exceeds
    fault_sigma, each row is left out once and the cheapest robust solution is kept if it is clearly better
    (leave-one-out: a Student-t can settle on the wrong side of one gross fault). Out: p (n, 3), clock (n, s), cov
    (n, 4, 4) of position and clock, used (n,) rows, resid and weight (m,). NaN where there is no solution. Returns
    the number of solved epochs.
    """
    n, s = clock.shape
    dim = 3 + s
    x, best, a, b, inv = np.zeros(dim), np.zeros(dim), np.empty((dim, dim)), np.empty(dim), np.empty((dim, dim))
    last_good = start.copy()
    solved = 0
    for k in range(n):
        i0, i1 = row_start[k], row_start[k + 1]
        p[k], clock[k], cov[k] = np.nan, np.nan, np.nan
        count = 0
        seen = 0
        for i in range(i0, i1):
            weight[i] = 0.0
            resid[i] = np.nan
            if sigma[i] > 0:
                count += 1
                if bias_sigma[system[i]] > 1e4:
                    seen |= 1 << system[i]
        free = 0
        for j in range(1, s):
            free += (seen >> j) & 1
        used[k] = count
        if count < 4 + free:
            continue
        x[:3] = last_good
        x[3:] = 0.0
        for j in range(1, s):
            x[3 + j] = bias[j]
        cost = _solve_epoch(
            i0, i1, s, code, sigma, system, sat_p, x, i0 - 1, bias, bias_sigma, a, b, resid, weight
        )  # fmt: skip
        if cost < 0 or not 6.2e6 < math.sqrt(x[0] * x[0] + x[1] * x[1] + x[2] * x[2]) < 9e6:
            continue
        worst = 0.0
        for i in range(i0, i1):
            if sigma[i] > 0:
                worst = max(worst, abs(resid[i]) / sigma[i])
        if worst > fault_sigma and count > 5 + free and count <= 14:
            best[:] = x
            found, lowest, term = i0 - 1, cost, 0.0
            for i in range(i0, i1):
                if sigma[i] > 0:
                    x[:] = best
                    trial = _solve_epoch(
                        i0, i1, s, code, sigma, system, sat_p, x, i, bias, bias_sigma, a, b, resid, weight
                    )  # fmt: skip
                    term = math.log(1.0 + (resid[i] / sigma[i]) ** 2 / NU)
                    if trial >= 0 and trial + term < lowest - 1.0:
                        found, lowest = i, trial + term
            x[:] = best
            _solve_epoch(i0, i1, s, code, sigma, system, sat_p, x, found, bias, bias_sigma, a, b, resid, weight)
        inverse_from_cholesky(a, inv, dim)
        for c in range(4):
            for e in range(4):
                cov[k, c, e] = inv[c, e]
        p[k] = x[:3]
        for j in range(s):
            clock[k, j] = x[3 + j]
        last_good[:] = x[:3]
        solved += 1
    return solved


@kernel
def doppler_epochs(
    row_start: np.ndarray, rate: np.ndarray, sigma: np.ndarray, sat_p: np.ndarray, sat_v: np.ndarray,
    unit: np.ndarray, p: np.ndarray, v: np.ndarray, drift: np.ndarray, cov: np.ndarray,
    resid: np.ndarray, weight: np.ndarray,
) -> None:  # fmt: skip
    """Robust velocity (n, 3), clock drift (n,) and covariance (n, 4, 4) of each epoch from pseudorange rates (m,).

    rate: measured −λ D plus the satellite's clock drift, in m/s; sigma 0: not used. NaN where unsolved.
    """
    a, b, h, inv, x = np.empty((4, 4)), np.empty(4), np.empty(4), np.empty((4, 4)), np.empty(4)
    for k in range(len(row_start) - 1):
        v[k], drift[k], cov[k] = np.nan, np.nan, np.nan
        x[:] = 0.0
        ok = math.isfinite(p[k, 0])
        for turn in range(10):
            a[:], b[:] = 0.0, 0.0
            count = 0
            for i in range(row_start[k], row_start[k + 1]):
                weight[i] = 0.0
                if not (ok and sigma[i] > 0):
                    continue
                count += 1
                model = range_rate(
                    sat_p[i, 0], sat_p[i, 1], sat_v[i, 0], sat_v[i, 1], sat_v[i, 2],
                    p[k, 0], p[k, 1], x[0], x[1], x[2], unit[i, 0], unit[i, 1], unit[i, 2],
                )  # fmt: skip
                r = rate[i] - model - x[3]
                resid[i] = r
                weight[i] = student_weight(r / sigma[i], NU) if turn > 1 else 1.0
                w = weight[i] / (sigma[i] * sigma[i])
                h[0], h[1], h[2], h[3] = -unit[i, 0], -unit[i, 1], -unit[i, 2], 1.0
                for c in range(4):
                    for e in range(c + 1):
                        a[c, e] += w * h[c] * h[e]
                    b[c] += w * r * h[c]
            ok = ok and count >= 4 and cholesky(a, 4)
            if not ok:
                break
            forward_solve(a, b, 4)
            backward_solve(a, b, 4)
            for c in range(4):
                x[c] += b[c]
            if turn > 2 and abs(b[0]) + abs(b[1]) + abs(b[2]) < 1e-4:
                break
        if ok:
            inverse_from_cholesky(a, inv, 4)
            v[k] = x[:3]
            drift[k] = x[3]
            cov[k] = inv
