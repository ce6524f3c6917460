"""CSV through Arrow: header, delimiter, encoding, and columns as numbers with garbled cells told or counted."""

from __future__ import annotations

import csv
import itertools
import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kinema.core.arrays import F64, Bool
from kinema.core.recording import Issue
from kinema.errors import FormatError
from kinema.formats.base import ReadOptions, Source
from kinema.formats.tables import bytes_of, check_columns, line_at, lines_of, row_at

_EMPTY = ["", "nan", "NaN", "NA", "null", "-"]


@dataclass
class CsvTable:
    """An Arrow table with what reading it needs; `issues` gathers what was odd."""

    source: Source
    options: ReadOptions
    table: Any
    issues: list[Issue] = field(default_factory=list)

    def __contains__(self, name: str) -> bool:
        return name in self.table.column_names

    def numbers(self, name: str) -> F64:
        """A column as float64 (n,), NaN where empty. Raises FormatError where it holds other text; under "skip" such
        cells are NaN and counted."""
        import pyarrow as pa

        column = self.table.column(name)
        try:
            value = np.asarray(column.cast(pa.float64()).to_numpy(), np.float64)
            return np.where(np.isfinite(value), value, np.nan)
        except pa.ArrowException:
            if self.options.on_bad == "raise" or not pa.types.is_string(column.type):
                what, remedy = (
                    f"column '{name}' holds more than numbers",
                    "is the decimal sign a point, the delimiter right?",
                )
                raise FormatError(self.source.path, what, "", remedy) from None
        value, garbled = _read_texts(column)
        where = f"row {int(np.argmax(garbled)) + 1}"
        detail = f"in column '{name}'"
        self.issues.append(Issue("garbled number", int(garbled.sum()), where, self.source.name, detail))
        return value


def _read_texts(column: Any) -> tuple[F64, Bool]:
    """Numbers of texts, NaN where there is none, and which texts were neither numbers nor empty (n,)."""
    texts = column.to_pylist()
    value = np.full(len(texts), np.nan)
    garbled = np.zeros(len(texts), np.bool_)
    for k, text in enumerate(texts):
        if text is None:
            continue
        try:
            number = float(text)
        except ValueError:
            garbled[k] = True
            continue
        if np.isfinite(number):
            value[k] = number
    return value, garbled


def header_of(head: bytes) -> tuple[list[str], int, str]:
    """Column names, number of lines above the first row, and the delimiter; no names where there is no header."""
    lines = head.decode("utf-8-sig", "replace").splitlines()
    first = next((k for k, line in enumerate(lines) if line.strip() and line[0] not in "#%"), None)
    if first is None:
        return [], 0, ","
    line, above = lines[first], first + 1
    delimiter = max(",;\t", key=line.count)
    cells = _cells(line, delimiter)
    if first > 0 and cells and _numeric(cells[0]):
        # The names stand in the comment right above the first row.
        line, above = lines[first - 1].lstrip("#% "), first
        cells = _cells(line, delimiter)
    if not line.count(delimiter) or not cells or _numeric(cells[0]):
        return [], 0, ","
    return [cell.strip() for cell in cells], above, delimiter


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _numeric(text: str) -> bool:
    return re.fullmatch(r"\s*[-+]?[\d.]+(e[-+]?\d+)?\s*", text, re.IGNORECASE) is not None


def table_of(source: Source, options: ReadOptions, skip: int, delimiter: str, names: list[str]) -> CsvTable:
    """The rows below `skip` lines. Raises FormatError for rows of another width, or counts them under "skip"."""
    import pyarrow as pa
    from pyarrow import csv as pa_csv

    check_columns(source, len(names))
    bad: list[Any] = []

    def on_bad(row: Any) -> str:
        bad.append(row)
        return "skip" if options.on_bad == "skip" else "error"

    try:
        table = pa_csv.read_csv(
            pa.BufferReader(pa.py_buffer(source.data)),
            read_options=pa_csv.ReadOptions(
                skip_rows=skip, column_names=_unique(names), use_threads=False, encoding=_encoding(source)
            ),
            parse_options=pa_csv.ParseOptions(delimiter=delimiter, invalid_row_handler=on_bad),
            convert_options=pa_csv.ConvertOptions(null_values=_EMPTY),
        )
    except (pa.ArrowException, OSError, ValueError) as error:
        where = _place_of(source, skip, bad)
        what = f"{bad[0].actual_columns} columns instead of {bad[0].expected_columns}" if bad else str(error)
        remedy = "read with --on-bad skip to leave it out"
        raise FormatError(source.path, f"garbled line ({' '.join(what.split())[:100]})", where, remedy) from None
    issues = [Issue("garbled line", len(bad), _place_of(source, skip, bad), source.name)] if bad else []
    if table.num_rows == 0:
        raise FormatError(source.path, "no row below its header", "", "is the file whole?")
    return CsvTable(source, options, table, issues)


def _place_of(source: Source, skip: int, bad: list[Any]) -> str:
    """The line of the first row that was cut wrongly; its number counts the `skip` lines above but no blank ones."""
    if not bad or not bad[0].number:
        return ""
    above = [after for _, after in itertools.islice(lines_of(source, most=len(source.data)), skip)]
    return line_at(source, row_at(source, above[-1] if above else 0, bad[0].number - skip))


def _encoding(source: Source) -> str:
    if (bytes_of(source) < 128).all():
        return "utf8"
    try:
        bytes(source.data).decode("utf-8")
    except UnicodeDecodeError:
        return "latin1"
    return "utf8"


def _unique(names: list[str]) -> list[str]:
    seen: dict[str, int] = {}
    unique = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        unique.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return unique
