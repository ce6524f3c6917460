"""The online tracker of boxes: each frame is answered before the next one is seen."""

from __future__ import annotations

import numpy as np

from kinema.core.arrays import F64, I64, gate
from kinema.core.tracks import BoxTracks, Detections
from kinema.errors import DataError
from kinema.kernels.box_tracks import CONFIRMED, FREE, BoxMotion, step

UNKNOWN_RATE_HZ = 25.0


class BoxTracker:
    """Tracks of one camera. Identities are 0, 1, 2, … of this instance."""

    def __init__(
        self,
        frame_rate_hz: float = UNKNOWN_RATE_HZ,
        image_size_px: tuple[int, int] = (0, 0),
        motion: BoxMotion | None = None,
    ) -> None:
        """`image_size_px` (0, 0): unknown, and nothing coasts. Raises DataError for a rate that is not positive."""
        if not frame_rate_hz > 0:
            raise DataError("frame_rate_hz", "a positive rate", str(frame_rate_hz))
        self.frame_rate_hz = frame_rate_hz
        self.width, self.height = float(image_size_px[0]), float(image_size_px[1])
        self.motion = motion or BoxMotion()
        self.frame = 0
        self._next_id = 0
        self._resize(64)

    def _resize(self, rows: int) -> None:
        old = getattr(self, "_x", np.empty((0, 8)))
        more = rows - len(old)
        self._x = np.concatenate((old, np.zeros((more, 8))))
        pad = np.zeros((more, 4, 3))
        self._var = np.concatenate((getattr(self, "_var", np.empty((0, 4, 3))), pad))
        self._mood = np.concatenate((getattr(self, "_mood", np.empty((0, 4))), np.zeros((more, 4))))
        self._mark = np.concatenate((getattr(self, "_mark", np.empty((0, 3), np.int64)), np.zeros((more, 3), np.int64)))
        self._extra = np.empty((rows, 5))

    @property
    def alive(self) -> int:
        """Tracks that could still be continued."""
        return int((self._mark[:, 0] != FREE).sum())

    @property
    def confirmed(self) -> int:
        """Tracks that were reported at least once and could still be continued."""
        return int((self._mark[:, 0] == CONFIRMED).sum())

    def step(self, frame: int, box_px: F64, score: F64) -> tuple[I64, F64, I64, F64]:
        """Take the detections of one frame; frames must come in order, and may be missing.

        box_px (m, 4) left, top, width, height; score (m,). Returns identity (m,) per detection, −1 where none;
        the reported boxes (m, 4); identities (k,) and boxes (k, 4) of tracks that coast through this frame.
        Raises DataError where the frame is not after the last one.
        """
        if frame <= self.frame:
            raise DataError("frame", f"one after {self.frame}", str(frame))
        m = len(score)
        free = len(self._x) - self.alive
        if free < m:
            self._resize(2 * len(self._x) + m)
        det = np.array(gate("box_px", box_px, np.float64, (m, 4)))
        det[:, :2] += det[:, 2:] / 2
        ids, boxes = np.empty(m, np.int64), np.empty((m, 4))
        before_s, now_s = self.frame / self.frame_rate_hz, frame / self.frame_rate_hz
        self._next_id, coasting = step(
            self._x, self._var, self._mood, self._mark, det, gate("score", score, np.float64, (m,)),
            before_s, now_s, self._next_id, self.width, self.height, self.motion, ids, boxes, self._extra,
        )  # fmt: skip
        self.frame = frame
        extra = self._extra[:coasting].copy()
        for some in (boxes, extra[:, 1:]):
            some[:, :2] -= some[:, 2:] / 2
        return ids, boxes, extra[:, 0].astype(np.int64), extra[:, 1:]


def track_online(detections: Detections, motion: BoxMotion | None = None) -> BoxTracks:
    """Run the online tracker over a recording. Boxes without area are left out."""
    rate = detections.frame_rate_hz if detections.frame_rate_hz > 0 else UNKNOWN_RATE_HZ
    tracker = BoxTracker(rate, detections.image_size_px, motion)
    start = np.searchsorted(detections.frame, np.arange(1, detections.n_frames + 2))
    sized = np.asarray((detections.box_px[:, 2:] > 0).all(axis=1))
    found: list[tuple[I64, I64, F64, F64, I64]] = []
    for k in range(detections.n_frames):
        rows = np.arange(start[k], start[k + 1])
        rows = rows[sized[rows]]
        ids, boxes, more_ids, more_boxes = tracker.step(k + 1, detections.box_px[rows], detections.score[rows])
        told = ids >= 0
        n = int(told.sum()) + len(more_ids)
        found.append((
            np.full(n, k + 1, np.int64),
            np.concatenate((ids[told], more_ids)),
            np.concatenate((boxes[told], more_boxes)),
            np.concatenate((detections.score[rows][told], np.zeros(len(more_ids)))),
            np.concatenate((detections.label[rows][told], np.full(len(more_ids), -1))),
        ))  # fmt: skip
    frame, track, box_px, score, label = (np.concatenate(part) for part in zip(*found, strict=True))
    return BoxTracks(frame, track, box_px, score, label, detections.n_frames)
