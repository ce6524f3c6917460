"""The phone app Sensor Logger: a folder of CSV files, one per sensor, each with time, seconds_elapsed, z, y, x.

Accelerometer.csv has gravity taken out and Gravity.csv holds it; TotalAcceleration.csv has both. Read together with
Gyroscope.csv they make the IMU. Times are nanoseconds since 1970. Metadata.csv beside them names the platform: on iOS,
unless "standardised", accelerations have the opposite sign (github.com/tszheichoi/awesome-sensor-logger).
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from kinema.core.recording import Issue, Recording
from kinema.core.streams import Series
from kinema.errors import FormatError
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.sensor_clock import clock_of
from kinema.formats.sensor_names import G_MPS2, layout_of
from kinema.formats.tables import line_at, read_numbers, sound_rows
from kinema.formats.trajectory import in_order

_ROLES = {
    "totalacceleration": ("accelerometer", "m/s2"), "accelerometeruncalibrated": ("accelerometer_uncalibrated", "m/s2"),
    "accelerometer": ("user_acceleration", "m/s2"), "gravity": ("gravity", "m/s2"),
    "gyroscopeuncalibrated": ("gyroscope_uncalibrated", "rad/s"), "gyroscope": ("gyroscope", "rad/s"),
}  # fmt: skip
_NAMES = ["time", "seconds_elapsed", "z", "y", "x"]
MOST = 1e5
"""No acceleration or rate of a phone is larger."""


def _names(head: bytes) -> list[str]:
    line = head.split(b"\n", 1)[0].decode("utf-8", "replace").strip().lstrip("\ufeff")
    return [cell.strip().strip('"') for cell in line.split(",")]


def _role(name: str) -> tuple[str, str] | None:
    stem = name.rpartition("/")[2].partition(".")[0].lower()
    return _ROLES.get(stem)


def _sniff(head: bytes, name: str) -> float:
    names = _names(head)
    return 0.93 if sorted(names) == sorted(_NAMES) else 0.0


def read(source: Source, options: ReadOptions) -> Recording:
    """One sensor's file as a Series; the file's name says which sensor. Raises FormatError."""
    names = _names(bytes(source.data[:8192]))
    role = _role(source.name)
    if sorted(names) != sorted(_NAMES):
        raise FormatError(source.path, "its columns are not time, seconds_elapsed, z, y, x", "line 1")
    if role is None:
        known = "Accelerometer, TotalAcceleration, Gravity or Gyroscope"
        raise FormatError(source.path, "which sensor it is cannot be told", "", f"name the file {known}.csv")
    start = bytes(source.data[:8192]).find(b"\n") + 1
    table = read_numbers(source, options, need=5, columns=5, start=start, separators=b",")
    columns = {name: table.values[:, k] for k, name in enumerate(names)}
    good = (columns["time"] > 1e17) & (columns["time"] < 4e18) & (np.abs(table.values[:, 2:]) < MOST).all(axis=1)
    table = sound_rows(source, options, table, np.asarray(good), "impossible time or value")
    columns = {name: table.values[:, k] for k, name in enumerate(names)}
    clock = clock_of(source, layout_of(["time"]), {0: columns["time"]})
    index, odd = in_order(source, clock.t_ns, options)
    value = np.stack([columns[axis] for axis in "xyz"], axis=1)[index]
    issues = [*table.issues, *odd]
    if role[1] == "m/s2" and _is_ios(source.path):
        value = -value
        issues.append(Issue("sign turned", 1, "", source.name, "iOS counts accelerations the other way round"))
    size = float(np.median(np.linalg.norm(value, axis=1))) if len(value) else 0.0
    if role[0].startswith("accelerometer") and 0.8 < size < 1.2:
        value = value * G_MPS2
        issues.append(Issue("unit found", 1, line_at(source, start), source.name, "specific force in g"))
    stream = Series(clock.t_ns[index], value, role[1], ("x", "y", "z"))
    return Recording({role[0]: stream}, issues=tuple(issues), sources=(source.name,))


def _is_ios(path: Path) -> bool:
    """What Metadata.csv beside the file says of the phone; not iOS where there is none."""
    beside = path.with_name("Metadata.csv")
    if not beside.is_file():
        return False
    rows = list(csv.DictReader(beside.read_text(encoding="utf-8", errors="replace")[:65536].splitlines()))
    told = {str(k).lower(): str(v).lower() for k, v in rows[0].items()} if rows else {}
    return "ios" in told.get("platform", "") and told.get("standardisation", "false") != "true"


FORMAT = Format("sensor_logger", "Sensor Logger (one phone sensor per CSV)", (".csv",), _sniff, read)
