"""What adds up over sequences when identities are judged: counts behind HOTA, CLEAR MOT and identity metrics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from kinema.core.arrays import F64, I64, Bool

ALPHAS = np.arange(0.05, 0.99, 0.05)
HALF = 0.5
Rules = Literal["trackeval", "motmetrics"]
"""Which evaluator's CLEAR MOT: TrackEval remembers partners for one frame, py-motmetrics for ever, and "mostly tracked"
is above 80 % in the one, from 80 % on in the other."""


@dataclass(frozen=True)
class IdentityCounts:
    """Everything that adds up over sequences. Arrays are per ALPHA (19,)."""

    hota_tp: F64
    hota_fn: F64
    hota_fp: F64
    ass_a_sum: F64
    ass_re_sum: F64
    ass_pr_sum: F64
    loc_sum: F64
    clear: F64
    """TP, FN, FP, identity switches, similarity sum."""
    mostly: F64
    """Mostly tracked, partly tracked, mostly lost, fragmentations."""
    identity: F64
    """IDTP, IDFN, IDFP."""
    frames: int

    def __add__(self, other: IdentityCounts) -> IdentityCounts:
        """Counts of both."""
        return IdentityCounts(**{name: value + getattr(other, name) for name, value in vars(self).items()})


class Ragged:
    """Rows sorted by frame, with where each frame starts and ids 0, 1, 2, … without gaps; `what` (m, 4) boxes or (m, 2)
    points on the ground."""

    def __init__(self, frame: I64, identity: I64, what: F64, n_frames: int) -> None:
        self.order = np.argsort(frame, kind="stable")
        self.frame, self.id = frame[self.order], identity[self.order]
        self.what = np.ascontiguousarray(what[self.order])
        self.n_frames = n_frames
        self._index()

    def _index(self) -> None:
        self.start = np.searchsorted(self.frame, np.arange(1, self.n_frames + 2)).astype(np.int64)
        names, self.dense_id = np.unique(self.id, return_inverse=True)
        self.dense_id = self.dense_id.astype(np.int64)
        self.n_ids = len(names)

    def keep(self, rows: Bool) -> Ragged:
        self.order, self.frame = self.order[rows], self.frame[rows]
        self.what, self.id = np.ascontiguousarray(self.what[rows]), self.id[rows]
        self._index()
        return self


Similarity = Callable[[Ragged, Ragged], tuple[I64, F64]]


def offsets(gt: Ragged, tr: Ragged) -> I64:
    """Where the similarity matrix of each frame starts (frames + 1,)."""
    return np.concatenate(([0], np.cumsum(np.diff(gt.start) * np.diff(tr.start)))).astype(np.int64)


def box_overlaps(gt: Ragged, tr: Ragged) -> tuple[I64, F64]:
    """Where each frame starts, and intersection over union of all its pairs."""
    from kinema.kernels.mot_metrics import box_similarity

    offset = offsets(gt, tr)
    sim = np.empty(int(offset[-1]))
    box_similarity(gt.what, gt.start, tr.what, tr.start, offset, sim)
    return offset, sim


def count(gt: Ragged, tr: Ragged, n_frames: int, similarity: Similarity, rules: Rules = "trackeval") -> IdentityCounts:
    """Counts of one sequence."""
    from kinema.kernels import mot_metrics as kernels
    from kinema.kernels.assignment import assign
    from kinema.kernels.clear_sticky import sticky_counts

    n_gt, n_tr = len(gt.id), len(tr.id)
    zero = np.zeros(len(ALPHAS))
    if n_gt == 0 or n_tr == 0:
        clear = np.array([0, n_gt, n_tr, 0, 0.0])
        mostly = np.array([0, 0, gt.n_ids, 0.0])
        return IdentityCounts(
            zero, zero + n_gt, zero + n_tr, zero, zero, zero, zero, clear, mostly, np.array([0.0, n_gt, n_tr]), n_frames
        )
    offset, sim = similarity(gt, tr)
    args = (gt.dense_id, gt.start, tr.dense_id, tr.start, offset, sim)
    potential, overlaps = np.zeros((gt.n_ids, tr.n_ids)), np.zeros((gt.n_ids, tr.n_ids))
    # Where 1 − similarity is rounded, just below a half is a half.
    least = HALF if rules == "trackeval" else float(np.nextafter(HALF, 0.0))
    kernels.alignment(*args, least, potential, overlaps)
    gt_count = np.bincount(gt.dense_id, minlength=gt.n_ids).astype(float)
    tr_count = np.bincount(tr.dense_id, minlength=tr.n_ids).astype(float)

    hota = _count_hota(args, potential / (gt_count[:, None] + tr_count - potential), gt_count, tr_count)

    seen, matched, fragments = (np.zeros(gt.n_ids, np.int64) for _ in range(3))
    clear = np.zeros(5)
    if rules == "trackeval":
        kernels.clear_counts(*args, HALF, seen, matched, fragments, clear)
        pieces = (fragments[fragments > 0] - 1).sum()
    else:
        sticky_counts(*args, HALF, seen, matched, fragments, clear)
        pieces = fragments.sum()
    ratio = matched[seen > 0] / seen[seen > 0]
    tracked = int((ratio > 0.8).sum() if rules == "trackeval" else (ratio >= 0.8).sum())
    partly = int((ratio >= 0.2).sum()) - tracked
    mostly = np.array([tracked, partly, gt.n_ids - tracked - partly, pieces], float)

    row, col = np.empty(gt.n_ids, np.int64), np.empty(tr.n_ids, np.int64)
    assign(-overlaps, row, col, np.empty(3 * max(gt.n_ids, tr.n_ids)))
    idtp = float(sum(overlaps[i, j] for i, j in enumerate(row) if j >= 0))
    identity = np.array([idtp, n_gt - idtp, n_tr - idtp])
    return IdentityCounts(**hota, clear=clear, mostly=mostly, identity=identity, frames=n_frames)


def _count_hota(args: tuple[I64, I64, I64, I64, I64, F64], score: F64, gt_count: F64, tr_count: F64) -> dict[str, F64]:
    """HOTA's sums per alpha, from the matched pairs: no identity × identity × alpha table is made."""
    from kinema.kernels.mot_metrics import hota_pairs

    n_gt, n_tr = len(args[0]), len(args[2])
    most = min(n_gt, n_tr)
    pair_gt, pair_tr, pair_sim = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most)
    n = hota_pairs(*args, score, pair_gt, pair_tr, pair_sim)
    pair_gt, pair_tr, pair_sim = pair_gt[:n], pair_tr[:n], pair_sim[:n]
    key, which = np.unique(pair_gt * len(tr_count) + pair_tr, return_inverse=True)
    g, t = gt_count[key // len(tr_count)], tr_count[key % len(tr_count)]
    sums = np.zeros((7, len(ALPHAS)))
    for a, alpha in enumerate(ALPHAS):
        ok = pair_sim >= alpha - np.finfo(float).eps
        tp = ok.sum()
        c = np.bincount(which[ok], minlength=len(key)).astype(float)
        sums[:, a] = (
            tp,
            n_gt - tp,
            n_tr - tp,
            (c * (c / np.maximum(1, g + t - c))).sum(),
            (c * (c / np.maximum(1, g))).sum(),
            (c * (c / np.maximum(1, t))).sum(),
            pair_sim[ok].sum(),
        )
    names = ("hota_tp", "hota_fn", "hota_fp", "ass_a_sum", "ass_re_sum", "ass_pr_sum", "loc_sum")
    return dict(zip(names, sums, strict=True))
