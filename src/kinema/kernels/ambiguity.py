"""Integer ambiguities: decorrelation, search, success rate, and conditioning on what is known (LAMBDA).

Teunissen (1995), de Jonge & Tiberius (1996); search after Schnorr & Euchner as in Ghasemmehdi & Agrell (2011);
success rate of bootstrapping after Teunissen (1998). Here Q = Lᵀ D L with L unit lower triangular, so that the last
ambiguity is the one that is conditioned on nothing. All matrices C-contiguous float64.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kinema.kernels.jit import kernel

A = Any
"""Scalars and arrays as Numba infers them; docstrings give shapes."""

RATIO_CAP = 5.0
"""The search does not look further than this many times the best norm: proving a ratio of 100 takes for ever."""
SEARCH_NODES = 20_000
"""Nodes after which a search gives up: float solutions that poor are not to be fixed anyway."""


@kernel
def ltdl(q: A, lo: A, d: A) -> A:
    """Factorise Q (n, n) into L and d (n,). Returns False where Q is not positive definite."""
    n = q.shape[0]
    a = q.copy()
    for i in range(n - 1, -1, -1):
        if not a[i, i] > 0.0:
            return False
        d[i] = a[i, i]
        for j in range(i + 1):
            lo[i, j] = a[i, j] / d[i]
        for j in range(i + 1, n):
            lo[i, j] = 0.0
        for j in range(i):
            c = lo[i, j] * d[i]
            for k in range(j + 1):
                a[j, k] -= c * lo[i, k]
    return True


@kernel
def _size_reduce(lo: A, zt: A, i: A, j: A) -> None:
    """Subtract the integer multiple of column i from column j (rows of Zᵀ)."""
    mu = np.rint(lo[i, j])
    if mu != 0.0:
        n = lo.shape[0]
        for k in range(i, n):
            lo[k, j] -= mu * lo[k, i]
        for k in range(n):
            zt[j, k] -= mu * zt[i, k]


@kernel
def decorrelate(lo: A, d: A, zt: A) -> None:
    """Reduce L and d in place; zt (n, n) becomes Zᵀ of z = Zᵀ a.

    Neighbours are swapped while that makes a later conditional variance smaller (as LLL does); a column is
    size-reduced in full once its swaps are over, since left for the end the multiples would grow without bound.
    """
    n = lo.shape[0]
    zt[:] = 0.0
    for i in range(n):
        zt[i, i] = 1.0
    j = n - 2
    while j >= 0:
        _size_reduce(lo, zt, j + 1, j)
        new = d[j] + lo[j + 1, j] * lo[j + 1, j] * d[j + 1]
        if new < d[j + 1] * (1.0 - 1e-9):
            eta, lam = d[j] / new, d[j + 1] * lo[j + 1, j] / new
            step = lo[j + 1, j]
            d[j] = eta * d[j + 1]
            d[j + 1] = new
            for k in range(j):
                above, below = lo[j, k], lo[j + 1, k]
                lo[j, k] = below - step * above
                lo[j + 1, k] = eta * above + lam * below
            lo[j + 1, j] = lam
            for k in range(j + 2, n):
                lo[k, j], lo[k, j + 1] = lo[k, j + 1], lo[k, j]
            for k in range(n):
                zt[j, k], zt[j + 1, k] = zt[j + 1, k], zt[j, k]
            j = min(j + 1, n - 2)
        else:
            for i in range(j + 2, n):
                _size_reduce(lo, zt, i, j)
            j -= 1


@kernel
def success_rate(d: A, first: A) -> A:
    """Probability that bootstrapping the ambiguities `first`.. with conditional variances d (cycles²) is right."""
    p = 1.0
    for i in range(first, d.shape[0]):
        p *= math.erf(1.0 / math.sqrt(8.0 * d[i]))
    return p


@kernel
def search(lo: A, d: A, z: A, first: A, best: A, cost: A) -> A:
    """The two integer vectors nearest to z[first:] in the metric of Q.

    best (2, n) is written from `first` on, cost (2,) are their squared norms (the second at most RATIO_CAP times
    the first). Returns the nodes visited, or −1 where
    the search gave up.
    """
    n = d.shape[0]
    centre, trial, step, partial = np.empty(n), np.empty(n), np.empty(n), np.zeros(n + 1)
    offsets = np.zeros((n + 1, n))
    cost[:] = np.inf
    found, nodes, k = 0, 0, n - 1
    centre[k] = z[k]
    trial[k] = np.rint(z[k])
    step[k] = 1.0 if z[k] >= trial[k] else -1.0
    while True:
        nodes += 1
        if nodes > SEARCH_NODES:
            return -1
        residual = centre[k] - trial[k]
        here = partial[k + 1] + residual * residual / d[k]
        if here < min(cost[1], RATIO_CAP * cost[0]):
            if k > first:
                partial[k] = here
                for i in range(first, k):
                    offsets[k, i] = offsets[k + 1, i] - residual * lo[k, i]
                k -= 1
                centre[k] = z[k] + offsets[k + 1, k]
                trial[k] = np.rint(centre[k])
                step[k] = 1.0 if centre[k] >= trial[k] else -1.0
                continue
            slot = 1 if found > 0 else 0
            if found > 0 and here < cost[0]:
                cost[1] = cost[0]
                best[1, first:] = best[0, first:]
                slot = 0
            cost[slot] = here
            best[slot, first:] = trial[first:]
            found += 1
        else:
            k += 1
            if k == n:
                cost[1] = min(cost[1], RATIO_CAP * cost[0])
                return nodes
        trial[k] += step[k]
        step[k] = -step[k] - 1.0 if step[k] > 0.0 else -step[k] + 1.0


@kernel
def solve_ltdl(lo: A, d: A, first: A, r: A) -> A:
    """Q[first:, first:]⁻¹ r from the factors of Q."""
    n = d.shape[0]
    x = r.copy()
    for i in range(n - 1, first, -1):
        for j in range(first, i):
            x[j - first] -= lo[i, j] * x[i - first]
    for i in range(first, n):
        x[i - first] /= d[i]
    for i in range(first, n):
        for j in range(first, i):
            x[i - first] -= lo[i, j] * x[j - first]
    return x


@kernel
def resolve(q: A, a: A, p_min: A, fixed: A, out: A) -> A:
    """Fix as many decorrelated ambiguities as the success rate p_min allows.

    q (n, n), a (n,): float ambiguities in cycles. Writes into `fixed` (n,) the ambiguities conditioned on the integers
    found (integers themselves where all are fixed), into out (5,): number of decorrelated ambiguities fixed, their
    success rate, ratio of second to best norm, best norm, nodes. Returns the rows of Zᵀ and the integers that were
    imposed (zt (k, n), z (k,)); k = 0 where nothing could be fixed.
    """
    n = a.shape[0]
    lo, d, zt = np.zeros((n, n)), np.zeros(n), np.zeros((n, n))
    fixed[:] = a
    out[:] = 0.0
    if n == 0 or not ltdl(q, lo, d):
        return zt[:0], a[:0].copy()
    decorrelate(lo, d, zt)
    first, p = n, 1.0
    while first > 0:
        next_p = p * math.erf(1.0 / math.sqrt(8.0 * d[first - 1]))
        if next_p < p_min:
            break
        p = next_p
        first -= 1
    out[1] = p
    if first == n:
        return zt[:0], a[:0].copy()
    z = np.zeros(n)
    for i in range(n):
        for j in range(n):
            z[i] += zt[i, j] * a[j]
    best, cost = np.zeros((2, n)), np.zeros(2)
    out[4] = search(lo, d, z, first, best, cost)
    if out[4] < 0.0:
        return zt[:0], a[:0].copy()
    out[0] = n - first
    out[2] = cost[1] / max(cost[0], 1e-12)
    out[3] = cost[0]
    zk, target = zt[first:].copy(), best[0, first:].copy()
    weighted = solve_ltdl(lo, d, first, z[first:] - target)
    pull = np.zeros(n)
    for i in range(n - first):
        for j in range(n):
            pull[j] += zk[i, j] * weighted[i]
    for i in range(n):
        for j in range(n):
            fixed[i] -= q[i, j] * pull[j]
    return zk, target
