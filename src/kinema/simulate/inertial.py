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
from kinema.simulate.vehicle import Motion, MotionTruth
from kinema.simulate.vibration import vibration

_SLIP_S2PM, _ROAD_SLIP, _ROAD_S, _CREEP = 0.001, 0.001, 0.5, 1e-5
"""Wheels' slip per acceleration; by the road, one sigma and its time; and creep of their size per root second."""
DEG = np.pi / 180
G = 9.80665
MG = 1e-3 * G


@dataclass(frozen=True)
class Grade:
    """One standard deviation each: white noise density, bias at switch-on, wandering part and its time, scale, skew,
    rate read per specific force; and the share of vibrations that is sampled instead of averaged."""

    gyro_noise_radps_rthz: float
    gyro_bias_radps: float
    gyro_wander_radps: float
    accel_noise_mps2_rthz: float
    accel_bias_mps2: float
    accel_wander_mps2: float
    wander_s: float
    scale: float
    skew_rad: float
    gyro_per_force_radps: float = 0.0
    folds: float = 0.0


GRADES = {
    "consumer": Grade(
        0.01 * DEG, 0.3 * DEG, 50 * DEG / 3600, 0.15 * MG, 15 * MG, 1.2 * MG, 300.0, 4e-3, 4e-3, 0.05 * DEG / G, 1.0
    ),
    "industrial": Grade(
        0.004 * DEG, 0.05 * DEG, 10 * DEG / 3600, 0.06 * MG, 3 * MG, 0.15 * MG, 600.0, 1e-3, 1e-3, 0.01 * DEG / G, 0.4
    ),
    "tactical": Grade(
        0.0006 * DEG, 3 * DEG / 3600, 0.5 * DEG / 3600, 0.02 * MG, 0.5 * MG, 0.02 * MG, 1200.0, 2e-4, 1e-4,
        0.0005 * DEG / G, 0.1,
    ),
}  # fmt: skip


def data_sheet(grade: str | Grade) -> dict[str, float]:
    """What the filter should be told of a grade, as settings of [inertial]: walks of the biases, skew of the axes."""
    one, slow = _grade(grade), np.sqrt(2.0)
    return {
        "gyro_bias_walk": float(one.gyro_wander_radps * slow / np.sqrt(one.wander_s)),
        "accel_bias_walk": float(one.accel_wander_mps2 * slow / np.sqrt(one.wander_s)),
        "misalignment": one.skew_rad,
        "askew": one.skew_rad,
        "gyro_noise": one.gyro_noise_radps_rthz,
        "accel_noise": one.accel_noise_mps2_rthz,
    }


@dataclass(frozen=True)
class ImuTruth:
    """What only a simulator knows: biases (n, 3) of gyroscope and accelerometer, the 3 × 3 of scale and skew of each,
    and that of the rate read per specific force, all in the sensor."""

    gyro_bias_radps: F64
    accel_bias_mps2: F64
    gyro_matrix: F64
    accel_matrix: F64
    gyro_per_force: F64


def imu_of(
    motion: Motion,
    *,
    grade: str | Grade = "industrial",
    rate_hz: float = 100.0,
    seed: int = 0,
    point_b_m: tuple[float, float, float] = (0.0, 0.0, 0.0),
    rpy_bs_rad: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> tuple[Imu, ImuTruth]:
    """An IMU at `point_b_m`, turned by roll, pitch, yaw from sensor to body; on a car that rides, it is shaken as well.

    Raises ConfigError for the grade.
    """
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
    per_force = rng.standard_normal((3, 3)) * one.gyro_per_force_radps
    shaken_f, shaken_w = _shaken(motion, ideal, seed, rate_hz, one.folds)
    true_f = ideal.f_ib_b_mps2 @ to_s.T
    w = (ideal.w_ib_b_radps + shaken_w) @ to_s.T @ gyro_matrix.T + true_f @ per_force.T + gyro_bias
    f = (true_f + shaken_f @ to_s.T) @ accel_matrix.T + accel_bias
    w += rng.standard_normal(w.shape) * one.gyro_noise_radps_rthz * white
    f += rng.standard_normal(f.shape) * one.accel_noise_mps2_rthz * white
    return Imu(t_ns, f, w), ImuTruth(gyro_bias, accel_bias, gyro_matrix, accel_matrix, per_force)


def _shaken(motion: Motion, ideal: MotionTruth, seed: int, rate_hz: float, folds: float) -> tuple[F64, F64]:
    """Vibration in the body, forces and rates (n, 3), as much of it as the sensor does not average."""
    n = len(ideal.t_ns)
    if motion.ride is None or not folds:
        return np.zeros((n, 3)), np.zeros((n, 3))
    force, rate = vibration(np.random.default_rng([seed, 0x5A]), rate_hz, np.linalg.norm(ideal.v_e_mps, axis=1))
    return folds * force, folds * rate


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

    `scale`: what the wheels read per metre travelled (None: within 1 % by seed); ticks of `tick_m` make it coarse. On a
    car that rides, tyres slip by a share of the acceleration and with the road, and their size creeps.
    """
    rng = np.random.default_rng([seed, 0x77])
    t_ns: I64 = motion.times(rate_hz)
    true_scale = float(1 + rng.normal(0, 0.005)) if scale is None else scale
    rolled = np.asarray(motion.way(motion.seconds(t_ns)))
    if motion.ride is not None:
        rolled = rolled + _slipped(rng, rolled, rate_hz)
    ticks = np.floor(rolled * true_scale / tick_m + rng.random())
    speed = np.diff(ticks, prepend=ticks[:1]) * tick_m * rate_hz
    return Series(t_ns, speed, "m/s"), true_scale


def _slipped(rng: np.random.Generator, way_m: F64, rate_hz: float) -> F64:
    """Metres (n,) that wheels turn beyond the way: slip by acceleration and by the road, and tyres that grow warm."""
    speed = np.gradient(way_m) * rate_hz
    road = gauss_markov(rng, np.full(len(way_m), 1 / (rate_hz * _ROAD_S)), 1)[:, 0] * _ROAD_SLIP
    size = np.cumsum(rng.standard_normal(len(way_m))) * _CREEP / np.sqrt(rate_hz)
    share = _SLIP_S2PM * np.gradient(speed) * rate_hz + road + size
    return np.asarray(np.cumsum(share * speed) / rate_hz)
