"""The online tracker of boxes: each frame is answered before the next one is seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from kinema.core.arrays import F64, I64, Bool, gate
from kinema.core.progress import Progress, silent
from kinema.core.tracks import BoxTracks, Detections
from kinema.errors import DataError
from kinema.kernels.box_motion import CONFIRMED, FREE, BoxMotion, Frame, Tracks
from kinema.kernels.box_tracks import Told, step

PROGRESS_EVERY = 100
UNKNOWN_RATE_HZ = 25.0


class Answer(NamedTuple):
    """What the tracker says of one frame of m detections."""

    track: I64
    """Identity (m,) of each detection, −1 where it is nobody's."""
    told: Bool
    """Whether that identity is more likely than not to exist (m,); the others are tentative."""
    box_px: F64
    """Reported boxes (m, 4)."""
    coasting: I64
    """Identities (k,) reported without a detection, and"""
    coasting_box_px: F64
    """their boxes (k, 4)."""


class BoxTracker:
    """Tracks of one camera. Identities are 0, 1, 2, … of this instance."""

    def __init__(
        self,
        frame_rate_hz: float = UNKNOWN_RATE_HZ,
        image_size_px: tuple[int, int] = (0, 0),
        motion: BoxMotion | None = None,
        appearance: int = 0,
    ) -> None:
        """`image_size_px` (0, 0): unknown, and nothing coasts; `appearance`: how many numbers make a vector of it.

        Raises DataError for a rate that is not positive.
        """
        if not frame_rate_hz > 0:
            raise DataError("frame_rate_hz", "a positive rate", str(frame_rate_hz))
        self.frame_rate_hz = frame_rate_hz
        self.width, self.height = float(image_size_px[0]), float(image_size_px[1])
        self.motion = motion or BoxMotion()
        self.frame = 0
        self._next_id = 0
        self._looks = np.zeros(5)
        first = self.motion
        self._scene = np.array([first.r_place, first.r_size, 0.0, 0.0, 0.0, 0.0, 0.0, first.score_top + 1.0, 0.0])
        self._k = appearance
        self._tracks = Tracks(
            np.empty((0, 8)), np.empty((0, 4, 3)), np.empty((0, 4)), np.empty((0, 3), np.int64), np.empty((0, 3, 4)),
            np.empty(0, np.int64), np.empty((0, appearance)),
        )  # fmt: skip
        self._grow(64)

    def _grow(self, rows: int) -> None:
        more = rows - len(self._tracks.x)
        self._tracks = Tracks(
            *(np.concatenate((one, np.zeros((more, *one.shape[1:]), one.dtype))) for one in self._tracks)
        )
        self._extra = np.empty((rows, 5))

    @property
    def alive(self) -> int:
        """Tracks that could still be continued."""
        return int((self._tracks.mark[:, 0] != FREE).sum())

    @property
    def confirmed(self) -> int:
        """Tracks that were reported at least once and could still be continued."""
        return int((self._tracks.mark[:, 0] == CONFIRMED).sum())

    def step(self, frame: int, box_px: F64, score: F64, appearance: F64 | None = None) -> Answer:
        """Take the detections of one frame; frames must come in order, and may be missing.

        box_px (m, 4) left, top, width, height; score (m,); appearance (m, k), zero where there is none. Raises
        DataError where the frame is not after the last one.
        """
        if frame <= self.frame:
            raise DataError("frame", f"one after {self.frame}", str(frame))
        m = len(score)
        free = len(self._tracks.x) - self.alive
        if free < m:
            self._grow(2 * len(self._tracks.x) + m)
        det = np.array(gate("box_px", box_px, np.float64, (m, 4)))
        det[:, :2] += det[:, 2:] / 2
        ids, told, boxes = np.empty(m, np.int64), np.empty(m, np.bool_), np.empty((m, 4))
        seen = np.zeros((m, self._k)) if appearance is None else np.asarray(appearance)
        if self._k and appearance is not None:
            seen = seen / np.maximum(np.linalg.norm(seen, axis=-1, keepdims=True), 1e-12)
        seen = gate("appearance", seen, np.float64, (m, self._k), finite=True)
        before_s, now_s = self.frame / self.frame_rate_hz, frame / self.frame_rate_hz
        seen_now = Frame(det, gate("score", score, np.float64, (m,)), seen, before_s, now_s, self.width, self.height)
        answer = Told(ids, told, boxes, self._extra)
        self._next_id, coasting = step(
            self._tracks, self._scene, self._looks, seen_now, self._next_id, self.motion, answer
        )
        self.frame = frame
        extra = self._extra[:coasting].copy()
        for some in (boxes, extra[:, 1:]):
            some[:, :2] -= some[:, 2:] / 2
        return Answer(ids, told, boxes, extra[:, 0].astype(np.int64), extra[:, 1:])


def track_online(detections: Detections, motion: BoxMotion | None = None, progress: Progress = silent) -> BoxTracks:
    """Run the online tracker over a recording. Boxes without area are left out."""
    none = np.empty(0, np.int64)
    parts: list[tuple[I64, I64, F64, F64, I64]] = [(none, none, np.empty((0, 4)), np.empty(0), none)]
    for frame, rows, answer in run(detections, motion, progress):
        told, more = answer.told, len(answer.coasting)
        parts.append((
            np.full(int(told.sum()) + more, frame, np.int64),
            np.concatenate((answer.track[told], answer.coasting)),
            np.concatenate((answer.box_px[told], answer.coasting_box_px)),
            np.concatenate((detections.score[rows][told], np.zeros(more))),
            np.concatenate((detections.label[rows][told], np.full(more, -1))),
        ))  # fmt: skip
    frames, track, box_px, score, label = (np.concatenate(part) for part in zip(*parts, strict=True))
    return BoxTracks(frames, track, box_px, score, label, detections.n_frames)


def run(
    detections: Detections, motion: BoxMotion | None = None, progress: Progress = silent
) -> Iterator[tuple[int, I64, Answer]]:
    """Frame number, rows of `detections` and the tracker's answer, frame by frame."""
    rate = detections.frame_rate_hz if detections.frame_rate_hz > 0 else UNKNOWN_RATE_HZ
    tracker = BoxTracker(rate, detections.image_size_px, motion, detections.appearance.shape[1])
    sized = np.flatnonzero((detections.box_px[:, 2:] > 0).all(axis=1))
    start = np.searchsorted(detections.frame[sized], np.arange(1, detections.n_frames + 2))
    for k in range(detections.n_frames):
        if k % PROGRESS_EVERY == 0:
            progress("tracking", k / detections.n_frames)
        rows = sized[start[k] : start[k + 1]]
        yield (
            k + 1,
            rows,
            tracker.step(k + 1, detections.box_px[rows], detections.score[rows], detections.appearance[rows]),
        )
