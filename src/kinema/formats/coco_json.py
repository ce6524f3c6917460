"""COCO boxes in JSON: results (a list of image_id, category_id, bbox, score) and annotations (with images).

Boxes are left, top, width, height in pixels (Lin et al. 2014, "Data format"); `track_id` (or `instance_id`) as in the
video extensions of it. Images order frames by `frame_id`, else by the number in their file's name, else by their id.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from kinema.core.recording import Issue, Recording
from kinema.errors import FormatError
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.detection_records import frame_of, loaded, number, table_of
from kinema.formats.detection_tables import SKIP, boxes

SPARSE = 50
"""Image numbers spread wider than so many times their count are names, not frames."""


def _sniff(head: bytes, name: str) -> float:
    start = head.lstrip()[:1]
    if start not in (b"[", b"{"):
        return 0.0
    if b'"bbox"' in head and b'"image_id"' in head:
        return 0.9
    known = sum(key in head for key in (b'"images"', b'"annotations"', b'"categories"', b'"file_name"'))
    return 0.85 if start == b"{" and known >= 2 else 0.0


def read(source: Source, options: ReadOptions) -> Recording:
    """Read into "detections" (of each video by its number, where there are several), "tracks" where boxes have
    identities. Raises FormatError."""
    found = loaded(source)
    images: list[Any] = []
    if isinstance(found, dict):
        images = found.get("images") or []
        found = found.get("annotations") or found.get("predictions") or []
    if not isinstance(found, list) or not isinstance(images, list):
        raise FormatError(source.path, "no list of annotations", "", "expected COCO results or annotations")
    if not found:
        raise FormatError(source.path, "no box in it", "", "is it the right file?")
    rows, bad = [], []
    for k, one in enumerate(found):
        box = one.get("bbox") if isinstance(one, Mapping) else None
        if isinstance(box, list) and len(box) == 4:
            rows.append(_record(one, box))
        else:
            bad.append(k)
    if bad and (options.on_bad == "raise" or not rows):
        raise FormatError(source.path, "no bbox of four numbers", f"record {bad[0] + 1}", SKIP)
    issues = (Issue("garbled record", len(bad), f"record {bad[0] + 1}", source.name),) if bad else ()
    size, n_frames = _framed(source, rows, [image for image in images if isinstance(image, Mapping)])
    key = "embedding" if "embedding" in rows[0] else "appearance" if "appearance" in rows[0] else ""
    table = table_of(
        source, options, rows, appearance=key, image_size_px=size, n_frames=n_frames, issues=issues
    )  # fmt: skip
    return boxes(source, options, table)


def _record(one: Mapping[str, Any], box: list[Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {"image_id": one.get("image_id")}
    kept |= {"left": box[0], "top": box[1], "width": box[2], "height": box[3]}
    kept |= {"score": one.get("score", 1.0), "category_id": one.get("category_id")}
    identity = one.get("track_id", one.get("instance_id"))
    if identity is not None:
        kept["track_id"] = identity
    if one.get("video_id") is not None:
        kept["video"] = one["video_id"]
    return kept | {key: one[key] for key in ("embedding", "appearance", "bib", "tag") if key in one}


def _framed(source: Source, rows: list[dict[str, Any]], images: list[Mapping[str, Any]]) -> tuple[tuple[int, int], int]:
    """Write each row's frame (from 1) in place of its image; the images' size and number."""
    if not images:
        ids = {row["image_id"]: frame_of(row["image_id"]) for row in rows if _hashable(row["image_id"])}
        numbers = sorted({v for v in ids.values() if v == v})
        dense = bool(numbers) and numbers[-1] - numbers[0] < SPARSE * len(numbers) and numbers[0] >= 0
        place = {v: v if dense else k + 1.0 for k, v in enumerate(numbers)}
        shift = 1.0 if dense and numbers[0] == 0 else 0.0
        for row in rows:
            at = ids.get(row["image_id"]) if _hashable(row["image_id"]) else None
            row["frame"] = place[at] + shift if at is not None and at == at else None
            del row["image_id"]
        return (0, 0), 0
    several = len({_plain(image.get("video_id")) for image in images}) > 1
    order: dict[Any, dict[Any, float]] = {}
    video_of: dict[Any, Any] = {}
    for image in sorted(images, key=_image_order):
        if _hashable(image.get("id")):
            video = _plain(image.get("video_id")) if several else ""
            mine = order.setdefault(video, {})
            mine.setdefault(image["id"], len(mine) + 1.0)
            video_of[image["id"]] = video
    for row in rows:
        image = row.pop("image_id")
        known = _hashable(image) and image in video_of
        row["frame"] = order[video_of[image]][image] if known else None
        if several and known:
            row["video"] = video_of[image]
    sizes = {(number(image.get("width")), number(image.get("height"))) for image in images}
    width, height = next(iter(sizes)) if len(sizes) == 1 else (0.0, 0.0)
    good = width == width and height == height and 0 < width < 1e6 and 0 < height < 1e6
    return ((int(width), int(height)) if good else (0, 0)), max((len(mine) for mine in order.values()), default=0)


def _image_order(image: Mapping[str, Any]) -> tuple[float, float, float]:
    told = next((number(image[key]) for key in ("frame_id", "frame_index", "frame_number") if key in image), np.inf)
    name = str(image.get("file_name", ""))[-200:]
    digits = re.findall(r"\d{1,15}", re.sub(r"\.\w{1,5}$", "", name))
    return (
        told if told == told else np.inf, float(digits[-1]) if digits else np.inf,
        frame_of(image.get("id")) if image.get("id") == image.get("id") else np.inf,
    )  # fmt: skip


def _plain(value: Any) -> str:
    return "" if value is None or isinstance(value, dict | list) else str(value)


def _hashable(value: Any) -> bool:
    return isinstance(value, int | str | float)


FORMAT = Format("coco", "COCO boxes (JSON)", (".json",), _sniff, read)
