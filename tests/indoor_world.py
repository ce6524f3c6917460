"""A robot or forklift among radio anchors in a hall: ranges, some of them around a corner, and a consumer IMU."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import make_interp_spline

from kinema.core.frames import WGS84_A_M, c_ne, geodetic_from_ecef
from kinema.core.recording import Mount, Recording
from kinema.core.streams import AnchorRanges
from kinema.simulate.circuits import circuit
from kinema.simulate.inertial import imu_of
from kinema.simulate.vehicle import Motion

F64 = NDArray[np.float64]
T0_NS = 10**18
TAG = (0.3, 0.1, -1.2)
TURN = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
"""Local x east, y north, z up at latitude 0, longitude 0 into ECEF."""


def motion_in_hall(
    seed: int, *, size_m: tuple[float, float] = (40.0, 25.0), seconds: float = 240.0, pace_mps: float = 1.3,
    origin_e_m: F64 | None = None, rest_s: float = 5.0, way: list[tuple[float, float]] | None = None,
) -> Motion:  # fmt: skip
    """Between goals drawn all over the hall, or along `way`, with stops; smooth to the second derivative."""
    rng = np.random.default_rng([seed, 0x1D])
    goals = way or [tuple(rng.uniform(0.1, 0.9, 2) * size_m) for _ in range(400)]
    dt, n = 0.05, int(seconds / 0.05)
    x, y = goals[0]
    psi = float(np.arctan2(goals[1][1] - y, goals[1][0] - x))
    v, w, g, pause, far = 0.0, 0.0, 1, rest_s, 0.0
    out = np.empty((n, 4))
    for k in range(n):
        out[k] = x, y, psi, far
        if k * dt > pause and g < len(goals):
            d = np.array(goals[g]) - (x, y)
            if np.hypot(*d) < 1.2:
                g += 1
                pause = k * dt + (rng.uniform(3, 10) if rng.random() < 0.15 else 0.0)
                continue
            off = (np.arctan2(d[1], d[0]) - psi + np.pi) % (2 * np.pi) - np.pi
            w += np.clip(np.clip(1.5 * off, -0.7, 0.7) - w, -0.05, 0.05)
            v += np.clip(pace_mps * (0.35 if abs(off) > 0.6 else 1.0) - v, -0.06, 0.04)
        else:
            w *= 0.9
            v = max(0.0, v - 0.05)
        x, y, psi, far = x + v * dt * np.cos(psi), y + v * dt * np.sin(psi), psi + w * dt, far + v * dt
    knots = out[::4]
    t = np.arange(len(knots)) * 4 * dt
    origin = np.array([WGS84_A_M, 0.0, 0.0]) if origin_e_m is None else origin_e_m
    c_en = c_ne(*geodetic_from_ecef(origin)[:2]).T
    ned = np.column_stack([knots[:, 1], knots[:, 0], np.zeros(len(knots))])
    angles = np.column_stack([np.zeros((len(knots), 2)), 0.5 * np.pi - knots[:, 2]])
    return Motion(
        T0_NS, float(t[-1]), origin, circuit("suzuka", 1), make_interp_spline(t, ned @ c_en.T, k=5),
        make_interp_spline(t, angles, k=5), make_interp_spline(t, knots[:, 3], k=5),
    )  # fmt: skip


def local(p_e_m: F64, origin_e_m: F64) -> F64:
    """x east, y north, z up about the origin."""
    n = (p_e_m - origin_e_m) @ c_ne(*geodetic_from_ecef(origin_e_m)[:2]).T
    return np.column_stack([n[:, 1], n[:, 0], -n[:, 2]])


def anchors_in(seed: int, count: int, size_m: tuple[float, float], *, high: bool) -> F64:
    """On the walls, at two heights where `high`."""
    rng = np.random.default_rng([seed, 0x1E])
    along = (np.arange(count) + rng.uniform(-0.3, 0.3, count)) / count * 2 * sum(size_m) % (2 * sum(size_m))
    a, b = size_m
    corner = np.array([0.0, a, a + b, 2 * a + b, 2 * (a + b)])
    place = np.column_stack(
        [np.interp(along, corner, [0.0, a, a, 0.0, 0.0]), np.interp(along, corner, [0.0, 0.0, b, b, 0.0])]
    )
    z = np.where(np.arange(count) % 2, 4.5, 0.6) if high else np.full(count, -TAG[2])
    return np.column_stack([place, z])


def ranges_of(
    motion: Motion, anchors: F64, seed: int, *, rate_hz: float = 4.0, sigma_m: float = 0.1, bias_m: float = 0.05,
    hidden: float = 0.15, away_s: tuple[float, float] = (0.0, 40.0),
) -> AnchorRanges:  # fmt: skip
    """Each anchor `rate_hz` times a second; for a share `hidden` of the time it is behind something, and late; all
    are away for away_s[0] seconds in each away_s[1]."""
    rng = np.random.default_rng([seed, 0x1F])
    count, period = len(anchors), 1 / rate_hz
    t = np.sort((np.arange(int(motion.duration_s * rate_hz * count)) + rng.uniform(-0.2, 0.2)) * period / count)
    who = np.arange(len(t)) % count
    keep = (t > 0.05) & (t < motion.duration_s - 0.05) & (rng.random(len(t)) > 0.1)
    t, who = t[keep], who[keep]
    t_ns = T0_NS + np.round(t * 1e9).astype(np.int64)
    p = local(motion.sample(t_ns, TAG).p_e_m, motion.origin_e_m)
    true = np.linalg.norm(p - anchors[who], axis=1)
    value = true + bias_m * rng.standard_normal(count)[who] + sigma_m * rng.standard_normal(len(t))
    for a in range(count):
        at = np.flatnonzero(who == a)
        behind, k = False, 0
        while k < len(at):
            last = k + max(1, round(rng.exponential(2.0 if behind else 2.0 * (1 - hidden) / hidden) * rate_hz))
            if behind:
                value[at[k:last]] += rng.exponential(1.5) + 0.3 * rng.random(len(at[k:last]))
            behind, k = not behind, last
    near = t % away_s[1] >= away_s[0]
    return AnchorRanges(t_ns[near], who[near].astype(np.int32), value[near], anchors, tuple(map(str, range(count))))


def hall(
    seed: int, *, count: int = 6, high: bool = False, grade: str = "consumer", told: bool = False,
    pace_mps: float = 1.3, **more: Any,
) -> Recording:  # fmt: skip
    """A recording of "imu", "ranges" and the tag's "truth"."""
    size = (40.0, 25.0)
    motion = motion_in_hall(seed, size_m=size, pace_mps=pace_mps)
    imu, _ = imu_of(motion, grade=grade, seed=seed, rpy_bs_rad=(0.0, 0.0, 0.0) if told else (0.05, -0.04, 0.6))
    ranges = ranges_of(motion, anchors_in(seed, count, size, high=high), seed, **more)
    flat = replace(ranges, anchor_p_m=ranges.anchor_p_m - (0.0, 0.0, 0.0 if high else -TAG[2]))
    truth = motion.truth(motion.times(10.0), TAG, "antenna")
    drop = np.zeros(3) if high else np.array([-TAG[2], 0.0, 0.0])
    truth = replace(truth, p_e_m=truth.p_e_m - drop, provenance=replace(truth.provenance, datum="local"))
    mounts = (
        {"imu": Mount((0.0, 0.0, 0.0), (0.0, 0.0, 0.0)), "ranges": Mount(TAG)} if told else {"imu": Mount(None, None)}
    )
    return Recording(
        {"imu": imu, "ranges": flat, "truth": truth}, mounts, simulated=True, name=f"simulated hall, seed {seed}"
    )
