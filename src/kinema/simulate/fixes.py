"""Fixes of a simulated drive without the labour of raw observations, and recordings for inertial navigation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kinema.core.recording import UNKNOWN_MOUNT, Recording
from kinema.core.solution import FixStatus, Solution
from kinema.core.streams import Imu, Series
from kinema.simulate.inertial import Grade, data_sheet, imu_of, wheels_of
from kinema.simulate.noise import gauss_markov
from kinema.simulate.vehicle import Motion

Point = tuple[float, float, float]


def fixes_of(
    motion: Motion, *, rate_hz: float = 4.0, sigma_m: float = 0.02, sigma_mps: float = 0.05, seed: int = 0,
    point_b_m: Point = (0.6, 0.0, -1.4), slow_share: float = 0.45, slow_s: float = 10.0,
) -> Solution:  # fmt: skip
    """What a receiver with carrier-phase fixes would say, its sigmas stated.

    `slow_share` of a position's sigma lasts for about `slow_s`; the rest of its error, and the velocity's, is white.
    """
    rng = np.random.default_rng([seed, 0xF1])
    t_ns = motion.times(rate_hz)[2:-2]
    truth = motion.truth(t_ns, point_b_m, "antenna")
    n = len(t_ns)
    slow = gauss_markov(rng, np.full(n, 1 / (rate_hz * slow_s)), 3) * slow_share
    error = sigma_m * (slow + np.sqrt(1 - slow_share**2) * rng.standard_normal((n, 3)))
    return Solution(
        t_ns, truth.p_e_m + error, np.tile(np.eye(3) * sigma_m**2, (n, 1, 1)),
        truth.v_e_mps + rng.normal(0, sigma_mps, (n, 3)), np.tile(np.eye(3) * sigma_mps**2, (n, 1, 1)),
        status=np.full(n, FixStatus.FIXED, np.uint8), provenance=replace(truth.provenance, mode="simulated fixes"),
    )  # fmt: skip


def inertial_recording(
    motion: Motion, *, grade: str | Grade = "industrial", seed: int = 0, rpy_bs_rad: Point = (0.0, 0.0, 0.0),
    imu_b_m: Point = (1.3, 0.0, -0.4), antenna_b_m: Point = (0.6, 0.0, -1.4), late_s: float = 0.0, drift: float = 0.0,
    wheels: bool = False, sigma_m: float = 0.02, sigma_mps: float = 0.05, told: bool = False,
) -> tuple[Recording, float]:  # fmt: skip
    """A recording of "imu", "fixes" and "wheels" with nothing told of mounting or clocks, and the wheels' true scale.

    The IMU's tags are `late_s` behind GPS time and drift by `drift`; the wheels share its clock. `told`: of the IMU's
    data sheet, as settings.
    """

    def retagged(t_ns: np.ndarray) -> np.ndarray:
        t = (t_ns - motion.t0_ns) * 1e-9
        return np.asarray(motion.t0_ns + np.round((t - late_s) / (1 + drift) * 1e9).astype(np.int64))

    imu, _ = imu_of(motion, grade=grade, seed=seed, point_b_m=imu_b_m, rpy_bs_rad=rpy_bs_rad)
    streams: dict[str, object] = {
        "imu": Imu(retagged(imu.t_ns), imu.f_ib_s_mps2, imu.w_ib_s_radps),
        "fixes": fixes_of(motion, sigma_m=sigma_m, sigma_mps=sigma_mps, seed=seed, point_b_m=antenna_b_m),
    }
    scale = 1.0
    if wheels:
        speed, scale = wheels_of(motion, seed=seed)
        streams["wheels"] = Series(retagged(speed.t_ns), speed.value, speed.unit)
    mounts = {"imu": UNKNOWN_MOUNT}
    settings = {"inertial": data_sheet(grade)} if told else {}
    name = f"simulated {grade}, seed {seed}"
    return Recording(streams, mounts, settings=settings, simulated=True, name=name), scale
