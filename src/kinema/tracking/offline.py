"""The offline tracker of boxes: identities of the online one, then what hindsight adds.

A track keeps the frames before it was sure of itself; tracks that were never worth their detections go; the detector's
own noise and the movers' restlessness are estimated from the recording; each track is smoothed, short gaps filled.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.core.tracks import BoxTracks, Detections
from kinema.kernels.box_motion import BoxMotion
from kinema.kernels.box_smooth import smooth_coordinate
from kinema.tracking.online import UNKNOWN_RATE_HZ, run

RESTLESS = (0.1, 0.2, 0.4, 0.8, 1.6)
"""Acceleration noises to choose from, in box sizes per second^1.5."""
V0 = 1.0
"""Sigma of the first velocity, box sizes per second."""


@dataclass(frozen=True)
class Hindsight:
    """What a track must be worth, and how long a gap may be filled."""

    least_worth: float = 2.0
    """Log-odds that all its detections together must give."""
    least_mean: float = 0.0
    """Mean log-odds of its detections."""
    bridge_s: float = 1.0


@dataclass
class _Track:
    identity: int
    first: int
    seen: I64
    """Rows of the detections, and"""
    offset: I64
    """their frames after the first one."""
    measured: F64
    """(4, n) centre x, y, width, height; NaN in gaps."""
    size: F64


def track_offline(
    detections: Detections, motion: BoxMotion | None = None, hindsight: Hindsight | None = None
) -> BoxTracks:
    """Track a whole recording; the boxes carry their variance."""
    motion, hindsight = motion or BoxMotion(), hindsight or Hindsight()
    rate = detections.frame_rate_hz if detections.frame_rate_hz > 0 else UNKNOWN_RATE_HZ
    tracks = _collect(detections, motion, hindsight)
    if not tracks:
        none = np.empty(0, np.int64)
        return BoxTracks(none, none, np.empty((0, 4)), np.empty(0), none, detections.n_frames)
    noise = _detector_noise(tracks)
    smoothed = _smooth(tracks, noise, 1.0 / rate)
    return _told(tracks, smoothed, detections, rate, hindsight.bridge_s)


def _collect(detections: Detections, motion: BoxMotion, hindsight: Hindsight) -> list[_Track]:
    """Detections of each identity that was sure at least once and is worth keeping."""
    none = (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.bool_))
    found = [none, *((answer.track, rows, answer.told) for _, rows, answer in run(detections, motion))]
    identity, rows, told = (np.concatenate(part) for part in zip(*found, strict=True))
    mine = np.isin(identity, np.unique(identity[told]))
    identity, rows = identity[mine], rows[mine]
    order = np.argsort(identity, kind="stable")
    identity, rows = identity[order], rows[order]
    p = np.clip(detections.score[rows], 1e-4, 0.9995)
    odds = motion.score_slope * (np.log(p / (1 - p)) - motion.score_middle)
    cuts = np.flatnonzero(np.diff(identity)) + 1
    tracks = []
    for part in np.split(np.arange(len(rows)), cuts):
        worth = (motion.hit_score * odds[part] + motion.hit).sum()
        if len(part) >= 2 and worth >= hindsight.least_worth and odds[part].mean() >= hindsight.least_mean:
            tracks.append(_as_track(int(identity[part[0]]), rows[part], detections))
    return tracks


def _as_track(identity: int, rows: I64, detections: Detections) -> _Track:
    frame, box = detections.frame[rows], detections.box_px[rows]
    offset = frame - frame[0]
    n = int(offset[-1]) + 1
    measured = np.full((4, n), np.nan)
    measured[:, offset] = np.column_stack((box[:, :2] + box[:, 2:] / 2, box[:, 2:])).T
    size = np.maximum(box[:, 2], 1.0) ** 0.3 * np.maximum(box[:, 3], 1.0) ** 0.7
    return _Track(identity, int(frame[0]), rows, offset, measured, np.interp(np.arange(n), offset, size))


def _detector_noise(tracks: list[_Track]) -> F64:
    """White noise (4,) of the detector as a share of the box's size, by third differences: they cancel all motion
    up to constant acceleration, and 20 times the variance is left."""
    thirds = np.concatenate([np.diff(t.measured, 3, axis=1) / t.size[1:-2] for t in tracks if t.measured.shape[1] > 3]
                            or [np.empty((4, 0))], axis=1)  # fmt: skip
    thirds = thirds[:, np.isfinite(thirds).all(axis=0)]
    if thirds.shape[1] < 10:
        return np.array([0.03, 0.03, 0.05, 0.05])
    noise = 1.4826 * np.median(np.abs(thirds), axis=1) / np.sqrt(20.0)
    return np.asarray(np.maximum(noise, 1e-4))


def _smooth(tracks: list[_Track], noise: F64, dt: float) -> list[tuple[F64, F64]]:
    """Smoothed boxes (n, 4) and variances (n, 4) of each track; the restlessness is the likeliest one."""
    states = [(np.empty((len(t.size), 4)), np.empty((len(t.size), 4))) for t in tracks]
    x, p = _scratch(tracks)
    for c in range(4):
        args = [(t.measured[c], t.size, dt, float(noise[c])) for t in tracks]
        likely = [sum(smooth_coordinate(*a, q, V0, x, p) for a in args) for q in RESTLESS]
        q = RESTLESS[int(np.argmax(likely))]
        for a, (value, variance) in zip(args, states, strict=True):
            smooth_coordinate(*a, q, V0, x, p)
            value[:, c], variance[:, c] = x[: len(value), 0], p[: len(value), 0]
    return states


def _scratch(tracks: list[_Track]) -> tuple[F64, F64]:
    longest = max(len(t.size) for t in tracks)
    return np.empty((longest, 2)), np.empty((longest, 3))


def _told(
    tracks: list[_Track], smoothed: list[tuple[F64, F64]], detections: Detections, rate: float, bridge_s: float
) -> BoxTracks:
    parts = []
    for track, (value, variance) in zip(tracks, smoothed, strict=True):
        keep = np.zeros(len(value), dtype=np.bool_)
        keep[track.offset] = True
        for before, after in zip(track.offset[:-1], track.offset[1:], strict=True):
            if (after - before) / rate <= bridge_s:
                keep[before:after] = True
        score, label = np.zeros(len(value)), np.full(len(value), -1)
        score[track.offset], label[track.offset] = detections.score[track.seen], detections.label[track.seen]
        at = np.flatnonzero(keep)
        box = value[at]
        box[:, :2] -= box[:, 2:] / 2
        parts.append((at + track.first, np.full(len(at), track.identity), box, score[at], label[at], variance[at]))
    frame, identity, box, score, label, variance = (np.concatenate(part) for part in zip(*parts, strict=True))
    return BoxTracks(frame, identity, box, score, label, detections.n_frames, variance)
