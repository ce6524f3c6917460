"""Text tables of numbers: read fast, with every garbled line told or counted. Shared by the formats that are such."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from kinema.core.arrays import F64, I64, U8, Bool
from kinema.core.recording import Issue
from kinema.errors import FormatError
from kinema.formats.base import ReadOptions, Source

MOST_COLUMNS = 4096
"""Columns of a table that a person may mean; more are a file that is none."""
MOST_CELLS_PER_BYTE = 8
"""Cells of a table over bytes of its file: short rows under very many names would fill the memory with nothing."""
MOST_NS = 4.2e18
"""Times lie within 133 years of their origin, so that they and their differences are int64 nanoseconds."""


@dataclass(frozen=True)
class NumberTable:
    """values (n, columns), NaN where a row is shorter; n_fields (n,); row_start (n,) byte offsets."""

    values: F64
    n_fields: I64
    row_start: I64
    issues: tuple[Issue, ...]


def check_columns(source: Source, columns: int) -> None:
    """Raise FormatError for a header of more columns than a table can have."""
    if columns > MOST_COLUMNS:
        raise FormatError(source.path, f"{columns} columns, more than {MOST_COLUMNS}", "", "is it a table?")


def lines_of(source: Source, start: int = 0, most: int = 262_144) -> Iterator[tuple[str, int]]:
    """The lines from byte `start` on without their ends, as text (UTF-8, else Latin-1), and the byte after each."""
    for match in re.finditer(rb"([^\r\n]*)(?:\r\n|\r|\n|$)", bytes(source.data[start : start + most])):
        if match.end() == match.start():
            return
        raw = match[1].removeprefix(b"\xef\xbb\xbf") if start + match.start() == 0 else match[1]
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            text = raw.decode("latin-1")
        yield text, start + match.end()


def bytes_of(source: Source) -> U8:
    """The source's bytes as an array, without a copy."""
    return np.frombuffer(source.data, dtype=np.uint8)


def line_at(source: Source, offset: int) -> str:
    """Where a byte offset is: "line 12"."""
    before = bytes_of(source)[:offset]
    newlines = int(np.count_nonzero(before == 10))
    # Old Macintosh line ends, where there are no others.
    return f"line {1 + (newlines or int(np.count_nonzero(before == 13)))}"


def row_at(source: Source, start: int, row: int) -> int:
    """The byte where row `row` (from 1) of those from byte `start` on begins; blank lines are no rows."""
    rows = re.finditer(rb"[^\r\n]+", bytes(source.data[start:]))
    match = next(itertools.islice(rows, row - 1, None), None)
    return start + match.start() if match else len(source.data)


def text_at(source: Source, offset: int, length: int = 60) -> str:
    """The beginning of the line at a byte offset, fit to be shown."""
    text = bytes(source.data[offset : offset + 4 * length]).split(b"\n", 1)[0].decode("ascii", "replace").strip()
    shown = "".join(c if c.isprintable() else "?" for c in text)
    return shown[:length] + ("…" if len(shown) > length else "")


def roles(separators: bytes, comments: bytes) -> U8:
    """What each byte is to the table kernels: separator (1), begin of a comment line (2), or content (0)."""
    role = np.zeros(256, dtype=np.uint8)
    role[list(separators + b"\r")] = 1
    role[list(comments)] = 2
    return role


def read_numbers(
    source: Source,
    options: ReadOptions,
    *,
    need: int,
    columns: int,
    separators: bytes = b" \t,;",
    comments: bytes = b"%#",
    start: int = 0,
    remedy: str = "read with --on-bad skip to leave it out",
) -> NumberTable:
    """The rows of numbers from byte `start`: `need` columns must be there and be numbers, up to `columns` are read.

    Raises FormatError at the first row that is not so, or counts it under `on_bad="skip"`; and where no row is left.
    """
    from kinema.kernels.table import count_rows, read_rows

    data, role = bytes_of(source), roles(separators, comments)
    check_columns(source, columns)
    short = np.zeros(2, np.int64)
    # Every row ends a line: that many fit, unless blank lines or very many columns would make the table too large.
    rows = int(np.count_nonzero(data[start:] == 10)) + 1
    if rows * columns > len(data):
        rows, _, _ = count_rows(data, start, role, need)
        if columns > 64 and rows * columns > MOST_CELLS_PER_BYTE * len(data):
            what = f"rows much shorter than its {columns} columns"
            raise FormatError(source.path, what, "", "was its header damaged?")
        rows += 1
    values, row_start, n_fields = np.empty((rows, columns)), np.empty(rows, np.int64), np.empty(rows, np.int64)
    n_good = read_rows(data, start, role, need, values, row_start, n_fields, short)
    values, row_start, n_fields = values[:n_good], row_start[:n_good], n_fields[:n_good]
    n_short, first_short = (int(one) for one in short)
    garbled = ~np.isfinite(values[:, :need]).all(axis=1)
    firsts = [first_short] if n_short else []
    if garbled.any():
        firsts.append(int(row_start[np.argmax(garbled)]))
    issues: tuple[Issue, ...] = ()
    if firsts:
        where = line_at(source, min(firsts))
        if options.on_bad == "raise":
            what = f"garbled line '{text_at(source, min(firsts))}'"
            raise FormatError(source.path, what, where, remedy)
        issues = (Issue("garbled line", n_short + int(garbled.sum()), where, source.name),)
        values, row_start, n_fields = values[~garbled], row_start[~garbled], n_fields[~garbled]
    if not len(values):
        raise FormatError(source.path, "no line of numbers in it", "", "is it the right file?")
    return NumberTable(values, n_fields, row_start, issues)


def sound_rows(source: Source, options: ReadOptions, table: NumberTable, good: Bool, what: str) -> NumberTable:
    """The rows that are `good` (n,). Raises FormatError at the first other one, or counts them under "skip"."""
    if good.all():
        return table
    first = int(table.row_start[int(np.argmin(good))])
    where = line_at(source, first)
    if options.on_bad == "raise" or not good.any():
        shown = f"{what} in '{text_at(source, first)}'"
        remedy = "read with --on-bad skip to leave it out" if good.any() else "is it the right file?"
        raise FormatError(source.path, shown, where, remedy)
    issues = (*table.issues, Issue(what, int((~good).sum()), where, source.name))
    return replace(
        table,
        values=table.values[good],
        n_fields=table.n_fields[good],
        row_start=table.row_start[good],
        issues=issues,
    )


def nanoseconds(source: Source, seconds: F64, unit_ns: int = 1_000_000_000) -> I64:
    """Times as int64 nanoseconds. Raises FormatError where one is missing or beyond MOST_NS."""
    bad = ~(np.abs(seconds) < MOST_NS / unit_ns)
    if bad.any():
        row = int(np.argmax(bad))
        raise FormatError(source.path, f"time {seconds[row]:g} cannot be", f"row {row + 1}", "is it the right column?")
    return np.round(seconds * unit_ns).astype(np.int64)


def calendar_days(year: F64, month: F64, day: F64) -> I64:
    """Days since 1970-01-01 of calendar dates (n,); −2**40 where there is no such date."""
    ok = (year >= 1900) & (year < 2200) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    y, m, d = (np.where(ok, part, 1970 if k == 0 else 1).astype(np.int64) for k, part in enumerate((year, month, day)))
    months = ((y - 1970) * 12 + m - 1).astype("datetime64[M]")
    days = cast(I64, months.astype("datetime64[D]").astype(np.int64) + d - 1)
    lengths = ((months + 1).astype("datetime64[D]") - months.astype("datetime64[D]")).astype(np.int64)
    return np.where(ok & (d <= lengths), days, -(2**40))
