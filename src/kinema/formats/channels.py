"""What all readers of data loggers share: sparse tables with units, roles of columns, fixes out of columns."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from csv import Error as CsvError
from csv import reader as csv_reader
from dataclasses import dataclass
from typing import Any

import numpy as np

from kinema.core.arrays import F64, I64, Bool
from kinema.core.event import Lap
from kinema.core.frames import c_ne, cov_e_from_n, ecef_from_geodetic
from kinema.core.recording import Issue
from kinema.core.solution import Channel, FixStatus, Provenance, Solution
from kinema.core.streams import Series
from kinema.core.time import iso_gps
from kinema.errors import FormatError
from kinema.formats.base import ReadOptions, Source
from kinema.formats.tables import MOST_NS, check_columns

GPS_SIGMA_M = 1.5
"""Horizontal standard uncertainty per axis of a consumer receiver that states none, at HDOP 1."""
FASTEST_MPS = 150.0
_MOST = {"h_m": ("height", 1e8), "heading_deg": ("heading", 4e5), "sigma_m": ("accuracy", 1e7), "hdop": ("HDOP", 1e6)}

_SI: dict[str, tuple[float, float, str]] = {
    "km/h": (1 / 3.6, 0, "m/s"),
    "kmh": (1 / 3.6, 0, "m/s"),
    "kph": (1 / 3.6, 0, "m/s"),
    "mph": (0.44704, 0, "m/s"),
    "mps": (1, 0, "m/s"),
    "m/s": (1, 0, "m/s"),
    "kn": (1852 / 3600, 0, "m/s"),
    "kt": (1852 / 3600, 0, "m/s"),
    "knots": (1852 / 3600, 0, "m/s"),
    "kts": (1852 / 3600, 0, "m/s"),
    "ft/s": (0.3048, 0, "m/s"),
    "g": (9.80665, 0, "m/s2"),
    "m/s2": (1, 0, "m/s2"),
    "m/s^2": (1, 0, "m/s2"),
    "m/s/s": (1, 0, "m/s2"),
    "deg": (np.pi / 180, 0, "rad"),
    "degrees": (np.pi / 180, 0, "rad"),
    "°": (np.pi / 180, 0, "rad"),
    "rad": (1, 0, "rad"),
    "deg/s": (np.pi / 180, 0, "rad/s"),
    "deg/sec": (np.pi / 180, 0, "rad/s"),
    "°/s": (np.pi / 180, 0, "rad/s"),
    "rad/s": (1, 0, "rad/s"),
    "f": (5 / 9, 459.67 * 5 / 9, "K"),
    "°f": (5 / 9, 459.67 * 5 / 9, "K"),
    "c": (1, 273.15, "K"),
    ".c": (1, 273.15, "K"),
    "°c": (1, 273.15, "K"),
    "k": (1, 0, "K"),
    "ft": (0.3048, 0, "m"),
    "feet": (0.3048, 0, "m"),
    "m": (1, 0, "m"),
    "km": (1e3, 0, "m"),
    "mi": (1609.344, 0, "m"),
    "miles": (1609.344, 0, "m"),
    "mm": (1e-3, 0, "m"),
    "cm": (1e-2, 0, "m"),
    "rpm": (1, 0, "1/min"),
    "bpm": (1, 0, "1/min"),
    "1/min": (1, 0, "1/min"),
    "%": (0.01, 0, "1"),
    "bar": (1e5, 0, "Pa"),
    "psi": (6894.757, 0, "Pa"),
    "kpa": (1e3, 0, "Pa"),
    "mbar": (100, 0, "Pa"),
    "pa": (1, 0, "Pa"),
    "v": (1, 0, "V"),
    "volts": (1, 0, "V"),
    "mv": (1e-3, 0, "V"),
    "a": (1, 0, "A"),
    "w": (1, 0, "W"),
    "s": (1, 0, "s"),
    "sec": (1, 0, "s"),
    "ms": (1e-3, 0, "s"),
    "min": (60, 0, "s"),
    "hz": (1, 0, "Hz"),
    "nm": (1, 0, "N m"),
    "n": (1, 0, "N"),
    "l": (1e-3, 0, "m3"),
}

ROLES: dict[str, tuple[str, ...]] = {
    "time": (
        "time",
        "timestamp",
        "utc",
        "utctime",
        "unixtime",
        "interval",
        "elapsed",
        "elapsedtime",
        "gpstime",
        "datetime",
    ),
    "lat": ("lat", "latitude", "gpslatitude", "gpslat", "positionlat"),
    "lon": ("lon", "lng", "long", "longitude", "gpslongitude", "gpslon", "gpslong", "positionlong"),
    "height": ("altitude", "height", "alt", "ele", "elevation", "gpsaltitude", "gpsheight"),
    "speed": ("speed", "velocity", "gpsspeed", "vehiclespeed", "groundspeed", "corrspeed"),
    "heading": ("heading", "bearing", "course", "gpsheading", "cog", "track", "direction"),
    "accuracy": ("hacc", "accuracy", "gpsposaccuracy", "horizontalaccuracy", "posaccuracy", "gpsaccuracy", "hdopm"),
    "hdop": ("hdop", "gpsdop", "coordinateprecision", "dop", "gpshdop"),
    "satellites": ("sats", "satellites", "gpssats", "gpsnsat", "nsats", "lockedsatellites", "nsat", "numsv"),
    "rpm": ("rpm", "enginerpm", "enginespeed"),
    "throttle": ("throttle", "tps", "throttlepos", "throttleposition", "throttlepedal", "pps", "acceleratorpos"),
    "brake": ("brake", "brakepressure", "brk", "brakepos", "brakepress", "brakepressurefront"),
    "steering": ("steering", "steer", "steeringangle", "steerangle"),
    "gear": ("gear",),
    "heart_rate": ("hr", "heartrate", "heartratebpm"),
    "cadence": ("cad", "cadence", "runcadence"),
    "power": ("power", "watts"),
    "longitudinal_acceleration": (
        "longitudinalacc",
        "longacc",
        "gpslonacc",
        "inlineacc",
        "longitudinalacceleration",
        "gforcelong",
    ),
    "lateral_acceleration": ("lateralacc", "latacc", "gpslatacc", "lateralacceleration", "gforcelat"),
    "yaw_rate": ("yaw", "yawrate", "zrotationgyroscope", "gyroz", "gpsgyro"),
    "lap": ("lap", "lapnumber", "lapcount", "currentlap"),
}
_USUAL = {"rpm": "rpm", "heart_rate": "bpm", "cadence": "rpm", "power": "w"}
"""Units of columns that name none."""
_ROLE_OF = {name: role for role, names in ROLES.items() for name in names}
_UNIT_TAIL = re.compile(
    r"(?:[\s_]*[\[(]([^\])]*)[\])]|_(mph|kmh|kph|mps|m|deg|rad|ms|s|kn|ft|bpm|rpm|pct))\s*$", re.IGNORECASE
)


@dataclass(frozen=True)
class Column:
    """A column of a logger's table: values (n,), NaN where the row leaves it empty; `unit` as the file writes it."""

    name: str
    unit: str
    values: F64
    source: str = ""

    @property
    def role(self) -> str:
        """The role that its name tells, or the name in snake case."""
        return role_of(self.name) or re.sub(r"[^a-z0-9]+", "_", self.name.lower()).strip("_") or "column"

    def si(self) -> tuple[F64, str]:
        """Values in SI and the SI unit ("1" where the unit is not known)."""
        return to_si(self.values, self.unit or _USUAL.get(self.role, ""))


def to_si(values: F64, unit: str) -> tuple[F64, str]:
    """Values in SI, and the SI unit; as they are, with the unit as written, where it is not known."""
    known = _SI.get(unit.strip().lower())
    if known is None:
        return values, unit.strip() or "1"
    factor, offset, si = known
    with np.errstate(over="ignore"):
        return values * factor + offset, si


def whole(values: F64, factor: float) -> I64:
    """Values × factor, rounded to whole numbers; what is not finite becomes 0, what is too large the largest."""
    reach = 4e18 / factor
    return np.round(np.clip(np.nan_to_num(values, nan=0.0), -reach, reach) * factor).astype(np.int64)


def cells_of(line: str, delimiter: str = ",") -> list[str]:
    """The cells of one line, quotes taken off; the line as one cell where it cannot be cut (a cell without end)."""
    try:
        return next(csv_reader([line.replace("\r", "").strip("\n")], delimiter=delimiter), [])
    except CsvError:
        return [line]


def split_unit(name: str) -> tuple[str, str]:
    """A column's name without the unit it carries ("Speed (km/h)", "speed_mph", "altitude [m]"), and the unit."""
    name = name.strip().strip('"')
    match = _UNIT_TAIL.search(name)
    if not match or match.start() == 0:
        return name, ""
    unit = (match[1] if match[1] is not None else match[2]).strip()
    return name[: match.start()].strip(), "%" if unit == "pct" else unit


def role_of(name: str) -> str:
    """What a column of this name holds (a key of ROLES), or empty."""
    return _ROLE_OF.get(re.sub(r"[^a-z0-9]", "", name.lower()), "")


def read_table(
    source: Source,
    options: ReadOptions,
    start: int,
    count: int,
    need: Sequence[int],
    *,
    delimiter: str = ",",
    decimal: str = ".",
    clock: tuple[int, int] | None = None,
) -> tuple[list[F64], tuple[Issue, ...]]:
    """The columns (NaN where empty or text) of the table that begins at byte `start` with `count` fields a row.

    The columns `need` must be numbers wherever they are not empty; `clock` is the column of times and the nanoseconds
    of its unit: every row must have one that can be. Raises FormatError at the first garbled row, or
    counts and leaves out such rows under `on_bad="skip"`.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv

    bad_rows: list[str] = []

    def on_invalid(row: Any) -> str:
        if row.text.strip(f"{delimiter} \r\n\0"):
            bad_rows.append(row.text)
        return "skip"

    check_columns(source, count)
    names = [f"c{k}" for k in range(count)]
    # Stray bytes are read as Latin-1: they make a garbled cell, not a reader that gives up.
    encoding = "utf8" if bytes(source.data).isascii() else "latin-1"
    try:
        table = csv.read_csv(
            pa.py_buffer(source.data[start:]),
            read_options=csv.ReadOptions(column_names=names, use_threads=False, encoding=encoding),
            parse_options=csv.ParseOptions(delimiter=delimiter, invalid_row_handler=on_invalid),
            convert_options=csv.ConvertOptions(column_types={n: pa.binary() for n in names}),
        )
    except pa.ArrowInvalid as error:
        raise FormatError(source.path, f"no table: {str(error).splitlines()[0]}", "", "is the file cut off?") from None
    columns = [_numbers(table.column(name), decimal, pa, pc) for name in names]
    garbled = np.zeros(table.num_rows, dtype=np.bool_)
    for k in need:
        filled = pc.not_equal(table.column(names[k]), pa.scalar(b"")).to_numpy(zero_copy_only=False)
        garbled |= filled & np.isnan(columns[k])
    if clock:
        garbled |= ~(np.abs(columns[clock[0]]) < MOST_NS / clock[1])
    issues: tuple[Issue, ...] = ()
    if bad_rows or garbled.any():
        what = bad_rows[0] if bad_rows else _row_text(table, int(np.argmax(garbled)), delimiter)
        where = _line_of(source, what)
        if options.on_bad == "raise":
            raise FormatError(
                source.path, f"garbled line '{what[:60].strip()}'", where, "read with --on-bad skip to leave it out"
            )
        issues = (Issue("garbled line", len(bad_rows) + int(garbled.sum()), where, source.name),)
        columns = [c[~garbled] for c in columns]
    return columns, issues


def _numbers(column: Any, decimal: str, pa: Any, pc: Any) -> F64:
    """Text as float64, NaN where empty or no number (one beyond float64 is none)."""
    text = pc.utf8_trim_whitespace(pc.cast(column, pa.string(), safe=False)) if len(column) else column
    if decimal != ".":
        text = pc.replace_substring(text, decimal, ".")
    is_number = pc.match_substring_regex(text, r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")
    numbers = pc.cast(pc.if_else(is_number, text, pa.scalar(None, pa.string())), pa.float64())
    values = np.array(numbers.to_numpy(zero_copy_only=False), dtype=np.float64)
    values[np.isinf(values)] = np.nan
    return values


def _row_text(table: Any, row: int, delimiter: str) -> str:
    cells = [table.column(k)[row].as_py() or b"" for k in range(table.num_columns)]
    return delimiter.join(c.decode("utf-8", "replace") for c in cells)


def _line_of(source: Source, text: str) -> str:
    at = bytes(source.data).find(text.strip("\r\n").encode())
    return f"line {1 + bytes(source.data[:at]).count(10)}" if at >= 0 else ""


@dataclass(frozen=True)
class FixColumns:
    """Columns of positions (n,), all of one length; what is None the file does not state. Angles in degrees."""

    t_ns: I64
    lat_deg: F64
    lon_deg: F64
    h_m: F64 | None = None
    speed_mps: F64 | None = None
    heading_deg: F64 | None = None
    sigma_m: F64 | None = None
    hdop: F64 | None = None
    n_sats: F64 | None = None


def fixes_of(source: Source, fix: FixColumns, drop_repeats: bool = True) -> tuple[Solution, tuple[Issue, ...]]:
    """The device's trajectory from sparse columns: rows without a position left out, impossible and repeated ones
    left out and counted, in order of time. Horizontal uncertainty from `sigma_m`, else GPS_SIGMA_M × HDOP, else
    GPS_SIGMA_M; vertical twice that."""
    has = ~np.isnan(fix.lat_deg) & ~np.isnan(fix.lon_deg)
    if not has.any():
        raise FormatError(source.path, "no position in it", "", "was the GPS on?")
    fix, issues = _possible(source, fix)
    null = has & (fix.lat_deg == 0) & (fix.lon_deg == 0)
    wrong = has & ~null & ((np.abs(fix.lat_deg) > 90) | (np.abs(fix.lon_deg) > 360))
    good = has & ~null & ~wrong
    for kind, mask in (("no fix yet (0, 0)", null), ("impossible position", wrong)):
        if mask.any():
            issues.append(Issue(kind, int(mask.sum()), f"row {int(np.argmax(mask)) + 1}", source.name))
    if not good.any():
        raise FormatError(source.path, "no position on Earth in it", "", "are latitude and longitude in degrees?")
    if fix.speed_mps is not None:
        mad = good & (np.abs(fix.speed_mps) > FASTEST_MPS)
        if mad.any():
            issues.append(Issue("impossible speed", int(mad.sum()), f"row {int(np.argmax(mad)) + 1}", source.name))
            fix = FixColumns(**{**fix.__dict__, "speed_mps": np.where(mad, np.nan, fix.speed_mps)})
    index = np.flatnonzero(good)
    if drop_repeats:
        index, repeated = _without_repeats(fix, index)
        if repeated:
            issues.append(Issue("repeated position", repeated, "", source.name, "the receiver had no newer one"))
    index, odd = _in_time(source, fix.t_ns, index)
    return _solution(source, fix, index), (*issues, *odd)


def _possible(source: Source, fix: FixColumns) -> tuple[FixColumns, list[Issue]]:
    """Columns without values that nothing can be: a height beyond every orbit, an angle of a thousand turns."""
    issues, kept = [], dict(fix.__dict__)
    for name, (what, most) in _MOST.items():
        values = kept[name]
        if values is None:
            continue
        odd = np.abs(values) > most
        if odd.any():
            where = f"row {int(np.argmax(odd)) + 1}"
            issues.append(Issue(f"impossible {what}", int(odd.sum()), where, source.name))
            kept[name] = np.where(odd, np.nan, values)
    return FixColumns(**kept), issues


def _without_repeats(fix: FixColumns, index: I64) -> tuple[I64, int]:
    """Rows that only repeat the position before them although the mover moves."""
    same = np.zeros(len(index), dtype=np.bool_)
    same[1:] = (np.diff(fix.lat_deg[index]) == 0) & (np.diff(fix.lon_deg[index]) == 0)
    if fix.speed_mps is not None:
        same &= np.nan_to_num(fix.speed_mps[index]) > 2.0
    else:
        same[:] = False
    return index[~same], int(same.sum())


def _in_time(source: Source, t_ns: I64, index: I64) -> tuple[I64, list[Issue]]:
    """Rows in increasing time; rows that step back or repeat a time are left out and counted (loggers write them)."""
    t = t_ns[index]
    behind = np.zeros(len(t), dtype=np.bool_)
    behind[1:] = t[1:] <= np.maximum.accumulate(t)[:-1]
    if not behind.any():
        return index, []
    if behind.mean() > 0.5:
        raise FormatError(source.path, "times that do not increase", "", "is its time column the right one?")
    where = f"GPS {iso_gps(int(t[np.argmax(behind)]))}"
    return index[~behind], [Issue("time steps back or repeats", int(behind.sum()), where, source.name)]


def _solution(source: Source, fix: FixColumns, index: I64) -> Solution:
    pick: dict[str, Any] = {k: None if v is None else np.asarray(v)[index] for k, v in fix.__dict__.items()}
    lat, lon = np.radians(pick["lat_deg"]), np.radians(pick["lon_deg"])
    h = np.zeros(len(index)) if pick["h_m"] is None else np.nan_to_num(_filled(pick["h_m"]))
    p_e = ecef_from_geodetic(lat, lon, h)
    sigma = np.full(len(index), GPS_SIGMA_M)
    if pick["hdop"] is not None:
        sigma = GPS_SIGMA_M * np.clip(np.nan_to_num(pick["hdop"], nan=1.0), 0.5, 50.0)
    if pick["sigma_m"] is not None:
        sigma = np.where(pick["sigma_m"] > 0, pick["sigma_m"], sigma)
    cov_n = np.zeros((len(index), 3, 3))
    cov_n[:, 0, 0] = cov_n[:, 1, 1] = sigma**2
    cov_n[:, 2, 2] = (2 * sigma) ** 2
    v_e: Any = None
    channels = {}
    if pick["speed_mps"] is not None:
        channels["speed"] = Channel(pick["speed_mps"], "m/s", "speed over ground")
        if pick["heading_deg"] is not None:
            heading = np.radians(pick["heading_deg"])
            v_n = np.column_stack([np.cos(heading), np.sin(heading), np.zeros(len(index))]) * pick["speed_mps"][:, None]
            v_e = np.einsum("nji,nj->ni", c_ne(lat, lon), v_n)
    if pick["hdop"] is not None:
        channels["hdop"] = Channel(pick["hdop"], "1", "HDOP")
    sats: Any = None if pick["n_sats"] is None else np.clip(np.nan_to_num(pick["n_sats"]), 0, 999)
    stated = (
        "stated by the device"
        if fix.sigma_m is not None
        else f"{GPS_SIGMA_M} m × HDOP"
        if fix.hdop is not None
        else f"{GPS_SIGMA_M} m"
    )
    return Solution(
        pick["t_ns"],
        p_e,
        cov_e_from_n(cov_n, p_e),
        v_e_mps=v_e,
        status=np.full(len(index), FixStatus.SINGLE),
        n_sats=sats,
        channels=channels,
        provenance=Provenance(sources=(source.name,), mode="device", notes=(f"horizontal uncertainty {stated}",)),
    )


def _filled(values: F64) -> F64:
    ok = np.isfinite(values)
    if ok.all() or not ok.any():
        return values
    where = np.arange(len(values))
    return np.interp(where, where[ok], values[ok])


def series_of(t_ns: I64, columns: Sequence[Column], skip: Sequence[str] = ()) -> dict[str, Series]:
    """Streams by role of all columns that hold numbers and whose role is not in `skip`; a role that comes twice gets
    its source or a number behind it."""
    order = np.argsort(t_ns, kind="stable") if (np.diff(t_ns) < 0).any() else slice(None)
    streams: dict[str, Series] = {}
    for column in columns:
        values, unit = column.si()
        here = np.isfinite(values)
        if not here.any() or column.role in skip:
            continue
        name = column.role
        if name in streams and column.source:
            name = f"{name}_{column.source}"
        base, k = name, 2
        while name in streams:
            name, k = f"{base}_{k}", k + 1
        t, v, keep = t_ns[order], values[order], here[order]
        streams[name] = Series(t[keep], v[keep], unit)
    return streams


def laps_from_counter(t_ns: I64, lap: F64, mover: str = "") -> tuple[Lap, ...]:
    """The device's own laps from a column that counts them: from change to change; the parts at both ends are left
    out. Times are those of the first row of each lap, so they are sure to one row."""
    has: Bool = np.isfinite(lap)
    t, n = t_ns[has], lap[has]
    change = np.flatnonzero(np.diff(n) != 0) + 1
    laps = []
    for a, b in itertools.pairwise(change):
        row_s = float(max(t[a] - t[a - 1], t[b] - t[b - 1])) * 1e-9
        laps.append(
            Lap(
                "timed",
                mover,
                int(t[a]),
                int(t[b]),
                "start",
                row_s / 3.5,
                row_s / 3.5,
                {"timer": "device"},
                number=int(n[a]),
                time_sigma_s=row_s / 2.4,
            )
        )
    return tuple(laps)


def settings_of(**facts: Any) -> Mapping[str, Any]:
    """Facts that a header tells, without those that are empty."""
    return {k: v for k, v in facts.items() if v not in (None, "", ())}
