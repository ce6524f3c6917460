"""The fixed-interval smoother over the tape of an inertial pass: the modified Bryson–Frazier form of kernels.kalman."""

from __future__ import annotations

from typing import Any

import numpy as np

from kinema.kernels.inertial import GB, N_DRIVE, N_NAV, TD, TDD, L, N
from kinema.kernels.inertial_pass import FULL_EACH, N_KEPT
from kinema.kernels.jit import kernel
from kinema.kernels.kalman import adjoint_measurement

F64 = Any
I64 = Any


@kernel
def smooth_pass(
    trans: F64, span: F64, tape: F64, tape_start: I64, p_out: F64, p_full: F64,
    dx_out: F64, p_smooth: F64, dx_full: F64, lam: F64, big: F64,
) -> None:  # fmt: skip
    """Smooth a recorded pass backwards: dx_out (K, 15) is added to the nominal states of the pass.

    p_smooth (K, 15, 15): smoothed covariance of these (of length 0: not wanted). p_full (⌈K / FULL_EACH⌉, N, N)
    becomes smoothed in place, and dx_full (…, N) is what all states of these nodes move by. lam (N,), big (N, N) enter
    as zero and leave as the adjoint before the first node: the smoothed start is x₀ − P₀ λ, of covariance P₀ − P₀ Λ P₀.
    """
    work, m, whole = np.zeros(N), np.zeros((N_KEPT, N)), np.zeros((N, N))
    wanted = len(p_smooth) > 0
    for k in range(len(dx_out) - 1, -1, -1):
        p = p_out[k]
        if k % FULL_EACH == 0:
            _smooth_full(p_full[k // FULL_EACH], lam, big, dx_full[k // FULL_EACH], whole, work)
        for i in range(N_KEPT):
            t = 0.0
            for j in range(N):
                t += p[i, j] * lam[j]
                m[i, j] = 0.0
            dx_out[k, i] = -t
            if wanted:
                for q in range(N):
                    piq = p[i, q]
                    for j in range(N):
                        m[i, j] += piq * big[q, j]
        for i in range(N_KEPT if wanted else 0):
            for j in range(i + 1):
                t = p[i, j if j < N_NAV else (TD if j == N_NAV else L + j - N_NAV - 1)]
                for q in range(N):
                    t -= m[i, q] * p[j, q]
                p_smooth[k, i, j] = t
                p_smooth[k, j, i] = t
        for row in range(tape_start[k + 1] - 1, tape_start[k] - 1, -1):
            adjoint_measurement(
                lam, big, tape[row, :N], tape[row, N : 2 * N], tape[row, 2 * N], tape[row, 2 * N + 1], work
            )
        _adjoint_transition(lam, big, trans[k], span[k, 0], span[k, 1], m)


@kernel
def _smooth_full(p: F64, lam: F64, big: F64, dx: F64, m: F64, work: F64) -> None:
    """P ← P − P Λ P in place and dx = −P λ, of all states; m (N, N) and work (N,) are scratch."""
    for i in range(N):
        t = 0.0
        for j in range(N):
            t += p[i, j] * lam[j]
            m[i, j] = 0.0
        dx[i] = -t
        for q in range(N):
            for j in range(N):
                m[i, j] += p[i, q] * big[q, j]
    for i in range(N):
        for j in range(N):
            work[j] = 0.0
            for q in range(N):
                work[j] += m[i, q] * p[q, j]
        for j in range(N):
            m[i, j] = work[j]
    for i in range(N):
        for j in range(N):
            p[i, j] -= 0.5 * (m[i, j] + m[j, i])


@kernel
def _adjoint_transition(lam: F64, big: F64, a: F64, total: float, decay: float, m: F64) -> None:
    """λ ← Φᵀ λ and Λ ← Φᵀ Λ Φ in place, with Φ = I + a on the first rows, and its two other parts."""
    for i in range(GB, GB + 3):
        lam[i] *= decay
        for j in range(N):
            big[i, j] *= decay
        for j in range(N):
            big[j, i] *= decay
    lam[TDD] += total * lam[TD]
    for j in range(N):
        big[TDD, j] += total * big[TD, j]
    for j in range(N):
        big[j, TDD] += total * big[j, TD]
    for r in range(N_NAV):
        for j in range(N):
            m[r, j] = big[r, j]
    # Λ is symmetric: first add the rows aᵀ (rows of Λ), then the columns of the result
    for c in range(N_DRIVE):
        for r in range(N_NAV):
            arc = a[r, c]
            if arc != 0.0:
                for j in range(N):
                    big[c, j] += arc * m[r, j]
    for i in range(N):
        for r in range(N_NAV):
            m[r, i] = big[i, r]
    for i in range(N):
        for c in range(N_DRIVE):
            t = 0.0
            for r in range(N_NAV):
                t += m[r, i] * a[r, c]
            big[i, c] += t
    for c in range(N_DRIVE):
        t = 0.0
        for r in range(N_NAV):
            t += a[r, c] * lam[r]
        m[0, c] = t
    for c in range(N_DRIVE):
        lam[c] += m[0, c]
    for i in range(N):
        for j in range(i):
            big[i, j] = 0.5 * (big[i, j] + big[j, i])
            big[j, i] = big[i, j]
