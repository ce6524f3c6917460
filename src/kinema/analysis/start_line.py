"""Where laps begin: given, told by the file, known to the library, or found because the path repeats itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from kinema.analysis.crossings import Crossings, crossings_of
from kinema.analysis.path import Path
from kinema.core.arrays import F64
from kinema.core.course import Course, Gate
from kinema.core.event import Lap
from kinema.core.recording import Recording
from kinema.course.learn import gate_across, learned_course
from kinema.course.library import start_named, starts_near
from kinema.course.strip import Strip
from kinema.errors import ConfigError, DataError

HALF_GATE_M = 15.0
CANDIDATE_STEP_M = 20.0
CANDIDATES = 400
SHARP_S = 0.02
"""Device laps that are sure to this place the line better than the library does."""
SLOWEST_SHARE = 0.35
"""Of the usual speed: slower stretches hold no start line."""


@dataclass(frozen=True)
class StartLine:
    """A start (and, on an open course, finish) gate, where it comes from, and its crossings."""

    gate: Gate
    source: str
    crossings: Crossings


def given_start(text: str) -> Gate:
    """The gate of "LAT,LON,LAT,LON" in degrees, with 10 m of grace at both ends. Raises ConfigError."""
    try:
        values = [float(v) for v in text.replace(";", ",").split(",")]
    except ValueError:
        values = []
    if len(values) != 4 or not (
        abs(values[0]) <= 90 and abs(values[2]) <= 90 and abs(values[1]) <= 360 and abs(values[3]) <= 360
    ):
        raise ConfigError(f"start '{text}' is not LAT,LON,LAT,LON in degrees")
    if values[:2] == values[2:]:
        raise ConfigError(f"start '{text}': its two ends are the same point")
    lat0, lon0, lat1, lon1 = np.radians(values).tolist()
    return Gate("start", (lat0, lon0), (lat1, lon1), "start", 10.0)


def start_line(
    path: Path, recording: Recording | None, course: Course | None, start: Gate | str | None
) -> StartLine | None:
    """The start line: `start` if given, else the course's, else what the recording tells, else the library's, else
    found by repetition; None where nothing repeats. Raises ConfigError where a given line is never crossed."""
    gate = given_start(start) if isinstance(start, str) else start
    if gate is None and course is not None:
        gate = course.gate_of("start")
    if gate is not None:
        line = _crossed(path, gate, "given" if start is not None else f"course {course.name if course else ''}")
        if not len(line.crossings):
            raise ConfigError(f"the start line is never crossed: {_nearest(path, gate)}")
        return line
    if course is not None and (named := start_named(course.name)) is not None:
        known = _through_point(path, named[1], named[2], f"library: {named[0]}")
        if known is not None and len(known.crossings):
            return known
    for find in (_from_gates, _from_sharp_laps, _from_lap_times, _from_library, _from_coarse_laps, _from_repetition):
        found = find(path, recording)
        if found is not None:
            return found
    return None


def _crossed(path: Path, gate: Gate, source: str) -> StartLine:
    ends = gate.on(path.plane)
    crossings = crossings_of(path, ends, gate.half_m)
    if len(crossings) and (crossings.sign < 0).sum() > (crossings.sign > 0).sum():
        gate = replace(gate, left_rad=gate.right_rad, right_rad=gate.left_rad)
        crossings = crossings_of(path, ends[::-1].copy(), gate.half_m)
    return StartLine(gate, source, crossings)


def _nearest(path: Path, gate: Gate) -> str:
    middle = gate.on(path.plane).mean(axis=0)
    away = np.hypot(*(path.ne_m - middle).T)
    k = int(np.argmin(away))
    from kinema.core.time import iso_utc

    how = f"{away[k] / 1e3:.1f} km" if away[k] > 5000 else f"{away[k]:.0f} m"
    return (
        f"the path comes within {how} of its middle at {iso_utc(int(path.t_ns[k]), 0)}; check --start or leave it out"
    )


def _from_gates(path: Path, recording: Recording | None) -> StartLine | None:
    """Gates that the file stores; one that is never met although it is near is made as wide as a course."""
    gates = recording.streams.get("gates", ()) if recording is not None else ()
    for gate in gates:
        if gate.kind == "start":
            for reach in (gate.half_m, 3 * HALF_GATE_M):
                line = _crossed(path, replace(gate, half_m=reach), f"stored in the file: {gate.name}")
                if len(line.crossings) >= 2:
                    return line
    return None


def _from_lap_times(path: Path, recording: Recording | None) -> StartLine | None:
    """The place of the course from which the lap times that the device lists come out: it timed them there. Only
    where they fit to 50 ms on average, and so do those of no place further than 60 m away."""
    times = recording.streams.get("device_lap_times") if recording is not None else None
    if times is None or len(times.value) < 3:
        return None
    base = _from_repetition(path, recording)
    if base is None:
        return None
    rows = base.crossings.row[base.crossings.sign > 0]
    laps = [path.ne_m[a:b] for a, b in pairwise(rows)]
    try:
        strip = Strip.of(learned_course("", path.plane, sorted(laps, key=len)[: len(laps) // 2 + 1], True))
    except DataError:
        return None
    way = np.maximum.accumulate(strip.unwrapped(strip.follow(path.ne_m)[0]))
    keep = np.concatenate([[True], np.diff(way) > 1e-6])
    at = np.arange(0.0, strip.length_m, 2.0)
    misfit = np.array([_misfit(times.value, way[keep], path.t_s[keep], s, strip.length_m) for s in at])
    best = int(np.argmin(misfit))
    apart = np.abs((at - at[best] + strip.length_m / 2) % strip.length_m - strip.length_m / 2)
    if misfit[best] > 0.05 or misfit[apart > 60.0].min(initial=np.inf) < 1.5 * misfit[best]:
        return None
    point, heading = strip.to_ne(at[best : best + 1], np.zeros(1))[0], strip.tangent_ne(at[best : best + 1])[0]
    gate = gate_across(path.plane, point, heading, HALF_GATE_M, "start")
    return _crossed(path, gate, "where the device's lap times come out")


def _misfit(times_s: F64, way: F64, t_s: F64, station: float, length_m: float) -> float:
    """RMS difference of the lap times from a station and those of a list, at the alignment that suits best."""
    marks = np.arange(np.ceil((way[0] - station) / length_m), np.floor((way[-1] - station) / length_m) + 1)
    laps = np.diff(np.interp(station + marks * length_m, way, t_s))
    if len(laps) < len(times_s):
        return float("inf")
    windows = np.lib.stride_tricks.sliding_window_view(laps, len(times_s))
    return float(np.sqrt(((windows - times_s) ** 2).mean(axis=1)).min())


def _device_laps(recording: Recording | None) -> tuple[Lap, ...]:
    laps = recording.streams.get("device_laps", ()) if recording is not None else ()
    return tuple(laps)


def _from_sharp_laps(path: Path, recording: Recording | None) -> StartLine | None:
    laps = [lap for lap in _device_laps(recording) if lap.t0_sigma_s < SHARP_S]
    return _at_times(path, laps, "the device's laps")


def _from_coarse_laps(path: Path, recording: Recording | None) -> StartLine | None:
    laps = [lap for lap in _device_laps(recording) if lap.t0_sigma_s >= SHARP_S]
    return _at_times(path, laps, "the device's laps, to one row")


def _at_times(path: Path, laps: list[Lap], source: str) -> StartLine | None:
    """The gate across the place where the device's laps began, if that was one place (a watch's laps by distance
    begin everywhere)."""
    times = np.unique(np.array([t for lap in laps for t in (lap.t0_ns, lap.t1_ns)], dtype=np.int64))
    times = times[(times >= path.t_ns[0]) & (times <= path.t_ns[-1])]
    if not len(times):
        return None
    second = (times - path.t_ns[0]) * 1e-9
    at = np.column_stack([np.interp(second, path.t_s, path.ne_m[:, k]) for k in range(2)])
    v = np.column_stack([np.interp(second, path.t_s, path.v_mps[:, k]) for k in range(2)])
    middle = np.median(at, axis=0)
    speed = float(np.hypot(*np.median(v, axis=0)))
    if np.median(np.hypot(*(at - middle).T)) > 12.0 or speed < 0.5:
        return None
    heading = np.median(v, axis=0) / speed
    # Where the places scatter along the way, the middle of the near ones is the line.
    near = np.hypot(*(at - middle).T) < 40.0
    centre = middle + heading * float(np.median((at[near] - middle) @ heading))
    line = _crossed(path, gate_across(path.plane, centre, heading, HALF_GATE_M, "start"), source)
    return line if len(line.crossings) >= 2 else None


def _from_library(path: Path, recording: Recording | None) -> StartLine | None:
    lat, lon = path.plane.geodetic_from_ne(path.ne_m[:: max(len(path.ne_m) // 5000, 1)])
    for name, lat0, lon0, _ in starts_near(lat, lon):
        line = _through_point(path, lat0, lon0, f"library: {name}")
        if line is not None and (line.crossings.sign > 0).sum() >= 2:
            return line
    return None


def _through_point(path: Path, lat_rad: float, lon_rad: float, source: str) -> StartLine | None:
    """The gate through a point, across the way that is usually driven there."""
    centre = path.plane.ne_from_geodetic(np.array([lat_rad]), np.array([lon_rad]))[0]
    away = np.hypot(*(path.ne_m - centre).T)
    speed = path.speed_mps
    near = (away < max(60.0, 1.2 * float(away.min()))) & (speed > SLOWEST_SHARE * np.percentile(speed, 70))
    if not near.any():
        return None
    unit = path.v_mps[near] / speed[near][:, None]
    # Both ways may be driven side by side: the one that passes nearest counts.
    lead = unit[np.argmin(away[near])]
    heading = np.median(unit[unit @ lead > 0.7], axis=0)
    half = max(HALF_GATE_M, float(away[near].min()) + HALF_GATE_M)
    return _crossed(path, gate_across(path.plane, centre, heading / np.hypot(*heading), half, "start"), source)


def _from_repetition(path: Path, recording: Recording | None) -> StartLine | None:
    """The gate that the path crosses most often one way, at the fastest place among those."""
    way = path.distance_m
    speed = path.speed_mps
    usual = float(np.percentile(speed, 70))
    thin = np.searchsorted(way, np.arange(0.0, way[-1], max(way[-1] / 30_000, 2.0)))
    thin = np.unique(np.clip(thin, 0, len(way) - 1))
    if len(thin) < 8 or usual < 0.5:
        return None
    step = max(CANDIDATE_STEP_M, way[-1] / CANDIDATES) if usual > 8 else max(5.0, way[-1] / CANDIDATES)
    at = np.searchsorted(way, np.arange(step, way[-1], step))
    at = at[speed[np.clip(at, 0, len(speed) - 1)] > SLOWEST_SHARE * usual]
    half = 12.0 if usual > 8 else 6.0
    ne, fresh = path.ne_m[thin], np.concatenate([[True], np.diff(way[thin]) > 50.0])
    heading = path.v_mps[at] / speed[at][:, None]
    counts = np.array([_forward_count(ne, fresh, path.ne_m[k], h, half) for k, h in zip(at, heading, strict=True)])
    if not len(counts) or counts.max() < 2:
        return None
    best = counts >= max(2, counts.max() - (1 if counts.max() > 4 else 0))
    pick = int(np.flatnonzero(best)[np.argmax(_calm_speed(path, at[best]))])
    gate = gate_across(path.plane, path.ne_m[at[pick]], heading[pick], half, "start")
    return _crossed(path, gate, "found by repetition; it may lie elsewhere on the course than the official line")


def _calm_speed(path: Path, at: np.ndarray) -> F64:
    """Speed less what braking or turning would make of a misplaced line: the best place is fast and straight."""
    slope = np.hypot(path.a_mps2[at, 0], path.a_mps2[at, 1])
    return np.asarray(path.speed_mps[at] - slope)


def _forward_count(ne: F64, fresh: np.ndarray, at: F64, heading: F64, half: float) -> int:
    offset = ne - at
    f = offset @ heading
    cross = np.flatnonzero((f[:-1] < 0) & (f[1:] >= 0) & ~fresh[1:])
    side = np.array([heading[1], -heading[0]])
    return int((np.abs(offset[cross] @ side) < half).sum())
