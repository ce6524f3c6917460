"""Trajectories as CSV: Kinema's own, with units in the column names, and those of others by guessing their columns.

What was guessed is always told as an issue ("columns read as").
"""

from __future__ import annotations

from kinema.core.recording import Issue, Recording
from kinema.errors import FormatError
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.csv_guessing import guess_columns, guessed
from kinema.formats.csv_own import TITLE, own, write
from kinema.formats.csv_tables import header_of, table_of


def _sniff(head: bytes, name: str) -> float:
    if head.startswith(TITLE.encode()):
        return 0.99
    names, _, _ = header_of(head)
    found = guess_columns(names)
    placed = {"lat", "lon"} <= set(found) or {"x", "y", "z"} <= set(found)
    return 0.8 if placed and {"tow", "utc"} & set(found) else 0.0


def read(source: Source, options: ReadOptions) -> Recording:
    """Read into the stream "fixes".

    Times: t_ns; GPS week and time of week (milliseconds where the name or size says so); UTC as ISO 8601 or POSIX
    seconds, ms, µs or ns; time of week alone is WEEK_UNKNOWN, seconds since some start RELATIVE_CLOCK.
    Places: latitude, longitude (degrees) and ellipsoidal height, or ECEF. A row of another width, a cell that is no
    number, a time or a place that cannot be raises FormatError, or is counted under `on_bad="skip"`.
    """
    names, skip, delimiter = header_of(bytes(source.data[: 1 << 16]))
    if not names:
        raise FormatError(source.path, "no header line", "line 1", "name its columns: utc,lat,lon,h")
    csv = table_of(source, options, skip, delimiter, names)
    if bytes(source.data[: len(TITLE)]) == TITLE.encode():
        solution = own(csv)
    else:
        columns = guess_columns(names)
        if not ({"lat", "lon"} <= set(columns) or {"x", "y", "z"} <= set(columns)):
            raise FormatError(source.path, "no columns of a place", "line 1", "name its columns: utc,lat,lon,h")
        told = ", ".join(f"{role} = '{name}'" for role, name in columns.items())
        left = [name for name in names if name not in columns.values()]
        rest = f"; left out: {', '.join(left[:8])}" if left else ""
        csv.issues.append(Issue("columns read as", 1, "line 1", source.name, told + rest))
        solution = guessed(csv, columns)
    simulated = solution.provenance.simulated
    return Recording({"fixes": solution}, issues=tuple(csv.issues), sources=(source.name,), simulated=simulated)


FORMAT = Format("csv", "CSV trajectory", (".csv",), _sniff, read, write)
