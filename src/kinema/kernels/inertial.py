"""The inertial error-state filter: one causal step, used by offline passes and live alike.

Nominal state x (X_SIZE,) in ECEF with the IMU as its point; error state (N,), error = truth ⊖ estimate, attitude error
on the left: C_es,true = exp(φ×) C_es. Indices below. Groves, "Principles of GNSS, inertial and multisensor integrated
navigation", 2013, ch. 12 and 14; the calibration states and their rows are derived in design/inertial.md.
"""

from __future__ import annotations

import math
from typing import Any

from kinema.kernels.jit import kernel
from kinema.kernels.kalman import scalar_update
from kinema.kernels.rotation import (
    cross,
    dcm_from_quat,
    quat_from_rotvec,
    quat_multiply,
    quat_normalise,
    rotate,
    rotate_back,
)
from kinema.kernels.strapdown import EARTH_RATE_RADPS, gravity_e, strapdown_step

F64 = Any
I64 = Any

# nominal state
X_P, X_V, X_Q, X_BG, X_BA, X_SG, X_L, X_QB = 0, 3, 6, 10, 13, 16, 19, 22
X_TD, X_TDD, X_SW, X_RX, X_KS, X_GB, X_SIZE = 26, 27, 28, 29, 30, 31, 34
# error state
P, V, PHI, BG, BA, SG, L, MU, TD, TDD, SW, RX, KS, GB, N = 0, 3, 6, 9, 12, 15, 18, 21, 23, 24, 25, 26, 27, 28, 31
N_NAV = 9
N_DRIVE = 18
"""Error states that drive position, velocity and attitude: themselves, biases and scale factors."""

# noise and model parameters
(
    Q_BG, Q_BA, Q_TD, Q_TDD, GB_VAR, GB_TAU, Q_MOUNT,
    NHC_LAT, NHC_VERT, NHC_SLIP, WHEEL_SIGMA, WHEEL_FRACTION, ZUPT_SIGMA, FIX_GATE, NHC_MIN_SPEED, ZARU_SIGMA, Q_SW,
    PAR_SIZE,
) = range(18)  # fmt: skip

# what a node tells of itself
D_NIS_P, D_WEIGHT_P, D_NIS_V, D_WEIGHT_V, D_NHC, D_NHC_DOWN, D_WHEEL, D_ZUPT, D_SPEED, D_LOGL, D_SIZE = range(11)


@kernel
def _cross_rows(a: F64, c: F64, scale: float, out: F64, row: int, col: int) -> None:
    """out[row:row+3, col:col+3] = scale · [a×] C."""
    for j in range(3):
        out[row, col + j] = scale * (a[1] * c[2, j] - a[2] * c[1, j])
        out[row + 1, col + j] = scale * (a[2] * c[0, j] - a[0] * c[2, j])
        out[row + 2, col + j] = scale * (a[0] * c[1, j] - a[1] * c[0, j])


@kernel
def _skew(a: F64, scale: float, out: F64, row: int, col: int) -> None:
    """out[row:row+3, col:col+3] = scale · [a×]."""
    out[row, col], out[row, col + 1], out[row, col + 2] = 0.0, -scale * a[2], scale * a[1]
    out[row + 1, col], out[row + 1, col + 1], out[row + 1, col + 2] = scale * a[2], 0.0, -scale * a[0]
    out[row + 2, col], out[row + 2, col + 1], out[row + 2, col + 2] = -scale * a[1], scale * a[0], 0.0


@kernel
def propagate_state(
    x: F64, dth: F64, dv: F64, dt: F64, first: int, last: int, carry: F64, a: F64, means: F64, work: F64
) -> float:
    """Strapdown over the increments [first, last); fills the transition a = Φ − I (9, 18); returns the time.

    carry (2, 3): corrected increments of the step before. means (6, 3): mean corrected rate (s), mean specific force
    as acceleration (e), gravity (e), mean C_es. work (24, 3): scratch.
    """
    g, dth_c, dv_c, dv_e, sum_dv, sum_th = work[6], work[7], work[8], work[9], work[10], work[11]
    sum_c, sum_cw, c_es = work[12:15], work[15:18], work[18:21]
    gravity_e(x[X_P : X_P + 3], g)
    for i in range(3):
        sum_dv[i] = 0.0
        sum_th[i] = 0.0
        for j in range(3):
            sum_c[i, j] = 0.0
            sum_cw[i, j] = 0.0
    total = 0.0
    for k in range(first, last):
        h = dt[k]
        dcm_from_quat(x[X_Q : X_Q + 4], c_es)
        for i in range(3):
            raw = dth[k, i] - x[X_BG + i] * h
            dth_c[i] = raw * (1.0 - x[X_SG + i])
            dv_c[i] = dv[k, i] - x[X_BA + i] * h
            sum_th[i] += dth_c[i]
            for j in range(3):
                sum_c[j, i] += 0.5 * h * c_es[j, i]
                sum_cw[j, i] += 0.5 * raw * c_es[j, i]
        strapdown_step(
            x[X_P : X_P + 3], x[X_V : X_V + 3], x[X_Q : X_Q + 4], dth_c, dv_c, carry[0], carry[1], h, g, dv_e, work
        )
        dcm_from_quat(x[X_Q : X_Q + 4], c_es)
        for i in range(3):
            carry[0, i] = dth_c[i]
            carry[1, i] = dv_c[i]
            sum_dv[i] += dv_e[i]
            for j in range(3):
                sum_c[j, i] += 0.5 * h * c_es[j, i]
                sum_cw[j, i] += 0.5 * (dth[k, i] - x[X_BG + i] * h) * c_es[j, i]
        total += h
    x[X_TD] += x[X_TDD] * total
    for i in range(3):
        means[0, i] = sum_th[i] / total
        means[1, i] = sum_dv[i] / total + g[i]
        means[2, i] = g[i]
        for j in range(3):
            means[3 + i, j] = sum_c[i, j] / total
    _transition(x, sum_dv, sum_c, sum_cw, g, total, a)
    return total


@kernel
def _transition(x: F64, sum_dv: F64, sum_c: F64, sum_cw: F64, g: F64, total: float, a: F64) -> None:
    """a = Φ − I over `total` seconds, from the summed specific force and attitude."""
    for i in range(N_NAV):
        for j in range(N_DRIVE):
            a[i, j] = 0.0
    r2 = 0.0
    for i in range(3):
        r2 += x[X_P + i] * x[X_P + i]
    gr = math.sqrt((g[0] * g[0] + g[1] * g[1] + g[2] * g[2]) / r2)
    turn = EARTH_RATE_RADPS * total
    for i in range(3):
        a[P + i, V + i] = total
        for j in range(3):
            unit = 1.0 if i == j else 0.0
            grad = -gr * (unit - 3.0 * x[X_P + i] * x[X_P + j] / r2) * total
            a[V + i, P + j] = grad
            a[P + i, BA + j] = -0.5 * total * sum_c[i, j]
            a[V + i, BA + j] = -sum_c[i, j]
            a[PHI + i, BG + j] = -sum_c[i, j]
            a[PHI + i, SG + j] = -sum_cw[i, j]
    a[V, V + 1] = 2.0 * turn
    a[V + 1, V] = -2.0 * turn
    a[PHI, PHI + 1] = turn
    a[PHI + 1, PHI] = -turn
    _skew(sum_dv, -0.5 * total, a, P, PHI)
    _skew(sum_dv, -1.0, a, V, PHI)
    _cross_rows(sum_dv, sum_c, 0.5, a, V, BG)
    _cross_rows(sum_dv, sum_c, total / 6.0, a, P, BG)
    _cross_rows(sum_dv, sum_cw, 0.5, a, V, SG)
    _cross_rows(sum_dv, sum_cw, total / 6.0, a, P, SG)


@kernel
def propagate_cov(p: F64, a: F64, total: float, par: F64, noise: F64, c_mean: F64, t: F64) -> float:
    """P ← Φ P Φᵀ + Q in place; t (9, N) is scratch. Returns the decay of the fixes' slow error.

    noise (6,): white noise of the three rates (rad²/s) and specific forces (m²/s³) in s; c_mean (3, 3): mean C_es.
    """
    for i in range(N_NAV):
        for j in range(N):
            t[i, j] = 0.0
        for k in range(N_DRIVE):
            aik = a[i, k]
            if aik != 0.0:
                for j in range(N):
                    t[i, j] += aik * p[k, j]
    for i in range(N_NAV):
        for j in range(i + 1):
            s = p[i, j] + t[i, j] + t[j, i]
            for k in range(N_DRIVE):
                s += t[i, k] * a[j, k]
            p[i, j] = s
        for j in range(N_NAV, N):
            p[i, j] += t[i, j]
            p[j, i] = p[i, j]
    for i in range(N_NAV):
        for j in range(i):
            p[j, i] = p[i, j]
    for j in range(N):
        p[TD, j] += total * p[TDD, j]
    for j in range(N):
        p[j, TD] += total * p[j, TDD]
    decay = math.exp(-total / par[GB_TAU])
    for i in range(GB, GB + 3):
        for j in range(N):
            p[i, j] *= decay
        for j in range(N):
            p[j, i] *= decay
    for i in range(3):
        for j in range(3):
            qg = qa = 0.0
            for k in range(3):
                cc = c_mean[i, k] * c_mean[j, k] * total
                qg += cc * noise[k]
                qa += cc * noise[3 + k]
            p[PHI + i, PHI + j] += qg
            p[V + i, V + j] += qa
            p[P + i, V + j] += 0.5 * qa * total
            p[V + i, P + j] += 0.5 * qa * total
            p[P + i, P + j] += qa * total * total / 3.0
        p[BG + i, BG + i] += par[Q_BG] * total
        p[BA + i, BA + i] += par[Q_BA] * total
        p[GB + i, GB + i] += par[GB_VAR] * (1.0 - decay * decay)
    p[MU, MU] += par[Q_MOUNT] * total
    p[MU + 1, MU + 1] += par[Q_MOUNT] * total
    p[TD, TD] += par[Q_TD] * total
    p[TDD, TDD] += par[Q_TDD] * total
    p[SW, SW] += par[Q_SW] * total
    return decay


@kernel
def inject(x: F64, dx: F64, work: F64) -> None:
    """Move the error into the nominal state and set it to zero; work (2, 4)."""
    turn = work[0]
    for i in range(3):
        x[X_P + i] += dx[P + i]
        x[X_V + i] += dx[V + i]
        x[X_BG + i] += dx[BG + i]
        x[X_BA + i] += dx[BA + i]
        x[X_SG + i] += dx[SG + i]
        x[X_L + i] += dx[L + i]
        x[X_GB + i] += dx[GB + i]
    quat_from_rotvec(dx[PHI : PHI + 3], turn)
    quat_multiply(turn, x[X_Q : X_Q + 4], x[X_Q : X_Q + 4])
    quat_normalise(x[X_Q : X_Q + 4])
    r = work[1]
    r[0], r[1], r[2] = 0.0, dx[MU], dx[MU + 1]
    quat_from_rotvec(r, turn)
    quat_multiply(turn, x[X_QB : X_QB + 4], x[X_QB : X_QB + 4])
    quat_normalise(x[X_QB : X_QB + 4])
    x[X_TD] += dx[TD]
    x[X_TDD] += dx[TDD]
    x[X_SW] += dx[SW]
    x[X_RX] += dx[RX]
    x[X_KS] += dx[KS]
    for i in range(N):
        dx[i] = 0.0


@kernel
def fix_position_rows(x: F64, means: F64, z: F64, y: F64, h: F64, work: F64) -> None:
    """Antenna position z (3,) in e: innovation y (3,) and rows h (3, N).

    The antenna is at p + C l; the fix belongs td earlier on the IMU's clock than its node, hence −v td, of which only
    the first order is kept: td is what is left of an offset known to some hundredths. b is the fix's own slow error.
    """
    c_es, arm, rate = work[0:3], work[3], work[4]
    dcm_from_quat(x[X_Q : X_Q + 4], c_es)
    rotate(c_es, x[X_L : X_L + 3], arm)
    cross(means[0], x[X_L : X_L + 3], work[5])
    rotate(c_es, work[5], rate)
    for i in range(3):
        for j in range(N):
            h[i, j] = 0.0
    for i in range(3):
        work[6, i] = arm[i] - rate[i] * x[X_TD]
    _skew(work[6], -1.0, h, 0, PHI)
    for i in range(3):
        y[i] = z[i] - x[X_P + i] - arm[i] - x[X_GB + i] + (x[X_V + i] + rate[i]) * x[X_TD]
        h[i, P + i] = 1.0
        h[i, V + i] = -x[X_TD]
        h[i, GB + i] = 1.0
        h[i, TD] = -(x[X_V + i] + rate[i])
        for j in range(3):
            h[i, L + j] = c_es[i, j]


@kernel
def fix_velocity_rows(x: F64, means: F64, z: F64, y: F64, h: F64, work: F64) -> None:
    """Antenna velocity z (3,) in e: v + C (ω × l); the accelerations of the arm's turning are left out of δtd."""
    c_es, arm, rate = work[0:3], work[3], work[4]
    dcm_from_quat(x[X_Q : X_Q + 4], c_es)
    w, lever = means[0], x[X_L : X_L + 3]
    cross(w, lever, arm)
    rotate(c_es, arm, rate)
    for i in range(3):
        for j in range(N):
            h[i, j] = 0.0
    _skew(rate, -1.0, h, 0, PHI)
    for i in range(3):
        y[i] = z[i] - x[X_V + i] - rate[i] + means[1, i] * x[X_TD]
        h[i, V + i] = 1.0
        h[i, TD] = -means[1, i]
        # ω × δl, and l × δb from δω = −δb, both turned into e
        h[i, L] = c_es[i, 1] * w[2] - c_es[i, 2] * w[1]
        h[i, L + 1] = c_es[i, 2] * w[0] - c_es[i, 0] * w[2]
        h[i, L + 2] = c_es[i, 0] * w[1] - c_es[i, 1] * w[0]
        h[i, BG] = c_es[i, 1] * lever[2] - c_es[i, 2] * lever[1]
        h[i, BG + 1] = c_es[i, 2] * lever[0] - c_es[i, 0] * lever[2]
        h[i, BG + 2] = c_es[i, 0] * lever[1] - c_es[i, 1] * lever[0]
        for j in range(3):
            h[i, SG + j] = h[i, BG + j] * w[j]


@kernel
def body_velocity_rows(x: F64, means: F64, v_b: F64, w_b: F64, h: F64, work: F64) -> None:
    """Velocity of the IMU in the body (3,), its rate (3,), and rows h (3, N) of that velocity."""
    c_es, c_bs, v_s = work[0:3], work[3:6], work[6]
    dcm_from_quat(x[X_Q : X_Q + 4], c_es)
    dcm_from_quat(x[X_QB : X_QB + 4], c_bs)
    rotate_back(c_es, x[X_V : X_V + 3], v_s)
    rotate(c_bs, v_s, v_b)
    rotate(c_bs, means[0], w_b)
    v = x[X_V : X_V + 3]
    for i in range(3):
        for j in range(N):
            h[i, j] = 0.0
        for j in range(3):
            t = 0.0
            for k in range(3):
                t += c_bs[i, k] * c_es[j, k]
            h[i, V + j] = t
        b0, b1, b2 = h[i, V], h[i, V + 1], h[i, V + 2]
        h[i, PHI] = b1 * v[2] - b2 * v[1]
        h[i, PHI + 1] = b2 * v[0] - b0 * v[2]
        h[i, PHI + 2] = b0 * v[1] - b1 * v[0]
    # μ × v_b with μ = (0, μy, μz)
    h[0, MU], h[0, MU + 1] = v_b[2], -v_b[1]
    h[1, MU + 1] = v_b[0]
    h[2, MU] = -v_b[0]


@kernel
def constraint_rows(x: F64, means: F64, y: F64, h: F64, rows: F64, work: F64) -> None:
    """Non-holonomic rows (2, N): no sideways slip of the rear axle but the tyres', no lifting off the road.

    Sideways: v_y + ω_z r_x + κ ω_z v_x² = 0, with r_x the axle's place ahead of the IMU (negative: behind) and κ the
    slip per lateral acceleration (a bicycle's rear tyre). Downwards: v_z − ω_y r_x = 0.
    """
    v_b, w_b = work[7], work[8]
    body_velocity_rows(x, means, v_b, w_b, rows, work)
    c_bs = work[3:6]
    slip = x[X_KS] * w_b[2]
    y[0] = -(v_b[1] + w_b[2] * x[X_RX] + slip * v_b[0] * v_b[0])
    y[1] = -(v_b[2] - w_b[1] * x[X_RX])
    for j in range(N):
        h[0, j] = rows[1, j] + 2.0 * slip * v_b[0] * rows[0, j]
        h[1, j] = rows[2, j]
    side = x[X_RX] + x[X_KS] * v_b[0] * v_b[0]
    for j in range(3):
        h[0, BG + j] = -side * c_bs[2, j]
        h[0, SG + j] = -side * c_bs[2, j] * means[0, j]
        h[1, BG + j] = x[X_RX] * c_bs[1, j]
        h[1, SG + j] = x[X_RX] * c_bs[1, j] * means[0, j]
    # turning the mount turns the rate, too
    h[0, MU] += side * -w_b[0]
    h[1, MU + 1] += -x[X_RX] * w_b[0]
    h[0, RX] = w_b[2]
    h[1, RX] = -w_b[1]
    h[0, KS] = w_b[2] * v_b[0] * v_b[0]


@kernel
def wheel_row(x: F64, means: F64, speed: float, y: F64, h: F64, rows: F64, work: F64) -> None:
    """Speed of the rear axle's centre by wheels: speed · (1 + s) = v_x; one row (1, N)."""
    v_b, w_b = work[7], work[8]
    body_velocity_rows(x, means, v_b, w_b, rows, work)
    y[0] = speed * (1.0 + x[X_SW]) - v_b[0]
    for j in range(N):
        h[0, j] = rows[0, j]
    h[0, SW] = -speed


@kernel
def rate_rows(x: F64, mean_rate: F64, y: F64, h: F64, work: F64) -> None:
    """At rest the gyro shows its bias and the Earth's turning: y (3,), rows h (3, N)."""
    c_es = work[0:3]
    dcm_from_quat(x[X_Q : X_Q + 4], c_es)
    for i in range(3):
        for j in range(N):
            h[i, j] = 0.0
        y[i] = mean_rate[i] - x[X_BG + i] - c_es[2, i] * EARTH_RATE_RADPS
        h[i, BG + i] = 1.0
        # C_seω with C_es,true = (1 + φ×) C_es: −C_se (φ × ω) = C_se (ω × φ)
        h[i, PHI] = c_es[1, i] * EARTH_RATE_RADPS
        h[i, PHI + 1] = -c_es[0, i] * EARTH_RATE_RADPS


@kernel
def nis3(p: F64, y: F64, h: F64, r: F64) -> float:
    """yᵀ (H P Hᵀ + R)⁻¹ y of three rows; r (3, 3)."""
    s00, s01, s02, s11, s12, s22 = r[0, 0], r[0, 1], r[0, 2], r[1, 1], r[1, 2], r[2, 2]
    for i in range(N):
        u0 = u1 = u2 = 0.0
        for j in range(N):
            u0 += p[i, j] * h[0, j]
            u1 += p[i, j] * h[1, j]
            u2 += p[i, j] * h[2, j]
        s00 += h[0, i] * u0
        s01 += h[0, i] * u1
        s02 += h[0, i] * u2
        s11 += h[1, i] * u1
        s12 += h[1, i] * u2
        s22 += h[2, i] * u2
    a = s11 * s22 - s12 * s12
    b = s02 * s12 - s01 * s22
    c = s01 * s12 - s02 * s11
    d = s00 * s22 - s02 * s02
    e = s01 * s02 - s00 * s12
    f = s00 * s11 - s01 * s01
    det = s00 * a + s01 * b + s02 * c
    quad = (
        y[0] * (a * y[0] + b * y[1] + c * y[2])
        + y[1] * (b * y[0] + d * y[1] + e * y[2])
        + y[2] * (c * y[0] + e * y[1] + f * y[2])
    )
    return quad / det


@kernel
def whiten3(r: F64, y: F64, h: F64) -> int:
    """Scale and mix three rows in place so that their noise is unit; 0 where r is not positive definite."""
    l00 = math.sqrt(r[0, 0])
    l10 = r[1, 0] / l00
    l20 = r[2, 0] / l00
    d11 = r[1, 1] - l10 * l10
    if not d11 > 0.0:
        return 0
    l11 = math.sqrt(d11)
    l21 = (r[2, 1] - l20 * l10) / l11
    d22 = r[2, 2] - l20 * l20 - l21 * l21
    if not d22 > 0.0:
        return 0
    l22 = math.sqrt(d22)
    y[0] = y[0] / l00
    y[1] = (y[1] - l10 * y[0]) / l11
    y[2] = (y[2] - l20 * y[0] - l21 * y[1]) / l22
    for j in range(N):
        h[0, j] = h[0, j] / l00
        h[1, j] = (h[1, j] - l10 * h[0, j]) / l11
        h[2, j] = (h[2, j] - l20 * h[0, j] - l21 * h[1, j]) / l22
    return 1


@kernel
def fold(p: F64, dx: F64, y: F64, h: F64, first: int, last: int, r: float, tape: F64, at: int) -> int:
    """Fold the rows [first, last) of variance r; each goes to the tape (n, 2 N + 2): row, gain, innovation, variance.

    Returns the next place on the tape.
    """
    for i in range(first, last):
        innovation = y[i]
        for j in range(N):
            innovation -= h[i, j] * dx[j]
            tape[at, j] = h[i, j]
        s = scalar_update(p, dx, h[i], y[i], r, tape[at, N : 2 * N])
        tape[at, 2 * N] = innovation
        tape[at, 2 * N + 1] = s
        at += 1
    return at
