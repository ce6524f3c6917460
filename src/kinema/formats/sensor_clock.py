"""The times of a sensor's table: weeks, seconds since 1970 or since a start of their own, in whatever unit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.core.recording import Issue
from kinema.core.time import NS, WEEK_NS, gps_ns_from_unix_ns
from kinema.formats.base import Source
from kinema.formats.sensor_names import Layout
from kinema.formats.trajectory import RELATIVE_CLOCK, WEEK_UNKNOWN

UNIX_UNITS = ((946 * 10**15, 1), (946 * 10**12, 1000), (946 * 10**9, 10**6), (946 * 10**6, 10**9))
"""POSIX times since 1970 as ns, µs, ms and s, told apart by their size (after 2000): above this, nanoseconds of one."""
SELDOM_S = 100.0
"""Nobody logs more seldom: what would be so as time since 1970 counts from some start, in a finer unit."""
SOME = 1500


def some(rows: Any) -> Any:
    """Evenly spaced rows, SOME to twice as many: enough to see what a quantity usually is."""
    return rows[:: max(1, len(rows) // SOME)]


class Clock(NamedTuple):
    """GPS times (n,), and what is not known of them."""

    t_ns: I64
    issues: tuple[Issue, ...] = ()


def clock_of(source: Source, layout: Layout, columns: Mapping[int, Any]) -> Clock:
    """GPS nanoseconds of the time columns (whole numbers stay exact).

    Week and seconds of week; seconds of week alone (WEEK_UNKNOWN); POSIX times by their size; others count from
    some start of their own (RELATIVE_CLOCK).
    """
    if len(layout.time) == 2:
        week, tow = (np.asarray(columns[k]) for k in layout.time)
        tow_ns = np.round(tow * float(layout.time_unit_ns)).astype(np.int64)
        return Clock(np.round(week).astype(np.int64) * WEEK_NS + tow_ns)
    t = np.asarray(columns[layout.time[0]])
    middle = float(np.median(some(t))) if len(t) else 0.0
    name = layout.names[layout.time[0]]
    unix_unit = unix_unit_of(t, middle)
    issues: tuple[Issue, ...] = ()
    if unix_unit and unix_unit == NS and "gps" in name.split("_"):
        # seconds since 1980, not since 1970
        return Clock(_rounded(np.asarray(t, np.float64), NS))
    unit = unix_unit or layout.time_unit_ns
    if not unix_unit and (by_rate := unit_by_rate(t, layout)):
        unit = by_rate
        what = {10**6: "ms", 1000: "µs", 1: "ns"}[unit]
        issues = (Issue("unit found", 1, "", source.name, f"times in {what} by their rate"),)
    t_ns = t.astype(np.int64) * unit if np.issubdtype(t.dtype, np.integer) or unit == 1 else _rounded(t, unit)
    if unix_unit:
        return Clock(np.asarray(gps_ns_from_unix_ns(t_ns)))
    if "tow" in name or "sow" in name or "seconds_of_week" in name:
        detail = f"'{name}' are seconds of a GPS week that is not named; taken as that of the other streams"
        return Clock(t_ns, (Issue(WEEK_UNKNOWN, 1, "", source.name, detail),))
    detail = "times count from the file's own start"
    return Clock(
        t_ns,
        (
            *issues,
            Issue(RELATIVE_CLOCK, 1, "", source.name, detail),
        ),
    )


def unix_unit_of(t: Any, middle: float) -> int | None:
    """Nanoseconds of the unit of times about `middle`, if they count since 1970; else None."""
    unit = next((unit for above, unit in UNIX_UNITS if middle > above), None)
    step = np.diff(np.asarray(t[:SOME], np.float64))
    step = step[step > 0]
    return None if unit and len(step) and float(np.median(step)) * unit > SELDOM_S * NS else unit


def unit_by_rate(t: Any, layout: Layout) -> int | None:
    """A finer unit than seconds, where samples would come too seldom for what they are; None where seconds will do or
    the name of the time says its unit."""
    if layout.time_said:
        return None
    step = np.diff(np.asarray(t[:SOME], np.float64))
    step = step[step > 0]
    slowest = 0.25 if {"imu", "accelerometer", "gyroscope"} & set(layout.roles) else 5.0
    usual = float(np.median(step)) if len(step) else 0.0
    return next((unit for unit in (10**6, 1000, 1) if usual > slowest and usual * unit * 1e-9 <= slowest), None)


def _rounded(t: F64, unit_ns: int) -> I64:
    whole = np.floor(t)
    return whole.astype(np.int64) * unit_ns + np.round((t - whole) * unit_ns).astype(np.int64)
