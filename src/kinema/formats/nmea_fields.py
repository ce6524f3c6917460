"""The sentences of an NMEA log by epoch, and what each kind of them says: time, place, height, sigma, motion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from kinema.core.arrays import F64, I64, U8, Bool
from kinema.core.recording import Issue
from kinema.core.solution import Channel, FixStatus
from kinema.core.time import DAY_NS, NS, gps_ns_from_unix_ns
from kinema.formats.tables import calendar_days

KINDS = ("GGA", "GNS", "RMC", "GLL", "GST", "ZDA", "GSA", "VTG", "HDT")
GGA, GNS, RMC, GLL, GST, ZDA, GSA, VTG, HDT = range(9)
N_FIELDS = 18
LETTER = 1000.0
KNOT_MPS = 1852 / 3600

STATUS_OF_QUALITY = (
    FixStatus.NONE, FixStatus.SINGLE, FixStatus.DIFFERENTIAL, FixStatus.SINGLE, FixStatus.FIXED, FixStatus.FLOAT,
    FixStatus.DEAD_RECKONED, FixStatus.SINGLE, FixStatus.SINGLE, FixStatus.SBAS,
)  # fmt: skip
"""FixStatus by GGA quality; 7 is a position typed in, 8 a simulator's."""
STATUS_OF_MODE = {
    "N": FixStatus.NONE, "E": FixStatus.DEAD_RECKONED, "M": FixStatus.SINGLE, "S": FixStatus.SINGLE,
    "A": FixStatus.SINGLE, "P": FixStatus.SINGLE, "D": FixStatus.DIFFERENTIAL, "F": FixStatus.FLOAT,
    "R": FixStatus.FIXED,
}  # fmt: skip
UERE_M = {
    FixStatus.DEAD_RECKONED: 10.0, FixStatus.SINGLE: 4.0, FixStatus.DIFFERENTIAL: 1.5, FixStatus.SBAS: 1.5,
    FixStatus.FLOAT: 0.4, FixStatus.FIXED: 0.02,
}  # fmt: skip
"""Assumed error of one range: with a dilution of precision it makes the sigma where no GST tells one."""
NO_HEIGHT_SD_M = 100.0
NO_GEOID_SD_M = 30.0
"""RMS of the geoid above the ellipsoid over the Earth."""
HEIGHT_DRIFT_MPS = 0.5
"""Sigma that an interpolated height gains for each second from the nearest stated one."""
REST_MPS = 0.5
FASTEST_MPS = 700.0


class Found(NamedTuple):
    """The sentences of one kind: `row` (n,) of the last one of each epoch in `fields`, −1 where there is none."""

    fields: F64
    row: I64

    @property
    def has(self) -> Bool:
        """Epochs that have one (n,)."""
        return self.row >= 0

    def column(self, field: int) -> F64:
        """One field for each epoch (n,); NaN where there is none."""
        if not len(self.fields):
            return np.full(len(self.row), np.nan)
        return np.where(self.row >= 0, self.fields[self.row, field], np.nan)


def _seconds(hhmmss: F64) -> F64:
    """Seconds of the day of hhmmss.sss; NaN where that is no time."""
    whole = np.nan_to_num(hhmmss, nan=-1.0)
    h, m, s = whole // 10_000, whole % 10_000 // 100, whole % 100
    ok = (whole >= 0) & (h < 24) & (m < 60) & (s < 61)
    return np.where(ok, h * 3600 + m * 60 + s, np.nan)


_TIME_FIELD = {GGA: 0, GNS: 0, RMC: 0, GST: 0, ZDA: 0, GLL: 4}


def epochs_of(kind: U8, fields: F64) -> tuple[dict[int, Found], F64]:
    """Sentences by epoch, and seconds of day (n,): a new epoch where a sentence carries another time of day."""
    second = np.full(len(kind), np.nan)
    for which, field in _TIME_FIELD.items():
        rows = kind == which
        second[rows] = _seconds(fields[rows, field])
    timed = np.flatnonzero(np.isfinite(second))
    changes = np.ones(len(timed), np.bool_)
    changes[1:] = np.diff(second[timed]) != 0
    number = np.full(len(kind), -1, np.int64)
    number[timed] = np.cumsum(changes) - 1
    # Sentences without a time belong to the last one before them; those whose time is empty to none.
    carried = np.maximum.accumulate(number) if len(number) else number
    number = np.where(np.isin(kind, (GSA, VTG, HDT)), carried, number)
    n = int(changes.sum())
    found = {}
    for which in range(len(KINDS)):
        rows = np.flatnonzero((kind == which) & (number >= 0))
        last = np.full(n, -1, np.int64)
        last[number[rows]] = rows
        found[which] = Found(fields if len(rows) else fields[:0], last)
    return found, second[timed][changes]


def times_of(found: Mapping[int, Found], second: F64) -> tuple[I64, bool]:
    """GPS times (n,) of the epochs, and whether any sentence told a date."""
    n = len(second)
    rmc, zda = found[RMC], found[ZDA]
    ddmmyy = rmc.column(8)
    year = ddmmyy % 100
    day = calendar_days(year + np.where(year < 80, 2000, 1900), ddmmyy // 100 % 100, ddmmyy // 10_000)
    from_zda = calendar_days(zda.column(3), zda.column(2), zda.column(1))
    day = np.where(from_zda > 0, from_zda, day)
    known = np.flatnonzero(day > 0)
    midnights = np.concatenate([[0], np.cumsum(np.diff(second) < -43_200)])
    of_day_ns = np.round(second * NS).astype(np.int64)
    if not len(known):
        return midnights * DAY_NS + of_day_ns, False
    nearest = known[np.maximum(np.searchsorted(known, np.arange(n), side="right") - 1, 0)]
    day = np.where(day > 0, day, day[nearest] + midnights - midnights[nearest])
    # A leap second is second 60 of its minute: so the start of the day is what is converted.
    return gps_ns_from_unix_ns(day * DAY_NS) + of_day_ns, True


def _angle(value: F64, letter: F64, negative: str) -> F64:
    """Degrees of (d)ddmm.mmm and its hemisphere."""
    degrees = value // 100 + (value % 100) / 60
    return np.where(letter == LETTER + ord(negative), -degrees, degrees)


def status_of(found: Mapping[int, Found]) -> tuple[U8, bool]:
    """FixStatus of each epoch by the best sentence for it, and whether a simulator says so of itself."""
    modes = np.zeros(128, np.uint8)
    for letter, fix in STATUS_OF_MODE.items():
        modes[ord(letter)] = fix

    def of_letter(letter: F64, otherwise: str) -> U8:
        code = np.nan_to_num(letter - LETTER, nan=ord(otherwise))
        return modes[np.where((code > 0) & (code < 128), code, 0).astype(np.int64)]

    status = np.zeros(len(found[GGA].has), np.uint8)
    for kind, mode, active in ((GLL, 6, 5), (RMC, 11, 1)):
        one = found[kind]
        if not one.has.any():
            continue
        said = np.where(one.column(active) == LETTER + ord("A"), of_letter(one.column(mode), "A"), FixStatus.NONE)
        status = np.where(one.has, said, status).astype(np.uint8)
    if found[GNS].has.any():
        status = np.where(found[GNS].has, of_letter(found[GNS].column(5), "N"), status)
    quality = np.clip(np.nan_to_num(found[GGA].column(5), nan=0.0), 0, 9).astype(np.int64)
    status = np.where(found[GGA].has, np.array(STATUS_OF_QUALITY, np.uint8)[quality], status).astype(np.uint8)
    simulator = (quality == 8).any() or (found[RMC].column(11) == LETTER + ord("S")).any()
    return status, bool(simulator)


def places_of(found: Mapping[int, Found]) -> tuple[F64, F64, int]:
    """Latitude and longitude in degrees (n,), and how many were said but impossible."""
    n = len(found[GGA].has)
    lat, lon = np.full(n, np.nan), np.full(n, np.nan)
    impossible = np.zeros(n, np.bool_)
    for kind, at in ((GLL, 0), (RMC, 2), (GNS, 1), (GGA, 1)):
        one = found[kind]
        if not one.has.any():
            continue
        new_lat = _angle(one.column(at), one.column(at + 1), "S")
        new_lon = _angle(one.column(at + 2), one.column(at + 3), "W")
        possible = (np.abs(new_lat) <= 90) & (np.abs(new_lon) <= 180)
        impossible |= np.isfinite(new_lat) & np.isfinite(new_lon) & ~possible
        lat, lon = np.where(possible, new_lat, lat), np.where(possible, new_lon, lon)
    return lat, lon, int(impossible.sum())


def heights_of(found: Mapping[int, Found], t_ns: I64, name: str) -> tuple[F64, F64, list[Issue]]:
    """Ellipsoidal heights (n,), what they add to their sigma (n,), and what was missing."""
    gga, gns = found[GGA], found[GNS]
    msl, separation = (
        np.where(np.isfinite(gga.column(8)), a, b)
        for a, b in ((gga.column(8), gns.column(8)), (gga.column(10), gns.column(9)))
    )
    known = np.flatnonzero(np.isfinite(msl))
    if not len(known):
        detail = f"0 m above the ellipsoid assumed, ± {NO_HEIGHT_SD_M:g} m"
        return (
            np.zeros(len(t_ns)),
            np.full(len(t_ns), NO_HEIGHT_SD_M),
            [Issue("no height", len(t_ns), "", name, detail)],
        )
    issues = []
    bare = int((~np.isfinite(separation[known])).sum())
    if bare:
        detail = f"heights above sea level taken as ellipsoidal, ± {NO_GEOID_SD_M:g} m"
        issues.append(Issue("geoid separation missing", bare, "", name, detail))
    if len(known) < len(t_ns):
        issues.append(Issue("height interpolated", len(t_ns) - len(known), "", name))
    increasing = known[np.argsort(t_ns[known], kind="stable")]
    since = t_ns - t_ns[0]
    h = np.interp(since, since[increasing], (msl + np.nan_to_num(separation))[increasing])
    at = np.searchsorted(t_ns[increasing], t_ns)
    before, after = t_ns[increasing][np.maximum(at - 1, 0)], t_ns[increasing][np.minimum(at, len(known) - 1)]
    away_s = np.minimum(np.abs(t_ns - before), np.abs(after - t_ns)) / NS
    extra = np.minimum(away_s * HEIGHT_DRIFT_MPS, NO_HEIGHT_SD_M)
    return h, np.hypot(extra, NO_GEOID_SD_M if bare else 0.0), issues


def sigmas_of(found: Mapping[int, Found], status: U8) -> tuple[F64, bool]:
    """Sigmas (n, 3) north, east, up; NaN where nothing tells. And whether any comes from a dilution alone."""
    gst = np.stack([found[GST].column(field) for field in (5, 6, 7)], axis=1)
    hdop = first_finite(found[GGA].column(7), found[GNS].column(7), found[GSA].column(15))
    vdop = first_finite(found[GSA].column(16), 1.7 * hdop)
    hdop, vdop = _carried(hdop), _carried(vdop)
    uere = np.array([UERE_M.get(FixStatus(k), np.nan) for k in range(len(FixStatus))])[status]
    guess = np.stack([hdop / np.sqrt(2), hdop / np.sqrt(2), vdop], axis=1) * uere[:, None]
    said: Bool = np.asarray((np.isfinite(gst) & (gst > 0)).all(axis=1))
    guess[(hdop > 90) | (hdop <= 0)] = np.nan
    return np.where(said[:, None], gst, guess), bool((~said & np.isfinite(guess[:, 0])).any())


def _carried(value: F64) -> F64:
    """Where nothing is said, what was said last."""
    last = np.maximum.accumulate(np.where(np.isfinite(value), np.arange(len(value)), -1))
    return np.where(last >= 0, value[last], np.nan)


def first_finite(*choices: F64) -> F64:
    """The first of the choices (n,) that is known, value by value."""
    value = choices[0]
    for other in choices[1:]:
        value = np.where(np.isfinite(value), value, other)
    return value


def motion_of(found: Mapping[int, Found]) -> tuple[F64, F64]:
    """Speed over ground (m/s) and course (rad) (n,); impossible ones as NaN."""
    rmc, vtg = found[RMC], found[VTG]
    speed = first_finite(rmc.column(6) * KNOT_MPS, vtg.column(6) / 3.6, vtg.column(4) * KNOT_MPS)
    course = np.radians(first_finite(rmc.column(7), vtg.column(0)))
    speed[~((speed >= 0) & (speed < FASTEST_MPS))] = np.nan
    course[~((course >= 0) & (course <= 2 * np.pi))] = np.nan
    return speed, course


def channels_of(found: Mapping[int, Found], speed: F64, course: F64) -> dict[str, Channel]:
    """What sentences tell besides: speed, course, heading, dilution, age."""
    candidates = {
        "speed_mps": Channel(speed, "m/s", "speed over ground"),
        "course_rad": Channel(course, "rad", "course over ground"),
        "heading_rad": Channel(np.radians(found[HDT].column(0)), "rad", "true heading"),
        "hdop": Channel(first_finite(found[GGA].column(7), found[GNS].column(7)), "1", "HDOP"),
        "age_s": Channel(found[GGA].column(12), "s", "age of corrections"),
    }
    return {name: channel for name, channel in candidates.items() if np.isfinite(channel.value).any()}
