"""Wheel speed and yaw rate as the way of a mover on a plane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.core.streams import Series
from kinema.errors import DataError

UNKNOWN_SPEED_MPS = 10.0
"""Without odometry the mover may be this fast in any direction."""


@dataclass(frozen=True)
class Steps:
    """Mean speed_mps and rate_radps (n,) since the epoch before; known (bool): there was odometry."""

    speed_mps: F64
    rate_radps: F64
    known: bool


class NoiseParams(Protocol):
    """The settings that step_noise reads (see estimate.planar.Params)."""

    @property
    def speed_sigma(self) -> float: ...
    @property
    def slip_mps(self) -> float: ...
    @property
    def height_m_per_sqrt_s(self) -> float: ...
    @property
    def rate_sigma_radps(self) -> float: ...
    @property
    def rate_bias_drift_radps(self) -> float: ...
    @property
    def scale_drift(self) -> float: ...
    @property
    def clock_m_per_sqrt_s(self) -> float: ...
    @property
    def drift_mps_per_sqrt_s(self) -> float: ...


def steps(t_ns: I64, odometry: Series | None) -> Steps:
    """Odometry between epochs t_ns (n,). Its columns are vx and wz, as the formats name them; a Series without names
    has speed first and yaw rate second. Raises DataError where they are not there."""
    n = len(t_ns)
    if odometry is None or len(odometry.t_ns) < 2:
        return Steps(np.zeros(n), np.zeros(n), False)
    value = odometry.value
    if value.ndim != 2:
        raise DataError("odometry", "columns with a forward speed and a yaw rate", "one column")
    columns = odometry.columns or ("vx", "wz")
    try:
        speed, rate = (value[:, columns.index(name)] for name in ("vx", "wz"))
    except ValueError:
        raise DataError("odometry", "columns 'vx' (m/s) and 'wz' (rad/s)", ", ".join(columns)) from None
    at = np.asarray(odometry.t_ns - t_ns[0], dtype=np.float64)
    wanted = np.asarray(t_ns - t_ns[0], dtype=np.float64)
    means = []
    for channel in (speed, rate):
        keep = np.isfinite(channel)
        now = np.interp(wanted, at[keep], channel[keep])
        means.append(0.5 * (now + np.concatenate([now[:1], now[:-1]])))
    return Steps(means[0], means[1], True)


def dead_reckon(t_s: F64, step: Steps) -> tuple[F64, F64]:
    """Path (n, 2) north, east and heading (n,) from the origin with heading zero."""
    dt = np.diff(t_s, prepend=t_s[0])
    heading = np.cumsum(step.rate_radps * dt)
    middle = heading - 0.5 * step.rate_radps * dt
    way = step.speed_mps * dt
    return np.stack([np.cumsum(way * np.cos(middle)), np.cumsum(way * np.sin(middle))], axis=1), heading


def step_noise(dt_s: F64, step: Steps, params: NoiseParams, systems: int) -> F64:
    """Standard deviation (n, 7 + systems) of each state's step, in the layout of kernels.planar."""
    root = np.sqrt(np.maximum(dt_s, 1e-3))
    noise = np.empty((len(dt_s), 7 + systems))
    moving = np.abs(step.speed_mps)
    level = np.hypot(params.speed_sigma * moving, params.slip_mps * np.minimum(1.0, moving + 0.05))
    noise[:, 0] = noise[:, 1] = (level if step.known else np.full(len(dt_s), UNKNOWN_SPEED_MPS)) * root + 1e-4
    noise[:, 2] = params.height_m_per_sqrt_s * root
    noise[:, 3] = params.rate_sigma_radps * root + 1e-5
    noise[:, 4] = params.scale_drift * root
    noise[:, 5] = params.rate_bias_drift_radps * root
    noise[:, 6] = params.drift_mps_per_sqrt_s * root
    noise[:, 7:] = (params.clock_m_per_sqrt_s * root)[:, None]
    return noise
