"""Width and height of an image from the first bytes of its file (PNG, ISO/IEC 15948; JPEG, ITU-T T.81)."""

from __future__ import annotations

import struct
from pathlib import Path

HEAD_BYTES = 1 << 18
ENDINGS = (".jpg", ".jpeg", ".png")


def size_of(path: Path) -> tuple[int, int] | None:
    """Width and height in pixels, or None where the file is neither."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        return None
    if head.startswith(b"\x89PNG\r\n\x1a\n") and len(head) >= 24:
        width, height = struct.unpack(">II", head[16:24])
        return (width, height) if width and height else None
    return _jpeg(head) if head.startswith(b"\xff\xd8") else None


def _jpeg(head: bytes) -> tuple[int, int] | None:
    """The size in the first frame header, found from segment to segment."""
    at = 2
    while at + 9 <= len(head) and head[at] == 0xFF:
        kind, length = head[at + 1], int.from_bytes(head[at + 2 : at + 4], "big")
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", head[at + 5 : at + 9])
            return (width, height) if width and height else None
        at += 2 + max(length, 2) if kind != 0xFF else 1
    return None
