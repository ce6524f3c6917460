"""RTK over the whole recording: one float ambiguity per arc, integers from all its data, then a fixed solve.

The recording is one least-squares problem that is banded in time. It is solved as two Kalman passes, forward and
backward, whose sum is the batch's own solution and covariance (Fraser & Potter 1969): at chosen epochs the full
marginal of position and ambiguities, which the integers come from; then, with these imposed, position and velocity
at every epoch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from kinema.core.arrays import F64, I64, Bool
from kinema.core.satellites import SYSTEMS
from kinema.estimate.options import Progress, silent
from kinema.estimate.rtk_filter import HEAD, SATS, FilterOutput, RtkFilter
from kinema.estimate.rtk_integers import ArcIntegers, Poll, no_integers
from kinema.estimate.rtk_params import RtkParams
from kinema.estimate.rtk_table import SLOTS, RtkTable

SNAPSHOT_BYTES = 300_000_000
ROUNDS = 2
SEEN_WEIGHT, UNSEEN_WEIGHT = 0.5, 2.0
"""The same of what was known before, of arcs that were searched again and of others."""
CONFIRM = 3.0
"""Searches that must agree on an integer before they hold it and vote for it."""
SEARCH_WEIGHT = 3.0
"""Votes of a search of the combined solution, in those of one epoch of the causal filter."""
LOOK_OVER = 20
ROUNDING_M2 = 1e-6
"""Tied ambiguities are known against each other to 0.1 mm and together to 30 m: near what float64 can tell apart."""
FAR_SQUARED = 50.0
LEAST_TIED = 4
"""Known differences that carry a position."""
RELEASE_SIGMA = 3.0
"""A held integer that disagrees by more with all others is let go: the batch has no later epoch to notice it."""


@dataclass(frozen=True)
class Snapshot:
    """A filter's state at one epoch: x (n,), p (n, n), keys (n, 2), arc (n,) of each ambiguity (−1: none)."""

    x: F64
    p: F64
    keys: I64
    arc: I64
    lock: I64


@dataclass(frozen=True)
class BatchOutput:
    """d_m (n, 3) from the base, covariances, velocities; tied (n,) integers that hold the epoch; forward and backward
    results; the integers of all arcs."""

    d_m: F64
    cov: F64
    v_mps: F64
    cov_v: F64
    tied: I64
    apart_m: F64
    figures: F64
    forward: FilterOutput
    integers: ArcIntegers


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


class Batch:
    """The batch over one table."""

    def __init__(self, table: RtkTable, params: RtkParams, arc: I64, *, static: bool, progress: Progress) -> None:
        self.table, self.params, self.arc, self.static, self.progress = table, params, arc, static, progress
        self.back_table, self.back_arc, self.back_rows = reverse(table, arc)
        self.length = np.bincount(arc[arc >= 0], minlength=int(arc.max(initial=-1)) + 1)
        self.chosen = self._epochs_to_search()

    def _epochs_to_search(self) -> Bool:
        """Epochs where the set of arcs changed, and a steady few between, as far as memory allows."""
        n = len(self.table.t_ns)
        first_epoch = np.full(int(self.arc.max(initial=-1)) + 2, n, dtype=np.int64)
        np.minimum.at(first_epoch, self.arc, self.table.epoch[:, None])
        chosen = np.zeros(n, dtype=np.bool_)
        starts = np.unique(first_epoch[:-1])
        chosen[np.minimum(starts[starts < n] + 2, n - 1)] = True
        chosen[::10] = True
        return _affordable(chosen)

    def passes(self, integers: ArcIntegers, chosen: Bool, poll: Poll | None = None) -> Passes:
        """Forward and backward passes, with snapshots of both at the chosen epochs; both vote where a poll is given."""
        n = len(self.table.t_ns)
        t = self.table.t_ns
        ahead = RtkFilter(self.table, self.params, self.arc, static=self.static, integers=integers)
        kept: dict[int, Snapshot] = {}
        for k in range(n):
            ahead.step(k)
            if chosen[k]:
                kept[k] = snapshot(ahead)
            if poll is not None:
                _ask(ahead, k, poll)
        back = RtkFilter(self.back_table, self.params, self.back_arc, static=self.static, integers=integers)
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

    def search(self, both: Passes, known: ArcIntegers, figures: F64, poll: Poll) -> ArcIntegers:
        """Search the combined float solution at its snapshots, one after another; each gives its arcs a vote.

        What is known already is held, and let go where it disagrees. figures (n, 8) receives what each search found.
        """
        from kinema.kernels.rtk_fix import fix_epoch, remember

        t, ahead = self.table, both.ahead
        memory = np.tile([0.0, -1.0, 0.0], (SATS, SLOTS, 1))
        memory_arc = np.full((SATS, SLOTS), -1, dtype=np.int64)
        index = np.full((SATS, SLOTS + 1), -1, dtype=np.int64)
        dd, integer = np.zeros((200, 4), dtype=np.int64), np.zeros(200)
        visited = np.zeros(len(known.datum), dtype=np.bool_)
        settings = ahead.fix_settings.copy()
        settings[2], settings[7] = CONFIRM, RELEASE_SIGMA
        datum = float(known.datum.max(initial=-1) + 1)
        size = ahead.state.x.shape[0]
        x, p, lock = np.zeros(size), np.zeros((size, size)), np.full(size, 100, dtype=np.int64)
        for k in sorted(both.kept):
            seen = both.kept[k]
            n = len(seen.x)
            x[:n], p[:n, :n] = combine(seen, both.after.get(k))
            index[:] = -1
            index[seen.keys[HEAD:, 0], seen.keys[HEAD:, 1]] = np.arange(HEAD, n)
            here = np.full((SATS, SLOTS), -1, dtype=np.int64)
            phase = seen.arc >= 0
            here[seen.keys[phase, 0], seen.keys[phase, 1]] = seen.arc[phase]
            changed = here != memory_arc
            memory[changed] = (0.0, -1.0, 0.0)
            old = changed & (here >= 0)
            old[old] = known.datum[here[old]] >= 0
            memory[old, 0], memory[old, 1], memory[old, 2] = known.value[here[old]], known.datum[here[old]], CONFIRM
            memory_arc = here
            visited[here[here >= 0]] = True
            rows = np.arange(t.row_start[k], t.row_start[k + 1])
            dx, less = np.zeros(3), np.zeros((3, 3))
            status, count, datum = fix_epoch(
                x, p, index, lock, rows, len(rows), t.sat, ahead.group, len(SYSTEMS), t.elevation, t.wavelength,
                ahead.usable, memory, datum, settings, dx, less, figures[k], dd, integer,
            )  # fmt: skip
            if status > 0:
                datum = remember(dd, integer, count, memory, datum, CONFIRM)
                told = np.nonzero((memory[:, :, 2] >= CONFIRM) & (here >= 0))
                _vote(poll, here[told], memory[told], told, SEARCH_WEIGHT)
        told = np.flatnonzero(known.datum >= 0)
        poll.vote(told, known.value[told], known.datum[told], np.where(visited[told], SEEN_WEIGHT, UNSEEN_WEIGHT))
        return poll.elect()

    def _still_open(self, known: ArcIntegers, usable: Bool) -> Bool:
        """Epochs at which arcs that could be fixed are not, of those to search; and a few to look over the others."""
        has = (self.arc >= 0) & usable
        has[has] = known.datum[self.arc[has]] < 0
        n = len(self.table.t_ns)
        waiting = np.zeros(n, dtype=np.bool_)
        waiting[self.table.epoch[has.any(axis=1)]] = True
        look = np.zeros(n, dtype=np.bool_)
        look[::LOOK_OVER] = True
        return np.asarray((self.chosen & waiting) | look)

    def solve(self) -> BatchOutput:
        """Float passes and integers; passes with these imposed, for what is still open; the fixed solution."""
        known = no_integers(self.arc)
        chosen = self.chosen
        figures = np.zeros((len(self.table.t_ns), 8))
        for turn in range(ROUNDS):
            self.progress("batch: float solution" if turn == 0 else "batch: with integers", turn / (ROUNDS + 1))
            poll = Poll(self.length)
            both = self.passes(known, chosen, poll if turn == 0 else None)
            known = self.search(both, known, figures, poll)
            chosen = self._still_open(known, both.ahead.usable)
        self.progress("batch: fixed solution", ROUNDS / (ROUNDS + 1))
        tied = self._tied(known)
        last = self.passes(known, _affordable(tied < LEAST_TIED))
        return self._merge(last, figures, known, tied)

    def _merge(self, last: Passes, figures: F64, known: ArcIntegers, tied: I64) -> BatchOutput:
        """Position and velocity of both passes, weighted by their covariances.

        Where integers do not carry the position, the ambiguities do, and are merged with it at the snapshots.
        """
        ahead, prior, prior_cov = last.ahead, last.prior, last.prior_cov
        o, t = ahead.out, self.table.t_ns
        n = len(t)
        dt = np.append(np.diff(t) * 1e-9, 1.0)
        step = np.tile(np.eye(6), (n, 1, 1))
        step[:, :3, 3:] = np.eye(3) * dt[:, None, None]
        q = np.zeros((n, 6, 6))
        accel = ahead.settings[0]
        eye = np.eye(3)
        q[:, :3, :3] = eye * (accel * dt**3 / 3)[:, None, None]
        q[:, :3, 3:] = q[:, 3:, :3] = eye * (accel * dt**2 / 2)[:, None, None]
        q[:, 3:, 3:] = eye * (accel * dt)[:, None, None]
        sign = np.array([1.0, 1, 1, -1, -1, -1])
        x_b = np.einsum("nij,nj->ni", step, prior) * sign
        p_b = (step @ prior_cov @ np.swapaxes(step, 1, 2) + q) * np.outer(sign, sign)
        x_f = np.hstack([o.d_m, o.v_mps])
        p_f = ahead.cov6
        d, cov = x_f.copy(), p_f.copy()
        both = np.isfinite(x_b[:, 0]) & np.isfinite(x_f[:, 0]) & (np.abs(p_b[:, 0, 0]) < 1e6)
        use = 3 if self.static else 6
        if both.any():
            total = p_f[both][:, :use, :use] + p_b[both][:, :use, :use]
            gain = np.linalg.solve(total, p_f[both][:, :use, :use])
            d[both, :use] = x_f[both, :use] + np.einsum("ni,nij->nj", x_b[both, :use] - x_f[both, :use], gain)
            merged = p_f[both].copy()
            merged[:, :use, :use] -= p_f[both][:, :use, :use] @ gain
            cov[both] = 0.5 * (merged + np.swapaxes(merged, 1, 2))
        for k, seen in last.kept.items():
            x, p = combine(seen, last.after.get(k))
            apart_m = x[:3] - d[k, :3]
            if p[0, 0] > 0.0 and apart_m @ np.linalg.solve(cov[k, :3, :3], apart_m) < FAR_SQUARED:
                d[k], cov[k] = x[:6], p[:6, :6]
        apart = np.where(both, np.linalg.norm(x_b[:, :3] - x_f[:, :3], axis=1), np.nan)
        return BatchOutput(d[:, :3], cov[:, :3, :3], d[:, 3:], cov[:, 3:, 3:], tied, apart, figures, o, known)

    def _tied(self, known: ArcIntegers) -> I64:
        """How many double differences each epoch has whose integers are known."""
        t = self.table
        datum = np.where(self.arc >= 0, known.datum[self.arc], -1)
        datum[~np.isfinite(t.phase)] = -1
        row, slot = np.nonzero(datum >= 0)
        key = np.stack([t.epoch[row], t.sat[row] // 100, slot, datum[row, slot]])
        _, index, count = np.unique(key, axis=1, return_index=True, return_counts=True)
        tied = np.zeros(len(t.t_ns), dtype=np.int64)
        np.add.at(tied, t.epoch[row[index]], count - 1)
        return tied


def _affordable(chosen: Bool) -> Bool:
    """As many of the chosen epochs (n,) as snapshots of them fit in memory."""
    most = max(20, SNAPSHOT_BYTES // (16 * 90 * 90))
    if chosen.sum() > most:
        keep = np.flatnonzero(chosen)[:: int(np.ceil(chosen.sum() / most))]
        chosen = np.zeros_like(chosen)
        chosen[keep] = True
    return chosen


def _vote(poll: Poll, arcs: I64, memory: F64, place: tuple[I64, I64], weight: float) -> None:
    """Vote with what is remembered (k, 3) of arcs (k,) at satellites and slots `place`."""
    group = (memory[:, 1].astype(np.int64) * 10 + place[0] // 100) * SLOTS + place[1]
    poll.vote(arcs, memory[:, 0], group, weight)


def _ask(one: RtkFilter, k: int, poll: Poll) -> None:
    """Let a filter fix the epoch k that it just took in, and vote with what it holds."""
    one.fix(k)
    s = one.state
    if one.out.status[k] > 0:
        told = np.nonzero((s.memory[:, :, 2] >= one.params.confirm_epochs) & (s.arc_of >= 0))
        _vote(poll, s.arc_of[told], s.memory[told], told, 1.0)


def run_batch(
    table: RtkTable, params: RtkParams, arc: I64, *, static: bool = False, progress: Progress = silent
) -> BatchOutput:
    """Solve the whole table at once."""
    return Batch(table, params, arc, static=static, progress=progress).solve()
