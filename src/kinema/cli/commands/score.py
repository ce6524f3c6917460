"""`kinema score SOLUTION TRUTH`: how far, how often, and whether it knew."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kinema.analysis.ground_score import GroundScore
    from kinema.analysis.identity import IdentityScore
    from kinema.analysis.identity_counts import Rules
    from kinema.core.recording import Recording
    from kinema.core.solution import Solution

HELP = "judge a trajectory or tracks by the truth: errors, availability, identities, honesty of the uncertainty"
EXAMPLES = """examples:
  kinema score drive.pos reference.csv
  kinema score drive.parquet reference.csv --lever-arm 0.1,0,-1.2 --json
  kinema score station.pos -3959400.631,3385704.533,3667523.111
  kinema score station.pos 35.134699,136.977576,104.863
  kinema score tracks.txt gt.txt                     boxes with identities: HOTA, MOTA, IDF1
  kinema score movers.csv truth.csv                  movers on the ground: GOSPA, identities, NEES
A TRUTH of three numbers is one fixed point: latitude, longitude in degrees and height, or ECEF X, Y, Z in metres.
Lever arm, time offset and datum are stated in the output; what looks wrong with them is advised, never applied."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """SOLUTION TRUTH and what may have to be said about them."""
    parser.add_argument("solution", metavar="SOLUTION", help="a trajectory in any readable format")
    parser.add_argument("truth", metavar="TRUTH", help="a trajectory, a file with one point, LAT,LON,H or X,Y,Z")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--lever-arm", metavar="X,Y,Z", help="from the truth's point to the solution's: forward, right, down, m"
    )
    parser.add_argument("--time-offset", metavar="S", type=float, default=0.0, help="added to the solution's times")
    parser.add_argument("--max-gap", metavar="S", type=float, help="never interpolate the truth over longer gaps")
    parser.add_argument("--wrong-fix", metavar="M", type=float, default=0.3, help="a fix this far off is wrong (0.3 m)")
    parser.add_argument(
        "--within", metavar="M", type=float, default=1.0, help="a mover this far off is met by half (1 m)"
    )
    parser.add_argument(
        "--rules",
        choices=("trackeval", "motmetrics"),
        default="trackeval",
        help="whose switches (trackeval)",
    )
    parser.add_argument("--from", dest="start", metavar="T", help="seconds of week, WEEK:TOW or ISO 8601")
    parser.add_argument("--to", dest="stop", metavar="T", help="seconds of week, WEEK:TOW or ISO 8601")


def run(args: argparse.Namespace) -> int:
    """Read both, judge, print."""
    import json

    from kinema.analysis.accuracy import score
    from kinema.core.time import parse_time

    identities = identities_of(args.solution, args.truth, args.rules, args.within)
    if identities is not None:
        print(json.dumps(identities.to_dict(), indent=1) if args.json else str(identities))
        return 0
    solution = trajectory(args.solution)
    truth = truth_from(args.truth)
    reference = int(solution.t_ns[0]) if len(solution) else 0
    result = score(
        solution,
        truth,
        lever_arm_b_m=_triple(args.lever_arm) if args.lever_arm else None,
        time_offset_s=args.time_offset,
        max_gap_s=args.max_gap,
        from_ns=parse_time(args.start, reference) if args.start else None,
        to_ns=parse_time(args.stop, reference) if args.stop else None,
        wrong_fix_m=args.wrong_fix,
    )
    print(json.dumps(result.to_dict(), indent=1) if args.json else str(result))
    return 0


def identities_of(tracks: str, truth: str, rules: Rules, within_m: float) -> IdentityScore | GroundScore | None:
    """The score of boxes with identities or of movers on the ground, where both files hold such; else None."""
    from pathlib import Path

    from kinema.formats.reading import read, sniff

    kinds = {"motchallenge", "kitti-tracking", "detections-csv", "detections-json", "coco", "yolo-labels", "parquet"}
    if not all(Path(text).is_file() and sniff(text).name in kinds for text in (tracks, truth)):
        return None
    from kinema.analysis.ground_score import score_ground
    from kinema.analysis.identity import PEDESTRIAN, score_identities
    from kinema.core.tracks import BoxTracks, GroundTracks

    found, real = read(tracks), read(truth)
    if "ground tracks" in found.streams and "ground tracks" in real.streams:
        return score_ground(
            found.need("ground tracks", GroundTracks), real.need("ground tracks", GroundTracks), within_m=within_m,
            rules=rules,
        )  # fmt: skip
    if not all("tracks" in one.streams for one in (found, real)):
        return None
    mine, true = found.need("tracks", BoxTracks), real.need("tracks", BoxTracks)
    pedestrians = sniff(truth).name == "motchallenge" and bool((true.label > PEDESTRIAN).any())
    return score_identities({"": (mine, true)}, pedestrians=pedestrians, rules=rules)["all"]


def _triple(text: str) -> tuple[float, float, float]:
    from kinema.errors import ConfigError

    try:
        values = [float(part) for part in text.replace(",", " ").split()]
    except ValueError:
        values = []
    if len(values) != 3:
        raise ConfigError(f"'{text}' is not three numbers separated by commas")
    return values[0], values[1], values[2]


def truth_from(text: str) -> Solution:
    """Truth from a file, or from three numbers typed or alone in a small file."""
    from pathlib import Path

    from kinema.errors import ConfigError

    path = Path(text)
    if not path.exists():
        try:
            return _point(text)
        except ConfigError:
            if "," in text and "/" not in text:
                raise
            raise FileNotFoundError(2, "no such file, and not a point LAT,LON,H or X,Y,Z", text) from None
    if path.is_file() and path.stat().st_size < 200:
        try:
            return _point(path.read_text(encoding="utf-8"))
        except (ConfigError, UnicodeDecodeError):
            pass
    return trajectory(text)


def _point(text: str) -> Solution:
    """One fixed point: geodetic degrees and metres, or ECEF metres told apart by their size."""
    import numpy as np

    from kinema.analysis.matching import point_truth
    from kinema.core.frames import ecef_from_geodetic
    from kinema.errors import ConfigError

    x, y, z = _triple(text)
    radius = float(np.sqrt(x * x + y * y + z * z))
    if 6.2e6 < radius < 6.6e6:
        return point_truth(np.array([x, y, z]))
    if abs(x) <= 90 and abs(y) <= 360 and abs(z) < 20_000:
        lat, lon = np.radians([x, y])
        return point_truth(ecef_from_geodetic(lat, lon, np.asarray(z)))
    raise ConfigError(
        f"{text.strip()} is neither latitude, longitude, height nor an ECEF point near the Earth's surface"
    )


def trajectory(path: str) -> Solution:
    """The trajectory that a file or folder holds: what a device or program computed, or truth."""
    import kinema

    recording: Recording = kinema.read(path)
    return trajectory_of(recording, path)


def trajectory_of(recording: Recording, name: str) -> Solution:
    """The trajectory of a recording. Raises DataError where there is none."""
    from kinema.core.solution import Solution
    from kinema.errors import DataError

    for role in ("fixes", "truth"):
        stream = recording.get(role, Solution)
        if stream is not None:
            return stream
    raise DataError(
        name, "a trajectory (.pos, .csv, .parquet, .nmea, .gpx …)", ", ".join(recording.streams) or "nothing"
    )
