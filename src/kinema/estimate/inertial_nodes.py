"""From streams to nodes: the instants at which the inertial filter measures, and the increments between them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from kinema.core.arrays import F64, I64, Bool
from kinema.estimate.inertial_params import Calibration, InertialParams
from kinema.estimate.road_height import NO_ROAD
from kinema.kernels.road import Road
from kinema.sensors.fix import FixRows
from kinema.sensors.imu_signal import ImuSignal

_SAME_S = 1e-4
_MISSING = np.repeat([0.1, 4.0], 3)
"""Noise densities squared (rad²/s, m²/s³) of a motion that nobody measured for a second or more."""
_ROUGH_SATURATED = 1e4


@dataclass(frozen=True)
class Nodes:
    """Inputs of kernels.inertial_pass.run_pass: t_s (K,) on the IMU's clock and the arrays named as there."""

    t_s: F64
    dth: F64
    dv: F64
    dt: F64
    seg_start: I64
    noise: F64
    fix: I64
    fix_has: I64
    fixes: F64
    wheel: F64
    nhc: I64
    quiet: I64
    mean: F64
    road: Road = NO_ROAD

    def __len__(self) -> int:
        return len(self.t_s)

    def chunk(self, first: int, last: int) -> Nodes:
        """The nodes [first, last) with the increments that lead to each."""
        part = slice(first, last)
        return replace(
            self, t_s=self.t_s[part], seg_start=self.seg_start[first : last + 1], noise=self.noise[part],
            fix=self.fix[part], wheel=self.wheel[part], nhc=self.nhc[part], quiet=self.quiet[part],
            mean=self.mean[part], road=self.road._replace(at=self.road.at[part]),
        )  # fmt: skip


def build_nodes(
    signal: ImuSignal,
    fixes: FixRows,
    calibration: Calibration,
    params: InertialParams,
    wheel: tuple[F64, F64] | None = None,
    span_s: tuple[float, float] = (-np.inf, np.inf),
    first_fix: int = 0,
) -> Nodes:
    """Nodes at each fix and on a grid of `node_s`, over the inertial stream within `span_s` of the IMU's clock.

    wheel: times on the IMU's clock (m,) and speed (m,) in m/s; its mean about a node of the grid is the node's.
    first_fix: rows of fixes before it are left out.
    """
    t = signal.t_s
    begin, end = max(t[0], span_s[0]), min(t[-1], span_s[1])
    t_fix = calibration.imu_time(fixes.t_s)
    usable = np.flatnonzero((t_fix >= begin) & (t_fix <= end) & (np.arange(len(t_fix)) >= first_fix))
    grid = np.arange(np.ceil(begin / params.node_s), np.floor(end / params.node_s) + 1) * params.node_s
    times, fix = _merge(grid[(grid > begin) & (grid < end)], t_fix[usable], usable, begin)
    seg_t, seg_start = _segments(t, times)
    cum_w, cum_f = _integral(t, signal.w_radps), _integral(t, signal.f_mps2)
    dth = np.diff(_interpolated(seg_t, t, cum_w), axis=0)
    dv = np.diff(_interpolated(seg_t, t, cum_f), axis=0)
    at = np.clip(np.searchsorted(t, times + 1e-9, side="right") - 1, 0, len(t) - 1)
    quiet = (signal.gyro_level[at] < calibration.quiet_gyro) & (signal.accel_level[at] < calibration.quiet_accel)
    missing = _missing(signal, times, at)
    quiet &= missing == 0.0
    worse = np.ones((len(at), 6))
    for k in np.flatnonzero(signal.saturated.any(axis=0)).tolist():
        worse[_since_last(signal.saturated[:, k], at), k] = _ROUGH_SATURATED
    noise = _noise(signal, at, calibration, params) * worse + missing[:, None] ** 2 * _MISSING
    k = len(times)
    speed = np.full(k, np.nan) if wheel is None else _mean_speed(wheel, times, _whole(times, fix, params.node_s))
    return Nodes(
        times, np.ascontiguousarray(dth), np.ascontiguousarray(dv), np.diff(seg_t), seg_start, noise,
        fix, fixes.has, fixes.rows, speed,
        (params.constrain & calibration.mounted & (missing < 0.5)).astype(np.int64), quiet.astype(np.int64),
        np.hstack([signal.mean_w[at], signal.mean_f[at]]),
    )  # fmt: skip


def _merge(grid: F64, t_fix: F64, usable: I64, begin: float) -> tuple[F64, I64]:
    """All node times, and the fix of each or −1; a fix takes the place of a grid time beside it."""
    times = np.concatenate([[begin], grid, t_fix])
    fix = np.concatenate([np.full(len(grid) + 1, -1, np.int64), usable])
    order = np.argsort(times, kind="stable")
    times, fix = times[order], fix[order]
    near = np.diff(times) < _SAME_S
    drop = np.zeros(len(times), dtype=np.bool_)
    drop[1:] |= near & (fix[1:] < 0)
    drop[:-1] |= near & (fix[1:] >= 0) & (fix[:-1] < 0)
    return times[~drop], fix[~drop]


def _segments(t: F64, times: F64) -> tuple[F64, I64]:
    """Edges of the increments (samples and nodes together), and each node's first one (K + 1,)."""
    inside = t[(t > times[0] + _SAME_S) & (t < times[-1] - _SAME_S)]
    near = np.searchsorted(times, inside)
    gap = np.minimum(np.abs(times[np.minimum(near, len(times) - 1)] - inside), np.abs(inside - times[near - 1]))
    edges = np.concatenate([times, inside[gap > _SAME_S]])
    edges.sort()
    last = np.searchsorted(edges, times)
    return edges, np.concatenate([[0], last]).astype(np.int64)


def _integral(t: F64, values: F64) -> F64:
    """Running integral (n, 3) by the trapezoid rule."""
    steps = 0.5 * (values[1:] + values[:-1]) * np.diff(t)[:, None]
    return np.concatenate([np.zeros((1, 3)), np.cumsum(steps, axis=0)])


def _interpolated(at: F64, t: F64, values: F64) -> F64:
    return np.stack([np.interp(at, t, column) for column in values.T], axis=1)


def _noise(signal: ImuSignal, at: I64, calibration: Calibration, params: InertialParams) -> F64:
    """Densities (K, 6) of white noise squared: what is known at rest, and the vibration of the second before.

    Vibration is sampled, not averaged, by most sensors: it folds over the whole band, and so also to slow motion.
    Axes not quite at right angles, and scale factors that have no state, add a share of the motion itself: for the
    second that a gyro's axes tilt, for the nine (three squared) that an acceleration lasts in a long turn.
    """
    turning = np.linalg.norm(signal.mean_w[at], axis=1) * params.askew
    pushing = signal.moved_f[at] * params.misalignment * 3.0
    gyro = (params.vibration * signal.gyro_shake[at]) ** 2 * signal.step_s + calibration.gyro_noise**2
    accel = (params.vibration * signal.accel_shake[at]) ** 2 * signal.step_s + calibration.accel_noise**2
    gyro, accel = gyro + turning[:, None] ** 2, accel + pushing[:, None] ** 2
    return np.concatenate([gyro, accel], axis=1)


def _missing(signal: ImuSignal, times: F64, at: I64) -> F64:
    """Seconds (K,), at most one, of the gap in the samples that each node lies in, or that ended since the one before.

    Rates and forces between the ends of a gap are interpolated, which short gaps forgive.
    """
    length = np.where(signal.gap, np.diff(signal.t_s, prepend=signal.t_s[0]), 0.0)
    after = np.minimum(at + 1, len(length) - 1)
    inside = np.where(times > signal.t_s[at] + _SAME_S, length[after], 0.0)
    ended = np.where(_since_last(signal.gap, at), np.maximum(length[at], length[after]), 0.0)
    return np.minimum(np.maximum(inside, ended), 1.0)


def _since_last(flag: Bool, at: I64) -> Bool:
    """Whether any flagged sample lies after the node before and up to each node (or up to one sample later)."""
    count = np.concatenate([[0], np.cumsum(flag)])
    upto = count[np.minimum(at + 2, len(flag))]
    before = np.concatenate([[0], upto[:-1]])
    return np.asarray(upto > before)


def _whole(times: F64, fix: I64, node_s: float) -> Bool:
    """Nodes (K,) of the grid, or fixes that stand for one."""
    step = np.diff(times, prepend=-np.inf, append=np.inf)
    return np.asarray((fix < 0) | (np.minimum(step[:-1], step[1:]) > 0.9 * node_s))


def _mean_speed(wheel: tuple[F64, F64], times: F64, whole: Bool) -> F64:
    """Mean wheel speed (K,) about each `whole` node: of the samples nearer to it than to other such; NaN where none is.

    A fix between two nodes of the grid would leave single samples to some, which ticks make several times as rough.
    """
    t, speed = wheel
    good = np.isfinite(speed)
    t, speed = t[good], speed[good]
    at = times[whole]
    edges = np.concatenate([[-np.inf], 0.5 * (at[1:] + at[:-1]), [np.inf]])
    first = np.searchsorted(t, edges)
    cum = np.concatenate([[0.0], np.cumsum(speed)])
    cum_t = np.concatenate([[0.0], np.cumsum(t)])
    count = np.diff(first)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean, mean_t = np.diff(cum[first]) / count, np.diff(cum_t[first]) / count
    out = np.full(len(times), np.nan)
    out[whole] = np.where((count > 0) & (np.abs(mean_t - at) < 0.2), mean, np.nan)
    return out
