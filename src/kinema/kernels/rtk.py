"""The float solution of RTK: a Kalman filter of single differences whose clocks are eliminated exactly.

State x, P (first n of a fixed size): position from the base (0:3), velocity (3:6), zenith wet delay difference (6),
then in any order single-differenced ambiguities and slant ionosphere delays, all in metres. index (sats, slots + 1)
tells where the ambiguity of a satellite and signal stands (last column: ionosphere), −1 where it has none; keys
(size, 2) tells the way back. Codes have one receiver clock per system and signal, phases one for all: what systems and
signals differ by is constant and goes into their ambiguities. Clocks are white in time: the first measurement makes
one a temporary state, so that no satellite is a reference for longer than that.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kinema.kernels.jit import kernel
from kinema.kernels.rtk_rows import update_doppler, update_group
from kinema.kernels.sequential import clear_state, decay, fold, remove_state

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
def manage(
    x: A,
    p: A,
    n: A,
    keys: A,
    index: A,
    seen: A,
    lock: A,
    arc_of: A,
    row0: A,
    row1: A,
    sat: A,
    code: A,
    phase: A,
    arc: A,
    t: A,
    gap: A,
    amb_var: A,
    iono_var: A,
    iono_map: A,
    prior: A,
) -> A:
    """Drop states that are out of sight, and make those of new arcs. Returns n."""
    slots = phase.shape[1]
    i = n - 1
    while i >= FIXED_STATES:
        if t - seen[i] > gap:
            arc_of[keys[i, 0], keys[i, 1]] = -1
            n = remove_state(x, p, n, keys, index, seen, lock, prior, i)
        i -= 1
    room = x.shape[0] - 2
    for r in range(row0, row1):
        s = sat[r]
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
            if not math.isfinite(start) and i < 0:
                continue
            if i < 0:
                if n >= room:
                    continue
                i = n
                n += 1
                keys[i, 0], keys[i, 1] = s, f
                index[s, f] = i
                clear_state(x, p, n, i, start, amb_var)
                lock[i] = 0
            elif arc_of[s, f] != arc[r, f]:
                if not math.isfinite(start):
                    start = x[i]
                clear_state(x, p, n, i, start, amb_var)
                lock[i] = 0
            arc_of[s, f] = arc[r, f]
            seen[i] = t
            any_phase = True
        if iono_var > 0.0 and any_phase:
            i = index[s, slots]
            if i < 0 and n < room:
                i = n
                n += 1
                keys[i, 0], keys[i, 1] = s, slots
                index[s, slots] = i
                clear_state(x, p, n, i, 0.0, iono_var * iono_map[r] ** 2)
            if i >= 0:
                seen[i] = t
                prior[i] = iono_var * iono_map[r] ** 2
    return n


@kernel
def tie(
    x: A,
    p: A,
    n: A,
    index: A,
    row0: A,
    row1: A,
    sat: A,
    phase: A,
    wavelength: A,
    arc: A,
    arc_integer: A,
    arc_datum: A,
    tied: A,
    variance: A,
    w: A,
) -> None:
    """Impose known integers: ambiguities of one system, signal and datum differ by whole wavelengths.

    variance: m², of what multipath and antennas add to an arc for as long as it lasts. arc_integer, arc_datum (arcs,);
    tied (sats, slots): the arc that is already tied, −1 none.
    """
    at, by = np.zeros(2, np.int64), np.zeros(2)
    for r in range(row0, row1):
        s = sat[r]
        for f in range(phase.shape[1]):
            a = arc[r, f]
            if a < 0 or not math.isfinite(phase[r, f]) or index[s, f] < 0 or tied[s, f] == a:
                continue
            if arc_datum[a] < 0:
                tied[s, f] = -1
                continue
            first = s // 100 * 100
            for other in range(first, first + 100):
                b = tied[other, f]
                if other == s or b < 0 or index[other, f] < 0 or arc_datum[b] != arc_datum[a]:
                    continue
                at[0], at[1], by[0], by[1] = index[s, f], index[other, f], 1.0, -1.0
                z = (arc_integer[a] - arc_integer[b]) * wavelength[r, f]
                fold(x, p, n, at, by, 2, z, variance, w)
                break
            tied[s, f] = a


@kernel
def float_epoch(
    x: A,
    p: A,
    n: A,
    keys: A,
    index: A,
    seen: A,
    lock: A,
    arc_of: A,
    row0: A,
    row1: A,
    sat: A,
    group: A,
    n_groups: A,
    unit: A,
    wet: A,
    wavelength: A,
    code: A,
    phase: A,
    code_var: A,
    phase_var: A,
    doppler: A,
    doppler_var: A,
    origin: A,
    arc: A,
    t: A,
    dt: A,
    settings: A,
    code_innovation: A,
    phase_innovation: A,
    code_flag: A,
    phase_flag: A,
    arc_integer: A,
    arc_datum: A,
    tied: A,
    iono_map: A,
    prior: A,
    zenith: A,
) -> A:
    """One epoch of the float filter: predict, manage, tie, fold code, Doppler and phase. Returns n.

    Arcs with arc_datum ≥ 0 have a known integer (see `tie`); with none known this is the plain float solution.

    settings (12,): acceleration PSD, ambiguity noise, ionosphere prior variance (0: none), zenith prior variance,
    gap, ambiguity prior variance, code Huber, code reject, phase Huber, phase reject, Doppler Huber, variance of a tie.
    """
    slots = phase.shape[1]
    if dt > 0.0:
        predict(x, p, n, keys, slots, dt, settings[0], settings[1], prior, zenith)
    n = manage(
        x, p, n, keys, index, seen, lock, arc_of, row0, row1, sat, code, phase, arc, t, settings[4], settings[5],
        settings[2], iono_map, prior,
    )  # fmt: skip
    w, rows = np.empty(x.shape[0]), np.empty(row1 - row0, np.int64)
    tie(x, p, n, index, row0, row1, sat, phase, wavelength, arc, arc_integer, arc_datum, tied, settings[11], w)
    count = 0
    for r in range(row0, row1):
        if math.isfinite(doppler[r]):
            rows[count] = r
            count += 1
    if count >= 4:
        update_doppler(x, p, n, rows, count, unit, doppler, doppler_var, settings[10], w)
    rows = np.empty((row1 - row0) * slots, np.int64)
    signal = np.empty((row1 - row0) * slots, np.int64)
    for g in range(n_groups):
        for f in range(slots):
            count = 0
            for r in range(row0, row1):
                if group[r] == g and math.isfinite(code[r, f]):
                    rows[count], signal[count] = r, f
                    count += 1
            if count >= 2:
                update_group(
                    x, p, n, index, lock, rows, count, signal, 0, sat, unit, wet, iono_map, wavelength,
                    code, code_var, origin, settings[6:8], code_innovation, code_flag, w,
                )  # fmt: skip
    count = 0
    for f in range(slots):
        for r in range(row0, row1):
            if math.isfinite(phase[r, f]) and index[sat[r], f] >= 0:
                rows[count], signal[count] = r, f
                count += 1
    if count >= 2:
        update_group(
            x, p, n, index, lock, rows, count, signal, 1, sat, unit, wet, iono_map, wavelength,
            phase, phase_var, origin, settings[8:10], phase_innovation, phase_flag, w,
        )  # fmt: skip
    for r in range(row0, row1):
        for f in range(slots):
            if phase_flag[r, f] == 1 and tied[sat[r], f] >= 0:
                arc_datum[tied[sat[r], f]] = -2
                tied[sat[r], f] = -1
    return n
