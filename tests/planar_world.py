"""Small simulated worlds for the planar core: a cart among anchors, a car under satellites. Simulated, seeded."""

from __future__ import annotations

import numpy as np

from kinema.core.frames import c_ne, ecef_from_geodetic
from kinema.core.recording import Recording
from kinema.core.solution import FixStatus, Solution
from kinema.core.streams import AnchorRanges, PreparedRanges, Series

ANCHORS = np.array([[-20.0, -15.0, 0.0], [30.0, -10.0, 0.0], [25.0, 30.0, 0.0], [-15.0, 25.0, 0.0]])


def way(
    seconds: float, dt: float, speed_mps: float, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Times, places (n, 2), headings, and turn rates of a smooth wandering drive with a stop in the middle."""
    rng = np.random.default_rng(seed)
    t = np.arange(0.0, seconds, dt)
    phase = rng.uniform(0, 2 * np.pi, 3)
    rate = 0.25 * np.sin(t / 7 + phase[0]) + 0.15 * np.sin(t / 17 + phase[1]) + 0.02
    speed = speed_mps * np.clip(np.abs(t - seconds / 2) / 3 - 1.5, 0.0, 1.0)
    rate = rate * speed / speed_mps
    psi = phase[2] + np.concatenate([[0.0], np.cumsum(0.5 * (rate[1:] + rate[:-1]) * dt)])
    v = speed[:, None] * np.stack([np.cos(psi), np.sin(psi)], axis=1)
    place = np.concatenate([[[0.0, 0.0]], np.cumsum(0.5 * (v[1:] + v[:-1]) * dt, axis=0)])
    return t, place, psi, rate


def cart(seed: int, *, seconds: float = 240.0, range_sigma_m: float = 0.3, wrong: float = 0.0) -> Recording:
    """Ranges that read 3 % long, to four anchors by turns, and odometry 2 % long with white noise; "truth" with it."""
    rng = np.random.default_rng(1000 + seed)
    t, place, psi, _ = way(seconds, 0.2, 1.0, seed)
    place = place - place.mean(axis=0) + (5.0, 5.0)
    step = np.hypot(*np.diff(place, axis=0, prepend=place[:1]).T)
    turn = np.diff(psi, prepend=psi[:1])
    odometry = np.column_stack([
        1.02 * step + 0.03 * np.sqrt(0.2) * step / 0.2 * rng.normal(size=len(t)),
        turn + 0.003 * np.sqrt(0.2) * rng.normal(size=len(t)),
    ])  # fmt: skip
    of = np.arange(len(t)) % len(ANCHORS)
    rho = np.hypot(*(place - ANCHORS[of, :2]).T)
    measured = 1.03 * rho + range_sigma_m * rng.normal(size=len(t))
    late = rng.random(len(t)) < wrong
    measured = measured + late * rng.exponential(8.0, len(t))
    t_ns = np.round(t * 1e9).astype(np.int64)
    from kinema.core.frames import WGS84_A_M

    truth = Solution(t_ns, np.column_stack([np.full(len(t), WGS84_A_M), place]))
    return Recording({
        "odometry": Series(t_ns, odometry, "m, rad", ("distance", "turn")),
        "ranges": AnchorRanges(t_ns, of.astype(np.int32), measured, ANCHORS), "truth": truth,
    }, simulated=True)  # fmt: skip


def car(seed: int, *, seconds: float = 120.0, reflected: float = 0.35) -> Recording:
    """Prepared ranges of 14 satellites of two systems in a town: biases of 3 m, blocks of reflections 5 to 80 m late
    and weak; wheels 2 % long and a yaw rate with a bias, 5 Hz; "truth" with it."""
    rng = np.random.default_rng(2000 + seed)
    t, place, _, rate = way(seconds, 0.2, 7.0, seed)
    speed = np.hypot(*np.gradient(place, t, axis=0).T)
    origin = ecef_from_geodetic(np.array([0.9]), np.array([0.2]), np.array([80.0]))[0]
    turn = c_ne(0.9, 0.2)
    p_e = origin + np.column_stack([place, np.zeros(len(t))]) @ turn
    n, k = len(t), 14
    azimuth, elevation = rng.uniform(0, 2 * np.pi, k), np.arcsin(rng.uniform(0.25, 1.0, k))
    unit = np.column_stack(
        [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), -np.sin(elevation)]
    )
    sat_p = origin + 2.2e7 * (unit @ turn)
    sat_p = sat_p[None] + (t[:, None] * 1500.0)[:, :, None] * (np.cross(unit, [0.3, 0.5, 0.8]) @ turn)[None]
    rho = np.linalg.norm(sat_p - p_e[:, None], axis=2)
    clock = -1000.0 - 8.0 * t + 0.1 * np.cumsum(rng.normal(size=n)) * np.sqrt(0.2)
    bias = rng.normal(size=k) * 3.0
    late, dark = _walls(rng, n, k, reflected)
    measured = rho + clock[:, None] + bias + np.where(np.arange(k) >= 8, -12.0, 0.0) + late
    measured = measured + rng.normal(size=(n, k)) * 0.7
    cn0 = np.where(dark, 33.0, 47.0) + rng.normal(size=(n, k)) * 2.0
    sat = np.where(np.arange(k) < 8, 1 + np.arange(k), 201 + np.arange(k)).astype(np.int16)
    t_ns = np.round(t * 1e9).astype(np.int64)
    m = n * k
    prepared = PreparedRanges(
        t_ns, np.arange(n + 1) * k, np.tile(sat, n), measured.ravel(), np.full(m, 5.0), sat_p.reshape(m, 3),
        np.tile(elevation, n), cn0.ravel(),
    )  # fmt: skip
    odometry = np.column_stack([1.02 * speed + 0.03 * rng.normal(size=n), rate + 0.003 + 0.002 * rng.normal(size=n)])
    truth = Solution(t_ns, p_e, status=np.full(n, FixStatus.FIXED, np.uint8))
    return Recording({
        "prepared": prepared, "odometry": Series(t_ns, odometry, "m/s, rad/s", ("vx", "wz")), "truth": truth,
    }, simulated=True)  # fmt: skip


def _walls(rng: np.random.Generator, n: int, k: int, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Lateness (n, k) and whether a satellite is behind a wall, in blocks of some seconds."""
    late, dark = np.zeros((n, k)), np.zeros((n, k), np.bool_)
    for s in range(k):
        at = 0
        while at < n:
            length = int(rng.exponential(40)) + 5
            if rng.random() < share:
                dark[at : at + length, s] = True
                late[at : at + length, s] = rng.uniform(5.0, 80.0)
            at += length
    return late + dark * rng.normal(size=(n, k)) * 3.0, dark


def horizontal(solution: Solution, truth: Solution) -> tuple[np.ndarray, np.ndarray]:
    """Errors (n, 2) across the plane in which the truth's places lie, and the normalised errors squared (n,)."""
    p = np.stack([np.interp(solution.t_ns, truth.t_ns, column) for column in truth.p_e_m.T], axis=1)
    up = truth.p_e_m.mean(axis=0) / np.linalg.norm(truth.p_e_m.mean(axis=0))
    a = np.cross(up, [0.0, 0.0, 1.0])
    a /= np.linalg.norm(a)
    flat = np.stack([a, np.cross(up, a)])
    error = (solution.p_e_m - p) @ flat.T
    cov = flat @ solution.cov_p_e_m2 @ flat.T
    return error, np.einsum("ni,nij,nj->n", error, np.linalg.inv(cov), error)
