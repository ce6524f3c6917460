"""Precise point positioning: one Kalman step over ionosphere-free code and phase.

States: position offset (0:3), zenith wet delay (3), its gradient north and east (4, 5), then one ambiguity per
satellite, metres; of one kind. Code has one clock per system and epoch, phase one for all systems (the ambiguities take
up what systems differ by); both are white and eliminated exactly as in kernels.rtk.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from kinema.kernels.jit import kernel
from kinema.kernels.sequential import (
    States,
    add_clock,
    at_rank,
    clear_state,
    fold,
    foresee,
    forget_unseen,
    new_state,
)

A = Any
"""Scalars and arrays as Numba infers them; docstrings give shapes."""
HEAD = 6


class Rows(NamedTuple):
    """m rows of all epochs: key (m,) whose ambiguity each has; group (m,) the system; unit (m, 3) to the satellite;
    mapping (m, 3) of the wet delay and its gradients; code, phase (m,) observed less model at the epoch's position,
    free of the ionosphere, in metres, with their variances; arc (m,)."""

    key: A
    group: A
    unit: A
    mapping: A
    code: A
    phase: A
    code_var: A
    phase_var: A
    arc: A


@kernel
def ppp_predict(x: A, p: A, n: A, dt: A, settings: A) -> None:
    """Position forgotten (settings[0] > 0: its variance) or kept; zenith delay and gradients walk."""
    if settings[0] > 0.0:
        for i in range(3):
            clear_state(x, p, n, i, 0.0, settings[0])
    p[3, 3] += settings[1] * dt
    p[4, 4] += settings[2] * dt
    p[5, 5] += settings[2] * dt
    for i in range(HEAD, n):
        p[i, i] += settings[3] * dt


@kernel
def _model(rows: Rows, r: A, kind: A, index: A, at: A, by: A) -> A:
    for i in range(3):
        at[i], by[i] = i, -rows.unit[r, i]
        at[3 + i], by[3 + i] = 3 + i, rows.mapping[r, i]
    if kind == 1:
        at[6], by[6] = index[rows.key[r], 0], 1.0
        return 7
    return 6


@kernel
def _group(states: States, n: A, rows: Rows, row: A, count: A, kind: A, gate: A, flag: A, w: A) -> None:
    """Fold the rows of one clock; phases beyond gate[1] sigmas begin anew, codes beyond gate[0] count less.

    A phase of a shared ambiguity (gate[2] on) is only left out.
    """
    x, p, index, lock = states.x, states.p, states.index, states.lock
    z, var = (rows.phase, rows.phase_var) if kind == 1 else (rows.code, rows.code_var)
    at, by, pre = np.zeros(8, np.int64), np.zeros(8), np.empty(count)
    for k in range(count):
        c = _model(rows, row[k], kind, index, at, by)
        pre[k], _s = foresee(x, p, at, by, c, z[row[k]], var[row[k]])
    middle = at_rank(pre, count, count // 2)
    r = row[middle]
    c = _model(rows, r, kind, index, at, by)
    add_clock(x, p, n, at, by, c, z[r], var[r])
    for k in range(count):
        r = row[k]
        i = index[rows.key[r], 0]
        if kind == 1:
            lock[i] += 1
        if k == middle:
            continue
        c = _model(rows, r, kind, index, at, by)
        at[c], by[c] = n, 1.0
        nu, s = foresee(x, p, at, by, c + 1, z[r], var[r])
        t = abs(nu) / math.sqrt(s)
        v = var[r]
        if t > gate[1]:
            flag[r] = 1
            if kind == 1 and rows.key[r] < gate[2]:
                clear_state(x, p, n + 1, i, x[i] + nu, 900.0)
                lock[i] = 0
            continue
        if t > gate[0]:
            flag[r] = 2
            v += (t * t / (gate[0] * gate[0]) - 1.0) * s
        fold(x, p, n + 1, at, by, c + 1, z[r], v, w)


@kernel
def _residuals(states: States, rows: Rows, row: A, count: A, kind: A, left: A, flag: A) -> None:
    """What the states after the epoch leave of the rows that share a clock; the clock is their weighted mean."""
    z, var = (rows.phase, rows.phase_var) if kind == 1 else (rows.code, rows.code_var)
    at, by = np.zeros(8, np.int64), np.zeros(8)
    total, weight = 0.0, 0.0
    for k in range(count):
        r = row[k]
        c = _model(rows, r, kind, states.index, at, by)
        left[r], _s = foresee(states.x, states.p, at, by, c, z[r], var[r])
        if flag[r] != 1:
            total += left[r] / var[r]
            weight += 1.0 / var[r]
    for k in range(count):
        left[row[k]] -= total / max(weight, 1e-300)


@kernel
def _manage(states: States, n: A, rows: Rows, row0: A, row1: A, t: A, gap: A) -> A:
    """Drop ambiguities that are out of sight, and make those of new arcs. Returns n."""
    n = forget_unseen(states, n, HEAD, t, gap)
    for r in range(row0, row1):
        if not (math.isfinite(rows.phase[r]) and math.isfinite(rows.code[r])):
            continue
        s, start = rows.key[r], rows.phase[r] - rows.code[r]
        i = states.index[s, 0]
        if i < 0 and n >= states.x.shape[0] - 2:
            continue
        if i < 0:
            i = n
            n = new_state(states, n, s, 0, start, 900.0)
        elif states.arc_of[s, 0] != rows.arc[r]:
            clear_state(states.x, states.p, n, i, start, 900.0)
            states.lock[i] = 0
        states.arc_of[s, 0] = rows.arc[r]
        states.seen[i] = t
    return n


@kernel
def _codes(rows: Rows, row0: A, row1: A, group: A, row: A) -> A:
    """Into row: the codes of a system, which share a clock. Returns how many."""
    count = 0
    for r in range(row0, row1):
        if rows.group[r] == group and math.isfinite(rows.code[r]):
            row[count] = r
            count += 1
    return count


@kernel
def ppp_epoch(
    states: States, n: A, rows: Rows, row0: A, row1: A, n_groups: A, t: A, dt: A, settings: A, residual: A, flag: A
) -> A:
    """One epoch, rows [row0, row1): predict, manage arcs, fold codes and phases, leave residuals. Returns n.

    residual (2, m), flag (2, m). settings (9,): position variance (0: static), walks of zenith delay and gradient
    (m²/s), drift of ambiguities (m²/s), gap (s), Huber, code reject, phase reject, first ambiguity that several
    satellites share.
    """
    if dt > 0.0:
        ppp_predict(states.x, states.p, n, dt, settings)
    n = _manage(states, n, rows, row0, row1, t, settings[4])
    w, row = np.empty(states.x.shape[0]), np.empty(row1 - row0, np.int64)
    for g in range(n_groups):
        count = _codes(rows, row0, row1, g, row)
        if count >= 2:
            gate = np.array([settings[5], settings[6], settings[8]])
            _group(states, n, rows, row, count, 0, gate, flag[0], w)
    count = 0
    for r in range(row0, row1):
        if math.isfinite(rows.phase[r]) and states.index[rows.key[r], 0] >= 0:
            row[count] = r
            count += 1
    if count >= 2:
        gate = np.array([settings[5], settings[7], settings[8]])
        _group(states, n, rows, row, count, 1, gate, flag[1], w)
        _residuals(states, rows, row, count, 1, residual[1], flag[1])
    for g in range(n_groups):
        count = _codes(rows, row0, row1, g, row)
        if count >= 2:
            _residuals(states, rows, row, count, 0, residual[0], flag[0])
    return n
