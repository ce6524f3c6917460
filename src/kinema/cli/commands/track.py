"""`kinema track`: detections in, identities out."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kinema.core.progress import Progress
    from kinema.core.recording import Recording

HELP = "give identities to detections: boxes of a camera, or points on the ground of any sensors"
EXAMPLES = """examples:
  kinema track MOT17-02/det/det.txt -o tracks.txt
  kinema track MOT17-02/ --offline -o tracks.txt       hindsight: smoothed, short gaps filled
  kinema track meeting/detections.csv --course meeting/course.toml --tags meeting/tags.csv --offline -o movers.csv
  kinema track north.csv south.csv --cameras cameras.toml --offline -o movers.csv
  kinema track meeting/detections.csv --course meeting/course.toml --offline --report scene.html
  kinema score tracks.txt MOT17-02/gt/gt.txt           HOTA, MOTA, IDF1
  kinema laps movers.csv --course meeting/course.toml  the lap board of everyone
Read are MOTChallenge, KITTI tracking, COCO results, Ultralytics labels and exports, supervision's sinks, CSV, Parquet.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `track`."""
    from kinema.cli.scene_pages import add_scene_arguments

    add = parser.add_argument
    add("detections", metavar="DETECTIONS", nargs="+", help="a file or folder for each camera or sensor")
    add("--offline", action="store_true", help="use the whole recording, not only the past")
    add("--rate", type=float, metavar="HZ", help="frame rate, where the file does not say it")
    add("--cameras", metavar="TOML", help="how cameras see the ground: boxes become points on it")
    add("--course", metavar="NAME|FILE", help="the course that movers on the ground keep to")
    add("--tags", metavar="CSV", help="tags read at gates of the course: tag, place, time")
    add("--motion", choices=("people", "cars"), default="people", help="how movers on the ground move (people)")
    add("--sigma", type=float, metavar="M", help="uncertainty of points on the ground, in place of the file's")
    add("--soft", action="store_true", help="share detections out among movers on the ground by probability (JPDA)")
    add("--on-bad", choices=("raise", "skip"), default="raise", help="bad lines: stop, or skip and count")
    add("-o", "--output", metavar="OUT", help="boxes: MOTChallenge text (.txt); ground: .csv or .parquet")
    add("--report", metavar="HTML", help="write a page of everyone: animated plan, identities, laps on the course")
    add_scene_arguments(parser)
    add("--json", action="store_true", help="print the summary as JSON")
    add("-q", "--quiet", action="store_true", help="no progress bar")


def run(args: argparse.Namespace) -> int:
    """Read, track, write, tell."""
    from kinema.cli.commands.solve import check_outputs
    from kinema.cli.progress import progress_bar, tell_compiling
    from kinema.errors import ConfigError
    from kinema.formats.reading import read

    check_outputs([path for path in (args.output, args.report) if path])
    if args.report and Path(args.report).suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"--report {args.report}: a report is an HTML page; end the name in .html")
    for name, value in (("rate", args.rate), ("sigma", args.sigma)):
        if value is not None and not 0 < value < 1e6:
            raise ConfigError(f"--{name} {value:g}: a number above 0")
    with progress_bar(quiet=args.quiet or args.json) as progress:
        recordings = [(text, read(_path(text), on_bad=args.on_bad, progress=progress)) for text in args.detections]
        tell_compiling()
        grounded = args.cameras or any("ground detections" in recording.streams for _, recording in recordings)
        if not grounded and len(recordings) > 1:
            raise ConfigError("boxes of several cameras meet on the ground only: say how they see it with --cameras")
        told = _ground(args, recordings, progress) if grounded else _boxes(args, recordings[0][1], progress)
    told["issues"] = [str(issue) for _, recording in recordings for issue in recording.issues]
    told["written"] = args.output
    if args.json:
        print(json.dumps(told, indent=2))
        return 0
    print(f"{told['method']}: {told['tracks']} tracks {told.pop('over')} from {told['detections']} detections")
    for line in (*told["notes"], *told["issues"]):
        print(f"  note         {line}")
    if args.output:
        print(f"  written      {args.output}")
    return 0


def _path(text: str) -> Path:
    """The detections of a sequence's folder, or what was named."""
    path = Path(text)
    return path / "det" / "det.txt" if (path / "det" / "det.txt").is_file() else path


def _boxes(args: argparse.Namespace, recording: Recording, progress: Progress) -> dict[str, Any]:
    from dataclasses import replace

    import numpy as np

    from kinema.cli.scene_pages import page_of_boxes
    from kinema.core.tracks import Detections
    from kinema.formats.motchallenge import write_tracks
    from kinema.tracking.offline import track_offline
    from kinema.tracking.online import track_online

    detections = recording.need("detections", Detections)
    if args.rate:
        detections = replace(detections, frame_rate_hz=args.rate)
    began = time.perf_counter()
    tracks = (track_offline if args.offline else track_online)(detections, progress=progress)
    took_s = time.perf_counter() - began
    if args.output:
        write_tracks(tracks, args.output)
    if args.report:
        page_of_boxes(
            tracks, args, detections.frame_rate_hz, detections.image_size_px, settings=_settings(args),
            sources=recording.sources, name=recording.name, notes=[str(issue) for issue in recording.issues],
        ).save(args.report)  # fmt: skip
    return {
        "method": "offline" if args.offline else "online",
        "frames": detections.n_frames,
        "detections": len(detections.frame),
        "tracks": len(np.unique(tracks.track)),
        "boxes": len(tracks.frame),
        "seconds": round(took_s, 3),
        "notes": [] if detections.frame_rate_hz > 0 else ["frame rate unknown: 25 Hz assumed; say --rate"],
        "over": f"over {detections.n_frames} frames",
    }


def _ground(args: argparse.Namespace, recordings: list[tuple[str, Recording]], progress: Progress) -> dict[str, Any]:
    import numpy as np

    from kinema.cli.commands.laps import course_of
    from kinema.cli.ground_scene import gathered, tracked
    from kinema.cli.scene_pages import page_of_tracks
    from kinema.formats.ground_tables_write import write_tracks

    course = course_of(args.course) if args.course else None
    seen, notes = gathered(args, recordings, course)
    began = time.perf_counter()
    tracks = tracked(args, seen, course, progress)
    took_s = time.perf_counter() - began
    if args.output:
        write_tracks(tracks, args.output)
    if args.report:
        sources = [name for _, recording in recordings for name in recording.sources]
        page_of_tracks(
            tracks, args, course, detections=seen, settings=_settings(args), sources=sources,
            name=recordings[0][1].name, notes=notes,
        ).save(args.report)  # fmt: skip
    scans = len(np.unique(np.column_stack([seen.t_ns, seen.sensor]), axis=0)) if len(seen.t_ns) else 0
    lasted_s = float(seen.t_ns[-1] - seen.t_ns[0]) * 1e-9 if len(seen.t_ns) else 0.0
    return {
        "method": f"ground, {'offline' if args.offline else 'online'}{', along the course' if course else ''}",
        "scans": scans,
        "sensors": [one.name for one in seen.sensors],
        "detections": len(seen.t_ns),
        "tracks": len(np.unique(tracks.track)),
        "named": sum(1 for tag in tracks.tag[np.unique(tracks.track, return_index=True)[1]] if tag >= 0),
        "seconds": round(took_s, 3),
        "simulated": tracks.simulated,
        "notes": notes,
        "over": f"over {scans} scans of {len(seen.sensors)} sensors in {lasted_s:.1f} s",
    }


def _settings(args: argparse.Namespace) -> dict[str, Any]:
    """What the page tells of how its movers were found."""
    told = {"tracked": "offline" if args.offline else "online", "motion": args.motion, "course": args.course}
    return {name: value for name, value in told.items() if value is not None}
