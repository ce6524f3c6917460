"""The tracker of points on the ground: each scan is answered before the next one comes.

Two models of motion interact (straight, or along a course where one is given, and a turn of unknown rate). Several
sensors take turns: each scan is of one of them, and a track is missed only where that sensor could have seen it. A bib
or chip that is read outweighs all motion.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np

from kinema.core.arrays import F64, I64, Bool, gate
from kinema.core.progress import Progress, silent
from kinema.core.tracks import GroundDetections, GroundSensor, GroundTracks
from kinema.errors import DataError
from kinema.kernels.ground_motion import CONFIRMED, FREE, GroundMotion, predict_tracks
from kinema.kernels.ground_tracks import ground_step, in_view

PROGRESS_EVERY = 100
LONGEST_STEP_S = 0.5
"""Along a course, longer steps are taken in parts, since the line bends meanwhile."""


class Guide(Protocol):
    """A course that movers keep to. `kinema.course.guide.CourseGuide` is one."""

    def lead(self, p_ne_m: F64) -> F64:
        """At points (n, 2): unit tangent, clockwise curvature (n, 3) of the line through each; NaN off the course."""

    def turns(self, p_ne_m: F64, t_s: F64) -> tuple[F64, F64]:
        """Clockwise change of the course's heading (n,) from the point before along a path (n, 2), 0 off the course and
        at the first, and the heading itself, NaN off the course. Where the path is NaN the way goes on at even speed
        between its neighbours."""

    def along(self, p_ne_m: F64) -> tuple[F64, F64]:
        """Way along the course, growing from lap to lap, and offset (n,) of a path (n, 2), NaN off the course."""

    lap_m: float
    """Length of a closed course, infinite for an open one."""


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

    def __init__(self, motion: GroundMotion | None = None, guide: Guide | None = None) -> None:
        self.motion, self.guide = motion or GroundMotion(), guide
        self._t_ns = self._t0_ns = -1
        self._last: dict[str, int] = {}
        self._next_id = 0
        self._x, self._p, self._mu = np.zeros((0, 2, 5)), np.zeros((0, 2, 5, 5)), np.zeros((0, 2))
        self._mood, self._mark = np.zeros((0, 2)), np.zeros((0, 4), np.int64)
        self._mean, self._cov = np.zeros((0, 4)), np.zeros((0, 4, 4))
        self._rows(64)

    def _rows(self, n: int) -> None:
        for name in ("_x", "_p", "_mu", "_mood", "_mark", "_mean", "_cov"):
            old = getattr(self, name)
            setattr(self, name, np.concatenate((old, np.zeros((n - len(old), *old.shape[1:]), old.dtype))))

    def step(
        self, t_ns: int, p_ne_m: F64, cov_ne_m2: F64, tag: I64 | None = None, sensor: GroundSensor | None = None
    ) -> GroundAnswer:
        """Take one scan of one sensor: p_ne_m (m, 2), cov_ne_m2 (m, 2, 2), tag (m,). Scans come in order of time; those
        of different sensors may be of one time.

        Raises DataError where the time is before the last one, or not after the sensor's last one.
        """
        sensor = sensor or GroundSensor()
        if t_ns < self._t_ns or t_ns <= self._last.get(sensor.name, -1):
            raise DataError("scan", f"a time after {self._t_ns} ns", f"{t_ns} ns")
        self._last[sensor.name] = t_ns
        m = len(p_ne_m)
        if int((self._mark[:, 0] == FREE).sum()) < m:
            self._rows(2 * len(self._mark) + m)
        if self._t_ns < 0:
            self._t0_ns = self._t_ns = t_ns
        led = self._predict((t_ns - self._t_ns) * 1e-9)
        self._t_ns = t_ns
        tag = np.full(m, -1) if tag is None else tag
        inside = np.empty(len(self._mark), np.bool_)
        in_view(self._mark, self._mean, sensor.view_ne_m, inside)
        partner, taken = np.empty(len(self._mark), np.int64), np.empty(m, np.int64)
        self._next_id = ground_step(
            self._x, self._p, self._mu, self._mood, self._mark, self._mean, self._cov,
            gate("p_ne_m", p_ne_m, np.float64, (m, 2), finite=True),
            gate("cov_ne_m2", cov_ne_m2, np.float64, (m, 2, 2), finite=True), gate("tag", tag, np.int64, (m,)),
            inside, led, not sensor.reads_tags, (t_ns - self._t0_ns) * 1e-9, self._next_id, self.motion, partner, taken,
        )  # fmt: skip
        # On a course a track is kept longer than it is told of.
        recent = (t_ns - self._t0_ns) * 1e-9 - self._mood[:, 1] <= self.motion.lost_s
        told = np.flatnonzero((self._mark[:, 0] == CONFIRMED) & recent)
        mine = np.where(taken >= 0, self._mark[taken, 1], -1)
        return GroundAnswer(
            self._mark[told, 1], self._mark[told, 3], self._mean[told], self._cov[told], partner[told], mine
        )

    def _predict(self, dt: float) -> Bool:
        """Move all tracks on; whether each (n,) is on the course then."""
        lead = self._lead()
        parts = max(int(np.ceil(dt / LONGEST_STEP_S)), 1) if self.guide and dt > 0 else int(dt > 0)
        for _ in range(parts):
            predict_tracks(self._x, self._p, self._mu, self._mark, self._mean, self._cov, lead, dt / parts, self.motion)
            if parts > 1:
                lead = self._lead()
        return np.isfinite(lead[:, 0])

    def _lead(self) -> F64:
        lead = np.full((len(self._mark), 3), np.nan)
        if self.guide:
            alive = self._mark[:, 0] != FREE
            lead[alive] = self.guide.lead(self._mean[alive, :2])
        return lead


def run(
    detections: GroundDetections, motion: GroundMotion | None = None, guide: Guide | None = None,
    progress: Progress = silent,
) -> Iterator[tuple[int, I64, GroundAnswer]]:  # fmt: skip
    """Time, rows and the tracker's answer, scan by scan. Measurements weigh by all of their error, the common one
    included."""
    tracker = GroundTracker(motion, guide)
    order = np.lexsort((detections.sensor, detections.t_ns))
    t_ns, sensor = detections.t_ns[order], detections.sensor[order]
    weigh = detections.cov_ne_m2 + detections.common_ne_m2
    new = (np.diff(t_ns) != 0) | (np.diff(sensor) != 0)
    scans = np.split(order, np.flatnonzero(new) + 1) if len(order) else []
    for k, rows in enumerate(scans):
        if k % PROGRESS_EVERY == 0:
            progress("tracking", k / len(scans))
        t, which = int(detections.t_ns[rows[0]]), detections.sensors[int(detections.sensor[rows[0]])]
        yield t, rows, tracker.step(t, detections.p_ne_m[rows], weigh[rows], detections.tag[rows], which)


def track_ground(
    detections: GroundDetections, motion: GroundMotion | None = None, guide: Guide | None = None,
    progress: Progress = silent,
) -> GroundTracks:  # fmt: skip
    """Run the tracker over a recording, as it would have answered live; of scans of one time the last answer stays."""
    found = [(np.full(len(a.track), t), rows, a) for t, rows, a in run(detections, motion, guide, progress)]
    none = np.empty(0, np.int64)
    t_ns = np.concatenate([none, *(t for t, _, _ in found)])
    track, tag = (np.concatenate([none, *(getattr(a, name) for _, _, a in found)]) for name in ("track", "tag"))
    # Scans have at least one row, so −1 is only where there is no detection.
    row = np.concatenate([none, *(np.where(a.row >= 0, rows[a.row], -1) for _, rows, a in found)])
    x = np.concatenate([np.empty((0, 4)), *(a.x for _, _, a in found)])
    cov = np.concatenate([np.empty((0, 4, 4)), *(a.cov for _, _, a in found)])
    order = np.lexsort((t_ns, track))
    t_ns, track, tag, row, x, cov = (each[order] for each in (t_ns, track, tag, row, x, cov))
    cov[:, :2, :2] += _common(detections, track, row)
    last = np.append((np.diff(track) != 0) | (np.diff(t_ns) != 0), True)[: len(t_ns)]
    # A mover is seen at a time where any of the sensors saw it then.
    group = np.concatenate(([0], np.cumsum(last)[:-1]))[: len(t_ns)]
    seen = np.bincount(group, weights=row >= 0, minlength=int(last.sum())) > 0
    return GroundTracks(
        t_ns[last], track[last], x[last, :2], cov[last, :2, :2], x[last, 2:], cov[last, 2:, 2:], seen, tag[last],
        detections.plane, detections.simulated, detections.tag_names,
    )  # fmt: skip


def _common(detections: GroundDetections, track: I64, row: I64) -> F64:
    """What the calibration leaves (n, 2, 2): that of the last detection of each track, sorted by track and time."""
    if not len(row):
        return np.empty((0, 2, 2))
    at = np.where(row >= 0, np.arange(len(row)), -1)
    at[np.flatnonzero(np.diff(track, prepend=-1))] = np.flatnonzero(np.diff(track, prepend=-1))
    behind = row[np.maximum.accumulate(at)]
    return np.where((behind >= 0)[:, None, None], detections.common_ne_m2[np.maximum(behind, 0)], 0.0)
