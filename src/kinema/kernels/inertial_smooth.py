"""The fixed-interval smoother over the tape of an inertial pass: the modified Bryson–Frazier form of kernels.kalman.

Its pieces take n ≥ N states, of which the inertial ones are the first: kernels.tight_smooth is made of them, too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kinema.kernels.inertial import GB, N_DRIVE, N_NAV, TD, TDD, N
from kinema.kernels.inertial_pass import FULL_EACH, N_KEPT, kept
from kinema.kernels.jit import kernel
from kinema.kernels.kalman import add_rows, adjoint_measurement

F64 = Any
I64 = Any

WIDE = 16
"""N_KEPT, filled up to whole vector registers."""


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
    work, m, t, whole = np.zeros(N), np.zeros((N, N)), np.zeros((N_KEPT, WIDE)), np.zeros((N, N))
    across, across_full = np.zeros((N, WIDE)), np.zeros((N, N))
    for k in range(len(dx_out) - 1, -1, -1):
        if k % FULL_EACH == 0:
            f = k // FULL_EACH
            move_by(p_full[f], lam, dx_full[f], across_full)
            smooth_full(p_full[f], across_full, big, p_full[f], m, whole)
        move_by(p_out[k], lam, work, across)
        for i in range(N_KEPT):
            dx_out[k, i] = work[i]
        if len(p_smooth) > 0:
            smooth_kept(p_out[k], across, big, p_smooth[k], m, t)
        for row in range(tape_start[k + 1] - 1, tape_start[k] - 1, -1):
            adjoint_measurement(
                lam, big, tape[row, :N], tape[row, N : 2 * N], tape[row, 2 * N], tape[row, 2 * N + 1], work
            )
        adjoint_transition(lam, big, trans[k], span[k, 0], span[k, 1], m, work)


@kernel
def _product(a: F64, b: F64, out: F64) -> None:
    """out = A B, by rows of B."""
    n = b.shape[1]
    for i in range(len(a)):
        row = out[i]
        for j in range(n):
            row[j] = 0.0
        add_rows(a[i], 0, len(b), b, row)


@kernel
def move_by(p: F64, lam: F64, dx: F64, across: F64) -> None:
    """dx = −P λ of some rows of P: p (k, n), their transpose goes to across (n, ≥ k); dx is written to its width."""
    wide = across.shape[1]
    for i in range(wide):
        dx[i] = 0.0
    for j in range(len(lam)):
        lj, row = lam[j], across[j]
        for i in range(len(p)):
            row[i] = p[i, j]
        for i in range(wide):
            dx[i] -= lj * row[i]


@kernel
def smooth_kept(p: F64, across: F64, big: F64, out: F64, m: F64, t: F64) -> None:
    """P − P Λ P of the kept states: p (15, n) their rows of P, across (n, 16) their transpose; m (≥ 15, n) and
    t (15, 16) are scratch."""
    _product(p, big, m[:N_KEPT])
    _product(m[:N_KEPT], across, t)
    for i in range(N_KEPT):
        for j in range(i + 1):
            out[i, j] = p[i, kept(j)] - t[i, j]
            out[j, i] = out[i, j]


@kernel
def smooth_full(p: F64, across: F64, big: F64, out: F64, m: F64, t: F64) -> None:
    """P − P Λ P of all inertial states: p (N, n) their rows of P, across (n, N) their transpose; m (N, n) and t (N, N)
    are scratch; out (N, N) may be p."""
    _product(p, big, m)
    _product(m, across, t)
    for i in range(N):
        for j in range(N):
            out[i, j] = p[i, j] - 0.5 * (t[i, j] + t[j, i])


@kernel
def adjoint_transition(lam: F64, big: F64, a: F64, total: float, decay: float, m: F64, work: F64) -> None:
    """λ ← Φᵀ λ and Λ ← Φᵀ Λ Φ in place, with Φ = I + a on the first rows, and its two other parts; m (≥ 18, n) and
    work (≥ 27,) are scratch.

    Λ must be symmetric and stays so: its rounding would otherwise grow over a minute without fixes.
    """
    n = len(lam)
    if decay < 1.0:
        for i in range(GB, GB + 3):
            lam[i] *= decay
            for j in range(n):
                big[i, j] *= decay
            for j in range(n):
                big[j, i] *= decay
    lam[TDD] += total * lam[TD]
    for j in range(n):
        big[TDD, j] += total * big[TD, j]
    for j in range(n):
        big[j, TDD] += total * big[j, TD]
    for c in range(N_DRIVE):
        row = m[c]
        for j in range(n):
            row[j] = big[c, j]
        t = 0.0
        for r in range(N_NAV):
            work[r] = a[r, c]
            t += a[r, c] * lam[r]
        add_rows(work, 0, N_NAV, big, row)
        work[N_NAV + c] = t
    # rows are done: what lies below them is their mirror image, and the corner gets its columns
    for c in range(N_DRIVE):
        lam[c] += work[N_NAV + c]
        row = big[c]
        for j in range(n):
            row[j] = m[c, j]
        for j in range(N_DRIVE, n):
            big[j, c] = row[j]
        add_rows(m[c], 0, N_NAV, a, row[:N_DRIVE])
    for i in range(N_DRIVE):
        for j in range(i):
            big[i, j] = 0.5 * (big[i, j] + big[j, i])
            big[j, i] = big[i, j]
