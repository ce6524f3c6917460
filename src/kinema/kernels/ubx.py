"""Frames of the u-blox binary protocol: found, checked, resynchronised (8-bit Fletcher checksum, RFC 1145)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kinema.kernels.jit import kernel

U8 = NDArray[np.uint8]
I64 = NDArray[np.int64]
SYNC_1, SYNC_2 = 0xB5, 0x62
OVERHEAD = 8
"""Bytes of a frame around its payload: sync 2, class, identifier, length 2, checksum 2."""


@kernel
def scan_frames(data: U8, start: I64, kind: I64, length: I64, lost: I64) -> int:
    """Find all frames with a right checksum; returns how many.

    start, length (n,): where each payload begins and how long it is; kind: 256 × class + identifier.
    lost (4,): bytes outside of frames, where the first of them stands (or −1), frames with a wrong checksum,
    bytes of a frame cut off by the end.
    """
    n = len(data)
    count = 0
    lost[0], lost[1], lost[2], lost[3] = 0, -1, 0, 0
    k = 0
    while k < n:
        if data[k] == SYNC_1 and k + 1 < n and data[k + 1] == SYNC_2:
            size = -1
            if k + 6 <= n:
                size = int(data[k + 4]) + 256 * int(data[k + 5])
            if size < 0 or k + size + OVERHEAD > n:
                lost[3] = max(lost[3], n - k)
            else:
                a = 0
                b = 0
                for j in range(k + 2, k + 6 + size):
                    a = (a + int(data[j])) & 255
                    b = (b + a) & 255
                if a == data[k + 6 + size] and b == data[k + 7 + size]:
                    start[count] = k + 6
                    length[count] = size
                    kind[count] = 256 * int(data[k + 2]) + int(data[k + 3])
                    count += 1
                    lost[3] = 0
                    k += size + OVERHEAD
                    continue
                lost[2] += 1
        if lost[1] < 0:
            lost[1] = k
        lost[0] += 1
        k += 1
    return count
