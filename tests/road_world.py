"""Roads that meet themselves: a hilly circuit driven several times, and a car park of three decks with ramps."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from kinema.core.frames import c_ne, ecef_from_geodetic
from kinema.core.recording import Recording
from kinema.core.solution import Solution
from kinema.core.time import NS
from kinema.estimate.options import Method, SolveOptions
from kinema.estimate.strategy import solve
from kinema.simulate.circuits import Circuit
from kinema.simulate.fixes import inertial_recording
from kinema.simulate.vehicle import Limits, Motion, drive_around

F64 = NDArray[np.float64]
LAT, LON = np.radians(48.78), np.radians(9.17)
ORIGIN = ecef_from_geodetic(LAT, LON, np.array(300.0))
TO_NED = c_ne(LAT, LON)
ANTENNA = (0.6, 0.0, -1.4)
DECK_M = 2.8


def course(points: F64) -> Circuit:
    """A closed road through points (n, 3): east, north, up; corners rounded over some metres."""
    closed = np.vstack([points, points[:1]])
    way = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    fine = np.stack([np.interp(np.arange(0.0, way[-1], 0.25), way, c) for c in closed.T], axis=1)
    window = np.hanning(66)[1:-1] / np.hanning(66)[1:-1].sum()
    wide = np.vstack([fine[-200:], fine, fine[:200]])
    fine = np.stack([np.convolve(c, window, "same")[200:-200] for c in wide.T], axis=1)
    closed = np.vstack([fine, fine[:1]])
    way = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    n = int(way[-1])
    enu = np.stack([np.interp(np.arange(n) * way[-1] / n, way, c) for c in closed.T], axis=1)
    ned = np.stack([enu[:, 1], enu[:, 0], -enu[:, 2]], axis=1)
    none = np.zeros((n, 2))
    return Circuit("made", "made", "made", float(way[-1]), ORIGIN + ned @ TO_NED, np.zeros(n, np.bool_), none, none)


@cache
def hills() -> Motion:
    """Four rounds of 757 m, up and down by 14 m, in 285 s."""
    t = np.arange(0.0, 2 * np.pi, 0.05)
    line = np.stack([150 * np.cos(t), 80 * np.sin(t) + 25 * np.sin(2 * t), 5 * np.sin(t) + 2 * np.cos(3 * t)], axis=1)
    return drive_around(course(line), t0_ns=10**18, laps=4, limits=Limits(speed_mps=12.0), wait_s=10.0)


def _ramp(y0: float, y1: float, x: float, inset: float, h0: float, h1: float) -> list[tuple[float, float, float]]:
    share = np.linspace(0.0, 1.0, 6)
    climb = [(x + inset, y0 + (0.2 + 0.6 * k) * (y1 - y0), h0 + k * (h1 - h0)) for k in share.tolist()]
    before, after = (x + inset, y0 + 0.15 * (y1 - y0), h0), (x + inset, y0 + 0.85 * (y1 - y0), h1)
    return [(x, y0, h0), before, *climb, after, (x, y1, h1)]


@cache
def car_park() -> Motion:
    """From the street two decks down by ramps beside the lanes, round at the bottom, up again; inside 82 to 286 s."""
    w, north, south, h = 60.0, 36.0, -20.0, 0.0
    points = [(-200.0, 0.0, h), (-200.0, -80.0, h), (-60.0, -110.0, 1.5), (60.0, -110.0, 1.0), (110.0, -40.0, h)]
    points += [(100.0, 0.0, h), (w, 0.0, h)]
    for _ in range(2):
        points += [(w, north / 2, h), (w, north, h), (0.0, north, h)]
        points += _ramp(north, south, 0.0, 6.0, h, h - DECK_M)
        h -= DECK_M
        points += [(0.0, south, h), (w, south, h)]
    points += [(w, 0.0, h), (w, north, h), (0.0, north, h), (0.0, south, h), (w, south, h)]
    for _ in range(2):
        points += _ramp(south, north, w, -6.0, h, h + DECK_M)
        h += DECK_M
        points += [(w, north, h), (0.0, north, h), (0.0, north / 2, h), (0.0, south, h), (w, south, h)]
    points += [(w, south, h), (w, north, h), (0.0, north, h), (-40.0, north + 10.0, h), (-120.0, 40.0, h)]
    limits = Limits(speed_mps=9.0, lateral_mps2=2.0)
    line = course(np.array(points))
    return drive_around(line, t0_ns=10**18, laps=0.995, limits=limits, wait_s=10.0, stops=((300.0, 5.0),))


def world(motion: Motion, seed: int, grade: str = "consumer") -> Recording:
    """The drive's IMU, wheels and centimetre fixes."""
    return inertial_recording(motion, grade=grade, seed=seed, rpy_bs_rad=(0.3, -0.2, 1.0), wheels=True)[0]


def without(motion: Motion, spans: list[tuple[float, float]]) -> tuple[tuple[str, int, int], ...]:
    """Masks of fixes between seconds of the drive."""
    return tuple(("fixes", motion.t0_ns + round(a * NS), motion.t0_ns + round(b * NS)) for a, b in spans)


def drive(
    motion: Motion, recording: Recording, spans: list[tuple[float, float]], method: Method, *, road_height: bool
) -> Solution:
    """The drive solved without the fixes of some spans."""
    params = {"inertial": {"road_height": road_height}}
    return solve(recording, SolveOptions(method=method, masks=without(motion, spans), params=params))


def heights(motion: Motion, solution: Solution, spans: list[tuple[float, float]]) -> tuple[F64, F64, F64]:
    """Errors of the height, their stated sigmas and the horizontal errors, inside the spans."""
    since = (solution.t_ns - motion.t0_ns) * 1e-9
    inside = np.any([(since >= a) & (since < b) for a, b in spans], axis=0)
    ned = (solution.p_e_m - motion.sample(solution.t_ns, ANTENNA).p_e_m)[inside] @ TO_NED.T
    down = TO_NED[2]
    var = np.einsum("i,nij,j->n", down, solution.cov_p_e_m2[inside], down)
    return -ned[:, 2], np.sqrt(var), np.asarray(np.hypot(ned[:, 0], ned[:, 1]))
