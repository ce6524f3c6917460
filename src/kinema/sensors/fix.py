"""Fixes as measurements: position and velocity of an antenna, with covariances fit for a filter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.core.solution import FixStatus, Solution
from kinema.core.streams import used_mask

HAS_POSITION, HAS_VELOCITY = 1, 2


@dataclass(frozen=True)
class FixParams:
    """floor_m: added to stated position sigmas (rounding, multipath of the carrier); floor_mps: the same of velocities;
    unstated_*: sigmas where a file states none; slow_share: share of the sigma of code positions that is a slow
    common error and not fresh noise; slow_tau_s: its correlation time."""

    floor_m: float = 0.008
    floor_mps: float = 0.03
    unstated_m: float = 3.0
    unstated_mps: float = 0.3
    slow_share: float = 0.8
    slow_tau_s: float = 60.0


@dataclass(frozen=True)
class FixRows:
    """t_s (m,) since the origin, rows (m, 24): p_e, its covariance, v_e, its covariance; has (m,) bits;
    slow_sigma_m: of the common slow error of positions."""

    t_s: F64
    rows: F64
    has: I64
    slow_sigma_m: float


def fix_rows(
    fixes: Solution, t0_ns: int, masks: tuple[tuple[int, int], ...] = (), params: FixParams | None = None
) -> FixRows:
    """The usable fixes outside the masks."""
    params = params or FixParams()
    keep = fixes.valid & used_mask(fixes.t_ns, masks) & (fixes.status != FixStatus.DEAD_RECKONED)
    m = int(keep.sum())
    cov = np.array(fixes.cov_p_e_m2[keep])
    unstated = ~np.isfinite(cov).all(axis=(1, 2))
    cov[unstated] = np.eye(3) * params.unstated_m**2
    sigma = np.sqrt(np.trace(cov, axis1=1, axis2=2) / 3)
    coarse = np.isin(fixes.status[keep], (FixStatus.SINGLE, FixStatus.DIFFERENTIAL, FixStatus.SBAS)) & (sigma > 0.1)
    slow = float(np.median(sigma[coarse])) * params.slow_share if coarse.mean() > 0.5 else 0.0
    share = np.where(coarse & (slow > 0), 1.0 - params.slow_share**2, 1.0)
    cov = cov * share[:, None, None] + np.eye(3) * params.floor_m**2
    v, cov_v = np.array(fixes.v_e_mps[keep]), np.array(fixes.cov_v_e[keep])
    moving = np.isfinite(v).all(axis=1)
    cov_v[~np.isfinite(cov_v).all(axis=(1, 2))] = np.eye(3) * params.unstated_mps**2
    cov_v += np.eye(3) * params.floor_mps**2
    rows = np.zeros((m, 24))
    rows[:, 0:3] = fixes.p_e_m[keep]
    rows[:, 3:12] = cov.reshape(m, 9)
    rows[:, 12:15] = np.where(moving[:, None], v, 0.0)
    rows[:, 15:24] = cov_v.reshape(m, 9)
    has = np.where(moving, HAS_POSITION | HAS_VELOCITY, HAS_POSITION).astype(np.int64)
    return FixRows((fixes.t_ns[keep] - t0_ns).astype(np.float64) * 1e-9, rows, has, slow)
