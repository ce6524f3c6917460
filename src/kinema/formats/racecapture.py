"""Autosport Labs RaceCapture .log: a header of "name"|"unit"|min|max|rate, then rows that leave most columns empty."""

from __future__ import annotations

import numpy as np

from kinema.core.arrays import F64, I64, Bool
from kinema.core.recording import Recording
from kinema.core.time import gps_ns_from_unix_ns
from kinema.errors import FormatError
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.channels import laps_from_counter, read_table, series_of
from kinema.formats.column_names import Column, role_of, whole
from kinema.formats.device_fixes import FixColumns, fixes_of


def _sniff(head: bytes, name: str) -> float:
    first = head.split(b"\n", 1)[0]
    return 0.97 if b'"|"' in first and (b'"Interval"' in first or b'"Utc"' in first) else 0.0


def _read(source: Source, options: ReadOptions) -> Recording:
    raw = bytes(source.data[:65536])
    end = raw.find(b"\n")
    heads = [c.split("|") for c in raw[:end].decode("utf-8", "replace").strip().split(",")]
    if any(len(h) < 2 for h in heads):
        raise FormatError(
            source.path, "a header that is not name|unit|min|max|rate", "line 1", "was the log cut off at its start?"
        )
    names, units = [h[0].strip('"') for h in heads], [h[1].strip('"') for h in heads]
    lowered = [n.lower() for n in names]
    if not {"latitude", "longitude", "interval"} <= set(lowered):
        raise FormatError(
            source.path, "no channels Interval, Latitude and Longitude", "line 1", "log them, or solve from raw data"
        )
    need = tuple(lowered.index(n) for n in ("interval", "latitude", "longitude"))
    values, issues = read_table(source, options, end + 1, len(names), need, clock=(need[0], 1_000_000))
    columns = [Column(n, u, v) for n, u, v in zip(names, units, values, strict=True)]
    by_name = dict(zip(lowered, columns, strict=True))
    has_fix = np.isfinite(by_name["latitude"].values) & (by_name["latitude"].values != 0)
    if not has_fix.any():
        raise FormatError(source.path, "no position in it", "", "was the GPS on?")
    row_ns, fix_ns = _times(by_name, has_fix)

    def si(name: str) -> F64 | None:
        return by_name[name].si()[0] if name in by_name else None

    fixes, odd = fixes_of(
        source,
        FixColumns(
            fix_ns,
            by_name["latitude"].values,
            by_name["longitude"].values,
            si("altitude"),
            si("speed"),
            None,
            None,
            si("gpsdop"),
            si("gpssats"),
        ),
    )
    streams: dict[str, object] = {"fixes": fixes}
    skip = ("time", "lat", "lon", "height", "hdop", "satellites", "lap", "utc", "elapsed_time")
    streams |= series_of(row_ns, [c for c in columns if role_of(c.name) != "time"], skip=skip)
    counter = by_name.get("lapcount")
    if counter is not None and len(laps := laps_from_counter(row_ns, counter.values)):
        streams["device_laps"] = laps
    return Recording(streams, issues=(*issues, *odd), sources=(source.name,), name=source.name)


def _times(by_name: dict[str, Column], has_fix: Bool) -> tuple[I64, I64]:
    """GPS times of the rows, by the logger's own even clock, and of the positions, by the UTC beside them.

    The logger writes a position when it sees it, up to 40 ms late by its own clock; the UTC is that of the position.
    """
    interval_ms = np.nan_to_num(by_name["interval"].values)
    if "utc" not in by_name or not (np.nan_to_num(by_name["utc"].values) > 1e12).any():
        ns = whole(interval_ms, 1e6)
        return ns, ns
    utc_ms = np.nan_to_num(by_name["utc"].values)
    known = has_fix & (utc_ms > 1e12)
    offset = float(np.median(utc_ms[known] - interval_ms[known])) if known.any() else 0.0
    row_ns = gps_ns_from_unix_ns(whole(interval_ms + offset, 1e6))
    fix_ms = np.where(utc_ms > 1e12, utc_ms, interval_ms + offset)
    return row_ns, gps_ns_from_unix_ns(whole(fix_ms, 1e6))


FORMAT = Format("racecapture", "RaceCapture log", (".log",), _sniff, _read)
