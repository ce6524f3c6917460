"""Columns of numbers on their way into a page: quantised, delta-coded, split into byte planes, deflated, base64.

A page registers each column once and its blocks refer to it by name. The browser decodes a column when a block first
asks for it (`assets/decode.js` is the other end of this file).
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kinema.core.arrays import F64, I64, gate
from kinema.errors import DataError

STEPS = 20_000
STEPS_OF_MANY = 4_000
MANY = 300_000
"""A column without its own quantum gets a resolution of its central range / STEPS, or a coarser one above MANY rows."""

LARGEST_BYTES = 6
FLOAT32_EXACT = 1 << 23


@dataclass(frozen=True)
class Column:
    """One encoded column: `meta` goes into the page's specification, `payload` is base64 text."""

    meta: dict[str, Any]
    payload: str


class Columns:
    """All the columns of a page, by name."""

    def __init__(self) -> None:
        self._columns: dict[str, Column] = {}

    def add(
        self, name: str, values: ArrayLike, *, unit: str = "", label: str = "", quantum: float | None = None
    ) -> str:
        """Register values (n,), NaN where there are none, and return `name`.

        `quantum` is the resolution that is kept, in the column's unit; `unit` and `label` are what a person reads.
        Raises DataError where the name is taken or the values are no column.
        """
        if name in self._columns:
            raise DataError(f"column '{name}'", "a new name", "one that is registered already")
        array = gate(f"column '{name}'", values, np.float64, (None,))
        step = quantum if quantum else suitable_quantum(array)
        meta, data = encode(array, step)
        meta |= {"unit": unit, "label": label or name}
        payload = base64.b64encode(zlib.compress(data, 6)).decode("ascii")
        self._columns[name] = Column(meta, payload)
        return name

    def derive_distance(
        self, name: str, t: str, speed: str, east: str, north: str, *, speed_mps: float, gap_s: float
    ) -> str:
        """Register the distance travelled, which the browser integrates itself: speed over time, and the straight
        line where there is no speed or a pause of more than `gap_s`. One unit of the speed column is `speed_mps`."""
        meta = {"derive": "distance", "of": [t, speed, east, north], "factor": speed_mps, "gap": gap_s}
        self._columns[name] = Column(meta | {"unit": "m", "label": "Distance"}, "")
        return name

    def __contains__(self, name: str) -> bool:
        return name in self._columns

    def items(self) -> Iterator[tuple[str, Column]]:
        """Names and encoded columns in the order of registration."""
        yield from self._columns.items()


def suitable_quantum(values: F64) -> float:
    """A decimal resolution for values of unknown meaning: 1 where they are whole numbers, else a small share of the
    range of the central 99 %."""
    finite = values[np.isfinite(values)]
    if not len(finite) or np.array_equal(finite, np.rint(finite)):
        return 1.0
    low, high = np.quantile(finite, (0.005, 0.995))
    span = float(high - low) or float(np.abs(finite).max()) or 1.0
    steps = STEPS if len(values) <= MANY else STEPS_OF_MANY
    return float(10.0 ** np.floor(np.log10(span / steps)) * 2)


def encode(values: F64, quantum: float) -> tuple[dict[str, Any], bytes]:
    """Bytes of a column and how to read them back.

    Whole multiples of `quantum` above `base`, differenced `order` times, zigzagged, one plane of bytes after the
    other (lowest first); before them, where values are missing, a plane of ones at their places.
    """
    finite = np.isfinite(values)
    base = float(values[np.argmax(finite)]) if finite.any() else 0.0
    filled = _held(values, finite, base)
    quantum = max(quantum, float(np.abs(filled - base).max(initial=0.0)) / 2.0**44)
    whole = np.rint((filled - base) / quantum).astype(np.int64)
    order, coded = min(((k, _zigzag(_differences(whole, k))) for k in (0, 1, 2)), key=lambda pair: _cost(pair[1]))
    n_bytes = max(1, (int(coded.max(initial=0)).bit_length() + 7) // 8)
    planes = np.ascontiguousarray(coded).view(np.uint8).reshape(-1, 8)[:, :n_bytes].T
    mask = b"" if finite.all() else (~finite).astype(np.uint8).tobytes()
    meta = {
        "n": len(values), "base": base, "quantum": quantum, "order": order, "bytes": n_bytes, "mask": bool(mask),
        "wide": bool(np.abs(whole).max(initial=0) + abs(base) / quantum >= FLOAT32_EXACT),
    }  # fmt: skip
    return meta, mask + planes.tobytes()


def _held(values: F64, finite: NDArray[np.bool_], base: float) -> F64:
    """The values, each missing one replaced by the last that was there."""
    if finite.all():
        return values
    last = np.maximum.accumulate(np.where(finite, np.arange(len(values)), -1))
    return np.where(last >= 0, values[np.maximum(last, 0)], base)


def _differences(whole: I64, order: int) -> I64:
    for _ in range(order):
        whole = np.diff(whole, prepend=np.int64(0))
    return whole


def _zigzag(signed: I64) -> NDArray[np.uint64]:
    return ((signed << 1) ^ (signed >> 63)).astype(np.uint64)


def _cost(coded: NDArray[np.uint64]) -> float:
    """About how many bits the values need."""
    return float(np.log2(coded.astype(np.float64) + 1.0).sum())
