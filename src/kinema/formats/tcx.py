"""Garmin TCX: track points with heart rate, cadence, speed and power, and the watch's laps."""

from __future__ import annotations

import datetime as dt
import re

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.core.event import Lap
from kinema.core.recording import Issue, Recording
from kinema.core.time import gps_ns_from_unix_ns
from kinema.errors import FormatError
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.channels import series_of
from kinema.formats.column_names import Column
from kinema.formats.device_fixes import FixColumns, fixes_of

_POINT = re.compile(rb"<(/?)(?:\w+:)?Trackpoint\b[^<>]*>")
_VALUES = {
    "lat": (rb"LatitudeDegrees", ""), "lon": (rb"LongitudeDegrees", ""), "height": (rb"AltitudeMeters", "m"),
    "distance": (rb"DistanceMeters", "m"), "cadence": (rb"(?:Run)?Cadence", "1/min"), "speed": (rb"Speed", "m/s"),
    "power": (rb"Watts", "W"), "heart_rate": (rb"HeartRateBpm[^>]*>\s*<(?:\w+:)?Value", "1/min"),
}  # fmt: skip
_PATTERNS = {k: re.compile(rb"<(?:\w+:)?" + tag + rb">\s*([-+0-9.eE]+)") for k, (tag, _) in _VALUES.items()}
_TIME = re.compile(rb"<(?:\w+:)?Time>\s*([^<\s]+)")
_LAP = re.compile(rb"<(?:\w+:)?(?:Lap\s+StartTime=\"([^\"<>]+)\"|TotalTimeSeconds>\s*(\d{1,7}(?:\.\d*)?))")


def _sniff(head: bytes, name: str) -> float:
    return 0.97 if b"TrainingCenterDatabase" in head else 0.0


def _read(source: Source, options: ReadOptions) -> Recording:
    blocks, cut = _blocks(bytes(source.data))
    if not blocks:
        raise FormatError(source.path, "no track points in it", "", "is it an activity?")
    if cut and options.on_bad == "raise":
        raise FormatError(source.path, "a track point without its end", "", "read with --on-bad skip to leave it out")
    times = [_TIME.search(b) for b in blocks]
    stamped = [(m[1], b) for m, b in zip(times, blocks, strict=True) if m]
    t_ns, bad = _times([m for m, _ in stamped])
    missing = len(blocks) - len(stamped) + int(bad.sum())
    if missing and options.on_bad == "raise":
        raise FormatError(
            source.path, "a track point without a readable time", "", "read with --on-bad skip to leave it out"
        )
    issues = [Issue("track point without time", missing, "", source.name)] if missing else []
    issues += [Issue("track point without its end", cut, "", source.name)] if cut else []
    blocks = [b for (_, b), wrong in zip(stamped, bad, strict=True) if not wrong]
    values = {k: _values(p, blocks) for k, p in _PATTERNS.items()}
    fixes, odd = fixes_of(
        source, FixColumns(t_ns, values["lat"], values["lon"], values["height"], values["speed"]), drop_repeats=False
    )
    columns = [Column(k, _VALUES[k][1], v) for k, v in values.items()]
    streams: dict[str, object] = {"fixes": fixes, **series_of(t_ns, columns, skip=("lat", "lon", "height"))}
    laps = _laps(bytes(source.data))
    if laps:
        streams["device_laps"] = laps
    return Recording(streams, issues=(*issues, *odd), sources=(source.name,), name=source.name)


def _blocks(data: bytes) -> tuple[list[bytes], int]:
    """What stands in each track point, and how many of them are not closed."""
    blocks, opened, cut = [], -1, 0
    for tag in _POINT.finditer(data):
        if not tag[1]:
            cut += opened >= 0
            opened = tag.end()
        elif opened >= 0:
            blocks.append(data[opened : tag.start()])
            opened = -1
    return blocks, cut + (opened >= 0)


def _values(pattern: re.Pattern[bytes], blocks: list[bytes]) -> F64:
    found = [m[1] if (m := pattern.search(b)) else b"nan" for b in blocks]
    try:
        return np.array(found, dtype=np.float64)
    except ValueError:
        return np.array([_float(x) for x in found])


def _float(text: bytes) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan


def _times(texts: list[bytes]) -> tuple[I64, np.ndarray]:
    """GPS times of ISO stamps that can be read (UTC unless they carry an offset), and which cannot."""
    unix, bad = np.zeros(len(texts), dtype=np.int64), np.zeros(len(texts), dtype=np.bool_)
    for k, text in enumerate(texts):
        try:
            when = dt.datetime.fromisoformat(text.decode("ascii"))
        except (ValueError, UnicodeDecodeError):
            bad[k] = True
            continue
        if not 1970 < when.year < 2200:
            bad[k] = True
            continue
        when = when if when.tzinfo else when.replace(tzinfo=dt.UTC)
        unix[k] = round(when.timestamp() * 1e6) * 1000
    return gps_ns_from_unix_ns(unix[~bad]), bad


def _laps(data: bytes) -> tuple[Lap, ...]:
    """The watch's laps: each start with the first total time behind it."""
    laps: list[Lap] = []
    start = b""
    for begun, total in _LAP.findall(data):
        if begun:
            start = begun
            continue
        t_ns, bad = _times([start])
        start = b""
        if bad[0]:
            continue
        t0, took_ns = int(t_ns[0]), round(float(total) * 1e9)
        laps.append(
            Lap("timed", "", t0, t0 + took_ns, "watch", 0.5, 0.5, {"timer": "device"}, number=len(laps) + 1,
                time_sigma_s=0.01)
        )  # fmt: skip
    return tuple(laps)


FORMAT = Format("tcx", "Garmin TCX", (".tcx",), _sniff, _read)
