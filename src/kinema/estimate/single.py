"""The trajectory of a block of rows: smoothed over all of it, or causally, with noise learnt from the residuals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinema.core.arrays import F64
from kinema.errors import EstimationError
from kinema.estimate.single_params import Params
from kinema.estimate.single_rows import CARRIER, CODE, DOPPLER, Rows

WIDEN = (4.0, 2.0, 1.4, 1.0)
"""Sigmas are taken wider in the first passes: a graduated start that a gross fault does not capture."""
SCALE_PRIOR = 20.0
"""How many residuals the first guess of a signal's noise counts for."""


@dataclass(frozen=True)
class Track:
    """Estimates per epoch: p_e_m (n, 3), v_e_mps (n, 3), clock_m, drift_mps (n,), cov (n, 8, 8) of position, clock,
    velocity and drift in this order; resid, weight, sigma (m, 3) by CODE, DOPPLER, CARRIER."""

    p_e_m: F64
    v_e_mps: F64
    clock_m: F64
    drift_mps: F64
    cov: F64
    resid: F64
    weight: F64
    sigma: F64
    bias_m: F64


def tune_of(params: Params, widen: float, widen_motion: float) -> F64:
    """Degrees of freedom and widening of a pass, as kernels.smoother reads them."""
    return np.array([
        params.nu_code, params.nu_code_late, params.nu_doppler, params.nu_carrier, widen, widen_motion, widen_motion
    ])  # fmt: skip


def inflation(rows: Rows, noise_m: F64, params: Params) -> F64:
    """How much less a code tells than it would if its errors were new at each epoch (m,).

    An error that stays itself for τ counts 1 + 2 τ / Δt times, and at most as often as there are epochs.
    """
    n = len(rows.t_s)
    step = float(np.median(rows.dt_s[1:])) if n > 1 else 1.0
    repeats_noise = min(1 + 2 * params.code_correlation_s / step, n)
    repeats_slow = min(1 + 2 * params.systematic_correlation_s / step, n)
    total = noise_m**2 + rows.systematic_m**2
    with np.errstate(invalid="ignore", divide="ignore"):
        factor = (noise_m**2 * repeats_noise + rows.systematic_m**2 * repeats_slow) / total
    return np.where(np.isfinite(factor), factor, 1.0)


def solve_rows(rows: Rows, params: Params, *, causal: bool = False, instantaneous: bool = False) -> Track:
    """Smooth (or filter) a block. Raises EstimationError where the equations have no solution."""
    from kinema.kernels.smoother import filter_pass, smooth_covariances, smooth_pass

    n, m, s = len(rows.t_s), len(rows.epoch), 7 + len(rows.systems)
    x = np.zeros((n, s))
    start = np.interp(rows.t_s, rows.t_s[np.isfinite(rows.clock0_m)], rows.clock0_m[np.isfinite(rows.clock0_m)])
    x[:, 3] = start
    if n > 1:
        x[:, 7] = np.gradient(start, rows.t_s)
    x[:, 8:] = rows.bias_m[1:]
    resid, weight = np.zeros((m, 3)), np.zeros((m, 3))
    d, cross, b = np.zeros((n, s, s)), np.zeros((n, s, s)), np.zeros((n, s))
    up = rows.p0_e_m / np.linalg.norm(rows.p0_e_m, axis=1, keepdims=True)
    process = np.array([
        params.acceleration_mps2**2, params.vertical_acceleration_mps2**2, params.clock_noise_mps**2,
        params.clock_drift_noise_mps2**2, params.bias_drift_m_per_sqrt_s**2,
    ])  # fmt: skip
    prior = np.array([1e5, 1e5, 1e5, 1e9, 1e4, 1e4, 1e4, 1e5, *([1e5] * (s - 8))])
    sigma, noise = rows.sigma.copy(), rows.noise_m.copy()
    factor = inflation(rows, noise, params)

    def one_pass(widen: float) -> float:
        worst = smooth_pass(
            rows.dt_s, rows.observations.row_start, rows.system, rows.prev, rows.unit, rows.z, sigma, factor,
            rows.p0_e_m, up, process, prior, tune_of(params, widen, max(1.0, widen)), x, resid, weight, d, cross, b,
        )  # fmt: skip
        if worst < 0:
            raise EstimationError("the smoother's equations are singular; too few satellites are left")
        return float(worst)

    for k in range(params.passes):
        widen = WIDEN[min(k, len(WIDEN) - 1)]
        worst = one_pass(widen)
        if k in (3, 5):
            noise = learn_noise(rows, resid, noise, sigma, params)
            factor = inflation(rows, noise, params)
        elif k > 5 and worst < 0.02:
            break
    cov = np.empty((n, 8, 8))
    if causal:
        x[1:] = 0.0
        bad = filter_pass(
            rows.dt_s, rows.observations.row_start, rows.system, rows.prev, rows.unit, rows.z, sigma, factor,
            rows.p0_e_m, up, process, prior, tune_of(params, 1.0, 1.0), 4, x, resid, weight, cov,
        )  # fmt: skip
        if bad >= 0:
            raise EstimationError("the filter's equations are singular", int(rows.observations.t_ns[bad]))
    else:
        smooth_covariances(d, cross, cov)
    return Track(rows.p0_e_m + x[:, :3], x[:, 4:7], x[:, 3] + rows.jump_m, x[:, 7], cov, resid, weight, sigma, x[:, 8:])


def learn_noise(rows: Rows, resid: F64, noise_m: F64, sigma: F64, params: Params) -> F64:
    """New noise of the codes (m,) from their residuals; rescales the three columns of sigma in place.

    Codes: robust scale of the residuals of each group of signals. Doppler and carrier: one scale each.
    """
    out = noise_m.copy()
    for group in np.unique(rows.group[rows.group >= 0]).tolist():
        mine = np.flatnonzero((rows.group == group) & (sigma[:, CODE] > 0))
        if len(mine) < 5:
            continue
        spread = 1.4826 * float(np.median(np.abs(resid[mine, CODE])))
        slow = float(np.median(rows.systematic_m[mine]))
        want = np.sqrt(max(spread**2 - slow**2, (0.15 * spread) ** 2))
        now = float(np.median(noise_m[mine]))
        share = len(mine) / (len(mine) + SCALE_PRIOR)
        scale = (want / now) ** share if now > 0 and want > 0 else 1.0
        out[mine] = noise_m[mine] * np.clip(scale, 0.02, 100.0)
        sigma[mine, CODE] = np.hypot(out[mine], rows.systematic_m[mine])
    for kind, low, high in ((DOPPLER, 0.3, 20.0), (CARRIER, 0.3, 5.0)):
        mine = np.flatnonzero(sigma[:, kind] > 0)
        if len(mine) > 50:
            scale = 1.4826 * float(np.median(np.abs(resid[mine, kind]) / sigma[mine, kind]))
            sigma[mine, kind] *= np.clip(scale, low, high)
    return out
