"""Pieces of broadcast messages as a receiver logs them, and how they are put together."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kinema.core.arrays import F64, I64, U8, Bool
from kinema.core.time import DAY_NS, NS, WEEK_NS, gps_ns_from_unix_ns, unix_ns_from_gps_ns

PAIR_MAX_NS = 120 * NS
"""Parts of one ephemeris are taken together when they were received within this time."""


class Pages(NamedTuple):
    """Received pieces of one kind of message: satellite, frame number in the log, GPS time of reception, bits."""

    sat: I64
    t_ns: I64
    bits: U8

    def where(self, keep: Bool | I64) -> Pages:
        """Some of them."""
        return Pages(self.sat[keep], self.t_ns[keep], self.bits[keep])


class Found(NamedTuple):
    """Decoded ephemerides of one kind of message; `values` by column name."""

    message: str
    sat: I64
    toe_ns: I64
    sent_ns: I64
    health: I64
    iode: I64
    values: dict[str, F64]


def near(tow_s: F64, about_ns: I64) -> I64:
    """The GPS time with these seconds of week that is nearest to another time."""
    tow_ns = np.round(tow_s * NS).astype(np.int64)
    return np.asarray(tow_ns + (about_ns - tow_ns + WEEK_NS // 2) // WEEK_NS * WEEK_NS)


def latest(pages: Pages, kinds: I64, wanted: tuple[int, ...]) -> list[I64]:
    """Indices (one array per wanted kind, aligned) of the pages that were the latest of their kinds at the moments when
    a page of any wanted kind came in, per satellite; only where all are there and within PAIR_MAX_NS."""
    if not len(kinds):
        return [np.zeros(0, np.int64) for _ in wanted]
    order = np.lexsort((np.arange(len(kinds)), pages.sat))
    position = np.arange(len(order))
    begins = np.append(True, np.diff(pages.sat[order]) != 0)
    begin = np.maximum.accumulate(np.where(begins, position, 0))
    seen = [np.maximum.accumulate(np.where(kinds[order] == kind, position, -1)) for kind in wanted]
    last = np.array(seen)
    complete = (last >= begin).all(axis=0) & np.isin(kinds[order], wanted)
    chosen = order[np.maximum(last, 0)]
    complete &= np.ptp(pages.t_ns[chosen], axis=0) <= PAIR_MAX_NS
    return list(chosen[:, complete])


def once(message: str, pages: Pages, k: I64, sent: I64, toe: I64, health: I64, v: dict[str, F64], keep: Bool) -> Found:
    """Keep consistent ephemerides, each (satellite, toe, iode, health) once: the first time it was complete."""
    names = np.stack([pages.sat[k], toe, v["iode"].astype(np.int64), health], axis=1)
    index = np.flatnonzero(keep)
    _, first = np.unique(names[index], axis=0, return_index=True)
    index = index[np.sort(first)]
    values = {name: value[index] for name, value in v.items()}
    iode = values["iode"].astype(np.int64)
    return Found(message, pages.sat[k][index], toe[index], sent[index], health[index], iode, values)


def moscow(second_of_day: F64, about_ns: I64) -> I64:
    """GPS time of a second of GLONASS day (UTC + 3 h) nearest to another GPS time."""
    moscow = unix_ns_from_gps_ns(about_ns) + 3 * 3600 * NS
    seconds = np.round(second_of_day * NS).astype(np.int64)
    near = seconds + (moscow - seconds + DAY_NS // 2) // DAY_NS * DAY_NS
    return gps_ns_from_unix_ns(near - 3 * 3600 * NS)
