"""Where a satellite's antenna is against its centre of mass, which precise orbits give, when no ANTEX file tells.

Conventional offsets of the block types (the IGS's antenna models), to about 0.1 m along z and 1 cm along x. The part
along x turns with the satellite's yaw and would otherwise move a kinematic position by centimetres.
"""

from __future__ import annotations

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


def antenna_offsets_e(sat: I64, sat_p_e_m: F64, sun_e_m: F64) -> F64:
    """Antenna less centre of mass (m, 3) in ECEF of rows of satellites, with the Sun (m, 3)."""
    x, _, z = satellite_axes(sat_p_e_m, sun_e_m)
    names, inverse = np.unique(sat, return_inverse=True)
    table = np.array([OFFSETS_M[block_of(int(name))] for name in names]).reshape(-1, 2)[inverse]
    return np.asarray(x * table[:, :1] + z * table[:, 1:])
