"""Matrices of numbers out of MATLAB 5 files, damaged ones refused: what is stated is checked against what is there.

Layout after "MAT-File Format" (The MathWorks), level 5: elements of type, size and data in steps of 8 bytes.
"""

from __future__ import annotations

import itertools
import struct
import zlib
from collections.abc import Iterator

import numpy as np

from kinema.core.arrays import F64
from kinema.errors import FormatError
from kinema.formats.base import Source

MAGIC = b"MATLAB 5.0 MAT-file"
MOST_BYTES = 256 << 20
"""Of one matrix, decompressed."""
_MATRIX, _COMPRESSED, _INT32, _UINT32 = 14, 15, 5, 6
_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_NUMERIC_CLASSES = range(6, 16)
"""Double, single and the integers; others are text, cells, structures and objects."""


class _Damaged(ValueError):
    """Sizes and types that do not fit together."""


def matrices(source: Source) -> dict[str, F64]:
    """The real numeric matrices of the file by name, as float64 (rows, columns). Raises FormatError."""
    data = bytes(source.data)
    order = {b"IM": "<", b"MI": ">"}.get(data[126:128], "")
    if not data.startswith(MAGIC) or not order:
        raise FormatError(source.path, "no header of a MATLAB 5 file", "byte 0", "is it one?")
    found: dict[str, F64] = {}
    at = 128
    try:
        for kind, body, after in _elements(data, 128, order):
            if kind == _COMPRESSED:
                kind, body = _inflated(body, order)
            if kind == _MATRIX:
                found |= _matrix(body, order)
            at = after
    except (_Damaged, zlib.error) as error:
        raise FormatError(source.path, f"damaged: {error}", f"byte {at}", "copy it again") from None
    return found


def _elements(data: bytes, at: int, order: str) -> Iterator[tuple[int, bytes, int]]:
    """Type and data of the elements from byte `at`, and the byte after each."""
    while at < len(data):
        if len(data) - at < 8:
            raise _Damaged("it ends within a tag")
        kind, size = struct.unpack_from(order + "II", data, at)
        start = at + 8
        if kind >> 16:
            kind, size, start = kind & 0xFFFF, kind >> 16, at + 4
            if size > 4:
                raise _Damaged(f"a small element of {size} bytes")
        if size > len(data) - start:
            raise _Damaged(f"an element of {size} bytes where {len(data) - start} are left")
        at = start + size if kind == _COMPRESSED else start + size + (-(start + size - at) % 8)
        yield kind, data[start : start + size], at


def _inflated(body: bytes, order: str) -> tuple[int, bytes]:
    """The one element in a compressed one."""
    inflater = zlib.decompressobj()
    whole = inflater.decompress(body, MOST_BYTES)
    if inflater.unconsumed_tail:
        raise _Damaged(f"more than {MOST_BYTES >> 20} MiB in one element")
    for kind, inner, _ in _elements(whole, 0, order):
        return kind, inner
    raise _Damaged("an empty element")


def _matrix(body: bytes, order: str) -> dict[str, F64]:
    """One matrix by its name; nothing where it is not one of real numbers in two dimensions."""
    parts = [(kind, part) for kind, part, _ in itertools.islice(_elements(body, 0, order), 4)]
    if len(parts) < 4 or parts[0][0] != _UINT32 or len(parts[0][1]) != 8 or parts[1][0] != _INT32:
        return {}
    flags = struct.unpack(order + "II", parts[0][1])[0]
    if flags & 0xFF not in _NUMERIC_CLASSES or flags & 0x0800 or len(parts[1][1]) != 8:
        return {}
    rows, columns = struct.unpack(order + "ii", parts[1][1])
    name = parts[2][1].decode("ascii", "replace")
    kind, numbers = parts[3]
    if kind not in _TYPES:
        raise _Damaged(f"matrix of data type {kind}")
    dtype = np.dtype(order + _TYPES[kind])
    if rows < 0 or columns < 0 or rows * columns * dtype.itemsize != len(numbers):
        raise _Damaged(f"a matrix of {rows} x {columns} in {len(numbers)} bytes")
    values = np.frombuffer(numbers, dtype).reshape((rows, columns), order="F")
    return {name: np.ascontiguousarray(values, dtype=np.float64)}
