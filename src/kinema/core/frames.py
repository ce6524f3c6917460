"""Earth frames on whole arrays: geodetic coordinates, local axes, covariances (WGS84, NIMA TR8350.2)."""

from __future__ import annotations

import numpy as np

from kinema.core.arrays import F64

WGS84_A_M = 6_378_137.0
WGS84_F = 1 / 298.257223563
WGS84_E2 = WGS84_F * (2 - WGS84_F)
WGS84_B_M = WGS84_A_M * (1 - WGS84_F)


def ecef_from_geodetic(lat_rad: F64, lon_rad: F64, h_m: F64) -> F64:
    """ECEF (..., 3) in metres from latitude and longitude in radians and ellipsoidal height in metres."""
    lat, lon, h = np.broadcast_arrays(np.asarray(lat_rad, float), lon_rad, h_m)
    s = np.sin(lat)
    n = WGS84_A_M / np.sqrt(1 - WGS84_E2 * s * s)
    r = (n + h) * np.cos(lat)
    return np.stack([r * np.cos(lon), r * np.sin(lon), (n * (1 - WGS84_E2) + h) * s], axis=-1)


def geodetic_from_ecef(p_e_m: F64) -> tuple[F64, F64, F64]:
    """Latitude, longitude (rad) and height (m) of ECEF points (..., 3).

    Bowring's start and two of his iterations: below 1 nm from −10 km to 20,000 km height (Fukushima 2006).
    """
    p = np.asarray(p_e_m, dtype=np.float64)
    x, y, z = p[..., 0], p[..., 1], p[..., 2]
    r = np.hypot(x, y)
    ep2 = WGS84_E2 / (1 - WGS84_E2)
    tan_u = np.divide(z * WGS84_A_M, r * WGS84_B_M, out=np.full(r.shape, np.inf), where=r > 0)
    lat = np.copysign(np.full(r.shape, np.pi / 2), z)
    for _ in range(3):
        u = np.arctan(tan_u)
        su, cu = np.sin(u), np.cos(u)
        lat = np.arctan2(z + ep2 * WGS84_B_M * su**3, r - WGS84_E2 * WGS84_A_M * cu**3)
        tan_u = (1 - WGS84_F) * np.tan(lat)
    s, c = np.sin(lat), np.cos(lat)
    n = WGS84_A_M / np.sqrt(1 - WGS84_E2 * s * s)
    h = r * c + z * s - WGS84_A_M * WGS84_A_M / n
    return lat, np.arctan2(y, x), h


def c_ne(lat_rad: F64, lon_rad: F64) -> F64:
    """Rotation (..., 3, 3) from ECEF to local north, east, down."""
    lat, lon = np.broadcast_arrays(np.asarray(lat_rad, float), lon_rad)
    sp, cp, sl, cl = np.sin(lat), np.cos(lat), np.sin(lon), np.cos(lon)
    zero = np.zeros_like(sp)
    rows = [[-sp * cl, -sp * sl, cp], [-sl, cl, zero], [-cp * cl, -cp * sl, -sp]]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def ned_from_ecef(p_e_m: F64, origin_e_m: F64) -> F64:
    """Local north, east, down (..., 3) in metres of ECEF points, about one origin (3,)."""
    lat, lon, _ = geodetic_from_ecef(origin_e_m)
    offset = np.asarray(p_e_m, dtype=np.float64) - np.asarray(origin_e_m, dtype=np.float64)
    return np.asarray(offset @ c_ne(lat, lon).T)


def ecef_from_ned(p_n_m: F64, origin_e_m: F64) -> F64:
    """ECEF points of local north, east, down ones about one origin (3,)."""
    lat, lon, _ = geodetic_from_ecef(origin_e_m)
    return np.asarray(np.asarray(p_n_m) @ c_ne(lat, lon) + origin_e_m)


def cov_n_from_e(cov_e: F64, p_e_m: F64) -> F64:
    """Covariances (n, 3, 3) turned from ECEF into the local NED of each point (n, 3)."""
    lat, lon, _ = geodetic_from_ecef(p_e_m)
    c = c_ne(lat, lon)
    return np.asarray(c @ cov_e @ np.swapaxes(c, -1, -2))


def cov_e_from_n(cov_n: F64, p_e_m: F64) -> F64:
    """Covariances (n, 3, 3) turned from local NED into ECEF."""
    lat, lon, _ = geodetic_from_ecef(p_e_m)
    c = c_ne(lat, lon)
    return np.asarray(np.swapaxes(c, -1, -2) @ cov_n @ c)


def vectors_n_from_e(v_e: F64, p_e_m: F64) -> F64:
    """Vectors (n, 3) turned from ECEF into the local NED of each point."""
    lat, lon, _ = geodetic_from_ecef(p_e_m)
    return np.asarray(np.einsum("...ij,...j->...i", c_ne(lat, lon), v_e))
