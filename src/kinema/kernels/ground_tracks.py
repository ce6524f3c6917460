"""Points on the ground over time: gates, soft and hard assignment of many tracks, their birth and death.

Tracks are rows of arrays as in `ground_motion`; `mood` (n, 2): existence, time last seen (s); `mark` (n, 4) int64:
state (FREE, TENTATIVE, CONFIRMED), identity, hits, tag (−1: none read).
"""

from __future__ import annotations

import numpy as np

from kinema.kernels.ground_motion import CONFIRMED, FREE, TENTATIVE, GroundMotion, born, merge_models
from kinema.kernels.jit import kernel
from kinema.kernels.pairs import match_pairs

MOST_PARTNERS = 100
TAG_AGREES, TAG_DIFFERS = 100.0, 50.0
"""A tag that was read outweighs all motion; a track of another tag takes it, and with it the name, if nobody else can:
then the two were confused before."""


@kernel
def _density(d0: float, d1: float, s00: float, s01: float, s11: float) -> tuple[float, float]:
    """Squared Mahalanobis distance and 2π√det of a plane normal distribution."""
    det = s00 * s11 - s01 * s01
    return (s11 * d0 * d0 - 2 * s01 * d0 * d1 + s00 * d1 * d1) / det, 2 * np.pi * np.sqrt(det)


@kernel
def _candidates(
    state: int, mean: np.ndarray, cov: np.ndarray, mark: np.ndarray, z: np.ndarray, r: np.ndarray,
    taken: np.ndarray, how: GroundMotion, rows: np.ndarray, cols: np.ndarray, dist: np.ndarray, area: np.ndarray,
) -> int:  # fmt: skip
    """Pairs of tracks in a state and untaken detections within the gate. Returns how many there are; the arrays are
    filled as far as they reach."""
    n = 0
    for t in range(len(mark)):
        if mark[t, 0] != state:
            continue
        mine = 0
        for j in range(len(z)):
            d0, d1 = z[j, 0] - mean[t, 0], z[j, 1] - mean[t, 1]
            s00, s11 = cov[t, 0, 0] + r[j, 0, 0], cov[t, 1, 1] + r[j, 1, 1]
            if d0 * d0 > how.gate * s00 or d1 * d1 > how.gate * s11 or taken[j] >= 0:
                continue
            far, size = _density(d0, d1, s00, cov[t, 0, 1] + r[j, 0, 1], s11)
            if far > how.gate or mine == MOST_PARTNERS:
                continue
            if n < len(rows):
                rows[n], cols[n], dist[n], area[n] = t, j, far, size
            n += 1
            mine += 1
    return n


@kernel
def _shares(
    rows: np.ndarray, cols: np.ndarray, dist: np.ndarray, area: np.ndarray, n_tracks: int, n_dets: int,
    how: GroundMotion, share: np.ndarray,
) -> None:  # fmt: skip
    """Probability that each pair belongs together (Fitzgerald 1986: each pair against all rivals on either side)."""
    of_track, of_det = np.zeros(n_tracks), np.zeros(n_dets)
    for k in range(len(rows)):
        share[k] = how.detected * np.exp(-0.5 * dist[k]) / area[k]
        of_track[rows[k]] += share[k]
        of_det[cols[k]] += share[k]
    missed = how.clutter * (1 - how.detected)
    for k in range(len(rows)):
        share[k] /= of_track[rows[k]] + of_det[cols[k]] - share[k] + missed + 1e-30


@kernel
def _update(
    x: np.ndarray, p: np.ndarray, mu: np.ndarray, z: np.ndarray, r: np.ndarray, which: np.ndarray, share: np.ndarray
) -> None:
    """Update both models with detections `which` and their shares (sum ≤ 1), then the models' probabilities."""
    none = 1.0
    for k in range(len(which)):
        none -= share[k]
    none = max(none, 0.0)
    gain, pc = np.empty((5, 2)), np.empty((5, 5))
    for m in range(2):
        best = which[np.argmax(share)]
        s00, s01, s11 = p[m, 0, 0] + r[best, 0, 0], p[m, 0, 1] + r[best, 0, 1], p[m, 1, 1] + r[best, 1, 1]
        det = s00 * s11 - s01 * s01
        i0, i1, c00, c01, c11, likely = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for k in range(len(which)):
            d0, d1 = z[which[k], 0] - x[m, 0], z[which[k], 1] - x[m, 1]
            far, size = _density(d0, d1, s00, s01, s11)
            likely += share[k] * np.exp(-0.5 * min(far, 100.0)) / size
            i0 += share[k] * d0
            i1 += share[k] * d1
            c00 += share[k] * d0 * d0
            c01 += share[k] * d0 * d1
            c11 += share[k] * d1 * d1
        c00, c01, c11 = c00 - i0 * i0, c01 - i0 * i1, c11 - i1 * i1
        for a in range(5):
            gain[a, 0] = (p[m, a, 0] * s11 - p[m, a, 1] * s01) / det
            gain[a, 1] = (p[m, a, 1] * s00 - p[m, a, 0] * s01) / det
        for a in range(5):
            for b in range(5):
                known = p[m, a, b] - gain[a, 0] * p[m, 0, b] - gain[a, 1] * p[m, 1, b]
                spread = (
                    gain[a, 0] * (c00 * gain[b, 0] + c01 * gain[b, 1])
                    + gain[a, 1] * (c01 * gain[b, 0] + c11 * gain[b, 1])
                )  # fmt: skip
                pc[a, b] = none * p[m, a, b] + (1 - none) * known + spread
        for a in range(5):
            x[m, a] += gain[a, 0] * i0 + gain[a, 1] * i1
            for b in range(5):
                p[m, a, b] = 0.5 * (pc[a, b] + pc[b, a])
        mu[m] *= likely + 1e-12
    total = mu[0] + mu[1]
    mu[0], mu[1] = max(mu[0] / total, 1e-4), max(mu[1] / total, 1e-4)


@kernel
def in_view(mark: np.ndarray, mean: np.ndarray, view: np.ndarray, inside: np.ndarray) -> None:
    """Which tracks (n,) lie within the convex polygon `view` (k, 2), in either sense; all where it has no corners."""
    for t in range(len(mark)):
        inside[t] = True
        side = 0.0
        for k in range(len(view)):
            a, b = view[k], view[(k + 1) % len(view)]
            now = (b[0] - a[0]) * (mean[t, 1] - a[1]) - (b[1] - a[1]) * (mean[t, 0] - a[0])
            if now * side < 0.0:
                inside[t] = False
                break
            if now != 0.0:
                side = now


@kernel
def ground_step(
    x: np.ndarray, p: np.ndarray, mu: np.ndarray, mood: np.ndarray, mark: np.ndarray, mean: np.ndarray,
    cov: np.ndarray, z: np.ndarray, r: np.ndarray, tag: np.ndarray, inside: np.ndarray, led: np.ndarray, sees: bool,
    now_s: float, next_id: int, how: GroundMotion, partner: np.ndarray, taken: np.ndarray,
) -> int:  # fmt: skip
    """One scan of tracks that were predicted to it: gate, assign, update, give birth, let die.

    z (m, 2), r (m, 2, 2), tag (m,); inside (tracks,) bool whether the sensor could have seen each, led (tracks,)
    whether each is on the course; sees False for a reader of tags, which gives birth to nobody. partner (tracks,) gets
    the detection that each track is most likely to be, or −1; taken (m,) the track of each detection. There are at
    least m free rows. Returns the next identity.
    """
    partner[:] = -1
    taken[:] = -1
    for state in (CONFIRMED, TENTATIVE):
        room = 4 * (len(mark) + len(z))
        while True:
            rows, cols = np.empty(room, np.int32), np.empty(room, np.int32)
            dist, area = np.empty(room), np.empty(room)
            n = _candidates(state, mean, cov, mark, z, r, taken, how, rows, cols, dist, area)
            if n <= room:
                break
            room = n
        rows, cols, dist, area = rows[:n], cols[:n], dist[:n], area[:n]
        costs = dist + 2 * np.log(area)
        for k in range(n):
            if tag[cols[k]] >= 0 and mark[rows[k], 3] >= 0:
                costs[k] += -TAG_AGREES if tag[cols[k]] == mark[rows[k], 3] else TAG_DIFFERS
        match_pairs(rows, cols, costs, partner, taken)
        share = np.empty(n)
        _shares(rows, cols, dist, area, len(mark), len(z), how, share)
        _update_all(x, p, mu, z, r, tag, rows, cols, share, partner, how)
    next_id = _live_and_die(x, p, mu, mood, mark, z, r, tag, inside, led, sees, now_s, next_id, how, partner, taken)
    for t in range(len(mark)):
        if mark[t, 0] != FREE:
            merge_models(x[t], p[t], mu[t], mean[t], cov[t])
    return next_id


@kernel
def _update_all(
    x: np.ndarray, p: np.ndarray, mu: np.ndarray, z: np.ndarray, r: np.ndarray, tag: np.ndarray, rows: np.ndarray,
    cols: np.ndarray, share: np.ndarray, partner: np.ndarray, how: GroundMotion,
) -> None:  # fmt: skip
    """Update each track of sorted `rows` that has a partner: softly with all its candidates, or with the partner alone
    where a tag was read or how.soft is 0."""
    one, whole = np.empty(1, np.int32), np.ones(1)
    start = 0
    while start < len(rows):
        stop = start
        while stop < len(rows) and rows[stop] == rows[start]:
            stop += 1
        t = rows[start]
        if partner[t] >= 0:
            one[0] = partner[t]
            if how.soft == 0.0 or tag[partner[t]] >= 0:
                _update(x[t], p[t], mu[t], z, r, one, whole)
            else:
                _update(x[t], p[t], mu[t], z, r, cols[start:stop], share[start:stop])
        start = stop


@kernel
def _live_and_die(
    x: np.ndarray, p: np.ndarray, mu: np.ndarray, mood: np.ndarray, mark: np.ndarray, z: np.ndarray, r: np.ndarray,
    tag: np.ndarray, inside: np.ndarray, led: np.ndarray, sees: bool, now_s: float, next_id: int, how: GroundMotion,
    partner: np.ndarray, taken: np.ndarray,
) -> int:  # fmt: skip
    """Existence of all tracks after a scan, and tracks for detections that nobody took. Returns the next identity."""
    for t in range(len(mark)):
        if mark[t, 0] == FREE:
            continue
        j = partner[t]
        if j >= 0:
            mood[t, 0] = min(mood[t, 0] + how.hit, how.sure)
            mood[t, 1] = now_s
            mark[t, 2] += 1
            if tag[j] >= 0 and tag[j] != mark[t, 3]:
                for other in range(len(mark)):
                    if mark[other, 3] == tag[j]:
                        mark[other, 3] = -1
                mark[t, 3] = tag[j]
            if mood[t, 0] >= how.confirm:
                mark[t, 0] = CONFIRMED
        else:
            if inside[t] and sees:
                mood[t, 0] -= how.miss
            longest = how.lost_on_course_s if led[t] else how.lost_s
            if now_s - mood[t, 1] > longest or (mark[t, 0] == TENTATIVE and mood[t, 0] <= 0.0):
                mark[t, 0] = FREE
    row = 0
    if not sees:
        return next_id
    for j in range(len(z)):
        if taken[j] >= 0:
            continue
        while mark[row, 0] != FREE:
            row += 1
        born(x[row], p[row], mu[row], z[j], r[j], how)
        mood[row, 0], mood[row, 1] = how.hit, now_s
        mark[row, 0], mark[row, 1], mark[row, 2], mark[row, 3] = TENTATIVE, next_id, 1, tag[j]
        partner[row], taken[j] = j, row
        next_id += 1
    return next_id
