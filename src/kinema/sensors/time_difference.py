"""Time-differenced carrier: how far the range to a satellite changed since the epoch before, to millimetres."""

from __future__ import annotations

import numpy as np

from kinema.core.arrays import F64, I16, I64, Bool

GEOMETRY_FREE_SLIP_M = 0.04
GEOMETRY_FREE_SLIP_MPS = 0.004
CODE_SLIP_M = 30.0


def previous_rows(row_start: I64, sat: I16) -> I64:
    """Row of the same satellite one epoch before (m,); −1 where it was not there."""
    m = len(sat)
    epoch = np.repeat(np.arange(len(row_start) - 1), np.diff(row_start))
    order = np.argsort(sat, kind="stable")
    follows = (np.diff(sat[order]) == 0) & (np.diff(epoch[order]) == 1)
    prev = np.full(m, -1, dtype=np.int64)
    prev[order[1:][follows]] = order[:-1][follows]
    return prev


def carrier_change(phase_m: F64, code_m: F64, iono: F64, lost: Bool, prev: I64, dt_s: F64) -> tuple[F64, F64]:
    """Change of the carrier since `prev`: of each signal (m, 2), and free of the ionosphere (m,), in metres.

    phase_m, code_m, iono, lost (m, 2) by signal; dt_s (m,) since the epoch before. NaN where `lost`, where there is
    no `prev`, and after a slip: where the two carriers part by more than 4 cm and 4 mm/s (the geometry-free test of
    Blewitt 1990), or where carrier and code part by 30 m.
    """
    j = np.maximum(prev, 0)
    change = phase_m - phase_m[j]
    with np.errstate(invalid="ignore"):
        gone = lost | (prev < 0)[:, None] | (np.abs(change - (code_m - code_m[j])) > CODE_SLIP_M)
        change = np.where(gone, np.nan, change)
        apart = np.abs(change[:, 0] - change[:, 1])
        jumped = apart > GEOMETRY_FREE_SLIP_M + GEOMETRY_FREE_SLIP_MPS * np.maximum(dt_s, 0.0)
    g1, g2 = iono[:, 0], iono[:, 1]
    free = (g2 * change[:, 0] - g1 * change[:, 1]) / (g2 - g1)
    return np.where(jumped[:, None], np.nan, change), np.where(jumped, np.nan, free)


def arcs(sat: I16, prev: I64, unbroken: Bool) -> I64:
    """Number of the arc of each row (m,): one satellite, unbroken from row to row."""
    order = np.argsort(sat, kind="stable")
    begins = (prev[order] < 0) | ~unbroken[order]
    arc = np.empty(len(sat), dtype=np.int64)
    arc[order] = np.cumsum(begins) - 1
    return arc
