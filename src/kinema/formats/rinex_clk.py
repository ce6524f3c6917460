"""RINEX clock files 2.00 to 3.04 (IGS RINEX extensions to handle clock information): satellite clocks."""

from __future__ import annotations

from typing import Any

import numpy as np

from kinema.core.arrays import F64, I16, I64
from kinema.core.biases import wide_lanes_only
from kinema.core.ephemeris import PreciseClocks
from kinema.core.recording import Issue, Recording
from kinema.core.satellites import SYSTEMS, sat_id
from kinema.errors import DataError, FormatError
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.rinex_header import Header, line_number, parse_header, sniff_header
from kinema.formats.time_systems import to_gps_ns

_BLOCK_ROWS = 1 << 18
MAX_CELLS = 1 << 27


def read(source: Source, options: ReadOptions) -> Recording:
    """The whole file as stream "clocks"; station clocks and other records are left aside. Raises FormatError.

    Wide-lane biases in the header (GRG) make the stream "biases": such clocks keep ambiguities integer.
    """
    from kinema.kernels.clocks import scan_clocks

    header = parse_header(source.path, source.data)
    if header.kind != "C":
        raise FormatError(source.path, f"a RINEX file of type '{header.kind}', not clocks", "line 1")
    time_system = header.first("TIME SYSTEM ID").strip()[:3].upper() or "GPS"
    data = np.frombuffer(source.data, np.uint8)
    systems = np.frombuffer(SYSTEMS.encode(), np.uint8)
    bad = np.zeros(2, np.int64)
    blocks = []
    at = header.data_at
    while at < len(data):
        t, sat, clock = np.empty(_BLOCK_ROWS, np.int64), np.empty(_BLOCK_ROWS, np.int16), np.empty(_BLOCK_ROWS)
        at, n = scan_clocks(data, at, len(data), 5 if header.version >= 3.04 else 0, systems, t, sat, clock, bad)
        blocks.append((t[:n].copy(), sat[:n].copy(), clock[:n].copy()))
    issues = []
    if bad[0]:
        where = f"line {line_number(source.data, int(bad[1]))}"
        if options.on_bad == "raise":
            raise FormatError(source.path, "garbled clock record", where, "leave such out with --on-bad skip")
        issues.append(Issue("garbled clock record", int(bad[0]), where, source.path.name))
    if not any(len(sat) for _, sat, _ in blocks):
        raise FormatError(source.path, "no satellite clock (AS record) in it")
    label, sats, value = (np.concatenate(column) for column in zip(*blocks, strict=True))
    clocks = gridded(source, to_gps_ns(label, time_system), sats, value)
    streams: dict[str, Any] = {"clocks": clocks}
    if cycles := wide_lanes(header):
        streams["biases"] = wide_lanes_only(cycles)
    return Recording(streams, issues=tuple(issues), sources=(str(source.path),), name=source.path.stem)


def wide_lanes(header: Header) -> dict[int, float]:
    """Cycles by satellite from comments "WL G01 2020 6 25 12 0 0.000000 1 -4.4E-01 0105"."""
    cycles: dict[int, float] = {}
    for line in header.having("COMMENT"):
        words = line.body.split()
        if len(words) < 10 or words[0] != "WL":
            continue
        try:
            cycles[sat_id(words[1])] = float(words[9])
        except (DataError, ValueError):
            continue
    return cycles


def gridded(source: Source, t_ns: I64, sats: I16, value: F64) -> PreciseClocks:
    """Rows as a table over satellites and times."""
    times, at_time = np.unique(t_ns, return_inverse=True)
    names, at_sat = np.unique(sats, return_inverse=True)
    if len(times) * len(names) > MAX_CELLS:
        raise FormatError(source.path, f"{len(times)} epochs of {len(names)} satellites", remedy="cut it into days")
    clock_s = np.full((len(names), len(times)), np.nan)
    clock_s[at_sat, at_time] = value
    return PreciseClocks(times, names, clock_s)


FORMAT = Format(
    name="rinex-clk",
    title="RINEX clocks",
    extensions=(".clk",),
    sniff=lambda head, name: sniff_header(head, "C"),
    read=read,
)
