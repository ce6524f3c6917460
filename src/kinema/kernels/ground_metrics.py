"""How far movers on the ground and their tracks are apart: similarity by distance, and the GOSPA metric.

Arrays are those of `mot_metrics`: ragged frames, here of points (n, 2).
"""

from __future__ import annotations

import numpy as np

from kinema.kernels.assignment import assign
from kinema.kernels.jit import kernel


@kernel
def point_similarity(
    gt_point: np.ndarray, gt_start: np.ndarray, tr_point: np.ndarray, tr_start: np.ndarray, offset: np.ndarray,
    zero_m: float, sim: np.ndarray,
) -> None:  # fmt: skip
    """1 at no distance, 0 from `zero_m` on, linear between, of points of the same frame, into `sim`."""
    for k in range(len(gt_start) - 1):
        at = offset[k]
        for i in range(gt_start[k], gt_start[k + 1]):
            for j in range(tr_start[k], tr_start[k + 1]):
                d0, d1 = gt_point[i, 0] - tr_point[j, 0], gt_point[i, 1] - tr_point[j, 1]
                sim[at] = max(0.0, 1.0 - np.sqrt(d0 * d0 + d1 * d1) / zero_m)
                at += 1


@kernel
def gospa_parts(
    gt_point: np.ndarray, gt_start: np.ndarray, tr_point: np.ndarray, tr_start: np.ndarray, cut_m: float,
    out: np.ndarray,
) -> None:  # fmt: skip
    """GOSPA with p = 2, α = 2 (Rahmathullah, García-Fernández and Svensson 2017, eq. 1 and prop. 1), by exact
    assignment: out (frames, 4) gets the sum of squared distances of the pairs, how many pairs there are, how many of
    the truth are missed and how many tracks are false."""
    for k in range(len(gt_start) - 1):
        n, m = gt_start[k + 1] - gt_start[k], tr_start[k + 1] - tr_start[k]
        out[k, 0], out[k, 1], out[k, 2], out[k, 3] = 0.0, 0.0, n, m
        if n == 0 or m == 0:
            continue
        cost = np.empty((n, m))
        for i in range(n):
            a = gt_start[k] + i
            for j in range(m):
                b = tr_start[k] + j
                d0, d1 = gt_point[a, 0] - tr_point[b, 0], gt_point[a, 1] - tr_point[b, 1]
                # A pair further apart than the cut costs what a missed and a false one do.
                cost[i, j] = min(d0 * d0 + d1 * d1, cut_m * cut_m)
        row, col = np.empty(n, np.int64), np.empty(m, np.int64)
        assign(cost, row, col, np.empty(3 * max(n, m)))
        for i in range(n):
            if row[i] >= 0 and cost[i, row[i]] < cut_m * cut_m:
                out[k, 0] += cost[i, row[i]]
                out[k, 1] += 1
        out[k, 2] -= out[k, 1]
        out[k, 3] -= out[k, 1]
