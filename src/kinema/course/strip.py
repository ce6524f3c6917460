"""A course made ready to compute on: a smooth line, cross directions that never meet within the widths, a grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kinema.core.arrays import F64
from kinema.core.course import Course
from kinema.errors import DataError

if TYPE_CHECKING:
    from kinema.kernels.polyline import Cells, Line

STEP_M = 2.0
MARGIN_M = 15.0
"""Points this far beyond the edges are still found through the grid."""
CELL_M = 8.0
LEAST_OPENING = 0.05
"""Share of a patch's length that must remain at the edges of the course: below it neighbours would fold."""


@dataclass(frozen=True)
class Strip:
    """The line as n patches: x (east), y (north), cross direction (nx, ny) to the left, station st, widths left and
    right, all (n + 1,), the last vertex repeating the first where closed; and the cells that find patches."""

    x: F64
    y: F64
    nx: F64
    ny: F64
    st: F64
    left: F64
    right: F64
    closed: bool
    cells: Cells

    @classmethod
    def of(cls, course: Course, step_m: float = STEP_M, smooth: bool = True) -> Strip:
        """The strip of a course, resampled to about `step_m` along a spline through its points (`smooth`) or along
        its chords."""
        east, north = course.line_ne_m[:, 1], course.line_ne_m[:, 0]
        x, y, tx, ty, left, right = _resampled(
            east, north, course.width_left_m, course.width_right_m, course.closed, step_m, smooth
        )
        nx, ny, left, right = _unfolded(x, y, np.arctan2(tx, -ty), left, right, course.closed)
        st = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
        cells = _cells(x, y, nx, ny, left + MARGIN_M, right + MARGIN_M)
        return cls(x, y, nx, ny, st, left, right, course.closed, cells)

    @property
    def length_m(self) -> float:
        """Length of the line."""
        return float(self.st[-1])

    def to_ne(self, s_m: F64, d_m: F64) -> F64:
        """North and east (n, 2) of stations and offsets (n,); stations of a closed course may run over laps."""
        from kinema.kernels.polyline import place

        s, d = np.broadcast_arrays(np.asarray(s_m, dtype=np.float64), np.asarray(d_m, dtype=np.float64))
        s = np.ascontiguousarray(s % self.length_m if self.closed else s)
        east, north = np.empty(len(s)), np.empty(len(s))
        place(s, np.ascontiguousarray(d), self._line(), east, north)
        return np.column_stack([north, east])

    def to_sd(self, ne_m: F64, near_s_m: F64 | None = None) -> tuple[F64, F64]:
        """Stations and offsets of points (n, 2) in any order: the section within whose widths each lies.

        Where sections lie over each other (a bridge) `near_s_m` (n,) says which is meant.
        """
        from kinema.kernels.polyline import locate

        east, north = _columns(ne_m)
        near = np.zeros(len(east)) if near_s_m is None else np.ascontiguousarray(near_s_m, dtype=np.float64)
        s, d = np.empty(len(east)), np.empty(len(east))
        locate(east, north, near, 0.0 if near_s_m is None else 0.2, self._line(), self.cells, s, d)
        return s, d

    def follow(self, ne_m: F64) -> tuple[F64, F64]:
        """Stations and offsets of a trajectory (n, 2) in driving order: no jump to another section or deck."""
        from kinema.kernels.polyline import follow

        east, north = _columns(ne_m)
        s, d = np.empty(len(east)), np.empty(len(east))
        follow(east, north, self._line(), self.cells, s, d)
        return s, d

    def unwrapped(self, s_m: F64) -> F64:
        """Stations that keep growing from lap to lap (unchanged where the course is open)."""
        if not self.closed or not len(s_m):
            return s_m
        step = np.diff(s_m)
        return np.concatenate([s_m[:1], s_m[0] + np.cumsum(step - self.length_m * np.round(step / self.length_m))])

    def tangent_ne(self, s_m: F64) -> F64:
        """Unit direction of the line (n, 2), north and east, at stations."""
        s = s_m % self.length_m if self.closed else s_m
        nx, ny = np.interp(s, self.st, self.nx), np.interp(s, self.st, self.ny)
        size = np.hypot(nx, ny)
        return np.column_stack([-nx / size, ny / size])

    def curvature(self, s_m: F64, over_m: float = 10.0) -> F64:
        """Curvature of the line (1/m, positive to the left) at stations (n,), as a mean over some metres."""
        t = self.tangent_ne(
            np.concatenate([s_m - over_m / 2, s_m + over_m / 2])
            if self.closed
            else np.clip(np.concatenate([s_m - over_m / 2, s_m + over_m / 2]), 0.0, self.length_m)
        )
        a, b = t[: len(s_m)], t[len(s_m) :]
        # A turn to the left takes north towards west, that is (1, 0) towards (0, −1).
        return np.asarray(-np.arctan2(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0], (a * b).sum(axis=1)) / over_m)

    def widths(self, s_m: F64) -> tuple[F64, F64]:
        """Widths to the left and right edge at stations (n,)."""
        s = np.asarray(s_m) % self.length_m if self.closed else np.asarray(s_m)
        return np.interp(s, self.st, self.left), np.interp(s, self.st, self.right)

    def _line(self) -> Line:
        from kinema.kernels.polyline import Line

        wrap = self.length_m if self.closed else 1e300
        return Line(self.x, self.y, self.nx, self.ny, self.st, self.left, self.right, wrap)


def _columns(ne_m: F64) -> tuple[F64, F64]:
    ne = np.asarray(ne_m, dtype=np.float64)
    if ne.ndim != 2 or ne.shape[1] != 2 or not np.isfinite(ne).all():
        raise DataError("points", "finite north and east of shape (n, 2)", f"shape {ne.shape} or NaN")
    return np.ascontiguousarray(ne[:, 1]), np.ascontiguousarray(ne[:, 0])


def _resampled(
    x: F64, y: F64, left: F64, right: F64, closed: bool, step_m: float, smooth: bool
) -> tuple[F64, F64, F64, F64, F64, F64]:
    """Points, tangents and widths at about equal steps along a centripetal spline (or the chords)."""
    keep = np.hypot(np.diff(x, append=np.nan), np.diff(y, append=np.nan)) != 0
    if closed and x[0] == x[-1] and y[0] == y[-1]:
        keep[-1] = False
    x, y, left, right = x[keep], y[keep], left[keep], right[keep]
    if closed:
        x, y, left, right = (np.append(a, a[0]) for a in (x, y, left, right))
    chord = np.hypot(np.diff(x), np.diff(y))
    if not len(chord):
        raise DataError("course line", "points apart from each other", "one point")
    # Centripetal parameter: no loops and little overshoot where the points lie unevenly (Floater and Surazhsky 2006).
    knot = np.concatenate([[0.0], np.cumsum(np.sqrt(chord) if smooth else chord)])
    if smooth and len(x) > 3:
        from scipy.interpolate import CubicSpline

        curve = CubicSpline(knot, np.column_stack([x, y]), bc_type="periodic" if closed else "natural")
        fine = np.linspace(0.0, knot[-1], 8 * len(knot) + 1)
        fine_xy = curve(fine)
        arc = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(fine_xy, axis=0).T))])
        at = np.interp(np.linspace(0.0, arc[-1], max(int(np.ceil(arc[-1] / step_m)), 8) + 1), arc, fine)
        points, slope = curve(at), curve(at, 1)
    else:
        at = np.union1d(np.linspace(0.0, knot[-1], max(int(np.ceil(knot[-1] / step_m)), 8) + 1), knot)
        points = np.column_stack([np.interp(at, knot, x), np.interp(at, knot, y)])
        slope = np.gradient(points, at, axis=0)
    if closed:
        points[-1], slope[-1] = points[0], slope[0]
    return (
        np.ascontiguousarray(points[:, 0]), np.ascontiguousarray(points[:, 1]), slope[:, 0], slope[:, 1],
        np.interp(at, knot, left), np.interp(at, knot, right),
    )  # fmt: skip


def _unfolded(x: F64, y: F64, angle: F64, left: F64, right: F64, closed: bool) -> tuple[F64, F64, F64, F64]:
    """Cross directions turned, and where that is not enough widths cut, until no patch folds within the widths."""
    turn = np.unwrap(angle)
    total = turn[-1] - turn[0] if closed else 0.0
    ramp = np.linspace(0.0, total, len(turn))
    swing = turn - ramp
    left, right = left.copy(), right.copy()
    ex, ey = np.diff(x), np.diff(y)
    size2 = ex * ex + ey * ey
    for round_ in range(600):
        nx, ny = np.cos(swing + ramp), np.sin(swing + ramp)
        if closed:
            nx[-1], ny[-1] = nx[0], ny[0]
        shear = (np.diff(nx) * ex + np.diff(ny) * ey) / size2
        wide_left, wide_right = np.maximum(left[:-1], left[1:]), np.maximum(right[:-1], right[1:])
        edge = 1.02 * np.minimum(wide_left * shear, -wide_right * shear) + 1
        bad = edge < LEAST_OPENING
        if not bad.any():
            break
        touched = np.zeros(len(x), dtype=np.bool_)
        for k in np.flatnonzero(bad):
            touched[np.arange(k - 6, k + 8) % len(x) if closed else slice(max(k - 6, 1), k + 8)] = True
        if round_ < 500:
            swing = _neighbour_mean(swing, touched, closed)
        else:
            left = np.where(touched, left * 0.97, left)
            right = np.where(touched, right * 0.97, right)
            if closed:
                left[-1] = left[0] = min(left[0], left[-1])
                right[-1] = right[0] = min(right[0], right[-1])
    return nx, ny, left, right


def _neighbour_mean(value: F64, where: np.ndarray, closed: bool) -> F64:
    if closed:
        inner = value[:-1]
        mean = 0.25 * np.roll(inner, 1) + 0.5 * inner + 0.25 * np.roll(inner, -1)
        mean = np.append(mean, mean[0])
        where = where.copy()
        where[0] = where[-1] = where[0] or where[-1]
    else:
        mean = value.copy()
        mean[1:-1] = 0.25 * value[:-2] + 0.5 * value[1:-1] + 0.25 * value[2:]
    return np.where(where, mean, value)


def _cells(x: F64, y: F64, nx: F64, ny: F64, left: F64, right: F64) -> Cells:
    """The grid, and per cell the patches that may hold its points."""
    from kinema.kernels.polyline import Cells, Line, fill_cells

    all_x = np.concatenate([x + left * nx, x - right * nx])
    all_y = np.concatenate([y + left * ny, y - right * ny])
    x0, y0 = float(all_x.min()), float(all_y.min())
    across, up = int((all_x.max() - x0) / CELL_M) + 1, int((all_y.max() - y0) / CELL_M) + 1
    if across * up > 200_000_000:
        raise DataError(
            "course", "an extent below 100 km", f"{across * CELL_M / 1e3:.0f} km by {up * CELL_M / 1e3:.0f} km"
        )
    line = Line(x, y, nx, ny, np.zeros(len(x)), left, right, 1e300)
    counts = np.zeros(across * up, dtype=np.int64)
    start = np.zeros(across * up + 1, dtype=np.int64)
    cells = Cells(x0, y0, CELL_M, across, up, start, np.empty(0, dtype=np.int64))
    fill_cells(line, cells, counts)
    np.cumsum(counts, out=start[1:])
    counts[:] = 0
    cells = cells._replace(items=np.empty(int(start[-1]), dtype=np.int64))
    fill_cells(line, cells, counts)
    return cells
