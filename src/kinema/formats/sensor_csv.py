"""Tables of sensor samples with named columns: inertial samples, fixes, wheels, steering, ranges, odometry.

"t_s,gx_radps,…", "gps_week,gps_tow_s,acc_x_g,…", EuRoC's "#timestamp [ns],w_RS_S_x [rad s^-1],…", exports of ROS
topics, phone loggers. Units by the names or else by the values themselves: a specific force must show gravity. What
was found is told as an issue. Names and units: `sensor_names`; what is made of them: `sensor_streams`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from kinema.core.recording import Recording
from kinema.errors import FormatError
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.column_names import role_of, split_unit
from kinema.formats.dialect import Dialect, dialect_of, read_cells_of
from kinema.formats.opening import open_source
from kinema.formats.sensor_names import Layout, layout_of
from kinema.formats.sensor_table import recording_of, used_columns
from kinema.formats.tables import line_at, text_at

_HEAD_BYTES = 65536
_FIRST_NAMES = 256


def _sniff(head: bytes, name: str) -> float:
    if not re.search(rb"[,;\t]|\S +\S", head[:400]):
        return 0.0
    dialect = dialect_of(head)
    if dialect is None:
        return 0.0
    names = dialect.names[:_FIRST_NAMES]
    roles = _layout(replace(dialect, names=names)).roles
    # A logger's table with places belongs to the readers of such: here they would be lost.
    if "fixes" not in roles and {"lat", "lon"} <= {role_of(split_unit(one)[0]) for one in names}:
        return 0.0
    # A reference's own motion has gravity taken out: it is no sensor.
    if "imu" in roles and "reference" in name.lower():
        return 0.0
    if not roles or (roles == ("odometry",) and not name.lower().startswith("odo")):
        return 0.55 if roles else 0.0
    first = head.lstrip(b"\xef\xbb\xbf#% ").startswith(dialect.header.strip().lstrip(b"#% "))
    return 0.92 if first else 0.75


@lru_cache(maxsize=16)
def _layout(dialect: Dialect, units: tuple[tuple[str, str], ...] = ()) -> Layout:
    """The layout by names, and by dates where the first row has such."""
    names = list(dialect.names)
    stamp = dialect.stamp if dialect.stamp >= 0 else dialect.clock
    if 0 <= stamp < len(names):
        names[stamp] = "t_ns"
    layout = layout_of(names, dict(units))
    return replace(layout, time=(stamp,), time_unit_ns=1) if 0 <= stamp < len(names) else layout


def _wanted(source: Source, layout: Layout) -> list[int]:
    """The columns to be read. Raises FormatError where there are no such."""
    if not layout.roles:
        have = ", ".join(layout.names)[:120]
        what = "no columns of time" if not layout.time else "no columns of a sensor"
        remedy = f"name them as t_s, ax_mps2 … gz_radps, or wheel_speed_mps; got {have}"
        raise FormatError(source.path, what, "line 1", remedy)
    return sorted({*layout.time, *(k for role in layout.roles for k in used_columns(layout, role))})


def read(source: Source, options: ReadOptions) -> Recording:
    """Read into the streams that the columns tell: "imu", "fixes", "wheels", "steering", "ranges", "odometry".

    A table of forces alone is "accelerometer", of rates alone "gyroscope": read together they make the "imu". Rows may
    be sparse: one in which all columns of a stream are empty is none of that stream. Raises FormatError.
    """
    dialect = dialect_of(bytes(source.data[:_HEAD_BYTES]))
    if dialect is None:
        remedy = "write them above the first row: t_s,ax_mps2,ay_mps2,az_mps2,gx_radps,gy_radps,gz_radps"
        raise FormatError(source.path, "no line with the names of its columns", "line 1", remedy)
    dialect = replace(dialect, names=tuple(options.columns.get(name, name) for name in dialect.names))
    layout = _layout(dialect, tuple(sorted(options.units.items())))
    wanted = _wanted(source, layout)
    stamps = max(dialect.stamp, dialect.clock) >= 0
    plain = [k for k in wanted if not (stamps and k in layout.time)]
    table = read_cells_of(source, options, dialect, plain)
    columns: dict[int, Any] = {k: table.values[:, at] for at, k in enumerate(plain)}
    if stamps:
        columns[layout.time[0]] = table.stamp_ns

    def place(row: int) -> str:
        at = int(table.row_start[row])
        return f"{line_at(source, at)}, '{text_at(source, at, 40)}'"

    found = recording_of(source, options, layout, columns, place)
    return replace(found, issues=(*table.issues, *found.issues))


def sensors_beside_places(path: Path, options: ReadOptions) -> Recording:
    """The sensor streams of a logger's table whose places another reader takes: for who asks for them by name.

    Raises FormatError where it has none.
    """
    return read(open_source(path), options)


FORMAT = Format("sensor_csv", "table of sensor samples with named columns", (".csv",), _sniff, read)
