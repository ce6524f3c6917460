"""SINEX BIAS 1.00 (Schaer, IGS 2018): observable-specific biases of satellites, codes and phases."""

from __future__ import annotations

import numpy as np

from kinema.core.biases import SignalBiases
from kinema.core.recording import Issue, Recording
from kinema.core.satellites import SPEED_OF_LIGHT_MPS, SYSTEMS, frequency_hz, sat_id
from kinema.core.time import NS, gps_ns_from_calendar
from kinema.errors import DataError, FormatError
from kinema.formats.base import Format, ReadOptions, Source

MAX_BYTES = 1 << 28
MAGIC = b"%=BIA"
FOREVER_NS = np.iinfo(np.int64).max
Row = tuple[int, str, bool, int, int, float]
"""Satellite, signal, phase, from, to, metres."""


def read(source: Source, options: ReadOptions) -> Recording:
    """Satellites' OSB lines as stream "biases"; differential and stations' biases are left aside and counted.

    Raises FormatError.
    """
    if len(source.data) > MAX_BYTES:
        raise FormatError(source.path, f"biases of more than {MAX_BYTES >> 20} MiB", remedy="cut the file into days")
    rows: list[Row] = []
    aside: dict[str, list[int]] = {}
    inside = False
    for number, line in enumerate(bytes(source.data).decode("ascii", "replace").splitlines(), 1):
        if line[:1] in "+-":
            inside = line.startswith("+BIAS/SOLUTION")
            continue
        if not inside or line[:1] in ("*", "%", ""):
            continue
        kind = _left_aside(line)
        row = None
        if not kind:
            row = _row(line)
            kind = "garbled bias" if row is None else ""
        if kind == "garbled bias" and options.on_bad == "raise":
            raise FormatError(source.path, kind, f"line {number}", "leave such out with --on-bad skip")
        if row is not None:
            rows.append(row)
        else:
            aside.setdefault(kind, []).append(number)
    if not rows:
        raise FormatError(source.path, "no observable-specific bias (OSB) of a satellite in it")
    issues = tuple(Issue(kind, len(at), f"line {at[0]}", source.path.name) for kind, at in aside.items())
    return Recording({"biases": _table(rows)}, issues=issues, sources=(str(source.path),), name=source.path.stem)


def _left_aside(line: str) -> str:
    """Why a line is none that we use."""
    if not line.startswith(" OSB"):
        return "differential bias" if line.startswith((" DSB", " DCB")) else "garbled bias"
    if line[15:24].strip() or not line[11:14].strip():
        return "bias of a station"
    return "" if line[11] in SYSTEMS else "bias of an unknown system"


def _row(line: str) -> Row | None:
    try:
        sat, observable = sat_id(line[11:14]), line[25:29].strip()
        kind, signal = observable[0], observable[1:]
        start, end = _time_ns(line[35:49]), _time_ns(line[50:64])
        value, unit = float(line[70:91]), line[65:69].strip().lower()
    except (DataError, ValueError, IndexError):
        return None
    hz = frequency_hz(line[11], signal)
    metres = {"ns": SPEED_OF_LIGHT_MPS * 1e-9, "m": 1.0, "cyc": SPEED_OF_LIGHT_MPS / hz}.get(unit)
    if metres is None or kind not in "CL" or not signal or not np.isfinite(value * metres):
        return None
    return sat, signal, kind == "L", start if start is not None else 0, end or FOREVER_NS, value * metres


def _time_ns(text: str) -> int | None:
    """Of year:day:second; None for 0000:000:00000, an open end."""
    year, day, second = (int(part) for part in text.strip().split(":"))
    if not year:
        return None
    year += 2000 if year < 80 else 1900 if year < 100 else 0
    if not (1980 <= year < 2200 and 1 <= day <= 366 and 0 <= second <= 86_400):
        raise ValueError(text)
    return gps_ns_from_calendar(year, 1, 1) + ((day - 1) * 86_400 + second) * NS


def _table(rows: list[Row]) -> SignalBiases:
    sat, signal, phase, start, end, metres = zip(*rows, strict=True)
    names = tuple(sorted(set(signal)))
    index = {name: k for k, name in enumerate(names)}
    return SignalBiases(
        np.array(sat), np.array([index[name] for name in signal]), np.array(phase), np.array(start), np.array(end),
        np.array(metres), names,
    )  # fmt: skip


FORMAT = Format(
    name="sinex-bias",
    title="SINEX signal biases",
    extensions=(".bia", ".bsx"),
    sniff=lambda head, name: 1.0 if head.startswith(MAGIC) else 0.0,
    read=read,
)
