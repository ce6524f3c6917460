"""Solution separation: what leaving out one satellite does to position and uncertainty."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kinema.kernels.carrier import solve3
from kinema.kernels.jit import kernel

A = Any
"""Scalars and arrays as Numba infers them; docstrings give shapes."""


@kernel
def _normal(first: A, last: A, skip: A, unit: A, weight: A, group: A, a: A) -> A:
    """Normal matrix (3, 3) of rows without `skip`, each group's clock eliminated. Returns the number of rows left."""
    a[:] = 0.0
    sw, se = np.zeros(10), np.zeros((10, 3))
    count = 0
    for i in range(first, last):
        if i == skip or not weight[i] > 0.0:
            continue
        g = group[i]
        sw[g] += weight[i]
        count += 1
        for r in range(3):
            se[g, r] += weight[i] * unit[i, r]
            for c in range(3):
                a[r, c] += weight[i] * unit[i, r] * unit[i, c]
    for g in range(10):
        if sw[g] > 0.0:
            count -= 1
            for r in range(3):
                for c in range(3):
                    a[r, c] -= se[g, r] * se[g, c] / sw[g]
    return count


@kernel
def _horizontal(a: A, up: A, out: A) -> A:
    """Largest horizontal sigma of the inverse of a; out (3, 3) receives the inverse. Infinite where singular."""
    e, column = np.zeros(3), np.zeros(3)
    for c in range(3):
        e[:] = 0.0
        e[c] = 1.0
        if not solve3(a, e, column):
            return np.inf
        out[c] = column
    trace = out[0, 0] + out[1, 1] + out[2, 2]
    vertical = 0.0
    for r in range(3):
        for c in range(3):
            vertical += up[r] * out[r, c] * up[c]
    return math.sqrt(max(trace - vertical, 0.0))


@kernel
def separation_levels(
    row_start: A, unit: A, weight: A, group: A, p: A, cov: A, k_alarm: A, k_missed: A, level: A
) -> None:
    """Level (n,) of each epoch: max over satellites of k_alarm·σ(x − x_i) + k_missed·σ(x_i).

    σ(x − x_i)² = σ(x_i)² − σ(x)² (both are least squares over nested sets), all scaled so that σ(x) is the stated
    uncertainty cov (n, 3, 3). Infinite geometry without a satellite leaves that satellite unwatched: the level is
    then k_missed times the stated sigma times ten.
    """
    a, inverse, up = np.zeros((3, 3)), np.zeros((3, 3)), np.zeros(3)
    for k in range(len(row_start) - 1):
        if not (math.isfinite(p[k, 0]) and math.isfinite(cov[k, 0, 0])):
            continue
        r = math.sqrt(p[k, 0] ** 2 + p[k, 1] ** 2 + p[k, 2] ** 2)
        stated = 0.0
        for i in range(3):
            up[i] = p[k, i] / r
            stated += cov[k, i, i]
        for i in range(3):
            for j in range(3):
                stated -= up[i] * cov[k, i, j] * up[j]
        stated = math.sqrt(max(stated, 0.0))
        first, last = row_start[k], row_start[k + 1]
        spare = _normal(first, last, -1, unit, weight, group, a)
        all_in = _horizontal(a, up, inverse) if spare >= 3 else np.inf
        worst = k_missed * stated
        for i in range(first, last):
            if not weight[i] > 0.0:
                continue
            without = np.inf
            if spare >= 4 and _normal(first, last, i, unit, weight, group, a) >= 3:
                without = _horizontal(a, up, inverse)
            if math.isfinite(without) and math.isfinite(all_in) and all_in > 0.0:
                apart = math.sqrt(max(without * without - all_in * all_in, 0.0))
                worst = max(worst, (k_alarm * apart + k_missed * without) * stated / all_in)
            else:
                worst = max(worst, 10.0 * k_missed * stated)
        level[k] = worst
