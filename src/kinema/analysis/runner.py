"""Running: the track found and its lane, efforts and rests, splits, pace, heart-rate zones, and what stays private."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kinema.analysis.efforts import Effort, efforts_of, stretches, structured
from kinema.analysis.path import Path, path_of
from kinema.core.arrays import F64
from kinema.core.recording import Recording
from kinema.core.solution import Solution
from kinema.core.streams import Series
from kinema.course.oval import LANE_M, LANES, RADIUS_M, Oval, fitted_oval, lane_length_m, measured_radius_m
from kinema.errors import ConfigError, DataError

FASTEST_RUN_MPS = 9.0

ON_FOOT = ("running", "walking", "hiking", "generic", "training", "multisport", "transition")


LANE_PRIOR = 0.5
"""How far the first lane is likelier than all others, before anything is measured."""

ZONE_SHARES = (0.5, 0.6, 0.7, 0.8, 0.9)
"""Lower edges of five heart-rate zones as shares of the greatest rate."""


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
    pieces = stretches(path)
    moving = path.speed_mps > 2.0
    oval = fitted_oval(path.raw_ne_m[moving], path.plane) if moving.sum() > 60 else None
    lane = _lane(oval, path.raw_ne_m[moving]) if oval is not None else None
    way = _way(path, oval, lane)
    heart, cadence = (_channel(recording, solution, name) for name in ("heart_rate", "cadence"))
    efforts = efforts_of(path, way, pieces, heart, cadence)
    efforts, structure = structured(efforts)
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


def _zones(heart: Series | None, greatest: float | None) -> tuple[float, ...]:
    """Seconds in each of five zones, by the greatest rate given or seen."""
    if heart is None or len(heart.t_ns) < 2:
        return ()
    beats = heart.value * (60.0 if heart.unit in ("Hz", "1/s") else 1.0)
    top = greatest or float(np.percentile(beats, 99.5))
    dt = np.minimum(np.diff(heart.t_ns) * 1e-9, 5.0)
    zone = np.digitize(beats[:-1] / top, ZONE_SHARES) - 1
    return tuple(float(dt[zone == k].sum()) for k in range(len(ZONE_SHARES)))
