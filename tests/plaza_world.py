"""Simulated sites of the uwb-plaza kind, written as its files are: a mower among radios, seen by nobody."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]


@dataclass(frozen=True)
class Site:
    """How a site is: path "laps", "rows" or "wander"; what its ranges and its odometry are like; shuffled: ranges in
    blocks of another order; single_at_rest: one anchor alone is heard until it drives."""

    path: str = "laps"
    seconds: float = 1200.0
    size_m: float = 60.0
    anchors: int = 4
    outside: bool = True
    sigma_m: float = 0.45
    stretch: float = 0.03
    bias_m: float = 0.3
    late_share: float = 0.03
    every_s: float = 0.6
    stand_s: float = 5.0
    gaps_s: tuple[float, ...] = ()
    scale: float = 0.01
    turn_noise: float = 0.003
    turn_bias: float = 2e-4
    way_noise: float = 0.05
    slips: int = 0
    dr_hz: float = 5.0
    shuffled: bool = False
    single_at_rest: bool = False


def _course(site: Site, rng: np.random.Generator) -> tuple[F64, F64]:
    """Yaw rate and speed at 20 Hz."""
    n = int(site.seconds * 20)
    dt = 0.05
    speed, rate = np.zeros(n), np.zeros(n)
    pace = rng.uniform(0.7, 1.3)
    half = 0.5 * site.size_m
    x, y, psi = rng.uniform(-0.3, 0.3) * site.size_m, rng.uniform(-0.3, 0.3) * site.size_m, rng.uniform(-np.pi, np.pi)
    goals: list[tuple[float, float]] = []
    if site.path == "laps":
        a, b = 0.8 * half, rng.uniform(0.4, 0.8) * half
        goals = [(a * np.cos(t), b * np.sin(t)) for _ in range(60) for t in np.arange(0, 2 * np.pi, np.pi / 8)]
    elif site.path == "rows":
        for _ in range(6):
            for k, row in enumerate(np.arange(-0.8 * half, 0.8 * half, 4.0)):
                ends = [(-0.8 * half, row), (0.8 * half, row)]
                goals += ends if k % 2 == 0 else ends[::-1]
    else:
        goals = [tuple(rng.uniform(-0.8 * half, 0.8 * half, 2)) for _ in range(400)]
    v, pause = 0.0, site.stand_s
    g = 0
    for k in range(n):
        t = k * dt
        if t > pause:
            d = np.array(goals[g]) - (x, y)
            if np.hypot(*d) < 1.5:
                g += 1
                if rng.random() < 0.02:
                    pause = t + rng.uniform(5, 40)
                d = np.array(goals[g]) - (x, y)
            off = (np.arctan2(d[1], d[0]) - psi + np.pi) % (2 * np.pi) - np.pi
            rate[k] = np.clip(1.0 * off, -0.5, 0.5)
            v += np.clip(pace * (0.4 if abs(off) > 0.7 else 1.0) - v, -0.05, 0.03)
        else:
            v = max(0.0, v - 0.05)
        speed[k] = v
        x, y, psi = x + v * dt * np.cos(psi), y + v * dt * np.sin(psi), psi + rate[k] * dt
        if k == 0:
            x0 = (x, y, psi - rate[0] * dt)
    return np.column_stack([speed, rate]), np.array(x0)


def make(site: Site, seed: int) -> dict[str, F64]:
    """DR, TD, TL, GT of a site."""
    rng = np.random.default_rng([seed, 0x91])
    motion, start = _course(site, rng)
    dt, n = 0.05, len(motion)
    psi = start[2] + np.concatenate([[0.0], np.cumsum(motion[:-1, 1] * dt)])
    mid = psi + 0.5 * motion[:, 1] * dt
    p = start[:2] + np.concatenate(
        [
            [[0.0, 0.0]],
            np.cumsum((motion[:-1, 0] * dt)[:, None] * np.column_stack([np.cos(mid), np.sin(mid)])[:-1], axis=0),
        ]
    )
    t0 = rng.uniform(100, 9000)
    t = t0 + np.arange(n) * dt
    half = 0.5 * site.size_m
    reach = 1.1 * half if site.outside else 0.6 * half
    angle = (
        rng.uniform(0, 2 * np.pi)
        + np.arange(site.anchors) * 2 * np.pi / site.anchors
        + rng.uniform(-0.4, 0.4, site.anchors)
    )
    place = reach * rng.uniform(0.6, 1.1, site.anchors)[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    ids = rng.permutation(20)[: site.anchors]
    each = max(1, round(20 / site.dr_hz))
    k = np.arange(0, n, each)
    k = k[rng.random(len(k)) > 0.001]
    way = np.concatenate([[0.0], np.cumsum(motion[:-1, 0] * dt)])
    d_way, d_psi, span = np.diff(way[k]), np.diff(psi[k]), np.diff(t[k])
    slip = np.ones(len(d_way))
    for _ in range(site.slips):
        first = rng.integers(0, len(d_way) - 20)
        slip[first : first + 10] = rng.uniform(0.3, 1.8)
    d_way = (
        d_way * (1 + site.scale) * slip * (1 + site.way_noise * rng.standard_normal(len(d_way)) * np.sqrt(0.2 / span))
    )
    d_way = d_way + 2e-4 * rng.random(len(d_way))
    d_psi = (
        d_psi * (1 + 0.005 * rng.standard_normal())
        + site.turn_bias * span
        + site.turn_noise * np.sqrt(span) * rng.standard_normal(len(d_psi)) * (motion[k[1:], 0] > 0.05)
    )
    dr = np.column_stack([t[k[1:]], d_way, d_psi])
    at = np.cumsum(rng.exponential(site.every_s, int(site.seconds / site.every_s * 1.5)))
    at = at[at < site.seconds - 1.0]
    for gap in site.gaps_s:
        begin = rng.uniform(0.25, 0.9) * site.seconds
        at = at[(at < begin) | (at > begin + gap)]
    who = rng.integers(0, site.anchors, len(at))
    if site.single_at_rest:
        who[at < site.stand_s] = 0
    q = np.column_stack([np.interp(at, t - t0, p[:, c]) for c in range(2)])
    true = np.linalg.norm(q - place[who], axis=1)
    bias = site.bias_m * rng.standard_normal(site.anchors)
    value = true * (1 + site.stretch) + bias[who] + site.sigma_m * rng.standard_normal(len(at))
    late = rng.random(len(at)) < site.late_share
    value = value + late * rng.exponential(5.0, len(at))
    td = np.column_stack([t0 + at, np.full(len(at), 3.0), ids[who], value])
    if site.shuffled:
        block = np.arange(len(td)) // 200
        td = td[np.lexsort((np.arange(len(td)), -(block % 2) + block))]
    gt = np.column_stack([t[k], p[k], psi[k]])
    tl = np.column_stack([ids, place])[rng.permutation(site.anchors)]
    return {"DR": dr, "TD": td, "TL": tl, "GT": gt}


SITES = {
    "like the first": Site("rows", 1500.0, stretch=0.07, sigma_m=0.5),
    "laps, few turns of the other sense": Site("laps", 1000.0),
    "wandering, quick ranges": Site("wander", 900.0, every_s=0.25, sigma_m=0.3),
    "gaps of two minutes": Site("rows", 1500.0, gaps_s=(120.0, 90.0, 150.0)),
    "four minutes at rest first": Site("wander", 1300.0, stand_s=240.0),
    "at rest one anchor is heard": Site("wander", 1000.0, stand_s=100.0, single_at_rest=True),
    "bad odometry": Site("wander", 1200.0, scale=-0.06, turn_noise=0.01, turn_bias=2e-3, way_noise=0.15, slips=6),
    "three anchors": Site("rows", 1200.0, anchors=3),
    "anchors inside, large lawn": Site("rows", 1500.0, size_m=120.0, outside=False),
    "coarse ranges, slow odometry": Site("wander", 1200.0, sigma_m=0.6, every_s=1.2, dr_hz=2.0),
    "ranges out of order": Site("laps", 1000.0, shuffled=True),
    "many wrong ranges, short": Site("wander", 500.0, late_share=0.12, stretch=-0.02),
    "small yard": Site("wander", 900.0, size_m=25.0, sigma_m=0.4, bias_m=0.15),
    "eight anchors": Site("wander", 900.0, anchors=8, bias_m=0.4),
}


def write(site: Site, seed: int, path: Path) -> Path:
    """A MATLAB 5 file."""
    from scipy.io import savemat

    savemat(path, make(site, seed))
    return path
