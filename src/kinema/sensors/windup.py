"""Carrier phase wind-up of satellites that steer their panels to the Sun (Wu et al. 1993), and attitude itself."""

from __future__ import annotations

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.core.frames import c_ne, geodetic_from_ecef


def _unit(v: F64) -> F64:
    return np.asarray(v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-30))


def satellite_axes(sat_p_e_m: F64, sun_e_m: F64) -> tuple[F64, F64, F64]:
    """Body axes x, y, z (m, 3) of the nominal yaw attitude: z to the Earth, y along the panels (Kouba 2009)."""
    z = -_unit(sat_p_e_m)
    y = _unit(np.cross(z, _unit(sun_e_m - sat_p_e_m)))
    return np.cross(y, z), y, z


def windup_cycles(sat: I64, epoch: I64, sat_p_e_m: F64, sun_e_m: F64, receiver_e_m: F64) -> F64:
    """Wind-up (m,) in cycles of rows (satellite, epoch), continuous along each satellite's rows.

    sun_e_m and receiver_e_m are per row (m, 3). Rows without a satellite position give NaN.
    """
    look = _unit(receiver_e_m - sat_p_e_m)
    xs, ys, _ = satellite_axes(sat_p_e_m, sun_e_m)
    lat, lon, _ = geodetic_from_ecef(receiver_e_m)
    c = c_ne(lat, lon)
    xr, yr = c[..., 0, :], -c[..., 1, :]
    ds = xs - look * (look * xs).sum(axis=-1, keepdims=True) - np.cross(look, ys)
    dr = xr - look * (look * xr).sum(axis=-1, keepdims=True) + np.cross(look, yr)
    cosine = (ds * dr).sum(axis=-1) / (np.linalg.norm(ds, axis=-1) * np.linalg.norm(dr, axis=-1))
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))
    angle = np.where((look * np.cross(ds, dr)).sum(axis=-1) < 0, -angle, angle)
    out = np.full(len(sat), np.nan)
    for one in np.unique(sat):
        rows = np.flatnonzero((sat == one) & np.isfinite(angle))
        rows = rows[np.argsort(epoch[rows], kind="stable")]
        out[rows] = np.unwrap(angle[rows]) / (2 * np.pi)
    return out
