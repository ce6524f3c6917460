"""Names of satellites and signals: identifiers, bands, carrier frequencies.

A satellite is an int16: 100 × index of its system in SYSTEMS + its number ("E11" is 211). A signal is the
two characters of RINEX 3.04 after C/L/D/S ("1C", "2W", "5Q"); its first is the band.
"""

from __future__ import annotations

import numpy as np

from kinema.core.arrays import F64, I16
from kinema.errors import DataError

SYSTEMS = "GRECJIS"
SYSTEM_NAMES = {
    "G": "GPS", "R": "GLONASS", "E": "Galileo", "C": "BeiDou", "J": "QZSS", "I": "NavIC", "S": "SBAS",
}  # fmt: skip
SPEED_OF_LIGHT_MPS = 299_792_458.0

_MHZ = 1e6
BAND_HZ: dict[str, dict[str, float]] = {
    "G": {"1": 1575.42 * _MHZ, "2": 1227.60 * _MHZ, "5": 1176.45 * _MHZ},
    "R": {"1": 1602.0 * _MHZ, "2": 1246.0 * _MHZ, "3": 1202.025 * _MHZ, "4": 1600.995 * _MHZ, "6": 1248.06 * _MHZ},
    "E": {"1": 1575.42 * _MHZ, "5": 1176.45 * _MHZ, "7": 1207.14 * _MHZ, "8": 1191.795 * _MHZ, "6": 1278.75 * _MHZ},
    "C": {
        "2": 1561.098 * _MHZ, "1": 1575.42 * _MHZ, "5": 1176.45 * _MHZ,
        "7": 1207.14 * _MHZ, "8": 1191.795 * _MHZ, "6": 1268.52 * _MHZ,
    },
    "J": {"1": 1575.42 * _MHZ, "2": 1227.60 * _MHZ, "5": 1176.45 * _MHZ, "6": 1278.75 * _MHZ},
    "I": {"5": 1176.45 * _MHZ, "9": 2492.028 * _MHZ, "1": 1575.42 * _MHZ},
    "S": {"1": 1575.42 * _MHZ, "5": 1176.45 * _MHZ},
}  # fmt: skip
GLONASS_STEP_HZ = {"1": 562_500.0, "2": 437_500.0}
"""FDMA channel spacing (GLONASS ICD 5.1): carrier = band + channel × step."""


def sat_id(name: str) -> int:
    """Identifier of "G05", "E11", "C 6". Raises DataError."""
    system, number = name[:1], name[1:].strip()
    if system not in SYSTEMS or not number.isdigit() or not 0 < int(number) < 100:
        raise DataError("satellite", f"one of {SYSTEMS} and a number 1 to 99", repr(name))
    return 100 * SYSTEMS.index(system) + int(number)


def sat_name(sat: int) -> str:
    """Name of an identifier: 211 is "E11"."""
    return f"{SYSTEMS[sat // 100]}{sat % 100:02d}"


def sat_system(sat: int) -> str:
    """System letter of an identifier."""
    return SYSTEMS[sat // 100]


def frequency_hz(system: str, signal: str, glonass_channel: int = 0) -> float:
    """Carrier frequency of a signal in Hz; NaN where the band is unknown."""
    band = BAND_HZ.get(system, {}).get(signal[:1], float("nan"))
    if system == "R":
        band += glonass_channel * GLONASS_STEP_HZ.get(signal[:1], 0.0)
    return band


def frequency_table_hz(sats: I16, signals: dict[str, tuple[str, ...]], n_slots: int, channels: dict[int, int]) -> F64:
    """Carrier frequencies (len(sats), n_slots) in Hz; NaN in slots that a system does not use."""
    table = np.full((len(sats), n_slots), np.nan)
    for row, sat in enumerate(sats.tolist()):
        system = sat_system(sat)
        for slot, signal in enumerate(signals.get(system, ())):
            table[row, slot] = frequency_hz(system, signal, channels.get(sat, 0))
    return table
