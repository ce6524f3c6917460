"""The camera's own motion over a recording, from the boxes alone."""

from __future__ import annotations

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.tracking.sightings import Sightings

LEAST_SEEN = 10
LEAST_BOXES = 3
BETTER = 0.03
"""By how much the overlap must be better for the camera to be taken for a moving one."""
BLIND_S = 1.0


def camera_path(seen: Sightings, n_frames: int, rate_hz: float) -> F64:
    """Displacement (n_frames + 2, 2) of the picture at each frame in pixels; all zero where the camera stands.

    From frame to frame it is the median displacement of all boxes. Whether the camera moves at all is asked of the
    recording: boxes in the middle of a second are foretold from its two ends, with the path and without.
    """
    _, which, count = np.unique(seen.identity, return_inverse=True, return_counts=True)
    steady = seen.take(count[which] >= LEAST_SEEN)
    at = steady.in_a_row(1)
    still = np.zeros((n_frames + 2, 2))
    path = still.copy()
    for c in range(2):
        moved = steady.box[at + 1, c] - steady.box[at, c]
        path[1:, c] = np.cumsum(_medians(steady.frame[at], moved, n_frames + 1))
    gain = _foretold(steady, path, rate_hz) - _foretold(steady, still, rate_hz)
    return path if gain > BETTER else still


def _medians(frame: I64, value: F64, n: int) -> F64:
    """Median of the values of each frame 0, 1, …, n − 1; zero where there are few. Index f holds frame f's."""
    order = np.lexsort((value, frame))
    value = np.append(value[order], 0.0)
    start = np.searchsorted(frame[order], np.arange(n + 1))
    count = np.diff(start)
    low = np.minimum(start[:-1] + np.maximum(count - 1, 0) // 2, len(value) - 1)
    high = np.minimum(start[:-1] + count // 2, len(value) - 1)
    return np.asarray(np.where(count >= LEAST_BOXES, 0.5 * (value[low] + value[high]), 0.0))


def _foretold(seen: Sightings, path: F64, rate_hz: float) -> float:
    """Mean overlap of boxes with what is interpolated half a second away on both sides."""
    blind = max(2, round(BLIND_S * rate_hz))
    at = seen.in_a_row(blind)[:: max(1, blind // 4)]
    if not len(at):
        return 0.0
    middle, w = at + blind // 2, (blind // 2) / blind
    box = seen.box.copy()
    box[:, :2] -= path[seen.frame]
    guess, true = box[at] + (box[at + blind] - box[at]) * w, box[middle]
    low = np.maximum(guess[:, :2] - guess[:, 2:] / 2, true[:, :2] - true[:, 2:] / 2)
    high = np.minimum(guess[:, :2] + guess[:, 2:] / 2, true[:, :2] + true[:, 2:] / 2)
    both = np.maximum(high - low, 0.0).prod(axis=1)
    return float((both / (guess[:, 2:].prod(axis=1) + true[:, 2:].prod(axis=1) - both)).mean())
