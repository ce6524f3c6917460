"""Ranges to anchors as an inertial filter takes them.

Each is a position along one line of sight, about a way that is known roughly, freed of the biases and the stretch that
the whole shows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from kinema.core.arrays import F64, I64, Bool
from kinema.core.frames import WGS84_A_M
from kinema.estimate.align import Alignment
from kinema.estimate.inertial import Pass
from kinema.estimate.inertial_solution import antenna
from kinema.estimate.planar import Way
from kinema.estimate.planar_ranges import RangeProblem
from kinema.estimate.ranges_noise import Noise, direct_share
from kinema.kernels import planar as kp
from kinema.sensors.fix import HAS_POSITION, FixRows

TO_E = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
"""x east, y north, z up of the plane laid at latitude 0, longitude 0 into ECEF."""
ORIGIN_E_M = np.array([WGS84_A_M, 0.0, 0.0])
UNKNOWN_M = 1e3
"""Sigma of a range's position across its line of sight."""
FLOOR_M = 0.5
"""Sigma of the height by one range, where all is said to be in one plane."""
LEAST_SHARE = 0.2
LATE_SIGMAS = 3.0
COMMON = 2.0
OVER = 1.5
"""The way gives in to most of a wrong bias: what is left of it counts for more."""
MEMORY_S = 10.0
"""Ranges of one anchor within so long share the error that stays for a while."""


@dataclass(frozen=True)
class Seen:
    """Ranges as the inertial filter takes them, by time: t_s (m,) since the IMU's first sample; anchor_e_m (m, 3),
    length_m (m,) freed of stretch and bias; about_e_m (m, 3) the way's places, v_e_mps (m, 3) its
    velocities; flat: heights mean nothing; bias_sigma_m: what is not known of the anchors' biases; share (m,) of being
    direct, fresh_m the sigma of a direct one, held_m of what stays for a while, often: how many share it."""

    t_s: F64
    anchor_e_m: F64
    length_m: F64
    about_e_m: F64
    v_e_mps: F64
    share: F64
    flat: bool
    bias_sigma_m: float
    fresh_m: float
    held_m: float
    often: float
    problem: RangeProblem

    def pick(self, which: I64) -> Seen:
        """Some of the ranges."""
        names = ("t_s", "anchor_e_m", "length_m", "about_e_m", "v_e_mps", "share")
        return replace(self, **{name: getattr(self, name)[which] for name in names})

    def sight(self) -> tuple[F64, F64]:
        """Lines of sight (m, 3) and lengths (m,) from the anchors to the way."""
        away = self.about_e_m - self.anchor_e_m
        if self.flat:
            away[:, 0] = 0.0
        rho = np.maximum(np.linalg.norm(away, axis=1), 0.1)
        return away / rho[:, None], rho

    def late(self, cov: F64) -> Bool:
        """Which are far too long, or too short, for a place of covariance (3, 3)."""
        u, rho = self.sight()
        sigma = np.sqrt(np.einsum("ni,ij,nj->n", u, cov, u) + self.fresh_m**2 + self.held_m**2)
        left = (self.length_m - rho) / sigma
        return np.asarray((left > LATE_SIGMAS) | (left < -2.0 * LATE_SIGMAS))

    def rows(self) -> FixRows:
        """One row each: a position whose error is unknown but along the line of sight."""
        u, rho = self.sight()
        sigma2 = (self.fresh_m**2 + self.held_m**2 * self.often) / np.maximum(self.share, LEAST_SHARE)
        sigma2 = np.where(self.share > LEAST_SHARE, sigma2, UNKNOWN_M**2)
        z = self.about_e_m + u * (self.length_m - rho)[:, None]
        along = u[:, :, None] * u[:, None, :]
        cov = sigma2[:, None, None] * along + UNKNOWN_M**2 * (np.eye(3) - along)
        if self.flat:
            z[:, 0] = ORIGIN_E_M[0]
            cov[:, 0, :] = cov[:, :, 0] = 0.0
            cov[:, 0, 0] = FLOOR_M**2
        out = np.zeros((len(z), 24))
        out[:, 0:3], out[:, 3:12], out[:, 12:15] = z, cov.reshape(-1, 9), self.v_e_mps
        step = float(np.median(np.diff(self.t_s))) if len(z) > 1 else 1.0
        return FixRows(self.t_s, out, np.full(len(z), HAS_POSITION), self.bias_sigma_m, step_s=step)


def seen_by(problem: RangeProblem, way: Way, noise: Noise, t0_ns: int) -> Seen:
    """The ranges, freed of what the planar way knows of stretch and biases."""
    step, anchors = problem.rows.step, len(problem.anchors)
    at, anchor = way.x[step], problem.anchor
    length = (problem.rows.value - at[np.arange(len(at)), kp.BIAS + anchor]) / (1.0 + at[:, kp.STRETCH])
    t_s = (problem.t_ns[step] - t0_ns).astype(np.float64) * 1e-9
    each_s = float(t_s[-1] - t_s[0]) / max(len(t_s), 1) * len(np.unique(anchor))
    # what is not known of biases and stretch adds up to a common error of the place
    h = np.zeros((anchors, problem.n))
    h[np.arange(anchors), kp.BIAS + np.arange(anchors)] = 1.0
    h[:, kp.STRETCH] = [np.median(length[anchor == a]) if (anchor == a).any() else 0.0 for a in range(anchors)]
    unknown = np.einsum("ai,ij,aj->a", h, way.p_end, h) * min(1.0, COMMON / anchors)
    return Seen(
        t_s, problem.anchors[anchor] @ TO_E.T + ORIGIN_E_M, length, at[:, :3] @ TO_E.T + ORIGIN_E_M,
        at[:, kp.VX : kp.VZ + 1] @ TO_E.T, way.share, not problem.deep, float(np.sqrt(np.mean(unknown))),
        noise.range_ * problem.params.range_sigma_m,
        # motion that is hard to follow without an IMU looks like errors that stay: no more of them than was guessed
        min(noise.slow, 1.0) * problem.params.slow_sigma_m, max(1.0, MEMORY_S / max(each_s, 1e-3)), problem,
    )  # fmt: skip


def about(seen: Seen, done: Pass, alignment: Alignment) -> Seen:
    """The same about a smoothed pass of the inertial filter, which also tells anew what came round a corner."""
    p, v, _, _ = antenna(done)
    t = done.gps_times(alignment.calibration)
    there = np.stack([np.interp(seen.t_s, t, column) for column in p.T], axis=1)
    moving = np.stack([np.interp(seen.t_s, t, column) for column in v.T], axis=1)
    moved = replace(seen, about_e_m=there, v_e_mps=moving)
    rho = moved.sight()[1]
    sigma = float(np.hypot(seen.fresh_m, seen.held_m))
    share = direct_share(seen.problem, seen.length_m - rho, sigma)
    freed = _freed(seen.problem, rho, share / sigma**2 / seen.often)
    return replace(moved, share=share, length_m=seen.length_m + OVER * (freed - seen.length_m))


def _freed(problem: RangeProblem, rho: F64, weight: F64) -> F64:
    """The ranges freed of the biases and the stretch (m,) that they show about lengths rho (m,)."""
    params, count = problem.params, len(problem.anchors)
    design = np.zeros((len(rho), count + 1))
    design[np.arange(len(rho)), problem.anchor] = 1.0
    design[:, count] = rho
    prior = np.diag([*np.full(count, params.range_bias_sigma_m**-2), params.range_scale_sigma**-2])
    normal = design.T @ (weight[:, None] * design) + prior
    found = np.linalg.solve(normal, design.T @ (weight * (problem.rows.value - rho)))
    return np.asarray((problem.rows.value - found[problem.anchor]) / (1.0 + found[count]))
