"""Where the anchors of ranges stand: a table "anchor,x_m,y_m,z_m", or TOML with [anchors] 7 = [12.5, 3.0, 2.0]."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import numpy as np

from kinema.core.recording import Recording
from kinema.errors import FormatError
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.tables import line_at, read_numbers

_NAME = r"anchor(?:_?(?:id|name))?|beacon(?:_?id)?|id"
_AXIS = r"(?:anchor_|pos(?:ition)?_|p_)?{}(?:_(m|cm|mm))?"
_UNITS = {"": 1.0, "m": 1.0, "cm": 0.01, "mm": 0.001}
FURTHEST_M = 1e6


def _columns(head: bytes) -> list[tuple[int, float]] | None:
    """Places and factors of the columns anchor, x, y and, where it is there, z; None where this is no such table."""
    line = head.split(b"\n", 1)[0].decode("utf-8", "replace").strip().lstrip("\ufeff#% ")
    names = [cell.strip().strip('"').lower() for cell in re.split(r"[,;\t]", line)]
    number = [k for k, name in enumerate(names) if re.fullmatch(_NAME, name)]
    if len(number) != 1 or any(re.match(r"t(?:ime|_|$)|range|distance", name) for name in names):
        return None
    found = [(number[0], 1.0)]
    for axis in "xyz":
        match = [(k, m) for k, name in enumerate(names) if (m := re.fullmatch(_AXIS.format(axis), name))]
        if len(match) == 1:
            found.append((match[0][0], _UNITS[match[0][1][1] or ""]))
        elif axis != "z" or match:
            return None
    return found


def _sniff(head: bytes, name: str) -> float:
    if name.lower().endswith(".toml"):
        return 0.9 if re.search(rb"^\s*\[anchors\]", head, re.MULTILINE) else 0.0
    return 0.93 if _columns(head) else 0.0


def read(source: Source, options: ReadOptions) -> Recording:
    """Read into the settings "anchors": (x, y, z) in metres by the anchor's name. Raises FormatError."""
    head = bytes(source.data[:8192])
    columns = None if source.name.lower().endswith(".toml") else _columns(head)
    places = _from_table(source, options, head, columns) if columns else _from_toml(source)
    if not places:
        raise FormatError(source.path, "no anchor in it", "", "write lines of anchor, x, y, z")
    return Recording({}, sources=(source.name,), settings={"anchors": places})


def _from_table(
    source: Source, options: ReadOptions, head: bytes, columns: list[tuple[int, float]]
) -> dict[str, tuple[float, ...]]:
    start = head.find(b"\n") + 1
    need = max(k for k, _ in columns) + 1
    table = read_numbers(source, options, need=need, columns=need, start=start, separators=b",;\t")
    places: dict[str, tuple[float, ...]] = {}
    for row, values in enumerate(table.values):
        name = str(int(np.clip(np.round(values[columns[0][0]]), -1e15, 1e15)))
        place = tuple(float(values[k] * factor) for k, factor in columns[1:])
        where = line_at(source, int(table.row_start[row]))
        _check(source, name, place, where)
        if name in places:
            raise FormatError(source.path, f"anchor {name} stands in two lines", where, "keep the right one")
        places[name] = (*place, 0.0)[:3]
    return places


def _from_toml(source: Source) -> dict[str, tuple[float, ...]]:
    try:
        table: Any = tomllib.loads(bytes(source.data).decode("utf-8")).get("anchors", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FormatError(source.path, f"no TOML: {error}", "", "write [anchors] and 7 = [x, y, z]") from None
    places: dict[str, tuple[float, ...]] = {}
    for name, value in table.items() if isinstance(table, dict) else ():
        if not (isinstance(value, list) and len(value) in (2, 3) and all(isinstance(v, int | float) for v in value)):
            raise FormatError(source.path, f"anchor {name} is not at [x, y] or [x, y, z]", "[anchors]", "metres")
        _check(source, name, tuple(float(v) for v in value), "[anchors]")
        places[name] = (*(float(v) for v in value), 0.0)[:3]
    return places


def _check(source: Source, name: str, place: tuple[float, ...], where: str) -> None:
    if not all(abs(v) < FURTHEST_M for v in place):
        raise FormatError(source.path, f"anchor {name} is at {place}", where, "metres of a local frame are meant")


FORMAT = Format("anchors", "places of anchors", (".csv", ".toml"), _sniff, read)
