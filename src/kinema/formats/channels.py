"""What all readers of data loggers share: sparse tables with units, roles of columns, fixes out of columns."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kinema.core.arrays import F64, I64, Bool
from kinema.core.event import Lap
from kinema.core.recording import Issue
from kinema.core.streams import Series
from kinema.errors import FormatError
from kinema.formats.base import ReadOptions, Source
from kinema.formats.column_names import Column
from kinema.formats.tables import MOST_NS, check_columns, line_at, row_at, text_at


def read_table(
    source: Source,
    options: ReadOptions,
    start: int,
    count: int,
    need: Sequence[int],
    *,
    delimiter: str = ",",
    decimal: str = ".",
    clock: tuple[int, int] | None = None,
) -> tuple[list[F64], tuple[Issue, ...]]:
    """The columns (NaN where empty or text) of the table that begins at byte `start` with `count` fields a row.

    The columns `need` must be numbers wherever they are not empty; `clock` is the column of times and the nanoseconds
    of its unit: every row must have one that can be. Raises FormatError at the first garbled row, or
    counts and leaves out such rows under `on_bad="skip"`.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    check_columns(source, count)
    table, cut, bad_rows = _texts(source, start, count, delimiter)
    names = table.column_names
    columns = [_numbers(table.column(name), decimal, pa, pc) for name in names]
    garbled = np.zeros(table.num_rows, dtype=np.bool_)
    for k in need:
        filled = pc.not_equal(table.column(names[k]), pa.scalar(b"")).to_numpy(zero_copy_only=False)
        garbled |= filled & np.isnan(columns[k])
    if clock:
        garbled |= ~(np.abs(columns[clock[0]]) < MOST_NS / clock[1])
    if not bad_rows and not garbled.any():
        return columns, ()
    at = row_at(source, start, _first_bad(bad_rows, cut, garbled))
    where = line_at(source, at)
    if options.on_bad == "raise":
        what = f"garbled line '{text_at(source, at)}'"
        raise FormatError(source.path, what, where, "read with --on-bad skip to leave it out")
    issues = (Issue("garbled line", len(bad_rows) + int(garbled.sum()), where, source.name),)
    return [c[~garbled] for c in columns], issues


def _texts(source: Source, start: int, count: int, delimiter: str) -> tuple[Any, list[int], list[int]]:
    """An Arrow table of `count` columns of bytes, and the numbers of the rows that were cut out of it: all of them,
    and those that were not merely blank."""
    import pyarrow as pa
    from pyarrow import csv

    cut: list[int] = []
    bad_rows: list[int] = []

    def on_invalid(row: Any) -> str:
        cut.append(int(row.number))
        if row.text.strip(f"{delimiter} \r\n\0"):
            bad_rows.append(int(row.number))
        return "skip"

    names = [f"c{k}" for k in range(count)]
    # Stray bytes are read as Latin-1: they make a garbled cell, not a reader that gives up.
    encoding = "utf8" if bytes(source.data).isascii() else "latin-1"
    try:
        table = csv.read_csv(
            pa.py_buffer(source.data[start:]),
            read_options=csv.ReadOptions(column_names=names, use_threads=False, encoding=encoding),
            parse_options=csv.ParseOptions(delimiter=delimiter, invalid_row_handler=on_invalid),
            convert_options=csv.ConvertOptions(column_types={n: pa.binary() for n in names}),
        )
    except pa.ArrowInvalid as error:
        raise FormatError(source.path, f"no table: {str(error).splitlines()[0]}", "", "is the file cut off?") from None
    return table, cut, bad_rows


def _numbers(column: Any, decimal: str, pa: Any, pc: Any) -> F64:
    """Text as float64, NaN where empty or no number (one beyond float64 is none)."""
    text = pc.utf8_trim_whitespace(pc.cast(column, pa.string(), safe=False)) if len(column) else column
    if decimal != ".":
        text = pc.replace_substring(text, decimal, ".")
    is_number = pc.match_substring_regex(text, r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")
    numbers = pc.cast(pc.if_else(is_number, text, pa.scalar(None, pa.string())), pa.float64())
    values = np.array(numbers.to_numpy(zero_copy_only=False), dtype=np.float64)
    values[np.isinf(values)] = np.nan
    return values


def _first_bad(told: list[int], cut: list[int], garbled: Bool) -> int:
    """The first row to tell of, from 1: of the `told` ones, or the first of the `garbled` ones in the table, which
    stand behind those that were `cut` out of it."""
    if not garbled.any():
        return told[0]
    row = int(np.argmax(garbled)) + 1
    for one in cut:
        if one > row:
            break
        row += 1
    return min([row, *told[:1]])


def series_of(t_ns: I64, columns: Sequence[Column], skip: Sequence[str] = ()) -> dict[str, Series]:
    """Streams by role of all columns that hold numbers and whose role is not in `skip`; a role that comes twice gets
    its source or a number behind it."""
    order = np.argsort(t_ns, kind="stable") if (np.diff(t_ns) < 0).any() else slice(None)
    streams: dict[str, Series] = {}
    for column in columns:
        values, unit = column.si()
        here = np.isfinite(values)
        if not here.any() or column.role in skip:
            continue
        name = column.role
        if name in streams and column.source:
            name = f"{name}_{column.source}"
        base, k = name, 2
        while name in streams:
            name, k = f"{base}_{k}", k + 1
        t, v, keep = t_ns[order], values[order], here[order]
        streams[name] = Series(t[keep], v[keep], unit)
    return streams


def laps_from_counter(t_ns: I64, lap: F64, mover: str = "") -> tuple[Lap, ...]:
    """The device's own laps from a column that counts them: from change to change; the parts at both ends are left
    out. Times are those of the first row of each lap, so they are sure to one row."""
    has: Bool = np.isfinite(lap)
    t, n = t_ns[has], lap[has]
    change = np.flatnonzero(np.diff(n) != 0) + 1
    laps = []
    for a, b in itertools.pairwise(change):
        row_s = float(max(t[a] - t[a - 1], t[b] - t[b - 1])) * 1e-9
        laps.append(
            Lap(
                "timed",
                mover,
                int(t[a]),
                int(t[b]),
                "start",
                row_s / 3.5,
                row_s / 3.5,
                {"timer": "device"},
                number=int(n[a]),
                time_sigma_s=row_s / 2.4,
            )
        )
    return tuple(laps)


def settings_of(**facts: Any) -> Mapping[str, Any]:
    """Facts that a header tells, without those that are empty."""
    return {k: v for k, v in facts.items() if v not in (None, "", ())}
