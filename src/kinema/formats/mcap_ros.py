"""ROS messages out of their bytes, all of a channel at once: common types of sensors, ROS 2 (CDR) and ROS 1.

CDR after OMG DDSI-RTPS 10 (plain CDR, either byte order): numbers aligned to their size behind the 4 bytes of the
encapsulation, texts with their length and a zero. ROS 1 aligns nothing and has a sequence number in its header.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kinema.core.arrays import F64, I64, U8, Bool

TEXT = ("", "text", 0)
_STAMP = (("stamp", "u4", 2), TEXT)
_TWIST = (*_STAMP, ("twist", "f8", 6))
SPECS: dict[str, tuple[tuple[str, str, int], ...]] = {
    "sensor_msgs/Imu": (
        *_STAMP, ("orientation", "f8", 4), ("", "f8", 9), ("rate", "f8", 3), ("", "f8", 9), ("force", "f8", 3)
    ),
    "sensor_msgs/NavSatFix": (
        *_STAMP, ("status", "i1", 1), ("", "u2", 1), ("place", "f8", 3), ("cov", "f8", 9), ("cov_type", "u1", 1)
    ),
    "nav_msgs/Odometry": (*_STAMP, TEXT, ("pose", "f8", 7), ("", "f8", 36), ("twist", "f8", 6)),
    "geometry_msgs/TwistStamped": _TWIST,
    "geometry_msgs/TwistWithCovarianceStamped": _TWIST,
    "autoware_vehicle_msgs/VelocityReport": (*_STAMP, ("speeds", "f4", 3)),
    "autoware_auto_vehicle_msgs/VelocityReport": (*_STAMP, ("speeds", "f4", 3)),
}  # fmt: skip
"""Fields of a message up to the last that is used: name ("" for one that is passed over), type, how many."""


def type_of(schema: str) -> str:
    """ "sensor_msgs/Imu" of "sensor_msgs/msg/Imu"."""
    return schema.replace("/msg/", "/")


def decoded(data: U8, start: I64, length: I64, schema: str, *, ros1: bool) -> tuple[dict[str, F64], Bool]:
    """The fields (n, k) of the messages at `start`, and which of them are whole (n,)."""
    end = start + length
    whole = length >= (16 if ros1 else 12)
    little = np.ones(len(start), np.bool_)
    at = start.copy()
    if not ros1:
        head = _gathered(data, start, end, whole, "u1", 2)
        little = head[:, 1] == 1
        whole &= (head[:, 0] == 0) & (head[:, 1] <= 1)
        at = start + 4
    origin = at.copy()
    if ros1:
        at = at + 4
    found: dict[str, F64] = {}
    for name, kind, count in SPECS[type_of(schema)]:
        if kind == "text":
            at = _aligned(at, origin, 4, ros1)
            size = _numbers(data, at, end, whole, little, "u4", 1)[:, 0].astype(np.int64)
            whole &= size <= end - at
            at = np.where(whole, at + 4 + size, at)
            continue
        width = np.dtype(kind).itemsize
        at = _aligned(at, origin, width, ros1)
        if name:
            found[name] = _numbers(data, at, end, whole, little, kind, count)
        at = at + width * count
        whole &= at <= end
    return found, whole


def _aligned(at: I64, origin: I64, width: int, ros1: bool) -> I64:
    return at if ros1 else at + (origin - at) % width


def _gathered(data: U8, at: I64, end: I64, whole: Bool, kind: str, count: int) -> Any:
    layout = np.dtype(kind)
    size = layout.itemsize * count
    inside = whole & (at + size <= end)
    safe = np.where(inside, at, 0)
    if len(data) < size:
        return np.zeros((len(at), count), layout)
    raw = np.ascontiguousarray(data[safe[:, None] + np.arange(size)]).view(layout)
    return np.where(inside[:, None], raw, 0)


def _numbers(data: U8, at: I64, end: I64, whole: Bool, little: Bool, kind: str, count: int) -> F64:
    values = _gathered(data, at, end, whole, "<" + kind, count).astype(np.float64)
    if not little.all():
        other = _gathered(data, at, end, whole, ">" + kind, count).astype(np.float64)
        values = np.where(little[:, None], values, other)
    return np.asarray(values, np.float64)
