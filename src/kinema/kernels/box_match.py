"""Which box belongs to which track: scores of pairs and four rounds of association."""

from __future__ import annotations

import numpy as np

from kinema.kernels.box_look import strangeness
from kinema.kernels.box_motion import CONFIRMED, TENTATIVE, BoxMotion, Frame, Tracks, box_scale, overlap
from kinema.kernels.jit import kernel
from kinema.kernels.pairs import NO_PAIR, match_pairs, sorted_order

VAGUE = 0.3
"""Noise of place and size against likelihood, as a share of the size."""
MOST_PARTNERS = 100
"""Candidates of one track in one round: memory stays linear however many boxes lie over each other."""


@kernel
def _unlikeness(x: np.ndarray, var: np.ndarray, det: np.ndarray, noise: float) -> float:
    """Twice the negative log-likelihood of a box, in units of the track's size, with a quarter of the usual volume
    term: long-lost tracks then compete with fresh ones without winning by vagueness."""
    size = box_scale(x[2], x[3])
    total = 0.0
    for c in range(4):
        s = var[c, 0] + (noise * size) ** 2
        total += (det[c] - x[c]) ** 2 / s + 0.25 * np.log(s / (size * size))
    return total


@kernel
def _pair_cost(
    turn: int,
    x: np.ndarray,
    var: np.ndarray,
    box: np.ndarray,
    score: float,
    lost_s: float,
    least: float,
    strange: float,
    how: BoxMotion,
) -> float:
    """Cost of a track and a detection in one of the rounds of `associate`; NO_PAIR where they cannot belong."""
    if lost_s > 0.0 and strange > how.strangest:
        return NO_PAIR
    if turn == 1:
        cost = _unlikeness(x, var, box, VAGUE) + how.look_likely * strange
        return cost if cost <= how.likely else NO_PAIR
    o = overlap(x, box, 0.0)
    if turn == 0:
        worth = 1.0 - o * (1.0 - how.of_score * (1.0 - score)) + 0.02 * min(lost_s, 1.0) + how.of_look * strange
        return worth if o >= least else NO_PAIR
    return 1.0 - o + how.of_look * strange if o >= (how.weak_overlap if turn == 2 else 0.1) else NO_PAIR


@kernel
def _reach(turn: int, x: np.ndarray, var_x: float, how: BoxMotion) -> float:
    """How far to the side a box can be without being refused at once: half the width, to which half of the box's is
    added; against likelihood (turn 1), where the other terms of the cost are as low as they can be."""
    if turn != 1:
        return x[2] / 2
    spread = var_x + (VAGUE * box_scale(x[2], x[3])) ** 2
    return np.sqrt(max(how.likely + how.look_likely - 2.0 * np.log(VAGUE), 0.0) * spread)


@kernel
def _cheapest(cols: np.ndarray, costs: np.ndarray) -> int:
    """Bring the MOST_PARTNERS cheapest candidates to the front."""
    order = np.empty(len(costs), np.int64)
    sorted_order(costs, order)
    old_cols, old_costs = cols.copy(), costs.copy()
    for k in range(MOST_PARTNERS):
        cols[k], costs[k] = old_cols[order[k]], old_costs[order[k]]
    return MOST_PARTNERS


@kernel
def associate(
    tracks: Tracks, frame: Frame, score: np.ndarray, strong: np.ndarray, lost_least: float, looks: np.ndarray,
    how: BoxMotion, row_to_col: np.ndarray, col_to_row: np.ndarray,
) -> None:  # fmt: skip
    """Four rounds, each over what the ones before left: confirmed tracks by overlap; by likelihood; fresh ones with
    weak detections; tentative tracks. `score` (m,) is the levelled one, `lost_least` the overlap asked of a track
    that was missed; looks as in `box_look`. row_to_col (tracks,), col_to_row (detections,) get partners, else −1."""
    x, mood, det = tracks.x, tracks.mood, frame.det
    n, m = len(x), len(det)
    row_to_col[:] = -1
    col_to_row[:] = -1
    rows, cols, costs = np.empty(256, np.int32), np.empty(256, np.int32), np.empty(256)
    for turn in range(4):
        k = 0
        for t in range(n):
            first = k
            if tracks.mark[t, 0] != (TENTATIVE if turn == 3 else CONFIRMED) or row_to_col[t] >= 0:
                continue
            fresh = mood[t, 3] >= frame.before_s
            if turn == 2 and not fresh:
                continue
            lost_s = 0.0 if fresh else frame.now_s - mood[t, 3]
            least = how.least_overlap if fresh else lost_least
            reach = _reach(turn, x[t], tracks.var[t, 0, 0], how)
            for j in range(m):
                if col_to_row[j] >= 0 or strong[j] == (turn == 2):
                    continue
                if abs(det[j, 0] - x[t, 0]) > reach + (0.0 if turn == 1 else det[j, 2] / 2):
                    continue
                strange = strangeness(tracks.look[t], frame.seen[j], looks)
                cost = _pair_cost(turn, x[t], tracks.var[t], det[j], score[j], lost_s, least, strange, how)
                if cost >= NO_PAIR:
                    continue
                if k == len(rows):
                    rows = np.concatenate((rows, rows))
                    cols = np.concatenate((cols, cols))
                    costs = np.concatenate((costs, costs))
                rows[k], cols[k], costs[k] = t, j, cost
                k += 1
            if k - first > MOST_PARTNERS:
                k = first + _cheapest(cols[first:k], costs[first:k])
        match_pairs(rows[:k], cols[:k], costs[:k], row_to_col, col_to_row)
