"""From a float solution to a fixed one: double differences, what is already known of them, what can be found, tests.

A satellite's integer of a signal is kept as single difference in an arbitrary datum: only differences within the same
datum mean something, so no reference satellite has to live long. memory (sats, slots, 3): integer, datum, how many
epochs agreed; held once these are enough.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kinema.kernels.ambiguity import resolve
from kinema.kernels.jit import kernel
from kinema.kernels.rtk_differences import (
    condition,
    conditional_part,
    dd_covariance,
    double_differences,
    worst_known,
)
from kinema.kernels.sequential import at_rank

TRIES = 10
POOREST_RATE = 0.99
"""Success rate below which nothing is tried; below the wanted one the ratio must be larger by one."""
A = Any
"""Scalars and arrays as Numba infers them; docstrings give shapes."""


@kernel
def remember(dd: A, dd_int: A, count: A, memory: A, datum: A, confirm: A) -> A:
    """Note the integers of an accepted epoch, and how often they were the same. Returns the next datum."""
    k = 0
    while k < count:
        code = dd[k, 3]
        f, sr = code // 1000, code % 1000
        if memory[sr, f, 1] < 0.0:
            memory[sr, f, 0], memory[sr, f, 1], memory[sr, f, 2] = 0.0, datum, 0.0
            datum += 1
        s = dd[k, 2]
        value = memory[sr, f, 0] + dd_int[k]
        if memory[s, f, 1] == memory[sr, f, 1] and memory[s, f, 0] == value:
            memory[s, f, 2] += 1.0
        else:
            memory[s, f, 0], memory[s, f, 1], memory[s, f, 2] = value, memory[sr, f, 1], 1.0
        if k == 0 or dd[k - 1, 3] != code:
            memory[sr, f, 2] += 1.0
        k += 1
    return datum


@kernel
def fix_epoch(
    x: A,
    p: A,
    index: A,
    lock: A,
    rows: A,
    n_rows: A,
    sat: A,
    group: A,
    n_groups: A,
    elevation: A,
    wavelength: A,
    usable: A,
    memory: A,
    datum: A,
    settings: A,
    dx: A,
    cov: A,
    out: A,
    dd_out: A,
    dd_int: A,
) -> A:
    """Try to fix one epoch. Returns (status, differences imposed, next datum).

    status 0 float, 1 fixed by this epoch's test, 2 fixed by held integers. dx (3,): shift of the float position, cov
    (3, 3): lessening of its covariance. out (8,): ratio, success rate, norm per difference, differences, newly found,
    released, nodes, worst sigma. settings (9,): success rate, ratio, epochs to confirm, floor variance, least
    satellites, most norm per difference, least lock, sigmas at which a held integer is released, whether to search
    even where enough are held.
    """
    size = index.shape[1] * n_rows
    dd, dd_cyc = np.zeros((size, 4), np.int64), np.zeros((size, 2))
    confirm = settings[2]
    released = 0
    out[:] = 0.0
    while True:
        n, n_known = double_differences(
            index, rows, n_rows, sat, group, n_groups, elevation, lock, wavelength, usable, memory, confirm,
            settings[6], dd, dd_cyc,
        )  # fmt: skip
        if n < settings[4]:
            return 0, 0, datum
        a, q, b = np.zeros(n), np.zeros((n, n)), np.zeros((3, n))
        dd_covariance(x, p, dd[:n], dd_cyc[:n], settings[3], a, q, b)
        if n_known == 0:
            break
        target = dd_cyc[n - n_known : n, 1].copy()
        worst, most = worst_known(a, q, n - n_known, target)
        out[7] = most
        if most < settings[7]:
            break
        released += 1
        code = dd[n - n_known + worst, 3]
        if released > 4:
            memory[:, :, 2] = 0.0
            memory[:, :, 1] = -1.0
        else:
            s = dd[n - n_known + worst, 2]
            memory[s, code // 1000, 2] = 0.0
            memory[s, code // 1000, 1] = -1.0
    out[5] = released
    n_free = n - n_known
    count = 0
    if n_known > 0:
        for i in range(n_known):
            dd_out[i] = dd[n_free + i]
            dd_int[i] = dd_cyc[n_free + i, 1]
        count = n_known
        out[0], out[1] = 99.0, 1.0
    if n_free > 0 and (settings[8] > 0.0 or distinct(dd_out, count) < 5):
        a_u, q_u = np.zeros(n_free), np.zeros((n_free, n_free))
        if conditional_part(a, q, n_free, dd_cyc[n_free:n, 1].copy(), a_u, q_u):
            count = find_new(
                a_u, q_u, dd, n_free, elevation, rows, n_rows, sat, settings, count, n_known, out, dd_out, dd_int
            )
    out[3] = count
    out[4] = count - n_known
    if distinct(dd_out, count) < settings[4]:
        return 0, count, datum
    cyc = np.zeros((count, 2))
    for i in range(count):
        for j in range(n):
            if dd[j, 0] == dd_out[i, 0] and dd[j, 1] == dd_out[i, 1]:
                cyc[i, 0] = dd_cyc[j, 0]
    a2, q2, b2 = np.zeros(count), np.zeros((count, count)), np.zeros((3, count))
    dd_covariance(x, p, dd_out[:count], cyc, settings[3], a2, q2, b2)
    norm = condition(a2, q2, b2, 0, dd_int[:count].copy(), dx, cov)
    if norm < 0.0:
        return 0, 0, datum
    out[2] = norm / count
    return (2 if distinct(dd_out, n_known) >= settings[4] else 1), count, datum


@kernel
def distinct(dd: A, count: A) -> A:
    """How many satellites the first `count` differences are of, references aside."""
    total = 0
    for i in range(count):
        new = True
        for j in range(i):
            if dd[j, 2] == dd[i, 2]:
                new = False
                break
        if new:
            total += 1
    return total


@kernel
def find_new(
    a: A,
    q: A,
    dd: A,
    n: A,
    elevation: A,
    rows: A,
    n_rows: A,
    sat: A,
    settings: A,
    count: A,
    n_known: A,
    out: A,
    dd_out: A,
    dd_int: A,
) -> A:
    """Integers of the differences that are not known yet, of all or of the better ones. Returns the new count.

    Each try leaves out more of those with the largest variance (arcs that have just begun), later ones more of the low
    satellites; the first that passes all tests wins.
    """
    merit = np.zeros((2, n))
    for i in range(n):
        merit[0, i] = -q[i, i] * (1.0 + 1e-9 * i)
        for k in range(n_rows):
            if sat[rows[k]] == dd[i, 2]:
                merit[1, i] = elevation[rows[k]]
    found = np.zeros(5)
    for attempt in range(TRIES):
        by = attempt * 2 // TRIES
        share = attempt - by * (TRIES // 2) + by
        lowest = merit[by, at_rank(merit[by], n, min(n - 1, share * n // 7))]
        pick = np.zeros(n, np.int64)
        m = 0
        for i in range(n):
            if merit[by, i] >= lowest:
                pick[m] = i
                m += 1
        if m + n_known < settings[4]:
            continue
        am, qm, fixed = np.zeros(m), np.zeros((m, m)), np.zeros(m)
        for i in range(m):
            am[i] = a[pick[i]]
            for j in range(m):
                qm[i, j] = q[pick[i], pick[j]]
        resolve(qm, am, POOREST_RATE, fixed, found)
        if attempt == 0:
            out[0], out[1], out[6] = found[2], found[1], found[4]
        needed = settings[1] if found[1] >= settings[0] else settings[1] + 1.0
        ok = found[0] == m and found[2] >= needed
        if ok and found[3] / m < settings[5]:
            out[0], out[1], out[6] = found[2], found[1], found[4]
            for i in range(m):
                dd_out[count] = dd[pick[i]]
                dd_int[count] = np.rint(fixed[i])
                count += 1
            return count
    return count
