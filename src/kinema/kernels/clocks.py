"""RINEX clock records of satellites, from bytes into columns."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from kinema.kernels.jit import kernel
from kinema.kernels.text import days_since_gps_epoch, decimal, integer, line_end, scientific, without_cr

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
I16 = NDArray[np.int16]
U8 = NDArray[np.uint8]

BLANK, A, S = 32, 65, 83


@kernel
def scan_clocks(
    data: U8, at: int, stop: int, shift: int, systems: U8, t_ns: I64, sat: I16, clock_s: F64, bad: I64
) -> tuple[int, int]:
    """Satellite records ("AS") from `at` until `stop` or until the columns are full: next byte and how many rows.

    `shift`: 5 where names have nine columns (3.04), else 0. t_ns gets calendar labels. bad[0] counts garbled records,
    bad[1] is the byte of the first.
    """
    n = 0
    while at < stop and n < len(t_ns):
        end = line_end(data, at, stop)
        if end > at + 40 + shift and data[at] == A and data[at + 1] == S and data[at + 2] == BLANK:
            system = -1
            for k in range(len(systems)):
                if systems[k] == data[at + 3]:
                    system = k
            number = integer(data, at + 4, at + 6)
            p = at + 8 + shift
            days = days_since_gps_epoch(
                integer(data, p, p + 4), integer(data, p + 5, p + 7), integer(data, p + 8, p + 10)
            )
            hour, minute = integer(data, p + 11, p + 13), integer(data, p + 14, p + 16)
            second = decimal(data, p + 16, p + 26)
            value = scientific(data, p + 32, min(p + 51, without_cr(data, at, end)))
            good = days >= 0 and 0 <= hour < 24 and 0 <= minute < 60 and 0.0 <= second < 61.0 and number > 0
            if system >= 0 and good and math.isfinite(value):
                t_ns[n] = ((days * 24 + hour) * 60 + minute) * 60_000_000_000 + math.floor(second * 1e9 + 0.5)
                sat[n] = 100 * system + number
                clock_s[n] = value
                n += 1
            elif system >= 0:
                if bad[0] == 0:
                    bad[1] = at
                bad[0] += 1
        at = end + 1
    return at, n
