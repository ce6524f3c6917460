"""The float solution of RTK: a Kalman filter of single differences whose clocks are eliminated exactly.

States: position from the base (0:3), velocity (3:6), zenith wet delay difference (6), ionosphere that all share (7),
then in any order single-differenced ambiguities and slant ionosphere delays in metres; things are satellites, kinds
signals and, the last, ionosphere. Codes have one receiver clock per system and signal, phases one for all: what systems
and signals differ by is constant and goes into their ambiguities. Clocks are white in time: the first measurement makes
one a temporary state, so that no satellite is a reference for longer than that.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from kinema.kernels.jit import kernel
from kinema.kernels.rtk_rows import Rows, Told, residuals_of_group, update_doppler, update_group
from kinema.kernels.sequential import States, clear_state, decay, fold, forget_unseen, new_state

A = Any
"""Scalars and arrays as Numba infers them; docstrings give shapes."""

FIXED_STATES = 8
IONOSPHERE_S = 300.0
ZENITH_S = 20.0
"""Correlation times of the atmosphere states: far shorter than the atmosphere's own, because multipath is constant for
minutes and would otherwise be averaged into them as if it were white."""


@kernel
def predict(x: A, p: A, n: A, keys: A, slots: A, dt: A, accel: A, amb_noise: A, prior: A, zenith: A) -> None:
    """Move position by velocity; white acceleration; ionosphere and zenith delay decay towards their priors.

    accel: PSD (m²/s³); amb_noise: m²/s; prior (size,): variance of each ionosphere state, zenith (2,):
    that of the zenith wet delay and of the ionosphere that all satellites share, m².
    """
    for i in range(3):
        x[i] += dt * x[3 + i]
    for j in range(n):
        for i in range(3):
            p[i, j] += dt * p[3 + i, j]
    for i in range(n):
        for j in range(3):
            p[i, j] += dt * p[i, 3 + j]
    for i in range(3):
        p[i, i] += accel * dt * dt * dt / 3.0
        p[i, 3 + i] += accel * dt * dt / 2.0
        p[3 + i, i] = p[i, 3 + i]
        p[3 + i, 3 + i] += accel * dt
    for i in range(FIXED_STATES, n):
        if keys[i, 1] < slots:
            p[i, i] += amb_noise * dt
    decay(x, p, n, 6, math.exp(-dt / ZENITH_S), zenith[0])
    decay(x, p, n, 7, math.exp(-dt / IONOSPHERE_S), zenith[1])
    for i in range(FIXED_STATES, n):
        if keys[i, 1] == slots:
            decay(x, p, n, i, math.exp(-dt / IONOSPHERE_S), prior[i])


@kernel
def manage(states: States, n: A, rows: Rows, row0: A, row1: A, t: A, settings: A) -> A:
    """Drop states that are out of sight, and make those of new arcs. Returns n."""
    iono_var, gap, amb_var = settings[2], settings[4], settings[5]
    x, index, code, phase = states.x, states.index, rows.code, rows.phase
    slots = phase.shape[1]
    n = forget_unseen(states, n, FIXED_STATES, t, gap)
    room = x.shape[0] - 2
    for r in range(row0, row1):
        s = rows.sat[r]
        any_phase = False
        for f in range(slots):
            if not math.isfinite(phase[r, f]):
                continue
            start = np.nan
            for other in range(slots):
                if math.isfinite(code[r, (f + other) % slots]):
                    start = phase[r, f] - code[r, (f + other) % slots]
                    break
            i = index[s, f]
            if i < 0 and (not math.isfinite(start) or n >= room):
                continue
            if i < 0:
                i = n
                n = new_state(states, n, s, f, start, amb_var)
            elif states.arc_of[s, f] != rows.arc[r, f]:
                clear_state(x, states.p, n, i, start if math.isfinite(start) else x[i], amb_var)
                states.lock[i] = 0
            states.arc_of[s, f] = rows.arc[r, f]
            states.seen[i] = t
            any_phase = True
        if iono_var > 0.0 and any_phase:
            if index[s, slots] < 0 and n < room:
                n = new_state(states, n, s, slots, 0.0, iono_var * rows.iono[r] ** 2)
            i = index[s, slots]
            if i >= 0:
                states.seen[i] = t
                states.prior[i] = iono_var * rows.iono[r] ** 2
    return n


class Known(NamedTuple):
    """Integers known of arcs: integer, datum (arcs,), the latter −1 where none is; tied (sats, slots): the arc whose
    integer is imposed already, −1 none."""

    integer: A
    datum: A
    tied: A


@kernel
def tie(states: States, n: A, rows: Rows, row0: A, row1: A, known: Known, variance: A, w: A) -> None:
    """Impose known integers: ambiguities of one system, signal and datum differ by whole wavelengths.

    variance: m², of what multipath and antennas add to an arc for as long as it lasts.
    """
    index, tied = states.index, known.tied
    at, by = np.zeros(2, np.int64), np.zeros(2)
    for r in range(row0, row1):
        s = rows.sat[r]
        for f in range(rows.phase.shape[1]):
            a = rows.arc[r, f]
            if a < 0 or not math.isfinite(rows.phase[r, f]) or index[s, f] < 0 or tied[s, f] == a:
                continue
            if known.datum[a] < 0:
                tied[s, f] = -1
                continue
            first = s // 100 * 100
            for other in range(first, first + 100):
                b = tied[other, f]
                if other == s or b < 0 or index[other, f] < 0 or known.datum[b] != known.datum[a]:
                    continue
                at[0], at[1], by[0], by[1] = index[s, f], index[other, f], 1.0, -1.0
                z = (known.integer[a] - known.integer[b]) * rows.wavelength[r, f]
                fold(states.x, states.p, n, at, by, 2, z, variance, w)
                break
            tied[s, f] = a


@kernel
def float_epoch(
    states: States, n: A, rows: Rows, row0: A, row1: A, n_groups: A, known: Known, told: Told, t: A, dt: A, settings: A,
    zenith: A,
) -> A:  # fmt: skip
    """One epoch of the float filter, rows [row0, row1): predict, manage, tie, fold code, Doppler and phase. Returns n.

    With no integer known this is the plain float solution. settings (12,): acceleration PSD, ambiguity noise,
    ionosphere prior variance (0: none), zenith prior variance, gap, ambiguity prior variance, code Huber, code reject,
    phase Huber, phase reject, Doppler Huber, variance of a tie.
    """
    slots = rows.phase.shape[1]
    if dt > 0.0:
        predict(states.x, states.p, n, states.keys, slots, dt, settings[0], settings[1], states.prior, zenith)
    n = manage(states, n, rows, row0, row1, t, settings)
    w = np.empty(states.x.shape[0])
    tie(states, n, rows, row0, row1, known, settings[11], w)
    row, slot = np.empty((row1 - row0) * slots, np.int64), np.empty((row1 - row0) * slots, np.int64)
    count = 0
    for r in range(row0, row1):
        if math.isfinite(rows.doppler[r]):
            row[count] = r
            count += 1
    if count >= 4:
        update_doppler(states, n, rows, row, count, settings[10], w)
    for g in range(n_groups):
        for f in range(slots):
            count = _codes(rows, row0, row1, g, f, row, slot)
            if count >= 2:
                update_group(states, n, rows, told, row, slot, count, 0, settings[6:8], w)
    count = _phases(states, rows, row0, row1, row, slot)
    if count >= 2:
        update_group(states, n, rows, told, row, slot, count, 1, settings[8:10], w)
        residuals_of_group(states, rows, told, row, slot, count, 1)
    for g in range(n_groups):
        for f in range(slots):
            count = _codes(rows, row0, row1, g, f, row, slot)
            if count >= 2:
                residuals_of_group(states, rows, told, row, slot, count, 0)
    _untie_restarted(rows, row0, row1, known, told)
    return n


@kernel
def _codes(rows: Rows, row0: A, row1: A, group: A, f: A, row: A, slot: A) -> A:
    """Into row, slot: the codes of a system and signal, which share a clock. Returns how many."""
    count = 0
    for r in range(row0, row1):
        if rows.group[r] == group and math.isfinite(rows.code[r, f]):
            row[count], slot[count] = r, f
            count += 1
    return count


@kernel
def _phases(states: States, rows: Rows, row0: A, row1: A, row: A, slot: A) -> A:
    """Into row, slot: the phases that have an ambiguity. Returns how many."""
    count = 0
    for f in range(rows.phase.shape[1]):
        for r in range(row0, row1):
            if math.isfinite(rows.phase[r, f]) and states.index[rows.sat[r], f] >= 0:
                row[count], slot[count] = r, f
                count += 1
    return count


@kernel
def _untie_restarted(rows: Rows, row0: A, row1: A, known: Known, told: Told) -> None:
    """What contradicts its integer has it no longer."""
    for r in range(row0, row1):
        for f in range(rows.phase.shape[1]):
            s = rows.sat[r]
            if told.phase_flag[r, f] == 1 and known.tied[s, f] >= 0:
                known.datum[known.tied[s, f]] = -2
                known.tied[s, f] = -1
