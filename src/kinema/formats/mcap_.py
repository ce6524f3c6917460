"""MCAP logs of robots: IMU, satellite fixes and wheel speeds out of ROS 2, ROS 1, JSON and protobuf messages.

Read are sensor_msgs/Imu and NavSatFix, the forward speed of nav_msgs/Odometry, of twists and of velocity reports whose
topic speaks of wheels, odometry or the vehicle; and any JSON or protobuf message whose fields `sensor_names` knows
(linear_acceleration.x …), that has latitude and longitude, or a list of detections (`mcap_detections`). Of several
topics of a kind the first is taken, and told; cameras are kept apart.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.core.recording import Issue, Recording
from kinema.core.streams import Series
from kinema.errors import FormatError
from kinema.formats import mcap_detections
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.mcap_fixes import fixes_of, gps_of, with_velocity
from kinema.formats.mcap_objects import Unreadable, decoder, flat, table_of
from kinema.formats.mcap_records import MAGIC, Batch, Channel, batches
from kinema.formats.mcap_ros import SPECS, decoded, type_of
from kinema.formats.sensor_names import layout_of
from kinema.formats.sensor_table import recording_of
from kinema.formats.trajectory import in_order

_SPEED_TOPIC = re.compile(r"wheel|odom|vehicle|velocity_report|encoder|can\b|chassis", re.IGNORECASE)
_NO_SPEED = re.compile(r"filter|fused|gps|gnss|global|truth|visual|vio|lidar|slam|cmd|command|imu", re.IGNORECASE)
_SATELLITES = re.compile(r"gps|gnss|fix|navsat|ublox", re.IGNORECASE)
_IMU_NAMES = ["t_ns", *(f"acc_{axis}_mps2" for axis in "xyz"), *(f"gyro_{axis}_radps" for axis in "xyz")]


@dataclass
class _Gathered:
    """What came over one channel: times and named columns of each batch; or, of messages that are lists of detections,
    the records of each (`listing`). And how many messages were garbled."""

    channel: Channel
    t_ns: list[I64] = field(default_factory=list)
    fields: list[dict[str, F64]] = field(default_factory=list)
    detections: list[list[dict[str, Any]]] = field(default_factory=list)
    listing: bool | None = None
    garbled: int = 0

    def arrays(self) -> tuple[I64, dict[str, F64]]:
        """Times (n,) in nanoseconds, and the columns."""
        names = self.fields[0] if self.fields else {}
        t_ns = np.concatenate(self.t_ns) if self.t_ns else np.zeros(0, np.int64)
        return t_ns, {name: np.concatenate([one[name] for one in self.fields]) for name in names}

    def add_ros(self, fields: dict[str, F64], log_ns: I64) -> None:
        """Messages that carry the stamp of their header; where that is 0 the log's time counts."""
        stamp = fields.pop("stamp")
        t_ns = stamp[:, 0].astype(np.int64) * 1_000_000_000 + stamp[:, 1].astype(np.int64)
        self.t_ns.append(np.where(t_ns > 0, t_ns, log_ns))
        self.fields.append(fields)


def _sniff(head: bytes, name: str) -> float:
    return 1.0 if head.startswith(MAGIC) else 0.0


def _is_ros(channel: Channel) -> bool:
    return channel.encoding in ("cdr", "ros1") and type_of(channel.schema) in SPECS


Batches = Callable[[Source, ReadOptions, Callable[[Channel], bool], list[Issue]], Iterable[Batch]]
"""A log's messages of the wanted channels, stretch by stretch, telling what was odd."""


def read(source: Source, options: ReadOptions) -> Recording:
    """Read into "imu", "fixes" and "wheels", and what else messages with named numbers hold. Raises FormatError."""
    return read_log(source, options, batches)


def read_log(source: Source, options: ReadOptions, batches: Batches) -> Recording:
    """The streams of a log of messages, whatever contains them. Raises FormatError."""
    issues: list[Issue] = []
    gathered: dict[int, _Gathered] = {}
    useless: set[int] = set()
    seen: dict[str, str] = {}

    def wanted(channel: Channel) -> bool:
        seen.setdefault(channel.topic, channel.schema or channel.encoding)
        return _is_ros(channel) or channel.encoding in ("json", "protobuf")

    for batch in batches(source, options, wanted, issues):
        _gather(batch, gathered, useless)
    parts = [(one, _of_channel(source, options, one)) for one in gathered.values()]
    for one, part in parts:
        if one.garbled:
            issues.append(Issue("garbled message", one.garbled, one.channel.topic, source.name))
            if options.on_bad == "raise" and part is not None:
                remedy = "read with --on-bad skip to leave them out"
                raise FormatError(source.path, f"{one.garbled} garbled messages", one.channel.topic, remedy)
    recording = _joined(source, [(one, part) for one, part in parts if part is not None], issues)
    if not recording.streams:
        have = ", ".join(f"{topic} ({schema})" for topic, schema in list(seen.items())[:6]) or "no messages"
        raise FormatError(source.path, "no message of a sensor that can be read", "", f"it holds {have}"[:300])
    return recording


def _gather(batch: Batch, gathered: dict[int, _Gathered], useless: set[int]) -> None:
    for ident, found in batch.messages.items():
        if ident in useless:
            continue
        channel = batch.channels[ident]
        one = gathered.setdefault(ident, _Gathered(channel))
        start, length, log_ns = found.T
        if _is_ros(channel):
            data = np.frombuffer(batch.data, np.uint8)
            fields, whole = decoded(data, start, length, channel.schema, ros1=channel.encoding == "ros1")
            one.add_ros({name: value[whole] for name, value in fields.items()}, log_ns[whole])
            one.garbled += int((~whole).sum())
        elif not _objects(batch, one, found, log_ns):
            useless.add(ident)
            gathered.pop(ident)


def _objects(batch: Batch, one: _Gathered, found: I64, log_ns: I64) -> bool:
    """Take messages of named numbers; False where their kind is of no use."""
    channel = one.channel
    decode = decoder(channel.encoding, channel.schema, channel.schema_data)
    if decode is None:
        return False
    rows: list[dict[str, Any]] = []
    kept = np.zeros(len(found), np.bool_)
    for k, (start, length, _) in enumerate(found.tolist()):
        try:
            message = decode(bytes(batch.data[start : start + length]))
        except Unreadable:
            one.garbled += 1
            continue
        records, row = mcap_detections.records_of(message), flat(message)
        listed = records is not None and mcap_detections.is_known(records)
        if one.listing is None:
            if not listed and not _known(row):
                return False
            one.listing = listed
        if one.listing and not listed:
            one.garbled += 1
            continue
        if one.listing:
            one.detections.append(records or [])
        rows.append(row)
        kept[k] = True
    if rows:
        one.t_ns.append(_stamps(rows, log_ns[kept]))
    if rows and not one.listing:
        names = one.fields[0] if one.fields else [n for n, v in rows[0].items() if isinstance(v, int | float)]
        one.fields.append(table_of(rows, list(names)))
    return True


def _known(row: Mapping[str, Any]) -> bool:
    return {"latitude", "longitude"} <= set(row) or bool(layout_of(["t_ns", *_values(row)]).roles)


def _values(row: Mapping[str, object]) -> list[str]:
    return [name for name in row if not re.search(r"stamp|time|sec$", name)]


_SECONDS = ("header_stamp_sec", "header_stamp_secs", "timestamp_sec", "timestamp_seconds", "stamp_sec", "stamp_secs",
            "header_timestamp_sec")  # fmt: skip


def _stamps(rows: list[dict[str, Any]], log_ns: I64) -> I64:
    """The messages' own times in nanoseconds, or those of the log."""
    first = rows[0]
    whole = next((name for name in _SECONDS if name in first), "")
    if whole:
        part = whole.replace("seconds", "sec").removesuffix("s").removesuffix("sec")
        names = [part + end for end in ("nanosec", "nsec", "nsecs", "nanos")]
        rest = next((name for name in names if name in first), "")
        t = [int(_number(row.get(whole))) * 1_000_000_000 + int(_number(row.get(rest))) for row in rows]
        return np.where(np.array(t, object) > 0, t, log_ns).astype(np.int64)
    if isinstance(first.get("timestamp"), str):
        return np.array([_iso_ns(row.get("timestamp")) or int(log) for row, log in zip(rows, log_ns, strict=True)],
                        np.int64)  # fmt: skip
    return log_ns


def _number(value: Any) -> float:
    ok = isinstance(value, int | float) and abs(value) < 4e9
    return float(value) if ok else 0.0


def _iso_ns(text: Any) -> int:
    try:
        when = dt.datetime.fromisoformat(str(text))
    except ValueError:
        return 0
    delta = when.replace(tzinfo=when.tzinfo or dt.UTC) - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000_000 + delta.microseconds * 1000


def _of_channel(source: Source, options: ReadOptions, one: _Gathered) -> Recording | None:
    """The streams of a channel; None where it holds nothing of use."""
    t_ns, table = one.arrays()
    if not len(t_ns):
        return None
    kind, topic = type_of(one.channel.schema), one.channel.topic
    if one.detections:
        records = [record for each in one.detections for record in each]
        times = np.repeat(gps_of(t_ns), [len(each) for each in one.detections])
        return mcap_detections.recording_of(source, options, records, times.tolist(), topic)
    place = f"{topic}, message {{}}".format
    if "place" in table or {"latitude", "longitude"} <= set(table):
        return fixes_of(source, options, t_ns, table)
    if kind == "sensor_msgs/Imu" and "force" in table:
        columns = dict(enumerate([t_ns, *table["force"].T, *table["rate"].T]))
        return recording_of(source, options, layout_of(_IMU_NAMES), columns, lambda row: place(row + 1))
    if "twist" in table or "speeds" in table:
        return _speeds(source, options, t_ns, table, topic)
    names = _values(table)
    columns = dict(enumerate([t_ns, *(table[name] for name in names)]))
    layout = layout_of(["t_ns", *names], options.units)
    return recording_of(source, options, layout, columns, lambda row: place(row + 1)) if layout.roles else None


def _speeds(source: Source, options: ReadOptions, t_ns: I64, table: Mapping[str, F64], topic: str) -> Recording | None:
    """Forward speed as "wheels"; a receiver's velocity, east, north, up, as "velocity"."""
    index, issues = in_order(source, gps_of(t_ns), options)
    t = gps_of(t_ns)[index]
    if "twist" in table and _SATELLITES.search(topic):
        value = table["twist"][index][:, :3]
        return Recording({"velocity": Series(t, value, "m/s", ("east", "north", "up"))}, issues=issues)
    if not _SPEED_TOPIC.search(topic) or _NO_SPEED.search(topic):
        return None
    value = table["twist" if "twist" in table else "speeds"][index][:, :1]
    return Recording({"wheels": Series(t, value, "m/s", ("wheel",))}, issues=issues, sources=(source.name,))


def _joined(source: Source, parts: list[tuple[_Gathered, Recording]], issues: list[Issue]) -> Recording:
    streams: dict[str, Any] = {}
    mounts: dict[str, Any] = {}
    for one, part in parts:
        issues.extend(part.issues)
        mounts |= part.mounts
        for role, stream in part.streams.items():
            if role in streams and role in ("detections", "tracks"):
                # Each topic is a camera of its own.
                role = f"{role} {mcap_detections.camera_of(one.channel.topic)}"
            if role in streams:
                issues.append(Issue("topic left out", 1, one.channel.topic, source.name, f"another one is '{role}'"))
                continue
            streams[role] = stream
            issues.append(Issue("topic read as", 1, one.channel.topic, source.name, role))
    velocity = streams.pop("velocity", None)
    if velocity is not None and "fixes" in streams:
        streams["fixes"] = with_velocity(streams["fixes"], velocity)
    return Recording(streams, mounts=mounts, issues=tuple(issues), sources=(source.name,))


FORMAT = Format("mcap", "MCAP robot log", (".mcap",), _sniff, read)
