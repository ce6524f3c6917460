"""What only the whole recording can settle: a week taken from other files, an IMU of two files, wheel scales, anchors.

Every step does something only where a stream asks for it, and says so in an issue.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.core.frames import vectors_n_from_e
from kinema.core.recording import UNKNOWN_MOUNT, Issue, Recording
from kinema.core.solution import Solution
from kinema.core.streams import AnchorRanges, Imu, Series
from kinema.core.time import WEEK_NS, iso_gps
from kinema.errors import ConfigError
from kinema.formats.placing import in_one_time, why_apart
from kinema.formats.sensor_streams import gravity_issue_of
from kinema.formats.trajectory import WEEK_UNKNOWN

_PARTS = ("accelerometer", "accelerometer_uncalibrated", "user_acceleration", "gravity", "gyroscope",
          "gyroscope_uncalibrated")  # fmt: skip
SENSORS = ("imu", *_PARTS, "wheels", "steering", "odometry", "ranges", "fixes")
SLOWEST_MPS = 2.0
"""Wheel scales are found from fixes above this speed."""


def completed(recording: Recording) -> Recording:
    """The recording with all that its streams and settings settle together. Raises ConfigError."""
    for step in (_in_one_week, _one_imu, _offset_times, in_one_time, _scaled_wheels, _placed_anchors):
        recording = step(recording)
    return recording


def _with(recording: Recording, streams: Mapping[str, Any], *issues: Issue, drop: tuple[str, ...] = ()) -> Recording:
    kept = {role: stream for role, stream in recording.streams.items() if role not in drop}
    return replace(recording, streams={**kept, **streams}, issues=(*recording.issues, *issues))


def _in_one_week(recording: Recording) -> Recording:
    """Streams of an unnamed GPS week go into the week of the others."""
    if not any(issue.kind == WEEK_UNKNOWN for issue in recording.issues):
        return recording
    dated = [s.t_ns for role, s in recording.streams.items() if _timed(role, s) and s.t_ns[0] >= WEEK_NS]
    loose = {role: s for role, s in recording.streams.items()
             if role in SENSORS and _timed(role, s) and 0 <= s.t_ns[0] < WEEK_NS}  # fmt: skip
    if not dated or not loose:
        return recording
    reference = int(min(t[0] for t in dated))
    moved = {}
    for role, stream in loose.items():
        weeks = round((reference - int(stream.t_ns[0])) / WEEK_NS)
        moved[role] = replace(stream, t_ns=stream.t_ns + weeks * WEEK_NS)
    detail = f"{', '.join(moved)} put into the week of {iso_gps(reference, 0)} GPS"
    return _with(recording, moved, Issue("week found", 1, "", "", detail))


def _timed(role: str, stream: Any) -> bool:
    return role in (*SENSORS, "gnss") and len(getattr(stream, "t_ns", ())) > 0


def _one_imu(recording: Recording) -> Recording:
    """Accelerations and rates of two files as one IMU, at the times of the accelerations."""
    found = {role: stream for role, stream in recording.streams.items() if isinstance(stream, Series)}
    rate = found.get("gyroscope", found.get("gyroscope_uncalibrated"))
    if "imu" in recording.streams or rate is None:
        return recording
    names: tuple[str, ...]
    if "accelerometer" in found:
        names, force = ("accelerometer",), found["accelerometer"]
    elif "user_acceleration" in found and "gravity" in found:
        names, user = ("user_acceleration", "gravity"), found["user_acceleration"]
        force = Series(user.t_ns, user.value + _at(user.t_ns, found["gravity"]), "m/s2", user.columns)
    elif "accelerometer_uncalibrated" in found:
        names, force = ("accelerometer_uncalibrated",), found["accelerometer_uncalibrated"]
    else:
        return recording
    inside = (force.t_ns >= rate.t_ns[0]) & (force.t_ns <= rate.t_ns[-1])
    if not inside.any():
        raise ConfigError(
            f"accelerations ({_span(force.t_ns)}) and rates ({_span(rate.t_ns)}) do not overlap in time; "
            "give files of one recording"
        )
    t_ns = force.t_ns[inside]
    fresh = np.concatenate([[True], np.diff(t_ns) > 0])
    imu = Imu(t_ns[fresh], force.value[inside][fresh], _at(t_ns[fresh], rate))
    detail = f"{' and '.join(names)} with the gyroscope, whose rates are interpolated"
    told = (Issue("inertial samples joined", len(imu.t_ns), "", "", detail), gravity_issue_of(imu.f_ib_s_mps2))
    joined = _with(recording, {"imu": imu}, *told, drop=_PARTS)
    return replace(joined, mounts={"imu": UNKNOWN_MOUNT, **recording.mounts})


def _at(t_ns: I64, stream: Series) -> F64:
    """The stream's columns interpolated at times (n, k)."""
    since, own = (t_ns - stream.t_ns[0]) * 1e-9, (stream.t_ns - stream.t_ns[0]) * 1e-9
    return np.stack([np.interp(since, own, column) for column in stream.value.T], axis=1)


def _offset_times(recording: Recording) -> Recording:
    """A stated time offset is added to the time tags of its stream, which then has none left."""
    moved, mounts = {}, dict(recording.mounts)
    for role, mount in recording.mounts.items():
        stream = recording.streams.get(role)
        if mount.time_offset_s and stream is not None and hasattr(stream, "t_ns"):
            moved[role] = replace(stream, t_ns=stream.t_ns + round(mount.time_offset_s * 1e9))
            mounts[role] = replace(mount, time_offset_s=0.0)
    return replace(_with(recording, moved), mounts=mounts) if moved else recording


def _scaled_wheels(recording: Recording) -> Recording:
    """Counts of ticks and turning rates as speeds: by the scale of the settings, or found from the fixes."""
    wheels = recording.streams.get("wheels")
    scale = recording.settings.get("wheels", {}).get("scale", "estimate")
    if isinstance(wheels, Series) and wheels.unit == "m/s" and isinstance(scale, int | float) and scale != 1.0:
        detail = f"speeds times {scale:g}, as wheels.scale says"
        scaled = replace(wheels, value=wheels.value * float(scale))
        settings = {**recording.settings, "wheels": {**recording.settings["wheels"], "scale": 1.0}}
        return replace(
            _with(recording, {"wheels": scaled}, Issue("wheels scaled", 1, "", "", detail)), settings=settings
        )
    if not isinstance(wheels, Series) or wheels.unit not in ("ticks", "rad/s"):
        return recording
    if wheels.unit == "ticks":
        key, what = "metres_per_tick", "m per tick"
        t_ns, turning = _tick_rates(wheels)
    else:
        key, what = "radius_m", "m radius"
        t_ns, turning = wheels.t_ns, wheels.value.reshape(len(wheels.t_ns), -1)
    given = recording.settings.get("wheels", {}).get(key, "estimate")
    issues = []
    if given == "estimate":
        fixes = recording.streams.get("fixes")
        found = _scale(t_ns, turning, fixes) if isinstance(fixes, Solution) else None
        if found is None:
            return recording
        given, detail = found, f"{found:.4g} {what}, found from the speed of the fixes"
        issues.append(Issue("wheel scale found", 1, "", "", detail))
    speed = Series(t_ns, turning * float(given), "m/s", wheels.columns)
    return _with(recording, {"wheels": speed}, *issues)


def _tick_rates(wheels: Series) -> tuple[I64, F64]:
    """Ticks per second (n, k) at the middle of each interval. A counter that runs over is taken on; steps larger than
    any others by far are none."""
    value = wheels.value.reshape(len(wheels.t_ns), -1)
    keep = np.concatenate([[True], np.diff(wheels.t_ns) > 0])
    t_ns, value = wheels.t_ns[keep], value[keep]
    step, dt = np.diff(value, axis=0), np.diff(t_ns)[:, None] * 1e-9
    for bits in (8, 12, 16, 23, 24, 32):
        span = float(2**bits)
        if value.max(initial=0.0) < span and (np.abs(step) > 0.5 * span).any():
            step = (step + 0.5 * span) % span - 0.5 * span
            break
    rate = step / dt
    usual = np.quantile(np.abs(rate), 0.99) if rate.size else 0.0
    return t_ns[:-1] + np.diff(t_ns) // 2, np.where(np.abs(rate) > 10 * max(usual, 1.0), np.nan, rate)


def _scale(t_ns: I64, turning: F64, fixes: Solution) -> float | None:
    """Metres per unit of turning: the median ratio where the fixes move; None where they do not."""
    v_n = vectors_n_from_e(fixes.v_e_mps, fixes.p_e_m)
    speed = np.hypot(v_n[:, 0], v_n[:, 1])
    good = np.isfinite(speed)
    if good.sum() < 10 or len(t_ns) < 10:
        return None
    rate = np.nanmedian(np.abs(turning), axis=1) if turning.shape[1] > 1 else np.abs(turning[:, 0])
    there = np.isfinite(rate)
    t = (fixes.t_ns[good] - t_ns[0]) * 1e-9
    inside = (t >= 0) & (t <= (t_ns[-1] - t_ns[0]) * 1e-9) & (speed[good] > SLOWEST_MPS)
    at = np.interp(t[inside], (t_ns[there] - t_ns[0]) * 1e-9, rate[there])
    moving = at > 0
    return float(np.median(speed[good][inside][moving] / at[moving])) if moving.sum() >= 10 else None


def _placed_anchors(recording: Recording) -> Recording:
    """Anchors that no row places get the places of the settings."""
    ranges = recording.streams.get("ranges")
    if not isinstance(ranges, AnchorRanges) or np.isfinite(ranges.anchor_p_m).all():
        return recording
    places = recording.settings.get("anchors", {})
    place = ranges.anchor_p_m.copy()
    for k, name in enumerate(ranges.anchor_names):
        if name in places:
            place[k] = [*places[name], 0.0][:3]
    left = [name for name, p in zip(ranges.anchor_names, place, strict=True) if not np.isfinite(p).all()]
    if left and places:
        raise ConfigError(f"ranges: where anchor {left[0]} stands is not said; add it to [anchors] of kinema.toml")
    return _with(recording, {"ranges": replace(ranges, anchor_p_m=place)})


def check_solvable(recording: Recording) -> None:
    """Raise ConfigError for what no strategy can make up for: wheels without a scale, streams of different times."""
    wheels = recording.streams.get("wheels")
    if isinstance(wheels, Series) and wheels.unit in ("ticks", "rad/s"):
        key = "metres_per_tick" if wheels.unit == "ticks" else "radius_m"
        raise ConfigError(
            f"wheels are in {wheels.unit}, and no moving fixes are there to find their scale by; "
            f"state wheels.{key} in a kinema.toml"
        )
    check_overlap(recording)


def check_overlap(recording: Recording) -> None:
    """Raise ConfigError where the IMU and what it is to be joined with are of different times."""
    imu = recording.streams.get("imu")
    other = next((role for role in ("fixes", "gnss") if role in recording.streams), None)
    if not isinstance(imu, Imu) or other is None or not len(imu.t_ns):
        return
    t_ns = recording.streams[other].t_ns
    if len(t_ns) and (imu.t_ns[0] > t_ns[-1] or imu.t_ns[-1] < t_ns[0]):
        apart = min(abs(int(imu.t_ns[0] - t_ns[-1])), abs(int(t_ns[0] - imu.t_ns[-1]))) * 1e-9
        hint = why_apart(imu.t_ns, t_ns)
        raise ConfigError(
            f"imu ({_span(imu.t_ns)}) and {other} ({_span(t_ns)}) do not overlap in time, {apart:,.0f} s apart; {hint}"
        )


def _span(t_ns: I64) -> str:
    return f"{iso_gps(int(t_ns[0]), 0)} to {iso_gps(int(t_ns[-1]), 0)} GPS" if len(t_ns) else "empty"
