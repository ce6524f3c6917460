"""Passes of the RTK filter over a table, forward and backward, and their sum at chosen epochs.

A forward and a backward Kalman pass over the same rows, the one's state combined with the other's prediction of the
same epoch, are the least-squares solution of the whole (Fraser & Potter 1969).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from kinema.core.arrays import F64, I64, Bool
from kinema.estimate.rtk_filter import HEAD, RtkFilter
from kinema.estimate.rtk_integers import Poll
from kinema.estimate.rtk_table import SLOTS, RtkTable

SNAPSHOT_BYTES = 300_000_000
ROUNDING_M2 = 1e-6
"""Tied ambiguities are known to millimetres against each other, to 30 m together: near what float64 tells apart."""


@dataclass(frozen=True)
class Snapshot:
    """A filter's state at one epoch: x (n,), p (n, n), keys (n, 2), arc (n,) of each ambiguity (−1: none)."""

    x: F64
    p: F64
    keys: I64
    arc: I64
    lock: I64


def reverse(table: RtkTable, arc: I64) -> tuple[RtkTable, I64, I64]:
    """The table run backwards in time (range rates change sign), its arcs, and the row order."""
    counts = np.diff(table.row_start)
    starts = table.row_start[:-1][::-1]
    back = counts[::-1]
    new_start = np.concatenate([[0], np.cumsum(back)])
    rows = np.repeat(starts - new_start[:-1], back) + np.arange(len(table.sat))
    by_row = ("sat", "unit", "azimuth", "elevation", "code", "phase", "code_var", "phase_var", "doppler_var",
              "wavelength", "cn0", "lli", "wet", "iono", "reason")  # fmt: skip
    t = table.t_ns
    turned = replace(
        table,
        t_ns=t[0] + t[-1] - t[::-1],
        row_start=new_start,
        epoch=np.repeat(np.arange(len(back)), back),
        x0_e_m=np.ascontiguousarray(table.x0_e_m[::-1]),
        dgnss_cov=np.ascontiguousarray(table.dgnss_cov[::-1]),
        age_s=table.age_s[::-1].copy(),
        doppler=-table.doppler[rows],
        **cast(Any, {name: np.ascontiguousarray(getattr(table, name)[rows]) for name in by_row}),
    )
    return turned, np.ascontiguousarray(arc[rows]), rows


def snapshot(one: RtkFilter) -> Snapshot:
    """Copy of a filter's state."""
    s = one.state
    keys = s.keys[: s.n].copy()
    arc = np.full(s.n, -1, dtype=np.int64)
    is_phase = np.arange(s.n) >= HEAD
    is_phase &= keys[:, 1] < SLOTS
    arc[is_phase] = s.arc_of[keys[is_phase, 0], keys[is_phase, 1]]
    return Snapshot(s.x[: s.n].copy(), s.p[: s.n, : s.n].copy(), keys, arc, s.lock[: s.n].copy())


def foreseen(one: RtkFilter, dt: float) -> Snapshot:
    """Copy of a filter's state, moved on by dt, before it sees the next epoch."""
    from kinema.kernels.rtk import predict

    seen = snapshot(one)
    w = one.settings
    predict(seen.x, seen.p, len(seen.x), seen.keys, SLOTS, dt, w[0], w[1], one.state.prior[: len(seen.x)], one.zenith)
    return seen


def combine(forward: Snapshot, backward: Snapshot | None) -> tuple[F64, F64]:
    """Forward state and covariance with what the backward pass knows of the same position, velocity and arcs."""
    x, p = forward.x, forward.p
    if backward is None:
        return x, p
    arcs = {int(a): i for i, a in enumerate(backward.arc) if a >= 0}
    pairs = [(i, arcs[int(a)]) for i, a in enumerate(forward.arc) if a >= 0 and int(a) in arcs]
    mine = np.array([0, 1, 2, 3, 4, 5] + [i for i, _ in pairs])
    theirs = np.array([0, 1, 2, 3, 4, 5] + [j for _, j in pairs])
    sign = np.ones(len(mine))
    sign[3:6] = -1.0
    if not p[3, 3] > 0.0:
        mine, theirs, sign = np.delete(mine, [3, 4, 5]), np.delete(theirs, [3, 4, 5]), np.delete(sign, [3, 4, 5])
    ph = p[:, mine]
    s = ph[mine] + backward.p[np.ix_(theirs, theirs)] * np.outer(sign, sign)
    s[np.diag_indices_from(s)] += ROUNDING_M2
    gain = np.linalg.solve(s, ph.T)
    x2 = x + (sign * backward.x[theirs] - x[mine]) @ gain
    p2 = p - ph @ gain
    return x2, 0.5 * (p2 + p2.T)


@dataclass(frozen=True)
class Passes:
    """A forward filter after its pass, its snapshots, those of the backward one before the same epochs, and the
    backward predictions of position and velocity (n, 6) with their covariance."""

    ahead: RtkFilter
    kept: dict[int, Snapshot]
    after: dict[int, Snapshot]
    prior: F64
    prior_cov: F64


def run_passes(ahead: RtkFilter, back: RtkFilter, chosen: Bool, poll: Poll | None) -> Passes:
    """Run both filters, with snapshots at the chosen epochs (n,); both fix and vote where a poll is given."""
    t = ahead.table.t_ns
    n = len(t)
    kept: dict[int, Snapshot] = {}
    for k in range(n):
        ahead.step(k)
        if chosen[k]:
            kept[k] = snapshot(ahead)
        if poll is not None:
            _ask(ahead, k, poll)
    after: dict[int, Snapshot] = {}
    prior, prior_cov = np.full((n, 6), np.nan), np.full((n, 6, 6), np.nan)
    for j in range(n):
        k = n - 1 - j
        s = back.state
        if j > 0 and s.n:
            if chosen[k]:
                after[k] = foreseen(back, float(t[k + 1] - t[k]) * 1e-9)
            prior[k], prior_cov[k] = s.x[:6], s.p[:6, :6]
        back.step(j)
        if poll is not None:
            _ask(back, j, poll)
    return Passes(ahead, kept, after, prior, prior_cov)


def vote(poll: Poll, arc_of: I64, memory: F64, told: Bool, weight: float) -> None:
    """Vote with what is remembered (sats, slots, 3) of the arcs (sats, slots) that are to be told."""
    sat, slot = np.nonzero(told)
    group = (memory[sat, slot, 1].astype(np.int64) * 10 + sat // 100) * SLOTS + slot
    poll.vote(arc_of[sat, slot], memory[sat, slot, 0], group, weight)


def _ask(one: RtkFilter, k: int, poll: Poll) -> None:
    """Let a filter fix the epoch k that it just took in, and vote with what it holds."""
    one.fix(k)
    s = one.state
    if one.out.status[k] > 0:
        told = (s.memory[:, :, 2] >= one.params.confirm_epochs) & (s.arc_of >= 0)
        vote(poll, s.arc_of, s.memory, told, 1.0)


def affordable(chosen: Bool) -> Bool:
    """As many of the chosen epochs (n,) as snapshots of them fit in memory."""
    most = max(20, SNAPSHOT_BYTES // (16 * 90 * 90))
    if chosen.sum() > most:
        keep = np.flatnonzero(chosen)[:: int(np.ceil(chosen.sum() / most))]
        chosen = np.zeros_like(chosen)
        chosen[keep] = True
    return chosen
