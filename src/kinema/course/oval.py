"""The 400 m running track as an exact model: two straights, two bends, eight lanes; fitted to what was run.

World Athletics Track and Field Facilities Manual 2019, 2.2: bend radius 36.50 m to the inner edge of lane 1, straights
84.39 m, lanes 1.22 m; measured 0.30 m out from the edge in lane 1 and 0.20 m out in the others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinema.core.arrays import F64
from kinema.core.course import Course, Plane
from kinema.errors import DataError

RADIUS_M, STRAIGHT_M, LANE_M, LANES = 36.50, 84.39, 1.22, 8


def measured_radius_m(lane: int) -> float:
    """Radius of the line along which a lane's length is measured."""
    if not 1 <= lane <= LANES:
        raise DataError("lane", f"1 to {LANES}", str(lane))
    return RADIUS_M + (0.30 if lane == 1 else (lane - 1) * LANE_M + 0.20)


def lane_length_m(lane: int) -> float:
    """Length of one lap in a lane: 400.00 m in lane 1, 407.04 m in lane 2, 453.03 m in lane 8."""
    return 2 * STRAIGHT_M + 2 * np.pi * measured_radius_m(lane)


@dataclass(frozen=True)
class Oval:
    """A track on a plane: centre (north, east), heading of its straights (radians from north), and the way round
    (counter-clockwise, as athletes run, or not). scatter_m: of the fitted positions about their lane."""

    plane: Plane
    centre_ne_m: tuple[float, float]
    heading_rad: float
    anticlockwise: bool = True
    scatter_m: float = float("nan")

    def to_track(self, ne_m: F64) -> tuple[F64, F64]:
        """Turn (0 to 1 round the track, even along the inner edge's straights and angles) and radius-like distance out
        from the middle line of the infield (n,): RADIUS_M at the inner edge."""
        u, w = self._local(ne_m)
        half = STRAIGHT_M / 2
        beyond = np.clip(np.abs(u) - half, 0, None) * np.sign(u)
        out = np.where(np.abs(u) <= half, np.abs(w), np.hypot(beyond, w))
        return self._station(u, w, RADIUS_M) / (2 * STRAIGHT_M + 2 * np.pi * RADIUS_M), out

    def along(self, ne_m: F64, radius_m: float) -> F64:
        """Metres along the line of a radius, in running direction, from the middle of a straight (n,), 0 to a lap."""
        u, w = self._local(ne_m)
        return self._station(u, w, radius_m)

    def _local(self, ne_m: F64) -> tuple[F64, F64]:
        """Coordinates along the straights and across them, left of them positive; mirrored for clockwise running."""
        c, s = np.cos(self.heading_rad), np.sin(self.heading_rad)
        n, e = ne_m[:, 0] - self.centre_ne_m[0], ne_m[:, 1] - self.centre_ne_m[1]
        across = n * s - e * c
        return n * c + e * s, across if self.anticlockwise else -across

    @staticmethod
    def _station(u: F64, w: F64, radius_m: float) -> F64:
        """Anticlockwise: along the right-hand straight (w < 0) forwards, round, back along the left-hand one."""
        half = STRAIGHT_M / 2
        bend = np.pi * radius_m
        lap = 2 * STRAIGHT_M + 2 * bend
        first = half + (np.arctan2(w, u - half) + np.pi / 2) * radius_m
        back = half + bend + (half - u)
        second = half + bend + STRAIGHT_M + (np.arctan2(-w, -(u + half)) + np.pi / 2) * radius_m
        straight = np.where(w < 0, u, back)
        return np.where(u > half, first, np.where(u < -half, second, straight)) % lap

    def course(self, name: str, lane: int = 1) -> Course:
        """The lane as a course, metre by metre, with the track's eight lanes as its widths."""
        r = measured_radius_m(lane)
        length = lane_length_m(lane)
        s = np.arange(0.0, length - 0.5, 1.0)
        half, bend = STRAIGHT_M / 2, np.pi * r
        u, w = np.empty(len(s)), np.empty(len(s))
        for k, x in enumerate(s):
            if x < half or x >= length - half:
                u[k], w[k] = (x if x < half else x - length), -r
            elif x < half + bend:
                a = (x - half) / r - np.pi / 2
                u[k], w[k] = half + r * np.cos(a), r * np.sin(a)
            elif x < half + bend + STRAIGHT_M:
                u[k], w[k] = half - (x - half - bend), r
            else:
                a = (x - half - bend - STRAIGHT_M) / r + np.pi / 2
                u[k], w[k] = -half + r * np.cos(a), r * np.sin(a)
        w = w if self.anticlockwise else -w
        c, sn = np.cos(self.heading_rad), np.sin(self.heading_rad)
        line = np.column_stack([u * c + w * sn, u * sn - w * c]) + np.array(self.centre_ne_m)
        inside, outside = r - RADIUS_M, RADIUS_M + LANES * LANE_M - r
        left, right = (inside, outside) if self.anticlockwise else (outside, inside)
        return Course(
            name,
            self.plane,
            line,
            np.full(len(s), left),
            np.full(len(s), right),
            True,
            kind="oval",
            source="fitted 400 m track",
        )


def fitted_oval(ne_m: F64, plane: Plane) -> Oval | None:
    """The track that positions (n, 2) in running order were run on, or None where they do not fit one: half of them
    must lie within 3 m of a lane."""
    from scipy.optimize import least_squares

    if len(ne_m) < 60:
        return None
    middle = 0.5 * (np.percentile(ne_m, 2, axis=0) + np.percentile(ne_m, 98, axis=0))
    if np.hypot(*(ne_m - middle).T).max() > 300.0:
        near = np.hypot(*(ne_m - np.median(ne_m, axis=0)).T) < 130.0
        if near.mean() < 0.5:
            return None
        ne_m = ne_m[near]
        middle = ne_m.mean(axis=0)
    turn = ne_m - middle
    swirl = float((turn[:-1, 0] * np.diff(turn[:, 1]) - turn[:-1, 1] * np.diff(turn[:, 0])).sum())
    anticlockwise = swirl < 0
    spread = np.cov(turn.T)
    start = 0.5 * np.arctan2(2 * spread[0, 1], spread[0, 0] - spread[1, 1])

    def residual(p: F64) -> F64:
        oval = Oval(plane, (p[0], p[1]), p[2], anticlockwise)
        return np.asarray(oval.to_track(ne_m)[1] - p[3])

    best = None
    for heading in (start, start + np.pi / 4, start - np.pi / 4):
        found = least_squares(residual, [middle[0], middle[1], heading, RADIUS_M + 0.5], loss="soft_l1", f_scale=1.0)
        if best is None or found.cost < best.cost:
            best = found
    assert best is not None
    off = np.abs(residual(best.x))
    if np.median(off) > 3.0 or not RADIUS_M - 4 < best.x[3] < RADIUS_M + LANES * LANE_M + 4:
        return None
    return Oval(
        plane,
        (float(best.x[0]), float(best.x[1])),
        float(best.x[2]) % (2 * np.pi),
        anticlockwise,
        float(1.48 * np.median(off)),
    )
