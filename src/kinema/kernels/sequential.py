"""One measurement after another into a state x, P whose first n are in use: fold, clocks that come and go, states.

A clock is white in time: the first measurement that has it makes it a temporary state at place n, the others of the
epoch fold in, then it is forgotten by not counting it. keys (size, 2) and index (things, kinds) tell what the states
after the fixed ones are and where they stand.
"""

from __future__ import annotations

import math
from typing import Any

from kinema.kernels.jit import kernel

A = Any
"""Scalars and arrays as Numba infers them; docstrings give shapes."""


@kernel
def at_rank(values: A, n: A, rank: A) -> A:
    """Index of the value that has `rank` smaller ones among the first n (a sort would take a second to compile)."""
    for i in range(n):
        below = 0
        for j in range(n):
            if values[j] < values[i] or (values[j] == values[i] and j < i):
                below += 1
        if below == rank:
            return i
    return 0


@kernel
def fold(x: A, p: A, n: A, at: A, by: A, count: A, z: A, r: A, w: A) -> A:
    """Fold in z = Σ by·x[at] + noise of variance r; returns innovation and its variance. w (size,) is scratch."""
    for j in range(n):
        w[j] = 0.0
    for c in range(count):
        b, row = by[c], p[at[c]]
        for j in range(n):
            w[j] += b * row[j]
    s, nu = r, z
    for c in range(count):
        s += by[c] * w[at[c]]
        nu -= by[c] * x[at[c]]
    g = 1.0 / math.sqrt(s)
    for j in range(n):
        w[j] *= g
    nu *= g
    for i in range(n):
        wi, row = w[i], p[i]
        x[i] += wi * nu
        if wi != 0.0:
            for j in range(n):
                row[j] -= wi * w[j]
    return nu, s


@kernel
def foresee(x: A, p: A, at: A, by: A, count: A, z: A, r: A) -> A:
    """Innovation of z = Σ by·x[at] + noise, and its variance, with nothing changed."""
    s, nu = r, z
    for c in range(count):
        nu -= by[c] * x[at[c]]
        for d in range(count):
            s += by[c] * by[d] * p[at[c], at[d]]
    return nu, s


@kernel
def add_clock(x: A, p: A, n: A, at: A, by: A, count: A, z: A, r: A) -> None:
    """Make the clock c of z = Σ by·x[at] + c + noise the state n, nothing having been known of it."""
    c, var = z, r
    for j in range(n):
        t = 0.0
        for k in range(count):
            t -= by[k] * p[at[k], j]
        p[n, j] = t
        p[j, n] = t
    for k in range(count):
        c -= by[k] * x[at[k]]
        var -= by[k] * p[n, at[k]]
    x[n] = c
    p[n, n] = var


@kernel
def clear_state(x: A, p: A, n: A, i: A, value: A, variance: A) -> None:
    """Forget state i: value, variance, no correlation."""
    for j in range(n):
        p[i, j] = 0.0
        p[j, i] = 0.0
    x[i] = value
    p[i, i] = variance


@kernel
def remove_state(x: A, p: A, n: A, keys: A, index: A, seen: A, lock: A, prior: A, i: A) -> A:
    """Take state i out; the last one moves into its place. Returns the new n."""
    index[keys[i, 0], keys[i, 1]] = -1
    last = n - 1
    if i != last:
        x[i] = x[last]
        for j in range(n):
            p[i, j] = p[last, j]
        for j in range(n):
            p[j, i] = p[j, last]
        p[i, i] = p[last, last]
        keys[i] = keys[last]
        seen[i], lock[i], prior[i] = seen[last], lock[last], prior[last]
        index[keys[i, 0], keys[i, 1]] = i
    return last


@kernel
def decay(x: A, p: A, n: A, i: A, keep: A, variance: A) -> None:
    """Let state i decay by `keep` towards zero and the variance it has when nothing is known."""
    x[i] *= keep
    for j in range(n):
        p[i, j] *= keep
        p[j, i] *= keep
    p[i, i] += (1.0 - keep * keep) * variance
