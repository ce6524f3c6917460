"""The page of one session: which blocks it has, in which order, for what a solution brings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kinema.analysis.judgement import Score
from kinema.core.event import Event
from kinema.core.recording import Recording
from kinema.core.solution import Solution
from kinema.core.time import WEEK_NS, iso_utc, unix_ns_from_gps_ns
from kinema.report.arcs import arc_blocks
from kinema.report.blocks.base import Axis, Span, Track
from kinema.report.blocks.charts import Category, Strip
from kinema.report.blocks.map import Colouring, Ellipses, Map
from kinema.report.draft import Draft, ramp
from kinema.report.findings import (
    banners,
    headline,
    issue_blocks,
    provenance_blocks,
    residual_table,
    satellite_table,
    score_blocks,
)
from kinema.report.inertial import inertial_sections, is_own
from kinema.report.page import Page, Section
from kinema.report.plots import KMH, channels, errors, motion_plots, satellites, uncertainty
from kinema.report.satellites import Sight, sight_of
from kinema.report.trajectory import Motion, motion_of

STATUSES = (
    Category(5, "Fixed", "--s5"),
    Category(6, "PPP", "--s6"),
    Category(4, "Float", "--s4"),
    Category(3, "Differential", "--s3"),
    Category(7, "SBAS", "--s7"),
    Category(2, "Single", "--s2"),
    Category(1, "Dead-reckoned", "--s1"),
    Category(0, "No position", "--s0"),
)


def session_page(
    solution: Solution,
    *,
    truth: Solution | None,
    score: Score | None,
    recording: Recording | None,
    laps: Sequence[Event],
    title: str | None,
) -> Page:
    """The page; see `kinema.report.document.report` for the arguments."""
    motion = motion_of(solution)
    draft = Draft(motion)
    sight = sight_of(solution.residuals) if solution.residuals is not None else None
    _track(draft)
    errors(draft, score)
    motion_plots(draft)
    uncertainty(draft)
    channels(draft, is_own)
    satellites(draft, sight)
    if truth is not None and int(truth.valid.sum()) > 1:
        _truth(draft, truth)
    name = title or (recording.name if recording else "") or _name(solution)
    start = unix_ns_from_gps_ns(motion.t0_ns) / 1e9
    seconds = Axis("time", "Time", "time", "s", start if _dated(solution) else None)
    return Page(
        title=name,
        subtitle=_subtitle(solution),
        lead=[*banners(solution, recording), headline(motion, score, sight)],
        navigator=Strip("Status", "status", STATUSES),
        columns=draft.columns,
        tracks=draft.tracks,
        axes=[seconds, Axis("distance", "Distance", "length", "m")],
        spans=[*_outages(motion), *_laps(motion, laps)],
        readout=draft.readout,
        sections=[
            Section("", draft.plots, "split", [_map(draft)]),
            *inertial_sections(draft, score),
            *([Section("Satellites", draft.sky_plots, "split", draft.sky)] if draft.sky_plots else []),
            *([Section("Carrier phase", carrier)] if (carrier := arc_blocks(draft)) else []),
            *_tables(draft, solution, score, recording, sight),
        ],
    )


def _name(solution: Solution) -> str:
    sources = solution.provenance.sources
    return sources[0].replace("\\", "/").rstrip("/").rpartition("/")[2] if sources else "Trajectory"


def _dated(solution: Solution) -> bool:
    """Whether times are more than seconds since some start, or of some week."""
    return int(solution.t_ns[0]) >= WEEK_NS


def _subtitle(solution: Solution) -> str:
    what = " ".join(part for part in (solution.provenance.mode, solution.provenance.method) if part)
    if not _dated(solution):
        return " · ".join(part for part in ("time without a date", what, solution.provenance.datum) if part)
    first, last = iso_utc(int(solution.t_ns[0]), 0), iso_utc(int(solution.t_ns[-1]), 0)
    last = last[11:] if last[:10] == first[:10] else last
    span = f"{first[:10]} {first[11:-1]} – {last.replace('T', ' ')[:-1]} UTC"
    return " · ".join(part for part in (span, what, solution.provenance.datum) if part)


def _track(draft: Draft) -> None:
    motion, columns = draft.motion, draft.columns
    quantum = motion.length_quantum_m
    columns.add("t", motion.t_s, unit="s", label="Time", quantum=1e-4)
    columns.add("east", motion.p_n_m[:, 1], unit="m", label="East", quantum=quantum)
    columns.add("north", motion.p_n_m[:, 0], unit="m", label="North", quantum=quantum)
    columns.add("speed", motion.speed_mps * KMH, unit="km/h", label="Speed", quantum=0.01 * quantum / 0.001)
    columns.add("height", motion.height_m, unit="m", label="Height", quantum=quantum)
    columns.add("status", motion.solution.status, label="Status", quantum=1.0)
    columns.derive_distance("distance", "t", "speed", "east", "north", speed_mps=1 / KMH, gap_s=motion.gap_s)
    x = {"time": "t", "distance": "distance"}
    draft.tracks.append(Track("solution", "Solution", x, "east", "north", "--c1", motion.gap_s))
    draft.readout += ["speed", "height"]
    draft.colourings.append(ramp("speed", "Speed", "km/h", motion.speed_mps * KMH, linear=True))
    draft.colourings.append(Colouring("status", "Status", categories=_present(motion.solution)))


def _present(solution: Solution) -> list[Category]:
    have = set(np.unique(solution.status).tolist())
    return [category for category in STATUSES if category.value in have]


def _truth(draft: Draft, truth: Solution) -> None:
    from kinema.analysis.matching import same_week

    t_ns, note = same_week(truth.t_ns, draft.motion.t0_ns)
    if note:
        draft.notes.append(note)
    solution = draft.motion.solution
    near = (t_ns >= solution.t_ns[0]) & (t_ns <= solution.t_ns[-1])
    if near.sum() < 2:
        return
    kept = truth.select(near)
    other = Motion(kept, draft.motion.origin_e_m, draft.motion.t0_ns)
    quantum = other.length_quantum_m
    seconds = (t_ns[near] - draft.motion.t0_ns) * 1e-9
    draft.columns.add("truth.t", seconds, unit="s", quantum=1e-4)
    draft.columns.add("truth.east", other.p_n_m[:, 1], unit="m", quantum=quantum)
    draft.columns.add("truth.north", other.p_n_m[:, 0], unit="m", quantum=quantum)
    gap = 2.5 * float(np.median(np.diff(seconds)))
    draft.tracks.append(Track("truth", "Truth", {"time": "truth.t"}, "truth.east", "truth.north", "--ink", gap))


def _map(draft: Draft) -> Map:
    from kinema.core.frames import geodetic_from_ecef

    motion = draft.motion
    lat, lon, height = geodetic_from_ecef(motion.origin_e_m)
    origin = None if motion.local else (float(lat), float(lon), float(height))
    ellipses = Ellipses("sigma.East", "sigma.North", "correlation") if motion.has_uncertainty else None
    names = [track.name for track in draft.tracks]
    return Map("Map", names, draft.colourings, origin, ellipses)


def _outages(motion: Motion) -> list[Span]:
    gone = [Span(start, stop, "no position", "outage") for start, stop in motion.outages]
    return gone + [Span(start, stop, "dead-reckoned", "bridged") for start, stop in motion.bridged]


def _laps(motion: Motion, laps: Sequence[Event]) -> list[Span]:
    spans = []
    for k, lap in enumerate(laps, start=1):
        label = f"{lap.kind} {getattr(lap, 'number', k)}"
        spans.append(Span((lap.t0_ns - motion.t0_ns) * 1e-9, (lap.t1_ns - motion.t0_ns) * 1e-9, label, "lap"))
    return spans


def _tables(
    draft: Draft, solution: Solution, score: Score | None, recording: Recording | None, sight: Sight | None
) -> list[Section]:
    sections = []
    if score is not None:
        sections.append(Section("Against the truth", score_blocks(score), "grid"))
    if solution.residuals is not None and sight is not None and len(solution.residuals.epoch):
        blocks = [satellite_table(solution.residuals, sight), residual_table(solution.residuals)]
        sections.append(Section("What was used, and what was left out", blocks, "grid"))
    made = provenance_blocks(solution, draft.notes)
    if recording is not None:
        made = [*issue_blocks(recording), *made]
    sections.append(Section("How it was made", made, "grid"))
    return sections
