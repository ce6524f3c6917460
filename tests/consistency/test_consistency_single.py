"""Single-point positioning knows how good it is: NEES over simulated drives, each with its own seed, sky and errors."""

from __future__ import annotations

import numpy as np
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


@pytest.mark.parametrize("method", ["batch", "filter"])
def test_one_frequency_is_no_worse_linked_than_epoch_by_epoch(method: str) -> None:
    """The carrier's changes must not place the receiver: slow errors in them once moved it by 30 m in the open."""
    for seed in (0, 2):
        drive = kinema.simulate("open", seed, duration_s=90.0, rate_hz=1.0, frequencies=1)
        linked = kinema.solve(drive.recording, mode="single", method=method)
        alone = kinema.solve(drive.recording, mode="single", instantaneous=True)
        off = [kinema.score(s, drive.truth).horizontal.rms for s in (linked, alone)]
        assert off[0] < off[1] + 0.3, (seed, off)


def test_one_frequency_states_the_ionosphere_that_all_satellites_share() -> None:
    """A second frequency measures the delay; without it the stated uncertainty is metres, not what averaging says."""
    stated = []
    for frequencies in (1, 2):
        drive = kinema.simulate("open", 3, duration_s=40.0, rate_hz=1.0, frequencies=frequencies)
        cov = kinema.solve(drive.recording, mode="single").cov_p_e_m2
        assert (np.linalg.eigvalsh(cov) > 0).all()
        stated.append(float(np.sqrt(np.trace(cov, axis1=1, axis2=2).mean())))
    assert 2.0 < stated[0] < 10.0
    assert stated[1] < 1.5
