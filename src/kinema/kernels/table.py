"""Numbers out of text: one number, and whole tables of numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kinema.kernels.jit import kernel

U8 = NDArray[np.uint8]
I64 = NDArray[np.int64]
F64 = NDArray[np.float64]

_POW10 = 10.0 ** np.arange(23)
NEWLINE, RETURN = 10, 13


@kernel
def parse_number(data: U8, lo: int, hi: int) -> float:
    """The number in data[lo:hi] with a decimal point; see parse_decimal."""
    return parse_decimal(data, lo, hi, 46)


@kernel
def parse_decimal(data: U8, lo: int, hi: int, sign: int) -> float:
    """The decimal number in data[lo:hi], or NaN, also where it is beyond float64; `sign` is its decimal sign's byte.

    Rounded as IEEE asks for up to 15 digits and 22 places (one division of exact numbers), else within 2 ulp.
    """
    k = lo
    negative = False
    if k < hi and (data[k] == 43 or data[k] == 45):
        negative = data[k] == 45
        k += 1
    mantissa = 0
    places = 0
    digits = 0
    point = False
    while k < hi:
        c = data[k]
        if 48 <= c <= 57:
            digits += 1
            if mantissa < 100_000_000_000_000_000:
                mantissa = mantissa * 10 + int(c - 48)
                if point:
                    places += 1
            elif not point:
                places -= 1
        elif c == sign and not point:
            point = True
        else:
            break
        k += 1
    if digits == 0:
        return np.nan
    if k < hi:
        c = data[k]
        if c != 69 and c != 101 and c != 68 and c != 100:
            return np.nan
        k += 1
        minus = False
        if k < hi and (data[k] == 43 or data[k] == 45):
            minus = data[k] == 45
            k += 1
        exponent = 0
        if k == hi:
            return np.nan
        while k < hi:
            if data[k] < 48 or data[k] > 57:
                return np.nan
            exponent = min(exponent * 10 + int(data[k] - 48), 400)
            k += 1
        places -= -exponent if minus else exponent
    value = float(mantissa)
    while places > 0:
        step = min(places, 22)
        value /= float(_POW10[step])
        places -= step
    while places < 0:
        step = min(-places, 22)
        value *= float(_POW10[step])
        places += step
    if value == np.inf:
        return np.nan
    return -value if negative else value


@kernel
def count_rows(data: U8, start: int, role: U8, min_fields: int) -> tuple[int, int, int]:
    """Rows with at least `min_fields` fields, rows with fewer, and where the first of these stands (or −1).

    role (256,): 0 part of a field, 1 separator, 2 begins a comment line when it stands first.
    """
    n_good = 0
    n_bad = 0
    first_bad = -1
    k = start
    n = len(data)
    while k < n:
        line = k
        fields = 0
        inside = False
        comment = role[data[k]] == 2
        while k < n and data[k] != NEWLINE:
            if role[data[k]] == 1:
                inside = False
            elif not inside:
                inside = True
                fields += 1
            k += 1
        k += 1
        if comment or fields == 0:
            continue
        if fields >= min_fields:
            n_good += 1
        else:
            n_bad += 1
            if first_bad < 0:
                first_bad = line
    return n_good, n_bad, first_bad


@kernel
def read_rows(
    data: U8, start: int, role: U8, min_fields: int, table: F64, row_start: I64, n_fields: I64, short: I64
) -> int:
    """Fill `table` (rows, columns) with the numbers of the rows that have `min_fields` fields, NaN where none; returns
    how many those are, or −1 where `table` is too short for them.

    row_start and n_fields (rows,) get where each row begins and how many fields it has; short (2,) how many rows have
    fewer fields and where the first of these stands (or −1).
    """
    k = start
    n = len(data)
    row = 0
    columns = table.shape[1]
    short[0], short[1] = 0, -1
    while k < n:
        line = k
        comment = role[data[k]] == 2
        fields = 0
        while k < n and data[k] != NEWLINE:
            if role[data[k]] == 1:
                k += 1
                continue
            begin = k
            while k < n and data[k] != NEWLINE and role[data[k]] != 1:
                k += 1
            if not comment and fields < columns:
                if row == len(table):
                    return -1
                table[row, fields] = parse_number(data, begin, k)
            fields += 1
        k += 1
        if comment or fields == 0:
            continue
        if fields >= min_fields:
            row_start[row] = line
            n_fields[row] = fields
            for c in range(fields, columns):
                table[row, c] = np.nan
            row += 1
        else:
            short[0] += 1
            if short[1] < 0:
                short[1] = line
    return row
