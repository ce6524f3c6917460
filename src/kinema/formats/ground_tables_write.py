"""Points and movers on the ground and reads of tags as tables that Kinema and any program reads: CSV or Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from kinema.core.tracks import GroundDetections, GroundTracks, TagReads
from kinema.errors import ConfigError
from kinema.formats.detection_ground import plane_text
from kinema.formats.detections_csv import TITLES


def write_detections(detections: GroundDetections, path: str | Path) -> None:
    """Write points on the ground with sensor and tag. Raises ConfigError for endings other than .csv and .parquet."""
    columns: dict[str, Any] = {"t_ns": detections.t_ns}
    if len(detections.sensors) > 1 or detections.sensors[0].name:
        columns["camera"] = [detections.sensors[int(k)].name for k in detections.sensor]
    columns |= _places(detections.p_ne_m, detections.cov_ne_m2 + detections.common_ne_m2)
    if (detections.tag >= 0).any():
        columns["tag"] = _names(detections.tag, detections.tag_names)
    _write(columns, Path(path), 0, detections.plane, detections.simulated)


def write_tracks(tracks: GroundTracks, path: str | Path) -> None:
    """Write movers with places, velocities, their uncertainty and names. Raises ConfigError as above."""
    told = tracks.names()
    columns: dict[str, Any] = {
        "t_ns": tracks.t_ns, "track": tracks.track, "name": [told[int(k)] for k in tracks.track],
        "tag": _names(tracks.tag, tracks.tag_names), "seen": tracks.seen.astype(np.int64),
        **_places(tracks.p_ne_m, tracks.cov_ne_m2), "v_n_mps": tracks.v_ne_mps[:, 0], "v_e_mps": tracks.v_ne_mps[:, 1],
        "sd_vn_mps": np.sqrt(tracks.cov_v_ne[:, 0, 0]), "sd_ve_mps": np.sqrt(tracks.cov_v_ne[:, 1, 1]),
        "cov_vne_m2ps2": tracks.cov_v_ne[:, 0, 1],
    }  # fmt: skip
    _write(columns, Path(path), 1, tracks.plane, tracks.simulated)


def write_reads(reads: TagReads, path: str | Path) -> None:
    """Write reads of tags. Raises ConfigError as above."""
    columns = {
        "t_ns": reads.t_ns, "tag": _names(reads.tag, reads.tag_names),
        "place": [reads.places[int(k)] for k in reads.place], "sigma_s": reads.sigma_s,
    }  # fmt: skip
    _write(columns, Path(path), 2, None, False)


def _places(p_ne_m: Any, cov: Any) -> dict[str, Any]:
    return {
        "north_m": p_ne_m[:, 0], "east_m": p_ne_m[:, 1], "sd_n_m": np.sqrt(cov[:, 0, 0]),
        "sd_e_m": np.sqrt(cov[:, 1, 1]), "cov_ne_m2": cov[:, 0, 1],
    }  # fmt: skip


def _names(tag: Any, names: Any) -> list[str]:
    return [names.get(int(k), str(k)) if k >= 0 else "" for k in tag]


def _write(columns: dict[str, Any], path: Path, title: int, plane: Any, simulated: bool) -> None:
    import pyarrow as pa

    about = [TITLES[title]]
    if plane is not None:
        about += [f"# plane: {plane_text(plane)}", f"# simulated: {'yes' if simulated else 'no'}"]
    table = pa.table({name: _rounded(name, values) for name, values in columns.items()})
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        kept = {f"kinema.{k}": v for k, _, v in (line[2:].partition(": ") for line in about[1:])}
        pq.write_table(table.replace_schema_metadata({"kinema.schema": TITLES[title][2:], **kept}), str(path))
    elif path.suffix == ".csv":
        from pyarrow import csv as pa_csv

        with path.open("wb") as file:
            file.write(("\n".join([*about, ",".join(columns)]) + "\n").encode())
            options = pa_csv.WriteOptions(include_header=False, quoting_style="needed")
            pa_csv.write_csv(table, file, options)
    else:
        raise ConfigError(f"{path}: points and movers on the ground are written as .csv or .parquet")


def _rounded(name: str, values: Any) -> Any:
    """Places to tenths of a millimetre, all else to six digits behind the point."""
    if not isinstance(values, np.ndarray) or values.dtype != np.float64:
        return values
    return np.round(values, 4 if name in ("north_m", "east_m") else 6)
