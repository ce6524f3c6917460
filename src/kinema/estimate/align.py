"""Alignment at rest and in motion: attitude, biases and mounting from the data, with no setting given.

Level comes from gravity. Heading is tried all round: short passes from several headings, and the fixes' innovations say
which was right; a smoother over the same stretch then turns the winner into a start. No mounting is needed for that.
The mounting follows from where the vehicle goes: forward is the sensor's mean direction of travel, down its mean
vertical while driving.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from kinema.core.arrays import F64
from kinema.core.frames import c_ne, geodetic_from_ecef
from kinema.errors import EstimationError
from kinema.estimate.align_mounting import Mounting, find_mounting
from kinema.estimate.align_time import REACH_S, TimeOffset, check_rate, find_time_offset, fix_velocities_n
from kinema.estimate.inertial import Pass, misfit, run_smoother, start_state
from kinema.estimate.inertial_nodes import build_nodes
from kinema.estimate.inertial_params import Calibration, InertialParams, Start
from kinema.kernels import inertial as ki
from kinema.sensors.fix import FixRows
from kinema.sensors.imu_signal import ImuSignal, quiet_levels, white_noise

_HEADINGS = 8
_MOVING_MPS = 2.0
_LONGEST_S = 120.0
"""Of the recording that the first alignment looks at, unless motion comes later."""
_WAIT_S = 90.0
"""For turns that show the clock's offset, after the motion suffices."""
LOOK_AGAIN_S = 10.0
NO_COMMON_TIME = "the IMU and the fixes have no time in common; check the clocks (leap seconds, time zones)"
_NODE_S = 0.2
"""Between the nodes of alignment with the whole recording: four times a filter's, at a third of the time. What is
smoothed from there is the same to millimetres; causal outages differ by up to a tenth, so causal alignment keeps to
the filter's nodes."""
_AGAIN = 50.0
_NOISE_FLOORS = (2e-4, 3e-3)


@dataclass(frozen=True)
class Alignment:
    """What a pass starts from. aligned_s: fixes' time until which data were used; smoothed: the pass over
    them, free of mounting, on the IMU's clock; usual_f (3,): median specific force of the samples used."""

    start: Start
    calibration: Calibration
    mounting: Mounting | None
    offset: TimeOffset
    aligned_s: float
    smoothed: Pass
    usual_f: F64


def speeds_at(fixes: FixRows, t_s: F64) -> F64:
    """Horizontal speed by the fixes at times t_s, NaN where no fix is within 1.5 s."""
    t, v = fix_velocities_n(fixes)
    speed = np.interp(t_s, t, np.hypot(v[:, 0], v[:, 1]))
    k = np.clip(np.searchsorted(t, t_s), 1, len(t) - 1)
    near = np.minimum(np.abs(t[k] - t_s), np.abs(t[k - 1] - t_s)) < 1.5
    return np.where(near, speed, np.nan)


def noise_of(signal: ImuSignal, fixes: FixRows, calibration: Calibration, params: InertialParams) -> Calibration:
    """Noise and quiet levels at rest from the data, by the samples known to be at rest or the stillest."""
    speed = speeds_at(fixes, calibration.gps_time(signal.t_s))
    with np.errstate(invalid="ignore"):
        at_rest, moving = speed < 0.15, speed > _MOVING_MPS
    quiet_gyro, quiet_accel = quiet_levels(signal, at_rest)
    quiet = (signal.gyro_level < quiet_gyro) & (signal.accel_level < quiet_accel)
    if moving.any() and quiet[moving].mean() > 0.02:
        quiet_gyro = quiet_accel = 0.0  # it is as quiet driving as at rest: quiet says nothing
    rest = [n if np.isfinite(n) else floor for n, floor in zip(white_noise(signal, quiet), _NOISE_FLOORS, strict=True)]
    return replace(
        calibration,
        gyro_noise=params.gyro_noise or max(rest[0], _NOISE_FLOORS[0]),
        accel_noise=params.accel_noise or max(rest[1], _NOISE_FLOORS[1]),
        quiet_gyro=quiet_gyro, quiet_accel=quiet_accel, slow_sigma_m=fixes.slow_sigma_m,
        lasting_m=fixes.lasting_m, lasting_s=fixes.lasting_s,
    )  # fmt: skip


def enough_motion(fixes: FixRows, *, more: bool = False) -> float:
    """The fix time by which heading and mounting can be told: 12 s of driving, 60 m, a change of speed or course.

    more: there are fixes to come, no need to do with less. Raises EstimationError where the recording never shows that
    much.
    """
    t, v = fix_velocities_n(fixes)
    speed = np.hypot(v[:, 0], v[:, 1])
    dt = np.minimum(np.diff(t, prepend=t[0] if len(t) else 0.0), 2.0)
    driving = np.cumsum(dt * (speed > _MOVING_MPS))
    far = np.cumsum(dt * speed)
    change = np.cumsum(np.concatenate([[0.0], np.hypot(*np.diff(v, axis=0).T)]) * (speed > 0.5))
    ready = (driving > 12.0) & (far > 60.0) & (change > 8.0)
    if ready.any():
        return float(t[np.argmax(ready)])
    if not more and len(t) and far[-1] > 15.0 and driving[-1] > 4.0:
        return float(t[-1])
    raise EstimationError(
        f"heading cannot be found: the fixes show only {far[-1] if len(t) else 0.0:.0f} m of driving; "
        "give a recording that moves"
    )


def _causal_offset(signal: ImuSignal, fixes: FixRows, moved: float, *, more: bool) -> tuple[float, TimeOffset]:
    """The time by which motion and turning suffice, and the clock's offset as known then; waits for turns a while.

    more: there are fixes to come. Raises EstimationError where turns may still come with them.
    """
    last = float(fixes.t_s[-1])
    until, offset = moved, TimeOffset()
    while True:
        offset = find_time_offset(signal.until(until + REACH_S), fixes.until(until))
        if offset.found:
            # live, no later samples have come by then: rounded down, so that there and here it is by the same ones;
            # fixes end a second before, for lags that end beyond the samples would seem the worse for it
            come = np.floor((until - offset.td_s) * 10.0) / 10.0
            return until, find_time_offset(signal.until(come), fixes.until(until - 1.0))
        if until >= moved + _WAIT_S or (until >= last and not more):
            return moved, offset
        if more and until + LOOK_AGAIN_S > last:
            raise EstimationError("the clock's offset waits for turns")
        until = min(until + LOOK_AGAIN_S, last)


def level_c_ns(f_s: F64, heading_rad: float) -> F64:
    """C_ns of a mean specific force at rest and the heading of the sensor's most level axis."""
    up = f_s / np.linalg.norm(f_s)
    axis = np.eye(3)[int(np.argmin(np.abs(up)))]
    level = axis - up * (axis @ up)
    level /= np.linalg.norm(level)
    c, s = np.cos(heading_rad), np.sin(heading_rad)
    north = c * level + s * np.cross(level, -up) * -1.0
    down = -up
    east = np.cross(down, north)
    return np.stack([north, east, down])


def coarse_start(
    signal: ImuSignal, fixes: FixRows, calibration: Calibration, params: InertialParams,
    moved_s: float, until_s: float,
) -> tuple[Start, Pass]:  # fmt: skip
    """The start by the best of several headings up to moved_s, refined by smoothing to until_s until it stays."""
    t0 = float(calibration.imu_time(fixes.t_s[:1])[0])
    t1 = float(calibration.imu_time(np.array([until_s]))[0])
    free = replace(params, constrain=False)
    nodes = build_nodes(signal, fixes, calibration, free, span_s=(max(t0, signal.t_s[0]), t1))
    if not (nodes.fix >= 0).any():
        raise EstimationError(NO_COMMON_TIME)
    first = nodes.fixes[nodes.fix[np.argmax(nodes.fix >= 0)]]
    near = (signal.t_s >= nodes.t_s[0]) & (signal.t_s < nodes.t_s[0] + 3.0)
    f_s, w_s = signal.f_mps2[near].mean(axis=0), signal.w_radps[near].mean(axis=0)
    still = bool(np.linalg.norm(first[12:15]) < 0.2) and bool(
        np.median(signal.gyro_level[near]) < max(calibration.quiet_gyro, 1e-9) * 2
    )
    lat, lon, _ = geodetic_from_ecef(first[:3])
    c_en = c_ne(lat, lon).T
    trial = nodes.chunk(0, int(np.searchsorted(nodes.t_s, float(calibration.imu_time(np.array([moved_s]))[0]))))
    best: tuple[float, Start] | None = None
    for k in range(_HEADINGS):
        c_es = c_en @ level_c_ns(f_s, 2 * np.pi * k / _HEADINGS)
        begin = _begin(nodes.t_s[0], first, c_es, c_en, calibration, params, np.deg2rad(25.0))
        if still:
            begin.x[ki.X_BG : ki.X_BG + 3] = w_s
        found = misfit(trial, begin, free, calibration)
        if best is None or found < best[0]:
            best = (found, begin)
    assert best is not None
    begin = start = best[1]
    for _ in range(3):
        smoothed = run_smoother(nodes, start, free, calibration, covariances=False)
        start = restart(begin, smoothed, coarse=calibration.slow_sigma_m > 0)
    return start, smoothed


def clocked(calibration: Calibration, start: Start, done: Pass) -> tuple[Calibration, Start]:
    """With the IMU's clock as a pass left it: what it found of offset and drift moves from the states."""
    x = start.x.copy()
    x[ki.X_TD] = x[ki.X_TDD] = 0.0
    moved = calibration.retimed(float(done.end.x[ki.X_TD]), float(done.end.x[ki.X_TDD]), done.end.t_s)
    return moved, replace(start, x=x)


def restart(first: Start, smoothed: Pass, *, coarse: bool) -> Start:
    """A start where a pass, smoothed, says that it was, hardly surer than the first start was.

    What is bent (a lever arm of a metre not known yet, a heading found on the way) is then bent about the right place.
    The data of the pass count with 1 / AGAIN of their weight for the new start, so that they count hardly twice.
    coarse: the fixes' errors last, so that only what the pass showed ten times better than before is taken over.
    """
    assert smoothed.start is not None
    known = np.flatnonzero(np.diag(first.p) > 0.0)
    scale = np.sqrt(np.diag(first.p)[known])
    both = np.ix_(known, known)
    before, after = (np.linalg.inv(p[both] / np.outer(scale, scale)) for p in (first.p, smoothed.start.p))
    p = np.zeros_like(first.p)
    p[both] = np.linalg.inv(before + (after - before) / _AGAIN) * np.outer(scale, scale)
    x = smoothed.start.x.copy()
    if not coarse:
        return Start(first.t_s, x, 0.5 * (p + p.T))
    vague = np.diag(smoothed.start.p) > 0.01 * np.diag(first.p)
    for state, error in ((ki.X_BG, ki.BG), (ki.X_BA, ki.BA), (ki.X_SG, ki.SG), (ki.X_L, ki.L), (ki.X_GB, ki.GB)):
        for k in np.flatnonzero(vague[error : error + 3]):
            x[state + k] = first.x[state + k]
    return Start(first.t_s, x, 0.5 * (p + p.T))


def _begin(
    t_s: float, first: F64, c_es: F64, c_en: F64, calibration: Calibration, params: InertialParams, heading: float
) -> Start:
    tilt = np.deg2rad(3.0)
    cov = c_en @ np.diag([tilt**2, tilt**2, heading**2]) @ c_en.T
    sigma_v = 2.0 if not first[12:15].any() else 0.5
    return start_state(t_s, first[:3], first[12:15], c_es, (5.0, sigma_v, cov), calibration, params)


def align(
    signal: ImuSignal, fixes: FixRows, params: InertialParams, *, whole: bool, c_bs: F64 | None = None,
    more: bool = False,
) -> Alignment:  # fmt: skip
    """Everything that a pass needs: by data up to the first sufficient motion, or by the `whole` recording.

    c_bs: the mounting where it is known. more: the streams go on (live). Raises EstimationError, DataError.
    """
    given = None if params.time_sigma_s is None else TimeOffset(sigma_s=params.time_sigma_s)
    offset = given or find_time_offset(signal, fixes)
    check_rate(offset)
    fixes = fixes.since(signal.t_s[0] + min(offset.td_s, 0.0))
    if not len(fixes.t_s):
        raise EstimationError(NO_COMMON_TIME)
    moved = enough_motion(fixes, more=more)
    if whole:
        until = min(float(fixes.t_s[-1]), max(moved, float(fixes.t_s[0]) + _LONGEST_S))
        known, known_fixes = signal, fixes
    else:
        until, offset = (moved, given) if given else _causal_offset(signal, fixes, moved, more=more)
        known_fixes = fixes.until(until)
        known = signal.until(until - offset.td_s)
        signal = replace(signal, usual_f=np.median(known.f_mps2, axis=0))
    calibration = Calibration(
        td_s=offset.td_s,
        tdd=offset.drift,
        td_sigma_s=given.sigma_s if given else max(0.03, 2 * offset.sigma_s),
        tdd_sigma=0.0 if given and not given.sigma_s else max(3e-4, offset.drift_sigma),
    )
    calibration = noise_of(known, known_fixes, calibration, params)
    quick = replace(params, node_s=_NODE_S) if whole else params
    start, smoothed = coarse_start(signal, fixes, calibration, quick, moved, until)
    calibration, start = clocked(calibration, start, smoothed)
    if whole:
        # once over everything, still free of any mounting: the clock, the start and the mounting as well as they get
        free = replace(quick, constrain=False)
        nodes = build_nodes(signal, fixes, calibration, free, span_s=(start.t_s, np.inf))
        smoothed = run_smoother(nodes, start, free, calibration, covariances=False)
        calibration, start = clocked(
            calibration, restart(start, smoothed, coarse=calibration.slow_sigma_m > 0), smoothed
        )  # fmt: skip
    mounting = find_mounting(smoothed) if c_bs is None else None
    if c_bs is not None or mounting is not None:
        calibration = calibration.with_mount(mounting.c_bs if mounting is not None else np.asarray(c_bs))
    return Alignment(start, calibration, mounting, offset, until, smoothed, signal.usual_f)
