"""Who was who, in hindsight: tracks are cut where the tags read on them contradict each other, pieces are linked.

Between two reads of different tags a track changed its mover; the likeliest place is where it came nearest to another
track, first of all to one on which the same tag was read.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from kinema.core.arrays import I64, Bool
from kinema.core.tracks import GroundDetections
from kinema.tracking.ground import Guide

STRANGER_M = 3.0
"""A track that never bore the tag must have come this much nearer to be blamed for an exchange."""
LINK_S = 8.0
OVERLAP_S = 2.0
LOOK_BACK_S = 1.0
REACH_M, REACH_MPS = 2.0, 2.0
"""A piece may begin this far from where the one before would be: metres, and metres per second between them."""


@dataclass
class Piece:
    """rows (n,) of the detections, in order of time; tag −1 where none was read."""

    rows: I64
    tag: int


def movers_of(detections: GroundDetections, track: I64, guide: Guide | None = None) -> I64:
    """Mover (m,) of each detection, 0, 1, 2, …, −1 where it is nobody's; `track` (m,) is the tracker's, −1 likewise."""
    pieces = _pieces(detections, track)
    group = _linked(detections, pieces, guide)
    mover = np.full(len(track), -1)
    for name, k in enumerate(dict.fromkeys(group)):
        mine = np.concatenate([p.rows for p, g in zip(pieces, group, strict=True) if g == k])
        mover[mine] = name
    return _once_per_scan(detections, mover)


def _pieces(detections: GroundDetections, track: I64) -> list[Piece]:
    order = np.argsort(track, kind="stable")
    order = order[track[order] >= 0]
    pieces = []
    for rows in np.split(order, np.flatnonzero(np.diff(track[order])) + 1):
        if not len(rows):
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
    group = list(range(len(pieces)))
    first_of: dict[int, int] = {}
    for k, tag in enumerate(tags):
        if tag >= 0:
            group[k] = first_of.setdefault(tag, k)
    tag_of = {group[k]: tag for k, tag in enumerate(tags)}
    has_next, has_last = set(), set()
    for _, a, b in sorted(_links(detections, pieces, guide)):
        ga, gb = group[a], group[b]
        if ga == gb or a in has_next or b in has_last or (tag_of[ga] >= 0 and tag_of[gb] >= 0):
            continue
        has_next.add(a)
        has_last.add(b)
        keep, gone = (ga, gb) if tag_of[ga] >= 0 else (gb, ga)
        group = [keep if g == gone else g for g in group]
    return group


def _links(
    detections: GroundDetections, pieces: list[Piece], guide: Guide | None
) -> list[tuple[float, int, int]]:
    """Cost and pieces (before, after) that may be one mover."""
    t_s = (detections.t_ns - detections.t_ns[0]) * 1e-9 if len(detections.t_ns) else np.empty(0)
    p = detections.p_ne_m
    begin = np.array([t_s[piece.rows[0]] for piece in pieces])
    found = []
    for a, piece in enumerate(pieces):
        end = float(t_s[piece.rows[-1]])
        rows = piece.rows[t_s[piece.rows] >= end - LOOK_BACK_S]
        v = np.polyfit(t_s[rows] - end, p[rows], 1)[0] if len(rows) > 2 else np.zeros(2)
        for b in np.flatnonzero((begin > end - OVERLAP_S) & (begin < end + LINK_S)):
            if b == a or (piece.tag >= 0 and pieces[b].tag >= 0):
                continue
            gap = max(float(begin[b]) - end, 0.0)
            if begin[b] <= end and t_s[pieces[b].rows[-1]] < end:
                continue
            after = (
                guide.ahead(p[piece.rows[-1:]], v[None], np.array([gap]))[0] if guide else p[piece.rows[-1]] + v * gap
            )
            far = float(np.hypot(*(p[pieces[b].rows[0]] - after)))
            reach = REACH_M + REACH_MPS * gap
            if far <= reach:
                found.append((far / reach + 0.2 * gap, a, int(b)))
    return found


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
