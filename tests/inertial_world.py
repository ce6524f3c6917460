"""Simulated cars by chance, and how far an inertial solution is off them in its own sigmas."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from kinema.analysis.consistency import chi2_band, nees_of, over_runs, run_of
from kinema.core.solution import Solution
from kinema.estimate.options import Method, SolveOptions
from kinema.estimate.strategy import solve
from kinema.kernels.rotation import dcm_from_rpy, dcms_from_quats, rotvec_from_dcm
from kinema.simulate.car import Car
from kinema.simulate.circuits import circuit
from kinema.simulate.fixes import inertial_recording
from kinema.simulate.inertial import imu_of
from kinema.simulate.vehicle import Limits, Motion, drive_around

F64 = NDArray[np.float64]
Judged = dict[str, tuple[float, tuple[float, float]]]
AXES, SIDES, TURNS = "xyz", ("forward", "right", "down"), ("roll", "pitch", "yaw")
GROUPS = {
    "gyro bias": [f"gyro_bias_{axis}" for axis in AXES],
    "accelerometer bias": [f"accel_bias_{axis}" for axis in AXES],
    "gyro per turn": [f"gyro_turn_{axis}" for axis in AXES],
    "antenna": [f"lever_{side}" for side in SIDES],
    "mounting": [f"mounting_{turn}" for turn in TURNS],
    "rear axle": ["axle", "axle_side"],
}
"""States whose normalised errors squared are summed up, for as many degrees of freedom."""
BLOCK = 40
"""Nodes of two seconds: what a constraint says is alike for about one."""


@cache
def car_and_drive(seed: int) -> tuple[Car, Motion]:
    """Two minutes of a town's driving with a stop, each seed another car on another road."""
    car = Car.drawn(seed)
    motion = drive_around(
        circuit("suzuka", 1), t0_ns=10**18, laps=3, duration_s=120.0, stops=((400.0, 8.0),), wait_s=10.0,
        limits=Limits(16.0, 3.0, 2.0, 2.5), ride=car.ride,
    )  # fmt: skip
    return car, motion


def truths(motion: Motion, car: Car, solution: Solution, grade: str, seed: int, scale: float) -> dict[str, F64 | float]:
    """What the calibration channels should say: constants, or one value per epoch (n,).

    To a car, which stays level, an accelerometer's scale and skew times gravity are a bias, and so is what a gyro reads
    of gravity; what it reads of the force in turns is part of what it reads per turn.
    """
    _, told = imu_of(motion, grade=grade, seed=seed, point_b_m=car.imu_b_m, rpy_bs_rad=car.rpy_bs_rad)
    c_bs = dcm_from_rpy(np.array(car.rpy_bs_rad))
    down_s, right_s = c_bs[2], c_bs[1]
    m = motion.sample(solution.t_ns)
    turning2 = m.w_ib_b_radps[:, 2] ** 2
    per_turn = float((turning2 * np.linalg.norm(m.v_e_mps, axis=1)).sum() / turning2.sum())
    level = -9.8 * (told.accel_matrix - np.eye(3)) @ down_s
    tilted = -9.8 * told.gyro_per_force @ down_s
    turn = (told.gyro_matrix - np.eye(3)) @ down_s + told.gyro_per_force @ right_s * per_turn
    t, known = solution.t_ns, motion.times(100.0)
    since = (t - motion.t0_ns) * 1e-9
    out: dict[str, F64 | float] = {
        "axle": -car.imu_b_m[0], "axle_side": -car.imu_b_m[1], "tyre_slip": car.ride.slip,
        "wheel_scale": 1 / scale - 1, "time_offset": since - (since - car.late_s) / (1 + car.drift),
    }  # fmt: skip
    for k in range(3):
        out[f"gyro_bias_{AXES[k]}"] = np.interp(t - t[0], known - t[0], told.gyro_bias_radps[:, k]) + tilted[k]
        out[f"accel_bias_{AXES[k]}"] = np.interp(t - t[0], known - t[0], told.accel_bias_mps2[:, k]) + level[k]
        out[f"gyro_turn_{AXES[k]}"] = turn[k]
        out[f"lever_{SIDES[k]}"] = car.antenna_b_m[k] - car.imu_b_m[k]
    return out


def judge(grade: str, method: Method, seed: int) -> dict[str, F64]:
    """Normalised errors squared over the second half of a drive: NEES of position, velocity, attitude and each
    calibration state, NIS of fixes and wheels; constraints fresh and as sums over two seconds. The filter is told the
    data sheet of the grade."""
    car, motion = car_and_drive(seed)
    recording, scale = inertial_recording(motion, grade=grade, seed=seed, wheels=True, told=True, **car.sensors)
    solution = solve(recording, SolveOptions(method=method))
    truth, channels = motion.sample(solution.t_ns, car.antenna_b_m), solution.channels
    mine = dcms_from_quats(solution.q_nb_wxyz)
    turn = np.array([rotvec_from_dcm(a @ b.T) for a, b in zip(truth.C_nb, mine, strict=True)])
    values = {
        "position": nees_of(solution.p_e_m - truth.p_e_m, solution.cov_p_e_m2),
        "velocity": nees_of(solution.v_e_mps - truth.v_e_mps, solution.cov_v_e),
        "attitude": nees_of(turn, solution.cov_att_n_rad2),
    }
    for name, right in truths(motion, car, solution, grade, seed, scale).items():
        values[name] = ((channels[name].value - right) / channels[f"{name}_sigma"].value) ** 2
    found = np.stack([channels[f"mounting_{name}"].value for name in TURNS], axis=1)
    c_bs = dcm_from_rpy(np.array(car.rpy_bs_rad))
    off = np.array([rotvec_from_dcm(c_bs @ dcm_from_rpy(rpy).T) for rpy in found])
    for k, name in enumerate(TURNS):
        values[f"mounting_{name}"] = (off[:, k] / channels[f"mounting_{name}_sigma"].value) ** 2
    values |= {name: channels[name].value for name in ("nis_position", "nis_velocity")}
    for group, parts in GROUPS.items():
        values[group] = np.sum([np.broadcast_to(values.pop(part), len(solution)) for part in parts], axis=0)
    half = len(solution) // 2
    out = {name: value[half:][np.isfinite(value[half:])] for name, value in values.items()}
    out["attitude, first half"] = values["attitude"][:half]
    for what in ("wheels", "sideways", "vertical"):
        fresh = channels[f"innovation_{what}"].value[half:]
        fresh = fresh[np.isfinite(fresh)]
        blocks = fresh[: len(fresh) // BLOCK * BLOCK].reshape(-1, BLOCK)
        out |= {f"nis_{what}": fresh**2, f"nis_{what}, 2 s": blocks.sum(axis=1) ** 2 / BLOCK}
    return out


def dof(name: str) -> int:
    """Degrees of freedom of a quantity."""
    of_fixes = name.startswith(("position", "velocity", "attitude", "nis_position", "nis_velocity"))
    return len(GROUPS[name]) if name in GROUPS else 3 if of_fixes else 1


def over_seeds(grade: str, method: Method, seeds: int) -> Judged:
    """Mean over seeds and its 95 % band: a run counts as many samples as it has decorrelated stretches, or as one where
    a calibration state is in question, which hardly changes over it."""
    runs = [judge(grade, method, seed) for seed in range(seeds)]
    out = {}
    for name in runs[0]:
        all_ = over_runs([run_of(one[name], dof(name)) for one in runs])
        quick = name.startswith(("position", "velocity", "attitude", "nis_"))
        out[name] = all_.mean, all_.band if quick else chi2_band(dof(name), seeds)
    return out
