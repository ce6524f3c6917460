"""Running: the track found and its lane, efforts and rests, splits, pace, heart-rate zones, and what stays private."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from kinema.analysis.path import Path, path_of
from kinema.core.arrays import F64
from kinema.core.frames import geodetic_from_ecef
from kinema.core.recording import Recording
from kinema.core.solution import Solution
from kinema.core.streams import Series
from kinema.core.zone import Zone
from kinema.course.oval import LANE_M, LANES, RADIUS_M, Oval, fitted_oval, lane_length_m, measured_radius_m
from kinema.errors import ConfigError, DataError

FASTEST_RUN_MPS = 9.0
ON_FOOT = ("running", "walking", "hiking", "generic", "training", "multisport", "transition")
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
LANE_PRIOR = 0.5
"""How far the first lane is likelier than all others, before anything is measured."""
ZONE_SHARES = (0.5, 0.6, 0.7, 0.8, 0.9)
"""Lower edges of five heart-rate zones as shares of the greatest rate."""


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


@dataclass(frozen=True)
class Run:
    """A run: distance with its ±, the track and lane if it was run on one, efforts, splits and zones."""

    path: Path
    distance_m: float
    distance_sigma_m: float
    efforts: tuple[Effort, ...]
    splits: tuple[dict[str, Any], ...]
    zones_s: tuple[float, ...] = ()
    oval: Oval | None = None
    lane: int | None = None
    lap_distances_m: tuple[float, ...] = ()
    structure: str = ""
    way_m: F64 = field(default_factory=lambda: np.zeros(0))
    """Distance run since the start (n,), at the path's epochs."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "distance_m": round(self.distance_m, 2),
            "distance_sigma_m": round(self.distance_sigma_m, 2),
            "structure": self.structure,
            "track": None
            if self.oval is None
            else {
                "lane": self.lane,
                "lane_lap_m": round(lane_length_m(self.lane or 1), 2),
                "scatter_m": round(self.oval.scatter_m, 2),
            },
            "lap_distances_m": [round(x, 2) for x in self.lap_distances_m],
            "efforts": [e.to_json() for e in self.efforts],
            "splits": list(self.splits),
            "heart_rate_zones_s": [round(z, 1) for z in self.zones_s],
        }


def looks_like_running(path: Path, sport: str = "") -> bool:
    """Whether the speeds are those of feet, and the sport that the file names is not another."""
    if sport and sport not in ON_FOOT:
        return False
    speed = path.speed_mps
    return bool(np.percentile(speed, 98) < FASTEST_RUN_MPS and np.percentile(speed, 60) > 1.0)


def run_of(recording: Recording | Solution, split_m: float = 1000.0, greatest_heart_rate: float | None = None) -> Run:
    """The run of a recording or solution. Raises DataError without positions."""
    solution = recording if isinstance(recording, Solution) else recording.get("fixes", Solution)
    if solution is None:
        raise DataError("recording", "positions", "none")
    path = path_of(solution)
    pieces = _pieces(path)
    moving = path.speed_mps > 2.0
    oval = fitted_oval(path.raw_ne_m[moving], path.plane) if moving.sum() > 60 else None
    lane = _lane(oval, path.raw_ne_m[moving]) if oval is not None else None
    way = _way(path, oval, lane)
    heart, cadence = (_channel(recording, solution, name) for name in ("heart_rate", "cadence"))
    efforts = _efforts(path, way, pieces, heart, cadence)
    efforts, structure = _structured(efforts)
    laps = _lap_distances(oval, lane, path) if oval is not None and lane is not None else ()
    sigma = _distance_sigma(path, float(way[-1]), oval)
    return Run(
        path,
        float(way[-1]),
        sigma,
        efforts,
        _splits(path, way, split_m if oval is None or way[-1] > 3000 else 100.0),
        _zones(heart, greatest_heart_rate),
        oval,
        lane,
        laps,
        structure,
        way,
    )


def oval_session(file: str, on_bad: str = "skip") -> Run:
    """The run of a file that was run on a 400 m track. Raises ConfigError where it was not."""
    from kinema.formats.reading import read

    run = run_of(read(file, on_bad=on_bad))  # type: ignore[arg-type]
    if run.oval is None:
        raise ConfigError(f"{file}: its path fits no 400 m track")
    return run


def _pieces(path: Path) -> list[tuple[int, int]]:
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


def _lane(oval: Oval, ne_m: F64) -> int:
    """The likeliest lane by the median distance out, and by the lanes that people run in."""
    out = oval.to_track(ne_m)[1]
    sigma = max(oval.scatter_m / np.sqrt(max(len(ne_m) / 20, 1)), 0.4)
    centres = np.array([RADIUS_M + 0.45] + [measured_radius_m(k) + 0.25 for k in range(2, LANES + 1)])
    prior = np.log([LANE_PRIOR, *[(1 - LANE_PRIOR) / (LANES - 1)] * (LANES - 1)])
    score = -0.5 * ((float(np.median(out)) - centres) / np.hypot(sigma, 0.3 * LANE_M)) ** 2 + prior
    return int(np.argmax(score)) + 1


def _way(path: Path, oval: Oval | None, lane: int | None) -> F64:
    """Distance run (n,): along the lane on a track, along the smoothed path elsewhere. Pauses add nothing."""
    if oval is None or lane is None:
        return path.distance_m
    length = lane_length_m(lane)
    s = oval.along(path.ne_m, measured_radius_m(lane))
    out = oval.to_track(path.ne_m)[1]
    step = np.diff(s)
    step -= length * np.round(step / length)
    paused = np.diff(path.t_s) > max(4.0, 4 * float(np.median(np.diff(path.t_s))))
    on = np.abs(out - measured_radius_m(lane)) < 12.0
    free = np.hypot(*np.diff(path.ne_m, axis=0).T)
    step = np.where(on[1:] & on[:-1], step, free)
    return np.concatenate([[0.0], np.cumsum(np.where(paused | path.fresh[1:], 0.0, step))])


def _efforts(
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


def _structured(efforts: tuple[Effort, ...]) -> tuple[tuple[Effort, ...], str]:
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


def _lap_distances(oval: Oval, lane: int, path: Path) -> tuple[float, ...]:
    """Distances of the laps between passings of one place of the track, as the first lane counts them. A walk on while
    the watch pauses belongs to its lap."""
    length = lane_length_m(lane)
    s = oval.along(path.ne_m, measured_radius_m(lane))
    step = np.diff(s)
    total = np.concatenate([s[:1], s[0] + np.cumsum(step - length * np.round(step / length))])
    rising = np.maximum.accumulate(total)
    laps = np.arange(np.ceil(rising[0] / length), np.floor(rising[-1] / length) + 1)
    if len(laps) < 2:
        return ()
    at = np.searchsorted(rising, laps * length)
    share = (laps * length - rising[at - 1]) / np.maximum(rising[at] - rising[at - 1], 1e-9)
    met = total[at - 1] + share * (total[at] - total[at - 1])
    return tuple(float(x) for x in np.diff(met) * lane_length_m(1) / length)


def _distance_sigma(path: Path, metres: float, oval: Oval | None) -> float:
    """On a track the ends' uncertainty; elsewhere also what jitter adds to a path (a share of it)."""
    ends = float(np.sqrt(path.slow_m2[0, 0, 0] + path.slow_m2[-1, 0, 0]))
    share = 0.002 if oval is not None else 0.005
    return float(np.hypot(ends, share * metres))


def _splits(path: Path, way: F64, every_m: float) -> tuple[dict[str, Any], ...]:
    """Times of every `every_m`; pauses count in elapsed_s and not in time_s."""
    rising = np.concatenate([[True], np.diff(np.maximum.accumulate(way)) > 1e-6])
    step = np.diff(path.t_s)
    moving = np.concatenate([[0.0], np.cumsum(np.where(step > max(4.0, 4 * float(np.median(step))), 0.0, step))])
    marks = np.arange(0.0, way[-1], every_m)
    elapsed = np.interp(marks, np.maximum.accumulate(way)[rising], path.t_s[rising])
    active = np.interp(marks, np.maximum.accumulate(way)[rising], moving[rising])
    return tuple(
        {"to_m": float(m), "time_s": round(float(a), 2), "elapsed_s": round(float(e), 2)}
        for m, a, e in zip(marks[1:], np.diff(active), np.diff(elapsed), strict=True)
    )


def _channel(recording: Recording | Solution, solution: Solution, name: str) -> Series | None:
    """A channel of the recording, or of its positions."""
    if isinstance(recording, Recording) and isinstance(recording.streams.get(name), Series):
        found: Series = recording.streams[name]
        return found
    if name in solution.channels:
        value = solution.channels[name].value
        ok = np.isfinite(value)
        return Series(solution.t_ns[ok], value[ok], solution.channels[name].unit) if ok.any() else None
    return None


def _mean(series: Series | None, t0_ns: int, t1_ns: int) -> float:
    if series is None:
        return float("nan")
    inside = (series.t_ns >= t0_ns) & (series.t_ns <= t1_ns)
    return float(series.value[inside].mean()) if inside.any() else float("nan")


def _zones(heart: Series | None, greatest: float | None) -> tuple[float, ...]:
    """Seconds in each of five zones, by the greatest rate given or seen."""
    if heart is None or len(heart.t_ns) < 2:
        return ()
    beats = heart.value * (60.0 if heart.unit in ("Hz", "1/s") else 1.0)
    top = greatest or float(np.percentile(beats, 99.5))
    dt = np.minimum(np.diff(heart.t_ns) * 1e-9, 5.0)
    zone = np.digitize(beats[:-1] / top, ZONE_SHARES) - 1
    return tuple(float(dt[zone == k].sum()) for k in range(len(ZONE_SHARES)))


def pseudonym(name: str, salt: str) -> str:
    """A name that stands for a person on a board: the same under the same salt, and no way back without it."""
    words = (
        "Heron",
        "Otter",
        "Falcon",
        "Lynx",
        "Marten",
        "Plover",
        "Ibex",
        "Swift",
        "Badger",
        "Kite",
        "Stoat",
        "Tern",
        "Hare",
        "Wren",
        "Pike",
        "Roe",
    )
    digest = hashlib.sha256(f"{salt}\0{name}".encode()).digest()
    return f"{words[digest[0] % len(words)]} {int.from_bytes(digest[1:4], 'big') % 1_000_000:06d}"


def leaderboard(best_s: dict[str, tuple[float, float]], salt: str) -> list[dict[str, Any]]:
    """Ranks by best time, under pseudonyms; times within their joint 95 % are told to be a tie.

    best_s: name → (seconds, standard uncertainty).
    """
    rows: list[dict[str, Any]] = []
    for name, (time_s, sigma_s) in sorted(best_s.items(), key=lambda item: item[1][0]):
        tie = bool(rows) and time_s - rows[-1]["time_s"] < 1.96 * float(np.hypot(sigma_s, rows[-1]["time_sigma_s"]))
        rows.append(
            {
                "rank": len(rows) + 1,
                "name": pseudonym(name, salt),
                "time_s": time_s,
                "time_sigma_s": sigma_s,
                "tie_with_previous": tie,
            }
        )
    return rows


def without_private(solution: Solution, zones: Sequence[Zone], spread_m: float = 150.0, seed: int = 0) -> Solution:
    """The solution without what lies in private zones, and without the way to their edges: each zone is met with an
    offset and a margin of its own, so that the cuts do not tell its centre."""
    if not zones:
        return solution
    lat, lon, _ = geodetic_from_ecef(solution.p_e_m)
    keep = np.ones(len(solution), dtype=np.bool_)
    rng = np.random.default_rng(seed)
    for zone in zones:
        centre = zone.ring_rad.mean(axis=0)
        reach = float(np.hypot(*(zone.ring_rad - centre).T).max() * 6.371e6)
        angle, shift = rng.uniform(0, 2 * np.pi), rng.uniform(0.3, 0.9) * spread_m
        moved = centre + shift / 6.371e6 * np.array([np.cos(angle), np.sin(angle) / np.cos(centre[0])])
        cover = Zone.circle(
            zone.name, float(moved[0]), float(moved[1]), reach + shift + rng.uniform(0, spread_m), "private"
        )
        keep &= ~(zone.contains(lat, lon) | cover.contains(lat, lon))
    return solution.select(keep & solution.valid)
