"""Doppler as a pseudorange rate, and its noise by signal strength."""

from __future__ import annotations

import numpy as np

from kinema.core.arrays import F64


def pseudorange_rate(rate_mps: F64, sat_drift_mps: F64) -> F64:
    """Measured −λ D freed of the satellite's clock drift: geometric range rate + receiver's clock drift (m/s)."""
    return np.asarray(rate_mps + sat_drift_mps)


def noise_shape(elevation_rad: F64, cn0_dbhz: F64) -> F64:
    """Relative standard deviation: 1 for a strong signal at the zenith, doubling per 10 dB."""
    s = np.maximum(np.sin(elevation_rad), 0.05)
    weak = np.where(np.isfinite(cn0_dbhz), np.clip(47.0 - cn0_dbhz, 0.0, 40.0), 0.0)
    return np.sqrt((0.7 + 0.3 / s) ** 2 + (10.0 ** (weak / 10.0) - 1.0) * 0.15)
