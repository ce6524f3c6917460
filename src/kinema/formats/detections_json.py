"""JSON records of detections: `supervision`'s JSONSink, Ultralytics' to_json, and lists of records with such names.

A list of records {"x_min", …, "frame_index"}, or {"box": {"x1", …}, "confidence", "class", "track_id"} for each frame:
then a list of lists, or records {"frame": n, "detections": [...]}.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from kinema.core.recording import Recording
from kinema.errors import FormatError
from kinema.formats import detection_ground, detection_tables
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.detection_columns import is_table_of
from kinema.formats.detection_records import loaded, table_of

_LISTS = ("detections", "predictions", "results", "objects", "boxes")


def _sniff(head: bytes, name: str) -> float:
    text = head.decode("utf-8-sig", "replace").lstrip()
    if text[:1] not in ("[", "{") or '"image_id"' in text:
        return 0.0
    if '"x_min"' in text and '"y_max"' in text:
        return 0.92
    if '"box"' in text and '"x1"' in text and '"confidence"' in text:
        return 0.92
    names = _first_names(text)
    return 0.85 if names and is_table_of(names) else 0.0


def _first_names(text: str) -> list[str]:
    """Names of the first record."""
    start = text.find("{")
    try:
        found, _ = json.JSONDecoder().raw_decode(text[start:]) if start >= 0 else ({}, 0)
    except (ValueError, RecursionError):
        return []
    return [str(name) for name in _flat(found)] if isinstance(found, Mapping) else []


def _flat(one: Mapping[str, Any]) -> dict[str, Any]:
    """A record with the corners of its box beside its other values."""
    box = one.get("box", one.get("bbox"))
    rest = {str(k): v for k, v in one.items() if k not in ("box", "bbox", "name", "segments", "keypoints")}
    if isinstance(box, Mapping):
        return rest | {str(k): v for k, v in box.items()}
    if isinstance(box, list) and len(box) == 4:
        return rest | dict(zip(("x_min", "y_min", "x_max", "y_max"), box, strict=True))
    return rest


def read(source: Source, options: ReadOptions) -> Recording:
    """Read into "detections", "ground detections" or "tag reads", and tracks where rows have identities.

    Raises FormatError.
    """
    rows = _rows(source, loaded(source))
    first = next((row for row in rows if isinstance(row, Mapping)), {})
    kind = is_table_of([str(name) for name in first])
    if not kind:
        remedy = "write its frame's number into each record (frame_index)"
        raise FormatError(source.path, "no records of detections", "record 1", remedy)
    key = next((name for name in ("appearance", "embedding", "feature") if isinstance(first.get(name), list)), "")
    table = table_of(source, options, rows, appearance=key)
    if kind == "boxes":
        return detection_tables.boxes(source, options, table)
    if kind == "reads":
        return detection_ground.reads(source, options, table)
    return detection_ground.ground(source, options, table, {})


def _rows(source: Source, found: Any) -> list[Any]:
    """All records, each with its frame: of lists of frames by their place."""
    if isinstance(found, Mapping):
        found = next((found[name] for name in _LISTS if isinstance(found.get(name), list)), [found])
    if not isinstance(found, list) or not found:
        raise FormatError(source.path, "no records of detections", "", "is it the right file?")
    rows: list[Any] = []
    for k, one in enumerate(found):
        if isinstance(one, list):
            rows += [{"frame": k + 1, **_flat(each)} if isinstance(each, Mapping) else each for each in one]
            continue
        named = one if isinstance(one, Mapping) else {}
        inner = next((named[n] for n in _LISTS if isinstance(named.get(n), list)), None)
        if inner is not None:
            own = {str(n): v for n, v in named.items() if not isinstance(v, list | dict)}
            rows += [own | _flat(each) if isinstance(each, Mapping) else each for each in inner]
        else:
            rows.append(_flat(one) if isinstance(one, Mapping) else one)
    return rows


FORMAT = Format("detections-json", "JSON records of detections", (".json",), _sniff, read)
