"""u-blox binary logs (UBX): raw observations, broadcast ephemerides and the receiver's own fixes.

Message layouts after the u-blox F9 HPG 1.32 interface description (UBX-22008968): RXM-RAWX, RXM-SFRBX, NAV-PVT,
NAV-HPPOSLLH, NAV-COV, NAV-TIMELS, and ESF messages of receivers with an IMU (`ubx_esf`). Other messages, NMEA and RTCM
between the frames are passed over and counted.
"""

from __future__ import annotations

from typing import Any

from kinema.core.recording import UNKNOWN_MOUNT, Recording
from kinema.errors import FormatError
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.ubx_esf import MEAS, RAW, esf_of
from kinema.formats.ubx_fixes import fixes_of
from kinema.formats.ubx_frames import PVT, RAWX, SFRBX, find_frames
from kinema.formats.ubx_nav import ephemerides_of
from kinema.formats.ubx_rawx import observations_of


def _sniff(head: bytes, name: str) -> float:
    if head[:2] == b"\xb5\x62":
        return 0.98
    if head.count(b"\xb5\x62\x01") + head.count(b"\xb5\x62\x02") >= 2:
        return 0.85
    return 0.3 if name.lower().endswith(".ubx") else 0.0


def read(source: Source, options: ReadOptions) -> Recording:
    """Read into "gnss" (RXM-RAWX), "ephemerides" (RXM-SFRBX), "fixes" (NAV-PVT), and "imu" and "wheels" (ESF-RAW,
    ESF-MEAS), as there are.

    Bytes between frames, wrong checksums and a cut end are counted, not fatal. Raises FormatError.
    """
    frames, found = find_frames(source)
    issues = list(found)
    streams: dict[str, Any] = {}
    if len(frames.of(RAWX, 16)):
        streams["gnss"], odd = observations_of(source, frames, options)
        issues += odd
    if len(frames.of(SFRBX, 8)):
        ephemerides, odd = ephemerides_of(source, frames)
        issues += odd
        if ephemerides is not None:
            streams["ephemerides"] = ephemerides
    if len(frames.of(PVT, 92)):
        streams["fixes"], odd = fixes_of(source, frames, options)
        issues += odd
    if len(frames.of(MEAS, 12)) or len(frames.of(RAW, 12)):
        sensors, odd = esf_of(source, frames, options)
        streams |= sensors
        issues += odd
    if not streams:
        have = ", ".join(sorted({f"{k >> 8:02X}-{k & 255:02X}" for k in frames.kind.tolist()})[:8])
        raise FormatError(
            source.path, f"only UBX messages that hold no motion ({have})", "", "log RXM-RAWX, NAV-PVT or ESF"
        )
    mounts = {"imu": UNKNOWN_MOUNT} if "imu" in streams else {}
    return Recording(streams, mounts=mounts, issues=tuple(issues), sources=(source.name,))


FORMAT = Format("ubx", "u-blox binary log", (".ubx",), _sniff, read)
