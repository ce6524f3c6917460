"""A named area of the ground: a pit lane, a depot, a home that must stay private."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinema.core.arrays import F64, Bool, gate
from kinema.core.frames import WGS84_A_M, WGS84_E2
from kinema.errors import DataError


@dataclass(frozen=True)
class Zone:
    """A polygon, ring_rad (n, 2) latitude and longitude in radians, not repeated at its end; less than a hemisphere
    wide and not over a pole. `kind` says what for ("pit", "private", "depot")."""

    name: str
    ring_rad: F64
    kind: str = ""

    def __post_init__(self) -> None:
        ring = gate(f"zone '{self.name}'", self.ring_rad, np.float64, (None, 2), finite=True)
        if len(ring) < 3:
            raise DataError(f"zone '{self.name}'", "at least 3 corners", str(len(ring)))
        object.__setattr__(self, "ring_rad", ring)

    @classmethod
    def circle(cls, name: str, lat_rad: float, lon_rad: float, radius_m: float, kind: str = "") -> Zone:
        """A 64-cornered circle (its corners lie on the circle)."""
        angle = np.arange(64) * (2 * np.pi / 64)
        s2 = WGS84_E2 * np.sin(lat_rad) ** 2
        meridian = WGS84_A_M * (1 - WGS84_E2) / (1 - s2) ** 1.5
        across = WGS84_A_M / np.sqrt(1 - s2) * np.cos(lat_rad)
        ring = np.column_stack(
            [lat_rad + radius_m * np.cos(angle) / meridian, lon_rad + radius_m * np.sin(angle) / across]
        )
        return cls(name, ring, kind)

    def contains(self, lat_rad: F64, lon_rad: F64) -> Bool:
        """Whether points (n,) lie inside (even-odd rule, also across the date line)."""
        lat0, lon0 = self.ring_rad[0]
        x = (np.asarray(lon_rad) - lon0 + np.pi) % (2 * np.pi) - np.pi
        y = np.asarray(lat_rad) - lat0
        cx = (self.ring_rad[:, 1] - lon0 + np.pi) % (2 * np.pi) - np.pi
        cy = self.ring_rad[:, 0] - lat0
        inside = np.zeros(np.shape(x), dtype=np.bool_)
        box = (x >= cx.min()) & (x <= cx.max()) & (y >= cy.min()) & (y <= cy.max())
        px, py = x[box], y[box]
        hit = np.zeros(px.shape, dtype=np.bool_)
        for x0, y0, x1, y1 in zip(cx, cy, np.roll(cx, -1), np.roll(cy, -1), strict=True):
            if y0 != y1:
                hit ^= ((y0 > py) != (y1 > py)) & (px < (x1 - x0) * (py - y0) / (y1 - y0) + x0)
        inside[box] = hit
        return inside
