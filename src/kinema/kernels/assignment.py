"""Exact assignment by shortest augmenting paths (Crouse 2016, doi:10.1109/TAES.2016.140952)."""

from __future__ import annotations

import numpy as np

from kinema.kernels.jit import kernel


@kernel
def assign(cost: np.ndarray, row_to_col: np.ndarray, col_to_row: np.ndarray, work: np.ndarray) -> None:
    """Minimum-cost assignment of a dense matrix (r, c).

    row_to_col (r,) and col_to_row (c,) int64 get the partner or −1; every row is assigned if r ≤ c, else every
    column. `work` is float64 of at least 3·max(r, c). The order of ties is that of the published algorithm, so that
    results equal those of other exact implementations of it.
    """
    rows, cols = cost.shape
    turned = cols < rows
    n, m = (cols, rows) if turned else (rows, cols)
    u = work[:n]
    v = work[n : n + m]
    short = work[n + m : n + 2 * m]
    path = np.empty(m, np.int64)
    col4row = np.empty(n, np.int64)
    row4col = np.empty(m, np.int64)
    seen_row = np.empty(n, np.bool_)
    seen_col = np.empty(m, np.bool_)
    remaining = np.empty(m, np.int64)
    u[:] = 0.0
    v[:] = 0.0
    col4row[:] = -1
    row4col[:] = -1
    path[:] = -1
    for start in range(n):
        lowest = 0.0
        left = m
        for k in range(m):
            remaining[k] = m - k - 1
        seen_row[:] = False
        seen_col[:] = False
        short[:] = np.inf
        sink = -1
        i = start
        while sink == -1:
            index = -1
            best = np.inf
            seen_row[i] = True
            for k in range(left):
                j = remaining[k]
                price = cost[j, i] if turned else cost[i, j]
                reach = lowest + price - u[i] - v[j]
                if reach < short[j]:
                    path[j] = i
                    short[j] = reach
                if short[j] < best or (short[j] == best and row4col[j] == -1):
                    best = short[j]
                    index = k
            lowest = best
            j = remaining[index]
            if row4col[j] == -1:
                sink = j
            else:
                i = row4col[j]
            seen_col[j] = True
            left -= 1
            remaining[index] = remaining[left]
        u[start] += lowest
        for k in range(n):
            if seen_row[k] and k != start:
                u[k] += lowest - short[col4row[k]]
        for k in range(m):
            if seen_col[k]:
                v[k] -= lowest - short[k]
        j = sink
        while True:
            i = path[j]
            row4col[j] = i
            j, col4row[i] = col4row[i], j
            if i == start:
                break
    if turned:
        row_to_col[:] = row4col
        col_to_row[:] = col4row
    else:
        row_to_col[:] = col4row
        col_to_row[:] = row4col
