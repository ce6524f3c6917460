"""Dead reckoning with absolute rows: a pass forward, about the filter's own way or a given one, and the smoother.

About its own way the pass is an extended Kalman filter. About a given way, smoothed, given again …, it is Gauss–Newton
over the whole recording. The smoother is the adjoint (modified Bryson–Frazier): the states of all epochs come from the
smoothed noises (de Jong, "A cross-validation filter for time series models", Biometrika 1988), so that no covariance
of an epoch has to be kept but for its rows of x, y, z, ψ.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kinema.kernels.jit import kernel
from kinema.kernels.kalman import adjoint_measurement, scalar_update
from kinema.kernels.planar import (
    BIAS,
    LEAST_MPS,
    PSI,
    SPEED,
    VX,
    VY,
    X,
    Y,
    Z,
    add_noise,
    advance,
    row_of,
    shear,
    shear_back,
    step_noise,
    transpose,
)  # fmt: skip

F64 = Any
I64 = Any

KEPT = 4
"""Rows of the covariance that are kept: x, y, z, ψ."""
NEVER = 1e-6
"""Density (1/m) of errors that nothing explains."""
LEAST_SHARE = 1e-4
DOUBT_GAIN, MOST_DOUBT, OPEN_RAD = 0.1, 0.75, 0.3
"""Thirteen rows in a row that nothing explains are not the rows' fault."""


@kernel
def direct_share(
    left: float, variance: float, late: float, prior: float, odds: float, stay: float, before: float
) -> float:
    """Probability that a row is direct, from its innovation `left`, of `variance` where direct, and its last one.

    late (m): mean lateness of a reflected one; prior, odds: of a direct one without a past, and by the row's own
    marks; stay: how much of the last, `before`, is remembered; before < 0: no past.
    """
    ahead = prior if before < 0.0 else stay * before + (1.0 - stay) * prior
    direct = math.exp(-0.5 * left * left / variance) / (2.5066 * math.sqrt(variance)) + NEVER
    a = ahead * direct / (late_density(left, variance, late) + NEVER) * odds
    return a / (a + 1.0 - ahead)


@kernel
def late_density(left: float, variance: float, late: float) -> float:
    """Density of an innovation that is late by an exponential length and else Gaussian (their convolution)."""
    root = math.sqrt(variance)
    if root > 4.0 * late:
        wide = variance + late * late
        return math.exp(-0.5 * (left - late) * (left - late) / wide) / (2.5066 * math.sqrt(wide))
    u = (root / late - left / root) / 1.41421356
    if u > 20.0:
        return 0.0
    return 0.5 / late * math.exp(0.5 * variance / (late * late) - left / late) * math.erfc(u)


@kernel
def sound(left: float, variance: float) -> float:
    """Probability that a direct row of innovation `left` is none of those that nothing explains."""
    direct = math.exp(-0.5 * left * left / variance) / (2.5066 * math.sqrt(variance))
    return direct / (direct + NEVER)


@kernel
def filter_pass(
    x: F64, p: F64, follow: bool, curvature: float, distance: F64, turn: F64, dt: F64, noise: F64,
    decay: F64, first_row: I64, kind: I64, target: F64, group: I64, sort: I64, value: F64, variance: F64,
    mixture: F64, memory: F64, open_m: float, ref: F64, start: F64, x_out: F64, p_out: F64, f_out: F64, q_out: F64,
    tape: F64, tape_start: I64, innovation: F64, spread: F64, share: F64, lost: I64,
) -> None:  # fmt: skip
    """Filter over K steps, from x (n,), p (n, n) before the first, both left at the end.

    noise (K, n + 1) as of planar.step_noise; decay (K, biases) by which they forget. Rows first_row[k] …
    first_row[k + 1] belong to the end of step k; a variance that is not positive leaves one out. follow: about its own
    way, written into ref (K, n); else about ref as given. mixture (m, 5): fresh variance, lateness, prior, odds and
    stay of direct_share, lateness 0 where a row has no reflections; memory (biases,): the last share of each `sort`.
    Written: start (K, n) the prediction from the way less the way; x_out (K, n), p_out (K, KEPT, n), f_out (K, F_SIZE),
    q_out (K, n + 1), tape (m, 2 n + 2), tape_start (K + 1,), innovation, spread (m,), the latter what the state adds
    to the innovation's variance, share (m,) of direct_share, memory; lost (K,): 1 where so many rows in a row were not
    direct that the filter takes itself for lost, and opens its covariance by `open_m` (0: never), twice as
    much when it stays so.
    """
    n = len(x)
    h, dx, at = np.zeros(n), np.zeros(n), x.copy()
    column = np.zeros((n, 1))
    filled, doubt, opened = 0, 0.0, open_m
    for k in range(len(distance)):
        tape_start[k], lost[k] = filled, 0
        step_noise(at, distance[k], turn[k], noise[k], n, q_out[k])
        advance(at, distance[k], turn[k], dt[k], curvature, f_out[k])
        for j in range(BIAS, n):
            at[j] *= decay[k, j - BIAS]
        start[k, :] = at
        if not follow:
            column[:, 0] = dx
            shear(column, f_out[k])
            for j in range(BIAS, n):
                column[j, 0] *= decay[k, j - BIAS]
            for j in range(n):
                dx[j] = column[j, 0] + at[j] - ref[k, j]
                at[j] = ref[k, j]
        if follow and open_m > 0.0 and doubt > MOST_DOUBT:
            q_out[k, X] += opened * opened
            q_out[k, Y] += opened * opened
            q_out[k, PSI] += OPEN_RAD * OPEN_RAD if q_out[k, PSI] > 0.0 else 0.0
            memory[:] = -1.0
            doubt, opened, lost[k] = 0.5 * MOST_DOUBT, 2.0 * opened, 1
        elif doubt < 0.25 * MOST_DOUBT:
            opened = open_m
        predict_covariance(p, f_out[k], decay[k], q_out[k])
        for i in range(first_row[k], first_row[k + 1]):
            y = value[i] - row_of(at, kind[i], target[i], group[i], sort[i], h)
            bend = bend_of(at, p) if follow and kind[i] == SPEED else 0.0
            y -= bend
            left = y
            for a in range(n):
                left -= h[a] * dx[a]
            innovation[i], share[i] = left, 1.0
            if not variance[i] > 0.0:
                spread[i] = 0.0
                continue
            spread[i] = quadratic(p, h) if follow else 0.0
            r = variance[i] + 2.0 * bend * bend
            if follow and mixture[i, 1] > 0.0:
                own = mixture[i]
                share[i] = direct_share(
                    left, own[0] + spread[i], own[1], own[2], own[3], own[4], memory[sort[i]]
                )  # fmt: skip
                memory[sort[i]] = share[i]
                share[i] *= sound(left, own[0] + spread[i])
                r /= max(share[i], LEAST_SHARE)
                doubt += DOUBT_GAIN * (1.0 - share[i] - doubt)
            tape[filled, :n] = h
            tape[filled, 2 * n] = left
            tape[filled, 2 * n + 1] = scalar_update(p, dx, h, y, r, tape[filled, n : 2 * n])
            filled += 1
            if follow:
                for j in range(n):
                    at[j] += dx[j]
                    dx[j] = 0.0
        for j in range(n):
            x_out[k, j] = at[j] + dx[j]
        p_out[k, 0, :], p_out[k, 1, :], p_out[k, 2, :], p_out[k, 3, :] = p[X], p[Y], p[Z], p[PSI]
        if follow:
            ref[k, :] = at
        for j in range(n):
            start[k, j] -= ref[k, j]
    tape_start[len(distance)] = filled
    for j in range(n):
        x[j] = at[j] + dx[j]


@kernel
def bend_of(x: F64, p: F64) -> float:
    """How much longer a velocity is on average than its mean, for it may point sideways: the second-order term."""
    square = x[VX] * x[VX] + x[VY] * x[VY] + LEAST_MPS * LEAST_MPS
    cross = x[VY] * x[VY] * p[VX, VX] + x[VX] * x[VX] * p[VY, VY] - 2.0 * x[VX] * x[VY] * p[VX, VY]
    return 0.5 * cross / (square * math.sqrt(square))


@kernel
def predict_covariance(p: F64, f: F64, decay: F64, q: F64) -> None:
    """P ← F P Fᵀ + Q."""
    n = len(p)
    shear(p, f)
    transpose(p)
    shear(p, f)
    for i in range(BIAS, n):
        if decay[i - BIAS] != 1.0:
            for j in range(n):
                p[i, j] *= decay[i - BIAS]
                p[j, i] *= decay[i - BIAS]
    add_noise(p, q)


@kernel
def quadratic(p: F64, h: F64) -> float:
    """h P hᵀ of a row with few entries."""
    total = 0.0
    for a in range(len(h)):
        if h[a] != 0.0:
            for b in range(len(h)):
                total += h[a] * p[a, b] * h[b]
    return total


@kernel
def smooth_pass(
    x0: F64, p0: F64, want: bool, ref: F64, decay: F64, f_out: F64, q_out: F64, p_out: F64, tape: F64,
    tape_start: I64, start: F64, lam: F64, x_s: F64, cov: F64,
) -> None:  # fmt: skip
    """Smooth a pass that began at x0 (n,), p0 (n, n).

    ref, start, decay, f_out, q_out, p_out, tape, tape_start as filter_pass took and left them.
    lam (K, n) is filled with the adjoint before each step's rows; x_s (K, n) receives the smoothed states, and, where
    `want`, cov (K, KEPT, KEPT) their covariance.
    """
    steps, n = x_s.shape
    one, big, work = np.zeros((n, 1)), np.zeros((n, n)), np.zeros(n)
    m = np.zeros((KEPT, n))
    adjoint = np.zeros(n)
    for k in range(steps - 1, -1, -1):
        if want:
            for i in range(KEPT):
                for j in range(n):
                    t = 0.0
                    for r in range(n):
                        t += p_out[k, i, r] * big[r, j]
                    m[i, j] = t
            for i in range(KEPT):
                for j in range(KEPT):
                    t = p_out[k, i, _kept(j)]
                    for r in range(n):
                        t -= m[i, r] * p_out[k, j, r]
                    cov[k, i, j] = t
        for row in range(tape_start[k + 1] - 1, tape_start[k] - 1, -1):
            line = tape[row]
            if want:
                adjoint_measurement(adjoint, big, line[:n], line[n : 2 * n], line[2 * n], line[2 * n + 1], work)
            else:
                kl = 0.0
                for i in range(n):
                    kl += line[n + i] * adjoint[i]
                for i in range(n):
                    adjoint[i] -= line[i] * (line[2 * n] / line[2 * n + 1] + kl)
        lam[k, :] = adjoint
        for j in range(BIAS, n):
            adjoint[j] *= decay[k, j - BIAS]
        one[:, 0] = adjoint
        shear_back(one, f_out[k])
        adjoint[:] = one[:, 0]
        if want:
            for i in range(BIAS, n):
                for j in range(n):
                    big[i, j] *= decay[k, i - BIAS]
                    big[j, i] *= decay[k, i - BIAS]
            shear_back(big, f_out[k])
            transpose(big)
            shear_back(big, f_out[k])
    for i in range(n):
        t = 0.0
        for j in range(n):
            t += p0[i, j] * adjoint[j]
        one[i, 0] = -t
    for k in range(steps):
        shear(one, f_out[k])
        for j in range(BIAS, n):
            one[j, 0] *= decay[k, j - BIAS]
        for j in range(n):
            one[j, 0] += start[k, j] - q_out[k, j] * lam[k, j]
        one[X, 0] -= q_out[k, n] * lam[k, Y]
        one[Y, 0] -= q_out[k, n] * lam[k, X]
        for j in range(n):
            x_s[k, j] = ref[k, j] + one[j, 0]


@kernel
def _kept(j: int) -> int:
    return PSI if j == KEPT - 1 else j
