"""What hindsight starts from: the detections that the online tracker gave to someone, and how much they are worth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinema.core.arrays import F64, I64, Bool
from kinema.core.progress import Progress, silent
from kinema.core.tracks import Detections
from kinema.kernels.box_hidden import hidden_shares
from kinema.kernels.box_motion import BoxMotion
from kinema.tracking.online import run


@dataclass(frozen=True)
class Sightings:
    """Detections with identities, sorted by identity and frame.

    identity, row (of the detections), frame (k,); box (k, 4) centre x, y, width, height in pixels; size (k,) the length
    that noises scale with; logit (k,) of the score.
    """

    identity: I64
    row: I64
    frame: I64
    box: F64
    size: F64
    logit: F64

    def take(self, keep: Bool) -> Sightings:
        """Those that are marked."""
        return Sightings(*(value[keep] for value in vars(self).values()))

    def named(self, identity: I64) -> Sightings:
        """The same under other identities (k,), which keep the order."""
        return Sightings(identity, self.row, self.frame, self.box, self.size, self.logit)

    def groups(self) -> list[I64]:
        """Positions of each identity's sightings."""
        at = np.arange(len(self.identity))
        return [part for part in np.split(at, np.flatnonzero(np.diff(self.identity)) + 1) if len(part)]

    def in_a_row(self, steps: int) -> I64:
        """Positions after which the next `steps` sightings follow frame by frame."""
        at = np.arange(max(len(self.frame) - steps, 0))
        same = self.identity[at] == self.identity[at + steps]
        return np.asarray(at[same & (self.frame[at + steps] - self.frame[at] == steps)])


def sightings(detections: Detections, motion: BoxMotion, progress: Progress = silent) -> Sightings:
    """Run the online tracker and gather the detections of each identity, those before it was sure of itself too."""
    none = np.empty(0, np.int64)
    found = [(none, none), *((answer.track, rows) for _, rows, answer in run(detections, motion, progress))]
    identity, row = (np.concatenate(part) for part in zip(*found, strict=True))
    identity, row = identity[identity >= 0], row[identity >= 0]
    order = np.lexsort((detections.frame[row], identity))
    identity, row = identity[order], row[order]
    box = detections.box_px[row]
    box = np.column_stack((box[:, :2] + box[:, 2:] / 2, box[:, 2:]))
    size = np.maximum(box[:, 2], 1.0) ** 0.3 * np.maximum(box[:, 3], 1.0) ** 0.7
    return Sightings(identity, row, detections.frame[row], box, size, _logits(detections, motion.score_top)[row])


def _logits(detections: Detections, score_top: float) -> F64:
    """Logits of all scores, raised where the upper quartile of the best ones of each frame misses `score_top`."""
    p = np.clip(detections.score, 1e-4, 0.9995)
    logit = np.log(p / (1 - p))
    if not len(logit):
        return logit
    best = np.maximum.reduceat(logit, np.flatnonzero(np.diff(detections.frame, prepend=-1)))
    return np.asarray(logit + max(0.0, score_top - float(np.quantile(best, 0.75))))


def worth(seen: Sightings) -> tuple[F64, F64, F64]:
    """Per sighting, of all sightings of its identity: their number, their mean logit, their share of the frames."""
    _, start, which, count = np.unique(seen.identity, return_index=True, return_inverse=True, return_counts=True)
    mean = np.bincount(which, seen.logit) / count
    span = seen.frame[start + count - 1] - seen.frame[start] + 1
    return count[which].astype(np.float64), mean[which], (count / span)[which]


def detector_noise(seen: Sightings) -> F64:
    """White noise (4,) of the detector as a share of the box's size, by third differences: they cancel all motion
    up to constant acceleration, and 20 times the variance is left."""
    at = seen.in_a_row(3)
    if len(at) < 10:
        return np.array([0.03, 0.03, 0.05, 0.05])
    box = seen.box
    third = (box[at + 3] - 3 * box[at + 2] + 3 * box[at + 1] - box[at]) / seen.size[at + 1, None]
    return np.asarray(np.maximum(1.4826 * np.median(np.abs(third), axis=0) / np.sqrt(20.0), 1e-4))


class Crowd:
    """All boxes by frame, to tell what stands behind them."""

    def __init__(self, seen: Sightings, n_frames: int) -> None:
        order = np.argsort(seen.frame, kind="stable")
        self._box = np.ascontiguousarray(seen.box[order])
        self._start = np.searchsorted(seen.frame[order], np.arange(n_frames + 2))

    def hides(self, frame: I64, box: F64) -> F64:
        """Share (k,) of each box (k, 4), centre and size, that a nearer one hides in its frame (k,)."""
        share = np.empty(len(frame))
        hidden_shares(frame, np.ascontiguousarray(box), self._start, self._box, share)
        return share
