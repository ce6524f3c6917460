"""GeoJSON (RFC 7946): a trajectory as a LineString whose properties hold what each point has besides its place.

Times stand in `coordinateProperties.times` as togeojson writes them; `coordTimes` of older tools is read too.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.core.frames import cov_n_from_e, geodetic_from_ecef, vectors_n_from_e
from kinema.core.recording import Issue, Recording
from kinema.core.solution import FixStatus, Provenance, Solution
from kinema.core.time import gps_ns_from_unix_ns
from kinema.errors import FormatError
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.rtklib_pos import signed_roots
from kinema.formats.trajectory import (
    cov_from_enu_sd,
    ecef_from_degrees,
    ecef_from_ned_vectors,
    in_order,
    sound_places,
    utc_texts,
)

FRAME = "WGS84, heights above the ellipsoid"


def _sniff(head: bytes, name: str) -> float:
    text = head.lstrip()
    if text[:1] == b"{" and (b'"FeatureCollection"' in head or b'"Feature"' in head or b'"LineString"' in head):
        return 0.9
    return 0.3 if name.lower().endswith(".geojson") else 0.0


def _features(found: Any) -> list[dict[str, Any]]:
    kind = found.get("type") if isinstance(found, dict) else None
    if kind == "FeatureCollection":
        features = found.get("features")
        return [one for one in features if isinstance(one, dict)] if isinstance(features, list) else []
    return [found] if kind == "Feature" else [{"geometry": found, "properties": {}}] if kind else []


def _object(parent: dict[str, Any], key: str) -> dict[str, Any]:
    """The object under a key, empty where there is none."""
    found = parent.get(key)
    return found if isinstance(found, dict) else {}


def _lists(feature: dict[str, Any]) -> tuple[list[Any], dict[str, Any]] | None:
    """Coordinates and per-point properties of a feature with times, or None."""
    geometry, properties = _object(feature, "geometry"), _object(feature, "properties")
    per_point = dict(_object(properties, "coordinateProperties"))
    per_point.setdefault("times", properties.get("coordTimes"))
    points, times = geometry.get("coordinates"), per_point["times"]
    if geometry.get("type") == "Point":
        points = [points]
    elif geometry.get("type") == "MultiLineString" and isinstance(points, list):
        points = [point for line in points if isinstance(line, list) for point in line]
        if isinstance(times, list) and times and isinstance(times[0], list):
            times = [one for line in times if isinstance(line, list) for one in line]
    if not isinstance(points, list) or not isinstance(times, list) or len(times) != len(points):
        return None
    return points, {**per_point, "times": times}


def _numbers(source: Source, rows: Any, columns: int, what: str) -> F64:
    """An array (n, columns) of a list of lists, shorter ones filled with NaN."""
    try:
        padded = [[*row[:columns], *[None] * (columns - len(row))] for row in rows]
        return np.array(padded, dtype=np.float64).reshape(len(padded), columns)
    except (TypeError, ValueError, OverflowError):
        raise FormatError(source.path, f"{what} that are no numbers", "", "is the file whole?") from None


def _for_each(source: Source, per_point: dict[str, Any], key: str, n: int, otherwise: Any) -> list[Any]:
    """A list with one entry for each point."""
    given = per_point.get(key)
    if given is None:
        return [otherwise] * n
    if not isinstance(given, list) or len(given) != n:
        raise FormatError(source.path, f"'{key}' has not one entry for each of {n} points", "", "is the file whole?")
    return given


def _times(source: Source, texts: list[Any]) -> I64:
    from kinema.kernels.xml_leaves import BAD_TIME, iso_times_at

    encoded = [str(text).encode() for text in texts]
    stops = np.cumsum([len(text) for text in encoded])
    unix_ns = np.empty(len(encoded), np.int64)
    starts = stops - [len(text) for text in encoded]
    iso_times_at(np.frombuffer(b"".join(encoded), np.uint8), starts, stops, unix_ns)
    if (unix_ns == BAD_TIME).any():
        k = int(np.argmax(unix_ns == BAD_TIME))
        what = f"'{str(texts[k])[:40]}' is no time"
        raise FormatError(source.path, what, f"point {k + 1}", "expected ISO 8601 (2024-06-24T08:20:00Z)")
    return gps_ns_from_unix_ns(unix_ns)


def read(source: Source, options: ReadOptions) -> Recording:
    """Read the first feature with times into the stream "fixes". Raises FormatError."""
    try:
        found = json.loads(bytes(source.data))
    except (ValueError, RecursionError) as error:
        raise FormatError(source.path, f"broken JSON ({error})", "", "is the file whole?") from None
    timed = [lists for lists in map(_lists, _features(found)) if lists]
    if not timed:
        raise FormatError(source.path, "no line with a time for each point", "", "a line without times is a course")
    points, per_point = timed[0]
    place = _numbers(source, points, 3, "coordinates")
    placed, strange = sound_places(source, options, place[:, 1], place[:, 0], place[:, 2])
    t_ns = _times(source, per_point["times"])
    index, odd = in_order(source, t_ns[placed], options)
    order = np.flatnonzero(placed)[index]
    lon, lat, h = place[order].T
    p_e_m = ecef_from_degrees(lat, lon, np.nan_to_num(h))
    n = len(points)
    by_name = {s.name.lower(): s for s in FixStatus}
    given = _for_each(source, per_point, "status", n, "single")
    status = np.array([by_name.get(str(name), FixStatus.SINGLE) for name in given], np.uint8)
    roots = _numbers(source, _for_each(source, per_point, "sd_enu_roots_m", n, []), 6, "sigmas")[order]
    v_n = _numbers(source, _for_each(source, per_point, "v_ned_mps", n, []), 3, "velocities")[order]
    counts = _numbers(source, [[one] for one in _for_each(source, per_point, "n_sats", n, 0)], 1, "counts")
    simulated = any((one.get("properties") or {}).get("simulated") is True for one in _features(found))
    solution = Solution(
        t_ns[order], p_e_m, cov_from_enu_sd(roots, p_e_m), ecef_from_ned_vectors(v_n, lat, lon), status=status[order],
        n_sats=np.clip(np.nan_to_num(counts[order, 0]), 0, 999).astype(np.int16),
        provenance=Provenance(sources=(source.name,), simulated=simulated),
    )  # fmt: skip
    issues = [*strange, *odd]
    if len(timed) > 1:
        issues.append(Issue("further lines left out", len(timed) - 1, "", source.name))
    return Recording({"fixes": solution}, issues=tuple(issues), sources=(source.name,), simulated=simulated)


def write(solution: Solution, path: Path) -> None:
    """Write one LineString (a Point where there is but one epoch) with times, status, sigmas and velocities."""
    s = solution.select(solution.valid)
    lat, lon, h = geodetic_from_ecef(s.p_e_m)
    place = np.stack([np.round(np.degrees(lon), 9), np.round(np.degrees(lat), 9), np.round(h, 4)], axis=1).tolist()
    per_point: dict[str, Any] = {
        "times": utc_texts(s.t_ns),
        "status": [FixStatus(k).name.lower() for k in s.status.tolist()],
        "n_sats": s.n_sats.tolist(),
    }
    roots = signed_roots(cov_n_from_e(s.cov_p_e_m2, s.p_e_m))
    if roots.any():
        per_point["sd_enu_roots_m"] = np.round(roots, 4).tolist()
    v_n = vectors_n_from_e(s.v_e_mps, s.p_e_m)
    if np.isfinite(v_n).all() and len(s):
        per_point["v_ned_mps"] = np.round(v_n, 5).tolist()
    made = s.provenance
    properties = {
        "name": "simulated trajectory" if made.simulated else "trajectory", "simulated": made.simulated,
        "frame": FRAME, "datum": made.datum, "point": made.point, "program": made.program,
        "sources": list(made.sources), "coordinateProperties": per_point,
    }  # fmt: skip
    single = len(place) == 1
    geometry = {"type": "Point" if single else "LineString", "coordinates": place[0] if single else place}
    feature = {"type": "Feature", "geometry": geometry if place else None, "properties": properties}
    text = json.dumps({"type": "FeatureCollection", "features": [feature]}, separators=(",", ":"))
    Path(path).write_text(text + "\n", encoding="utf-8")


FORMAT = Format("geojson", "GeoJSON track", (".geojson",), _sniff, read, write)
