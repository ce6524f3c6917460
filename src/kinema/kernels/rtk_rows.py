"""Rows of RTK: what code, phase and Doppler of an epoch say of the states, folded robustly, one clock at a time."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from kinema.kernels.jit import kernel
from kinema.kernels.sequential import States, add_clock, at_rank, clear_state, fold, foresee

A = Any
"""Scalars and arrays as Numba infers them; docstrings give shapes."""
L1_M = 0.1902936727983649
STRIKES = 3
"""Epochs in a row that a phase must disagree with its ambiguity before it is given up: reflections come and go."""


class Rows(NamedTuple):
    """Single differences, m rows of all epochs: sat and group, its system, (m,); unit (m, 3) to the satellite; mappings
    wet, iono (m,); origin (m,) = e·(x0 − base), code and phase being differences to what x0 foretells; wavelength, arc,
    code, phase, code_var, phase_var (m, slots) and doppler, doppler_var (m,), in metres and m/s."""

    sat: A
    group: A
    unit: A
    wet: A
    iono: A
    origin: A
    wavelength: A
    arc: A
    code: A
    phase: A
    code_var: A
    phase_var: A
    doppler: A
    doppler_var: A


class Told(NamedTuple):
    """What became of an epoch's measurements, written: residuals (m, slots) in metres, flags (m, slots)."""

    code: A
    phase: A
    code_flag: A
    phase_flag: A


@kernel
def _row_model(rows: Rows, r: A, f: A, kind: A, index: A, at: A, by: A) -> A:
    """States and partials of one measurement. Returns their count."""
    s, slots = rows.sat[r], rows.wavelength.shape[1]
    delay = (rows.wavelength[r, f] / L1_M) ** 2
    if kind == 1:
        delay = -delay
    for i in range(3):
        at[i], by[i] = i, -rows.unit[r, i]
    at[3], by[3] = 6, rows.wet[r]
    at[4], by[4] = 7, delay * rows.iono[r]
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
    states: States, n: A, rows: Rows, told: Told, row: A, slot: A, count: A, kind: A, gate: A, w: A
) -> None:
    """Fold what shares one clock, the first `count` of row, slot; kind 0 code or 1 phase.

    Measurements are moved to the state's origin. gate: (Huber, reject) in sigmas. A phase beyond `reject` is left out
    (flag 2; lock, the epochs that an ambiguity was measured, becomes negative and counts them) and starts its ambiguity
    anew at the STRIKES-th time in a row, or if it is new (flag 1); a code beyond Huber counts less.
    """
    x, p, index, lock = states.x, states.p, states.index, states.lock
    z, var = (rows.phase, rows.phase_var) if kind == 1 else (rows.code, rows.code_var)
    flag = told.phase_flag if kind == 1 else told.code_flag
    at, by = np.zeros(8, np.int64), np.zeros(8)
    pre = np.empty(count)
    for k in range(count):
        r, f = row[k], slot[k]
        c = _row_model(rows, r, f, kind, index, at, by)
        pre[k], _s = foresee(x, p, at, by, c, z[r, f] - rows.origin[r], var[r, f])
    middle = at_rank(pre, count, count // 2)
    r, f = row[middle], slot[middle]
    c = _row_model(rows, r, f, kind, index, at, by)
    add_clock(x, p, n, at, by, c, z[r, f] - rows.origin[r], var[r, f])
    for k in range(count):
        r, f = row[k], slot[k]
        i = index[rows.sat[r], f]
        if k == middle:
            if kind == 1:
                _accept(lock, i)
            continue
        c = _row_model(rows, r, f, kind, index, at, by)
        at[c], by[c] = n, 1.0
        nu, s = foresee(x, p, at, by, c + 1, z[r, f] - rows.origin[r], var[r, f])
        t = abs(nu) / math.sqrt(s)
        if kind == 1 and t > gate[1]:
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
        fold(x, p, n + 1, at, by, c + 1, z[r, f] - rows.origin[r], v, w)
        if kind == 1:
            _accept(lock, i)


@kernel
def residuals_of_group(states: States, rows: Rows, told: Told, row: A, slot: A, count: A, kind: A) -> None:
    """What the states after the epoch leave of measurements that share a clock; the clock is their weighted mean."""
    z, var = (rows.phase, rows.phase_var) if kind == 1 else (rows.code, rows.code_var)
    left, flag = (told.phase, told.phase_flag) if kind == 1 else (told.code, told.code_flag)
    at, by = np.zeros(8, np.int64), np.zeros(8)
    total, weight = 0.0, 0.0
    for k in range(count):
        r, f = row[k], slot[k]
        c = _row_model(rows, r, f, kind, states.index, at, by)
        left[r, f], _s = foresee(states.x, states.p, at, by, c, z[r, f] - rows.origin[r], var[r, f])
        if flag[r, f] != 1:
            total += left[r, f] / var[r, f]
            weight += 1.0 / var[r, f]
    for k in range(count):
        left[row[k], slot[k]] -= total / max(weight, 1e-300)


@kernel
def update_doppler(states: States, n: A, rows: Rows, row: A, count: A, huber: A, w: A) -> None:
    """Fold the range rates −e·v + drift of the first `count` of row; the drift is white."""
    x, p, z, var = states.x, states.p, rows.doppler, rows.doppler_var
    at, by = np.zeros(8, np.int64), np.zeros(8)
    pre = np.empty(count)
    for k in range(count):
        _rate_model(rows, row[k], at, by)
        pre[k], _s = foresee(x, p, at, by, 3, z[row[k]], var[row[k]])
    middle = at_rank(pre, count, count // 2)
    r = row[middle]
    _rate_model(rows, r, at, by)
    add_clock(x, p, n, at, by, 3, z[r], var[r])
    for k in range(count):
        if k == middle:
            continue
        r = row[k]
        _rate_model(rows, r, at, by)
        at[3], by[3] = n, 1.0
        nu, s = foresee(x, p, at, by, 4, z[r], var[r])
        t = abs(nu) / math.sqrt(s)
        if t < 10.0:
            v = var[r] + max(0.0, t * t / (huber * huber) - 1.0) * s
            fold(x, p, n + 1, at, by, 4, z[r], v, w)


@kernel
def _rate_model(rows: Rows, r: A, at: A, by: A) -> None:
    for i in range(3):
        at[i], by[i] = 3 + i, -rows.unit[r, i]
