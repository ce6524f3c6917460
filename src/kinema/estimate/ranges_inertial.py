"""Ranges to anchors with an IMU on the same body: the inertial filter, fed with ranges one by one.

The planar solution of the ranges alone comes first: it finds the start, the stretch and the anchors' biases, which
ranges came round a corner, and a way about which each range is a position along one line of sight. As such it enters
the inertial filter as it is: a fix that knows one direction, and nothing of the others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from kinema.core.arrays import F64, I64, Bool
from kinema.core.frames import WGS84_A_M
from kinema.core.recording import Recording
from kinema.core.solution import FixStatus, Solution
from kinema.core.streams import AnchorRanges, Imu, used_mask
from kinema.errors import EstimationError
from kinema.estimate.align import Alignment, clocked, coarse_start, noise_of, restart
from kinema.estimate.align_mounting import Mounting
from kinema.estimate.align_time import TimeOffset
from kinema.estimate.inertial import Pass, run_filter, run_smoother
from kinema.estimate.inertial_causal import joined
from kinema.estimate.inertial_mounts import with_mounts
from kinema.estimate.inertial_nodes import Nodes, build_nodes
from kinema.estimate.inertial_params import Calibration, InertialParams, Start
from kinema.estimate.inertial_solution import antenna, cut_imu, masks_of, mounted, navigate, to_solution
from kinema.estimate.options import SolveOptions
from kinema.estimate.planar import Way
from kinema.estimate.planar_ranges import RangeProblem, build
from kinema.estimate.range_params import RangeParams
from kinema.estimate.ranges_noise import Noise, direct_share
from kinema.estimate.ranges_solution import solve_batch, solve_filter, solve_ranges
from kinema.estimate.ranges_start import find_start, first_state
from kinema.kernels import inertial as ki
from kinema.kernels import planar as kp
from kinema.kernels.rotation import dcms_from_quats
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
LATE_SIGMAS = 3.0
PIECE_S = 0.2
LOST_ROWS = 15
"""So many ranges in a row that nothing explains are not the ranges' fault."""
LOST_OVER, LOST_SHARE = 100.0, 0.5
"""Of the last hundred ranges or so, half contradict the filter: its heading was found wrong."""
AGREE_M = 1.0
TURNS = 8
COMMON = 2.0
OVER = 1.5
"""The way gives in to most of a wrong bias: what is left of it counts for more."""
MEMORY_S = 10.0
"""Ranges of one anchor within so long share the error that stays for a while."""
MOVING_MPS, MOVED_S, MOVED_M, LONGEST_S = 0.3, 60.0, 50.0, 120.0
_TD_SIGMA_S, _DRIFT_SIGMA = 0.03, 5e-5


class Lost(EstimationError):
    """The inertial filter does not follow the ranges any more."""


@dataclass(frozen=True)
class Seen:
    """Ranges as the inertial filter takes them, by time: t_s (m,) since the IMU's first sample; anchor_e_m (m, 3),
    length_m (m,) freed of stretch and bias; about_e_m (m, 3) the way's places, v_e_mps (m, 3) its
    velocities; flat: heights mean nothing; bias_sigma_m: what is not known of the anchors' biases; share (m,) of being
    direct, fresh_m the sigma of a direct one, held_m of what stays for a while, often: how many share it."""

    t_s: F64
    anchor_e_m: F64
    length_m: F64
    about_e_m: F64
    v_e_mps: F64
    share: F64
    flat: bool
    bias_sigma_m: float
    fresh_m: float
    held_m: float
    often: float
    problem: RangeProblem

    def pick(self, which: I64) -> Seen:
        """Some of the ranges."""
        names = ("t_s", "anchor_e_m", "length_m", "about_e_m", "v_e_mps", "share")
        return replace(self, **{name: getattr(self, name)[which] for name in names})

    def sight(self) -> tuple[F64, F64]:
        """Lines of sight (m, 3) and lengths (m,) from the anchors to the way."""
        away = self.about_e_m - self.anchor_e_m
        if self.flat:
            away[:, 0] = 0.0
        rho = np.maximum(np.linalg.norm(away, axis=1), 0.1)
        return away / rho[:, None], rho

    def late(self, cov: F64) -> Bool:
        """Which are far too long, or too short, for a place of covariance (3, 3)."""
        u, rho = self.sight()
        sigma = np.sqrt(np.einsum("ni,ij,nj->n", u, cov, u) + self.fresh_m**2 + self.held_m**2)
        left = (self.length_m - rho) / sigma
        return np.asarray((left > LATE_SIGMAS) | (left < -2.0 * LATE_SIGMAS))

    def rows(self) -> FixRows:
        """One row each: a position whose error is unknown but along the line of sight."""
        u, rho = self.sight()
        sigma2 = (self.fresh_m**2 + self.held_m**2 * self.often) / np.maximum(self.share, LEAST_SHARE)
        sigma2 = np.where(self.share > LEAST_SHARE, sigma2, UNKNOWN_M**2)
        z = self.about_e_m + u * (self.length_m - rho)[:, None]
        along = u[:, :, None] * u[:, None, :]
        cov = sigma2[:, None, None] * along + UNKNOWN_M**2 * (np.eye(3) - along)
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
    try:
        alignment = align_indoors(signal, seen, inertial, c_bs, whole=not causal)
    except EstimationError as error:
        return _alone(recording, options, params, str(error))
    options.progress("ranges: " + ("filtering" if causal else "smoothing"), 0.7)
    if causal:
        try:
            done, nodes = run_own_way(replace(signal, usual_f=alignment.usual_f), seen, alignment, inertial)
        except Lost as lost:
            return _alone(recording, options, params, str(lost))
    else:
        done, nodes = navigate(signal, seen.rows(), alignment, inertial, None, causal=False)
        for _ in range(TURNS):
            # about the way that came of it, which is nearer than that of the ranges alone
            seen = about(seen, done, alignment)
            done, nodes = navigate(signal, seen.rows(), alignment, inertial, None, causal=False)
    solution = to_solution(
        done, nodes, seen.rows(), _as_fixes(seen, signal.t0_ns), signal, alignment, options, recording, inertial, False
    )
    return _told(solution, problem, way, noise, seen)


def _alone(recording: Recording, options: SolveOptions, params: RangeParams, why: str) -> Solution:
    """By the ranges alone, and the reason."""
    streams = {role: one for role, one in recording.streams.items() if role != "imu"}
    solution = solve_ranges(replace(recording, streams=streams), options, params)
    note = f"solved without the IMU: {why}"
    return replace(solution, provenance=replace(solution.provenance, notes=(note, *solution.provenance.notes)))


def _with_tag(recording: Recording) -> Recording:
    """The recording whose antenna is the radio tag."""
    mounts = {role: mount for role, mount in recording.mounts.items() if role not in ("fixes", "gnss", "ranges")}
    tag = recording.mounts.get("ranges")
    return replace(recording, mounts={**mounts, "fixes": tag} if tag is not None else mounts)


def seen_by(problem: RangeProblem, way: Way, noise: Noise, t0_ns: int) -> Seen:
    """The ranges, freed of what the planar way knows of stretch and biases."""
    step, anchors = problem.rows.step, len(problem.anchors)
    at, anchor = way.x[step], problem.anchor
    length = (problem.rows.value - at[np.arange(len(at)), kp.BIAS + anchor]) / (1.0 + at[:, kp.STRETCH])
    t_s = (problem.t_ns[step] - t0_ns).astype(np.float64) * 1e-9
    each_s = float(t_s[-1] - t_s[0]) / max(len(t_s), 1) * len(np.unique(anchor))
    # what is not known of biases and stretch adds up to a common error of the place
    h = np.zeros((anchors, problem.n))
    h[np.arange(anchors), kp.BIAS + np.arange(anchors)] = 1.0
    h[:, kp.STRETCH] = [np.median(length[anchor == a]) if (anchor == a).any() else 0.0 for a in range(anchors)]
    unknown = np.einsum("ai,ij,aj->a", h, way.p_end, h) * min(1.0, COMMON / anchors)
    return Seen(
        t_s, problem.anchors[anchor] @ TO_E.T + ORIGIN_E_M, length, at[:, :3] @ TO_E.T + ORIGIN_E_M,
        at[:, kp.VX : kp.VZ + 1] @ TO_E.T, way.share, not problem.deep, float(np.sqrt(np.mean(unknown))),
        noise.range_ * problem.params.range_sigma_m,
        # motion that is hard to follow without an IMU looks like errors that stay: no more of them than was guessed
        min(noise.slow, 1.0) * problem.params.slow_sigma_m, max(1.0, MEMORY_S / max(each_s, 1e-3)), problem,
    )  # fmt: skip


def about(seen: Seen, done: Pass, alignment: Alignment) -> Seen:
    """The same about a smoothed pass of the inertial filter, which also tells anew what came round a corner."""
    p, v, _, _ = antenna(done)
    t = done.gps_times(alignment.calibration)
    there = np.stack([np.interp(seen.t_s, t, column) for column in p.T], axis=1)
    moving = np.stack([np.interp(seen.t_s, t, column) for column in v.T], axis=1)
    moved = replace(seen, about_e_m=there, v_e_mps=moving)
    rho = moved.sight()[1]
    sigma = float(np.hypot(seen.fresh_m, seen.held_m))
    share = direct_share(seen.problem, seen.length_m - rho, sigma)
    freed = _freed(seen.problem, rho, share / sigma**2 / seen.often)
    return replace(moved, share=share, length_m=seen.length_m + OVER * (freed - seen.length_m))


def _freed(problem: RangeProblem, rho: F64, weight: F64) -> F64:
    """The ranges freed of the biases and the stretch (m,) that they show about lengths rho (m,)."""
    params, count = problem.params, len(problem.anchors)
    design = np.zeros((len(rho), count + 1))
    design[np.arange(len(rho)), problem.anchor] = 1.0
    design[:, count] = rho
    prior = np.diag([*np.full(count, params.range_bias_sigma_m**-2), params.range_scale_sigma**-2])
    normal = design.T @ (weight[:, None] * design) + prior
    found = np.linalg.solve(normal, design.T @ (weight * (problem.rows.value - rho)))
    return np.asarray((problem.rows.value - found[problem.anchor]) / (1.0 + found[count]))


def run_own_way(signal: ImuSignal, seen: Seen, alignment: Alignment, params: InertialParams) -> tuple[Pass, Nodes]:
    """The causal pass, a quarter of a second at a time: each piece's ranges are taken about the place that the filter
    itself predicts, and those far too long for it left out."""
    calibration = alignment.calibration
    rows = seen.rows()
    fixes = rows.rows.copy()
    start = mounted(alignment.start, calibration, params)
    nodes = replace(build_nodes(signal, rows, calibration, params, None, span_s=(start.t_s, np.inf)), fixes=fixes)
    state, first, refused, doubt = start, 0, 0, 0.0
    passes: list[Pass] = []
    while first < len(nodes):
        last = min(max(int(np.searchsorted(nodes.t_s, nodes.t_s[first] + PIECE_S)), first + 1), len(nodes))
        part = nodes.chunk(first, last)
        used = part.fix[part.fix >= 0]
        if len(used):
            here, spread = _predicted(state, part.t_s[part.fix >= 0], seen, used)
            far = here.late(spread)
            doubt += min(len(used) / LOST_OVER, 1.0) * (float(far.mean()) - doubt)
            if doubt > LOST_SHARE:
                raise Lost(f"after {part.t_s[0] - start.t_s:.0f} s most ranges contradict the inertial filter")
            late = far | (here.share < LEAST_SHARE)
            refused = refused + len(used) if late.all() else 0
            if refused > LOST_ROWS:
                state = _opened(state)
                late[:], refused = False, 0
            fixes[used] = here.rows().rows
            fixes[used[late], 3:12] = (UNKNOWN_M**2 * np.eye(3)).ravel()
        done = run_filter(part, state, params, calibration)
        passes.append(replace(done, gps_s=calibration.gps_time(done.t_s)))
        state, first = done.end, last
    return joined(passes), nodes


def _predicted(state: Start, t_s: F64, seen: Seen, used: I64) -> tuple[Seen, F64]:
    """Ranges `used` (k,), at t_s of the IMU's clock, about the place that a state predicts; its covariance (3, 3)."""
    c_es = dcms_from_quats(state.x[None, ki.X_Q : ki.X_Q + 4])[0]
    arm = c_es @ state.x[ki.X_L : ki.X_L + 3]
    v = state.x[ki.X_V : ki.X_V + 3]
    ahead = t_s - state.t_s
    h = np.zeros((3, ki.N))
    h[:, ki.P : ki.P + 3], h[:, ki.V : ki.V + 3] = np.eye(3), np.eye(3) * float(ahead.mean())
    h[:, ki.L : ki.L + 3] = c_es
    here = seen.pick(used)
    there = state.x[ki.X_P : ki.X_P + 3] + arm + ahead[:, None] * v
    apart = np.linalg.norm(here.about_e_m - there, axis=1)
    # what the planar way says of single ranges is worth nothing where it is lost itself
    share = np.where(apart < AGREE_M, here.share, 1.0)
    return replace(here, about_e_m=there, share=share), h @ state.p @ h.T


def _opened(state: Start) -> Start:
    """A state that admits to be metres off."""
    p = state.p.copy()
    for k, sigma in ((ki.P, 5.0), (ki.V, 1.0), (ki.PHI, 0.1)):
        p[range(k, k + 3), range(k, k + 3)] += sigma**2
    return replace(state, p=p)


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


def _as_fixes(seen: Seen, t0_ns: int) -> Solution:
    t_ns: I64 = np.unique(t0_ns + np.round(seen.t_s * 1e9).astype(np.int64))
    return Solution(t_ns, np.zeros((len(t_ns), 3)), status=np.full(len(t_ns), FixStatus.DIFFERENTIAL, np.uint8))


def _told(solution: Solution, problem: RangeProblem, way: Way, noise: Noise, seen: Seen) -> Solution:
    """The solution that says whose frame it is in, and what became of the ranges."""
    left = int((seen.share < LEAST_SHARE).sum()) + problem.refused
    sigma = noise.range_ * problem.params.range_sigma_m
    notes = [
        f"ranges and IMU: noise of the ranges {sigma:.2f} m, stretch {100 * way.x_end[kp.STRETCH]:+.2f} %",
        f"{left} of {len(problem.rows.value) + problem.refused} ranges left out: around a corner, or no number",
        *(note.replace("antenna from the IMU", "radio tag from the IMU") for note in solution.provenance.notes),
        "local plane laid at latitude 0, longitude 0: x east, y north",
    ]
    provenance = replace(solution.provenance, mode="ranges with IMU", datum="local", notes=tuple(notes))
    return replace(solution, provenance=provenance)
