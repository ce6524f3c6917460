"""Counts behind HOTA, CLEAR and identity metrics, over ragged frames of similarity matrices.

Frame k holds rows `gt_start[k]:gt_start[k + 1]` of truth and `tr_start[k]:tr_start[k + 1]` of tracks; its similarity
matrix (truth × tracks) lies row-major in `sim[offset[k]:offset[k + 1]]`. Ids are 0, 1, 2, … without gaps.
"""

from __future__ import annotations

import numpy as np

from kinema.kernels.assignment import assign
from kinema.kernels.jit import kernel

EPS = 2.220446049250313e-16


@kernel
def box_similarity(
    gt_box: np.ndarray,
    gt_start: np.ndarray,
    tr_box: np.ndarray,
    tr_start: np.ndarray,
    offset: np.ndarray,
    sim: np.ndarray,
) -> None:
    """Intersection over union of boxes (x, y, w, h) of the same frame, into `sim`."""
    for k in range(len(gt_start) - 1):
        at = offset[k]
        for i in range(gt_start[k], gt_start[k + 1]):
            ax0, ay0 = gt_box[i, 0], gt_box[i, 1]
            ax1, ay1 = ax0 + gt_box[i, 2], ay0 + gt_box[i, 3]
            area_a = (ax1 - ax0) * (ay1 - ay0)
            for j in range(tr_start[k], tr_start[k + 1]):
                bx0, by0 = tr_box[j, 0], tr_box[j, 1]
                bx1, by1 = bx0 + tr_box[j, 2], by0 + tr_box[j, 3]
                area_b = (bx1 - bx0) * (by1 - by0)
                both = max(min(ax1, bx1) - max(ax0, bx0), 0.0) * max(min(ay1, by1) - max(ay0, by0), 0.0)
                union = area_a + area_b - both
                if area_a <= EPS or area_b <= EPS or union <= EPS:
                    sim[at] = 0.0
                else:
                    sim[at] = both / union
                at += 1


@kernel
def match_frames(
    gt_start: np.ndarray, tr_start: np.ndarray, offset: np.ndarray, sim: np.ndarray, least: float, partner: np.ndarray
) -> None:
    """Best matching per frame with similarity ≥ `least`: partner (truth rows,) gets the track row or −1."""
    partner[:] = -1
    for k in range(len(gt_start) - 1):
        n, m = gt_start[k + 1] - gt_start[k], tr_start[k + 1] - tr_start[k]
        if n == 0 or m == 0:
            continue
        cost = np.empty((n, m))
        at = offset[k]
        for i in range(n):
            for j in range(m):
                s = sim[at + i * m + j]
                cost[i, j] = -s if s >= least - EPS else 0.0
        row, col = np.empty(n, np.int64), np.empty(m, np.int64)
        assign(cost, row, col, np.empty(3 * max(n, m)))
        for i in range(n):
            if row[i] >= 0 and cost[i, row[i]] < -EPS:
                partner[gt_start[k] + i] = tr_start[k] + row[i]


@kernel
def alignment(
    gt_id: np.ndarray,
    gt_start: np.ndarray,
    tr_id: np.ndarray,
    tr_start: np.ndarray,
    offset: np.ndarray,
    sim: np.ndarray,
    least: float,
    potential: np.ndarray,
    overlaps: np.ndarray,
) -> None:
    """Sums over all frames, per pair of identities: `potential` of normalised similarity (HOTA's first pass),
    `overlaps` of frames with similarity ≥ `least` (identity metrics)."""
    for k in range(len(gt_start) - 1):
        n, m = gt_start[k + 1] - gt_start[k], tr_start[k + 1] - tr_start[k]
        if n == 0 or m == 0:
            continue
        frame = sim[offset[k] : offset[k + 1]].reshape(n, m)
        by_row, by_col = np.zeros(n), np.zeros(m)
        for i in range(n):
            for j in range(m):
                by_row[i] += frame[i, j]
                by_col[j] += frame[i, j]
        for i in range(n):
            g = gt_id[gt_start[k] + i]
            for j in range(m):
                t = tr_id[tr_start[k] + j]
                whole = by_col[j] + by_row[i] - frame[i, j]
                if whole > EPS:
                    potential[g, t] += frame[i, j] / whole
                if frame[i, j] >= least:
                    overlaps[g, t] += 1


@kernel
def hota_pairs(
    gt_id: np.ndarray,
    gt_start: np.ndarray,
    tr_id: np.ndarray,
    tr_start: np.ndarray,
    offset: np.ndarray,
    sim: np.ndarray,
    score: np.ndarray,
    pair_gt: np.ndarray,
    pair_tr: np.ndarray,
    pair_sim: np.ndarray,
) -> int:
    """HOTA's matching: each frame's best assignment under `score` (identities) × similarity.

    Fills the matched pairs and their similarity; returns how many there are.
    """
    count = 0
    for k in range(len(gt_start) - 1):
        n, m = gt_start[k + 1] - gt_start[k], tr_start[k + 1] - tr_start[k]
        if n == 0 or m == 0:
            continue
        frame = sim[offset[k] : offset[k + 1]].reshape(n, m)
        cost = np.empty((n, m))
        for i in range(n):
            g = gt_id[gt_start[k] + i]
            for j in range(m):
                cost[i, j] = -(score[g, tr_id[tr_start[k] + j]] * frame[i, j])
        row, col = np.empty(n, np.int64), np.empty(m, np.int64)
        assign(cost, row, col, np.empty(3 * max(n, m)))
        for i in range(n):
            if row[i] >= 0:
                pair_gt[count] = gt_id[gt_start[k] + i]
                pair_tr[count] = tr_id[tr_start[k] + row[i]]
                pair_sim[count] = frame[i, row[i]]
                count += 1
    return count


@kernel
def clear_counts(
    gt_id: np.ndarray,
    gt_start: np.ndarray,
    tr_id: np.ndarray,
    tr_start: np.ndarray,
    offset: np.ndarray,
    sim: np.ndarray,
    least: float,
    seen: np.ndarray,
    matched: np.ndarray,
    fragments: np.ndarray,
    out: np.ndarray,
) -> None:
    """CLEAR MOT counts (Bernardin & Stiefelhagen 2008) with the matching that keeps the last frame's identities.

    seen, matched, fragments (identities of truth,) int64 are filled; out (5,) gets TP, FN, FP, identity switches and
    the sum of similarities.
    """
    n_ids = len(seen)
    last_id = np.full(n_ids, -1, np.int64)
    last_frame_id = np.full(n_ids, -1, np.int64)
    for k in range(len(gt_start) - 1):
        n, m = gt_start[k + 1] - gt_start[k], tr_start[k + 1] - tr_start[k]
        if n == 0:
            out[2] += m
            continue
        for i in range(n):
            seen[gt_id[gt_start[k] + i]] += 1
        if m == 0:
            out[1] += n
            continue
        frame = sim[offset[k] : offset[k + 1]].reshape(n, m)
        cost = np.empty((n, m))
        for i in range(n):
            g = gt_id[gt_start[k] + i]
            for j in range(m):
                s = frame[i, j]
                kept = 1000.0 if tr_id[tr_start[k] + j] == last_frame_id[g] else 0.0
                cost[i, j] = -(kept + s) if s >= least - EPS else -0.0
        row, col = np.empty(n, np.int64), np.empty(m, np.int64)
        assign(cost, row, col, np.empty(3 * max(n, m)))
        tracked_before = last_frame_id >= 0
        last_frame_id[:] = -1
        hits = 0
        for i in range(n):
            if row[i] < 0 or cost[i, row[i]] >= -EPS:
                continue
            g, t = gt_id[gt_start[k] + i], tr_id[tr_start[k] + row[i]]
            if last_id[g] >= 0 and last_id[g] != t:
                out[3] += 1
            last_id[g] = t
            last_frame_id[g] = t
            matched[g] += 1
            hits += 1
            out[4] += frame[i, row[i]]
            if not tracked_before[g]:
                fragments[g] += 1
        out[0] += hits
        out[1] += n - hits
        out[2] += m - hits
