"""GLONASS between like receivers: ambiguities of different wavelengths differ by whole cycles once they are small."""

from __future__ import annotations

import numpy as np

from kinema.core.solution import FixStatus
from kinema.estimate.options import SolveOptions
from kinema.estimate.strategy import solve
from kinema.simulate.drive import ANTENNA_B_M, simulate


def test_like_receivers_with_any_cycles_are_fixed() -> None:
    """Simulated arcs begin 20,000 cycles from their codes; one frequency, 30 s: nearly all fixed, none wrongly."""
    made = simulate("open", 2, duration_s=30.0, rate_hz=1, base_km=1.0, frequencies=1, systems="GRE")
    solution = solve(made.recording, SolveOptions(method="filter", frequencies=1))
    truth = made.motion.sample(solution.t_ns, ANTENNA_B_M)
    fixed = solution.status == FixStatus.FIXED
    assert fixed.mean() > 0.8
    assert np.linalg.norm(solution.p_e_m - truth.p_e_m, axis=1)[fixed].max() < 0.1
