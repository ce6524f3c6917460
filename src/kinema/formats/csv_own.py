"""Kinema's own CSV trajectories: every epoch with its sigmas, units in the column names, its origin in comments."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from kinema.core.arrays import F64, I16, I64, U8
from kinema.core.frames import cov_e_from_n, cov_n_from_e, geodetic_from_ecef, vectors_n_from_e
from kinema.core.solution import Channel, FixStatus, Provenance, Solution
from kinema.errors import FormatError
from kinema.formats.csv_tables import CsvTable
from kinema.formats.trajectory import (
    MOST,
    ecef_from_degrees,
    ecef_from_ned_vectors,
    in_order,
    sound_places,
    utc_texts,
)

TITLE = "# kinema trajectory 1"
SIGMAS = ("sd_n_m", "sd_e_m", "sd_d_m", "cov_ne_m2", "cov_nd_m2", "cov_ed_m2")
VELOCITY = ("v_n_mps", "v_e_mps", "v_d_mps")
VELOCITY_SIGMAS = ("sd_vn_mps", "sd_ve_mps", "sd_vd_mps", "cov_vne_m2ps2", "cov_vnd_m2ps2", "cov_ved_m2ps2")
FIRST = ("t_ns", "utc", "lat_deg", "lon_deg", "h_m", "status", "n_sats")
ATTITUDE = ("q_nb_w", "q_nb_x", "q_nb_y", "q_nb_z")
_DIGITS = 12
_ROWS = 2000


def own(csv: CsvTable) -> Solution:
    """The trajectory of a file that `write` wrote. Raises FormatError."""
    t_ns = _exact_times(csv)
    place = _many(csv, ("lat_deg", "lon_deg", "h_m"))
    if place is None:
        raise FormatError(csv.source.path, "no columns lat_deg, lon_deg, h_m", "", "was its header changed?")
    place[~np.isfinite(place).all(axis=1)] = np.nan
    known = np.isfinite(place[:, 2])
    good = np.ones(len(place), np.bool_)
    good[known], odd = sound_places(csv.source, csv.options, *place[known].T)
    index, disorder = in_order(csv.source, t_ns[good], csv.options)
    csv.issues.extend([*odd, *disorder])
    rows = np.flatnonzero(good)[index]
    lat, lon, h = place[rows].T
    p_e_m = ecef_from_degrees(lat, lon, h)

    def many(names: tuple[str, ...]) -> F64 | None:
        values = _many(csv, names)
        return None if values is None else values[rows]

    by_name = {s.name.lower(): int(s) for s in FixStatus}
    status = np.array([by_name.get(str(name), 0) for name in csv.table.column("status").to_pylist()], np.uint8)[rows]
    v_n = many(VELOCITY)
    arrays: dict[str, Any] = {
        "cov_p_e_m2": _matrix(many(SIGMAS), p_e_m), "cov_v_e": _matrix(many(VELOCITY_SIGMAS), p_e_m),
        "v_e_mps": None if v_n is None else ecef_from_ned_vectors(v_n, lat, lon), "q_nb_wxyz": many(ATTITUDE),
    }  # fmt: skip
    n_sats = np.clip(np.nan_to_num(csv.numbers("n_sats")[rows]), 0, 999).astype(np.int16)
    channels = {}
    for name in csv.table.column_names:
        match = re.fullmatch(r"(\S+) \[(.*)\]", name)
        if match:
            channels[match[1]] = Channel(csv.numbers(name)[rows], match[2])
    return Solution(
        t_ns[rows], p_e_m, status=status, n_sats=n_sats, channels=channels, provenance=_provenance(csv), **arrays
    )


def _many(csv: CsvTable, names: tuple[str, ...]) -> F64 | None:
    """Columns side by side, None where one is missing."""
    if not all(name in csv for name in names):
        return None
    return np.stack([csv.numbers(name) for name in names], axis=1)


def _exact_times(csv: CsvTable) -> Any:
    import pyarrow as pa

    missing = [name for name in ("t_ns", "status", "n_sats") if name not in csv]
    if missing:
        raise FormatError(csv.source.path, f"no column {missing[0]}", "", "was its header changed?")
    column = csv.table.column("t_ns")
    if not pa.types.is_integer(column.type) or column.null_count:
        raise FormatError(csv.source.path, "t_ns holds more than whole numbers", "", "is the file damaged?")
    return np.asarray(column.to_numpy(), np.int64)


def _provenance(csv: CsvTable) -> Provenance:
    """What the comments above the header say."""
    head = bytes(csv.source.data[:8192]).decode("utf-8", "replace")

    def said(key: str, otherwise: str) -> str:
        found = re.search(rf"^# {key}: (.*)$", head, re.MULTILINE)
        return found[1].strip() if found else otherwise

    return Provenance(
        sources=tuple(part for part in said("sources", "").split(", ") if part), program=said("program", ""),
        mode=said("mode", ""), simulated=said("simulated", "no") != "no", datum=said("datum", "WGS84"),
        point=said("point", "antenna"),
    )  # fmt: skip


def _matrix(parts: F64 | None, p_e_m: F64) -> F64 | None:
    if parts is None:
        return None
    n, e, d, ne, nd, ed = np.where(np.abs(parts) < MOST, parts, np.nan).T
    rows = [[n * n, ne, nd], [ne, e * e, ed], [nd, ed, d * d]]
    return cov_e_from_n(np.stack([np.stack(row, axis=-1) for row in rows], axis=-2), p_e_m)


def _sigma_columns(cov_e: F64, p_e_m: F64, names: tuple[str, ...]) -> dict[str, F64]:
    cov_n = cov_n_from_e(cov_e, p_e_m)
    sd = np.sqrt(np.diagonal(cov_n, axis1=1, axis2=2))
    return dict(zip(names, [*sd.T, cov_n[:, 0, 1], cov_n[:, 0, 2], cov_n[:, 1, 2]], strict=True))


def write(solution: Solution, path: Path) -> None:
    """Write all epochs; columns that nothing is known of are left out, single unknown values are empty.

    Places to 15 significant digits, the rest to 12.
    """
    s, made = solution, solution.provenance
    lat, lon, h = geodetic_from_ecef(s.p_e_m)
    v_n = vectors_n_from_e(s.v_e_mps, s.p_e_m)
    optional: dict[str, F64] = {
        **_sigma_columns(s.cov_p_e_m2, s.p_e_m, SIGMAS), **dict(zip(VELOCITY, v_n.T, strict=True)),
        **_sigma_columns(s.cov_v_e, s.p_e_m, VELOCITY_SIGMAS), **dict(zip(ATTITUDE, s.q_nb_wxyz.T, strict=True)),
        **{f"{name} [{channel.unit}]": channel.value for name, channel in s.channels.items()},
    }  # fmt: skip
    known = {name: value for name, value in optional.items() if np.isfinite(value).any()}
    head = [
        TITLE,
        "# frame: latitude, longitude, ellipsoidal height; velocities, sigmas and covariances in north, east, down",
        "# time: t_ns is GPS time in nanoseconds since 1980-01-06T00:00:00; utc is the same instant",
        f"# simulated: {'yes, this is no measurement' if made.simulated else 'no'}",
        *(f"# {key}: {' '.join(str(value).split())}" for key, value in (
            ("datum", made.datum), ("point", made.point), ("program", made.program), ("mode", made.mode),
            ("sources", ", ".join(made.sources)),
        ) if value),
        ",".join([*FIRST, *known]),
    ]  # fmt: skip
    place = np.stack([np.degrees(lat), np.degrees(lon), h], axis=1)
    values = np.stack(list(known.values()), axis=1) if known else np.empty((len(s), 0))
    with Path(path).open("wb") as file:
        file.write(("\n".join(head) + "\n").encode())
        for first in range(0, len(s), _ROWS):
            part = slice(first, first + _ROWS)
            file.write(_rows(s.t_ns[part], place[part], s.status[part], s.n_sats[part], values[part]))


def _rows(t_ns: I64, place: F64, status: U8, n_sats: I16, values: F64) -> memoryview:
    """Lines of text, one for each epoch."""
    from kinema.kernels.number_text import LONGEST, put_rows

    stamps = np.array(utc_texts(t_ns), dtype=np.bytes_)
    words = np.array([one.name.lower() for one in FixStatus], dtype=np.bytes_)
    length = np.char.str_len(words).astype(np.int64)
    stamp, letters = (text.view(np.uint8).reshape(len(text), -1) for text in (stamps, words))
    width = stamp.shape[1] + letters.shape[1] + (6 + values.shape[1]) * LONGEST
    out = np.empty(len(t_ns) * width, dtype=np.uint8)
    end = put_rows(
        np.ascontiguousarray(t_ns), stamp, np.ascontiguousarray(status), letters, length, n_sats.astype(np.int64),
        np.ascontiguousarray(place), np.ascontiguousarray(values), np.full(values.shape[1], _DIGITS), out,
    )  # fmt: skip
    return out[:end].data
