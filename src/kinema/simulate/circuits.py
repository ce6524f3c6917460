"""Courses to drive on: known circuits shipped as data, and a made-up street grid; with tunnels and walls."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from kinema.core.arrays import F64, Bool, gate
from kinema.core.frames import c_ne, ecef_from_geodetic
from kinema.errors import ConfigError

COURSES = ("monaco", "suzuka", "shanghai", "grid", "open")
_SMOOTH_M = 0.7


@dataclass(frozen=True)
class Circuit:
    """A closed line, sampled every metre, and what stands beside it.

    p_e_m (n, 3) ECEF of the road, driving order, first point not repeated; tunnel (n,) whether covered;
    wall_distance_m, wall_height_m (n, 2): left and right wall, height above the antenna, 0 where open.
    """

    name: str
    title: str
    attribution: str
    length_m: float
    p_e_m: F64
    tunnel: Bool
    wall_distance_m: F64
    wall_height_m: F64

    def __post_init__(self) -> None:
        n = len(self.p_e_m)
        for name, dtype, shape in (
            ("p_e_m", np.float64, (n, 3)), ("tunnel", np.bool_, (n,)),
            ("wall_distance_m", np.float64, (n, 2)), ("wall_height_m", np.float64, (n, 2)),
        ):  # fmt: skip
            object.__setattr__(self, name, gate(f"Circuit.{name}", getattr(self, name), dtype, shape))


@cache
def circuit(name: str, seed: int = 0) -> Circuit:
    """A course by name; `seed` builds its houses (and the streets of "grid"). Raises ConfigError."""
    rng = np.random.default_rng([seed, 0xC0])
    if name == "grid":
        return _street_grid(rng)
    if name == "open":
        return _open_field()
    if name not in COURSES:
        raise ConfigError(f"no course '{name}'; there are {', '.join(COURSES)}")
    sketch = json.loads((files("kinema.simulate") / "data" / f"{name}.json").read_text(encoding="utf-8"))
    lat, lon = np.radians(np.array(sketch["lat_lon_deg"])).T
    height = np.array(sketch["heights_m"], dtype=float)
    line, length = _smooth_line(lat, lon, height[:, 0], height[:, 1])
    s = np.arange(len(line)) * length / len(line)
    # The sketch counts metres along the vertices; smoothing shortens the way by a per cent or two.
    s = s * (height[-1, 0] / length)
    tunnel = np.zeros(len(s), dtype=np.bool_)
    for start, stop in sketch["tunnels_m"]:
        tunnel |= (s >= start) & (s < stop)
    walls = np.zeros((len(s), 2, 2))
    for part in sketch["walls"]:
        there = (s >= part["from_m"]) & (s < part["to_m"])
        walls[there] = [part["left"], part["right"]]
    distance, tall = _houses(rng, walls)
    return Circuit(name, sketch["title"], sketch["attribution"], length, line, tunnel, distance, tall)


def _smooth_line(lat: F64, lon: F64, s_height_m: F64, height_m: F64) -> tuple[F64, float]:
    """A smooth closed line through vertices, ECEF every metre or so, and its length."""
    from scipy.interpolate import PchipInterpolator, splev, splprep

    origin = np.array([lat.mean(), lon.mean()])
    scale = np.array([6.3674e6, 6.3874e6 * np.cos(origin[0])])
    ne = (np.stack([lat, lon], axis=1) - origin) * scale
    ne = _densify(ne, 12.0)
    closed = np.vstack([ne, ne[:1]])
    spline, _ = splprep(closed.T, s=len(closed) * _SMOOTH_M**2, per=True)
    fine = np.stack(splev(np.linspace(0, 1, 20_001), spline), axis=1)
    way = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(fine, axis=0), axis=1))])
    n = round(way[-1])
    at = np.arange(n) * way[-1] / n
    line = np.stack([np.interp(at, way, fine[:, k]) for k in range(2)], axis=1) / scale + origin
    lap = s_height_m[-1]
    profile = PchipInterpolator(
        np.concatenate([s_height_m[:-1] - lap, s_height_m, s_height_m[1:] + lap]),
        np.concatenate([height_m[:-1], height_m, height_m[1:]]),
    )
    up = profile(at / way[-1] * lap)
    p_e = ecef_from_geodetic(line[:, 0], line[:, 1], up)
    steps = np.linalg.norm(p_e - np.roll(p_e, -1, axis=0), axis=1)
    return p_e, float(steps.sum())


def _densify(points: F64, step_m: float) -> F64:
    """Vertices of a closed line, more of them in long sides: so a smoothing spline keeps straights straight."""
    parts = []
    for a, b in zip(points, np.roll(points, -1, axis=0), strict=True):
        k = max(int(np.ceil(np.linalg.norm(b - a) / step_m)), 1)
        parts.append(a + (b - a) * (np.arange(k) / k)[:, None])
    return np.concatenate(parts)


def _houses(rng: np.random.Generator, walls: F64) -> tuple[F64, F64]:
    """Distance and height (n, 2) of house fronts: the sketch's walls, cut into houses with gaps between them."""
    n = len(walls)
    distance, tall = walls[:, :, 0].copy(), walls[:, :, 1].copy()
    for side in range(2):
        at = 0
        while at < n:
            front = int(rng.integers(14, 45))
            gap = int(rng.integers(3, 12)) if rng.random() < 0.35 else 0
            tall[at : at + front, side] *= rng.uniform(0.65, 1.3)
            distance[at : at + front, side] *= rng.uniform(0.9, 1.15)
            tall[at + front : at + front + gap, side] = 0.0
            at += front + gap
    return np.where(tall > 0, distance, 0.0), tall


def _street_grid(rng: np.random.Generator) -> Circuit:
    """A closed way through right-angled streets of a made-up town, houses on both sides."""
    block_n, block_e = 110.0, 90.0
    turns = [(0, 0), (3, 0), (3, 2), (1, 2), (1, 4), (4, 4), (4, 7), (2, 7), (2, 5), (0, 5)]
    corners = np.array(turns, dtype=float) * [block_n, block_e]
    lat0, lon0 = np.radians(50.11), np.radians(8.68)
    ne = _rounded(corners, 9.0)
    lat = lat0 + ne[:, 0] / 6.3674e6
    lon = lon0 + ne[:, 1] / (6.3874e6 * np.cos(lat0))
    line, length = _smooth_line(lat, lon, np.array([0.0, 1000.0, 2000.0]), np.array([150.0, 156.0, 150.0]))
    walls = np.zeros((len(line), 2, 2))
    walls[:, :, 0] = rng.uniform(9, 13)
    walls[:, :, 1] = rng.uniform(16, 24)
    distance, tall = _houses(rng, walls)
    return Circuit("grid", "Street grid", "made up", length, line, np.zeros(len(line), dtype=np.bool_), distance, tall)


def _rounded(corners: F64, radius_m: float) -> F64:
    """A closed polygon with its corners cut by quarter circles."""
    parts = []
    for before, here, after in zip(np.roll(corners, 1, axis=0), corners, np.roll(corners, -1, axis=0), strict=True):
        u, w = here - before, after - here
        u, w = u / np.linalg.norm(u), w / np.linalg.norm(w)
        angle = np.linspace(0, np.pi / 2, 7)[:, None]
        parts.append(here - radius_m * u * (1 - np.sin(angle)) + radius_m * w * (1 - np.cos(angle)))
    return np.concatenate(parts)


def _open_field() -> Circuit:
    """A rounded square of about 1.2 km on an open plain."""
    corners = np.array([[0, 0], [320, 0], [320, 320], [0, 320]], dtype=float)
    ne = _rounded(corners, 60.0)
    lat = np.radians(48.2) + ne[:, 0] / 6.3674e6
    lon = np.radians(11.3) + ne[:, 1] / (6.3874e6 * np.cos(np.radians(48.2)))
    line, length = _smooth_line(lat, lon, np.array([0.0, 600.0, 1200.0]), np.array([560.0, 563.0, 560.0]))
    none = np.zeros((len(line), 2))
    return Circuit("open", "Open plain", "made up", length, line, np.zeros(len(line), dtype=np.bool_), none, none)


def heading_rad(p_e_m: F64) -> F64:
    """Heading (n,) of a closed line at each of its points, clockwise from north, unwrapped along the line."""
    from kinema.core.frames import geodetic_from_ecef

    step = np.roll(p_e_m, -1, axis=0) - np.roll(p_e_m, 1, axis=0)
    lat, lon, _ = geodetic_from_ecef(p_e_m)
    step_n = np.einsum("nij,nj->ni", c_ne(lat, lon), step)
    return np.asarray(np.unwrap(np.arctan2(step_n[:, 1], step_n[:, 0])))
