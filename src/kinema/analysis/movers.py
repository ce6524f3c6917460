"""What each of many movers did: how long it was there, how far it went, how fast, each with its uncertainty."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from kinema.core.arrays import F64, I64, Bool
from kinema.core.tracks import GroundTracks

GAP_S = 1.0
"""A pause between two rows from which on nothing is said about the way between them."""
HELD_S = 1.0
"""A top speed is a mean over this long."""
SEEN_SHARE = 0.7
"""So many rows of that time must have been seen: what was bridged tells no top speed."""
INTEGRAL = 2.5
"""Errors of a smoothed path with position and velocity sigmas sp and sv go together for about sqrt(2 pi) sp / sv."""
JUMP_RATIO, JUMP_MPS2 = 2.0, 5.0
"""A track jumps where it is this much faster than its 95 % speed and gets there by more than this acceleration."""


@dataclass(frozen=True)
class Travel:
    """One track: from t0_ns to t1_ns (GPS), present_s of it with a position, share `seen` of its rows detected, `gaps`
    longer than GAP_S; distance and top speed (mean over HELD_S) with standard uncertainties."""

    track: int
    t0_ns: int
    t1_ns: int
    present_s: float
    seen: float
    gaps: int
    distance_m: float
    distance_sigma_m: float
    top_mps: float
    top_sigma_mps: float

    @property
    def mean_mps(self) -> float:
        """Distance over the time in which it was there."""
        return self.distance_m / self.present_s if self.present_s > 0 else float("nan")


def rows_by_track(track: I64) -> list[slice]:
    """The rows of each track, where rows are sorted by track."""
    edges = np.concatenate([[0], np.flatnonzero(np.diff(track)) + 1, [len(track)]])
    return [slice(int(a), int(b)) for a, b in pairwise(edges) if b > a]


def travels_of(tracks: GroundTracks, gap_s: float = GAP_S) -> list[Travel]:
    """What each track of a scene did, in the order of its rows."""
    return [_travel(tracks, rows, gap_s) for rows in rows_by_track(tracks.track)]


def jumps_of(t_s: F64, v_ne_mps: F64) -> F64:
    """Times (k,) of t_s at which one track moved as no mover does: its identity went over to another there."""
    speed = np.hypot(*v_ne_mps.T)
    if len(speed) < 8:
        return np.empty(0)
    high = np.flatnonzero(speed > JUMP_RATIO * max(float(np.quantile(speed, 0.95)), 0.5))
    rate = np.hypot(*np.diff(v_ne_mps, axis=0).T) / np.diff(t_s)
    found: list[float] = []
    for part in np.split(high, np.flatnonzero(np.diff(t_s[high]) > HELD_S) + 1) if len(high) else ():
        near = slice(*np.searchsorted(t_s, [t_s[part[0]] - 2 * HELD_S, t_s[part[-1]] + 2 * HELD_S]))
        if rate[near].max(initial=0.0) > JUMP_MPS2:
            found.append(float(t_s[part[np.argmax(speed[part])]]))
    return np.array(found)


def _travel(tracks: GroundTracks, rows: slice, gap_s: float) -> Travel:
    t_s, p, v = (tracks.t_ns[rows] - tracks.t_ns[rows][0]) * 1e-9, tracks.p_ne_m[rows], tracks.v_ne_mps[rows]
    dt = np.diff(t_s)
    joined = dt <= gap_s
    distance, sigma = _length(p, v, tracks.cov_ne_m2[rows], tracks.cov_v_ne[rows], t_s, joined)
    jumps = jumps_of(t_s, v)
    sound = tracks.seen[rows].copy()
    for at in jumps:
        sound &= np.abs(t_s - at) > 5 * HELD_S
    top, top_sigma = _top(v, tracks.cov_v_ne[rows], t_s, sound)
    return Travel(
        int(tracks.track[rows][0]), int(tracks.t_ns[rows][0]), int(tracks.t_ns[rows][-1]), float(dt[joined].sum()),
        float(tracks.seen[rows].mean()), int((~joined).sum()), distance, sigma, top, top_sigma,
    )  # fmt: skip


def _length(p: F64, v: F64, cov: F64, cov_v: F64, t_s: F64, joined: Bool) -> tuple[float, float]:
    """Length of the path (n, 2) in metres and its standard uncertainty.

    To first order an error moves the length by its part along the way at both ends, and by its part across wherever
    the way turns; errors are taken as equal within one correlation time and as independent beyond it. To second order
    swaying below what the velocity's covariance C resolves lengthens it by tr C / (4 v) per second, which may or may
    not be there.
    """
    step, dt = np.diff(p, axis=0), np.diff(t_s)
    size = np.hypot(*step.T)
    if not len(size):
        return 0.0, 0.0
    unit = np.where(joined[:, None] & (size > 0)[:, None], step / np.maximum(size, 1e-12)[:, None], 0.0)
    slope = np.concatenate([np.zeros((1, 2)), unit]) - np.concatenate([unit, np.zeros((1, 2))])
    spread, spread_v = np.trace(cov, axis1=1, axis2=2), np.trace(cov_v, axis1=1, axis2=2)
    together = INTEGRAL * float(np.sqrt(spread.mean() / max(float(spread_v.mean()), 1e-12)))
    if not np.isfinite(together):
        return float(size[joined].sum()), float("nan")
    block = np.floor((t_s - t_s[0]) / max(together, 1e-3)).astype(np.int64)
    first = np.concatenate([[0], np.flatnonzero(np.diff(block)) + 1])
    pull = np.add.reduceat(slope, first, axis=0)
    variance = float(np.einsum("bi,bij,bj->", pull, cov[first], pull))
    sway = spread_v[1:] / (4 * np.maximum(np.hypot(*v[1:].T), np.sqrt(spread_v[1:]))) * dt
    return float(size[joined].sum()), float(np.sqrt(max(variance, 0.0) + float(sway[joined].sum()) ** 2))


def _top(v: F64, cov_v: F64, t_s: F64, sound: Bool) -> tuple[float, float]:
    """The greatest mean speed over HELD_S, m/s, and its standard uncertainty; a shorter track's mean speed."""
    speed = np.hypot(*v.T)
    total, good = (np.concatenate([[0.0], np.cumsum(x)]) for x in (speed, sound))
    first = np.arange(len(t_s))
    last = np.searchsorted(t_s, t_s + HELD_S * 1.001, side="right")
    whole = (t_s[last - 1] - t_s >= 0.8 * HELD_S) & (good[last] - good[first] >= SEEN_SHARE * (last - first))
    if not whole.any():
        first, last, whole = first[:1], np.array([len(t_s)]), np.array([True])
    mean = np.where(whole, (total[last] - total[first]) / (last - first), -np.inf)
    at = int(np.argmax(mean))
    k = (int(first[at]) + int(last[at]) - 1) // 2
    unit = v[k] / speed[k] if speed[k] > 0 else np.array([1.0, 0.0])
    return float(mean[at]), float(np.sqrt(max(float(unit @ cov_v[k] @ unit), 0.0)))
