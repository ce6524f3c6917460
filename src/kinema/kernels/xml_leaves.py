"""Track files in XML taken apart without a tree: points, their attributes and the texts of chosen elements."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kinema.kernels.jit import kernel
from kinema.kernels.table import parse_number

U8 = NDArray[np.uint8]
I16 = NDArray[np.int16]
I64 = NDArray[np.int64]
F64 = NDArray[np.float64]
END = 1000
"""Added to a name's index where its element ends."""
REFUSED, UNCLOSED = -1, -2
BAD_TIME = -(2**62)


@kernel
def name_index(data: U8, lo: int, hi: int, names: U8, lengths: I64) -> int:
    """Which of `names` (k, 24) stands in data[lo:hi] after its namespace prefix, or −1."""
    for k in range(lo, hi):
        if data[k] == 58:
            lo = k + 1
    for which in range(len(lengths)):
        if lengths[which] != hi - lo:
            continue
        same = True
        for k in range(hi - lo):
            if data[lo + k] != names[which, k]:
                same = False
                break
        if same:
            return which
    return -1


@kernel
def find_after(data: U8, k: int, a: int, b: int, c: int) -> int:
    """Index behind the next three bytes a, b, c (0: any) from k on, or the length of the data."""
    n = len(data)
    while k + 2 < n:
        if data[k] == a and data[k + 1] == b and (c == 0 or data[k + 2] == c):
            return k + (3 if c else 2)
        k += 1
    return n


@kernel
def scan_leaves(data: U8, names: U8, lengths: I64, kind: I16, start: I64, stop: I64) -> int:
    """Events in file order: an element or attribute of `names` with the span of its text, or the end of an element.

    Comments, CDATA and processing instructions are passed over. Returns how many, REFUSED where the file declares a
    document type or entities, UNCLOSED where it ends inside a tag.
    """
    n = len(data)
    k = 0
    count = 0
    while k < n:
        if data[k] != 60:
            k += 1
            continue
        k += 1
        if k >= n:
            return UNCLOSED
        if data[k] == 33:
            if k + 2 < n and data[k + 1] == 45 and data[k + 2] == 45:
                k = find_after(data, k + 3, 45, 45, 62)
            elif k + 1 < n and data[k + 1] == 91:
                k = find_after(data, k + 2, 93, 93, 62)
            else:
                return REFUSED
            continue
        if data[k] == 63:
            k = find_after(data, k + 1, 63, 62, 0)
            continue
        closing = data[k] == 47
        if closing:
            k += 1
        lo = k
        while k < n and data[k] > 32 and data[k] != 62 and data[k] != 47:
            k += 1
        which = name_index(data, lo, k, names, lengths)
        if closing:
            if which >= 0:
                kind[count] = which + END
                start[count] = lo
                stop[count] = lo
                count += 1
            while k < n and data[k] != 62:
                k += 1
            k += 1
            continue
        element = count
        if which >= 0:
            kind[count] = which
            count += 1
        empty = False
        while k < n and data[k] != 62:
            c = data[k]
            if c == 47:
                empty = True
                k += 1
            elif c <= 32:
                k += 1
            else:
                empty = False
                a = k
                while k < n and data[k] != 61 and data[k] != 62:
                    k += 1
                b = k
                while k < n and data[k] != 34 and data[k] != 39 and data[k] != 62:
                    k += 1
                if k >= n or data[k] == 62:
                    break
                quote = data[k]
                k += 1
                value = k
                while k < n and data[k] != quote:
                    k += 1
                if which >= 0:
                    while b > a and data[b - 1] <= 32:
                        b -= 1
                    attribute = name_index(data, a, b, names, lengths)
                    if attribute >= 0:
                        kind[count] = attribute
                        start[count] = value
                        stop[count] = k
                        count += 1
                k += 1
        if k >= n:
            return UNCLOSED
        k += 1
        if which >= 0:
            lo = k
            hi = k
            if empty:
                kind[count] = which + END
                start[count] = k
                stop[count] = k
                count += 1
            else:
                while k < n and data[k] != 60:
                    k += 1
                hi = k
            while lo < hi and data[lo] <= 32:
                lo += 1
            while hi > lo and data[hi - 1] <= 32:
                hi -= 1
            start[element] = lo
            stop[element] = hi
    return count


@kernel
def numbers_at(data: U8, start: I64, stop: I64, out: F64) -> None:
    """Fill out (n, k) with the first k numbers of each span, parted by blanks or commas; NaN where there are fewer."""
    for row in range(len(start)):
        k = start[row]
        for column in range(out.shape[1]):
            while k < stop[row] and (data[k] <= 32 or data[k] == 44):
                k += 1
            lo = k
            while k < stop[row] and data[k] > 32 and data[k] != 44:
                k += 1
            out[row, column] = parse_number(data, lo, k)


@kernel
def digits_at(data: U8, lo: int, hi: int) -> int:
    """The number made of data[lo:hi], or −1 where that are not all digits."""
    value = 0
    if hi <= lo or hi > len(data):
        return -1
    for k in range(lo, hi):
        if data[k] < 48 or data[k] > 57:
            return -1
        value = value * 10 + int(data[k]) - 48
    return value


@kernel
def iso_times_at(data: U8, start: I64, stop: I64, out: I64) -> None:
    """POSIX nanoseconds of ISO 8601 texts ("2024-06-24T08:20:00.25Z", or with an offset); BAD_TIME where none.

    Days from the civil calendar after Howard Hinnant, "chrono-compatible low-level date algorithms".
    """
    for row in range(len(start)):
        out[row] = BAD_TIME
        a, b = start[row], stop[row]
        if b - a < 19:
            continue
        year, month, day = digits_at(data, a, a + 4), digits_at(data, a + 5, a + 7), digits_at(data, a + 8, a + 10)
        hour, minute = digits_at(data, a + 11, a + 13), digits_at(data, a + 14, a + 16)
        second = digits_at(data, a + 17, a + 19)
        if year < 1900 or month < 1 or month > 12 or day < 1 or day > 31:
            continue
        if hour < 0 or hour > 24 or minute < 0 or minute > 59 or second < 0 or second > 60:
            continue
        k = a + 19
        fraction = 0
        scale = 100_000_000
        if k < b and data[k] == 46:
            k += 1
            while k < b and 48 <= data[k] <= 57:
                fraction += (int(data[k]) - 48) * scale
                scale //= 10
                k += 1
        offset = 0
        if k < b and (data[k] == 43 or data[k] == 45):
            hours = digits_at(data, k + 1, k + 3)
            colon = 1 if k + 3 < b and data[k + 3] == 58 else 0
            minutes = digits_at(data, k + 3 + colon, k + 5 + colon) if k + 5 + colon <= b else 0
            if hours < 0 or minutes < 0:
                continue
            offset = (hours * 60 + minutes) * 60
            if data[k] == 45:
                offset = -offset
        y = year - 1 if month <= 2 else year
        of_era = y % 400
        of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
        days = y // 400 * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468
        seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset
        out[row] = seconds * 1_000_000_000 + fraction
