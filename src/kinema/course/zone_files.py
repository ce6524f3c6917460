"""Zones and counting lines of a place in a GeoJSON file: Polygons are zones, LineStrings of two points are lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from kinema.core.arrays import F64
from kinema.core.course import Gate
from kinema.core.zone import Zone
from kinema.errors import DataError, FormatError

LARGEST_BYTES = 20_000_000


def read_zones(path: Path) -> tuple[tuple[Zone, ...], tuple[Gate, ...]]:
    """Zones and lines in the order of the file, called by their property "name"; "kind" of a zone may be "private".

    Raises FormatError where the file is no GeoJSON, or holds neither.
    """
    remedy = "Polygons are zones, LineStrings of two points are lines"
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise FormatError(path, "larger than any plan of zones")
        document = json.loads(path.read_text(encoding="utf-8-sig"))
        features = document.get("features", [document])
        zones, lines = [], []
        for k, feature in enumerate(features, start=1):
            geometry, about = feature["geometry"], feature.get("properties") or {}
            if geometry["type"] == "Polygon":
                ring = _rad(geometry["coordinates"][0])
                ring = ring[:-1] if len(ring) > 1 and np.array_equal(ring[0], ring[-1]) else ring
                zones.append(Zone(str(about.get("name") or f"zone {k}"), ring, str(about.get("kind") or "")))
            elif geometry["type"] == "LineString" and len(geometry["coordinates"]) == 2:
                left, right = ((float(a), float(b)) for a, b in _rad(geometry["coordinates"]))
                lines.append(Gate(str(about.get("name") or f"line {k}"), left, right, "sector"))
    except OSError as error:
        raise FormatError(path, error.strerror or "cannot be read") from None
    except (DataError, ValueError, RecursionError) as error:
        raise FormatError(path, f"no plan of zones: {str(error).splitlines()[0]}", "", remedy) from None
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise FormatError(path, f"no plan of zones: {type(error).__name__} {str(error)[:60]}", "", remedy) from None
    if not zones and not lines:
        raise FormatError(path, "neither zones nor lines in it", "", remedy)
    return tuple(zones), tuple(lines)


def _rad(coordinates: Any) -> F64:
    """Latitude and longitude (n, 2) in radians of GeoJSON's longitude and latitude in degrees."""
    points = np.array([[float(p[1]), float(p[0])] for p in coordinates], dtype=np.float64)
    if not (np.isfinite(points).all() and (np.abs(points) <= (90, 360)).all()):
        raise DataError("coordinates", "degrees of longitude and latitude", "others")
    return np.radians(points)
