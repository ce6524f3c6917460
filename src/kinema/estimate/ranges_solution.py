"""From a recording with ranges to anchors, and odometry where there is some, to a Solution in the anchors' frame."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np

from kinema.core.arrays import F64
from kinema.core.frames import WGS84_A_M
from kinema.core.recording import Recording
from kinema.core.solution import Channel, FixStatus, Provenance, Solution
from kinema.core.streams import AnchorRanges, used_mask
from kinema.estimate.options import SolveOptions
from kinema.estimate.planar import Way, predicted, run
from kinema.estimate.planar_odometry import Odometry, odometry_of
from kinema.estimate.planar_ranges import RangeProblem, build, moved_while_standing
from kinema.estimate.range_params import RangeParams
from kinema.estimate.ranges_noise import OPEN_M, Noise, direct_share, filtered, learnt, where_lost, with_noise
from kinema.estimate.ranges_start import Begin, find_start, first_state
from kinema.kernels import planar as kp
from kinema.version import __version__

HOLD_S = 3.0
"""So long after a range a position is more than dead reckoned."""
TURNS = 6
FIRST_S, GROWTH = 120.0, 2.0
"""At this time, twice, four times it … the filter goes over its past again."""
WRONG_SHARE = 0.1


def solve_ranges(recording: Recording, options: SolveOptions, params: RangeParams) -> Solution:
    """The trajectory in the anchors' frame, laid at latitude 0, longitude 0 (x east, y north, z up).

    Method "filter" is causal but for the first metres, by which the start is found. Raises EstimationError, DataError.
    """
    ranges = recording.need("ranges", AnchorRanges)
    odometry = odometry_of(recording, options.masks_of("odometry", "wheels"))
    if odometry is not None and not (odometry.told_turn.any() and odometry.told_way.any()):
        odometry = None
    if odometry is not None:
        odometry = moved_while_standing(odometry, ranges)
    span = _span(options, ranges)
    keep = used_mask(ranges.t_ns, options.masks_of("ranges"))
    problem = build(ranges, keep, odometry, span, params)
    options.progress("ranges: looking for the start", 0.1)
    begin = find_start(problem)
    if begin.mirrored and odometry is not None:
        odometry = odometry.scaled(1.0, -1.0, "turns of the odometry turned round: mirrored they fit the ranges")
        problem = build(ranges, keep, odometry, span, params)
        begin = replace(find_start(problem), mirrored=False)
    x0, p0 = first_state(problem, begin)
    options.progress("ranges: learning the noise", 0.3)
    if options.method == "filter":
        way, noise = solve_filter(problem, x0, p0, begin)
    else:
        way, noise = solve_batch(problem, x0, p0, Noise())
    options.progress("ranges", 1.0)
    return _solution(problem, way, noise, begin, odometry, recording, options)


def _span(options: SolveOptions, ranges: AnchorRanges) -> tuple[int, int] | None:
    if options.from_ns is None and options.to_ns is None:
        return None
    first = options.from_ns if options.from_ns is not None else int(ranges.t_ns[0])
    return first, options.to_ns if options.to_ns is not None else int(ranges.t_ns[-1])


def solve_batch(problem: RangeProblem, x0: F64, p0: F64, noise: Noise, *, learn: bool = True) -> tuple[Way, Noise]:
    """Learn the noise by the filter, smooth, and go over the whole again with the wrong ranges weighed down."""
    noise = learnt(problem, x0, p0, noise) if learn else noise
    first = filtered(problem, noise, x0, p0, smooth=True)
    problem = where_lost(problem, first.lost)
    about = filtered(problem, noise, x0, p0, smooth=True).x if first.lost.any() else first.x
    steps, rows = with_noise(problem, noise)
    sigma = noise.range_ * problem.params.range_sigma_m
    for turn in range(TURNS):
        share = direct_share(problem, rows.value - predicted(about, rows), sigma)
        way = run(steps, rows.weighed(sigma**2 / share), x0, p0, smooth=True, about=about, covariance=turn == TURNS - 1)
        about = way.x
    resid = rows.value - predicted(about, rows)
    return replace(way, lost=first.lost, innovation=resid, spread=np.full(len(resid), sigma**2), share=share), noise


def solve_filter(problem: RangeProblem, x0: F64, p0: F64, begin: Begin) -> tuple[Way, Noise]:
    """Causal after the start, which is smoothed: the filter goes on from there, and at times all that is past is gone
    over again, and the noise learnt anew from it."""
    total, stop = len(problem.t_ns), begin.last
    params = problem.params
    seconds = max(FIRST_S, GROWTH * float(problem.steps.t_s[stop - 1]))
    past, noise = solve_batch(problem.until(stop), x0, p0, Noise(), learn=False)
    parts = [past]
    while stop < total:
        ahead = min(max(int(np.searchsorted(problem.steps.t_s, seconds)), stop + 1), total)
        steps, rows = with_noise(problem, noise)
        memory = np.full(2 * len(problem.anchors), -1.0)
        memory[problem.rows.sort[: len(past.share)]] = past.share
        part = run(steps.cut(stop, ahead), rows.cut(stop, ahead), past.x_end, past.p_end, smooth=False, memory=memory,
                   open_m=OPEN_M)  # fmt: skip
        parts.append(replace(part, spread=part.spread + (noise.range_ * params.range_sigma_m) ** 2))
        stop, seconds = ahead, seconds * GROWTH
        if stop < total:
            past, noise = solve_batch(problem.until(stop), x0, p0, noise)
    names = ("x", "cov", "innovation", "spread", "share", "lost")
    whole = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return replace(parts[-1], **whole), noise


def _unused(recording: Recording) -> list[str]:
    """What was given and needs an attitude that nobody measures."""
    mount = recording.mounts.get("ranges")
    if mount is None or not any(mount.p_b_m or ()):
        return []
    return ["mounts.ranges.lever_arm_b_m is used with an IMU only: these are the places of the tag itself"]


def _notes(problem: RangeProblem, way: Way, noise: Noise, begin: Begin, odometry: Odometry | None) -> list[str]:
    x, p, params = way.x_end, way.p_end, problem.params
    sd = np.sqrt(np.maximum(np.diag(p), 0.0))
    sigma = noise.range_ * params.range_sigma_m
    notes = [
        f"start found from the first {problem.steps.t_s[begin.last - 1]:.0f} s",
        f"ranges read {100 * x[kp.STRETCH]:+.2f} ± {100 * sd[kp.STRETCH]:.2f} % long, noise {sigma:.2f} m",
    ]
    if odometry is None:
        notes.append("without odometry")
    else:
        notes += [*odometry.notes, f"odometry reads {-100 * x[kp.SCALE]:+.2f} ± {100 * sd[kp.SCALE]:.2f} % long"]
    if way.lost.any():
        notes.append(f"{int(way.lost.sum())} times the ranges fitted the motion no more: found anew from them")
    wrong = int((way.share < WRONG_SHARE).sum()) + problem.refused
    if wrong:
        notes.append(
            f"{wrong} of {len(way.share) + problem.refused} ranges left out: too long, too short, or no number"
        )
    notes.append("local plane laid at latitude 0, longitude 0: x east, y north")
    return notes


def _solution(
    problem: RangeProblem, way: Way, noise: Noise, begin: Begin, odometry: Odometry | None, recording: Recording,
    options: SolveOptions,
) -> Solution:  # fmt: skip
    """On the plane at latitude 0, longitude 0: ECEF x is up, y is x, z is y."""
    turn = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    n, steps, first = len(way.x), problem.steps, problem.rows.first
    cov_e = turn @ way.cov[:, :3, :3] @ turn.T
    if not problem.deep:
        cov_e[:, 0, 0] = 1e-4
    cov_att = np.zeros((n, 3, 3))
    cov_att[:, 2, 2] = way.cov[:, 3, 3]
    cov_att[:, 0, 0] = cov_att[:, 1, 1] = 1e-6
    half = 0.5 * (0.5 * np.pi - way.x[:, kp.PSI])
    zero = np.zeros(n)
    count = np.diff(first)
    has = count > 0
    worst = np.full(n, np.nan)
    worst[has] = np.maximum.reduceat(way.innovation**2 / way.spread, first[:-1][has])
    recent = np.searchsorted(steps.t_s[has], steps.t_s, side="right") - 1
    since = np.where(recent >= 0, steps.t_s - steps.t_s[has][np.maximum(recent, 0)], np.inf)
    facing = np.nan if problem.free else 1.0
    course = way.x[:, kp.PSI] + way.x[:, kp.CRAB]
    pace = steps.distance / np.maximum(steps.dt, 1e-3) * (1 + way.x[:, kp.SCALE])
    v = np.stack([pace * np.cos(course), pace * np.sin(course), zero], axis=1) + way.x[:, kp.VX : kp.VZ + 1]
    return Solution(
        problem.t_ns, way.x[:, :3] @ turn.T + (WGS84_A_M, 0.0, 0.0), cov_e, v @ turn.T,
        q_nb_wxyz=np.column_stack([np.cos(half), zero, zero, np.sin(half)]) * facing, cov_att_n_rad2=cov_att * facing,
        status=np.where(since < HOLD_S, FixStatus.DIFFERENTIAL, FixStatus.DEAD_RECKONED).astype(np.uint8),
        n_sats=np.minimum(count, 32767).astype(np.int16),
        channels={"nis_range": Channel(worst, "1", "largest normalised innovation squared of the ranges")},
        provenance=Provenance(
            sources=recording.sources, program=f"kinema {__version__}", mode="ranges", method=options.method,
            settings=asdict(problem.params), simulated=recording.simulated, datum="local", point="body",
            notes=(*_notes(problem, way, noise, begin, odometry), *_unused(recording)),
        ),
    )  # fmt: skip
