"""RINEX navigation files, versions 2.0 to 4.02: broadcast orbits and clocks of GPS, GLONASS, Galileo, BeiDou, QZSS.

Layouts: RINEX 2.11 and 3.05, appendix A, and RINEX 4.02, section 8. SBAS and NavIC messages and Earth orientation are
skipped and counted. Times of BeiDou (BDT) and GLONASS (UTC) become GPS time. The week comes from the clock's epoch,
as the week field is written modulo, in BDT or not at all. The same message kept by several receivers is taken once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kinema.core.recording import Issue, Recording
from kinema.core.satellites import SYSTEMS
from kinema.errors import FormatError
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.rinex_header import Header, leap_seconds, numbers, parse_header, sniff_header
from kinema.formats.rinex_nav_messages import BROADCAST_LINES, convert, merged, message_of

MAX_NAV_BYTES = 512 << 20
_SKIPPED_SYSTEMS = {"S": "skipped SBAS message", "I": "skipped NavIC message"}


@dataclass
class Block:
    """One record: its kind ("EPH", "ION", "STO", "EOP"), satellite, message, and lines (the first holds the epoch)."""

    number: int
    kind: str
    sat: str
    message: str
    lines: list[bytes]


@dataclass
class _Told:
    """Issues by kind; garbled ones raise when strict."""

    source: Source
    strict: bool
    issues: dict[str, list[Any]] = field(default_factory=dict)

    def tell(self, kind: str, where: str, *, bad: bool = False, detail: str = "") -> None:
        if bad and self.strict:
            what = f"{kind} ({detail})" if detail else kind
            raise FormatError(self.source.path, what, where, "leave such out with --on-bad skip")
        self.issues.setdefault(kind, [0, where, detail])[0] += 1

    def all(self) -> tuple[Issue, ...]:
        return tuple(Issue(kind, n, where, self.source.path.name, d) for kind, (n, where, d) in self.issues.items())


def read(source: Source, options: ReadOptions) -> Recording:
    """The whole file as stream "ephemerides". Raises FormatError; so does a file without any message."""
    header = parse_header(source.path, source.data)
    if header.kind not in "NGHJ" and not (header.kind == "L" and header.version < 3):
        raise FormatError(source.path, f"a RINEX file of type '{header.kind}', not navigation", "line 1")
    if len(source.data) > MAX_NAV_BYTES:
        raise FormatError(source.path, f"a navigation file of more than {MAX_NAV_BYTES >> 20} MiB", remedy="is it one?")
    told = _Told(source, options.on_bad == "raise")
    blocks = _blocks2(header, source, told) if header.version < 3 else _blocks3(header, source, told)
    groups: dict[tuple[str, str, int], list[Block]] = {}
    ionosphere, times = _header_ionosphere(header), _header_times(header)
    for block in blocks:
        if block.kind == "ION":
            _ion_record(block, ionosphere, told)
        elif block.kind == "STO":
            _sto_record(block, times, told)
        elif block.kind == "EOP":
            told.tell("skipped Earth orientation", f"line {block.number}")
        elif block.sat[0] in _SKIPPED_SYSTEMS:
            told.tell(_SKIPPED_SYSTEMS[block.sat[0]], f"line {block.number}")
        else:
            groups.setdefault((block.sat[0], block.message, len(block.lines)), []).append(block)
    parts = [
        convert(header.version, system, message, *_fields(group, told))
        for (system, message, _), group in groups.items()
    ]
    if not any(len(part.sat) for part in parts) and not ionosphere:
        raise FormatError(source.path, "no navigation message in it", remedy="give another navigation file")
    eph, double = merged(parts, ionosphere, times, leap_seconds(header))
    if double:
        told.tell("message repeated", "")
        told.issues["message repeated"][0] = double
    return Recording({"ephemerides": eph}, issues=told.all(), sources=(str(source.path),), name=source.path.stem)


def _lines(header: Header, source: Source) -> list[bytes]:
    return bytes(source.data[header.data_at :]).replace(b"\r\n", b"\n").split(b"\n")


def _blocks3(header: Header, source: Source, told: _Told) -> Iterator[Block]:
    """Records of versions 3 and 4: a line that does not begin with a blank begins one."""
    lines = _lines(header, source)
    number0 = len(header.lines) + 1
    at = 0
    while at < len(lines):
        line, number = lines[at], number0 + at
        at += 1
        if not line.strip():
            continue
        kind, sat, message = "EPH", line[:3].decode("ascii", "replace"), ""
        if line[:1] == b">":
            words = line[1:].decode("ascii", "replace").split()
            kind, sat, message = (words + [""] * 3)[:3]
            if at >= len(lines) or kind not in ("EPH", "STO", "ION", "EOP"):
                told.tell(
                    "garbled record", f"line {number}", bad=True, detail=f"'{line[:20].decode('ascii', 'replace')}'"
                )
                continue
            line, at = lines[at], at + 1
        if not (sat[0] in SYSTEMS and sat[1:].strip().isdigit()) and not (kind != "EPH" and sat[:1] in SYSTEMS):
            told.tell("garbled line", f"line {number}", bad=True)
            continue
        start = at
        while at < len(lines) and lines[at][:1] == b" " and at - start < 12:
            at += 1
        block = [line, *lines[start:at]]
        message = message or message_of(sat)
        wanted = BROADCAST_LINES.get((sat[0], message)) if kind == "EPH" else None
        if wanted and not wanted[0] <= len(block) - 1 <= wanted[1]:
            told.tell("message cut short", f"line {number}", bad=True, detail=f"{sat} {message}")
            continue
        if kind == "EPH" and wanted is None and sat[0] not in _SKIPPED_SYSTEMS:
            told.tell(f"skipped {SYSTEMS[SYSTEMS.index(sat[0])]} {message} message", f"line {number}")
            continue
        yield Block(number, kind, sat, message, block)


def _blocks2(header: Header, source: Source, told: _Told) -> Iterator[Block]:
    """Records of version 2, of one system; each line gets a blank in front, which makes it version 3's layout."""
    system = "R" if header.kind == "G" else {"H": "S", "L": "E", "J": "J"}.get(header.kind, header.system)
    system = system if system in SYSTEMS else "G"
    message = message_of(system + "01")
    n_lines = BROADCAST_LINES.get((system, message), (3, 3))[0]
    lines = _lines(header, source)
    number0 = len(header.lines) + 1
    at = 0
    while at < len(lines):
        line, number = lines[at], number0 + at
        at += 1
        if not line.strip():
            continue
        start = at
        while at < len(lines) and lines[at][:3] == b"   " and at - start < n_lines:
            at += 1
        prn = line[:2].decode("ascii", "replace").strip()
        if not prn.isdigit() or int(prn) == 0:
            told.tell("garbled line", f"line {number}", bad=True)
            continue
        if at - start < n_lines:
            told.tell("message cut short", f"line {number}", bad=True, detail=f"{system}{prn}")
            continue
        yield Block(
            number, "EPH", f"{system}{int(prn):02d}", message, [b" " + text for text in [line, *lines[start:at]]]
        )


def _fields(group: list[Block], told: _Told) -> tuple[list[str], Any, Any]:
    """Satellites, epochs (n, 6) and values (n, 3 + 4 × lines) of records of one kind; NaN where blank."""
    n_lines = len(group[0].lines)
    text = b"".join(line[:80].ljust(80) for block in group for line in block.lines)
    table = np.frombuffer(text, np.uint8).reshape(len(group), n_lines, 80)
    first = table[:, 0, 23:80].reshape(len(group), 3, 19)
    rest = table[:, 1:, 4:80].reshape(len(group), (n_lines - 1) * 4, 19)
    cells = np.concatenate([first, rest], axis=1)
    cells = np.where((cells == ord("D")) | (cells == ord("d")), np.uint8(ord("E")), cells)
    cells[(cells == ord(" ")).all(axis=2)] = np.frombuffer(b"nan".ljust(19), np.uint8)
    strings = np.ascontiguousarray(cells).view("S19")[..., 0]
    keep, values = [], []
    epochs = []
    whole = _as_floats(strings)
    for k, block in enumerate(group):
        row = whole[k] if whole is not None else _as_floats(strings[k])
        epoch = _epoch(block.lines[0][4:23].decode("ascii", "replace"))
        if row is None or epoch is None or np.isinf(row).any():
            told.tell("garbled message", f"line {block.number}", bad=True, detail=f"{block.sat} {block.message}")
            continue
        keep.append(block.sat)
        values.append(row)
        epochs.append(epoch)
    return keep, np.array(epochs, float).reshape(-1, 6), np.array(values, float).reshape(-1, strings.shape[1])


def _as_floats(strings: Any) -> Any:
    try:
        return strings.astype(np.float64)
    except ValueError:
        return None


def _epoch(text: str) -> tuple[float, ...] | None:
    """Year (four digits), month, day, hour, minute, second; None where it is none."""
    words = text.split()
    try:
        year, month, day, hour, minute = (int(word) for word in words[:5])
        second = float(words[5])
    except (ValueError, IndexError):
        return None
    if year < 100:
        year += 1900 if year >= 80 else 2000
    good = 1980 <= year < 2200 and 1 <= month <= 12 and 1 <= day <= 31
    good = good and 0 <= hour < 25 and 0 <= minute < 61 and 0 <= second < 61
    return (year, month, day, hour, minute, second) if good else None


def _header_ionosphere(header: Header) -> dict[str, tuple[float, ...]]:
    found: dict[str, tuple[float, ...]] = {}
    for label, key in (("ION ALPHA", "GPSA"), ("ION BETA", "GPSB")):
        values = numbers(header.first(label), 12, 4, 2)
        if values and any(values):
            found[key] = tuple(values)
    for line in header.having("IONOSPHERIC CORR"):
        key = line.body[:4].strip()
        values = numbers(line.body, 12, 3 if key == "GAL" else 4, 5)
        if values and key:
            found.setdefault(key, tuple(values))
    return found


def _header_times(header: Header) -> dict[str, tuple[float, ...]]:
    found: dict[str, tuple[float, ...]] = {}
    for line in header.having("TIME SYSTEM CORR"):
        head, tail = numbers(line.body[5:22], 17, 1), numbers(line.body[22:38], 16, 1)
        when = numbers(line.body[38:50], 7, 1), numbers(line.body[45:50], 5, 1)
        if head and tail and when[0] and when[1]:
            found.setdefault(line.body[:4].strip(), (head[0], tail[0], when[0][0], when[1][0]))
    body = header.first("DELTA-UTC: A0,A1,T,W")
    a = numbers(body[3:41], 19, 2)
    when2 = numbers(body[41:59], 9, 2)
    if body and a and when2:
        found.setdefault("GPUT", (*a, *when2))
    return found


def _ion_record(block: Block, ionosphere: dict[str, tuple[float, ...]], told: _Told) -> None:
    _, epochs, values = _fields([block], told)
    if not len(epochs):
        return
    row = [0.0 if np.isnan(v) else float(v) for v in values[0]]
    system = {"G": "GPS", "C": "BDS", "J": "QZS"}.get(block.sat[:1])
    if block.sat[:1] == "E":
        ionosphere["GAL"] = tuple(row[:3])
    elif block.message == "CNVX" and system == "BDS":
        ionosphere["BDGIM"] = tuple((row + [0.0] * 9)[:9])
    elif system and len(row) >= 8:
        ionosphere[system + "A"], ionosphere[system + "B"] = tuple(row[:4]), tuple(row[4:8])


def _sto_record(block: Block, times: dict[str, tuple[float, ...]], told: _Told) -> None:
    """System time offset: code in columns 25 to 28 of the first line, then message time, a0, a1, a2."""
    first = block.lines[0].decode("ascii", "replace")
    values = numbers(block.lines[1].decode("ascii", "replace").ljust(80), 19, 4, 4) if len(block.lines) > 1 else None
    if values is None:
        told.tell("garbled record", f"line {block.number}", bad=True, detail="STO")
        return
    times[first[24:42].split()[0] if first[24:42].strip() else block.sat] = (values[1], values[2], values[0], 0.0)


FORMAT = Format(
    name="rinex-nav",
    title="RINEX navigation 2, 3, 4",
    extensions=(".nav", ".rnx", ".n", ".g", ".p", ".q"),
    sniff=lambda head, name: sniff_header(head, "NGH"),
    read=read,
)
