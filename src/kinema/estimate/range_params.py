"""Settings of ranges to anchors, with odometry or without."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RangeParams:
    """Settings, each with its unit in its name; sigmas are one standard deviation.

    Those of position, turn, range and slow biases are first guesses: what a recording's own innovations make likeliest
    is learnt (see estimate.ranges_noise), unless `learn` is False.
    """

    learn: bool = True
    position_share_per_sqrt_s: float = 0.05
    """Of the speed, along and across."""
    slip_mps_per_sqrt_s: float = 0.005
    turn_radps_per_sqrt_s: float = 0.003
    turn_share: float = 0.01
    turn_bias_sigma_radps: float = 2e-3
    turn_bias_walk: float = 1e-5
    odometry_scale_sigma: float = 0.02
    crab_sigma_rad: float = 0.05
    crab_walk_per_sqrt_s: float = 1e-3
    range_scale_sigma: float = 0.1
    range_sigma_m: float = 0.0
    """0: from second differences of the ranges."""
    range_bias_sigma_m: float = 0.3
    """Constant, of each anchor."""
    slow_sigma_m: float = 0.1
    slow_s: float = 10.0
    """Errors of an anchor's ranges that stay for a while: reflections that depend on the place."""
    direct: float = 0.95
    late_m: float = 8.0
    """How many ranges are direct, and how late others are."""
    dwell_s: float = 2.0
    height_sigma_m: float = 1.0
    """Of the mover above the anchors' zero, where anchors have heights and it has wheels."""
    acceleration_mps2: float = 1.0
    unknown_speed_mps: float = 3.0
    unknown_turn_radps: float = 0.5
    """Where odometry says nothing."""
    start_m: float = 40.0
    """Way from which the start is found."""
