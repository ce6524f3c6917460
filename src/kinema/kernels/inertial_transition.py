"""Between two measurements: strapdown over the increments, the transition of the errors, and their covariance.

Groves 2013, 14.2 (errors in ECEF); states and indices in kernels.inertial.
"""

from __future__ import annotations

import math
from typing import Any

from kinema.kernels.inertial import (
    BA,
    BG,
    GB,
    GB_TAU,
    GB_VAR,
    MU,
    N_DRIVE,
    N_NAV,
    PHI,
    Q_BA,
    Q_BG,
    Q_MOUNT,
    Q_SW,
    Q_TD,
    Q_TDD,
    SG,
    SW,
    TD,
    TDD,
    X_BA,
    X_BG,
    X_P,
    X_Q,
    X_SG,
    X_TD,
    X_TDD,
    X_V,
    P,
    V,
)
from kinema.kernels.jit import kernel
from kinema.kernels.kalman import add_rows
from kinema.kernels.rotation import dcm_from_quat
from kinema.kernels.strapdown import EARTH_RATE_RADPS, gravity_e, strapdown_step

F64 = Any

CALM_S = 0.25
"""The acceleration of one node is mostly vibration: as the slope of velocity over time it would tell of a time offset
that it is none."""


@kernel
def _cross_rows(a: F64, c: F64, scale: float, out: F64, row: int, col: int) -> None:
    """out[row:row+3, col:col+3] = scale · [a×] C."""
    for j in range(3):
        out[row, col + j] = scale * (a[1] * c[2, j] - a[2] * c[1, j])
        out[row + 1, col + j] = scale * (a[2] * c[0, j] - a[0] * c[2, j])
        out[row + 2, col + j] = scale * (a[0] * c[1, j] - a[1] * c[0, j])


@kernel
def skew_rows(a: F64, scale: float, out: F64, row: int, col: int) -> None:
    """out[row:row+3, col:col+3] = scale · [a×]."""
    out[row, col], out[row, col + 1], out[row, col + 2] = 0.0, -scale * a[2], scale * a[1]
    out[row + 1, col], out[row + 1, col + 1], out[row + 1, col + 2] = scale * a[2], 0.0, -scale * a[0]
    out[row + 2, col], out[row + 2, col + 1], out[row + 2, col + 2] = -scale * a[1], scale * a[0], 0.0


@kernel
def propagate_state(
    x: F64, dth: F64, dv: F64, dt: F64, first: int, last: int, carry: F64, a: F64, means: F64, work: F64
) -> float:
    """Strapdown over the increments [first, last); fills the transition a = Φ − I (9, 18); returns the time.

    carry (2, 3): corrected increments of the step before. means (6, 3): mean corrected rate (s), acceleration (e)
    followed with the time constant CALM_S from what it was, gravity (e), mean C_es. work (24, 3): scratch.
    """
    g, dth_c, dv_c, dv_e, sum_dv, sum_th = work[6], work[7], work[8], work[9], work[10], work[11]
    sum_c, sum_cu, c_es = work[12:15], work[15:18], work[18:21]
    gravity_e(x[X_P : X_P + 3], g)
    weight = math.sqrt(g[0] * g[0] + g[1] * g[1] + g[2] * g[2])
    for i in range(3):
        sum_dv[i] = 0.0
        sum_th[i] = 0.0
        for j in range(3):
            sum_c[i, j] = 0.0
            sum_cu[i, j] = 0.0
    total = 0.0
    for k in range(first, last):
        h = dt[k]
        dcm_from_quat(x[X_Q : X_Q + 4], c_es)
        turned = 0.0
        for i in range(3):
            dth_c[i] = dth[k, i] - x[X_BG + i] * h
            dv_c[i] = dv[k, i] - x[X_BA + i] * h
            for j in range(3):
                turned += dth_c[i] * c_es[j, i] * g[j] / weight
        for i in range(3):
            dth_c[i] -= x[X_SG + i] * turned
            sum_th[i] += dth_c[i]
            for j in range(3):
                sum_c[j, i] += 0.5 * h * c_es[j, i]
                sum_cu[j, i] += 0.5 * turned * c_es[j, i]
        strapdown_step(
            x[X_P : X_P + 3], x[X_V : X_V + 3], x[X_Q : X_Q + 4], dth_c, dv_c, carry[0], carry[1], h, g, dv_e, work
        )
        dcm_from_quat(x[X_Q : X_Q + 4], c_es)
        for i in range(3):
            carry[0, i] = dth_c[i]
            carry[1, i] = dv_c[i]
            sum_dv[i] += dv_e[i]
            for j in range(3):
                sum_c[j, i] += 0.5 * h * c_es[j, i]
                sum_cu[j, i] += 0.5 * turned * c_es[j, i]
        total += h
    x[X_TD] += x[X_TDD] * total
    calm = 1.0 - math.exp(-total / CALM_S)
    for i in range(3):
        means[0, i] = sum_th[i] / total
        means[1, i] += calm * (sum_dv[i] / total + g[i] - means[1, i])
        means[2, i] = g[i]
        for j in range(3):
            means[3 + i, j] = sum_c[i, j] / total
    _transition(x, sum_dv, sum_c, sum_cu, g, total, a)
    return total


@kernel
def _transition(x: F64, sum_dv: F64, sum_c: F64, sum_cu: F64, g: F64, total: float, a: F64) -> None:
    """a = Φ − I over `total` seconds, from the summed specific force and attitude."""
    for i in range(N_NAV):
        for j in range(N_DRIVE):
            a[i, j] = 0.0
    r2 = 0.0
    for i in range(3):
        r2 += x[X_P + i] * x[X_P + i]
    gr = math.sqrt((g[0] * g[0] + g[1] * g[1] + g[2] * g[2]) / r2)
    turn = EARTH_RATE_RADPS * total
    for i in range(3):
        a[P + i, V + i] = total
        for j in range(3):
            unit = 1.0 if i == j else 0.0
            grad = -gr * (unit - 3.0 * x[X_P + i] * x[X_P + j] / r2) * total
            a[V + i, P + j] = grad
            a[P + i, BA + j] = -0.5 * total * sum_c[i, j]
            a[V + i, BA + j] = -sum_c[i, j]
            a[PHI + i, BG + j] = -sum_c[i, j]
            a[PHI + i, SG + j] = -sum_cu[i, j]
    a[V, V + 1] = 2.0 * turn
    a[V + 1, V] = -2.0 * turn
    a[PHI, PHI + 1] = turn
    a[PHI + 1, PHI] = -turn
    skew_rows(sum_dv, -0.5 * total, a, P, PHI)
    skew_rows(sum_dv, -1.0, a, V, PHI)
    _cross_rows(sum_dv, sum_c, 0.5, a, V, BG)
    _cross_rows(sum_dv, sum_c, total / 6.0, a, P, BG)
    _cross_rows(sum_dv, sum_cu, 0.5, a, V, SG)
    _cross_rows(sum_dv, sum_cu, total / 6.0, a, P, SG)


@kernel
def propagate_cov(p: F64, a: F64, total: float, par: F64, noise: F64, c_mean: F64, t: F64) -> float:
    """P ← Φ P Φᵀ + Q in place; t (9, n) is scratch. Returns the decay of the fixes' slow error.

    p (n, n), n ≥ N: states behind the inertial ones stay as they are, what they share with these moves.
    noise (6,): white noise of the three rates (rad²/s) and specific forces (m²/s³) in s; c_mean (3, 3): mean C_es.
    """
    n = len(p)
    # rows first: Φ P, and with P symmetric also the columns below
    for i in range(N_NAV):
        row = t[i]
        for j in range(n):
            row[j] = p[i, j]
        add_rows(a[i], 0, N_DRIVE, p, row)
    for i in range(N_NAV):
        row = t[i]
        for j in range(n):
            p[i, j] = row[j]
        for j in range(N_NAV, n):
            p[j, i] = row[j]
    # then the columns of the corner, as rows of its transpose
    for i in range(N_NAV):
        for j in range(i):
            t[i, j], t[j, i] = t[j, i], t[i, j]
    for j in range(N_NAV):
        row = p[j, :N_NAV]
        for i in range(N_NAV):
            row[i] = t[j, i]
        add_rows(a[j], 0, N_NAV, t, row)
        add_rows(a[j], N_NAV, N_DRIVE, p, row)
    for i in range(N_NAV):
        for j in range(i):
            p[j, i] = p[i, j]
    for j in range(n):
        p[TD, j] += total * p[TDD, j]
    for j in range(n):
        p[j, TD] += total * p[j, TDD]
    decay = 1.0
    if par[GB_VAR] > 0.0:
        decay = math.exp(-total / par[GB_TAU])
        for i in range(GB, GB + 3):
            for j in range(n):
                p[i, j] *= decay
            for j in range(n):
                p[j, i] *= decay
    for i in range(3):
        for j in range(3):
            qg = qa = 0.0
            for k in range(3):
                cc = c_mean[i, k] * c_mean[j, k] * total
                qg += cc * noise[k]
                qa += cc * noise[3 + k]
            p[PHI + i, PHI + j] += qg
            p[V + i, V + j] += qa
            p[P + i, V + j] += 0.5 * qa * total
            p[V + i, P + j] += 0.5 * qa * total
            p[P + i, P + j] += qa * total * total / 3.0
        p[BG + i, BG + i] += par[Q_BG] * total
        p[BA + i, BA + i] += par[Q_BA] * total
        p[GB + i, GB + i] += par[GB_VAR] * (1.0 - decay * decay)
    p[MU, MU] += par[Q_MOUNT] * total
    p[MU + 1, MU + 1] += par[Q_MOUNT] * total
    p[TD, TD] += par[Q_TD] * total
    p[TDD, TDD] += par[Q_TDD] * total
    p[SW, SW] += par[Q_SW] * total
    return decay
