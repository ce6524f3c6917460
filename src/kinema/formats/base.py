"""What a format is, and what is handed to it.

A format is one module of this folder (or an entry point "kinema.formats") with a module-level `FORMAT`. Modules here
must import fast: heavy imports (kernels, pyarrow, h5py) go inside the functions that need them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from kinema.core.progress import Progress, silent
from kinema.core.recording import Recording
from kinema.core.solution import Solution

OnBad = Literal["raise", "skip"]


@dataclass(frozen=True)
class Source:
    """An opened file: its decompressed bytes (a memory map where it can be), and what it is called in messages."""

    path: Path
    data: memoryview
    """Read-only bytes of the whole (decompressed) file."""

    @property
    def name(self) -> str:
        """File name without its compression ending."""
        name = self.path.name
        for ending in (".gz", ".xz", ".bz2", ".zst", ".Z"):
            name = name.removesuffix(ending)
        return name


@dataclass(frozen=True)
class ReadOptions:
    """How to read: stop at the first bad line ("raise") or count and locate what is skipped ("skip")."""

    on_bad: OnBad = "raise"
    progress: Progress = silent
    units: Mapping[str, str] = field(default_factory=dict)
    """Units of columns that do not name theirs: "force", "rate", "wheels" (kinema.toml)."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Names that are known, by the names in the file (kinema.toml)."""


@dataclass(frozen=True)
class Format:
    """A file format: how to recognise it, read it and write it.

    `sniff(head, name)` gets the first 8 KiB and the file's name without compression ending, and says how sure it is,
    0 to 1: 1 for a magic number, 0.9 for an unmistakable header, below 0.5 for an ending alone. `read` returns a
    Recording with the streams that the file holds, by role, and raises FormatError. `write` writes a Solution.
    """

    name: str
    title: str
    extensions: tuple[str, ...]
    sniff: Callable[[bytes, str], float]
    read: Callable[[Source, ReadOptions], Recording] | None = None
    write: Callable[[Solution, Path], None] | None = None
