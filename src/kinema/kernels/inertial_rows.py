"""Rows of what an inertial filter measures: fixes of an antenna, wheels, the axle that does not slip, rest.

Each is innovation and Jacobian of one model in the states of kernels.inertial; design/inertial.md derives them.
"""

from __future__ import annotations

from typing import Any

from kinema.kernels.inertial import (
    BG,
    GB,
    KS,
    MU,
    PHI,
    RX,
    RY,
    SG,
    SW,
    TD,
    X_BG,
    X_GB,
    X_KS,
    X_L,
    X_P,
    X_Q,
    X_QB,
    X_RX,
    X_RY,
    X_SW,
    X_TD,
    X_V,
    L,
    N,
    P,
    V,
)
from kinema.kernels.inertial_transition import skew_rows
from kinema.kernels.jit import kernel
from kinema.kernels.rotation import cross, dcm_from_quat, rotate, rotate_back
from kinema.kernels.strapdown import EARTH_RATE_RADPS

F64 = Any


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
    skew_rows(work[6], -1.0, h, 0, PHI)
    for i in range(3):
        y[i] = z[i] - x[X_P + i] - arm[i] - x[X_GB + i] + (x[X_V + i] + rate[i]) * x[X_TD]
        h[i, P + i] = 1.0
        h[i, V + i] = -x[X_TD]
        h[i, GB + i] = 1.0
        h[i, TD] = -(x[X_V + i] + rate[i])
        for j in range(3):
            h[i, L + j] = c_es[i, j]


@kernel
def turn_rate(means: F64, c_es: F64) -> float:
    """Rate of turning about the vertical, positive downwards (clockwise)."""
    g, w = means[2], means[0]
    size = (g[0] * g[0] + g[1] * g[1] + g[2] * g[2]) ** 0.5
    turn = 0.0
    for i in range(3):
        for j in range(3):
            turn += g[i] * c_es[i, j] * w[j]
    return turn / size


@kernel
def fix_velocity_rows(x: F64, means: F64, z: F64, y: F64, h: F64, work: F64) -> None:
    """Antenna velocity z (3,) in e: v + C (ω × l), a td earlier.

    The row of td is left to velocity_clock.
    """
    c_es, arm, rate = work[0:3], work[3], work[4]
    dcm_from_quat(x[X_Q : X_Q + 4], c_es)
    w, lever = means[0], x[X_L : X_L + 3]
    turn = turn_rate(means, c_es)
    cross(w, lever, arm)
    rotate(c_es, arm, rate)
    for i in range(3):
        for j in range(N):
            h[i, j] = 0.0
    skew_rows(rate, -1.0, h, 0, PHI)
    for i in range(3):
        y[i] = z[i] - x[X_V + i] - rate[i] + means[1, i] * x[X_TD]
        h[i, V + i] = 1.0
        # ω × δl, and l × δb from δω = −δb, both turned into e
        h[i, L] = c_es[i, 1] * w[2] - c_es[i, 2] * w[1]
        h[i, L + 1] = c_es[i, 2] * w[0] - c_es[i, 0] * w[2]
        h[i, L + 2] = c_es[i, 0] * w[1] - c_es[i, 1] * w[0]
        h[i, BG] = c_es[i, 1] * lever[2] - c_es[i, 2] * lever[1]
        h[i, BG + 1] = c_es[i, 2] * lever[0] - c_es[i, 0] * lever[2]
        h[i, BG + 2] = c_es[i, 0] * lever[1] - c_es[i, 1] * lever[0]
        for j in range(3):
            h[i, SG + j] = h[i, BG + j] * turn


@kernel
def velocity_clock(means: F64, shaken: float, td_var: float, h: F64, r: F64) -> None:
    """What an antenna's velocity tells of the time offset: rows h (3, N), or else noise r (3, 3).

    Its slope over time is the acceleration a, which is shaken by `shaken` (variance, m²/s⁴, of all axes). Taken as it
    is, the shaking would count as knowledge and pin the offset where it is; so only the share of a that stands out
    tells of the offset, of variance td_var, and the rest is noise.
    """
    a = means[1]
    clear = max(0.0, 1.0 - 4.0 * shaken / max(a[0] * a[0] + a[1] * a[1] + a[2] * a[2], 1e-9))
    for i in range(3):
        h[i, TD] = -clear * a[i]
        for j in range(3):
            r[i, j] += td_var * (1.0 - clear * clear) * a[i] * a[j]


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
    turn = turn_rate(means, work[0:3])
    for j in range(3):
        h[0, BG + j] = -side * c_bs[2, j]
        h[0, SG + j] = h[0, BG + j] * turn
        h[1, BG + j] = x[X_RX] * c_bs[1, j]
        h[1, SG + j] = h[1, BG + j] * turn
    # turning the mount turns the rate, too
    h[0, MU] += side * -w_b[0]
    h[1, MU + 1] += -x[X_RX] * w_b[0]
    h[0, RX] = w_b[2]
    h[1, RX] = -w_b[1]
    h[0, KS] = w_b[2] * v_b[0] * v_b[0]


@kernel
def wheel_row(x: F64, means: F64, speed: float, y: F64, h: F64, rows: F64, work: F64) -> None:
    """Speed of the rear axle's centre by wheels: speed · (1 + s) = v_x − ω_z r_y; one row (1, N).

    r_y is how far right of the IMU that centre is.
    """
    v_b, w_b = work[7], work[8]
    body_velocity_rows(x, means, v_b, w_b, rows, work)
    y[0] = speed * (1.0 + x[X_SW]) - v_b[0] + w_b[2] * x[X_RY]
    for j in range(N):
        h[0, j] = rows[0, j]
    turn = turn_rate(means, work[0:3])
    for j in range(3):
        h[0, BG + j] = x[X_RY] * work[5, j]
        h[0, SG + j] = h[0, BG + j] * turn
    h[0, MU] += x[X_RY] * w_b[0]
    h[0, SW] = -speed
    h[0, RY] = -w_b[2]


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
