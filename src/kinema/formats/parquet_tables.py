"""Parquet files that are no trajectory of ours: tables of sensor samples with named columns, whoever wrote them."""

from __future__ import annotations

from typing import Any

from kinema.core.recording import Recording
from kinema.errors import FormatError
from kinema.formats.base import ReadOptions, Source
from kinema.formats.sensor_names import layout_of
from kinema.formats.sensor_table import recording_of, used_columns
from kinema.formats.tables import check_columns

MOST_ROWS = 2_000_000_000
MOST_BYTES = 16 << 30
"""Of the columns that are read, as float64."""


def read_sensors(source: Source, options: ReadOptions, file: Any) -> Recording:
    """The sensor streams of a Parquet file (a pyarrow ParquetFile), of which only the columns that matter are read.

    Lists of three numbers ("accel": [x, y, z]) and structs of x, y, z count as three columns. Times may be
    timestamps. Raises FormatError.
    """
    names, paths = _leaves(file)
    check_columns(source, len(names))
    layout = layout_of(names, options.units)
    if not layout.roles:
        have = ", ".join(layout.names)[:120]
        what = "a Parquet table with no columns of time and of a sensor"
        remedy = f"expected a trajectory that Kinema wrote, or names such as t_s, ax_mps2 … gz_radps; got {have}"
        raise FormatError(source.path, what, "", remedy)
    wanted = sorted({*layout.time, *(k for role in layout.roles for k in used_columns(layout, role))})
    rows = int(file.metadata.num_rows)
    if rows > MOST_ROWS or rows * len(wanted) * 8 > MOST_BYTES:
        raise FormatError(source.path, f"states {rows:,} rows", "", "is the file damaged?")
    table = file.read(columns=sorted({paths[k][0] for k in wanted}), use_threads=False)
    columns = {k: _numbers(source, table, *paths[k]) for k in wanted}
    return recording_of(source, options, layout, columns, lambda row: f"row {row + 1}")


def _leaves(file: Any) -> tuple[list[str], list[tuple[str, str | int]]]:
    """Names of all plain columns and, for each, the column that it is in and its field or place ("" where plain)."""
    import pyarrow as pa

    names: list[str] = []
    paths: list[tuple[str, str | int]] = []
    for field in file.schema_arrow:
        if pa.types.is_struct(field.type):
            for inner in field.type:
                names.append(f"{field.name}_{inner.name}")
                paths.append((field.name, inner.name))
        elif pa.types.is_fixed_size_list(field.type) and field.type.list_size == 3:
            stem, _, unit = field.name.partition(" ")
            names += [f"{stem}_{axis} {unit}" for axis in "xyz"]
            paths += [(field.name, k) for k in range(3)]
        else:
            names.append(field.name)
            paths.append((field.name, ""))
    return names, paths


def _numbers(source: Source, table: Any, name: str, inner: str | int) -> Any:
    """A column as int64 or float64 (n,), NaN where empty; timestamps as nanoseconds since 1970."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column = table.column(name)
    if isinstance(inner, int):
        column = pc.list_element(column, inner)
    elif inner:
        column = pc.struct_field(column, inner)
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("ns", tz=column.type.tz)).cast(pa.int64())
    if pa.types.is_integer(column.type) and not column.null_count:
        return column.cast(pa.int64()).to_numpy()
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        raise FormatError(source.path, f"column '{name}' holds {column.type}, not numbers", "", "leave it out")
    return column.cast(pa.float64(), safe=False).to_numpy()
