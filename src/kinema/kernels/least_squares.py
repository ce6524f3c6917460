"""Small dense symmetric systems, written out: what the estimators solve at every epoch."""

from __future__ import annotations

import math

import numpy as np

from kinema.kernels.jit import kernel


@kernel
def cholesky(a: np.ndarray, n: int) -> bool:
    """Lower Cholesky factor of the leading n × n of `a`, in place; False where it is not positive definite."""
    for j in range(n):
        d = a[j, j]
        for k in range(j):
            d -= a[j, k] * a[j, k]
        if not d > 0.0:
            return False
        d = math.sqrt(d)
        a[j, j] = d
        inv = 1.0 / d
        for i in range(j + 1, n):
            s = a[i, j]
            for k in range(j):
                s -= a[i, k] * a[j, k]
            a[i, j] = s * inv
    return True


@kernel
def forward_solve(low: np.ndarray, b: np.ndarray, n: int) -> None:
    """b ← L⁻¹ b."""
    for i in range(n):
        s = b[i]
        for k in range(i):
            s -= low[i, k] * b[k]
        b[i] = s / low[i, i]


@kernel
def backward_solve(low: np.ndarray, b: np.ndarray, n: int) -> None:
    """b ← L⁻ᵀ b."""
    for i in range(n - 1, -1, -1):
        s = b[i]
        for k in range(i + 1, n):
            s -= low[k, i] * b[k]
        b[i] = s / low[i, i]


@kernel
def inverse_from_cholesky(low: np.ndarray, out: np.ndarray, n: int) -> None:
    """out ← (L Lᵀ)⁻¹, both of leading size n; `out` must not be `low`."""
    for j in range(n):
        for i in range(n):
            out[i, j] = 0.0
        out[j, j] = 1.0
        for i in range(j, n):
            s = out[i, j]
            for k in range(j, i):
                s -= low[i, k] * out[k, j]
            out[i, j] = s / low[i, i]
        for i in range(n - 1, -1, -1):
            s = out[i, j]
            for k in range(i + 1, n):
                s -= low[k, i] * out[k, j]
            out[i, j] = s / low[i, i]


@kernel
def student_weight(u: float, nu: float) -> float:
    """Weight of a residual of u sigmas under a Student-t of nu degrees (iteratively reweighted maximum likelihood)."""
    return (nu + 1.0) / (nu + u * u)
