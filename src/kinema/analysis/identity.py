"""Judging identities: HOTA, CLEAR MOT and identity metrics of tracked boxes against truth.

The definitions are those of Luiten et al. 2021 (HOTA), Bernardin & Stiefelhagen 2008 (CLEAR MOT) and Ristani et al.
2016 (identity), with the matching rules of the reference evaluator, so that values agree with it digit by digit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from kinema.analysis.identity_counts import ALPHAS, HALF, IdentityCounts, Ragged, Rules, box_overlaps, count
from kinema.core.tracks import BoxTracks
from kinema.errors import DataError

__all__ = ["ALPHAS", "IdentityScore", "count_identities", "from_counts", "score_identities"]


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
    pairs: Mapping[str, tuple[BoxTracks, BoxTracks]], *, pedestrians: bool = False, rules: Rules = "trackeval"
) -> dict[str, IdentityScore]:
    """Score (tracks, truth) per sequence, and "all" of them together.

    `pedestrians` applies the MOT17/MOT20 rules: tracks on distractors are taken away first, then all truth that is
    not a pedestrian. Otherwise all truth with a mark (score) other than 0 counts. `rules` says whose CLEAR MOT it is.
    """
    if not pairs:
        raise DataError("sequences", "at least one", "none")
    counts = {name: count_identities(*pair, pedestrians=pedestrians, rules=rules) for name, pair in pairs.items()}
    scores = {name: from_counts(one) for name, one in counts.items()}
    total = None
    for one in counts.values():
        total = one if total is None else total + one
    assert total is not None
    return {**scores, "all": from_counts(total)}


def count_identities(
    tracks: BoxTracks, truth: BoxTracks, *, pedestrians: bool = False, rules: Rules = "trackeval"
) -> IdentityCounts:
    """Counts of one sequence."""
    from kinema.kernels import mot_metrics as kernels

    for name, boxes in (("tracks", tracks), ("truth", truth)):
        boxes.refuse_twins(name)
    n_frames = max(tracks.n_frames, truth.n_frames)
    gt, tr = (Ragged(boxes.frame, boxes.track, boxes.box_px, n_frames) for boxes in (truth, tracks))
    if pedestrians:
        offset, sim = box_overlaps(gt, tr)
        partner = np.empty(len(gt.id), np.int64)
        kernels.match_frames(gt.start, tr.start, offset, sim, HALF, partner)
        distracted = np.isin(truth.label[gt.order], DISTRACTORS) & (partner >= 0)
        tr = tr.keep(~np.isin(np.arange(len(tr.id)), partner[distracted]))
        gt = gt.keep((truth.score[gt.order] != 0) & (truth.label[gt.order] == PEDESTRIAN))
    else:
        gt = gt.keep(truth.score[gt.order] != 0)
    return count(gt, tr, n_frames, box_overlaps, rules)


PEDESTRIAN = 1
DISTRACTORS = (2, 7, 8, 12)
"""MOT17 classes: person on vehicle, static person, distractor, reflection."""


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
