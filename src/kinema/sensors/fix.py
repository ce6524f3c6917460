"""Fixes as measurements: position and velocity of an antenna, with covariances fit for a filter."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from kinema.core.arrays import F64, I64, Bool
from kinema.core.solution import FixStatus, Solution
from kinema.core.streams import used_mask

HAS_POSITION, HAS_VELOCITY = 1, 2


@dataclass(frozen=True)
class FixParams:
    """floor_m: the least that a position's sigma is taken for (rounding, multipath of the carrier); floor_mps: the
    same of velocities;
    unstated_*: sigmas where a file states none; slow_share: share of the sigma of code positions that is a slow
    common error and not fresh noise; slow_tau_s: its correlation time; fine_share, fine_tau_s: the same of positions by
    carrier phases;
    slow_floor_m: the least it is: receivers state how their positions scatter, not how far all of them wander: a metre
    or two within minutes where 0.35 m is stated;
    velocity_hold_s: for how long a receiver without carrier phases repeats the error of its velocity."""

    floor_m: float = 0.008
    floor_mps: float = 0.03
    unstated_m: float = 3.0
    unstated_mps: float = 0.3
    slow_share: float = 0.8
    slow_tau_s: float = 60.0
    slow_floor_m: float = 1.0
    fine_share: float = 0.45
    fine_tau_s: float = 10.0
    velocity_hold_s: float = 0.5


@dataclass(frozen=True)
class FixRows:
    """t_s (m,) since the origin, rows (m, 24): p_e, its covariance, v_e, its covariance; has (m,) bits;
    slow_sigma_m: of the common slow error of positions by code (0: they are not by code); lasting_m, lasting_s: sigma
    and correlation time of the error that positions near in time share, by code or not; velocity_lag_s: how much later
    than the velocities their time tags are (a velocity that is a mean since the epoch before lags by half of it), found
    from the file and taken out: positions and velocities then are rows of their own; step_s: the usual time between
    fixes."""

    t_s: F64
    rows: F64
    has: I64
    slow_sigma_m: float
    velocity_lag_s: float = 0.0
    step_s: float = 1.0
    lasting_m: float = 0.0
    lasting_s: float = 60.0

    def since(self, t_s: float) -> FixRows:
        """The rows from a time on."""
        k = int(np.searchsorted(self.t_s, t_s))
        return replace(self, t_s=self.t_s[k:], rows=self.rows[k:], has=self.has[k:])

    def until(self, t_s: float) -> FixRows:
        """The rows up to a time."""
        k = int(np.searchsorted(self.t_s, t_s, side="right"))
        return replace(self, t_s=self.t_s[:k], rows=self.rows[:k], has=self.has[:k])


def stated(cov: F64) -> Bool:
    """Which covariances (m, 3, 3) are some: finite, and no variance negative (m,)."""
    finite = np.isfinite(cov).all(axis=(1, 2))
    positive = np.zeros(len(cov), dtype=np.bool_)
    size = np.abs(cov[finite]).max(axis=(1, 2), initial=0.0)
    positive[finite] = np.linalg.eigvalsh(cov[finite])[:, 0] >= -1e-9 * size
    return finite & positive


def at_least(cov: F64, sigma: float) -> F64:
    """Covariances (m, 3, 3), those whose mean variance is below sigma² filled up to it."""
    mean = np.trace(cov, axis1=1, axis2=2) / 3
    return np.asarray(cov + np.maximum(sigma**2 - mean, 0.0)[:, None, None] * np.eye(3))


def velocity_lag(t_s: F64, p_e_m: F64, v_e_mps: F64) -> float:
    """Lag (s) of velocities behind the slope of the positions of the same epochs; 0 where it cannot be told.

    v(t) = ṗ(t − lag): the residual against the central slope is −lag times the acceleration, robustly fitted.
    """
    dt = np.diff(t_s)
    if len(t_s) < 40:
        return 0.0
    even = (dt[1:] < 1.1) & (dt[:-1] < 1.1) & (np.abs(dt[1:] - dt[:-1]) < 0.1 * dt[1:])
    span = (dt[1:] + dt[:-1])[:, None]
    slope = (p_e_m[2:] - p_e_m[:-2]) / span
    # the central slope over ± dt is a mean: so is the velocity, by the same weights
    v_mean = (v_e_mps[2:] + 4.0 * v_e_mps[1:-1] + v_e_mps[:-2]) / 6.0
    accel = (v_e_mps[2:] - v_e_mps[:-2]) / span
    use = even & (np.linalg.norm(accel, axis=1) > 0.3) & np.isfinite(accel).all(axis=1)
    if use.sum() < 30:
        return 0.0
    left, a = (v_mean - slope)[use].ravel(), accel[use].ravel()
    weight, lag = np.ones(len(a)), 0.0
    for _ in range(5):
        lag = -float((weight * left * a).sum() / (weight * a * a).sum())
        off = np.abs(left + lag * a)
        weight = 1.0 / (1.0 + (off / max(float(np.median(off)), 1e-4)) ** 2)
    sigma = float(np.sqrt((weight * (left + lag * a) ** 2).sum() / (weight.sum() * (weight * a * a).sum())))
    return lag if abs(lag) > max(5.0 * sigma, 0.015) else 0.0


def _of_fine(cov: F64, params: FixParams) -> tuple[float, float]:
    """Sigma (m) and time (s) of what lasts of the error of positions by carrier phases, of covariances (m, 3, 3)."""
    return params.fine_share * float(np.sqrt(np.median(np.trace(cov, axis1=1, axis2=2)) / 3)), params.fine_tau_s


def fix_rows(
    fixes: Solution,
    t0_ns: int,
    masks: tuple[tuple[int, int], ...] = (),
    params: FixParams | None = None,
    before: FixRows | None = None,
) -> FixRows:
    """The usable fixes outside the masks.

    before: a longer look at the same fixes, of which these are a later piece with the same habits: slow error, lag of
    velocities, rate.
    """
    params = params or FixParams()
    keep = fixes.valid & used_mask(fixes.t_ns, masks) & (fixes.status != FixStatus.DEAD_RECKONED)
    m = int(keep.sum())
    cov = np.array(fixes.cov_p_e_m2[keep])
    unstated = ~stated(cov)
    cov[unstated] = np.eye(3) * params.unstated_m**2
    sigma = np.sqrt(np.trace(cov, axis1=1, axis2=2) / 3)
    coarse = np.isin(fixes.status[keep], (FixStatus.SINGLE, FixStatus.DIFFERENTIAL, FixStatus.SBAS)) & (sigma > 0.1)
    slow = 0.0
    if m and coarse.mean() > 0.5:
        slow = max(float(np.median(sigma[coarse])) * params.slow_share, params.slow_floor_m)
    slow = slow if before is None else before.slow_sigma_m
    share = np.where(coarse & (slow > 0), 1.0 - params.slow_share**2, 1.0)
    cov = at_least(cov * share[:, None, None], params.floor_m)
    lasting, lasting_s = (slow, params.slow_tau_s) if slow or not m else _of_fine(cov, params)
    if before is not None:
        lasting, lasting_s = before.lasting_m, before.lasting_s
    if not slow:
        cov = cov * (1.0 - params.fine_share**2)
    v, cov_v = np.array(fixes.v_e_mps[keep]), np.array(fixes.cov_v_e[keep])
    moving = np.isfinite(v).all(axis=1)
    cov_v[~stated(cov_v)] = np.eye(3) * params.unstated_mps**2
    cov_v = at_least(cov_v, params.floor_mps)
    t_s = (fixes.t_ns[keep] - t0_ns).astype(np.float64) * 1e-9
    step_s = before.step_s if before else float(np.median(np.diff(t_s))) if m > 1 else FixRows.step_s
    if slow:
        # a receiver's own filter makes its velocities alike for about half a second
        cov_v[coarse] *= max(1.0, params.velocity_hold_s / step_s)
    lag = velocity_lag(t_s, fixes.p_e_m[keep], v) if before is None else before.velocity_lag_s
    rows = np.zeros((m, 24))
    rows[:, 0:3] = fixes.p_e_m[keep]
    rows[:, 3:12] = cov.reshape(m, 9)
    rows[:, 12:15] = np.where(moving[:, None], v, 0.0)
    rows[:, 15:24] = cov_v.reshape(m, 9)
    has = np.where(moving, HAS_POSITION | HAS_VELOCITY, HAS_POSITION).astype(np.int64)
    if not lag:
        return FixRows(t_s, rows, has, slow, 0.0, step_s, lasting, lasting_s)
    t_both = np.concatenate([t_s, t_s[moving] - lag])
    order = np.argsort(t_both, kind="stable")
    has = np.concatenate([np.full(m, HAS_POSITION), np.full(int(moving.sum()), HAS_VELOCITY)])[order]
    rows = np.ascontiguousarray(np.concatenate([rows, rows[moving]])[order])
    return FixRows(t_both[order], rows, has.astype(np.int64), slow, lag, step_s, lasting, lasting_s)
