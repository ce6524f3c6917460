"""libRSF text (smartLoc data set): pseudoranges with satellite positions, odometry, ground truth.

Columns after the data set's own readme: the ranges are free of atmosphere and satellite clock; the velocities and
rates are forward-left-up and come with variances. Files carry seconds since their own start and no date.
"""

from __future__ import annotations

import numpy as np

from kinema.core.arrays import F64, I64, U8
from kinema.core.recording import Issue, Recording
from kinema.core.satellites import SPEED_OF_LIGHT_MPS, SYSTEMS
from kinema.core.solution import FixStatus, Provenance, Solution
from kinema.core.streams import PreparedRanges, Series
from kinema.errors import FormatError
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.tables import bytes_of, line_at, nanoseconds, read_numbers, text_at
from kinema.formats.trajectory import RELATIVE_CLOCK, in_order

EARTH_RATE_RADPS = 7.2921151467e-5
KINDS = {b"pseudorange3": 10, b"odom3": 13, b"point3": 13}
"""Numbers that follow each word."""
SYSTEM_OF_CODE = {1: "G", 2: "S", 4: "R", 8: "E", 16: "J", 32: "C"}
ODOMETRY_COLUMNS = ("vx", "vy", "vz", "wx", "wy", "wz", "sd_vx", "sd_vy", "sd_vz", "sd_wx", "sd_wy", "sd_wz")


def _sniff(head: bytes, name: str) -> float:
    return 0.97 if head.lstrip().split(b" ", 1)[0] in KINDS else 0.0


def _only(source: Source, word: bytes) -> Source:
    """The lines that begin with `word`, the word blanked and all other lines emptied: offsets stay what they were."""
    data = bytes_of(source)
    starts = np.concatenate([[0], np.flatnonzero(data == 10) + 1])
    starts = starts[starts + len(word) < len(data)]
    match = np.ones(len(starts), np.bool_)
    for k, letter in enumerate(word):
        match &= data[starts + k] == letter
    ends = np.append(starts[1:], len(data))
    keep = np.zeros(len(data) + 1, np.int8)
    np.add.at(keep, starts[match] + len(word), 1)
    np.add.at(keep, ends[match], -1)
    blanked: U8 = np.where((np.cumsum(keep[:-1]) > 0) | (data == 10), data, 32).astype(np.uint8)
    return Source(source.path, memoryview(blanked.tobytes()))


def _unknown_words(source: Source, options: ReadOptions) -> tuple[Issue, ...]:
    data = bytes_of(source)
    starts = np.concatenate([[0], np.flatnonzero(data == 10) + 1])
    starts = starts[starts < len(data)]
    known = np.isin(data[starts], [b"p"[0], b"o"[0], 10, 13])
    if known.all():
        return ()
    first = int(starts[np.argmin(known)])
    where = line_at(source, first)
    if options.on_bad == "raise":
        what = f"unknown measurement '{text_at(source, first)}'"
        raise FormatError(source.path, what, where, "expected libRSF lines")
    return (Issue("unknown measurement", int((~known).sum()), where, source.name),)


def read(source: Source, options: ReadOptions) -> Recording:
    """Read into "prepared" PreparedRanges, "odometry" Series (m/s and rad/s) and "truth" Solution, as there are.

    Time has no date: second 0 becomes GPS time 0, which an issue tells. Raises FormatError.
    """
    issues = [*_unknown_words(source, options), Issue(RELATIVE_CLOCK, 1, "", source.name, "second 0 is GPS time 0")]
    streams: dict[str, object] = {}
    for word, columns in KINDS.items():
        if bytes(source.data).find(word) < 0:
            continue
        table = read_numbers(_only(source, word), options, need=4 if word == b"point3" else columns, columns=columns)
        issues += table.issues
        v = table.values
        if word == b"pseudorange3":
            streams["prepared"] = _ranges(source, v[np.argsort(v[:, 0], kind="stable")])
        elif word == b"odom3":
            streams["odometry"] = _odometry(source, v[np.argsort(v[:, 0], kind="stable")])
        else:
            index, odd = in_order(source, _t_ns(source, v), options)
            streams["truth"] = _truth(source, v[index])
            issues += odd
    if not streams:
        raise FormatError(source.path, "no libRSF measurement", "", "expected pseudorange3, odom3 or point3 lines")
    return Recording(streams, issues=tuple(issues), sources=(source.name,))


def _sigmas(source: Source, variances: F64) -> F64:
    if (variances < 0).any():
        raise FormatError(source.path, "a negative variance", "", "is the file damaged?")
    return np.sqrt(variances)


def _t_ns(source: Source, v: F64) -> I64:
    return nanoseconds(source, v[:, 0])


def _ranges(source: Source, v: F64) -> PreparedRanges:
    t_ns, first = np.unique(_t_ns(source, v), return_index=True)
    codes = np.clip(v[:, 7], -1, 255).astype(np.int64)
    unknown = ~np.isin(codes, list(SYSTEM_OF_CODE))
    if unknown.any():
        wrong = codes[np.argmax(unknown)]
        raise FormatError(source.path, f"satellite system {wrong}", "", "expected 1, 2, 4, 8, 16, 32")
    system = np.zeros(33, np.int16)
    for code, letter in SYSTEM_OF_CODE.items():
        system[code] = 100 * SYSTEMS.index(letter)
    number = (np.clip(v[:, 6], 0, 1e6).astype(np.int64) % 100).astype(np.int16)
    return PreparedRanges(
        t_ns, np.append(first, len(v)), system[codes] + number,
        v[:, 1], _sigmas(source, v[:, 2]), _turned_by_flight(v[:, 3:6], v[:, 1]),
        np.radians(v[:, 8]), np.where(v[:, 9] > 0, v[:, 9], np.nan),
    )  # fmt: skip


def _turned_by_flight(sat_p_e_m: F64, range_m: F64) -> F64:
    """Satellites turned into the Earth-fixed frame of reception: the data set states them in that of transmission
    (unturned they put its drives 25 m east of its own ground truth)."""
    turn = EARTH_RATE_RADPS / SPEED_OF_LIGHT_MPS * range_m
    c, s = np.cos(turn), np.sin(turn)
    x, y, z = sat_p_e_m.T
    return np.stack([c * x + s * y, c * y - s * x, z], axis=1)


def _odometry(source: Source, v: F64) -> Series:
    """Velocity and rate turned from forward-left-up to forward-right-down, variances to sigmas."""
    turned = v[:, 1:7] * (1, -1, -1, 1, -1, -1)
    return Series(_t_ns(source, v), np.hstack([turned, _sigmas(source, v[:, 7:13])]), "m/s, rad/s", ODOMETRY_COLUMNS)


def _truth(source: Source, v: F64) -> Solution:
    cov = v[:, 4:].reshape(-1, 3, 3).copy()
    cov[~(np.abs(cov) > 0).any(axis=(1, 2))] = np.nan
    return Solution(
        _t_ns(source, v), v[:, 1:4], cov, status=np.full(len(v), FixStatus.FIXED, np.uint8),
        provenance=Provenance(sources=(source.name,)),
    )  # fmt: skip


FORMAT = Format("librsf", "libRSF measurements (smartLoc)", (), _sniff, read)
