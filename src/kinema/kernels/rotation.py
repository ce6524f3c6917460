"""Rotations: quaternions (w, x, y, z; Hamilton, active), rotation vectors, direction cosine matrices.

Formulas: Shuster, "A survey of attitude representations", 1993; Solà, "Quaternion kinematics", 2017.
All functions write into `out` and trust their input: quaternions are unit, arrays C-contiguous float64.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kinema.kernels.jit import kernel

F64 = Any


@kernel
def quat_from_rotvec(r: F64, out: F64) -> None:
    """Quaternion of a rotation vector (rad); the series below 1e-4 rad is exact to rounding."""
    a2 = r[0] * r[0] + r[1] * r[1] + r[2] * r[2]
    if a2 < 1e-8:
        s = 0.5 - a2 / 48.0
        out[0] = 1.0 - a2 / 8.0
    else:
        a = math.sqrt(a2)
        s = math.sin(0.5 * a) / a
        out[0] = math.cos(0.5 * a)
    for i in range(3):
        out[i + 1] = s * r[i]


@kernel
def quat_multiply(a: F64, b: F64, out: F64) -> None:
    """a ∘ b: first b, then a. `out` may be `a` or `b`."""
    w = a[0] * b[0] - a[1] * b[1] - a[2] * b[2] - a[3] * b[3]
    x = a[0] * b[1] + a[1] * b[0] + a[2] * b[3] - a[3] * b[2]
    y = a[0] * b[2] - a[1] * b[3] + a[2] * b[0] + a[3] * b[1]
    z = a[0] * b[3] + a[1] * b[2] - a[2] * b[1] + a[3] * b[0]
    out[0], out[1], out[2], out[3] = w, x, y, z


@kernel
def quat_normalise(q: F64) -> None:
    """Scale to unit length with w ≥ 0."""
    n = math.sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3])
    if q[0] < 0.0:
        n = -n
    for i in range(4):
        q[i] /= n


@kernel
def dcm_from_quat(q: F64, out: F64) -> None:
    """Matrix (3, 3) of a unit quaternion: v_a = C v_b for q_ab."""
    w, x, y, z = q[0], q[1], q[2], q[3]
    out[0, 0] = 1.0 - 2.0 * (y * y + z * z)
    out[0, 1] = 2.0 * (x * y - w * z)
    out[0, 2] = 2.0 * (x * z + w * y)
    out[1, 0] = 2.0 * (x * y + w * z)
    out[1, 1] = 1.0 - 2.0 * (x * x + z * z)
    out[1, 2] = 2.0 * (y * z - w * x)
    out[2, 0] = 2.0 * (x * z - w * y)
    out[2, 1] = 2.0 * (y * z + w * x)
    out[2, 2] = 1.0 - 2.0 * (x * x + y * y)


@kernel
def quat_from_dcm(c: F64, out: F64) -> None:
    """Unit quaternion (w ≥ 0) of a rotation matrix, by its largest component (Shepperd 1978)."""
    t = c[0, 0] + c[1, 1] + c[2, 2]
    if t >= c[0, 0] and t >= c[1, 1] and t >= c[2, 2]:
        out[0] = 1.0 + t
        out[1] = c[2, 1] - c[1, 2]
        out[2] = c[0, 2] - c[2, 0]
        out[3] = c[1, 0] - c[0, 1]
    elif c[0, 0] >= c[1, 1] and c[0, 0] >= c[2, 2]:
        out[0] = c[2, 1] - c[1, 2]
        out[1] = 1.0 + 2.0 * c[0, 0] - t
        out[2] = c[0, 1] + c[1, 0]
        out[3] = c[0, 2] + c[2, 0]
    elif c[1, 1] >= c[2, 2]:
        out[0] = c[0, 2] - c[2, 0]
        out[1] = c[0, 1] + c[1, 0]
        out[2] = 1.0 + 2.0 * c[1, 1] - t
        out[3] = c[1, 2] + c[2, 1]
    else:
        out[0] = c[1, 0] - c[0, 1]
        out[1] = c[0, 2] + c[2, 0]
        out[2] = c[1, 2] + c[2, 1]
        out[3] = 1.0 + 2.0 * c[2, 2] - t
    quat_normalise(out)


@kernel
def rotate(c: F64, v: F64, out: F64) -> None:
    """out = C v; `out` must not be `v`."""
    for i in range(3):
        out[i] = c[i, 0] * v[0] + c[i, 1] * v[1] + c[i, 2] * v[2]


@kernel
def rotate_back(c: F64, v: F64, out: F64) -> None:
    """out = Cᵀ v; `out` must not be `v`."""
    for i in range(3):
        out[i] = c[0, i] * v[0] + c[1, i] * v[1] + c[2, i] * v[2]


@kernel
def cross(a: F64, b: F64, out: F64) -> None:
    """out = a × b; `out` may be neither."""
    out[0] = a[1] * b[2] - a[2] * b[1]
    out[1] = a[2] * b[0] - a[0] * b[2]
    out[2] = a[0] * b[1] - a[1] * b[0]


def dcm_from_rpy(rpy_rad: F64) -> F64:
    """C_nb (..., 3, 3) of roll, pitch, yaw (..., 3): turn about z, then y, then x (aerospace order)."""
    rpy = np.asarray(rpy_rad, dtype=np.float64)
    sr, cr = np.sin(rpy[..., 0]), np.cos(rpy[..., 0])
    sp, cp = np.sin(rpy[..., 1]), np.cos(rpy[..., 1])
    sy, cy = np.sin(rpy[..., 2]), np.cos(rpy[..., 2])
    rows = [
        [cp * cy, sr * sp * cy - cr * sy, cr * sp * cy + sr * sy],
        [cp * sy, sr * sp * sy + cr * cy, cr * sp * sy - sr * cy],
        [-sp, sr * cp, cr * cp],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def rpy_from_dcm(c: F64) -> F64:
    """Roll, pitch, yaw (..., 3) of C_nb (..., 3, 3); yaw in (−π, π]."""
    c = np.asarray(c)
    return np.stack(
        [
            np.arctan2(c[..., 2, 1], c[..., 2, 2]),
            np.arcsin(np.clip(-c[..., 2, 0], -1.0, 1.0)),
            np.arctan2(c[..., 1, 0], c[..., 0, 0]),
        ],
        axis=-1,
    )


def quats_from_dcms(c: F64) -> F64:
    """Unit quaternions (n, 4) of rotation matrices (n, 3, 3)."""
    c = np.ascontiguousarray(c, dtype=np.float64)
    out = np.empty((len(c), 4))
    _quats_from_dcms(c, out)
    return out


@kernel
def _quats_from_dcms(c: F64, out: F64) -> None:
    for k in range(len(c)):
        quat_from_dcm(c[k], out[k])


def dcms_from_quats(q_wxyz: F64) -> F64:
    """Rotation matrices (..., 3, 3) of unit quaternions (..., 4)."""
    q = np.asarray(q_wxyz, dtype=np.float64)
    w, x, y, z = q[..., 0], q[..., 1], q[..., 2], q[..., 3]
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def dcm_from_rotvec(r_rad: F64) -> F64:
    """Rotation matrix (3, 3) of a rotation vector (Rodrigues)."""
    q = np.empty(4)
    quat_from_rotvec(np.ascontiguousarray(r_rad, dtype=np.float64), q)
    return dcms_from_quats(q)


def rotvec_from_dcm(c: F64) -> F64:
    """Rotation vector (3,) of a rotation matrix, its angle in [0, π]."""
    q = np.empty(4)
    quat_from_dcm(np.ascontiguousarray(c, dtype=np.float64), q)
    s = float(np.sqrt(q[1:] @ q[1:]))
    return np.asarray(q[1:] * (2.0 * math.atan2(s, q[0]) / s if s > 1e-12 else 2.0))
