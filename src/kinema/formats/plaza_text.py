"""The Plaza range data sets as text: NAME_DR.txt, NAME_TD.txt, NAME_TL.txt, NAME_GT.txt, rows of numbers without names.

The tables are those of the MATLAB file (plaza_mat). Without TL, a table anchor,x_m,y_m places the anchors.
"""

from __future__ import annotations

import re

import numpy as np

from kinema.core.recording import Recording
from kinema.errors import FormatError
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.plaza_mat import MOST, odometry_of, ranges_of, truth_of
from kinema.formats.tables import read_numbers

_WIDTHS = {"DR": 3, "TD": 4, "TL": 3, "GT": 4}
_NAME = re.compile(r"(?:^|_)(DR|TD|TL|GT)\.txt$", re.IGNORECASE)


def _sniff(head: bytes, name: str) -> float:
    kind = _NAME.search(name)
    if not kind:
        return 0.0
    cells = head.split(b"\n", 1)[0].split()
    try:
        numbers = [float(cell) for cell in cells]
    except ValueError:
        return 0.0
    return 0.9 if len(numbers) == _WIDTHS[kind[1].upper()] else 0.0


def read(source: Source, options: ReadOptions) -> Recording:
    """Read "odometry", "ranges", "truth", or anchors into the settings. Raises FormatError."""
    found = _NAME.search(source.name)
    assert found
    kind = found[1].upper()
    width = _WIDTHS[kind]
    table = read_numbers(source, options, need=width, columns=width, separators=b" \t,;").values
    if not len(table) or not (np.abs(table) < MOST).all():
        raise FormatError(source.path, f"no table of {width} columns of numbers, or a value that cannot be")
    if kind == "TL":
        places = {str(int(key)): (float(x), float(y), 0.0) for key, x, y in table}
        return Recording({}, sources=(source.name,), settings={"anchors": places})
    if kind == "GT":
        return Recording({"truth": truth_of(source, table)}, sources=(source.name,))
    if kind == "DR":
        series, issues = odometry_of(source, table, options)
        return Recording({"odometry": series}, issues=issues, sources=(source.name,))
    ranges, issues = ranges_of(source, table, None)
    return Recording({"ranges": ranges}, issues=issues, sources=(source.name,))


FORMAT = Format("plaza_text", "Plaza range data set (text)", (".txt",), _sniff, read)
