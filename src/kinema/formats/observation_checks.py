"""What is odd in raw observations as a whole: gaps and receiver clock steps. Told, never repaired."""

from __future__ import annotations

import numpy as np

from kinema.core.arrays import I64
from kinema.core.recording import Issue
from kinema.core.streams import GnssObservations
from kinema.core.time import iso_gps

GAP_STEPS = 1.5
"""A step between epochs is a gap from so many usual ones on."""


def gaps(t_ns: I64) -> tuple[I64, I64]:
    """Indices of the epochs before a gap, and the lengths of the gaps in ns."""
    if len(t_ns) < 3:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    step = np.diff(t_ns)
    at = np.flatnonzero(step > GAP_STEPS * np.median(step))
    return at, step[at]


def clock_jumps_ms(gnss: GnssObservations) -> I64:
    """Whole milliseconds by which the receiver clock steps before each epoch (n,)."""
    from kinema.kernels.observations import clock_jumps

    jump_ms = np.zeros(len(gnss.t_ns), np.int64)
    clock_jumps(gnss.t_ns, gnss.row_start, gnss.sat, gnss.code_m, jump_ms)
    return jump_ms


def checked(gnss: GnssObservations, source: str) -> list[Issue]:
    """Gaps and clock steps as issues."""
    issues = []
    at, length = gaps(gnss.t_ns)
    if len(at):
        detail = f"longest {length.max() / 1e9:g} s, together {length.sum() / 1e9:g} s"
        issues.append(Issue("gap", len(at), _when(gnss, int(at[0])), source, detail))
    jump_ms = clock_jumps_ms(gnss)
    where = np.flatnonzero(jump_ms)
    if len(where):
        values = " ".join(f"{value:+d}" for value in np.unique(jump_ms[where]).tolist()[:6])
        issues.append(Issue("receiver clock step", len(where), _when(gnss, int(where[0])), source, f"{values} ms"))
    return issues


def _when(gnss: GnssObservations, k: int) -> str:
    return f"GPS {iso_gps(int(gnss.t_ns[k]))}"
