"""The tracker of points on the ground: each scan is answered before the next one comes.

Two models of motion interact (straight, and a turn of unknown rate); a detection that several tracks may claim is
shared out by probability; a bib or chip that is read outweighs all motion.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from kinema.core.arrays import F64, I64, gate
from kinema.core.tracks import GroundDetections, GroundTracks
from kinema.errors import DataError
from kinema.kernels.ground_tracks import CONFIRMED, FREE, GroundMotion, ground_step


class GroundAnswer(NamedTuple):
    """The k tracks that are told after a scan."""

    track: I64
    """Identities (k,)."""
    tag: I64
    """The tag that was read last (k,), −1 where none was."""
    x: F64
    """North, east and their rates (k, 4)."""
    cov: F64
    """Their covariance (k, 4, 4)."""
    row: I64
    """The detection behind each (k,), −1 where there is none."""
    of_detection: I64
    """Identity (m,) of each detection, tentative ones included, −1 where it is nobody's."""


class GroundTracker:
    """Tracks on one plane. Identities are 0, 1, 2, … of this instance."""

    def __init__(self, motion: GroundMotion | None = None) -> None:
        self.motion = motion or GroundMotion()
        self._t_ns = self._t0_ns = -1
        self._next_id = 0
        self._x, self._p, self._mu = np.zeros((0, 2, 5)), np.zeros((0, 2, 5, 5)), np.zeros((0, 2))
        self._mood, self._mark = np.zeros((0, 2)), np.zeros((0, 4), np.int64)
        self._mean, self._cov = np.zeros((0, 4)), np.zeros((0, 4, 4))
        self._rows(64)

    def _rows(self, n: int) -> None:
        for name in ("_x", "_p", "_mu", "_mood", "_mark", "_mean", "_cov"):
            old = getattr(self, name)
            setattr(self, name, np.concatenate((old, np.zeros((n - len(old), *old.shape[1:]), old.dtype))))

    def step(self, t_ns: int, p_ne_m: F64, cov_ne_m2: F64, tag: I64 | None = None) -> GroundAnswer:
        """Take one scan: p_ne_m (m, 2), cov_ne_m2 (m, 2, 2), tag (m,). Scans come in order of time.

        Raises DataError where the time is not after the last one.
        """
        if t_ns <= self._t_ns:
            raise DataError("scan", f"a time after {self._t_ns} ns", f"{t_ns} ns")
        m = len(p_ne_m)
        if int((self._mark[:, 0] == FREE).sum()) < m:
            self._rows(2 * len(self._mark) + m)
        if self._t_ns < 0:
            self._t0_ns = self._t_ns = t_ns
        dt = (t_ns - self._t_ns) * 1e-9
        self._t_ns = t_ns
        tag = np.full(m, -1) if tag is None else tag
        partner, taken = np.empty(len(self._mark), np.int64), np.empty(m, np.int64)
        self._next_id = ground_step(
            self._x, self._p, self._mu, self._mood, self._mark, self._mean, self._cov,
            gate("p_ne_m", p_ne_m, np.float64, (m, 2), finite=True),
            gate("cov_ne_m2", cov_ne_m2, np.float64, (m, 2, 2), finite=True), gate("tag", tag, np.int64, (m,)),
            dt, (t_ns - self._t0_ns) * 1e-9, self._next_id, self.motion, partner, taken,
        )  # fmt: skip
        told = np.flatnonzero(self._mark[:, 0] == CONFIRMED)
        mine = np.where(taken >= 0, self._mark[taken, 1], -1)
        return GroundAnswer(
            self._mark[told, 1], self._mark[told, 3], self._mean[told], self._cov[told], partner[told], mine
        )


def run(detections: GroundDetections, motion: GroundMotion | None = None) -> Iterator[tuple[int, slice, GroundAnswer]]:
    """Time, rows and the tracker's answer, scan by scan."""
    tracker = GroundTracker(motion)
    t_ns, first = np.unique(detections.t_ns, return_index=True)
    last = np.append(first, len(detections.t_ns))[1:]
    for t, a, b in zip(t_ns, first, last, strict=True):
        rows = slice(int(a), int(b))
        yield (
            int(t),
            rows,
            tracker.step(int(t), detections.p_ne_m[rows], detections.cov_ne_m2[rows], detections.tag[rows]),
        )


def track_ground(detections: GroundDetections, motion: GroundMotion | None = None) -> GroundTracks:
    """Run the tracker over a recording, as it would have answered live."""
    found = [(np.full(len(a.track), t), a) for t, _, a in run(detections, motion)]
    none = np.empty(0, np.int64)
    t_ns = np.concatenate([none, *(t for t, _ in found)])
    track, tag, row = (
        np.concatenate([none, *(getattr(a, name) for _, a in found)]) for name in ("track", "tag", "row")
    )
    x = np.concatenate([np.empty((0, 4)), *(a.x for _, a in found)])
    cov = np.concatenate([np.empty((0, 4, 4)), *(a.cov for _, a in found)])
    order = np.lexsort((t_ns, track))
    x, cov = x[order], cov[order]
    return GroundTracks(
        t_ns[order], track[order], x[:, :2], cov[:, :2, :2], x[:, 2:], cov[:, 2:, 2:], row[order] >= 0, tag[order],
        detections.plane, detections.simulated,
    )  # fmt: skip
