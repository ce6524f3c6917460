"""A walking humanoid by its joints, its IMU and the forces under its feet, against motion capture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kinema.core.solution import Solution
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


def test_two_walks_in_a_folder_are_not_taken_for_one(data_dir):
    with pytest.raises(EstimationError, match="two recordings"):
        solve(read(data_dir / "humanoid-icub"))
