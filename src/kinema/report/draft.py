"""What the parts of a session's page gather while it is made, and how ranges of values are chosen."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from kinema.core.arrays import F64
from kinema.report.blocks.base import Block, Track
from kinema.report.blocks.map import Colouring
from kinema.report.columns import Columns
from kinema.report.trajectory import Motion

WIDE_RATIO = 30.0
"""Positive values whose central 98 % span more than this ratio are shown on a logarithmic scale."""


@dataclass
class Draft:
    """What the parts of the page gather as they are made."""

    motion: Motion
    columns: Columns = field(default_factory=Columns)
    tracks: list[Track] = field(default_factory=list)
    colourings: list[Colouring] = field(default_factory=list)
    plots: list[Block] = field(default_factory=list)
    sky: list[Block] = field(default_factory=list)
    sky_plots: list[Block] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    readout: list[str] = field(default_factory=list)


def ramp(column: str, label: str, unit: str, values: F64, diverging: bool = False, linear: bool = False) -> Colouring:
    """A colouring over the central 98 % of the values; logarithmic where they are WIDE_RATIO apart, unless `linear`."""
    finite = values[np.isfinite(values)]
    low, high = np.quantile(finite, (0.01, 0.99)) if len(finite) else (0.0, 1.0)
    if diverging:
        high = max(abs(float(low)), abs(float(high)))
        low = -high
    if not high > low:
        low, high = float(low) - 0.5, float(high) + 0.5
    log = not diverging and not linear and wide(values)
    digit = 0.0 if log else 10.0 ** np.floor(np.log10(high - low) - 1.5)
    low, high = (np.rint(v / digit) * digit if digit else v for v in (low, high))
    return Colouring(column, label, unit, float(f"{low:.3g}"), float(f"{high:.3g}"), diverging, log=bool(log))


def wide(values: F64) -> bool:
    """Whether values are all positive and span more than WIDE_RATIO."""
    finite = values[np.isfinite(values)]
    if len(finite) < 20 or finite.min() < 0:
        return False
    low, high = np.quantile(finite, (0.05, 0.99))
    return bool(low > 0 and high > WIDE_RATIO * low)


def robust_range(*values: F64) -> tuple[float, float] | None:
    """Bounds of a plot where single values are far outside the rest; None where all may be shown."""
    finite = np.concatenate([v[np.isfinite(v)] for v in values])
    if len(finite) < 20:
        return None
    low, high = np.quantile(finite, (0.005, 0.995))
    span = float(high - low)
    least, most = float(finite.min()), float(finite.max())
    if most - least <= 3 * span or span == 0:
        return None
    return max(least, float(low) - 0.6 * span), min(most, float(high) + 0.6 * span)
