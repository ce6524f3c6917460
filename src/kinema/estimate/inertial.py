"""Inertial passes over nodes: the causal filter, and the fixed-interval smoother on top of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.errors import EstimationError
from kinema.estimate.inertial_nodes import Nodes
from kinema.estimate.inertial_params import Calibration, InertialParams, Start
from kinema.kernels import inertial as ki
from kinema.kernels.inertial_pass import FULL_EACH, MAX_ROWS, N_KEPT, run_pass
from kinema.kernels.inertial_smooth import smooth_pass
from kinema.kernels.rotation import quats_from_dcms

CHUNK_NODES = 20_000
"""A quarter of an hour: 150 MB while it is smoothed."""
Keep = Literal["tape", "states", "told"]


@dataclass(frozen=True)
class Pass:
    """A pass over K nodes.

    t_s (K,) on the IMU's clock; x (K, X_SIZE) nominal states; cov (K, 15, 15) of position, velocity (e),
    attitude (e, left error), time offset, lever arm (s) and mounting (b: pitch, yaw);
    told (K, D_SIZE) innovations; means (K, 6, 3) rate (s), acceleration (e), gravity (e), C_es; full_at (F,) nodes at
    which the covariance full (F, N, N) of all states is kept; end: state and covariance after the last node; start:
    smoothed state before the first node (None for a causal pass); gps_s (K,): the nodes' GPS seconds, where the
    calibration changed on the way (None: it did not).
    """

    t_s: F64
    x: F64
    cov: F64
    told: F64
    means: F64
    full_at: I64
    full: F64
    end: Start
    start: Start | None = None
    gps_s: F64 | None = None

    def gps_times(self, calibration: Calibration) -> F64:
        """GPS seconds (K,) since the origin by the clock's calibration, before the time offset that is a state."""
        return calibration.gps_time(self.t_s) if self.gps_s is None else self.gps_s

    def sigma(self) -> F64:
        """Standard deviations (K, N) of all states, between the nodes that keep them by interpolation."""
        known = np.sqrt(np.maximum(np.diagonal(self.full, axis1=1, axis2=2), 0.0))
        return interpolated(np.arange(len(self.t_s)), self.full_at, known)


def interpolated(at: F64 | I64, known_at: I64, values: F64) -> F64:
    """Columns of values (m, k) at known_at (m,), linearly at `at`."""
    return np.stack([np.interp(at, known_at, column) for column in values.T], axis=1)


def parameters(params: InertialParams, calibration: Calibration) -> F64:
    """The kernels' vector of noise and models."""
    par = np.zeros(ki.PAR_SIZE)
    par[ki.Q_BG] = params.gyro_bias_walk**2
    par[ki.Q_BA] = params.accel_bias_walk**2
    par[ki.Q_TD] = params.time_walk**2 if calibration.td_sigma_s else 0.0
    par[ki.Q_TDD] = 0.0
    par[ki.Q_MOUNT] = params.mount_walk**2 if params.mount_sigma_rad else 0.0
    par[ki.Q_SW] = params.wheel_scale_walk**2 if params.wheel_scale_sigma else 0.0
    par[ki.GB_VAR] = calibration.lasting_m**2
    par[ki.GB_TAU] = calibration.lasting_s
    par[ki.NHC_LAT], par[ki.NHC_VERT], par[ki.NHC_SLIP] = (
        params.nhc_lateral_mps, params.nhc_vertical_mps, params.nhc_slip,
    )  # fmt: skip
    par[ki.WHEEL_SIGMA], par[ki.WHEEL_FRACTION], par[ki.WHEEL_SLIP] = (
        params.wheel_sigma_mps, params.wheel_fraction, params.wheel_slip,
    )  # fmt: skip
    par[ki.ZUPT_SIGMA], par[ki.ZARU_SIGMA] = params.zupt_sigma_mps, params.zaru_sigma_radps
    par[ki.FIX_GATE], par[ki.NHC_MIN_SPEED] = params.fix_gate, params.nhc_min_speed_mps
    return par


def start_state(
    t_s: float, p_e_m: F64, v_e_mps: F64, c_es: F64, sigmas: tuple[float, float, F64],
    calibration: Calibration, params: InertialParams,
) -> Start:  # fmt: skip
    """A start: sigmas of position (m), velocity (m/s) and attitude (3, 3) covariance in e (rad²)."""
    x = np.zeros(ki.X_SIZE)
    x[ki.X_P : ki.X_P + 3], x[ki.X_V : ki.X_V + 3] = p_e_m, v_e_mps
    x[ki.X_Q : ki.X_Q + 4] = quats_from_dcms(c_es[None])[0]
    x[ki.X_QB : ki.X_QB + 4] = quats_from_dcms(calibration.c_bs[None])[0]
    if params.lever_m is not None:
        x[ki.X_L : ki.X_L + 3] = calibration.c_bs.T @ np.asarray(params.lever_m)
    x[ki.X_RX], x[ki.X_RY], x[ki.X_KS] = params.axle_m, params.axle_side_m, params.slip
    sigma = np.zeros(ki.N)
    sigma[0:3], sigma[3:6] = sigmas[0], sigmas[1]
    sigma[ki.BG : ki.BG + 3], sigma[ki.BA : ki.BA + 3] = params.gyro_bias_sigma, params.accel_bias_sigma
    sigma[ki.SG : ki.SG + 3] = params.gyro_scale_sigma
    lever_sigma = params.lever_sigma_coarse_m if calibration.slow_sigma_m else params.lever_sigma_m
    sigma[ki.L : ki.L + 3] = lever_sigma if params.lever_m is None else params.lever_given_sigma_m
    sigma[ki.MU : ki.MU + 2] = params.mount_sigma_rad if calibration.mounted else 0.0
    sigma[ki.TD], sigma[ki.TDD] = calibration.td_sigma_s, calibration.tdd_sigma
    sigma[ki.SW], sigma[ki.RX], sigma[ki.KS] = params.wheel_scale_sigma, params.axle_sigma_m, params.slip_sigma
    sigma[ki.RY] = params.axle_side_sigma_m
    sigma[ki.GB : ki.GB + 3] = calibration.lasting_m
    p = np.diag(sigma**2)
    p[6:9, 6:9] = sigmas[2]
    return Start(t_s, x, p)


def _rows(nodes: Nodes) -> int:
    """Upper bound of scalar measurements."""
    has_fix = nodes.fix >= 0
    own = 6 * has_fix.sum() + np.isfinite(nodes.wheel).sum() + 2 * nodes.nhc.sum() + 6 * nodes.quiet.sum()
    return int(own) + len(nodes.road.given)


def run_filter(nodes: Nodes, start: Start, params: InertialParams, calibration: Calibration) -> Pass:
    """The causal pass. Raises EstimationError where the state leaves the finite numbers."""
    return _run(nodes, start, params, calibration, smooth=False)


def run_smoother(
    nodes: Nodes, start: Start, params: InertialParams, calibration: Calibration, *, covariances: bool = True
) -> Pass:
    """The causal pass, smoothed over all of it; without covariances at each node where nobody looks at them.

    Raises EstimationError.
    """
    return _run(nodes, start, params, calibration, smooth=True, covariances=covariances)


@dataclass
class _Out:
    """What run_pass writes for K nodes, and its tape when it is to be smoothed."""

    x: F64
    p: F64
    full: F64
    means: F64
    told: F64
    trans: F64
    span: F64
    tape: F64
    tape_start: I64


def _chunk(nodes: Nodes, state: Start, par: F64, keep: Keep) -> _Out:
    """Run over some nodes, in place in `state`, and keep what a smoother needs ("tape"), what the nodes became
    ("states"), or what they told ("told"). Raises EstimationError."""
    n, tape = len(nodes), keep == "tape"
    k = 1 if keep == "told" else n
    out = _Out(
        np.empty((k, ki.X_SIZE)), np.empty((k, N_KEPT, ki.N if tape else N_KEPT)),
        np.empty((-(-k // FULL_EACH), ki.N, ki.N)), np.empty((k, 6, 3)), np.full((n, ki.D_SIZE), np.nan),
        np.empty((n if tape else 1, ki.N_NAV, ki.N_DRIVE)), np.empty((n, 2)),
        np.empty(((_rows(nodes) + MAX_ROWS + 1) if tape else MAX_ROWS, 2 * ki.N + 2)), np.zeros(n + 1, np.int64),
    )  # fmt: skip
    done = run_pass(
        state.x, state.p, state.carry, par, nodes.dth, nodes.dv, nodes.dt, nodes.seg_start, nodes.noise, nodes.fix,
        nodes.fix_has, nodes.fixes, nodes.wheel, nodes.nhc, nodes.quiet, nodes.mean,
        nodes.road._replace(now=state.way),
        out.x, out.p, out.full, out.means, out.told, out.trans, out.span, out.tape, out.tape_start,
    )  # fmt: skip
    if done < n:
        raise EstimationError(
            f"the inertial filter left the finite numbers {nodes.t_s[done]:.1f} s into the recording; "
            "check units and axes of the IMU"
        )
    return out


def _copy(start: Start) -> Start:
    return Start(start.t_s, start.x.copy(), start.p.copy(), start.carry.copy(), start.way.copy())


def _run(
    nodes: Nodes, start: Start, params: InertialParams, calibration: Calibration, *, smooth: bool,
    covariances: bool = True,
) -> Pass:  # fmt: skip
    """In chunks, so that memory holds: a long pass is recorded only where the smoother is, and run again for it."""
    par = parameters(params, calibration)
    edges = [*range(0, len(nodes), CHUNK_NODES), len(nodes)]
    full_at = np.concatenate([np.arange(first, last, FULL_EACH) for first, last in pairwise(edges)])
    parts = [nodes.chunk(first, last) for first, last in pairwise(edges)]
    state, outs = _copy(start), []
    before: list[Start] = []
    for k, part in enumerate(parts):
        before.append(_copy(state))
        outs.append(_chunk(part, state, par, "states" if not smooth else "tape" if k == len(parts) - 1 else "told"))
    end = replace(state, t_s=float(nodes.t_s[-1]))
    if not smooth:
        x, cov, full, told, means = (
            _joined([getattr(o, name) for o in outs]) for name in ("x", "p", "full", "told", "means")
        )
        return Pass(nodes.t_s, x, cov, told, means, full_at, full, end)
    lam, big = np.zeros(ki.N), np.zeros((ki.N, ki.N))
    done: list[tuple[F64, ...]] = []
    for k in range(len(parts) - 1, -1, -1):
        if k < len(parts) - 1:
            outs[k] = _chunk(parts[k], before[k], par, "tape")
        done.append(_smoothed(outs.pop(), lam, big, covariances=covariances))
    x, cov, told, means, full = (_joined(part[::-1]) for part in zip(*done, strict=True))
    x0 = start.x.copy()
    ki.inject(x0, -start.p @ lam, np.empty((2, 4)))
    p0 = start.p - start.p @ big @ start.p
    return Pass(nodes.t_s, x, cov, told, means, full_at, full, end, Start(start.t_s, x0, 0.5 * (p0 + p0.T)))


def _joined(parts: Sequence[F64]) -> F64:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def misfit(nodes: Nodes, start: Start, params: InertialParams, calibration: Calibration) -> float:
    """−2 log likelihood of the fixes, up to a constant, of a causal pass. Raises EstimationError."""
    out = _chunk(nodes, _copy(start), parameters(params, calibration), "told")
    return float(np.nansum(out.told[:, ki.D_LOGL]))


def _smoothed(out: _Out, lam: F64, big: F64, *, covariances: bool) -> tuple[F64, ...]:
    """States, covariances, told, means and full covariances of a chunk, smoothed; moves the adjoint to before it."""
    k, at = len(out.x), np.arange(0, len(out.x), FULL_EACH)
    dx, cov = np.empty((k, N_KEPT)), np.empty((k if covariances else 0, N_KEPT, N_KEPT))
    dx_full = np.empty((len(at), ki.N))
    smooth_pass(
        out.trans, out.span, out.tape, out.tape_start, out.p, out.full, dx, cov, dx_full, lam, big
    )  # fmt: skip
    return smoothed_states(out.x, dx, dx_full), cov, out.told, out.means, out.full


def smoothed_states(x: F64, dx: F64, dx_full: F64) -> F64:
    """Nominal states (K, X_SIZE) moved, in place, by the kept errors (K, 15) and, at each FULL_EACH-th, all (F, N)."""
    k, at = len(x), np.arange(0, len(x), FULL_EACH)
    x[:, 0:6] += dx[:, 0:6]
    x[:, ki.X_Q : ki.X_Q + 4] = _turned(x[:, ki.X_Q : ki.X_Q + 4], dx[:, 6:9])
    x[:, ki.X_TD] += dx[:, ki.N_NAV]
    x[:, ki.X_L : ki.X_L + 3] += dx[:, ki.N_NAV + 1 : ki.N_NAV + 4]
    turn = np.concatenate([np.zeros((k, 1)), dx[:, ki.N_NAV + 4 :]], axis=1)
    x[:, ki.X_QB : ki.X_QB + 4] = _turned(x[:, ki.X_QB : ki.X_QB + 4], turn)
    # smoothed states are smooth: those known only now and then are interpolated
    states = np.r_[ki.X_BG : ki.X_SG + 3, ki.X_TDD : ki.X_SIZE]
    errors = np.r_[ki.BG : ki.SG + 3, ki.TDD : ki.N]
    x[:, states] = interpolated(np.arange(k), at, x[np.ix_(at, states)] + dx_full[:, errors])
    return x


def _turned(q: F64, phi: F64) -> F64:
    """Quaternions (n, 4) turned on the left by rotation vectors (n, 3)."""
    angle = np.linalg.norm(phi, axis=1)
    half = np.where(angle > 1e-9, np.sin(0.5 * angle) / np.maximum(angle, 1e-9), 0.5)
    a = np.concatenate([np.cos(0.5 * angle)[:, None], half[:, None] * phi], axis=1)
    w = a[:, 0] * q[:, 0] - (a[:, 1:] * q[:, 1:]).sum(axis=1)
    v = a[:, :1] * q[:, 1:] + q[:, :1] * a[:, 1:] + np.cross(a[:, 1:], q[:, 1:])
    out = np.concatenate([w[:, None], v], axis=1)
    return np.asarray(out / np.linalg.norm(out, axis=1, keepdims=True))
