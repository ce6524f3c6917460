"""Detections in MCAP: JSON (or protobuf) messages with a list of records, one message for each image or scan.

    {"timestamp": …, "detections": [{"x_min", "y_min", "x_max", "y_max", "confidence", "class_id"}, …]}

Boxes, points on the ground or reads of tags, by the names of `detection_columns`; or vision_msgs/Detection2DArray with
its bbox of center, size_x, size_y. Times are the messages' own, else those of the log; each topic is a camera.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from kinema.core.recording import Recording
from kinema.formats import detection_ground, detection_tables
from kinema.formats.base import ReadOptions, Source
from kinema.formats.detection_columns import is_table_of
from kinema.formats.detection_records import table_of
from kinema.formats.mcap_objects import flat

LISTS = ("detections", "predictions", "objects", "boxes", "detected_objects", "tag_reads")
_PLAIN_WORDS = re.compile(r"^(detections?(_2d|_3d)?|boxes|objects|image|rect|predictions|results)$")


def records_of(message: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """The records of a message, None where it has no list of such."""
    found = next((message[name] for name in LISTS if isinstance(message.get(name), list)), None)
    if found is None or not all(isinstance(one, Mapping) for one in found):
        return None
    return [_record(one) for one in found]


def _record(one: Mapping[str, Any]) -> dict[str, Any]:
    """A record's numbers and texts, with its box's corners or centre and size beside them."""
    box = one.get("box", one.get("bbox"))
    rest = flat({k: v for k, v in one.items() if k not in ("box", "bbox", "header")})
    if isinstance(box, Mapping):
        parts = flat(box)
        renamed = {"center_position_x": "cx", "center_position_y": "cy", "center_x": "cx", "center_y": "cy",
                   "size_x": "width", "size_y": "height"}  # fmt: skip
        rest |= {renamed.get(k, k): v for k, v in parts.items()}
    elif isinstance(box, Sequence) and len(box) == 4 and not isinstance(box, str):
        rest |= dict(zip(("x_min", "y_min", "x_max", "y_max"), box, strict=True))
    for key, value in _hypothesis(one).items():
        rest.setdefault(key, value)
    return rest


def _hypothesis(one: Mapping[str, Any]) -> dict[str, Any]:
    """Class and score of the first of vision_msgs' results."""
    results = one.get("results")
    first = results[0] if isinstance(results, list) and results and isinstance(results[0], Mapping) else {}
    inner = first.get("hypothesis", first)
    return {k: inner[k] for k in ("class_id", "score") if isinstance(inner, Mapping) and k in inner}


def is_known(records: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the records of a message are detections of some kind (an empty message may be)."""
    return not records or bool(is_table_of(["t_ns", *records[0]]))


def recording_of(
    source: Source, options: ReadOptions, records: list[dict[str, Any]], t_ns: Sequence[int], topic: str
) -> Recording | None:
    """Streams of one topic's records, with the GPS time of the message of each. Raises FormatError."""
    if not records:
        return None
    rows = [{**one, "t_ns": int(t)} for one, t in zip(records, t_ns, strict=True)]
    for row in rows:
        row.setdefault("camera", camera_of(topic))
    kind = is_table_of(list(rows[0]))
    table = table_of(source, options, rows)
    if kind == "boxes":
        return detection_tables.boxes(source, options, replace(table, where=lambda row: f"{topic}, record {row + 1}"))
    if kind == "ground":
        return detection_ground.ground(source, options, table, {})
    return detection_ground.reads(source, options, table) if kind == "reads" else None


def camera_of(topic: str) -> str:
    """The part of a topic that names the camera."""
    parts = [part for part in topic.split("/") if part and not _PLAIN_WORDS.match(part.lower())]
    return parts[-1] if parts else topic.strip("/")
