"""`scene_report`: the page of a scene with many movers, from ground tracks or from boxes in an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kinema.analysis.movers import travels_of
from kinema.analysis.occupancy import Heat, K, heat_of, inside_counts, line_flow, zone_flow
from kinema.core.course import Course, Gate
from kinema.core.time import iso_utc
from kinema.core.tracks import BoxTracks, GroundDetections, GroundTracks
from kinema.core.zone import Zone
from kinema.errors import DataError
from kinema.report.document import Report
from kinema.report.scene import Movers, movers_in_image, movers_on_ground
from kinema.report.scene_ground import ground_spec, on_plane, with_speeds, without_private
from kinema.report.scene_laps import board_of
from kinema.report.scene_page import Parts, scene_page
from kinema.report.scene_reads import marks_of


def scene_report(
    tracks: GroundTracks | BoxTracks,
    *,
    course: Course | None = None,
    zones: Sequence[Zone] = (),
    lines: Sequence[Gate] = (),
    detections: GroundDetections | None = None,
    frame_rate_hz: float = float("nan"),
    image_size_px: tuple[int, int] = (0, 0),
    names: bool = False,
    salt: str | None = None,
    title: str = "Scene",
    sources: Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
) -> Report:
    """A self-contained page of who was where: animated plan, identities, heat map, speeds, and laps on a `course`.

    Movers go by pseudonyms unless `names`; `salt` makes them the same on several pages. `detections` add the tags that
    were read on the way, `zones` and `lines` counts of who went through; rows in zones of kind "private" are left out.
    Boxes take `frame_rate_hz` and `image_size_px` from their sequence, and neither course nor zones. Raises DataError
    where there is nobody.
    """
    if isinstance(tracks, BoxTracks):
        if course is not None or zones or lines:
            raise DataError("boxes in an image", "no course, zones or lines", "some; track on the ground for them")
        parts = _in_image(tracks, frame_rate_hz, image_size_px, names, salt)
    else:
        parts = _on_ground(tracks, course, zones, lines, detections, names, salt)
    parts.title, parts.sources, parts.settings = title, sources, dict(settings or {})
    parts.notes += [*parts.movers.notes, *notes]
    return Report(scene_page(parts))


def _on_ground(
    tracks: GroundTracks, course: Course | None, zones: Sequence[Zone], lines: Sequence[Gate],
    detections: GroundDetections | None, names: bool, salt: str | None,
) -> Parts:  # fmt: skip
    tracks, private = without_private(with_speeds(tracks), zones)
    movers = movers_on_ground(tracks, names=names, salt=salt)
    course = on_plane(course, tracks.plane) if course is not None else None
    board = board_of(tracks, movers, course) if course is not None else None
    gates = [board.gate, *lines] if board and course and not course.gate_of("start") else list(lines)
    parts = Parts(movers, ground_spec(tracks.plane, course, zones, gates), "", pseudonyms=not names)
    travels = {travel.track: travel for travel in travels_of(tracks)}
    parts.travels = [travels[int(identity)] for identity in movers.identity]
    parts.board, parts.marks = board, marks_of(tracks, movers, detections)
    parts.heat = _heat(movers)
    told = [(zone.name, *zone_flow(tracks, zone)) for zone in zones if zone.kind != "private"]
    parts.flows = [*(line_flow(tracks, gate) for gate in lines), *(flow for _, flow, _ in told)]
    scans = np.unique(tracks.t_ns)
    shown = np.searchsorted(scans, np.rint(np.unique(movers.t_s) * 1e9).astype(np.int64) + movers.origin_ns)
    often = [(name, inside) for name, flow, inside in told if flow.movers >= 0]
    counts = inside_counts(scans, tracks, [inside for _, inside in often])
    parts.inside = [(name, count[shown]) for (name, _), count in zip(often, counts, strict=True)]
    if private:
        parts.notes.append(f"{private} positions in private zones are left out.")
    parts.subtitle = f"{iso_utc(movers.origin_ns, 0)[:19].replace('T', ' ')} UTC" + (
        f" · {course.name}, {course.length_m:.0f} m" if course is not None else ""
    )
    return parts


def _in_image(
    tracks: BoxTracks, rate_hz: float, size_px: tuple[int, int], names: bool, salt: str | None
) -> Parts:  # fmt: skip
    movers = movers_in_image(tracks, rate_hz, names=names, salt=salt)
    if not all(size_px) and movers.size is not None:
        size_px = int(np.ceil((movers.x + 0.5 * movers.size[:, 0]).max())), int(np.ceil(-movers.y.min()))
    parts = Parts(movers, ground_spec(None, image_px=size_px), "", pseudonyms=not names)
    parts.heat = _heat(movers)
    parts.subtitle = f"boxes in an image of {size_px[0]} × {size_px[1]} px"
    return parts


def _heat(movers: Movers) -> Heat | None:
    """The heat map of where movers were seen; None where there are not enough of them for any cell."""
    if len(movers.names) < K:
        return None
    seen = movers.seen
    return heat_of(movers.t_s[seen], movers.x[seen], movers.y[seen], movers.of_row[seen])
