"""The fixed-interval smoother over the tape of a tight pass: modified Bryson–Frazier (Bierman 1973), rows sparse."""

from __future__ import annotations

from typing import Any

import numpy as np

from kinema.kernels.inertial import GB, N_DRIVE, N_NAV, TD, TDD, N
from kinema.kernels.inertial_pass import FULL_EACH, N_KEPT
from kinema.kernels.jit import kernel
from kinema.kernels.tight import CLOCK, DRIFT, WIDTH
from kinema.kernels.tight_pass import kept

A = Any
"""Scalars and arrays as Numba infers them; docstrings give shapes."""


@kernel
def _adjoint_row(lam: A, big: A, n: A, index: A, number: A, work: A) -> None:
    """Take λ (n,) and Λ (n, n) back over one row of the tape."""
    count = index[0]
    if count < 0:
        i = index[1]
        lam[i] = 0.0
        for j in range(n):
            big[i, j] = 0.0
            big[j, i] = 0.0
        return
    gain = number[WIDTH + 2 : WIDTH + 2 + n]
    pull = square = 0.0
    for i in range(n):
        g, row = 0.0, big[i]
        for j in range(n):
            g += row[j] * gain[j]
        work[i] = g
        pull += gain[i] * lam[i]
    for i in range(n):
        square += gain[i] * work[i]
    v, s = number[WIDTH], number[WIDTH + 1]
    b = 1.0 / s + square
    for c in range(count):
        i, hi = index[1 + c], number[c]
        lam[i] += hi * (-v / s - pull)
        row = big[i]
        for j in range(n):
            row[j] -= hi * work[j]
            big[j, i] -= hi * work[j]
        for d in range(count):
            big[i, index[1 + d]] += b * hi * number[d]


@kernel
def _adjoint_extras(lam: A, big: A, n: A, decay: A) -> None:
    """Back over propagate_extras."""
    c, d, dt = N + CLOCK, N + DRIFT, decay[CLOCK]
    lam[d] += dt * lam[c]
    for j in range(n):
        big[d, j] += dt * big[c, j]
    for j in range(n):
        big[j, d] += dt * big[j, c]
    for i in range(2, n - N):
        f = decay[i]
        if f != 1.0:
            k = N + i
            lam[k] *= f
            for j in range(n):
                big[k, j] *= f
            for j in range(n):
                big[j, k] *= f


@kernel
def _adjoint_motion(lam: A, big: A, n: A, a: A, span: A, m: A) -> None:
    """Back over the inertial transition: λ ← Φᵀ λ, Λ ← Φᵀ Λ Φ; m (N_KEPT, n) is scratch."""
    total, decay = span[0], span[1]
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
    for r in range(N_NAV):
        for j in range(n):
            m[r, j] = big[r, j]
    for c in range(N_DRIVE):
        for r in range(N_NAV):
            f = a[r, c]
            if f != 0.0:
                for j in range(n):
                    big[c, j] += f * m[r, j]
    for i in range(n):
        for r in range(N_NAV):
            m[r, i] = big[i, r]
    for r in range(N_NAV):
        for c in range(N_DRIVE):
            f = a[r, c]
            if f != 0.0:
                for i in range(n):
                    big[i, c] += f * m[r, i]
    for c in range(N_DRIVE):
        g = 0.0
        for r in range(N_NAV):
            g += a[r, c] * lam[r]
        m[0, c] = g
    for c in range(N_DRIVE):
        lam[c] += m[0, c]
    # rounding would make Λ lose its symmetry, and the smoothed covariance its sign, over long outages
    for i in range(n):
        for j in range(i):
            big[i, j] = 0.5 * (big[i, j] + big[j, i])
            big[j, i] = big[i, j]


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
    work, m, m_full = np.zeros(n), np.zeros((N_KEPT, n)), np.zeros((N, n))
    for k in range(end - 1, begin - 1, -1):
        rows = out.rows_of_p[k]
        _kept_product(rows, big, m, n, N_KEPT)
        for i in range(N_KEPT):
            g = 0.0
            for j in range(n):
                g += rows[i, j] * lam[j]
            dx[k, i] = -g
            for j in range(i + 1):
                c = rows[i, kept(j)]
                for q in range(n):
                    c -= m[i, q] * rows[j, q]
                cov[k, i, j] = c
                cov[k, j, i] = c
        if k % FULL_EACH == 0:
            f = k // FULL_EACH
            rows = out.full[f]
            _kept_product(rows, big, m_full, n, N)
            for i in range(N):
                g = 0.0
                for j in range(n):
                    g += rows[i, j] * lam[j]
                dx_full[f, i] = -g
                for j in range(i + 1):
                    c = rows[i, j]
                    for q in range(n):
                        c -= m_full[i, q] * rows[j, q]
                    full[f, i, j] = c
                    full[f, j, i] = c
        for t in range(out.tape_start[k + 1] - 1, out.tape_start[k] - 1, -1):
            _adjoint_row(lam, big, n, tape.index[t], tape.number[t], work)
        if epoch[k] >= 0:
            _adjoint_extras(lam, big, n, out.decay[k])
        _adjoint_motion(lam, big, n, out.trans[k], out.span[k], m)


@kernel
def _kept_product(rows: A, big: A, m: A, n: A, count: A) -> None:
    """m (count, n) = rows (count, n) · Λ."""
    for i in range(count):
        for j in range(n):
            m[i, j] = 0.0
        for q in range(n):
            f = rows[i, q]
            if f != 0.0:
                for j in range(n):
                    m[i, j] += f * big[q, j]
