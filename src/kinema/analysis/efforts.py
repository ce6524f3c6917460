"""Efforts of a run: stretches between rests, their distances, and the set they belong to."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kinema.analysis.path import Path
from kinema.core.arrays import F64
from kinema.core.streams import Series

LEAST_EFFORT_S, LEAST_EFFORT_M = 8.0, 40.0
NOMINAL_M = (
    60.0,
    80.0,
    100.0,
    120.0,
    150.0,
    200.0,
    250.0,
    300.0,
    400.0,
    500.0,
    600.0,
    800.0,
    1000.0,
    1200.0,
    1500.0,
    1600.0,
    2000.0,
    3000.0,
    5000.0,
)

MARK_SIGMA_M = 1.0
"""How closely an athlete begins and ends a set distance at its marks."""


@dataclass(frozen=True)
class Effort:
    """A stretch of running between rests. measured_m: along the track's lane, or the smoothed path. distance_m: in a
    set of equal efforts the estimate that heeds the set distance too, else the measured one; sigma_m is of it."""

    number: int
    t0_ns: int
    t1_ns: int
    measured_m: float
    distance_m: float
    sigma_m: float
    nominal_m: float | None
    rest_after_s: float
    heart_rate: float = float("nan")
    cadence: float = float("nan")

    @property
    def time_s(self) -> float:
        """Seconds of running."""
        return (self.t1_ns - self.t0_ns) * 1e-9

    @property
    def pace_s_per_km(self) -> float:
        """Seconds per kilometre."""
        return self.time_s / self.distance_m * 1000 if self.distance_m > 0 else float("nan")

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        plain = {k: (round(v, 3) if isinstance(v, float) else v) for k, v in self.__dict__.items()}
        plain |= {"time_s": round(self.time_s, 3), "pace_s_per_km": round(self.pace_s_per_km, 1)}
        return {k: None if isinstance(v, float) and v != v else v for k, v in plain.items()}


def stretches(path: Path) -> list[tuple[int, int]]:
    """Stretches of running: between holes, pauses of the watch and stretches slower than half the usual pace."""
    t, speed = path.t_s, path.speed_mps
    usual = float(np.percentile(speed[speed > 1.0], 60)) if (speed > 1.0).any() else 1.0
    paused = np.concatenate([[True], np.diff(t) > max(4.0, 4 * float(np.median(np.diff(t))))])
    calm = np.convolve(np.pad(speed, 2, mode="edge"), np.ones(5) / 5, mode="valid")
    running = calm > 0.5 * usual
    label = np.cumsum(paused | np.concatenate([[True], running[1:] != running[:-1]]))
    starts = np.flatnonzero(np.concatenate([[True], np.diff(label) > 0]))
    ends = np.append(starts[1:], len(t))
    found: list[tuple[int, int]] = []
    for a, b in zip(starts, ends, strict=True):
        joins = found and not paused[found[-1][1] : a + 1].any() and t[a] - t[found[-1][1] - 1] < 6.0
        if not running[a:b].mean() > 0.5:
            # A slow step out of the blocks belongs to the effort that it begins or ends.
            if b - a <= 6:
                continue
        elif joins:
            found[-1] = (found[-1][0], int(b))
        else:
            found.append((int(a), int(b)))
    return [_with_edges(paused, t, piece) for piece in found]


def _with_edges(paused: np.ndarray, t: F64, piece: tuple[int, int]) -> tuple[int, int]:
    """The piece with the few epochs between it and the pauses beside it."""
    a, b = piece
    while a > 0 and not paused[a] and t[piece[0]] - t[a - 1] < 6.0:
        a -= 1
    while b < len(t) and not paused[b] and t[b] - t[piece[1] - 1] < 6.0:
        b += 1
    near = paused[a] and (b == len(t) or paused[b])
    return (a, b) if near else piece


def efforts_of(
    path: Path, way: F64, pieces: list[tuple[int, int]], heart: Series | None, cadence: Series | None
) -> tuple[Effort, ...]:
    efforts: list[Effort] = []
    for a, b in pieces:
        metres = float(way[b - 1] - way[a])
        if path.t_s[b - 1] - path.t_s[a] < LEAST_EFFORT_S or metres < LEAST_EFFORT_M:
            continue
        # An end between two epochs may lie anywhere between them.
        edge = float(np.median(np.diff(path.t_s))) * float(np.median(path.speed_mps[a:b])) / np.sqrt(12)
        slow = float(
            np.sqrt(np.median(path.slow_m2[a:b, 0, 0]) * (1 - np.exp(-(path.t_s[b - 1] - path.t_s[a]) / 60.0)))
        )
        sigma = float(np.sqrt(2 * edge**2 + 2 * slow**2 + 2 * float(np.median(path.jitter_m2[a:b]))))
        t0, t1 = int(path.t_ns[a]), int(path.t_ns[b - 1])
        efforts.append(
            Effort(
                len(efforts) + 1, t0, t1, metres, metres, sigma, None, 0.0, _mean(heart, t0, t1), _mean(cadence, t0, t1)
            )
        )
    rests = [(q.t0_ns - p.t1_ns) * 1e-9 for p, q in itertools.pairwise(efforts)] + [0.0]
    return tuple(replace(e, rest_after_s=r) for e, r in zip(efforts, rests[: len(efforts)], strict=True))


def structured(efforts: tuple[Effort, ...]) -> tuple[tuple[Effort, ...], str]:
    """Efforts of a set with their set distance. Of at least three alike efforts whose mean is a usual distance, each is
    known from two sides, as measured and as set (to MARK_SIGMA_M), and the estimate is the weighted mean."""
    if not efforts:
        return efforts, ""
    measured = np.array([e.measured_m for e in efforts])
    nominal = np.array([_nominal(m) for m in measured])
    out, parts = list(efforts), []
    for value in dict.fromkeys(nominal[nominal > 0]):
        mine = np.flatnonzero(nominal == value)
        if len(mine) < 3 or abs(measured[mine].mean() - value) > max(3.0, 0.02 * value):
            continue
        spread = max(float(measured[mine].std(ddof=1)), MARK_SIGMA_M)
        weight = MARK_SIGMA_M**2 / (MARK_SIGMA_M**2 + spread**2)
        for k in mine:
            sigma = MARK_SIGMA_M * spread / float(np.hypot(MARK_SIGMA_M, spread))
            out[k] = replace(
                out[k], distance_m=value + weight * (measured[k] - value), sigma_m=sigma, nominal_m=float(value)
            )
        parts.append(f"{len(mine)} × {value:.0f} m")
    if not parts:
        return efforts, "one run" if len(efforts) == 1 else f"{len(efforts)} stretches"
    return tuple(out), " + ".join(parts)


def _nominal(metres: float) -> float:
    """The usual distance within 6 %, or 0."""
    best = min(NOMINAL_M, key=lambda n: abs(np.log(n / metres)))
    return best if abs(metres / best - 1) < 0.06 else 0.0


def _mean(series: Series | None, t0_ns: int, t1_ns: int) -> float:
    if series is None:
        return float("nan")
    inside = (series.t_ns >= t0_ns) & (series.t_ns <= t1_ns)
    return float(series.value[inside].mean()) if inside.any() else float("nan")
