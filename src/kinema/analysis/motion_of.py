"""Speeds, headings and even samples of any trajectory: whole arrays, no loop."""

from __future__ import annotations

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.core.frames import c_ne, geodetic_from_ecef
from kinema.core.solution import Solution


def speeds_of(t_ns: I64, p_e_m: F64) -> F64:
    """Speed (n,) in m/s of positions (n, 3): over the step to each, the first as the second. NaN where time stands."""
    step = np.diff(p_e_m, axis=0)
    dt = np.diff(t_ns) * 1e-9
    v = np.sqrt(np.einsum("ij,ij->i", step, step)) / np.where(dt > 0, dt, np.nan)
    return np.concatenate([v[:1], v]) if len(v) else np.full(len(t_ns), np.nan)


def headings_of(p_e_m: F64) -> F64:
    """Heading (n,) of the step to each position (n, 3), radians from north, 0 to 2π; about the middle of the path, so
    for paths of up to some hundred kilometres."""
    if len(p_e_m) < 2:
        return np.full(len(p_e_m), np.nan)
    lat, lon, _ = geodetic_from_ecef(p_e_m[len(p_e_m) // 2])
    step = np.diff(p_e_m, axis=0) @ c_ne(lat, lon).T
    heading = np.arctan2(step[:, 1], step[:, 0]) % (2 * np.pi)
    return np.concatenate([heading[:1], heading])


def resampled(solution: Solution, rate_hz: float) -> tuple[I64, F64]:
    """Even times (m,) and positions (m, 3) by linear interpolation between the valid epochs of a solution."""
    use = solution.valid
    t_ns = solution.t_ns[use]
    step_ns = round(1e9 / rate_hz)
    t = np.arange(t_ns[0], t_ns[-1] + 1, step_ns, dtype=np.int64)
    index = np.clip(np.searchsorted(t_ns, t, side="right") - 1, 0, len(t_ns) - 2)
    p = solution.p_e_m[use]
    share = (t - t_ns[index]) / (t_ns[index + 1] - t_ns[index])
    return t, p[index] + share[:, None] * (p[index + 1] - p[index])
