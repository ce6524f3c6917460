"""A course learned from what was driven: the middle of the laps, as wide as they spread."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kinema.core.arrays import F64
from kinema.core.course import Course, Gate, Plane
from kinema.course.strip import Strip
from kinema.errors import DataError

STEP_M = 3.0
LEAST_HALF_WIDTH_M = 3.0


def gate_across(plane: Plane, at_ne_m: F64, heading_ne: F64, half_m: float, name: str, kind: str = "start") -> Gate:
    """A gate of 2 × half_m across a heading (unit vector, north and east)."""
    left = np.array([heading_ne[1], -heading_ne[0]])
    ends = np.vstack([at_ne_m + half_m * left, at_ne_m - half_m * left])
    lat, lon = plane.geodetic_from_ne(ends)
    return Gate(name, (float(lat[0]), float(lon[0])), (float(lat[1]), float(lon[1])), kind)  # type: ignore[arg-type]


def learned_course(
    name: str, plane: Plane, laps_ne_m: Sequence[F64], closed: bool, gates: Sequence[Gate] = ()
) -> Course:
    """The course of laps, each (n, 2) from gate to gate (or from start to end of an open route) in driving order.

    The first lap gives the first line; the median offset of all laps from it the final one; the widths hold all
    laps with a metre to spare. Raises DataError without a lap.
    """
    laps = [lap for lap in laps_ne_m if len(lap) >= 8]
    if not laps:
        raise DataError("course", "at least one whole lap to learn from", "none")
    line = _thinned(_closed_up(laps[0]) if closed else laps[0], STEP_M)
    for _ in range(2):
        wide = np.full(len(line), 12.0)
        strip = Strip.of(Course(name, plane, line, wide, wide, closed))
        s_bins = np.arange(0.0, strip.length_m, STEP_M)
        offsets = np.array([_offsets(strip, lap, s_bins) for lap in laps])
        middle = _calm(np.median(offsets, axis=0), closed)
        line = strip.to_ne(s_bins, middle)
        offsets = offsets - middle
    spread = np.abs(offsets)
    left = np.maximum(np.where(offsets > 0, spread, 0).max(axis=0) + 1.0, LEAST_HALF_WIDTH_M)
    right = np.maximum(np.where(offsets < 0, spread, 0).max(axis=0) + 1.0, LEAST_HALF_WIDTH_M)
    return Course(name, plane, line, _calm(left, closed), _calm(right, closed), closed, tuple(gates), source="learned")


def _offsets(strip: Strip, lap: F64, s_bins: F64) -> F64:
    s, d = strip.follow(lap)
    keep = np.abs(d) < 11.0
    s, d = s[keep], d[keep]
    if len(s) < 2:
        return np.zeros(len(s_bins))
    order = np.argsort(s, kind="stable")
    return np.interp(s_bins, s[order], d[order], period=strip.length_m if strip.closed else None)


def _calm(value: F64, closed: bool) -> F64:
    """A running mean over seven steps."""
    pad = np.concatenate([value[-3:], value, value[:3]]) if closed else np.pad(value, 3, mode="edge")
    return np.convolve(pad, np.ones(7) / 7, mode="valid")


def _closed_up(lap: F64) -> F64:
    """A lap whose ends meet: what is missing between them is shared out over its first and last tenth."""
    way = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(lap, axis=0).T))])
    reach = 0.1 * way[-1]
    gap = lap[-1] - lap[0]
    start = np.clip(1 - way / reach, 0, 1) * 0.5
    end = np.clip(1 - (way[-1] - way) / reach, 0, 1) * 0.5
    return np.asarray(lap + gap * start[:, None] - gap * end[:, None])[:-1]


def _thinned(line: F64, step_m: float) -> F64:
    """Points about step_m apart along the line; a mover that stands adds none."""
    way = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    at = np.arange(0.0, way[-1], step_m)
    moving = np.concatenate([[True], np.diff(way) > 1e-9])
    return np.column_stack([np.interp(at, way[moving], line[moving, k]) for k in range(2)])
