"""The epochs that a solution could have had, and the way between them: what availability and shares count by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinema.analysis.matching import is_point, median_interval_s, truth_at
from kinema.core.arrays import F64, I64, Bool
from kinema.core.solution import Solution
from kinema.core.time import NS
from kinema.errors import DataError

_GRID_MAX = 20_000_000


def sizes(error_n: F64) -> tuple[F64, F64]:
    """Horizontal and spatial size (n,) of errors (n, 3) in north, east, down."""
    horizontal = np.hypot(error_n[:, 0], error_n[:, 1])
    return horizontal, np.hypot(horizontal, error_n[:, 2])


@dataclass(frozen=True)
class Grid:
    """The epochs that could have been: the solution's own rate over all times that the truth covers."""

    expected: int
    available: int
    interval_s: float
    distance_m: float
    step_m: F64
    horizontal_m: F64
    spatial_m: F64

    @staticmethod
    def build(
        t_ns: I64,
        valid: Bool,
        error_n: F64,
        truth: Solution,
        max_gap_s: float | None,
        from_ns: int | None,
        to_ns: int | None,
    ) -> Grid:
        interval_s = median_interval_s(t_ns)
        if not np.isfinite(interval_s) or interval_s <= 0:
            interval_s = 1.0
        step_ns = round(interval_s * NS)
        start, stop = (t_ns[0], t_ns[-1]) if is_point(truth) else (truth.t_ns[0], truth.t_ns[-1])
        start = start if from_ns is None else max(start, from_ns)
        stop = stop if to_ns is None else min(stop, to_ns)
        first = -int((t_ns[0] - start) // step_ns)
        last = int((stop - t_ns[0]) // step_ns)
        if last - first > _GRID_MAX:
            raise DataError("truth", f"at most {_GRID_MAX} epochs at the solution's interval", f"{last - first}")
        times = t_ns[0] + np.arange(first, last + 1, dtype=np.int64) * step_ns
        at = truth_at(truth, times, max_gap_s)
        times, p = times[at.covered], at.p_e_m[at.covered]
        own = np.flatnonzero(valid)
        right = np.clip(np.searchsorted(t_ns[own], times), 0, max(len(own) - 1, 0))
        left = np.maximum(right - 1, 0)
        nearest = own[np.where(np.abs(t_ns[own][left] - times) <= np.abs(t_ns[own][right] - times), left, right)]
        there = np.abs(t_ns[nearest] - times) * 2 <= step_ns
        e_h, e_3 = sizes(error_n[nearest])
        step = np.linalg.norm(np.diff(p, axis=0), axis=1) if len(p) > 1 else np.zeros(0)
        step = np.concatenate([[0.0], np.where(np.diff(times) <= 1.5 * step_ns, step, 0.0)])[: len(times)]
        far = np.inf
        return Grid(
            len(times), int(there.sum()), interval_s, float(step.sum()), step,
            np.where(there & np.isfinite(e_h), e_h, far), np.where(there & np.isfinite(e_3), e_3, far),
        )  # fmt: skip
