"""From a path to the bytes of a Source: mapped, decompressed by what the bytes say, never more than allowed.

gzip, xz, bzip2, compress (.Z), zip with one file, and Hatanaka's Compact RINEX inside or outside of them.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import mmap
import os
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from kinema.core.recording import Issue
from kinema.errors import FormatError
from kinema.formats.base import Source

HEAD_BYTES = 8192
IN_MEMORY_BYTES = 32 << 20
MAX_RATIO = 400
"""Decompressed over compressed size; logs reach 20, Compact RINEX in gzip 60. Asked beyond IN_MEMORY_BYTES only."""
DEFAULT_MAX_BYTES = 64 << 30

_BOM = b"\xef\xbb\xbf"

_DAMAGE = (EOFError, OSError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)

Check = Callable[[bytes], None]
"""Gets the first bytes of decompressed content and raises where nothing can read it, before more is decompressed."""


def open_source(path: str | Path, check: Check | None = None, issues: list[Issue] | None = None) -> Source:
    """Open a file for reading.

    Plain files are memory-mapped; decompressed ones go to memory, or to an unnamed temporary file from 32 MiB on.
    With `issues`, compressed data that end early are kept as far as they go and noted there; without, they raise.
    KINEMA_MAX_BYTES limits the decompressed size (64 GiB). Raises FormatError, FileNotFoundError, PermissionError.
    """
    path = Path(path)
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(HEAD_BYTES)
        if not head:
            raise FormatError(path, "the file is empty")
        chunks = _decompressor(path, head)
        if chunks is None:
            data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        else:
            data = _Spool(path, size, check, issues).fill(chunks)
    if _is_compact_rinex(bytes(data[:HEAD_BYTES])):
        from kinema.formats.hatanaka_ import restored

        data = _Spool(path, len(data), check, issues).fill(restored(path, data))
        return Source(path, data)
    if data[: len(_BOM)] == _BOM:
        data = data[len(_BOM) :]
        if not data:
            raise FormatError(path, "the file is empty")
    if check:
        check(bytes(data[:HEAD_BYTES]))
    return Source(path, data)


def head_of(path: str | Path) -> bytes:
    """The first decompressed bytes (up to 8 KiB) without reading more; of Compact RINEX the RINEX header in it."""
    path = Path(path)
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not head:
        raise FormatError(path, "the file is empty")
    chunks = _decompressor(path, head)
    if chunks is not None:
        try:
            head = next(chunks, b"")[:HEAD_BYTES]
        except _DAMAGE as error:
            raise FormatError(path, f"compressed data are damaged ({error})", remedy="download it again") from None
        if not head:
            raise FormatError(path, "nothing is in it once decompressed")
    return _plain_head(head)


def _is_compact_rinex(head: bytes) -> bool:
    return b"CRINEX VERS   / TYPE" in head[:81]


def _plain_head(head: bytes) -> bytes:
    """Compact RINEX has two lines of its own before the header of the RINEX file, Windows a mark before the text."""
    head = head.removeprefix(_BOM)
    return head.split(b"\n", 2)[-1] if _is_compact_rinex(head) else head


def _decompressor(path: Path, head: bytes) -> Iterator[bytes] | None:
    """Chunks of decompressed bytes, or None where the file is plain."""
    if head.startswith(b"\x1f\x8b"):
        return _chunks(gzip.open(path))
    if head.startswith(b"\xfd7zXZ\x00"):
        return _chunks(lzma.open(path))
    if head.startswith(b"BZh") and head[4:10] == b"1AY&SY":
        return _chunks(bz2.open(path))
    if head.startswith(b"\x1f\x9d"):
        return _lzw_chunks(path)
    if head.startswith(b"PK\x03\x04"):
        return _zip_chunks(path)
    return None


def _chunks(file: Any) -> Iterator[bytes]:
    with file:
        while chunk := file.read(1 << 18):
            yield chunk


def _zip_chunks(path: Path) -> Iterator[bytes] | None:
    """The only file of an archive; None where it holds several, which is then a format of its own."""
    try:
        archive = zipfile.ZipFile(path)
        names = [name for name in archive.namelist() if not name.endswith("/")]
        return _chunks(archive.open(names[0])) if len(names) == 1 else None
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        raise FormatError(path, f"damaged zip archive ({error})", remedy="download it again") from None


def _lzw_chunks(path: Path) -> Iterator[bytes]:
    """compress(1) data: the decoder pushes, so it runs beside the reader of this generator, a few chunks ahead."""
    import queue
    import threading

    import ncompress  # type: ignore[import-untyped]

    pipe: queue.Queue[bytes | Exception | None] = queue.Queue(maxsize=8)
    closed = threading.Event()

    class Sink:
        """The stream that the decoder writes to."""

        def write(self, chunk: bytes) -> int:
            while not closed.is_set():
                try:
                    pipe.put(bytes(chunk), timeout=0.1)
                except queue.Full:
                    continue
                return len(chunk)
            raise ValueError("nobody reads any more")

    def decode() -> None:
        try:
            with path.open("rb") as file:
                ncompress.decompress(file, Sink())
            last: Exception | None = None
        except Exception as error:
            last = error
        if not closed.is_set():
            pipe.put(last)

    threading.Thread(target=decode, daemon=True).start()
    try:
        while isinstance(chunk := pipe.get(), bytes):
            yield chunk
        if chunk is not None:
            raise EOFError(str(chunk))
    finally:
        closed.set()


class _Spool:
    """Takes chunks to memory and then to an unnamed file, within the limits."""

    def __init__(self, path: Path, packed: int, check: Check | None, issues: list[Issue] | None) -> None:
        self.path, self.packed, self.check, self.issues = path, packed, check, issues
        self.size = 0
        self.limit = int(os.environ.get("KINEMA_MAX_BYTES", DEFAULT_MAX_BYTES))

    def fill(self, chunks: Iterator[bytes]) -> memoryview:
        """All the bytes. Raises FormatError where they are damaged, empty, or beyond the limits."""
        with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES) as file:
            try:
                for chunk in chunks:
                    self._admit(chunk)
                    file.write(chunk)
            except _DAMAGE as error:
                self._damaged(error)
            if not self.size:
                raise FormatError(self.path, "nothing is in it once decompressed")
            file.flush()
            if self.size <= IN_MEMORY_BYTES:
                file.seek(0)
                return memoryview(file.read())
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))

    def _admit(self, chunk: bytes) -> None:
        if not self.size and self.check:
            self.check(_plain_head(chunk[:HEAD_BYTES]))
        self.size += len(chunk)
        if self.size > self.limit:
            what = f"decompresses to more than {self.limit:,} bytes"
            raise FormatError(self.path, what, remedy="set KINEMA_MAX_BYTES higher if that is meant")
        if self.size > IN_MEMORY_BYTES and self.size > MAX_RATIO * self.packed:
            what = f"decompresses to more than {MAX_RATIO} times its size: no log does that"
            raise FormatError(self.path, what, remedy="decompress it by hand if that is meant")

    def _damaged(self, error: Exception) -> None:
        what = f"compressed data are cut or damaged after {self.size:,} bytes ({error})"
        if self.issues is None or not self.size:
            raise FormatError(self.path, what, remedy="download it again, or keep what is readable with --on-bad skip")
        self.issues.append(Issue("compressed data cut", 1, f"byte {self.size}", self.path.name, str(error)))
