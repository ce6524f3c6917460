"""A body in a plane by odometry and ranges to known anchors, its start pose unknown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.core.frames import WGS84_A_M
from kinema.core.recording import Recording
from kinema.core.solution import Channel, FixStatus, Provenance, Solution
from kinema.core.streams import AnchorRanges, Series, used_mask
from kinema.errors import DataError, EstimationError
from kinema.estimate.inertial_solution import masks_of
from kinema.estimate.options import SolveOptions
from kinema.estimate.range_params import RangeParams
from kinema.kernels import planar_ranges as kp
from kinema.sensors.range_ import range_noise, sane


@dataclass(frozen=True)
class Steps:
    """Odometry and ranges on seconds since t0_ns: t_s (K,) step ends, first_range (K + 1,) the ranges of each step."""

    t0_ns: int
    t_s: F64
    distance: F64
    turn: F64
    dt: F64
    first_range: I64
    anchor: I64
    range_m: F64
    anchors: F64
    noise_m: float


def steps_of(recording: Recording, options: SolveOptions, params: RangeParams) -> Steps:
    """Odometry steps, cut where a range lies within one. Raises DataError."""
    odometry, ranges = recording.need("odometry", Series), recording.need("ranges", AnchorRanges)
    if odometry.value.ndim != 2 or odometry.unit != "m, rad":
        raise DataError("odometry", "distance and turn since the row before, in 'm, rad'", f"'{odometry.unit}'")
    keep = used_mask(ranges.t_ns, masks_of(options, "ranges")) & sane(ranges.range_m, ranges.anchor_p_m)
    t0_ns = int(odometry.t_ns[0])
    t_odo = (odometry.t_ns - t0_ns) * 1e-9
    t_range = (ranges.t_ns[keep] - t0_ns) * 1e-9
    inside = (t_range >= 0) & (t_range <= t_odo[-1])
    if inside.sum() < 20:
        raise EstimationError(f"only {int(inside.sum())} ranges lie within the odometry's time; check the clocks")
    t_range = t_range[inside]
    t_s = np.union1d(t_odo, t_range)
    path = np.stack([np.cumsum(odometry.value[:, 0]), np.cumsum(odometry.value[:, 1])], axis=1)
    at = np.stack([np.interp(t_s, t_odo, column) for column in path.T], axis=1)
    step = np.diff(at, axis=0, prepend=at[:1])
    first = np.searchsorted(t_range, t_s, side="left")
    anchor, range_m = ranges.anchor[keep][inside].astype(np.int64), ranges.range_m[keep][inside]
    return Steps(
        t0_ns, t_s, np.ascontiguousarray(step[:, 0]), np.ascontiguousarray(step[:, 1]),
        np.diff(t_s, prepend=t_s[0]), np.concatenate([first, [len(t_range)]]).astype(np.int64),
        anchor, range_m, np.array(ranges.anchor_p_m),
        params.range_sigma_m or params.correlation * range_noise(t_range, anchor, range_m),
    )  # fmt: skip


def dead_reckoned(steps: Steps, last: int) -> F64:
    """Path (last, 3) x, y, ψ by odometry from the origin heading along x."""
    psi = np.cumsum(steps.turn[:last])
    course = psi - 0.5 * steps.turn[:last]
    x, y = np.cumsum(steps.distance[:last] * np.cos(course)), np.cumsum(steps.distance[:last] * np.sin(course))
    return np.stack([x, y, psi], axis=1)


def find_start(steps: Steps, metres: float = 40.0) -> tuple[F64, F64, int]:
    """Pose (3,), range scale and 4×4 covariance of them, at the first step, and the last step that was used.

    Tries places on a grid about the anchors and headings all round with the dead-reckoned path of the first `metres`,
    keeps the best by a robust cost, and refines it with the range scale. Raises EstimationError where two places far
    apart fit as well: too little motion, or anchors on one line.
    """
    far = np.cumsum(np.abs(steps.distance))
    last = int(np.searchsorted(far, min(metres, 0.9 * far[-1]))) + 1
    path = dead_reckoned(steps, last)
    of_step = np.repeat(np.arange(last), np.diff(steps.first_range[: last + 1]))
    pick = np.unique(np.linspace(0, len(of_step) - 1, min(len(of_step), 150)).astype(int))
    if len(pick) < 8:
        raise EstimationError("too few ranges in the first metres of motion to find the start")
    rows, sensors = path[of_step[pick]], steps.anchors[steps.anchor[pick]]
    measured = steps.range_m[pick]
    low, high = steps.anchors[:, :2].min(axis=0), steps.anchors[:, :2].max(axis=0)
    reach = float(measured.max())
    grid = [np.arange(low[k] - reach, high[k] + reach, 4.0) for k in range(2)]
    found = []
    for psi in np.arange(0, 2 * np.pi, np.pi / 18):
        c, s = np.cos(psi), np.sin(psi)
        px, py = c * rows[:, 0] - s * rows[:, 1], s * rows[:, 0] + c * rows[:, 1]
        dx = grid[0][:, None, None] + px - sensors[:, 0]
        dy = grid[1][None, :, None] + py - sensors[:, 1]
        miss = np.minimum(np.abs(np.sqrt(dx * dx + dy * dy) - measured), 6.0).mean(axis=2)
        k = np.unravel_index(int(np.argmin(miss)), miss.shape)
        found.append((float(miss[k]), grid[0][k[0]], grid[1][k[1]], float(psi)))
    found.sort()
    first = [np.array([x, y, psi, 0.0]) for _, x, y, psi in found[:6]]
    refined = [_refine(state, rows, sensors, measured, steps.noise_m) for state in first]
    refined.sort(key=lambda one: one[1])
    state, cost, cov = refined[0]
    for other, other_cost, _ in refined[1:]:
        if np.hypot(*(other - state)[:2]) > 5.0 and other_cost < 1.2 * cost:
            raise EstimationError("the start could be in two places: give a recording with more motion or more anchors")
    return state, cov, last


def _refine(state: F64, rows: F64, sensors: F64, measured: F64, sigma: float) -> tuple[F64, float, F64]:
    """Robust Gauss–Newton over x, y, ψ and range scale; returns them, the cost and their covariance."""
    sigma = max(sigma, 0.3)
    prior = np.diag([0.0, 0.0, 0.0, 1 / 0.1**2])
    cov, cost = np.eye(4), np.inf
    for _ in range(30):
        c, s = np.cos(state[2]), np.sin(state[2])
        px, py = c * rows[:, 0] - s * rows[:, 1], s * rows[:, 0] + c * rows[:, 1]
        dx, dy = state[0] + px - sensors[:, 0], state[1] + py - sensors[:, 1]
        rho = np.sqrt(dx * dx + dy * dy + sensors[:, 2] ** 2 + 1e-6)
        scale = 1 + state[3]
        jac = np.stack([scale * dx / rho, scale * dy / rho, scale * (dy * px - dx * py) / rho, rho], axis=1)
        left = (measured - scale * rho) / sigma
        weight = 1.0 / (1.0 + (left / 2.0) ** 2)
        normal = jac.T @ (weight[:, None] * jac) / sigma**2 + prior
        step = np.linalg.solve(normal, jac.T @ (weight * left) / sigma - prior @ state)
        size = np.hypot(step[0], step[1])
        state = state + step * min(1.0, 5.0 / max(float(size), 1e-9))
        cost = float(np.log1p((left / 2.0) ** 2).sum())
        cov = np.linalg.inv(normal)
        if np.abs(step).max() < 1e-4:
            break
    return state, cost, cov


def solve_ranges(recording: Recording, options: SolveOptions, params: RangeParams) -> Solution:
    """The trajectory in the anchors' plane, laid at latitude 0, longitude 0 (x east, y north).

    Method "filter" is causal but for the first metres, by which the start is found. Raises EstimationError, DataError.
    """
    steps = steps_of(recording, options, params)
    pose, cov, last = find_start(steps)
    n = kp.BIAS + len(steps.anchors)
    x, p = np.zeros(n), np.zeros((n, n))
    x[[kp.X, kp.Y, kp.PSI, kp.KR]] = pose
    index = np.array([kp.X, kp.Y, kp.PSI, kp.KR])
    # the start was found by the same ranges that the filter meets again: it begins wide about it
    p[np.ix_(index, index)] = 16.0 * cov + np.diag([1.0, 1.0, 0.03, 1e-4])
    p[kp.KR, kp.KR] = max(p[kp.KR, kp.KR], params.range_scale_sigma**2)
    p[kp.KO, kp.KO], p[kp.GZ, kp.GZ] = params.odometry_scale_sigma**2, params.turn_bias_sigma**2
    p[kp.CRAB, kp.CRAB] = params.crab_sigma**2
    for k in range(kp.BIAS, n):
        p[k, k] = params.range_bias_sigma_m**2
    causal = options.method == "filter"
    path, covariance, nis, end = run(steps, x, p, params, causal=causal)
    if not causal:
        x[:3], p_again = path[0], p.copy()
        path, covariance, nis, end = run(steps, x, p_again, params, causal=False)
    return _solution(steps, path, covariance, nis, end, recording, options, last)


def run(steps: Steps, x0: F64, p0: F64, params: RangeParams, *, causal: bool) -> tuple[F64, F64, F64, tuple[F64, F64]]:
    """Path (K, 3), covariance (K, 3, 3), NIS of each range, and the last state with its covariance."""
    k, m, n = len(steps.t_s), len(steps.range_m), len(x0)
    par = np.zeros(kp.P_SIZE)
    par[kp.Q_DISTANCE], par[kp.Q_STEP] = params.distance_share, params.step_mps
    par[kp.Q_TURN], par[kp.Q_TURN_SHARE] = params.turn_walk, params.turn_share
    par[kp.Q_GZ], par[kp.Q_CRAB], par[kp.Q_BIAS] = params.turn_bias_walk, params.crab_walk, params.range_bias_walk
    par[kp.R_RANGE], par[kp.GATE] = steps.noise_m, params.gate
    x, p = x0.copy(), p0.copy()
    x_out, p_out, f_out = np.empty((k, n)), np.empty((k, 3, n)), np.empty((k, 3, 6))
    tape, tape_start, nis = np.empty((m, 2 * n + 2)), np.zeros(k + 1, np.int64), np.empty(m)
    kp.run_ranges(
        x, p, par, steps.distance, steps.turn, steps.dt, steps.first_range, steps.anchor, steps.range_m, steps.anchors,
        np.ones(m), x_out, p_out, f_out, tape, tape_start, nis,
    )  # fmt: skip
    path, cov = x_out[:, :3].copy(), np.ascontiguousarray(p_out[:, :, :3])
    if not causal:
        dx = np.empty((k, 3))
        kp.smooth_ranges(x_out, p_out, f_out, tape, tape_start, dx, cov, np.zeros(n), np.zeros((n, n)))
        path += dx
    return path, cov, nis, (x, p)


def _solution(
    steps: Steps, path: F64, cov: F64, nis: F64, end: tuple[F64, F64], recording: Recording, options: SolveOptions,
    last: int,
) -> Solution:  # fmt: skip
    """On the plane at latitude 0, longitude 0: ECEF y is x, ECEF z is y."""
    n = len(path)
    p_e = np.column_stack([np.full(n, WGS84_A_M), path[:, 0], path[:, 1]])
    cov_e = np.zeros((n, 3, 3))
    cov_e[:, 1:, 1:] = cov[:, :2, :2]
    cov_e[:, 0, 0] = 1e-4
    cov_att = np.zeros((n, 3, 3))
    cov_att[:, 2, 2] = cov[:, 2, 2]
    cov_att[:, 0, 0] = cov_att[:, 1, 1] = 1e-6
    half = 0.5 * (0.5 * np.pi - path[:, 2])
    zero = np.zeros(n)
    count = np.diff(steps.first_range)
    worst = np.full(n, np.nan)
    has = count > 0
    worst[has] = np.maximum.reduceat(nis, steps.first_range[:-1][has])
    recent = np.searchsorted(steps.t_s[has], steps.t_s, side="right") - 1
    since = np.where(recent >= 0, steps.t_s - steps.t_s[has][np.maximum(recent, 0)], np.inf)
    x, p = end
    notes = (
        f"start found from the first {steps.t_s[last - 1]:.0f} s",
        f"ranges read {100 * x[kp.KR]:+.2f} ± {100 * np.sqrt(p[kp.KR, kp.KR]):.2f} % long, noise {steps.noise_m:.2f} m",
        f"odometry scale {100 * x[kp.KO]:+.2f} ± {100 * np.sqrt(p[kp.KO, kp.KO]):.2f} %",
        "local plane laid at latitude 0, longitude 0: x east, y north",
    )
    return Solution(
        steps.t0_ns + np.round(steps.t_s * 1e9).astype(np.int64), p_e, cov_e,
        q_nb_wxyz=np.column_stack([np.cos(half), zero, zero, np.sin(half)]), cov_att_n_rad2=cov_att,
        status=np.where(since < 3.0, FixStatus.DIFFERENTIAL, FixStatus.DEAD_RECKONED).astype(np.uint8),
        n_sats=np.minimum(count, 32767).astype(np.int16),
        channels={"nis_range": Channel(worst, "1", "largest normalised innovation squared of the ranges")},
        provenance=Provenance(
            sources=recording.sources, mode="ranges", method=options.method, simulated=recording.simulated,
            datum="local", point="body", notes=notes,
        ),
    )  # fmt: skip
