"""A robot in a hall by radio ranges and a consumer IMU: nearer than by the ranges alone, and its ellipses hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kinema
from indoor_world import hall
from kinema.core.recording import Recording
from kinema.core.solution import Solution
from kinema.core.streams import AnchorRanges, Imu
from kinema.core.time import WEEK_NS

AWAY: dict[str, Any] = {"away_s": (8.0, 40.0)}
"""Eight seconds without any range in each forty."""


def judged(recording: Recording, method: str) -> tuple[float, float, float]:
    """RMS (m), mean NEES (2 degrees of freedom) and the share within the 95 % ellipse, after the first 70 s."""
    truth: Solution = recording.streams["truth"]
    solution = kinema.solve(recording, method=method)
    truth = truth.select((truth.t_ns > truth.t_ns[0] + 70 * 10**9) & (truth.t_ns < solution.t_ns[-1]))
    t, known = ((t_ns - truth.t_ns[0]).astype(float) for t_ns in (truth.t_ns, solution.t_ns))
    p = np.stack([np.interp(t, known, column) for column in solution.p_e_m.T], axis=1)
    error = (p - truth.p_e_m)[:, 1:]
    cov = solution.cov_p_e_m2[np.searchsorted(solution.t_ns, truth.t_ns)][:, 1:, 1:]
    squared = np.einsum("ni,ni->n", error, np.linalg.solve(cov, error[..., None])[..., 0])
    return float(np.sqrt((error**2).sum(axis=1).mean())), float(squared.mean()), float((squared < 5.991).mean())


def without_imu(recording: Recording) -> Recording:
    return replace(recording, streams={role: one for role, one in recording.streams.items() if role != "imu"})


def test_one_hall_with_pauses_of_the_radio() -> None:
    """The IMU carries it through eight seconds without ranges."""
    recording = hall(0, **AWAY)
    for method, limit in (("filter", 0.3), ("smooth", 0.12)):
        rms, nees, held = judged(recording, method)
        assert rms < min(limit, 0.7 * judged(without_imu(recording), method)[0])
        assert nees < 4.0
        assert held > 0.85


def test_anchors_at_two_heights_and_a_known_mounting() -> None:
    """Three dimensions; the lever arm of the tag and the mounting are told, and wheels cannot slip sideways."""
    rms, nees, held = judged(hall(1, count=8, high=True, told=True), "smooth")
    assert rms < 0.1
    assert nees < 4.0
    assert held > 0.9


def test_by_the_command_line(tmp_path: Path) -> None:
    """`kinema solve --ranges --imu`: two CSV files in, a trajectory in the anchors' frame out."""
    from kinema.cli import main

    recording = hall(2)
    imu, ranges = recording.need("imu", Imu), recording.need("ranges", AnchorRanges)

    def table(name: str, header: str, t_ns: np.ndarray, *columns: np.ndarray) -> Path:
        week = int(t_ns[0]) // WEEK_NS
        rows = np.column_stack([np.full(len(t_ns), week), (t_ns - week * WEEK_NS) * 1e-9, *columns])
        np.savetxt(tmp_path / name, rows, fmt="%.9f", delimiter=",", header="gps_week,gps_tow_s," + header, comments="")
        return tmp_path / name

    names = [f"{what}_{axis}_{unit}" for what, unit in (("acc", "mps2"), ("gyro", "radps")) for axis in "xyz"]
    imu_csv = table("imu.csv", ",".join(names), imu.t_ns, imu.f_ib_s_mps2, imu.w_ib_s_radps)
    header = "anchor_id,range_m,anchor_x_m,anchor_y_m,anchor_z_m"
    csv = table(
        "uwb.csv", header, ranges.t_ns, ranges.anchor, ranges.range_m, ranges.anchor_p_m[ranges.anchor]
    )  # fmt: skip
    out = tmp_path / "robot.parquet"
    assert main(["solve", "--ranges", str(csv), "--imu", str(imu_csv), "-o", str(out)]) == 0
    solution = kinema.read(out).streams["fixes"]
    truth: Solution = recording.streams["truth"]
    p = np.stack([np.interp(truth.t_ns, solution.t_ns, column) for column in solution.p_e_m.T], axis=1)
    assert np.median(np.linalg.norm((p - truth.p_e_m)[:, 1:], axis=1)) < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("world", [{}, AWAY, {"high": True}, {"count": 4, "told": True}])
def test_twenty_seeds(world: dict[str, Any]) -> None:
    for method in ("filter", "smooth"):
        found = np.array([judged(hall(seed, **world), method) for seed in range(20)])
        alone = np.array([judged(without_imu(hall(seed, **world)), method)[0] for seed in range(20)])
        rms, nees, held = found.T
        print(world, method, f"RMS {np.median(rms):.2f} worst {rms.max():.2f}, alone {np.median(alone):.2f} worst "
              f"{alone.max():.2f}, NEES {nees.mean():.2f}, held {held.mean():.2f}")  # fmt: skip
        assert np.median(rms) < np.median(alone)
        assert np.median(nees) < 3.5
        assert held.mean() > 0.8
