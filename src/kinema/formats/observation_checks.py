"""What is odd in raw observations as a whole: gaps and receiver clock steps. Told, never repaired."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kinema.core.arrays import I64
from kinema.core.recording import Issue
from kinema.core.streams import GnssObservations
from kinema.core.time import iso_gps

GAP_STEPS = 1.5
"""A step between epochs is a gap from so many usual ones on."""

_PIECE = 16_384


def gaps(t_ns: I64) -> tuple[I64, I64]:
    """Indices of the epochs before a gap, and the lengths of the gaps in ns."""
    if len(t_ns) < 3:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    step = np.diff(t_ns)
    at = np.flatnonzero(step > GAP_STEPS * np.median(step))
    return at, step[at]


def clock_jumps_ms(gnss: GnssObservations, done: Callable[[], None] | None = None) -> I64:
    """Whole milliseconds by which the receiver clock steps before each epoch (n,); `done` follows each piece."""
    from kinema.kernels.observations import clock_jumps

    n = len(gnss.t_ns)
    jump_ms = np.zeros(n, np.int64)
    last = np.full(1000, -1, np.int64)
    for first in range(0, n, _PIECE):
        end = min(first + _PIECE, n)
        clock_jumps(gnss.t_ns, gnss.row_start, gnss.sat, gnss.code_m, first, end, last, jump_ms)
        if done:
            done()
    return jump_ms


def checked(gnss: GnssObservations, source: str, done: Callable[[], None] | None = None) -> list[Issue]:
    """Gaps and clock steps as issues; `done` as for clock_jumps_ms."""
    issues = []
    at, length = gaps(gnss.t_ns)
    if len(at):
        detail = f"longest {length.max() / 1e9:g} s, together {length.sum() / 1e9:g} s"
        issues.append(Issue("gap", len(at), _when(gnss, int(at[0])), source, detail))
    jump_ms = clock_jumps_ms(gnss, done)
    where = np.flatnonzero(jump_ms)
    if len(where):
        values = " ".join(f"{value:+d}" for value in np.unique(jump_ms[where]).tolist()[:6])
        issues.append(Issue("receiver clock step", len(where), _when(gnss, int(where[0])), source, f"{values} ms"))
    return issues


def _when(gnss: GnssObservations, k: int) -> str:
    return f"GPS {iso_gps(int(gnss.t_ns[k]))}"
