"""An archive of solutions: a folder of Parquet files by mover and day, which any Parquet reader can query as one.

ARCHIVE/mover=bus-7/day=2026-05-04/20260504T081500Z.parquet
ARCHIVE/mover=bus-7/day=2026-05-04/20260504T081500Z.residuals.parquet.bin      (if the solution has residuals)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kinema.core.solution import Residuals, Solution
from kinema.core.time import iso_utc
from kinema.errors import ConfigError, DataError, FormatError
from kinema.formats.parquet import from_arrow, to_arrow, to_pandas

__all__ = ["Entry", "from_arrow", "listing", "load", "save", "to_arrow", "to_pandas"]

RESIDUALS = ".residuals.parquet.bin"
"""Ending of the residuals: not ".parquet", so that a query over the archive sees trajectories only."""
_COLUMNS = (
    "epoch", "sat", "kind", "signal", "residual", "sigma", "reason", "azimuth_rad", "elevation_rad", "cn0_dbhz",
)  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """One stored solution: mover, UTC day, file, number of epochs, first and last GPS time, whether simulated."""

    mover: str
    day: str
    path: Path
    n_epochs: int
    first_ns: int
    last_ns: int
    simulated: bool


def save(solution: Solution, folder: str | Path, mover: str = "mover") -> Path:
    """Store a solution under its mover and the UTC day of its first epoch; returns its file.

    A solution that begins at the same second is replaced. Raises ConfigError, DataError.
    """
    import pyarrow.parquet as pq

    if not re.fullmatch(r"[\w.-]+", mover) or mover.startswith("."):
        raise ConfigError(f"mover '{mover}': use letters, digits, '-', '_' and '.'")
    if not len(solution):
        raise DataError("solution", "at least one epoch", "none")
    start = iso_utc(int(solution.t_ns[0]), 0)
    path = Path(folder) / f"mover={mover}" / f"day={start[:10]}" / (re.sub("[-:]", "", start) + ".parquet")
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(to_arrow(solution), str(path), compression="zstd")
    beside = _residuals_of(path)
    beside.unlink(missing_ok=True)
    if solution.residuals is not None:
        pq.write_table(_residual_table(solution.residuals), str(beside), compression="zstd")
    return path


def load(path: str | Path) -> Solution:
    """A stored solution, with its residuals where they were stored. Raises FormatError, FileNotFoundError."""
    from dataclasses import replace

    import pyarrow as pa
    import pyarrow.parquet as pq

    path = Path(path)
    try:
        solution = from_arrow(pq.ParquetFile(str(path)).read())
        beside = _residuals_of(path)
        if beside.exists():
            solution = replace(solution, residuals=_residuals(pq.ParquetFile(str(beside)).read()))
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError, DataError, ValueError) as error:
        what = " ".join(str(error).split())[:120]
        raise FormatError(path, f"broken archive file ({what})", "", "store the solution again") from None
    return solution


def listing(folder: str | Path) -> list[Entry]:
    """What an archive holds, by mover and time; reads the files' ends only. Raises ConfigError, FormatError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = Path(folder)
    if not folder.is_dir():
        raise ConfigError(f"{folder}: there is no such archive")
    entries = []
    for path in sorted(folder.glob("mover=*/day=*/*.parquet")):
        try:
            about = pq.read_metadata(str(path))
            times = [about.row_group(k).column(0).statistics for k in range(about.num_row_groups)]
            first, last = min(t.min for t in times), max(t.max for t in times)
            simulated = (about.metadata or {}).get(b"kinema.simulated") == b"yes"
        except (pa.ArrowException, OSError, ValueError, AttributeError) as error:
            what = " ".join(str(error).split())[:120]
            raise FormatError(path, f"broken archive file ({what})", "", "remove it or store it again") from None
        mover, day = (part.partition("=")[2] for part in path.parts[-3:-1])
        entries.append(Entry(mover, day, path, about.num_rows, int(first), int(last), simulated))
    return entries


def _residuals_of(path: Path) -> Path:
    return path.with_name(path.stem + RESIDUALS)


def _residual_table(residuals: Residuals) -> Any:
    import json

    import pyarrow as pa

    names = json.dumps({"kinds": residuals.kinds, "signals": residuals.signals})
    table = pa.table({name: pa.array(getattr(residuals, name)) for name in _COLUMNS})
    return table.replace_schema_metadata({"kinema.schema": "residuals", "kinema.names": names})


def _residuals(table: Any) -> Residuals:
    import json

    names = json.loads((table.schema.metadata or {})[b"kinema.names"])
    columns = {name: np.asarray(table.column(name).combine_chunks().to_numpy()) for name in _COLUMNS}
    return Residuals(**columns, kinds=tuple(names["kinds"]), signals=tuple(names["signals"]))
