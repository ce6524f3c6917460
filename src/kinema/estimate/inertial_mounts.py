"""What a recording says of how its sensors sit: into settings, and held against gravity and the way driven."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from kinema.core.arrays import F64
from kinema.core.recording import UNKNOWN_MOUNT, Recording
from kinema.errors import ConfigError, EstimationError
from kinema.estimate.align_mounting import find_mounting
from kinema.estimate.inertial import Pass
from kinema.estimate.inertial_params import InertialParams
from kinema.kernels.rotation import dcm_from_rpy
from kinema.sensors.imu_signal import ImuSignal

_AXLE_SIGMA_M = 0.02
"""Of a place of the rear axle that is given without a sigma."""
_LEAN_DEG, _ASKEW_DEG = 20.0, 20.0
"""A given mounting that gravity or the way driven contradicts by more is a wrong one."""


def with_mounts(recording: Recording, params: InertialParams) -> tuple[InertialParams, F64 | None]:
    """Settings with what the recording's mounts and [wheels] tell, each with its sigma, and C_bs of the IMU where it
    is told. Places count from the body's origin: those of two sensors are needed for a lever arm between them.

    Raises ConfigError where one of them is missing.
    """
    imu = recording.mounts.get("imu", UNKNOWN_MOUNT)
    antenna = recording.mounts.get("fixes", recording.mounts.get("gnss", UNKNOWN_MOUNT))
    axle = recording.mounts.get("wheels", UNKNOWN_MOUNT)
    told: dict[str, Any] = {}
    placed = "ranges" if "ranges" in recording.streams and "ranges" in recording.mounts else "gnss"
    for role, mount in ((placed, antenna), ("wheels", axle)):
        if mount.p_b_m is not None and imu.p_b_m is None:
            raise ConfigError(
                f"mounts.{role}.lever_arm_b_m is given, mounts.imu.lever_arm_b_m is not: both count from the body's "
                "origin; state [0.0, 0.0, 0.0] for the IMU if it is that origin"
            )
    if antenna.p_b_m is not None and params.lever_m is None:
        arm = np.asarray(antenna.p_b_m) - np.asarray(imu.p_b_m)
        told["lever_m"] = (float(arm[0]), float(arm[1]), float(arm[2]))
        told["lever_given_sigma_m"] = float(np.hypot(antenna.p_sigma_m or 0.0, imu.p_sigma_m or 0.0))
    if axle.p_b_m is not None and imu.p_b_m is not None:
        told["axle_m"], told["axle_side_m"] = (axle.p_b_m[k] - imu.p_b_m[k] for k in (0, 1))
        place_sigma_m = float(np.hypot(axle.p_sigma_m or _AXLE_SIGMA_M, imu.p_sigma_m or 0.0))
        told["axle_sigma_m"] = told["axle_side_sigma_m"] = place_sigma_m
    if imu.rpy_bs_rad is not None and imu.rpy_sigma_rad is not None:
        told["mount_sigma_rad"] = imu.rpy_sigma_rad
    if imu.time_sigma_s is not None:
        told["time_sigma_s"] = imu.time_sigma_s
    wheels = recording.settings.get("wheels", {})
    if isinstance(wheels.get("scale"), int | float):
        told["wheel_scale_sigma"] = float(wheels.get("scale_sigma", 0.0))
    return replace(params, **told), None if imu.rpy_bs_rad is None else dcm_from_rpy(np.asarray(imu.rpy_bs_rad))


def check_level(signal: ImuSignal, c_bs: F64 | None) -> None:
    """Refuse a given mounting that gravity contradicts. Raises ConfigError with the evidence."""
    if c_bs is None:
        return
    up_s = signal.usual_f / max(float(np.linalg.norm(signal.usual_f)), 1e-9)
    lean = float(np.degrees(np.arccos(np.clip(-(c_bs @ up_s)[2], -1.0, 1.0))))
    if lean > _LEAN_DEG:
        raise ConfigError(
            f"gravity says that the sensor's {_axis(up_s)} axis points up, the mounting given for it that "
            f"{_axis(-c_bs[2])} does ({lean:.0f}° apart): is it on its side or upside down? correct mounts.imu, or "
            'write "estimate"'
        )


def check_heading(smoothed: Pass, c_bs: F64 | None) -> None:
    """Refuse a given mounting that the way driven contradicts. Raises EstimationError with the evidence."""
    found = None if c_bs is None else find_mounting(smoothed)
    if c_bs is None or found is None:
        return
    ahead = c_bs @ found.c_bs[0]
    askew = float(np.degrees(np.arctan2(abs(ahead[1]), ahead[0])))
    if askew > _ASKEW_DEG + 3.0 * float(np.degrees(found.sigma_rpy_rad[2])):
        raise EstimationError(
            f"the vehicle drives to where the sensor's {_axis(found.c_bs[0])} axis points, by the mounting given for "
            f'it to where {_axis(c_bs[0])} does ({askew:.0f}° apart); correct mounts.imu, or write "estimate"'
        )


def _axis(direction: F64) -> str:
    """The axis of a frame that is nearest to a direction in it: "+y"."""
    k = int(np.argmax(np.abs(direction)))
    return ("+" if direction[k] > 0 else "−") + "xyz"[k]
