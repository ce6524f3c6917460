"""Times of detections: GPS nanoseconds, ISO 8601, POSIX seconds, ms, µs or ns, or seconds of an own clock."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.core.recording import Issue
from kinema.core.time import NS, gps_ns_from_unix_ns
from kinema.errors import FormatError
from kinema.formats.base import ReadOptions, Source
from kinema.formats.tables import MOST_NS
from kinema.formats.trajectory import RELATIVE_CLOCK

if TYPE_CHECKING:
    from kinema.formats.detection_tables import Table

# POSIX times in ns, µs, ms and s since 1970, told apart by their size: above this, nanoseconds of one unit.
_POSIX = ((10**17, 1), (10**14, 1000), (10**11, 10**6), (3 * 10**8, NS))


def instants(source: Source, options: ReadOptions, table: Table) -> tuple[Table, I64]:
    """The rows whose time can be, and their GPS times (n,); (0,) where the table has no column of times."""
    from kinema.formats.detection_tables import sound

    if "t_ns" in table.numbers:
        t = table.numbers["t_ns"]
        table = sound(source, options, table, np.abs(t) < MOST_NS, "no time")
        whole = table.texts.get("t_ns")
        exact = np.array([int(text) for text in whole], np.int64) if whole is not None else table.numbers["t_ns"]
        return table, np.asarray(exact, np.int64)
    texts = table.texts.get("time")
    if texts is None or not any(texts):
        return table, np.empty(0, np.int64)
    if any("-" in text[1:] and ":" in text for text in texts[:20]):
        known = [_unix_ns(text) for text in texts]
        table = sound(source, options, table, np.array([ns is not None for ns in known]), "no time")
        return table, np.asarray(gps_ns_from_unix_ns(np.array([ns for ns in known if ns is not None], np.int64)))
    seconds = np.array([_number(text) for text in texts])
    good = np.isfinite(seconds) & (np.abs(seconds) < 1e19)
    table = sound(source, options, table, good, "no time")
    seconds = seconds[good]
    unit = next((unit for above, unit in _POSIX if len(seconds) and np.median(seconds) > above), None)
    if unit:
        return table, np.asarray(gps_ns_from_unix_ns(_nanoseconds(source, seconds, unit)))
    told = Issue(RELATIVE_CLOCK, 1, "", source.name, "times count from their own start; put at the GPS epoch")
    return replace(table, issues=(*table.issues, told)), _nanoseconds(source, seconds, NS)


def _unix_ns(text: str) -> int | None:
    """POSIX nanoseconds of an ISO 8601 text (UTC where it tells no zone), to the microsecond; None where it is none."""
    try:
        when = dt.datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    since = (when if when.tzinfo else when.replace(tzinfo=dt.UTC)) - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    ns = (since.days * 86_400 + since.seconds) * NS + since.microseconds * 1000
    return ns if abs(ns) < MOST_NS else None


def _number(text: str) -> float:
    try:
        return float(text)
    except (ValueError, OverflowError):
        return float("nan")


def _nanoseconds(source: Source, value: F64, unit_ns: int) -> I64:
    whole = np.floor(value)
    if (np.abs(whole) * unit_ns >= MOST_NS).any():
        row = int(np.argmax(np.abs(whole) * unit_ns >= MOST_NS))
        raise FormatError(source.path, f"time {value[row]:g} cannot be", f"row {row + 1}", "is it the right column?")
    # Whole units as integers first: nanoseconds since 1970 have more digits than a float.
    return whole.astype(np.int64) * unit_ns + np.round((value - whole) * unit_ns).astype(np.int64)
