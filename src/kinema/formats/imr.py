"""Inertial Explorer's binary IMU files (.imr): a header of 512 bytes, then a time and six counts for each sample.

Layout after NovAtel's description of the IMR format (docs.novatel.com/Waypoint, "IMR File"): "$IMURAW", byte order,
whether counts are increments or rates, their scales in degrees (per second) and metres per second (squared), and the
time's system: seconds of a GPS week that is not named.
"""

from __future__ import annotations

import struct

import numpy as np

from kinema.core.recording import Issue, Recording
from kinema.errors import FormatError
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.sensor_names import layout_of
from kinema.formats.sensor_table import recording_of

MAGIC = b"$IMURAW\0"
HEADER_BYTES, RECORD_BYTES = 512, 32
_FIELDS = "bdiidddiid32s"
_UTC = 1


def _sniff(head: bytes, name: str) -> float:
    return 1.0 if head.startswith(MAGIC) else 0.0


def read(source: Source, options: ReadOptions) -> Recording:
    """Read into "imu". Raises FormatError."""
    if bytes(source.data[:8]) != MAGIC or len(source.data) < HEADER_BYTES:
        raise FormatError(source.path, "no IMR file, or one that ends in its header", "byte 0", "copy it again")
    order = ">" if source.data[8] == 1 else "<"
    _, version, is_angle, is_speed, rate_hz, gyro, accel, system, _, bias_s, raw_name = struct.unpack_from(
        order + _FIELDS, source.data, 8
    )
    if not (0 < gyro < 1e6 and 0 < accel < 1e6 and 0 < rate_hz < 1e5 and abs(bias_s) < 1e6):
        what = f"scales {gyro:g} and {accel:g}, {rate_hz:g} Hz, time bias {bias_s:g} s cannot be"
        raise FormatError(source.path, what, "the header", "is it whole?")
    count, rest = divmod(len(source.data) - HEADER_BYTES, RECORD_BYTES)
    layout = np.dtype([("t", f"{order}f8"), ("w", f"{order}i4", (3,)), ("f", f"{order}i4", (3,))])
    rows = np.frombuffer(source.data, layout, count, HEADER_BYTES)
    if not count:
        raise FormatError(source.path, "no sample in it", f"byte {HEADER_BYTES}", "is the file whole?")
    rate_names = [f"dang_{axis}_deg" if is_angle else f"gyro_{axis}_degps" for axis in "xyz"]
    force_names = [f"dvel_{axis}_mps" if is_speed else f"acc_{axis}_mps2" for axis in "xyz"]
    columns = {0: rows["t"] - bias_s}
    for k in range(3):
        columns[1 + k], columns[4 + k] = rows["w"][:, k] * gyro, rows["f"][:, k] * accel
    names = ["tow_s", *rate_names, *force_names]
    found = recording_of(source, options, layout_of(names), columns, lambda row: f"sample {row + 1}")
    issues = list(found.issues)
    imu_name = raw_name.split(b"\0")[0].decode("ascii", "replace").strip()
    detail = f"'{imu_name}' at {rate_hz:g} Hz, version {version:g}"
    issues.append(Issue("made by", 1, "", source.name, detail))
    if rest:
        issues.append(Issue("last sample cut", 1, f"byte {len(source.data) - rest}", source.name, "left out"))
    if system == _UTC:
        issues.append(Issue("UTC", 1, "", source.name, "its seconds of the week are UTC's; a solution finds the leap"))
    return Recording(found.streams, found.mounts, tuple(issues), found.sources)


FORMAT = Format("imr", "Inertial Explorer IMU samples (.imr)", (".imr",), _sniff, read)
