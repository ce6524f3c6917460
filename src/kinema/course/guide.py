"""A course as a guide for trackers: which way it leads at a point, and how it turns along a path."""

from __future__ import annotations

import numpy as np

from kinema.core.arrays import F64, Bool
from kinema.core.course import Course
from kinema.course.strip import Strip

MARGIN_M = 2.0
"""Movers this far beyond the edges still keep to the course."""
CALM_S = 1.0
"""The way along the course is averaged over this time: single positions scatter."""
BEND_OVER_M = 6.0


class CourseGuide:
    """Keeps to what `kinema.tracking.ground.Guide` asks for."""

    def __init__(self, course: Course, margin_m: float = MARGIN_M) -> None:
        self.strip = Strip.of(course)
        self.margin_m = margin_m
        self.lap_m = self.strip.length_m if course.closed else float("inf")
        # Heading and curvature at the strip's vertices, once: stations are looked up in them.
        tangent = self.strip.tangent_ne(self.strip.st)
        self._heading = np.unwrap(np.arctan2(tangent[:, 1], tangent[:, 0]))
        self._bend = -self.strip.curvature(self.strip.st, BEND_OVER_M)

    def _on(self, s: F64, d: F64) -> Bool:
        left, right = self.strip.widths(s)
        return np.asarray((d < left + self.margin_m) & (d > -right - self.margin_m))

    def lead(self, p_ne_m: F64) -> F64:
        """At points (n, 2): unit tangent, clockwise curvature (n, 3) of the line through each; NaN off the course."""
        s, d = self.strip.to_sd(p_ne_m)
        heading, bend = np.interp(s, self.strip.st, self._heading), np.interp(s, self.strip.st, self._bend)
        # The line at offset d to the left is the longer the more the course turns clockwise.
        bend = bend / np.maximum(1.0 + bend * d, 0.2)
        found = np.column_stack((np.cos(heading), np.sin(heading), bend))
        found[~self._on(s, d)] = np.nan
        return found

    def turns(self, p_ne_m: F64, t_s: F64) -> tuple[F64, F64]:
        """Clockwise change of the course's heading (n,) from the point before along a path (n, 2), 0 off the course and
        at the first, and the heading itself, NaN off the course. Where the path is NaN the way goes on at even speed
        between its neighbours."""
        known = np.flatnonzero(np.isfinite(p_ne_m[:, 0]))
        turn = np.zeros(len(p_ne_m))
        if len(known) < 2:
            return turn, np.full(len(p_ne_m), np.nan)
        s, d = self.strip.follow(p_ne_m[known])
        way, on = self.strip.unwrapped(s), self._on(s, d)
        way = np.interp(t_s, t_s[known], _calm(way, t_s[known]))
        heading = self._unwrapped_heading(way)
        turn[1:] = np.diff(heading)
        off = np.interp(t_s, t_s[known], (~on).astype(float)) > 0
        turn[1:][off[1:] | off[:-1]] = 0.0
        return turn, np.where(off, np.nan, heading)

    def _unwrapped_heading(self, way: F64) -> F64:
        if not self.strip.closed:
            return np.asarray(np.interp(way, self.strip.st, self._heading))
        laps = np.floor(way / self.strip.length_m)
        once = self._heading[-1] - self._heading[0]
        within = np.interp(way - laps * self.strip.length_m, self.strip.st, self._heading)
        return np.asarray(within + laps * once)

    def along(self, p_ne_m: F64) -> tuple[F64, F64]:
        """Way along the course, growing from lap to lap, and offset (n,) of a path (n, 2), NaN off the course."""
        s, d = self.strip.follow(p_ne_m)
        return self.strip.unwrapped(s), np.where(self._on(s, d), d, np.nan)


def _calm(value: F64, t_s: F64) -> F64:
    """Running mean over CALM_S that leaves a steady motion as it is: deviations from the straight line between both
    ends of each window are not looked at, so windows are cut alike on both sides at the ends."""
    half = np.minimum(np.minimum(t_s - t_s[0], t_s[-1] - t_s), 0.5 * CALM_S)
    a = np.searchsorted(t_s, t_s - half - 1e-9)
    b = np.searchsorted(t_s, t_s + half + 1e-9, side="right")
    total, times = (np.concatenate(([0.0], np.cumsum(each))) for each in (value - value[0], t_s))
    mean, mean_t = ((each[b] - each[a]) / (b - a) for each in (total, times))
    # Uneven rows shift the mean in time; the slope of the window puts it back.
    last = np.minimum(b, len(t_s)) - 1
    slope = np.divide(value[last] - value[a], t_s[last] - t_s[a], out=np.zeros(len(value)), where=last > a)
    return np.asarray(mean + value[0] + slope * (t_s - mean_t))
