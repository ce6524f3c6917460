"""Cells of delimited tables: only the columns that are wanted, dates as nanoseconds, what is no number flagged."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kinema.kernels.jit import kernel
from kinema.kernels.table import parse_decimal

U8 = NDArray[np.uint8]
I64 = NDArray[np.int64]
F64 = NDArray[np.float64]

GOOD, GARBLED, SHORT = 0, 1, 2
"""What a row is: whole; with a wanted cell that is neither a number nor empty; with fewer cells than needed."""
NO_STAMP = -(1 << 62)
_DAY_NS = 86_400_000_000_000
_POW10 = 10.0 ** np.arange(23)


@kernel
def _digits(data: U8, lo: int, hi: int, most: int) -> tuple[int, int]:
    """The whole number of at most `most` digits at `lo`, and the byte behind it; −1 where there is none."""
    k, value = lo, 0
    while k < hi and k < lo + most and 48 <= data[k] <= 57:
        value = value * 10 + int(data[k]) - 48
        k += 1
    return (value if k > lo else -1), k


@kernel
def parse_clock(data: U8, lo: int, hi: int) -> int:
    """Nanoseconds of "12:34:56.789", less its offset to UTC ("+02:00", "Z") where it has one; or NO_STAMP."""
    total, k, unit = 0, lo, 3600
    for part in range(3):
        value, k = _digits(data, k, hi, 2)
        if value < 0 or value > (24 if part == 0 else 60):
            return NO_STAMP
        total += value * unit
        unit //= 60
        if part < 2:
            if k == hi or data[k] != 58:
                return NO_STAMP
            k += 1
    ns = total * 1_000_000_000
    if k < hi and (data[k] == 46 or data[k] == 44):
        step = 100_000_000
        k += 1
        while k < hi and 48 <= data[k] <= 57:
            ns += (int(data[k]) - 48) * step
            step //= 10
            k += 1
    while k < hi and data[k] == 32:
        k += 1
    if k < hi and (data[k] == 90 or data[k] == 122):
        k += 1
    elif k + 2 < hi and (data[k] == 43 or data[k] == 45):
        east = data[k] == 43
        hours, k = _digits(data, k + 1, hi, 2)
        if k < hi and data[k] == 58:
            k += 1
        minutes, k = _digits(data, k, hi, 2)
        away = (hours * 3600 + max(minutes, 0) * 60) * 1_000_000_000
        ns += -away if east else away
    return ns if k == hi else NO_STAMP


@kernel
def parse_date(data: U8, lo: int, hi: int) -> tuple[int, int]:
    """Nanoseconds from 1970 to the begin of "2025-07-08" or "2025/07/08", and the byte behind it; or NO_STAMP.

    Days by the civil calendar (H. Hinnant, "chrono-compatible low-level date algorithms").
    """
    year, k = _digits(data, lo, hi, 4)
    if k != lo + 4 or k == hi or (data[k] != 45 and data[k] != 47) or year < 1900:
        return NO_STAMP, k
    month, k = _digits(data, k + 1, hi, 2)
    if month < 1 or month > 12 or k == hi or (data[k] != 45 and data[k] != 47):
        return NO_STAMP, k
    day, k = _digits(data, k + 1, hi, 2)
    if day < 1 or day > 31:
        return NO_STAMP, k
    y = year - 1 if month <= 2 else year
    era = y // 400
    of_era = y - era * 400
    of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    days = era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468
    return days * _DAY_NS, k


@kernel
def parse_stamp(data: U8, lo: int, hi: int) -> int:
    """POSIX nanoseconds of an ISO 8601 date, with or without a time of day behind "T" or a blank; or NO_STAMP."""
    date, k = parse_date(data, lo, hi)
    if date == NO_STAMP or k == hi:
        return date
    if data[k] != 84 and data[k] != 116 and data[k] != 32:
        return NO_STAMP
    clock = parse_clock(data, k + 1, hi)
    return NO_STAMP if clock == NO_STAMP else date + clock


@kernel
def _is_nothing(data: U8, lo: int, hi: int) -> bool:
    """Whether a cell says that there is no value: empty, "-", "--", nan, NA, N/A, null, None."""
    n = hi - lo
    if n == 0:
        return True
    if n > 4:
        return False
    a = data[lo] | 32
    b = data[lo + 1] | 32 if n > 1 else 0
    c = data[lo + 2] | 32 if n > 2 else 0
    if n == 1:
        return data[lo] == 45
    if n == 2:
        return (data[lo] == 45 and data[lo + 1] == 45) or (a == 110 and b == 97)
    if n == 3:
        return a == 110 and ((b == 97 and c == 110) or (data[lo + 1] == 47 and c == 97))
    d = data[lo + 3] | 32
    return a == 110 and ((b == 117 and c == 108 and d == 108) or (b == 111 and c == 110 and d == 101))


@kernel
def _cell_end(data: U8, k: int, n: int, newline: int, delimiter: int) -> int:
    """Where the cell that begins at k ends; a delimiter between quotes is part of it."""
    if k < n and data[k] == 34:
        k += 1
        while k < n and data[k] != newline and data[k] != 34:
            k += 1
    while k < n and data[k] != newline and data[k] != delimiter and not (delimiter == 32 and data[k] == 9):
        k += 1
    return k


@kernel
def _plain(data: U8, k: int, n: int, newline: int, delimiter: int, sign: int) -> tuple[float, int]:
    """A number without blanks, quotes or an exponent that begins at k, and the byte behind it; −1 for that where the
    cell is anything else. Most cells are such, and are read in one pass."""
    negative = k < n and data[k] == 45
    if negative:
        k += 1
    mantissa, first, point = 0, k, -1
    while k < n:
        c = data[k]
        if 48 <= c <= 57:
            if mantissa >= 922_337_203_685_477_580:
                return 0.0, -1
            mantissa = mantissa * 10 + int(c) - 48
        elif c == sign and point < 0:
            point = k
        else:
            break
        k += 1
    places = k - point - 1 if point >= 0 else 0
    if k - first - (1 if point >= 0 else 0) == 0 or places > 22:
        return 0.0, -1
    if k + 1 < n and data[k] == 13 and data[k + 1] == newline:
        k += 1
    if k < n and data[k] != delimiter and data[k] != newline:
        return 0.0, -1
    value = float(mantissa) / _POW10[places]
    return (-value if negative else value), k


@kernel
def _trimmed(data: U8, lo: int, hi: int) -> tuple[int, int]:
    """A cell without blanks, tabs, returns and quotes about it."""
    while lo < hi and (data[lo] == 32 or data[lo] == 9 or data[lo] == 34):
        lo += 1
    while hi > lo and (data[hi - 1] == 32 or data[hi - 1] == 9 or data[hi - 1] == 34 or data[hi - 1] == 13):
        hi -= 1
    return lo, hi


@kernel
def read_cells(
    data: U8, start: int, newline: int, delimiter: int, sign: int, slots: I64, stamp_field: int, clock_field: int,
    need: int, table: F64, stamp: I64, row_start: I64, state: U8,
) -> int:  # fmt: skip
    """Fill `table` (rows, k) with the cells of the fields f whose slots[f] ≥ 0 (its column), NaN where one is empty;
    returns the number of rows. Blank lines and lines that begin with # or % are none.

    sign: of decimals. stamp_field: a date (−1: none), clock_field: the time of day beside it (−1: it is in the date),
    put into stamp (rows,) as POSIX nanoseconds, NO_STAMP where it is none. need: fields that a row must have.
    row_start and state (rows,): the byte where each begins, and what it is.
    """
    n, row, k = len(data), 0, start
    while k < n:
        line = k
        while k < n and (data[k] == 32 or data[k] == 9 or data[k] == 13):
            k += 1
        comment = k < n and (data[k] == 35 or data[k] == 37)
        if comment or k == n or data[k] == newline:
            while k < n and data[k] != newline:
                k += 1
            k += 1
            continue
        if delimiter != 32:
            k = line
        field, what = 0, GOOD
        for c in range(table.shape[1]):
            table[row, c] = np.nan
        stamp[row] = 0
        while True:
            if field >= len(slots) or (slots[field] < 0 and field != stamp_field and field != clock_field):
                end = _cell_end(data, k, n, newline, delimiter)
            elif slots[field] >= 0:
                value, end = _plain(data, k, n, newline, delimiter, sign)
                if end < 0:
                    end = _cell_end(data, k, n, newline, delimiter)
                    lo, hi = _trimmed(data, k, end)
                    value = parse_decimal(data, lo, hi, sign)
                    if value != value and not _is_nothing(data, lo, hi):
                        what = GARBLED
                table[row, slots[field]] = value
            else:
                end = _cell_end(data, k, n, newline, delimiter)
                lo, hi = _trimmed(data, k, end)
                part = parse_stamp(data, lo, hi) if field == stamp_field else parse_clock(data, lo, hi)
                if part == NO_STAMP:
                    what = GARBLED
                else:
                    stamp[row] += part
            field += 1
            k = end
            if k >= n or data[k] == newline:
                break
            k += 1
            if delimiter == 32:
                while k < n and (data[k] == 32 or data[k] == 9 or data[k] == 13):
                    k += 1
                if k >= n or data[k] == newline:
                    break
        k += 1
        row_start[row] = line
        state[row] = SHORT if field < need else what
        row += 1
    return row
