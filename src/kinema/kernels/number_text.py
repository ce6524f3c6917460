"""Numbers into text bytes, to a given count of significant digits."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from kinema.kernels.jit import kernel

U8 = NDArray[np.uint8]
I64 = NDArray[np.int64]
F64 = NDArray[np.float64]

COMMA, POINT, MINUS, ZERO, NEWLINE, LETTER_E = 44, 46, 45, 48, 10, 101
LONGEST = 26
"""Bytes of a number and the comma behind it, at most."""
MOST_DIGITS = 15
_LOWEST = -40
_POWERS = np.array([float(f"1e{k}") for k in range(_LOWEST, 41)])


@kernel
def put_integer(value: int, out: U8, at: int) -> int:
    """Write a whole number; returns the place after it."""
    if value < 0:
        out[at] = MINUS
        at += 1
        value = -value
    end = at + 1
    rest = value // 10
    while rest:
        end += 1
        rest //= 10
    for k in range(end - 1, at - 1, -1):
        out[k] = ZERO + value % 10
        value //= 10
    return end


@kernel
def _exponent(size: float) -> int:
    """The power of ten of the first digit; 1e-40 ≤ size < 1e40."""
    low, high = 0, len(_POWERS) - 1
    while high - low > 1:
        middle = (low + high) // 2
        if size >= _POWERS[middle]:
            low = middle
        else:
            high = middle
    return low + _LOWEST


@kernel
def put_number(x: float, digits: int, out: U8, at: int) -> int:
    """Write x to `digits` (≤ 15) significant digits, without zeros at the end; nothing where it is not finite.

    Rounded to within a unit of the last of 15 digits. Returns the place after it.
    """
    if not math.isfinite(x):
        return at
    size = abs(x)
    if size < 1e-40:
        out[at] = ZERO
        return at + 1
    if x < 0.0:
        out[at] = MINUS
        at += 1
    far = 0
    while size >= 1e24:
        size /= 1e24
        far += 24
    e = _exponent(size)
    shift = digits - 1 - e
    whole = size * _POWERS[shift - _LOWEST] if shift <= 40 else size * 1e40 * _POWERS[shift - 40 - _LOWEST]
    m = int(whole + 0.5)
    limit = int(_POWERS[digits - _LOWEST])
    if m >= limit:
        m //= 10
        e += 1
    n = digits
    while n > 1 and m % 10 == 0:
        m //= 10
        n -= 1
    e += far
    if e < -5 or e >= MOST_DIGITS:
        return put_integer(e, out, _scientific(m, n, out, at))
    return _plain(m, n, e, out, at)


@kernel
def _scientific(m: int, n: int, out: U8, at: int) -> int:
    """The n digits of m, a point behind the first, and the letter before the exponent."""
    if n == 1:
        out[at] = ZERO + m
        out[at + 1] = LETTER_E
        return at + 2
    for k in range(at + n, at + 1, -1):
        out[k] = ZERO + m % 10
        m //= 10
    out[at], out[at + 1], out[at + n + 1] = ZERO + m, POINT, LETTER_E
    return at + n + 2


@kernel
def _plain(m: int, n: int, e: int, out: U8, at: int) -> int:
    """The n digits of m as a decimal number whose first digit stands for 10ᵉ, −5 ≤ e < 15."""
    if e < 0:
        out[at], out[at + 1] = ZERO, POINT
        for k in range(at + 2, at + 1 - e):
            out[k] = ZERO
        end = at + 1 - e + n
        for k in range(end - 1, at - e, -1):
            out[k] = ZERO + m % 10
            m //= 10
        return end
    end = at + max(n + 1, e + 1) if n > e + 1 else at + e + 1
    k = end - 1
    for place in range(max(n - 1, e), -1, -1):
        if place == e and n > e + 1:
            out[k] = POINT
            k -= 1
        digit = ZERO
        if place < n:
            digit = ZERO + m % 10
            m //= 10
        out[k] = digit
        k -= 1
    return end


@kernel
def put_rows(
    t: I64, stamp: U8, code: U8, words: U8, length: I64, count: I64, place: F64, values: F64, digits: I64, out: U8
) -> int:
    """Rows of text: whole number t, stamp (n, w), place (n, 3), the word of a code, whole number count, values (n, c).

    words (k, w) with their length (k,); digits (c,) of each column of values, place has 15. Returns the bytes written.
    """
    at = 0
    for row in range(len(t)):
        at = put_integer(t[row], out, at)
        out[at] = COMMA
        at += 1
        for k in range(stamp.shape[1]):
            out[at + k] = stamp[row, k]
        at += stamp.shape[1]
        out[at] = COMMA
        at += 1
        for k in range(3):
            at = put_number(place[row, k], MOST_DIGITS, out, at)
            out[at] = COMMA
            at += 1
        word = code[row]
        for k in range(length[word]):
            out[at + k] = words[word, k]
        at += length[word]
        out[at] = COMMA
        at = put_integer(count[row], out, at + 1)
        for k in range(values.shape[1]):
            out[at] = COMMA
            at = put_number(values[row, k], digits[k], out, at + 1)
        out[at] = NEWLINE
        at += 1
    return at
