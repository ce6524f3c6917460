"""Where a satellite's antenna is against its centre of mass, which precise orbits give, and patterns by direction.

Where no ANTEX file tells: conventional offsets of the block types (the IGS's antenna models), to about 0.1 m along z
and 1 cm along x. The part along x turns with the satellite's yaw and would otherwise move a kinematic position by
centimetres.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.core.satellites import SYSTEMS
from kinema.sensors.windup import satellite_axes

_GPS_IIF = (1, 3, 6, 8, 9, 10, 24, 25, 26, 27, 30, 32)
_GPS_IIRM = (5, 7, 12, 15, 17, 29, 31)
_GALILEO_IOV = (11, 12, 19, 20)
OFFSETS_M: dict[str, tuple[float, float]] = {
    "GPS IIF": (0.394, 1.55), "GPS IIR-M": (0.0, 0.80), "GPS IIR, III": (0.0, 1.25),
    "Galileo FOC": (0.12, 0.75), "Galileo IOV": (-0.17, 0.75), "GLONASS-M": (-0.545, 2.3), "": (0.0, 0.0),
}  # fmt: skip
"""Offsets along body x and z, metres (sensors.windup.satellite_axes)."""


def block_of(sat: int) -> str:
    """Type of a satellite, by its number as assigned since 2016; empty where none is known."""
    system, number = SYSTEMS[sat // 100], sat % 100
    if system == "G":
        return "GPS IIF" if number in _GPS_IIF else "GPS IIR-M" if number in _GPS_IIRM else "GPS IIR, III"
    if system == "E":
        return "Galileo IOV" if number in _GALILEO_IOV else "Galileo FOC"
    return "GLONASS-M" if system == "R" else ""


def antenna_offsets_e(sat: I64, sat_p_e_m: F64, sun_e_m: F64, known: Mapping[int, F64]) -> F64:
    """Antenna less centre of mass (m, 3) in ECEF of rows of satellites, with the Sun (m, 3).

    `known` has offsets (3,) along body x, y, z by satellite; the others go by their block type.
    """
    x, y, z = satellite_axes(sat_p_e_m, sun_e_m)
    names, inverse = np.unique(sat, return_inverse=True)
    body = np.zeros((len(names), 3))
    for k, name in enumerate(names.tolist()):
        along_x, along_z = OFFSETS_M[block_of(name)]
        body[k] = known.get(name, (along_x, 0.0, along_z))
    rows = body[inverse]
    return np.asarray(x * rows[:, :1] + y * rows[:, 1:2] + z * rows[:, 2:])


def interpolate_pattern(pattern_m: F64, azimuths_deg: F64, zeniths_deg: F64, azimuth_deg: F64, zenith_deg: F64) -> F64:
    """Bilinear values (m,) of a pattern (azimuths, zeniths) on even grids; beyond its zeniths the last one holds."""
    row = np.clip((zenith_deg - zeniths_deg[0]) / (zeniths_deg[1] - zeniths_deg[0]), 0.0, len(zeniths_deg) - 1.0)
    good = np.isfinite(row) & np.isfinite(azimuth_deg)
    row = np.where(good, row, 0.0)
    i = np.minimum(row.astype(np.int64), len(zeniths_deg) - 2)
    u = row - i
    if len(azimuths_deg) == 1:
        return np.asarray((1 - u) * pattern_m[0, i] + u * pattern_m[0, i + 1])
    turn = np.where(good, azimuth_deg, 0.0) / (azimuths_deg[1] - azimuths_deg[0])
    j = np.minimum(turn.astype(np.int64), len(azimuths_deg) - 2)
    v = turn - j
    low = (1 - u) * pattern_m[j, i] + u * pattern_m[j, i + 1]
    high = (1 - u) * pattern_m[j + 1, i] + u * pattern_m[j + 1, i + 1]
    return np.asarray((1 - v) * low + v * high)
