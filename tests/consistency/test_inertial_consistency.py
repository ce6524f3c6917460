"""Stated uncertainty against simulated truth over seeds, for filter and smoother, calibration included.

Each seed is another car by chance (tests/inertial_world.py): ride, road, vibration, mounting, lever arms, clock.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from inertial_world import Judged, dof, over_seeds
from kinema.estimate.options import Method, SolveOptions
from kinema.estimate.strategy import solve
from kinema.kernels.rotation import dcm_from_rpy, rotvec_from_dcm
from kinema.simulate.circuits import circuit
from kinema.simulate.fixes import inertial_recording
from kinema.simulate.vehicle import Motion, drive_around

ANTENNA = (0.6, 0.0, -1.4)
CAUTIOUS = {
    "velocity": 0.68, "attitude": 0.75, "attitude, first half": 0.8, "time_offset": 0.2, "gyro bias": 0.74,
    "accelerometer bias": 0.72, "gyro per turn": 0.74, "mounting": 0.68, "nis_position": 0.93, "nis_velocity": 0.93,
    "nis_wheels, 2 s": 0.3, "nis_sideways": 0.04, "nis_sideways, 2 s": 0.6, "nis_vertical": 0.01,
    "nis_vertical, 2 s": 0.2,
}  # fmt: skip
"""Mean per degree of freedom that is enough, of what is less sure than right: reasons in docs/figures/inertial.md."""
SURER = {
    "position": 1.22, "velocity": 1.25, "time_offset": 1.9, "wheel_scale": 1.95, "tyre_slip": 1.5,
    "gyro per turn": 1.42, "nis_velocity": 1.03, "nis_wheels": 1.17,
}  # fmt: skip
"""Mean per degree of freedom that is not yet too much, of what is surer than right."""


@cache
def drive(duration_s: float = 120.0) -> Motion:
    stops = ((400.0, 8.0),)
    return drive_around(circuit("suzuka", 1), t0_ns=10**18, laps=3, duration_s=duration_s, stops=stops, wait_s=10.0)


def outside(found: Judged, slack: float = 1.0) -> dict[str, str]:
    """What lies outside its band, and further than is known."""
    out = {}
    for name, (mean, (low, high)) in found.items():
        least = min(low, CAUTIOUS.get(name, 1.0) * dof(name)) / slack
        most = max(high, SURER.get(name, 1.0) * dof(name)) * slack
        if not least <= mean <= most:
            out[name] = f"{mean:.2f}, not {least:.2f} to {most:.2f}"
    return out


@pytest.mark.parametrize("method", ["filter", "smooth"])
def test_as_sure_as_right(method: Method) -> None:
    """Six seeds: NEES of position, velocity, attitude and every calibration state, NIS of every sensor."""
    assert not outside(over_seeds("industrial", method, 6), slack=1.3)


@pytest.mark.slow
@pytest.mark.parametrize("grade", ["consumer", "industrial", "tactical"])
@pytest.mark.parametrize("method", ["filter", "smooth"])
def test_as_sure_as_right_over_many_seeds(grade: str, method: Method) -> None:
    """Fifty seeds of each grade, in their two-sided 95 % bands but for what is known."""
    found = over_seeds(grade, method, 50)
    for name, (mean, (low, high)) in found.items():
        print(f"{grade:10s} {method:6s} {name:22s} {mean:.2f} of {dof(name)} ({low:.2f} to {high:.2f})")
    assert not outside(found)


def test_mounting_is_found_whatever_it_is() -> None:
    """Upside down, on its side, turned: within a degree in pitch and yaw, two in roll."""
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
