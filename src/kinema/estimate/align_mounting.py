"""Mounting of an IMU from where the vehicle goes: forward is the sensor's mean direction of travel, down its mean
vertical while driving."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinema.core.arrays import F64, Bool
from kinema.estimate.inertial import Pass
from kinema.kernels import inertial as ki
from kinema.kernels.rotation import dcms_from_quats

_MOVING_MPS = 2.0


@dataclass(frozen=True)
class Mounting:
    """C_bs (3, 3) with the sigmas of its roll, pitch, yaw (rad, about the body axes) and the metres driven for it."""

    c_bs: F64
    sigma_rpy_rad: F64
    driven_m: float


def find_mounting(smoothed: Pass) -> Mounting | None:
    """The mounting by the direction of travel and the vertical, in the sensor frame; None without enough driving."""
    v_e = smoothed.x[:, ki.X_V : ki.X_V + 3]
    speed = np.linalg.norm(v_e, axis=1)
    moving: Bool = speed > _MOVING_MPS
    if moving.sum() < 60:
        return None
    c_es = dcms_from_quats(smoothed.x[moving, ki.X_Q : ki.X_Q + 4])
    v_s = np.einsum("nji,nj->ni", c_es, v_e[moving])
    g_e = smoothed.means[moving, 2]
    down_s = np.einsum("nji,nj->ni", c_es, g_e / np.linalg.norm(g_e, axis=1, keepdims=True))
    rate = np.linalg.norm(smoothed.means[moving, 0], axis=1)
    weight = speed[moving] / (1.0 + (rate / 0.1) ** 2)
    dt = np.minimum(np.diff(smoothed.t_s, prepend=smoothed.t_s[0])[moving], 0.5)
    weight = weight * dt
    forward = _robust_direction(v_s / speed[moving, None], weight)
    down = _robust_direction(down_s, weight)
    down = down - forward * (forward @ down)
    down /= np.linalg.norm(down)
    c_bs = np.stack([forward, np.cross(down, forward), down])
    v_b, down_b = v_s @ c_bs.T / speed[moving, None], down_s @ c_bs.T
    spread = np.array([_spread(down_b[:, 1], weight), _spread(v_b[:, 2], weight), _spread(v_b[:, 1], weight)])
    effective = max(1.0, float(weight.sum() ** 2 / (weight**2).sum() * np.median(dt) / 3.0))
    # the mean vertical while driving is that of the road, whose crown leans by a degree
    sigma = np.sqrt(spread**2 / effective + np.array([1.0, 0.2, 0.2]) ** 2 * (np.pi / 180) ** 2)
    return Mounting(c_bs, sigma, float((speed[moving] * dt).sum()))


def _robust_direction(unit: F64, weight: F64) -> F64:
    """Mean direction (3,) of unit vectors (n, 3); the half that lies closest to it counts."""
    mean = (weight[:, None] * unit).sum(axis=0)
    for _ in range(4):
        mean = mean / max(float(np.linalg.norm(mean)), 1e-12)
        off = np.linalg.norm(unit - mean, axis=1)
        scale = max(float(np.median(off)), 1e-4)
        mean = (weight[:, None] / (1 + (off[:, None] / scale) ** 2) ** 2 * unit).sum(axis=0)
    return np.asarray(mean / np.linalg.norm(mean))


def _spread(values: F64, weight: F64) -> float:
    order = np.argsort(np.abs(values))
    cum = np.cumsum(weight[order])
    return float(1.4826 * np.abs(values[order])[np.searchsorted(cum, 0.5 * cum[-1])])
