"""Which feet stand, by the forces under them, and how well each does."""

from __future__ import annotations

import numpy as np

from kinema.core.arrays import F64, Bool

STANDS, LIFTS = 0.25, 0.15
"""Share of the weight from which a foot stands, and below which it is lifting."""


def standing(force_n: F64, stands: float = STANDS, lifts: float = LIFTS) -> Bool:
    """Contacts (n, feet) from vertical forces (n, feet), with hysteresis so that a touching foot does not flicker.

    Causal: the weight is the mean total force so far.
    """
    total = np.maximum(force_n, 0.0).sum(axis=1)
    weight = np.cumsum(total) / np.arange(1, len(total) + 1)
    share = force_n / np.maximum(weight, 1e-9)[:, None]
    out = np.zeros(force_n.shape, dtype=np.bool_)
    now = share[0] > 0.5 * (stands + lifts)
    for k in range(len(share)):
        now = np.where(now, share[k] > lifts, share[k] > stands)
        out[k] = now
    return out


def load_share(force_n: F64) -> F64:
    """Share of the momentary weight (n, feet) that each foot carries, 0 to 1."""
    force = np.maximum(force_n, 0.0)
    return np.asarray(force / np.maximum(force.sum(axis=1, keepdims=True), 1e-9))
