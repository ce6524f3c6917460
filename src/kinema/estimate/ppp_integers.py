"""Integers in PPP: wide lanes from Melbourne–Wübbena, narrow lanes from the float solution, votes of many epochs.

Products with satellites' phase biases, or clocks that are those of the phases, leave each system one common fraction:
differences between satellites are integer (Ge et al. 2008; Laurichesse et al. 2009). An arc whose differences nearly
all epochs agree on is tied: its phases lose the integers and share one ambiguity with the others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.estimate.ppp import SATS, SHARED
from kinema.estimate.ppp_table import PppTable

WIDE_S = 300.0
"""How long a wide lane is averaged before it is believed: reflections last for minutes."""
WIDE_CYC = 0.22
COLOURED = 3.0
"""Phase errors last for minutes (multipath, troposphere, antennas): the filter's sigmas are this much too small."""
SUCCESS = 0.999
RATIO = 2.0
FRACTION_CYC = 0.25
"""A satellite whose narrow lane lies farther from an integer is left out: its antenna or bias is not the products'."""
SCATTER_CYC = 0.06
"""What all fractions of an epoch may scatter: more shows antennas or biases that are not the products'."""
LEAST = 4
CONFIRM = 5
CONFIRM_S = 300.0
MAJORITY = 0.9
TIE_VAR_M2 = 0.003**2
SEARCH_S = 30.0
SEARCHES = 400
"""At most so many epochs of a whole recording are searched."""


@dataclass(frozen=True)
class WideLanes:
    """Integer wide lane by row (m,), and by arc (a,) from the whole arc; NaN where it is not known."""

    by_row: F64
    by_arc: F64


def wide_lanes(table: PppTable) -> WideLanes:
    """By row from what came before it, by arc from all of it; the receiver's fraction is common to a system."""
    c, m = table.combined, len(table.sat)
    count = int(table.arc.max(initial=-1)) + 1
    good = (table.arc >= 0) & c.integer & np.isfinite(c.wide_cyc) & np.isfinite(table.elevation)
    rows = np.flatnonzero(good)
    rows = rows[np.argsort(table.arc[rows], kind="stable")]
    arc = table.arc[rows]
    weight = np.sin(table.elevation[rows]) ** 2
    first = np.flatnonzero(np.diff(arc, prepend=-1))
    own = np.repeat(first, np.diff(np.append(first, len(rows))))
    total, value = np.cumsum(weight), np.cumsum(weight * c.wide_cyc[rows])
    base = np.where(own > 0, own - 1, 0)
    less = own > 0
    mean = (value - less * value[base]) / (total - less * total[base]) if len(rows) else value
    seconds = (table.t_ns[table.epoch[rows]] - table.t_ns[table.epoch[rows[own]]]) * 1e-9 if len(rows) else value
    by_row, by_arc = np.full(m, np.nan), np.full(count, np.nan)
    mature = seconds >= WIDE_S
    for system in np.unique(table.sat[rows] // 100):
        mine = np.flatnonzero((table.sat[rows] // 100 == system) & mature)
        if not len(mine):
            continue
        fraction = _common_fraction(mean[mine], table.epoch[rows[mine]], len(table.t_ns))
        by_row[rows[mine]] = _integers(mean[mine], fraction[table.epoch[rows[mine]]])
        last = mine[np.append(np.diff(arc[mine]) > 0, True)]
        by_arc[arc[last]] = _integers(mean[last], fraction[-1])
    return WideLanes(by_row, by_arc)


def _integers(mean: F64, fraction: F64 | float) -> F64:
    whole = np.rint(mean - fraction)
    return np.where(np.abs(mean - fraction - whole) < WIDE_CYC, whole, np.nan)


def _common_fraction(mean: F64, epoch: I64, n: int) -> F64:
    """The receiver's part (n,), cycles, from all satellites up to each epoch; it does not jump by a cycle."""
    turn = np.zeros(n, dtype=np.complex128)
    np.add.at(turn, epoch, np.exp(2j * np.pi * mean))
    fraction = np.unwrap(np.angle(np.cumsum(turn))) / (2 * np.pi)
    return np.asarray(fraction - np.rint(fraction[-1]))


class NarrowLanes:
    """The search at single epochs, the votes, and what they have come to."""

    def __init__(self, table: PppTable, wide: WideLanes, *, causal: bool) -> None:
        self.table, self.wide, self.causal = table, wide, causal
        count = len(wide.by_arc)
        self.sat = np.zeros(count, dtype=np.int64)
        self.narrow_m, self.wide_m = np.full(count, np.nan), np.full(count, np.nan)
        rows = np.flatnonzero(table.arc >= 0)
        self.sat[table.arc[rows]] = table.sat[rows]
        self.narrow_m[table.arc[rows]] = table.combined.narrow_m[rows]
        self.wide_m[table.arc[rows]] = table.combined.wide_m[rows]
        self.datum = np.full(count, -1, dtype=np.int64)
        self.value = np.full(count, np.nan)
        self.cycles = np.full(count, np.nan)
        """Wide lane with which the votes were cast."""
        self.polls: dict[int, dict[tuple[int, float], list[int]]] = {}
        self.visits = np.zeros(count, dtype=np.int64)
        n = len(table.t_ns)
        span_s = float(table.t_ns[-1] - table.t_ns[0]) * 1e-9
        self.every_s = SEARCH_S if causal else max(SEARCH_S, span_s / SEARCHES)
        self.searched_ns: int | None = None
        self.ratio, self.success = np.full(n, np.nan), np.full(n, np.nan)
        self.tied = np.zeros(n, dtype=np.int64)

    def look(self, k: int, x: F64, p: F64, arc: I64) -> tuple[F64, F64]:
        """Search epoch k (not each one), and, causal, report the state conditioned on the integers known by then."""
        wide = self._wide_now(k)
        t = int(self.table.t_ns[k])
        if self.searched_ns is None or abs(t - self.searched_ns) >= self.every_s * 1e9:
            self.searched_ns = t
            for system in np.unique(self.sat[arc[arc >= 0]] // 100):
                self._search(k, x, p, self._usable(arc, wide, int(system)), arc, wide)
        return self._conditioned(k, x, p, arc) if self.causal else (x, p)

    def _wide_now(self, k: int) -> F64:
        """Wide lanes by arc as they are known at epoch k."""
        if not self.causal:
            return self.wide.by_arc
        rows = slice(int(self.table.row_start[k]), int(self.table.row_start[k + 1]))
        here = self.table.arc[rows]
        now = np.full(len(self.sat), np.nan)
        now[here[here >= 0]] = self.wide.by_row[rows][here >= 0]
        changed = np.isfinite(now) & np.isfinite(self.cycles) & (now != self.cycles)
        for a in np.flatnonzero(changed).tolist():
            self._forget(a)
        self.cycles = np.where(np.isfinite(now), now, self.cycles)
        return now

    def _forget(self, a: int) -> None:
        self.datum[a], self.value[a], self.visits[a] = -1, np.nan, 0
        self.polls.pop(a, None)

    def _usable(self, arc: I64, wide: F64, system: int) -> I64:
        """States of a system whose wide lane is known."""
        at = np.flatnonzero(arc >= 0)
        a = arc[at]
        return np.asarray(at[(self.sat[a] // 100 == system) & np.isfinite(wide[a])])

    def _search(self, k: int, x: F64, p: F64, at: I64, arc: I64, wide: F64) -> None:
        """Integers of the states `at` against each other; satellites that do not fit are left out one by one."""
        from kinema.kernels.ambiguity import resolve

        self.visits[arc[at]] += 1
        while len(at) >= LEAST:
            a = arc[at]
            cycles = (x[at] - self.wide_m[a] * wide[a]) / self.narrow_m[a]
            first = int(np.argmin(p[at, at]))
            rest = np.delete(np.arange(len(at)), first)
            difference = np.zeros((len(rest), len(at)))
            difference[np.arange(len(rest)), rest], difference[:, first] = 1.0, -1.0
            scale = np.outer(1.0 / self.narrow_m[a], 1.0 / self.narrow_m[a])
            q = difference @ (p[np.ix_(at, at)] * scale * COLOURED**2 + np.eye(len(at)) * 4e-4) @ difference.T
            fixed, figures = np.zeros(len(rest)), np.zeros(5)
            zt, _ = resolve(q, difference @ cycles, 0.0, fixed, figures)
            if len(zt) < len(rest):
                return
            off = np.zeros(len(at))
            off[rest] = difference @ cycles - np.rint(fixed)
            off -= np.median(off)
            fits = np.abs(off).max() < FRACTION_CYC and np.sqrt((off**2).mean()) < SCATTER_CYC
            if fits and figures[1] > SUCCESS and figures[2] > RATIO:
                self.ratio[k] = np.fmin(self.ratio[k], figures[2])
                self.success[k] = np.fmin(self.success[k], figures[1])
                value = np.zeros(len(at))
                value[rest] = np.rint(fixed)
                self._vote(k, a, value)
                return
            loose = np.insert(np.diag(q), first, 0.0)
            at = np.delete(at, int(np.argmax(np.abs(off) if figures[1] > SUCCESS else loose)))

    def _vote(self, k: int, a: I64, value: F64) -> None:
        """Each arc votes for its integer in the datum that most of them are known in already."""
        leading = {one: self._leading(int(one)) for one in a}
        known = [(one, key) for one, key in leading.items() if key is not None]
        if known:
            datums = [key[0] for _, key in known]
            datum = max(set(datums), key=datums.count)
            at = {int(one): v for one, v in zip(a, value, strict=True)}
            shifts = [key[1] - at[int(one)] for one, key in known if key[0] == datum]
            shift = max(set(shifts), key=shifts.count)
        else:
            datum, shift = self._new_datum(), 0.0
        for one, v in zip(a.tolist(), value.tolist(), strict=True):
            poll = self.polls.setdefault(one, {}).setdefault((datum, v + shift), [0, k, k])
            poll[0], poll[1], poll[2] = poll[0] + 1, min(poll[1], k), max(poll[2], k)
            self._elect(one)

    def _new_datum(self) -> int:
        used = {key[0] for polls in self.polls.values() for key in polls}
        return max(used, default=-1) + 1

    def _leading(self, a: int) -> tuple[int, float] | None:
        polls = self.polls.get(a)
        return max(polls, key=lambda key: polls[key][0]) if polls else None

    def _elect(self, a: int) -> None:
        """The integer of an arc, where nearly all searches agree, over long enough."""
        key = self._leading(a)
        if key is None:
            return
        votes, first, last = self.polls[a][key]
        cast = sum(poll[0] for poll in self.polls[a].values())
        seconds = abs(int(self.table.t_ns[last] - self.table.t_ns[first])) * 1e-9
        sure = votes >= CONFIRM and votes >= MAJORITY * cast and 2 * votes >= self.visits[a] and seconds >= CONFIRM_S
        self.datum[a], self.value[a] = (key[0], key[1]) if sure else (-1, np.nan)

    def _conditioned(self, k: int, x: F64, p: F64, arc: I64) -> tuple[F64, F64]:
        """State and covariance given the integers that are known at epoch k."""
        at = np.flatnonzero(arc >= 0)
        at = at[self.datum[arc[at]] >= 0]
        rows = []
        z = []
        for datum in np.unique(self.datum[arc[at]]):
            mine = at[self.datum[arc[at]] == datum]
            self.tied[k] += max(len(mine) - 1, 0)
            metres = x[mine] - self.metres(arc[mine])
            for j in range(1, len(mine)):
                row = np.zeros(len(x))
                row[mine[j]], row[mine[0]] = 1.0, -1.0
                rows.append(row)
                z.append(metres[j] - metres[0])
        if not rows:
            return x, p
        h = np.array(rows)
        ph = p @ h.T
        gain = np.linalg.solve(h @ ph + np.eye(len(z)) * TIE_VAR_M2, ph.T).T
        p2 = p - gain @ ph.T
        return x - gain @ np.array(z), 0.5 * (p2 + p2.T)

    def metres(self, a: I64) -> F64:
        """What the integers of arcs make in the ionosphere-free phase."""
        wide = self.cycles if self.causal else self.wide.by_arc
        return np.asarray(self.value[a] * self.narrow_m[a] + wide[a] * self.wide_m[a])

    def tie(self) -> PppTable:
        """The table with phases less their known integers, all arcs of a datum sharing one ambiguity."""
        table, count = self.table, len(self.sat)
        known = self.datum >= 0
        names, size = np.unique(self.datum[known], return_counts=True)
        names = names[size >= 2][:SHARED]
        number = np.full(int(self.datum.max(initial=-1)) + 2, -1, dtype=np.int64)
        number[names] = np.arange(len(names))
        of_arc = np.where(known, number[self.datum], -1)
        rows = np.flatnonzero((table.arc >= 0) & np.isfinite(table.phase))
        rows = rows[of_arc[table.arc[rows]] >= 0]
        arcs = table.arc[rows]
        phase, key, arc = table.phase.copy(), table.key.copy(), table.arc.copy()
        phase[rows] -= self.metres(arcs)
        key[rows], arc[rows] = SATS + of_arc[arcs], count + of_arc[arcs]
        np.add.at(self.tied, table.epoch[rows], 1)
        self.tied = np.maximum(self.tied - 1, 0)
        return replace(table, phase=phase, key=key, arc=arc)
