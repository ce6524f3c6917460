"""Tight coupling on real observations of a car, with an IMU simulated along its fixed positions (and so labelled).

No recording at hand has both raw observations with orbits and an IMU. The errors of satellites, atmosphere, receiver
and surroundings are real here; satellites are taken away in windows.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from kinema.core.frames import c_ne, geodetic_from_ecef
from kinema.core.recording import Mount, Recording
from kinema.core.solution import FixStatus, Solution
from kinema.estimate.options import SolveOptions
from kinema.estimate.strategy import solve
from kinema.formats.reading import read
from kinema.simulate.circuits import circuit
from kinema.simulate.few_satellites import few_satellites
from kinema.simulate.inertial import imu_of
from kinema.simulate.vehicle import Motion

F64 = NDArray[np.float64]
BASE_E_M = (-3959400.631, 3385704.533, 3667523.111)
WINDOWS = ((100.0, 130.0, 3), (170.0, 200.0, 2), (240.0, 260.0, 0), (300.0, 330.0, 3))
IMU_B_M = (0.5, 0.0, 1.0)
pytestmark = pytest.mark.data


def along(fixed: Solution) -> Motion:
    """A car that passes the fixed positions at their times, its nose along the way."""
    from scipy.interpolate import make_interp_spline

    t = (fixed.t_ns - fixed.t_ns[0]) * 1e-9
    origin = fixed.p_e_m[0].copy()
    position = make_interp_spline(t, fixed.p_e_m - origin, k=5)
    at = np.arange(0.0, t[-1], 0.25)
    v = position(at, 1) @ c_ne(*geodetic_from_ecef(origin)[:2]).T
    speed = np.hypot(v[:, 0], v[:, 1])
    moving = speed > 1.0
    yaw = np.interp(at, at[moving], np.unwrap(np.arctan2(v[moving, 1], v[moving, 0])))
    pitch = np.where(moving, np.arctan2(-v[:, 2], np.maximum(speed, 1.0)), 0.0)
    soft = [np.convolve(np.pad(a, n // 2, mode="edge"), np.ones(n) / n, "valid") for a, n in ((pitch, 9), (yaw, 5))]
    way = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(position(at), axis=0), axis=1))])
    return Motion(
        int(fixed.t_ns[0]), float(at[-1]), origin, circuit("open", 0), position,
        make_interp_spline(at, np.stack([0 * yaw, *soft], axis=1), k=5), make_interp_spline(at, way, k=5),
    )  # fmt: skip


@cache
def hybrid(folder: Path) -> tuple[Recording, Motion]:
    recording = read(folder / "SEPT265G.21O", folder / "SEPT2650.21P", base=folder / "3034265G.21O")
    fixed = solve(recording, SolveOptions(base_position_e_m=BASE_E_M))
    motion = along(fixed.select(fixed.status == FixStatus.FIXED))
    streams = {
        **recording.streams,
        "gnss": few_satellites(recording.streams["gnss"], WINDOWS, 0),
        "imu": imu_of(motion, grade="consumer", seed=0, point_b_m=IMU_B_M)[0],
    }
    return Recording(streams, {"gnss": Mount((0.0, 0.0, 0.0)), "imu": Mount(IMU_B_M)}, simulated=True), motion


def judged(solution: Solution, motion: Motion) -> tuple[F64, F64, F64]:
    """Seconds, horizontal error and NEES (n,) after the first minute."""
    truth = motion.sample(solution.t_ns)
    error = solution.p_e_m - truth.p_e_m
    error_n = np.einsum("nij,nj->ni", c_ne(*geodetic_from_ecef(truth.p_e_m)[:2]), error)
    nees = np.einsum("ni,nij,nj->n", error, np.linalg.inv(solution.cov_p_e_m2), error)
    t = (solution.t_ns - motion.t0_ns) * 1e-9
    keep = t > 60
    return t[keep], np.hypot(error_n[:, 0], error_n[:, 1])[keep], nees[keep]


def test_with_a_base_smoothed(data_dir: Path) -> None:
    """Centimetres outside the windows, all fixed; decimetres inside; as sure as right."""
    recording, motion = hybrid(data_dir / "car-rtk-japan-2021-265")
    solution = solve(recording, SolveOptions(method="smooth", base_position_e_m=BASE_E_M))
    t, h, nees = judged(solution, motion)
    outside = np.ones(len(t), dtype=np.bool_)
    for start, stop, _ in WINDOWS:
        outside &= (t < start - 0.5) | (t > stop + 0.5)
    fixed = solution.status[-len(t) :] == FixStatus.FIXED
    assert fixed[outside].mean() > 0.98
    assert np.percentile(h[outside], 95) < 0.02
    assert np.percentile(h, 95) < 0.2
    assert h[fixed].max() < 0.1
    assert 0.5 < nees.mean() < 6.0


def test_alone_and_causal_it_beats_the_loose_solution(data_dir: Path) -> None:
    """Without a base: less than half of the loose error at 50 and 95 %."""
    recording, motion = hybrid(data_dir / "car-rtk-japan-2021-265")
    streams = {name: stream for name, stream in recording.streams.items() if name != "base"}
    recording = replace(recording, streams=streams)
    found = {}
    for coupling in ("loose", "tight"):
        solution = solve(recording, SolveOptions(method="filter", params={"tight": {"coupling": coupling}}))
        _, h, nees = judged(solution, motion)
        found[coupling] = np.percentile(h, [50, 95])
    assert (found["tight"] < 0.5 * found["loose"]).all()
    assert found["tight"][1] < 1.0
    assert nees.mean() < 4.0
