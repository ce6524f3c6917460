"""Fixes, given or solved from raw observations, carried on by wheels without an IMU."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.core.frames import c_ne, geodetic_from_ecef
from kinema.core.recording import Recording
from kinema.core.solution import Channel, FixStatus, Provenance, Solution
from kinema.errors import ConfigError, EstimationError
from kinema.estimate.options import SolveOptions
from kinema.estimate.planar import Rows, Steps, Way, predicted, run
from kinema.estimate.planar_odometry import Odometry, odometry_of, with_turn_by_course
from kinema.estimate.planar_prepared import CURVATURE, dead_reckoned, steps_of
from kinema.estimate.prepared_params import PreparedParams
from kinema.kernels import planar as kp
from kinema.sensors.fix import FixRows, fix_rows
from kinema.version import __version__

SLOW_S = 60.0
"""Slow errors of code fixes forget themselves in this time."""
FIRST_M, FIRST_S, MOST_FIRST_S = 30.0, 10.0, 120.0
"""Way and time from which the heading is found."""
SIDEWAYS = 4.0
"""Variance of free accelerations, times: what the wheels do not tell is the way to the side, and cars turn hard."""
STILL_MPS, SPEED_SHARE, SPEED_MPS = 0.3, 0.03, 0.1
"""Below this speed wheels stand; sigmas of a speed that is a row."""
NU = 4.0
PASSES = 8
HOLD = 1.5
LEAST_STEP_NS = 100_000_000


@dataclass(frozen=True)
class _Fixed:
    """Fixes in a local frame: t_ns, place (m, 3), variance (m, 3) of what is fresh; origin, turn C_ne; slow_m."""

    t_ns: I64
    place: F64
    variance: F64
    origin: F64
    turn: F64
    slow_m: float


def solve_with_wheels(recording: Recording, options: SolveOptions, params: PreparedParams) -> Solution:
    """The trajectory by fixes and wheels; through the gaps of the fixes it is dead reckoned, and smoothed but for
    method "filter". Raises EstimationError, DataError, ConfigError."""
    fixes = _fixes(recording, options)
    masks = options.masks_of("odometry", "wheels")
    odometry = odometry_of(recording, masks)
    if odometry is None:
        raise ConfigError("the wheels never turn; solve without them")
    fixed = _fixed(fix_rows(fixes, int(fixes.t_ns[0]), options.masks_of("fixes", "gnss")), int(fixes.t_ns[0]))
    odometry = with_turn_by_course(odometry, recording, fixed.t_ns, fixed.place)
    options.progress("fixes and wheels", 0.3)
    odometry = _upright(odometry, fixed)
    t_ns = _nodes(fixed.t_ns, odometry, options.to_ns)
    steered = bool(odometry.told_turn.any())
    steps, rows = _problem(t_ns, odometry, fixed, params, steered=steered)
    x0, p0, began = _start(steps, fixed, t_ns, params) if steered else _start_by_course(steps, fixed, params)
    causal = options.method == "filter"
    way = run(steps, rows, x0, p0, smooth=not causal, curvature=CURVATURE)
    if not causal:
        way = _batch(steps, rows, x0, p0, way.x)
    options.progress("fixes and wheels", 1.0)
    return _solution(recording, options, params, fixes, fixed, odometry, steps, t_ns, way, began if causal else 0)


def _fixes(recording: Recording, options: SolveOptions) -> Solution:
    fixes = recording.get("fixes", Solution)
    if fixes is None:
        from kinema.estimate.strategy import solve

        rest = {role: s for role, s in recording.streams.items() if role not in ("wheels", "odometry", "steering")}
        mode = "auto" if options.mode == "inertial" else options.mode
        fixes = solve(replace(recording, streams=rest), replace(options, mode=mode))
    keep = fixes.valid
    if options.from_ns is not None:
        keep &= fixes.t_ns >= options.from_ns
    if options.to_ns is not None:
        keep &= fixes.t_ns <= options.to_ns
    if keep.sum() < 5:
        raise EstimationError(f"only {int(keep.sum())} fixes with a position; the wheels need some to start from")
    return fixes.select(keep)


def _fixed(rows: FixRows, t0_ns: int) -> _Fixed:
    """In north, east, down at the first fix."""
    use = (rows.has & 1) > 0
    if use.sum() < 5:
        raise EstimationError(f"only {int(use.sum())} fixes are left outside of the masks")
    p_e = rows.rows[use, 0:3]
    lat, lon, _ = geodetic_from_ecef(p_e[0])
    turn = c_ne(lat, lon)
    cov = turn @ rows.rows[use, 3:12].reshape(-1, 3, 3) @ turn.T
    t_ns = t0_ns + np.round(rows.t_s[use] * 1e9).astype(np.int64)
    variance = np.diagonal(cov, axis1=1, axis2=2) + (0.0 if rows.slow_sigma_m else rows.lasting_m**2)
    return _Fixed(t_ns, (p_e - p_e[0]) @ turn.T, variance, p_e[0].copy(), turn, rows.slow_sigma_m)


def _upright(odometry: Odometry, fixed: _Fixed) -> Odometry:
    """The odometry with its scale and the sense of its turn held against the fixes over stretches of the drive."""
    way, _, told, _ = odometry.between(fixed.t_ns)
    straight = np.linalg.norm(np.diff(fixed.place[:, :2], axis=0, prepend=fixed.place[:1, :2]), axis=1)
    sigma = np.sqrt(fixed.variance[:, :2].sum(axis=1))
    use = told & (np.abs(way) > 1.0) & (straight > 4.0 * np.minimum(sigma, 1.0))
    if use.sum() >= 10:
        ratio = float(np.median(straight[use] / np.abs(way[use])))
        if not 0.7 < ratio < 1.4:
            note = f"wheels read {1 / ratio:.3g} times what the fixes say: divided by it; check their unit"
            odometry = odometry.scaled(ratio, 1.0, note)
    course, dt = _turns(fixed)
    _, turn, _, told = odometry.between(fixed.t_ns)
    use = told & np.isfinite(course) & (np.abs(course) > 0.05) & (dt < 3.0)
    if use.sum() >= 10 and float((course[use] * turn[use]).sum()) < -0.3 * float((course[use] ** 2).sum()):
        odometry = odometry.scaled(1.0, -1.0, "yaw rate turned round: mirrored it fits the course of the fixes")
    return odometry


def _turns(fixed: _Fixed) -> tuple[F64, F64]:
    """Turn of the course (m,) between the middles of the intervals around each fix, NaN where it hardly moves; and the
    interval (m,) before it."""
    step = np.diff(fixed.place[:, :2], axis=0)
    dt = np.diff(fixed.t_ns, prepend=fixed.t_ns[0] - 10**9) * 1e-9
    course = np.arctan2(step[:, 1], step[:, 0])
    moved = np.linalg.norm(step, axis=1) > np.maximum(1.0, 3 * np.sqrt(fixed.variance[1:, 0]))
    turn = np.full(len(fixed.place), np.nan)
    both = moved[1:] & moved[:-1]
    turn[1:-1] = np.where(both, (np.diff(course) + np.pi) % (2 * np.pi) - np.pi, np.nan)
    return turn, dt


def _nodes(t_fix: I64, odometry: Odometry, to_ns: int | None) -> I64:
    """Instants (K,) of the fixes and of the odometry from the first fix on."""
    own = odometry.t_ns[(odometry.t_ns > t_fix[0]) & (odometry.t_ns <= (to_ns or odometry.t_ns[-1]))]
    if len(own) > 2:
        own = own[np.unique(np.searchsorted(own, np.arange(own[0], own[-1], LEAST_STEP_NS)))]
    return np.unique(np.concatenate([t_fix, own]))


def _problem(
    t_ns: I64, odometry: Odometry, fixed: _Fixed, params: PreparedParams, *, steered: bool
) -> tuple[Steps, Rows]:
    """Three rows of each fix, along the axes, each with the slow error of its axis. Without a turn rate (`steered`) the
    motion is free, and the wheels' speeds are rows too."""
    steps = steps_of(t_ns, odometry if steered else None, params, 1, 2)
    decay = np.exp(-steps.dt / SLOW_S)
    noise = steps.noise.copy()
    noise[:, [kp.CLOCK, kp.DRIFT]] = 0.0
    noise[:, kp.BIAS : kp.BIAS + 3] = (fixed.slow_m**2 * (1 - decay**2))[:, None]
    steps = replace(steps, noise=noise, decay=np.repeat(decay[:, None], 3, axis=1))
    m = len(fixed.t_ns)
    step = np.repeat(np.searchsorted(t_ns, fixed.t_ns), 3)
    kind, target, sort = np.full(3 * m, kp.AXIS), np.tile(np.eye(3), (m, 1)), np.tile(np.arange(3), m)
    value, variance = fixed.place.ravel(), fixed.variance.ravel()
    if not steered:
        noise[:, [kp.VX, kp.VY]] *= SIDEWAYS
        way, _, told, _ = odometry.between(t_ns)
        more = np.flatnonzero(told & (steps.dt > 0))
        speed = np.abs(way[more]) / steps.dt[more]
        still = more[speed < STILL_MPS]
        step = np.concatenate([step, more[speed >= STILL_MPS], still, still])
        moving = int((speed >= STILL_MPS).sum())
        axes = np.repeat(np.eye(3)[:2], len(still), axis=0)
        kind = np.concatenate([kind, np.full(moving, kp.SPEED), np.full(2 * len(still), kp.ALONG)])
        target = np.concatenate([target, np.zeros((moving, 3)), axes])
        sort = np.concatenate([sort, np.full(moving + 2 * len(still), -1)])
        value = np.concatenate([value, speed[speed >= STILL_MPS], np.zeros(2 * len(still))])
        sigma = np.maximum(SPEED_SHARE * speed[speed >= STILL_MPS], SPEED_MPS)
        variance = np.concatenate([variance, sigma**2, np.full(2 * len(still), SPEED_MPS**2)])
    order = np.argsort(step, kind="stable")
    first = np.searchsorted(step[order], np.arange(len(t_ns) + 1)).astype(np.int64)
    rows = Rows(
        first, kind[order].astype(np.int64), np.ascontiguousarray(target[order]), np.full(len(order), -1),
        sort[order].astype(np.int64), value[order], variance[order], np.zeros((len(order), 5)),
    )  # fmt: skip
    return steps, rows


def _start_by_course(steps: Steps, fixed: _Fixed, params: PreparedParams) -> tuple[F64, F64, int]:
    """At the first fix with the velocity that the next ones show: start (n,), its covariance, no step used."""
    n = steps.noise.shape[1] - 1
    x0, variance = np.zeros(n), np.zeros(n)
    later = min(int(np.searchsorted(fixed.t_ns, fixed.t_ns[0] + 2 * 10**9)), len(fixed.t_ns) - 1)
    seconds = float(fixed.t_ns[later] - fixed.t_ns[0]) * 1e-9
    x0[: kp.Z + 1] = fixed.place[0]
    x0[kp.VX : kp.VZ + 1] = (fixed.place[later] - fixed.place[0]) / max(seconds, 0.1)
    variance[: kp.Z + 1] = 100.0 + 4 * fixed.slow_m**2
    variance[kp.VX : kp.VZ + 1], variance[kp.SCALE] = (25.0, 25.0, 1.0), 4 * params.scale_sigma**2
    variance[kp.BIAS : kp.BIAS + 3] = fixed.slow_m**2
    return x0, np.diag(variance), 0


def _start(steps: Steps, fixed: _Fixed, t_ns: I64, params: PreparedParams) -> tuple[F64, F64, int]:
    """The dead-reckoned path laid on the first fixes: start (n,), its covariance, the last step used."""
    slow_m = fixed.slow_m
    path, _ = dead_reckoned(steps)
    node = np.searchsorted(t_ns, fixed.t_ns)
    far = np.linalg.norm(fixed.place[:, :2] - fixed.place[0, :2], axis=1)
    seconds = (fixed.t_ns - fixed.t_ns[0]) * 1e-9
    enough = (far > max(FIRST_M, 5 * slow_m)) & (seconds > FIRST_S)
    last = int(np.argmax(enough)) + 1 if enough.any() else len(far)
    if not enough.any() and float(far.max()) < 2.0:
        raise EstimationError("the fixes hardly move: no heading can be found for the wheels; solve without them")
    a = path[node[:last]] @ np.array([1.0, 1j])
    b = fixed.place[:last, :2] @ np.array([1.0, 1j])
    psi = float(np.angle(((b - b.mean()) * np.conj(a - a.mean())).sum()))
    place = complex(b.mean() - np.exp(1j * psi) * a.mean())
    n = steps.noise.shape[1] - 1
    x0, variance = np.zeros(n), np.zeros(n)
    x0[kp.X], x0[kp.Y], x0[kp.Z], x0[kp.PSI] = place.real, place.imag, fixed.place[0, 2], psi
    variance[: kp.Z + 1] = 100.0 + 4 * slow_m**2
    variance[kp.PSI], variance[kp.SCALE], variance[kp.RATE] = (
        0.5,
        4 * params.scale_sigma**2,
        params.rate_bias_sigma_radps**2,
    )
    variance[kp.BIAS : kp.BIAS + 3] = slow_m**2
    return x0, np.diag(variance), int(node[last - 1])


def _batch(steps: Steps, rows: Rows, x0: F64, p0: F64, about: F64) -> Way:
    """Gauss–Newton with Student-t fixes."""
    for k in range(PASSES):
        u2 = (rows.value - predicted(about, rows)) ** 2 / rows.variance
        fixes = rows.kind == kp.AXIS
        u2[fixes] = np.repeat(u2[fixes].reshape(-1, 3).sum(axis=1) / 3, 3)
        variance = rows.variance * (NU + u2) / (NU + 1)
        way = run(steps, rows.weighed(variance), x0, p0, smooth=True, about=about, curvature=CURVATURE,
                  covariance=k == PASSES - 1)  # fmt: skip
        about = way.x
    return way


def _solution(
    recording: Recording, options: SolveOptions, params: PreparedParams, fixes: Solution, fixed: _Fixed,
    odometry: Odometry, steps: Steps, t_ns: I64, way: Way, began: int,
) -> Solution:  # fmt: skip
    x, turn = way.x, fixed.turn
    steered = bool(odometry.told_turn.any())
    course = x[:, kp.PSI] if steered else np.arctan2(x[:, kp.VY], x[:, kp.VX])
    pace = steps.distance / np.maximum(steps.dt, 1e-3) * (1 + x[:, kp.SCALE])
    v_n = np.stack([pace * np.cos(course), pace * np.sin(course), np.zeros(len(x))], axis=1)
    v_n = v_n if steered else x[:, kp.VX : kp.VZ + 1]
    before = np.clip(np.searchsorted(fixed.t_ns, t_ns, side="right") - 1, 0, None)
    after = np.clip(np.searchsorted(fixed.t_ns, t_ns), None, len(fixed.t_ns) - 1)
    usual = float(np.median(np.diff(fixed.t_ns)))
    since = t_ns - fixed.t_ns[before]
    between = (options.method != "filter") & (t_ns <= fixed.t_ns[-1])
    gap = np.where(between, fixed.t_ns[after] - fixed.t_ns[before], since)
    own = np.clip(np.searchsorted(fixes.t_ns, fixed.t_ns[before]), None, len(fixes) - 1)
    status = np.where(gap <= HOLD * usual, fixes.status[own], FixStatus.DEAD_RECKONED)
    p, x_end = way.p_end, way.x_end
    notes = [
        *fixes.provenance.notes, *odometry.notes,
        f"wheels read {-100 * x_end[kp.SCALE]:+.2f} ± {100 * np.sqrt(p[kp.SCALE, kp.SCALE]):.2f} % long",
    ]  # fmt: skip
    if steered:
        sd = np.degrees(np.sqrt(way.cov[0, 3, 3]))
        notes.append(f"heading at the start {np.degrees(course[0]) % 360:.1f}° ± {sd:.1f}°")
    if began:
        notes.append(f"causal after the first {steps.t_s[began]:.0f} s, which found the heading")
    return Solution(
        t_ns, x[:, :3] @ turn + fixed.origin, turn.T @ way.cov[:, :3, :3] @ turn, v_n @ turn,
        status=status.astype(np.uint8), n_sats=np.where(gap <= HOLD * usual, fixes.n_sats[own], 0).astype(np.int16),
        channels={"heading": Channel(np.mod(course, 2 * np.pi), "rad", "heading")},
        provenance=Provenance(
            sources=recording.sources, program=f"kinema {__version__}", mode="wheels", method=options.method,
            settings=asdict(params), simulated=recording.simulated, datum=fixes.provenance.datum,
            point=fixes.provenance.point, notes=tuple(notes),
        ),
    )  # fmt: skip
