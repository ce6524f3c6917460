"""Who was who, in hindsight: tracks are cut where the tags read on them contradict each other, pieces are linked.

Between two reads of different tags a track changed its mover; the likeliest place is where it came nearest to another
track, first of all to one on which the same tag was read.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from kinema.core.arrays import F64, I64, Bool
from kinema.core.tracks import GroundDetections
from kinema.tracking.ground import Guide

STRANGER_M = 3.0
"""A track that never bore the tag must have come this much nearer to be blamed for an exchange."""
LINK_S = 8.0
SPLIT_S, LEAST_PIECE = 2.0, 3
"""On a course a track not seen for so long is two pieces, to be linked again by all that is known of both; pieces of
fewer detections without a tag are chance."""
OVERLAP_S = 2.0
LOOK_BACK_S = 1.0
LINK_ON_COURSE_S, LOOK_ALONG_S = 20.0, 3.0
PACE_SHARE, MOST_SIGMAS = 0.03, 5.0
NEAR_M = 6.0
REACH_M, REACH_MPS = 2.0, 2.0
"""A piece may begin this far from where the one before would be: metres, and metres per second between them."""


@dataclass
class Piece:
    """rows (n,) of the detections, in order of time; tag −1 where none was read."""

    rows: I64
    tag: int


def movers_of(detections: GroundDetections, track: I64, guide: Guide | None = None) -> I64:
    """Mover (m,) of each detection, 0, 1, 2, …, −1 where it is nobody's; `track` (m,) is the tracker's, −1 likewise."""
    pieces = _pieces(detections, track, guide)
    group = _linked(detections, pieces, guide)
    mover = np.full(len(track), -1)
    for name, k in enumerate(dict.fromkeys(group)):
        mine = np.concatenate([p.rows for p, g in zip(pieces, group, strict=True) if g == k])
        mover[mine] = name
    return _once_per_scan(detections, mover)


def _pieces(detections: GroundDetections, track: I64, guide: Guide | None) -> list[Piece]:
    order = np.argsort(track, kind="stable")
    order = order[track[order] >= 0]
    pieces = []
    again = np.diff(track[order]) != 0
    if guide is not None:
        again |= np.diff(detections.t_ns[order]) > SPLIT_S * 1e9
    for rows in np.split(order, np.flatnonzero(again) + 1):
        if not len(rows) or (guide is not None and len(rows) < LEAST_PIECE and (detections.tag[rows] < 0).all()):
            continue
        tag = detections.tag[rows]
        read = np.flatnonzero(tag >= 0)
        start = 0
        for a, b in pairwise(read):
            if tag[a] != tag[b]:
                cut = _exchange(detections, track, rows[a : b + 1], int(tag[a]), int(tag[b]))
                pieces.append(Piece(rows[start : a + cut], int(tag[a])))
                start = int(a) + cut
        pieces.append(Piece(rows[start:], int(tag[read[-1]]) if len(read) else -1))
    return [piece for piece in pieces if len(piece.rows)]


def _exchange(detections: GroundDetections, track: I64, rows: I64, before: int, after: int) -> int:
    """Index into `rows` (between two reads of one track) from which on the track follows another mover."""
    t_ns, p = detections.t_ns, detections.p_ne_m
    a, b = np.searchsorted(t_ns, [t_ns[rows[0]], t_ns[rows[-1]] + 1])
    near = np.arange(a, b)
    near = near[(track[near] >= 0) & (track[near] != track[rows[0]])]
    at = np.searchsorted(t_ns[rows], t_ns[near])
    same = t_ns[rows[np.minimum(at, len(rows) - 1)]] == t_ns[near]
    near, at = near[same], at[same]
    if not len(near):
        return len(rows) // 2
    bearers = np.unique(track[np.isin(detections.tag, (before, after))])
    cost = np.hypot(*(p[near] - p[rows[at]]).T) + np.where(np.isin(track[near], bearers), 0.0, STRANGER_M)
    return max(int(at[np.argmin(cost)]), 1)


def _linked(detections: GroundDetections, pieces: list[Piece], guide: Guide | None) -> list[int]:
    """Group of each piece: the same tag, or one begins where and when another ended; the surest links first."""
    tags = [piece.tag for piece in pieces]
    above = list(range(len(pieces)))

    def root(k: int) -> int:
        while above[k] != k:
            above[k] = above[above[k]]
            k = above[k]
        return k

    first_of: dict[int, int] = {}
    for k, tag in enumerate(tags):
        if tag >= 0:
            above[k] = first_of.setdefault(tag, k)
    has_next, has_last = set(), set()
    for _, a, b in sorted(_links(detections, pieces, guide)):
        ga, gb = root(a), root(b)
        if ga == gb or a in has_next or b in has_last or (tags[ga] >= 0 and tags[gb] >= 0):
            continue
        has_next.add(a)
        has_last.add(b)
        keep, gone = (ga, gb) if tags[ga] >= 0 else (gb, ga)
        above[gone] = keep
    return [root(k) for k in range(len(pieces))]


def _links(detections: GroundDetections, pieces: list[Piece], guide: Guide | None) -> list[tuple[float, int, int]]:
    """Cost and pieces (before, after) that may be one mover."""
    t_s = (detections.t_ns - detections.t_ns[0]) * 1e-9 if len(detections.t_ns) else np.empty(0)
    first = np.array([piece.rows[0] for piece in pieces], np.int64)
    begin, place = t_s[first], detections.p_ne_m[first]
    tagged = np.array([piece.tag >= 0 for piece in pieces], np.bool_)
    stops = np.array([t_s[piece.rows[-1]] for piece in pieces])
    longest = LINK_S if guide is None else LINK_ON_COURSE_S
    ends = _Ends(detections, t_s, pieces, guide)
    found = []
    for a, piece in enumerate(pieces):
        end = float(stops[a])
        maybe = (begin > end - OVERLAP_S) & (begin < end + longest) & ((begin > end) | (stops >= end))
        # Two who were there all the same time are two.
        maybe &= (begin != begin[a]) | (stops != end)
        if piece.tag >= 0:
            maybe &= ~tagged
        at = np.flatnonzero(maybe)
        # Nobody gets further than this; all else would be asked of every pair of pieces.
        far = np.hypot(*(place[at] - detections.p_ne_m[piece.rows[-1]]).T)
        for b in at[far <= NEAR_M + 2 * (ends.speed(a) + 2.0) * np.maximum(begin[at] - end, 0.0)]:
            gap = max(float(begin[b]) - end, 0.0)
            cost = ends.cost(a, int(b), gap)
            if cost is not None:
                found.append((cost + 0.2 * gap, a, int(b)))
    return found


class _Ends:
    """How pieces end and begin: by place and velocity, or by way, speed and offset along a course."""

    def __init__(self, detections: GroundDetections, t_s: F64, pieces: list[Piece], guide: Guide | None) -> None:
        self.p, self.t_s, self.pieces, self.guide = detections.p_ne_m, t_s, pieces, guide
        self._known: dict[tuple[int, bool], F64 | None] = {}

    def cost(self, a: int, b: int, gap: float) -> float | None:
        """How badly piece b continues piece a after `gap` seconds, in shares of what may be; None: it does not."""
        if self.guide is not None:
            last, first = self._on_course(a, True), self._on_course(b, False)
            if last is not None and first is not None:
                return self._cost_on_course(last, first, gap)
        far = float(np.hypot(*(self.p[self.pieces[b].rows[0]] - self.p[self.pieces[a].rows[-1]] - self._v(a) * gap)))
        reach = REACH_M + REACH_MPS * min(gap, LINK_S)
        return far / reach if far <= reach and gap <= LINK_S else None

    def speed(self, a: int) -> float:
        """How fast piece a is at its end."""
        return float(np.hypot(*self._v(a)))

    def _v(self, a: int) -> F64:
        rows = self.pieces[a].rows
        t = self.t_s[rows[-200:]]
        t = t[t >= t[-1] - LOOK_BACK_S] - t[-1]
        if len(t) < 3:
            return np.zeros(2)
        # The slope of the straight line through the last places.
        t = t - t.mean()
        return np.asarray(t @ self.p[rows[-len(t) :]] / (t @ t))

    def _on_course(self, k: int, last: bool) -> F64 | None:
        """Way, speed and offset where piece k ends (or begins); None off the course."""
        if (k, last) not in self._known:
            rows = self.pieces[k].rows
            edge = self.t_s[rows[-1 if last else 0]]
            rows = rows[np.abs(self.t_s[rows] - edge) <= LOOK_ALONG_S]
            assert self.guide is not None
            way, offset = self.guide.along(self.p[rows])
            found = None
            if len(rows) > 4 and np.isfinite(offset).all():
                speed, at = np.polyfit(self.t_s[rows] - edge, way, 1)
                found = np.array([at, speed, float(np.median(offset))])
            self._known[k, last] = found
        return self._known[k, last]

    def _cost_on_course(self, last: F64, first: F64, gap: float) -> float | None:
        assert self.guide is not None
        faster = first[1] - last[1]
        way = first[0] - last[0] - 0.5 * (first[1] + last[1]) * gap
        lap = self.guide.lap_m
        way -= lap * round(way / lap) if np.isfinite(lap) else 0.0
        # Speeds wander by a share of themselves, the way in between by what is left of that with both ends known.
        speed_sd = 0.3 + PACE_SHARE * abs(last[1]) * np.sqrt(1.0 + gap)
        way_sd, offset_sd = 0.5 + 0.3 * speed_sd * gap, 0.5 + 0.3 * np.sqrt(gap)
        cost = float(np.sqrt((way / way_sd) ** 2 + (faster / speed_sd) ** 2 + ((first[2] - last[2]) / offset_sd) ** 2))
        return cost / MOST_SIGMAS if cost <= MOST_SIGMAS else None


def _once_per_scan(detections: GroundDetections, mover: I64) -> I64:
    """The same with the second and later rows of a mover in one scan taken away; a row with a tag goes first."""
    order = np.lexsort((-detections.tag, detections.sensor, detections.t_ns, mover))
    again: Bool = np.zeros(len(mover), dtype=np.bool_)
    again[1:] = (np.diff(mover[order]) == 0) & (np.diff(detections.t_ns[order]) == 0)
    again[1:] &= np.diff(detections.sensor[order]) == 0
    mover = mover.copy()
    mover[order[again]] = -1
    return mover


def tags_of(detections: GroundDetections, mover: I64) -> I64:
    """The tag (movers,) that was read most often on each mover, −1 where none was."""
    best = np.full(int(mover.max(initial=-1)) + 1, -1)
    read = (detections.tag >= 0) & (mover >= 0)
    names, count = np.unique(np.column_stack((mover[read], detections.tag[read])), axis=0, return_counts=True)
    for k in np.argsort(count, kind="stable"):
        best[names[k, 0]] = names[k, 1]
    return best
