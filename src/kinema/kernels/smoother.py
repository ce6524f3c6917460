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
from kinema.kernels.least_squares import cholesky, forward_solve, student_weight

CODE, DOPPLER, CARRIER = 0, 1, 2
ZENITH = 8
# Columns of `tune`: degrees of freedom per kind, and how many times wider the sigmas are taken in this pass.
NU_CODE, NU_CODE_LATE, NU_DOPPLER, NU_CARRIER, WIDEN_CODE, WIDEN_DOPPLER, WIDEN_CARRIER = 0, 1, 2, 3, 4, 5, 6
FIRST_WIDEN = (1.0, 4.0, 64.0)
"""The filter's first turn takes sigmas this much wider, for the motion since the last epoch is not yet known."""
# Columns of `process`: power densities of acceleration across and along the vertical, clock, clock drift, biases.
Q_LEVEL, Q_UP, Q_CLOCK, Q_DRIFT, Q_BIAS, Q_ZENITH = 0, 1, 2, 3, 4, 5


@kernel
def weights_of_epoch(
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
def add_rows(
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
def add_motion(
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
def prior_rows(n: int, x: np.ndarray, prior: np.ndarray, d: np.ndarray, b: np.ndarray) -> None:
    for a in range(n):
        w = 1.0 / (prior[a] * prior[a])
        d[a, a] += w
        b[a] -= w * x[0, a]
