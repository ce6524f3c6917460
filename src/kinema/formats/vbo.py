"""RaceLogic VBO: VBOX loggers and those who write like them. Coordinates are minutes, west positive."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.core.course import Gate
from kinema.core.frames import geodetic_from_ecef
from kinema.core.recording import Issue, Recording
from kinema.core.solution import Solution
from kinema.core.time import DAY_NS, gps_ns_from_calendar, gps_ns_from_unix_ns, unix_ns_from_gps_ns
from kinema.errors import FormatError
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.channels import series_of
from kinema.formats.column_names import Column, role_of, whole
from kinema.formats.device_fixes import FixColumns, fixes_of
from kinema.formats.tables import read_numbers, sound_rows

_UNITS = {
    "velocity": "km/h",
    "speed": "km/h",
    "heading": "deg",
    "height": "m",
    "longacc": "g",
    "latacc": "g",
    "vertacc": "g",
    **{f"{axis}-rotation-gyroscope": "deg/s" for axis in "xyz"},
}
_DATE = re.compile(r"(?:created on|Date Started\s*:)\s*(\d\d?)[/.](\d\d?)[/.](\d{4})", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?\d{1,9}(?:\.\d+)?")
LATEST_STAMP = 250_000.0
"""Stamps are HHMMSS.sss."""
GATE_REACH_M = 10.0
"""By how much a crossing may miss the ends of a stored gate."""


def _sniff(head: bytes, name: str) -> float:
    text = head.lower()
    if b"[header]" in text and (b"[column names]" in text or b"[data]" in text or b"latitude" in text):
        return 0.97
    return 0.4 if name.lower().endswith(".vbo") else 0.0


def _read(source: Source, options: ReadOptions) -> Recording:
    raw = bytes(source.data)
    at = raw.lower().find(b"[data]")
    if at < 0:
        raise FormatError(source.path, "no [data] section", "", "was the file cut off?")
    head = raw[:at].decode("latin-1")
    sections = _sections(head)
    names = " ".join(sections.get("column names", [])).split()
    lowered = [n.lower() for n in names]
    if not {"time", "lat"} <= set(lowered) or not {"long", "lng", "lon"} & set(lowered):
        raise FormatError(
            source.path, "no columns time, lat and long", "[column names]", "is it a VBO of a GPS logger?"
        )
    start = raw.find(b"\n", at) + 1 or len(raw)
    lon_k = next(k for k, n in enumerate(lowered) if n in ("long", "lng", "lon"))
    need = max(lowered.index("time"), lowered.index("lat"), lon_k) + 1
    table = read_numbers(source, options, need=need, columns=len(names), separators=b" \t", comments=b"[", start=start)
    stamp = table.values[:, lowered.index("time")]
    table = sound_rows(source, options, table, (stamp >= 0) & (stamp < LATEST_STAMP), "impossible time")
    lat_deg = table.values[:, lowered.index("lat")] / 60.0
    lon_deg = -table.values[:, lon_k] / 60.0
    t_ns, dated = _times(table.values[:, lowered.index("time")], head)
    issues = [*table.issues]
    if not dated:
        issues.append(Issue("date unknown", 1, "", source.name, "put on 1980-01-06"))
    columns = [Column(n, _UNITS.get(n.lower(), ""), table.values[:, k]) for k, n in enumerate(names)]
    fixes, odd = fixes_of(source, _fix_columns(columns, t_ns, lat_deg, lon_deg))
    streams: dict[str, object] = {"fixes": fixes}
    streams |= series_of(t_ns, columns, skip=("time", "lat", "lon", "height", "heading", "satellites"))
    gates = _gates(sections.get("laptiming", []), lat_deg, lon_deg)
    if gates:
        streams["gates"] = gates
    return Recording(streams, issues=(*issues, *odd), sources=(source.name,), name=source.name)


def _fix_columns(columns: list[Column], t_ns: I64, lat_deg: F64, lon_deg: F64) -> FixColumns:
    by_role = {role_of(c.name): c for c in reversed(columns)}

    def si(role: str) -> F64 | None:
        return by_role[role].si()[0] if role in by_role else None

    heading = by_role["heading"].values if "heading" in by_role else None
    # A brake trigger adds 64 to the count, differential corrections add 128.
    sats = by_role["satellites"].values % 64 if "satellites" in by_role else None
    return FixColumns(t_ns, lat_deg, lon_deg, si("height"), si("speed"), heading, si("accuracy"), si("hdop"), sats)


def _sections(head: str) -> dict[str, list[str]]:
    """Lines by section name in lower case."""
    sections: dict[str, list[str]] = {}
    name = ""
    for line in head.splitlines():
        line = line.strip()
        if line.startswith("[") and line.endswith("]"):
            name = line[1:-1].lower()
        elif line:
            sections.setdefault(name, []).append(line)
    return sections


def _times(stamp: F64, head: str) -> tuple[I64, bool]:
    """GPS times of UTC stamps HHMMSS.sss on the header's day, past midnight included."""
    clock = np.floor(stamp + 1e-9)
    second = (clock // 10000) * 3600 + (clock // 100 % 100) * 60 + clock % 100
    ns = whole(second, 1.0) * 1_000_000_000 + whole(stamp - clock, 1e6) * 1000
    ns += DAY_NS * np.cumsum(np.diff(ns, prepend=ns[:1]) < -DAY_NS // 2)
    match = _DATE.search(head)
    if not match:
        return ns, False
    day, month, year = int(match[1]), int(match[2]), int(match[3])
    if not 1980 <= year < 2100:
        return ns, False
    try:
        # A label without leap seconds, read as UTC.
        utc_label = gps_ns_from_calendar(year, month, day)
    except ValueError:
        return ns, False
    return gps_ns_from_unix_ns(utc_label + 315_964_800 * 1_000_000_000 + ns), True


def _gates(lines: list[str], lat_deg: F64, lon_deg: F64) -> tuple[Gate, ...]:
    """The start and split lines of [laptiming]. Makers disagree on lat-lon or lon-lat: the order that lies near the
    driven path is taken."""
    gates = []
    for line in lines:
        numbers = [float(n) / 60.0 for n in _NUMBER.findall(line.split("¬")[0].split("Â")[0])][:4]
        if len(numbers) < 4:
            continue
        a, b, c, d = numbers
        orders = ((a, -b, c, -d), (b, -a, d, -c))
        near = [_distance_deg(o, lat_deg, lon_deg) for o in orders]
        lat0, lon0, lat1, lon1 = orders[int(np.argmin(near))]
        if min(near) > 0.05:
            continue
        word = line.split()[0].lower()
        gates.append(
            Gate(
                line.split("¬")[-1].strip() if "¬" in line else word,
                (float(np.radians(lat0)), float(np.radians(lon0))),
                (float(np.radians(lat1)), float(np.radians(lon1))),
                "start" if word.startswith("start") else "finish" if word.startswith("finish") else "sector",
                GATE_REACH_M,
            )
        )
    return tuple(gates)


def _distance_deg(order: tuple[float, float, float, float], lat_deg: F64, lon_deg: F64) -> float:
    if abs(order[0]) > 90:
        return np.inf
    return float(np.nanmin(np.hypot(lat_deg - order[0], lon_deg - order[1])))


def _write(solution: Solution, path: Path) -> None:
    """A VBO that circuit tools read: time, position, speed, heading and height."""
    use = solution.select(solution.valid)
    lat, lon, h = geodetic_from_ecef(use.p_e_m)
    from kinema.core.frames import vectors_n_from_e

    v_n = vectors_n_from_e(np.nan_to_num(use.v_e_mps), use.p_e_m)
    speed = np.hypot(v_n[:, 0], v_n[:, 1])
    if not np.isfinite(use.v_e_mps).all() and "speed" in use.channels:
        speed = np.nan_to_num(use.channels["speed"].value)
    heading = np.degrees(np.arctan2(v_n[:, 1], v_n[:, 0])) % 360
    unix = np.asarray(unix_ns_from_gps_ns(use.t_ns))
    start = np.datetime64(int(unix[0]), "ns").astype("datetime64[s]").item()
    ms = unix // 1_000_000 % 86_400_000
    with path.open("w", encoding="latin-1", newline="\r\n") as out:
        out.write(
            f"File created on {start:%d/%m/%Y} @ {start:%H:%M:%S}\n\n[header]\nsatellites\ntime\nlatitude\nlongitude\n"
        )
        out.write(
            "velocity kmh\nheading\nheight\n\n[column names]\nsats time lat long velocity heading height\n\n[data]\n"
        )
        for k in range(len(use)):
            rest, milli = divmod(int(ms[k]), 1000)
            clock = f"{rest // 3600:02d}{rest // 60 % 60:02d}{rest % 60:02d}.{milli:03d}"
            out.write(
                f"{max(int(use.n_sats[k]), 0):03d} {clock} "
                f"{np.degrees(lat[k]) * 60:+.6f} {-np.degrees(lon[k]) * 60:+.6f} "
                f"{speed[k] * 3.6:07.3f} {heading[k]:06.2f} {h[k]:+.2f}\n"
            )


FORMAT = Format("vbo", "RaceLogic VBO", (".vbo",), _sniff, _read, _write)
