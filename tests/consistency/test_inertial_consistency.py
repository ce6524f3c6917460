"""Stated uncertainty against simulated truth over seeds, for filter and smoother, calibration included."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from kinema.core.solution import Solution
from kinema.estimate.options import SolveOptions
from kinema.estimate.strategy import solve
from kinema.kernels.rotation import dcms_from_quats, rotvec_from_dcm
from kinema.simulate.circuits import circuit
from kinema.simulate.fixes import inertial_recording
from kinema.simulate.vehicle import Motion, drive_around

F64 = NDArray[np.float64]
ANTENNA = (0.6, 0.0, -1.4)
MOUNT = (0.3, -0.2, 1.0)


@cache
def drive(duration_s: float = 120.0) -> Motion:
    stops = ((400.0, 8.0),)
    return drive_around(circuit("suzuka", 1), t0_ns=10**18, laps=3, duration_s=duration_s, stops=stops, wait_s=10.0)


def nees(solution: Solution, motion: Motion) -> tuple[F64, F64, F64]:
    """Normalised errors squared (n,) of position, velocity and attitude."""
    truth = motion.sample(solution.t_ns, ANTENNA)
    c = dcms_from_quats(solution.q_nb_wxyz)
    turn = np.array([rotvec_from_dcm(true @ mine.T) for true, mine in zip(truth.C_nb, c, strict=True)])
    out = []
    for error, cov in (
        (solution.p_e_m - truth.p_e_m, solution.cov_p_e_m2),
        (solution.v_e_mps - truth.v_e_mps, solution.cov_v_e),
        (turn, solution.cov_att_n_rad2),
    ):
        out.append(np.einsum("ni,nij,nj->n", error, np.linalg.inv(cov), error))
    return out[0], out[1], out[2]


def run(grade: str, method: str, seed: int) -> tuple[float, float, float, Solution]:
    motion = drive()
    recording, _ = inertial_recording(motion, grade=grade, seed=seed, rpy_bs_rad=MOUNT, late_s=0.05, drift=2e-4)
    solution = solve(recording, SolveOptions(method=method))  # type: ignore[arg-type]
    half = slice(len(solution) // 2, None)
    p, v, a = nees(solution, motion)
    return float(p[half].mean()), float(v[half].mean()), float(np.median(a[half])), solution


@pytest.mark.parametrize("method", ["filter", "smooth"])
def test_position_and_velocity_are_as_sure_as_they_are_right(method: str) -> None:
    """Three degrees of freedom each: the mean over two seeds lies where honest models put it, not at 10 or 0.5."""
    runs = [run("industrial", method, seed) for seed in range(2)]
    p, v, a = np.mean([one[:3] for one in runs], axis=0)
    assert 1.2 < p < 5.0
    assert 0.4 < v < 5.0
    assert a < 8.0
    nis = np.concatenate([one[3].channels["nis_position"].value for one in runs])
    assert 1.8 < np.nanmean(nis) < 3.6


@pytest.mark.slow
@pytest.mark.parametrize("grade", ["consumer", "industrial", "tactical"])
@pytest.mark.parametrize("method", ["filter", "smooth"])
def test_many_seeds(grade: str, method: str) -> None:
    """Fifty seeds of each grade: median NEES of every seed's mean within a factor of two of the degrees of freedom."""
    runs = np.array([run(grade, method, seed)[:3] for seed in range(50)])
    p, v, a = np.median(runs, axis=0)
    assert 1.5 < p < 6.0
    assert 0.5 < v < 6.0
    assert a < 8.0


def test_calibration_states_are_honest() -> None:
    """Clock, drift, lever arm and wheel scale each within four of their stated sigmas, and small sigmas at that."""
    import re

    motion = drive()
    recording, scale = inertial_recording(
        motion, grade="industrial", seed=3, rpy_bs_rad=MOUNT, late_s=0.05, drift=2e-4, wheels=True
    )
    notes = " ".join(solve(recording, SolveOptions(method="smooth")).provenance.notes)
    td, td_sigma, drift, drift_sigma = (
        float(x) for x in re.search(r"clock: ([-+.\d]+) ± ([.\d]+) ms .*?drifting ([-+\d]+) ± (\d+)", notes).groups()
    )
    assert abs(td - 50) < 4 * td_sigma + 1
    assert abs(drift - 200) < 4 * drift_sigma + 5
    assert td_sigma < 5
    arm = re.search(r"down: ([-+.\d]+) ± ([.\d]+), ([-+.\d]+) ± ([.\d]+), ([-+.\d]+) ± ([.\d]+)", notes)
    have = np.array([float(x) for x in arm.groups()]).reshape(3, 2)
    np.testing.assert_array_less(np.abs(have[:, 0] - [-0.7, 0.0, -1.0]), 4 * have[:, 1] + 0.03)
    wheel, wheel_sigma = (float(x) for x in re.search(r"wheel scale ([-+.\d]+) ± ([.\d]+)", notes).groups())
    assert abs(wheel - 100 * (1 / scale - 1)) < 4 * wheel_sigma + 0.05


def test_mounting_is_found_whatever_it_is() -> None:
    """Upside down, on its side, turned: within a degree in pitch and yaw, two in roll."""
    from kinema.kernels.rotation import dcm_from_rpy

    motion = drive()
    for rpy in ((np.pi, 0.1, -3.0), (0.1, 1.2, 0.4), (-1.5, 0.05, 1.6)):
        recording, _ = inertial_recording(motion, grade="industrial", seed=1, rpy_bs_rad=rpy)
        solution = solve(recording, SolveOptions(method="filter"))
        notes = " ".join(solution.provenance.notes)
        import re

        found = re.search(r"roll ([-.\d]+) ± [.\d]+°, pitch ([-.\d]+) ± [.\d]+°, yaw ([-.\d]+)", notes)
        c = dcm_from_rpy(np.deg2rad([float(x) for x in found.groups()]))
        error = np.rad2deg(rotvec_from_dcm(c @ dcm_from_rpy(np.array(rpy)).T))
        assert abs(error[0]) < 2.0
        assert np.hypot(error[1], error[2]) < 1.0


def test_a_filter_that_is_lost_finds_back() -> None:
    """Fixes 40 m aside for a minute at stated centimetres, then right again: within ten seconds it is back."""
    from dataclasses import replace

    motion = drive()
    recording, _ = inertial_recording(motion, seed=4)
    fixes = recording.streams["fixes"]
    t = (fixes.t_ns - fixes.t_ns[0]) * 1e-9
    aside = np.where(((t > 50) & (t < 80))[:, None], [40.0, 0.0, 0.0], 0.0)
    wrong = replace(recording, streams={**recording.streams, "fixes": replace(fixes, p_e_m=fixes.p_e_m + aside)})
    solution = solve(wrong, SolveOptions(method="filter"))
    truth = motion.sample(solution.t_ns, ANTENNA).p_e_m
    error = np.linalg.norm(solution.p_e_m - truth, axis=1)
    since = (solution.t_ns - fixes.t_ns[0]) * 1e-9
    assert error[(since > 50) & (since < 54)].max() < 5.0
    assert error[since > 92].max() < 2.0
