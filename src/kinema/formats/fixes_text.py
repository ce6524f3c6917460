"""Fixes as columns without names, as KF-GINS and PSINS read them: seconds of week, latitude, longitude, height, and
three standard deviations (north, east, down), with or without three velocities (north, east, down) behind them.

Taken only where every column can be what it should: degrees, positive standard deviations, times of a week.
"""

from __future__ import annotations

import re

import numpy as np

from kinema.core.arrays import F64, Bool
from kinema.core.frames import cov_e_from_n
from kinema.core.recording import Issue, Recording
from kinema.core.solution import FixStatus, Provenance, Solution
from kinema.errors import FormatError
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.tables import nanoseconds, read_numbers, sound_rows
from kinema.formats.trajectory import WEEK_UNKNOWN, ecef_from_degrees, ecef_from_ned_vectors, in_order, sound_places

PLAIN, WITH_VELOCITY = 7, 10
_WEEK_S = 604_801.0
_MOST_SIGMA_M = 1e4
_ROWS = 40
FIXED_M, FLOAT_M, DIFFERENTIAL_M = 0.1, 0.7, 1.5
"""Horizontal standard deviations up to which such a fix is called fixed, float or differential."""


def _rows(head: bytes) -> F64:
    """The numbers of the whole lines at the begin (n, columns); none where they are of no such table."""
    rows: list[list[float]] = []
    for line in head.split(b"\n")[:-1][:_ROWS]:
        if not line.strip() or line.lstrip().startswith((b"#", b"%")):
            continue
        cells = re.split(rb"[\s,;]+", line.strip())
        if len(cells) not in (PLAIN, WITH_VELOCITY) or (rows and len(cells) != len(rows[0])):
            return np.zeros((0, PLAIN))
        try:
            rows.append([float(cell) for cell in cells])
        except ValueError:
            return np.zeros((0, PLAIN))
    return np.array(rows).reshape(len(rows), -1) if rows else np.zeros((0, PLAIN))


def _possible(v: F64) -> Bool:
    """Whether rows (n, columns) can be fixes (n,)."""
    good = (v[:, 0] >= 0) & (v[:, 0] < _WEEK_S) & (np.abs(v[:, 1]) <= 90) & (np.abs(v[:, 2]) <= 360)
    good &= (np.abs(v[:, 3]) < 1e5) & (v[:, 4:7] > 0).all(axis=1) & (v[:, 4:7] < _MOST_SIGMA_M).all(axis=1)
    return np.asarray(good)


def _sniff(head: bytes, name: str) -> float:
    if not re.match(rb"\s*([#%][^\n]*\n\s*)*[-+.\d]", head):
        return 0.0
    v = _rows(head)
    if len(v) < 3 or not _possible(v).all() or not (np.diff(v[:, 0]) > 0).all():
        return 0.0
    # A place with its decimals, which hardly moves from row to row.
    near = (np.abs(np.diff(v[:, 1:3], axis=0)) < 0.01).all() and bool((v[:, 1:3] % 1 != 0).any())
    return 0.87 if near else 0.0


def read(source: Source, options: ReadOptions) -> Recording:
    """Read into "fixes". Raises FormatError."""
    columns = _rows(bytes(source.data[:8192])).shape[1]
    table = read_numbers(source, options, need=columns, columns=columns, separators=b" \t,;")
    if (table.n_fields > columns).any():
        raise FormatError(source.path, f"rows of more than {columns} columns", "", "is it the right file?")
    table = sound_rows(source, options, table, _possible(table.values), "no fix")
    v = table.values
    t_ns = nanoseconds(source, v[:, 0])
    good, strange = sound_places(source, options, v[:, 1], v[:, 2], v[:, 3])
    index, odd = in_order(source, t_ns[good], options)
    v, t_ns = v[good][index], t_ns[good][index]
    p_e_m = ecef_from_degrees(v[:, 1], v[:, 2], v[:, 3])
    cov_n = np.zeros((len(v), 3, 3))
    cov_n[:, [0, 1, 2], [0, 1, 2]] = v[:, 4:7] ** 2
    radius = np.hypot(v[:, 4], v[:, 5])
    limits = [(radius < FIXED_M, FixStatus.FIXED), (radius < FLOAT_M, FixStatus.FLOAT),
              (radius < DIFFERENTIAL_M, FixStatus.DIFFERENTIAL)]  # fmt: skip
    status = np.select([one for one, _ in limits], [np.uint8(s) for _, s in limits], np.uint8(FixStatus.SINGLE))
    v_n = v[:, 7:10] if columns == WITH_VELOCITY else np.full((len(v), 3), np.nan)
    solution = Solution(
        t_ns, p_e_m, cov_e_from_n(cov_n, p_e_m), ecef_from_ned_vectors(v_n, v[:, 1], v[:, 2]),
        status=np.asarray(status, np.uint8), provenance=Provenance(sources=(source.name,)),
    )  # fmt: skip
    told = (
        Issue(
            "columns read as", 1, "", source.name, "second of week, latitude, longitude, height, standard deviations"
        ),
        Issue(WEEK_UNKNOWN, 1, "", source.name, "seconds of a GPS week that is not named"),
    )
    return Recording({"fixes": solution}, issues=(*table.issues, *strange, *odd, *told), sources=(source.name,))


FORMAT = Format("fixes_text", "fixes in seven or ten columns", (".txt", ".pos"), _sniff, read)
