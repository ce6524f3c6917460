"""Trajectories in other people's CSV: which column is what, by its name, and what clock its times are on."""

from __future__ import annotations

import re

import numpy as np

from kinema.core.arrays import F64, I64, Bool
from kinema.core.frames import geodetic_from_ecef
from kinema.core.recording import Issue
from kinema.core.solution import Provenance, Solution
from kinema.core.time import NS, WEEK_NS, gps_ns_from_unix_ns
from kinema.errors import FormatError
from kinema.formats.csv_tables import CsvTable
from kinema.formats.tables import nanoseconds
from kinema.formats.trajectory import (
    MOST,
    RELATIVE_CLOCK,
    WEEK_UNKNOWN,
    ecef_from_degrees,
    ecef_from_ned_vectors,
    in_order,
    sound_places,
    sound_rows_of,
)

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


def guessed(csv: CsvTable, columns: dict[str, str]) -> Solution:
    """The trajectory of the rows whose time and place can be. Raises FormatError."""
    t_ns, rows = _times(csv, columns)
    place, good = _places(csv, columns, rows)
    rows, t_ns = rows[good], t_ns[good]
    index, odd = in_order(csv.source, t_ns, csv.options)
    csv.issues.extend(odd)
    rows, p_e_m = rows[index], place[good][index]
    lat, lon, _ = geodetic_from_ecef(p_e_m)

    def column(role: str) -> F64:
        return csv.numbers(columns[role])[rows] if role in columns else np.full(len(rows), np.nan)

    down = column("v_d") if "v_d" in columns else -column("v_u")
    v_n = np.stack([column("v_n"), column("v_e"), down], axis=1)
    v_e = ecef_from_ned_vectors(v_n, np.degrees(lat), np.degrees(lon))
    return Solution(t_ns[index], p_e_m, v_e_mps=v_e, provenance=Provenance(sources=(csv.source.name,)))


def _places(csv: CsvTable, columns: dict[str, str], rows: I64) -> tuple[F64, I64]:
    """ECEF positions (n, 3) of the rows, NaN where they state none, and which of them can be."""
    if {"lat", "lon"} <= set(columns):
        lat, lon = csv.numbers(columns["lat"])[rows], csv.numbers(columns["lon"])[rows]
        h = np.nan_to_num(csv.numbers(columns["h"])[rows]) if "h" in columns else np.zeros(len(rows))
        known = np.isfinite(lat) & np.isfinite(lon)
        good = np.ones(len(rows), np.bool_)
        good[known], odd = sound_places(csv.source, csv.options, lat[known], lon[known], h[known])
        csv.issues.extend(odd)
        usable = known & good
        return ecef_from_degrees(*(np.where(usable, part, np.nan) for part in (lat, lon, h))), np.flatnonzero(good)
    p_e_m = np.stack([csv.numbers(columns[axis])[rows] for axis in "xyz"], axis=1)
    possible: Bool = np.asarray(~(np.abs(p_e_m) > MOST).any(axis=1))
    odd = sound_rows_of(csv.source, csv.options, possible, "a position that cannot be", "are its columns ECEF metres?")
    csv.issues.extend(odd)
    return p_e_m, np.flatnonzero(possible)


def _times(csv: CsvTable, columns: dict[str, str]) -> tuple[I64, I64]:
    """GPS times, and the rows that they are of; rows without a time are told, or counted and left out."""
    source = csv.source
    if "tow" in columns:
        tow = csv.numbers(columns["tow"])
        in_ms = "ms" in columns["tow"].lower() or bool((tow > 700_000).any())
        week = csv.numbers(columns["week"]) if "week" in columns else np.zeros(len(tow))
        rows = _timed(csv, tow + week, columns["tow"])
        unit = 1_000_000 if in_ms else NS
        t_ns = nanoseconds(source, week[rows], WEEK_NS) + nanoseconds(source, tow[rows], unit)
        if "week" not in columns:
            detail = "seconds of week; taken as the week of what is compared with it"
            csv.issues.append(Issue(WEEK_UNKNOWN, 1, "", source.name, detail))
        return t_ns, rows
    if "utc" not in columns:
        raise FormatError(source.path, "no column of times", "line 1", "name one utc, or gps_week and gps_tow_s")
    return _clock(csv, columns["utc"])


# POSIX times in s, ms, µs and ns since 1970, told apart by their size: above this, nanoseconds of one unit.
_POSIX = ((10**17, 1), (10**14, 1000), (10**11, 10**6), (3 * 10**8, NS))


def _clock(csv: CsvTable, name: str) -> tuple[I64, I64]:
    import pyarrow as pa

    source, column = csv.source, csv.table.column(name)
    if pa.types.is_string(column.type):
        column = _stamps_of(csv, column, name)
    if pa.types.is_timestamp(column.type):
        stamps = column.cast(pa.timestamp("ns", tz=column.type.tz)).cast(pa.int64())
        there = np.asarray(
            stamps.to_numpy(zero_copy_only=False) if stamps.null_count else stamps.to_numpy(), np.float64
        )
        rows = _timed(csv, there, name)
        exact = np.asarray(stamps.fill_null(0).to_numpy(), np.int64)
        return np.asarray(gps_ns_from_unix_ns(exact[rows])), rows
    whole = pa.types.is_integer(column.type) and column.null_count == 0
    value = np.asarray(column.to_numpy(), np.int64) if whole else csv.numbers(name)
    rows = _timed(csv, value.astype(np.float64), name)
    value = value[rows]
    unit = next((unit for above, unit in _POSIX if np.median(value) > above), None)
    nanoseconds(source, value.astype(np.float64), unit or NS)
    floor = np.floor(value)
    t_ns = floor.astype(np.int64) * (unit or NS) + np.round((value - floor) * (unit or NS)).astype(np.int64)
    if unit:
        return np.asarray(gps_ns_from_unix_ns(t_ns)), rows
    detail = f"'{name}' counts from its own start; put at the GPS epoch"
    csv.issues.append(Issue(RELATIVE_CLOCK, 1, "", source.name, detail))
    return t_ns, rows


def _stamps_of(csv: CsvTable, column: object, name: str) -> object:
    """A column of texts as times, those that are none as empty, under "skip"; without it, it raises."""
    import pyarrow as pa

    if csv.options.on_bad == "raise":
        remedy = "expected ISO 8601 (2024-06-24T08:20:00Z)"
        raise FormatError(csv.source.path, f"column '{name}' is no time", "line 2", remedy)
    import datetime as dt

    def stamp(text: str | None) -> dt.datetime | None:
        try:
            when = dt.datetime.fromisoformat(text or "")
        except ValueError:
            return None
        return (when if when.tzinfo else when.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)

    return pa.array([stamp(text) for text in column.to_pylist()], pa.timestamp("us", tz="UTC"))  # type: ignore[attr-defined]


def _timed(csv: CsvTable, value: F64, name: str) -> I64:
    """The rows that have a time. Raises FormatError at the first other one, or counts them under "skip"."""
    good = np.isfinite(value)
    what = f"no time in column '{name}'"
    csv.issues.extend(sound_rows_of(csv.source, csv.options, good, what, "leave such rows out"))
    return np.flatnonzero(good)
