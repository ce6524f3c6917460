"""What all readers of trajectories share: epochs in order, heights, weeks that are not known."""

from __future__ import annotations

import numpy as np

from kinema.core.arrays import F64, I64, Bool
from kinema.core.frames import c_ne, cov_e_from_n, ecef_from_geodetic
from kinema.core.recording import Issue
from kinema.core.time import iso_gps, unix_ns_from_gps_ns
from kinema.errors import FormatError
from kinema.formats.base import ReadOptions, Source

WEEK_UNKNOWN = "week unknown"
"""Kind of the Issue of a trajectory whose times are seconds of an unnamed GPS week; it is put into week 0."""
DATE_UNKNOWN = "date unknown"
"""Kind of the Issue of a trajectory whose times are UTC times of an unnamed day; it is put on 1980-01-06."""
RELATIVE_CLOCK = "relative clock"
"""Kind of the Issue of a file whose times count from its own start, which is put at the GPS epoch."""
NO_TIME = "no time"
"""Kind of the Issue of a fixed point: one position, good for all times, stored at GPS time 0."""


def in_order(source: Source, t_ns: I64, options: ReadOptions) -> tuple[I64, tuple[Issue, ...]]:
    """Indices that put epochs in increasing order, and what was odd.

    A file that runs backwards as a whole (a backward solution) is turned round. Of epochs with one time the first
    is kept, and they are counted. A single step back raises FormatError, or under `on_bad="skip"` the epochs that
    lie behind are left out and counted.
    """
    index = np.arange(len(t_ns))
    if (t_ns[1:] > t_ns[:-1]).all():
        return index, ()
    issues = []
    if len(t_ns) > 1 and t_ns[0] > t_ns[-1] and (np.diff(t_ns) <= 0).all():
        index = index[::-1]
        issues.append(Issue("times run backwards", len(t_ns), "", source.name, "turned round"))
    latest = np.maximum.accumulate(t_ns[index]) if len(t_ns) else t_ns
    behind = np.zeros(len(t_ns), np.bool_)
    behind[1:] = t_ns[index][1:] < latest[:-1]
    if behind.any():
        first = int(t_ns[index][np.argmax(behind)])
        where = f"GPS {iso_gps(first)}"
        if options.on_bad == "raise":
            raise FormatError(source.path, "time steps back", where, "read with --on-bad skip to leave such epochs out")
        issues.append(Issue("time steps back", int(behind.sum()), where, source.name))
        index = index[~behind]
    same = np.zeros(len(index), np.bool_)
    same[1:] = np.diff(t_ns[index]) == 0
    if same.any():
        first = int(t_ns[index][np.argmax(same)])
        issues.append(Issue("duplicate epoch", int(same.sum()), f"GPS {iso_gps(first)}", source.name))
        index = index[~same]
    return index, tuple(issues)


MOST = 1e9
"""No height in metres, velocity or sigma is larger."""


def sound_places(
    source: Source, options: ReadOptions, lat_deg: F64, lon_deg: F64, h_m: F64 | None = None
) -> tuple[Bool, list[Issue]]:
    """Which latitudes, longitudes and heights can be (a height may be NaN), and what to tell of the others.

    Raises FormatError at the first that cannot, unless `on_bad="skip"`; and where none can.
    """
    high = np.zeros(len(lat_deg), np.bool_) if h_m is None else np.abs(h_m) > MOST
    good = np.asarray((np.abs(lat_deg) <= 90) & (np.abs(lon_deg) <= 360) & ~high)
    if good.all():
        return good, []
    k = int(np.argmin(good))
    what = f"latitude {lat_deg[k]}, longitude {lon_deg[k]} is no place on Earth"
    remedy = "are its columns latitude, longitude, height in degrees and metres?"
    if high[k] and h_m is not None:
        what, remedy = f"height {h_m[k]:g} m cannot be", "are its columns right?"
    if options.on_bad == "raise" or not good.any():
        remedy = remedy if not good.any() else f"{remedy} --on-bad skip leaves it out"
        raise FormatError(source.path, what, f"point {k + 1}", remedy)
    return good, [Issue("impossible place", int((~good).sum()), f"point {k + 1}", source.name, what)]


def sound_rows_of(source: Source, options: ReadOptions, good: Bool, what: str, remedy: str) -> list[Issue]:
    """What to tell of the rows that are not `good` (n,). Raises as `sound_places` does."""
    if good.all() and len(good):
        return []
    row = int(np.argmin(good)) + 1 if len(good) else 1
    if options.on_bad == "raise" or not good.any():
        raise FormatError(source.path, what, f"row {row}", remedy)
    return [Issue(what, int((~good).sum()), f"row {row}", source.name)]


def ecef_from_degrees(lat_deg: F64, lon_deg: F64, h_m: F64) -> F64:
    """ECEF (n, 3) of latitudes and longitudes in degrees and ellipsoidal heights in metres."""
    return ecef_from_geodetic(np.radians(lat_deg), np.radians(lon_deg), h_m)


def ecef_from_ned_vectors(v_n: F64, lat_deg: F64, lon_deg: F64) -> F64:
    """Vectors (n, 3) turned from north, east, down at each place into ECEF; NaN where one cannot be."""
    v_n = np.where(np.abs(v_n) < MOST, v_n, np.nan)
    return np.asarray(np.einsum("nji,nj->ni", c_ne(np.radians(lat_deg), np.radians(lon_deg)), v_n))


def cov_from_enu_sd(sd: F64, p_e_m: F64) -> F64:
    """ECEF covariance (n, 3, 3) from RTKLIB's six signed roots (n, 6): n, e, u, ne, eu, un; NaN where all are 0."""
    sd = np.where(np.abs(sd) < MOST, sd, np.nan)
    n, e, u, ne, eu, un = (np.sign(c) * c * c for c in sd.T)
    rows = [[n, ne, -un], [ne, e, -eu], [-un, -eu, u]]
    cov_n = np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
    unknown = ~(np.abs(sd) > 0).any(axis=1) | ~np.isfinite(sd).all(axis=1)
    cov_n[unknown] = np.nan
    return cov_e_from_n(cov_n, p_e_m)


def utc_texts(t_ns: I64) -> list[str]:
    """ISO 8601 UTC texts of GPS times: to the millisecond where that says it all, else to the nanosecond."""
    unit, per = ("ms", 1_000_000) if bool((t_ns % 1_000_000 == 0).all()) else ("ns", 1)
    stamps = (unix_ns_from_gps_ns(t_ns) // per).astype(f"datetime64[{unit}]")
    return [text + "Z" for text in np.datetime_as_string(stamps).tolist()]
