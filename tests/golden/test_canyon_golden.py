"""A real street canyon by prepared pseudoranges with wheel speed and yaw rate, and by the same with damaged sensors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kinema.core.recording import Recording
from kinema.core.solution import Solution
from kinema.core.streams import Series
from kinema.estimate.options import SolveOptions
from kinema.estimate.strategy import solve
from kinema.formats.reading import read
from planar_world import horizontal

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def drive(data_dir: Path) -> Recording:
    folder = data_dir / "canyon-berlin"
    recording = read(folder / "Berlin_Potsdamer_Platz_Input.txt.gz")
    truth = read(folder / "Berlin_Potsdamer_Platz_GT.txt").streams["truth"]
    return replace(recording, streams={**recording.streams, "truth": truth})


def judged(solution: Solution, drive: Recording) -> tuple[float, float, float]:
    """H50, H RMS and the share within the 95 % ellipses."""
    error, squared = horizontal(solution, drive.streams["truth"])
    size = np.hypot(*error.T)
    return float(np.median(size)), float(np.sqrt((size**2).mean())), float(np.mean(squared < 5.991))


def with_odometry(drive: Recording, **columns: float | np.ndarray) -> Recording:
    """The drive with columns of its odometry multiplied."""
    odometry: Series = drive.streams["odometry"]
    value = odometry.value.copy()
    for name, factor in columns.items():
        value[:, odometry.columns.index(name)] *= factor
    return replace(drive, streams={**drive.streams, "odometry": replace(odometry, value=value)})


def test_all_at_once(drive: Recording) -> None:
    h50, rms, held = judged(solve(drive), drive)
    assert h50 < 3.0
    assert rms < 2.9
    assert held > 0.95


def test_causal(drive: Recording) -> None:
    solution = solve(drive, SolveOptions(method="filter"))
    h50, rms, held = judged(solution, drive)
    assert h50 < 4.5
    assert rms < 6.0
    assert held > 0.9
    assert any("causal after the first" in note for note in solution.provenance.notes)


def test_without_odometry(drive: Recording) -> None:
    alone = replace(drive, streams={"prepared": drive.streams["prepared"], "truth": drive.streams["truth"]})
    h50, _, held = judged(solve(alone), drive)
    assert h50 < 4.5
    assert held > 0.9


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"wz": -180 / np.pi}, ("degrees", "mirrored")),
        ({"vx": 3.6}, ("divided by it",)),
    ],
)
def test_wrong_units_and_signs_are_found(drive: Recording, columns: dict[str, float], told: tuple[str, ...]) -> None:
    solution = solve(with_odometry(drive, **columns))
    h50, rms, _ = judged(solution, drive)
    assert h50 < 3.0
    assert rms < 3.0
    notes = " ".join(solution.provenance.notes)
    assert all(word in notes for word in told)


def test_a_wheel_that_stands_still_for_a_minute(drive: Recording) -> None:
    t_s = drive.streams["odometry"].t_ns * 1e-9
    solution = solve(with_odometry(drive, vx=np.where((t_s > 100) & (t_s < 160), 0.0, 1.0)))
    h50, _, held = judged(solution, drive)
    assert h50 < 4.0
    assert held > 0.9
    assert any("not used there" in note for note in solution.provenance.notes)


def test_ranges_masked_for_forty_seconds(drive: Recording) -> None:
    """Dead reckoned, told so, and hardly worse."""
    solution = solve(drive, SolveOptions(masks=(("prepared", 120 * 10**9, 160 * 10**9),)))
    inside = (solution.t_ns >= 120 * 10**9) & (solution.t_ns < 160 * 10**9)
    assert inside.sum() > 50
    assert (solution.status[inside] == 1).all()
    assert judged(solution, drive)[1] < 3.5
