"""Dead reckoning in a plane, corrected by ranges to anchors: one causal pass and its smoother.

State (7 + anchors): x, y, heading ψ (from x towards y), odometry scale error, turn bias (rad/s), crab angle, range
scale error, one range bias per anchor. Error = truth − estimate throughout, additive.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kinema.kernels.jit import kernel
from kinema.kernels.kalman import adjoint_measurement, scalar_update

F64 = Any
I64 = Any

X, Y, PSI, KO, GZ, CRAB, KR, BIAS = range(8)
Q_DISTANCE, Q_STEP, Q_TURN, Q_TURN_SHARE, Q_KO, Q_GZ, Q_CRAB, Q_KR, Q_BIAS, R_RANGE, GATE, P_SIZE = range(12)


@kernel
def advance(x: F64, distance: float, turn: float, dt: float, f: F64) -> None:
    """Move the state by one odometry step; f (3, 6) receives the derivatives of x, y, ψ by the first six states."""
    step = distance * (1.0 + x[KO])
    course = x[PSI] + 0.5 * turn + x[CRAB]
    c, s = math.cos(course), math.sin(course)
    for i in range(3):
        for j in range(6):
            f[i, j] = 1.0 if i == j else 0.0
    f[0, PSI], f[1, PSI] = -step * s, step * c
    f[0, CRAB], f[1, CRAB] = f[0, PSI], f[1, PSI]
    f[0, KO], f[1, KO] = distance * c, distance * s
    f[2, GZ] = dt
    x[X] += step * c
    x[Y] += step * s
    x[PSI] += turn + x[GZ] * dt


@kernel
def range_row(x: F64, anchor: F64, index: int, measured: float, h: F64) -> float:
    """Innovation of a range to `anchor` (3,) by (1 + k) ρ + b, and its row h (n,)."""
    dx, dy = x[X] - anchor[0], x[Y] - anchor[1]
    rho = math.sqrt(dx * dx + dy * dy + anchor[2] * anchor[2] + 1e-6)
    for j in range(len(h)):
        h[j] = 0.0
    h[X], h[Y] = (1.0 + x[KR]) * dx / rho, (1.0 + x[KR]) * dy / rho
    h[KR] = rho
    h[BIAS + index] = 1.0
    return measured - (1.0 + x[KR]) * rho - x[BIAS + index]


@kernel
def _propagate(p: F64, f: F64, q: F64) -> None:
    """P ← F P Fᵀ + Q with F the identity but for its first three rows; q (n,) and the 2×2 of x, y behind it."""
    n = len(p)
    t = np.zeros((3, n))
    for i in range(3):
        for k in range(6):
            if f[i, k] != 0.0:
                for j in range(n):
                    t[i, j] += f[i, k] * p[k, j]
    for i in range(3):
        for j in range(n):
            p[i, j] = t[i, j]
    for i in range(n):
        for r in range(3):
            s = 0.0
            for k in range(6):
                s += p[i, k] * f[r, k] if i >= 3 else t[i, k] * f[r, k]
            if i < 3:
                p[i, r] = s
            elif r < 3:
                p[r, i] = t[r, i]
    for i in range(3, n):
        for r in range(3):
            p[i, r] = p[r, i]
    for i in range(n):
        p[i, i] += q[i]
    p[0, 1] += q[n]
    p[1, 0] += q[n]


@kernel
def run_ranges(
    x: F64, p: F64, par: F64, distance: F64, turn: F64, dt: F64, first_range: I64,
    anchor_of: I64, range_m: F64, anchors: F64, use: F64,
    x_out: F64, p_out: F64, f_out: F64, tape: F64, tape_start: I64, nis: F64,
) -> None:  # fmt: skip
    """Filter over K odometry steps, in place in x (n,) and p (n, n); step 0 has no motion.

    Ranges first_range[k] … first_range[k + 1] belong to the end of step k; use (m,) 0 leaves one out. Written: x_out
    (K, n), p_out (K, 3, n), f_out (K, 3, 6), tape (m, 2 n + 2), tape_start (K + 1), nis (m,). Ranges beyond the gate
    have their variance grown with the excess.
    """
    n = len(x)
    h, dx, q = np.zeros(n), np.zeros(n), np.zeros(n + 1)
    at = 0
    for k in range(len(distance)):
        tape_start[k] = at
        psi = x[PSI] + 0.5 * turn[k] + x[CRAB]
        advance(x, distance[k], turn[k], dt[k], f_out[k])
        d = abs(distance[k])
        along = (par[Q_DISTANCE] * d) ** 2 + par[Q_STEP] ** 2 * dt[k]
        across = 0.1 * along
        c, s = math.cos(psi), math.sin(psi)
        q[X] = along * c * c + across * s * s
        q[Y] = along * s * s + across * c * c
        q[n] = (along - across) * c * s
        q[PSI] = par[Q_TURN] ** 2 * dt[k] + (par[Q_TURN_SHARE] * turn[k]) ** 2
        q[KO], q[GZ], q[CRAB] = par[Q_KO] ** 2 * dt[k], par[Q_GZ] ** 2 * dt[k], par[Q_CRAB] ** 2 * dt[k]
        q[KR] = par[Q_KR] ** 2 * dt[k]
        for j in range(BIAS, n):
            q[j] = par[Q_BIAS] ** 2 * dt[k]
        _propagate(p, f_out[k], q)
        for i in range(first_range[k], first_range[k + 1]):
            y = range_row(x, anchors[anchor_of[i]], anchor_of[i], range_m[i], h)
            variance = par[R_RANGE] ** 2
            total = variance
            for a in range(n):
                for b in range(n):
                    total += h[a] * p[a, b] * h[b]
            nis[i] = y * y / total
            if use[i] == 0.0:
                continue
            if nis[i] > par[GATE]:
                variance = variance * nis[i] / par[GATE] * nis[i] / par[GATE]
            tape[at, :n] = h
            tape[at, 2 * n] = y
            tape[at, 2 * n + 1] = scalar_update(p, dx, h, y, variance, tape[at, n : 2 * n])
            at += 1
            for j in range(n):
                x[j] += dx[j]
                dx[j] = 0.0
        x_out[k, :] = x
        p_out[k, :, :] = p[:3]
    tape_start[len(distance)] = at


@kernel
def smooth_ranges(
    x_out: F64, p_out: F64, f_out: F64, tape: F64, tape_start: I64, dx: F64, cov: F64, lam: F64, big: F64
) -> None:
    """Smooth a pass: dx (K, 3) to add to x, y, ψ and their covariance cov (K, 3, 3).

    lam (n,), big (n, n): zero on entry, the adjoint before the first step on return.
    """
    n = len(lam)
    work = np.zeros(n)
    m = np.zeros((3, n))
    for k in range(len(dx) - 1, -1, -1):
        for i in range(3):
            s = 0.0
            for j in range(n):
                s += p_out[k, i, j] * lam[j]
                t = 0.0
                for r in range(n):
                    t += p_out[k, i, r] * big[r, j]
                m[i, j] = t
            dx[k, i] = -s
        for i in range(3):
            for j in range(3):
                s = p_out[k, i, j]
                for r in range(n):
                    s -= m[i, r] * p_out[k, j, r]
                cov[k, i, j] = s
        for row in range(tape_start[k + 1] - 1, tape_start[k] - 1, -1):
            one = tape[row]
            adjoint_measurement(lam, big, one[:n], one[n : 2 * n], one[2 * n], one[2 * n + 1], work)
        f = f_out[k]
        for c in range(5, -1, -1):
            s = 0.0
            for r in range(3):
                s += (f[r, c] - (1.0 if r == c else 0.0)) * lam[r]
            work[c] = s
        for c in range(6):
            lam[c] += work[c]
        for j in range(n):
            for r in range(3):
                m[r, j] = big[r, j]
        for c in range(6):
            for r in range(3):
                e = f[r, c] - (1.0 if r == c else 0.0)
                if e != 0.0:
                    for j in range(n):
                        big[c, j] += e * m[r, j]
        for i in range(n):
            for r in range(3):
                m[r, i] = big[i, r]
        for i in range(n):
            for c in range(6):
                for r in range(3):
                    e = f[r, c] - (1.0 if r == c else 0.0)
                    if e != 0.0:
                        big[i, c] += e * m[r, i]
