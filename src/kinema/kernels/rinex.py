"""RINEX observation records, version 3 and 4, from bytes into columns.

The scanner, and that of version 2 in rinex2, takes the bytes from `at` to `stop`, or to the first epoch from byte
`pause` on, appends to the columns from epoch `n_epochs` and row `n_rows` on, and returns (status, at, n_epochs,
n_rows). `tally` (N_TALLIES,) counts what was odd, `first` keeps the byte of the first. `slot`, `kind`, `divisor`
(systems, types): column, observable (0 code, 1 phase, 2 doppler, 3 C/N0) and scale factor of each observation type of
the header; slot −1: not kept. `n_types` (systems,): how many the header declares.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from kinema.kernels.jit import kernel
from kinema.kernels.text import (
    BLANK,
    MINUS,
    POINT,
    ZERO,
    days_since_gps_epoch,
    decimal,
    integer,
    is_blank,
    line_end,
    without_cr,
)  # fmt: skip

F64 = NDArray[np.float64]
F32 = NDArray[np.float32]
I64 = NDArray[np.int64]
I16 = NDArray[np.int16]
U8 = NDArray[np.uint8]

DONE, FULL, EVENT = 0, 1, 2

BAD_LINE, BAD_EPOCH, BAD_VALUE, SHORT_EPOCH, BAD_SATELLITE = 0, 1, 2, 3, 4
DUPLICATE_SATELLITE, SBAS, NAVIC, SLIP_RECORD, POWER_FAILURE = 5, 6, 7, 8, 9
N_TALLIES = 10

SYSTEM_LETTERS = (71, 82, 69, 67, 74, 73, 83)  # GRECJIS
NAVIC_SYSTEM, SBAS_SYSTEM = 5, 6
GREATER = 62


@kernel
def system_of(letter: int) -> int:
    """Index of a system letter in GRECJIS, −1 for none."""
    for k in range(7):
        if SYSTEM_LETTERS[k] == letter:
            return k
    return -1


@kernel
def note(tally: I64, first: I64, what: int, at: int) -> None:
    """Count an oddity, and keep where it was first."""
    if tally[what] == 0:
        first[what] = at
    tally[what] += 1


@kernel
def time_tag(data: U8, at: int, end: int, year: int, wide: int) -> int:
    """Nanoseconds of the calendar label "mm dd hh mm ss.sssssss" at `at`, −1 where it is none.

    `wide`: blank and two columns per field (RINEX 3), which is RINEX 2's layout too.
    """
    if end < at + wide:
        return -1
    month = integer(data, at, at + 2)
    day = integer(data, at + 3, at + 5)
    hour = integer(data, at + 6, at + 8)
    minute = integer(data, at + 9, at + 11)
    second = decimal(data, at + 11, at + wide)
    days = days_since_gps_epoch(year, month, day)
    if days < 0 or not (0 <= hour < 24 and 0 <= minute < 60 and 0.0 <= second < 61.0):
        return -1
    return ((days * 24 + hour) * 60 + minute) * 60_000_000_000 + math.floor(second * 1e9 + 0.5)


@kernel
def observation(data: U8, at: int) -> float:
    """The number in 14 columns, usually F14.3; NaN where blank or 0.0 (missing), infinity where it is none."""
    if data[at + 10] != POINT:
        value = decimal(data, at, at + 14)
        return math.nan if value == 0.0 else value
    k = at
    while data[k] == BLANK:
        k += 1
    negative = data[k] == MINUS
    if negative:
        k += 1
    whole = 0
    for q in range(k, at + 14):
        if q != at + 10:
            digit = int(np.int64(data[q]) - ZERO)
            if not 0 <= digit <= 9:
                return decimal(data, at, at + 14)
            whole = whole * 10 + digit
    if whole == 0:
        return math.nan
    value = whole / 1000.0
    return -value if negative else value


@kernel
def observations(
    data: U8, at: int, end: int, row: int, s: int, j0: int, j1: int, power: int, slot: I64, kind: I64, divisor: F64,
    code: F64, phase: F64, doppler: F32, cn0: F32, lli: U8, tally: I64, first: I64,
) -> bool:  # fmt: skip
    """The values of types j0 to j1 of one line, 16 columns each, with their loss-of-lock digits; whether any is there.

    One call per line: a call per value, with all these arrays, takes half of the time.
    """
    some = False
    for j in range(j0, j1):
        if at >= end:
            break
        k = slot[s, j]
        stop = at + 14
        if k >= 0:
            value = observation(data, at) if stop <= end else (math.nan if is_blank(data, at, end) else math.inf)
            if value == math.inf:
                note(tally, first, BAD_VALUE, at)
            elif not math.isnan(value):
                some = True
                value /= divisor[s, j]
                what = kind[s, j]
                if what == 0:
                    code[row, k] = value
                elif what == 1:
                    phase[row, k] = value
                    flags = power
                    if stop < end and 48 < data[stop] < 56:
                        flags |= (data[stop] - 48) & 3
                    lli[row, k] = flags
                elif what == 2:
                    doppler[row, k] = value
                else:
                    cn0[row, k] = value
        at += 16
    return some


@kernel
def clear(row: int, code: F64, phase: F64, doppler: F32, cn0: F32, lli: U8) -> None:
    """Make a row empty."""
    for k in range(code.shape[1]):
        code[row, k] = math.nan
        phase[row, k] = math.nan
        doppler[row, k] = math.nan
        cn0[row, k] = math.nan
        lli[row, k] = 0


@kernel
def satellite(
    data: U8, at: int, end: int, n_epochs: int, default_system: int, n_types: I64, seen: I64, tally: I64, first: I64
) -> int:
    """Identifier of the satellite named in the three columns at `at`; −1 where it is not kept, which is noted."""
    if at + 3 > end:
        note(tally, first, BAD_SATELLITE, at)
        return -1
    s = system_of(data[at])
    if data[at] == BLANK:
        s = default_system
    number = integer(data, at + 1, at + 3)
    if s in (SBAS_SYSTEM, NAVIC_SYSTEM):
        note(tally, first, SBAS if s == SBAS_SYSTEM else NAVIC, at)
        return -1
    if s < 0 or number <= 0 or n_types[s] == 0:
        note(tally, first, BAD_SATELLITE, at)
        return -1
    sat = 100 * s + number
    if seen[sat] == n_epochs:
        note(tally, first, DUPLICATE_SATELLITE, at)
        return -1
    seen[sat] = n_epochs
    return sat


@kernel
def scan_rinex3(
    data: U8, at: int, stop: int, pause: int, n_epochs: int, n_rows: int, slot: I64, kind: I64, divisor: F64,
    n_types: I64, t_ns: I64, row_start: I64, sat: I16, code: F64, phase: F64, doppler: F32, cn0: F32, lli: U8,
    seen: I64, tally: I64, first: I64,
) -> tuple[int, int, int, int]:  # fmt: skip
    """Versions 3 and 4: an epoch line "> yyyy mm dd …" and one line per satellite."""
    lost = False
    while at < stop:
        end = line_end(data, at, stop)
        text_end = without_cr(data, at, end)
        if data[at] != GREATER:
            if not lost and not is_blank(data, at, text_end):
                note(tally, first, BAD_LINE, at)
                lost = True
            at = end + 1
            continue
        flag = integer(data, at + 31, at + 32) if text_end > at + 31 else -1
        n = integer(data, at + 32, min(at + 35, text_end)) if text_end > at + 32 else -1
        if 2 <= flag <= 5 and n >= 0:
            return EVENT, at, n_epochs, n_rows
        year = integer(data, at + 2, at + 6) if text_end > at + 31 else -1
        tag = time_tag(data, at + 7, text_end, year, 22)
        if tag < 0 or n < 0 or flag < 0 or flag > 6:
            note(tally, first, BAD_EPOCH, at)
            lost = True
            at = end + 1
            continue
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
        at = end + 1
        for _ in range(n):
            if at >= stop or data[at] == GREATER:
                note(tally, first, SHORT_EPOCH, epoch_at)
                break
            end = line_end(data, at, stop)
            text_end = without_cr(data, at, end)
            if flag != 6:
                name = satellite(data, at, text_end, n_epochs, -1, n_types, seen, tally, first)
                if name >= 0:
                    clear(n_rows, code, phase, doppler, cn0, lli)
                    s = name // 100
                    some = observations(data, at + 3, text_end, n_rows, s, 0, n_types[s], power, slot, kind, divisor,
                                        code, phase, doppler, cn0, lli, tally, first)  # fmt: skip
                    if some:
                        sat[n_rows] = name
                        n_rows += 1
            at = end + 1
        if flag != 6:
            t_ns[n_epochs] = tag
            n_epochs += 1
            row_start[n_epochs] = n_rows
    return DONE, at, n_epochs, n_rows
