"""KITTI tracking text: one row per object, frames from 0 (Geiger et al. 2012, devkit for tracking).

Columns: frame, identity (−1 in detections), type, truncated, occluded, alpha, left, top, right, bottom, then height,
width, length, x, y, z, rotation, and in results a score. "DontCare" regions carry no object and are left out.
"""

from __future__ import annotations

import re

import numpy as np

from kinema.core.arrays import F64
from kinema.core.recording import Issue, Recording
from kinema.core.tracks import BoxTracks, Detections
from kinema.errors import FormatError
from kinema.formats.base import Format, ReadOptions, Source

TYPES = ("Pedestrian", "Car", "Van", "Truck", "Person", "Person_sitting", "Cyclist", "Tram", "Misc")
"""Labels 1, 2, …; other types get the next numbers as they come."""
_NUMBER = rb"-?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?"
_ROW = re.compile(rb"^\d+ -?\d+ [A-Za-z_]+ " + _NUMBER + rb" " + _NUMBER + rb"(?: " + _NUMBER + rb"){12,13}\s*$")
REMEDY = "read with --on-bad skip to leave it out"


def _sniff(head: bytes, _name: str) -> float:
    lines = [line for line in head.split(b"\n")[:-1][:5] if line.strip()] or [head.strip()]
    return 0.95 if all(_ROW.match(line.rstrip(b"\r")) for line in lines) else 0.0


def read(source: Source, options: ReadOptions) -> Recording:
    """ "detections" where every identity is −1, else "tracks"; frames are counted from 1."""
    rows: list[tuple[float, ...]] = []
    seen = 0
    labels = {name: k for k, name in enumerate(TYPES, start=1)}
    bad, first = 0, ""
    for number, line in enumerate(bytes(source.data).split(b"\n"), start=1):
        if not line.strip():
            continue
        row = _row(line, labels)
        if row is None:
            if options.on_bad == "raise":
                raise FormatError(source.path, "no row of KITTI tracking", f"line {number}", REMEDY)
            bad, first = bad + 1, first or f"line {number}"
        else:
            seen += 1
            rows += [row] if row else []
    if not seen:
        raise FormatError(source.path, "no row of KITTI tracking in it", "", "is it the right file?")
    issues = (Issue("garbled line", bad, first, source.name),) if bad else ()
    v = np.array(rows, dtype=np.float64).reshape(-1, 8)
    v = v[np.argsort(v[:, 0], kind="stable")]
    stream = _detections(v) if (v[:, 1] < 0).all() else _tracks(v)
    role = "detections" if isinstance(stream, Detections) else "tracks"
    return Recording({role: stream}, issues=issues, sources=(source.name,), name=source.name)


def _row(line: bytes, labels: dict[str, int]) -> tuple[float, ...] | None:
    """Frame, identity, label, box, score; () for a region without object, None for what is no row."""
    fields = line.split()
    if len(fields) not in (17, 18):
        return None
    name = fields[2].decode("ascii", "replace")
    try:
        frame, identity = int(fields[0]), int(fields[1])
        left, top, right, bottom = (float(field) for field in fields[6:10])
        score = float(fields[17]) if len(fields) == 18 else 1.0
    except ValueError:
        return None
    if name == "DontCare":
        return ()
    row = (frame + 1, identity, labels.setdefault(name, len(labels) + 1), left, top, right - left, bottom - top, score)
    sound = 0 <= frame < 10**9 and abs(identity) < 10**15 and bool(np.isfinite(row).all())
    return row if sound and max(abs(left), abs(top), abs(right), abs(bottom)) < 1e7 else None


def _detections(v: F64) -> Detections:
    m = len(v)
    frame, label = v[:, 0].astype(np.int64), v[:, 2].astype(np.int64)
    n_frames = int(frame.max(initial=0))
    return Detections(frame, v[:, 3:7], v[:, 7], label, np.full(m, -1), np.empty((m, 0)), n_frames, 10.0)


def _tracks(v: F64) -> BoxTracks:
    v = v[v[:, 1] >= 0]
    frame, track, label = (v[:, k].astype(np.int64) for k in range(3))
    return BoxTracks(frame, track, v[:, 3:7], v[:, 7], label, int(frame.max(initial=0)))


FORMAT = Format("kitti-tracking", "KITTI tracking", (".txt",), _sniff, read)
