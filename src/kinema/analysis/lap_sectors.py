"""Sectors of laps: between given gates, or at the braking points nearest to equal parts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kinema.analysis.laps import Session

import numpy as np

from kinema.analysis.crossings import Crossings, crossings_of
from kinema.analysis.lap_pieces import rows_of
from kinema.analysis.path import Path
from kinema.analysis.start_line import HALF_GATE_M
from kinema.core.course import Gate
from kinema.core.event import Lap, Sector
from kinema.course.learn import gate_across


def with_sectors(session: Session, count: int) -> Session:
    """Every lap with its sectors: between the course's sector gates, or braking points nearest to equal parts."""
    strip, path, course = session.strip, session.path, session.course
    assert strip is not None
    assert course is not None
    gates = [g for g in course.gates if g.kind == "sector"]
    gates = gates or [
        g for g in (session.recording.streams.get("gates", ()) if session.recording else ()) if g.kind == "sector"
    ]
    if not gates:
        gates = sector_gates(session, count)
    met = [crossings_of(path, g.on(path.plane), g.half_m or 5.0) for g in gates]
    for m in met:
        if len(m) and (m.sign < 0).sum() > (m.sign > 0).sum():
            m.sign[:] = -m.sign
    laps_ = tuple(_sectored(lap, met, path) if lap.kind in ("timed", "invalid", "pit") else lap for lap in session.laps)
    gates_all = (session.gate, *gates)
    return replace(session, laps=laps_, course=replace(course, gates=gates_all))


def _sectored(lap: Lap, met: list[Crossings], path: Path) -> Lap:
    """The lap with its sectors: at each gate its first forward crossing after the one before; NaN where none."""
    times, sigmas = [lap.t0_ns], [lap.t0_sigma_s]
    after = lap.t0_ns
    for m in met:
        hits = np.flatnonzero((m.t_ns > after) & (m.t_ns < lap.t1_ns) & (m.sign > 0))
        if len(hits):
            after = int(m.t_ns[hits[0]])
            times.append(after)
            sigmas.append(float(m.sigma_s[hits[0]]))
        else:
            times.append(-1)
            sigmas.append(float("nan"))
    times.append(lap.t1_ns)
    sigmas.append(lap.t1_sigma_s)
    found = []
    for k in range(len(times) - 1):
        known = times[k] >= 0 and times[k + 1] >= 0
        found.append(
            Sector(
                f"S{k + 1}",
                (times[k + 1] - times[k]) * 1e-9 if known else float("nan"),
                float(np.hypot(sigmas[k], sigmas[k + 1])) if known else float("nan"),
            )
        )
    return replace(lap, sectors=tuple(found))


def sector_gates(session: Session, count: int) -> list[Gate]:
    """Gates that split the course into `count` parts, each at the braking point nearest to an equal share: split inside
    a corner, best sectors of different laps do not fit together."""
    strip, path = session.strip, session.path
    assert strip is not None
    lap = session.best or next(iter(session.laps))
    rows = rows_of(path, lap)
    s, _ = strip.follow(path.ne_m[rows])
    start = float(strip.follow(session.gate.on(path.plane).mean(axis=0)[None])[0][0])
    s = (s - start) % strip.length_m
    speed = path.speed_mps[rows]
    braking = _braking_starts(s, speed)
    gates = []
    for k in range(1, count):
        aim = strip.length_m * k / count
        near = braking[np.abs(braking - aim) < 0.25 * strip.length_m / count]
        at = float(near[np.argmin(np.abs(near - aim))]) if len(near) else aim
        station = np.array([(at + start) % strip.length_m])
        point, heading = strip.to_ne(station, np.zeros(1))[0], strip.tangent_ne(station)[0]
        gates.append(gate_across(path.plane, point, heading, HALF_GATE_M, f"sector {k}", "sector"))
    return gates


def _braking_starts(s: np.ndarray, speed: np.ndarray) -> np.ndarray:
    """Stations at which the speed begins to fall by more than a tenth."""
    if len(speed) < 20:
        return np.zeros(0)
    order = np.argsort(s, kind="stable")
    grid = np.arange(0.0, float(s.max()), 5.0)
    v = np.interp(grid, s[order], speed[order])
    peaks = np.flatnonzero((v[1:-1] >= v[:-2]) & (v[1:-1] > v[2:])) + 1
    starts = [grid[p] for p in peaks if v[p] - v[p : p + 40].min() > 0.1 * v[p]]
    return np.array(starts)
