"""Lists of JSON records as tables of detections: what the readers of JSON share."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kinema.core.arrays import F64
from kinema.core.recording import Issue
from kinema.errors import FormatError
from kinema.formats.base import ReadOptions, Source
from kinema.formats.detection_columns import TEXTS, roles_of
from kinema.formats.detection_tables import Table

DEEPEST = 1000
MOST_BYTES = 4 << 30


def loaded(source: Source) -> Any:
    """The JSON value of a file. Raises FormatError."""
    if len(source.data) > MOST_BYTES:
        raise FormatError(source.path, "JSON of more than 4 GiB", "", "write CSV or Parquet")
    try:
        return json.loads(bytes(source.data).decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        what = " ".join(str(error).split())[:120]
        raise FormatError(source.path, f"not JSON ({what})", "", "is the file whole?") from None


def number(value: Any) -> float:
    """A JSON value or text as float, NaN where it is none."""
    if isinstance(value, bool) or value is None:
        return float("nan")
    try:
        found = float(value) if isinstance(value, int | float | str) else float("nan")
    except (ValueError, OverflowError):
        return float("nan")
    return found if np.isfinite(found) else float("nan")


def frame_of(text: Any) -> float:
    """The number of an image: itself, or the last number in its name; NaN where there is none."""
    found = number(text)
    if found == found or not isinstance(text, str):
        return found
    digits = re.findall(r"\d{1,15}", re.sub(r"\.\w{1,5}$", "", text[-200:]))
    return float(digits[-1]) if digits else float("nan")


def table_of(source: Source, options: ReadOptions, rows: Sequence[Any], *, appearance: str = "", **facts: Any) -> Table:
    """Records as a Table by the roles of their names; what is no record stops the reading or is counted.

    Nested boxes ({"box": {"x1": …}} and "bbox": [x, y, w, h]) are taken apart before. Raises FormatError.
    """
    good = [row for row in rows if isinstance(row, Mapping)]
    issues: tuple[Issue, ...] = facts.pop("issues", ())
    if len(good) < len(rows):
        first = next(k for k, row in enumerate(rows) if not isinstance(row, Mapping))
        if options.on_bad == "raise" or not good:
            remedy = "read with --on-bad skip to leave it out"
            raise FormatError(source.path, "no record of a detection", f"record {first + 1}", remedy)
        issues = (*issues, Issue("garbled record", len(rows) - len(good), f"record {first + 1}", source.name))
    names = list(dict.fromkeys(str(name) for row in good[:1000] for name in row))[:1000]
    roles = roles_of(names)
    numbers = {
        role: np.array([(frame_of if role == "frame" else number)(row.get(names[k])) for row in good], np.float64)
        for role, k in roles.items() if role not in ("time", "box")
    }  # fmt: skip
    texts = {role: [_text(row.get(names[roles[role]])) for row in good] for role in (*TEXTS, "t_ns") if role in roles}
    vectors = _vectors([row.get(appearance) for row in good]) if appearance else np.empty((len(good), 0))
    return Table(numbers, texts, lambda row: f"record {row + 1}", vectors, issues=issues, **facts)


def _text(value: Any) -> str:
    if value is None or isinstance(value, dict | list):
        return ""
    return str(value)[:200]


def _vectors(values: list[Any]) -> F64:
    """Appearance vectors (n, k) of lists of one length; (n, 0) where they are not that."""
    lengths = {len(v) for v in values if isinstance(v, list)}
    if len(lengths) != 1 or not 0 < (k := lengths.pop()) <= 4096:
        return np.empty((len(values), 0))
    found = np.zeros((len(values), k))
    for row, value in enumerate(values):
        if isinstance(value, list):
            found[row] = [v if v == v else 0.0 for v in map(number, value)]
    return found
