"""What `kinema track` does for points on the ground: gather what all sensors saw, track it, tell."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kinema.errors import ConfigError

if TYPE_CHECKING:
    from kinema.core.arrays import F64
    from kinema.core.course import Course, Plane
    from kinema.core.progress import Progress
    from kinema.core.recording import Recording
    from kinema.core.tracks import Detections, GroundDetections, GroundTracks
    from kinema.sensors.site import Site

ROLE = "ground detections"


def gathered(
    args: argparse.Namespace, recordings: Sequence[tuple[str, Recording]], course: Course | None
) -> tuple[GroundDetections, list[str]]:
    """All detections on the course's plane (else the site's, else that of the first), and what is to be told.

    Raises ConfigError where a camera or the frame rate is not known.
    """
    from kinema.core.tracks import Detections
    from kinema.sensors.site import Site, read_site
    from kinema.tracking.ground_scene import on_plane, together

    site = read_site(Path(args.cameras)) if args.cameras else Site()
    plane = _plane(course, site)
    parts, notes = [], []
    for path, recording in recordings:
        for role, stream in recording.streams.items():
            if role == ROLE:
                parts.append(_timed(site.placed(stream), recording, args.rate, path))
            elif isinstance(stream, Detections):
                part, told = _of_camera(stream, path, site, args.rate, len(recordings))
                parts.append(part)
                notes += told
    if not parts:
        raise ConfigError(f"{recordings[0][0]}: no detections in it; it holds {', '.join(recordings[0][1].streams)}")
    if plane is not None:
        local = [part for part in parts if part.plane.lat_rad == 0 and part.plane.lon_rad == 0]
        if local and not (plane.lat_rad == 0 and plane.lon_rad == 0):
            notes.append("x and y without a place on Earth: taken from the origin of the course or site")
        parts = [replace(part, plane=plane) if part in local else on_plane(part, plane) for part in parts]
    if args.sigma:
        parts = [_as_sure_as(part, args.sigma) for part in parts]
    if args.tags:
        parts.append(_reads(args.tags, course, site, parts[0].plane, args.motion, args.on_bad))
    return together(parts), notes


def _plane(course: Course | None, site: Site) -> Plane | None:
    if course is not None and not (course.plane.lat_rad == 0 and course.plane.lon_rad == 0):
        return course.plane
    return site.plane or (course.plane if course is not None else None)


def _timed(part: GroundDetections, recording: Recording, rate_hz: float | None, path: str) -> GroundDetections:
    """With times in place of numbers of frames, by the rate. Raises ConfigError where it is not known."""
    from kinema.formats.detection_ground import TIME_IS_FRAME

    if not recording.settings.get(TIME_IS_FRAME):
        return part
    if not rate_hz:
        raise ConfigError(f"{path}: frames without times; say how many there are a second: --rate HZ")
    return replace(part, t_ns=(part.t_ns / rate_hz).astype("int64"))


def _of_camera(
    seen: Detections, path: str, site: Site, rate_hz: float | None, files: int
) -> tuple[GroundDetections, list[str]]:
    from kinema.sensors.camera import ground_points

    name = seen.camera or Path(path).stem
    if not site.cameras:
        raise ConfigError(f"{path}: boxes in an image; say how the camera sees the ground: --cameras FILE")
    camera = site.cameras.get(name)
    if camera is None and len(site.cameras) == 1 and files == 1:
        camera = next(iter(site.cameras.values()))
    if camera is None:
        raise ConfigError(f"{path}: no camera '{name}' among {', '.join(site.cameras)}; name the file or camera so")
    rate = rate_hz or (camera.rate_hz if camera.rate_hz > 0 else seen.frame_rate_hz)
    if not rate > 0 and (seen.t_ns < 0).any():
        raise ConfigError(f"{path}: frame rate unknown; say --rate HZ, or rate_hz of the camera")
    found, left = ground_points(replace(seen, frame_rate_hz=rate), camera)
    found = replace(found, simulated=site.simulated)
    return found, [f"{name}: {what} × {count}" for what, count in left.items()]


def _as_sure_as(part: GroundDetections, sigma_m: float) -> GroundDetections:
    import numpy as np

    return replace(part, cov_ne_m2=np.broadcast_to(np.eye(2) * sigma_m**2, (len(part.t_ns), 2, 2)))


def _reads(path: str, course: Course | None, site: Site, plane: Plane, motion: str, on_bad: Any) -> GroundDetections:
    from kinema.core.tracks import TagReads
    from kinema.formats.reading import read
    from kinema.tracking.ground_scene import of_reads

    reads = read(path, on_bad=on_bad).need("tag reads", TagReads)
    gates: dict[str, F64] = {name: gate.on(plane) for name, gate in site.gates.items()}
    for gate in course.gates if course is not None else ():
        gates.setdefault(gate.kind, gate.on(plane))
        gates[gate.name] = gate.on(plane)
    return of_reads(reads, gates, plane, 40.0 if motion == "cars" else 8.0)


def tracked(
    args: argparse.Namespace, seen: GroundDetections, course: Course | None, progress: Progress
) -> GroundTracks:
    """Live or with hindsight, along the course where there is one."""
    from kinema.course.guide import CourseGuide
    from kinema.kernels.ground_motion import CARS, GroundMotion
    from kinema.tracking.ground import track_ground
    from kinema.tracking.ground_offline import track_ground_offline

    motion = CARS if args.motion == "cars" else GroundMotion()
    if args.soft:
        motion = motion._replace(soft=1.0)
    guide = CourseGuide(course) if course is not None else None
    return (track_ground_offline if args.offline else track_ground)(seen, motion, guide, progress=progress)
