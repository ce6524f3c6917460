"""Judging identities: HOTA, CLEAR MOT and identity metrics of tracked boxes against truth.

The definitions are those of Luiten et al. 2021 (HOTA), Bernardin & Stiefelhagen 2008 (CLEAR MOT) and Ristani et al.
2016 (identity), with the matching rules of the reference evaluator, so that values agree with it digit by digit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from kinema.core.arrays import F64, I64, Bool
from kinema.core.tracks import BoxTracks
from kinema.errors import DataError

ALPHAS = np.arange(0.05, 0.99, 0.05)
HALF = 0.5


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


@dataclass(frozen=True)
class IdentityScore:
    """Shares 0 to 1; counts as counted."""

    hota: float
    det_a: float
    ass_a: float
    loc_a: float
    mota: float
    motp: float
    idf1: float
    idr: float
    idp: float
    switches: int
    fragmentations: int
    tp: int
    fn: int
    fp: int
    mostly_tracked: int
    mostly_lost: int
    frames: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values by name."""
        return asdict(self)

    def __str__(self) -> str:
        return (
            f"HOTA {self.hota:.2%} (DetA {self.det_a:.2%}, AssA {self.ass_a:.2%}, LocA {self.loc_a:.2%})\n"
            f"MOTA {self.mota:.2%} (TP {self.tp}, FN {self.fn}, FP {self.fp}, switches {self.switches}, "
            f"fragmentations {self.fragmentations})\n"
            f"IDF1 {self.idf1:.2%} (recall {self.idr:.2%}, precision {self.idp:.2%})\n"
            f"mostly tracked {self.mostly_tracked}, mostly lost {self.mostly_lost}, frames {self.frames}"
        )


def score_identities(
    pairs: Mapping[str, tuple[BoxTracks, BoxTracks]], *, pedestrians: bool = False
) -> dict[str, IdentityScore]:
    """Score (tracks, truth) per sequence, and "all" of them together.

    `pedestrians` applies the MOT17/MOT20 rules: tracks on distractors are taken away first, then all truth that is
    not a pedestrian. Otherwise all truth with a mark (score) other than 0 counts.
    """
    if not pairs:
        raise DataError("sequences", "at least one", "none")
    counts = {name: count_identities(*pair, pedestrians=pedestrians) for name, pair in pairs.items()}
    scores = {name: from_counts(count) for name, count in counts.items()}
    total = None
    for count in counts.values():
        total = count if total is None else total + count
    assert total is not None
    return {**scores, "all": from_counts(total)}


def count_identities(tracks: BoxTracks, truth: BoxTracks, *, pedestrians: bool = False) -> IdentityCounts:
    """Counts of one sequence."""
    from kinema.kernels import mot_metrics as kernels

    for name, boxes in (("tracks", tracks), ("truth", truth)):
        boxes.refuse_twins(name)
    n_frames = max(tracks.n_frames, truth.n_frames)
    gt, tr = _Ragged(truth, n_frames), _Ragged(tracks, n_frames)
    if pedestrians:
        offset, sim = _similarity(gt, tr)
        partner = np.empty(len(gt.id), np.int64)
        kernels.match_frames(gt.start, tr.start, offset, sim, HALF, partner)
        distracted = np.isin(truth.label[gt.order], DISTRACTORS) & (partner >= 0)
        tr = tr.keep(~np.isin(np.arange(len(tr.id)), partner[distracted]))
        gt = gt.keep((truth.score[gt.order] != 0) & (truth.label[gt.order] == PEDESTRIAN))
    else:
        gt = gt.keep(truth.score[gt.order] != 0)
    return _count(gt, tr, n_frames)


PEDESTRIAN = 1
DISTRACTORS = (2, 7, 8, 12)
"""MOT17 classes: person on vehicle, static person, distractor, reflection."""


class _Ragged:
    """Boxes sorted by frame, with where each frame starts and ids 0, 1, 2, … without gaps."""

    def __init__(self, boxes: BoxTracks, n_frames: int) -> None:
        self.order = np.argsort(boxes.frame, kind="stable")
        self.frame = boxes.frame[self.order]
        self.box = boxes.box_px[self.order]
        self.id = boxes.track[self.order]
        self.n_frames = n_frames
        self._index()

    def _index(self) -> None:
        self.start = np.searchsorted(self.frame, np.arange(1, self.n_frames + 2)).astype(np.int64)
        names, self.dense_id = np.unique(self.id, return_inverse=True)
        self.dense_id = self.dense_id.astype(np.int64)
        self.n_ids = len(names)

    def keep(self, rows: Bool) -> _Ragged:
        self.order, self.frame = self.order[rows], self.frame[rows]
        self.box, self.id = self.box[rows], self.id[rows]
        self._index()
        return self


def _similarity(gt: _Ragged, tr: _Ragged) -> tuple[I64, F64]:
    from kinema.kernels.mot_metrics import box_similarity

    sizes = np.diff(gt.start) * np.diff(tr.start)
    offset = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
    sim = np.empty(int(offset[-1]))
    box_similarity(np.ascontiguousarray(gt.box), gt.start, np.ascontiguousarray(tr.box), tr.start, offset, sim)
    return offset, sim


def _count(gt: _Ragged, tr: _Ragged, n_frames: int) -> IdentityCounts:
    from kinema.kernels import mot_metrics as kernels
    from kinema.kernels.assignment import assign

    n_gt, n_tr = len(gt.id), len(tr.id)
    zero = np.zeros(len(ALPHAS))
    if n_gt == 0 or n_tr == 0:
        clear = np.array([0, n_gt, n_tr, 0, 0.0])
        mostly = np.array([0, 0, gt.n_ids, 0.0])
        return IdentityCounts(
            zero, zero + n_gt, zero + n_tr, zero, zero, zero, zero, clear, mostly, np.array([0.0, n_gt, n_tr]), n_frames
        )
    offset, sim = _similarity(gt, tr)
    args = (gt.dense_id, gt.start, tr.dense_id, tr.start, offset, sim)
    potential, overlaps = np.zeros((gt.n_ids, tr.n_ids)), np.zeros((gt.n_ids, tr.n_ids))
    kernels.alignment(*args, HALF, potential, overlaps)
    gt_count = np.bincount(gt.dense_id, minlength=gt.n_ids).astype(float)
    tr_count = np.bincount(tr.dense_id, minlength=tr.n_ids).astype(float)

    hota = _count_hota(args, potential / (gt_count[:, None] + tr_count - potential), gt_count, tr_count)

    seen, matched, fragments = (np.zeros(gt.n_ids, np.int64) for _ in range(3))
    clear = np.zeros(5)
    kernels.clear_counts(*args, HALF, seen, matched, fragments, clear)
    ratio = matched[seen > 0] / seen[seen > 0]
    tracked, partly = (ratio > 0.8).sum(), (ratio >= 0.2).sum() - (ratio > 0.8).sum()
    mostly = np.array([tracked, partly, gt.n_ids - tracked - partly, (fragments[fragments > 0] - 1).sum()], float)

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


def from_counts(counts: IdentityCounts) -> IdentityScore:
    """Shares from counts."""
    tp, fn, fp = counts.hota_tp, counts.hota_fn, counts.hota_fp
    det_a = tp / np.maximum(1, tp + fn + fp)
    ass_a = counts.ass_a_sum / np.maximum(1, tp)
    loc_a = np.maximum(1e-10, counts.loc_sum) / np.maximum(1e-10, tp)
    c_tp, c_fn, c_fp, switches, similar = counts.clear
    idtp, idfn, idfp = counts.identity
    return IdentityScore(
        hota=float(np.sqrt(det_a * ass_a).mean()),
        det_a=float(det_a.mean()),
        ass_a=float(ass_a.mean()),
        loc_a=float(loc_a.mean()),
        mota=float((c_tp - c_fp - switches) / max(1.0, c_tp + c_fn)),
        motp=float(similar / max(1.0, c_tp)),
        idf1=float(idtp / max(1.0, idtp + 0.5 * idfp + 0.5 * idfn)),
        idr=float(idtp / max(1.0, idtp + idfn)),
        idp=float(idtp / max(1.0, idtp + idfp)),
        switches=int(switches),
        fragmentations=int(counts.mostly[3]),
        tp=int(c_tp),
        fn=int(c_fn),
        fp=int(c_fp),
        mostly_tracked=int(counts.mostly[0]),
        mostly_lost=int(counts.mostly[2]),
        frames=counts.frames,
    )
