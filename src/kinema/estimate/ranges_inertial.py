"""Ranges to anchors with an IMU on the same body: the inertial filter, fed with ranges one by one.

The planar solution of the ranges alone comes first: it finds the start, the stretch and the anchors' biases, which
ranges came round a corner, and a way about which each range is a position along one line of sight. As such it enters
the inertial filter as it is: a fix that knows one direction, and nothing of the others.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kinema.core.arrays import I64
from kinema.core.recording import Recording
from kinema.core.solution import FixStatus, Solution
from kinema.core.streams import AnchorRanges, Imu, used_mask
from kinema.errors import EstimationError
from kinema.estimate.align_ranges import align_indoors
from kinema.estimate.inertial_mounts import with_mounts
from kinema.estimate.inertial_params import InertialParams
from kinema.estimate.inertial_solution import cut_imu, navigate, to_solution
from kinema.estimate.options import SolveOptions
from kinema.estimate.planar import Way
from kinema.estimate.planar_ranges import RangeProblem, build
from kinema.estimate.range_params import RangeParams
from kinema.estimate.ranges_noise import Noise
from kinema.estimate.ranges_own_way import Lost, run_own_way
from kinema.estimate.ranges_seen import LEAST_SHARE, Seen, about, seen_by
from kinema.estimate.ranges_solution import solve_batch, solve_filter, solve_ranges
from kinema.estimate.ranges_start import find_start, first_state
from kinema.kernels import planar as kp
from kinema.sensors.imu_signal import imu_signal

TURNS = 8


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
    keep = used_mask(ranges.t_ns, options.masks_of("ranges"))
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
