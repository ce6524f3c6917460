"""One measurement after another into a state x, P whose first n are in use: fold, clocks that come and go, states.

A clock is white in time: the first measurement that has it makes it a temporary state at place n, the others of the
epoch fold in, then it is forgotten by not counting it.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from kinema.kernels.jit import kernel

A = Any
"""Scalars and arrays as Numba infers them; docstrings give shapes."""


class States(NamedTuple):
    """x (size,), p (size, size), and of each state after the fixed ones: keys (size, 2) whose it is and of what kind,
    seen (size,) when it was measured last, lock (size,) how many epochs, prior (size,) variance with nothing known.

    index (things, kinds): where the state of each stands, −1 nowhere; arc_of (things, kinds that have arcs): its arc.
    """

    x: A
    p: A
    keys: A
    index: A
    seen: A
    lock: A
    prior: A
    arc_of: A


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
def remove_state(states: States, n: A, i: A) -> A:
    """Take state i out; the last one moves into its place. Returns the new n."""
    x, p, keys = states.x, states.p, states.keys
    states.index[keys[i, 0], keys[i, 1]] = -1
    last = n - 1
    if i != last:
        x[i] = x[last]
        for j in range(n):
            p[i, j] = p[last, j]
        for j in range(n):
            p[j, i] = p[j, last]
        p[i, i] = p[last, last]
        keys[i] = keys[last]
        states.seen[i], states.lock[i], states.prior[i] = states.seen[last], states.lock[last], states.prior[last]
        states.index[keys[i, 0], keys[i, 1]] = i
    return last


@kernel
def forget_unseen(states: States, n: A, first: A, t: A, gap: A) -> A:
    """Take out the states from `first` on that at t were not seen for longer than `gap`. Returns the new n."""
    i = n - 1
    while i >= first:
        if t - states.seen[i] > gap:
            if states.keys[i, 1] < states.arc_of.shape[1]:
                states.arc_of[states.keys[i, 0], states.keys[i, 1]] = -1
            n = remove_state(states, n, i)
        i -= 1
    return n


@kernel
def new_state(states: States, n: A, thing: A, kind: A, value: A, variance: A) -> A:
    """Append the state of a thing. Returns the new n."""
    states.keys[n, 0], states.keys[n, 1] = thing, kind
    states.index[thing, kind] = n
    clear_state(states.x, states.p, n + 1, n, value, variance)
    states.lock[n] = 0
    return n + 1


@kernel
def decay(x: A, p: A, n: A, i: A, keep: A, variance: A) -> None:
    """Let state i decay by `keep` towards zero and the variance it has when nothing is known."""
    x[i] *= keep
    for j in range(n):
        p[i, j] *= keep
        p[j, i] *= keep
    p[i, i] += (1.0 - keep * keep) * variance
