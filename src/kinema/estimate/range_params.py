"""Settings of ranges with odometry."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RangeParams:
    """Sigmas, SI: of odometry per metre, step and turn; walks of the calibration; initial ones of the calibration.

    range_sigma_m None: from the ranges themselves.
    """

    distance_share: float = 0.03
    step_mps: float = 0.005
    turn_walk: float = 0.006
    turn_share: float = 0.03
    turn_bias_walk: float = 1e-5
    turn_bias_sigma: float = 1e-3
    odometry_scale_sigma: float = 0.01
    crab_sigma: float = 0.05
    crab_walk: float = 1e-3
    range_scale_sigma: float = 0.1
    range_bias_sigma_m: float = 0.3
    range_bias_walk: float = 5e-3
    range_sigma_m: float | None = None
    correlation: float = 1.5
    """Factor of the fresh noise: what reflections add stays for several ranges."""
    gate: float = 4.0
