"""RaceChrono CSV, formats 2 and 3 (and the table of version 1): positions, channels of many sources, lap numbers."""

from __future__ import annotations

import itertools

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.core.recording import Issue, Recording
from kinema.core.time import gps_ns_from_unix_ns
from kinema.errors import FormatError
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.channels import laps_from_counter, read_table, series_of, settings_of
from kinema.formats.column_names import Column, cells_of, role_of, split_unit, whole
from kinema.formats.device_fixes import FixColumns, fixes_of
from kinema.formats.tables import MOST_NS, lines_of

SIGNATURE = b"created using RaceChrono"
_TIME = ("timestamp", "time", "unixtime")


def _sniff(head: bytes, name: str) -> float:
    return 0.98 if SIGNATURE in head[:200] else 0.0


def _read(source: Source, options: ReadOptions) -> Recording:
    facts, names, start = _header(source)
    units, sources = [""] * len(names), [""] * len(names)
    rows = list(itertools.islice(lines_of(source, start, 65_536), 2))
    # Format 3 writes a row of units and a row of sources below the names; format 2 carries both in the names.
    if rows and rows[0][0].lower().startswith(("unix time", "s,", ",")):
        units, start = _cells(rows[0][0], len(names)), rows[0][1]
        if len(rows) > 1 and not rows[1][0].lstrip(",").split(",")[0].replace(".", "").isdigit():
            sources = [s.split(":")[-1].strip() for s in _cells(rows[1][0], len(names))]
            start = rows[1][1]
    else:
        names, units, sources = _display_names(names)
    roles = [role_of(n) for n in names]
    time_k = next((k for k, n in enumerate(names) if n.lower().replace(" ", "") in _TIME), None)
    if time_k is None or "lat" not in roles or "lon" not in roles:
        raise FormatError(source.path, "no columns of time, latitude and longitude", "", "export it again as CSV v3")
    lat_k, lon_k = roles.index("lat"), roles.index("lon")
    values, issues = read_table(source, options, start, len(names), (time_k, lat_k, lon_k))
    columns = [Column(n, u, v, s) for n, u, v, s in zip(names, units, values, sources, strict=True)]
    t_ns, keep = _times(columns, time_k)
    if not keep.all():
        issues = (*issues, Issue("row without time", int((~keep).sum()), "", source.name))
        columns = [Column(c.name, c.unit, c.values[keep], c.source) for c in columns]
    return _recording(source, facts, columns, t_ns, roles, issues)


def _recording(
    source: Source, facts: dict[str, str], columns: list[Column], t_ns: I64, roles: list[str], issues: tuple[Issue, ...]
) -> Recording:
    def of(role: str, si: bool = True) -> F64 | None:
        column = next((c for c, r in zip(columns, roles, strict=True) if r == role), None)
        return None if column is None else column.si()[0] if si else column.values

    lat, lon = of("lat", False), of("lon", False)
    assert lat is not None
    assert lon is not None
    fixes, odd = fixes_of(
        source,
        FixColumns(t_ns, lat, lon, of("height"), of("speed"), of("heading", False), of("accuracy"), of("hdop", False),
                   of("satellites", False)),
    )  # fmt: skip
    streams: dict[str, object] = {"fixes": fixes}
    streams |= series_of(t_ns, columns, skip=("lat", "lon", "time", "height", "heading", "hdop", "satellites", "lap"))
    lap = of("lap", False)
    if lap is not None and len(laps := laps_from_counter(t_ns, lap, facts.get("Driver name", ""))):
        streams["device_laps"] = laps
    settings = settings_of(
        track=facts.get("Track name"), driver=facts.get("Driver name"), session=facts.get("Session title")
    )
    return Recording(
        streams, issues=(*issues, *odd), sources=(source.name,), name=facts.get("Session title", ""), settings=settings
    )


def _header(source: Source) -> tuple[dict[str, str], list[str], int]:
    """Facts above the table, its column names, and the byte after their row."""
    facts: dict[str, str] = {}
    for line, after in lines_of(source, most=65_536):
        cells = cells_of(line)
        if len(cells) > 4 and any(role_of(split_unit(c.split(" *")[0])[0]) == "lat" for c in cells):
            return facts, cells, after
        if len(cells) > 1:
            facts[cells[0]] = ",".join(cells[1:])
    raise FormatError(source.path, "RaceChrono header without a table", "", "was the export cut off?")


def _cells(line: str, count: int) -> list[str]:
    cells = cells_of(line)
    return [*cells, *[""] * count][:count]


def _display_names(names: list[str]) -> tuple[list[str], list[str], list[str]]:
    """Names, units and sources of "Speed (m/s) *gps" as format 2 writes them."""
    plain = [n.split(" *") for n in names]
    parts = [split_unit(p[0].replace("#", "number")) for p in plain]
    return [p[0] for p in parts], [p[1] for p in parts], [p[1].strip() if len(p) > 1 else "" for p in plain]


def _times(columns: list[Column], time_k: int) -> tuple[I64, np.ndarray]:
    """GPS times of the rows that have a possible one. The elapsed time has more digits than the time stamp: it refines
    it."""
    stamp = columns[time_k].values
    keep = np.abs(stamp) < MOST_NS / 1e9
    unix = np.where(keep, stamp, 0.0)
    elapsed = next((c.values for c in columns if c.name in ("elapsed_time", "Elapsed time")), None)
    unix_ns = whole(unix, 1e6) * 1000
    if elapsed is not None and keep.any() and np.isfinite(elapsed).all():
        origin_s = float(np.median(unix - elapsed))
        fine_ns = round(origin_s * 1e3) * 1_000_000 + whole(elapsed, 1e9)
        unix_ns = np.where(np.abs(fine_ns - unix_ns) < 2_000_000, fine_ns, unix_ns)
    return gps_ns_from_unix_ns(unix_ns[keep]), keep


FORMAT = Format("racechrono", "RaceChrono CSV v2 or v3", (".csv",), _sniff, _read)
