"""From crossings to laps: which crossings count, and what each piece between them is."""

from __future__ import annotations

from typing import Any

import numpy as np

from kinema.analysis.crossings import Crossings
from kinema.analysis.path import Path
from kinema.core.course import Course
from kinema.core.event import Lap
from kinema.core.recording import Issue
from kinema.core.time import iso_utc
from kinema.errors import ConfigError

ANTENNA_SIGMA_M = 0.5
"""How far along the car the point that another timer sees may be from the antenna. It matters as far as the speeds at
both ends of a lap differ; `other_timer_sigma_s` in a lap's evidence has it in, time_sigma_s is that of the antenna."""

STANDSTILL_MPS, STANDSTILL_S = 1.0, 15.0
LAP_TOLERANCE = 0.12


def runs(path: Path, starts: Crossings, ends: Crossings, mover: str) -> tuple[Lap, ...]:
    """Runs of an open course: from the last crossing of the start before each crossing of the finish."""
    way = path.distance_m
    found: list[Lap] = []
    ahead = starts.pick(np.flatnonzero(starts.sign > 0))
    after = 0
    for k in range(len(ends)):
        before = np.flatnonzero((ahead.t_ns < ends.t_ns[k]) & (ahead.t_ns >= after))
        if not len(before):
            continue
        i = int(before[-1])
        sigma = float(np.hypot(ahead.sigma_s[i], ends.sigma_s[k]))
        holes = int(path.fresh[ahead.row[i] + 1 : ends.row[k] + 1].sum())
        after = int(ends.t_ns[k])
        found.append(
            Lap(
                "timed", mover, int(ahead.t_ns[i]), after, "start to finish", float(ahead.sigma_s[i]),
                float(ends.sigma_s[k]), {"holes": holes} if holes else {}, len(found) + 1, sigma,
                float(way[ends.row[k]] - way[ahead.row[i]]),
            )
        )  # fmt: skip
    if not found:
        raise ConfigError("the finish line is never crossed after the start line; check the course")
    return tuple(found)


def counted(path: Path, crossings: Crossings) -> tuple[Crossings, list[Issue]]:
    """The crossings that begin laps: a step back over the line takes its step forward with it, and a line that is
    crossed again within a fraction of a lap is crossed once."""
    way = path.distance_m
    at = way[crossings.row]
    ahead = np.flatnonzero(crossings.sign > 0)
    gaps = np.diff(at[ahead])
    usual = float(np.median(gaps[gaps > 30.0])) if (gaps > 30.0).any() else 0.0
    kept: list[int] = []
    backwards = []
    for k in range(len(crossings)):
        if crossings.sign[k] > 0:
            if kept and at[k] - at[kept[-1]] < max(20.0, 0.3 * usual):
                continue
            kept.append(k)
        elif kept and at[k] - at[kept[-1]] < 20.0:
            kept.pop()
        else:
            backwards.append(k)
    issues = []
    if backwards:
        where = f"UTC {iso_utc(int(crossings.t_ns[backwards[0]]), 0)}"
        issues.append(Issue("start line crossed backwards", len(backwards), where))
    return crossings.pick(np.array(kept, dtype=np.int64)), issues


def pieces_of(path: Path, c: Crossings, mover: str, course: Course | None, device: tuple[Lap, ...]) -> tuple[Lap, ...]:
    """All pieces between crossings, and what comes before the first and after the last, each named."""
    way = path.distance_m
    if not len(c):
        return ()
    at = way[c.row]
    driven = np.diff(at)
    usual, tolerance = float(np.median(driven)) if len(driven) else 0.0, LAP_TOLERANCE
    if course is not None and course.closed:
        usual = course.length_m
        # A lap along the edge of a wide course is as much longer as a turn about it: lane 8 of a 400 m track by 53 m.
        wide = max(float(course.width_left_m.max()), float(course.width_right_m.max()))
        tolerance = max(tolerance, 2 * np.pi * wide / usual)
    elif len(driven) > 1:
        # The median of what repeats, not of laps in which the line was missed.
        close = driven[(driven > 0.5 * usual) & (driven < 1.5 * usual)]
        usual = float(np.median(close)) if len(close) else usual
    found = [_end_piece(path, 0, int(c.row[0]), c, 0, mover)]
    found += [_lap(path, c, k, mover, float(driven[k]), (usual, tolerance), device) for k in range(len(c) - 1)]
    found.append(_end_piece(path, int(c.row[-1]), len(way) - 1, c, len(c), mover))
    return tuple(lap for lap in found if lap is not None)


def _lap(
    path: Path, c: Crossings, k: int, mover: str, driven: float, usual_by: tuple[float, float], device: tuple[Lap, ...]
) -> Lap:
    """The piece from crossing k to the next; usual_by: length of a lap and the share by which one may differ."""
    usual, tolerance = usual_by
    a, b = int(c.row[k]), int(c.row[k + 1])
    offset = ANTENNA_SIGMA_M * abs(1 / c.v_mps[k + 1] - 1 / c.v_mps[k])
    sigma = float(np.hypot(c.sigma_s[k], c.sigma_s[k + 1]))
    kind: str = "timed"
    evidence: dict[str, Any] = {"other_timer_sigma_s": round(float(np.hypot(sigma, offset)), 6)}
    ratio = driven / usual if usual else 1.0
    still = float(np.diff(path.t_s[a : b + 1])[path.speed_mps[a:b] < STANDSTILL_MPS].sum())
    holes = int(path.fresh[a + 1 : b + 1].sum())
    if holes:
        evidence["holes"] = holes
    if still > STANDSTILL_S:
        kind, evidence["standstill_s"] = "pit", round(still, 1)
    elif abs(ratio - 1) > tolerance and not holes:
        times = round(ratio)
        kind = "invalid"
        evidence["why"] = (
            f"{times} laps in one: the line was not met"
            if times > 1 and abs(ratio - times) < 0.15
            else "another way round"
        )
        evidence["distance_share"] = round(ratio, 3)
    elif holes and abs(ratio - 1) > tolerance:
        kind = "incomplete"
    t0, t1 = int(c.t_ns[k]), int(c.t_ns[k + 1])
    twin = next((d for d in device if abs(d.t0_ns - t0) < 1_500_000_000 and abs(d.t1_ns - t1) < 1_500_000_000), None)
    if twin is not None:
        evidence["device_time_s"] = round(twin.time_s, 6)
    return Lap(
        kind, mover, t0, t1, "start", float(c.sigma_s[k]), float(c.sigma_s[k + 1]), evidence, k + 1, sigma, driven
    )


def _end_piece(path: Path, a: int, b: int, c: Crossings, number: int, mover: str) -> Lap | None:
    """What lies before the first or after the last crossing: out or in if it began or ended at a standstill."""
    first = number == 0
    t0 = int(path.t_ns[a]) if first else int(c.t_ns[-1])
    t1 = int(c.t_ns[0]) if first else int(path.t_ns[b])
    way = float(path.distance_m[b] - path.distance_m[a])
    if t1 - t0 < 100_000_000 or way < 5.0:
        return None
    edge = path.speed_mps[a : a + 5] if first else path.speed_mps[max(b - 4, 0) : b + 1]
    slow = float(edge.mean()) < 0.3 * float(np.percentile(path.speed_mps, 60))
    kind = ("out" if first else "in") if slow else "incomplete"
    sigma = (np.nan, float(c.sigma_s[0])) if first else (float(c.sigma_s[-1]), np.nan)
    return Lap(kind, mover, t0, t1, "", sigma[0], sigma[1], {}, number, float("nan"), way)


def rows_of(path: Path, lap: Lap) -> np.ndarray:
    """Indices of the path's epochs within a lap."""
    a, b = np.searchsorted(path.t_ns, [lap.t0_ns, lap.t1_ns])
    return np.arange(a, b)


def lap_points(path: Path, lap: Lap) -> np.ndarray:
    """The smoothed positions (n, 2) of a lap, with the interpolated points on the line at both ends."""
    rows = rows_of(path, lap)
    second = np.array([lap.t0_ns - path.t_ns[0], lap.t1_ns - path.t_ns[0]]) * 1e-9
    ends = np.column_stack([np.interp(second, path.t_s, path.ne_m[:, k]) for k in range(2)])
    return np.vstack([ends[:1], path.ne_m[rows], ends[1:]])
