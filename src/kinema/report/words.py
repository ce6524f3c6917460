"""Lengths, times and shares as a person reads them."""

from __future__ import annotations

import numpy as np


def metres(value: float) -> tuple[str, str]:
    """A length as number and unit with three digits that matter."""
    if not np.isfinite(value):
        return "–", ""
    size = abs(value)
    if size >= 10_000:
        return f"{value / 1000:.1f}", "km"
    if size >= 1000:
        return f"{value / 1000:.2f}", "km"
    if size >= 100:
        return f"{value:.0f}", "m"
    if size >= 1:
        return f"{value:.2f}", "m"
    if size >= 0.01:
        return f"{value * 100:.1f}", "cm"
    return f"{value * 1000:.1f}", "mm"


def length(value: float) -> str:
    """A length as one text."""
    return " ".join(metres(value)).strip().replace("-", "\u2212")


def duration(seconds: float) -> str:
    """h:mm:ss or m:ss."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{left:02d}" if hours else f"{minutes}:{left:02d}"


def percent(share: float) -> str:
    """A share as a percentage that never rounds up to 100 or down to 0."""
    if not np.isfinite(share):
        return "–"
    if share in (0.0, 1.0):
        return f"{100 * share:.0f}"
    return f"{min(max(100 * share, 0.1), 99.9):.1f}"
