"""`kinema convert IN OUT`: a trajectory from one format to another."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kinema.core.recording import Recording
    from kinema.core.solution import Solution

HELP = "write a trajectory in another format"
EXAMPLES = """examples:
  kinema convert drive.pos drive.gpx
  kinema convert log.nmea.gz log.parquet --on-bad skip
  kinema convert rover.ubx receiver.csv              (the receiver's own fixes)
  kinema convert drive.parquet drive.pos --velocity
OUT's ending says the format: .pos .nmea .gpx .kml .geojson .csv .parquet, or --format NAME.
Raw observations hold no trajectory: kinema solve makes one of them."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """IN, OUT and how to read and write."""
    add = parser.add_argument
    add("inputs", nargs="+", metavar="IN", help="a trajectory in any readable format; or a folder")
    add("output", metavar="OUT", help="the file to write")
    add("--stream", metavar="ROLE", help="which trajectory, if there are several (fixes, truth)")
    add("--format", default="", metavar="NAME", help="write this format whatever the ending")
    add("--velocity", action="store_true", help="with velocity columns (.pos)")
    add("--on-bad", choices=("raise", "skip"), default="raise", help="bad lines: stop, or skip and count")
    add("-q", "--quiet", action="store_true", help="say nothing")


def run(args: argparse.Namespace) -> int:
    """Read, pick the trajectory, write, tell what was odd."""
    from kinema.errors import ConfigError
    from kinema.formats.reading import read
    from kinema.formats.writing import format_for, write

    target = format_for(args.output, args.format)
    if args.velocity and target.name != "pos":
        raise ConfigError(f"--velocity is for .pos; .{target.name} has its velocity columns anyway or none")
    output = Path(args.output)
    if any(Path(path).exists() and output.exists() and output.samefile(path) for path in args.inputs):
        raise ConfigError(f"{output}: it is its own input; write to another name")
    recording = read(*args.inputs, on_bad=args.on_bad)
    solution = trajectory_of(recording, args.stream, " ".join(args.inputs))
    write(solution, output, format=args.format, **({"velocity": True} if args.velocity else {}))
    if not args.quiet:
        tell(recording, solution, output)
    return 0


def trajectory_of(recording: Recording, role: str | None, name: str) -> Solution:
    """The trajectory of a recording. Raises DataError where there is none, with what to do instead."""
    from kinema.core.solution import Solution
    from kinema.errors import DataError

    for one in (role,) if role else ("fixes", "truth"):
        stream = recording.streams.get(one)
        if isinstance(stream, Solution):
            return stream
    have = ", ".join(recording.streams) or "nothing"
    remedy = "; use kinema solve" if {"gnss", "prepared"} & set(recording.streams) else ""
    raise DataError(name, f"a trajectory{f' {role!r}' if role else ''}", have + remedy)


def tell(recording: Recording, solution: Solution, output: Path) -> None:
    """One line about what was written, one for each issue."""
    from kinema.core.time import iso_utc

    for issue in recording.issues:
        print(f"  {issue}")
    span = f"{iso_utc(int(solution.t_ns[0]))} to {iso_utc(int(solution.t_ns[-1]))}, " if len(solution) else ""
    simulated = ", simulated" if solution.provenance.simulated else ""
    count = f"{int(solution.valid.sum())} of {len(solution)} epochs"
    print(f"{output}: {count}, {span}{output.stat().st_size} bytes{simulated}")
