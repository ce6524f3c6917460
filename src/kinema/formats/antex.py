"""ANTEX 1.4 (Rothacher, Schmid: The Antenna Exchange Format): phase centres of satellites and receivers."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

import numpy as np

from kinema.core.antennas import ALWAYS_NS, AntennaModel, Antennas
from kinema.core.arrays import F64
from kinema.core.recording import Issue, Recording
from kinema.core.satellites import SYSTEMS, sat_id
from kinema.core.time import NS, gps_ns_from_calendar
from kinema.errors import FormatError
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.rinex_header import HeaderLine, header_line

MAX_BYTES = 1 << 28
MOST_ANGLES = 721
MM_LIMIT = 1e5
"""Offsets and patterns beyond 100 m are damage."""
FIRST_LABEL = "ANTEX VERSION / SYST"
_SATELLITE = re.compile(f"[{SYSTEMS}][0-9]{{2}}")
_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)")


class _Garbled(Exception):
    """What is wrong with an antenna, and the line."""

    def __init__(self, what: str, number: int) -> None:
        super().__init__(what)
        self.what, self.number = what, number


@dataclass
class _Block:
    """An antenna being read."""

    number: int
    name: str = ""
    serial: str = ""
    step_deg: float = math.nan
    zenith: tuple[float, float, float] | None = None
    valid_ns: tuple[int, int] = ALWAYS_NS
    code: str = ""
    offset: dict[str, F64] = field(default_factory=dict)
    mean: dict[str, F64] = field(default_factory=dict)
    rows: dict[str, list[F64]] = field(default_factory=dict)


def read(source: Source, options: ReadOptions) -> Recording:
    """The whole file as stream "antennas"; a garbled antenna is left out where asked. Raises FormatError."""
    if len(source.data) > MAX_BYTES:
        raise FormatError(source.path, f"an ANTEX file of more than {MAX_BYTES >> 20} MiB")
    raw = bytes(source.data).split(b"\n")
    at = _header(source, raw)
    satellites: dict[int, list[AntennaModel]] = {}
    receivers: list[AntennaModel] = []
    bad: list[_Garbled] = []
    while at < len(raw):
        at, found = _next(raw, at)
        if isinstance(found, _Garbled):
            if options.on_bad == "raise":
                remedy = "leave such out with --on-bad skip"
                raise FormatError(source.path, found.what, f"line {found.number}", remedy)
            bad.append(found)
        elif found is not None and _is_satellite(found):
            satellites.setdefault(sat_id(found.serial), []).append(found)
        elif found is not None:
            receivers.append(found)
    if not satellites and not receivers:
        raise FormatError(source.path, "no antenna in it", remedy="the file is cut; download it again")
    issues = [Issue("garbled antenna", len(bad), f"line {one.number}", source.path.name, one.what) for one in bad[:1]]
    antennas = Antennas({sat: tuple(models) for sat, models in satellites.items()}, tuple(receivers))
    return Recording({"antennas": antennas}, issues=tuple(issues), sources=(str(source.path),), name=source.path.stem)


def _header(source: Source, raw: list[bytes]) -> int:
    """Index of the line behind the header. Raises FormatError."""
    if header_line(raw[0][:200], 1).label != FIRST_LABEL:
        raise FormatError(source.path, f"no {FIRST_LABEL}", "line 1", "is this an ANTEX file?")
    for k, text in enumerate(raw[:100_000]):
        line = header_line(text[:200], k + 1)
        if line.label == "PCV TYPE / REFANT" and line.body[:1].upper() == "R":
            what = "phase centres relative to another antenna"
            raise FormatError(source.path, what, f"line {k + 1}", "give a file of absolute ones, such as igs20.atx")
        if line.label == "END OF HEADER":
            return k + 1
    raise FormatError(source.path, "the header has no END OF HEADER", remedy="the file is cut; download it again")


def _next(raw: list[bytes], at: int) -> tuple[int, AntennaModel | _Garbled | None]:
    """The next antenna, or what is wrong with it, and the line to go on from."""
    while at < len(raw) and not raw[at].strip():
        at += 1
    if at == len(raw):
        return at, None
    if header_line(raw[at][:200], 0).label == "COMMENT":
        return at + 1, None
    end = at
    while end < len(raw) and raw[end][60:80].strip() != b"END OF ANTENNA":
        end += 1
    try:
        return end + 1, _antenna(raw, at, end)
    except _Garbled as garbled:
        return end + 1, garbled


def _antenna(raw: list[bytes], at: int, end: int) -> AntennaModel:
    """Lines [at, end) from START OF ANTENNA on. Raises _Garbled."""
    if header_line(raw[at][:200], 0).label != "START OF ANTENNA":
        raise _Garbled("no START OF ANTENNA", at + 1)
    if end == len(raw):
        raise _Garbled("an antenna without END OF ANTENNA", at + 1)
    block = _Block(at + 1)
    rms = False
    for k in range(at + 1, end):
        line = header_line(raw[k][:200], k + 1)
        if line.label in ("START OF FREQ RMS", "END OF FREQ RMS"):
            rms = line.label.startswith("START")
        elif rms or not raw[k].strip():
            continue
        elif block.code and line.label not in ("NORTH / EAST / UP", "END OF FREQUENCY", "COMMENT"):
            _pattern(block, raw[k], k + 1)
        else:
            _labelled(block, line)
    return _model(block)


def _labelled(block: _Block, line: HeaderLine) -> None:
    body, label = line.body, line.label
    if label == "TYPE / SERIAL NO":
        block.name, block.serial = body[:20].rstrip(), body[20:40].strip()
    elif label == "DAZI":
        block.step_deg = _numbers(body[2:8], 6, 1, line.number)[0]
    elif label == "ZEN1 / ZEN2 / DZEN":
        first, last, step = _numbers(body[2:20], 6, 3, line.number)
        block.zenith = (first, last, step)
    elif label in ("VALID FROM", "VALID UNTIL"):
        when = _time(body, line.number)
        start, stop = block.valid_ns
        block.valid_ns = (when, stop) if label == "VALID FROM" else (start, when)
    elif label == "START OF FREQUENCY":
        code = body[3:6].replace(" ", "0")
        if not _SATELLITE.fullmatch(code) or code in block.offset:
            raise _Garbled(f"frequency '{code}' unknown or twice", line.number)
        block.code = code
    elif label == "NORTH / EAST / UP" and block.code:
        block.offset[block.code] = np.array(_numbers(body, 10, 3, line.number)) * 1e-3
    elif label == "END OF FREQUENCY" and block.code:
        block.code = ""
    elif label not in ("METH / BY / # / DATE", "# OF FREQUENCIES", "SINEX CODE", "COMMENT"):
        raise _Garbled("garbled line", line.number)


def _pattern(block: _Block, raw: bytes, number: int) -> None:
    """A row of values: NOAZI, or of one azimuth."""
    text = raw.decode("ascii", "replace").rstrip()
    count = len(_zeniths(block))
    if len(text) > 8 * (count + 1):
        raise _Garbled(f"more than {count} values of a pattern", number)
    values = np.array(_numbers(text[8:], 8, count, number)) * 1e-3
    if text[:8].strip() == "NOAZI":
        if block.code in block.mean:
            raise _Garbled("NOAZI twice", number)
        block.mean[block.code] = values
        return
    rows = block.rows.setdefault(block.code, [])
    if not block.step_deg > 0 or abs(_numbers(text[:8], 8, 1, number)[0] - len(rows) * block.step_deg) > 0.05:
        raise _Garbled("a pattern's azimuth out of order", number)
    rows.append(values)


def _numbers(text: str, width: int, count: int, number: int) -> list[float]:
    """`count` numbers of `width` columns. Raises _Garbled."""
    cells = [text[k * width : (k + 1) * width].strip() for k in range(count)]
    if not all(_NUMBER.fullmatch(cell) and abs(float(cell)) < MM_LIMIT for cell in cells):
        raise _Garbled("a number is missing or garbled", number)
    return [float(cell) for cell in cells]


def _time(body: str, number: int) -> int:
    """GPS time of a validity. Raises _Garbled."""
    year, month, day, hour, minute = _numbers(body, 6, 5, number)
    (second,) = _numbers(body[30:43], 13, 1, number)
    try:
        if not (1970 <= year < 2200 and 0 <= hour < 25 and 0 <= minute < 60 and 0 <= second < 61):
            raise ValueError
        of_day = (int(hour) * 60 + int(minute)) * 60 * NS + round(second * 1e9)
        return gps_ns_from_calendar(int(year), int(month), int(day), of_day)
    except ValueError:
        raise _Garbled("a time that cannot be", number) from None


def _zeniths(block: _Block) -> F64:
    """Angles of the columns. Raises _Garbled."""
    if block.zenith is None:
        raise _Garbled("no ZEN1 / ZEN2 / DZEN", block.number)
    first, last, step = block.zenith
    if not (0 <= first < last <= 180 and 0 < step <= last - first and (last - first) / step < MOST_ANGLES):
        raise _Garbled(f"zenith angles {first:g} to {last:g} by {step:g}", block.number)
    return np.asarray(first + step * np.arange(math.floor((last - first) / step + 1.001)), np.float64)


def _model(block: _Block) -> AntennaModel:
    """The noun of a block that was read to its end. Raises _Garbled."""
    zenith = _zeniths(block)
    if not block.name or not block.offset or block.offset.keys() != block.mean.keys():
        raise _Garbled("an antenna without type, offset or pattern", block.number)
    lengths = {len(block.rows.get(code, ())) for code in block.offset}
    azimuths = round(360 / block.step_deg) + 1 if block.step_deg > 0.49 else 0
    if not lengths <= {azimuths, 0}:
        raise _Garbled(f"an antenna without its {azimuths} azimuths", block.number)
    if lengths == {0}:
        azimuths = 0
    azimuth = np.array([block.step_deg * k for k in range(azimuths)] or [0.0], np.float64)
    pattern = {
        code: np.array(block.rows[code]) if code in block.rows else np.tile(mean, (len(azimuth), 1))
        for code, mean in block.mean.items()
    }
    return AntennaModel(block.name, block.offset, pattern, zenith, azimuth, block.valid_ns, block.serial)


def _is_satellite(model: AntennaModel) -> bool:
    """Satellites have a PRN for a serial number and no radome."""
    return bool(_SATELLITE.fullmatch(model.serial)) and not model.name[16:].strip() and model.serial[1:] != "00"


def sniff(head: bytes, name: str) -> float:
    """The label of its first line."""
    return 0.95 if head.split(b"\n", 1)[0][60:80].upper().strip() == FIRST_LABEL.encode() else 0.0


FORMAT = Format(name="antex", title="ANTEX antenna phase centres", extensions=(".atx",), sniff=sniff, read=read)
