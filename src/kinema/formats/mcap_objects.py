"""Messages in JSON and in Protocol Buffers as nested dictionaries, and those as tables of named numbers.

A protobuf schema in MCAP is a FileDescriptorSet (descriptor.proto): it is decoded by the same few lines as the
messages themselves, so that no further library is needed.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from kinema.core.arrays import F64

DEEPEST = 8
"""Levels of nested messages that are followed."""
_FIXED = {1: "<d", 2: "<f", 6: "<Q", 7: "<I", 15: "<i", 16: "<q"}
_SIGNED, _ZIGZAG, _TEXTS, _MESSAGE = (3, 5), (17, 18), (9, 12), 11
_WIRE_SIZE = {1: 8, 5: 4}


class Unreadable(ValueError):
    """Bytes that are no message of the schema."""


def decoder(encoding: str, schema: str, schema_data: bytes) -> Callable[[bytes], dict[str, Any]] | None:
    """What turns a message's bytes into a dictionary, or None for encodings that are not known."""
    if encoding == "json":
        return _json
    if encoding == "protobuf":
        types = _types(schema_data)
        return (lambda data: _protobuf(data, schema, types, 0)) if schema in types else None
    return None


def _json(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Unreadable(str(error)) from None
    if not isinstance(found, dict):
        raise Unreadable("no JSON object")
    return found


Fields = Mapping[int, tuple[str, int, str]]
"""Of a message type, by number: name, type, and the type's name where it is a message."""


@cache
def _types(descriptors: bytes) -> dict[str, Fields]:
    """Message types by full name, of a FileDescriptorSet. Empty where it cannot be read."""
    found: dict[str, Fields] = {}
    try:
        for file in (value for number, value in _wire(descriptors) if number == 1):
            parts = list(_wire(file))
            package = next((bytes(v).decode() for n, v in parts if n == 2), "")
            for number, message in parts:
                if number == 4:
                    _message_type(message, package, found, 0)
    except (Unreadable, UnicodeDecodeError, TypeError):
        return {}
    return found


def _message_type(data: bytes, above: str, found: dict[str, Fields], depth: int) -> None:
    """DescriptorProto: 1 name, 2 fields, 3 nested; FieldDescriptorProto: 1 name, 3 number, 5 type, 6 type name."""
    parts = list(_wire(data))
    name = next((bytes(v).decode() for n, v in parts if n == 1), "")
    full = f"{above}.{name}" if above else name
    fields: dict[int, tuple[str, int, str]] = {}
    for number, value in parts:
        if number == 2:
            one = dict(_wire(value))
            fields[int(one[3])] = (bytes(one[1]).decode(), int(one[5]), bytes(one.get(6, b"")).decode().lstrip("."))
        elif number == 3 and depth < DEEPEST:
            _message_type(value, full, found, depth + 1)
    found[full] = fields


def _wire(data: bytes) -> Sequence[tuple[int, Any]]:
    """Field numbers and raw values: integers of varints, bytes of all else. Raises Unreadable."""
    out: list[tuple[int, Any]] = []
    at, end = 0, len(data)
    while at < end:
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value: Any
            value, at = _varint(data, at)
        else:
            if kind == 2:
                size, at = _varint(data, at)
            else:
                size = _WIRE_SIZE.get(kind, -1)
            if size < 0 or size > end - at:
                raise Unreadable("a field longer than its message")
            value, at = data[at : at + size], at + size
        out.append((number, value))
    return out


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        value |= (byte & 127) << shift
        at += 1
        if byte < 128:
            return value, at
        shift += 7
    raise Unreadable("a number without end")


def _protobuf(data: bytes, schema: str, types: Mapping[str, Fields], depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    fields = types[schema]
    for number, raw in _wire(data):
        if number not in fields:
            continue
        name, kind, inner = fields[number]
        if kind == _MESSAGE:
            if inner in types and depth < DEEPEST and isinstance(raw, bytes):
                found[name] = _protobuf(raw, inner, types, depth + 1)
        elif kind in _TEXTS:
            found[name] = raw.decode("utf-8", "replace") if kind == 9 and isinstance(raw, bytes) else None
        elif isinstance(raw, bytes) and kind in _FIXED:
            values = list(struct.iter_unpack(_FIXED[kind], raw[: len(raw) // struct.calcsize(_FIXED[kind])
                                                               * struct.calcsize(_FIXED[kind])]))  # fmt: skip
            # Repeated numbers come packed; a single one is a list of one.
            packed = [v for (v,) in values]
            found[name] = packed[0] if len(packed) == 1 and name not in found else packed
        elif isinstance(raw, int):
            found[name] = _whole(raw, kind)
    return found


def _whole(raw: int, kind: int) -> int:
    if kind in _ZIGZAG:
        return (raw >> 1) ^ -(raw & 1)
    return raw - (1 << 64) if kind in _SIGNED and raw >> 63 else raw


def flat(message: Mapping[str, Any], before: str = "", depth: int = 0) -> dict[str, Any]:
    """Numbers and texts of nested dictionaries by their joined names; of lists of at most 9 the numbered members."""
    found: dict[str, Any] = {}
    for name, value in message.items():
        key = f"{before}{name}"
        if isinstance(value, Mapping):
            if depth < DEEPEST:
                found |= flat(value, f"{key}_", depth + 1)
        elif isinstance(value, list):
            if len(value) <= 9:
                found |= {f"{key}_{k}": v for k, v in enumerate(value) if isinstance(v, int | float)}
        elif isinstance(value, int | float | str):
            found[key] = value
    return found


def table_of(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[str, F64]:
    """Columns of numbers (n,) by name, NaN where a row has none."""
    return {name: np.array([_number(row.get(name)) for row in rows], np.float64) for name in names}


def _number(value: Any) -> float:
    try:
        return float(value) if isinstance(value, int | float) else float("nan")
    except OverflowError:
        return float("nan")
