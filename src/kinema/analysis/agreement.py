"""How far to trust a run without a reference: two solutions of the same outing that share as little as possible.

Forward and backward, filter and batch, or two subsets of the constellations. Their difference bounds nothing that both
have wrong (base position, antenna, datum), but a wrong fix hardly ever happens to both in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinema.core.arrays import F64, Bool
from kinema.core.frames import vectors_n_from_e
from kinema.core.solution import FixStatus, Solution
from kinema.errors import DataError

TOLERANCE_NS = 1_000_000
FAR_SIGMAS = 4.0


@dataclass(frozen=True)
class Agreement:
    """Differences at n common epochs: t_ns (n,), horizontal_m and vertical_m (n,), normalised (n,) by the stated sigmas
    (2.4 is the 95 % point of two dimensions); both_fixed (n,); and what follows from them."""

    t_ns: np.ndarray
    horizontal_m: F64
    vertical_m: F64
    normalised: F64
    both_fixed: Bool

    @property
    def fixed_apart(self) -> Bool:
        """Epochs (n,) that both call fixed and that differ by more than FAR_SIGMAS and 5 cm: at least one is wrong."""
        return np.asarray(self.both_fixed & (self.normalised > FAR_SIGMAS) & (self.horizontal_m > 0.05))

    def summary(self) -> str:
        """One line for a person."""
        if not len(self.t_ns):
            return "no epoch in common"
        fifty, ninety_five = np.percentile(self.horizontal_m, [50, 95])
        text = f"{len(self.t_ns)} epochs: horizontal difference 50 % {fifty:.3f} m, 95 % {ninety_five:.3f} m"
        fixed = int(self.both_fixed.sum())
        return text + f"; of {fixed} fixed in both, {int(self.fixed_apart.sum())} contradict each other"


def agreement(first: Solution, second: Solution) -> Agreement:
    """Compare two solutions at their common epochs. Raises DataError where they have none."""
    place = np.clip(np.searchsorted(second.t_ns, first.t_ns - TOLERANCE_NS), 0, max(len(second) - 1, 0))
    if not len(first) or not len(second):
        raise DataError("agreement", "two solutions with epochs", f"{len(first)} and {len(second)} epochs")
    same = np.abs(second.t_ns[place] - first.t_ns) <= TOLERANCE_NS
    same &= first.valid & second.valid[place]
    if not same.any():
        raise DataError("agreement", "solutions with epochs in common", "none")
    a, b = first.select(same), second.select(place[same])
    apart = vectors_n_from_e(a.p_e_m - b.p_e_m, a.p_e_m)
    horizontal = np.hypot(apart[:, 0], apart[:, 1])
    # The sum of both variances: solutions of the same data share errors, so this is on the generous side.
    variance = np.trace(a.cov_p_e_m2, axis1=1, axis2=2) + np.trace(b.cov_p_e_m2, axis1=1, axis2=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        normalised = np.linalg.norm(apart, axis=1) / np.sqrt(variance)
    fixed = (a.status == FixStatus.FIXED) & (b.status == FixStatus.FIXED)
    return Agreement(a.t_ns, horizontal, np.abs(apart[:, 2]), normalised, fixed)
