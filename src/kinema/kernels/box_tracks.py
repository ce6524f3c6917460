"""One frame of the box tracker: update, birth, death and what is reported (other arrays as in `box_motion`).

`past` (n, 3, 4) the last three boxes; `run` (n,) int64 how many frames in a row a track was detected. `scene` (9,):
learnt noise of place and of size, how many values they rest on, the last time step, this frame's votes on both and
their number; upper quartile of the best logit of a frame, and how many frames it rests on.
"""

from __future__ import annotations

import numpy as np

from kinema.kernels.box_look import count_looks, is_blank, learn_look
from kinema.kernels.box_match import associate
from kinema.kernels.box_motion import (
    CONFIRMED,
    FREE,
    TENTATIVE,
    BoxMotion,
    box_scale,
    covered_share,
    follow_camera,
    predict,
)
from kinema.kernels.jit import kernel


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
    x: np.ndarray,
    var: np.ndarray,
    mood: np.ndarray,
    mark: np.ndarray,
    past: np.ndarray,
    run: np.ndarray,
    scene: np.ndarray,
    det: np.ndarray,
    score: np.ndarray,
    look: np.ndarray,
    seen: np.ndarray,
    looks: np.ndarray,
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

    det (m, 4) centre x, y, width, height; seen (m, k) their appearance, look (n, k) that of the tracks, looks (5,).
    ids (m,) gets the identity of each detection (−1: too weak to be anyone), told (m,) whether that one exists more
    likely than not, boxes (m, 4) the reported box; extra (tracks, 5) identity and box of coasting tracks. `x` has at
    least m free rows. Returns the next identity and how many coast.
    """
    score = level_scores(score, scene, how)
    strong = score >= how.strong
    doubt = 0.0 if next_id == 0 else how.doubt
    if abs(now_s - before_s - scene[3]) > 1e-6:
        run[:] = 0
    scene[3] = now_s - before_s
    predict(x, var, mood, mark, now_s - before_s, how)
    follow_camera(x, mood, mark, det, strong, before_s, how.camera)
    row_to_col, col_to_row = np.empty(len(x), np.int64), np.empty(len(det), np.int64)
    lost_least = max(how.least_overlap, min(how.lost_most, how.lost_overlap - how.lost_noise * scene[0]))
    associate(
        x, var, mood, mark, det, score, strong, before_s, now_s, lost_least, look, seen, looks, how,
        row_to_col, col_to_row,
    )  # fmt: skip
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
            elif _coasts(x[t], var[t], mood[t], mark[t], det, strong, now_s, width, height, how):
                extra[coasting, 0] = mark[t, 1]
                extra[coasting, 1:] = x[t, :4]
                coasting += 1
    count_votes(scene, how)
    row = 0
    crowd, dressed = np.zeros(seen.shape[1]), 0
    for j in range(len(det)):
        if not is_blank(seen[j]):
            crowd += seen[j]
            dressed += 1
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
            look[t] = 0.0
            vote_noise(past, run, scene, t, det[j])
        if t >= 0:
            learn_look(look[t], seen[j], crowd, dressed - 1, looks)
            ids[j], told[j] = mark[t, 1], mood[t, 0] > 0.0
            if told[j]:
                mark[t, 0] = CONFIRMED
            for c in range(4):
                share = (scene[c // 2] / (how.smooth_place if c < 2 else how.smooth_size)) ** 4
                share /= 1.0 + share
                boxes[j, c] = share * x[t, c] + (1.0 - share) * det[j, c]
    count_looks(looks)
    return next_id, coasting


@kernel
def _coasts(
    x: np.ndarray,
    var: np.ndarray,
    mood: np.ndarray,
    mark: np.ndarray,
    det: np.ndarray,
    strong: np.ndarray,
    now_s: float,
    width: float,
    height: float,
    how: BoxMotion,
) -> bool:
    """Whether a track that was missed in this frame is reported all the same: well known, inside the image, and
    either missed only just now or hidden behind a nearer box."""
    lost_s = now_s - mood[3]
    known = np.sqrt(var[0, 0]) < how.coast_sigma * box_scale(x[2], x[3])
    inside = x[0] > x[2] / 2 and x[0] + x[2] / 2 < width and x[1] + x[3] / 2 < 1.02 * height
    if mark[2] < how.coast_hits or mood[0] <= 0.0 or not known or not inside:
        return False
    if lost_s <= how.coast_s:
        return True
    if lost_s <= how.hidden_s:
        for j in range(len(det)):
            if strong[j] and covered_share(x, det[j]) >= how.hidden:
                return True
    return False
