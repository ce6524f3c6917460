"""Tables of sensor samples with named columns: inertial samples, fixes, wheels, steering, ranges, odometry.

"t_s,gx_radps,…", "gps_week,gps_tow_s,acc_x_g,…", EuRoC's "#timestamp [ns],w_RS_S_x [rad s^-1],…", exports of ROS
topics, phone loggers. Units by the names or else by the values themselves: a specific force must show gravity. What
was found is told as an issue. Names and units: `sensor_names`; what is made of them: `sensor_streams`.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from kinema.core.recording import Recording
from kinema.errors import FormatError
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.column_names import role_of, split_unit
from kinema.formats.opening import open_source
from kinema.formats.sensor_names import Layout, layout_of
from kinema.formats.sensor_table import recording_of
from kinema.formats.tables import line_at, read_numbers, text_at

_DATE = re.compile(rb"\s*\"?\d{4}-\d\d-\d\d[T ]\d\d:\d\d")


def _header(head: bytes) -> tuple[list[str], int]:
    """The columns' names and the byte after their line."""
    line, _, _ = head.partition(b"\n")
    text = line.decode("utf-8", "replace").strip().lstrip("\ufeff#% ")
    delimiter = max(",;\t", key=text.count)
    return [cell.strip() for cell in text.split(delimiter)], len(line) + 1


def _sniff(head: bytes, name: str) -> float:
    if not re.search(rb"[,;\t]", head[:400]):
        return 0.0
    names = _header(head)[0][:256]
    roles = layout_of(names).roles
    # A logger's table with places belongs to the readers of such: here they would be lost.
    if "fixes" not in roles and {"lat", "lon"} <= {role_of(split_unit(one)[0]) for one in names}:
        return 0.0
    # A reference's own motion has gravity taken out: it is no sensor.
    if "imu" in roles and "reference" in name.lower():
        return 0.0
    if not roles or (roles == ("odometry",) and not name.lower().startswith("odo")):
        return 0.55 if roles else 0.0
    return 0.92


def _layout(source: Source, options: ReadOptions, names: list[str]) -> Layout:
    layout = layout_of(names, options.units)
    if not layout.roles:
        have = ", ".join(layout.names)[:120]
        what = "no columns of time" if not layout.time else "no columns of a sensor"
        remedy = f"name them as t_s, ax_mps2 … gz_radps, or wheel_speed_mps; got {have}"
        raise FormatError(source.path, what, "line 1", remedy)
    return layout


def read(source: Source, options: ReadOptions) -> Recording:
    """Read into the streams that the columns tell: "imu", "fixes", "wheels", "steering", "ranges", "odometry".

    A table of forces alone is "accelerometer", of rates alone "gyroscope": read together they make the "imu".
    Raises FormatError.
    """
    names, start = _header(bytes(source.data[:65536]))
    layout = _layout(source, options, names)
    n = len(names)
    if _DATE.match(bytes(source.data[start : start + 64])) and layout.time == (0,):
        source, start = _without_dates(source, start)
        layout = layout_of(["t_ns", *names[1:]], options.units)
    table = read_numbers(source, options, need=n, columns=n, start=start, separators=b",;\t")
    columns = {k: table.values[:, k] for k in range(n)}

    def place(row: int) -> str:
        at = int(table.row_start[row])
        return f"{line_at(source, at)}, '{text_at(source, at, 40)}'"

    found = recording_of(source, options, layout, columns, place)
    return Recording(
        found.streams, found.mounts, (*table.issues, *found.issues), found.sources, settings=found.settings
    )


def sensors_beside_places(path: Path, options: ReadOptions) -> Recording:
    """The sensor streams of a logger's table whose places another reader takes: for who asks for them by name.

    Raises FormatError where it has none.
    """
    return read(open_source(path), options)


def _without_dates(source: Source, start: int) -> tuple[Source, int]:
    """The table with its first column, ISO 8601 dates, as POSIX nanoseconds; a date that is none is left as it is."""
    rows = bytes(source.data[start:]).split(b"\n")
    cut = [re.split(rb"([,;\t])", row, maxsplit=1) for row in rows]
    stamps = np.array([_posix(one[0]) for one in cut])
    lines = [
        (b"%d" % stamp + b"".join(one[1:]) if stamp >= 0 else row)
        for stamp, one, row in zip(stamps.tolist(), cut, rows, strict=True)
    ]
    return Source(source.path, memoryview(bytes(source.data[:start]) + b"\n".join(lines))), start


def _posix(cell: bytes) -> int:
    import datetime as dt

    try:
        when = dt.datetime.fromisoformat(cell.decode("ascii").strip().strip('"'))
    except ValueError:
        return -1
    delta = when.replace(tzinfo=when.tzinfo or dt.UTC) - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000_000 + delta.microseconds * 1000


FORMAT = Format("sensor_csv", "table of sensor samples with named columns", (".csv",), _sniff, read)
