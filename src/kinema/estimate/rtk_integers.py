"""What is known of the integers of arcs, by vote: every search tells how arcs in sight together differ."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from kinema.core.arrays import F64, I64

MAJORITY = 0.9
LEAST_VOTES = 2
CONTRADICTED = 0.2
"""An arc is left open where as large a share of its votes contradicts what the others say together."""


@dataclass(frozen=True)
class ArcIntegers:
    """Known integers of arcs: value (arcs,) in cycles, comparable within one datum (arcs,), −1 for unknown."""

    value: F64
    datum: I64


def no_integers(arc: I64) -> ArcIntegers:
    """Nothing known of any arc."""
    arcs = int(arc.max(initial=-1)) + 1
    return ArcIntegers(np.zeros(arcs), np.full(arcs, -1, dtype=np.int64))


@dataclass
class Poll:
    """Votes on differences of integers: rows of (arc, other arc, cycles) with a weight, collected search by search.

    length (arcs,): epochs of each arc; the longest of those that a search found together is the one the others are
    told against, so that votes of many epochs fall on few pairs.
    """

    length: I64
    pairs: list[I64] = field(default_factory=list)
    weights: list[F64] = field(default_factory=list)

    def vote(self, arcs: I64, values: F64, group: I64, weight: F64 | float) -> None:
        """One search's integers: values (k,) of arcs (k,), comparable where group (k,) is the same.

        weight: of all, or of each (k,).
        """
        order = np.lexsort((-self.length[arcs], group))
        arcs, values, group = arcs[order], values[order], group[order]
        first = np.searchsorted(group, group)
        told = first != np.arange(len(arcs))
        difference = np.rint(values - values[first]).astype(np.int64)
        self.pairs.append(np.stack([arcs[told], arcs[first[told]], difference[told]], axis=1))
        self.weights.append(np.broadcast_to(weight, len(order))[order][told])

    def elect(self) -> ArcIntegers:
        """The integers that nearly all votes agree on, joined pair by pair from the most voted for downwards."""
        n = len(self.length)
        known = ArcIntegers(np.zeros(n), np.full(n, -1, dtype=np.int64))
        if not self.pairs:
            return known
        told = np.concatenate(self.pairs)
        if not len(told):
            return known
        order = np.lexsort((told[:, 2], told[:, 1], told[:, 0]))
        told, weight = told[order], np.concatenate(self.weights)[order]
        first = np.append(True, (told[1:] != told[:-1]).any(axis=1))
        rows, count = told[first], np.add.reduceat(weight, np.flatnonzero(first))
        pair = np.cumsum(np.append(True, (rows[1:, :2] != rows[:-1, :2]).any(axis=1))) - 1
        total = np.bincount(pair, count)[pair]
        good = (count >= MAJORITY * total) & (count >= LEAST_VOTES)
        order = np.flatnonzero(good)[np.argsort(-count[good], kind="stable")]
        joined = _Joined(n)
        against, support = np.bincount(rows[:, 0], np.where(good, 0.0, count), n), np.zeros(n)
        for i in order.tolist():
            a, b, difference = rows[i].tolist()
            agreed = joined.join(a, b, difference)
            for arc in (a, b):
                if agreed:
                    support[arc] += count[i]
                else:
                    against[arc] += count[i]
        for arc in range(n):
            if support[arc] > 0.0 and against[arc] < CONTRADICTED * support[arc]:
                known.datum[arc], known.value[arc] = joined.root(arc)
        return known


class _Joined:
    """Arcs whose integers are known against each other (union-find with offsets)."""

    def __init__(self, n: int) -> None:
        self.parent, self.offset = list(range(n)), [0] * n

    def root(self, arc: int) -> tuple[int, int]:
        """The root of an arc, and its integer above the root's."""
        total = 0
        while self.parent[arc] != arc:
            total += self.offset[arc]
            arc = self.parent[arc]
        return arc, total

    def join(self, a: int, b: int, difference: int) -> bool:
        """Note that a's integer is b's plus the difference. False where that contradicts what is known."""
        (ra, va), (rb, vb) = self.root(a), self.root(b)
        if ra == rb:
            return va - vb == difference
        self.parent[ra], self.offset[ra] = rb, difference + vb - va
        return True
