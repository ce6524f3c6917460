"""Checks over the rows of raw observations."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from kinema.kernels.jit import kernel

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
I16 = NDArray[np.int16]

MILLISECOND_M = 299_792.458
LONGEST_STEP_NS = 60_000_000_000


@kernel
def clock_jumps(
    t_ns: I64, row_start: I64, sat: I16, code_m: F64, first: int, end: int, last: I64, jump_ms: I64
) -> None:
    """Whole milliseconds by which the receiver clock steps before epochs `first` to `end`, into jump_ms (n,).

    `last` (1000,), −1 at the beginning, is kept from call to call: the row in which each satellite was seen last.

    All pseudoranges then step by that many light milliseconds. Within a minute the range itself changes by less than
    a fifth of one. A step counts where at least two satellites, and most of those in both epochs, agree.
    """
    for k in range(first, end):
        jump_ms[k] = 0
        seen, agree, step = 0, 0, 0
        start = row_start[k - 1] if k > 0 else 0
        near = k > 0 and t_ns[k] - t_ns[k - 1] <= LONGEST_STEP_NS
        for row in range(row_start[k], row_start[k + 1]):
            before = last[sat[row]]
            last[sat[row]] = row
            if not near or before < start:
                continue
            for slot in range(code_m.shape[1]):
                change = (code_m[row, slot] - code_m[before, slot]) / MILLISECOND_M
                if math.isnan(change):
                    continue
                whole = math.floor(change + 0.5)
                seen += 1
                if whole != 0 and abs(change - whole) < 0.3 and (agree == 0 or whole == step):
                    step = whole
                    agree += 1
                break
        if agree >= 2 and 2 * agree > seen:
            jump_ms[k] = step
