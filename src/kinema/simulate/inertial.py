"""Noisy inertial sensors and wheels on a simulated car.

Grades after what makers state: white noise, a bias that is there at the start and wanders, scale factors, and axes not
quite at right angles: consumer (a phone's), industrial (car-grade MEMS), tactical (fibre-optic or the best MEMS).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.core.streams import Imu, Series
from kinema.errors import ConfigError
from kinema.simulate.noise import gauss_markov
from kinema.simulate.vehicle import Motion

DEG = np.pi / 180
MG = 9.80665e-3


@dataclass(frozen=True)
class Grade:
    """One standard deviation each: white noise density, bias at switch-on, wandering part and its time, scale, skew."""

    gyro_noise_radps_rthz: float
    gyro_bias_radps: float
    gyro_wander_radps: float
    accel_noise_mps2_rthz: float
    accel_bias_mps2: float
    accel_wander_mps2: float
    wander_s: float
    scale: float
    skew_rad: float


GRADES = {
    "consumer": Grade(0.01 * DEG, 0.3 * DEG, 20 * DEG / 3600, 0.15 * MG, 15 * MG, 0.1 * MG, 300.0, 4e-3, 4e-3),
    "industrial": Grade(0.004 * DEG, 0.05 * DEG, 6 * DEG / 3600, 0.06 * MG, 3 * MG, 0.03 * MG, 600.0, 1e-3, 1e-3),
    "tactical": Grade(
        0.0006 * DEG, 3 * DEG / 3600, 0.5 * DEG / 3600, 0.02 * MG, 0.5 * MG, 0.01 * MG, 1200.0, 2e-4, 1e-4
    ),
}


@dataclass(frozen=True)
class ImuTruth:
    """What only a simulator knows: biases (n, 3) of gyroscope and accelerometer, and the 3 × 3 of scale and skew."""

    gyro_bias_radps: F64
    accel_bias_mps2: F64
    gyro_matrix: F64
    accel_matrix: F64


def imu_of(
    motion: Motion,
    *,
    grade: str | Grade = "industrial",
    rate_hz: float = 100.0,
    seed: int = 0,
    point_b_m: tuple[float, float, float] = (0.0, 0.0, 0.0),
    rpy_bs_rad: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> tuple[Imu, ImuTruth]:
    """An IMU at `point_b_m`, turned by roll, pitch, yaw from sensor to body. Raises ConfigError for the grade."""
    from scipy.spatial.transform import Rotation

    one = _grade(grade)
    rng = np.random.default_rng([seed, 0x14])
    t_ns = motion.times(rate_hz)
    ideal = motion.sample(t_ns, point_b_m)
    to_s = Rotation.from_euler("ZYX", rpy_bs_rad[::-1]).as_matrix().T
    white = np.sqrt(rate_hz)
    wander = gauss_markov(rng, np.full(len(t_ns), 1 / (rate_hz * one.wander_s)), 6)
    gyro_bias = rng.standard_normal(3) * one.gyro_bias_radps + wander[:, :3] * one.gyro_wander_radps
    accel_bias = rng.standard_normal(3) * one.accel_bias_mps2 + wander[:, 3:] * one.accel_wander_mps2
    gyro_matrix, accel_matrix = _matrix(rng, one), _matrix(rng, one)
    w = ideal.w_ib_b_radps @ to_s.T @ gyro_matrix.T + gyro_bias
    f = ideal.f_ib_b_mps2 @ to_s.T @ accel_matrix.T + accel_bias
    w += rng.standard_normal(w.shape) * one.gyro_noise_radps_rthz * white
    f += rng.standard_normal(f.shape) * one.accel_noise_mps2_rthz * white
    return Imu(t_ns, f, w), ImuTruth(gyro_bias, accel_bias, gyro_matrix, accel_matrix)


def _grade(grade: str | Grade) -> Grade:
    if isinstance(grade, Grade):
        return grade
    if grade not in GRADES:
        raise ConfigError(f"no IMU grade '{grade}'; there are {', '.join(GRADES)}")
    return GRADES[grade]


def _matrix(rng: np.random.Generator, one: Grade) -> F64:
    matrix = np.eye(3) + np.diag(rng.standard_normal(3) * one.scale)
    upper = np.triu_indices(3, 1)
    matrix[upper] = rng.standard_normal(3) * one.skew_rad
    return matrix


def wheels_of(
    motion: Motion, *, rate_hz: float = 50.0, seed: int = 0, scale: float | None = None, tick_m: float = 0.02
) -> tuple[Series, float]:
    """Speed of the rear axle from wheel ticks, and its true scale.

    `scale`: what the wheels read per metre travelled (None: within 1 % by seed); ticks of `tick_m` make it coarse.
    """
    rng = np.random.default_rng([seed, 0x77])
    t_ns: I64 = motion.times(rate_hz)
    true_scale = float(1 + rng.normal(0, 0.005)) if scale is None else scale
    ticks = np.floor(motion.sample(t_ns).way_m * true_scale / tick_m + rng.random())
    speed = np.diff(ticks, prepend=ticks[:1]) * tick_m * rate_hz
    return Series(t_ns, speed, "m/s"), true_scale
