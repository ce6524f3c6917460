"""Single-point positioning knows how good it is: NEES over simulated drives, each with its own seed, sky and errors."""

from __future__ import annotations

import pytest

import kinema
from kinema.analysis.consistency import Consistency, over_runs, position_nees, run_of


def nees(course: str, seeds: range, duration_s: float, method: str, horizontal: bool = True) -> Consistency:
    """NEES of position over seeds of one course at 1 Hz."""
    runs = []
    for seed in seeds:
        drive = kinema.simulate(course, seed, duration_s=duration_s, rate_hz=1.0)
        solution = kinema.solve(drive.recording, method=method)
        runs.append(run_of(position_nees(solution, drive.truth, horizontal), 2 if horizontal else 3))
    return over_runs(runs)


def test_smoother_and_filter_are_honest_on_a_few_seeds() -> None:
    """A dozen short drives: enough to notice an uncertainty that is wrong by half, too few for more."""
    batch = nees("open", range(2000, 2012), 40.0, "batch")
    assert 0.25 * 2 < batch.mean < 2.25 * 2, batch
    assert batch.inside_95 > 0.8, batch
    causal = nees("open", range(2000, 2006), 40.0, "filter")
    assert causal.mean < 2.25 * 2, causal
    assert causal.inside_95 > 0.8, causal


@pytest.mark.slow
@pytest.mark.parametrize("course", ["open", "suzuka", "monaco", "grid"])
@pytest.mark.parametrize("horizontal", [True, False])
def test_smoother_lies_in_its_band_over_fifty_seeds(course: str, horizontal: bool) -> None:
    together = nees(course, range(1000, 1050), 90.0, "batch", horizontal)
    assert together.consistent, together


@pytest.mark.slow
@pytest.mark.parametrize("course", ["open", "suzuka", "monaco", "grid"])
def test_filter_is_never_optimistic_over_fifty_seeds(course: str) -> None:
    together = nees(course, range(1000, 1050), 90.0, "filter")
    assert together.mean <= together.band[1], together
