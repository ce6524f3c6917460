"""The state of the inertial error-state filter, and how measured rows are folded into it.

Nominal state x (X_SIZE,) in ECEF with the IMU as its point; error state (N,), error = truth ⊖ estimate, attitude error
on the left: C_es,true = exp(φ×) C_es. Indices below. Groves, "Principles of GNSS, inertial and multisensor integrated
navigation", 2013, ch. 12 and 14; the calibration states and their rows are derived in design/inertial.md.
"""

from __future__ import annotations

import math
from typing import Any

from kinema.kernels.jit import kernel
from kinema.kernels.kalman import scalar_update, times_sparse
from kinema.kernels.rotation import quat_from_rotvec, quat_multiply, quat_normalise

F64 = Any
I64 = Any

# nominal state
X_P, X_V, X_Q, X_BG, X_BA, X_SG, X_L, X_QB = 0, 3, 6, 10, 13, 16, 19, 22
X_TD, X_TDD, X_SW, X_RX, X_KS, X_GB, X_RY, X_SIZE = 26, 27, 28, 29, 30, 31, 34, 35
# error state
P, V, PHI, BG, BA, SG, L, MU, TD, TDD, SW, RX, KS, GB, RY, N = (
    0, 3, 6, 9, 12, 15, 18, 21, 23, 24, 25, 26, 27, 28, 31, 32,
)  # fmt: skip
"""Rows of 32 fill vector registers."""
N_NAV = 9
N_DRIVE = 18
"""Error states that drive position, velocity and attitude: themselves, biases, and SG.

SG (3,) is what each gyro axis reads per rate of turning about the vertical: vehicles turn about little else, so that
these three hold scale factors and misalignments of the axes, however the sensor is mounted."""

# noise and model parameters
(
    Q_BG, Q_BA, Q_TD, Q_TDD, GB_VAR, GB_TAU, Q_MOUNT,
    NHC_LAT, NHC_VERT, NHC_SLIP, WHEEL_SIGMA, WHEEL_FRACTION, ZUPT_SIGMA, FIX_GATE, NHC_MIN_SPEED, ZARU_SIGMA, Q_SW,
    WHEEL_SLIP, PAR_SIZE,
) = range(19)  # fmt: skip

# what a node tells of itself
(
    D_NIS_P, D_WEIGHT_P, D_NIS_V, D_WEIGHT_V, D_NHC, D_NHC_DOWN, D_WHEEL, D_ZUPT, D_SPEED, D_LOGL, D_ROAD,
    D_SIZE,
) = range(12)  # fmt: skip


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
    x[X_RY] += dx[RY]
    for i in range(N):
        dx[i] = 0.0


@kernel
def nis3(p: F64, y: F64, h: F64, r: F64, u: F64) -> float:
    """yᵀ (H P Hᵀ + R)⁻¹ y of three rows; r (3, 3); u (3, N) is scratch."""
    for k in range(3):
        times_sparse(p, h[k], u[k])
    s00, s01, s02, s11, s12, s22 = r[0, 0], r[0, 1], r[0, 2], r[1, 1], r[1, 2], r[2, 2]
    for i in range(N):
        s00 += h[0, i] * u[0, i]
        s01 += h[0, i] * u[1, i]
        s02 += h[0, i] * u[2, i]
        s11 += h[1, i] * u[1, i]
        s12 += h[1, i] * u[2, i]
        s22 += h[2, i] * u[2, i]
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
