"""Growing columns of raw observations, in memory or, where they are many, in a file that the system pages."""

from __future__ import annotations

import math
import mmap
import tempfile
from dataclasses import dataclass, field
from typing import Any

import numpy as np

SPILL_BYTES = 192 << 20
"""Columns larger than this together are backed by an unnamed temporary file: memory stays bounded on any recording."""
MOST_ROWS_OF_AN_EPOCH = 999

# Name, dtype, length by ("epochs", "fences", "rows"), and whether it has one value per slot.
_COLUMNS = (
    ("t_ns", np.int64, "epochs", False), ("row_start", np.int64, "fences", False), ("sat", np.int16, "rows", False),
    ("code_m", np.float64, "rows", True), ("phase_cyc", np.float64, "rows", True),
    ("doppler_hz", np.float32, "rows", True), ("cn0_dbhz", np.float32, "rows", True), ("lli", np.uint8, "rows", True),
)  # fmt: skip
ROW_COLUMNS = tuple(name for name, _, length, _ in _COLUMNS if length == "rows")


@dataclass
class Columns:
    """Filled by the kernel from epoch `n_epochs` and row `n_rows` on; widened when the header changes."""

    slots: int
    n_epochs: int = 0
    n_rows: int = 0
    arrays: dict[str, Any] = field(default_factory=dict)
    maps: list[mmap.mmap] = field(default_factory=list)

    @property
    def full(self) -> bool:
        """Whether the next epoch may not fit."""
        return self.n_epochs >= len(self.arrays["t_ns"]) or self.n_rows + MOST_ROWS_OF_AN_EPOCH > len(
            self.arrays["sat"]
        )

    def reserve(self, epochs: int, rows: int) -> None:
        """Make room for so many epochs and rows in total, and for all slots."""
        lengths = {"epochs": epochs, "fences": epochs + 1, "rows": rows}
        used = {"epochs": self.n_epochs, "fences": self.n_epochs + 1, "rows": self.n_rows}
        spilled = rows * (2 + 25 * self.slots) > SPILL_BYTES
        maps: list[mmap.mmap] = []
        for name, dtype, length, wide in _COLUMNS:
            shape = (lengths[length], self.slots) if wide else (lengths[length],)
            new = _in_file(shape, dtype, maps) if spilled else np.empty(shape, dtype)
            old = self.arrays.get(name)
            if old is None:
                new[:1] = 0
            elif wide:
                new[: used[length], old.shape[1] :] = 0 if name == "lli" else math.nan
                new[: used[length], : old.shape[1]] = old[: used[length]]
            else:
                new[: used[length]] = old[: used[length]]
            self.arrays[name] = new
        self.maps = maps

    def release(self) -> None:
        """Let go of the pages of file-backed columns; they come back when they are looked at."""
        for one in self.maps:
            release_pages(one, len(one))

    def taken(self) -> dict[str, Any]:
        """The filled part of every column."""
        ends = {"epochs": self.n_epochs, "fences": self.n_epochs + 1, "rows": self.n_rows}
        return {name: self.arrays[name][: ends[length]] for name, _, length, _ in _COLUMNS}


def _in_file(shape: tuple[int, ...], dtype: Any, maps: list[mmap.mmap]) -> Any:
    """An array in an unnamed temporary file, which ends with it; holes in it take no room."""
    size = max(math.prod(shape) * np.dtype(dtype).itemsize, 1)
    with tempfile.TemporaryFile() as file:
        file.truncate(size)
        maps.append(mmap.mmap(file.fileno(), size))
    return np.frombuffer(maps[-1], dtype, math.prod(shape)).reshape(shape)


def release_pages(mapped: object, until: int) -> None:
    """Give the pages of a file map up to byte `until` back to the system; other buffers have none to give."""
    if isinstance(mapped, mmap.mmap) and until >= mmap.PAGESIZE and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED, 0, until // mmap.PAGESIZE * mmap.PAGESIZE)
