"""A walking humanoid by its joints, its IMU and the forces under its feet, against motion capture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kinema.core.solution import Solution
from kinema.core.streams import Imu, Series
from kinema.errors import EstimationError
from kinema.estimate.options import SolveOptions
from kinema.estimate.strategy import solve
from kinema.formats.reading import read
from kinema.kernels.rotation import dcms_from_quats, rotvec_from_dcm

pytestmark = pytest.mark.data
C_NE_AT_NULL = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])


def against_capture(solution: Solution, truth: Solution) -> tuple[float, float]:
    """RMS of position (m) and attitude (deg) once the first poses are laid upon each other."""
    c, c_true = dcms_from_quats(solution.q_nb_wxyz), dcms_from_quats(truth.q_nb_wxyz)
    lay = c_true[0] @ c[0].T
    p = (solution.p_e_m - solution.p_e_m[0]) @ C_NE_AT_NULL.T @ lay.T
    error = p - (truth.p_e_m - truth.p_e_m[0]) @ C_NE_AT_NULL.T
    turn = np.array([rotvec_from_dcm(lay @ a @ b.T) for a, b in zip(c, c_true, strict=True)])
    return float(np.sqrt((error**2).sum(axis=1).mean())), float(np.rad2deg(np.sqrt((turn**2).sum(axis=1).mean())))


@pytest.mark.parametrize(
    ("name", "position_m", "attitude_deg"), [("walking", 0.012, 1.5), ("com-sinusoid", 0.003, 0.4)]
)
def test_base_pose(data_dir: Path, name: str, position_m: float, attitude_deg: float) -> None:
    """Plain support-foot odometry: 21 mm and 3.1°, 4.9 mm and 0.58°."""
    recording = read(data_dir / "humanoid-icub" / f"{name}.mat")
    p, turn = against_capture(solve(recording, SolveOptions(method="filter")), recording.streams["truth"])
    assert p < position_m
    assert turn < attitude_deg


def spoiled(force_n: np.ndarray, how: str) -> np.ndarray:
    """Forces (n, 2) as worse sensors tell them."""
    rng, out = np.random.default_rng(1), force_n.copy()
    if how == "rough":
        return out + rng.normal(0, 25.0, out.shape)
    if how == "offset, one side weak":
        return out * (0.8, 1.0) + (15.0, 15.0)
    if how == "told downwards":
        return -out
    for k in rng.integers(0, len(out) - 10, 20):
        out[k : k + 4] = np.nan if how == "no numbers" else 0.0
    return out


@pytest.mark.parametrize(
    ("how", "name", "position_m", "attitude_deg"),
    [
        ("rough", "walking", 0.012, 1.5),
        ("offset, one side weak", "walking", 0.012, 1.5),
        ("told downwards", "com-sinusoid", 0.003, 0.5),
        ("no numbers", "walking", 0.012, 1.5),
        ("dropouts", "com-sinusoid", 0.004, 0.5),
    ],
)
def test_worse_forces(data_dir: Path, how: str, name: str, position_m: float, attitude_deg: float) -> None:
    """Contacts come from shares of the weight: noise of 25 N, offsets, a weak side, signs and gaps leave the pose."""
    recording = read(data_dir / "humanoid-icub" / f"{name}.mat")
    forces: Series = recording.streams["foot_forces"]
    worse = replace(forces, value=spoiled(forces.value, how))
    solution = solve(replace(recording, streams={**recording.streams, "foot_forces": worse}))
    p, turn = against_capture(solution, recording.streams["truth"])
    assert p < position_m
    assert turn < attitude_deg
    assert ("taken the other way round" in " ".join(solution.provenance.notes)) == (how == "told downwards")


def test_time_run_backwards(data_dir: Path) -> None:
    """Another motion of the same robot: the sway backwards, and the walk, from mid-step to a stand, backwards."""
    for name, position_m, attitude_deg in (("com-sinusoid", 0.003, 0.6), ("walking", 0.15, 7.0)):
        recording = read(data_dir / "humanoid-icub" / f"{name}.mat")
        imu: Imu = recording.streams["imu"]
        ends = int(imu.t_ns[0] + imu.t_ns[-1])
        streams = {
            role: replace(one, t_ns=ends - one.t_ns[::-1], value=one.value[::-1])
            for role, one in recording.streams.items() if isinstance(one, Series)
        }  # fmt: skip
        streams["imu"] = Imu(ends - imu.t_ns[::-1], imu.f_ib_s_mps2[::-1], -imu.w_ib_s_radps[::-1])
        truth: Solution = recording.streams["truth"]
        back = Solution(ends - truth.t_ns[::-1], truth.p_e_m[::-1], q_nb_wxyz=truth.q_nb_wxyz[::-1])
        p, turn = against_capture(solve(replace(recording, streams={**recording.streams, **streams})), back)
        assert p < position_m
        assert turn < attitude_deg


def test_two_walks_in_a_folder_are_not_taken_for_one(data_dir):
    with pytest.raises(EstimationError, match="two recordings"):
        solve(read(data_dir / "humanoid-icub"))
