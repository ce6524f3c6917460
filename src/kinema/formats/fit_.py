"""FIT of watches and bike computers, decoded by fitdecode; written as a minimal activity."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.core.event import Lap
from kinema.core.frames import geodetic_from_ecef
from kinema.core.recording import Issue, Recording
from kinema.core.solution import Solution
from kinema.core.time import gps_ns_from_unix_ns, unix_ns_from_gps_ns
from kinema.errors import FormatError
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.channels import series_of
from kinema.formats.column_names import Column, whole
from kinema.formats.device_fixes import FixColumns, fixes_of

_DEGREES = 180.0 / 2**31
FIT_EPOCH_S = 631_065_600
"""1989-12-31T00:00:00Z as POSIX seconds."""
_SKIP = ("position_lat", "position_long", "timestamp", "altitude", "enhanced_altitude", "speed")
_NAMES = {"enhanced_speed": "speed", "enhanced_respiration_rate": "respiration_rate"}


def _sniff(head: bytes, name: str) -> float:
    return 1.0 if head[8:12] == b".FIT" else 0.0


def _read(source: Source, options: ReadOptions) -> Recording:
    rows, laps, sport, cut = _messages(source)
    if not rows:
        raise FormatError(source.path, "no record messages in it", "", "is it an activity?")
    stamp = np.array([r.get("timestamp", np.nan) for r in rows])
    keep = np.isfinite(stamp)
    rows = [r for r, k in zip(rows, keep, strict=True) if k]
    t_ns = gps_ns_from_unix_ns(whole(stamp[keep], 1e9))
    units = {n: v[1] for r in rows for n, v in r.items() if n != "timestamp"}
    columns = [Column(n, u, _column(rows, n)) for n, u in units.items()]
    by_name = {c.name: c for c in columns}
    issues = [Issue("file ends early", 1, "", source.name, cut)] if cut else []
    streams: dict[str, Any] = series_of(
        t_ns, [Column(_NAMES.get(c.name, c.name), c.unit, c.values) for c in columns if c.name not in _SKIP]
    )
    if "position_lat" in by_name and "position_long" in by_name:
        streams["fixes"], odd = _fixes(source, t_ns, by_name)
        issues += odd
    else:
        issues.append(Issue("no positions", 1, "", source.name, "indoors?"))
    if laps:
        streams["device_laps"] = laps
    if cut and options.on_bad == "raise":
        raise FormatError(source.path, f"file ends early ({cut})", "", "read with --on-bad skip to use what is there")
    return Recording(
        streams,
        issues=tuple(issues),
        sources=(source.name,),
        name=source.name,
        settings={"sport": sport} if sport else {},
    )


def _fixes(source: Source, t_ns: I64, by_name: dict[str, Column]) -> tuple[Solution, list[Issue]]:
    def first(*names: str) -> F64 | None:
        return next((by_name[n].values for n in names if n in by_name), None)

    accuracy = first("gps_accuracy")
    lat, lon = by_name["position_lat"].values * _DEGREES, by_name["position_long"].values * _DEGREES
    fixes, odd = fixes_of(
        source,
        FixColumns(
            t_ns, lat, lon, first("enhanced_altitude", "altitude"), first("enhanced_speed", "speed"), None, accuracy
        ),
        drop_repeats=False,
    )
    return fixes, list(odd)


def _messages(source: Source) -> tuple[list[dict[str, Any]], tuple[Lap, ...], str, str]:
    """Record rows as name → (value, unit), laps, sport, and why reading stopped (empty: at the end)."""
    import fitdecode

    rows: list[dict[str, Any]] = []
    laps: list[Lap] = []
    sport, cut = "", ""
    try:
        with _reader(source) as frames:
            for frame in frames:
                if not isinstance(frame, fitdecode.FitDataMessage):
                    continue
                if frame.name == "record":
                    rows.append(_row(frame))
                elif frame.name == "lap":
                    laps.extend(_lap(frame, len(laps)))
                elif frame.name in ("session", "sport") and frame.has_field("sport"):
                    sport = sport or str(frame.get_value("sport"))
    except (fitdecode.FitError, struct.error, ValueError, KeyError, IndexError, TypeError, AssertionError) as error:
        cut = str(error)[:80] or type(error).__name__
        if not rows:
            raise FormatError(source.path, f"not readable as FIT ({cut})", "", "was it copied whole?") from None
    return rows, tuple(laps), sport, cut


def _reader(source: Source) -> Any:
    """The decoder, silent about what it can step over."""
    import fitdecode

    quiet = fitdecode.ErrorHandling.IGNORE
    return fitdecode.FitReader(bytes(source.data), check_crc=fitdecode.CrcCheck.DISABLED, error_handling=quiet)


def _row(frame: Any) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for field in frame.fields:
        value = field.value
        if field.name == "timestamp":
            if hasattr(value, "timestamp"):
                row["timestamp"] = value.timestamp()
        elif isinstance(value, (int, float)) and not isinstance(value, bool) and not field.name.startswith("unknown"):
            # A developer field may repeat a native one: the native one is kept under the plain name.
            row.setdefault(field.name.replace(" ", "_").lower(), (float(value), field.units or ""))
    return row


def _lap(frame: Any, known: int) -> list[Lap]:
    start, total = frame.get_value("start_time", fallback=None), frame.get_value("total_elapsed_time", fallback=None)
    if not hasattr(start, "timestamp") or not isinstance(total, (int, float)) or total <= 0:
        return []
    t0 = gps_ns_from_unix_ns(round(start.timestamp() * 1e9))
    distance = frame.get_value("total_distance", fallback=None)
    return [
        Lap("timed", "", t0, t0 + round(float(total) * 1e9), "watch", 0.5, 0.5, {"timer": "device"}, number=known + 1,
            time_sigma_s=0.01, distance_m=float(distance) if isinstance(distance, (int, float)) else float("nan"))
    ]  # fmt: skip


def _column(rows: list[dict[str, Any]], name: str) -> F64:
    return np.array([r[name][0] if name in r else np.nan for r in rows], dtype=np.float64)


def _crc(data: bytes) -> int:
    """CRC-16 of the FIT protocol (polynomial 0xA001, reflected)."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc


def _write(solution: Solution, path: Path) -> None:
    """An activity of record messages: time (whole seconds), position, altitude, speed."""
    use = solution.select(solution.valid)
    unix_s = np.asarray(unix_ns_from_gps_ns(use.t_ns)) // 1_000_000_000
    use = use.select(np.concatenate([[True], np.diff(unix_s) > 0]))
    stamp = np.asarray(unix_ns_from_gps_ns(use.t_ns)) // 1_000_000_000 - FIT_EPOCH_S
    lat, lon, h = geodetic_from_ecef(use.p_e_m)
    speed = use.channels["speed"].value if "speed" in use.channels else np.linalg.norm(use.v_e_mps, axis=1)
    body = bytearray()
    # file_id: type activity, manufacturer development, time created.
    body += struct.pack("<BBBHB9B", 0x40, 0, 0, 0, 3, 0, 1, 0x00, 1, 2, 0x84, 4, 4, 0x86)
    body += struct.pack("<BBHI", 0x00, 4, 255, int(stamp[0]) if len(stamp) else 0)
    # record: timestamp, position_lat, position_long, enhanced_altitude, enhanced_speed.
    body += struct.pack("<BBBHB15B", 0x41, 0, 0, 20, 5, 253, 4, 0x86, 0, 4, 0x85, 1, 4, 0x85, 78, 4, 0x86, 73, 4, 0x86)
    semi_lat = np.round(np.degrees(lat) / _DEGREES).astype(np.int64)
    semi_lon = np.clip(np.round(np.degrees(lon) / _DEGREES), -(2**31), 2**31 - 1).astype(np.int64)
    altitude = np.clip(np.round((h + 500) * 5), 0, 2**32 - 2).astype(np.int64)
    fast = np.where(np.isfinite(speed), np.round(np.nan_to_num(speed) * 1000), 2**32 - 1).astype(np.int64)
    for k in range(len(stamp)):
        body += struct.pack("<BIiiII", 0x01, stamp[k], semi_lat[k], semi_lon[k], altitude[k], fast[k])
    head = struct.pack("<BBHI4s", 14, 0x20, 2140, len(body), b".FIT")
    whole = head + struct.pack("<H", _crc(head)) + bytes(body)
    path.write_bytes(whole + struct.pack("<H", _crc(whole)))


FORMAT = Format("fit", "FIT activity", (".fit",), _sniff, _read, _write)
