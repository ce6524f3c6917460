"""Alignment of an IMU by ranges: level, heading, noise of a robot that is slow and whose clock is the radio's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kinema.core.arrays import F64
from kinema.errors import EstimationError
from kinema.estimate.align import Alignment, clocked, coarse_start, noise_of, restart
from kinema.estimate.align_mounting import Mounting
from kinema.estimate.align_time import TimeOffset
from kinema.estimate.inertial import run_smoother
from kinema.estimate.inertial_nodes import build_nodes
from kinema.estimate.inertial_params import Calibration, InertialParams
from kinema.estimate.ranges_seen import Seen
from kinema.sensors.fix import HAS_POSITION, HAS_VELOCITY, FixRows
from kinema.sensors.imu_signal import ImuSignal

MOVING_MPS, MOVED_S, MOVED_M, LONGEST_S = 0.3, 60.0, 50.0, 120.0
_TD_SIGMA_S, _DRIFT_SIGMA = 0.03, 5e-5


def align_indoors(signal: ImuSignal, seen: Seen, params: InertialParams, c_bs: F64 | None, *, whole: bool) -> Alignment:
    """Heading and level by the ranges themselves: a robot is slow, and its clock the radio's.

    Raises EstimationError where it hardly moves.
    """
    rows = seen.rows()
    moved = _moved(seen)
    until = min(float(seen.t_s[-1]), max(moved, float(seen.t_s[0]) + LONGEST_S)) if whole else moved
    calibration = Calibration(td_sigma_s=_TD_SIGMA_S, tdd_sigma=_DRIFT_SIGMA)
    known = signal if whole else signal.until(until)
    signal = replace(signal, usual_f=np.median(known.f_mps2, axis=0))
    calibration = _noise(known, seen, calibration, params)
    start, smoothed = coarse_start(signal, rows, calibration, params, moved, until)
    calibration, start = clocked(calibration, start, smoothed)
    if whole:
        nodes = build_nodes(
            signal, rows, calibration, replace(params, constrain=False), span_s=(start.t_s, np.inf)
        )  # fmt: skip
        smoothed = run_smoother(nodes, start, params, calibration, covariances=False)
        calibration, start = clocked(calibration, restart(start, smoothed, coarse=True), smoothed)
    mounting: Mounting | None = None
    if c_bs is not None:
        calibration = calibration.with_mount(c_bs)
    return Alignment(start, calibration, mounting, TimeOffset(), until, smoothed, signal.usual_f)


def _moved(seen: Seen) -> float:
    """The time by which a slow mover has shown its heading. Raises EstimationError."""
    speed = np.linalg.norm(seen.v_e_mps, axis=1)
    dt = np.minimum(np.diff(seen.t_s, prepend=seen.t_s[0]), 0.5)
    moving = speed > MOVING_MPS
    ready = (np.cumsum(dt * moving) > MOVED_S) & (np.cumsum(dt * speed * moving) > MOVED_M)
    if not ready.any():
        raise EstimationError("heading cannot be found, the ranges show hardly any motion")
    return float(seen.t_s[np.argmax(ready)])


def _noise(signal: ImuSignal, seen: Seen, calibration: Calibration, params: InertialParams) -> Calibration:
    """Noise at rest, and whether quiet means rest: something on soft wheels may drive as quietly as it stands."""
    _, first = np.unique(np.round(seen.t_s * 4.0), return_index=True)
    rows = np.zeros((len(first), 24))
    rows[:, 0:3], rows[:, 12:15] = seen.about_e_m[first], seen.v_e_mps[first]
    ways = FixRows(seen.t_s[first], rows, np.full(len(first), HAS_POSITION | HAS_VELOCITY), seen.bias_sigma_m)
    found = noise_of(signal, ways, calibration, params)
    speed = np.linalg.norm(seen.v_e_mps, axis=1)
    moving = np.interp(signal.t_s, seen.t_s, speed) > max(MOVING_MPS, 2.0 * float(np.quantile(speed, 0.05)))
    quiet = (signal.gyro_level < found.quiet_gyro) & (signal.accel_level < found.quiet_accel)
    if moving.any() and quiet[moving].mean() > 0.02:
        found = replace(found, quiet_gyro=0.0, quiet_accel=0.0)
    return found
