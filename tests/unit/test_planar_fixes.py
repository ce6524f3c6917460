"""Fixes carried on by wheels without an IMU: gaps bridged, wrong wheels found, sigmas that hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kinema.core.recording import Recording
from kinema.core.solution import FixStatus, Solution
from kinema.core.streams import Series
from kinema.errors import EstimationError
from kinema.estimate.options import Method, SolveOptions
from kinema.estimate.strategy import solve
from planar_world import car, horizontal

GAP = (("fixes", 70 * 10**9, 95 * 10**9),)
TRACK_M = 1.6


def drive(seed: int, *, sigma_m: float = 0.3) -> Recording:
    """A car's odometry with fixes of fresh noise, one a second."""
    recording = car(seed)
    truth: Solution = recording.streams["truth"]
    at = slice(None, None, 5)
    p = truth.p_e_m[at] + np.random.default_rng(seed).normal(size=(len(truth.t_ns[at]), 3)) * sigma_m
    cov = np.tile(np.eye(3) * sigma_m**2, (len(p), 1, 1))
    fixes = Solution(truth.t_ns[at], p, cov, status=np.full(len(p), FixStatus.FLOAT, np.uint8))
    streams = {"fixes": fixes, "odometry": recording.streams["odometry"], "truth": truth}
    return Recording(streams, simulated=True)


def scaled(recording: Recording, **columns: float) -> Recording:
    odometry: Series = recording.streams["odometry"]
    value = odometry.value.copy()
    for name, factor in columns.items():
        value[:, odometry.columns.index(name)] *= factor
    return replace(recording, streams={**recording.streams, "odometry": replace(odometry, value=value)})


def rear_wheels(recording: Recording) -> Recording:
    """Two rear wheels instead of speed and yaw rate; their bias is that of tyres of two sizes."""
    odometry: Series = recording.streams["odometry"]
    speed, rate = odometry.value.T
    both = np.column_stack([speed + 0.5 * TRACK_M * rate, speed - 0.5 * TRACK_M * rate])
    wheels = Series(odometry.t_ns, both, "m/s", ("rear_left", "rear_right"))
    kept = {role: stream for role, stream in recording.streams.items() if role != "odometry"}
    return replace(recording, streams={**kept, "wheels": wheels})


def errors_m(recording: Recording, method: Method = "batch") -> tuple[Solution, np.ndarray, np.ndarray]:
    solution = solve(recording, SolveOptions(method=method, masks=GAP))
    error, squared = horizontal(solution, recording.streams["truth"])
    return solution, np.hypot(*error.T), squared


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_gap_of_25_s_is_bridged(seed: int) -> None:
    solution, size, squared = errors_m(drive(seed))
    inside = (solution.t_ns > GAP[0][1]) & (solution.t_ns < GAP[0][2])
    assert (solution.status[inside] == FixStatus.DEAD_RECKONED).all()
    assert size[inside].max() < 2.0
    assert np.mean(squared < 5.991) > 0.8


@pytest.mark.parametrize("seed", [1, 2])
def test_causal(seed: int) -> None:
    """180 m without a fix."""
    solution, size, squared = errors_m(drive(seed), "filter")
    inside = (solution.t_ns > GAP[0][1]) & (solution.t_ns < GAP[0][2])
    assert size[inside].max() < 8.0
    assert np.mean(squared < 5.991) > 0.85


@pytest.mark.parametrize(
    ("columns", "word"), [({"vx": 3.6}, "divided by it"), ({"wz": -1.0}, "mirrored"), ({"wz": 180 / np.pi}, "degrees")]
)
def test_wrong_units_and_signs_are_found(columns: dict[str, float], word: str) -> None:
    solution, size, _ = errors_m(scaled(drive(1), **columns))
    assert size.max() < 3.0
    assert any(word in note for note in solution.provenance.notes)


def test_the_turn_comes_from_the_rear_wheels() -> None:
    solution, size, _ = errors_m(rear_wheels(drive(1)))
    assert size.max() < 4.0
    assert any("rear wheels" in note for note in solution.provenance.notes)


def test_one_wheel_that_tells_no_turn() -> None:
    """Only a speed: the way through the gap is a guess between its ends, and its sigma says so."""
    recording = rear_wheels(drive(1))
    wheels: Series = recording.streams["wheels"]
    one = replace(wheels, value=wheels.value.mean(axis=1), columns=())
    _, size, squared = errors_m(replace(recording, streams={**recording.streams, "wheels": one}))
    assert size.max() < 25.0
    assert np.mean(squared < 5.991) > 0.8


def test_fixes_that_stand_still() -> None:
    recording = drive(1, sigma_m=0.01)
    fixes: Solution = recording.streams["fixes"]
    still = replace(fixes, p_e_m=np.tile(fixes.p_e_m[0], (len(fixes), 1)))
    with pytest.raises(EstimationError, match="hardly move"):
        solve(replace(recording, streams={**recording.streams, "fixes": still}))
