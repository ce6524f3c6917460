"""Correlated noise: first-order Gauss–Markov processes over time or way."""

from __future__ import annotations

import numpy as np

from kinema.core.arrays import F64


def gauss_markov(rng: np.random.Generator, step: F64, width: int) -> F64:
    """Unit-variance first-order Gauss–Markov series (n, width); `step` (n,) is the distance from the sample before
    in correlation lengths (its first value is not used)."""
    n = len(step)
    white = rng.standard_normal((n, width))
    keep = np.exp(-np.asarray(step))
    fresh = np.sqrt(1 - keep**2)
    out = white
    for k in range(1, n):
        out[k] = keep[k] * out[k - 1] + fresh[k] * white[k]
    return out
