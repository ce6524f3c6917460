"""Curvilinear coordinates on a strip of bilinear patches: exact both ways, and found through a grid of cells.

Vertex i of the strip is (x, y) with a cross direction (nx, ny) to its left; between vertices both run linearly. Point
(u, d) of patch i is (1 − u)(P_i + d N_i) + u (P_{i+1} + d N_{i+1}), whose inverse is a quadratic in u. Neighbours share
their edge, so the map is continuous; it is one-to-one wherever the cross directions do not meet.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kinema.kernels.jit import kernel

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

MISS = -1


class Line(NamedTuple):
    """n patches: vertices (x, y), cross directions (nx, ny), stations st, widths left and right, all (n + 1,);
    wrap: the length around, 1e300 where the line is open."""

    x: F64
    y: F64
    nx: F64
    ny: F64
    st: F64
    left: F64
    right: F64
    wrap: float


class Cells(NamedTuple):
    """A grid from (x0, y0), `across` by `up` cells of `size`; cell k holds patches items[start[k] : start[k + 1]]."""

    x0: float
    y0: float
    size: float
    across: int
    up: int
    start: I64
    items: I64


@kernel
def invert_patch(x: float, y: float, line: Line, i: int) -> tuple[float, float]:
    """(u, d) of a point on patch i, u outside 0 to 1 where the patch does not hold it (2.0: no solution)."""
    nx, ny = line.nx[i], line.ny[i]
    ex, ey = line.x[i + 1] - line.x[i], line.y[i + 1] - line.y[i]
    dnx, dny = line.nx[i + 1] - nx, line.ny[i + 1] - ny
    rx, ry = x - line.x[i], y - line.y[i]
    # (r − u e) × (N + u dN) = 0
    a = -(ex * dny - ey * dnx)
    b = (rx * dny - ry * dnx) - (ex * ny - ey * nx)
    c = rx * ny - ry * nx
    disc = b * b - 4.0 * a * c
    if disc < 0.0:
        return 2.0, 0.0
    root = np.sqrt(disc)
    # On the unfolded side of the patch b < 0: this is the root that stays finite as a vanishes.
    below = b - root
    if below == 0.0:
        return 2.0, 0.0
    u = -2.0 * c / below
    mx, my = nx + u * dnx, ny + u * dny
    d = ((rx - u * ex) * mx + (ry - u * ey) * my) / (mx * mx + my * my)
    return u, d


@kernel
def place(s: F64, d: F64, line: Line, out_x: F64, out_y: F64) -> None:
    """Points of stations s and offsets d, within the line's stations."""
    last = line.st.shape[0] - 2
    for k in range(s.shape[0]):
        i, hi = 0, last
        while i < hi:
            mid = (i + hi + 1) // 2
            if line.st[mid] <= s[k]:
                i = mid
            else:
                hi = mid - 1
        u = (s[k] - line.st[i]) / (line.st[i + 1] - line.st[i])
        out_x[k] = between(line.x, i, u) + d[k] * between(line.nx, i, u)
        out_y[k] = between(line.y, i, u) + d[k] * between(line.ny, i, u)


@kernel
def between(values: F64, i: int, u: float) -> float:
    """The value at share u of patch i."""
    return float(values[i] + u * (values[i + 1] - values[i]))


@kernel
def fill_cells(line: Line, cells: Cells, counts: I64) -> None:
    """Count (items empty) or write, cell by cell, the patches whose box within the widths touches it."""
    count_only = cells.items.shape[0] == 0
    for i in range(line.x.shape[0] - 1):
        lo_x, hi_x, lo_y, hi_y = 1e300, -1e300, 1e300, -1e300
        for j in range(i, i + 2):
            for d in (line.left[j], -line.right[j]):
                vx, vy = line.x[j] + d * line.nx[j], line.y[j] + d * line.ny[j]
                lo_x, hi_x = min(lo_x, vx), max(hi_x, vx)
                lo_y, hi_y = min(lo_y, vy), max(hi_y, vy)
        for cy in range(int((lo_y - cells.y0) / cells.size), int((hi_y - cells.y0) / cells.size) + 1):
            for cx in range(int((lo_x - cells.x0) / cells.size), int((hi_x - cells.x0) / cells.size) + 1):
                k = cy * cells.across + cx
                if not count_only:
                    cells.items[cells.start[k] + counts[k]] = i
                counts[k] += 1


@kernel
def cell_of(x: float, y: float, cells: Cells) -> int:
    """The cell that holds a point, MISS outside of the grid."""
    cx, cy = int((x - cells.x0) / cells.size), int((y - cells.y0) / cells.size)
    if x >= cells.x0 and y >= cells.y0 and cx < cells.across and cy < cells.up:
        return cy * cells.across + cx
    return MISS


@kernel
def nearest_patch(x: float, y: float, line: Line) -> tuple[int, float, float]:
    """Patch, u and signed offset of the nearest point of the plain polyline, by looking at every edge."""
    best, best_u, best_d2 = 0, 0.0, 1e300
    for i in range(line.x.shape[0] - 1):
        ex, ey = line.x[i + 1] - line.x[i], line.y[i + 1] - line.y[i]
        u = ((x - line.x[i]) * ex + (y - line.y[i]) * ey) / (ex * ex + ey * ey)
        u = min(1.0, max(0.0, u))
        dx, dy = x - line.x[i] - u * ex, y - line.y[i] - u * ey
        d2 = dx * dx + dy * dy
        if d2 < best_d2:
            best, best_u, best_d2 = i, u, d2
    dx, dy = x - between(line.x, best, best_u), y - between(line.y, best, best_u)
    to_left = dx * between(line.nx, best, best_u) + dy * between(line.ny, best, best_u)
    return best, best_u, np.copysign(np.sqrt(best_d2), to_left)


@kernel
def best_patch(
    x: float, y: float, near_s: float, weight: float, hx: float, hy: float, line: Line, cells: Cells, cell: int
) -> tuple[int, float, float, float]:
    """The patch of a cell that suits a point best: metres outside the widths, plus `weight` times the metres from
    station near_s, plus 20 m against the heading (hx, hy), plus a thousandth of the offset.

    Returns patch, u, d, cost.
    """
    best, best_u, best_d, best_cost = MISS, 0.0, 0.0, 1e300
    for k in range(cells.start[cell], cells.start[cell + 1]):
        i = cells.items[k]
        c0 = (x - line.x[i]) * line.ny[i] - (y - line.y[i]) * line.nx[i]
        c1 = (x - line.x[i + 1]) * line.ny[i + 1] - (y - line.y[i + 1]) * line.nx[i + 1]
        # Ahead of the first cross direction and not beyond the second; a hair of slack for rounding.
        if c0 < -1e-9 or c1 > 1e-9:
            continue
        u, d = invert_patch(x, y, line, i)
        if u < -1e-9 or u > 1.0 + 1e-9:
            continue
        u = min(1.0, max(0.0, u))
        cost = max(0.0, max(d - between(line.left, i, u), -d - between(line.right, i, u))) + 1e-3 * abs(d)
        if weight > 0.0:
            gap = abs(between(line.st, i, u) - near_s)
            cost += weight * min(gap, abs(line.wrap - gap))
        if hx * (line.x[i + 1] - line.x[i]) + hy * (line.y[i + 1] - line.y[i]) < 0.0:
            cost += 20.0
        if cost < best_cost:
            best, best_u, best_d, best_cost = i, u, d, cost
    return best, best_u, best_d, best_cost


@kernel
def locate(x: F64, y: F64, near_s: F64, weight: float, line: Line, cells: Cells, out_s: F64, out_d: F64) -> None:
    """Stations and offsets of unordered points; where weight > 0, near the stations near_s."""
    for k in range(x.shape[0]):
        i, u, d = MISS, 0.0, 0.0
        cell = cell_of(x[k], y[k], cells)
        if cell != MISS:
            i, u, d, _ = best_patch(x[k], y[k], near_s[k], weight, 0.0, 0.0, line, cells, cell)
        if i == MISS:
            i, u, d = nearest_patch(x[k], y[k], line)
        out_s[k] = between(line.st, i, u)
        out_d[k] = d


@kernel
def follow(x: F64, y: F64, line: Line, cells: Cells, out_s: F64, out_d: F64) -> None:
    """Stations and offsets of points in the order in which they were driven, each near where the one before leads.

    On a bridge the way decides which deck one is on. Starts afresh where the points leap by more than 200 m.
    """
    known = False
    i_last, s_last = 0, 0.0
    for k in range(x.shape[0]):
        hx, hy = 0.0, 0.0
        if k > 0:
            hx, hy = x[k] - x[k - 1], y[k] - y[k - 1]
        elif x.shape[0] > 1:
            hx, hy = x[1] - x[0], y[1] - y[0]
        step = np.sqrt(hx * hx + hy * hy)
        if step > 200.0:
            known = False
        i, u, d, cost = MISS, 0.0, 0.0, 0.0
        cell = cell_of(x[k], y[k], cells)
        if cell != MISS and known:
            ex, ey = line.x[i_last + 1] - line.x[i_last], line.y[i_last + 1] - line.y[i_last]
            ahead = s_last + (hx * ex + hy * ey) / np.sqrt(ex * ex + ey * ey)
            i, u, d, cost = best_patch(x[k], y[k], ahead, 0.2, 0.0, 0.0, line, cells, cell)
        if cell != MISS and (not known or cost > 30.0 + 0.2 * step):
            i, u, d, cost = best_patch(x[k], y[k], 0.0, 0.0, hx, hy, line, cells, cell)
        known = i != MISS
        if i == MISS:
            i, u, d = nearest_patch(x[k], y[k], line)
        out_s[k] = between(line.st, i, u)
        out_d[k] = d
        i_last, s_last = i, out_s[k]
