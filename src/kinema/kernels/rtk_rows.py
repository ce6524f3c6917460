"""Rows of RTK: what code, phase and Doppler of an epoch say of the states, folded robustly, one clock at a time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kinema.kernels.jit import kernel
from kinema.kernels.sequential import add_clock, at_rank, clear_state, fold, foresee

A = Any
"""Scalars and arrays as Numba infers them; docstrings give shapes."""
L1_M = 0.1902936727983649
STRIKES = 3
"""Epochs in a row that a phase must disagree with its ambiguity before it is given up: reflections come and go."""


@kernel
def _row_model(r: A, f: A, s: A, kind: A, unit: A, wet: A, iono_map: A, wavelength: A, index: A, at: A, by: A) -> A:
    """States and partials of one measurement. Returns their count."""
    slots = wavelength.shape[1]
    delay = (wavelength[r, f] / L1_M) ** 2
    if kind == 1:
        delay = -delay
    for i in range(3):
        at[i], by[i] = i, -unit[r, i]
    at[3], by[3] = 6, wet[r]
    at[4], by[4] = 7, delay * iono_map[r]
    count = 5
    if kind == 1:
        at[count], by[count] = index[s, f], 1.0
        count += 1
    i = index[s, slots]
    if i >= 0:
        at[count], by[count] = i, delay
        count += 1
    return count


@kernel
def _accept(lock: A, i: A) -> None:
    lock[i] = 2 if lock[i] < 0 else lock[i] + 1


@kernel
def update_group(
    x: A,
    p: A,
    n: A,
    index: A,
    lock: A,
    rows: A,
    n_rows: A,
    signal: A,
    kind: A,
    sat: A,
    unit: A,
    wet: A,
    iono_map: A,
    wavelength: A,
    z: A,
    var: A,
    origin: A,
    gate: A,
    innovation: A,
    flag: A,
    w: A,
) -> A:
    """Fold what shares one clock, n_rows of rows and signals, kind 0 code or 1 phase; returns the number used.

    z (m,) measurement about x0, moved here to the state's origin: origin (m,) = e·(x0 − base). gate: (Huber, reject)
    in sigmas. A phase beyond `reject` is left out (flag 2; lock, the epochs that an ambiguity was measured, becomes
    negative and counts them) and starts its ambiguity anew at the STRIKES-th time in a row, or if it is new (flag 1);
    a code beyond Huber counts less.
    """
    at, by = np.zeros(8, np.int64), np.zeros(8)
    pre = np.empty(n_rows)
    for k in range(n_rows):
        r, f = rows[k], signal[k]
        c = _row_model(r, f, sat[r], kind, unit, wet, iono_map, wavelength, index, at, by)
        pre[k], _s = foresee(x, p, at, by, c, z[r, f] - origin[r], var[r, f])
    middle = at_rank(pre, n_rows, n_rows // 2)
    r, f = rows[middle], signal[middle]
    c = _row_model(r, f, sat[r], kind, unit, wet, iono_map, wavelength, index, at, by)
    add_clock(x, p, n, at, by, c, z[r, f] - origin[r], var[r, f])
    innovation[r, f] = 0.0
    used = 1
    for k in range(n_rows):
        if k == middle:
            if kind == 1:
                _accept(lock, index[sat[r], f])
            continue
        r, f = rows[k], signal[k]
        c = _row_model(r, f, sat[r], kind, unit, wet, iono_map, wavelength, index, at, by)
        at[c], by[c] = n, 1.0
        nu, s = foresee(x, p, at, by, c + 1, z[r, f] - origin[r], var[r, f])
        t = abs(nu) / math.sqrt(s)
        innovation[r, f] = nu
        if kind == 1 and t > gate[1]:
            i = index[sat[r], f]
            lock[i] = min(lock[i], 0) - 1 if lock[i] < 0 or lock[i] > 1 else -STRIKES
            flag[r, f] = 2
            if lock[i] <= -STRIKES:
                clear_state(x, p, n + 1, i, x[i] + nu, 400.0)
                lock[i] = 0
                flag[r, f] = 1
            continue
        v = var[r, f]
        if kind == 0 and t > gate[0]:
            flag[r, f] = 2
            v += (t * t / (gate[0] * gate[0]) - 1.0) * s
            if t > gate[1]:
                flag[r, f] = 1
                continue
        fold(x, p, n + 1, at, by, c + 1, z[r, f] - origin[r], v, w)
        if kind == 1:
            _accept(lock, index[sat[r], f])
        used += 1
    return used


@kernel
def update_doppler(x: A, p: A, n: A, rows: A, n_rows: A, unit: A, z: A, var: A, huber: A, w: A) -> A:
    """Fold range rates z (m,) = −e·v + drift; the drift is white. Returns the number used."""
    at, by = np.zeros(8, np.int64), np.zeros(8)
    pre = np.empty(n_rows)
    for k in range(n_rows):
        r = rows[k]
        for i in range(3):
            at[i], by[i] = 3 + i, -unit[r, i]
        pre[k], _s = foresee(x, p, at, by, 3, z[r], var[r])
    middle = at_rank(pre, n_rows, n_rows // 2)
    r = rows[middle]
    for i in range(3):
        at[i], by[i] = 3 + i, -unit[r, i]
    add_clock(x, p, n, at, by, 3, z[r], var[r])
    for k in range(n_rows):
        if k == middle:
            continue
        r = rows[k]
        for i in range(3):
            at[i], by[i] = 3 + i, -unit[r, i]
        at[3], by[3] = n, 1.0
        nu, s = foresee(x, p, at, by, 4, z[r], var[r])
        t = abs(nu) / math.sqrt(s)
        if t < 10.0:
            v = var[r] + max(0.0, t * t / (huber * huber) - 1.0) * s
            fold(x, p, n + 1, at, by, 4, z[r], v, w)
    return n_rows
