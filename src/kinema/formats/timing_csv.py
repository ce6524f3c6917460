"""Race timing as organisers publish it: one row per car and lap with lap time, elapsed time and sections."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace

from kinema.core.event import NAN, Passing
from kinema.core.recording import Issue, Recording
from kinema.errors import FormatError
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.column_names import cells_of
from kinema.formats.tables import lines_of

_NUMBER = (
    "number",
    "car",
    "car_number",
    "carnumber",
    "no",
    "no.",
    "start_number",
    "nr",
    "transponder",
    "vehicle_number",
)
_LAP = ("lap_number", "lap", "lapnumber", "laps")
_LAP_TIME = ("lap_time", "laptime", "time_lap", "lap time")
_ELAPSED = ("elapsed", "elapsed_time", "total_time", "race_time", "time", "session_time")
_HOUR = ("hour", "time_of_day", "tod", "clock")
_STAMP = ("timestamp", "meta_time", "passing_time", "utc")
_TIME = re.compile(r"^[+-]?(?:(?:(\d{1,9}):)?(\d{1,9})[:'])?(\d{1,9}(?:[.,]\d+)?)$")
LAST_LAP = 2000
"""A lap number above this is a counter gone wrong (32768 is the usual one)."""


def _sniff(head: bytes, name: str) -> float:
    first = head.split(b"\n", 1)[0].decode("utf-8-sig", "replace").lower()
    cells = [c.strip().strip('"') for c in re.split("[;,\t]", first)]
    has = [bool(set(cells) & set(names)) for names in (_NUMBER, _LAP, _LAP_TIME, _ELAPSED)]
    if {"lat", "latitude"} & set(cells):
        return 0.0
    if "telemetry_name" in cells:
        return 0.0
    if has[0] and has[1] and set(_STAMP) & set(cells):
        return 0.93
    return 0.96 if all(has) else 0.85 if has[0] and has[3] and len(cells) < 12 else 0.0


def seconds(text: str) -> float:
    """Seconds of "1:52.073", "46:44.198", "1:02:03.4", "1'00.991" or "52.1"; NaN where there is none."""
    match = _TIME.match(text.strip())
    if not match:
        return NAN
    sign = -1.0 if text.strip().startswith("-") else 1.0
    return sign * (int(match[1] or 0) * 3600 + int(match[2] or 0) * 60 + float(match[3].replace(",", ".")))


def clock_seconds(text: str) -> float:
    """POSIX seconds of an ISO 8601 time (UTC unless it carries an offset); NaN where there is none."""
    try:
        when = dt.datetime.fromisoformat(text.strip())
    except ValueError:
        return NAN
    return (when if when.tzinfo else when.replace(tzinfo=dt.UTC)).timestamp()


def _read(source: Source, options: ReadOptions) -> Recording:
    lines = [line for line, _ in lines_of(source, most=len(source.data))]
    delimiter = max(";,\t", key=lines[0].count) if lines else ","
    names = [c.strip().lower() for c in cells_of(lines[0] if lines else "", delimiter)]
    column = {
        role: next((names.index(n) for n in options_ if n in names), -1)
        for role, options_ in (
            ("number", _NUMBER),
            ("lap", _LAP),
            ("lap_time", _LAP_TIME),
            ("elapsed", _ELAPSED),
            ("hour", _HOUR),
            ("stamp", _STAMP),
        )
    }
    if column["number"] < 0 or max(column["elapsed"], column["hour"], column["stamp"]) < 0:
        raise FormatError(
            source.path, "no columns of car number and elapsed time", "line 1", f"it has {', '.join(names[:8])}"
        )
    passings: list[Passing] = []
    bad, first_bad = 0, 0
    for line, row in enumerate(lines[1:], start=2):
        cells = [c.strip() for c in cells_of(row, delimiter)]
        if not any(cells):
            continue
        passing = _passing(names, column, cells)
        if passing is not None:
            passings.append(passing)
            continue
        if options.on_bad == "raise":
            raise FormatError(
                source.path,
                f"garbled row '{delimiter.join(cells)[:60]}'",
                f"line {line}",
                "read with --on-bad skip to leave it out",
            )
        bad, first_bad = bad + 1, first_bad or line
    if not passings:
        raise FormatError(source.path, "no passing in it", "", "is it the analysis file with one row per lap?")
    if column["elapsed"] < 0 and column["hour"] < 0:
        # Times of day: race time counts from the first passing of all.
        first = min(p.elapsed_s for p in passings)
        passings = [replace(p, elapsed_s=round(p.elapsed_s - first, 6)) for p in passings]
    issues = (Issue("garbled row", bad, f"line {first_bad}", source.name),) if bad else ()
    return Recording({"passings": tuple(passings)}, issues=issues, sources=(source.name,), name=source.name)


def _passing(names: list[str], column: dict[str, int], cells: list[str]) -> Passing | None:
    def cell(k: int) -> str:
        return cells[k] if 0 <= k < len(cells) else ""

    def named(name: str) -> str:
        return cell(names.index(name)) if name in names else ""

    number = cell(column["number"])
    elapsed = seconds(cell(column["elapsed"]) or cell(column["hour"]))
    if elapsed != elapsed and column["stamp"] >= 0:
        elapsed = clock_seconds(cell(column["stamp"]))
    if not number or elapsed != elapsed:
        return None
    lap = int(cell(column["lap"])) if re.fullmatch(r"\d{1,9}", cell(column["lap"])) else 0
    sections = [n for n in names if re.fullmatch(r"s\d|sector_?\d", n)]
    speed = named("top_speed").replace(",", ".")
    return Passing(
        number,
        elapsed,
        lap if lap < LAST_LAP else 0,
        seconds(cell(column["lap_time"])),
        section_s=tuple(seconds(named(n)) for n in sections),
        section_names=tuple(n.upper() for n in sections),
        in_pit=named("crossing_finish_line_in_pit") not in ("", "0"),
        pit_time_s=seconds(named("pit_time")),
        flag=named("flag_at_fl") or named("flag"),
        team=named("class"),
        group=named("group"),
        driver=named("driver_name") or named("driver_number") or named("driver"),
        top_speed_mps=float(speed) / 3.6 if re.fullmatch(r"\d{1,6}(\.\d+)?", speed) else NAN,
    )


FORMAT = Format("timing_csv", "race timing CSV (one row per car and lap)", (".csv",), _sniff, _read)
