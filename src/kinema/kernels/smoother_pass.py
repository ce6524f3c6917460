"""The trajectory of kernels.smoother's equations: solved over all epochs at once, or epoch by epoch.

Block-tridiagonal elimination forwards, substitution and selected inversion backwards; O(epochs).
"""

from __future__ import annotations

import numpy as np

from kinema.kernels.jit import kernel
from kinema.kernels.least_squares import backward_solve, cholesky, forward_solve, inverse_from_cholesky
from kinema.kernels.smoother import (
    FIRST_WIDEN,
    WIDEN_CARRIER,
    WIDEN_CODE,
    add_motion,
    add_rows,
    eliminate,
    prior_rows,
    weights_of_epoch,
)


@kernel
def smooth_pass(
    dt_s: np.ndarray, row_start: np.ndarray, system: np.ndarray, prev: np.ndarray, unit: np.ndarray,
    wet: np.ndarray, z: np.ndarray, sigma: np.ndarray, inflation: np.ndarray, p0: np.ndarray, up: np.ndarray,
    process: np.ndarray, prior: np.ndarray, tune: np.ndarray,
    x: np.ndarray, resid: np.ndarray, weight: np.ndarray,
    d: np.ndarray, cross: np.ndarray, b: np.ndarray,
) -> float:  # fmt: skip
    """One Gauss–Newton pass: re-weight at x, solve, move x. Returns the largest move of a position (m), −1 if singular.

    n epochs, m rows, s states: dt_s (n,) since the epoch before; row_start (n + 1,); system, prev (m,): 0 is the
    reference system; prev the row of the same satellite one epoch before; unit (m, 3) to the satellite; wet (m,);
    z, sigma, resid, weight (m, 3) by CODE, DOPPLER, CARRIER: measured minus modelled at p0 with zero clock and
    velocity, sigma 0 where absent; inflation (m, 2) of the variance of code and Doppler for their correlation in time;
    up (n, 3); x, b (n, s); d, cross (n, s, s) are left factored for `smooth_covariances`.
    """
    n, s = x.shape
    for k in range(n):
        d[k], cross[k], b[k] = 0.0, 0.0, 0.0
        before = max(k - 1, 0)
        weights_of_epoch(k, x, row_start, system, prev, unit, wet, z, sigma, tune, resid, weight)
        add_rows(
            k, row_start, system, unit, wet, sigma, inflation, resid, weight,
            d[k], d[before], cross[k], b[k], b[before],
        )  # fmt: skip
        if k == 0:
            prior_rows(s, x, prior, d[0], b[0])
            continue
        add_motion(k, s, dt_s[k], x, p0, up, process, d[k], d[k - 1], cross[k], b[k], b[k - 1])
        if not eliminate(s, d[k - 1], cross[k], b[k - 1], d[k], b[k]):
            return -1.0
    if not cholesky(d[n - 1], s):
        return -1.0
    forward_solve(d[n - 1], b[n - 1], s)
    worst = 0.0
    for k in range(n - 1, -1, -1):
        if k < n - 1:
            for a in range(s):
                f = b[k, a]
                for c in range(s):
                    f -= cross[k + 1, a, c] * b[k + 1, c]
                b[k, a] = f
        backward_solve(d[k], b[k], s)
        for a in range(s):
            x[k, a] += b[k, a]
        worst = max(worst, abs(b[k, 0]), abs(b[k, 1]), abs(b[k, 2]))
    return worst


@kernel
def smooth_covariances(d: np.ndarray, cross: np.ndarray, cov: np.ndarray) -> None:
    """Covariances (n, 8, 8) of the first eight states from the factors that `smooth_pass` left (selected inversion)."""
    n, s = d.shape[0], d.shape[1]
    now, nxt, w, t = np.empty((s, s)), np.zeros((s, s)), np.empty((s, s)), np.empty((s, s))
    for k in range(n - 1, -1, -1):
        inverse_from_cholesky(d[k], now, s)
        if k < n - 1:
            for c in range(s):
                for a in range(s):
                    w[a, c] = cross[k + 1, a, c]
                for i in range(s - 1, -1, -1):
                    f = w[i, c]
                    for j in range(i + 1, s):
                        f -= d[k, j, i] * w[j, c]
                    w[i, c] = f / d[k, i, i]
            for a in range(s):
                for c in range(s):
                    f = 0.0
                    for j in range(s):
                        f += w[a, j] * nxt[j, c]
                    t[a, c] = f
            for a in range(s):
                for c in range(a + 1):
                    f = 0.0
                    for j in range(s):
                        f += t[a, j] * w[c, j]
                    now[a, c] += f
                    if c != a:
                        now[c, a] = now[a, c]
        for a in range(8):
            for c in range(8):
                cov[k, a, c] = now[a, c]
        now, nxt = nxt, now


@kernel
def filter_pass(
    dt_s: np.ndarray, row_start: np.ndarray, system: np.ndarray, prev: np.ndarray, unit: np.ndarray,
    wet: np.ndarray, z: np.ndarray, sigma: np.ndarray, inflation: np.ndarray, p0: np.ndarray, up: np.ndarray,
    process: np.ndarray, prior: np.ndarray, tune: np.ndarray, turns: int,
    x: np.ndarray, resid: np.ndarray, weight: np.ndarray, cov: np.ndarray,
) -> int:  # fmt: skip
    """The causal pass of the same model: each epoch is solved with what came before it, and never touched again.

    Arguments as in smooth_pass; cov (n, 8, 8). Each epoch is re-weighted `turns`
    times, its Doppler and carrier sigmas narrowing to what they are. Returns −1, or the epoch
    that was singular.
    """
    n, s = x.shape
    kept, kept_b = np.zeros((s, s)), np.zeros(s)
    d0, d1, cross, b0, b1 = np.empty((s, s)), np.empty((s, s)), np.empty((s, s)), np.empty(s), np.empty(s)
    work, low, narrowing = np.empty((2, s)), np.empty((s, s)), tune.copy()
    for a in range(s):
        kept[a, a] = 1.0 / (prior[a] * prior[a])
    for k in range(n):
        if k > 0:
            for a in range(s):
                x[k, a] = x[k - 1, a]
            for a in range(3):
                x[k, a] += p0[k - 1, a] - p0[k, a] + dt_s[k] * x[k - 1, 4 + a]
            x[k, 3] += dt_s[k] * x[k - 1, 7]
            work[0] = x[k - 1]
        for turn in range(turns):
            for a in range(WIDEN_CODE, WIDEN_CARRIER + 1):
                narrowing[a] = tune[a] * max(1.0, FIRST_WIDEN[a - WIDEN_CODE] / 4.0**turn)
            weights_of_epoch(k, x, row_start, system, prev, unit, wet, z, sigma, narrowing, resid, weight)
            d1[:], cross[:], b1[:] = 0.0, 0.0, 0.0
            if k == 0:
                d1[:] = kept
                for a in range(s):
                    b1[a] = -kept[a, a] * x[0, a]
                add_rows(k, row_start, system, unit, wet, sigma, inflation, resid, weight, d1, d0, cross, b1, b0)
            else:
                d0[:] = kept
                for a in range(s):
                    b0[a] = 0.0
                for a in range(s):
                    for c in range(a + 1):
                        b0[a] -= kept[a, c] * (x[k - 1, c] - work[0, c])
                        if c < a:
                            b0[c] -= kept[a, c] * (x[k - 1, a] - work[0, a])
                add_rows(k, row_start, system, unit, wet, sigma, inflation, resid, weight, d1, d0, cross, b1, b0)
                add_motion(k, s, dt_s[k], x, p0, up, process, d1, d0, cross, b1, b0)
                if not eliminate(s, d0, cross, b0, d1, b1):
                    return k
            kept_b[:] = b1
            work[1] = 0.0
            low[:] = d1
            if not cholesky(low, s):
                return k
            forward_solve(low, kept_b, s)
            backward_solve(low, kept_b, s)
            for a in range(s):
                x[k, a] += kept_b[a]
            if k > 0:
                for a in range(s):
                    f = b0[a]
                    for c in range(s):
                        f -= cross[a, c] * kept_b[c]
                    work[1, a] = f
                backward_solve(d0, work[1], s)
                for a in range(s):
                    x[k - 1, a] += work[1, a]
        if k > 0:
            x[k - 1] = work[0]
        kept[:] = d1
        inverse_from_cholesky(low, d0, s)
        for a in range(8):
            for c in range(8):
                cov[k, a, c] = d0[a, c]
    return -1
