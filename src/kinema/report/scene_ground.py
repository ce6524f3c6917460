"""The ground under a scene: a course with its lanes, lines across it, zones, or the frame of an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from kinema.analysis.movers import rows_by_track
from kinema.core.arrays import F64
from kinema.core.course import Course, Gate, Plane
from kinema.core.tracks import GroundTracks
from kinema.core.zone import Zone
from kinema.course.oval import LANE_M
from kinema.course.strip import Strip

POINTS = 500
MOST_LANES = 12
GRID_M = 0.02


def on_plane(course: Course, plane: Plane) -> Course:
    """The course in north and east of another plane; one without a place on Earth keeps its own metres."""
    if course.plane == plane or (course.plane.lat_rad == 0 and course.plane.lon_rad == 0):
        return replace(course, plane=plane)
    moved = plane.ne_from_geodetic(*course.plane.geodetic_from_ne(course.line_ne_m))
    pit = plane.ne_from_geodetic(*course.plane.geodetic_from_ne(course.pit_ne_m)) if len(course.pit_ne_m) else None
    return replace(course, plane=plane, line_ne_m=moved, pit_ne_m=course.pit_ne_m if pit is None else pit)


def with_speeds(tracks: GroundTracks) -> GroundTracks:
    """The tracks with velocities by differences of positions where a file tells none."""
    if np.isfinite(tracks.v_ne_mps).all():
        return tracks
    v = tracks.v_ne_mps.copy()
    for rows in rows_by_track(tracks.track):
        if rows.stop - rows.start > 1:
            found = np.gradient(tracks.p_ne_m[rows], tracks.t_ns[rows] * 1e-9 - tracks.t_ns[rows][0] * 1e-9, axis=0)
            v[rows] = np.where(np.isfinite(v[rows]), v[rows], found)
        else:
            v[rows] = 0.0
    return replace(tracks, v_ne_mps=v)


def without_private(tracks: GroundTracks, zones: Sequence[Zone]) -> tuple[GroundTracks, int]:
    """The tracks without the rows inside private zones, and how many those were."""
    private = [zone for zone in zones if zone.kind == "private"]
    if not private or not len(tracks.t_ns):
        return tracks, 0
    lat, lon = tracks.plane.geodetic_from_ne(tracks.p_ne_m)
    keep = ~np.logical_or.reduce([zone.contains(lat, lon) for zone in private])
    fields = ("t_ns", "track", "p_ne_m", "cov_ne_m2", "v_ne_mps", "cov_v_ne", "seen", "tag")
    return replace(tracks, **{name: getattr(tracks, name)[keep] for name in fields}), int((~keep).sum())


def ground_spec(
    plane: Plane | None,
    course: Course | None = None,
    zones: Sequence[Zone] = (),
    gates: Sequence[Gate] = (),
    image_px: tuple[int, int] = (0, 0),
) -> dict[str, Any]:
    """JSON of what is drawn below the movers; every line is x, y, x, y, … (east, north)."""
    spec: dict[str, Any] = {"surface": [], "lanes": [], "middle": [], "gates": [], "zones": [], "image": list(image_px)}
    if plane is None:
        return spec
    if course is not None:
        course = on_plane(course, plane)
        gates = (*course.gates, *gates)
        _course_lines(spec, course)
    for gate in gates:
        spec["gates"].append([gate.name, gate.kind, _flat(gate.on(plane))])
    for zone in zones:
        if zone.kind != "private":
            spec["zones"].append([zone.name, zone.kind, _flat(plane.ne_from_geodetic(*zone.ring_rad.T))])
    return spec


def _course_lines(spec: dict[str, Any], course: Course) -> None:
    strip = Strip.of(course, max(2.0, course.length_m / POINTS))
    spec["closed"] = course.closed
    spec["surface"] = [_beside(strip, strip.left), _beside(strip, -strip.right)]
    lanes = round(float((course.width_left_m + course.width_right_m).mean()) / LANE_M)
    if course.kind == "oval" and 1 < lanes <= MOST_LANES:
        spec["lanes"] = [_beside(strip, strip.left - k * LANE_M) for k in range(1, lanes)]
    else:
        spec["middle"] = _beside(strip, np.zeros(len(strip.x)))
    if len(course.pit_ne_m):
        spec["pit"] = _flat(course.pit_ne_m)


def _beside(strip: Strip, d_m: F64) -> list[float]:
    return _flat(np.column_stack([strip.y + d_m * strip.ny, strip.x + d_m * strip.nx]))


def _flat(ne_m: F64) -> list[float]:
    return [round(float(v), 2) for v in (np.rint(ne_m[:, ::-1] / GRID_M) * GRID_M).ravel()]
