"""How a table of numbers is written: where its names stand, what parts its cells, which sign its decimals have.

Loggers put lines of their own above the names, a line of units below them, quotes about the cells; programs in many
countries write "0,981;0,012". All of that is told from the first lines.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import zip_longest

import numpy as np

from kinema.core.arrays import F64, I64, U8
from kinema.core.recording import Issue
from kinema.errors import FormatError
from kinema.formats.base import ReadOptions, Source
from kinema.formats.tables import bytes_of, check_columns, line_at, text_at

_HEAD_LINES = 60
_NUMBER = re.compile(r"[-+]?(\d+([.,]\d*)?|[.,]\d+)([eE][-+]?\d+)?")
_COMMA = re.compile(r"[-+]?\d*,\d+([eE][-+]?\d+)?")
_DATE = re.compile(r"\d{4}[-/]\d\d[-/]\d\d(?P<clock>[T ]\d\d?:\d\d:\d\d.*)?")
_CLOCK = re.compile(r"\d\d?:\d\d:\d\d(\.\d*)?\s*(Z|[-+]\d\d:?\d\d)?")
_UNIT = re.compile(
    r"-|s|ms|us|µs|ns|sec|m|cm|mm|g|mg|rad|deg|°|w|weeks?|counts?|ticks?|n/a|km/h|kmh|kph|mph|rpm|"
    r"(m|rad|deg|°|mdeg|mrad)(\s*/\s*|\*?\s*)(s|sec|h)(\^?-?[12]|²)?(\s*/\s*s)?|mps2?|dps|degps|radps|deg\s+c|°c|c"
)


@dataclass(frozen=True)
class Dialect:
    """names of the columns, with the units of a line below them in brackets; header: their line; start: the byte of
    the first row; delimiter (" ": any blanks), sign of decimals, newline; stamp and clock: the columns that hold dates
    and times of day (−1: none)."""

    names: tuple[str, ...]
    header: bytes
    start: int
    delimiter: str
    decimal: str
    newline: int
    stamp: int = -1
    clock: int = -1


@dataclass(frozen=True)
class Cells:
    """values (n, k) of the wanted columns in their order; stamp_ns (n,) POSIX where there are dates; row_start (n,)."""

    values: F64
    stamp_ns: I64
    row_start: I64
    issues: tuple[Issue, ...]


@lru_cache(maxsize=16)
def dialect_of(head: bytes) -> Dialect | None:
    """The dialect of a table that begins so, or None where no line of names stands above numbers."""
    newline = 10 if b"\n" in head else 13
    lines, at = [], 0
    for raw in head.split(bytes([newline]))[:_HEAD_LINES]:
        text = _decoded(raw.removesuffix(b"\r")).removeprefix("\ufeff")
        if text.strip():
            lines.append((text, at, at + len(raw) + 1))
        at += len(raw) + 1
    rows = [_is_data(text) for text, _, _ in lines]
    # A line of a preamble may look like a row ("Date,2025-07-08"): behind the first row of all stands another.
    first = next((k for k, is_row in enumerate(rows) if is_row and rows[k + 1 : k + 2] != [False]), None)
    if first == 0 or not lines:
        return None
    row = lines[first][0] if first is not None else ""
    above = [text for text, _, _ in lines[: len(lines) if first is None else first]]
    header = above[0] if first is None else above[-1]
    units: list[str] = []
    if len(above) > 1 and first is not None:
        delimiter = _delimiter(above[-1])
        below = _split(above[-1], delimiter)
        if all(_UNIT.fullmatch(cell.lower()) or not cell for cell in below) and len(below) > 2:
            header, units = above[-2], below
    delimiter = _delimiter(header)
    names = _split(header.strip().lstrip("#% "), delimiter)
    if units:
        names = [_with_unit(name, unit) for name, unit in zip_longest(names, units[: len(names)], fillvalue="")]
    place = next(k for k, (text, _, _) in enumerate(lines) if text == header)
    start = lines[place][2] if first is None else lines[first][1]
    cells = _split(row, delimiter)
    found = Dialect(tuple(names), header.encode(), start, delimiter, _decimal(cells, delimiter), newline)
    return _with_dates(found, cells)


def _decoded(raw: bytes) -> str:
    """Text in UTF-8 or, where it cannot be that, in Windows' western letters: "m/s²" and "°/s" of older loggers."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def width_of(head: bytes) -> int:
    """How many columns of numbers a text without names begins with; 0 where it does not."""
    lines = [line for line in head.decode("utf-8", "replace").splitlines()[:20] if line.strip()]
    widths = {len(_split(line, _delimiter(line))) for line in lines[:-1] if _is_data(line)}
    return widths.pop() if len(widths) == 1 and len(lines) > 2 and all(_is_data(line) for line in lines[:-1]) else 0


def _with_unit(name: str, unit: str) -> str:
    """A name with the unit that stands below it, where it has none itself."""
    said = re.search(r"[\[(]|_(s|ms|us|ns|g|mg|mps2?|m_s2|radps|degps|dps|kmh|mph|rad|deg|m|cm|mm)$", name.lower())
    return name if said or unit.strip("-") == "" or unit.lower() == "n/a" else f"{name} ({unit})"


def _is_data(line: str) -> bool:
    """Whether a line begins with a number or a date, and holds hardly any words."""
    if line.lstrip()[:1] in ("#", "%"):
        return False
    cells = _split(line, _delimiter(line))
    numeric = [bool(_NUMBER.fullmatch(cell) or _DATE.fullmatch(cell) or _CLOCK.fullmatch(cell)) for cell in cells]
    return len(cells) > 1 and any(numeric[:2]) and sum(numeric) >= 0.4 * sum(cell != "" for cell in cells)


def _delimiter(line: str) -> str:
    for one in (";", "\t", ","):
        if one in line.strip():
            return one
    return " "


def _split(line: str, delimiter: str) -> list[str]:
    cells = line.split() if delimiter == " " else line.strip("\r\n").split(delimiter)
    return [cell.strip().strip('"').strip() for cell in cells]


def _decimal(cells: list[str], delimiter: str) -> str:
    commas = delimiter != "," and any(_COMMA.fullmatch(cell) for cell in cells)
    return "," if commas and not any(re.fullmatch(r"[-+]?\d*\.\d+", cell) for cell in cells) else "."


def _with_dates(found: Dialect, cells: list[str]) -> Dialect:
    dates = [(k, match) for k, cell in enumerate(cells) if (match := _DATE.fullmatch(cell))]
    if dates and dates[0][1]["clock"]:
        return replace(found, stamp=dates[0][0])
    clock = next((k for k, cell in enumerate(cells) if _CLOCK.fullmatch(cell)), -1)
    if clock < 0:
        return found
    return replace(found, stamp=dates[0][0] if dates else -1, clock=clock)


def read_cells_of(source: Source, options: ReadOptions, dialect: Dialect, wanted: list[int]) -> Cells:
    """The wanted columns of a table. Raises FormatError at the first row that is too short or whose cell is no number,
    or counts it under `on_bad="skip"`. A last line that is cut, names that are repeated and zero bytes at the end are
    left out, and told, always: loggers that lose their power leave such files."""
    from kinema.kernels.cells import GOOD, SHORT, read_cells

    check_columns(source, len(dialect.names))
    data, issues = _without_zeros(source)
    rows = _lines(data, dialect.start, dialect.newline)
    slots = np.full(max([*wanted, dialect.stamp, dialect.clock]) + 1, -1, np.int64)
    slots[wanted] = np.arange(len(wanted))
    values, stamp = np.empty((rows, len(wanted))), np.empty(rows, np.int64)
    row_start, state = np.empty(rows, np.int64), np.empty(rows, np.uint8)
    n = read_cells(data, dialect.start, dialect.newline, ord(dialect.delimiter), ord(dialect.decimal), slots,
                   dialect.stamp, dialect.clock, len(slots), values, stamp, row_start, state)  # fmt: skip
    values, stamp, row_start, state = values[:n], stamp[:n], row_start[:n], state[:n]
    bad = np.flatnonzero(state != GOOD)
    if len(bad):
        keep = np.ones(n, np.bool_)
        keep[bad] = False
        issues += _told(source, options, dialect, data, row_start, bad, bool(state[-1] == SHORT))
        values, stamp, row_start = values[keep], stamp[keep], row_start[keep]
    if not len(values):
        raise FormatError(source.path, "no line of numbers in it", "", "is it the right file?")
    return Cells(values, stamp, row_start, tuple(issues))


def _lines(data: U8, start: int, newline: int) -> int:
    """Line ends from byte `start` on, and one; counted by pieces, for a comparison takes as much memory as its data."""
    step = 1 << 20
    return 1 + sum(int(np.count_nonzero(data[k : k + step] == newline)) for k in range(start, len(data), step))


def _without_zeros(source: Source) -> tuple[U8, list[Issue]]:
    """The bytes without the zeros that end them, as a card that was switched off leaves them."""
    data = bytes_of(source)
    if not len(data) or data[-1] != 0:
        return data, []
    some = np.flatnonzero(data[-(1 << 26) :])
    end = len(data) - min(len(data), 1 << 26) + (int(some[-1]) + 1 if len(some) else 0)
    where = line_at(source, end)
    return data[:end], [Issue("zero bytes at the end", len(data) - end, where, source.name, "left out")]


def _told(
    source: Source, options: ReadOptions, dialect: Dialect, data: U8, row_start: I64, bad: I64, short: bool
) -> list[Issue]:
    """What is told of bad rows, by their numbers. Raises FormatError at the first that is not left out always."""
    again = bytes(dialect.header).strip()
    repeated = [k for k in bad.tolist() if _line(data, int(row_start[k]), len(again)) == again]
    cut = len(row_start) - 1 if short and data[-1] != dialect.newline else -1
    issues = []
    if repeated:
        where = line_at(source, int(row_start[repeated[0]]))
        issues.append(Issue("names repeated", len(repeated), where, source.name, "the logger began anew"))
    if cut in bad:
        where = line_at(source, int(row_start[cut]))
        issues.append(Issue("last line cut", 1, where, source.name, "left out"))
    others = np.setdiff1d(bad, [*repeated, cut])
    if len(others):
        first = int(row_start[others[0]])
        where = line_at(source, first)
        if options.on_bad == "raise":
            what = f"garbled line '{text_at(source, first)}'"
            raise FormatError(source.path, what, where, "read with --on-bad skip to leave it out")
        issues.append(Issue("garbled line", len(others), where, source.name))
    return issues


def _line(data: U8, start: int, length: int) -> bytes:
    return bytes(data[start : start + length + 8]).split(b"\n")[0].split(b"\r")[0].strip()
