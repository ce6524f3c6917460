"""Spoiled skies: the observations of a simulated receiver with only so many satellites for a while."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from kinema.core.streams import GnssObservations

Window = tuple[float, float, int]
_STEADY = 0.9


def few_satellites(observations: GnssObservations, windows: tuple[Window, ...], seed: int = 0) -> GnssObservations:
    """What is left where in each window (from, to in seconds since the first epoch, number of satellites) only so many
    are seen, picked by `seed` of those that are there throughout."""
    t = (observations.t_ns - observations.t_ns[0]) * 1e-9
    epoch = np.repeat(np.arange(len(t)), np.diff(observations.row_start))
    keep = np.ones(len(epoch), dtype=np.bool_)
    rng = np.random.default_rng(seed)
    for start, stop, count in windows:
        inside = (t[epoch] >= start) & (t[epoch] < stop)
        sats, seen = np.unique(observations.sat[inside], return_counts=True)
        steady = sats[seen > _STEADY * seen.max(initial=0)]
        keep &= ~inside | np.isin(observations.sat, rng.choice(steady, min(count, len(steady)), replace=False))
    names = ("sat", "code_m", "phase_cyc", "doppler_hz", "cn0_dbhz", "lli")
    rows: dict[str, Any] = {name: getattr(observations, name)[keep] for name in names}
    counts = np.bincount(epoch[keep], minlength=len(t))
    return replace(observations, row_start=np.concatenate([[0], np.cumsum(counts)]), **rows)
