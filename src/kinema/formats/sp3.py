"""SP3 precise orbits, versions a to d (NGS/IGS, The Extended Standard Product 3 Orbit Format)."""

from __future__ import annotations

from typing import Any

import numpy as np

from kinema.core.ephemeris import PreciseOrbits
from kinema.core.recording import Issue, Recording
from kinema.core.satellites import SYSTEMS
from kinema.core.time import NS, gps_ns_from_calendar
from kinema.errors import FormatError
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.time_systems import TIME_SYSTEMS, to_gps_ns

MAX_BYTES = 1 << 30
_BAD_CLOCK_US = 999_999.0
_WIDTH = 60


def read(source: Source, options: ReadOptions) -> Recording:
    """The whole file as stream "orbits"; positions of 0 and clocks of 999999 are absent ones. Raises FormatError."""
    if len(source.data) > MAX_BYTES:
        raise FormatError(source.path, f"an SP3 file of more than {MAX_BYTES >> 20} MiB", remedy="cut it into days")
    lines = bytes(source.data).replace(b"\r\n", b"\n").split(b"\n")
    strict = options.on_bad == "raise"
    labels, rows, bad = _walk(source, lines, strict)
    if not labels:
        raise FormatError(source.path, "no epoch in it", remedy="the file is cut; download it again")
    sats, epochs, values = _values(source, lines, rows, bad, strict)
    label_ns = np.array(labels, np.int64)
    t_ns, order = np.unique(to_gps_ns(label_ns, _time_system(source, lines)), return_inverse=True)
    names, at_sat = np.unique(sats, return_inverse=True)
    at_time = order[epochs]
    p_e_m = np.full((len(names), len(t_ns), 3), np.nan)
    clock_s = np.full((len(names), len(t_ns)), np.nan)
    good = (values[:, :3] != 0).any(axis=1)
    p_e_m[at_sat[good], at_time[good]] = values[good, :3] * 1e3
    ticking = np.abs(values[:, 3]) < _BAD_CLOCK_US
    clock_s[at_sat[ticking], at_time[ticking]] = values[ticking, 3] * 1e-6
    issues = [Issue(kind, n, where, source.path.name) for kind, (n, where) in bad.items()]
    missing = int((~good).sum())
    if missing:
        issues.append(Issue("satellite without position", missing, "", source.path.name))
    frame = lines[0][46:51].decode("ascii", "replace").strip()
    orbits = PreciseOrbits(t_ns, names, p_e_m, clock_s, frame)
    return Recording({"orbits": orbits}, issues=tuple(issues), sources=(str(source.path),), name=source.path.stem)


def _walk(source: Source, lines: list[bytes], strict: bool) -> tuple[list[int], list[tuple[int, int]], dict[str, Any]]:
    """Labels of the epochs, (line, epoch) of each position record, and what was garbled."""
    labels: list[int] = []
    rows: list[tuple[int, int]] = []
    bad: dict[str, Any] = {}
    lost = True
    for k, line in enumerate(lines):
        head = line[:1]
        if head == b"P" and not lost:
            rows.append((k, len(labels) - 1))
        elif head == b"*":
            label = _epoch(line)
            lost = label is None
            if label is not None:
                labels.append(label)
            else:
                _bad(source, bad, "garbled epoch", k, strict)
        elif line.startswith(b"EOF"):
            break
        elif head not in (b"#", b"+", b"%", b"/", b"V", b"E", b"P", b"") and line.strip():
            _bad(source, bad, "garbled line", k, strict)
    return labels, rows, bad


def _bad(source: Source, bad: dict[str, Any], kind: str, k: int, strict: bool) -> None:
    if strict:
        raise FormatError(source.path, kind, f"line {k + 1}", "leave such out with --on-bad skip")
    bad.setdefault(kind, [0, f"line {k + 1}"])[0] += 1


def _epoch(line: bytes) -> int | None:
    try:
        year, month, day, hour, minute = (int(line[a:b]) for a, b in ((3, 7), (8, 10), (11, 13), (14, 16), (17, 19)))
        second = float(line[20:31])
        whole = gps_ns_from_calendar(year, month, day, (hour * 60 + minute) * 60 * NS)
    except ValueError:
        return None
    good = 1980 <= year < 2200 and 0 <= hour < 25 and 0 <= minute < 60 and 0 <= second < 61
    return whole + round(second * 1e9) if good and whole >= 0 else None


def _values(source: Source, lines: list[bytes], rows: list[tuple[int, int]], bad: dict[str, Any], strict: bool) -> Any:
    """Satellites, epochs and values (x, y, z in km, clock in µs) of the position records of the systems we know."""
    kept, sats, epochs = [], [], []
    known: dict[bytes, int] = {}
    for k, epoch in rows:
        name = lines[k][1:4]
        sat = known.get(name)
        if sat is None:
            letter, number = name[:1].decode("ascii", "replace"), name[1:].strip()
            letter = "G" if letter == " " else letter
            sat = 100 * SYSTEMS.index(letter) + int(number) if letter in SYSTEMS and number.isdigit() else -1
            known[name] = sat
        if sat % 100 > 0 and sat > 0:
            kept.append(k)
            sats.append(sat)
            epochs.append(epoch)
    text = b"".join(lines[k][:_WIDTH].ljust(_WIDTH) for k in kept)
    cells = np.frombuffer(text, np.uint8).reshape(len(kept), _WIDTH)[:, 4:]
    strings = np.ascontiguousarray(cells).view("S14")
    try:
        values = strings.astype(np.float64)
        good = np.ones(len(kept), np.bool_)
    except ValueError:
        values, good = np.zeros((len(kept), 4)), np.zeros(len(kept), np.bool_)
        for i, row in enumerate(strings):
            try:
                values[i] = row.astype(np.float64)
                good[i] = True
            except ValueError:
                _bad(source, bad, "garbled position", kept[i], strict)
    good &= np.isfinite(values).all(axis=1)
    return np.array(sats, np.int16)[good], np.array(epochs, np.int64)[good], values[good]


def _time_system(source: Source, lines: list[bytes]) -> str:
    said = next(
        (line[9:12].decode("ascii", "replace").strip().upper() for line in lines[:200] if line[:2] == b"%c"), ""
    )
    said = "" if said in ("CCC", "") else said
    if said and said not in TIME_SYSTEMS:
        raise FormatError(source.path, f"unknown time system '{said}'", remedy=f"known: {', '.join(TIME_SYSTEMS)}")
    return said or "GPS"


def sniff(head: bytes, name: str) -> float:
    """ "#a" to "#d", P or V, then a year."""
    good = head[:1] == b"#" and head[1:2] in b"abcd" and head[2:3] in b"PV" and head[3:7].strip().isdigit()
    return 0.95 if good and len(head) > 7 else 0.0


FORMAT = Format(name="sp3", title="SP3 orbits", extensions=(".sp3", ".eph"), sniff=sniff, read=read)
