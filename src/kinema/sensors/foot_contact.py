"""Which feet stand, by the forces under them, and how well each does."""

from __future__ import annotations

import numpy as np

from kinema.core.arrays import F64, I64, Bool
from kinema.core.streams import Series
from kinema.errors import DataError

STANDS, LIFTS = 0.25, 0.15
"""Share of the weight from which a foot stands, and below which it is lifting."""


GONE = 0.2
HOLD = 10
"""Samples for which a total below GONE of the weight is a sensor that dropped out, and not a robot that jumps."""


def forces_at(forces: Series, t_ns: I64) -> tuple[F64, bool]:
    """Vertical forces (n, feet), positive upwards, at times (n,), and whether they were told the other way round.

    Samples that are no numbers are bridged. Raises DataError where the feet carry nothing.
    """
    good = np.asarray(np.isfinite(forces.value).all(axis=1))
    if good.sum() < 2:
        raise DataError("foot_forces", "forces that are numbers", f"{int(good.sum())} of {len(good)}")
    value, t = forces.value[good], forces.t_ns[good]
    total = float(np.median(value.sum(axis=1)))
    if not np.abs(total) > 1e-6:
        raise DataError("foot_forces", "forces that carry the robot", f"a median total of {total:.3g} N")
    force = np.stack([np.interp(t_ns, t, column) for column in value.T], axis=1)
    return np.sign(total) * force, total < 0.0


def standing(force_n: F64, stands: float = STANDS, lifts: float = LIFTS) -> Bool:
    """Contacts (n, feet) from vertical forces (n, feet), with hysteresis so that a touching foot does not flicker.

    Causal: the weight is the mean total force so far. A total that is gone for some samples changes nothing.
    """
    total = np.maximum(force_n, 0.0).sum(axis=1)
    weight = np.cumsum(total) / np.arange(1, len(total) + 1)
    share = force_n / np.maximum(weight, 1e-9)[:, None]
    out = np.zeros(force_n.shape, dtype=np.bool_)
    now, gone = share[0] > 0.5 * (stands + lifts), 0
    for k in range(len(share)):
        gone = gone + 1 if total[k] < GONE * weight[k] else 0
        if 0 < gone <= HOLD:
            out[k] = now
            continue
        now = np.where(now, share[k] > lifts, share[k] > stands)
        out[k] = now
    return out


def load_share(force_n: F64) -> F64:
    """Share of the momentary weight (n, feet) that each foot carries, 0 to 1."""
    force = np.maximum(force_n, 0.0)
    return np.asarray(force / np.maximum(force.sum(axis=1, keepdims=True), 1e-9))
