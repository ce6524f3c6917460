"""`write`: a solution into a file, the format by the ending of its name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from kinema.core.solution import Solution
from kinema.errors import ConfigError
from kinema.formats.base import Format
from kinema.formats.reading import discover


def writable() -> dict[str, Format]:
    """Endings that `write` knows, and their formats; of two with one ending, the one that is named after it."""
    endings: dict[str, Format] = {}
    for one in discover():
        for ending in one.extensions if one.write else ():
            if ending not in endings or ending == f".{one.name}":
                endings[ending] = one
    return endings


def format_for(path: str | os.PathLike[str], name: str = "") -> Format:
    """The format of this name, or else the one that the ending of the path tells. Raises ConfigError."""
    if name:
        named = {one.name: one for one in discover() if one.write}
        if name not in named:
            raise ConfigError(f"no trajectory is written as '{name}'; known are {', '.join(named)}")
        return named[name]
    endings = writable()
    ending = Path(path).suffix.lower()
    if ending not in endings:
        known = ", ".join(sorted(endings))
        raise ConfigError(f"{path}: no trajectory is written with the ending '{ending}'; known are {known}")
    return endings[ending]


def write(solution: Solution, path: str | os.PathLike[str], format: str = "", **options: Any) -> Path:
    """Write a solution; returns the path.

    The ending says the format (.pos, .nmea, .gpx, .kml, .geojson, .csv, .parquet, …) unless `format` names one.
    `options` go to the format's writer (.pos knows `velocity=True`). The file appears whole or not at all. Raises
    ConfigError.
    """
    path = Path(path)
    one = format_for(path, format)
    assert one.write is not None
    if not path.parent.is_dir():
        raise ConfigError(f"{path}: there is no folder {path.parent}; make it first")
    partial = path.with_name(f".{path.name}.{os.getpid()}{path.suffix}")
    try:
        one.write(solution, partial, **options)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return path
