"""Pseudorange: what it should read, and how far it strays from that by elevation and signal strength."""

from __future__ import annotations

import numpy as np

from kinema.core.arrays import F64

ELEVATION_FLOOR = 0.05
STRONG_DBHZ = 47.0


def modelled(range_m: F64, sat_clock_m: F64, iono_m: F64, tropo_m: F64) -> F64:
    """Code at a perfect receiver clock: geometric range − satellite clock + ionosphere + troposphere."""
    return np.asarray(range_m - sat_clock_m + iono_m + tropo_m)


def noise_shape(elevation_rad: F64, cn0_dbhz: F64) -> F64:
    """Relative standard deviation: 1 for a strong signal at the zenith.

    Multipath grows as 1 / sin(elevation), and noise and reflections with every decibel below 47 dB-Hz; a signal whose
    strength is not told is judged by its elevation alone (Kuusniemi 2005's mixed model).
    """
    s = np.maximum(np.sin(elevation_rad), ELEVATION_FLOOR)
    weak = np.where(np.isfinite(cn0_dbhz), np.clip(STRONG_DBHZ - cn0_dbhz, 0.0, 40.0), 0.0)
    return np.sqrt(0.5 + 0.5 / (s * s) + (10.0 ** (weak / 10.0) - 1.0) * 0.3)
