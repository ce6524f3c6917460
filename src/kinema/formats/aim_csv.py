"""CSV of AiM RaceStudio: facts, beacon markers, names, units, and one row per sample. Local time without a zone."""

from __future__ import annotations

import datetime as dt
import itertools
import math

import numpy as np

from kinema.core.event import Lap
from kinema.core.recording import Issue, Recording
from kinema.core.time import NS, gps_ns_from_datetime
from kinema.errors import FormatError
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.channels import read_table, series_of, settings_of
from kinema.formats.column_names import Column, cells_of, whole
from kinema.formats.device_fixes import FixColumns, fixes_of
from kinema.formats.tables import lines_of

LOCAL_TIME = "local time without a zone"
_DATES = ("%A, %B %d, %Y", "%d/%m/%Y", "%m/%d/%Y", "%Y-%m-%d", "%d.%m.%Y", "%B %d, %Y", "%d-%b-%Y")
LONGEST_S = 1e7
"""No outing takes longer."""
_FIRST_UNITS = ("s", "sec", "ms", "m", "km", "")
_CLOCKS = ("%I:%M %p", "%I:%M:%S %p", "%H:%M:%S", "%H:%M", "%H:%M:%S.%f")


def _sniff(head: bytes, name: str) -> float:
    return 0.97 if b"AiM CSV File" in head[:200] else 0.0


def _read(source: Source, options: ReadOptions) -> Recording:
    facts, names, units, start = header_of(source, "AiM RaceStudio")
    lowered = [n.lower() for n in names]
    for need in ("time", "gps latitude", "gps longitude"):
        if need not in lowered:
            raise FormatError(source.path, f"no channel '{need}'", "", "export it again with time and GPS channels")
    where = [lowered.index(n) for n in ("time", "gps latitude", "gps longitude")]
    values, issues = read_table(source, options, start, len(names), where, clock=(where[0], NS))
    columns = [Column(n, u, v) for n, u, v in zip(names, units, values, strict=True)]
    by_name = dict(zip(lowered, columns, strict=True))
    origin_ns, dated = clock_of(first_of(facts, "date"), first_of(facts, "time"))
    t_ns = origin_ns + whole(values[where[0]], 1e9)
    extra = Issue(LOCAL_TIME, 1, "", source.name, "taken as UTC" if dated else "no date: put on 1980-01-06")

    def si(name: str) -> np.ndarray | None:
        return by_name[name].si()[0] if name in by_name else None

    fixes, odd = fixes_of(
        source,
        FixColumns(
            t_ns,
            by_name["gps latitude"].values,
            by_name["gps longitude"].values,
            si("gps altitude"),
            si("gps speed"),
            by_name["gps heading"].values if "gps heading" in by_name else None,
            si("gps posaccuracy"),
            None,
            si("gps nsat"),
        ),
    )
    skip = ("time", "lat", "lon", "height", "heading", "accuracy", "satellites")
    streams: dict[str, object] = {"fixes": fixes, **series_of(t_ns, columns, skip=skip)}
    laps = beacon_laps(facts.get("beacon markers", []), origin_ns)
    if laps:
        streams["device_laps"] = laps
    settings = settings_of(
        track=first_of(facts, "session"), driver=first_of(facts, "racer"), vehicle=first_of(facts, "vehicle")
    )
    return Recording(
        streams, issues=(*issues, extra, *odd), sources=(source.name,), name=source.name, settings=settings
    )


def header_of(source: Source, maker: str) -> tuple[dict[str, list[str]], list[str], list[str], int]:
    """Facts by lower-case key, column names, units, and the byte where the numbers begin.

    The names are the last row of text before the units; blank rows may stand anywhere.
    """
    facts: dict[str, list[str]] = {}
    rows: list[list[str]] = []
    at = 0
    for line, after in lines_of(source):
        cells = [c.strip() for c in cells_of(line)]
        if (
            rows
            and len(cells) >= 3
            and _is_number(cells[0])
            and sum(map(_is_number, cells)) >= 2
            and len(rows[-1]) >= 3
        ):
            names_k = max((k for k in range(max(len(rows) - 3, 0), len(rows)) if _is_names(rows[k])), default=-1)
            names_k = names_k - 1 if names_k > 0 and _is_units(rows[names_k]) else names_k
            if names_k < 0:
                break
            count = len(rows[names_k])
            units = rows[names_k + 1] if names_k + 1 < len(rows) else []
            return facts, rows[names_k], [*units, *[""] * count][:count], at
        if any(cells):
            rows.append(cells)
            facts.setdefault(cells[0].lower(), [c for c in cells[1:] if c])
        at = after
    raise FormatError(source.path, f"{maker} header without a table", "", "was the export cut off?")


def first_of(facts: dict[str, list[str]], key: str) -> str:
    """The first cell behind a key of the header, or empty."""
    return next(iter(facts.get(key, [])), "")


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


def _is_names(cells: list[str]) -> bool:
    return len(cells) >= 3 and not any(_is_number(c) for c in cells) and sum(bool(c) for c in cells) >= 3


def _is_units(cells: list[str]) -> bool:
    short = [c for c in cells if c]
    return bool(short) and sum(map(len, short)) < 5 * len(short) and cells[0].lower() in _FIRST_UNITS


def clock_of(date: str, clock: str) -> tuple[int, bool]:
    """GPS time of a date and a clock as people write them, taken as UTC, and whether there was a date."""
    day = next((d for f in _DATES if (d := _parsed(date, f))), None)
    time = next((d for f in _CLOCKS if (d := _parsed(clock, f))), dt.datetime(1900, 1, 1))
    if day is None or not 1970 < day.year < 2100:
        return 0, False
    return gps_ns_from_datetime(dt.datetime.combine(day.date(), time.time(), dt.UTC)), True


def _parsed(text: str, form: str) -> dt.datetime | None:
    try:
        return dt.datetime.strptime(text.strip(), form)
    except ValueError:
        return None


def beacon_laps(markers: list[str], origin_ns: int) -> tuple[Lap, ...]:
    """The device's laps between beacon markers in seconds; what comes before the first and after the last but one is
    no whole lap (the last marker is the end of the file)."""
    at = [origin_ns + round(float(m) * 1e9) for m in markers if _is_number(m) and abs(float(m)) < LONGEST_S]
    return tuple(
        Lap("timed", "", a, b, "beacon", 0.001, 0.001, {"timer": "device"}, number=k + 1, time_sigma_s=0.0014)
        for k, (a, b) in enumerate(itertools.pairwise(at[:-1]))
        if b > a
    )


FORMAT = Format("aim_csv", "AiM RaceStudio CSV", (".csv",), _sniff, _read)
