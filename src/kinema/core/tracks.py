"""Many movers: what a detector saw (Detections), and who it was (BoxTracks)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from kinema.core.arrays import F64, I64, gate
from kinema.errors import DataError

_ABSENT: Any = None


@dataclass(frozen=True)
class Detections:
    """Boxes in the images of one camera, one row per detection, sorted by frame.

    frame (m,) image numbers from 1; box_px (m, 4) left, top, width, height; score (m,); label (m,) class number, −1
    where not said; tag (m,) bib or chip number that was read, −1 where none was.
    `appearance` (m, k) unit vectors, (m, 0) where the detector gives none.
    """

    frame: I64
    box_px: F64
    score: F64
    label: I64
    tag: I64
    appearance: F64
    n_frames: int
    frame_rate_hz: float = float("nan")
    image_size_px: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        put, m = object.__setattr__, len(self.frame)
        put(self, "frame", gate("Detections.frame", self.frame, np.int64, (m,)))
        put(self, "box_px", gate("Detections.box_px", self.box_px, np.float64, (m, 4), finite=True))
        put(self, "score", gate("Detections.score", self.score, np.float64, (m,)))
        put(self, "label", gate("Detections.label", self.label, np.int64, (m,)))
        put(self, "tag", gate("Detections.tag", self.tag, np.int64, (m,)))
        put(self, "appearance", gate("Detections.appearance", self.appearance, np.float64, (m, None)))
        if m and (self.frame[0] < 1 or np.any(np.diff(self.frame) < 0) or self.frame[-1] > self.n_frames):
            raise DataError("Detections.frame", f"sorted numbers from 1 to {self.n_frames}", "others")


@dataclass(frozen=True)
class BoxTracks:
    """Boxes with identities, in any order: frame (m,) from 1, track (m,) ≥ 0, box_px (m, 4) left, top, width, height,
    score (m,), 0 where nothing was detected, label (m,); var_px2 (m, 4) variances of centre x, y, width, height."""

    frame: I64
    track: I64
    box_px: F64
    score: F64
    label: I64
    n_frames: int
    var_px2: F64 = _ABSENT

    def __post_init__(self) -> None:
        put, m = object.__setattr__, len(self.frame)
        var_px2 = np.full((m, 4), np.nan) if self.var_px2 is _ABSENT else self.var_px2
        put(self, "var_px2", gate("BoxTracks.var_px2", var_px2, np.float64, (m, 4)))
        put(self, "frame", gate("BoxTracks.frame", self.frame, np.int64, (m,)))
        put(self, "track", gate("BoxTracks.track", self.track, np.int64, (m,)))
        put(self, "box_px", gate("BoxTracks.box_px", self.box_px, np.float64, (m, 4)))
        put(self, "score", gate("BoxTracks.score", self.score, np.float64, (m,)))
        put(self, "label", gate("BoxTracks.label", self.label, np.int64, (m,)))

    def refuse_twins(self, name: str) -> None:
        """Raise DataError where an identity stands twice in one frame."""
        order = np.lexsort((self.track, self.frame))
        frame, track = self.frame[order], self.track[order]
        twin = (np.diff(frame) == 0) & (np.diff(track) == 0)
        if twin.any():
            k = int(np.argmax(twin))
            raise DataError(name, "each identity once per frame", f"identity {track[k]} twice in frame {frame[k]}")
