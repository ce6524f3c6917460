"""Rows of code, Doppler and carrier phase: what they touch, what they tell, and each folded with its guard.

State and folding in kernels.tight.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kinema.kernels.inertial import TD, N
from kinema.kernels.inertial_rows import fix_position_rows, fix_velocity_rows
from kinema.kernels.jit import kernel
from kinema.kernels.tight import (
    CODE,
    DOPPLER,
    E_LOOK,
    E_SPREAD,
    E_TAU,
    E_VALUE,
    E_VAR,
    E_WALK,
    EXTRA,
    G_AMBIGUITY_VAR,
    G_DOPPLER,
    G_EARLY,
    G_LATE,
    G_LOUDEST,
    G_PHASE,
    G_PRIOR,
    G_QUIETEST,
    G_SLIP_M,
    PHASE,
    T_INNOVATION,
    T_RATIO,
    T_WEIGHT,
    TIE,
    WIDTH,
    begin_state,
    fold_gain,
    gain_of,
    inject_all,
)

A = Any
"""Scalars and arrays as Numba infers them; docstrings give shapes."""

CLIPPED, CLIPPED_MEAN = 4.0, 0.9205
"""Beyond two sigmas an innovation tells of reflections, not of noise; the mean of χ² of one degree, cut there."""


@kernel
def antenna_rows(x: A, means: A, p0: A, y: A, h: A, work: A, zero: A) -> None:
    """y (2, 3): p0 less the antenna's place, and less its velocity; h (6, N): their rows."""
    fix_position_rows(x, means, p0, y[0], h[0:3], work)
    fix_velocity_rows(x, means, zero, y[1], h[3:6], work)


@kernel
def row_states(rows: A, r: A, p: A, h: A, at: A, by: A) -> A:
    """States and coefficients of row r; returns how many."""
    count = 0
    if rows.kind[r] != TIE:
        first = 3 if rows.kind[r] == DOPPLER else 0
        e0, e1, e2 = rows.unit[r, 0], rows.unit[r, 1], rows.unit[r, 2]
        for j in range(N):
            b = -(e0 * h[first, j] + e1 * h[first + 1, j] + e2 * h[first + 2, j])
            if b != 0.0 and p[j, j] > 0.0 and count < WIDTH - EXTRA:
                at[count], by[count] = j, b
                count += 1
    for k in range(EXTRA):
        if rows.at[r, k] >= 0:
            at[count], by[count] = N + rows.at[r, k], rows.by[r, k]
            count += 1
    return count


@kernel
def row_innovation(rows: A, r: A, z: A, y: A) -> A:
    """Measured less predicted at the nominal state."""
    v = rows.value[r]
    if rows.kind[r] != TIE:
        part = 1 if rows.kind[r] == DOPPLER else 0
        for i in range(3):
            v -= rows.unit[r, i] * y[part, i]
    for k in range(EXTRA):
        if rows.at[r, k] >= 0:
            v -= rows.by[r, k] * z[rows.at[r, k]]
    return v


@kernel
def run_events(epochs: A, rows: A, seen: A, e: A, z: A, p: A, n: A, slot: A, y: A, tape: A, t: A) -> A:
    """Begin the states that begin at epoch e or since the one `seen` before; returns the next place of the tape.

    A value to be found is the median of what the rows say that hold no other state yet to be found, if there are such.
    """
    first, last = epochs.event_start[seen + 1], epochs.event_start[e + 1]
    if first == last:
        return t
    pending = np.zeros(len(z), np.bool_)
    for v in range(first, last):
        i, par = epochs.state[v], epochs.par[v]
        t = begin_state(p, n, N + i, par[E_VAR], tape, t)
        slot[i, 0], slot[i, 1], slot[i, 2] = par[E_WALK], par[E_TAU], par[E_SPREAD]
        if par[E_LOOK] > 0.0:
            pending[i] = True
        else:
            z[i] = par[E_VALUE]
    said = np.empty(epochs.row_start[e + 1] - epochs.row_start[e])
    for v in range(first, last):
        i = epochs.state[v]
        if not pending[i]:
            continue
        count = 0
        for turn in range(2):
            for r in range(epochs.row_start[e], epochs.row_start[e + 1]):
                here, other = 0.0, False
                for k in range(EXTRA):
                    if rows.at[r, k] == i:
                        here = rows.by[r, k]
                    elif rows.at[r, k] >= 0 and pending[rows.at[r, k]]:
                        other = True
                if here != 0.0 and (turn == 1 or not other):
                    said[count] = z[i] + row_innovation(rows, r, z, y) / here
                    count += 1
            if count > 0:
                z[i] = middle_of(said, count)
                break
        pending[i] = False
    return t


@kernel
def middle_of(values: A, n: A) -> A:
    """The value with as many below it as above among the first n."""
    for i in range(n):
        below = 0
        for j in range(n):
            if values[j] < values[i] or (values[j] == values[i] and j < i):
                below += 1
        if below == n // 2:
            return values[i]
    return values[0]


@kernel
def gnss_update(
    epochs: A, rows: A, e: A, x: A, z: A, p: A, dx: A, n: A, means: A, gates: A, noise: A, told: A, tape: A, t: A,
    y: A, h: A, work: A, turn: A, at: A, by: A, gain: A,
) -> A:  # fmt: skip
    """Fold the rows of epoch e, which come sorted by kind; returns the next place of the tape.

    What is beyond its gate counts less, the less the farther it is (its pull falls as 1 / distance), a phase as a
    Doppler; a phase beyond its own gate and the least slip begins its ambiguity (its last extra state) anew. noise
    (3, 2): see learn_noise. told (R, T_SIZE): innovation squared over its variance (as of one row, however often it
    counts), the weight that it got, innovation.
    """
    zero, kind = work[12], -1
    score, told_of = work[13], work[14]
    for i in range(3):
        zero[i] = score[i] = told_of[i] = 0.0
    for r in range(epochs.row_start[e], epochs.row_start[e + 1]):
        if rows.kind[r] != kind:
            kind = rows.kind[r]
            inject_all(x, z, dx, turn)
            antenna_rows(x, means, epochs.p0[e], y, h, work, zero)
        count = row_states(rows, r, p, h, at, by)
        known = gain_of(p, n, at, by, count, gain)
        v = row_innovation(rows, r, z, y)
        for c in range(count):
            v -= by[c] * dx[at[c]]
        var = rows.var[r] * (math.exp(noise[kind, 0]) if kind < TIE else 1.0)
        if kind == DOPPLER:
            # velocities do not tell of the time offset, they suffer from it (see kernels.inertial_rows)
            late = rows.unit[r, 0] * means[1, 0] + rows.unit[r, 1] * means[1, 1] + rows.unit[r, 2] * means[1, 2]
            known += late * late * p[TD, TD]
        s = known + var / rows.again[r]
        ratio, weight = v * v / s, 1.0
        if kind < TIE:
            share = 1.0 - known / s
            score[kind] += share * (min(ratio, CLIPPED) / CLIPPED_MEAN - 1.0)
            told_of[kind] += share * share
        gate = gates[G_PHASE]
        if kind == CODE:
            gate = gates[G_LATE] if v > 0.0 else gates[G_EARLY]
        elif kind == DOPPLER:
            gate = gates[G_DOPPLER]
        told[r, T_RATIO], told[r, T_INNOVATION] = ratio, v
        if kind == TIE and ratio > gate:
            told[r, T_WEIGHT] = 0.0
            continue
        if kind == PHASE and ratio > gate and abs(v) > gates[G_SLIP_M]:
            last = at[count - 1]
            told[r, T_WEIGHT] = 0.0
            t = begin_state(p, n, last, gates[G_AMBIGUITY_VAR], tape, t)
            dx[last] = v / by[count - 1] + dx[last]
            continue
        s = known + var
        gate = gates[G_DOPPLER] if kind == PHASE else gate
        if kind < TIE and ratio > gate:
            weight = gate / ratio
            s /= weight
        told[r, T_WEIGHT] = weight
        t = fold_gain(p, dx, n, at, by, count, gain, v, s, tape, t)
    inject_all(x, z, dx, turn)
    learn_noise(noise, score, told_of, gates)
    return t


@kernel
def learn_noise(noise: A, score: A, told_of: A, gates: A) -> None:
    """Move noise[kind, 0], ln of the variance of a kind's rows over what they say of themselves, by what an epoch's
    innovations tell: twice their likelihood's slope, `score` (3,), and curvature, `told_of`; noise[kind, 1] is the
    curvature of all before."""
    for kind in range(3):
        noise[kind, 1] += told_of[kind]
        step = score[kind] / (noise[kind, 1] + gates[G_PRIOR])
        noise[kind, 0] = min(max(noise[kind, 0] + step, gates[G_QUIETEST]), gates[G_LOUDEST])
