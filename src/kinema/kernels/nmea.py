"""NMEA 0183 sentences taken apart: which they are, whether their checksum is right, and their fields as numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kinema.kernels.jit import kernel
from kinema.kernels.table import parse_number

U8 = NDArray[np.uint8]
I64 = NDArray[np.int64]
F64 = NDArray[np.float64]
STAR, COMMA, DOLLAR, NEWLINE, RETURN = 42, 44, 36, 10, 13


@kernel
def hex_digit(c: int) -> int:
    """Value of a hexadecimal digit, or −1."""
    if 48 <= c <= 57:
        return c - 48
    if 65 <= c <= 70:
        return c - 55
    if 97 <= c <= 102:
        return c - 87
    return -1


@kernel
def scan_sentences(data: U8, names: U8, kind: U8, start: I64, fields: F64, bad: U8, counts: I64) -> int:
    """All sentences of the wanted kinds, in file order; returns how many were written (at most len(kind)).

    names (k, 3): the three letters after the talker. fields (n, f): field 1 on as numbers, a single letter as its
    code plus 1000, NaN where empty. bad (n,): 1 where a field is neither, plus 2 where there is no checksum. counts
    (5,): lines that are no sentence, where the first is; sentences with a wrong checksum, where the first is; others.
    """
    n = len(data)
    counts[:] = 0
    counts[1], counts[3] = -1, -1
    row = 0
    k = 0
    while k < n:
        line = k
        # Loggers put their own words before the sentence: take the last "$" of the line.
        begin = line
        while k < n and data[k] != NEWLINE:
            if data[k] == DOLLAR:
                begin = k + 1
            k += 1
        end = k
        k += 1
        while end > line and (data[end - 1] == RETURN or data[end - 1] == 32):
            end -= 1
        if begin == line:
            if end > line:
                if counts[0] == 0:
                    counts[1] = line
                counts[0] += 1
            continue
        total = 0
        j = begin
        while j < end and data[j] != STAR:
            total ^= data[j]
            j += 1
        if j + 3 <= end:
            high, low = hex_digit(int(data[j + 1])), hex_digit(int(data[j + 2]))
            if high < 0 or low < 0 or 16 * high + low != total:
                if counts[2] == 0:
                    counts[3] = line
                counts[2] += 1
                continue
        which = -1
        if begin + 5 < j and data[begin + 5] == COMMA and data[begin] != 80:
            for name in range(len(names)):
                if (
                    data[begin + 2] == names[name, 0]
                    and data[begin + 3] == names[name, 1]
                    and data[begin + 4] == names[name, 2]
                ):
                    which = name
        if which < 0:
            counts[4] += 1
            continue
        if row == len(kind):
            return row
        kind[row] = which
        start[row] = line
        bad[row] = 0 if j + 3 <= end else 2
        field = 0
        lo = begin + 6
        while lo <= j and field < fields.shape[1]:
            hi = lo
            while hi < j and data[hi] != COMMA:
                hi += 1
            value = np.nan
            if hi > lo:
                value = parse_number(data, lo, hi)
                if np.isnan(value):
                    if 65 <= data[lo] <= 90:
                        # GNS has one letter for each system: the first that is not N (no fix) counts.
                        at = lo
                        while at < hi - 1 and data[at] == 78:
                            at += 1
                        value = 1000.0 + float(data[at])
                    else:
                        bad[row] |= 1
            fields[row, field] = value
            field += 1
            lo = hi + 1
        while field < fields.shape[1]:
            fields[row, field] = np.nan
            field += 1
        row += 1
    return row
