"""A made-up circuit with exact lap times, for the tests of laps: positions, noise, truth at any station."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from kinema.core.course import Gate, Plane
from kinema.core.frames import cov_e_from_n, ecef_from_geodetic
from kinema.core.solution import Provenance, Solution
from kinema.course.learn import gate_across

PLANE = Plane(np.radians(31.34), np.radians(121.22), 10.0)
T0_NS = 1_300_000_000_000_000_000


@dataclass(frozen=True)
class World:
    """Truth of an outing: station-to-time splines per whole drive, the line, the gate."""

    length_m: float
    line: CubicSpline
    way_of_time: CubicSpline
    duration_s: float
    gate: Gate
    crossing_s: np.ndarray

    def ne_at(self, t_s: np.ndarray) -> np.ndarray:
        return np.asarray(self.line(self.way_of_time(t_s) % self.length_m))

    def solution(
        self, rate_hz: float, sigma_m: float, seed: int, tau_s: float = 0.0, stated_m: float | None = None
    ) -> Solution:
        """Positions at a rate with white noise, or with noise of correlation time tau_s."""
        rng = np.random.default_rng(seed)
        t = np.arange(rng.uniform(0, 1 / rate_hz), self.duration_s, 1 / rate_hz)
        noise = rng.normal(size=(len(t), 2)) * sigma_m
        if tau_s:
            from scipy.signal import lfilter

            a = np.exp(-1 / (rate_hz * tau_s))
            noise = lfilter([np.sqrt(1 - a * a)], [1, -a], noise, axis=0, zi=noise[:1] * a)[0]
        lat, lon = PLANE.geodetic_from_ne(self.ne_at(t) + noise)
        p_e = ecef_from_geodetic(lat, lon, np.full(len(t), 10.0))
        s2 = (stated_m or sigma_m) ** 2
        cov = cov_e_from_n(np.broadcast_to(np.diag([s2, s2, 4 * s2]), (len(t), 3, 3)), p_e)
        return Solution(T0_NS + np.round(t * 1e9).astype(np.int64), p_e, cov, provenance=Provenance(simulated=True))


def world(laps: int = 12, seed: int = 0, top_mps: float = 60.0, size_m: float = 500.0) -> World:
    """A circuit of about 3.9 km (at 500 m) with corners, and a drive of laps whose speeds differ."""
    rng = np.random.default_rng(seed)
    angle = np.linspace(0, 2 * np.pi, 721)
    radius = size_m * (1 + 0.28 * np.cos(2 * angle + 0.4) + 0.16 * np.cos(3 * angle) + 0.1 * np.sin(5 * angle))
    xy = np.column_stack([radius * np.cos(angle), 1.3 * radius * np.sin(angle)])
    xy[-1] = xy[0]
    arc = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(xy, axis=0).T))])
    line = CubicSpline(arc, xy, bc_type="periodic")
    length = float(arc[-1])
    s = np.arange(0, length, 1.0)
    d1, d2 = line(s, 1), line(s, 2)
    curvature = np.abs(d1[:, 0] * d2[:, 1] - d1[:, 1] * d2[:, 0])
    v = np.minimum(np.sqrt(12.0 / np.maximum(curvature, 1e-6)), top_mps)
    v = np.minimum.reduce([np.roll(np.minimum(v, 1e9), k) for k in range(-60, 61, 10)])
    kernel = np.hanning(161) / np.hanning(161).sum()
    v = np.convolve(np.concatenate([v[-80:], v, v[:80]]), kernel, mode="valid")
    total = np.arange(0, (laps + 1) * length, 1.0)
    factor = 1 + 0.03 * np.interp(
        total, np.arange(0, total[-1] + 800, 700), rng.normal(size=len(np.arange(0, total[-1] + 800, 700)))
    )
    speed = np.interp(total % length, s, v, period=length) * factor
    time = np.concatenate([[0], np.cumsum(1 / (0.5 * (speed[1:] + speed[:-1])))])
    begin = 0.6 * length
    way = CubicSpline(time, total + begin)
    inverse = CubicSpline(total + begin, time)
    crossings = inverse(np.arange(1, laps + 2) * length)
    for _ in range(5):
        crossings -= (way(crossings) - np.arange(1, laps + 2) * length) / way(crossings, 1)
    tangent = line(0.0, 1)
    gate = gate_across(PLANE, line(0.0), tangent / np.hypot(*tangent), 20.0, "start")
    return World(length, line, way, float(time[-1]), gate, crossings)
