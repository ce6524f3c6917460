"""How good and how even a session was: best, rolling best, theoretical best, an honest ideal lap, spread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from kinema.analysis.laps import Session

JOIN_SHARE = 0.02
"""Speeds at a join of an honest ideal lap differ by no more than this share (or 0.5 m/s)."""


def statistics_of(session: Session) -> dict[str, Any]:
    """Figures of the timed laps; None where there are too few laps for one."""
    times = np.array([lap.time_s for lap in session.timed])
    if not len(times):
        return {}
    best = session.best
    assert best is not None
    found: dict[str, Any] = {
        "laps": len(times), "best_s": best.time_s, "best_sigma_s": best.time_sigma_s, "best_lap": best.number,
        "mean_s": float(times.mean()), "median_s": float(np.median(times)),
        "spread_s": float(times.std(ddof=1)) if len(times) > 1 else None,
    }  # fmt: skip
    sectors = np.array([[s.time_s for s in lap.sectors] for lap in session.timed if lap.sectors])
    if sectors.ndim == 2 and sectors.shape[1] > 1 and np.isfinite(sectors).any(axis=0).all():
        found["best_sectors_s"] = np.nanmin(sectors, axis=0).tolist()
        found["theoretical_best_s"] = float(np.nanmin(sectors, axis=0).sum())
        ideal = _honest_ideal(session)
        if ideal is not None:
            found["ideal_s"], found["ideal_laps"] = ideal
    rolling = _rolling_best(session)
    if rolling is not None:
        found["rolling_best_s"], found["rolling_best_from_m"] = min(rolling, (best.time_s, 0.0))
    return found


def _honest_ideal(session: Session) -> tuple[float, list[int]] | None:
    """The least sum of sectors of any laps whose speeds agree at every join, and the laps it is made of.

    A join between different laps is allowed only where the car could go on: within JOIN_SHARE of its speed. Found by
    dynamic programming over sectors.
    """
    laps = [lap for lap in session.timed if lap.sectors and all(s.time_s == s.time_s for s in lap.sectors)]
    if not laps:
        return None
    path = session.path
    times = np.array([[s.time_s for s in lap.sectors] for lap in laps])
    ends = np.array([lap.t0_ns - path.t_ns[0] for lap in laps])[:, None] * 1e-9 + np.cumsum(times, axis=1)
    speed = np.interp(ends, path.t_s, path.speed_mps)
    cost = times[:, 0].copy()
    back = []
    for k in range(1, times.shape[1]):
        v = speed[:, k - 1]
        apart = np.abs(v[:, None] - v[None, :])
        allowed = apart <= np.maximum(JOIN_SHARE * v[None, :], 0.5)
        np.fill_diagonal(allowed, True)
        total = np.where(allowed, cost[:, None], np.inf)
        back.append(np.argmin(total, axis=0))
        cost = total.min(axis=0) + times[:, k]
    k = int(np.argmin(cost))
    chain = [k]
    for step in reversed(back):
        chain.append(int(step[chain[-1]]))
    return float(cost[k]), [laps[i].number for i in reversed(chain)]


def _rolling_best(session: Session) -> tuple[float, float] | None:
    """The shortest time for one whole lap begun anywhere, and where it began (metres after the line)."""
    strip, path = session.strip, session.path
    timed = session.timed
    if strip is None or len(timed) < 2 or not strip.closed:
        return None
    a, b = np.searchsorted(path.t_ns, [timed[0].t0_ns, timed[-1].t1_ns])
    if path.fresh[a + 1 : b].any():
        return None
    s, _ = strip.follow(path.ne_m[a:b])
    way = np.maximum.accumulate(strip.unwrapped(s))
    begin = float(way[0])
    grid = np.arange(begin, way[-1] - strip.length_m, 5.0)
    rising = np.concatenate([[True], np.diff(way) > 1e-6])
    t0 = np.interp(grid, way[rising], path.t_s[a:b][rising])
    t1 = np.interp(grid + strip.length_m, way[rising], path.t_s[a:b][rising])
    if not len(grid):
        return None
    k = int(np.argmin(t1 - t0))
    return float(t1[k] - t0[k]), float((grid[k] - begin) % strip.length_m)
