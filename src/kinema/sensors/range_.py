"""Ranges to anchors: noise and outliers from the ranges themselves, and the places that a few of them allow."""

from __future__ import annotations

import numpy as np

from kinema.core.arrays import F64, I64, Bool


def range_noise(t_s: F64, anchor: I64, range_m: F64) -> float:
    """Sigma (m) of fresh noise, from second differences of close ranges to one anchor.

    Of their sizes the first quartile counts: up to a third of the ranges may be wrong.

    Motion at up to walking or driving speed is straight over three ranges within two seconds.
    """
    sizes = []
    for a in np.unique(anchor):
        k = np.flatnonzero(anchor == a)
        t, r = t_s[k], range_m[k]
        if len(k) < 8:
            continue
        h1, h2 = np.diff(t)[:-1], np.diff(t)[1:]
        near = (h1 > 0) & (h2 > 0) & (h1 + h2 < 3.0)
        w = h1[near] / (h1[near] + h2[near])
        bend = r[1:-1][near] - ((1 - w) * r[:-2][near] + w * r[2:][near])
        sizes.append(np.abs(bend) / np.sqrt(1 + w**2 + (1 - w) ** 2))
    if not sizes or not len(np.concatenate(sizes)):
        return 0.3
    return float(max(np.quantile(np.concatenate(sizes), 0.25) / 0.3186, 0.02))


def sane(range_m: F64, anchor_p_m: F64) -> Bool:
    """Ranges that are finite, positive, and no longer than five times the extent of the anchors plus a kilometre."""
    extent = float(np.ptp(anchor_p_m, axis=0).max()) if len(anchor_p_m) else 0.0
    return np.asarray(np.isfinite(range_m) & (range_m > 0.0) & (range_m < 5.0 * extent + 1000.0))
