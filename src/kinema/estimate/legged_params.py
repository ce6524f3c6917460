"""Settings of the legged filter."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LeggedParams:
    """Noise, SI: densities of IMU and of standing feet, sigmas of forward kinematics; urdf: file of the robot."""

    urdf: str = ""
    gyro_noise: float = 2e-3
    accel_noise: float = 0.04
    gyro_bias_walk: float = 1e-5
    accel_bias_walk: float = 1e-4
    gyro_bias_sigma: float = 0.008
    """Half a degree per second: what MEMS gyros are sold with. A robot that begins in mid-step cannot find it out."""
    accel_bias_sigma: float = 0.1
    foot_walk_m: float = 2e-3
    foot_turn: float = 0.1
    """Turning of a standing foot about the vertical, rad/√s; `foot_roll` that about the floor's axes."""
    foot_roll: float = 1e-3
    foot_still: float = 0.01
    """Share of the feet's noise that is left while two of them carry the body."""
    both_carry: float = 0.3
    """Share of the weight on each foot from which both carry."""
    foot_position_m: float = 3e-3
    foot_tilt_rad: float = 3e-3
    foot_yaw_rad: float = 0.01
    floor_m: float = 0.02
    base_link: str = "root_link"
    imu_link: str = "root_link_imu_frame"
    left_sole: str = "l_sole"
    right_sole: str = "r_sole"
