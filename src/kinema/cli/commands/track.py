"""`kinema track`: detections in, identities out."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

HELP = "give identities to the detections of a camera"
EXAMPLES = """examples:
  kinema track MOT17-02/det/det.txt -o tracks.txt
  kinema track MOT17-02/ --offline -o tracks.txt       hindsight: smoothed, short gaps filled
  kinema score tracks.txt MOT17-02/gt/gt.txt           HOTA, MOTA, IDF1
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `track`."""
    add = parser.add_argument
    add("detections", metavar="DETECTIONS", help="MOTChallenge det.txt, or the folder of its sequence")
    add("--offline", action="store_true", help="use the whole recording, not only the past")
    add("--rate", type=float, metavar="HZ", help="frame rate, where no seqinfo.ini says it")
    add("--on-bad", choices=("raise", "skip"), default="raise", help="bad lines: stop, or skip and count")
    add("-o", "--output", metavar="OUT", help="MOTChallenge text (.txt)")
    add("--json", action="store_true", help="print the summary as JSON")


def run(args: argparse.Namespace) -> int:
    """Read, track, write, tell."""
    from dataclasses import replace

    import numpy as np

    from kinema.cli.commands.solve import check_outputs
    from kinema.cli.progress import tell_compiling
    from kinema.core.tracks import Detections
    from kinema.formats.motchallenge import write_tracks
    from kinema.formats.reading import read
    from kinema.tracking.offline import track_offline
    from kinema.tracking.online import track_online

    check_outputs([args.output] if args.output else [])
    path = Path(args.detections)
    if (path / "det" / "det.txt").is_file():
        path = path / "det" / "det.txt"
    recording = read(path, on_bad=args.on_bad)
    detections = recording.need("detections", Detections)
    if args.rate:
        detections = replace(detections, frame_rate_hz=args.rate)
    tell_compiling()
    began = time.perf_counter()
    tracks = (track_offline if args.offline else track_online)(detections)
    took_s = time.perf_counter() - began
    if args.output:
        write_tracks(tracks, args.output)
    notes = [] if detections.frame_rate_hz > 0 else ["frame rate unknown: 25 Hz assumed; say --rate"]
    told = {
        "method": "offline" if args.offline else "online",
        "frames": detections.n_frames,
        "detections": len(detections.frame),
        "tracks": len(np.unique(tracks.track)),
        "boxes": len(tracks.frame),
        "seconds": round(took_s, 3),
        "notes": notes,
        "issues": [str(issue) for issue in recording.issues],
        "written": args.output,
    }
    if args.json:
        print(json.dumps(told, indent=2))
        return 0
    print(
        f"{told['method']}: {told['tracks']} tracks over {told['frames']} frames from {told['detections']} detections"
    )
    for line in (*notes, *told["issues"]):
        print(f"  note         {line}")
    if args.output:
        print(f"  written      {args.output}")
    return 0
