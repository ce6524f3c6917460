"""Where the messages of a u-blox binary log are, and what time they state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from kinema.core.arrays import I64, U8
from kinema.core.recording import Issue
from kinema.core.time import NS, WEEK_NS
from kinema.errors import FormatError
from kinema.formats.base import Source
from kinema.formats.tables import bytes_of

RAWX, SFRBX = 0x0215, 0x0213
PVT, HPPOSLLH, COV, TIMEGPS, TIMELS = 0x0107, 0x0114, 0x0136, 0x0120, 0x0126

SYSTEM_OF_GNSS_ID = {0: "G", 1: "S", 2: "E", 3: "C", 5: "J", 6: "R", 7: "I"}
RAWX_HEAD = np.dtype([
    ("tow_s", "<f8"), ("week", "<u2"), ("leap_s", "i1"), ("n", "u1"), ("state", "u1"), ("version", "u1"), ("r", "V2"),
])  # fmt: skip


@dataclass(frozen=True)
class Frames:
    """Where the payloads of a log are: start, length, kind (n,), in file order; `data` is the whole file."""

    data: U8
    start: I64
    length: I64
    kind: I64

    def of(self, kind: int, shortest: int = 0) -> I64:
        """Indices of the frames of a kind that are long enough."""
        return np.flatnonzero((self.kind == kind) & (self.length >= shortest))

    def records(self, frames: I64, layout: Any, offset: int = 0) -> Any:
        """One record of a dtype from each frame, `offset` bytes into its payload."""
        return gather(self.data, self.start[frames] + offset, layout)


def gather(data: U8, at: I64, layout: Any) -> Any:
    """Records (n,) of a dtype that begin at the bytes `at` (n,)."""
    layout = np.dtype(layout)
    return np.ascontiguousarray(data[at[:, None] + np.arange(layout.itemsize)]).view(layout)[:, 0]


def find_frames(source: Source) -> tuple[Frames, tuple[Issue, ...]]:
    """All whole frames, and what stood between them. Raises FormatError where there is none."""
    from kinema.kernels.ubx import scan_frames

    data = bytes_of(source)
    most = int(np.count_nonzero((data[:-1] == 0xB5) & (data[1:] == 0x62)))
    start, kind, length, lost = (np.empty(size, np.int64) for size in (most, most, most, 4))
    count = scan_frames(data, start, kind, length, lost)
    if count == 0:
        raise FormatError(source.path, "no UBX frame with a right checksum", "", "is it a u-blox log?")
    issues = []
    outside, first, wrong, cut = lost.tolist()
    if wrong:
        issues.append(Issue("wrong checksum", wrong, f"byte {first}", source.name))
    if cut:
        issues.append(Issue("frame cut off by the end of the file", 1, f"byte {len(data) - cut}", source.name))
    if outside - cut > 0:
        detail = "NMEA among them: not read here" if b"$G" in bytes(data[first : first + 4096]) else ""
        issues.append(Issue("bytes outside of UBX frames", outside - cut, f"byte {first}", source.name, detail))
    return Frames(data, start[:count], length[:count], kind[:count]), tuple(issues)


def reference_times(frames: Frames) -> tuple[I64, I64]:
    """GPS times (k,) that messages state, and which frame each stands in: RXM-RAWX and NAV-TIMEGPS."""
    rawx, time = frames.of(RAWX, 16), frames.of(TIMEGPS, 16)
    head = frames.records(rawx, RAWX_HEAD)
    stated = frames.records(time, [("tow_ms", "<u4"), ("ns", "<i4"), ("week", "<i2"), ("leap", "i1"), ("valid", "u1")])
    sure = (stated["valid"] & 3) == 3
    week = np.concatenate([head["week"].astype(np.int64), stated["week"][sure].astype(np.int64)])
    tow_ns = np.concatenate(
        [np.round(head["tow_s"] * NS).astype(np.int64), stated["tow_ms"][sure] * np.int64(1_000_000)]
    )
    at = np.concatenate([rawx, time[sure]])
    order = np.argsort(at, kind="stable")
    order = order[week[order] > 0]
    return (week * WEEK_NS + tow_ns)[order], at[order]
