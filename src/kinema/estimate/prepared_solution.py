"""From a recording with prepared pseudoranges, and odometry where there is some, to a Solution."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np

from kinema.core.arrays import F64, Bool
from kinema.core.recording import Recording
from kinema.core.satellites import SYSTEMS
from kinema.core.solution import Channel, FixStatus, Provenance, Reason, Residuals, Solution
from kinema.core.streams import PreparedRanges, used_mask
from kinema.errors import EstimationError
from kinema.estimate.options import SolveOptions
from kinema.estimate.planar import Way, predicted
from kinema.estimate.planar_lay import lay
from kinema.estimate.planar_odometry import Odometry, odometry_of
from kinema.estimate.planar_prepared import Problem, build, checked, dead_reckoned
from kinema.estimate.prepared_params import PreparedParams
from kinema.estimate.prepared_sorting import solve_batch, solve_filter
from kinema.kernels import planar as kp
from kinema.version import __version__

OUTLIER_SHARE, DOWN_SHARE = 0.1, 0.5
TURNED_RAD = 0.5


def solve_prepared(recording: Recording, options: SolveOptions, params: PreparedParams) -> Solution:
    """Batch over all ranges and the odometry; method "filter" knows at each instant only the past, but for the first
    seconds, in which it finds where it is. Raises EstimationError, DataError, ConfigError."""
    ranges = _asked(recording.need("prepared", PreparedRanges), options)
    masks = options.masks_of("odometry", "wheels")
    odometry = odometry_of(recording, masks)
    causal = options.method == "filter"
    options.progress("ranges and odometry", 0.0)
    problem, odometry = _with_odometry(ranges, odometry, params)
    options.progress("ranges and odometry", 0.2)
    if causal:
        way, began = solve_filter(problem)
        resid, share = way.innovation, way.share
        sigma = np.sqrt(way.spread)
    else:
        found = solve_batch(problem)
        way, began, share, sigma = found.way, 0, found.share, np.sqrt(found.fresh)
        resid = problem.rows.value - predicted(way.x, problem.rows)
    options.progress("ranges and odometry", 1.0)
    notes = _notes(problem, odometry, way, began if causal else None)
    sigma = np.where(problem.sky.sigma > 0, sigma, np.nan)
    return _solution(recording, options, params, problem, ranges, way, resid, share, sigma, notes)


def _asked(ranges: PreparedRanges, options: SolveOptions) -> PreparedRanges:
    """What lies between --from and --to, is of the systems asked for, and is not masked."""
    keep = used_mask(ranges.t_ns, options.masks_of("prepared", "gnss"))
    inside = np.ones(len(ranges.t_ns), dtype=np.bool_)
    if options.from_ns is not None:
        inside &= ranges.t_ns >= options.from_ns
    if options.to_ns is not None:
        inside &= ranges.t_ns <= options.to_ns
    if not (keep & inside).any():
        raise EstimationError("no ranges are left between --from, --to and the masks")
    return cut_ranges(ranges, inside, keep[inside], options.systems + "S")


def cut_ranges(ranges: PreparedRanges, epochs: Bool, measured: Bool, systems: str) -> PreparedRanges:
    """The picked epochs (n,); of those not `measured` (picked,), and of other systems, no ranges stay."""
    epoch = np.repeat(np.arange(len(ranges.t_ns)), np.diff(ranges.row_start))
    letters = np.array([letter in systems for letter in SYSTEMS])
    measured_all = epochs.copy()
    measured_all[np.flatnonzero(epochs)] = measured
    rows = measured_all[epoch] & letters[ranges.sat // 100]
    count = np.bincount(epoch[rows], minlength=len(ranges.t_ns))[epochs]
    return PreparedRanges(
        ranges.t_ns[epochs], np.concatenate([[0], np.cumsum(count)]), ranges.sat[rows], ranges.range_m[rows],
        ranges.sigma_m[rows], ranges.sat_p_e_m[rows], ranges.elevation_rad[rows], ranges.cn0_dbhz[rows],
    )  # fmt: skip


def _with_odometry(
    ranges: PreparedRanges, odometry: Odometry | None, params: PreparedParams
) -> tuple[Problem, Odometry | None]:
    """The problem with the odometry as it holds against the ranges: its scale, stuck wheels, the sign of its turn."""
    problem = build(ranges, odometry, params)
    if odometry is None:
        return problem, None
    held = checked(problem, odometry)
    scaled = not np.array_equal(held.s_m, odometry.s_m)
    # among houses speeds from ranges are noisy, and noise makes them fast: the path must lie better, too
    if scaled and not lay_cost(build(ranges, held, params)) < 0.85 * lay_cost(problem):
        held = checked(problem, odometry, scale=False)
    if held is not odometry:
        odometry, problem = held, build(ranges, held, params)
    if min(float(odometry.told_way.mean()), float(odometry.told_turn.mean())) < 0.5:
        none = replace(odometry, notes=(*odometry.notes, "most of the odometry is unusable: solved without it"))
        return build(ranges, None, params), none
    mirrored = odometry.scaled(1.0, -1.0, "yaw rate turned round: mirrored it fits the ranges")
    _, heading = dead_reckoned(problem.steps)
    if float(np.ptp(heading)) > TURNED_RAD and odometry.told_turn.any():
        other = build(ranges, mirrored, params)
        if lay_cost(other) < 0.85 * lay_cost(problem):
            return other, mirrored
    return problem, odometry


def lay_cost(problem: Problem) -> float:
    """How badly the dead-reckoned path lies on the ranges, from its best heading."""
    path, heading = dead_reckoned(problem.steps)
    turned = np.maximum.accumulate(np.abs(heading - heading[0])) > 2 * TURNED_RAD
    seconds = float(problem.steps.t_s[np.argmax(turned)]) + 60.0 if turned.any() else 120.0
    return lay(problem.sky, path[problem.node], max(seconds, 120.0))[0].cost


def _notes(problem: Problem, odometry: Odometry | None, way: Way, began: int | None) -> list[str]:
    notes = list(odometry.notes) if odometry is not None else []
    if problem.sky.clock_steps:
        notes.append(f"{problem.sky.clock_steps} millisecond steps of the receiver clock taken out")
    if problem.free:
        notes.append("without odometry")
    else:
        x, p = way.x_end, way.p_end
        notes.append("with wheel speed and yaw rate")
        notes.append(f"heading at the start {np.degrees(way.x[0, kp.PSI]) % 360:.1f}° ± "
                     f"{np.degrees(np.sqrt(way.cov[0, 3, 3])):.1f}°, found from the ranges")  # fmt: skip
        long, bias = -100 * x[kp.SCALE], np.degrees(-x[kp.RATE])
        sd_long, sd_bias = 100 * np.sqrt(p[kp.SCALE, kp.SCALE]), np.degrees(np.sqrt(p[kp.RATE, kp.RATE]))
        notes.append(f"wheels read {long:+.2f} ± {sd_long:.2f} % long, yaw-rate bias {bias:+.3f} ± {sd_bias:.3f} °/s")
    if began:
        notes.append(f"causal after the first {problem.steps.t_s[began - 1]:.0f} s, which found the start")
    return notes


def _solution(
    recording: Recording, options: SolveOptions, params: PreparedParams, problem: Problem, ranges: PreparedRanges,
    way: Way, resid: F64, share: F64, sigma: F64, notes: list[str],
) -> Solution:  # fmt: skip
    epoch = problem.node[problem.sky.epoch]
    known = np.isfinite(sigma)
    used = known & (share > OUTLIER_SHARE)
    n_sats = np.bincount(epoch[used], minlength=len(problem.t_ns))
    reason = np.where(share > DOWN_SHARE, Reason.USED, Reason.DOWN_WEIGHTED)
    reason = np.where(share > OUTLIER_SHARE, reason, Reason.OUTLIER)
    reason = np.where(known, reason, Reason.GARBLED)
    m = len(epoch)
    residuals = Residuals(
        epoch, ranges.sat, np.zeros(m, np.uint8), np.zeros(m, np.uint8), resid, sigma,
        reason.astype(np.uint8), np.full(m, np.nan), ranges.elevation_rad, ranges.cn0_dbhz, signals=("1C",),
    )  # fmt: skip
    counts = np.bincount(reason, minlength=len(Reason))
    told = [f"{counts[r]} of {m} ranges: {r.name.lower().replace('_', ' ')}" for r in Reason if r and counts[r]]
    turn, x, heading = problem.sky.turn, way.x, way.x[:, kp.PSI]
    pace = problem.steps.distance / np.maximum(problem.steps.dt, 1e-3) * (1 + x[:, kp.SCALE])
    pace[0] = pace[1] if len(pace) > 1 else 0.0
    v_n = np.stack([pace * np.cos(heading), pace * np.sin(heading), np.zeros(len(x))], axis=1) + x[:, kp.VX : kp.VZ + 1]
    channels = {
        "clock": Channel(x[:, kp.CLOCK], "m", "receiver clock"),
        "clock_drift": Channel(x[:, kp.DRIFT], "m/s", "receiver clock drift"),
    }
    if not problem.free:
        channels["heading"] = Channel(np.mod(heading, 2 * np.pi), "rad", "heading")
    return Solution(
        problem.t_ns, x[:, : kp.Z + 1] @ turn + problem.sky.origin, turn.T @ way.cov[:, :3, :3] @ turn, v_n @ turn,
        status=np.where(n_sats > 0, FixStatus.SINGLE, FixStatus.DEAD_RECKONED).astype(np.uint8),
        n_sats=n_sats.astype(np.int16), residuals=residuals, channels=channels,
        provenance=Provenance(
            sources=recording.sources, program=f"kinema {__version__}", mode="single",
            method="filter" if options.method == "filter" else "batch",
            settings={"systems": options.systems, **asdict(params)}, simulated=recording.simulated,
            notes=(*told, *notes),
        ),
    )  # fmt: skip
