"""Laps: every crossing timed with its uncertainty, every piece named, sectors, and how consistent it all was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from kinema.analysis.crossings import Crossings, crossings_of
from kinema.analysis.path import Path, path_of
from kinema.analysis.start_line import HALF_GATE_M, StartLine, start_line
from kinema.core.course import Course, Gate
from kinema.core.event import Lap, Passing, Sector
from kinema.core.recording import Issue, Recording
from kinema.core.solution import Solution
from kinema.core.time import iso_utc
from kinema.course.learn import gate_across, learned_course
from kinema.course.strip import Strip
from kinema.errors import ConfigError, DataError, KinemaError

ANTENNA_SIGMA_M = 0.5
"""How far along the car the point that another timer sees may be from the antenna. It matters as far as the speeds at
both ends of a lap differ; `other_timer_sigma_s` in a lap's evidence has it in, time_sigma_s is that of the antenna."""
LAP_TOLERANCE = 0.12
STANDSTILL_MPS, STANDSTILL_S = 1.0, 15.0


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
        kept, issues = _counted(path, line.crossings)
        found = _pieces(path, kept, mover, course, _official(recording))
    else:
        issues = []
        found = _runs(path, line.crossings, crossings_of(path, finish.on(path.plane), finish.half_m), mover)
    session = Session(mover, found, path, line.gate, line.source, course, None, (*path.issues, *issues), recording)
    session = _with_course(session, course, line)
    if course is not None and _local(course):
        told = Issue("course without a place on Earth", 1, "", course.name, "learned from the laps instead")
        session = replace(session, issues=(*session.issues, told))
    if session.strip is not None and sectors > 1:
        session = _with_sectors(session, sectors)
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


def _runs(path: Path, starts: Crossings, ends: Crossings, mover: str) -> tuple[Lap, ...]:
    """Runs of an open course: from the last crossing of the start before each crossing of the finish."""
    way = path.distance_m
    found: list[Lap] = []
    ahead = starts.pick(np.flatnonzero(starts.sign > 0))
    after = 0
    for k in range(len(ends)):
        before = np.flatnonzero((ahead.t_ns < ends.t_ns[k]) & (ahead.t_ns >= after))
        if not len(before):
            continue
        i = int(before[-1])
        sigma = float(np.hypot(ahead.sigma_s[i], ends.sigma_s[k]))
        holes = int(path.fresh[ahead.row[i] + 1 : ends.row[k] + 1].sum())
        after = int(ends.t_ns[k])
        found.append(
            Lap(
                "timed", mover, int(ahead.t_ns[i]), after, "start to finish", float(ahead.sigma_s[i]),
                float(ends.sigma_s[k]), {"holes": holes} if holes else {}, len(found) + 1, sigma,
                float(way[ends.row[k]] - way[ahead.row[i]]),
            )
        )  # fmt: skip
    if not found:
        raise ConfigError("the finish line is never crossed after the start line; check the course")
    return tuple(found)


def _official(recording: Recording | None) -> tuple[Lap, ...]:
    return tuple(recording.streams.get("device_laps", ())) if recording is not None else ()


def _counted(path: Path, crossings: Crossings) -> tuple[Crossings, list[Issue]]:
    """The crossings that begin laps: a step back over the line takes its step forward with it, and a line that is
    crossed again within a fraction of a lap is crossed once."""
    way = path.distance_m
    at = way[crossings.row]
    ahead = np.flatnonzero(crossings.sign > 0)
    gaps = np.diff(at[ahead])
    usual = float(np.median(gaps[gaps > 30.0])) if (gaps > 30.0).any() else 0.0
    kept: list[int] = []
    backwards = []
    for k in range(len(crossings)):
        if crossings.sign[k] > 0:
            if kept and at[k] - at[kept[-1]] < max(20.0, 0.3 * usual):
                continue
            kept.append(k)
        elif kept and at[k] - at[kept[-1]] < 20.0:
            kept.pop()
        else:
            backwards.append(k)
    issues = []
    if backwards:
        where = f"UTC {iso_utc(int(crossings.t_ns[backwards[0]]), 0)}"
        issues.append(Issue("start line crossed backwards", len(backwards), where))
    return crossings.pick(np.array(kept, dtype=np.int64)), issues


def _pieces(path: Path, c: Crossings, mover: str, course: Course | None, device: tuple[Lap, ...]) -> tuple[Lap, ...]:
    """All pieces between crossings, and what comes before the first and after the last, each named."""
    way = path.distance_m
    if not len(c):
        return ()
    at = way[c.row]
    driven = np.diff(at)
    usual = float(np.median(driven)) if len(driven) else 0.0
    if course is not None and course.closed:
        usual = course.length_m
    elif len(driven) > 1:
        # The median of what repeats, not of laps in which the line was missed.
        close = driven[(driven > 0.5 * usual) & (driven < 1.5 * usual)]
        usual = float(np.median(close)) if len(close) else usual
    found = [_end_piece(path, 0, int(c.row[0]), c, 0, mover)]
    found += [_lap(path, c, k, mover, float(driven[k]), usual, device) for k in range(len(c) - 1)]
    found.append(_end_piece(path, int(c.row[-1]), len(way) - 1, c, len(c), mover))
    return tuple(lap for lap in found if lap is not None)


def _lap(path: Path, c: Crossings, k: int, mover: str, driven: float, usual: float, device: tuple[Lap, ...]) -> Lap:
    a, b = int(c.row[k]), int(c.row[k + 1])
    offset = ANTENNA_SIGMA_M * abs(1 / c.v_mps[k + 1] - 1 / c.v_mps[k])
    sigma = float(np.hypot(c.sigma_s[k], c.sigma_s[k + 1]))
    kind: str = "timed"
    evidence: dict[str, Any] = {"other_timer_sigma_s": round(float(np.hypot(sigma, offset)), 6)}
    ratio = driven / usual if usual else 1.0
    still = float(np.diff(path.t_s[a : b + 1])[path.speed_mps[a:b] < STANDSTILL_MPS].sum())
    holes = int(path.fresh[a + 1 : b + 1].sum())
    if holes:
        evidence["holes"] = holes
    if still > STANDSTILL_S:
        kind, evidence["standstill_s"] = "pit", round(still, 1)
    elif abs(ratio - 1) > LAP_TOLERANCE and not holes:
        times = round(ratio)
        kind = "invalid"
        evidence["why"] = (
            f"{times} laps in one: the line was not met"
            if times > 1 and abs(ratio - times) < 0.15
            else "another way round"
        )
        evidence["distance_share"] = round(ratio, 3)
    elif holes and abs(ratio - 1) > LAP_TOLERANCE:
        kind = "incomplete"
    t0, t1 = int(c.t_ns[k]), int(c.t_ns[k + 1])
    twin = next((d for d in device if abs(d.t0_ns - t0) < 1_500_000_000 and abs(d.t1_ns - t1) < 1_500_000_000), None)
    if twin is not None:
        evidence["device_time_s"] = round(twin.time_s, 6)
    return Lap(
        kind, mover, t0, t1, "start", float(c.sigma_s[k]), float(c.sigma_s[k + 1]), evidence, k + 1, sigma, driven
    )


def _end_piece(path: Path, a: int, b: int, c: Crossings, number: int, mover: str) -> Lap | None:
    """What lies before the first or after the last crossing: out or in if it began or ended at a standstill."""
    first = number == 0
    t0 = int(path.t_ns[a]) if first else int(c.t_ns[-1])
    t1 = int(c.t_ns[0]) if first else int(path.t_ns[b])
    way = float(path.distance_m[b] - path.distance_m[a])
    if t1 - t0 < 100_000_000 or way < 5.0:
        return None
    edge = path.speed_mps[a : a + 5] if first else path.speed_mps[max(b - 4, 0) : b + 1]
    slow = float(edge.mean()) < 0.3 * float(np.percentile(path.speed_mps, 60))
    kind = ("out" if first else "in") if slow else "incomplete"
    sigma = (np.nan, float(c.sigma_s[0])) if first else (float(c.sigma_s[-1]), np.nan)
    return Lap(kind, mover, t0, t1, "", sigma[0], sigma[1], {}, number, float("nan"), way)


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


def rows_of(path: Path, lap: Lap) -> np.ndarray:
    """Indices of the path's epochs within a lap."""
    a, b = np.searchsorted(path.t_ns, [lap.t0_ns, lap.t1_ns])
    return np.arange(a, b)


def lap_points(path: Path, lap: Lap) -> np.ndarray:
    """The smoothed positions (n, 2) of a lap, with the interpolated points on the line at both ends."""
    rows = rows_of(path, lap)
    second = np.array([lap.t0_ns - path.t_ns[0], lap.t1_ns - path.t_ns[0]]) * 1e-9
    ends = np.column_stack([np.interp(second, path.t_s, path.ne_m[:, k]) for k in range(2)])
    return np.vstack([ends[:1], path.ne_m[rows], ends[1:]])


def _with_sectors(session: Session, count: int) -> Session:
    """Every lap with its sectors: between the course's sector gates, or braking points nearest to equal parts."""
    strip, path, course = session.strip, session.path, session.course
    assert strip is not None
    assert course is not None
    gates = [g for g in course.gates if g.kind == "sector"]
    gates = gates or [
        g for g in (session.recording.streams.get("gates", ()) if session.recording else ()) if g.kind == "sector"
    ]
    if not gates:
        gates = sector_gates(session, count)
    met = [crossings_of(path, g.on(path.plane), g.half_m or 5.0) for g in gates]
    for m in met:
        if len(m) and (m.sign < 0).sum() > (m.sign > 0).sum():
            m.sign[:] = -m.sign
    laps_ = tuple(_sectored(lap, met, path) if lap.kind in ("timed", "invalid", "pit") else lap for lap in session.laps)
    gates_all = (session.gate, *gates)
    return replace(session, laps=laps_, course=replace(course, gates=gates_all))


def _sectored(lap: Lap, met: list[Crossings], path: Path) -> Lap:
    """The lap with its sectors: at each gate its first forward crossing after the one before; NaN where none."""
    times, sigmas = [lap.t0_ns], [lap.t0_sigma_s]
    after = lap.t0_ns
    for m in met:
        hits = np.flatnonzero((m.t_ns > after) & (m.t_ns < lap.t1_ns) & (m.sign > 0))
        if len(hits):
            after = int(m.t_ns[hits[0]])
            times.append(after)
            sigmas.append(float(m.sigma_s[hits[0]]))
        else:
            times.append(-1)
            sigmas.append(float("nan"))
    times.append(lap.t1_ns)
    sigmas.append(lap.t1_sigma_s)
    found = []
    for k in range(len(times) - 1):
        known = times[k] >= 0 and times[k + 1] >= 0
        found.append(
            Sector(
                f"S{k + 1}",
                (times[k + 1] - times[k]) * 1e-9 if known else float("nan"),
                float(np.hypot(sigmas[k], sigmas[k + 1])) if known else float("nan"),
            )
        )
    return replace(lap, sectors=tuple(found))


def sector_gates(session: Session, count: int) -> list[Gate]:
    """Gates that split the course into `count` parts, each at the braking point nearest to an equal share: split inside
    a corner, best sectors of different laps do not fit together."""
    strip, path = session.strip, session.path
    assert strip is not None
    lap = session.best or next(iter(session.laps))
    rows = rows_of(path, lap)
    s, _ = strip.follow(path.ne_m[rows])
    start = float(strip.follow(session.gate.on(path.plane).mean(axis=0)[None])[0][0])
    s = (s - start) % strip.length_m
    speed = path.speed_mps[rows]
    braking = _braking_starts(s, speed)
    gates = []
    for k in range(1, count):
        aim = strip.length_m * k / count
        near = braking[np.abs(braking - aim) < 0.25 * strip.length_m / count]
        at = float(near[np.argmin(np.abs(near - aim))]) if len(near) else aim
        station = np.array([(at + start) % strip.length_m])
        point, heading = strip.to_ne(station, np.zeros(1))[0], strip.tangent_ne(station)[0]
        gates.append(gate_across(path.plane, point, heading, HALF_GATE_M, f"sector {k}", "sector"))
    return gates


def _braking_starts(s: np.ndarray, speed: np.ndarray) -> np.ndarray:
    """Stations at which the speed begins to fall by more than a tenth."""
    if len(speed) < 20:
        return np.zeros(0)
    order = np.argsort(s, kind="stable")
    grid = np.arange(0.0, float(s.max()), 5.0)
    v = np.interp(grid, s[order], speed[order])
    peaks = np.flatnonzero((v[1:-1] >= v[:-2]) & (v[1:-1] > v[2:])) + 1
    starts = [grid[p] for p in peaks if v[p] - v[p : p + 40].min() > 0.1 * v[p]]
    return np.array(starts)
