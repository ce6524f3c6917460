"""Where many movers spent their time, and how they went through lines and zones, told of no fewer than k of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kinema.analysis.movers import GAP_S, rows_by_track
from kinema.core.arrays import F64, I64, Bool
from kinema.core.course import Gate
from kinema.core.tracks import GroundTracks
from kinema.core.zone import Zone

K = 5
"""Fewer different movers than this are not told of."""
FINEST, COARSEST = 140, 18
"""Cells along the longer side of what was seen: as many as leave no more than half of the time untold."""


@dataclass(frozen=True)
class Heat:
    """Cells of `cell` × `cell` from the corner (x0, y0): `column` and `row` (n,) of those that are shown, seconds
    spent there by all, and how many different movers; `hidden` more were seen by fewer than `k`."""

    x0: float
    y0: float
    cell: float
    column: I64
    row: I64
    seconds: F64
    movers: I64
    hidden: int
    k: int = K


@dataclass(frozen=True)
class Flow:
    """Different movers through a line (forward, back) or a zone (in, out); `most` at once and the median stay in
    seconds for a zone, NaN for a line. Movers fewer than k but above zero are told as −1."""

    name: str
    movers: int
    forward: int
    back: int
    most: float = float("nan")
    stay_s: float = float("nan")


def heat_of(t_s: F64, x: F64, y: F64, track: I64, k: int = K, cell: float | None = None, gap_s: float = GAP_S) -> Heat:
    """Time spent per cell of rows (n,) sorted by track and time; the way between two rows is filled in. Without a
    `cell` its size is found: the finest of which enough is seen by k movers."""
    if cell is not None:
        return _heat(t_s, x, y, track, k, cell, gap_s)
    extent = max(float(np.ptp(x)), float(np.ptp(y)), 1e-9)
    total = float(np.diff(t_s)[(np.diff(track) == 0) & (np.diff(t_s) <= gap_s)].sum())
    side = _nice(extent / FINEST)
    found = _heat(t_s, x, y, track, k, side, gap_s)
    while found.seconds.sum() < 0.5 * total and _nice(1.001 * side) <= extent / COARSEST:
        side = _nice(1.001 * side)
        found = _heat(t_s, x, y, track, k, side, gap_s)
    return found


def _heat(t_s: F64, x: F64, y: F64, track: I64, k: int, side: float, gap_s: float) -> Heat:
    x0, y0 = np.floor(x.min() / side) * side, np.floor(y.min() / side) * side
    dt = np.diff(t_s)
    joined = (np.diff(track) == 0) & (dt <= gap_s)
    size = np.hypot(np.diff(x), np.diff(y))
    # Half a cell at a time, so that fast movers leave no holes; a wild jump is not spread over the whole place.
    parts = np.where(joined, np.clip(np.ceil(2 * size / side), 1, 64), 0).astype(np.int64)
    at = np.repeat(np.arange(len(parts)), parts)
    share = (np.arange(len(at)) - np.repeat(np.cumsum(parts) - parts, parts) + 0.5) / parts[at]
    column = np.floor((x[at] + share * np.diff(x)[at] - x0) / side).astype(np.int64)
    row = np.floor((y[at] + share * np.diff(y)[at] - y0) / side).astype(np.int64)
    wide = int(column.max(initial=0)) + 1
    cells, index = np.unique(row * wide + column, return_inverse=True)
    seconds: F64 = np.asarray(np.bincount(index, dt[at] / parts[at], len(cells)), dtype=np.float64)
    pair = np.unique(np.column_stack([index, track[at]]), axis=0)[:, 0]
    movers = np.bincount(pair, minlength=len(cells))
    shown = movers >= k
    return Heat(
        float(x0), float(y0), side, cells[shown] % wide, cells[shown] // wide, seconds[shown], movers[shown],
        int((~shown).sum()), k,
    )  # fmt: skip


def _nice(step: float) -> float:
    power = 10.0 ** np.floor(np.log10(step))
    return float(power * next(m for m in (1, 2, 5, 10) if step <= m * power * 1.0001))


def line_flow(tracks: GroundTracks, gate: Gate, k: int = K, gap_s: float = GAP_S) -> Flow:
    """Crossings of a line; forward is the way on which its left end lies to the left."""
    a, b = gate.on(tracks.plane)
    along = (b - a) / np.hypot(*(b - a))
    offset = tracks.p_ne_m - a
    side, way = offset @ np.array([along[1], -along[0]]), offset @ along
    joined = (np.diff(tracks.track) == 0) & (np.diff(tracks.t_ns) <= gap_s * 1e9)
    rows = np.flatnonzero(joined & ((side[1:] >= 0) != (side[:-1] >= 0)))
    share = side[rows] / (side[rows] - side[rows + 1])
    where = way[rows] + share * (way[rows + 1] - way[rows])
    rows = rows[(where >= -gate.half_m) & (where <= np.hypot(*(b - a)) + gate.half_m)]
    forward = side[rows + 1] >= 0
    return Flow(gate.name, *_told(k, tracks.track[rows], forward))


def zone_flow(tracks: GroundTracks, zone: Zone, k: int = K, gap_s: float = GAP_S) -> tuple[Flow, Bool]:
    """Entries, exits and stays of a zone, and which rows lie inside."""
    inside = zone.contains(*tracks.plane.geodetic_from_ne(tracks.p_ne_m))
    joined = (np.diff(tracks.track) == 0) & (np.diff(tracks.t_ns) <= gap_s * 1e9)
    turn = np.flatnonzero(joined & (inside[1:] != inside[:-1]))
    stays = []
    for rows in rows_by_track(tracks.track):
        within, t_ns = inside[rows], tracks.t_ns[rows]
        edge = np.diff(within.astype(np.int8), prepend=0, append=0)
        stays += [(t_ns[b - 1] - t_ns[a]) * 1e-9 for a, b in zip(*(np.flatnonzero(edge == s) for s in (1, -1)),
                                                                 strict=True)]  # fmt: skip
    _, at_once = np.unique(tracks.t_ns[inside], return_counts=True)
    movers, forward, back = _told(k, tracks.track[turn], inside[turn + 1], tracks.track[inside])
    hidden = movers == -1
    most = float("nan") if hidden else float(at_once.max(initial=0))
    return Flow(zone.name, movers, forward, back, most, float("nan") if hidden or not stays else
                float(np.median(stays))), inside  # fmt: skip


def _told(k: int, track: I64, forward: Bool, all_: I64 | None = None) -> tuple[int, int, int]:
    """Different movers and both counts; −1 for what fewer than k did."""
    different = len(np.unique(track if all_ is None else all_))
    if 0 < different < k:
        return -1, -1, -1
    counts = [(len(np.unique(track[way])), int(way.sum())) for way in (forward, ~forward)]
    first, second = (-1 if 0 < who < k else n for who, n in counts)
    return different, first, second


def inside_counts(times_ns: I64, tracks: GroundTracks, inside: Sequence[Bool]) -> list[F64]:
    """How many movers are in each of some zones at times (n,) that hold all of the tracks' times."""
    row = np.searchsorted(times_ns, tracks.t_ns)
    return [np.bincount(row[one], minlength=len(times_ns)).astype(np.float64) for one in inside]
