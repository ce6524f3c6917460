"""A causal pass of the tight filter over nodes, and the fixed-interval smoother over its tape.

The inertial part moves and is aided by the very functions of the loose filter; the extra states of kernels.tight are
carried along. The smoother is the modified Bryson–Frazier form (Bierman 1973), with sparse rows.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from kinema.kernels.inertial import (
    D_SPEED,
    GB,
    N_DRIVE,
    N_NAV,
    PHI,
    TD,
    TDD,
    X_P,
    X_Q,
    X_V,
    L,
    N,
    P,
    V,
)
from kinema.kernels.inertial_pass import FULL_EACH, MAX_ROWS, N_KEPT
from kinema.kernels.inertial_transition import propagate_cov, propagate_state
from kinema.kernels.inertial_updates import standstill_update, vehicle_update
from kinema.kernels.jit import kernel
from kinema.kernels.rotation import dcm_from_quat
from kinema.kernels.strapdown import gravity_e
from kinema.kernels.tight import (
    CLOCK,
    CODE,
    DRIFT,
    T_INNOVATION,
    T_RATIO,
    WIDTH,
    antenna_rows,
    extend_rows,
    gnss_update,
    middle_of,
    propagate_extras,
    run_events,
)

A = Any
"""Scalars and arrays as Numba infers them; docstrings give shapes."""

LOST_EPOCHS = 15.0
"""So many epochs whose codes disagree in the main with the prediction: it is the filter that is lost."""
LOST_RATIO = 12.0


class Steps(NamedTuple):
    """Inertial increments and what a node closes, as kernels.inertial_pass.run_pass takes them; epoch (K,) of the
    observations at a node, −1 none."""

    dth: A
    dv: A
    dt: A
    seg_start: A
    noise: A
    wheel: A
    nhc: A
    quiet: A
    rate: A
    epoch: A


class State(NamedTuple):
    """What a pass carries, changed in place: x (X_SIZE,), z (M,), p (N + M, N + M), carry (3, 3), slot (M, 3), lost
    (1,) epochs in a row whose codes disagreed."""

    x: A
    z: A
    p: A
    carry: A
    slot: A
    lost: A


class Out(NamedTuple):
    """Written: x (K, X_SIZE), cov (K, 15, 15) of the kept states, full (⌈K / FULL_EACH⌉, N, N + M), means (K, 6, 3),
    told (K, D_SIZE), trans (K, 9, 18), span (K, 2); decay (E, M); told_row (R, T_SIZE); rows_of_p (K, 15, N + M) and
    tape_start (K + 1) where it records."""

    x: A
    cov: A
    full: A
    means: A
    told: A
    trans: A
    span: A
    decay: A
    told_row: A
    rows_of_p: A
    tape_start: A


@kernel
def kept(i: A) -> A:
    """Error state of the i-th kept one: position, velocity, attitude, time offset, lever arm, mounting."""
    if i < N_NAV:
        return i
    return TD if i == N_NAV else L + i - N_NAV - 1


@kernel
def _propagate_cross(p: A, n: A, a: A, total: A, decay: A, t: A) -> None:
    """What propagate_cov does, for the covariance of the inertial with the extra states; t (9, n) is scratch."""
    for i in range(N_NAV):
        for j in range(N, n):
            t[i, j] = 0.0
        for k in range(N_DRIVE):
            f = a[i, k]
            if f != 0.0:
                for j in range(N, n):
                    t[i, j] += f * p[k, j]
    for i in range(N_NAV):
        for j in range(N, n):
            p[i, j] += t[i, j]
            p[j, i] = p[i, j]
    for j in range(N, n):
        p[TD, j] += total * p[TDD, j]
        p[j, TD] = p[TD, j]
    for i in range(GB, GB + 3):
        for j in range(N, n):
            p[i, j] *= decay
            p[j, i] = p[i, j]


@kernel
def _check_lost(p: A, lost: A, rows: A, told: A, first: A, last: A) -> None:
    """Admit that position, velocity and attitude may be off where most codes of many epochs disagreed."""
    size = np.empty(last - first)
    count = far = 0
    for r in range(first, last):
        if rows.kind[r] == CODE:
            size[count] = abs(told[r, T_INNOVATION])
            far += 1 if told[r, T_RATIO] > LOST_RATIO else 0
            count += 1
    if count < 4:
        return
    lost[0] = lost[0] + 1.0 if 2 * far > count else 0.0
    if lost[0] < LOST_EPOCHS:
        return
    lost[0] = 0.0
    off = middle_of(size, count)
    for i in range(3):
        p[P + i, P + i] += off * off
        p[V + i, V + i] += 1.0
        p[PHI + i, PHI + i] += 0.03 * 0.03


@kernel
def tight_pass(steps: A, epochs: A, rows: A, state: A, par: A, gates: A, out: A, tape: A, begin: A, end: A) -> A:
    """Filter over the nodes begin … end − 1 in place in `state`; a tape of no length records nothing.

    Returns the number of nodes done: fewer where the state left the finite numbers.
    """
    x, z, p, slot = state.x, state.z, state.p, state.slot
    n = len(p)
    dx, y3, turn, small = np.zeros(n), np.zeros(3), np.zeros((2, 4)), np.zeros((MAX_ROWS + 1, 2 * N + 2))
    h3, rows3, scratch = np.zeros((3, N)), np.zeros((3, N)), np.zeros((N_NAV, n))
    work, means = np.zeros((24, 3)), np.zeros((6, 3))
    y2, h6, at, by, gain = np.zeros((2, 3)), np.zeros((6, N)), np.zeros(WIDTH, np.int64), np.zeros(WIDTH), np.zeros(n)
    gravity_e(x[X_P : X_P + 3], means[2])
    dcm_from_quat(x[X_Q : X_Q + 4], means[3:6])
    record = len(tape.index) > 0
    t = 0
    for k in range(begin, end):
        a = out.trans[k if record else 0]
        if record:
            out.tape_start[k] = t
        if steps.seg_start[k + 1] > steps.seg_start[k]:
            total = propagate_state(
                x, steps.dth, steps.dv, steps.dt, steps.seg_start[k], steps.seg_start[k + 1], state.carry, a, means,
                work,
            )  # fmt: skip
            decay = propagate_cov(p, a, total, par, steps.noise[k], means[3:6], scratch)
            _propagate_cross(p, n, a, total, decay, scratch)
        else:
            a[:] = 0.0
            total, decay = 0.0, 1.0
        out.span[k, 0], out.span[k, 1] = total, decay
        e = steps.epoch[k]
        if e >= 0:
            propagate_extras(z, p, n, slot, epochs.dt[e], out.decay[e])
            work[12, 0], work[12, 1], work[12, 2] = 0.0, 0.0, 0.0
            antenna_rows(x, means, epochs.p0[e], y2, h6, work, work[12])
            t = run_events(epochs, rows, e, z, p, n, slot, y2, tape, t)
            t = gnss_update(
                epochs, rows, e, x, z, p, dx, n, means, gates, out.told_row, tape, t, y2, h6, work, turn, at, by, gain
            )  # fmt: skip
            _check_lost(p, state.lost, rows, out.told_row, epochs.row_start[e], epochs.row_start[e + 1])
        last = vehicle_update(
            x, p, dx, means, par, steps.wheel[k], steps.nhc[k], out.told[k], small, 0, y3, h3, rows3, work, turn
        )  # fmt: skip
        if steps.quiet[k]:
            last = standstill_update(x, p, dx, par, steps.rate[k], out.told[k], small, last, y3, h3, work, turn)
        t = extend_rows(p, z, n, small, last, tape, t, gain)
        speed = (x[X_V] ** 2 + x[X_V + 1] ** 2 + x[X_V + 2] ** 2) ** 0.5
        out.told[k, D_SPEED] = speed
        if not speed < 1e4:
            return k
        keep_node(k, x, p, means, out, record)
    if record:
        out.tape_start[end] = t
    return end


@kernel
def keep_node(k: A, x: A, p: A, means: A, out: A, record: A) -> None:
    """Write what is kept of node k."""
    out.x[k, :] = x
    out.means[k, :, :] = means
    for i in range(N_KEPT):
        row = p[kept(i)]
        for j in range(N_KEPT):
            out.cov[k, i, j] = row[kept(j)]
        if record:
            out.rows_of_p[k, i, :] = row
    if k % FULL_EACH == 0:
        out.full[k // FULL_EACH, :, :] = p[:N]


@kernel
def _adjoint_row(lam: A, big: A, n: A, index: A, number: A, work: A) -> None:
    """Take λ (n,) and Λ (n, n) back over one row of the tape."""
    count = index[0]
    if count < 0:
        i = index[1]
        lam[i] = 0.0
        for j in range(n):
            big[i, j] = 0.0
            big[j, i] = 0.0
        return
    gain = number[WIDTH + 2 : WIDTH + 2 + n]
    pull = square = 0.0
    for i in range(n):
        g, row = 0.0, big[i]
        for j in range(n):
            g += row[j] * gain[j]
        work[i] = g
        pull += gain[i] * lam[i]
    for i in range(n):
        square += gain[i] * work[i]
    v, s = number[WIDTH], number[WIDTH + 1]
    b = 1.0 / s + square
    for c in range(count):
        i, hi = index[1 + c], number[c]
        lam[i] += hi * (-v / s - pull)
        row = big[i]
        for j in range(n):
            row[j] -= hi * work[j]
            big[j, i] -= hi * work[j]
        for d in range(count):
            big[i, index[1 + d]] += b * hi * number[d]


@kernel
def _adjoint_extras(lam: A, big: A, n: A, decay: A) -> None:
    """Back over propagate_extras."""
    c, d, dt = N + CLOCK, N + DRIFT, decay[CLOCK]
    lam[d] += dt * lam[c]
    for j in range(n):
        big[d, j] += dt * big[c, j]
    for j in range(n):
        big[j, d] += dt * big[j, c]
    for i in range(2, n - N):
        f = decay[i]
        if f != 1.0:
            k = N + i
            lam[k] *= f
            for j in range(n):
                big[k, j] *= f
            for j in range(n):
                big[j, k] *= f


@kernel
def _adjoint_motion(lam: A, big: A, n: A, a: A, span: A, m: A) -> None:
    """Back over the inertial transition: λ ← Φᵀ λ, Λ ← Φᵀ Λ Φ; m (N_KEPT, n) is scratch."""
    total, decay = span[0], span[1]
    for i in range(GB, GB + 3):
        lam[i] *= decay
        for j in range(n):
            big[i, j] *= decay
        for j in range(n):
            big[j, i] *= decay
    lam[TDD] += total * lam[TD]
    for j in range(n):
        big[TDD, j] += total * big[TD, j]
    for j in range(n):
        big[j, TDD] += total * big[j, TD]
    for r in range(N_NAV):
        for j in range(n):
            m[r, j] = big[r, j]
    for c in range(N_DRIVE):
        for r in range(N_NAV):
            f = a[r, c]
            if f != 0.0:
                for j in range(n):
                    big[c, j] += f * m[r, j]
    for i in range(n):
        for r in range(N_NAV):
            m[r, i] = big[i, r]
    for r in range(N_NAV):
        for c in range(N_DRIVE):
            f = a[r, c]
            if f != 0.0:
                for i in range(n):
                    big[i, c] += f * m[r, i]
    for c in range(N_DRIVE):
        g = 0.0
        for r in range(N_NAV):
            g += a[r, c] * lam[r]
        m[0, c] = g
    for c in range(N_DRIVE):
        lam[c] += m[0, c]


@kernel
def tight_smooth(
    epoch: A, out: A, tape: A, begin: A, end: A, lam: A, big: A, dx: A, cov: A, dx_full: A, full: A
) -> None:
    """Smooth the recorded nodes begin … end − 1 backwards.

    dx (K, 15) is added to the kept states of the pass, cov (K, 15, 15) their covariance; dx_full (F, N), full (F, N, N)
    those of all inertial states at each FULL_EACH-th node. lam (N + M,), big enter as the adjoint behind the last node
    and leave as that before the first: the smoothed start is x₀ − P₀ λ with covariance P₀ − P₀ Λ P₀.
    """
    n = len(lam)
    work, m, m_full = np.zeros(n), np.zeros((N_KEPT, n)), np.zeros((N, n))
    for k in range(end - 1, begin - 1, -1):
        rows = out.rows_of_p[k]
        _kept_product(rows, big, m, n, N_KEPT)
        for i in range(N_KEPT):
            g = 0.0
            for j in range(n):
                g += rows[i, j] * lam[j]
            dx[k, i] = -g
            for j in range(i + 1):
                c = rows[i, kept(j)]
                for q in range(n):
                    c -= m[i, q] * rows[j, q]
                cov[k, i, j] = c
                cov[k, j, i] = c
        if k % FULL_EACH == 0:
            f = k // FULL_EACH
            rows = out.full[f]
            _kept_product(rows, big, m_full, n, N)
            for i in range(N):
                g = 0.0
                for j in range(n):
                    g += rows[i, j] * lam[j]
                dx_full[f, i] = -g
                for j in range(i + 1):
                    c = rows[i, j]
                    for q in range(n):
                        c -= m_full[i, q] * rows[j, q]
                    full[f, i, j] = c
                    full[f, j, i] = c
        for t in range(out.tape_start[k + 1] - 1, out.tape_start[k] - 1, -1):
            _adjoint_row(lam, big, n, tape.index[t], tape.number[t], work)
        if epoch[k] >= 0:
            _adjoint_extras(lam, big, n, out.decay[epoch[k]])
        _adjoint_motion(lam, big, n, out.trans[k], out.span[k], m)


@kernel
def _kept_product(rows: A, big: A, m: A, n: A, count: A) -> None:
    """m (count, n) = rows (count, n) · Λ."""
    for i in range(count):
        for j in range(n):
            m[i, j] = 0.0
        for q in range(n):
            f = rows[i, q]
            if f != 0.0:
                for j in range(n):
                    m[i, j] += f * big[q, j]
