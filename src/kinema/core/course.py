"""A Course: a reference line that one can stand on, with widths, gates and a pit lane."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from kinema.core.arrays import F64, gate
from kinema.core.frames import ecef_from_geodetic, geodetic_from_ecef, ned_from_ecef
from kinema.core.frames import ecef_from_ned as _ecef_from_ned
from kinema.errors import DataError

GateKind = Literal["start", "finish", "sector", "pit in", "pit out"]


@dataclass(frozen=True)
class Plane:
    """A horizontal plane about a point: what stands in for the ground of one course.

    Points keep their latitude and longitude and are laid at the plane's own height, so the height of a fix never
    moves it sideways. Within 10 km distances are true to 1e-6.
    """

    lat_rad: float
    lon_rad: float
    h_m: float = 0.0

    def __post_init__(self) -> None:
        if not (abs(self.lat_rad) <= np.pi / 2 and abs(self.lon_rad) <= 2 * np.pi and np.isfinite(self.h_m)):
            raise DataError("Plane", "latitude and longitude in radians", f"{self.lat_rad}, {self.lon_rad}")

    def _origin(self) -> F64:
        return ecef_from_geodetic(*np.array([self.lat_rad, self.lon_rad, self.h_m]))

    def ne_from_geodetic(self, lat_rad: F64, lon_rad: F64) -> F64:
        """North and east (n, 2) in metres."""
        lat = np.asarray(lat_rad, dtype=np.float64)
        p_e = ecef_from_geodetic(lat, np.asarray(lon_rad, dtype=np.float64), np.full(lat.shape, self.h_m))
        return np.ascontiguousarray(ned_from_ecef(p_e, self._origin())[..., :2])

    def ne_from_ecef(self, p_e_m: F64) -> F64:
        """North and east (n, 2) in metres of ECEF points (n, 3)."""
        lat, lon, _ = geodetic_from_ecef(p_e_m)
        return self.ne_from_geodetic(lat, lon)

    def geodetic_from_ne(self, ne_m: F64) -> tuple[F64, F64]:
        """Latitude and longitude in radians of points (n, 2)."""
        ne = np.asarray(ne_m, dtype=np.float64)
        # The tangent plane leaves the ellipsoid: two steps bring the point back to the plane's own height.
        down = np.zeros(ne.shape[:-1])
        for _ in range(3):
            ned = np.concatenate([ne, down[..., None]], axis=-1)
            lat, lon, h = geodetic_from_ecef(_ecef_from_ned(ned, self._origin()))
            down = down + (h - self.h_m)
        return lat, lon


@dataclass(frozen=True)
class Gate:
    """A line across the way, from its left to its right end as (latitude, longitude) in radians."""

    name: str
    left_rad: tuple[float, float]
    right_rad: tuple[float, float]
    kind: GateKind = "start"
    half_m: float = 0.0
    """Metres by which a crossing may miss the line's ends and still count (stored gates are often too short)."""

    def on(self, plane: Plane) -> F64:
        """Both ends (2, 2) north and east in metres."""
        ends = np.array([self.left_rad, self.right_rad])
        return plane.ne_from_geodetic(ends[:, 0], ends[:, 1])


@dataclass(frozen=True)
class Course:
    """A course on `plane`: line_ne_m (n, 2) north and east in driving order, closed (the first point is not
    repeated) or open, width_left_m and width_right_m (n,) from the line to the edges.

    Station s runs along the line from its first point in metres; offset d is positive to the left. `gates` hold
    the start, and sectors in driving order; `pit_ne_m` (k, 2) the pit lane. `source` tells where the facts come from.
    """

    name: str
    plane: Plane
    line_ne_m: F64
    width_left_m: F64
    width_right_m: F64
    closed: bool = True
    gates: tuple[Gate, ...] = ()
    pit_ne_m: F64 = field(default_factory=lambda: np.zeros((0, 2)))
    kind: str = "circuit"
    source: str = ""

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "line_ne_m", gate("Course.line_ne_m", self.line_ne_m, np.float64, (None, 2), finite=True))
        n = len(self.line_ne_m)
        if n < (3 if self.closed else 2):
            raise DataError(f"course '{self.name}'", f"at least {3 if self.closed else 2} points", str(n))
        for name in ("width_left_m", "width_right_m"):
            width = np.broadcast_to(np.asarray(getattr(self, name), dtype=np.float64), (n,))
            if not (np.isfinite(width).all() and (width > 0).all()):
                raise DataError(f"course '{self.name}' {name}", "positive widths", f"{float(np.nanmin(width)):g} m")
            put(self, name, gate(f"Course.{name}", width, np.float64, (n,)))
        put(self, "pit_ne_m", gate("Course.pit_ne_m", self.pit_ne_m, np.float64, (None, 2), finite=True))

    @property
    def length_m(self) -> float:
        """Length of the line as it was given, chord by chord."""
        line = np.vstack([self.line_ne_m, self.line_ne_m[:1]]) if self.closed else self.line_ne_m
        return float(np.hypot(*np.diff(line, axis=0).T).sum())

    def gate_of(self, kind: GateKind) -> Gate | None:
        """The first gate of a kind, or None."""
        return next((g for g in self.gates if g.kind == kind), None)
