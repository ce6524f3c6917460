"""Settings of positioning from code, Doppler and carrier changes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Params:
    """Settings, each with its unit in its name; sigmas are one standard deviation of a strong signal at the zenith."""

    elevation_mask_rad: float = 0.14
    cn0_mask_dbhz: float = 15.0
    code_sigma_m: float = 0.6
    """First guess; the noise of each signal is then estimated from its own residuals."""
    doppler_sigma_mps: float = 0.05
    carrier_sigma_m: float = 0.004
    carrier_drift_mps: float = 2e-3
    """What orbits, clocks and ionosphere add to a change of the carrier, per second between epochs."""
    code_correlation_s: float = 60.0
    doppler_correlation_s: float = 60.0
    """Noise and multipath of codes and Dopplers stay themselves for at most this long; how long is learnt."""
    systematic_correlation_s: float = 900.0
    """Errors of orbits, clocks and atmosphere stay themselves for about this long."""
    acceleration_mps2: float = 1.5
    vertical_acceleration_mps2: float = 0.3
    clock_noise_mps: float = 0.05
    clock_drift_noise_mps2: float = 0.05
    bias_drift_m_per_sqrt_s: float = 0.002
    nu_code: float = 4.0
    nu_code_late: float = 3.0
    """Degrees of freedom of the Student-t of codes that are too long: reflections only lengthen."""
    nu_doppler: float = 2.0
    nu_carrier: float = 3.0
    troposphere_sigma_m: float = 0.15
    """Of the zenith delay: estimated, with this much freedom."""
    zenith_drift_m_per_sqrt_s: float = 1e-4
    passes: int = 6
    reflection_turns: int = 6
    block_rows: int = 400_000
    overlap_s: float = 300.0
