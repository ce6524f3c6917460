"""How boxes in an image move: the settings of the box tracker, prediction, and the camera's own motion.

Noises are shares of the box's size (`box_scale`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kinema.kernels.jit import kernel
from kinema.kernels.pairs import sorted_order

FREE, TENTATIVE, CONFIRMED = 0, 1, 2
LOOM_LIMIT = 0.3
ADAPT_LIMIT = 10.0


class Tracks(NamedTuple):
    """One row of each for a track."""

    x: np.ndarray
    """(n, 8) centre x, y, width, height in pixels, then their rates per second."""
    var: np.ndarray
    """(n, 4, 3) per coordinate the variance, the covariance with its rate, the rate's variance: coordinates are
    independent."""
    mood: np.ndarray
    """(n, 4) log-odds of existence, running innovation ratio of place and of size, time last seen (s)."""
    mark: np.ndarray
    """(n, 3) int64: state (FREE, TENTATIVE, CONFIRMED), identity, hits."""
    past: np.ndarray
    """(n, 3, 4) the last three boxes, and"""
    run: np.ndarray
    """(n,) int64 how many frames in a row it was detected."""
    look: np.ndarray
    """(n, k) appearance (see `box_look`)."""


class Frame(NamedTuple):
    """What was detected: det (m, 4) centre x, y, width, height; score (m,); seen (m, k) appearance; at now_s, after a
    frame at before_s, in an image of width by height."""

    det: np.ndarray
    score: np.ndarray
    seen: np.ndarray
    before_s: float
    now_s: float
    width: float
    height: float


class BoxMotion(NamedTuple):
    """How boxes move, how sure a detector is, and when a track lives. Lengths are shares of the box (`box_scale`)."""

    strong: float = 0.6
    """Detections with at least this score take part in the first rounds."""
    newborn: float = 0.5
    """Least score of a detection that may start a track."""
    r_place: float = 0.03
    r_size: float = 0.05
    r_scale: float = 1.0
    r_high: float = 0.06
    """Measurement noise of centre and size: r_scale × what is learnt on the way, from the first values up to r_high.
    (Boxes can be more precise than that, but how a body fills its box is not.)"""
    learn: float = 1.0
    learn_after: float = 50.0
    """How fast it is learnt, and the number of values that the first ones are worth."""
    q_place: float = 0.3
    q_size: float = 0.2
    """Acceleration noise, per second^1.5."""
    v_place: float = 0.5
    """First sigma of the velocity, per second."""
    adapt: float = 0.3
    """Exponent by which the running innovation ratio raises the acceleration noise."""
    memory: float = 0.85
    loom: float = 0.5
    camera: float = 3.0
    """How cautiously common displacements are taken for the camera's motion."""
    least_overlap: float = 0.3
    weak_overlap: float = 0.6
    lost_overlap: float = 0.55
    lost_noise: float = 15.0
    lost_most: float = 0.5
    """A track that was missed must overlap more the more precise the detector is: lost_overlap − lost_noise × noise
    of place, between least_overlap and lost_most."""
    likely: float = 0.0
    """Bound of `_unlikeness` in the second round."""
    of_score: float = 0.6
    """How much the score weighs the overlap."""
    of_look: float = 0.3
    look_likely: float = 4.0
    strangest: float = 0.2
    """What strangeness (`box_look`) costs against overlap and against likelihood; a track that was missed takes nothing
    stranger."""
    score_slope: float = 0.5
    score_middle: float = 1.9
    """Log-odds that a detection is real: slope × (logit(score) − middle). Softmax scores of detectors are
    overconfident: 0.87 was real half of the time in each of two unrelated detectors."""
    score_top: float = 4.0
    """A detector whose best score of a frame seldom reaches this logit is a modest one: its scores are raised by what
    is missing."""
    doubt: float = 1.0
    """Log-odds taken from a newborn."""
    hit: float = 0.3
    hit_score: float = 0.5
    miss: float = 0.25
    sure: float = 10.0
    """Existence gains hit + hit_score × log-odds per detection, loses miss per frame without, up to `sure`."""
    lost_s: float = 3.0
    """A track not seen for this long ends."""
    coast_s: float = 0.15
    coast_hits: float = 10.0
    coast_sigma: float = 0.1
    """A track is reported without detection for so long, if seen so often and known so well;"""
    hidden: float = 0.6
    hidden_s: float = 0.5
    """and for longer where a nearer box covers at least this share of it."""
    smooth_place: float = 0.03
    smooth_size: float = 0.05
    """Noise at which half of the filtered box is in what is reported; the rest is the detection."""


@kernel
def box_scale(width: float, height: float) -> float:
    """The length that noises scale with: mostly the height, which occlusion and gait disturb least."""
    return max(max(width, 1.0) ** 0.3 * max(height, 1.0) ** 0.7, 1.0)


@kernel
def overlap(a: np.ndarray, b: np.ndarray, grow: float) -> float:
    """Intersection over union of boxes (centre x, y, width, height), each grown by `grow` of its size on all sides."""
    k = 1.0 + 2.0 * grow
    wide = min(a[0] + k * a[2] / 2, b[0] + k * b[2] / 2) - max(a[0] - k * a[2] / 2, b[0] - k * b[2] / 2)
    high = min(a[1] + k * a[3] / 2, b[1] + k * b[3] / 2) - max(a[1] - k * a[3] / 2, b[1] - k * b[3] / 2)
    if wide <= 0.0 or high <= 0.0:
        return 0.0
    both = wide * high
    return both / (k * k * (a[2] * a[3] + b[2] * b[3]) - both)


@kernel
def covered_share(box: np.ndarray, other: np.ndarray) -> float:
    """Share of a box that another one hides: zero unless the other is nearer, that is, stands lower in the image."""
    if other[1] + other[3] / 2 <= box[1] + box[3] / 2:
        return 0.0
    wide = min(box[0] + box[2] / 2, other[0] + other[2] / 2) - max(box[0] - box[2] / 2, other[0] - other[2] / 2)
    high = min(box[1] + box[3] / 2, other[1] + other[3] / 2) - max(box[1] - box[3] / 2, other[1] - other[3] / 2)
    return max(wide, 0.0) * max(high, 0.0) / (box[2] * box[3])


@kernel
def predict(tracks: Tracks, dt: float, how: BoxMotion) -> None:
    """Move every track by dt seconds: white-noise acceleration, stronger where innovations were large.

    Looming: under perspective a box that grows at rate r moves and grows as 1 / (1 − r·dt); how.loom is how much of the
    measured rate to believe.
    """
    x, mood = tracks.x, tracks.mood
    for t in range(len(x)):
        if tracks.mark[t, 0] == FREE:
            continue
        size = box_scale(x[t, 2], x[t, 3])
        rate = 0.5 * (x[t, 7] / max(x[t, 3], 1.0) + x[t, 6] / max(x[t, 2], 1.0))
        gain = 1.0 / (1.0 - min(max(how.loom * dt * rate, -LOOM_LIMIT), LOOM_LIMIT))
        for c in range(4):
            ratio = mood[t, 1 + c // 2]
            q = (how.q_place if c < 2 else how.q_size) * size * min(max(ratio, 1.0) ** how.adapt, ADAPT_LIMIT)
            x[t, c] += x[t, 4 + c] * gain * dt
            if abs(gain - 1.0) > 0.02:
                x[t, 4 + c] *= gain * gain
            v = tracks.var[t, c]
            v[0] += dt * (2 * v[1] + dt * v[2]) + q * q * dt**3 / 3
            v[1] += dt * v[2] + q * q * dt * dt / 2
            v[2] += q * q * dt
        x[t, 2] = max(x[t, 2], 1.0)
        x[t, 3] = max(x[t, 3], 1.0)


@kernel
def _median(values: np.ndarray) -> float:
    order = np.empty(len(values), np.int64)
    sorted_order(values, order)
    half = len(values) // 2
    return 0.5 * (values[order[half]] + values[order[len(values) - 1 - half]])


@kernel
def follow_camera(tracks: Tracks, frame: Frame, strong: np.ndarray, noise: float) -> None:
    """Shift all tracks by the common displacement of those with one clear partner: the camera's own motion.

    The median shift is shrunk by its own uncertainty, so that a still camera moves nothing.
    """
    x, mark, det = tracks.x, tracks.mark, frame.det
    dx, dy = np.empty(len(x)), np.empty(len(x))
    n = 0
    for t in range(len(x)):
        if mark[t, 0] == FREE or mark[t, 2] < 2 or tracks.mood[t, 3] < frame.before_s:
            continue
        best, second, partner = 0.3, 0.0, -1
        for j in range(len(det)):
            if strong[j]:
                o = overlap(x[t], det[j], 0.3)
                if o > best:
                    best, second, partner = o, best, j
                elif o > second:
                    second = o
        if partner >= 0 and second < 0.7 * best:
            dx[n] = det[partner, 0] - x[t, 0]
            dy[n] = det[partner, 1] - x[t, 1]
            n += 1
    if n < 4:
        return
    for c in range(2):
        shifts = dx[:n] if c == 0 else dy[:n]
        middle = _median(shifts)
        spread = 1.4826 * _median(np.abs(shifts - middle))
        weight = middle**2 / (middle**2 + noise * (spread**2 / n + 0.25))
        for t in range(len(x)):
            if mark[t, 0] != FREE:
                x[t, c] += weight * middle
