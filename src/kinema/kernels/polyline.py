"""Curvilinear coordinates on a strip of bilinear patches: exact both ways, and found through a grid of cells.

Vertex i of the strip is (x, y) with a cross direction (nx, ny) to its left; between vertices both run linearly. Point
(u, d) of patch i is (1 − u)(P_i + d N_i) + u (P_{i+1} + d N_{i+1}), whose inverse is a quadratic in u. Neighbours share
their edge, so the map is continuous; it is one-to-one wherever the cross directions do not meet.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kinema.kernels.jit import kernel

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

MISS = -1


@kernel
def invert_patch(x: float, y: float, px: F64, py: F64, nx: F64, ny: F64, i: int) -> tuple[float, float]:
    """(u, d) of a point on patch i, u outside 0 to 1 where the patch does not hold it (2.0: no solution)."""
    ex, ey = px[i + 1] - px[i], py[i + 1] - py[i]
    dnx, dny = nx[i + 1] - nx[i], ny[i + 1] - ny[i]
    rx, ry = x - px[i], y - py[i]
    # (r − u e) × (N + u dN) = 0
    a = -(ex * dny - ey * dnx)
    b = (rx * dny - ry * dnx) - (ex * ny[i] - ey * nx[i])
    c = rx * ny[i] - ry * nx[i]
    disc = b * b - 4.0 * a * c
    if disc < 0.0:
        return 2.0, 0.0
    root = np.sqrt(disc)
    # On the unfolded side of the patch b < 0: this is the root that stays finite as a vanishes.
    below = b - root
    if below == 0.0:
        return 2.0, 0.0
    u = -2.0 * c / below
    mx, my = nx[i] + u * dnx, ny[i] + u * dny
    d = ((rx - u * ex) * mx + (ry - u * ey) * my) / (mx * mx + my * my)
    return u, d


@kernel
def place(s: F64, d: F64, px: F64, py: F64, nx: F64, ny: F64, st: F64, out_x: F64, out_y: F64) -> None:
    """Points of stations s and offsets d, within the strip's stations st (n + 1)."""
    last = st.shape[0] - 2
    for k in range(s.shape[0]):
        lo, hi = 0, last
        while lo < hi:
            mid = (lo + hi + 1) // 2
            if st[mid] <= s[k]:
                lo = mid
            else:
                hi = mid - 1
        u = (s[k] - st[lo]) / (st[lo + 1] - st[lo])
        out_x[k] = px[lo] + u * (px[lo + 1] - px[lo]) + d[k] * (nx[lo] + u * (nx[lo + 1] - nx[lo]))
        out_y[k] = py[lo] + u * (py[lo + 1] - py[lo]) + d[k] * (ny[lo] + u * (ny[lo + 1] - ny[lo]))


@kernel
def fill_cells(
    px: F64,
    py: F64,
    nx: F64,
    ny: F64,
    left: F64,
    right: F64,
    x0: float,
    y0: float,
    cell: float,
    nx_cells: int,
    ny_cells: int,
    counts: I64,
    start: I64,
    items: I64,
) -> None:
    """Count (items empty) or write, cell by cell, the patches whose box within left/right (n + 1) touches it."""
    count_only = items.shape[0] == 0
    for i in range(px.shape[0] - 1):
        lo_x, hi_x, lo_y, hi_y = 1e300, -1e300, 1e300, -1e300
        for j in range(i, i + 2):
            for d in (left[j], -right[j]):
                vx, vy = px[j] + d * nx[j], py[j] + d * ny[j]
                lo_x, hi_x = min(lo_x, vx), max(hi_x, vx)
                lo_y, hi_y = min(lo_y, vy), max(hi_y, vy)
        for cy in range(int((lo_y - y0) / cell), int((hi_y - y0) / cell) + 1):
            for cx in range(int((lo_x - x0) / cell), int((hi_x - x0) / cell) + 1):
                k = cy * nx_cells + cx
                if not count_only:
                    items[start[k] + counts[k]] = i
                counts[k] += 1


@kernel
def nearest_patch(x: float, y: float, px: F64, py: F64, nx: F64, ny: F64) -> tuple[int, float, float]:
    """Patch, u and signed offset of the nearest point of the plain polyline, by looking at every edge."""
    best, best_u, best_d2 = 0, 0.0, 1e300
    for i in range(px.shape[0] - 1):
        ex, ey = px[i + 1] - px[i], py[i + 1] - py[i]
        u = ((x - px[i]) * ex + (y - py[i]) * ey) / (ex * ex + ey * ey)
        u = min(1.0, max(0.0, u))
        dx, dy = x - px[i] - u * ex, y - py[i] - u * ey
        d2 = dx * dx + dy * dy
        if d2 < best_d2:
            best, best_u, best_d2 = i, u, d2
    mx = nx[best] + best_u * (nx[best + 1] - nx[best])
    my = ny[best] + best_u * (ny[best + 1] - ny[best])
    dx = x - px[best] - best_u * (px[best + 1] - px[best])
    dy = y - py[best] - best_u * (py[best + 1] - py[best])
    return best, best_u, np.copysign(np.sqrt(best_d2), dx * mx + dy * my)


@kernel
def best_patch(
    x: float,
    y: float,
    near_s: float,
    weight: float,
    wrap: float,
    hx: float,
    hy: float,
    px: F64,
    py: F64,
    nx: F64,
    ny: F64,
    st: F64,
    left: F64,
    right: F64,
    start: I64,
    items: I64,
    cell_k: int,
) -> tuple[int, float, float, float]:
    """The patch of a cell that suits a point best: metres outside the widths, plus `weight` times the metres from
    station near_s (around the line if `wrap` is its length), plus 20 m against the heading (hx, hy), plus a thousandth
    of the offset. Returns patch, u, d, cost."""
    best, best_u, best_d, best_cost = MISS, 0.0, 0.0, 1e300
    for k in range(start[cell_k], start[cell_k + 1]):
        i = items[k]
        c0 = (x - px[i]) * ny[i] - (y - py[i]) * nx[i]
        c1 = (x - px[i + 1]) * ny[i + 1] - (y - py[i + 1]) * nx[i + 1]
        # Ahead of the first cross direction and not beyond the second; a hair of slack for rounding.
        if c0 < -1e-9 or c1 > 1e-9:
            continue
        u, d = invert_patch(x, y, px, py, nx, ny, i)
        if u < -1e-9 or u > 1.0 + 1e-9:
            continue
        u = min(1.0, max(0.0, u))
        over = d - (left[i] + u * (left[i + 1] - left[i]))
        under = -d - (right[i] + u * (right[i + 1] - right[i]))
        cost = max(0.0, max(over, under)) + 1e-3 * abs(d)
        if weight > 0.0:
            gap = abs(st[i] + u * (st[i + 1] - st[i]) - near_s)
            cost += weight * min(gap, abs(wrap - gap))
        if hx * (px[i + 1] - px[i]) + hy * (py[i + 1] - py[i]) < 0.0:
            cost += 20.0
        if cost < best_cost:
            best, best_u, best_d, best_cost = i, u, d, cost
    return best, best_u, best_d, best_cost


@kernel
def locate(
    x: F64,
    y: F64,
    near_s: F64,
    weight: float,
    wrap: float,
    px: F64,
    py: F64,
    nx: F64,
    ny: F64,
    st: F64,
    left: F64,
    right: F64,
    x0: float,
    y0: float,
    cell: float,
    nx_cells: int,
    ny_cells: int,
    start: I64,
    items: I64,
    out_s: F64,
    out_d: F64,
) -> None:
    """Stations and offsets of unordered points; where weight > 0, near the stations near_s."""
    for k in range(x.shape[0]):
        cx, cy = int((x[k] - x0) / cell), int((y[k] - y0) / cell)
        i, u, d = MISS, 0.0, 0.0
        if x[k] >= x0 and y[k] >= y0 and cx < nx_cells and cy < ny_cells:
            i, u, d, _ = best_patch(
                x[k],
                y[k],
                near_s[k],
                weight,
                wrap,
                0.0,
                0.0,
                px,
                py,
                nx,
                ny,
                st,
                left,
                right,
                start,
                items,
                cy * nx_cells + cx,
            )
        if i == MISS:
            i, u, d = nearest_patch(x[k], y[k], px, py, nx, ny)
        out_s[k] = st[i] + u * (st[i + 1] - st[i])
        out_d[k] = d


@kernel
def follow(
    x: F64,
    y: F64,
    wrap: float,
    px: F64,
    py: F64,
    nx: F64,
    ny: F64,
    st: F64,
    left: F64,
    right: F64,
    x0: float,
    y0: float,
    cell: float,
    nx_cells: int,
    ny_cells: int,
    start: I64,
    items: I64,
    out_s: F64,
    out_d: F64,
) -> None:
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
        cx, cy = int((x[k] - x0) / cell), int((y[k] - y0) / cell)
        i, u, d, cost = MISS, 0.0, 0.0, 0.0
        if x[k] >= x0 and y[k] >= y0 and cx < nx_cells and cy < ny_cells:
            cell_k = cy * nx_cells + cx
            if known:
                ex, ey = px[i_last + 1] - px[i_last], py[i_last + 1] - py[i_last]
                ahead = s_last + (hx * ex + hy * ey) / np.sqrt(ex * ex + ey * ey)
                i, u, d, cost = best_patch(
                    x[k], y[k], ahead, 0.2, wrap, 0.0, 0.0, px, py, nx, ny, st, left, right, start, items, cell_k
                )
            if not known or cost > 30.0 + 0.2 * step:
                i, u, d, cost = best_patch(
                    x[k], y[k], 0.0, 0.0, wrap, hx, hy, px, py, nx, ny, st, left, right, start, items, cell_k
                )
        known = i != MISS
        if i == MISS:
            i, u, d = nearest_patch(x[k], y[k], px, py, nx, ny)
        out_s[k] = st[i] + u * (st[i + 1] - st[i])
        out_d[k] = d
        i_last, s_last = i, out_s[k]
