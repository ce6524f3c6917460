"""Inertial streams in pieces: a clock that was set between two samples, and pauses too long to bridge.

A gap in the samples may be a gap in time, or a clock that was set on. The turns on both sides of it, held against those
of the course, tell one from the other.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from kinema.core.arrays import I64
from kinema.core.recording import Recording
from kinema.core.solution import Solution
from kinema.core.streams import Imu, used_mask
from kinema.core.time import NS, iso_gps
from kinema.errors import EstimationError, KinemaError
from kinema.estimate.align_time import TimeOffset, find_time_offset, wide_offset
from kinema.estimate.inertial_params import InertialParams
from kinema.estimate.inertial_solution import cut_imu, fixes_of, solve_inertial
from kinema.estimate.options import SolveOptions
from kinema.sensors.fix import FixRows, fix_rows
from kinema.sensors.imu_signal import imu_signal

PAUSE_S = 60.0
"""A longer gap ends a piece: nothing is known of where the vehicle turned to meanwhile."""
_SHORTEST_S = 20.0
_GAP_S = 0.3
_LOOK_S = 120.0
_STEP_S, _STEP_SIGMAS, _BETTER = 0.3, 4.0, 0.01
_MARGINS_S = (5.0, 30.0)
_FOUND, _SURE, _CLEARLY = 0.7, 0.75, 0.15
"""Agreement of turns on clocks that have nothing to do with each other, and by how much more than anywhere else."""
OWN_CLOCK = "relative clock"
"""Kind of the issue of a file whose times count from its own start (formats.trajectory)."""
CLOCK_UNKNOWN = "clock unknown"
"""Key of a recording's settings: the streams whose clock began with the logger (formats.placing)."""
_EACH = ("p_e_m", "cov_p_e_m2", "v_e_mps", "cov_v_e", "q_nb_wxyz", "cov_att_n_rad2", "status", "n_sats")


def solve_pieces(recording: Recording, options: SolveOptions, params: InertialParams) -> Solution:
    """As solve_inertial, whatever breaks there are in the inertial stream. Raises as it does."""
    recording, placed = _with_known_clock(recording, options)
    if placed:
        return _with_notes(solve_pieces(recording, options, params), placed)
    imu = recording.need("imu", Imu)
    if not (np.diff(imu.t_ns) > _GAP_S * NS).any():
        return solve_inertial(recording, options, params)
    imu = cut_imu(imu, options, "imu")
    fixes = fixes_of(recording, options)
    imu, told = _without_clock_steps(imu, fixes, options)
    # the fixes may have been solved from raw observations: once is enough
    recording = replace(recording, streams={**recording.streams, "imu": imu, "fixes": fixes})
    edges = np.flatnonzero(np.diff(imu.t_ns) > PAUSE_S * NS) + 1
    if not len(edges):
        return _with_notes(solve_inertial(recording, options, params), told)
    done: list[Solution] = []
    first: KinemaError | None = None
    for a, b in zip([0, *edges], [*edges, len(imu.t_ns)], strict=True):
        part = Imu(imu.t_ns[a:b], imu.f_ib_s_mps2[a:b], imu.w_ib_s_radps[a:b])
        start, stop = int(part.t_ns[0]), int(part.t_ns[-1])
        span = f"{iso_gps(start, 0)} to {iso_gps(stop, 0)} GPS"
        try:
            if stop - start < _SHORTEST_S * NS:
                raise EstimationError(f"less than {_SHORTEST_S:.0f} s between two pauses")
            near = (fixes.t_ns >= start - 30 * NS) & (fixes.t_ns <= stop + 30 * NS)
            if not near.any():
                raise EstimationError("no fixes in that time: was the clock of the IMU set?")
            streams = {**recording.streams, "imu": part, "fixes": fixes.select(near)}
            done.append(solve_inertial(replace(recording, streams=streams), options, params))
            told.append(f"piece from {span}, after a pause" if done[1:] else f"piece from {span}")
        except KinemaError as error:
            first = first or error
            told.append(f"left out from {span}: {error}")
    if not done:
        raise first or EstimationError("no piece of the inertial stream is long enough")
    for a, b in pairwise(list(done)):
        between = (fixes.t_ns > a.t_ns[-1]) & (fixes.t_ns < b.t_ns[0]) & fixes.valid
        between &= used_mask(fixes.t_ns, options.masks_of("fixes", "gnss"))
        if between.any():
            done.append(fixes.select(between))
            told.append(f"{int(between.sum())} fixes stand alone from {iso_gps(int(a.t_ns[-1]), 0)} on")
    return _with_notes(_joined(sorted(done, key=lambda one: int(one.t_ns[0]))), told)


def _with_known_clock(recording: Recording, options: SolveOptions) -> tuple[Recording, list[str]]:
    """The recording with the streams whose clock began with the logger put where their turns agree with the course,
    and what was found. Raises EstimationError where no place stands out."""
    loose = tuple(recording.settings.get(CLOCK_UNKNOWN, ()))
    own = sum(issue.kind == OWN_CLOCK for issue in recording.issues) > 1 and "fixes" in recording.streams
    if "imu" not in loose and not own:
        return recording, []
    imu, fixes = recording.need("imu", Imu), fixes_of(recording, options)
    t0_ns = int(imu.t_ns[0])
    signal, rows = imu_signal(imu, t0_ns), fix_rows(fixes, t0_ns, options.masks_of("fixes", "gnss"))
    if own and (len(rows.t_s) < 20 or find_time_offset(signal, rows).found):
        # two files of one clock
        return recording, []
    lag, score, second = wide_offset(signal, rows)
    if own and (abs(score) < _SURE or abs(score) < second + _CLEARLY):
        return recording, []
    loose = loose or ("imu", *(role for role in ("wheels", "steering", "odometry") if role in recording.streams))
    if abs(score) < _FOUND or abs(score) < second + _CLEARLY:
        raise EstimationError(
            f"the IMU's clock began with its logger, and its turns do not show when: they agree with the course to "
            f"{abs(score):.2f} at best, to {second:.2f} elsewhere; state mounts.imu.time_offset_s in a kinema.toml"
        )
    shift = round(lag * NS)
    streams = {role: replace(stream, t_ns=stream.t_ns + shift) if role in loose else stream
               for role, stream in recording.streams.items()}  # fmt: skip
    settings = {key: value for key, value in recording.settings.items() if key != CLOCK_UNKNOWN}
    issues = tuple(issue for issue in recording.issues if issue.kind != OWN_CLOCK)
    begin = (t0_ns + shift - int(fixes.t_ns[0])) * 1e-9
    told = f"the clock of {', '.join(loose)} began {begin:+.1f} s after the first fix"
    recording = replace(recording, streams={**streams, "fixes": fixes}, settings=settings, issues=issues)
    return recording, [f"{told}: so its turns agree to {abs(score):.2f}"]


def _with_notes(solution: Solution, told: list[str]) -> Solution:
    made = solution.provenance
    return replace(solution, provenance=replace(made, notes=(*told, *made.notes)))


def _without_clock_steps(imu: Imu, fixes: Solution, options: SolveOptions) -> tuple[Imu, list[str]]:
    """The samples with the steps of their clock taken out, and what was found."""
    rows = fix_rows(fixes, int(imu.t_ns[0]), options.masks_of("fixes", "gnss"))
    told = []
    t_ns = imu.t_ns.copy()
    gaps = np.flatnonzero(np.diff(t_ns) > _GAP_S * NS) + 1
    if len(gaps) > 20:
        return imu, []
    usual = int(np.median(np.diff(t_ns)))
    for k in gaps.tolist():
        pair = [_offset(Imu(t_ns[part], imu.f_ib_s_mps2[part], imu.w_ib_s_radps[part]), rows, int(imu.t_ns[0]))
                for part in (_around(t_ns, 0, k, -1), _around(t_ns, k, len(t_ns), 1))]  # fmt: skip
        # as if no time had passed, or by what the turns on both sides say
        steps = [int(t_ns[k - 1] - t_ns[k]) + usual]
        if pair[0] is not None and pair[1] is not None:
            step_s = pair[1][0] - pair[0][0]
            if abs(step_s) > max(_STEP_S, _STEP_SIGMAS * float(np.hypot(pair[0][1], pair[1][1]))):
                steps.append(round(step_s * NS))
        as_told = _agreement(imu, t_ns, rows)
        tried = [np.concatenate([t_ns[:k], t_ns[k:] + step]) for step in steps]
        agreed = [_agreement(imu, one, rows) for one in tried]
        best = int(np.argmax(np.array(agreed) - [0.0, _BETTER][: len(agreed)]))
        if agreed[best] > as_told + _BETTER:
            t_ns = tried[best]
            told.append(
                f"the clock of the IMU was set by {-steps[best] * 1e-9:+.2f} s at {iso_gps(int(imu.t_ns[k]), 0)}: its "
                f"turns agree with the course to {agreed[best]:.2f} without that step, to {as_told:.2f} "
                "with it; put right"
            )
    return (_retimed(imu, t_ns), told) if told else (imu, [])


def _retimed(imu: Imu, t_ns: I64) -> Imu:
    """The samples at other times, of those that then lie behind others none."""
    keep = np.concatenate([[True], t_ns[1:] > np.maximum.accumulate(t_ns)[:-1]])
    return Imu(t_ns[keep], imu.f_ib_s_mps2[keep], imu.w_ib_s_radps[keep])


def _agreement(imu: Imu, t_ns: I64, rows: FixRows) -> float:
    """How well the turns of the whole stream agree with those of the course."""
    return abs(find_time_offset(imu_signal(_retimed(imu, t_ns), int(imu.t_ns[0])), rows).correlation)


def _around(t_ns: I64, first: int, last: int, side: int) -> slice:
    """The samples of _LOOK_S before (−1) or after (1) an edge, within [first, last)."""
    if side < 0:
        return slice(max(first, int(np.searchsorted(t_ns[:last], t_ns[last - 1] - int(_LOOK_S * NS)))), last)
    return slice(first, min(last, first + int(np.searchsorted(t_ns[first:], t_ns[first] + int(_LOOK_S * NS)))))


def _offset(imu: Imu, rows: FixRows, t0_ns: int) -> tuple[float, float] | None:
    """Offset (s) at the middle and its sigma of a stretch of samples by its turns; None where they do not show it."""
    if len(imu.t_ns) < 200:
        return None
    signal = imu_signal(imu, t0_ns)
    for margin in _MARGINS_S:
        near = rows.since(float(signal.t_s[0]) - margin).until(float(signal.t_s[-1]) + margin)
        found = find_time_offset(signal, near) if len(near.t_s) >= 20 else TimeOffset()
        if found.found:
            middle = 0.5 * float(signal.t_s[0] + signal.t_s[-1])
            return found.td_s + found.drift * middle, max(found.sigma_s, 0.01)
    return None


def _joined(parts: list[Solution]) -> Solution:
    """Trajectories that follow each other as one, with the channels of the first; NaN where others have none."""
    whole = parts[0]
    for part in parts[1:]:
        part = part.select(part.t_ns > whole.t_ns[-1])
        nothing = np.full(len(part), np.nan)
        joined: dict[str, Any] = {
            name: np.concatenate([getattr(whole, name), getattr(part, name)]) for name in ("t_ns", *_EACH)
        }
        joined["channels"] = {
            name: replace(channel, value=np.concatenate(
                [channel.value, part.channels[name].value if name in part.channels else nothing]))
            for name, channel in whole.channels.items()
        }  # fmt: skip
        whole = replace(whole, **joined)
    return whole
