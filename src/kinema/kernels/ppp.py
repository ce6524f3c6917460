"""Precise point positioning: one Kalman step over ionosphere-free code and phase.

State: position offset (0:3), zenith wet delay (3), its gradient north and east (4, 5), then one ambiguity per
satellite, metres. Code has one clock per system and epoch, phase one for all systems (the ambiguities take up what
systems differ by); both are white and eliminated exactly as in kernels.rtk.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kinema.kernels.jit import kernel
from kinema.kernels.sequential import add_clock, at_rank, clear_state, fold, foresee, remove_state

A = Any
"""Scalars and arrays as Numba infers them; docstrings give shapes."""
HEAD = 6


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
def _model(r: A, s: A, kind: A, unit: A, mapping: A, index: A, at: A, by: A) -> A:
    for i in range(3):
        at[i], by[i] = i, -unit[r, i]
        at[3 + i], by[3 + i] = 3 + i, mapping[r, i]
    if kind == 1:
        at[6], by[6] = index[s, 0], 1.0
        return 7
    return 6


@kernel
def _group(
    x: A,
    p: A,
    n: A,
    index: A,
    lock: A,
    rows: A,
    count: A,
    kind: A,
    sat: A,
    unit: A,
    mapping: A,
    z: A,
    var: A,
    gate: A,
    innovation: A,
    flag: A,
    w: A,
) -> None:
    """Fold the rows of one clock; phases beyond gate[1] sigmas begin anew, codes beyond gate[0] count less.

    A phase of a shared ambiguity (gate[2] on) is only left out.
    """
    at, by, pre = np.zeros(8, np.int64), np.zeros(8), np.empty(count)
    for k in range(count):
        c = _model(rows[k], sat[rows[k]], kind, unit, mapping, index, at, by)
        pre[k], _s = foresee(x, p, at, by, c, z[rows[k]], var[rows[k]])
    middle = at_rank(pre, count, count // 2)
    r = rows[middle]
    c = _model(r, sat[r], kind, unit, mapping, index, at, by)
    add_clock(x, p, n, at, by, c, z[r], var[r])
    innovation[r] = 0.0
    for k in range(count):
        r = rows[k]
        if kind == 1:
            lock[index[sat[r], 0]] += 1
        if k == middle:
            continue
        c = _model(r, sat[r], kind, unit, mapping, index, at, by)
        at[c], by[c] = n, 1.0
        nu, s = foresee(x, p, at, by, c + 1, z[r], var[r])
        t = abs(nu) / math.sqrt(s)
        innovation[r] = nu
        v = var[r]
        if t > gate[1]:
            flag[r] = 1
            if kind == 1 and sat[r] < gate[2]:
                i = index[sat[r], 0]
                clear_state(x, p, n + 1, i, x[i] + nu, 900.0)
                lock[i] = 0
            continue
        if t > gate[0]:
            flag[r] = 2
            v += (t * t / (gate[0] * gate[0]) - 1.0) * s
        fold(x, p, n + 1, at, by, c + 1, z[r], v, w)


@kernel
def ppp_epoch(
    x: A,
    p: A,
    n: A,
    keys: A,
    index: A,
    seen: A,
    lock: A,
    prior: A,
    arc_of: A,
    row0: A,
    row1: A,
    sat: A,
    group: A,
    n_groups: A,
    unit: A,
    mapping: A,
    code: A,
    phase: A,
    code_var: A,
    phase_var: A,
    arc: A,
    t: A,
    dt: A,
    settings: A,
    innovation: A,
    flag: A,
) -> A:
    """One epoch: predict, manage arcs, fold codes and phases. Returns n.

    code, phase (m,): observed less model at the epoch's position, m; mapping (m, 3): wet mapping and its gradients;
    innovation (2, m), flag (2, m). sat (m,): which ambiguity each row has. settings (9,): position variance
    (0: static), walks of zenith delay and gradient (m²/s), drift of ambiguities (m²/s), gap (s), Huber, code reject,
    phase reject, first ambiguity that several satellites share.
    """
    if dt > 0.0:
        ppp_predict(x, p, n, dt, settings)
    i = n - 1
    while i >= HEAD:
        if t - seen[i] > settings[4]:
            arc_of[keys[i, 0], 0] = -1
            n = remove_state(x, p, n, keys, index, seen, lock, prior, i)
        i -= 1
    for r in range(row0, row1):
        if not (math.isfinite(phase[r]) and math.isfinite(code[r])):
            continue
        s = sat[r]
        i = index[s, 0]
        if i < 0 and n < x.shape[0] - 2:
            i = n
            n += 1
            keys[i, 0], keys[i, 1] = s, 0
            index[s, 0] = i
            arc_of[s, 0] = -2
        if i < 0:
            continue
        if arc_of[s, 0] != arc[r]:
            clear_state(x, p, n, i, phase[r] - code[r], 900.0)
            lock[i] = 0
            arc_of[s, 0] = arc[r]
        seen[i] = t
    w, rows = np.empty(x.shape[0]), np.empty(row1 - row0, np.int64)
    for g in range(n_groups):
        count = 0
        for r in range(row0, row1):
            if group[r] == g and math.isfinite(code[r]):
                rows[count] = r
                count += 1
        if count >= 2:
            _group(
                x, p, n, index, lock, rows, count, 0, sat, unit, mapping, code, code_var,
                np.array([settings[5], settings[6], settings[8]]), innovation[0], flag[0], w,
            )  # fmt: skip
    count = 0
    for r in range(row0, row1):
        if math.isfinite(phase[r]) and index[sat[r], 0] >= 0:
            rows[count] = r
            count += 1
    if count >= 2:
        _group(
            x, p, n, index, lock, rows, count, 1, sat, unit, mapping, phase, phase_var,
            np.array([settings[5], settings[7], settings[8]]), innovation[1], flag[1], w,
        )  # fmt: skip
    return n
