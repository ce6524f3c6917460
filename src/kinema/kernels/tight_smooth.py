"""The fixed-interval smoother over the tape of a tight pass: the pieces of kernels.inertial_smooth, rows sparse."""

from __future__ import annotations

from typing import Any

import numpy as np

from kinema.kernels.inertial import N
from kinema.kernels.inertial_pass import FULL_EACH, N_KEPT
from kinema.kernels.inertial_smooth import WIDE, adjoint_transition, move_by, smooth_full, smooth_kept
from kinema.kernels.jit import kernel
from kinema.kernels.kalman import times_sparse
from kinema.kernels.tight import CLOCK, DRIFT, WIDTH

A = Any
"""Scalars and arrays as Numba infers them; docstrings give shapes."""


@kernel
def _adjoint_begun(lam: A, big: A, i: A) -> None:
    """Back over a state that began anew: of what it was before, nothing that follows tells."""
    lam[i] = 0.0
    for j in range(len(lam)):
        big[i, j] = 0.0
        big[j, i] = 0.0


@kernel
def _adjoint_row(lam: A, big: A, index: A, number: A, work: A) -> None:
    """Take λ (n,) and Λ (n, n), which stays symmetric, back over one row of the tape."""
    n, count = len(lam), index[0]
    at, gain = index[1:], number[WIDTH + 2 : WIDTH + 2 + n]
    times_sparse(big, gain, work)
    pull = square = 0.0
    for i in range(n):
        pull += gain[i] * lam[i]
        square += gain[i] * work[i]
    v, s = number[WIDTH], number[WIDTH + 1]
    a, b = -v / s - pull, 1.0 / s + square
    for c in range(count):
        h, row = number[c], big[at[c]]
        lam[at[c]] += h * a
        for j in range(n):
            row[j] -= h * work[j]
    # by rows, of which each lies in one place of memory: down the columns it would take four times as long
    for i in range(n):
        w, row = work[i], big[i]
        for c in range(count):
            row[at[c]] -= w * number[c]
    for c in range(count):
        h, row = b * number[c], big[at[c]]
        for d in range(count):
            row[at[d]] += h * number[d]


@kernel
def _adjoint_extras(lam: A, big: A, decay: A) -> None:
    """Back over kernels.tight.propagate_extras."""
    n = len(lam)
    c, d, dt = N + CLOCK, N + DRIFT, decay[CLOCK]
    lam[d] += dt * lam[c]
    for j in range(n):
        big[d, j] += dt * big[c, j]
    for i in range(n):
        row, f = big[i], 1.0
        row[d] += dt * row[c]
        if i >= N + 2:
            f = decay[i - N]
            lam[i] *= f
        for j in range(N + 2):
            row[j] *= f
        for j in range(N + 2, n):
            row[j] *= f * decay[j - N]


@kernel
def tight_smooth(
    epoch: A, out: A, tape: A, begin: A, end: A, lam: A, big: A, dx: A, cov: A, dx_full: A, full: A
) -> None:
    """Smooth the recorded nodes begin … end − 1 backwards.

    dx (K, 15) is added to the kept states of the pass, cov (K, 15, 15) their covariance; dx_full (F, N), full (F, N, N)
    those of all inertial states at each FULL_EACH-th node. lam (N + M,), big enter as the adjoint behind the last node
    and leave as that before the first: the smoothed start is x₀ − P₀ λ with covariance P₀ − P₀ Λ P₀.
    """
    n = len(lam)
    work, m, t, whole = np.zeros(n), np.zeros((N, n)), np.zeros((N_KEPT, WIDE)), np.zeros((N, N))
    across, across_full = np.zeros((n, WIDE)), np.zeros((n, N))
    for k in range(end - 1, begin - 1, -1):
        if k % FULL_EACH == 0:
            f = k // FULL_EACH
            move_by(out.full[f], lam, dx_full[f], across_full)
            smooth_full(out.full[f], across_full, big, full[f], m, whole)
        move_by(out.rows_of_p[k], lam, work, across)
        for i in range(N_KEPT):
            dx[k, i] = work[i]
        smooth_kept(out.rows_of_p[k], across, big, cov[k], m, t)
        for r in range(out.tape_start[k + 1] - 1, out.tape_start[k] - 1, -1):
            if tape.index[r, 0] < 0:
                _adjoint_begun(lam, big, tape.index[r, 1])
            else:
                _adjoint_row(lam, big, tape.index[r], tape.number[r], work)
        if epoch[k] >= 0:
            _adjoint_extras(lam, big, out.decay[k])
        adjoint_transition(lam, big, out.trans[k], out.span[k, 0], out.span[k, 1], m, work)
