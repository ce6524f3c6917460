"""Tables of points on the ground, of movers on it, and of tags read at places, as streams."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.core.course import Plane
from kinema.core.recording import Issue, Recording
from kinema.core.tracks import GroundDetections, GroundSensor, GroundTracks, TagReads
from kinema.errors import DataError, FormatError
from kinema.formats.base import ReadOptions, Source
from kinema.formats.detection_columns import place_roles
from kinema.formats.detection_tables import Table, codes, sound, without
from kinema.formats.detection_times import instants

SIGMA_M, SIGMA_BEARING_DEG, SIGMA_S = 0.5, 0.5, 0.05
"""Of places, bearings and times where a file states none; what was assumed is told."""
MOST_M = 1e7
TIME_IS_FRAME = "time_is_frame"
"""Setting of a recording whose "seconds" are numbers of frames: somebody has to tell the frame rate."""
LOCAL = Plane(0.0, 0.0)


def plane_of(source: Source, text: str) -> Plane:
    """The plane of "LAT LON H" in degrees and metres. Raises FormatError."""
    try:
        lat, lon, h = (float(part) for part in text.replace(",", " ").split())
        return Plane(math.radians(lat), math.radians(lon), h)
    except (ValueError, DataError):
        raise FormatError(source.path, f"plane '{text[:40]}' is not latitude, longitude, height", "line 2") from None


def plane_text(plane: Plane) -> str:
    """The plane as `plane_of` reads it."""
    return f"{math.degrees(plane.lat_rad):.12f} {math.degrees(plane.lon_rad):.12f} {plane.h_m:.4f}"


def ground(source: Source, options: ReadOptions, table: Table, about: Mapping[str, str]) -> Recording:
    """ "ground detections", or "ground tracks" where every row has an identity. Raises FormatError.

    North and east, x (east) and y (north), latitude and longitude in degrees, or range and bearing (clockwise from
    north, or from where the radar looks) of a sensor at the origin; `about` may hold the "plane" and "simulated".
    """
    table, t_ns, settings = _timed(source, options, table)
    order = np.argsort(t_ns, kind="stable")
    table, t_ns = table.pick(order), t_ns[order]
    table, p, cov, plane = _placed(source, options, table, about)
    camera, cameras = codes(table.texts["camera"]) if "camera" in table.texts else (np.zeros(table.n, np.int64), {})
    tag, tag_names = codes(table.texts["tag"]) if "tag" in table.texts else (np.full(table.n, -1), {})
    tag = np.where(tag < 0, -1, tag)
    t_ns = t_ns[table.numbers["_kept"].astype(np.int64)]
    rows = np.column_stack([t_ns.astype(np.float64), camera.astype(np.float64), p])
    first = np.zeros(table.n, np.bool_)
    first[np.unique(rows, axis=0, return_index=True)[1]] = True
    table = without(source, table, ~first, "point twice in a scan")
    t_ns, p, cov, camera, tag = t_ns[first], p[first], cov[first], camera[first], tag[first]
    which, sensor = np.unique(camera, return_inverse=True)
    sensors = tuple(GroundSensor(cameras.get(int(k), str(int(k)) if "camera" in table.texts else "")) for k in which)
    simulated = about.get("simulated", "no").startswith("yes")
    found = GroundDetections(
        t_ns, p, cov, plane, tag, simulated, sensor=sensor.astype(np.int64), sensors=sensors or (GroundSensor(),),
        tag_names=tag_names,
    )  # fmt: skip
    streams: dict[str, Any] = {"ground detections": found}
    identity = table.number("id", -1.0)
    if table.n and (identity >= 0).all():
        streams["ground tracks"] = tracks_of(source, table, found, identity.astype(np.int64))
    return Recording(
        streams, issues=table.issues, sources=(source.name,), name=source.name, settings=settings, simulated=simulated
    )


def tracks_of(source: Source, table: Table, found: GroundDetections, identity: I64) -> GroundTracks:
    """Rows with identities as tracks. Raises FormatError where a mover is twice at one time."""
    order = np.lexsort((found.t_ns, identity))
    again = (np.diff(found.t_ns[order]) == 0) & (np.diff(identity[order]) == 0)
    if again.any():
        k = int(order[np.argmax(again) + 1])
        raise FormatError(source.path, f"mover {identity[k]} twice at one time", table.where(k), "leave one out")
    v = np.column_stack([table.number(role, np.nan) for role in ("v_n", "v_e")])[order]
    cov_v = _matrices(*(table.number(role, np.nan) for role in ("sd_vn", "sd_ve", "cov_vne")))[order]
    seen = table.number("seen", 1.0)[order] > 0
    return GroundTracks(
        found.t_ns[order], identity[order], found.p_ne_m[order], found.cov_ne_m2[order], v, cov_v, seen,
        found.tag[order], found.plane, found.simulated, found.tag_names,
    )  # fmt: skip


def reads(source: Source, options: ReadOptions, table: Table) -> Recording:
    """ "tag reads": which tag was read where and when. Raises FormatError."""
    table, t_ns, settings = _timed(source, options, table)
    named = np.array([bool(tag.strip()) and bool(place.strip()) for tag, place in
                      zip(table.texts["tag"], table.texts["place"], strict=True)], np.bool_)  # fmt: skip
    kept = sound(source, options, table, named, "no tag or place")
    t_ns = t_ns[named]
    order = np.argsort(t_ns, kind="stable")
    kept, t_ns = kept.pick(order), t_ns[order]
    tag, tag_names = codes(kept.texts["tag"])
    places = sorted({text.strip() for text in kept.texts["place"]})
    place = np.array([places.index(text.strip()) for text in kept.texts["place"]], np.int64)
    issues = kept.issues
    if "sigma_s" not in kept.numbers:
        issues = (*issues, Issue("times of unknown uncertainty", 1, "", source.name, f"{SIGMA_S} s assumed (sigma_s)"))
    sigma = np.clip(kept.number("sigma_s", SIGMA_S), 1e-4, 60.0)
    stream = TagReads(t_ns, np.maximum(tag, 0), place, tuple(places), sigma, tag_names)
    return Recording({"tag reads": stream}, issues=issues, sources=(source.name,), name=source.name, settings=settings)


def _timed(source: Source, options: ReadOptions, table: Table) -> tuple[Table, I64, dict[str, Any]]:
    """Sound rows and their times; frames counted as seconds where there are no times, which is noted."""
    table, t_ns = instants(source, options, table)
    if len(t_ns) or not table.n:
        return table, t_ns, {}
    if "frame" not in table.numbers:
        raise FormatError(source.path, "no column of times or frames", "", "name one t_s, utc or frame")
    frame = table.numbers["frame"]
    table = sound(source, options, table, (np.abs(frame) < 1e9), "no number of a frame")
    return table, np.round(table.numbers["frame"] * 1e9).astype(np.int64), {TIME_IS_FRAME: True}


def _placed(
    source: Source, options: ReadOptions, table: Table, about: Mapping[str, str]
) -> tuple[Table, F64, F64, Plane]:
    """Sound rows, their places (n, 2), covariances and plane; column "_kept" tells which rows they were."""
    table = replace(table, numbers={**table.numbers, "_kept": np.arange(table.n, dtype=np.float64)})
    a, b = place_roles(dict.fromkeys(table.numbers, 0))
    most = {"lat": 90.0, "lon": 360.0, "bearing": 7200.0}
    first, second = table.numbers[a], table.numbers[b]
    good = (np.abs(first) <= most.get(a, MOST_M)) & (np.abs(second) <= most.get(b, MOST_M))
    if a == "range":
        good &= first >= 0
    table = sound(source, options, table, good, "no place on the ground")
    first, second = table.numbers[a], table.numbers[b]
    plane = plane_of(source, about["plane"]) if "plane" in about else LOCAL
    table, cov = _uncertain(source, options, table)
    first, second = table.numbers[a], table.numbers[b]
    if a == "lat":
        lat, lon = np.radians(first), np.radians(second)
        if table.n and "plane" not in about:
            plane = Plane(round(float(np.median(lat)), 6), round(float(np.median(lon)), 6))
        return table, plane.ne_from_geodetic(lat, lon), cov, plane
    if a == "range":
        p, cov = _polar(table, first, np.radians(second))
        return table, p, cov, plane
    p = np.column_stack((first, second) if a == "north" else (second, first))
    return table, p, cov, plane


def _uncertain(source: Source, options: ReadOptions, table: Table) -> tuple[Table, F64]:
    """Covariances (n, 2, 2) of the rows that state one that can be; of all where the table states none."""
    if "sd_n" in table.numbers and "sd_e" in table.numbers:
        parts = table.numbers["sd_n"], table.numbers["sd_e"], table.number("cov_ne", 0.0)
    else:
        if not {"sigma", "range"} & set(table.numbers):
            assumed = f"{SIGMA_M} m assumed (a column sigma_m says it)"
            table = replace(
                table, issues=(*table.issues, Issue("places of unknown uncertainty", 1, "", source.name, assumed))
            )
        sigma = table.number("sigma", SIGMA_M)
        parts = sigma, sigma, np.zeros(table.n)
    with np.errstate(over="ignore", invalid="ignore"):
        cov = _matrices(*parts)
        det = cov[:, 0, 0] * cov[:, 1, 1] - cov[:, 0, 1] ** 2
        good = (parts[0] > 1e-6) & (parts[1] > 1e-6) & (parts[0] < MOST_M) & (parts[1] < MOST_M) & (det > 0)
    return sound(source, options, table, good, "an uncertainty that cannot be"), cov[good]


def _matrices(sd_n: F64, sd_e: F64, cov_ne: F64) -> F64:
    rows = np.stack([sd_n * sd_n, cov_ne, cov_ne, sd_e * sd_e], axis=-1)
    return rows.reshape(-1, 2, 2)


def _polar(table: Table, range_m: F64, bearing: F64) -> tuple[F64, F64]:
    """Places and covariances of ranges and bearings."""
    ahead = np.column_stack((np.cos(bearing), np.sin(bearing)))
    side = np.column_stack((-ahead[:, 1], ahead[:, 0]))
    sd_r = np.clip(table.number("sigma_range", SIGMA_M), 1e-3, MOST_M)
    sd_b = np.radians(np.clip(table.number("sigma_bearing", SIGMA_BEARING_DEG), 1e-4, 90.0)) * np.maximum(range_m, 0.1)
    cov = (sd_r**2)[:, None, None] * ahead[:, :, None] * ahead[:, None, :]
    cov += (sd_b**2)[:, None, None] * side[:, :, None] * side[:, None, :]
    return ahead * range_m[:, None], cov
