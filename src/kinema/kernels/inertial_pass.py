"""A causal pass of the inertial filter over many nodes, and the fixed-interval smoother over its tape.

A node is an instant at which something is measured or kept; between two nodes lie a few inertial increments. Live use
runs the same pass over one node. The smoother is the modified Bryson–Frazier form of kernels.kalman.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kinema.kernels.inertial import (
    D_LOGL,
    D_NHC,
    D_NHC_DOWN,
    D_NIS_P,
    D_SPEED,
    D_WEIGHT_P,
    D_WHEEL,
    D_ZUPT,
    FIX_GATE,
    GB,
    N_DRIVE,
    N_NAV,
    NHC_LAT,
    NHC_MIN_SPEED,
    NHC_SLIP,
    NHC_VERT,
    PHI,
    TD,
    TDD,
    WHEEL_FRACTION,
    WHEEL_SIGMA,
    X_P,
    X_Q,
    X_V,
    ZARU_SIGMA,
    ZUPT_SIGMA,
    L,
    N,
    P,
    V,
    constraint_rows,
    fix_position_rows,
    fix_velocity_rows,
    fold,
    inject,
    nis3,
    propagate_cov,
    propagate_state,
    rate_rows,
    wheel_row,
    whiten3,
)
from kinema.kernels.jit import kernel
from kinema.kernels.kalman import adjoint_measurement
from kinema.kernels.rotation import dcm_from_quat
from kinema.kernels.strapdown import gravity_e

F64 = Any
I64 = Any

HAS_POSITION, HAS_VELOCITY = 1, 2
N_KEPT = N_NAV + 6
MAX_ROWS = 16
"""Most scalar measurements of one node."""
SCALAR_GATE = 9.0
LOST_STREAK = 30.0
"""So many outliers in a row are none."""
QUIET_SPEED_MPS = 0.05
QUIET_SPEED_MAX_MPS = 4.0


@kernel
def _loosen(p: F64, y: F64) -> None:
    """Admit that position, velocity, attitude and clock may be off, the position by as much as the innovation y."""
    for i in range(3):
        p[P + i, P + i] += y[i] * y[i]
        p[V + i, V + i] += 1.0
        p[PHI + i, PHI + i] += 0.03 * 0.03
    p[TD, TD] += 0.1 * 0.1


@kernel
def _fix_update(
    x: F64, p: F64, dx: F64, means: F64, par: F64, has: int, fixes: F64, told: F64, tape: F64, at: int,
    y: F64, r: F64, h: F64, work: F64, turn: F64, streak: F64,
) -> int:  # fmt: skip
    """Position, then velocity of one fix row (24): p, R_p, v, R_v. Outliers are weighted down, not dropped.

    streak (2,) counts those of position and of velocity that followed each other.
    """
    for part in range(2):
        if not has & (1 << part):
            continue
        z = fixes[12 * part : 12 * part + 3]
        if part == 0:
            fix_position_rows(x, means, z, y, h, work)
        else:
            fix_velocity_rows(x, means, z, y, h, work)
        for i in range(3):
            for j in range(3):
                r[i, j] = fixes[12 * part + 3 + 3 * i + j]
        nis = nis3(p, y, h, r)
        weight = 1.0
        streak[part] = streak[part] + 1.0 if nis > par[FIX_GATE] else 0.0
        if streak[part] >= LOST_STREAK:
            # so many cannot all be outliers: it is the filter that is lost
            streak[part] = 0.0
            _loosen(p, y)
        elif nis > par[FIX_GATE]:
            weight = par[FIX_GATE] / nis
            for i in range(3):
                for j in range(3):
                    r[i, j] /= weight
        told[D_NIS_P + 2 * part] = nis
        told[D_WEIGHT_P + 2 * part] = weight
        if whiten3(r, y, h):
            at = fold(p, dx, y, h, 0, 3, 1.0, tape, at)
            inject(x, dx, turn)
            logl = -math.log(weight) * 3.0
            for i in range(at - 3, at):
                logl += tape[i, 2 * N] ** 2 / tape[i, 2 * N + 1] + math.log(tape[i, 2 * N + 1])
            told[D_LOGL] = logl if math.isnan(told[D_LOGL]) else told[D_LOGL] + logl
    return at


@kernel
def _robust_scalar(
    p: F64, dx: F64, y: F64, h: F64, row: int, r: float, tape: F64, at: int, told: F64, what: int
) -> int:
    """One row whose innovation is told in sigmas; beyond 3 sigmas its variance grows with the excess."""
    s = r
    for i in range(N):
        t = 0.0
        for j in range(N):
            t += p[i, j] * h[row, j]
        s += h[row, i] * t
    told[what] = y[row] / s**0.5
    ratio = y[row] * y[row] / s
    if ratio > SCALAR_GATE:
        r = r * ratio / SCALAR_GATE
    return fold(p, dx, y, h, row, row + 1, r, tape, at)


@kernel
def _vehicle_update(
    x: F64, p: F64, dx: F64, means: F64, par: F64, wheel: float, nhc: int, told: F64, tape: F64, at: int,
    y: F64, h: F64, rows: F64, work: F64, turn: F64,
) -> int:  # fmt: skip
    """Wheel speed, then the non-holonomic constraint above its smallest speed."""
    if not math.isnan(wheel):
        wheel_row(x, means, wheel, y, h, rows, work)
        sigma2 = par[WHEEL_SIGMA] ** 2 + (par[WHEEL_FRACTION] * wheel) ** 2
        at = _robust_scalar(p, dx, y, h, 0, sigma2, tape, at, told, D_WHEEL)
        inject(x, dx, turn)
    if nhc:
        constraint_rows(x, means, y, h, rows, work)
        speed = abs(work[7, 0])
        if speed > par[NHC_MIN_SPEED]:
            accel = par[NHC_SLIP] * speed * abs(work[8, 2])
            at = _robust_scalar(p, dx, y, h, 0, par[NHC_LAT] ** 2 + accel * accel, tape, at, told, D_NHC)
            r = par[NHC_VERT] ** 2 + 0.25 * accel * accel
            at = _robust_scalar(p, dx, y, h, 1, r, tape, at, told, D_NHC_DOWN)
            inject(x, dx, turn)
    return at


@kernel
def _standstill_update(
    x: F64, p: F64, dx: F64, par: F64, rate: F64, told: F64, tape: F64, at: int, y: F64, h: F64, work: F64, turn: F64
) -> int:
    """Zero velocity and zero rate, where the speed allows that the quiet means rest."""
    v2 = x[X_V] ** 2 + x[X_V + 1] ** 2 + x[X_V + 2] ** 2
    spread = max(p[V, V], p[V + 1, V + 1], p[V + 2, V + 2])
    limit = min(QUIET_SPEED_MPS + 3.5 * spread**0.5, QUIET_SPEED_MAX_MPS)
    if v2 > limit * limit:
        return at
    told[D_ZUPT] = 1.0
    for i in range(3):
        for j in range(N):
            h[i, j] = 0.0
        h[i, V + i] = 1.0
        y[i] = -x[X_V + i]
    at = fold(p, dx, y, h, 0, 3, par[ZUPT_SIGMA] ** 2, tape, at)
    inject(x, dx, turn)
    rate_rows(x, rate, y, h, work)
    at = fold(p, dx, y, h, 0, 3, par[ZARU_SIGMA] ** 2, tape, at)
    inject(x, dx, turn)
    return at


@kernel
def run_pass(
    x: F64, p: F64, carry: F64, par: F64,
    dth: F64, dv: F64, dt: F64, seg_start: I64,
    noise: F64, fix: I64, fix_has: I64, fixes: F64, wheel: F64, nhc: I64, quiet: I64, rate: F64,
    x_out: F64, p_out: F64, means_out: F64, told: F64, trans: F64, span: F64, tape: F64, tape_start: I64,
) -> int:  # fmt: skip
    """Filter over the nodes 0 … K − 1, in place in x (X_SIZE,), p (N, N), carry (3, 3: increments, outliers in a row).

    seg_start (K + 1): node k closes the increments [seg_start[k], seg_start[k + 1]), which may be none.
    noise (K, 6): densities of the inertial noise. fix (K): row of `fixes` (F, 24) or −1; fix_has (F): bits. wheel (K)
    m/s or NaN; nhc, quiet (K) flags; rate (K, 3): mean raw rate while quiet. Written: x_out (K, X_SIZE), p_out
    (K, 15, N) rows of P: position, velocity, attitude, time offset, lever arm, mounting; means_out (K, 6, 3), told
    (K, D_SIZE), trans (K, 9, 18), span (K, 2) seconds and decay, tape (n, 2 N + 2) with tape_start (K + 1). A tape of
    MAX_ROWS rows is written over by each node and so records nothing; trans, x_out and p_out of length 1 likewise keep
    the last.
    Returns the number of nodes done: fewer than K where the state left the finite numbers.
    """
    dx, y, turn = np.zeros(N), np.zeros(3), np.zeros((2, 4))
    h, rows, t = np.zeros((3, N)), np.zeros((3, N)), np.zeros((N_NAV, N))
    r, work, means = np.zeros((3, 3)), np.zeros((24, 3)), np.zeros((6, 3))
    gravity_e(x[X_P : X_P + 3], means[2])
    dcm_from_quat(x[X_Q : X_Q + 4], means[3:6])
    keep_tape, keep = len(tape) > MAX_ROWS, len(trans) > 1
    at = 0
    for k in range(len(fix)):
        at = at if keep_tape else 0
        a = trans[k if keep else 0]
        tape_start[k] = at
        if seg_start[k + 1] > seg_start[k]:
            total = propagate_state(x, dth, dv, dt, seg_start[k], seg_start[k + 1], carry, a, means, work)
            decay = propagate_cov(p, a, total, par, noise[k], means[3:6], t)
        else:
            a[:] = 0.0
            total, decay = 0.0, 1.0
        span[k, 0], span[k, 1] = total, decay
        if fix[k] >= 0:
            j = fix[k]
            at = _fix_update(
                x, p, dx, means, par, fix_has[j], fixes[j], told[k], tape, at, y, r, h, work, turn, carry[2]
            )
        at = _vehicle_update(x, p, dx, means, par, wheel[k], nhc[k], told[k], tape, at, y, h, rows, work, turn)
        if quiet[k]:
            at = _standstill_update(x, p, dx, par, rate[k], told[k], tape, at, y, h, work, turn)
        told[k, D_SPEED] = (x[X_V] ** 2 + x[X_V + 1] ** 2 + x[X_V + 2] ** 2) ** 0.5
        if not told[k, D_SPEED] < 1e4:
            return k
        o = k if keep else 0
        x_out[o, :] = x
        p_out[o, :N_NAV, :] = p[:N_NAV]
        p_out[o, N_NAV, :] = p[TD]
        p_out[o, N_NAV + 1 : N_NAV + 6, :] = p[L : L + 5]
        means_out[o, :, :] = means
    tape_start[len(fix)] = at
    return len(fix)


@kernel
def smooth_pass(
    trans: F64, span: F64, tape: F64, tape_start: I64, p_out: F64, dx_out: F64, p_smooth: F64, lam: F64, big: F64
) -> None:
    """Smooth a recorded pass backwards: dx_out (K, 15) is added to the nominal states of the pass.

    p_smooth (K, 15, 15): smoothed covariance of these. lam (N,), big (N, N) enter as zero and
    leave as the adjoint before the first node: the smoothed start is x₀ − P₀ λ with covariance P₀ − P₀ Λ P₀.
    """
    work, m = np.zeros(N), np.zeros((N_KEPT, N))
    for k in range(len(dx_out) - 1, -1, -1):
        p = p_out[k]
        for i in range(N_KEPT):
            t = 0.0
            for j in range(N):
                t += p[i, j] * lam[j]
                m[i, j] = 0.0
            dx_out[k, i] = -t
            for q in range(N):
                piq = p[i, q]
                for j in range(N):
                    m[i, j] += piq * big[q, j]
        for i in range(N_KEPT):
            for j in range(i + 1):
                t = p[i, j if j < N_NAV else (TD if j == N_NAV else L + j - N_NAV - 1)]
                for q in range(N):
                    t -= m[i, q] * p[j, q]
                p_smooth[k, i, j] = t
                p_smooth[k, j, i] = t
        for row in range(tape_start[k + 1] - 1, tape_start[k] - 1, -1):
            adjoint_measurement(
                lam, big, tape[row, :N], tape[row, N : 2 * N], tape[row, 2 * N], tape[row, 2 * N + 1], work
            )
        _adjoint_transition(lam, big, trans[k], span[k, 0], span[k, 1], m)


@kernel
def _adjoint_transition(lam: F64, big: F64, a: F64, total: float, decay: float, m: F64) -> None:
    """λ ← Φᵀ λ and Λ ← Φᵀ Λ Φ in place, with Φ = I + a on the first rows, and its two other parts."""
    for i in range(GB, GB + 3):
        lam[i] *= decay
        for j in range(N):
            big[i, j] *= decay
        for j in range(N):
            big[j, i] *= decay
    lam[TDD] += total * lam[TD]
    for j in range(N):
        big[TDD, j] += total * big[TD, j]
    for j in range(N):
        big[j, TDD] += total * big[j, TD]
    for r in range(N_NAV):
        for j in range(N):
            m[r, j] = big[r, j]
    # Λ is symmetric: first add the rows aᵀ (rows of Λ), then the columns of the result
    for c in range(N_DRIVE):
        for r in range(N_NAV):
            arc = a[r, c]
            if arc != 0.0:
                for j in range(N):
                    big[c, j] += arc * m[r, j]
    for i in range(N):
        for r in range(N_NAV):
            m[r, i] = big[i, r]
    for i in range(N):
        for c in range(N_DRIVE):
            t = 0.0
            for r in range(N_NAV):
                t += m[r, i] * a[r, c]
            big[i, c] += t
    for c in range(N_DRIVE):
        t = 0.0
        for r in range(N_NAV):
            t += a[r, c] * lam[r]
        m[0, c] = t
    for c in range(N_DRIVE):
        lam[c] += m[0, c]
