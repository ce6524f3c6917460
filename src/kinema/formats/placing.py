"""Streams whose clocks mean another time than they say: other epochs, weeks rolled over, clocks of the logger's own.

What can be told without a doubt is put right, and told; what may be a mistake of the files is only named.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kinema.core.arrays import I64
from kinema.core.recording import Issue, Recording
from kinema.core.time import GPS_MINUS_UNIX_NS, NS, WEEK_NS, iso_gps, leap_seconds

MOVED = ("imu", "wheels", "steering", "odometry", "ranges")
"""Streams that are put into the time of the fixes or of the raw observations."""
ROLLOVER_NS = 1024 * WEEK_NS
RELATIVE_NS = 10 * WEEK_NS
"""Times before it count from some start of their own: nobody drove in 1980."""
CLOCK_UNKNOWN = "clock unknown"
"""Key of the settings of a recording that names the streams whose clock began with the logger."""


def in_one_time(recording: Recording) -> Recording:
    """The recording with its sensors in the time of its satellites, as far as that can be told."""
    reference = next((recording.streams[role] for role in ("fixes", "gnss") if role in recording.streams), None)
    t_ref: Any = getattr(reference, "t_ns", ())
    loose = {role: stream.t_ns for role, stream in recording.streams.items()
             if role in MOVED and len(getattr(stream, "t_ns", ())) > 1}  # fmt: skip
    loose = {role: t for role, t in loose.items() if len(t_ref) and not _meets(t, t_ref)}
    if not loose or "imu" not in recording.streams or t_ref[0] < RELATIVE_NS:
        return recording
    shift: dict[str, int] = {}
    issues: list[Issue] = []
    relative = {role: t for role, t in loose.items() if -WEEK_NS < t[0] < RELATIVE_NS}
    if "imu" in relative:
        # what shares the logger's clock is moved with the IMU
        first = relative["imu"]
        for role, t in relative.items():
            shift[role] = int(t_ref[0]) - int(first[0]) if _meets(t, first) else int(t_ref[0]) - int(t[0])
        detail = f"{', '.join(shift)} put at the begin of the fixes; when that was is found by their turns"
        issues.append(Issue("clock began with the logger", len(shift), "", "", detail))
    for role, t in loose.items():
        named = None if role in shift else _known_shift(t, t_ref)
        if named:
            shift[role] = named[0]
            issues.append(Issue("time put right", 1, iso_gps(int(t[0]), 0), role, named[1]))
    if not shift:
        return recording
    streams = {role: replace(stream, t_ns=stream.t_ns + shift[role]) if role in shift else stream
               for role, stream in recording.streams.items()}  # fmt: skip
    settings = dict(recording.settings)
    if "imu" in relative:
        settings[CLOCK_UNKNOWN] = tuple(shift)
    return replace(recording, streams=streams, issues=(*recording.issues, *issues), settings=settings)


def _meets(t_ns: I64, other_ns: I64) -> bool:
    return bool(len(other_ns)) and int(t_ns[0]) <= int(other_ns[-1]) and int(t_ns[-1]) >= int(other_ns[0])


def _known_shift(t_ns: I64, t_ref: I64) -> tuple[int, str] | None:
    """A shift after which most of a stream lies in the time of the reference, and what it means."""
    leap_ns = int(leap_seconds(int(t_ns[0]))) * NS
    weeks = round((int(t_ref[0]) - int(t_ns[0])) / ROLLOVER_NS)
    for shift, what in (
        (GPS_MINUS_UNIX_NS - leap_ns, "seconds since 1980 (GPS) taken for such since 1970: moved by their difference"),
        (leap_ns - GPS_MINUS_UNIX_NS, "seconds since 1970 taken for such since 1980 (GPS): moved by their difference"),
        (weeks * ROLLOVER_NS, f"the GPS week has rolled over: moved by {weeks * 1024} weeks"),
    ):
        begin, end = max(int(t_ns[0]) + shift, int(t_ref[0])), min(int(t_ns[-1]) + shift, int(t_ref[-1]))
        if shift and end - begin > 0.5 * min(int(t_ns[-1] - t_ns[0]), int(t_ref[-1] - t_ref[0])):
            return shift, what
    return None


def why_apart(t_ns: I64, t_ref: I64) -> str:
    """What two streams that do not meet look like, and what to do."""
    state = "state mounts.imu.time_offset_s in a kinema.toml"
    if min(int(t_ns[0]), int(t_ref[0])) < RELATIVE_NS:
        return f"one of them counts from its own start: {state}"
    apart = int(t_ref[0]) - int(t_ns[0])
    longest = max(int(t_ns[-1] - t_ns[0]), int(t_ref[-1] - t_ref[0]))
    weeks = round(apart / WEEK_NS)
    if weeks and abs(apart - weeks * WEEK_NS) < min(longest, WEEK_NS // 14):
        away = f"{_plural(abs(weeks), 'week')} apart at the same time of the week"
        return f"{away}: if a week number is wrong, {state}: {weeks * 604_800}.0"
    halves = round(apart / (1800 * NS))
    if halves and abs(halves) <= 28 and abs(apart - halves * 1800 * NS) < longest:
        hours = f"{abs(halves) / 2:g} h"
        return f"{hours} apart: if one is local time instead of UTC, {state}: {halves * 1800}.0"
    return "are they of one drive, and one clock (GPS or UTC)?"


def _plural(count: int, word: str) -> str:
    return f"{count} {word}" + ("s" if count != 1 else "")
