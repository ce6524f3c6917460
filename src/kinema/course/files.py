"""Courses in files: Kinema's own small TOML, TUM race-track CSV, GeoJSON lines."""

from __future__ import annotations

import json
import math
import tomllib
from pathlib import Path
from typing import Any

import numpy as np

from kinema.core.arrays import F64
from kinema.core.course import Course, Gate, Plane
from kinema.errors import DataError, FormatError

DEFAULT_HALF_WIDTH_M = 6.0
LARGEST_BYTES = 50_000_000
_GATE_KINDS = ("start", "finish", "sector", "pit in", "pit out")


def read_course(path: Path) -> Course:
    """The course of a file: .toml (Kinema), .csv (TUM: x, y, right, left), .geojson or .json. Raises FormatError."""
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise FormatError(path, "larger than any course", "", "is it a recording? learn the course from it")
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise FormatError(path, "not a text file", "", "give a course as .toml, .csv or .geojson") from None
    try:
        if path.suffix.lower() == ".toml":
            return _from_toml(path, tomllib.loads(text))
        if path.suffix.lower() in (".geojson", ".json"):
            return _from_geojson_text(path, text)
        return _from_tum(path, text)
    except (DataError, tomllib.TOMLDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise FormatError(path, f"not a course: {str(error).splitlines()[0]}") from None
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise FormatError(
            path, f"not a course: {type(error).__name__} {str(error)[:60]}", "", "see `kinema course show` for the form"
        ) from None


def _from_tum(path: Path, text: str) -> Course:
    """Centre line x, y (m) and widths right, left in a local plane without a place on Earth (x east, y north)."""
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                rows.append([float(c) for c in line.replace(";", ",").split(",")])
            except ValueError:
                raise FormatError(
                    path, f"'{line[:40]}' is no row of x, y, width right, width left", f"line {number}"
                ) from None
            if len(rows[-1]) not in (2, 4) or len(rows[-1]) != len(rows[0]) or not all(map(math.isfinite, rows[-1])):
                raise FormatError(
                    path, f"{len(rows[-1])} values instead of x, y, width right, width left", f"line {number}"
                )
    if len(rows) < 3:
        raise FormatError(path, "no centre line in it", "", "rows must be x, y, width right, width left in metres")
    a = np.array(rows)
    width = a[:, 2:] if a.shape[1] == 4 else np.full((len(a), 2), DEFAULT_HALF_WIDTH_M)
    gap = float(np.hypot(*(a[0, :2] - a[-1, :2])))
    closed = gap < 5 * float(np.median(np.hypot(*np.diff(a[:, :2], axis=0).T)))
    return Course(path.stem, Plane(0.0, 0.0), a[:, [1, 0]], width[:, 1], width[:, 0], closed, source=path.name)


def _from_geojson_text(path: Path, text: str) -> Course:
    document = json.loads(text)
    features = document.get("features", [document]) if isinstance(document, dict) else []
    for feature in features:
        if (feature.get("geometry") or {}).get("type") in ("LineString", "MultiLineString", "Polygon"):
            return course_from_geojson(feature, path.name, path.stem)
    raise FormatError(path, "no line in it", "", "a course is a LineString or a Polygon")


def course_from_geojson(feature: dict[str, Any], source: str, name: str = "") -> Course:
    """The course of a GeoJSON feature: a LineString (closed where its ends meet within 30 m), or a Polygon's ring."""
    geometry, properties = feature["geometry"], feature.get("properties") or {}
    points = geometry["coordinates"]
    points = points[0] if geometry["type"] in ("Polygon", "MultiLineString") else points
    lon, lat = np.radians(np.array([[float(p[0]), float(p[1])] for p in points])).T
    plane = Plane(float(lat.mean()), float(lon.mean()))
    ne = plane.ne_from_geodetic(lat, lon)
    closed = bool(len(ne) > 3 and np.hypot(*(ne[0] - ne[-1])) < 30.0)
    if closed and np.hypot(*(ne[0] - ne[-1])) < 1.0:
        ne = ne[:-1]
    half = float(properties.get("width_m", 2 * DEFAULT_HALF_WIDTH_M)) / 2
    title = str(properties.get("name") or properties.get("Name") or name or "course")
    return Course(title, plane, ne, np.full(len(ne), half), np.full(len(ne), half), closed, source=source)


def _from_toml(path: Path, table: dict[str, Any]) -> Course:
    points = np.array(table["line"], dtype=np.float64)
    if points.ndim != 2 or points.shape[1] not in (2, 4):
        raise DataError("line", "rows of lat, lon[, left, right]", f"shape {points.shape}")
    if not ((np.abs(points[:, 0]) <= 90) & (np.abs(points[:, 1]) <= 360)).all():
        raise DataError("line", "degrees of latitude and longitude", f"{points[0, :2].tolist()}")
    lat, lon = np.radians(points[:, :2]).T
    plane = Plane(float(lat.mean()), float(lon.mean()), float(table.get("height_m", 0.0)))
    width = (
        points[:, 2:]
        if points.shape[1] == 4
        else np.full((len(points), 2), float(table.get("half_width_m", DEFAULT_HALF_WIDTH_M)))
    )
    gates = tuple(
        Gate(
            str(g.get("name", g["kind"])), _pair(g["left"]), _pair(g["right"]), g["kind"], float(g.get("reach_m", 0.0))
        )
        for g in table.get("gate", [])
    )
    for gate in gates:
        if gate.kind not in _GATE_KINDS:
            raise DataError("gate kind", ", ".join(_GATE_KINDS), str(gate.kind))
    pit = np.array(table.get("pit", []), dtype=np.float64).reshape(-1, 2)
    pit_ne = plane.ne_from_geodetic(*np.radians(pit).T) if len(pit) else np.zeros((0, 2))
    return Course(
        str(table.get("name", path.stem)),
        plane,
        plane.ne_from_geodetic(lat, lon),
        width[:, 0],
        width[:, 1],
        bool(table.get("closed", True)),
        gates,
        pit_ne,
        str(table.get("kind", "circuit")),
        str(table.get("source", path.name)),
    )


def _pair(value: Any) -> tuple[float, float]:
    lat, lon = (math.radians(float(v)) for v in value)
    return lat, lon


def write_course(course: Course, path: Path) -> None:
    """Write a course as TOML, to read and to share. Raises DataError for a course without a place on Earth."""
    path.write_text(course_text(course), encoding="utf-8")


def course_text(course: Course) -> str:
    """The TOML text of a course."""
    if course.plane.lat_rad == 0 and course.plane.lon_rad == 0:
        raise DataError(f"course '{course.name}'", "a line with latitude and longitude", "a local plane; keep its CSV")
    lines = [
        f"name = {json.dumps(course.name, ensure_ascii=False)}",
        f"kind = {json.dumps(course.kind)}",
        f"closed = {str(course.closed).lower()}",
        f"height_m = {course.plane.h_m:.2f}",
        f"source = {json.dumps(course.source, ensure_ascii=False)}",
    ]
    if len(course.pit_ne_m):
        lines += ["pit = [", *_rows(course.plane, course.pit_ne_m, None), "]"]
    lines += ["# latitude, longitude, metres to the left and to the right edge, in driving order", "line = ["]
    lines += [*_rows(course.plane, course.line_ne_m, np.column_stack([course.width_left_m, course.width_right_m])), "]"]
    for gate in course.gates:
        left, right = ([round(math.degrees(v), 9) for v in end] for end in (gate.left_rad, gate.right_rad))
        lines += [
            "",
            "[[gate]]",
            f"name = {json.dumps(gate.name, ensure_ascii=False)}",
            f"kind = {json.dumps(gate.kind)}",
            f"left = {left}",
            f"right = {right}",
            f"reach_m = {gate.half_m:.2f}",
        ]
    return "\n".join(lines) + "\n"


def _rows(plane: Plane, ne_m: F64, width: F64 | None) -> list[str]:
    lat, lon = (np.degrees(v) for v in plane.geodetic_from_ne(ne_m))
    if width is None:
        return [f"  [{a:.9f}, {b:.9f}]," for a, b in zip(lat, lon, strict=True)]
    return [f"  [{a:.9f}, {b:.9f}, {w[0]:.3f}, {w[1]:.3f}]," for a, b, w in zip(lat, lon, width, strict=True)]
