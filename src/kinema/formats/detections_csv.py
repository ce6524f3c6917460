"""CSV tables of detections: `supervision`'s CSVSink, Ultralytics' to_csv, Kinema's own, and any with such columns.

Boxes in images, points on the ground (x and y, north and east, latitude and longitude, range and bearing), or reads of
tags at places; names of columns tell which (see detection_columns).
"""

from __future__ import annotations

import csv
import re
from typing import Any

import numpy as np

from kinema.core.arrays import F64
from kinema.core.recording import Issue, Recording
from kinema.errors import FormatError
from kinema.formats import detection_columns as columns
from kinema.formats import detection_ground, detection_tables
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.detection_tables import Table
from kinema.formats.tables import check_columns, line_at, lines_of, row_at, text_at

TITLES = ("# kinema ground detections 1", "# kinema ground tracks 1", "# kinema tag reads 1")
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_OWN = {"v_n": "v_n_mps", "v_e": "v_e_mps", "sd_vn": "sd_vn_mps", "sd_ve": "sd_ve_mps", "cov_vne": "cov_vne_m2ps2",
        "seen": "seen"}  # fmt: skip
"""Columns that only Kinema's own tracks have."""


def header(text: str) -> tuple[list[str], int, str, dict[str, str]]:
    """Names of the columns, lines up to and with them, the delimiter, and what comments say as "key: value"."""
    about: dict[str, str] = {}
    for k, line in enumerate(text.splitlines()[:60]):
        if line.startswith("#") or not line.strip():
            key, _, value = line.lstrip("# ").partition(":")
            if value:
                about[key.strip().lower()] = value.strip()
            continue
        delimiter = max(",;\t", key=line.count)
        try:
            cells = next(csv.reader([line], delimiter=delimiter), [])
        except csv.Error:
            return [], 0, ",", {}
        return [cell.strip() for cell in cells], k + 1, delimiter, about
    return [], 0, ",", {}


def _sniff(head: bytes, name: str) -> float:
    text = head.decode("utf-8-sig", "replace")
    if text.startswith(TITLES):
        return 0.99
    names = header(text)[0]
    kind = columns.is_table_of(names)
    # Latitude and longitude over time may be a trajectory; places of other kinds at times are nobody else's.
    known = kind == "ground" and columns.place_roles(columns.roles_of(names)) != ("lat", "lon")
    return 0.94 if known else 0.9 if kind == "boxes" else 0.86 if kind else 0.0


def read(source: Source, options: ReadOptions) -> Recording:
    """Read into "detections", "ground detections", "tag reads" and tracks where rows have identities.

    Raises FormatError.
    """
    names, above, delimiter, about = header(bytes(source.data[: 1 << 16]).decode("utf-8-sig", "replace"))
    kind = columns.is_table_of(names)
    if not kind:
        raise FormatError(source.path, "no header of a table of detections", "line 1", "name its columns")
    table = _table(source, options, names, above, delimiter)
    if kind == "boxes":
        return detection_tables.boxes(source, options, table)
    if kind == "reads":
        return detection_ground.reads(source, options, table)
    return detection_ground.ground(source, options, table, about)


def _table(source: Source, options: ReadOptions, names: list[str], above: int, delimiter: str) -> Table:
    import pyarrow as pa
    from pyarrow import csv as pa_csv

    check_columns(source, len(names))
    bad: list[int] = []

    def on_bad(row: Any) -> str:
        bad.append(int(row.number or 0))
        return "skip"

    skipped = list(zip(range(above), lines_of(source), strict=False))
    start = skipped[-1][1][1]
    kinds = {f"c{k}": pa.string() for k in range(len(names))}
    try:
        found = pa_csv.read_csv(
            pa.py_buffer(source.data[start:]),
            read_options=pa_csv.ReadOptions(
                column_names=list(kinds), use_threads=False,
                encoding="utf8" if bytes(source.data).isascii() else "latin-1",
            ),
            parse_options=pa_csv.ParseOptions(delimiter=delimiter, invalid_row_handler=on_bad),
            convert_options=pa_csv.ConvertOptions(column_types=kinds, strings_can_be_null=False),
        )  # fmt: skip
    except (pa.ArrowException, ValueError) as error:
        raise FormatError(source.path, f"no table: {str(error).splitlines()[0][:100]}", "", "is it cut off?") from None
    at = row_at(source, start, max(bad[0], 1)) if bad else 0
    if bad and options.on_bad == "raise":
        shown = f"garbled line '{text_at(source, at)}'"
        raise FormatError(source.path, shown, line_at(source, at), "read with --on-bad skip to leave it out")
    if not found.num_rows:
        raise FormatError(source.path, "no row below its header", "", "is the file whole?")
    issues = (Issue("garbled line", len(bad), line_at(source, at), source.name),) if bad else ()
    return table_of(source, names, [found.column(k) for k in range(len(names))], start, issues)


def table_of(source: Source, names: list[str], texts: list[Any], start: int, issues: tuple[Issue, ...] = ()) -> Table:
    """Columns of texts as a Table: the roles that their names tell."""
    roles = columns.roles_of(names) | {role: names.index(name) for role, name in _OWN.items() if name in names}
    numbers = {role: _numbers(texts[k]) for role, k in roles.items() if role not in ("time", "box")}
    kept = {role: texts[roles[role]].to_pylist() for role in (*columns.TEXTS, "t_ns") if role in roles}
    if "box" in roles:
        numbers |= dict(zip(columns.CORNERS, _corners(kept["box"]).T, strict=True))
    vector = columns.appearance_of(names)
    appearance = np.column_stack([_numbers(texts[k]) for k in vector]) if vector else np.empty((len(texts[0]), 0))

    def where(row: int) -> str:
        return line_at(source, row_at(source, start, row + 1)) if start else f"row {row + 1}"

    return Table(numbers, kept, where, np.nan_to_num(appearance), issues=issues)


def _numbers(column: Any) -> F64:
    """Text as float64, NaN where it is no number."""
    import pyarrow as pa
    import pyarrow.compute as pc

    text = pc.utf8_trim_whitespace(column)
    good = pc.match_substring_regex(text, _NUMBER)
    numbers = pc.cast(pc.if_else(good, text, pa.scalar(None, pa.string())), pa.float64())
    values = np.array(numbers.to_numpy(zero_copy_only=False), np.float64)
    values[np.isinf(values)] = np.nan
    return values


def _corners(texts: list[str]) -> F64:
    """The four numbers (n, 4) of boxes like {'x1': 1.0, 'y1': 2.0, 'x2': 3.0, 'y2': 4.0}; NaN for others."""
    found = np.full((len(texts), 4), np.nan)
    for row, text in enumerate(texts):
        said = dict(re.findall(r"(x1|y1|x2|y2)['\"]?\s*:\s*(-?[\d.]{1,30}(?:[eE][+-]?\d{1,3})?)", text[:400]))
        if len(said) == 4:
            try:
                found[row] = [float(said[key]) for key in ("x1", "y1", "x2", "y2")]
            except ValueError:
                continue
    return found


FORMAT = Format("detections-csv", "CSV of detections, points on the ground or tag reads", (".csv",), _sniff, read)
