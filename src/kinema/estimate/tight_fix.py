"""Integers within the tight filter: searched at each epoch, imposed once several epochs agree, released where wrong."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from kinema.core.arrays import F64, I64, Bool
from kinema.core.satellites import SYSTEMS
from kinema.estimate.rtk_filter import SATS, SEARCH_EVERY, STATES
from kinema.estimate.rtk_params import RtkParams
from kinema.estimate.rtk_table import SLOTS
from kinema.estimate.tight_base import BaseRows
from kinema.kernels import inertial as ki
from kinema.kernels import tight as kt
from kinema.kernels.tight_pass import State

AGREE_S = 0.5
"""Epochs must agree for at least so long before integers are imposed."""
CERTAIN_RATE, CERTAIN_RATIO, CERTAIN_NORM, CERTAIN_COUNT = 0.9999, 4.0, 2.0, 8
"""Unless a search of at least so many differences leaves no doubt by itself, as it can where inertial navigation has
kept the position to decimetres: then at once."""
DATUMS = 1 << 40
"""More than there will be."""
LOOSE_M, LOOSE_MPS, DOUBT_SIGMAS = 5.0, 0.2, 4.0
RELEASE_EPOCHS, RELEASE_RATIO, RELEASE_SLIPS = 5, 12.0, 0.5
"""Phases whose integers are imposed and whose innovations are that far off for so many epochs, or of which that share
slips at once, say that the integers were wrong."""
DOUBT_S, DOUBT_RATE, DOUBT_TIED = 3.0, 0.9999, 4
"""Searches that must succeed by the covariance and do not, for so long while hardly any satellite is tied, say that
the float solution is not as good as it claims."""


@dataclass(frozen=True)
class Tie:
    """Two extra states that differ by so many metres from an epoch on."""

    epoch: int
    place: int
    other: int
    metres: float


@dataclass
class Integers:
    """What was found of each arc (arcs,): its integer within a datum, −1 unknown; broken: it slipped on the way."""

    value: F64
    datum: F64
    broken: Bool


@dataclass
class Fixer:
    """The search and its memory (see kernels.rtk_fix); `at` is called after each epoch of a pass."""

    rows: BaseRows
    params: RtkParams
    known: Integers | None = None
    memory: F64 = field(default_factory=lambda: np.tile([0.0, -1.0, 0.0], (SATS, SLOTS, 1)))
    tied: F64 = field(default_factory=lambda: np.full((SATS, SLOTS), -1.0))
    datum: float = 0.0
    strange: int = 0
    doubt: int = 0
    releases: int = 0

    def __post_init__(self) -> None:
        n = len(self.rows.data.t_s)
        arcs = len(self.rows.arc_place)
        self.found = Integers(np.zeros(arcs), np.full(arcs, -1.0), np.zeros(arcs, dtype=np.bool_))
        self.index = np.full((SATS, SLOTS + 1), -1, dtype=np.int64)
        self.arc_of = np.full((SATS, SLOTS), -1, dtype=np.int64)
        self.lock = np.zeros(ki.N + self.rows.data.size, dtype=np.int64)
        self.figures, self.tied_count = np.zeros((n, 8)), np.zeros(n, dtype=np.int64)
        self.ties: list[Tie] = []
        if self.known is not None:
            self.datum = float(self.known.datum.max(initial=-1.0)) + 1.0
        steps = np.diff(self.rows.data.t_s)
        step = float(np.median(steps)) if len(steps) else 1.0
        self.confirm = max(self.params.confirm_epochs, int(np.ceil(AGREE_S / max(step, 1e-3))) + 1)
        self.patience = max(3, int(np.ceil(DOUBT_S / max(step, 1e-3))))
        self.settings = np.array([
            self.params.success_rate, self.params.ratio, self.confirm, self.rows.floor_var, 4.0, 4.0, 0.0, 6.0, 1.0
        ])  # fmt: skip
        self.dd, self.integer = np.zeros((STATES, 4), dtype=np.int64), np.zeros(STATES)
        self.group = self.rows.table.sat // 100

    def at(self, e: int, state: State, told_row: F64) -> tuple[I64, F64]:
        """Look at epoch e: new ties, as places (k, 2) and differences in metres (k,)."""
        from kinema.kernels.rtk_fix import fix_epoch, remember

        t = self.rows.table
        first, last = (int(i) for i in self.rows.span[e])
        here = self.rows.place[first:last]
        row, slot = np.nonzero(here >= 0)
        sat, place, arc = t.sat[first:last][row], here[row, slot], self.rows.arc[first:last][row, slot]
        self.index[:] = -1
        self.index[sat, slot] = ki.N + place
        new = self.arc_of[sat, slot] != arc
        self.arc_of[sat, slot] = arc
        self.lock[ki.N + place] += 1
        self._forget(sat[new], slot[new], place[new])
        self._adopt(sat[new], slot[new], arc[new])
        self._slipped(e, told_row, sat, slot, place, arc)
        if self._wrong(e, told_row):
            self._release(state, sat, slot, place, LOOSE_M)
            return np.zeros((0, 2), dtype=np.int64), np.zeros(0)
        rows = np.arange(first, last)
        self.settings[8] = float(e % SEARCH_EVERY == 0)
        x = np.concatenate([np.zeros(ki.N), state.z])
        status, count, self.datum = fix_epoch(
            x, state.p, self.index, self.lock, rows, len(rows), t.sat, self.group, len(SYSTEMS), t.elevation,
            t.wavelength, self.rows.usable, self.memory, self.datum, self.settings, np.zeros(3), np.zeros((3, 3)),
            self.figures[e], self.dd, self.integer,
        )  # fmt: skip
        if self._doubtful(e):
            self._release(state, sat, slot, place, DOUBT_SIGMAS * float(np.sqrt(np.diag(state.p)[:3].max())))
            return np.zeros((0, 2), dtype=np.int64), np.zeros(0)
        if status > 0:
            self.datum = remember(self.dd, self.integer, count, self.memory, self.datum, float(self.confirm))
            if self._certain(e):
                for s, code in self.dd[:count, 2:4].tolist():
                    both = [s, code % 1000]
                    self.memory[both, code // 1000, 2] = np.maximum(self.memory[both, code // 1000, 2], self.confirm)
        return self._new_ties(e, sat, slot, place, arc)

    def _forget(self, sat: I64, slot: I64, place: I64) -> None:
        self.lock[ki.N + place] = 0
        self.memory[sat, slot] = (0.0, -1.0, 0.0)
        self.tied[sat, slot] = -1.0

    def _adopt(self, sat: I64, slot: I64, arc: I64) -> None:
        """Integers that an earlier pass found, and that the rows impose from the arc's beginning."""
        if self.known is None:
            return
        k = (self.known.datum[arc] >= 0) & ~self.known.broken[arc]
        value, datum = self.known.value[arc[k]], self.known.datum[arc[k]]
        self.memory[sat[k], slot[k]] = np.stack([value, datum, np.full(len(value), self.confirm)], axis=1)
        self.tied[sat[k], slot[k]] = datum
        self.found.value[arc[k]], self.found.datum[arc[k]] = value, datum

    def _slipped(self, e: int, told_row: F64, sat: I64, slot: I64, place: I64, arc: I64) -> None:
        data = self.rows.data
        rows = slice(int(data.epochs.row_start[e]), int(data.epochs.row_start[e + 1]))
        gone = data.arc[rows][(data.rows.kind[rows] == kt.PHASE) & (told_row[rows, kt.T_WEIGHT] == 0.0)]
        if len(gone):
            mine = np.isin(arc, gone)
            self._forget(sat[mine], slot[mine], place[mine])
            self.found.broken[gone] = True

    def _wrong(self, e: int, told_row: F64) -> bool:
        """Whether the phases whose integers are imposed contradict them."""
        data = self.rows.data
        rows = slice(int(data.epochs.row_start[e]), int(data.epochs.row_start[e + 1]))
        phase = (data.rows.kind[rows] == kt.PHASE) & (data.arc[rows] >= 0)
        held = phase & (self.found.datum[np.maximum(data.arc[rows], 0)] >= 0)
        if held.sum() < 4:
            self.strange = 0
            return False
        told = told_row[rows][held]
        if np.mean(told[:, kt.T_WEIGHT] == 0.0) > RELEASE_SLIPS:
            return True
        self.strange = self.strange + 1 if np.mean(told[:, kt.T_RATIO]) > RELEASE_RATIO else 0
        return self.strange >= RELEASE_EPOCHS

    def _certain(self, e: int) -> bool:
        ratio, rate, norm, _, new = self.figures[e, :5]
        return bool(
            rate >= CERTAIN_RATE and CERTAIN_RATIO <= ratio < 50.0 and norm < CERTAIN_NORM and new >= CERTAIN_COUNT
        )

    def _doubtful(self, e: int) -> bool:
        """Whether searches fail that could not, while hardly anything is fixed."""
        ratio, rate = self.figures[e, 0], self.figures[e, 1]
        if ratio >= self.params.ratio or self.tied_count[max(e - 1, 0)] > DOUBT_TIED:
            self.doubt = 0
        elif rate > DOUBT_RATE and ratio > 0.0:
            self.doubt += 1
        return self.doubt >= self.patience

    def _release(self, state: State, sat: I64, slot: I64, place: I64, loose_m: float) -> None:
        """Let all integers go, and admit that position and velocity may be off."""
        self.strange = self.doubt = 0
        self.releases += 1
        self.memory[:] = (0.0, -1.0, 0.0)
        self.tied[:] = -1.0
        for k in (ki.N + place).tolist():
            state.p[k, :] = state.p[:, k] = 0.0
            state.p[k, k] = 100.0**2
        for i in range(3):
            state.p[ki.P + i, ki.P + i] += loose_m**2
            state.p[ki.V + i, ki.V + i] += LOOSE_MPS**2
        held = self.rows.arc_place[:, None] == place[None, :]
        self.found.broken |= held.any(axis=1) & (self.found.datum >= 0)

    def _new_ties(self, e: int, sat: I64, slot: I64, place: I64, arc: I64) -> tuple[I64, F64]:
        """Impose what is sure by now against one that is imposed already, or against each other."""
        value, datum, times = self.memory[sat, slot].T
        sure = np.flatnonzero((times >= self.confirm) & (datum >= 0))
        family = ((sat // 100) * SLOTS + slot)[sure] * DATUMS + datum[sure].astype(np.int64)
        _, which, size = np.unique(family, return_inverse=True, return_counts=True)
        shared = size[which] > 1
        mine = sure[shared]
        self.tied_count[e] = len(np.unique(sat[mine]))
        self.found.value[arc[mine]], self.found.datum[arc[mine]] = value[mine], datum[mine]
        is_tied = self.tied[sat[sure], slot[sure]] == datum[sure]
        places, metres = [], []
        for g in np.unique(which[shared & ~is_tied]).tolist():
            mine = sure[which == g]
            root = mine[np.argmax(is_tied[which == g])]
            length = self._wavelength(e, sat[root], slot[root])
            for k in mine[~is_tied[which == g]]:
                if k == root:
                    continue
                places.append((place[k], place[root]))
                metres.append((value[k] - value[root]) * length)
                self.ties.append(Tie(e, int(place[k]), int(place[root]), metres[-1]))
            self.tied[sat[mine], slot[mine]] = datum[root]
        return np.array(places, dtype=np.int64).reshape(-1, 2), np.array(metres)

    def _wavelength(self, e: int, sat: int, slot: int) -> float:
        first, last = (int(i) for i in self.rows.span[e])
        row = first + int(np.argmax(self.rows.table.sat[first:last] == sat))
        return float(self.rows.table.wavelength[row, slot])


def tied_satellites(rows: BaseRows, found: Integers) -> I64:
    """How many satellites (E,) have a phase whose integer is known against another's."""
    n = len(rows.data.t_s)
    data = rows.data
    epoch = np.repeat(np.arange(n), np.diff(data.epochs.row_start))
    mine = (data.arc >= 0) & (found.datum[np.maximum(data.arc, 0)] >= 0) & ~found.broken[np.maximum(data.arc, 0)]
    _, slot, _ = _of_arcs(rows)
    arc, sat = data.arc[mine], data.sat[mine]
    key = np.stack([epoch[mine], sat // 100, slot[arc], found.datum[arc].astype(np.int64)])
    _, group, size = np.unique(key, axis=1, return_inverse=True, return_counts=True)
    shared = size[group.ravel()] > 1
    pairs = np.unique(np.stack([epoch[mine][shared], sat[shared]]), axis=1)
    return np.bincount(pairs[0], minlength=n)


def early_ties(rows: BaseRows, found: Integers) -> list[tuple[int, int, int, float]]:
    """Ties from the beginning of each arc whose integer is known and that never slipped: to one that lives then."""
    known = np.flatnonzero((found.datum >= 0) & ~found.broken & (rows.arc_first <= rows.arc_last))
    sat, slot, length = _of_arcs(rows)
    groups: dict[tuple[int, int, float], list[int]] = {}
    for a in known.tolist():
        groups.setdefault((int(sat[a]) // 100, int(slot[a]), float(found.datum[a])), []).append(a)
    out = []
    for arcs in groups.values():
        arcs.sort(key=lambda a: int(rows.arc_first[a]))
        for i, a in enumerate(arcs):
            alive = [b for b in arcs[:i] if rows.arc_last[b] >= rows.arc_first[a]]
            if alive:
                b = max(alive, key=lambda b: int(rows.arc_last[b]))
                metres = float((found.value[a] - found.value[b]) * length[a])
                out.append((int(rows.arc_first[a]), int(rows.arc_place[a]), int(rows.arc_place[b]), metres))
    return out


def late_ties(fixer: Fixer) -> list[tuple[int, int, int, float]]:
    """Ties of arcs that slipped, at the epochs at which they were found."""
    broken: set[tuple[int, int]] = set()
    rows = fixer.rows
    for a in np.flatnonzero(fixer.found.broken).tolist():
        broken.update((int(rows.arc_place[a]), e) for e in range(int(rows.arc_first[a]), int(rows.arc_last[a]) + 1))
    return [
        (t.epoch, t.place, t.other, t.metres)
        for t in fixer.ties
        if (t.place, t.epoch) in broken or (t.other, t.epoch) in broken
    ]


def _of_arcs(rows: BaseRows) -> tuple[I64, I64, F64]:
    """Satellite, slot and wavelength of each arc."""
    n = len(rows.arc_place)
    sat, slot, length = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64), np.zeros(n)
    r, f = np.nonzero(rows.arc >= 0)
    a = rows.arc[r, f]
    sat[a], slot[a], length[a] = rows.table.sat[r], f, rows.table.wavelength[r, f]
    return sat, slot, length
