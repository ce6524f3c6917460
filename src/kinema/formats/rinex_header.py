"""The header of RINEX files: 60 columns of content (65 in clock files from 3.04 on) and a label, up to its END."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kinema.errors import FormatError

MAX_HEADER_BYTES = 4 << 20
END = "END OF HEADER"


@dataclass(frozen=True)
class HeaderLine:
    """One line: the 60 columns of `body`, padded, and its label; `number` counts from 1."""

    number: int
    label: str
    body: str


@dataclass(frozen=True)
class Header:
    """All lines of a header, its version and type, and where the data begin."""

    path: Path
    version: float
    kind: str
    """Column 21: O, N, G (GLONASS navigation of version 2), H, C, M."""
    system: str
    """Column 41: system letter, M mixed; GPS where version 2 leaves it blank."""
    lines: tuple[HeaderLine, ...]
    data_at: int
    """Byte at which the data begin."""

    def having(self, label: str) -> Iterator[HeaderLine]:
        """The lines of a label."""
        return (line for line in self.lines if line.label == label)

    def first(self, label: str) -> str:
        """Content of the first line of a label; empty where there is none."""
        return next((line.body for line in self.having(label)), "")


FIRST_LABEL = "RINEX VERSION / TYPE"


def header_line(raw: bytes, number: int, width: int = 60) -> HeaderLine:
    """One line of header bytes."""
    text = raw.decode("ascii", "replace").rstrip("\r\n").ljust(width + 20)
    return HeaderLine(number, text[width : width + 20].strip().upper(), text[:width])


def parse_header(path: Path, data: memoryview) -> Header:
    """Parse the header at the beginning of `data`. Raises FormatError: not RINEX, header without end."""
    head = bytes(data[:MAX_HEADER_BYTES])
    width = 65 if FIRST_LABEL.encode() in head[65:85] else 60
    lines: list[HeaderLine] = []
    at = 0
    while at < len(head):
        end = head.find(b"\n", at)
        end = len(head) if end < 0 else end
        line = header_line(head[at : min(end, at + 200)], len(lines) + 1, width)
        at = end + 1
        lines.append(line)
        if line.label.startswith(END):
            version, kind, system = _version(path, lines[0])
            return Header(path, version, kind, system, tuple(lines), min(at, len(data)))
        if line.number == 1:
            _version(path, line)
    raise FormatError(
        path, "the header has no END OF HEADER", f"line {len(lines)}", "the file is cut or no RINEX; download it again"
    )


def _version(path: Path, line: HeaderLine) -> tuple[float, str, str]:
    if line.label != FIRST_LABEL:
        raise FormatError(path, "no RINEX VERSION / TYPE", "line 1", "is this a RINEX file?")
    try:
        version = float(line.body[:9])
    except ValueError:
        raise FormatError(path, f"version '{line.body[:9].strip()}' is no number", "line 1") from None
    wide = len(line.body) == 65
    system = line.body[42 if wide else 40].upper()
    return version, line.body[21 if wide else 20].upper(), "G" if system == " " and version < 3 else system


def sniff_header(head: bytes, kinds: str) -> float:
    """How sure it is that these first bytes are RINEX of one of the `kinds` (column 21, or 22 in wide headers)."""
    line = head.split(b"\n", 1)[0].upper()
    if not line[60:85].strip().startswith(FIRST_LABEL.encode()):
        return 0.0
    kind = line[21:22] if line[60:65].isspace() else line[20:21]
    return 0.95 if kind and kind.decode("ascii", "replace") in kinds else 0.0


def leap_seconds(header: Header) -> int | None:
    """LEAP SECONDS, GPS − UTC, or None."""
    text = header.first("LEAP SECONDS")[:6].strip()
    return int(text) if re.fullmatch(r"-?[0-9]{1,9}", text) else None


def numbers(body: str, width: int, count: int, at: int = 0) -> list[float] | None:
    """`count` numbers of `width` columns (D exponents too), blanks as 0; None where one is garbled."""
    try:
        return [
            float(body[at + k * width : at + (k + 1) * width].strip().replace("D", "E").replace("d", "e") or 0)
            for k in range(count)
        ]
    except ValueError:
        return None


def line_number(data: memoryview, at: int, known: tuple[int, int] = (0, 1)) -> int:
    """Number of the line in which byte `at` stands, counted from 1, or from a `known` (byte, line) before it."""
    start0, count = known
    step = 1 << 22
    for start in range(start0, at, step):
        count += bytes(data[start : min(start + step, at)]).count(b"\n")
    return count
