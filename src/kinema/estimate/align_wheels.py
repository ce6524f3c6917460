"""Wheels beside an aligned IMU: in which unit they count, by how much their speed comes late, and how rough it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kinema.core.arrays import F64
from kinema.estimate.inertial import Pass
from kinema.estimate.inertial_params import InertialParams
from kinema.kernels import inertial as ki

_REACH_S = 2.0
_CHANGING_MPS2 = 0.3
_SLOPE_S = 0.25
_BLOCK = 25
_DRIVING_MPS, _ALIKE, _LEAST_FACTOR = 2.0, 0.15, 0.05
STRANGE_SCALE = 0.15
"""No tyre is so much larger or smaller: a unit, a gear or a sign is wrong."""


def fitted_wheels(
    smoothed: Pass, wheels: tuple[F64, F64] | None, params: InertialParams
) -> tuple[tuple[F64, F64] | None, InertialParams]:
    """Wheel speeds at the times to which they belong by a smoothed pass, in its unit and direction, and settings that
    know how rough they are.

    Both by what came until the end of that pass: a causal one looks at what causal alignment looked at.
    """
    if wheels is None:
        return None, params
    t, speed = wheels
    speed = speed / wheel_factor(smoothed, wheels)
    wheels = (t - wheel_lag(smoothed, wheels), speed)
    seen = wheels[0] <= smoothed.t_s[-1]
    return wheels, with_wheel_noise(params, (wheels[0][seen], speed[seen]))


def wheel_factor(smoothed: Pass, wheels: tuple[F64, F64]) -> float:
    """How many times the speed of a smoothed pass wheels read, where that is no mere scale of tyres; else 1."""
    t, speed = wheels
    v = np.linalg.norm(smoothed.x[:, ki.X_V : ki.X_V + 3], axis=1)
    there = np.interp(t, smoothed.t_s, v)
    use = np.isfinite(speed) & (t > smoothed.t_s[0]) & (t < smoothed.t_s[-1]) & (there > _DRIVING_MPS)
    if use.sum() < 4 * _BLOCK:
        return 1.0
    ratio = speed[use] / there[use]
    factor = float(np.median(ratio))
    same = float(np.median(np.abs(ratio - factor))) < _ALIKE * abs(factor)
    return factor if abs(factor) > _LEAST_FACTOR and abs(factor - 1.0) > STRANGE_SCALE and same else 1.0


def wheel_lag(smoothed: Pass, wheels: tuple[F64, F64]) -> float:
    """Seconds by which wheel speeds (times on the IMU's clock and m/s) lag behind a smoothed pass; 0 if not clear.

    Speeds come by a bus and are means over some ticks: (1 + s) v(t − lag) is fitted by v and its slope, and again
    about the lag found.
    """
    t, speed = wheels
    v = np.linalg.norm(smoothed.x[:, ki.X_V : ki.X_V + 3], axis=1)
    inside = np.isfinite(speed) & (t > smoothed.t_s[0] + _REACH_S) & (t < smoothed.t_s[-1] - _REACH_S)
    t, speed = t[inside], np.abs(speed[inside])
    lag, sigma = 0.0, np.inf
    for _ in range(4):
        at = t - lag
        there = np.interp(at, smoothed.t_s, v)
        slope = np.interp(at + _SLOPE_S, smoothed.t_s, v) - np.interp(at - _SLOPE_S, smoothed.t_s, v)
        rows = np.stack([there, slope / (2 * _SLOPE_S)], axis=1)
        use = (there > 1.0) & (np.abs(rows[:, 1]) > _CHANGING_MPS2)
        if use.sum() < 4 * _BLOCK:
            return 0.0
        step, sigma = _fit(rows[use], speed[use])
        lag = float(np.clip(lag + step, -_REACH_S, _REACH_S))
    return lag if abs(lag) > max(3.0 * sigma, 0.003) else 0.0


def _fit(rows: F64, speed: F64) -> tuple[float, float]:
    """Lag and its sigma from speed = rows @ (1 + s, −(1 + s) lag), robustly."""
    weight, found = np.ones(len(speed)), np.array([1.0, 0.0])
    for _ in range(5):
        normal = rows.T @ (weight[:, None] * rows)
        found = np.linalg.solve(normal, rows.T @ (weight * speed))
        off = np.abs(speed - rows @ found)
        scale = max(float(np.median(off)), 1e-3)
        weight = 1.0 / (1.0 + (off / (2.0 * scale)) ** 2)
    # how much less (slips, slopes) or more (ticks) neighbours cancel each other than white noise would
    left = np.clip(speed - rows @ found, -3.0 * scale, 3.0 * scale)
    blocks = left[: len(left) // _BLOCK * _BLOCK].reshape(-1, _BLOCK).mean(axis=1)
    alike = float(np.clip(_BLOCK * blocks.var() / max(float(left.var()), 1e-12), 0.1, _BLOCK))
    sigma = 1.5 * scale * np.sqrt(alike * np.linalg.inv(normal)[1, 1])
    return -float(found[1] / max(found[0], 1e-3)), float(sigma / max(found[0], 1e-3))


def with_wheel_noise(params: InertialParams, wheels: tuple[F64, F64]) -> InertialParams:
    """Settings whose wheel noise is at least what changes from node to node beside any steady acceleration."""
    t, speed = wheels
    good = np.isfinite(speed)
    node = np.floor(t[good] / params.node_s).astype(np.int64)
    if not len(node):
        return params
    index = node - node.min()
    count = np.bincount(index)
    mean = np.bincount(index, speed[good]) / np.maximum(count, 1)
    known = count > 0
    # two nodes apart: neighbours share a tick, whose error they have with opposite signs
    triple = known[4:] & known[2:-2] & known[:-4] & (np.abs(mean[2:-2]) > 0.5)
    if triple.sum() < 30:
        return params
    bend = (mean[4:] - 2.0 * mean[2:-2] + mean[:-4])[triple]
    sigma = float(np.sqrt(np.minimum(bend**2, 9.0 * np.median(bend**2) + 1e-6).mean() / 6.0))
    return replace(params, wheel_sigma_mps=max(params.wheel_sigma_mps, sigma))
