"""The offline tracker of boxes: identities of the online one, then what hindsight adds.

The camera's motion is taken out; a track whose two ends do not meet over a gap is cut there; a track must be worth its
detections, all of them together; each one is smoothed, with the detector's noise and the movers' restlessness
estimated from the recording; gaps are filled where they are short or the mover was hidden.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.core.progress import Progress, silent
from kinema.core.tracks import BoxTracks, Detections
from kinema.kernels.box_motion import BoxMotion
from kinema.kernels.box_smooth import smooth_coordinate
from kinema.tracking.box_camera import camera_path
from kinema.tracking.box_gaps import Filling, fill
from kinema.tracking.online import UNKNOWN_RATE_HZ
from kinema.tracking.sightings import Crowd, Sightings, detector_noise, sightings, worth

RESTLESS = (0.1, 0.2, 0.4, 0.8, 1.6)
"""Acceleration noises to choose from, in box sizes per second^1.5."""
V0 = 1.0
"""Sigma of the first velocity, box sizes per second."""
MEET_NOISE = 0.03
MEET_RESTLESS = 0.3
"""Noise of place and acceleration with which the ends at a gap are known."""
DEFAULT_FILLING = Filling()


@dataclass(frozen=True)
class Hindsight:
    """What a track must be worth, where it is cut, and how it is smoothed and filled."""

    of_score: float = 0.6
    of_count: float = 0.6
    of_share: float = 1.5
    doubt: float = 4.5
    """Log-odds that a track is real: of_score × mean logit of its scores + of_count × log of their number + of_share ×
    share of frames in which it was detected − doubt."""
    meet: float = 0.5
    """Sizes by which the two ends may miss each other in the middle of a gap."""
    colour: float = 1.7
    """Noise of the detector beyond its white part, which third differences show."""
    filling: Filling = DEFAULT_FILLING


@dataclass
class Passage:
    """One track to be smoothed: `seen` positions of its sightings and `offset` their frames after the first one;
    measured (4, n) centre x, y, width, height, NaN where not seen; size (n,)."""

    first: int
    seen: I64
    offset: I64
    measured: F64
    size: F64


def track_offline(
    detections: Detections,
    motion: BoxMotion | None = None,
    hindsight: Hindsight | None = None,
    progress: Progress = silent,
) -> BoxTracks:
    """Track a whole recording; the boxes carry their variance."""
    how = hindsight or Hindsight()
    rate = detections.frame_rate_hz if detections.frame_rate_hz > 0 else UNKNOWN_RATE_HZ
    every = sightings(detections, motion or BoxMotion(), progress)
    path, noise = camera_path(every, detections.n_frames, rate), detector_noise(every)
    crowd = Crowd(every, detections.n_frames)
    seen = _cut(every, path, noise, 1.0 / rate, how.meet)
    count, mean, share = worth(seen)
    odds = how.of_score * mean + how.of_count * np.log(count) + how.of_share * share - how.doubt
    seen = seen.take((count >= 2) & (odds > 0.0))
    ahead = round(how.filling.ahead_s * rate)
    passages = [_passage(seen, part, min(ahead, detections.n_frames - int(seen.frame[part[-1]])))
                for part in seen.groups()]  # fmt: skip
    smoothed = _smooth(passages, how.colour * noise, 1.0 / rate)
    return _told(passages, smoothed, seen, path, crowd, detections, rate, how.filling)


def _cut(seen: Sightings, path: F64, noise: F64, dt: float, meet: float) -> Sightings:
    """Give a new identity to what follows a gap over which the two ends, moved on to its middle, do not meet."""
    gap = np.flatnonzero((np.diff(seen.identity) == 0) & (np.diff(seen.frame) > 1))
    if not len(gap):
        return seen
    piece = np.zeros(len(seen.frame), np.int64)
    piece[1:] = np.cumsum((np.diff(seen.identity) != 0) | (np.diff(seen.frame) > 1))
    place = seen.box[:, :2] - path[seen.frame]
    needed = np.unique(np.concatenate((piece[gap], piece[gap + 1])))
    low, high = np.searchsorted(piece, needed), np.searchsorted(piece, needed, side="right")
    states = np.zeros((int(piece[-1]) + 1, 2, 2, 2))
    x, p = np.empty((int((high - low).max()), 2)), np.empty((int((high - low).max()), 3))
    for k, a, b in zip(needed, low, high, strict=True):
        for c in range(2):
            z = np.ascontiguousarray(place[a:b, c])
            smooth_coordinate(z, seen.size[a:b], dt, max(float(noise[c]), MEET_NOISE), MEET_RESTLESS, V0, x, p)
            states[k, 0, c], states[k, 1, c] = x[0], x[b - a - 1]
    before, after = states[piece[gap], 1], states[piece[gap + 1], 0]
    half_s = 0.5 * dt * (seen.frame[gap + 1] - seen.frame[gap])[:, None]
    miss = after[..., 0] - after[..., 1] * half_s - before[..., 0] - before[..., 1] * half_s
    apart = np.hypot(miss[:, 0], miss[:, 1]) > meet * 0.5 * (seen.size[gap] + seen.size[gap + 1])
    new = np.zeros(len(seen.frame), np.bool_)
    new[1:] = np.diff(seen.identity) != 0
    new[gap[apart] + 1] = True
    return seen.named(np.cumsum(new))


def _passage(seen: Sightings, part: I64, ahead: int) -> Passage:
    """The track of these sightings, with so many frames more after the last one."""
    offset = seen.frame[part] - seen.frame[part[0]]
    n = int(offset[-1]) + 1 + ahead
    measured = np.full((4, n), np.nan)
    measured[:, offset] = seen.box[part].T
    return Passage(int(seen.frame[part[0]]), part, offset, measured, np.interp(np.arange(n), offset, seen.size[part]))


def _smooth(passages: list[Passage], noise: F64, dt: float) -> list[tuple[F64, F64]]:
    """Smoothed boxes (n, 4) and variances (n, 4) of each track; the restlessness is the likeliest one."""
    states = [(np.empty((len(t.size), 4)), np.empty((len(t.size), 4))) for t in passages]
    longest = max((len(t.size) for t in passages), default=0)
    x, p = np.empty((longest, 2)), np.empty((longest, 3))
    for c in range(4):
        args = [(t.measured[c], t.size, dt, float(noise[c])) for t in passages]
        likely = [sum(smooth_coordinate(*a, q, V0, x, p) for a in args) for q in RESTLESS]
        q = RESTLESS[int(np.argmax(likely))]
        for a, (value, variance) in zip(args, states, strict=True):
            smooth_coordinate(*a, q, V0, x, p)
            value[:, c], variance[:, c] = x[: len(value), 0], p[: len(value), 0]
    return states


def _told(
    passages: list[Passage],
    smoothed: list[tuple[F64, F64]],
    seen: Sightings,
    path: F64,
    crowd: Crowd,
    detections: Detections,
    rate_hz: float,
    how: Filling,
) -> BoxTracks:
    none = np.empty(0, np.int64)
    parts = [(none, none, np.empty((0, 4)), np.empty(0), none, np.empty((0, 4)))]
    for track, (value, variance) in zip(passages, smoothed, strict=True):
        value[:, 2:] = np.maximum(value[:, 2:], 1.0)
        at = np.flatnonzero(fill(value, track.first, track.offset, path, crowd, rate_hz, how))
        score, label = np.zeros(len(value)), np.full(len(value), -1)
        row = seen.row[track.seen]
        score[track.offset], label[track.offset] = detections.score[row], detections.label[row]
        box = value[at]
        box[:, :2] -= box[:, 2:] / 2
        who = np.full(len(at), seen.identity[track.seen[0]])
        parts.append((at + track.first, who, box, score[at], label[at], variance[at]))
    frame, identity, box, score, label, variance = (np.concatenate(part) for part in zip(*parts, strict=True))
    return BoxTracks(frame, identity, box, score, label, detections.n_frames, variance)
