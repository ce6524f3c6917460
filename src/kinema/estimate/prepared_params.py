"""Settings of prepared ranges with wheels and yaw rate."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PreparedParams:
    """Settings, each with its unit in its name; sigmas are one standard deviation."""

    range_sigma_m: float = 4.0
    """First guess for a strong signal at the zenith; then learnt from the direct ranges."""
    nu_early: float = 6.0
    nu_late: float = 1.5
    """Degrees of freedom of the Student-t of ranges that are too long: reflections only lengthen."""
    correlation_s: float = 4.0
    """Errors of direct ranges stay themselves for about this long while the mover drives."""
    standing_share: float = 0.1
    """At rest they change so much more slowly."""
    dwell_s: float = 8.0
    """A satellite stays direct, or reflected, for about this long while the mover drives."""
    satellite_bias_m: float = 4.0
    satellite_walk_m_per_sqrt_s: float = 0.02
    """What is left of a satellite's orbit, clock and delays: a bias of its own, as a state."""
    least_sigma_m: float = 0.7
    turns: int = 25
    """Turns of expectation–maximisation that sort direct ranges from reflected ones."""
    speed_share_per_sqrt_s: float = 0.01
    slip_mps_per_sqrt_s: float = 0.02
    height_m_per_sqrt_s: float = 0.1
    rate_sigma_radps_per_sqrt_s: float = 1e-3
    rate_bias_sigma_radps: float = 0.01
    rate_bias_walk: float = 1e-5
    rough_share: float = 0.05
    rough_radps_per_sqrt_s: float = 3e-3
    """Of turns that were made of the rear wheels or the steering."""
    scale_sigma: float = 0.03
    scale_walk: float = 1e-5
    clock_m_per_sqrt_s: float = 0.2
    drift_mps_per_sqrt_s: float = 0.05
    system_walk_m_per_sqrt_s: float = 0.01
    unknown_speed_mps: float = 10.0
    unknown_turn_radps: float = 0.5
    acceleration_mps2: float = 1.5
    """Where wheels or yaw rate say nothing."""
    first_s: float = 30.0
    """The filter's first attempt to find where it is; longer and longer until it knows to known_m and known_rad."""
    known_m: float = 12.0
    known_rad: float = 0.2
