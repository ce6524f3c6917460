"""What engine, wheels and road shake into an IMU beyond the motion itself: forces and rates that average to nothing,
but that most sensors sample instead of averaging, so that they fold over the whole band.

Sizes are those of real recordings (design/simulator.md).
"""

from __future__ import annotations

import numpy as np

from kinema.core.arrays import F64

_FAST_MPS = 15.0
_ROAD_F, _ROAD_W = (0.22, 0.20, 0.28), (4.0e-3, 3.5e-3, 2.5e-3)
"""RMS at 15 m/s of the road: forces (m/s²) and rates (rad/s) forward, right, down."""
_HOP_F, _HOP_W = (0.04, 0.06, 0.18), (3.0e-3, 1.5e-3, 0.7e-3)
"""The same of the wheels on their tyres, at 12 Hz."""
_ENGINE_F, _ENGINE_W = (0.03, 0.04, 0.05), (5e-4, 8e-4, 2e-4)
_HOP_HZ, _HOP_DAMPING = 12.0, 0.15
_FOLDED, _SAMPLED_HZ = 0.6, (15.0, 45.0)
"""Share of the road's RMS that folds over the whole band, and where the rest lies."""
_IDLE_HZ, _IDLE_SHARE = 25.0, 0.3
_GEARS_MPS = (0.0, 4.0, 8.0, 13.0, 19.0, 26.0)


def vibration(rng: np.random.Generator, rate_hz: float, v_mps: F64) -> tuple[F64, F64]:
    """Forces (m/s²) and rates (rad/s), (n, 3) each in the body, sampled at a rate along speeds v (n,).

    How softly the sensor is mounted is drawn: once for all, and for each axis.
    """
    n = len(v_mps)
    soft = float(np.exp(rng.normal(0, 0.4)))
    strength = soft * np.exp(rng.normal(0, 0.4, 6))
    quick = (np.maximum(v_mps, 0.0) / _FAST_MPS) ** 0.75
    white, high, low = rng.standard_normal((3, n, 6))
    sampled = _within(high, (_SAMPLED_HZ[0], _SAMPLED_HZ[1]), rate_hz)
    road = (_FOLDED * white + np.sqrt(1 - _FOLDED**2) * sampled) * quick[:, None]
    hop = _within(low, (_HOP_HZ * (1 - 2 * _HOP_DAMPING), _HOP_HZ * (1 + 2 * _HOP_DAMPING)), rate_hz) * quick[:, None]
    phase = 2 * np.pi * np.cumsum(_firing_hz(rng, v_mps)) / rate_hz
    loud = _IDLE_SHARE + (1 - _IDLE_SHARE) * np.minimum(quick, 1.5)
    engine = np.sin(phase[:, None] + rng.uniform(0, 2 * np.pi, 6)) * np.sqrt(2) * loud[:, None]
    sizes = (np.array(_ROAD_F + _ROAD_W), np.array(_HOP_F + _HOP_W), np.array(_ENGINE_F + _ENGINE_W))
    all_ = strength * (road * sizes[0] + hop * sizes[1] + engine * sizes[2])
    return all_[:, :3], all_[:, 3:]


def _within(white: F64, band_hz: tuple[float, float], rate_hz: float) -> F64:
    """Noise (n, k) of unit variance within a band, or white where the sensor is too slow for it."""
    from scipy.signal import butter, sosfilt

    if band_hz[1] >= 0.48 * rate_hz:
        return white
    out = np.asarray(sosfilt(butter(2, np.array(band_hz) / (rate_hz / 2), "bandpass", output="sos"), white, axis=0))
    return np.asarray(out / np.maximum(out.std(axis=0), 1e-12))


def _firing_hz(rng: np.random.Generator, v_mps: F64) -> F64:
    """Firing frequency (n,) of four cylinders: 1400 to 2800 turns a minute in the gear for the speed, else idling."""
    gear = np.searchsorted(_GEARS_MPS, v_mps, side="right") - 1
    low, high = np.array(_GEARS_MPS)[gear], np.array((*_GEARS_MPS, 40.0))[gear + 1]
    driving = 47.0 + 46.0 * (v_mps - low) / (high - low)
    wander = 1.0 + 0.01 * np.cumsum(rng.standard_normal(len(v_mps))) / np.sqrt(len(v_mps))
    return np.asarray(np.where(v_mps < 0.5, _IDLE_HZ, driving) * wander)
