"""ROS 1 bags, version 2.0: connections and chunks of messages, plain, bzip2 or LZ4 (wiki.ros.org/Bags/Format/2.0).

The same messages as in MCAP logs, read by the same rules. A bag that was not closed has no index: none is needed here.
"""

from __future__ import annotations

import bz2
import struct
from collections.abc import Callable, Iterator

import numpy as np

from kinema.core.arrays import I64
from kinema.core.recording import Issue, Recording
from kinema.errors import FormatError
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.mcap_ import read_log
from kinema.formats.mcap_records import Batch, Channel

MAGIC = b"#ROSBAG V2.0\n"
MESSAGE, CHUNK, CONNECTION = 2, 5, 7
MOST_CHUNK_BYTES = 1 << 28
MAX_RATIO = 1000
_MOST_HEADER = 1 << 20


class _Damaged(ValueError):
    """Lengths that do not fit together."""


def _sniff(head: bytes, name: str) -> float:
    return 1.0 if head.startswith(MAGIC) else 0.0


def read(source: Source, options: ReadOptions) -> Recording:
    """Read as an MCAP log. Raises FormatError."""
    if bytes(source.data[: len(MAGIC)]) != MAGIC:
        raise FormatError(source.path, "no ROS bag of version 2.0", "byte 0", "rosbag migrate makes one of older bags")
    return read_log(source, options, _batches)


def _fields(data: bytes | memoryview, at: int, stop: int) -> dict[bytes, bytes]:
    """The named fields of a record's header."""
    found = {}
    while at < stop:
        if stop - at < 4:
            raise _Damaged("a header that ends within a length")
        size = struct.unpack_from("<I", data, at)[0]
        if size > stop - at - 4:
            raise _Damaged("a field longer than its header")
        name, _, value = bytes(data[at + 4 : at + 4 + size]).partition(b"=")
        found[name] = value
        at += 4 + size
    return found


def _records(data: bytes | memoryview, at: int) -> Iterator[tuple[dict[bytes, bytes], int, int]]:
    """Header, begin and end of the content of each record from a byte on."""
    n = len(data)
    while at < n:
        if n - at < 8:
            raise _Damaged(f"a record cut off at byte {at}")
        head = struct.unpack_from("<I", data, at)[0]
        if head > min(_MOST_HEADER, n - at - 8):
            raise _Damaged(f"a header longer than the file at byte {at}")
        size = struct.unpack_from("<I", data, at + 4 + head)[0]
        begin = at + 8 + head
        if size > n - begin:
            raise _Damaged(f"a record cut off at byte {at}")
        yield _fields(data, at + 4, at + 4 + head), begin, begin + size
        at = begin + size


def _number(value: bytes | None, form: str) -> int:
    if value is None or len(value) != struct.calcsize(form):
        raise _Damaged("a field of a wrong length")
    return int(struct.unpack(form, value)[0])


def _batches(
    source: Source, options: ReadOptions, wanted: Callable[[Channel], bool], issues: list[Issue]
) -> Iterator[Batch]:
    """Chunk by chunk; a bag without chunks in one. Raises FormatError."""
    channels: dict[int, Channel] = {}
    loose: dict[int, list[tuple[int, int, int]]] = {}
    try:
        for head, begin, end in _records(source.data, len(MAGIC)):
            kind = _number(head.get(b"op"), "<B")
            if kind == CHUNK:
                inner = _chunk(source.data, head, begin, end)
                found: dict[int, list[tuple[int, int, int]]] = {}
                for each, first, last in _records(inner, 0):
                    _take(inner, each, first, last, channels, found)
                yield Batch(inner, channels, _wanted(found, channels, wanted))
            else:
                _take(source.data, head, begin, end, channels, loose)
    except (_Damaged, struct.error, UnicodeDecodeError, OSError, ValueError) as error:
        # a bag that is not closed ends anywhere: what came before is whole
        if options.on_bad == "raise" and "cut off" not in str(error):
            raise FormatError(
                source.path, f"damaged: {error}", "", "read with --on-bad skip to keep the rest"
            ) from None
        issues.append(Issue("log cut off or damaged", 1, "", source.name, str(error)))
    if loose:
        yield Batch(source.data, channels, _wanted(loose, channels, wanted))


def _take(
    data: bytes | memoryview, head: dict[bytes, bytes], begin: int, end: int, channels: dict[int, Channel],
    found: dict[int, list[tuple[int, int, int]]],
) -> None:  # fmt: skip
    """A message or a connection."""
    kind = _number(head.get(b"op"), "<B")
    if kind == MESSAGE:
        stamp = _number(head.get(b"time"), "<Q")
        ns = (stamp & 0xFFFFFFFF) * 1_000_000_000 + (stamp >> 32)
        found.setdefault(_number(head.get(b"conn"), "<I"), []).append((begin, end - begin, ns))
    elif kind == CONNECTION:
        inner = _fields(data, begin, end)
        topic = inner.get(b"topic", head.get(b"topic", b"")).decode("utf-8")
        channels.setdefault(
            _number(head.get(b"conn"), "<I"), Channel(topic, "ros1", inner.get(b"type", b"").decode("utf-8"))
        )


def _wanted(
    found: dict[int, list[tuple[int, int, int]]], channels: dict[int, Channel], wanted: Callable[[Channel], bool]
) -> dict[int, I64]:
    return {k: np.array(rows, np.int64) for k, rows in found.items() if k in channels and wanted(channels[k])}


def _chunk(data: memoryview, head: dict[bytes, bytes], begin: int, end: int) -> bytes:
    """The records of a chunk, decompressed. Raises _Damaged."""
    size, packed = _number(head.get(b"size"), "<I"), end - begin
    if size > MOST_CHUNK_BYTES or size > MAX_RATIO * max(packed, 1 << 16):
        raise _Damaged(f"a chunk that states {size:,} bytes of {packed:,}")
    how = head.get(b"compression", b"none")
    if how == b"none":
        inner = bytes(data[begin:end])
    elif how == b"bz2":
        inner = bz2.BZ2Decompressor().decompress(data[begin:end], size)
    elif how == b"lz4":
        inner = _lz4(data[begin:end], size)
    else:
        raise _Damaged(f"compression '{how.decode('ascii', 'replace')}' is not known")
    if len(inner) != size:
        raise _Damaged("a chunk of another size than it states")
    return inner


def _lz4(body: memoryview, size: int) -> bytes:
    import pyarrow as pa

    try:
        inner: bytes = pa.Codec("lz4").decompress(pa.py_buffer(body), size, asbytes=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _Damaged(f"a chunk that does not decompress ({str(error)[:60]})") from None
    return inner


FORMAT = Format("ros1_bag", "ROS 1 bag", (".bag",), _sniff, read)
