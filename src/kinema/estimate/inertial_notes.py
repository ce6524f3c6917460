"""What an inertial solution says of the sensors to its reader, and the refusal where they contradict each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kinema.core.recording import Issue, Recording
from kinema.errors import EstimationError
from kinema.estimate.align import Alignment
from kinema.estimate.align_wheels import STRANGE_SCALE, wheel_factor, wheel_lag
from kinema.estimate.inertial import Pass
from kinema.estimate.inertial_params import InertialParams
from kinema.kernels import inertial as ki
from kinema.kernels.rotation import dcms_from_quats, rpy_from_dcm
from kinema.sensors.fix import FixRows
from kinema.sensors.imu_signal import ImuSignal
from kinema.sensors.wheel import wheel_issues, wheel_speed

_FAR_S = 0.7
_WORST_CLOCK = 5e-3
_FAULTS = ("dead axis", "axis stuck", "saturated", "gap", "frozen", "times in packets")
_NIS_MEDIAN = 2.37
"""Of chi-square with three degrees of freedom."""
_STRANGE_NIS, _STRANGE_SLIP = 2.0 * _NIS_MEDIAN, 4.0


def check_agreement(done: Pass, params: InertialParams, found: Sequence[Issue] = ()) -> None:
    """Refuse a pass in which fixes and constraint both contradict the IMU. Raises EstimationError with the evidence.

    Fixes that are merely surer of themselves than they are right leave the constraint alone. found: what is known to
    be wrong with the samples, named first.
    """
    nis, slip = done.told[:, ki.D_NIS_P], done.told[:, ki.D_NHC]
    if not params.constrain or np.isfinite(nis).sum() < 20 or np.isfinite(slip).sum() < 100:
        return
    middle, size = float(np.nanmedian(nis)), float(np.sqrt(np.nanmean(slip**2)))
    if middle > _STRANGE_NIS and size > _STRANGE_SLIP:
        known = "; ".join(str(issue) for issue in found if issue.kind in _FAULTS)
        raise EstimationError(
            (f"{known}; so " if known else "")
            + f"the fixes contradict the IMU: their normalised innovation has the median {middle:.0f} "
            f"({_NIS_MEDIAN} where all is well) and the vehicle seems to slip sideways by {size:.0f} sigmas; "
            "check the IMU's axes (swapped, mirrored), its units and its clock; for what does not roll on wheels set "
            "constrain = false in [inertial]"
        )


def clock(done: Pass, alignment: Alignment) -> tuple[float, float]:
    """Offset (s) of the IMU's clock to GPS time at the begin of the stream, and its drift, as known at the end."""
    x, since, gps_s = done.end.x, done.end.t_s, done.gps_times(alignment.calibration)
    drift = float(np.diff(gps_s[-2:])[0] / np.diff(done.t_s[-2:])[0]) - 1.0 + x[ki.X_TDD]
    return float(gps_s[-1] - since + x[ki.X_TD] - drift * since), float(drift)


def check_clock(done: Pass, alignment: Alignment) -> None:
    """Refuse a clock that no oscillator has. Raises EstimationError."""
    _, drift = clock(done, alignment)
    if abs(drift) > _WORST_CLOCK:
        raise EstimationError(
            f"the clocks of IMU and fixes drift apart by {100 * drift:+.1f} %: are both of one drive? are the times of "
            "the IMU in another unit, or made up from a rate that is not its own?"
        )


def notes(
    done: Pass, alignment: Alignment, rows: FixRows, signal: ImuSignal, params: InertialParams,
    recording: Recording, found_mount: bool,
) -> list[str]:  # fmt: skip
    """What was found of the sensors, each with its sigma, for the reader of the solution."""
    x, p = done.end.x, done.end.p
    out = []
    c_bs = dcms_from_quats(x[ki.X_QB : ki.X_QB + 4])
    roll, pitch, yaw = np.rad2deg(rpy_from_dcm(c_bs))
    sigma = np.zeros(3) if alignment.mounting is None else np.rad2deg(alignment.mounting.sigma_rpy_rad)
    if params.constrain and params.mount_sigma_rad:
        sigma[1:] = np.rad2deg(np.sqrt(np.diag(p)[ki.MU : ki.MU + 2]))
    if found_mount:
        out.append(
            f"mounting of the IMU found: roll {roll:.2f} ± {sigma[0]:.2f}°, pitch {pitch:.2f} ± {sigma[1]:.2f}°, "
            f"yaw {yaw:.2f} ± {sigma[2]:.2f}° (sensor to forward-right-down)"
        )
        if abs(abs(roll) - 180) < 30 and abs(pitch) < 45:
            out.append("the IMU's z axis points up: upside down against forward-right-down")
    td, drift = clock(done, alignment)
    since = done.end.t_s
    back = p[ki.TD, ki.TD] - 2 * since * p[ki.TD, ki.TDD] + since**2 * p[ki.TDD, ki.TDD]
    out.append(
        f"IMU clock: {1e3 * td:+.1f} ± {1e3 * np.sqrt(max(back, 0.0)):.1f} ms to GPS time, "
        f"drifting {1e6 * drift:+.0f} ± {1e6 * np.sqrt(p[ki.TDD, ki.TDD]):.0f} ppm"
    )
    if abs(td) > _FAR_S:
        out.append(f"the clocks of IMU and fixes are {abs(td):.1f} s apart: {_reason(td)}; put right")
    if params.lever_m is None or params.lever_given_sigma_m:
        arm, arm_cov = c_bs @ x[ki.X_L : ki.X_L + 3], c_bs @ p[ki.L : ki.MU, ki.L : ki.MU] @ c_bs.T
        text = ", ".join(f"{a:+.2f} ± {s:.2f}" for a, s in zip(arm, np.sqrt(np.diag(arm_cov)), strict=True))
        out.append(f"antenna from the IMU, forward, right, down: {text} m")
    if rows.velocity_lag_s:
        out.append(f"velocities of the fixes lag their time tags by {1e3 * rows.velocity_lag_s:.0f} ms: taken out")
    met = done.told[np.isfinite(done.told[:, ki.D_ROAD]), ki.D_ROAD]
    if len(met):
        out.append(
            f"roads met again: their height used {len(met)} times, ± {params.road_sigma_m:g} m of itself; "
            f"{np.sqrt(np.mean(met**2)):.1f} sigmas off in the mean"
        )
    out += _of_wheels(done, alignment, recording, signal.t0_ns)
    out.append(f"aligned with the data of the first {alignment.aligned_s - rows.t_s[0]:.0f} s")
    return out + [str(issue) for issue in signal.issues]


def _reason(td_s: float) -> str:
    """What an offset of the clocks looks like."""
    whole = round(abs(td_s))
    if abs(abs(td_s) - whole) < 0.5 and 13 <= whole <= 19:
        return "GPS time and UTC differ by as many leap seconds"
    return "a whole second or more" if whole >= 1 else "delayed stamps"


def _of_wheels(done: Pass, alignment: Alignment, recording: Recording, t0_ns: int) -> list[str]:
    """Scale, lag and faults of the wheels."""
    stream = recording.streams.get("wheels")
    if stream is None:
        return []
    x, p, out = done.end.x, done.end.p, []
    found = wheel_speed(stream, (), t0_ns)
    if np.isfinite(done.told[:, ki.D_WHEEL]).any():
        out.append(f"wheel scale {100 * x[ki.X_SW]:+.2f} ± {100 * np.sqrt(p[ki.SW, ki.SW]):.2f} %")
    factor = 1.0 if found is None else wheel_factor(alignment.smoothed, found)
    factor = factor if factor != 1.0 else 1.0 / (1.0 + x[ki.X_SW])
    if abs(factor - 1.0) > STRANGE_SCALE:
        hint = "(3.6: km/h; 2.2: miles per hour; negative: forward is counted backward)"
        out.append(f"wheels read {factor:.2f} times the speed: check their unit {hint}; put right")
    lag = 0.0 if found is None else wheel_lag(alignment.smoothed, found)
    if lag:
        out.append(f"wheel speeds come {1e3 * lag:.0f} ms late: taken out")
    return out + [str(i) for i in wheel_issues(stream, *((None, None) if found is None else (found[1], found[0])))]
