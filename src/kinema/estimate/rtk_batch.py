"""RTK over the whole recording: one float ambiguity per arc, integers from all its data, then a fixed solve.

The recording is one least-squares problem that is banded in time. It is solved as two Kalman passes, forward and
backward, whose sum is the batch's own solution and covariance (Fraser & Potter 1969): at chosen epochs the full
marginal of position and ambiguities, which the integers come from; then, with these imposed, position and velocity
at every epoch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinema.core.arrays import F64, I64, Bool
from kinema.core.progress import Progress, silent
from kinema.core.satellites import SYSTEMS
from kinema.estimate.rtk_filter import HEAD, SATS, FilterOutput, RtkFilter
from kinema.estimate.rtk_integers import ArcIntegers, Poll, no_integers
from kinema.estimate.rtk_params import RtkParams
from kinema.estimate.rtk_passes import Passes, affordable, combine, reverse, run_passes, vote
from kinema.estimate.rtk_table import SLOTS, RtkTable

ROUNDS = 2
SEEN_WEIGHT, UNSEEN_WEIGHT = 0.5, 2.0
"""The same of what was known before, of arcs that were searched again and of others."""
CONFIRM = 3.0
"""Searches that must agree on an integer before they hold it and vote for it."""
SEARCH_WEIGHT = 3.0
"""Votes of a search of the combined solution, in those of one epoch of the causal filter."""
LOOK_OVER = 20
OPEN_SHARE = 0.2
"""With fewer phases open than this, and integers for all epochs, a second round has nothing to gain."""
FAR_SQUARED = 50.0
LEAST_TIED = 4
"""Known differences that carry a position."""
RELEASE_SIGMA = 3.0
"""A held integer that disagrees by more with all others is let go: the batch has no later epoch to notice it."""


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
        return affordable(chosen)

    def passes(self, integers: ArcIntegers, chosen: Bool, poll: Poll | None = None) -> Passes:
        """Forward and backward passes, with snapshots of both at the chosen epochs; both vote where a poll is given."""
        ahead = RtkFilter(self.table, self.params, self.arc, static=self.static, integers=integers)
        back = RtkFilter(self.back_table, self.params, self.back_arc, static=self.static, integers=integers)
        return run_passes(ahead, back, chosen, poll)

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
                vote(poll, here, memory, (memory[:, :, 2] >= CONFIRM) & (here >= 0), SEARCH_WEIGHT)
        held = np.flatnonzero(known.datum >= 0)
        poll.vote(held, known.value[held], known.datum[held], np.where(visited[held], SEEN_WEIGHT, UNSEEN_WEIGHT))
        return poll.elect()

    def _still_open(self, known: ArcIntegers, usable: Bool) -> tuple[Bool, float]:
        """Epochs at which arcs that could be fixed are not, of those to search, and a few to look over the others; and
        the share of phases that is open."""
        has = (self.arc >= 0) & usable
        total = max(int(has.sum()), 1)
        has[has] = known.datum[self.arc[has]] < 0
        waiting = np.zeros(len(self.table.t_ns), dtype=np.bool_)
        waiting[self.table.epoch[has.any(axis=1)]] = True
        look = np.zeros_like(waiting)
        look[::LOOK_OVER] = True
        return np.asarray((self.chosen & waiting) | look), float(has.sum() / total)

    def _carried(self, known: ArcIntegers) -> bool:
        """Whether known integers carry the position of all epochs that have enough phases."""
        t = self.table
        phases = np.bincount(t.epoch, np.isfinite(t.phase).any(axis=1), minlength=len(t.t_ns))
        return bool((self._tied(known)[phases > LEAST_TIED] >= 2 * LEAST_TIED).all())

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
            chosen, open_share = self._still_open(known, both.ahead.usable)
            if open_share < OPEN_SHARE and self._carried(known):
                break
        self.progress("batch: fixed solution", ROUNDS / (ROUNDS + 1))
        tied = self._tied(known)
        last = self.passes(known, affordable(tied < LEAST_TIED))
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


def run_batch(
    table: RtkTable, params: RtkParams, arc: I64, *, static: bool = False, progress: Progress = silent
) -> BatchOutput:
    """Solve the whole table at once."""
    return Batch(table, params, arc, static=static, progress=progress).solve()
