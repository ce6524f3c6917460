"""Points and directions on the Earth, one at a time: what the kernels of positioning need inside their loops."""

from __future__ import annotations

import math

import numpy as np

from kinema.kernels.jit import kernel

C_MPS = 299_792_458.0
EARTH_RATE_RADPS = 7.2921151467e-5
"""WGS84 rotation rate of the Earth (IS-GPS-200)."""

_A = 6_378_137.0
_F = 1 / 298.257223563
_E2 = _F * (2 - _F)
_B = _A * (1 - _F)
_EP2 = _E2 / (1 - _E2)


@kernel
def geodetic(x: float, y: float, z: float) -> tuple[float, float, float]:
    """Latitude, longitude (rad) and ellipsoidal height (m) of an ECEF point (Bowring's iteration, WGS84)."""
    r = math.hypot(x, y)
    if r < 1e-3:
        return math.copysign(math.pi / 2, z), 0.0, abs(z) - _B
    tan_u = z * _A / (r * _B)
    lat = 0.0
    for _ in range(3):
        u = math.atan(tan_u)
        su, cu = math.sin(u), math.cos(u)
        lat = math.atan2(z + _EP2 * _B * su * su * su, r - _E2 * _A * cu * cu * cu)
        tan_u = (1 - _F) * math.tan(lat)
    s = math.sin(lat)
    n = _A / math.sqrt(1 - _E2 * s * s)
    return lat, math.atan2(y, x), r * math.cos(lat) + z * s - _A * _A / n


@kernel
def line_of_sight(sx: float, sy: float, sz: float, x: float, y: float, z: float) -> tuple[float, float, float, float]:
    """Geometric range (m) and unit vector from receiver to satellite, in the ECEF frame of reception.

    The satellite is given in the ECEF frame of its transmission; the frame turns by the Earth's rotation during
    the flight (IS-GPS-200 20.3.3.4.3.3.2), solved to below a micrometre by two iterations; the angle is
    of 5 µrad, so that its square suffices.
    """
    dx, dy, dz = sx - x, sy - y, sz - z
    rho = math.sqrt(dx * dx + dy * dy + dz * dz)
    for _ in range(2):
        turn = EARTH_RATE_RADPS * rho / C_MPS
        c = 1.0 - 0.5 * turn * turn
        dx = c * sx + turn * sy - x
        dy = c * sy - turn * sx - y
        rho = math.sqrt(dx * dx + dy * dy + dz * dz)
    return rho, dx / rho, dy / rho, dz / rho


@kernel
def range_rate(
    sx: float, sy: float, svx: float, svy: float, svz: float,
    x: float, y: float, vx: float, vy: float, vz: float,
    ex: float, ey: float, ez: float,
) -> float:  # fmt: skip
    """Rate of the geometric range (m/s) with the unit vector e from receiver to satellite, Earth rotation included."""
    rate = ex * (svx - vx) + ey * (svy - vy) + ez * (svz - vz)
    return rate + EARTH_RATE_RADPS / C_MPS * (svy * x + sy * vx - svx * y - sx * vy)


@kernel
def azimuth_elevation(lat: float, lon: float, ex: float, ey: float, ez: float) -> tuple[float, float]:
    """Azimuth (0 to 2π, from north over east) and elevation (rad) of an ECEF direction."""
    sp, cp, sl, cl = math.sin(lat), math.cos(lat), math.sin(lon), math.cos(lon)
    east = -sl * ex + cl * ey
    north = -sp * cl * ex - sp * sl * ey + cp * ez
    up = cp * cl * ex + cp * sl * ey + sp * ez
    azimuth = math.atan2(east, north)
    if azimuth < 0:
        azimuth += 2 * math.pi
    return azimuth, math.asin(min(1.0, max(-1.0, up)))


@kernel
def lines_of_sight(
    epoch: np.ndarray, sat_p: np.ndarray, p: np.ndarray,
    rho: np.ndarray, unit: np.ndarray, azimuth: np.ndarray, elevation: np.ndarray,
) -> None:  # fmt: skip
    """Range, unit vector (m, 3), azimuth and elevation of rows to satellites sat_p (m, 3) from p[epoch[row]]."""
    last = -1
    lat = lon = 0.0
    for i in range(len(epoch)):
        k = epoch[i]
        if not (math.isfinite(sat_p[i, 0]) and math.isfinite(p[k, 0])):
            rho[i] = azimuth[i] = elevation[i] = np.nan
            unit[i, 0] = unit[i, 1] = unit[i, 2] = np.nan
            continue
        if k != last:
            lat, lon, _ = geodetic(p[k, 0], p[k, 1], p[k, 2])
            last = k
        rho[i], ex, ey, ez = line_of_sight(sat_p[i, 0], sat_p[i, 1], sat_p[i, 2], p[k, 0], p[k, 1], p[k, 2])
        unit[i, 0], unit[i, 1], unit[i, 2] = ex, ey, ez
        azimuth[i], elevation[i] = azimuth_elevation(lat, lon, ex, ey, ez)
