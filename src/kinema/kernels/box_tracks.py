"""One frame of the box tracker: update, birth, death and what is reported.

`scene` (9,): learnt noise of place and of size, how many values they rest on, the last time step, this frame's votes on
both and their number; upper quartile of the best logit of a frame, and how many frames it rests on.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kinema.kernels.box_look import count_looks, is_blank, learn_look
from kinema.kernels.box_match import associate
from kinema.kernels.box_motion import (
    CONFIRMED,
    FREE,
    TENTATIVE,
    BoxMotion,
    Frame,
    Tracks,
    box_scale,
    covered_share,
    follow_camera,
    predict,
)
from kinema.kernels.jit import kernel


class Told(NamedTuple):
    """The answer, written: ids (m,) identity of each detection (−1: too weak to be anyone), real (m,) whether that one
    exists more likely than not, boxes (m, 4) what is told; extra (tracks, 5) identity and box of coasting tracks."""

    ids: np.ndarray
    real: np.ndarray
    boxes: np.ndarray
    extra: np.ndarray


@kernel
def absorb(tracks: Tracks, t: int, box: np.ndarray, now_s: float, scene: np.ndarray, how: BoxMotion) -> None:
    """Kalman update of one track with its box, keeping the running ratio of innovations to what was expected."""
    x, mood = tracks.x, tracks.mood
    size = box_scale(box[2], box[3])
    for c in range(4):
        v = tracks.var[t, c]
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
def vote_noise(tracks: Tracks, scene: np.ndarray, t: int, box: np.ndarray) -> None:
    """Take a box into the history of a track, and a vote of its third difference on the scene's noise.

    Third differences cancel all motion up to constant acceleration and leave 20 times the noise's variance; whether
    they are above or below what is thought to be their median is counted.
    """
    past = tracks.past
    if tracks.run[t] >= 3:
        size = box_scale(box[2], box[3])
        for c in range(4):
            third = box[c] - 3 * past[t, 2, c] + 3 * past[t, 1, c] - past[t, 0, c]
            scene[4 + c // 2] += 1.0 if 1.4826 * abs(third) > scene[c // 2] * np.sqrt(20.0) * size else -1.0
        scene[6] += 1.0
    past[t, 0] = past[t, 1]
    past[t, 1] = past[t, 2]
    past[t, 2] = box
    tracks.run[t] += 1


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
    tracks: Tracks, t: int, identity: int, box: np.ndarray, now_s: float, existence: float, how: BoxMotion
) -> None:
    """Start a tentative track in the free row t."""
    x, var, mood, mark = tracks.x, tracks.var, tracks.mood, tracks.mark
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
    mark[t, 1] = identity
    mark[t, 2] = 1
    tracks.run[t] = 0
    tracks.look[t] = 0.0


@kernel
def logit(score: float) -> float:
    """Logarithm of the odds of a score, bounded where scores are rounded to 0 or 1."""
    p = min(max(score, 1e-4), 0.9995)
    return np.log(p / (1.0 - p))


@kernel
def level_scores(score: np.ndarray, scene: np.ndarray, how: BoxMotion) -> np.ndarray:
    """Scores (m,) as a detector would give them whose best ones reach `score_top`.

    The running upper quartile of the best logit of a frame is moved by ever smaller steps (Robbins and Monro 1951).
    """
    if len(score) == 0:
        return score
    best = logit(np.max(score))
    scene[8] = min(scene[8] + 1.0, 2000.0)
    scene[7] += (3.0 if best > scene[7] else -1.0) * 5.0 / (10.0 + scene[8])
    missing = how.score_top - scene[7]
    if missing <= 0.0:
        return score
    raised = np.empty(len(score))
    for j in range(len(score)):
        raised[j] = 1.0 / (1.0 + np.exp(-logit(score[j]) - missing))
    return raised


@kernel
def likely_real(score: float, how: BoxMotion) -> float:
    """Log-odds that a detection of this score is an object."""
    return how.score_slope * (logit(score) - how.score_middle)


@kernel
def step(
    tracks: Tracks, scene: np.ndarray, looks: np.ndarray, frame: Frame, next_id: int, how: BoxMotion, told: Told
) -> tuple[int, int]:
    """One frame: predict, follow the camera, associate, update, give birth, let die. `tracks` has at least m free rows.

    looks (5,) as in `box_look`. Returns the next identity and how many coast.
    """
    score = level_scores(frame.score, scene, how)
    strong = score >= how.strong
    dt = frame.now_s - frame.before_s
    if abs(dt - scene[3]) > 1e-6:
        tracks.run[:] = 0
    scene[3] = dt
    predict(tracks, dt, how)
    follow_camera(tracks, frame, strong, how.camera)
    row_to_col, col_to_row = np.empty(len(tracks.x), np.int64), np.empty(len(frame.det), np.int64)
    lost_least = max(how.least_overlap, min(how.lost_most, how.lost_overlap - how.lost_noise * scene[0]))
    associate(tracks, frame, score, strong, lost_least, looks, how, row_to_col, col_to_row)
    coasting = _go_on(tracks, scene, frame, score, strong, row_to_col, how, told.extra)
    count_votes(scene, how)
    next_id = _begin(tracks, scene, frame, score, col_to_row, next_id, how)
    _tell(tracks, scene, looks, frame, col_to_row, how, told)
    count_looks(looks)
    return next_id, coasting


@kernel
def _go_on(
    tracks: Tracks, scene: np.ndarray, frame: Frame, score: np.ndarray, strong: np.ndarray, row_to_col: np.ndarray,
    how: BoxMotion, extra: np.ndarray,
) -> int:  # fmt: skip
    """Update the tracks that were met; let others coast or die. Returns how many coast, with their boxes in extra."""
    mood, mark = tracks.mood, tracks.mark
    coasting = 0
    for t in range(len(mark)):
        j = row_to_col[t]
        if mark[t, 0] != FREE and j >= 0:
            absorb(tracks, t, frame.det[j], frame.now_s, scene, how)
            vote_noise(tracks, scene, t, frame.det[j])
            mark[t, 2] += 1
            mood[t, 0] = min(mood[t, 0] + how.hit_score * likely_real(score[j], how) + how.hit, how.sure)
        elif mark[t, 0] != FREE:
            mood[t, 0] -= how.miss
            tracks.run[t] = 0
            if mark[t, 0] == TENTATIVE or frame.now_s - mood[t, 3] > how.lost_s:
                mark[t, 0] = FREE
            elif _coasts(tracks, t, frame, strong, how):
                extra[coasting, 0] = mark[t, 1]
                extra[coasting, 1:] = tracks.x[t, :4]
                coasting += 1
    return coasting


@kernel
def _begin(
    tracks: Tracks, scene: np.ndarray, frame: Frame, score: np.ndarray, col_to_row: np.ndarray, next_id: int,
    how: BoxMotion,
) -> int:  # fmt: skip
    """A track for each detection that is nobody's and strong enough. Returns the next identity."""
    doubt = 0.0 if next_id == 0 else how.doubt
    row = 0
    for j in range(len(frame.det)):
        if col_to_row[j] >= 0 or score[j] < how.newborn:
            continue
        while tracks.mark[row, 0] != FREE:
            row += 1
        born(tracks, row, next_id, frame.det[j], frame.now_s, likely_real(score[j], how) - doubt, how)
        vote_noise(tracks, scene, row, frame.det[j])
        col_to_row[j] = row
        next_id += 1
    return next_id


@kernel
def _tell(
    tracks: Tracks,
    scene: np.ndarray,
    looks: np.ndarray,
    frame: Frame,
    col_to_row: np.ndarray,
    how: BoxMotion,
    told: Told,
) -> None:
    """Who each detection is, and where: between the detection and the track, by how noisy the scene's boxes are."""
    crowd, dressed = np.zeros(frame.seen.shape[1]), 0
    for j in range(len(frame.det)):
        if not is_blank(frame.seen[j]):
            crowd += frame.seen[j]
            dressed += 1
    for j in range(len(frame.det)):
        told.ids[j], told.real[j] = -1, False
        t = col_to_row[j]
        if t < 0:
            continue
        learn_look(tracks.look[t], frame.seen[j], crowd, dressed - 1, looks)
        told.ids[j], told.real[j] = tracks.mark[t, 1], tracks.mood[t, 0] > 0.0
        if told.real[j]:
            tracks.mark[t, 0] = CONFIRMED
        for c in range(4):
            share = (scene[c // 2] / (how.smooth_place if c < 2 else how.smooth_size)) ** 4
            share /= 1.0 + share
            told.boxes[j, c] = share * tracks.x[t, c] + (1.0 - share) * frame.det[j, c]


@kernel
def _coasts(tracks: Tracks, t: int, frame: Frame, strong: np.ndarray, how: BoxMotion) -> bool:
    """Whether a track that was missed in this frame is reported all the same: well known, inside the image, and
    either missed only just now or hidden behind a nearer box."""
    x, lost_s = tracks.x[t], frame.now_s - tracks.mood[t, 3]
    known = np.sqrt(tracks.var[t, 0, 0]) < how.coast_sigma * box_scale(x[2], x[3])
    inside = x[0] > x[2] / 2 and x[0] + x[2] / 2 < frame.width and x[1] + x[3] / 2 < 1.02 * frame.height
    if tracks.mark[t, 2] < how.coast_hits or tracks.mood[t, 0] <= 0.0 or not known or not inside:
        return False
    if lost_s <= how.coast_s:
        return True
    if lost_s <= how.hidden_s:
        for j in range(len(frame.det)):
            if strong[j] and covered_share(x, frame.det[j]) >= how.hidden:
                return True
    return False
