"""Appearance of tracks, where the detector gives vectors: how strange a detection looks for a track.

Distances of one network mean nothing in another, so what is usual is learnt on the way. `looks` (5,): mean cosine
distance of tracks and their own detections, of tracks and everyone else's, and the sums and number of this frame.
Vectors are of unit length, or all zero where a detection or a track has none.
"""

from __future__ import annotations

import numpy as np

from kinema.kernels.jit import kernel

LOOK_KEEPS = 0.9
LOOK_LEARNS = 0.02
LOOK_TELLS = 0.05
"""Appearance is heard only if own and foreign distances differ by so much."""


@kernel
def cosine_distance(a: np.ndarray, b: np.ndarray) -> float:
    """One minus the scalar product of unit vectors."""
    total = 0.0
    for k in range(len(a)):
        total += a[k] * b[k]
    return 1.0 - total


@kernel
def is_blank(a: np.ndarray) -> bool:
    """Whether there is no vector."""
    total = 0.0
    for k in range(len(a)):
        total += abs(a[k])
    return total == 0.0


@kernel
def strangeness(look: np.ndarray, seen: np.ndarray, looks: np.ndarray) -> float:
    """−0.5 where a detection looks as the track's own usually do, 0.5 where as others do; 0 where looks do not tell."""
    apart = looks[1] - looks[0]
    if apart < LOOK_TELLS or is_blank(seen) or is_blank(look):
        return 0.0
    return min(max((cosine_distance(look, seen) - looks[0]) / apart, -0.5), 1.5) - 0.5


@kernel
def learn_look(look: np.ndarray, seen: np.ndarray, crowd: np.ndarray, others: int, looks: np.ndarray) -> None:
    """Take a detection's vector (k,) into its track's. crowd (k,) is the sum of the vectors of this frame; `others` of
    them are not this one."""
    if is_blank(seen):
        return
    if is_blank(look):
        look[:] = seen
        return
    if others > 0:
        looks[2] += cosine_distance(look, seen)
        looks[3] += 1.0 - (1.0 - cosine_distance(look, crowd) - (1.0 - cosine_distance(look, seen))) / others
        looks[4] += 1.0
    total = 0.0
    for k in range(len(look)):
        look[k] = LOOK_KEEPS * look[k] + (1.0 - LOOK_KEEPS) * seen[k]
        total += look[k] * look[k]
    for k in range(len(look)):
        look[k] /= max(np.sqrt(total), 1e-9)


@kernel
def count_looks(looks: np.ndarray) -> None:
    """Move the usual distances by what this frame showed, once per frame, so that order does not matter."""
    n = looks[4]
    if n > 0.0:
        rate = 1.0 - (1.0 - LOOK_LEARNS) ** n
        for c in range(2):
            looks[c] += rate * (looks[2 + c] / n - looks[c])
        looks[2:] = 0.0
