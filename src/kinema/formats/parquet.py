"""Parquet: trajectories with every number of a Solution exactly, and other people's tables of sensor samples.

Unit and frame are in the metadata of each column of a trajectory.
The provenance is in the metadata of the schema. Latitude, longitude and height are there for people and other
programs; reading takes the ECEF columns.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from kinema.core.frames import geodetic_from_ecef
from kinema.core.recording import Recording
from kinema.core.solution import Channel, Provenance, Solution
from kinema.errors import DataError, FormatError
from kinema.formats.base import Format, ReadOptions, Source

SCHEMA_VERSION = 1
MATRICES = (("cov_p_e_m2", "m2", 3, 3), ("cov_v_e", "m2/s2", 3, 3), ("cov_att_n_rad2", "rad2", 3, 3))
VECTORS = (
    ("p_e_m", "m", "ECEF", ("p_e_x_m", "p_e_y_m", "p_e_z_m")),
    ("v_e_mps", "m/s", "ECEF", ("v_e_x_mps", "v_e_y_mps", "v_e_z_mps")),
    ("q_nb_wxyz", "1", "body to NED", ("q_nb_w", "q_nb_x", "q_nb_y", "q_nb_z")),
)
MATRIX_FRAMES = {"cov_p_e_m2": "ECEF", "cov_v_e": "ECEF", "cov_att_n_rad2": "NED"}
CHANNEL = "channel."
MAGIC = b"PAR1"


def to_arrow(solution: Solution) -> Any:
    """A pyarrow Table of a solution; residuals stay behind (see store).

    Vectors are one float64 column for each component, covariances lists of nine (row by row), channels columns
    named "channel.NAME". Each field tells unit and frame; the schema tells version and provenance.
    """
    import pyarrow as pa

    fields: list[Any] = []
    columns: list[Any] = []

    def add(name: str, values: Any, unit: str, frame: str = "", **more: str) -> None:
        metadata = {"unit": unit, "frame": frame, **more}
        fields.append(pa.field(name, values.type, metadata={k: v for k, v in metadata.items() if v}))
        columns.append(values)

    add("t_ns", pa.array(solution.t_ns), "ns", "", scale="GPS", epoch="1980-01-06T00:00:00")
    lat, lon, h = geodetic_from_ecef(solution.p_e_m)
    for name, value, unit in (
        ("lat_deg", np.degrees(lat), "deg"),
        ("lon_deg", np.degrees(lon), "deg"),
        ("h_m", h, "m"),
    ):
        add(name, pa.array(value), unit, f"{solution.provenance.datum}, ellipsoidal", derived="p_e_m")
    add("status", pa.array(solution.status), "FixStatus")
    add("n_sats", pa.array(solution.n_sats), "1")
    for name, unit, frame, parts in VECTORS:
        for k, part in enumerate(parts):
            add(part, pa.array(np.ascontiguousarray(getattr(solution, name)[:, k])), unit, frame)
    for name, unit, rows, cols in MATRICES:
        flat = pa.array(getattr(solution, name).reshape(-1))
        add(name, pa.FixedSizeListArray.from_arrays(flat, rows * cols), unit, MATRIX_FRAMES[name], order="row by row")
    for name, channel in solution.channels.items():
        add(CHANNEL + name, pa.array(channel.value), channel.unit, label=channel.label)
    about = {
        "kinema.schema": "solution", "kinema.version": str(SCHEMA_VERSION),
        "kinema.provenance": json.dumps(_plain(asdict_of(solution.provenance))),
        "kinema.simulated": "yes" if solution.provenance.simulated else "no",
    }  # fmt: skip
    return pa.Table.from_arrays(columns, schema=pa.schema(fields, metadata=about))


def asdict_of(made: Provenance) -> dict[str, Any]:
    """The fields of a Provenance as a dictionary."""
    fields = {name: getattr(made, name) for name in made.__dataclass_fields__}
    return {**fields, "settings": dict(made.settings)}


def _plain(value: Any) -> Any:
    """What JSON can hold, of settings that may be anything."""
    if isinstance(value, dict) or hasattr(value, "items"):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(v) for v in value]
    if hasattr(value, "__dataclass_fields__"):
        return _plain(asdict(value))
    if isinstance(value, np.generic):
        return value.item()
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)


def from_arrow(table: Any) -> Solution:
    """The Solution of a Table that `to_arrow` made. Raises DataError."""
    about = {k.decode(): v.decode() for k, v in (table.schema.metadata or {}).items()}
    if about.get("kinema.schema") != "solution":
        raise DataError("table", "a trajectory written by Kinema", "a table without its metadata")
    if int(about.get("kinema.version", "0")) > SCHEMA_VERSION:
        raise DataError("schema version", f"at most {SCHEMA_VERSION}", about["kinema.version"])
    missing = [name for name in ("t_ns", "p_e_x_m", "p_e_y_m", "p_e_z_m") if name not in table.column_names]
    if missing:
        raise DataError("table", f"a column {missing[0]}", "none")

    def column(name: str) -> Any:
        return table.column(name).combine_chunks().to_numpy(zero_copy_only=False)

    arrays: dict[str, Any] = {}
    for name, _, _, parts in VECTORS:
        if all(part in table.column_names for part in parts):
            arrays[name] = np.stack([column(part) for part in parts], axis=1)
    for name, _, rows, cols in MATRICES:
        if name in table.column_names:
            kept = table.column(name).combine_chunks()
            if not hasattr(kept.type, "value_type"):
                raise DataError(name, f"lists of {rows * cols} numbers", str(kept.type))
            flat = kept.flatten().to_numpy(zero_copy_only=False)
            arrays[name] = flat.reshape(-1, rows, cols)
    channels = {}
    for field in table.schema:
        if field.name.startswith(CHANNEL):
            note = {k.decode(): v.decode() for k, v in (field.metadata or {}).items()}
            value = column(field.name)
            channels[field.name.removeprefix(CHANNEL)] = Channel(value, note.get("unit", "1"), note.get("label", ""))
    for name in ("status", "n_sats"):
        if name in table.column_names:
            arrays[name] = column(name)
    return Solution(column("t_ns"), channels=channels, provenance=_provenance(about), **arrays)


def _provenance(about: dict[str, str]) -> Provenance:
    made = json.loads(about.get("kinema.provenance", "{}"))
    if not isinstance(made, dict):
        raise DataError("provenance", "a JSON object", type(made).__name__)
    known = {k: v for k, v in made.items() if k in Provenance.__dataclass_fields__}
    for name in ("sources", "notes"):
        known[name] = tuple(known.get(name, ()))
    return Provenance(**known)


def to_pandas(solution: Solution) -> Any:
    """A pandas DataFrame of a solution, indexed by UTC time; needs pandas installed."""
    import pandas as pd

    from kinema.core.time import unix_ns_from_gps_ns

    frame = to_arrow(solution).to_pandas()
    return frame.set_index(pd.DatetimeIndex(unix_ns_from_gps_ns(solution.t_ns), tz="UTC", name="utc"))


def _sniff(head: bytes, name: str) -> float:
    return 0.98 if head[:4] == MAGIC else 0.0


def read(source: Source, options: ReadOptions) -> Recording:
    """A trajectory that `write` wrote into the stream "fixes"; any other table into the sensor streams that its columns
    tell (see parquet_tables). Raises FormatError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from kinema.formats.detections_parquet import read_detections
    from kinema.formats.parquet_tables import read_sensors

    try:
        file = pq.ParquetFile(pa.BufferReader(pa.py_buffer(source.data)))
        if (file.schema_arrow.metadata or {}).get(b"kinema.schema") != b"solution":
            found = read_detections(source, options, file)
            return found if found is not None else read_sensors(source, options, file)
        solution = from_arrow(file.read(use_threads=False))
    except (pa.ArrowException, OSError, ValueError, TypeError) as error:
        what = " ".join(str(error).split())[:120]
        raise FormatError(source.path, f"broken Parquet ({what})", "", "is the file whole?") from None
    except DataError as error:
        raise FormatError(source.path, str(error), "", "expected a trajectory that Kinema wrote") from None
    simulated = solution.provenance.simulated
    return Recording({"fixes": solution}, sources=(source.name,), simulated=simulated)


def write(solution: Solution, path: Path) -> None:
    """Write all epochs, those without a position too."""
    import pyarrow.parquet as pq

    pq.write_table(to_arrow(solution), str(path), compression="zstd")


FORMAT = Format("parquet", "Parquet trajectory or sensor table", (".parquet",), _sniff, read, write)
