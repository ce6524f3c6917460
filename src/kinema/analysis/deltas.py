"""Time gained and lost against another lap, aligned by position on the course, with its uncertainty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinema.analysis.laps import Session
from kinema.analysis.path import Path
from kinema.core.arrays import F64
from kinema.core.event import Lap
from kinema.course.strip import Strip
from kinema.errors import DataError

STEP_M = 2.0
SHARED_S = 60.0
"""The slow part of a position error is shared by moments much closer than this."""


@dataclass(frozen=True)
class Trace:
    """A lap over the stations of a course: s_m (n,) from the start line; t_s since the line; speed, long and lateral
    acceleration (left positive), offset d_m from the line; jitter_s and slow_s, the standard uncertainty of t_s by its
    two parts; ne_m (n, 2)."""

    lap: Lap
    s_m: F64
    t_s: F64
    speed_mps: F64
    along_mps2: F64
    across_mps2: F64
    d_m: F64
    jitter_s: F64
    slow_s: F64
    ne_m: F64


@dataclass(frozen=True)
class Delta:
    """Lap `a` against lap `b` at stations s_m (n,): delta_s, positive where a has lost, ± sigma_s (standard)."""

    a: Trace
    b: Trace
    delta_s: F64
    sigma_s: F64

    @property
    def s_m(self) -> F64:
        """Stations from the start line."""
        return self.a.s_m


def trace_of(session: Session, lap: Lap, step_m: float = STEP_M) -> Trace:
    """A lap at every `step_m` of its course. Raises DataError where the session has no course or the lap a hole."""
    if session.strip is None:
        raise DataError("session", "a course, given or learned from a whole lap", "none")
    return trace_on(session.path, lap, session.strip, _start_station(session), step_m)


def _start_station(session: Session) -> float:
    strip = session.strip
    assert strip is not None
    return float(strip.to_sd(session.gate.on(session.path.plane).mean(axis=0)[None])[0][0])


def trace_on(path: Path, lap: Lap, strip: Strip, start_m: float, step_m: float = STEP_M) -> Trace:
    """A lap of a path over the stations of a strip, beginning at station `start_m`."""
    a, b = np.searchsorted(path.t_ns, [lap.t0_ns, lap.t1_ns])
    a, b = max(int(a) - 3, 0), min(int(b) + 3, len(path.t_ns))
    if b - a < 8:
        raise DataError(f"lap {lap.number}", "at least 8 positions", str(b - a))
    if path.fresh[a + 1 : b].any():
        raise DataError(f"lap {lap.number}", "positions without a hole", "a hole in it")
    t = np.asarray((path.t_ns[a:b] - lap.t0_ns) * 1e-9, dtype=np.float64)
    s, d = strip.follow(path.ne_m[a:b])
    way = strip.unwrapped(s)
    tangent = strip.tangent_ne(s)
    stretch = np.clip(1 - strip.curvature(s) * d, 0.2, 5.0)
    v_s = (path.v_mps[a:b] * tangent).sum(axis=1) / stretch
    way = _between_lines(way, t, lap, strip, start_m)
    keep = np.concatenate([[True], way[1:] > np.maximum.accumulate(way)[:-1] + 1e-3])
    length = strip.length_m if strip.closed else float(way[-1])
    grid = np.arange(0.0, length, step_m)
    grid = np.append(grid, length) if length - grid[-1] > 1e-6 else grid
    time = _times(grid, way[keep], t[keep], v_s[keep])
    return _sampled(path, lap, grid, time, t, d, a, b)


def _between_lines(way: F64, t: F64, lap: Lap, strip: Strip, start_m: float) -> F64:
    """Stations from the line, shifted by a little that runs evenly through the lap so that the lap begins at 0 and
    ends at the course's length at the very times at which the lines were crossed."""
    offset = round((float(np.interp(0.0, t, way)) - start_m) / strip.length_m) * strip.length_m if strip.closed else 0.0
    way = way - start_m - offset
    first = float(np.interp(0.0, t, way))
    if not strip.closed:
        return way - first
    last = float(np.interp(lap.duration_s, t, way)) - strip.length_m
    share = np.clip(t / lap.duration_s, 0.0, 1.0)
    return np.asarray(way - first * (1 - share) - last * share)


def _times(grid: F64, way: F64, t: F64, v_s: F64) -> F64:
    """Times at stations by cubic Hermite interpolation of time over way (the slope is 1 / speed)."""
    from scipy.interpolate import CubicHermiteSpline

    mean = np.gradient(way, t)
    v = np.where((v_s > 0.5 * mean) & (v_s < 2 * mean), v_s, np.maximum(mean, 1e-3))
    return np.asarray(CubicHermiteSpline(way, t, 1.0 / np.maximum(v, 0.05))(np.clip(grid, way[0], way[-1])))


def _sampled(path: Path, lap: Lap, grid: F64, time: F64, t: F64, d: F64, a: int, b: int) -> Trace:
    v, acc = path.v_mps[a:b], path.a_mps2[a:b]
    speed = np.hypot(v[:, 0], v[:, 1])
    unit = v / np.maximum(speed, 0.1)[:, None]
    along = (acc * unit).sum(axis=1)
    # Left of (north, east) is (east, −north).
    across = acc[:, 0] * unit[:, 1] - acc[:, 1] * unit[:, 0]
    if path.device_speed_mps is not None:
        # Doppler knows the speed better than positions do.
        shown = path.device_speed_mps[a:b]
        calm = np.convolve(np.pad(shown, 2, mode="edge"), np.ones(5) / 5, mode="valid")
        along = np.gradient(calm, t)
    else:
        shown = speed
    slow = np.sqrt(np.einsum("ni,nij,nj->n", unit, path.slow_m2[a:b], unit)) / np.maximum(speed, 0.5)
    jitter = np.sqrt(path.jitter_m2[a:b]) / np.maximum(speed, 0.5)

    def at(values: F64) -> F64:
        return np.interp(time, t, values)

    ne = np.column_stack([at(path.ne_m[a:b, k]) for k in range(2)])
    return Trace(lap, grid, time, at(shown), at(along), at(across), at(d), at(jitter), at(slow), ne)


def delta_between(
    session: Session, lap_a: Lap, lap_b: Lap, other: Session | None = None, step_m: float = STEP_M
) -> Delta:
    """Lap a of a session against lap b of the same or another session on the same course.

    The other session must lie on the same plane (time it with `course=session.course`). Raises DataError.
    """
    a = trace_of(session, lap_a, step_m)
    if other is None:
        return delta_of(a, trace_of(session, lap_b, step_m))
    if session.strip is None or other.path.plane != session.path.plane:
        raise DataError(
            "other session", "the course of the first one", "another plane; time it with course=session.course"
        )
    return delta_of(a, trace_on(other.path, lap_b, session.strip, _start_station(session), step_m))


def delta_of(a: Trace, b: Trace) -> Delta:
    """Two traces over the same stations."""
    n = min(len(a.s_m), len(b.s_m))
    delta = a.t_s[:n] - b.t_s[:n]
    variance = np.zeros(n)
    for x in (a, b):
        shared = 2 * (1 - np.exp(-x.t_s[:n] / SHARED_S))
        variance += x.jitter_s[:n] ** 2 + x.jitter_s[0] ** 2 + shared * 0.5 * (x.slow_s[:n] ** 2 + x.slow_s[0] ** 2)
    return Delta(a, b, delta, np.sqrt(variance))


def change_sigma_s(delta: Delta, i: int, j: int) -> float:
    """Standard uncertainty of the time gained or lost between stations i and j: what both ends share drops out."""
    variance = 0.0
    for x in (delta.a, delta.b):
        shared = 1 - np.exp(-abs(x.t_s[j] - x.t_s[i]) / SHARED_S)
        variance += x.jitter_s[i] ** 2 + x.jitter_s[j] ** 2 + shared * (x.slow_s[i] ** 2 + x.slow_s[j] ** 2)
    return float(np.sqrt(variance))
