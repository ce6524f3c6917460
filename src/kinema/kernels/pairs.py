"""Sparse assignment: candidate pairs fall into groups that share no row or column, and each group is solved alone.

Memory grows with the candidates, never with rows × columns.
"""

from __future__ import annotations

import numpy as np

from kinema.kernels.assignment import assign
from kinema.kernels.jit import kernel

NO_PAIR = 1e6
LARGEST = 1500
"""A group with more rows or columns than this is matched greedily: its table would not fit."""


@kernel
def _root(parent: np.ndarray, k: int) -> int:
    while parent[k] != k:
        parent[k] = parent[parent[k]]
        k = parent[k]
    return k


@kernel
def sorted_order(values: np.ndarray, order: np.ndarray) -> None:
    """Heap sort: `order` (n,) int64 gets the indices of `values` from the least to the greatest.

    (The compiler needs seconds for the library's sorts, each time they are used, and a tenth of that for this one.)
    """
    n = len(values)
    for k in range(n):
        order[k] = k
    start, end = n // 2, n
    while end > 1:
        if start > 0:
            start -= 1
        else:
            end -= 1
            order[0], order[end] = order[end], order[0]
        root = start
        while 2 * root + 1 < end:
            child = 2 * root + 1
            if child + 1 < end and values[order[child]] < values[order[child + 1]]:
                child += 1
            if values[order[root]] >= values[order[child]]:
                break
            order[root], order[child] = order[child], order[root]
            root = child


@kernel
def _greedy(
    rows: np.ndarray,
    cols: np.ndarray,
    costs: np.ndarray,
    part: np.ndarray,
    row_to_col: np.ndarray,
    col_to_row: np.ndarray,
) -> None:
    order = np.empty(len(part), np.int64)
    sorted_order(costs[part], order)
    for at in order:
        k = part[at]
        if row_to_col[rows[k]] < 0 and col_to_row[cols[k]] < 0:
            row_to_col[rows[k]] = cols[k]
            col_to_row[cols[k]] = rows[k]


@kernel
def _grouped(group: np.ndarray, n_groups: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices of pairs in order of their group, and where each group starts (counting sort)."""
    start = np.zeros(n_groups + 1, np.int64)
    for k in range(len(group)):
        start[group[k] + 1] += 1
    for g in range(n_groups):
        start[g + 1] += start[g]
    fill = start.copy()
    order = np.empty(len(group), np.int64)
    for k in range(len(group)):
        order[fill[group[k]]] = k
        fill[group[k]] += 1
    return order, start


@kernel
def _places(of: np.ndarray, part: np.ndarray, place: np.ndarray, members: np.ndarray) -> int:
    """Number the rows (or columns) of a group 0, 1, 2, … in `place`; `members` gets them; returns how many."""
    n = 0
    for k in part:
        if place[of[k]] < 0:
            place[of[k]] = n
            members[n] = of[k]
            n += 1
    return n


@kernel
def match_pairs(
    rows: np.ndarray, cols: np.ndarray, costs: np.ndarray, row_to_col: np.ndarray, col_to_row: np.ndarray
) -> None:
    """Match rows with columns over candidate pairs (rows, cols, costs) so that most are matched, at least cost.

    row_to_col and col_to_row are filled where a pair is chosen and left alone elsewhere (they start at −1).
    Costs must be far below NO_PAIR.
    """
    n_rows, n_cols, n = len(row_to_col), len(col_to_row), len(rows)
    if n == 0:
        return
    parent = np.arange(n_rows + n_cols)
    for k in range(n):
        a, b = _root(parent, rows[k]), _root(parent, n_rows + cols[k])
        if a != b:
            parent[a] = b
    group = np.empty(n, np.int64)
    for k in range(n):
        group[k] = _root(parent, rows[k])
    order, start = _grouped(group, n_rows + n_cols)
    row_place, col_place = np.full(n_rows, -1, np.int64), np.full(n_cols, -1, np.int64)
    my_rows, my_cols = np.empty(n_rows, np.int64), np.empty(n_cols, np.int64)
    for g in range(n_rows + n_cols):
        part = order[start[g] : start[g + 1]]
        if len(part) == 0:
            continue
        if len(part) == 1:
            row_to_col[rows[part[0]]] = cols[part[0]]
            col_to_row[cols[part[0]]] = rows[part[0]]
            continue
        r, c = _places(rows, part, row_place, my_rows), _places(cols, part, col_place, my_cols)
        if max(r, c) > LARGEST:
            _greedy(rows, cols, costs, part, row_to_col, col_to_row)
            continue
        table = np.full((r, c), NO_PAIR)
        for k in part:
            table[row_place[rows[k]], col_place[cols[k]]] = costs[k]
        row, col = np.empty(r, np.int64), np.empty(c, np.int64)
        assign(table, row, col, np.empty(3 * max(r, c)))
        for i in range(r):
            if row[i] >= 0 and table[i, row[i]] < NO_PAIR:
                row_to_col[my_rows[i]] = my_cols[row[i]]
                col_to_row[my_cols[row[i]]] = my_rows[i]
