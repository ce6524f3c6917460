"""What `kinema report` and `kinema track` do for the page of a scene with many movers."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kinema.core.course import Course, Gate
    from kinema.core.recording import Recording
    from kinema.core.tracks import BoxTracks, GroundDetections, GroundTracks
    from kinema.core.zone import Zone
    from kinema.report.document import Report

GROUND, BOXES = "ground tracks", "tracks"


def add_scene_arguments(parser: argparse.ArgumentParser) -> None:
    """What a page of movers takes beside its course."""
    parser.add_argument("--zones", metavar="GEOJSON", help="zones (Polygons) and counting lines of a place with movers")
    parser.add_argument("--names", action="store_true", help="movers by their own tags or numbers (pseudonyms)")
    parser.add_argument("--salt", metavar="TEXT", help="secret that gives a mover one pseudonym on several pages")


def has_movers(recording: Recording) -> bool:
    """Whether a recording holds tracks of many movers."""
    return GROUND in recording.streams or BOXES in recording.streams


def page_of_recording(recording: Recording, path: str, args: argparse.Namespace) -> Report:
    """The page of tracks that were read from a file."""
    from kinema.core.tracks import BoxTracks, GroundTracks
    from kinema.formats.motchallenge import sequence_info

    course = _course(args.course)
    issues = [str(issue) for issue in recording.issues]
    if GROUND in recording.streams:
        tracks = recording.need(GROUND, GroundTracks)
        return page_of_tracks(tracks, args, course, sources=recording.sources, name=recording.name, notes=issues)
    about = sequence_info(Path(path))
    size = int(about.get("imwidth", 0)), int(about.get("imheight", 0))
    rate = args.rate or float(about.get("framerate", "nan"))
    boxes = recording.need(BOXES, BoxTracks)
    return page_of_boxes(boxes, args, rate, size, sources=recording.sources, name=recording.name, notes=issues)


def page_of_tracks(
    tracks: GroundTracks, args: argparse.Namespace, course: Course | None, *,
    detections: GroundDetections | None = None, settings: dict[str, Any] | None = None, sources: Any = (),
    name: str = "", notes: list[str],
) -> Report:  # fmt: skip
    """The page of movers on the ground."""
    from kinema.report.scene_document import scene_report

    zones, lines = _zones(args.zones)
    return scene_report(
        tracks, course=course, zones=zones, lines=lines, detections=detections, names=args.names, salt=args.salt,
        title=getattr(args, "title", None) or name or "Scene", sources=sources, settings=settings, notes=notes,
    )  # fmt: skip


def page_of_boxes(
    tracks: BoxTracks, args: argparse.Namespace, rate_hz: float, size_px: tuple[int, int], *,
    settings: dict[str, Any] | None = None, sources: Any = (), name: str = "", notes: list[str],
) -> Report:  # fmt: skip
    """The page of boxes in an image. Raises ConfigError where it is given what belongs to the ground."""
    from kinema.errors import ConfigError
    from kinema.report.scene_document import scene_report

    if args.zones or args.course:
        raise ConfigError("boxes in an image have no place on a course or in zones; bring them to the ground first: "
                          "kinema track --cameras FILE")  # fmt: skip
    return scene_report(
        tracks, frame_rate_hz=rate_hz, image_size_px=size_px, names=args.names, salt=args.salt,
        title=getattr(args, "title", None) or name or "Scene", sources=sources, settings=settings, notes=notes,
    )  # fmt: skip


def _course(text: str | None) -> Course | None:
    from kinema.cli.commands.laps import course_of

    return course_of(text) if text else None


def _zones(text: str | None) -> tuple[tuple[Zone, ...], tuple[Gate, ...]]:
    from kinema.course.zone_files import read_zones

    return read_zones(Path(text)) if text else ((), ())
