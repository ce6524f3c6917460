"""Inertial samples as seven columns without names: time, then rates and forces or their increments, in either order.

KF-GINS, PSINS and converters of NovAtel logs write such tables (seconds of week, three angle increments in rad, three
velocity increments in m/s). Which triple is which, and whether they are increments, is told by gravity: only one
reading gives 9.8 m/s². Where none or more than one does, the file is refused with what was found.
"""

from __future__ import annotations

import re

import numpy as np

from kinema.core.arrays import F64
from kinema.core.recording import Issue, Recording
from kinema.errors import FormatError
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.sensor_names import FORCE_UNITS, layout_of
from kinema.formats.sensor_table import recording_of
from kinema.formats.tables import line_at, read_numbers, text_at

COLUMNS = 7
_SEPARATORS = b" \t,;"
_LEAST, _MOST = 8.5, 11.0
_ROWS = 60
_WEEK_S = 604_801.0


def _rows(head: bytes) -> F64:
    """The numbers of the whole lines at the begin (n, 7); none where a line is something else."""
    lines = [
        line for line in head.split(b"\n")[:-1][: _ROWS + 2] if line.strip() and not line.lstrip().startswith(b"#")
    ]
    rows = []
    for line in lines[:_ROWS]:
        cells = re.split(rb"[\s,;]+", line.strip())
        if len(cells) != COLUMNS:
            return np.zeros((0, COLUMNS))
        try:
            rows.append([float(cell) for cell in cells])
        except ValueError:
            return np.zeros((0, COLUMNS))
    return np.array(rows).reshape(-1, COLUMNS)


def readings(rows: F64) -> list[tuple[int, bool, str]]:
    """Every way to read the triples in which one of them is gravity: the column of the force's x, whether they are
    increments, and the unit of the force."""
    dt = float(np.median(np.diff(rows[:, 0]))) if len(rows) > 2 else 0.0
    if not dt > 0:
        return []
    found: list[tuple[int, bool, str]] = []
    for first in (1, 4):
        size = _size(rows, first)
        sizes = {(False, "mps2"): size, (False, "g"): size * FORCE_UNITS["g"], (True, "mps2"): size / dt}
        found += [(first, *how) for how, force in sizes.items() if _LEAST < force < _MOST]
    return found


def _size(rows: F64, first: int) -> float:
    """Median length of the triple that begins at a column."""
    triple = np.clip(rows[:, first : first + 3], -1e12, 1e12)
    return float(np.median(np.sqrt((triple**2).sum(axis=1))))


def _sniff(head: bytes, name: str) -> float:
    if not re.match(rb"\s*(#[^\n]*\n\s*)*[-+.\d]", head):
        return 0.0
    rows = _rows(head)
    steady = len(rows) >= 3 and bool((np.diff(rows[:, 0]) > 0).all())
    return 0.88 if steady and len(readings(rows)) == 1 else 0.0


def read(source: Source, options: ReadOptions) -> Recording:
    """Read into "imu". Raises FormatError."""
    table = read_numbers(source, options, need=COLUMNS, columns=COLUMNS, separators=_SEPARATORS)
    if (table.n_fields > COLUMNS).any():
        row = int(np.argmax(table.n_fields > COLUMNS))
        where = line_at(source, int(table.row_start[row]))
        raise FormatError(source.path, "more than seven columns", where, "expected time, three rates, three forces")
    values = table.values
    first, increments, unit = _reading(source, values)
    rate = 5 - first
    columns = {0: values[:, 0], **{k: values[:, k] for k in range(1, COLUMNS)}}
    middle = float(np.median(values[:, 0]))
    time = "tow_s" if 0 <= middle < _WEEK_S and middle > 1e4 else "t_s"
    names = [time] + [""] * 6
    force_name, rate_name = ("dvel", "dang") if increments else ("acc", "gyro")
    for k, axis in enumerate("xyz"):
        names[first + k] = f"{force_name}_{axis}_{'mps' if increments else unit}"
        names[rate + k] = f"{rate_name}_{axis}" + ("_rad" if increments else "")

    def place(row: int) -> str:
        at = int(table.row_start[row])
        return f"{line_at(source, at)}, '{text_at(source, at, 40)}'"

    found = recording_of(source, options, layout_of(names), columns, place)
    order = f"{'force' if first == 1 else 'rate'} first, {'increments' if increments else f'force in {unit}'}"
    told = Issue("columns read as", 1, "", source.name, f"time, {order}: so gravity is 9.8 m/s²")
    return Recording(found.streams, found.mounts, (*table.issues, told, *found.issues), found.sources)


def _reading(source: Source, values: F64) -> tuple[int, bool, str]:
    """The only reading of the whole table. Raises FormatError with the sizes of both triples."""
    found = readings(values)
    if len(found) == 1:
        return found[0]
    a, b = _size(values, 1), _size(values, 4)
    dt = float(np.median(np.diff(values[:, 0]))) if len(values) > 1 else float("nan")
    what = f"{'no' if not found else 'more than one'} triple is gravity: medians {a:.3g} and {b:.3g}, {dt:.3g} s apart"
    raise FormatError(source.path, what, "", "expected time, three rates, three forces, or their increments")


FORMAT = Format("imu_text", "inertial samples in seven columns", (".txt", ".imu"), _sniff, read)
