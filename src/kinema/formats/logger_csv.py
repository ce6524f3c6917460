"""Any logger's CSV: columns of time, latitude and longitude by their names, all others as channels with their units.

What was guessed is always told as an issue ("columns read as"). Comma, semicolon or tab; decimal point or comma; units
in parentheses, brackets or behind an underscore, or in a row below the names.
"""

from __future__ import annotations

import datetime as dt
import re

import numpy as np

from kinema.core.arrays import F64, I64, Bool
from kinema.core.recording import Issue, Recording
from kinema.core.time import gps_ns_from_unix_ns
from kinema.errors import FormatError
from kinema.formats.aim_csv import LOCAL_TIME
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.channels import laps_from_counter, read_table, series_of
from kinema.formats.column_names import Column, cells_of, role_of, split_unit, whole
from kinema.formats.device_fixes import FixColumns, fixes_of
from kinema.formats.trajectory import DATE_UNKNOWN

_UNCERTAIN = re.compile(r"(^|[^a-z])(sd|std|sigma|cov|tow|gpst|week|q_?[wxyz]|v_?[neu]|v[neu]|ratio|quality)([^a-z]|$)")
_CLOCK = re.compile(rb"^\s*\"?(\d{1,2}):(\d\d):(\d\d(?:[.,]\d+)?)")
_FORMS = (
    "%d/%m/%Y %H:%M:%S.%f",
    "%d/%m/%Y %H:%M:%S",
    "%d.%m.%Y %H:%M:%S.%f",
    "%d.%m.%Y %H:%M:%S",
    "%Y/%m/%d %H:%M:%S.%f",
    "%Y/%m/%d %H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
)


def _header(head: bytes) -> tuple[list[str], str, int, str] | None:
    """Names, delimiter, byte after the row of names, and its text; None where no row of the first 30 is one."""
    at = 3 if head.startswith(b"\xef\xbb\xbf") else 0
    for line in head[at:].split(b"\n")[:30]:
        text = line.decode("utf-8", "replace").strip("\r")
        delimiter = max(";,\t", key=text.count)
        names = [c.strip() for c in cells_of(text, delimiter)]
        roles = {role_of(split_unit(n)[0]) for n in names}
        at += len(line) + 1
        if {"time", "lat", "lon"} <= roles:
            return names, delimiter, at, text
    return None


def _sniff(head: bytes, name: str) -> float:
    found = None if b"\0" in head[:2000] else _header(head[:8192])
    if found is None:
        return 0.0
    names, delimiter, at, _ = found
    roles = {role_of(split_unit(n)[0]) for n in names} - {"time", "lat", "lon", "height", "satellites", ""}
    if _UNCERTAIN.search(" ".join(names).lower()):
        return 0.0
    comma = delimiter == ";" and re.search(rb"\d,\d", head[at : at + 400]) is not None
    units = any(split_unit(n)[1] for n in names)
    return 0.86 if roles or comma or units else 0.0


def _read(source: Source, options: ReadOptions) -> Recording:
    found = _header(bytes(source.data[:8192]))
    if found is None:
        raise FormatError(source.path, "no row of names with time, latitude and longitude", "line 1")
    names, delimiter, start, _ = found
    parts = [split_unit(n) for n in names]
    units = [u for _, u in parts]
    below = bytes(source.data[start : start + 4096]).split(b"\n", 1)[0].decode("utf-8", "replace").strip("\r")
    cells = [c.strip() for c in cells_of(below, delimiter)]
    if len(cells) == len(names) and not any(re.search(r"\d", c) for c in cells):
        units = [c or u for c, u in zip(cells, units, strict=True)]
        start += len(below.encode()) + 1
    decimal = "," if delimiter == ";" and re.search(rb"\d,\d", bytes(source.data[start : start + 4000])) else "."
    roles = [role_of(p[0]) for p in parts]
    time_k, lat_k, lon_k = (roles.index(r) for r in ("time", "lat", "lon"))
    values, issues = read_table(
        source, options, start, len(names), (lat_k, lon_k), delimiter=delimiter, decimal=decimal
    )
    t_ns, told, has = _times(
        source, options, values[time_k], units[time_k], start, delimiter, time_k, len(values[time_k])
    )
    columns = [Column(p[0], u, v[has]) for p, u, v in zip(parts, units, values, strict=True)]
    by_role = {r: c for r, c in zip(reversed(roles), reversed(columns), strict=True) if r}
    shown = ", ".join(
        f"{r} = '{n}'" for r, n in zip(roles, names, strict=True) if r in ("time", "lat", "lon", "height", "speed")
    )

    fixes, odd = fixes_of(source, FixColumns.of_roles(t_ns, by_role))
    skip = ("time", "lat", "lon", "height", "heading", "accuracy", "hdop", "satellites", "lap")
    streams: dict[str, object] = {"fixes": fixes, **series_of(t_ns, columns, skip=skip)}
    if "lap" in by_role and len(laps := laps_from_counter(t_ns, by_role["lap"].values)):
        streams["device_laps"] = laps
    notes = (Issue("columns read as", 1, "line 1", source.name, shown), *told)
    return Recording(streams, issues=(*issues, *notes, *odd), sources=(source.name,), name=source.name)


def _times(
    source: Source, options: ReadOptions, numbers: F64, unit: str, start: int, delimiter: str, column: int, rows: int
) -> tuple[I64, tuple[Issue, ...], Bool]:
    """GPS times of the rows that have one, what is to be told of them, and which rows those are."""
    if not len(numbers):
        raise FormatError(source.path, "no row below its names", "", "was the file cut off?")
    has = np.isfinite(numbers)
    if has.mean() > 0.5:
        scale = 1e-3 if unit.lower() == "ms" else 1.0
        middle = float(np.median(numbers[has])) * scale
        for factor, least in ((1e-9, 1e17), (1e-6, 1e14), (1e-3, 1e11), (1.0, 4e8)):
            if middle > least:
                ns = whole(numbers[has], scale * factor * 1e6) * 1000
                return gps_ns_from_unix_ns(ns), (), has
        return whole(numbers[has], scale * 1e9), (_no_date(source),), has
    texts = _cells(source, start, delimiter, column, rows)
    unix, ok, zoned, dated = _parsed(texts)
    if not ok.any():
        shown = texts[0][:40].decode("utf-8", "replace") if texts else ""
        raise FormatError(
            source.path, f"time '{shown}' cannot be read", "", "write ISO 8601 (2024-06-24T08:20:00Z) or POSIX seconds"
        )
    if not ok.all():
        if options.on_bad == "raise":
            raise FormatError(
                source.path,
                f"garbled time in row {int(np.argmin(ok)) + 1}",
                "",
                "read with --on-bad skip to leave it out",
            )
        garbled: tuple[Issue, ...] = (
            Issue("garbled time", int((~ok).sum()), f"row {int(np.argmin(ok)) + 1}", source.name),
        )
    else:
        garbled = ()
    if not dated:
        return unix[ok], (_no_date(source), *garbled), ok
    told = garbled if zoned else (Issue(LOCAL_TIME, 1, "", source.name, "taken as UTC"), *garbled)
    return gps_ns_from_unix_ns(unix[ok]), told, ok


def _no_date(source: Source) -> Issue:
    return Issue(DATE_UNKNOWN, 1, "", source.name, "put on 1980-01-06")


def _cells(source: Source, start: int, delimiter: str, column: int, rows: int) -> list[bytes]:
    import pyarrow as pa
    from pyarrow import csv as pa_csv

    count = bytes(source.data[start : start + 65536]).split(b"\n", 1)[0].count(delimiter.encode()) + 1
    names = [f"c{k}" for k in range(count)]
    table = pa_csv.read_csv(
        pa.py_buffer(source.data[start:]),
        read_options=pa_csv.ReadOptions(column_names=names, use_threads=False, encoding="latin-1"),
        parse_options=pa_csv.ParseOptions(delimiter=delimiter, invalid_row_handler=lambda _row: "skip"),
        convert_options=pa_csv.ConvertOptions(
            include_columns=[names[column]], column_types={names[column]: pa.binary()}
        ),
    )
    return list(table.column(0).to_pylist())[:rows]


def _parsed(texts: list[bytes]) -> tuple[I64, Bool, bool, bool]:
    """POSIX nanoseconds (or nanoseconds of the day), which could be read, whether they carry a zone, and a date."""
    unix, ok = np.zeros(len(texts), dtype=np.int64), np.zeros(len(texts), dtype=np.bool_)
    zoned, dated, day = True, True, 0
    for k, raw in enumerate(texts):
        clock = _CLOCK.match(raw)
        if clock:
            ns = (int(clock[1]) * 3600 + int(clock[2]) * 60) * 1_000_000_000 + round(
                float(clock[3].replace(b",", b".")) * 1e9
            )
            if k and ok[k - 1] and ns + day < unix[k - 1] - 43_200_000_000_000:
                day += 86_400_000_000_000
            unix[k], ok[k], dated = ns + day, True, False
            continue
        when = _when(raw.decode("utf-8", "replace").strip())
        if when is None:
            continue
        zoned &= when.tzinfo is not None
        when = when if when.tzinfo else when.replace(tzinfo=dt.UTC)
        delta = when - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
        unix[k], ok[k] = (delta.days * 86_400 + delta.seconds) * 1_000_000_000 + delta.microseconds * 1000, True
    return unix, ok, zoned, dated


def _when(text: str) -> dt.datetime | None:
    try:
        return dt.datetime.fromisoformat(text.replace(",", "."))
    except ValueError:
        pass
    for form in _FORMS:
        try:
            return dt.datetime.strptime(text.replace(",", "."), form)
        except ValueError:
            continue
    return None


FORMAT = Format("logger_csv", "CSV of a data logger (columns by their names)", (".csv", ".tsv", ".txt"), _sniff, _read)
