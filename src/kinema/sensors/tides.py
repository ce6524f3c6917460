"""Solid Earth tide at a site (IERS Conventions 2010, 7.1.1: degree 2 and 3, out-of-phase K1 left to its main term)."""

from __future__ import annotations

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.core.frames import geodetic_from_ecef
from kinema.sensors.celestial import gmst_rad, sun_moon_e

_RADIUS_M = 6_378_136.6
_RATIO = {"sun": 332_946.0482, "moon": 0.0123000371}
"""Masses in Earths."""
_H3, _L3 = 0.292, 0.015


def solid_tide_e(t_ns: I64, p_e_m: F64) -> F64:
    """Displacement (n, 3) in ECEF of sites p_e_m (n, 3) or (3,) at GPS times (n,); permanent part included."""
    p = np.broadcast_to(np.asarray(p_e_m, dtype=np.float64), (len(t_ns), 3))
    sun, moon = sun_moon_e(t_ns)
    radius = np.linalg.norm(p, axis=1, keepdims=True)
    up = p / radius
    sine = up[:, 2:3]
    form = 1.5 * sine**2 - 0.5
    h2, l2 = 0.6078 - 0.0006 * form, 0.0847 + 0.0002 * form
    shift = np.zeros((len(t_ns), 3))
    for body, name in ((sun, "sun"), (moon, "moon")):
        distance = np.linalg.norm(body, axis=1, keepdims=True)
        towards = body / distance
        c = (up * towards).sum(axis=1, keepdims=True)
        scale = _RATIO[name] * _RADIUS_M**4 / distance**3
        shift += scale * (h2 * up * (1.5 * c**2 - 0.5) + 3 * l2 * c * (towards - c * up))
        third = scale * _RADIUS_M / distance
        shift += third * (_H3 * up * (2.5 * c**3 - 1.5 * c) + _L3 * (7.5 * c**2 - 1.5) * (towards - c * up))
    lat, lon, _ = geodetic_from_ecef(p)
    shift += up * (-0.0253 * np.sin(lat) * np.cos(lat) * np.sin(gmst_rad(t_ns) + lon))[:, None]
    return shift
