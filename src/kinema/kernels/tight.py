"""The state of a tight filter: the inertial one and what raw observations need beside it, and how rows are folded.

The state of a tight filter: the inertial error state (N,) of kernels.inertial, then M extra states, linear, with their
values in z (M,): receiver clock (m) and its drift (m/s) first, and in any order biases between systems, zenith delay,
slow errors of codes and carrier ambiguities (m). A row is value = −e·(antenna − p0) + Σ by·z[at] + noise, for Doppler
−e·v(antenna) + Σ by·z[at]; the antenna's place and speed come from kernels.inertial_rows, lever arm and time offset
included. Rows are sparse; what is folded goes to a tape, for the smoother.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from kinema.kernels.inertial import N, inject
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
G_EARLY, G_LATE, G_DOPPLER, G_PHASE, G_SLIP_M, G_AMBIGUITY_VAR, G_QUIETEST, G_LOUDEST, G_PRIOR = range(9)
"""G_QUIETEST, G_LOUDEST: how far (ln of the variance) noise may be learnt to be from what the rows say; G_PRIOR: what
that counts for, in rows."""


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
    """Epochs (E,): t_s, p0 (E, 3), row_start (E + 1,), event_start (E + 1,); state (V,) and par (V, E_SIZE) of events,
    which begin an extra state anew: at their epoch, or at the next that comes to be seen."""

    t_s: A
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
