"""Agreement of two runs of the same outing: what it counts, and that a wrong fix in one of them shows."""

from __future__ import annotations

import numpy as np
import pytest

from kinema.analysis.agreement import agreement
from kinema.core.solution import FixStatus, Solution
from kinema.errors import DataError

P = np.array([4_000_000.0, 600_000.0, 4_900_000.0])
SECOND = 1_000_000_000


def run(offset_m: np.ndarray, status: int = FixStatus.FIXED, start: int = 0) -> Solution:
    n = len(offset_m)
    cov = np.tile(np.eye(3) * 0.01**2, (n, 1, 1))
    t = (np.arange(n) + start) * SECOND
    return Solution(t_ns=t, p_e_m=P + offset_m, cov_p_e_m2=cov, status=np.full(n, status, dtype=np.uint8))


def test_equal_runs_agree() -> None:
    """No difference, nothing contradicted."""
    result = agreement(run(np.zeros((50, 3))), run(np.zeros((50, 3))))
    assert result.horizontal_m.max() == 0.0
    assert not result.fixed_apart.any()
    assert "0 contradict" in result.summary()


def test_a_wrong_fix_in_one_run_shows() -> None:
    """Ten epochs off by 40 cm sideways are ten contradictions, and only where both claim to be fixed."""
    offset = np.zeros((50, 3))
    offset[20:30, 1] = 0.4
    assert agreement(run(offset), run(np.zeros((50, 3)))).fixed_apart.sum() == 10
    assert agreement(run(offset, FixStatus.FLOAT), run(np.zeros((50, 3)))).fixed_apart.sum() == 0


def test_only_common_epochs_count() -> None:
    """Runs that overlap by 20 s are compared there; runs that do not overlap are refused."""
    assert len(agreement(run(np.zeros((50, 3))), run(np.zeros((50, 3)), start=30)).t_ns) == 20
    with pytest.raises(DataError, match="in common"):
        agreement(run(np.zeros((5, 3))), run(np.zeros((5, 3)), start=30))
