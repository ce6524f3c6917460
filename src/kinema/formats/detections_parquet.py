"""Parquet tables of detections, of points and movers on the ground, and of tag reads: ours and anyone's."""

from __future__ import annotations

from typing import Any

from kinema.core.recording import Recording
from kinema.errors import FormatError
from kinema.formats import detection_ground, detection_tables
from kinema.formats.base import ReadOptions, Source
from kinema.formats.detection_columns import is_table_of
from kinema.formats.detections_csv import table_of
from kinema.formats.tables import check_columns

MOST_ROWS = 200_000_000


def read_detections(source: Source, options: ReadOptions, file: Any) -> Recording | None:
    """The streams of a Parquet file (a pyarrow ParquetFile) whose columns are those of detections; None for others.

    Raises FormatError.
    """
    names = [str(field.name) for field in file.schema_arrow]
    kind = is_table_of(names)
    if not kind:
        return None
    check_columns(source, len(names))
    if file.metadata.num_rows > MOST_ROWS:
        raise FormatError(source.path, f"states {file.metadata.num_rows:,} rows", "", "is the file damaged?")
    table = file.read(use_threads=False)
    texts = [_text(table.column(k)) for k in range(len(names))]
    about = {
        key.decode().removeprefix("kinema."): value.decode() for key, value in (table.schema.metadata or {}).items()
        if key.startswith(b"kinema.")
    }  # fmt: skip
    if kind == "ground":
        return detection_ground.ground(source, options, table_of(source, names, texts, 0), about)
    rows = table_of(source, names, texts, 0)
    return (detection_tables.boxes if kind == "boxes" else detection_ground.reads)(source, options, rows)


def _text(column: Any) -> Any:
    """A column as texts, "" where empty; of lists and structs none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_timestamp(kind):
        column = column.cast(pa.timestamp("ns", tz=kind.tz)).cast(pa.int64())
    elif pa.types.is_boolean(kind):
        column = column.cast(pa.int8())
    elif pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return pa.chunked_array([pa.array([""] * len(column))])
    return pc.fill_null(column.cast(pa.string()), "")
