"""KITTI raw drives: a folder `oxts` of one small text file for each instant, and timestamps.txt beside them.

Thirty numbers each (dataformat.txt of the data set): the place and velocity that the OXTS computed, and its specific
forces and rates along the vehicle's axes, forward, left, up. Times are UTC.
"""

from __future__ import annotations

import re
from math import pi
from pathlib import Path

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.core.frames import c_ne
from kinema.core.recording import Issue, Mount, Recording
from kinema.core.solution import FixStatus, Provenance, Solution
from kinema.core.streams import Imu
from kinema.core.time import gps_ns_from_unix_ns
from kinema.errors import FormatError
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.trajectory import ecef_from_degrees, in_order, sound_places

NUMBERS = 30
MOST_FILES, MOST_BYTES = 2_000_000, 4096
_NAME = "timestamps.txt"
_LINE = re.compile(rb"\s*\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+\s*$")
FORCE, RATE = (11, 12, 13), (17, 18, 19)
"""Columns along the vehicle's x, y, z."""
FORWARD_LEFT_UP = Mount(None, (pi, 0.0, 0.0), 0.0)


def oxts_in(folder: Path) -> Path | None:
    """The file that stands for a drive: timestamps.txt in the folder or in its `oxts`; None where it is none."""
    for inner in (folder, folder / "oxts"):
        if (inner / _NAME).is_file() and (inner / "data").is_dir():
            return inner / _NAME
    return None


def _sniff(head: bytes, name: str) -> float:
    return 0.9 if name == _NAME and _LINE.match(head.split(b"\n")[0]) else 0.0


def _times(source: Source) -> I64:
    from kinema.kernels.cells import NO_STAMP, parse_stamp

    lines = [line for line in bytes(source.data).split(b"\n") if line.strip()]
    if len(lines) > MOST_FILES:
        raise FormatError(source.path, f"{len(lines)} instants", "", "is that a drive?")
    stamps = []
    for k, line in enumerate(lines):
        raw = np.frombuffer(line.strip(), np.uint8)
        stamps.append(int(parse_stamp(raw, 0, len(raw))))
        if stamps[-1] == NO_STAMP:
            raise FormatError(source.path, "no date and time", f"line {k + 1}", "copy the drive again")
    return np.array(stamps, np.int64)


def _rows(source: Source, count: int, options: ReadOptions, issues: list[Issue]) -> tuple[I64, F64]:
    """Which instants have a file with thirty numbers, and those (n, 30)."""
    files = sorted((source.path.parent / "data").glob("*.txt"))[:MOST_FILES]
    table = np.full((count, NUMBERS), np.nan)
    bad: list[str] = []
    for path in files:
        k = int(path.stem) if path.stem.isdigit() and len(path.stem) < 12 else -1
        if not 0 <= k < count:
            continue
        try:
            with path.open("rb") as file:
                numbers = [float(cell) for cell in file.read(MOST_BYTES).split()]
        except (OSError, ValueError):
            numbers = []
        if len(numbers) < NUMBERS or not (np.abs(numbers[:NUMBERS]) < 1e9).all():
            bad.append(path.name)
            continue
        table[k] = numbers[:NUMBERS]
    if bad and options.on_bad == "raise":
        what = f"not {NUMBERS} numbers that can be"
        raise FormatError(source.path.parent / "data" / bad[0], what, "", "read with --on-bad skip to leave it out")
    if bad:
        issues.append(Issue("garbled file", len(bad), bad[0], source.name))
    there = np.flatnonzero(np.isfinite(table[:, 0]))
    if len(there) < count - len(bad):
        issues.append(Issue("instants without a file", count - len(bad) - len(there), "", source.name))
    return there, table[there]


def read(source: Source, options: ReadOptions) -> Recording:
    """The drive: "imu", and "fixes", which the OXTS computed from it and its receiver. Raises FormatError."""
    issues: list[Issue] = []
    t_ns = np.asarray(gps_ns_from_unix_ns(_times(source)))
    there, v = _rows(source, len(t_ns), options, issues)
    if not len(there):
        raise FormatError(
            source.path, "no file of thirty numbers in the folder data beside it", "", "is it KITTI's oxts?"
        )
    index, odd = in_order(source, t_ns[there], options)
    t_ns, v = t_ns[there][index], v[index]
    issues += odd
    good, strange = sound_places(source, options, v[:, 0], v[:, 1])
    lat, lon, h = v[good, :3].T
    c_en = np.swapaxes(c_ne(np.radians(lat), np.radians(lon)), -1, -2)
    north, east, up = v[good][:, (6, 7, 10)].T
    v_n = np.stack([north, east, -up], axis=1)
    cov = (np.maximum(v[good, 23:25], 0.0) ** 2)[:, :, None, None] * np.eye(3)
    unknown = cov.max(axis=(2, 3)) <= 0.0
    cov[unknown] = np.nan
    fixes = Solution(
        t_ns[good], ecef_from_degrees(lat, lon, h), cov[:, 0], np.einsum("nij,nj->ni", c_en, v_n), cov[:, 1],
        status=np.full(int(good.sum()), FixStatus.SINGLE, np.uint8), provenance=Provenance(sources=("oxts",)),
    )  # fmt: skip
    detail = "places are what the OXTS computed with this IMU: no proof of a solution from both"
    issues += [*strange, Issue("fused positions", 1, "", source.name, detail)]
    imu = Imu(t_ns, v[:, FORCE], v[:, RATE])
    return Recording({"imu": imu, "fixes": fixes}, {"imu": FORWARD_LEFT_UP}, tuple(issues), ("oxts",))


FORMAT = Format("kitti_oxts", "KITTI raw drive (oxts)", (), _sniff, read)
