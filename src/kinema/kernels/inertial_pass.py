"""A causal pass of the inertial filter over many nodes.

A node is an instant at which something is measured or kept; between two nodes lie a few inertial increments. Live use
runs the same pass over few nodes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kinema.kernels.inertial import D_SPEED, N_NAV, TD, X_P, X_Q, X_V, L, N
from kinema.kernels.inertial_transition import CALM_S, propagate_cov, propagate_state
from kinema.kernels.inertial_updates import fix_update, standstill_update, vehicle_update
from kinema.kernels.jit import kernel
from kinema.kernels.road import HERE_SIZE, road_update
from kinema.kernels.rotation import dcm_from_quat
from kinema.kernels.strapdown import gravity_e

F64 = Any
I64 = Any

N_KEPT = N_NAV + 6
FULL_EACH = 20
"""All of P is kept at each so many nodes: calibration moves slowly."""
MAX_ROWS = 16
"""Most scalar measurements of one node."""


@kernel
def kept(i: int) -> int:
    """The error state that is the i-th of those whose covariance is kept."""
    return i if i < N_NAV else (TD if i == N_NAV else L + i - N_NAV - 1)


@kernel
def _keep_rows(p: F64, out: F64) -> None:
    """Rows of P of the kept states; out (15, N), or (15, 15) for these columns alone."""
    if out.shape[1] == N:
        for i in range(N_KEPT):
            out[i, :] = p[kept(i)]
        return
    for i in range(N_KEPT):
        row = p[kept(i)]
        for j in range(N_NAV):
            out[i, j] = row[j]
        for j in range(N_NAV, N_KEPT):
            out[i, j] = row[kept(j)]


@kernel
def run_pass(
    x: F64, p: F64, carry: F64, par: F64,
    dth: F64, dv: F64, dt: F64, seg_start: I64,
    noise: F64, fix: I64, fix_has: I64, fixes: F64, wheel: F64, nhc: I64, quiet: I64, mean: F64, road: Any,
    x_out: F64, p_out: F64, p_full: F64, means_out: F64, told: F64, trans: F64, span: F64, tape: F64, tape_start: I64,
) -> int:  # fmt: skip
    """Filter over the nodes 0 … K − 1, in place in x (X_SIZE,), p (N, N), carry (4, 3: increments, outliers in a
    row, acceleration in e).

    seg_start (K + 1): node k closes the increments [seg_start[k], seg_start[k + 1]), which may be none.
    noise (K, 6): densities of the inertial noise. fix (K): row of `fixes` (F, 24) or −1; fix_has (F): bits. wheel (K)
    m/s or NaN; nhc, quiet (K) flags; mean (K, 6): raw rate and specific force of the last half second; road: a Road.
    Written: x_out (K, X_SIZE), p_out (K, 15, N) rows of P: position, velocity, attitude, time offset, lever arm,
    mounting, or (K, 15, 15) these states alone; p_full (⌈K / FULL_EACH⌉, N, N) all of P at each so many nodes;
    means_out (K, 6, 3), told (K, D_SIZE), trans (K, 9, 18), span (K, 2) seconds and decay, tape (n, 2 N + 2) with
    tape_start (K + 1). A tape of MAX_ROWS rows is written over by each node and so records nothing; trans of length 1,
    and x_out, p_out, p_full and means_out, all of length 1, likewise keep but one node.
    Returns the number of nodes done: fewer than K where the state left the finite numbers.
    """
    dx, y, turn = np.zeros(N), np.zeros(3), np.zeros((2, 4))
    h, rows, t = np.zeros((3, N)), np.zeros((3, N)), np.zeros((N_NAV, N))
    r, work, means = np.zeros((3, 3)), np.zeros((24, 3)), np.zeros((6, 3))
    gravity_e(x[X_P : X_P + 3], means[2])
    dcm_from_quat(x[X_Q : X_Q + 4], means[3:6])
    means[1, :] = carry[3]
    here = np.zeros(HERE_SIZE)
    keep_tape, keep_trans, keep = len(tape) > MAX_ROWS, len(trans) > 1, len(x_out) > 1
    at = 0
    for k in range(len(fix)):
        at = at if keep_tape else 0
        a = trans[k if keep_trans else 0]
        tape_start[k] = at
        if seg_start[k + 1] > seg_start[k]:
            total = propagate_state(x, dth, dv, dt, seg_start[k], seg_start[k + 1], carry, a, means, work)
            decay = propagate_cov(p, a, total, par, noise[k], means[3:6], t)
        else:
            a[:] = 0.0
            total, decay = 0.0, 1.0
        span[k, 0], span[k, 1] = total, decay
        if fix[k] >= 0:
            j = fix[k]
            shaken = (noise[k, 3] + noise[k, 4] + noise[k, 5]) / (2.0 * CALM_S)
            at = fix_update(
                x, p, dx, means, par, fix_has[j], fixes[j], told[k], tape, at, y, r, h, rows, work, turn, carry[2],
                shaken,
            )  # fmt: skip
        at = vehicle_update(x, p, dx, means, par, wheel[k], nhc[k], told[k], tape, at, y, h, rows, work, turn)
        if quiet[k]:
            at = standstill_update(x, p, dx, par, mean[k], told[k], tape, at, y, h, work, turn)
        at = road_update(x, p, dx, road, k, total, means[2], told[k], tape, at, y, h, turn, here)
        told[k, D_SPEED] = (x[X_V] ** 2 + x[X_V + 1] ** 2 + x[X_V + 2] ** 2) ** 0.5
        if not told[k, D_SPEED] < 1e4:
            return k
        o = k if keep else 0
        x_out[o, :] = x
        _keep_rows(p, p_out[o])
        if o % FULL_EACH == 0:
            p_full[o // FULL_EACH, :, :] = p
        means_out[o, :, :] = means
    tape_start[len(fix)] = at
    carry[3, :] = means[1]
    return len(fix)
