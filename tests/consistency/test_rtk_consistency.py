"""RTK over many simulated drives: the float solution's uncertainty before fixing, and how often a fix is wrong."""

from __future__ import annotations

import numpy as np
import pytest

from kinema.core.arrays import F64
from kinema.core.frames import vectors_n_from_e
from kinema.core.recording import Recording
from kinema.core.solution import FixStatus
from kinema.estimate.options import SolveOptions
from kinema.estimate.rtk_filter import continuous_arcs, run_filter
from kinema.estimate.rtk_params import RtkParams
from kinema.estimate.rtk_table import build_table
from kinema.estimate.strategy import solve
from kinema.simulate.drive import simulate

WRONG_M = 0.10


def drive(course: str, seed: int, seconds: float, km: float) -> tuple[Recording, F64, tuple[float, float, float]]:
    """A simulated drive with a base: recording, true positions, base position."""
    d = simulate(course, seed, duration_s=seconds, laps=20, rate_hz=1.0, systems="GE", frequencies=2, base_km=km)
    base = d.recording.streams["base"].antenna.approx_p_e_m
    return d.recording, d.truth.p_e_m, base


def test_float_uncertainty_before_fixing() -> None:
    """NEES of the float position over seeds lies about its three degrees of freedom."""
    values = []
    for seed in range(1, 9):
        recording, truth, base = drive("open", seed, 40.0, 3.0)
        table = build_table(recording, SolveOptions(base_position_e_m=base, frequencies=2), RtkParams())
        out = run_filter(table, RtkParams(), continuous_arcs(table, RtkParams())[0])
        e = out.d_m + table.base_e_m - truth
        values.append(np.einsum("ni,nij,nj->n", e, np.linalg.inv(out.cov), e)[::8])
    assert 1.2 < np.mean(values) < 5.0


def wrong_and_fixed(course: str, seeds: range, seconds: float, method: str) -> tuple[int, int]:
    """How many fixed epochs are off by more than WRONG_M horizontally, and how many there are."""
    wrong = total = 0
    for seed in seeds:
        recording, truth, base = drive(course, seed, seconds, 3.0)
        solution = solve(recording, mode="rtk", method=method, base_position_e_m=base)
        fixed = solution.status == FixStatus.FIXED
        off = np.linalg.norm(vectors_n_from_e(solution.p_e_m - truth, solution.p_e_m)[:, :2], axis=1)
        wrong, total = wrong + int((off[fixed] > WRONG_M).sum()), total + int(fixed.sum())
    return wrong, total


def test_no_wrong_fix_on_the_open_road() -> None:
    """Slips, half cycles and multipath as the simulator has them: nearly all fixed, none wrongly."""
    wrong, total = wrong_and_fixed("open", range(20, 24), 40.0, "filter")
    assert wrong == 0
    assert total > 4 * 41 * 0.9


@pytest.mark.slow
@pytest.mark.parametrize("method", ["filter", "batch"])
def test_wrong_fixes_between_houses_are_rare(method: str) -> None:
    """Fifty seeds of a street circuit: at most one fix in a thousand is wrong."""
    wrong, total = wrong_and_fixed("monaco", range(1, 51), 60.0, method)
    assert total > 1500
    assert wrong <= 0.001 * total
