"""The laps of everyone in a scene, and how far each has come at any time: what the board of the page stands on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kinema.analysis.laps import laps
from kinema.core.arrays import F64
from kinema.core.course import Course, Gate
from kinema.core.event import Lap
from kinema.core.tracks import GroundTracks
from kinema.course.learn import gate_across
from kinema.course.strip import Strip
from kinema.errors import KinemaError
from kinema.report.scene import Movers

BEYOND_M = 3.0
SLACK_S = 1e-6


@dataclass(frozen=True)
class Board:
    """Laps of every mover (in the order of `Movers`), the gate that they were timed at, the length of a lap, and per
    row the way since the mover's first crossing of the gate in metres of the course's line, NaN where it never did."""

    laps: tuple[tuple[Lap, ...], ...]
    gate: Gate
    lap_m: float
    way_m: F64

    def spec(self, movers: Movers) -> dict[str, Any]:
        """JSON: per mover its timed laps as [end, time, 95 %, laps done by then] in seconds of the page."""
        rows = []
        for k, mine in enumerate(self.laps):
            part = slice(int(movers.start[k]), int(movers.start[k + 1]))
            ends = np.array([(lap.t1_ns - movers.origin_ns) * 1e-9 for lap in mine])
            done = np.rint(np.interp(ends, movers.t_s[part], self.way_m[part]) / self.lap_m)
            rows.append([[round(float(end), 4), round(lap.time_s, 4), _bound(lap.time_sigma_s), int(number)]
                         for lap, end, number in zip(mine, ends, done, strict=True)])  # fmt: skip
        return {"laps": rows, "lap": round(self.lap_m, 3)}

    @property
    def best(self) -> list[Lap | None]:
        """The fastest lap of each mover."""
        return [min(mine, key=lambda lap: lap.time_s, default=None) for mine in self.laps]


def board_of(tracks: GroundTracks, movers: Movers, course: Course) -> Board | None:
    """The board of a closed course on the plane of the tracks; None where the course is open or nobody did a lap."""
    if not course.closed:
        return None
    strip = Strip.of(course)
    gate = course.gate_of("start") or _first_gate(course, strip)
    # Two tracks may bear one tag: here each stands for itself.
    solutions = replace(tracks, tag=np.full(len(tracks.tag), -1)).to_solutions()
    found: list[tuple[Lap, ...]] = []
    way = np.full(len(movers.t_s), np.nan)
    for k, identity in enumerate(movers.identity):
        try:
            session = laps(solutions[f"track {identity}"], None, gate, sectors=1)
        except KinemaError:
            found.append(())
            continue
        found.append(tuple(lap for lap in session.laps if lap.kind == "timed"))
        first = min((lap.t0_ns for lap in session.laps if lap.number >= 1), default=None)
        if first is not None:
            rows = slice(int(movers.start[k]), int(movers.start[k + 1]))
            way[rows] = _way(strip, movers, rows, (first - movers.origin_ns) * 1e-9)
    return Board(tuple(found), gate, strip.length_m, way) if any(found) else None


def _first_gate(course: Course, strip: Strip) -> Gate:
    """A gate across the first point of the line, somewhat beyond the edges."""
    zero = np.zeros(1)
    half = float(max(strip.left[0], strip.right[0])) + BEYOND_M
    return gate_across(course.plane, strip.to_ne(zero, zero)[0], strip.tangent_ne(zero)[0], half, "start")


def _way(strip: Strip, movers: Movers, rows: slice, first_s: float) -> F64:
    """Metres since the first crossing; negative before it."""
    station, _ = strip.follow(np.column_stack([movers.y[rows], movers.x[rows]]))
    along = strip.unwrapped(station)
    t_s = movers.t_s[rows]
    way = along - float(np.interp(first_s + SLACK_S, t_s, along))
    return -way if way[-1] < -0.5 * strip.length_m else way


def _bound(sigma_s: float) -> float | None:
    return round(1.96 * sigma_s, 4) if sigma_s == sigma_s else None
