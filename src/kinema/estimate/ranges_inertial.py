"""Ranges to anchors with an IMU on the same body: the inertial filter, fed with ranges one by one.

The planar solution of the ranges alone comes first: it finds the start, the stretch and the anchors' biases, which
ranges came round a corner, and a way about which each range is a position along one line of sight. As such it enters
the inertial filter as it is: a fix that knows one direction, and nothing of the others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.core.frames import WGS84_A_M
from kinema.core.recording import Recording
from kinema.core.solution import FixStatus, Solution
from kinema.core.streams import AnchorRanges, Imu, used_mask
from kinema.errors import EstimationError
from kinema.estimate.align import Alignment, clocked, coarse_start, noise_of, restart
from kinema.estimate.align_mounting import Mounting
from kinema.estimate.align_time import TimeOffset
from kinema.estimate.inertial import Pass, run_smoother
from kinema.estimate.inertial_mounts import with_mounts
from kinema.estimate.inertial_nodes import build_nodes
from kinema.estimate.inertial_params import Calibration, InertialParams
from kinema.estimate.inertial_solution import antenna, cut_imu, masks_of, navigate, to_solution
from kinema.estimate.options import SolveOptions
from kinema.estimate.planar import Way
from kinema.estimate.planar_ranges import RangeProblem, build
from kinema.estimate.range_params import RangeParams
from kinema.estimate.ranges_noise import Noise
from kinema.estimate.ranges_solution import solve_batch, solve_filter
from kinema.estimate.ranges_start import find_start, first_state
from kinema.kernels import planar as kp
from kinema.sensors.fix import HAS_POSITION, HAS_VELOCITY, FixRows
from kinema.sensors.imu_signal import ImuSignal, imu_signal

TO_E = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
"""x east, y north, z up of the plane laid at latitude 0, longitude 0 into ECEF."""
ORIGIN_E_M = np.array([WGS84_A_M, 0.0, 0.0])
UNKNOWN_M = 1e3
"""Sigma of a range's position across its line of sight."""
FLOOR_M = 0.5
"""Sigma of the height by one range, where all is said to be in one plane."""
LEAST_SHARE = 0.2
MEMORY_S = 0.3
"""Ranges of one anchor within so long share the error that stays for a while."""
MOVING_MPS, MOVED_S, MOVED_M, LONGEST_S = 0.3, 10.0, 12.0, 120.0
_TD_SIGMA_S, _DRIFT_SIGMA = 0.03, 3e-4


@dataclass(frozen=True)
class Seen:
    """Ranges as the inertial filter takes them, by time: t_s (m,) since the IMU's first sample; anchor_e_m (m, 3),
    length_m (m,) freed of stretch and bias, sigma_m (m,); about_e_m (m, 3) the way's places, v_e_mps (m, 3) its
    velocities; flat: heights mean nothing; bias_sigma_m: what is not known of the anchors' biases."""

    t_s: F64
    anchor_e_m: F64
    length_m: F64
    sigma_m: F64
    about_e_m: F64
    v_e_mps: F64
    flat: bool
    bias_sigma_m: float

    def rows(self) -> FixRows:
        """One row each: a position whose error is unknown but along the line of sight."""
        away = self.about_e_m - self.anchor_e_m
        if self.flat:
            away[:, 0] = 0.0
        rho = np.maximum(np.linalg.norm(away, axis=1), 0.1)
        u = away / rho[:, None]
        z = self.about_e_m + u * (self.length_m - rho)[:, None]
        along = u[:, :, None] * u[:, None, :]
        cov = self.sigma_m[:, None, None] ** 2 * along + UNKNOWN_M**2 * (np.eye(3) - along)
        if self.flat:
            z[:, 0] = ORIGIN_E_M[0]
            cov[:, 0, :] = cov[:, :, 0] = 0.0
            cov[:, 0, 0] = FLOOR_M**2
        out = np.zeros((len(z), 24))
        out[:, 0:3], out[:, 3:12], out[:, 12:15] = z, cov.reshape(-1, 9), self.v_e_mps
        step = float(np.median(np.diff(self.t_s))) if len(z) > 1 else 1.0
        return FixRows(self.t_s, out, np.full(len(z), HAS_POSITION), self.bias_sigma_m, step_s=step)


def solve_ranges_inertial(
    recording: Recording, options: SolveOptions, params: RangeParams, inertial: InertialParams
) -> Solution:
    """The trajectory of the radio tag in the anchors' frame, laid at latitude 0, longitude 0 (x east, y north, z up).

    Method "filter" is causal but for the first metres, by which start and heading are found. Raises EstimationError,
    DataError.
    """
    imu = cut_imu(recording.need("imu", Imu), options, "imu")
    ranges = recording.need("ranges", AnchorRanges)
    causal = options.method == "filter"
    options.progress("ranges: looking for the start", 0.1)
    signal = imu_signal(imu, int(imu.t_ns[0]))
    keep = used_mask(ranges.t_ns, masks_of(options, "ranges"))
    problem = build(ranges, keep, None, (int(imu.t_ns[0]), int(imu.t_ns[-1])), params)
    begin = find_start(problem)
    x0, p0 = first_state(problem, begin)
    way, noise = solve_filter(problem, x0, p0, begin) if causal else solve_batch(problem, x0, p0, Noise())
    seen = seen_by(problem, way, noise, signal.t0_ns)
    inertial, c_bs = with_mounts(_with_tag(recording), inertial)
    options.progress("ranges: aligning", 0.4)
    alignment = align_indoors(signal, seen, inertial, c_bs, whole=not causal)
    options.progress("ranges: " + ("filtering" if causal else "smoothing"), 0.7)
    done, nodes = navigate(signal, seen.rows(), alignment, inertial, None, causal=causal)
    if not causal:
        # about the way that came of it, which is nearer than that of the ranges alone
        seen = about(seen, done, alignment)
        done, nodes = navigate(signal, seen.rows(), alignment, inertial, None, causal=False)
    solution = to_solution(
        done, nodes, seen.rows(), _as_fixes(seen, signal.t0_ns), signal, alignment, options, recording, inertial, False
    )
    return _told(solution, problem, way, noise, seen)


def _with_tag(recording: Recording) -> Recording:
    """The recording whose antenna is the radio tag."""
    mounts = {role: mount for role, mount in recording.mounts.items() if role not in ("fixes", "gnss", "ranges")}
    tag = recording.mounts.get("ranges")
    return replace(recording, mounts={**mounts, "fixes": tag} if tag is not None else mounts)


def seen_by(problem: RangeProblem, way: Way, noise: Noise, t0_ns: int) -> Seen:
    """The ranges that are likely direct, freed of what the planar way knows of stretch and biases."""
    step, anchors = problem.rows.step, len(problem.anchors)
    use = way.share > LEAST_SHARE
    at, anchor = way.x[step[use]], problem.anchor[use]
    biased = kp.BIAS + anchor
    length = (problem.rows.value[use] - at[np.arange(len(at)), biased]) / (1.0 + at[:, kp.STRETCH])
    fresh = noise.range_ * problem.params.range_sigma_m
    slow = noise.slow * problem.params.slow_sigma_m
    t = problem.t_ns[step[use]]
    # what stays for a while counts as often as it is new
    each_s = float((t[-1] - t[0]) * 1e-9 / max(len(t), 1)) * len(np.unique(anchor))
    held = slow**2 * max(1.0, MEMORY_S / max(each_s, 1e-3))
    sigma = np.sqrt((fresh**2 + held) / way.share[use])
    # biases of single anchors add up to a common error of the place that is smaller than each
    known = np.diag(way.p_end)[kp.BIAS : kp.BIAS + anchors] * min(1.0, 2.0 / anchors)
    velocity = at[:, kp.VX : kp.VZ + 1]
    return Seen(
        (t - t0_ns).astype(np.float64) * 1e-9, problem.anchors[anchor] @ TO_E.T + ORIGIN_E_M, length, sigma,
        at[:, :3] @ TO_E.T + ORIGIN_E_M, velocity @ TO_E.T, not problem.deep, float(np.sqrt(np.mean(known))),
    )  # fmt: skip


def about(seen: Seen, done: Pass, alignment: Alignment) -> Seen:
    """The same, about a pass of the inertial filter."""
    p, v, _, _ = antenna(done)
    t = done.gps_times(alignment.calibration)
    there = np.stack([np.interp(seen.t_s, t, column) for column in p.T], axis=1)
    moving = np.stack([np.interp(seen.t_s, t, column) for column in v.T], axis=1)
    return replace(seen, about_e_m=there, v_e_mps=moving)


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
        raise EstimationError(
            "heading cannot be found: the ranges show hardly any motion; leave the IMU out, or give more of the way"
        )
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


def _as_fixes(seen: Seen, t0_ns: int) -> Solution:
    t_ns: I64 = np.unique(t0_ns + np.round(seen.t_s * 1e9).astype(np.int64))
    return Solution(t_ns, np.zeros((len(t_ns), 3)), status=np.full(len(t_ns), FixStatus.DIFFERENTIAL, np.uint8))


def _told(solution: Solution, problem: RangeProblem, way: Way, noise: Noise, seen: Seen) -> Solution:
    """The solution that says whose frame it is in, and what became of the ranges."""
    left = len(problem.rows.value) - len(seen.t_s) + problem.refused
    sigma = noise.range_ * problem.params.range_sigma_m
    notes = [
        f"ranges and IMU: noise of the ranges {sigma:.2f} m, stretch {100 * way.x_end[kp.STRETCH]:+.2f} %",
        f"{left} of {len(problem.rows.value) + problem.refused} ranges left out: around a corner, or no number",
        *(note.replace("antenna from the IMU", "radio tag from the IMU") for note in solution.provenance.notes),
        "local plane laid at latitude 0, longitude 0: x east, y north",
    ]
    provenance = replace(solution.provenance, mode="ranges with IMU", datum="local", notes=tuple(notes))
    return replace(solution, provenance=provenance)
