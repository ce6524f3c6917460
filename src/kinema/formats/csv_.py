"""Trajectories as CSV: Kinema's own, with units in the column names, and those of others by guessing their columns.

What was guessed is always told as an issue ("columns read as").
"""

from __future__ import annotations

import csv
import itertools
import re
from pathlib import Path
from typing import Any

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.core.frames import cov_e_from_n, cov_n_from_e, geodetic_from_ecef, vectors_n_from_e
from kinema.core.recording import Issue, Recording
from kinema.core.solution import Channel, FixStatus, Provenance, Solution
from kinema.core.time import NS, WEEK_NS, gps_ns_from_unix_ns
from kinema.errors import FormatError
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.tables import bytes_of, check_columns, line_at, lines_of, nanoseconds, row_at
from kinema.formats.trajectory import (
    MOST,
    RELATIVE_CLOCK,
    WEEK_UNKNOWN,
    check_places,
    ecef_from_degrees,
    ecef_from_ned_vectors,
    in_order,
    utc_texts,
)

TITLE = "# kinema trajectory 1"
SIGMAS = ("sd_n_m", "sd_e_m", "sd_d_m", "cov_ne_m2", "cov_nd_m2", "cov_ed_m2")
VELOCITY = ("v_n_mps", "v_e_mps", "v_d_mps")
VELOCITY_SIGMAS = ("sd_vn_mps", "sd_ve_mps", "sd_vd_mps", "cov_vne_m2ps2", "cov_vnd_m2ps2", "cov_ved_m2ps2")
ATTITUDE = ("q_nb_w", "q_nb_x", "q_nb_y", "q_nb_z")

# What other programs call their columns, without blanks, underscores and units.
_GUESSES: dict[str, tuple[str, ...]] = {
    "week": ("week", "gpsweek", "wn", "gpswk"),
    "tow": ("tow", "gpstow", "sow", "gpssow", "itow", "timeofweek", "gpsseconds", "secondsofweek", "gpstime", "gpssec",
            "tows", "gpstows", "towms", "gpstowms", "itowms"),
    "utc": ("utc", "utctime", "time", "timestamp", "datetime", "date", "t", "unixtime", "timeutc", "gpsutc",
            "ts", "times", "timesec", "seconds", "timestamps"),
    "lat": ("lat", "latitude", "latdeg", "gpslat", "gpslatitude", "latitudedeg", "latitudedegrees"),
    "lon": ("lon", "lng", "long", "longitude", "londeg", "gpslon", "gpslong", "gpslongitude", "longitudedeg",
            "longitudedegrees"),
    "h": ("h", "height", "alt", "altitude", "ele", "elevation", "hm", "altm", "heightm", "altitudem", "ellh",
          "ellipsoidalheight", "hell", "hellm", "ellipsoidheight", "altitudemeters", "wgs84alt", "ellipsoidalheightm"),
    "x": ("xecef", "ecefx", "posecefx", "xecefm", "ecefxm", "pexm", "x"),
    "y": ("yecef", "ecefy", "posecefy", "yecefm", "ecefym", "peym", "y"),
    "z": ("zecef", "ecefz", "posecefz", "zecefm", "ecefzm", "pezm", "z"),
    "v_n": ("vn", "vnmps", "veln", "velnorth", "northvelocity", "vnorth", "vnms"),
    "v_e": ("ve", "vemps", "vele", "veleast", "eastvelocity", "veast", "vems"),
    "v_u": ("vu", "vumps", "velu", "velup", "upvelocity", "vup", "vums"),
    "v_d": ("vd", "vdmps", "veld", "veldown", "downvelocity", "vdown"),
}  # fmt: skip


def _plain(name: str) -> str:
    return re.sub(r"\[.*?\]|\(.*?\)|[\s_.\-]", "", name.strip().strip('"')).lower()


def _header(head: bytes) -> tuple[list[str], int, str]:
    """Column names, number of lines above the first row, and the delimiter; no names where there is no header."""
    lines = head.decode("utf-8-sig", "replace").splitlines()
    first = next((k for k, line in enumerate(lines) if line.strip() and line[0] not in "#%"), None)
    if first is None:
        return [], 0, ","
    line, above = lines[first], first + 1
    delimiter = max(",;\t", key=line.count)
    cells = _cells(line, delimiter)
    if first > 0 and cells and _numeric(cells[0]):
        # The names stand in the comment right above the first row.
        line, above = lines[first - 1].lstrip("#% "), first
        cells = _cells(line, delimiter)
    if not line.count(delimiter) or not cells or _numeric(cells[0]):
        return [], 0, ","
    return [cell.strip() for cell in cells], above, delimiter


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _numeric(text: str) -> bool:
    return re.fullmatch(r"\s*[-+]?[\d.]+(e[-+]?\d+)?\s*", text, re.IGNORECASE) is not None


def guess_columns(names: list[str]) -> dict[str, str]:
    """Which column is what: role to name, the first that fits each role."""
    plain: dict[str, str] = {}
    for name in names:
        plain.setdefault(_plain(name), name)
    found = {}
    for role, words in _GUESSES.items():
        match = next((plain[word] for word in words if word in plain), None)
        if match:
            found[role] = match
    return found


def _sniff(head: bytes, name: str) -> float:
    if head.startswith(TITLE.encode()):
        return 0.99
    names, _, _ = _header(head)
    found = guess_columns(names)
    placed = {"lat", "lon"} <= set(found) or {"x", "y", "z"} <= set(found)
    return 0.8 if placed and {"tow", "utc"} & set(found) else 0.0


def _table(
    source: Source, options: ReadOptions, skip: int, delimiter: str, names: list[str]
) -> tuple[Any, list[Issue]]:
    import pyarrow as pa
    from pyarrow import csv as pa_csv

    check_columns(source, len(names))
    bad: list[Any] = []

    def on_bad(row: Any) -> str:
        bad.append(row)
        return "skip" if options.on_bad == "skip" else "error"

    try:
        table = pa_csv.read_csv(
            pa.BufferReader(pa.py_buffer(source.data)),
            read_options=pa_csv.ReadOptions(
                skip_rows=skip, column_names=_unique(names), use_threads=False, encoding=_encoding(source)
            ),
            parse_options=pa_csv.ParseOptions(delimiter=delimiter, invalid_row_handler=on_bad),
            convert_options=pa_csv.ConvertOptions(null_values=["", "nan", "NaN", "NA", "null", "-"]),
        )
    except (pa.ArrowException, OSError, ValueError) as error:
        where = _place_of(source, skip, bad)
        what = f"{bad[0].actual_columns} columns instead of {bad[0].expected_columns}" if bad else str(error)
        remedy = "read with --on-bad skip to leave it out"
        raise FormatError(source.path, f"garbled line ({' '.join(what.split())[:100]})", where, remedy) from None
    issues = [Issue("garbled line", len(bad), _place_of(source, skip, bad), source.name)] if bad else []
    if table.num_rows == 0:
        raise FormatError(source.path, "no row below its header", "", "is the file whole?")
    return table, issues


def _place_of(source: Source, skip: int, bad: list[Any]) -> str:
    """The line of the first row that was cut wrongly; its number counts the `skip` lines above but no blank ones."""
    if not bad or not bad[0].number:
        return ""
    above = [after for _, after in itertools.islice(lines_of(source, most=len(source.data)), skip)]
    return line_at(source, row_at(source, above[-1] if above else 0, bad[0].number - skip))


def _encoding(source: Source) -> str:
    if (bytes_of(source) < 128).all():
        return "utf8"
    try:
        bytes(source.data).decode("utf-8")
    except UnicodeDecodeError:
        return "latin1"
    return "utf8"


def _unique(names: list[str]) -> list[str]:
    seen: dict[str, int] = {}
    unique = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        unique.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return unique


def _numbers(source: Source, table: Any, name: str) -> F64:
    """A column as float64 (n,), NaN where empty. Raises FormatError where it holds other text."""
    import pyarrow as pa

    column = table.column(name)
    try:
        value = np.asarray(column.cast(pa.float64()).to_numpy(), np.float64)
        return np.where(np.isfinite(value), value, np.nan)
    except pa.ArrowException:
        what = f"column '{name}' holds more than numbers"
        raise FormatError(source.path, what, "", "is the decimal sign a point, the delimiter right?") from None


def read(source: Source, options: ReadOptions) -> Recording:
    """Read into the stream "fixes".

    Times: t_ns; GPS week and time of week (milliseconds where the name or size says so); UTC as ISO 8601 or POSIX
    seconds, ms, µs or ns; time of week alone is WEEK_UNKNOWN, seconds since some start RELATIVE_CLOCK.
    Places: latitude, longitude (degrees) and ellipsoidal height, or ECEF. Raises FormatError.
    """
    names, skip, delimiter = _header(bytes(source.data[: 1 << 16]))
    ours = bytes(source.data[: len(TITLE)]) == TITLE.encode()
    columns = guess_columns(names)
    if not names:
        raise FormatError(source.path, "no header line", "line 1", "name its columns: utc,lat,lon,h")
    table, issues = _table(source, options, skip, delimiter, names)
    if ours:
        t_ns = _exact_times(source, table)
    else:
        t_ns, doubt = _times(source, table, columns)
        issues += doubt
        told = ", ".join(f"{role} = '{name}'" for role, name in columns.items())
        left = [name for name in names if name not in columns.values()]
        rest = f"; left out: {', '.join(left[:8])}" if left else ""
        issues.append(Issue("columns read as", 1, "line 1", source.name, told + rest))
    index, odd = in_order(source, t_ns, options)
    fill = _ours if ours else _guessed
    solution = fill(source, table, columns, t_ns, index)
    simulated = solution.provenance.simulated
    return Recording({"fixes": solution}, issues=(*issues, *odd), sources=(source.name,), simulated=simulated)


def _exact_times(source: Source, table: Any) -> I64:
    import pyarrow as pa

    missing = [name for name in ("t_ns", "status", "n_sats") if name not in table.column_names]
    if missing:
        raise FormatError(source.path, f"no column {missing[0]}", "", "was its header changed?")
    column = table.column("t_ns")
    if not pa.types.is_integer(column.type) or column.null_count:
        raise FormatError(source.path, "t_ns holds more than whole numbers", "", "is the file damaged?")
    return np.asarray(column.to_numpy(), np.int64)


def _times(source: Source, table: Any, columns: dict[str, str]) -> tuple[I64, list[Issue]]:
    if "tow" in columns:
        tow = _numbers(source, table, columns["tow"])
        in_ms = "ms" in columns["tow"].lower() or bool((tow > 700_000).any())
        week = _numbers(source, table, columns["week"]) if "week" in columns else np.zeros(len(tow))
        _whole(source, tow + week, columns["tow"])
        t_ns = nanoseconds(source, week, WEEK_NS) + nanoseconds(source, tow, 1_000_000 if in_ms else NS)
        detail = "seconds of week; taken as the week of what is compared with it"
        return t_ns, [] if "week" in columns else [Issue(WEEK_UNKNOWN, 1, "", source.name, detail)]
    if "utc" not in columns:
        raise FormatError(source.path, "no column of times", "line 1", "name one utc, or gps_week and gps_tow_s")
    return _clock(source, table, columns["utc"])


# POSIX times in s, ms, µs and ns since 1970, told apart by their size: above this, nanoseconds of one unit.
_POSIX = ((10**17, 1), (10**14, 1000), (10**11, 10**6), (3 * 10**8, NS))


def _clock(source: Source, table: Any, name: str) -> tuple[I64, list[Issue]]:
    import pyarrow as pa

    column = table.column(name)
    if pa.types.is_timestamp(column.type):
        stamps = column.cast(pa.timestamp("ns", tz=column.type.tz)).cast(pa.int64())
        _whole(source, np.asarray(stamps.to_numpy(), np.float64), name)
        return np.asarray(gps_ns_from_unix_ns(np.asarray(stamps.to_numpy(), np.int64))), []
    if pa.types.is_string(column.type):
        what = f"column '{name}' is no time"
        raise FormatError(source.path, what, "line 2", "expected ISO 8601 (2024-06-24T08:20:00Z)")
    exact = pa.types.is_integer(column.type) and column.null_count == 0
    value = np.asarray(column.to_numpy(), np.int64) if exact else _numbers(source, table, name)
    _whole(source, value.astype(np.float64), name)
    unit = next((unit for above, unit in _POSIX if np.median(value) > above), None)
    nanoseconds(source, value.astype(np.float64), unit or NS)
    whole = np.floor(value)
    t_ns = whole.astype(np.int64) * (unit or NS) + np.round((value - whole) * (unit or NS)).astype(np.int64)
    if unit:
        return np.asarray(gps_ns_from_unix_ns(t_ns)), []
    return t_ns, [
        Issue(RELATIVE_CLOCK, 1, "", source.name, f"'{name}' counts from its own start; put at the GPS epoch")
    ]


def _whole(source: Source, value: F64, name: str) -> None:
    if not np.isfinite(value).all():
        row = int(np.argmin(np.isfinite(value))) + 1
        raise FormatError(source.path, f"row {row} has no time in column '{name}'", "", "leave such rows out")


def _guessed(source: Source, table: Any, columns: dict[str, str], t_ns: I64, index: I64) -> Solution:
    def column(role: str) -> F64:
        if role not in columns:
            return np.full(len(index), np.nan)
        return _numbers(source, table, columns[role])[index]

    if {"lat", "lon"} <= set(columns):
        lat, lon = column("lat"), column("lon")
        known = np.isfinite(lat) & np.isfinite(lon)
        h = np.nan_to_num(column("h"))
        check_places(source, lat[known], lon[known], h[known])
        p_e_m = ecef_from_degrees(*(np.where(known, part, np.nan) for part in (lat, lon, h)))
    else:
        p_e_m = np.stack([column(axis) for axis in "xyz"], axis=1)
        if (np.abs(p_e_m) > MOST).any():
            row = int(np.argmax((np.abs(p_e_m) > MOST).any(axis=1))) + 1
            raise FormatError(source.path, "a position that cannot be", f"row {row}", "are its columns ECEF metres?")
        lat, lon = (np.degrees(angle) for angle in geodetic_from_ecef(p_e_m)[:2])
    down = column("v_d") if "v_d" in columns else -column("v_u")
    v_n = np.stack([column("v_n"), column("v_e"), down], axis=1)
    return Solution(
        t_ns[index], p_e_m, v_e_mps=ecef_from_ned_vectors(v_n, lat, lon), provenance=Provenance(sources=(source.name,))
    )


def _ours(source: Source, table: Any, _columns: dict[str, str], t_ns: I64, index: I64) -> Solution:
    def many(names: tuple[str, ...]) -> F64 | None:
        if not set(names) <= set(table.column_names):
            return None
        return np.stack([_numbers(source, table, name)[index] for name in names], axis=1)

    head = bytes(source.data[:8192]).decode("utf-8", "replace")

    def said(key: str, otherwise: str) -> str:
        found = re.search(rf"^# {key}: (.*)$", head, re.MULTILINE)
        return found[1].strip() if found else otherwise

    place = many(("lat_deg", "lon_deg", "h_m"))
    if place is None:
        raise FormatError(source.path, "no columns lat_deg, lon_deg, h_m", "", "was its header changed?")
    place[~np.isfinite(place).all(axis=1)] = np.nan
    lat, lon, h = place.T
    check_places(source, *place[np.isfinite(h)].T)
    p_e_m = ecef_from_degrees(lat, lon, h)
    by_name = {s.name.lower(): int(s) for s in FixStatus}
    status = np.array([by_name.get(str(name), 0) for name in table.column("status").to_pylist()], np.uint8)[index]
    v_n = many(VELOCITY)
    arrays: dict[str, Any] = {
        "cov_p_e_m2": _matrix(many(SIGMAS), p_e_m), "cov_v_e": _matrix(many(VELOCITY_SIGMAS), p_e_m),
        "v_e_mps": None if v_n is None else ecef_from_ned_vectors(v_n, lat, lon), "q_nb_wxyz": many(ATTITUDE),
    }  # fmt: skip
    channels = {}
    for name in table.column_names:
        match = re.fullmatch(r"(\S+) \[(.*)\]", name)
        if match:
            channels[match[1]] = Channel(_numbers(source, table, name)[index], match[2])
    made = Provenance(
        sources=tuple(part for part in said("sources", "").split(", ") if part), program=said("program", ""),
        mode=said("mode", ""), simulated=said("simulated", "no") != "no", datum=said("datum", "WGS84"),
        point=said("point", "antenna"),
    )  # fmt: skip
    n_sats = np.clip(np.nan_to_num(_numbers(source, table, "n_sats")[index]), 0, 999).astype(np.int16)
    return Solution(t_ns[index], p_e_m, status=status, n_sats=n_sats, channels=channels, provenance=made, **arrays)


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
    """Write all epochs; columns that nothing is known of are left out, single unknown values are empty."""
    import pyarrow as pa
    from pyarrow import csv as pa_csv

    s, made = solution, solution.provenance
    lat, lon, h = geodetic_from_ecef(s.p_e_m)
    v_n = vectors_n_from_e(s.v_e_mps, s.p_e_m)
    optional: dict[str, F64] = {
        **_sigma_columns(s.cov_p_e_m2, s.p_e_m, SIGMAS), **dict(zip(VELOCITY, v_n.T, strict=True)),
        **_sigma_columns(s.cov_v_e, s.p_e_m, VELOCITY_SIGMAS), **dict(zip(ATTITUDE, s.q_nb_wxyz.T, strict=True)),
        **{f"{name} [{channel.unit}]": channel.value for name, channel in s.channels.items()},
    }  # fmt: skip
    columns: dict[str, Any] = {
        "t_ns": s.t_ns, "utc": utc_texts(s.t_ns), "lat_deg": np.degrees(lat), "lon_deg": np.degrees(lon), "h_m": h,
        "status": [FixStatus(k).name.lower() for k in s.status.tolist()], "n_sats": s.n_sats,
        **{name: value for name, value in optional.items() if np.isfinite(value).any()},
    }  # fmt: skip
    head = [
        TITLE,
        "# frame: latitude, longitude, ellipsoidal height; velocities, sigmas and covariances in north, east, down",
        "# time: t_ns is GPS time in nanoseconds since 1980-01-06T00:00:00; utc is the same instant",
        f"# simulated: {'yes, this is no measurement' if made.simulated else 'no'}",
        *(f"# {key}: {' '.join(str(value).split())}" for key, value in (
            ("datum", made.datum), ("point", made.point), ("program", made.program), ("mode", made.mode),
            ("sources", ", ".join(made.sources)),
        ) if value),
    ]  # fmt: skip
    arrays = {name: pa.array(value, from_pandas=True) for name, value in columns.items()}
    with Path(path).open("wb") as file:
        file.write(("\n".join([*head, ",".join(columns)]) + "\n").encode())
        options = pa_csv.WriteOptions(include_header=False, quoting_style="none")
        pa_csv.write_csv(pa.table(arrays), file, options)


FORMAT = Format("csv", "CSV trajectory", (".csv",), _sniff, read, write)
