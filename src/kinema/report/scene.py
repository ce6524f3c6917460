"""The movers of a scene as a page wants them: on the ground in metres or in an image in pixels, under safe names."""

from __future__ import annotations

import re
import secrets
from collections import Counter
from dataclasses import dataclass

import numpy as np

from kinema.analysis.movers import rows_by_track
from kinema.analysis.privacy import pseudonym
from kinema.core.arrays import F64, I64, Bool
from kinema.core.tracks import BoxTracks, GroundTracks
from kinema.errors import DataError

ASSUMED_HZ = 25.0
SPEED_OF_ROWS = 400_000
"""Above this many rows the page keeps every second, third, … scan, down to LEAST_HZ."""
LEAST_HZ = 4.0


@dataclass(frozen=True)
class Movers:
    """Movers by their place on the page, k of them: names (k,), start (k + 1,) their rows, identity (k,) the numbers
    that the tracks had and tag (k,), −1 where unknown: both stay out of the page.

    Per row, n of them, sorted by mover and time: t_s since `origin_ns`, x (east) and y (north) in `unit`, seen;
    speed_mps or None; sigma (n, 3) of x, of y and their correlation, or None; size (n, 2) of boxes, or None.
    """

    names: tuple[str, ...]
    start: I64
    identity: I64
    tag: I64
    t_s: F64
    x: F64
    y: F64
    seen: Bool
    origin_ns: int
    unit: str = "m"
    speed_mps: F64 | None = None
    sigma: F64 | None = None
    size: F64 | None = None
    simulated: bool = False
    notes: tuple[str, ...] = ()

    @property
    def of_row(self) -> I64:
        """The mover of each row."""
        return np.repeat(np.arange(len(self.names)), np.diff(self.start))


def safe_names(raw: list[str], salt: str | None) -> list[str]:
    """Pseudonyms of names: a word and for each as few digits as tell it from all others; without a salt a fresh one is
    drawn, so that two pages tell nothing of each other."""
    salt = secrets.token_hex(16) if salt is None else salt
    whole = [pseudonym(name, salt) for name in raw]
    found = [""] * len(whole)
    for digits in range(2, 7):
        short = [name[: name.index(" ") + 1 + digits] for name in whole]
        often = Counter(short)
        found = [one or (name if often[name] == 1 else "") for one, name in zip(found, short, strict=True)]
    return [one or f"{name} {k}" for k, (one, name) in enumerate(zip(found, whole, strict=True))]


def movers_on_ground(tracks: GroundTracks, *, names: bool = False, salt: str | None = None) -> Movers:
    """The movers of ground tracks, sorted by the names they are shown under. Raises DataError where there are none."""
    if not len(tracks.t_ns):
        raise DataError("tracks", "at least one mover", "none")
    parts = rows_by_track(tracks.track)
    tags = [_tag_of(tracks.tag[part]) for part in parts]
    raw = [
        tracks.tag_names.get(tag, str(tag)) if tag >= 0 else f"track {tracks.track[part.start]}"
        for tag, part in zip(tags, parts, strict=True)
    ]
    shown, order = _named(raw, names, salt)
    stride = _stride(tracks.t_ns)
    rows, start = _rows(parts, order, stride)
    notes = (f"Of {len(tracks.t_ns):,} positions the page keeps one in {stride} of each mover.",) if stride > 1 else ()
    cov = tracks.cov_ne_m2[rows]
    east, north = np.sqrt(np.maximum(cov[:, 1, 1], 0)), np.sqrt(np.maximum(cov[:, 0, 0], 0))
    sigma = np.column_stack([east, north, cov[:, 0, 1] / np.maximum(east * north, 1e-12)])
    origin = int(tracks.t_ns.min())
    identity = np.array([tracks.track[parts[k].start] for k in order])
    tag = np.array([tags[k] for k in order])
    t_s: F64 = np.asarray((tracks.t_ns[rows] - origin) * 1e-9, dtype=np.float64)
    return Movers(
        shown, start, identity, tag, t_s, tracks.p_ne_m[rows, 1], tracks.p_ne_m[rows, 0], tracks.seen[rows], origin,
        speed_mps=np.hypot(*tracks.v_ne_mps[rows].T), sigma=sigma, simulated=tracks.simulated,
        notes=notes,
    )  # fmt: skip


def movers_in_image(
    tracks: BoxTracks, frame_rate_hz: float = float("nan"), *, names: bool = False, salt: str | None = None
) -> Movers:
    """The movers of boxes, each at the middle of its lower edge; y is negative downwards, so that the image stands
    upright where north is up. Raises DataError where there are none, or an identity stands twice in a frame."""
    keep = np.isfinite(tracks.box_px).all(axis=1)
    if not keep.any():
        raise DataError("tracks", "at least one box", "none")
    tracks.refuse_twins("tracks")
    known = bool(np.isfinite(frame_rate_hz) and frame_rate_hz > 0)
    rate = frame_rate_hz if known else ASSUMED_HZ
    by = np.flatnonzero(keep)[np.lexsort((tracks.frame[keep], tracks.track[keep]))]
    box, identity = tracks.box_px[by], tracks.track[by]
    parts = rows_by_track(identity)
    shown, order = _named([f"track {identity[part.start]}" for part in parts], names, salt)
    rows, start = _rows(parts, order, 1)
    notes = () if known else (f"The frame rate is not known; {ASSUMED_HZ:.0f} per second are assumed.",)
    return Movers(
        shown, start, np.array([identity[parts[k].start] for k in order]), np.full(len(parts), -1),
        (tracks.frame[by][rows] - 1) / rate, box[rows, 0] + 0.5 * box[rows, 2], -(box[rows, 1] + box[rows, 3]),
        tracks.score[by][rows] > 0, 0, "px", size=box[rows, 2:], notes=notes,
    )  # fmt: skip


def _named(raw: list[str], names: bool, salt: str | None) -> tuple[tuple[str, ...], list[int]]:
    """Names in the order in which they are shown, and whose they are; the order of pseudonyms tells nothing either."""
    different = list(dict.fromkeys(raw))
    called = dict(zip(different, different if names else safe_names(different, salt), strict=True))
    again: dict[str, int] = {}
    shown = []
    for name in raw:
        again[name] = again.get(name, 0) + 1
        shown.append(called[name] + (f"/{again[name]}" if again[name] > 1 else ""))
    order = sorted(range(len(raw)), key=lambda k: (_number(shown[k]), shown[k]) if names else (0.0, shown[k]))
    return tuple(shown[k] for k in order), order


def _number(name: str) -> float:
    """The number that a name begins with, for sorting."""
    found = re.match(r"\d{1,15}", name)
    return float(found[0]) if found else float("inf")


def _rows(parts: list[slice], order: list[int], stride: int) -> tuple[I64, I64]:
    """Rows of all movers in their order, thinned but for the last of each, and where each mover's begin."""
    found = []
    for k in order:
        rows = np.arange(parts[k].start, parts[k].stop, stride)
        found.append(rows if rows[-1] == parts[k].stop - 1 else np.append(rows, parts[k].stop - 1))
    return np.concatenate(found), np.concatenate([[0], np.cumsum([len(rows) for rows in found])])


def _stride(t_ns: I64) -> int:
    scans = np.unique(t_ns)
    step = float(np.median(np.diff(scans))) * 1e-9 if len(scans) > 1 else 1.0
    wanted = int(np.ceil(len(t_ns) / SPEED_OF_ROWS))
    return max(1, min(wanted, int(1.0 / (LEAST_HZ * max(step, 1e-9)))))


def _tag_of(tag: I64) -> int:
    """The tag of a track: that of most of its rows."""
    known = tag[tag >= 0]
    if not len(known):
        return -1
    values, counts = np.unique(known, return_counts=True)
    return int(values[np.argmax(counts)])
