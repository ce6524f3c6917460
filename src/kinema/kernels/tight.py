"""Rows of code, Doppler and carrier phase folded into the inertial state, and the states that only they need.

The state of a tight filter: the inertial error state (N,) of kernels.inertial, then M extra states, linear, with their
values in z (M,): receiver clock (m) and its drift (m/s) first, and in any order biases between systems, zenith delay,
slow errors of codes and carrier ambiguities (m). A row is value = −e·(antenna − p0) + Σ by·z[at] + noise, for Doppler
−e·v(antenna) + Σ by·z[at]; the antenna's place and speed come from kernels.inertial_rows, lever arm and time offset
included. Rows are sparse; what is folded goes to a tape, for the smoother.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from kinema.kernels.inertial import TD, N, inject
from kinema.kernels.inertial_rows import fix_position_rows, fix_velocity_rows
from kinema.kernels.jit import kernel

A = Any
"""Scalars and arrays as Numba infers them; docstrings give shapes."""

CODE, DOPPLER, PHASE, TIE = 0, 1, 2, 3
"""Kinds of rows. A TIE concerns extra states alone."""
CLOCK, DRIFT = 0, 1
WIDTH = 32
"""Most states that a row touches."""
EXTRA = 5
"""Most extra states of a row."""
E_VAR, E_WALK, E_TAU, E_SPREAD, E_VALUE, E_LOOK, E_SIZE = range(7)
"""Of an event: variance, random walk (m²/s), time of decay (s, 0: none), variance in the long run, value, and whether
the value is found from the rows of its epoch instead."""
T_RATIO, T_WEIGHT, T_INNOVATION, T_SIZE = range(4)
G_EARLY, G_LATE, G_DOPPLER, G_PHASE, G_SLIP_M, G_AMBIGUITY_VAR = range(6)


class Rows(NamedTuple):
    """Rows (R,): kind, value, var, again: how many times its error counts (var is that of one, times as many), unit
    (R, 3) to the satellite, at (R, EXTRA) extra states, −1 none, by (R, EXTRA) their coefficients."""

    kind: A
    value: A
    var: A
    again: A
    unit: A
    at: A
    by: A


class Epochs(NamedTuple):
    """Epochs (E,): seconds since the one before, p0 (E, 3), row_start (E + 1,), event_start (E + 1,); state (V,) and
    par (V, E_SIZE) of events, which begin an extra state anew."""

    dt: A
    p0: A
    row_start: A
    event_start: A
    state: A
    par: A


class Tape(NamedTuple):
    """What was folded, in order: index (T, WIDTH + 1) count (−1: a state begun anew) and states; number
    (T, WIDTH + 2 + n) coefficients, innovation, its variance, gain."""

    index: A
    number: A


@kernel
def gain_of(p: A, n: A, at: A, by: A, count: A, gain: A) -> A:
    """gain (n,) = P hᵀ of a sparse row; returns h P hᵀ."""
    for j in range(n):
        gain[j] = 0.0
    for c in range(count):
        b, row = by[c], p[at[c]]
        for j in range(n):
            gain[j] += b * row[j]
    s = 0.0
    for c in range(count):
        s += by[c] * gain[at[c]]
    return max(s, 0.0)


@kernel
def fold_gain(p: A, dx: A, n: A, at: A, by: A, count: A, gain: A, y: A, s: A, tape: A, t: A) -> A:
    """Fold an innovation y of variance s, gain = P hᵀ; onto the tape at t where it records. Returns the next place."""
    g = 1.0 / math.sqrt(s)
    for j in range(n):
        gain[j] *= g
    for i in range(n):
        w, row = gain[i], p[i]
        if w != 0.0:
            dx[i] += w * y * g
            for j in range(n):
                row[j] -= w * gain[j]
    if len(tape.index) == 0:
        return t
    index, number = tape.index[t], tape.number[t]
    index[0] = count
    for c in range(count):
        index[1 + c] = at[c]
        number[c] = by[c]
    number[WIDTH], number[WIDTH + 1] = y, s
    for j in range(n):
        number[WIDTH + 2 + j] = gain[j] * g
    return t + 1


@kernel
def begin_state(p: A, n: A, i: A, variance: A, tape: A, t: A) -> A:
    """Forget what is known of state i: its variance anew, no correlation. Returns the next place of the tape."""
    for j in range(n):
        p[i, j] = 0.0
        p[j, i] = 0.0
    p[i, i] = variance
    if len(tape.index) == 0:
        return t
    tape.index[t, 0], tape.index[t, 1] = -1, i
    return t + 1


@kernel
def extend_rows(p: A, z: A, n: A, small: A, last: A, tape: A, t: A, gain: A) -> A:
    """Carry rows that were folded into the inertial part alone over to the extra states, exactly.

    small (k, 2 N + 2): the first `last` rows as kernels.inertial.fold leaves them (row, gain, innovation, variance): an
    update of a part changes what is correlated with it by its own gain and variance. Returns the tape's next place.
    """
    for r in range(last):
        h, k_n, v, s = small[r, :N], small[r, N : 2 * N], small[r, 2 * N], small[r, 2 * N + 1]
        for i in range(N, n):
            g = 0.0
            for j in range(N):
                g += h[j] * p[i, j]
            gain[i] = g / s
        for i in range(N, n):
            g = gain[i] * s
            if g == 0.0:
                continue
            z[i - N] += gain[i] * v
            for j in range(N):
                p[i, j] -= g * k_n[j]
            for j in range(N, n):
                p[i, j] -= g * gain[j]
        for i in range(N, n):
            for j in range(N):
                p[j, i] = p[i, j]
        if len(tape.index) == 0:
            continue
        count = 0
        for j in range(N):
            if h[j] != 0.0:
                tape.index[t, 1 + count], tape.number[t, count] = j, h[j]
                count += 1
        tape.index[t, 0], tape.number[t, WIDTH], tape.number[t, WIDTH + 1] = count, v, s
        for j in range(N):
            tape.number[t, WIDTH + 2 + j] = k_n[j]
        for j in range(N, n):
            tape.number[t, WIDTH + 2 + j] = gain[j]
        t += 1
    return t


@kernel
def inject_all(x: A, z: A, dx: A, turn: A) -> None:
    """Move the error into the nominal state and the extra ones."""
    inject(x, dx, turn)
    for i in range(len(z)):
        z[i] += dx[N + i]
        dx[N + i] = 0.0


@kernel
def propagate_extras(z: A, p: A, n: A, slot: A, dt: A, decay: A) -> None:
    """Clock by its drift, random walks and decays over dt seconds; slot (M, 3): walk, tau, variance in the long run.

    decay (M,) receives the factors; its CLOCK place dt.
    """
    c, d = N + CLOCK, N + DRIFT
    z[CLOCK] += dt * z[DRIFT]
    for j in range(n):
        p[c, j] += dt * p[d, j]
    for j in range(n):
        p[j, c] += dt * p[j, d]
    walk, drift = slot[CLOCK, 0], slot[DRIFT, 0]
    p[c, c] += walk * dt + drift * dt * dt * dt / 3.0
    p[c, d] += drift * dt * dt / 2.0
    p[d, c] = p[c, d]
    p[d, d] += drift * dt
    decay[CLOCK], decay[DRIFT] = dt, 1.0
    for i in range(2, len(z)):
        k, f = N + i, 1.0
        if slot[i, 1] > 0.0:
            f = math.exp(-dt / slot[i, 1])
            z[i] *= f
            for j in range(n):
                p[k, j] *= f
            for j in range(n):
                p[j, k] *= f
            p[k, k] += (1.0 - f * f) * slot[i, 2]
        p[k, k] += slot[i, 0] * dt
        decay[i] = f


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
def run_events(epochs: A, rows: A, e: A, z: A, p: A, n: A, slot: A, y: A, tape: A, t: A) -> A:
    """Begin the states that begin at epoch e; returns the next place of the tape.

    A value to be found is the median of what the rows say that hold no other state yet to be found, if there are such.
    """
    first, last = epochs.event_start[e], epochs.event_start[e + 1]
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
    epochs: A, rows: A, e: A, x: A, z: A, p: A, dx: A, n: A, means: A, gates: A, told: A, tape: A, t: A,
    y: A, h: A, work: A, turn: A, at: A, by: A, gain: A,
) -> A:  # fmt: skip
    """Fold the rows of epoch e, which come sorted by kind; returns the next place of the tape.

    A code or Doppler beyond its gate counts less, the less the farther it is (its pull falls as 1 / distance); a phase
    beyond its gate begins its ambiguity (its last extra state) anew. told (R, T_SIZE): innovation squared over its
    variance (as of one row, however often it counts), the weight that it got, innovation.
    """
    zero, kind = work[12], -1
    for i in range(3):
        zero[i] = 0.0
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
        var = rows.var[r]
        if kind == DOPPLER:
            # velocities do not tell of the time offset, they suffer from it (see kernels.inertial_rows)
            late = rows.unit[r, 0] * means[1, 0] + rows.unit[r, 1] * means[1, 1] + rows.unit[r, 2] * means[1, 2]
            known += late * late * p[TD, TD]
        s = known + var / rows.again[r]
        ratio, weight = v * v / s, 1.0
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
        if kind < PHASE and ratio > gate:
            weight = gate / ratio
            s /= weight
        told[r, T_WEIGHT] = weight
        t = fold_gain(p, dx, n, at, by, count, gain, v, s, tape, t)
    inject_all(x, z, dx, turn)
    return t
