"""Tables of detections as streams, whatever file they came from: boxes, points on the ground, reads of tags.

Rows may come in any order. Boxes without area and rows that are there twice are left out and counted; what cannot be
(NaN, negative sizes, places beyond the Earth) stops the reading, or is counted under `on_bad="skip"`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from kinema.core.arrays import F64, I64, Bool
from kinema.core.recording import Issue, Recording
from kinema.core.tracks import BoxTracks, Detections
from kinema.errors import FormatError
from kinema.formats.base import ReadOptions, Source
from kinema.formats.detection_columns import CENTRED, CORNERS, box_roles
from kinema.formats.detection_times import instants

MOST_PX, MOST_FRAME, MOST_ID = 1e7, 1e9, 10**15
SKIP = "read with --on-bad skip to leave it out"


@dataclass(frozen=True)
class Table:
    """Columns of one length by role: numbers (NaN where there is none) and texts ("" likewise); where(row) tells the
    place of a row in the file."""

    numbers: Mapping[str, F64]
    texts: Mapping[str, Sequence[str]]
    where: Callable[[int], str]
    appearance: F64
    frame_rate_hz: float = float("nan")
    image_size_px: tuple[int, int] = (0, 0)
    n_frames: int = 0
    issues: tuple[Issue, ...] = ()
    n: int = field(default=-1)

    def __post_init__(self) -> None:
        lengths = {len(column) for column in (*self.numbers.values(), *self.texts.values())}
        object.__setattr__(self, "n", lengths.pop() if lengths else 0)

    def pick(self, rows: Any) -> Table:
        """The rows of a mask or of indices."""
        index = np.arange(self.n)[rows]
        return replace(
            self,
            numbers={role: column[index] for role, column in self.numbers.items()},
            texts={role: [column[k] for k in index.tolist()] for role, column in self.texts.items()},
            where=lambda row: self.where(int(index[row])),
            appearance=self.appearance[index],
        )

    def number(self, role: str, otherwise: float) -> F64:
        """A column (n,), with `otherwise` where there is nothing."""
        column = self.numbers.get(role)
        return np.full(self.n, otherwise) if column is None else np.where(np.isfinite(column), column, otherwise)


def sound(source: Source, options: ReadOptions, table: Table, good: Bool, what: str) -> Table:
    """The rows that are `good`. Raises FormatError at the first other one, or counts them under "skip"."""
    if good.all():
        return table
    where = table.where(int(np.argmin(good)))
    if options.on_bad == "raise" or not good.any():
        raise FormatError(source.path, what, where, SKIP if good.any() else "is it the right file?")
    issue = Issue(what, int((~good).sum()), where, source.name)
    return replace(table.pick(good), issues=(*table.issues, issue))


def without(source: Source, table: Table, rows: Bool, what: str) -> Table:
    """The table without the rows of a mask, which are counted as `what`."""
    if not rows.any():
        return table
    issue = Issue(what, int(rows.sum()), table.where(int(np.argmax(rows))), source.name)
    return replace(table.pick(~rows), issues=(*table.issues, issue))


def codes(texts: Sequence[str]) -> tuple[I64, dict[int, str]]:
    """Numbers (n,) of names, −1 for "", and what they are called: whole numbers stand for themselves where all are."""
    clean = [re.sub(r"^(\d+)\.0+$", r"\1", text.strip()) for text in texts]
    if all(not text or (text.lstrip("-").isdecimal() and len(text) < 16) for text in clean):
        return np.array([int(text) if text else -1 for text in clean], np.int64), {}
    known = {name: k for k, name in enumerate(sorted({text for text in clean if text}))}
    return np.array([known.get(text, -1) for text in clean], np.int64), {k: name for name, k in known.items()}


def boxes(source: Source, options: ReadOptions, table: Table) -> Recording:
    """ "detections" (of each camera by its name, where the table has several), and "tracks" where rows have identities.
    Raises FormatError."""
    four = box_roles(dict.fromkeys(table.numbers, 0))
    left, top, width, height = (np.asarray(table.numbers[role]) for role in four)
    if four == CORNERS:
        width, height = width - left, height - top
    elif four == CENTRED:
        left, top = left - width / 2, top - height / 2
    box = np.column_stack((left, top, width, height))
    table = replace(table, numbers={**table.numbers, **{f"box{k}": box[:, k] for k in range(4)}})
    good = np.asarray(np.isfinite(box).all(axis=1) & (np.abs(box) < MOST_PX).all(axis=1))
    table = sound(source, options, table, good, "no box of numbers")
    good = (table.numbers["box2"] >= 0) & (table.numbers["box3"] >= 0)
    table = sound(source, options, table, good, "box of negative size")
    area = (table.numbers["box2"] > 0) & (table.numbers["box3"] > 0)
    table = without(source, table, ~area, "box without area")
    table, frame, t_ns, rate = _framed(source, options, table)
    camera, names = codes(table.texts["camera"]) if "camera" in table.texts else (np.zeros(table.n, np.int64), {})
    rows = np.column_stack([frame, camera, *(table.numbers[f"box{k}"] for k in range(4))])
    first = np.zeros(table.n, np.bool_)
    first[np.unique(rows, axis=0, return_index=True)[1]] = True
    again = ~first if table.n else np.zeros(0, np.bool_)
    frame, t_ns, camera = frame[~again], t_ns[~again], camera[~again]
    table = without(source, table, again, "box twice in a frame")
    streams: dict[str, Any] = {}
    several = len(np.unique(camera)) > 1
    for one in np.unique(camera) if table.n else [0]:
        mine = np.flatnonzero(camera == one)
        name = names.get(int(one), str(int(one))) if "camera" in table.texts else ""
        seen, tracks = _of_camera(table.pick(mine), frame[mine], t_ns[mine], rate, name)
        ending = f" {name}" if several else ""
        streams[f"detections{ending}"] = seen
        if tracks is not None:
            streams[f"tracks{ending}"] = tracks
    settings = {"frame_rate_hz": rate} if rate > 0 else {}
    return Recording(streams, issues=table.issues, sources=(source.name,), name=source.name, settings=settings)


def _of_camera(table: Table, frame: I64, t_ns: I64, rate: float, camera: str) -> tuple[Detections, BoxTracks | None]:
    order = np.argsort(frame, kind="stable")
    table, frame, t_ns = table.pick(order), frame[order], t_ns[order]
    box = np.column_stack([table.numbers[f"box{k}"] for k in range(4)])
    label = codes(table.texts["label"])[0] if "label" in table.texts else np.full(table.n, -1)
    tag = codes(table.texts["tag"])[0] if "tag" in table.texts else np.full(table.n, -1)
    score, n_frames = table.number("score", 1.0), max(table.n_frames, int(frame.max(initial=0)))
    size = table.appearance / np.maximum(np.linalg.norm(table.appearance, axis=1, keepdims=True), 1e-12)
    seen = Detections(frame, box, score, label, tag, size, n_frames, rate, table.image_size_px, t_ns, camera)
    identity = table.number("id", -1.0)
    some = (identity >= 0) & (identity < MOST_ID)
    if not some.any():
        return seen, None
    return seen, BoxTracks(frame[some], identity[some].astype(np.int64), box[some], score[some], label[some], n_frames)


def _framed(source: Source, options: ReadOptions, table: Table) -> tuple[Table, I64, I64, float]:
    """The sound rows, their frames from 1, times (−1: unknown), and frames per second (NaN: unknown)."""
    table, t_ns = instants(source, options, table)
    if "frame" in table.numbers:
        number = table.numbers["frame"]
        good = np.isfinite(number) & (number >= 0) & (number < MOST_FRAME) & (number == np.floor(number))
        kept = sound(source, options, table, good, "no number of a frame")
        t_ns, frame = t_ns[good] if len(t_ns) else t_ns, kept.numbers["frame"].astype(np.int64)
        frame += int(frame.min(initial=1) == 0)
        return (kept, frame, *_rate_of_frames(frame, t_ns, kept.frame_rate_hz))
    if not len(t_ns) and table.n:
        what = "no column of frames or times"
        raise FormatError(source.path, what, "", "write the frame's number beside each box (frame_index)")
    times, which = np.unique(t_ns, return_inverse=True)
    if len(times) < 2:
        return table, np.ones(len(t_ns), np.int64), t_ns, float("nan")
    # Images in which nothing was seen are missing, so the step is rather among the shorter ones.
    step = float(np.quantile(np.diff(times), 0.4, method="lower"))
    frame = 1 + np.round((times - times[0]) / step).astype(np.int64)
    if (np.diff(frame) == 0).any():
        frame = np.arange(1, len(times) + 1)
    if frame[-1] > 100 * len(times) + 1000:
        raise FormatError(source.path, "times with long holes in them", "", "write the frame's number beside each box")
    return table, frame[which], t_ns, 1e9 / step


def _rate_of_frames(frame: I64, t_ns: I64, told_hz: float) -> tuple[I64, float]:
    """Times (−1: unknown) and frames per second by the times beside the frames."""
    if not len(t_ns):
        return np.full(len(frame), -1), told_hz
    order = np.argsort(frame, kind="stable")
    frames, first = np.unique(frame[order], return_index=True)
    if len(frames) < 2:
        return t_ns, told_hz
    at = t_ns[order][first]
    step = float(np.median(np.diff(at) / np.diff(frames)))
    return t_ns, 1e9 / step if step > 0 else told_hz
