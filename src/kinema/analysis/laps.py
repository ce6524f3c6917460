"""Laps: every crossing timed with its uncertainty, every piece named, sectors, and how consistent it all was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from kinema.analysis.crossings import crossings_of
from kinema.analysis.lap_pieces import counted, lap_points, pieces_of, rows_of, runs
from kinema.analysis.lap_sectors import with_sectors
from kinema.analysis.path import Path, path_of
from kinema.analysis.start_line import HALF_GATE_M, StartLine, start_line
from kinema.core.course import Course, Gate
from kinema.core.event import Lap, Passing
from kinema.core.recording import Issue, Recording
from kinema.core.solution import Solution
from kinema.core.time import iso_utc
from kinema.course.learn import gate_across, learned_course
from kinema.course.strip import Strip
from kinema.errors import ConfigError, DataError, KinemaError


@dataclass(frozen=True)
class Session:
    """The laps of one mover on one outing, the line they start from, and the course they were driven on (`strip` is
    None where no whole lap was driven)."""

    mover: str
    laps: tuple[Lap, ...]
    path: Path
    gate: Gate
    gate_source: str
    course: Course | None = None
    strip: Strip | None = None
    issues: tuple[Issue, ...] = ()
    recording: Recording | None = None
    statistics: dict[str, Any] = field(default_factory=dict)

    @property
    def timed(self) -> tuple[Lap, ...]:
        """The laps that count."""
        return tuple(lap for lap in self.laps if lap.kind == "timed")

    @property
    def best(self) -> Lap | None:
        """The fastest timed lap, or None."""
        return min(self.timed, key=lambda lap: lap.time_s, default=None)

    def lap(self, number: int) -> Lap:
        """The lap of a number. Raises ConfigError where there is none."""
        for lap in self.laps:
            if lap.number == number:
                return lap
        have = ", ".join(str(lap.number) for lap in self.laps)
        raise ConfigError(f"there is no lap {number}; there are {have}")


def laps(
    source: Recording | Solution,
    course: Course | None = None,
    start: Gate | str | None = None,
    *,
    mover: str = "",
    sectors: int = 3,
) -> Session:
    """The laps of a recording with device positions, or of a solution.

    `course` and `start` (a Gate, or "LAT,LON,LAT,LON" in degrees) are optional: the line is then taken from the file,
    from the library, or found by repetition. `sectors`: how many, where the course has no sector gates. Raises
    DataError without positions, ConfigError where no line is crossed.
    """
    recording = source if isinstance(source, Recording) else None
    solution = source if isinstance(source, Solution) else _positions(source)
    path = path_of(solution, None if course is None or _local(course) else course.plane)
    line = start_line(path, recording, course, start)
    if line is None:
        raise ConfigError(_nothing_repeats(path))
    finish = _finish_gate(course, recording)
    if finish is None:
        kept, issues = counted(path, line.crossings)
        found = pieces_of(path, kept, mover, course, _official(recording))
    else:
        issues = []
        found = runs(path, line.crossings, crossings_of(path, finish.on(path.plane), finish.half_m), mover)
    session = Session(mover, found, path, line.gate, line.source, course, None, (*path.issues, *issues), recording)
    session = _with_course(session, course, line)
    if course is not None and _local(course):
        told = Issue("course without a place on Earth", 1, "", course.name, "learned from the laps instead")
        session = replace(session, issues=(*session.issues, told))
    if session.strip is not None and sectors > 1:
        session = with_sectors(session, sectors)
    from kinema.analysis.consistency_of_laps import statistics_of

    return replace(session, statistics=statistics_of(session))


def passings_of(sessions: Sequence[Session], race_start_ns: int | None = None) -> tuple[Passing, ...]:
    """Passings of the start line by all movers of a field, for a classification: race time counts from `race_start_ns`
    (GPS), or from the first of all crossings."""
    crossed = [
        [(lap.t1_ns, lap) for lap in s.laps if lap.number and lap.kind not in ("in", "incomplete")] for s in sessions
    ]
    first = [min((lap.t0_ns for _, lap in laps_), default=None) for laps_ in crossed]
    known = [t for t in first if t is not None]
    if not known:
        raise DataError("sessions", "at least one lap", "none")
    start = race_start_ns if race_start_ns is not None else min(known)
    found: list[Passing] = []
    for session, laps_ in zip(sessions, crossed, strict=True):
        for k, (t_ns, lap) in enumerate(laps_, start=1):
            section = tuple(s.time_s for s in lap.sectors)
            names = tuple(s.name for s in lap.sectors)
            found.append(
                Passing(
                    session.mover, (t_ns - start) * 1e-9, k, lap.time_s, "finish", section, names, lap.kind == "pit"
                )
            )
    return tuple(sorted(found, key=lambda p: p.elapsed_s))


def _positions(recording: Recording) -> Solution:
    fixes = recording.get("fixes", Solution)
    if fixes is None:
        have = ", ".join(recording.streams) or "nothing"
        raise DataError("recording", "positions of a device", f"only {have}; solve it first")
    return fixes


def _local(course: Course) -> bool:
    return course.plane.lat_rad == 0 and course.plane.lon_rad == 0


def _nothing_repeats(path: Path) -> str:
    way = float(path.distance_m[-1])
    return (
        f"no laps in it: {way / 1e3:.2f} km in {path.t_s[-1]:.0f} s from {iso_utc(int(path.t_ns[0]), 0)} cross no line "
        "twice; give --start LAT,LON,LAT,LON or --course"
    )


def route_of(source: Recording | Solution, name: str) -> Course:
    """An open course along one outing, with a start and a finish line 30 m (at most a tenth) within its ends.

    Raises DataError for an outing shorter than 100 m.
    """
    solution = source if isinstance(source, Solution) else _positions(source)
    path = path_of(solution)
    way = path.distance_m
    if way[-1] < 100.0:
        raise DataError(f"route '{name}'", "at least 100 m", f"{way[-1]:.0f} m")
    inset = min(30.0, 0.1 * float(way[-1]))
    gates = []
    for at, kind in ((inset, "start"), (float(way[-1]) - inset, "finish")):
        k = int(np.searchsorted(way, at))
        ahead = path.ne_m[min(k + 1, len(way) - 1)] - path.ne_m[max(k - 2, 0)]
        gates.append(gate_across(path.plane, path.ne_m[k], ahead / np.hypot(*ahead), HALF_GATE_M, kind, kind))
    return replace(learned_course(name, path.plane, [path.ne_m], False, gates), kind="route")


def _finish_gate(course: Course | None, recording: Recording | None) -> Gate | None:
    """The gate at the end of an open course (or of a file that stores one), or None where laps end at their start."""
    if course is not None:
        return course.gate_of("finish")
    gates = recording.streams.get("gates", ()) if recording is not None else ()
    return next((g for g in gates if g.kind == "finish"), None)


def _official(recording: Recording | None) -> tuple[Lap, ...]:
    return tuple(recording.streams.get("device_laps", ())) if recording is not None else ()


def _with_course(session: Session, course: Course | None, line: StartLine) -> Session:
    """The session with the course given, or learned from its laps, and its strip. A course without widths of its own
    place on Earth (TUM files) cannot be laid under a real outing: it is learned then."""
    if course is not None and not _local(course):
        return _checked(replace(session, course=course, strip=Strip.of(course)))
    whole = session.timed or tuple(lap for lap in session.laps if lap.kind == "invalid")[:1]
    if not whole:
        return session
    pieces = [lap_points(session.path, lap) for lap in sorted(whole, key=lambda lap: lap.time_s)[:12]]
    closed = session.laps[0].place != "start to finish"
    try:
        learned = learned_course(session.mover or "learned", session.path.plane, pieces, closed, (line.gate,))
        return replace(session, course=learned, strip=Strip.of(learned))
    except KinemaError as error:
        return replace(session, issues=(*session.issues, Issue("course not learned", 1, "", "", str(error))))


def _checked(session: Session) -> Session:
    """Laps that leave the course for more than a moment, or run against it, are invalid."""
    strip, path = session.strip, session.path
    assert strip is not None
    checked = []
    for lap in session.laps:
        rows = rows_of(path, lap)
        if lap.kind != "timed" or len(rows) < 4:
            checked.append(lap)
            continue
        if _through_pit(session, rows):
            checked.append(replace(lap, kind="pit", evidence={**lap.evidence, "why": "through the pit lane"}))
            continue
        s, d = strip.follow(path.ne_m[rows])
        progress = float(strip.unwrapped(s)[-1] - s[0])
        left, right = strip.widths(s)
        off = float(np.mean((d > left + 15) | (d < -right - 15)))
        if progress < 0:
            lap = replace(lap, evidence={**lap.evidence, "direction": "against the course"})
        elif off > 0.2:
            lap = replace(lap, kind="invalid", evidence={**lap.evidence, "why": f"{off:.0%} of it off the course"})
        checked.append(lap)
    return replace(session, laps=tuple(checked))


def _through_pit(session: Session, rows: np.ndarray) -> bool:
    """Whether at least half of the course's pit lane was driven: within 5 m of it, and nearer than to the line."""
    course, strip, path = session.course, session.strip, session.path
    if course is None or strip is None or len(course.pit_ne_m) < 2:
        return False
    edge = np.diff(course.pit_ne_m, axis=0)
    size = np.hypot(*edge.T)
    at = np.arange(0.0, size.sum(), 2.0)
    way = np.concatenate([[0.0], np.cumsum(size)])
    lane = np.column_stack([np.interp(at, way, course.pit_ne_m[:, k]) for k in range(2)])
    from scipy.spatial import cKDTree

    away = cKDTree(path.ne_m[rows]).query(lane)[0]
    _, offset = strip.to_sd(lane)
    return bool(np.mean((away < 5.0) & (away < np.abs(offset))) > 0.5)
