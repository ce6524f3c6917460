"""A node's measurements, each folded with its guard: fixes, wheels and the axle, rest."""

from __future__ import annotations

import math
from typing import Any

from kinema.kernels.inertial import (
    BA,
    BG,
    D_LOGL,
    D_NHC,
    D_NHC_DOWN,
    D_NIS_P,
    D_WEIGHT_P,
    D_WHEEL,
    D_ZUPT,
    FIX_GATE,
    NHC_LAT,
    NHC_MIN_SPEED,
    NHC_SLIP,
    NHC_VERT,
    PHI,
    TD,
    WHEEL_FRACTION,
    WHEEL_SIGMA,
    WHEEL_SLIP,
    X_BA,
    X_BG,
    X_P,
    X_Q,
    X_V,
    ZARU_SIGMA,
    ZUPT_SIGMA,
    L,
    N,
    P,
    V,
    fold,
    inject,
    nis3,
    whiten3,
)
from kinema.kernels.inertial_rows import (
    constraint_rows,
    fix_position_rows,
    fix_velocity_rows,
    rate_rows,
    velocity_clock,
    wheel_row,
)
from kinema.kernels.jit import kernel
from kinema.kernels.kalman import times_sparse
from kinema.kernels.rotation import dcm_from_quat
from kinema.kernels.strapdown import gravity_e

F64 = Any

SCALAR_GATE = 9.0
LOST_STREAK = 30.0
"""So many outliers in a row are none."""
QUIET_SPEED_MPS = 0.05
QUIET_ACCEL_MPS2 = 0.15
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
def _second_order(p: F64) -> float:
    """Variance (m²) of what attitude and lever arm, both wrong, do together: no row of first order tells of it."""
    turn = arm = 0.0
    for i in range(3):
        turn += p[PHI + i, PHI + i]
        arm += p[L + i, L + i]
    return 2.0 / 9.0 * turn * arm


@kernel
def fix_update(
    x: F64, p: F64, dx: F64, means: F64, par: F64, has: int, fixes: F64, told: F64, tape: F64, at: int,
    y: F64, r: F64, h: F64, rows: F64, work: F64, turn: F64, streak: F64, shaken: float,
) -> int:  # fmt: skip
    """Position, then velocity of one fix row (24): p, R_p, v, R_v. Outliers are weighted down, not dropped.

    streak (2,) counts those of position and of velocity that followed each other; shaken: variance of the
    acceleration in `means`, m²/s⁴.
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
        if part == 0:
            spread = _second_order(p)
            for i in range(3):
                r[i, i] += spread
        else:
            # velocities with a lag of their own, rows by themselves, have a clock of their own, too
            velocity_clock(means, shaken if has & 1 else 1e9, p[TD, TD], h, r)
        nis = nis3(p, y, h, r, rows)
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
    gain = tape[at, N : 2 * N]
    times_sparse(p, h[row], gain)
    s = r
    for i in range(N):
        s += h[row, i] * gain[i]
    told[what] = y[row] / s**0.5
    ratio = y[row] * y[row] / s
    if ratio > SCALAR_GATE:
        r = r * ratio / SCALAR_GATE
    return fold(p, dx, y, h, row, row + 1, r, tape, at)


@kernel
def vehicle_update(
    x: F64, p: F64, dx: F64, means: F64, par: F64, wheel: float, nhc: int, told: F64, tape: F64, at: int,
    y: F64, h: F64, rows: F64, work: F64, turn: F64,
) -> int:  # fmt: skip
    """Wheel speed, then the non-holonomic constraint above its smallest speed."""
    if not math.isnan(wheel):
        wheel_row(x, means, wheel, y, h, rows, work)
        pushed = 0.0
        for i in range(3):
            pushed += h[0, V + i] * means[1, i]
        sigma2 = par[WHEEL_SIGMA] ** 2 + (par[WHEEL_FRACTION] ** 2 + (par[WHEEL_SLIP] * pushed) ** 2) * wheel * wheel
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
def _unaccelerated(x: F64, p: F64, mean: F64, work: F64) -> bool:
    """Whether the mean specific force, mean[3:6], is gravity's alone by what is known of attitude and biases."""
    c_es, g = work[0:3], work[3]
    dcm_from_quat(x[X_Q : X_Q + 4], c_es)
    gravity_e(x[X_P : X_P + 3], g)
    a2 = 0.0
    for i in range(3):
        a = g[i]
        for j in range(3):
            a += c_es[i, j] * (mean[3 + j] - x[X_BA + j])
        a2 += a * a
    tilt = max(p[PHI, PHI], p[PHI + 1, PHI + 1], p[PHI + 2, PHI + 2])
    bias = max(p[BA, BA], p[BA + 1, BA + 1], p[BA + 2, BA + 2])
    limit = QUIET_ACCEL_MPS2 + 3.5 * (bias + 96.0 * tilt) ** 0.5
    return a2 < limit * limit


@kernel
def _unturned(x: F64, p: F64, par: F64, mean: F64) -> bool:
    """Whether the mean rate, mean[0:3], is the bias alone by what is known of it."""
    for i in range(3):
        off = mean[i] - x[X_BG + i]
        if off * off > 12.0 * (p[BG + i, BG + i] + 4.0 * par[ZARU_SIGMA] ** 2):
            return False
    return True


@kernel
def standstill_update(
    x: F64, p: F64, dx: F64, par: F64, mean: F64, told: F64, tape: F64, at: int, y: F64, h: F64, work: F64, turn: F64
) -> int:
    """Zero velocity and zero rate, where speed, acceleration and rate allow that the quiet means rest.

    mean (6,): raw rate and specific force of the last half second. A car that brakes evenly is as quiet in its last
    half metre per second as at rest, one that leaves its parking place in a slow bend as quiet, too: only the
    acceleration and the turning tell them apart.
    """
    v2 = x[X_V] ** 2 + x[X_V + 1] ** 2 + x[X_V + 2] ** 2
    spread = max(p[V, V], p[V + 1, V + 1], p[V + 2, V + 2])
    limit = min(QUIET_SPEED_MPS + 3.5 * spread**0.5, QUIET_SPEED_MAX_MPS)
    if v2 > limit * limit or not _unturned(x, p, par, mean) or not _unaccelerated(x, p, mean, work):
        return at
    told[D_ZUPT] = 1.0
    for i in range(3):
        for j in range(N):
            h[i, j] = 0.0
        h[i, V + i] = 1.0
        y[i] = -x[X_V + i]
    at = fold(p, dx, y, h, 0, 3, par[ZUPT_SIGMA] ** 2, tape, at)
    inject(x, dx, turn)
    rate_rows(x, mean[0:3], y, h, work)
    at = fold(p, dx, y, h, 0, 3, par[ZARU_SIGMA] ** 2, tape, at)
    inject(x, dx, turn)
    return at
