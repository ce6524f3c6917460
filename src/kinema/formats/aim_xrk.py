"""AiM XRK and XRZ logger files, through libxrk (`pip install kinema[aim]`)."""

from __future__ import annotations

from typing import Any

import numpy as np

from kinema.core.event import Lap
from kinema.core.recording import Issue, Recording
from kinema.core.streams import Series
from kinema.errors import ConfigError, FormatError
from kinema.formats.aim_csv import LOCAL_TIME, clock_of
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.channels import settings_of
from kinema.formats.column_names import Column, to_si, whole
from kinema.formats.device_fixes import FixColumns, fixes_of


def _sniff(head: bytes, name: str) -> float:
    if name.lower().endswith((".xrk", ".xrz")):
        return 0.95 if head.startswith((b"<h", b"\x78")) else 0.6
    return 0.0


def _read(source: Source, options: ReadOptions) -> Recording:
    try:
        from libxrk import aim_xrk
    except ImportError:
        raise ConfigError(f"{source.path}: AiM files need libxrk; pip install 'kinema[aim]'") from None
    try:
        log = aim_xrk(bytes(source.data))
    except Exception as error:
        # The library tells of damage by several kinds of errors.
        raise FormatError(
            source.path, f"not readable as AiM XRK ({str(error)[:60]})", "", "was it copied whole?"
        ) from None
    origin_ns, dated = clock_of(str(log.metadata.get("Log Date", "")), str(log.metadata.get("Log Time", "")))
    channels = {name: _channel(table, name) for name, table in log.channels.items()}
    by_name = {name.lower(): c for name, c in channels.items()}
    if "gps latitude" not in by_name or "gps longitude" not in by_name:
        raise FormatError(source.path, "no GPS channels in it", "", "was a GPS connected?")
    ms, lat, _ = by_name["gps latitude"]
    t_ns = origin_ns + whole(ms, 1e6)

    def same(name: str) -> np.ndarray | None:
        c = by_name.get(name)
        return to_si(np.interp(ms, c[0], c[1]), c[2])[0] if c is not None and len(c[0]) else None

    lon = by_name["gps longitude"][1]
    columns = FixColumns(t_ns, lat, lon, same("gps altitude"), same("gps speed"), None, same("gps posaccuracy"))
    fixes, odd = fixes_of(source, columns)
    streams: dict[str, Any] = {"fixes": fixes, **_series(channels, origin_ns)}
    streams["device_laps"] = _laps(log.laps.to_pydict(), origin_ns)
    issue = Issue(LOCAL_TIME, 1, "", source.name, "taken as UTC" if dated else "no date: put on 1980-01-06")
    settings = settings_of(
        track=log.metadata.get("Venue"), driver=log.metadata.get("Driver"), vehicle=log.metadata.get("Vehicle")
    )
    return Recording(streams, issues=(issue, *odd), sources=(source.name,), name=source.name, settings=settings)


def _series(channels: dict[str, tuple[np.ndarray, np.ndarray, str]], origin_ns: int) -> dict[str, Series]:
    """The logger's channels in SI, but for those of the position."""
    streams = {}
    for name, (at_ms, value, unit) in channels.items():
        column = Column(name, unit, value)
        if column.role not in ("lat", "lon", "height", "time") and len(at_ms) and np.isfinite(value).all():
            values, si = column.si()
            streams[column.role] = Series(origin_ns + whole(at_ms, 1e6), values, si)
    return streams


def _laps(laps: dict[str, list[float]], origin_ns: int) -> tuple[Lap, ...]:
    """The beacon's laps; the parts before the first and after the last are none."""
    starts, ends = laps.get("start_time", []), laps.get("end_time", [])
    found = []
    for k, (start_ms, stop_ms) in list(enumerate(zip(starts, ends, strict=True)))[1:-1]:
        t0_ns, t1_ns = origin_ns + round(start_ms * 1e6), origin_ns + round(stop_ms * 1e6)
        timed: dict[str, Any] = {"number": k, "time_sigma_s": 0.0014}
        found.append(Lap("timed", "", t0_ns, t1_ns, "beacon", 0.001, 0.001, {"timer": "device"}, **timed))
    return tuple(found)


def _channel(table: Any, name: str) -> tuple[np.ndarray, np.ndarray, str]:
    """Times (ms), values and unit of one channel's Arrow table."""
    field = table.schema.field(name)
    unit = (field.metadata or {}).get(b"units", b"").decode("utf-8", "replace")
    ms = table.column("timecodes").to_numpy().astype(np.float64)
    return ms, table.column(name).to_numpy().astype(np.float64), unit


FORMAT = Format("aim_xrk", "AiM XRK", (".xrk", ".xrz"), _sniff, _read)
