"""How the streams of a recording agree before anything is solved: what `kinema info` tells of IMU, fixes and wheels."""

from __future__ import annotations

from typing import Any

import numpy as np

from kinema.core.frames import vectors_n_from_e
from kinema.core.recording import Issue, Recording
from kinema.core.solution import Solution
from kinema.core.streams import Imu, Series
from kinema.errors import KinemaError
from kinema.estimate.align_time import find_time_offset
from kinema.sensors.fix import fix_rows
from kinema.sensors.imu_signal import imu_signal, quiet_levels, white_noise
from kinema.sensors.wheel import wheel_speed

_DRIVING_MPS = 2.0


def looked_at(recording: Recording) -> tuple[dict[str, Any], list[Issue]]:
    """Numbers by what they are about ("imu", "imu and fixes", "wheels and fixes"), and what is wrong with samples.

    imu: noise of gyro (rad/√s) and accelerometer (m/s^1.5) at rest; imu and fixes: seconds together, correlation of
    their turns, offset (s) with sigma; wheels and fixes: how many times the speed of the fixes the wheels read.
    """
    told: dict[str, Any] = {}
    issues: list[Issue] = []
    imu, fixes = recording.streams.get("imu"), recording.streams.get("fixes")
    if isinstance(imu, Imu) and len(imu.t_ns) > 1:
        try:
            told |= _of_imu(imu, fixes, issues)
        except KinemaError as error:
            issues.append(Issue("cannot be used", 1, "", "imu", str(error)))
    try:
        told |= _of_wheels(recording.streams.get("wheels"), fixes)
    except KinemaError as error:
        issues.append(Issue("cannot be used yet", 1, "", "wheels", str(error)))
    return told, issues


def _of_imu(imu: Imu, fixes: Any, issues: list[Issue]) -> dict[str, Any]:
    t0_ns = int(imu.t_ns[0])
    signal = imu_signal(imu, t0_ns)
    issues += signal.issues
    gyro, accel = quiet_levels(signal, np.zeros(len(signal.t_s), np.bool_))
    noise = white_noise(signal, (signal.gyro_level < gyro) & (signal.accel_level < accel))
    told: dict[str, Any] = {}
    if np.isfinite(noise).all():
        told["imu"] = {"gyro_noise": noise[0], "accel_noise": noise[1]}
    if not isinstance(fixes, Solution) or not fixes.valid.any():
        return told
    begin, end = max(t0_ns, int(fixes.t_ns[0])), min(int(imu.t_ns[-1]), int(fixes.t_ns[-1]))
    both: dict[str, Any] = {"together_s": max(end - begin, 0) * 1e-9}
    if end > begin:
        found = find_time_offset(signal, fix_rows(fixes, t0_ns))
        both |= {"turns": abs(found.correlation), "found": found.found}
        if found.found:
            both |= {"offset_s": found.td_s, "offset_sigma_s": found.sigma_s, "rate_scale": found.slope}
    return told | {"imu and fixes": both}


def _of_wheels(wheels: Any, fixes: Any) -> dict[str, Any]:
    if not isinstance(wheels, Series) or wheels.unit != "m/s" or not isinstance(fixes, Solution):
        return {}
    found = wheel_speed(wheels, (), int(wheels.t_ns[0])) if len(wheels.t_ns) else None
    v_n = vectors_n_from_e(fixes.v_e_mps, fixes.p_e_m)
    speed = np.hypot(v_n[:, 0], v_n[:, 1])
    use = np.isfinite(speed) & (speed > _DRIVING_MPS)
    if found is None or use.sum() < 10:
        return {}
    t = (fixes.t_ns[use] - int(wheels.t_ns[0])) * 1e-9
    good = np.isfinite(found[1])
    inside = (t > found[0][0]) & (t < found[0][-1])
    if good.sum() < 10 or inside.sum() < 10:
        return {}
    ratio = np.interp(t[inside], found[0][good], found[1][good]) / speed[use][inside]
    return {"wheels and fixes": {"times": float(np.median(ratio)), "spread": float(np.median(np.abs(
        ratio - np.median(ratio))))}}  # fmt: skip
