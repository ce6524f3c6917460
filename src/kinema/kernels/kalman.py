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
def scalar_update(p: F64, dx: F64, h: F64, y: float, r: float, gain: F64) -> float:
    """Fold one scalar measurement into covariance `p` and error `dx`, in place; returns the innovation variance.

    y: measured minus predicted at dx = 0; r: its variance; gain (n,) receives K. The Joseph form is not needed: the
    update subtracts the exactly symmetric K S Kᵀ.
    """
    n = len(h)
    s = r
    for i in range(n):
        t = 0.0
        for j in range(n):
            t += p[i, j] * h[j]
        gain[i] = t
    for i in range(n):
        s += h[i] * gain[i]
        y -= h[i] * dx[i]
    for i in range(n):
        ki = gain[i] / s
        dx[i] += ki * y
        for j in range(i + 1):
            p[i, j] -= ki * gain[j]
            p[j, i] = p[i, j]
    for i in range(n):
        gain[i] /= s
    return s


@kernel
def adjoint_measurement(lam: F64, big: F64, h: F64, gain: F64, y: float, s: float, work: F64) -> None:
    """Take the adjoint λ (n,) and Λ (n, n) back over one scalar measurement; y: its innovation, s: its variance."""
    n = len(h)
    kl = 0.0
    klk = 0.0
    for i in range(n):
        t = 0.0
        for j in range(n):
            t += big[i, j] * gain[j]
        work[i] = t
        kl += gain[i] * lam[i]
    for i in range(n):
        klk += gain[i] * work[i]
    a = -y / s - kl
    b = 1.0 / s + klk
    for i in range(n):
        hi = h[i]
        lam[i] += hi * a
        wi = work[i]
        for j in range(n):
            big[i, j] += hi * (b * h[j] - work[j]) - wi * h[j]


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
