"""Delays of the atmosphere: broadcast ionosphere (Klobuchar's, GPS's and BeiDou's form) and a seasonal troposphere."""

from __future__ import annotations

import math

import numpy as np

from kinema.kernels.geodesy import C_MPS, geodetic
from kinema.kernels.jit import kernel

DAY_NS = 86_400_000_000_000
WEEK_NS = 7 * DAY_NS
IONO_GPS, IONO_BDS = 0, 1

# Pressure (hPa), temperature (K), vapour pressure (hPa), lapse rate (K/m), vapour exponent at latitudes 15, 30, 45,
# 60 and 75 degrees: yearly means, then seasonal amplitudes (RTCA DO-229D, appendix A.4.2.4).
_MEAN = np.array([
    [1013.25, 299.65, 26.31, 6.30e-3, 2.77],
    [1017.25, 294.15, 21.79, 6.05e-3, 3.15],
    [1015.75, 283.15, 11.66, 5.58e-3, 2.57],
    [1011.75, 272.15, 6.78, 5.39e-3, 1.81],
    [1013.00, 263.65, 4.11, 4.53e-3, 1.55],
])  # fmt: skip
_SEASON = np.array([
    [0.0, 0.0, 0.0, 0.0, 0.0],
    [-3.75, 7.00, 8.85, 0.25e-3, 0.33],
    [-2.25, 11.00, 7.24, 0.32e-3, 0.46],
    [-1.75, 15.00, 5.36, 0.81e-3, 0.74],
    [-0.50, 14.50, 3.39, 0.62e-3, 0.30],
])  # fmt: skip
# Niell's mapping function (1996): hydrostatic a, b, c (means, then amplitudes) and wet a, b, c per latitude.
_NIELL = np.array([
    [1.2769934e-3, 2.9153695e-3, 62.610505e-3, 0.0, 0.0, 0.0, 5.8021897e-4, 1.4275268e-3, 4.3472961e-2],
    [1.2683230e-3, 2.9152299e-3, 62.837393e-3, 1.2709626e-5, 2.1414979e-5, 9.0128400e-5,
     5.6794847e-4, 1.5138625e-3, 4.6729510e-2],
    [1.2465397e-3, 2.9288445e-3, 63.721774e-3, 2.6523662e-5, 3.0160779e-5, 4.3497037e-5,
     5.8118019e-4, 1.4572752e-3, 4.3908931e-2],
    [1.2196049e-3, 2.9022565e-3, 63.824265e-3, 3.4000452e-5, 7.2562722e-5, 84.795348e-5,
     5.9727542e-4, 1.5007428e-3, 4.4626982e-2],
    [1.2045996e-3, 2.9024912e-3, 64.258455e-3, 4.1202191e-5, 11.723375e-5, 170.37206e-5,
     6.1641693e-4, 1.7599082e-3, 5.4736038e-2],
])  # fmt: skip
_HEIGHT_A, _HEIGHT_B, _HEIGHT_C = 2.53e-5, 5.49e-3, 1.14e-3


@kernel
def klobuchar(ab: np.ndarray, t_ns: int, lat: float, lon: float, azimuth: float, elevation: float) -> float:
    """Ionospheric delay on L1 in metres (IS-GPS-200 20.3.3.5.2.5) from ab (8,): four alphas, four betas."""
    semi = math.pi
    psi = 0.0137 / (elevation / semi + 0.11) - 0.022
    phi = lat / semi + psi * math.cos(azimuth)
    phi = min(0.416, max(-0.416, phi))
    lam = lon / semi + psi * math.sin(azimuth) / math.cos(phi * semi)
    phi += 0.064 * math.cos((lam - 1.617) * semi)
    tt = 43_200.0 * lam + (t_ns % WEEK_NS) * 1e-9
    tt -= math.floor(tt / 86_400.0) * 86_400.0
    f = 1.0 + 16.0 * (0.53 - elevation / semi) ** 3
    amp = max(0.0, ab[0] + phi * (ab[1] + phi * (ab[2] + phi * ab[3])))
    per = max(72_000.0, ab[4] + phi * (ab[5] + phi * (ab[6] + phi * ab[7])))
    x = 2 * math.pi * (tt - 50_400.0) / per
    delay = 5e-9
    if abs(x) < 1.57:
        delay += amp * (1.0 + x * x * (-0.5 + x * x / 24.0))
    return C_MPS * f * delay


@kernel
def klobuchar_bds(ab: np.ndarray, t_ns: int, lat: float, lon: float, azimuth: float, elevation: float) -> float:
    """Ionospheric delay on B1I in metres (BDS-SIS-ICD-B1I 5.2.4.7) from ab (8,): four alphas, four betas."""
    radius, shell = 6378.0, 375.0
    ratio = radius / (radius + shell) * math.cos(elevation)
    psi = math.pi / 2 - elevation - math.asin(ratio)
    phi = math.asin(math.sin(lat) * math.cos(psi) + math.cos(lat) * math.sin(psi) * math.cos(azimuth))
    lam = lon + math.asin(math.sin(psi) * math.sin(azimuth) / math.cos(phi))
    tt = (t_ns % WEEK_NS) * 1e-9 - 14.0 + lam / math.pi * 43_200.0
    tt -= math.floor(tt / 86_400.0) * 86_400.0
    u = abs(phi / math.pi)
    amp = max(0.0, ab[0] + u * (ab[1] + u * (ab[2] + u * ab[3])))
    per = min(172_800.0, max(72_000.0, ab[4] + u * (ab[5] + u * (ab[6] + u * ab[7]))))
    delay = 5e-9
    if abs(tt - 50_400.0) < per / 4:
        delay += amp * math.cos(2 * math.pi * (tt - 50_400.0) / per)
    return C_MPS * delay / math.sqrt(1 - ratio * ratio)


@kernel
def thin_shell(elevation: float) -> float:
    """Slant over vertical ionospheric delay of a thin shell at 450 km."""
    ratio = 6371.0 / (6371.0 + 450.0) * math.cos(elevation)
    return 1.0 / math.sqrt(1.0 - ratio * ratio)


@kernel
def _marini(elevation: float, a: float, b: float, c: float) -> float:
    s = math.sin(elevation)
    return (1 + a / (1 + b / (1 + c))) / (s + a / (s + b / (s + c)))


@kernel
def troposphere_local(t_ns: int, lat: float, h_m: float, out: np.ndarray) -> None:
    """What the troposphere needs of one place and day, into out (9,): zenith delays (dry, wet), Niell's a to c.

    Zenith delays: Saastamoinen's hydrostatic term and the wet integral with the seasonal atmosphere of DO-229D.
    """
    day = (t_ns / DAY_NS + 6.0) % 365.25
    phase = math.cos(2 * math.pi * (day - (28.0 if lat >= 0 else 211.0)) / 365.25)
    deg = min(75.0, max(15.0, abs(lat) * 180 / math.pi))
    j = min(3, int((deg - 15.0) / 15.0))
    w = (deg - 15.0) / 15.0 - j
    met = np.empty(5)
    for k in range(5):
        mean = _MEAN[j, k] * (1 - w) + _MEAN[j + 1, k] * w
        met[k] = mean - phase * (_SEASON[j, k] * (1 - w) + _SEASON[j + 1, k] * w)
    p0, temp, vapour, beta, lam = met[0], met[1], met[2], met[3], met[4]
    h = min(10_000.0, max(-500.0, h_m))
    base = 1.0 - beta * h / temp
    power = 9.80665 / (287.054 * beta)
    pressure = p0 * base**power
    out[0] = 0.0022768 * pressure / (1 - 0.00266 * math.cos(2 * lat) - 0.00028e-3 * h)
    out[1] = 1e-6 * 382_000 * 287.054 / (9.784 * (lam + 1) - beta * 287.054) * vapour / temp
    out[1] *= base ** ((lam + 1) * power - 1)
    for k in range(3):
        mean = _NIELL[j, k] * (1 - w) + _NIELL[j + 1, k] * w
        out[2 + k] = mean - phase * (_NIELL[j, 3 + k] * (1 - w) + _NIELL[j + 1, 3 + k] * w)
        out[5 + k] = _NIELL[j, 6 + k] * (1 - w) + _NIELL[j + 1, 6 + k] * w
    out[8] = h


@kernel
def troposphere_mapping(local: np.ndarray, elevation: float) -> tuple[float, float]:
    """Niell's hydrostatic (height-corrected) and wet mapping functions at one elevation, from troposphere_local."""
    dry = _marini(elevation, local[2], local[3], local[4])
    dry += (1 / math.sin(elevation) - _marini(elevation, _HEIGHT_A, _HEIGHT_B, _HEIGHT_C)) * local[8] * 1e-3
    return dry, _marini(elevation, local[5], local[6], local[7])


@kernel
def atmosphere_rows(
    t_ns: np.ndarray, epoch: np.ndarray, p: np.ndarray, azimuth: np.ndarray, elevation: np.ndarray,
    ab: np.ndarray, model: int, iono_l1: np.ndarray, tropo: np.ndarray, wet_map: np.ndarray,
) -> None:  # fmt: skip
    """Slant delays of rows at p[epoch[row]] at t_ns[epoch[row]]: ionosphere on L1, troposphere, wet mapping.

    ab (8,) are coefficients of `model` (IONO_GPS, IONO_BDS). Rows without elevation get NaN; below 1° they count
    as at 1°.
    """
    local = np.empty(9)
    last = -1
    lat = lon = h = 0.0
    for i in range(len(epoch)):
        k = epoch[i]
        if not (math.isfinite(elevation[i]) and math.isfinite(p[k, 0])):
            iono_l1[i] = tropo[i] = wet_map[i] = np.nan
            continue
        if k != last:
            lat, lon, h = geodetic(p[k, 0], p[k, 1], p[k, 2])
            troposphere_local(t_ns[k], lat, h, local)
            last = k
        el = max(elevation[i], math.pi / 180)
        if model == IONO_BDS:
            iono_l1[i] = klobuchar_bds(ab, t_ns[k], lat, lon, azimuth[i], el) * (1561.098 / 1575.42) ** 2
        else:
            iono_l1[i] = klobuchar(ab, t_ns[k], lat, lon, azimuth[i], el)
        dry, wet = troposphere_mapping(local, el)
        tropo[i] = local[0] * dry + local[1] * wet
        wet_map[i] = wet
