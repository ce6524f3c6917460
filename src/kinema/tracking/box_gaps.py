"""Where a track is told although nothing was detected: in short gaps, behind others, and a little after its end."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kinema.core.arrays import F64, I64, Bool
from kinema.tracking.sightings import Crowd


class Filling(NamedTuple):
    """How long a gap may be, and how well it must be explained."""

    bridge_s: float = 1.0
    """A gap so short is filled in any case,"""
    hidden_s: float = 3.0
    hidden: float = 0.5
    """one so short where the mover was hidden by this share on average;"""
    ahead_s: float = 0.5
    ahead: float = 0.7
    """and a track goes on after its last detection so long as it is hidden by this share."""


LATELY_S = 0.5
LEAST_FRAMES = 4
"""Time and frames that the last velocity is taken over."""


def fill(value: F64, first: int, offset: I64, path: F64, crowd: Crowd, rate_hz: float, how: Filling) -> Bool:
    """Which of the frames (n,) after `first` are told; detections are at `offset`.

    value (n, 4) smoothed centre and size; in gaps of a moving camera and after the end it is replaced by what the
    camera's path says.
    """
    told = np.zeros(len(value), np.bool_)
    told[offset] = True
    moving = bool(path.any())
    for k in np.flatnonzero(np.diff(offset) > 1):
        a, b = int(offset[k]), int(offset[k + 1])
        if b - a > how.hidden_s * rate_hz and b - a > how.bridge_s * rate_hz:
            continue
        inside = np.arange(a + 1, b)
        if moving:
            w = ((inside - a) / (b - a))[:, None]
            place = value[:, :2] - path[first : first + len(value)]
            value[inside, :2] = place[a] * (1 - w) + place[b] * w + path[first + inside]
        short = b - a <= how.bridge_s * rate_hz
        told[inside] = short or crowd.hides(first + inside, value[inside]).mean() >= how.hidden
    _go_on(value, told, first, int(offset[-1]), path, crowd, rate_hz, how)
    return told


def _go_on(
    value: F64, told: Bool, first: int, last: int, path: F64, crowd: Crowd, rate_hz: float, how: Filling
) -> None:
    lately = min(last + 1, max(LEAST_FRAMES, int(LATELY_S * rate_hz)))
    if lately < LEAST_FRAMES or last + 1 >= len(value):
        return
    after = np.arange(last + 1, len(value))
    begin = last - lately + 1
    moved = value[last, :2] - path[first + last] - value[begin, :2] + path[first + begin]
    value[after] = value[last]
    value[after, :2] += moved * ((after - last) / (lately - 1))[:, None] + path[first + after] - path[first + last]
    lit = np.flatnonzero(crowd.hides(first + after, value[after]) < how.ahead)
    told[after[: lit[0] if len(lit) else len(after)]] = True
