"""Folders of labels as Ultralytics writes them (save_txt): one text for each image, class, centre x and y, width and
height as shares of the image, then perhaps confidence and identity.

Any of the files, or their folder, stands for all of them; the number in a file's name is its frame. The image's size is
taken from a seqinfo.ini or from an image beside the labels.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from kinema.core.arrays import F64
from kinema.core.recording import Issue, Recording
from kinema.errors import FormatError
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.detection_tables import SKIP, Table, boxes
from kinema.formats.image_size import ENDINGS, size_of
from kinema.formats.motchallenge import sequence_info

ASSUMED_PX = (1920, 1080)
MOST_FILES, MOST_BYTES = 2_000_000, 2 << 30
SPARSE = 50
_SHARE = rb"(?:0?\.\d+(?:e-?\d+)?|[01](?:\.\d*)?(?:e-?\d+)?|\d(?:\.\d+)?e-\d+)"
_ROW = re.compile(rb"^\d{1,6}(?: " + _SHARE + rb"){4}(?: [\d.e+-]{1,24}){0,2}\s*$")
_NAME = re.compile(r"^(.*?)(\d{1,15})\.txt$", re.IGNORECASE)


def _sniff(head: bytes, name: str) -> float:
    lines = [line.rstrip(b"\r") for line in head.split(b"\n")[:6] if line.strip()]
    if len(head) >= 8192:
        lines = lines[:-1]
    return 0.88 if lines and name.lower().endswith(".txt") and all(_ROW.match(line) for line in lines) else 0.0


def labels_in(folder: Path) -> Path | None:
    """A file that stands for the labels in a folder or in its `labels`, or None where there are none."""
    for inner in (folder, folder / "labels"):
        found = _numbered(inner)
        for path in found[:5]:
            with path.open("rb") as file:
                if _sniff(file.read(8192), path.name):
                    return path
    return None


def _numbered(folder: Path) -> list[Path]:
    """The numbered texts of a folder in order of their numbers, those with the commonest name before the number."""
    if not folder.is_dir():
        return []
    by_stem: dict[str, list[tuple[int, Path]]] = {}
    for k, path in enumerate(folder.iterdir()):
        if k > MOST_FILES:
            raise FormatError(folder, f"more than {MOST_FILES:,} files", "", "give one sequence's labels")
        match = _NAME.match(path.name)
        if match and path.is_file():
            by_stem.setdefault(match[1], []).append((int(match[2]), path))
    commonest = max(by_stem, key=lambda stem: len(by_stem[stem]), default=None)
    return [] if commonest is None else [path for _, path in sorted(by_stem[commonest])]


def read(source: Source, options: ReadOptions) -> Recording:
    """Read this and its neighbours into "detections" and "tracks" where boxes have identities. Raises FormatError."""
    texts = _texts(source)
    number: list[int] = []
    rows: list[list[float]] = []
    places: list[str] = []
    bad: list[str] = []
    for frame, name, data in texts:
        for k, line in enumerate(data.split(b"\n"), start=1):
            if not line.strip():
                continue
            values = _values(line)
            if values is None:
                bad.append(f"{name}: line {k}")
                continue
            number.append(frame)
            rows.append(values)
            places.append(f"{name}: line {k}")
    if bad and (options.on_bad == "raise" or not rows):
        raise FormatError(source.path, "no class and box as shares of the image", bad[0], SKIP)
    if not rows:
        raise FormatError(source.path, "no label in it", "", "is it the right folder?")
    size, told = _image_size(source)
    issues = (*((Issue("garbled line", len(bad), bad[0], source.name),) if bad else ()), *told)
    return boxes(source, options, _table(np.array(rows), number, places, size, [f for f, _, _ in texts], issues))


def _table(
    v: F64, number: list[int], places: list[str], size: tuple[int, int], frames: list[int], issues: tuple[Issue, ...]
) -> Table:
    known = sorted(set(frames))
    dense = known[-1] - known[0] < SPARSE * len(known)
    place = {n: n + int(known[0] == 0) if dense else k for k, n in enumerate(known, start=1)}
    width, height = size
    numbers = {
        "frame": np.array([place[n] for n in number], np.float64), "label": v[:, 0], "cx": v[:, 1] * width,
        "cy": v[:, 2] * height, "width": v[:, 3] * width, "height": v[:, 4] * height,
    }  # fmt: skip
    sixth, seventh = v[:, 5], v[:, 6]
    # Of six columns the last is an identity where it is a whole number everywhere, and not a confidence of 0 or 1.
    whole = np.isfinite(sixth).all() and (sixth == np.floor(sixth)).all() and (sixth > 1).any()
    if np.isfinite(seventh).any() or not whole:
        numbers |= {"score": sixth, "id": seventh}
    else:
        numbers["id"] = sixth
    texts = {"label": [f"{k:.0f}" for k in v[:, 0]]}
    return Table(
        numbers, texts, lambda row: places[row], np.empty((len(v), 0)), image_size_px=size,
        n_frames=max(place.values()), issues=issues,
    )  # fmt: skip


def _values(line: bytes) -> list[float] | None:
    """Class, centre, size, sixth and seventh (NaN where there are none); None for what is no such row."""
    fields = line.split()
    if not 5 <= len(fields) <= 7 or any(len(field) > 40 for field in fields):
        return None
    try:
        values = [float(field) for field in fields]
    except ValueError:
        return None
    if not (all(map(np.isfinite, values)) and 0 <= values[0] < 1e6 and all(-0.5 <= v <= 1.5 for v in values[1:5])):
        return None
    return values + [float("nan")] * (7 - len(values))


def _texts(source: Source) -> list[tuple[int, str, bytes]]:
    """Number, name and bytes of all files of the sequence; of this one alone where it is no file of a folder."""
    match = _NAME.match(source.name)
    own = (int(match[2]) if match else 1, source.name, bytes(source.data))
    if match is None or not source.path.is_file():
        return [own]
    found, size = [], 0
    for path in _numbered(source.path.parent):
        other = _NAME.match(path.name)
        assert other is not None
        if other[1] != match[1]:
            return [own]
        size += path.stat().st_size
        if size > MOST_BYTES:
            raise FormatError(source.path, "labels of more than 2 GiB", "", "give one sequence's labels")
        found.append((int(other[2]), path.name, path.read_bytes()))
    return found or [own]


def _image_size(source: Source) -> tuple[tuple[int, int], tuple[Issue, ...]]:
    info = sequence_info(source.path)
    try:
        told = int(info.get("imwidth", 0)), int(info.get("imheight", 0))
    except ValueError:
        told = 0, 0
    if min(told) > 0:
        return told, ()
    here = source.path.parent
    stem = source.path.stem
    for folder in (here.parent / "images", here, here.parent):
        for ending in ENDINGS:
            size = size_of(folder / f"{stem}{ending}")
            if size is not None:
                return size, ()
    assumed = f"{ASSUMED_PX[0]} × {ASSUMED_PX[1]} assumed: put a seqinfo.ini (imWidth, imHeight) beside the labels"
    return ASSUMED_PX, (Issue("image size unknown", 1, "", source.name, assumed),)


FORMAT = Format("yolo-labels", "labels of each image (Ultralytics)", (".txt",), _sniff, read)
