"""GPS time as int64 nanoseconds since 1980-01-06T00:00:00, and the only way from and to UTC.

Subtract times as integers, then convert. BeiDou time is GPS − 14 s; Galileo and QZSS system time are taken
as GPS time; GLONASS system time is UTC + 3 h (IS-GPS-200, BDS-SIS-ICD, GLONASS ICD 5.1).
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Any, overload

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.errors import ConfigError

NS = 1_000_000_000
DAY_NS = 86_400 * NS
WEEK_S = 604_800
WEEK_NS = WEEK_S * NS
BDT_MINUS_GPS_NS = -14 * NS
BDT_WEEK_OFFSET = 1356
GPS_EPOCH = dt.datetime(1980, 1, 6, tzinfo=dt.UTC)
GPS_MINUS_UNIX_NS = int(GPS_EPOCH.timestamp()) * NS

# Leap seconds since the GPS epoch (IERS Bulletin C): the UTC day from which GPS − UTC has this many seconds.
LEAPS: tuple[tuple[str, int], ...] = (
    ("1980-01-06", 0), ("1981-07-01", 1), ("1982-07-01", 2), ("1983-07-01", 3), ("1985-07-01", 4),
    ("1988-01-01", 5), ("1990-01-01", 6), ("1991-01-01", 7), ("1992-07-01", 8), ("1993-07-01", 9),
    ("1994-07-01", 10), ("1996-01-01", 11), ("1997-07-01", 12), ("1999-01-01", 13), ("2006-01-01", 14),
    ("2009-01-01", 15), ("2012-07-01", 16), ("2015-07-01", 17), ("2017-01-01", 18),
)  # fmt: skip
LEAPS_EXPIRE = "2027-06-28"
"""No leap second is announced before this day; later times carry an uncertainty of a whole second."""

_LEAP_UTC_NS = np.array([int(dt.datetime.fromisoformat(day + "T00:00:00+00:00").timestamp()) * NS for day, _ in LEAPS])
_LEAP_S = np.array([seconds for _, seconds in LEAPS], dtype=np.int64)
_LEAP_GPS_NS = _LEAP_UTC_NS - GPS_MINUS_UNIX_NS + _LEAP_S * NS


def _interval(edges: I64, t_ns: int | I64) -> Any:
    """Which interval of a table each time is in; recordings lie within one, which is looked up once."""
    t = np.asarray(t_ns)
    ends = np.searchsorted(edges, np.array([t.min(), t.max()]) if t.size > 1 else t, side="right")
    if t.size > 1 and ends[0] != ends[-1]:
        ends = np.searchsorted(edges, t, side="right")
    elif t.size > 1:
        ends = np.broadcast_to(ends[0], t.shape)
    return np.maximum(ends - 1, 0)


@overload
def leap_seconds(t_ns: int) -> int: ...
@overload
def leap_seconds(t_ns: I64) -> I64: ...
def leap_seconds(t_ns: int | I64) -> int | I64:
    """GPS − UTC in seconds at GPS time `t_ns`."""
    leap = _LEAP_S[_interval(_LEAP_GPS_NS, t_ns)]
    return int(leap) if np.ndim(leap) == 0 else leap


@overload
def gps_ns_from_unix_ns(unix_ns: int) -> int: ...
@overload
def gps_ns_from_unix_ns(unix_ns: I64) -> I64: ...
def gps_ns_from_unix_ns(unix_ns: int | I64) -> int | I64:
    """GPS nanoseconds from UTC as POSIX nanoseconds (which have no leap seconds)."""
    leap = _LEAP_S[_interval(_LEAP_UTC_NS, unix_ns)]
    gps = np.asarray(unix_ns) - GPS_MINUS_UNIX_NS + leap * NS
    return int(gps) if np.ndim(gps) == 0 else gps


@overload
def unix_ns_from_gps_ns(t_ns: int) -> int: ...
@overload
def unix_ns_from_gps_ns(t_ns: I64) -> I64: ...
def unix_ns_from_gps_ns(t_ns: int | I64) -> int | I64:
    """UTC as POSIX nanoseconds from GPS nanoseconds."""
    return t_ns + GPS_MINUS_UNIX_NS - leap_seconds(t_ns) * NS


def gps_ns_from_datetime(when: dt.datetime) -> int:
    """GPS nanoseconds from an aware datetime (microsecond resolution)."""
    if when.tzinfo is None:
        raise ConfigError(f"time {when.isoformat()} has no time zone; write Z or an offset after it")
    delta = when - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    unix_ns = (delta.days * 86_400 + delta.seconds) * NS + delta.microseconds * 1000
    return gps_ns_from_unix_ns(unix_ns)


def gps_ns_from_calendar(year: int, month: int, day: int, second_of_day_ns: int = 0) -> int:
    """Nanoseconds from the GPS epoch to a calendar day counted without leap seconds (a GPS-time label)."""
    days = dt.date(year, month, day).toordinal() - dt.date(1980, 1, 6).toordinal()
    return days * DAY_NS + second_of_day_ns


def gps_ns_from_week(week: int, tow_s: float) -> int:
    """GPS nanoseconds from a full GPS week number and seconds of week."""
    return int(week) * WEEK_NS + round(tow_s * 1e9)


def week_tow(t_ns: int) -> tuple[int, float]:
    """Full GPS week and seconds of week."""
    week, rest = divmod(int(t_ns), WEEK_NS)
    return week, rest / 1e9


def seconds_since(t_ns: I64, origin_ns: int) -> F64:
    """Seconds from `origin_ns`, subtracted as integers."""
    return np.asarray(t_ns - origin_ns, dtype=np.float64) * 1e-9


def iso_utc(t_ns: int, decimals: int = 3) -> str:
    """ISO 8601 UTC text of a GPS time, truncated to `decimals`."""
    unix = unix_ns_from_gps_ns(int(t_ns))
    whole, rest = divmod(unix, NS)
    text = dt.datetime.fromtimestamp(whole, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return text + (f".{rest:09d}"[: decimals + 1] if decimals else "") + "Z"


def iso_gps(t_ns: int, decimals: int = 3) -> str:
    """Calendar text of a GPS time on the GPS scale (no leap seconds), as receivers and RINEX write it."""
    whole, rest = divmod(int(t_ns), NS)
    text = (GPS_EPOCH + dt.timedelta(seconds=whole)).strftime("%Y-%m-%d %H:%M:%S")
    return text + (f".{rest:09d}"[: decimals + 1] if decimals else "")


def parse_time(text: str, reference_ns: int) -> int:
    """GPS nanoseconds from what a person types.

    GPS seconds of week ("243298.5", in the week of `reference_ns`), "WEEK:TOW", or ISO 8601 (UTC unless it
    carries an offset). Raises ConfigError.
    """
    text = text.strip()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return int(reference_ns) // WEEK_NS * WEEK_NS + round(float(text) * 1e9)
    week = re.fullmatch(r"(\d{1,4}):(\d+(?:\.\d+)?)", text)
    if week:
        return gps_ns_from_week(int(week[1]), float(week[2]))
    try:
        when = dt.datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f"time '{text}' is neither GPS seconds of week, WEEK:TOW nor ISO 8601 (2024-06-24T08:20:00Z)"
        ) from None
    return gps_ns_from_datetime(when if when.tzinfo else when.replace(tzinfo=dt.UTC))
