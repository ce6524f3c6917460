"""UBX logs made by hand."""

from __future__ import annotations

import struct


def frame(kind: int, payload: bytes) -> bytes:
    """A UBX frame with its checksum."""
    body = struct.pack("<BBH", kind >> 8, kind & 255, len(payload)) + payload
    a = b = 0
    for byte in body:
        a = (a + byte) & 255
        b = (b + a) & 255
    return b"\xb5\x62" + body + bytes([a, b])
