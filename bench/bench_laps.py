"""Speed of what laps are made of, on one core, and of the racing lines against trajectory_planning_helpers.

    KINEMA_DATA=… python bench/bench_laps.py

Peers are measured where they are installed (`pip install trajectory-planning-helpers`, numba's threads set to 1).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from kinema.analysis.crossings import crossings_of
from kinema.analysis.motion_of import headings_of, resampled, speeds_of
from kinema.analysis.path import path_of
from kinema.core.course import Course, Plane
from kinema.core.frames import ecef_from_geodetic
from kinema.core.solution import Solution
from kinema.course.files import read_course
from kinema.course.raceline import Car, lap_of_line, race_line
from kinema.course.strip import Strip

POINTS = 1_000_000
DATA = Path(os.environ.get("KINEMA_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
MOVING_PANDAS_SPEED, MOVING_PANDAS_STOPS = 6_500, 2_900
"""Points per second of MovingPandas 0.23 on a like machine (add_speed, stop detection)."""


def timed(work: Callable[[], object], rounds: int = 3) -> float:
    """The least of some rounds, seconds."""
    work()
    best = np.inf
    for _ in range(rounds):
        begin = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - begin)
    return float(best)


def drive() -> Solution:
    """A million points at 25 Hz round a bean of 3.3 km."""
    t = np.arange(POINTS) / 25.0
    angle = t * 2 * np.pi / 80.0
    radius = 500 + 120 * np.cos(3 * angle)
    plane = Plane(np.radians(48.0), np.radians(11.0))
    noise = np.random.default_rng(0).normal(0, 0.02, (POINTS, 2))
    lat, lon = plane.geodetic_from_ne(np.column_stack([radius * np.cos(angle), radius * np.sin(angle)]) + noise)
    return Solution(np.round(t * 1e9).astype(np.int64), ecef_from_geodetic(lat, lon, np.zeros(POINTS)))


def bulk() -> None:
    """Speeds, headings, crossings, resampling, curvilinear coordinates over a million points."""
    solution = drive()
    path = path_of(solution)
    gate = np.array([[0.0, 300.0], [0.0, 900.0]]) + path.ne_m[0] * [0, 0]
    line = path.ne_m[:2000:5]
    wide = np.full(len(line), 6.0)
    strip = Strip.of(Course("bean", path.plane, line, wide, wide))
    works: list[tuple[str, Callable[[], object], int]] = [
        ("speeds", lambda: speeds_of(solution.t_ns, solution.p_e_m), MOVING_PANDAS_SPEED),
        ("headings", lambda: headings_of(solution.p_e_m), MOVING_PANDAS_SPEED),
        ("crossings of a line", lambda: crossings_of(path, gate), MOVING_PANDAS_STOPS),
        ("resampling to 10 Hz", lambda: resampled(solution, 10.0), 0),
        ("(s, d), any order", lambda: strip.to_sd(path.ne_m), 0),
        ("(s, d), in driving order", lambda: strip.follow(path.ne_m), 0),
        ("smoothing with its search", lambda: path_of(solution), 0),
    ]
    for name, work, peer in works:
        rate = POINTS / timed(work, 1 if "smooth" in name else 3)
        print(f"{name:28s} {rate / 1e6:8.2f} M points/s" + (f"   {rate / peer:9.0f} × MovingPandas" if peer else ""))


def lines() -> None:
    """Racing lines of three circuits, beside the published ones and, where installed, the peer's minimum curvature."""
    car = Car()
    for name in ("Shanghai", "Oschersleben", "Monza"):
        course = read_course(DATA / "courses" / "tum" / f"{name}.csv")
        published = np.loadtxt(DATA / "courses" / "tum-racelines" / f"{name}.csv", delimiter=",")[:, [1, 0]]
        row = [f"{name:13s} centre {race_line(course, car, 'curvature').centre_lap_s:7.2f} s"]
        row.append(f"published {lap_of_line(published, car):7.2f} s")
        for kind in ("curvature", "time"):
            seconds = timed(partial(race_line, course, car, kind), 1)
            lap_s = lap_of_line(race_line(course, car, kind).ne_m, car)  # type: ignore[arg-type]
            row.append(f"{kind} {lap_s:7.2f} s in {seconds:5.2f} s")
        peer = peer_curvature(course)
        if peer is not None:
            row.append(f"peer's curvature {lap_of_line(peer[0], car):7.2f} s in {peer[1]:5.1f} s")
        print("   ".join(row))


def peer_curvature(course: Course) -> tuple[np.ndarray, float] | None:
    """Minimum curvature by trajectory_planning_helpers: its line (north, east) and its seconds; None without it."""
    try:
        import trajectory_planning_helpers as tph
    except ImportError:
        return None
    track = np.column_stack([course.line_ne_m[:, ::-1], course.width_right_m, course.width_left_m])
    begin = time.perf_counter()
    closed = np.vstack([track[:, :2], track[:1, :2]])
    _, _, a, normal = tph.calc_splines.calc_splines(path=closed)
    offset = tph.opt_min_curv.opt_min_curv(reftrack=track, normvectors=normal, A=a, kappa_bound=0.4, w_veh=2.0)[0]
    seconds = time.perf_counter() - begin
    return (track[:, :2] + offset[:, None] * normal)[:, ::-1], seconds


if __name__ == "__main__":
    bulk()
    if (DATA / "courses" / "tum").is_dir():
        lines()
    else:
        print("set KINEMA_DATA to compare racing lines")
