"""What an inertial pass tells over time besides the trajectory: innovations, and calibration with its sigmas.

A calibration state NAME has a second channel NAME_sigma, one standard deviation in the same unit.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kinema.core.arrays import F64
from kinema.core.solution import Channel
from kinema.estimate.align import Alignment
from kinema.estimate.inertial import Pass
from kinema.estimate.inertial_params import InertialParams
from kinema.kernels import inertial as ki
from kinema.kernels.rotation import dcms_from_quats, rpy_from_dcm

_TOLD = (
    (ki.D_NIS_P, "nis_position", "normalised innovation squared of the fix's position, 3 degrees of freedom"),
    (ki.D_NIS_V, "nis_velocity", "normalised innovation squared of the fix's velocity, 3 degrees of freedom"),
    (ki.D_NHC, "innovation_sideways", "sideways slip of the rear axle over its sigma"),
    (ki.D_NHC_DOWN, "innovation_vertical", "lift of the rear axle over its sigma"),
    (ki.D_WHEEL, "innovation_wheels", "speed by wheels over its sigma"),
    (ki.D_ROAD, "innovation_road", "height of a road met again over its sigma"),
)

_LATE_PER_SHARE_S = 2.0
"""Half of the seconds that an acceleration lasts."""


def told_channels(done: Pass) -> dict[str, Channel]:
    """Innovations (NaN where nothing was measured), and where the vehicle was held at rest."""
    out = {name: Channel(np.round(done.told[:, k], 3), "1", label) for k, name, label in _TOLD}
    out["standstill"] = Channel(np.nan_to_num(done.told[:, ki.D_ZUPT]), "1", "held at rest")
    return {name: c for name, c in out.items() if np.isfinite(c.value).any()}


def calibration_channels(done: Pass, alignment: Alignment, params: InertialParams) -> dict[str, Channel]:
    """Calibration states over time, those that were estimated, each with its sigma."""
    out: dict[str, Channel] = {}
    for name, unit, label, value, sigma in _states(done, alignment, params):
        if sigma.max(initial=0.0) > 0.0:
            # digits beyond a thousandth of the sigma would only fill files
            digits = 3 - int(np.floor(np.log10(np.median(sigma[sigma > 0.0]))))
            out[name] = Channel(np.round(value, digits), unit, label)
            out[f"{name}_sigma"] = Channel(np.round(sigma, digits), unit, f"sigma of the {label}")
    if not params.constrain:
        for name in ("axle", "tyre_slip", "mounting_pitch", "mounting_yaw"):
            out.pop(name, None)
            out.pop(f"{name}_sigma", None)
    return out


def _states(
    done: Pass, alignment: Alignment, params: InertialParams
) -> Iterator[tuple[str, str, str, F64, F64]]:  # fmt: skip
    """Name, unit, label, value (K,) and sigma (K,) of each state that calibrates a sensor."""
    x, sigma = done.x, done.sigma()
    for name, unit, label, state, error in (
        ("gyro_bias", "rad/s", "bias of the rate in the sensor", ki.X_BG, ki.BG),
        ("accel_bias", "m/s2", "bias of the specific force in the sensor", ki.X_BA, ki.BA),
        ("gyro_turn", "1", "rate that an axis reads wrong per rate of turning about the vertical", ki.X_SG, ki.SG),
    ):
        for k, axis in enumerate("xyz"):
            yield f"{name}_{axis}", unit, f"{label}, {axis}", x[:, state + k], sigma[:, error + k]
    c_bs = dcms_from_quats(x[:, ki.X_QB : ki.X_QB + 4])
    arm = np.einsum("nij,nj->ni", c_bs, x[:, ki.X_L : ki.X_L + 3])
    settled = 0.0 if alignment.mounting is None else float(alignment.mounting.sigma_rpy_rad[0])
    arm_cov = _lever_cov(done, c_bs, arm, settled)
    for k, side in enumerate(("forward", "right", "down")):
        known = np.sqrt(np.maximum(arm_cov[:, k, k], 0.0))
        yield f"lever_{side}", "m", f"antenna from the IMU, {side}", arm[:, k], known
    roll, pitch, yaw = rpy_from_dcm(c_bs).T
    yield "mounting_roll", "rad", "mounting's roll", roll, np.full(len(roll), settled)
    yield "mounting_pitch", "rad", "mounting's pitch", pitch, sigma[:, ki.MU]
    yield "mounting_yaw", "rad", "mounting's yaw", yaw, sigma[:, ki.MU + 1]
    late = done.gps_times(alignment.calibration) - done.t_s + x[:, ki.X_TD]
    # an accelerometer that reads a share too much or too little of each acceleration looks late or early
    skew_s = _LATE_PER_SHARE_S * params.misalignment
    late_sigma = np.where(sigma[:, ki.TD] > 0.0, np.hypot(sigma[:, ki.TD], skew_s), 0.0)
    yield "time_offset", "s", "IMU clock to GPS time", late, late_sigma
    if np.isfinite(done.told[:, ki.D_WHEEL]).any():
        yield "wheel_scale", "1", "wheel scale", x[:, ki.X_SW], sigma[:, ki.SW]
        yield "axle_side", "m", "rear axle's middle right of the IMU", x[:, ki.X_RY], sigma[:, ki.RY]
    yield "axle", "m", "rear axle ahead of the IMU", x[:, ki.X_RX], sigma[:, ki.RX]
    yield "tyre_slip", "rad/(m/s2)", "slip of the rear tyres", x[:, ki.X_KS], sigma[:, ki.KS]


def _lever_cov(done: Pass, c_bs: F64, arm: F64, roll_sigma: float) -> F64:
    """Covariance (K, 3, 3) of the antenna's arm (K, 3) in the body: that in the sensor, and the mounting's."""
    rows = np.zeros((len(arm), 3, 5))
    rows[:, :, 0:3] = c_bs
    # μ × arm with μ = (roll, pitch, yaw)
    rows[:, 0, 3], rows[:, 2, 3] = arm[:, 2], -arm[:, 0]
    rows[:, 0, 4], rows[:, 1, 4] = -arm[:, 1], arm[:, 0]
    rolled = np.stack([np.zeros(len(arm)), -arm[:, 2], arm[:, 1]], axis=1) * roll_sigma
    cov = rows @ done.cov[:, 10:15, 10:15] @ np.swapaxes(rows, 1, 2)
    return np.asarray(cov + rolled[:, :, None] * rolled[:, None, :])
