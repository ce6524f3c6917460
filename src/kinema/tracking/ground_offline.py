"""Movers on the ground with hindsight: identities mended by the tags that were read, gaps bridged, paths smoothed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kinema.core.arrays import F64, I64, Bool
from kinema.core.progress import Progress, silent
from kinema.core.tracks import GroundDetections, GroundTracks
from kinema.kernels.ground_motion import GroundMotion
from kinema.kernels.ground_smooth import filter_ground, smooth_ground
from kinema.tracking.ground import Guide, run
from kinema.tracking.ground_identity import movers_of, tags_of

RESTLESS = (0.1, 0.2, 0.4, 0.7, 1.0, 1.5, 2.5, 4.0)
"""Acceleration noises to choose from, m/s^1.5."""
LEAST_ACROSS = 0.4
"""The same across a course at least: who overtakes steps aside at once, most of the time nobody does, and within the
detector's noise the innovations do not show it."""
V0_MPS = 15.0
SURELY_REAL, LEAST_SHARE = 30, 0.3
"""So many detections, or such a share of the scans, make a mover of whom no tag was read."""
RESTLESS_S, MOST_RESTLESS = 1.5, 5.0
"""Restlessness follows the innovations of this time, up to so many times the mover's usual one: people overtake."""


def track_ground_offline(
    detections: GroundDetections,
    motion: GroundMotion | None = None,
    guide: Guide | None = None,
    *,
    bridge_s: float = 8.0,
    least: int = 5,
    progress: Progress = silent,
) -> GroundTracks:
    """Track a whole recording. Movers with fewer than `least` detections are left out; a gap of up to `bridge_s` is
    filled at the times of the scans in it, along the course where a `guide` is given, with the uncertainty that it has.
    """
    track = _tracked(detections, motion or GroundMotion(), guide, progress)
    mover = movers_of(detections, track, guide)
    tags = tags_of(detections, mover)
    order = np.argsort(mover, kind="stable")
    order = order[mover[order] >= 0]
    scans = np.unique(detections.t_ns)
    of_sensor = [np.unique(detections.t_ns[detections.sensor == k]) for k in range(len(detections.sensors))]
    parts = [
        _smoothed(detections, rows, scans, bridge_s, guide)
        for rows in np.split(order, np.flatnonzero(np.diff(mover[order])) + 1)
        if len(rows) >= least and (tags[mover[rows[0]]] >= 0 or _is_real(detections, rows, of_sensor))
    ]
    kept = [int(mover[row]) for _, _, _, row, _ in parts]
    lengths = [len(part[0]) for part in parts]
    t_ns = np.concatenate([np.empty(0, np.int64), *(part[0] for part in parts)])
    x = np.concatenate([np.empty((0, 4)), *(part[1] for part in parts)])
    p = np.concatenate([np.empty((0, 4, 4)), *(part[2] for part in parts)])
    seen = np.concatenate([np.empty(0, np.bool_), *(part[4] for part in parts)])
    return GroundTracks(
        t_ns, np.repeat(np.arange(len(parts)), lengths), x[:, :2], p[:, :2, :2], x[:, 2:], p[:, 2:, 2:], seen,
        np.repeat(tags[kept].astype(np.int64), lengths), detections.plane, detections.simulated, detections.tag_names,
    )  # fmt: skip


def _is_real(detections: GroundDetections, rows: I64, of_sensor: list[I64]) -> bool:
    """Whether a mover without a name is no chain of chance: seen often, or in a good share of the scans of the sensor
    that saw it most."""
    if len(rows) >= SURELY_REAL:
        return True
    sensor, count = np.unique(detections.sensor[rows], return_counts=True)
    times = of_sensor[int(sensor[np.argmax(count)])]
    first, last = np.searchsorted(times, [detections.t_ns[rows[0]], detections.t_ns[rows[-1]] + 1])
    return bool(count.max() >= LEAST_SHARE * (last - first))


def _tracked(detections: GroundDetections, motion: GroundMotion, guide: Guide | None, progress: Progress) -> I64:
    """Track (m,) of each detection, −1 where it is nobody's or of a track that was never told."""
    track = np.full(len(detections.t_ns), -1)
    told: set[int] = set()
    for _, rows, answer in run(detections, motion, guide, progress):
        track[rows] = answer.of_detection
        told.update(answer.track.tolist())
    track[~np.isin(track, np.fromiter(told, np.int64))] = -1
    return track


def _fused(detections: GroundDetections, rows: I64) -> tuple[I64, F64, F64, F64]:
    """A mover's times (k,), positions (k, 2), covariances and common ones (k, 2, 2): what several sensors saw at one
    time in one, each by its weight. Where several saw the mover at all, what each of them shares counts as noise."""
    several = len(np.unique(detections.sensor[rows])) > 1
    common = detections.common_ne_m2[rows]
    weight = np.linalg.inv(detections.cov_ne_m2[rows] + (common if several else 0.0))
    t_ns, first = np.unique(detections.t_ns[rows], return_index=True)
    info = np.add.reduceat(weight, first)
    cov = np.linalg.inv(info)
    p = np.einsum("kij,kj->ki", cov, np.add.reduceat(np.einsum("kij,kj->ki", weight, detections.p_ne_m[rows]), first))
    share = np.diff(np.append(first, len(rows)))
    return t_ns, p, cov, np.add.reduceat(common, first) / share[:, None, None]


def _smoothed(
    detections: GroundDetections, rows: I64, scans: I64, bridge_s: float, guide: Guide | None
) -> tuple[I64, F64, F64, int, Bool]:
    """Times, states (n, 4), covariances (n, 4, 4), a row, and whether a detection stands behind each."""
    at, seen_p, seen_cov, common = _fused(detections, rows)
    t_ns = scans[np.searchsorted(scans, at[0]) : np.searchsorted(scans, at[-1]) + 1]
    place = np.searchsorted(t_ns, at)
    after = np.minimum(np.searchsorted(at, t_ns), len(at) - 1)
    before = np.maximum(np.searchsorted(at, t_ns, side="right") - 1, 0)
    keep = at[after] - at[before] <= bridge_s * 1e9
    n = len(t_ns)
    z, r = np.full((n, 2), np.nan), np.zeros((n, 2, 2))
    z[place], r[place] = seen_p, seen_cov
    z, r, t_ns, shared = z[keep], r[keep], t_ns[keep], common[before[keep]]
    t_s, n = (t_ns - t_ns[0]) * 1e-9, len(t_ns)
    x, p, gain = np.empty((n, 4)), np.empty((n, 4, 4)), np.empty((n, 4, 2))
    y, s = np.empty((n, 2)), np.empty((n, 2, 2))
    turn, heading = (np.zeros(n), np.full(n, np.nan)) if guide is None else guide.turns(z, t_s)
    scratch = x, p, gain, y, s

    def likely(along: float, across: float) -> float:
        return filter_ground(t_s, turn, z, r, _densities(heading, along, across), V0_MPS, *scratch)

    along, across = _likeliest(likely, directed=bool(np.isfinite(heading).any()))
    likely(along, across)
    usual = _densities(heading, along, across)
    filter_ground(t_s, turn, z, r, usual * _restless(t_s, z, y, s)[:, None] ** 2, V0_MPS, *scratch)
    smooth_ground(t_s, turn, z, x, p, gain, y, s)
    p[:, :2, :2] += shared
    return t_ns, x, p, int(rows[0]), np.isfinite(z[:, 0])


def _likeliest(likely: Callable[[float, float], float], *, directed: bool) -> tuple[float, float]:
    """Acceleration noise along and across the course, the likeliest for a mover; one for both where there is none."""
    best = RESTLESS[int(np.argmax([likely(q, q) for q in RESTLESS]))]
    if not directed:
        return best, best
    across = max(RESTLESS[int(np.argmax([likely(best, q) for q in RESTLESS]))], LEAST_ACROSS)
    return RESTLESS[int(np.argmax([likely(q, across) for q in RESTLESS]))], across


def _densities(heading: F64, along: float, across: float) -> F64:
    """Densities of the acceleration's noise (n, 3): north, east and between, m²/s³; of NaN headings the larger for all
    directions."""
    c, s = np.cos(heading), np.sin(heading)
    a, b = along * along, across * across
    found = np.column_stack((a * c * c + b * s * s, a * s * s + b * c * c, (a - b) * c * s))
    found[~np.isfinite(heading)] = (max(a, b), max(a, b), 0.0)
    return found


def _restless(t_s: F64, z: F64, y: F64, s: F64) -> F64:
    """By how much the mover is more restless than usual (n,): the root of the innovations' mean square about each time
    over what it should be, from 1 to MOST_RESTLESS."""
    known = np.flatnonzero(np.isfinite(z[:, 0]))[1:]
    nis = np.zeros(len(t_s))
    nis[known] = np.einsum("ki,kij,kj->k", y[known], s[known], y[known])
    total = np.concatenate(([0.0], np.cumsum(np.minimum(nis, 50.0))))
    count = np.concatenate(([0], np.cumsum(np.bincount(known, minlength=len(t_s)))))
    a = np.searchsorted(t_s, t_s - RESTLESS_S / 2)
    b = np.searchsorted(t_s, t_s + RESTLESS_S / 2, side="right")
    share = (total[b] - total[a] + 2.0) / (2.0 * (count[b] - count[a]) + 2.0)
    return np.asarray(np.clip(np.sqrt(share), 1.0, MOST_RESTLESS))
