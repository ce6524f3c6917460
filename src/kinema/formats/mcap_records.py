"""The container of an MCAP log: schemas, channels, and where the messages are; chunks decompressed one by one.

Layout after the MCAP specification, version 0 (mcap.dev/spec): records of an opcode, a length in 8 bytes and content.
Chunks are checked by their CRC. A log that was cut off is read as far as it goes, and told.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from kinema.core.recording import Issue
from kinema.errors import FormatError
from kinema.formats.base import ReadOptions, Source

MAGIC = b"\x89MCAP0\r\n"
SCHEMA, CHANNEL, MESSAGE, CHUNK, DATA_END, FOOTER = 3, 4, 5, 6, 15, 2
MOST_CHUNK_BYTES = 1 << 30
MAX_RATIO = 1000
"""Decompressed over compressed size of a chunk, asked beyond 64 MiB."""
_HEAD = struct.Struct("<BQ")
_MESSAGE = struct.Struct("<HIQQ")


@dataclass(frozen=True)
class Channel:
    """What the messages of a channel are: topic, encoding of messages, name, encoding and text of their schema."""

    topic: str
    encoding: str
    schema: str = ""
    schema_encoding: str = ""
    schema_data: bytes = b""


@dataclass
class Batch:
    """Messages of one stretch of the file by channel: where each begins in `data`, its length, its log time."""

    data: bytes | memoryview
    channels: dict[int, Channel]
    messages: dict[int, list[tuple[int, int, int]]] = field(default_factory=dict)


class _Damaged(ValueError):
    """Lengths that do not fit together."""


def batches(
    source: Source, options: ReadOptions, wanted: Callable[[Channel], bool], issues: list[Issue]
) -> Iterator[Batch]:
    """The messages of the wanted channels, chunk by chunk. Raises FormatError, or counts damage under "skip"."""
    if bytes(source.data[:8]) != MAGIC:
        raise FormatError(source.path, "no MCAP file", "byte 0", "is it one?")
    schemas: dict[int, tuple[str, str, bytes]] = {}
    channels: dict[int, Channel] = {}
    at, loose, ended = 8, Batch(source.data, {}), False
    while at < len(source.data) and not ended:
        try:
            kind, start, stop = _record(source.data, at)
            if kind == CHUNK:
                inner = _chunk(source.data, start, stop)
                yield _batch(inner, schemas, channels, wanted)
            elif kind in (SCHEMA, CHANNEL, MESSAGE):
                _take(source.data, kind, start, stop, schemas, channels, wanted, loose)
            ended = kind in (DATA_END, FOOTER)
            at = stop
        except (_Damaged, struct.error, UnicodeDecodeError, zlib.error) as error:
            at = _told(source, options, issues, at, str(error))
    if not ended:
        issues.append(Issue("log cut off by its end", 1, f"byte {len(source.data)}", source.name))
    if loose.messages:
        loose.channels = channels
        yield loose


def _told(source: Source, options: ReadOptions, issues: list[Issue], at: int, what: str) -> int:
    """The byte to go on at, behind a damaged record; the end where its length is damaged, too."""
    # A record that reaches beyond the end is how a log ends whose writer was killed: no damage to stop at.
    try:
        _, _, stop = _record(source.data, at)
    except (_Damaged, struct.error):
        if options.on_bad == "raise" and at < len(source.data) // 2:
            remedy = "read with --on-bad skip to keep what is before it"
            raise FormatError(source.path, f"damaged: {what}", f"byte {at}", remedy) from None
        return len(source.data)
    if options.on_bad == "raise":
        remedy = "read with --on-bad skip to leave it out"
        raise FormatError(source.path, f"damaged: {what}", f"byte {at}", remedy)
    issues.append(Issue("damaged chunk", 1, f"byte {at}", source.name, what))
    return stop


def _record(data: memoryview | bytes, at: int) -> tuple[int, int, int]:
    """Opcode, first byte of the content and the byte behind it."""
    if len(data) - at < _HEAD.size:
        raise _Damaged("it ends within a record's head")
    kind, length = _HEAD.unpack_from(data, at)
    start = at + _HEAD.size
    if length > len(data) - start:
        raise _Damaged(f"a record of {length:,} bytes where {len(data) - start:,} are left")
    return kind, start, start + length


def _batch(
    data: bytes, schemas: dict[int, tuple[str, str, bytes]], channels: dict[int, Channel],
    wanted: Callable[[Channel], bool],
) -> Batch:  # fmt: skip
    batch = Batch(data, channels)
    at, end = 0, len(data)
    while at < end:
        kind, start, stop = _record(data, at)
        _take(data, kind, start, stop, schemas, channels, wanted, batch)
        at = stop
    return batch


def _take(
    data: bytes | memoryview, kind: int, start: int, stop: int, schemas: dict[int, tuple[str, str, bytes]],
    channels: dict[int, Channel], wanted: Callable[[Channel], bool], batch: Batch,
) -> None:  # fmt: skip
    if kind == MESSAGE:
        channel, _, log_ns, _ = _MESSAGE.unpack_from(data, start)
        if channel in channels and wanted(channels[channel]) and stop - start >= _MESSAGE.size:
            batch.messages.setdefault(channel, []).append((start + _MESSAGE.size, stop - start - _MESSAGE.size, log_ns))
    elif kind == SCHEMA:
        ident = struct.unpack_from("<H", data, start)[0]
        name, at = _text(data, start + 2, stop)
        encoding, at = _text(data, at, stop)
        size = struct.unpack_from("<I", data, at)[0]
        schemas[ident] = (name, encoding, bytes(data[at + 4 : min(at + 4 + size, stop)]))
    elif kind == CHANNEL:
        ident, schema = struct.unpack_from("<HH", data, start)
        topic, at = _text(data, start + 4, stop)
        encoding, _ = _text(data, at, stop)
        if ident not in channels:
            channels[ident] = Channel(topic, encoding, *schemas.get(schema, ("", "", b"")))


def _text(data: bytes | memoryview, at: int, stop: int) -> tuple[str, int]:
    size = struct.unpack_from("<I", data, at)[0]
    if size > stop - at - 4:
        raise _Damaged("a text longer than its record")
    return bytes(data[at + 4 : at + 4 + size]).decode("utf-8"), at + 4 + size


def _chunk(data: memoryview, start: int, stop: int) -> bytes:
    """The records of a chunk, decompressed and checked."""
    _, _, size, crc = struct.unpack_from("<QQQI", data, start)
    compression, at = _text(data, start + 28, stop)
    packed = struct.unpack_from("<Q", data, at)[0]
    body = data[at + 8 : at + 8 + packed]
    if packed > stop - at - 8:
        raise _Damaged("a chunk longer than its record")
    if size > MOST_CHUNK_BYTES or (size > 64 << 20 and size > MAX_RATIO * max(packed, 1)):
        raise _Damaged(f"a chunk that states {size:,} bytes of {packed:,}")
    if compression in ("", "none"):
        inner = bytes(body)
    elif compression in ("lz4", "zstd"):
        inner = _decompressed(body, compression, size)
    else:
        raise _Damaged(f"compression '{compression}' is not known")
    if crc and zlib.crc32(inner) != crc:
        raise _Damaged("a chunk with a wrong CRC")
    return inner


def _decompressed(body: memoryview, compression: str, size: int) -> bytes:
    import pyarrow as pa

    try:
        inner: bytes = pa.Codec(compression).decompress(pa.py_buffer(body), size, asbytes=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _Damaged(f"a chunk that does not decompress ({str(error)[:60]})") from None
    return inner
