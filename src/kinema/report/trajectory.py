"""Columns of a Solution: time, the local plane, speed, height, attitude, uncertainty, status."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kinema.core.arrays import F64
from kinema.core.frames import c_ne, cov_n_from_e, geodetic_from_ecef, ned_from_ecef, vectors_n_from_e
from kinema.core.solution import FixStatus, Solution
from kinema.core.time import seconds_since
from kinema.errors import DataError
from kinema.report.columns import MANY

GAP_INTERVALS = 2.5
GAP_LEAST_S = 1.0
"""A pause of more than this many median intervals is a gap, if it is longer than this: fast loggers drop samples."""

# Radius that holds 95 % of a bivariate normal distribution, in units of its larger standard deviation, by the ratio
# of the smaller to the larger one: the root of the integral over the plane (test_report_columns computes it).
RATIOS = np.linspace(0.0, 1.0, 11)
RADIUS_95 = np.array([1.9600, 1.9625, 1.9704, 1.9842, 2.0051, 2.0359, 2.0813, 2.1460, 2.2303, 2.3318, 2.4477])


@dataclass(frozen=True)
class Motion:
    """What a page shows of a trajectory, in SI; each is NaN where it is not known. Heights are ellipsoidal."""

    solution: Solution
    origin_e_m: F64
    t0_ns: int

    @cached_property
    def t_s(self) -> F64:
        """Seconds since the origin of the page's time axis (n,)."""
        return seconds_since(self.solution.t_ns, self.t0_ns)

    @cached_property
    def p_n_m(self) -> F64:
        """North, east, down about the origin (n, 3)."""
        return ned_from_ecef(self.solution.p_e_m, self.origin_e_m)

    @property
    def local(self) -> bool:
        """Whether the plane has no place on Earth."""
        return self.solution.provenance.datum == "local"

    @cached_property
    def height_m(self) -> F64:
        """Ellipsoidal height; on a local plane, up (n,)."""
        return np.asarray(-self.p_n_m[:, 2] if self.local else geodetic_from_ecef(self.solution.p_e_m)[2])

    @cached_property
    def v_n_mps(self) -> F64:
        """Velocity north, east, down (n, 3)."""
        return vectors_n_from_e(self.solution.v_e_mps, self.solution.p_e_m)

    @property
    def has_velocity(self) -> bool:
        """Whether the solution states velocities."""
        return bool(np.isfinite(self.solution.v_e_mps).any())

    @cached_property
    def speed_mps(self) -> F64:
        """Horizontal speed, as stated or from the positions (n,)."""
        if self.has_velocity:
            return np.asarray(np.hypot(self.v_n_mps[:, 0], self.v_n_mps[:, 1]))
        if len(self.t_s) < 2:
            return np.full(len(self.t_s), np.nan)
        rates = np.gradient(self.p_n_m[:, :2], self.t_s, axis=0)
        return np.asarray(np.hypot(rates[:, 0], rates[:, 1]))

    @cached_property
    def cov_n_m2(self) -> F64:
        """Covariance of position in north, east, down (n, 3, 3)."""
        return cov_n_from_e(self.solution.cov_p_e_m2, self.solution.p_e_m)

    @property
    def has_uncertainty(self) -> bool:
        """Whether the solution states its uncertainty."""
        return bool(np.isfinite(self.solution.cov_p_e_m2).any())

    @cached_property
    def sigma_n_m(self) -> F64:
        """Standard deviations north, east, down (n, 3)."""
        return np.asarray(np.sqrt(np.maximum(np.einsum("nii->ni", self.cov_n_m2), 0.0)))

    @cached_property
    def correlation_en(self) -> F64:
        """Correlation of east and north (n,)."""
        product = self.sigma_n_m[:, 0] * self.sigma_n_m[:, 1]
        missing = np.full(len(product), np.nan)
        return np.asarray(np.divide(self.cov_n_m2[:, 0, 1], product, out=missing, where=product > 0))

    @cached_property
    def radius_95_m(self) -> F64:
        """Radius of the circle that holds 95 % of the stated horizontal uncertainty (n,)."""
        return radius_95(self.cov_n_m2[:, :2, :2])

    @cached_property
    def attitude_rad(self) -> F64:
        """Roll, pitch and heading (n, 3), heading from 0 to 2π."""
        w, x, y, z = self.solution.q_nb_wxyz.T
        roll = np.arctan2(2 * (w * x + y * z), 1 - 2 * (x * x + y * y))
        pitch = np.arcsin(np.clip(2 * (w * y - z * x), -1, 1))
        heading = np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z)) % (2 * np.pi)
        return np.stack([roll, pitch, heading], axis=1)

    @cached_property
    def attitude_sigma_rad(self) -> F64:
        """Standard deviations of roll, pitch and heading (n, 3): turns about forward, right and down of a body that is
        nearly level."""
        cov, heading = self.solution.cov_att_n_rad2, self.attitude_rad[:, 2]
        c, s = np.cos(heading), np.sin(heading)
        roll = c * c * cov[:, 0, 0] + 2 * c * s * cov[:, 0, 1] + s * s * cov[:, 1, 1]
        pitch = s * s * cov[:, 0, 0] - 2 * c * s * cov[:, 0, 1] + c * c * cov[:, 1, 1]
        return np.asarray(np.sqrt(np.maximum(np.stack([roll, pitch, cov[:, 2, 2]], axis=1), 0.0)))

    @cached_property
    def interval_s(self) -> float:
        """Median time from one epoch to the next; NaN for a single epoch."""
        return float(np.median(np.diff(self.t_s))) if len(self.t_s) > 1 else float("nan")

    @property
    def gap_s(self) -> float:
        """The pause from which on samples are not joined; 0 where that is not known."""
        return max(GAP_INTERVALS * self.interval_s, GAP_LEAST_S) if self.interval_s > 0 else 0.0

    @cached_property
    def distance_m(self) -> float:
        """Metres travelled: speed over time, the straight line where there is no speed (as assets/store.js does)."""
        have = np.flatnonzero(self.solution.valid)
        t, speed, place = self.t_s[have], self.speed_mps[have], self.p_n_m[have, :2]
        pause = np.diff(t)
        mean = 0.5 * (speed[1:] + speed[:-1]) * pause
        joined = np.isfinite(mean) & (np.diff(have) == 1) & (pause <= (self.gap_s or np.inf))
        return float(np.where(joined, mean, np.hypot(*np.diff(place, axis=0).T)).sum())

    @cached_property
    def outages(self) -> list[tuple[float, float]]:
        """Stretches of more than `gap_s` without a position (s, s), whether their epochs are there or not."""
        have = np.flatnonzero(self.solution.valid)
        if len(have) < 2:
            return []
        t = self.t_s[have]
        limit = self.gap_s or np.inf
        wide = np.flatnonzero(np.diff(t) > limit)
        spans = [(float(t[k]), float(t[k + 1])) for k in wide]
        if have[0] > 0:
            spans.insert(0, (float(self.t_s[0]), float(t[0])))
        if have[-1] < len(self.t_s) - 1:
            spans.append((float(t[-1]), float(self.t_s[-1])))
        return spans

    @cached_property
    def bridged(self) -> list[tuple[float, float]]:
        """Stretches that were dead-reckoned (s, s)."""
        mark = np.r_[False, self.solution.status == FixStatus.DEAD_RECKONED, False].astype(np.int8)
        starts, stops = np.flatnonzero(np.diff(mark) == 1), np.flatnonzero(np.diff(mark) == -1)
        return [(float(self.t_s[a]), float(self.t_s[b - 1])) for a, b in zip(starts, stops, strict=True)]

    @property
    def length_quantum_m(self) -> float:
        """Resolution of positions on the page: finer than anyone sees, coarser for very long recordings."""
        return 0.001 if len(self.t_s) <= MANY else 0.005


def motion_of(solution: Solution, t0_ns: int | None = None, origin_e_m: F64 | None = None) -> Motion:
    """The Motion of a solution about an origin of time and place (its own first ones, unless given).

    Raises DataError where it has no position at all.
    """
    valid = np.flatnonzero(solution.valid)
    if not len(valid):
        raise DataError("solution", "at least one position", f"{len(solution)} epochs without any")
    if origin_e_m is None:
        local = solution.provenance.datum == "local"
        origin_e_m = np.array([6_378_137.0, 0.0, 0.0]) if local else solution.p_e_m[valid[0]]
    return Motion(solution, origin_e_m, int(solution.t_ns[0]) if t0_ns is None else t0_ns)


def radius_95(cov_m2: F64) -> F64:
    """Radius that holds 95 % of bivariate normal errors with covariances (n, 2, 2)."""
    middle = (cov_m2[:, 0, 0] + cov_m2[:, 1, 1]) / 2
    off = np.hypot((cov_m2[:, 0, 0] - cov_m2[:, 1, 1]) / 2, cov_m2[:, 0, 1])
    long, short = np.sqrt(np.maximum(middle + off, 0.0)), np.sqrt(np.maximum(middle - off, 0.0))
    ratio = np.divide(short, long, out=np.ones_like(long), where=long > 0)
    return np.asarray(long * np.interp(ratio, RATIOS, RADIUS_95))


def velocity_sigma_mps(solution: Solution) -> F64:
    """Standard deviation of horizontal speed along the direction of motion (n,)."""
    lat, lon, _ = geodetic_from_ecef(solution.p_e_m)
    c = c_ne(lat, lon)
    v = np.einsum("nij,nj->ni", c, solution.v_e_mps)[:, :2]
    cov = (c @ solution.cov_v_e @ np.swapaxes(c, -1, -2))[:, :2, :2]
    speed = np.hypot(v[:, 0], v[:, 1])
    unit = np.divide(v, speed[:, None], out=np.full_like(v, np.sqrt(0.5)), where=speed[:, None] > 0.1)
    return np.asarray(np.sqrt(np.maximum(np.einsum("ni,nij,nj->n", unit, cov, unit), 0.0)))
