"""What a RINEX observation header says: observation types, their signals and slots, scale, time system, antenna."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.core.satellites import SYSTEMS, sat_id
from kinema.core.streams import Antenna
from kinema.errors import DataError, FormatError
from kinema.formats.rinex_header import Header, HeaderLine, numbers
from kinema.formats.time_systems import TIME_SYSTEMS

MAX_TYPES = 99
KINDS = "CLDS"
READ_SYSTEMS = "GRECJ"
_TIME_SYSTEM_OF = {"G": "GPS", "R": "GLO", "E": "GAL", "C": "BDT", "J": "QZS", "I": "IRN", "S": "GPS"}


@dataclass(frozen=True)
class Layout:
    """Where each value of a line goes; tables (systems, types) as kernels.rinex wants them."""

    signals: dict[str, tuple[str, ...]]
    types: dict[str, tuple[str, ...]]
    slot: I64
    kind: I64
    divisor: F64
    n_types: I64
    default_system: int
    time_system: str

    @property
    def slots(self) -> int:
        """Columns of the widest system."""
        return max((len(codes) for codes in self.signals.values()), default=0)


def layout_of(header: Header, before: Layout | None = None) -> Layout:
    """Layout from a header, or from the header lines of an event on top of the layout before it.

    Slots once given stay; new signals come behind them. Raises FormatError.
    """
    types = _types2(header) if header.version < 3 else _types3(header)
    if before:
        types = {**before.types, **types}
    if not types:
        raise FormatError(header.path, "the header declares no observation types", remedy="the file is damaged")
    signals = dict(before.signals) if before else {}
    slot = np.full((len(SYSTEMS), MAX_TYPES), -1, np.int64)
    kind = np.zeros((len(SYSTEMS), MAX_TYPES), np.int64)
    n_types = np.zeros(len(SYSTEMS), np.int64)
    for system, codes in types.items():
        s = SYSTEMS.index(system)
        n_types[s] = len(codes)
        if system not in READ_SYSTEMS:
            continue
        known = list(signals.get(system, ()))
        for j, code in enumerate(codes):
            signal = signal2(system, code, codes) if header.version < 3 else signal3(system, code)
            if signal is None:
                continue
            if signal not in known:
                known.append(signal)
            slot[s, j], kind[s, j] = known.index(signal), KINDS.index(code[0] if code[0] != "P" else "C")
        if known:
            signals[system] = tuple(known)
    return Layout(
        signals, types, slot, kind, _divisors(header, types, before), n_types,
        SYSTEMS.find(header.system) if header.system in READ_SYSTEMS else 0,
        before.time_system if before else _time_system(header),
    )  # fmt: skip


def _types3(header: Header) -> dict[str, tuple[str, ...]]:
    types: dict[str, tuple[str, ...]] = {}
    system, wanted = "", 0
    for line in header.having("SYS / # / OBS TYPES"):
        if line.body[0] != " ":
            system, wanted = line.body[0], _count(header.path, line, line.body[3:6])
            types[system] = ()
            if system not in SYSTEMS:
                raise FormatError(header.path, f"unknown system '{system}'", f"line {line.number}")
        if not system:
            raise FormatError(header.path, "observation types without a system", f"line {line.number}")
        types[system] = (types[system] + tuple(line.body[6:58].split()))[:wanted]
    return types


def _types2(header: Header) -> dict[str, tuple[str, ...]]:
    codes: tuple[str, ...] = ()
    wanted = 0
    for line in header.having("# / TYPES OF OBSERV"):
        if line.body[:6].strip():
            wanted, codes = _count(header.path, line, line.body[:6]), ()
        codes += tuple(line.body[6:60].split())
    return dict.fromkeys(SYSTEMS, codes[:wanted]) if codes else {}


def _count(path: Path, line: HeaderLine, text: str) -> int:
    if not re.fullmatch(r" *[0-9]{1,6} *", text) or int(text) > MAX_TYPES:
        raise FormatError(path, f"'{text.strip()}' observation types", f"line {line.number}", "the header is damaged")
    return int(text)


def signal3(system: str, code: str) -> str | None:
    """Signal of a RINEX 3 code, None for pseudo-observables.

    BeiDou B1I/B1Q is band 2; RINEX 3.02 and some programs since call it band 1, which has no I and Q of its own.
    """
    if len(code) != 3 or code[0] not in KINDS or not code[1].isdigit() or not code[2].isalpha():
        return None
    if system == "C" and code[1:] in ("1I", "1Q"):
        return "2" + code[2]
    return code[1:]


# RINEX 2.11 table A1 and 2.12: signals by system of C1 … C8, P1, P2; None: the band's phase follows _PHASE2.
_CODE2 = {
    "G": {"C1": "1C", "P1": "1W", "C2": "2X", "P2": "2W", "C5": "5X", "CA": "1C", "CB": "1X", "CC": "2X"},
    "R": {"C1": "1C", "P1": "1P", "C2": "2C", "P2": "2P", "CA": "1C", "CD": "2C"},
    "E": {"C1": "1X", "C5": "5X", "C7": "7X", "C8": "8X", "C6": "6X"},
    "C": {"C1": "2I", "C2": "2I", "C7": "7I", "C6": "6I", "C5": "5X"},
    "J": {"C1": "1C", "C2": "2X", "C5": "5X", "C6": "6X", "CA": "1C", "CB": "1X", "CC": "2X"},
}
_PREFERRED2 = {("G", "1"): ("C1", "P1"), ("G", "2"): ("P2", "C2"), ("R", "1"): ("C1", "P1"), ("R", "2"): ("P2", "C2")}


def signal2(system: str, code: str, codes: tuple[str, ...]) -> str | None:
    """Signal of a RINEX 2 code among all `codes` of the header; None where it is none.

    L1, D1, S1 belong to C1, or to P1 where there is no C1; L2, D2, S2 of GPS and GLONASS to P2, or to C2 where there is
    no P2; others to the C of their band.
    """
    table = _CODE2.get(system, {})
    if code in table:
        return table[code]
    if len(code) != 2 or code[0] not in "LDS":
        return None
    if code[1].isalpha():
        return table.get("C" + code[1])
    preferred = _PREFERRED2.get((system, code[1]), ("C" + code[1],))
    return table.get(next((one for one in preferred if one in codes), preferred[0]))


def _divisors(header: Header, types: dict[str, tuple[str, ...]], before: Layout | None) -> F64:
    divisor = before.divisor.copy() if before else np.ones((len(SYSTEMS), MAX_TYPES))
    system, factor, left = "", 1.0, 0
    for line in header.having("SYS / SCALE FACTOR"):
        if line.body[0] != " ":
            system = line.body[0]
            head = numbers(line.body[2:6], 4, 1)
            if system not in types or not head or head[0] not in (1, 10, 100, 1000):
                raise FormatError(header.path, "scale factor is none of 1, 10, 100, 1000", f"line {line.number}")
            factor, left = head[0], _count(header.path, line, line.body[8:10] if line.body[8:10].strip() else "0")
            if not left:
                divisor[SYSTEMS.index(system), :] = factor
        for code in line.body[10:58].split():
            if system in types and code in types[system]:
                divisor[SYSTEMS.index(system), types[system].index(code)] = factor
    return divisor


def _time_system(header: Header) -> str:
    said = header.first("TIME OF FIRST OBS")[48:51].strip().upper()
    if said in TIME_SYSTEMS:
        return said
    if said:
        raise FormatError(header.path, f"unknown time system '{said}'", remedy=f"known: {', '.join(TIME_SYSTEMS)}")
    return _TIME_SYSTEM_OF.get(header.system, "GPS")


def antenna_of(header: Header) -> Antenna:
    """Marker, receiver and antenna as the header names them."""
    place = numbers(header.first("APPROX POSITION XYZ"), 14, 3)
    delta = numbers(header.first("ANTENNA: DELTA H/E/N"), 14, 3) or [0.0] * 3
    if place is None or not any(place):
        place = [math.nan] * 3
    return Antenna(
        marker=header.first("MARKER NAME").strip(),
        receiver=" ".join(header.first("REC # / TYPE / VERS")[20:60].split()),
        antenna=" ".join(header.first("ANT # / TYPE")[20:40].split()),
        approx_p_e_m=(place[0], place[1], place[2]),
        delta_hen_m=(delta[0], delta[1], delta[2]),
    )


def glonass_channels(header: Header) -> dict[int, int]:
    """FDMA channels by satellite identifier."""
    channels: dict[int, int] = {}
    for line in header.having("GLONASS SLOT / FRQ #"):
        for at in range(4, 60, 7):
            try:
                channels[sat_id(line.body[at : at + 3])] = int(line.body[at + 4 : at + 6])
            except (DataError, ValueError):
                continue
    return channels


def interval_of(header: Header, t_ns: Any) -> float:
    """Seconds between epochs: the median of the data, or what the header says."""
    if len(t_ns) > 1:
        return float(np.median(np.diff(t_ns))) / 1e9
    said = numbers(header.first("INTERVAL"), 10, 1)
    return said[0] if said and said[0] > 0 else math.nan
