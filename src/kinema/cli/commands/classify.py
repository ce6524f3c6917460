"""`kinema classify PASSINGS…`: the result of a race from its passings."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kinema.analysis.classification import Standing

HELP = "a race's classification from transponder passings: laps, gaps, best laps, sections, pit stops"
EXAMPLES = """examples:
  kinema classify analysis-with-sections.csv
  kinema classify car-*.vbo
  kinema classify race.csv --penalty 46=5 --least-share 0.75 --json
The rows may come in any order of cars; duplicates and broken lap counters are dropped and counted."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """PASSINGS and the rules."""
    parser.add_argument(
        "passings",
        metavar="PASSINGS",
        nargs="+",
        help="timing CSV with one row per car and lap, or one logger's file per car",
    )
    parser.add_argument("--start", metavar="LAT,LON,LAT,LON", help="the line, for loggers' files")
    parser.add_argument(
        "--penalty", metavar="NUMBER=S", action="append", default=[], help="seconds added to a car's time"
    )
    parser.add_argument(
        "--least-share", metavar="X", type=float, default=0.0, help="share of the winner's laps needed (0)"
    )
    parser.add_argument("--on-bad", choices=("raise", "skip"), default="skip", help="at a garbled row")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Read, classify, print."""
    import json
    from pathlib import Path
    from typing import Any

    from kinema.analysis.classification import classify
    from kinema.analysis.laps import Session, laps, passings_of
    from kinema.errors import ConfigError
    from kinema.formats.reading import read

    passings: list[Any] = []
    sessions: list[Session] = []
    issues: list[str] = []
    for path in args.passings:
        recording = read(path, on_bad=args.on_bad)
        if "passings" in recording.streams:
            passings += recording.streams["passings"]
        elif "fixes" in recording.streams:
            # A field of cars by their own loggers: all are timed on the line of the first.
            gate = sessions[0].gate if sessions else args.start
            sessions.append(laps(recording, start=gate, mover=Path(path).stem))
        else:
            raise ConfigError(
                f"{path}: neither passings nor positions in it; give one row per car and lap, or loggers' files"
            )
        issues += [str(issue) for issue in recording.issues]
    if sessions:
        passings += passings_of(sessions)
    result = classify(passings, args.least_share, _penalties(args.penalty))
    rows = result.standings()
    if args.json:
        print(
            json.dumps(
                {"classification": [r.to_json() for r in rows], "dropped": result.dropped, "issues": issues}, indent=1
            )
        )
        return 0
    _print_standings(rows)
    for why, count in result.dropped.items():
        print(f"{count} passings dropped: {why}")
    for issue in issues:
        print(f"note: {issue}")
    return 0


def _print_standings(rows: Sequence[Standing]) -> None:
    from kinema.analysis.classification import clock_text, gap_text

    print(f"{'pos':>3} {'no':>4} {'laps':>4} {'total':>12} {'gap':>10} {'best lap':>10} {'on':>3} {'pits':>4}  class")
    for r in rows:
        gap = gap_text(r.gap_first_laps, r.gap_first_s)
        best = clock_text(r.best_lap_s) if r.best_lap else "-"
        print(
            f"{r.position:>3} {r.number:>4} {r.laps:>4} {clock_text(r.total_s):>12} {gap:>10} {best:>10} "
            f"{r.best_lap:>3} {r.pit_stops:>4}  {r.team}"
        )


def _penalties(texts: list[str]) -> dict[str, float]:
    from kinema.errors import ConfigError

    found: dict[str, float] = {}
    for text in texts:
        number, _, seconds = text.partition("=")
        try:
            found[number] = float(seconds)
        except ValueError:
            raise ConfigError(f"penalty '{text}' is not NUMBER=SECONDS") from None
    return found
