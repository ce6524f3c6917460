"""Truth brought to the times and the point of a solution: interpolation that never crosses a gap, and lever arms."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kinema.core.arrays import F64, I64, Bool
from kinema.core.frames import c_ne, geodetic_from_ecef
from kinema.core.solution import Solution
from kinema.core.time import WEEK_NS, iso_gps
from kinema.errors import ConfigError, DataError

GAP_FACTOR = 1.5
"""Truth is not interpolated over more than this many of its own median intervals, unless told otherwise."""
_NEAR_NS = 2_000_000
_MOVING_MPS = 0.5


@dataclass(frozen=True)
class TruthAt:
    """Truth at n times: p_e_m (n, 3), v_e_mps (n, 3) and cov_e_m2 (n, 3, 3), NaN where it does not reach."""

    p_e_m: F64
    v_e_mps: F64
    cov_e_m2: F64

    @property
    def covered(self) -> Bool:
        """Times at which there is truth (n,)."""
        return np.asarray(np.isfinite(self.p_e_m).all(axis=1))


def same_week(t_ns: I64, reference_ns: int) -> tuple[I64, str]:
    """Times of week 0 (seconds of week only) moved into the week of `reference_ns`, and a note of it (or "")."""
    if not len(t_ns) or t_ns[-1] >= WEEK_NS or reference_ns < WEEK_NS:
        return t_ns, ""
    week = reference_ns // WEEK_NS
    return t_ns + week * WEEK_NS, f"the truth has seconds of week only: taken as GPS week {week}, that of the solution"


def is_point(truth: Solution) -> bool:
    """Whether the truth is one fixed point, true at all times."""
    return len(truth) == 1


def median_interval_s(t_ns: I64) -> float:
    """Median step of times in seconds; NaN for fewer than two."""
    return float(np.median(np.diff(t_ns))) * 1e-9 if len(t_ns) > 1 else float("nan")


def truth_at(truth: Solution, t_ns: I64, max_gap_s: float | None = None) -> TruthAt:
    """Truth at the times t_ns (n,).

    Cubic Hermite interpolation between neighbours no more than `max_gap_s` apart (default: 1.5 times the median
    interval), with the truth's velocity where it has one and central differences where not; a time within 2 ms of
    a sample beside a gap takes that sample, carried by its velocity. One single truth epoch is true at all times.
    Raises DataError where the truth has no position at all.
    """
    n = len(t_ns)
    keep = truth.valid
    if not keep.any():
        raise DataError("truth", "at least one position", "none")
    t, p = truth.t_ns[keep], truth.p_e_m[keep]
    cov = truth.cov_p_e_m2[keep]
    if is_point(truth):
        return TruthAt(np.tile(p[0], (n, 1)), np.zeros((n, 3)), np.tile(cov[0], (n, 1, 1)))
    gap_s = GAP_FACTOR * median_interval_s(t) if max_gap_s is None else max_gap_s
    v = _velocities(t, p, truth.v_e_mps[keep], gap_s)
    right = np.clip(np.searchsorted(t, t_ns, side="right"), 1, max(len(t) - 1, 1))
    left = right - 1
    right = np.minimum(right, len(t) - 1)
    step_s = (t[right] - t[left]) * 1e-9
    inside = (t_ns >= t[left]) & (t_ns <= t[right]) & (step_s <= gap_s + 1e-9) & (step_s > 0)
    p_out, v_out = _hermite(p[left], v[left], p[right], v[right], step_s, (t_ns - t[left]) * 1e-9)
    nearest = np.where(np.abs(t_ns - t[left]) <= np.abs(t[right] - t_ns), left, right)
    away_ns = t_ns - t[nearest]
    near = ~inside & (np.abs(away_ns) <= _NEAR_NS)
    p_out[near] = p[nearest[near]] + np.nan_to_num(v[nearest[near]]) * (away_ns[near, None] * 1e-9)
    v_out[near] = v[nearest[near]]
    missing = ~(inside | near)
    p_out[missing] = np.nan
    v_out[missing] = np.nan
    return TruthAt(p_out, v_out, np.where(missing[:, None, None], np.nan, cov[nearest]))


def _velocities(t_ns: I64, p_e_m: F64, given_e_mps: F64, gap_s: float) -> F64:
    """Velocity at each sample: as given, else central (one-sided beside a gap) differences, else NaN."""
    n = len(t_ns)
    slope = np.full((n + 1, 3), np.nan)
    step = np.diff(t_ns) * 1e-9
    good = step <= gap_s + 1e-9
    slope[1:-1][good] = np.diff(p_e_m, axis=0)[good] / step[good, None]
    before, after = slope[:-1], slope[1:]
    width = np.concatenate([[1.0], step, [1.0]])
    w_before, w_after = width[1:, None], width[:-1, None]
    central = (w_before * before + w_after * after) / (w_before + w_after)
    own = np.where(np.isfinite(central), central, np.where(np.isfinite(before), before, after))
    return np.where(np.isfinite(given_e_mps), given_e_mps, own)


def _hermite(p0: F64, v0: F64, p1: F64, v1: F64, h_s: Any, x_s: Any) -> tuple[F64, F64]:
    h = np.where(h_s > 0, h_s, 1.0)[:, None]
    u = x_s[:, None] / h
    m0, m1, d = v0 * h, v1 * h, p1 - p0
    a, b = m0 + m1 - 2 * d, 3 * d - 2 * m0 - m1
    return p0 + u * (m0 + u * (b + u * a)), (m0 + u * (2 * b + u * 3 * a)) / h


def moved_by_lever(truth: Solution, lever_arm_b_m: tuple[float, float, float]) -> tuple[Solution, str]:
    """The truth of a point `lever_arm_b_m` (forward, right, down) away from the truth's own, and how it was done.

    Turned by the truth's attitude, or, where it has none, by its direction of motion kept level (and held below
    0.5 m/s). Raises ConfigError where it has neither.
    """
    lat, lon, _ = geodetic_from_ecef(truth.p_e_m)
    c_en = np.swapaxes(c_ne(lat, lon), -1, -2)
    if np.isfinite(truth.q_nb_wxyz).any():
        lever_n = np.einsum("nij,j->ni", _matrix(truth.q_nb_wxyz), np.asarray(lever_arm_b_m))
        how = "turned by the truth's attitude"
    else:
        speeds = np.linalg.norm(truth.v_e_mps, axis=1)
        if len(truth) > 1 and not np.isfinite(speeds).any():
            v = _velocities(truth.t_ns, truth.p_e_m, truth.v_e_mps, GAP_FACTOR * median_interval_s(truth.t_ns))
        else:
            v = truth.v_e_mps
        yaw = _held_heading(np.einsum("nji,nj->ni", c_en, v))
        if not np.isfinite(yaw).any():
            raise ConfigError("the lever arm needs a truth with attitude or motion; this truth has neither")
        f, r, d = lever_arm_b_m
        lever_n = np.stack(
            [f * np.cos(yaw) - r * np.sin(yaw), f * np.sin(yaw) + r * np.cos(yaw), np.full(len(yaw), d)], axis=1
        )
        how = "turned by the truth's direction of motion, level: it has no attitude"
    return replace(truth, p_e_m=truth.p_e_m + np.einsum("nij,nj->ni", c_en, lever_n)), how


def _held_heading(v_n: F64) -> F64:
    """Heading of velocities (n, 3), the last known one held where slower than walking."""
    moving = np.hypot(v_n[:, 0], v_n[:, 1]) > _MOVING_MPS
    if not moving.any():
        return np.full(len(v_n), np.nan)
    index = np.maximum.accumulate(np.where(moving, np.arange(len(v_n)), -1))
    index[index < 0] = int(np.argmax(moving))
    return np.asarray(np.arctan2(v_n[index, 1], v_n[index, 0]))


def _matrix(q_wxyz: F64) -> F64:
    """Rotation matrices (n, 3, 3) of unit quaternions (n, 4)."""
    w, x, y, z = q_wxyz.T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def point_truth(p_e_m: F64, sigma_m: float = 0.0) -> Solution:
    """A truth that is one fixed ECEF point (3,), known to `sigma_m` in each axis."""
    cov = np.eye(3)[None] * sigma_m**2
    return Solution(t_ns=np.zeros(1, dtype=np.int64), p_e_m=np.asarray(p_e_m, float)[None], cov_p_e_m2=cov)


def window(t_ns: I64, from_ns: int | None, to_ns: int | None) -> Bool:
    """True for times in [from_ns, to_ns]."""
    keep = np.ones(len(t_ns), dtype=np.bool_)
    if from_ns is not None:
        keep &= t_ns >= from_ns
    if to_ns is not None:
        keep &= t_ns <= to_ns
    if len(t_ns) and not keep.any():
        raise ConfigError(
            f"no epoch between the given times; the solution spans {iso_gps(t_ns[0])} to {iso_gps(t_ns[-1])} GPS"
        )
    return keep
