"""Tables of inertial samples, fixes or wheels with named columns: "t_s,gx_radps,…", "gps_week,gps_tow_s,acc_x_g,…".

Columns are known by their names, in any order; units by the ending of the name, or else by the values themselves: a
specific force must show gravity. What was guessed is told as an issue.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.core.frames import c_ne, geodetic_from_ecef
from kinema.core.recording import Issue, Mount, Recording
from kinema.core.solution import FixStatus, Provenance, Solution
from kinema.core.streams import Imu, Series
from kinema.core.time import NS, WEEK_NS, gps_ns_from_unix_ns
from kinema.errors import FormatError
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.tables import MOST_NS, NumberTable, read_numbers, sound_rows
from kinema.formats.trajectory import check_places, ecef_from_degrees, in_order

G_MPS2 = 9.80665
RELATIVE_CLOCK = "relative clock"
"""Issue of a file whose times count from its own start; they are put at the GPS epoch."""

_FORCE = r"(?:a|f|acc|accel|accelerometer|acceleration|specific_force|linear_acceleration)"
_RATE = r"(?:g|w|gyr|gyro|gyroscope|rate|omega|angular_rate|angular_velocity)"
_WHEEL = r"wheel|wheel_speed|(?:wheel_)?(?:fl|fr|rl|rr|front_left|front_right|rear_left|rear_right)"
_UNITS = {
    "mps2": 1.0, "m_s2": 1.0, "ms2": 1.0, "g": G_MPS2, "mg": G_MPS2 * 1e-3,
    "radps": 1.0, "rad_s": 1.0, "rads": 1.0, "degps": np.pi / 180, "deg_s": np.pi / 180, "dps": np.pi / 180,
    "mdps": np.pi / 180e3,
}  # fmt: skip
_TIMES = {
    "s": NS, "sec": NS, "seconds": NS, "ms": 10**6, "us": 1000, "ns": 1,
}  # fmt: skip
UNIX_FROM_S = 8e8
"""Seconds above this are counted from 1970, not from a start-up or in a week."""
MOST = 1e8
"""No height, velocity, sigma or inertial sample is larger, whatever its unit."""
_TRIPLES = (("pos_std_n_m", "pos_std_e_m", "pos_std_d_m"), ("vn_mps", "ve_mps", "vd_mps"),
            ("vel_std_n_mps", "vel_std_e_mps", "vel_std_d_mps"))  # fmt: skip


@dataclass(frozen=True)
class _Columns:
    time: tuple[int, ...]
    time_unit: int
    force: tuple[int, ...]
    rate: tuple[int, ...]
    force_unit: str
    rate_unit: str
    names: tuple[str, ...]

    @property
    def n(self) -> int:
        return len(self.names)


def _names(head: bytes) -> tuple[str, ...]:
    line = head.split(b"\n", 1)[0].decode("utf-8", "replace").strip().lstrip("\ufeff#% ")
    cells = re.split(r"\s*[,;\t]\s*", line)
    tidy = (re.sub(r"[^a-z0-9]+", "_", cell.lower().replace("²", "2").replace("/s", "ps")).strip("_") for cell in cells)
    return tuple(tidy)


def _triple(names: tuple[str, ...], stem: str) -> tuple[tuple[int, ...], str]:
    """Places of the x, y, z columns of a quantity and the unit in their names; empty where there are none."""
    found, units = [], set()
    for axis in "xyz":
        for k, name in enumerate(names):
            match = re.fullmatch(rf"(?:imu_)?{stem}_?{axis}(?:_s|_b)?(?:_([a-z0-9_]+))?", name)
            if match:
                found.append(k)
                units.add(match[1] or "")
                break
    return (tuple(found), units.pop()) if len(found) == 3 and len(units) == 1 else ((), "")


def _time(names: tuple[str, ...]) -> tuple[tuple[int, ...], int]:
    weeks = [k for k, name in enumerate(names) if name in ("gps_week", "week", "gpsweek")]
    tows = [k for k, name in enumerate(names) if re.fullmatch(r"(gps_?)?(tow|sow|seconds_of_week)(_s)?", name)]
    if weeks and tows:
        return (weeks[0], tows[0]), NS
    for k, name in enumerate(names):
        match = re.fullmatch(r"(?:t|time|timestamp|unix|utc|gps_time|t_gps)(?:_(s|sec|seconds|ms|us|ns))?", name)
        if match:
            return (k,), _TIMES[match[1] or "s"]
    return (), NS


def _columns(head: bytes) -> _Columns | None:
    names = _names(head)
    force, force_unit = _triple(names, _FORCE)
    rate, rate_unit = _triple(names, _RATE)
    time, unit = _time(names)
    if not (force and rate and time):
        return None
    return _Columns(time, unit, force, rate, force_unit, rate_unit, names)


def _fix_columns(head: bytes) -> dict[str, int] | None:
    names = _names(head)
    known = {name: k for k, name in enumerate(names)}
    time, _ = _time(names)
    if not time or not {"lat_deg", "lon_deg", "height_m"} <= known.keys():
        return None
    return known if any(set(triple) <= known.keys() for triple in _TRIPLES[:2]) else None


def _wheel_columns(names: tuple[str, ...]) -> dict[str, tuple[int, float]]:
    """Place and factor to m/s of each wheel: "wheel_speed_mps", "wheel_rl_kmh", "rear_left_mps"."""
    found = {}
    for k, name in enumerate(names):
        match = re.fullmatch(rf"({_WHEEL})_(mps|kmh)", name)
        if match:
            found[match[1].removeprefix("wheel_")] = (k, 1.0 if match[2] == "mps" else 1 / 3.6)
    return found


def _read_wheels(source: Source, options: ReadOptions, names: tuple[str, ...], start: int) -> Recording:
    wheels = _wheel_columns(names)
    table = read_numbers(source, options, need=len(names), columns=len(names), start=start, separators=b",;\t")
    time, unit = _time(names)
    t_ns, relative = gps_ns(table.values, time, unit)
    index, issues = in_order(source, t_ns, options)
    value = np.stack([table.values[index][:, k] * factor for k, factor in wheels.values()], axis=1)
    clock = (Issue(RELATIVE_CLOCK, 1, "", source.name, "times count from the file's own start"),) if relative else ()
    stream = Series(t_ns[index], value, "m/s", tuple(wheels))
    return Recording({"wheels": stream}, issues=(*table.issues, *issues, *clock), sources=(source.name,))


def _sniff(head: bytes, name: str) -> float:
    if b"," not in head[:400] and b";" not in head[:400]:
        return 0.0
    # a reference's own motion has gravity taken out: it is no sensor
    sensor = "reference" not in name.lower() and _columns(head) is not None
    names = _names(head)
    wheels = bool(_wheel_columns(names) and _time(names)[0])
    return 0.92 if sensor or _fix_columns(head) or wheels else 0.0


def gps_ns(values: F64, columns: tuple[int, ...], unit: int) -> tuple[I64, bool]:
    """GPS nanoseconds of the time columns, and whether the clock counts from its own start."""
    if len(columns) == 2:
        week, tow = values[:, columns[0]], values[:, columns[1]]
        return np.round(week).astype(np.int64) * WEEK_NS + np.round(tow * NS).astype(np.int64), False
    t = values[:, columns[0]]
    scaled = np.round(t * unit).astype(np.int64) if unit != 1 else t.astype(np.int64)
    if np.median(scaled) > UNIX_FROM_S * NS:
        return np.asarray(gps_ns_from_unix_ns(scaled)), False
    return scaled, True


def _sound(
    source: Source, options: ReadOptions, table: NumberTable, time: tuple[int, ...], unit: int, used: tuple[int, ...]
) -> NumberTable:
    """The rows whose time and `used` columns can be."""
    t = table.values[:, time]
    if len(time) == 2:
        good = (t >= 0).all(axis=1) & (t[:, 0] < 10_000) & (t[:, 1] < 700_000)
    else:
        good = np.abs(t[:, 0]) < MOST_NS / unit
    table = sound_rows(source, options, table, good, "impossible time")
    fit = np.abs(table.values[:, used]) < MOST
    return sound_rows(source, options, table, np.asarray(fit.all(axis=1)), "impossible value")


def read(source: Source, options: ReadOptions) -> Recording:
    """Read into "imu", a table of fixes into "fixes", one of wheels into "wheels". Raises FormatError."""
    head = bytes(source.data[:8192])
    start = head.find(b"\n") + 1
    fix_columns = _fix_columns(head)
    columns = _columns(head)
    names = _names(head)
    if columns is None and fix_columns is None and _wheel_columns(names) and _time(names)[0]:
        return _read_wheels(source, options, names, start)
    if columns is None:
        if fix_columns is None:
            have = ", ".join(_names(head))[:120]
            raise FormatError(source.path, "no columns of time, specific force and rate", "line 1", f"got {have}")
        return _read_fixes(source, options, fix_columns, _names(head), start)
    table = read_numbers(source, options, need=columns.n, columns=columns.n, start=start, separators=b",;\t")
    table = _sound(source, options, table, columns.time, columns.time_unit, (*columns.force, *columns.rate))
    t_ns, relative = gps_ns(table.values, columns.time, columns.time_unit)
    index, issues = in_order(source, t_ns, options)
    force, told = _scaled(source, table.values[index][:, columns.force], columns.force_unit, "force")
    rate, told_rate = _scaled(source, table.values[index][:, columns.rate], columns.rate_unit, "rate")
    clock = (Issue(RELATIVE_CLOCK, 1, "", source.name, "times count from the file's own start"),) if relative else ()
    return Recording(
        {"imu": Imu(t_ns[index], force, rate)},
        mounts={"imu": Mount(None, None, None)},
        issues=(*table.issues, *issues, *told, *told_rate, *clock),
        sources=(source.name,),
    )


def _scaled(source: Source, values: F64, unit: str, what: str) -> tuple[F64, tuple[Issue, ...]]:
    """SI values, by the unit of the column's name or, where it says none, by what the values must be."""
    size = np.sqrt((values**2).sum(axis=1))
    if unit in _UNITS:
        scaled = values * _UNITS[unit]
        typical = float(np.median(size)) * _UNITS[unit]
        if what == "force" and not 8.5 < typical < 11.0:
            raise FormatError(
                source.path, f"specific force has a median of {typical:.3g} m/s² by its unit '{unit}'", "",
                "at rest it must be 9.8: correct the unit in the column's name",
            )  # fmt: skip
        return scaled, ()
    if unit:
        known = ", ".join(_UNITS)
        raise FormatError(source.path, f"unit '{unit}' of the {what} is not known", "line 1", f"use {known}")
    if what == "force":
        typical = float(np.median(size))
        for name, low, high in (("mps2", 8.5, 11.0), ("g", 0.87, 1.12), ("mg", 870.0, 1120.0)):
            if low < typical < high:
                return values * _UNITS[name], (Issue("unit found", 1, "", source.name, f"specific force in {name}"),)
        raise FormatError(source.path, f"specific force has a median of {typical:.3g}: neither m/s², g nor mg")
    name = "degps" if float(np.quantile(size, 0.999)) > 6.0 else "radps"
    detail = f"rate taken as {name} by its size; a solution checks it against the course"
    return values * _UNITS[name], (Issue("unit found", 1, "", source.name, detail),)


def _read_fixes(
    source: Source, options: ReadOptions, known: dict[str, int], names: tuple[str, ...], start: int
) -> Recording:
    n = len(names)
    table = read_numbers(source, options, need=n, columns=n, start=start, separators=b",;\t")
    time, unit = _time(names)
    told = [set(triple) <= known.keys() for triple in _TRIPLES]
    used = [name for triple, has in zip(_TRIPLES, told, strict=True) if has for name in triple]
    table = _sound(source, options, table, time, unit, tuple(known[name] for name in ("height_m", *used)))
    t_ns, relative = gps_ns(table.values, time, unit)
    index, issues = in_order(source, t_ns, options)
    v = table.values[index]
    lat, lon = v[:, known["lat_deg"]], v[:, known["lon_deg"]]
    check_places(source, lat, lon)
    p_e_m = ecef_from_degrees(lat, lon, v[:, known["height_m"]])
    lat_rad, lon_rad, _ = geodetic_from_ecef(p_e_m)
    c_en = np.swapaxes(c_ne(lat_rad, lon_rad), -1, -2)

    def turned(triple: tuple[str, ...]) -> F64:
        sd2 = v[:, [known[name] for name in triple]] ** 2
        return np.asarray((c_en * sd2[:, None, :]) @ np.swapaxes(c_en, -1, -2))

    nan3 = np.full((len(v), 3, 3), np.nan)
    cov_p = turned(_TRIPLES[0]) if told[0] else nan3
    cov_v = turned(_TRIPLES[2]) if told[2] else nan3
    v_e = np.full((len(v), 3), np.nan)
    if told[1]:
        v_e = np.einsum("nij,nj->ni", c_en, v[:, [known[name] for name in _TRIPLES[1]]])
    solution = Solution(
        t_ns[index], p_e_m, cov_p, v_e, cov_v,
        status=np.full(len(index), FixStatus.SINGLE, np.uint8), provenance=Provenance(sources=(source.name,)),
    )  # fmt: skip
    clock = (Issue(RELATIVE_CLOCK, 1, "", source.name, "times count from the file's own start"),) if relative else ()
    return Recording({"fixes": solution}, issues=(*table.issues, *issues, *clock), sources=(source.name,))


FORMAT = Format("sensor_csv", "table of inertial samples or fixes with named columns", (".csv",), _sniff, read)
