"""Assignment: exact, equal to another exact implementation even in ties, and the sparse form equal to the dense one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from kinema.kernels.assignment import assign
from kinema.kernels.pairs import NO_PAIR, match_pairs


def _assigned(cost: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    row, col = np.empty(cost.shape[0], np.int64), np.empty(cost.shape[1], np.int64)
    assign(cost, row, col, np.empty(3 * max(cost.shape)))
    return row, col


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (5, 5), (4, 9), (9, 4), (40, 40)])
@pytest.mark.parametrize("levels", [2, 3, 1000])
def test_same_partners_as_scipy_even_among_ties(shape: tuple[int, int], levels: int) -> None:
    rng = np.random.default_rng(levels)
    for _ in range(20):
        cost = rng.integers(-levels, levels, shape).astype(float)
        row, col = _assigned(cost)
        want_row, want_col = linear_sum_assignment(cost)
        assert np.array_equal(np.flatnonzero(row >= 0), want_row)
        assert np.array_equal(row[row >= 0], want_col)
        assert all(col[j] == i for i, j in enumerate(row) if j >= 0)


def test_sparse_pairs_cost_what_the_whole_table_costs() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        n, m = rng.integers(1, 30, 2)
        table = np.where(rng.random((n, m)) < 0.12, rng.normal(size=(n, m)), NO_PAIR)
        rows, cols = (a.astype(np.int32) for a in np.nonzero(table < NO_PAIR))
        row, col = np.full(n, -1), np.full(m, -1)
        match_pairs(rows, cols, table[rows, cols], row, col)
        a, b = linear_sum_assignment(table)
        real = table[a, b] < NO_PAIR
        assert (row >= 0).sum() == real.sum(), "as many as can be are matched"
        mine = table[np.flatnonzero(row >= 0), row[row >= 0]]
        assert mine.sum() == pytest.approx(table[a[real], b[real]].sum(), abs=1e-6)
        assert all(col[j] == i for i, j in enumerate(row) if j >= 0)


def test_pairs_that_were_taken_before_are_left_alone() -> None:
    row, col = np.array([5, -1]), np.array([-1, -1, -1, -1, -1, 0])
    match_pairs(np.array([1], np.int32), np.array([2], np.int32), np.array([0.5]), row, col)
    assert row.tolist() == [5, 2]
    assert col.tolist() == [-1, -1, 1, -1, -1, 0]


def test_a_group_too_large_for_a_table_is_still_matched() -> None:
    n = 4000
    at = np.arange(n, dtype=np.int32)
    rows, cols = np.concatenate((at, at[1:])), np.concatenate((at, at[:-1]))
    costs = np.concatenate((np.zeros(n), np.ones(n - 1)))
    row, col = np.full(n, -1), np.full(n, -1)
    match_pairs(rows, cols, costs, row, col)
    assert np.array_equal(row, at)
