"""Corner by corner: entry, apex, exit, braking, line; and what a coach should say first, with its evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from kinema.analysis.deltas import Delta, Trace, change_sigma_s
from kinema.analysis.laps import Session
from kinema.core.arrays import F64
from kinema.course.strip import Strip

SHARPEST_STRAIGHT = 1 / 200.0
"""Curvature (1/m) from which a course turns, for cars; slower movers turn where they pull 0.15 g."""
JOIN_M = 25.0
G = 9.80665


@dataclass(frozen=True)
class Corner:
    """A corner of a course: number, stations of its begin, apex of the line and end, and of the stretch that belongs to
    it (half way to its neighbours); `left` or right."""

    number: int
    begin_m: float
    apex_m: float
    end_m: float
    from_m: float
    to_m: float
    left: bool


@dataclass(frozen=True)
class CornerDriven:
    """A corner as one lap drove it, SI: speeds at entry, apex (the least) and exit; where braking began and the apex
    was, as stations; offset from the line at the apex (left positive); greatest lateral and braking acceleration;
    seconds from from_m to to_m."""

    entry_mps: float
    least_mps: float
    exit_mps: float
    braking_m: float
    apex_m: float
    offset_m: float
    lateral_g: float
    braking_g: float
    time_s: float


def corners_of(session: Session) -> tuple[Corner, ...]:
    """The corners of a session's course, numbered from the start line."""
    strip = session.strip
    if strip is None:
        return ()
    start = float(strip.to_sd(session.gate.on(session.path.plane).mean(axis=0)[None])[0][0])
    speed = float(np.percentile(session.path.speed_mps, 90))
    return corners_on(strip, start, max(SHARPEST_STRAIGHT, 0.15 * G / max(speed, 3.0) ** 2))


def corners_on(strip: Strip, start_m: float = 0.0, sharpest: float = SHARPEST_STRAIGHT) -> tuple[Corner, ...]:
    """Stretches of a strip that turn more sharply than `sharpest` (1/m), alike ones within JOIN_M joined."""
    s = np.arange(0.0, strip.length_m, 2.0)
    bend = strip.curvature((s + start_m) % strip.length_m if strip.closed else s, 16.0)
    turning = np.abs(bend) > sharpest
    edges = np.flatnonzero(np.diff(np.concatenate([[0], turning.astype(int), [0]])))
    spans: list[list[int]] = []
    for a, b in zip(edges[::2], edges[1::2], strict=True):
        same = spans and np.sign(bend[spans[-1][0] : spans[-1][1]].sum()) == np.sign(bend[a:b].sum())
        if same and s[a] - s[spans[-1][1] - 1] < JOIN_M:
            spans[-1][1] = int(b)
        else:
            spans.append([int(a), int(b)])
    # A bend of less than 12 degrees is none.
    spans = [sp for sp in spans if abs(bend[sp[0] : sp[1]].sum()) * 2.0 > 0.2]
    found = []
    for k, (a, b) in enumerate(spans):
        before = s[spans[k - 1][1] - 1] if k else 0.0
        after = s[spans[k + 1][0]] if k + 1 < len(spans) else strip.length_m
        apex = a + int(np.argmax(np.abs(bend[a:b])))
        found.append(
            Corner(
                k + 1,
                float(s[a]),
                float(s[apex]),
                float(s[b - 1]),
                float(0.5 * (before + s[a])) if k else 0.0,
                float(0.5 * (s[b - 1] + after)) if k + 1 < len(spans) else strip.length_m,
                bool(bend[a:b].sum() > 0),
            )
        )
    return tuple(found)


def driven(corner: Corner, trace: Trace) -> CornerDriven:
    """A corner as a trace drove it."""
    s, v = trace.s_m, trace.speed_mps
    i0, i1 = np.searchsorted(s, [corner.from_m, corner.to_m - 1e-6])
    a, b = np.searchsorted(s, [corner.begin_m, corner.end_m])
    i1, b = min(int(i1), len(s) - 1), min(int(b), len(s) - 1)
    slowest = int(a) + int(np.argmin(v[a : b + 1]))
    fastest = int(i0) + int(np.argmax(v[i0 : slowest + 1]))
    return CornerDriven(
        float(v[a]),
        float(v[slowest]),
        float(v[b]),
        _braking(trace, fastest, slowest),
        float(s[slowest]),
        float(trace.d_m[slowest]),
        float(np.abs(trace.across_mps2[a : b + 1]).max() / G),
        float(-trace.along_mps2[i0 : slowest + 1].min() / G),
        float(trace.t_s[i1] - trace.t_s[i0]),
    )


def _braking(trace: Trace, fastest: int, slowest: int) -> float:
    """Where braking began: the first station after the greatest speed at which deceleration passes a third of its
    greatest value; NaN where the corner is not braked for."""
    along = trace.along_mps2[fastest : slowest + 1]
    hardest = float(along.min()) if len(along) else 0.0
    if hardest > -1.0:
        return float("nan")
    k = fastest + int(np.argmax(along < hardest / 3))
    # Between two stations, where the curve passes the threshold.
    x0, x1 = trace.along_mps2[max(k - 1, 0)], trace.along_mps2[k]
    share = (hardest / 3 - x0) / (x1 - x0) if x1 < hardest / 3 <= x0 else 1.0
    return float(trace.s_m[max(k - 1, 0)] + share * (trace.s_m[k] - trace.s_m[max(k - 1, 0)]))


@dataclass(frozen=True)
class CornerDelta:
    """What lap a lost (positive) or gained in a corner against lap b, seconds ± standard uncertainty, and how."""

    corner: Corner
    lost_s: float
    sigma_s: float
    a: CornerDriven
    b: CornerDriven

    @property
    def reason(self) -> str:
        """The largest difference of driving that goes with the time, in words."""
        a, b, sign = self.a, self.b, 1 if self.lost_s > 0 else -1
        early = b.braking_m - a.braking_m
        slower = b.least_mps - a.least_mps
        exit_slower = b.exit_mps - a.exit_mps
        said: list[tuple[float, str]] = []
        if early == early and abs(early) >= 2.0 and early * sign > 0:
            said.append((abs(early) / 8, f"braking {abs(early):.0f} m {'early' if early > 0 else 'late'}"))
        if slower * sign > 0.3:
            word = "slower" if slower > 0 else "faster"
            said.append((abs(slower) / 1.0, f"{abs(slower) * 3.6:.1f} km/h {word} at the apex"))
        if exit_slower * sign > 0.3:
            word = "slower" if exit_slower > 0 else "faster"
            said.append((abs(exit_slower) / 1.2, f"{abs(exit_slower) * 3.6:.1f} km/h {word} at the exit"))
        if not said and abs(a.offset_m - b.offset_m) > 0.5:
            side = "left" if a.offset_m > b.offset_m else "right"
            said.append((1.0, f"apex {abs(a.offset_m - b.offset_m):.1f} m further {side}"))
        return max(said)[1] if said else "no single cause stands out"

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "turn": self.corner.number,
            "lost_s": round(self.lost_s, 4),
            "sigma_s": round(self.sigma_s, 4),
            "reason": self.reason,
            "begin_m": self.corner.begin_m,
            "apex_m": self.corner.apex_m,
            "end_m": self.corner.end_m,
            "a": {k: _plain(v) for k, v in self.a.__dict__.items()},
            "b": {k: _plain(v) for k, v in self.b.__dict__.items()},
        }


def _plain(value: float) -> float | None:
    return round(value, 3) if value == value else None


def corner_deltas(delta: Delta, corners: tuple[Corner, ...]) -> tuple[CornerDelta, ...]:
    """Every corner's share of a delta; together they are the whole of it."""
    s = delta.s_m
    found = []
    for corner in corners:
        i, j = (min(int(k), len(s) - 1) for k in np.searchsorted(s, [corner.from_m, corner.to_m - 1e-6]))
        lost = float(delta.delta_s[j] - delta.delta_s[i])
        found.append(
            CornerDelta(corner, lost, change_sigma_s(delta, i, j), driven(corner, delta.a), driven(corner, delta.b))
        )
    return tuple(found)


def advice(deltas: tuple[CornerDelta, ...]) -> str:
    """What to say first: the corner that costs most for sure, why, and how sure; or that nothing is sure."""
    lost = [d for d in deltas if d.lost_s > 2 * d.sigma_s and d.lost_s > 0.01]
    if not lost:
        return "No corner loses more time than its uncertainty."
    worst = max(lost, key=lambda d: d.lost_s - 2 * d.sigma_s)
    return f"{worst.lost_s:.2f} ± {1.96 * worst.sigma_s:.2f} s in turn {worst.corner.number}: {worst.reason}."


def offsets_of_laps(traces: list[Trace], every_m: float = 10.0) -> tuple[F64, F64]:
    """Stations and, lap by lap (k, n), the offsets from the line: what a histogram of lines is drawn from."""
    n = min(len(t.s_m) for t in traces)
    step = max(int(every_m / (traces[0].s_m[1] - traces[0].s_m[0])), 1)
    return traces[0].s_m[:n:step], np.array([t.d_m[:n:step] for t in traces])
