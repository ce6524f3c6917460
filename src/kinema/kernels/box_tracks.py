"""Boxes in an image over time: motion, camera shift, association scores and update of many tracks at once.

A track is a row of `x` (n, 8): centre x, y, width, height in pixels, then their rates per second; `var` (n, 4, 3) holds
per coordinate the variance, the covariance with its rate, and the rate's variance (the coordinates are independent);
`mood` (n, 4): log-odds of existence, running innovation ratio of place and of size, time last seen (s); `mark` (n, 3)
int64: state (FREE, TENTATIVE, CONFIRMED), identity, hits; `past` (n, 3, 4) the last three boxes; `run` (n,) int64 how
many frames in a row it was detected. `scene` (7,): learnt noise of place and of size, how many values they rest on, the
last time step, and this frame's votes on both and their number. Noises are shares of the box's size (`box_scale`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kinema.kernels.jit import kernel
from kinema.kernels.pairs import NO_PAIR, match_pairs, sorted_order

FREE, TENTATIVE, CONFIRMED = 0, 1, 2
LOOM_LIMIT = 0.3
ADAPT_LIMIT = 10.0
MOST_PARTNERS = 100
"""Candidates of one track in one round: memory stays linear however many boxes lie over each other."""


class BoxMotion(NamedTuple):
    """How boxes move, how sure a detector is, and when a track lives. Lengths are shares of the box (`box_scale`)."""

    strong: float = 0.6
    """Detections with at least this score take part in the first rounds."""
    newborn: float = 0.7
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
    likely: float = 0.0
    """Bound of `_unlikeness` in the second round."""
    of_score: float = 0.6
    """How much the score weighs the overlap."""
    score_slope: float = 0.5
    score_middle: float = 1.9
    """Log-odds that a detection is real: slope × (logit(score) − middle). Softmax scores of detectors are
    overconfident: 0.87 was real half of the time in each of two unrelated detectors."""
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
    """A track is reported without detection for so long, if seen so often and known so well."""
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
def predict(x: np.ndarray, var: np.ndarray, mood: np.ndarray, mark: np.ndarray, dt: float, how: BoxMotion) -> None:
    """Move every track by dt seconds: white-noise acceleration, stronger where innovations were large.

    Looming: under perspective a box that grows at rate r moves and grows as 1 / (1 − r·dt); how.loom is how much of the
    measured rate to believe.
    """
    for t in range(len(x)):
        if mark[t, 0] == FREE:
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
            v = var[t, c]
            v[0] += dt * (2 * v[1] + dt * v[2]) + q * q * dt**3 / 3
            v[1] += dt * v[2] + q * q * dt * dt / 2
            v[2] += q * q * dt
        x[t, 2] = max(x[t, 2], 1.0)
        x[t, 3] = max(x[t, 3], 1.0)


@kernel
def follow_camera(
    x: np.ndarray,
    mood: np.ndarray,
    mark: np.ndarray,
    det: np.ndarray,
    strong: np.ndarray,
    before_s: float,
    noise: float,
) -> None:
    """Shift all tracks by the common displacement of those with one clear partner: the camera's own motion.

    The median shift is shrunk by its own uncertainty, so that a still camera moves nothing.
    """
    dx, dy = np.empty(len(x)), np.empty(len(x))
    n = 0
    for t in range(len(x)):
        if mark[t, 0] == FREE or mark[t, 2] < 2 or mood[t, 3] < before_s:
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


@kernel
def _unlikeness(x: np.ndarray, var: np.ndarray, det: np.ndarray, noise: float) -> float:
    """Twice the negative log-likelihood of a box, in units of the track's size, with a quarter of the usual volume
    term: long-lost tracks then compete with fresh ones without winning by vagueness."""
    size = box_scale(x[2], x[3])
    total = 0.0
    for c in range(4):
        s = var[c, 0] + (noise * size) ** 2
        total += (det[c] - x[c]) ** 2 / s + 0.25 * np.log(s / (size * size))
    return total


@kernel
def _pair_cost(
    turn: int, x: np.ndarray, var: np.ndarray, box: np.ndarray, score: float, lost_s: float, how: BoxMotion
) -> float:
    """Cost of a track and a detection in one of the rounds of `associate`; NO_PAIR where they cannot belong."""
    if turn == 1:
        cost = _unlikeness(x, var, box, 0.3)
        return cost if cost <= how.likely else NO_PAIR
    o = overlap(x, box, 0.0)
    if turn == 0:
        worth = 1.0 - o * (1.0 - how.of_score * (1.0 - score)) + 0.02 * min(lost_s, 1.0)
        return worth if o >= how.least_overlap else NO_PAIR
    return 1.0 - o if o >= (how.weak_overlap if turn == 2 else 0.1) else NO_PAIR


@kernel
def _cheapest(cols: np.ndarray, costs: np.ndarray) -> int:
    """Bring the MOST_PARTNERS cheapest candidates to the front."""
    order = np.empty(len(costs), np.int64)
    sorted_order(costs, order)
    old_cols, old_costs = cols.copy(), costs.copy()
    for k in range(MOST_PARTNERS):
        cols[k], costs[k] = old_cols[order[k]], old_costs[order[k]]
    return MOST_PARTNERS


@kernel
def _median(values: np.ndarray) -> float:
    order = np.empty(len(values), np.int64)
    sorted_order(values, order)
    half = len(values) // 2
    return 0.5 * (values[order[half]] + values[order[len(values) - 1 - half]])


@kernel
def associate(
    x: np.ndarray,
    var: np.ndarray,
    mood: np.ndarray,
    mark: np.ndarray,
    det: np.ndarray,
    score: np.ndarray,
    strong: np.ndarray,
    before_s: float,
    now_s: float,
    how: BoxMotion,
    row_to_col: np.ndarray,
    col_to_row: np.ndarray,
) -> None:
    """Four rounds, each over what the ones before left: confirmed tracks by overlap; by likelihood; fresh ones with
    weak detections; tentative tracks. row_to_col (tracks,), col_to_row (detections,) get partners, else −1."""
    n, m = len(x), len(det)
    row_to_col[:] = -1
    col_to_row[:] = -1
    rows, cols, costs = np.empty(256, np.int32), np.empty(256, np.int32), np.empty(256)
    for turn in range(4):
        k = 0
        for t in range(n):
            first = k
            if mark[t, 0] != (TENTATIVE if turn == 3 else CONFIRMED) or row_to_col[t] >= 0:
                continue
            fresh = mood[t, 3] >= before_s
            if turn == 2 and not fresh:
                continue
            for j in range(m):
                if col_to_row[j] >= 0 or strong[j] == (turn == 2):
                    continue
                cost = _pair_cost(turn, x[t], var[t], det[j], score[j], 0.0 if fresh else now_s - mood[t, 3], how)
                if cost >= NO_PAIR:
                    continue
                if k == len(rows):
                    rows = np.concatenate((rows, rows))
                    cols = np.concatenate((cols, cols))
                    costs = np.concatenate((costs, costs))
                rows[k], cols[k], costs[k] = t, j, cost
                k += 1
            if k - first > MOST_PARTNERS:
                k = first + _cheapest(cols[first:k], costs[first:k])
        match_pairs(rows[:k], cols[:k], costs[:k], row_to_col, col_to_row)


@kernel
def absorb(
    x: np.ndarray, var: np.ndarray, mood: np.ndarray, t: int, box: np.ndarray, now_s: float, scene: np.ndarray,
    how: BoxMotion,
) -> None:  # fmt: skip
    """Kalman update of one track with its box, keeping the running ratio of innovations to what was expected."""
    size = box_scale(box[2], box[3])
    for c in range(4):
        v = var[t, c]
        noise = min(max(how.r_scale * scene[c // 2], how.r_place if c < 2 else how.r_size), how.r_high) * size
        s = v[0] + noise * noise
        innovation = box[c] - x[t, c]
        mood[t, 1 + c // 2] += (1 - how.memory) * 0.5 * (innovation * innovation / s - mood[t, 1 + c // 2])
        k0, k1 = v[0] / s, v[1] / s
        x[t, c] += k0 * innovation
        x[t, 4 + c] += k1 * innovation
        v[2] -= k1 * v[1]
        v[1] *= 1 - k0
        v[0] *= 1 - k0
    mood[t, 3] = now_s


@kernel
def vote_noise(past: np.ndarray, run: np.ndarray, scene: np.ndarray, t: int, box: np.ndarray) -> None:
    """Take a box into the history of a track, and a vote of its third difference on the scene's noise.

    Third differences cancel all motion up to constant acceleration and leave 20 times the noise's variance; whether
    they are above or below what is thought to be their median is counted.
    """
    if run[t] >= 3:
        size = box_scale(box[2], box[3])
        for c in range(4):
            third = box[c] - 3 * past[t, 2, c] + 3 * past[t, 1, c] - past[t, 0, c]
            scene[4 + c // 2] += 1.0 if 1.4826 * abs(third) > scene[c // 2] * np.sqrt(20.0) * size else -1.0
        scene[6] += 1.0
    past[t, 0] = past[t, 1]
    past[t, 1] = past[t, 2]
    past[t, 2] = box
    run[t] += 1


@kernel
def count_votes(scene: np.ndarray, how: BoxMotion) -> None:
    """Move the scene's noise towards its running median by ever smaller steps (Robbins and Monro 1951), once per
    frame, so that the order of the tracks does not matter."""
    rate = how.learn / (how.learn_after + scene[2])
    for c in range(2):
        step_log = min(max(rate * scene[4 + c], -0.5), 0.5)
        scene[c] = min(max(scene[c] * np.exp(step_log), 1e-3), 1.0)
        scene[4 + c] = 0.0
    scene[2] = min(scene[2] + scene[6], 2000.0)
    scene[6] = 0.0


@kernel
def born(
    x: np.ndarray,
    var: np.ndarray,
    mood: np.ndarray,
    mark: np.ndarray,
    t: int,
    box: np.ndarray,
    now_s: float,
    existence: float,
    how: BoxMotion,
) -> None:
    """Start a tentative track in the free row t."""
    size = box_scale(box[2], box[3])
    for c in range(4):
        x[t, c] = box[c]
        x[t, 4 + c] = 0.0
        var[t, c, 0] = (2 * (how.r_place if c < 2 else how.r_size) * size) ** 2
        var[t, c, 1] = 0.0
        var[t, c, 2] = (how.v_place * (1.0 if c < 2 else 0.2) * size) ** 2
    mood[t, 0] = existence
    mood[t, 1] = 1.0
    mood[t, 2] = 1.0
    mood[t, 3] = now_s
    mark[t, 0] = TENTATIVE
    mark[t, 1] = -1
    mark[t, 2] = 1


@kernel
def likely_real(score: float, how: BoxMotion) -> float:
    """Log-odds that a detection of this score is an object."""
    p = min(max(score, 1e-4), 0.9995)
    return how.score_slope * (np.log(p / (1.0 - p)) - how.score_middle)


@kernel
def step(
    x: np.ndarray,
    var: np.ndarray,
    mood: np.ndarray,
    mark: np.ndarray,
    past: np.ndarray,
    run: np.ndarray,
    scene: np.ndarray,
    det: np.ndarray,
    score: np.ndarray,
    before_s: float,
    now_s: float,
    next_id: int,
    width: float,
    height: float,
    how: BoxMotion,
    ids: np.ndarray,
    told: np.ndarray,
    boxes: np.ndarray,
    extra: np.ndarray,
) -> tuple[int, int]:
    """One frame: predict, follow the camera, associate, update, give birth, let die.

    det (m, 4) centre x, y, width, height. ids (m,) gets the identity of each detection (−1: too weak to be anyone),
    told (m,) whether that one exists more likely than not, boxes (m, 4) the reported box; extra (tracks, 5) identity
    and box of coasting tracks. `x` has at least m free rows. Returns the next identity and how many coast.
    """
    strong = score >= how.strong
    doubt = 0.0 if next_id == 0 else how.doubt
    if abs(now_s - before_s - scene[3]) > 1e-6:
        run[:] = 0
    scene[3] = now_s - before_s
    predict(x, var, mood, mark, now_s - before_s, how)
    follow_camera(x, mood, mark, det, strong, before_s, how.camera)
    row_to_col, col_to_row = np.empty(len(x), np.int64), np.empty(len(det), np.int64)
    associate(x, var, mood, mark, det, score, strong, before_s, now_s, how, row_to_col, col_to_row)
    coasting = 0
    for t in range(len(x)):
        j = row_to_col[t]
        if mark[t, 0] != FREE and j >= 0:
            absorb(x, var, mood, t, det[j], now_s, scene, how)
            vote_noise(past, run, scene, t, det[j])
            mark[t, 2] += 1
            mood[t, 0] = min(mood[t, 0] + how.hit_score * likely_real(score[j], how) + how.hit, how.sure)
        elif mark[t, 0] != FREE:
            mood[t, 0] -= how.miss
            run[t] = 0
            if mark[t, 0] == TENTATIVE or now_s - mood[t, 3] > how.lost_s:
                mark[t, 0] = FREE
            elif _coasts(x[t], var[t], mood[t], mark[t], now_s, width, height, how):
                extra[coasting, 0] = mark[t, 1]
                extra[coasting, 1:] = x[t, :4]
                coasting += 1
    count_votes(scene, how)
    row = 0
    for j in range(len(det)):
        ids[j], told[j] = -1, False
        t = col_to_row[j]
        if t < 0 and score[j] >= how.newborn:
            while mark[row, 0] != FREE:
                row += 1
            t = row
            born(x, var, mood, mark, t, det[j], now_s, likely_real(score[j], how) - doubt, how)
            mark[t, 1] = next_id
            next_id += 1
            run[t] = 0
            vote_noise(past, run, scene, t, det[j])
        if t >= 0:
            ids[j], told[j] = mark[t, 1], mood[t, 0] > 0.0
            if told[j]:
                mark[t, 0] = CONFIRMED
            for c in range(4):
                share = (scene[c // 2] / (how.smooth_place if c < 2 else how.smooth_size)) ** 4
                share /= 1.0 + share
                boxes[j, c] = share * x[t, c] + (1.0 - share) * det[j, c]
    return next_id, coasting


@kernel
def _coasts(
    x: np.ndarray, var: np.ndarray, mood: np.ndarray, mark: np.ndarray, now_s: float, width: float, height: float,
    how: BoxMotion,
) -> bool:  # fmt: skip
    """Whether a track that was missed in this frame is reported all the same: well known, and inside the image."""
    return (
        now_s - mood[3] <= how.coast_s
        and mark[2] >= how.coast_hits
        and mood[0] > 0.0
        and np.sqrt(var[0, 0]) < how.coast_sigma * box_scale(x[2], x[3])
        and x[0] > x[2] / 2
        and x[0] + x[2] / 2 < width
        and x[1] + x[3] / 2 < 1.02 * height
    )
