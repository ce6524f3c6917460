"""DovesLapTimer .dovex: a session block of 1,024 bytes with the device's lap times, then a CSV of samples."""

from __future__ import annotations

import re

import numpy as np

from kinema.core.recording import Recording
from kinema.core.streams import Series
from kinema.core.time import gps_ns_from_unix_ns
from kinema.errors import FormatError
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.channels import read_table, series_of, settings_of
from kinema.formats.column_names import Column, role_of, split_unit, whole
from kinema.formats.device_fixes import FixColumns, fixes_of


def _sniff(head: bytes, name: str) -> float:
    if head.startswith(b"datetime,driver,course") or (b"laps_ms" in head[:400] and b"best_lap_ms" in head[:400]):
        return 0.97
    return 0.95 if head.startswith(b"timestamp,sats,hdop,lat,lng,speed_mph") else 0.0


def _read(source: Source, options: ReadOptions) -> Recording:
    raw = bytes(source.data[:8192])
    at = raw.find(b"timestamp,")
    if at < 0:
        raise FormatError(source.path, "no table of samples", "", "was the file cut off?")
    end = raw.find(b"\n", at)
    facts, laps_ms = _session(raw[:at].decode("utf-8", "replace"))
    names = raw[at:end].decode("utf-8", "replace").strip().split(",")
    if "lat" not in names or "lng" not in names:
        raise FormatError(source.path, "no columns lat and lng", "", "was the file damaged?")
    values, issues = read_table(
        source, options, end + 1, len(names), (0, names.index("lat"), names.index("lng")), clock=(0, 1_000_000)
    )
    parts = [split_unit(n) for n in names]
    units = ["g" if n.startswith("accel") else u for n, (_, u) in zip(names, parts, strict=True)]
    columns = [Column(p[0], u, v) for p, u, v in zip(parts, units, values, strict=True)]
    by_role = {role_of(c.name): c for c in columns}
    t_ns = gps_ns_from_unix_ns(whole(values[0], 1e6))

    fixes, odd = fixes_of(source, FixColumns.of_roles(t_ns, by_role))
    skip = ("time", "lat", "lon", "height", "heading", "accuracy", "hdop", "satellites")
    streams: dict[str, object] = {"fixes": fixes, **series_of(t_ns, columns, skip=skip)}
    if laps_ms:
        # Durations only: the device does not say when its laps began.
        streams["device_lap_times"] = Series(np.full(len(laps_ms), t_ns[0]), np.array(laps_ms) * 1e-3, "s")
    return Recording(
        streams,
        issues=(*issues, *odd),
        sources=(source.name,),
        name=facts.get("course", ""),
        settings=settings_of(driver=facts.get("driver"), track=facts.get("short_name")),
    )


def _session(text: str) -> tuple[dict[str, str], list[float]]:
    lines = [line.strip("\0 ") for line in text.splitlines() if line.strip("\0 ")]
    facts: dict[str, str] = {}
    laps: list[float] = []
    for k in range(len(lines) - 1):
        if lines[k].startswith("datetime,"):
            facts = dict(zip(lines[k].split(","), lines[k + 1].split(","), strict=False))
        if lines[k] == "laps_ms":
            laps = [float(x) for x in lines[k + 1].split(",") if re.fullmatch(r"\d{1,10}", x.strip())]
    return facts, laps


FORMAT = Format("dovex", "DovesLapTimer dovex", (".dovex", ".dove"), _sniff, _read)
