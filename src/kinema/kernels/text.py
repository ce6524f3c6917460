"""Numbers out of text bytes, without making strings of them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from kinema.kernels.jit import kernel

U8 = NDArray[np.uint8]

BLANK, LF, CR, PLUS, MINUS, POINT, ZERO = 32, 10, 13, 43, 45, 46, 48
POWERS_OF_TEN = np.array([10.0**k for k in range(23)])


@kernel
def line_end(data: U8, at: int, stop: int) -> int:
    """Index of the line feed that ends the line at `at`, or `stop`."""
    k, one = np.uint64(at), np.uint64(1)  # unsigned: no test for an index from the end, twice as fast
    last = np.uint64(stop)
    while k < last and data[k] != LF:
        k += one
    return np.int64(k)  # type: ignore[return-value]  # int() would keep it unsigned


@kernel
def without_cr(data: U8, at: int, end: int) -> int:
    """End of the line's text: `end`, or one less after a carriage return."""
    if end > at and data[end - 1] == CR:
        return end - 1
    return end


@kernel
def is_blank(data: U8, at: int, end: int) -> bool:
    """Whether data[at:end] is blanks only."""
    for k in range(at, end):  # noqa: SIM110
        if data[k] != BLANK:
            return False
    return True


@kernel
def decimal(data: U8, at: int, end: int) -> float:
    """A decimal number without exponent in data[at:end], blanks around it allowed.

    NaN where all is blank, infinity where it is no number. Up to 15 digits are rounded as `float(text)` would:
    a whole number divided by a power of ten that is exact in float64.
    """
    while at < end and data[at] == BLANK:
        at += 1
    if at == end:
        return math.nan
    while data[end - 1] == BLANK:
        end -= 1
    negative = data[at] == MINUS
    if negative or data[at] == PLUS:
        at += 1
    whole = 0
    digits = 0
    point = -1
    for k in range(at, end):
        c = np.int64(data[k])
        if ZERO <= c <= 57:
            whole = whole * 10 + int(c - ZERO)
            digits += 1
        elif c == POINT and point < 0:
            point = k
        else:
            return math.inf
    if digits == 0 or digits > 18:
        return math.inf
    value = float(whole)
    if point >= 0 and end - 1 > point:
        value /= POWERS_OF_TEN[end - 1 - point]
    return -value if negative else value


@kernel
def integer(data: U8, at: int, end: int) -> int:
    """A whole number without sign in data[at:end], blanks before it allowed; 0 where all is blank, -1 if none."""
    value = 0
    begun = False
    for k in range(at, end):
        c = np.int64(data[k])
        if ZERO <= c <= 57:
            value = value * 10 + int(c - ZERO)
            begun = True
        elif c != BLANK or begun:
            return -1
    return value


@kernel
def days_since_gps_epoch(year: int, month: int, day: int) -> int:
    """Days from 1980-01-06 to a day of the Gregorian calendar; -1 for a day that does not exist.

    Counted from 1 March of year 0, so that the leap day is the last of its year.
    """
    if not (1980 <= year < 2200 and 1 <= month <= 12 and 1 <= day <= 31):
        return -1
    leap = (year % 4 == 0 and year % 100 != 0) or year % 400 == 0
    if month == 2 and day > 28 + leap:
        return -1
    if day == 31 and (month == 4 or month == 6 or month == 9 or month == 11):
        return -1
    y = year - 1 if month <= 2 else year
    m = month + 9 if month <= 2 else month - 3
    days = 365 * y + y // 4 - y // 100 + y // 400 + (153 * m + 2) // 5 + day - 1
    return days - 723_125


@kernel
def scientific(data: U8, at: int, end: int) -> float:
    """A number with or without exponent (E, D) in data[at:end]; NaN where blank, infinity where it is none.

    Up to 15 digits and a power of ten up to 22 are rounded as `float(text)` would.
    """
    cut = at
    while cut < end and data[cut] != 69 and data[cut] != 68 and data[cut] != 101 and data[cut] != 100:
        cut += 1
    if cut == end:
        return decimal(data, at, end)
    sign = 1
    k = cut + 1
    if k < end and (data[k] == MINUS or data[k] == PLUS):
        sign = -1 if data[k] == MINUS else 1
        k += 1
    while end > k and data[end - 1] == BLANK:
        end -= 1
    power = integer(data, k, end) if end > k else -1
    if power < 0 or power > 300:
        return math.inf
    whole, decimals, value = 0.0, 0, 0.0
    negative, behind_point, digits = False, False, 0
    for q in range(at, cut):
        c = np.int64(data[q])
        if ZERO <= c <= 57:
            whole = whole * 10.0 + (c - ZERO)
            decimals += behind_point
            digits += 1
        elif c == POINT and not behind_point:
            behind_point = True
        elif c == MINUS and digits == 0 and not behind_point:
            negative = True
        elif (c != BLANK and c != PLUS) or digits > 0 or behind_point:
            return math.inf
    if digits == 0:
        return math.inf
    shift = sign * power - decimals
    if shift < 1 - len(POWERS_OF_TEN) or shift >= len(POWERS_OF_TEN):
        value = float(whole * math.pow(10.0, shift))
        return -value if negative else value
    value = float(whole / POWERS_OF_TEN[-shift] if shift < 0 else whole * POWERS_OF_TEN[shift])
    return -value if negative else value
