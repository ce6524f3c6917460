"""Kalman filtering by scalars: a measurement at a time, and the adjoint that smooths (Bierman 1973).

Covariances are full, symmetric, C-contiguous (n, n). The smoother is the modified Bryson–Frazier form: it needs no
inverse, and of a pass only each measurement's row, gain and innovation (Bierman, "Fixed interval smoothing with
discrete measurements", Int. J. Control 18, 1973).
"""

from __future__ import annotations

from typing import Any

from kinema.kernels.jit import kernel

F64 = Any


@kernel
def times_sparse(p: F64, h: F64, out: F64) -> None:
    """out = P h for a symmetric P (n, n), by rows of P, of which those where h (n,) is zero cost nothing."""
    n = len(h)
    for i in range(n):
        out[i] = 0.0
    for j in range(n):
        hj = h[j]
        if hj != 0.0:
            row = p[j]
            for i in range(n):
                out[i] += hj * row[i]


@kernel
def add_rows(c: F64, first: int, last: int, b: F64, out: F64) -> None:
    """out (n,) += Σ c[q] b[q, :n] over q in [first, last), four rows in one go: a store costs as much as a product."""
    n = len(out)
    q = first
    while q + 4 <= last:
        c0, c1, c2, c3 = c[q], c[q + 1], c[q + 2], c[q + 3]
        b0, b1, b2, b3 = b[q], b[q + 1], b[q + 2], b[q + 3]
        for j in range(n):
            out[j] += c0 * b0[j] + c1 * b1[j] + c2 * b2[j] + c3 * b3[j]
        q += 4
    while q < last:
        cq, bq = c[q], b[q]
        for j in range(n):
            out[j] += cq * bq[j]
        q += 1


@kernel
def scalar_update(p: F64, dx: F64, h: F64, y: float, r: float, gain: F64) -> float:
    """Fold one scalar measurement into covariance `p` and error `dx`, in place; returns the innovation variance.

    y: measured minus predicted at dx = 0; r: its variance; gain (n,) receives K. The Joseph form is not needed: the
    update subtracts the exactly symmetric K S Kᵀ.
    """
    n = len(h)
    times_sparse(p, h, gain)
    s = r
    for i in range(n):
        s += h[i] * gain[i]
        y -= h[i] * dx[i]
    share = 1.0 / s
    for i in range(n):
        gi = gain[i]
        row = p[i]
        for j in range(n):
            # the product of both gains first: it is the same for (i, j) and (j, i)
            row[j] -= gi * gain[j] * share
    for i in range(n):
        gain[i] *= share
        dx[i] += gain[i] * y
    return s


@kernel
def adjoint_measurement(lam: F64, big: F64, h: F64, gain: F64, y: float, s: float, work: F64) -> None:
    """Take the adjoint λ (n,) and Λ (n, n) back over one scalar measurement; y: its innovation, s: its variance.

    Λ stays exactly symmetric.
    """
    n = len(h)
    times_sparse(big, gain, work)
    kl = 0.0
    klk = 0.0
    for i in range(n):
        kl += gain[i] * lam[i]
        klk += gain[i] * work[i]
    a = -y / s - kl
    b = 0.5 * (1.0 / s + klk)
    for i in range(n):
        lam[i] += h[i] * a
        work[i] = b * h[i] - work[i]
    for i in range(n):
        hi, wi = h[i], work[i]
        row = big[i]
        for j in range(n):
            row[j] += hi * work[j] + wi * h[j]


@kernel
def cholesky3(a: F64, out: F64) -> int:
    """Lower Cholesky factor of a symmetric (3, 3); 0 where it is not positive definite, else 1."""
    for i in range(3):
        for j in range(i + 1):
            t = a[i, j]
            for k in range(j):
                t -= out[i, k] * out[j, k]
            if i == j:
                if not t > 0.0:
                    return 0
                out[i, i] = t**0.5
            else:
                out[i, j] = t / out[j, j]
                out[j, i] = 0.0
    return 1
