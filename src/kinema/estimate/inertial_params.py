"""Settings of the inertial filter and the state that a pass starts from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from kinema.core.arrays import F64


@dataclass(frozen=True)
class InertialParams:
    """Noise and models; SI and radians.

    Densities are of white noise (…/√Hz) or random walks (…/s/√Hz). None: found from the data. `*_sigma` named
    initial are of states that the filter calibrates; 0 holds a state at its given value.
    """

    gyro_noise: float | None = None
    accel_noise: float | None = None
    vibration: float = 0.5
    """Share of the vibration, as white noise, that reaches the slow motion."""
    misalignment: float = 3e-3
    """Share of the acceleration that reads wrong for as long as it lasts."""
    askew: float = 1.5e-3
    """Share of the rate that reads wrong for about a second, beside what is estimated."""
    gyro_bias_walk: float = 2e-5
    accel_bias_walk: float = 1e-3
    gyro_bias_sigma: float = 0.02
    accel_bias_sigma: float = 0.3
    gyro_scale_sigma: float = 0.004
    lever_m: tuple[float, float, float] | None = None
    """Antenna from the IMU, in the body (forward, right, down); None: calibrated from zero."""
    lever_sigma_m: float = 1.0
    lever_sigma_coarse_m: float = 0.3
    """The same with fixes by code, which cannot show it."""
    lever_given_sigma_m: float = 0.0
    """Of a given lever arm."""
    mount_sigma_rad: float = 0.03
    mount_walk: float = 2e-5
    time_walk: float = 1e-5
    time_sigma_s: float | None = None
    """Of a time offset that is known (and already in the time tags); None: it is looked for. 0: one clock."""
    wheel_scale_sigma: float = 0.03
    wheel_scale_walk: float = 1e-5
    axle_m: float = -1.0
    """Rear axle ahead of the IMU (negative: behind)."""
    axle_sigma_m: float = 1.0
    axle_side_m: float = 0.0
    """Its middle right of the IMU; only wheels show it."""
    axle_side_sigma_m: float = 0.3
    slip: float = 0.006
    """Rear tyres' slip angle per lateral acceleration, rad/(m/s²)."""
    slip_sigma: float = 0.004
    nhc_lateral_mps: float = 0.1
    nhc_vertical_mps: float = 0.5
    """Squatting and diving on the springs lasts for a second: as fresh noise of each node it counts for more."""
    nhc_slip: float = 0.04
    """Extra lateral sigma per lateral acceleration, s."""
    nhc_min_speed_mps: float = 0.5
    wheel_sigma_mps: float = 0.1
    wheel_fraction: float = 0.003
    wheel_slip: float = 0.004
    """The same per acceleration, s²/m: 0.001 of slip, which lasts for half a second and so counts four times."""
    zupt_sigma_mps: float = 0.02
    zaru_sigma_radps: float = 0.003
    fix_gate: float = 16.0
    node_s: float = 0.05
    road_height: bool = True
    """Whether a road that is met again is as high as before, but for road_sigma_m; vehicles only."""
    road_sigma_m: float = 0.1
    constrain: bool = True
    """Whether it is a vehicle that rolls on wheels: non-holonomic constraint."""


def _no_way() -> F64:
    from kinema.kernels.road import HERE_SIZE, QUEUE

    return np.zeros((1 + QUEUE, HERE_SIZE))


@dataclass(frozen=True)
class Start:
    """Where a pass begins: nominal state x (X_SIZE,), covariance p (N, N), at `t_s`; carry (4, 3) is what
    kernels.inertial_pass.run_pass hands on from one pass to the next, and way that of kernels.road.Road.now."""

    t_s: float
    x: F64
    p: F64
    carry: F64 = field(default_factory=lambda: np.zeros((4, 3)))
    way: F64 = field(default_factory=_no_way)


@dataclass(frozen=True)
class Calibration:
    """What was found of the sensors before the pass: C_bs (3, 3), time offset (s) at the origin and its drift
    (t_gps = t_imu + td + tdd · (t_imu − t0)), noise, quiet levels, slow error of fixes by code,
    and sigma and time of what lasts of the error of any fixes."""

    c_bs: F64 = field(default_factory=lambda: np.eye(3))
    mounted: bool = False
    td_s: float = 0.0
    tdd: float = 0.0
    td_sigma_s: float = 0.0
    tdd_sigma: float = 0.0
    gyro_noise: float = 1e-3
    accel_noise: float = 1e-2
    quiet_gyro: float = 0.0
    quiet_accel: float = 0.0
    slow_sigma_m: float = 0.0
    lasting_m: float = 0.0
    lasting_s: float = 60.0

    def imu_time(self, t_s: F64) -> F64:
        """Seconds on the IMU's clock of GPS seconds (both since the origin)."""
        return np.asarray((t_s - self.td_s) / (1.0 + self.tdd))

    def gps_time(self, t_imu_s: F64) -> F64:
        """GPS seconds of the IMU's."""
        return np.asarray(t_imu_s * (1.0 + self.tdd) + self.td_s)

    def retimed(self, td_s: float, tdd: float, at_s: float) -> Calibration:
        """The same with what a pass found to be left at `at_s` of the IMU's clock: offset and drift."""
        return replace(self, td_s=self.td_s + td_s - tdd * at_s, tdd=self.tdd + tdd)

    def with_mount(self, c_bs: F64) -> Calibration:
        """The same with a known mounting."""
        return replace(self, c_bs=np.asarray(c_bs, dtype=np.float64), mounted=True)
