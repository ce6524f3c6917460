"""Prepared pseudoranges with wheels and yaw rate as a problem of the planar core, and where to begin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinema.core.arrays import F64, I64, Bool
from kinema.core.satellites import SYSTEMS
from kinema.core.streams import PreparedRanges
from kinema.estimate.planar import Rows, Steps
from kinema.estimate.planar_lay import Laid, Sky, common_clock, lay, sky_of, speed_by_ranges
from kinema.estimate.planar_odometry import Odometry
from kinema.estimate.prepared_params import PreparedParams
from kinema.kernels import planar as kp

LAY_S, LAY_M, LAY_ALONE_S = 120.0, 100.0, 15.0
"""The odometry's path over this long is still straight enough to be laid on the ranges as it is; without any, a mover
is taken to stand for this long."""
FILL_S = 0.5
"""Where ranges are missing, epochs this far apart show the dead-reckoned way."""
WORSE = {"R": 1.5, "S": 3.0}
CURVATURE = 1.0 / 6.37e6
GRAVEL_MPS = 3.0
"""Below this speed, surroundings change in proportion to it."""


@dataclass(frozen=True)
class Problem:
    """Pseudoranges in a local frame with the odometry's steps between; bias 0 … systems − 1, then satellites.

    node (n,) the step of each epoch; repeats (m,) how often an error counts as one; order, first, stay (m,) the chains
    of kernels.two_states; worse (satellites,) of worse_by_system; free: without odometry.
    """

    t_ns: I64
    sky: Sky
    steps: Steps
    rows: Rows
    node: I64
    repeats: F64
    order: I64
    first: Bool
    stay: F64
    worse: F64
    free: bool
    params: PreparedParams

    @property
    def n(self) -> int:
        """States."""
        return int(self.steps.noise.shape[1]) - 1

    @property
    def lay_s(self) -> float:
        """How long the odometry's path is laid on the ranges as it is: until it has moved enough."""
        if self.free:
            return LAY_ALONE_S
        moved = int(np.searchsorted(np.cumsum(np.abs(self.steps.distance)), LAY_M))
        return max(LAY_S, float(self.steps.t_s[min(moved, len(self.steps.t_s) - 1)]) + 30.0)

    def until(self, stop: int) -> Problem:
        """The steps before `stop`."""
        epochs = int(np.searchsorted(self.node, stop))
        m = int(self.rows.first[stop])
        inside = self.order[self.order < m]
        chain = self.sky.sat[inside]
        first = np.concatenate([[True], chain[1:] != chain[:-1]]) if len(chain) else np.zeros(0, np.bool_)
        return Problem(
            self.t_ns[:stop], self.sky.until(epochs), self.steps.cut(0, stop), self.rows.cut(0, stop),
            self.node[:epochs], self.repeats[:m], inside, first, self.stay[:m], self.worse,
            self.free, self.params,
        )  # fmt: skip


def build(ranges: PreparedRanges, odometry: Odometry | None, params: PreparedParams) -> Problem:
    """The problem of one recording. Raises EstimationError."""
    sky = sky_of(ranges, params.range_sigma_m, LAY_ALONE_S)
    free = odometry is None
    t_ns = _filled(ranges.t_ns)
    node = np.searchsorted(t_ns, ranges.t_ns)
    sats, own = np.unique(sky.sat, return_inverse=True)
    systems = sky.n_systems
    steps = steps_of(t_ns, odometry, params, systems, len(sats))
    count = np.zeros(len(t_ns), np.int64)
    count[node] = np.diff(ranges.row_start)
    m = len(sky.sat)
    rows = Rows(
        np.concatenate([[0], np.cumsum(count)]), np.zeros(m, np.int64), sky.sat_n, sky.system.copy(),
        (systems + own).astype(np.int64), sky.range_m, np.zeros(m), np.zeros((m, 5)),
    )  # fmt: skip
    pace = np.abs(steps.distance) / np.maximum(steps.dt, 1e-3) if not free else np.full(len(t_ns), GRAVEL_MPS)
    age = np.clip(pace / GRAVEL_MPS, params.standing_share, 1.0) * steps.dt
    typical = float(np.median(np.diff(ranges.t_ns))) * 1e-9 if len(ranges.t_ns) > 1 else 1.0
    since = np.diff(np.cumsum(age)[node], prepend=0.0)
    since[0] = typical
    repeats = 1.0 + 2.0 * params.correlation_s / np.clip(since, 1e-3, None)
    order = np.lexsort((sky.epoch, sky.sat))
    chain = sky.sat[order]
    first = np.concatenate([[True], chain[1:] != chain[:-1]])
    gap = np.diff(np.cumsum(age)[node][sky.epoch[order]], prepend=0.0)
    stay = np.empty(m)
    stay[order] = np.where(first, 0.0, np.exp(-np.maximum(gap, 0.0) / params.dwell_s))
    return Problem(t_ns, sky, steps, rows, node, repeats[sky.epoch], order, first, stay, worse_by_system(sats),
                   free, params)  # fmt: skip


def _filled(t_ns: I64) -> I64:
    """Epochs, and others between them where they are far apart."""
    fill = int(FILL_S * 1e9)
    gaps = np.flatnonzero(np.diff(t_ns) > 2 * fill)
    if not len(gaps):
        return t_ns
    more = [np.arange(t_ns[k] + fill, t_ns[k + 1] - fill // 2, fill) for k in gaps]
    return np.unique(np.concatenate([t_ns, *more]))


def steps_of(t_ns: I64, odometry: Odometry | None, params: PreparedParams, systems: int, sats: int) -> Steps:
    """The motion between the instants t_ns (K,), with its noise; biases: of systems, then of satellites."""
    n, k = kp.BIAS + systems + sats, len(t_ns)
    dt = np.diff(t_ns, prepend=t_ns[0]) * 1e-9
    noise = np.zeros((k, n + 1))
    way, turn = np.zeros(k), np.zeros(k)
    if odometry is None:
        noise[:, [kp.VX, kp.VY]] = (params.acceleration_mps2**2 * dt)[:, None]
        noise[:, kp.VZ] = 0.01 * params.acceleration_mps2**2 * dt
        moving = np.ones(k)
    else:
        way, turn, told_way, told_turn = odometry.between(t_ns)
        way, turn = np.where(told_way, way, 0.0), np.where(told_turn, turn, 0.0)
        speed = np.abs(way) / np.maximum(dt, 1e-3)
        moving = np.where(told_way, np.minimum(1.0, speed), 1.0)
        slip = (params.slip_mps_per_sqrt_s * moving) ** 2
        noise[:, kp.X] = ((params.speed_share_per_sqrt_s * speed) ** 2 + slip) * dt
        noise[:, kp.Y] = slip * dt
        noise[:, n] = np.where(told_way, 0.0, params.unknown_speed_mps**2 * dt)
        rate = np.where(told_turn, params.rate_sigma_radps_per_sqrt_s, params.unknown_turn_radps * moving)
        noise[:, kp.PSI] = rate**2 * dt
        if odometry.rough_turn:
            noise[:, kp.PSI] += (params.rough_share * turn) ** 2 + (params.rough_radps_per_sqrt_s * moving) ** 2 * dt
        noise[:, kp.SCALE] = params.scale_walk**2 * dt
        noise[:, kp.RATE] = params.rate_bias_walk**2 * dt
    noise[:, kp.Z] = (params.height_m_per_sqrt_s * moving) ** 2 * dt
    noise[:, kp.CLOCK] = params.clock_m_per_sqrt_s**2 * dt
    noise[:, kp.DRIFT] = params.drift_mps_per_sqrt_s**2 * dt
    noise[:, kp.BIAS + 1 : kp.BIAS + systems] = (params.system_walk_m_per_sqrt_s**2 * dt)[:, None]
    noise[:, kp.BIAS + systems : n] = (params.satellite_walk_m_per_sqrt_s**2 * dt)[:, None]
    return Steps((t_ns - t_ns[0]) * 1e-9, way, turn, dt, noise, np.ones((k, n - kp.BIAS)))


def worse_by_system(sat: I64) -> F64:
    """Factor (m,) of errors of satellites' clocks, orbits and delays: GLONASS, whose satellites differ in frequency,
    and SBAS are worse than others (the factors of RTKLIB)."""
    return np.asarray(np.array([WORSE.get(letter, 1.0) for letter in SYSTEMS])[sat // 100])


def dead_reckoned(steps: Steps) -> tuple[F64, F64]:
    """Path (K, 2) forward and right, and heading (K,), from the origin with heading zero."""
    heading = np.cumsum(steps.turn)
    middle = heading - 0.5 * steps.turn
    path = np.stack([np.cumsum(steps.distance * np.cos(middle)), np.cumsum(steps.distance * np.sin(middle))], axis=1)
    return path, heading


def checked(problem: Problem, odometry: Odometry, *, scale: bool = True) -> Odometry:
    """The odometry, its speeds held against those of the ranges alone: scaled or left out, and told, where they differ
    by more than they may. scale False: only left out."""
    t, fast = speed_by_ranges(problem.sky)
    own_t = (0.5 * (odometry.t_ns[1:] + odometry.t_ns[:-1]) - problem.t_ns[0]) * 1e-9
    if len(t) < 8 or not len(own_t):
        return odometry
    told = odometry.told_way
    pace = np.abs(odometry.speed_mps)
    half = 2.5
    inside = [_near(own_t, at, half) for at in t]
    mean = np.array([float(pace[here].mean()) if here.any() else np.nan for here in inside])
    driving = mean > 0.3 * np.nanmax(mean) if np.isfinite(mean).any() else np.zeros(len(t), np.bool_)
    if scale and driving.sum() >= 8 and float(np.nanmax(mean)) > 0.2:
        ratio = float(np.median(fast[driving] / mean[driving]))
        if not 0.65 < ratio < 1.5 and float(np.median(fast[driving])) > 1.0:
            note = f"wheel speed reads {1 / ratio:.3g} times what the ranges say: divided by it; check its unit"
            odometry = odometry.scaled(ratio, 1.0, note)
            mean = mean * ratio
    smooth = np.array([np.median(fast[max(0, k - 3) : k + 4]) for k in range(len(fast))])
    frozen = (mean < 0.3) & (smooth > 3.0) & (fast > 1.5)
    if frozen.sum() >= 4:
        dark = np.zeros(len(own_t), np.bool_)
        for k in np.flatnonzero(frozen):
            dark |= inside[k]
        seconds = float(np.diff(odometry.t_ns)[dark & told].sum()) * 1e-9
        if seconds > half:
            note = f"wheels stand still for {seconds:.0f} s while the ranges move, not used there"
            odometry = odometry.without_way(dark, note)
    return odometry


def _near(t: F64, at: float, half: float) -> Bool:
    return np.asarray(np.abs(t - at) <= half)


def first_guess(problem: Problem) -> list[tuple[F64, F64, F64, float]]:
    """Ways to begin: states (K, n), start (n,), its covariance (n, n), and the cost of the path laid on the ranges."""
    path, heading = dead_reckoned(problem.steps)
    found = lay(problem.sky, path[problem.node], problem.lay_s)
    return [(*_states(problem, path, heading, laid), laid.cost) for laid in (found[:1] if problem.free else found)]


def _states(problem: Problem, path: F64, heading: F64, laid: Laid) -> tuple[F64, F64, F64]:
    p, n, systems = problem.params, problem.n, problem.sky.n_systems
    c, s = np.cos(laid.heading), np.sin(laid.heading)
    x = np.zeros((len(path), n))
    x[:, kp.X] = laid.place[0] + c * path[:, 0] - s * path[:, 1]
    x[:, kp.Y] = laid.place[1] + s * path[:, 0] + c * path[:, 1]
    x[:, kp.Z] = laid.place[2]
    x[:, kp.PSI] = heading + laid.heading
    epochs = x[problem.node]
    clock = common_clock(problem.sky, epochs[:, : kp.Z + 1], laid)
    x[:, kp.CLOCK] = np.interp(problem.steps.t_s, problem.sky.t_s, clock)
    x[:, kp.DRIFT] = laid.drift
    x[:, kp.BIAS : kp.BIAS + systems] = laid.clocks - laid.clocks[0]
    variance = np.zeros(n)
    variance[: kp.Z + 1], variance[kp.CLOCK], variance[kp.DRIFT] = 1e6, 1e6, 1e3
    if problem.free:
        variance[[kp.VX, kp.VY, kp.VZ]] = (900.0, 900.0, 1.0)
    else:
        variance[kp.PSI] = 3.0
        variance[kp.SCALE], variance[kp.RATE] = p.scale_sigma**2, p.rate_bias_sigma_radps**2
    variance[kp.BIAS + 1 : kp.BIAS + systems] = 1e5
    variance[kp.BIAS + systems :] = (p.satellite_bias_m * problem.worse) ** 2
    return x, x[0].copy(), np.diag(variance)
