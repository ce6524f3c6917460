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
def _greedy(
    rows: np.ndarray,
    cols: np.ndarray,
    costs: np.ndarray,
    order: np.ndarray,
    row_to_col: np.ndarray,
    col_to_row: np.ndarray,
) -> None:
    for k in order[np.argsort(costs[order])]:
        if row_to_col[rows[k]] < 0 and col_to_row[cols[k]] < 0:
            row_to_col[rows[k]] = cols[k]
            col_to_row[cols[k]] = rows[k]


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
    order = np.argsort(group, kind="mergesort")
    place = np.empty(n_rows + n_cols, np.int64)
    start = 0
    while start < n:
        stop = start
        while stop < n and group[order[stop]] == group[order[start]]:
            stop += 1
        part = order[start:stop]
        start = stop
        if len(part) == 1:
            row_to_col[rows[part[0]]] = cols[part[0]]
            col_to_row[cols[part[0]]] = rows[part[0]]
            continue
        my_rows, my_cols = np.unique(rows[part]), np.unique(cols[part])
        r, c = len(my_rows), len(my_cols)
        if max(r, c) > LARGEST:
            _greedy(rows, cols, costs, part, row_to_col, col_to_row)
            continue
        for i in range(r):
            place[my_rows[i]] = i
        for j in range(c):
            place[n_rows + my_cols[j]] = j
        table = np.full((r, c), NO_PAIR)
        for k in part:
            table[place[rows[k]], place[n_rows + cols[k]]] = costs[k]
        row, col = np.empty(r, np.int64), np.empty(c, np.int64)
        assign(table, row, col, np.empty(3 * max(r, c)))
        for i in range(r):
            if row[i] >= 0 and table[i, row[i]] < NO_PAIR:
                row_to_col[my_rows[i]] = my_cols[row[i]]
                col_to_row[my_cols[row[i]]] = my_rows[i]
