"""Strapdown navigation in ECEF: normal gravity and one step of attitude, velocity and position.

Coning and sculling: the two-sample recursive corrections (Savage 1998, parts 1 and 2; Groves 2013, ch. 5).
Gravity: Somigliana's closed form with its second-order height term (NIMA TR8350.2, 4.1 and 4.3).
"""

from __future__ import annotations

import math
from typing import Any

from kinema.kernels.jit import kernel
from kinema.kernels.rotation import (
    cross,
    dcm_from_quat,
    quat_from_rotvec,
    quat_multiply,
    quat_normalise,
    rotate,
)

F64 = Any

EARTH_RATE_RADPS = 7.292115e-5
_A_M = 6_378_137.0
_F = 1 / 298.257223563
_E2 = _F * (2 - _F)
_B_M = _A_M * (1 - _F)
_EP2 = _E2 / (1 - _E2)
_GE = 9.7803253359
_K = 0.00193185265241
_M = 0.00344978650684
STANDARD_GRAVITY_MPS2 = 9.80665


@kernel
def gravity_e(p: F64, out: F64) -> None:
    """Gravity (gravitation and centrifugal) in ECEF at p_e_m; `out` (3,) in m/s²."""
    r = math.hypot(p[0], p[1])
    tan_u = p[2] * _A_M / (r * _B_M)
    u = math.atan(tan_u)
    su, cu = math.sin(u), math.cos(u)
    lat = math.atan2(p[2] + _EP2 * _B_M * su * su * su, r - _E2 * _A_M * cu * cu * cu)
    s, c = math.sin(lat), math.cos(lat)
    h = r * c + p[2] * s - _A_M * math.sqrt(1.0 - _E2 * s * s)
    g0 = _GE * (1.0 + _K * s * s) / math.sqrt(1.0 - _E2 * s * s)
    g = g0 * (1.0 - 2.0 / _A_M * (1.0 + _F + _M - 2.0 * _F * s * s) * h + 3.0 * h * h / (_A_M * _A_M))
    out[0] = -g * c * p[0] / r
    out[1] = -g * c * p[1] / r
    out[2] = -g * s


@kernel
def strapdown_step(
    p: F64, v: F64, q: F64, dth: F64, dv: F64, dth_before: F64, dv_before: F64, dt: float, g: F64, dv_e: F64, work: F64
) -> None:
    """Advance position, velocity (e) and quaternion q_es in place by one pair of increments.

    dth (rad), dv (m/s): integrals of the corrected rate and specific force over the last `dt` seconds, in s;
    `*_before`: those of the step before (zero at the start). g (3,): gravity here, which changes slowly.
    dv_e (3,) receives the velocity change by specific force; work (6, 3) is scratch.
    """
    c_es = work[0:3]
    a, b = work[3], work[4]
    # coning: 1/12 of the cross product with the step before
    cross(dth_before, dth, a)
    for i in range(3):
        b[i] = dth[i] + a[i] / 12.0
    # velocity: rotation and sculling terms
    dv_s = work[5]
    cross(dth, dv, dv_s)
    cross(dth_before, dv, a)
    for i in range(3):
        dv_s[i] = dv[i] + 0.5 * dv_s[i] + a[i] / 12.0
    cross(dv_before, dth, a)
    for i in range(3):
        dv_s[i] += a[i] / 12.0
    dcm_from_quat(q, c_es)
    rotate(c_es, dv_s, dv_e)
    # Earth turns by ω dt: the frame of the old attitude lags by half of it
    half = 0.5 * EARTH_RATE_RADPS * dt
    x = dv_e[0] + half * dv_e[1]
    dv_e[1] -= half * dv_e[0]
    dv_e[0] = x
    ax = g[0] + 2.0 * EARTH_RATE_RADPS * v[1]
    ay = g[1] - 2.0 * EARTH_RATE_RADPS * v[0]
    dx, dy, dz = dv_e[0] + ax * dt, dv_e[1] + ay * dt, dv_e[2] + g[2] * dt
    p[0] += (v[0] + 0.5 * dx) * dt
    p[1] += (v[1] + 0.5 * dy) * dt
    p[2] += (v[2] + 0.5 * dz) * dt
    v[0] += dx
    v[1] += dy
    v[2] += dz
    # attitude: body turn on the right, Earth's on the left
    turn = work[0:2].ravel()
    quat_from_rotvec(b, turn)
    quat_multiply(q, turn, q)
    turn[0], turn[1], turn[2], turn[3] = 1.0, 0.0, 0.0, -half
    quat_multiply(turn, q, q)
    quat_normalise(q)
