"""Write raw observations as RINEX 3.04, so that any program can be run on them (IGS/RTCM RINEX 3.04, A2 and A3)."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np

from kinema.core.arrays import F32, F64, I64, U8
from kinema.core.satellites import sat_name, sat_system
from kinema.core.streams import GnssObservations
from kinema.core.time import GPS_EPOCH, NS

_KINDS = "CLDS"
_BLANK = " " * 16


def write_observations(observations: GnssObservations, path: Path, *, comments: tuple[str, ...] = ()) -> None:
    """Write all epochs (event flag 0), those without a satellite too: that the receiver ran is worth knowing."""
    chunks = [_header(observations, comments)]
    body = _satellite_lines(observations)
    starts = observations.row_start.tolist()
    for k, t_ns in enumerate(observations.t_ns.tolist()):
        a, b = starts[k], starts[k + 1]
        chunks.append(f"> {_epoch(t_ns)}  0{b - a:3d}\n")
        chunks.extend(body[a:b])
    path.write_text("".join(chunks), encoding="ascii")


def _line(text: str, label: str) -> str:
    return f"{text[:60]:60s}{label}\n"


def _header(observations: GnssObservations, comments: tuple[str, ...]) -> str:
    from kinema.version import __version__

    antenna = observations.antenna
    x, y, z = (v if np.isfinite(v) else 0.0 for v in antenna.approx_p_e_m)
    h, e, n = antenna.delta_hen_m
    lines = [
        _line(f"{3.04:9.2f}{'':11s}{'OBSERVATION DATA':20s}M: MIXED", "RINEX VERSION / TYPE"),
        _line(f"{'kinema ' + __version__:20s}{'':20s}{'20250101 000000 UTC':20s}", "PGM / RUN BY / DATE"),
        *(_line(comment, "COMMENT") for comment in comments),
        _line(antenna.marker or "UNKNOWN", "MARKER NAME"),
        _line("", "OBSERVER / AGENCY"),
        _line(f"{'':20s}{antenna.receiver:20s}", "REC # / TYPE / VERS"),
        _line(f"{'':20s}{antenna.antenna:20s}", "ANT # / TYPE"),
        _line(f"{x:14.4f}{y:14.4f}{z:14.4f}", "APPROX POSITION XYZ"),
        _line(f"{h:14.4f}{e:14.4f}{n:14.4f}", "ANTENNA: DELTA H/E/N"),
    ]
    for system, codes in observations.signals.items():
        types = [kind + code for code in codes for kind in _KINDS]
        for k in range(0, len(types), 13):
            head = f"{system}  {len(types):3d}" if k == 0 else " " * 6
            lines.append(_line(head + "".join(f" {one}" for one in types[k : k + 13]), "SYS / # / OBS TYPES"))
    lines += [_line(system, "SYS / PHASE SHIFT") for system in observations.signals]
    lines.append(_line("DBHZ", "SIGNAL STRENGTH UNIT"))
    if np.isfinite(observations.interval_s):
        lines.append(_line(f"{observations.interval_s:10.3f}", "INTERVAL"))
    if len(observations.t_ns):
        first, last = observations.t_ns[[0, -1]].tolist()
        lines.append(_line(_calendar(first) + "     GPS", "TIME OF FIRST OBS"))
        lines.append(_line(_calendar(last) + "     GPS", "TIME OF LAST OBS"))
    lines += _glonass_lines(observations)
    lines.append(_line("", "END OF HEADER"))
    return "".join(lines)


def _glonass_lines(observations: GnssObservations) -> list[str]:
    if "R" not in observations.signals:
        return []
    slots = sorted(observations.glonass_channel.items())
    lines = []
    for k in range(0, len(slots), 8):
        head = f"{len(slots):3d} " if k == 0 else "    "
        pairs = "".join(f"{sat_name(sat)} {channel:2d} " for sat, channel in slots[k : k + 8])
        lines.append(_line(head + pairs, "GLONASS SLOT / FRQ #"))
    lines.append(_line(" C1C    0.000 C1P    0.000 C2C    0.000 C2P    0.000", "GLONASS COD/PHS/BIS"))
    return lines


def _when(t_ns: int) -> tuple[dt.datetime, float]:
    whole, rest = divmod(t_ns, NS)
    when = GPS_EPOCH + dt.timedelta(seconds=whole)
    return when, when.second + rest / 1e9


def _epoch(t_ns: int) -> str:
    when, seconds = _when(t_ns)
    return f"{when:%Y %m %d %H %M}{seconds:11.7f}"


def _calendar(t_ns: int) -> str:
    when, seconds = _when(t_ns)
    return f"{when.year:6d}{when.month:6d}{when.day:6d}{when.hour:6d}{when.minute:6d}{seconds:13.7f}"


def _satellite_lines(observations: GnssObservations) -> list[str]:
    """One line per row: satellite, then C, L, D, S of each signal."""
    m, slots = observations.code_m.shape
    flags = np.where(observations.lli > 0, observations.lli, 0)
    columns: list[list[str]] = []
    for slot in range(slots):
        strength = np.clip(np.nan_to_num(observations.cn0_dbhz[:, slot]) / 6, 1, 9).astype(np.int64)
        columns.append(_column(observations.code_m[:, slot], None, None))
        columns.append(_column(observations.phase_cyc[:, slot], flags[:, slot], strength))
        columns.append(_column(observations.doppler_hz[:, slot], None, None))
        columns.append(_column(observations.cn0_dbhz[:, slot], None, None))
    used = {system: 4 * len(codes) for system, codes in observations.signals.items()}
    sats = observations.sat.tolist()
    names = {sat: (sat_name(sat), used[sat_system(sat)]) for sat in set(sats)}
    rows = list(zip(*columns, strict=True)) if columns else [()] * m
    return [
        (names[sat][0] + "".join(row[: names[sat][1]])).rstrip() + "\n" for sat, row in zip(sats, rows, strict=True)
    ]


def _column(values: F64 | F32, lli: U8 | None, strength: I64 | None) -> list[str]:
    """F14.3, then the loss-of-lock and strength digits, 16 characters, blank where there is no value."""
    numbers = values.tolist()
    if lli is None or strength is None:
        return [_BLANK if x != x else f"{x:14.3f}  " for x in numbers]
    digits = [(str(a) if a else " ") + str(b) for a, b in zip(lli.tolist(), strength.tolist(), strict=True)]
    return [_BLANK if x != x else f"{x:14.3f}{d}" for x, d in zip(numbers, digits, strict=True)]
