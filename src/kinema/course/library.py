"""The courses that ship with the package: names, centre lines and start points. Facts only."""

from __future__ import annotations

import csv
import json
from functools import cache
from importlib.resources import files

import numpy as np

from kinema.core.arrays import F64
from kinema.core.course import Course
from kinema.course.files import course_from_geojson
from kinema.errors import ConfigError

NEAR_M = 60.0
"""How far from the driven path a start point of the library may lie."""


@cache
def starts() -> tuple[tuple[str, ...], F64]:
    """Names and start points (n, 2), latitude and longitude in radians, of all courses."""
    text = files("kinema.course").joinpath("data/starts.csv").read_text(encoding="utf-8")
    rows = list(csv.reader(text.splitlines()))[1:]
    return tuple(r[0] for r in rows), np.radians(np.array([[float(r[1]), float(r[2])] for r in rows]))


@cache
def circuits() -> tuple[Course, ...]:
    """Courses whose centre line is in the library."""
    text = files("kinema.course").joinpath("data/circuits.geojson").read_text(encoding="utf-8")
    return tuple(course_from_geojson(feature, "library") for feature in json.loads(text)["features"])


def starts_near(lat_rad: F64, lon_rad: F64, within_m: float = NEAR_M) -> list[tuple[str, float, float, float]]:
    """Start points within some metres of a path: name, latitude, longitude, distance; the nearest first."""
    names, points = starts()
    step = max(len(lat_rad) // 4000, 1)
    lat, lon = lat_rad[::step], lon_rad[::step]
    pad = 0.01
    box = (points[:, 0] > lat.min() - pad) & (points[:, 0] < lat.max() + pad)
    box &= (points[:, 1] > lon.min() - 2 * pad) & (points[:, 1] < lon.max() + 2 * pad)
    found = []
    for k in np.flatnonzero(box):
        y = (lat_rad - points[k, 0]) * 6.371e6
        x = (lon_rad - points[k, 1]) * 6.371e6 * np.cos(points[k, 0])
        away = float(np.hypot(x, y).min())
        if away <= within_m:
            found.append((names[k], float(points[k, 0]), float(points[k, 1]), away))
    return sorted(found, key=lambda f: f[3])


def circuit_named(name: str) -> Course:
    """The library's course whose name has all words of `name`. Raises ConfigError where none or several have."""
    words = name.lower().split()
    found = [c for c in circuits() if all(w in c.name.lower() for w in words)]
    if len(found) == 1:
        return found[0]
    known = ", ".join(c.name for c in (found or circuits()))
    what = "several courses are" if found else "no course is"
    raise ConfigError(f"{what} named '{name}' in the library; it holds the lines of {known}; or give a course file")


def start_named(name: str) -> tuple[str, float, float] | None:
    """Name, latitude and longitude of the library's start point of that name, or None."""
    names, points = starts()
    words = name.lower().split()
    found = [k for k, n in enumerate(names) if all(w in n.lower() for w in words)]
    return (names[found[0]], float(points[found[0], 0]), float(points[found[0], 1])) if len(found) == 1 else None
