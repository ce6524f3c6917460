"""The container of an MCAP log: schemas, channels, and where the messages are; chunks decompressed one by one.

Layout after the MCAP specification, version 0 (mcap.dev/spec): records of an opcode, a length in 8 bytes and content.
Chunks are checked by their CRC. A log that was cut off is read as far as it goes, and told.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from kinema.core.arrays import I64
from kinema.core.recording import Issue
from kinema.errors import FormatError
from kinema.formats.base import ReadOptions, Source

MAGIC = b"\x89MCAP0\r\n"
SCHEMA, CHANNEL, MESSAGE, CHUNK, DATA_END, FOOTER = 3, 4, 5, 6, 15, 2
MOST_CHUNK_BYTES = 1 << 30
MAX_RATIO = 1000
"""Decompressed over compressed size of a chunk, asked beyond 64 MiB."""
_MESSAGE_HEAD = 22


@dataclass(frozen=True)
class Channel:
    """What the messages of a channel are: topic, encoding of messages, name, encoding and text of their schema."""

    topic: str
    encoding: str
    schema: str = ""
    schema_encoding: str = ""
    schema_data: bytes = b""


@dataclass(frozen=True)
class Batch:
    """Messages of one stretch of the file by channel: where each begins in `data`, its length, its log time (n, 3)."""

    data: bytes | memoryview
    channels: dict[int, Channel]
    messages: dict[int, I64]


@dataclass
class _Known:
    """Schemas and channels that were met so far."""

    wanted: Callable[[Channel], bool]
    schemas: dict[int, tuple[str, str, bytes]] = field(default_factory=dict)
    channels: dict[int, Channel] = field(default_factory=dict)

    def take(self, data: bytes | memoryview, kind: int, start: int, stop: int) -> None:
        """A schema or a channel."""
        if kind == SCHEMA:
            ident = struct.unpack_from("<H", data, start)[0]
            name, at = _text(data, start + 2, stop)
            encoding, at = _text(data, at, stop)
            size = struct.unpack_from("<I", data, at)[0]
            self.schemas[ident] = (name, encoding, bytes(data[at + 4 : min(at + 4 + size, stop)]))
            return
        ident, schema = struct.unpack_from("<HH", data, start)
        topic, at = _text(data, start + 4, stop)
        encoding, _ = _text(data, at, stop)
        if ident not in self.channels:
            self.channels[ident] = Channel(topic, encoding, *self.schemas.get(schema, ("", "", b"")))


class _Damaged(ValueError):
    """Lengths that do not fit together."""


def batches(
    source: Source, options: ReadOptions, wanted: Callable[[Channel], bool], issues: list[Issue]
) -> Iterator[Batch]:
    """The messages of the wanted channels, chunk by chunk. Raises FormatError, or counts damage under "skip"."""
    if bytes(source.data[:8]) != MAGIC:
        raise FormatError(source.path, "no MCAP file", "byte 0", "is it one?")
    known = _Known(wanted)
    records, whole = _records(source.data, len(MAGIC))
    ended = np.flatnonzero((records[:, 0] == DATA_END) | (records[:, 0] == FOOTER))
    whole = whole or bool(len(ended))
    records = records[: ended[0]] if len(ended) else records
    at = int(records[-1, 2]) if len(records) else len(MAGIC)
    for kind, start, stop in records[records[:, 0] != MESSAGE, :3].tolist():
        try:
            if kind == CHUNK:
                yield _batch(_chunk(source.data, start, stop), known)
            elif kind in (SCHEMA, CHANNEL):
                known.take(source.data, kind, start, stop)
        except (_Damaged, struct.error, UnicodeDecodeError, zlib.error) as error:
            where = f"byte {start - 9}"
            if options.on_bad == "raise":
                remedy = "read with --on-bad skip to leave it out"
                raise FormatError(source.path, f"damaged: {error}", where, remedy) from None
            issues.append(Issue("damaged chunk", 1, where, source.name, str(error)))
    if not whole:
        _tell_end(source, options, issues, at)
    yield _messages(source.data, records, known)


def _tell_end(source: Source, options: ReadOptions, issues: list[Issue], at: int) -> None:
    """A record that reaches beyond the end is how a log ends whose writer was killed: told. One in the first half of a
    file is damage."""
    if options.on_bad == "raise" and at < len(source.data) // 2:
        remedy = "read with --on-bad skip to keep what is before it"
        raise FormatError(source.path, "damaged: a record longer than the file", f"byte {at}", remedy)
    issues.append(Issue("log cut off by its end", 1, f"byte {at}", source.name))


def _records(data: bytes | memoryview, at: int) -> tuple[I64, bool]:
    """Kind, start, stop of the content, channel and log time of all whole records (n, 5), and whether all are whole."""
    from kinema.kernels.mcap import count_records, scan_records

    raw = np.frombuffer(data, np.uint8)
    count = count_records(raw, at)
    columns = np.empty((5, count), np.int64)
    found = scan_records(raw, at, *columns)
    return np.ascontiguousarray(columns[:, :found].T), found == count


def _batch(data: bytes, known: _Known) -> Batch:
    records, whole = _records(data, 0)
    if not whole:
        raise _Damaged("a record in it longer than its chunk")
    for kind, start, stop in records[np.isin(records[:, 0], (SCHEMA, CHANNEL)), :3].tolist():
        known.take(data, kind, start, stop)
    return _messages(data, records, known)


def _messages(data: bytes | memoryview, records: I64, known: _Known) -> Batch:
    """The messages of the wanted channels."""
    rows = records[(records[:, 0] == MESSAGE) & (records[:, 3] >= 0)]
    found = {}
    for ident in np.unique(rows[:, 3]).tolist():
        if ident in known.channels and known.wanted(known.channels[ident]):
            mine = rows[rows[:, 3] == ident]
            start = mine[:, 1] + _MESSAGE_HEAD
            found[ident] = np.stack([start, mine[:, 2] - start, mine[:, 4]], axis=1)
    return Batch(data, known.channels, found)


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
