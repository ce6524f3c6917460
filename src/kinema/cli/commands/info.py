"""`kinema info`: what is in a file or folder, in one screen."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kinema.core.recording import Issue, Recording

HELP = "tell what is in a file: span, rate, systems, signals, gaps, slips, issues"
EXAMPLES = """examples:
  kinema info rover.obs.gz
  kinema info drive/ brdc.rnx orbits.sp3
  kinema info rover.obs --json
"""
WIDTH = 96


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `info`."""
    add = parser.add_argument
    add("files", nargs="+", metavar="FILE", help="any readable file or folder; each gets its own screen")
    add("--on-bad", choices=("raise", "skip"), default="skip", help="bad lines: stop, or skip and count (default)")
    add("--json", action="store_true", help="print it as JSON")


def run(args: argparse.Namespace) -> int:
    """Read each file and tell."""
    from kinema.cli.progress import progress_bar
    from kinema.formats.inventory import inventory
    from kinema.formats.reading import read, sniff

    told = []
    for name in args.files:
        with progress_bar(quiet=args.json) as progress:
            recording = read(name, on_bad=args.on_bad, progress=progress)
        title = sniff(name).title if Path(name).is_file() and Path(name).suffix != ".toml" else "folder"
        found = inventory(recording)
        agreement, more = _looked_at(recording)
        found["issues"] += [asdict(issue) for issue in more]
        told.append({"path": str(name), "format": title, **found, "agreement": agreement})
    if args.json:
        import json

        print(json.dumps(told, indent=1, allow_nan=False))
        return 0
    from rich.console import Console

    from kinema.cli.info_screen import screen

    console = Console(highlight=False)
    console.width = min(console.width, WIDTH) if console.is_terminal else WIDTH
    for one in told:
        console.print(screen(one))
    return 0


def _looked_at(recording: Recording) -> tuple[dict[str, Any], list[Issue]]:
    """What only comparing the streams of a mover tells."""
    if not {"imu", "wheels"} & set(recording.streams):
        return {}, []
    from kinema.estimate.agreement_of_streams import looked_at

    return looked_at(recording)
