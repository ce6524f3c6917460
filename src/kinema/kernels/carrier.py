"""Differences of carrier and code between receivers and epochs: code positions, slips, continuous arcs.

Rows are ragged: epoch k owns rows row_start[k]:row_start[k + 1]; slots are signals. NaN is "not observed".
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kinema.kernels.geodesy import azimuth_elevation, geodetic, line_of_sight
from kinema.kernels.jit import kernel

A = Any
"""Scalars and arrays as Numba infers them; docstrings give shapes."""
SCALE_CAP = 9.0
"""Squared sigmas that one residual counts at most where an epoch's scale is judged: the rest of it is its own."""


@kernel
def solve3(a: A, b: A, x: A) -> A:
    """Solve the symmetric positive 3 × 3 system a x = b by Cholesky; False where it is singular."""
    l00 = a[0, 0]
    if not l00 > 1e-9:
        return False
    l00 = math.sqrt(l00)
    l10, l20 = a[1, 0] / l00, a[2, 0] / l00
    l11 = a[1, 1] - l10 * l10
    if not l11 > 1e-9:
        return False
    l11 = math.sqrt(l11)
    l21 = (a[2, 1] - l20 * l10) / l11
    l22 = a[2, 2] - l20 * l20 - l21 * l21
    if not l22 > 1e-9:
        return False
    l22 = math.sqrt(l22)
    y0 = b[0] / l00
    y1 = (b[1] - l10 * y0) / l11
    y2 = (b[2] - l20 * y0 - l21 * y1) / l22
    x[2] = y2 / l22
    x[1] = (y1 - l21 * x[2]) / l11
    x[0] = (y0 - l10 * x[1] - l20 * x[2]) / l00
    return True


@kernel
def grouped_fit(y: A, weight: A, group: A, unit: A, n_groups: A, threshold: A, dx: A, used: A) -> A:
    """Robust fit of y = −e·dx + c[group] over rows, the group constants eliminated.

    y, weight, group (m,), unit (m, 3): weights are 1/σ²; iteratively reweighted, Cauchy at `threshold` sigmas for the
    later rounds and least absolute values at first. dx (3,) receives the fit, used (m,) the final residuals in
    metres. Returns the number of rows beyond those that are needed, −1 where it is not determined.
    """
    m = y.shape[0]
    a, b = np.zeros((3, 3)), np.zeros(3)
    sw, sy = np.zeros(n_groups), np.zeros(n_groups)
    se = np.zeros((n_groups, 3))
    w = np.empty(m)
    n_used = 0
    for i in range(m):
        w[i] = weight[i] if math.isfinite(y[i]) else 0.0
        used[i] = np.nan
    for rounds in range(8):
        a[:] = 0.0
        b[:] = 0.0
        sw[:] = 0.0
        sy[:] = 0.0
        se[:] = 0.0
        n_used = 0
        for i in range(m):
            if w[i] > 0.0:
                g = group[i]
                sw[g] += w[i]
                sy[g] += w[i] * y[i]
                n_used += 1
                for r in range(3):
                    se[g, r] -= w[i] * unit[i, r]
        present = 0
        for g in range(n_groups):
            present += 1 if sw[g] > 0.0 else 0
        if n_used < present + 3:
            return -1
        for i in range(m):
            if w[i] > 0.0:
                for r in range(3):
                    b[r] -= w[i] * unit[i, r] * y[i]
                    for c in range(r + 1):
                        a[r, c] += w[i] * unit[i, r] * unit[i, c]
        for g in range(n_groups):
            if sw[g] > 0.0:
                for r in range(3):
                    b[r] -= se[g, r] * sy[g] / sw[g]
                    for c in range(r + 1):
                        a[r, c] -= se[g, r] * se[g, c] / sw[g]
        if not solve3(a, b, dx):
            return -1
        for i in range(m):
            if math.isfinite(y[i]) and weight[i] > 0.0 and sw[group[i]] > 0.0:
                g = group[i]
                clock = (sy[g] - se[g, 0] * dx[0] - se[g, 1] * dx[1] - se[g, 2] * dx[2]) / sw[g]
                r = y[i] - clock + unit[i, 0] * dx[0] + unit[i, 1] * dx[1] + unit[i, 2] * dx[2]
                used[i] = r
                t = abs(r) * math.sqrt(weight[i]) / threshold
                w[i] = weight[i] / max(t, 0.05) if rounds < 4 else weight[i] / (1.0 + t * t)
    return n_used - present - 3


@kernel
def _majority(y: A, fitted: A, slots: A, step: A) -> A:
    """Whether enough satellites agree to tell which of them do not: each one that is off asks for one more of them.

    A reflected satellite is off on all its signals alike, so that satellites are counted, not signals; one signal alone
    has slipped. Where none is off, four that agree are taken as they are.
    """
    agree, off = 0, 0
    for first in range(0, len(y), slots):
        there, near = False, False
        for j in range(first, first + slots):
            if math.isfinite(y[j]):
                there = True
                near = near or abs(fitted[j]) <= step
        if near:
            agree += 1
        elif there:
            off += 1
    return off == 0 or agree >= 4 + off


@kernel
def arcs(
    t_ns: A,
    row_start: A,
    sat: A,
    phase_m: A,
    lli: A,
    unit: A,
    elevation: A,
    limits: A,
    memory: A,
    counter: A,
    arc: A,
    slip: A,
) -> None:
    """Number the continuous carrier arcs of each satellite and signal, by what one epoch says after another.

    phase_m (m, slots): single-differenced phase less model, metres; lli 1 lost lock,
    2 half cycle (both receivers together). limits: longest gap (s), geometry-free and time-difference steps (m).
    memory (sats, slots, 5): last time (s), phase, geometry-free phase, half flag, arc; NaN at first. counter (1,) next
    arc. Writes arc (m, slots), −1 where none, and slip (m, slots): 0 none, 1 lock, 2 geometry-free, 3 time-difference,
    4 gap, 5 half-cycle change.
    """
    n, slots = len(t_ns), phase_m.shape[1]
    gap, gf_step, td_step = limits[0], limits[1], limits[2]
    for k in range(n):
        t = t_ns[k] * 1e-9
        first, last = row_start[k], row_start[k + 1]
        rows = (last - first) * slots
        y, w, g = np.full(rows, np.nan), np.zeros(rows), np.zeros(rows, np.int64)
        e, fitted, dx = np.zeros((rows, 3)), np.zeros(rows), np.zeros(3)
        for i in range(first, last):
            for f in range(slots):
                if not math.isfinite(phase_m[i, f]):
                    continue
                m = memory[sat[i], f]
                dt = t - m[0]
                half = 1.0 if lli[i, f] & 2 else 0.0
                if not dt <= gap:
                    slip[i, f] = 4
                elif lli[i, f] & 1:
                    slip[i, f] = 1
                elif half != m[3]:
                    slip[i, f] = 5
                j = (i - first) * slots + f
                if slip[i, f] == 0 and dt <= 5.0:
                    y[j] = phase_m[i, f] - m[1]
                    s = max(math.sin(elevation[i]), 0.15)
                    w[j] = (s / 0.005) ** 2
                e[j] = unit[i]
        free = grouped_fit(y, w, g, e, 1, 3.0, dx, fitted)
        doubtful = free >= 2 and not _majority(y, fitted, slots, td_step)
        for i in range(first, last):
            for f in range(slots):
                if not math.isfinite(phase_m[i, f]):
                    continue
                j = (i - first) * slots + f
                m = memory[sat[i], f]
                if free >= 2 and slip[i, f] == 0 and (doubtful or abs(fitted[j]) > td_step):
                    slip[i, f] = 3
                other = 0 if f > 0 else 1
                gf = np.nan
                if other < slots and math.isfinite(phase_m[i, other]):
                    gf = phase_m[i, f] - phase_m[i, other]
                if slip[i, f] == 0 and abs(gf - m[2]) > gf_step and (free < 2 or abs(fitted[j]) > 0.6 * td_step):
                    slip[i, f] = 2
                if slip[i, f] != 0:
                    m[4] = counter[0]
                    counter[0] += 1
                arc[i, f] = int(m[4])
                m[0], m[1], m[2] = t, phase_m[i, f], gf
                m[3] = 1.0 if lli[i, f] & 2 else 0.0


@kernel
def code_positions(
    row_start: A,
    sat_p: A,
    corrected: A,
    system: A,
    cn0: A,
    start: A,
    sigma: A,
    mask: A,
    n_systems: A,
    x: A,
    cov: A,
    scale: A,
    misfit: A,
) -> None:
    """Position of each epoch from ranges corrected by a base: x (n, 3), cov (n, 3, 3), NaN where not determined.

    corrected (m, slots) = range + clock of its system and slot. Starts at the epoch before, at first at `start`. Also
    written: scale (n,) by how much the codes of an epoch are worse than their sigmas, misfit (m, slots) the residual
    of each in its own sigmas, NaN where the epoch has no position.
    """
    n, slots = len(row_start) - 1, corrected.shape[1]
    here, dx = start.copy(), np.zeros(3)
    for k in range(n):
        first, last = row_start[k], row_start[k + 1]
        m = (last - first) * slots
        y, w, g, fitted = np.full(m, np.nan), np.zeros(m), np.zeros(m, np.int64), np.zeros(m)
        e = np.zeros((m, 3))
        free = -1
        for _ in range(6):
            lat, lon, _h = geodetic(here[0], here[1], here[2])
            for i in range(first, last):
                if not math.isfinite(sat_p[i, 0]):
                    continue
                rho, ex, ey, ez = line_of_sight(sat_p[i, 0], sat_p[i, 1], sat_p[i, 2], here[0], here[1], here[2])
                _az, el = azimuth_elevation(lat, lon, ex, ey, ez)
                for f in range(slots):
                    j = (i - first) * slots + f
                    y[j] = corrected[i, f] - rho
                    g[j] = system[i] * slots + f
                    e[j, 0], e[j, 1], e[j, 2] = ex, ey, ez
                    s = max(math.sin(el), 0.05)
                    weak = 10.0 ** (0.1 * min(25.0, max(0.0, 45.0 - cn0[i, f])))
                    w[j] = 1.0 / (sigma * sigma * (1.0 + 1.0 / (s * s)) * weak) if el > mask else 0.0
            free = grouped_fit(y, w, g, e, n_systems * slots, 2.0, dx, fitted)
            if free < 0:
                break
            here += dx
            if dx[0] * dx[0] + dx[1] * dx[1] + dx[2] * dx[2] < 1.0:
                break
        if free < 0 or not 6.2e6 < math.sqrt(here[0] ** 2 + here[1] ** 2 + here[2] ** 2) < 6.6e6:
            here[:] = start
            continue
        x[k] = here
        scale[k] = _covariance(y, w, g, e, n_systems * slots, fitted, cov[k])
        for i in range(first, last):
            for f in range(slots):
                j = (i - first) * slots + f
                misfit[i, f] = abs(fitted[j]) * math.sqrt(w[j])


@kernel
def _covariance(y: A, w: A, g: A, e: A, n_groups: A, fitted: A, cov: A) -> A:
    """Covariance of the fit, inflated by its residuals where they are larger than their sigmas say, and by how much."""
    a, sw, se = np.zeros((3, 3)), np.zeros(n_groups), np.zeros((n_groups, 3))
    plain, count = 0.0, 0
    for i in range(len(y)):
        if w[i] > 0.0 and math.isfinite(fitted[i]):
            t = fitted[i] * fitted[i] * w[i] / 4.0
            u = w[i] / (1.0 + t)
            sw[g[i]] += u
            plain += min(w[i] * fitted[i] * fitted[i], SCALE_CAP)
            count += 1
            for r in range(3):
                se[g[i], r] += u * e[i, r]
                for c in range(3):
                    a[r, c] += u * e[i, r] * e[i, c]
    for k in range(n_groups):
        if sw[k] > 0.0:
            count -= 1
            for r in range(3):
                for c in range(3):
                    a[r, c] -= se[k, r] * se[k, c] / sw[k]
    scale = max(1.0, plain / max(count - 3, 1))
    unit_vector, column = np.zeros(3), np.zeros(3)
    for r in range(3):
        unit_vector[:] = 0.0
        unit_vector[r] = scale
        if not solve3(a, unit_vector, column):
            cov[:] = np.nan
            return scale
        cov[r] = column
    return scale
