"""CSV as MoTeC i2 exports and imports it: quoted facts, names, units, samples at one rate."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from kinema.core.frames import geodetic_from_ecef, vectors_n_from_e
from kinema.core.recording import Issue, Recording
from kinema.core.solution import Solution
from kinema.core.time import NS, iso_utc
from kinema.errors import FormatError
from kinema.formats.aim_csv import LOCAL_TIME, beacon_laps, clock_of, first_of, header_of
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.channels import read_table, series_of, settings_of
from kinema.formats.column_names import Column, role_of, whole
from kinema.formats.device_fixes import FixColumns, fixes_of


def _sniff(head: bytes, name: str) -> float:
    return 0.97 if b"MoTeC CSV File" in head[:200] else 0.0


def _read(source: Source, options: ReadOptions) -> Recording:
    facts, names, units, start = header_of(source, "MoTeC")
    roles = [role_of(n) for n in names]
    if "lat" not in roles or "lon" not in roles:
        raise FormatError(source.path, "no GPS latitude and longitude", "", "export it again with the GPS channels")
    lat_k, lon_k = roles.index("lat"), roles.index("lon")
    time_k = roles.index("time") if "time" in roles else None
    need = [k for k in (time_k, lat_k, lon_k) if k is not None]
    values, issues = read_table(
        source, options, start, len(names), need, clock=None if time_k is None else (time_k, NS)
    )
    origin_ns, dated = clock_of(first_of(facts, "log date"), first_of(facts, "log time"))
    if time_k is None:
        rate = first_of(facts, "sample rate")
        if not re.fullmatch(r"\d{1,6}(\.\d*)?", rate) or float(rate) < 1e-3:
            raise FormatError(source.path, "neither a Time channel nor a sample rate", "", "export it again with Time")
        second = np.arange(len(values[0])) / float(rate)
    else:
        second = np.nan_to_num(values[time_k])
    t_ns = origin_ns + whole(second, 1e9)
    columns = [Column(n, u, v) for n, u, v in zip(names, units, values, strict=True)]
    by_role = {r: c for r, c in zip(reversed(roles), reversed(columns), strict=True) if r}

    fixes, odd = fixes_of(source, FixColumns.of_roles(t_ns, by_role))
    skip = ("time", "lat", "lon", "height", "heading", "accuracy", "satellites", "hdop")
    streams: dict[str, object] = {"fixes": fixes, **series_of(t_ns, columns, skip=skip)}
    laps = beacon_laps(" ".join(facts.get("beacon markers", [])).split(), origin_ns)
    if laps:
        streams["device_laps"] = laps
    extra = Issue(LOCAL_TIME, 1, "", source.name, "taken as UTC" if dated else "no date: put on 1980-01-06")
    settings = settings_of(
        track=first_of(facts, "venue"), driver=first_of(facts, "driver"), vehicle=first_of(facts, "vehicle")
    )
    return Recording(
        streams, issues=(*issues, extra, *odd), sources=(source.name,), name=source.name, settings=settings
    )


def _write(solution: Solution, path: Path) -> None:
    """A CSV that MoTeC i2 imports: time from the start, position, speed and the solution's channels."""
    use = solution.select(solution.valid)
    lat, lon, h = geodetic_from_ecef(use.p_e_m)
    v_n = vectors_n_from_e(np.nan_to_num(use.v_e_mps), use.p_e_m)
    second = (use.t_ns - use.t_ns[0]) * 1e-9
    speed = use.channels["speed"].value if "speed" in use.channels else np.hypot(v_n[:, 0], v_n[:, 1])
    columns = [
        ("Time", "s", second, "%.3f"),
        ("GPS Latitude", "deg", np.degrees(lat), "%.9f"),
        ("GPS Longitude", "deg", np.degrees(lon), "%.9f"),
        ("GPS Altitude", "m", h, "%.3f"),
        ("GPS Speed", "km/h", speed * 3.6, "%.4f"),
    ]
    columns += [(name, c.unit, c.value, "%.6g") for name, c in use.channels.items() if name != "speed"]
    rate = 1 / float(np.median(np.diff(second))) if len(second) > 1 else 1.0
    day, clock = iso_utc(int(use.t_ns[0]), 0)[:-1].split("T")
    year, month, date = day.split("-")
    head = [
        '"Format","MoTeC CSV File"',
        '"Venue",""',
        '"Vehicle",""',
        '"Driver",""',
        '"Device","Kinema"',
        '"Comment",""',
        f'"Log Date","{date}/{month}/{year}"',
        f'"Log Time","{clock}"',
        f'"Sample Rate","{rate:.3f}","Hz"',
        f'"Duration","{second[-1] if len(second) else 0:.3f}","s"',
        '"Range","entire outing"',
        '"Beacon Markers",""',
        "",
        "",
        ",".join(f'"{c[0]}"' for c in columns),
        ",".join(f'"{c[1]}"' for c in columns),
        "",
        "",
    ]
    with path.open("w", encoding="utf-8", newline="\r\n") as out:
        out.write("\n".join(head) + "\n")
        np.savetxt(out, np.column_stack([c[2] for c in columns]), fmt=[c[3] for c in columns], delimiter=",")


FORMAT = Format("motec_csv", "MoTeC i2 CSV", (".csv",), _sniff, _read, _write)
