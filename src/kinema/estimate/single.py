"""The trajectory of a block of rows: smoothed over all of it, or causally, with noise learnt from the residuals."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kinema.core.arrays import F64
from kinema.errors import EstimationError
from kinema.estimate.single_covariance import common_ionosphere, slow_covariance
from kinema.estimate.single_noise import direct_noise, inflation, rescale, slow_part, spread_noise
from kinema.estimate.single_params import Params
from kinema.estimate.single_rows import CODE, Rows
from kinema.sensors import pseudorange

WIDEN = (4.0, 2.0, 1.4, 1.0)
"""Sigmas are taken wider in the first passes: a graduated start that a gross fault does not capture."""
GAUSSIAN = 50.0
FILTER_TURNS = 6
UNLINKED = 1e8
"""Power densities that tie an epoch's motion and clock to nothing."""
LEARN_AT = (2, 3)


@dataclass(frozen=True)
class Track:
    """Estimates per epoch: p_e_m (n, 3), v_e_mps (n, 3), clock_m, drift_mps (n,), cov (n, 8, 8) of position, clock,
    velocity and drift in this order; resid, sigma and weight (share of 1 / sigma² that was counted; of codes the
    probability that they are direct) (m, 3) by CODE, DOPPLER, CARRIER."""

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


class _Block:
    """What the passes over a block of rows work on; see kernels.smoother_pass for the arrays' layout."""

    def __init__(self, rows: Rows, params: Params) -> None:
        n, m, s = len(rows.t_s), len(rows.epoch), 8 + len(rows.systems)
        self.rows, self.params = rows, params
        self.used = rows.sigma[:, CODE] > 0
        self.x = _first_states(rows, s)
        self.resid, self.weight = np.zeros((m, 3)), np.zeros((m, 3))
        self.d, self.cross, self.b = np.zeros((n, s, s)), np.zeros((n, s, s)), np.zeros((n, s))
        self.up = rows.p0_e_m / np.linalg.norm(rows.p0_e_m, axis=1, keepdims=True)
        self.process, self.prior = _process_and_prior(params, s)
        if not rows.linked:
            self.process[:4] = UNLINKED
        self.z, self.sigma = rows.z.copy(), rows.sigma.copy()
        self.noise, self.slow = rows.noise_m.copy(), rows.systematic_m
        self.share = np.where(self.used, 1.0, 0.0)
        self.factor = np.ones((m, 2))

    def equations(self, *rest: Any) -> Any:
        """What both passes are given, and the rest of it."""
        r = self.rows
        return (
            r.dt_s, r.observations.row_start, r.system, r.prev, r.unit, r.wet, self.z, self.sigma, self.factor,
            r.p0_e_m, self.up, self.process, self.prior, *rest,
        )  # fmt: skip

    def smooth(self, tune: F64) -> float:
        """One pass; how far the positions moved, metres."""
        from kinema.kernels.smoother_pass import smooth_pass

        worst = smooth_pass(*self.equations(tune, self.x, self.resid, self.weight, self.d, self.cross, self.b))
        if worst < 0:
            raise EstimationError("the smoother's equations are singular; too few satellites are left")
        return float(worst)

    def settle(self) -> None:
        """Passes from wide sigmas to right ones; the spread of the residuals is learnt on the way."""
        for k in range(self.params.passes):
            widen = WIDEN[min(k, len(WIDEN) - 1)]
            worst = self.smooth(tune_of(self.params, widen, max(1.0, widen)))
            if k in LEARN_AT:
                self.noise = spread_noise(self.rows, self.resid, self.slow)
                rescale(self.rows, self.resid, self.sigma, self.noise, self.slow, np.ones(len(self.used)))
                self.count()
            if k > 3 and worst < 0.1:
                return

    def count(self) -> None:
        """How often each error counts."""
        self.factor = inflation(self.rows, self.noise, self.slow, self.resid, self.sigma, self.params)

    def sort_reflections(self, tune: F64) -> None:
        """Passes with codes sorted into direct and reflected ones by their residuals."""
        rows, used, code = self.rows, self.used, self.resid[:, CODE]
        model = pseudorange.ReflectionModel.first_guess(rows.signals.cn0_dbhz[:, 0])
        self.share = np.where(used, model.direct[model.step], 0.0)
        for _ in range(self.params.reflection_turns):
            self.noise = direct_noise(rows, self.resid, self.slow, self.share)
            direct = np.where(used, np.hypot(self.noise, self.slow), 1.0)
            self.share = model.probability_direct(code, direct)
            model.learn(code, used, self.share)
            self.slow = slow_part(rows, self.resid, self.share)
            share = np.where(used, self.share, 1.0)
            rescale(rows, self.resid, self.sigma, self.noise, self.slow, share)
            counted, late = model.as_gaussian(np.hypot(self.noise, self.slow), self.share)
            self.sigma[used, CODE], self.z[:, CODE] = counted[used], rows.z[:, CODE] - late
            self.count()
            moved = self.smooth(tune)
            code += np.where(used, late, 0.0)
            if moved < 0.02:
                return

    def covariance(self, tune: F64, causal: bool) -> F64:
        """Covariances (n, 8, 8) of the last pass; causal, after a pass of the filter, which writes the states."""
        from kinema.kernels.smoother_pass import filter_pass, smooth_covariances

        cov = np.empty((len(self.x), 8, 8))
        if not causal:
            smooth_covariances(self.d, self.cross, cov)
            return cov
        self.x[1:] = 0.0
        bad = filter_pass(*self.equations(tune, FILTER_TURNS, self.x, self.resid, self.weight, cov))
        if bad >= 0:
            raise EstimationError("the filter's equations are singular", int(self.rows.observations.t_ns[bad]))
        return cov


def solve_rows(rows: Rows, params: Params, *, causal: bool = False, instantaneous: bool = False) -> Track:
    """Smooth (or filter) a block; `instantaneous` leaves out all that links epochs but the systems' biases.

    Raises EstimationError where the equations have no solution.
    """
    if instantaneous:
        alone = np.full(len(rows.epoch), -1, dtype=np.int64)
        rows = replace(rows, sigma=rows.sigma * (1.0, 1.0, 0.0), prev=alone, linked=False)
    block = _Block(rows, params)
    block.settle()
    tune = tune_of(params, 1.0, 1.0)
    if params.reflection_turns:
        tune[0] = tune[1] = GAUSSIAN
        block.sort_reflections(tune)
    cov = block.covariance(tune, causal)
    total = np.hypot(block.noise, block.slow)
    if rows.linked:
        cov[:, :3, :3] += slow_covariance(rows, block.slow, block.share, params)
    cov[:, :3, :3] += common_ionosphere(rows, total, block.share)
    block.weight[:, CODE] *= block.share
    block.sigma[:, CODE] = np.where(block.used, total, 0.0)
    x = block.x
    return Track(
        rows.p0_e_m + x[:, :3], x[:, 4:7], x[:, 3] + rows.jump_m, x[:, 7], cov, block.resid, block.weight, block.sigma,
        x[:, 9:],
    )  # fmt: skip


def _first_states(rows: Rows, s: int) -> F64:
    """States (n, s) to begin with: the clocks and biases of the single epochs, nothing else."""
    x = np.zeros((len(rows.t_s), s))
    known = np.isfinite(rows.clock0_m)
    x[:, 3] = np.interp(rows.t_s, rows.t_s[known], rows.clock0_m[known])
    if len(x) > 1:
        x[:, 7] = np.gradient(x[:, 3], rows.t_s)
    x[:, 9:] = rows.bias_m[1:]
    return x


def _process_and_prior(params: Params, s: int) -> tuple[F64, F64]:
    """Power densities of the process, and sigmas of the first epoch's s states, as kernels.smoother reads them."""
    process = np.array([
        params.acceleration_mps2**2, params.vertical_acceleration_mps2**2, params.clock_noise_mps**2,
        params.clock_drift_noise_mps2**2, params.bias_drift_m_per_sqrt_s**2,
        params.zenith_drift_m_per_sqrt_s**2,
    ])  # fmt: skip
    prior = np.array([1e5, 1e5, 1e5, 1e9, 1e4, 1e4, 1e4, 1e5, params.troposphere_sigma_m, *([1e5] * (s - 9))])
    return process, prior
