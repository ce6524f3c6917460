"""What GPX and KML share: their elements found by one scan, hostile ones refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from kinema.core.arrays import F64, I16, I64, U8
from kinema.core.time import gps_ns_from_unix_ns
from kinema.errors import FormatError
from kinema.formats.base import Source
from kinema.formats.tables import bytes_of, line_at

END = 1000
"""Added to the index of a name where its element ends."""
BAD_TIME = -(2**62)


@dataclass(frozen=True)
class Events:
    """Elements and attributes in file order: kind (n,) index into `names` (or that + END), their text start:stop."""

    data: U8
    names: tuple[str, ...]
    kind: I16
    start: I64
    stop: I64

    def rows(self, name: str, end: bool = False) -> I64:
        """Where the events of a name stand."""
        return np.flatnonzero(self.kind == self.names.index(name) + (END if end else 0))

    def numbers(self, rows: I64, columns: int) -> F64:
        """The first numbers (n, columns) of their texts; NaN where there are none."""
        from kinema.kernels.xml_leaves import numbers_at

        out = np.empty((len(rows), columns))
        numbers_at(self.data, self.start[rows], self.stop[rows], out)
        return out

    def times_ns(self, rows: I64) -> I64:
        """GPS times (n,) of their ISO 8601 texts (UTC unless they say otherwise); BAD_TIME where there is none."""
        from kinema.kernels.xml_leaves import iso_times_at

        out = np.empty(len(rows), np.int64)
        iso_times_at(self.data, self.start[rows], self.stop[rows], out)
        return np.where(out == BAD_TIME, BAD_TIME, gps_ns_from_unix_ns(np.maximum(out, 315_964_800 * 10**9)))

    def words(self, rows: I64, longest: int = 16) -> Any:
        """Their texts as an array of bytes, cut at `longest`."""
        at = self.start[rows, None] + np.arange(longest)
        letters = self.data[np.minimum(at, len(self.data) - 1)]
        return np.where(at < self.stop[rows, None], letters, np.uint8(0)).view(f"S{longest}")[:, 0]


def scan(source: Source, names: tuple[str, ...]) -> Events:
    """All elements and attributes of these (local) names.

    Raises FormatError for UTF-16, for a file that declares a document type or entities (they can be bombs, and no
    track needs them), and for one that ends inside a tag.
    """
    from kinema.kernels.xml_leaves import REFUSED, UNCLOSED, scan_leaves

    data = bytes_of(source)
    if bytes(data[:2]) in (b"\xff\xfe", b"\xfe\xff"):
        raise FormatError(source.path, "it is UTF-16 text", "byte 0", "save it as UTF-8")
    most = int(np.count_nonzero(data == 60)) + int(np.count_nonzero(data == 61)) + 2 * int(np.count_nonzero(data == 47))
    table = np.zeros((len(names), 24), np.uint8)
    for row, name in zip(table, names, strict=True):
        row[: len(name)] = list(name.encode())
    lengths = np.array([len(name) for name in names], np.int64)
    kind, start, stop = np.empty(most, np.int16), np.empty(most, np.int64), np.empty(most, np.int64)
    n = scan_leaves(data, table, lengths, kind, start, stop)
    if n == REFUSED:
        at = bytes(data[: 1 << 20]).find(b"<!")
        what = "it declares a document type or entities"
        raise FormatError(source.path, what, line_at(source, max(at, 0)), "tracks need none: remove them")
    if n == UNCLOSED:
        raise FormatError(source.path, "it ends inside a tag", line_at(source, len(data)), "was the file cut off?")
    return Events(data, names, kind[:n], start[:n], stop[:n])
