"""Sun and Moon to the accuracy that tides and satellite attitude need (0.1° and 0.5 %), and the Earth's turn.

Low-precision series of Montenbruck & Gill, "Satellite Orbits" (2000), 3.3.2; sidereal time of the IAU 1982 model.
"""

from __future__ import annotations

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.core.time import DAY_NS, leap_seconds

_J2000_GPS_NS = 7300 * DAY_NS + DAY_NS // 2
"""2000-01-01 12:00 as a GPS-time label."""
_ARCSEC = np.pi / 648_000.0
_OBLIQUITY = np.radians(23.43929111)
AU_M = 149_597_870_700.0


def _polynomial(t: F64, start: float, rate: float) -> F64:
    return np.radians(start + rate * t)


def sun_moon_e(t_ns: I64) -> tuple[F64, F64]:
    """Positions of Sun and Moon in ECEF (n, 3), metres, at GPS times (n,)."""
    t_ns = np.asarray(t_ns, dtype=np.int64)
    utc_days = (t_ns - leap_seconds(t_ns) * 1_000_000_000 - _J2000_GPS_NS) / DAY_NS
    terrestrial_days = (t_ns - _J2000_GPS_NS) / DAY_NS + 51.184 / 86_400.0
    t = terrestrial_days / 36_525.0
    sun = _sun(t)
    moon = _moon(t)
    gmst = np.radians((280.46061837 + 360.98564736629 * utc_days + 0.000387933 * t * t) % 360.0)
    return _to_earth(sun, gmst), _to_earth(moon, gmst)


def _to_earth(ecliptic: tuple[F64, F64, F64], gmst: F64) -> F64:
    """ECEF from ecliptic longitude and latitude of date (rad) and distance (m)."""
    lon, lat, r = ecliptic
    x = r * np.cos(lon) * np.cos(lat)
    y0, z0 = r * np.sin(lon) * np.cos(lat), r * np.sin(lat)
    y = y0 * np.cos(_OBLIQUITY) - z0 * np.sin(_OBLIQUITY)
    z = y0 * np.sin(_OBLIQUITY) + z0 * np.cos(_OBLIQUITY)
    c, s = np.cos(gmst), np.sin(gmst)
    return np.stack([c * x + s * y, -s * x + c * y, z], axis=-1)


def _sun(t: F64) -> tuple[F64, F64, F64]:
    m = _polynomial(t, 357.5256, 35_999.049)
    precession = np.radians(1.3972) * t
    lon = np.radians(282.9400) + m + _ARCSEC * (6892.0 * np.sin(m) + 72.0 * np.sin(2 * m)) + precession
    return lon, np.zeros_like(lon), (149.619 - 2.499 * np.cos(m) - 0.021 * np.cos(2 * m)) * 1e9


def _moon(t: F64) -> tuple[F64, F64, F64]:
    l0 = _polynomial(t, 218.31617, 481_267.88088)
    m = _polynomial(t, 134.96292, 477_198.86753)
    ms = _polynomial(t, 357.52543, 35_999.04944)
    f = _polynomial(t, 93.27283, 483_202.01873)
    d = _polynomial(t, 297.85027, 445_267.11135)
    sin, cos = np.sin, np.cos
    swing = _ARCSEC * (
        22_640 * sin(m) + 769 * sin(2 * m) - 4586 * sin(m - 2 * d) + 2370 * sin(2 * d) - 668 * sin(ms)
        - 412 * sin(2 * f) - 212 * sin(2 * m - 2 * d) - 206 * sin(m + ms - 2 * d) + 192 * sin(m + 2 * d)
        - 165 * sin(ms - 2 * d) + 148 * sin(m - ms) - 125 * sin(d) - 110 * sin(m + ms) - 55 * sin(2 * f - 2 * d)
    )  # fmt: skip
    lat = _ARCSEC * (
        18_520 * sin(f + swing + _ARCSEC * (412 * sin(2 * f) + 541 * sin(ms)))
        - 526 * sin(f - 2 * d) + 44 * sin(m + f - 2 * d) - 31 * sin(-m + f - 2 * d) - 25 * sin(-2 * m + f)
        - 23 * sin(ms + f - 2 * d) + 21 * sin(-m + f) + 11 * sin(-ms + f - 2 * d)
    )  # fmt: skip
    r = 385_000.0 - 20_905 * cos(m) - 3699 * cos(2 * d - m) - 2956 * cos(2 * d) - 570 * cos(2 * m)
    r += 246 * cos(2 * m - 2 * d) - 205 * cos(ms - 2 * d) - 171 * cos(m + 2 * d) - 152 * cos(m + ms - 2 * d)
    return l0 + swing, lat, r * 1e3


def gmst_rad(t_ns: I64) -> F64:
    """Greenwich mean sidereal time (n,)."""
    t_ns = np.asarray(t_ns, dtype=np.int64)
    days = (t_ns - leap_seconds(t_ns) * 1_000_000_000 - _J2000_GPS_NS) / DAY_NS
    return np.asarray(np.radians((280.46061837 + 360.98564736629 * days) % 360.0))
