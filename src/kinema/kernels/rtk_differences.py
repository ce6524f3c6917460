"""Double differences of ambiguities: which there are, their covariance, and what imposing integers on them does."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kinema.kernels.ambiguity import ltdl, solve_ltdl
from kinema.kernels.jit import kernel

A = Any
"""Scalars and arrays as Numba infers them; docstrings give shapes."""


@kernel
def double_differences(
    index: A,
    rows: A,
    n_rows: A,
    sat: A,
    group: A,
    n_groups: A,
    elevation: A,
    lock: A,
    wavelength: A,
    usable: A,
    memory: A,
    confirm: A,
    min_lock: A,
    dd: A,
    dd_cyc: A,
) -> A:
    """Differences against one reference per group and signal. Returns (count, known).

    dd (k, 4) int: state, reference's state, satellite, slot·1000 + reference's satellite; dd_cyc (k, 2): wavelength
    and, where both are held in one datum, the known integer (else NaN). The known ones come last.
    """
    slots = wavelength.shape[1]
    count, known = 0, 0
    for turn in range(2):
        for g in range(n_groups):
            for f in range(slots):
                ref, best = -1, -1.0
                for k in range(n_rows):
                    r = rows[k]
                    if group[r] != g or not usable[r, f] or index[sat[r], f] < 0:
                        continue
                    held = memory[sat[r], f, 2] >= confirm
                    if lock[index[sat[r], f]] < min_lock and not held:
                        continue
                    merit = elevation[r] + (10.0 if held else 0.0)
                    if merit > best:
                        ref, best = r, merit
                if ref < 0:
                    continue
                sr = sat[ref]
                for k in range(n_rows):
                    r = rows[k]
                    s = sat[r]
                    if r == ref or group[r] != g or not usable[r, f] or index[s, f] < 0:
                        continue
                    both = memory[s, f, 2] >= confirm and memory[sr, f, 2] >= confirm
                    both = both and memory[s, f, 1] == memory[sr, f, 1]
                    if (turn == 1) != both or (turn == 0 and lock[index[s, f]] < min_lock):
                        continue
                    dd[count, 0], dd[count, 1] = index[s, f], index[sr, f]
                    dd[count, 2], dd[count, 3] = s, f * 1000 + sr
                    dd_cyc[count, 0] = wavelength[r, f]
                    dd_cyc[count, 1] = memory[s, f, 0] - memory[sr, f, 0] if both else np.nan
                    count += 1
                    known += 1 if both else 0
    return count, known


@kernel
def dd_covariance(x: A, p: A, dd: A, dd_cyc: A, floor: A, a: A, q: A, b: A) -> None:
    """Double differences a (k,) in cycles, their covariance q (k, k), and b (3, k) with the position.

    floor: variance (m²) that each single difference has at least, for what multipath does to all epochs alike.
    """
    k = len(a)
    for i in range(k):
        si, ri, li = dd[i, 0], dd[i, 1], dd_cyc[i, 0]
        a[i] = (x[si] - x[ri]) / li
        ps, pr = p[si], p[ri]
        for c in range(3):
            b[c, i] = (p[c, si] - p[c, ri]) / li
        for j in range(i + 1):
            sj, rj = dd[j, 0], dd[j, 1]
            v = ps[sj] - ps[rj] - pr[sj] + pr[rj]
            if ri == rj:
                v += floor
            if i == j:
                v += floor
            v /= li * dd_cyc[j, 0]
            q[i, j] = v
            q[j, i] = v


@kernel
def condition(a: A, q: A, b: A, known: A, target: A, dx: A, cov: A) -> A:
    """Impose a[known:] = target (all of them where known is 0): shift dx (3,) and lessening of cov (3, 3).

    Returns the squared norm of what was imposed, −1 where q is not positive definite.
    """
    n = len(a)
    lo, d = np.zeros((n, n)), np.zeros(n)
    if not ltdl(q, lo, d):
        return -1.0
    r = a[known:] - target
    weighted = solve_ltdl(lo, d, known, r)
    norm = 0.0
    for i in range(n - known):
        norm += r[i] * weighted[i]
    for c in range(3):
        dx[c] = 0.0
        for i in range(n - known):
            dx[c] -= b[c, known + i] * weighted[i]
    for c in range(3):
        column = solve_ltdl(lo, d, known, b[c, known:].copy())
        for e in range(3):
            t = 0.0
            for i in range(n - known):
                t += b[e, known + i] * column[i]
            cov[c, e] = t
    return norm


@kernel
def worst_known(a: A, q: A, known: A, target: A) -> A:
    """Of imposed differences the one that disagrees most by itself given all others (its index), and how much (σ)."""
    n = len(a)
    lo, d = np.zeros((n, n)), np.zeros(n)
    if not ltdl(q, lo, d):
        return -1, np.inf
    weighted = solve_ltdl(lo, d, known, a[known:] - target)
    unit = np.zeros(n - known)
    worst, most = -1, 0.0
    for i in range(n - known):
        unit[:] = 0.0
        unit[i] = 1.0
        t = abs(weighted[i]) / math.sqrt(solve_ltdl(lo, d, known, unit)[i])
        if t > most:
            worst, most = i, t
    return worst, most


@kernel
def conditional_part(a: A, q: A, known: A, target: A, a_u: A, q_u: A) -> A:
    """The first `known` differences and their covariance, given that the others are `target`. False: impossible."""
    n = len(a)
    lo, d = np.zeros((n, n)), np.zeros(n)
    if not ltdl(q, lo, d):
        return False
    if known < n:
        weighted = solve_ltdl(lo, d, known, a[known:] - target)
        for i in range(known):
            t = a[i]
            for j in range(n - known):
                t -= q[i, known + j] * weighted[j]
            a_u[i] = t
    else:
        a_u[:] = a[:known]
    for i in range(known):
        for j in range(i + 1):
            t = 0.0
            for k in range(i, known):
                t += lo[k, i] * d[k] * lo[k, j]
            q_u[i, j] = t
            q_u[j, i] = t
    return True
