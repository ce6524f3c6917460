"""The Plaza range data sets (MATLAB 5): odometry DR, ranges TD, anchors TL and truth GT of a mower on a lawn.

DR: time, distance and turn since the row before; TD: time, sender, anchor, metres; TL: anchor, x, y; GT: time, x, y,
heading (from x towards y). Times are seconds of the file's own clock (Djugash, "Geolocation with range", 2010).
"""

from __future__ import annotations

import numpy as np

from kinema.core.arrays import F64
from kinema.core.recording import Issue, Recording
from kinema.core.solution import FixStatus, Provenance, Solution
from kinema.core.streams import AnchorRanges, Series
from kinema.errors import FormatError
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.mat5 import MAGIC, matrices
from kinema.formats.tables import nanoseconds
from kinema.formats.trajectory import in_order

MOST = 1e12
"""No time in seconds, length in metres or number of an anchor is larger."""
_WIDTHS = {"DR": 3, "TD": 4, "TL": 3}


def _sniff(head: bytes, name: str) -> float:
    if not head.startswith(MAGIC):
        return 0.0
    return 0.9 if "plaza" in name.lower() else 0.4


def _table(source: Source, found: dict[str, F64], name: str, width: int) -> F64:
    value = found.get(name)
    if value is None or value.shape[1] != width or not len(value):
        have = ", ".join(f"{key} {table.shape[0]} x {table.shape[1]}" for key, table in list(found.items())[:8])
        raise FormatError(source.path, f"no table {name} of {width} columns in it", "", f"it has {have or 'none'}")
    bad = ~(np.abs(value) < MOST).all(axis=1)
    if bad.any():
        raise FormatError(source.path, f"a value of table {name} cannot be", f"row {int(np.argmax(bad)) + 1}")
    return value


def read(source: Source, options: ReadOptions) -> Recording:
    """Read "odometry" (distance in m, turn in rad), "ranges", and "truth" where it is there. Raises FormatError."""
    found = matrices(source)
    odometry, ranges, anchors = (_table(source, found, name, width) for name, width in _WIDTHS.items())
    series, issues = odometry_of(source, odometry, options)
    measured, told = ranges_of(source, ranges, anchors)
    streams: dict[str, object] = {"odometry": series, "ranges": measured}
    if "GT" in found:
        truth = _table(source, found, "GT", 4)
        streams["truth"] = truth_of(source, truth)
    return Recording(streams, issues=(*issues, *told), sources=(source.name,))


def odometry_of(source: Source, table: F64, options: ReadOptions) -> tuple[Series, tuple[Issue, ...]]:
    """Distances and turns of a table DR, and what was odd."""
    t_ns = nanoseconds(source, table[:, 0])
    index, issues = in_order(source, t_ns, options)
    return Series(t_ns[index], table[index, 1:3], "m, rad", ("distance", "turn")), issues


def ranges_of(source: Source, table: F64, anchors: F64 | None) -> tuple[AnchorRanges, tuple[Issue, ...]]:
    """Ranges of a table TD to the anchors of a table TL (None: their places are not known), and what was odd."""
    t_ns = nanoseconds(source, table[:, 0])
    order = np.argsort(t_ns, kind="stable")
    back = int((np.diff(t_ns) < 0).sum())
    told = (Issue("ranges out of order", back, "", source.name, "sorted by time"),) if back else ()
    if anchors is None:
        anchors = np.column_stack([np.unique(table[:, 2]), *[np.full(len(np.unique(table[:, 2])), np.nan)] * 2])
    ids = anchors[:, 0].astype(np.int64)
    of = {int(key): k for k, key in enumerate(ids)}
    if len(of) < len(ids):
        twice = next(int(key) for k, key in enumerate(ids) if of[int(key)] != k)
        raise FormatError(source.path, f"anchor {twice} stands in two rows of TL", "", "keep the right one")
    strange = sorted({int(a) for a in table[:, 2]} - of.keys())
    if strange:
        raise FormatError(source.path, f"ranges to anchor {strange[0]}, which TL does not place")
    which = np.array([of[int(a)] for a in table[order, 2]], np.int32)
    place = np.column_stack([anchors[:, 1:3], np.where(np.isfinite(anchors[:, 1]), 0.0, np.nan)])
    return AnchorRanges(t_ns[order], which, table[order, 3], place, tuple(str(key) for key in ids)), told


def truth_of(source: Source, table: F64) -> Solution:
    """A table GT on the local plane."""
    from kinema.core.frames import WGS84_A_M

    t_ns = nanoseconds(source, table[:, 0])
    keep = np.concatenate([[True], t_ns[1:] > np.maximum.accumulate(t_ns)[:-1]])
    x, y = table[keep, 1], table[keep, 2]
    half = 0.5 * (0.5 * np.pi - table[keep, 3])
    zero = np.zeros_like(half)
    return Solution(
        t_ns[keep], np.column_stack([np.full_like(x, WGS84_A_M), x, y]),
        q_nb_wxyz=np.column_stack([np.cos(half), zero, zero, np.sin(half)]),
        status=np.full(len(x), FixStatus.FIXED, np.uint8), provenance=Provenance(datum="local", point="body"),
    )  # fmt: skip


FORMAT = Format("plaza_mat", "Plaza range data set (MATLAB 5)", (".mat",), _sniff, read)
