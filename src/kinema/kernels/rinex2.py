"""RINEX observation records of version 2; arguments and results are those of kernels.rinex."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kinema.kernels.jit import kernel
from kinema.kernels.rinex import (
    BAD_EPOCH,
    BAD_SATELLITE,
    DONE,
    EVENT,
    FULL,
    POWER_FAILURE,
    SHORT_EPOCH,
    SLIP_RECORD,
    clear,
    note,
    observations,
    satellite,
    time_tag,
)
from kinema.kernels.text import BLANK, integer, is_blank, line_end, without_cr

F64 = NDArray[np.float64]
F32 = NDArray[np.float32]
I64 = NDArray[np.int64]
I16 = NDArray[np.int16]
U8 = NDArray[np.uint8]


@kernel
def epoch2(data: U8, at: int, end: int) -> tuple[int, int, int]:
    """Time label, flag and count of a RINEX 2 epoch line (" yy mm dd hh mm ss.sssssss  f nn"); count −1: none."""
    if end < at + 29 or data[at] != BLANK:
        return -1, -1, -1
    flag = integer(data, at + 26, at + 29)
    n = integer(data, at + 29, min(at + 32, end))
    if flag < 0 or flag > 6 or n < 0:
        return -1, -1, -1
    if 2 <= flag <= 5:
        return -1, flag, n
    year = integer(data, at + 1, at + 3)
    year += 1900 if year >= 80 else 2000
    if data[at + 18] != 46 or is_blank(data, at + 1, at + 3):
        return -1, -1, -1
    tag = time_tag(data, at + 4, end, year, 22)
    if tag < 0:
        return -1, -1, -1
    return tag, flag, n


@kernel
def scan_rinex2(
    data: U8, at: int, stop: int, pause: int, n_epochs: int, n_rows: int, default_system: int, names: I64,
    slot: I64, kind: I64, divisor: F64, n_types: I64, t_ns: I64, row_start: I64, sat: I16, code: F64, phase: F64,
    doppler: F32, cn0: F32, lli: U8, seen: I64, tally: I64, first: I64,
) -> tuple[int, int, int, int]:  # fmt: skip
    """Version 2: the satellites in the epoch line (twelve per line), then five values per line.

    `names` (999,) is scratch: where each satellite of the epoch is named. Columns 1 to 3 of a blank system letter are
    of `default_system`.
    """
    lost = False
    per_satellite = max((n_types[0] + 4) // 5, 1)
    while at < stop:
        end = line_end(data, at, stop)
        text_end = without_cr(data, at, end)
        tag, flag, n = epoch2(data, at, text_end)
        if n < 0:
            if not lost and not is_blank(data, at, text_end):
                note(tally, first, BAD_EPOCH, at)
                lost = True
            at = end + 1
            continue
        if 2 <= flag <= 5:
            return EVENT, at, n_epochs, n_rows
        if n_epochs == len(t_ns) or n_rows + n > len(sat) or at >= pause:
            return FULL, at, n_epochs, n_rows
        lost = False
        power = 0
        if flag == 1:
            power = 1
            note(tally, first, POWER_FAILURE, at)
        elif flag == 6:
            note(tally, first, SLIP_RECORD, at)
        epoch_at = at
        for i in range(n):
            if i > 0 and i % 12 == 0:
                at = min(end + 1, stop)
                end = line_end(data, at, stop)
                text_end = without_cr(data, at, end)
            p = at + 32 + 3 * (i % 12)
            names[i] = p if p + 3 <= text_end else -1
        at = end + 1
        for i in range(n):
            if at >= stop or epoch2(data, at, line_end(data, at, min(at + 80, stop)))[0] >= 0:
                note(tally, first, SHORT_EPOCH, epoch_at)
                break
            name = -1
            if names[i] < 0:
                note(tally, first, BAD_SATELLITE, epoch_at)
            elif flag != 6:
                name = satellite(data, names[i], names[i] + 3, n_epochs, default_system, n_types, seen, tally, first)
            some = False
            if name >= 0:
                clear(n_rows, code, phase, doppler, cn0, lli)
            s = name // 100
            for line in range(per_satellite):
                if at >= stop:
                    note(tally, first, SHORT_EPOCH, epoch_at)
                    break
                end = line_end(data, at, stop)
                text_end = without_cr(data, at, end)
                if name >= 0:
                    some |= observations(data, at, text_end, n_rows, s, 5 * line, min(5 * line + 5, n_types[s]), power,
                                         slot, kind, divisor, code, phase, doppler, cn0, lli, tally, first)  # fmt: skip
                at = end + 1
            if some:
                sat[n_rows] = name
                n_rows += 1
        if flag != 6:
            t_ns[n_epochs] = tag
            n_epochs += 1
            row_start[n_epochs] = n_rows
    return DONE, at, n_epochs, n_rows
