"""CLEAR MOT counts by the rules of py-motmetrics: an object's partner is remembered over any gap, not for one frame.

Arrays are those of `mot_metrics`: ragged frames of similarity matrices, ids 0, 1, 2, … without gaps.
"""

from __future__ import annotations

import numpy as np

from kinema.kernels.assignment import assign
from kinema.kernels.jit import kernel

NO_PAIR = 1e6


@kernel
def sticky_counts(
    gt_id: np.ndarray, gt_start: np.ndarray, tr_id: np.ndarray, tr_start: np.ndarray, offset: np.ndarray,
    sim: np.ndarray, most: float, seen: np.ndarray, matched: np.ndarray, fragments: np.ndarray, out: np.ndarray,
) -> None:  # fmt: skip
    """Pairs must be at most `most` (1 − similarity) apart: first, in order of the rows, those of the last partners,
    then as many of the others as can be, at the least sum of distances.

    seen, matched, fragments (identities of truth,) int64 are filled (fragments: changes from tracked to missed that are
    followed by tracked again); out (5,) gets TP, FN, FP, identity switches and the sum of similarities.
    """
    partner = np.full(len(seen), -1, np.int64)
    missed = np.zeros(len(seen), np.bool_)
    for k in range(len(gt_start) - 1):
        n, m = gt_start[k + 1] - gt_start[k], tr_start[k + 1] - tr_start[k]
        row, taken = np.full(n, -1, np.int64), np.zeros(m, np.bool_)
        frame = sim[offset[k] : offset[k + 1]].reshape(n, m)
        for i in range(n):
            last = partner[gt_id[gt_start[k] + i]]
            if last < 0:
                continue
            for j in range(m):
                if tr_id[tr_start[k] + j] == last and not taken[j]:
                    if 1.0 - frame[i, j] <= most:
                        row[i], taken[j] = j, True
                    break
        _match_rest(frame, most, row, taken)
        hits = 0
        for i in range(n):
            g = gt_id[gt_start[k] + i]
            seen[g] += 1
            if row[i] < 0:
                missed[g] = partner[g] >= 0
                continue
            t = tr_id[tr_start[k] + row[i]]
            if partner[g] >= 0 and partner[g] != t:
                out[3] += 1
            if missed[g]:
                fragments[g] += 1
            missed[g], partner[g] = False, t
            matched[g] += 1
            hits += 1
            out[4] += frame[i, row[i]]
        out[0] += hits
        out[1] += n - hits
        out[2] += m - hits


@kernel
def _match_rest(frame: np.ndarray, most: float, row: np.ndarray, taken: np.ndarray) -> None:
    """Match the rows without partner with the columns that are not taken."""
    n, m = frame.shape
    rows, cols = np.empty(n, np.int64), np.empty(m, np.int64)
    r = c = 0
    for i in range(n):
        if row[i] < 0:
            rows[r] = i
            r += 1
    for j in range(m):
        if not taken[j]:
            cols[c] = j
            c += 1
    if r == 0 or c == 0:
        return
    cost = np.empty((r, c))
    for i in range(r):
        for j in range(c):
            far = 1.0 - frame[rows[i], cols[j]]
            cost[i, j] = far if far <= most else NO_PAIR
    to, back = np.empty(r, np.int64), np.empty(c, np.int64)
    assign(cost, to, back, np.empty(3 * max(r, c)))
    for i in range(r):
        if to[i] >= 0 and cost[i, to[i]] < NO_PAIR:
            row[rows[i]] = cols[to[i]]
