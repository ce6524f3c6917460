"""A causal pass of the tight filter over nodes.

The inertial part moves and is aided by the very functions of the loose filter; the extra states of kernels.tight are
carried along.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from kinema.kernels.inertial import (
    D_SPEED,
    N_DRIVE,
    N_NAV,
    PHI,
    X_P,
    X_Q,
    X_V,
    N,
    P,
    V,
)
from kinema.kernels.inertial_pass import FULL_EACH, MAX_ROWS, N_KEPT, kept
from kinema.kernels.inertial_transition import propagate_cov, propagate_state
from kinema.kernels.inertial_updates import standstill_update, vehicle_update
from kinema.kernels.jit import kernel
from kinema.kernels.road import HERE_SIZE, road_update
from kinema.kernels.rotation import dcm_from_quat
from kinema.kernels.strapdown import gravity_e
from kinema.kernels.tight import (
    CODE,
    T_INNOVATION,
    T_RATIO,
    WIDTH,
    Tape,
    extend_rows,
    fold_gain,
    gain_of,
    inject_all,
    propagate_extras,
)
from kinema.kernels.tight_rows import antenna_rows, gnss_update, middle_of, run_events

A = Any
"""Scalars and arrays as Numba infers them; docstrings give shapes."""

LOST_EPOCHS = 15.0
"""So many epochs whose codes disagree in the main with the prediction: it is the filter that is lost."""
LOST_RATIO = 12.0


class Steps(NamedTuple):
    """Inertial increments and what a node closes, as kernels.inertial_pass.run_pass takes them; epoch (K,) of the
    observations at a node, −1 none; road: a kernels.road.Road."""

    dth: A
    dv: A
    dt: A
    seg_start: A
    noise: A
    wheel: A
    nhc: A
    quiet: A
    mean: A
    epoch: A
    road: A


class State(NamedTuple):
    """What a pass carries, changed in place: x (X_SIZE,), z (M,), p (N + M, N + M), carry (4, 3), slot (M, 3), lost
    (1,) epochs in a row whose codes disagreed, seen (1,) the last epoch, −1 none, noise (3, 2): see learn_noise."""

    x: A
    z: A
    p: A
    carry: A
    slot: A
    lost: A
    seen: A
    noise: A


class Out(NamedTuple):
    """Written: x (K, X_SIZE), cov (K, 15, 15) of the kept states, full (⌈K / FULL_EACH⌉, N, N + M), means (K, 6, 3),
    told (K, D_SIZE), span (K, 2), told_row (R, T_SIZE); where it records also trans (K, 9, 18), decay (K, M), rows_of_p
    (K, 15, N + M) and tape_start (K + 1)."""

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
    here = np.zeros(HERE_SIZE)
    work, means = np.zeros((24, 3)), np.zeros((6, 3))
    y2, h6, at, by, gain = np.zeros((2, 3)), np.zeros((6, N)), np.zeros(WIDTH, np.int64), np.zeros(WIDTH), np.zeros(n)
    gravity_e(x[X_P : X_P + 3], means[2])
    dcm_from_quat(x[X_Q : X_Q + 4], means[3:6])
    for i in range(3):
        means[1, i] = state.carry[3, i]
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
        else:
            for i in range(N_NAV):
                for j in range(N_DRIVE):
                    a[i, j] = 0.0
            total, decay = 0.0, 1.0
        out.span[k, 0], out.span[k, 1] = total, decay
        e = steps.epoch[k]
        if e >= 0:
            before = state.seen[0]
            gap = epochs.t_s[e] - epochs.t_s[before] if before >= 0 else 0.0
            propagate_extras(z, p, n, slot, gap, out.decay[k if record else 0])
            work[12, 0], work[12, 1], work[12, 2] = 0.0, 0.0, 0.0
            antenna_rows(x, means, epochs.p0[e], y2, h6, work, work[12])
            t = run_events(epochs, rows, before, e, z, p, n, slot, y2, tape, t)
            t = gnss_update(
                epochs, rows, e, x, z, p, dx, n, means, gates, state.noise, out.told_row, tape, t, y2, h6, work, turn,
                at, by, gain,
            )  # fmt: skip
            state.seen[0] = e
            _check_lost(p, state.lost, rows, out.told_row, epochs.row_start[e], epochs.row_start[e + 1])
        last = vehicle_update(
            x, p, dx, means, par, steps.wheel[k], steps.nhc[k], out.told[k], small, 0, y3, h3, rows3, work, turn
        )  # fmt: skip
        if steps.quiet[k]:
            last = standstill_update(x, p, dx, par, steps.mean[k], out.told[k], small, last, y3, h3, work, turn)
        last = road_update(
            x, p, dx, steps.road, k, total, means[2], out.told[k], small, last, y3, h3, turn, here
        )  # fmt: skip
        t = extend_rows(p, z, n, small, last, tape, t, gain)
        speed = (x[X_V] ** 2 + x[X_V + 1] ** 2 + x[X_V + 2] ** 2) ** 0.5
        out.told[k, D_SPEED] = speed
        if not speed < 1e4:
            return k
        keep_node(k, x, p, means, out, record)
    if record:
        out.tape_start[end] = t
    for i in range(3):
        state.carry[3, i] = means[1, i]
    return end


@kernel
def fold_ties(state: A, places: A, values: A, sigma2: A, k: A, out: A) -> None:
    """After node k: extra states places[:, 0] and [:, 1] differ by values; what is kept of the node is written anew."""
    p, n = state.p, len(state.p)
    dx, gain, turn = np.zeros(n), np.zeros(n), np.zeros((2, 4))
    at, by = np.zeros(2, np.int64), np.zeros(2)
    by[0], by[1] = 1.0, -1.0
    tape = Tape(np.zeros((0, 1), np.int64), np.zeros((0, 1)))
    for i in range(len(values)):
        at[0], at[1] = N + places[i, 0], N + places[i, 1]
        s = gain_of(p, n, at, by, 2, gain) + sigma2
        v = values[i] - (state.z[places[i, 0]] - state.z[places[i, 1]]) - (dx[at[0]] - dx[at[1]])
        fold_gain(p, dx, n, at, by, 2, gain, v, s, tape, 0)
    inject_all(state.x, state.z, dx, turn)
    keep_node(k, state.x, p, out.means[k].copy(), out, False)


@kernel
def keep_node(k: A, x: A, p: A, means: A, out: A, record: A) -> None:
    """Write what is kept of node k. In loops: assigned slices would take ten seconds to compile."""
    for j in range(len(x)):
        out.x[k, j] = x[j]
    for i in range(6):
        for j in range(3):
            out.means[k, i, j] = means[i, j]
    for i in range(N_KEPT):
        row = p[kept(i)]
        for j in range(N_KEPT):
            out.cov[k, i, j] = row[kept(j)]
        if record:
            for j in range(len(p)):
                out.rows_of_p[k, i, j] = row[j]
    if k % FULL_EACH == 0:
        for i in range(N):
            for j in range(len(p)):
                out.full[k // FULL_EACH, i, j] = p[i, j]
