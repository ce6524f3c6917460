"""One trajectory from code, Doppler and time-differenced carrier: block-tridiagonal Gauss–Newton, O(epochs).

State of an epoch, in this order: correction to the position p0 (3, ECEF), receiver clock c (m), velocity (3),
clock drift (m/s), residual zenith delay of the troposphere (m), then one inter-system bias (m) per system after the
first. Neighbouring epochs are linked by
constant velocity with white acceleration, by the clock's two-state model, by slow biases, and by the carrier's
change. Robust weights are Student-t, re-weighted at each pass; the systems are solved for increments, so that
large clock values cost no digits.
"""

from __future__ import annotations

import numpy as np

from kinema.kernels.jit import kernel
from kinema.kernels.least_squares import backward_solve, cholesky, forward_solve, inverse_from_cholesky, student_weight

CODE, DOPPLER, CARRIER = 0, 1, 2
ZENITH = 8
# Columns of `tune`: degrees of freedom per kind, and how many times wider the sigmas are taken in this pass.
NU_CODE, NU_CODE_LATE, NU_DOPPLER, NU_CARRIER, WIDEN_CODE, WIDEN_DOPPLER, WIDEN_CARRIER = 0, 1, 2, 3, 4, 5, 6
FIRST_WIDEN = (1.0, 4.0, 64.0)
"""The filter's first turn takes sigmas this much wider, for the motion since the last epoch is not yet known."""
# Columns of `process`: power densities of acceleration across and along the vertical, clock, clock drift, biases.
Q_LEVEL, Q_UP, Q_CLOCK, Q_DRIFT, Q_BIAS, Q_ZENITH = 0, 1, 2, 3, 4, 5


@kernel
def _weights_of_epoch(
    k: int, x: np.ndarray, row_start: np.ndarray, system: np.ndarray, prev: np.ndarray, unit: np.ndarray,
    wet: np.ndarray, z: np.ndarray, sigma: np.ndarray, tune: np.ndarray, resid: np.ndarray, weight: np.ndarray,
) -> None:  # fmt: skip
    """Residuals and robust weights (share of 1 / sigma²) of the rows of epoch k at the states x."""
    for i in range(row_start[k], row_start[k + 1]):
        e0, e1, e2 = unit[i, 0], unit[i, 1], unit[i, 2]
        along = e0 * x[k, 0] + e1 * x[k, 1] + e2 * x[k, 2]
        if sigma[i, CODE] > 0:
            r = z[i, CODE] + along - x[k, 3] - wet[i] * x[k, ZENITH]
            if system[i] > 0:
                r -= x[k, ZENITH + system[i]]
            resid[i, CODE] = r
            nu = tune[NU_CODE_LATE] if r > 0 else tune[NU_CODE]
            weight[i, CODE] = student_weight(r / (sigma[i, CODE] * tune[WIDEN_CODE]), nu)
        if sigma[i, DOPPLER] > 0:
            r = z[i, DOPPLER] + e0 * x[k, 4] + e1 * x[k, 5] + e2 * x[k, 6] - x[k, 7]
            resid[i, DOPPLER] = r
            weight[i, DOPPLER] = student_weight(r / (sigma[i, DOPPLER] * tune[WIDEN_DOPPLER]), tune[NU_DOPPLER])
        if sigma[i, CARRIER] > 0:
            j = prev[i]
            before = unit[j, 0] * x[k - 1, 0] + unit[j, 1] * x[k - 1, 1] + unit[j, 2] * x[k - 1, 2]
            r = z[i, CARRIER] + along - before - x[k, 3] + x[k - 1, 3]
            resid[i, CARRIER] = r
            weight[i, CARRIER] = student_weight(r / (sigma[i, CARRIER] * tune[WIDEN_CARRIER]), tune[NU_CARRIER])


@kernel
def _add_rows(
    k: int, row_start: np.ndarray, system: np.ndarray, unit: np.ndarray, wet: np.ndarray,
    sigma: np.ndarray, inflation: np.ndarray, resid: np.ndarray, weight: np.ndarray,
    d: np.ndarray, d_before: np.ndarray, cross: np.ndarray, b: np.ndarray, b_before: np.ndarray,
) -> None:  # fmt: skip
    """Add the rows of epoch k to the information d (lower half), cross (before × now) and right sides."""
    h, g = np.empty(4), np.empty(4)
    h[3] = 1.0
    g[3] = -1.0
    for i in range(row_start[k], row_start[k + 1]):
        h[0], h[1], h[2] = -unit[i, 0], -unit[i, 1], -unit[i, 2]
        if sigma[i, CODE] > 0:
            w = weight[i, CODE] / (sigma[i, CODE] * sigma[i, CODE] * inflation[i, CODE])
            wr = w * resid[i, CODE]
            for a in range(4):
                for c in range(a + 1):
                    d[a, c] += w * h[a] * h[c]
                b[a] += wr * h[a]
            f = wet[i]
            for a in range(4):
                d[ZENITH, a] += w * f * h[a]
            d[ZENITH, ZENITH] += w * f * f
            b[ZENITH] += wr * f
            if system[i] > 0:
                s = ZENITH + system[i]
                for a in range(4):
                    d[s, a] += w * h[a]
                d[s, ZENITH] += w * f
                d[s, s] += w
                b[s] += wr
        if sigma[i, DOPPLER] > 0:
            w = weight[i, DOPPLER] / (sigma[i, DOPPLER] * sigma[i, DOPPLER] * inflation[i, DOPPLER])
            wr = w * resid[i, DOPPLER]
            for a in range(4):
                for c in range(a + 1):
                    d[4 + a, 4 + c] += w * h[a] * h[c]
                b[4 + a] += wr * h[a]
        if sigma[i, CARRIER] > 0:
            # One direction for both epochs: a carrier's change tells where the receiver went, not where it is. With
            # each epoch's own direction the turn of the line of sight would place it, by errors that drift (orbits,
            # ionosphere) and that are taken for white: 30 m off in the open on one frequency.
            w = weight[i, CARRIER] / (sigma[i, CARRIER] * sigma[i, CARRIER])
            wr = w * resid[i, CARRIER]
            g[0], g[1], g[2] = unit[i, 0], unit[i, 1], unit[i, 2]
            for a in range(4):
                for c in range(a + 1):
                    d[a, c] += w * h[a] * h[c]
                    d_before[a, c] += w * g[a] * g[c]
                for c in range(4):
                    cross[a, c] += w * g[a] * h[c]
                b[a] += wr * h[a]
                b_before[a] += wr * g[a]


@kernel
def _add_motion(
    k: int, n: int, dt: float, x: np.ndarray, p0: np.ndarray, up: np.ndarray, process: np.ndarray,
    d: np.ndarray, d_before: np.ndarray, cross: np.ndarray, b: np.ndarray, b_before: np.ndarray,
) -> None:  # fmt: skip
    """Add the link between epochs k − 1 and k: motion, clock and biases over dt seconds."""
    i11, i12, i22 = 12.0 / (dt * dt * dt), -6.0 / (dt * dt), 4.0 / dt
    level = 1.0 / process[Q_LEVEL]
    more = 1.0 / process[Q_UP] - level
    rp, rv = np.empty(3), np.empty(3)
    for a in range(3):
        rp[a] = p0[k, a] + x[k, a] - p0[k - 1, a] - x[k - 1, a] - dt * x[k - 1, 4 + a]
        rv[a] = x[k, 4 + a] - x[k - 1, 4 + a]
    for a in range(3):
        for c in range(3):
            w = more * up[k, a] * up[k, c]
            if a == c:
                w += level
            jpv = i12 + dt * i11
            jvv = i22 + dt * (i12 + dt * i11) + dt * i12
            if c <= a:
                d[a, c] += w * i11
                d[4 + a, 4 + c] += w * i22
                d_before[a, c] += w * i11
                d_before[4 + a, 4 + c] += w * jvv
            d[4 + a, c] += w * i12
            d_before[4 + a, c] += w * jpv
            cross[a, c] -= w * i11
            cross[a, 4 + c] -= w * i12
            cross[4 + a, c] -= w * jpv
            cross[4 + a, 4 + c] -= w * (i22 + dt * i12)
            fp = w * (i11 * rp[c] + i12 * rv[c])
            fv = w * (i12 * rp[c] + i22 * rv[c])
            b[a] -= fp
            b[4 + a] -= fv
            b_before[a] += fp
            b_before[4 + a] += fv + dt * fp
    _add_clock(k, n, dt, x, process, d, d_before, cross, b, b_before)


@kernel
def _add_clock(
    k: int, n: int, dt: float, x: np.ndarray, process: np.ndarray,
    d: np.ndarray, d_before: np.ndarray, cross: np.ndarray, b: np.ndarray, b_before: np.ndarray,
) -> None:  # fmt: skip
    s11 = process[Q_CLOCK] * dt + process[Q_DRIFT] * dt * dt * dt / 3
    s12, s22 = process[Q_DRIFT] * dt * dt / 2, process[Q_DRIFT] * dt
    det = s11 * s22 - s12 * s12
    i11, i12, i22 = s22 / det, -s12 / det, s11 / det
    rc = x[k, 3] - x[k - 1, 3] - dt * x[k - 1, 7]
    rd = x[k, 7] - x[k - 1, 7]
    d[3, 3] += i11
    d[7, 3] += i12
    d[7, 7] += i22
    d_before[3, 3] += i11
    d_before[7, 3] += i12 + dt * i11
    d_before[7, 7] += i22 + dt * (2 * i12 + dt * i11)
    cross[3, 3] -= i11
    cross[3, 7] -= i12
    cross[7, 3] -= i12 + dt * i11
    cross[7, 7] -= i22 + dt * i12
    fc, fd = i11 * rc + i12 * rd, i12 * rc + i22 * rd
    b[3] -= fc
    b[7] -= fd
    b_before[3] += fc
    b_before[7] += fd + dt * fc
    for s in range(ZENITH, n):
        w = 1.0 / (process[Q_ZENITH if s == ZENITH else Q_BIAS] * dt)
        r = w * (x[k, s] - x[k - 1, s])
        d[s, s] += w
        d_before[s, s] += w
        cross[s, s] -= w
        b[s] -= r
        b_before[s] += r


@kernel
def eliminate(n: int, d_before: np.ndarray, cross: np.ndarray, b_before: np.ndarray,
               d: np.ndarray, b: np.ndarray) -> bool:  # fmt: skip
    """Factor the epoch before and fold it into this one; cross becomes L⁻¹ cross, b_before L⁻¹ b_before."""
    if not cholesky(d_before, n):
        return False
    forward_solve(d_before, b_before, n)
    for i in range(n):
        inv = 1.0 / d_before[i, i]
        for k in range(i):
            f = d_before[i, k]
            for c in range(n):
                cross[i, c] -= f * cross[k, c]
        for c in range(n):
            cross[i, c] *= inv
    for k in range(n):
        for a in range(n):
            f = cross[k, a]
            for c in range(a + 1):
                d[a, c] -= f * cross[k, c]
            b[a] -= f * b_before[k]
    return True


@kernel
def _prior(n: int, x: np.ndarray, prior: np.ndarray, d: np.ndarray, b: np.ndarray) -> None:
    for a in range(n):
        w = 1.0 / (prior[a] * prior[a])
        d[a, a] += w
        b[a] -= w * x[0, a]


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
        _weights_of_epoch(k, x, row_start, system, prev, unit, wet, z, sigma, tune, resid, weight)
        _add_rows(
            k, row_start, system, unit, wet, sigma, inflation, resid, weight,
            d[k], d[before], cross[k], b[k], b[before],
        )  # fmt: skip
        if k == 0:
            _prior(s, x, prior, d[0], b[0])
            continue
        _add_motion(k, s, dt_s[k], x, p0, up, process, d[k], d[k - 1], cross[k], b[k], b[k - 1])
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
            _weights_of_epoch(k, x, row_start, system, prev, unit, wet, z, sigma, narrowing, resid, weight)
            d1[:], cross[:], b1[:] = 0.0, 0.0, 0.0
            if k == 0:
                d1[:] = kept
                for a in range(s):
                    b1[a] = -kept[a, a] * x[0, a]
                _add_rows(k, row_start, system, unit, wet, sigma, inflation, resid, weight, d1, d0, cross, b1, b0)
            else:
                d0[:] = kept
                for a in range(s):
                    b0[a] = 0.0
                for a in range(s):
                    for c in range(a + 1):
                        b0[a] -= kept[a, c] * (x[k - 1, c] - work[0, c])
                        if c < a:
                            b0[c] -= kept[a, c] * (x[k - 1, a] - work[0, a])
                _add_rows(k, row_start, system, unit, wet, sigma, inflation, resid, weight, d1, d0, cross, b1, b0)
                _add_motion(k, s, dt_s[k], x, p0, up, process, d1, d0, cross, b1, b0)
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
