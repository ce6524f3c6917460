"""A car by chance: how it rides, where its sensors sit, how its clocks run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from kinema.simulate.ride import Ride

Point = tuple[float, float, float]


@dataclass(frozen=True)
class Car:
    """What a recording of a car does not tell: its ride; places of IMU and antenna (forward, right, down of the middle
    of the rear axle on the road), the IMU's roll, pitch and yaw; the IMU's tags are `late_s` behind GPS and drift."""

    ride: Ride
    imu_b_m: Point
    antenna_b_m: Point
    rpy_bs_rad: Point
    late_s: float
    drift: float

    @classmethod
    def drawn(cls, seed: int) -> Car:
        """Any car: an IMU in the dashboard, between the seats or in the boot, turned anyhow; an antenna on the roof."""
        rng = np.random.default_rng([seed, 0xCA2])
        imu = (rng.normal(1.1, 0.6), rng.normal(0, 0.25), rng.uniform(-0.8, -0.3))
        antenna = (rng.normal(0.8, 0.6), rng.normal(0, 0.25), rng.uniform(-1.6, -1.3))
        rpy = (rng.normal(0, 0.2), rng.normal(0, 0.2), rng.uniform(-np.pi, np.pi))
        return cls(Ride.drawn(seed), imu, antenna, rpy, rng.normal(0, 0.05), rng.normal(0, 2e-4))

    @property
    def sensors(self) -> dict[str, Any]:
        """Its sensors as arguments of kinema.simulate.fixes.inertial_recording."""
        return {
            "imu_b_m": self.imu_b_m, "antenna_b_m": self.antenna_b_m, "rpy_bs_rad": self.rpy_bs_rad,
            "late_s": self.late_s, "drift": self.drift,
        }  # fmt: skip
