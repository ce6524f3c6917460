"""Records of an MCAP container: where each is, and channel and time of the messages (MCAP specification, version 0)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kinema.kernels.jit import kernel

U8 = NDArray[np.uint8]
I64 = NDArray[np.int64]
HEAD = 9
"""Bytes before a record's content: opcode 1, length 8."""
MESSAGE, MESSAGE_HEAD = 5, 22
"""Opcode of a message, and the bytes before its data: channel 2, sequence 4, log time 8, publish time 8."""


@kernel
def _u64(data: U8, at: int) -> int:
    """Eight bytes, the lowest first; beyond 2⁶³ it comes out negative."""
    value = 0
    for k in range(8):
        value |= int(data[at + k]) << (8 * k)
    return value


@kernel
def count_records(data: U8, at: int) -> int:
    """How many records follow from byte `at` on, the last one perhaps cut off."""
    n = len(data)
    count = 0
    while at < n:
        count += 1
        if at + HEAD > n:
            break
        length = _u64(data, at + 1)
        if length < 0 or length > n - at - HEAD:
            break
        at += HEAD + length
    return count


@kernel
def scan_records(data: U8, at: int, kind: I64, start: I64, stop: I64, channel: I64, log_ns: I64) -> int:
    """Fill kind, start and stop of the content (n,), and of messages channel and log time; returns how many are whole.

    The arrays are as long as `count_records` says.
    """
    n = len(data)
    row = 0
    while at < n and row < len(kind):
        if at + HEAD > n:
            break
        length = _u64(data, at + 1)
        if length < 0 or length > n - at - HEAD:
            break
        begin = at + HEAD
        kind[row] = data[at]
        start[row] = begin
        stop[row] = begin + length
        channel[row] = -1
        log_ns[row] = 0
        if data[at] == MESSAGE and length >= MESSAGE_HEAD:
            channel[row] = int(data[begin]) | int(data[begin + 1]) << 8
            log_ns[row] = _u64(data, begin + 6)
        row += 1
        at = begin + length
    return row
